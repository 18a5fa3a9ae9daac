/*
 * sweep_halving.h - successive halving: which settings of a sweep train on.
 *
 * A rung is reached when all points have trained to its step, or have failed or ended. Then the settings
 * (points that differ in their seed alone) are put in the order of their mean objective on held-out rows, and
 * the best 1/factor of them go on; those with points that failed come last, ties go to the first. This
 * follows from what the points came to and from nothing else: not from who computed them, how many did, or in
 * which order. It is written once, in the transaction of the claim that finds the rung reached.
 */
#ifndef SS_RUN_SWEEP_HALVING_H
#define SS_RUN_SWEEP_HALVING_H

#include "run/sweep_ledger.h"

/** What the ledger says, {0} if nothing; and how it came to say it. SS_ERR_USAGE: it has points and says
 * something else. */
SS_MUST_CHECK enum ss_status ss_halving_read(struct ss_ledger *l, struct ss_halving *out);
SS_MUST_CHECK enum ss_status ss_halving_note(struct ss_ledger *l, struct ss_halving h);

/** How many decisions were made. */
SS_MUST_CHECK enum ss_status ss_halving_rung(struct ss_ledger *l, long long *out);

/** In a transaction: the step after which points that are claimed now pause; 0: they train to their end. */
SS_MUST_CHECK enum ss_status ss_halving_until(struct ss_ledger *l, uint64_t *out);

/** In a transaction: decide if the next rung is reached. */
SS_MUST_CHECK enum ss_status ss_halving_decide(struct ss_ledger *l, bool *decided);

struct ss_decision {
    uint64_t step;
    size_t settings, kept;
    double best, last; /* objectives of the first and the last that were kept */
    double next;       /* of the best that was stopped; NAN if it has none, or none was */
};
/** The decision of a rung, from 1. */
SS_MUST_CHECK enum ss_status ss_halving_decision(struct ss_ledger *l, long long rung,
                                                 struct ss_decision *out);

/** "after 500 steps 4 of 8 settings go on, ..." */
void ss_decision_text(const struct ss_decision *d, char out[200]);

#endif
