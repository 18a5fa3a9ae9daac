/* transform_steps.c - fit the transforms that work column by column: standardize, dequantize, logit, noise.
 */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "data/transform_fit.h"

/* A new last step, zeroed; its arrays are the chain's to free. */
enum ss_status ss_fit_step(struct ss_transform *t, enum ss_step_kind kind, struct ss_step **out)
{
    struct ss_step *const more = realloc(t->steps, (t->n_steps + 1) * sizeof *more);

    if (!more)
        return SS_FAIL_MEMORY((t->n_steps + 1) * sizeof *more);
    t->steps = more;
    *out = &more[t->n_steps];
    **out = (struct ss_step){.kind = kind};
    return SS_OK;
}

enum ss_status ss_fit_standardize(struct ss_fit *f)
{
    struct ss_moments m = {NULL, NULL};
    struct ss_text names;
    struct ss_step *s;
    enum ss_status st = SS_OK;
    const size_t n = f->t->outputs;
    size_t n_constant = 0;
    bool *constant = NULL;

    ss_text_init(&names);
    TRY(ss_allocate(n, &constant));
    TRY(ss_fit_moments(f, &m));
    TRY(ss_fit_step(f->t, SS_STEP_AFFINE, &s));
    for (size_t j = 0; j < n; j++) {
        const double sd = ss_fit_deviation(m.spread[j], m.mean[j], f->n_rows);
        constant[j] = sd == 0.0;
        n_constant += constant[j];
        m.spread[j] = sd > 0.0 ? 1.0 / sd : 1.0;
    }
    if (n_constant) {
        ss_fit_list(f, constant, &names);
        ss_say(SS_LEVEL_WARNING,
               "standardize: %zu of %zu columns have one value only (%s): they are centred, not scaled, and "
               "a model "
               "has no density to learn there: drop them or add noise",
               n_constant, n, names.data);
    }
    s->shift = m.mean;
    s->scale = m.spread;
    f->t->n_steps++;
    m = (struct ss_moments){NULL, NULL};
out:
    free(m.mean);
    free(m.spread);
    free(constant);
    ss_text_release(&names);
    return st;
}

struct extremes {
    double *low, *high;
    bool whole; /* all values so far are whole numbers */
};

static void add_extremes(struct ss_fit *f, uint32_t row, size_t i, const double *y, void *context)
{
    struct extremes *const e = context;
    (void)row;

    for (size_t j = 0; j < f->t->outputs; j++) {
        /* Written so that NAN stays: it must not pass for a number in range. */
        e->low[j] = i && !(y[j] < e->low[j]) && !isnan(y[j]) ? e->low[j] : y[j];
        e->high[j] = i && !(y[j] > e->high[j]) && !isnan(y[j]) ? e->high[j] : y[j];
        e->whole = e->whole && y[j] == floor(y[j]);
    }
}

/* All values lie in [low, high] (and are whole numbers): else name a column that says otherwise. */
static enum ss_status check_range(struct ss_fit *f, double low, double high, bool whole, const char *what,
                                  const char *remedy)
{
    struct extremes e = {NULL, NULL, true};
    enum ss_status st = SS_OK;

    TRY(ss_allocate(f->t->outputs, &e.low));
    TRY(ss_allocate(f->t->outputs, &e.high));
    TRY(ss_fit_each(f, add_extremes, &e));
    for (size_t j = 0; j < f->t->outputs; j++)
        if (!(e.low[j] >= low && e.high[j] <= high)) {
            st = SS_FAIL(SS_ERR_USAGE, "%s takes values from %g to %g, but column %s has %.9g to %.9g: %s",
                         what, low, high, ss_transform_column(f->t, j), e.low[j], e.high[j], remedy);
            goto out;
        }
    if (whole && !e.whole)
        st = SS_FAIL(SS_ERR_USAGE, "%s takes whole numbers, but there are fractions among the values: %s",
                     what, remedy);
out:
    free(e.low);
    free(e.high);
    return st;
}

static enum ss_status fit_levels(struct ss_fit *f, double levels)
{
    struct ss_step *s;
    enum ss_status st = SS_OK;
    const size_t n = f->t->outputs;

    if (!(levels >= 2.0 && levels <= 0x1p24 && levels == floor(levels)))
        return SS_FAIL(SS_ERR_USAGE, "dequantize takes a whole number of levels from 2 on, %g given", levels);
    if (!(f->table->type == SS_NUMBER_U1 && f->t->n_steps == 0 && levels >= 256.0))
        TRY(check_range(f, 0.0, levels - 1.0, true, "dequantize",
                        "put dequantize before what changes the values, give its number of levels, or choose "
                        "other transforms"));
    TRY(ss_fit_step(f->t, SS_STEP_DEQUANTIZE, &s));
    TRY(ss_allocate(n, &s->scale));
    s->value = 1.0 / levels;
    s->centre = 0.0;
    for (size_t j = 0; j < n; j++)
        s->scale[j] = 1.0 / levels;
    f->t->n_steps++;
out:
    return st;
}

struct gather { /* columns [first, first + count) of all rows, column by column */
    size_t first, count;
    double *values;
};

static void add_gather(struct ss_fit *f, uint32_t row, size_t i, const double *y, void *context)
{
    const struct gather *const g = context;
    (void)row;

    for (size_t j = 0; j < g->count; j++)
        g->values[j * f->n_rows + i] = y[g->first + j];
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double ss_fit_gap(double *values, size_t n)
{
    double gap = 0.0;

    qsort(values, n, sizeof *values, by_value);
    for (size_t i = 1; i < n; i++) {
        const double d = values[i] - values[i - 1];
        if (d > 0.0 && (gap == 0.0 || d < gap))
            gap = d;
    }
    return gap;
}

static enum ss_status fit_gaps(struct ss_fit *f)
{
    enum { BLOCK_VALUES = 1 << 23 }; /* 64 MiB */
    struct gather g = {0, 0, NULL};
    struct ss_step *s;
    double *gaps = NULL;
    enum ss_status st = SS_OK;
    const size_t n = f->t->outputs, fit = BLOCK_VALUES / (f->n_rows ? f->n_rows : 1), block = fit ? fit : 1;
    size_t size;

    TRY(ss_allocate(n, &gaps));
    if (!ss_multiply(block < n ? block : n, f->n_rows, &size))
        return SS_FAIL_MEMORY(SIZE_MAX);
    TRY(ss_allocate(size, &g.values));
    for (g.first = 0; g.first < n; g.first += block) {
        g.count = n - g.first < block ? n - g.first : block;
        TRY(ss_fit_each(f, add_gather, &g));
        for (size_t j = 0; j < g.count; j++)
            gaps[g.first + j] = ss_fit_gap(g.values + j * f->n_rows, f->n_rows);
    }
    TRY(ss_fit_finite(f, gaps));
    TRY(ss_fit_step(f->t, SS_STEP_DEQUANTIZE, &s));
    s->value = 1.0;
    s->centre = 0.5;
    s->scale = gaps;
    gaps = NULL;
    f->t->n_steps++;
out:
    free(gaps);
    free(g.values);
    return st;
}

enum ss_status ss_fit_dequantize(struct ss_fit *f, double levels)
{
    for (size_t k = 0; k < f->t->n_steps; k++) {
        const enum ss_step_kind kind = f->t->steps[k].kind;
        if (kind == SS_STEP_NOISE || kind == SS_STEP_DEQUANTIZE || kind == SS_STEP_MATRIX)
            return SS_FAIL(
                SS_ERR_USAGE,
                "dequantize comes after %s in data.transform, which leaves no steps between values to "
                "fill: put dequantize first",
                kind == SS_STEP_NOISE    ? "noise"
                : kind == SS_STEP_MATRIX ? "whiten"
                                         : "another dequantize");
    }
    if (isnan(levels) && f->table->height > 0)
        levels = 256.0;
    return isnan(levels) ? fit_gaps(f) : fit_levels(f, levels);
}

enum ss_status ss_fit_logit(struct ss_fit *f, double alpha)
{
    struct ss_step *s;
    enum ss_status st = SS_OK;

    if (isnan(alpha))
        alpha = 1e-6;
    if (!(alpha >= 0.0 && alpha < 0.5))
        return SS_FAIL(SS_ERR_USAGE, "logit takes alpha from 0 up to, but not including, 0.5; %g given",
                       alpha);
    /* alpha 0 sends the ends to infinity. */
    TRY(check_range(f, alpha > 0.0 ? 0.0 : 0x1p-1000, alpha > 0.0 ? 1.0 : 1.0 - 0x1p-53, false, "logit",
                    alpha > 0.0 ? "dequantize images first; other columns are not for logit"
                                : "dequantize first, or give logit a small alpha such as 1e-6"));
    TRY(ss_fit_step(f->t, SS_STEP_LOGIT, &s));
    s->value = alpha;
    f->t->n_steps++;
out:
    return st;
}

enum ss_status ss_fit_noise(struct ss_fit *f, double sigma)
{
    struct ss_step *s;
    enum ss_status st = SS_OK;

    if (!(sigma > 0.0 && isfinite(sigma)))
        return SS_FAIL(SS_ERR_USAGE,
                       "noise takes a standard deviation above 0, such as {noise: 0.05}; %g given", sigma);
    TRY(ss_fit_step(f->t, SS_STEP_NOISE, &s));
    s->value = sigma;
    f->t->n_steps++;
out:
    return st;
}
