#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "report/histogram.h"
#include "report/legend.h"
#include "report/picture.h"
#include "report/plane_parts.h"

static const double margin = 6, between = 6, view_quantile = 0.005;

/* ---- one column ---- */

struct single {
    struct ss_axes axes;
    struct ss_histogram *h; /* one per set */
    const struct ss_point_set *sets;
    size_t n_sets;
    const double *curve_x, *curve_y;
    size_t n_curve;
    const char *curve_name;
};

static bool on_curve(const struct single *s, size_t i)
{
    return isfinite(s->curve_x[i]) && isfinite(s->curve_y[i]);
}

/* Ranges: the sets' common view; the curve may widen it only where it is not negligible. */
static void single_ranges(struct single *s)
{
    struct ss_interval x = ss_interval_none(), y = {0, 0};
    double highest = 0;

    for (size_t k = 0; k < s->n_sets; k++) {
        const struct ss_interval r = ss_interval_robust(s->sets[k].values, s->sets[k].rows, 1, view_quantile);
        ss_interval_take(&x, r.low, false);
        ss_interval_take(&x, r.high, false);
    }
    for (size_t i = 0; i < s->n_curve; i++)
        if (on_curve(s, i))
            highest = fmax(highest, s->curve_y[i]);
    for (size_t i = 0; i < s->n_curve; i++)
        if (on_curve(s, i) && s->curve_y[i] > 0.002 * highest)
            ss_interval_take(&x, s->curve_x[i], false);
    ss_interval_settle(&x, false);
    for (size_t k = 0; k < s->n_sets; k++) {
        struct ss_interval own = ss_interval_robust(s->sets[k].values, s->sets[k].rows, 1, view_quantile);
        ss_interval_settle(&own, false);
        ss_histogram_fill(&s->h[k], s->sets[k].values, s->sets[k].rows, 1, own, SS_BINS);
        y.high = fmax(y.high, s->h[k].largest);
    }
    y.high = fmax(y.high, highest);
    ss_interval_settle(&y, false);
    ss_interval_pad(&x, false, 0.03);
    y.low = 0;
    y.high *= 1.08;
    s->axes.x.range = x;
    s->axes.y.range = y;
}

static enum ss_status draw_curve(struct ss_canvas *c, const struct single *s, const struct ss_pen *pen)
{
    struct ss_xy *p = NULL;
    size_t n = 0;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(s->n_curve, &p));
    for (size_t i = 0; i < s->n_curve; i++) {
        if (on_curve(s, i)) {
            p[n++] = ss_axes_map(&s->axes, s->curve_x[i], s->curve_y[i]);
            continue;
        }
        ss_canvas_line(c, p, n, pen);
        n = 0;
    }
    ss_canvas_line(c, p, n, pen);
out:
    free(p);
    return st;
}

static void single_note(const struct single *s, char *note, size_t size)
{
    size_t rows = 0, finite = 0, outside = 0;

    for (size_t k = 0; k < s->n_sets; k++) {
        rows += s->sets[k].rows;
        finite += s->h[k].finite;
        outside += s->h[k].outside;
    }
    ss_hidden_note(note, size, "values", (const size_t[]){rows, outside, rows - finite});
}

static void single_legend(struct ss_canvas *c, const struct single *s, const struct ss_pen *curve_pen)
{
    struct ss_legend_entry e[9];
    size_t n = 0;

    for (size_t k = 0; k < s->n_sets && k < 8; k++)
        if (s->sets[k].name)
            e[n++] =
                (struct ss_legend_entry){.name = s->sets[k].name, .pen = ss_palette_pen(k), .band = 0.25};
    if (s->n_curve && s->curve_name)
        e[n++] = (struct ss_legend_entry){.name = s->curve_name, .pen = *curve_pen};
    if (n < 2)
        return;
    const double most = 120;
    const struct ss_xy at = {s->axes.frame.x + s->axes.frame.width + 3, s->axes.frame.y};
    ss_legend_draw(c, e, n, most, at);
}

static double legend_room(struct ss_canvas *c, const struct single *s)
{
    struct ss_legend_entry e[9];
    size_t n = 0;

    for (size_t k = 0; k < s->n_sets && k < 8; k++)
        if (s->sets[k].name)
            e[n++] = (struct ss_legend_entry){.name = s->sets[k].name};
    if (s->n_curve && s->curve_name)
        e[n++] = (struct ss_legend_entry){.name = s->curve_name};
    return n < 2 ? 0 : ceil(ss_legend_size(c, e, n, 120).x) + 3;
}

static enum ss_status picture_single(const char *path, struct single *s)
{
    struct ss_canvas *c = NULL;
    char note[120];
    /* A curve must stand out from the outline of the histogram it is compared with. */
    const struct ss_pen curve_pen = {.colour = ss_palette_colour(6), .width = 1.6};
    enum ss_status st = SS_OK;

    TRY(ss_allocate(s->n_sets, &s->h));
    single_ranges(s);
    s->axes.grid = true;
    s->axes.y.label = "density";
    single_note(s, note, sizeof(note));
    TRY(ss_canvas_create(&c));
    const double width = 360, height = 250, note_row = note[0] ? 12 : 0, legend = legend_room(c, s);
    const struct ss_box whole = {margin, margin, width - 2 * margin, height - 2 * margin};
    ss_canvas_begin(c, width + legend, height + note_row);
    ss_axes_fit(c, &s->axes, &whole);
    ss_axes_draw_under(c, &s->axes);
    ss_canvas_clip(c, &s->axes.frame);
    size_t drawn = 0;
    for (size_t k = 0; k < s->n_sets; k++) {
        ss_histogram_draw(c, &s->axes, &s->h[k], k);
        drawn += s->h[k].finite;
    }
    TRY(draw_curve(c, s, &curve_pen));
    ss_canvas_clip_end(c);
    ss_axes_draw_over(c, &s->axes);
    if (!drawn && !s->n_curve)
        ss_axes_say(c, &s->axes, "no finite data");
    single_legend(c, s, &curve_pen);
    if (note[0]) {
        const struct ss_text_style style = ss_text_plain(7.5);
        ss_canvas_text(c, (struct ss_xy){0.5 * width, height + 0.5 * note_row - margin + 2}, note, &style);
    }
    TRY(ss_canvas_write(c, path, s->axes.title));
out:
    ss_canvas_free(c);
    free(s->h);
    return st;
}

enum ss_status ss_picture_histogram(const char *path, const float *values, size_t n, const double *curve_x,
                                    const double *curve_y, size_t n_curve,
                                    const struct ss_histogram_labels *labels)
{
    const struct ss_histogram_labels none = {0}, *const l = labels ? labels : &none;
    const struct ss_point_set set = {l->values_name, values, values ? n : 0};
    struct single s = {.sets = &set, .n_sets = 1, .curve_x = curve_x, .curve_y = curve_y};

    s.n_curve = curve_x && curve_y ? n_curve : 0;
    s.curve_name = l->curve_name;
    s.axes.title = l->title;
    s.axes.x.label = l->x_label;
    return picture_single(path, &s);
}

/* ---- several columns ---- */

struct pairs {
    const struct ss_point_set *sets;
    size_t n_sets, stride, columns; /* values a row; columns shown */
    const char *const *names;
    char number[SS_PAIR_COLUMNS][24];
    struct ss_interval view[SS_PAIR_COLUMNS];
    double side; /* of a frame */
    double left, top;
    struct ss_xy *places; /* room for the largest set */
};

static const char *name_of(const struct pairs *p, size_t column)
{
    return p->names ? p->names[column] : p->number[column];
}

static void find_views(struct pairs *p)
{
    for (size_t k = 0; k < p->columns; k++) {
        p->view[k] = ss_interval_none();
        for (size_t s = 0; s < p->n_sets; s++) {
            const struct ss_interval r =
                ss_interval_robust(p->sets[s].values + k, p->sets[s].rows, p->stride, view_quantile);
            ss_interval_take(&p->view[k], r.low, false);
            ss_interval_take(&p->view[k], r.high, false);
        }
        ss_interval_settle(&p->view[k], false);
        ss_interval_pad(&p->view[k], false, 0.05);
        snprintf(p->number[k], sizeof(p->number[k]), "x%zu", k + 1);
    }
}

/* Panel in row i, column j <= i. Only the outer panels are labelled. */
static struct ss_axes panel_axes(const struct pairs *p, size_t i, size_t j)
{
    const bool bottom = i + 1 == p->columns, left = j == 0 && i > 0;
    struct ss_axes a = {.small = true};

    a.x = (struct ss_axis){.range = p->view[j], .bare = !bottom, .label = bottom ? name_of(p, j) : NULL};
    a.y = (struct ss_axis){.range = p->view[i], .bare = !left, .label = left ? name_of(p, i) : NULL};
    a.title = i == j ? name_of(p, i) : NULL;
    a.frame = (struct ss_box){p->left + (double)j * (p->side + between),
                              p->top + (double)i * (p->side + between + 10), p->side, p->side};
    return a;
}

static void draw_diagonal(struct ss_canvas *c, const struct pairs *p, size_t k)
{
    struct ss_axes a = panel_axes(p, k, k);
    struct ss_histogram h[8];
    struct ss_margins unused;
    double largest = 0;

    for (size_t s = 0; s < p->n_sets; s++) {
        ss_histogram_fill(&h[s], p->sets[s].values + k, p->sets[s].rows, p->stride, p->view[k],
                          p->columns > 4 ? 30 : 40);
        largest = fmax(largest, h[s].largest);
    }
    a.y.range = (struct ss_interval){0, largest > 0 ? 1.08 * largest : 1};
    ss_axes_measure(c, &a, p->side, p->side, &unused);
    a.y.ticks.n = a.y.ticks.n_minor = 0; /* densities of different columns do not compare */
    ss_canvas_clip(c, &a.frame);
    for (size_t s = 0; s < p->n_sets; s++)
        ss_histogram_draw(c, &a, &h[s], s);
    ss_canvas_clip_end(c);
    ss_axes_draw_over(c, &a);
}

static void draw_pair(struct ss_canvas *c, const struct pairs *p, size_t i, size_t j)
{
    struct ss_axes a = panel_axes(p, i, j);
    struct ss_margins unused;

    ss_axes_measure(c, &a, p->side, p->side, &unused);
    ss_canvas_clip(c, &a.frame);
    for (size_t s = 0; s < p->n_sets; s++) {
        const struct ss_point_set *const set = &p->sets[s];
        const struct ss_points_style look = ss_points_look(set->rows, p->side * p->side, s);
        size_t n = 0;
        for (size_t r = 0; r < set->rows; r++) {
            const float x = set->values[r * p->stride + j], y = set->values[r * p->stride + i];
            if (isfinite(x) && isfinite(y))
                p->places[n++] = ss_axes_map(&a, (double)x, (double)y);
        }
        ss_canvas_points(c, &a.frame, p->places, n, &look);
    }
    ss_canvas_clip_end(c);
    ss_axes_draw_over(c, &a);
}

/* Rows that some panel does not show, for the note. */
static void count_rows(const struct pairs *p, size_t *outside, size_t *missing)
{
    *outside = *missing = 0;
    for (size_t s = 0; s < p->n_sets; s++)
        for (size_t r = 0; r < p->sets[s].rows; r++) {
            bool is_missing = false, is_outside = false;
            for (size_t k = 0; k < p->columns; k++) {
                const double v = (double)p->sets[s].values[r * p->stride + k];
                is_missing = is_missing || !isfinite(v);
                is_outside = is_outside || v < p->view[k].low || v > p->view[k].high;
            }
            *missing += is_missing;
            *outside += is_outside && !is_missing;
        }
}

static void draw_key(struct ss_canvas *c, const struct pairs *p)
{
    struct ss_legend_entry e[8];
    struct ss_text_style style = ss_text_plain(7.5);
    char lines[4][128] = {"", "", "", ""};
    size_t n = 0, outside, missing;
    /* The triangle above the diagonal is free. */
    struct ss_xy at = {p->left + p->side + between + 12, p->top};

    for (size_t s = 0; s < p->n_sets; s++)
        if (p->sets[s].name) {
            e[n] = (struct ss_legend_entry){
                .name = p->sets[s].name, .pen = ss_palette_pen(s), .has_marker = true};
            e[n].pen.width = 1.0;
            e[n++].marker = (struct ss_points_style){ss_palette_marker(s), 2.4, ss_palette_colour(s)};
        }
    const double room = ss_canvas_width(c) - at.x - margin;
    if (n) {
        ss_legend_draw(c, e, n, fmax(room - 40, 20), at);
        at.y += ss_legend_size(c, e, n, room).y + 4;
    }
    count_rows(p, &outside, &missing);
    for (size_t k = 0, used = 0; k < p->n_sets && used < sizeof(lines[0]) - 32; k++)
        used += (size_t)snprintf(lines[0] + used, sizeof(lines[0]) - used, "%s%zu%s", k ? " + " : "",
                                 p->sets[k].rows, k + 1 == p->n_sets ? " rows" : "");
    if (outside)
        snprintf(lines[1], sizeof(lines[1]), "%zu outside", outside);
    if (missing)
        snprintf(lines[2], sizeof(lines[2]), "%zu not finite", missing);
    if (p->stride > p->columns)
        snprintf(lines[3], sizeof(lines[3]), "first %zu of %zu columns", p->columns, p->stride);
    style.across = SS_ALIGN_START;
    style.vertical = SS_ALIGN_START;
    for (size_t i = 0; i < 4; i++)
        if (lines[i][0]) {
            ss_canvas_text_within(c, (struct ss_xy){at.x + 5, at.y}, lines[i], &style, room - 5);
            at.y += 11;
        }
}

/* Room left of and below the panels, then the sheet's size. */
static struct ss_xy measure_pairs(struct ss_canvas *c, struct pairs *p)
{
    struct ss_margins m, most = {0};

    for (size_t i = 0; i < p->columns; i++)
        for (size_t j = 0; j <= i; j++) {
            struct ss_axes a = panel_axes(p, i, j);
            ss_axes_measure(c, &a, p->side, p->side, &m);
            if (j == 0)
                most.left = fmax(most.left, m.left);
            most.top = fmax(most.top, m.top);
            most.bottom = fmax(most.bottom, m.bottom);
            most.right = fmax(most.right, m.right);
        }
    p->left = margin + ceil(most.left);
    p->top = margin + ceil(most.top);
    return (struct ss_xy){p->left + (double)p->columns * (p->side + between) + ceil(most.right) + margin,
                          p->top + (double)p->columns * (p->side + between + 10) + ceil(most.bottom) +
                              margin - 10 - between};
}

static enum ss_status picture_pairs(const char *path, struct pairs *p)
{
    struct ss_canvas *c = NULL;
    size_t most_rows = 0;
    enum ss_status st = SS_OK;

    for (size_t s = 0; s < p->n_sets; s++)
        most_rows = p->sets[s].rows > most_rows ? p->sets[s].rows : most_rows;
    p->side = p->columns < 4 ? 130 : p->columns < 6 ? 105 : 84;
    find_views(p);
    TRY(ss_allocate(most_rows, &p->places));
    TRY(ss_canvas_create(&c));
    const struct ss_xy size = measure_pairs(c, p);
    ss_canvas_begin(c, size.x, size.y);
    for (size_t i = 0; i < p->columns; i++) {
        for (size_t j = 0; j < i; j++)
            draw_pair(c, p, i, j);
        draw_diagonal(c, p, i);
    }
    draw_key(c, p);
    TRY(ss_canvas_write(c, path, p->n_sets > 1 ? "pairs of columns of several sets" : "pairs of columns"));
out:
    ss_canvas_free(c);
    free(p->places);
    return st;
}

enum ss_status ss_picture_set_pairs(const char *path, const struct ss_point_set *sets, size_t n_sets,
                                    size_t columns, const char *const *names)
{
    struct ss_point_set shown[8];
    struct pairs p = {.sets = shown, .n_sets = n_sets < 8 ? n_sets : 8, .stride = columns, .names = names};

    for (size_t s = 0; s < p.n_sets; s++) {
        shown[s] = sets[s];
        if (!columns || !sets[s].values)
            shown[s].rows = 0;
    }
    if (columns > 1) {
        p.columns = columns < SS_PAIR_COLUMNS ? columns : SS_PAIR_COLUMNS;
        return picture_pairs(path, &p);
    }
    struct single s = {.sets = shown, .n_sets = p.n_sets};
    s.axes.x.label = names && columns ? names[0] : NULL;
    return picture_single(path, &s);
}

enum ss_status ss_picture_scatter_pairs(const char *path, const float *values, size_t rows, size_t columns,
                                        const char *const *names)
{
    const struct ss_point_set set = {NULL, values, rows};

    return ss_picture_set_pairs(path, &set, 1, columns, names);
}
