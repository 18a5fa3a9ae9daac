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

enum ss_start ss_sampling_start(const struct ss_trained *t)
{
    const enum ss_start wanted = t->experiment->sample.start;
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

static enum ss_status to_own_units(const struct ss_trained *t, struct ss_samples *s)
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

static void tell(const struct ss_samples *s, size_t chains, const struct ss_sample_options *o)
{
    if (s->count == 0)
        ss_say(SS_LEVEL_WARNING,
               "all %zu chains ran away: no samples; make sample.step_size (now %g) smaller, or train longer",
               chains, o->step_size);
    else if (s->runaway > 0)
        ss_say(SS_LEVEL_WARNING,
               "%zu of %zu chains ran away and are left out; a smaller sample.step_size (now %g), or more "
               "training, "
               "keeps them",
               s->runaway, chains, o->step_size);
    if (!isnan(s->acceptance))
        ss_say(SS_LEVEL_NOTE, "acceptance rate %.3f%s", s->acceptance,
               s->acceptance < 0.3    ? ": low; make sample.step_size smaller"
               : s->acceptance > 0.95 ? ": high; sample.step_size can be larger"
                                      : "");
}

enum ss_status ss_samples_draw(const struct ss_trained *t, const struct ss_dataset *dataset, size_t count,
                               struct ss_samples *out)
{
    const struct ss_sample_options *const o = &t->experiment->sample;
    const struct ss_sampler_options options = {.kind = o->sampler,
                                               .chains = count,
                                               .steps = o->steps,
                                               .step_size = o->step_size,
                                               .seed = t->experiment->seed};
    const size_t d = t->model->dimension;
    struct ss_samples s = {.acceptance = NAN};
    struct ss_sampler_result result = {0};
    struct ss_progress progress;
    float *start = NULL;
    size_t elements = 0;
    enum ss_status st = SS_OK;

    if (!ss_multiply(count, d, &elements) || elements > SIZE_MAX / sizeof(double))
        return SS_FAIL(SS_ERR_MEMORY, "%zu chains of %zu columns overflow a size", count, d);
    TRY(ss_allocate(elements, &start));
    if (ss_sampling_start(t) == SS_START_DATA && dataset)
        TRY(start_from_data(dataset, count, d, start));
    else
        start_from_noise(t->experiment->seed, count, d, start);
    ss_progress_begin(&progress, t->log, "sampling");
    st = ss_sampler_run(t->device, t->model, t->weights, &options, start, go_on, &progress, &result);
    ss_progress_end(&progress);
    TRY(st);
    s.y = result.values;
    s.count = result.count;
    s.runaway = result.runaway;
    s.acceptance = result.acceptance;
    tell(&s, count, o);
    TRY(to_own_units(t, &s));
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
