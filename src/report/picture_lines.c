#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "report/legend.h"
#include "report/picture.h"

static const double band_opacity = 0.20, marker_radius = 2.2;

/* A chart on its way to the sheet. */
struct plot {
    const struct ss_line_chart *chart;
    struct ss_axes axes;
    struct ss_legend_entry *entries; /* one per named series */
    size_t n_entries;
    struct ss_cover cover;
    struct ss_xy *path; /* room for the longest series, drawn as steps and as the outline of a band */
    bool any;           /* something to draw */
};

static double x_of(const struct ss_line_series *s, size_t i)
{
    return s->x ? s->x[i] : (double)i;
}

static size_t length_of(const struct ss_line_series *s)
{
    return s->y ? s->n : 0;
}

static bool has_markers(const struct ss_line_series *s)
{
    return s->style == SS_LINE_POINTS || s->style == SS_LINE_MARKED;
}

static bool is_drawn(const struct plot *p, const struct ss_line_series *s, size_t i)
{
    const double x = x_of(s, i), y = s->y[i];

    return isfinite(x) && isfinite(y) && !(p->axes.x.log && x <= 0) && !(p->axes.y.log && y <= 0);
}

static void settle_axis(struct ss_axis *axis, struct ss_interval from_data, struct ss_interval asked)
{
    const bool fixed = asked.low < asked.high && !(axis->log && asked.low <= 0);

    axis->range = fixed ? asked : from_data;
    ss_interval_settle(&axis->range, axis->log);
    if (!fixed)
        ss_interval_pad(&axis->range, axis->log, 0.04);
}

static void find_ranges(struct plot *p)
{
    const struct ss_line_chart *const chart = p->chart;
    struct ss_interval x = ss_interval_none(), y = ss_interval_none();

    for (size_t k = 0; k < chart->n_series; k++) {
        const struct ss_line_series *const s = &chart->series[k];
        for (size_t i = 0; i < length_of(s); i++) {
            if (!is_drawn(p, s, i))
                continue;
            p->any = true;
            ss_interval_take(&x, x_of(s, i), p->axes.x.log);
            ss_interval_take(&y, s->y[i], p->axes.y.log);
            if (s->low && s->high) {
                ss_interval_take(&y, s->low[i], p->axes.y.log);
                ss_interval_take(&y, s->high[i], p->axes.y.log);
            }
        }
    }
    if (p->axes.x.names)
        x = (struct ss_interval){-0.5, (double)chart->n_x_names - 0.5};
    settle_axis(&p->axes.x, x, p->axes.x.names ? x : chart->x_range);
    settle_axis(&p->axes.y, y, chart->y_range);
}

/* Of a run of points in one column of half a point, its first, lowest, highest and last say all that can be
 * seen. */
struct thinner {
    struct ss_xy *out;
    size_t n;
    double column;
    struct ss_xy first, low, high, last;
    size_t held, low_at, high_at; /* points in the run, and which of them are its lowest and highest */
};

static void flush(struct thinner *t)
{
    const bool low_first = t->low_at <= t->high_at;
    const struct ss_xy all[4] = {t->first, low_first ? t->low : t->high, low_first ? t->high : t->low,
                                 t->last};

    for (size_t i = 0; i < 4 && t->held; i++)
        if (i == 0 || all[i].x != t->out[t->n - 1].x || all[i].y != t->out[t->n - 1].y)
            t->out[t->n++] = all[i];
    t->held = 0;
}

static void thin_add(struct thinner *t, struct ss_xy p)
{
    const double column = floor(p.x * SS_CANVAS_SCALE);

    if (t->held && column != t->column)
        flush(t);
    if (!t->held) {
        t->column = column;
        t->first = t->low = t->high = p;
        t->low_at = t->high_at = 0;
    }
    if (p.y > t->low.y) {
        t->low = p;
        t->low_at = t->held;
    }
    if (p.y < t->high.y) {
        t->high = p;
        t->high_at = t->held;
    }
    t->last = p;
    t->held++;
}

/* The next unbroken stretch of a series from *at on, on the sheet, thinned; 0 at its end. */
static size_t next_stretch(const struct plot *p, const struct ss_line_series *s, size_t *at)
{
    struct thinner t = {.out = p->path};
    double previous = 0;
    bool started = false;

    for (; *at < length_of(s) && !is_drawn(p, s, *at); ++*at)
        continue;
    for (; *at < length_of(s) && is_drawn(p, s, *at); ++*at) {
        const struct ss_xy q = ss_axes_map(&p->axes, x_of(s, *at), s->y[*at]);
        if (s->style == SS_LINE_STEP && started)
            thin_add(&t, (struct ss_xy){q.x, previous});
        thin_add(&t, q);
        previous = q.y;
        started = true;
    }
    flush(&t);
    return t.n;
}

static bool band_at(const struct plot *p, const struct ss_line_series *s, size_t i, struct ss_xy *low,
                    struct ss_xy *high)
{
    if (!s->low || !s->high || !isfinite(x_of(s, i)) || isnan(s->low[i]) || isnan(s->high[i]))
        return false;
    *low = ss_axes_map(&p->axes, x_of(s, i), s->low[i]);
    *high = ss_axes_map(&p->axes, x_of(s, i), s->high[i]);
    if (isnan(low->y) && p->axes.y.log) /* a band that reaches zero goes down to the edge */
        low->y = p->axes.frame.y + p->axes.frame.height + 5;
    return isfinite(low->x) && isfinite(low->y) && isfinite(high->y);
}

/* The outline of the next unbroken stretch of a band: along its low edge, back along the high one. */
static size_t next_band(const struct plot *p, const struct ss_line_series *s, size_t *at)
{
    struct ss_xy low, high, *const path = p->path;
    size_t n = 0;
    double column = NAN;

    for (; *at < length_of(s) && !band_at(p, s, *at, &low, &high); ++*at)
        continue;
    for (; *at < length_of(s) && band_at(p, s, *at, &low, &high); ++*at) {
        if (n && floor(low.x * SS_CANVAS_SCALE) == column) {
            path[2 * n - 2].y = fmax(path[2 * n - 2].y, low.y);
            path[2 * n - 1].y = fmin(path[2 * n - 1].y, high.y);
            continue;
        }
        column = floor(low.x * SS_CANVAS_SCALE);
        path[2 * n] = low;
        path[2 * n + 1] = high;
        n++;
    }
    return n;
}

static void cover_series(struct plot *p, const struct ss_line_series *s)
{
    struct ss_xy low, high;
    size_t n;

    for (size_t at = 0; s->style != SS_LINE_POINTS && (n = next_stretch(p, s, &at)) > 0;)
        ss_cover_line(&p->cover, p->path, n);
    for (size_t i = 0; i < length_of(s); i++) {
        if (has_markers(s) && is_drawn(p, s, i)) {
            const struct ss_xy q = ss_axes_map(&p->axes, x_of(s, i), s->y[i]);
            ss_cover_box(&p->cover, &(struct ss_box){q.x - marker_radius, q.y - marker_radius,
                                                     2 * marker_radius, 2 * marker_radius});
        }
        if (band_at(p, s, i, &low, &high))
            ss_cover_line(&p->cover, (struct ss_xy[]){low, high}, 2);
    }
}

static void draw_band(struct ss_canvas *c, struct plot *p, const struct ss_line_series *s,
                      struct ss_colour colour)
{
    struct ss_xy *const outline = p->path;
    size_t n;

    for (size_t at = 0; (n = next_band(p, s, &at)) > 0;) {
        /* Pairs (low, high) become the low edge forwards and the high edge backwards, in the second half of
         * the room. */
        struct ss_xy *const ring = outline + 2 * n;
        for (size_t i = 0; i < n; i++) {
            ring[i] = outline[2 * i];
            ring[2 * n - 1 - i] = outline[2 * i + 1];
        }
        ss_canvas_fill(c, ring, 2 * n, ss_colour_fade(colour, band_opacity));
    }
}

static void draw_error_bars(struct ss_canvas *c, struct plot *p, const struct ss_line_series *s,
                            struct ss_colour colour)
{
    const double cap = 2.0;
    struct ss_xy low, high;

    for (size_t i = 0; i < length_of(s); i++)
        if (band_at(p, s, i, &low, &high)) {
            const struct ss_xy bar[6] = {low,
                                         high,
                                         {low.x - cap, low.y},
                                         {low.x + cap, low.y},
                                         {high.x - cap, high.y},
                                         {high.x + cap, high.y}};
            ss_canvas_segments(c, bar, 3, &(struct ss_pen){.colour = colour, .width = 0.9});
        }
}

static struct ss_points_style marker_style(size_t k)
{
    return (struct ss_points_style){ss_palette_marker(k), marker_radius, ss_palette_colour(k)};
}

static void draw_markers(struct ss_canvas *c, struct plot *p, const struct ss_line_series *s, size_t k)
{
    struct ss_points_style style = marker_style(k);
    size_t n = 0;

    for (size_t i = 0; i < length_of(s); i++)
        if (is_drawn(p, s, i))
            p->path[n++] = ss_axes_map(&p->axes, x_of(s, i), s->y[i]);
    if (n > 400) {
        style.radius = n > 4000 ? 1.0 : 1.5;
        style.colour.alpha = 0.6;
    }
    ss_canvas_points(c, &p->axes.frame, p->path, n, &style);
}

static void draw_series(struct ss_canvas *c, struct plot *p, size_t k)
{
    const struct ss_line_series *const s = &p->chart->series[k];
    const struct ss_pen usual = ss_palette_pen(k);
    struct ss_pen fine = usual;
    size_t n;

    fine.width = 0.7;
    for (size_t at = 0; s->style != SS_LINE_POINTS && (n = next_stretch(p, s, &at)) > 0;) {
        const struct ss_points_style dot = {SS_MARKER_CIRCLE, 1.2, usual.colour};
        /* What goes up and down within a column of pixels, many columns long, would fill its band like ink.
         */
        const double columns = SS_CANVAS_SCALE * fabs(p->path[n - 1].x - p->path[0].x);
        const bool noisy = columns > 100 && (double)n > 2.5 * columns;
        if (n == 1) /* a point between two breaks would not be seen */
            ss_canvas_points(c, &p->axes.frame, p->path, 1, &dot);
        else
            ss_canvas_line(c, p->path, n, noisy ? &fine : &usual);
    }
    if (has_markers(s))
        draw_markers(c, p, s, k);
}

static enum ss_status prepare(struct plot *p, const struct ss_line_chart *chart)
{
    size_t longest = 1;
    enum ss_status st = SS_OK;

    *p = (struct plot){.chart = chart};
    p->axes = (struct ss_axes){.title = chart->title, .grid = true};
    p->axes.x = (struct ss_axis){.label = chart->x_label,
                                 .log = chart->log_x && !chart->x_names,
                                 .names = chart->n_x_names ? chart->x_names : NULL,
                                 .n_names = chart->n_x_names};
    p->axes.y = (struct ss_axis){.label = chart->y_label, .log = chart->log_y};
    for (size_t k = 0; k < chart->n_series; k++)
        if (length_of(&chart->series[k]) > longest)
            longest = length_of(&chart->series[k]);
    TRY(ss_allocate(4 * longest + 4, &p->path)); /* steps double a line; a band needs pairs and their ring */
    TRY(ss_allocate(chart->n_series, &p->entries));
    for (size_t k = 0; k < chart->n_series; k++) {
        const struct ss_line_series *const s = &chart->series[k];
        struct ss_legend_entry e = {.name = s->name, .pen = ss_palette_pen(k), .has_marker = has_markers(s)};
        e.marker = marker_style(k);
        e.band = s->low && s->high && s->style != SS_LINE_POINTS ? band_opacity : 0;
        if (s->style == SS_LINE_POINTS)
            e.pen.width = 0;
        if (s->name)
            p->entries[p->n_entries++] = e;
    }
    if (p->n_entries == 1 && chart->n_series == 1 && chart->y_label)
        p->n_entries = 0; /* the axis has said it */
    find_ranges(p);
out:
    return st;
}

static void release(struct plot *p)
{
    ss_cover_release(&p->cover);
    free(p->entries);
    free(p->path);
}

/* Fit the axes and find the legend's place; right of the frame if the frame has none. */
static enum ss_status lay_out(struct ss_canvas *c, struct plot *p, struct ss_box whole,
                              struct ss_xy *legend_at, double *longest_name)
{
    enum ss_status st = SS_OK;

    *longest_name = 0.42 * whole.width;
    ss_axes_fit(c, &p->axes, &whole);
    if (!p->n_entries)
        return SS_OK;
    TRY(ss_cover_init(&p->cover, &p->axes.frame));
    for (size_t k = 0; k < p->chart->n_series; k++)
        cover_series(p, &p->chart->series[k]);
    if (ss_cover_place(&p->cover, ss_legend_size(c, p->entries, p->n_entries, *longest_name), legend_at))
        return SS_OK;
    *longest_name = 0.25 * whole.width;
    const double width = ceil(ss_legend_size(c, p->entries, p->n_entries, *longest_name).x);
    whole.width -= width;
    ss_axes_fit(c, &p->axes, &whole);
    *legend_at = (struct ss_xy){p->axes.frame.x + p->axes.frame.width + 3, p->axes.frame.y};
out:
    return st;
}

/* `drawn`: its axes as they came out, or NULL. */
static enum ss_status draw_chart(struct ss_canvas *c, const struct ss_line_chart *chart, struct ss_box whole,
                                 struct ss_axes *drawn)
{
    struct plot p;
    struct ss_xy legend_at = {0, 0};
    double longest_name = 0;
    enum ss_status st = SS_OK;

    TRY(prepare(&p, chart));
    TRY(lay_out(c, &p, whole, &legend_at, &longest_name));
    ss_axes_draw_under(c, &p.axes);
    ss_canvas_clip(c, &p.axes.frame);
    for (size_t k = 0; k < chart->n_series; k++) {
        const struct ss_line_series *const s = &chart->series[k];
        if (s->style == SS_LINE_POINTS)
            draw_error_bars(c, &p, s, ss_palette_colour(k));
        else
            draw_band(c, &p, s, ss_palette_colour(k));
    }
    for (size_t k = 0; k < chart->n_series; k++)
        draw_series(c, &p, k);
    ss_canvas_clip_end(c);
    ss_axes_draw_over(c, &p.axes);
    if (!p.any)
        ss_axes_say(c, &p.axes, "no finite data");
    else if (p.n_entries)
        ss_legend_draw(c, p.entries, p.n_entries, longest_name, legend_at);
    if (drawn)
        *drawn = p.axes;
out:
    release(&p);
    return st;
}

/* A legend that must go outside may be taller than the chart: make room. */
static double height_for(const struct ss_line_chart *chart)
{
    return fmax(280, 12.0 * (double)chart->n_series + 70);
}

enum ss_status ss_picture_line_panels(const char *path, const struct ss_line_chart *charts, size_t n)
{
    struct ss_canvas *c = NULL;
    const size_t columns = n < 3 ? (n ? n : 1) : n == 4 ? 2 : 3, rows = n ? (n + columns - 1) / columns : 1;
    const double width = columns == 1 ? 440 : columns == 2 ? 340 : 300, margin = 6;
    const struct ss_line_chart nothing = {0};
    double height = 280;
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < n; i++)
        height = fmax(height, height_for(&charts[i]));
    if (columns > 1)
        height *= 0.85;
    TRY(ss_canvas_create(&c));
    ss_canvas_begin(c, (double)columns * width, (double)rows * height);
    for (size_t i = 0; i < (n ? n : 1); i++) {
        const struct ss_box whole = {(double)(i % columns) * width + margin,
                                     (double)(i / columns) * height + margin, width - 2 * margin,
                                     height - 2 * margin};
        TRY(draw_chart(c, n ? &charts[i] : &nothing, whole, NULL));
    }
    TRY(ss_canvas_write(c, path, n ? charts[0].title : NULL));
out:
    ss_canvas_free(c);
    return st;
}

enum ss_status ss_picture_lines(const char *path, const struct ss_line_chart *chart)
{
    return ss_picture_line_panels(path, chart, 1);
}

enum ss_status ss_picture_line_elements(const struct ss_line_chart *chart, double width, double height,
                                        struct ss_text *svg, struct ss_chart_place *place)
{
    struct ss_canvas *c = NULL;
    struct ss_axes axes;
    const double margin = 4;
    enum ss_status st = SS_OK;

    TRY(ss_canvas_create(&c));
    ss_canvas_begin(c, width, height);
    TRY(draw_chart(c, chart, (struct ss_box){margin, margin, width - 2 * margin, height - 2 * margin},
                   &axes));
    TRY(ss_canvas_elements(c, svg));
    *place = (struct ss_chart_place){.width = ss_canvas_width(c),
                                     .height = ss_canvas_height(c),
                                     .left = axes.frame.x,
                                     .top = axes.frame.y,
                                     .right = axes.frame.x + axes.frame.width,
                                     .bottom = axes.frame.y + axes.frame.height,
                                     .x = axes.x.range,
                                     .y = axes.y.range,
                                     .log_x = axes.x.log,
                                     .log_y = axes.y.log};
out:
    ss_canvas_free(c);
    return st;
}
