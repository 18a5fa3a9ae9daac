/*
 * activation.cl - y = f(x) on jets, elementwise, and its reverse (Griewank & Walther 2008, ch. 13). With z
 * the pre-activation, bars for adjoints, q = sum over slices of z1^2:
 *
 *     a0 = f    a1 = f' z1    au = f' zu    a2 = f' z2 + f'' q
 *     z2b = f' a2b    z1b = f' a1b + 2 f'' z1 a2b    zub = f' aub
 *     z0b = f' a0b + f'' (sum z1 a1b + zu aub + z2 a2b) + f''' q a2b
 *
 * Layout  jets stream-major, n = rows x width elements a stream: value, slices, u if extra, then second
 * derivatives. Launch  (n), any local size. -D      ACTIVATION (enum ss_activation, default 2 = silu),
 * SECOND: 0 none, 1 collapsed (default), 2 apart.
 */
#ifndef ACTIVATION
#define ACTIVATION 2
#endif
#ifndef SECOND
#define SECOND 1
#endif

#include "jet/activation.clh"

/* x_order: 0 only a value, 1 and first derivatives, 2 and second ones. */
kernel void activation_forward(const uint n, const uint slices, const uint extra, const uint x_order,
                               global const float *restrict x, const uint x_at, global float *restrict y,
                               const uint y_at)
{
    const size_t i = get_global_id(0);

    if (i >= n)
        return;
    global const float *z = x + x_at + i;
    global float *a = y + y_at + i;
    const struct ss_taylor t = ss_activate(ACTIVATION, z[0]);

    a[0] = t.f;
    if (x_order == 0)
        return;
    const size_t stride = n;
    const size_t seconds = (1 + slices + extra) * stride;
    float q = 0.0f;
    for (uint m = 1; m <= slices; m++) {
        const float z1 = z[m * stride];
        a[m * stride] = t.d1 * z1;
#if SECOND == 2
        const size_t at = seconds + (m - 1) * stride;
        a[at] = t.d2 * z1 * z1 + (x_order == 2 ? t.d1 * z[at] : 0.0f);
#else
        q = fma(z1, z1, q);
#endif
    }
    if (extra)
        a[(1 + slices) * stride] = t.d1 * z[(1 + slices) * stride];
#if SECOND == 1
    a[seconds] = t.d2 * q + (x_order == 2 ? t.d1 * z[seconds] : 0.0f);
#endif
}

kernel void activation_reverse(const uint n, const uint slices, const uint extra, const uint x_order,
                               const uint accumulate, global const float *restrict x, const uint x_at,
                               global const float *restrict y_bar, const uint y_bar_at,
                               global float *restrict x_bar, const uint x_bar_at)
{
    const size_t i = get_global_id(0);

    if (i >= n)
        return;
    global const float *z = x + x_at + i;
    global const float *ab = y_bar + y_bar_at + i;
    global float *zb = x_bar + x_bar_at + i;
    const struct ss_taylor t = ss_activate(ACTIVATION, z[0]);
    float z0b = t.d1 * ab[0];

    if (x_order > 0) {
        const size_t stride = n;
        const size_t seconds = (1 + slices + extra) * stride;
        float p = 0.0f; /* sum of z1 a1b, zu aub and z2 a2b */
        float q = 0.0f; /* sum of z1^2 a2b */
#if SECOND == 1
        const float a2b = ab[seconds];
#endif
        for (uint m = 1; m <= slices; m++) {
            const float z1 = z[m * stride], a1b = ab[m * stride];
#if SECOND == 2
            const size_t at = seconds + (m - 1) * stride;
            const float a2b = ab[at];
            if (x_order == 2) {
                p = fma(z[at], a2b, p);
                zb[at] = t.d1 * a2b + (accumulate ? zb[at] : 0.0f);
            }
#endif
            float z1b = t.d1 * a1b;
            p = fma(z1, a1b, p);
#if SECOND != 0
            z1b += 2.0f * t.d2 * z1 * a2b;
            q = fma(z1 * z1, a2b, q);
#endif
            zb[m * stride] = z1b + (accumulate ? zb[m * stride] : 0.0f);
        }
        if (extra) {
            const size_t at = (1 + slices) * stride;
            p = fma(z[at], ab[at], p);
            zb[at] = t.d1 * ab[at] + (accumulate ? zb[at] : 0.0f);
        }
#if SECOND == 1
        if (x_order == 2) {
            p = fma(z[seconds], a2b, p);
            zb[seconds] = t.d1 * a2b + (accumulate ? zb[seconds] : 0.0f);
        }
#endif
        z0b += t.d2 * p + t.d3 * q;
    }
    zb[0] = z0b + (accumulate ? zb[0] : 0.0f);
}
