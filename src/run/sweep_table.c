#include "run/sweep_table.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/json.h"
#include "run/sweep_sheet.h"

/* ---- cells: arrays of JSON values, written in three ways ---- */

static void add_value(json_t *row, double x)
{
    json_array_append_new(row, isfinite(x) ? json_real(x) : json_null());
}

static void add_text(json_t *row, const char *text)
{
    json_array_append_new(row, text ? json_string(text) : json_null());
}

/* A swept value: a number where it reads as one, else its text without quotes. */
static void add_setting(json_t *row, const char *text)
{
    double x;
    const size_t n = text ? strlen(text) : 0;

    if (text && ss_text_number(text, &x) && isfinite(x))
        add_value(row, x);
    else if (n >= 2 && text[0] == '"' && text[n - 1] == '"')
        json_array_append_new(row, json_stringn(text + 1, n - 2));
    else
        add_text(row, text);
}

static void cell_text(const json_t *cell, struct ss_text *out)
{
    if (json_is_string(cell))
        ss_text_add(out, json_string_value(cell));
    else if (json_is_integer(cell))
        ss_text_addf(out, "%lld", (long long)json_integer_value(cell));
    else if (json_is_real(cell))
        ss_text_addf(out, "%.6g", json_real_value(cell));
}

static void write_json(const json_t *columns, const json_t *rows, struct ss_text *out)
{
    ss_json_open(out, NULL, '{');
    ss_json_open(out, "columns", '[');
    for (size_t k = 0; k < json_array_size(columns); k++)
        ss_json_text(out, NULL, json_string_value(json_array_get(columns, k)));
    ss_json_close(out, ']');
    ss_json_open(out, "rows", '[');
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *const row = json_array_get(rows, i);
        ss_json_open(out, NULL, '[');
        for (size_t k = 0; k < json_array_size(row); k++) {
            const json_t *const cell = json_array_get(row, k);
            if (json_is_integer(cell))
                ss_json_integer(out, NULL, (long long)json_integer_value(cell));
            else if (json_is_real(cell))
                ss_json_number(out, NULL, json_real_value(cell));
            else
                ss_json_text(out, NULL, json_string_value(cell));
        }
        ss_json_close(out, ']');
    }
    ss_json_close(out, ']');
    ss_json_close(out, '}');
    ss_text_add(out, "\n");
}

static void csv_cell(const char *text, struct ss_text *out)
{
    if (!text[strcspn(text, ",\"\n\r")]) {
        ss_text_add(out, text);
        return;
    }
    ss_text_add(out, "\"");
    for (; *text; text++)
        ss_text_addf(out, *text == '"' ? "\"\"" : "%c", *text);
    ss_text_add(out, "\"");
}

static void write_csv_row(const json_t *row, struct ss_text *out)
{
    for (size_t k = 0; k < json_array_size(row); k++) {
        const json_t *const cell = json_array_get(row, k);
        struct ss_text t;
        ss_text_init(&t);
        if (json_is_real(cell))
            ss_json_number(&t, NULL, json_real_value(cell)); /* as many digits as it has */
        else
            cell_text(cell, &t);
        ss_text_add(out, k ? "," : "");
        csv_cell(t.data, out);
        ss_text_release(&t);
    }
    ss_text_add(out, "\n");
}

static enum ss_status write_plain(const json_t *columns, const json_t *rows, struct ss_text *out)
{
    const size_t n = json_array_size(columns), m = json_array_size(rows);
    size_t *width = NULL;
    struct ss_text t;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    TRY(ss_allocate(n, &width));
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i <= m; i++) {
            const json_t *const row = i == 0 ? columns : json_array_get(rows, i - 1);
            for (size_t k = 0; k < n; k++) {
                ss_text_clear(&t);
                cell_text(json_array_get(row, k), &t);
                if (t.length == 0)
                    ss_text_add(&t, "-");
                if (pass == 0)
                    width[k] = t.length > width[k] ? t.length : width[k];
                else if (k + 1 < n)
                    ss_text_addf(out, "%-*s  ", (int)width[k], t.data);
                else
                    ss_text_addf(out, "%s\n", t.data);
            }
        }
    }
out:
    free(width);
    ss_text_release(&t);
    return st;
}

static enum ss_status write_table(const json_t *columns, const json_t *rows, enum ss_table_format format,
                                  struct ss_text *out)
{
    if (format == SS_TABLE_JSON) {
        write_json(columns, rows, out);
    } else if (format == SS_TABLE_CSV) {
        write_csv_row(columns, out);
        for (size_t i = 0; i < json_array_size(rows); i++)
            write_csv_row(json_array_get(rows, i), out);
    } else {
        const enum ss_status st = write_plain(columns, rows, out);
        if (st != SS_OK)
            return st;
    }
    return ss_text_status(out);
}

/* ---- the two tables ---- */

/* Names that were asked for; all without. */
static enum ss_status choose_names(const struct ss_sheet *s, const char *wanted, json_t **out)
{
    json_t *const chosen = json_array();

    for (const char *at = wanted; at && *at; at += strcspn(at, ","), at += *at == ',') {
        json_t *const name = json_stringn(at, strcspn(at, ","));
        if (!name || !ss_sheet_has(s->names, json_string_value(name))) {
            const enum ss_status st = SS_FAIL(
                SS_ERR_USAGE, "no point has a metric '%s'; `slicescore sweep table DIR` shows what there is",
                name ? json_string_value(name) : "?");
            json_decref(name);
            json_decref(chosen);
            return st;
        }
        json_array_append_new(chosen, name);
    }
    if (!wanted)
        json_array_extend(chosen, s->names);
    *out = chosen;
    return SS_OK;
}

static void add_columns(json_t *columns, const json_t *keys, const json_t *names, const char *const *before,
                        const char *const *after)
{
    for (; *before; before++)
        add_text(columns, *before);
    for (size_t k = 0; k < json_array_size(keys); k++)
        add_text(columns, json_string_value(json_array_get(keys, k)));
    for (; *after; after++)
        add_text(columns, *after);
    for (size_t k = 0; k < json_array_size(names); k++) {
        const char *const name = json_string_value(json_array_get(names, k));
        char *error = NULL;
        add_text(columns, name);
        if (strcmp(name, "loss") != 0 && ss_text_format(&error, "%s_standard_error", name) == SS_OK)
            add_text(columns, error);
        free(error);
    }
}

static void point_rows(const struct ss_sheet *s, const json_t *names, json_t *columns, json_t *rows)
{
    static const char *const before[] = {"point", NULL};
    const char *after[] = {"status", "attempts", "finished_at", "seconds", NULL, NULL};
    bool halved = false;

    for (size_t i = 0; i < s->points.count; i++)
        halved = halved || s->points.items[i].rung > 0;
    if (halved) /* what it was decided by */
        after[4] = "validation";

    add_columns(columns, s->keys, names, before, after);
    for (size_t i = 0; i < s->points.count; i++) {
        const struct ss_point *const p = &s->points.items[i];
        json_t *const row = json_array();
        json_array_append_new(row, json_integer(p->id));
        for (size_t k = 0; k < json_array_size(s->keys); k++)
            add_setting(row, json_string_value(json_object_get(
                                 s->settings[i], json_string_value(json_array_get(s->keys, k)))));
        add_text(row, ss_point_status_name(p->status));
        json_array_append_new(row, json_integer(p->attempts));
        add_text(row, p->finished_at);
        add_value(row, p->finished_at ? p->seconds : NAN);
        if (halved)
            add_value(row, p->objective);
        for (size_t k = 0; k < json_array_size(names); k++) {
            const char *const name = json_string_value(json_array_get(names, k));
            add_value(row, ss_sheet_value(s, i, name, "mean"));
            if (strcmp(name, "loss") != 0)
                add_value(row, ss_sheet_value(s, i, name, "standard_error"));
        }
        json_array_append_new(rows, row);
    }
}

/* Of each group: how many points it has, and how many of them are done. */
static enum ss_status count_groups(const struct ss_sheet *s, size_t **points, size_t **done)
{
    enum ss_status st = SS_OK;

    TRY(ss_allocate(s->n_groups, points));
    TRY(ss_allocate(s->n_groups, done));
    for (size_t i = 0; i < s->points.count; i++) {
        (*points)[s->group[i]]++;
        (*done)[s->group[i]] += s->points.items[i].status == SS_POINT_DONE;
    }
out:
    return st;
}

/* Two columns more: the means of a result and their standard errors. */
static enum ss_status add_means(const struct ss_sheet *s, const char *name, json_t *columns, json_t *rows)
{
    struct ss_group_mean *means = NULL;
    char *error = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_text_format(&error, "%s_standard_error", name));
    TRY(ss_sheet_means(s, name, &means));
    add_text(columns, name);
    add_text(columns, error);
    for (size_t g = 0; g < s->n_groups; g++) {
        add_value(json_array_get(rows, g), means[g].mean);
        add_value(json_array_get(rows, g), means[g].error);
    }
out:
    free(means);
    free(error);
    return st;
}

static enum ss_status mean_rows(const struct ss_sheet *s, const json_t *names, json_t *columns, json_t *rows)
{
    static const char *const before[] = {NULL};
    static const char *const after[] = {"points", "done", NULL};
    json_t *const keys = ss_sheet_group_keys(s);
    size_t *points = NULL, *done = NULL;
    enum ss_status st = SS_OK;

    TRY(count_groups(s, &points, &done));
    add_columns(columns, keys, NULL, before, after);
    for (size_t g = 0; g < s->n_groups; g++) {
        json_t *const row = json_array();
        for (size_t k = 0; k < json_array_size(keys); k++)
            add_setting(row, json_string_value(json_object_get(s->settings[s->first[g]],
                                                               json_string_value(json_array_get(keys, k)))));
        json_array_append_new(row, json_integer((json_int_t)points[g]));
        json_array_append_new(row, json_integer((json_int_t)done[g]));
        json_array_append_new(rows, row);
    }
    for (size_t k = 0; k < json_array_size(names); k++)
        TRY(add_means(s, json_string_value(json_array_get(names, k)), columns, rows));
out:
    free(points);
    free(done);
    json_decref(keys);
    return st;
}

enum ss_status ss_sweep_table(const char *folder, const struct ss_table_options *options, struct ss_text *out)
{
    struct ss_sheet s = {0};
    json_t *names = NULL, *const columns = json_array(), *const rows = json_array();
    enum ss_status st = SS_OK;

    TRY(ss_sheet_open(folder, &s));
    TRY(choose_names(&s, options->metrics, &names));
    if (options->mean)
        TRY(mean_rows(&s, names, columns, rows));
    else
        point_rows(&s, names, columns, rows);
    TRY(write_table(columns, rows, options->format, out));
out:
    json_decref(names);
    json_decref(columns);
    json_decref(rows);
    ss_sheet_close(&s);
    return st;
}

/* ---- the best ---- */

void ss_best_release(struct ss_best *b)
{
    free(b->run);
    free(b->resolved);
    free(b->setting);
    *b = (struct ss_best){0};
}

static enum ss_status default_metric(const struct ss_sheet *s, const char **out)
{
    const char *const common = ss_sheet_common_metric(s);

    if (ss_sheet_done(s) == 0)
        return SS_FAIL(SS_ERR_FILE, "no point of this sweep is done yet");
    if (!common)
        return SS_FAIL(SS_ERR_USAGE,
                       "the points have no metric in common; choose one with --metric: `slicescore sweep "
                       "table DIR` shows what there is");
    *out = common;
    return SS_OK;
}

static enum ss_status take_best(const struct ss_sheet *s, size_t i, const char *metric, struct ss_best *out)
{
    const struct ss_point *const p = &s->points.items[i];
    struct ss_best b = {.point = p->id};
    enum ss_status st = SS_OK;

    strncpy(b.metric, metric, sizeof(b.metric) - 1);
    TRY(ss_text_copy(p->folder, &b.run));
    TRY(ss_text_copy(p->resolved, &b.resolved));
    TRY(ss_text_copy(p->setting, &b.setting));
    *out = b;
    b = (struct ss_best){0};
out:
    ss_best_release(&b);
    return st;
}

enum ss_status ss_sweep_best(const char *folder, const char *metric, struct ss_best *out)
{
    struct ss_sheet s = {0};
    struct ss_group_mean *means = NULL;
    size_t best, winner = 0;
    enum ss_status st = SS_OK;

    TRY(ss_sheet_open(folder, &s));
    if (!metric)
        TRY(default_metric(&s, &metric));
    TRY(ss_sheet_means(&s, metric, &means));
    best = ss_sheet_best(means, s.n_groups, ss_metric_higher_is_better(metric));
    if (best == s.n_groups) {
        st = SS_FAIL(SS_ERR_USAGE, "%s: no point that is done has a metric '%s'", folder, metric);
        goto out;
    }
    while (s.points.items[winner].status != SS_POINT_DONE || s.group[winner] != best)
        winner++;
    TRY(take_best(&s, winner, metric, out));
    out->mean = means[best].mean;
    out->standard_error = means[best].error;
    out->seeds = means[best].count;
out:
    free(means);
    ss_sheet_close(&s);
    return st;
}
