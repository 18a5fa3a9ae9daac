/*
 * progress.h - how far a training, an evaluation or a sampling is: a live line on a terminal, at most ten
 * times a second; elsewhere a plain line every half minute; nothing if quiet (run/log.h).
 */
#ifndef SS_RUN_PROGRESS_H
#define SS_RUN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "run/log.h"
#include "train/train.h"

struct ss_progress {
    struct ss_log *log;          /* borrowed, may be NULL: nothing is shown */
    const char *what;            /* of a fraction: "evaluating" */
    double started, shown, told; /* seconds: begin, last live line, last plain line */
    uint64_t first;              /* step of the first report: the rate is counted from there */
    double first_at;
    bool any;
    struct ss_estimate validation;
    bool has_validation;
};

/** @param what  literal; what a fraction is of */
void ss_progress_begin(struct ss_progress *p, struct ss_log *log, const char *what);
void ss_progress_report(struct ss_progress *p, const struct ss_train_report *r);
void ss_progress_evaluation(struct ss_progress *p, const struct ss_train_evaluation *e);
void ss_progress_fraction(struct ss_progress *p, double done);
void ss_progress_end(struct ss_progress *p);

#endif
