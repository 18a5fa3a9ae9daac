#include "jet/operation.h"

enum { FORWARD, REVERSE };

ss_value ss_row_sum(struct ss_graph *g, ss_value x)
{
    ss_value y;

    ss_graph_add(g, &ss_operation_row_sum, &x, 1, 1, &y);
    return y;
}

static enum ss_status forward(const struct ss_step *s)
{
    const size_t rows = ss_step_y_streams(s) * s->rows;
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)rows), ss_arg_u32((uint32_t)s->x_width[0]),
                                  ss_arg_span(s->x[0]), ss_arg_span(s->y)};

    return ss_launch(s->kernel[FORWARD], (struct ss_range){.global = {rows}}, args, SS_COUNT(args));
}

static enum ss_status reverse(const struct ss_step *s)
{
    const size_t rows = ss_step_y_streams(s) * s->rows;
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)rows), ss_arg_u32((uint32_t)s->x_width[0]),
                                  ss_arg_u32(s->accumulate[0]), ss_arg_span(s->y_bar),
                                  ss_arg_span(s->x_bar[0])};

    if (!s->wanted[0])
        return SS_OK;
    return ss_launch(s->kernel[REVERSE], (struct ss_range){.global = {s->x_width[0], rows}}, args,
                     SS_COUNT(args));
}

const struct ss_operation ss_operation_row_sum = {
    .name = "row_sum",
    .file = "jet/row_sum.cl",
    .kernels = {"row_sum_forward", "row_sum_reverse"},
    .forward = forward,
    .reverse = reverse,
};
