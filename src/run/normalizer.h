/*
 * normalizer.h - log Z of an energy: p = exp(-E) / Z.
 *
 * Of a gaussian from its formula. In one and two dimensions by quadrature: the midpoint rule on a box about
 * the data, then on rings around it, each twice as wide as the one before, until a ring adds less than a
 * millionth (but six rings at least: an energy may fall again far out); each at two resolutions, and their
 * difference is the error told. An energy whose rings never stop adding has no density: MLP energies may be
 * so without model.quadratic.
 *
 * In more dimensions by annealed importance sampling (sampler/annealing.h) from a Gaussian fitted to rows of
 * the data; the estimate counts as known only where its two ways meet. It takes long, so it is done when
 * asked for, and kept in the run's folder as log_z.json.
 */
#ifndef SS_RUN_NORMALIZER_H
#define SS_RUN_NORMALIZER_H

#include "base/text.h"
#include "run/trained.h"
#include "sampler/annealing.h"

enum ss_normalizer_method { SS_NORMALIZER_FORMULA, SS_NORMALIZER_QUADRATURE, SS_NORMALIZER_ANNEALING };

struct ss_normalizer {
    bool known;
    enum ss_normalizer_method method;
    double log_z;
    double error; /* of log_z. Quadrature: of resolution and of what lies outside. Annealing: the larger
                     of the standard error and what its two ways are apart */
    double low[2], high[2]; /* quadrature: the outermost ring's box, */
    size_t points;          /* energies taken */
    bool annealed;          /* what follows is there, be log_z known or not */
    struct ss_annealing annealing;
    struct ss_annealing_sizes sizes;
    char why[200]; /* not known: why */
};

/** Points per side of the box (a ring has half as many), and the number of rings. */
enum {
    SS_NORMALIZER_BOX_1D = 4096,
    SS_NORMALIZER_BOX_2D = 256,
    SS_NORMALIZER_LEAST = 6,
    SS_NORMALIZER_RINGS = 16
};

/** Without much work: by formula, by quadrature, or what t->folder has kept for these weights. SS_OK with
 * `known` false where there is no log Z to be had: a score net, D > 2 and nothing kept, no box, no density.
 */
SS_MUST_CHECK enum ss_status ss_normalizer_find(const struct ss_trained *t, struct ss_normalizer *out);

/**
 * As evaluate.log_z says, for rows y[rows x D] in the space trained in: the Gaussian that annealing begins at
 * is fitted to them, and its way back begins at them. Says how long it takes; keeps what it found in
 * t->folder.
 *
 * @param asked  of `auto`: annealing is fine where nothing quicker does
 */
SS_MUST_CHECK enum ss_status ss_normalizer_evaluate(const struct ss_trained *t, const float *y, size_t rows,
                                                    bool asked, struct ss_normalizer *out);

/** By annealing, whatever else there is: part of the above. */
SS_MUST_CHECK enum ss_status ss_normalizer_anneal(const struct ss_trained *t, const float *y, size_t rows,
                                                  struct ss_normalizer *out);

/** "log Z = 1.23 by quadrature of ..., error about ...": one line that holds its figures. Known or annealed.
 */
void ss_normalizer_text(const struct ss_normalizer *z, struct ss_text *out);

/** "log_z": {"value", "error", "method", ...} inside an open object; null where there is none. */
void ss_normalizer_json(const struct ss_normalizer *z, struct ss_text *out);

/** Keep it in the folder, and find it there: for these weights alone, else `known` false. What cannot be
 * written is a detail. */
SS_MUST_CHECK enum ss_status ss_normalizer_keep(const struct ss_trained *t, const struct ss_normalizer *z);
SS_MUST_CHECK enum ss_status ss_normalizer_kept(const struct ss_trained *t, struct ss_normalizer *out);

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
