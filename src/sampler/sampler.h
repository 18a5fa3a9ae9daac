/*
 * sampler.h - chains on the device, all at once, that need only a score.
 *
 *   langevin  x += e s(x) + sqrt(2 e) z                  (unadjusted)
 *   mala      the same as a proposal, accepted by Metropolis with log p = -E + constant: energies only
 */
#ifndef SS_SAMPLER_SAMPLER_H
#define SS_SAMPLER_SAMPLER_H

#include "config/experiment.h"
#include "model/scorer.h"

struct ss_sampler_options {
    enum ss_sampler_kind kind;
    size_t chains;
    uint32_t steps;
    double step_size; /* e */
    uint32_t seed;
};

struct ss_sampler_result {
    float *values;     /* chains x D, the caller's to free: the final states, finite ones only, compacted */
    size_t count;      /* rows of `values` */
    size_t runaway;    /* chains that left every bound or became non-finite; not among the values */
    double acceptance; /* mean acceptance rate of mala, NAN for langevin */
};

/**
 * Run all chains from start[chains x D] and wait.
 *
 * @param progress  called now and then with the fraction done, may be NULL; returns false to stop
 * (SS_ERR_INTERRUPTED)
 * @return SS_ERR_USAGE for mala on a score net, which has no density
 */
SS_MUST_CHECK enum ss_status ss_sampler_run(struct ss_device *device, const struct ss_model *model,
                                            struct ss_span parameters,
                                            const struct ss_sampler_options *options, const float *start,
                                            bool (*progress)(void *, double), void *context,
                                            struct ss_sampler_result *out);

#endif
