/*
 * evaluate.h - how good a trained model is on held-out rows.
 *
 * esm: the exact score-matching loss.
 *
 * ssm, ssm_vr, dsm: the objective it was trained by, with slices and noise of their own that are the same
 * each time.
 *
 * fisher_divergence: mean of 1/2 |s_model - s_true|^2 where the data's score is known, in the space trained
 * in.
 *
 * log_likelihood: mean log-density in nats per row, in the data's own units; of energies whose log Z is
 * known, and its error is part of the standard error.
 */
#ifndef SS_RUN_EVALUATE_H
#define SS_RUN_EVALUATE_H

#include "data/dataset.h"
#include "run/normalizer.h"
#include "run/record.h"
#include "run/trained.h"

struct ss_evaluation_rows {
    const float *y; /* rows x D, in the space trained in */
    size_t rows;
    const struct ss_dataset *truth; /* whose density these rows have; NULL if unknown */
};

/**
 * All metrics that the model and the rows allow. Says what takes long and how long; what cannot be had and
 * why is a detail.
 *
 * @param normalizer  of the model, or NULL if not looked for
 * @return SS_ERR_INTERRUPTED if a stop was asked for (run/stop.h)
 */
SS_MUST_CHECK enum ss_status ss_evaluate(const struct ss_trained *t, const struct ss_evaluation_rows *rows,
                                         const struct ss_normalizer *normalizer, struct ss_metrics_list *out);

/** Held-out rows of a data set: test, else validation, else (with a warning) training rows; at most `limit`,
 * 0 = all. *y is the caller's to free. */
SS_MUST_CHECK enum ss_status ss_held_out_rows(const struct ss_dataset *d, size_t limit, float **y,
                                              size_t *rows);

/** Rows of a file, in the data's units, transformed as the run's were: *y is rows x D, the caller's to free;
 * *x (may be NULL) the rows as they stand, rows x columns. Noise is left out unless `noise`. SS_ERR_USAGE:
 * other columns. */
SS_MUST_CHECK enum ss_status ss_file_rows(const struct ss_trained *t, const char *path, size_t limit,
                                          bool noise, float **y, double **x, size_t *rows);

/** The metrics as lines for people, by ss_say. */
void ss_metrics_say(const struct ss_metrics_list *m, const struct ss_normalizer *normalizer);

#endif
