#include "report/picture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "report/axes.h"
#include "report/plane_parts.h"

enum { MOST_COLUMNS = 4 };
static const double margin = 6, between = 10, note_size = 7.5, note_row = 12;

/* One panel on its way to the sheet. */
struct plate {
    const struct ss_plane_panel *panel;
    struct ss_axes axes;
    struct ss_colour_map map;
    struct ss_interval values; /* range of the colours */
    struct ss_arrow_scale arrows;
    char note[120]; /* about points that are not shown; empty: none */
    struct ss_margins room;
    double bar; /* width of the colour bar */
};

struct sheet {
    struct plate *plates;
    size_t n, columns, rows;
    struct ss_interval x, y;
    double width, height; /* of a frame */
};

static bool has_ranges(const struct ss_plane_panel *p)
{
    return p->x_range.low < p->x_range.high && p->y_range.low < p->y_range.high;
}

static bool has_grid(const struct ss_plane_panel *p)
{
    return p->values && p->nx && p->ny && has_ranges(p);
}

static void join(struct ss_interval *a, struct ss_interval b)
{
    ss_interval_take(a, b.low, false);
    ss_interval_take(a, b.high, false);
}

/* What all panels show. */
static void find_view(struct sheet *s)
{
    const double quantile = 0.005;
    struct ss_interval grid[2] = {ss_interval_none(), ss_interval_none()}, arrows[2] = {grid[0], grid[1]};
    struct ss_interval points[2] = {grid[0], grid[1]};

    for (size_t i = 0; i < s->n; i++) {
        const struct ss_plane_panel *const p = s->plates[i].panel;
        if (has_ranges(p)) {
            join(&grid[0], p->x_range);
            join(&grid[1], p->y_range);
        }
        for (size_t k = 0; p->arrow_at && p->arrow && k < p->n_arrows; k++) {
            ss_interval_take(&arrows[0], (double)p->arrow_at[2 * k], false);
            ss_interval_take(&arrows[1], (double)p->arrow_at[2 * k + 1], false);
        }
        for (size_t k = 0; p->points && p->n_points && k < 2; k++)
            join(&points[k], ss_interval_robust(p->points + k, p->n_points, 2, quantile));
    }
    for (size_t k = 0; k < 2; k++) {
        struct ss_interval r = grid[k].low <= grid[k].high       ? grid[k]
                               : arrows[k].low <= arrows[k].high ? arrows[k]
                                                                 : points[k];
        ss_interval_settle(&r, false);
        if (grid[k].low > grid[k].high)
            ss_interval_pad(&r, false, 0.05);
        *(k ? &s->y : &s->x) = r;
    }
}

static void find_frame(struct sheet *s)
{
    const double side = s->n < 4 ? 190 : 165;
    const double ratio = (s->y.high - s->y.low) / (s->x.high - s->x.low);

    s->width = s->height = side;
    if (ratio >= 1 && ratio <= 3)
        s->width = round(fmax(side / ratio, 90));
    else if (ratio < 1 && ratio >= 1.0 / 3)
        s->height = round(fmax(side * ratio, 90));
}

static void count_hidden(const struct sheet *s, struct plate *t)
{
    const struct ss_plane_panel *const p = t->panel;
    size_t outside = 0, missing = 0;

    for (size_t i = 0; p->points && i < p->n_points; i++) {
        const double x = (double)p->points[2 * i], y = (double)p->points[2 * i + 1];
        if (!isfinite(x) || !isfinite(y))
            missing++;
        else if (x < s->x.low || x > s->x.high || y < s->y.low || y > s->y.high)
            outside++;
    }
    ss_hidden_note(t->note, sizeof(t->note), "points",
                   (const size_t[]){p->points ? p->n_points : 0, outside, missing});
}

static void find_values(struct plate *t)
{
    const struct ss_plane_panel *const p = t->panel;

    t->values = ss_interval_none();
    if (p->value_range.low < p->value_range.high)
        t->values = p->value_range;
    else
        for (size_t i = 0; i < p->nx * p->ny; i++)
            ss_interval_take(&t->values, p->values[i], false);
    ss_interval_settle(&t->values, false);
    if (p->diverging) {
        const double most = fmax(fabs(t->values.low), fabs(t->values.high));
        t->values = (struct ss_interval){-most, most};
    }
    ss_colour_map_init(&t->map, p->diverging ? SS_MAP_DIVERGING : SS_MAP_SEQUENTIAL);
}

static struct ss_colour_bar bar_of(const struct plate *t)
{
    return (struct ss_colour_bar){.map = &t->map, .label = t->panel->value_label, .range = t->values};
}

static void measure_plate(struct ss_canvas *c, const struct sheet *s, size_t i)
{
    struct plate *const t = &s->plates[i];
    const bool first = i % s->columns == 0;

    t->axes = (struct ss_axes){.title = t->panel->title};
    t->axes.x = (struct ss_axis){.label = t->panel->x_label, .range = s->x};
    t->axes.y = (struct ss_axis){.label = first ? t->panel->y_label : NULL, .range = s->y, .bare = !first};
    ss_axes_measure(c, &t->axes, s->width, s->height, &t->room);
    count_hidden(s, t);
    if (has_grid(t->panel))
        find_values(t);
    if (has_grid(t->panel) && t->panel->map) {
        const struct ss_colour_bar bar = bar_of(t);
        t->bar = ss_colour_bar_width(c, &bar, s->height);
        t->room.right = fmax(t->room.right, t->bar);
    }
    t->arrows = ss_arrow_scale(t->panel, s->x, s->y, s->width, s->height);
    if (t->arrows.points > 0)
        t->room.bottom += note_row;
    if (t->note[0])
        t->room.bottom += note_row;
}

/* Columns and rows as wide and high as their largest panel; returns the size of the sheet. */
static struct ss_xy place_plates(struct sheet *s)
{
    struct ss_xy at = {margin, margin};

    for (size_t k = 0; k < s->columns; k++) {
        double left = 0, right = 0;
        for (size_t i = k; i < s->n; i += s->columns) {
            left = fmax(left, ceil(s->plates[i].room.left));
            right = fmax(right, ceil(s->plates[i].room.right));
        }
        for (size_t i = k; i < s->n; i += s->columns)
            s->plates[i].axes.frame.x = at.x + left;
        at.x += left + s->width + right + (k + 1 < s->columns ? between : 0);
    }
    for (size_t k = 0; k < s->rows; k++) {
        const size_t end = (k + 1) * s->columns < s->n ? (k + 1) * s->columns : s->n;
        double top = 0, bottom = 0;
        for (size_t i = k * s->columns; i < end; i++) {
            top = fmax(top, ceil(s->plates[i].room.top));
            bottom = fmax(bottom, ceil(s->plates[i].room.bottom));
        }
        for (size_t i = k * s->columns; i < end; i++)
            s->plates[i].axes.frame.y = at.y + top;
        at.y += top + s->height + bottom + (k + 1 < s->rows ? between : 0);
    }
    return (struct ss_xy){at.x + margin, at.y + margin};
}

static void draw_notes(struct ss_canvas *c, const struct plate *t)
{
    const struct ss_box f = t->axes.frame;
    struct ss_text_style style = ss_text_plain(note_size);
    double y = f.y + f.height + ceil(t->room.bottom);

    if (t->note[0]) {
        y -= note_row;
        ss_canvas_text_within(c, (struct ss_xy){f.x + 0.5 * f.width, y + 0.5 * note_row}, t->note, &style,
                              f.width);
    }
    if (t->arrows.points <= 0)
        return;
    y -= note_row;
    const struct ss_xy at = {f.x + 0.5 * f.width, y + 0.5 * note_row};
    ss_arrow_reference(c, &t->arrows, t->panel->arrow_label, at, &style, f.width);
}

static enum ss_status draw_plate(struct ss_canvas *c, struct plate *t)
{
    const struct ss_plane_panel *const p = t->panel;
    const bool map = has_grid(p) && p->map;
    const bool empty = !has_grid(p) && !p->n_arrows && !p->n_points;
    enum ss_status st = SS_OK;

    ss_canvas_clip(c, &t->axes.frame);
    if (map)
        TRY(ss_plane_draw_map(c, &t->axes, p, &t->map, t->values));
    if (has_grid(p) && (p->contours || p->n_levels))
        TRY(ss_plane_draw_contours(c, &t->axes, p, t->values));
    TRY(ss_plane_draw_points(c, &t->axes, p));
    TRY(ss_plane_draw_arrows(c, &t->axes, p, &t->arrows));
    ss_canvas_clip_end(c);
    ss_axes_draw_over(c, &t->axes);
    if (map) {
        const struct ss_colour_bar bar = bar_of(t);
        ss_colour_bar_draw(c, &bar, &t->axes.frame);
    }
    if (empty)
        ss_axes_say(c, &t->axes, "no data");
    draw_notes(c, t);
out:
    return st;
}

enum ss_status ss_picture_plane(const char *path, const struct ss_plane_panel *panels, size_t n_panels)
{
    static const struct ss_plane_panel nothing;
    struct sheet s = {.n = n_panels ? n_panels : 1};
    struct ss_canvas *c = NULL;
    enum ss_status st = SS_OK;

    s.rows = (s.n + MOST_COLUMNS - 1) / MOST_COLUMNS;
    s.columns = (s.n + s.rows - 1) / s.rows;
    TRY(ss_allocate(s.n, &s.plates));
    for (size_t i = 0; i < s.n; i++)
        s.plates[i].panel = n_panels ? &panels[i] : &nothing;
    find_view(&s);
    find_frame(&s);
    TRY(ss_canvas_create(&c));
    for (size_t i = 0; i < s.n; i++)
        measure_plate(c, &s, i);
    const struct ss_xy size = place_plates(&s);
    ss_canvas_begin(c, size.x, size.y);
    for (size_t i = 0; i < s.n; i++) {
        s.plates[i].axes.frame.width = s.width;
        s.plates[i].axes.frame.height = s.height;
        TRY(draw_plate(c, &s.plates[i]));
    }
    TRY(ss_canvas_write(c, path, n_panels ? panels[0].title : NULL));
out:
    ss_canvas_free(c);
    free(s.plates);
    return st;
}
