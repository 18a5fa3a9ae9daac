#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/sweep.h"
#include "tests/support/config_files.h"
#include "tests/support/scratch.h"

#define BASE "data: {source: rings}\nmodel: {kind: energy}\nobjective: {kind: ssm}\n"

static struct ss_config_said said;

static void set_up(void)
{
    config_files_set_up(&said);
}

static void tear_down(void)
{
    config_files_tear_down(&said);
}

static enum ss_status load(const char *text, const char *word, struct ss_sweep **out)
{
    const char *const words[] = {word};

    ss_text_clear(&said.text);
    said.reports = 0;
    return ss_sweep_load(scratch_text("exp.yaml", text), words, word ? 1 : 0, out);
}

/* All points in one line: "a=1 b=2 | a=1 b=3". */
static const char *points(const struct ss_sweep *s)
{
    static struct ss_text t;

    ss_text_release(&t);
    ss_text_init(&t);
    for (size_t i = 0; i < s->n_points; i++) {
        char **list = NULL;
        size_t n = 0;
        ck_assert_int_eq(ss_sweep_overrides(s, i, &list, &n), SS_OK);
        ss_text_add(&t, i ? " |" : "");
        for (size_t k = 0; k < n; k++)
            ss_text_addf(&t, " %s", list[k]);
        ss_sweep_overrides_free(list, n);
    }
    return t.data;
}

static const char *const expansions[][3] = {
    {BASE "sweep: {grid: {train.batch: [32, 64], objective.kind: [ssm, ssm_vr]}}\n", NULL,
     " train.batch=32 objective.kind=ssm | train.batch=32 objective.kind=ssm_vr | train.batch=64 "
     "objective.kind=ssm | train.batch=64 objective.kind=ssm_vr"},
    {BASE "seed: 7\nsweep: {repeat: 3}\n", NULL, " seed=7 | seed=8 | seed=9"},
    {BASE "seed: 4294967295\nsweep: {repeat: 2}\n", NULL, " seed=4294967295 | seed=0"},
    {BASE "sweep: {points: [{train.batch: 3}, {train.clip: 1, train.batch: null}], repeat: 2}\nseed: 1\n",
     NULL,
     " train.batch=3 seed=1 | train.batch=3 seed=2 | train.batch=null train.clip=1 seed=1 | train.batch=null "
     "train.clip=1 seed=2"},
    {BASE "sweep: {points: [{train.batch: 3}, {train.clip: 1}], grid: {model.activation: [silu, tanh]}}\n",
     NULL,
     " train.batch=3 model.activation=silu | train.batch=3 model.activation=tanh | train.clip=1 "
     "model.activation=silu | train.clip=1 model.activation=tanh"},
    {BASE, "model.hidden=[8,8],[]", " model.hidden=[8,8] | model.hidden=[]"},
    {BASE, "data.file=\"a,b\",'c,d'", " data.file=\"a,b\" | data.file='c,d'"},
    {BASE "sweep: {grid: {train.batch: [1, 2]}}\n", "train.batch=3,4", " train.batch=3 | train.batch=4"},
    {BASE "sweep:\n  grid:\n    data.transform: [standardize, [standardize, {noise: 0.1}]]\n", NULL,
     " data.transform=standardize | data.transform=[standardize, {noise: 0.1}]"},
    {BASE "sweep: {grid: {name: [\"a\\\"b\", \"3\"]}}\n", NULL, " name=\"a\\\"b\" | name=\"3\""},
};

START_TEST(a_block_is_multiplied_out)
{
    struct ss_sweep *s = NULL;
    const enum ss_status st = load(expansions[_i][0], expansions[_i][1], &s);

    ck_assert_msg(st == SS_OK, "%s", said.text.data);
    ck_assert_str_eq(points(s), expansions[_i][2]);
    ss_sweep_free(s);
}
END_TEST

START_TEST(random_points_are_within_their_ends_and_the_same_each_time)
{
    static const char text[] =
        BASE "sweep: {random: {count: %d, train.learning_rate: {log_uniform: [1e-4, 1e-2]}, train.batch: "
             "{integer: "
             "[3, 5]}, train.average: {uniform: [0.5, 0.75]}, model.activation: {choice: [silu, tanh]}}}\n";
    struct ss_sweep *s = NULL, *longer = NULL;
    char yaml[512];
    unsigned batches = 0, low = 0;

    snprintf(yaml, sizeof(yaml), text, 200);
    ck_assert_msg(load(yaml, NULL, &s) == SS_OK, "%s", said.text.data);
    ck_assert_uint_eq(s->n_points, 200);
    for (size_t i = 0; i < s->n_points; i++) {
        const double rate = atof(s->values[i * 4]), average = atof(s->values[i * 4 + 2]);
        const int batch = atoi(s->values[i * 4 + 1]);
        ck_assert(rate >= 1e-4 && rate <= 1e-2);
        ck_assert(average >= 0.5 && average <= 0.75);
        ck_assert(batch >= 3 && batch <= 5);
        batches |= 1u << batch;
        low += rate < 1e-3;
    }
    ck_assert_uint_eq(batches, 0x38);
    ck_assert(low > 60 && low < 140); /* half of them by the logarithm; 5 sigma are 35 */
    snprintf(yaml, sizeof(yaml), text, 300);
    ck_assert_int_eq(load(yaml, NULL, &longer), SS_OK);
    for (size_t i = 0; i < s->n_points * 4; i++) /* more points leave the first ones as they were */
        ck_assert_str_eq(s->values[i], longer->values[i]);
    ss_sweep_free(s);
    ss_sweep_free(longer);
}
END_TEST

static const char *const errors[][2] = {
    {"sweep: {grid: {train.bach: [1]}}\n", ":4:22: train.bach: unknown key"},
    {"sweep: {grid: {train.batch: [64, x]}}\n", ":4:34: train.batch: wanted a whole number"},
    {"sweep: {grid: {train.batch: 64}}\n", ":4:29: train.batch: wanted a list of values, found a number"},
    {"sweep: {grid: {train.batch: []}}\n", "train.batch: wanted a list of values"},
    {"sweep: {grid: [1]}\n", ":4:15: sweep.grid: wanted keys with lists of values"},
    {"sweep: {gird: {train.batch: [1]}}\n", ":4:9: sweep.gird: unknown key"},
    {"sweep: 3\n", ":4:8: sweep: wanted grid, random, points, repeat or halving, found a number"},
    {"sweep:\n", "sweep: wanted grid, random, points, repeat or halving"},
    {"sweep: {}\n", "nothing is swept"},
    {"", "nothing is swept"},
    {"sweep: {repeat: 0}\n", ":4:17: sweep.repeat: wanted a whole number from 1 to 100000"},
    {"sweep: {repeat: 2, grid: {seed: [1, 2]}}\n", "makes the seeds, and `seed` is swept as well"},
    {"sweep: {random: {train.batch: {integer: [1, 2]}}}\n", "sweep.random: count is missing"},
    {"sweep: {random: {count: 3}}\n", "no key to draw"},
    {"sweep: {random: {count: 3, train.batch: {uniform: [1, 2]}}}\n",
     ":4:51: train.batch: takes whole numbers"},
    {"sweep: {random: {count: 3, train.clip: {integer: [1, 2]}}}\n", "train.clip: takes any number"},
    {"sweep: {random: {count: 3, train.clip: {log_uniform: [0, 2]}}}\n", "log_uniform wants numbers above 0"},
    {"sweep: {random: {count: 3, train.clip: {uniform: [3, 2]}}}\n",
     "the lowest comes first: '3' is above '2'"},
    {"sweep: {random: {count: 3, train.clip: {uniform: [3]}}}\n", "wanted [lowest, highest]"},
    {"sweep: {random: {count: 3, train.clip: {normal: [3, 4]}}}\n",
     ":4:41: train.clip: 'normal' is no way to draw"},
    {"sweep: {random: {count: 3, train.clip: [3, 4]}}\n", "train.clip: wanted how to draw it"},
    {"sweep: {random: {count: 3, train.average: {uniform: [0, 2]}}}\n", "train.average: wanted"},
    {"sweep: {grid: {train.clip: [1]}, random: {count: 3, train.clip: {uniform: [1, 4]}}}\n",
     ":4:53: train.clip: swept twice"},
    {"sweep: {points: [{train.clip: -1}]}\n", ":4:31: train.clip: wanted"},
    {"sweep: {repeat: 2, halving: 500}\n",
     ":4:29: sweep.halving: wanted the steps before the first decision"},
    {"sweep: {repeat: 2, halving: {factor: 3}}\n", "sweep.halving: first is missing"},
    {"sweep: {repeat: 2, halving: {first: 500, factor: 1}}\n", ":4:50: sweep.halving.factor: wanted"},
    {"sweep: {repeat: 2, halving: {first: 500, rate: 1}}\n", "sweep.halving: unknown key 'rate'"},
    {"sweep: {grid: {data.rows: [100, 200]}, halving: {first: 500}}\n",
     "sweep.halving: compares settings by their objective on held-out rows, and data.rows changes"},
    {"sweep: {points: [3]}\n", "sweep.points: wanted keys with values"},
    {"sweep: {points: 3}\n", "sweep.points: wanted a list of points"},
    {"sweep: {repeat: 1000, grid: {train.batch: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], train.clip: [1, 2, 3, "
     "4, 5, 6, "
     "7, 8, 9, 10]}}\n",
     ":4:1: sweep: 1 points in the list x 110 of the grid x 1 random x 1000 seeds are more than 100000"},
    {"sweep: {repeat: 100000, random: {count: 100000, train.clip: {uniform: [0, 1]}}}\n",
     "are more than 100000"},
};

START_TEST(every_error_is_told_where_it_is)
{
    struct ss_sweep *s = NULL;
    struct ss_text t;

    ss_text_init(&t);
    ss_text_addf(&t, "%s%s", BASE, errors[_i][0]);
    ck_assert_int_eq(load(t.data, NULL, &s), SS_ERR_USAGE);
    ck_assert_ptr_null(s);
    ck_assert_msg(strstr(said.text.data, errors[_i][1]), "%s\nnot in\n%s", errors[_i][1], said.text.data);
    ss_text_release(&t);
}
END_TEST

START_TEST(a_hundred_thousand_points_are_the_most)
{
    struct ss_sweep *s = NULL;

    ck_assert_int_eq(load(BASE "sweep: {repeat: 100000}\n", NULL, &s), SS_OK);
    ck_assert_uint_eq(s->n_points, 100000);
    ss_sweep_free(s);
}
END_TEST

START_TEST(a_point_is_an_experiment_and_its_own_errors_name_its_values)
{
    struct ss_sweep *s = NULL;
    struct ss_experiment *e = NULL;
    char **list = NULL;
    size_t n = 0;

    ck_assert_int_eq(
        load(BASE "sweep: {grid: {objective.kind: [dsm], objective.count: [2]}}\n", "train.batch=9", &s),
        SS_OK);
    ck_assert_uint_eq(s->n_fixed, 1);
    ck_assert_int_eq(ss_sweep_overrides(s, 0, &list, &n), SS_OK);
    ck_assert_int_eq(ss_sweep_experiment(s, list, 1, &e), SS_OK); /* the kind alone */
    ck_assert_int_eq(e->objective.kind, SS_OBJECTIVE_DSM);
    ck_assert_uint_eq(e->train.batch, 9);
    ss_experiment_free(e);
    ck_assert_int_eq(ss_sweep_experiment(s, list, n, &e), SS_ERR_USAGE);
    ck_assert_ptr_nonnull(
        strstr(said.text.data, "override \"objective.count=2\": objective.count: not used"));
    ss_sweep_overrides_free(list, n);
    ss_sweep_free(s);
}
END_TEST

START_TEST(an_unknown_key_with_several_values_is_told)
{
    struct ss_sweep *s = NULL;

    ck_assert_int_eq(load(BASE, "train.lr=1,2", &s), SS_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(said.text.data, "train.lr: unknown key"));
    ck_assert_ptr_nonnull(strstr(said.text.data, "learning_rate"));
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("sweep points");
    TCase *const c = tcase_create("sweep points");

    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 30);
    tcase_add_loop_test(c, a_block_is_multiplied_out, 0, (int)SS_COUNT(expansions));
    tcase_add_test(c, random_points_are_within_their_ends_and_the_same_each_time);
    tcase_add_loop_test(c, every_error_is_told_where_it_is, 0, (int)SS_COUNT(errors));
    tcase_add_test(c, a_hundred_thousand_points_are_the_most);
    tcase_add_test(c, a_point_is_an_experiment_and_its_own_errors_name_its_values);
    tcase_add_test(c, an_unknown_key_with_several_values_is_told);
    suite_add_tcase(suite, c);
    SRunner *const r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
