/*
 * squared_distance.cl - y_l = |x - z_l|^2 on jets, z learned points, and its reverse. With r = x0 - z_l:
 *
 *     y0 = r.r    y1 = 2 r.x1 (u alike)    y2 = 2 r.x2 + 2 sum x1.x1
 *     x0b += 2 r y0b + 2 sum x1 y1b + 2 xu yub + 2 x2 y2b     x1b += 2 r y1b + 4 x1 y2b    xub += 2 r yub
 *     x2b += 2 r y2b     z_l_b -= what x0b gets from l, summed over rows
 *
 * Layout  x jet of width D, y jet of width L, z (L, D).
 * Launch  forward (L, rows), reverse_x (D, rows), reverse_points (D, L): each item sums in a fixed order.
 * -D      SECOND: 0 none, 1 collapsed (default), 2 apart.
 */
#ifndef SECOND
#define SECOND 1
#endif

kernel void distance_forward(const uint rows, const uint n_points, const uint width, const uint slices,
                             const uint extra, const uint x_order, global const float *restrict x,
                             const uint x_at, global const float *restrict z, const uint z_at,
                             global float *restrict y, const uint y_at)
{
    const size_t l = get_global_id(0), row = get_global_id(1);

    if (l >= n_points || row >= rows)
        return;
    global const float *xr = x + x_at + row * width, *zl = z + z_at + l * width;
    global float *yr = y + y_at + row * n_points + l;
    const size_t sx = (size_t)rows * width, sy = (size_t)rows * n_points;
    const uint first = x_order == 0 ? 1 : 1 + slices + extra;
    float second = 0.0f;

    for (uint s = 0; s < first; s++) {
        float sum = 0.0f, square = 0.0f;
        for (uint d = 0; d < width; d++) {
            const float r = xr[d] - zl[d], xs = s ? xr[s * sx + d] : r;
            sum = fma(r, xs, sum);
            square = fma(xs, xs, square);
        }
        yr[s * sy] = s ? 2.0f * sum : sum;
#if SECOND == 2
        if (s >= 1 && s <= slices) {
            float curve = 0.0f;
            if (x_order == 2)
                for (uint d = 0; d < width; d++)
                    curve = fma(xr[d] - zl[d], xr[(first + s - 1) * sx + d], curve);
            yr[(first + s - 1) * sy] = 2.0f * (curve + square);
        }
#endif
        if (s >= 1 && s <= slices)
            second += square;
    }
#if SECOND == 1
    if (x_order > 0) {
        if (x_order == 2)
            for (uint d = 0; d < width; d++)
                second = fma(xr[d] - zl[d], xr[first * sx + d], second);
        yr[first * sy] = 2.0f * second;
    }
#endif
}

/* What x0b gets from point l at column d: r and the streams of x times the adjoints of y_l. */
static inline float value_adjoint(const float r, const uint slices, const uint extra, const uint x_order,
                                  global const float *xs, const size_t sx, global const float *yb,
                                  const size_t sy)
{
    const uint first = x_order == 0 ? 1 : 1 + slices + extra;
    float sum = r * yb[0];

    for (uint s = 1; s < first; s++)
        sum = fma(xs[s * sx], yb[s * sy], sum);
#if SECOND != 0
    if (x_order == 2)
        for (uint t = first; t < first + (SECOND == 1 ? 1 : slices); t++)
            sum = fma(xs[t * sx], yb[t * sy], sum);
#endif
    return 2.0f * sum;
}

kernel void distance_reverse_x(const uint rows, const uint n_points, const uint width, const uint slices,
                               const uint extra, const uint x_order, const uint accumulate,
                               global const float *restrict x, const uint x_at,
                               global const float *restrict z, const uint z_at,
                               global const float *restrict y_bar, const uint y_bar_at,
                               global float *restrict x_bar, const uint x_bar_at)
{
    const size_t d = get_global_id(0), row = get_global_id(1);

    if (d >= width || row >= rows)
        return;
    global const float *xs = x + x_at + row * width + d;
    global const float *yb = y_bar + y_bar_at + row * n_points;
    global float *xb = x_bar + x_bar_at + row * width + d;
    const size_t sx = (size_t)rows * width, sy = (size_t)rows * n_points;
    const uint first = x_order == 0 ? 1 : 1 + slices + extra;
    const uint seconds = x_order == 2 ? (SECOND == 1 ? 1 : SECOND == 2 ? slices : 0) : 0;

    for (uint s = 0; s < first + seconds; s++) {
        float sum = 0.0f;
        for (uint l = 0; l < n_points; l++) {
            const float r = xs[0] - z[z_at + l * width + d];
            if (s == 0)
                sum += value_adjoint(r, slices, extra, x_order, xs, sx, yb + l, sy);
            else
                sum = fma(2.0f * r, yb[s * sy + l], sum);
#if SECOND != 0
            if (s >= 1 && s <= slices)
                sum = fma(4.0f * xs[s * sx], yb[(SECOND == 1 ? first : first + s - 1) * sy + l], sum);
#endif
        }
        xb[s * sx] = sum + (accumulate ? xb[s * sx] : 0.0f);
    }
}

kernel void distance_reverse_points(const uint rows, const uint n_points, const uint width, const uint slices,
                                    const uint extra, const uint x_order, global const float *restrict x,
                                    const uint x_at, global const float *restrict z, const uint z_at,
                                    global const float *restrict y_bar, const uint y_bar_at,
                                    global float *restrict z_bar, const uint z_bar_at)
{
    const size_t d = get_global_id(0), l = get_global_id(1);

    if (d >= width || l >= n_points)
        return;
    const float zd = z[z_at + l * width + d];
    const size_t sx = (size_t)rows * width, sy = (size_t)rows * n_points;
    float sum = 0.0f;
    for (size_t row = 0; row < rows; row++) {
        global const float *xs = x + x_at + row * width + d;
        sum += value_adjoint(xs[0] - zd, slices, extra, x_order, xs, sx,
                             y_bar + y_bar_at + row * n_points + l, sy);
    }
    z_bar[z_bar_at + l * width + d] -= sum;
}
