/* Chains of transforms: inverse, determinant and scores against differences; files of them. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "random/random.h"
#include "support/scratch.h"
#include "support/transforms.h"

enum { MOST = 8 };

/* ---- all of them: inverse, determinant, scores ---- */

/* log |det| by elimination. */
static double log_abs_det(size_t n, double *a)
{
    double sum = 0.0;

    for (size_t k = 0; k < n; k++) {
        size_t p = k;
        for (size_t i = k + 1; i < n; i++)
            p = fabs(a[i * n + k]) > fabs(a[p * n + k]) ? i : p;
        for (size_t j = 0; j < n; j++) {
            const double swap = a[k * n + j];
            a[k * n + j] = a[p * n + j];
            a[p * n + j] = swap;
        }
        sum += log(fabs(a[k * n + k]));
        for (size_t i = k + 1; i < n; i++)
            for (size_t j = n; j-- > k;)
                a[i * n + j] -= a[i * n + k] / a[k * n + k] * a[k * n + j];
    }
    return sum;
}

/* The smooth part of the chain at x, as ss_transform_inverse() undoes it: dequantize scales. */
static void smooth(struct ss_transform *c, const double *x, double *y)
{
    for (size_t k = 0; k < c->n_steps; k++)
        if (c->steps[k].kind == SS_STEP_DEQUANTIZE)
            c->steps[k].centre = 0.5; /* so that no draw adds nothing */
    ss_transform_forward(c, x, NULL, 0, y);
}

/* log-density at x if the density of y is a standard normal. */
static double log_density(struct ss_transform *c, const double *x)
{
    double y[MOST], sum = 0.0;

    smooth(c, x, y);
    for (size_t i = 0; i < c->outputs; i++)
        sum -= 0.5 * y[i] * y[i];
    return sum + ss_transform_log_det(c, y);
}

static void check_chain(struct ss_transform *c, const double *x)
{
    const size_t n = c->outputs;
    double y[MOST], back[MOST], score_y[MOST], score_x[MOST], a[MOST * MOST], at[MOST], plus[MOST],
        minus[MOST];

    smooth(c, x, y);
    ss_transform_inverse(c, y, back);
    memcpy(at, x, c->inputs * sizeof *at);
    for (size_t i = 0; i < n; i++) {
        const size_t j = c->from[i];
        const double h = 1e-5 * fmax(1e-3, fabs(x[j]));
        close_to(back[j], x[j], 1e-11, 1e-11);
        at[j] = x[j] + h;
        smooth(c, at, plus);
        const double up = log_density(c, at);
        at[j] = x[j] - h;
        smooth(c, at, minus);
        const double down = log_density(c, at);
        at[j] = x[j];
        for (size_t k = 0; k < n; k++)
            a[k * n + i] = (plus[k] - minus[k]) / (2.0 * h);
        score_x[i] = (up - down) / (2.0 * h);
    }
    /* Central differences of functions of order one: h^2 and rounding / h are both below 1e-8 of the third
     * derivatives, which a logit near its ends makes large. */
    close_to(ss_transform_log_det(c, y), log_abs_det(n, a), 1e-5, 1e-5);
    double got[MOST], pushed[MOST];
    for (size_t i = 0; i < n; i++)
        score_y[i] = -y[i];
    ss_transform_score(c, y, score_y, got);
    for (size_t i = 0; i < n; i++) {
        close_to(got[c->from[i]], score_x[i], 1e-4, 1e-4);
        pushed[i] = got[c->from[i]];
    }
    ss_transform_push_score(c, y, pushed);
    for (size_t i = 0; i < n; i++)
        close_to(pushed[i], score_y[i], 1e-8, 1e-8);
}

START_TEST(inverse_determinant_and_score_agree_with_differences_for_all_chains)
{
    double x[TRANSFORM_ROWS * 4];
    const char *drop[] = {"x1"};
    struct ss_transform_options leave = transform_step(SS_TRANSFORM_DROP, NAN);
    leave.names = transform_names(drop, 1);
    const struct ss_transform_options standardize = transform_step(SS_TRANSFORM_STANDARDIZE, NAN),
                                      whiten = transform_step(SS_TRANSFORM_WHITEN, 0.01),
                                      noise = transform_step(SS_TRANSFORM_NOISE, 0.3),
                                      levels = transform_step(SS_TRANSFORM_DEQUANTIZE, 16.0),
                                      gaps = transform_step(SS_TRANSFORM_DEQUANTIZE, NAN),
                                      logit = transform_step(SS_TRANSFORM_LOGIT, 0.01),
                                      permute = transform_step(SS_TRANSFORM_PERMUTE, 3.0);
    const struct ss_transform_options chains[][6] = {
        {standardize},
        {whiten},
        {noise},
        {levels},
        {gaps},
        {permute},
        {leave},
        {levels, logit},
        {levels, logit, standardize},
        {levels, logit, whiten},
        {standardize, noise, whiten},
        {levels, leave, logit, permute, standardize, noise},
        {gaps, standardize, whiten, permute, noise, standardize},
        {standardize, permute, leave, whiten, noise, permute},
        {levels, logit, whiten, permute, noise, whiten},
    };
    const size_t lengths[] = {1, 1, 1, 1, 1, 1, 1, 2, 3, 3, 3, 6, 6, 6, 6};

    for (uint32_t i = 0; i < TRANSFORM_ROWS; i++)
        for (uint32_t j = 0; j < 4; j++)
            x[4 * i + j] = ss_random_permute(1, SS_PURPOSE_SUBSET, j, TRANSFORM_ROWS, i) % (4 + 4 * j);
    const struct ss_table t = transform_table(x, 4, NULL);
    for (size_t k = 0; k < SS_COUNT(chains); k++) {
        struct ss_transform_options steps[6];
        memcpy(steps, chains[k], sizeof steps);
        const struct ss_data_options o = transform_chain(steps, lengths[k]);
        struct ss_transform *const c = transform_fit(&o, &t);
        for (size_t i = 0; i < 20; i++) {
            double at[4];
            for (size_t j = 0; j < 4; j++)
                at[j] = x[4 * i + j] + 0.37 + 0.1 * (double)j;
            check_chain(c, at);
        }
        ss_transform_free(c);
    }
    scratch_hush();
}
END_TEST

START_TEST(logit_keeps_its_accuracy_far_out)
{
    double x[TRANSFORM_ROWS], y = 30.0, back, score = 0.25, out;
    struct ss_transform_options s = transform_step(SS_TRANSFORM_LOGIT, 1e-6);
    const struct ss_data_options o = transform_chain(&s, 1);

    for (size_t i = 0; i < TRANSFORM_ROWS; i++)
        x[i] = (double)i / (TRANSFORM_ROWS - 1);
    const struct ss_table t = transform_table(x, 1, NULL);
    struct ss_transform *const c = transform_fit(&o, &t);
    close_to(ss_transform_log_det(c, &y), log1p(-2e-6) + 30.0 + 2.0 * log1p(exp(-30.0)), 1e-12, 0.0);
    y = -30.0;
    ss_transform_inverse(c, &y, &back);
    close_to(back, (1.0 / (1.0 + exp(30.0)) - 1e-6) / (1.0 - 2e-6), 1e-20, 0.0);
    ss_transform_score(c, &y, &score, &out);
    const double z = exp(-30.0) / (1.0 + exp(-30.0));
    close_to(out, (0.25 + 2.0 * z - 1.0) * (1.0 - 2e-6) / (z * (1.0 - z)), 0.0, 1e-12);
    ss_transform_free(c);
}
END_TEST

START_TEST(rows_wider_than_the_scratch_on_the_stack_work)
{
    enum { N = 1100 };
    struct ss_table t = {.rows = 1, .columns = N, .type = SS_NUMBER_F8};
    struct ss_transform *c = NULL;
    double *const x = calloc(3 * N, sizeof *x), *const y = x + N, *const back = y + N;

    ck_assert_int_eq(ss_transform_start(&t, &c), SS_OK);
    struct ss_step *s = NULL;
    ck_assert_int_eq(ss_fit_step(c, SS_STEP_MATRIX, &s), SS_OK);
    c->n_steps = 1;
    s->shift = calloc(N, sizeof(double));
    s->matrix = calloc((size_t)N * N, sizeof(double));
    s->inverse = calloc((size_t)N * N, sizeof(double));
    for (size_t i = 0; i < N; i++) { /* reverse and double */
        x[i] = (double)i;
        s->shift[i] = 1.0;
        s->matrix[i * N + N - 1 - i] = 2.0;
        s->inverse[i * N + N - 1 - i] = 0.5;
    }
    ss_transform_forward(c, x, NULL, 0, y);
    ss_transform_inverse(c, y, back);
    for (size_t i = 0; i < N; i++) {
        ck_assert(y[i] == 2.0 * ((double)(N - 1 - i) - 1.0));
        ck_assert(back[i] == x[i]);
    }
    ss_transform_score(c, y, y, back);
    for (size_t i = 0; i < N; i++)
        ck_assert(back[i] == 2.0 * y[N - 1 - i]);
    ss_transform_free(c);
    free(x);
}
END_TEST

/* ---- files ---- */

static struct ss_transform *fit_everything(const struct ss_table *t)
{
    static const char *const drop[] = {"b\"\xc3\xa9"};
    struct ss_transform_options s[] = {
        transform_step(SS_TRANSFORM_DEQUANTIZE, 16.0), transform_step(SS_TRANSFORM_DROP, NAN),
        transform_step(SS_TRANSFORM_LOGIT, 1e-3),      transform_step(SS_TRANSFORM_NOISE, 0.1),
        transform_step(SS_TRANSFORM_STANDARDIZE, NAN), transform_step(SS_TRANSFORM_WHITEN, 0.01),
        transform_step(SS_TRANSFORM_PERMUTE, 2.0)};
    s[1].names = transform_names(drop, 1);
    struct ss_data_options o = transform_chain(s, SS_COUNT(s));
    o.missing = SS_MISSING_MEAN;
    return transform_fit(&o, t);
}

START_TEST(a_stored_chain_computes_the_same_bits)
{
    double x[TRANSFORM_ROWS * 4];
    const char *names[] = {"a", "b\"\xc3\xa9", "c", "d"};
    const char *const path = scratch_path("transform");
    struct ss_transform *back = NULL;
    const struct ss_transform_draw draw = {1, SS_PURPOSE_NOISE, 2};

    for (size_t i = 0; i < TRANSFORM_ROWS * 4; i++)
        x[i] = (double)(i * 7919 % 16);
    const struct ss_table t = transform_table(x, 4, names);
    struct ss_transform *const c = fit_everything(&t);
    ck_assert_int_eq(ss_transform_save(c, path), SS_OK);
    ck_assert_int_eq(ss_transform_load(path, &back), SS_OK);
    ck_assert_uint_eq(ss_transform_inputs(back), 4);
    ck_assert_uint_eq(ss_transform_outputs(back), 3);
    ck_assert_str_eq(back->names[1], names[1]);
    for (uint32_t i = 0; i < 50; i++) {
        double y[2][3], inverse[2][4];
        x[4 * i + i % 4] = i % 5 ? x[4 * i + i % 4] : NAN;
        struct ss_transform *const both[] = {c, back};
        for (int k = 0; k < 2; k++) {
            ss_transform_forward(both[k], x + 4 * i, &draw, i, y[k]);
            ss_transform_inverse(both[k], y[k], inverse[k]);
        }
        ck_assert_mem_eq(y[0], y[1], sizeof y[0]);
        ck_assert_mem_eq(inverse[0], inverse[1], sizeof inverse[0]);
        ck_assert(isfinite(y[0][0]));
        ck_assert(ss_transform_log_det(c, y[0]) == ss_transform_log_det(back, y[0]));
        for (size_t j = 0; j < 3; j++)
            ck_assert_str_eq(ss_transform_column(c, j), ss_transform_column(back, j));
    }
    ss_transform_free(c);
    ss_transform_free(back);
}
END_TEST

START_TEST(damaged_transform_files_are_refused)
{
    double x[TRANSFORM_ROWS * 4];
    const char *names[] = {"a", "b\"\xc3\xa9", "c", "d"};
    const char *const path = scratch_path("transform");
    char *data = NULL;
    size_t size;
    struct ss_transform *back = NULL;

    for (size_t i = 0; i < TRANSFORM_ROWS * 4; i++)
        x[i] = (double)(i * 7919 % 16);
    const struct ss_table t = transform_table(x, 4, names);
    struct ss_transform *const c = fit_everything(&t);
    ck_assert_int_eq(ss_transform_save(c, path), SS_OK);
    ck_assert_int_eq(ss_file_read(path, 1 << 20, &data, &size), SS_OK);
    for (size_t cut = 0; cut < size; cut += 97) {
        ck_assert_int_eq(ss_file_write(path, data, cut), SS_OK);
        ck_assert_int_eq(ss_transform_load(path, &back), SS_ERR_CORRUPT);
        scratch_hush();
    }
    for (size_t flip = 0; flip < size; flip += 41) { /* never a crash; what loads is a transform */
        data[flip] ^= 0x10;
        ck_assert_int_eq(ss_file_write(path, data, size), SS_OK);
        const enum ss_status st = ss_transform_load(path, &back);
        ck_assert(st == SS_OK || st == SS_ERR_CORRUPT);
        if (st == SS_OK) {
            double y[4];
            ss_transform_forward(back, x, NULL, 0, y);
            ss_transform_free(back);
        }
        back = NULL;
        data[flip] ^= 0x10;
        scratch_hush();
    }
    ck_assert_int_eq(remove(path), 0);
    ck_assert_int_eq(ss_transform_load(path, &back), SS_ERR_FILE);
    ck_assert_int_eq(ss_transform_save(c, "/nonexistent/folder/x"), SS_ERR_FILE);
    free(data);
    ss_transform_free(c);
}
END_TEST

/* Sound containers that hold nonsense: each must be refused by what is in them. */
START_TEST(chains_that_lie_are_refused)
{
    double x[TRANSFORM_ROWS * 3];
    const char *const path = scratch_path("transform");
    struct ss_transform *back = NULL;
    struct ss_transform_options s[] = {transform_step(SS_TRANSFORM_STANDARDIZE, NAN),
                                       transform_step(SS_TRANSFORM_NOISE, 0.1)};
    const struct ss_data_options o = transform_chain(s, 2);

    transform_values(x, 3);
    const struct ss_table t = transform_table(x, 3, NULL);
    struct ss_transform *const c = transform_fit(&o, &t);
    for (int lie = 0; lie < 6; lie++) {
        const struct ss_transform good = *c;
        const double scale = c->steps[0].scale[1];
        const uint32_t from = c->from[2];
        switch (lie) {
        case 0:
            c->from[2] = 3;
            break;
        case 1:
            c->steps[0].scale[1] = 0.0;
            break;
        case 2:
            c->steps[0].scale[1] = INFINITY;
            break;
        case 3:
            c->steps[1].value = -0.1;
            break;
        case 4:
            c->height = 2;
            c->width = 2;
            break;
        case 5:
            c->lossy = true; /* the one that is no lie */
            break;
        }
        ck_assert_int_eq(ss_transform_save(c, path), SS_OK);
        ck_assert_int_eq(ss_transform_load(path, &back), lie == 5 ? SS_OK : SS_ERR_CORRUPT);
        *c = good;
        c->steps[0].scale[1] = scale;
        c->steps[1].value = 0.1;
        c->from[2] = from;
    }
    ss_transform_free(back);
    ss_transform_free(c);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("transform_chain");
    TCase *const c = tcase_create("transform_chain");

    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, scratch_set_up, scratch_tear_down);
    tcase_add_test(c, inverse_determinant_and_score_agree_with_differences_for_all_chains);
    tcase_add_test(c, logit_keeps_its_accuracy_far_out);
    tcase_add_test(c, rows_wider_than_the_scratch_on_the_stack_work);
    tcase_add_test(c, a_stored_chain_computes_the_same_bits);
    tcase_add_test(c, damaged_transform_files_are_refused);
    tcase_add_test(c, chains_that_lie_are_refused);
    suite_add_tcase(s, c);
    SRunner *const r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
