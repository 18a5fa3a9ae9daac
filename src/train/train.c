#include "train/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/text.h"
#include "train/schedule.h"
#include "train/trainer.h"

/* A batch smaller than this evaluates held-out rows in too many pieces: they get a plan of their own. */
enum { SMALL_BATCH = 64, EVALUATION_ROWS = 256 };

/* ---- create ---- */

static enum ss_status make_losses(struct ss_trainer *t)
{
    const struct ss_experiment *const e = t->setup.experiment;
    struct ss_loss_options o = {
        .objective = e->objective, .engine = e->engine, .rows = e->train.batch, .gradient = true};
    enum ss_status st = SS_OK;

    o.numbers = t->setup.numbers;
    TRY(ss_loss_create(t->setup.device, t->setup.model, &o, &t->loss));
    o.numbers = NULL;
    if (t->n_validation > e->train.batch && e->train.batch < SMALL_BATCH) {
        o.gradient = false;
        o.rows = t->n_validation < EVALUATION_ROWS ? t->n_validation : EVALUATION_ROWS;
        TRY(ss_loss_create(t->setup.device, t->setup.model, &o, &t->evaluator));
    }
out:
    return st;
}

static enum ss_status make_state(struct ss_trainer *t)
{
    struct ss_device *const d = t->setup.device;
    struct ss_span average;
    enum ss_status st = SS_OK;

    TRY(ss_buffer_create(d, t->flat * sizeof(float), &t->weights));
    TRY(ss_buffer_create(d, t->flat * sizeof(float), &t->gradient));
    TRY(ss_optimizer_create(d, ss_trainer_options(t), t->flat, &t->optimizer));
    TRY(ss_optimizer_average(t->optimizer, &average));
    TRY(ss_allocate(t->flat, &t->state.weights));
    if (average.buffer)
        TRY(ss_allocate(t->flat, &t->state.average));
    if (ss_optimizer_first(t->optimizer).buffer)
        TRY(ss_allocate(t->flat, &t->state.first));
    if (ss_optimizer_second(t->optimizer).buffer)
        TRY(ss_allocate(t->flat, &t->state.second));
out:
    return st;
}

static enum ss_status read_validation(struct ss_trainer *t)
{
    const struct ss_experiment *const e = t->setup.experiment;

    if (ss_dataset_rows(t->setup.dataset, SS_PART_VALIDATION))
        return ss_dataset_values(t->setup.dataset, SS_PART_VALIDATION, e->evaluate.rows, &t->validation,
                                 &t->n_validation);
    if (e->train.patience)
        ss_say(SS_LEVEL_WARNING,
               "train.patience has no effect: there are no validation rows (data.split.validation)");
    return SS_OK;
}

static enum ss_status check_setup(const struct ss_train_setup *s)
{
    const size_t D = ss_dataset_dimension(s->dataset);

    if (D != s->model->dimension)
        return SS_FAIL(SS_ERR_INTERNAL, "a model of %zu columns and data of %zu", s->model->dimension, D);
    if (!ss_dataset_rows(s->dataset, SS_PART_TRAIN))
        return SS_FAIL(SS_ERR_USAGE, "no training rows: data.split leaves none");
    return ss_graph_status(s->model->graph);
}

enum ss_status ss_trainer_create(const struct ss_train_setup *setup, struct ss_trainer **out)
{
    const struct ss_experiment *const e = setup->experiment;
    struct ss_trainer *t = NULL;
    enum ss_status st = SS_OK;

    TRY(check_setup(setup));
    TRY(ss_allocate(1, &t));
    t->setup = *setup;
    t->flat = ss_graph_flat_size(setup->model->graph);
    TRY(ss_schedule_steps(&e->train, ss_dataset_rows(setup->dataset, SS_PART_TRAIN), &t->steps));
    TRY(read_validation(t));
    TRY(make_state(t)); /* the device fills it while the rest is made */
    TRY(make_losses(t));
    TRY(ss_batches_create(setup->device, setup->dataset, e->data.memory, e->seed, e->train.batch,
                          &t->batches));
    *out = t;
    t = NULL;
out:
    ss_trainer_free(t);
    return st;
}

void ss_trainer_free(struct ss_trainer *t)
{
    if (!t)
        return;
    ss_batches_free(t->batches);
    ss_optimizer_free(t->optimizer);
    ss_buffer_free(t->weights);
    ss_buffer_free(t->gradient);
    ss_loss_free(t->evaluator);
    ss_loss_free(t->loss);
    free(t->validation);
    free(t->state.weights);
    free(t->state.average);
    free(t->state.first);
    free(t->state.second);
    free(t);
}

/* ---- start and resume ---- */

/* The state before the first step, but for the arrays. */
static void clear_state(struct ss_trainer *t)
{
    const struct ss_checkpoint_state old = t->state;

    t->state = (struct ss_checkpoint_state){.seed = t->setup.experiment->seed,
                                            .batch = ss_trainer_options(t)->batch,
                                            .optimizer = ss_trainer_options(t)->optimizer,
                                            .evaluated = SS_NO_STEP,
                                            .best_step = SS_NO_STEP,
                                            .best_objective = INFINITY,
                                            .weights = old.weights,
                                            .average = old.average,
                                            .first = old.first,
                                            .second = old.second};
}

static enum ss_status restore_optimizer(struct ss_trainer *t)
{
    const struct ss_checkpoint_state *const s = &t->state;
    const struct ss_optimizer_state o = {.skipped = s->skipped,
                                         .correction = {s->correction[0], s->correction[1]},
                                         .loss_sum = s->loss[0],
                                         .loss_rest = s->loss[1],
                                         .loss_count = s->loss_count};

    return ss_optimizer_restore(t->optimizer, &o);
}

static enum ss_status upload(struct ss_trainer *t)
{
    const struct ss_checkpoint_state *const s = &t->state;
    struct ss_span average;
    enum ss_status st = SS_OK;

    TRY(ss_optimizer_average(t->optimizer, &average));
    if (s->average)
        TRY(ss_span_write(average, s->average, t->flat));
    TRY(ss_span_write(ss_span_of(t->weights), s->weights, t->flat));
    if (s->first)
        TRY(ss_span_write(ss_optimizer_first(t->optimizer), s->first, t->flat));
    if (s->second)
        TRY(ss_span_write(ss_optimizer_second(t->optimizer), s->second, t->flat));
    st = restore_optimizer(t);
out:
    return st;
}

enum ss_status ss_trainer_download(struct ss_trainer *t)
{
    struct ss_checkpoint_state *const s = &t->state;
    struct ss_optimizer_state o;
    struct ss_span average;
    enum ss_status st = SS_OK;

    TRY(ss_optimizer_average(t->optimizer, &average));
    TRY(ss_optimizer_read(t->optimizer, &o));
    s->skipped = o.skipped;
    memcpy(s->correction, o.correction, sizeof(s->correction));
    s->loss[0] = o.loss_sum;
    s->loss[1] = o.loss_rest;
    s->loss_count = o.loss_count;
    TRY(ss_span_read(ss_span_of(t->weights), s->weights, t->flat));
    if (s->average)
        TRY(ss_span_read(average, s->average, t->flat));
    if (s->first)
        TRY(ss_span_read(ss_optimizer_first(t->optimizer), s->first, t->flat));
    if (s->second)
        TRY(ss_span_read(ss_optimizer_second(t->optimizer), s->second, t->flat));
out:
    return st;
}

/* `start` is a run's folder, a folder of checkpoints or one file. */
static enum ss_status read_start(struct ss_trainer *t, const char *start)
{
    const struct ss_graph *const graph = t->setup.model->graph;
    char *folder = NULL;
    uint64_t step;
    enum ss_status st = SS_OK;

    if (ss_path_is_folder(start)) {
        TRY(ss_path_join(start, "ckpt", &folder));
        TRY(ss_checkpoint_load_weights(ss_path_is_folder(folder) ? folder : start, graph, SS_WEIGHTS_BEST,
                                       t->state.weights, &step));
    } else {
        TRY(ss_checkpoint_load_file(start, graph, t->state.weights));
    }
    TRY(ss_span_write(ss_span_of(t->weights), t->state.weights, t->flat));
out:
    free(folder);
    return st;
}

/* The device makes its own first state: the arrays of a wide net, touched for the first time here and sent,
 * took a quarter of the time to the first step. */
enum ss_status ss_trainer_start(struct ss_trainer *t)
{
    const char *const start = ss_trainer_options(t)->start;
    const struct ss_span weights = ss_span_of(t->weights);
    const struct ss_span moments[] = {ss_optimizer_first(t->optimizer), ss_optimizer_second(t->optimizer)};
    struct ss_span average;
    enum ss_status st = SS_OK;

    TRY(ss_optimizer_average(t->optimizer, &average));
    clear_state(t);
    t->saved = t->reported = SS_NO_STEP;
    if (start)
        TRY(read_start(t, start));
    else
        TRY(ss_graph_initialize_enqueue(t->setup.device, t->setup.model->graph, t->setup.experiment->seed,
                                        weights));
    if (average.buffer)
        TRY(ss_span_copy(weights, average, t->flat));
    for (size_t i = 0; i < SS_COUNT(moments); i++)
        if (moments[i].buffer)
            TRY(ss_span_zero(moments[i], t->flat));
    st = restore_optimizer(t);
out:
    return st;
}

enum ss_status ss_trainer_resume(struct ss_trainer *t, bool *found)
{
    struct ss_checkpoint_state *const s = &t->state;
    enum ss_status st = SS_OK;

    clear_state(t);
    if (s->first)
        memset(s->first, 0, t->flat * sizeof(float));
    if (s->second)
        memset(s->second, 0, t->flat * sizeof(float));
    TRY(ss_checkpoint_resume(t->setup.checkpoint_folder, t->setup.model->graph, s, found));
    if (!*found)
        goto out;
    TRY(upload(t));
    t->saved = t->reported = s->step;
    if (s->best_step != SS_NO_STEP && !ss_checkpoint_best_is(t->setup.checkpoint_folder, s->best_step)) {
        ss_say(SS_LEVEL_WARNING,
               "%s/best.safetensors is not the one of step %llu: the next evaluation makes another",
               t->setup.checkpoint_folder, (unsigned long long)s->best_step);
        s->best_step = SS_NO_STEP;
        s->best_objective = INFINITY;
    }
out:
    return st;
}

/* ---- what it knows ---- */

uint64_t ss_trainer_step(const struct ss_trainer *t)
{
    return t->state.step;
}

uint64_t ss_trainer_steps(const struct ss_trainer *t)
{
    return t->steps;
}

const char *ss_trainer_plan(const struct ss_trainer *t)
{
    return ss_loss_plan(t->loss);
}

const struct ss_loss *ss_trainer_loss(const struct ss_trainer *t)
{
    return t->loss;
}

struct ss_span ss_trainer_weights(const struct ss_trainer *t)
{
    return ss_span_of(t->weights);
}

enum ss_status ss_trainer_averaged(struct ss_trainer *t, struct ss_span *out)
{
    enum ss_status st = SS_OK;

    TRY(ss_optimizer_average(t->optimizer, out));
    if (!out->buffer)
        *out = ss_span_of(t->weights);
out:
    return st;
}

bool ss_trainer_best(const struct ss_trainer *t, uint64_t *step, double *objective)
{
    if (t->state.best_step == SS_NO_STEP)
        return false;
    *step = t->state.best_step;
    *objective = t->state.best_objective;
    return true;
}

bool ss_trainer_out_of_patience(const struct ss_trainer *t)
{
    const uint32_t patience = ss_trainer_options(t)->patience;

    return patience && t->state.without_improvement >= patience;
}

size_t ss_trainer_bytes(const struct ss_device *device, const struct ss_model *model,
                        const struct ss_train_options *options)
{
    const size_t n = ss_graph_flat_size(model->graph);

    return 2 * n * sizeof(float) + ss_optimizer_bytes(device, options, n);
}
