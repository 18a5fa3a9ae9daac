/* canvas_parts.h - what canvas.c, canvas_points.c and canvas_text.c share; nobody else includes it. */
#ifndef SS_REPORT_CANVAS_PARTS_H
#define SS_REPORT_CANVAS_PARTS_H

#include <cairo.h>

#include "base/text.h"
#include "report/canvas.h"

struct ss_canvas {
    double width, height;
    cairo_surface_t *surface;
    cairo_t *cr;
    struct ss_text svg;    /* the elements, without the root */
    enum ss_status status; /* the first failure, already reported */
    bool ascii;            /* no font was found: cairo's built-in one has ASCII only */
};

/** Keep the first failure of cairo and report it. */
void ss_canvas_keep_status(struct ss_canvas *c, cairo_status_t s);

void ss_canvas_set_colour(struct ss_canvas *c, struct ss_colour colour);

#define SS_PI 3.14159265358979323846

#endif
