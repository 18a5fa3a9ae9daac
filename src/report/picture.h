/*
 * picture.h - the pictures of a run, each written as PATH.png (two pixels a point) and PATH.svg; `path` comes
 * without extension. Plain data in, files out; nothing is kept.
 *
 * Numbers that are not finite are left out, never an error: a picture of no data is a frame that says so.
 * Rows as they come from a device are float, function values and curves are double. SS_ERR_FILE names the
 * path that could not be written, SS_ERR_MEMORY means what it says. Titles and labels are UTF-8 and may be
 * NULL; write units in them, as "time (s)".
 */
#ifndef SS_REPORT_PICTURE_H
#define SS_REPORT_PICTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "base/text.h"
#include "report/ticks.h"

/* ---- curves ---- */

enum ss_line_style {
    SS_LINE,
    SS_LINE_STEP,   /* each y holds until the next x */
    SS_LINE_POINTS, /* markers alone; low and high are error bars */
    SS_LINE_MARKED  /* a line with markers */
};

struct ss_line_series {
    const char *name;         /* in the legend; NULL: not there */
    const double *x;          /* NULL: 0, 1, 2, ... */
    const double *y;          /* a NaN breaks the line */
    size_t n;                 /* any number: drawn no finer than the picture */
    const double *low, *high; /* a band around y, or NULL */
    enum ss_line_style style;
};

struct ss_line_chart {
    const char *title, *x_label, *y_label;
    bool log_x, log_y;
    const struct ss_line_series *series;
    size_t n_series;
    struct ss_interval x_range, y_range; /* low >= high (as both 0): from the data */
    const char *const *x_names;          /* categories at x = 0, 1, ...; NULL: numbers */
    size_t n_x_names;
};

SS_MUST_CHECK enum ss_status ss_picture_lines(const char *path, const struct ss_line_chart *chart);

/** Several charts side by side, at most three in a row. */
SS_MUST_CHECK enum ss_status ss_picture_line_panels(const char *path, const struct ss_line_chart *charts,
                                                    size_t n);

/** Where a chart lies on its sheet, in points from the top left, and what its axes span. */
struct ss_chart_place {
    double width, height, left, top, right, bottom;
    struct ss_interval x, y;
    bool log_x, log_y; /* as drawn: categories are never logarithmic */
};

/** The same chart as SVG elements alone, added to `svg`, on a sheet of this size: for a page. */
SS_MUST_CHECK enum ss_status ss_picture_line_elements(const struct ss_line_chart *chart, double width,
                                                      double height, struct ss_text *svg,
                                                      struct ss_chart_place *place);

/* ---- the plane ---- */

/** One panel of the plane; every part may be absent. All panels of a picture show the same ranges of x and y:
 * those that panels name, else of the arrows, else of the points but for wild ones. Points outside are
 * counted beneath. x and y have one scale, unless one range is more than three times the other. */
struct ss_plane_panel {
    const char *title, *x_label, *y_label;
    struct ss_interval x_range, y_range; /* to be shown, and of the grid; low >= high: not named */

    /* A function on a grid: values[iy * nx + ix] at x = x_range.low + ix * (length / (nx - 1)), y likewise
     * upwards, so that the corners of the grid are the corners of the ranges. */
    const double *values;
    size_t nx, ny;
    bool map;             /* as colours, with a bar */
    size_t contours;      /* about so many contour lines at round levels; 0: none */
    const double *levels; /* or these */
    size_t n_levels;
    struct ss_interval value_range; /* of the colours; low >= high: from the values */
    bool diverging;                 /* colours about 0 */
    const char *value_label;        /* of the bar */

    /* Arrows: n_arrows of (x, y), each the middle of its arrow, and of their components; a usual one is about
     * as long as arrows are apart, and one of stated length is drawn beneath. */
    const float *arrow_at, *arrow;
    size_t n_arrows;
    const char *arrow_label; /* what length means, as "score" */

    /* Points: n_points of (x, y), more transparent the more there are. */
    const float *points;
    size_t n_points;
};

SS_MUST_CHECK enum ss_status ss_picture_plane(const char *path, const struct ss_plane_panel *panels,
                                              size_t n_panels);

/* ---- distributions ---- */

struct ss_histogram_labels {
    const char *title, *x_label;
    const char *values_name, *curve_name; /* for a legend, if both are given */
};

/** A histogram of area 1, and a density over it: curve_y at curve_x, n_curve may be 0. */
SS_MUST_CHECK enum ss_status ss_picture_histogram(const char *path, const float *values, size_t n,
                                                  const double *curve_x, const double *curve_y,
                                                  size_t n_curve, const struct ss_histogram_labels *labels);

/** A set of points, rows * columns values in C order. */
struct ss_point_set {
    const char *name; /* in the legend */
    const float *values;
    size_t rows;
};

enum { SS_PAIR_COLUMNS = 8 };

/** Every pair of columns as a scatter plot, each column's histogram on the diagonal; of more than
 * SS_PAIR_COLUMNS columns the first ones, and the picture says so. One column: a histogram. `names`: columns
 * of them, or NULL. */
SS_MUST_CHECK enum ss_status ss_picture_scatter_pairs(const char *path, const float *values, size_t rows,
                                                      size_t columns, const char *const *names);

/** The same for several sets over each other, each in its colour; at most 8, in order from the back. */
SS_MUST_CHECK enum ss_status ss_picture_set_pairs(const char *path, const struct ss_point_set *sets,
                                                  size_t n_sets, size_t columns, const char *const *names);

/* ---- images ---- */

/** n grey images of height * width values, rows from the top, in a grid of so many columns (0: about square),
 * `low` black and `high` white (low >= high: the range of the values); a value that is not finite is orange.
 * Only so many as a page holds are drawn, and the picture says so. */
SS_MUST_CHECK enum ss_status ss_picture_images(const char *path, const float *values, size_t n, size_t height,
                                               size_t width, size_t columns, double low, double high);

#endif
