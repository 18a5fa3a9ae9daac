#include "run/record.h"

#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/json.h"
#include "base/version.h"

enum { MOST_BYTES = 1 << 20, MOST_WORDS = 4096 };

static const char *const status_names[] = {
    [SS_RUN_RUNNING] = "running",   [SS_RUN_DONE] = "done",     [SS_RUN_INTERRUPTED] = "interrupted",
    [SS_RUN_DIVERGED] = "diverged", [SS_RUN_FAILED] = "failed", [SS_RUN_IMPORTED] = "imported"};

static const struct {
    const char *name, *title, *meaning;
} metric_names[] = {
    {"esm", "Exact score matching", "exact score-matching loss"},
    {"ssm", "Sliced score matching", "sliced score-matching loss"},
    {"ssm_vr", "Sliced score matching", "sliced score-matching loss, variance-reduced"},
    {"dsm", "Denoising score matching", "denoising score-matching loss"},
    {"fisher_divergence", "Fisher divergence", "1/2 |score - true score|^2"},
    {"log_likelihood", "Log-likelihood", "nats per row, in the data's units"},
};

static size_t metric_place(const char *name)
{
    size_t i = 0;

    while (i < SS_COUNT(metric_names) && strcmp(metric_names[i].name, name) != 0)
        i++;
    return i;
}

const char *ss_metric_title(const char *name)
{
    const size_t i = metric_place(name);

    return i < SS_COUNT(metric_names) ? metric_names[i].title : name;
}

const char *ss_metric_meaning(const char *name)
{
    const size_t i = metric_place(name);

    return i < SS_COUNT(metric_names) ? metric_names[i].meaning : "";
}

const char *ss_run_status_name(enum ss_run_status s)
{
    return status_names[s];
}

void ss_run_record_init(struct ss_run_record *r)
{
    *r = (struct ss_run_record){.loss = NAN, .low = {NAN, NAN}, .high = {NAN, NAN}};
}

void ss_run_record_release(struct ss_run_record *r)
{
    free(r->name);
    free(r->version);
    free(r->device);
    free(r->driver);
    free(r->plan);
    free(r->error);
    for (size_t i = 0; i < r->n_argv; i++)
        free(r->argv[i]);
    free(r->argv);
    ss_run_record_init(r);
}

void ss_metrics_list_add(struct ss_metrics_list *m, const char *name, struct ss_estimate e)
{
    size_t i = 0;

    while (i < m->count && strcmp(m->items[i].name, name) != 0)
        i++;
    assert(i < SS_MOST_METRICS);
    m->items[i] = (struct ss_metric){name, e.mean, e.standard_error};
    if (i == m->count)
        m->count++;
}

/* ---- writing ---- */

void ss_metrics_list_json(const struct ss_metrics_list *m, struct ss_text *t)
{
    ss_json_open(t, "metrics", '{');
    for (size_t i = 0; i < m->count; i++) {
        ss_json_open(t, m->items[i].name, '{');
        ss_json_number(t, "mean", m->items[i].mean);
        ss_json_number(t, "standard_error", m->items[i].standard_error);
        ss_json_close(t, '}');
    }
    ss_json_close(t, '}');
}

static void write_box(const struct ss_run_record *r, struct ss_text *t)
{
    static const char *const names[] = {"low", "high"};
    const double *const corners[] = {r->low, r->high};

    if (isnan(r->low[0]) || r->dimension > 2)
        return;
    ss_json_open(t, "box", '{');
    for (size_t i = 0; i < 2; i++) {
        ss_json_open(t, names[i], '[');
        for (size_t j = 0; j < r->dimension; j++)
            ss_json_number(t, NULL, corners[i][j]);
        ss_json_close(t, ']');
    }
    ss_json_close(t, '}');
}

static void write_engine(const struct ss_run_record *r, struct ss_text *t)
{
    ss_json_open(t, "engine", '{');
    for (size_t i = 0; i < SS_TUNING_NUMBERS; i++)
        ss_json_integer(t, ss_loss_number_name(i), r->engine[i]);
    ss_json_close(t, '}');
}

static void write_json(const struct ss_run_record *r, struct ss_text *t)
{
    ss_json_open(t, NULL, '{');
    ss_json_integer(t, "format", SS_RUN_FORMAT);
    ss_json_text(t, "version", r->version ? r->version : SS_VERSION);
    ss_json_text(t, "name", r->name);
    ss_json_text(t, "status", ss_run_status_name(r->status));
    ss_json_text(t, "error", r->error);
    ss_json_text(t, "device", r->device);
    ss_json_text(t, "driver", r->driver);
    ss_json_text(t, "plan", r->plan);
    write_engine(r, t);
    ss_json_integer(t, "seed", r->seed);
    ss_json_open(t, "argv", '[');
    for (size_t i = 0; i < r->n_argv; i++)
        ss_json_text(t, NULL, r->argv[i]);
    ss_json_close(t, ']');
    ss_json_text(t, "started", *r->started ? r->started : NULL);
    ss_json_text(t, "finished", *r->finished ? r->finished : NULL);
    ss_json_integer(t, "steps", (long long)r->steps);
    ss_json_number(t, "seconds", r->seconds);
    ss_json_number(t, "loss", r->loss);
    ss_json_integer(t, "dimension", (long long)r->dimension);
    ss_json_integer(t, "parameters", (long long)r->parameters);
    ss_json_integer(t, "rows", (long long)r->metrics.rows);
    ss_metrics_list_json(&r->metrics, t);
    write_box(r, t);
    ss_json_close(t, '}');
    ss_text_add(t, "\n");
}

enum ss_status ss_run_record_write(const struct ss_run_record *r, const char *folder)
{
    struct ss_text t;
    char *path = NULL;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    write_json(r, &t);
    TRY(ss_text_status(&t));
    TRY(ss_path_join(folder, "run.json", &path));
    TRY(ss_file_write(path, t.data, t.length));
out:
    free(path);
    ss_text_release(&t);
    return st;
}

/* ---- reading ---- */

static enum ss_status copy_text(const json_t *o, const char *key, char **out)
{
    const json_t *const v = json_object_get(o, key);

    return json_is_string(v) ? ss_text_copy(json_string_value(v), out) : SS_OK;
}

static void copy_stamp(const json_t *o, const char *key, char out[21])
{
    const json_t *const v = json_object_get(o, key);

    if (json_is_string(v) && json_string_length(v) < 21)
        strcpy(out, json_string_value(v));
}

static double number(const json_t *o, const char *key, double otherwise)
{
    const json_t *const v = json_object_get(o, key);

    return json_is_number(v) ? json_number_value(v) : otherwise;
}

static uint64_t count(const json_t *o, const char *key)
{
    const json_int_t v = json_integer_value(json_object_get(o, key)); /* 0 if it is not one */

    return v > 0 ? (uint64_t)v : 0;
}

static void read_metrics(const json_t *o, struct ss_metrics_list *m)
{
    const json_t *const list = json_object_get(o, "metrics");

    m->rows = (size_t)count(o, "rows");
    for (size_t i = 0; i < SS_COUNT(metric_names); i++) {
        const json_t *const v = json_object_get(list, metric_names[i].name);
        if (v)
            ss_metrics_list_add(
                m, metric_names[i].name,
                (struct ss_estimate){number(v, "mean", NAN), number(v, "standard_error", NAN)});
    }
}

static void read_box(const json_t *o, struct ss_run_record *r)
{
    const json_t *const box = json_object_get(o, "box");

    for (size_t j = 0; j < 2; j++) {
        const json_t *const low = json_array_get(json_object_get(box, "low"), j);
        const json_t *const high = json_array_get(json_object_get(box, "high"), j);
        if (json_is_number(low) && json_is_number(high)) {
            r->low[j] = json_number_value(low);
            r->high[j] = json_number_value(high);
        }
    }
}

/* What is not there is by rule; what is no sane number is refused where it is used. */
static void read_engine(const json_t *o, struct ss_run_record *r)
{
    const json_t *const engine = json_object_get(o, "engine");

    for (size_t i = 0; i < SS_TUNING_NUMBERS; i++) {
        const json_int_t n = json_integer_value(json_object_get(engine, ss_loss_number_name(i)));
        r->engine[i] = n < 0 || n > INT32_MAX ? INT32_MAX : (int32_t)n;
    }
}

static enum ss_status read_argv(const json_t *o, struct ss_run_record *r)
{
    const json_t *const argv = json_object_get(o, "argv");
    const size_t n = json_array_size(argv);
    enum ss_status st = SS_OK;

    if (n == 0 || n > MOST_WORDS)
        return SS_OK;
    TRY(ss_allocate(n, &r->argv));
    for (size_t i = 0; i < n; i++) {
        const char *const word = json_string_value(json_array_get(argv, i));
        TRY(ss_text_copy(word ? word : "", &r->argv[r->n_argv]));
        r->n_argv++;
    }
out:
    return st;
}

static enum ss_status read_json(const json_t *o, const char *path, struct ss_run_record *r)
{
    enum ss_status st = SS_OK;
    const char *const status = json_string_value(json_object_get(o, "status"));
    const uint64_t format = count(o, "format");

    TRY(copy_text(o, "version", &r->version));
    if (format > SS_RUN_FORMAT)
        return SS_FAIL(
            SS_ERR_USAGE,
            "%s: written by slicescore %s in format %llu, and this is slicescore %s, which reads up to "
            "%d; use that version or a newer one",
            path, r->version ? r->version : "(unknown)", (unsigned long long)format, SS_VERSION,
            SS_RUN_FORMAT);
    size_t i = 0;
    while (status && i < SS_COUNT(status_names) && strcmp(status, status_names[i]) != 0)
        i++;
    if (format == 0 || !status || i == SS_COUNT(status_names))
        return SS_FAIL(SS_ERR_CORRUPT, "%s: is not the record of a run: no %s that this program knows", path,
                       format == 0 ? "format" : "status");
    r->status = (enum ss_run_status)i;
    TRY(copy_text(o, "name", &r->name));
    TRY(copy_text(o, "device", &r->device));
    TRY(copy_text(o, "driver", &r->driver));
    TRY(copy_text(o, "plan", &r->plan));
    TRY(copy_text(o, "error", &r->error));
    TRY(read_argv(o, r));
    copy_stamp(o, "started", r->started);
    copy_stamp(o, "finished", r->finished);
    r->seed = (uint32_t)count(o, "seed");
    r->steps = count(o, "steps");
    r->seconds = number(o, "seconds", 0);
    r->loss = number(o, "loss", NAN);
    r->dimension = (size_t)count(o, "dimension");
    r->parameters = (size_t)count(o, "parameters");
    read_engine(o, r);
    read_metrics(o, &r->metrics);
    read_box(o, r);
out:
    return st;
}

enum ss_status ss_run_record_read(const char *folder, struct ss_run_record *out)
{
    struct ss_run_record r;
    char *path = NULL, *text = NULL;
    size_t size = 0;
    json_t *o = NULL;
    json_error_t error;
    enum ss_status st = SS_OK;

    ss_run_record_init(&r);
    TRY(ss_path_join(folder, "run.json", &path));
    TRY(ss_file_read(path, MOST_BYTES, &text, &size));
    o = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(o)) {
        st = SS_FAIL(SS_ERR_CORRUPT, "%s: is not a JSON object: line %d: %s", path, error.line, error.text);
        goto out;
    }
    TRY(read_json(o, path, &r));
    *out = r;
    ss_run_record_init(&r);
out:
    json_decref(o);
    ss_run_record_release(&r);
    free(text);
    free(path);
    return st;
}
