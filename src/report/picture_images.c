#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "report/axes.h"
#include "report/picture.h"

enum {
    MOST_POINTS = 1600,
    USUAL_POINTS = 480
};                           /* a side of the grid: at most, and what small images are enlarged to */
enum { MOST_IMAGES = 2500 }; /* more are dust, and each is a part of its own in the SVG */
static const double margin = 6, gap = 2, note_row = 14;

struct grid {
    const float *values;
    size_t n, height, width, columns, rows; /* n: shown */
    double low, high;
    double zoom; /* points a pixel */
};

static size_t about_square(size_t n, size_t height, size_t width)
{
    const double columns = ceil(sqrt((double)n * (double)height / (double)width));

    return columns < 1 ? 1 : columns > (double)n ? n : (size_t)columns;
}

/* Columns and rows that fit on the sheet, and how much an image can be enlarged: by halves of a point, that
 * is by whole pixels, so that no pixel of an image is wider than another. */
static void lay_out(struct grid *g, size_t columns)
{
    const double least = 0.5;
    const double most_columns = floor(MOST_POINTS / (least * (double)g->width + gap));
    const double most_rows = floor(MOST_POINTS / (least * (double)g->height + gap));

    if (g->n > MOST_IMAGES)
        g->n = MOST_IMAGES;
    g->columns = columns ? columns : about_square(g->n, g->height, g->width);
    if (g->columns > g->n)
        g->columns = g->n;
    if ((double)g->columns > most_columns)
        g->columns = most_columns < 1 ? 1 : (size_t)most_columns;
    g->rows = (g->n - 1) / g->columns + 1;
    if ((double)g->rows > most_rows)
        g->rows = most_rows < 1 ? 1 : (size_t)most_rows;
    if (g->n > g->columns * g->rows)
        g->n = g->columns * g->rows;
    const double fits = fmin((USUAL_POINTS - gap * (double)g->columns) / (double)(g->columns * g->width),
                             (USUAL_POINTS - gap * (double)g->rows) / (double)(g->rows * g->height));
    g->zoom = fmin(fmax(floor(2 * fits) / 2, least), 8);
    /* A single image larger than the sheet is reduced. */
    g->zoom = fmin(g->zoom, fmin(MOST_POINTS / (double)g->width, MOST_POINTS / (double)g->height));
}

static void find_levels(struct grid *g, double low, double high)
{
    struct ss_interval r = ss_interval_none();

    if (low < high && isfinite(low) && isfinite(high)) {
        g->low = low;
        g->high = high;
        return;
    }
    for (size_t i = 0; i < g->n * g->height * g->width; i++)
        ss_interval_take(&r, (double)g->values[i], false);
    ss_interval_settle(&r, false);
    g->low = r.low;
    g->high = r.high;
}

static void fill_image(const struct grid *g, size_t k, uint32_t *argb)
{
    const float *const v = g->values + k * g->height * g->width;

    for (size_t i = 0; i < g->height * g->width; i++) {
        const double t = ((double)v[i] - g->low) / (g->high - g->low);
        const uint32_t grey = isfinite(v[i]) ? (uint32_t)lround(255 * fmin(fmax(t, 0), 1)) : 0;
        argb[i] = isfinite(v[i]) ? 0xff000000u | grey << 16 | grey << 8 | grey : 0xffd55e00u;
    }
}

static enum ss_status draw_grid(struct ss_canvas *c, const struct grid *g)
{
    uint32_t *argb = NULL;
    const double width = g->zoom * (double)g->width, height = g->zoom * (double)g->height;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(g->height * g->width, &argb));
    for (size_t k = 0; k < g->n; k++) {
        const struct ss_box at = {margin + (double)(k % g->columns) * (width + gap),
                                  margin + (double)(k / g->columns) * (height + gap), width, height};
        fill_image(g, k, argb);
        ss_canvas_image(c, &at, &(struct ss_pixels){g->width, g->height, argb, g->zoom >= 0.5});
    }
out:
    free(argb);
    return st;
}

enum ss_status ss_picture_images(const char *path, const float *values, size_t n, size_t height, size_t width,
                                 size_t columns, double low, double high)
{
    struct grid g = {.values = values, .n = n, .height = height, .width = width};
    struct ss_canvas *c = NULL;
    char note[80] = "";
    size_t size = 0;
    enum ss_status st = SS_OK;

    if (!ss_multiply(height, width, &size) || !ss_multiply(size, n, &size))
        return SS_FAIL(SS_ERR_MEMORY, "%s: %zu images of %zu x %zu are too many", path, n, height, width);
    if (!size || !values) {
        g.n = 0;
        snprintf(note, sizeof(note), "no images");
    }
    TRY(ss_canvas_create(&c));
    if (g.n) {
        lay_out(&g, columns);
        find_levels(&g, low, high);
    }
    if (g.n && g.n < n)
        snprintf(note, sizeof(note), "first %zu of %zu images", g.n, n);
    const double wide = g.n ? (double)g.columns * (g.zoom * (double)width + gap) - gap : 100;
    const double tall = g.n ? (double)g.rows * (g.zoom * (double)height + gap) - gap : 40;
    ss_canvas_begin(c, fmax(wide, note[0] ? 120 : 0) + 2 * margin,
                    tall + 2 * margin + (note[0] ? note_row : 0));
    if (g.n)
        TRY(draw_grid(c, &g));
    if (note[0]) {
        const struct ss_text_style style = ss_text_plain(8);
        ss_canvas_text_within(c, (struct ss_xy){0.5 * ss_canvas_width(c), tall + margin + 0.5 * note_row + 2},
                              note, &style, ss_canvas_width(c) - 4);
    }
    TRY(ss_canvas_write(c, path, "images"));
out:
    ss_canvas_free(c);
    return st;
}
