/* picture.h - look into the files of a picture: pixels by cairo's own reader, the SVG by a small XML check.
 */
#ifndef SS_TESTS_SUPPORT_PICTURE_H
#define SS_TESTS_SUPPORT_PICTURE_H

#include <cairo.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/canvas.h"

/** All of base.extension, terminated; the caller frees it. */
char *picture_bytes(const char *base, const char *extension, size_t *size);

struct picture {
    cairo_surface_t *surface; /* the caller destroys it */
    int width, height;
};
struct picture picture_open(const char *base);

/** Fails the test unless both files are there, sound and of one size. */
struct picture picture_check(const char *base);
void picture_check_only(const char *base);
void check_xml(const char *text);

/** 0xRRGGBB */
unsigned picture_pixel(const struct picture *m, int x, int y);
bool colour_is_like(unsigned rgb, struct ss_colour c, int tolerance);

struct picture_found {
    double x, y; /* mean position, in pixels */
    int left, right, top, bottom;
    size_t n;
};
struct picture_found picture_find(const struct picture *m, struct ss_colour c, int tolerance);

/** The frame of the only panel in pixels, from its long dark lines. */
struct ss_box picture_frame(const struct picture *m);

/** In [0, 1), and standard normal; the same on each run (scratch_random). */
double draw_uniform(uint64_t *state);
double draw_normal(uint64_t *state);

#endif
