/* estimate.c - an objective over any number of host rows, with its standard error. */
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "objective/loss.h"

struct sums {
    double mean, squares; /* of deviations, by Welford's update: no cancellation however large the losses */
    size_t n;
};

static void add(struct sums *s, double x)
{
    const double before = x - s->mean;

    s->n++;
    s->mean += before / (double)s->n;
    s->squares += before * (x - s->mean);
}

enum ss_status ss_loss_estimate(struct ss_loss *l, struct ss_span parameters, const float *x, size_t rows,
                                uint32_t seed, bool (*progress)(void *, double), void *context,
                                struct ss_estimate *out)
{
    const size_t capacity = ss_loss_capacity(l), D = ss_loss_dimension(l);
    struct sums sums = {0};
    float *losses = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(capacity, &losses));
    for (size_t at = 0; at < rows; at += capacity) {
        const size_t n = rows - at < capacity ? rows - at : capacity;
        const struct ss_loss_batch batch = {
            .rows = n,
            .draw = {.seed = seed, .first_row = (uint32_t)at, .held_out = true},
            .parameters = parameters};
        if (progress && !progress(context, (double)at / (double)rows)) {
            st = SS_ERR_INTERRUPTED;
            goto out;
        }
        TRY(ss_span_write(ss_loss_rows(l), x + at * D, n * D));
        TRY(ss_loss_enqueue(l, &batch));
        TRY(ss_span_read(ss_loss_of_rows(l), losses, n));
        for (size_t i = 0; i < n; i++)
            add(&sums, losses[i]);
    }
    out->mean = sums.n ? sums.mean : NAN;
    out->standard_error = sums.n > 1 ? sqrt(sums.squares / (double)(sums.n - 1) / (double)sums.n) : NAN;
out:
    free(losses);
    return st;
}
