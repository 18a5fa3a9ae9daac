#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "device/peak.h"
#include "run/bench.h"
#include "support/device.h"
#include "support/scratch.h"

static void quiet(void *context, enum ss_level level, const char *text)
{
    (void)context;
    (void)level;
    (void)text;
}

static void set_up(void)
{
    ss_sink_set(quiet, NULL);
}

static void tear_down(void)
{
    ss_sink_set(NULL, NULL);
}

/* ---- workloads ---- */

static struct ss_bench_shape small_shape(enum ss_model_kind kind, enum ss_objective_kind objective)
{
    return (struct ss_bench_shape){.name = "x",
                                   .batch = 10,
                                   .dimension = 3,
                                   .slices = 4,
                                   .model = {.kind = kind, .hidden = {7, 5}, .n_hidden = 2},
                                   .objective = objective,
                                   .engine = {.plan = SS_PLAN_LAYERED}};
}

/* 3 x 7 weights in the first layer; 7 x 5 and 5 (an energy) or 15 (a score net of 3 outputs) in the others.
 */
START_TEST(the_work_of_each_objective_is_what_counting_by_hand_gives)
{
    static const struct {
        enum ss_model_kind kind;
        enum ss_objective_kind objective;
        int first, others, last;
    } counted[] = {
        {SS_MODEL_ENERGY, SS_OBJECTIVE_SSM, 10, 18, 18}, /* values and 4 directions; forward, back, weights */
        {SS_MODEL_ENERGY, SS_OBJECTIVE_SSM_VR, 13, 21, 21}, /* and the score's own sweep and stream */
        {SS_MODEL_ENERGY, SS_OBJECTIVE_ESM, 2, 15, 15},     /* 3 directions, without products at the input */
        {SS_MODEL_ENERGY, SS_OBJECTIVE_DSM, 5, 6, 6},
        {SS_MODEL_SCORE, SS_OBJECTIVE_SSM, 10, 15, 8},     /* W'v of 4 directions, and its weights */
        {SS_MODEL_SCORE, SS_OBJECTIVE_SSM_VR, 10, 15, 11}, /* and values; forward, back, weights */
        {SS_MODEL_SCORE, SS_OBJECTIVE_ESM, 2, 12, 3},      /* W'v of unit vectors is no product */
        {SS_MODEL_SCORE, SS_OBJECTIVE_DSM, 2, 3, 3},
    };

    for (size_t i = 0; i < SS_COUNT(counted); i++) {
        const struct ss_bench_shape s = small_shape(counted[i].kind, counted[i].objective);
        const int outputs = counted[i].kind == SS_MODEL_ENERGY ? 5 : 15;
        const double want =
            2e-9 * 10 * (21 * counted[i].first + 35 * counted[i].others + outputs * counted[i].last);
        ck_assert_double_eq_tol(ss_bench_gflop(&s), want, 1e-18);
    }
}
END_TEST

START_TEST(large_and_wide_are_as_much_work_as_they_are_known_for)
{
    struct ss_bench_shape *s = NULL;
    size_t n = 0;

    ck_assert_int_eq(ss_bench_find("bench", "large", &s, &n), SS_OK);
    ck_assert_uint_eq(n, 1);
    /* 1024 (128 128 12 + (128 128 + 128) 21) multiply-adds */
    ck_assert_double_eq_tol(ss_bench_gflop(s), 1.11280128, 1e-9);
    free(s);
    ck_assert_int_eq(ss_bench_find("bench", "wide", &s, &n), SS_OK);
    ck_assert_double_eq_tol(ss_bench_gflop(s),
                            2e-9 * 256 * (784 * 1024 * 4.0 + (2.0 * 1024 * 1024 + 1024) * 9), 1e-9);
    free(s);
}
END_TEST

START_TEST(every_name_finds_its_workloads_and_a_family_all_of_its_own)
{
    struct ss_bench_shape *s = NULL;
    size_t n_names, n = 0, sum = 0;
    const char *const *const names = ss_bench_names(&n_names);

    ck_assert_str_eq(names[n_names - 1], "matmul");
    for (size_t i = 0; i + 1 < n_names; i++) {
        ck_assert_int_eq(ss_bench_find("bench", names[i], &s, &n), SS_OK);
        for (size_t j = 0; j < n; j++) {
            ck_assert_uint_gt(s[j].batch * s[j].dimension * s[j].slices * s[j].model.n_hidden, 0);
            ck_assert_int_eq(strncmp(s[j].name, names[i], 4), 0);
            ck_assert(n == 1 ? s[j].family == NULL : strcmp(s[j].family, names[i]) == 0);
        }
        sum += n;
        free(s);
    }
    ck_assert_int_eq(ss_bench_find("bench", "all", &s, &n), SS_OK);
    ck_assert_uint_eq(n, sum);
    for (size_t i = 0; i < n; i++) /* each by its own name alone */
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(s[i].name, s[j].name);
    free(s);
    ck_assert_int_eq(ss_bench_find("bench", "scale-M-16", &s, &n), SS_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert_uint_eq(s->slices, 16);
    free(s);
    ck_assert_int_eq(ss_bench_find("bench", "esm-50", &s, &n), SS_OK);
    ck_assert_uint_eq(s->dimension, 50);
    free(s);
}
END_TEST

START_TEST(an_unknown_workload_is_a_usage_error)
{
    struct ss_bench_shape *s = NULL;
    size_t n = 77;

    ck_assert_int_eq(ss_bench_find("bench", "esm-51", &s, &n), SS_ERR_USAGE);
    ck_assert_int_eq(ss_bench_find("bench", "", &s, &n), SS_ERR_USAGE);
    ck_assert_ptr_null(s);
    ck_assert_uint_eq(n, 77);
}
END_TEST

/* ---- on a device ---- */

START_TEST(a_share_above_the_peak_stays_in_the_picture)
{
    struct ss_bench_row rows[2] = {{.gradient_ms = {1, 1, 1}, .fraction_of_peak = 0.5},
                                   {.gradient_ms = {2, 2, 2}, .fraction_of_peak = 1.9}};
    const struct ss_bench b = {.rows = rows, .n_rows = 2};
    struct ss_bench_shape *shapes = NULL;
    char *svg = NULL;
    size_t n = 0, size = 0;

    scratch_set_up();
    ok(ss_bench_find("bench", "scale-M", &shapes, &n));
    rows[0].shape = shapes[0];
    rows[1].shape = shapes[1];
    ok(ss_bench_write(&b, scratch_path("b")));
    ok(ss_file_read(scratch_path("b/bench-slices.svg"), 1 << 24, &svg, &size));
    ck_assert_ptr_nonnull(strstr(svg, ">150<")); /* a mark of the axis */
    free(svg);
    free(shapes);
    scratch_tear_down();
}
END_TEST

START_TEST(the_peak_is_a_finite_number_every_time)
{
    struct ss_device *d = NULL;
    struct ss_peak *p = NULL;
    double gflops = 0;

    ck_assert_int_eq(ss_device_open(NULL, &d), SS_OK);
    ck_assert_int_eq(ss_peak_create(d, &p), SS_OK);
    for (int i = 0; i < 3; i++) {
        gflops = 0;
        ck_assert_int_eq(ss_peak_measure(p, &gflops), SS_OK);
        ck_assert_double_gt(gflops, 0);
        ck_assert(isfinite(gflops));
    }
    ss_peak_free(p);
    ck_assert_uint_eq(ss_device_allocated(d), 0);
    ss_device_free(d);
}
END_TEST

struct told {
    size_t rows, products, builds;
};

static void count_row(void *context, const struct ss_bench_row *row)
{
    ck_assert_uint_ge(row->repetitions, 3);
    ((struct told *)context)->rows++;
}

static void count_build(void *context, const struct ss_bench_row *row)
{
    (void)row;
    ((struct told *)context)->builds++;
}

START_TEST(out_of_time_the_rest_is_left_out_and_named)
{
    struct ss_bench_shape shapes[2] = {small_shape(SS_MODEL_ENERGY, SS_OBJECTIVE_SSM),
                                       small_shape(SS_MODEL_ENERGY, SS_OBJECTIVE_DSM)};
    struct told told = {0};
    const struct ss_bench_options o = {.shapes = shapes,
                                       .n_shapes = 2,
                                       .seconds = 1e-6,
                                       .row = count_row,
                                       .build = count_build,
                                       .context = &told};
    struct ss_bench b = {0};

    ck_assert_int_eq(ss_bench_run(&o, &b), SS_OK);
    ck_assert_uint_eq(told.rows, 1);
    ck_assert_uint_eq(b.n_rows, 1);
    ck_assert_uint_eq(told.builds, 0);
    ck_assert(isnan(b.rows[0].build_cold_s));
    ck_assert_ptr_nonnull(strstr(b.remark, "workloads 1"));
    ck_assert_msg(!strstr(b.remark, " 0"), "%s", b.remark);
    ck_assert_double_gt(b.rows[0].memory_mib, 0);
    ss_bench_release(&b);
}
END_TEST

START_TEST(a_plan_that_a_workload_does_not_allow_fails_as_training_would)
{
    struct ss_bench_shape s = small_shape(SS_MODEL_ENERGY, SS_OBJECTIVE_SSM);
    const struct ss_bench_options o = {.shapes = &s, .n_shapes = 1, .seconds = 1};
    struct ss_bench b = {0};

    s.model.n_hidden = 0;
    s.engine.plan = SS_PLAN_FUSED;
    ck_assert_int_eq(ss_bench_run(&o, &b), SS_ERR_USAGE);
    ck_assert_ptr_null(b.rows);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("bench");
    TCase *const host = tcase_create("workloads"), *const device = tcase_create("device");

    tcase_add_checked_fixture(host, set_up, tear_down);
    tcase_add_checked_fixture(device, set_up, tear_down);
    tcase_add_test(host, the_work_of_each_objective_is_what_counting_by_hand_gives);
    tcase_add_test(host, large_and_wide_are_as_much_work_as_they_are_known_for);
    tcase_add_test(host, every_name_finds_its_workloads_and_a_family_all_of_its_own);
    tcase_add_test(host, a_share_above_the_peak_stays_in_the_picture);
    tcase_add_test(host, an_unknown_workload_is_a_usage_error);
    tcase_add_test(device, the_peak_is_a_finite_number_every_time);
    if (!test_small()) /* it multiplies matrices of 1024 x 1024 */
        tcase_add_test(device, out_of_time_the_rest_is_left_out_and_named);
    tcase_add_test(device, a_plan_that_a_workload_does_not_allow_fails_as_training_would);
    tcase_set_timeout(device, 300);
    suite_add_tcase(suite, host);
    suite_add_tcase(suite, device);
    return run_device_suite(suite);
}
