#include "report/axes.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double mark = 3.5, gap = 3.0; /* length of a tick, distance to its label */

struct ss_text_style ss_text_plain(double size)
{
    return (struct ss_text_style){
        .size = size, .across = SS_ALIGN_MIDDLE, .vertical = SS_ALIGN_MIDDLE, .colour = ss_palette_ink()};
}

double ss_axes_tick_size(const struct ss_axes *a)
{
    return a->small ? 7.0 : 8.5;
}

double ss_axes_label_size(const struct ss_axes *a)
{
    return a->small ? 8.0 : 9.5;
}

static double title_size(const struct ss_axes *a)
{
    return a->small ? 8.5 : 10.5;
}

static double place(const struct ss_axis *axis, double x)
{
    const double far = 20.0; /* in lengths of the axis */
    double t;

    if (axis->log)
        t = x > 0 ? (log10(x) - log10(axis->range.low)) / (log10(axis->range.high) - log10(axis->range.low))
                  : NAN;
    else
        t = (x - axis->range.low) / (axis->range.high - axis->range.low);
    return isnan(t) ? NAN : fmin(fmax(t, -far), far);
}

double ss_axes_x(const struct ss_axes *a, double x)
{
    return a->frame.x + place(&a->x, x) * a->frame.width;
}

double ss_axes_y(const struct ss_axes *a, double y)
{
    return a->frame.y + (1.0 - place(&a->y, y)) * a->frame.height;
}

struct ss_xy ss_axes_map(const struct ss_axes *a, double x, double y)
{
    return (struct ss_xy){ss_axes_x(a, x), ss_axes_y(a, y)};
}

static void choose_names(struct ss_axis *axis, size_t most)
{
    struct ss_ticks *const t = &axis->ticks;
    const size_t every = axis->n_names / most + (axis->n_names % most != 0);

    *t = (struct ss_ticks){0};
    for (size_t i = 0; i < axis->n_names && t->n < SS_TICKS; i += every ? every : 1)
        if ((double)i >= axis->range.low && (double)i <= axis->range.high)
            t->at[t->n++] = (double)i;
}

static void choose(struct ss_axis *axis, size_t most)
{
    if (axis->names)
        choose_names(axis, most);
    else if (axis->log)
        ss_ticks_log(&axis->ticks, axis->range, most);
    else
        ss_ticks_linear(&axis->ticks, axis->range, most);
}

/* A lone tick gives no scale. */
static void choose_some(struct ss_axis *axis, size_t most)
{
    choose(axis, most);
    while (!axis->names && axis->ticks.n < 2 && most < 8)
        choose(axis, ++most);
}

static const char *tick_label(const struct ss_axis *axis, size_t i)
{
    return axis->names ? axis->names[(size_t)axis->ticks.at[i]] : axis->ticks.label[i];
}

static double widest_label(struct ss_canvas *c, const struct ss_axes *a, const struct ss_axis *axis)
{
    const struct ss_text_style s = ss_text_plain(ss_axes_tick_size(a));
    double widest = 0;

    for (size_t i = 0; i < axis->ticks.n && !axis->bare; i++)
        widest = fmax(widest, ss_canvas_text_length(c, tick_label(axis, i), &s));
    return widest;
}

/* True if no two labels of the x axis come closer than a blank. */
static bool labels_fit(struct ss_canvas *c, const struct ss_axes *a, double width)
{
    const struct ss_text_style s = ss_text_plain(ss_axes_tick_size(a));
    double end = -INFINITY;

    for (size_t i = 0; i < a->x.ticks.n; i++) {
        const double middle = place(&a->x, a->x.ticks.at[i]) * width;
        const double half = 0.5 * ss_canvas_text_length(c, tick_label(&a->x, i), &s);
        if (middle - half < end + 0.9 * s.size)
            return false;
        end = middle + half;
    }
    return true;
}

/* "×10^6" at the end of an axis whose labels leave it out; empty if there is none. */
static void multiplier_text(const struct ss_axis *axis, char out[SS_TICK_LABEL])
{
    const int m = axis->ticks.multiplier;

    out[0] = '\0';
    if (m)
        snprintf(out, SS_TICK_LABEL, SS_TIMES "10" SS_RAISE "%s%d" SS_LOWER, m < 0 ? SS_MINUS : "", abs(m));
}

static bool has_multiplier(const struct ss_axis *axis)
{
    return axis->ticks.multiplier && !axis->bare && !axis->names;
}

static double title_room(const struct ss_axes *a)
{
    return a->title ? 1.45 * title_size(a) : 0;
}

static double multiplier_room(const struct ss_axes *a)
{
    return has_multiplier(&a->y) ? 1.4 * ss_axes_tick_size(a) : 0;
}

/* Where even two intervals are too many, the outer two labels say enough, or the first alone. */
static void keep_outer_ticks(struct ss_canvas *c, struct ss_axes *a, double width)
{
    struct ss_ticks *const t = &a->x.ticks;

    t->at[1] = t->at[t->n - 1];
    memmove(t->label[1], t->label[t->n - 1], SS_TICK_LABEL);
    t->n = 2;
    if (!labels_fit(c, a, width))
        t->n = 1;
}

/* Small panels stand close: a label that sticks out at the side could meet the neighbour's. Returns how many
 * are left. */
static size_t blank_overhanging(struct ss_canvas *c, struct ss_axes *a, double width)
{
    const struct ss_text_style s = ss_text_plain(ss_axes_tick_size(a));
    const double allowed = 1.0;
    size_t left = a->x.ticks.n;

    for (size_t i = 0; i < a->x.ticks.n && a->small && !a->x.names; i++) {
        const double middle = place(&a->x, a->x.ticks.at[i]) * width;
        const double half = 0.5 * ss_canvas_text_length(c, a->x.ticks.label[i], &s);
        if (middle - half < -allowed || middle + half > width + allowed) {
            a->x.ticks.label[i][0] = '\0';
            left--;
        }
    }
    return left;
}

/* As many as fit, but at least two that can be read, if need be by taking more. */
static void choose_x(struct ss_canvas *c, struct ss_axes *a, double width, size_t most)
{
    const size_t densest = most + 4;

    /* The same for bare axes: their marks stand above a neighbour's labels. */
    for (size_t m = most; m >= 2; m--) {
        choose(&a->x, m);
        if (labels_fit(c, a, width) && blank_overhanging(c, a, width) >= 2)
            return;
    }
    for (size_t m = most + 1; m <= densest; m++) {
        choose(&a->x, m);
        if (labels_fit(c, a, width) && blank_overhanging(c, a, width) >= 2)
            return;
    }
    choose_some(&a->x, 2);
    if (!labels_fit(c, a, width) && a->x.ticks.n > 1)
        keep_outer_ticks(c, a, width);
    blank_overhanging(c, a, width);
}

void ss_axes_measure(struct ss_canvas *c, struct ss_axes *a, double width, double height,
                     struct ss_margins *m)
{
    const double tick = ss_axes_tick_size(a), label = ss_axes_label_size(a);
    const size_t most_x = (size_t)fmin(fmax(width / (a->small ? 18 : 38), 2), a->x.names ? 20 : 9);
    const size_t most_y = (size_t)fmin(fmax(height / (a->small ? 18 : 26), 2), a->y.names ? 20 : 9);

    choose_some(&a->y, most_y);
    choose_x(c, a, width, most_x);
    const double half_x = 0.5 * widest_label(c, a, &a->x), wide_y = widest_label(c, a, &a->y);
    m->left = mark + (wide_y > 0 ? gap + wide_y : 0) + (a->y.label ? 2 * gap + label * 0.95 : 0) + 2;
    m->left = fmax(m->left, half_x + 2);
    m->right = fmax(5, half_x + 2);
    m->top = fmax(0.5 * tick, multiplier_room(a)) + title_room(a) + 2;
    m->bottom = mark + (a->x.bare ? 0 : gap + tick * 0.9) +
                (a->x.label              ? gap + label * 1.05
                 : has_multiplier(&a->x) ? gap + tick
                                         : 0) +
                3;
}

void ss_axes_fit(struct ss_canvas *c, struct ss_axes *a, const struct ss_box *whole)
{
    struct ss_margins m = {0}, now;
    double width = whole->width, height = whole->height;

    for (int pass = 0; pass < 3; pass++) { /* ticks depend on the frame, the frame on their labels */
        ss_axes_measure(c, a, width, height, &now);
        m.left = fmax(m.left, ceil(now.left));
        m.right = fmax(m.right, ceil(now.right));
        m.top = fmax(m.top, ceil(now.top));
        m.bottom = fmax(m.bottom, ceil(now.bottom));
        width = fmax(whole->width - m.left - m.right, 10);
        height = fmax(whole->height - m.top - m.bottom, 10);
    }
    ss_axes_measure(c, a, width, height, &now);
    a->frame = (struct ss_box){whole->x + m.left, whole->y + m.top, width, height};
}

/* Lines one pixel wide lie on pixels, not between them. */
static double on_pixel(double x)
{
    return (floor(x * SS_CANVAS_SCALE) + 0.5) / SS_CANVAS_SCALE;
}

static struct ss_pen thin(struct ss_colour colour)
{
    return (struct ss_pen){.colour = colour, .width = 0.5};
}

void ss_axes_draw_under(struct ss_canvas *c, const struct ss_axes *a)
{
    struct ss_xy p[4 * SS_TICKS];
    size_t n = 0;
    const struct ss_box f = a->frame;
    const struct ss_pen pen = thin(ss_palette_grid());

    if (!a->grid)
        return;
    for (size_t i = 0; i < a->x.ticks.n; i++) {
        const double x = on_pixel(ss_axes_x(a, a->x.ticks.at[i]));
        p[n++] = (struct ss_xy){x, f.y};
        p[n++] = (struct ss_xy){x, f.y + f.height};
    }
    for (size_t i = 0; i < a->y.ticks.n; i++) {
        const double y = on_pixel(ss_axes_y(a, a->y.ticks.at[i]));
        p[n++] = (struct ss_xy){f.x, y};
        p[n++] = (struct ss_xy){f.x + f.width, y};
    }
    ss_canvas_segments(c, p, n / 2, &pen);
}

static size_t add_marks(const struct ss_axes *a, bool along_x, const double *at, size_t n, double length,
                        struct ss_xy *p)
{
    const struct ss_box f = a->frame;

    for (size_t i = 0; i < n; i++) {
        const double t = on_pixel(along_x ? ss_axes_x(a, at[i]) : ss_axes_y(a, at[i]));
        p[2 * i] = along_x ? (struct ss_xy){t, f.y + f.height} : (struct ss_xy){f.x, t};
        p[2 * i + 1] = along_x ? (struct ss_xy){t, f.y + f.height + length} : (struct ss_xy){f.x - length, t};
    }
    return 2 * n;
}

static void draw_marks(struct ss_canvas *c, const struct ss_axes *a)
{
    struct ss_xy p[4 * (SS_TICKS + SS_MINOR_TICKS)];
    const struct ss_pen pen = thin(ss_palette_frame());
    size_t n = 0;

    n += add_marks(a, true, a->x.ticks.at, a->x.ticks.n, mark, p + n);
    n += add_marks(a, false, a->y.ticks.at, a->y.ticks.n, mark, p + n);
    n += add_marks(a, true, a->x.ticks.minor, a->x.ticks.n_minor, 0.55 * mark, p + n);
    n += add_marks(a, false, a->y.ticks.minor, a->y.ticks.n_minor, 0.55 * mark, p + n);
    ss_canvas_segments(c, p, n / 2, &pen);
}

static void draw_x_labels(struct ss_canvas *c, const struct ss_axes *a)
{
    const struct ss_box f = a->frame;
    struct ss_text_style s = ss_text_plain(ss_axes_tick_size(a));
    char multiplier[SS_TICK_LABEL];
    double below = f.y + f.height + mark + gap, taken = 0;

    s.vertical = SS_ALIGN_START;
    for (size_t i = 0; i < a->x.ticks.n && !a->x.bare; i++)
        ss_canvas_text(c, (struct ss_xy){ss_axes_x(a, a->x.ticks.at[i]), below}, tick_label(&a->x, i), &s);
    below += a->x.bare ? 0 : 0.9 * s.size + gap;
    if (has_multiplier(&a->x)) {
        multiplier_text(&a->x, multiplier);
        s.across = SS_ALIGN_END;
        taken = ss_canvas_text_length(c, multiplier, &s) + 6;
        ss_canvas_text(c, (struct ss_xy){f.x + f.width, below + 2}, multiplier, &s);
    }
    if (!a->x.label)
        return;
    s = ss_text_plain(ss_axes_label_size(a));
    s.vertical = SS_ALIGN_START;
    ss_canvas_text_within(c, (struct ss_xy){f.x + 0.5 * f.width, below}, a->x.label, &s, f.width - 2 * taken);
}

static void draw_y_labels(struct ss_canvas *c, const struct ss_axes *a)
{
    const struct ss_box f = a->frame;
    struct ss_text_style s = ss_text_plain(ss_axes_tick_size(a));
    char multiplier[SS_TICK_LABEL];
    const double left = f.x - mark - gap, wide = widest_label(c, a, &a->y);

    s.across = SS_ALIGN_END;
    for (size_t i = 0; i < a->y.ticks.n && !a->y.bare; i++)
        ss_canvas_text(c, (struct ss_xy){left, ss_axes_y(a, a->y.ticks.at[i])}, tick_label(&a->y, i), &s);
    if (has_multiplier(&a->y)) {
        multiplier_text(&a->y, multiplier);
        s.across = SS_ALIGN_START;
        s.vertical = SS_ALIGN_END;
        ss_canvas_text(c, (struct ss_xy){f.x, f.y - 3}, multiplier, &s);
    }
    if (!a->y.label)
        return;
    s = ss_text_plain(ss_axes_label_size(a));
    s.upward = true;
    s.vertical = SS_ALIGN_END;
    ss_canvas_text_within(
        c, (struct ss_xy){f.x - mark - (wide > 0 ? gap + wide : 0) - 2 * gap, f.y + 0.5 * f.height},
        a->y.label, &s, f.height);
}

void ss_axes_draw_over(struct ss_canvas *c, const struct ss_axes *a)
{
    const struct ss_box f = a->frame;
    const struct ss_pen pen = {.colour = ss_palette_frame(), .width = 0.8};
    struct ss_text_style s = ss_text_plain(title_size(a));

    ss_canvas_frame_box(c, &f, &pen);
    draw_marks(c, a);
    draw_x_labels(c, a);
    draw_y_labels(c, a);
    if (!a->title)
        return;
    s.bold = true;
    s.vertical = SS_ALIGN_END;
    ss_canvas_text_within(
        c, (struct ss_xy){f.x + 0.5 * f.width, f.y - fmax(0.4 * s.size, multiplier_room(a) + 2)}, a->title,
        &s, f.width);
}

void ss_axes_say(struct ss_canvas *c, const struct ss_axes *a, const char *text)
{
    struct ss_text_style s = ss_text_plain(ss_axes_label_size(a));

    s.colour = (struct ss_colour){0.45, 0.45, 0.45, 1.0};
    ss_canvas_text_within(
        c, (struct ss_xy){a->frame.x + 0.5 * a->frame.width, a->frame.y + 0.5 * a->frame.height}, text, &s,
        0.9 * a->frame.width);
}

void ss_hidden_note(char *out, size_t size, const char *what, const size_t counts[3])
{
    const size_t total = counts[0], outside = counts[1], missing = counts[2];

    out[0] = '\0';
    if (outside && missing)
        snprintf(out, size, "%zu %s: %zu outside, %zu not finite", total, what, outside, missing);
    else if (outside || missing)
        snprintf(out, size, "%zu of %zu %s %s", outside + missing, total, what,
                 outside ? "outside" : "not finite");
}

enum { BAR_GAP = 5, BAR_WIDTH = 8 };

/* The bar's ticks are those of a y axis on its other side. */
static void bar_axis(const struct ss_colour_bar *b, double height, struct ss_axes *a)
{
    *a = (struct ss_axes){.y = {.range = b->range}};
    choose(&a->y, (size_t)fmax(height / 26, 2));
}

double ss_colour_bar_width(struct ss_canvas *c, const struct ss_colour_bar *b, double height)
{
    struct ss_axes a;
    char multiplier[SS_TICK_LABEL];
    const struct ss_text_style s = ss_text_plain(ss_axes_tick_size(&(struct ss_axes){0}));

    bar_axis(b, height, &a);
    multiplier_text(&a.y, multiplier);
    const double labels = BAR_WIDTH + mark + gap + widest_label(c, &a, &a.y) + (b->label ? 2 * gap + 9.5 : 0);
    return BAR_GAP + fmax(labels, ss_canvas_text_length(c, multiplier, &s)) + 2;
}

void ss_colour_bar_draw(struct ss_canvas *c, const struct ss_colour_bar *b, const struct ss_box *frame)
{
    enum {
        ACROSS = BAR_WIDTH * SS_CANVAS_SCALE
    }; /* a single column would fade at its sides in some viewers */
    uint32_t argb[SS_MAP_STEPS * ACROSS];
    struct ss_axes a;
    struct ss_xy p[2 * SS_TICKS];
    struct ss_text_style s;
    const struct ss_box bar = {frame->x + frame->width + BAR_GAP, frame->y, BAR_WIDTH, frame->height};
    const struct ss_pen pen = {.colour = ss_palette_frame(), .width = 0.8},
                        tick_pen = thin(ss_palette_frame());
    const double right = bar.x + bar.width;

    bar_axis(b, frame->height, &a);
    a.frame = bar;
    for (size_t i = 0; i < SS_MAP_STEPS; i++) {
        const unsigned char *const rgb = b->map->rgb[SS_MAP_STEPS - 1 - i];
        for (size_t k = 0; k < ACROSS; k++)
            argb[i * ACROSS + k] = 0xff000000u | (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
    }
    ss_canvas_image(c, &bar, &(struct ss_pixels){ACROSS, SS_MAP_STEPS, argb, true});
    ss_canvas_frame_box(c, &bar, &pen);
    s = ss_text_plain(ss_axes_tick_size(&a));
    s.across = SS_ALIGN_START;
    for (size_t i = 0; i < a.y.ticks.n; i++) {
        const double y = ss_axes_y(&a, a.y.ticks.at[i]);
        p[2 * i] = (struct ss_xy){right, on_pixel(y)};
        p[2 * i + 1] = (struct ss_xy){right + mark, on_pixel(y)};
        ss_canvas_text(c, (struct ss_xy){right + mark + gap, y}, a.y.ticks.label[i], &s);
    }
    ss_canvas_segments(c, p, a.y.ticks.n, &tick_pen);
    if (a.y.ticks.multiplier) {
        char multiplier[SS_TICK_LABEL];
        multiplier_text(&a.y, multiplier);
        s.vertical = SS_ALIGN_END;
        ss_canvas_text(c, (struct ss_xy){bar.x, bar.y - 3}, multiplier, &s);
    }
    if (!b->label)
        return;
    const double wide = widest_label(c, &a, &a.y);
    s = ss_text_plain(ss_axes_label_size(&a));
    s.upward = true;
    s.vertical = SS_ALIGN_START;
    ss_canvas_text_within(c, (struct ss_xy){right + mark + gap + wide + 2 * gap, bar.y + 0.5 * bar.height},
                          b->label, &s, bar.height);
}
