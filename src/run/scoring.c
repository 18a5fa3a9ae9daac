#include "run/scoring.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "data/table.h"
#include "run/evaluate.h"

enum { SCORER_ROWS = 4096 };

/* Rows as the model sees them, for a run without data. */
static enum ss_status plain_rows(const struct ss_trained *t, const char *path, float **y, size_t *rows)
{
    const size_t d = t->model->dimension;
    struct ss_table *table = NULL;
    double *row = NULL;
    size_t shape[3];
    enum ss_status st = SS_OK;

    TRY(ss_table_read_array(path, &table, shape));
    if (table->columns != d || shape[0] != 1) {
        st = SS_FAIL(SS_ERR_USAGE, "%s: the model takes rows of %zu columns, found %zu", path, d,
                     table->columns);
        goto out;
    }
    TRY(ss_allocate(table->rows * d, y));
    TRY(ss_allocate(d, &row));
    for (size_t i = 0; i < table->rows; i++) {
        ss_table_row(table, i, row);
        for (size_t j = 0; j < d; j++)
            (*y)[i * d + j] = (float)row[j];
    }
    *rows = table->rows;
out:
    free(row);
    ss_table_free(table);
    return st;
}

static enum ss_status name_columns(const struct ss_trained *t, const size_t *kept, struct ss_scores *s)
{
    const size_t first = s->columns - s->dimension;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(s->columns, &s->names));
    if (first)
        TRY(ss_text_copy("log_density", &s->names[0]));
    for (size_t j = 0; j < s->dimension; j++) {
        if (t->transform)
            TRY(ss_text_format(&s->names[first + j], "score_%s",
                               ss_transform_input_name(t->transform, kept[j])));
        else
            TRY(ss_text_format(&s->names[first + j], "score_x%zu", j));
    }
out:
    return st;
}

/* Row i in its own units, from energy and score at y. */
static void fill_row(const struct ss_trained *t, const double *y, double energy, const double *score_y,
                     double *score_x, size_t *kept, bool first_row, struct ss_scores *s, size_t i)
{
    const size_t first = s->columns - s->dimension;
    float *const out = s->values + i * s->columns;
    double log_density = -energy - (s->normalized ? s->normalizer.log_z : 0);

    if (!t->transform) {
        for (size_t j = 0; j < s->dimension; j++)
            out[first + j] = (float)score_y[j];
    } else {
        const double log_det = ss_transform_log_det(t->transform, y);
        log_density += isnan(log_det) ? 0 : log_det;
        ss_transform_score(t->transform, y, score_y, score_x);
        for (size_t j = 0, n = 0; first_row && j < ss_transform_inputs(t->transform) && n < s->dimension; j++)
            if (!isnan(score_x[j]))
                kept[n++] = j;
        for (size_t j = 0; j < s->dimension; j++)
            out[first + j] = (float)score_x[kept[j]];
    }
    if (first)
        out[0] = (float)log_density;
}

static enum ss_status fill(const struct ss_trained *t, const float *y, struct ss_scores *s)
{
    const size_t d = s->dimension, inputs = t->transform ? ss_transform_inputs(t->transform) : d;
    struct ss_scorer *scorer = NULL;
    float *energy = NULL, *score = NULL;
    double *row = NULL;
    size_t *kept = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(s->rows, &energy));
    TRY(ss_allocate(s->rows * d, &score));
    TRY(ss_allocate(2 * d + inputs, &row));
    TRY(ss_allocate(d, &kept));
    TRY(ss_scorer_create(t->device, t->model, s->rows < SCORER_ROWS ? s->rows : SCORER_ROWS, &scorer));
    TRY(ss_scorer_host(scorer, t->weights, y, s->rows, t->model->is_energy ? energy : NULL, score));
    for (size_t i = 0; i < s->rows; i++) {
        for (size_t j = 0; j < d; j++) {
            row[j] = y[i * d + j];
            row[d + j] = score[i * d + j];
        }
        fill_row(t, row, energy[i], row + d, row + 2 * d, kept, i == 0, s, i);
    }
    TRY(name_columns(t, kept, s));
    if (t->transform && t->model->is_energy && isnan(ss_transform_log_det(t->transform, row)))
        ss_say(SS_LEVEL_WARNING,
               "columns were dropped by what the data look like: log_density is that of the transformed "
               "columns");
out:
    ss_scorer_free(scorer);
    free(energy);
    free(score);
    free(row);
    free(kept);
    return st;
}

enum ss_status ss_scores_make(const struct ss_trained *t, const char *path, struct ss_scores *out)
{
    struct ss_scores s = {.dimension = t->model->dimension};
    float *y = NULL;
    double *x = NULL;
    enum ss_status st = SS_OK;

    if (t->transform)
        TRY(ss_file_rows(t, path, 0, false, &y, &x, &s.rows));
    else
        TRY(plain_rows(t, path, &y, &s.rows));
    s.columns = s.dimension + t->model->is_energy;
    TRY(ss_normalizer_find(t, &s.normalizer));
    s.normalized = s.normalizer.known;
    TRY(ss_allocate(s.rows * s.columns, &s.values));
    TRY(fill(t, y, &s));
    *out = s;
    s = (struct ss_scores){0};
out:
    ss_scores_release(&s);
    free(y);
    free(x);
    return st;
}

void ss_scores_release(struct ss_scores *s)
{
    for (size_t i = 0; s->names && i < s->columns; i++)
        free(s->names[i]);
    free(s->names);
    free(s->values);
    *s = (struct ss_scores){0};
}
