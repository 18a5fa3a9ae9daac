#include "sampler/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "random/random.h"
#include "sampler/diagnostics.h"
#include "sampler/hmc.h"

enum { STEPS_BETWEEN_REPORTS = 16, STEPS_TO_BE_STUCK = 50 };

struct work {
    struct ss_device *device;
    const struct ss_sampler_options *options;
    struct ss_span parameters;
    size_t D;
    double step_size;         /* e, now */
    struct ss_hmc *hmc;       /* mala and hmc: the chains; NULL for langevin, */
    struct ss_scorer *scorer; /* whose parts these are */
    struct ss_buffer *x;
    struct ss_kernel *propose;
    struct ss_buffer *mean[2], *squares[2]; /* of the halves after the warm-up; NULL if too short */
    struct ss_kernel *track;
};

static bool is_tested(const struct work *w)
{
    return w->options->kind != SS_SAMPLER_LANGEVIN;
}

static struct ss_span states(const struct work *w)
{
    return w->hmc ? ss_hmc_states(w->hmc) : ss_span_of(w->x);
}

static enum ss_status init_chains(struct work *w, const struct ss_model *model, const float *start)
{
    const size_t chains = w->options->chains, n = chains * w->D;
    const struct ss_hmc_options hmc = {
        .chains = chains, .seed = w->options->seed, .purpose = SS_PURPOSE_SAMPLER};
    enum ss_status st = SS_OK;

    if (is_tested(w)) {
        TRY(ss_hmc_create(w->device, model, w->parameters, &hmc, &w->hmc));
        TRY(ss_hmc_start(w->hmc, start));
        return SS_OK;
    }
    TRY(ss_scorer_create(w->device, model, chains, &w->scorer));
    TRY(ss_buffer_create(w->device, n * sizeof(float), &w->x));
    TRY(ss_span_write(ss_span_of(w->x), start, n));
    TRY(ss_device_kernel(w->device, "sampler/langevin.cl", "langevin_propose", NULL, 0, &w->propose));
out:
    return st;
}

static enum ss_status work_init(struct work *w, const struct ss_model *model, const float *start)
{
    const size_t n = w->options->chains * w->D;
    enum ss_status st = SS_OK;

    TRY(init_chains(w, model, start));
    TRY(ss_device_kernel(w->device, "sampler/track.cl", "track", NULL, 0, &w->track));
    for (int half = 0; w->options->steps >= 4 && half < 2; half++) {
        TRY(ss_buffer_create(w->device, n * sizeof(float), &w->mean[half]));
        TRY(ss_buffer_create(w->device, n * sizeof(float), &w->squares[half]));
    }
out:
    return st;
}

static void work_release(struct work *w)
{
    ss_hmc_free(w->hmc);
    ss_scorer_free(w->scorer);
    ss_buffer_free(w->x);
    for (int half = 0; half < 2; half++) {
        ss_buffer_free(w->mean[half]);
        ss_buffer_free(w->squares[half]);
    }
}

/* y = x + e s + sqrt(2 e) z */
static enum ss_status enqueue_langevin(struct work *w, uint32_t step)
{
    const size_t n = w->options->chains * w->D;
    const double e = w->step_size;
    const struct ss_span y = ss_scorer_input(w->scorer);
    const struct ss_arg args[] = {ss_arg_u32(w->options->seed),
                                  ss_arg_u32(SS_PURPOSE_SAMPLER),
                                  ss_arg_u32(step),
                                  ss_arg_u32((uint32_t)w->options->chains),
                                  ss_arg_u32((uint32_t)w->D),
                                  ss_arg_f32((float)e),
                                  ss_arg_f32((float)sqrt(2.0 * e)),
                                  ss_arg_buffer(w->x),
                                  ss_arg_span(ss_scorer_score(w->scorer)),
                                  ss_arg_span(y)};
    enum ss_status st = SS_OK;

    TRY(ss_span_copy(ss_span_of(w->x), y, n));
    TRY(ss_scorer_enqueue(w->scorer, w->parameters, w->options->chains));
    TRY(ss_launch(w->propose, (struct ss_range){.global = {(w->D + 3) / 4, w->options->chains}}, args,
                  SS_COUNT(args)));
    TRY(ss_span_copy(y, ss_span_of(w->x), n));
out:
    return st;
}

static enum ss_status enqueue_step(struct work *w, uint32_t step)
{
    if (!is_tested(w))
        return enqueue_langevin(w, step);
    const uint32_t most = w->options->kind == SS_SAMPLER_HMC ? w->options->leapfrog : 1;
    return ss_hmc_enqueue(w->hmc, &(struct ss_hmc_step){.number = step,
                                                        .leaps = ss_hmc_leaps(w->hmc, step, most),
                                                        .step_size = w->step_size,
                                                        .temperature = 1});
}

/* State number `step` after the warm-up, into its half; of an odd number the last is left out. */
static enum ss_status enqueue_track(struct work *w, uint32_t step)
{
    const uint32_t n = w->options->steps / 2;
    const size_t count = w->options->chains * w->D;

    if (!w->mean[0] || step >= 2 * n)
        return SS_OK;
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)count), ss_arg_f32((float)(step % n + 1)),
                                  ss_arg_span(states(w)), ss_arg_buffer(w->mean[step / n]),
                                  ss_arg_buffer(w->squares[step / n])};
    return ss_launch(w->track, (struct ss_range){.global = {count}}, args, SS_COUNT(args));
}

/* ---- adaptation ---- */

struct adaptation { /* dual averaging of log e */
    double centre, error, log_average;
    uint32_t n;
};

static enum ss_status adapt(struct work *w, struct adaptation *a)
{
    double acceptance = 0;
    enum ss_status st = SS_OK;

    TRY(ss_hmc_acceptance(w->hmc, &acceptance));
    a->n++;
    const double rate = 1.0 / (a->n + 10.0), weight = pow(a->n, -0.75);
    a->error += rate * (w->options->target - acceptance - a->error);
    const double log_e = a->centre - sqrt(a->n) / 0.05 * a->error;
    a->log_average += weight * (log_e - a->log_average);
    w->step_size = exp(a->n == w->options->warmup ? a->log_average : log_e);
out:
    return st;
}

/* ---- results ---- */

/* Past a thousand times the largest start no chain of a normalizable density comes back in the steps it has.
 */
static double bound_of(const float *start, size_t n)
{
    double largest = 1.0;

    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)start[i]));
    return 1e3 * largest;
}

static enum ss_status diagnose(struct work *w, const bool *sound, struct ss_sampler_result *r)
{
    const size_t n = w->options->chains * w->D;
    struct ss_halves h = {
        .sound = sound, .chains = w->options->chains, .D = w->D, .n = w->options->steps / 2};
    float *numbers = NULL;
    enum ss_status st = SS_OK;

    if (!w->mean[0])
        return SS_OK;
    TRY(ss_allocate(4 * n, &numbers));
    for (size_t half = 0; half < 2; half++) {
        TRY(ss_span_read(ss_span_of(w->mean[half]), numbers + half * n, n));
        TRY(ss_span_read(ss_span_of(w->squares[half]), numbers + (2 + half) * n, n));
        h.mean[half] = numbers + half * n;
        h.squares[half] = numbers + (2 + half) * n;
    }
    ss_diagnostics(&h, &r->ess, &r->rhat);
out:
    free(numbers);
    return st;
}

/* Acceptance and divergences of all chains; *sound is false for those that never moved. */
static enum ss_status count_tests(struct work *w, bool *sound, struct ss_sampler_result *r)
{
    const size_t chains = w->options->chains;
    uint32_t *counts = NULL;
    double sum = 0;
    enum ss_status st = SS_OK;

    if (!is_tested(w) || !w->options->steps)
        return SS_OK;
    TRY(ss_allocate(2 * chains, &counts));
    TRY(ss_hmc_counts(w->hmc, counts, counts + chains));
    for (size_t c = 0; c < chains; c++) {
        sum += counts[c];
        r->divergent += counts[chains + c];
        sound[c] = counts[c] > 0 || w->options->steps < STEPS_TO_BE_STUCK;
        r->stuck += !sound[c];
    }
    r->acceptance = sum / (double)chains / w->options->steps;
out:
    free(counts);
    return st;
}

static enum ss_status collect(struct work *w, double bound, struct ss_sampler_result *out)
{
    const size_t chains = w->options->chains, D = w->D;
    struct ss_sampler_result r = {.acceptance = NAN, .step_size = w->step_size, .ess = NAN, .rhat = NAN};
    bool *sound = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(chains * D, &r.values));
    TRY(ss_allocate(chains, &sound));
    memset(sound, true, chains);
    TRY(count_tests(w, sound, &r));
    TRY(ss_span_read(states(w), r.values, chains * D));
    for (size_t c = 0; c < chains; c++) {
        bool inside = true;
        for (size_t i = 0; i < D; i++)
            inside &= fabs((double)r.values[c * D + i]) < bound; /* false for NAN */
        r.runaway += sound[c] && !inside;
        sound[c] = sound[c] && inside;
        if (!sound[c])
            continue;
        memmove(r.values + r.count * D, r.values + c * D, D * sizeof(float));
        r.count++;
    }
    TRY(diagnose(w, sound, &r));
    *out = r;
    r.values = NULL;
out:
    free(r.values);
    free(sound);
    return st;
}

static enum ss_status check_options(const struct ss_sampler_options *o, const struct ss_model *model)
{
    if (o->kind != SS_SAMPLER_LANGEVIN && !model->is_energy)
        return SS_FAIL(SS_ERR_USAGE, "sampler %s compares densities, and a score net has none: use langevin",
                       o->kind == SS_SAMPLER_HMC ? "hmc" : "mala");
    if (!o->chains || !(o->step_size > 0) || !isfinite(o->step_size))
        return SS_FAIL(SS_ERR_USAGE,
                       "sampling needs at least 1 chain and a step_size above 0, found %zu and %g", o->chains,
                       o->step_size);
    if (o->kind == SS_SAMPLER_HMC && !o->leapfrog)
        return SS_FAIL(SS_ERR_USAGE, "hmc needs at least 1 leapfrog step");
    if (o->kind != SS_SAMPLER_LANGEVIN && o->warmup && !(o->target > 0 && o->target < 1))
        return SS_FAIL(SS_ERR_USAGE, "the acceptance rate to adapt to is between 0 and 1, found %g",
                       o->target);
    if (o->warmup > UINT32_MAX - o->steps)
        return SS_FAIL(SS_ERR_USAGE, "%u and %u steps are too many", o->warmup, o->steps);
    return SS_OK;
}

enum ss_status ss_sampler_run(struct ss_device *device, const struct ss_model *model,
                              struct ss_span parameters, const struct ss_sampler_options *options,
                              const float *start, bool (*progress)(void *, double), void *context,
                              struct ss_sampler_result *out)
{
    struct work w = {.device = device,
                     .options = options,
                     .parameters = parameters,
                     .D = model->dimension,
                     .step_size = options->step_size};
    struct adaptation a = {.centre = log(10 * options->step_size), .log_average = 0};
    enum ss_status st = SS_OK;

    TRY(check_options(options, model));
    TRY(work_init(&w, model, start));
    const uint32_t all = options->warmup + options->steps;
    for (uint32_t step = 0; step < all; step++) {
        TRY(enqueue_step(&w, step));
        if (step >= options->warmup)
            TRY(enqueue_track(&w, step - options->warmup));
        else if (is_tested(&w))
            TRY(adapt(&w, &a));
        if (is_tested(&w) && step + 1 == options->warmup)
            TRY(ss_hmc_reset_counts(w.hmc)); /* what the warm-up counted is of no interest */
        if (step % STEPS_BETWEEN_REPORTS)
            continue;
        TRY(ss_device_finish(device)); /* bounds what is queued, and keeps the fraction honest */
        if (progress && !progress(context, (double)step / all)) {
            st = SS_ERR_INTERRUPTED;
            goto out;
        }
    }
    TRY(collect(&w, bound_of(start, options->chains * w.D), out));
out:
    work_release(&w);
    return st;
}
