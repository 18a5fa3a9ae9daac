/*
 * estimator.h - the parameters of a small model as an M-estimator: where the objective is least on given rows
 * with given slices, and how far that is from where it would be on all rows there are.
 *
 * With g_i the gradient of row i's loss (its slices are part of the row) and H the Hessian of the mean loss,
 * the estimate is asymptotically normal with covariance H^-1 (mean g_i g_i') H^-1 / N, the sandwich (Huber
 * 1967; for sliced score matching Song et al. 2019, theorem 3). It holds whether or not the model is right.
 * Directions in which the loss does not change, as rotations of a factor, are left out of H^-1: what is told
 * is quantities that do not depend on them.
 */
#ifndef SS_RUN_ESTIMATOR_H
#define SS_RUN_ESTIMATOR_H

#include "model/model.h"
#include "objective/loss.h"

enum { SS_ESTIMATOR_MOST = 256 }; /* parameters */

struct ss_estimator;

/** Allocates and builds; `model` and `device` are borrowed. SS_ERR_USAGE: the model has too many parameters.
 */
SS_MUST_CHECK enum ss_status ss_estimator_create(struct ss_device *device, const struct ss_model *model,
                                                 const struct ss_objective_options *objective, size_t rows,
                                                 struct ss_estimator **out);
void ss_estimator_free(struct ss_estimator *e);

/** Parameters, and quantities that are told of them. */
size_t ss_estimator_parameters(const struct ss_estimator *e);
size_t ss_estimator_quantities(const struct ss_estimator *e);

/** x[rows x D], copied; at most as many as it was made for. Slices and noise are those of draws with `seed`.
 */
SS_MUST_CHECK enum ss_status ss_estimator_rows(struct ss_estimator *e, const float *x, size_t rows,
                                               uint32_t seed);

/** From theta[parameters] to the minimum, by Newton's method with a Hessian of differences of gradients.
 * SS_ERR_DIVERGED if it finds none. */
SS_MUST_CHECK enum ss_status ss_estimator_minimize(struct ss_estimator *e, double *theta);

/**
 * Quantities at theta, their standard errors by the sandwich, and how far, in standard errors, a Newton step
 * would move each: near 0 at a minimum. For a gaussian: mean and covariance; else the parameters themselves.
 *
 * @param value, error, step  each of ss_estimator_quantities
 */
SS_MUST_CHECK enum ss_status ss_estimator_tell(struct ss_estimator *e, const double *theta, double *value,
                                               double *error, double *step);

/** "mean[0]", "covariance[0][1]", "layers.0.weight[1][2]". */
void ss_estimator_name(const struct ss_estimator *e, size_t quantity, char *name, size_t size);

/** The flat buffer of a model's weights to theta. */
void ss_estimator_gather(const struct ss_estimator *e, const float *flat, double *theta);

#endif
