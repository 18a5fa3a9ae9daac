/*
 * schedule.h - the learning rate as a function of the step alone.
 *
 * Steps t = 0 .. warmup - 1 rise linearly: (t + 1) / warmup of it. Then, with p = (t - warmup) / (steps -
 * warmup):
 *
 *     constant   1                     cosine   f + (1 - f) (1 + cos(pi p)) / 2
 *     linear     1 - (1 - f) p         step     f^floor((t - warmup) / every)
 */
#ifndef SS_TRAIN_SCHEDULE_H
#define SS_TRAIN_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "config/experiment.h"

double ss_schedule_rate(const struct ss_train_options *options, uint64_t steps, uint64_t step);

/** The number of steps that options->steps, or options->epochs over so many rows, come to. SS_ERR_USAGE if
 * neither is given or the product is out of reach. */
SS_MUST_CHECK enum ss_status ss_schedule_steps(const struct ss_train_options *options, size_t rows,
                                               uint64_t *steps);

#endif
