#include "report/contour.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* Corners of a cell go round from (0, 0) by (1, 0), (1, 1), (0, 1); edge k joins corners k and k + 1. */
static struct ss_xy crossing(const double v[4], size_t edge, double level, double x, double y)
{
    static const struct ss_xy corner[5] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 0}};
    const double from = v[edge], to = v[(edge + 1) % 4];
    const double half = 0.5 * level - 0.5 * from,
                 whole = 0.5 * to - 0.5 * from; /* halved: differences may overflow */
    const double t = fmin(fmax(half / whole, 0.0), 1.0);

    return (struct ss_xy){x + corner[edge].x + t * (corner[edge + 1].x - corner[edge].x),
                          y + corner[edge].y + t * (corner[edge + 1].y - corner[edge].y)};
}

/* The segments of one cell, at most two. Where opposite corners agree and neighbours differ, the middle
 * decides which of them are joined. */
static size_t cell_segments(const double v[4], double level, double x, double y, struct ss_xy out[4])
{
    size_t edges[4], n = 0;
    unsigned above = 0;

    for (size_t k = 0; k < 4; k++) {
        if (!isfinite(v[k]))
            return 0;
        above |= (unsigned)(v[k] >= level) << k;
    }
    for (size_t k = 0; k < 4; k++)
        if ((above >> k & 1u) != (above >> (k + 1) % 4 & 1u))
            edges[n++] = k;
    if (n == 4) {
        const bool middle = 0.25 * v[0] + 0.25 * v[1] + 0.25 * v[2] + 0.25 * v[3] >= level;
        if (middle == (above == 5)) { /* corners 0 and 2 are joined: cut off 1 and 3 */
            const size_t order[4] = {0, 1, 2, 3};
            memcpy(edges, order, sizeof(edges));
        } else {
            const size_t order[4] = {3, 0, 1, 2};
            memcpy(edges, order, sizeof(edges));
        }
    }
    for (size_t k = 0; k < n; k++)
        out[k] = crossing(v, edges[k], level, x, y);
    return n / 2;
}

enum ss_status ss_contour(const double *values, size_t nx, size_t ny, double level, struct ss_xy **segments,
                          size_t *n)
{
    struct ss_xy *all = NULL, found[4];
    size_t used = 0, capacity = 0;

    for (size_t y = 0; y + 1 < ny; y++)
        for (size_t x = 0; x + 1 < nx; x++) {
            const double *const row = values + y * nx + x;
            const double v[4] = {row[0], row[1], row[nx + 1], row[nx]};
            const size_t more = cell_segments(v, level, (double)x, (double)y, found);
            if (used + more > capacity) {
                capacity = 2 * capacity + 256;
                struct ss_xy *const larger = realloc(all, 2 * capacity * sizeof(*all));
                if (!larger) {
                    free(all);
                    return SS_FAIL_MEMORY(2 * capacity * sizeof(*all));
                }
                all = larger;
            }
            for (size_t i = 0; i < 2 * more; i++)
                all[2 * used + i] = found[i];
            used += more;
        }
    *segments = all;
    *n = used;
    return SS_OK;
}
