#include "sampler/diagnostics.h"

#include <math.h>

struct moments { /* of a set of numbers, by Welford's update */
    double mean, squares;
    size_t n;
};

static void add(struct moments *m, double x)
{
    const double before = x - m->mean;

    m->n++;
    m->mean += before / (double)m->n;
    m->squares += before * (x - m->mean);
}

static double variance(const struct moments *m)
{
    return m->squares / (double)(m->n - 1);
}

static void column(const struct ss_halves *h, size_t j, double *ess, double *rhat)
{
    struct moments halves = {0}, chains = {0};
    double within = 0;

    for (size_t c = 0; c < h->chains; c++) {
        const size_t at = c * h->D + j;
        if (!h->sound[c])
            continue;
        for (int k = 0; k < 2; k++) {
            add(&halves, (double)h->mean[k][at]);
            within += (double)h->squares[k][at] / (double)(h->n - 1);
        }
        add(&chains, ((double)h->mean[0][at] + (double)h->mean[1][at]) / 2);
    }
    within /= (double)halves.n;
    const double between = variance(&halves); /* of the means of halves */
    const double all = within * (double)(h->n - 1) / (double)h->n + between;
    const double most = 2.0 * (double)h->n * (double)chains.n;
    *rhat = within > 0 ? sqrt(all / within) : NAN;
    *ess = within > 0 ? fmin(most, (double)chains.n * all / variance(&chains)) : NAN;
}

void ss_diagnostics(const struct ss_halves *h, double *ess, double *rhat)
{
    size_t m = 0;

    *ess = *rhat = NAN;
    for (size_t c = 0; c < h->chains; c++)
        m += h->sound[c];
    if (m < 2 || h->n < 2)
        return;
    for (size_t j = 0; j < h->D; j++) {
        double e, r;
        column(h, j, &e, &r);
        if (isnan(e) || isnan(r)) {
            *ess = *rhat = NAN;
            return;
        }
        *ess = j == 0 ? e : fmin(*ess, e);
        *rhat = j == 0 ? r : fmax(*rhat, r);
    }
}
