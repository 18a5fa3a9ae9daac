/* record.h - run.json: what a run was, how it went and what came of it. */
#ifndef SS_RUN_RECORD_H
#define SS_RUN_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "objective/loss.h"

enum { SS_RUN_FORMAT = 1 }; /* of a run folder; a newer one is refused */

enum ss_run_status {
    SS_RUN_RUNNING, /* or its process was killed: the lock tells */
    SS_RUN_DONE,
    SS_RUN_INTERRUPTED, /* can be resumed */
    SS_RUN_DIVERGED,
    SS_RUN_FAILED,
    SS_RUN_IMPORTED
};
const char *ss_run_status_name(enum ss_run_status s);

struct ss_metric {
    const char *name; /* literal: "esm", "fisher_divergence", ... */
    double mean, standard_error;
};

enum { SS_MOST_METRICS = 8 };

/** What people call a metric, and what it is; its name and "" if it is none of ours. */
const char *ss_metric_title(const char *name);
const char *ss_metric_meaning(const char *name);

struct ss_metrics_list {
    struct ss_metric items[SS_MOST_METRICS];
    size_t count;
    size_t rows; /* they are means over */
};

struct ss_run_record {
    enum ss_run_status status;
    char *name, *version, *device, *driver, *plan, *error; /* NULL if unknown */
    char **argv;
    size_t n_argv;
    uint32_t seed;
    char started[21], finished[21]; /* "" if not yet */
    uint64_t steps;
    double seconds; /* of training */
    double loss;    /* the last of training, NAN if none */
    size_t dimension, parameters;
    int32_t engine[SS_TUNING_NUMBERS]; /* how its loss is computed (ss_loss_numbers): all 0 is by rule */
    struct ss_metrics_list metrics;
    double low[2], high[2]; /* box of the data in the space trained in, D <= 2; NAN if unknown */
};

void ss_run_record_init(struct ss_run_record *r);
void ss_run_record_release(struct ss_run_record *r);

SS_MUST_CHECK enum ss_status ss_run_record_write(const struct ss_run_record *r, const char *folder);

/** Read RUN/run.json. SS_ERR_CORRUPT if it is damaged; SS_ERR_USAGE, naming both versions, if a newer program
 * wrote it. */
SS_MUST_CHECK enum ss_status ss_run_record_read(const char *folder, struct ss_run_record *out);

/** "metrics": {NAME: {"mean", "standard_error"}}, inside an open object. */
void ss_metrics_list_json(const struct ss_metrics_list *m, struct ss_text *t);

/** Add or replace. Past SS_MOST_METRICS is our own mistake. */
void ss_metrics_list_add(struct ss_metrics_list *m, const char *name, struct ss_estimate e);

#endif
