/* loop.c - ss_trainer_run: steps, and what happens between them. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "train/schedule.h"
#include "train/trainer.h"

/* The host runs ahead of the device by about AHEAD seconds: enough to keep it busy, short enough for a stop
 * to be answered at once and for the queue to stay small. When it waits changes nothing in what is computed.
 */
static const double AHEAD = 0.2;
enum { MOST_AHEAD = 256 };

struct loop {
    struct ss_trainer *t;
    struct ss_train_callbacks calls;
    uint64_t ahead, most_ahead; /* steps enqueued since the host last waited, and how many it may */
    double waited_at;           /* clock when it last had */
    double seconds;             /* of training, without evaluations and checkpoints */
    double resumed_at;          /* clock since when `seconds` does not count yet */
    double reported_seconds;
    uint64_t reported_step;
};

static bool wants_stop(const struct loop *l)
{
    return l->calls.stop && l->calls.stop(l->calls.context);
}

/* ---- saving ---- */

static enum ss_status save(struct loop *l)
{
    struct ss_trainer *const t = l->t;
    const char *const folder = t->setup.checkpoint_folder;
    char *path = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_trainer_download(t));
    TRY(ss_checkpoint_path(folder, t->state.step, &path));
    TRY(ss_checkpoint_write(path, t->setup.model->graph, &t->state));
    t->saved = t->state.step;
    ss_checkpoint_prune(folder, t->saved, ss_trainer_options(t)->checkpoint_keep);
    if (l->calls.checkpoint)
        l->calls.checkpoint(l->calls.context, t->saved, path);
out:
    free(path);
    return st;
}

static enum ss_status save_best(struct ss_trainer *t, double objective)
{
    struct ss_checkpoint_state best;
    char *path = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_trainer_download(t));
    best = t->state;
    best.first = best.second = NULL;
    best.evaluated = best.best_step = best.step;
    best.best_objective = objective;
    best.without_improvement = 0;
    best.loss[0] = best.loss[1] = 0; /* of no use without the optimizer's state, and it depends on reports */
    best.loss_count = 0;
    TRY(ss_path_join(t->setup.checkpoint_folder, "best.safetensors", &path));
    st = ss_checkpoint_write(path, t->setup.model->graph, &best);
out:
    free(path);
    return st;
}

/* ---- divergence ---- */

static const char *bad_word(enum ss_bad bad)
{
    static const char *const words[] = {"nothing", "the loss", "the gradient", "the loss and its gradient",
                                        "the update of a weight"};
    return words[bad];
}

/* The device has changed nothing since the first bad step, so what it holds is the state before it: save that
 * too. Unless an update overflowed half way: then the last checkpoint stands. */
static enum ss_status diverged(struct loop *l, const struct ss_optimizer_state *o)
{
    struct ss_trainer *const t = l->t;
    const double rate = ss_schedule_rate(ss_trainer_options(t), t->steps, o->bad_step);

    t->state.step = o->bad_step;
    if (o->bad != SS_BAD_UPDATE && o->bad_step && t->saved != o->bad_step)
        (void)save(l); /* a failure has said so */
    return SS_FAIL(
        SS_ERR_DIVERGED,
        "training diverged: at step %" PRIu64 " %s is not finite (learning rate %g, norm of the last finite "
        "gradient %g); try a lower train.learning_rate, train.clip: 1, some train.warmup, more noise on "
        "the data (data.transform: [standardize, {noise: 0.05}]), or train.nonfinite: skip",
        o->bad_step + 1, bad_word(o->bad), rate, (double)o->gradient_norm);
}

/* Wait for the device and look whether all is well. */
static enum ss_status look(struct loop *l, struct ss_optimizer_state *o)
{
    enum ss_status st = SS_OK;

    TRY(ss_optimizer_read(l->t->optimizer, o));
    const double now = ss_clock_seconds();
    if (l->ahead) {
        const double each = (now - l->waited_at) / (double)l->ahead;
        const double fit = each > 0 ? AHEAD / each : MOST_AHEAD;
        l->most_ahead = fit < 1 ? 1 : fit > MOST_AHEAD ? MOST_AHEAD : (uint64_t)fit;
    }
    l->ahead = 0;
    l->waited_at = now;
    if (o->stopped)
        st = diverged(l, o);
out:
    return st;
}

/* ---- between steps ---- */

static void stop_watch(struct loop *l)
{
    l->seconds += ss_clock_seconds() - l->resumed_at;
}

static void start_watch(struct loop *l)
{
    l->resumed_at = l->waited_at = ss_clock_seconds();
}

static void report(struct loop *l, const struct ss_optimizer_state *o)
{
    struct ss_trainer *const t = l->t;
    const struct ss_train_options *const options = ss_trainer_options(t);
    const uint64_t step = t->state.step;
    const double seconds = l->seconds - l->reported_seconds;
    const double rows = (double)(step - l->reported_step) * (double)options->batch;
    const struct ss_train_report r = {
        .step = step,
        .steps = t->steps,
        .loss = o->loss_count ? ((double)o->loss_sum + (double)o->loss_rest) / (double)o->loss_count : NAN,
        .gradient_norm = (double)o->gradient_norm,
        .learning_rate = ss_schedule_rate(options, t->steps, step ? step - 1 : 0),
        .skipped = o->skipped,
        .rows_per_second = seconds > 0 ? rows / seconds : 0,
        .seconds = l->seconds,
    };

    if (!o->loss_count && step && !t->warned_all_skipped) {
        ss_say(SS_LEVEL_WARNING,
               "no step up to step %" PRIu64
               " since the last report had a finite loss and gradient: all were skipped; "
               "try a lower train.learning_rate or train.clip: 1",
               step);
        t->warned_all_skipped = true;
    }
    ss_optimizer_reset_loss(t->optimizer);
    l->reported_seconds = l->seconds;
    l->reported_step = t->reported = step;
    if (l->calls.report)
        l->calls.report(l->calls.context, &r);
}

static bool go_on(void *context, double done)
{
    (void)done;
    return !wants_stop(context);
}

static enum ss_status evaluate(struct loop *l)
{
    struct ss_trainer *const t = l->t;
    struct ss_checkpoint_state *const s = &t->state;
    struct ss_train_evaluation e = {.step = s->step, .seconds = l->seconds};
    struct ss_span weights;
    enum ss_status st = SS_OK;

    TRY(ss_trainer_averaged(t, &weights));
    TRY(ss_loss_estimate(t->evaluator ? t->evaluator : t->loss, weights, t->validation, t->n_validation,
                         t->setup.experiment->seed, go_on, l, &e.objective));
    e.best = isfinite(e.objective.mean) && e.objective.mean < s->best_objective;
    if (e.best) {
        TRY(save_best(t, e.objective.mean));
        s->best_step = s->step;
        s->best_objective = e.objective.mean;
        s->without_improvement = 0;
    } else {
        s->without_improvement++;
    }
    s->evaluated = s->step;
    if (l->calls.evaluation)
        l->calls.evaluation(l->calls.context, &e);
out:
    return st;
}

static bool is_due(const struct ss_trainer *t, uint64_t every)
{
    return every && t->state.step && t->state.step % every == 0;
}

static bool is_last(const struct ss_trainer *t)
{
    return t->state.step >= t->steps || ss_trainer_out_of_patience(t);
}

/* What is due at this step and has not been done: also what a failed write or a stop has left undone. */
static enum ss_status settle(struct loop *l, bool *done)
{
    struct ss_trainer *const t = l->t;
    const struct ss_train_options *const options = ss_trainer_options(t);
    const uint64_t step = t->state.step;
    struct ss_optimizer_state o;
    enum ss_status st = SS_OK;
    bool last = is_last(t);
    const bool wants_report = (is_due(t, options->report_every) || last) && t->reported != step;
    const bool wants_evaluation = (is_due(t, t->setup.experiment->evaluate.every) || last) &&
                                  t->n_validation && t->state.evaluated != step;
    const bool wants_save = (is_due(t, options->checkpoint_every) || last) && t->saved != step;

    *done = last;
    if (!wants_report && !wants_evaluation && !wants_save)
        return SS_OK;
    TRY(look(l, &o));
    stop_watch(l);
    if (wants_report)
        report(l, &o);
    if (wants_evaluation) {
        t->saved = t->saved == step ? SS_NO_STEP : t->saved; /* saved before this evaluation: save it again */
        TRY(evaluate(l));
    }
    *done = last = is_last(t);
    if (last && t->reported != step)
        report(l, &o);
    if ((is_due(t, options->checkpoint_every) || last) && t->saved != step)
        TRY(save(l));
    start_watch(l);
out:
    return st;
}

enum ss_status ss_trainer_enqueue_step(struct ss_trainer *t)
{
    const struct ss_experiment *const e = t->setup.experiment;
    const uint64_t step = t->state.step;
    struct ss_loss_batch batch = {.rows = e->train.batch,
                                  .draw = {.seed = e->seed, .step = step},
                                  .parameters = ss_span_of(t->weights),
                                  .gradient = ss_span_of(t->gradient)};
    const struct ss_optimizer_step update = {.step = step,
                                             .learning_rate = ss_schedule_rate(&e->train, t->steps, step),
                                             .weights = ss_span_of(t->weights),
                                             .gradient = ss_span_of(t->gradient),
                                             .loss = ss_loss_mean(t->loss)};
    enum ss_status st = SS_OK;

    TRY(ss_batches_enqueue(t->batches, step, ss_loss_rows(t->loss), &t->rows));
    batch.x = t->rows;
    TRY(ss_loss_enqueue(t->loss, &batch));
    TRY(ss_optimizer_enqueue(t->optimizer, &update));
    TRY(ss_device_flush(t->setup.device));
    t->state.step++;
out:
    return st;
}

enum ss_status ss_trainer_enqueue_gradient(struct ss_trainer *t, struct ss_span slices, struct ss_span noise)
{
    const struct ss_experiment *const e = t->setup.experiment;
    const struct ss_loss_batch batch = {.rows = e->train.batch,
                                        .x = t->rows,
                                        .draw = {.seed = e->seed, .step = t->state.step},
                                        .slices = slices,
                                        .noise = noise,
                                        .parameters = ss_span_of(t->weights),
                                        .gradient = ss_span_of(t->gradient)};

    return ss_loss_enqueue(t->loss, &batch);
}

static enum ss_status run(struct loop *l)
{
    struct ss_optimizer_state o;
    enum ss_status st = SS_OK;
    bool done = false;

    for (;;) {
        TRY(settle(l, &done));
        if (done)
            break;
        if (wants_stop(l) || (l->calls.pause && l->t->state.step >= l->calls.pause)) {
            st = SS_ERR_INTERRUPTED;
            break;
        }
        TRY(ss_trainer_enqueue_step(l->t));
        l->ahead++;
        if (l->ahead >= l->most_ahead)
            TRY(look(l, &o));
    }
out:
    if (st == SS_ERR_INTERRUPTED && l->t->saved != l->t->state.step) {
        const enum ss_status seen = look(l, &o); /* a bad step not yet noticed comes first */
        const enum ss_status written = seen == SS_OK ? save(l) : seen;
        st = written == SS_OK ? SS_ERR_INTERRUPTED : written;
    }
    return st;
}

enum ss_status ss_trainer_run(struct ss_trainer *t, const struct ss_train_callbacks *callbacks)
{
    struct loop l = {.t = t,
                     .calls = callbacks ? *callbacks : (struct ss_train_callbacks){0},
                     .reported_step = t->state.step,
                     .most_ahead = 1};

    start_watch(&l);
    return run(&l);
}
