/* The coordinator of a sweep: plans, starts workers, watches them, tells how far it is. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "run/report.h"
#include "run/stop.h"
#include "run/sweep.h"
#include "run/sweep_halving.h"

enum {
    MOST_JOBS = 256,
    MOST_DEATHS = 3,  /* of workers at one point, before it counts as failed */
    IDLE_DEATHS = 10, /* of workers in a row without any point ending */
    POLL_MS = 100,
    MOST_TOLD = 10
};

struct slot {
    pid_t pid; /* 0: free */
    int pipe;  /* its end tells the worker that we are gone */
    size_t index;
};

struct coordinator {
    const struct ss_sweep_request *request;
    const char *folder;
    struct ss_ledger *ledger;
    struct slot *slots;
    size_t n_slots, running;
    char **devices;
    size_t n_devices;
    char *program;
    char **environment;
    size_t n_added; /* of environment: ours, at its end */
    bool stopping;
    enum ss_status reason; /* why it stops */
    size_t deaths, ended;
    long long rung; /* of the halving, told */
    double told;
};

/* ---- workers ---- */

enum ss_status ss_sweep_program(char **out)
{
    char path[4096];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    const char *const given = getenv("SLICESCORE_PROGRAM"); /* where there is no /proc; and for tests */

    if (given && *given)
        return ss_text_copy(given, out);
    if (n <= 0)
        return ss_text_copy("slicescore", out);
    path[n] = '\0';
    return ss_text_copy(path, out);
}

/* Those of the machine, or of them what a batch system gives this job. */
static long count_cores(void)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const char *const given = getenv("SLURM_CPUS_PER_TASK");
    const long ours = given ? strtol(given, NULL, 10) : 0;

    return ours > 0 && ours < cores ? ours : cores;
}

/* Workers on one CPU share its cores instead of fighting for them. What the user set stays. A driver that
 * does not know a name does not look at it. */
static enum ss_status make_environment(struct coordinator *c)
{
    extern char **environ;
    static const char *const names[] = {"POCL_MAX_PTHREAD_COUNT", "DPCPP_CPU_NUM_CUS"};
    const long share = count_cores() / (long)c->n_slots;
    const bool shared = share < sysconf(_SC_NPROCESSORS_ONLN);
    size_t n = 0;
    enum ss_status st = SS_OK;

    while (environ[n])
        n++;
    TRY(ss_allocate(n + SS_COUNT(names) + 1, &c->environment));
    memcpy(c->environment, environ, n * sizeof(*environ));
    for (size_t i = 0; shared && i < SS_COUNT(names); i++) {
        if (getenv(names[i]))
            continue;
        TRY(ss_text_format(&c->environment[n], "%s=%ld", names[i], share > 0 ? share : 1));
        n++;
        c->n_added++;
    }
out:
    return st;
}

static void release_environment(struct coordinator *c)
{
    size_t n = 0;

    while (c->environment && c->environment[n])
        n++;
    for (size_t i = 0; i < c->n_added; i++)
        free(c->environment[n - 1 - i]);
    free(c->environment);
}

static enum ss_status split_devices(struct coordinator *c)
{
    const char *at = c->request->device;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(at ? strlen(at) + 1 : 1, &c->devices));
    while (at && *at) {
        const size_t n = strcspn(at, ",");
        TRY(ss_text_format(&c->devices[c->n_devices], "%.*s", (int)n, at));
        c->n_devices++;
        at += n + (at[n] == ',');
    }
out:
    return st;
}

/* stdin is the pipe; what a worker prints goes to stderr; a group of its own, so that Ctrl-C comes to us
 * alone. */
static int spawn(const struct coordinator *c, char *const *arguments, const int ends[2], pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int code = posix_spawn_file_actions_init(&actions);

    if (code != 0)
        return code;
    code = posix_spawnattr_init(&attributes);
    if (code == 0) {
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0);
        posix_spawn_file_actions_adddup2(&actions, 2, 1);
        posix_spawnattr_setpgroup(&attributes, 0);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
        code = posix_spawnp(pid, c->program, &actions, &attributes, arguments, c->environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

static enum ss_status start_worker(struct coordinator *c, struct slot *slot)
{
    char retry[24];
    char *arguments[16];
    size_t n = 0;
    int ends[2];

    snprintf(retry, sizeof(retry), "%zu", c->request->retry);
    arguments[n++] = c->program;
    arguments[n++] = (char *)"sweep";
    arguments[n++] = (char *)"worker";
    arguments[n++] = (char *)c->folder;
    arguments[n++] = (char *)"--quiet";
    arguments[n++] = (char *)"--retry";
    arguments[n++] = retry;
    if (c->request->fail_fast)
        arguments[n++] = (char *)"--fail-fast";
    if (c->request->pictures)
        arguments[n++] = (char *)"--pictures";
    if (c->n_devices) {
        arguments[n++] = (char *)"--device";
        arguments[n++] = c->devices[slot->index % c->n_devices];
    }
    arguments[n] = NULL;
    if (pipe(ends) != 0)
        return SS_FAIL(SS_ERR_INTERNAL, "sweep: no pipe to a worker: %s", strerror(errno));
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    const int code = spawn(c, arguments, ends, &slot->pid);
    close(ends[0]);
    if (code != 0) {
        close(ends[1]);
        slot->pid = 0;
        return SS_FAIL(SS_ERR_INTERNAL, "sweep: cannot start a worker (%s): %s", c->program, strerror(code));
    }
    slot->pipe = ends[1];
    c->running++;
    return SS_OK;
}

static void stop_workers(struct coordinator *c, enum ss_status reason)
{
    if (c->stopping)
        return;
    c->stopping = true;
    c->reason = reason;
    for (size_t i = 0; i < c->n_slots; i++)
        if (c->slots[i].pid)
            kill(c->slots[i].pid, SIGTERM);
}

static enum ss_status status_of_exit(int code)
{
    for (int st = SS_OK; st <= SS_ERR_INTERRUPTED; st++)
        if (ss_status_exit_code((enum ss_status)st) == code)
            return (enum ss_status)st;
    return SS_ERR_INTERNAL;
}

/* A worker ended: what it held is given up, and what its end means is found out. */
static enum ss_status bury(struct coordinator *c, struct slot *slot, int status)
{
    const long pid = (long)slot->pid;
    char how[80] = "its worker ended in the middle of it";
    enum ss_status st = SS_OK;

    close(slot->pipe);
    slot->pid = 0;
    c->running--;
    if (WIFSIGNALED(status))
        snprintf(how, sizeof(how), "its worker was killed by signal %d", WTERMSIG(status));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return SS_OK;
    TRY(ss_ledger_bury(c->ledger, pid, c->stopping ? (size_t)-1 >> 1 : MOST_DEATHS, how));
    if (WIFEXITED(status)) {
        const enum ss_status reason = status_of_exit(WEXITSTATUS(status));
        if (reason != SS_ERR_INTERRUPTED)
            stop_workers(c, reason);
        return SS_OK;
    }
    if (!c->stopping)
        ss_say(SS_LEVEL_WARNING, "a worker was killed by signal %d; its point is taken up again",
               WTERMSIG(status));
    if (++c->deaths >= IDLE_DEATHS) {
        ss_say(SS_LEVEL_ERROR, "%d workers in a row died; `slicescore selftest` looks at the device",
               IDLE_DEATHS);
        stop_workers(c, SS_ERR_INTERNAL);
    }
out:
    return st;
}

static enum ss_status reap(struct coordinator *c)
{
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < c->n_slots; i++) {
        int status = 0;
        if (c->slots[i].pid && waitpid(c->slots[i].pid, &status, WNOHANG) == c->slots[i].pid)
            TRY(bury(c, &c->slots[i], status));
    }
out:
    return st;
}

/* ---- the loop ---- */

static void tell(struct coordinator *c, const struct ss_counts *n)
{
    char text[200], left[32] = "";
    const double now = ss_clock_seconds();
    const bool live = ss_log_is_live(c->request->log);

    if (now - c->told < (live ? 0.5 : 30))
        return;
    c->told = now;
    if (n->seconds > 0)
        ss_clock_duration(n->seconds * (double)(n->waiting + n->running) / (double)c->n_slots, left);
    snprintf(text, sizeof(text), "%zu of %zu points done, %zu running, %zu failed%s%s", n->done, n->points,
             n->running, n->failed, *left ? ", about " : "", left);
    if (*left)
        strcat(text, " left");
    if (live)
        ss_log_live(c->request->log, text);
    else
        ss_say(SS_LEVEL_NOTE, "%s", text);
}

/* What the halving has decided since the last time. */
static enum ss_status tell_decisions(struct coordinator *c)
{
    long long rung = 0;
    enum ss_status st = SS_OK;

    TRY(ss_halving_rung(c->ledger, &rung));
    while (c->rung < rung) {
        struct ss_decision d;
        char text[200];
        TRY(ss_halving_decision(c->ledger, ++c->rung, &d));
        ss_decision_text(&d, text);
        ss_log_live(c->request->log, NULL);
        ss_say(SS_LEVEL_NOTE, "%s", text);
    }
out:
    return st;
}

static enum ss_status coordinate(struct coordinator *c)
{
    struct ss_counts n;
    enum ss_status st = SS_OK;

    TRY(ss_halving_rung(c->ledger, &c->rung)); /* what was decided earlier was told then */
    c->told = ss_clock_seconds();
    for (;;) {
        if (ss_stop_signal())
            stop_workers(c, SS_ERR_INTERRUPTED);
        TRY(reap(c));
        TRY(ss_ledger_count(c->ledger, &n));
        if (n.done + n.failed != c->ended) {
            c->ended = n.done + n.failed;
            c->deaths = 0;
        }
        /* What other coordinators compute is waited for: it may come back to us. */
        if (c->running == 0 && (c->stopping || n.waiting + n.running == 0))
            break;
        for (size_t i = 0; !c->stopping && i < c->n_slots && c->running < n.waiting + n.running; i++)
            if (!c->slots[i].pid && n.waiting > 0)
                TRY(start_worker(c, &c->slots[i]));
        TRY(tell_decisions(c));
        tell(c, &n);
        poll(NULL, 0, POLL_MS);
    }
out:
    ss_log_live(c->request->log, NULL);
    return st;
}

/* Whatever went wrong here, no worker is left behind. */
static void end_workers(struct coordinator *c)
{
    stop_workers(c, SS_ERR_INTERNAL);
    for (size_t i = 0; c->slots && i < c->n_slots; i++) {
        if (!c->slots[i].pid)
            continue;
        close(c->slots[i].pipe);
        waitpid(c->slots[i].pid, NULL, 0);
    }
}

static enum ss_status run_workers(const struct ss_sweep_request *request, const char *folder,
                                  struct ss_ledger *ledger)
{
    struct coordinator c = {.request = request, .folder = folder, .ledger = ledger, .reason = SS_OK};
    enum ss_status st = SS_OK;

    ss_stop_install();
    TRY(split_devices(&c));
    const size_t jobs = request->jobs ? request->jobs : c.n_devices ? c.n_devices : 1;
    c.n_slots = jobs < MOST_JOBS ? jobs : MOST_JOBS;
    TRY(ss_allocate(c.n_slots, &c.slots));
    for (size_t i = 0; i < c.n_slots; i++)
        c.slots[i].index = i;
    TRY(ss_sweep_program(&c.program));
    TRY(make_environment(&c));
    TRY(coordinate(&c));
    st = c.reason;
out:
    end_workers(&c);
    ss_stop_restore();
    release_environment(&c);
    for (size_t i = 0; i < c.n_devices; i++)
        free(c.devices[i]);
    free(c.devices);
    free(c.slots);
    free(c.program);
    return st;
}

/* ---- beginning and end ---- */

static enum ss_status default_folder(const char *path, char **out)
{
    const char *const name = ss_path_name(path);
    const size_t n = strlen(name) - (ss_path_has_extension(name, "yaml")  ? 5
                                     : ss_path_has_extension(name, "yml") ? 4
                                                                          : 0);

    return ss_text_format(out, "sweeps/%.*s", (int)n, name);
}

static enum ss_status sweep_folder(const struct ss_sweep_request *request, char **out)
{
    char *folder = NULL;
    enum ss_status st = SS_OK;

    if (request->folder)
        TRY(ss_text_copy(request->folder, &folder));
    else
        TRY(default_folder(request->path, &folder));
    if (request->shards) {
        TRY(ss_text_format(out, "%s/shard-%zu-of-%zu", folder, request->shard, request->shards));
    } else {
        *out = folder;
        folder = NULL;
    }
out:
    free(folder);
    return st;
}

/* One process may write there; several need the locks. */
static enum ss_status check_place(const struct ss_sweep_request *request, const char *folder)
{
    const char *name = "";

    if (!ss_ledger_on_network(folder, &name))
        return SS_OK;
    if (request->shards) {
        ss_say(SS_LEVEL_WARNING,
               "%s: is on a network file system (%s): let one process at a time compute this shard", folder,
               name);
        return SS_OK;
    }
    return SS_FAIL(
        SS_ERR_FILE,
        "%s: is on a network file system (%s), where the locks of the sweep's database do not hold; sweep "
        "into a local folder, or split the points with --shard 1/4, --shard 2/4, ... and join them by "
        "`slicescore sweep merge`",
        folder, name);
}

static void tell_failures(struct ss_ledger *l, const char *folder)
{
    struct ss_points p = {0};
    size_t told = 0;

    if (ss_ledger_list(l, &p) != SS_OK)
        return;
    for (size_t i = 0; i < p.count; i++) {
        if (p.items[i].status != SS_POINT_FAILED || told++ >= MOST_TOLD)
            continue;
        ss_say(SS_LEVEL_ERROR, "point %lld %s failed (%s/%s): %s", p.items[i].id, p.items[i].setting, folder,
               p.items[i].folder, p.items[i].error ? p.items[i].error : "?");
    }
    if (told > MOST_TOLD)
        ss_say(SS_LEVEL_ERROR, "and %zu more; `slicescore sweep table %s` lists them", told - MOST_TOLD,
               folder);
    ss_points_release(&p);
}

/* Workers leave it empty, but for those that were killed. */
static void remove_points(const char *folder)
{
    char *path = NULL;

    if (ss_path_join(folder, "points", &path) == SS_OK) {
        ss_folder_remove_leftovers(path);
        rmdir(path);
    }
    free(path);
}

static enum ss_status finish(struct ss_ledger *l, const char *folder, enum ss_status st,
                             struct ss_counts *counts)
{
    char stopped[48] = "";

    if (ss_ledger_count(l, counts) != SS_OK)
        return st == SS_OK ? SS_ERR_FILE : st;
    if (counts->stopped)
        snprintf(stopped, sizeof(stopped), ", %zu stopped by halving", counts->stopped);
    if (counts->failed)
        tell_failures(l, folder);
    if (st == SS_ERR_INTERRUPTED)
        ss_say(SS_LEVEL_NOTE, "stopped, all is saved: %zu of %zu points done; the same command goes on",
               counts->done, counts->points);
    else
        ss_say(SS_LEVEL_NOTE, "%s: %zu of %zu points done, %zu failed%s; see slicescore sweep table %s",
               folder, counts->done, counts->points, counts->failed, stopped, folder);
    return st == SS_OK && counts->failed ? SS_ERR_POINTS : st;
}

/* Where the sweep comes from, for those who write scripts that go on with it. */
static enum ss_status note_origin(const struct ss_sweep_request *request, struct ss_ledger *l)
{
    struct ss_text words;
    char *path = NULL;
    enum ss_status st = SS_OK;

    ss_text_init(&words);
    TRY(ss_path_absolute(request->path, &path));
    ss_json_open(&words, NULL, '[');
    for (size_t i = 0; i < request->n_words; i++)
        ss_json_text(&words, NULL, request->words[i]);
    ss_json_close(&words, ']');
    TRY(ss_text_status(&words));
    TRY(ss_ledger_set_note(l, "path", path));
    TRY(ss_ledger_set_note(l, "words", words.data));
out:
    free(path);
    ss_text_release(&words);
    return st;
}

static enum ss_status fill_ledger(const struct ss_sweep_request *request, struct ss_ledger *l,
                                  const struct ss_points *points)
{
    enum ss_status st = SS_OK;

    TRY(ss_sweep_compare(request, l, points));
    TRY(ss_halving_note(l, points->halving));
    TRY(ss_ledger_add(l, points->items, points->count));
    TRY(note_origin(request, l));
    TRY(ss_ledger_begin(l));
out:
    return st;
}

enum ss_status ss_sweep_run(const struct ss_sweep_request *request, char **folder, struct ss_counts *counts)
{
    struct ss_points points = {0};
    struct ss_ledger *l = NULL;
    struct ss_sweep_request named = *request;
    size_t same = 0;
    enum ss_status st = SS_OK;

    *folder = NULL;
    *counts = (struct ss_counts){0};
    TRY(ss_sweep_plan(request, &points, &same));
    TRY(sweep_folder(request, folder));
    named.folder = *folder;
    TRY(check_place(request, *folder));
    TRY(ss_ledger_open(*folder, true, &l));
    TRY(fill_ledger(&named, l, &points));
    ss_say(SS_LEVEL_NOTE, "%s: %zu points%s", *folder, points.count,
           same ? ", those that are the same once" : "");
    if (!request->prepare) {
        st = run_workers(request, *folder, l);
        ss_report_try(*folder);
    }
    remove_points(*folder);
    st = finish(l, *folder, st, counts);
out:
    ss_ledger_close(l);
    ss_points_release(&points);
    return st;
}
