/* composition.c - values that several operations make together. */
#include <stdio.h>

#include "jet/graph.h"

ss_value ss_rbf(struct ss_graph *g, ss_value x, size_t n_points, const char *name)
{
    char points[128], log_width[128];

    snprintf(points, sizeof(points), "%s.points", name);
    snprintf(log_width, sizeof(log_width), "%s.log_width", name);
    const ss_value distance = ss_squared_distance(g, x, n_points, points);
    return ss_activation(g, ss_scale_exp(g, distance, true, -0.5f, -2.0f, log_width), SS_ACTIVATION_EXP);
}

ss_value ss_quadratic(struct ss_graph *g, ss_value x, enum ss_quadratic kind, const char *name)
{
    const size_t n = ss_graph_width(g, x);
    char part[128];

    snprintf(part, sizeof(part), "%s.mean", name);
    ss_value y = ss_shift(g, x, -1.0f, part);
    if (kind == SS_QUADRATIC_FULL) {
        snprintf(part, sizeof(part), "%s.factor", name);
        y = ss_dense(g, y, n, false, part);
        if (ss_graph_status(g) == SS_OK) {
            struct ss_parameter *const factor = ss_graph_parameter(g, ss_graph_parameters(g) - 1);
            factor->initial = SS_INITIAL_IDENTITY;
            factor->deviation = 1.0f;
        }
    } else {
        snprintf(part, sizeof(part), "%s.scale", name);
        y = ss_scale(g, y, false, part);
    }
    return ss_row_sum(g, ss_activation(g, y, SS_ACTIVATION_HALF_SQUARE));
}
