/* config/: from a file and overrides to an experiment, and every way in which that goes wrong. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/file.h"
#include "tests/support/config_files.h"
#include "tests/support/scratch.h"

static struct ss_config_said said;

static void set_up(void)
{
    config_files_set_up(&said);
}

static void tear_down(void)
{
    config_files_tear_down(&said);
}

#define WITH(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct ss_experiment *load(const char *text, const char *const *overrides)
{
    struct ss_experiment *e = NULL;

    ck_assert_msg(config_files_load(&said, text, overrides, &e) == SS_OK, "%s\nrefused:\n%s", text,
                  said.text.data);
    ck_assert_uint_eq(said.reports, 0);
    return e;
}

/* The first report has `wanted` in it and begins with the file's path, or is about an override. */
static void refuse(const char *text, const char *const *overrides, const char *wanted)
{
    struct ss_experiment *e = NULL;

    ck_assert_int_eq(config_files_load(&said, text, overrides, &e), SS_ERR_USAGE);
    ck_assert_ptr_null(e);
    ck_assert_msg(strstr(said.text.data, wanted), "%s\nsays:\n%s\nnot: %s", text, said.text.data, wanted);
}

static const char shortest[] =
    "data: {source: two_moons}\nmodel: {kind: energy}\nobjective: {kind: ssm_vr}\n";

static const char wine[] =
    "name: red-wine\n"
    "seed: 1                         # 32 bits; everything random follows from it\n"
    "device: cpu                     # optional; --device first, then SLICESCORE_DEVICE, then this\n"
    "data:\n"
    "  file: winequality-red.csv     # relative to this file, then to SLICESCORE_DATA; or source: NAME\n"
    "  columns: {drop: [quality]}    # keep: or drop:, by name or by number from 0\n"
    "  duplicates: drop              # keep (default) | drop\n"
    "  missing: error                # error (default, names the cells) | drop (the row) | mean\n"
    "  split: {validation: 0.1, test: 0.1}\n"
    "  transform: [standardize, {noise: 0.05}]\n"
    "model:\n"
    "  kind: energy                  # energy | score | gaussian\n"
    "  hidden: [128, 128]\n"
    "  activation: silu\n"
    "  quadratic: diagonal           # none | diagonal | full\n"
    "objective:\n"
    "  kind: ssm_vr                  # esm | ssm | ssm_vr | dsm (with sigma: 0.1)\n"
    "  slices: rademacher            # rademacher | gaussian | sphere | orthogonal\n"
    "  count: 1                      # M, slices per row\n"
    "train:\n"
    "  steps: 3000                   # or epochs:\n"
    "  batch: 128\n"
    "  optimizer: adam               # adam | adamw | rmsprop | sgd\n"
    "  learning_rate: 1e-3\n"
    "  schedule: cosine\n"
    "  average: 0.999                # moving average of the weights; 0 = off\n"
    "  checkpoint: {every: 500, keep: 3}\n"
    "  start: null                   # a RUN or .safetensors to fine-tune from\n"
    "engine: {plan: auto, gemm: auto}                # plan: auto | fused | layered; gemm: auto | clblast | "
    "own\n"
    "evaluate: {every: 500, rows: 2000}\n"
    "sample: {count: 2000, sampler: langevin, steps: 1000, step_size: 1e-2}      # langevin | mala, later "
    "hmc\n";

START_TEST(three_lines_are_a_whole_experiment)
{
    struct ss_experiment *const e = load(shortest, NULL);

    ck_assert_str_eq(e->name, "exp");
    ck_assert_uint_eq(e->seed, 1);
    ck_assert_ptr_null(e->device);
    ck_assert(e->has_data && e->has_model && e->has_objective && !e->sample.given && !e->sample.wanted);
    ck_assert(e->data.source == SS_SOURCE_TWO_MOONS && !e->data.file && !e->data.transforms_given);
    ck_assert(e->data.rows == 10000 && isnan(e->data.noise) && e->data.duplicates == SS_DUPLICATES_KEEP);
    ck_assert(e->data.validation == 0.1 && e->data.test == 0.1);
    ck_assert(e->model.kind == SS_MODEL_ENERGY && e->model.n_hidden == 2 && e->model.hidden[1] == 128);
    ck_assert(e->model.activation == SS_ACTIVATION_SILU && !e->model.residual);
    ck_assert_int_eq(e->model.quadratic, SS_QUADRATIC_DIAGONAL);
    ck_assert(e->objective.kind == SS_OBJECTIVE_SSM_VR && e->objective.count == 1);
    ck_assert_int_eq(e->objective.slices, SS_SLICES_RADEMACHER);
    ck_assert(e->train.steps == 5000 && e->train.epochs == 0 && e->train.batch == 128);
    ck_assert(e->train.optimizer == SS_OPTIMIZER_ADAM && e->train.learning_rate == 1e-3);
    ck_assert(e->train.beta1 == 0.9 && e->train.beta2 == 0.999 && e->train.epsilon == 1e-8);
    ck_assert(e->train.weight_decay == 0 && e->train.schedule == SS_SCHEDULE_CONSTANT &&
              e->train.average == 0.999);
    ck_assert(e->train.checkpoint_every == 500 && e->train.checkpoint_keep == 3 && !e->train.start);
    ck_assert(e->train.clip == 0 && e->train.patience == 0 && e->train.nonfinite == SS_NONFINITE_STOP);
    ck_assert(e->engine.plan == SS_PLAN_AUTO && e->engine.gemm == SS_GEMM_AUTO);
    ck_assert(e->evaluate.every == 500 && e->evaluate.rows == 2000);
    ck_assert(e->sample.count == 2000 && e->sample.steps == 1000 && e->sample.step_size == 1e-2);
    ss_experiment_free(e);
}
END_TEST

START_TEST(the_complete_example_loads_as_written)
{
    scratch_text("winequality-red.csv", "a;b\n1;2\n");
    struct ss_experiment *const e = load(wine, NULL);

    ck_assert_str_eq(e->name, "red-wine");
    ck_assert_str_eq(e->device, "cpu");
    ck_assert_str_eq(e->data.file, scratch_path("winequality-red.csv"));
    ck_assert_int_eq(e->data.source, SS_SOURCE_NONE);
    ck_assert(e->data.rows == 0 && e->data.drop.count == 1 && e->data.keep.count == 0);
    ck_assert_str_eq(e->data.drop.items[0], "quality");
    ck_assert_int_eq(e->data.duplicates, SS_DUPLICATES_DROP);
    ck_assert(e->data.transforms_given && e->data.n_transforms == 2);
    ck_assert_int_eq(e->data.transforms[0].kind, SS_TRANSFORM_STANDARDIZE);
    ck_assert(e->data.transforms[1].kind == SS_TRANSFORM_NOISE && e->data.transforms[1].value == 0.05);
    ck_assert(e->train.steps == 3000 && e->train.schedule == SS_SCHEDULE_COSINE && !e->train.start);
    ck_assert(e->sample.given && e->sample.wanted && e->sample.sampler == SS_SAMPLER_LANGEVIN);
    ss_experiment_free(e);
}
END_TEST

START_TEST(every_kind_of_transform_is_read)
{
    struct ss_experiment *const e =
        load("seed: 9\ndata:\n  source: rings\n  transform: [standardize, {noise: 0.05}, {drop_correlated: "
             "0.9}, whiten,\n"
             "    dequantize, {dequantize: 16}, logit, {logit: 1e-6}, {permute: [2,0,1]}, {permute: random}, "
             "{permute: 3},\n"
             "    permute, {keep: [a, 'b c', 0]}, {drop: c}, drop_correlated, {whiten: null}]\n",
             NULL);
    static const enum ss_transform_kind kinds[] = {
        SS_TRANSFORM_STANDARDIZE, SS_TRANSFORM_NOISE,      SS_TRANSFORM_DROP_CORRELATED, SS_TRANSFORM_WHITEN,
        SS_TRANSFORM_DEQUANTIZE,  SS_TRANSFORM_DEQUANTIZE, SS_TRANSFORM_LOGIT,           SS_TRANSFORM_LOGIT,
        SS_TRANSFORM_PERMUTE,     SS_TRANSFORM_PERMUTE,    SS_TRANSFORM_PERMUTE,         SS_TRANSFORM_PERMUTE,
        SS_TRANSFORM_KEEP,        SS_TRANSFORM_DROP,       SS_TRANSFORM_DROP_CORRELATED, SS_TRANSFORM_WHITEN};
    const struct ss_transform_options *const t = e->data.transforms;

    ck_assert_uint_eq(e->data.n_transforms, SS_COUNT(kinds));
    for (size_t i = 0; i < SS_COUNT(kinds); i++)
        ck_assert_int_eq(t[i].kind, kinds[i]);
    ck_assert(isnan(t[0].value) && t[2].value == 0.9 && isnan(t[3].value) && isnan(t[4].value) &&
              t[5].value == 16);
    ck_assert(t[8].value < 0 && t[8].numbers.count == 3 && t[8].numbers.items[0] == 2);
    ck_assert(t[9].value == 9 && t[10].value == 3 && t[11].value == 9); /* random follows from the seed */
    ck_assert(t[12].names.count == 3 && t[13].names.count == 1 && isnan(t[14].value));
    ck_assert_str_eq(t[12].names.items[1], "b c");
    ck_assert_str_eq(t[12].names.items[2], "0");
    ss_experiment_free(e);
}
END_TEST

START_TEST(shapes_of_known_densities_are_read_and_give_the_dimension)
{
    struct ss_experiment *e = load("data: {source: gaussian, mean: [1, 2, 3], covariance: 2}\n", NULL);

    ck_assert(e->data.dimension == 3 && e->data.covariance.count == 1 && e->data.mean.items[2] == 3);
    ss_experiment_free(e);
    e = load("data: {source: gaussian, covariance: [[2, 0.5], [0.5, 1]]}\n", NULL);
    ck_assert(e->data.dimension == 2 && e->data.covariance.count == 4 && e->data.covariance.items[1] == 0.5);
    ss_experiment_free(e);
    e = load("data: {source: gaussian, covariance: [1, 2, 3, 4]}\n", NULL); /* a diagonal */
    ck_assert_uint_eq(e->data.dimension, 4);
    ss_experiment_free(e);
    e = load("data: {source: gaussian, dimension: 2, covariance: [2, 0.5, 0.5, 1]}\n",
             NULL); /* rows, unfolded */
    ck_assert(e->data.dimension == 2 && e->data.covariance.count == 4);
    ss_experiment_free(e);
    e = load(
        "data:\n  source: gmm\n  components:\n    - {weight: 3, mean: [0, 0, 0], covariance: [1, 2, 3]}\n"
        "    - {mean: [4, 4, 4]}\n",
        NULL);
    ck_assert(e->data.n_components == 2 && e->data.dimension == 3);
    ck_assert(e->data.components[0].weight == 3 && e->data.components[1].weight == 1);
    ck_assert(e->data.components[0].covariance.count == 3 && e->data.components[1].covariance.count == 0);
    ss_experiment_free(e);
}
END_TEST

START_TEST(defaults_follow_the_chosen_kind)
{
    static const char base[] = "model: {kind: energy}\n";
    struct ss_experiment *e =
        load(base, WITH("train.optimizer=adamw", "train.schedule=step", "model.kind=score"));

    ck_assert(!e->has_data && !e->has_objective);
    ck_assert(e->train.weight_decay == 0.01 && e->train.momentum == 0);
    ck_assert(e->train.schedule_every == 1000 && e->train.schedule_factor == 0.5);
    ck_assert_int_eq(e->model.quadratic, SS_QUADRATIC_NONE);
    ss_experiment_free(e);
    e = load(base, WITH("train.optimizer=sgd", "train.epochs=2.5", "objective={}"));
    ck_assert(e->train.momentum == 0.9 && e->train.steps == 0 && e->train.epochs == 2.5 && e->has_objective);
    ss_experiment_free(e);
    e = load(base, WITH("train.optimizer=rmsprop", "data.source=mnist"));
    ck_assert(e->train.momentum == 0 && e->train.decay == 0.99 && e->has_data && e->data.rows == 0);
    ss_experiment_free(e);
}
END_TEST

START_TEST(overrides_are_typed_and_the_last_one_wins)
{
    struct ss_experiment *const e =
        load(shortest, WITH("train.batch=32", "train.batch=6e1", "model.hidden=[8, 4]",
                            "data.columns.drop=[a, 0]", "name=x.1", "device=0:1",
                            "objective={kind: dsm, sigma: 0.5}", "train.start=", "data.transform=whiten",
                            "model.residual=true", "sample={}", "train.checkpoint.keep=9"));

    ck_assert(e->train.batch == 60 && e->model.n_hidden == 2 && e->model.hidden[0] == 8 && e->model.residual);
    ck_assert_uint_eq(e->data.drop.count, 2);
    ck_assert_str_eq(e->name, "x.1");
    ck_assert_str_eq(e->device, "0:1");
    ck_assert(e->objective.kind == SS_OBJECTIVE_DSM && e->objective.sigma == 0.5);
    ck_assert(!e->train.start && e->data.n_transforms == 1 && e->sample.given &&
              e->train.checkpoint_keep == 9);
    ss_experiment_free(e);
}
END_TEST

START_TEST(null_takes_back_what_the_file_says)
{
    static const char text[] =
        "data: {source: rings}\nmodel: {kind: score, hidden: [3]}\n"
        "objective: {kind: ssm, count: 4}\nsample: {count: 5}\ntrain: {steps: 7, clip: ~}\n";
    struct ss_experiment *const e = load(text, WITH("objective.kind=esm", "objective.count=null", "sample=~",
                                                    "model=null", "train.steps=", "train.epochs=2"));

    ck_assert(e->objective.kind == SS_OBJECTIVE_ESM && e->objective.count == 1);
    ck_assert(!e->sample.given && e->sample.count == 2000);
    ck_assert(!e->has_model && e->model.kind == SS_MODEL_ENERGY && e->model.n_hidden == 2 &&
              e->model.hidden[0] == 128);
    ck_assert(e->train.steps == 0 && e->train.epochs == 2 && e->train.clip == 0);
    ss_experiment_free(e);
}
END_TEST

START_TEST(files_are_looked_for_beside_the_experiment_then_in_slicescore_data)
{
    static const char text[] = "data: {file: t.csv}\ntrain: {start: w.safetensors}\n";
    struct ss_experiment *e = NULL;

    ck_assert_int_eq(config_files_load(&said, text, NULL, &e), SS_ERR_FILE);
    ck_assert_uint_eq(said.reports, 2);
    ck_assert_ptr_nonnull(
        strstr(said.text.data, ":1:14: data.file: 't.csv' is not there: looked in /tmp/ss-test-"));
    ck_assert_ptr_nonnull(strstr(said.text.data, "SLICESCORE_DATA, which is not set"));
    ck_assert_ptr_nonnull(strstr(said.text.data, ":2:16: train.start: 'w.safetensors' is not there"));

    ck_assert_int_eq(ss_folder_create(scratch_path("elsewhere")), SS_OK);
    scratch_text("elsewhere/t.csv", "1\n");
    scratch_text("w.safetensors", "x");
    ck_assert_int_eq(setenv("SLICESCORE_DATA", scratch_path("elsewhere"), 1), 0);
    e = load(text, NULL);
    ck_assert_str_eq(e->data.file, scratch_path("elsewhere/t.csv"));
    ck_assert_str_eq(e->train.start, scratch_path("w.safetensors"));
    ss_experiment_free(e);

    scratch_text("t.csv", "1\n"); /* the nearer one comes first */
    e = load(text, NULL);
    ck_assert_str_eq(e->data.file, scratch_path("t.csv"));
    ss_experiment_free(e);

    e = NULL;
    ck_assert_int_eq(config_files_load(&said, "data: {file: missing.csv}\n", NULL, &e), SS_ERR_FILE);
    ck_assert_ptr_nonnull(strstr(said.text.data, scratch_path("elsewhere")));
    refuse("data: {file: elsewhere}\n", NULL, ":1:14: data.file: a folder");
    refuse("data: {file: missing.csv, row: 3}\n", NULL,
           "data.row: unknown key"); /* then it is no mere missing file */
}
END_TEST

START_TEST(a_file_that_is_only_in_the_current_folder_is_pointed_at)
{
    struct ss_experiment *e = NULL;
    char here[256];

    ck_assert_int_eq(ss_folder_create(scratch_path("here")), SS_OK);
    scratch_text("here/t.csv", "1\n");
    snprintf(here, sizeof(here), "the current folder has it: write %s", scratch_path("here/t.csv"));
    ck_assert_int_eq(chdir(scratch_path("here")), 0);
    ck_assert_int_eq(config_files_load(&said, "data: {file: t.csv}\n", NULL, &e), SS_ERR_FILE);
    ck_assert_msg(strstr(said.text.data, here), "%s", said.text.data);
}
END_TEST

START_TEST(paths_are_absolute_wherever_the_program_was_started)
{
    struct ss_experiment *e = NULL;

    scratch_text("t.csv", "1\n");
    scratch_text("exp.yaml", "data: {file: t.csv}\n");
    ck_assert_int_eq(chdir(scratch_path("")), 0);
    ck_assert_int_eq(ss_experiment_load("exp.yaml", NULL, 0, &e), SS_OK);
    ck_assert_str_eq(e->data.file, scratch_path("t.csv"));
    ss_experiment_free(e);
}
END_TEST

START_TEST(a_run_is_reloaded_though_its_files_are_gone)
{
    struct ss_experiment *e = NULL;
    const char *const path = scratch_text("r.yaml", "data: {file: gone.csv}\ntrain: {start: /gone/too}\n");

    ck_assert_int_eq(ss_experiment_load(path, NULL, 0, &e), SS_ERR_FILE);
    ck_assert_int_eq(ss_experiment_reload(path, NULL, 0, &e), SS_OK);
    ck_assert_str_eq(e->data.file, scratch_path("gone.csv"));
    ck_assert_str_eq(e->train.start, "/gone/too");
    ss_experiment_free(e);
    ck_assert_int_eq(ss_experiment_reload(path, WITH("train.lr=1"), 1, &e), SS_ERR_USAGE);
}
END_TEST

START_TEST(the_default_name_comes_from_the_file)
{
    static const char *const cases[][2] = {{"wine.yaml", "wine"},      {"wine.v2.YML", "wine.v2"},
                                           {"plain", "plain"},         {"my exp.yaml", "my-exp"},
                                           {".hidden.yaml", "hidden"}, {"..yaml", "experiment"},
                                           {"\xc3\xa9.yaml", "--"}};

    for (size_t i = 0; i < SS_COUNT(cases); i++) {
        struct ss_experiment *e = NULL;
        ck_assert_int_eq(ss_experiment_load(scratch_text(cases[i][0], shortest), NULL, 0, &e), SS_OK);
        ck_assert_str_eq(e->name, cases[i][1]);
        ss_experiment_free(e);
    }
}
END_TEST

/* A load of the complete example takes 0.2 ms; the best of many shrugs off a busy machine. */
START_TEST(loading_takes_less_than_5_ms)
{
    double best = 1;

    scratch_text("winequality-red.csv", "1\n");
    const char *const path = scratch_text("wine.yaml", wine);
    for (int i = 0; i < 50; i++) {
        struct ss_experiment *e = NULL;
        const double start = ss_clock_seconds();
        ck_assert_int_eq(ss_experiment_load(path, NULL, 0, &e), SS_OK);
        const double seconds = ss_clock_seconds() - start;
        best = seconds < best ? seconds : best;
        ss_experiment_free(e);
    }
    ck_assert_msg(best < 0.005, "%g s", best);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("config");
    TCase *const c = tcase_create("config");

    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 30);
    tcase_add_test(c, three_lines_are_a_whole_experiment);
    tcase_add_test(c, the_complete_example_loads_as_written);
    tcase_add_test(c, every_kind_of_transform_is_read);
    tcase_add_test(c, shapes_of_known_densities_are_read_and_give_the_dimension);
    tcase_add_test(c, defaults_follow_the_chosen_kind);
    tcase_add_test(c, overrides_are_typed_and_the_last_one_wins);
    tcase_add_test(c, null_takes_back_what_the_file_says);
    tcase_add_test(c, files_are_looked_for_beside_the_experiment_then_in_slicescore_data);
    tcase_add_test(c, a_file_that_is_only_in_the_current_folder_is_pointed_at);
    tcase_add_test(c, paths_are_absolute_wherever_the_program_was_started);
    tcase_add_test(c, a_run_is_reloaded_though_its_files_are_gone);
    tcase_add_test(c, the_default_name_comes_from_the_file);
    tcase_add_test(c, loading_takes_less_than_5_ms);
    suite_add_tcase(s, c);
    SRunner *const r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
