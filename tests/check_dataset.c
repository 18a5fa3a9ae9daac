#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "data/dataset.h"
#include "data/synthetic.h"
#include "data/table.h"
#include "random/random.h"

static char said[8192];

static void listen(void *context, enum ss_level level, const char *text)
{
    (void)context, (void)level;
    strncat(said, text, sizeof said - strlen(said) - 2);
    strcat(said, "\n");
}

static void ck_said(const char *what)
{
    ck_assert_msg(strstr(said, what) != NULL, "'%s' is not in: %s", what, said);
    said[0] = '\0';
}

static void setup(void)
{
    said[0] = '\0';
    ss_sink_set(listen, NULL);
}

static void teardown(void)
{
    ss_sink_set(NULL, NULL);
}

static void close_to(double got, double want, double absolute, double relative)
{
    ck_assert_msg(fabs(got - want) <= absolute + relative * fabs(want), "%.17g, wanted %.17g", got, want);
}

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
    ck_said("component 1 is not positive definite");
    c[1].covariance = (struct ss_numbers){askew, 4};
    ck_assert_int_eq(ss_synthetic_create(&o, 1, &s), SS_ERR_USAGE);
    ck_said("not symmetric");
    c[1].covariance = (struct ss_numbers){three, 3};
    ck_assert_int_eq(ss_synthetic_create(&o, 1, &s), SS_ERR_USAGE);
    ck_said("3 numbers, but data.dimension is 2");
    c[1].covariance.count = 0;
    c[1].mean.count = 1;
    ck_assert_int_eq(ss_synthetic_create(&o, 1, &s), SS_ERR_USAGE);
    ck_said("a mean has 1 numbers");
    c[1].mean.count = 2;
    c[1].weight = -1.0;
    ck_assert_int_eq(ss_synthetic_create(&o, 1, &s), SS_ERR_USAGE);
    ck_said("weight -1");
    c[0].weight = c[1].weight = 0.0;
    ck_assert_int_eq(ss_synthetic_create(&o, 1, &s), SS_ERR_USAGE);
    ck_said("all components are 0");
    o.n_components = 0;
    o.noise = -0.1;
    ck_assert_int_eq(ss_synthetic_create(&o, 1, &s), SS_ERR_USAGE);
    ck_said("noise");
    o.noise = NAN;
    o.dimension = 0;
    ck_assert_int_eq(ss_synthetic_create(&o, 1, &s), SS_ERR_USAGE);
    ck_said("dimension");
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

/* ---- data sets ---- */

static struct ss_dataset *load(const struct ss_data_options *o, uint32_t seed)
{
    struct ss_dataset *d = NULL;

    ck_assert_int_eq(ss_dataset_load(o, seed, &d), SS_OK);
    return d;
}

START_TEST(parts_are_disjoint_complete_and_follow_the_seed)
{
    const struct ss_data_options o = set_of(SS_SOURCE_TWO_MOONS, NAN);
    struct ss_dataset *const a = load(&o, 1), *const b = load(&o, 1), *const c = load(&o, 2);
    char seen[1000] = {0};
    size_t moved = 0;

    ck_assert_uint_eq(ss_dataset_rows(a, SS_PART_TRAIN), 800);
    ck_assert_uint_eq(ss_dataset_rows(a, SS_PART_VALIDATION), 100);
    ck_assert_uint_eq(ss_dataset_rows(a, SS_PART_TEST), 100);
    ck_assert_uint_eq(ss_dataset_dimension(a), 2);
    for (int p = 0; p < 3; p++)
        for (size_t i = 0; i < ss_dataset_rows(a, (enum ss_part)p); i++) {
            const uint32_t row = ss_dataset_index(a, (enum ss_part)p)[i];
            ck_assert_int_eq(seen[row]++, 0);
            ck_assert_uint_eq(row, ss_dataset_index(b, (enum ss_part)p)[i]);
            moved += row != ss_dataset_index(c, (enum ss_part)p)[i];
        }
    ck_assert_uint_gt(moved, 500);
    ss_dataset_free(a);
    ss_dataset_free(b);
    ss_dataset_free(c);
}
END_TEST

START_TEST(too_few_rows_are_refused)
{
    struct ss_data_options o = set_of(SS_SOURCE_TWO_MOONS, NAN);
    struct ss_dataset *d = NULL;

    o.rows = 3;
    ck_assert_int_eq(ss_dataset_load(&o, 1, &d), SS_ERR_USAGE);
    ck_said("too few rows: 3, of which 1 for validation and 1 for test");
    o.rows = 4;
    d = load(&o, 1);
    ck_assert_uint_eq(ss_dataset_rows(d, SS_PART_TRAIN), 2);
    ss_dataset_free(d);
    d = NULL;
    o.test = 0.9;
    ck_assert_int_eq(ss_dataset_load(&o, 1, &d), SS_ERR_USAGE);
    ck_said("leave nothing");
    o.test = o.validation = 0.0;
    d = load(&o, 1);
    ck_assert_uint_eq(ss_dataset_rows(d, SS_PART_TRAIN), 4);
    ck_assert_uint_eq(ss_dataset_rows(d, SS_PART_TEST), 0);
    ss_dataset_free(d);
}
END_TEST

START_TEST(values_are_the_same_each_time_noise_included)
{
    struct ss_data_options o = set_of(SS_SOURCE_GAUSSIAN, NAN);
    struct ss_transform_options noise = {.kind = SS_TRANSFORM_NOISE, .value = 0.5};
    float *all = NULL, *again = NULL, *some = NULL, *train = NULL;
    size_t rows, few, n_train;

    o.transforms = &noise;
    o.n_transforms = 1;
    o.transforms_given = true;
    struct ss_dataset *const d = load(&o, 7);
    ck_assert_int_eq(ss_dataset_values(d, SS_PART_TEST, 0, &all, &rows), SS_OK);
    ck_assert_int_eq(ss_dataset_values(d, SS_PART_TEST, 1000, &again, &rows), SS_OK);
    ck_assert_uint_eq(rows, 100);
    ck_assert_mem_eq(all, again, rows * 2 * sizeof *all);
    ck_assert_int_eq(ss_dataset_values(d, SS_PART_TEST, 30, &some, &few), SS_OK);
    ck_assert_uint_eq(few, 30);
    size_t at = 0;
    for (size_t i = 0; i < few; i++, at++) { /* a subset in the same order, each with its own noise */
        while (at < rows && memcmp(all + 2 * at, some + 2 * i, 2 * sizeof *all) != 0)
            at++;
        ck_assert_uint_lt(at, rows);
    }
    double square = 0.0;
    ck_assert_int_eq(ss_dataset_values(d, SS_PART_TRAIN, 0, &train, &n_train), SS_OK);
    for (size_t i = 0; i < n_train; i++) {
        double x[2];
        ss_table_row(ss_dataset_table(d), ss_dataset_index(d, SS_PART_TRAIN)[i], x);
        square += pow((double)train[2 * i] - x[0], 2) / (double)n_train;
    }
    close_to(square, 0.25, 5.0 * 0.25 * sqrt(2.0 / 800), 0.0);
    free(all);
    free(again);
    free(some);
    free(train);
    ss_dataset_free(d);
}
END_TEST

START_TEST(noise_before_all_else_widens_the_density_and_other_noise_hides_it)
{
    struct ss_data_options narrow = set_of(SS_SOURCE_TWO_MOONS, 0.1),
                           wide = set_of(SS_SOURCE_TWO_MOONS, sqrt(0.05));
    struct ss_transform_options noise[] = {{.kind = SS_TRANSFORM_NOISE, .value = 0.2},
                                           {.kind = SS_TRANSFORM_STANDARDIZE, .value = NAN}};
    const float y[] = {0.5f, 0.25f, -1.0f, 1.5f, 3.0f, -2.0f};
    double p[2][3], s[2][6];

    narrow.transforms = noise;
    narrow.n_transforms = 1;
    narrow.transforms_given = true;
    struct ss_dataset *const a = load(&narrow, 1), *const b = load(&wide, 1);
    ck_assert(ss_dataset_has_density(a) && ss_dataset_has_density(b));
    ck_assert_int_eq(ss_dataset_density(a, y, 3, p[0], s[0]), SS_OK);
    ck_assert_int_eq(ss_dataset_density(b, y, 3, p[1], NULL), SS_OK);
    ck_assert_int_eq(ss_dataset_density(b, y, 3, NULL, s[1]), SS_OK);
    for (int i = 0; i < 3; i++)
        close_to(p[0][i], p[1][i], 1e-9, 1e-9);
    for (int i = 0; i < 6; i++)
        close_to(s[0][i], s[1][i], 1e-7, 1e-7);
    ss_dataset_free(a);
    ss_dataset_free(b);
    narrow.transforms = (struct ss_transform_options[]){noise[1], noise[0]};
    narrow.n_transforms = 2;
    struct ss_dataset *const c = load(&narrow, 1);
    ck_assert(!ss_dataset_has_density(c));
    ck_assert_int_eq(ss_dataset_density(c, y, 1, p[0], NULL), SS_ERR_INTERNAL);
    ss_dataset_free(c);
}
END_TEST

START_TEST(densities_follow_the_transforms)
{
    struct ss_data_options o = set_of(SS_SOURCE_TWO_MOONS, 0.2);
    struct ss_transform_options steps[] = {{.kind = SS_TRANSFORM_STANDARDIZE, .value = NAN},
                                           {.kind = SS_TRANSFORM_WHITEN, .value = NAN},
                                           {.kind = SS_TRANSFORM_PERMUTE, .value = 1.0}};
    double sum = 0.0;

    o.transforms = steps;
    o.n_transforms = 3;
    o.transforms_given = true;
    struct ss_dataset *const d = load(&o, 1);
    ck_assert(ss_dataset_has_density(d));
    for (int i = -60; i <= 60; i++)
        for (int j = -60; j <= 60; j++) {
            const float y[] = {(float)i * 0.0625f, (float)j * 0.0625f}; /* exact in float */
            double p;
            ck_assert_int_eq(ss_dataset_density(d, y, 1, &p, NULL), SS_OK);
            sum += exp(p) * 0.0625 * 0.0625;
        }
    close_to(sum, 1.0, 1e-6, 0.0);
    for (int k = 0; k < 20; k++) {
        const float x = -1.0f + 0.125f * (float)k, y = 0.375f * (float)(k % 5) - 0.5f, h = 0x1p-9f;
        const float at[] = {x, y, x + h, y, x - h, y, x + 2 * h, y, x - 2 * h,
                            y, x, y + h, x, y - h, x, y + 2 * h, x, y - 2 * h};
        double p[9], s[2];
        ck_assert_int_eq(ss_dataset_density(d, at, 9, p, NULL), SS_OK);
        ck_assert_int_eq(ss_dataset_density(d, at, 1, NULL, s), SS_OK);
        /* Fourth order: h^4 / 30 = 5e-13 times a fifth derivative of up to 1e7 between the moons. */
        for (int i = 0; i < 2; i++)
            close_to(s[i],
                     (8.0 * (p[4 * i + 1] - p[4 * i + 2]) - (p[4 * i + 3] - p[4 * i + 4])) / (12.0 * 0x1p-9),
                     1e-4, 1e-6);
    }
    ss_dataset_free(d);
    char *first = NULL;
    ck_assert_int_eq(ss_text_copy("0", &first), SS_OK);
    o.drop = (struct ss_names){&first, 1};
    o.transforms_given = false;
    struct ss_dataset *const half = load(&o, 1); /* a marginal that nobody has worked out */
    ck_assert(!ss_dataset_has_density(half));
    ss_dataset_free(half);
    free(first);
}
END_TEST

/* ---- files ---- */

static char path[64];

static void write_csv(const char *text)
{
    strcpy(path, "/tmp/ss-dataset-XXXXXX");
    close(mkstemp(path));
    ck_assert_int_eq(ss_file_write(path, text, strlen(text)), SS_OK);
}

static struct ss_data_options file_options(void)
{
    return (struct ss_data_options){.file = path, .noise = NAN, .validation = 0.1, .test = 0.1};
}

/* `rows` rows of an id that repeats every `period`, a smooth number and an integer grade. */
static void write_table(size_t rows, size_t period)
{
    struct ss_text t;

    ss_text_init(&t);
    ss_text_add(&t, "id,smooth,grade\n");
    for (size_t i = 0; i < rows; i++)
        ss_text_addf(&t, "%zu,%.6f,%zu\n", i % period, sin((double)(i % period)), i % period % 6);
    write_csv(t.data);
    ss_text_release(&t);
}

START_TEST(duplicates_over_the_chosen_columns_go_before_the_split)
{
    struct ss_data_options o = file_options();
    char *grade = NULL, *id = NULL;

    write_table(100, 40);
    ck_assert_int_eq(ss_text_copy("grade", &grade), SS_OK);
    ck_assert_int_eq(ss_text_copy("id", &id), SS_OK);
    o.duplicates = SS_DUPLICATES_DROP;
    struct ss_dataset *d = load(&o, 1);
    ck_said("60 of 100 rows dropped");
    size_t total = 0;
    for (int p = 0; p < 3; p++) {
        total += ss_dataset_rows(d, (enum ss_part)p);
        for (size_t i = 0; i < ss_dataset_rows(d, (enum ss_part)p); i++)
            ck_assert_uint_lt(ss_dataset_index(d, (enum ss_part)p)[i], 40); /* the first of equals stays */
    }
    ck_assert_uint_eq(total, 40);
    ss_dataset_free(d);
    o.keep = (struct ss_names){&grade, 1};
    o.validation = o.test = 0.0;
    d = load(&o, 1);
    ck_said("94 of 100 rows dropped");
    ck_assert_uint_eq(ss_dataset_rows(d, SS_PART_TRAIN), 6);
    ss_dataset_free(d);
    o.keep.count = 0;
    o.duplicates = SS_DUPLICATES_KEEP;
    d = load(&o, 1);
    ck_assert_uint_eq(ss_dataset_rows(d, SS_PART_TRAIN), 100);
    ss_dataset_free(d);
    free(grade);
    free(id);
    unlink(path);
}
END_TEST

START_TEST(columns_that_repeat_their_values_are_warned_of_unless_filled)
{
    struct ss_data_options o = file_options();
    struct ss_transform_options steps[] = {{.kind = SS_TRANSFORM_STANDARDIZE, .value = NAN},
                                           {.kind = SS_TRANSFORM_NOISE, .value = 0.05}};

    write_table(300, 300);
    struct ss_dataset *d = load(&o, 1);
    ck_assert_ptr_null(strstr(said, "smooth has"));
    ck_assert_ptr_null(strstr(said, "id has"));
    ck_assert_ptr_nonnull(strstr(said, "grade has 6 distinct values"));
    ck_said("{noise: 0.05}");
    ss_dataset_free(d);
    o.transforms = steps;
    o.n_transforms = 2;
    o.transforms_given = true;
    d = load(&o, 1);
    ck_assert_ptr_null(strstr(said, "distinct values"));
    ck_assert_ptr_null(strstr(said, "noise"));
    ss_dataset_free(d);
    unlink(path);
}
END_TEST

START_TEST(statistics_come_from_training_rows_unless_all_are_asked_for)
{
    struct ss_data_options o = file_options();
    double mean[2] = {0};

    write_table(300, 300);
    for (int all = 0; all < 2; all++) {
        o.statistics = all ? SS_STATISTICS_ALL : SS_STATISTICS_TRAIN;
        struct ss_dataset *const d = load(&o, 1);
        double x[3], y[3];
        for (int p = 0; p < 3; p++)
            for (size_t i = 0; (p == 0 || all) && i < ss_dataset_rows(d, (enum ss_part)p); i++) {
                ss_table_row(ss_dataset_table(d), ss_dataset_index(d, (enum ss_part)p)[i], x);
                ss_transform_forward(ss_dataset_transform(d), x, NULL, 0, y);
                mean[all] += y[0] / (all ? 300.0 : 240.0);
            }
        close_to(mean[all], 0.0, 1e-13, 0.0);
        ss_dataset_free(d);
    }
    unlink(path);
}
END_TEST

START_TEST(columns_of_text_are_refused_with_the_way_out)
{
    struct ss_data_options o = file_options();
    struct ss_dataset *d = NULL;
    struct ss_text t;
    char *kind = NULL;

    ss_text_init(&t);
    ss_text_add(&t, "size,kind\n");
    for (int i = 0; i < 60; i++)
        ss_text_addf(&t, "%d.5,%s\n", i, i % 2 ? "cat" : "dog");
    write_csv(t.data);
    ss_text_release(&t);
    ck_assert_int_eq(ss_text_copy("kind", &kind), SS_OK);
    ck_assert_int_ne(ss_dataset_load(&o, 1, &d), SS_OK);
    ck_assert_ptr_nonnull(strstr(said, "kind"));
    ck_said("drop: [kind]");
    o.drop = (struct ss_names){&kind, 1};
    d = load(&o, 1);
    ck_assert_uint_eq(ss_dataset_dimension(d), 1);
    ss_dataset_free(d);
    free(kind);
    unlink(path);
}
END_TEST

START_TEST(missing_cells_are_filled_with_training_means_if_asked)
{
    struct ss_data_options o = file_options();
    struct ss_dataset *d = NULL;
    float *values = NULL;
    size_t rows;
    struct ss_text t;

    ss_text_init(&t);
    ss_text_add(&t, "a,b\n");
    for (int i = 0; i < 100; i++)
        ss_text_addf(&t, i % 10 == 3 ? "%d,\n" : "%d,%d\n", i, i * i % 97);
    write_csv(t.data);
    ss_text_release(&t);
    ck_assert_int_eq(ss_dataset_load(&o, 1, &d), SS_ERR_CORRUPT);
    said[0] = '\0';
    o.missing = SS_MISSING_DROP;
    d = load(&o, 1);
    ck_assert_uint_eq(ss_dataset_table(d)->rows, 90);
    ss_dataset_free(d);
    o.missing = SS_MISSING_MEAN;
    d = load(&o, 1);
    ck_assert_int_eq(ss_dataset_values(d, SS_PART_TRAIN, 0, &values, &rows), SS_OK);
    for (size_t i = 0; i < rows; i++) {
        ck_assert(isfinite(values[2 * i + 1]));
        if (ss_dataset_index(d, SS_PART_TRAIN)[i] % 10 == 3)
            close_to((double)values[2 * i + 1], 0.0, 1e-6, 0.0); /* standardized: the mean is 0 */
    }
    free(values);
    ss_dataset_free(d);
    unlink(path);
}
END_TEST

START_TEST(a_file_that_is_not_there_is_named)
{
    struct ss_data_options o = file_options();
    struct ss_dataset *d = NULL;

    strcpy(path, "/nonexistent.csv");
    ck_assert_int_eq(ss_dataset_load(&o, 1, &d), SS_ERR_FILE);
    ck_said("/nonexistent.csv");
    ck_assert_ptr_null(d);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("dataset");
    TCase *const c = tcase_create("dataset");

    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, scores_are_the_gradients_of_the_log_densities);
    tcase_add_test(c, densities_integrate_to_one);
    tcase_add_test(c, rows_follow_the_densities);
    tcase_add_test(c, funnel_rows_are_normal_where_they_should_be);
    tcase_add_test(c, student_rows_have_the_tails_of_their_degrees);
    tcase_add_test(c, gaussian_has_the_mean_and_covariance_asked_for_in_any_dimension);
    tcase_add_test(c, gmm_takes_components_and_refuses_those_that_do_not_fit);
    tcase_add_test(c, sets_without_a_density_say_so);
    tcase_add_test(c, all_sets_are_of_about_unit_scale_and_follow_the_seed);
    tcase_add_test(c, parts_are_disjoint_complete_and_follow_the_seed);
    tcase_add_test(c, too_few_rows_are_refused);
    tcase_add_test(c, values_are_the_same_each_time_noise_included);
    tcase_add_test(c, noise_before_all_else_widens_the_density_and_other_noise_hides_it);
    tcase_add_test(c, densities_follow_the_transforms);
    tcase_add_test(c, duplicates_over_the_chosen_columns_go_before_the_split);
    tcase_add_test(c, columns_that_repeat_their_values_are_warned_of_unless_filled);
    tcase_add_test(c, statistics_come_from_training_rows_unless_all_are_asked_for);
    tcase_add_test(c, columns_of_text_are_refused_with_the_way_out);
    tcase_add_test(c, missing_cells_are_filled_with_training_means_if_asked);
    tcase_add_test(c, a_file_that_is_not_there_is_named);
    suite_add_tcase(s, c);
    SRunner *const r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
