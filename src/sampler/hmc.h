/*
 * hmc.h - Hamiltonian Monte Carlo steps of all chains on the device (cl/sampler/hmc.cl): what every sampler
 * with a Metropolis test, and annealing, is made of.
 *
 * The target is U(u) = b E(x(u)) + (1 - b) |u|^2 / 2, from the standard normal (b = 0) to the model (b = 1).
 * With a map, chains live at u and the model sees x = mean + factor u; without one x = u.
 */
#ifndef SS_SAMPLER_HMC_H
#define SS_SAMPLER_HMC_H

#include "model/scorer.h"
#include "random/random.h"

struct ss_hmc;

struct ss_affine_map {    /* x = mean + factor u */
    const double *mean;   /* D */
    const double *factor; /* D x D, row-major, regular */
};

struct ss_hmc_options {
    size_t chains;
    uint32_t seed;
    enum ss_purpose purpose;         /* of the random numbers */
    const struct ss_affine_map *map; /* NULL: x = u */
};

struct ss_hmc_step {
    uint32_t number;    /* numbers of this purpose are drawn once for each */
    uint32_t leaps;     /* leapfrog steps, at least 1; of one it is mala */
    double step_size;   /* e: a leapfrog step is h = sqrt(2 e) */
    double temperature; /* b, inverse */
};

/** @param parameters  of the model, borrowed for as long as it lives */
SS_MUST_CHECK enum ss_status ss_hmc_create(struct ss_device *device, const struct ss_model *model,
                                           struct ss_span parameters, const struct ss_hmc_options *options,
                                           struct ss_hmc **out);
void ss_hmc_free(struct ss_hmc *h);

/** Put the chains at u[chains x D]. */
SS_MUST_CHECK enum ss_status ss_hmc_start(struct ss_hmc *h, const float *u);

/** Enqueue a step of all chains. */
SS_MUST_CHECK enum ss_status ss_hmc_enqueue(struct ss_hmc *h, const struct ss_hmc_step *step);

/** From half of `most` (rounded up) to all of it, drawn by `number` for all chains at once, whatever their
 * states: no orbit closes, and the law stays. */
uint32_t ss_hmc_leaps(const struct ss_hmc *h, uint32_t number, uint32_t most);

/** u, chains x D. */
struct ss_span ss_hmc_states(const struct ss_hmc *h);

/** Of the last step, the mean over chains of their acceptance probabilities; waits. */
SS_MUST_CHECK enum ss_status ss_hmc_acceptance(struct ss_hmc *h, double *out);

/** How many proposals of each chain were accepted, and how many diverged, since the start or the last reset:
 * chains numbers each; waits. */
SS_MUST_CHECK enum ss_status ss_hmc_counts(struct ss_hmc *h, uint32_t *accepted, uint32_t *divergent);
SS_MUST_CHECK enum ss_status ss_hmc_reset_counts(struct ss_hmc *h);

/** E(x(u)) - |u|^2 / 2 of every chain: out[chains]; waits. */
SS_MUST_CHECK enum ss_status ss_hmc_excess(struct ss_hmc *h, float *out);

#endif
