#include "run/report_effects.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "run/record.h"

enum { MOST_CATEGORIES = 10, MOST_CHARTS = 12, MOST_BARS = 60 };

/* One key: what each group that is done has of it. */
struct key {
    const char *name;
    size_t n;                      /* groups */
    char (*text)[SS_SETTING_SIZE]; /* [n] */
    double *value;                 /* [n], where all are numbers */
    double *x, *mean, *low, *high; /* [n] */
    bool numbers, categories;
    struct ss_interval range;       /* of means that are not wild; none: all */
    size_t outside;                 /* wild ones, which have no part in the sums either */
    char (*names)[SS_SETTING_SIZE]; /* [n_names] the different values, in order */
    const char **labels;            /* the same */
    double *center;                 /* [n_names] mean of the means */
    double *at;                     /* [n_names] 0, 1, ... */
    size_t n_names;
};

static void release(struct key *k)
{
    free(k->text);
    free(k->value);
    free(k->names);
    free(k->labels);
    free(k->center);
}

static enum ss_status make_room(struct key *k, size_t n)
{
    enum ss_status st = SS_OK;

    TRY(ss_allocate(n, &k->text));
    TRY(ss_allocate(n, &k->names));
    TRY(ss_allocate(n, &k->labels));
    TRY(ss_allocate(5 * n, &k->value));
    TRY(ss_allocate(2 * n, &k->center));
    k->x = k->value + n;
    k->mean = k->x + n;
    k->low = k->mean + n;
    k->high = k->low + n;
    k->at = k->center + n;
out:
    return st;
}

static int by_number(const void *a, const void *b)
{
    double x = 0, y = 0;

    if (ss_text_number(a, &x) && ss_text_number(b, &y))
        return (x > y) - (x < y);
    return 0;
}

static size_t name_of(const struct key *k, const char *text)
{
    size_t i = 0;

    while (i < k->n_names && strcmp(k->names[i], text) != 0)
        i++;
    return i;
}

/* The different values; past a few their number is all that matters. */
static void find_names(struct key *k)
{
    for (size_t i = 0; i < k->n && k->n_names <= MOST_CATEGORIES; i++)
        if (name_of(k, k->text[i]) == k->n_names)
            strcpy(k->names[k->n_names++], k->text[i]);
    if (k->numbers)
        qsort(k->names, k->n_names, sizeof(*k->names), by_number);
    k->categories = k->n_names <= MOST_CATEGORIES;
}

static enum ss_status read_key(const struct ss_comparison *c, const char *name, struct key *out)
{
    struct key k = {.name = name, .numbers = true};
    enum ss_status st = SS_OK;

    TRY(make_room(&k, c->sheet->n_groups));
    for (size_t g = 0; g < c->sheet->n_groups; g++) {
        const struct ss_group_mean *const m = &c->means[g];
        if (!m->count)
            continue;
        ss_setting_text(c->sheet, c->sheet->first[g], name, k.text[k.n]);
        k.numbers = k.numbers && ss_text_number(k.text[k.n], &k.value[k.n]) && isfinite(k.value[k.n]);
        k.mean[k.n] = m->mean;
        k.low[k.n] = m->mean - m->error;
        k.high[k.n++] = m->mean + m->error;
    }
    find_names(&k);
out:
    *out = k; /* what there is, for the caller to release */
    return st;
}

static bool is_wild(const struct key *k, size_t i)
{
    return k->range.low < k->range.high && (k->mean[i] < k->range.low || k->mean[i] > k->range.high);
}

/* Marks of one category stand beside each other in the order of the points. */
static void place_in_categories(struct key *k)
{
    size_t total[MOST_CATEGORIES] = {0}, tame[MOST_CATEGORIES] = {0}, seen[MOST_CATEGORIES] = {0};

    for (size_t i = 0; i < k->n; i++) {
        total[name_of(k, k->text[i])]++;
        tame[name_of(k, k->text[i])] += !is_wild(k, i);
    }
    for (size_t i = 0; i < k->n; i++) {
        const size_t j = name_of(k, k->text[i]);
        const double spread = total[j] > 1 ? (double)seen[j]++ / (double)(total[j] - 1) - 0.5 : 0;
        k->x[i] = (double)j + 0.3 * spread;
        k->center[j] += is_wild(k, i) ? 0 : k->mean[i] / (double)tame[j];
    }
    for (size_t j = 0; j < k->n_names; j++) {
        if (tame[j] == 0)
            k->center[j] = NAN;
        k->at[j] = (double)j;
        k->labels[j] = k->names[j];
    }
}

/* Part of the variance between settings that lies between the means of the key's values. */
static double explained(const struct key *k)
{
    double mean = 0, total = 0, between = 0;

    for (size_t i = 0; i < k->n; i++)
        mean += is_wild(k, i) ? 0 : k->mean[i] / (double)(k->n - k->outside);
    for (size_t i = 0; i < k->n; i++) {
        if (is_wild(k, i))
            continue;
        const double centre = k->center[name_of(k, k->text[i])];
        total += (k->mean[i] - mean) * (k->mean[i] - mean);
        between += (centre - mean) * (centre - mean);
    }
    return total > 0 ? between / total : NAN;
}

static bool spans_decades(const struct key *k)
{
    struct ss_interval r = ss_interval_none();

    for (size_t i = 0; i < k->n; i++)
        ss_interval_take(&r, k->value[i], false);
    return r.low > 0 && r.high >= 30 * r.low;
}

/* The range of the means, without settings so bad that the others would lie on one line. */
static enum ss_status tame_range(struct key *k)
{
    struct ss_interval all = ss_interval_none();
    float *y = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(k->n, &y));
    for (size_t i = 0; i < k->n; i++) {
        y[i] = (float)k->mean[i];
        ss_interval_take(&all, k->mean[i], false);
    }
    const struct ss_interval tame = ss_interval_robust(y, k->n, 1, 0.1);
    if (k->n > 4 && tame.low < tame.high && all.high - all.low > 4 * (tame.high - tame.low)) {
        for (size_t i = 0; i < k->n; i++)
            k->outside += k->mean[i] < tame.low || k->mean[i] > tame.high;
        k->range = tame;
    }
out:
    free(y);
    return st;
}

static enum ss_status caption_of(const struct key *k, char **out)
{
    const double share = k->categories && k->n > k->n_names ? explained(k) : NAN;
    struct ss_text t;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    ss_text_add(&t, "Each mark is a setting");
    if (k->n <= MOST_BARS)
        ss_text_add(&t, ", its bar the standard error over seeds");
    if (k->categories && k->n > k->n_names)
        ss_text_add(&t, "; the line joins the means of the settings with each value");
    ss_text_add(&t, ".");
    if (isfinite(share))
        ss_text_addf(&t, " The key accounts for %.3g %% of the variance between settings.", 100 * share);
    if (k->outside)
        ss_text_addf(&t, " %zu wild setting%s outside, in no mean.", k->outside,
                     k->outside == 1 ? " is" : "s are");
    TRY(ss_text_status(&t));
    *out = ss_text_detach(&t);
out:
    ss_text_release(&t);
    return st;
}

static enum ss_status add_chart(const struct ss_comparison *c, struct key *k, struct ss_page *p)
{
    const bool several = k->categories && k->n > k->n_names;
    const bool bars = k->n <= MOST_BARS;
    char *caption = NULL;
    enum ss_status st = SS_OK;

    TRY(tame_range(k));
    if (k->categories)
        place_in_categories(k);
    TRY(caption_of(k, &caption));
    const struct ss_line_series series[] = {
        {.name = "setting",
         .x = k->categories ? k->x : k->value,
         .y = k->mean,
         .n = k->n,
         .low = bars ? k->low : NULL,
         .high = bars ? k->high : NULL,
         .style = SS_LINE_POINTS},
        {.name = "mean of settings", .x = k->at, .y = k->center, .n = k->n_names, .style = SS_LINE_MARKED}};
    const struct ss_line_chart chart = {.title = k->name,
                                        .x_label = k->name,
                                        .y_label = c->metric,
                                        .log_x = !k->categories && spans_decades(k),
                                        .series = series,
                                        .n_series = several ? 2 : 1,
                                        .y_range = k->range,
                                        .x_names = k->categories ? k->labels : NULL,
                                        .n_x_names = k->categories ? k->n_names : 0};
    TRY(ss_page_chart(p, &chart, caption));
out:
    free(caption);
    return st;
}

enum ss_status ss_effects_section(const struct ss_comparison *c, struct ss_page *p)
{
    size_t charts = 0;
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < json_array_size(c->keys) && charts < MOST_CHARTS; i++) {
        struct key k = {0};
        st = read_key(c, json_string_value(json_array_get(c->keys, i)), &k);
        if (st == SS_OK && k.n_names > 1 && (k.categories || k.numbers)) {
            if (charts++ == 0) {
                ss_page_section(p, "effects", "Effect of each key");
                ss_page_figures(p);
            }
            st = add_chart(c, &k, p);
        }
        release(&k);
        TRY(st);
    }
    if (charts) {
        ss_page_figures_end(p);
        ss_page_section_end(p);
    }
out:
    return st;
}
