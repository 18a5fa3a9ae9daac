/* sweep_sheet.h - the points of a sweep with their texts taken apart: what was swept, what came out, and
 * means over seeds. For tables and reports. */
#ifndef SS_RUN_SWEEP_SHEET_H
#define SS_RUN_SWEEP_SHEET_H

#include <jansson.h>
#include <stdbool.h>

#include "run/sweep_ledger.h"

struct ss_sheet {
    struct ss_points points;
    json_t **settings, **results; /* of each point: objects, never NULL */
    json_t *keys;                 /* what is swept: array of strings, in the order first met */
    json_t *names;                /* results, "loss" last: the same */
    size_t *group; /* of each point: points of a group differ in the seed of sweep.repeat alone */
    size_t *first; /* first point of each group, in the order of the points */
    size_t n_groups;
};

SS_MUST_CHECK enum ss_status ss_sheet_open(const char *folder, struct ss_sheet *out);
void ss_sheet_close(struct ss_sheet *s);

/** A result of a point by name, its "mean" or "standard_error"; NAN if the point has none or is not done. */
double ss_sheet_value(const struct ss_sheet *s, size_t point, const char *name, const char *part);

struct ss_group_mean { /* over the points of a group that are done */
    double mean;       /* NAN of none */
    double error;      /* standard error of the mean over seeds; NAN of fewer than two */
    size_t count;
};
/** The means of a result: [n_groups], the caller's to free. */
SS_MUST_CHECK enum ss_status ss_sheet_means(const struct ss_sheet *s, const char *name,
                                            struct ss_group_mean **out);

/** The group whose mean is lowest, or highest; the first of equals, n if none has a mean. */
size_t ss_sheet_best(const struct ss_group_mean *means, size_t n, bool higher);

/** Keys of the groups: what is swept but the seeds of sweep.repeat. A new array. */
json_t *ss_sheet_group_keys(const struct ss_sheet *s);

/** The first of fisher_divergence, log_likelihood, esm, ssm_vr, ssm, dsm that all finished points have; NULL
 * if none is done, or they have none in common. */
const char *ss_sheet_common_metric(const struct ss_sheet *s);

/** Points that are done. */
size_t ss_sheet_done(const struct ss_sheet *s);

/** True if the larger value of a result is the better one. */
bool ss_metric_higher_is_better(const char *name);

/** True if `names`, an array of strings, has this one. */
bool ss_sheet_has(const json_t *names, const char *name);

#endif
