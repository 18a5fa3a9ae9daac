/* dataset.c - from the data block of an experiment to rows that can be trained on. */
#include "data/dataset.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "data/dataset_rows.h"
#include "data/synthetic.h"
#include "data/table.h"
#include "data/transform_fit.h"
#include "random/random.h"

enum { PARTS = 3 };

struct ss_dataset {
    struct ss_table *table;
    struct ss_transform *transform;
    struct ss_synthetic *synthetic; /* NULL for files */
    bool has_density;
    uint32_t seed;
    uint32_t *rows; /* of the table, all parts one after the other; each part ascending */
    size_t count[PARTS], first[PARTS];
};

/* ---- rows ---- */

static enum ss_status make_table(const struct ss_synthetic *s, size_t rows, struct ss_table **out)
{
    const size_t d = ss_synthetic_dimension(s);
    struct ss_table *t = NULL;
    double *x = NULL;
    float *values = NULL;
    size_t size;
    enum ss_status st = SS_OK;

    if (!ss_multiply(rows, d, &size))
        return SS_FAIL_MEMORY(SIZE_MAX);
    TRY(ss_allocate(1, &t));
    TRY(ss_allocate(size, &values));
    TRY(ss_allocate(d, &x));
    for (size_t i = 0; i < rows; i++) {
        ss_synthetic_row(s, (uint32_t)i, x);
        for (size_t j = 0; j < d; j++)
            values[i * d + j] = (float)x[j];
    }
    *t =
        (struct ss_table){.rows = rows, .columns = d, .type = SS_NUMBER_F4, .values = values, .heap = values};
    *out = t;
    t = NULL;
    values = NULL;
out:
    free(t);
    free(values);
    free(x);
    return st;
}

static enum ss_status get_table(struct ss_dataset *d, const struct ss_data_options *o)
{
    enum ss_status st = SS_OK;

    if (ss_source_is_synthetic(o->source)) {
        TRY(ss_synthetic_create(o, d->seed, &d->synthetic));
        TRY(make_table(d->synthetic, o->rows, &d->table));
    } else
        TRY(ss_table_read(o, &d->table));
    if (d->table->rows > 0x7fffffff)
        st = SS_FAIL(SS_ERR_MEMORY, "%zu rows are more than 2^31: set data.rows", d->table->rows);
out:
    return st;
}

static enum ss_status check_text(const struct ss_table *table, const struct ss_transform *choice)
{
    struct ss_text list;
    size_t count = 0;

    if (!table->text)
        return SS_OK;
    ss_text_init(&list);
    for (size_t i = 0; i < choice->outputs; i++)
        if (table->text[choice->from[i]] && count++ < 10)
            ss_text_addf(&list, "%s%s", count > 1 ? ", " : "", choice->names[choice->from[i]]);
    const enum ss_status st = count ? SS_FAIL(SS_ERR_USAGE,
                                              "%zu column%s text, not numbers (%s%s): leave them out by "
                                              "data.columns: {drop: [%s%s]}",
                                              count, count == 1 ? " holds" : "s hold", list.data,
                                              count > 10 ? ", ..." : "", list.data, count > 10 ? ", ..." : "")
                                    : SS_OK;
    ss_text_release(&list);
    return st;
}

/* All rows that may be used: rows[0..*n). */
static enum ss_status usable_rows(struct ss_dataset *d, const struct ss_data_options *o,
                                  const struct ss_transform *choice, size_t *n)
{
    enum ss_status st = SS_OK;

    *n = d->table->rows;
    for (size_t i = 0; i < *n; i++)
        d->rows[i] = (uint32_t)i;
    if (o->duplicates != SS_DUPLICATES_DROP)
        goto out;
    TRY(ss_rows_unique(d->table, choice, d->rows, n));
    if (*n < d->table->rows)
        ss_say(SS_LEVEL_NOTE, "%zu of %zu rows dropped: duplicates of others", d->table->rows - *n,
               d->table->rows);
out:
    return st;
}

/* ---- split ---- */

static int by_number(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* A fraction above 0 means at least one row. */
static size_t share(double fraction, size_t n)
{
    const size_t rows = (size_t)floor(fraction * (double)n + 0.5);

    return fraction > 0.0 && rows == 0 ? 1 : rows;
}

static enum ss_status split(struct ss_dataset *d, const struct ss_data_options *o, size_t n)
{
    const size_t validation = share(o->validation, n), test = share(o->test, n);
    uint32_t *mixed = NULL;
    enum ss_status st = SS_OK;

    if (!(o->validation >= 0.0 && o->test >= 0.0 && o->validation + o->test < 1.0))
        return SS_FAIL(SS_ERR_USAGE, "data.split: validation %g and test %g leave nothing to train on",
                       o->validation, o->test);
    if (validation + test + 2 > n)
        return SS_FAIL(
            SS_ERR_USAGE,
            "too few rows: %zu, of which %zu for validation and %zu for test; at least two are needed for "
            "training: give more rows or a smaller data.split",
            n, validation, test);
    TRY(ss_allocate(n, &mixed));
    for (size_t i = 0; i < n; i++)
        mixed[i] = d->rows[ss_random_permute(d->seed, SS_PURPOSE_SPLIT, 0, (uint32_t)n, (uint32_t)i)];
    d->count[SS_PART_VALIDATION] = validation;
    d->count[SS_PART_TEST] = test;
    d->count[SS_PART_TRAIN] = n - validation - test;
    /* Held-out rows come first in the mixed order, so that they stay the same when a part is cut from the
     * others. */
    d->first[SS_PART_TEST] = 0;
    d->first[SS_PART_VALIDATION] = test;
    d->first[SS_PART_TRAIN] = test + validation;
    memcpy(d->rows, mixed, n * sizeof *mixed);
    for (int p = 0; p < PARTS; p++)
        qsort(d->rows + d->first[p], d->count[p], sizeof *d->rows, by_number);
out:
    free(mixed);
    return st;
}

/* ---- density ---- */

/* Noise before all else widens the density and is known; any other random step is not, nor is a lost column.
 */
static enum ss_status prepare_density(struct ss_dataset *d)
{
    const struct ss_transform *const t = d->transform;
    double variance = 0.0;
    size_t k = 0;

    if (!d->synthetic || t->lossy || t->outputs != t->inputs)
        return SS_OK;
    for (; k < t->n_steps && t->steps[k].kind == SS_STEP_NOISE; k++)
        variance += t->steps[k].value * t->steps[k].value;
    for (; k < t->n_steps; k++)
        if (ss_step_is_random(&t->steps[k]))
            return SS_OK;
    return ss_synthetic_prepare(d->synthetic, variance, &d->has_density);
}

bool ss_dataset_has_density(const struct ss_dataset *d)
{
    return d->has_density;
}

enum ss_status ss_dataset_density(const struct ss_dataset *d, const float *y, size_t rows,
                                  double *log_density, double *score)
{
    const struct ss_transform *const t = d->transform;
    const size_t n = t->outputs;
    double *at = NULL, *x = NULL, *s = NULL;
    enum ss_status st = SS_OK;

    if (!d->has_density)
        return SS_FAIL(SS_ERR_INTERNAL, "the density of these data is not known");
    TRY(ss_allocate(n, &at));
    TRY(ss_allocate(n, &x));
    TRY(ss_allocate(n, &s));
    for (size_t i = 0; i < rows; i++) {
        double log_p;
        for (size_t j = 0; j < n; j++)
            at[j] = (double)y[i * n + j];
        ss_transform_inverse(t, at, x);
        ss_synthetic_density(d->synthetic, x, &log_p, score ? s : NULL);
        if (log_density)
            log_density[i] = log_p - ss_transform_log_det(t, at);
        if (!score)
            continue;
        for (size_t j = 0; j < n; j++)
            score[i * n + j] = s[t->from[j]];
        ss_transform_push_score(t, at, score + i * n);
    }
out:
    free(at);
    free(x);
    free(s);
    return st;
}

/* ---- all together ---- */

static enum ss_status load(struct ss_dataset *d, const struct ss_data_options *o,
                           struct ss_transform **choice)
{
    size_t n = 0;
    enum ss_status st = SS_OK;

    TRY(get_table(d, o));
    TRY(ss_transform_choice(o, d->table, choice));
    TRY(check_text(d->table, *choice));
    TRY(ss_allocate(d->table->rows, &d->rows));
    TRY(usable_rows(d, o, *choice, &n));
    TRY(split(d, o, n));
    const bool all = o->statistics == SS_STATISTICS_ALL;
    const uint32_t *const fitted = all ? d->rows : d->rows + d->first[SS_PART_TRAIN];
    TRY(ss_transform_fit(o, d->table, fitted, all ? n : d->count[SS_PART_TRAIN], d->seed, &d->transform));
    if (!d->synthetic && !ss_transform_random(d->transform))
        TRY(ss_rows_warn_of_ties(d->table, d->transform, d->rows + d->first[SS_PART_TRAIN],
                                 d->count[SS_PART_TRAIN]));
    TRY(prepare_density(d));
out:
    return st;
}

enum ss_status ss_dataset_load(const struct ss_data_options *options, uint32_t seed, struct ss_dataset **out)
{
    struct ss_dataset *d = NULL;
    struct ss_transform *choice = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &d));
    d->seed = seed;
    TRY(load(d, options, &choice));
    *out = d;
    d = NULL;
out:
    ss_transform_free(choice);
    ss_dataset_free(d);
    return st;
}

void ss_dataset_free(struct ss_dataset *d)
{
    if (!d)
        return;
    ss_transform_free(d->transform);
    ss_synthetic_free(d->synthetic);
    ss_table_free(d->table);
    free(d->rows);
    free(d);
}

size_t ss_dataset_rows(const struct ss_dataset *d, enum ss_part part)
{
    return d->count[part];
}

size_t ss_dataset_dimension(const struct ss_dataset *d)
{
    return ss_transform_outputs(d->transform);
}

const struct ss_transform *ss_dataset_transform(const struct ss_dataset *d)
{
    return d->transform;
}

const struct ss_table *ss_dataset_table(const struct ss_dataset *d)
{
    return d->table;
}

const uint32_t *ss_dataset_index(const struct ss_dataset *d, enum ss_part part)
{
    return d->rows + d->first[part];
}

enum ss_status ss_dataset_values(const struct ss_dataset *d, enum ss_part part, size_t limit, float **values,
                                 size_t *rows)
{
    const struct ss_transform_draw draw = {d->seed, SS_PURPOSE_NOISE_HELD_OUT, (uint32_t)part};
    const size_t all = d->count[part], n = limit && limit < all ? limit : all,
                 width = ss_dataset_dimension(d);
    const uint32_t *const index = ss_dataset_index(d, part);
    uint32_t *chosen = NULL;
    double *x = NULL, *y = NULL;
    float *out = NULL;
    size_t size;
    enum ss_status st = SS_OK;

    if (!ss_multiply(n, width, &size))
        return SS_FAIL_MEMORY(SIZE_MAX);
    TRY(ss_allocate(size, &out));
    TRY(ss_allocate(n, &chosen));
    TRY(ss_allocate(d->table->columns, &x));
    TRY(ss_allocate(width, &y));
    for (size_t i = 0; i < n; i++)
        chosen[i] = n < all ? index[ss_random_permute(d->seed, SS_PURPOSE_SUBSET, (uint32_t)part,
                                                      (uint32_t)all, (uint32_t)i)]
                            : index[i];
    qsort(chosen, n, sizeof *chosen, by_number);
    for (size_t i = 0; i < n; i++) {
        ss_table_row(d->table, chosen[i], x);
        ss_transform_forward(d->transform, x, &draw, chosen[i], y);
        for (size_t j = 0; j < width; j++)
            out[i * width + j] = (float)y[j];
    }
    *values = out;
    *rows = n;
    out = NULL;
out:
    free(out);
    free(chosen);
    free(x);
    free(y);
    return st;
}
