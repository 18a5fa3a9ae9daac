#include "jet/operation.h"

enum { FORWARD, REVERSE };

ss_value ss_product(struct ss_graph *g, ss_value a, ss_value b)
{
    const size_t wa = ss_graph_width(g, a), wb = ss_graph_width(g, b);
    const ss_value operands[] = {a, b};
    ss_value y;

    if (wa != wb && wa != 1 && wb != 1)
        ss_graph_mistake(g, "product of widths %zu and %zu", wa, wb);
    struct ss_node *const node = ss_graph_add(g, &ss_operation_product, operands, 2, wa > wb ? wa : wb, &y);
    /* linear times passive stays linear; linear times linear does not */
    if (ss_graph_status(g) == SS_OK && node->order == SS_ORDER_LINEAR &&
        ss_graph_node(g, a)->order == ss_graph_node(g, b)->order)
        node->order = SS_ORDER_CURVED;
    return y;
}

static enum ss_status forward(const struct ss_step *s)
{
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)s->rows),
                                  ss_arg_u32((uint32_t)s->node->width),
                                  ss_arg_u32(s->streams.slices),
                                  ss_arg_u32(s->streams.extra),
                                  ss_arg_u32((uint32_t)s->node->order),
                                  ss_arg_u32((uint32_t)s->x_order[0]),
                                  ss_arg_u32((uint32_t)s->x_width[0]),
                                  ss_arg_span(s->x[0]),
                                  ss_arg_u32((uint32_t)s->x_order[1]),
                                  ss_arg_u32((uint32_t)s->x_width[1]),
                                  ss_arg_span(s->x[1]),
                                  ss_arg_span(s->y)};

    return ss_launch(s->kernel[FORWARD], (struct ss_range){.global = {s->node->width, s->rows}}, args,
                     SS_COUNT(args));
}

static enum ss_status reverse(const struct ss_step *s)
{
    enum ss_status st = SS_OK;

    for (size_t p = 0; p < 2; p++) {
        const size_t o = 1 - p;
        const struct ss_arg args[] = {ss_arg_u32((uint32_t)s->rows),
                                      ss_arg_u32((uint32_t)s->node->width),
                                      ss_arg_u32(s->streams.slices),
                                      ss_arg_u32(s->streams.extra),
                                      ss_arg_u32((uint32_t)s->node->order),
                                      ss_arg_u32((uint32_t)s->x_order[p]),
                                      ss_arg_u32((uint32_t)s->x_width[p]),
                                      ss_arg_u32((uint32_t)s->x_order[o]),
                                      ss_arg_u32((uint32_t)s->x_width[o]),
                                      ss_arg_span(s->x[o]),
                                      ss_arg_span(s->y_bar),
                                      ss_arg_u32(s->accumulate[p]),
                                      ss_arg_span(s->x_bar[p])};
        if (s->wanted[p])
            TRY(ss_launch(s->kernel[REVERSE], (struct ss_range){.global = {s->x_width[p], s->rows}}, args,
                          SS_COUNT(args)));
    }
out:
    return st;
}

const struct ss_operation ss_operation_product = {
    .name = "product",
    .file = "jet/product.cl",
    .defines = SS_DEFINES_SECOND,
    .kernels = {"product_forward", "product_reverse"},
    .forward = forward,
    .reverse = reverse,
};
