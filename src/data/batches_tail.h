/*
 * batches_tail.h - the random part of a chain of transforms on the device: for batches.c alone.
 *
 * Up to the first logit after the first random step the chain is affine in the random numbers, so that part
 * splits into what the host computes once in double (the rows, with random steps at their mean) and a sum of
 * noises, each carried through the later steps: adding them loses no digits to the offsets of raw columns.
 * From that logit on the steps run one after the other.
 */
#ifndef SS_DATA_BATCHES_TAIL_H
#define SS_DATA_BATCHES_TAIL_H

#include "data/transform_chain.h"
#include "device/device.h"

struct ss_tail;

/** Build kernels and buffers for batches of `batch` rows. *head: how many steps of the chain the host
 * applies, without a draw. The device must outlive it. */
SS_MUST_CHECK enum ss_status ss_tail_create(struct ss_device *device, const struct ss_transform *t,
                                            uint32_t seed, size_t batch, struct ss_tail **out, size_t *head);
void ss_tail_free(struct ss_tail *tail);
size_t ss_tail_bytes(const struct ss_tail *tail);

/** Enqueue the rest of the chain on y, batch x D, in place; does not wait. */
SS_MUST_CHECK enum ss_status ss_tail_enqueue(struct ss_tail *tail, uint32_t step, struct ss_span y);

#endif
