/*
 * sums.cl - sums: a vector added to every row and its reverse, a sum over rows (dense, shift); one jet added
 * to another and its reverse (add, shift).
 *
 * Layout  y: (rows, width), the value stream of a jet.
 * Launch  add: (width, rows). sum: (width, 1), one work-item a column, rows in order: the same bits every
 * time.
 */

/* y += sign p */
kernel void columns_add(const uint rows, const uint width, const float sign, global const float *restrict p,
                        const uint p_at, global float *restrict y, const uint y_at)
{
    const size_t j = get_global_id(0);
    const size_t i = get_global_id(1);

    if (j < width && i < rows)
        y[y_at + i * width + j] += sign * p[p_at + j];
}

/* p_bar += sign sum over rows of y_bar */
kernel void columns_sum(const uint rows, const uint width, const float sign,
                        global const float *restrict y_bar, const uint y_bar_at, global float *restrict p_bar,
                        const uint p_bar_at)
{
    const size_t j = get_global_id(0);

    if (j >= width)
        return;
    global const float *from = y_bar + y_bar_at + j;
    float sum = 0.0f;
    for (size_t i = 0; i < rows; i++)
        sum += from[i * width];
    p_bar[p_bar_at + j] += sign * sum;
}

/* x_bar = y_bar, or x_bar += y_bar: the reverse of whatever passes its operand on unchanged. Launch (n). */
kernel void elements_pass(const uint n, const uint accumulate, global const float *restrict y_bar,
                          const uint y_bar_at, global float *restrict x_bar, const uint x_bar_at)
{
    const size_t i = get_global_id(0);

    if (i < n)
        x_bar[x_bar_at + i] = y_bar[y_bar_at + i] + (accumulate ? x_bar[x_bar_at + i] : 0.0f);
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
