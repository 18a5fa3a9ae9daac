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

/* A dense layer W (outputs, inputs) of unit vectors `first` .. as slices: their first derivatives are columns
 * of W, zeros past the last. y, y_bar: a jet from its first slice on, (slices, rows, outputs). Launch of both
 * (outputs / WIDTH rounded up, slices). */
VECTORISED void units_forward(const uint rows, const uint inputs, const uint outputs, const uint slices,
                              const uint first, global const float *restrict w, const uint w_at,
                              global float *restrict y, const uint y_at)
{
    const uint j = (uint)get_global_id(0) * WIDTH, m = get_global_id(1), n = min(outputs - j, (uint)WIDTH);

    if (j >= outputs || m >= slices)
        return;
    global float *to = y + y_at + (size_t)m * rows * outputs + j;
    float column[WIDTH];
    for (uint c = 0; c < WIDTH; c++)
        column[c] = c < n && first + m < inputs ? w[w_at + (size_t)(j + c) * inputs + first + m] : 0.0f;
    const vector whole = LOAD_ANY(column);
    for (uint i = 0; i < rows; i++, to += outputs) {
        if (n == WIDTH)
            STORE_ANY(whole, to);
        else
            for (uint c = 0; c < n; c++)
                to[c] = column[c];
    }
}

/* w_bar += the sums over rows of y_bar, in those columns. */
VECTORISED void units_reverse(const uint rows, const uint inputs, const uint outputs, const uint slices,
                              const uint first, global const float *restrict y_bar, const uint y_bar_at,
                              global float *restrict w_bar, const uint w_bar_at)
{
    const uint j = (uint)get_global_id(0) * WIDTH, m = get_global_id(1), n = min(outputs - j, (uint)WIDTH);

    if (j >= outputs || m >= slices || first + m >= inputs)
        return;
    global const float *from = y_bar + y_bar_at + (size_t)m * rows * outputs + j;
    float column[WIDTH];
    vector sum = (vector)(0.0f);
    for (uint i = 0; n == WIDTH && i < rows; i++)
        sum += LOAD_ANY(from + (size_t)i * outputs);
    STORE_ANY(sum, column);
    for (uint i = 0; n < WIDTH && i < rows; i++) /* the last columns */
        for (uint c = 0; c < n; c++)
            column[c] += from[(size_t)i * outputs + c];
    for (uint c = 0; c < n; c++)
        w_bar[w_bar_at + (size_t)(j + c) * inputs + first + m] += column[c];
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
