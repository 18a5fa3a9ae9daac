/* config/schema: properties that hold for every key of the table, and the documents made of it. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "config/schema.h"
#include "tests/support/config_files.h"
#include "tests/support/scratch.h"

static struct ss_config_said said;

static void set_up(void)
{
    config_files_set_up(&said);
    scratch_text("t.csv", "1\n");
}

static void tear_down(void)
{
    config_files_tear_down(&said);
}

static const char with_file[] = "data: {file: t.csv}\nmodel: {}\nobjective: {}\nsample: {}\nstudy: {}\n";

enum { MAX_OVERRIDES = 8 };

struct call {
    const char *overrides[MAX_OVERRIDES];
    size_t n;
    char texts[MAX_OVERRIDES][256];
};

__attribute__((format(printf, 2, 3))) static void add(struct call *c, const char *format, ...)
{
    va_list args;

    ck_assert_uint_lt(c->n + 1, MAX_OVERRIDES);
    va_start(args, format);
    vsnprintf(c->texts[c->n], sizeof(c->texts[0]), format, args);
    va_end(args);
    c->overrides[c->n] = c->texts[c->n];
    c->overrides[++c->n] = NULL;
}

/* Overrides that give the key's selector this value. */
static void select_value(struct call *c, const struct ss_key *key, unsigned value)
{
    const struct ss_key *const selector = &ss_keys[key->selector];

    if (key->selector == SS_KEY_NONE || (key->selector == SS_KEY_DATA_SOURCE && value == SS_SOURCE_NONE))
        return;
    if (key->selector == SS_KEY_DATA_SOURCE)
        add(c, "data.file=null");
    add(c, "%s=%s", selector->path, selector->names->names[value]);
}

static void select_user(struct call *c, const struct ss_key *key)
{
    unsigned value = 0;

    while (!(key->users & SS_BIT(value)))
        value++;
    select_value(c, key, value);
}

static enum ss_status load(const struct call *c, struct ss_experiment **out)
{
    *out = NULL;
    return config_files_load(&said, with_file, c->overrides, out);
}

/* Whether `key=value` is taken; if not, the report is about that key. */
static bool takes(const struct ss_key *key, const char *value)
{
    struct call c = {.n = 0};
    struct ss_experiment *e;

    select_user(&c, key);
    if (ss_key_index(key) == SS_KEY_DATA_SPLIT_VALIDATION)
        add(&c, "data.split.test=0");
    if (ss_key_index(key) == SS_KEY_DATA_SPLIT_TEST)
        add(&c, "data.split.validation=0");
    add(&c, "%s=%s", key->path, value);
    const bool taken = load(&c, &e) == SS_OK;
    ss_experiment_free(e);
    ck_assert_msg(taken || strstr(said.text.data, key->path), "%s", said.text.data);
    return taken;
}

static bool takes_number(const struct ss_key *key, double value)
{
    char digits[64];

    snprintf(digits, sizeof(digits), "%.17g", value);
    return takes(key, digits);
}

START_TEST(ranges_hold_at_their_ends)
{
    size_t tried = 0;

    for (size_t i = 0; i < SS_KEY_COUNT; i++) {
        const struct ss_key *const key = &ss_keys[i];
        const bool integer = key->type == SS_TYPE_INTEGER || key->type == SS_TYPE_LONG;
        const bool above = key->type == SS_TYPE_NUMBER_ABOVE, below = key->type == SS_TYPE_NUMBER_BELOW;
        if (!integer && key->type != SS_TYPE_NUMBER && !above && !below)
            continue;
        ck_assert_msg(takes_number(key, key->lowest) == !above, "%s at its lowest", key->path);
        ck_assert_msg(takes_number(key, key->highest) == !below, "%s at its highest", key->path);
        ck_assert_msg(!takes_number(key, integer ? key->lowest - 1 : nextafter(key->lowest, -INFINITY)),
                      "%s below", key->path);
        ck_assert_msg(!takes_number(key, integer ? key->highest + 1 : nextafter(key->highest, INFINITY)),
                      "%s above", key->path);
        ck_assert_msg(takes_number(key, integer ? key->lowest + 1 : nextafter(key->lowest, 1)), "%s",
                      key->path);
        ck_assert_msg(!integer || !takes_number(key, key->lowest + 0.5), "%s takes a fraction", key->path);
        ck_assert_msg(!takes(key, "[1, 2]") && !takes(key, "{a: 1}") && !takes(key, "x") &&
                          !takes(key, "'1'"),
                      "%s", key->path);
        tried++;
    }
    ck_assert_uint_gt(tried, 25);
}
END_TEST

START_TEST(every_name_of_every_enum_is_taken_and_written_back)
{
    for (size_t i = 0; i < SS_KEY_COUNT; i++) {
        const struct ss_key *const key = &ss_keys[i];
        size_t n;
        const char *const *const values = ss_schema_values(key->path, &n);
        ck_assert((values != NULL) == (key->type == SS_TYPE_ENUM || key->type == SS_TYPE_BOOL));
        for (size_t v = 0; key->type == SS_TYPE_ENUM && v < n; v++) {
            struct call c = {.n = 0};
            struct ss_experiment *e;
            struct ss_text text, line;
            select_user(&c, key);
            if (ss_key_index(key) == SS_KEY_DATA_SOURCE)
                add(&c, "data.file=null");
            add(&c, "%s=%s", key->path, values[v]);
            ck_assert_msg(load(&c, &e) == SS_OK, "%s", said.text.data);
            ss_text_init(&text);
            ss_text_init(&line);
            ss_text_addf(&line, " %s: %s\n", ss_key_name(key), values[v]);
            ck_assert_int_eq(ss_experiment_write(e, false, &text), SS_OK);
            ck_assert_msg(strstr(text.data, line.data), "%s not in\n%s", line.data, text.data);
            ss_text_release(&line);
            ss_text_release(&text);
            ss_experiment_free(e);
        }
        ck_assert(!values || !takes(key, "no-such-name"));
    }
}
END_TEST

START_TEST(enum_values_have_their_names)
{
    ck_assert_str_eq(ss_source_name(SS_SOURCE_FASHION_MNIST), "fashion_mnist");
    ck_assert_str_eq(ss_transform_name(SS_TRANSFORM_PERMUTE), "permute");
    ck_assert_str_eq(ss_transform_name(SS_TRANSFORM_DROP_CORRELATED), "drop_correlated");
    ck_assert_str_eq(ss_model_name(SS_MODEL_GAUSSIAN), "gaussian");
    ck_assert_str_eq(ss_activation_name(SS_ACTIVATION_RELU), "relu");
    ck_assert_str_eq(ss_activation_name(SS_ACTIVATION_HALF_SQUARE), "half_square");
    ck_assert_str_eq(ss_quadratic_name(SS_QUADRATIC_FULL), "full");
    ck_assert_str_eq(ss_objective_name(SS_OBJECTIVE_DSM), "dsm");
    ck_assert_str_eq(ss_slices_name(SS_SLICES_ORTHOGONAL), "orthogonal");
    ck_assert_str_eq(ss_optimizer_name(SS_OPTIMIZER_SGD), "sgd");
    ck_assert_str_eq(ss_schedule_name(SS_SCHEDULE_LINEAR), "linear");
    ck_assert_str_eq(ss_plan_name(SS_PLAN_LAYERED), "layered");
    ck_assert_str_eq(ss_gemm_name(SS_GEMM_OWN), "own");
    ck_assert_str_eq(ss_sampler_name(SS_SAMPLER_MALA), "mala");
    ck_assert_str_eq(ss_start_name(SS_START_DATA), "data");
    ck_assert_str_eq(ss_separator_name(SS_SEPARATOR_BLANKS), "blanks");
    ck_assert_str_eq(ss_residence_name(SS_RESIDENCE_HOST), "host");
    ck_assert_str_eq(ss_sampler_name((enum ss_sampler_kind)99), "unknown");
}
END_TEST

/* One value for each key that is not its default, most of them awkward. */
static const char *const changed[][2] = {
    {"name", "_x.1-y"},
    {"seed", "4294967295"},
    {"device", "'NVIDIA: \"A\" \\ # \xc3\xa9 - {x}'"},
    {"data.source", "swiss_roll"},
    {"data.file", "'odd # name: [x].csv'"},
    {"data.rows", "17"},
    {"data.dimension", "5"},
    {"data.noise", "0.30000000000000004"},
    {"data.mean", "[0.1, -2e-7, 3]"},
    {"data.covariance", "[[2, 0.5, 0], [0.5, 1, 0.1], [0, 0.1, 7]]"},
    {"data.components",
     "[{weight: 0.2, mean: [1, 2], covariance: [[2, 1], [1, 2]]}, {mean: [0, 1e-9], covariance: 3}]"},
    {"data.columns.keep", "[3, 'null', '- a', \"tab\\t \\u2028 \\ufeff\\x81\", 'yes', 'x''y', '1e3']"},
    {"data.columns.drop", "['a, b']"},
    {"data.header", "no"},
    {"data.separator", "semicolon"},
    {"data.duplicates", "drop"},
    {"data.missing", "mean"},
    {"data.degrees", "5"},
    {"data.split.validation", "0.333333333333333314829616256247"},
    {"data.split.test", "0"},
    {"data.statistics", "all"},
    {"data.memory", "host"},
    {"data.transform", "[{keep: [a, 0]}, {drop: 'b: c'}, drop_correlated, {drop_correlated: 0.5}, "
                       "standardize, whiten, {whiten: "
                       "1e-3}, {dequantize: 7}, dequantize, {logit: 1e-6}, {noise: 0.05}, {permute: [1, 0]}, "
                       "{permute: random}]"},
    {"model.kind", "score"},
    {"model.hidden", "[]"},
    {"model.activation", "tanh"},
    {"model.residual", "true"},
    {"model.quadratic", "full"},
    {"model.degree", "6"},
    {"objective.kind", "esm"},
    {"objective.slices", "orthogonal"},
    {"objective.count", "65536"},
    {"objective.control_variate", "estimated"},
    {"objective.sigma", "0.7"},
    {"train.steps", "1000000000000000"},
    {"train.epochs", "2.5"},
    {"train.batch", "1"},
    {"train.optimizer", "sgd"},
    {"train.learning_rate", "1e30"},
    {"train.momentum", "0.5"},
    {"train.beta1", "0"},
    {"train.beta2", "0.95"},
    {"train.decay", "0.9"},
    {"train.epsilon", "1e-5"},
    {"train.weight_decay", "1e-4"},
    {"train.schedule", "step"},
    {"train.warmup", "10"},
    {"train.schedule_every", "3"},
    {"train.schedule_factor", "0.25"},
    {"train.clip", "1"},
    {"train.average", "0"},
    {"train.nonfinite", "skip"},
    {"train.patience", "5"},
    {"train.metrics", "1"},
    {"train.tensorboard", "true"},
    {"train.checkpoint.every", "0"},
    {"train.checkpoint.keep", "1"},
    {"train.start", "t.csv"},
    {"engine.plan", "fused"},
    {"engine.gemm", "own"},
    {"evaluate.every", "0"},
    {"evaluate.rows", "1"},
    {"evaluate.log_z", "annealing"},
    {"evaluate.annealing.chains", "2"},
    {"evaluate.annealing.temperatures", "1"},
    {"evaluate.annealing.leapfrog", "1"},
    {"sample.count", "1"},
    {"sample.sampler", "mala"},
    {"sample.start", "noise"},
    {"sample.warmup", "10"},
    {"sample.acceptance", "0.9"},
    {"sample.steps", "4294967295"},
    {"sample.leapfrog", "3"},
    {"sample.step_size", "1e-9"},
    {"study.kind", "terms"},
    {"study.repeats", "7"},
    {"study.rows", "[10, 20]"},
    {"study.counts", "[1, 3]"},
    {"study.parameters", "[0, -0.5]"},
    {"study.vary", "1"},
    {"study.weights", "[1, 2]"},
    {"study.means", "[-1, 1]"},
    {"study.deviations", "[0.5, 0.25]"},
    {"study.low", "0.25"},
    {"study.high", "2"},
    {"study.points", "11"},
};

static void write(const struct ss_experiment *e, bool origins, struct ss_text *out)
{
    ss_text_clear(out);
    ck_assert_int_eq(ss_experiment_write(e, origins, out), SS_OK);
}

START_TEST(every_key_that_is_changed_survives_the_resolved_file)
{
    const struct ss_key *const key = ss_key_find(changed[_i][0]);
    struct call c = {.n = 0};
    struct ss_experiment *e, *again = NULL;
    struct ss_text before, after, origins;

    scratch_text("odd # name: [x].csv", "1\n");
    ck_assert_int_eq(ss_folder_create(scratch_path("run")), SS_OK);
    ck_assert_ptr_nonnull(key);
    ss_text_init(&before);
    ss_text_init(&after);
    ss_text_init(&origins);
    select_user(&c, key);
    if (ss_key_index(key) == SS_KEY_DATA_SOURCE) {
        add(&c, "data.file=null");
        add(&c, "data.source=rings");
    }
    ck_assert_int_eq(load(&c, &e), SS_OK);
    write(e, false, &before);
    ss_experiment_free(e);

    add(&c, "%s=%s", changed[_i][0], changed[_i][1]);
    ck_assert_msg(load(&c, &e) == SS_OK, "%s", said.text.data);
    write(e, false, &after);
    write(e, true, &origins);
    ck_assert_msg(strcmp(before.data, after.data) != 0, "%s changes nothing", key->path);
    ck_assert_ptr_nonnull(strstr(origins.data, "# override"));

    const char *const path = scratch_text("run/resolved.yaml", origins.data); /* comments do no harm */
    ck_assert_msg(ss_experiment_load(path, NULL, 0, &again) == SS_OK, "%s\n%s", said.text.data, origins.data);
    write(again, false, &before);
    ck_assert_str_eq(before.data, after.data);
    ck_assert_int_eq(memcmp(&again->model, &e->model, sizeof(e->model)), 0);
    ck_assert_int_eq(memcmp(&again->objective, &e->objective, sizeof(e->objective)), 0);
    ck_assert(again->engine.plan == e->engine.plan && again->engine.gemm == e->engine.gemm);
    ck_assert_int_eq(memcmp(&again->evaluate, &e->evaluate, sizeof(e->evaluate)), 0);
    ck_assert_int_eq(memcmp(&again->sample, &e->sample, sizeof(e->sample)), 0);
    ck_assert_uint_eq(again->train.schedule_every, e->train.schedule_every);
    ck_assert(again->train.momentum == e->train.momentum &&
              again->train.weight_decay == e->train.weight_decay);
    ck_assert(again->data.transforms_given == e->data.transforms_given);
    write(again, true, &before);
    ck_assert_ptr_nonnull(strstr(before.data, "# resolved.yaml:"));
    ck_assert_ptr_null(strstr(before.data, "# override"));
    ss_experiment_free(again);
    ss_experiment_free(e);
    ss_text_release(&before);
    ss_text_release(&after);
    ss_text_release(&origins);
}
END_TEST

START_TEST(no_key_is_left_out_of_the_test_above)
{
    for (size_t i = 0; i < SS_KEY_COUNT; i++) {
        bool found = ss_keys[i].type == SS_TYPE_BLOCK;
        for (size_t k = 0; !found && k < SS_COUNT(changed); k++)
            found = strcmp(changed[k][0], ss_keys[i].path) == 0;
        ck_assert_msg(found, "%s is not tried", ss_keys[i].path);
    }
}
END_TEST

START_TEST(origins_say_default_line_or_override)
{
    struct ss_experiment *e = NULL;
    struct ss_text t;
    const char *const overrides[] = {"train.batch=64", NULL};
    static const char *const wanted[][2] = {{"  source: rings", "exp.yaml:2"},
                                            {"  batch: 64", "override"},
                                            {"  clip: 2", "exp.yaml:4"},
                                            {"  average: 0.999", "default"}};

    ss_text_init(&t);
    ck_assert_int_eq(
        config_files_load(&said, "data:\n  source: rings\ntrain: {batch: 5,\n  clip: 2}\n", overrides, &e),
        SS_OK);
    write(e, true, &t);
    for (size_t i = 0; i < SS_COUNT(wanted); i++) {
        char line[128];
        snprintf(line, sizeof(line), "\n%-40s  # %s\n", wanted[i][0], wanted[i][1]);
        ck_assert_msg(strstr(t.data, line), "%s not in\n%s", line, t.data);
    }
    ck_assert_ptr_null(strstr(t.data, "model:"));
    ck_assert_ptr_null(strstr(t.data, "\nsample:"));
    ss_experiment_free(e);
    ss_text_release(&t);
}
END_TEST

/* True if `text` has a line for `name` right below the line of `block`. */
static bool has_line(const char *text, const char *block, const char *name)
{
    char start[64], line[64];

    snprintf(start, sizeof(start), "\n%s:\n", block);
    snprintf(line, sizeof(line), "  %s:", name);
    const char *at = strstr(text, start);
    ck_assert_ptr_nonnull(at);
    for (at += strlen(start); *at == ' '; at = strchr(at, '\n') + 1)
        if (strncmp(at, line, strlen(line)) == 0)
            return true;
    return false;
}

START_TEST(a_key_that_its_kind_does_not_use_is_refused_and_not_written)
{
    size_t tried = 0;

    for (size_t i = 0; i < SS_KEY_COUNT; i++) {
        const struct ss_key *const key = &ss_keys[i];
        for (unsigned v = 0; key->selector != SS_KEY_NONE && v < ss_keys[key->selector].names->end; v++) {
            struct call c = {.n = 0};
            struct ss_experiment *e;
            struct ss_text t;
            if (key->users & SS_BIT(v))
                continue;
            ss_text_init(&t);
            select_value(&c, key, v);
            ck_assert_msg(load(&c, &e) == SS_OK, "%s", said.text.data); /* given by nobody, it is no error */
            write(e, false, &t);
            ck_assert_msg(!has_line(t.data, ss_key_parent(key)->path, ss_key_name(key)), "%s in\n%s",
                          key->path, t.data);
            ss_experiment_free(e);
            for (size_t k = 0; k < SS_COUNT(changed); k++)
                if (strcmp(changed[k][0], key->path) == 0)
                    add(&c, "%s=%s", key->path, changed[k][1]);
            ck_assert_int_eq(load(&c, &e), SS_ERR_USAGE);
            ck_assert_msg(strstr(said.text.data, "not used with"), "%s", said.text.data);
            ss_text_release(&t);
            tried++;
        }
    }
    ck_assert_uint_gt(tried, 50);
}
END_TEST

static const json_t *properties_of(const json_t *schema, const char *block)
{
    const json_t *const properties = json_object_get(schema, "properties");

    return block ? json_object_get(json_object_get(properties, block), "properties") : properties;
}

START_TEST(the_json_schema_describes_every_key)
{
    struct ss_text t;
    json_error_t error;

    ss_text_init(&t);
    ss_schema_json(&t);
    json_t *const schema = json_loads(t.data, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(schema, "line %d: %s", error.line, error.text);
    ck_assert_str_eq(json_string_value(json_object_get(schema, "$schema")),
                     "https://json-schema.org/draft/2020-12/schema");
    for (size_t i = 0; i < SS_KEY_COUNT; i++) {
        const json_t *at = schema;
        char path[128];
        snprintf(path, sizeof(path), "%s", ss_keys[i].path);
        for (char *part = strtok(path, "."); part; part = strtok(NULL, "."))
            at = json_object_get(properties_of(at, NULL), part);
        ck_assert_msg(at, "%s is missing", ss_keys[i].path);
        ck_assert_str_eq(json_string_value(json_object_get(at, "description")), ss_keys[i].help);
        ck_assert((json_object_get(at, "default") != NULL) == (ss_keys[i].standard != NULL));
    }
    const json_t *const rate = json_object_get(properties_of(schema, "train"), "learning_rate");
    ck_assert(json_real_value(json_object_get(rate, "default")) == 1e-3);
    ck_assert(json_is_integer(json_object_get(rate, "exclusiveMinimum")));
    const json_t *const kind =
        json_object_get(json_object_get(properties_of(schema, "objective"), "kind"), "enum");
    ck_assert_uint_eq(json_array_size(kind), 5); /* four names and null */
    json_decref(schema);
    ss_text_release(&t);
}
END_TEST

START_TEST(help_man_page_and_completion_have_every_key)
{
    struct ss_text help, troff;
    size_t n;
    const char *const *const keys = ss_schema_keys(&n);

    ss_text_init(&help);
    ss_text_init(&troff);
    ss_schema_help(&help);
    ss_schema_troff(&troff);
    ck_assert_uint_eq(n, SS_KEY_COUNT);
    for (size_t i = 0; i < n; i++) {
        ck_assert_str_eq(keys[i], ss_keys[i].path);
        ck_assert_msg(strstr(help.data, keys[i]), "%s", keys[i]);
        ck_assert_msg(strstr(troff.data, keys[i]), "%s", keys[i]);
    }
    for (const char *line = help.data; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        ck_assert_uint_le(strcspn(line, "\n"), 100);
    for (const char *line = troff.data; *line; line = strchr(line, '\n') + 1) {
        const bool request = strncmp(line, ".SS ", 4) == 0 || strncmp(line, ".TP\n", 4) == 0 ||
                             strncmp(line, ".B ", 3) == 0 || strncmp(line, ".br\n", 4) == 0;
        ck_assert_msg(request || (*line != '.' && *line != '\''), "%.40s", line);
    }
    ck_assert_ptr_nonnull(strstr(help.data, "default 0.9, 0 for rmsprop; only for rmsprop or sgd"));
    ck_assert_ptr_nonnull(strstr(help.data, "default 0, 10000 for a synthetic set"));
    ss_text_release(&help);
    ss_text_release(&troff);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("schema");
    TCase *const c = tcase_create("schema");

    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, ranges_hold_at_their_ends);
    tcase_add_test(c, every_name_of_every_enum_is_taken_and_written_back);
    tcase_add_test(c, enum_values_have_their_names);
    tcase_add_loop_test(c, every_key_that_is_changed_survives_the_resolved_file, 0, (int)SS_COUNT(changed));
    tcase_add_test(c, no_key_is_left_out_of_the_test_above);
    tcase_add_test(c, origins_say_default_line_or_override);
    tcase_add_test(c, a_key_that_its_kind_does_not_use_is_refused_and_not_written);
    tcase_add_test(c, the_json_schema_describes_every_key);
    tcase_add_test(c, help_man_page_and_completion_have_every_key);
    suite_add_tcase(s, c);
    SRunner *const r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
