/* loss_fused.h - private to src/objective/: an objective on the fused plan. */
#ifndef SS_OBJECTIVE_LOSS_FUSED_H
#define SS_OBJECTIVE_LOSS_FUSED_H

#include "device/tiles.h"
#include "objective/loss.h"

struct ss_loss_fused;

/** Whether engine.plan comes to the fused plan here; if not, `why` (size bytes) says the reason.
 *  SS_ERR_USAGE: it is asked for by name and cannot be. */
SS_MUST_CHECK enum ss_status ss_loss_fused_choose(struct ss_device *device, const struct ss_model *model,
                                                  const struct ss_loss_options *options, bool *fused,
                                                  char *why, size_t size);

/** Whether the fused plan could be had for these options, suitable or not; cut up by `numbers` (choice.h). */
bool ss_loss_fused_takes(struct ss_device *device, const struct ss_model *model,
                         const struct ss_loss_options *options, const int32_t numbers[SS_TUNING_NUMBERS]);

/** The tile that the rules choose, and the directions of a row in all. */
size_t ss_loss_fused_default_tile(const struct ss_device *device, const struct ss_model *model,
                                  const struct ss_loss_options *options);
size_t ss_loss_directions(const struct ss_model *model, const struct ss_loss_options *options);

/** The tiles of its products that the rules choose; false: it has none here. */
bool ss_loss_fused_default_tiles(struct ss_device *device, const struct ss_model *model,
                                 const struct ss_loss_options *options, struct ss_tiles *out);

/** Build, allocate and put the kernels to a known-answer test. SS_ERR_SELFTEST: they give wrong numbers on
 * this device (not reported: the caller can go on with another plan).
 *  @param numbers  how it is cut up (choice.h), 0: by rule */
SS_MUST_CHECK enum ss_status ss_loss_fused_create(struct ss_device *device, const struct ss_model *model,
                                                  const struct ss_loss_options *options,
                                                  const int32_t numbers[SS_TUNING_NUMBERS],
                                                  struct ss_loss_fused **out);
void ss_loss_fused_free(struct ss_loss_fused *f);

/** How it was cut up then: set in `numbers`. */
void ss_loss_fused_numbers(const struct ss_loss_fused *f, int32_t numbers[SS_TUNING_NUMBERS]);

SS_MUST_CHECK enum ss_status ss_loss_fused_bytes(struct ss_device *device, const struct ss_model *model,
                                                 const struct ss_loss_options *options,
                                                 const int32_t numbers[SS_TUNING_NUMBERS], size_t *bytes);

/** What ss_loss_plan says of it. */
void ss_loss_fused_describe(const struct ss_loss_fused *f, char *text, size_t size);

/** Enqueue losses of rows (and the gradient) of a batch in `rows`; `shares` of the two parts (control.h).
 *  @param mean  of the losses, where ss_loss_fused_means */
SS_MUST_CHECK enum ss_status ss_loss_fused_enqueue(struct ss_loss_fused *f, const struct ss_loss_batch *batch,
                                                   struct ss_span rows, struct ss_buffer *shares,
                                                   struct ss_buffer *of_rows, struct ss_buffer *mean);
bool ss_loss_fused_means(const struct ss_loss_fused *f);

#endif
