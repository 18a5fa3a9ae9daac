/*
 * annealing.h - log Z of an energy by annealed importance sampling (Neal 2001), forth and back.
 *
 * Forth: chains begin as exact draws of a Gaussian q and are led to the model p = exp(-E) / Z along densities
 * q^(1-b) exp(-b E), b from 0 to 1, by Hamiltonian Monte Carlo that leaves each of them as it is. Their
 * weights have the mean Z exactly, so that the log of the mean is below log Z in expectation. Back: chains
 * begin at the model's law and are led to q; their weights have the mean 1/Z, and give a value above log Z in
 * expectation (Grosse et al. 2015) - as far as they do begin there. Nothing draws from a learned density
 * exactly, so there are two ways back: from where the way forth has led, drawn again by its weights, which
 * brackets log Z of what that way has found; and from rows that the caller gives. If the rows' is the larger,
 * the way forth has missed where they are; if it is the smaller, the model has most of its mass elsewhere.
 * Both begin with steps at b = 1. All meet as the number of temperatures grows, if chains get around.
 *
 * The temperatures are equally far apart in the path's own length (of b's Fisher information: Gelman & Meng
 * 1998), which a pilot finds, and with it the step sizes. In the runs that count nothing is adapted.
 */
#ifndef SS_SAMPLER_ANNEALING_H
#define SS_SAMPLER_ANNEALING_H

#include "config/experiment.h"
#include "sampler/hmc.h"

struct ss_annealing_options {
    /* q: the law of mean + factor z, z standard normal; factor lower triangular */
    struct ss_affine_map base;
    struct ss_annealing_sizes sizes; /* at least 2 chains, 1 temperature, 1 leapfrog step */
    uint32_t warmup;                 /* steps at b = 1 before a way back */
    uint32_t seed;
};

struct ss_log_estimate { /* of log Z */
    double value;
    double standard_error; /* of the mean of weights, relative: as good as the ess is large */
    double ess;            /* (sum of weights)^2 / sum of squares: 1 to chains */
};

struct ss_annealing {
    struct ss_log_estimate forward, backward, from_rows;
    double length;     /* of the path: standard deviations of the excess energy that it goes through */
    double acceptance; /* mean over all ways */
    char why[160];     /* there is no estimate: why; "" if there is one */
};

/** Told how long it will take, before the part that takes long; then the fraction done. */
struct ss_annealing_watch {
    void (*expect)(void *context, double seconds);
    bool (*progress)(void *context, double fraction); /* false stops: SS_ERR_INTERRUPTED */
    void *context;
};

/**
 * Run it and wait.
 *
 * @param rows   n_rows x D: where chains begin on the way back from rows, used in turn
 * @param watch  may be NULL, and so may its functions
 * @return SS_OK with a reason in out->why if there is no path: an energy that is not a number, or a model so
 * far from q that no pilot gets there; SS_ERR_USAGE for a score net
 */
SS_MUST_CHECK enum ss_status ss_annealing_run(struct ss_device *device, const struct ss_model *model,
                                              struct ss_span parameters,
                                              const struct ss_annealing_options *options, const float *rows,
                                              size_t n_rows, const struct ss_annealing_watch *watch,
                                              struct ss_annealing *out);

#endif
