#include "jet/layered_values.h"

#include <stdlib.h>

#include "jet/operation.h"

/* A value's adjoint is wanted if it lies between the output and something trained or an input whose gradient
 * is asked for: then its node, or one before it, has parameters or is an active input. */
static void mark_wanted(const struct ss_graph *g, const struct ss_layered_options *o,
                        struct ss_layered_value *values)
{
    const size_t n = ss_graph_values(g);
    const ss_value output = ss_graph_output_value(g);

    for (ss_value v = 0; v < n; v++) {
        const struct ss_node *const node = ss_graph_node(g, v);
        bool leads = node->n_parameters > 0;
        if (!node->operation)
            leads = o->input_gradient && node->order != SS_ORDER_PASSIVE;
        for (size_t i = 0; i < node->n_operands; i++)
            leads |= values[node->operand[i]].wanted;
        values[v].wanted = leads;
    }
    bool *const reached = calloc(n, sizeof(*reached));
    if (!reached)
        return; /* more adjoints than needed: right, only larger */
    reached[output] = true;
    for (ss_value v = (ss_value)n; v-- > 0;) {
        const struct ss_node *const node = ss_graph_node(g, v);
        for (size_t i = 0; reached[v] && i < node->n_operands; i++)
            reached[node->operand[i]] = true;
        values[v].wanted &= reached[v];
    }
    values[output].wanted = true;
    free(reached);
}

/* An activation's adjoint is of no use once that of what it reads is known, if neither has other readers. */
static void mark_in_place(const struct ss_graph *g, const struct ss_layered_options *o,
                          struct ss_layered_value *values)
{
    const size_t n = ss_graph_values(g);

    for (ss_value v = 0; v < n; v++) {
        const struct ss_node *const node = ss_graph_node(g, v);
        values[v].in_place = v;
        values[v].readers += v == ss_graph_output_value(g);
        for (size_t i = 0; i < node->n_operands; i++)
            values[node->operand[i]].readers++;
    }
    for (ss_value v = 0; v < n; v++) {
        const struct ss_node *const node = ss_graph_node(g, v);
        if (!o->adjoints_alone && node->operation == &ss_operation_activation &&
            v != ss_graph_output_value(g) && values[node->operand[0]].readers == 1)
            values[node->operand[0]].in_place = v;
    }
}

/* Elements of a jet up to which an activation pays at the end of a product: up to 2^17 it measured
 * faster on PoCL and Intel's runtime, in nets of 2^18 and more as fast as by itself or slower (README.md). */
static const size_t most_at_end = (size_t)1 << 17;

static bool pays(const struct ss_graph *g, const struct ss_layered_options *o, ss_value activation)
{
    const struct ss_node *const node = ss_graph_node(g, activation);

    return !o->separate && ss_streams_count(o->streams, node->order) * o->rows <= most_at_end / node->width;
}

static bool along(const struct ss_graph *g, const struct ss_layered_options *o, ss_value v)
{
    return o->outputs != SS_OUTPUTS_JET && v == ss_graph_output_value(g);
}

/* The adjoint of what an activation reads is wanted, and it alone makes it. */
static bool makes_adjoint(const struct ss_graph *g, ss_value activation,
                          const struct ss_layered_value *values)
{
    const struct ss_layered_value *const x = &values[ss_graph_node(g, activation)->operand[0]];

    return x->wanted && x->readers == 1;
}

/* A dense layer's product goes on to the activation of what it gives, and in reverse to that of the
 * activation which it reads, if what is between has no other readers that would still want it. */
static void mark_ends(const struct ss_graph *g, const struct ss_layered_options *o,
                      struct ss_layered_value *values)
{
    const size_t n = ss_graph_values(g);

    for (ss_value v = 0; v < n; v++)
        values[v].forward_end = values[v].reverse_end = v;
    for (ss_value v = 0; v < n; v++) {
        const struct ss_node *const node = ss_graph_node(g, v);
        const ss_value x = node->n_operands ? node->operand[0] : v;
        const struct ss_operation *const before = ss_graph_node(g, x)->operation;

        if (node->operation == &ss_operation_activation && before == &ss_operation_dense &&
            values[x].forward_end == x && !along(g, o, x) && pays(g, o, v)) {
            values[x].forward_end = v;
            values[v].forward_ends = true;
        }
        if (o->reverse && node->operation == &ss_operation_dense && before == &ss_operation_activation &&
            !along(g, o, v) && pays(g, o, x) && values[x].readers == 1 && makes_adjoint(g, x, values)) {
            values[v].reverse_end = x;
            values[x].reverse_ends = true;
        }
    }
}

void ss_layered_mark(const struct ss_graph *g, const struct ss_layered_options *o,
                     struct ss_layered_value *values)
{
    mark_wanted(g, o, values);
    mark_in_place(g, o, values);
    mark_ends(g, o, values);
}
