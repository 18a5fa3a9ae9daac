/* bench_measure.c - time one workload. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "model/model.h"
#include "objective/slices.h"
#include "run/bench_parts.h"
#include "run/stop.h"
#include "train/train.h"

enum {
    LEAST_REPETITIONS = 3,
    MOST_REPETITIONS = 60,
    MOST_ENQUEUED = 512,
    FEW_ENQUEUED = 4,
    LEAST_ROWS = 256,
    MOST_GAUSSIAN = 64
};
static const double REPETITION_SECONDS = 0.02, SECONDS_OF_FEW = 0.2;

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

struct ss_bench_spread ss_bench_spread_of(double *x, size_t n)
{
    if (n == 0)
        return (struct ss_bench_spread){NAN, NAN, NAN};
    qsort(x, n, sizeof(*x), by_size);
    return (struct ss_bench_spread){n % 2 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]), x[0], x[n - 1]};
}

/* ---- what is measured ---- */

struct ss_objective_options ss_bench_objective(const struct ss_bench_shape *s)
{
    return (struct ss_objective_options){
        .kind = s->objective, .slices = SS_SLICES_RADEMACHER, .count = (uint32_t)s->slices, .sigma = 0.1};
}

/* Numbers do not matter, but must stay finite; a learning rate this small leaves the weights as they are. The
 * gaussian set multiplies by a dense factor, too slow to make for many columns. */
static struct ss_experiment experiment_of(const struct ss_bench_shape *s)
{
    const size_t rows = 2 * s->batch > LEAST_ROWS ? 2 * s->batch : LEAST_ROWS;

    return (struct ss_experiment){
        .seed = 1,
        .has_data = true,
        .has_model = true,
        .has_objective = true,
        .data = {.source = s->dimension <= MOST_GAUSSIAN ? SS_SOURCE_GAUSSIAN : SS_SOURCE_FUNNEL,
                 .rows = (uint32_t)rows,
                 .dimension = (uint32_t)s->dimension,
                 .noise = NAN,
                 .transforms_given = true},
        .model = s->model,
        .objective = ss_bench_objective(s),
        .train = {.steps = UINT64_MAX / 2,
                  .batch = (uint32_t)s->batch,
                  .optimizer = SS_OPTIMIZER_ADAM,
                  .learning_rate = 1e-9,
                  .beta1 = 0.9,
                  .beta2 = 0.999,
                  .epsilon = 1e-8,
                  .average = 0.999,
                  .nonfinite = SS_NONFINITE_SKIP},
        .engine = s->engine,
    };
}

static enum ss_status give_directions(struct ss_bench_bed *b, const struct ss_bench_shape *s)
{
    const struct ss_draw draw = {.seed = 1};
    const struct ss_slice_shape slices = {.law = SS_SLICES_RADEMACHER,
                                          .rows = s->batch,
                                          .dimension = s->dimension,
                                          .count = s->slices,
                                          .total = s->slices};
    size_t bytes;
    enum ss_status st = SS_OK;

    if (!ss_multiply(s->batch, s->dimension * sizeof(float), &bytes))
        return SS_FAIL(SS_ERR_MEMORY, "a batch of %zu rows of %zu overflows a size", s->batch, s->dimension);
    if (s->objective == SS_OBJECTIVE_DSM) {
        TRY(ss_buffer_create(b->device, bytes, &b->noise));
        TRY(ss_denoising_noise_enqueue(b->device, s->batch, s->dimension, &draw, ss_span_of(b->noise)));
    } else if (s->objective != SS_OBJECTIVE_ESM) {
        if (!ss_multiply(bytes, s->slices, &bytes))
            return SS_FAIL(SS_ERR_MEMORY, "%zu slices overflow a size", s->slices);
        TRY(ss_buffer_create(b->device, bytes, &b->slices));
        TRY(ss_slices_enqueue(b->device, &slices, &draw, ss_span_of(b->slices)));
    }
out:
    return st;
}

enum ss_status ss_bench_bed_make(struct ss_device *device, const struct ss_bench_shape *shape,
                                 struct ss_bench_bed *out)
{
    struct ss_bench_bed *const b = out;
    struct ss_train_setup setup;
    enum ss_status st = SS_OK;

    *b = (struct ss_bench_bed){.device = device, .experiment = experiment_of(shape)};
    TRY(ss_dataset_load(&b->experiment.data, b->experiment.seed, &b->dataset));
    TRY(ss_model_create(&b->experiment.model, shape->dimension, &b->model));
    setup = (struct ss_train_setup){
        .device = device, .model = b->model, .dataset = b->dataset, .experiment = &b->experiment};
    TRY(ss_trainer_create(&setup, &b->trainer));
    TRY(ss_trainer_start(b->trainer));
out:
    if (st != SS_OK)
        ss_bench_bed_release(b);
    return st;
}

void ss_bench_bed_release(struct ss_bench_bed *b)
{
    ss_trainer_free(b->trainer);
    ss_model_free(b->model);
    ss_dataset_free(b->dataset);
    ss_buffer_free(b->slices);
    ss_buffer_free(b->noise);
    *b = (struct ss_bench_bed){0};
}

/* ---- the watch ---- */

enum what { GRADIENT, STEP };

/* Seconds of each of n, enqueued together. */
static enum ss_status time_of(struct ss_bench_bed *b, enum what what, size_t n, double *seconds)
{
    enum ss_status st = SS_OK;

    if (ss_stop_signal())
        return SS_ERR_INTERRUPTED;
    TRY(ss_device_finish(b->device));
    const double from = ss_clock_seconds();
    for (size_t i = 0; i < n; i++) {
        if (what == STEP)
            TRY(ss_trainer_enqueue_step(b->trainer));
        else
            TRY(ss_trainer_enqueue_gradient(b->trainer, ss_span_of(b->slices), ss_span_of(b->noise)));
    }
    TRY(ss_device_finish(b->device));
    *seconds = (ss_clock_seconds() - from) / (double)n;
out:
    return st;
}

/* As many gradients as steps: the first of a row wakes threads, 0.1 to 0.2 ms on Emerald Rapids, and a row of
 * one step was measured beside one of three gradients. */
static enum ss_status how_many(struct ss_bench_bed *b, size_t *n)
{
    double seconds = 0;
    enum ss_status st = SS_OK;

    TRY(time_of(b, GRADIENT, 1, &seconds)); /* drivers compile at the first launch */
    TRY(time_of(b, GRADIENT, 1, &seconds));
    if (seconds < REPETITION_SECONDS / 8) /* one alone tells more of waking up than of work */
        TRY(time_of(b, GRADIENT, 8, &seconds));
    const double fit = seconds > 0 ? REPETITION_SECONDS / seconds : MOST_ENQUEUED;
    const double few = seconds > 0 ? fmin(FEW_ENQUEUED, SECONDS_OF_FEW / seconds) : 1;
    *n = (size_t)fmin(fmax(fmax(fit, few), 1), MOST_ENQUEUED);
out:
    return st;
}

struct samples {
    double gradient[MOST_REPETITIONS], step[MOST_REPETITIONS], fraction[MOST_REPETITIONS];
    double peak[2 * MOST_REPETITIONS];
    size_t n;
};

static enum ss_status repeat(struct ss_bench_bed *b, struct ss_peak *peak, double gflop, double seconds,
                             struct samples *s)
{
    size_t n = 1;
    const double until = ss_clock_seconds() + seconds;
    enum ss_status st = SS_OK;

    TRY(time_of(b, STEP, 1, &s->step[0])); /* puts rows into the batch */
    TRY(how_many(b, &n));
    for (s->n = 0; s->n < MOST_REPETITIONS;) {
        double *const around = s->peak + 2 * s->n;
        if (s->n >= LEAST_REPETITIONS && ss_clock_seconds() >= until)
            break;
        TRY(ss_peak_measure(peak, &around[0]));
        TRY(time_of(b, GRADIENT, n, &s->gradient[s->n]));
        TRY(ss_peak_measure(peak, &around[1]));
        TRY(time_of(b, STEP, n, &s->step[s->n]));
        s->fraction[s->n] = gflop / s->gradient[s->n] / (0.5 * (around[0] + around[1]));
        s->n++;
    }
out:
    return st == SS_ERR_INTERRUPTED && s->n ? SS_OK : st;
}

static struct ss_bench_spread milliseconds(double *seconds, size_t n)
{
    const struct ss_bench_spread s = ss_bench_spread_of(seconds, n);

    return (struct ss_bench_spread){1e3 * s.median, 1e3 * s.min, 1e3 * s.max};
}

enum ss_status ss_bench_measure(struct ss_device *device, struct ss_peak *peak,
                                const struct ss_bench_shape *shape, double seconds, struct ss_bench_row *row)
{
    const size_t before = ss_device_allocated(device);
    struct ss_bench_bed b;
    struct samples s = {.n = 0};
    enum ss_status st = SS_OK;

    *row = (struct ss_bench_row){.shape = *shape,
                                 .gflop = ss_bench_gflop(shape),
                                 .build_cold_s = NAN,
                                 .build_warm_s = NAN,
                                 .first_step_cold_s = NAN,
                                 .first_step_warm_s = NAN,
                                 .resident_mib = NAN};
    ss_device_watch_allocated(device);
    TRY(ss_bench_bed_make(device, shape, &b));
    TRY(time_of(&b, STEP, 1, &s.step[0])); /* after it nothing is allocated but slices given, not counted */
    row->memory_mib = (double)(ss_device_most_allocated(device) - before) / 1048576.0;
    TRY(give_directions(&b, shape));
    TRY(repeat(&b, peak, row->gflop, seconds, &s));
    snprintf(row->plan, sizeof(row->plan), "%s", ss_trainer_plan(b.trainer));
    row->repetitions = s.n;
    row->gradient_ms = milliseconds(s.gradient, s.n);
    row->step_ms = milliseconds(s.step, s.n);
    row->gflops = 1e3 * row->gflop / row->gradient_ms.median;
    row->fraction_of_peak = ss_bench_spread_of(s.fraction, s.n).median;
    row->peak_gflops = ss_bench_spread_of(s.peak, 2 * s.n).median;
out:
    ss_bench_bed_release(&b);
    return st;
}
