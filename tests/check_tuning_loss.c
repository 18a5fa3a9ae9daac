/* What tuning means for losses and runs: candidates, what was measured and what is asked for, going on as a
 * run began; on the device as it is, and with the kernels for GPUs. And what is remembered of a self-test. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "device/gemm.h"
#include "device/opencl.h"
#include "device/tiles.h"
#include "objective/choice.h"
#include "objective/tune.h"
#include "run/known_answers.h"
#include "run/record.h"
#include "support/device.h"
#include "support/runs.h"
#include "support/scratch.h"

static struct ss_device *device; /* opened once: PoCL takes long to open */

/* Answers go to a folder of the test's own. */
static void set_up(void)
{
    scratch_set_up();
    setenv("XDG_CACHE_HOME", scratch_path(""), 1);
}

static void keep(const char *question, const int32_t numbers[SS_TUNING_NUMBERS])
{
    struct ss_tuning t = {.ms = 1.25, .gain = 1.5, .candidates = 7, .stamp = "2026-01-31T12:34:56Z"};

    memcpy(t.numbers, numbers, sizeof(t.numbers));
    ck_assert(ss_tuning_keep(device, question, &t));
}

/* ---- losses ---- */

static struct ss_model *small_model(void)
{
    const struct ss_model_options o = {
        .kind = SS_MODEL_ENERGY, .hidden = {9, 5}, .n_hidden = 2, .activation = SS_ACTIVATION_SILU};
    struct ss_model *m = NULL;

    ok(ss_model_create(&o, 3, &m));
    return m;
}

static struct ss_loss_options small_loss(void)
{
    return (struct ss_loss_options){
        .objective = {.kind = SS_OBJECTIVE_SSM, .count = 2}, .rows = 30, .gradient = true};
}

static struct ss_tuner_candidate *candidate(struct ss_loss_tune *t, const char *name)
{
    struct ss_tuner_task *const task = ss_loss_tune_task(t);

    for (size_t i = 0; i < task->n_candidates; i++)
        if (strstr(task->candidates[i].name, name))
            return &task->candidates[i];
    ck_abort_msg("no candidate '%s'", name);
    return NULL;
}

START_TEST(candidates_of_a_loss_are_right_by_the_plain_kernels_and_a_wrong_one_is_seen)
{
    static const char *const names[] = {"layered", "fused"};
    struct ss_model *const m = small_model();
    const struct ss_loss_options o = small_loss();
    struct ss_loss_tune *t = NULL;

    ok(ss_loss_tune_create(device, m, &o, &t));
    struct ss_tuner_task *const task = ss_loss_tune_task(t);
    ck_assert_uint_gt(task->n_candidates, 2);
    for (size_t i = 0; i < SS_COUNT(names); i++) {
        void *made = NULL;
        bool right = false;
        if (strcmp(names[i], "fused") == 0 && ss_device_info(device)->unfinished)
            continue;
        ok(task->make(task->context, candidate(t, names[i]), &made));
        ok(task->right(task->context, made, &right));
        ck_assert_msg(right, "%s", names[i]);
        /* other rows are another loss */
        const float moved = 3;
        ok(ss_span_write(ss_loss_rows(made), &moved, 1));
        ok(task->right(task->context, made, &right));
        ck_assert_msg(!right, "%s with other rows", names[i]);
        task->discard(task->context, made);
    }
    ss_loss_tune_free(t);
    ss_model_free(m);
}
END_TEST

static enum ss_plan_kind plan_of(const struct ss_model *m, const struct ss_loss_options *o, const char *why)
{
    struct ss_loss *l = NULL;
    struct ss_text text;

    ok(ss_loss_create(device, m, o, &l));
    const enum ss_plan_kind plan = ss_loss_plan_kind(l);
    ss_text_init(&text);
    ss_loss_why(l, &text);
    ck_assert_msg(strstr(text.data, why) != NULL, "'%s' in: %s", why, text.data);
    ss_text_release(&text);
    ss_loss_free(l);
    return plan;
}

START_TEST(a_loss_takes_what_was_measured_and_what_is_asked_for_by_name_comes_first)
{
    struct ss_model *const m = small_model();
    struct ss_loss_options o = small_loss();
    struct ss_loss_tune *t = NULL;
    const enum ss_plan_kind by_rule = plan_of(m, &o, "by rule");
    size_t bytes = 0, measured = 0;

    ok(ss_loss_tune_create(device, m, &o, &t));
    ok(ss_loss_bytes(device, m, &o, &bytes));
    keep(ss_loss_tune_task(t)->what, candidate(t, by_rule == SS_PLAN_FUSED ? "layered" : "clblast")->numbers);
    ck_assert_int_eq(plan_of(m, &o, "measured here on 2026-01-31: 1.50 times"), SS_PLAN_LAYERED);
    ok(ss_loss_bytes(device, m, &o, &measured));
    ck_assert(by_rule == SS_PLAN_LAYERED || measured != bytes);
    o.unmeasured = true;
    ck_assert_int_eq(plan_of(m, &o, "by rule"), by_rule);
    o.unmeasured = false;
    o.rows = 31; /* another question */
    ck_assert_int_eq(plan_of(m, &o, "by rule"), by_rule);
    o.rows = 30;
    o.engine.plan = by_rule;
    ck_assert_int_eq(plan_of(m, &o, "by rule"), by_rule);
    ss_loss_tune_free(t);
    ss_model_free(m);
}
END_TEST

START_TEST(numbers_that_cannot_be_had_are_refused_when_given_and_passed_over_when_kept)
{
    const int32_t bad[SS_TUNING_NUMBERS] = {99};
    struct ss_model *const m = small_model();
    struct ss_loss_options o = small_loss();
    struct ss_loss_tune *t = NULL;
    struct ss_loss *l = NULL;

    o.numbers = bad;
    ck_assert_int_eq(ss_loss_create(device, m, &o, &l), SS_ERR_USAGE);
    ck_assert_ptr_null(l);
    o.numbers = NULL;
    o.rows = 29;
    ok(ss_loss_tune_create(device, m, &o, &t));
    keep(ss_loss_tune_task(t)->what, bad);
    plan_of(m, &o, "by rule");
    ss_loss_tune_free(t);
    ss_model_free(m);
}
END_TEST

/* ---- tiles of the fused products, on GPUs ---- */

START_TEST(tiles_of_the_fused_products_are_candidates_and_right)
{
    struct ss_model *const m = small_model();
    struct ss_loss_options o = small_loss();
    struct ss_loss_tune *t = NULL;
    size_t found = 0;

    o.any_driver = true;
    ok(ss_loss_tune_create(device, m, &o, &t));
    struct ss_tuner_task *const task = ss_loss_tune_task(t);
    for (size_t i = 0; i < task->n_candidates; i++) {
        const struct ss_tuner_candidate *const c = &task->candidates[i];
        void *made = NULL;
        bool right = false;
        if (!c->numbers[SS_CHOICE_TILES] || (test_small() && found))
            continue;
        ok(task->make(task->context, c, &made));
        ck_assert_int_eq(ss_loss_numbers(made)[SS_CHOICE_TILES], c->numbers[SS_CHOICE_TILES]);
        ck_assert_ptr_nonnull(strstr(c->name, "fused, tiles of "));
        ck_assert_msg(strstr(ss_loss_plan(made), c->name + strlen("fused, ")), "%s: %s", c->name,
                      ss_loss_plan(made));
        ok(task->right(task->context, made, &right));
        ck_assert_msg(right, "%s", c->name);
        task->discard(task->context, made);
        found++;
    }
    ck_assert_uint_ge(found, test_small() ? 1 : 5);
    ss_loss_tune_free(t);
    ss_model_free(m);
}
END_TEST

static bool has_one_plan(const char *what)
{
    if (ss_device_info(device)->unfinished)
        printf("skip: %s: there is one plan on this device\n", what);
    return ss_device_info(device)->unfinished;
}

START_TEST(tiles_that_were_measured_are_taken_and_those_that_cannot_be_are_not)
{
    static const struct ss_tiles fit = {4, 8, 4, 4, 8, 1}, too_many = {64, 1024, 1, 4, 256, 1};
    int32_t numbers[SS_TUNING_NUMBERS] = {[SS_CHOICE_PLAN] = SS_PLAN_FUSED};
    struct ss_model *const m = small_model();
    struct ss_loss_options o = small_loss();
    struct ss_loss *l = NULL;
    char *question = NULL;
    size_t bytes = 0;

    if (has_one_plan("tiles that were measured"))
        goto out;
    ok(ss_choice_question(m, &o, &question));
    numbers[SS_CHOICE_TILES] = ss_tiles_number(&fit);
    keep(question, numbers);
    plan_of(m, &o, "measured here");
    ok(ss_loss_create(device, m, &o, &l));
    ck_assert_int_eq(ss_loss_numbers(l)[SS_CHOICE_TILES], numbers[SS_CHOICE_TILES]);
    ss_loss_free(l);
    l = NULL;

    const int32_t wrong[] = {ss_tiles_number(&too_many), SS_TILES_MOST, SS_TILES_MOST + 1, 1};
    for (size_t i = 0; i < SS_COUNT(wrong); i++) {
        numbers[SS_CHOICE_TILES] = wrong[i];
        keep(question, numbers);
        plan_of(m, &o, "by rule");
        ok(ss_loss_bytes(device, m, &o, &bytes));
        o.numbers = numbers;
        ck_assert_int_eq(ss_loss_create(device, m, &o, &l), SS_ERR_USAGE);
        ck_assert_ptr_null(l);
        o.numbers = NULL;
    }
    ss_device_take_gpu_kernels(device, false); /* there the plan has no such tiles */
    numbers[SS_CHOICE_TILES] = ss_tiles_number(&fit);
    o.numbers = numbers;
    ck_assert_int_eq(ss_loss_create(device, m, &o, &l), ss_device_is_cpu(device) ? SS_ERR_USAGE : SS_OK);
    ss_device_take_gpu_kernels(device, true);
    ss_loss_free(l);
out:
    free(question);
    ss_model_free(m);
}
END_TEST

/* ---- a run goes on as it began ---- */

static const char experiment[] = "data: {source: gaussian, rows: 300, dimension: 3}\n"
                                 "model: {kind: energy, hidden: [9, 20], quadratic: none}\n"
                                 "objective: {kind: ssm, count: 2}\n"
                                 "train: {steps: 6, batch: 28, checkpoint: {every: 3}}\n"
                                 "evaluate: {every: 3, rows: 20}\n";

static struct ss_run_record record_of(const char *run)
{
    struct ss_run_record r;

    ss_run_record_init(&r);
    ok(ss_run_record_read(scratch_path(run), &r));
    return r;
}

static void last_weights(const char *run, char **bytes, size_t *n)
{
    char name[64];

    snprintf(name, sizeof(name), "%s/ckpt/step-00000006.safetensors", run);
    ok(ss_file_read(scratch_path(name), 1 << 20, bytes, n));
}

static void check_weights(const char *run, const char *other, bool same)
{
    char *a = NULL, *b = NULL;
    size_t n_a, n_b;

    last_weights(run, &a, &n_a);
    last_weights(other, &b, &n_b);
    ck_assert_msg((n_a == n_b && memcmp(a, b, n_a) == 0) == same, "%s and %s", run, other);
    free(a);
    free(b);
}

/* The answer that `numbers` are faster for the loss of `experiment`. */
static void keep_for_experiment(const int32_t numbers[SS_TUNING_NUMBERS])
{
    const struct ss_model_options net = {
        .kind = SS_MODEL_ENERGY, .hidden = {9, 20}, .n_hidden = 2, .activation = SS_ACTIVATION_SILU};
    struct ss_loss_options o = small_loss();
    struct ss_model *m = NULL;
    char *question = NULL;

    o.rows = 28;
    ok(ss_model_create(&net, 3, &m));
    ok(ss_choice_question(m, &o, &question));
    keep(question, numbers);
    free(question);
    ss_model_free(m);
}

/* Begun before `numbers` were measured, stopped, and gone on with after. */
static void check_going_on(const int32_t numbers[SS_TUNING_NUMBERS], enum ss_plan_kind after)
{
    scratch_text("exp.yaml", experiment);
    test_run(device, "whole", NULL, false);
    test_run(device, "halves", "train.steps=3", false);
    keep_for_experiment(numbers);
    test_run(device, "halves", "train.steps=6", true);
    test_run(device, "after", NULL, false);
    check_weights("whole", "halves", true);
    check_weights("whole", "after", false); /* the ways differ in their last bits */
    struct ss_run_record r[] = {record_of("whole"), record_of("halves"), record_of("after")};
    ck_assert_int_eq(r[0].engine[SS_CHOICE_PLAN], SS_PLAN_FUSED); /* what the rule chose */
    ck_assert_str_eq(r[0].plan, r[1].plan);
    ck_assert_mem_eq(r[0].engine, r[1].engine, sizeof(r[0].engine));
    ck_assert_int_eq(r[2].engine[SS_CHOICE_PLAN], after);
    ck_assert_int_eq(r[2].engine[SS_CHOICE_TILES], numbers[SS_CHOICE_TILES]);
    for (size_t i = 0; i < SS_COUNT(r); i++)
        ss_run_record_release(&r[i]);
}

START_TEST(a_run_goes_on_by_the_way_it_began_to_the_same_bits_whatever_is_measured_since)
{
    static const int32_t layered[SS_TUNING_NUMBERS] = {
        [SS_CHOICE_PLAN] = SS_PLAN_LAYERED, [SS_CHOICE_GEMM] = SS_GEMM_OWN};

    if (has_one_plan("going on by the way it began"))
        return;
    check_going_on(layered, SS_PLAN_LAYERED);
}
END_TEST

/* In groups of fewer columns a row's sum is made of other parts. */
START_TEST(a_run_goes_on_with_the_tiles_that_it_began_with)
{
    static const struct ss_tiles tiles = {4, 4, 4, 4, 8, 1};
    int32_t numbers[SS_TUNING_NUMBERS] = {[SS_CHOICE_PLAN] = SS_PLAN_FUSED};

    if (has_one_plan("going on with the tiles that it began with"))
        return;
    numbers[SS_CHOICE_TILES] = ss_tiles_number(&tiles);
    check_going_on(numbers, SS_PLAN_FUSED);
}
END_TEST

/* ---- sets of CLBlast's parameters: nothing is computed by them here, since they take long to compile ----
 */

START_TEST(sets_of_parameters_are_candidates_apart_whatever_the_default_is)
{
    static const enum ss_gemm_kind kinds[] = {SS_GEMM_AUTO, SS_GEMM_CLBLAST, SS_GEMM_OWN};
    struct ss_model *const m = small_model();

    for (size_t k = 0; k < SS_COUNT(kinds); k++) {
        struct ss_loss_options o = small_loss();
        struct ss_loss_tune *t = NULL;
        size_t found = 0;
        o.engine = (struct ss_engine_options){.plan = SS_PLAN_LAYERED, .gemm = kinds[k]};
        ok(ss_loss_tune_create(device, m, &o, &t));
        const struct ss_tuner_task *const task = ss_loss_tune_task(t);
        for (size_t i = 0; i < task->n_candidates; i++) {
            ck_assert(task->candidates[i].apart == (task->candidates[i].numbers[SS_CHOICE_SET] > 0));
            found += task->candidates[i].apart;
        }
        ck_assert_uint_eq(found, kinds[k] == SS_GEMM_OWN ? 0 : ss_gemm_sets(device));
        ss_loss_tune_free(t);
    }
    ck_assert_uint_eq(ss_gemm_set(device), 0);
    ss_model_free(m);
}
END_TEST

/* The last one: the process is another after it. */
START_TEST(a_set_that_was_measured_is_taken_at_once_noted_and_not_taken_back)
{
    int32_t numbers[SS_TUNING_NUMBERS] = {
        [SS_CHOICE_PLAN] = SS_PLAN_LAYERED, [SS_CHOICE_GEMM] = SS_GEMM_CLBLAST, [SS_CHOICE_SET] = 2};
    struct ss_model *const m = small_model();
    struct ss_loss_options o = small_loss();
    struct ss_loss *l = NULL;
    char *question = NULL;

    o.rows = 27;
    ok(ss_choice_question(m, &o, &question));
    numbers[SS_CHOICE_SET] = (int32_t)ss_gemm_sets(device) + 1;
    keep(question, numbers);
    plan_of(m, &o, "by rule");
    ck_assert_uint_eq(ss_gemm_set(device), 0);
    numbers[SS_CHOICE_SET] = 2;
    keep(question, numbers);
    plan_of(m, &o, "measured here");
    ck_assert_uint_eq(ss_gemm_set(device), 2);

    /* who begins now begins with it; who began without cannot go on here */
    o.unmeasured = true;
    o.engine = (struct ss_engine_options){.plan = SS_PLAN_LAYERED, .gemm = SS_GEMM_CLBLAST};
    ss_gemm_choose(device, SS_GEMM_CLBLAST);
    ok(ss_loss_create(device, m, &o, &l));
    ck_assert_int_eq(ss_loss_numbers(l)[SS_CHOICE_SET], 2);
    ck_assert_msg(strstr(ss_loss_plan(l), "(clblast, set 2)") != NULL, "%s", ss_loss_plan(l));
    ss_loss_free(l);
    l = NULL;
    numbers[SS_CHOICE_SET] = 0;
    o.numbers = numbers;
    ck_assert_int_eq(ss_loss_create(device, m, &o, &l), SS_ERR_USAGE);
    ck_assert_ptr_null(l);

    numbers[SS_CHOICE_SET] = 1; /* another can be had */
    ok(ss_loss_create(device, m, &o, &l));
    ck_assert_uint_eq(ss_gemm_set(device), 1);
    ck_assert_int_eq(ss_loss_numbers(l)[SS_CHOICE_SET], 1);
    ss_loss_free(l);
    ss_gemm_choose(device, SS_GEMM_AUTO);
    free(question);
    ss_model_free(m);
}
END_TEST

/* ---- ---- */

static void open_device(void)
{
    device = test_device_open();
}

static void open_as_gpu(void)
{
    open_device();
    ss_device_take_gpu_kernels(device, true);
}

static void close_device(void)
{
    ss_device_free(device);
}

/* ---- self-tests ---- */

static bool is_known(void)
{
    char stamp[21] = "";
    const bool known = ss_known_before(device, stamp);

    ck_assert_int_eq(known, strncmp(stamp, "20", 2) == 0);
    return known;
}

/* Of another form of the kernels, other products, kernels of a folder, nothing is known by it. CLBlast's
 * products have one name with both forms. */
START_TEST(a_self_test_that_passed_is_remembered_of_the_kernels_that_it_tried)
{
    const bool remembers = !ss_device_info(device)->unfinished;
    struct ss_selftest t = {0};

    if (test_small()) {
        printf("skipped: memory of a self-test (unfinished drivers have none, and it takes a simulator "
               "minutes)\n");
        return;
    }
    ss_gemm_choose(device, SS_GEMM_CLBLAST);
    ck_assert(!is_known());
    ok(ss_known_answers(device, false, NULL, &t));
    ss_selftest_release(&t);
    ck_assert(is_known() == remembers);

    if (ss_device_info(device)->type == SS_DEVICE_CPU) { /* others have no form but theirs */
        const bool as_cpu = ss_device_is_cpu(device);
        ss_device_take_gpu_kernels(device, as_cpu);
        ck_assert(!is_known());
        ss_device_take_gpu_kernels(device, !as_cpu);
    }
    ss_gemm_choose(device, SS_GEMM_OWN);
    ck_assert(!is_known());
    ss_gemm_choose(device, SS_GEMM_CLBLAST);
    setenv("SLICESCORE_CL_DIR", "cl", 1);
    ck_assert(!is_known());
    unsetenv("SLICESCORE_CL_DIR");
    ck_assert(is_known() == remembers);
    ss_gemm_choose(device, SS_GEMM_AUTO);
}
END_TEST

static Suite *tuning_loss_suite(void)
{
    Suite *const s = suite_create("tuning of losses");
    TCase *t = tcase_create("on a device");

    tcase_set_timeout(t, 300);
    tcase_add_unchecked_fixture(t, open_device, close_device);
    tcase_add_checked_fixture(t, set_up, scratch_tear_down);
    tcase_add_test(t, candidates_of_a_loss_are_right_by_the_plain_kernels_and_a_wrong_one_is_seen);
    tcase_add_test(t, a_loss_takes_what_was_measured_and_what_is_asked_for_by_name_comes_first);
    tcase_add_test(t, numbers_that_cannot_be_had_are_refused_when_given_and_passed_over_when_kept);
    tcase_add_test(t, a_run_goes_on_by_the_way_it_began_to_the_same_bits_whatever_is_measured_since);
    tcase_add_test(t, a_self_test_that_passed_is_remembered_of_the_kernels_that_it_tried);
    suite_add_tcase(s, t);

    t = tcase_create("with the kernels for GPUs");
    tcase_set_timeout(t, 300);
    tcase_add_unchecked_fixture(t, open_as_gpu, close_device);
    tcase_add_checked_fixture(t, set_up, scratch_tear_down);
    tcase_add_test(t, tiles_of_the_fused_products_are_candidates_and_right);
    tcase_add_test(t, tiles_that_were_measured_are_taken_and_those_that_cannot_be_are_not);
    tcase_add_test(t, a_run_goes_on_with_the_tiles_that_it_began_with);
    suite_add_tcase(s, t);

    t = tcase_create("sets of CLBlast's parameters");
    tcase_set_timeout(t, 300);
    tcase_add_unchecked_fixture(t, open_device, close_device);
    tcase_add_checked_fixture(t, set_up, scratch_tear_down);
    tcase_add_test(t, sets_of_parameters_are_candidates_apart_whatever_the_default_is);
    tcase_add_test(t, a_set_that_was_measured_is_taken_at_once_noted_and_not_taken_back);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_device_suite(tuning_loss_suite());
}
