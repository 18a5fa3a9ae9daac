/*
 * metrics.h - metrics.jsonl and metrics.csv of a run: one row per report of the trainer and per evaluation,
 * each on disk as soon as it is known.
 *
 * jsonl holds what a row has, {"step": 100, "loss": ...}; csv holds all columns, empty where a row has none;
 * event files, where wanted, the same for TensorBoard.
 */
#ifndef SS_RUN_METRICS_H
#define SS_RUN_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "run/record.h"
#include "train/train.h"

struct ss_metrics_row { /* NAN where the row has none */
    uint64_t step;
    double loss, gradient_norm, learning_rate, rows_per_second, seconds, skipped;
    double validation, validation_standard_error;
};

struct ss_metrics_table {
    struct ss_metrics_row *rows;
    size_t count, capacity;
};

/** Rows of RUN/metrics.jsonl, in order; none if there is no such file. A line cut short by a crash ends them.
 *  @param folder  of the run */
SS_MUST_CHECK enum ss_status ss_metrics_read(const char *folder, struct ss_metrics_table *out);
void ss_metrics_table_release(struct ss_metrics_table *t);

struct ss_metrics;

/** Open the files, cut back to rows of at most `step`: a resumed run doubles none. 0 begins anew.
 *  @param events  TensorBoard's event files too (events.h) */
SS_MUST_CHECK enum ss_status ss_metrics_open(const char *folder, uint64_t step, bool events,
                                             struct ss_metrics **out);

/** Close; fine on NULL. */
void ss_metrics_free(struct ss_metrics *m);

void ss_metrics_report(struct ss_metrics *m, const struct ss_train_report *r);
void ss_metrics_evaluation(struct ss_metrics *m, const struct ss_train_evaluation *e);

/** The figures of the end, which are in run.json, as events "evaluation/NAME" of the last step. */
void ss_metrics_final(struct ss_metrics *m, const struct ss_metrics_list *list);

/** The first error of writing, told by one SS_FAIL (disk full). */
SS_MUST_CHECK enum ss_status ss_metrics_status(const struct ss_metrics *m);

/** Rows of the whole run so far, those before a resume too; borrowed. */
const struct ss_metrics_table *ss_metrics_rows(const struct ss_metrics *m);

/** Seconds of training so far, over all sessions. */
double ss_metrics_seconds(const struct ss_metrics *m);

#endif
