#include "run/study.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/json.h"
#include "run/study_parts.h"

enum ss_status ss_study_run(const struct ss_setting *setting, const char *folder, struct ss_study_table *out)
{
    static enum ss_status (*const kinds[])(const struct ss_setting *, const char *,
                                           struct ss_study_table *) = {
        [SS_STUDY_ESTIMATES] = ss_study_estimates,
        [SS_STUDY_SLICES] = ss_study_slices,
        [SS_STUDY_TERMS] = ss_study_terms,
        [SS_STUDY_PARTS] = ss_study_integration,
        [SS_STUDY_SMOOTHING] = ss_study_smoothing,
        [SS_STUDY_EFFICIENCY] = ss_study_efficiency,
        [SS_STUDY_RACE] = ss_study_race};
    const struct ss_study_options *const o = &setting->experiment->study;
    struct ss_study_table t = {0};
    enum ss_status st = SS_OK;

    if (!(o->low < o->high))
        return SS_FAIL(SS_ERR_USAGE, "study.low: %g is not below study.high: %g", o->low, o->high);
    TRY(kinds[o->kind](setting, folder, &t));
    *out = t;
    t = (struct ss_study_table){0};
out:
    ss_study_table_release(&t);
    return st;
}

/* ---- tables ---- */

void ss_study_table_release(struct ss_study_table *t)
{
    free(t->rows);
    *t = (struct ss_study_table){0};
}

enum ss_status ss_study_row(struct ss_study_table *t, const char *label, struct ss_study_row **out)
{
    enum ss_status st = SS_OK;

    if (t->n_rows == t->capacity) {
        struct ss_study_row *rows = NULL;
        TRY(ss_allocate(2 * t->capacity + 16, &rows));
        if (t->n_rows)
            memcpy(rows, t->rows, t->n_rows * sizeof(*rows));
        free(t->rows);
        t->rows = rows;
        t->capacity = 2 * t->capacity + 16;
    }
    struct ss_study_row *const row = &t->rows[t->n_rows++];
    *row = (struct ss_study_row){0};
    strncpy(row->label, label, sizeof(row->label) - 1);
    *out = row;
out:
    return st;
}

enum ss_status ss_study_column(const struct ss_study_table *t, size_t column, const char *label, double **out,
                               size_t *n)
{
    double *values = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(t->n_rows, &values));
    *n = 0;
    for (size_t i = 0; i < t->n_rows; i++)
        if (!label || strcmp(t->rows[i].label, label) == 0)
            values[(*n)++] = t->rows[i].values[column];
    *out = values;
out:
    return st;
}

void ss_study_table_text(const struct ss_study_table *t, struct ss_text *out)
{
    ss_text_addf(out, "%-22s", t->label);
    for (size_t c = 0; c < t->n_columns; c++)
        ss_text_addf(out, " %14s", t->columns[c]);
    ss_text_add(out, "\n");
    for (size_t i = 0; i < t->n_rows; i++) {
        ss_text_addf(out, "%-22s", t->rows[i].label);
        for (size_t c = 0; c < t->n_columns; c++)
            ss_text_addf(out, " %14.7g", t->rows[i].values[c]);
        ss_text_add(out, "\n");
    }
}

void ss_study_table_csv(const struct ss_study_table *t, struct ss_text *out)
{
    ss_text_add(out, t->label);
    for (size_t c = 0; c < t->n_columns; c++)
        ss_text_addf(out, ",%s", t->columns[c]);
    ss_text_add(out, "\n");
    for (size_t i = 0; i < t->n_rows; i++) {
        ss_text_add(out, t->rows[i].label);
        for (size_t c = 0; c < t->n_columns; c++)
            ss_text_addf(out, ",%.17g", t->rows[i].values[c]);
        ss_text_add(out, "\n");
    }
}

void ss_study_table_json(const struct ss_study_table *t, const char *kind, struct ss_text *out)
{
    ss_json_open(out, NULL, '{');
    ss_json_text(out, "study", kind);
    ss_json_open(out, "columns", '[');
    ss_json_text(out, NULL, t->label);
    for (size_t c = 0; c < t->n_columns; c++)
        ss_json_text(out, NULL, t->columns[c]);
    ss_json_close(out, ']');
    ss_json_open(out, "rows", '[');
    for (size_t i = 0; i < t->n_rows; i++) {
        ss_json_open(out, NULL, '[');
        ss_json_text(out, NULL, t->rows[i].label);
        for (size_t c = 0; c < t->n_columns; c++)
            ss_json_number(out, NULL, t->rows[i].values[c]);
        ss_json_close(out, ']');
    }
    ss_json_close(out, ']');
    ss_json_close(out, '}');
    ss_text_add(out, "\n");
}

/* ---- for the kinds ---- */

double ss_study_point(const struct ss_study_options *o, uint32_t i, bool geometric)
{
    const double part = (double)i / (double)(o->points - 1);

    return geometric ? o->low * pow(o->high / o->low, part) : o->low + part * (o->high - o->low);
}

enum ss_status ss_study_draw(const char *folder, const char *name, const struct ss_line_chart *charts,
                             size_t n)
{
    char *path = NULL;
    enum ss_status st = SS_OK;

    if (!folder)
        return SS_OK;
    TRY(ss_path_join(folder, name, &path));
    TRY(ss_picture_line_panels(path, charts, n));
out:
    free(path);
    return st;
}
