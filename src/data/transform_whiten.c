/* transform_whiten.c - fit the transforms that look at columns together: whiten, drop_correlated. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "data/transform_fit.h"

struct covariance {
    const double *mean;
    double *block, *sum; /* BLOCK rows less the mean; n x n, upper half */
    size_t held;
};
enum { BLOCK = 8 };

/* Eight rows at a time, so that the sums pass through memory once for eight products. */
static void add_block(size_t n, struct covariance *c)
{
    for (size_t r = c->held; r < BLOCK; r++)
        memset(c->block + r * n, 0, n * sizeof *c->block);
    for (size_t i = 0; i < n; i++) {
        const double *const b = c->block;
        double *const row = c->sum + i * n;
        const double a[BLOCK] = {b[i],         b[n + i],     b[2 * n + i], b[3 * n + i],
                                 b[4 * n + i], b[5 * n + i], b[6 * n + i], b[7 * n + i]};
        for (size_t j = i; j < n; j++)
            row[j] +=
                ((a[0] * b[j] + a[1] * b[n + j]) + (a[2] * b[2 * n + j] + a[3] * b[3 * n + j])) +
                ((a[4] * b[4 * n + j] + a[5] * b[5 * n + j]) + (a[6] * b[6 * n + j] + a[7] * b[7 * n + j]));
    }
    c->held = 0;
}

static void add_covariance(struct ss_fit *f, uint32_t row, size_t i, const double *y, void *context)
{
    struct covariance *const c = context;
    const size_t n = f->t->outputs;
    (void)row, (void)i;

    for (size_t j = 0; j < n; j++)
        c->block[c->held * n + j] = y[j] - c->mean[j];
    if (++c->held == BLOCK)
        add_block(n, c);
}

static enum ss_status fit_covariance(struct ss_fit *f, const char *what, double **mean, double **covariance)
{
    const size_t n = f->t->outputs;
    struct ss_moments m = {NULL, NULL};
    struct covariance c = {NULL, NULL, NULL, 0};
    enum ss_status st = SS_OK;

    if (n > SS_FIT_WIDEST) {
        st = SS_FAIL(SS_ERR_USAGE, "%s is for up to %d columns, here are %zu: leave it out of data.transform",
                     what, SS_FIT_WIDEST, n);
        goto out;
    }
    if ((double)f->n_rows * (double)n * (double)n > 1e10)
        ss_say(SS_LEVEL_NOTE, "%s: covariance of %zu columns over %zu rows ...", what, n, f->n_rows);
    TRY(ss_allocate(n * BLOCK, &c.block));
    TRY(ss_allocate(n * n, &c.sum));
    TRY(ss_fit_moments(f, &m));
    c.mean = m.mean;
    TRY(ss_fit_each(f, add_covariance, &c));
    add_block(n, &c);
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++)
            c.sum[j * n + i] = c.sum[i * n + j] = c.sum[i * n + j] / (double)f->n_rows;
    for (size_t i = 0; i < n; i++) /* a constant column is constant, whatever rounding says */
        if (ss_fit_deviation(m.spread[i], m.mean[i], f->n_rows) == 0.0)
            for (size_t j = 0; j < n; j++)
                c.sum[i * n + j] = c.sum[j * n + i] = 0.0;
    *mean = m.mean;
    *covariance = c.sum;
    m.mean = c.sum = NULL;
out:
    free(m.mean);
    free(m.spread);
    free(c.block);
    free(c.sum);
    return st;
}

/* ---- whiten ---- */

/* matrix = V' diag(root) V and inverse = V' diag(1 / root) V for eigenvectors in the rows of V: the symmetric
 * root, so that column i still is mostly column i of the data. */
static void symmetric_root(size_t n, const double *values, const double *vectors, double *matrix,
                           double *inverse)
{
    for (size_t k = 0; k < n; k++) {
        const double *const v = vectors + k * n;
        const double root = sqrt(values[k]);
        for (size_t i = 0; i < n; i++) {
            const double a = v[i] / root, b = v[i] * root;
            for (size_t j = 0; j < n; j++) {
                matrix[i * n + j] += a * v[j];
                inverse[i * n + j] += b * v[j];
            }
        }
    }
}

/* Add the ridge; refuse directions without variance, naming the columns that weigh most in the flattest one.
 */
static enum ss_status check_spectrum(struct ss_fit *f, double ridge, const double *vectors, double *values)
{
    const size_t n = f->t->outputs;
    size_t flat = 0, least = 0, first = 0, second = 0;
    double largest = 0.0, trace = 0.0;

    for (size_t k = 0; k < n; k++)
        trace += values[k];
    for (size_t k = 0; k < n; k++) {
        values[k] = values[k] + ridge * trace / (double)n;
        largest = fmax(largest, values[k]);
        least = values[k] < values[least] ? k : least;
    }
    for (size_t k = 0; k < n; k++)
        flat += !(values[k] > 1e-12 * largest);
    const double *const v = vectors + least * n;
    for (size_t j = 1; j < n; j++)
        if (fabs(v[j]) > fabs(v[first])) {
            second = first;
            first = j;
        } else if (second == first || fabs(v[j]) > fabs(v[second]))
            second = j;
    if (flat)
        return SS_FAIL(
            SS_ERR_USAGE,
            "whiten: %zu of %zu directions have no variance (columns %s and %s weigh most in one): the "
            "columns depend on each other; write drop_correlated before whiten, drop columns, or give a "
            "ridge: {whiten: 1e-6}",
            flat, n, ss_transform_column(f->t, first), ss_transform_column(f->t, second));
    if (values[least] < 1e-6 * largest)
        ss_say(SS_LEVEL_WARNING,
               "whiten: variance differs by a factor of %.1e between directions (columns %s and %s weigh "
               "most in the "
               "flattest): what is noise in the data will weigh as much as the rest; a ridge ({whiten: "
               "1e-3}) or "
               "drop_correlated before it helps",
               largest / values[least], ss_transform_column(f->t, first), ss_transform_column(f->t, second));
    return SS_OK;
}

enum ss_status ss_fit_whiten(struct ss_fit *f, double ridge)
{
    const size_t n = f->t->outputs;
    double *mean = NULL, *covariance = NULL, *values = NULL, *vectors = NULL, *matrix = NULL, *inverse = NULL;
    struct ss_step *s;
    enum ss_status st = SS_OK;

    if (isnan(ridge))
        ridge = 0.0;
    if (!(ridge >= 0.0 && isfinite(ridge)))
        return SS_FAIL(SS_ERR_USAGE,
                       "whiten takes a ridge of 0 or more, relative to the mean variance; %g given", ridge);
    TRY(fit_covariance(f, "whiten", &mean, &covariance));
    TRY(ss_allocate(n, &values));
    TRY(ss_allocate(n * n, &vectors));
    TRY(ss_allocate(n * n, &matrix));
    TRY(ss_allocate(n * n, &inverse));
    TRY(ss_symmetric_eigen(n, covariance, values, vectors));
    TRY(check_spectrum(f, ridge, vectors, values));
    symmetric_root(n, values, vectors, matrix, inverse);
    TRY(ss_fit_step(f->t, SS_STEP_MATRIX, &s));
    for (size_t k = 0; k < n; k++)
        s->log_det -= 0.5 * log(values[k]);
    s->shift = mean;
    s->matrix = matrix;
    s->inverse = inverse;
    f->t->n_steps++;
    mean = matrix = inverse = NULL;
out:
    free(mean);
    free(covariance);
    free(values);
    free(vectors);
    free(matrix);
    free(inverse);
    return st;
}

/* ---- drop_correlated ---- */

/* The pair of kept columns with the largest |correlation| above the limit, first < second; false if there is
 * none. */
static bool find_pair(size_t n, const double *c, const bool *keep, double limit, size_t *first,
                      size_t *second)
{
    bool found = false;

    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; keep[i] && j < n; j++)
            if (keep[j] && fabs(c[i * n + j]) > limit) {
                limit = fabs(c[i * n + j]);
                *first = i;
                *second = j;
                found = true;
            }
    return found;
}

static size_t count_partners(size_t n, const double *c, const bool *keep, double limit, size_t i)
{
    size_t count = 0;

    for (size_t j = 0; j < n; j++)
        count += j != i && keep[j] && fabs(c[i * n + j]) > limit;
    return count;
}

enum ss_status ss_fit_drop_correlated(struct ss_fit *f, double limit)
{
    const size_t n = f->t->outputs;
    double *mean = NULL, *c = NULL;
    bool *keep = NULL;
    struct ss_text said;
    size_t first, second, dropped = 0;
    enum ss_status st = SS_OK;

    ss_text_init(&said);
    if (isnan(limit))
        limit = 0.98;
    if (!(limit > 0.0 && limit <= 1.0)) {
        st =
            SS_FAIL(SS_ERR_USAGE, "drop_correlated takes a correlation above 0 and up to 1; %g given", limit);
        goto out;
    }
    TRY(fit_covariance(f, "drop_correlated", &mean, &c));
    TRY(ss_allocate(n, &keep));
    for (size_t i = 0; i < n; i++) {
        keep[i] = true;
        mean[i] = c[i * n + i] > 0.0 ? 1.0 / sqrt(c[i * n + i]) : 0.0;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            c[i * n + j] *= mean[i] * mean[j];
    /* One at a time, the worst pair first: of the two, the one that is close to more others, else the later.
     */
    while (find_pair(n, c, keep, limit, &first, &second)) {
        const bool drop_first =
            count_partners(n, c, keep, limit, first) > count_partners(n, c, keep, limit, second);
        const size_t gone = drop_first ? first : second, stays = drop_first ? second : first;
        keep[gone] = false;
        ss_text_addf(&said, "%s%s (%.4f with %s)", dropped++ ? ", " : "", ss_transform_column(f->t, gone),
                     c[first * n + second], ss_transform_column(f->t, stays));
    }
    if (dropped) {
        TRY(ss_fit_keep(f, "drop_correlated", keep));
        f->t->lossy = true;
        ss_say(SS_LEVEL_NOTE, "drop_correlated: %zu of %zu columns dropped: %s", dropped, n, said.data);
    }
out:
    ss_text_release(&said);
    free(mean);
    free(c);
    free(keep);
    return st;
}
