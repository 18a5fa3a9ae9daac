#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/contour.h"
#include "report/histogram.h"
#include "report/legend.h"
#include "tests/support/picture.h"
#include "tests/support/scratch.h"

/* ---- ticks ---- */

struct tick_case {
    double low, high;
    size_t most;
    bool log;
    double at[8];
    const char *label[8];
    int multiplier;
};

#define M SS_MINUS
#define POWER(e) "10" SS_RAISE e SS_LOWER

START_TEST(ticks_are_the_round_numbers_a_hand_would_choose)
{
    static const struct tick_case cases[] = {
        {0, 10, 5, false, {0, 2, 4, 6, 8, 10}, {"0", "2", "4", "6", "8", "10"}, 0},
        {0, 1, 5, false, {0, .2, .4, .6, .8, 1}, {"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}, 0},
        {-1.2, 1.2, 5, false, {-1, -.5, 0, .5, 1}, {M "1.0", M "0.5", "0.0", "0.5", "1.0"}, 0},
        {0.3, 9.7, 4, false, {2.5, 5, 7.5}, {"2.5", "5.0", "7.5"}, 0},
        {90, 110, 4, false, {90, 95, 100, 105, 110}, {"90", "95", "100", "105", "110"}, 0},
        {0, 20000, 4, false, {0, 5e3, 1e4, 1.5e4, 2e4}, {"0", "5000", "10000", "15000", "20000"}, 0},
        {0, 3e7, 3, false, {0, 1e7, 2e7, 3e7}, {"0", "1", "2", "3"}, 7},
        {-2e-6, 2e-6, 4, false, {-2e-6, -1e-6, 0, 1e-6, 2e-6}, {M "2", M "1", "0", "1", "2"}, -6},
        {1.25e-4, 4.75e-4, 4, false, {1e-4 * 2, 1e-4 * 3, 1e-4 * 4}, {"2", "3", "4"}, -4},
        {0.9995, 1.0005, 2, false, {.9995, 1, 1.0005}, {"0.9995", "1.0000", "1.0005"}, 0},
        {1, 100, 9, true, {1, 2, 5, 10, 20, 50, 100}, {"1", "2", "5", "10", "20", "50", "100"}, 0},
        {1e-3, 1, 5, true, {1e-3, 1e-2, .1, 1}, {"0.001", "0.01", "0.1", "1"}, 0},
        {1e-6,
         1e-3,
         5,
         true,
         {1e-6, 1e-5, 1e-4, 1e-3},
         {POWER(M "6"), POWER(M "5"), POWER(M "4"), POWER(M "3")},
         0},
        {1e-8, 1e8, 4, true, {1e-5, 1, 1e5}, {POWER(M "5"), POWER("0"), POWER("5")}, 0},
        {1e-300,
         1e300,
         9,
         true,
         {1e-300, 1e-200, 1e-100, 1, 1e100, 1e200, 1e300},
         {POWER(M "300"), POWER(M "200"), POWER(M "100"), POWER("0"), POWER("100"), POWER("200"),
          POWER("300")},
         0},
        {2e-5,
         1.1e-4,
         6,
         true,
         {2e-5, 5e-5, 1e-4},
         {"2" SS_TIMES POWER(M "5"), "5" SS_TIMES POWER(M "5"), POWER(M "4")},
         0},
        {2, 3, 5, true, {2, 2.2, 2.4, 2.6, 2.8, 3}, {"2.0", "2.2", "2.4", "2.6", "2.8", "3.0"}, 0},
    };

    for (size_t i = 0; i < SS_COUNT(cases); i++) {
        const struct tick_case *const k = &cases[i];
        struct ss_ticks t;
        size_t n = 0;
        if (k->log)
            ss_ticks_log(&t, (struct ss_interval){k->low, k->high}, k->most);
        else
            ss_ticks_linear(&t, (struct ss_interval){k->low, k->high}, k->most);
        for (; n < 8 && k->label[n]; n++) {
            ck_assert_msg(n < t.n, "case %zu has %zu ticks", i, t.n);
            /* one rounding of k * step apart from the literal */
            ck_assert_msg(fabs(t.at[n] - k->at[n]) <= 1e-15 * fabs(k->at[n]), "case %zu tick %zu is %.17g", i,
                          n, t.at[n]);
            ck_assert_str_eq(t.label[n], k->label[n]);
        }
        ck_assert_msg(t.n == n, "case %zu has %zu ticks, not %zu", i, t.n, n);
        ck_assert_int_eq(t.multiplier, k->multiplier);
    }
}
END_TEST

static double any_double(uint64_t *state)
{
    static const double special[] = {0,       -0.0,     1,   -1,      1e-300,         1e300,    -1e300,
                                     DBL_MAX, -DBL_MAX, NAN, DBL_MIN, 4.9406565e-324, INFINITY, -INFINITY};
    const uint64_t kind = scratch_random(state) % 4;
    double x;

    if (kind == 0)
        return special[scratch_random(state) % SS_COUNT(special)];
    if (kind == 1) { /* any bits at all */
        const uint64_t bits = scratch_random(state);
        memcpy(&x, &bits, sizeof(x));
        return x;
    }
    x = pow(10, 600 * draw_uniform(state) - 300) * (1 + draw_uniform(state));
    return scratch_random(state) % 2 ? x : -x;
}

static void check_ticks(const struct ss_ticks *t, struct ss_interval r)
{
    ck_assert_uint_ge(t->n, 1);
    ck_assert_uint_le(t->n, SS_TICKS);
    ck_assert_uint_le(t->n_minor, SS_MINOR_TICKS);
    const double slack = 1e-8 * (r.high - r.low); /* a tick on the end of an axis may be off by rounding */
    for (size_t i = 0; i < t->n; i++) {
        ck_assert_msg(t->at[i] >= r.low - slack && t->at[i] <= r.high + slack, "%g outside %g %g", t->at[i],
                      r.low, r.high);
        ck_assert(strlen(t->label[i]) > 0 && strlen(t->label[i]) < SS_TICK_LABEL - 1);
        if (i)
            ck_assert_msg(t->at[i] > t->at[i - 1] && strcmp(t->label[i], t->label[i - 1]) != 0,
                          "%s twice in %.17g %.17g", t->label[i], r.low, r.high);
    }
}

START_TEST(ticks_of_any_two_doubles_are_few_ordered_and_told_apart)
{
    uint64_t state = 1;

    for (int i = 0; i < 40000; i++) {
        struct ss_interval asked = {any_double(&state), any_double(&state)}, r;
        struct ss_ticks t;
        const size_t most = scratch_random(&state) % 40;
        if (i % 5 == 0) /* equal, or nearly */
            asked.high = asked.low * (1 + (double)(scratch_random(&state) % 3) * 1e-15);
        r = asked;
        ss_interval_settle(&r, false);
        ck_assert_msg(isfinite(r.low) && isfinite(r.high - r.low) && r.low < r.high, "%g %g", asked.low,
                      asked.high);
        ss_ticks_linear(&t, asked, most);
        ss_ticks_linear(&t, r, most);
        check_ticks(&t, r);
        ss_interval_pad(&r, false, 0.04);
        ck_assert(isfinite(r.low) && isfinite(r.high) && r.low < r.high);
        r = asked;
        ss_interval_settle(&r, true);
        ck_assert_msg(r.low > 0 && isfinite(r.high) && r.low < r.high, "%g %g", asked.low, asked.high);
        ss_ticks_log(&t, r, most);
        if (t.n) /* short of a round number a log axis may have none */
            check_ticks(&t, r);
        ss_interval_pad(&r, true, 0.04);
        ck_assert(r.low > 0 && isfinite(r.high) && r.low < r.high);
    }
}
END_TEST

START_TEST(numbers_read_as_people_write_them)
{
    static const struct {
        double x;
        const char *text;
    } cases[] = {{0, "0"},
                 {12.5, "12.5"},
                 {-3, M "3"},
                 {100000, "100000"},
                 {3e-5, "3" SS_TIMES POWER(M "5")},
                 {-2.5e7, M "2.5" SS_TIMES POWER("7")},
                 {1e300, POWER("300")},
                 {0.001, "0.001"},
                 {NAN, "nan"},
                 {-INFINITY, M "inf"}};
    char out[SS_TICK_LABEL];

    for (size_t i = 0; i < SS_COUNT(cases); i++) {
        ss_number_label(cases[i].x, 3, out, sizeof(out));
        ck_assert_str_eq(out, cases[i].text);
    }
}
END_TEST

START_TEST(wild_values_do_not_set_the_view)
{
    float x[1000];

    for (size_t i = 0; i < 1000; i++)
        x[i] = (float)i / 1000;
    x[3] = 1e30f;
    x[4] = NAN;
    x[5] = -INFINITY;
    struct ss_interval r = ss_interval_robust(x, 1000, 1, 0.005);
    ck_assert(r.low == 0 && r.high == (double)x[999]);
    r = ss_interval_robust(x, 5, 1, 0.005); /* too few to call one wild */
    ck_assert(r.high == (double)1e30f);
    r = ss_interval_robust(x + 4, 2, 1, 0.005);
    ck_assert(r.low > r.high);
}
END_TEST

/* ---- palette ---- */

static struct ss_colour colour_of(const unsigned char rgb[3])
{
    return (struct ss_colour){rgb[0] / 255.0, rgb[1] / 255.0, rgb[2] / 255.0, 1};
}

START_TEST(maps_rise_in_lightness_and_categories_differ)
{
    struct ss_colour_map map;

    ss_colour_map_init(&map, SS_MAP_SEQUENTIAL);
    for (size_t i = 1; i < SS_MAP_STEPS; i++)
        ck_assert(ss_colour_lightness(colour_of(map.rgb[i])) >
                  ss_colour_lightness(colour_of(map.rgb[i - 1])) - 1e-3);
    /* By halves the lightness goes half way, but for what hue and saturation take of the equal steps. */
    const double first = ss_colour_lightness(colour_of(map.rgb[0]));
    const double last = ss_colour_lightness(colour_of(map.rgb[SS_MAP_STEPS - 1]));
    const double middle = ss_colour_lightness(colour_of(map.rgb[SS_MAP_STEPS / 2]));
    ck_assert_msg(fabs((middle - first) / (last - first) - 0.5) < 0.1, "%g",
                  (middle - first) / (last - first));
    ck_assert(last - first > 0.55);
    ck_assert_ptr_eq(ss_colour_map_at(&map, -1e300), map.rgb[0]);
    ck_assert_ptr_eq(ss_colour_map_at(&map, INFINITY), map.rgb[SS_MAP_STEPS - 1]);
    ck_assert_ptr_eq(ss_colour_map_at(&map, NAN), map.rgb[SS_MAP_STEPS / 2]);
    ss_colour_map_init(&map, SS_MAP_DIVERGING);
    for (size_t i = 1; i < SS_MAP_STEPS; i++) {
        const double step =
            ss_colour_lightness(colour_of(map.rgb[i])) - ss_colour_lightness(colour_of(map.rgb[i - 1]));
        ck_assert(i < 118 ? step > -1e-3 : i > 138 ? step < 1e-3 : true);
    }
    ck_assert(map.rgb[0][2] > map.rgb[0][0] && map.rgb[SS_MAP_STEPS - 1][0] > map.rgb[SS_MAP_STEPS - 1][2]);
    for (size_t i = 0; i < 24; i++)
        for (size_t j = 0; j < i; j++) {
            const struct ss_pen a = ss_palette_pen(i), b = ss_palette_pen(j);
            ck_assert_msg(memcmp(&a, &b, sizeof(a)) != 0, "pens %zu and %zu", i, j);
        }
    for (size_t i = 1; i < 4; i++)
        ck_assert(fabs(ss_colour_lightness(ss_palette_colour(i)) -
                       ss_colour_lightness(ss_palette_colour(i - 1))) > 0.1);
}
END_TEST

/* ---- contours, histograms, legends ---- */

START_TEST(contours_lie_on_their_level)
{
    enum { N = 41 };
    double values[N * N];
    struct ss_xy *p;
    size_t n;

    for (size_t y = 0; y < N; y++)
        for (size_t x = 0; x < N; x++)
            values[y * N + x] = hypot((double)x - 20, (double)y - 20);
    ck_assert_int_eq(ss_contour(values, N, N, 12.5, &p, &n), SS_OK);
    double length = 0;
    for (size_t i = 0; i < n; i++) {
        length += hypot(p[2 * i].x - p[2 * i + 1].x, p[2 * i].y - p[2 * i + 1].y);
        for (size_t k = 0; k < 2; k++) /* linear interpolation over a cell: second order in 1 / radius */
            ck_assert_double_lt(fabs(hypot(p[2 * i + k].x - 20, p[2 * i + k].y - 20) - 12.5), 1.0 / 12.5);
    }
    ck_assert_double_lt(fabs(length / (2 * 3.14159265 * 12.5) - 1), 0.01);
    free(p);
    for (size_t i = 0; i < N * N; i++)
        values[i] = i % 3 ? NAN : 1e308 * (i % 2 ? 1 : -1);
    ck_assert_int_eq(ss_contour(values, N, N, 0, &p, &n), SS_OK);
    ck_assert_uint_eq(n, 0);
    free(p);
    ck_assert_int_eq(ss_contour(values, 1, N, 0, &p, &n), SS_OK);
    ck_assert_uint_eq(n, 0);
    free(p);
}
END_TEST

START_TEST(saddles_join_the_corners_that_the_middle_agrees_with)
{
    /* high at (0, 0) and (1, 1); the mean is above the level: the lines cut off (1, 0) and (0, 1) */
    const double values[4] = {2, 0, 0, 2};
    struct ss_xy *p;
    size_t n;

    ck_assert_int_eq(ss_contour(values, 2, 2, 0.5, &p, &n), SS_OK);
    ck_assert_uint_eq(n, 2);
    for (size_t i = 0; i < 2; i++) /* both ends on one side of the diagonal x = y */
        ck_assert((p[2 * i].x - p[2 * i].y) * (p[2 * i + 1].x - p[2 * i + 1].y) > 0);
    free(p);
    ck_assert_int_eq(ss_contour(values, 2, 2, 1.5, &p, &n), SS_OK);
    ck_assert_uint_eq(n, 2);
    for (size_t i = 0; i < 2; i++) /* both ends on one side of the other diagonal */
        ck_assert((p[2 * i].x + p[2 * i].y - 1) * (p[2 * i + 1].x + p[2 * i + 1].y - 1) > 0);
    free(p);
}
END_TEST

START_TEST(histograms_have_area_one)
{
    uint64_t state = 2;
    float x[3000];
    struct ss_histogram h;
    double area = 0;

    for (size_t i = 0; i < 3000; i++)
        x[i] = (float)draw_normal(&state);
    x[0] = NAN;
    x[1] = 1e9f;
    ss_histogram_fill(&h, x, 3000, 1, (struct ss_interval){-6, 6}, SS_BINS);
    for (size_t b = 0; b < h.bins; b++)
        area += h.density[b] * 12 / (double)h.bins;
    ck_assert_uint_eq(h.finite, 2999);
    ck_assert_uint_eq(h.outside, 1);
    ck_assert_double_eq_tol(area, 2998.0 / 2999.0, 1e-12);
    ck_assert_double_eq_tol(h.largest, 0.399, 0.06); /* the normal density; 4 standard errors of a bin */
}
END_TEST

START_TEST(legends_find_the_free_corner_or_none)
{
    const struct ss_box frame = {10, 10, 200, 150};
    struct ss_cover v;
    struct ss_xy at = {0, 0};

    ck_assert_int_eq(ss_cover_init(&v, &frame), SS_OK);
    ck_assert(ss_cover_place(&v, (struct ss_xy){60, 40}, &at));
    ck_assert(at.x > 130 && at.y < 20);
    /* data from the left bottom corner to the right top one, leaving the other two */
    ss_cover_line(&v, (struct ss_xy[]){{10, 160}, {210, 10}}, 2);
    ck_assert(ss_cover_place(&v, (struct ss_xy){60, 40}, &at));
    ck_assert(at.x < 20 && at.y < 20);
    ss_cover_box(&v, &(struct ss_box){10, 10, 100, 75});
    ck_assert(ss_cover_place(&v, (struct ss_xy){60, 40}, &at));
    ck_assert(at.x > 130 && at.y > 110);
    ck_assert(!ss_cover_place(&v, (struct ss_xy){199, 40}, &at));
    ss_cover_line(&v, (struct ss_xy[]){{-1e7, 100}, {1e7, 100}},
                  2); /* far ends neither hang nor write outside */
    ss_cover_box(&v, &frame);
    ck_assert(!ss_cover_place(&v, (struct ss_xy){5, 5}, &at));
    ss_cover_release(&v);
}
END_TEST

/* ---- axes ---- */

START_TEST(labels_of_any_axes_stay_apart_and_on_the_sheet)
{
    struct ss_canvas *c;
    uint64_t state = 3;

    ck_assert_int_eq(ss_canvas_create(&c), SS_OK);
    for (int i = 0; i < 400; i++) {
        const struct ss_box whole = {5, 5, 90 + (double)(scratch_random(&state) % 400),
                                     90 + (double)(scratch_random(&state) % 300)};
        struct ss_axes a = {.title = "t", .x.label = "x", .y.label = "y", .small = i % 3 == 0};
        a.x.log = scratch_random(&state) % 2;
        a.y.log = scratch_random(&state) % 2;
        a.x.range = (struct ss_interval){any_double(&state), any_double(&state)};
        a.y.range = (struct ss_interval){any_double(&state), any_double(&state)};
        ss_interval_settle(&a.x.range, a.x.log);
        ss_interval_settle(&a.y.range, a.y.log);
        ss_axes_fit(c, &a, &whole);
        const struct ss_text_style style = ss_text_plain(ss_axes_tick_size(&a));
        double end = 0;
        for (size_t k = 0; k < a.x.ticks.n; k++) {
            const double half = 0.5 * ss_canvas_text_length(c, a.x.ticks.label[k], &style);
            const double x = ss_axes_x(&a, a.x.ticks.at[k]);
            if (half <= 0)
                continue;
            ck_assert_msg(x - half > end + 2, "%s too near", a.x.ticks.label[k]);
            end = x + half;
            ck_assert_msg(end <= whole.x + whole.width, "%s cut off", a.x.ticks.label[k]);
        }
        end = INFINITY;
        for (size_t k = 0; k < a.y.ticks.n; k++) {
            const double y = ss_axes_y(&a, a.y.ticks.at[k]), left = a.frame.x - style.size;
            ck_assert_msg(y < end - style.size, "%s too near", a.y.ticks.label[k]);
            end = y;
            ck_assert(ss_canvas_text_length(c, a.y.ticks.label[k], &style) < left - whole.x);
        }
    }
    ss_canvas_free(c);
}
END_TEST

static Suite *report_suite(void)
{
    Suite *const s = suite_create("report");
    TCase *const t = tcase_create("report");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, ticks_are_the_round_numbers_a_hand_would_choose);
    tcase_add_test(t, ticks_of_any_two_doubles_are_few_ordered_and_told_apart);
    tcase_add_test(t, numbers_read_as_people_write_them);
    tcase_add_test(t, wild_values_do_not_set_the_view);
    tcase_add_test(t, maps_rise_in_lightness_and_categories_differ);
    tcase_add_test(t, contours_lie_on_their_level);
    tcase_add_test(t, saddles_join_the_corners_that_the_middle_agrees_with);
    tcase_add_test(t, histograms_have_area_one);
    tcase_add_test(t, legends_find_the_free_corner_or_none);
    tcase_add_test(t, labels_of_any_axes_stay_apart_and_on_the_sheet);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *const r = srunner_create(report_suite());

    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
