#include "run/tune_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

extern char **environ;

enum { LINE = 8 };                      /* all of one length: "ready  \n", "000003 \n" */
static const double START_SECONDS = 30; /* to open the device; its self-test compiles where caches are cold */
static const double ANSWER_SECONDS = 60;
static const double WRONG = -1, FAILED = -2; /* instead of seconds */

_Static_assert(sizeof(double) == LINE && sizeof(uint64_t) == LINE, "counts and answers are lines, too");

/* ---- in the process ---- */

static void write_line(const void *bytes)
{
    const char *const line = bytes;
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

bool ss_tune_child_asked(size_t *n)
{
    uint64_t count = 0;
    size_t done = 0;

    while (done < LINE) {
        const ssize_t got = read(STDIN_FILENO, (char *)&count + done, LINE - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    *n = (size_t)count;
    return true;
}

void ss_tune_child_answer(enum ss_status st, double seconds)
{
    const double answer = st == SS_OK ? seconds : st == SS_ERR_SELFTEST ? WRONG : FAILED;

    write_line(&answer);
}

/* ---- beside it ---- */

void ss_tune_child_end(struct ss_tune_child *c)
{
    if (!c->running)
        return;
    kill((pid_t)c->process, SIGKILL); /* a compiler at work hears nothing else */
    while (waitpid((pid_t)c->process, NULL, 0) < 0 && errno == EINTR)
        continue;
    close(c->talk);
    c->running = false;
}

/* LINE bytes within `seconds`, or false. */
static bool read_bytes(const struct ss_tune_child *c, double seconds, void *bytes)
{
    char *const line = bytes;
    const double until = ss_clock_seconds() + seconds;
    size_t n = 0;

    while (n < LINE) {
        const double left = until - ss_clock_seconds();
        struct pollfd p = {.fd = c->talk, .events = POLLIN};
        const int ready = left > 0 ? poll(&p, 1, (int)(1e3 * left) + 1) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        const ssize_t got = ready > 0 ? read(c->talk, line + n, LINE - n) : 0;
        if (got <= 0)
            return false;
        n += (size_t)got;
    }
    return true;
}

static bool read_line(const struct ss_tune_child *c, double seconds, char line[LINE + 1])
{
    line[LINE] = '\0';
    return read_bytes(c, seconds, line);
}

static bool spawn(struct ss_tune_child *c, char *const *argv)
{
    posix_spawn_file_actions_t actions;
    int ends[2];
    pid_t process = 0;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return false;
    for (size_t i = 0; i < 2;
         i++) /* each child has its own end alone, and so hears when there is nobody else */
        (void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    int code = posix_spawn_file_actions_init(&actions);
    if (code == 0) {
        code = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        if (code == 0)
            code = posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
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
    c->talk = ends[0];
    c->running = true;
    return true;
}

static bool start(struct ss_tune_child *c, size_t k)
{
    char line[LINE + 1];

    c->next = k;
    if (!spawn(c, c->options->words(c->options->context, c->work, k, c->apart)))
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

enum ss_status ss_tune_child_time(struct ss_tune_child *c, size_t n, double *seconds)
{
    const uint64_t count = n;
    double answer = FAILED;

    if (c->running &&
        (send(c->talk, &count, LINE, MSG_NOSIGNAL) != LINE || !read_bytes(c, ANSWER_SECONDS, &answer)))
        ss_tune_child_end(c);
    if (!(answer >= 0))
        return SS_FAIL(answer == WRONG ? SS_ERR_SELFTEST : SS_ERR_DEVICE, "a candidate apart %s",
                       answer == WRONG ? "gives wrong numbers" : "does not run");
    *seconds = answer;
    return SS_OK;
}
