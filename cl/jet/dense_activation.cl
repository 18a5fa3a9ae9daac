/*
 * dense_activation.cl - the product of a dense layer with an activation of jets at its end
 * (device/gemm_own.cl and gemm_tiled.cl say where): forward C = z becomes a = f(z) as well, in reverse C = ab
 * becomes zb.
 *
 * Layout   stream-major jets, all as C: forward `to` is a, which may be C; in reverse z is the layer's
 *          operand before the activation and `to` zb, which may be C. `activation`: enum ss_activation, asked
 *          for each vector: all of them in one program take about as long to build as one did.
 *
 * Launch   as of the product.
 *
 * -D       TILED 0, 1 (default 0): the product is device/gemm_tiled.cl, else device/gemm_own.cl.
 *          ACTIVATION: that in the place of the argument, for devices whose registers all of them would fill.
 *          REVERSE 0, 1 (default 0).
 *          Those of the product and of jet/activation_jets.clh.
 */
#ifndef TILED
#define TILED 0
#endif
#ifndef REVERSE
#define REVERSE 0
#endif

#include "jet/activation_jets.clh"

#define EPILOGUE_PARAMETERS                                                                              \
    , const uint activation, const uint slices, const uint extra, const uint x_order, const uint second, \
        global const float *z, const uint z_at, global float *to, const uint to_at
#define EPILOGUE                                                         \
    {                                                                    \
        activation, slices, extra, x_order, second, z + z_at, to + to_at \
    }

struct epilogue {
    uint activation, slices, extra, x_order, second;
    global const float *z;
    global float *to;
};

/* One vector, of which the first `count` are there: a literal where it is whole, since asking each would slow
 * them down. */
INLINE void end(const struct epilogue *e, const struct jets *s, global float *c, const size_t at,
                const uint count)
{
#if REVERSE
    activate_reverse(s, e->z + at, c, e->to + at, count, 0);
#else
    activate(s, c, e->to + at, count);
#endif
}

INLINE void epilogue(const struct epilogue *e, global float *c, const size_t at, const size_t row,
                     const size_t stream, const uint rows, const uint columns)
{
    const struct jets s = {e->activation, stream, e->slices, e->extra, e->x_order, e->second};
    /* whole rows are neighbours too */
    const uint runs = columns == row ? 1 : rows, length = columns == row ? rows * columns : columns;

    ROLLED
    for (uint i = 0; i < runs; i++) {
        global float *const run = c + i * row;
        const size_t there = at + i * row;
        uint j = 0;
        ROLLED
        for (; j + WIDTH <= length; j += WIDTH)
            end(e, &s, run + j, there + j, WIDTH);
        if (j < length)
            end(e, &s, run + j, there + j, length - j);
    }
}

#if TILED
#include "device/gemm_tiled.cl"
#else
#include "device/gemm_own.cl"
#endif
