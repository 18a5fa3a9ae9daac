#include "run/tune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/json.h"
#include "device/gemm.h"
#include "device/gemm_products.h"
#include "objective/choice.h"
#include "objective/tune.h"
#include "run/bench.h"
#include "run/trained.h"
#include "run/tune_child.h"

enum { MOST_APART = 8 };
static const double BUILD_SECONDS = 5; /* a build that takes longer is not worth it */

/* ---- works ---- */

enum ss_status ss_tune_work_of_experiment(const struct ss_experiment *e, size_t dimension,
                                          struct ss_tune_work *out)
{
    if (!e->has_model || !e->has_objective)
        return SS_FAIL(SS_ERR_USAGE, "%s: tuning needs a `%s:` block, and there is none", e->path,
                       e->has_model ? "objective" : "model");
    *out = (struct ss_tune_work){.model = e->model,
                                 .objective = e->objective,
                                 .engine = e->engine,
                                 .rows = e->train.batch,
                                 .dimension = dimension};
    snprintf(out->name, sizeof(out->name), "%s", e->name);
    return SS_OK;
}

struct ss_tune_work ss_tune_work_of_shape(const struct ss_bench_shape *s)
{
    struct ss_tune_work w = {.model = s->model,
                             .objective = ss_bench_objective(s),
                             .engine = s->engine,
                             .rows = s->batch,
                             .dimension = s->dimension};

    snprintf(w.name, sizeof(w.name), "%s", s->name);
    return w;
}

struct work {
    struct ss_model *model;
    struct ss_loss_options options;
    struct ss_loss_tune *tune;
};

static enum ss_status open_work(struct ss_device *d, const struct ss_tune_work *w, struct work *out)
{
    enum ss_status st = SS_OK;

    out->options = (struct ss_loss_options){
        .objective = w->objective, .engine = w->engine, .rows = w->rows, .gradient = true};
    ss_gemm_choose(d, w->engine.gemm);
    TRY(ss_model_create(&w->model, w->dimension, &out->model));
    TRY(ss_loss_tune_create(d, out->model, &out->options, &out->tune));
out:
    return st;
}

/* Of the loss by these numbers. */
static enum ss_status find_products(struct ss_device *d, const struct work *w, const int32_t *numbers,
                                    struct ss_gemm_shapes *out)
{
    struct ss_loss_options options = w->options;
    struct ss_loss *l = NULL;
    enum ss_status st = SS_OK;

    options.numbers = numbers;
    TRY(ss_loss_create(d, w->model, &options, &l));
    TRY(ss_loss_products(l, out));
out:
    ss_loss_free(l);
    return st;
}

static void close_work(struct work *w)
{
    ss_loss_tune_free(w->tune);
    ss_model_free(w->model);
}

/* ---- the process that builds ---- */

/* Candidates of products are counted after those of the loss. */
static enum ss_status try_products(struct ss_device *d, const struct work *w, size_t k, size_t first)
{
    static const int32_t numbers[SS_TUNING_NUMBERS] = {
        [SS_CHOICE_PLAN] = SS_PLAN_LAYERED, [SS_CHOICE_GEMM] = SS_GEMM_OWN};
    struct ss_gemm_shapes shapes;
    struct ss_gemm_tune *t = NULL;
    enum ss_status st = SS_OK;

    TRY(find_products(d, w, numbers, &shapes));
    for (size_t i = 0; i < shapes.n && i < SS_TUNE_PRODUCTS; i++) {
        TRY(ss_gemm_tune_create(d, &shapes.shapes[i], &t));
        const struct ss_tuner_task *const task = ss_gemm_tune_task(t);
        for (size_t j = 0; j < task->n_candidates; j++, k++) {
            void *made = NULL;
            if (k < first)
                continue;
            TRY(task->make(task->context, &task->candidates[j], &made));
            const enum ss_status built = task->enqueue(task->context, made);
            task->discard(task->context, made);
            TRY(ss_device_finish(d));
            ss_say(SS_LEVEL_DETAIL, "candidate %zu: %s", k, ss_status_name(built));
            ss_tune_child_built(k);
        }
        ss_gemm_tune_free(t);
        t = NULL;
    }
out:
    ss_gemm_tune_free(t);
    return st;
}

enum ss_status ss_tune_try(const struct ss_tune_work *work, const char *device, size_t first,
                           struct ss_log *log)
{
    const struct ss_experiment engine = {.engine = work->engine};
    struct ss_device *d = NULL;
    struct work w = {0};
    enum ss_status st = SS_OK;

    TRY(ss_run_device_open(device, &engine, log, &d));
    TRY(open_work(d, work, &w));
    ss_tune_child_ready();
    for (size_t i = first; i < ss_loss_tune_task(w.tune)->n_candidates; i++) {
        /* one that fails does so again where it is measured, and is told there */
        if (!ss_loss_tune_task(w.tune)->candidates[i].apart) {
            const enum ss_status built = ss_loss_tune_build(w.tune, i);
            ss_say(SS_LEVEL_DETAIL, "candidate %zu: %s", i, ss_status_name(built));
        }
        ss_tune_child_built(i);
    }
    TRY(try_products(d, &w, ss_loss_tune_task(w.tune)->n_candidates, first));
out:
    close_work(&w);
    ss_device_free(d);
    return st;
}

/* ---- the process that has one apart ---- */

static enum ss_status time_made(struct ss_device *d, const struct ss_tuner_task *task, void *made, size_t n,
                                double *seconds)
{
    enum ss_status st = SS_OK;

    TRY(ss_device_finish(d));
    const double from = ss_clock_seconds();
    for (size_t i = 0; i < n; i++)
        TRY(task->enqueue(task->context, made));
    TRY(ss_device_finish(d));
    *seconds = (ss_clock_seconds() - from) / (double)(n ? n : 1);
out:
    return st;
}

enum ss_status ss_tune_apart(const struct ss_tune_work *work, const char *device, size_t k,
                             struct ss_log *log)
{
    const struct ss_experiment engine = {.engine = work->engine};
    struct ss_device *d = NULL;
    struct work w = {0};
    void *made = NULL;
    bool right = false;
    size_t n;
    enum ss_status st = SS_OK;

    TRY(ss_run_device_open(device, &engine, log, &d));
    TRY(open_work(d, work, &w));
    struct ss_tuner_task *const task = ss_loss_tune_task(w.tune);
    if (k >= task->n_candidates) {
        st = SS_FAIL(SS_ERR_USAGE, "there is no candidate %zu", k);
        goto out;
    }
    TRY(ss_loss_tune_begin_apart(w.tune));
    ss_tune_child_ready();
    enum ss_status built = task->make(task->context, &task->candidates[k], &made);
    if (built == SS_OK)
        built = task->right(task->context, made, &right);
    if (built == SS_OK && !right)
        built = SS_ERR_SELFTEST;
    ss_tune_child_built(k);
    while (ss_tune_child_asked(&n)) {
        double seconds = 0;
        const enum ss_status timed = built == SS_OK ? time_made(d, task, made, n, &seconds) : built;
        ss_tune_child_answer(timed, seconds);
    }
out:
    if (made)
        ss_loss_tune_task(w.tune)->discard(NULL, made);
    close_work(&w);
    ss_device_free(d);
    return st;
}

/* ---- measuring ---- */

/* Where the loss goes layer by layer its products are worth as much time; where it is fused there are none.
 */
static const double LOSS_SHARE = 0.5;
/* A product that does less of the work is not asked about, and none in less time than a few pairs take. */
static const double LEAST_WORK = 0.02, LEAST_SECONDS = 0.3;

struct session {
    const struct ss_tune_options *options;
    struct ss_tune_child child, apart[MOST_APART];
    const char *what; /* is measured; NULL: the whole loss */
    size_t first;     /* candidates before its own, as the process that builds counts */
    bool builds;      /* its candidates are kernels of their own */
    const struct ss_tuner_task *task;
};

/* The process that has this candidate apart, or the place for one; NULL: there are too many. */
static struct ss_tune_child *apart_of(struct session *s, size_t candidate)
{
    for (size_t i = 0; i < MOST_APART; i++)
        if (!s->apart[i].options || s->apart[i].next == candidate + 1)
            return &s->apart[i];
    return NULL;
}

static bool builds_apart(struct session *s, size_t candidate)
{
    struct ss_tune_child *const c = apart_of(s, candidate);

    if (s->child.running) /* it says at once that it has passed over this one */
        (void)ss_tune_child_builds(&s->child, candidate, BUILD_SECONDS);
    if (!c)
        return false;
    *c = (struct ss_tune_child){.options = s->options, .work = s->child.work, .apart = true};
    const bool builds = ss_tune_child_builds(c, candidate, BUILD_SECONDS);
    c->next = candidate + 1;
    return builds;
}

static bool builds(void *context, size_t candidate)
{
    struct session *const s = context;

    if (!s->builds || !s->options->words)
        return true;
    return s->task->candidates[candidate].apart
               ? builds_apart(s, candidate)
               : ss_tune_child_builds(&s->child, s->first + candidate, BUILD_SECONDS);
}

static enum ss_status time_apart(void *context, size_t candidate, size_t n, double *seconds)
{
    struct ss_tune_child *const c = apart_of(context, candidate);

    return c ? ss_tune_child_time(c, n, seconds) : SS_ERR_INTERNAL;
}

static void progress(void *context, const char *candidate)
{
    const struct session *const s = context;
    const struct ss_tune_work *const w = &s->options->works[s->child.work];
    char text[160];

    snprintf(text, sizeof(text), "%s%s%s", s->what ? s->what : "", s->what ? ": " : "", candidate);
    ss_log_phase(s->options->log, NULL);
    ss_say(SS_LEVEL_DETAIL, "%s: %s", w->name, text);
    ss_log_phase(s->options->log, text);
}

/* `n` is counted once there is something to be released. */
static enum ss_status ask(struct ss_device *d, struct session *s, struct ss_tuner_task *task, double seconds,
                          struct ss_tune_answer *a)
{
    const struct ss_tuner_options how = {.seconds = seconds,
                                         .builds = builds,
                                         .progress = progress,
                                         .context = s,
                                         .time_apart = s->options->words ? time_apart : NULL};
    const double from = ss_clock_seconds();
    enum ss_status st = SS_OK;

    s->task = task;
    TRY(ss_tuner_run(d, task, &how));
    snprintf(a->name, sizeof(a->name), "%s", s->what ? s->what : "");
    a->n_candidates = task->n_candidates;
    a->winner = task->winner;
    a->answered = task->answered;
    a->kept = task->kept;
    a->stays = task->stays;
    TRY(ss_text_copy(task->what, &a->what));
    TRY(ss_allocate(task->n_candidates, &a->candidates));
    memcpy(a->candidates, task->candidates, task->n_candidates * sizeof(*task->candidates));
    a->seconds = ss_clock_seconds() - from;
out:
    return st;
}

/* Each has a share of the time that is left as large as that of the multiply-adds that are left. */
static enum ss_status ask_products(struct ss_device *d, struct session *s, const struct work *w, double until,
                                   struct ss_tune_result *r)
{
    const int32_t *const numbers = r->loss.candidates[r->loss.winner].numbers;
    struct ss_gemm_tune *t = NULL;
    struct ss_gemm_shapes shapes;
    double all = 0, left = 0;
    char name[64];
    enum ss_status st = SS_OK;

    if (numbers[SS_CHOICE_SET]) /* it would change this process; and CLBlast is not asked about */
        goto out;
    TRY(find_products(d, w, numbers, &shapes));
    for (size_t i = 0; i < shapes.n; i++)
        all += ss_gemm_shapes_work(&shapes, i);
    left = all;
    s->first = ss_loss_tune_task(w->tune)->n_candidates;
    s->builds = !ss_device_is_cpu(d); /* there they differ in arguments alone */
    for (size_t i = 0; i < shapes.n && i < SS_TUNE_PRODUCTS; i++) {
        const double work = ss_gemm_shapes_work(&shapes, i), seconds = until - ss_clock_seconds();
        if (work < LEAST_WORK * all || seconds * work / left < LEAST_SECONDS)
            break;
        ss_gemm_shape_text(&shapes.shapes[i], name, sizeof(name));
        s->what = name;
        TRY(ss_gemm_tune_create(d, &shapes.shapes[i], &t));
        r->n_products++;
        TRY(ask(d, s, ss_gemm_tune_task(t), seconds * work / left, &r->products[i]));
        s->first += ss_gemm_tune_task(t)->n_candidates;
        ss_gemm_tune_free(t);
        t = NULL;
        left -= work;
    }
out:
    ss_gemm_tune_free(t);
    return st;
}

static enum ss_status measure(const struct ss_tune_options *o, struct ss_device *d, size_t i, double seconds,
                              struct ss_tune_result *r)
{
    struct session s = {.options = o, .child = {.options = o, .work = i}, .builds = true};
    const double until = ss_clock_seconds() + seconds;
    struct work w = {0};
    enum ss_status st = SS_OK;

    r->work = o->works[i];
    ss_log_phase(o->log, o->works[i].name);
    TRY(open_work(d, &o->works[i], &w));
    TRY(ask(d, &s, ss_loss_tune_task(w.tune), seconds * (ss_loss_tune_layered(w.tune) ? LOSS_SHARE : 1),
            &r->loss));
    TRY(ask_products(d, &s, &w, until, r));
out:
    ss_log_phase(o->log, NULL);
    ss_tune_child_end(&s.child);
    for (size_t k = 0; k < MOST_APART; k++)
        ss_tune_child_end(&s.apart[k]);
    close_work(&w);
    return st;
}

enum ss_status ss_tune_run(const struct ss_tune_options *options, struct ss_tune *out)
{
    const double until = ss_clock_seconds() + options->seconds;
    const struct ss_experiment engine = {.engine = {.gemm = SS_GEMM_AUTO}};
    struct ss_tune t = {.n_results = 0};
    struct ss_device *d = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_run_device_open(options->device, &engine, options->log, &d));
    t.device = *ss_device_info(d);
    TRY(ss_allocate(options->n_works, &t.results));
    for (size_t i = 0; i < options->n_works; i++) {
        const double left = until - ss_clock_seconds();
        t.n_results++;
        TRY(measure(options, d, i, left / (double)(options->n_works - i), &t.results[i]));
        if (options->result)
            options->result(options->context, &t.results[i]);
    }
    *out = t;
    t = (struct ss_tune){0};
out:
    ss_tune_release(&t);
    ss_device_free(d);
    return st;
}

static void release_answer(struct ss_tune_answer *a)
{
    free(a->what);
    free(a->candidates);
}

void ss_tune_release(struct ss_tune *t)
{
    for (size_t i = 0; i < t->n_results; i++) {
        struct ss_tune_result *const r = &t->results[i];
        release_answer(&r->loss);
        for (size_t j = 0; j < r->n_products; j++)
            release_answer(&r->products[j]);
    }
    free(t->results);
    *t = (struct ss_tune){0};
}
