/* annealed.c - log Z by annealing: the Gaussian that it begins at, and whether there is a log Z at all. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/matrix.h"
#include "run/normalizer.h"
#include "run/progress.h"
#include "run/stop.h"

enum {
    DIRECTIONS = 1024, /* in which an energy is followed outwards */
    SHELLS = 20,       /* spheres, each twice as large as the one before */
    TELL_SECONDS = 2   /* less is not worth a word */
};
/* Of a log Z that is called known: the fewest chains that count, and the largest distance between its ways.
 */
static const double LEAST_ESS = 20, MOST_GAP = 1;

/* ---- the Gaussian ---- */

struct base { /* a Gaussian about the rows */
    double *mean, *factor;
};

static void base_release(struct base *b)
{
    free(b->mean);
    free(b->factor);
}

/* Covariances are drawn towards 0 as far as so few rows leave them unknown; a column that never changes
 * counts as one of deviation 1. */
static enum ss_status base_fit(const float *y, size_t rows, size_t D, struct base *b)
{
    const double n = (double)rows, shrink = fmin(1, (double)(D + 1) / n);
    double *covariance = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(D, &b->mean));
    TRY(ss_allocate(D * D, &b->factor));
    TRY(ss_allocate(D * D, &covariance));
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < D; j++)
            b->mean[j] += (double)y[i * D + j] / n;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < D; j++)
            for (size_t k = 0; k <= j; k++)
                covariance[j * D + k] +=
                    ((double)y[i * D + j] - b->mean[j]) * ((double)y[i * D + k] - b->mean[k]) / n;
    for (size_t j = 0; j < D; j++) {
        for (size_t k = 0; k < j; k++)
            covariance[j * D + k] *= 1 - shrink;
        if (!(covariance[j * D + j] > 0))
            covariance[j * D + j] = 1;
    }
    if (!ss_cholesky(D, covariance, 0, b->factor)) {
        memset(b->factor, 0, D * D * sizeof(*b->factor)); /* rounding: the diagonal will do */
        for (size_t j = 0; j < D; j++)
            b->factor[j * D + j] = sqrt(covariance[j * D + j]);
    }
out:
    free(covariance);
    return st;
}

/* ---- tails ---- */

struct rays { /* from the base's mean */
    const struct base *base;
    size_t D;
    float *direction; /* DIRECTIONS x D, unit vectors */
    float *x, *energy;
};

static enum ss_status rays_init(struct rays *r, uint32_t seed)
{
    const size_t D = r->D, n = (size_t)DIRECTIONS * D;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(n, &r->direction));
    TRY(ss_allocate(n, &r->x));
    TRY(ss_allocate(DIRECTIONS, &r->energy));
    for (size_t i = 0; i < DIRECTIONS; i++) {
        float *const v = r->direction + i * D, four[4];
        double square = 0;
        for (size_t j = 0; j < D; j++) {
            const uint32_t counter[4] = {0, (uint32_t)i, 4, (uint32_t)(j / 4)};
            if (j % 4 == 0)
                ss_random_normal(seed, SS_PURPOSE_ANNEALING, counter, four);
            v[j] = four[j % 4];
            square += (double)v[j] * (double)v[j];
        }
        for (size_t j = 0; j < D; j++)
            v[j] /= (float)sqrt(square);
    }
out:
    return st;
}

static void rays_release(struct rays *r)
{
    free(r->direction);
    free(r->x);
    free(r->energy);
}

/* The points that are `radius` of the base's deviations out. */
static void place(struct rays *r, double radius)
{
    const size_t D = r->D;

    for (size_t i = 0; i < DIRECTIONS; i++)
        for (size_t j = 0; j < D; j++) {
            double sum = 0;
            for (size_t k = 0; k <= j; k++)
                sum += r->base->factor[j * D + k] * (double)r->direction[i * D + k];
            r->x[i * D + j] = (float)(r->base->mean[j] + radius * sum);
        }
}

/* Whether exp(-E) falls off: over spheres, as far as the rays see it, it is to be next to nothing beside the
 * largest before they end. */
static enum ss_status check_tails(const struct ss_trained *t, const struct base *b, struct ss_normalizer *out)
{
    struct rays r = {.base = b, .D = t->model->dimension};
    struct ss_scorer *scorer = NULL;
    double largest = -INFINITY, last = 0;
    enum ss_status st = SS_OK;

    TRY(rays_init(&r, t->experiment->seed));
    TRY(ss_scorer_create(t->device, t->model, DIRECTIONS, &scorer));
    for (int k = 0; k < SHELLS; k++) {
        const double radius = ldexp(sqrt((double)r.D), k - 2);
        double least = INFINITY;
        place(&r, radius);
        TRY(ss_scorer_host(scorer, t->weights, r.x, DIRECTIONS, r.energy, NULL));
        for (size_t i = 0; i < DIRECTIONS; i++) {
            if (isnan(r.energy[i]))
                snprintf(out->why, sizeof(out->why),
                         "the energy is not a number %.3g times as far out as the data", ldexp(1, k - 2));
            least = fmin(least, (double)r.energy[i]);
        }
        last = (double)r.D * log(radius) - least;
        largest = fmax(largest, last);
    }
    if (!*out->why && !(last < largest - 14)) /* e^-14: a millionth */
        snprintf(
            out->why, sizeof(out->why),
            "the energy does not grow fast enough for a density, followed out to %.0f times as far as the "
            "data; model.quadratic: diagonal makes it normalizable",
            ldexp(1, SHELLS - 3));
out:
    ss_scorer_free(scorer);
    rays_release(&r);
    return st;
}

/* ---- the estimate ---- */

static void expect(void *context, double seconds)
{
    char time[32];

    (void)context;
    if (seconds < TELL_SECONDS)
        return;
    ss_clock_duration(seconds, time);
    ss_say(SS_LEVEL_NOTE, "log Z by annealing: about %s", time);
}

static bool go_on(void *context, double done)
{
    ss_progress_fraction(context, done);
    return ss_stop_signal() == 0;
}

/* The estimate is the forward one, which asks nothing of where chains begin. */
static void judge(struct ss_normalizer *z)
{
    const struct ss_log_estimate *const forward = &z->annealing.forward;
    const double gap = fabs(z->annealing.backward.value - forward->value),
                 missed = z->annealing.from_rows.value - forward->value;

    z->annealed = true;
    z->log_z = forward->value;
    z->error = fmax(forward->standard_error, fmax(gap, missed));
    z->known =
        fmin(forward->ess, z->annealing.backward.ess) >= LEAST_ESS && gap <= MOST_GAP && missed <= MOST_GAP;
    if (!z->known && missed > gap)
        snprintf(
            z->why, sizeof(z->why),
            "annealing found log Z to be %.4g, and %.4g on its way back from held-out rows: it misses where "
            "they are; more evaluate.annealing.temperatures may find it",
            forward->value, z->annealing.from_rows.value);
    else if (!z->known)
        snprintf(z->why, sizeof(z->why),
                 "annealing found log Z to be %.4g forth and %.4g back, of %u chains %.3g and %.3g count: "
                 "not close "
                 "enough; more evaluate.annealing.temperatures, or chains, bring them closer",
                 forward->value, z->annealing.backward.value, z->sizes.chains, forward->ess,
                 z->annealing.backward.ess);
    else if (missed < -MOST_GAP)
        ss_say(
            SS_LEVEL_WARNING,
            "held-out rows lie where the model has about %.1g of its mass (log Z there is %.4g, of %.4g in "
            "all): the rest is where there are no data",
            exp(missed), z->annealing.from_rows.value, forward->value);
}

enum ss_status ss_normalizer_anneal(const struct ss_trained *t, const float *y, size_t rows,
                                    struct ss_normalizer *out)
{
    const struct ss_annealing_sizes *const sizes = &t->experiment->evaluate.annealing;
    struct ss_progress progress;
    const struct ss_annealing_watch watch = {.expect = expect, .progress = go_on, .context = &progress};
    struct base base = {0};
    enum ss_status st = SS_OK;

    *out = (struct ss_normalizer){.method = SS_NORMALIZER_ANNEALING, .sizes = *sizes};
    TRY(base_fit(y, rows, t->model->dimension, &base));
    TRY(check_tails(t, &base, out));
    if (*out->why)
        goto out;
    const struct ss_annealing_options options = {.base = {base.mean, base.factor},
                                                 .sizes = *sizes,
                                                 .warmup = sizes->temperatures / 10,
                                                 .seed = t->experiment->seed};
    ss_progress_begin(&progress, t->log, "annealing");
    st = ss_annealing_run(t->device, t->model, t->weights, &options, y, rows, &watch, &out->annealing);
    ss_progress_end(&progress);
    TRY(st);
    if (*out->annealing.why)
        strcpy(out->why, out->annealing.why);
    else
        judge(out);
    if (out->known)
        TRY(ss_normalizer_keep(t, out));
out:
    base_release(&base);
    return st;
}
