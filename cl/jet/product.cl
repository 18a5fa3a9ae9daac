/*
 * product.cl - y = a b on jets, elementwise, and its reverse by one operand p with the other o held:
 *
 *     y0 = a0 b0    y1 = a1 b0 + a0 b1 (u alike)    y2 = a2 b0 + 2 sum a1 b1 + a0 b2
 *     p0b = y0b o0 + sum y1b o1 + yub ou + y2b o2    p1b = y1b o0 + 2 y2b o1    pub = yub o0    p2b = y2b o0
 *
 * An operand of width 1 stands for all columns; its adjoint is the sum over them.
 *
 * Launch  forward (width, rows); reverse (width of p, rows).
 * -D      SECOND: 0 none, 1 collapsed (default), 2 apart.
 */
#ifndef SECOND
#define SECOND 1
#endif

/* Stream `s` of a jet at element i; zero if its order does not have the stream. `first` = streams before the
 * seconds. */
static inline float stream(global const float *jet, const size_t i, const size_t stride, const uint order,
                           const uint s, const uint first)
{
    const uint have = order == 0 ? 1 : order == 1 ? first : 0xFFFFFFFFu;

    return s < have ? jet[i + s * stride] : 0.0f;
}

kernel void product_forward(const uint rows, const uint width, const uint slices, const uint extra,
                            const uint y_order, const uint a_order, const uint a_width,
                            global const float *restrict a, const uint a_at, const uint b_order,
                            const uint b_width, global const float *restrict b, const uint b_at,
                            global float *restrict y, const uint y_at)
{
    const size_t j = get_global_id(0), r = get_global_id(1);

    if (j >= width || r >= rows)
        return;
    const size_t i = y_at + r * width + j, ystride = (size_t)rows * width;
    const size_t ia = a_at + r * a_width + (a_width == 1 ? 0 : j), sa = (size_t)rows * a_width;
    const size_t ib = b_at + r * b_width + (b_width == 1 ? 0 : j), sb = (size_t)rows * b_width;
    const uint first = 1 + slices + extra;
    const float a0 = a[ia], b0 = b[ib];
    float cross = 0.0f;

    y[i] = a0 * b0;
    if (y_order == 0)
        return;
    for (uint s = 1; s < first; s++) {
        const float a1 = stream(a, ia, sa, a_order, s, first), b1 = stream(b, ib, sb, b_order, s, first);
        y[i + s * ystride] = a1 * b0 + a0 * b1;
        if (s <= slices)
            cross = fma(a1, b1, cross);
#if SECOND == 2
        if (y_order == 2 && s <= slices) {
            const uint t = first + s - 1;
            y[i + t * ystride] = stream(a, ia, sa, a_order, t, first) * b0 + 2.0f * a1 * b1 +
                                 a0 * stream(b, ib, sb, b_order, t, first);
        }
#endif
    }
#if SECOND == 1
    if (y_order == 2)
        y[i + first * ystride] = stream(a, ia, sa, a_order, first, first) * b0 + 2.0f * cross +
                                 a0 * stream(b, ib, sb, b_order, first, first);
#endif
}

kernel void product_reverse(const uint rows, const uint width, const uint slices, const uint extra,
                            const uint y_order, const uint p_order, const uint p_width, const uint o_order,
                            const uint o_width, global const float *restrict o, const uint o_at,
                            global const float *restrict y_bar, const uint y_bar_at, const uint accumulate,
                            global float *restrict p_bar, const uint p_bar_at)
{
    const size_t jp = get_global_id(0), r = get_global_id(1);

    if (jp >= p_width || r >= rows)
        return;
    const size_t ystride = (size_t)rows * width, so = (size_t)rows * o_width, sp = (size_t)rows * p_width;
    const size_t ip = p_bar_at + r * p_width + jp;
    const size_t from = p_width == 1 ? 0 : jp, to = p_width == 1 ? width : jp + 1;
    const uint first = 1 + slices + extra;
    const uint y_count = y_order == 0 ? 1
                                      : first + (y_order == 1  ? 0
                                                 : SECOND == 1 ? 1
                                                 : SECOND == 2 ? slices
                                                               : 0);
    const uint p_count = p_order == 0 ? 1
                                      : first + (p_order == 1  ? 0
                                                 : SECOND == 1 ? 1
                                                 : SECOND == 2 ? slices
                                                               : 0);

    for (uint s = 0; s < p_count; s++) {
        float sum = 0.0f;
        for (size_t j = from; j < to; j++) {
            const size_t iy = y_bar_at + r * width + j, io = o_at + r * o_width + (o_width == 1 ? 0 : j);
            sum = fma(y_bar[iy + s * ystride], o[io], sum);
            if (s == 0) /* the value of p multiplies every stream of o */
                for (uint t = 1; t < y_count; t++)
                    sum = fma(y_bar[iy + t * ystride], stream(o, io, so, o_order, t, first), sum);
#if SECOND != 0
            if (s >= 1 && s <= slices && y_order == 2) {
                const uint t = SECOND == 1 ? first : first + s - 1;
                sum = fma(2.0f * y_bar[iy + t * ystride], stream(o, io, so, o_order, s, first), sum);
            }
#endif
        }
        p_bar[ip + s * sp] = sum + (accumulate ? p_bar[ip + s * sp] : 0.0f);
    }
}
