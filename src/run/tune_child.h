/* tune_child.h - private to run/tune*.c: the process that builds candidates first. */
#ifndef SS_RUN_TUNE_CHILD_H
#define SS_RUN_TUNE_CHILD_H

#include "run/tune.h"

/** Of one work; zeroed: none is running. */
struct ss_tune_child {
    const struct ss_tune_options *options;
    size_t work;
    bool running;
    int process, from; /* its id, and where its lines come from */
    size_t next;       /* the candidate that its next line is about */
};

/** Whether candidate k builds within `seconds`; starts the process if there is none that can tell. True also
 * where none can be started: then there is nobody to ask. */
bool ss_tune_child_builds(struct ss_tune_child *c, size_t k, double seconds);

/** End it, if it runs. */
void ss_tune_child_end(struct ss_tune_child *c);

/** What it writes: it is ready to begin, and candidate k is built or cannot be. */
void ss_tune_child_ready(void);
void ss_tune_child_built(size_t k);

#endif
