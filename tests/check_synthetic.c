/* Synthetic data sets: their rows against their densities, these against differences and integrals. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/synthetic.h"
#include "support/scratch.h"

static struct ss_data_options set_of(enum ss_source source, double noise)
{
    return (struct ss_data_options){.source = source,
                                    .rows = 1000,
                                    .dimension = 2,
                                    .degrees = 30,
                                    .noise = noise,
                                    .validation = 0.1,
                                    .test = 0.1};
}

static struct ss_synthetic *make(const struct ss_data_options *o)
{
    struct ss_synthetic *s = NULL;

    ck_assert_int_eq(ss_synthetic_create(o, 3, &s), SS_OK);
    return s;
}

static struct ss_synthetic *make_known(const struct ss_data_options *o, double variance)
{
    struct ss_synthetic *const s = make(o);
    bool known = false;

    ck_assert_int_eq(ss_synthetic_prepare(s, variance, &known), SS_OK);
    ck_assert(known);
    return s;
}

/* ---- densities of synthetic sets ---- */

static const struct {
    enum ss_source source;
    double noise;    /* large enough for a coarse grid */
    double variance; /* added */
} known_sets[] = {
    {SS_SOURCE_GAUSSIAN, NAN, 0.0},     {SS_SOURCE_GAUSSIAN, 0.5, 0.25},    {SS_SOURCE_GMM, NAN, 0.0},
    {SS_SOURCE_8GAUSSIANS, 0.2, 0.0},   {SS_SOURCE_TWO_MOONS, 0.2, 0.0},    {SS_SOURCE_TWO_MOONS, 0.1, 0.05},
    {SS_SOURCE_SWISS_ROLL, 0.2, 0.0},   {SS_SOURCE_RINGS, 0.2, 0.0},        {SS_SOURCE_TWO_SPIRALS, 0.2, 0.0},
    {SS_SOURCE_CHECKERBOARD, 0.2, 0.0}, {SS_SOURCE_CHECKERBOARD, NAN, 0.1}, {SS_SOURCE_PINWHEEL, 0.3, 0.0},
    {SS_SOURCE_FUNNEL, NAN, 0.0},       {SS_SOURCE_STUDENT, NAN, 0.0},
};

START_TEST(scores_are_the_gradients_of_the_log_densities)
{
    for (size_t k = 0; k < SS_COUNT(known_sets); k++) {
        const struct ss_data_options o = set_of(known_sets[k].source, known_sets[k].noise);
        struct ss_synthetic *const s = make_known(&o, known_sets[k].variance);
        for (uint32_t row = 0; row < 100; row++) {
            double x[2], score[2], up, down;
            ss_synthetic_row(s, row, x);
            x[0] += row % 3 ? 0.0 : 1.0; /* off the data too */
            ss_synthetic_density(s, x, NULL, score);
            for (int i = 0; i < 2; i++) {
                const double at = x[i], h = 1e-5;
                x[i] = at + h;
                ss_synthetic_density(s, x, &up, NULL);
                x[i] = at - h;
                ss_synthetic_density(s, x, &down, NULL);
                x[i] = at;
                /* Central differences: h^2 times a third derivative of up to 1e4, and rounding / h. */
                close_to(score[i], (up - down) / (2.0 * h), 1e-5, 1e-6);
            }
        }
        ss_synthetic_free(s);
    }
}
END_TEST

/* Sum of the density over a grid of spacing h on [-r, r]^2: for densities smooth on that scale exact to
 * rounding. */
static double mass(const struct ss_synthetic *s, double r, double h)
{
    double sum = 0.0;

    for (double x = -r; x <= r; x += h)
        for (double y = -r; y <= r; y += h) {
            double log_p;
            ss_synthetic_density(s, (double[2]){x, y}, &log_p, NULL);
            sum += exp(log_p) * h * h;
        }
    return sum;
}

START_TEST(densities_integrate_to_one)
{
    for (size_t k = 0; k < SS_COUNT(known_sets); k++) {
        const struct ss_data_options o = set_of(known_sets[k].source, known_sets[k].noise);
        struct ss_synthetic *const s = make_known(&o, known_sets[k].variance);
        if (o.source == SS_SOURCE_FUNNEL) { /* heavy: by rows, which are normal given x0 */
            double sum = 0.0;
            for (double x = -9.0; x <= 9.0; x += 0.05)
                for (double z = -8.0; z <= 8.0; z += 0.1) {
                    double log_p;
                    ss_synthetic_density(s, (double[2]){x, z * exp(0.5 * x)}, &log_p, NULL);
                    sum += exp(log_p + 0.5 * x) * 0.05 * 0.1;
                }
            close_to(sum, 1.0, 1e-7, 0.0); /* cut at six standard deviations */
        } else
            close_to(mass(s, 7.0, 0.1), 1.0, 1e-5, 0.0);
        ss_synthetic_free(s);
    }
}
END_TEST

/* Probability of a cell of width h, by 5 x 5 midpoints. */
static double cell(const struct ss_synthetic *s, double x, double y, double h)
{
    double sum = 0.0;

    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++) {
            double log_p;
            ss_synthetic_density(s, (double[2]){x + h * (i + 0.5) / 5, y + h * (j + 0.5) / 5}, &log_p, NULL);
            sum += exp(log_p) * h * h / 25.0;
        }
    return sum;
}

START_TEST(rows_follow_the_densities)
{
    enum { N = 20000, CELLS = 20 };
    const double low = -4.0, h = 0.4;

    for (size_t k = 0; k < SS_COUNT(known_sets); k++) {
        const struct ss_data_options o = set_of(known_sets[k].source, known_sets[k].noise);
        if (known_sets[k].variance > 0.0 || o.source == SS_SOURCE_FUNNEL) /* a narrow neck: below */
            continue;
        struct ss_synthetic *const s = make_known(&o, 0.0);
        static double count[CELLS * CELLS];
        double rest = N, rest_want = N, chi2 = 0.0, degrees = 0.0;
        memset(count, 0, sizeof count);
        for (uint32_t row = 0; row < N; row++) {
            double x[2];
            ss_synthetic_row(s, row, x);
            const double i = floor((x[0] - low) / h), j = floor((x[1] - low) / h);
            if (i >= 0 && i < CELLS && j >= 0 && j < CELLS)
                count[(int)i * CELLS + (int)j]++;
        }
        for (int i = 0; i < CELLS * CELLS; i++) {
            const double want = N * cell(s, low + h * (i / CELLS), low + h * (i % CELLS), h);
            if (want < 10.0)
                continue; /* goes with the rest */
            chi2 += (count[i] - want) * (count[i] - want) / want;
            degrees++;
            rest -= count[i];
            rest_want -= want;
        }
        if (rest_want > 10.0)
            chi2 += (rest - rest_want) * (rest - rest_want) / rest_want;
        ck_assert_msg(chi2 < degrees + 5.0 * sqrt(2.0 * degrees), "set %zu: chi-square %g with %g degrees", k,
                      chi2, degrees);
        ck_assert_double_gt(degrees, 20.0);
        ss_synthetic_free(s);
    }
}
END_TEST

START_TEST(funnel_rows_are_normal_where_they_should_be)
{
    struct ss_data_options o = set_of(SS_SOURCE_FUNNEL, NAN);
    double first = 0.0, others = 0.0;
    enum { N = 20000 };

    o.dimension = 6;
    struct ss_synthetic *const s = make(&o);
    for (uint32_t row = 0; row < N; row++) {
        double x[6];
        ss_synthetic_row(s, row, x);
        first += x[0] * x[0] / N;
        for (int j = 1; j < 6; j++)
            others += x[j] * x[j] * exp(-x[0]) / (5.0 * N);
    }
    close_to(first, 2.25, 5.0 * 2.25 * sqrt(2.0 / N), 0.0);
    close_to(others, 1.0, 5.0 * sqrt(2.0 / (5.0 * N)), 0.0);
    ss_synthetic_free(s);
}
END_TEST

/* Half of a Cauchy law lies within 1 of its middle, whose density is 1/pi; of two columns, 1 - 1/sqrt(2) of
 * the rows lie in the unit disc. */
START_TEST(student_rows_have_the_tails_of_their_degrees)
{
    enum { N = 20000 };

    for (uint32_t d = 1; d <= 2; d++) {
        struct ss_data_options o = set_of(SS_SOURCE_STUDENT, NAN);
        double inside = 0.0, log_p, x[2];
        o.dimension = d;
        o.degrees = 1;
        struct ss_synthetic *const s = make_known(&o, 0.0);
        for (uint32_t row = 0; row < N; row++) {
            ss_synthetic_row(s, row, x);
            inside += (d == 1 ? fabs(x[0]) : hypot(x[0], x[1])) < 1.0;
        }
        close_to(inside / N, d == 1 ? 0.5 : 1.0 - sqrt(0.5), 5.0 * 0.5 / sqrt(N), 0.0);
        ss_synthetic_density(s, (double[2]){0.0, 0.0}, &log_p, NULL);
        close_to(exp(log_p), d == 1 ? 1.0 / 3.14159265358979323846 : 0.5 / 3.14159265358979323846, 1e-12,
                 0.0);
        ss_synthetic_free(s);
    }
}
END_TEST

START_TEST(gaussian_has_the_mean_and_covariance_asked_for_in_any_dimension)
{
    double mean[5], covariance[25], sum[5] = {0}, product[25] = {0};
    struct ss_data_options o = set_of(SS_SOURCE_GAUSSIAN, NAN);
    enum { N = 40000 };

    o.dimension = 5;
    for (int i = 0; i < 5; i++) {
        mean[i] = i - 2.0;
        for (int j = 0; j < 5; j++)
            covariance[i * 5 + j] = (i == j) * 0.5 + 0.5 * cos(i - j);
    }
    o.mean = (struct ss_numbers){mean, 5};
    o.covariance = (struct ss_numbers){covariance, 25};
    struct ss_synthetic *s = make_known(&o, 0.0);
    for (uint32_t row = 0; row < N; row++) {
        double x[5];
        ss_synthetic_row(s, row, x);
        for (int i = 0; i < 25; i++)
            product[i] += (x[i / 5] - mean[i / 5]) * (x[i % 5] - mean[i % 5]) / N;
        for (int i = 0; i < 5; i++)
            sum[i] += x[i] / N;
    }
    for (int i = 0; i < 25; i++)
        close_to(product[i], covariance[i], 5.0 * sqrt(2.0 / N), 0.0);
    for (int i = 0; i < 5; i++)
        close_to(sum[i], mean[i], 5.0 / sqrt(N), 0.0);
    double log_p, score[5];
    ss_synthetic_density(s, mean, &log_p, score);
    for (int i = 0; i < 5; i++)
        ck_assert(score[i] == 0.0);
    ss_synthetic_free(s);

    /* A diagonal, whose density is a product; D = 1. */
    o.covariance = (struct ss_numbers){(double[]){1, 4, 9, 16, 25}, 5};
    s = make_known(&o, 0.0);
    ss_synthetic_density(s, (double[]){0, 0, 0, 0, 0}, &log_p, score);
    double want = 0.0;
    for (int i = 0; i < 5; i++) {
        want -= 0.5 * log(2.0 * 3.14159265358979323846) + log(i + 1.0) + 0.5 * pow((i - 2.0) / (i + 1.0), 2);
        close_to(score[i], (i - 2.0) / pow(i + 1.0, 2), 1e-14, 0.0);
    }
    close_to(log_p, want, 1e-12, 0.0);
    ss_synthetic_free(s);
    o = set_of(SS_SOURCE_GAUSSIAN, 2.0);
    o.dimension = 1;
    s = make_known(&o, 4.0); /* variance 1 + 4 + 4 */
    ss_synthetic_density(s, (double[]){3.0}, &log_p, score);
    close_to(log_p, -0.5 * log(2.0 * 3.14159265358979323846 * 9.0) - 0.5, 1e-12, 0.0);
    close_to(score[0], -1.0 / 3.0, 1e-14, 0.0);
    ss_synthetic_free(s);
}
END_TEST

START_TEST(gmm_takes_components_and_refuses_those_that_do_not_fit)
{
    double means[2][2] = {{-2, 0}, {2, 1}}, variance = 0.25, full[4] = {1, 0.5, 0.5, 1},
           bad[4] = {1, 2, 2, 1}, askew[4] = {1, 0.5, -0.5, 1}, three[3] = {1, 1, 1}, right = 0.0;
    struct ss_component c[2] = {{1.0, {means[0], 2}, {&variance, 1}}, {3.0, {means[1], 2}, {full, 4}}};
    struct ss_data_options o = set_of(SS_SOURCE_GMM, NAN);
    struct ss_synthetic *s = NULL;

    o.components = c;
    o.n_components = 2;
    s = make(&o);
    for (uint32_t row = 0; row < 4000; row++) {
        double x[2];
        ss_synthetic_row(s, row, x);
        right += x[0] > 0.0;
    }
    /* Component 1 is right of 0 with probability Phi(2). */
    close_to(right, 4000 * 0.75 * 0.97725, 5.0 * sqrt(4000 * 0.2), 0.0);
    ss_synthetic_free(s);
    s = NULL;
    c[1].covariance = (struct ss_numbers){bad, 4};
    ck_assert_int_eq(ss_synthetic_create(&o, 1, &s), SS_ERR_USAGE);
    scratch_must_say("component 1 is not positive definite");
    c[1].covariance = (struct ss_numbers){askew, 4};
    ck_assert_int_eq(ss_synthetic_create(&o, 1, &s), SS_ERR_USAGE);
    scratch_must_say("not symmetric");
    c[1].covariance = (struct ss_numbers){three, 3};
    ck_assert_int_eq(ss_synthetic_create(&o, 1, &s), SS_ERR_USAGE);
    scratch_must_say("3 numbers, but data.dimension is 2");
    c[1].covariance.count = 0;
    c[1].mean.count = 1;
    ck_assert_int_eq(ss_synthetic_create(&o, 1, &s), SS_ERR_USAGE);
    scratch_must_say("a mean has 1 numbers");
    c[1].mean.count = 2;
    c[1].weight = -1.0;
    ck_assert_int_eq(ss_synthetic_create(&o, 1, &s), SS_ERR_USAGE);
    scratch_must_say("weight -1");
    c[0].weight = c[1].weight = 0.0;
    ck_assert_int_eq(ss_synthetic_create(&o, 1, &s), SS_ERR_USAGE);
    scratch_must_say("all components are 0");
    o.n_components = 0;
    o.noise = -0.1;
    ck_assert_int_eq(ss_synthetic_create(&o, 1, &s), SS_ERR_USAGE);
    scratch_must_say("noise");
    o.noise = NAN;
    o.dimension = 0;
    ck_assert_int_eq(ss_synthetic_create(&o, 1, &s), SS_ERR_USAGE);
    scratch_must_say("dimension");
    ck_assert_ptr_null(s);
}
END_TEST

START_TEST(sets_without_a_density_say_so)
{
    static const struct {
        enum ss_source source;
        double noise, variance;
    } unknown[] = {{SS_SOURCE_CHECKERBOARD, NAN, 0.0}, {SS_SOURCE_TWO_MOONS, 0.0, 0.0},
                   {SS_SOURCE_8GAUSSIANS, 0.0, 0.0},   {SS_SOURCE_PINWHEEL, 0.1, 0.1},
                   {SS_SOURCE_FUNNEL, 0.1, 0.0},       {SS_SOURCE_FUNNEL, NAN, 0.1},
                   {SS_SOURCE_RINGS, 1e-7, 0.0},       {SS_SOURCE_STUDENT, NAN, 0.1}};

    for (size_t k = 0; k < SS_COUNT(unknown); k++) {
        const struct ss_data_options o = set_of(unknown[k].source, unknown[k].noise);
        struct ss_synthetic *const s = make(&o);
        bool known = true;
        ck_assert_int_eq(ss_synthetic_prepare(s, unknown[k].variance, &known), SS_OK);
        ck_assert_msg(!known, "set %zu", k);
        ss_synthetic_free(s);
    }
}
END_TEST

START_TEST(all_sets_are_of_about_unit_scale_and_follow_the_seed)
{
    for (int source = SS_SOURCE_GAUSSIAN; source <= SS_SOURCE_STUDENT; source++) {
        const struct ss_data_options o = set_of((enum ss_source)source, NAN);
        struct ss_synthetic *a = make(&o), *b = make(&o), *c = NULL;
        double square = 0.0;
        int same = 0;
        ck_assert_int_eq(ss_synthetic_create(&o, 4, &c), SS_OK);
        for (uint32_t row = 0; row < 2000; row++) {
            double x[2], y[2], z[2];
            ss_synthetic_row(a, row, x);
            ss_synthetic_row(b, row, y);
            ss_synthetic_row(c, row, z);
            ck_assert(x[0] == y[0] && x[1] == y[1]);
            same += x[0] == z[0];
            square += (x[0] * x[0] + x[1] * x[1]) / 4000.0;
        }
        ck_assert_int_lt(same, 20);
        ck_assert_msg(square > 0.5 && square < 8.0, "set %d: mean square %g", source, square);
        ss_synthetic_free(a);
        ss_synthetic_free(b);
        ss_synthetic_free(c);
    }
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("synthetic");
    TCase *const c = tcase_create("synthetic");

    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, scratch_set_up, scratch_tear_down);
    tcase_add_test(c, scores_are_the_gradients_of_the_log_densities);
    tcase_add_test(c, densities_integrate_to_one);
    tcase_add_test(c, rows_follow_the_densities);
    tcase_add_test(c, funnel_rows_are_normal_where_they_should_be);
    tcase_add_test(c, student_rows_have_the_tails_of_their_degrees);
    tcase_add_test(c, gaussian_has_the_mean_and_covariance_asked_for_in_any_dimension);
    tcase_add_test(c, gmm_takes_components_and_refuses_those_that_do_not_fit);
    tcase_add_test(c, sets_without_a_density_say_so);
    tcase_add_test(c, all_sets_are_of_about_unit_scale_and_follow_the_seed);
    suite_add_tcase(s, c);
    SRunner *const r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
