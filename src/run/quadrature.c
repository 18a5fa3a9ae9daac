/* quadrature.c - the rule by which energies of one and two dimensions are integrated. */
#include "run/normalizer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* A sum of exponentials, kept as scale e^shift so that no energy over- or underflows it. */
struct log_sum {
    double shift, sum;
};

static void add_log(struct log_sum *s, double log_term)
{
    if (log_term == -INFINITY)
        return;
    if (log_term > s->shift) {
        s->sum = s->sum * exp(s->shift - log_term) + 1;
        s->shift = log_term;
    } else {
        s->sum += exp(log_term - s->shift);
    }
}

static double log_of(const struct log_sum *s)
{
    return s->sum > 0 ? s->shift + log(s->sum) : -INFINITY;
}

struct grid {
    size_t dimension, side; /* points per side, a multiple of 4 */
    double low[2], step[2];
    bool hollow; /* the inner half of every side is left out */
};

static bool inner(const struct grid *g, size_t i)
{
    return i >= g->side / 4 && i < g->side - g->side / 4;
}

/* Midpoints that count: x[n * dimension], n returned. */
static size_t grid_points(const struct grid *g, float *x)
{
    const size_t rows = g->dimension == 2 ? g->side : 1;
    size_t n = 0;

    for (size_t j = 0; j < rows; j++) {
        for (size_t i = 0; i < g->side; i++) {
            if (g->hollow && inner(g, i) && (g->dimension == 1 || inner(g, j)))
                continue;
            x[n * g->dimension] = (float)(g->low[0] + ((double)i + 0.5) * g->step[0]);
            if (g->dimension == 2)
                x[n * 2 + 1] = (float)(g->low[1] + ((double)j + 0.5) * g->step[1]);
            n++;
        }
    }
    return n;
}

struct integral {
    ss_energy_fn *energy;
    void *context;
    size_t dimension;
    double centre[2], half[2]; /* of the box */
    size_t points;             /* so far */
    bool broken;               /* an energy was NaN */
    double at[2];              /* where */
};

/* log of the integral over the box scaled by `factor`, its inner half left out if `hollow`. */
static enum ss_status integrate(struct integral *in, double factor, bool hollow, size_t side, double *out)
{
    struct grid g = {.dimension = in->dimension, .side = side, .hollow = hollow};
    struct log_sum sum = {-INFINITY, 0};
    float *x = NULL, *e = NULL;
    double log_cell = 0;
    enum ss_status st = SS_OK;

    for (size_t d = 0; d < g.dimension; d++) {
        g.low[d] = in->centre[d] - factor * in->half[d];
        g.step[d] = 2 * factor * in->half[d] / (double)side;
        log_cell += log(g.step[d]);
    }
    const size_t most = g.dimension == 2 ? side * side : side;
    TRY(ss_allocate(most * g.dimension, &x));
    TRY(ss_allocate(most, &e));
    const size_t n = grid_points(&g, x);
    TRY(in->energy(in->context, x, n, e));
    for (size_t i = 0; i < n; i++) {
        if (isnan(e[i]) && !in->broken) {
            in->broken = true;
            for (size_t d = 0; d < g.dimension; d++)
                in->at[d] = x[i * g.dimension + d];
        }
        add_log(&sum, isnan(e[i]) ? -INFINITY : -(double)e[i]);
    }
    in->points += n;
    *out = log_of(&sum) + log_cell;
out:
    free(x);
    free(e);
    return st;
}

/* The same at two resolutions; *error is the difference of the two in shares of `fine`. */
static enum ss_status integrate_twice(struct integral *in, double factor, bool hollow, size_t side,
                                      double *fine, double *error)
{
    double coarse = 0;
    enum ss_status st = SS_OK;

    TRY(integrate(in, factor, hollow, side, fine));
    TRY(integrate(in, factor, hollow, side / 2, &coarse));
    *error = *fine == -INFINITY ? 0 : fabs(expm1(coarse - *fine));
out:
    return st;
}

static enum ss_status add_rings(struct integral *in, struct log_sum *total, double *error,
                                struct ss_normalizer *out)
{
    const size_t side = in->dimension == 2 ? SS_NORMALIZER_BOX_2D / 2 : SS_NORMALIZER_BOX_1D / 2;
    double ring = 0, ring_error = 0, share = INFINITY;
    enum ss_status st = SS_OK;

    for (int k = 1; k <= SS_NORMALIZER_RINGS && !in->broken; k++) {
        const double factor = ldexp(1, k);
        TRY(integrate_twice(in, factor, true, side, &ring, &ring_error));
        add_log(total, ring);
        share = exp(ring - log_of(total));
        *error += share * fmin(ring_error, 1);
        for (size_t d = 0; d < in->dimension; d++) {
            out->low[d] = in->centre[d] - factor * in->half[d];
            out->high[d] = in->centre[d] + factor * in->half[d];
        }
        if (k >= SS_NORMALIZER_LEAST && share < 1e-6) {
            *error += share;
            out->known = true;
            break;
        }
    }
    if (in->broken && in->dimension == 1)
        snprintf(out->why, sizeof(out->why), "the energy is not a number at %g", in->at[0]);
    else if (in->broken)
        snprintf(out->why, sizeof(out->why), "the energy is not a number at (%g, %g)", in->at[0], in->at[1]);
    else if (!out->known)
        snprintf(out->why, sizeof(out->why),
                 "the energy does not grow fast enough for a density: %.1g of exp(-E) lies in the ring that "
                 "ends %.0f "
                 "times as far out as the data; model.quadratic: diagonal makes it normalizable",
                 share, ldexp(1, SS_NORMALIZER_RINGS));
out:
    return st;
}

enum ss_status ss_normalizer_integrate(ss_energy_fn *energy, void *context, size_t dimension,
                                       const double *low, const double *high, struct ss_normalizer *out)
{
    struct integral in = {.energy = energy, .context = context, .dimension = dimension};
    struct ss_normalizer z = {0};
    struct log_sum total = {-INFINITY, 0};
    double box = 0, error = 0;
    enum ss_status st = SS_OK;

    for (size_t d = 0; d < dimension; d++) {
        in.centre[d] = (low[d] + high[d]) / 2;
        in.half[d] =
            fmax(0.75 * (high[d] - low[d]), 1e-6 * (1 + fabs(in.centre[d]))); /* half as wide again */
    }
    const size_t side = dimension == 2 ? SS_NORMALIZER_BOX_2D : SS_NORMALIZER_BOX_1D;
    TRY(integrate_twice(&in, 1, false, side, &box, &error));
    add_log(&total, box);
    TRY(add_rings(&in, &total, &error, &z));
    z.log_z = log_of(&total);
    z.error = error;
    z.points = in.points;
    z.known = z.known && isfinite(z.log_z);
    *out = z;
out:
    return st;
}
