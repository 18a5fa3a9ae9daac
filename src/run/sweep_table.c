#include "run/sweep_table.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/json.h"
#include "run/sweep_ledger.h"

/* Points with their texts taken apart. */
struct sheet {
    struct ss_points points;
    json_t **settings, **results; /* objects, never NULL */
    json_t *keys, *names;         /* what is swept, and metrics: arrays of strings, in the order first met */
};

static void close_sheet(struct sheet *s)
{
    for (size_t i = 0; i < s->points.count; i++) {
        if (s->settings)
            json_decref(s->settings[i]);
        if (s->results)
            json_decref(s->results[i]);
    }
    free(s->settings);
    free(s->results);
    json_decref(s->keys);
    json_decref(s->names);
    ss_points_release(&s->points);
}

static bool has_name(const json_t *names, const char *name)
{
    for (size_t i = 0; i < json_array_size(names); i++)
        if (strcmp(json_string_value(json_array_get(names, i)), name) == 0)
            return true;
    return false;
}

static json_t *object_of(const char *text)
{
    json_t *const value = text ? json_loads(text, 0, NULL) : NULL;

    if (json_is_object(value))
        return value;
    json_decref(value);
    return json_object();
}

static void add_names(json_t *names, json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
    {
        if (!has_name(names, name))
            json_array_append_new(names, json_string(name));
    }
}

static enum ss_status open_sheet(const char *folder, struct sheet *s)
{
    struct ss_ledger *l = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_ledger_open(folder, false, &l));
    TRY(ss_ledger_list(l, &s->points));
    TRY(ss_allocate(s->points.count, &s->settings));
    TRY(ss_allocate(s->points.count, &s->results));
    s->keys = json_array();
    s->names = json_array();
    for (size_t i = 0; i < s->points.count; i++) {
        s->settings[i] = object_of(s->points.items[i].setting);
        s->results[i] = object_of(s->points.items[i].result);
        add_names(s->keys, s->settings[i]);
        add_names(s->names, json_object_get(s->results[i], "metrics"));
    }
    json_array_append_new(s->names, json_string("loss"));
out:
    ss_ledger_close(l);
    return st;
}

/* A result by name, NAN if the point has none. */
static double value_of(const struct sheet *s, size_t i, const char *name, const char *part)
{
    const json_t *const metrics = json_object_get(s->results[i], "metrics");
    const json_t *const v = strcmp(name, "loss") == 0 ? json_object_get(s->results[i], "loss")
                                                      : json_object_get(json_object_get(metrics, name), part);

    return json_is_number(v) && s->points.items[i].status == SS_POINT_DONE ? json_number_value(v) : NAN;
}

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
            ss_text_addf(&t, "%.17g", json_real_value(cell));
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
static enum ss_status choose_names(const struct sheet *s, const char *wanted, json_t **out)
{
    json_t *const chosen = json_array();

    for (const char *at = wanted; at && *at; at += strcspn(at, ","), at += *at == ',') {
        json_t *const name = json_stringn(at, strcspn(at, ","));
        if (!name || !has_name(s->names, json_string_value(name))) {
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

static void point_rows(const struct sheet *s, const json_t *names, json_t *columns, json_t *rows)
{
    static const char *const before[] = {"point", NULL};
    static const char *const after[] = {"status", "attempts", "finished_at", "seconds", NULL};

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
        for (size_t k = 0; k < json_array_size(names); k++) {
            const char *const name = json_string_value(json_array_get(names, k));
            add_value(row, value_of(s, i, name, "mean"));
            if (strcmp(name, "loss") != 0)
                add_value(row, value_of(s, i, name, "standard_error"));
        }
        json_array_append_new(rows, row);
    }
}

struct mean {
    double mean, error;
    size_t count;
};

/* Over the points of the group of point `first` that are done. */
static struct mean mean_of(const struct sheet *s, size_t first, const char *name)
{
    const char *const group = s->points.items[first].group;
    struct mean m = {.mean = NAN, .error = NAN};
    double sum = 0, squares = 0;

    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = first; i < s->points.count; i++) {
            const double x = value_of(s, i, name, "mean");
            if (!isfinite(x) || strcmp(s->points.items[i].group, group) != 0)
                continue;
            if (pass == 0) {
                sum += x;
                m.count++;
            } else {
                squares += (x - m.mean) * (x - m.mean);
            }
        }
        if (pass == 0 && m.count)
            m.mean = sum / (double)m.count;
    }
    if (m.count > 1)
        m.error = sqrt(squares / (double)(m.count - 1) / (double)m.count);
    return m;
}

/* Groups by their first points: [count] indices, in the order of the points. */
static enum ss_status first_of_groups(const struct sheet *s, size_t **out, size_t *count)
{
    json_t *const seen = json_object();
    size_t *first = NULL;
    enum ss_status st = SS_OK;

    *count = 0;
    TRY(ss_allocate(s->points.count, &first));
    for (size_t i = 0; i < s->points.count; i++) {
        if (json_object_get(seen, s->points.items[i].group))
            continue;
        json_object_set_new(seen, s->points.items[i].group, json_true());
        first[(*count)++] = i;
    }
    *out = first;
out:
    json_decref(seen);
    return st;
}

/* Keys of the groups: what is swept but the seeds of sweep.repeat. */
static json_t *group_keys(const struct sheet *s)
{
    json_t *const keys = json_array();

    for (size_t i = 0; i < s->points.count; i++) {
        json_t *const group = object_of(s->points.items[i].group);
        add_names(keys, group);
        json_decref(group);
    }
    return keys;
}

static enum ss_status mean_rows(const struct sheet *s, const json_t *names, json_t *columns, json_t *rows)
{
    static const char *const before[] = {NULL};
    static const char *const after[] = {"points", "done", NULL};
    json_t *const keys = group_keys(s);
    size_t *first = NULL, n = 0;
    enum ss_status st = SS_OK;

    TRY(first_of_groups(s, &first, &n));
    add_columns(columns, keys, NULL, before, after);
    for (size_t k = 0; k < json_array_size(names); k++) {
        char *error = NULL;
        add_text(columns, json_string_value(json_array_get(names, k)));
        TRY(ss_text_format(&error, "%s_standard_error", json_string_value(json_array_get(names, k))));
        add_text(columns, error);
        free(error);
    }
    for (size_t g = 0; g < n; g++) {
        json_t *const row = json_array();
        const char *const group = s->points.items[first[g]].group;
        json_int_t points = 0, done = 0;
        for (size_t k = 0; k < json_array_size(keys); k++)
            add_setting(row, json_string_value(json_object_get(s->settings[first[g]],
                                                               json_string_value(json_array_get(keys, k)))));
        for (size_t i = first[g]; i < s->points.count; i++)
            if (strcmp(s->points.items[i].group, group) == 0) {
                points++;
                done += s->points.items[i].status == SS_POINT_DONE;
            }
        json_array_append_new(row, json_integer(points));
        json_array_append_new(row, json_integer(done));
        for (size_t k = 0; k < json_array_size(names); k++) {
            const struct mean m = mean_of(s, first[g], json_string_value(json_array_get(names, k)));
            add_value(row, m.mean);
            add_value(row, m.error);
        }
        json_array_append_new(rows, row);
    }
out:
    free(first);
    json_decref(keys);
    return st;
}

enum ss_status ss_sweep_table(const char *folder, const struct ss_table_options *options, struct ss_text *out)
{
    struct sheet s = {0};
    json_t *names = NULL, *const columns = json_array(), *const rows = json_array();
    enum ss_status st = SS_OK;

    TRY(open_sheet(folder, &s));
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
    close_sheet(&s);
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

static enum ss_status default_metric(const struct sheet *s, const char **out)
{
    static const char *const order[] = {"fisher_divergence", "log_likelihood", "esm", "ssm_vr", "ssm", "dsm"};
    size_t done = 0;

    for (size_t i = 0; i < s->points.count; i++)
        done += s->points.items[i].status == SS_POINT_DONE;
    if (done == 0)
        return SS_FAIL(SS_ERR_FILE, "no point of this sweep is done yet");
    for (size_t k = 0; k < SS_COUNT(order); k++) {
        size_t have = 0;
        for (size_t i = 0; i < s->points.count; i++)
            have += isfinite(value_of(s, i, order[k], "mean")) ? 1 : 0;
        if (have == done) {
            *out = order[k];
            return SS_OK;
        }
    }
    return SS_FAIL(SS_ERR_USAGE,
                   "the points have no metric in common; choose one with --metric: `slicescore sweep "
                   "table DIR` shows what there is");
}

static enum ss_status take_best(const struct sheet *s, size_t i, const char *metric, struct ss_best *out)
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
    struct sheet s = {0};
    struct mean best = {.mean = NAN};
    size_t *first = NULL, n = 0, winner = 0;
    enum ss_status st = SS_OK;

    TRY(open_sheet(folder, &s));
    if (!metric)
        TRY(default_metric(&s, &metric));
    TRY(first_of_groups(&s, &first, &n));
    const bool higher = strcmp(metric, "log_likelihood") == 0;
    for (size_t g = 0; g < n; g++) {
        const struct mean m = mean_of(&s, first[g], metric);
        if (m.count && (isnan(best.mean) || (higher ? m.mean > best.mean : m.mean < best.mean))) {
            best = m;
            winner = first[g];
        }
    }
    if (isnan(best.mean)) {
        st = SS_FAIL(SS_ERR_USAGE, "%s: no point that is done has a metric '%s'", folder, metric);
        goto out;
    }
    const char *const group = s.points.items[winner].group;
    while (s.points.items[winner].status != SS_POINT_DONE || strcmp(s.points.items[winner].group, group) != 0)
        winner++;
    TRY(take_best(&s, winner, metric, out));
    out->mean = best.mean;
    out->standard_error = best.error;
    out->seeds = best.count;
out:
    free(first);
    close_sheet(&s);
    return st;
}
