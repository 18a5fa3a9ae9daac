/*
 * gemm_own.h - inside the room: how the own product on CPU devices is cut up (gemm_own_cut.c).
 *
 * Bits are decided by the order of additions, and that by the shape of a product alone: by SS_OWN_DEPTH, by
 * its slices of k, by whether it goes by dot products. All of struct ss_own_sizes may be chosen freely, for
 * each product, in the middle of a run.
 */
#ifndef SS_DEVICE_GEMM_OWN_H
#define SS_DEVICE_GEMM_OWN_H

#include "device/gemm_backends.h"

/* Of k at a time at most: sums of so many terms are added up in registers. A power of two is walked in steps
 * of 256; 784, which is common, in three. */
enum { SS_OWN_DEPTH = 272 };

/** A product whose C may be stored transposed, so that operands can be swapped. */
struct ss_own_product {
    struct ss_gemm g; /* of the rows of all streams; g.ldc is not used */
    size_t c_row, c_column;
    bool mirrored; /* rows are columns, and streams too */
    size_t streams;
    bool dots;     /* few columns: by dot products along k */
    size_t slices; /* of k, whose products are added up afterwards */
    size_t task_k; /* of a slice */
};

/** A tile of C in registers, tasks of tiles, groups that take tasks. */
struct ss_own_sizes {
    uint32_t width;          /* floats of a vector, the device's: 1, 4, 8 or 16 */
    uint32_t rows, vectors;  /* of a tile, which the kernels are built for: 2 to 16, 1 to 4 */
    uint32_t task_m, task_n; /* rows, whole tiles; columns, whole panels of width x vectors. Of streams about
                                as many rows in all, the same of each */
    uint32_t groups;         /* 1 to the cores of the device */
    bool pack_a, pack_b;     /* else read where they lie; an A stored m x k always is, a B stored n x k never
                              */
};

/** Turned the way that wastes less of a tile, and cut into slices. */
struct ss_own_product ss_own_product_of(const struct ss_device *d, const struct ss_gemm *g, bool simple);

/** What the rules say; `simple`: without vectors. */
struct ss_own_sizes ss_own_sizes_by_rule(const struct ss_device *d, const struct ss_own_product *p,
                                         bool simple);

/** NULL if the product can be computed by these sizes here, else why not. */
const char *ss_own_sizes_wrong(const struct ss_device *d, const struct ss_own_product *p,
                               const struct ss_own_sizes *s);

#endif
