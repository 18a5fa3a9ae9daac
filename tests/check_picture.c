#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/picture.h"
#include "tests/support/picture.h"
#include "tests/support/scratch.h"

/* ---- line charts ---- */

START_TEST(a_point_of_a_chart_is_where_its_axes_say)
{
    const double x = 7, y = 2.5;
    const struct ss_line_series s = {.x = &x, .y = &y, .n = 1, .style = SS_LINE_POINTS};
    const char *const path = scratch_path("point");

    ck_assert_int_eq(ss_picture_lines(path, &(struct ss_line_chart){.title = "one",
                                                                    .x_label = "x",
                                                                    .y_label = "y",
                                                                    .series = &s,
                                                                    .n_series = 1,
                                                                    .x_range = {0, 10},
                                                                    .y_range = {0, 10}}),
                     SS_OK);
    const struct picture m = picture_check(path);
    ck_assert_int_eq(m.width, 880);
    ck_assert_int_eq(m.height, 560);
    const struct ss_box f = picture_frame(&m);
    const struct picture_found dot = picture_find(&m, ss_palette_colour(0), 8);
    ck_assert_uint_gt(dot.n, 20);
    ck_assert_double_eq_tol(dot.x, f.x + 0.5 + 0.7 * f.width, 1.5);
    ck_assert_double_eq_tol(dot.y, f.y + 0.5 + 0.75 * f.height, 1.5); /* y goes up */
    cairo_surface_destroy(m.surface);
}
END_TEST

START_TEST(a_nan_breaks_a_line_and_a_lonely_point_is_still_seen)
{
    const double y[] = {1, 1, 1, NAN, 1, NAN, 1, 1, 1};
    const struct ss_line_series s = {.y = y, .n = SS_COUNT(y)};
    const char *const path = scratch_path("broken");
    size_t stretches = 0;

    ck_assert_int_eq(ss_picture_lines(path, &(struct ss_line_chart){.series = &s, .n_series = 1}), SS_OK);
    const struct picture m = picture_check(path);
    const struct picture_found line = picture_find(&m, ss_palette_colour(0), 8);
    const int row = (int)line.y;
    for (int x = 1; x < m.width; x++)
        stretches += colour_is_like(picture_pixel(&m, x, row), ss_palette_colour(0), 40) &&
                     !colour_is_like(picture_pixel(&m, x - 1, row), ss_palette_colour(0), 40);
    ck_assert_uint_eq(stretches, 3);
    cairo_surface_destroy(m.surface);
}
END_TEST

START_TEST(many_points_make_a_small_file_that_keeps_its_spikes)
{
    uint64_t state = 3;
    enum { N = 200000 };
    double *const y = malloc(N * sizeof(*y));
    struct ss_line_series s = {.name = "noise", .y = y, .n = N, .low = y, .high = y};
    const char *const path = scratch_path("many");
    size_t size;

    for (size_t i = 0; i < N; i++)
        y[i] = draw_uniform(&state);
    y[123457] = 10;
    ck_assert_int_eq(ss_picture_lines(path, &(struct ss_line_chart){.series = &s, .n_series = 1}), SS_OK);
    free(picture_bytes(path, "svg", &size));
    ck_assert_uint_lt(size, 150000);
    const struct picture m = picture_check(path);
    const struct ss_box f = picture_frame(&m);
    const struct picture_found line = picture_find(&m, ss_palette_colour(0), 60);
    ck_assert_double_lt(line.top, f.y + 0.06 * f.height); /* 4 % of padding above it */
    int x = 0;
    while (!colour_is_like(picture_pixel(&m, x, line.top), ss_palette_colour(0), 60))
        x++;
    ck_assert_double_eq_tol((x - f.x) / f.width, 0.037 + 0.926 * 123457 / N, 0.01);
    cairo_surface_destroy(m.surface);
    free(y);
}
END_TEST

START_TEST(labels_are_escaped_text_of_the_svg)
{
    const double y[] = {1, 2};
    const struct ss_line_series s[] = {{.name = "a<b", .y = y, .n = 2},
                                       {.name = "\"q\" & r", .y = y, .n = 2}};
    const char *const path = scratch_path("escaped");
    size_t size;

    ck_assert_int_eq(
        ss_picture_lines(path, &(struct ss_line_chart){.title = "title with <&>",
                                                       .x_label = "x\x01]]>\x7f\x0b\xff\xed\xa0\x80",
                                                       .y_label = "\xc3\xa9t\xc3\xa9 (\xc2\xb5s)",
                                                       .series = s,
                                                       .n_series = 2}),
        SS_OK);
    char *const svg = picture_bytes(path, "svg", &size);
    check_xml(svg);
    ck_assert_ptr_nonnull(strstr(svg, "<title>title with &lt;&amp;&gt;</title>"));
    ck_assert_ptr_nonnull(strstr(svg, ">title with &lt;&amp;&gt;</text>"));
    ck_assert_ptr_nonnull(strstr(svg, ">a&lt;b</text>"));
    ck_assert_ptr_nonnull(strstr(svg, ">&quot;q&quot; &amp; r</text>"));
    ck_assert_ptr_nonnull(strstr(svg, "\xc3\xa9t\xc3\xa9 (\xc2\xb5s)"));
    ck_assert_ptr_null(strstr(svg, "\xff"));
    free(svg);
}
END_TEST

static void draw_sample(const char *path)
{
    uint64_t state = 7;
    float points[200];
    double values[16];
    float arrows[200];

    for (size_t i = 0; i < 200; i++) {
        points[i] = (float)draw_normal(&state);
        arrows[i] = (float)draw_normal(&state);
    }
    for (size_t i = 0; i < 16; i++)
        values[i] = (double)i;
    const struct ss_plane_panel panels[] = {
        {.title = "a", .points = points, .n_points = 100},
        {.title = "b",
         .values = values,
         .nx = 4,
         .ny = 4,
         .x_range = {-3, 3},
         .y_range = {-3, 3},
         .map = true,
         .contours = 5},
        {.title = "c", .arrow_at = points, .arrow = arrows, .n_arrows = 100}};
    ck_assert_int_eq(ss_picture_plane(path, panels, 3), SS_OK);
}

START_TEST(the_same_input_makes_the_same_bytes)
{
    static const char *const extensions[] = {"png", "svg"};

    draw_sample(scratch_path("one"));
    draw_sample(scratch_path("two"));
    for (size_t i = 0; i < 2; i++) {
        size_t n, m;
        char *const a = picture_bytes(scratch_path("one"), extensions[i], &n), *const b = picture_bytes(
                                                                                   scratch_path("two"),
                                                                                   extensions[i], &m);
        ck_assert_uint_eq(n, m);
        ck_assert(memcmp(a, b, n) == 0);
        free(a);
        free(b);
    }
}
END_TEST

/* ---- the plane ---- */

static struct ss_colour colour_of(const unsigned char rgb[3])
{
    return (struct ss_colour){rgb[0] / 255.0, rgb[1] / 255.0, rgb[2] / 255.0, 1};
}

START_TEST(the_largest_value_of_a_map_is_where_it_belongs)
{
    enum { NX = 61, NY = 41 };
    double values[NX * NY];
    struct ss_colour_map map;
    const char *const path = scratch_path("map");

    ss_colour_map_init(&map, SS_MAP_SEQUENTIAL);
    for (size_t j = 0; j < NY; j++)
        for (size_t i = 0; i < NX; i++) { /* x in [-3, 3], y in [0, 4], top at (1.5, 3) */
            const double x = -3 + 6.0 * (double)i / (NX - 1), y = 4.0 * (double)j / (NY - 1);
            values[j * NX + i] = exp(-4 * ((x - 1.5) * (x - 1.5) + (y - 3) * (y - 3)));
        }
    ck_assert_int_eq(
        ss_picture_plane(
            path,
            &(struct ss_plane_panel){
                .values = values, .nx = NX, .ny = NY, .x_range = {-3, 3}, .y_range = {0, 4}, .map = true},
            1),
        SS_OK);
    const struct picture m = picture_check(path);
    const struct picture_found dark = picture_find(&m, colour_of(map.rgb[0]), 4);
    double best = -1, best_x = 0, best_y = 0;
    size_t n = 0;
    for (int y = 0; y < m.height; y++) /* up to where the bar begins */
        for (int x = 0; x < dark.right - 30 * SS_CANVAS_SCALE; x++) {
            const unsigned p = picture_pixel(&m, x, y);
            const double light = ss_colour_lightness(
                (struct ss_colour){(p >> 16) / 255.0, (p >> 8 & 255) / 255.0, (p & 255) / 255.0, 1});
            if ((p & 255) < 120 && (p >> 16) > 200 && light >= best - 1e-9) {
                n = light > best + 1e-9 ? 1 : n + 1;
                best_x = light > best + 1e-9 ? x + 0.5 : best_x + x + 0.5;
                best_y = light > best + 1e-9 ? y + 0.5 : best_y + y + 0.5;
                best = light;
            }
        }
    ck_assert_uint_gt(n, 0);
    const struct ss_box f = picture_frame(&m);
    ck_assert(
        colour_is_like(picture_pixel(&m, (int)f.x + 4, (int)(f.y + f.height) - 4), colour_of(map.rgb[0]), 4));
    /* The frame is 190 by 127 points; a unit is the same on both axes but for rounding to whole points. */
    ck_assert_double_eq_tol(best_x / (double)n, dark.left + 0.75 * 380, 3);
    ck_assert_double_eq_tol(best_y / (double)n, dark.bottom + 1 - 0.75 * 254, 3);
    ck_assert_double_eq_tol(dark.bottom + 1 - dark.top, 254, 4);
    cairo_surface_destroy(m.surface);
}
END_TEST

START_TEST(points_and_arrows_of_the_plane_are_where_they_belong)
{
    const float at[] = {1, 3}, wild[] = {1, 3, 50, 50, NAN, 0}, up[] = {0, 2};
    struct ss_plane_panel p = {.x_range = {0, 4}, .y_range = {0, 4}};
    size_t size;

    p.points = wild;
    p.n_points = 3;
    ck_assert_int_eq(ss_picture_plane(scratch_path("point"), &p, 1), SS_OK);
    struct picture m = picture_check(scratch_path("point"));
    struct ss_box f = picture_frame(&m);
    struct picture_found blue = picture_find(&m, ss_palette_colour(0), 60);
    ck_assert_double_eq_tol(f.width, f.height, 1.0); /* one scale on both axes */
    ck_assert_double_eq_tol(blue.x, f.x + 0.5 + 0.25 * f.width, 1.5);
    ck_assert_double_eq_tol(blue.y, f.y + 0.5 + 0.25 * f.height, 1.5);
    cairo_surface_destroy(m.surface);
    char *const svg = picture_bytes(scratch_path("point"), "svg", &size);
    ck_assert_ptr_nonnull(strstr(svg, "3 points: 1 outside, 1 not finite"));
    free(svg);

    p.points = NULL;
    p.arrow_at = at;
    p.arrow = up;
    p.n_arrows = 1;
    p.arrow_label = "score";
    ck_assert_int_eq(ss_picture_plane(scratch_path("arrow"), &p, 1), SS_OK);
    m = picture_check(scratch_path("arrow"));
    f = picture_frame(&m);
    blue = picture_find(&m, ss_palette_colour(0), 75);
    ck_assert_double_eq_tol(0.5 * (blue.left + blue.right + 1), f.x + 0.5 + 0.25 * f.width, 1.5);
    ck_assert_double_eq_tol(0.5 * (blue.top + blue.bottom + 1), f.y + 0.5 + 0.25 * f.height, 2);
    ck_assert_int_gt(blue.bottom - blue.top, 40);
    ck_assert_double_lt(blue.y, 0.5 * (blue.top + blue.bottom)); /* its head is at the top */
    cairo_surface_destroy(m.surface);
}
END_TEST

START_TEST(ten_thousand_points_become_an_image_at_the_same_place)
{
    uint64_t state = 4;
    enum { N = 10000 };
    float *const p = malloc(2 * N * sizeof(*p));
    const double flat[4] = {0};
    struct ss_plane_panel panel = {.values = flat, .nx = 2, .ny = 2, .x_range = {-4, 4}, .y_range = {-4, 4}};
    size_t size;

    for (size_t i = 0; i < N; i++) { /* all in the quarter right above */
        p[2 * i] = (float)(2 + 0.1 * draw_normal(&state));
        p[2 * i + 1] = (float)(2 + 0.1 * draw_normal(&state));
    }
    panel.points = p;
    panel.n_points = N;
    ck_assert_int_eq(ss_picture_plane(scratch_path("many"), &panel, 1), SS_OK);
    free(picture_bytes(scratch_path("many"), "svg", &size));
    ck_assert_uint_lt(size, 200000);
    const struct picture m = picture_check(scratch_path("many"));
    const struct ss_box f = picture_frame(&m);
    const struct picture_found blue = picture_find(&m, ss_palette_colour(0), 40);
    ck_assert_double_eq_tol(blue.x, f.x + 0.5 + 0.75 * f.width, 3);
    ck_assert_double_eq_tol(blue.y, f.y + 0.5 + 0.25 * f.height, 3);
    cairo_surface_destroy(m.surface);
    free(p);
}
END_TEST

/* ---- images ---- */

START_TEST(images_keep_their_pixels)
{
    const float v[] = {0, 1, 0.5f, NAN, 1, 1, 0, 2};
    const char *const path = scratch_path("images");

    ck_assert_int_eq(ss_picture_images(path, v, 2, 2, 2, 2, 0, 1), SS_OK);
    const struct picture m = picture_check(path);
    /* margin 6, images of 2 * 8 points, gap 2 */
    ck_assert_int_eq(m.width, 2 * (6 + 16 + 2 + 16 + 6));
    ck_assert_int_eq(m.height, 2 * (6 + 16 + 6));
    static const struct {
        int x, y;
        unsigned rgb;
    } probes[] = {{10, 10, 0x000000}, {18, 10, 0xffffff}, {10, 18, 0x808080}, {18, 18, 0xd55e00},
                  {23, 10, 0xffffff}, {28, 10, 0xffffff}, {28, 18, 0x000000}, {36, 18, 0xffffff}};
    for (size_t i = 0; i < SS_COUNT(probes); i++)
        ck_assert_uint_eq(picture_pixel(&m, 2 * probes[i].x, 2 * probes[i].y), probes[i].rgb);
    cairo_surface_destroy(m.surface);
}
END_TEST

START_TEST(more_images_than_a_page_holds_are_counted)
{
    float *const v = calloc(60000 * 16, sizeof(*v));
    size_t size;

    ck_assert_int_eq(ss_picture_images(scratch_path("all"), v, 60000, 4, 4, 300, 0, 1), SS_OK);
    char *const svg = picture_bytes(scratch_path("all"), "svg", &size);
    ck_assert_ptr_nonnull(strstr(svg, "first 2500 of 60000 images"));
    free(svg);
    ck_assert_int_eq(ss_picture_images(scratch_path("wide"), v, 1, 2, 40000, 0, 0, 1), SS_OK);
    picture_check_only(scratch_path("wide"));
    ck_assert_int_eq(ss_picture_images(scratch_path("over"), v, 1u << 31, 1u << 31, 1u << 31, 0, 0, 1),
                     SS_ERR_MEMORY);
    free(v);
}
END_TEST

/* ---- hostile data, every verb ---- */

enum { HOSTILE = 9, ROWS = 64 };

static void fill_hostile(size_t kind, float *f, double *d, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        static const double patterns[][4] = {{0, 0, 0, 0},
                                             {1, 1, 1, 1},
                                             {NAN, NAN, NAN, NAN},
                                             {INFINITY, -INFINITY, NAN, 0},
                                             {1e300, -1e300, 1e-300, 0},
                                             {-1e-40, 3e38, -3e38, 1e-45},
                                             {DBL_MAX, -DBL_MAX, 0, 1},
                                             {1, 1 + 1e-15, 1 - 1e-15, 1},
                                             {-5, NAN, -5, INFINITY}};
        d[i] = patterns[kind][i % 4];
        f[i] = (float)fmin(fmax(d[i], -3.4e38), 3.4e38);
        if (!isfinite(d[i]))
            f[i] = isnan(d[i]) ? NAN : d[i] < 0 ? -INFINITY : INFINITY;
    }
}

START_TEST(every_verb_draws_something_of_hostile_data)
{
    float f[4 * ROWS];
    double d[4 * ROWS];
    static const size_t counts[] = {0, 1, ROWS};

    for (size_t c = _i == 0 ? 0 : 1; c < SS_COUNT(counts); c++) {
        const size_t n = counts[c];
        fill_hostile((size_t)_i, f, d, 4 * ROWS);
        for (int style = _i % 2; style <= SS_LINE_MARKED; style += 2) { /* all of them over the kinds */
            const struct ss_line_series s[] = {
                {.name = "s",
                 .x = d + 1,
                 .y = d,
                 .n = n,
                 .low = d + 2,
                 .high = d + 3,
                 .style = (enum ss_line_style)style},
                {.name = "t", .y = d, .n = n, .style = (enum ss_line_style)style}};
            for (int log = 0; log < (n > 1 ? 2 : 1); log++) {
                ck_assert_int_eq(
                    ss_picture_lines(
                        scratch_path("l"),
                        &(struct ss_line_chart){
                            .title = "", .log_x = log, .log_y = log, .series = s, .n_series = n ? 2 : 0}),
                    SS_OK);
                picture_check_only(scratch_path("l"));
            }
        }
        const size_t side = n < 8 ? n : 8;
        const struct ss_plane_panel panels[] = {{.points = f, .n_points = n},
                                                {.values = d,
                                                 .nx = side,
                                                 .ny = side,
                                                 .x_range = {d[0], d[1]},
                                                 .y_range = {0, 1},
                                                 .map = true,
                                                 .contours = 9},
                                                {.values = d,
                                                 .nx = side,
                                                 .ny = 1,
                                                 .x_range = {0, 1},
                                                 .y_range = {0, 1},
                                                 .map = true,
                                                 .diverging = true,
                                                 .levels = d,
                                                 .n_levels = 4},
                                                {.arrow_at = f, .arrow = f + ROWS, .n_arrows = n}};
        for (size_t k = 0; k < 4; k++) {
            ck_assert_int_eq(ss_picture_plane(scratch_path("p"), panels + k, 1), SS_OK);
            picture_check_only(scratch_path("p"));
        }
        ck_assert_int_eq(ss_picture_plane(scratch_path("p"), panels, 4), SS_OK);
        ck_assert_int_eq(ss_picture_histogram(scratch_path("h"), f, n, d, d + 1, n, NULL), SS_OK);
        picture_check_only(scratch_path("h"));
        for (size_t columns = 0; columns < 5; columns++) {
            const struct ss_point_set sets[] = {{"a", f, n}, {"b", f + 7, n / 2}};
            ck_assert_int_eq(ss_picture_set_pairs(scratch_path("s"), sets, 2, columns, NULL), SS_OK);
            picture_check_only(scratch_path("s"));
        }
        ck_assert_int_eq(ss_picture_images(scratch_path("i"), f, n, 2, 2, 3, d[0], d[1]), SS_OK);
        picture_check_only(scratch_path("i"));
    }
}
END_TEST

START_TEST(pairs_show_eight_columns_and_say_so)
{
    uint64_t state = 5;
    float v[20 * 11];
    size_t size;

    for (size_t i = 0; i < SS_COUNT(v); i++)
        v[i] = (float)draw_normal(&state);
    ck_assert_int_eq(ss_picture_scatter_pairs(scratch_path("pairs"), v, 20, 11, NULL), SS_OK);
    char *const svg = picture_bytes(scratch_path("pairs"), "svg", &size);
    ck_assert_ptr_nonnull(strstr(svg, "first 8 of 11 columns"));
    ck_assert_ptr_nonnull(strstr(svg, ">x8</text>"));
    ck_assert_ptr_null(strstr(svg, ">x9</text>"));
    free(svg);
    ck_assert_int_eq(ss_picture_set_pairs(scratch_path("none"), NULL, 0, 3, NULL), SS_OK);
    picture_check_only(scratch_path("none"));
}
END_TEST

/* ---- errors ---- */

START_TEST(a_picture_that_cannot_be_written_names_its_path)
{
    const float v[] = {1, 2};
    const char *const path = scratch_path("missing/picture");

    ck_assert_int_eq(ss_picture_scatter_pairs(path, v, 2, 1, NULL), SS_ERR_FILE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), path));
    ck_assert_int_eq(ss_picture_plane(path, NULL, 0), SS_ERR_FILE);
    ck_assert_int_eq(ss_picture_lines(path, &(struct ss_line_chart){0}), SS_ERR_FILE);
    ck_assert_int_eq(ss_picture_images(path, v, 1, 1, 2, 0, 0, 1), SS_ERR_FILE);
    ck_assert_uint_eq(scratch_count(), 0);
    /* A folder in the place of the second file: the first is there, nothing half written is left. */
    ck_assert_int_eq(ss_folder_create(scratch_path("x.svg/y")), SS_OK);
    scratch_hush();
    ck_assert_int_eq(ss_picture_plane(scratch_path("x"), NULL, 0), SS_ERR_FILE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "x.svg"));
    ck_assert_uint_eq(scratch_count(), 2);
}
END_TEST

START_TEST(a_machine_without_fonts_still_gets_its_pictures)
{
    static const char config[] =
        "<?xml version=\"1.0\"?><!DOCTYPE fontconfig SYSTEM \"fonts.dtd\"><fontconfig></fontconfig>";

    ck_assert_int_eq(ss_file_write(scratch_path("fonts.conf"), config, sizeof(config) - 1), SS_OK);
    setenv("FONTCONFIG_FILE", scratch_path("fonts.conf"), 1);
    const double y[] = {-1, 2, 3e7};
    const struct ss_line_series s[] = {{.name = "a", .y = y, .n = 3}, {.name = "\xc3\xa9", .y = y, .n = 3}};
    ck_assert_int_eq(
        ss_picture_lines(scratch_path("plain"),
                         &(struct ss_line_chart){.title = "a title", .series = s, .n_series = 2}),
        SS_OK);
    const struct picture m = picture_check(scratch_path("plain"));
    const struct picture_found ink = picture_find(&m, ss_palette_ink(), 60);
    ck_assert_uint_gt(ink.n, 50); /* the letters */
    cairo_surface_destroy(m.surface);
}
END_TEST

static Suite *picture_suite(void)
{
    Suite *const s = suite_create("picture");
    TCase *const t = tcase_create("picture");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, scratch_set_up, scratch_tear_down);
    tcase_add_test(t, a_point_of_a_chart_is_where_its_axes_say);
    tcase_add_test(t, a_nan_breaks_a_line_and_a_lonely_point_is_still_seen);
    tcase_add_test(t, many_points_make_a_small_file_that_keeps_its_spikes);
    tcase_add_test(t, labels_are_escaped_text_of_the_svg);
    tcase_add_test(t, the_same_input_makes_the_same_bytes);
    tcase_add_test(t, the_largest_value_of_a_map_is_where_it_belongs);
    tcase_add_test(t, points_and_arrows_of_the_plane_are_where_they_belong);
    tcase_add_test(t, ten_thousand_points_become_an_image_at_the_same_place);
    tcase_add_test(t, images_keep_their_pixels);
    tcase_add_test(t, more_images_than_a_page_holds_are_counted);
    tcase_add_loop_test(t, every_verb_draws_something_of_hostile_data, 0, HOSTILE);
    tcase_add_test(t, pairs_show_eight_columns_and_say_so);
    tcase_add_test(t, a_picture_that_cannot_be_written_names_its_path);
    tcase_add_test(t, a_machine_without_fonts_still_gets_its_pictures);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *const r = srunner_create(picture_suite());

    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
