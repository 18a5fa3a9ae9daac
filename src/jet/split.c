#include "jet/operation.h"

enum { TAKE, GIVE };

ss_value ss_split(struct ss_graph *g, ss_value x, size_t first, size_t count, size_t stride)
{
    const size_t width = ss_graph_width(g, x);
    ss_value y;

    if (!stride || !count || first >= width || (count - 1) > (width - 1 - first) / stride)
        ss_graph_mistake(g, "split of %zu columns from %zu by %zu out of %zu", count, first, stride, width);
    struct ss_node *const node = ss_graph_add(g, &ss_operation_split, &x, 1, count, &y);
    node->first = first;
    node->stride = stride;
    return y;
}

static enum ss_status move(const struct ss_step *s, int kernel, struct ss_span from, struct ss_span to,
                           bool accumulate)
{
    const size_t rows = ss_step_y_streams(s) * s->rows;
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)rows),
                                  ss_arg_u32((uint32_t)s->x_width[0]),
                                  ss_arg_u32((uint32_t)s->node->width),
                                  ss_arg_u32((uint32_t)s->node->first),
                                  ss_arg_u32((uint32_t)s->node->stride),
                                  ss_arg_u32(accumulate),
                                  ss_arg_span(from),
                                  ss_arg_span(to)};
    const size_t columns = kernel == TAKE ? s->node->width : s->x_width[0];

    return ss_launch(s->kernel[kernel], (struct ss_range){.global = {columns, rows}}, args, SS_COUNT(args));
}

static enum ss_status forward(const struct ss_step *s)
{
    return move(s, TAKE, s->x[0], s->y, false);
}

static enum ss_status reverse(const struct ss_step *s)
{
    return s->wanted[0] ? move(s, GIVE, s->y_bar, s->x_bar[0], s->accumulate[0]) : SS_OK;
}

const struct ss_operation ss_operation_split = {
    .name = "split",
    .file = "jet/columns.cl",
    .kernels = {"columns_take", "columns_give"},
    .forward = forward,
    .reverse = reverse,
};
