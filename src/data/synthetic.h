/*
 * synthetic.h - rows made by the program, with their true density and score where there is one.
 *
 * Row i is a function of (seed, i). With u uniform in (0, 1), z standard normal, parts of a set met with
 * equal probability, and s the option `noise` (its default in brackets):
 *
 *   gaussian      mean + L z, LL' = covariance + s^2 I  (0)
 *   gmm           the same for a component drawn by weight  (0)
 *   8gaussians    1.5 (cos a, sin a) + s z, a = k pi/4  (0.15)
 *   two_moons     +-1.5 (cos a - 1/2, sin a - 1/4) + s z, a = pi u  (0.1)
 *   swiss_roll    a/7 (cos a, sin a) + s z, a = 3/2 pi (1 + 2 u)  (0.1)
 *   rings         r (cos a, sin a) + s z, r in {0.5, 1, 1.5, 2}, a = 2 pi u  (0.08)
 *   two_spirals   +-2 sqrt(u) (cos a, sin a) + s z, a = 3 pi sqrt(u)  (0.08)
 *   checkerboard  uniform on the unit squares of [-2, 2]^2 with floor(x) + floor(y) even, + s z  (0)
 *   pinwheel      1.5 f turned by 2 pi k/5 + exp(norm f)/4, f = (1 + 0.3 z0, s z1), k in 0..4  (0.1)
 *   funnel        x0 = 1.5 z0, the others exp(x0/2) z, a tamer one than Neal's, + s z  (0)
 *   student       z / sqrt(sum of n squares of other normals / n), n = degrees: Student's t, no noise
 *
 * There is a density where s > 0, for gaussian and gmm always, for funnel and student only where s = 0. gmm
 * without components has five, seeded: mean 1.5 z, standard deviation 0.25 + 0.35 u, equal weights.
 */
#ifndef SS_DATA_SYNTHETIC_H
#define SS_DATA_SYNTHETIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "config/experiment.h"

struct ss_synthetic;

/** SS_ERR_USAGE: sizes of mean, covariance or components do not agree with the dimension, a covariance is not
 * positive definite, a weight or the noise is negative. */
SS_MUST_CHECK enum ss_status ss_synthetic_create(const struct ss_data_options *options, uint32_t seed,
                                                 struct ss_synthetic **out);
void ss_synthetic_free(struct ss_synthetic *s);

size_t ss_synthetic_dimension(const struct ss_synthetic *s);

/** x[dimension] */
void ss_synthetic_row(const struct ss_synthetic *s, uint32_t row, double *x);

/** Make ss_synthetic_density() ready for rows that carry isotropic gaussian noise of this variance besides
 * their own; *known false if there is no density then. */
SS_MUST_CHECK enum ss_status ss_synthetic_prepare(struct ss_synthetic *s, double variance, bool *known);

/** Normalized log-density (nats) and score[dimension] at x; either may be NULL. After ss_synthetic_prepare()
 * said known. */
void ss_synthetic_density(const struct ss_synthetic *s, const double *x, double *log_density, double *score);

#endif
