/* dense.c - y = W x + b: one product over all streams; the bias touches the value alone. */
#include <math.h>

#include "jet/operation.h"

enum { WEIGHT, BIAS };
enum { ADD, SUM, SCALE, UNITS_FORWARD, UNITS_REVERSE };

ss_value ss_dense(struct ss_graph *g, ss_value x, size_t n_out, bool bias, const char *name)
{
    const size_t n_in = ss_graph_width(g, x);
    const float deviation = 1.0f / sqrtf((float)n_in);
    ss_value y;

    ss_graph_add(g, &ss_operation_dense, &x, 1, n_out, &y);
    struct ss_parameter *p = ss_graph_add_parameter(g, name, ".weight", n_out, n_in);
    p->initial = SS_INITIAL_NORMAL;
    p->deviation = deviation;
    if (bias) {
        p = ss_graph_add_parameter(g, name, ".bias", n_out, 0);
        p->initial = SS_INITIAL_NORMAL;
        p->deviation = deviation;
    }
    return y;
}

/* Streams that take a product: unit vectors pick columns. */
static size_t multiplied(const struct ss_step *s)
{
    return s->units ? 1 : ss_step_y_streams(s);
}

static struct ss_span slices_of(const struct ss_step *s, struct ss_span jet)
{
    return ss_span_at(jet, s->rows * s->node->width);
}

/* The product, then its bias, then what is at its end: as much at once as the product can. */
static enum ss_status multiply(const struct ss_step *s, const struct ss_gemm *product, bool with_bias,
                               const struct ss_activation_end *end)
{
    struct ss_arg args[SS_EPILOGUE_ARGS];
    struct ss_gemm biased = *product;
    enum ss_status st = SS_OK;

    if (with_bias)
        biased.bias = ss_step_parameter(s, BIAS);
    struct ss_gemm whole = biased;
    ss_activation_end_add(end, args, &whole);
    if (ss_gemm_finishes(s->device, &whole))
        return ss_gemm_enqueue(s->device, &whole);
    if (with_bias && ss_gemm_finishes(s->device, &biased)) {
        TRY(ss_gemm_enqueue(s->device, &biased));
    } else {
        TRY(ss_gemm_enqueue(s->device, product));
        if (with_bias)
            TRY(ss_columns_add(s, s->kernel[ADD], BIAS, 1.0f));
    }
    TRY(ss_activation_end_enqueue(end));
out:
    return st;
}

static enum ss_status forward(const struct ss_step *s)
{
    static const struct ss_activation_end none;
    const size_t n_in = s->x_width[0], n_out = s->node->width;
    const bool with_bias = s->node->n_parameters > BIAS && !s->values_known;
    const struct ss_gemm product = {.transpose_b = true,
                                    .streams = multiplied(s),
                                    .skip = s->values_known ? 1 : 0,
                                    .m = s->rows,
                                    .n = n_out,
                                    .k = n_in,
                                    .a = s->x[0],
                                    .lda = n_in,
                                    .b = ss_step_parameter(s, WEIGHT),
                                    .ldb = n_in,
                                    .c = s->y,
                                    .ldc = n_out};
    enum ss_status st = SS_OK;

    TRY(multiply(s, &product, with_bias, s->units ? &none : &s->forward_end));
    if (s->units) {
        TRY(ss_units_enqueue(s, s->kernel[UNITS_FORWARD], n_out, product.b, slices_of(s, s->y)));
        TRY(ss_activation_end_enqueue(&s->forward_end));
    }
out:
    return st;
}

static enum ss_status reverse_parameters(const struct ss_step *s)
{
    const size_t n_in = s->x_width[0], n_out = s->node->width;
    const struct ss_gemm weight = {.transpose_a = true,
                                   .m = n_out,
                                   .n = n_in,
                                   .k = multiplied(s) * s->rows,
                                   .a = s->y_bar,
                                   .lda = n_out,
                                   .b = s->x[0],
                                   .ldb = n_in,
                                   .c = ss_step_gradient(s, WEIGHT),
                                   .ldc = n_in,
                                   .accumulate = s->add_gradient};
    enum ss_status st = SS_OK;

    TRY(ss_gemm_enqueue(s->device, &weight));
    if (s->units)
        TRY(ss_units_enqueue(s, s->kernel[UNITS_REVERSE], n_out, slices_of(s, s->y_bar), weight.c));
    if (s->node->n_parameters > BIAS)
        TRY(ss_columns_sum(s, s->kernel[SUM], BIAS, 1.0f));
out:
    return st;
}

static enum ss_status reverse(const struct ss_step *s)
{
    const size_t n_in = s->x_width[0], n_out = s->node->width;
    const struct ss_gemm input = {.streams = ss_step_y_streams(s),
                                  .skip = s->extra_bar.buffer ? ss_streams_first(s->streams) : 0,
                                  .m = s->rows,
                                  .n = n_in,
                                  .k = n_out,
                                  .a = s->y_bar,
                                  .lda = n_out,
                                  .b = ss_step_parameter(s, WEIGHT),
                                  .ldb = n_in,
                                  .c = s->x_bar[0],
                                  .ldc = n_in,
                                  .accumulate = s->accumulate[0]};
    enum ss_status st = SS_OK;

    if (s->gradient.buffer)
        TRY(reverse_parameters(s));
    if (!s->wanted[0])
        goto out;
    if (input.skip) {
        const size_t n = s->rows * n_in;
        const struct ss_arg args[] = {ss_arg_u32((uint32_t)n), ss_arg_f32(s->extra_factor),
                                      ss_arg_span(s->extra_share), ss_arg_span(s->extra_bar),
                                      ss_arg_span(ss_span_at(s->x_bar[0], (input.skip - 1) * n))};
        TRY(ss_launch(s->kernel[SCALE], (struct ss_range){.global = {n}}, args, SS_COUNT(args)));
    }
    TRY(multiply(s, &input, false, &s->reverse_end));
out:
    return st;
}

const struct ss_operation ss_operation_dense = {
    .name = "dense",
    .file = "jet/sums.cl",
    .defines = SS_DEFINES_WIDTH,
    .kernels = {"columns_add", "columns_sum", "elements_scale", "units_forward", "units_reverse"},
    .forward = forward,
    .reverse = reverse,
    .writes_gradient = true,
};
