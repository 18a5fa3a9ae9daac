#include "jet/operation.h"

enum { PASS, PARAMETER };
enum { GROUP = 64 }; /* as in cl/jet/scale.cl */

static ss_value scale(struct ss_graph *g, ss_value x, bool one_for_all, const char *name,
                      struct ss_node **node)
{
    const size_t width = ss_graph_width(g, x);
    ss_value y;

    *node = ss_graph_add(g, &ss_operation_scale, &x, 1, width, &y);
    (*node)->one_for_all = one_for_all;
    ss_graph_add_parameter(g, name, "", one_for_all ? 1 : width, 0)->initial = SS_INITIAL_ONE;
    return y;
}

ss_value ss_scale(struct ss_graph *g, ss_value x, bool one_for_all, const char *name)
{
    struct ss_node *node;

    return scale(g, x, one_for_all, name, &node);
}

ss_value ss_scale_exp(struct ss_graph *g, ss_value x, bool one_for_all, float factor, float rate,
                      const char *name)
{
    struct ss_node *node;
    const ss_value y = scale(g, x, one_for_all, name, &node);

    node->exponential = true;
    node->factor = factor;
    node->rate = rate;
    if (ss_graph_status(g) == SS_OK)
        ss_graph_parameter(g, ss_graph_parameters(g) - 1)->initial = SS_INITIAL_ZERO;
    return y;
}

static enum ss_status pass(const struct ss_step *s, struct ss_span x, struct ss_span y, bool accumulate)
{
    const size_t n = ss_step_y_streams(s) * s->rows * s->node->width;
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)n),
                                  ss_arg_u32((uint32_t)s->node->width),
                                  ss_arg_u32(s->node->one_for_all),
                                  ss_arg_u32(s->node->exponential),
                                  ss_arg_f32(s->node->factor),
                                  ss_arg_f32(s->node->rate),
                                  ss_arg_u32(accumulate),
                                  ss_arg_span(ss_step_parameter(s, 0)),
                                  ss_arg_span(x),
                                  ss_arg_span(y)};

    return ss_launch(s->kernel[PASS], (struct ss_range){.global = {n}}, args, SS_COUNT(args));
}

static enum ss_status forward(const struct ss_step *s)
{
    return pass(s, s->x[0], s->y, false);
}

static enum ss_status reverse(const struct ss_step *s)
{
    const size_t n = ss_step_y_streams(s) * s->rows * s->node->width;
    enum ss_status st = SS_OK;

    if (s->gradient.buffer) {
        const struct ss_arg args[] = {ss_arg_u32((uint32_t)n),
                                      ss_arg_u32((uint32_t)s->node->width),
                                      ss_arg_u32(s->node->one_for_all),
                                      ss_arg_u32(s->node->exponential),
                                      ss_arg_f32(s->node->factor),
                                      ss_arg_f32(s->node->rate),
                                      ss_arg_span(ss_step_parameter(s, 0)),
                                      ss_arg_span(s->x[0]),
                                      ss_arg_span(s->y_bar),
                                      ss_arg_span(ss_step_gradient(s, 0))};
        const struct ss_range range = {.global = {GROUP * s->node->parameter[0]->count}, .local = {GROUP}};
        TRY(ss_launch(s->kernel[PARAMETER], range, args, SS_COUNT(args)));
    }
    if (s->wanted[0])
        TRY(pass(s, s->y_bar, s->x_bar[0], s->accumulate[0]));
out:
    return st;
}

const struct ss_operation ss_operation_scale = {
    .name = "scale",
    .file = "jet/scale.cl",
    .kernels = {"scale_pass", "scale_parameter"},
    .forward = forward,
    .reverse = reverse,
};
