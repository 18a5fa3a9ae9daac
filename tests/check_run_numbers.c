#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "run/normalizer.h"
#include "run/pictures.h"
#include "run/setting.h"

static char scratch[64];

static void quiet(void *context, enum ss_level level, const char *text)
{
    (void)context;
    (void)level;
    (void)text;
}

static void set_up(void)
{
    strcpy(scratch, "/tmp/check_run.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(scratch));
    ss_sink_set(quiet, NULL);
}

static void tear_down(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", scratch);
    ck_assert_int_eq(system(command), 0);
}

static const char *at(const char *name)
{
    static char paths[4][256];
    static size_t next;
    char *const path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", scratch, name);
    return path;
}

/* ---- log Z ---- */

struct gaussian {
    double mean[2], deviation[2];
    size_t dimension;
};

static enum ss_status gaussian_energy(void *context, const float *x, size_t n, float *out)
{
    const struct gaussian *const g = context;

    for (size_t i = 0; i < n; i++) {
        double e = 0;
        for (size_t d = 0; d < g->dimension; d++) {
            const double z = (x[i * g->dimension + d] - g->mean[d]) / g->deviation[d];
            e += z * z / 2;
        }
        out[i] = (float)e;
    }
    return SS_OK;
}

static double log_z_of(const struct gaussian *g)
{
    double z = 0;

    for (size_t d = 0; d < g->dimension; d++)
        z += log(g->deviation[d]) + 0.5 * log(2 * acos(-1));
    return z;
}

START_TEST(log_z_of_a_gaussian_is_right_to_the_error_told)
{
    static const struct gaussian gaussians[] = {
        {{0, 0}, {1, 1}, 1}, {{100, 0}, {0.1, 1}, 1}, {{0, 0}, {1, 1}, 2}, {{-3, 50}, {0.5, 4}, 2}};

    for (size_t i = 0; i < SS_COUNT(gaussians); i++) {
        struct gaussian g = gaussians[i];
        struct ss_normalizer z;
        /* A box of the data such as 1000 rows have: three deviations. */
        const double low[] = {g.mean[0] - 3 * g.deviation[0], g.mean[1] - 3 * g.deviation[1]};
        const double high[] = {g.mean[0] + 3 * g.deviation[0], g.mean[1] + 3 * g.deviation[1]};
        ck_assert_int_eq(ss_normalizer_integrate(gaussian_energy, &g, g.dimension, low, high, &z), SS_OK);
        ck_assert(z.known);
        /* Energies are float32: 1e-6 relative of values near 1. */
        ck_assert_double_eq_tol(z.log_z, log_z_of(&g), 1e-5);
        ck_assert(z.error < 1e-3 && z.error >= 0);
    }
}
END_TEST

START_TEST(mass_far_from_the_data_is_found)
{
    struct gaussian g = {{0, 0}, {30, 30}, 2}; /* and the box is of one deviation of 1 */
    const double low[] = {-1, -1}, high[] = {1, 1};
    struct ss_normalizer z;

    ck_assert_int_eq(ss_normalizer_integrate(gaussian_energy, &g, 2, low, high, &z), SS_OK);
    ck_assert(z.known);
    ck_assert_double_eq_tol(z.log_z, log_z_of(&g), 1e-3);
}
END_TEST

static enum ss_status flat_energy(void *context, const float *x, size_t n, float *out)
{
    (void)context;
    (void)x;
    for (size_t i = 0; i < n; i++)
        out[i] = 1;
    return SS_OK;
}

static enum ss_status broken_energy(void *context, const float *x, size_t n, float *out)
{
    (void)context;
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] > 5 ? NAN : x[i] * x[i];
    return SS_OK;
}

START_TEST(an_energy_without_a_density_is_told)
{
    const double low[] = {-1, -1}, high[] = {1, 1};
    struct ss_normalizer z;

    ck_assert_int_eq(ss_normalizer_integrate(flat_energy, NULL, 2, low, high, &z), SS_OK);
    ck_assert(!z.known);
    ck_assert_ptr_nonnull(strstr(z.why, "quadratic"));
    ck_assert_int_eq(ss_normalizer_integrate(broken_energy, NULL, 1, low, high, &z), SS_OK);
    ck_assert(!z.known);
    ck_assert_ptr_nonnull(strstr(z.why, "not a number"));
}
END_TEST

/* ---- pictures ---- */

static bool has(const char *name, const char *text)
{
    char *content = NULL;
    size_t size = 0;

    ck_assert_int_eq(ss_file_read(at(name), 1 << 22, &content, &size), SS_OK);
    const bool found = strstr(content, text) != NULL;
    free(content);
    return found;
}

START_TEST(pictures_of_two_columns_are_drawn_with_and_without_a_density)
{
    const float data[] = {0, 0, 1, 1, 0.5f, 0.25f}, arrows[] = {0, 0, 1, 1}, arrow[] = {1, 0, NAN, 1};
    const double density[] = {0, 1, 2, 3};
    struct ss_view v = {.dimension = 2,
                        .data = data,
                        .n_data = 3,
                        .low = {0, 0},
                        .high = {1, 1},
                        .arrow_at = arrows,
                        .arrow = arrow,
                        .n_arrows = 2};
    struct ss_pictures_drawn drawn = {0};

    ck_assert_int_eq(ss_pictures_view(scratch, &v, &drawn), SS_OK);
    ck_assert_uint_eq(drawn.count, 3); /* plane, data, score */
    ck_assert(ss_path_exists(at("score.svg")) && !ss_path_exists(at("density.png")));
    v.density = density;
    v.side = 2;
    v.samples = data;
    v.n_samples = 3;
    v.sampler = "samples";
    drawn.count = 0;
    ck_assert_int_eq(ss_pictures_view(scratch, &v, &drawn), SS_OK);
    ck_assert_uint_eq(drawn.count, 5);
    ck_assert(ss_path_exists(at("density.png")) && ss_path_exists(at("samples.svg")));
    ck_assert(has("density.svg", "learned density") && !has("density.svg", "true density"));
    v.truth = density;
    v.normalized = true;
    drawn.count = 0;
    ck_assert_int_eq(ss_pictures_view(scratch, &v, &drawn), SS_OK);
    ck_assert_uint_eq(drawn.count, 5);
    ck_assert(has("density.svg", "learned density") && has("density.svg", "true density"));
    ck_assert_int_eq(ss_pictures_view(at("nowhere"), &v, &drawn), SS_ERR_FILE);
}
END_TEST

START_TEST(learning_curves_leave_out_what_a_row_has_not)
{
    const double step[] = {1, 2, 2, 3}, loss[] = {1, 0.5, NAN, 0.25}, norm[] = {1, 1, NAN, 0},
                 validation[] = {NAN, NAN, 0.6, NAN}, error[] = {NAN, NAN, 0.1, NAN};
    struct ss_learning_curves c = {step, loss, norm, validation, error, 4};
    struct ss_pictures_drawn drawn = {0};

    ck_assert_int_eq(ss_pictures_learning(scratch, &c, &drawn), SS_OK);
    ck_assert(ss_path_exists(at("loss.png")) && ss_path_exists(at("loss.svg")));
    c.n = 0;
    ck_assert_int_eq(ss_pictures_learning(scratch, &c, &drawn), SS_OK);
}
END_TEST

START_TEST(bytes_are_told_as_people_say_them)
{
    char text[32];

    ss_bytes_text(640, text);
    ck_assert_str_eq(text, "640 B");
    ss_bytes_text(12800, text);
    ck_assert_str_eq(text, "12.5 KiB");
    ss_bytes_text(UINT64_MAX, text);
    ck_assert_ptr_nonnull(strstr(text, "TiB"));
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("run: numbers and pictures");
    TCase *const c = tcase_create("run");

    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, log_z_of_a_gaussian_is_right_to_the_error_told);
    tcase_add_test(c, mass_far_from_the_data_is_found);
    tcase_add_test(c, an_energy_without_a_density_is_told);
    tcase_add_test(c, pictures_of_two_columns_are_drawn_with_and_without_a_density);
    tcase_add_test(c, learning_curves_leave_out_what_a_row_has_not);
    tcase_add_test(c, bytes_are_told_as_people_say_them);
    suite_add_tcase(s, c);
    SRunner *const r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
