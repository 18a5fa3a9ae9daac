/* tune_child.h - private to run/tune*.c: the process that builds candidates first, and those that have one
 * apart. */
#ifndef SS_RUN_TUNE_CHILD_H
#define SS_RUN_TUNE_CHILD_H

#include "run/tune.h"

/** Of one work; zeroed: none is running. */
struct ss_tune_child {
    const struct ss_tune_options *options;
    size_t work;
    bool apart; /* it has one candidate, and computes it when told to */
    bool running;
    int process, talk; /* its id, and where its lines come from and counts go */
    size_t next;       /* the candidate that its next line is about */
};

/** Whether candidate k builds within `seconds`; starts the process if there is none that can tell. True also
 * where none can be started: then there is nobody to ask. */
bool ss_tune_child_builds(struct ss_tune_child *c, size_t k, double seconds);

/** Where it has candidate k apart: seconds of one of n. SS_ERR_SELFTEST: its numbers are wrong. */
SS_MUST_CHECK enum ss_status ss_tune_child_time(struct ss_tune_child *c, size_t n, double *seconds);

/** End it, if it runs. */
void ss_tune_child_end(struct ss_tune_child *c);

/** What it writes: it is ready to begin, and candidate k is built or cannot be. */
void ss_tune_child_ready(void);
void ss_tune_child_built(size_t k);

/** In one that has a candidate apart: wait for a count, false: there will be none; and answer, with seconds
 * or why not. */
bool ss_tune_child_asked(size_t *n);
void ss_tune_child_answer(enum ss_status st, double seconds);

#endif
