/*
 * tiles.h - how a work-group of a GPU cuts up a matrix product: the constants of cl/device/tiles.clh, which
 * the tiled product (gemm_tiled.c) and the fused step by groups (jet/) are built with.
 */
#ifndef SS_DEVICE_TILES_H
#define SS_DEVICE_TILES_H

#include "device/device.h"

struct ss_tiles {
    uint32_t group_m, group_n; /* items of a group; powers of two */
    uint32_t item_m, item_n;   /* rows and columns of an item: 1, 2, 4 or 8; 4 or 8 */
    uint32_t depth;            /* of a slice of k in local memory; a power of two */
    uint32_t buffers;          /* slices there: 1, or 2: one arrives while one is used */
};

enum { SS_TILES_DEFINES = 7, SS_TILES_NEAR = 7, SS_TILES_MOST = (1 << 24) - 1 };

/**
 * For products of so many rows and columns, within what the device says of its groups and local memory.
 *
 * @param local_bytes  of local memory that is used beside
 * @param large        the kernel holds much besides: fewer registers for the product
 */
void ss_tiles_choose(const struct ss_device *d, size_t rows, size_t columns, size_t local_bytes, bool large,
                     struct ss_tiles *out);

/** NULL if a kernel can be built with these constants and run on this device, else why not. */
const char *ss_tiles_wrong(const struct ss_device *d, const struct ss_tiles *t);

size_t ss_tiles_items(const struct ss_tiles *t); /* of a group */
size_t ss_tiles_rows(const struct ss_tiles *t);  /* of a tile */
size_t ss_tiles_columns(const struct ss_tiles *t);
size_t ss_tiles_local_bytes(const struct ss_tiles *t); /* of local memory */

/** Those that differ in one constant or in both sides of a group, for trying; some cannot be. */
void ss_tiles_near(const struct ss_tiles *t, struct ss_tiles out[SS_TILES_NEAR]);

/** "tiles of 64 x 64, 256 items, 8 deep, 2 at once". */
void ss_tiles_text(const struct ss_tiles *t, char *text, size_t size);

/** In one number, 1 to SS_TILES_MOST, to be kept; and back, false: it is none, or cannot be here. */
int32_t ss_tiles_number(const struct ss_tiles *t);
bool ss_tiles_of_number(const struct ss_device *d, int32_t number, struct ss_tiles *out);

void ss_tiles_defines(const struct ss_device *d, const struct ss_tiles *t,
                      struct ss_define out[SS_TILES_DEFINES]);

/** Enqueue: `to` = or += the sum of n_parts arrays of `rows` x `columns` in `parts`, part_size elements
 * apart, in their order. ld elements between rows of `to`. */
SS_MUST_CHECK enum ss_status ss_partials_sum(struct ss_device *d, struct ss_buffer *parts, size_t n_parts,
                                             size_t part_size, size_t rows, size_t columns, struct ss_span to,
                                             size_t ld, bool accumulate);

#endif
