#include "run/metrics.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "run/events.h"

enum { MOST_BYTES = 1 << 30 };

struct ss_metrics {
    char *jsonl_path;
    FILE *jsonl, *csv;
    struct ss_events *events; /* NULL: not wanted */
    struct ss_metrics_table table;
    double before; /* seconds of training in earlier sessions */
    bool failed;
    int reason; /* errno of the failure */
};

/* The one list of columns after `step`. */
static const struct {
    const char *name;
    size_t offset;
} columns[] = {
    {"loss", offsetof(struct ss_metrics_row, loss)},
    {"gradient_norm", offsetof(struct ss_metrics_row, gradient_norm)},
    {"learning_rate", offsetof(struct ss_metrics_row, learning_rate)},
    {"rows_per_second", offsetof(struct ss_metrics_row, rows_per_second)},
    {"seconds", offsetof(struct ss_metrics_row, seconds)},
    {"skipped", offsetof(struct ss_metrics_row, skipped)},
    {"validation", offsetof(struct ss_metrics_row, validation)},
    {"validation_standard_error", offsetof(struct ss_metrics_row, validation_standard_error)},
};

static double value(const struct ss_metrics_row *r, size_t column)
{
    double v;

    memcpy(&v, (const char *)r + columns[column].offset, sizeof(v));
    return v;
}

static void set_value(struct ss_metrics_row *r, size_t column, double v)
{
    memcpy((char *)r + columns[column].offset, &v, sizeof(v));
}

static const struct ss_metrics_row empty_row = {.loss = NAN,
                                                .gradient_norm = NAN,
                                                .learning_rate = NAN,
                                                .rows_per_second = NAN,
                                                .seconds = NAN,
                                                .skipped = NAN,
                                                .validation = NAN,
                                                .validation_standard_error = NAN};

/* ---- text of a row ---- */

static void jsonl_row(const struct ss_metrics_row *r, struct ss_text *t)
{
    ss_json_open(t, NULL, '{');
    ss_json_integer(t, "step", (long long)r->step);
    for (size_t i = 0; i < SS_COUNT(columns); i++)
        if (!isnan(value(r, i)))
            ss_json_number(t, columns[i].name, value(r, i));
    ss_json_close(t, '}');
    ss_text_add(t, "\n");
}

static void csv_head(struct ss_text *t)
{
    ss_text_add(t, "step");
    for (size_t i = 0; i < SS_COUNT(columns); i++)
        ss_text_addf(t, ",%s", columns[i].name);
    ss_text_add(t, "\n");
}

static void csv_row(const struct ss_metrics_row *r, struct ss_text *t)
{
    ss_text_addf(t, "%llu", (unsigned long long)r->step);
    for (size_t i = 0; i < SS_COUNT(columns); i++) {
        if (isnan(value(r, i)))
            ss_text_add(t, ",");
        else
            ss_text_addf(t, ",%.9g", value(r, i));
    }
    ss_text_add(t, "\n");
}

/* ---- rows in memory ---- */

static enum ss_status append(struct ss_metrics_table *t, const struct ss_metrics_row *r)
{
    if (t->count == t->capacity) {
        const size_t capacity = t->capacity ? 2 * t->capacity : 256;
        struct ss_metrics_row *const rows = realloc(t->rows, capacity * sizeof(*rows));
        if (!rows)
            return SS_FAIL_MEMORY(capacity * sizeof(*rows));
        t->rows = rows;
        t->capacity = capacity;
    }
    t->rows[t->count++] = *r;
    return SS_OK;
}

void ss_metrics_table_release(struct ss_metrics_table *t)
{
    free(t->rows);
    *t = (struct ss_metrics_table){0};
}

static bool parse(const char *line, size_t length, struct ss_metrics_row *out)
{
    json_error_t error;
    json_t *const o = json_loadb(line, length, 0, &error);
    const json_t *const step = json_object_get(o, "step");
    const bool ok = json_is_integer(step) && json_integer_value(step) >= 0;

    if (ok) {
        *out = empty_row;
        out->step = (uint64_t)json_integer_value(step);
        for (size_t i = 0; i < SS_COUNT(columns); i++) {
            const json_t *const v = json_object_get(o, columns[i].name);
            if (json_is_number(v))
                set_value(out, i, json_number_value(v));
        }
    }
    json_decref(o);
    return ok;
}

enum ss_status ss_metrics_read(const char *folder, struct ss_metrics_table *out)
{
    struct ss_metrics_table t = {0};
    char *path = NULL, *text = NULL;
    size_t size = 0;
    enum ss_status st = SS_OK;

    TRY(ss_path_join(folder, "metrics.jsonl", &path));
    if (ss_path_exists(path))
        TRY(ss_file_read(path, MOST_BYTES, &text, &size));
    for (const char *line = text, *end; line && (end = strchr(line, '\n')); line = end + 1) {
        struct ss_metrics_row r;
        if (!parse(line, (size_t)(end - line), &r))
            break;
        TRY(append(&t, &r));
    }
    *out = t;
    t = (struct ss_metrics_table){0};
out:
    ss_metrics_table_release(&t);
    free(path);
    free(text);
    return st;
}

/* ---- the files ---- */

static enum ss_status rewrite(const char *folder, const char *name, struct ss_text *text, FILE **out)
{
    char *path = NULL;
    FILE *f;
    enum ss_status st = SS_OK;

    TRY(ss_text_status(text));
    TRY(ss_path_join(folder, name, &path));
    TRY(ss_file_write(path, text->data, text->length));
    f = fopen(path, "ae");
    if (!f)
        st = SS_FAIL(SS_ERR_FILE, "%s: cannot write: %s", path, strerror(errno));
    else
        *out = f;
out:
    free(path);
    return st;
}

static enum ss_status cut(struct ss_metrics *m, const char *folder, uint64_t step)
{
    struct ss_text jsonl, csv;
    size_t kept = 0;
    enum ss_status st = SS_OK;

    ss_text_init(&jsonl);
    ss_text_init(&csv);
    csv_head(&csv);
    for (size_t i = 0; i < m->table.count; i++) {
        const struct ss_metrics_row r = m->table.rows[i];
        if (r.step > step)
            continue;
        m->table.rows[kept++] = r;
        jsonl_row(&r, &jsonl);
        csv_row(&r, &csv);
        if (!isnan(r.seconds))
            m->before = r.seconds;
    }
    m->table.count = kept;
    TRY(rewrite(folder, "metrics.jsonl", &jsonl, &m->jsonl));
    TRY(rewrite(folder, "metrics.csv", &csv, &m->csv));
out:
    ss_text_release(&jsonl);
    ss_text_release(&csv);
    return st;
}

enum ss_status ss_metrics_open(const char *folder, uint64_t step, bool events, struct ss_metrics **out)
{
    struct ss_metrics *m = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &m));
    TRY(ss_path_join(folder, "metrics.jsonl", &m->jsonl_path));
    if (step > 0)
        TRY(ss_metrics_read(folder, &m->table));
    TRY(cut(m, folder, step));
    if (events)
        TRY(ss_events_open(folder, step, &m->events));
    *out = m;
    m = NULL;
out:
    ss_metrics_free(m);
    return st;
}

void ss_metrics_free(struct ss_metrics *m)
{
    if (!m)
        return;
    if (m->jsonl)
        fclose(m->jsonl);
    if (m->csv)
        fclose(m->csv);
    ss_events_free(m->events);
    ss_metrics_table_release(&m->table);
    free(m->jsonl_path);
    free(m);
}

static void put(struct ss_metrics *m, FILE *f, const struct ss_text *t)
{
    if (m->failed)
        return;
    if (t->failed || fwrite(t->data, 1, t->length, f) != t->length || fflush(f) != 0) {
        m->failed = true;
        m->reason = errno;
    }
}

static void add_event(struct ss_metrics *m, const struct ss_metrics_row *r)
{
    struct ss_scalar scalars[SS_COUNT(columns)];

    for (size_t i = 0; i < SS_COUNT(columns); i++)
        scalars[i] = (struct ss_scalar){columns[i].name, value(r, i)};
    ss_events_add(m->events, r->step, scalars, SS_COUNT(columns));
}

static void add(struct ss_metrics *m, const struct ss_metrics_row *r)
{
    struct ss_text t;

    if (!m)
        return;
    ss_text_init(&t);
    jsonl_row(r, &t);
    put(m, m->jsonl, &t);
    ss_text_clear(&t);
    csv_row(r, &t);
    put(m, m->csv, &t);
    ss_text_release(&t);
    add_event(m, r);
    if (append(&m->table, r) != SS_OK && !m->failed) {
        m->failed = true;
        m->reason = ENOMEM;
    }
}

void ss_metrics_report(struct ss_metrics *m, const struct ss_train_report *r)
{
    struct ss_metrics_row row = empty_row;

    row.step = r->step;
    row.loss = r->loss;
    row.gradient_norm = r->gradient_norm;
    row.learning_rate = r->learning_rate;
    row.rows_per_second = r->rows_per_second;
    row.seconds = (m ? m->before : 0) + r->seconds;
    row.skipped = (double)r->skipped;
    add(m, &row);
}

void ss_metrics_evaluation(struct ss_metrics *m, const struct ss_train_evaluation *e)
{
    struct ss_metrics_row row = empty_row;

    row.step = e->step;
    row.validation = e->objective.mean;
    row.validation_standard_error = e->objective.standard_error;
    row.seconds = (m ? m->before : 0) + e->seconds;
    add(m, &row);
}

void ss_metrics_final(struct ss_metrics *m, const struct ss_metrics_list *list)
{
    const uint64_t step = m->table.count ? m->table.rows[m->table.count - 1].step : 0;
    struct ss_scalar scalars[SS_MOST_METRICS];
    char tags[SS_MOST_METRICS][64];

    for (size_t i = 0; i < list->count; i++) {
        snprintf(tags[i], sizeof(tags[i]), "evaluation/%s", list->items[i].name);
        scalars[i] = (struct ss_scalar){tags[i], list->items[i].mean};
    }
    if (list->count)
        ss_events_add(m->events, step, scalars, list->count);
}

enum ss_status ss_metrics_status(const struct ss_metrics *m)
{
    if (!m->failed)
        return ss_events_status(m->events);
    return SS_FAIL(SS_ERR_FILE, "%s: cannot write: %s", m->jsonl_path, strerror(m->reason));
}

const struct ss_metrics_table *ss_metrics_rows(const struct ss_metrics *m)
{
    return &m->table;
}

double ss_metrics_seconds(const struct ss_metrics *m)
{
    for (size_t i = m->table.count; i-- > 0;)
        if (!isnan(m->table.rows[i].seconds))
            return m->table.rows[i].seconds;
    return m->before;
}
