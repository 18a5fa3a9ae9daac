#include "run/sweep_sheet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

void ss_sheet_close(struct ss_sheet *s)
{
    for (size_t i = 0; i < s->points.count; i++) {
        if (s->settings)
            json_decref(s->settings[i]);
        if (s->results)
            json_decref(s->results[i]);
    }
    free(s->settings);
    free(s->results);
    free(s->group);
    free(s->first);
    json_decref(s->keys);
    json_decref(s->names);
    ss_points_release(&s->points);
    *s = (struct ss_sheet){0};
}

bool ss_sheet_has(const json_t *names, const char *name)
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
        if (!ss_sheet_has(names, name))
            json_array_append_new(names, json_string(name));
    }
}

static enum ss_status find_groups(struct ss_sheet *s)
{
    json_t *const seen = json_object();
    enum ss_status st = SS_OK;

    TRY(ss_allocate(s->points.count, &s->group));
    TRY(ss_allocate(s->points.count, &s->first));
    for (size_t i = 0; i < s->points.count; i++) {
        const char *const name = s->points.items[i].group;
        const json_t *const known = json_object_get(seen, name);
        s->group[i] = known ? (size_t)json_integer_value(known) : s->n_groups;
        if (known)
            continue;
        json_object_set_new(seen, name, json_integer((json_int_t)s->n_groups));
        s->first[s->n_groups++] = i;
    }
out:
    json_decref(seen);
    return st;
}

enum ss_status ss_sheet_open(const char *folder, struct ss_sheet *out)
{
    struct ss_ledger *l = NULL;
    struct ss_sheet s = {0};
    enum ss_status st = SS_OK;

    TRY(ss_ledger_open(folder, false, &l));
    TRY(ss_ledger_list(l, &s.points));
    TRY(ss_allocate(s.points.count, &s.settings));
    TRY(ss_allocate(s.points.count, &s.results));
    s.keys = json_array();
    s.names = json_array();
    for (size_t i = 0; i < s.points.count; i++) {
        s.settings[i] = object_of(s.points.items[i].setting);
        s.results[i] = object_of(s.points.items[i].result);
        add_names(s.keys, s.settings[i]);
        add_names(s.names, json_object_get(s.results[i], "metrics"));
    }
    json_array_append_new(s.names, json_string("loss"));
    TRY(find_groups(&s));
    *out = s;
    s = (struct ss_sheet){0};
out:
    ss_ledger_close(l);
    ss_sheet_close(&s);
    return st;
}

double ss_sheet_value(const struct ss_sheet *s, size_t point, const char *name, const char *part)
{
    const json_t *const metrics = json_object_get(s->results[point], "metrics");
    const json_t *const v = strcmp(name, "loss") == 0 ? json_object_get(s->results[point], "loss")
                                                      : json_object_get(json_object_get(metrics, name), part);

    return json_is_number(v) && s->points.items[point].status == SS_POINT_DONE ? json_number_value(v) : NAN;
}

/* Two passes, so that a large mean costs the spread no digits. */
enum ss_status ss_sheet_means(const struct ss_sheet *s, const char *name, struct ss_group_mean **out)
{
    struct ss_group_mean *means = NULL;
    double *squares = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(s->n_groups, &means));
    TRY(ss_allocate(s->n_groups, &squares));
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < s->points.count; i++) {
            const double x = ss_sheet_value(s, i, name, "mean");
            struct ss_group_mean *const m = &means[s->group[i]];
            if (!isfinite(x))
                continue;
            if (pass == 0) {
                m->mean += x;
                m->count++;
            } else {
                squares[s->group[i]] += (x - m->mean) * (x - m->mean);
            }
        }
        for (size_t g = 0; g < s->n_groups && pass == 0; g++)
            means[g].mean = means[g].count ? means[g].mean / (double)means[g].count : NAN;
    }
    for (size_t g = 0; g < s->n_groups; g++) {
        const double n = (double)means[g].count;
        means[g].error = n > 1 ? sqrt(squares[g] / (n - 1) / n) : NAN;
    }
    *out = means;
    means = NULL;
out:
    free(means);
    free(squares);
    return st;
}

json_t *ss_sheet_group_keys(const struct ss_sheet *s)
{
    json_t *const keys = json_array();

    for (size_t g = 0; g < s->n_groups; g++) {
        json_t *const group = object_of(s->points.items[s->first[g]].group);
        add_names(keys, group);
        json_decref(group);
    }
    return keys;
}

size_t ss_sheet_best(const struct ss_group_mean *means, size_t n, bool higher)
{
    size_t best = n;

    for (size_t g = 0; g < n; g++)
        if (means[g].count &&
            (best == n || (higher ? means[g].mean > means[best].mean : means[g].mean < means[best].mean)))
            best = g;
    return best;
}

bool ss_metric_higher_is_better(const char *name)
{
    return strcmp(name, "log_likelihood") == 0;
}

size_t ss_sheet_done(const struct ss_sheet *s)
{
    size_t done = 0;

    for (size_t i = 0; i < s->points.count; i++)
        done += s->points.items[i].status == SS_POINT_DONE;
    return done;
}

const char *ss_sheet_common_metric(const struct ss_sheet *s)
{
    static const char *const order[] = {"fisher_divergence", "log_likelihood", "esm", "ssm_vr", "ssm", "dsm"};
    const size_t done = ss_sheet_done(s);

    for (size_t k = 0; k < SS_COUNT(order) && done; k++) {
        size_t have = 0;
        for (size_t i = 0; i < s->points.count; i++)
            have += isfinite(ss_sheet_value(s, i, order[k], "mean")) ? 1 : 0;
        if (have == done)
            return order[k];
    }
    return NULL;
}
