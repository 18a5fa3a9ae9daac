/*
 * slices.cl - random directions v with E[vv'] = I, and normals, from counters (random/philox.clh): key (seed,
 * purpose), counter (step, row of the global batch, slice, column / 4), for signs column / 128.
 *
 * Layout  v (count, rows, width), slices first .. first + count of the batch's.
 * Launch  independent (ceil(width / 4), rows, count), normal or, with gaussian == 0, +1 and -1; normals_wide
 * (ceil(width / 64), rows, count) and signs_wide (ceil(width / 128), rows, count): the same numbers, the
 * columns of an item in vectors, for CPU devices; unit (width, rows, count); sphere (rows, count); orthogonal
 * (rows).
 */
#include "random/philox.clh"

kernel void slices_independent(const uint seed, const uint purpose, const uint step_word,
                               const uint high_word, const uint first_row, const uint rows, const uint width,
                               const uint first, const uint count, global float *restrict v, const uint v_at,
                               const uint gaussian)
{
    const size_t quad = get_global_id(0), row = get_global_id(1), slice = get_global_id(2);

    if (4 * quad >= width || row >= rows || slice >= count)
        return;
    const uint column = 4 * (uint)quad;
    const uint4 bits = ss_philox((uint4)(step_word, first_row + (uint)row, (first + (uint)slice) ^ high_word,
                                         gaussian ? (uint)quad : column / SS_SIGNS),
                                 (uint2)(seed, purpose));
    ss_store4(gaussian ? ss_normal4(bits) : ss_signs4(bits, column % SS_SIGNS),
              v + v_at + (slice * rows + row) * width + column, width - column);
}

kernel void slices_normals_wide(const uint seed, const uint purpose, const uint step_word,
                                const uint high_word, const uint first_row, const uint rows, const uint width,
                                const uint first, const uint count, global float *restrict v, const uint v_at)
{
    const size_t block = get_global_id(0), row = get_global_id(1), slice = get_global_id(2);
    const uint from = 64 * (uint)block;

    if (from >= width || row >= rows || slice >= count)
        return;
    const ss_uint4x16 words =
        ss_philox16((uint4)(step_word, first_row + (uint)row, (first + (uint)slice) ^ high_word, from / 4),
                    (uint2)(seed, purpose));
    ss_store_columns(ss_normal4x16(words), v + v_at + (slice * rows + row) * width + from, width - from);
}

kernel void slices_signs_wide(const uint seed, const uint purpose, const uint step_word, const uint high_word,
                              const uint first_row, const uint rows, const uint width, const uint first,
                              const uint count, global float *restrict v, const uint v_at)
{
    const size_t block = get_global_id(0), row = get_global_id(1), slice = get_global_id(2);
    const uint from = SS_SIGNS * (uint)block;

    if (from >= width || row >= rows || slice >= count)
        return;
    const uint4 bits =
        ss_philox((uint4)(step_word, first_row + (uint)row, (first + (uint)slice) ^ high_word, (uint)block),
                  (uint2)(seed, purpose));
    global float *const to = v + v_at + (slice * rows + row) * width + from;
    for (uint j = 0; j < SS_SIGNS && from + j < width; j += 16)
        ss_store16(ss_signs16(bits, j), to + j, width - from - j);
}

/* Unit vectors first .. first + count, for exact score matching; zero past `width`. */
kernel void slices_unit(const uint rows, const uint width, const uint first, const uint count,
                        global float *restrict v, const uint v_at)
{
    const size_t d = get_global_id(0), row = get_global_id(1), slice = get_global_id(2);

    if (d < width && row < rows && slice < count)
        v[v_at + (slice * rows + row) * width + d] = d == first + slice ? 1.0f : 0.0f;
}

static inline float inner_product(global const float *a, global const float *b, const uint width)
{
    float sum = 0.0f;

    for (uint d = 0; d < width; d++)
        sum = fma(a[d], b[d], sum);
    return sum;
}

static inline void set_length(global float *v, const uint width, const float length)
{
    const float scale = length / sqrt(inner_product(v, v, width));

    for (uint d = 0; d < width; d++)
        v[d] *= scale;
}

/* Gaussian directions, already in v, to the sphere of radius sqrt(width). */
kernel void slices_sphere(const uint rows, const uint width, const uint count, global float *restrict v,
                          const uint v_at)
{
    const size_t row = get_global_id(0), slice = get_global_id(1);

    if (row < rows && slice < count)
        set_length(v + v_at + (slice * rows + row) * width, width, sqrt((float)width));
}

/* Gaussian directions, already in v, made orthogonal in frames of `width` (Gram-Schmidt, each direction
 * twice, which leaves an error of rounding alone: Giraud et al. 2005), of length sqrt(width). */
kernel void slices_orthogonal(const uint rows, const uint width, const uint count, global float *restrict v,
                              const uint v_at)
{
    const size_t row = get_global_id(0);

    if (row >= rows)
        return;
    for (uint s = 0; s < count; s++) {
        global float *to = v + v_at + (s * (size_t)rows + row) * width;
        for (uint again = 0; again < 2; again++) {
            for (uint t = s - s % width; t < s; t++) {
                global const float *other = v + v_at + (t * (size_t)rows + row) * width;
                const float along = inner_product(to, other, width) / (float)width;
                for (uint d = 0; d < width; d++)
                    to[d] = fma(-along, other[d], to[d]);
            }
            set_length(to, width, sqrt((float)width));
        }
    }
}
