#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/inline_svg.h"
#include "report/page.h"
#include "report/page_files.h"
#include "report/palette.h"
#include "tests/support/picture.h"
#include "tests/support/scratch.h"

/* ---- what comes from files stays text ---- */

START_TEST(nothing_in_a_text_or_an_attribute_is_taken_for_html)
{
    static const char hostile[] = "</p><script>alert('1')</script>\" onload=\"x&amp;";
    struct ss_text t;

    ss_text_init(&t);
    ss_html_leaf(&t, "p", hostile, "title", hostile, "id", NULL);
    ck_assert_str_eq(
        t.data,
        "<p title=\"&#60;/p&#62;&#60;script&#62;alert(&#39;1&#39;)&#60;/script&#62;&#34; onload=&#34;x"
        "&#38;amp;\">&#60;/p&#62;&#60;script&#62;alert(&#39;1&#39;)&#60;/script&#62;&#34; onload=&#34;x"
        "&#38;amp;</p>\n");
    ss_text_release(&t);
}
END_TEST

START_TEST(what_is_not_utf8_or_a_control_character_is_replaced)
{
    struct ss_text t;

    ss_text_init(&t);
    ss_html_text(&t, "\xc3\xbc\xff\x01\xc0\xaf"
                     "a\n\xe2\x82");
    ck_assert_str_eq(t.data, "\xc3\xbc\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                             "a\n\xef\xbf\xbd\xef\xbf\xbd");
    ss_text_release(&t);
}
END_TEST

START_TEST(the_numbers_of_a_chart_cannot_end_their_script)
{
    const double y[] = {1, 2, NAN, 4};
    const struct ss_line_series s = {.name = "</script><script>alert(1)//", .y = y, .n = 4};
    const struct ss_line_chart chart = {.title = "<b>", .x_label = "<!--", .series = &s, .n_series = 1};
    struct ss_page p;

    ss_page_begin(&p);
    ck_assert_int_eq(ss_page_chart(&p, &chart, "</figcaption>"), SS_OK);
    ck_assert_ptr_null(strstr(p.body.data, "<script>"));
    ck_assert_ptr_null(strstr(p.body.data, "<b>"));
    ck_assert_ptr_null(strstr(p.body.data, "<!--"));
    ck_assert_ptr_nonnull(strstr(p.body.data, "\"points\": [[0, 1], [1, 2], [3, 4]]"));
    ss_page_release(&p);
}
END_TEST

/* ---- numbers ---- */

START_TEST(an_estimate_has_as_many_digits_as_its_error_gives_sense_to)
{
    static const struct {
        double mean, error;
        const char *text;
    } cases[] = {{-14.4738, 0.6837,
                  "\xe2\x88\x92"
                  "14.47 \xc2\xb1 0.68"},
                 {33.6211, 2.128, "33.6 \xc2\xb1 2.1"},
                 {12345.6, 321, "12346 \xc2\xb1 321"},
                 {0.5, 0, "0.5"},
                 {-2.31601, NAN,
                  "\xe2\x88\x92"
                  "2.316"},
                 {NAN, 1, "not finite"},
                 {1e30, 1e28, "1e+30 \xc2\xb1 1e+28"},
                 {1e-12, 1e-13,
                  "1e\xe2\x88\x92"
                  "12 \xc2\xb1 1e\xe2\x88\x92"
                  "13"}};
    char text[SS_NUMBER_SIZE];

    for (size_t i = 0; i < SS_COUNT(cases); i++) {
        ss_html_estimate(cases[i].mean, cases[i].error, text);
        ck_assert_str_eq(text, cases[i].text);
    }
    ss_html_count(1234, text);
    ck_assert_str_eq(text, "1234");
    ss_html_count(1234567, text);
    ck_assert_str_eq(text, "1\xe2\x80\xaf"
                           "234\xe2\x80\xaf"
                           "567");
}
END_TEST

/* ---- pictures ---- */

static bool taken(const char *svg)
{
    struct ss_text t;

    ss_text_init(&t);
    const bool ok = ss_inline_svg(&t, svg, "label");
    ck_assert(ok == (t.length > 0));
    if (ok)
        check_xml(t.data);
    ss_text_release(&t);
    return ok;
}

START_TEST(each_kind_of_picture_of_ours_is_put_into_a_page)
{
    enum { N = 4000 };
    static float x[2 * N];
    const double values[] = {0, 1, 2, 3}, y[] = {1, 2};
    const float arrow[] = {0, 0, 1, 1};
    const struct ss_line_series line = {.name = "a & b", .y = y, .n = 2, .low = y, .high = y};
    const struct ss_plane_panel panel = {.title = "<map>",
                                         .x_range = {0, 1},
                                         .y_range = {0, 1},
                                         .values = values,
                                         .nx = 2,
                                         .ny = 2,
                                         .map = true,
                                         .contours = 3,
                                         .points = x,
                                         .n_points = N,
                                         .arrow_at = arrow,
                                         .arrow = arrow,
                                         .n_arrows = 2,
                                         .value_label = "10\x01"
                                                        "2\x02"};
    uint64_t state = 1;
    size_t size;

    for (size_t i = 0; i < 2 * N; i++)
        x[i] = (float)draw_uniform(&state);
    ck_assert_int_eq(ss_picture_lines(scratch_path("a"),
                                      &(struct ss_line_chart){
                                          .title = "t", .series = &line, .n_series = 1, .log_y = true}),
                     SS_OK);
    ck_assert_int_eq(ss_picture_plane(scratch_path("b"), &panel, 1), SS_OK);
    ck_assert_int_eq(ss_picture_images(scratch_path("c"), x, 3, 4, 4, 0, 0, 0), SS_OK);
    ck_assert_int_eq(ss_picture_scatter_pairs(scratch_path("d"), x, 100, 3, NULL), SS_OK);
    ck_assert_int_eq(ss_picture_histogram(scratch_path("e"), x, N, NULL, NULL, 0,
                                          &(struct ss_histogram_labels){.title = "h"}),
                     SS_OK);
    for (const char *name = "a\0b\0c\0d\0e\0"; *name; name += 2) {
        char *const svg = picture_bytes(scratch_path(name), "svg", &size);
        ck_assert_msg(taken(svg), "%s", name);
        free(svg);
    }
}
END_TEST

#define HEAD "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\" viewBox=\"0 0 9 9\">"

START_TEST(a_picture_with_anything_else_in_it_is_not)
{
    static const char *const bad[] = {HEAD "<script>alert(1)</script></svg>",
                                      HEAD "<path onclick=\"alert(1)\" d=\"M0 0\"/></svg>",
                                      HEAD "<rect fill=\"url(http://a.b/c)\"/></svg>",
                                      HEAD "<image xlink:href=\"http://a.b/c.png\"/></svg>",
                                      HEAD "<image xlink:href=\"data:image/svg+xml;base64,AAAA\"/></svg>",
                                      HEAD "<image xlink:href=\"data:image/png;base64,AA&#61;\"/></svg>",
                                      HEAD "<g style=\"background:url(x)\"></g></svg>",
                                      HEAD "<g class=\"skip\"></g></svg>",
                                      HEAD "<foreignObject></foreignObject></svg>",
                                      HEAD "<a href=\"x\">t</a></svg>",
                                      HEAD "<g></rect></svg>",
                                      HEAD "<g></svg>",
                                      HEAD "</svg><p>",
                                      HEAD "<!-- --></svg>",
                                      HEAD "<text>\xff</text></svg>",
                                      HEAD "<path d='M0 0'/></svg>",
                                      HEAD "<path d=\"M0 0\"",
                                      HEAD "\n<title>never closed</svg>",
                                      HEAD,
                                      "<svg viewBox=\"0 0 0 9\"></svg>",
                                      "<svg></svg>",
                                      "<p></p>",
                                      ""};

    ck_assert(taken(HEAD "\n<title>t</title>\n<g><path d=\"M0 0\"/></g></svg>\n"));
    for (size_t i = 0; i < SS_COUNT(bad); i++)
        ck_assert_msg(!taken(bad[i]), "%s", bad[i]);
}
END_TEST

/* ---- the look ---- */

static void check_matched(struct ss_colour c, const char *property)
{
    struct ss_text t;

    ss_text_init(&t);
    ss_text_addf(&t, "svg [%s=\"#%02x%02x%02x\"] {", property, (unsigned)lround(255 * c.red),
                 (unsigned)lround(255 * c.green), (unsigned)lround(255 * c.blue));
    ck_assert_msg(strstr(ss_page_css, t.data) != NULL, "page.css has no %s", t.data);
    ss_text_release(&t);
}

START_TEST(every_colour_of_a_chart_has_its_counterpart_in_the_page)
{
    for (size_t i = 0; i < SS_CATEGORIES; i++) {
        check_matched(ss_palette_colour(i), "stroke");
        check_matched(ss_palette_colour(i), "fill");
    }
    check_matched(ss_palette_ink(), "fill");
    check_matched(ss_palette_frame(), "stroke");
    check_matched(ss_palette_grid(), "stroke");
    check_matched(ss_palette_white(), "fill");
}
END_TEST

/* Relative luminance, WCAG 2.2, of #rgb or #rrggbb. */
static double luminance(const char *hex)
{
    const bool is_short = strspn(hex + 1, "0123456789abcdef") == 3;
    static const double weight[] = {0.2126, 0.7152, 0.0722};
    double sum = 0;

    for (size_t i = 0; i < 3; i++) {
        const char digits[] = {hex[is_short ? 1 + i : 1 + 2 * i], hex[is_short ? 1 + i : 2 + 2 * i], '\0'};
        const double c = (double)strtoul(digits, NULL, 16) / 255;
        sum += weight[i] * (c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4));
    }
    return sum;
}

static double luminance_of(const char *variable, bool dark)
{
    char start[40];

    snprintf(start, sizeof(start), "--%s: light-dark(", variable);
    const char *const at = strstr(ss_page_css, start);
    ck_assert_msg(at != NULL, "%s", variable);
    return luminance(dark ? strchr(at, ',') + 2 : at + strlen(start));
}

START_TEST(text_has_the_contrast_that_reading_needs_in_both_themes)
{
    static const struct {
        const char *name;
        double least; /* WCAG 2.2: 4.5 for text, 3 for what is drawn */
    } colours[] = {{"ink", 7},    {"soft", 4.5}, {"accent", 4.5},  {"good", 4.5},
                   {"warn", 4.5}, {"bad", 4.5},  {"frame", 3},     {"blue", 3},
                   {"black", 3},  {"green", 3},  {"vermillion", 3}};

    for (int dark = 0; dark < 2; dark++)
        for (size_t i = 0; i < SS_COUNT(colours); i++)
            for (size_t k = 0; k < 2; k++) {
                const double a = luminance_of(colours[i].name, dark),
                             b = luminance_of(k ? "card" : "page", dark);
                const double contrast = (fmax(a, b) + 0.05) / (fmin(a, b) + 0.05);
                ck_assert_msg(contrast >= colours[i].least, "%s %s: %.2f", colours[i].name,
                              dark ? "dark" : "light", contrast);
            }
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("page");
    TCase *const c = tcase_create("page");

    tcase_add_checked_fixture(c, scratch_set_up, scratch_tear_down);
    tcase_add_test(c, nothing_in_a_text_or_an_attribute_is_taken_for_html);
    tcase_add_test(c, what_is_not_utf8_or_a_control_character_is_replaced);
    tcase_add_test(c, the_numbers_of_a_chart_cannot_end_their_script);
    tcase_add_test(c, an_estimate_has_as_many_digits_as_its_error_gives_sense_to);
    tcase_add_test(c, each_kind_of_picture_of_ours_is_put_into_a_page);
    tcase_add_test(c, a_picture_with_anything_else_in_it_is_not);
    tcase_add_test(c, every_colour_of_a_chart_has_its_counterpart_in_the_page);
    tcase_add_test(c, text_has_the_contrast_that_reading_needs_in_both_themes);
    suite_add_tcase(s, c);
    SRunner *const r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
