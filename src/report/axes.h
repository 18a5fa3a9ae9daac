/*
 * axes.h - one panel: a frame with ticks, labels, grid and title, and the map from data to the sheet. Margins
 * follow from measured text, so nothing is cut off and nothing overlaps.
 *
 *     struct ss_axes a = {.title = ..., .x = {.label = ..., .range = ...}, .y = {...}};
 *     ss_axes_fit(c, &a, &whole);  ss_axes_draw_under(c, &a);  ...data...  ss_axes_draw_over(c, &a);
 */
#ifndef SS_REPORT_AXES_H
#define SS_REPORT_AXES_H

#include "report/canvas.h"
#include "report/ticks.h"

struct ss_axis {
    const char *label; /* with its unit, as "time (s)"; NULL: none */
    bool log;
    bool bare;                /* tick marks without labels: a neighbour has them */
    struct ss_interval range; /* settled */
    /* Numbers 0, 1, ... are named instead of counted; NULL: numbers. */
    const char *const *names;
    size_t n_names;
    struct ss_ticks ticks; /* chosen by ss_axes_measure */
};

struct ss_axes {
    const char *title; /* NULL: none */
    struct ss_axis x, y;
    bool grid;
    bool small; /* smaller text, for many panels */
    struct ss_box frame;
};

struct ss_margins {
    double left, right, top, bottom;
};

/** Choose the ticks for a frame of this size and say what room is needed around it. */
void ss_axes_measure(struct ss_canvas *c, struct ss_axes *a, double width, double height,
                     struct ss_margins *m);

/** Set the frame so that it and all around it fills `whole`. */
void ss_axes_fit(struct ss_canvas *c, struct ss_axes *a, const struct ss_box *whole);

/** Grid lines. Before the data. */
void ss_axes_draw_under(struct ss_canvas *c, const struct ss_axes *a);

/** Frame, ticks, labels, title. After the data. */
void ss_axes_draw_over(struct ss_canvas *c, const struct ss_axes *a);

/** Where a value lies, kept within some thousand points of the sheet; NaN for what has no place (NaN, or not
 * positive on a log axis). */
double ss_axes_x(const struct ss_axes *a, double x);
double ss_axes_y(const struct ss_axes *a, double y);
struct ss_xy ss_axes_map(const struct ss_axes *a, double x, double y);

/** The look of text; size in points. */
struct ss_text_style ss_text_plain(double size);
double ss_axes_tick_size(const struct ss_axes *a);
double ss_axes_label_size(const struct ss_axes *a);

/** Grey text in the middle of the frame, for a panel with nothing to show. */
void ss_axes_say(struct ss_canvas *c, const struct ss_axes *a, const char *text);

/** "3 of 1000 points outside": what a picture leaves out, of counts {total, outside, not finite}; empty if
 * nothing. */
void ss_hidden_note(char *out, size_t size, const char *what, const size_t counts[3]);

/** A bar of a colour map right of a frame, with ticks for the range. */
struct ss_colour_bar {
    const struct ss_colour_map *map;
    const char *label; /* NULL: none */
    struct ss_interval range;
};
/** Room it needs right of a frame of this height; 0.. */
double ss_colour_bar_width(struct ss_canvas *c, const struct ss_colour_bar *b, double height);
void ss_colour_bar_draw(struct ss_canvas *c, const struct ss_colour_bar *b, const struct ss_box *frame);

#endif
