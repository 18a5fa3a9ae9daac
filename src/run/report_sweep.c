#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/version.h"
#include "run/record.h"
#include "run/report.h"
#include "run/report_effects.h"

enum { MOST_ROWS = 5000, MOST_FAILURES = 50 };

struct counts {
    size_t points, done, failed, running, waiting, stopped;
    double seconds; /* of what is done */
};

static struct counts count(const struct ss_sheet *s)
{
    struct counts n = {.points = s->points.count};

    for (size_t i = 0; i < s->points.count; i++) {
        const struct ss_point *const p = &s->points.items[i];
        n.done += p->status == SS_POINT_DONE;
        n.failed += p->status == SS_POINT_FAILED;
        n.running += p->status == SS_POINT_RUNNING;
        n.waiting += p->status == SS_POINT_WAITING;
        n.stopped += p->status == SS_POINT_STOPPED;
        if (p->status == SS_POINT_DONE)
            n.seconds += p->seconds;
    }
    return n;
}

/* What was asked for, else what all have in common, else what most have. */
static enum ss_status choose_metric(const struct ss_sheet *s, const char *wanted, const char **out)
{
    size_t most = 0;

    if (wanted && !ss_sheet_has(s->names, wanted))
        return SS_FAIL(SS_ERR_USAGE,
                       "no point has a metric '%s'; `slicescore sweep table DIR` shows what there is",
                       wanted);
    *out = wanted ? wanted : ss_sheet_common_metric(s);
    for (size_t k = 0; !*out && k < json_array_size(s->names); k++) {
        const char *const name = json_string_value(json_array_get(s->names, k));
        size_t have = 0;
        for (size_t i = 0; i < s->points.count; i++)
            have += isfinite(ss_sheet_value(s, i, name, "mean")) ? 1 : 0;
        if (have > most)
            most = have;
        if (have == most && have)
            *out = name;
    }
    return SS_OK;
}

/* ---- the top ---- */

static void add_cards(const struct ss_comparison *c, const struct counts *n, struct ss_page *p)
{
    char points[SS_NUMBER_SIZE], failed[SS_NUMBER_SIZE], stopped[SS_NUMBER_SIZE],
        best[SS_NUMBER_SIZE] = "", time[32] = "", note[80] = "", settings[SS_NUMBER_SIZE];
    const size_t winner =
        c->metric ? ss_sheet_best(c->means, c->sheet->n_groups, ss_metric_higher_is_better(c->metric))
                  : c->sheet->n_groups;

    snprintf(points, sizeof(points), "%zu of %zu", n->done, n->points);
    snprintf(failed, sizeof(failed), "%zu", n->failed);
    snprintf(stopped, sizeof(stopped), "%zu", n->stopped);
    snprintf(settings, sizeof(settings), "%zu", c->sheet->n_groups);
    if (winner < c->sheet->n_groups) {
        ss_html_estimate(c->means[winner].mean, c->means[winner].error, best);
        snprintf(note, sizeof(note), "%s over %zu seed%s", c->metric, c->means[winner].count,
                 c->means[winner].count == 1 ? "" : "s");
    }
    if (n->done)
        ss_clock_duration(n->seconds / (double)n->done, time);
    const struct ss_page_fact cards[] = {{"Points done", points, NULL},
                                         {"Failed", n->failed ? failed : NULL, NULL},
                                         {"Stopped early", n->stopped ? stopped : NULL, "others did better"},
                                         {"Settings", settings, "points but for their seeds"},
                                         {"Best", best, note},
                                         {"Time of a point", time, "mean"}};
    ss_page_cards(p, cards, sizeof(cards) / sizeof(cards[0]));
}

/* The winner, and how to run it again. */
static void add_best(const struct ss_comparison *c, const char *folder, struct ss_page *p)
{
    const struct ss_sheet *const s = c->sheet;
    struct ss_text setting, command;
    size_t point = 0;

    if (!c->metric)
        return;
    const size_t best = ss_sheet_best(c->means, s->n_groups, ss_metric_higher_is_better(c->metric));
    if (best == s->n_groups)
        return;
    while (s->points.items[point].status != SS_POINT_DONE || s->group[point] != best)
        point++;
    ss_text_init(&setting);
    ss_text_init(&command);
    ss_group_setting(c, best, &setting);
    ss_text_addf(&command, "slicescore sweep best %s --metric %s > best.yaml", ss_path_name(folder),
                 c->metric);
    const struct ss_page_fact facts[] = {{"Setting", setting.data, NULL},
                                         {"First of its runs", s->points.items[point].folder, NULL},
                                         {"Run it again", command.data, NULL}};
    ss_page_section(p, "best", "Best setting");
    ss_page_facts(p, facts, sizeof(facts) / sizeof(facts[0]));
    ss_page_text(p, "Its whole configuration", s->points.items[point].resolved);
    ss_page_section_end(p);
    p->body.failed = p->body.failed || setting.failed || command.failed;
    ss_text_release(&setting);
    ss_text_release(&command);
}

/* ---- the table ---- */

static void add_head_cell(struct ss_text *t, const char *name, const char *key, bool number)
{
    ss_html_open(t, "th", "scope", "col", "class", number ? "number" : NULL, "data-key", key);
    ss_html_text(t, name);
    ss_text_add(t, "</th>");
}

static void add_number_cell(struct ss_text *t, double x, double error)
{
    char raw[40] = "", text[SS_NUMBER_SIZE] = "";

    if (isfinite(x)) {
        snprintf(raw, sizeof(raw), "%.17g", x);
        ss_html_estimate(x, error, text);
    }
    ss_html_open(t, "td", "class", "number", "data-value", raw);
    ss_html_text(t, text);
    ss_text_add(t, "</td>");
}

/* Is the first value of a key a number? (They are of one kind, but for "auto" and the like.) */
static bool are_numbers(const struct ss_sheet *s, const char *key)
{
    char value[SS_SETTING_SIZE];
    double x;

    ss_setting_text(s, 0, key, value);
    return ss_text_number(value, &x);
}

static void add_point_link(struct ss_text *t, const char *folder, const struct ss_point *p)
{
    char *report = NULL, *path = NULL;
    char id[24];

    snprintf(id, sizeof(id), "%lld", p->id);
    ss_html_open(t, "th", "scope", "row", "class", "number", "data-value", id);
    const bool there = p->folder && ss_text_format(&report, "%s/report.html", p->folder) == SS_OK &&
                       ss_path_join(folder, report, &path) == SS_OK && ss_path_exists(path);
    if (there)
        ss_html_leaf(t, "a", id, "href", report);
    else
        ss_html_text(t, id);
    ss_text_add(t, "</th>");
    free(report);
    free(path);
}

static void add_row(const struct ss_sheet *s, size_t i, const char *folder, struct ss_text *t)
{
    static const char *const tones[] = {[SS_POINT_WAITING] = "plain",
                                        [SS_POINT_RUNNING] = "live",
                                        [SS_POINT_DONE] = "good",
                                        [SS_POINT_FAILED] = "bad",
                                        [SS_POINT_STOPPED] = "plain"};
    const struct ss_point *const p = &s->points.items[i];
    char value[SS_SETTING_SIZE];

    ss_text_add(t, "<tr>");
    add_point_link(t, folder, p);
    for (size_t k = 0; k < json_array_size(s->keys); k++) {
        const char *const key = json_string_value(json_array_get(s->keys, k));
        ss_setting_text(s, i, key, value);
        ss_html_open(t, "td", "class", are_numbers(s, key) ? "number" : NULL);
        ss_html_text(t, value);
        ss_text_add(t, "</td>");
    }
    ss_html_open(t, "td", "class", "status-cell", "data-tone", tones[p->status]);
    ss_html_text(t, ss_point_status_name(p->status));
    ss_text_add(t, "</td>");
    for (size_t k = 0; k < json_array_size(s->names); k++) {
        const char *const name = json_string_value(json_array_get(s->names, k));
        add_number_cell(t, ss_sheet_value(s, i, name, "mean"),
                        strcmp(name, "loss") == 0 ? NAN : ss_sheet_value(s, i, name, "standard_error"));
    }
    add_number_cell(t, p->finished_at ? p->seconds : NAN, NAN);
    ss_text_add(t, "</tr>\n");
}

static void add_table(const struct ss_sheet *s, const char *folder, struct ss_page *p)
{
    const size_t n = s->points.count < MOST_ROWS ? s->points.count : MOST_ROWS;
    struct ss_text *const t = &p->body;

    if (!n)
        return;
    ss_page_section(p, "points", "All points");
    ss_page_table(p, "Points of the sweep and their results", "sortable filterable");
    ss_text_add(t, "<thead><tr>");
    add_head_cell(t, "Point", "point", true);
    for (size_t k = 0; k < json_array_size(s->keys); k++) {
        const char *const key = json_string_value(json_array_get(s->keys, k));
        add_head_cell(t, key, key, are_numbers(s, key));
    }
    add_head_cell(t, "Status", "status", false);
    for (size_t k = 0; k < json_array_size(s->names); k++) {
        const char *const name = json_string_value(json_array_get(s->names, k));
        add_head_cell(t, name, name, true);
    }
    add_head_cell(t, "Seconds", "seconds", true);
    ss_text_add(t, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < n; i++)
        add_row(s, i, folder, t);
    ss_text_add(t, "</tbody>\n");
    ss_page_table_end(p);
    if (n < s->points.count)
        ss_page_note(p, "The first 5000 points; `slicescore sweep table DIR --csv` writes all.");
    ss_page_section_end(p);
}

static void add_failures(const struct ss_sheet *s, const struct counts *n, struct ss_page *p)
{
    struct ss_text *const t = &p->body;
    size_t told = 0;

    if (!n->failed)
        return;
    ss_page_section(p, "failures", "Failures");
    ss_page_table(p, "Points that failed and why", NULL);
    ss_text_add(
        t,
        "<thead><tr><th scope=\"col\">Point</th><th scope=\"col\">Run</th><th scope=\"col\">Reason</th></tr>"
        "</thead>\n<tbody>\n");
    for (size_t i = 0; i < s->points.count && told < MOST_FAILURES; i++) {
        const struct ss_point *const q = &s->points.items[i];
        if (q->status != SS_POINT_FAILED)
            continue;
        told++;
        ss_html_open(t, "tr");
        ss_html_open(t, "th", "scope", "row");
        ss_html_textf(t, "%lld", q->id);
        ss_html_close(t, "th");
        ss_html_leaf(t, "td", q->folder);
        ss_html_leaf(t, "td", q->error ? q->error : "not known");
        ss_html_close(t, "tr");
    }
    ss_text_add(t, "</tbody>\n");
    ss_page_table_end(p);
    if (told < n->failed)
        ss_page_note(p, "The first of them; `slicescore sweep table DIR` lists all.");
    ss_page_section_end(p);
}

/* ---- the page ---- */

static void fill_head(const struct ss_sheet *s, const struct counts *n, char status[40], char progress[64],
                      struct ss_page_head *head)
{
    head->kind = "sweep";
    snprintf(status, 40,
             n->running   ? "running"
             : n->waiting ? "unfinished"
             : n->failed  ? "%zu failed"
                          : "done",
             n->failed);
    head->status = status;
    head->tone = n->running   ? SS_TONE_LIVE
                 : n->waiting ? SS_TONE_WARN
                 : n->failed  ? SS_TONE_BAD
                              : SS_TONE_GOOD;
    if (n->running + n->waiting) {
        snprintf(progress, 64, "%zu of %zu points, %zu running", n->done + n->failed + n->stopped, n->points,
                 n->running);
        head->done = (double)(n->done + n->failed + n->stopped);
        head->of = (double)s->points.count;
        head->progress = progress;
    }
}

static void describe(const struct ss_sheet *s, struct ss_text *t)
{
    ss_text_addf(t, "%zu points", s->points.count);
    for (size_t k = 0; k < json_array_size(s->keys); k++)
        ss_text_addf(t, "%s%s", k ? ", " : " over ", json_string_value(json_array_get(s->keys, k)));
}

enum ss_status ss_report_sweep(const char *folder, const struct ss_report_options *options,
                               struct ss_text *out, bool *going_on)
{
    struct ss_page_head head = {.footer = "Written by slicescore " SS_VERSION ".",
                                .title = ss_path_name(folder)};
    struct ss_sheet s = {0};
    struct ss_page p;
    struct ss_text lead;
    struct ss_group_mean *means = NULL;
    struct ss_comparison c = {.sheet = &s};
    char status[40], progress[64];
    enum ss_status st = SS_OK;

    ss_page_begin(&p);
    ss_text_init(&lead);
    TRY(ss_sheet_open(folder, &s));
    TRY(choose_metric(&s, options->metric, &c.metric));
    const struct counts n = count(&s);
    *going_on = n.running + n.waiting > 0;
    head.refresh = *going_on ? options->refresh : 0;
    c.keys = ss_sheet_group_keys(&s);
    if (c.metric)
        TRY(ss_sheet_means(&s, c.metric, &means));
    c.means = means;
    fill_head(&s, &n, status, progress, &head);
    describe(&s, &lead);
    head.lead = lead.data;
    add_cards(&c, &n, &p);
    add_best(&c, folder, &p);
    if (c.metric) {
        TRY(ss_comparison_section(&c, &p));
        TRY(ss_effects_section(&c, &p));
    }
    add_table(&s, folder, &p);
    add_failures(&s, &n, &p);
    TRY(ss_page_finish(&p, &head, out));
out:
    free(means);
    json_decref(c.keys);
    ss_sheet_close(&s);
    ss_text_release(&lead);
    ss_page_release(&p);
    return st;
}
