/*
 * control.cl - the share of the control variate that makes the variance least.
 *
 * From losses of the same rows and slices, sliced X and variance-reduced X - Y with Y = 1/2 (v.s)^2 - 1/2
 * |s|^2 of mean 0: c = cov(X, Y) / var(Y), about their means over rows; shares[0] = 1 - c of the squares,
 * shares[1] = c of the score. Where Y does not vary, c = 1.
 */
#ifndef GROUP
#define GROUP 64
#endif

/* Sum over the items of the group, in a fixed order; `part` can be used again after it. */
static inline float group_sum(const float own, local float *part)
{
    const size_t item = get_local_id(0);

    part[item] = own;
    for (size_t half_group = GROUP / 2; half_group > 0; half_group /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item < half_group)
            part[item] += part[item + half_group];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    const float sum = part[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    return sum;
}

/* Launch (GROUP), local GROUP. */
kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
control_shares(const uint n, global const float *restrict sliced, const uint sliced_at,
               global const float *restrict reduced, const uint reduced_at, global float *restrict shares)
{
    local float part[GROUP];
    const size_t item = get_local_id(0);
    const float inv_n = 1.0f / (float)n;
    float x_sum = 0.0f, y_sum = 0.0f;

    for (size_t i = item; i < n; i += GROUP) {
        const float x = sliced[sliced_at + i];
        x_sum += x;
        y_sum += x - reduced[reduced_at + i];
    }
    const float x_mean = group_sum(x_sum, part) * inv_n, y_mean = group_sum(y_sum, part) * inv_n;
    float xy = 0.0f, yy = 0.0f, xx = 0.0f;
    for (size_t i = item; i < n; i += GROUP) {
        const float x = sliced[sliced_at + i], dx = x - x_mean, dy = x - reduced[reduced_at + i] - y_mean;
        xy = fma(dx, dy, xy);
        yy = fma(dy, dy, yy);
        xx = fma(dx, dx, xx);
    }
    xy = group_sum(xy, part);
    yy = group_sum(yy, part);
    xx = group_sum(xx, part);
    if (item == 0) {
        /* a Y that is rounding of X alone is none */
        const float c = yy > 1e-10f * xx ? xy / yy : 1.0f;
        shares[0] = 1.0f - c;
        shares[1] = c;
    }
}
