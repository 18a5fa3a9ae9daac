#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "run/record.h"
#include "run/report_effects.h"

enum { MOST_SHOWN = 40 };

void ss_setting_text(const struct ss_sheet *s, size_t point, const char *key, char out[SS_SETTING_SIZE])
{
    const char *text = json_string_value(json_object_get(s->settings[point], key));
    size_t n = text ? strlen(text) : 0;

    if (n >= 2 && text[0] == '"' && text[n - 1] == '"') {
        text++;
        n -= 2;
    }
    snprintf(out, SS_SETTING_SIZE, "%.*s", (int)(n < SS_SETTING_SIZE ? n : SS_SETTING_SIZE - 1),
             text ? text : "");
}

void ss_group_setting(const struct ss_comparison *c, size_t group, struct ss_text *t)
{
    char value[SS_SETTING_SIZE];

    for (size_t k = 0; k < json_array_size(c->keys); k++) {
        const char *const key = json_string_value(json_array_get(c->keys, k));
        ss_setting_text(c->sheet, c->sheet->first[group], key, value);
        ss_text_addf(t, "%s%s = %s", k ? ", " : "", key, value);
    }
}

/* ---- ranks ---- */

struct ranked {
    size_t group;
    double mean; /* the lower the better */
};

static int by_mean(const void *a, const void *b)
{
    const struct ranked *const x = a, *const y = b;

    return x->mean != y->mean ? (x->mean < y->mean ? -1 : 1) : (x->group > y->group) - (x->group < y->group);
}

/* Groups that have a mean, best first. */
static enum ss_status rank(const struct ss_comparison *c, struct ranked **out, size_t *n)
{
    const double sign = ss_metric_higher_is_better(c->metric) ? -1 : 1;
    struct ranked *r = NULL;
    enum ss_status st = SS_OK;

    *n = 0;
    TRY(ss_allocate(c->sheet->n_groups, &r));
    for (size_t g = 0; g < c->sheet->n_groups; g++)
        if (c->means[g].count)
            r[(*n)++] = (struct ranked){g, sign * c->means[g].mean};
    qsort(r, *n, sizeof(*r), by_mean);
    *out = r;
out:
    return st;
}

/* ---- bars ---- */

/* What the bars span: all that is shown, but for settings so bad that the others would shrink to a dot. */
static enum ss_status find_scale(const struct ss_comparison *c, const struct ranked *r, size_t n,
                                 struct ss_interval *out)
{
    struct ss_interval all = ss_interval_none();
    float *means = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(n, &means));
    for (size_t i = 0; i < n; i++)
        means[i] = (float)c->means[r[i].group].mean;
    const struct ss_interval tame = ss_interval_robust(means, n, 1, 0.1);
    for (size_t i = 0; i < n; i++) {
        const struct ss_group_mean *const m = &c->means[r[i].group];
        const double error = isfinite(m->error) ? m->error : 0;
        const bool wild = n > 4 && tame.low < tame.high && (m->mean < tame.low || m->mean > tame.high);
        if (wild)
            continue;
        ss_interval_take(&all, m->mean - error, false);
        ss_interval_take(&all, m->mean + error, false);
        for (size_t k = c->sheet->first[r[i].group]; k < c->sheet->points.count; k++)
            if (c->sheet->group[k] == r[i].group)
                ss_interval_take(&all, ss_sheet_value(c->sheet, k, c->metric, "mean"), false);
    }
    ss_interval_settle(&all, false);
    ss_interval_pad(&all, false, 0.03);
    *out = all;
out:
    free(means);
    return st;
}

static double place(const struct ss_interval *scale, double x)
{
    return fmin(fmax(100 * (x - scale->low) / (scale->high - scale->low), 0), 100);
}

static void add_bar(struct ss_text *t, const char *class, double left, double width)
{
    ss_text_addf(t, "<span class=\"%s\" style=\"left:%.2f%%", class, left);
    if (width >= 0)
        ss_text_addf(t, ";width:%.2f%%", width);
    ss_text_add(t, "\"></span>");
}

static void add_bars(const struct ss_comparison *c, size_t group, const struct ss_interval *scale,
                     struct ss_text *t)
{
    const struct ss_group_mean *const m = &c->means[group];

    ss_text_add(t, "<td class=\"strip\"><span class=\"bars\" aria-hidden=\"true\">");
    for (size_t i = c->sheet->first[group]; i < c->sheet->points.count && m->count > 1; i++) {
        const double x = c->sheet->group[i] == group ? ss_sheet_value(c->sheet, i, c->metric, "mean") : NAN;
        if (isfinite(x))
            add_bar(t, "seed", place(scale, x), -1);
    }
    if (isfinite(m->error)) {
        const double low = place(scale, m->mean - m->error);
        add_bar(t, "span", low, place(scale, m->mean + m->error) - low);
    }
    add_bar(t, m->mean < scale->low || m->mean > scale->high ? "dot beyond" : "dot", place(scale, m->mean),
            -1);
    ss_text_add(t, "</span></td>");
}

static void add_scale(const struct ss_interval *scale, struct ss_text *t)
{
    struct ss_ticks ticks;
    char text[SS_NUMBER_SIZE];

    ss_ticks_linear(&ticks, *scale, 4);
    ss_text_add(t, "<th scope=\"col\" class=\"strip\"><span class=\"bars\">");
    for (size_t i = 0; i < ticks.n; i++) {
        ss_html_number(ticks.at[i], 6, text);
        ss_text_addf(t, "<span class=\"tick\" style=\"left:%.2f%%\">", place(scale, ticks.at[i]));
        ss_html_text(t, text);
        ss_text_add(t, "</span>");
    }
    ss_text_add(t, "</span></th>");
}

/* A line for each key. */
static void add_setting(const struct ss_comparison *c, size_t group, struct ss_text *t)
{
    char value[SS_SETTING_SIZE];

    for (size_t k = 0; k < json_array_size(c->keys); k++) {
        const char *const key = json_string_value(json_array_get(c->keys, k));
        ss_setting_text(c->sheet, c->sheet->first[group], key, value);
        ss_html_open(t, "code");
        ss_html_text(t, key);
        ss_text_add(t, " = <b>");
        ss_html_text(t, value);
        ss_text_add(t, "</b>");
        ss_html_close(t, "code");
    }
    if (!json_array_size(c->keys))
        ss_html_text(t, "all seeds");
}

static void add_row(const struct ss_comparison *c, size_t place_in_rank, size_t group,
                    const struct ss_interval *scale, struct ss_text *t)
{
    const struct ss_group_mean *const m = &c->means[group];
    char text[SS_NUMBER_SIZE];

    ss_html_open(t, "tr", "class", place_in_rank ? NULL : "best");
    snprintf(text, sizeof(text), "%zu", place_in_rank + 1);
    ss_html_leaf(t, "td", text, "class", "number rank");
    ss_html_open(t, "th", "scope", "row");
    add_setting(c, group, t);
    ss_html_close(t, "th");
    ss_html_estimate(m->mean, m->error, text);
    ss_html_leaf(t, "td", text, "class", "number");
    snprintf(text, sizeof(text), "%zu", m->count);
    ss_html_leaf(t, "td", text, "class", "number seeds");
    add_bars(c, group, scale, t);
    ss_text_add(t, "</tr>\n");
}

enum ss_status ss_comparison_section(const struct ss_comparison *c, struct ss_page *p)
{
    struct ss_text *const t = &p->body;
    struct ranked *r = NULL;
    struct ss_interval scale;
    size_t n = 0;
    enum ss_status st = SS_OK;

    TRY(rank(c, &r, &n));
    if (!n)
        goto out;
    const size_t shown = n < MOST_SHOWN ? n : MOST_SHOWN;
    TRY(find_scale(c, r, shown, &scale));
    ss_page_section(p, "comparison", "Comparison");
    ss_html_open(t, "p", "class", "note");
    ss_html_leaf(t, "code", c->metric);
    ss_html_textf(
        t,
        ": %s; %s is better. A dot is the mean over seeds, the bar its standard error, thin lines are seeds.",
        ss_metric_meaning(c->metric), ss_metric_higher_is_better(c->metric) ? "higher" : "lower");
    if (shown < n)
        ss_html_textf(t, " The best %zu of %zu settings are shown; the table below has all.", shown, n);
    if (n < c->sheet->n_groups)
        ss_html_textf(t, " Settings of which no point is done: %zu.", c->sheet->n_groups - n);
    ss_html_close(t, "p");
    ss_page_table(p, "Settings by their mean over seeds, best first", "comparison");
    ss_text_add(t, "<thead><tr><th scope=\"col\" class=\"number\">Rank</th><th scope=\"col\">Setting</th>");
    ss_html_leaf(t, "th", "Mean \xc2\xb1 standard error", "scope", "col", "class", "number");
    ss_html_leaf(t, "th", "Seeds", "scope", "col", "class", "number");
    add_scale(&scale, t);
    ss_text_add(t, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < shown; i++)
        add_row(c, i, r[i].group, &scale, t);
    ss_text_add(t, "</tbody>\n");
    ss_page_table_end(p);
    ss_page_section_end(p);
out:
    free(r);
    return st;
}
