/* transform_fit.c - from the transforms of an experiment and training rows to a chain. */
#include "data/transform_fit.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "random/random.h"

/* ---- passes over rows ---- */

enum ss_status ss_fit_each(struct ss_fit *f, ss_fit_row_fn *fn, void *context)
{
    const struct ss_transform_draw draw = {f->seed, SS_PURPOSE_NOISE_HELD_OUT, SS_FIT_DRAW};

    for (size_t i = 0; i < f->n_rows; i++) {
        const uint32_t row = f->rows[i];
        ss_table_row(f->table, row, f->x);
        ss_transform_choose(f->t, f->x, f->y);
        if (!ss_transform_apply(f->t, 0, f->t->n_steps, &draw, row, f->y))
            return SS_FAIL_MEMORY(f->t->outputs * sizeof *f->y);
        fn(f, row, i, f->y, context);
    }
    return SS_OK;
}

static void add_moments(struct ss_fit *f, uint32_t row, size_t i, const double *y, void *context)
{
    const struct ss_moments *const m = context;
    const double share = 1.0 / (double)(i + 1);
    (void)row;

    for (size_t j = 0; j < f->t->outputs; j++) {
        const double from_old = y[j] - m->mean[j];
        m->mean[j] += from_old * share;
        m->spread[j] += from_old * (y[j] - m->mean[j]);
    }
}

double ss_fit_deviation(double spread, double mean, size_t n)
{
    const double sd = sqrt(spread / (double)n);

    return sd > 1e-12 * fabs(mean) ? sd : 0.0;
}

enum ss_status ss_fit_finite(const struct ss_fit *f, const double *values)
{
    for (size_t j = 0; j < f->t->outputs; j++)
        if (!isfinite(values[j]))
            return SS_FAIL(
                SS_ERR_CORRUPT,
                "column %s holds values that are not finite, or too large to square, after %zu step%s of "
                "the transforms: correct the file, drop the column, or set data.missing",
                ss_transform_column(f->t, j), f->t->n_steps, f->t->n_steps == 1 ? "" : "s");
    return SS_OK;
}

enum ss_status ss_fit_moments(struct ss_fit *f, struct ss_moments *out)
{
    struct ss_moments m = {NULL, NULL};
    enum ss_status st = SS_OK;

    TRY(ss_allocate(f->t->outputs, &m.mean));
    TRY(ss_allocate(f->t->outputs, &m.spread));
    TRY(ss_fit_each(f, add_moments, &m));
    TRY(ss_fit_finite(f, m.mean));
    TRY(ss_fit_finite(f, m.spread));
    *out = m;
    m = (struct ss_moments){NULL, NULL};
out:
    free(m.mean);
    free(m.spread);
    return st;
}

void ss_fit_list(const struct ss_fit *f, const bool *which, struct ss_text *out)
{
    enum { MOST = 6 };
    size_t count = 0;

    for (size_t j = 0; j < f->t->outputs; j++)
        if (which[j] && count++ < MOST)
            ss_text_addf(out, "%s%s", count > 1 ? ", " : "", ss_transform_column(f->t, j));
    if (count > MOST)
        ss_text_addf(out, " and %zu more", count - MOST);
}

/* ---- the chain ---- */

/* What stands for a missing cell: the mean of the others, over the fitted rows. */
static enum ss_status fit_fill(struct ss_fit *f)
{
    struct ss_transform *const t = f->t;
    double *count = NULL, *fill = NULL;
    enum ss_status st = SS_OK;

    if (f->table->type != SS_NUMBER_F4 && f->table->type != SS_NUMBER_F8)
        return SS_OK;
    TRY(ss_allocate(t->inputs, &count));
    TRY(ss_allocate(t->inputs, &fill));
    for (size_t i = 0; i < f->n_rows; i++) {
        ss_table_row(f->table, f->rows[i], f->x);
        for (size_t j = 0; j < t->inputs; j++)
            if (!isnan(f->x[j]))
                fill[j] += (f->x[j] - fill[j]) / ++count[j];
    }
    for (size_t j = 0; j < t->outputs; j++)
        if (count[t->from[j]] == 0.0) {
            st = SS_FAIL(SS_ERR_CORRUPT, "column %s has no value in any training row: drop it",
                         t->names[t->from[j]]);
            goto out;
        }
    t->fill = fill;
    fill = NULL;
out:
    free(count);
    free(fill);
    return st;
}

static enum ss_status fit_one(struct ss_fit *f, const struct ss_transform_options *o)
{
    switch (o->kind) {
    case SS_TRANSFORM_KEEP:
        return ss_fit_columns(f, "transform keep", &o->names, NULL);
    case SS_TRANSFORM_DROP:
        return ss_fit_columns(f, "transform drop", NULL, &o->names);
    case SS_TRANSFORM_DROP_CORRELATED:
        return ss_fit_drop_correlated(f, o->value);
    case SS_TRANSFORM_STANDARDIZE:
        return ss_fit_standardize(f);
    case SS_TRANSFORM_WHITEN:
        return ss_fit_whiten(f, o->value);
    case SS_TRANSFORM_DEQUANTIZE:
        return ss_fit_dequantize(f, o->value);
    case SS_TRANSFORM_LOGIT:
        return ss_fit_logit(f, o->value);
    case SS_TRANSFORM_NOISE:
        return ss_fit_noise(f, o->value);
    case SS_TRANSFORM_PERMUTE:
        return ss_fit_permute(f, o);
    }
    return SS_FAIL(SS_ERR_INTERNAL, "transform of unknown kind %d", (int)o->kind);
}

bool ss_source_is_synthetic(enum ss_source source)
{
    return source != SS_SOURCE_NONE && source != SS_SOURCE_MNIST && source != SS_SOURCE_FASHION_MNIST;
}

bool ss_transform_default(const struct ss_data_options *options, const struct ss_table *table,
                          enum ss_transform_kind *kind)
{
    const bool whole = table->type != SS_NUMBER_F4 && table->type != SS_NUMBER_F8;

    if (ss_source_is_synthetic(options->source) || (table->height > 0 && !whole))
        return false;
    *kind = table->height > 0 ? SS_TRANSFORM_DEQUANTIZE : SS_TRANSFORM_STANDARDIZE;
    return true;
}

static enum ss_status fit_all(struct ss_fit *f, const struct ss_data_options *o)
{
    enum ss_transform_kind usual;
    enum ss_status st = SS_OK;

    if (o->missing == SS_MISSING_MEAN)
        TRY(fit_fill(f));
    if (!o->transforms_given) {
        if (ss_transform_default(o, f->table, &usual))
            TRY(fit_one(f, &(struct ss_transform_options){.kind = usual, .value = NAN}));
        goto out;
    }
    for (size_t i = 0; i < o->n_transforms; i++)
        TRY(fit_one(f, &o->transforms[i]));
out:
    return st;
}

enum ss_status ss_transform_fit(const struct ss_data_options *options, const struct ss_table *table,
                                const uint32_t *rows, size_t n_rows, uint32_t seed, struct ss_transform **out)
{
    struct ss_fit f = {.table = table, .rows = rows, .n_rows = n_rows, .seed = seed};
    enum ss_status st = SS_OK;

    if (n_rows == 0 || table->columns == 0)
        return SS_FAIL(SS_ERR_USAGE, "no %s to fit the transforms on", n_rows ? "columns" : "rows");
    TRY(ss_transform_choice(options, table, &f.t));
    TRY(ss_allocate(table->columns, &f.x));
    TRY(ss_allocate(table->columns, &f.y));
    TRY(fit_all(&f, options));
    *out = f.t;
    f.t = NULL;
out:
    ss_transform_free(f.t);
    free(f.x);
    free(f.y);
    return st;
}
