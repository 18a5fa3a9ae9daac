/* contour.h - level lines of a function on a grid, by marching squares. */
#ifndef SS_REPORT_CONTOUR_H
#define SS_REPORT_CONTOUR_H

#include "report/canvas.h"

/** Segments of the line values = level, in units of the grid (x in [0, nx - 1], y in [0, ny - 1], y by rows
 * of values). Cells with a corner that is not finite have none. *segments is of 2 * *n points, the caller's
 * to free. */
SS_MUST_CHECK enum ss_status ss_contour(const double *values, size_t nx, size_t ny, double level,
                                        struct ss_xy **segments, size_t *n);

#endif
