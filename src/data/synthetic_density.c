/* synthetic_density.c - true log-density and score of synthetic sets. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/matrix.h"
#include "data/synthetic_set.h"

/* ---- curves: quadrature ---- */

/* Gauss-Legendre nodes and weights on [-1, 1] by Newton's method on the Legendre polynomial. */
enum { POINTS = 10 };
static void gauss_legendre(double node[POINTS], double weight[POINTS])
{
    for (int i = 0; i < POINTS; i++) {
        double x = cos(ss_pi * (i + 0.75) / (POINTS + 0.5)), slope = 1.0;
        for (int iteration = 0; iteration < 20; iteration++) {
            double before = 1.0, p = x;
            for (int k = 2; k <= POINTS; k++) {
                const double next = ((2 * k - 1) * x * p - (k - 1) * before) / k;
                before = p;
                p = next;
            }
            slope = POINTS * (x * p - before) / (x * x - 1.0);
            x -= p / slope;
        }
        node[i] = x;
        weight[i] = 2.0 / ((1.0 - x * x) * slope * slope);
    }
}

static double length_of(const struct ss_curve *c, size_t branch)
{
    enum { PIECES = 2000 };
    double from[2], to[2], length = 0.0;

    c->point(branch, 0.0, from);
    for (int i = 1; i <= PIECES; i++) {
        c->point(branch, (double)i / PIECES, to);
        length += hypot(to[0] - from[0], to[1] - from[1]);
        memcpy(from, to, sizeof from);
    }
    return length;
}

/* Panels of at most half a standard deviation, so that ten points integrate exp(-distance^2 / 2 sd^2) along
 * the curve to about 1e-9 wherever a row can be. */
static enum ss_status make_nodes(struct ss_synthetic *s, const struct ss_curve *c, bool *known)
{
    enum { MOST_NODES = 1 << 20 };
    struct ss_nodes *const n = &s->nodes;
    const double sd = sqrt(s->variance);
    double node[POINTS], weight[POINTS];
    enum ss_status st = SS_OK;
    double total = 0.0;

    for (size_t b = 0; b < c->branches; b++)
        total += POINTS * (ceil(2.0 * length_of(c, b) / sd) +
                           16.0); /* a curve may run faster at one end than the other */
    *known = total <= MOST_NODES;
    if (!*known)
        goto out;
    TRY(ss_allocate((size_t)total, &n->x));
    TRY(ss_allocate((size_t)total, &n->y));
    TRY(ss_allocate((size_t)total, &n->weight));
    gauss_legendre(node, weight);
    for (size_t b = 0; b < c->branches; b++) {
        const size_t panels = (size_t)ceil(2.0 * length_of(c, b) / sd) + 16;
        for (size_t p = 0; p < panels; p++)
            for (int i = 0; i < POINTS; i++) {
                const double t = ((double)p + 0.5 * (node[i] + 1.0)) / (double)panels;
                double at[2];
                c->point(b, t, at);
                n->x[n->n] = at[0];
                n->y[n->n] = at[1];
                n->weight[n->n++] =
                    0.5 * weight[i] / (double)(panels * c->branches) * (c->power == 2 ? 2.0 * t : 1.0);
            }
    }
out:
    return st;
}

static void nodes_density(const struct ss_synthetic *s, const double *x, double *log_density, double *score)
{
    const struct ss_nodes *const n = &s->nodes;
    double nearest = INFINITY, sum = 0.0, pull[2] = {0.0, 0.0};

    for (size_t i = 0; i < n->n; i++) {
        const double dx = n->x[i] - x[0], dy = n->y[i] - x[1];
        nearest = fmin(nearest, dx * dx + dy * dy);
    }
    for (size_t i = 0; i < n->n; i++) {
        const double dx = n->x[i] - x[0], dy = n->y[i] - x[1];
        const double exponent = (nearest - dx * dx - dy * dy) / (2.0 * s->variance);
        if (exponent < -50.0) /* below rounding */
            continue;
        const double w = n->weight[i] * exp(exponent);
        sum += w;
        pull[0] += w * dx;
        pull[1] += w * dy;
    }
    if (log_density)
        *log_density = log(sum) - nearest / (2.0 * s->variance) - log(2.0 * ss_pi * s->variance);
    for (int i = 0; score && i < 2; i++)
        score[i] = pull[i] / (sum * s->variance);
}

/* ---- mixtures ---- */

static enum ss_status prepare_mixture(struct ss_synthetic *s, double added, bool *known)
{
    const struct ss_mixture *const m = &s->mixture;
    const size_t d = s->dimension;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(m->n * d * d, &s->wide_factor));
    TRY(ss_allocate(m->n, &s->log_constant));
    *known = true;
    for (size_t k = 0; k < m->n; k++) {
        double *const factor = s->wide_factor + k * d * d;
        *known = *known && ss_cholesky(d, m->covariance + k * d * d, added, factor);
        s->log_constant[k] = log(m->weight[k]) - 0.5 * (double)d * log(2.0 * ss_pi);
        for (size_t i = 0; i < d; i++)
            s->log_constant[k] -= log(factor[i * d + i]);
    }
out:
    return st;
}

/* w = L^-1 (x - mean); returns its squared length. */
static double whiten(size_t d, const double *factor, const double *mean, const double *x, double *w)
{
    double square = 0.0;

    for (size_t i = 0; i < d; i++) {
        double sum = x[i] - mean[i];
        for (size_t j = 0; j < i; j++)
            sum -= factor[i * d + j] * w[j];
        w[i] = sum / factor[i * d + i];
        square += w[i] * w[i];
    }
    return square;
}

/* w = L'^-1 w */
static void solve_transposed(size_t d, const double *factor, double *w)
{
    for (size_t i = d; i-- > 0;) {
        w[i] /= factor[i * d + i];
        for (size_t j = 0; j < i; j++)
            w[j] -= factor[i * d + j] * w[i];
    }
}

/* One pass with a running maximum: sums so far are rescaled when a larger term comes. */
static void mixture_density(const struct ss_synthetic *s, const double *x, double *log_density, double *score)
{
    enum { ON_STACK = 256 };
    const struct ss_mixture *const m = &s->mixture;
    const size_t d = s->dimension;
    double here[ON_STACK], *const w = d <= ON_STACK ? here : malloc(d * sizeof *w);
    double largest = -INFINITY, sum = 0.0;

    for (size_t i = 0; score && i < d; i++)
        score[i] = w ? 0.0 : NAN;
    for (size_t k = 0; w && k < m->n; k++) {
        const double *const factor = s->wide_factor + k * d * d;
        const double term = s->log_constant[k] - 0.5 * whiten(d, factor, m->mean + k * d, x, w);
        if (term == -INFINITY) /* a component of weight 0 */
            continue;
        const double rescale = term > largest ? exp(largest - term) : 1.0;
        largest = fmax(largest, term);
        const double share = exp(term - largest);
        sum = sum * rescale + share;
        if (!score)
            continue;
        solve_transposed(d, factor, w);
        for (size_t i = 0; i < d; i++)
            score[i] = score[i] * rescale - share * w[i];
    }
    for (size_t i = 0; score && i < d; i++)
        score[i] /= sum;
    if (log_density)
        *log_density = w ? largest + log(sum) : NAN;
    if (w != here)
        free(w);
}

/* ---- the others ---- */

/* Share of [low, low + 1] in a normal at x, and the derivative of that by x. */
static double cover(double x, double low, double sd, double *slope)
{
    const double a = (x - low) / sd, b = (x - low - 1.0) / sd;

    *slope = (exp(-0.5 * a * a) - exp(-0.5 * b * b)) / (sd * sqrt(2.0 * ss_pi));
    /* The tail that is small on this side of the square, so that far away nothing cancels. */
    return b > 0.0 ? 0.5 * (erfc(b / sqrt(2.0)) - erfc(a / sqrt(2.0)))
                   : 0.5 * (erfc(-a / sqrt(2.0)) - erfc(-b / sqrt(2.0)));
}

static void checkerboard_density(const struct ss_synthetic *s, const double *x, double *log_density,
                                 double *score)
{
    const double sd = sqrt(s->variance);
    double sum = 0.0, slope[2] = {0.0, 0.0};

    for (int i = 0; i < 4; i++)
        for (int j = i % 2; j < 4; j += 2) {
            double sx, sy;
            const double cx = cover(x[0], i - 2.0, sd, &sx), cy = cover(x[1], j - 2.0, sd, &sy);
            sum += cx * cy / 8.0;
            slope[0] += sx * cy / 8.0;
            slope[1] += cx * sy / 8.0;
        }
    if (log_density)
        *log_density = log(sum);
    for (int i = 0; score && i < 2; i++)
        score[i] = slope[i] / sum;
}

/* Turning by an angle that depends on the radius alone keeps areas, so the density is that of the untwisted
 * arms. */
static void pinwheel_density(const struct ss_synthetic *s, const double *x, double *log_density,
                             double *score)
{
    const double x0 = x[0] / ss_pinwheel_scale, x1 = x[1] / ss_pinwheel_scale;
    const double radius = hypot(x0, x1), v0 = ss_pinwheel_radial * ss_pinwheel_radial,
                 v1 = s->noise * s->noise;
    const double twist = ss_pinwheel_rate * exp(radius); /* is its own derivative by the radius */
    double term[SS_PINWHEEL_ARMS], slope[SS_PINWHEEL_ARMS][2], largest = -INFINITY, sum = 0.0,
                                                               total[2] = {0.0, 0.0};

    for (int k = 0; k < SS_PINWHEEL_ARMS; k++) {
        const double a = 2.0 * ss_pi / SS_PINWHEEL_ARMS * k + twist, c = cos(a), sn = sin(a);
        const double g0 = c * x0 + sn * x1, g1 = c * x1 - sn * x0; /* turned back */
        const double s0 = -(g0 - 1.0) / v0, s1 = -g1 / v1;         /* score of the arm there */
        const double by_angle = s0 * g1 - s1 * g0;                 /* dg/da = (g1, -g0) */
        term[k] = 0.5 * ((g0 - 1.0) * s0 + g1 * s1);
        largest = fmax(largest, term[k]);
        slope[k][0] = c * s0 - sn * s1 + (radius > 0.0 ? by_angle * twist * x0 / radius : 0.0);
        slope[k][1] = sn * s0 + c * s1 + (radius > 0.0 ? by_angle * twist * x1 / radius : 0.0);
    }
    for (int k = 0; k < SS_PINWHEEL_ARMS; k++) {
        const double share = exp(term[k] - largest);
        sum += share;
        total[0] += share * slope[k][0];
        total[1] += share * slope[k][1];
    }
    if (log_density)
        *log_density = largest + log(sum / SS_PINWHEEL_ARMS) - log(2.0 * ss_pi) - 0.5 * log(v0 * v1) -
                       2.0 * log(ss_pinwheel_scale);
    for (int i = 0; score && i < 2; i++)
        score[i] = total[i] / (sum * ss_pinwheel_scale);
}

static void funnel_density(const struct ss_synthetic *s, const double *x, double *log_density, double *score)
{
    const double others = (double)(s->dimension - 1), precision = exp(-x[0]);
    double square = 0.0;

    for (size_t j = 1; j < s->dimension; j++)
        square += x[j] * x[j];
    if (log_density)
        *log_density = -0.5 * (x[0] * x[0] / (ss_funnel_sd * ss_funnel_sd) + square * precision +
                               others * x[0] + (others + 1.0) * log(2.0 * ss_pi)) -
                       log(ss_funnel_sd);
    if (!score)
        return;
    score[0] = -x[0] / (ss_funnel_sd * ss_funnel_sd) + 0.5 * (square * precision - others);
    for (size_t j = 1; j < s->dimension; j++)
        score[j] = -x[j] * precision;
}

/* ---- student ---- */

static void student_density(const struct ss_synthetic *s, const double *x, double *log_density, double *score)
{
    const double n = s->degrees, d = (double)s->dimension;
    double square = 0.0;

    for (size_t j = 0; j < s->dimension; j++)
        square += x[j] * x[j];
    if (log_density)
        *log_density = lgamma(0.5 * (n + d)) - lgamma(0.5 * n) - 0.5 * d * log(n * ss_pi) -
                       0.5 * (n + d) * log1p(square / n);
    for (size_t j = 0; score && j < s->dimension; j++)
        score[j] = -(n + d) * x[j] / (n + square);
}

/* ---- entry ---- */

enum ss_status ss_synthetic_prepare(struct ss_synthetic *s, double variance, bool *known)
{
    const struct ss_curve *const curve = ss_synthetic_curve(s->source);

    free(s->nodes.x);
    free(s->nodes.y);
    free(s->nodes.weight);
    free(s->wide_factor);
    free(s->log_constant);
    s->nodes = (struct ss_nodes){0, NULL, NULL, NULL};
    s->wide_factor = s->log_constant = NULL;
    s->variance = s->noise * s->noise + variance;
    if (curve && s->variance > 0.0)
        return make_nodes(s, curve, known);
    if (s->mixture.n)
        return prepare_mixture(s, variance, known);
    if (s->source == SS_SOURCE_PINWHEEL)
        *known = variance == 0.0 && s->noise > 0.0;
    else if (s->source == SS_SOURCE_FUNNEL || s->source == SS_SOURCE_STUDENT)
        *known = s->variance == 0.0;
    else
        *known = s->variance > 0.0;
    return SS_OK;
}

void ss_synthetic_density(const struct ss_synthetic *s, const double *x, double *log_density, double *score)
{
    if (s->nodes.n)
        nodes_density(s, x, log_density, score);
    else if (s->mixture.n)
        mixture_density(s, x, log_density, score);
    else if (s->source == SS_SOURCE_CHECKERBOARD)
        checkerboard_density(s, x, log_density, score);
    else if (s->source == SS_SOURCE_PINWHEEL)
        pinwheel_density(s, x, log_density, score);
    else if (s->source == SS_SOURCE_STUDENT)
        student_density(s, x, log_density, score);
    else
        funnel_density(s, x, log_density, score);
}
