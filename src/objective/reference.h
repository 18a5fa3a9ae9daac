/* reference.h - the objectives in double precision on the host: what the device's losses and gradients, and
 * `gradcheck`, are compared with. */
#ifndef SS_OBJECTIVE_REFERENCE_H
#define SS_OBJECTIVE_REFERENCE_H

#include "config/experiment.h"
#include "model/model.h"

struct ss_reference_batch {
    const float *x; /* rows x D */
    size_t rows;
    const float *slices; /* (M, rows, D), not for esm and dsm */
    const float *noise;  /* (rows, D), dsm */
    double share;        /* of the control variate, where it is estimated (ss_loss_share) */
};

/** The loss, by derivatives along directions alone: the score of an energy by its D first derivatives. */
SS_MUST_CHECK enum ss_status ss_reference_loss(const struct ss_model *model,
                                               const struct ss_objective_options *objective,
                                               const double *flat, const struct ss_reference_batch *batch,
                                               double *loss);

/** d loss / d flat[i] for i in index[n], by central differences of 6th order with step h = 1e-3 (1 +
 * |flat[i]|): error about 1e-11 relative on smooth losses. */
SS_MUST_CHECK enum ss_status ss_reference_gradient(const struct ss_model *model,
                                                   const struct ss_objective_options *objective,
                                                   const double *flat, const struct ss_reference_batch *batch,
                                                   const size_t *index, size_t n, double *gradient);

#endif
