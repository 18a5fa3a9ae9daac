/* svg.h - pieces of SVG, for canvas.c. Numbers are written in hundredths of a point whatever the locale. */
#ifndef SS_REPORT_SVG_H
#define SS_REPORT_SVG_H

#include "base/text.h"
#include "report/canvas.h"

enum { SS_LABEL_SIZE = 512 };

/** Length of the valid UTF-8 sequence at s, 0 if there is none, or if XML has no place for its character. */
size_t ss_svg_character(const char *s);

/** Copy of `in` that is valid UTF-8 without control characters but SS_RAISE and SS_LOWER, cut to the size. */
void ss_label_clean(const char *in, char out[SS_LABEL_SIZE]);

void ss_svg_number(struct ss_text *t, double x);
void ss_svg_escape(struct ss_text *t, const char *s);

/** ` name="#rrggbb"`, and ` name-opacity="..."` where it is not opaque. */
void ss_svg_paint(struct ss_text *t, const char *name, struct ss_colour colour);

/** ` stroke=... stroke-width=...` of a pen, round joins. */
void ss_svg_pen(struct ss_text *t, const struct ss_pen *pen);

/** "M1 2L3 4..." */
void ss_svg_path(struct ss_text *t, const struct ss_xy *p, size_t n);

void ss_svg_base64(struct ss_text *t, const void *bytes, size_t n);

#endif
