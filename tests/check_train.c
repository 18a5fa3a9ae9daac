/* The training loop: what it learns, what it says and saves, what it takes. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "support/device.h"
#include "support/job.h"
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

/* ---- learning ---- */

START_TEST(a_gaussian_is_recovered)
{
    struct ss_experiment e = job_small;
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
    struct job *const j = job_trained(device, &e, "gaussian");

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
    job_free(j);
}
END_TEST

/* ---- reports and evaluations ---- */

START_TEST(reports_come_when_due_and_tell_the_mean_of_every_step)
{
    struct ss_experiment e = job_small;

    e.train.report_every = 1;
    struct job *const each = job_trained(device, &e, "each"), *const seventh =
                                                                  job_trained(device, &job_small, "seventh");
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
    check_same_file(job_file(each, 0), job_file(seventh, 0)); /* looking changes nothing */
    job_free(each);
    job_free(seventh);
}
END_TEST

START_TEST(the_best_is_kept_with_its_averaged_weights)
{
    struct ss_experiment e = job_small;
    float *best = NULL, *want = NULL;
    uint64_t step, last, best_step;
    double objective;

    e.train.learning_rate = 0.3; /* restless, so that the best is not the last */
    e.train.schedule = SS_SCHEDULE_CONSTANT;
    e.train.checkpoint_every = e.evaluate.every = 5;
    struct job *const j = job_trained(device, &e, "a");
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
        ck_assert_int_eq(unlink(job_file(j, last)), 0);
    ok(ss_checkpoint_load_weights(j->folder, j->model->graph, SS_WEIGHTS_LAST, want, &step));
    ck_assert_uint_eq(step, best_step);
    ck_assert(memcmp(best, want, n * 4) == 0);
    free(best);
    free(want);
    job_free(j);
}
END_TEST

START_TEST(training_stops_early_when_evaluations_no_longer_improve)
{
    struct ss_experiment e = job_small;

    e.train.learning_rate = 1e-30; /* nothing moves: each evaluation draws the same and finds the same */
    e.train.patience = 2;
    e.evaluate.every = 5;
    struct job *const j = job_trained(device, &e, "a");
    ck_assert_uint_eq(ss_trainer_step(j->t), 15);
    ck_assert_uint_eq(j->n_evaluations, 3);
    ck_assert(j->evaluations[0].best && !j->evaluations[1].best && !j->evaluations[2].best);
    ck_assert(j->evaluations[0].objective.mean == j->evaluations[2].objective.mean);
    ck_assert_uint_eq(j->last_checkpoint, 15);
    ck_assert_uint_eq(j->reports[j->n_reports - 1].step, 15);
    job_resume(j);
    ok(job_run(j));
    ck_assert_uint_eq(ss_trainer_step(j->t), 15);
    ck_assert_uint_eq(j->n_evaluations, 3);
    job_free(j);
}
END_TEST

START_TEST(without_validation_rows_nothing_is_evaluated_and_the_last_is_the_best)
{
    struct ss_experiment e = job_small;
    uint64_t step;
    double objective;
    float *flat = NULL;

    e.data.validation = 0;
    e.train.patience = 1;
    struct job *const j = job_trained(device, &e, "a");
    ck_assert_ptr_nonnull(strstr(scratch_said(), "train.patience"));
    ck_assert_uint_eq(j->n_evaluations, 0);
    ck_assert(!ss_path_exists(job_file(j, 0)));
    ck_assert(!ss_trainer_best(j->t, &step, &objective));
    ok(ss_allocate(ss_graph_flat_size(j->model->graph), &flat));
    ok(ss_checkpoint_load_weights(j->folder, j->model->graph, SS_WEIGHTS_BEST, flat, &step));
    ck_assert_uint_eq(step, 40);
    free(flat);
    job_free(j);
}
END_TEST

START_TEST(an_evaluation_does_not_depend_on_the_batch)
{
    struct ss_experiment e = job_small;

    e.train.learning_rate = 1e-30;
    e.train.steps = e.evaluate.every = 1;
    struct job *const large = job_trained(device, &e, "large");
    e.train.batch = 7; /* evaluated by a plan of its own */
    struct job *const tiny = job_trained(device, &e, "tiny");
    const struct ss_estimate a = large->evaluations[0].objective, b = tiny->evaluations[0].objective;
    /* The same rows, slices and weights; sums of floats in products of another shape. */
    ck_assert_double_eq_tol(a.mean, b.mean, 1e-5 * (1 + fabs(a.mean)));
    ck_assert_double_eq_tol(a.standard_error, b.standard_error, 1e-5);
    job_free(large);
    job_free(tiny);
}
END_TEST

START_TEST(only_the_last_few_checkpoints_are_kept)
{
    struct ss_experiment e = job_small;

    e.train.checkpoint_keep = 2;
    struct job *const j = job_trained(device, &e, "a");
    ck_assert(ss_path_exists(job_file(j, 40)) && ss_path_exists(job_file(j, 30)));
    ck_assert(!ss_path_exists(job_file(j, 20)) && !ss_path_exists(job_file(j, 10)));
    ck_assert(ss_path_exists(job_file(j, 0)));
    ck_assert_uint_eq(j->n_checkpoints, 4);
    job_free(j);
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
    struct ss_experiment e = job_small;

    e.train.steps = 4000;
    e.train.schedule = SS_SCHEDULE_CONSTANT;
    e.train.learning_rate = 1e-3;
    e.train.checkpoint_every = 0;
    e.train.report_every = 20;
    e.evaluate.every = 500;
    struct job *const j = job_make(device, &e, "a");
    ok(ss_trainer_start(j->t));
    j->stop_at = 1000;
    ck_assert_int_eq(job_run(j), SS_ERR_INTERRUPTED);
    const size_t allocated = ss_device_allocated(device), builds = ss_device_builds(device, NULL);
    const long pages = resident_pages();
    j->stop_at = 0;
    ok(job_run(j));
    ck_assert_uint_eq(ss_device_allocated(device), allocated);
    ck_assert_uint_eq(ss_device_builds(device, NULL), builds);
    /* 3000 steps of some 40 launches: a leak of 16 bytes a launch would be 500 pages. */
    ck_assert_int_lt(resident_pages() - pages, 300);
    job_free(j);
}
END_TEST

/* Too many steps for a simulator of devices. */
static void add_long_tests(TCase *c)
{
    tcase_add_test(c, a_gaussian_is_recovered);
    tcase_add_test(c, reports_come_when_due_and_tell_the_mean_of_every_step);
    tcase_add_test(c, the_best_is_kept_with_its_averaged_weights);
    tcase_add_test(c, without_validation_rows_nothing_is_evaluated_and_the_last_is_the_best);
    tcase_add_test(c, an_evaluation_does_not_depend_on_the_batch);
    tcase_add_test(c, only_the_last_few_checkpoints_are_kept);
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
    if (!test_small())
        add_long_tests(c);
    suite_add_tcase(s, c);
    return run_device_suite(s);
}
