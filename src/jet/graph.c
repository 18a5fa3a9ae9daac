#include "jet/graph.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "config/config.h"
#include "jet/operation.h"

enum { ALIGNMENT = 16, MOST_NODES = 4096, LARGEST_WIDTH = 1 << 24, INPUT_LIMIT = 8 };

struct ss_graph {
    struct ss_node *nodes;
    size_t n_nodes, node_capacity;
    struct ss_parameter *parameters;
    size_t n_parameters, parameter_capacity;
    size_t flat_size;
    ss_value inputs[INPUT_LIMIT];
    size_t n_inputs;
    ss_value output;
    enum ss_status status;
    struct ss_node nowhere; /* what builders write to after a mistake; never read */
    struct ss_parameter no_parameter;
};

enum ss_status ss_graph_create(struct ss_graph **out)
{
    return ss_allocate(1, out);
}

void ss_graph_free(struct ss_graph *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n_parameters; i++)
        free(g->parameters[i].name);
    free(g->parameters);
    free(g->nodes);
    free(g);
}

enum ss_status ss_graph_status(const struct ss_graph *g)
{
    return g->status;
}

void ss_graph_mistake(struct ss_graph *g, const char *format, ...)
{
    char text[256];
    va_list args;

    if (g->status != SS_OK)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    g->status = SS_FAIL(SS_ERR_USAGE, "model: %s", text);
}

static bool grow(void **items, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity)
        return true;
    const size_t wanted = *capacity ? 2 * *capacity : 32;
    void *const more = realloc(*items, wanted * size);
    if (!more)
        return false;
    *items = more;
    *capacity = wanted;
    return true;
}

static enum ss_order order_of(const struct ss_graph *g, const ss_value *operands, size_t n)
{
    enum ss_order order = SS_ORDER_PASSIVE;

    for (size_t i = 0; i < n; i++)
        if (g->nodes[operands[i]].order > order)
            order = g->nodes[operands[i]].order;
    return order;
}

struct ss_node *ss_graph_add(struct ss_graph *g, const struct ss_operation *operation,
                             const ss_value *operands, size_t n_operands, size_t width, ss_value *out)
{
    *out = 0;
    for (size_t i = 0; i < n_operands; i++)
        if (operands[i] >= g->n_nodes)
            ss_graph_mistake(g, "operand %u of %s does not exist", operands[i], operation->name);
    if (!width || width > LARGEST_WIDTH)
        ss_graph_mistake(g, "a width of %zu, must be 1 to %d", width, LARGEST_WIDTH);
    if (g->n_nodes == MOST_NODES)
        ss_graph_mistake(g, "more than %d operations", MOST_NODES);
    if (g->status == SS_OK && !grow((void **)&g->nodes, &g->node_capacity, g->n_nodes, sizeof(*g->nodes)))
        g->status = SS_FAIL_MEMORY(2 * g->node_capacity * sizeof(*g->nodes));
    if (g->status != SS_OK)
        return &g->nowhere;
    struct ss_node *const node = &g->nodes[g->n_nodes];
    *node = (struct ss_node){.operation = operation, .n_operands = n_operands, .width = width};
    for (size_t i = 0; i < n_operands; i++)
        node->operand[i] = operands[i];
    node->order = order_of(g, operands, n_operands);
    *out = g->output = (ss_value)g->n_nodes++;
    return node;
}

struct ss_parameter *ss_graph_add_parameter(struct ss_graph *g, const char *name, const char *suffix,
                                            size_t rows, size_t columns)
{
    struct ss_parameter p = {
        .dimensions = columns ? 2 : 1, .shape = {rows, columns ? columns : 1}, .offset = g->flat_size};

    if (g->status != SS_OK)
        return &g->no_parameter;
    if (!ss_multiply(p.shape[0], p.shape[1], &p.count) || p.count > UINT32_MAX / 2 ||
        g->flat_size > UINT32_MAX / 2 - p.count - ALIGNMENT) {
        ss_graph_mistake(g, "%s%s: %zu x %zu parameters are too many", name, suffix, rows, columns);
        return &g->no_parameter;
    }
    if (!grow((void **)&g->parameters, &g->parameter_capacity, g->n_parameters, sizeof(*g->parameters))) {
        g->status = SS_FAIL_MEMORY(2 * g->parameter_capacity * sizeof(*g->parameters));
        return &g->no_parameter;
    }
    g->status = ss_text_format(&p.name, "%s%s", name, suffix);
    if (g->status != SS_OK)
        return &g->no_parameter;
    for (size_t i = 0; i < g->n_parameters; i++)
        if (strcmp(g->parameters[i].name, p.name) == 0) {
            ss_graph_mistake(g, "two parameters are called %s", p.name);
            free(p.name);
            return &g->no_parameter;
        }
    struct ss_node *const node = &g->nodes[g->n_nodes - 1];
    node->parameter_index[node->n_parameters++] = g->n_parameters;
    g->flat_size += ss_round_up(p.count, ALIGNMENT);
    g->parameters[g->n_parameters] = p;
    return &g->parameters[g->n_parameters++];
}

ss_value ss_graph_input(struct ss_graph *g, size_t width, bool active)
{
    ss_value v;
    struct ss_node *const node = ss_graph_add(g, NULL, NULL, 0, width, &v);

    node->order = active ? SS_ORDER_LINEAR : SS_ORDER_PASSIVE;
    if (g->n_inputs == INPUT_LIMIT)
        ss_graph_mistake(g, "more than %d inputs", INPUT_LIMIT);
    else if (g->status == SS_OK)
        g->inputs[g->n_inputs++] = v;
    return v;
}

void ss_graph_output(struct ss_graph *g, ss_value v)
{
    if (v >= g->n_nodes)
        ss_graph_mistake(g, "output %u does not exist", v);
    else
        g->output = v;
}

/* ---- what was built ---- */

size_t ss_graph_values(const struct ss_graph *g)
{
    return g->n_nodes;
}

const struct ss_node *ss_graph_node(const struct ss_graph *g, ss_value v)
{
    struct ss_node *const node = &g->nodes[v];

    for (size_t i = 0; i < node->n_parameters; i++)
        node->parameter[i] = &g->parameters[node->parameter_index[i]];
    return node;
}

size_t ss_graph_width(const struct ss_graph *g, ss_value v)
{
    return v < g->n_nodes ? g->nodes[v].width : 1;
}

size_t ss_graph_inputs(const struct ss_graph *g)
{
    return g->n_inputs;
}

ss_value ss_graph_input_value(const struct ss_graph *g, size_t i)
{
    return g->inputs[i];
}

ss_value ss_graph_output_value(const struct ss_graph *g)
{
    return g->output;
}

bool ss_graph_is_curved(const struct ss_graph *g, ss_value v)
{
    return g->nodes[v].order == SS_ORDER_CURVED;
}

size_t ss_graph_parameters(const struct ss_graph *g)
{
    return g->n_parameters;
}

struct ss_parameter *ss_graph_parameter(const struct ss_graph *g, size_t i)
{
    return &g->parameters[i];
}

size_t ss_graph_flat_size(const struct ss_graph *g)
{
    return g->flat_size ? g->flat_size : ALIGNMENT;
}

size_t ss_graph_parameter_count(const struct ss_graph *g)
{
    size_t n = 0;

    for (size_t i = 0; i < g->n_parameters; i++)
        n += g->parameters[i].count;
    return n;
}

void ss_graph_describe(const struct ss_graph *g, struct ss_text *out)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct ss_node *const n = &g->nodes[i];
        ss_text_addf(out, "%s%s %zu", i ? "; " : "", n->operation ? n->operation->name : "input", n->width);
        if (n->operation == &ss_operation_activation)
            ss_text_addf(out, " %s", ss_activation_name(n->activation));
        for (size_t j = 0; j < n->n_operands; j++)
            ss_text_addf(out, "%s%u%s", j ? " " : " (", n->operand[j], j + 1 == n->n_operands ? ")" : "");
    }
}
