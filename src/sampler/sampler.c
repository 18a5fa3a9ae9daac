#include "sampler/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "random/random.h"
#include "sampler/diagnostics.h"

enum { STEPS_BETWEEN_REPORTS = 16, STEPS_TO_BE_STUCK = 50 };

struct work {
    struct ss_device *device;
    const struct ss_sampler_options *options;
    struct ss_span parameters;
    size_t D;
    double step_size; /* e, now */
    struct ss_scorer *scorer;
    struct ss_buffer *x; /* the chains' states; what follows is for a Metropolis test alone */
    struct ss_buffer *score, *energy, *accepted, *probability, *divergent, *momentum;
    float *probabilities;                   /* chains */
    struct ss_buffer *mean[2], *squares[2]; /* of the halves after the warm-up; NULL if too short */
    struct ss_kernel *propose, *accept, *begin, *leap, *track;
};

static bool is_tested(const struct work *w)
{
    return w->options->kind != SS_SAMPLER_LANGEVIN;
}

static enum ss_status work_init_test(struct work *w)
{
    const bool hmc = w->options->kind == SS_SAMPLER_HMC;
    const char *const file = hmc ? "sampler/hmc.cl" : "sampler/langevin.cl";
    const size_t chains = w->options->chains, n = chains * w->D;
    enum ss_status st = SS_OK;

    TRY(ss_device_kernel(w->device, file, hmc ? "hmc_accept" : "langevin_accept", NULL, 0, &w->accept));
    TRY(ss_buffer_create(w->device, n * sizeof(float), &w->score));
    TRY(ss_buffer_create(w->device, chains * sizeof(float), &w->energy));
    TRY(ss_buffer_create(w->device, chains * sizeof(uint32_t), &w->accepted));
    TRY(ss_buffer_create(w->device, chains * sizeof(uint32_t), &w->divergent));
    TRY(ss_buffer_create(w->device, chains * sizeof(float), &w->probability));
    TRY(ss_allocate(chains, &w->probabilities));
    if (hmc) {
        TRY(ss_device_kernel(w->device, file, "hmc_begin", NULL, 0, &w->begin));
        TRY(ss_device_kernel(w->device, file, "hmc_leap", NULL, 0, &w->leap));
        TRY(ss_buffer_create(w->device, n * sizeof(float), &w->momentum));
    }
    TRY(ss_span_copy(ss_span_of(w->x), ss_scorer_input(w->scorer), n));
    TRY(ss_scorer_enqueue(w->scorer, w->parameters, chains));
    TRY(ss_span_copy(ss_scorer_score(w->scorer), ss_span_of(w->score), n));
    TRY(ss_span_copy(ss_scorer_energy(w->scorer), ss_span_of(w->energy), chains));
out:
    return st;
}

static enum ss_status work_init(struct work *w, const struct ss_model *model, const float *start)
{
    const size_t n = w->options->chains * w->D;
    enum ss_status st = SS_OK;

    TRY(ss_scorer_create(w->device, model, w->options->chains, &w->scorer));
    TRY(ss_buffer_create(w->device, n * sizeof(float), &w->x));
    TRY(ss_span_write(ss_span_of(w->x), start, n));
    TRY(ss_device_kernel(w->device, "sampler/langevin.cl", "langevin_propose", NULL, 0, &w->propose));
    TRY(ss_device_kernel(w->device, "sampler/track.cl", "track", NULL, 0, &w->track));
    for (int half = 0; w->options->steps >= 4 && half < 2; half++) {
        TRY(ss_buffer_create(w->device, n * sizeof(float), &w->mean[half]));
        TRY(ss_buffer_create(w->device, n * sizeof(float), &w->squares[half]));
    }
    if (is_tested(w))
        TRY(work_init_test(w));
out:
    return st;
}

static void work_release(struct work *w)
{
    ss_scorer_free(w->scorer);
    ss_buffer_free(w->x);
    ss_buffer_free(w->score);
    ss_buffer_free(w->energy);
    ss_buffer_free(w->accepted);
    ss_buffer_free(w->probability);
    ss_buffer_free(w->divergent);
    ss_buffer_free(w->momentum);
    for (int half = 0; half < 2; half++) {
        ss_buffer_free(w->mean[half]);
        ss_buffer_free(w->squares[half]);
    }
    free(w->probabilities);
}

/* y = x + e s + sqrt(2 e) z */
static enum ss_status enqueue_proposal(struct work *w, uint32_t step, struct ss_span score, struct ss_span y)
{
    const double e = w->step_size;
    const struct ss_arg args[] = {ss_arg_u32(w->options->seed),
                                  ss_arg_u32(SS_PURPOSE_SAMPLER),
                                  ss_arg_u32(step),
                                  ss_arg_u32((uint32_t)w->options->chains),
                                  ss_arg_u32((uint32_t)w->D),
                                  ss_arg_f32((float)e),
                                  ss_arg_f32((float)sqrt(2.0 * e)),
                                  ss_arg_buffer(w->x),
                                  ss_arg_span(score),
                                  ss_arg_span(y)};

    return ss_launch(w->propose, (struct ss_range){.global = {(w->D + 3) / 4, w->options->chains}}, args,
                     SS_COUNT(args));
}

static enum ss_status enqueue_langevin(struct work *w, uint32_t step)
{
    const size_t n = w->options->chains * w->D;
    const struct ss_span input = ss_scorer_input(w->scorer);
    enum ss_status st = SS_OK;

    TRY(ss_span_copy(ss_span_of(w->x), input, n));
    TRY(ss_scorer_enqueue(w->scorer, w->parameters, w->options->chains));
    TRY(enqueue_proposal(w, step, ss_scorer_score(w->scorer), input));
    TRY(ss_span_copy(input, ss_span_of(w->x), n));
out:
    return st;
}

/* The test's arguments; hmc has the momentum in addition and the leapfrog step for e. */
static enum ss_status enqueue_test(struct work *w, uint32_t step)
{
    const bool hmc = w->options->kind == SS_SAMPLER_HMC;
    struct ss_arg args[17];
    size_t n = 0;

    args[n++] = ss_arg_u32(w->options->seed);
    args[n++] = ss_arg_u32(SS_PURPOSE_SAMPLER);
    args[n++] = ss_arg_u32(step);
    args[n++] = ss_arg_u32((uint32_t)w->options->chains);
    args[n++] = ss_arg_u32((uint32_t)w->D);
    args[n++] = ss_arg_f32((float)w->step_size);
    args[n++] = ss_arg_buffer(w->x);
    args[n++] = ss_arg_buffer(w->score);
    args[n++] = ss_arg_buffer(w->energy);
    if (hmc) {
        args[5] = ss_arg_f32((float)sqrt(2.0 * w->step_size));
        args[n++] = ss_arg_buffer(w->momentum);
    }
    args[n++] = ss_arg_span(ss_scorer_input(w->scorer));
    args[n++] = ss_arg_span(ss_scorer_score(w->scorer));
    args[n++] = ss_arg_span(ss_scorer_energy(w->scorer));
    args[n++] = ss_arg_buffer(w->accepted);
    args[n++] = ss_arg_buffer(w->probability);
    args[n++] = ss_arg_buffer(w->divergent);
    return ss_launch(w->accept, (struct ss_range){.global = {w->options->chains}}, args, n);
}

static enum ss_status enqueue_mala(struct work *w, uint32_t step)
{
    enum ss_status st = SS_OK;

    TRY(enqueue_proposal(w, step, ss_span_of(w->score), ss_scorer_input(w->scorer)));
    TRY(ss_scorer_enqueue(w->scorer, w->parameters, w->options->chains));
    TRY(enqueue_test(w, step));
out:
    return st;
}

/* From half of the leapfrog steps to all, the same for all chains, whatever their states: the law stays. */
static uint32_t leaps_of(const struct work *w, uint32_t step)
{
    const uint32_t most = w->options->leapfrog, least = most - most / 2;
    const uint32_t counter[4] = {step, 0, 2, 0};
    uint32_t bits[4];

    ss_random_bits(w->options->seed, SS_PURPOSE_SAMPLER, counter, bits);
    return least + bits[0] % (most - least + 1);
}

static enum ss_status enqueue_hmc(struct work *w, uint32_t step)
{
    const size_t chains = w->options->chains;
    const float h = (float)sqrt(2.0 * w->step_size);
    const struct ss_span q = ss_scorer_input(w->scorer);
    const struct ss_arg begin[] = {ss_arg_u32(w->options->seed),
                                   ss_arg_u32(SS_PURPOSE_SAMPLER),
                                   ss_arg_u32(step),
                                   ss_arg_u32((uint32_t)chains),
                                   ss_arg_u32((uint32_t)w->D),
                                   ss_arg_f32(h),
                                   ss_arg_buffer(w->x),
                                   ss_arg_buffer(w->score),
                                   ss_arg_buffer(w->momentum),
                                   ss_arg_span(q)};
    const struct ss_arg leap[] = {ss_arg_u32((uint32_t)(chains * w->D)), ss_arg_f32(h),
                                  ss_arg_span(ss_scorer_score(w->scorer)), ss_arg_buffer(w->momentum),
                                  ss_arg_span(q)};
    const uint32_t leaps = leaps_of(w, step);
    enum ss_status st = SS_OK;

    TRY(ss_launch(w->begin, (struct ss_range){.global = {(w->D + 3) / 4, chains}}, begin, SS_COUNT(begin)));
    for (uint32_t i = 0; i < leaps; i++) {
        if (i)
            TRY(ss_launch(w->leap, (struct ss_range){.global = {chains * w->D}}, leap, SS_COUNT(leap)));
        TRY(ss_scorer_enqueue(w->scorer, w->parameters, chains));
    }
    TRY(enqueue_test(w, step));
out:
    return st;
}

static enum ss_status enqueue_step(struct work *w, uint32_t step)
{
    switch (w->options->kind) {
    case SS_SAMPLER_LANGEVIN:
        break;
    case SS_SAMPLER_MALA:
        return enqueue_mala(w, step);
    case SS_SAMPLER_HMC:
        return enqueue_hmc(w, step);
    }
    return enqueue_langevin(w, step);
}

/* State number `step` after the warm-up, into its half; of an odd number the last is left out. */
static enum ss_status enqueue_track(struct work *w, uint32_t step)
{
    const uint32_t n = w->options->steps / 2;
    const size_t count = w->options->chains * w->D;

    if (!w->mean[0] || step >= 2 * n)
        return SS_OK;
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)count), ss_arg_f32((float)(step % n + 1)),
                                  ss_arg_buffer(w->x), ss_arg_buffer(w->mean[step / n]),
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
    const size_t chains = w->options->chains;
    double sum = 0;
    enum ss_status st = SS_OK;

    TRY(ss_span_read(ss_span_of(w->probability), w->probabilities, chains));
    for (size_t c = 0; c < chains; c++)
        sum += (double)w->probabilities[c];
    a->n++;
    const double rate = 1.0 / (a->n + 10.0), weight = pow(a->n, -0.75);
    a->error += rate * (w->options->target - sum / (double)chains - a->error);
    const double log_e = a->centre - sqrt(a->n) / 0.05 * a->error;
    a->log_average += weight * (log_e - a->log_average);
    w->step_size = exp(a->n == w->options->warmup ? a->log_average : log_e);
out:
    return st;
}

/* What the warm-up counted is of no interest. */
static enum ss_status forget(struct work *w)
{
    enum ss_status st = SS_OK;

    TRY(ss_span_zero(ss_span_of(w->accepted), w->options->chains));
    TRY(ss_span_zero(ss_span_of(w->divergent), w->options->chains));
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
    TRY(ss_span_read(ss_span_of(w->accepted), counts, chains));
    TRY(ss_span_read(ss_span_of(w->divergent), counts + chains, chains));
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
    TRY(ss_span_read(ss_span_of(w->x), r.values, chains * D));
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
            TRY(forget(&w));
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
