#include "jet/operation.h"

enum { PLACE, TAKE };

ss_value ss_concatenate(struct ss_graph *g, ss_value a, ss_value b)
{
    const ss_value operands[] = {a, b};
    ss_value y;

    ss_graph_add(g, &ss_operation_concatenate, operands, 2, ss_graph_width(g, a) + ss_graph_width(g, b), &y);
    return y;
}

static enum ss_status forward(const struct ss_step *s)
{
    const size_t rows = ss_step_y_streams(s) * s->rows;
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < 2; i++) {
        const struct ss_arg args[] = {ss_arg_u32((uint32_t)rows),
                                      ss_arg_u32((uint32_t)(ss_step_x_streams(s, i) * s->rows)),
                                      ss_arg_u32((uint32_t)s->x_width[i]),
                                      ss_arg_u32((uint32_t)s->node->width),
                                      ss_arg_u32(i ? (uint32_t)s->x_width[0] : 0),
                                      ss_arg_span(s->x[i]),
                                      ss_arg_span(s->y)};
        TRY(ss_launch(s->kernel[PLACE], (struct ss_range){.global = {s->x_width[i], rows}}, args,
                      SS_COUNT(args)));
    }
out:
    return st;
}

static enum ss_status reverse(const struct ss_step *s)
{
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < 2; i++) {
        const size_t rows = ss_step_x_streams(s, i) * s->rows;
        const struct ss_arg args[] = {ss_arg_u32((uint32_t)rows),
                                      ss_arg_u32((uint32_t)s->node->width),
                                      ss_arg_u32((uint32_t)s->x_width[i]),
                                      ss_arg_u32(i ? (uint32_t)s->x_width[0] : 0),
                                      ss_arg_u32(1),
                                      ss_arg_u32(s->accumulate[i]),
                                      ss_arg_span(s->y_bar),
                                      ss_arg_span(s->x_bar[i])};
        if (s->wanted[i])
            TRY(ss_launch(s->kernel[TAKE], (struct ss_range){.global = {s->x_width[i], rows}}, args,
                          SS_COUNT(args)));
    }
out:
    return st;
}

const struct ss_operation ss_operation_concatenate = {
    .name = "concatenate",
    .file = "jet/columns.cl",
    .kernels = {"columns_place", "columns_take"},
    .forward = forward,
    .reverse = reverse,
};
