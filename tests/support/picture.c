#include "tests/support/picture.h"

#include <check.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tests/support/scratch.h"

char *picture_bytes(const char *base, const char *extension, size_t *size)
{
    char path[160], *data = NULL;

    snprintf(path, sizeof(path), "%s.%s", base, extension);
    ck_assert_int_eq(ss_file_read(path, 1u << 26, &data, size), SS_OK);
    return data;
}

/* ---- pixels ---- */

struct picture picture_open(const char *base)
{
    char path[160];

    snprintf(path, sizeof(path), "%s.png", base);
    struct picture m = {.surface = cairo_image_surface_create_from_png(path)};
    ck_assert_int_eq(cairo_surface_status(m.surface), CAIRO_STATUS_SUCCESS);
    m.width = cairo_image_surface_get_width(m.surface);
    m.height = cairo_image_surface_get_height(m.surface);
    return m;
}

unsigned picture_pixel(const struct picture *m, int x, int y)
{
    uint32_t p;

    if (x < 0 || y < 0 || x >= m->width ||
        y >= m->height) /* an assertion for every pixel would take seconds */
        ck_abort_msg("no pixel at %d %d", x, y);
    memcpy(&p,
           cairo_image_surface_get_data(m->surface) + y * cairo_image_surface_get_stride(m->surface) + 4 * x,
           4);
    return p & 0xffffffu;
}

bool colour_is_like(unsigned p, struct ss_colour c, int tolerance)
{
    return abs((int)(p >> 16 & 255) - (int)lround(255 * c.red)) <= tolerance &&
           abs((int)(p >> 8 & 255) - (int)lround(255 * c.green)) <= tolerance &&
           abs((int)(p & 255) - (int)lround(255 * c.blue)) <= tolerance;
}

struct picture_found picture_find(const struct picture *m, struct ss_colour c, int tolerance)
{
    struct picture_found f = {.left = m->width, .top = m->height, .right = -1, .bottom = -1};

    for (int y = 0; y < m->height; y++)
        for (int x = 0; x < m->width; x++)
            if (colour_is_like(picture_pixel(m, x, y), c, tolerance)) {
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
struct ss_box picture_frame(const struct picture *m)
{
    int x0 = -1, x1 = -1, y0 = -1, y1 = -1;

    for (int x = 0; x < m->width; x++) {
        int dark = 0;
        for (int y = 0; y < m->height; y++)
            dark += (picture_pixel(m, x, y) & 255) < 150 &&
                    colour_is_like(picture_pixel(m, x, y), ss_palette_frame(), 70);
        if (dark > m->height / 2) {
            x1 = x;
            x0 = x0 < 0 ? x : x0;
        }
    }
    for (int y = 0; y < m->height; y++) {
        int dark = 0;
        for (int x = x0; x <= x1; x++)
            dark += colour_is_like(picture_pixel(m, x, y), ss_palette_frame(), 70);
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
        if (!good)
            ck_abort_msg("bad character %d near %.40s", *p, p);
    }
}

void check_xml(const char *p)
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
struct picture picture_check(const char *base)
{
    size_t size;
    char *const svg = picture_bytes(base, "svg", &size);
    double width, height;
    const struct picture m = picture_open(base);

    check_xml(svg);
    ck_assert_int_eq(sscanf(strstr(svg, "width="), "width=\"%lf\" height=\"%lf\"", &width, &height), 2);
    ck_assert_int_eq(m.width, SS_CANVAS_SCALE * (int)width);
    ck_assert_int_eq(m.height, SS_CANVAS_SCALE * (int)height);
    free(svg);
    return m;
}

void picture_check_only(const char *base)
{
    const struct picture m = picture_check(base);

    cairo_surface_destroy(m.surface);
}

double draw_uniform(uint64_t *state)
{
    return (double)(scratch_random(state) >> 11) * 0x1p-53;
}

double draw_normal(uint64_t *state)
{
    const double radius = sqrt(-2 * log(draw_uniform(state) + 1e-300));

    return radius * cos(6.283185307179586 * draw_uniform(state));
}
