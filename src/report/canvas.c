#include "report/canvas_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/text.h"
#include "report/svg.h"

void ss_canvas_keep_status(struct ss_canvas *c, cairo_status_t s)
{
    if (s == CAIRO_STATUS_SUCCESS || c->status != SS_OK)
        return;
    c->status = SS_FAIL(s == CAIRO_STATUS_NO_MEMORY ? SS_ERR_MEMORY : SS_ERR_INTERNAL,
                        "cannot draw a picture: %s", cairo_status_to_string(s));
}

/* Unhinted metrics: text keeps its proportions at both scales, and layout does not depend on pixels. */
static void start_context(struct ss_canvas *c, int width, int height, double scale)
{
    cairo_font_options_t *const options = cairo_font_options_create();

    cairo_destroy(c->cr);
    cairo_surface_destroy(c->surface);
    c->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    c->cr = cairo_create(c->surface);
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    cairo_set_font_options(c->cr, options);
    cairo_font_options_destroy(options);
    cairo_scale(c->cr, scale, scale);
    cairo_set_source_rgb(c->cr, 1, 1, 1);
    cairo_paint(c->cr);
    cairo_set_line_join(c->cr, CAIRO_LINE_JOIN_ROUND);
    cairo_select_font_face(c->cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    c->ascii = cairo_scaled_font_get_type(cairo_get_scaled_font(c->cr)) == CAIRO_FONT_TYPE_USER;
    ss_canvas_keep_status(c, cairo_status(c->cr));
}

enum ss_status ss_canvas_create(struct ss_canvas **out)
{
    struct ss_canvas *c = NULL;
    enum ss_status st = ss_allocate(1, &c);

    if (st != SS_OK)
        return st;
    ss_text_init(&c->svg);
    start_context(c, 1, 1, 1.0);
    if (c->status != SS_OK) {
        st = c->status;
        ss_canvas_free(c);
        return st;
    }
    *out = c;
    return SS_OK;
}

void ss_canvas_free(struct ss_canvas *c)
{
    if (!c)
        return;
    cairo_destroy(c->cr);
    cairo_surface_destroy(c->surface);
    ss_text_release(&c->svg);
    free(c);
}

static double whole_points(double x)
{
    return fmin(fmax(ceil(x - 1e-6), 1.0), SS_CANVAS_MOST);
}

void ss_canvas_begin(struct ss_canvas *c, double width, double height)
{
    c->width = whole_points(width);
    c->height = whole_points(height);
    start_context(c, SS_CANVAS_SCALE * (int)c->width, SS_CANVAS_SCALE * (int)c->height, SS_CANVAS_SCALE);
}

double ss_canvas_width(const struct ss_canvas *c)
{
    return c->width;
}

double ss_canvas_height(const struct ss_canvas *c)
{
    return c->height;
}

static cairo_status_t append_bytes(void *closure, const unsigned char *bytes, unsigned n)
{
    struct ss_text *const t = closure;

    ss_text_add_bytes(t, bytes, n);
    return t->failed ? CAIRO_STATUS_NO_MEMORY : CAIRO_STATUS_SUCCESS;
}

static enum ss_status write_with_extension(const char *base, const char *extension, const struct ss_text *t)
{
    char *path = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_text_status(t));
    TRY(ss_text_format(&path, "%s.%s", base, extension));
    TRY(ss_file_write(path, t->data, t->length));
out:
    free(path);
    return st;
}

static void add_svg_root(struct ss_text *t, const struct ss_canvas *c, const char *title)
{
    char clean[SS_LABEL_SIZE] = "";

    ss_text_addf(t,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" "
                 "width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
                 "font-family=\"DejaVu Sans,Verdana,Arial,sans-serif\" role=\"img\">\n",
                 c->width, c->height, c->width, c->height);
    if (title) {
        ss_label_clean(title, clean);
        ss_text_add(t, "<title>");
        ss_svg_escape(t, clean);
        ss_text_add(t, "</title>\n");
    }
    ss_text_addf(t, "<rect width=\"%.0f\" height=\"%.0f\" fill=\"#fff\"/>\n", c->width, c->height);
    ss_text_add(t, c->svg.data);
    ss_text_add(t, "</svg>\n");
}

enum ss_status ss_canvas_write(const struct ss_canvas *c, const char *base, const char *title)
{
    struct ss_text t;
    enum ss_status st = c->status;

    ss_text_init(&t);
    TRY(st);
    TRY(ss_text_status(&c->svg));
    const cairo_status_t s = cairo_surface_write_to_png_stream(c->surface, append_bytes, &t);
    if (s != CAIRO_STATUS_SUCCESS) {
        st = SS_FAIL(s == CAIRO_STATUS_NO_MEMORY ? SS_ERR_MEMORY : SS_ERR_INTERNAL,
                     "%s.png: cannot encode: %s", base, cairo_status_to_string(s));
        goto out;
    }
    TRY(write_with_extension(base, "png", &t));
    ss_text_clear(&t);
    add_svg_root(&t, c, title);
    TRY(write_with_extension(base, "svg", &t));
out:
    ss_text_release(&t);
    return st;
}

enum ss_status ss_canvas_elements(const struct ss_canvas *c, struct ss_text *out)
{
    enum ss_status st = c->status;

    TRY(st);
    TRY(ss_text_status(&c->svg));
    ss_text_add_bytes(out, c->svg.data, c->svg.length);
    TRY(ss_text_status(out));
out:
    return st;
}

void ss_canvas_set_colour(struct ss_canvas *c, struct ss_colour colour)
{
    cairo_set_source_rgba(c->cr, colour.red, colour.green, colour.blue, colour.alpha);
}

static void stroke(struct ss_canvas *c, const struct ss_pen *pen)
{
    ss_canvas_set_colour(c, pen->colour);
    cairo_set_line_width(c->cr, pen->width);
    cairo_set_dash(c->cr, pen->dash, pen->dash[0] > 0 ? 4 : 0, 0.0);
    cairo_stroke(c->cr);
    ss_canvas_keep_status(c, cairo_status(c->cr));
}

void ss_canvas_line(struct ss_canvas *c, const struct ss_xy *p, size_t n, const struct ss_pen *pen)
{
    if (n < 2)
        return;
    for (size_t i = 0; i < n; i++)
        cairo_line_to(c->cr, p[i].x, p[i].y);
    stroke(c, pen);
    ss_text_add(&c->svg, "<path d=\"");
    ss_svg_path(&c->svg, p, n);
    ss_text_add(&c->svg, "\"");
    ss_svg_pen(&c->svg, pen);
    ss_text_add(&c->svg, "/>\n");
}

void ss_canvas_segments(struct ss_canvas *c, const struct ss_xy *p, size_t n, const struct ss_pen *pen)
{
    if (!n)
        return;
    ss_text_add(&c->svg, "<path d=\"");
    for (size_t i = 0; i < n; i++, p += 2) {
        cairo_move_to(c->cr, p[0].x, p[0].y);
        cairo_line_to(c->cr, p[1].x, p[1].y);
        ss_svg_path(&c->svg, p, 2);
    }
    stroke(c, pen);
    ss_text_add(&c->svg, "\"");
    ss_svg_pen(&c->svg, pen);
    ss_text_add(&c->svg, "/>\n");
}

void ss_canvas_fill(struct ss_canvas *c, const struct ss_xy *p, size_t n, struct ss_colour colour)
{
    if (n < 3)
        return;
    for (size_t i = 0; i < n; i++)
        cairo_line_to(c->cr, p[i].x, p[i].y);
    ss_canvas_set_colour(c, colour);
    cairo_fill(c->cr);
    ss_canvas_keep_status(c, cairo_status(c->cr));
    ss_text_add(&c->svg, "<path d=\"");
    ss_svg_path(&c->svg, p, n);
    ss_text_add(&c->svg, "Z\"");
    ss_svg_paint(&c->svg, "fill", colour);
    ss_text_add(&c->svg, "/>\n");
}

static void svg_box(struct ss_text *t, const char *element, const struct ss_box *b)
{
    const char *const names[] = {"x", "y", "width", "height"};
    const double values[] = {b->x, b->y, b->width, b->height};

    ss_text_addf(t, "<%s", element);
    for (size_t i = 0; i < 4; i++) {
        ss_text_addf(t, " %s=\"", names[i]);
        ss_svg_number(t, values[i]);
        ss_text_add(t, "\"");
    }
}

void ss_canvas_fill_box(struct ss_canvas *c, const struct ss_box *b, struct ss_colour colour)
{
    cairo_rectangle(c->cr, b->x, b->y, b->width, b->height);
    ss_canvas_set_colour(c, colour);
    cairo_fill(c->cr);
    svg_box(&c->svg, "rect", b);
    ss_svg_paint(&c->svg, "fill", colour);
    ss_text_add(&c->svg, "/>\n");
}

void ss_canvas_frame_box(struct ss_canvas *c, const struct ss_box *b, const struct ss_pen *pen)
{
    cairo_rectangle(c->cr, b->x, b->y, b->width, b->height);
    stroke(c, pen);
    svg_box(&c->svg, "rect", b);
    ss_svg_pen(&c->svg, pen);
    ss_text_add(&c->svg, "/>\n");
}

void ss_canvas_clip(struct ss_canvas *c, const struct ss_box *b)
{
    cairo_save(c->cr);
    cairo_rectangle(c->cr, b->x, b->y, b->width, b->height);
    cairo_clip(c->cr);
    /* A nested svg clips without a clipPath, whose id would clash between pictures in one page. */
    svg_box(&c->svg, "svg", b);
    ss_text_add(&c->svg, " viewBox=\"");
    ss_svg_number(&c->svg, b->x);
    ss_text_add(&c->svg, " ");
    ss_svg_number(&c->svg, b->y);
    ss_text_add(&c->svg, " ");
    ss_svg_number(&c->svg, b->width);
    ss_text_add(&c->svg, " ");
    ss_svg_number(&c->svg, b->height);
    ss_text_add(&c->svg, "\" overflow=\"hidden\">\n");
}

void ss_canvas_clip_end(struct ss_canvas *c)
{
    cairo_restore(c->cr);
    ss_text_add(&c->svg, "</svg>\n");
}

static void svg_image(struct ss_canvas *c, const struct ss_box *b, cairo_surface_t *image, bool crisp)
{
    struct ss_text png;

    ss_text_init(&png);
    ss_canvas_keep_status(c, cairo_surface_write_to_png_stream(image, append_bytes, &png));
    svg_box(&c->svg, "image", b);
    ss_text_add(&c->svg, " preserveAspectRatio=\"none\"");
    if (crisp)
        ss_text_add(&c->svg, " style=\"image-rendering:pixelated\" image-rendering=\"optimizeSpeed\"");
    ss_text_add(&c->svg, " xlink:href=\"data:image/png;base64,");
    ss_svg_base64(&c->svg, png.data, png.length);
    ss_text_add(&c->svg, "\"/>\n");
    ss_text_release(&png);
}

void ss_canvas_image(struct ss_canvas *c, const struct ss_box *b, const struct ss_pixels *pixels)
{
    const size_t most = 32767; /* cairo's own limit */

    if (!pixels->width || !pixels->height || pixels->width > most || pixels->height > most)
        return;
    cairo_surface_t *const image =
        cairo_image_surface_create(CAIRO_FORMAT_ARGB32, (int)pixels->width, (int)pixels->height);
    ss_canvas_keep_status(c, cairo_surface_status(image));
    if (cairo_surface_status(image) == CAIRO_STATUS_SUCCESS) {
        const size_t stride = (size_t)cairo_image_surface_get_stride(image);
        unsigned char *const data = cairo_image_surface_get_data(image);
        cairo_surface_flush(image);
        for (size_t row = 0; row < pixels->height; row++)
            memcpy(data + row * stride, pixels->argb + row * pixels->width, pixels->width * sizeof(uint32_t));
        cairo_surface_mark_dirty(image);
        cairo_save(c->cr);
        cairo_rectangle(c->cr, b->x, b->y, b->width, b->height);
        cairo_clip(c->cr);
        cairo_translate(c->cr, b->x, b->y);
        cairo_scale(c->cr, b->width / (double)pixels->width, b->height / (double)pixels->height);
        cairo_set_source_surface(c->cr, image, 0, 0);
        cairo_pattern_set_filter(cairo_get_source(c->cr),
                                 pixels->crisp ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_GOOD);
        cairo_pattern_set_extend(cairo_get_source(c->cr), CAIRO_EXTEND_PAD);
        cairo_paint(c->cr);
        cairo_restore(c->cr);
        ss_canvas_keep_status(c, cairo_status(c->cr));
        svg_image(c, b, image, pixels->crisp);
    }
    cairo_surface_destroy(image);
}
