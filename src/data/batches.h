/* batches.h - training batches on the device, drawn without the host waiting. */
#ifndef SS_DATA_BATCHES_H
#define SS_DATA_BATCHES_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "data/dataset.h"
#include "device/device.h"

struct ss_batches;

/**
 * Put the training rows on the device (the deterministic head of the transforms already applied), or, where
 * they exceed its largest allocation or options->memory says host, prepare to copy each batch while the step
 * before it runs.
 *
 * Row i of step t is row p of the seeded permutation of its epoch, with p = (t * batch + i) mod rows: the
 * order is a function of (seed, step), so a resumed run sees the same rows. Noise and dequantize are drawn
 * afresh per step.
 */
SS_MUST_CHECK enum ss_status ss_batches_create(struct ss_device *device, const struct ss_dataset *dataset,
                                               enum ss_residence residence, uint32_t seed, size_t batch,
                                               struct ss_batches **out);
void ss_batches_free(struct ss_batches *b);

/** Enqueue the making of the batch x D floats of step `step`; does not wait. *x: where they are until the
 * next call, `into` or, where small batches of several steps are drawn at once (CPU devices), a place of its
 * own.
 */
SS_MUST_CHECK enum ss_status ss_batches_enqueue(struct ss_batches *b, uint64_t step, struct ss_span into,
                                                struct ss_span *x);

bool ss_batches_resident(const struct ss_batches *b);       /* rows live on the device */
size_t ss_batches_device_bytes(const struct ss_batches *b); /* what they take there */

#endif
