#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "config/config.h"
#include "model/model.h"
#include "run/record.h"
#include "support/device.h"
#include "support/runs.h"
#include "support/scratch.h"
#include "train/checkpoint.h"
#include "train/checkpoint_folder.h"

static struct ss_device *device; /* opened once: PoCL takes long to open */

static const char experiment[] = "seed: 1\n"
                                 "data: {source: gaussian, rows: 300, dimension: 3}\n"
                                 "model: {kind: energy, hidden: [9, 5], quadratic: none}\n"
                                 "objective: {kind: ssm, count: 2}\n"
                                 "train: {steps: 6, batch: 28, checkpoint: {every: 3, keep: 2}}\n"
                                 "evaluate: {every: 3, rows: 20}\n";

enum { MOST_WEIGHTS = 256 };

struct state { /* of a run of `experiment` after some step */
    struct ss_checkpoint_state s;
    float weights[MOST_WEIGHTS], average[MOST_WEIGHTS], first[MOST_WEIGHTS], second[MOST_WEIGHTS];
};

static void read_state(const struct ss_graph *graph, const char *path, struct state *x)
{
    struct ss_tensor_file *f = NULL;

    x->s = (struct ss_checkpoint_state){.seed = 1,
                                        .batch = 28,
                                        .optimizer = SS_OPTIMIZER_ADAM,
                                        .weights = x->weights,
                                        .average = x->average,
                                        .first = x->first,
                                        .second = x->second};
    ok(ss_tensor_file_open(path, &f));
    ok(ss_checkpoint_read(f, graph, &x->s));
    ss_tensor_file_free(f);
}

/* The run as a signal in its last evaluation leaves it: all steps done and saved, the evaluation not. */
static void stop_in_last_evaluation(const char *run)
{
    struct ss_experiment *e = NULL;
    struct ss_model *m = NULL;
    struct state middle, last;
    struct ss_run_record r;
    char name[2][64];

    snprintf(name[0], sizeof(name[0]), "%s/ckpt/step-00000003.safetensors", run);
    snprintf(name[1], sizeof(name[1]), "%s/ckpt/step-00000006.safetensors", run);
    ok(ss_experiment_load(scratch_path("exp.yaml"), NULL, 0, &e));
    ok(ss_model_create(&e->model, 3, &m));
    ck_assert_uint_le(ss_graph_flat_size(m->graph), MOST_WEIGHTS);
    read_state(m->graph, scratch_path(name[0]), &middle);
    read_state(m->graph, scratch_path(name[1]), &last);
    ck_assert_uint_eq(last.s.evaluated, 6);
    last.s.evaluated = middle.s.evaluated;
    last.s.best_step = middle.s.best_step;
    last.s.best_objective = middle.s.best_objective;
    last.s.without_improvement = middle.s.without_improvement;
    ok(ss_checkpoint_write(scratch_path(name[1]), m->graph, &last.s));
    ss_run_record_init(&r);
    ok(ss_run_record_read(scratch_path(run), &r));
    r.status = SS_RUN_INTERRUPTED;
    ok(ss_run_record_write(&r, scratch_path(run)));
    ss_run_record_release(&r);
    ss_model_free(m);
    ss_experiment_free(e);
}

static void same_file(const char *name)
{
    char path[2][96], *bytes[2] = {NULL};
    size_t n[2];

    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof(path[i]), "%s/ckpt/%s", i ? "stopped" : "whole", name);
        ok(ss_file_read(scratch_path(path[i]), 1 << 20, &bytes[i], &n[i]));
    }
    ck_assert_msg(n[0] == n[1] && memcmp(bytes[0], bytes[1], n[0]) == 0, "%s differs", name);
    free(bytes[0]);
    free(bytes[1]);
}

START_TEST(a_run_stopped_in_its_last_evaluation_makes_up_for_it)
{
    struct ss_run_record r;

    scratch_text("exp.yaml", experiment);
    test_run(device, "whole", NULL, false);
    test_run(device, "stopped", NULL, false);
    stop_in_last_evaluation("stopped");
    test_run(device, "stopped", NULL, true);
    same_file("step-00000003.safetensors");
    same_file("step-00000006.safetensors");
    same_file("best.safetensors");
    ss_run_record_init(&r);
    ok(ss_run_record_read(scratch_path("stopped"), &r));
    ck_assert_int_eq(r.status, SS_RUN_DONE);
    ss_run_record_release(&r);
}
END_TEST

/* ---- ---- */

static void open_device(void)
{
    device = test_device_open();
}

static void close_device(void)
{
    ss_device_free(device);
}

static Suite *resume_suite(void)
{
    Suite *const s = suite_create("resume");
    TCase *const t = tcase_create("resume");

    tcase_set_timeout(t, 300);
    tcase_add_unchecked_fixture(t, open_device, close_device);
    tcase_add_checked_fixture(t, scratch_set_up, scratch_tear_down);
    tcase_add_test(t, a_run_stopped_in_its_last_evaluation_makes_up_for_it);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_device_suite(resume_suite());
}
