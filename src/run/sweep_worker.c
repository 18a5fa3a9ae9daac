/* A worker of a sweep: one process, one device, point after point. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/signals.h"
#include "config/config.h"
#include "device/gemm.h"
#include "run/metrics.h"
#include "run/session.h"
#include "run/stop.h"
#include "run/sweep.h"
#include "run/sweep_halving.h"

enum { LEASE_SECONDS = 30, GRACE_SECONDS = 60, POLL_MS = 100 };

struct worker {
    const struct ss_worker_options *options;
    struct ss_ledger *ledger;
    char owner[160];
    double lease;
    struct ss_halving halving;
    struct ss_device *device;
    char *device_key; /* the experiment's `device` that it was opened for */
    char error[512];  /* the first one of this point */
    ss_sink_fn *sink;
    void *sink_context;
};

/* ---- lease and parent, watched by a thread ---- */

struct watch {
    pthread_t thread;
    pthread_mutex_t mutex;
    long long point; /* 0 between points */
    bool over, started;
    const struct worker *worker;
};

static void renew(struct watch *w, struct ss_ledger *ledger)
{
    bool held = true;

    pthread_mutex_lock(&w->mutex);
    const long long point = w->point;
    pthread_mutex_unlock(&w->mutex);
    if (point && ledger &&
        ss_ledger_beat(ledger, point, w->worker->owner, w->worker->lease, &held) == SS_OK && !held) {
        pthread_mutex_lock(&w->mutex);
        const bool mine = w->point == point && !w->over; /* it may have ended meanwhile */
        pthread_mutex_unlock(&w->mutex);
        if (mine)
            kill(getpid(), SIGTERM);
    }
}

static bool is_over(struct watch *w)
{
    pthread_mutex_lock(&w->mutex);
    const bool over = w->over;
    pthread_mutex_unlock(&w->mutex);
    return over;
}

/* The coordinator never writes: that its end can be read means that it is gone. */
static bool parent_is_gone(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char byte;

    if (poll(&p, 1, POLL_MS) <= 0 || !p.revents)
        return false;
    return read(fd, &byte, 1) <= 0 && errno != EINTR && errno != EAGAIN;
}

static void hush(void *context, enum ss_level level, const char *text)
{
    (void)context;
    (void)level;
    (void)text;
}

static void *watch(void *context)
{
    struct watch *const w = context;
    struct ss_ledger *ledger = NULL;
    double beaten = ss_clock_seconds(), asked = 0;

    ss_sink_set(hush, NULL); /* what it cannot renew is taken from it in time */
    if (ss_ledger_open(w->worker->options->folder, false, &ledger) != SS_OK)
        ledger = NULL;
    while (!is_over(w)) {
        if (asked > 0 || w->worker->options->parent < 0) {
            poll(NULL, 0, POLL_MS);
        } else if (parent_is_gone(w->worker->options->parent)) {
            asked = ss_clock_seconds();
            kill(getpid(), SIGTERM);
        }
        if (asked > 0 && ss_clock_seconds() - asked > GRACE_SECONDS)
            kill(getpid(), SIGKILL); /* a driver that hangs must not keep the process */
        if (ss_clock_seconds() - beaten > w->worker->lease / 4) {
            renew(w, ledger);
            beaten = ss_clock_seconds();
        }
    }
    ss_ledger_close(ledger);
    return NULL;
}

static void watch_point(struct watch *w, long long point)
{
    pthread_mutex_lock(&w->mutex);
    w->point = point;
    pthread_mutex_unlock(&w->mutex);
}

static enum ss_status start_watch(struct watch *w, const struct worker *worker)
{
    struct ss_signals held;

    w->worker = worker;
    pthread_mutex_init(&w->mutex, NULL);
    ss_signals_hold(&held); /* they are for the thread that computes */
    const int code = pthread_create(&w->thread, NULL, watch, w);
    ss_signals_release(&held);
    if (code != 0)
        return SS_FAIL(SS_ERR_INTERNAL, "sweep: cannot start a thread: %s", strerror(code));
    w->started = true;
    return SS_OK;
}

static void end_watch(struct watch *w)
{
    if (!w->started)
        return;
    pthread_mutex_lock(&w->mutex);
    w->over = true;
    pthread_mutex_unlock(&w->mutex);
    pthread_join(w->thread, NULL);
    pthread_mutex_destroy(&w->mutex);
}

/* ---- one point ---- */

struct attempt {
    bool own;     /* what goes wrong is the point's own fault, not that of the device or the disk */
    bool reached; /* the step at which it was to pause */
    char *result; /* of one that is done */
    double objective, seconds;
};

static void hear(void *context, enum ss_level level, const char *text)
{
    struct worker *const w = context;

    if (level == SS_LEVEL_ERROR && !*w->error)
        snprintf(w->error, sizeof(w->error), "%s", text);
    if (w->sink)
        w->sink(w->sink_context, level, text);
}

/* Device, programs and self-test stay from point to point, as long as all want the same device. */
static enum ss_status lend_device(struct worker *w, const struct ss_experiment *e)
{
    const char *const key = e->device ? e->device : "";
    enum ss_status st = SS_OK;

    if (w->device && strcmp(key, w->device_key) == 0)
        return SS_OK;
    ss_device_free(w->device);
    w->device = NULL;
    free(w->device_key);
    w->device_key = NULL;
    TRY(ss_text_copy(key, &w->device_key));
    TRY(ss_run_device_open(w->options->device, e, w->options->log, &w->device));
out:
    return st;
}

/* A run that an earlier attempt left: is it of this point? A folder without one is cleared. */
static enum ss_status look_at(const char *folder, const struct ss_point *p, bool *begun)
{
    struct ss_run_directory d = {.lock = -1};
    struct ss_experiment *e = NULL;
    struct ss_text t;
    char *resolved = NULL, *record = NULL;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    *begun = false;
    TRY(ss_path_join(folder, "resolved.yaml", &resolved));
    TRY(ss_path_join(folder, "run.json", &record));
    if (!ss_path_exists(folder))
        goto out;
    if (!ss_path_exists(resolved) || !ss_path_exists(record)) { /* it was killed while it was made */
        TRY(ss_text_copy(folder, &d.path));
        ss_run_directory_discard(&d);
        goto out;
    }
    TRY(ss_experiment_reload(resolved, NULL, 0, &e));
    TRY(ss_experiment_write(e, false, &t));
    TRY(ss_text_status(&t));
    if (strcmp(t.data, p->resolved) != 0)
        st = SS_FAIL(SS_ERR_USAGE, "%s: holds the run of another configuration; move it away", folder);
    *begun = true;
out:
    ss_text_release(&t);
    free(resolved);
    free(record);
    ss_experiment_free(e);
    return st;
}

static enum ss_status result_text(const struct ss_run_result *r, char **out)
{
    struct ss_text t;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    ss_json_open(&t, NULL, '{');
    ss_json_number(&t, "loss", r->record.loss);
    ss_json_number(&t, "seconds", r->record.seconds);
    ss_json_integer(&t, "steps", (long long)r->record.steps);
    ss_metrics_list_json(&r->record.metrics, &t);
    ss_json_close(&t, '}');
    TRY(ss_text_status(&t));
    *out = ss_text_detach(&t);
out:
    ss_text_release(&t);
    return st;
}

/* The point as a file to run; *file is removed by the caller. */
static enum ss_status write_file(const struct worker *w, const struct ss_point *p, char **file)
{
    char *folder = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_path_join(w->options->folder, "points", &folder));
    TRY(ss_folder_create(folder));
    TRY(ss_text_format(file, "%s/%05lld.yaml", folder, p->id));
    TRY(ss_file_write(*file, p->resolved, strlen(p->resolved)));
out:
    free(folder);
    return st;
}

/* The lowest objective on validation rows so far, NAN if none: metrics.jsonl has it whatever became of the
 * process that found it. */
static enum ss_status find_objective(const char *folder, double *out)
{
    struct ss_metrics_table t = {0};
    enum ss_status st = SS_OK;

    TRY(ss_metrics_read(folder, &t));
    for (size_t i = 0; i < t.count; i++)
        if (isfinite(t.rows[i].validation) && !(*out <= t.rows[i].validation))
            *out = t.rows[i].validation;
out:
    ss_metrics_table_release(&t);
    return st;
}

static enum ss_status compute(struct worker *w, const struct ss_point *p, struct attempt *a)
{
    struct ss_run_request request = {.log = w->options->log,
                                     .device = w->options->device,
                                     .pause = p->until,
                                     .bare = !w->options->pictures};
    struct ss_run_result r = {0};
    struct ss_experiment *e = NULL;
    char *file = NULL, *folder = NULL;
    bool begun = false;
    enum ss_status st = SS_OK;

    TRY(write_file(w, p, &file));
    a->own = true; /* a file that it names may be gone */
    TRY(ss_experiment_load(file, NULL, 0, &e));
    a->own = false;
    TRY(lend_device(w, e));
    a->own = true;
    TRY(ss_path_join(w->options->folder, p->folder, &folder));
    TRY(look_at(folder, p, &begun));
    request.lent = w->device;
    request.path = begun ? folder : file;
    request.output = begun ? NULL : folder;
    st = begun ? ss_run_resume(&request, &r) : ss_run_experiment(&request, &r);
    if (w->device)
        ss_say(SS_LEVEL_DETAIL, "programs built by this worker so far: %zu",
               ss_device_builds(w->device, NULL));
    a->reached = st == SS_ERR_INTERRUPTED && p->until && r.record.steps >= p->until && !ss_stop_signal();
    if (a->reached)
        st = SS_OK;
    else if (st == SS_OK)
        st = result_text(&r, &a->result);
    if (st == SS_OK && w->halving.first)
        st = find_objective(folder, &a->objective);
    if (a->reached && st == SS_OK && !isfinite(a->objective))
        st = SS_FAIL(SS_ERR_USAGE,
                     "%s: no finite objective on validation rows by step %" PRIu64
                     ", and halving goes by that",
                     folder, p->until);
out:
    if (file)
        unlink(file);
    free(file);
    free(folder);
    ss_experiment_free(e);
    ss_run_result_release(&r);
    return st;
}

/* A full disk is no point's fault, and all that follow would fail of it. The first error says it in the words
 * of the system. */
static bool disk_is_full(const struct worker *w)
{
    return strstr(w->error, strerror(ENOSPC)) || strstr(w->error, strerror(EDQUOT));
}

static enum ss_status record(struct worker *w, const struct ss_point *p, enum ss_status st,
                             const struct attempt *a)
{
    const bool failure = st != SS_OK && st != SS_ERR_INTERRUPTED;
    struct ss_outcome outcome = {.status = st == SS_OK && !a->reached ? SS_POINT_DONE : SS_POINT_WAITING,
                                 .failure = failure,
                                 .error = failure ? (*w->error ? w->error : ss_status_name(st)) : NULL,
                                 .result = a->result,
                                 .seconds = a->seconds,
                                 .reached = a->reached,
                                 .objective = a->objective};
    size_t failures = 0;
    bool held = false;
    enum ss_status told = SS_OK;

    if (failure) {
        told = ss_ledger_failures(w->ledger, p->id, &failures);
        if (told != SS_OK)
            return told;
        outcome.status = failures < w->options->retry ? SS_POINT_WAITING : SS_POINT_FAILED;
    }
    told = ss_ledger_finish(w->ledger, p->id, w->owner, &outcome, &held);
    if (told == SS_OK && !held)
        ss_say(SS_LEVEL_WARNING, "point %lld: another worker has taken it up meanwhile", p->id);
    return told;
}

/* SS_OK: go on with the next point. */
static enum ss_status do_point(struct worker *w, struct watch *watched, const struct ss_point *p)
{
    const double start = ss_clock_seconds();
    struct attempt a = {.objective = NAN};
    enum ss_status st, told;

    w->error[0] = '\0';
    watch_point(watched, p->id);
    st = compute(w, p, &a);
    watch_point(watched, 0);
    a.seconds = ss_clock_seconds() - start;
    const bool ours =
        st != SS_OK && st != SS_ERR_INTERRUPTED && (!a.own || (st == SS_ERR_FILE && disk_is_full(w)));
    told = record(w, p, ours ? SS_ERR_INTERRUPTED : st, &a);
    free(a.result);
    if (ours || st == SS_ERR_INTERRUPTED)
        return st;
    if (st == SS_ERR_DEVICE) { /* what it has is of no use any more */
        ss_device_free(w->device);
        w->device = NULL;
    }
    if (told == SS_OK && st != SS_OK && w->options->fail_fast)
        return SS_ERR_POINTS;
    return told;
}

/* What others compute decides, in a halving, whether there will be more to do. */
static enum ss_status wait_for_others(const struct worker *w, bool *more)
{
    struct ss_counts n = {0};
    enum ss_status st = SS_OK;

    if (w->halving.first)
        TRY(ss_ledger_count(w->ledger, &n));
    *more = n.running > 0;
    if (*more)
        poll(NULL, 0, POLL_MS);
out:
    return st;
}

enum ss_status ss_sweep_work(const struct ss_worker_options *options)
{
    struct worker w = {.options = options, .lease = options->lease > 0 ? options->lease : LEASE_SECONDS};
    struct watch watched = {0};
    enum ss_status st = SS_OK;

    ss_sink_get(&w.sink, &w.sink_context);
    ss_sink_set(hear, &w);
    ss_stop_install();
    ss_ledger_owner(w.owner);
    TRY(ss_ledger_open(options->folder, false, &w.ledger));
    TRY(ss_halving_read(w.ledger, &w.halving));
    TRY(start_watch(&watched, &w));
    for (;;) {
        struct ss_point p = {0};
        if (ss_stop_signal()) {
            st = SS_ERR_INTERRUPTED;
            break;
        }
        TRY(ss_ledger_claim(w.ledger, w.owner, w.lease, &p));
        bool more = p.id != 0;
        if (p.id)
            st = do_point(&w, &watched, &p);
        else
            st = wait_for_others(&w, &more);
        ss_point_release(&p);
        if (st != SS_OK || !more || (w.device && ss_gemm_set(w.device)))
            break; /* the next worker has CLBlast's own parameters again (device/gemm.h) */
    }
out:
    end_watch(&watched);
    ss_device_free(w.device);
    free(w.device_key);
    ss_ledger_close(w.ledger);
    ss_stop_restore();
    ss_sink_set(w.sink, w.sink_context);
    return st;
}
