/* synthetic_set.h - how a synthetic set is kept: for synthetic.c, which draws, and synthetic_density.c. */
#ifndef SS_DATA_SYNTHETIC_SET_H
#define SS_DATA_SYNTHETIC_SET_H

#include "data/synthetic.h"

struct ss_mixture { /* of n gaussians in D dimensions */
    size_t n;
    double *weight;     /* n, sum 1 */
    double *mean;       /* n x D */
    double *covariance; /* n x D x D, with the set's noise */
    double *factor;     /* n x D x D, lower triangles: Cholesky factors of covariance */
};

struct ss_nodes { /* a curve as a mixture of points: gaussians of one variance around each make up the density
                   */
    size_t n;
    double *x, *y, *weight;
};

struct ss_synthetic {
    enum ss_source source;
    size_t dimension;
    uint32_t seed;
    double noise;
    uint32_t degrees;          /* student */
    struct ss_mixture mixture; /* gaussian, gmm, 8gaussians */
    /* For the density, by ss_synthetic_prepare(): */
    double variance;       /* of noise, the set's own and what was added */
    struct ss_nodes nodes; /* sets that are curves */
    double *wide_factor;   /* as mixture.factor, with what was added */
    double *log_constant;  /* n: log of weight over the normalizing constant */
};

/* A curve set has `branches` curves, each met with the same probability; branch b passes `point` at t in [0,
 * 1], where t is u^(1/power) for uniform u. */
struct ss_curve {
    size_t branches;
    int power;
    void (*point)(size_t branch, double t, double out[2]);
};

/** NULL if the set is none of curves. */
const struct ss_curve *ss_synthetic_curve(enum ss_source source);

static const double ss_pi = 3.14159265358979323846;

/* pinwheel */
enum { SS_PINWHEEL_ARMS = 5 };
static const double ss_pinwheel_radial = 0.3, ss_pinwheel_rate = 0.25, ss_pinwheel_scale = 1.5;
/* funnel */
static const double ss_funnel_sd = 1.5;

#endif
