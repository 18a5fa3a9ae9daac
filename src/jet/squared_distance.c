#include "jet/operation.h"

enum { FORWARD, REVERSE_X, REVERSE_POINTS };

ss_value ss_squared_distance(struct ss_graph *g, ss_value x, size_t n_points, const char *name)
{
    ss_value y;
    struct ss_node *const node = ss_graph_add(g, &ss_operation_squared_distance, &x, 1, n_points, &y);
    struct ss_parameter *const points = ss_graph_add_parameter(g, name, "", n_points, ss_graph_width(g, x));

    if (node->order == SS_ORDER_LINEAR)
        node->order = SS_ORDER_CURVED;
    points->initial = SS_INITIAL_NORMAL;
    points->deviation = 1.0f;
    return y;
}

static enum ss_status forward(const struct ss_step *s)
{
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)s->rows),
                                  ss_arg_u32((uint32_t)s->node->width),
                                  ss_arg_u32((uint32_t)s->x_width[0]),
                                  ss_arg_u32(s->streams.slices),
                                  ss_arg_u32(s->streams.extra),
                                  ss_arg_u32((uint32_t)s->x_order[0]),
                                  ss_arg_span(s->x[0]),
                                  ss_arg_span(ss_step_parameter(s, 0)),
                                  ss_arg_span(s->y)};

    return ss_launch(s->kernel[FORWARD], (struct ss_range){.global = {s->node->width, s->rows}}, args,
                     SS_COUNT(args));
}

static enum ss_status reverse_x(const struct ss_step *s)
{
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)s->rows),
                                  ss_arg_u32((uint32_t)s->node->width),
                                  ss_arg_u32((uint32_t)s->x_width[0]),
                                  ss_arg_u32(s->streams.slices),
                                  ss_arg_u32(s->streams.extra),
                                  ss_arg_u32((uint32_t)s->x_order[0]),
                                  ss_arg_u32(s->accumulate[0]),
                                  ss_arg_span(s->x[0]),
                                  ss_arg_span(ss_step_parameter(s, 0)),
                                  ss_arg_span(s->y_bar),
                                  ss_arg_span(s->x_bar[0])};

    return ss_launch(s->kernel[REVERSE_X], (struct ss_range){.global = {s->x_width[0], s->rows}}, args,
                     SS_COUNT(args));
}

static enum ss_status reverse_points(const struct ss_step *s)
{
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)s->rows),
                                  ss_arg_u32((uint32_t)s->node->width),
                                  ss_arg_u32((uint32_t)s->x_width[0]),
                                  ss_arg_u32(s->streams.slices),
                                  ss_arg_u32(s->streams.extra),
                                  ss_arg_u32((uint32_t)s->x_order[0]),
                                  ss_arg_span(s->x[0]),
                                  ss_arg_span(ss_step_parameter(s, 0)),
                                  ss_arg_span(s->y_bar),
                                  ss_arg_span(ss_step_gradient(s, 0))};

    return ss_launch(s->kernel[REVERSE_POINTS], (struct ss_range){.global = {s->x_width[0], s->node->width}},
                     args, SS_COUNT(args));
}

static enum ss_status reverse(const struct ss_step *s)
{
    enum ss_status st = SS_OK;

    if (s->gradient.buffer)
        TRY(reverse_points(s));
    if (s->wanted[0])
        TRY(reverse_x(s));
out:
    return st;
}

const struct ss_operation ss_operation_squared_distance = {
    .name = "squared_distance",
    .file = "jet/squared_distance.cl",
    .defines = SS_DEFINES_SECOND,
    .kernels = {"distance_forward", "distance_reverse_x", "distance_reverse_points"},
    .forward = forward,
    .reverse = reverse,
};
