/*
 * row_scores.h - log-density and score of rows in the data's own units, wherever the rows come from.
 *
 * With a transform y = T(x) of Jacobian J: log p_x = log p_y + log |det J|, score_x = J' score_y + grad log
 * |det J|; noise is left out, dequantize adds its mean. Both are of the columns that were kept. Without a
 * transform (an imported run) rows are taken as the model sees them.
 */
#ifndef SS_RUN_ROW_SCORES_H
#define SS_RUN_ROW_SCORES_H

#include <stddef.h>

#include "run/trained.h"

struct ss_row_scores;

/** For any number of rows, done in pieces on the device. `t` must outlive it. */
SS_MUST_CHECK enum ss_status ss_row_scores_create(const struct ss_trained *t, struct ss_row_scores **out);
void ss_row_scores_free(struct ss_row_scores *s);

/** Numbers in a row that goes in: the table's columns, or D without a transform. */
size_t ss_row_scores_inputs(const struct ss_row_scores *s);

/** kept[D]: which of them the model sees; the others are not looked at. */
const size_t *ss_row_scores_kept(const struct ss_row_scores *s);

/** Name of kept column j < D, NULL without a transform. */
const char *ss_row_scores_name(const struct ss_row_scores *s, size_t j);

/** Fill x[inputs] with row i. */
typedef void ss_row_fn(void *context, size_t i, double *x);

/**
 * Rows [0, rows) of `row`, and wait.
 *
 * @param log_density  rows numbers, up to the constant log Z; NULL: not wanted, and must be for a score net
 * @param score        rows x D numbers, or NULL
 * A row that is not finite, or outside what the transform can take (logit), is NAN in both; a missing cell
 * (NAN) is filled where data.missing says mean.
 */
SS_MUST_CHECK enum ss_status ss_row_scores_run(struct ss_row_scores *s, ss_row_fn *row, void *context,
                                               size_t rows, double *log_density, double *score);

#endif
