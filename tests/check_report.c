#include <cairo.h>
#include <check.h>
#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "report/contour.h"
#include "report/histogram.h"
#include "report/legend.h"
#include "report/picture.h"

/* fontconfig keeps a few patterns of every process that draws text until it ends. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\n";
}

static char folder[64];

static void make_folder(void)
{
    /* In memory where that is possible: every picture is two files, each flushed to the disk. */
    snprintf(folder, sizeof(folder), "%s/check_report.XXXXXX",
             ss_path_is_folder("/dev/shm") ? "/dev/shm" : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static const char *in_folder(const char *name)
{
    static char paths[4][128];
    static size_t turn;
    char *const path = paths[turn++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static char *read_all(const char *base, const char *extension, size_t *size)
{
    char path[160], *data = NULL;

    snprintf(path, sizeof(path), "%s.%s", base, extension);
    ck_assert_int_eq(ss_file_read(path, 1u << 26, &data, size), SS_OK);
    return data;
}

/* ---- pixels ---- */

struct image {
    cairo_surface_t *surface;
    int width, height;
};

static struct image open_png(const char *base)
{
    char path[160];

    snprintf(path, sizeof(path), "%s.png", base);
    struct image m = {.surface = cairo_image_surface_create_from_png(path)};
    ck_assert_int_eq(cairo_surface_status(m.surface), CAIRO_STATUS_SUCCESS);
    m.width = cairo_image_surface_get_width(m.surface);
    m.height = cairo_image_surface_get_height(m.surface);
    return m;
}

static unsigned pixel(const struct image *m, int x, int y)
{
    uint32_t p;

    ck_assert(x >= 0 && y >= 0 && x < m->width && y < m->height);
    memcpy(&p,
           cairo_image_surface_get_data(m->surface) + y * cairo_image_surface_get_stride(m->surface) + 4 * x,
           4);
    return p & 0xffffffu;
}

static bool is_like(unsigned p, struct ss_colour c, int tolerance)
{
    return abs((int)(p >> 16 & 255) - (int)lround(255 * c.red)) <= tolerance &&
           abs((int)(p >> 8 & 255) - (int)lround(255 * c.green)) <= tolerance &&
           abs((int)(p & 255) - (int)lround(255 * c.blue)) <= tolerance;
}

struct found {
    double x, y; /* mean position */
    int left, right, top, bottom;
    size_t n;
};

static struct found find_colour(const struct image *m, struct ss_colour c, int tolerance)
{
    struct found f = {.left = m->width, .top = m->height, .right = -1, .bottom = -1};

    for (int y = 0; y < m->height; y++)
        for (int x = 0; x < m->width; x++)
            if (is_like(pixel(m, x, y), c, tolerance)) {
                f.n++;
                f.x += x + 0.5;
                f.y += y + 0.5;
                f.left = x < f.left ? x : f.left;
                f.right = x > f.right ? x : f.right;
                f.top = y < f.top ? y : f.top;
                f.bottom = y > f.bottom ? y : f.bottom;
            }
    f.x /= (double)f.n;
    f.y /= (double)f.n;
    return f;
}

/* The first panel's frame in pixels, from its long dark lines. */
static struct ss_box find_frame(const struct image *m)
{
    int x0 = -1, x1 = -1, y0 = -1, y1 = -1;

    for (int x = 0; x < m->width; x++) {
        int dark = 0;
        for (int y = 0; y < m->height; y++)
            dark += (pixel(m, x, y) & 255) < 150 && is_like(pixel(m, x, y), ss_palette_frame(), 70);
        if (dark > m->height / 2) {
            x1 = x;
            x0 = x0 < 0 ? x : x0;
        }
    }
    for (int y = 0; y < m->height; y++) {
        int dark = 0;
        for (int x = x0; x <= x1; x++)
            dark += is_like(pixel(m, x, y), ss_palette_frame(), 70);
        if (dark > (x1 - x0) / 2) {
            y1 = y;
            y0 = y0 < 0 ? y : y0;
        }
    }
    ck_assert(x0 >= 0 && x1 > x0 && y0 >= 0 && y1 > y0);
    return (struct ss_box){x0, y0, x1 - x0, y1 - y0};
}

/* ---- a small XML check ---- */

static const char *skip_name(const char *p)
{
    while (isalnum((unsigned char)*p) || strchr("-_:", *p))
        p++;
    return p;
}

static void check_references(const char *p, const char *end)
{
    static const char *const known[] = {"&lt;", "&gt;", "&amp;", "&quot;"};

    for (; p < end; p++) {
        bool good = *p != '&' && *p != '<' && ((unsigned char)*p >= 0x20 || *p == '\n');
        for (size_t i = 0; i < SS_COUNT(known); i++)
            good = good || strncmp(p, known[i], strlen(known[i])) == 0;
        ck_assert_msg(good, "bad character %d near %.40s", *p, p);
    }
}

static void check_xml(const char *p)
{
    const char *open[64];
    size_t length[64], depth = 0;

    do {
        const char *const text = p;
        p += strcspn(p, "<");
        check_references(text, p);
        if (!*p)
            break;
        const bool closes = p[1] == '/';
        const char *const name = p + 1 + closes, *end = skip_name(name);
        const size_t n = (size_t)(end - name);
        ck_assert_uint_gt(n, 0);
        while (isspace((unsigned char)*end)) {
            const char *const key = end + strspn(end, " \n"), *const equals = skip_name(key);
            ck_assert_msg(equals > key && equals[0] == '=' && equals[1] == '"', "bad attribute near %.40s",
                          key);
            const char *const quote = strchr(equals + 2, '"');
            ck_assert_ptr_nonnull(quote);
            check_references(equals + 2, quote);
            end = quote + 1;
        }
        if (closes) {
            ck_assert(depth > 0 && length[depth - 1] == n && strncmp(open[depth - 1], name, n) == 0);
            depth--;
        } else if (*end != '/') {
            ck_assert_uint_lt(depth, 64);
            open[depth] = name;
            length[depth++] = n;
        }
        end += *end == '/';
        ck_assert_int_eq(*end, '>');
        p = end + 1;
    } while (depth);
    ck_assert_uint_eq(depth, 0);
    ck_assert_uint_eq(strspn(p, "\n"), strlen(p));
}

/* Both files of a picture are there and sound; the image is the caller's to destroy. */
static struct image check_picture(const char *base)
{
    size_t size;
    char *const svg = read_all(base, "svg", &size);
    double width, height;
    const struct image m = open_png(base);

    check_xml(svg);
    ck_assert_int_eq(sscanf(strstr(svg, "width="), "width=\"%lf\" height=\"%lf\"", &width, &height), 2);
    ck_assert_int_eq(m.width, SS_CANVAS_SCALE * (int)width);
    ck_assert_int_eq(m.height, SS_CANVAS_SCALE * (int)height);
    free(svg);
    return m;
}

static void check_and_forget(const char *base)
{
    const struct image m = check_picture(base);

    cairo_surface_destroy(m.surface);
}

/* ---- ticks ---- */

struct tick_case {
    double low, high;
    size_t most;
    bool log;
    size_t n;
    double at[8];
    const char *label[8];
    int multiplier;
};

#define M SS_MINUS
#define POWER(e) "10" SS_RAISE e SS_LOWER

START_TEST(ticks_are_the_round_numbers_a_hand_would_choose)
{
    static const struct tick_case cases[] = {
        {0, 10, 5, false, 6, {0, 2, 4, 6, 8, 10}, {"0", "2", "4", "6", "8", "10"}, 0},
        {0, 1, 5, false, 6, {0, .2, .4, .6, .8, 1}, {"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}, 0},
        {-1.2, 1.2, 5, false, 5, {-1, -.5, 0, .5, 1}, {M "1.0", M "0.5", "0.0", "0.5", "1.0"}, 0},
        {0.3, 9.7, 4, false, 3, {2.5, 5, 7.5}, {"2.5", "5.0", "7.5"}, 0},
        {90, 110, 4, false, 5, {90, 95, 100, 105, 110}, {"90", "95", "100", "105", "110"}, 0},
        {0, 20000, 4, false, 5, {0, 5e3, 1e4, 1.5e4, 2e4}, {"0", "5000", "10000", "15000", "20000"}, 0},
        {0, 3e7, 3, false, 4, {0, 1e7, 2e7, 3e7}, {"0", "1", "2", "3"}, 7},
        {-2e-6, 2e-6, 4, false, 5, {-2e-6, -1e-6, 0, 1e-6, 2e-6}, {M "2", M "1", "0", "1", "2"}, -6},
        {1.25e-4, 4.75e-4, 4, false, 4, {1e-4 * 2, 1e-4 * 3, 1e-4 * 4}, {"2", "3", "4"}, -4},
        {0.9995, 1.0005, 2, false, 3, {.9995, 1, 1.0005}, {"0.9995", "1.0000", "1.0005"}, 0},
        {1, 100, 9, true, 7, {1, 2, 5, 10, 20, 50, 100}, {"1", "2", "5", "10", "20", "50", "100"}, 0},
        {1e-3, 1, 5, true, 4, {1e-3, 1e-2, .1, 1}, {"0.001", "0.01", "0.1", "1"}, 0},
        {1e-6,
         1e-3,
         5,
         true,
         4,
         {1e-6, 1e-5, 1e-4, 1e-3},
         {POWER(M "6"), POWER(M "5"), POWER(M "4"), POWER(M "3")},
         0},
        {1e-8, 1e8, 4, true, 4, {1e-5, 1, 1e5}, {POWER(M "5"), POWER("0"), POWER("5")}, 0},
        {2e-5,
         1.1e-4,
         6,
         true,
         3,
         {2e-5, 5e-5, 1e-4},
         {"2" SS_TIMES POWER(M "5"), "5" SS_TIMES POWER(M "5"), POWER(M "4")},
         0},
        {2, 3, 5, true, 6, {2, 2.2, 2.4, 2.6, 2.8, 3}, {"2.0", "2.2", "2.4", "2.6", "2.8", "3.0"}, 0},
    };

    for (size_t i = 0; i < SS_COUNT(cases); i++) {
        const struct tick_case *const k = &cases[i];
        struct ss_ticks t;
        size_t n = 0;
        if (k->log)
            ss_ticks_log(&t, (struct ss_range){k->low, k->high}, k->most);
        else
            ss_ticks_linear(&t, (struct ss_range){k->low, k->high}, k->most);
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

static uint64_t state = 0x9e3779b97f4a7c15u;

static uint64_t next_bits(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static double uniform(void)
{
    return (double)(next_bits() >> 11) * 0x1p-53;
}

static double normal(void)
{
    return sqrt(-2 * log(uniform() + 1e-300)) * cos(6.283185307179586 * uniform());
}

static double any_double(void)
{
    static const double special[] = {0,       -0.0,     1,   -1,      1e-300,         1e300,    -1e300,
                                     DBL_MAX, -DBL_MAX, NAN, DBL_MIN, 4.9406565e-324, INFINITY, -INFINITY};
    const uint64_t kind = next_bits() % 4;
    double x;

    if (kind == 0)
        return special[next_bits() % SS_COUNT(special)];
    if (kind == 1) { /* any bits at all */
        const uint64_t bits = next_bits();
        memcpy(&x, &bits, sizeof(x));
        return x;
    }
    x = pow(10, 600 * uniform() - 300) * (1 + uniform());
    return next_bits() % 2 ? x : -x;
}

static void check_ticks(const struct ss_ticks *t, struct ss_range r)
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
    for (int i = 0; i < 100000; i++) {
        struct ss_range asked = {any_double(), any_double()}, r;
        struct ss_ticks t;
        const size_t most = next_bits() % 40;
        if (i % 5 == 0) /* equal, or nearly */
            asked.high = asked.low * (1 + (double)(next_bits() % 3) * 1e-15);
        r = asked;
        ss_range_settle(&r, false);
        ck_assert_msg(isfinite(r.low) && isfinite(r.high - r.low) && r.low < r.high, "%g %g", asked.low,
                      asked.high);
        ss_ticks_linear(&t, asked, most);
        ss_ticks_linear(&t, r, most);
        check_ticks(&t, r);
        ss_range_pad(&r, false, 0.04);
        ck_assert(isfinite(r.low) && isfinite(r.high) && r.low < r.high);
        r = asked;
        ss_range_settle(&r, true);
        ck_assert_msg(r.low > 0 && isfinite(r.high) && r.low < r.high, "%g %g", asked.low, asked.high);
        ss_ticks_log(&t, r, most);
        if (t.n) /* short of a round number a log axis may have none */
            check_ticks(&t, r);
        ss_range_pad(&r, true, 0.04);
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
    struct ss_range r = ss_range_robust(x, 1000, 1, 0.005);
    ck_assert(r.low == 0 && r.high == (double)x[999]);
    r = ss_range_robust(x, 5, 1, 0.005); /* too few to call one wild */
    ck_assert(r.high == (double)1e30f);
    r = ss_range_robust(x + 4, 2, 1, 0.005);
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
    float x[3000];
    struct ss_histogram h;
    double area = 0;

    for (size_t i = 0; i < 3000; i++)
        x[i] = (float)normal();
    x[0] = NAN;
    x[1] = 1e9f;
    ss_histogram_fill(&h, x, 3000, 1, (struct ss_range){-6, 6}, SS_BINS);
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

/* ---- line charts ---- */

START_TEST(a_point_of_a_chart_is_where_its_axes_say)
{
    const double x = 7, y = 2.5;
    const struct ss_line_series s = {.x = &x, .y = &y, .n = 1, .style = SS_LINE_POINTS};
    const char *const path = in_folder("point");

    ck_assert_int_eq(ss_picture_lines(path, &(struct ss_line_chart){.title = "one",
                                                                    .x_label = "x",
                                                                    .y_label = "y",
                                                                    .series = &s,
                                                                    .n_series = 1,
                                                                    .x_range = {0, 10},
                                                                    .y_range = {0, 10}}),
                     SS_OK);
    const struct image m = check_picture(path);
    ck_assert_int_eq(m.width, 880);
    ck_assert_int_eq(m.height, 560);
    const struct ss_box f = find_frame(&m);
    const struct found dot = find_colour(&m, ss_palette_colour(0), 8);
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
    const char *const path = in_folder("broken");
    size_t stretches = 0;

    ck_assert_int_eq(ss_picture_lines(path, &(struct ss_line_chart){.series = &s, .n_series = 1}), SS_OK);
    const struct image m = check_picture(path);
    const struct found line = find_colour(&m, ss_palette_colour(0), 8);
    const int row = (int)line.y;
    for (int x = 1; x < m.width; x++)
        stretches += is_like(pixel(&m, x, row), ss_palette_colour(0), 40) &&
                     !is_like(pixel(&m, x - 1, row), ss_palette_colour(0), 40);
    ck_assert_uint_eq(stretches, 3);
    cairo_surface_destroy(m.surface);
}
END_TEST

START_TEST(many_points_make_a_small_file_that_keeps_its_spikes)
{
    enum { N = 200000 };
    double *const y = malloc(N * sizeof(*y));
    struct ss_line_series s = {.name = "noise", .y = y, .n = N, .low = y, .high = y};
    const char *const path = in_folder("many");
    size_t size;

    for (size_t i = 0; i < N; i++)
        y[i] = uniform();
    y[123457] = 10;
    ck_assert_int_eq(ss_picture_lines(path, &(struct ss_line_chart){.series = &s, .n_series = 1}), SS_OK);
    free(read_all(path, "svg", &size));
    ck_assert_uint_lt(size, 150000);
    const struct image m = check_picture(path);
    const struct ss_box f = find_frame(&m);
    const struct found line = find_colour(&m, ss_palette_colour(0), 60);
    ck_assert_double_lt(line.top, f.y + 0.06 * f.height); /* 4 % of padding above it */
    int x = 0;
    while (!is_like(pixel(&m, x, line.top), ss_palette_colour(0), 60))
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
    const char *const path = in_folder("escaped");
    size_t size;

    ck_assert_int_eq(
        ss_picture_lines(path, &(struct ss_line_chart){.title = "title with <&>",
                                                       .x_label = "x\x01]]>\x7f\x0b\xff\xed\xa0\x80",
                                                       .y_label = "\xc3\xa9t\xc3\xa9 (\xc2\xb5s)",
                                                       .series = s,
                                                       .n_series = 2}),
        SS_OK);
    char *const svg = read_all(path, "svg", &size);
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
    float points[200];
    double values[16];
    float arrows[200];

    state = 7;
    for (size_t i = 0; i < 200; i++) {
        points[i] = (float)normal();
        arrows[i] = (float)normal();
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

    draw_sample(in_folder("one"));
    draw_sample(in_folder("two"));
    for (size_t i = 0; i < 2; i++) {
        size_t n, m;
        char *const a = read_all(in_folder("one"), extensions[i], &n), *const b = read_all(in_folder("two"),
                                                                                           extensions[i], &m);
        ck_assert_uint_eq(n, m);
        ck_assert(memcmp(a, b, n) == 0);
        free(a);
        free(b);
    }
}
END_TEST

/* ---- the plane ---- */

START_TEST(the_largest_value_of_a_map_is_where_it_belongs)
{
    enum { NX = 61, NY = 41 };
    double values[NX * NY];
    struct ss_colour_map map;
    const char *const path = in_folder("map");

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
    const struct image m = check_picture(path);
    const struct found dark = find_colour(&m, colour_of(map.rgb[0]), 4);
    double best = -1, best_x = 0, best_y = 0;
    size_t n = 0;
    for (int y = 0; y < m.height; y++) /* up to where the bar begins */
        for (int x = 0; x < dark.right - 30 * SS_CANVAS_SCALE; x++) {
            const unsigned p = pixel(&m, x, y);
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
    const struct ss_box f = find_frame(&m);
    ck_assert(is_like(pixel(&m, (int)f.x + 4, (int)(f.y + f.height) - 4), colour_of(map.rgb[0]), 4));
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
    const double flat[4] = {0};
    struct ss_plane_panel p = {.values = flat, .nx = 2, .ny = 2, .x_range = {0, 4}, .y_range = {0, 4}};
    size_t size;

    p.points = wild;
    p.n_points = 3;
    ck_assert_int_eq(ss_picture_plane(in_folder("point"), &p, 1), SS_OK);
    struct image m = check_picture(in_folder("point"));
    struct ss_box f = find_frame(&m);
    struct found blue = find_colour(&m, ss_palette_colour(0), 60);
    ck_assert_double_eq_tol(f.width, f.height, 1.0); /* one scale on both axes */
    ck_assert_double_eq_tol(blue.x, f.x + 0.5 + 0.25 * f.width, 1.5);
    ck_assert_double_eq_tol(blue.y, f.y + 0.5 + 0.25 * f.height, 1.5);
    cairo_surface_destroy(m.surface);
    char *const svg = read_all(in_folder("point"), "svg", &size);
    ck_assert_ptr_nonnull(strstr(svg, "3 points: 1 outside, 1 not finite"));
    free(svg);

    p.points = NULL;
    p.arrow_at = at;
    p.arrow = up;
    p.n_arrows = 1;
    p.arrow_label = "score";
    ck_assert_int_eq(ss_picture_plane(in_folder("arrow"), &p, 1), SS_OK);
    m = check_picture(in_folder("arrow"));
    f = find_frame(&m);
    blue = find_colour(&m, ss_palette_colour(0), 75);
    ck_assert_double_eq_tol(0.5 * (blue.left + blue.right + 1), f.x + 0.5 + 0.25 * f.width, 1.5);
    ck_assert_double_eq_tol(0.5 * (blue.top + blue.bottom + 1), f.y + 0.5 + 0.25 * f.height, 2);
    ck_assert_int_gt(blue.bottom - blue.top, 40);
    ck_assert_double_lt(blue.y, 0.5 * (blue.top + blue.bottom)); /* its head is at the top */
    cairo_surface_destroy(m.surface);
}
END_TEST

START_TEST(ten_thousand_points_become_an_image_at_the_same_place)
{
    enum { N = 10000 };
    float *const p = malloc(2 * N * sizeof(*p));
    const double flat[4] = {0};
    struct ss_plane_panel panel = {.values = flat, .nx = 2, .ny = 2, .x_range = {-4, 4}, .y_range = {-4, 4}};
    size_t size;

    for (size_t i = 0; i < N; i++) { /* all in the quarter right above */
        p[2 * i] = (float)(2 + 0.1 * normal());
        p[2 * i + 1] = (float)(2 + 0.1 * normal());
    }
    panel.points = p;
    panel.n_points = N;
    ck_assert_int_eq(ss_picture_plane(in_folder("many"), &panel, 1), SS_OK);
    free(read_all(in_folder("many"), "svg", &size));
    ck_assert_uint_lt(size, 200000);
    const struct image m = check_picture(in_folder("many"));
    const struct ss_box f = find_frame(&m);
    const struct found blue = find_colour(&m, ss_palette_colour(0), 40);
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
    const char *const path = in_folder("images");

    ck_assert_int_eq(ss_picture_images(path, v, 2, 2, 2, 2, 0, 1), SS_OK);
    const struct image m = check_picture(path);
    /* margin 6, images of 2 * 8 points, gap 2 */
    ck_assert_int_eq(m.width, 2 * (6 + 16 + 2 + 16 + 6));
    ck_assert_int_eq(m.height, 2 * (6 + 16 + 6));
    static const struct {
        int x, y;
        unsigned rgb;
    } probes[] = {{10, 10, 0x000000}, {18, 10, 0xffffff}, {10, 18, 0x808080}, {18, 18, 0xd55e00},
                  {23, 10, 0xffffff}, {28, 10, 0xffffff}, {28, 18, 0x000000}, {36, 18, 0xffffff}};
    for (size_t i = 0; i < SS_COUNT(probes); i++)
        ck_assert_uint_eq(pixel(&m, 2 * probes[i].x, 2 * probes[i].y), probes[i].rgb);
    cairo_surface_destroy(m.surface);
}
END_TEST

START_TEST(more_images_than_a_page_holds_are_counted)
{
    float *const v = calloc(60000 * 16, sizeof(*v));
    size_t size;

    ck_assert_int_eq(ss_picture_images(in_folder("all"), v, 60000, 4, 4, 300, 0, 1), SS_OK);
    char *const svg = read_all(in_folder("all"), "svg", &size);
    ck_assert_ptr_nonnull(strstr(svg, "first 2500 of 60000 images"));
    free(svg);
    ck_assert_int_eq(ss_picture_images(in_folder("wide"), v, 1, 2, 40000, 0, 0, 1), SS_OK);
    check_and_forget(in_folder("wide"));
    ck_assert_int_eq(ss_picture_images(in_folder("over"), v, 1u << 31, 1u << 31, 1u << 31, 0, 0, 1),
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
        for (int style = SS_LINE; style <= SS_LINE_MARKED; style++) {
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
                        in_folder("l"),
                        &(struct ss_line_chart){
                            .title = "", .log_x = log, .log_y = log, .series = s, .n_series = n ? 2 : 0}),
                    SS_OK);
                check_and_forget(in_folder("l"));
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
            ck_assert_int_eq(ss_picture_plane(in_folder("p"), panels + k, 1), SS_OK);
            check_and_forget(in_folder("p"));
        }
        ck_assert_int_eq(ss_picture_plane(in_folder("p"), panels, 4), SS_OK);
        ck_assert_int_eq(ss_picture_histogram(in_folder("h"), f, n, d, d + 1, n, NULL), SS_OK);
        check_and_forget(in_folder("h"));
        for (size_t columns = 0; columns < 5; columns++) {
            const struct ss_point_set sets[] = {{"a", f, n}, {"b", f + 7, n / 2}};
            ck_assert_int_eq(ss_picture_set_pairs(in_folder("s"), sets, 2, columns, NULL), SS_OK);
            check_and_forget(in_folder("s"));
        }
        ck_assert_int_eq(ss_picture_images(in_folder("i"), f, n, 2, 2, 3, d[0], d[1]), SS_OK);
        check_and_forget(in_folder("i"));
    }
}
END_TEST

START_TEST(pairs_show_eight_columns_and_say_so)
{
    float v[20 * 11];
    size_t size;

    for (size_t i = 0; i < SS_COUNT(v); i++)
        v[i] = (float)normal();
    ck_assert_int_eq(ss_picture_scatter_pairs(in_folder("pairs"), v, 20, 11, NULL), SS_OK);
    char *const svg = read_all(in_folder("pairs"), "svg", &size);
    ck_assert_ptr_nonnull(strstr(svg, "first 8 of 11 columns"));
    ck_assert_ptr_nonnull(strstr(svg, ">x8</text>"));
    ck_assert_ptr_null(strstr(svg, ">x9</text>"));
    free(svg);
    ck_assert_int_eq(ss_picture_set_pairs(in_folder("none"), NULL, 0, 3, NULL), SS_OK);
    check_and_forget(in_folder("none"));
}
END_TEST

/* ---- errors ---- */

static void keep_text(void *context, enum ss_level level, const char *text)
{
    (void)level;
    snprintf(context, 512, "%s", text);
}

START_TEST(a_picture_that_cannot_be_written_names_its_path)
{
    const float v[] = {1, 2};
    char said[512] = "";

    ss_sink_set(keep_text, said);
    const char *const path = in_folder("missing/picture");
    ck_assert_int_eq(ss_picture_scatter_pairs(path, v, 2, 1, NULL), SS_ERR_FILE);
    ck_assert_ptr_nonnull(strstr(said, path));
    ck_assert_int_eq(ss_picture_plane(path, NULL, 0), SS_ERR_FILE);
    ck_assert_int_eq(ss_picture_lines(path, &(struct ss_line_chart){0}), SS_ERR_FILE);
    ck_assert_int_eq(ss_picture_images(path, v, 1, 1, 2, 0, 0, 1), SS_ERR_FILE);
    /* A folder in the place of the second file: the first is there, nothing half written is left. */
    ck_assert_int_eq(ss_folder_create(in_folder("x.svg/y")), SS_OK);
    ck_assert_int_eq(ss_picture_plane(in_folder("x"), NULL, 0), SS_ERR_FILE);
    ck_assert_ptr_nonnull(strstr(said, "x.svg"));
    ss_sink_set(NULL, NULL);
    char command[128];
    snprintf(command, sizeof(command), "test -z \"$(find '%s' -name '*tmp*')\"", folder);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(a_machine_without_fonts_still_gets_its_pictures)
{
    static const char config[] =
        "<?xml version=\"1.0\"?><!DOCTYPE fontconfig SYSTEM \"fonts.dtd\"><fontconfig></fontconfig>";

    ck_assert_int_eq(ss_file_write(in_folder("fonts.conf"), config, sizeof(config) - 1), SS_OK);
    setenv("FONTCONFIG_FILE", in_folder("fonts.conf"), 1);
    const double y[] = {-1, 2, 3e7};
    const struct ss_line_series s[] = {{.name = "a", .y = y, .n = 3}, {.name = "\xc3\xa9", .y = y, .n = 3}};
    ck_assert_int_eq(
        ss_picture_lines(in_folder("plain"),
                         &(struct ss_line_chart){.title = "a title", .series = s, .n_series = 2}),
        SS_OK);
    const struct image m = check_picture(in_folder("plain"));
    const struct found ink = find_colour(&m, ss_palette_ink(), 60);
    ck_assert_uint_gt(ink.n, 50); /* the letters */
    cairo_surface_destroy(m.surface);
}
END_TEST

static Suite *report_suite(void)
{
    Suite *const s = suite_create("report");
    TCase *const t = tcase_create("report");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, make_folder, remove_folder);
    tcase_add_test(t, ticks_are_the_round_numbers_a_hand_would_choose);
    tcase_add_test(t, ticks_of_any_two_doubles_are_few_ordered_and_told_apart);
    tcase_add_test(t, numbers_read_as_people_write_them);
    tcase_add_test(t, wild_values_do_not_set_the_view);
    tcase_add_test(t, maps_rise_in_lightness_and_categories_differ);
    tcase_add_test(t, contours_lie_on_their_level);
    tcase_add_test(t, saddles_join_the_corners_that_the_middle_agrees_with);
    tcase_add_test(t, histograms_have_area_one);
    tcase_add_test(t, legends_find_the_free_corner_or_none);
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
    SRunner *const r = srunner_create(report_suite());

    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
