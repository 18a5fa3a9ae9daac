#include "jet/operation.h"

enum { ADD, PASS };

ss_value ss_add(struct ss_graph *g, ss_value a, ss_value b)
{
    const ss_value operands[] = {a, b};
    ss_value y;

    if (ss_graph_width(g, a) != ss_graph_width(g, b))
        ss_graph_mistake(g, "add of widths %zu and %zu", ss_graph_width(g, a), ss_graph_width(g, b));
    ss_graph_add(g, &ss_operation_add, operands, 2, ss_graph_width(g, a), &y);
    return y;
}

static enum ss_status forward(const struct ss_step *s)
{
    const size_t stream = s->rows * s->node->width, n = ss_step_y_streams(s) * stream;
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)n),
                                  ss_arg_u32((uint32_t)(ss_step_x_streams(s, 0) * stream)),
                                  ss_arg_u32((uint32_t)(ss_step_x_streams(s, 1) * stream)),
                                  ss_arg_span(s->x[0]),
                                  ss_arg_span(s->x[1]),
                                  ss_arg_span(s->y)};

    return ss_launch(s->kernel[ADD], (struct ss_range){.global = {n}}, args, SS_COUNT(args));
}

static enum ss_status reverse(const struct ss_step *s)
{
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < 2; i++) {
        const size_t n = ss_step_x_streams(s, i) * s->rows * s->node->width;
        const struct ss_arg args[] = {ss_arg_u32((uint32_t)n), ss_arg_u32(s->accumulate[i]),
                                      ss_arg_span(s->y_bar), ss_arg_span(s->x_bar[i])};
        if (s->wanted[i])
            TRY(ss_launch(s->kernel[PASS], (struct ss_range){.global = {n}}, args, SS_COUNT(args)));
    }
out:
    return st;
}

const struct ss_operation ss_operation_add = {
    .name = "add",
    .file = "jet/sums.cl",
    .defines = SS_DEFINES_WIDTH,
    .kernels = {"elements_add", "elements_pass"},
    .forward = forward,
    .reverse = reverse,
};
