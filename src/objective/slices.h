/*
 * slices.h - random directions on the device, all with E[vv'] = I: rademacher, gaussian, sphere (of radius
 * sqrt(D)), orthogonal (frames of D orthonormal directions times sqrt(D); with M = D the trace is exact).
 */
#ifndef SS_OBJECTIVE_SLICES_H
#define SS_OBJECTIVE_SLICES_H

#include "config/experiment.h"
#include "device/device.h"
#include "random/random.h"

struct ss_draw {
    uint32_t seed;
    uint64_t step; /* word 0 of the counter is its low half; the high half is folded into the slice's word */
    uint32_t first_row; /* number of row 0 in the global batch */
    bool held_out;      /* streams of evaluation instead of training */
};

struct ss_slice_shape {
    enum ss_slices law;
    size_t rows, dimension;
    size_t first, count; /* slices first .. first + count of `total` (orthogonal frames are drawn as one) */
    size_t total;
};

/** Enqueue the drawing of v[count][rows][D]. */
SS_MUST_CHECK enum ss_status ss_slices_enqueue(struct ss_device *d, const struct ss_slice_shape *shape,
                                               const struct ss_draw *draw, struct ss_span v);

/** Enqueue standard normals z[rows][D] of denoising score matching. */
SS_MUST_CHECK enum ss_status ss_denoising_noise_enqueue(struct ss_device *d, size_t rows, size_t dimension,
                                                        const struct ss_draw *draw, struct ss_span z);

/** Enqueue the writing of unit vectors e_first .. e_(first + count - 1) to v[count][rows][D]; past D they are
 * zero, which adds nothing to any objective. */
SS_MUST_CHECK enum ss_status ss_unit_slices_enqueue(struct ss_device *d, size_t rows, size_t dimension,
                                                    size_t first, size_t count, struct ss_span v);

#endif
