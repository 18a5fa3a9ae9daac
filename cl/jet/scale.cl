/*
 * scale.cl - y = c x on all streams, c = p, or factor exp(rate p): one p a column, or one for all.
 *
 * Layout  n = streams x rows x width elements.
 * Launch  pass (n); parameter (64 x parameters), local 64: one group a parameter, its items stride over the
 * elements and are summed in a tree, the same bits every time. -D      GROUP, a power of two (default 64).
 */
#ifndef GROUP
#define GROUP 64
#endif

static inline float coefficient(const float p, const uint exponential, const float factor, const float rate)
{
    return exponential ? factor * exp(rate * p) : p;
}

/* y = c x (+ y): forward, and the reverse by x. */
kernel void scale_pass(const uint n, const uint width, const uint one_for_all, const uint exponential,
                       const float factor, const float rate, const uint accumulate,
                       global const float *restrict p, const uint p_at, global const float *restrict x,
                       const uint x_at, global float *restrict y, const uint y_at)
{
    const size_t i = get_global_id(0);

    if (i >= n)
        return;
    const float c = coefficient(p[p_at + (one_for_all ? 0 : i % width)], exponential, factor, rate);
    y[y_at + i] = c * x[x_at + i] + (accumulate ? y[y_at + i] : 0.0f);
}

/* p_bar += dc/dp sum of x y_bar */
kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
scale_parameter(const uint n, const uint width, const uint one_for_all, const uint exponential,
                const float factor, const float rate, global const float *restrict p, const uint p_at,
                global const float *restrict x, const uint x_at, global const float *restrict y_bar,
                const uint y_bar_at, global float *restrict p_bar, const uint p_bar_at)
{
    local float part[GROUP];
    const size_t j = get_group_id(0), item = get_local_id(0);
    const size_t stride = one_for_all ? 1 : width, count = one_for_all ? n : n / width,
                 base = one_for_all ? 0 : j;
    float sum = 0.0f;

    for (size_t e = item; e < count; e += GROUP)
        sum = fma(x[x_at + base + e * stride], y_bar[y_bar_at + base + e * stride], sum);
    part[item] = sum;
    for (size_t half_group = GROUP / 2; half_group > 0; half_group /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item < half_group)
            part[item] += part[item + half_group];
    }
    if (item == 0)
        p_bar[p_bar_at + j] +=
            part[0] * (exponential ? rate * coefficient(p[p_at + j], exponential, factor, rate) : 1.0f);
}
