/* loss_layered.h - private to src/objective/: an objective on the layered plan, which takes any model. */
#ifndef SS_OBJECTIVE_LOSS_LAYERED_H
#define SS_OBJECTIVE_LOSS_LAYERED_H

#include "device/gemm.h"
#include "objective/loss.h"

struct ss_loss_layered;

/** @param products  how they are computed; others on the device keep their way */
SS_MUST_CHECK enum ss_status ss_loss_layered_create(struct ss_device *device, const struct ss_model *model,
                                                    const struct ss_loss_options *options,
                                                    struct ss_gemm_use products,
                                                    struct ss_loss_layered **out);
void ss_loss_layered_free(struct ss_loss_layered *l);

SS_MUST_CHECK enum ss_status ss_loss_layered_bytes(const struct ss_model *model,
                                                   const struct ss_loss_options *options, size_t *bytes);

/** What ss_loss_plan says of it. */
void ss_loss_layered_describe(const struct ss_loss_layered *l, const char *why, char *text, size_t size);

/** Whether its products are CLBlast's. */
bool ss_loss_layered_is_clblast(const struct ss_loss_layered *l);

/** Where it reads the batch. */
struct ss_span ss_loss_layered_rows(const struct ss_loss_layered *l);

/** Enqueue losses of rows (and the gradient) of a batch; `shares` of the two parts (control.h). */
SS_MUST_CHECK enum ss_status ss_loss_layered_enqueue(struct ss_loss_layered *l,
                                                     const struct ss_loss_batch *batch,
                                                     struct ss_buffer *shares, struct ss_buffer *of_rows);

#endif
