/* legend.h - names of a chart's series, put where no data is: in a free part of the frame, or else right of
 * it. */
#ifndef SS_REPORT_LEGEND_H
#define SS_REPORT_LEGEND_H

#include "report/axes.h"

struct ss_legend_entry {
    const char *name;
    struct ss_pen pen; /* width 0: no line */
    bool has_marker;
    struct ss_points_style marker;
    double band; /* opacity of a band behind the line; 0: none */
};

/** Size of a legend, names cut at `most` points. */
struct ss_xy ss_legend_size(struct ss_canvas *c, const struct ss_legend_entry *e, size_t n, double most);

/** Draw it with its top left corner at `at`. */
void ss_legend_draw(struct ss_canvas *c, const struct ss_legend_entry *e, size_t n, double most,
                    struct ss_xy at);

/** Which parts of a frame hold data, in cells of a few points. */
struct ss_cover {
    struct ss_box frame;
    size_t columns, rows;
    unsigned char *taken;
};
SS_MUST_CHECK enum ss_status ss_cover_init(struct ss_cover *v, const struct ss_box *frame);
void ss_cover_release(struct ss_cover *v);
void ss_cover_line(struct ss_cover *v, const struct ss_xy *p, size_t n);
void ss_cover_box(struct ss_cover *v, const struct ss_box *b);

/** A place in the frame for a box of this size that touches no data, a corner if possible; false if there is
 * none. */
bool ss_cover_place(const struct ss_cover *v, struct ss_xy size, struct ss_xy *at);

#endif
