/* diagnostics.h - how well chains have mixed, from the means and variances of their halves. */
#ifndef SS_SAMPLER_DIAGNOSTICS_H
#define SS_SAMPLER_DIAGNOSTICS_H

#include <stdbool.h>
#include <stddef.h>

struct ss_halves { /* of every chain: chains x D each, [half] */
    const float *mean[2];
    const float *squares[2]; /* sums of squared distances from the mean */
    const bool *sound;       /* chains[]: the others are left out */
    size_t chains, D;
    size_t n; /* states in each half */
};

/**
 * The worst column's split R-hat (Gelman et al., Bayesian Data Analysis, 3rd ed., 11.4: halves of chains as
 * chains) and effective number of states, 2 n m in all: m var / var(means of chains), since chains are
 * independent of each other. Its relative error is about sqrt(2 / m). NAN for fewer than two sound chains or
 * two states in a half, or where a column never changes.
 */
void ss_diagnostics(const struct ss_halves *h, double *ess, double *rhat);

#endif
