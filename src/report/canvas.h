/*
 * canvas.h - a white sheet that is drawn on once and written twice: BASE.png at two pixels a point, and
 * BASE.svg with its text as text (searchable, and safe to put several of into one HTML page: no ids).
 *
 * Units are points (1/72 inch) from the top left corner, y down. Drawing never fails: the first error is kept
 * and told by ss_canvas_write. Text is UTF-8; what is not becomes '?'; what stands between SS_RAISE and
 * SS_LOWER (ticks.h) is raised. The same calls make the same bytes on one machine.
 */
#ifndef SS_REPORT_CANVAS_H
#define SS_REPORT_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "report/palette.h"

struct ss_xy {
    double x, y;
};
struct ss_box {
    double x, y, width, height;
};

struct ss_canvas;

enum { SS_CANVAS_SCALE = 2, SS_CANVAS_MOST = 8000 }; /* pixels a point; points a side */

/** A canvas without size: text can be measured, so that the size can follow from it. */
SS_MUST_CHECK enum ss_status ss_canvas_create(struct ss_canvas **out);
void ss_canvas_free(struct ss_canvas *c);

/** Give it its size, rounded up to whole points and cut to SS_CANVAS_MOST; once, before anything is drawn. */
void ss_canvas_begin(struct ss_canvas *c, double width, double height);
double ss_canvas_width(const struct ss_canvas *c);
double ss_canvas_height(const struct ss_canvas *c);

/** Write `base`.png and `base`.svg, each whole or not at all. `title` (NULL: none) is what a screen reader
 * says. SS_ERR_FILE names the path. */
SS_MUST_CHECK enum ss_status ss_canvas_write(const struct ss_canvas *c, const char *base, const char *title);

/** Add the SVG of what was drawn to `out`, without root and sheet: for a page that sets its own colours. */
SS_MUST_CHECK enum ss_status ss_canvas_elements(const struct ss_canvas *c, struct ss_text *out);

/** An open line through n points; fewer than two draw nothing. */
void ss_canvas_line(struct ss_canvas *c, const struct ss_xy *p, size_t n, const struct ss_pen *pen);

/** n separate lines p[2i] to p[2i+1], one path: overlaps do not darken. */
void ss_canvas_segments(struct ss_canvas *c, const struct ss_xy *p, size_t n, const struct ss_pen *pen);

void ss_canvas_fill(struct ss_canvas *c, const struct ss_xy *p, size_t n, struct ss_colour colour);
void ss_canvas_fill_box(struct ss_canvas *c, const struct ss_box *b, struct ss_colour colour);
void ss_canvas_frame_box(struct ss_canvas *c, const struct ss_box *b, const struct ss_pen *pen);

/** Markers of the given radius, each laid over the ones before; those outside `within` are left out. Beyond a
 * few thousand they become one image, so that a file stays small. */
struct ss_points_style {
    enum ss_marker marker;
    double radius;
    struct ss_colour colour;
};
void ss_canvas_points(struct ss_canvas *c, const struct ss_box *within, const struct ss_xy *p, size_t n,
                      const struct ss_points_style *style);

/** width * height pixels in rows from the top, each 0xAARRGGBB with colours already multiplied by alpha,
 * stretched over `b`; `crisp` keeps their edges where they are enlarged. */
struct ss_pixels {
    size_t width, height;
    const uint32_t *argb;
    bool crisp;
};
void ss_canvas_image(struct ss_canvas *c, const struct ss_box *b, const struct ss_pixels *pixels);

/** Until the end, only what is inside `b` is drawn. Not nested. */
void ss_canvas_clip(struct ss_canvas *c, const struct ss_box *b);
void ss_canvas_clip_end(struct ss_canvas *c);

enum ss_align { SS_ALIGN_START, SS_ALIGN_MIDDLE, SS_ALIGN_END };
struct ss_text_style {
    double size;
    bool bold;
    bool upward;                    /* read from bottom to top; `across` then goes along y */
    enum ss_align across, vertical; /* where the given point lies in the text; vertical by capitals' height */
    struct ss_colour colour;
};
void ss_canvas_text(struct ss_canvas *c, struct ss_xy at, const char *text,
                    const struct ss_text_style *style);

/** Length of a text in points, along its own direction. Its height is SS_CAPITAL times its size. */
double ss_canvas_text_length(struct ss_canvas *c, const char *text, const struct ss_text_style *style);
#define SS_CAPITAL 0.73

/** Draw a text in at most `length` points: smaller by up to a quarter, then cut with an ellipsis. */
void ss_canvas_text_within(struct ss_canvas *c, struct ss_xy at, const char *text,
                           const struct ss_text_style *style, double length);

#endif
