/* The training loop as a whole: what it learns, what it saves, how it stops, and that going on is never
 * noticed. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/text.h"
#include "support/device.h"
#include "support/scratch.h"
#include "train/checkpoint.h"
#include "train/train.h"

static struct ss_device *device;

static void open_device(void)
{
    device = test_device_open();
}

static void close_device(void)
{
    ss_device_free(device);
}

/* ---- an experiment, a trainer for it, and what it said ---- */

static const struct ss_experiment small = {
    .seed = 5,
    .data = {.source = SS_SOURCE_GAUSSIAN,
             .rows = 500,
             .dimension = 2,
             .noise = NAN,
             .validation = 0.2,
             .test = 0.1},
    .model = {.kind = SS_MODEL_ENERGY,
              .hidden = {12, 12},
              .n_hidden = 2,
              .activation = SS_ACTIVATION_TANH,
              .quadratic = SS_QUADRATIC_DIAGONAL},
    .objective = {.kind = SS_OBJECTIVE_SSM, .slices = SS_SLICES_RADEMACHER, .count = 1, .sigma = 0.3},
    .train = {.steps = 40,
              .batch = 64,
              .optimizer = SS_OPTIMIZER_ADAM,
              .learning_rate = 1e-2,
              .beta1 = 0.9,
              .beta2 = 0.999,
              .decay = 0.99,
              .epsilon = 1e-8,
              .schedule = SS_SCHEDULE_COSINE,
              .average = 0.9,
              .checkpoint_every = 10,
              .checkpoint_keep = 100,
              .report_every = 7},
    .evaluate = {.every = 15, .rows = 2000},
};

enum { MOST_CALLS = 4096 };

struct job {
    struct ss_experiment e;
    struct ss_model *model;
    struct ss_dataset *dataset;
    struct ss_trainer *t;
    char folder[512];
    uint64_t stop_at; /* ask to stop at this step; 0 = never */
    struct ss_train_report reports[MOST_CALLS];
    struct ss_train_evaluation evaluations[MOST_CALLS];
    size_t n_reports, n_evaluations, n_checkpoints;
    uint64_t last_checkpoint;
};

static void on_report(void *context, const struct ss_train_report *r)
{
    struct job *const j = context;

    ck_assert_uint_lt(j->n_reports, MOST_CALLS);
    j->reports[j->n_reports++] = *r;
}

static void on_evaluation(void *context, const struct ss_train_evaluation *e)
{
    struct job *const j = context;

    ck_assert_uint_lt(j->n_evaluations, MOST_CALLS);
    j->evaluations[j->n_evaluations++] = *e;
}

static void on_checkpoint(void *context, uint64_t step, const char *path)
{
    struct job *const j = context;

    ck_assert(ss_path_exists(path));
    j->n_checkpoints++;
    j->last_checkpoint = step;
}

static bool on_stop(void *context)
{
    struct job *const j = context;

    return j->stop_at && ss_trainer_step(j->t) >= j->stop_at;
}

/* Another trainer for the same folder: as a new process would make it. */
static void open_trainer(struct job *j)
{
    ss_trainer_free(j->t);
    j->t = NULL;
    ok(ss_trainer_create(&(struct ss_train_setup){.device = device,
                                                  .model = j->model,
                                                  .dataset = j->dataset,
                                                  .experiment = &j->e,
                                                  .checkpoint_folder = j->folder},
                         &j->t));
}

static struct job *make_job(const struct ss_experiment *e, const char *name)
{
    struct job *j = NULL;

    ok(ss_allocate(1, &j));
    j->e = *e;
    snprintf(j->folder, sizeof(j->folder), "%s", scratch_path(name));
    ok(ss_folder_create(j->folder));
    ok(ss_dataset_load(&j->e.data, j->e.seed, &j->dataset));
    ok(ss_model_create(&j->e.model, ss_dataset_dimension(j->dataset), &j->model));
    open_trainer(j);
    return j;
}

static void free_job(struct job *j)
{
    ss_trainer_free(j->t);
    ss_model_free(j->model);
    ss_dataset_free(j->dataset);
    free(j);
}

static enum ss_status run(struct job *j)
{
    const struct ss_train_callbacks calls = {.context = j,
                                             .report = on_report,
                                             .evaluation = on_evaluation,
                                             .checkpoint = on_checkpoint,
                                             .stop = on_stop};
    return ss_trainer_run(j->t, &calls);
}

static struct job *trained(const struct ss_experiment *e, const char *name)
{
    struct job *const j = make_job(e, name);

    ok(ss_trainer_start(j->t));
    ok(run(j));
    return j;
}

static void resume(struct job *j)
{
    bool found = false;

    open_trainer(j);
    ok(ss_trainer_resume(j->t, &found));
    ck_assert(found);
}

static const char *file_of(const struct job *j,
                           uint64_t step) /* 0: the best; valid until the next two calls */
{
    static char paths[2][600];
    static int at;
    char *const path = paths[at++ % 2];
    char *made = NULL;

    if (step)
        ok(ss_checkpoint_path(j->folder, step, &made));
    snprintf(path, sizeof(paths[0]), step ? "%s" : "%s/best.safetensors", step ? made : j->folder);
    free(made);
    return path;
}

static void check_same_file(const char *a, const char *b)
{
    char *x = NULL, *y = NULL;
    size_t n, m;

    ok(ss_file_read(a, 1 << 24, &x, &n));
    ok(ss_file_read(b, 1 << 24, &y, &m));
    ck_assert_msg(n == m && memcmp(x, y, n) == 0, "%s and %s differ", a, b);
    free(x);
    free(y);
}

/* All floats of all checkpoints in the folder are finite. */
static void check_finite(const struct job *j, uint64_t step)
{
    struct ss_tensor_file *f = NULL;

    ok(ss_tensor_file_open(file_of(j, step), &f));
    for (size_t i = 0; i < ss_tensor_file_count(f); i++) {
        const struct ss_tensor *const t = ss_tensor_file_at(f, i);
        for (size_t k = 0; k < ss_tensor_count(t); k++)
            ck_assert_msg(isfinite(((const float *)t->data)[k]), "%s", t->name);
    }
    ss_tensor_file_free(f);
}

/* ---- learning ---- */

START_TEST(a_gaussian_is_recovered)
{
    struct ss_experiment e = small;
    double mean[] = {1, -2}, covariance[] = {2, 0.8, 0.8, 1}, m[2] = {0}, c[2][2] = {{0}};
    float *x = NULL, *flat = NULL;
    size_t rows;

    e.data.rows = 2000;
    e.data.mean = (struct ss_numbers){mean, 2};
    e.data.covariance = (struct ss_numbers){covariance, 4};
    e.data.validation = e.data.test = 0;
    e.model = (struct ss_model_options){.kind = SS_MODEL_GAUSSIAN};
    e.objective.kind = SS_OBJECTIVE_ESM;
    e.train.steps = 1200;
    e.train.batch = 500;
    e.train.learning_rate = 2e-2;
    e.train.average = 0;
    e.train.checkpoint_every = 0;
    struct job *const j = trained(&e, "gaussian");

    /* The minimum of the score-matching loss of a gaussian is the sample's own mean and inverse covariance.
     */
    ok(ss_dataset_values(j->dataset, SS_PART_TRAIN, 0, &x, &rows));
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < 2; i++)
            m[i] += x[2 * r + i] / (double)rows;
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < 4; i++)
            c[i / 2][i % 2] += (x[2 * r + i / 2] - m[i / 2]) * (x[2 * r + i % 2] - m[i % 2]) / (double)rows;
    const double det = c[0][0] * c[1][1] - c[0][1] * c[1][0];
    const double want[4] = {c[1][1] / det, -c[0][1] / det, -c[1][0] / det, c[0][0] / det};

    ok(ss_allocate(ss_graph_flat_size(j->model->graph), &flat));
    ok(ss_span_read(ss_trainer_weights(j->t), flat, ss_graph_flat_size(j->model->graph)));
    const float *mu = NULL, *w = NULL;
    for (size_t i = 0; i < ss_graph_parameters(j->model->graph); i++) {
        const struct ss_parameter *const p = ss_graph_parameter(j->model->graph, i);
        if (p->dimensions == 1)
            mu = flat + p->offset;
        else
            w = flat + p->offset;
    }
    ck_assert(mu && w);
    for (size_t i = 0; i < 4; i++) {
        const double have = (double)w[i / 2] * w[i % 2] + (double)w[2 + i / 2] * w[2 + i % 2]; /* W'W */
        /* The rate falls to 0, so the noise of batches nearly averages out: 0.5 % is left. */
        ck_assert_double_eq_tol(have, want[i], 0.02);
    }
    ck_assert_double_eq_tol(mu[0], m[0], 0.02);
    ck_assert_double_eq_tol(mu[1], m[1], 0.02);
    free(x);
    free(flat);
    free_job(j);
}
END_TEST

/* ---- resuming ---- */

static const struct {
    enum ss_optimizer_kind optimizer;
    double momentum, rate;
} kinds[] = {
    {SS_OPTIMIZER_ADAM, 0, 1e-2},  {SS_OPTIMIZER_ADAMW, 0, 1e-2}, {SS_OPTIMIZER_RMSPROP, 0.5, 1e-3},
    {SS_OPTIMIZER_SGD, 0.9, 1e-3}, {SS_OPTIMIZER_SGD, 0, 1e-2},
};

START_TEST(a_resumed_run_is_the_run_that_was_never_stopped)
{
    static const uint64_t stops[] = {1, 15, 20, 33};
    struct ss_experiment e = small;

    e.objective.kind = _i % 2 ? SS_OBJECTIVE_DSM : SS_OBJECTIVE_SSM;
    e.train.optimizer = kinds[_i / 2].optimizer;
    e.train.momentum = kinds[_i / 2].momentum;
    e.train.learning_rate = kinds[_i / 2].rate;
    e.train.weight_decay = 0.01;
    e.train.clip = 5;
    e.train.warmup = 10;
    e.train.patience = 50;
    e.train.average = _i == 3 ? 0 : 0.9;
    struct job *const whole = trained(&e, "whole"), *const parts = make_job(&e, "parts");
    ok(ss_trainer_start(parts->t));
    for (size_t i = 0; i < SS_COUNT(stops); i++) {
        parts->stop_at = stops[i];
        ck_assert_int_eq(run(parts), SS_ERR_INTERRUPTED);
        ck_assert_uint_eq(ss_trainer_step(parts->t), stops[i]);
        ck_assert_uint_eq(parts->last_checkpoint, stops[i]);
        resume(parts);
        ck_assert_uint_eq(ss_trainer_step(parts->t), stops[i]);
    }
    parts->stop_at = 0;
    ok(run(parts));
    for (uint64_t step = 10; step <= 40; step += 10)
        check_same_file(file_of(whole, step), file_of(parts, step));
    check_same_file(file_of(whole, 0), file_of(parts, 0));
    ck_assert_uint_eq(whole->n_evaluations, parts->n_evaluations);
    for (size_t i = 0; i < whole->n_evaluations; i++) {
        ck_assert(whole->evaluations[i].objective.mean == parts->evaluations[i].objective.mean);
        ck_assert(whole->evaluations[i].best == parts->evaluations[i].best);
    }
    ck_assert_uint_eq(whole->n_reports, parts->n_reports);
    for (size_t i = 0; i < whole->n_reports; i++) {
        ck_assert_uint_eq(whole->reports[i].step, parts->reports[i].step);
        ck_assert(whole->reports[i].loss == parts->reports[i].loss);
        ck_assert(whole->reports[i].learning_rate == parts->reports[i].learning_rate);
    }
    free_job(whole);
    free_job(parts);
}
END_TEST

START_TEST(rows_in_host_memory_make_the_same_run)
{
    struct ss_experiment e = small;

    e.data.transforms = (struct ss_transform_options[]){{.kind = SS_TRANSFORM_NOISE, .value = 0.1}};
    e.data.n_transforms = 1;
    e.data.transforms_given = true;
    struct job *const near = trained(&e, "near");
    e.data.memory = SS_RESIDENCE_HOST;
    struct job *const far = trained(&e, "far");
    check_same_file(file_of(near, 40), file_of(far, 40));
    check_same_file(file_of(near, 0), file_of(far, 0));
    free_job(near);
    free_job(far);
}
END_TEST

START_TEST(a_damaged_checkpoint_costs_only_the_steps_since_the_one_before)
{
    struct job *const whole = trained(&small, "whole"), *const hurt = trained(&small, "hurt");

    ok(ss_file_write(file_of(hurt, 40), "torn", 4));
    ok(ss_file_write(file_of(hurt, 30), "torn", 4));
    scratch_hush();
    resume(hurt);
    ck_assert_uint_eq(ss_trainer_step(hurt->t), 20);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "step-00000040"));
    ck_assert_ptr_nonnull(strstr(scratch_said(), "step-00000030"));
    ok(run(hurt));
    check_same_file(file_of(whole, 40), file_of(hurt, 40));
    check_same_file(file_of(whole, 30), file_of(hurt, 30));
    check_same_file(file_of(whole, 0), file_of(hurt, 0));
    free_job(whole);
    free_job(hurt);
}
END_TEST

START_TEST(a_finished_run_goes_on_when_it_is_given_more_steps)
{
    struct ss_experiment e = small, shorter;

    e.train.schedule = SS_SCHEDULE_CONSTANT;
    e.train.steps = 45;
    shorter = e;
    shorter.train.steps = 30;
    struct job *const whole = trained(&e, "whole"), *const grown = trained(&shorter, "grown");
    resume(grown);
    const size_t n_reports = grown->n_reports, n_checkpoints = grown->n_checkpoints;
    ok(run(grown)); /* finished: nothing to do */
    ck_assert_uint_eq(grown->n_reports, n_reports);
    ck_assert_uint_eq(grown->n_checkpoints, n_checkpoints);
    grown->e.train.steps = 45;
    resume(grown);
    ck_assert_uint_eq(ss_trainer_steps(grown->t), 45);
    ok(run(grown));
    check_same_file(file_of(whole, 0), file_of(grown, 0));
    /* Only the sums of the loss differ: the shorter run reported once more. */
    float *a = NULL, *b = NULL;
    uint64_t step;
    const size_t n = ss_graph_flat_size(whole->model->graph);
    ok(ss_allocate(n, &a));
    ok(ss_allocate(n, &b));
    ok(ss_checkpoint_load_weights(whole->folder, whole->model->graph, SS_WEIGHTS_LAST, a, &step));
    ok(ss_checkpoint_load_weights(grown->folder, grown->model->graph, SS_WEIGHTS_LAST, b, &step));
    ck_assert_uint_eq(step, 45);
    ck_assert(memcmp(a, b, n * 4) == 0);
    free(a);
    free(b);
    free_job(whole);
    free_job(grown);
}
END_TEST

START_TEST(without_a_checkpoint_there_is_nothing_to_resume)
{
    struct job *const j = make_job(&small, "empty");
    bool found = true;

    ok(ss_trainer_resume(j->t, &found));
    ck_assert(!found);
    ok(ss_trainer_start(j->t));
    ok(run(j));
    ck_assert_uint_eq(ss_trainer_step(j->t), 40);
    free_job(j);
}
END_TEST

START_TEST(another_model_is_refused_at_resume)
{
    struct job *const j = trained(&small, "a");
    bool found = false;

    ss_trainer_free(j->t);
    j->t = NULL;
    ss_model_free(j->model);
    j->e.model.hidden[1] = 13;
    ok(ss_model_create(&j->e.model, 2, &j->model));
    open_trainer(j);
    scratch_hush();
    ck_assert_int_eq(ss_trainer_resume(j->t, &found), SS_ERR_USAGE);
    ck_assert(!found);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "(13, 12)"));
    ck_assert_ptr_nonnull(strstr(scratch_said(), "(12, 12)"));
    free_job(j);
}
END_TEST

START_TEST(a_lost_best_is_told_and_the_next_evaluation_makes_another)
{
    struct job *const j = trained(&small, "a");

    ck_assert_int_eq(unlink(file_of(j, 0)), 0);
    ck_assert_int_eq(unlink(file_of(j, 40)), 0);
    scratch_hush();
    resume(j);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "best.safetensors"));
    ok(run(j));
    ck_assert(ss_path_exists(file_of(j, 0)));
    free_job(j);
}
END_TEST

/* ---- reports and evaluations ---- */

START_TEST(reports_come_when_due_and_tell_the_mean_of_every_step)
{
    struct ss_experiment e = small;

    e.train.report_every = 1;
    struct job *const each = trained(&e, "each"), *const seventh = trained(&small, "seventh");
    ck_assert_uint_eq(each->n_reports, 40);
    ck_assert_uint_eq(seventh->n_reports, 6);
    for (size_t i = 0; i < 6; i++) {
        const struct ss_train_report *const r = &seventh->reports[i];
        const uint64_t step = i < 5 ? 7 * (i + 1) : 40, first = 7 * i;
        double mean = 0;
        ck_assert_uint_eq(r->step, step);
        ck_assert_uint_eq(r->steps, 40);
        for (uint64_t s = first; s < step; s++)
            mean += each->reports[s].loss / (double)(step - first);
        ck_assert_double_eq_tol(r->loss, mean, 1e-6 * (1 + fabs(mean)));
        ck_assert(r->gradient_norm == each->reports[step - 1].gradient_norm && r->gradient_norm > 0);
        ck_assert_double_eq_tol(r->learning_rate,
                                1e-2 * (1 + cos(3.14159265358979 * (double)(step - 1) / 40)) / 2, 1e-12);
        ck_assert(r->skipped == 0 && r->rows_per_second > 0 && r->seconds > 0);
    }
    check_same_file(file_of(each, 0), file_of(seventh, 0)); /* looking changes nothing */
    free_job(each);
    free_job(seventh);
}
END_TEST

START_TEST(the_best_is_kept_with_its_averaged_weights)
{
    struct ss_experiment e = small;
    float *best = NULL, *want = NULL;
    uint64_t step, last, best_step;
    double objective;

    e.train.learning_rate = 0.3; /* restless, so that the best is not the last */
    e.train.schedule = SS_SCHEDULE_CONSTANT;
    e.train.checkpoint_every = e.evaluate.every = 5;
    struct job *const j = trained(&e, "a");
    size_t lowest = 0;
    ck_assert_uint_eq(j->n_evaluations, 8);
    for (size_t i = 0; i < 8; i++) {
        ck_assert_uint_eq(j->evaluations[i].step, 5 * (i + 1));
        ck_assert(j->evaluations[i].best ==
                  (i == 0 || j->evaluations[i].objective.mean < j->evaluations[lowest].objective.mean));
        ck_assert(j->evaluations[i].objective.standard_error > 0);
        if (j->evaluations[i].best)
            lowest = i;
    }
    ck_assert(ss_trainer_best(j->t, &best_step, &objective));
    ck_assert_uint_eq(best_step, 5 * (lowest + 1));
    ck_assert(objective == j->evaluations[lowest].objective.mean);
    const size_t n = ss_graph_flat_size(j->model->graph);
    ok(ss_allocate(n, &best));
    ok(ss_allocate(n, &want));
    ok(ss_checkpoint_load_weights(j->folder, j->model->graph, SS_WEIGHTS_BEST, best, &step));
    ck_assert_uint_eq(step, best_step);
    for (last = 40; last > best_step; last -= 5)
        ck_assert_int_eq(unlink(file_of(j, last)), 0);
    ok(ss_checkpoint_load_weights(j->folder, j->model->graph, SS_WEIGHTS_LAST, want, &step));
    ck_assert_uint_eq(step, best_step);
    ck_assert(memcmp(best, want, n * 4) == 0);
    free(best);
    free(want);
    free_job(j);
}
END_TEST

START_TEST(training_stops_early_when_evaluations_no_longer_improve)
{
    struct ss_experiment e = small;

    e.train.learning_rate = 1e-30; /* nothing moves: each evaluation draws the same and finds the same */
    e.train.patience = 2;
    e.evaluate.every = 5;
    struct job *const j = trained(&e, "a");
    ck_assert_uint_eq(ss_trainer_step(j->t), 15);
    ck_assert_uint_eq(j->n_evaluations, 3);
    ck_assert(j->evaluations[0].best && !j->evaluations[1].best && !j->evaluations[2].best);
    ck_assert(j->evaluations[0].objective.mean == j->evaluations[2].objective.mean);
    ck_assert_uint_eq(j->last_checkpoint, 15);
    ck_assert_uint_eq(j->reports[j->n_reports - 1].step, 15);
    resume(j);
    ok(run(j));
    ck_assert_uint_eq(ss_trainer_step(j->t), 15);
    ck_assert_uint_eq(j->n_evaluations, 3);
    free_job(j);
}
END_TEST

START_TEST(without_validation_rows_nothing_is_evaluated_and_the_last_is_the_best)
{
    struct ss_experiment e = small;
    uint64_t step;
    double objective;
    float *flat = NULL;

    e.data.validation = 0;
    e.train.patience = 1;
    struct job *const j = trained(&e, "a");
    ck_assert_ptr_nonnull(strstr(scratch_said(), "train.patience"));
    ck_assert_uint_eq(j->n_evaluations, 0);
    ck_assert(!ss_path_exists(file_of(j, 0)));
    ck_assert(!ss_trainer_best(j->t, &step, &objective));
    ok(ss_allocate(ss_graph_flat_size(j->model->graph), &flat));
    ok(ss_checkpoint_load_weights(j->folder, j->model->graph, SS_WEIGHTS_BEST, flat, &step));
    ck_assert_uint_eq(step, 40);
    free(flat);
    free_job(j);
}
END_TEST

START_TEST(an_evaluation_does_not_depend_on_the_batch)
{
    struct ss_experiment e = small;

    e.train.learning_rate = 1e-30;
    e.train.steps = e.evaluate.every = 1;
    struct job *const large = trained(&e, "large");
    e.train.batch = 7; /* evaluated by a plan of its own */
    struct job *const tiny = trained(&e, "tiny");
    const struct ss_estimate a = large->evaluations[0].objective, b = tiny->evaluations[0].objective;
    /* The same rows, slices and weights; sums of floats in products of another shape. */
    ck_assert_double_eq_tol(a.mean, b.mean, 1e-5 * (1 + fabs(a.mean)));
    ck_assert_double_eq_tol(a.standard_error, b.standard_error, 1e-5);
    free_job(large);
    free_job(tiny);
}
END_TEST

START_TEST(only_the_last_few_checkpoints_are_kept)
{
    struct ss_experiment e = small;

    e.train.checkpoint_keep = 2;
    struct job *const j = trained(&e, "a");
    ck_assert(ss_path_exists(file_of(j, 40)) && ss_path_exists(file_of(j, 30)));
    ck_assert(!ss_path_exists(file_of(j, 20)) && !ss_path_exists(file_of(j, 10)));
    ck_assert(ss_path_exists(file_of(j, 0)));
    ck_assert_uint_eq(j->n_checkpoints, 4);
    free_job(j);
}
END_TEST

/* ---- things that go wrong ---- */

static struct ss_experiment explosive(void)
{
    struct ss_experiment e = small;

    e.train.optimizer = SS_OPTIMIZER_SGD;
    e.train.learning_rate = 50;
    e.train.schedule = SS_SCHEDULE_CONSTANT;
    e.train.checkpoint_every = 2;
    e.train.report_every = 3;
    e.evaluate.every = 0;
    return e;
}

START_TEST(divergence_stops_before_the_bad_step_and_says_what_to_try)
{
    const struct ss_experiment e = explosive();
    struct job *const j = make_job(&e, "a");
    char bad[64];

    ok(ss_trainer_start(j->t));
    scratch_hush();
    ck_assert_int_eq(run(j), SS_ERR_DIVERGED);
    const uint64_t step = ss_trainer_step(j->t); /* good steps */
    ck_assert_uint_gt(step, 0);
    ck_assert_uint_lt(step, 40);
    snprintf(bad, sizeof(bad), "at step %d ", (int)step + 1);
    ck_assert_msg(strstr(scratch_said(), bad) != NULL, "%s", scratch_said());
    ck_assert_ptr_nonnull(strstr(scratch_said(), "learning_rate"));
    ck_assert_ptr_nonnull(strstr(scratch_said(), "not finite"));
    ck_assert_uint_eq(j->last_checkpoint, step);
    for (uint64_t s = 2; s < step; s += 2)
        check_finite(j, s);
    check_finite(j, step);
    for (uint64_t s = step + 1; s <= 40; s++)
        ck_assert(!ss_path_exists(file_of(j, s)));
    for (size_t i = 0; i < j->n_reports; i++)
        ck_assert(isfinite(j->reports[i].loss) && j->reports[i].step <= step);
    ck_assert_int_eq(run(j), SS_ERR_DIVERGED); /* again: it stays so */
    resume(j);
    ck_assert_int_eq(run(j), SS_ERR_DIVERGED);
    ck_assert_uint_eq(ss_trainer_step(j->t), step);
    free_job(j);
}
END_TEST

START_TEST(under_skip_a_run_ends_with_finite_weights_and_counts_what_it_left_out)
{
    struct ss_experiment e = explosive();

    e.train.nonfinite = SS_NONFINITE_SKIP;
    struct job *const j = trained(&e, "a");
    const struct ss_train_report *const last = &j->reports[j->n_reports - 1];
    ck_assert_uint_eq(ss_trainer_step(j->t), 40);
    ck_assert_uint_gt(last->skipped, 0);
    ck_assert_uint_lt(last->skipped, 40);
    ck_assert(isnan(last->loss)); /* once it has blown up, no step of the interval counts */
    ck_assert_ptr_nonnull(strstr(scratch_said(), "all were skipped"));
    check_finite(j, 40);
    resume(j);
    j->e.train.steps = 44;
    resume(j);
    ok(run(j));
    ck_assert_uint_eq(j->reports[j->n_reports - 1].skipped, last->skipped + 4);
    free_job(j);
}
END_TEST

START_TEST(one_poisoned_row_costs_one_step_an_epoch)
{
    struct ss_experiment e = small;
    struct ss_text rows;

    ss_text_init(&rows);
    ss_text_add(&rows, "a,b\n");
    for (int i = 0; i < 100; i++)
        ss_text_addf(&rows, i == 42 ? "1e30,%g\n" : "%g,0.5\n", cos(i * i));
    ok(ss_text_status(&rows));
    char *const file = strdup(scratch_text("rows.csv", rows.data));
    ss_text_release(&rows);
    e.data = (struct ss_data_options){.file = file, .noise = NAN, .transforms_given = true};
    e.train.nonfinite = SS_NONFINITE_SKIP;
    e.train.batch = 10;
    e.train.steps = 0;
    e.train.epochs = 4;
    struct job *const j = trained(&e, "a");
    const struct ss_train_report *const last = &j->reports[j->n_reports - 1];
    ck_assert_uint_eq(ss_trainer_step(j->t), 40);
    ck_assert_uint_eq(last->skipped, 4);
    for (size_t i = 0; i < j->n_reports; i++)
        ck_assert(isfinite(j->reports[i].loss));
    check_finite(j, 40);
    free_job(j);
    free(file);
}
END_TEST

START_TEST(a_failed_write_is_told_and_the_run_can_go_on_from_memory)
{
    struct job *const whole = trained(&small, "whole"), *const j = make_job(&small, "full");

    ok(ss_trainer_start(j->t));
    ck_assert_int_eq(rmdir(j->folder), 0);
    scratch_hush();
    ck_assert_int_eq(run(j), SS_ERR_FILE);
    ck_assert_uint_eq(ss_trainer_step(j->t), 10);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "step-00000010"));
    ok(ss_folder_create(j->folder));
    ok(run(j));
    check_same_file(file_of(whole, 10), file_of(j, 10));
    check_same_file(file_of(whole, 40), file_of(j, 40));
    check_same_file(file_of(whole, 0), file_of(j, 0));
    free_job(whole);
    free_job(j);
}
END_TEST

START_TEST(fine_tuning_starts_from_the_weights_of_a_run_or_a_file)
{
    struct job *const from = trained(&small, "run/ckpt"), *to = NULL;
    struct ss_span average;
    struct ss_experiment e = small;
    const size_t n = ss_graph_flat_size(from->model->graph);
    float *want = NULL, *have = NULL;
    uint64_t step;
    char run_folder[600];

    ok(ss_allocate(n, &want));
    ok(ss_allocate(n, &have));
    ok(ss_checkpoint_load_weights(from->folder, from->model->graph, SS_WEIGHTS_BEST, want, &step));
    snprintf(run_folder, sizeof(run_folder), "%s", scratch_path("run"));
    char file[600];
    snprintf(file, sizeof(file), "%s", file_of(from, 0));
    char *const starts[] = {run_folder, from->folder, file};
    for (size_t i = 0; i < 3; i++) {
        e.train.start = starts[i];
        to = make_job(&e, "to");
        ok(ss_trainer_start(to->t));
        ck_assert_uint_eq(ss_trainer_step(to->t), 0);
        ok(ss_span_read(ss_trainer_weights(to->t), have, n));
        ck_assert(memcmp(want, have, n * 4) == 0);
        ok(ss_trainer_averaged(to->t, &average));
        ok(ss_span_read(average, have, n));
        ck_assert(memcmp(want, have, n * 4) == 0);
        free_job(to);
    }
    e.train.start = (char *)"/nowhere.safetensors";
    to = make_job(&e, "to");
    ck_assert_int_eq(ss_trainer_start(to->t), SS_ERR_FILE);
    free_job(to);
    e.train.start = file;
    e.model.n_hidden = 1;
    to = make_job(&e, "to");
    scratch_hush();
    ck_assert_int_eq(ss_trainer_start(to->t), SS_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "shape"));
    free_job(to);
    free(want);
    free(have);
    free_job(from);
}
END_TEST

START_TEST(a_split_that_leaves_no_training_rows_or_columns_that_differ_are_refused)
{
    struct ss_experiment e = small;
    struct job *const j = make_job(&e, "a");
    struct ss_trainer *t = NULL;
    struct ss_train_setup setup = {.device = device,
                                   .model = j->model,
                                   .dataset = j->dataset,
                                   .experiment = &j->e,
                                   .checkpoint_folder = j->folder};

    j->e.train.steps = 0;
    ck_assert_int_eq(ss_trainer_create(&setup, &t), SS_ERR_USAGE);
    j->e.train.steps = 1;
    ss_trainer_free(j->t);
    j->t = NULL;
    ss_model_free(j->model);
    ok(ss_model_create(&j->e.model, 3, &j->model));
    setup.model = j->model;
    ck_assert_int_eq(ss_trainer_create(&setup, &t), SS_ERR_INTERNAL);
    ck_assert_ptr_null(t);
    free_job(j);
}
END_TEST

/* ---- memory ---- */

#if !defined(__SANITIZE_ADDRESS__)
static long resident_pages(void)
{
    long total, resident = 0;
    FILE *const f = fopen("/proc/self/statm", "r");

    if (f && fscanf(f, "%ld %ld", &total, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return resident;
}
#else
static long resident_pages(void)
{
    return 0; /* the sanitizer keeps freed memory back */
}
#endif

START_TEST(thousands_of_steps_take_no_more_memory_and_build_nothing)
{
    struct ss_experiment e = small;

    e.train.steps = 4000;
    e.train.schedule = SS_SCHEDULE_CONSTANT;
    e.train.learning_rate = 1e-3;
    e.train.checkpoint_every = 0;
    e.train.report_every = 20;
    e.evaluate.every = 500;
    struct job *const j = make_job(&e, "a");
    ok(ss_trainer_start(j->t));
    j->stop_at = 1000;
    ck_assert_int_eq(run(j), SS_ERR_INTERRUPTED);
    const size_t allocated = ss_device_allocated(device), builds = ss_device_builds(device, NULL);
    const long pages = resident_pages();
    j->stop_at = 0;
    ok(run(j));
    ck_assert_uint_eq(ss_device_allocated(device), allocated);
    ck_assert_uint_eq(ss_device_builds(device, NULL), builds);
    /* 3000 steps of some 40 launches: a leak of 16 bytes a launch would be 500 pages. */
    ck_assert_int_lt(resident_pages() - pages, 300);
    free_job(j);
}
END_TEST

/* Too many steps for a simulator of devices. */
static void add_long_tests(TCase *c)
{
    tcase_add_test(c, a_gaussian_is_recovered);
    tcase_add_loop_test(c, a_resumed_run_is_the_run_that_was_never_stopped, 0, 2 * (int)SS_COUNT(kinds));
    tcase_add_test(c, rows_in_host_memory_make_the_same_run);
    tcase_add_test(c, a_damaged_checkpoint_costs_only_the_steps_since_the_one_before);
    tcase_add_test(c, a_finished_run_goes_on_when_it_is_given_more_steps);
    tcase_add_test(c, without_a_checkpoint_there_is_nothing_to_resume);
    tcase_add_test(c, another_model_is_refused_at_resume);
    tcase_add_test(c, a_lost_best_is_told_and_the_next_evaluation_makes_another);
    tcase_add_test(c, reports_come_when_due_and_tell_the_mean_of_every_step);
    tcase_add_test(c, the_best_is_kept_with_its_averaged_weights);
    tcase_add_test(c, without_validation_rows_nothing_is_evaluated_and_the_last_is_the_best);
    tcase_add_test(c, an_evaluation_does_not_depend_on_the_batch);
    tcase_add_test(c, only_the_last_few_checkpoints_are_kept);
    tcase_add_test(c, under_skip_a_run_ends_with_finite_weights_and_counts_what_it_left_out);
    tcase_add_test(c, one_poisoned_row_costs_one_step_an_epoch);
    tcase_add_test(c, a_failed_write_is_told_and_the_run_can_go_on_from_memory);
    tcase_add_test(c, fine_tuning_starts_from_the_weights_of_a_run_or_a_file);
    tcase_add_test(c, a_split_that_leaves_no_training_rows_or_columns_that_differ_are_refused);
    tcase_add_test(c, thousands_of_steps_take_no_more_memory_and_build_nothing);
}

int main(void)
{
    Suite *const s = suite_create("train");
    TCase *const c = tcase_create("train");

    tcase_set_timeout(c, 300);
    tcase_add_unchecked_fixture(c, open_device, close_device);
    tcase_add_checked_fixture(c, scratch_set_up, scratch_tear_down);
    tcase_add_test(c, training_stops_early_when_evaluations_no_longer_improve);
    tcase_add_test(c, divergence_stops_before_the_bad_step_and_says_what_to_try);
    if (!getenv("SLICESCORE_TEST_SMALL"))
        add_long_tests(c);
    suite_add_tcase(s, c);
    SRunner *const r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
