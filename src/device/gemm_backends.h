/* gemm_backends.h - inside the room: the backends that gemm.c chooses from. All only enqueue; m, n and k are
 * at least 1 and everything has been checked. */
#ifndef SS_DEVICE_GEMM_BACKENDS_H
#define SS_DEVICE_GEMM_BACKENDS_H

#include "device/gemm.h"
#include "device/tiles.h"

/** One work-item an element. Takes k = 0. */
SS_MUST_CHECK enum ss_status ss_gemm_plain(struct ss_device *d, const struct ss_gemm *g);

/** Register tiles, for CPU devices; `simple`: without vectors and unrolled loops. */
SS_MUST_CHECK enum ss_status ss_gemm_own(struct ss_device *d, const struct ss_gemm *g, bool simple);

/** Through local memory, for GPUs; `tiles` NULL: chosen from shape and device. Other tiles than those that
 * the device has room for: SS_ERR_INTERNAL (ss_tiles_wrong). */
SS_MUST_CHECK enum ss_status ss_gemm_tiled(struct ss_device *d, const struct ss_gemm *g,
                                           const struct ss_tiles *tiles);

SS_MUST_CHECK enum ss_status ss_gemm_clblast(struct ss_device *d, const struct ss_gemm *g);

#endif
