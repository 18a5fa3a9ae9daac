#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "report/canvas_parts.h"
#include "report/svg.h"

/* Corners of a marker about the origin, for radius 1; areas are about those of the circle. */
static size_t marker_outline(enum ss_marker m, struct ss_xy p[12])
{
    static const struct ss_xy square[] = {{-.89, -.89}, {.89, -.89}, {.89, .89}, {-.89, .89}};
    static const struct ss_xy triangle[] = {{0, -1.35}, {1.17, .68}, {-1.17, .68}};
    static const struct ss_xy diamond[] = {{0, -1.25}, {1.25, 0}, {0, 1.25}, {-1.25, 0}};
    static const struct ss_xy plus[] = {{-.38, -1.3}, {.38, -1.3}, {.38, -.38},  {1.3, -.38},
                                        {1.3, .38},   {.38, .38},  {.38, 1.3},   {-.38, 1.3},
                                        {-.38, .38},  {-1.3, .38}, {-1.3, -.38}, {-.38, -.38}};
    const struct ss_xy *from = square;
    size_t n = 4;

    if (m == SS_MARKER_TRIANGLE) {
        from = triangle;
        n = 3;
    } else if (m == SS_MARKER_DIAMOND) {
        from = diamond;
    } else if (m == SS_MARKER_PLUS || m == SS_MARKER_CROSS) {
        from = plus;
        n = 12;
    }
    for (size_t i = 0; i < n; i++) {
        p[i] = from[i];
        if (m == SS_MARKER_CROSS)
            p[i] = (struct ss_xy){0.7071 * (from[i].x - from[i].y), 0.7071 * (from[i].x + from[i].y)};
    }
    return n;
}

static bool inside(const struct ss_box *b, struct ss_xy p)
{
    return p.x >= b->x && p.x <= b->x + b->width && p.y >= b->y && p.y <= b->y + b->height;
}

static void point_paths(struct ss_canvas *c, const struct ss_box *within, const struct ss_xy *p, size_t n,
                        const struct ss_points_style *s)
{
    struct ss_xy outline[12], at[12];
    const bool circle = s->marker == SS_MARKER_CIRCLE;
    const size_t corners = marker_outline(s->marker, outline);

    ss_text_add(&c->svg, "<g");
    if (circle) { /* a dot is a short line with round ends: the shortest way to write one */
        ss_svg_pen(&c->svg, &(struct ss_pen){.colour = s->colour, .width = 2 * s->radius});
        ss_text_add(&c->svg, " stroke-linecap=\"round\"");
    } else {
        ss_svg_paint(&c->svg, "fill", s->colour);
    }
    ss_text_add(&c->svg, ">\n");
    ss_canvas_set_colour(c, s->colour);
    for (size_t i = 0; i < n; i++) {
        if (!inside(within, p[i]))
            continue;
        for (size_t k = 0; k < corners; k++)
            at[k] = (struct ss_xy){p[i].x + s->radius * outline[k].x, p[i].y + s->radius * outline[k].y};
        if (circle)
            cairo_arc(c->cr, p[i].x, p[i].y, s->radius, 0, 2 * SS_PI);
        else
            for (size_t k = 0; k < corners; k++)
                cairo_line_to(c->cr, at[k].x, at[k].y);
        cairo_fill(c->cr);
        ss_text_add(&c->svg, "<path d=\"");
        ss_svg_path(&c->svg, circle ? &p[i] : at, circle ? 1 : corners);
        ss_text_add(&c->svg, circle ? "h.01\"/>" : "Z\"/>");
    }
    ss_text_add(&c->svg, "</g>\n");
    ss_canvas_keep_status(c, cairo_status(c->cr));
}

/* Opacity of a disc laid over what is there, its rim softened over one pixel. */
static void stamp(float *opacity, size_t width, size_t height, struct ss_xy at, double radius, double alpha)
{
    const double x0 = fmax(floor(at.x - radius - 0.5), 0), y0 = fmax(floor(at.y - radius - 0.5), 0);
    const double x1 = fmin(at.x + radius + 0.5, (double)width),
                 y1 = fmin(at.y + radius + 0.5, (double)height);

    for (double y = y0; y < y1; y += 1)
        for (double x = x0; x < x1; x += 1) {
            const double cover = radius + 0.5 - hypot(x + 0.5 - at.x, y + 0.5 - at.y);
            float *const o = &opacity[(size_t)y * width + (size_t)x];
            if (cover > 0)
                *o += (1.0f - *o) * (float)(alpha * fmin(cover, 1.0));
        }
}

static void point_image(struct ss_canvas *c, const struct ss_box *within, const struct ss_xy *p, size_t n,
                        const struct ss_points_style *s)
{
    const size_t width = (size_t)ceil(SS_CANVAS_SCALE * within->width);
    const size_t height = (size_t)ceil(SS_CANVAS_SCALE * within->height);
    float *opacity = NULL;
    uint32_t *argb = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(width * height, &opacity));
    TRY(ss_allocate(width * height, &argb));
    for (size_t i = 0; i < n; i++)
        if (inside(within, p[i]))
            stamp(opacity, width, height,
                  (struct ss_xy){SS_CANVAS_SCALE * (p[i].x - within->x),
                                 SS_CANVAS_SCALE * (p[i].y - within->y)},
                  SS_CANVAS_SCALE * s->radius, s->colour.alpha);
    for (size_t i = 0; i < width * height; i++) {
        const double a = 255.0 * (double)opacity[i];
        argb[i] = (uint32_t)lround(a) << 24 | (uint32_t)lround(a * s->colour.red) << 16 |
                  (uint32_t)lround(a * s->colour.green) << 8 | (uint32_t)lround(a * s->colour.blue);
    }
    ss_text_add(&c->svg, "<g class=\"points\">\n"); /* a page may light them up on dark */
    ss_canvas_image(c, within, &(struct ss_pixels){width, height, argb, false});
    ss_text_add(&c->svg, "</g>\n");
out:
    if (st != SS_OK && c->status == SS_OK)
        c->status = st;
    free(opacity);
    free(argb);
}

void ss_canvas_points(struct ss_canvas *c, const struct ss_box *within, const struct ss_xy *p, size_t n,
                      const struct ss_points_style *style)
{
    const size_t most_paths = 3000;

    if (n > most_paths)
        point_image(c, within, p, n, style);
    else if (n)
        point_paths(c, within, p, n, style);
}
