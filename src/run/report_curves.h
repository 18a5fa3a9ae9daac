/* report_curves.h - the section of a report that shows how training went, and what its metrics sum up to. */
#ifndef SS_RUN_REPORT_CURVES_H
#define SS_RUN_REPORT_CURVES_H

#include "report/page.h"
#include "run/metrics.h"

/** Charts of loss and gradient norm, of the learning rate if it changes, and their values; nothing if there
 * are none. */
SS_MUST_CHECK enum ss_status ss_curves_section(const struct ss_metrics_table *m, const char *objective,
                                               struct ss_page *p);

/** The chart of rows a second. */
SS_MUST_CHECK enum ss_status ss_curves_speed(const struct ss_metrics_table *m, struct ss_page *p);

/** Of the last row that has it, else `otherwise`. */
double ss_curves_seconds(const struct ss_metrics_table *m, double otherwise);
double ss_curves_last_step(const struct ss_metrics_table *m, double otherwise);

/** Median of the rows a second; NAN without any. */
double ss_curves_median_rate(const struct ss_metrics_table *m);

#endif
