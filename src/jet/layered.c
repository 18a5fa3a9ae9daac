#include "jet/layered.h"

#include <stdlib.h>

#include "base/checked.h"
#include "jet/layered_values.h"
#include "jet/operation.h"

struct run { /* of the flat buffer */
    size_t first, count;
};

struct ss_layered {
    struct ss_device *device;
    const struct ss_graph *graph;
    struct ss_streams streams;
    size_t capacity, rows;
    size_t n_values;
    struct ss_layered_value *values;
    struct ss_step *steps; /* one a value, all but rows, parameters and gradient filled in */
    struct ss_kernel *(
        *kernels)[SS_MAX_KERNELS]; /* of each value; behind them those of outputs along slices */
    enum ss_outputs outputs;
    bool units; /* known, not written */
    struct ss_buffer *dots;
    bool borrows_jets;
    struct run *zeroed; /* what no operation writes of a gradient */
    size_t n_zeroed;
};

/* Its operand has to have an adjoint, and a jet that nobody else reads: in reverse, operations read what they
 * were given and not what they made. */
bool ss_layered_takes_along(const struct ss_graph *g)
{
    const struct ss_layered_options options = {.reverse = true};
    const struct ss_node *const output = ss_graph_node(g, ss_graph_output_value(g));
    struct ss_layered_value *const values = calloc(ss_graph_values(g), sizeof(*values));
    bool takes = false;

    if (!values || output->operation != &ss_operation_dense ||
        output->width != ss_graph_width(g, ss_graph_input_value(g, 0)))
        goto out;
    ss_layered_mark(g, &options, values);
    const struct ss_layered_value *const operand = &values[output->operand[0]];
    takes = ss_graph_node(g, output->operand[0])->operation && operand->wanted && operand->readers == 1;
out:
    free(values);
    return takes;
}

/* ---- memory ---- */

/* Unit vectors need not be there where layers alone read them, each of which picks columns of its weights. */
static bool takes_units(const struct ss_graph *g, const struct ss_layered_options *o)
{
    const ss_value input = ss_graph_input_value(g, 0);

    if (!o->units || o->input_gradient || o->streams.extra || o->outputs == SS_OUTPUTS_ALONG)
        return false;
    for (ss_value v = 0; v < ss_graph_values(g); v++) {
        const struct ss_node *const node = ss_graph_node(g, v);
        for (size_t i = 0; i < node->n_operands; i++)
            if (node->operand[i] == input && node->operation != &ss_operation_dense)
                return false;
    }
    return ss_graph_output_value(g) != input;
}

static size_t streams_of(const struct ss_graph *g, ss_value v, const struct ss_layered_options *o)
{
    if (v == ss_graph_output_value(g) && o->outputs != SS_OUTPUTS_JET)
        return o->outputs == SS_OUTPUTS_ALONG_AND_VALUES;
    if (v == ss_graph_input_value(g, 0) && takes_units(g, o))
        return 1;
    return ss_streams_count(o->streams, ss_graph_node(g, v)->order);
}

static size_t jet_bytes(const struct ss_graph *g, ss_value v, const struct ss_layered_options *o)
{
    const struct ss_node *const node = ss_graph_node(g, v);
    size_t n = streams_of(g, v, o);

    /* kernels count elements in 32 bits */
    if (!ss_multiply(n, o->rows, &n) || !ss_multiply(n, node->width, &n) || n > UINT32_MAX)
        return SIZE_MAX;
    return n * sizeof(float);
}

static size_t dots_bytes(const struct ss_layered_options *o)
{
    return 2 * (size_t)o->streams.slices * o->rows * sizeof(float);
}

enum ss_status ss_layered_bytes(const struct ss_graph *graph, const struct ss_layered_options *options,
                                size_t *bytes)
{
    const size_t n = ss_graph_values(graph);
    struct ss_layered_value *values = NULL;
    size_t sum = 0;
    enum ss_status st = SS_OK;

    TRY(ss_graph_status(graph));
    TRY(ss_allocate(n, &values));
    ss_layered_mark(graph, options, values);
    for (ss_value v = 0; v < n; v++) {
        const size_t one = jet_bytes(graph, v, options);
        const bool adjoint = options->reverse && values[v].wanted && values[v].in_place == v;
        const size_t here = (size_t)!options->adjoints_alone + (size_t)adjoint;
        if (one == SIZE_MAX || sum > SIZE_MAX / 2 - here * one) {
            st = SS_FAIL(SS_ERR_MEMORY,
                         "%zu rows of %zu columns with %u slices are too many for one pass: use a smaller "
                         "batch or fewer slices",
                         options->rows, ss_graph_width(graph, v), options->streams.slices);
            goto out;
        }
        sum += here * one;
    }
    if (options->outputs != SS_OUTPUTS_JET)
        sum += dots_bytes(options);
    *bytes = sum;
out:
    free(values);
    return st;
}

static enum ss_status allocate_values(struct ss_layered *p, const struct ss_layered_options *o)
{
    enum ss_status st = SS_OK;

    for (ss_value v = 0; v < p->n_values; v++) {
        const size_t bytes = jet_bytes(p->graph, v, o);
        if (p->borrows_jets)
            p->values[v].jet = o->jets_of->values[v].jet;
        else if (bytes)
            TRY(ss_buffer_create(p->device, bytes, &p->values[v].jet));
        if (o->reverse && p->values[v].wanted && p->values[v].in_place == v && bytes)
            TRY(ss_buffer_create(p->device, bytes, &p->values[v].adjoint));
    }
    for (ss_value v = (ss_value)p->n_values; v-- > 0;) /* of an activation of an activation: the last one's */
        p->values[v].adjoint = p->values[p->values[v].in_place].adjoint;
    if (o->outputs != SS_OUTPUTS_JET)
        TRY(ss_buffer_create(p->device, dots_bytes(o), &p->dots));
out:
    return st;
}

/* ---- steps ---- */

static bool is_along(const struct ss_layered *p, ss_value v)
{
    return p->outputs != SS_OUTPUTS_JET && v == ss_graph_output_value(p->graph);
}

/* How a value comes about. */
static const struct ss_operation *operation_of(const struct ss_layered *p, ss_value v)
{
    return is_along(p, v) ? &ss_operation_dense_along : ss_graph_node(p->graph, v)->operation;
}

/* Its adjoint, of whatever kind, is passed on. */
static bool is_reversed(const struct ss_layered *p, ss_value v)
{
    return p->values[v].wanted && (p->values[v].adjoint || (is_along(p, v) && p->dots));
}

static enum ss_status find_kernels(struct ss_layered *p, const struct ss_node *node,
                                   const struct ss_operation *operation, struct ss_kernel **out)
{
    const struct ss_define all[] = {{"ACTIVATION", (long)node->activation},
                                    {"SECOND", (long)p->streams.second},
                                    {"WIDTH", (long)ss_device_vector_width(p->device)}};
    struct ss_define named[SS_COUNT(all)];
    size_t n = 0;
    enum ss_status st = SS_OK;

    /* A file is spared builds for what it does not name; and on CPU devices one for each activation, where
     * all of them take about as long as one. */
    const unsigned spared = ss_device_is_cpu(p->device) ? SS_DEFINES_ACTIVATION : 0;
    for (size_t i = 0; i < SS_COUNT(all); i++)
        if (operation->defines & ~spared & 1u << i)
            named[n++] = all[i];
    for (size_t i = 0; i < SS_MAX_KERNELS && operation->kernels[i]; i++)
        TRY(ss_device_kernel(p->device, operation->file, operation->kernels[i], named, n, &out[i]));
out:
    return st;
}

static enum ss_status prepare_along(struct ss_layered *p, struct ss_step *s)
{
    struct ss_kernel **const kernels = p->kernels[p->n_values];
    enum ss_status st = SS_OK;

    TRY(find_kernels(p, s->node, &ss_operation_dense_along, kernels));
    s->along.value = p->outputs == SS_OUTPUTS_ALONG_AND_VALUES;
    s->along.dots = p->dots;
    s->along.kernel = kernels;
out:
    return st;
}

/* What a dense layer computes at the end of its products. */
static enum ss_status prepare_ends(struct ss_layered *p, ss_value v)
{
    const struct ss_layered_value *const value = &p->values[v];
    struct ss_step *const s = &p->steps[v];
    enum ss_status st = SS_OK;

    if (value->forward_end != v)
        TRY(ss_activation_end_init(&s->forward_end, &p->steps[value->forward_end], false));
    if (value->reverse_end != v)
        TRY(ss_activation_end_init(&s->reverse_end, &p->steps[value->reverse_end], true));
out:
    return st;
}

static enum ss_status prepare_steps(struct ss_layered *p)
{
    const ss_value input = ss_graph_input_value(p->graph, 0);
    enum ss_status st = SS_OK;

    for (ss_value v = 0; v < p->n_values; v++) {
        const struct ss_node *const node = ss_graph_node(p->graph, v);
        struct ss_step *const s = &p->steps[v];
        *s = (struct ss_step){.device = p->device,
                              .streams = p->streams,
                              .node = node,
                              .kernel = p->kernels[v],
                              .y = ss_span_of(p->values[v].jet),
                              .y_bar = ss_span_of(p->values[v].adjoint)};
        for (size_t i = 0; i < node->n_operands; i++) {
            const ss_value x = node->operand[i];
            s->x[i] = ss_span_of(p->values[x].jet);
            s->x_bar[i] = ss_span_of(p->values[x].adjoint);
            s->wanted[i] = is_reversed(p, x) && is_reversed(p, v);
            s->x_width[i] = ss_graph_width(p->graph, x);
            s->x_order[i] = ss_graph_node(p->graph, x)->order;
        }
        s->units = p->units && (is_along(p, v) || (node->operation && node->operand[0] == input));
        if (node->operation)
            TRY(find_kernels(p, node, node->operation, p->kernels[v]));
        if (is_along(p, v))
            TRY(prepare_along(p, s));
    }
    for (ss_value v = 0; v < p->n_values; v++)
        TRY(prepare_ends(p, v));
out:
    return st;
}

/* A gradient's large matrices are written, not zeroed and added to; all else is zeroed, in as few runs as
 * that leaves. */
static enum ss_status find_zeroed(struct ss_layered *p)
{
    enum { LARGE = 4096 };
    size_t from = 0, n = 0;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(ss_graph_parameters(p->graph) + 1, &p->zeroed));
    for (ss_value v = 0; v < p->n_values; v++) { /* parameters lie in the order of their nodes */
        const struct ss_node *const node = p->steps[v].node;
        const bool writes = node->operation && node->operation->writes_gradient && is_reversed(p, v);
        for (size_t i = 0; writes && i < node->n_parameters; i++) {
            const struct ss_parameter *const q = node->parameter[i];
            if (q->count < LARGE)
                continue;
            if (q->offset > from)
                p->zeroed[n++] = (struct run){from, q->offset - from};
            from = q->offset + q->count;
        }
    }
    if (from < ss_graph_flat_size(p->graph))
        p->zeroed[n++] = (struct run){from, ss_graph_flat_size(p->graph) - from};
    p->n_zeroed = n;
out:
    return st;
}

/* In reverse, the first to reach a value writes its adjoint and the others add to it: no adjoint needs
 * zeroing. */
static enum ss_status order_accumulation(struct ss_layered *p)
{
    bool *reached = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(p->n_values, &reached));
    reached[ss_graph_output_value(p->graph)] = true; /* by the objective */
    for (ss_value v = (ss_value)p->n_values; v-- > 0;) {
        const struct ss_node *const node = p->steps[v].node;
        for (size_t i = 0; reached[v] && i < node->n_operands; i++) {
            p->steps[v].accumulate[i] = reached[node->operand[i]];
            if (p->steps[v].wanted[i])
                reached[node->operand[i]] = true;
        }
        if (!reached[v])
            p->values[v].wanted = false; /* a dead end: reverse passes it over */
    }
out:
    free(reached);
    return st;
}

enum ss_status ss_layered_create(struct ss_device *device, const struct ss_graph *graph,
                                 const struct ss_layered_options *options, struct ss_layered **out)
{
    struct ss_layered *p = NULL;
    enum ss_status st = SS_OK;
    size_t bytes;

    TRY(ss_layered_bytes(graph, options, &bytes));
    TRY(ss_allocate(1, &p));
    p->device = device;
    p->graph = graph;
    p->streams = options->streams;
    p->capacity = options->rows;
    p->borrows_jets = options->adjoints_alone;
    p->outputs = options->outputs;
    p->units = takes_units(graph, options);
    p->n_values = ss_graph_values(graph);
    TRY(ss_allocate(p->n_values, &p->values));
    TRY(ss_allocate(p->n_values, &p->steps));
    TRY(ss_allocate(p->n_values + 1, &p->kernels));
    ss_layered_mark(graph, options, p->values);
    TRY(allocate_values(p, options));
    TRY(prepare_steps(p));
    if (options->reverse) {
        TRY(order_accumulation(p));
        TRY(find_zeroed(p));
    }
    *out = p;
    p = NULL;
out:
    ss_layered_free(p);
    return st;
}

void ss_layered_free(struct ss_layered *p)
{
    if (!p)
        return;
    for (size_t v = 0; p->values && v < p->n_values; v++) {
        if (!p->borrows_jets)
            ss_buffer_free(p->values[v].jet);
        if (p->values[v].in_place == v)
            ss_buffer_free(p->values[v].adjoint);
    }
    for (size_t v = 0; p->steps && v < p->n_values; v++) {
        ss_epilogue_free(p->steps[v].forward_end.epilogue);
        ss_epilogue_free(p->steps[v].reverse_end.epilogue);
    }
    ss_buffer_free(p->dots);
    free(p->values);
    free(p->steps);
    free(p->kernels);
    free(p->zeroed);
    free(p);
}

void ss_layered_follow(struct ss_layered *p, const struct ss_layered *values, float factor,
                       struct ss_span share)
{
    for (ss_value v = 0; v < p->n_values; v++) {
        struct ss_step *const s = &p->steps[v];
        s->values_known = true;
        s->extra_factor = factor;
        s->extra_share = share;
        /* a dense layer gives all of its operand's adjoint only if nobody else reads it */
        if (s->node->operation == &ss_operation_dense && p->streams.extra && s->wanted[0] &&
            s->x_order[0] != SS_ORDER_PASSIVE && p->values[s->node->operand[0]].readers == 1)
            s->extra_bar = ss_span_of(values->values[s->node->operand[0]].adjoint);
    }
}

struct ss_span ss_layered_input(const struct ss_layered *p, ss_value input)
{
    return ss_span_of(p->values[input].jet);
}

bool ss_layered_units(struct ss_layered *p, size_t first)
{
    for (ss_value v = 0; p->units && v < p->n_values; v++)
        p->steps[v].first_unit = (uint32_t)first;
    return p->units;
}

struct ss_span ss_layered_jet(const struct ss_layered *p, ss_value v, size_t *streams)
{
    if (streams)
        *streams = ss_streams_count(p->streams, ss_graph_node(p->graph, v)->order);
    return ss_span_of(p->values[v].jet);
}

struct ss_span ss_layered_adjoint(const struct ss_layered *p, ss_value v)
{
    return ss_span_of(p->values[v].adjoint);
}

struct ss_buffer *ss_layered_dots(const struct ss_layered *p)
{
    return p->dots;
}

/* ---- sweeps ---- */

enum ss_status ss_layered_forward(struct ss_layered *p, struct ss_span parameters, size_t rows)
{
    enum ss_status st = SS_OK;

    if (!rows || rows > p->capacity)
        return SS_FAIL(SS_ERR_INTERNAL, "a pass of %zu rows through a plan of %zu", rows, p->capacity);
    p->rows = rows;
    for (ss_value v = 0; v < p->n_values; v++) {
        p->steps[v].rows = rows;
        p->steps[v].parameters = parameters;
    }
    if (p->dots && !p->units) {
        const ss_value input = ss_graph_input_value(p->graph, 0);
        p->steps[ss_graph_output_value(p->graph)].along.v =
            ss_span_at(ss_span_of(p->values[input].jet), rows * ss_graph_width(p->graph, input));
    }
    for (ss_value v = 0; v < p->n_values; v++)
        if (p->steps[v].node->operation && !p->values[v].forward_ends)
            TRY(operation_of(p, v)->forward(&p->steps[v]));
out:
    return st;
}

enum ss_status ss_layered_reverse(struct ss_layered *p, struct ss_span parameters, struct ss_span gradient,
                                  bool accumulate)
{
    enum ss_status st = SS_OK;

    for (size_t i = 0; gradient.buffer && !accumulate && i < p->n_zeroed; i++)
        TRY(ss_span_zero(ss_span_at(gradient, p->zeroed[i].first), p->zeroed[i].count));
    for (ss_value v = (ss_value)p->n_values; v-- > 0;) {
        struct ss_step *const s = &p->steps[v];
        if (!s->node->operation || p->values[v].reverse_ends || !is_reversed(p, v))
            continue;
        s->parameters = parameters;
        s->gradient = gradient;
        s->add_gradient = accumulate;
        TRY(operation_of(p, v)->reverse(s));
    }
out:
    return st;
}
