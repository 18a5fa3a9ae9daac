/* layered_values.h - private to src/jet/: what the layered plan makes of a graph before it makes anything on
 * the device. */
#ifndef SS_JET_LAYERED_VALUES_H
#define SS_JET_LAYERED_VALUES_H

#include "jet/layered.h"

struct ss_layered_value {
    struct ss_buffer *jet, *adjoint;
    size_t readers; /* operations and the objective */
    ss_value
        in_place; /* the activation whose adjoint turns into this one's, in its buffer; or the value itself */
    bool wanted;  /* its adjoint is written in reverse */
    /* Of a dense layer: the activation that is computed at the end of its product, forward, and at the end of
     * that of its reverse; or the value itself. */
    ss_value forward_end, reverse_end;
    bool forward_ends, reverse_ends; /* it is such an activation */
};

/** Fill in zeroed `values`, one for each of the graph, all but the buffers. */
void ss_layered_mark(const struct ss_graph *g, const struct ss_layered_options *o,
                     struct ss_layered_value *values);

#endif
