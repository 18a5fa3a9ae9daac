/*
 * fused_pack.cl - around a fused step: parameters into the panels that its products read, and partial
 * gradients into the flat gradient.
 *
 * Layout  packed: a layer's weights for the forward sweep, (n_in x n_out) in panels of PANEL columns
 *         (fused_tile.clh), for the reverse sweep (n_out x n_in) likewise, the bias; padded with zeros that
 *         were there before the first launch. Partials: as the table of layers says, strides rounded up.
 * Launch  fused_pack: groups of one item, one a block of BLOCK columns of a weight matrix (n_out, n_in), as
 * the table says; fused_base: (D); fused_reduce: (lines), one a line of a partial matrix or a bias.
 *         fused_reduce_base: (D).
 */
#include "jet/fused_tile.clh"

#define BLOCK (PANEL < 16 ? PANEL : 16) /* so that a block lies in one panel */

INLINE global const struct layer *layer_of_block(global const struct layer *layers, const uint n,
                                                 const uint block)
{
    uint i = 0;

    while (i + 1 < n && block >= layers[i + 1].block)
        i++;
    return layers + i;
}

/* Offset of (row, column) in panels of a matrix of `rows` rows and `columns` columns, a multiple of WIDTH. */
INLINE uint panel_at(const uint rows, const uint columns, const uint row, const uint column)
{
    const uint panel = column - column % PANEL, width = min(columns - panel, (uint)PANEL);

    return panel * rows + row * width + column % PANEL;
}

/* Row o of a block of `n` columns to both copies; a literal n = BLOCK makes plain stores of the loops. */
INLINE void pack_row(global const struct layer *l, global const float *from, const uint n, const uint o,
                     const uint first, global float *packed)
{
    if (l->flags & WITH_FORWARD) {
        const uint panel = o - o % PANEL, step = min(l->out_stride - panel, (uint)PANEL);
        global float *to = packed + l->forward + panel_at(l->n_in, l->out_stride, first, o);
        UNROLLED
        for (uint k = 0; k < n; k++)
            to[k * step] = from[k];
    }
    if (l->flags & WITH_BACK) {
        global float *to = packed + l->back + panel_at(l->n_out, l->in_stride, o, first);
        UNROLLED
        for (uint k = 0; k < n; k++)
            to[k] = from[k];
    }
}

/* The counter of fused_step is set back here. */
ONE_ITEM void fused_pack(const uint n_layers, global const struct layer *layers,
                         global const float *restrict flat, const uint flat_at, global float *restrict packed,
                         global uint *restrict counter)
{
    const uint item = get_group_id(0);

    if (item == 0)
        counter[0] = 0;
    global const struct layer *l = layer_of_block(layers, n_layers, item);
    const uint first = (item - l->block) * BLOCK, n = min((uint)BLOCK, l->n_in - first);
    global const float *w = flat + flat_at + l->flat_weight + first;

    ROLLED for (uint o = 0; o < l->n_out; o++)
    {
        if (n == BLOCK)
            pack_row(l, w + o * l->n_in, BLOCK, o, first, packed);
        else
            ROLLED for (uint k = 0; k < n; k++) pack_row(l, w + o * l->n_in + k, 1, o, first + k, packed);
    }
    if (first == 0)
        ROLLED for (uint o = 0; o < l->n_out; o++) packed[l->bias + o] = flat[flat_at + l->flat_bias + o];
}

kernel void fused_base(const uint dimension, const uint stride, const uint mean_at, const uint scale_at,
                       const uint base_at, global const float *restrict flat, const uint flat_at,
                       global float *restrict packed)
{
    const uint d = get_global_id(0);

    if (d < dimension) {
        packed[base_at + d] = flat[flat_at + mean_at + d];
        packed[base_at + stride + d] = flat[flat_at + scale_at + d];
    }
}

/* The sum of a line's vector over the partials, in their order. */
INLINE vector sum_partials(global const float *g, const uint n, const uint step)
{
    vector sum = LOAD(g);

    for (uint p = 1; p < n; p++)
        sum += LOAD(g + (size_t)p * step);
    return sum;
}

INLINE void store_some(const vector sum, const uint n, global float *to, const uint step)
{
    float x[WIDTH];

    if (n >= WIDTH && step == 1) {
        STORE_ANY(sum, to);
        return;
    }
    STORE_ANY(sum, x);
    for (uint i = 0; i < min(n, (uint)WIDTH); i++)
        to[i * step] = x[i];
}

/* Zeros after an array of the flat gradient, up to a multiple of 16. */
INLINE void pad(global float *to, const uint n)
{
    for (uint i = n; i % 16; i++)
        to[i] = 0.0f;
}

ONE_ITEM void fused_reduce(const uint n_layers, const uint n_partials, const uint partial_size,
                           global const struct layer *layers, global const float *restrict partials,
                           global float *restrict gradient, const uint gradient_at)
{
    const uint item = get_group_id(0);
    uint i = 0;

    while (i + 1 < n_layers && item >= layers[i + 1].line)
        i++;
    global const struct layer *l = layers + i;
    const uint line = item - l->line, input_major = (l->flags & INPUT_MAJOR) != 0;
    const uint lines = input_major ? l->n_in : l->n_out, n = input_major ? l->n_out : l->n_in;
    global float *weight = gradient + gradient_at + l->flat_weight;
    global float *bias = gradient + gradient_at + l->flat_bias;

    if (line < lines) {
        global const float *g = partials + l->gradient + line * (input_major ? l->out_stride : l->in_stride);
        for (uint j = 0; j < n; j += WIDTH)
            store_some(sum_partials(g + j, n_partials, partial_size), n - j,
                       weight + (input_major ? j * l->n_in + line : line * l->n_in + j),
                       input_major ? l->n_in : 1);
    } else {
        for (uint j = 0; j < l->n_out; j += WIDTH)
            store_some(sum_partials(partials + l->gradient_bias + j, n_partials, partial_size), l->n_out - j,
                       bias + j, 1);
        pad(bias, l->n_out);
        pad(weight, l->n_in * l->n_out);
    }
}

kernel void fused_reduce_base(const uint dimension, const uint stride, const uint n_partials,
                              const uint partial_size, const uint base_at, const uint mean_at,
                              const uint scale_at, global const float *restrict partials,
                              global float *restrict gradient, const uint gradient_at)
{
    const uint d = get_global_id(0);

    if (d >= dimension)
        return;
    float mean = 0.0f, scale = 0.0f;
    for (uint p = 0; p < n_partials; p++) {
        global const float *g = partials + (size_t)p * partial_size + base_at + d;
        mean += g[0];
        scale += g[stride];
    }
    global float *to = gradient + gradient_at;
    to[mean_at + d] = mean;
    to[scale_at + d] = scale;
    if (d + 1 == dimension) {
        pad(to + mean_at, dimension);
        pad(to + scale_at, dimension);
    }
}
