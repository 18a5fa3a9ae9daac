/*
 * tuner.h - measure several ways of doing one thing on this device and keep the fastest (tuning.h).
 *
 * The caller hands in named candidates, each a few integers, the default first, and functions that make one
 * ready, enqueue it and look whether its numbers are right; what they compute is not known here. The machine
 * may be noisy: candidates are timed in turn, each against the default beside it, and one replaces the
 * default only if it wins again in pairs that had no part in choosing it. An answer that was kept before is
 * made first, and stays until a contest that it is in has another winner.
 */
#ifndef SS_DEVICE_TUNER_H
#define SS_DEVICE_TUNER_H

#include "device/tuning.h"

enum ss_tuner_outcome {
    SS_TUNER_UNTRIED,  /* out of time before its turn */
    SS_TUNER_MEASURED, /* and nothing was wrong with it */
    SS_TUNER_SLOW,     /* did not build in the time that a build may take */
    SS_TUNER_WRONG,    /* its numbers are not those of the plain kernels */
    SS_TUNER_FAILED    /* does not build, or does not run */
};
const char *ss_tuner_outcome_text(enum ss_tuner_outcome o);

struct ss_tuner_candidate {
    char name[64];
    int32_t numbers[SS_TUNING_NUMBERS];
    bool apart; /* not to be made in this process, which it would change for good: another one has it */
    enum ss_tuner_outcome outcome;
    double seconds; /* until it was ready: build, memory, its check */
    double ms;      /* median of once; NAN unless measured */
    double gain;    /* the default's time by its, median of pairs */
};

struct ss_tuner_task {
    const char *what; /* the question (tuning.h) */
    struct ss_tuner_candidate *candidates;
    size_t n_candidates; /* the first is the default: all numbers 0 */
    void *context;
    enum ss_status (*make)(void *context, const struct ss_tuner_candidate *c, void **made);
    enum ss_status (*right)(void *context, void *made, bool *right);
    enum ss_status (*enqueue)(void *context, void *made);
    void (*discard)(void *context, void *made);
    /* results */
    size_t winner;
    bool answered; /* something besides the default was measured */
    bool kept;     /* and the answer written for other processes, or */
    bool stays;    /* one of an earlier contest had been, which this was too short to replace */
};

struct ss_tuner_options {
    double seconds; /* for all of it, building included */
    /** Before a candidate is made here: whether it builds in the time that a build may take. A build cannot
     * be stopped from within, so another process tries it. NULL: all do. */
    bool (*builds)(void *context, size_t candidate);
    /** Seconds of one of `n` enqueued by the process that has a candidate apart, waited for. SS_ERR_SELFTEST:
     * its numbers are wrong. NULL: such candidates are not tried. */
    enum ss_status (*time_apart)(void *context, size_t candidate, size_t n, double *seconds);
    void (*progress)(void *context, const char *candidate); /* it is its turn; may be NULL */
    void *context;
};

/** Measure and keep the answer. Fails only if the default does; what is wrong with another is its outcome. */
SS_MUST_CHECK enum ss_status ss_tuner_run(struct ss_device *d, struct ss_tuner_task *t,
                                          const struct ss_tuner_options *options);

#endif
