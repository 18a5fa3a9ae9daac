/* plane_parts.h - what may lie in a panel of the plane, for picture_plane.c. */
#ifndef SS_REPORT_PLANE_PARTS_H
#define SS_REPORT_PLANE_PARTS_H

#include "report/axes.h"
#include "report/picture.h"

SS_MUST_CHECK enum ss_status ss_plane_draw_map(struct ss_canvas *c, const struct ss_axes *a,
                                               const struct ss_plane_panel *p,
                                               const struct ss_colour_map *map, struct ss_interval values);
SS_MUST_CHECK enum ss_status ss_plane_draw_contours(struct ss_canvas *c, const struct ss_axes *a,
                                                    const struct ss_plane_panel *p,
                                                    struct ss_interval values);

/** Opacity and radius at which n points in a frame of some area, in square points, still show where they are
 * dense. */
struct ss_points_style ss_points_look(size_t n, double area, size_t category);
SS_MUST_CHECK enum ss_status ss_plane_draw_points(struct ss_canvas *c, const struct ss_axes *a,
                                                  const struct ss_plane_panel *p);

/** How arrows become lines. */
struct ss_arrow_scale {
    double points;    /* on the sheet for length 1; 0: no arrows */
    double longest;   /* on the sheet; longer ones are cut to it */
    double reference; /* a round length to show beneath */
    bool cut;         /* some are */
};
struct ss_arrow_scale ss_arrow_scale(const struct ss_plane_panel *p, struct ss_interval x,
                                     struct ss_interval y, double width, double height);
SS_MUST_CHECK enum ss_status ss_plane_draw_arrows(struct ss_canvas *c, const struct ss_axes *a,
                                                  const struct ss_plane_panel *p,
                                                  const struct ss_arrow_scale *scale);
void ss_arrow_reference(struct ss_canvas *c, const struct ss_arrow_scale *scale, const char *label,
                        struct ss_xy at, const struct ss_text_style *style, double width);

#endif
