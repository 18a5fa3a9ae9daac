/*
 * sampler.h - chains on the device, all at once.
 *
 *   langevin  x += e s(x) + sqrt(2 e) z                  (unadjusted: needs only a score)
 *   mala      the same as a proposal, accepted by Metropolis with log p = -E + constant: energies only
 *   hmc       leapfrog steps of size sqrt(2 e), then the Metropolis test; with one of them it is mala. Their
 *             number is drawn for each step, from half of `leapfrog` (rounded up) to all: no orbit closes.
 *
 * For mala and hmc e is adapted in the warm-up, so that the mean acceptance over all chains comes to `target`
 * (dual averaging: Hoffman & Gelman 2014); then it stays.
 */
#ifndef SS_SAMPLER_SAMPLER_H
#define SS_SAMPLER_SAMPLER_H

#include "config/experiment.h"
#include "model/scorer.h"

struct ss_sampler_options {
    enum ss_sampler_kind kind;
    size_t chains;
    uint32_t warmup; /* steps before `steps`, for all samplers */
    uint32_t steps;
    uint32_t leapfrog; /* hmc: at least 1 */
    double step_size;  /* e, at the start */
    double target;     /* of the acceptance rate, in (0, 1); looked at only with warm-up */
    uint32_t seed;
};

struct ss_sampler_result {
    float *values;     /* chains x D, the caller's to free: the last states of sound chains, compacted */
    size_t count;      /* rows of `values` */
    size_t runaway;    /* chains that left every bound or became non-finite; not among the values */
    size_t stuck;      /* chains of mala and hmc that never moved in 50 steps or more; not among the values */
    size_t divergent;  /* proposals after the warm-up whose energy was past all bounds; all were rejected */
    double acceptance; /* mean acceptance rate after the warm-up of mala and hmc, NAN for langevin */
    double step_size;  /* e, after the warm-up */
    double ess;        /* effective number of states after the warm-up, of the worst column; NAN if unknown */
    double rhat;       /* split R-hat of the worst column; NAN if unknown */
};

/**
 * Run all chains from start[chains x D] and wait.
 *
 * @param progress  called now and then with the fraction done, may be NULL; returns false to stop
 * (SS_ERR_INTERRUPTED)
 * @return SS_ERR_USAGE for mala or hmc on a score net, which has no density
 */
SS_MUST_CHECK enum ss_status ss_sampler_run(struct ss_device *device, const struct ss_model *model,
                                            struct ss_span parameters,
                                            const struct ss_sampler_options *options, const float *start,
                                            bool (*progress)(void *, double), void *context,
                                            struct ss_sampler_result *out);

#endif
