/* resolved.h - the resolved file of a run as a list: what was set, to what, and where. */
#ifndef SS_RUN_RESOLVED_H
#define SS_RUN_RESOLVED_H

#include <stddef.h>

#include "base/status.h"

struct ss_resolved_key {
    char *key;          /* "train.steps" */
    const char *value;  /* as written */
    const char *origin; /* "default", "file.yaml:3", "override"; "" if the file does not say */
};

struct ss_resolved {
    struct ss_resolved_key *keys;
    size_t count;
    char *text; /* that they point into */
};

/** Take apart what ss_experiment_write() writes; a line of any other form is passed over. */
SS_MUST_CHECK enum ss_status ss_resolved_parse(const char *text, struct ss_resolved *out);
void ss_resolved_release(struct ss_resolved *r);

/** The value of a key, or NULL. */
const char *ss_resolved_value(const struct ss_resolved *r, const char *key);

#endif
