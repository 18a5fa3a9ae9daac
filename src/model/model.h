/*
 * model.h - from configuration to a graph.
 *
 *   energy    E(x) = MLP(x) + quadratic(x), log p = -E + constant; score = -grad E
 *   score     s(x) = MLP(x), R^D -> R^D
 *   gaussian  E(x) = 1/2 |L'(x - mu)|^2
 *   polynomial  E(x) = sum over k = 1 .. degree and columns d of c[k][d] x_d^k: an exponential family, in
 * which every score-matching loss is quadratic
 *
 * Parameters: layers.K.weight (out, in), layers.K.bias, K from 0 over the dense layers; quadratic.mean,
 * quadratic.scale or quadratic.factor.weight; polynomial.weight (1, degree x D), one power after the other.
 */
#ifndef SS_MODEL_MODEL_H
#define SS_MODEL_MODEL_H

#include "config/experiment.h"
#include "device/device.h"
#include "jet/graph.h"

struct ss_model {
    struct ss_graph *graph;
    enum ss_model_kind kind;
    size_t dimension; /* D */
    bool is_energy;   /* the output is an energy (width 1), else a score (width D) */
    ss_value input, output;
};

SS_MUST_CHECK enum ss_status ss_model_create(const struct ss_model_options *options, size_t dimension,
                                             struct ss_model **out);
void ss_model_free(struct ss_model *m);

#endif
