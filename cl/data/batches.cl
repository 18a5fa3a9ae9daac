/*
 * batches.cl - draw a batch of rows and the random part of their transforms.
 *
 * Arrays of rows are row-major, `d` columns; a pointer `p` with `p_at` starts at element p_at. Random
 * numbers: Philox, key (seed, purpose), counter (step, row of the batch, step of the chain, column / 4), as
 * in src/random/random.h.
 *
 * batches_order: order[i] = row of the resident rows that row i of the batch is: element (position + i) mod
 * n_rows of the permutation of its epoch. One work-item a row.
 *
 * batches_gather: y[i] = rows[order[i]]. Work-items (d, count).
 *
 * batches_noise: y (+)= amplitude[column] r, r standard normal or, with uniform != 0, uniform in (-1/2, 1/2);
 * added if accumulate != 0. Work-items (ceil(d / 4), count).
 *
 * batches_affine: y = (x - shift[column]) scale[column]; y may be x. Work-items (d, count).
 *
 * batches_logit: y = logit(alpha + (1 - 2 alpha) y) for y in [0, 1]. Work-items (d, count).
 *
 * batches_add: y += x. Work-items (d, count).
 *
 * Logit: log z - log(1 - z), each from the distance to its own end, which keeps the digits that 1 - z would
 * lose.
 */
#include "random/philox.clh"

#include "random/permute.clh"

kernel void batches_order(const uint seed, const uint purpose, const uint epoch, const uint position,
                          const uint n_rows, const uint count, global uint *restrict order)
{
    const uint i = get_global_id(0);

    if (i >= count)
        return;
    const uint at = position + i;
    order[i] = ss_permute((uint2)(seed, purpose), epoch + at / n_rows, n_rows, at % n_rows);
}

kernel void batches_gather(global const float *restrict rows, global const uint *restrict order, const uint d,
                           const uint count, global float *restrict y, const uint y_at)
{
    const uint j = get_global_id(0), i = get_global_id(1);

    if (j < d && i < count)
        y[y_at + i * d + j] = rows[(size_t)order[i] * d + j];
}

kernel void batches_noise(const uint seed, const uint purpose, const uint step, const uint stream,
                          const uint uniform, const uint accumulate, const uint d, const uint count,
                          global const float *restrict amplitude, const uint amplitude_at,
                          global float *restrict y, const uint y_at)
{
    const uint q = get_global_id(0), i = get_global_id(1);

    if (4 * q >= d || i >= count)
        return;
    const uint4 bits = ss_philox((uint4)(step, i, stream, q), (uint2)(seed, purpose));
    const float4 r = uniform ? ss_uniform4(bits) - 0.5f : ss_normal4(bits);
    const float four[4] = {r.x, r.y, r.z, r.w};
    /* Four turns whatever d is: a loop that is not unrolled has `four` in memory on GPUs. */
    for (uint k = 0; k < 4; k++)
        if (4 * q + k < d) {
            const uint j = 4 * q + k, at = y_at + i * d + j;
            y[at] = fma(amplitude[amplitude_at + j], four[k], accumulate ? y[at] : 0.0f);
        }
}

kernel void batches_noise_wide(const uint seed, const uint purpose, const uint step, const uint stream,
                               const uint uniform, const uint accumulate, const uint d, const uint count,
                               global const float *restrict amplitude, const uint amplitude_at,
                               global float *restrict y, const uint y_at)
{
    const uint first = 64 * get_global_id(0), i = get_global_id(1);

    if (first >= d || i >= count)
        return;
    global const float *restrict a = amplitude + amplitude_at;
    global float *restrict row = y + (y_at + i * d);
    const ss_uint4x16 words = ss_philox16((uint4)(step, i, stream, first / 4), (uint2)(seed, purpose));
    float16 part[4];

    ss_columns(uniform ? ss_uniform4x16(words) : ss_normal4x16(words), part);
    for (uint k = 0; k < 4 && first + 16 * k < d; k++) {
        const uint at = first + 16 * k;
        const float16 r = uniform ? part[k] - 0.5f : part[k];
        if (at + 16 <= d) {
            const float16 before = accumulate ? vload16(0, row + at) : (float16)(0.0f);
            vstore16(fma(vload16(0, a + at), r, before), 0, row + at);
            continue;
        }
        float rest[16];
        vstore16(r, 0, rest);
        for (uint j = at; j < d; j++)
            row[j] = fma(a[j], rest[j - at], accumulate ? row[j] : 0.0f);
    }
}

kernel void batches_affine(global const float *x, const uint x_at, global const float *restrict shift,
                           const uint shift_at, global const float *restrict scale, const uint scale_at,
                           const uint d, const uint count, global float *y, const uint y_at)
{
    const uint j = get_global_id(0), i = get_global_id(1);

    if (j < d && i < count)
        y[y_at + i * d + j] = (x[x_at + i * d + j] - shift[shift_at + j]) * scale[scale_at + j];
}

kernel void batches_logit(const float alpha, const uint d, const uint count, global float *restrict y,
                          const uint y_at)
{
    const uint j = get_global_id(0), i = get_global_id(1);

    if (j >= d || i >= count)
        return;
    const uint at = y_at + i * d + j;
    const float slope = fma(-2.0f, alpha, 1.0f);
    /* Rounding may have put a number on an end, where alpha = 0 leaves no distance. */
    const float z = fmax(fma(slope, y[at], alpha), 0x1p-26f);
    const float rest = fmax(fma(slope, 1.0f - y[at], alpha), 0x1p-26f);
    y[at] = log(z) - log(rest);
}

kernel void batches_add(global const float *restrict x, const uint x_at, const uint d, const uint count,
                        global float *restrict y, const uint y_at)
{
    const uint j = get_global_id(0), i = get_global_id(1);

    if (j < d && i < count)
        y[y_at + i * d + j] += x[x_at + i * d + j];
}
