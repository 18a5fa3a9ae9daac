/* config/: every error of a file or an override, told where it is and with what to do about it. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
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

/* The first report has `wanted` in it and begins with the file's path, or is about an override. */
static void refuse(const char *text, const char *const *overrides, const char *wanted)
{
    struct ss_experiment *e = NULL;

    ck_assert_int_eq(config_files_load(&said, text, overrides, &e), SS_ERR_USAGE);
    ck_assert_ptr_null(e);
    ck_assert_msg(strstr(said.text.data, wanted), "%s\nsays:\n%s\nnot: %s", text, said.text.data, wanted);
}

/* Text of the file after its path, and what must be in the report. */
static const char *const errors[][2] = {
    {"data: {source: two_mons}\n",
     ":1:16: data.source: unknown name 'two_mons'\n    data: {source: two_mons}\n"
     "                   ^\n    did you mean 'two_moons'?\n"},
    {"data: {source: none}\n", ":1:16: data.source: unknown name 'none'\n"},
    {"data: {source: xyz}\n", "valid: gaussian, gmm, 8gaussians, two_moons"},
    {"model:\n  activation: exp\n", ":2:15: model.activation: unknown name 'exp'"},
    {"model:\n  activation: [silu]\n",
     "wanted one of softplus, tanh, silu, sigmoid, gelu, sin, elu or relu, found a list"},
    {"train:\n  learnig_rate: 1\n",
     ":2:3: train.learnig_rate: unknown key\n      learnig_rate: 1\n      ^\n    did you mean "
     "'learning_rate'?\n"},
    {"train: {lr: 1}\n", "did you mean 'learning_rate'?"},
    {"train: {batch_size: 1}\n", "did you mean 'batch'?"},
    {"steps: 10\n", ":1:1: steps: unknown key\n    steps: 10\n    ^\n    did you mean 'train.steps'?\n"},
    {"train.steps: 10\n", "dots are for overrides; here, write train: {steps: ...}"},
    {"zzzzz: 1\n", "valid: name, seed, device, data, model, objective, train, engine, evaluate, sample"},
    {"train: {checkpoint: {evry: 1}}\n", ":1:22: train.checkpoint.evry: unknown key"},
    {"train: {steps:10}\n", "a blank is missing after 'steps:'"},
    {"model: energy\n",
     ":1:8: model: wanted a block of keys, found text\n    model: energy\n           ^\n    as in model: "
     "{kind: energy}\n"},
    {"data: [1]\n", ":1:7: data: wanted a block of keys, found a list"},
    {"train:\n  batch: 0.1abc\n",
     ":2:10: train.batch: wanted a whole number from 1 to 16777216, found text '0.1abc'"},
    {"train: {batch: 1.5}\n", "found a number '1.5'"},
    {"train: {batch: 0}\n", "wanted a whole number from 1 to 16777216, found a number '0'"},
    {"train: {batch: \"64\"}\n", "remove the quotes"},
    {"train: {batch: 1_000}\n", "without '_'"},
    {"train: {batch: 0x10}\n", "found text '0x10'"},
    {"train: {learning_rate: 0}\n", ":1:24: train.learning_rate: wanted a number above 0"},
    {"train: {learning_rate: .nan}\n", "train.learning_rate: wanted a number"},
    {"train: {learning_rate: 1e999}\n", "train.learning_rate: wanted a number"},
    {"train: {clip: .inf}\n", "train.clip: wanted a number"},
    {"train: {average: 1}\n", "train.average: wanted a number from 0 to below 1, found a number '1'"},
    {"seed: -1\n", ":1:7: seed: wanted a whole number from 0 to 4294967295"},
    {"seed: 4294967296\n", "seed: wanted"},
    {"model: {residual: yes}\n", "model.residual: wanted true or false, found text 'yes'"},
    {"model: {residual: 'true'}\n", "wanted true or false, found text in quotes"},
    {"model: {hidden: [64, 0]}\n",
     ":1:22: model.hidden[1]: wanted a whole number from 1 to 65536, found a number '0'"},
    {"model: {hidden: {a: 1}}\n", "model.hidden: wanted a list of whole numbers, found a block of keys"},
    {"model: {hidden: [null]}\n", "model.hidden[0]: wanted a whole number from 1 to 65536, found nothing"},
    {"name: ../x\n", ":1:7: name: not a name for a run"},
    {"name: .x\n", "not a name for a run"},
    {"name: [a]\n", "name: wanted text, found a list"},
    {"device: ''\n", ":1:9: device: empty"},
    {"device: \"a\\tb\"\n", "a control character (byte 9)"},
    {"data: {rows: 10}\n", ":1:1: data: says neither source nor file"},
    {"data: {source: rings, file: exp.yaml}\n", ":1:23: data.file: given together with data.source"},
    {"data: {source: rings, columns: {keep: [0], drop: [1]}}\n", ":1:44: data.columns.drop: given together"},
    {"data: {source: rings, columns: {keep: []}}\n", ":1:39: data.columns.keep: no column at all"},
    {"data: {source: rings, columns: {drop: [{a: 1}]}}\n",
     "data.columns.drop[0]: wanted the name or number of a column"},
    {"data: {source: rings, rows: 0}\n", ":1:29: data.rows: wanted at least 1 row"},
    {"data: {source: rings, split: {validation: 0.5, test: 0.5}}\n",
     ":1:54: data.split.test: validation 0.5 and test 0.5"},
    {"data: {source: rings, split: {validation: 0.95}}\n", ":1:43: data.split.validation: validation 0.95"},
    {"data: {source: rings, header: no}\n", ":1:23: data.header: not used with data.source: rings\n"},
    {"data: {source: rings, dimension: 3}\n", "data.dimension is for gaussian, gmm, funnel or student"},
    {"data: {source: funnel, dimension: 1}\n", ":1:35: data.dimension: the funnel has at least 2"},
    {"data: {source: gaussian, dimension: 3, mean: [0, 0]}\n", ":1:46: data.mean: 2 numbers in 3 dimensions"},
    {"data: {source: gaussian, dimension: 3, covariance: [1, 1]}\n",
     "data.covariance: 2 numbers in 3 dimensions"},
    {"data: {source: gaussian, covariance: [[1, 2], [2, 1]]}\n",
     ":1:38: data.covariance: not positive definite"},
    {"data: {source: gaussian, covariance: [[1, 0.5], [0, 1]]}\n", "data.covariance: not positive definite"},
    {"data: {source: gaussian, covariance: [[1, 0], [0]]}\n",
     ":1:47: data.covariance[1]: a row of 1 numbers"},
    {"data: {source: gaussian, covariance: [[1, 0], 2]}\n", "data.covariance[1]: wanted a row of the matrix"},
    {"data: {source: gaussian, covariance: [[1, x], [0, 1]]}\n",
     "data.covariance[0][1]: wanted a number, found text"},
    {"data: {source: gaussian, covariance: -1}\n", "not positive definite"},
    {"data: {source: gmm, components: []}\n", "wanted 1 to 4096 components, found 0"},
    {"data: {source: gmm, components: [{weight: 1}]}\n", "data.components[0]: a component needs its mean"},
    {"data: {source: gmm, components: [{mean: 0, wieght: 1}]}\n", "data.components[0].wieght: unknown key"},
    {"data: {source: gmm, components: [{mean: 0, weight: 0}]}\n",
     "data.components[0].weight: wanted a number above 0"},
    {"data: {source: gmm, components: [{mean: 0}, {mean: [0, 0]}]}\n",
     ":1:45: data.components[1].mean: 2 numbers in 1"},
    {"data: {source: rings, transform: [standardise]}\n",
     ":1:35: data.transform[0]: unknown name 'standardise'"},
    {"data: {source: rings, transform: [noise]}\n", "data.transform[0]: noise needs a value"},
    {"data: {source: rings, transform: [{noise: -1}]}\n",
     ":1:43: data.transform[0].noise: wanted a standard deviation"},
    {"data: {source: rings, transform: [{standardize: 1}]}\n",
     "data.transform[0].standardize: standardize takes no value"},
    {"data: {source: rings, transform: [{noise: 1, whiten: 0}]}\n", "wanted one transform, found 2 keys"},
    {"data: {source: rings, transform: [{permute: [0, 2]}]}\n",
     "wanted each of the numbers from 0 to 1 once"},
    {"data: {source: rings, transform: [{permute: [0, 0]}]}\n", "wanted each of the numbers"},
    {"data: {source: rings, transform: [{permute: []}]}\n", "wanted each of the numbers"},
    {"data: {source: rings, transform: [{permute: -1}]}\n", "wanted random, a seed, or a list"},
    {"data: {source: rings, transform: [{logit: 0.5}]}\n",
     "data.transform[0].logit: wanted a number from 0 to below 0.5"},
    {"data: {source: rings, transform: [{dequantize: 2.5}]}\n", "wanted a whole number of levels"},
    {"data: {source: rings, transform: [{keep: []}]}\n", "data.transform[0].keep: no column at all"},
    {"data: {source: rings, transform: [[a]]}\n", "data.transform[0]: wanted a transform"},
    {"data: {source: rings, transform: [{noise: 0}]}\n",
     "data.transform[0].noise: wanted a standard deviation above 0"},
    {"data: {source: rings, transform: [{dequantize: 1}]}\n", "wanted a whole number of levels from 2"},
    {"data: {source: rings, transform: [{drop_correlated: 1.1}]}\n", "wanted a correlation above 0 up to 1"},
    {"data: {source: rings, transform: [{whiten: -1}]}\n", "wanted a ridge of at least 0"},
    {"data: {source: rings, transform: {noise: x}}\n",
     ":1:42: data.transform.noise: wanted a standard deviation"},
    {"data: {source: rings, transform: {noise: *a}}\n", "aliases"},
    {"data: {source: rings, columns: {drop: {a: 1}}}\n", "data.columns.drop: wanted a list of columns"},
    {"data: {source: gaussian, mean: {a: 1}}\n", "data.mean: wanted a list of numbers, found a block"},
    {"data: {source: gmm, components: [3]}\n", "data.components[0]: wanted {weight: 1, mean: [...]"},
    {"data: {source: gmm, components: 3}\n", "data.components: wanted a list of {weight, mean, covariance}"},
    {"data: {file: a.npy, header: no}\n", "data.header: for CSV files only, found '.npy'"},
    {"train: {batch: 1,5}\n", "train.5: unknown key"},
    {"train:\n  learning_rate: 0,1\n", "a list is written as [1, 2], and decimals with a point"},
    {"train:\n  learning_rate: 5k\n", "a number is written like 3, 0.5 or 1e-3, without a unit"},
    {"objective: {kind: ssm, sigma: 1}\n", ":1:24: objective.sigma: not used with objective.kind: ssm\n"},
    {"objective: {kind: dsm, slices: sphere}\n", "objective.slices is for ssm or ssm_vr"},
    {"model: {kind: gaussian, activation: silu}\n", "model.activation is for energy or score"},
    {"train: {momentum: 0.9}\n", "train.momentum: not used with train.optimizer: adam (the default)"},
    {"train: {schedule: cosine, schedule_every: 5}\n", "train.schedule_every is for step"},
    {"train:\n  steps: 3\n  epochs: 3\n", ":3:3: train.epochs: given together with train.steps"},
    {"model: {kind: score}\nsample: {sampler: mala}\n",
     ":2:19: sample.sampler: mala accepts and rejects by the density"},
    {"train: {patience: 3}\nevaluate: {every: 0}\n",
     ":1:19: train.patience: early stopping needs evaluations"},
    {"train: {patience: 3}\ndata: {source: rings, split: {validation: 0}}\n",
     "early stopping needs held-out rows"},
    {"sweep:\n  repeat: 3\n", ":1:1: sweep: this is a sweep, and one experiment is wanted"},
    {"[1, 2]\n", ":1:1: wanted keys with values, found a list"},
    {"", ": no keys in the file"},
    {"# nothing\n", ": no keys in the file"},
};

START_TEST(every_error_is_told_where_it_is)
{
    char wanted[1024];

    scratch_text("a.npy", "x");
    refuse(errors[_i][0], NULL, errors[_i][1]);
    snprintf(wanted, sizeof(wanted), "%s:", scratch_path("exp.yaml"));
    ck_assert_msg(strncmp(said.text.data, wanted, strlen(wanted)) == 0, "%s", said.text.data);
    ck_assert_msg(said.reports == 1, "%zu reports:\n%s", said.reports, said.text.data);
}
END_TEST

START_TEST(all_errors_of_file_and_overrides_are_told_at_once_in_order)
{
    struct ss_experiment *e = NULL;
    static const char text[] =
        "name: a b\ndata: {source: rings, dimension: 2, row: 5}\ntrain:\n  batch: x\n  clip: -1\n";
    const char *at = said.text.data;
    static const char *const wanted[] = {":1:7: name",
                                         ":2:23: data.dimension",
                                         ":2:37: data.row:",
                                         ":4:10: train.batch",
                                         ":5:9: train.clip",
                                         "override \"train.lr=1\": train.lr",
                                         "override \"seed=x\": seed"};

    ck_assert_int_eq(config_files_load(&said, text, WITH("train.lr=1", "seed=x"), &e), SS_ERR_USAGE);
    ck_assert_uint_eq(said.reports, SS_COUNT(wanted));
    at = said.text.data;
    for (size_t i = 0; i < SS_COUNT(wanted); i++) {
        at = strstr(at, wanted[i]);
        ck_assert_msg(at, "%s not in its place in\n%s", wanted[i], said.text.data);
    }
}
END_TEST

START_TEST(errors_past_fifty_are_counted)
{
    struct ss_text t;

    ss_text_init(&t);
    for (int i = 0; i < 60; i++)
        ss_text_addf(&t, "key%d: 1\n", i);
    refuse(t.data, NULL, "10 more problems are not shown");
    ck_assert_uint_eq(said.reports, 51);
    ss_text_release(&t);
}
END_TEST

START_TEST(lists_have_a_largest_size)
{
    static const struct {
        const char *start, *item, *end, *wanted;
        int allowed;
    } cases[] = {
        {"model: {hidden: [", "3,", "]}\n", "model.hidden: 65 layers; at most 64", 64},
        {"data: {source: rings, transform: [", "whiten,", "]}\n", "data.transform: 65 transforms; at most 64",
         64},
    };

    for (size_t i = 0; i < SS_COUNT(cases); i++) {
        struct ss_experiment *e = NULL;
        struct ss_text t;
        ss_text_init(&t);
        for (int n = cases[i].allowed; n <= cases[i].allowed + 1; n++) {
            ss_text_clear(&t);
            ss_text_add(&t, cases[i].start);
            for (int k = 0; k < n; k++)
                ss_text_add(&t, cases[i].item);
            ss_text_add(&t, cases[i].end);
            if (n > cases[i].allowed)
                refuse(t.data, NULL, cases[i].wanted);
            else
                ck_assert_int_eq(config_files_load(&said, t.data, NULL, &e), SS_OK);
        }
        ss_experiment_free(e);
        ss_text_release(&t);
    }
}
END_TEST

START_TEST(what_is_said_of_odd_bytes_is_fit_for_a_terminal)
{
    refuse("data: {source: rings}\n", WITH("train.\x1b[31m=\xff\x1b"), "train.?[31m");
    for (const char *s = said.text.data; *s; s++)
        ck_assert_msg(*s == '\n' || (*s >= 0x20 && *s < 0x7f), "byte %d in\n%s", *s, said.text.data);
    refuse("name: \"\\x85 \xc3\xa9\"\n\xe2\x82\xac: 3\n", NULL,
           "    \xe2\x82\xac: 3\n    ^\n"); /* text is shown as it is */
}
END_TEST

START_TEST(a_long_line_is_shown_around_its_error)
{
    char text[2048] = "train: {start: \"";

    memset(text + strlen(text), 'x', 1000);
    strcat(text, "\", bach: 3}\n");
    refuse(text, NULL, "train.bach: unknown key\n    ...xxx");
    const char *const line = strstr(said.text.data, "    ...xxx"), *const caret = strstr(line, "^");
    const char *const word = strstr(line, "bach");
    ck_assert_int_eq(caret - strchr(line, '\n') - 1, word - line);
}
END_TEST

START_TEST(errors_of_overrides_name_the_override)
{
    static const char *const cases[][2] = {
        {"train.lr=1",
         "override \"train.lr=1\": train.lr: unknown key\n    train.lr=1\n          ^\n    did you mean "
         "'learning_rate'?\n"},
        {"trian.batch=3",
         "override \"trian.batch=3\": trian.batch: unknown key\n    trian.batch=3\n    ^\n    did you mean "
         "'train.batch'?\n"},
        {"batch=3", "did you mean 'train.batch'?"},
        {"a.b.c.d=3", "a.b.c.d: unknown key"},
        {"train.batch", "override \"train.batch\": wanted KEY=VALUE"},
        {"=3", "wanted KEY=VALUE"},
        {"train.batch=1.5", "override \"train.batch=1.5\": train.batch: wanted a whole number"},
        {"train.batch= x", "    train.batch= x\n                 ^\n"},
        {"model.hidden=[1, 0]", "model.hidden[1]: wanted a whole number from 1 to 65536, found a number '0'\n"
                                "    model.hidden=[1, 0]\n                     ^\n"},
        {"model.hidden=[1", "override \"model.hidden=[1\": not valid YAML"},
        {"objective=kind: ssm", "objective: wanted a value in one line of flow style"},
        {"train.steps=*x", "aliases (*name) are not allowed"},
        {"sweep={repeat: 3}", "a sweep is no override"},
        {"train={btch: 3}",
         "override \"train={btch: 3}\": train.btch: unknown key\n    train={btch: 3}\n           ^\n"},
        {"objective.kind=esm", "take it back by objective.count=null"},
        {"data.file=x", "take it back by data.source=null"},
    };
    static const char text[] = "data: {source: rings}\nobjective: {kind: ssm, count: 2}\n";

    for (size_t i = 0; i < SS_COUNT(cases); i++)
        refuse(text, WITH(cases[i][0]), cases[i][1]);
}
END_TEST

START_TEST(overrides_alone_are_judged_when_the_file_cannot_be_read)
{
    struct ss_experiment *e = NULL;

    ck_assert_int_eq(config_files_load(&said, "data: {source: [\n", WITH("data.rows=3", "train.x=3"), &e),
                     SS_ERR_USAGE);
    ck_assert_uint_eq(said.reports, 2); /* nothing about a source that is missing */
    ck_assert_int_eq(ss_experiment_load(scratch_path("none.yaml"), NULL, 0, &e), SS_ERR_FILE);
    ck_assert_ptr_nonnull(strstr(said.text.data, "none.yaml"));
    ck_assert_int_eq(ss_experiment_load(scratch_path("."), NULL, 0, &e), SS_ERR_FILE);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("config errors");
    TCase *const c = tcase_create("config errors");

    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 30);
    tcase_add_loop_test(c, every_error_is_told_where_it_is, 0, (int)SS_COUNT(errors));
    tcase_add_test(c, all_errors_of_file_and_overrides_are_told_at_once_in_order);
    tcase_add_test(c, errors_past_fifty_are_counted);
    tcase_add_test(c, lists_have_a_largest_size);
    tcase_add_test(c, what_is_said_of_odd_bytes_is_fit_for_a_terminal);
    tcase_add_test(c, a_long_line_is_shown_around_its_error);
    tcase_add_test(c, errors_of_overrides_name_the_override);
    tcase_add_test(c, overrides_alone_are_judged_when_the_file_cannot_be_read);
    suite_add_tcase(s, c);
    SRunner *const r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
