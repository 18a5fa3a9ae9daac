/*
 * columns.cl - moving columns: y takes every stride-th column of x from `first` on, or gives them back. Used
 * by split (take forward, give in reverse) and concatenate (place forward, take in reverse).
 *
 * Layout  rows = all rows of all streams that move.
 * Launch  (columns of what is written, rows), any local size.
 */

/* y_j = x_(first + j stride) (+ y_j) */
kernel void columns_take(const uint rows, const uint x_width, const uint y_width, const uint first,
                         const uint stride, const uint accumulate, global const float *restrict x,
                         const uint x_at, global float *restrict y, const uint y_at)
{
    const size_t j = get_global_id(0), r = get_global_id(1);

    if (j >= y_width || r >= rows)
        return;
    const size_t i = y_at + r * y_width + j;
    y[i] = x[x_at + r * x_width + first + j * stride] + (accumulate ? y[i] : 0.0f);
}

/* x_(first + j stride) = y_j (+ x), and zero (+ x) elsewhere: the reverse of columns_take, over all columns
 * of x */
kernel void columns_give(const uint rows, const uint x_width, const uint y_width, const uint first,
                         const uint stride, const uint accumulate, global const float *restrict y,
                         const uint y_at, global float *restrict x, const uint x_at)
{
    const size_t c = get_global_id(0), r = get_global_id(1);

    if (c >= x_width || r >= rows)
        return;
    const size_t i = x_at + r * x_width + c, j = c >= first ? (c - first) / stride : y_width;
    const float v = j < y_width && (c - first) % stride == 0 ? y[y_at + r * y_width + j] : 0.0f;
    x[i] = v + (accumulate ? x[i] : 0.0f);
}

/* y_(first + j) = x_j for row r < rows_x, 0 for the rows (streams) that x does not have; other columns stay.
 */
kernel void columns_place(const uint rows, const uint rows_x, const uint x_width, const uint y_width,
                          const uint first, global const float *restrict x, const uint x_at,
                          global float *restrict y, const uint y_at)
{
    const size_t j = get_global_id(0), r = get_global_id(1);

    if (j < x_width && r < rows)
        y[y_at + r * y_width + first + j] = r < rows_x ? x[x_at + r * x_width + j] : 0.0f;
}
