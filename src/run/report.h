/* report.h - report.html of a run or of a sweep: made at its end, made again on demand, or kept up to date.
 */
#ifndef SS_RUN_REPORT_H
#define SS_RUN_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct ss_report_options {
    unsigned refresh;   /* seconds after which the open page loads itself again, 0: never */
    const char *metric; /* of a sweep: what is compared; NULL: as `sweep best` chooses */
};

/** Write FOLDER/report.html, whole or not at all; reads only what lies in the folder, needs no device and no
 * lock. `path` (may be NULL): where it is, the caller's to free. SS_ERR_FILE: neither a run nor a sweep. */
SS_MUST_CHECK enum ss_status ss_report_write(const char *folder, const struct ss_report_options *options,
                                             char **path);

/** The same at the end of a run or sweep, whose outcome it never changes: what went wrong is a warning. */
void ss_report_try(const char *folder);

/** Write it whenever what it shows has changed, until the run or sweep has ended or a stop is asked for
 * (run/stop.h), then once more, as a page that rests. */
SS_MUST_CHECK enum ss_status ss_report_follow(const char *folder, const struct ss_report_options *options);

/* ---- for report.c ---- */

/** Is there a sweep in the folder? (else a run) */
bool ss_report_is_sweep(const char *folder);

/** The page, added to `out`; the same folder makes the same page. *going_on: more is to come. */
SS_MUST_CHECK enum ss_status ss_report_run(const char *folder, const struct ss_report_options *options,
                                           struct ss_text *out, bool *going_on);
SS_MUST_CHECK enum ss_status ss_report_sweep(const char *folder, const struct ss_report_options *options,
                                             struct ss_text *out, bool *going_on);

/** A file of the folder as text of at most `limit` bytes; NULL if it is not there or cannot be read. The
 * caller frees it. */
char *ss_report_file(const char *folder, const char *name, size_t limit, size_t *size);

#endif
