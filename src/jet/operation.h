/*
 * operation.h - private to src/jet/: nodes of a graph, and what an operation must offer to be one.
 *
 * An operation is one C file (its row in a table of functions) and one kernel file: forward and reverse
 * beside each other. It sees jets through struct ss_step alone, never the graph around it.
 */
#ifndef SS_JET_OPERATION_H
#define SS_JET_OPERATION_H

#include "device/device.h"
#include "device/gemm.h"
#include "jet/graph.h"
#include "jet/streams.h"

enum { SS_MAX_OPERANDS = 2, SS_MAX_KERNELS = 5 };

struct ss_operation;

struct ss_node {
    const struct ss_operation *operation; /* NULL: an input */
    ss_value operand[SS_MAX_OPERANDS];
    size_t n_operands;
    size_t width;
    enum ss_order order;
    const struct ss_parameter
        *parameter[2]; /* resolved by ss_graph_node: the table may move while it grows */
    size_t parameter_index[2];
    size_t n_parameters;
    /* settings of one operation or another */
    enum ss_activation activation;
    float factor, rate;
    bool exponential, one_for_all;
    size_t first, stride;
};

/** What ss_operation_dense_along needs besides. */
struct ss_along {
    struct ss_span v;       /* slices (M, rows, width of y) */
    struct ss_buffer *dots; /* (2, M, rows): v'y1, v'y; in reverse their adjoints */
    bool value;             /* y is wanted too, without derivatives */
    struct ss_kernel *const *kernel;
};

struct ss_step;

/** What a dense layer computes where its product is still in the caches (dense_activation.c). */
struct ss_activation_end {
    const struct ss_step *activation; /* NULL: none */
    bool reverse;                     /* of it, not forward */
    struct ss_epilogue *epilogue;
};

/** One node in one pass: all that forward and reverse need. */
struct ss_step {
    struct ss_device *device;
    struct ss_streams streams;
    size_t rows;
    const struct ss_node *node;
    struct ss_kernel *const *kernel; /* in the order of the operation's table */
    size_t x_width[SS_MAX_OPERANDS];
    enum ss_order x_order[SS_MAX_OPERANDS];
    struct ss_span x[SS_MAX_OPERANDS], y;         /* jets */
    struct ss_span x_bar[SS_MAX_OPERANDS], y_bar; /* adjoints, in reverse */
    bool wanted[SS_MAX_OPERANDS];                 /* x_bar is to be written, or */
    bool accumulate[SS_MAX_OPERANDS];             /* added to */
    struct ss_span parameters;                    /* flat */
    struct ss_span gradient;                      /* flat; .buffer NULL: not wanted */
    bool values_known;        /* the values of y are there, bias and all: a product over the rest will do */
    struct ss_span extra_bar; /* x[0]'s extra adjoint but for two factors, or .buffer NULL: */
    float extra_factor;
    struct ss_span extra_share; /* one float */
    struct ss_along along;
    bool units; /* the slices are unit vectors, those of columns first_unit .. of the input: not in x, not in
                   v */
    uint32_t first_unit;
    struct ss_activation_end forward_end; /* of y */
    struct ss_activation_end reverse_end; /* the reverse of what made x[0] */
    bool add_gradient; /* false: it holds nothing yet, though zero where it is not .writes_gradient's */
};

/* -D that an operation's file names */
enum { SS_DEFINES_ACTIVATION = 1, SS_DEFINES_SECOND = 2, SS_DEFINES_WIDTH = 4 };

struct ss_operation {
    const char *name;
    const char *file; /* of its kernels, NULL if it has none of its own */
    unsigned defines; /* SS_DEFINES_* */
    const char *kernels[SS_MAX_KERNELS];
    enum ss_status (*forward)(const struct ss_step *s);
    enum ss_status (*reverse)(const struct ss_step *s);
    bool writes_gradient; /* heeds add_gradient: what it is given may hold anything */
};

extern const struct ss_operation ss_operation_dense, ss_operation_activation, ss_operation_add,
    ss_operation_product, ss_operation_shift, ss_operation_scale, ss_operation_split,
    ss_operation_concatenate, ss_operation_squared_distance, ss_operation_row_sum;

/** In the place of a last dense layer whose outputs are wanted along the slices alone. It takes a step's
 * x_bar in the forward sweep too, and leaves nothing of use in x. */
extern const struct ss_operation ss_operation_dense_along;

const struct ss_node *ss_graph_node(const struct ss_graph *g, ss_value v);
size_t ss_graph_values(const struct ss_graph *g);

/** Add a node; its operands must exist. Used by the files of the operations. */
struct ss_node *ss_graph_add(struct ss_graph *g, const struct ss_operation *operation,
                             const ss_value *operands, size_t n_operands, size_t width, ss_value *out);

/** Add a parameter of the newest node; a name twice is a mistake. `columns` = 0: a vector. */
struct ss_parameter *ss_graph_add_parameter(struct ss_graph *g, const char *name, const char *suffix,
                                            size_t rows, size_t columns);

/** Keep the first mistake. */
__attribute__((format(printf, 2, 3))) void ss_graph_mistake(struct ss_graph *g, const char *format, ...);

/* ---- helpers of the operations ---- */

/** The value stream of y += sign p in each row; p's gradient, from that of y_bar. `kernel`: "columns_add",
 * "columns_sum" of jet/sums.cl. */
SS_MUST_CHECK enum ss_status ss_columns_add(const struct ss_step *s, struct ss_kernel *kernel,
                                            size_t parameter, float sign);
SS_MUST_CHECK enum ss_status ss_columns_sum(const struct ss_step *s, struct ss_kernel *kernel,
                                            size_t parameter, float sign);

/** A kernel of jet/sums.cl or jet/dense_along.cl for unit vectors: an item for each vector of `n` columns,
 * and slice. What it reads, what it writes. */
SS_MUST_CHECK enum ss_status ss_units_enqueue(const struct ss_step *s, struct ss_kernel *kernel, size_t n,
                                              struct ss_span from, struct ss_span to);

/** Make the end of a dense layer's product, which is `activation`'s forward or reverse: the layer does it in
 * its place. Release with ss_epilogue_free. */
SS_MUST_CHECK enum ss_status ss_activation_end_init(struct ss_activation_end *end,
                                                    const struct ss_step *activation, bool reverse);

/** Make it part of `product`, with `args` that must live until that is enqueued; nothing if there is none. */
void ss_activation_end_add(const struct ss_activation_end *end, struct ss_arg args[SS_EPILOGUE_ARGS],
                           struct ss_gemm *product);

/** Enqueue it by itself, behind a product that could not take it in. */
SS_MUST_CHECK enum ss_status ss_activation_end_enqueue(const struct ss_activation_end *end);

static inline size_t ss_step_x_streams(const struct ss_step *s, size_t i)
{
    return ss_streams_count(s->streams, s->x_order[i]);
}

static inline size_t ss_step_y_streams(const struct ss_step *s)
{
    return ss_streams_count(s->streams, s->node->order);
}

static inline struct ss_span ss_step_parameter(const struct ss_step *s, size_t i)
{
    return ss_span_at(s->parameters, s->node->parameter[i]->offset);
}

static inline struct ss_span ss_step_gradient(const struct ss_step *s, size_t i)
{
    return ss_span_at(s->gradient, s->node->parameter[i]->offset);
}

#endif
