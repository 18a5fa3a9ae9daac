#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "data/transform_fit.h"
#include "random/random.h"

enum { ROWS = 400, MOST = 8 };

/* ---- helpers ---- */

static char said[4096];

static void listen(void *context, enum ss_level level, const char *text)
{
    (void)context, (void)level;
    strncat(said, text, sizeof said - strlen(said) - 2);
    strcat(said, "\n");
}

static void start_listening(void)
{
    said[0] = '\0';
    ss_sink_set(listen, NULL);
}

static void ck_said(const char *what)
{
    ck_assert_msg(strstr(said, what) != NULL, "'%s' is not in: %s", what, said);
    said[0] = '\0';
}

static uint32_t all_rows[ROWS];

/* Names in the experiment and the table are char **, but nobody here writes to them. */
static char **loose(const char *const *names)
{
    char **out;

    memcpy(&out, &names, sizeof out);
    return out;
}

static struct ss_table table_of(const double *values, size_t columns, const char *const *names)
{
    for (uint32_t i = 0; i < ROWS; i++)
        all_rows[i] = i;
    return (struct ss_table){
        .rows = ROWS, .columns = columns, .type = SS_NUMBER_F8, .values = values, .names = loose(names)};
}

/* Columns of different location and scale, each new one correlated with the one before. */
static void make_values(double *x, size_t columns)
{
    for (uint32_t i = 0; i < ROWS; i++)
        for (uint32_t j = 0; j < columns; j++) {
            float z[4];
            ss_random_normal(11, SS_PURPOSE_SYNTHETIC, (uint32_t[4]){i, j, 0, 0}, z);
            x[i * columns + j] =
                3.0 * j + (1.0 + j) * ((double)z[0] + (j ? 0.5 * x[i * columns + j - 1] : 0.0));
        }
}

static struct ss_transform_options step(enum ss_transform_kind kind, double value)
{
    return (struct ss_transform_options){.kind = kind, .value = value};
}

static struct ss_data_options chain_of(struct ss_transform_options *steps, size_t n)
{
    return (struct ss_data_options){.transforms = steps, .n_transforms = n, .transforms_given = true};
}

static struct ss_transform *fit(const struct ss_data_options *o, const struct ss_table *t)
{
    struct ss_transform *out = NULL;

    ck_assert_int_eq(ss_transform_fit(o, t, all_rows, t->rows, 5, &out), SS_OK);
    return out;
}

static void ck_fit_fails(const struct ss_data_options *o, const struct ss_table *t, const char *why)
{
    struct ss_transform *out = NULL;

    start_listening();
    ck_assert_int_eq(ss_transform_fit(o, t, all_rows, t->rows, 5, &out), SS_ERR_USAGE);
    ck_assert_ptr_null(out);
    ck_said(why);
}

static struct ss_names names_of(const char *const *items, size_t n)
{
    return (struct ss_names){loose(items), n};
}

static void close_to(double got, double want, double absolute, double relative)
{
    ck_assert_msg(fabs(got - want) <= absolute + relative * fabs(want), "%.17g, wanted %.17g", got, want);
}

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
    double x[ROWS * 4], y[4], back[4];
    const char *names[] = {"acid", "sugar", "density", "quality"}, *keep[] = {"3", "sugar"},
               *drop[] = {"density"};
    struct ss_data_options o = chain_of(NULL, 0);

    make_values(x, 4);
    const struct ss_table t = table_of(x, 4, names);
    o.keep = names_of(keep, 2);
    struct ss_transform *c = fit(&o, &t);
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
    o.drop = names_of(drop, 1);
    c = fit(&o, &t);
    ck_assert_uint_eq(ss_transform_outputs(c), 3);
    ck_assert_str_eq(ss_transform_column(c, 2), "quality");
    ss_transform_free(c);
}
END_TEST

START_TEST(a_column_that_is_not_there_is_refused_with_the_nearest)
{
    double x[ROWS * 3];
    const char *names[] = {"acid", "sugar", "7"}, *slip[] = {"sugr"}, *stranger[] = {"zzzzz"}, *far[] = {"3"},
               *minus[] = {"-1"}, *seven[] = {"7"}, *all[] = {"0", "1", "2"}, *twice[] = {"acid"},
               *same[] = {"a", "a", "b"};
    struct ss_data_options o = chain_of(NULL, 0);

    make_values(x, 3);
    struct ss_table t = table_of(x, 3, names);
    o.drop = names_of(slip, 1);
    ck_fit_fails(&o, &t, "did you mean 'sugar'");
    o.drop = names_of(stranger, 1);
    ck_fit_fails(&o, &t, "acid, sugar, 7");
    o.drop = names_of(far, 1);
    ck_fit_fails(&o, &t, "no column '3'");
    o.drop = names_of(minus, 1);
    ck_fit_fails(&o, &t, "no column '-1'");
    o.drop = names_of(all, 3);
    ck_fit_fails(&o, &t, "leaves none of 3 columns");
    o.drop = names_of(seven, 1); /* a name before a number */
    struct ss_transform *const c = fit(&o, &t);
    ck_assert_uint_eq(ss_transform_outputs(c), 2);
    ss_transform_free(c);

    struct ss_transform_options again = step(SS_TRANSFORM_DROP, NAN);
    again.names = names_of(twice, 1);
    o = chain_of(&again, 1);
    o.drop = names_of(twice, 1);
    ck_fit_fails(&o, &t, "has been dropped before");
    o = chain_of(NULL, 0);
    t.names = loose(same);
    o.drop = names_of(same, 1);
    ck_fit_fails(&o, &t, "2 columns are named 'a'");
}
END_TEST

START_TEST(correlated_columns_go_one_at_a_time)
{
    /* 0 and 2 both follow 1 closely, but each other less; 3 is free, 4 constant. Dropping 1 alone is enough.
     */
    double x[ROWS * 5];
    struct ss_transform_options s[] = {step(SS_TRANSFORM_STANDARDIZE, NAN),
                                       step(SS_TRANSFORM_DROP_CORRELATED, 0.95)};
    const struct ss_data_options o = chain_of(s, 2);

    for (uint32_t i = 0; i < ROWS; i++) {
        float z[4];
        ss_random_normal(2, SS_PURPOSE_SYNTHETIC, (uint32_t[4]){i, 0, 0, 0}, z);
        x[5 * i + 1] = (double)z[0];
        x[5 * i + 0] = 10.0 - 5.0 * ((double)z[0] + 0.28 * (double)z[1]);
        x[5 * i + 2] = (double)z[0] + 0.28 * (double)z[2];
        x[5 * i + 3] = (double)z[3];
        x[5 * i + 4] = 7.0;
    }
    const struct ss_table t = table_of(x, 5, NULL);
    start_listening();
    struct ss_transform *const c = fit(&o, &t);
    ck_said("1 of 5 columns dropped: x1");
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
    double x[ROWS * 4], y[4], back[4], twice[] = {0, 1, 1, 3}, far[] = {0, 1, 2, 4}, good[] = {2, 0, 3, 1};
    struct ss_transform_options s[] = {step(SS_TRANSFORM_STANDARDIZE, NAN), step(SS_TRANSFORM_PERMUTE, -1.0)};
    const struct ss_data_options o = chain_of(s, 2);

    make_values(x, 4);
    const struct ss_table t = table_of(x, 4, NULL);
    s[1].numbers = (struct ss_numbers){twice, 4};
    ck_fit_fails(&o, &t, "1 is there twice");
    s[1].numbers = (struct ss_numbers){far, 4};
    ck_fit_fails(&o, &t, "4 is none of them");
    s[1].numbers.count = 3;
    ck_fit_fails(&o, &t, "3 numbers");
    s[1].numbers = (struct ss_numbers){good, 4};
    struct ss_transform *c = fit(&o, &t);
    ck_assert_str_eq(ss_transform_column(c, 0), "x2");
    ss_transform_forward(c, x, NULL, 0, y);
    ss_transform_inverse(c, y, back);
    for (size_t j = 0; j < 4; j++)
        close_to(back[j], x[j], 1e-13, 1e-13);
    ss_transform_free(c);
    s[1] = step(SS_TRANSFORM_PERMUTE, 77.0);
    c = fit(&o, &t);
    for (uint32_t j = 0; j < 4; j++)
        ck_assert_uint_eq(c->from[j], ss_random_permute(77, SS_PURPOSE_PERMUTE, 0, 4, j));
    ss_transform_free(c);
}
END_TEST

/* ---- single transforms ---- */

START_TEST(standardize_gives_mean_zero_and_variance_one_and_only_centres_constants)
{
    double x[ROWS * 3], mean[3] = {0}, square[3] = {0};
    struct ss_transform_options s = step(SS_TRANSFORM_STANDARDIZE, NAN);
    const struct ss_data_options o = chain_of(&s, 1);

    make_values(x, 3);
    for (size_t i = 0; i < ROWS; i++)
        x[3 * i + 2] = 0.1; /* 0.1 is not a binary number: its sum rounds */
    const struct ss_table t = table_of(x, 3, NULL);
    start_listening();
    struct ss_transform *const c = fit(&o, &t);
    ck_said("1 of 3 columns have one value only (x2)");
    for (size_t i = 0; i < ROWS; i++) {
        double y[3];
        ss_transform_forward(c, x + 3 * i, NULL, 0, y);
        for (size_t j = 0; j < 3; j++) {
            mean[j] += y[j] / ROWS;
            square[j] += y[j] * y[j] / ROWS;
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
    double x[ROWS * 5], c2[25] = {0};
    struct ss_transform_options s = step(SS_TRANSFORM_WHITEN, NAN);
    const struct ss_data_options o = chain_of(&s, 1);

    make_values(x, 5);
    struct ss_table t = table_of(x, 5, NULL);
    struct ss_transform *c = fit(&o, &t);
    for (size_t i = 0; i < ROWS; i++) {
        double y[5];
        ss_transform_forward(c, x + 5 * i, NULL, 0, y);
        for (size_t j = 0; j < 25; j++)
            c2[j] += y[j / 5] * y[j % 5] / ROWS;
    }
    for (size_t j = 0; j < 25; j++)
        close_to(c2[j], j / 5 == j % 5, 1e-10, 0.0); /* the condition number is about 1e4 */
    ss_transform_free(c);

    for (size_t i = 0; i < ROWS; i++)
        x[5 * i + 4] = 2.0 * x[5 * i + 1] - x[5 * i + 3];
    ck_fit_fails(&o, &t, "1 of 5 directions have no variance");
    for (size_t i = 0; i < ROWS; i++)
        x[5 * i + 4] = 1.0;
    ck_fit_fails(&o, &t, "columns x4 and");
    s.value = 1e-3;
    c = fit(&o, &t);
    ss_transform_free(c);
    s.value = -1.0;
    ck_fit_fails(&o, &t, "-1 given");
}
END_TEST

START_TEST(what_whiten_has_mixed_cannot_be_dropped_but_moved)
{
    double x[ROWS * 3], plain[3], moved[3], back[3], order[] = {2, 0, 1};
    const char *drop[] = {"x1"};
    struct ss_transform_options s[] = {step(SS_TRANSFORM_WHITEN, NAN), step(SS_TRANSFORM_DROP, NAN)};
    struct ss_data_options o = chain_of(s, 2);

    make_values(x, 3);
    const struct ss_table t = table_of(x, 3, NULL);
    s[1].names = names_of(drop, 1);
    ck_fit_fails(&o, &t, "put it before");
    s[1] = step(SS_TRANSFORM_DEQUANTIZE, NAN);
    ck_fit_fails(&o, &t, "after whiten");
    o.n_transforms = 1;
    struct ss_transform *c = fit(&o, &t);
    ss_transform_forward(c, x, NULL, 0, plain);
    ss_transform_free(c);
    o.n_transforms = 2;
    s[1] = step(SS_TRANSFORM_PERMUTE, -1.0);
    s[1].numbers = (struct ss_numbers){order, 3};
    c = fit(&o, &t);
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
    static unsigned char grey[ROWS * 6];
    double x[6], y[6], back[6];
    size_t height, width;
    const struct ss_data_options o = {.transforms_given = false};
    const struct ss_transform_draw draw = {9, SS_PURPOSE_NOISE, 1234};
    float u[2][4];

    for (size_t i = 0; i < sizeof grey; i++)
        grey[i] = (unsigned char)(i * 37);
    struct ss_table t = table_of(NULL, 6, NULL);
    t.type = SS_NUMBER_U1;
    t.values = grey;
    t.height = 2;
    t.width = 3;
    struct ss_transform *const c = fit(&o, &t);
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
    double x[ROWS * 3], y[3];
    struct ss_transform_options s = step(SS_TRANSFORM_DEQUANTIZE, NAN);
    const struct ss_data_options o = chain_of(&s, 1);
    const struct ss_transform_draw draw = {9, SS_PURPOSE_NOISE, 0};
    double low[3] = {1, 1, 1}, high[3] = {-1, -1, -1};

    for (size_t i = 0; i < ROWS; i++) {
        x[3 * i] = (double)(i % 5) * 0.25;
        x[3 * i + 1] = i % 3 ? 4.0 : i % 2 ? 10.0 : 12.0;
        x[3 * i + 2] = 6.0;
    }
    const struct ss_table t = table_of(x, 3, NULL);
    struct ss_transform *const c = fit(&o, &t);
    for (uint32_t i = 0; i < ROWS; i++) {
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
    double x[ROWS * 2];
    struct ss_transform_options s[2] = {step(SS_TRANSFORM_DEQUANTIZE, 16.0)};
    struct ss_data_options o = chain_of(s, 1);

    for (size_t i = 0; i < ROWS * 2; i++)
        x[i] = (double)(i % 16);
    struct ss_table t = table_of(x, 2, NULL);
    ss_transform_free(fit(&o, &t));
    x[33] = 16.0;
    ck_fit_fails(&o, &t, "column x1 has");
    x[33] = 2.5;
    ck_fit_fails(&o, &t, "fractions");
    x[33] = 3.0;
    s[0].value = 1.0;
    ck_fit_fails(&o, &t, "levels");
    s[0] = step(SS_TRANSFORM_NOISE, 0.1);
    s[1] = step(SS_TRANSFORM_DEQUANTIZE, NAN);
    o.n_transforms = 2;
    ck_fit_fails(&o, &t, "put dequantize first");
    s[0] = step(SS_TRANSFORM_LOGIT, NAN);
    o.n_transforms = 1;
    ck_fit_fails(&o, &t, "0 to 1");
    s[0] = step(SS_TRANSFORM_DEQUANTIZE, 16.0);
    s[1] = step(SS_TRANSFORM_LOGIT, 0.5);
    o.n_transforms = 2;
    ck_fit_fails(&o, &t, "alpha");
    for (size_t i = 0; i < ROWS * 2; i++)
        x[i] = (double)(i % 2);
    s[0] = step(SS_TRANSFORM_LOGIT, 0.0);
    o.n_transforms = 1;
    ck_fit_fails(&o, &t, "alpha such as");
    s[0] = step(SS_TRANSFORM_NOISE, 0.0);
    ck_fit_fails(&o, &t, "standard deviation above 0");
}
END_TEST

START_TEST(noise_is_the_documented_stream)
{
    double x[ROWS * 6], y[6];
    float z[2][4];
    struct ss_transform_options s[] = {step(SS_TRANSFORM_STANDARDIZE, NAN), step(SS_TRANSFORM_NOISE, 0.05)};
    const struct ss_data_options o = chain_of(s, 2);
    const struct ss_transform_draw draw = {42, SS_PURPOSE_NOISE, 99};

    make_values(x, 6);
    const struct ss_table t = table_of(x, 6, NULL);
    struct ss_transform *const c = fit(&o, &t);
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
    double x[ROWS * 1];
    struct ss_transform_options s[] = {step(SS_TRANSFORM_NOISE, 3.0), step(SS_TRANSFORM_STANDARDIZE, NAN)};
    const struct ss_data_options o = chain_of(s, 2);

    make_values(x, 1);
    const struct ss_table t = table_of(x, 1, NULL);
    struct ss_transform *const c = fit(&o, &t);
    /* Variance 1 + 9, known to a relative 0.07 from 400 rows: five times that. */
    close_to(1.0 / (c->steps[1].scale[0] * c->steps[1].scale[0]), 10.0, 0.0, 0.35);
    ss_transform_free(c);
}
END_TEST

START_TEST(missing_cells_become_the_mean_of_the_others)
{
    double x[ROWS * 2], y[2];
    struct ss_data_options o = {.missing = SS_MISSING_MEAN, .transforms_given = true};

    for (size_t i = 0; i < ROWS; i++) {
        x[2 * i] = i % 2 ? NAN : 5.0 + (i % 4 ? 1.0 : -1.0);
        x[2 * i + 1] = (double)i;
    }
    const struct ss_table t = table_of(x, 2, NULL);
    struct ss_transform *c = fit(&o, &t);
    ss_transform_forward(c, x + 2, NULL, 1, y);
    close_to(y[0], 5.0, 1e-12, 0.0);
    ck_assert(y[1] == 1.0);
    ss_transform_free(c);
    for (size_t i = 0; i < ROWS; i++)
        x[2 * i] = NAN;
    start_listening();
    c = NULL;
    ck_assert_int_eq(ss_transform_fit(&o, &t, all_rows, ROWS, 1, &c), SS_ERR_CORRUPT);
    ck_said("x0 has no value");
}
END_TEST

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
    double x[ROWS * 4];
    const char *drop[] = {"x1"};
    struct ss_transform_options leave = step(SS_TRANSFORM_DROP, NAN);
    leave.names = names_of(drop, 1);
    const struct ss_transform_options standardize = step(SS_TRANSFORM_STANDARDIZE, NAN),
                                      whiten = step(SS_TRANSFORM_WHITEN, 0.01),
                                      noise = step(SS_TRANSFORM_NOISE, 0.3),
                                      levels = step(SS_TRANSFORM_DEQUANTIZE, 16.0),
                                      gaps = step(SS_TRANSFORM_DEQUANTIZE, NAN),
                                      logit = step(SS_TRANSFORM_LOGIT, 0.01),
                                      permute = step(SS_TRANSFORM_PERMUTE, 3.0);
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

    for (uint32_t i = 0; i < ROWS; i++)
        for (uint32_t j = 0; j < 4; j++)
            x[4 * i + j] = ss_random_permute(1, SS_PURPOSE_SUBSET, j, ROWS, i) % (4 + 4 * j);
    const struct ss_table t = table_of(x, 4, NULL);
    ss_sink_set(listen, NULL);
    for (size_t k = 0; k < SS_COUNT(chains); k++) {
        struct ss_transform_options steps[6];
        memcpy(steps, chains[k], sizeof steps);
        const struct ss_data_options o = chain_of(steps, lengths[k]);
        struct ss_transform *const c = fit(&o, &t);
        for (size_t i = 0; i < 20; i++) {
            double at[4];
            for (size_t j = 0; j < 4; j++)
                at[j] = x[4 * i + j] + 0.37 + 0.1 * (double)j;
            check_chain(c, at);
        }
        ss_transform_free(c);
    }
    said[0] = '\0';
}
END_TEST

START_TEST(logit_keeps_its_accuracy_far_out)
{
    double x[ROWS], y = 30.0, back, score = 0.25, out;
    struct ss_transform_options s = step(SS_TRANSFORM_LOGIT, 1e-6);
    const struct ss_data_options o = chain_of(&s, 1);

    for (size_t i = 0; i < ROWS; i++)
        x[i] = (double)i / (ROWS - 1);
    const struct ss_table t = table_of(x, 1, NULL);
    struct ss_transform *const c = fit(&o, &t);
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
    struct ss_transform_options s[] = {step(SS_TRANSFORM_DEQUANTIZE, 16.0), step(SS_TRANSFORM_DROP, NAN),
                                       step(SS_TRANSFORM_LOGIT, 1e-3),      step(SS_TRANSFORM_NOISE, 0.1),
                                       step(SS_TRANSFORM_STANDARDIZE, NAN), step(SS_TRANSFORM_WHITEN, 0.01),
                                       step(SS_TRANSFORM_PERMUTE, 2.0)};
    s[1].names = names_of(drop, 1);
    struct ss_data_options o = chain_of(s, SS_COUNT(s));
    o.missing = SS_MISSING_MEAN;
    return fit(&o, t);
}

START_TEST(a_stored_chain_computes_the_same_bits)
{
    double x[ROWS * 4];
    const char *names[] = {"a", "b\"\xc3\xa9", "c", "d"};
    char path[] = "/tmp/ss-transform-XXXXXX";
    struct ss_transform *back = NULL;
    const struct ss_transform_draw draw = {1, SS_PURPOSE_NOISE, 2};

    for (size_t i = 0; i < ROWS * 4; i++)
        x[i] = (double)(i * 7919 % 16);
    const struct ss_table t = table_of(x, 4, names);
    struct ss_transform *const c = fit_everything(&t);
    close(mkstemp(path));
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
    unlink(path);
    ss_transform_free(c);
    ss_transform_free(back);
}
END_TEST

START_TEST(damaged_transform_files_are_refused)
{
    double x[ROWS * 4];
    const char *names[] = {"a", "b\"\xc3\xa9", "c", "d"};
    char path[] = "/tmp/ss-transform-XXXXXX", *data = NULL;
    size_t size;
    struct ss_transform *back = NULL;

    for (size_t i = 0; i < ROWS * 4; i++)
        x[i] = (double)(i * 7919 % 16);
    const struct ss_table t = table_of(x, 4, names);
    struct ss_transform *const c = fit_everything(&t);
    close(mkstemp(path));
    start_listening();
    ck_assert_int_eq(ss_transform_save(c, path), SS_OK);
    ck_assert_int_eq(ss_file_read(path, 1 << 20, &data, &size), SS_OK);
    for (size_t cut = 0; cut < size; cut += 97) {
        ck_assert_int_eq(ss_file_write(path, data, cut), SS_OK);
        ck_assert_int_eq(ss_transform_load(path, &back), SS_ERR_CORRUPT);
        said[0] = '\0';
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
        said[0] = '\0';
    }
    unlink(path);
    ck_assert_int_eq(ss_transform_load(path, &back), SS_ERR_FILE);
    ck_assert_int_eq(ss_transform_save(c, "/nonexistent/folder/x"), SS_ERR_FILE);
    free(data);
    ss_transform_free(c);
}
END_TEST

/* Sound containers that hold nonsense: each must be refused by what is in them. */
START_TEST(chains_that_lie_are_refused)
{
    double x[ROWS * 3];
    char path[] = "/tmp/ss-transform-XXXXXX";
    struct ss_transform *back = NULL;
    struct ss_transform_options s[] = {step(SS_TRANSFORM_STANDARDIZE, NAN), step(SS_TRANSFORM_NOISE, 0.1)};
    const struct ss_data_options o = chain_of(s, 2);

    make_values(x, 3);
    const struct ss_table t = table_of(x, 3, NULL);
    struct ss_transform *const c = fit(&o, &t);
    close(mkstemp(path));
    start_listening();
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
    unlink(path);
}
END_TEST

START_TEST(values_that_are_not_finite_are_named)
{
    double x[ROWS * 2];
    struct ss_transform_options s = step(SS_TRANSFORM_STANDARDIZE, NAN);
    const struct ss_data_options o = chain_of(&s, 1);
    struct ss_transform *c = NULL;

    make_values(x, 2);
    x[17] = 1e200; /* its square is not a number any more */
    const struct ss_table t = table_of(x, 2, NULL);
    start_listening();
    ck_assert_int_eq(ss_transform_fit(&o, &t, all_rows, ROWS, 1, &c), SS_ERR_CORRUPT);
    ck_said("column x1");
    ck_assert_int_eq(ss_transform_fit(&o, &t, all_rows, 0, 1, &c), SS_ERR_USAGE);
    ck_said("no rows");
}
END_TEST

static void stop_listening(void)
{
    ss_sink_set(NULL, NULL);
}

int main(void)
{
    Suite *const s = suite_create("transform");
    TCase *const c = tcase_create("transform");

    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, NULL, stop_listening);
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
    tcase_add_test(c, inverse_determinant_and_score_agree_with_differences_for_all_chains);
    tcase_add_test(c, logit_keeps_its_accuracy_far_out);
    tcase_add_test(c, rows_wider_than_the_scratch_on_the_stack_work);
    tcase_add_test(c, a_stored_chain_computes_the_same_bits);
    tcase_add_test(c, damaged_transform_files_are_refused);
    tcase_add_test(c, chains_that_lie_are_refused);
    tcase_add_test(c, values_that_are_not_finite_are_named);
    suite_add_tcase(s, c);
    SRunner *const r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
