#include "report/legend.h"

#include <math.h>
#include <stdlib.h>

#include "base/checked.h"

static const double size = 8.5, row = 12.0, sample = 22.0, pad = 5.0, gap = 5.0;

static struct ss_text_style style(void)
{
    struct ss_text_style s = ss_text_plain(size);

    s.across = SS_ALIGN_START;
    return s;
}

struct ss_xy ss_legend_size(struct ss_canvas *c, const struct ss_legend_entry *e, size_t n, double most)
{
    const struct ss_text_style s = style();
    double widest = 0;

    for (size_t i = 0; i < n; i++)
        widest = fmax(widest, ss_canvas_text_length(c, e[i].name, &s));
    return (struct ss_xy){pad + sample + gap + fmin(widest, most) + pad, (double)n * row + pad};
}

void ss_legend_draw(struct ss_canvas *c, const struct ss_legend_entry *e, size_t n, double most,
                    struct ss_xy at)
{
    const struct ss_text_style s = style();
    const struct ss_xy total = ss_legend_size(c, e, n, most);
    const struct ss_box all = {at.x, at.y, total.x, total.y};

    ss_canvas_fill_box(c, &all, ss_colour_fade(ss_palette_white(), 0.85));
    for (size_t i = 0; i < n; i++) {
        const double y = at.y + 0.5 * pad + ((double)i + 0.5) * row, x = at.x + pad;
        const struct ss_xy ends[2] = {{x, y}, {x + sample, y}};
        const struct ss_xy middle = {x + 0.5 * sample, y};
        const struct ss_box band = {x, y - 3.5, sample, 7};
        if (e[i].band > 0)
            ss_canvas_fill_box(c, &band, ss_colour_fade(e[i].pen.colour, e[i].band));
        if (e[i].pen.width > 0)
            ss_canvas_line(c, ends, 2, &e[i].pen);
        if (e[i].has_marker)
            ss_canvas_points(c, &all, &middle, 1, &e[i].marker);
        ss_canvas_text_within(c, (struct ss_xy){x + sample + gap, y}, e[i].name, &s, most);
    }
}

static const double cell = 3.0;

enum ss_status ss_cover_init(struct ss_cover *v, const struct ss_box *frame)
{
    *v = (struct ss_cover){.frame = *frame,
                           .columns = (size_t)(frame->width / cell) + 1,
                           .rows = (size_t)(frame->height / cell) + 1};
    return ss_allocate(v->columns * v->rows, &v->taken);
}

void ss_cover_release(struct ss_cover *v)
{
    free(v->taken);
    *v = (struct ss_cover){0};
}

static void take(struct ss_cover *v, double x, double y)
{
    const double column = floor((x - v->frame.x) / cell), line = floor((y - v->frame.y) / cell);

    if (column >= 0 && line >= 0 && column < (double)v->columns && line < (double)v->rows)
        v->taken[(size_t)line * v->columns + (size_t)column] = 1;
}

void ss_cover_line(struct ss_cover *v, const struct ss_xy *p, size_t n)
{
    const double most = 4096; /* steps along one segment: it may leave the frame far behind */

    for (size_t i = 0; i < n; i++) {
        const struct ss_xy from = p[i ? i - 1 : 0], to = p[i];
        const double steps = fmin(ceil(hypot(to.x - from.x, to.y - from.y) / cell) + 1, most);
        for (double k = 1; k <= steps; k += 1)
            take(v, from.x + (to.x - from.x) * k / steps, from.y + (to.y - from.y) * k / steps);
    }
}

void ss_cover_box(struct ss_cover *v, const struct ss_box *b)
{
    const double x0 = fmax(b->x, v->frame.x), x1 = fmin(b->x + b->width, v->frame.x + v->frame.width);
    const double y0 = fmax(b->y, v->frame.y), y1 = fmin(b->y + b->height, v->frame.y + v->frame.height);

    for (double y = y0; y < y1 + cell; y += cell)
        for (double x = x0; x < x1 + cell; x += cell)
            take(v, fmin(x, x1), fmin(y, y1));
}

static bool is_free(const struct ss_cover *v, struct ss_xy at, struct ss_xy extent)
{
    const double x0 = floor((at.x - v->frame.x) / cell), x1 = floor((at.x + extent.x - v->frame.x) / cell);
    const double y0 = floor((at.y - v->frame.y) / cell), y1 = floor((at.y + extent.y - v->frame.y) / cell);

    for (double y = fmax(y0, 0); y <= y1 && y < (double)v->rows; y += 1)
        for (double x = fmax(x0, 0); x <= x1 && x < (double)v->columns; x += 1)
            if (v->taken[(size_t)y * v->columns + (size_t)x])
                return false;
    return true;
}

bool ss_cover_place(const struct ss_cover *v, struct ss_xy extent, struct ss_xy *at)
{
    /* Right and top first, as readers expect; then anywhere along the edges. */
    static const struct ss_xy places[] = {{1, 0},   {0, 0},   {1, 1},   {0, 1},   {.5, 0},
                                          {.5, 1},  {1, .5},  {0, .5},  {.75, 0}, {.25, 0},
                                          {.75, 1}, {.25, 1}, {1, .25}, {1, .75}, {.5, .5}};
    const double inset = 4.0;
    const double room_x = v->frame.width - extent.x - 2 * inset,
                 room_y = v->frame.height - extent.y - 2 * inset;

    for (size_t i = 0; i < SS_COUNT(places) && room_x >= 0 && room_y >= 0; i++) {
        const struct ss_xy candidate = {v->frame.x + inset + places[i].x * room_x,
                                        v->frame.y + inset + places[i].y * room_y};
        if (is_free(v, candidate, extent)) {
            *at = candidate;
            return true;
        }
    }
    return false;
}
