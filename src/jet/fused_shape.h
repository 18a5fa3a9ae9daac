/*
 * fused_shape.h - private to src/jet/: all of a fused step that follows from net, options and device: its
 * form, tiles, and where everything lies.
 *
 * There are two forms of the kernel. For CPU devices (cl/jet/fused.clh) an item carries a tile of samples, in
 * explicit vectors, with its jets in cache and weights packed beforehand. For GPUs (cl/jet/fused_group.clh) a
 * work-group does, with its jets in local memory where they fit and weights as they lie.
 */
#ifndef SS_JET_FUSED_SHAPE_H
#define SS_JET_FUSED_SHAPE_H

#include "jet/fused.h"
#include "jet/fused_net.h"

/* A register tile on CPU devices is ROWS x VECTORS vectors: 24 sums of 32 registers of 16 floats (AVX-512),
 * 12 of 16 of 8 or of 4. */
enum { SS_FUSED_ROWS = 6 };

struct ss_fused_layer { /* as in cl/jet/fused_layer.clh */
    uint32_t n_in, n_out, in_stride, out_stride;
    uint32_t in, z, a, u, d;
    uint32_t forward, back, bias;
    uint32_t gradient, gradient_bias;
    uint32_t flat_weight, flat_bias;
    uint32_t flags, block, line, unused;
};

struct ss_fused_shape {
    struct ss_fused_net net;
    struct ss_fused_layer layers[SS_FUSED_LAYERS];
    bool grouped;             /* the form for GPUs: */
    struct ss_tiles tiles;    /* of its products */
    bool local;               /* its jets are in local memory */
    uint32_t width, vectors;  /* the form for CPU devices: floats of a vector, vectors of a tile's row, */
    uint32_t steps;           /* steps of its products in a turn of their loop */
    uint32_t tile, rows;      /* rows = streams x tile */
    size_t columns;           /* of the input, in whole vectors */
    size_t noise_at, scratch; /* floats of a worker */
    bool alone;               /* a launch needs no others around it: */
    size_t base_at, packed;   /* floats of the packed parameters, */
    size_t copies;            /* of which each worker has its own then */
    size_t base_gradient_at, partial; /* floats of a partial gradient */
    size_t blocks, lines;             /* items of packing and of the reduction */
    size_t workers, partials;
};

/** NULL if the fused plan takes the graph, else why not. */
const char *ss_fused_shape_read(struct ss_device *device, const struct ss_graph *graph,
                                const struct ss_fused_options *options, struct ss_fused_shape *out);

/** Of a plan. */
const struct ss_fused_shape *ss_fused_shape_of(const struct ss_fused *f);

/** Partial gradients of a batch of so many rows: set by the data's shape alone. */
size_t ss_fused_shape_partials(const struct ss_fused_shape *s, size_t rows);

/** Bytes of its memory on the device. */
size_t ss_fused_shape_bytes(const struct ss_fused_shape *s);

/** Width of the first layer that is too wide for the fused plan to be expected to be the faster; 0: none is.
 */
size_t ss_fused_shape_too_wide(const struct ss_fused_shape *s, const struct ss_fused_options *options);

/** Whether a batch has rows enough for it to be expected to be the faster with so many weights. */
bool ss_fused_shape_enough_rows(const struct ss_fused_shape *s, const struct ss_fused_options *options);

#endif
