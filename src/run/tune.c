#include "run/tune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/json.h"
#include "objective/tune.h"
#include "run/bench.h"
#include "run/trained.h"
#include "run/tune_child.h"

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
    struct ss_loss_tune *tune;
};

static enum ss_status open_work(struct ss_device *d, const struct ss_tune_work *w, struct work *out)
{
    const struct ss_loss_options options = {
        .objective = w->objective, .engine = w->engine, .rows = w->rows, .gradient = true};
    enum ss_status st = SS_OK;

    TRY(ss_model_create(&w->model, w->dimension, &out->model));
    TRY(ss_loss_tune_create(d, out->model, &options, &out->tune));
out:
    return st;
}

static void close_work(struct work *w)
{
    ss_loss_tune_free(w->tune);
    ss_model_free(w->model);
}

/* ---- the process that builds ---- */

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
        const enum ss_status built = ss_loss_tune_build(w.tune, i);
        ss_say(SS_LEVEL_DETAIL, "candidate %zu: %s", i, ss_status_name(built));
        ss_tune_child_built(i);
    }
out:
    close_work(&w);
    ss_device_free(d);
    return st;
}

/* ---- measuring ---- */

struct session {
    const struct ss_tune_options *options;
    struct ss_tune_child child;
};

static bool builds(void *context, size_t candidate)
{
    struct session *const s = context;

    return !s->options->words || ss_tune_child_builds(&s->child, candidate, BUILD_SECONDS);
}

static void progress(void *context, const char *candidate)
{
    const struct session *const s = context;
    const struct ss_tune_work *const w = &s->options->works[s->child.work];

    ss_log_phase(s->options->log, NULL);
    ss_say(SS_LEVEL_DETAIL, "%s: %s", w->name, candidate);
    ss_log_phase(s->options->log, candidate);
}

static enum ss_status take_result(const struct ss_tune_work *work, const struct ss_tuner_task *task,
                                  struct ss_tune_result *r)
{
    enum ss_status st = SS_OK;

    r->work = *work;
    r->n_candidates = task->n_candidates;
    r->winner = task->winner;
    r->answered = task->answered;
    r->kept = task->kept;
    TRY(ss_text_copy(task->what, &r->what));
    TRY(ss_allocate(task->n_candidates, &r->candidates));
    memcpy(r->candidates, task->candidates, task->n_candidates * sizeof(*task->candidates));
out:
    return st;
}

static enum ss_status measure(const struct ss_tune_options *o, struct ss_device *d, size_t i, double seconds,
                              struct ss_tune_result *r)
{
    struct session s = {.options = o, .child = {.options = o, .work = i}};
    const struct ss_tuner_options how = {
        .seconds = seconds, .builds = builds, .progress = progress, .context = &s};
    const double from = ss_clock_seconds();
    struct work w = {0};
    enum ss_status st = SS_OK;

    ss_log_phase(o->log, o->works[i].name);
    TRY(open_work(d, &o->works[i], &w));
    TRY(ss_tuner_run(d, ss_loss_tune_task(w.tune), &how));
    TRY(take_result(&o->works[i], ss_loss_tune_task(w.tune), r));
    r->seconds = ss_clock_seconds() - from;
out:
    ss_log_phase(o->log, NULL);
    ss_tune_child_end(&s.child);
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
        TRY(measure(options, d, i, left / (double)(options->n_works - i), &t.results[i]));
        t.n_results++;
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

void ss_tune_release(struct ss_tune *t)
{
    for (size_t i = 0; i < t->n_results; i++) {
        free(t->results[i].what);
        free(t->results[i].candidates);
    }
    free(t->results);
    *t = (struct ss_tune){0};
}

/* ---- to be read ---- */

static void add_row(const struct ss_tune_result *r, size_t i, struct ss_text *out)
{
    const struct ss_tuner_candidate *const c = &r->candidates[i];
    const char *const remark = i == r->winner ? (i ? "winner" : "default, stays") : i == 0 ? "default" : "";

    if (c->outcome == SS_TUNER_MEASURED)
        ss_text_addf(out, "%c %-34s %10.4g %9.2f %8.1f  %s\n", i == r->winner ? '*' : ' ', c->name, c->ms,
                     c->gain, c->seconds, remark);
    else
        ss_text_addf(out, "  %-34s %10s %9s %8.1f  %s\n", c->name, "", "", c->seconds,
                     ss_tuner_outcome_text(c->outcome));
}

void ss_tune_text(const struct ss_tune_result *r, struct ss_text *out)
{
    const struct ss_tuner_candidate *const winner = &r->candidates[r->winner];

    ss_text_addf(out, "%s: loss and gradient of %zu rows\n", r->work.name, r->work.rows);
    ss_text_addf(out, "  %-34s %10s %9s %8s\n", "candidate", "ms", "x default", "build s");
    for (size_t i = 0; i < r->n_candidates; i++)
        add_row(r, i, out);
    if (!r->answered)
        ss_text_add(out, "  nothing but the default was measured in this time; --seconds gives more\n");
    else if (r->winner)
        ss_text_addf(out, "  kept: %s, %.2f times as fast as the default (%.1f s)\n", winner->name,
                     winner->gain, r->seconds);
    else
        ss_text_addf(out, "  kept: the default; nothing was faster beyond the noise (%.1f s)\n", r->seconds);
}

static void add_candidate(const struct ss_tuner_candidate *c, bool winner, struct ss_text *out)
{
    ss_json_open(out, NULL, '{');
    ss_json_text(out, "name", c->name);
    ss_json_text(out, "outcome", ss_tuner_outcome_text(c->outcome));
    ss_json_bool(out, "winner", winner);
    ss_json_number(out, "ms", c->ms);
    ss_json_number(out, "gain", c->gain);
    ss_json_number(out, "build_s", c->seconds);
    ss_json_open(out, "numbers", '[');
    for (size_t i = 0; i < SS_TUNING_NUMBERS; i++)
        ss_json_integer(out, NULL, c->numbers[i]);
    ss_json_close(out, ']');
    ss_json_close(out, '}');
}

void ss_tune_json(const struct ss_tune *t, struct ss_text *out)
{
    ss_json_open(out, NULL, '{');
    ss_json_text(out, "device", t->device.name);
    ss_json_text(out, "driver", t->device.driver);
    ss_json_open(out, "results", '[');
    for (size_t i = 0; i < t->n_results; i++) {
        const struct ss_tune_result *const r = &t->results[i];
        ss_json_open(out, NULL, '{');
        ss_json_text(out, "name", r->work.name);
        ss_json_text(out, "what", r->what);
        ss_json_text(out, "winner", r->answered ? r->candidates[r->winner].name : NULL);
        ss_json_number(out, "gain", r->answered ? r->candidates[r->winner].gain : NAN);
        ss_json_bool(out, "kept", r->kept);
        ss_json_number(out, "seconds", r->seconds);
        ss_json_open(out, "candidates", '[');
        for (size_t j = 0; j < r->n_candidates; j++)
            add_candidate(&r->candidates[j], r->answered && j == r->winner, out);
        ss_json_close(out, ']');
        ss_json_close(out, '}');
    }
    ss_json_close(out, ']');
    ss_json_close(out, '}');
    ss_text_add(out, "\n");
}
