/* gemm_backends.h - inside the room: the backends that gemm.c chooses from. All only enqueue; m, n and k are
 * at least 1 and everything has been checked. */
#ifndef SS_DEVICE_GEMM_BACKENDS_H
#define SS_DEVICE_GEMM_BACKENDS_H

#include "device/gemm.h"
#include "device/opencl.h"
#include "device/tiles.h"

struct ss_epilogue {
    const char *file;
    struct ss_define defines[SS_EPILOGUE_DEFINES];
    size_t n_defines;
    struct ss_own_kernel own[2]; /* on CPU devices, found last */
};

/** One work-item an element. Takes k = 0. */
SS_MUST_CHECK enum ss_status ss_gemm_plain(struct ss_device *d, const struct ss_gemm *g);

/** Note a product while somebody listens (gemm_products.h). */
void ss_gemm_hear(struct ss_device *d, const struct ss_gemm *g);

struct ss_own_sizes;

/** Whether the own product on CPU devices takes these streams as they are, with bias and epilogue. */
bool ss_gemm_own_finishes(const struct ss_device *d, const struct ss_gemm *g);

/** Build its kernels with this epilogue, for products with this `transpose_b`. */
SS_MUST_CHECK enum ss_status ss_gemm_own_build(struct ss_device *d, struct ss_epilogue *e, bool transpose_b);

/** Register tiles, for CPU devices; `simple`: without vectors and unrolled loops. `sizes` NULL: measured, or
 * by the rules. Streams, `skip`, bias and epilogue only where the above says so. The same bits for all sizes;
 * those that cannot be here: SS_ERR_INTERNAL (gemm_own.h). */
SS_MUST_CHECK enum ss_status ss_gemm_own(struct ss_device *d, const struct ss_gemm *g, bool simple,
                                         const struct ss_own_sizes *sizes);

/** The same of the tiled product. */
bool ss_gemm_tiled_finishes(const struct ss_device *d, const struct ss_gemm *g);

/** Through local memory, for GPUs; `tiles` NULL: measured, or by the rules. Streams, `skip`, bias and
 * epilogue only where the above says so. The same bits for all tiles; those that the device, or the streams
 * of a row, have no room for: SS_ERR_INTERNAL (ss_tiles_wrong). */
SS_MUST_CHECK enum ss_status ss_gemm_tiled(struct ss_device *d, const struct ss_gemm *g,
                                           const struct ss_tiles *tiles);

/** Its tiles by the rules: from shape and device. */
void ss_gemm_tiles_by_rule(const struct ss_device *d, const struct ss_gemm *g, struct ss_tiles *out);

/** With the set of parameters in force (gemm_sets.c). */
SS_MUST_CHECK enum ss_status ss_gemm_clblast(struct ss_device *d, const struct ss_gemm *g);

/** A code of CLBlast's as a status, reported. */
SS_MUST_CHECK enum ss_status ss_clblast_fail(const struct ss_device *d, const char *call, int code,
                                             const char *what);

#endif
