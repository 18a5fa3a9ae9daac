#include "jet/fused_net.h"

#include <string.h>

#include "jet/operation.h"

static const struct ss_node *operand(const struct ss_graph *g, const struct ss_node *n, size_t i)
{
    return ss_graph_node(g, n->operand[i]);
}

/* 1/2 sum (scale (x - mean))^2 of the input, as ss_quadratic builds it */
static bool read_quadratic(const struct ss_graph *g, const struct ss_node *sum, struct ss_fused_net *out)
{
    if (sum->operation != &ss_operation_row_sum)
        return false;
    const struct ss_node *const square = operand(g, sum, 0);
    if (square->operation != &ss_operation_activation || square->activation != SS_ACTIVATION_HALF_SQUARE)
        return false;
    const struct ss_node *const scale = operand(g, square, 0);
    if (scale->operation != &ss_operation_scale || scale->exponential || scale->one_for_all)
        return false;
    const struct ss_node *const shift = operand(g, scale, 0);
    if (shift->operation != &ss_operation_shift || !(shift->factor < 0) || operand(g, shift, 0)->operation)
        return false;
    out->scale = scale->parameter[0];
    out->mean = shift->parameter[0];
    return true;
}

static const char *add_layer(const struct ss_graph *g, const struct ss_node *dense, struct ss_fused_net *out)
{
    if (dense->operation != &ss_operation_dense || dense->n_parameters != 2)
        return "only dense layers with a bias, one after the other, are fused";
    if (out->n_layers == SS_FUSED_LAYERS)
        return "too many layers";
    out->layers[out->n_layers].n_in = operand(g, dense, 0)->width;
    out->layers[out->n_layers].n_out = dense->width;
    out->layers[out->n_layers].weight = dense->parameter[0];
    out->layers[out->n_layers++].bias = dense->parameter[1];
    return NULL;
}

/* From the last dense layer back to the input; layers come out last first. */
static const char *read_layers(const struct ss_graph *g, const struct ss_node *last, struct ss_fused_net *out)
{
    const char *why = add_layer(g, last, out);
    ss_value at = why ? 0 : last->operand[0];

    while (!why && ss_graph_node(g, at)->operation) {
        const struct ss_node *node = ss_graph_node(g, at);
        const bool residual = node->operation == &ss_operation_add;
        const ss_value skipped = residual ? node->operand[0] : 0;
        if (residual)
            node = operand(g, node, 1);
        if (node->operation != &ss_operation_activation || node->activation > SS_ACTIVATION_RELU)
            return "an operation that is not fused";
        if (out->n_layers > 1 && node->activation != out->activation)
            return "different activations";
        out->activation = node->activation;
        const struct ss_node *const dense = operand(g, node, 0);
        why = add_layer(g, dense, out);
        if (why)
            return why;
        if (residual && skipped != dense->operand[0])
            return "a connection that skips more than a layer";
        out->layers[out->n_layers - 1].residual = residual;
        at = dense->operand[0];
    }
    return why;
}

const char *ss_fused_net_read(const struct ss_graph *g, struct ss_fused_net *out)
{
    const struct ss_node *last = ss_graph_node(g, ss_graph_output_value(g));

    memset(out, 0, sizeof(*out));
    if (ss_graph_inputs(g) != 1)
        return "a model of several inputs";
    out->dimension = ss_graph_width(g, ss_graph_input_value(g, 0));
    if (last->operation == &ss_operation_add) {
        if (!read_quadratic(g, operand(g, last, 1), out))
            return "a quadratic term that is not diagonal";
        last = operand(g, last, 0);
    }
    const char *const why = read_layers(g, last, out);
    if (why)
        return why;
    if (out->n_layers < 2)
        return "no hidden layer";
    for (size_t i = 0, j = out->n_layers - 1; i < j; i++, j--) {
        const struct ss_fused_net copy = *out;
        out->layers[i] = copy.layers[j];
        out->layers[j] = copy.layers[i];
    }
    return NULL;
}
