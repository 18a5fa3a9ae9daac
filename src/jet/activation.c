#include "jet/operation.h"

enum { FORWARD, REVERSE };

ss_value ss_activation(struct ss_graph *g, ss_value x, enum ss_activation f)
{
    ss_value y;
    struct ss_node *const node = ss_graph_add(g, &ss_operation_activation, &x, 1, ss_graph_width(g, x), &y);

    node->activation = f;
    if (node->order == SS_ORDER_LINEAR)
        node->order = SS_ORDER_CURVED;
    return y;
}

static struct ss_range range(const struct ss_step *s, size_t n)
{
    const size_t width = ss_device_vector_width(s->device);

    return (struct ss_range){.global = {(n + width - 1) / width}};
}

static enum ss_status forward(const struct ss_step *s)
{
    const size_t n = s->rows * s->node->width;
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)s->node->activation),
                                  ss_arg_u32((uint32_t)n),
                                  ss_arg_u32(s->streams.slices),
                                  ss_arg_u32(s->streams.extra),
                                  ss_arg_u32((uint32_t)s->x_order[0]),
                                  ss_arg_span(s->x[0]),
                                  ss_arg_span(s->y)};

    return ss_launch(s->kernel[FORWARD], range(s, n), args, SS_COUNT(args));
}

static enum ss_status reverse(const struct ss_step *s)
{
    const size_t n = s->rows * s->node->width;
    const struct ss_arg args[] = {
        ss_arg_u32((uint32_t)s->node->activation),
        ss_arg_u32((uint32_t)n),
        ss_arg_u32(s->streams.slices),
        ss_arg_u32(s->streams.extra),
        ss_arg_u32((uint32_t)s->x_order[0]),
        ss_arg_u32(s->accumulate[0]),
        ss_arg_span(s->x[0]),
        ss_arg_span(s->y_bar),
        ss_arg_span(s->x_bar[0]),
    };

    if (!s->wanted[0])
        return SS_OK;
    return ss_launch(s->kernel[REVERSE], range(s, n), args, SS_COUNT(args));
}

const struct ss_operation ss_operation_activation = {
    .name = "activation",
    .file = "jet/activation.cl",
    .defines = SS_DEFINES_ACTIVATION | SS_DEFINES_SECOND | SS_DEFINES_WIDTH,
    .kernels = {"activation_forward", "activation_reverse"},
    .forward = forward,
    .reverse = reverse,
};
