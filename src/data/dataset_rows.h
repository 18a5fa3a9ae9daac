/* dataset_rows.h - what dataset.c asks of dataset_rows.c: rows that are there twice, columns that score
 * matching trips over. */
#ifndef SS_DATA_DATASET_ROWS_H
#define SS_DATA_DATASET_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "data/table.h"
#include "data/transform.h"

/** rows[0..*n): those of the table whose chosen columns (`choice`, a chain without steps) have not been seen
 * before; the first of equals stays. `rows` has room for all of the table. */
SS_MUST_CHECK enum ss_status ss_rows_unique(const struct ss_table *table, const struct ss_transform *choice,
                                            uint32_t *rows, size_t *n);

/** Warn of columns of few distinct values or many ties among these rows, by ss_say. */
SS_MUST_CHECK enum ss_status ss_rows_warn_of_ties(const struct ss_table *table, const struct ss_transform *t,
                                                  const uint32_t *rows, size_t n);

#endif
