#include "run/report_curves.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

enum { MOST_ROWS = 100 }; /* of the table of values */

/* ---- columns of the metrics ---- */

/* The rows that have a value: a report and an evaluation of one step are rows of their own. */
struct column {
    double *x, *y, *low, *high;
    size_t n;
};

static double field(const struct ss_metrics_row *r, size_t offset)
{
    double v;

    memcpy(&v, (const char *)r + offset, sizeof(v));
    return v;
}

static enum ss_status make_column(const struct ss_metrics_table *m, size_t value, size_t error,
                                  struct column *out)
{
    struct column c = {0};
    enum ss_status st = SS_OK;

    TRY(ss_allocate(4 * m->count, &c.x));
    c.y = c.x + m->count;
    c.low = c.y + m->count;
    c.high = c.low + m->count;
    for (size_t i = 0; i < m->count; i++) {
        const double y = field(&m->rows[i], value), e = field(&m->rows[i], error);
        if (isnan(y))
            continue;
        c.x[c.n] = (double)m->rows[i].step;
        c.y[c.n] = y;
        c.low[c.n] = y - e;
        c.high[c.n++] = y + e;
    }
out:
    *out = c; /* what there is, for the caller to free */
    return st;
}

#define COLUMN(m, value, out) \
    make_column((m), offsetof(struct ss_metrics_row, value), offsetof(struct ss_metrics_row, value), (out))

double ss_curves_seconds(const struct ss_metrics_table *m, double otherwise)
{
    for (size_t i = m->count; i-- > 0;)
        if (!isnan(m->rows[i].seconds))
            return m->rows[i].seconds;
    return otherwise;
}

double ss_curves_last_step(const struct ss_metrics_table *m, double otherwise)
{
    return m->count ? (double)m->rows[m->count - 1].step : otherwise;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double ss_curves_median_rate(const struct ss_metrics_table *m)
{
    struct column c = {0};
    double median = NAN;

    if (COLUMN(m, rows_per_second, &c) == SS_OK && c.n) {
        qsort(c.y, c.n, sizeof(*c.y), ascending);
        median = c.y[c.n / 2];
    }
    free(c.x);
    return median;
}

/* ---- charts ---- */

/* The range of a curve without the wild values of its first steps, which would flatten all that follows; none
 * if nothing is wild. */
static enum ss_status tame_range(const struct column *c, struct ss_interval *out, size_t *outside)
{
    struct ss_interval all = ss_interval_none();
    float *y = NULL;
    enum ss_status st = SS_OK;

    *outside = 0;
    TRY(ss_allocate(c->n, &y));
    for (size_t i = 0; i < c->n; i++) {
        y[i] = (float)c->y[i];
        ss_interval_take(&all, c->y[i], false);
    }
    const struct ss_interval tame = ss_interval_robust(y, c->n, 1, 0.05);
    if (tame.low < tame.high && all.high - all.low > 4 * (tame.high - tame.low)) {
        for (size_t i = 0; i < c->n; i++)
            *outside += c->y[i] < tame.low || c->y[i] > tame.high;
        *out = tame;
    }
out:
    free(y);
    return st;
}

static enum ss_status add_objective(const struct ss_metrics_table *m, const char *objective,
                                    struct ss_page *p)
{
    struct column loss = {0}, validation = {0};
    struct ss_interval range = {0, 0};
    size_t outside = 0;
    char note[80] = "", *caption = NULL;
    enum ss_status st = SS_OK;

    TRY(COLUMN(m, loss, &loss));
    TRY(make_column(m, offsetof(struct ss_metrics_row, validation),
                    offsetof(struct ss_metrics_row, validation_standard_error), &validation));
    TRY(tame_range(&loss, &range, &outside));
    const struct ss_line_series series[] = {
        {.name = "training", .x = loss.x, .y = loss.y, .n = loss.n, .style = SS_LINE},
        {.name = "validation",
         .x = validation.x,
         .y = validation.y,
         .n = validation.n,
         .low = validation.low,
         .high = validation.high,
         .style = SS_LINE_MARKED}};
    const struct ss_line_chart chart = {.title = "Objective",
                                        .x_label = "step",
                                        .y_label = objective ? objective : "loss",
                                        .series = series,
                                        .n_series = validation.n ? 2 : 1,
                                        .y_range = range};
    if (outside)
        snprintf(note, sizeof(note), " %zu wild value%s %s outside.", outside, outside == 1 ? "" : "s",
                 outside == 1 ? "is" : "are");
    TRY(ss_text_format(&caption, "Loss in training%s.%s",
                       validation.n ? ", and on held-out rows with its standard error" : "", note));
    TRY(ss_page_chart(p, &chart, caption));
out:
    free(caption);
    free(loss.x);
    free(validation.x);
    return st;
}

static enum ss_status add_single(struct ss_page *p, const struct column *c, const char *title,
                                 const char *y_label, bool log_y, const char *caption)
{
    const struct ss_line_series series = {.x = c->x, .y = c->y, .n = c->n, .style = SS_LINE};
    const struct ss_line_chart chart = {.title = title,
                                        .x_label = "step",
                                        .y_label = y_label,
                                        .log_y = log_y,
                                        .series = &series,
                                        .n_series = 1};

    return c->n ? ss_page_chart(p, &chart, caption) : SS_OK;
}

static bool changes(const struct column *c)
{
    for (size_t i = 1; i < c->n; i++)
        if (c->y[i] != c->y[0])
            return true;
    return false;
}

static enum ss_status add_others(const struct ss_metrics_table *m, struct ss_page *p)
{
    struct column norm = {0}, rate = {0};
    enum ss_status st = SS_OK;

    TRY(COLUMN(m, gradient_norm, &norm));
    TRY(COLUMN(m, learning_rate, &rate));
    TRY(add_single(p, &norm, "Gradient norm", "norm before clipping", true,
                   "Length of the whole gradient, of the last step before each report."));
    if (changes(&rate))
        TRY(add_single(p, &rate, "Learning rate", "learning rate", false, "As the schedule sets it."));
out:
    free(norm.x);
    free(rate.x);
    return st;
}

enum ss_status ss_curves_speed(const struct ss_metrics_table *m, struct ss_page *p)
{
    struct column speed = {0};
    enum ss_status st = SS_OK;

    TRY(COLUMN(m, rows_per_second, &speed));
    TRY(add_single(p, &speed, "Speed", "rows / s", false, "Training rows a second, between reports."));
out:
    free(speed.x);
    return st;
}

/* ---- values ---- */

/* A step may have two rows, a report and an evaluation: what one lacks the other has. */
static struct ss_metrics_row merged(const struct ss_metrics_table *m, size_t *i)
{
    struct ss_metrics_row r = m->rows[*i];

    for (++*i; *i < m->count && m->rows[*i].step == r.step; ++*i) {
        const struct ss_metrics_row *const next = &m->rows[*i];
        double *const to[] = {&r.loss,          &r.gradient_norm,
                              &r.learning_rate, &r.rows_per_second,
                              &r.validation,    &r.validation_standard_error};
        const double from[] = {next->loss,          next->gradient_norm,
                               next->learning_rate, next->rows_per_second,
                               next->validation,    next->validation_standard_error};
        for (size_t k = 0; k < SS_COUNT(to); k++)
            if (isnan(*to[k]))
                *to[k] = from[k];
    }
    return r;
}

static void add_cell(struct ss_text *t, double x, double error)
{
    char text[SS_NUMBER_SIZE] = "";

    if (!isnan(x) && isfinite(error))
        ss_html_estimate(x, error, text);
    else if (!isnan(x))
        ss_html_number(x, 5, text);
    ss_html_leaf(t, "td", text, "class", "number");
}

static void add_values(const struct ss_metrics_table *m, struct ss_page *p)
{
    static const char *const heads[] = {"Step",          "Loss",          "Validation",
                                        "Gradient norm", "Learning rate", "Rows / s"};
    struct ss_text *const t = &p->body;
    size_t steps = 0, at = 0;

    for (size_t i = 0; i < m->count; steps++)
        merged(m, &i);
    const size_t every = (steps + MOST_ROWS - 1) / MOST_ROWS;
    ss_html_open(t, "details");
    ss_html_open(t, "summary");
    if (every > 1)
        ss_html_textf(t, "Values of every %zuth report (all are in metrics.csv)", every);
    else
        ss_html_text(t, "Values");
    ss_html_close(t, "summary");
    ss_page_table(p, "Values by step", NULL);
    ss_text_add(t, "<thead><tr>");
    for (size_t i = 0; i < SS_COUNT(heads); i++)
        ss_html_leaf(t, "th", heads[i], "scope", "col", "class", "number");
    ss_text_add(t, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < m->count; at++) {
        const struct ss_metrics_row r = merged(m, &i);
        if ((steps - 1 - at) % every != 0)
            continue;
        ss_text_add(t, "<tr>");
        add_cell(t, (double)r.step, NAN);
        add_cell(t, r.loss, NAN);
        add_cell(t, r.validation, r.validation_standard_error);
        add_cell(t, r.gradient_norm, NAN);
        add_cell(t, r.learning_rate, NAN);
        add_cell(t, r.rows_per_second, NAN);
        ss_text_add(t, "</tr>\n");
    }
    ss_text_add(t, "</tbody>\n");
    ss_page_table_end(p);
    ss_html_close(t, "details");
}

enum ss_status ss_curves_section(const struct ss_metrics_table *m, const char *objective, struct ss_page *p)
{
    enum ss_status st = SS_OK;

    if (!m->count)
        return SS_OK;
    ss_page_section(p, "training", "Training");
    ss_page_figures(p);
    TRY(add_objective(m, objective, p));
    TRY(add_others(m, p));
    ss_page_figures_end(p);
    add_values(m, p);
    ss_page_section_end(p);
out:
    return st;
}
