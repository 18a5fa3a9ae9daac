#include "run/sampling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "config/config.h"
#include "data/table.h"
#include "random/random.h"
#include "run/progress.h"
#include "run/stop.h"
#include "sampler/sampler.h"

struct ss_sampling ss_sampling_of(const struct ss_trained *t)
{
    return (struct ss_sampling){
        .options = t->experiment->sample, .count = t->experiment->sample.count, .seed = t->experiment->seed};
}

/* Never SS_START_AUTO. */
static enum ss_start start_of(const struct ss_trained *t, enum ss_start wanted)
{
    size_t height = 0, width = 0;

    if (wanted != SS_START_AUTO)
        return wanted;
    if (!t->transform)
        return SS_START_NOISE;
    const bool image = ss_transform_image(t->transform, &height, &width);
    return image || t->model->dimension > 2 ? SS_START_DATA : SS_START_NOISE;
}

static void start_from_noise(uint32_t seed, size_t chains, size_t d, float *x)
{
    for (size_t i = 0; i < chains; i++) {
        for (size_t j = 0; j < d; j += 4) {
            const uint32_t counter[4] = {0, (uint32_t)i, 0, (uint32_t)(j / 4)};
            float four[4];
            ss_random_normal(seed, SS_PURPOSE_SAMPLER_START, counter, four);
            memcpy(x + i * d + j, four, (d - j < 4 ? d - j : 4) * sizeof(*x));
        }
    }
}

/* More chains than rows: rows are used again; the chains part at once. */
static enum ss_status start_from_data(const struct ss_dataset *dataset, size_t chains, size_t d, float *x)
{
    float *rows = NULL;
    size_t n = 0;
    enum ss_status st = SS_OK;

    TRY(ss_dataset_values(dataset, SS_PART_TRAIN, chains, &rows, &n));
    if (n == 0) {
        st = SS_FAIL(SS_ERR_USAGE,
                     "no training rows for chains to start from; sample.start: noise needs none");
        goto out;
    }
    for (size_t i = 0; i < chains; i++)
        memcpy(x + i * d, rows + i % n * d, d * sizeof(*x));
out:
    free(rows);
    return st;
}

enum ss_status ss_sampling_starts(const struct ss_trained *t, struct ss_dataset **out)
{
    if (start_of(t, t->experiment->sample.start) != SS_START_DATA)
        return SS_OK;
    if (!t->experiment->has_data)
        return SS_FAIL(SS_ERR_USAGE,
                       "this run was imported without data, so its chains cannot start from rows");
    ss_log_phase(t->log, "reading the data");
    const enum ss_status st = ss_dataset_load(&t->experiment->data, t->experiment->seed, out);
    ss_log_phase(t->log, NULL);
    return st;
}

static enum ss_status make_start(const struct ss_trained *t, const struct ss_sampling *how, float *x)
{
    const size_t d = t->model->dimension;

    if (how->start) {
        for (size_t i = 0; i < how->count; i++)
            memcpy(x + i * d, how->start + i % how->starts * d, d * sizeof(*x));
    } else if (start_of(t, how->options.start) == SS_START_DATA) {
        if (!how->dataset)
            return SS_FAIL(SS_ERR_USAGE, "chains are to start from training rows, and there are none");
        return start_from_data(how->dataset, how->count, d, x);
    } else {
        start_from_noise(how->seed, how->count, d, x);
    }
    return SS_OK;
}

/* Which columns of the table come back: kept[D]. Dropped ones are NAN in any row. */
static void find_kept(const struct ss_trained *t, const double *x, size_t *kept)
{
    for (size_t i = 0, n = 0; i < ss_transform_inputs(t->transform) && n < t->model->dimension; i++)
        if (!isnan(x[i]))
            kept[n++] = i;
}

enum ss_status ss_own_units(const struct ss_trained *t, const float *y, size_t rows, float *x, size_t *kept)
{
    const size_t d = t->model->dimension;
    double *from = NULL, *to = NULL;
    enum ss_status st = SS_OK;

    if (!t->transform) {
        for (size_t j = 0; j < d; j++)
            kept[j] = j;
        memcpy(x, y, rows * d * sizeof(*x));
        return SS_OK;
    }
    TRY(ss_allocate(d, &from));
    TRY(ss_allocate(ss_transform_inputs(t->transform), &to));
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < d; j++)
            from[j] = y[i * d + j];
        ss_transform_inverse(t->transform, from, to);
        if (i == 0)
            find_kept(t, to, kept);
        for (size_t j = 0; j < d; j++)
            x[i * d + j] = (float)to[kept[j]];
    }
out:
    free(from);
    free(to);
    return st;
}

enum ss_status ss_samples_own_units(const struct ss_trained *t, struct ss_samples *s)
{
    const size_t d = t->model->dimension;
    size_t *kept = NULL;
    enum ss_status st = SS_OK;

    s->columns = d;
    TRY(ss_allocate(s->count * d, &s->x));
    TRY(ss_allocate(d, &kept));
    TRY(ss_own_units(t, s->y, s->count, s->x, kept));
    if (!t->transform)
        goto out;
    TRY(ss_allocate(d, &s->names));
    for (size_t i = 0; i < d; i++)
        TRY(ss_text_copy(ss_transform_input_name(t->transform, kept[i]), &s->names[i]));
    if (!ss_transform_image(t->transform, &s->height, &s->width))
        s->height = s->width = 0;
out:
    free(kept);
    return st;
}

static bool go_on(void *context, double done)
{
    ss_progress_fraction(context, done);
    return ss_stop_signal() == 0;
}

/* Chains that are lost, each kind with what helps. */
static void tell_losses(const struct ss_samples *s, size_t chains)
{
    if (s->count == 0)
        ss_say(
            SS_LEVEL_WARNING,
            "all %zu chains ran away or never moved: no samples; make sample.step_size (now %.3g) smaller, "
            "or train longer",
            chains, s->step_size);
    else if (s->runaway > 0)
        ss_say(SS_LEVEL_WARNING,
               "%zu of %zu chains ran away and are left out; a smaller sample.step_size (now %.3g), or more "
               "training, keeps them",
               s->runaway, chains, s->step_size);
    if (s->count > 0 && s->stuck > 0)
        ss_say(SS_LEVEL_WARNING,
               "%zu of %zu chains never moved and are left out: a smaller sample.step_size (now %.3g), or "
               "another sample.start, frees them",
               s->stuck, chains, s->step_size);
    if (s->count > 0 && s->divergent > 0)
        ss_say(SS_LEVEL_WARNING,
               "%zu proposals diverged and were rejected: where the density is steep chains may not get; a "
               "smaller sample.step_size (now %.3g), or a higher sample.acceptance, gets them there",
               s->divergent, s->step_size);
}

enum { FEW_STATES = 100 };

static void tell(const struct ss_samples *s, size_t chains, const struct ss_sample_options *o)
{
    const bool adapted = o->sampler != SS_SAMPLER_LANGEVIN && o->warmup > 0;

    tell_losses(s, chains);
    if (!isnan(s->acceptance))
        ss_say(SS_LEVEL_NOTE, "acceptance rate %.3f, step size %.3g%s", s->acceptance, s->step_size,
               adapted                ? " after the warm-up"
               : s->acceptance < 0.3  ? ": low; make sample.step_size smaller"
               : s->acceptance > 0.95 ? ": high; sample.step_size can be larger"
                                      : "");
    if (isnan(s->rhat))
        return;
    ss_say(SS_LEVEL_NOTE, "split R-hat %.3f, effective sample size %.4g of %.4g states (of the worst column)",
           s->rhat, s->ess, (double)s->count * (o->steps / 2 * 2));
    if (s->rhat > 1.05 || s->ess < FEW_STATES)
        ss_say(SS_LEVEL_WARNING,
               "the chains have not mixed: more sample.steps, or a sampler that goes further in a step, is "
               "wanted before their samples stand for the density");
}

enum ss_status ss_samples_draw(const struct ss_trained *t, const struct ss_sampling *how,
                               struct ss_samples *out)
{
    const struct ss_sample_options *const o = &how->options;
    const struct ss_sampler_options options = {.kind = o->sampler,
                                               .chains = how->count,
                                               .warmup = o->sampler == SS_SAMPLER_LANGEVIN ? 0 : o->warmup,
                                               .steps = o->steps,
                                               .leapfrog = o->leapfrog,
                                               .step_size = o->step_size,
                                               .target = o->target,
                                               .seed = how->seed};
    const size_t d = t->model->dimension;
    struct ss_samples s = {0};
    struct ss_sampler_result result = {0};
    struct ss_progress progress;
    float *start = NULL;
    size_t elements = 0;
    enum ss_status st = SS_OK;

    if (!ss_multiply(how->count, d, &elements) || elements > SIZE_MAX / sizeof(double))
        return SS_FAIL(SS_ERR_MEMORY, "%zu chains of %zu columns overflow a size", how->count, d);
    TRY(ss_allocate(elements, &start));
    TRY(make_start(t, how, start));
    ss_progress_begin(&progress, t->log, "sampling");
    st = ss_sampler_run(t->device, t->model, t->weights, &options, start, go_on, &progress, &result);
    ss_progress_end(&progress);
    TRY(st);
    s.y = result.values;
    s.count = result.count;
    s.runaway = result.runaway;
    s.stuck = result.stuck;
    s.divergent = result.divergent;
    s.acceptance = result.acceptance;
    s.step_size = result.step_size;
    s.ess = result.ess;
    s.rhat = result.rhat;
    tell(&s, how->count, o);
    TRY(ss_samples_own_units(t, &s));
    *out = s;
    s = (struct ss_samples){0};
out:
    ss_samples_release(&s);
    free(start);
    return st;
}

void ss_samples_release(struct ss_samples *s)
{
    for (size_t i = 0; s->names && i < s->columns; i++)
        free(s->names[i]);
    free(s->names);
    free(s->x);
    free(s->y);
    *s = (struct ss_samples){0};
}

enum ss_status ss_samples_write(const struct ss_samples *s, const char *path)
{
    return ss_table_write(path, s->x, s->count, s->columns, (const char *const *)s->names);
}
