/*
 * activation.cl - y = f(x) on jets and its reverse: jet/activation_jets.clh over whole jets.
 *
 * Layout  jets stream-major, n = rows x width elements a stream.
 *         x_bar may be y_bar.
 * Launch  (n / WIDTH, rounded up), any local size.
 *         `activation`: enum ss_activation.
 * -D      ACTIVATION: that in the place of the argument, for devices whose registers all of them would fill;
 *         those of the file above; SECOND: 0 none, 1 collapsed (default), 2 apart
 */
#ifndef WIDTH
#define WIDTH 1
#endif
#ifndef SECOND
#define SECOND 1
#endif

#include "jet/activation_jets.clh"

/* x_order: 0 only a value, 1 and first derivatives, 2 and second ones. */
VECTORISED void activation_forward(const uint activation, const uint n, const uint slices, const uint extra,
                                   const uint x_order, global const float *restrict x, const uint x_at,
                                   global float *restrict y, const uint y_at)
{
    const size_t i = get_global_id(0) * WIDTH;
    const struct jets s = {activation, n, slices, extra, x_order, SECOND};

    if (i < n)
        activate(&s, x + x_at + i, y + y_at + i, min((uint)(n - i), (uint)WIDTH));
}

VECTORISED void activation_reverse(const uint activation, const uint n, const uint slices, const uint extra,
                                   const uint x_order, const uint accumulate, global const float *restrict x,
                                   const uint x_at, global const float *y_bar, const uint y_bar_at,
                                   global float *x_bar, const uint x_bar_at)
{
    const size_t i = get_global_id(0) * WIDTH;
    const struct jets s = {activation, n, slices, extra, x_order, SECOND};

    if (i < n)
        activate_reverse(&s, x + x_at + i, y_bar + y_bar_at + i, x_bar + x_bar_at + i,
                         min((uint)(n - i), (uint)WIDTH), accumulate);
}
