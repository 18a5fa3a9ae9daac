/* use.c - densities, scores and samples of the run that a handle holds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "library/handle.h"
#include "run/normalizer.h"
#include "run/sampling.h"

struct caller_rows { /* D numbers each; the run's table may have had more columns */
    const double *x;
    const size_t *kept;
    size_t D;
};

static void caller_row(void *context, size_t i, double *x)
{
    const struct caller_rows *const r = context;

    for (size_t j = 0; j < r->D; j++)
        x[r->kept[j]] = r->x[i * r->D + j];
}

static struct caller_rows rows_of(const struct slicescore *s, const double *x)
{
    return (struct caller_rows){x, ss_row_scores_kept(s->scores), s->run.model->dimension};
}

static enum ss_status score(struct slicescore *s, const double *x, size_t rows, double *log_density,
                            double *out)
{
    size_t numbers;
    enum ss_status st = SS_OK;

    TRY(ss_library_loaded(s));
    if (rows && (!x || (!log_density && !out)))
        return SS_FAIL(SS_ERR_USAGE, "%zu rows are to be scored, and %s is NULL", rows,
                       x ? "every output" : "x");
    if (!ss_multiply(rows, s->run.model->dimension * sizeof(double), &numbers))
        return SS_FAIL(SS_ERR_USAGE, "%zu rows of %zu columns overflow a size", rows,
                       s->run.model->dimension);
    if (log_density && !s->run.model->is_energy)
        return SS_FAIL(SS_ERR_USAGE, "this run is a score net, which has no density");
    struct caller_rows from = rows_of(s, x);
    TRY(ss_row_scores_run(s->scores, caller_row, &from, rows, log_density, out));
    for (size_t i = 0; log_density && s->normalized && i < rows; i++)
        log_density[i] -= s->log_z;
out:
    return st;
}

enum slicescore_status slicescore_score(struct slicescore *s, const double *x, size_t rows,
                                        double *log_density, double *out)
{
    struct ss_library_call call;

    if (!ss_library_enter(s, &call))
        return SLICESCORE_ERROR_USAGE;
    return ss_library_leave(&call, score(s, x, rows, log_density, out));
}

enum slicescore_status slicescore_log_density(struct slicescore *s, const double *x, size_t rows,
                                              double *log_density)
{
    return slicescore_score(s, x, rows, log_density, NULL);
}

enum slicescore_status slicescore_normalize(struct slicescore *s, double *log_z, double *error)
{
    struct ss_library_call call;
    struct ss_normalizer z;
    enum ss_status st = SS_OK;

    if (!ss_library_enter(s, &call))
        return SLICESCORE_ERROR_USAGE;
    TRY(ss_library_loaded(s));
    TRY(ss_normalizer_find(&s->run.trained, &z));
    if (!z.known) {
        st = SS_FAIL(SS_ERR_USAGE, "the density cannot be normalized: %s", z.why);
        goto out;
    }
    s->normalized = true;
    s->log_z = z.log_z;
    if (log_z)
        *log_z = z.log_z;
    if (error)
        *error = z.error;
out:
    return ss_library_leave(&call, st);
}

int slicescore_normalized(const struct slicescore *s)
{
    return s && s->loaded && s->normalized;
}

/* ---- samples ---- */

_Static_assert((int)SLICESCORE_SAMPLER_LANGEVIN == (int)SS_SAMPLER_LANGEVIN &&
                   (int)SLICESCORE_SAMPLER_MALA == (int)SS_SAMPLER_MALA &&
                   (int)SLICESCORE_SAMPLER_HMC == (int)SS_SAMPLER_HMC,
               "samplers have one numbering");

enum slicescore_status slicescore_sampling(const struct slicescore *s, struct slicescore_sampling *out)
{
    if (!s || !s->loaded || !out)
        return SLICESCORE_ERROR_USAGE;
    const struct ss_sample_options *const o = &s->run.experiment->sample;
    *out = (struct slicescore_sampling){.sampler = (enum slicescore_sampler)o->sampler,
                                        .warmup = o->warmup,
                                        .acceptance = o->target,
                                        .steps = o->steps,
                                        .leapfrog = o->leapfrog,
                                        .step_size = o->step_size,
                                        .seed = s->run.experiment->seed};
    return SLICESCORE_OK;
}

/* The caller's first states in the space that was trained in; the caller frees them. */
static enum ss_status take_starts(const struct slicescore *s, const struct slicescore_sampling *how,
                                  float **out)
{
    const struct ss_transform *const t = s->run.transform;
    const struct ss_transform_draw none = {.purpose = 0};
    const size_t d = s->run.model->dimension;
    struct caller_rows from = rows_of(s, how->start);
    double *x = NULL, *y = NULL;
    float *start = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(ss_row_scores_inputs(s->scores), &x));
    TRY(ss_allocate(d, &y));
    TRY(ss_allocate(how->starts * d, &start));
    for (size_t i = 0; i < how->starts; i++) {
        caller_row(&from, i, x);
        if (t)
            ss_transform_forward(t, x, &none, 0, y);
        for (size_t j = 0; j < d; j++) {
            start[i * d + j] = (float)(t ? y[j] : x[j]);
            if (!isfinite(start[i * d + j])) {
                st = SS_FAIL(SS_ERR_USAGE, "row %zu of start is not finite in the space trained in", i);
                goto out;
            }
        }
    }
    *out = start;
    start = NULL;
out:
    free(x);
    free(y);
    free(start);
    return st;
}

static enum ss_status take_options(const struct slicescore *s, const struct slicescore_sampling *from,
                                   struct ss_sampling *how, float **start)
{
    if (from->sampler != SLICESCORE_SAMPLER_LANGEVIN && from->sampler != SLICESCORE_SAMPLER_MALA &&
        from->sampler != SLICESCORE_SAMPLER_HMC)
        return SS_FAIL(SS_ERR_USAGE, "%d is not a sampler", (int)from->sampler);
    if (from->start && !from->starts)
        return SS_FAIL(SS_ERR_USAGE, "start is given, and starts is 0");
    how->options.sampler = (enum ss_sampler_kind)from->sampler;
    how->options.warmup = from->warmup;
    how->options.target = from->acceptance;
    how->options.steps = from->steps;
    how->options.leapfrog = from->leapfrog;
    how->options.step_size = from->step_size;
    how->seed = from->seed;
    how->starts = from->starts;
    return from->start ? take_starts(s, from, start) : SS_OK;
}

/* In double: a column far from 0 would lose digits as a float. */
static enum ss_status give_samples(const struct slicescore *s, const struct ss_samples *samples, double *x)
{
    const size_t d = s->run.model->dimension;
    const size_t *const kept = ss_row_scores_kept(s->scores);
    double *from = NULL, *to = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(d, &from));
    TRY(ss_allocate(ss_row_scores_inputs(s->scores), &to));
    for (size_t i = 0; i < samples->count; i++) {
        for (size_t j = 0; j < d; j++)
            from[j] = samples->y[i * d + j];
        if (s->run.transform)
            ss_transform_inverse(s->run.transform, from, to);
        else
            memcpy(to, from, d * sizeof(*to));
        for (size_t j = 0; j < d; j++)
            x[i * d + j] = to[kept[j]];
    }
out:
    free(from);
    free(to);
    return st;
}

static enum ss_status sample(struct slicescore *s, const struct slicescore_sampling *from, size_t count,
                             double *x, struct slicescore_sampled *sampled)
{
    struct ss_samples samples = {0};
    struct ss_dataset *dataset = NULL;
    float *start = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_library_loaded(s));
    if (!count || !x)
        return SS_FAIL(SS_ERR_USAGE, "samples are wanted, and %s", x ? "count is 0" : "x is NULL");
    struct ss_sampling how = ss_sampling_of(&s->run.trained);
    how.count = count;
    if (from)
        TRY(take_options(s, from, &how, &start));
    how.start = start;
    if (!start)
        TRY(ss_sampling_starts(&s->run.trained, &dataset));
    how.dataset = dataset;
    TRY(ss_samples_draw(&s->run.trained, &how, &samples));
    if (samples.count == 0 || (!sampled && samples.count < count)) {
        st = SS_FAIL(SS_ERR_DIVERGED,
                     "%zu of %zu chains ran away or never moved; a smaller step_size keeps them",
                     count - samples.count, count);
        goto out;
    }
    TRY(give_samples(s, &samples, x));
    if (sampled)
        *sampled = (struct slicescore_sampled){.count = samples.count,
                                               .lost = samples.runaway + samples.stuck,
                                               .divergent = samples.divergent,
                                               .acceptance = samples.acceptance,
                                               .step_size = samples.step_size,
                                               .ess = samples.ess,
                                               .rhat = samples.rhat};
out:
    ss_samples_release(&samples);
    ss_dataset_free(dataset);
    free(start);
    return st;
}

enum slicescore_status slicescore_sample(struct slicescore *s, const struct slicescore_sampling *how,
                                         size_t count, double *x, struct slicescore_sampled *sampled)
{
    struct ss_library_call call;

    if (!ss_library_enter(s, &call))
        return SLICESCORE_ERROR_USAGE;
    return ss_library_leave(&call, sample(s, how, count, x, sampled));
}
