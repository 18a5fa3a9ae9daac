#include "run/tune_child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

extern char **environ;

enum { LINE = 8 };                      /* all of one length: "ready  \n", "000003 \n" */
static const double START_SECONDS = 30; /* to open the device; its self-test compiles where caches are cold */

/* ---- in the process ---- */

static void write_line(const char *line)
{
    size_t done = 0;

    while (done < LINE) {
        const ssize_t n = write(STDOUT_FILENO, line + done, LINE - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nobody listens any more */
        done += (size_t)n;
    }
}

void ss_tune_child_ready(void)
{
    write_line("ready  \n");
}

void ss_tune_child_built(size_t k)
{
    char line[LINE + 16];

    snprintf(line, sizeof(line), "%06zu \n", k % 1000000);
    write_line(line);
}

/* ---- beside it ---- */

void ss_tune_child_end(struct ss_tune_child *c)
{
    if (!c->running)
        return;
    kill((pid_t)c->process, SIGKILL); /* a compiler at work hears nothing else */
    while (waitpid((pid_t)c->process, NULL, 0) < 0 && errno == EINTR)
        continue;
    close(c->from);
    c->running = false;
}

/* A line within `seconds`, or false. */
static bool read_line(const struct ss_tune_child *c, double seconds, char line[LINE + 1])
{
    const double until = ss_clock_seconds() + seconds;
    size_t n = 0;

    while (n < LINE) {
        const double left = until - ss_clock_seconds();
        struct pollfd p = {.fd = c->from, .events = POLLIN};
        const int ready = left > 0 ? poll(&p, 1, (int)(1e3 * left) + 1) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        const ssize_t got = ready > 0 ? read(c->from, line + n, LINE - n) : 0;
        if (got <= 0)
            return false;
        n += (size_t)got;
    }
    line[LINE] = '\0';
    return true;
}

static bool spawn(struct ss_tune_child *c, char *const *argv)
{
    posix_spawn_file_actions_t actions;
    int ends[2];
    pid_t process = 0;

    if (pipe(ends) != 0)
        return false;
    int code = posix_spawn_file_actions_init(&actions);
    if (code == 0) {
        code = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        if (code == 0)
            code = posix_spawn_file_actions_addclose(&actions, ends[0]);
        if (code == 0)
            code = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", 1, 0);
        if (code == 0)
            code = posix_spawn(&process, argv[0], &actions, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    close(ends[1]);
    if (code != 0) {
        close(ends[0]);
        return false;
    }
    c->process = (int)process;
    c->from = ends[0];
    c->running = true;
    return true;
}

static bool start(struct ss_tune_child *c, size_t k)
{
    char line[LINE + 1];

    c->next = k;
    if (!spawn(c, c->options->words(c->options->context, c->work, k)))
        return false;
    if (read_line(c, START_SECONDS, line) && strcmp(line, "ready  \n") == 0)
        return true;
    ss_tune_child_end(c);
    return false;
}

bool ss_tune_child_builds(struct ss_tune_child *c, size_t k, double seconds)
{
    char line[LINE + 1];
    size_t built;

    if (c->running && c->next != k)
        ss_tune_child_end(c);
    if (!c->running && !start(c, k))
        return true;
    if (read_line(c, seconds, line) && sscanf(line, "%6zu", &built) == 1 && built == k) {
        c->next = k + 1;
        return true;
    }
    ss_tune_child_end(c); /* too slow, or it fell over: neither is for this process */
    return false;
}
