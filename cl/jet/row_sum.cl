/*
 * row_sum.cl - y = sum over columns of x, on all streams, and its reverse.
 *
 * Layout  rows = rows of all streams; x (rows, width), y (rows).
 * Launch  forward (rows); reverse (width, rows).
 */
kernel void row_sum_forward(const uint rows, const uint width, global const float *restrict x,
                            const uint x_at, global float *restrict y, const uint y_at)
{
    const size_t r = get_global_id(0);

    if (r >= rows)
        return;
    float sum = 0.0f;
    for (uint j = 0; j < width; j++)
        sum += x[x_at + r * width + j];
    y[y_at + r] = sum;
}

kernel void row_sum_reverse(const uint rows, const uint width, const uint accumulate,
                            global const float *restrict y_bar, const uint y_bar_at,
                            global float *restrict x_bar, const uint x_bar_at)
{
    const size_t j = get_global_id(0), r = get_global_id(1);

    if (j >= width || r >= rows)
        return;
    const size_t i = x_bar_at + r * width + j;
    x_bar[i] = y_bar[y_bar_at + r] + (accumulate ? x_bar[i] : 0.0f);
}
