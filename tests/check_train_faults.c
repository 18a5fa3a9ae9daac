/* Training that is stopped, damaged or diverges: that going on is never noticed, and that nothing is lost. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/text.h"
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
    struct ss_experiment e = job_small;

    e.objective.kind = _i % 2 ? SS_OBJECTIVE_DSM : SS_OBJECTIVE_SSM;
    e.train.optimizer = kinds[_i / 2].optimizer;
    e.train.momentum = kinds[_i / 2].momentum;
    e.train.learning_rate = kinds[_i / 2].rate;
    e.train.weight_decay = 0.01;
    e.train.clip = 5;
    e.train.warmup = 10;
    e.train.patience = 50;
    e.train.average = _i == 3 ? 0 : 0.9;
    struct job *const whole = job_trained(device, &e, "whole"), *const parts = job_make(device, &e, "parts");
    ok(ss_trainer_start(parts->t));
    for (size_t i = 0; i < SS_COUNT(stops); i++) {
        parts->stop_at = stops[i];
        ck_assert_int_eq(job_run(parts), SS_ERR_INTERRUPTED);
        ck_assert_uint_eq(ss_trainer_step(parts->t), stops[i]);
        ck_assert_uint_eq(parts->last_checkpoint, stops[i]);
        job_resume(parts);
        ck_assert_uint_eq(ss_trainer_step(parts->t), stops[i]);
    }
    parts->stop_at = 0;
    ok(job_run(parts));
    for (uint64_t step = 10; step <= 40; step += 10)
        check_same_file(job_file(whole, step), job_file(parts, step));
    check_same_file(job_file(whole, 0), job_file(parts, 0));
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
    job_free(whole);
    job_free(parts);
}
END_TEST

START_TEST(rows_in_host_memory_make_the_same_run)
{
    struct ss_experiment e = job_small;

    e.data.transforms = (struct ss_transform_options[]){{.kind = SS_TRANSFORM_NOISE, .value = 0.1}};
    e.data.n_transforms = 1;
    e.data.transforms_given = true;
    struct job *const near = job_trained(device, &e, "near");
    e.data.memory = SS_RESIDENCE_HOST;
    struct job *const far = job_trained(device, &e, "far");
    check_same_file(job_file(near, 40), job_file(far, 40));
    check_same_file(job_file(near, 0), job_file(far, 0));
    job_free(near);
    job_free(far);
}
END_TEST

START_TEST(a_damaged_checkpoint_costs_only_the_steps_since_the_one_before)
{
    struct job *const whole = job_trained(device, &job_small, "whole"), *const hurt = job_trained(
                                                                            device, &job_small, "hurt");

    ok(ss_file_write(job_file(hurt, 40), "torn", 4));
    ok(ss_file_write(job_file(hurt, 30), "torn", 4));
    scratch_hush();
    job_resume(hurt);
    ck_assert_uint_eq(ss_trainer_step(hurt->t), 20);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "step-00000040"));
    ck_assert_ptr_nonnull(strstr(scratch_said(), "step-00000030"));
    ok(job_run(hurt));
    check_same_file(job_file(whole, 40), job_file(hurt, 40));
    check_same_file(job_file(whole, 30), job_file(hurt, 30));
    check_same_file(job_file(whole, 0), job_file(hurt, 0));
    job_free(whole);
    job_free(hurt);
}
END_TEST

START_TEST(a_finished_run_goes_on_when_it_is_given_more_steps)
{
    struct ss_experiment e = job_small, shorter;

    e.train.schedule = SS_SCHEDULE_CONSTANT;
    e.train.steps = 45;
    shorter = e;
    shorter.train.steps = 30;
    struct job *const whole = job_trained(device, &e, "whole"), *const grown =
                                                                    job_trained(device, &shorter, "grown");
    job_resume(grown);
    const size_t n_reports = grown->n_reports, n_checkpoints = grown->n_checkpoints;
    ok(job_run(grown)); /* finished: nothing to do */
    ck_assert_uint_eq(grown->n_reports, n_reports);
    ck_assert_uint_eq(grown->n_checkpoints, n_checkpoints);
    grown->e.train.steps = 45;
    job_resume(grown);
    ck_assert_uint_eq(ss_trainer_steps(grown->t), 45);
    ok(job_run(grown));
    check_same_file(job_file(whole, 0), job_file(grown, 0));
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
    job_free(whole);
    job_free(grown);
}
END_TEST

START_TEST(without_a_checkpoint_there_is_nothing_to_resume)
{
    struct job *const j = job_make(device, &job_small, "empty");
    bool found = true;

    ok(ss_trainer_resume(j->t, &found));
    ck_assert(!found);
    ok(ss_trainer_start(j->t));
    ok(job_run(j));
    ck_assert_uint_eq(ss_trainer_step(j->t), 40);
    job_free(j);
}
END_TEST

START_TEST(another_model_is_refused_at_resume)
{
    struct job *const j = job_trained(device, &job_small, "a");
    bool found = false;

    ss_trainer_free(j->t);
    j->t = NULL;
    ss_model_free(j->model);
    j->e.model.hidden[1] = 13;
    ok(ss_model_create(&j->e.model, 2, &j->model));
    job_open(j);
    scratch_hush();
    ck_assert_int_eq(ss_trainer_resume(j->t, &found), SS_ERR_USAGE);
    ck_assert(!found);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "(13, 12)"));
    ck_assert_ptr_nonnull(strstr(scratch_said(), "(12, 12)"));
    job_free(j);
}
END_TEST

START_TEST(a_lost_best_is_told_and_the_next_evaluation_makes_another)
{
    struct job *const j = job_trained(device, &job_small, "a");

    ck_assert_int_eq(unlink(job_file(j, 0)), 0);
    ck_assert_int_eq(unlink(job_file(j, 40)), 0);
    scratch_hush();
    job_resume(j);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "best.safetensors"));
    ok(job_run(j));
    ck_assert(ss_path_exists(job_file(j, 0)));
    job_free(j);
}
END_TEST

/* ---- things that go wrong ---- */

static struct ss_experiment explosive(void)
{
    struct ss_experiment e = job_small;

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
    struct job *const j = job_make(device, &e, "a");
    char bad[64];

    ok(ss_trainer_start(j->t));
    scratch_hush();
    ck_assert_int_eq(job_run(j), SS_ERR_DIVERGED);
    const uint64_t step = ss_trainer_step(j->t); /* good steps */
    ck_assert_uint_gt(step, 0);
    ck_assert_uint_lt(step, 40);
    snprintf(bad, sizeof(bad), "at step %d ", (int)step + 1);
    ck_assert_msg(strstr(scratch_said(), bad) != NULL, "%s", scratch_said());
    ck_assert_ptr_nonnull(strstr(scratch_said(), "learning_rate"));
    ck_assert_ptr_nonnull(strstr(scratch_said(), "not finite"));
    ck_assert_uint_eq(j->last_checkpoint, step);
    for (uint64_t s = 2; s < step; s += 2)
        job_check_finite(j, s);
    job_check_finite(j, step);
    for (uint64_t s = step + 1; s <= 40; s++)
        ck_assert(!ss_path_exists(job_file(j, s)));
    for (size_t i = 0; i < j->n_reports; i++)
        ck_assert(isfinite(j->reports[i].loss) && j->reports[i].step <= step);
    ck_assert_int_eq(job_run(j), SS_ERR_DIVERGED); /* again: it stays so */
    job_resume(j);
    ck_assert_int_eq(job_run(j), SS_ERR_DIVERGED);
    ck_assert_uint_eq(ss_trainer_step(j->t), step);
    job_free(j);
}
END_TEST

START_TEST(under_skip_a_run_ends_with_finite_weights_and_counts_what_it_left_out)
{
    struct ss_experiment e = explosive();

    e.train.nonfinite = SS_NONFINITE_SKIP;
    struct job *const j = job_trained(device, &e, "a");
    const struct ss_train_report *const last = &j->reports[j->n_reports - 1];
    ck_assert_uint_eq(ss_trainer_step(j->t), 40);
    ck_assert_uint_gt(last->skipped, 0);
    ck_assert_uint_lt(last->skipped, 40);
    ck_assert(isnan(last->loss)); /* once it has blown up, no step of the interval counts */
    ck_assert_ptr_nonnull(strstr(scratch_said(), "all were skipped"));
    job_check_finite(j, 40);
    job_resume(j);
    j->e.train.steps = 44;
    job_resume(j);
    ok(job_run(j));
    ck_assert_uint_eq(j->reports[j->n_reports - 1].skipped, last->skipped + 4);
    job_free(j);
}
END_TEST

START_TEST(one_poisoned_row_costs_one_step_an_epoch)
{
    struct ss_experiment e = job_small;
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
    struct job *const j = job_trained(device, &e, "a");
    const struct ss_train_report *const last = &j->reports[j->n_reports - 1];
    ck_assert_uint_eq(ss_trainer_step(j->t), 40);
    ck_assert_uint_eq(last->skipped, 4);
    for (size_t i = 0; i < j->n_reports; i++)
        ck_assert(isfinite(j->reports[i].loss));
    job_check_finite(j, 40);
    job_free(j);
    free(file);
}
END_TEST

START_TEST(a_failed_write_is_told_and_the_run_can_go_on_from_memory)
{
    struct job *const whole = job_trained(device, &job_small, "whole"), *const j = job_make(
                                                                            device, &job_small, "full");

    ok(ss_trainer_start(j->t));
    ck_assert_int_eq(rmdir(j->folder), 0);
    scratch_hush();
    ck_assert_int_eq(job_run(j), SS_ERR_FILE);
    ck_assert_uint_eq(ss_trainer_step(j->t), 10);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "step-00000010"));
    ok(ss_folder_create(j->folder));
    ok(job_run(j));
    check_same_file(job_file(whole, 10), job_file(j, 10));
    check_same_file(job_file(whole, 40), job_file(j, 40));
    check_same_file(job_file(whole, 0), job_file(j, 0));
    job_free(whole);
    job_free(j);
}
END_TEST

START_TEST(fine_tuning_starts_from_the_weights_of_a_run_or_a_file)
{
    struct job *const from = job_trained(device, &job_small, "run/ckpt"), *to = NULL;
    struct ss_span average;
    struct ss_experiment e = job_small;
    const size_t n = ss_graph_flat_size(from->model->graph);
    float *want = NULL, *have = NULL;
    uint64_t step;
    char run_folder[600];

    ok(ss_allocate(n, &want));
    ok(ss_allocate(n, &have));
    ok(ss_checkpoint_load_weights(from->folder, from->model->graph, SS_WEIGHTS_BEST, want, &step));
    snprintf(run_folder, sizeof(run_folder), "%s", scratch_path("run"));
    char file[600];
    snprintf(file, sizeof(file), "%s", job_file(from, 0));
    char *const starts[] = {run_folder, from->folder, file};
    for (size_t i = 0; i < 3; i++) {
        e.train.start = starts[i];
        to = job_make(device, &e, "to");
        ok(ss_trainer_start(to->t));
        ck_assert_uint_eq(ss_trainer_step(to->t), 0);
        ok(ss_span_read(ss_trainer_weights(to->t), have, n));
        ck_assert(memcmp(want, have, n * 4) == 0);
        ok(ss_trainer_averaged(to->t, &average));
        ok(ss_span_read(average, have, n));
        ck_assert(memcmp(want, have, n * 4) == 0);
        job_free(to);
    }
    e.train.start = (char *)"/nowhere.safetensors";
    to = job_make(device, &e, "to");
    ck_assert_int_eq(ss_trainer_start(to->t), SS_ERR_FILE);
    job_free(to);
    e.train.start = file;
    e.model.n_hidden = 1;
    to = job_make(device, &e, "to");
    scratch_hush();
    ck_assert_int_eq(ss_trainer_start(to->t), SS_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "shape"));
    job_free(to);
    free(want);
    free(have);
    job_free(from);
}
END_TEST

START_TEST(a_split_that_leaves_no_training_rows_or_columns_that_differ_are_refused)
{
    struct ss_experiment e = job_small;
    struct job *const j = job_make(device, &e, "a");
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
    job_free(j);
}
END_TEST

/* Too many steps for a simulator of devices. */
static void add_long_tests(TCase *c)
{
    tcase_add_loop_test(c, a_resumed_run_is_the_run_that_was_never_stopped, 0, 2 * (int)SS_COUNT(kinds));
    tcase_add_test(c, rows_in_host_memory_make_the_same_run);
    tcase_add_test(c, a_damaged_checkpoint_costs_only_the_steps_since_the_one_before);
    tcase_add_test(c, a_finished_run_goes_on_when_it_is_given_more_steps);
    tcase_add_test(c, without_a_checkpoint_there_is_nothing_to_resume);
    tcase_add_test(c, another_model_is_refused_at_resume);
    tcase_add_test(c, a_lost_best_is_told_and_the_next_evaluation_makes_another);
    tcase_add_test(c, under_skip_a_run_ends_with_finite_weights_and_counts_what_it_left_out);
    tcase_add_test(c, one_poisoned_row_costs_one_step_an_epoch);
    tcase_add_test(c, a_failed_write_is_told_and_the_run_can_go_on_from_memory);
    tcase_add_test(c, fine_tuning_starts_from_the_weights_of_a_run_or_a_file);
    tcase_add_test(c, a_split_that_leaves_no_training_rows_or_columns_that_differ_are_refused);
}

int main(void)
{
    Suite *const s = suite_create("train_faults");
    TCase *const c = tcase_create("train_faults");

    tcase_set_timeout(c, 300);
    tcase_add_unchecked_fixture(c, open_device, close_device);
    tcase_add_checked_fixture(c, scratch_set_up, scratch_tear_down);
    tcase_add_test(c, divergence_stops_before_the_bad_step_and_says_what_to_try);
    if (!test_small())
        add_long_tests(c);
    suite_add_tcase(s, c);
    return run_device_suite(s);
}
