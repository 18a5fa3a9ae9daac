/*
 * palette.h - the colours of all pictures. Categories are told apart by colour-blind readers and on a grey
 * print too, because each also has a dash pattern and a marker of its own. Continuous maps go in equal
 * perceived steps.
 */
#ifndef SS_REPORT_PALETTE_H
#define SS_REPORT_PALETTE_H

#include <stddef.h>

/** sRGB and opacity, each in [0, 1]. */
struct ss_colour {
    double red, green, blue, alpha;
};

enum ss_marker {
    SS_MARKER_CIRCLE,
    SS_MARKER_SQUARE,
    SS_MARKER_TRIANGLE,
    SS_MARKER_DIAMOND,
    SS_MARKER_CROSS,
    SS_MARKER_PLUS
};

/** How a line is drawn: width in points; dash = on, off, on, off in points, all 0 for a solid line. */
struct ss_pen {
    struct ss_colour colour;
    double width;
    double dash[4];
};

/** Looks of category i of a chart: any i; colours repeat after SS_CATEGORIES, dashes and markers sooner, so
 * that 24 neighbours never look alike. */
enum { SS_CATEGORIES = 8 };
struct ss_colour ss_palette_colour(size_t i);
struct ss_pen ss_palette_pen(size_t i);
enum ss_marker ss_palette_marker(size_t i);

struct ss_colour ss_palette_ink(void);   /* text */
struct ss_colour ss_palette_frame(void); /* axes */
struct ss_colour ss_palette_grid(void);  /* grid lines */
struct ss_colour ss_palette_faint(void); /* cells without a value */
struct ss_colour ss_palette_white(void);
struct ss_colour ss_colour_fade(struct ss_colour c, double alpha);

/** CIE-like lightness in [0, 1] (OKLab's L): what remains on a grey print. */
double ss_colour_lightness(struct ss_colour c);

enum ss_map_kind {
    SS_MAP_SEQUENTIAL, /* dark blue-violet (low) to light yellow (high) */
    SS_MAP_DIVERGING   /* blue, near white in the middle, red */
};

enum { SS_MAP_STEPS = 256 };
struct ss_colour_map {
    unsigned char rgb[SS_MAP_STEPS][3];
};
void ss_colour_map_init(struct ss_colour_map *map, enum ss_map_kind kind);

/** Entry of the map for t, clamped to [0, 1]; NaN gives the middle. */
const unsigned char *ss_colour_map_at(const struct ss_colour_map *map, double t);

#endif
