/* synthetic.c - draw the rows of synthetic sets. */
#include "data/synthetic.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/matrix.h"
#include "data/synthetic_set.h"
#include "random/random.h"

/* ---- curves ---- */

static void two_moons(size_t branch, double t, double out[2])
{
    const double side = branch ? -1.5 : 1.5;

    out[0] = side * (cos(ss_pi * t) - 0.5);
    out[1] = side * (sin(ss_pi * t) - 0.25);
}

static void swiss_roll(size_t branch, double t, double out[2])
{
    const double a = 1.5 * ss_pi * (1.0 + 2.0 * t);
    (void)branch;

    out[0] = a / 7.0 * cos(a);
    out[1] = a / 7.0 * sin(a);
}

static void rings(size_t branch, double t, double out[2])
{
    const double r = 0.5 * (double)(branch + 1);

    out[0] = r * cos(2.0 * ss_pi * t);
    out[1] = r * sin(2.0 * ss_pi * t);
}

static void two_spirals(size_t branch, double t, double out[2])
{
    const double side = branch ? -2.0 : 2.0;

    out[0] = side * t * cos(3.0 * ss_pi * t);
    out[1] = side * t * sin(3.0 * ss_pi * t);
}

const struct ss_curve *ss_synthetic_curve(enum ss_source source)
{
    static const struct ss_curve moons = {2, 1, two_moons}, roll = {1, 1, swiss_roll},
                                 circles = {4, 1, rings}, spirals = {2, 2, two_spirals};

    switch (source) {
    case SS_SOURCE_TWO_MOONS:
        return &moons;
    case SS_SOURCE_SWISS_ROLL:
        return &roll;
    case SS_SOURCE_RINGS:
        return &circles;
    case SS_SOURCE_TWO_SPIRALS:
        return &spirals;
    default:
        return NULL;
    }
}

/* ---- mixtures ---- */

/* D x D from D x D, D (a diagonal), one number (times the identity) or none (the identity). */
static enum ss_status expand_covariance(const struct ss_numbers *given, size_t dimension, double *out)
{
    const size_t n = dimension;

    if (given->count != 0 && given->count != 1 && given->count != n && given->count != n * n)
        return SS_FAIL(
            SS_ERR_USAGE,
            "a covariance has %zu numbers, but data.dimension is %zu: give %zu numbers (the whole matrix), "
            "%zu (its diagonal) or 1",
            given->count, n, n * n, n);
    memset(out, 0, n * n * sizeof *out);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            const bool full = given->count == n * n;
            if (full && fabs(given->items[i * n + j] - given->items[j * n + i]) >
                            1e-9 * (fabs(given->items[i * n + i]) + fabs(given->items[j * n + j])))
                return SS_FAIL(SS_ERR_USAGE,
                               "a covariance is not symmetric: %g in row %zu, column %zu, but %g there "
                               "and back",
                               given->items[i * n + j], i, j, given->items[j * n + i]);
            if (full)
                out[i * n + j] = given->items[i * n + j];
            else if (i == j)
                out[i * n + i] = given->count == 0 ? 1.0 : given->items[given->count == n ? i : 0];
        }
    return SS_OK;
}

static enum ss_status allocate_mixture(struct ss_synthetic *s, size_t n)
{
    struct ss_mixture *const m = &s->mixture;
    const size_t d = s->dimension;
    size_t square, all;
    enum ss_status st = SS_OK;

    if (!ss_multiply(d, d, &square) || !ss_multiply(square, n, &all))
        return SS_FAIL_MEMORY(SIZE_MAX);
    TRY(ss_allocate(n, &m->weight));
    TRY(ss_allocate(n * d, &m->mean));
    TRY(ss_allocate(all, &m->covariance));
    TRY(ss_allocate(all, &m->factor));
    m->n = n;
out:
    return st;
}

static enum ss_status set_component(struct ss_synthetic *s, size_t k, double weight,
                                    const struct ss_numbers *mean, const struct ss_numbers *covariance)
{
    const size_t d = s->dimension;
    double *const c = s->mixture.covariance + k * d * d;
    enum ss_status st = SS_OK;

    if (!(weight >= 0.0 && isfinite(weight)))
        return SS_FAIL(SS_ERR_USAGE, "component %zu has the weight %g: a weight is 0 or more", k, weight);
    if (mean->count != 0 && mean->count != d)
        return SS_FAIL(SS_ERR_USAGE, "a mean has %zu numbers, but data.dimension is %zu", mean->count, d);
    s->mixture.weight[k] = weight;
    if (mean->count)
        memcpy(s->mixture.mean + k * d, mean->items, d * sizeof(double));
    TRY(expand_covariance(covariance, d, c));
    for (size_t i = 0; i < d; i++)
        c[i * d + i] += s->noise * s->noise;
out:
    return st;
}

static enum ss_status default_components(struct ss_synthetic *s)
{
    enum { COMPONENTS = 5 };
    enum ss_status st = SS_OK;

    TRY(allocate_mixture(s, COMPONENTS));
    for (uint32_t k = 0; k < COMPONENTS; k++) {
        double *const mean = s->mixture.mean + k * s->dimension;
        float four[4];
        for (uint32_t j = 0; j < s->dimension; j++) {
            ss_random_normal(s->seed, SS_PURPOSE_SYNTHETIC, (uint32_t[4]){k, j / 4, 0, 1}, four);
            mean[j] = 1.5 * (double)four[j % 4];
        }
        ss_random_uniform(s->seed, SS_PURPOSE_SYNTHETIC, (uint32_t[4]){k, 0, 0, 2}, four);
        double variance = pow(0.25 + 0.35 * (double)four[0], 2.0);
        TRY(set_component(s, k, 1.0, &(struct ss_numbers){NULL, 0}, &(struct ss_numbers){&variance, 1}));
    }
out:
    return st;
}

static enum ss_status make_components(struct ss_synthetic *s, const struct ss_data_options *o)
{
    enum ss_status st = SS_OK;

    if (s->source == SS_SOURCE_GAUSSIAN) {
        TRY(allocate_mixture(s, 1));
        TRY(set_component(s, 0, 1.0, &o->mean, &o->covariance));
    } else if (s->source == SS_SOURCE_8GAUSSIANS) {
        double none = 0.0;
        TRY(allocate_mixture(s, 8));
        for (size_t k = 0; k < 8; k++) {
            double mean[2] = {1.5 * cos(ss_pi / 4.0 * (double)k), 1.5 * sin(ss_pi / 4.0 * (double)k)};
            TRY(set_component(s, k, 1.0, &(struct ss_numbers){mean, 2}, &(struct ss_numbers){&none, 1}));
        }
    } else if (o->n_components == 0) {
        TRY(default_components(s));
    } else {
        TRY(allocate_mixture(s, o->n_components));
        for (size_t k = 0; k < o->n_components; k++) {
            const struct ss_component *const c = &o->components[k];
            TRY(set_component(s, k, c->weight, &c->mean, &c->covariance));
        }
    }
out:
    return st;
}

static enum ss_status make_mixture(struct ss_synthetic *s, const struct ss_data_options *o)
{
    struct ss_mixture *const m = &s->mixture;
    const size_t d2 = s->dimension * s->dimension;
    double sum = 0.0;
    enum ss_status st = SS_OK;

    TRY(make_components(s, o));
    for (size_t k = 0; k < m->n; k++)
        sum += m->weight[k];
    if (!(sum > 0.0))
        return SS_FAIL(SS_ERR_USAGE, "the weights of all components are 0");
    for (size_t k = 0; k < m->n; k++) {
        m->weight[k] /= sum;
        /* 8gaussians without noise are eight points: their zero factor draws just those. */
        if (!ss_cholesky(s->dimension, m->covariance + k * d2, 0.0, m->factor + k * d2) &&
            !(s->source == SS_SOURCE_8GAUSSIANS && s->noise == 0.0))
            return SS_FAIL(SS_ERR_USAGE, "the covariance of component %zu is not positive definite", k);
    }
out:
    return st;
}

/* ---- life ---- */

static double default_noise(enum ss_source source)
{
    switch (source) {
    case SS_SOURCE_8GAUSSIANS:
        return 0.15;
    case SS_SOURCE_TWO_MOONS:
    case SS_SOURCE_SWISS_ROLL:
    case SS_SOURCE_PINWHEEL:
        return 0.1;
    case SS_SOURCE_RINGS:
    case SS_SOURCE_TWO_SPIRALS:
        return 0.08;
    default:
        return 0.0;
    }
}

enum ss_status ss_synthetic_create(const struct ss_data_options *options, uint32_t seed,
                                   struct ss_synthetic **out)
{
    const enum ss_source source = options->source;
    const bool any_dimension = source == SS_SOURCE_GAUSSIAN || source == SS_SOURCE_GMM ||
                               source == SS_SOURCE_FUNNEL || source == SS_SOURCE_STUDENT;
    const bool mixture =
        source == SS_SOURCE_GAUSSIAN || source == SS_SOURCE_GMM || source == SS_SOURCE_8GAUSSIANS;
    struct ss_synthetic *s = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &s));
    s->source = source;
    s->seed = seed;
    s->degrees = options->degrees;
    s->dimension = any_dimension ? options->dimension : 2;
    s->noise = isnan(options->noise) ? default_noise(source) : options->noise;
    if (s->dimension == 0) {
        st = SS_FAIL(SS_ERR_USAGE, "data.dimension is 0, 1 or more is wanted");
        goto out;
    }
    if (!(s->noise >= 0.0 && isfinite(s->noise))) {
        st = SS_FAIL(SS_ERR_USAGE, "data.noise is %g, 0 or more is wanted", s->noise);
        goto out;
    }
    if (mixture)
        TRY(make_mixture(s, options));
    *out = s;
    s = NULL;
out:
    ss_synthetic_free(s);
    return st;
}

void ss_synthetic_free(struct ss_synthetic *s)
{
    if (!s)
        return;
    free(s->mixture.weight);
    free(s->mixture.mean);
    free(s->mixture.covariance);
    free(s->mixture.factor);
    free(s->nodes.x);
    free(s->nodes.y);
    free(s->nodes.weight);
    free(s->wide_factor);
    free(s->log_constant);
    free(s);
}

size_t ss_synthetic_dimension(const struct ss_synthetic *s)
{
    return s->dimension;
}

/* ---- rows ---- */

/* Numbers of a row: uniforms at (row, 0), normals of columns 4 q .. 4 q + 3 at (row, 1 + q), words 2 and 3
 * zero. */
static void normals(const struct ss_synthetic *s, uint32_t row, size_t n, double *z)
{
    float four[4];

    for (size_t j = 0; j < n; j++) {
        if (j % 4 == 0)
            ss_random_normal(s->seed, SS_PURPOSE_SYNTHETIC, (uint32_t[4]){row, 1 + (uint32_t)(j / 4), 0, 0},
                             four);
        z[j] = (double)four[j % 4];
    }
}

/* x = mean + L z in place: row i needs only z[0..i], so from the last row up. */
static void mixture_row(const struct ss_synthetic *s, double u, double *x)
{
    const struct ss_mixture *const m = &s->mixture;
    const size_t d = s->dimension;
    size_t k = 0;

    for (double sum = m->weight[0]; u > sum && k + 1 < m->n;)
        sum += m->weight[++k];
    const double *const factor = m->factor + k * d * d;
    for (size_t i = d; i-- > 0;) {
        double sum = m->mean[k * d + i];
        for (size_t j = 0; j <= i; j++)
            sum += factor[i * d + j] * x[j];
        x[i] = sum;
    }
}

static void curve_row(const struct ss_synthetic *s, const struct ss_curve *c, const float u[4], double *x)
{
    const double noise[2] = {s->noise * x[0], s->noise * x[1]};
    const size_t branch = (size_t)((double)u[0] * (double)c->branches);

    c->point(branch, c->power == 2 ? sqrt((double)u[1]) : (double)u[1], x);
    x[0] += noise[0];
    x[1] += noise[1];
}

static void checkerboard_row(const struct ss_synthetic *s, const float u[4], double *x)
{
    const double left = floor((double)u[0] * 4.0) - 2.0; /* column of squares */
    const double below = 2.0 * floor((double)u[1] * 2.0) - 2.0 + fabs(fmod(left, 2.0));

    x[0] = left + (double)u[2] + s->noise * x[0];
    x[1] = below + (double)u[3] + s->noise * x[1];
}

static void pinwheel_row(const struct ss_synthetic *s, const float u[4], double *x)
{
    const double f0 = 1.0 + ss_pinwheel_radial * x[0], f1 = s->noise * x[1];
    const double arm = floor((double)u[0] * SS_PINWHEEL_ARMS);
    const double a = 2.0 * ss_pi / SS_PINWHEEL_ARMS * arm + ss_pinwheel_rate * exp(hypot(f0, f1));

    x[0] = ss_pinwheel_scale * (cos(a) * f0 - sin(a) * f1);
    x[1] = ss_pinwheel_scale * (sin(a) * f0 + cos(a) * f1);
}

static void funnel_row(const struct ss_synthetic *s, uint32_t row, double *x)
{
    const double width = exp(0.5 * ss_funnel_sd * x[0]);
    float four[4];

    for (size_t j = 0; j < s->dimension; j++)
        x[j] *= j ? width : ss_funnel_sd;
    for (size_t j = 0; s->noise > 0.0 && j < s->dimension; j++) {
        ss_random_normal(s->seed, SS_PURPOSE_SYNTHETIC, (uint32_t[4]){row, 1 + (uint32_t)(j / 4), 1, 0},
                         four);
        x[j] += s->noise * (double)four[j % 4];
    }
}

static void student_row(const struct ss_synthetic *s, uint32_t row, double *x)
{
    double squares = 0.0;
    float four[4];

    for (uint32_t k = 0; k < s->degrees; k++) {
        if (k % 4 == 0)
            ss_random_normal(s->seed, SS_PURPOSE_SYNTHETIC, (uint32_t[4]){row, 1 + k / 4, 2, 0}, four);
        squares += (double)four[k % 4] * (double)four[k % 4];
    }
    for (size_t j = 0; j < s->dimension; j++)
        x[j] /= sqrt(squares / s->degrees);
}

void ss_synthetic_row(const struct ss_synthetic *s, uint32_t row, double *x)
{
    const struct ss_curve *const curve = ss_synthetic_curve(s->source);
    float u[4];

    ss_random_uniform(s->seed, SS_PURPOSE_SYNTHETIC, (uint32_t[4]){row, 0, 0, 0}, u);
    normals(s, row, s->dimension, x);
    if (curve)
        curve_row(s, curve, u, x);
    else if (s->source == SS_SOURCE_CHECKERBOARD)
        checkerboard_row(s, u, x);
    else if (s->source == SS_SOURCE_PINWHEEL)
        pinwheel_row(s, u, x);
    else if (s->source == SS_SOURCE_FUNNEL)
        funnel_row(s, row, x);
    else if (s->source == SS_SOURCE_STUDENT)
        student_row(s, row, x);
    else
        mixture_row(s, (double)u[0], x);
}
