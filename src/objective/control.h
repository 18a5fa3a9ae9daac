/*
 * control.h - private to src/objective/: how much of its control variate ssm_vr takes.
 *
 * With X = v'(Ds)v + 1/2 (v's)^2, the term of ssm, and Y = 1/2 (v's)^2 - 1/2 |s|^2, whose mean over slices is
 * 0 for every row, X - c Y is an unbiased term of the loss for every c: ssm at 0, ssm_vr at 1. Its variance
 * is least at c = cov(X, Y) / var(Y). That is estimated in each step from a pilot: one slice for each of at
 * most SS_PILOT_ROWS rows of the batch, of draws that the loss itself does not use. So c is independent of
 * the step's slices, the gradient, in which c is a constant, stays unbiased, and no state is carried from
 * step to step.
 */
#ifndef SS_OBJECTIVE_CONTROL_H
#define SS_OBJECTIVE_CONTROL_H

#include "objective/loss.h"

enum { SS_PILOT_ROWS = 256 };

struct ss_control;

/** `model` is borrowed. For the loss that `options` describe. */
SS_MUST_CHECK enum ss_status ss_control_create(struct ss_device *device, const struct ss_model *model,
                                               const struct ss_loss_options *options,
                                               struct ss_control **out);
void ss_control_free(struct ss_control *c);

/** Bytes that it takes on the device. */
SS_MUST_CHECK enum ss_status ss_control_bytes(struct ss_device *device, const struct ss_model *model,
                                              const struct ss_loss_options *options, size_t *bytes);

/** Enqueue the estimate for the batch in `rows`: shares[0] = 1 - c and shares[1] = c. Where all Y are alike,
 * as for Rademacher slices of one column, c = 1. */
SS_MUST_CHECK enum ss_status ss_control_enqueue(struct ss_control *c, const struct ss_loss_batch *batch,
                                                struct ss_span rows, struct ss_buffer *shares);

#endif
