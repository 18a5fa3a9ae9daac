/*
 * reference.h - the graph in double precision on the host, one row and one direction at a time: what the
 * device's results and `gradcheck` are compared with. Slow and plain.
 */
#ifndef SS_JET_REFERENCE_H
#define SS_JET_REFERENCE_H

#include "jet/graph.h"

struct ss_reference;

SS_MUST_CHECK enum ss_status ss_reference_create(const struct ss_graph *graph, struct ss_reference **out);
void ss_reference_free(struct ss_reference *r);

/** One of a row's inputs: x and, for an active one, its direction v (NULL = 0), each of the input's width. */
struct ss_reference_input {
    const double *x, *v;
};

/** Value, first and second derivative of the output along t -> x + t v; out[3][width of the output].
 *  @param inputs  in the order they were added to the graph
 *  @param flat    parameters, ss_graph_flat_size of them */
void ss_reference_jet(struct ss_reference *r, const double *flat, const struct ss_reference_input *inputs,
                      double *out);

#endif
