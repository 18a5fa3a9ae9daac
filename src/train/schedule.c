#include "train/schedule.h"

#include <math.h>

static const double pi = 3.14159265358979323846;
static const double most_steps = 1e15; /* exact in a double */

double ss_schedule_rate(const struct ss_train_options *options, uint64_t steps, uint64_t step)
{
    const double rate = options->learning_rate, f = options->schedule_factor;

    if (step < options->warmup)
        return rate * ((double)step + 1) / (double)options->warmup;
    const uint64_t after = step - options->warmup;
    const double length = steps > options->warmup ? (double)(steps - options->warmup) : 1;
    const double p = fmin((double)after / length, 1);
    switch (options->schedule) {
    case SS_SCHEDULE_CONSTANT:
        break;
    case SS_SCHEDULE_COSINE:
        return rate * (f + (1 - f) * (1 + cos(pi * p)) / 2);
    case SS_SCHEDULE_LINEAR:
        return rate * (1 - (1 - f) * p);
    case SS_SCHEDULE_STEP:
        return options->schedule_every ? rate * pow(f, (double)(after / options->schedule_every)) : rate;
    }
    return rate;
}

enum ss_status ss_schedule_steps(const struct ss_train_options *options, size_t rows, uint64_t *steps)
{
    if (options->steps) {
        *steps = options->steps;
        return SS_OK;
    }
    /* A whole number of batches must not become one more by rounding: 1.1 * 1000 / 10 is above 110. */
    const double exact = options->epochs * (double)rows / (double)options->batch;
    const double wanted = ceil(exact * (1 - 1e-12));
    if (!(exact > 0) || !(wanted <= most_steps))
        return SS_FAIL(
            SS_ERR_USAGE,
            "train.epochs: %g over %zu rows in batches of %u come to %g steps, 1 to 1e15 wanted: set "
            "train.steps",
            options->epochs, rows, options->batch, exact);
    *steps = wanted < 1 ? 1 : (uint64_t)wanted;
    return SS_OK;
}
