#include "report/plane_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "report/contour.h"

/* The value at grid coordinates (u, v), linear between the four around it; where one of them is NaN, the
 * nearest. */
static double value_at(const struct ss_plane_panel *p, double u, double v)
{
    const size_t x = (size_t)fmin(floor(u), (double)(p->nx > 1 ? p->nx - 2 : 0));
    const size_t y = (size_t)fmin(floor(v), (double)(p->ny > 1 ? p->ny - 2 : 0));
    const size_t x1 = p->nx > 1 ? x + 1 : x, y1 = p->ny > 1 ? y + 1 : y;
    const double s = u - (double)x, t = v - (double)y;
    const double bottom = p->values[y * p->nx + x] * (1 - s) + p->values[y * p->nx + x1] * s;
    const double top = p->values[y1 * p->nx + x] * (1 - s) + p->values[y1 * p->nx + x1] * s;
    const double value = bottom * (1 - t) + top * t;

    return isfinite(value) ? value : p->values[(t < 0.5 ? y : y1) * p->nx + (s < 0.5 ? x : x1)];
}

static uint32_t pixel_of(const struct ss_colour_map *map, struct ss_interval values, double value)
{
    const struct ss_colour none = ss_palette_faint();

    if (isnan(value)) {
        const uint32_t grey = (uint32_t)lround(255 * none.red);
        return 0xff000000u | grey << 16 | grey << 8 | grey;
    }
    const unsigned char *const rgb = ss_colour_map_at(map, (value - values.low) / (values.high - values.low));
    return 0xff000000u | (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
}

enum ss_status ss_plane_draw_map(struct ss_canvas *c, const struct ss_axes *a, const struct ss_plane_panel *p,
                                 const struct ss_colour_map *map, struct ss_interval values)
{
    const size_t width = (size_t)(SS_CANVAS_SCALE * a->frame.width),
                 height = (size_t)(SS_CANVAS_SCALE * a->frame.height);
    const struct ss_interval x_view = a->x.range, y_view = a->y.range;
    uint32_t *argb = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(width * height, &argb));
    for (size_t row = 0; row < height; row++) {
        const double y = y_view.high - ((double)row + 0.5) / (double)height * (y_view.high - y_view.low);
        const double v = (y - p->y_range.low) / (p->y_range.high - p->y_range.low) * (double)(p->ny - 1);
        for (size_t column = 0; column < width; column++) {
            const double x = x_view.low + ((double)column + 0.5) / (double)width * (x_view.high - x_view.low);
            const double u = (x - p->x_range.low) / (p->x_range.high - p->x_range.low) * (double)(p->nx - 1);
            if (u >= 0 && v >= 0 && u <= (double)(p->nx - 1) && v <= (double)(p->ny - 1))
                argb[row * width + column] = pixel_of(map, values, value_at(p, u, v));
        }
    }
    ss_canvas_image(c, &a->frame, &(struct ss_pixels){width, height, argb, false});
out:
    free(argb);
    return st;
}

enum ss_status ss_plane_draw_contours(struct ss_canvas *c, const struct ss_axes *a,
                                      const struct ss_plane_panel *p, struct ss_interval values)
{
    struct ss_ticks round;
    struct ss_colour_map map;
    struct ss_xy *segments = NULL;
    enum ss_status st = SS_OK;

    ss_ticks_linear(&round, values, p->contours < 2 ? 2 : p->contours);
    ss_colour_map_init(&map, p->diverging ? SS_MAP_DIVERGING : SS_MAP_SEQUENTIAL);
    const double *const levels = p->n_levels ? p->levels : round.at;
    for (size_t k = 0; k < (p->n_levels ? p->n_levels : round.n); k++) {
        struct ss_pen pen = {.colour = ss_colour_fade(ss_palette_white(), 0.75), .width = 0.6};
        size_t n;
        if (!isfinite(levels[k]))
            continue;
        if (!p->map) { /* darker than a map's colours, whose light end is lost as a line on white */
            const unsigned char *const rgb =
                ss_colour_map_at(&map, 0.85 * (levels[k] - values.low) / (values.high - values.low));
            pen.colour = (struct ss_colour){0.9 * rgb[0] / 255, 0.9 * rgb[1] / 255, 0.9 * rgb[2] / 255, 1.0};
            pen.width = 0.9;
        } else if (p->diverging) {
            pen.colour = ss_colour_fade(ss_palette_ink(), 0.6);
        }
        TRY(ss_contour(p->values, p->nx, p->ny, levels[k], &segments, &n));
        for (size_t i = 0; i < 2 * n; i++)
            segments[i] = ss_axes_map(
                a, p->x_range.low + segments[i].x / (double)(p->nx - 1) * (p->x_range.high - p->x_range.low),
                p->y_range.low + segments[i].y / (double)(p->ny - 1) * (p->y_range.high - p->y_range.low));
        ss_canvas_segments(c, segments, n, &pen);
        free(segments);
        segments = NULL;
    }
out:
    free(segments);
    return st;
}

struct ss_points_style ss_points_look(size_t n, double area, size_t category)
{
    const double size = fmax((double)n, 1), shrink = fmin(sqrt(area / 36000), 1);
    const double radius = fmin(fmax(2.4 - 0.35 * log10(size), 0.75), 2.2) * fmax(shrink, 0.6);
    const double coverage = size * 3.14 * radius * radius / fmax(area, 1); /* how often a place is drawn on */
    const double opacity = fmin(fmax(0.85 / (1 + 3 * coverage), 0.05), 1);

    return (struct ss_points_style){ss_palette_marker(category), radius,
                                    ss_colour_fade(ss_palette_colour(category), opacity)};
}

enum ss_status ss_plane_draw_points(struct ss_canvas *c, const struct ss_axes *a,
                                    const struct ss_plane_panel *p)
{
    struct ss_points_style look = ss_points_look(p->n_points, a->frame.width * a->frame.height, 0);
    struct ss_xy *at = NULL;
    size_t n = 0;
    enum ss_status st = SS_OK;

    if (!p->points || !p->n_points)
        return SS_OK;
    if (p->map && p->values) /* blue is lost on the low end of the map */
        look.colour = ss_colour_fade(ss_palette_white(), fmin(1.3 * look.colour.alpha, 0.9));
    TRY(ss_allocate(p->n_points, &at));
    for (size_t i = 0; i < p->n_points; i++)
        if (isfinite(p->points[2 * i]) && isfinite(p->points[2 * i + 1]))
            at[n++] = ss_axes_map(a, (double)p->points[2 * i], (double)p->points[2 * i + 1]);
    ss_canvas_points(c, &a->frame, at, n, &look);
out:
    free(at);
    return st;
}

static bool arrow_of(const struct ss_plane_panel *p, size_t i, struct ss_xy *at, struct ss_xy *v)
{
    *at = (struct ss_xy){(double)p->arrow_at[2 * i], (double)p->arrow_at[2 * i + 1]};
    *v = (struct ss_xy){(double)p->arrow[2 * i], (double)p->arrow[2 * i + 1]};
    return isfinite(at->x) && isfinite(at->y) && isfinite(v->x) && isfinite(v->y);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The largest of 1, 2, 5 times a power of ten that is no more than x. */
static double round_below(double x)
{
    const double power = pow(10, floor(log10(x)));

    return x >= 5 * power ? 5 * power : x >= 2 * power ? 2 * power : power;
}

struct ss_arrow_scale ss_arrow_scale(const struct ss_plane_panel *p, struct ss_interval x,
                                     struct ss_interval y, double width, double height)
{
    enum { SAMPLE = 2048 };
    double length[SAMPLE], largest = 0;
    const size_t every = p->n_arrows / SAMPLE + 1;
    size_t n = 0, visible = 0;
    struct ss_xy at, v;

    for (size_t i = 0; p->arrow_at && p->arrow && i < p->n_arrows; i++) {
        if (!arrow_of(p, i, &at, &v) || at.x < x.low || at.x > x.high || at.y < y.low || at.y > y.high)
            continue;
        visible++;
        largest = fmax(largest, hypot(v.x, v.y));
        if (i % every == 0 && n < SAMPLE)
            length[n++] = hypot(v.x, v.y);
    }
    if (!n || !(largest > 0))
        return (struct ss_arrow_scale){0};
    qsort(length, n, sizeof(length[0]), ascending);
    /* Fields grow outwards: scaled by its longest arrow, one would show only its corners. */
    const double high = length[(size_t)(0.85 * (double)(n - 1))];
    const double usual = high > 0 ? high : largest;
    const double apart = fmin(fmax(sqrt(width * height / (double)visible), 5), 0.2 * fmin(width, height));
    struct ss_arrow_scale s = {
        .points = apart / usual, .longest = 1.7 * apart, .reference = round_below(usual)};
    s.cut = largest * s.points > s.longest;
    return s;
}

/* A shaft and two barbs; a vector too short for barbs is a dot of a line. Returns the number of segments. */
static size_t arrow_lines(struct ss_xy at, struct ss_xy v, double length, struct ss_xy out[6])
{
    const double size = hypot(v.x, v.y);
    const struct ss_xy d = size > 0 ? (struct ss_xy){v.x / size, v.y / size} : (struct ss_xy){1, 0};
    const double drawn = fmax(length, 0.6), barb = fmin(3.2, 0.38 * drawn);
    const struct ss_xy tip = {at.x + 0.5 * drawn * d.x, at.y + 0.5 * drawn * d.y};

    out[0] = (struct ss_xy){at.x - 0.5 * drawn * d.x, at.y - 0.5 * drawn * d.y};
    out[1] = out[2] = out[4] = tip;
    out[3] = (struct ss_xy){tip.x - barb * (d.x + 0.5 * d.y), tip.y - barb * (d.y - 0.5 * d.x)};
    out[5] = (struct ss_xy){tip.x - barb * (d.x - 0.5 * d.y), tip.y - barb * (d.y + 0.5 * d.x)};
    return drawn > 1.5 ? 3 : 1;
}

static struct ss_pen arrow_pen(const struct ss_plane_panel *p)
{
    const bool over_map = p && p->map && p->values;

    return (struct ss_pen){
        .colour = over_map ? ss_colour_fade(ss_palette_white(), 0.9) : ss_palette_colour(0), .width = 0.75};
}

enum ss_status ss_plane_draw_arrows(struct ss_canvas *c, const struct ss_axes *a,
                                    const struct ss_plane_panel *p, const struct ss_arrow_scale *scale)
{
    struct ss_xy *lines = NULL;
    size_t n = 0;
    const struct ss_pen pen = arrow_pen(p);
    enum ss_status st = SS_OK;

    if (scale->points <= 0)
        return SS_OK;
    TRY(ss_allocate(6 * p->n_arrows, &lines));
    for (size_t i = 0; i < p->n_arrows; i++) {
        struct ss_xy at, v;
        if (!arrow_of(p, i, &at, &v))
            continue;
        const double length = fmin(hypot(v.x, v.y) * scale->points, scale->longest);
        at = ss_axes_map(a, at.x, at.y);
        n += arrow_lines(at, (struct ss_xy){v.x, -v.y}, length, lines + 2 * n);
    }
    ss_canvas_segments(c, lines, n, &pen);
out:
    free(lines);
    return st;
}

void ss_arrow_reference(struct ss_canvas *c, const struct ss_arrow_scale *scale, const char *label,
                        struct ss_xy at, const struct ss_text_style *style, double width)
{
    struct ss_xy lines[6];
    struct ss_text_style s = *style;
    struct ss_pen pen = arrow_pen(NULL);
    char number[SS_TICK_LABEL], text[160];
    const double length = scale->reference * scale->points, gap = 5;

    ss_number_label(scale->reference, 2, number, sizeof(number));
    snprintf(text, sizeof(text), "%s%s%s%s", label ? label : "", label ? " = " : "", number,
             scale->cut ? ", longest cut" : "");
    const double text_length = fmin(ss_canvas_text_length(c, text, &s), width - length - gap);
    const double left = at.x - 0.5 * (length + gap + text_length);
    s.across = SS_ALIGN_START;
    pen.colour = ss_palette_ink();
    ss_canvas_segments(
        c, lines, arrow_lines((struct ss_xy){left + 0.5 * length, at.y}, (struct ss_xy){1, 0}, length, lines),
        &pen);
    ss_canvas_text_within(c, (struct ss_xy){left + length + gap, at.y}, text, &s, width - length - gap);
}
