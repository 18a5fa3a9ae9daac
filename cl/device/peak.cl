/*
 * peak.cl - how many fused multiply-adds the device can do: chains that do not depend on each other.
 *
 * Each work-item does 12 * WIDTH * rounds of them. Launch: any number of items; out[] holds one float an
 * item. -D WIDTH: 1, 4, 8 or 16 lanes of a chain, the device's own vectors. 12 chains cover the latency of
 * the units of all cores known (two of 4 or 5 cycles) and leave registers over.
 */
#ifndef WIDTH
#define WIDTH 4
#endif

#if WIDTH == 1
typedef float wide;
#else
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
typedef JOIN(float, WIDTH) wide;
#endif

kernel void peak_fma(const uint rounds, const float factor, const float term, global float *out)
{
    const wide a = (wide)(factor), b = (wide)(term);
    const float start = (float)get_global_id(0);
    wide c0 = (wide)(start), c1 = c0 + 1.0f, c2 = c0 + 2.0f, c3 = c0 + 3.0f, c4 = c0 + 4.0f, c5 = c0 + 5.0f;
    wide c6 = c0 + 6.0f, c7 = c0 + 7.0f, c8 = c0 + 8.0f, c9 = c0 + 9.0f, c10 = c0 + 10.0f, c11 = c0 + 11.0f;

    for (uint i = 0; i < rounds; i++) {
        c0 = fma(c0, a, b);
        c1 = fma(c1, a, b);
        c2 = fma(c2, a, b);
        c3 = fma(c3, a, b);
        c4 = fma(c4, a, b);
        c5 = fma(c5, a, b);
        c6 = fma(c6, a, b);
        c7 = fma(c7, a, b);
        c8 = fma(c8, a, b);
        c9 = fma(c9, a, b);
        c10 = fma(c10, a, b);
        c11 = fma(c11, a, b);
    }
    const wide sum = ((c0 + c1) + (c2 + c3)) + ((c4 + c5) + (c6 + c7)) + ((c8 + c9) + (c10 + c11));
    /* all lanes, or a compiler could drop those that nobody reads */
#if WIDTH == 1
    out[get_global_id(0)] = sum;
#elif WIDTH == 4
    out[get_global_id(0)] = dot(sum, (wide)(1.0f));
#elif WIDTH == 8
    out[get_global_id(0)] = dot(sum.lo + sum.hi, (float4)(1.0f));
#else
    out[get_global_id(0)] = dot(sum.lo.lo + sum.lo.hi + sum.hi.lo + sum.hi.hi, (float4)(1.0f));
#endif
}
