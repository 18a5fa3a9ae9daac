#include "objective/slices.h"

#include "base/checked.h"

/* CPU drivers make vectors of the columns of one item, not of the items; below 16 columns there is nothing to
 * gain. NORMALS and SIGNS: columns of an item (cl/objective/slices.cl). */
enum { LEAST_WIDE = 16, NORMALS = 64, SIGNS = 128, NARROW = 4 };

static enum ss_status draw_independent(struct ss_device *d, bool gaussian, enum ss_purpose purpose,
                                       const struct ss_slice_shape *shape, const struct ss_draw *draw,
                                       struct ss_span v)
{
    const struct ss_arg args[] = {ss_arg_u32(draw->seed),
                                  ss_arg_u32((uint32_t)purpose),
                                  ss_arg_u32((uint32_t)draw->step),
                                  ss_arg_u32((uint32_t)(draw->step >> 32) << 24),
                                  ss_arg_u32(draw->first_row),
                                  ss_arg_u32((uint32_t)shape->rows),
                                  ss_arg_u32((uint32_t)shape->dimension),
                                  ss_arg_u32((uint32_t)shape->first),
                                  ss_arg_u32((uint32_t)shape->count),
                                  ss_arg_span(v),
                                  ss_arg_u32(gaussian)};
    const bool wide = ss_device_is_cpu(d) && shape->dimension >= LEAST_WIDE;
    const size_t columns = !wide ? NARROW : gaussian ? NORMALS : SIGNS;
    const struct ss_range range = {
        .global = {ss_parts_of(shape->dimension, columns), shape->rows, shape->count}};
    const char *const name = !wide      ? "slices_independent"
                             : gaussian ? "slices_normals_wide"
                                        : "slices_signs_wide";
    struct ss_kernel *k = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_device_kernel(d, "objective/slices.cl", name, NULL, 0, &k));
    TRY(ss_launch(k, range, args, SS_COUNT(args) - wide)); /* each wide kernel has one law */
out:
    return st;
}

/* Turn gaussian directions into those of the law, in place. */
static enum ss_status normalize(struct ss_device *d, const char *kernel, const struct ss_slice_shape *shape,
                                struct ss_range range, struct ss_span v)
{
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)shape->rows), ss_arg_u32((uint32_t)shape->dimension),
                                  ss_arg_u32((uint32_t)shape->count), ss_arg_span(v)};
    struct ss_kernel *k = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_device_kernel(d, "objective/slices.cl", kernel, NULL, 0, &k));
    TRY(ss_launch(k, range, args, SS_COUNT(args)));
out:
    return st;
}

enum ss_status ss_slices_enqueue(struct ss_device *d, const struct ss_slice_shape *shape,
                                 const struct ss_draw *draw, struct ss_span v)
{
    const enum ss_purpose purpose = draw->held_out ? SS_PURPOSE_SLICES_HELD_OUT : SS_PURPOSE_SLICES;
    enum ss_status st = SS_OK;

    if (shape->law == SS_SLICES_ORTHOGONAL && (shape->first || shape->count != shape->total))
        return SS_FAIL(SS_ERR_INTERNAL, "orthogonal slices are drawn all at once");
    TRY(draw_independent(d, shape->law != SS_SLICES_RADEMACHER, purpose, shape, draw, v));
    if (shape->law == SS_SLICES_SPHERE)
        TRY(normalize(d, "slices_sphere", shape, (struct ss_range){.global = {shape->rows, shape->count}},
                      v));
    if (shape->law == SS_SLICES_ORTHOGONAL)
        TRY(normalize(d, "slices_orthogonal", shape, (struct ss_range){.global = {shape->rows}}, v));
out:
    return st;
}

enum ss_status ss_denoising_noise_enqueue(struct ss_device *d, size_t rows, size_t dimension,
                                          const struct ss_draw *draw, struct ss_span z)
{
    const struct ss_slice_shape shape = {.rows = rows, .dimension = dimension, .count = 1, .total = 1};
    const enum ss_purpose purpose = draw->held_out ? SS_PURPOSE_DENOISING_HELD_OUT : SS_PURPOSE_DENOISING;

    return draw_independent(d, true, purpose, &shape, draw, z);
}

enum ss_status ss_unit_slices_enqueue(struct ss_device *d, size_t rows, size_t dimension, size_t first,
                                      size_t count, struct ss_span v)
{
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)rows), ss_arg_u32((uint32_t)dimension),
                                  ss_arg_u32((uint32_t)first), ss_arg_u32((uint32_t)count), ss_arg_span(v)};
    struct ss_kernel *k = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_device_kernel(d, "objective/slices.cl", "slices_unit", NULL, 0, &k));
    TRY(ss_launch(k, (struct ss_range){.global = {dimension, rows, count}}, args, SS_COUNT(args)));
out:
    return st;
}
