/*
 * fused.h - the plan that runs a whole step of a perceptron, forward, loss, reverse and parameter gradient,
 * in one kernel: cl/jet/fused.clh for CPU devices, cl/jet/fused_group.clh for GPUs. For nets whose layers fit
 * in a core's cache, or in the share of it that a work-group has.
 *
 * What the outputs mean is the caller's: it names a kernel file that includes its own functions of output
 * jets and then jet/fused.clh, and hands over numbers that these functions read.
 */
#ifndef SS_JET_FUSED_H
#define SS_JET_FUSED_H

#include "device/device.h"
#include "device/tiles.h"
#include "jet/graph.h"
#include "jet/streams.h"

struct ss_fused;

enum { SS_FUSED_DEFINES = 4, SS_FUSED_NUMBERS = 3, SS_FUSED_WORDS = 6 };

struct ss_fused_options {
    const char *file; /* below cl/, a literal */
    struct ss_define defines[SS_FUSED_DEFINES];
    size_t n_defines;          /* the caller's own */
    struct ss_streams streams; /* of one chunk of directions */
    size_t rows;               /* of a batch, at most */
    bool score;                /* the output is as wide as the input, else 1 */
    bool unit;                 /* the slices are the unit vectors: none are read */
    bool noise;                /* a second array of rows x D is read */
    bool late;                 /* two numbers are read that the device has computed */
    size_t tile;               /* samples carried at once; 0 = chosen from streams and rows */
    size_t workers;            /* groups that work at once; 0 = as many as suit the device. Changes no bits */
    const struct ss_fused *like; /* take its kernels, that is tile, tiles and place of the jets; or NULL */
    /* for GPUs */
    const struct ss_tiles *tiles; /* of products; NULL = chosen from rows, widths and device. The columns of
                                     a group decide the order of some sums, and so the bits */
    bool global_jets;             /* in global memory even where they fit in local memory */
};

/** Whether it takes this graph on this device; if not, `why` (size bytes) says the reason. */
bool ss_fused_takes(struct ss_device *device, const struct ss_graph *graph,
                    const struct ss_fused_options *options, char *why, size_t size);

/** Whether it is expected to be faster than the layered plan, where it takes the graph; `why` as above. */
bool ss_fused_suits(struct ss_device *device, const struct ss_graph *graph,
                    const struct ss_fused_options *options, char *why, size_t size);

/** Build its kernels and allocate its memory. The graph need not outlive it. */
SS_MUST_CHECK enum ss_status ss_fused_create(struct ss_device *device, const struct ss_graph *graph,
                                             const struct ss_fused_options *options, struct ss_fused **out);
void ss_fused_free(struct ss_fused *f);

/** Bytes that ss_fused_create takes on the device. */
SS_MUST_CHECK enum ss_status ss_fused_bytes(struct ss_device *device, const struct ss_graph *graph,
                                            const struct ss_fused_options *options, size_t *bytes);

/** The tile that is chosen where options.tile is 0. */
size_t ss_fused_default_tile(const struct ss_device *device, const struct ss_fused_options *options);

/** Samples of a tile, and whether a group of items carries one; then `tiles` of products, else NULL. */
bool ss_fused_grouped(const struct ss_fused *f);
size_t ss_fused_tile(const struct ss_fused *f);
const struct ss_tiles *ss_fused_tiles(const struct ss_fused *f);

/** Tiles of products that these options come to; false: the plan has none here, or does not take the graph.
 */
bool ss_fused_find_tiles(struct ss_device *device, const struct ss_graph *graph,
                         const struct ss_fused_options *options, struct ss_tiles *out);

/** Of what the kernels were built for besides. */
enum ss_activation ss_fused_activation(const struct ss_fused *f);
bool ss_fused_has_base(const struct ss_fused *f); /* a diagonal quadratic term */

struct ss_fused_batch {
    size_t rows;
    size_t directions;              /* in all; handled in chunks of options.streams.slices */
    struct ss_span x;               /* (rows, D) */
    struct ss_span slices, z;       /* (directions, rows, D), (rows, D); .buffer NULL: drawn */
    uint32_t words[SS_FUSED_WORDS]; /* of the random numbers */
    float numbers[SS_FUSED_NUMBERS];
    struct ss_buffer *late;              /* two floats, where options.late */
    struct ss_span parameters, gradient; /* flat; gradient.buffer NULL: losses alone. Overwritten */
    struct ss_buffer *losses;            /* of each row */
    struct ss_buffer *mean;              /* theirs; NULL: not wanted. Not written by the form for GPUs */
};

/** Enqueue losses (and gradient) of a batch. The same bits every time, at any number of cores. */
SS_MUST_CHECK enum ss_status ss_fused_enqueue(struct ss_fused *f, const struct ss_fused_batch *batch);

#endif
