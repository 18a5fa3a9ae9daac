/* transform_columns.c - choose, drop and reorder columns of a chain, by name or number. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "data/transform_fit.h"
#include "random/random.h"

enum ss_status ss_transform_start(const struct ss_table *table, struct ss_transform **out)
{
    struct ss_transform *t = NULL;
    enum ss_status st = SS_OK;

    if (table->columns > UINT32_MAX)
        return SS_FAIL(SS_ERR_MEMORY, "%zu columns are too many", table->columns);
    TRY(ss_allocate(1, &t));
    t->inputs = t->outputs = table->columns;
    TRY(ss_allocate(t->inputs, &t->names));
    TRY(ss_allocate(t->inputs, &t->from));
    TRY(ss_allocate(t->inputs, &t->origin));
    for (size_t i = 0; i < t->inputs; i++) {
        t->from[i] = t->origin[i] = (uint32_t)i;
        if (table->names)
            TRY(ss_text_copy(table->names[i], &t->names[i]));
        else
            TRY(ss_text_format(&t->names[i], "x%zu", i));
    }
    t->height = table->height;
    t->width = table->width;
    *out = t;
    t = NULL;
out:
    ss_transform_free(t);
    return st;
}

/* ---- names ---- */

static enum ss_status no_such_column(const struct ss_fit *f, const char *what, const char *item)
{
    const struct ss_transform *const t = f->t;
    const char *const near = ss_text_nearest(item, (const char *const *)t->names, t->inputs);
    struct ss_text list;

    ss_text_init(&list);
    for (size_t i = 0; i < t->inputs && list.length < 300; i++)
        ss_text_addf(&list, "%s%s", i ? ", " : "", t->names[i]);
    const enum ss_status st =
        near ? SS_FAIL(SS_ERR_USAGE, "%s: no column '%s'; did you mean '%s'?", what, item, near)
             : SS_FAIL(SS_ERR_USAGE,
                       "%s: no column '%s'; there are %zu, by name or by number from 0 to %zu: %s%s", what,
                       item, t->inputs, t->inputs - 1, list.data, list.length < 300 ? "" : ", ...");
    ss_text_release(&list);
    return st;
}

/* The column of the table that `item` names: a name goes before a number. */
static enum ss_status find_column(const struct ss_fit *f, const char *what, const char *item, size_t *out)
{
    const struct ss_transform *const t = f->t;
    size_t count = 0;

    for (size_t i = 0; i < t->inputs; i++)
        if (strcmp(t->names[i], item) == 0 && count++ == 0)
            *out = i;
    if (count > 1)
        return SS_FAIL(SS_ERR_USAGE, "%s: %zu columns are named '%s': use their numbers, the first is %zu",
                       what, count, item, *out);
    if (count == 1)
        return SS_OK;
    if (item[0] == '\0' || strspn(item, "0123456789") != strlen(item))
        return no_such_column(f, what, item);
    errno = 0;
    const unsigned long number = strtoul(item, NULL, 10);
    if (errno || number >= t->inputs)
        return no_such_column(f, what, item);
    *out = number;
    return SS_OK;
}

enum ss_status ss_fit_columns(struct ss_fit *f, const char *what, const struct ss_names *keep,
                              const struct ss_names *drop)
{
    const struct ss_names *const names = keep ? keep : drop;
    const struct ss_transform *const t = f->t;
    bool *named = NULL, *kept = NULL;
    enum ss_status st = SS_OK;
    size_t column = 0;

    TRY(ss_allocate(t->inputs, &named));
    TRY(ss_allocate(t->outputs, &kept));
    for (size_t i = 0; i < names->count; i++) {
        TRY(find_column(f, what, names->items[i], &column));
        bool there = false;
        for (size_t j = 0; j < t->outputs; j++)
            there = there || t->origin[j] == column;
        if (!there) {
            st = SS_FAIL(SS_ERR_USAGE, "%s: column %s has been dropped before", what, t->names[column]);
            goto out;
        }
        named[column] = true;
    }
    for (size_t j = 0; j < t->outputs; j++)
        kept[j] = named[t->origin[j]] == (keep != NULL);
    TRY(ss_fit_keep(f, what, kept));
out:
    free(named);
    free(kept);
    return st;
}

/* ---- reordering ---- */

static enum ss_status pick(size_t n, const size_t *order, double **values)
{
    double *fresh = NULL;
    enum ss_status st = SS_OK;

    if (!*values)
        return SS_OK;
    TRY(ss_allocate(n, &fresh));
    for (size_t i = 0; i < n; i++)
        fresh[i] = (*values)[order[i]];
    free(*values);
    *values = fresh;
out:
    return st;
}

/* Outputs of a matrix change places: its rows, and the columns of its inverse. */
static enum ss_status pick_matrix(size_t n, const size_t *order, struct ss_step *s)
{
    double *matrix = NULL, *inverse = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(n * n, &matrix));
    TRY(ss_allocate(n * n, &inverse));
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            matrix[i * n + j] = s->matrix[order[i] * n + j];
            inverse[i * n + j] = s->inverse[i * n + order[j]];
        }
    free(s->matrix);
    free(s->inverse);
    s->matrix = matrix;
    s->inverse = inverse;
    matrix = inverse = NULL;
out:
    free(matrix);
    free(inverse);
    return st;
}

/* Output i becomes what output order[i] was; n may be fewer than before if there is no matrix. On failure the
 * chain is fit only to be freed. */
static enum ss_status reorder(struct ss_transform *t, size_t n, const size_t *order)
{
    enum ss_status st = SS_OK;
    size_t k = t->n_steps;

    while (k > 0 && t->steps[k - 1].kind != SS_STEP_MATRIX) {
        k--;
        TRY(pick(n, order, &t->steps[k].shift));
        TRY(pick(n, order, &t->steps[k].scale));
    }
    if (k > 0)
        TRY(pick_matrix(n, order, &t->steps[k - 1]));
    uint32_t *fresh = NULL;
    TRY(ss_allocate(n, &fresh));
    for (size_t i = 0; i < n; i++)
        fresh[i] = t->origin[order[i]];
    free(t->origin);
    t->origin = fresh;
    if (k == 0)
        memcpy(t->from, t->origin, n * sizeof *t->from);
    t->outputs = n;
out:
    return st;
}

enum ss_status ss_fit_keep(struct ss_fit *f, const char *what, const bool *keep)
{
    size_t *order = NULL, n = 0;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(f->t->outputs, &order));
    for (size_t i = 0; i < f->t->outputs; i++)
        if (keep[i])
            order[n++] = i;
    if (n == f->t->outputs)
        goto out;
    if (n == 0) {
        st = SS_FAIL(SS_ERR_USAGE, "%s leaves none of %zu columns", what, f->t->outputs);
        goto out;
    }
    for (size_t k = 0; k < f->t->n_steps; k++)
        if (f->t->steps[k].kind == SS_STEP_MATRIX) {
            st = SS_FAIL(
                SS_ERR_USAGE,
                "%s comes after whiten in data.transform, which has mixed all columns: put it before", what);
            goto out;
        }
    TRY(reorder(f->t, n, order));
out:
    free(order);
    return st;
}

enum ss_status ss_fit_permute(struct ss_fit *f, const struct ss_transform_options *o)
{
    const size_t n = f->t->outputs;
    const bool by_numbers = o->value < 0.0 || (isnan(o->value) && o->numbers.count);
    size_t *order = NULL;
    bool *seen = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(n, &order));
    TRY(ss_allocate(n, &seen));
    if (by_numbers && o->numbers.count != n) {
        st = SS_FAIL(SS_ERR_USAGE, "permute lists %zu numbers, but there are %zu columns at that point",
                     o->numbers.count, n);
        goto out;
    }
    if (!by_numbers && !(isnan(o->value) || o->value <= UINT32_MAX)) {
        st = SS_FAIL(SS_ERR_USAGE, "permute takes a seed of up to 32 bits, %.17g given", o->value);
        goto out;
    }
    const uint32_t seed = isnan(o->value) || by_numbers ? f->seed : (uint32_t)o->value;
    for (size_t i = 0; i < n; i++) {
        const double number = by_numbers ? o->numbers.items[i] : 0.0;
        if (by_numbers && !(number >= 0.0 && number < (double)n && number == floor(number))) {
            st = SS_FAIL(SS_ERR_USAGE, "permute takes the numbers 0 to %zu, each once; %g is none of them",
                         n - 1, number);
            goto out;
        }
        order[i] = by_numbers ? (size_t)number
                              : ss_random_permute(seed, SS_PURPOSE_PERMUTE, 0, (uint32_t)n, (uint32_t)i);
        if (seen[order[i]]) {
            st = SS_FAIL(SS_ERR_USAGE, "permute takes the numbers 0 to %zu, each once; %zu is there twice",
                         n - 1, order[i]);
            goto out;
        }
        seen[order[i]] = true;
    }
    TRY(reorder(f->t, n, order));
out:
    free(order);
    free(seen);
    return st;
}

enum ss_status ss_transform_choice(const struct ss_data_options *options, const struct ss_table *table,
                                   struct ss_transform **out)
{
    struct ss_fit f = {.table = table};
    enum ss_status st = SS_OK;

    TRY(ss_transform_start(table, &f.t));
    if (options->keep.count)
        TRY(ss_fit_columns(&f, "data.columns.keep", &options->keep, NULL));
    if (options->drop.count)
        TRY(ss_fit_columns(&f, "data.columns.drop", NULL, &options->drop));
    *out = f.t;
    f.t = NULL;
out:
    ss_transform_free(f.t);
    return st;
}
