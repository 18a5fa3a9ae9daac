/*
 * tune.h - the ways to compute one loss and its gradient, for the tuner: tiles and chunks of the fused plan,
 * the layered plan with each backend of products.
 */
#ifndef SS_OBJECTIVE_TUNE_H
#define SS_OBJECTIVE_TUNE_H

#include "device/tuner.h"
#include "objective/loss.h"

struct ss_loss_tune;

/** `model` and `device` are borrowed. What `options` gives by name is common to all candidates. */
SS_MUST_CHECK enum ss_status ss_loss_tune_create(struct ss_device *device, const struct ss_model *model,
                                                 const struct ss_loss_options *options,
                                                 struct ss_loss_tune **out);
void ss_loss_tune_free(struct ss_loss_tune *t);

/** For ss_tuner_run. A candidate is right if its loss and gradient are, on a few rows, those of the layered
 * plan on plain products, and on a whole batch those of the default; the same rows, slices and weights. */
struct ss_tuner_task *ss_loss_tune_task(struct ss_loss_tune *t);

/** Whether the default goes layer by layer. */
bool ss_loss_tune_layered(const struct ss_loss_tune *t);

/** In a process that has candidate i apart: make the default and look at its numbers, by which others' are
 * judged, before anything is changed for good. */
SS_MUST_CHECK enum ss_status ss_loss_tune_begin_apart(struct ss_loss_tune *t);

/** Make candidate i and run it once: all that drivers compile for it is compiled then, and in their caches.
 * Waits. */
SS_MUST_CHECK enum ss_status ss_loss_tune_build(struct ss_loss_tune *t, size_t i);

#endif
