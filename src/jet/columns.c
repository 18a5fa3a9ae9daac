/* columns.c - a vector added to every row, and the sum over rows that is its reverse: biases and shifts. */
#include "jet/operation.h"

enum { COLUMNS = 32, SUM_ITEMS = 256, CPU_GROUP = 4 }; /* SUM_ITEMS as in cl/jet/sums.cl */

enum ss_status ss_columns_add(const struct ss_step *s, struct ss_kernel *kernel, size_t parameter, float sign)
{
    const size_t width = s->node->width;
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)s->rows), ss_arg_u32((uint32_t)width),
                                  ss_arg_f32(sign), ss_arg_span(ss_step_parameter(s, parameter)),
                                  ss_arg_span(s->y)};

    return ss_launch(kernel, (struct ss_range){.global = {width, s->rows}}, args, SS_COUNT(args));
}

/* Items side by side read neighbours; what columns leave over of a group are lanes. */
static struct ss_range sum_range(const struct ss_step *s)
{
    const size_t width = s->node->width, vector = ss_device_vector_width(s->device);
    const size_t most = ss_device_info(s->device)->max_work_group;
    size_t columns = 1, lanes = 1;

    if (vector > 1)
        return (struct ss_range){.global = {(width + vector - 1) / vector}, .local = {CPU_GROUP}};
    while (columns < width && columns < COLUMNS && 2 * columns <= most)
        columns *= 2;
    while (lanes < s->rows && 2 * lanes * columns <= SUM_ITEMS && 2 * lanes * columns <= most)
        lanes *= 2;
    return (struct ss_range){.global = {width, lanes}, .local = {columns, lanes}};
}

enum ss_status ss_units_enqueue(const struct ss_step *s, struct ss_kernel *kernel, size_t n,
                                struct ss_span from, struct ss_span to)
{
    const size_t vector = ss_device_vector_width(s->device);
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)s->rows),
                                  ss_arg_u32((uint32_t)s->x_width[0]),
                                  ss_arg_u32((uint32_t)s->node->width),
                                  ss_arg_u32(s->streams.slices),
                                  ss_arg_u32(s->first_unit),
                                  ss_arg_span(from),
                                  ss_arg_span(to)};

    return ss_launch(kernel, (struct ss_range){.global = {(n + vector - 1) / vector, s->streams.slices}},
                     args, SS_COUNT(args));
}

enum ss_status ss_columns_sum(const struct ss_step *s, struct ss_kernel *kernel, size_t parameter, float sign)
{
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)s->rows),
                                  ss_arg_u32((uint32_t)s->node->width),
                                  ss_arg_f32(sign),
                                  ss_arg_u32(s->add_gradient),
                                  ss_arg_span(s->y_bar),
                                  ss_arg_span(ss_step_gradient(s, parameter))};

    return ss_launch(kernel, sum_range(s), args, SS_COUNT(args));
}
