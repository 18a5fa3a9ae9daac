/* dataset.h - the rows of an experiment: read or made, checked, split, transformed. */
#ifndef SS_DATA_DATASET_H
#define SS_DATA_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "config/experiment.h"
#include "data/transform.h"

enum ss_part { SS_PART_TRAIN, SS_PART_VALIDATION, SS_PART_TEST };

struct ss_dataset;

/**
 * Read or make the rows, drop duplicates if asked, split by seed, fit the transforms on training rows, and
 * warn (by ss_say) of what score matching trips over: columns of few distinct values, many tied rows.
 */
SS_MUST_CHECK enum ss_status ss_dataset_load(const struct ss_data_options *options, uint32_t seed,
                                             struct ss_dataset **out);
void ss_dataset_free(struct ss_dataset *d);

size_t ss_dataset_rows(const struct ss_dataset *d, enum ss_part part);
size_t ss_dataset_dimension(const struct ss_dataset *d); /* D after the transforms */
const struct ss_transform *ss_dataset_transform(const struct ss_dataset *d);
const struct ss_table *ss_dataset_table(const struct ss_dataset *d);
const uint32_t *ss_dataset_index(const struct ss_dataset *d,
                                 enum ss_part part); /* rows of the table in this part */

/** At most `limit` (0 = all) transformed rows of a part, noise drawn once and the same each time: *values is
 * rows x D, the caller's to free. With fewer than all, a seeded choice. */
SS_MUST_CHECK enum ss_status ss_dataset_values(const struct ss_dataset *d, enum ss_part part, size_t limit,
                                               float **values, size_t *rows);

/** True if the data's density is known (most synthetic sets). */
bool ss_dataset_has_density(const struct ss_dataset *d);

/** True log-density (normalized, nats) and score at rows y[rows x D] of the transformed space; either may be
 * NULL. */
SS_MUST_CHECK enum ss_status ss_dataset_density(const struct ss_dataset *d, const float *y, size_t rows,
                                                double *log_density, double *score);

#endif
