/* sweep_table.h - what came out of a sweep: a table of points, or of means over seeds, and the best one. */
#ifndef SS_RUN_SWEEP_TABLE_H
#define SS_RUN_SWEEP_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "base/text.h"

enum ss_table_format { SS_TABLE_TEXT, SS_TABLE_CSV, SS_TABLE_JSON };

struct ss_table_options {
    const char *metrics; /* "esm,loss": which columns of results; NULL: all */
    bool mean; /* a row for points that differ in their seed alone: means and standard errors over it */
    enum ss_table_format format;
};

/** The table of the sweep in `folder`, added to `out`. SS_ERR_USAGE: no point has a metric of that name. */
SS_MUST_CHECK enum ss_status ss_sweep_table(const char *folder, const struct ss_table_options *options,
                                            struct ss_text *out);

struct ss_best {
    long long point;
    char *run;      /* its folder, below that of the sweep */
    char *resolved; /* its configuration, ready to run */
    char *setting;  /* JSON of what was swept */
    char metric[32];
    double mean, standard_error; /* over seeds; NAN of a single one */
    size_t seeds;
};
void ss_best_release(struct ss_best *b);

/**
 * The setting whose mean over seeds is lowest (of log_likelihood: highest), and its first point.
 *
 * @param metric  NULL: the first of fisher_divergence, log_likelihood, esm, ssm_vr, ssm, dsm that all
 * finished points have
 * @return SS_ERR_USAGE: no such metric; SS_ERR_FILE: no point is done
 */
SS_MUST_CHECK enum ss_status ss_sweep_best(const char *folder, const char *metric, struct ss_best *out);

#endif
