/* loss_fused.h - private to src/objective/: an objective on the fused plan. */
#ifndef SS_OBJECTIVE_LOSS_FUSED_H
#define SS_OBJECTIVE_LOSS_FUSED_H

#include "objective/loss.h"

struct ss_loss_fused;

/** Whether engine.plan comes to the fused plan here; if not, `why` (size bytes) says the reason.
 *  SS_ERR_USAGE: it is asked for by name and cannot be. */
SS_MUST_CHECK enum ss_status ss_loss_fused_choose(struct ss_device *device, const struct ss_model *model,
                                                  const struct ss_loss_options *options, bool *fused,
                                                  char *why, size_t size);

/** Whether the fused plan could be had for these options, suitable or not. */
bool ss_loss_fused_takes(struct ss_device *device, const struct ss_model *model,
                         const struct ss_loss_options *options);

/** The tile that the rules choose, and the directions of a row in all. */
size_t ss_loss_fused_default_tile(const struct ss_device *device, const struct ss_model *model,
                                  const struct ss_loss_options *options);
size_t ss_loss_directions(const struct ss_model *model, const struct ss_loss_options *options);

/** Build, allocate and put the kernels to a known-answer test. SS_ERR_SELFTEST: they give wrong numbers on
 * this device (not reported: the caller can go on with another plan).
 *  @param tile  samples at a time, 0: by rule */
SS_MUST_CHECK enum ss_status ss_loss_fused_create(struct ss_device *device, const struct ss_model *model,
                                                  const struct ss_loss_options *options, size_t tile,
                                                  struct ss_loss_fused **out);
void ss_loss_fused_free(struct ss_loss_fused *f);
size_t ss_loss_fused_tile(const struct ss_loss_fused *f); /* samples at a time */

SS_MUST_CHECK enum ss_status ss_loss_fused_bytes(struct ss_device *device, const struct ss_model *model,
                                                 const struct ss_loss_options *options, size_t tile,
                                                 size_t *bytes);

/** What ss_loss_plan says of it. */
void ss_loss_fused_describe(const struct ss_loss_fused *f, char *text, size_t size);

/** Enqueue losses of rows (and the gradient) of a batch in `rows`; `shares` of the two parts (control.h). */
SS_MUST_CHECK enum ss_status ss_loss_fused_enqueue(struct ss_loss_fused *f, const struct ss_loss_batch *batch,
                                                   struct ss_span rows, struct ss_buffer *shares,
                                                   struct ss_buffer *of_rows);

#endif
