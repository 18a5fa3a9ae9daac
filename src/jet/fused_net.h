/* fused_net.h - private to src/jet/: a graph seen as a perceptron, which is what the fused plan takes. */
#ifndef SS_JET_FUSED_NET_H
#define SS_JET_FUSED_NET_H

#include "jet/graph.h"

enum { SS_FUSED_LAYERS = SS_MAX_LAYERS + 1 }; /* as many as model.hidden makes */

struct ss_fused_net {
    size_t dimension; /* of the input */
    size_t n_layers;  /* dense layers, at least 2; the last one has no activation */
    struct {
        size_t n_in, n_out;
        const struct ss_parameter *weight, *bias;
        bool residual; /* the layer's input is added to its activation */
    } layers[SS_FUSED_LAYERS];
    enum ss_activation activation;
    const struct ss_parameter *mean, *scale; /* of a diagonal quadratic term, NULL without */
};

/** NULL if the graph is one, else why not ("an operation that ..."). */
const char *ss_fused_net_read(const struct ss_graph *g, struct ss_fused_net *out);

#endif
