/*
 * normalizer.h - log Z of an energy in one or two dimensions by quadrature: p = exp(-E) / Z.
 *
 * The midpoint rule on a box about the data, then on rings around it, each twice as wide as the one before,
 * until a ring adds less than a millionth (but six rings at least: an energy may fall again far out); each at
 * two resolutions, and their difference is the error told. An energy whose rings never stop adding has no
 * density: MLP energies may be so without model.quadratic.
 */
#ifndef SS_RUN_NORMALIZER_H
#define SS_RUN_NORMALIZER_H

#include "model/scorer.h"
#include "run/trained.h"

struct ss_normalizer {
    bool known;
    double log_z;
    double error;           /* of log_z: of resolution and of what lies outside */
    double low[2], high[2]; /* the outermost ring's box */
    size_t points;          /* energies taken */
    char why[200];          /* not known: why */
};

/** Points per side of the box (a ring has half as many), and the number of rings. */
enum {
    SS_NORMALIZER_BOX_1D = 4096,
    SS_NORMALIZER_BOX_2D = 256,
    SS_NORMALIZER_LEAST = 6,
    SS_NORMALIZER_RINGS = 16
};

/** SS_OK with `known` false where there is no log Z to be had: a score net, D > 2, no box, no density. */
SS_MUST_CHECK enum ss_status ss_normalizer_find(const struct ss_trained *t, struct ss_normalizer *out);

/**
 * The rule itself, for any function: log of the integral of exp(-energy).
 *
 * @param energy  fills out[n] at x[n * dimension]
 */
typedef enum ss_status ss_energy_fn(void *context, const float *x, size_t n, float *out);
SS_MUST_CHECK enum ss_status ss_normalizer_integrate(ss_energy_fn *energy, void *context, size_t dimension,
                                                     const double *low, const double *high,
                                                     struct ss_normalizer *out);

#endif
