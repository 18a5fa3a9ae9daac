/* dense_along.c - a last layer y = W h + b where only v'y1 and v'y of each slice v are wanted. (v'W) h takes
 * a product where v'(W h) takes two, and both its reverses none but the weights': 2 M products for M slices
 * in place of 3 (M + 1), and those of a plain layer of values where y itself is wanted too. */
#include "jet/operation.h"

enum { DOTS, REVERSE, BIAS_SUM, UNITS, UNITS_REVERSE };
enum { WEIGHT, BIAS };

static struct ss_step values_of(const struct ss_step *s)
{
    struct ss_step values = *s;

    values.streams = (struct ss_streams){0};
    values.units = false;
    return values;
}

static bool with_bias(const struct ss_step *s)
{
    return s->node->n_parameters > BIAS;
}

static struct ss_span slices_of(struct ss_span jet, const struct ss_step *s)
{
    return ss_span_at(jet, s->rows * s->x_width[0]);
}

/* An item for each vector of `width`, and row. */
static struct ss_range items(const struct ss_step *s, size_t width, size_t rows)
{
    const size_t vector = ss_device_vector_width(s->device);

    return (struct ss_range){.global = {(width + vector - 1) / vector, rows}};
}

static enum ss_status forward(const struct ss_step *s)
{
    const size_t n_in = s->x_width[0], n_out = s->node->width, M = s->streams.slices;
    const struct ss_span bias = with_bias(s) ? ss_step_parameter(s, BIAS) : s->parameters;
    const struct ss_gemm product = {.m = M * s->rows,
                                    .n = n_in,
                                    .k = n_out,
                                    .a = s->along.v,
                                    .lda = n_out,
                                    .b = ss_step_parameter(s, WEIGHT),
                                    .ldb = n_in,
                                    .c = slices_of(s->x_bar[0], s),
                                    .ldc = n_in};
    const struct ss_arg args[] = {
        ss_arg_u32((uint32_t)s->rows), ss_arg_u32((uint32_t)n_in), ss_arg_u32((uint32_t)n_out),
        ss_arg_u32((uint32_t)M),       ss_arg_span(s->x[0]),       ss_arg_span(s->x_bar[0]),
        ss_arg_span(s->along.v),       ss_arg_span(bias),          ss_arg_u32(with_bias(s) && !s->units),
        ss_arg_buffer(s->along.dots)};
    enum ss_status st = SS_OK;

    if (s->along.value) {
        const struct ss_step values = values_of(s);
        TRY(ss_operation_dense.forward(&values));
    }
    if (s->units)
        TRY(ss_units_enqueue(s, s->along.kernel[UNITS], n_in, product.b, product.c));
    else
        TRY(ss_gemm_enqueue(s->device, &product));
    TRY(ss_launch(s->along.kernel[DOTS], (struct ss_range){.global = {s->rows, M}}, args, SS_COUNT(args)));
out:
    return st;
}

static enum ss_status reverse_parameters(const struct ss_step *s, bool add)
{
    const size_t n_in = s->x_width[0], n_out = s->node->width, M = s->streams.slices;
    const struct ss_gemm weight = {.transpose_a = true,
                                   .m = n_out,
                                   .n = n_in,
                                   .k = M * s->rows,
                                   .a = s->along.v,
                                   .lda = n_out,
                                   .b = slices_of(s->x[0], s),
                                   .ldb = n_in,
                                   .c = ss_step_gradient(s, WEIGHT),
                                   .ldc = n_in,
                                   .accumulate = add};
    enum ss_status st = SS_OK;

    if (s->units)
        return ss_units_enqueue(s, s->along.kernel[UNITS_REVERSE], n_in, weight.b, weight.c);
    TRY(ss_gemm_enqueue(s->device, &weight));
    if (with_bias(s)) {
        const struct ss_arg args[] = {ss_arg_u32((uint32_t)s->rows),
                                      ss_arg_u32((uint32_t)n_out),
                                      ss_arg_u32((uint32_t)M),
                                      ss_arg_u32(add),
                                      ss_arg_buffer(s->along.dots),
                                      ss_arg_span(s->along.v),
                                      ss_arg_span(ss_step_gradient(s, BIAS))};
        TRY(ss_launch(s->along.kernel[BIAS_SUM], items(s, n_out, 0), args, SS_COUNT(args)));
    }
out:
    return st;
}

static enum ss_status reverse(const struct ss_step *s)
{
    const size_t n_in = s->x_width[0];
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)s->rows), ss_arg_u32((uint32_t)n_in),
                                  ss_arg_u32(s->streams.slices), ss_arg_u32(s->along.value),
                                  ss_arg_buffer(s->along.dots),  ss_arg_span(s->x[0]),
                                  ss_arg_span(s->x_bar[0])};
    enum ss_status st = SS_OK;

    if (s->along.value) {
        const struct ss_step values = values_of(s);
        TRY(ss_operation_dense.reverse(&values));
    }
    TRY(ss_launch(s->along.kernel[REVERSE], items(s, n_in, s->rows), args, SS_COUNT(args)));
    if (s->gradient.buffer)
        TRY(reverse_parameters(s, s->add_gradient || s->along.value));
out:
    return st;
}

const struct ss_operation ss_operation_dense_along = {
    .name = "dense along slices",
    .file = "jet/dense_along.cl",
    .defines = SS_DEFINES_WIDTH,
    .kernels = {"along_dots", "along_reverse", "along_bias", "units_along", "units_along_reverse"},
    .forward = forward,
    .reverse = reverse,
    .writes_gradient = true,
};
