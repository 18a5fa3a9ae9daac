/* Transforms one by one: what each does to columns, and what it refuses. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random/random.h"
#include "support/scratch.h"
#include "support/transforms.h"

/* ---- eigenvalues ---- */

START_TEST(eigenvectors_are_orthonormal_and_give_the_matrix_back)
{
    static const size_t sizes[] = {1, 2, 3, 7, 40, 101};

    for (size_t s = 0; s < SS_COUNT(sizes); s++)
        for (int kind = 0; kind < 4; kind++) { /* random, identity, rank one, zero */
            const size_t n = sizes[s];
            double *const a = calloc(n * n, 8), *const copy = calloc(n * n, 8), *const v = calloc(n * n, 8),
                          *const l = calloc(n, 8);
            for (uint32_t i = 0; i < n; i++)
                for (uint32_t j = 0; j <= i; j++) {
                    float z[4];
                    ss_random_normal(1, SS_PURPOSE_SUBSET, (uint32_t[4]){i, j, 0, 0}, z);
                    const double value = kind == 0   ? (double)z[0]
                                         : kind == 1 ? (double)(i == j)
                                         : kind == 2 ? (double)((i + 1) * (j + 1))
                                                     : 0.0;
                    a[i * n + j] = a[j * n + i] = copy[i * n + j] = copy[j * n + i] = value;
                }
            ck_assert_int_eq(ss_symmetric_eigen(n, a, l, v), SS_OK);
            double norm = 1e-300;
            for (size_t i = 0; i < n * n; i++)
                norm = fmax(norm, fabs(copy[i]));
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < n; j++) {
                    double dot = 0.0, back = 0.0;
                    for (size_t k = 0; k < n; k++) {
                        dot += v[i * n + k] * v[j * n + k];
                        back += v[k * n + i] * l[k] * v[k * n + j];
                    }
                    /* Rounding grows with the size of the sums. */
                    close_to(dot, i == j, 1e-14 * (double)(n + 10), 0.0);
                    close_to(back, copy[i * n + j], 1e-14 * (double)(n + 10) * norm, 0.0);
                }
            free(a);
            free(copy);
            free(v);
            free(l);
        }
}
END_TEST

/* ---- columns ---- */

START_TEST(columns_are_chosen_by_name_or_number)
{
    double x[TRANSFORM_ROWS * 4], y[4], back[4];
    const char *names[] = {"acid", "sugar", "density", "quality"}, *keep[] = {"3", "sugar"},
               *drop[] = {"density"};
    struct ss_data_options o = transform_chain(NULL, 0);

    transform_values(x, 4);
    const struct ss_table t = transform_table(x, 4, names);
    o.keep = transform_names(keep, 2);
    struct ss_transform *c = transform_fit(&o, &t);
    ck_assert_uint_eq(ss_transform_inputs(c), 4);
    ck_assert_uint_eq(ss_transform_outputs(c), 2);
    ck_assert_str_eq(ss_transform_column(c, 0), "sugar"); /* the table's order */
    ck_assert_str_eq(ss_transform_column(c, 1), "quality");
    ss_transform_forward(c, x, NULL, 0, y);
    ck_assert(y[0] == x[1] && y[1] == x[3]);
    ss_transform_inverse(c, y, back);
    ck_assert(isnan(back[0]) && back[1] == x[1] && isnan(back[2]) && back[3] == x[3]);
    ck_assert(ss_transform_log_det(c, y) == 0.0);
    ss_transform_free(c);

    o.keep.count = 0;
    o.drop = transform_names(drop, 1);
    c = transform_fit(&o, &t);
    ck_assert_uint_eq(ss_transform_outputs(c), 3);
    ck_assert_str_eq(ss_transform_column(c, 2), "quality");
    ss_transform_free(c);
}
END_TEST

START_TEST(a_column_that_is_not_there_is_refused_with_the_nearest)
{
    double x[TRANSFORM_ROWS * 3];
    const char *names[] = {"acid", "sugar", "7"}, *slip[] = {"sugr"}, *stranger[] = {"zzzzz"}, *far[] = {"3"},
               *minus[] = {"-1"}, *seven[] = {"7"}, *all[] = {"0", "1", "2"}, *twice[] = {"acid"},
               *same[] = {"a", "a", "b"};
    struct ss_data_options o = transform_chain(NULL, 0);

    transform_values(x, 3);
    struct ss_table t = transform_table(x, 3, names);
    o.drop = transform_names(slip, 1);
    transform_fit_fails(&o, &t, "did you mean 'sugar'");
    o.drop = transform_names(stranger, 1);
    transform_fit_fails(&o, &t, "acid, sugar, 7");
    o.drop = transform_names(far, 1);
    transform_fit_fails(&o, &t, "no column '3'");
    o.drop = transform_names(minus, 1);
    transform_fit_fails(&o, &t, "no column '-1'");
    o.drop = transform_names(all, 3);
    transform_fit_fails(&o, &t, "leaves none of 3 columns");
    o.drop = transform_names(seven, 1); /* a name before a number */
    struct ss_transform *const c = transform_fit(&o, &t);
    ck_assert_uint_eq(ss_transform_outputs(c), 2);
    ss_transform_free(c);

    struct ss_transform_options again = transform_step(SS_TRANSFORM_DROP, NAN);
    again.names = transform_names(twice, 1);
    o = transform_chain(&again, 1);
    o.drop = transform_names(twice, 1);
    transform_fit_fails(&o, &t, "has been dropped before");
    o = transform_chain(NULL, 0);
    t.names = transform_names(same, 3).items;
    o.drop = transform_names(same, 1);
    transform_fit_fails(&o, &t, "2 columns are named 'a'");
}
END_TEST

START_TEST(correlated_columns_go_one_at_a_time)
{
    /* 0 and 2 both follow 1 closely, but each other less; 3 is free, 4 constant. Dropping 1 alone is enough.
     */
    double x[TRANSFORM_ROWS * 5];
    struct ss_transform_options s[] = {transform_step(SS_TRANSFORM_STANDARDIZE, NAN),
                                       transform_step(SS_TRANSFORM_DROP_CORRELATED, 0.95)};
    const struct ss_data_options o = transform_chain(s, 2);

    for (uint32_t i = 0; i < TRANSFORM_ROWS; i++) {
        float z[4];
        ss_random_normal(2, SS_PURPOSE_SYNTHETIC, (uint32_t[4]){i, 0, 0, 0}, z);
        x[5 * i + 1] = (double)z[0];
        x[5 * i + 0] = 10.0 - 5.0 * ((double)z[0] + 0.28 * (double)z[1]);
        x[5 * i + 2] = (double)z[0] + 0.28 * (double)z[2];
        x[5 * i + 3] = (double)z[3];
        x[5 * i + 4] = 7.0;
    }
    const struct ss_table t = transform_table(x, 5, NULL);
    struct ss_transform *const c = transform_fit(&o, &t);
    scratch_must_say("1 of 5 columns dropped: x1");
    ck_assert_uint_eq(ss_transform_outputs(c), 4);
    ck_assert_str_eq(ss_transform_column(c, 1), "x2");
    double y[4];
    ss_transform_forward(c, x, NULL, 0, y);
    ck_assert(y[3] == 0.0); /* the standardize before it has followed */
    ck_assert(isnan(ss_transform_log_det(c, y)));
    ss_transform_free(c);
}
END_TEST

START_TEST(permute_takes_numbers_or_a_seed)
{
    double x[TRANSFORM_ROWS * 4], y[4], back[4], twice[] = {0, 1, 1, 3}, far[] = {0, 1, 2, 4},
                                                 good[] = {2, 0, 3, 1};
    struct ss_transform_options s[] = {transform_step(SS_TRANSFORM_STANDARDIZE, NAN),
                                       transform_step(SS_TRANSFORM_PERMUTE, -1.0)};
    const struct ss_data_options o = transform_chain(s, 2);

    transform_values(x, 4);
    const struct ss_table t = transform_table(x, 4, NULL);
    s[1].numbers = (struct ss_numbers){twice, 4};
    transform_fit_fails(&o, &t, "1 is there twice");
    s[1].numbers = (struct ss_numbers){far, 4};
    transform_fit_fails(&o, &t, "4 is none of them");
    s[1].numbers.count = 3;
    transform_fit_fails(&o, &t, "3 numbers");
    s[1].numbers = (struct ss_numbers){good, 4};
    struct ss_transform *c = transform_fit(&o, &t);
    ck_assert_str_eq(ss_transform_column(c, 0), "x2");
    ss_transform_forward(c, x, NULL, 0, y);
    ss_transform_inverse(c, y, back);
    for (size_t j = 0; j < 4; j++)
        close_to(back[j], x[j], 1e-13, 1e-13);
    ss_transform_free(c);
    s[1] = transform_step(SS_TRANSFORM_PERMUTE, 77.0);
    c = transform_fit(&o, &t);
    for (uint32_t j = 0; j < 4; j++)
        ck_assert_uint_eq(c->from[j], ss_random_permute(77, SS_PURPOSE_PERMUTE, 0, 4, j));
    ss_transform_free(c);
}
END_TEST

/* ---- single transforms ---- */

START_TEST(standardize_gives_mean_zero_and_variance_one_and_only_centres_constants)
{
    double x[TRANSFORM_ROWS * 3], mean[3] = {0}, square[3] = {0};
    struct ss_transform_options s = transform_step(SS_TRANSFORM_STANDARDIZE, NAN);
    const struct ss_data_options o = transform_chain(&s, 1);

    transform_values(x, 3);
    for (size_t i = 0; i < TRANSFORM_ROWS; i++)
        x[3 * i + 2] = 0.1; /* 0.1 is not a binary number: its sum rounds */
    const struct ss_table t = transform_table(x, 3, NULL);
    struct ss_transform *const c = transform_fit(&o, &t);
    scratch_must_say("1 of 3 columns have one value only (x2)");
    for (size_t i = 0; i < TRANSFORM_ROWS; i++) {
        double y[3];
        ss_transform_forward(c, x + 3 * i, NULL, 0, y);
        for (size_t j = 0; j < 3; j++) {
            mean[j] += y[j] / TRANSFORM_ROWS;
            square[j] += y[j] * y[j] / TRANSFORM_ROWS;
        }
    }
    for (size_t j = 0; j < 3; j++) {
        close_to(mean[j], 0.0, 1e-13, 0.0);
        close_to(square[j], j < 2, 1e-12, 0.0);
    }
    ss_transform_free(c);
}
END_TEST

START_TEST(whitened_columns_are_uncorrelated_with_variance_one)
{
    double x[TRANSFORM_ROWS * 5], c2[25] = {0};
    struct ss_transform_options s = transform_step(SS_TRANSFORM_WHITEN, NAN);
    const struct ss_data_options o = transform_chain(&s, 1);

    transform_values(x, 5);
    struct ss_table t = transform_table(x, 5, NULL);
    struct ss_transform *c = transform_fit(&o, &t);
    for (size_t i = 0; i < TRANSFORM_ROWS; i++) {
        double y[5];
        ss_transform_forward(c, x + 5 * i, NULL, 0, y);
        for (size_t j = 0; j < 25; j++)
            c2[j] += y[j / 5] * y[j % 5] / TRANSFORM_ROWS;
    }
    for (size_t j = 0; j < 25; j++)
        close_to(c2[j], j / 5 == j % 5, 1e-10, 0.0); /* the condition number is about 1e4 */
    ss_transform_free(c);

    for (size_t i = 0; i < TRANSFORM_ROWS; i++)
        x[5 * i + 4] = 2.0 * x[5 * i + 1] - x[5 * i + 3];
    transform_fit_fails(&o, &t, "1 of 5 directions have no variance");
    for (size_t i = 0; i < TRANSFORM_ROWS; i++)
        x[5 * i + 4] = 1.0;
    transform_fit_fails(&o, &t, "columns x4 and");
    s.value = 1e-3;
    c = transform_fit(&o, &t);
    ss_transform_free(c);
    s.value = -1.0;
    transform_fit_fails(&o, &t, "-1 given");
}
END_TEST

START_TEST(what_whiten_has_mixed_cannot_be_dropped_but_moved)
{
    double x[TRANSFORM_ROWS * 3], plain[3], moved[3], back[3], order[] = {2, 0, 1};
    const char *drop[] = {"x1"};
    struct ss_transform_options s[] = {transform_step(SS_TRANSFORM_WHITEN, NAN),
                                       transform_step(SS_TRANSFORM_DROP, NAN)};
    struct ss_data_options o = transform_chain(s, 2);

    transform_values(x, 3);
    const struct ss_table t = transform_table(x, 3, NULL);
    s[1].names = transform_names(drop, 1);
    transform_fit_fails(&o, &t, "put it before");
    s[1] = transform_step(SS_TRANSFORM_DEQUANTIZE, NAN);
    transform_fit_fails(&o, &t, "after whiten");
    o.n_transforms = 1;
    struct ss_transform *c = transform_fit(&o, &t);
    ss_transform_forward(c, x, NULL, 0, plain);
    ss_transform_free(c);
    o.n_transforms = 2;
    s[1] = transform_step(SS_TRANSFORM_PERMUTE, -1.0);
    s[1].numbers = (struct ss_numbers){order, 3};
    c = transform_fit(&o, &t);
    ss_transform_forward(c, x, NULL, 0, moved);
    ss_transform_inverse(c, moved, back);
    for (size_t j = 0; j < 3; j++) {
        ck_assert(moved[j] == plain[(size_t)order[j]]);
        close_to(back[j], x[j], 1e-11, 1e-11);
    }
    ck_assert_str_eq(ss_transform_column(c, 0), "x2");
    ss_transform_free(c);
}
END_TEST

START_TEST(images_are_dequantized_to_the_unit_interval_by_default)
{
    static unsigned char grey[TRANSFORM_ROWS * 6];
    double x[6], y[6], back[6];
    size_t height, width;
    const struct ss_data_options o = {.transforms_given = false};
    const struct ss_transform_draw draw = {9, SS_PURPOSE_NOISE, 1234};
    float u[2][4];

    for (size_t i = 0; i < sizeof grey; i++)
        grey[i] = (unsigned char)(i * 37);
    struct ss_table t = transform_table(NULL, 6, NULL);
    t.type = SS_NUMBER_U1;
    t.values = grey;
    t.height = 2;
    t.width = 3;
    struct ss_transform *const c = transform_fit(&o, &t);
    ck_assert(ss_transform_image(c, &height, &width) && height == 2 && width == 3);
    ck_assert(ss_transform_random(c));
    for (uint32_t q = 0; q < 2; q++)
        ss_random_uniform(9, SS_PURPOSE_NOISE, (uint32_t[4]){1234, 7, 0, q}, u[q]);
    ss_table_row(&t, 7, x);
    ss_transform_forward(c, x, &draw, 7, y);
    for (size_t j = 0; j < 6; j++)
        close_to(y[j], (grey[7 * 6 + j] + (double)u[j / 4][j % 4]) / 256.0, 1e-15, 0.0);
    ss_transform_inverse(c, y, back);
    for (size_t j = 0; j < 6; j++)
        ck_assert(floor(back[j]) == grey[7 * 6 + j]);
    close_to(ss_transform_log_det(c, y), -6.0 * log(256.0), 1e-12, 0.0);
    ss_transform_forward(c, x, NULL, 7, y);
    close_to(y[0], (grey[7 * 6] + 0.5) / 256.0, 1e-15, 0.0);
    ss_transform_free(c);
}
END_TEST

START_TEST(table_columns_are_dequantized_by_their_smallest_gap)
{
    double x[TRANSFORM_ROWS * 3], y[3];
    struct ss_transform_options s = transform_step(SS_TRANSFORM_DEQUANTIZE, NAN);
    const struct ss_data_options o = transform_chain(&s, 1);
    const struct ss_transform_draw draw = {9, SS_PURPOSE_NOISE, 0};
    double low[3] = {1, 1, 1}, high[3] = {-1, -1, -1};

    for (size_t i = 0; i < TRANSFORM_ROWS; i++) {
        x[3 * i] = (double)(i % 5) * 0.25;
        x[3 * i + 1] = i % 3 ? 4.0 : i % 2 ? 10.0 : 12.0;
        x[3 * i + 2] = 6.0;
    }
    const struct ss_table t = transform_table(x, 3, NULL);
    struct ss_transform *const c = transform_fit(&o, &t);
    for (uint32_t i = 0; i < TRANSFORM_ROWS; i++) {
        ss_transform_forward(c, x + 3 * i, &draw, i, y);
        for (size_t j = 0; j < 3; j++) {
            low[j] = fmin(low[j], y[j] - x[3 * i + j]);
            high[j] = fmax(high[j], y[j] - x[3 * i + j]);
        }
    }
    ck_assert(low[0] > -0.125 && low[0] < -0.12 && high[0] < 0.125 && high[0] > 0.12);
    ck_assert(low[1] > -1.0 && low[1] < -0.96 && high[1] < 1.0 && high[1] > 0.96);
    ck_assert(low[2] == 0.0 && high[2] == 0.0);
    ss_transform_forward(c, x, NULL, 0, y);
    ck_assert(y[0] == x[0] && y[1] == x[1]);
    ss_transform_free(c);
}
END_TEST

START_TEST(dequantize_and_logit_refuse_values_that_are_not_theirs)
{
    double x[TRANSFORM_ROWS * 2];
    struct ss_transform_options s[2] = {transform_step(SS_TRANSFORM_DEQUANTIZE, 16.0)};
    struct ss_data_options o = transform_chain(s, 1);

    for (size_t i = 0; i < TRANSFORM_ROWS * 2; i++)
        x[i] = (double)(i % 16);
    struct ss_table t = transform_table(x, 2, NULL);
    ss_transform_free(transform_fit(&o, &t));
    x[33] = 16.0;
    transform_fit_fails(&o, &t, "column x1 has");
    x[33] = 2.5;
    transform_fit_fails(&o, &t, "fractions");
    x[33] = 3.0;
    s[0].value = 1.0;
    transform_fit_fails(&o, &t, "levels");
    s[0] = transform_step(SS_TRANSFORM_NOISE, 0.1);
    s[1] = transform_step(SS_TRANSFORM_DEQUANTIZE, NAN);
    o.n_transforms = 2;
    transform_fit_fails(&o, &t, "put dequantize first");
    s[0] = transform_step(SS_TRANSFORM_LOGIT, NAN);
    o.n_transforms = 1;
    transform_fit_fails(&o, &t, "0 to 1");
    s[0] = transform_step(SS_TRANSFORM_DEQUANTIZE, 16.0);
    s[1] = transform_step(SS_TRANSFORM_LOGIT, 0.5);
    o.n_transforms = 2;
    transform_fit_fails(&o, &t, "alpha");
    for (size_t i = 0; i < TRANSFORM_ROWS * 2; i++)
        x[i] = (double)(i % 2);
    s[0] = transform_step(SS_TRANSFORM_LOGIT, 0.0);
    o.n_transforms = 1;
    transform_fit_fails(&o, &t, "alpha such as");
    s[0] = transform_step(SS_TRANSFORM_NOISE, 0.0);
    transform_fit_fails(&o, &t, "standard deviation above 0");
}
END_TEST

START_TEST(noise_is_the_documented_stream)
{
    double x[TRANSFORM_ROWS * 6], y[6];
    float z[2][4];
    struct ss_transform_options s[] = {transform_step(SS_TRANSFORM_STANDARDIZE, NAN),
                                       transform_step(SS_TRANSFORM_NOISE, 0.05)};
    const struct ss_data_options o = transform_chain(s, 2);
    const struct ss_transform_draw draw = {42, SS_PURPOSE_NOISE, 99};

    transform_values(x, 6);
    const struct ss_table t = transform_table(x, 6, NULL);
    struct ss_transform *const c = transform_fit(&o, &t);
    double plain[6];
    ss_transform_forward(c, x, NULL, 3, plain);
    ss_transform_forward(c, x, &draw, 3, y);
    for (uint32_t q = 0; q < 2; q++)
        ss_random_normal(42, SS_PURPOSE_NOISE, (uint32_t[4]){99, 3, 1, q}, z[q]);
    for (size_t j = 0; j < 6; j++)
        close_to(y[j] - plain[j], 0.05 * (double)z[j / 4][j % 4], 1e-14, 0.0);
    ss_transform_free(c);
}
END_TEST

START_TEST(statistics_see_the_noise_before_them)
{
    double x[TRANSFORM_ROWS * 1];
    struct ss_transform_options s[] = {transform_step(SS_TRANSFORM_NOISE, 3.0),
                                       transform_step(SS_TRANSFORM_STANDARDIZE, NAN)};
    const struct ss_data_options o = transform_chain(s, 2);

    transform_values(x, 1);
    const struct ss_table t = transform_table(x, 1, NULL);
    struct ss_transform *const c = transform_fit(&o, &t);
    /* Variance 1 + 9, known to a relative 0.07 from 400 rows: five times that. */
    close_to(1.0 / (c->steps[1].scale[0] * c->steps[1].scale[0]), 10.0, 0.0, 0.35);
    ss_transform_free(c);
}
END_TEST

START_TEST(missing_cells_become_the_mean_of_the_others)
{
    double x[TRANSFORM_ROWS * 2], y[2];
    struct ss_data_options o = {.missing = SS_MISSING_MEAN, .transforms_given = true};

    for (size_t i = 0; i < TRANSFORM_ROWS; i++) {
        x[2 * i] = i % 2 ? NAN : 5.0 + (i % 4 ? 1.0 : -1.0);
        x[2 * i + 1] = (double)i;
    }
    const struct ss_table t = transform_table(x, 2, NULL);
    struct ss_transform *c = transform_fit(&o, &t);
    ss_transform_forward(c, x + 2, NULL, 1, y);
    close_to(y[0], 5.0, 1e-12, 0.0);
    ck_assert(y[1] == 1.0);
    ss_transform_free(c);
    for (size_t i = 0; i < TRANSFORM_ROWS; i++)
        x[2 * i] = NAN;
    c = NULL;
    ck_assert_int_eq(ss_transform_fit(&o, &t, transform_rows, TRANSFORM_ROWS, 1, &c), SS_ERR_CORRUPT);
    scratch_must_say("x0 has no value");
}
END_TEST

START_TEST(values_that_are_not_finite_are_named)
{
    double x[TRANSFORM_ROWS * 2];
    struct ss_transform_options s = transform_step(SS_TRANSFORM_STANDARDIZE, NAN);
    const struct ss_data_options o = transform_chain(&s, 1);
    struct ss_transform *c = NULL;

    transform_values(x, 2);
    x[17] = 1e200; /* its square is not a number any more */
    const struct ss_table t = transform_table(x, 2, NULL);
    ck_assert_int_eq(ss_transform_fit(&o, &t, transform_rows, TRANSFORM_ROWS, 1, &c), SS_ERR_CORRUPT);
    scratch_must_say("column x1");
    ck_assert_int_eq(ss_transform_fit(&o, &t, transform_rows, 0, 1, &c), SS_ERR_USAGE);
    scratch_must_say("no rows");
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("transform");
    TCase *const c = tcase_create("transform");

    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, scratch_set_up, scratch_tear_down);
    tcase_add_test(c, eigenvectors_are_orthonormal_and_give_the_matrix_back);
    tcase_add_test(c, columns_are_chosen_by_name_or_number);
    tcase_add_test(c, a_column_that_is_not_there_is_refused_with_the_nearest);
    tcase_add_test(c, correlated_columns_go_one_at_a_time);
    tcase_add_test(c, permute_takes_numbers_or_a_seed);
    tcase_add_test(c, standardize_gives_mean_zero_and_variance_one_and_only_centres_constants);
    tcase_add_test(c, whitened_columns_are_uncorrelated_with_variance_one);
    tcase_add_test(c, what_whiten_has_mixed_cannot_be_dropped_but_moved);
    tcase_add_test(c, images_are_dequantized_to_the_unit_interval_by_default);
    tcase_add_test(c, table_columns_are_dequantized_by_their_smallest_gap);
    tcase_add_test(c, dequantize_and_logit_refuse_values_that_are_not_theirs);
    tcase_add_test(c, noise_is_the_documented_stream);
    tcase_add_test(c, statistics_see_the_noise_before_them);
    tcase_add_test(c, missing_cells_become_the_mean_of_the_others);
    tcase_add_test(c, values_that_are_not_finite_are_named);
    suite_add_tcase(s, c);
    SRunner *const r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
