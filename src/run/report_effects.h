/* report_effects.h - what a report of a sweep shows of its means over seeds: settings side by side with their
 * error bars, and how each swept key bears on the result. */
#ifndef SS_RUN_REPORT_EFFECTS_H
#define SS_RUN_REPORT_EFFECTS_H

#include "report/page.h"
#include "run/sweep_sheet.h"

struct ss_comparison {
    const struct ss_sheet *sheet;
    const char *metric;
    const struct ss_group_mean *means; /* of the metric */
    json_t *keys;                      /* of the groups */
};

/** "train.batch = 64, objective.kind = ssm" of a group, added to `t`. */
void ss_group_setting(const struct ss_comparison *c, size_t group, struct ss_text *t);

/** A value of a setting as people read it: without the quotes of YAML. Copied to `out`. */
enum { SS_SETTING_SIZE = 128 };
void ss_setting_text(const struct ss_sheet *s, size_t point, const char *key, char out[SS_SETTING_SIZE]);

/** The section of the ranking, best first; nothing if no point is done. */
SS_MUST_CHECK enum ss_status ss_comparison_section(const struct ss_comparison *c, struct ss_page *p);

/** The section of a chart for each key that has at least two values among what is done. */
SS_MUST_CHECK enum ss_status ss_effects_section(const struct ss_comparison *c, struct ss_page *p);

#endif
