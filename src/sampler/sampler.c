#include "sampler/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "random/random.h"

enum { STEPS_BETWEEN_REPORTS = 16 };

struct work {
    struct ss_device *device;
    const struct ss_sampler_options *options;
    struct ss_span parameters;
    size_t D;
    struct ss_scorer *scorer;
    struct ss_buffer *x, *score, *energy, *accepted; /* the chains' states; all but x for mala alone */
    struct ss_kernel *propose, *accept;
};

static enum ss_status work_init(struct work *w, const struct ss_model *model, const float *start)
{
    const size_t chains = w->options->chains, n = chains * w->D;
    enum ss_status st = SS_OK;

    TRY(ss_scorer_create(w->device, model, chains, &w->scorer));
    TRY(ss_buffer_create(w->device, n * sizeof(float), &w->x));
    TRY(ss_span_write(ss_span_of(w->x), start, n));
    TRY(ss_device_kernel(w->device, "sampler/langevin.cl", "langevin_propose", NULL, 0, &w->propose));
    if (w->options->kind == SS_SAMPLER_LANGEVIN)
        goto out;
    TRY(ss_device_kernel(w->device, "sampler/langevin.cl", "langevin_accept", NULL, 0, &w->accept));
    TRY(ss_buffer_create(w->device, n * sizeof(float), &w->score));
    TRY(ss_buffer_create(w->device, chains * sizeof(float), &w->energy));
    TRY(ss_buffer_create(w->device, chains * sizeof(uint32_t), &w->accepted));
    TRY(ss_span_copy(ss_span_of(w->x), ss_scorer_input(w->scorer), n));
    TRY(ss_scorer_enqueue(w->scorer, w->parameters, chains));
    TRY(ss_span_copy(ss_scorer_score(w->scorer), ss_span_of(w->score), n));
    TRY(ss_span_copy(ss_scorer_energy(w->scorer), ss_span_of(w->energy), chains));
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
}

/* y = x + e s + sqrt(2 e) z */
static enum ss_status enqueue_proposal(struct work *w, uint32_t step, struct ss_span score, struct ss_span y)
{
    const double e = w->options->step_size;
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

static enum ss_status enqueue_mala(struct work *w, uint32_t step)
{
    const struct ss_arg args[] = {ss_arg_u32(w->options->seed),
                                  ss_arg_u32(SS_PURPOSE_SAMPLER),
                                  ss_arg_u32(step),
                                  ss_arg_u32((uint32_t)w->options->chains),
                                  ss_arg_u32((uint32_t)w->D),
                                  ss_arg_f32((float)w->options->step_size),
                                  ss_arg_buffer(w->x),
                                  ss_arg_buffer(w->score),
                                  ss_arg_buffer(w->energy),
                                  ss_arg_span(ss_scorer_input(w->scorer)),
                                  ss_arg_span(ss_scorer_score(w->scorer)),
                                  ss_arg_span(ss_scorer_energy(w->scorer)),
                                  ss_arg_buffer(w->accepted)};
    enum ss_status st = SS_OK;

    TRY(enqueue_proposal(w, step, ss_span_of(w->score), ss_scorer_input(w->scorer)));
    TRY(ss_scorer_enqueue(w->scorer, w->parameters, w->options->chains));
    TRY(ss_launch(w->accept, (struct ss_range){.global = {w->options->chains}}, args, SS_COUNT(args)));
out:
    return st;
}

/* Past a thousand times the largest start no chain of a normalizable density comes back in the steps it has.
 */
static double bound_of(const float *start, size_t n)
{
    double largest = 1.0;

    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)start[i]));
    return 1e3 * largest;
}

static enum ss_status collect(struct work *w, double bound, struct ss_sampler_result *out)
{
    const size_t chains = w->options->chains, D = w->D;
    struct ss_sampler_result r = {.acceptance = NAN};
    uint32_t *accepted = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(chains * D, &r.values));
    TRY(ss_span_read(ss_span_of(w->x), r.values, chains * D));
    for (size_t c = 0; c < chains; c++) {
        bool sound = true;
        for (size_t i = 0; i < D; i++)
            sound &= fabs((double)r.values[c * D + i]) < bound; /* false for NAN */
        if (!sound) {
            r.runaway++;
            continue;
        }
        memmove(r.values + r.count * D, r.values + c * D, D * sizeof(float));
        r.count++;
    }
    if (w->accepted && w->options->steps) {
        double sum = 0.0;
        TRY(ss_allocate(chains, &accepted));
        TRY(ss_span_read(ss_span_of(w->accepted), accepted, chains));
        for (size_t c = 0; c < chains; c++)
            sum += accepted[c];
        r.acceptance = sum / (double)chains / w->options->steps;
    }
    *out = r;
    r.values = NULL;
out:
    free(r.values);
    free(accepted);
    return st;
}

enum ss_status ss_sampler_run(struct ss_device *device, const struct ss_model *model,
                              struct ss_span parameters, const struct ss_sampler_options *options,
                              const float *start, bool (*progress)(void *, double), void *context,
                              struct ss_sampler_result *out)
{
    struct work w = {.device = device, .options = options, .parameters = parameters, .D = model->dimension};
    enum ss_status st = SS_OK;

    if (options->kind == SS_SAMPLER_MALA && !model->is_energy)
        return SS_FAIL(SS_ERR_USAGE,
                       "sampler mala compares densities, and a score net has none: use langevin");
    if (!options->chains || !(options->step_size > 0))
        return SS_FAIL(SS_ERR_USAGE,
                       "sampling needs at least 1 chain and a step_size above 0, found %zu and %g",
                       options->chains, options->step_size);
    TRY(work_init(&w, model, start));
    for (uint32_t step = 0; step < options->steps; step++) {
        TRY(options->kind == SS_SAMPLER_MALA ? enqueue_mala(&w, step) : enqueue_langevin(&w, step));
        if (step % STEPS_BETWEEN_REPORTS)
            continue;
        TRY(ss_device_finish(device)); /* bounds what is queued, and keeps the fraction honest */
        if (progress && !progress(context, (double)step / options->steps)) {
            st = SS_ERR_INTERRUPTED;
            goto out;
        }
    }
    TRY(collect(&w, bound_of(start, options->chains * w.D), out));
out:
    work_release(&w);
    return st;
}
