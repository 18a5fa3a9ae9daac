/* shift.c - y = x + sign p: only the value moves. */
#include "jet/operation.h"

enum { ADD, SUM, COPY };

ss_value ss_shift(struct ss_graph *g, ss_value x, float sign, const char *name)
{
    ss_value y;
    struct ss_node *const node = ss_graph_add(g, &ss_operation_shift, &x, 1, ss_graph_width(g, x), &y);

    node->factor = sign;
    ss_graph_add_parameter(g, name, "", ss_graph_width(g, x), 0)->initial = SS_INITIAL_ZERO;
    return y;
}

static enum ss_status forward(const struct ss_step *s)
{
    const size_t width = s->node->width;
    enum ss_status st = SS_OK;

    TRY(ss_span_copy(s->x[0], s->y, ss_step_y_streams(s) * s->rows * width));
    TRY(ss_columns_add(s, s->kernel[ADD], 0, s->node->factor));
out:
    return st;
}

static enum ss_status reverse(const struct ss_step *s)
{
    const size_t width = s->node->width, n = ss_step_y_streams(s) * s->rows * width;
    enum ss_status st = SS_OK;

    if (s->gradient.buffer)
        TRY(ss_columns_sum(s, s->kernel[SUM], 0, s->node->factor));
    if (s->wanted[0]) {
        const struct ss_arg args[] = {ss_arg_u32((uint32_t)n), ss_arg_u32(s->accumulate[0]),
                                      ss_arg_span(s->y_bar), ss_arg_span(s->x_bar[0])};
        TRY(ss_launch(s->kernel[COPY], (struct ss_range){.global = {n}}, args, SS_COUNT(args)));
    }
out:
    return st;
}

const struct ss_operation ss_operation_shift = {
    .name = "shift",
    .file = "jet/sums.cl",
    .defines = SS_DEFINES_WIDTH,
    .kernels = {"columns_add", "columns_sum", "elements_pass"},
    .forward = forward,
    .reverse = reverse,
    .writes_gradient = true,
};
