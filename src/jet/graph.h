/*
 * graph.h - a model as a graph of operations on jets, and the table of its parameters.
 *
 * A value is a matrix of rows x width, carried with its derivatives along directions (see jet/streams.h). The
 * functions below add one operation each and return its value; the first mistake (widths that disagree, a
 * size that overflows) is reported, kept, and given back by ss_graph_status, so that a model is written down
 * without checks between.
 *
 * Parameters of all operations lie in one flat buffer; gradients, optimizer states and averages have the same
 * layout.
 */
#ifndef SS_JET_GRAPH_H
#define SS_JET_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "config/experiment.h"
#include "device/device.h"

struct ss_graph;
typedef uint32_t ss_value;

SS_MUST_CHECK enum ss_status ss_graph_create(struct ss_graph **out);
void ss_graph_free(struct ss_graph *g);

/** The first mistake made while the graph was built, or SS_OK. */
SS_MUST_CHECK enum ss_status ss_graph_status(const struct ss_graph *g);

/** An input of `width` columns. Active inputs carry tangents (their slices are bound with their rows),
 * passive ones do not: conditions, labels, noise that is held fixed. */
ss_value ss_graph_input(struct ss_graph *g, size_t width, bool active);

/** The value that the objective reads; the last one set counts. */
void ss_graph_output(struct ss_graph *g, ss_value v);

/* ---- operations; (n) is a width, p a parameter ---- */

ss_value ss_dense(struct ss_graph *g, ss_value x, size_t n_out, bool bias, const char *name);
/* y = W x + b                NAME.weight (n_out, n_in), NAME.bias (n_out) */
ss_value ss_activation(struct ss_graph *g, ss_value x, enum ss_activation f); /* y = f(x) */
ss_value ss_add(struct ss_graph *g, ss_value a, ss_value b);                  /* y = a + b */
ss_value ss_product(struct ss_graph *g, ss_value a,
                    ss_value b); /* y = a b, elementwise; b may have width 1 */
ss_value ss_shift(struct ss_graph *g, ss_value x, float sign, const char *name);
/* y = x + sign p             NAME (n) */
ss_value ss_scale(struct ss_graph *g, ss_value x, bool one_for_all, const char *name);
/* y = p x                    NAME (n), or (1) if one_for_all */
ss_value ss_scale_exp(struct ss_graph *g, ss_value x, bool one_for_all, float factor, float rate,
                      const char *name);
/* y = factor exp(rate p) x   NAME (n), or (1) */
ss_value ss_split(struct ss_graph *g, ss_value x, size_t first, size_t count, size_t stride);
/* y_j = x_(first + j stride), j < count */
ss_value ss_concatenate(struct ss_graph *g, ss_value a, ss_value b); /* y = (a, b) */
ss_value ss_squared_distance(struct ss_graph *g, ss_value x, size_t n_points, const char *name);
/* y_l = |x - z_l|^2          NAME (n_points, n) */
ss_value ss_row_sum(struct ss_graph *g, ss_value x); /* y = sum_j x_j, width 1 */

/* ---- compositions ---- */

/** Kernel values to learned points: exp(-|x - z_l|^2 / (2 exp(2 tau))). NAME.points (n_points, n),
 * NAME.log_width (1). */
ss_value ss_rbf(struct ss_graph *g, ss_value x, size_t n_points, const char *name);

/** 1/2 |L'(x - mu)|^2, width 1: NAME.mean (n), and NAME.scale (n) (diagonal L) or NAME.factor.weight (n, n)
 * (L'). */
ss_value ss_quadratic(struct ss_graph *g, ss_value x, enum ss_quadratic kind, const char *name);

/* ---- what was built ---- */

size_t ss_graph_width(const struct ss_graph *g, ss_value v);
size_t ss_graph_inputs(const struct ss_graph *g);
ss_value ss_graph_input_value(const struct ss_graph *g, size_t i);
ss_value ss_graph_output_value(const struct ss_graph *g);

/** A value depends on an active input by more than a linear map: its second derivatives are not all zero. */
bool ss_graph_is_curved(const struct ss_graph *g, ss_value v);

enum ss_initial { SS_INITIAL_ZERO, SS_INITIAL_ONE, SS_INITIAL_NORMAL, SS_INITIAL_IDENTITY };

struct ss_parameter {
    char *name;
    size_t dimensions, shape[2];
    size_t offset; /* first element in the flat buffer, a multiple of 16 */
    size_t count;  /* product of shape */
    enum ss_initial initial;
    float deviation; /* of SS_INITIAL_NORMAL; the identity is scaled by it */
};

size_t ss_graph_parameters(const struct ss_graph *g);
struct ss_parameter *ss_graph_parameter(const struct ss_graph *g, size_t i); /* in the order they were made */
size_t ss_graph_flat_size(const struct ss_graph *g);       /* elements of the flat buffer, padding included */
size_t ss_graph_parameter_count(const struct ss_graph *g); /* without padding */

/** One line that is the same for graphs that compute the same: "input 8; dense 64 (0); silu (1); ...". */
void ss_graph_describe(const struct ss_graph *g, struct ss_text *out);

/** Fill flat[ss_graph_flat_size] with seeded initial values (padding 0). */
void ss_graph_initialize(const struct ss_graph *g, uint32_t seed, float *flat);

/** The same values, to the bit, made on the device without waiting, but for parameters that start neither
 * normal nor at 0. */
SS_MUST_CHECK enum ss_status ss_graph_initialize_enqueue(struct ss_device *d, const struct ss_graph *g,
                                                         uint32_t seed, struct ss_span flat);

#endif
