/*
 * fused_pack.cl - around a fused step of a net that is too large for its workers to do this on the side:
 * parameters into the panels that its products read, and partial gradients into the flat gradient.
 *
 * Layout  packed: a layer's weights for the forward sweep, (n_in x n_out) in panels of PANEL columns
 *         (fused_tile.clh), for the reverse sweep (n_out x n_in) likewise, the bias; padded with zeros that
 *         were there before the first launch. Partials: as the table of layers says, strides rounded up.
 * Launch  fused_pack: groups of one item, one a block of BLOCK columns of a weight matrix (n_out, n_in), as
 *         the table says; fused_base: (D); fused_reduce: (lines), one a line of a partial matrix or a bias.
 *         fused_reduce_base: (D).
 */
#include "jet/fused_ends.clh"

ONE_ITEM void fused_pack(const uint n_layers, global const struct layer *layers,
                         global const float *restrict flat, const uint flat_at, global float *restrict packed)
{
    pack_block(n_layers, layers, get_group_id(0), flat + flat_at, packed);
}

kernel void fused_base(const uint dimension, const uint columns, const uint mean_at, const uint scale_at,
                       const uint base_at, global const float *restrict flat, const uint flat_at,
                       global float *restrict packed)
{
    global const float *from = flat + flat_at;

    if (get_global_id(0) < dimension)
        pack_base(get_global_id(0), columns, from + mean_at, from + scale_at, packed + base_at);
}

ONE_ITEM void fused_reduce(const uint n_layers, const uint n_partials, const uint partial_size,
                           global const struct layer *layers, global const float *restrict partials,
                           global float *restrict gradient, const uint gradient_at)
{
    reduce_line(n_layers, layers, get_group_id(0), n_partials, partial_size, partials,
                gradient + gradient_at);
}

kernel void fused_reduce_base(const uint dimension, const uint columns, const uint n_partials,
                              const uint partial_size, const uint base_at, const uint mean_at,
                              const uint scale_at, global const float *restrict partials,
                              global float *restrict gradient, const uint gradient_at)
{
    global float *to = gradient + gradient_at;

    if (get_global_id(0) < dimension)
        reduce_base(get_global_id(0), dimension, columns, n_partials, partial_size, partials + base_at,
                    to + mean_at, to + scale_at);
}
