/*
 * sums.cl - sums: a vector added to every row and its reverse, a sum over rows (dense, shift); one jet added
 * to another and its reverse (add, shift).
 *
 * Layout  y: (rows, width), the value stream of a jet.
 * Launch  add: (width, rows). sum: (width / WIDTH rounded up, lanes), local (a power of two, lanes), at most
 *         SUM_ITEMS in all; a lane sums every lanes-th row and a tree the lanes: the same bits every time.
 * More than one lane, a power of two, only where WIDTH is 1. -D      WIDTH (device/vector.clh, default 1):
 * columns of an item of sum. SUM_ITEMS (default 256).
 */
#ifndef WIDTH
#define WIDTH 1
#endif
#ifndef SUM_ITEMS
#define SUM_ITEMS 256
#endif

#include "device/vector.clh"

/* y += sign p */
kernel void columns_add(const uint rows, const uint width, const float sign, global const float *restrict p,
                        const uint p_at, global float *restrict y, const uint y_at)
{
    const size_t j = get_global_id(0);
    const size_t i = get_global_id(1);

    if (j < width && i < rows)
        y[y_at + i * width + j] += sign * p[p_at + j];
}

/* p_bar = or += sign sum over rows of y_bar */
VECTORISED void columns_sum(const uint rows, const uint width, const float sign, const uint add,
                            global const float *restrict y_bar, const uint y_bar_at,
                            global float *restrict p_bar, const uint p_bar_at)
{
    const uint j = (uint)get_global_id(0) * WIDTH;
    global const float *const from = y_bar + y_bar_at + j;
    global float *const to = p_bar + p_bar_at + j;

#if WIDTH == 1
    local float parts[SUM_ITEMS];
    const uint lane = get_local_id(1), lanes = get_local_size(1);
    const uint columns = get_local_size(0), at = lane * columns + get_local_id(0);
    float sum = 0.0f;
    for (size_t i = lane; j < width && i < rows; i += lanes)
        sum += from[i * width];
    parts[at] = sum;
    for (uint half_lanes = lanes / 2; half_lanes > 0; half_lanes /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lane < half_lanes)
            parts[at] += parts[at + half_lanes * columns];
    }
    if (lane == 0 && j < width)
        *to = add ? *to + sign * parts[at] : sign * parts[at];
#else
    if (j + WIDTH <= width) {
        vector sum = (vector)(0.0f);
        for (size_t i = 0; i < rows; i++)
            sum += LOAD_ANY(from + i * width);
        STORE_ANY(add ? LOAD_ANY(to) + sign * sum : sign * sum, to);
        return;
    }
    for (uint c = 0; j + c < width; c++) { /* the last columns */
        float sum = 0.0f;
        for (size_t i = 0; i < rows; i++)
            sum += from[i * width + c];
        to[c] = add ? to[c] + sign * sum : sign * sum;
    }
#endif
}

/* x_bar = y_bar, or x_bar += y_bar: the reverse of whatever passes its operand on unchanged. Launch (n). */
kernel void elements_pass(const uint n, const uint accumulate, global const float *restrict y_bar,
                          const uint y_bar_at, global float *restrict x_bar, const uint x_bar_at)
{
    const size_t i = get_global_id(0);

    if (i < n)
        x_bar[x_bar_at + i] = y_bar[y_bar_at + i] + (accumulate ? x_bar[x_bar_at + i] : 0.0f);
}

/* y = factor share[0] x. Launch (n). */
kernel void elements_scale(const uint n, const float factor, global const float *restrict share,
                           const uint share_at, global const float *restrict x, const uint x_at,
                           global float *restrict y, const uint y_at)
{
    const size_t i = get_global_id(0);

    if (i < n)
        y[y_at + i] = factor * share[share_at] * x[x_at + i];
}

/* y = a + b. Streams that an operand does not have are zero; they are the last ones, so each operand is a
 * prefix of y: n elements of y with all its streams, n_a and n_b of the operands. Launch (n). */
kernel void elements_add(const uint n, const uint n_a, const uint n_b, global const float *restrict a,
                         const uint a_at, global const float *restrict b, const uint b_at,
                         global float *restrict y, const uint y_at)
{
    const size_t i = get_global_id(0);

    if (i < n)
        y[y_at + i] = (i < n_a ? a[a_at + i] : 0.0f) + (i < n_b ? b[b_at + i] : 0.0f);
}
