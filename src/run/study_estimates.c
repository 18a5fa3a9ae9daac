/* study_estimates.c - how estimates of a gaussian's mean and covariance spread, against their standard
 * errors. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/matrix.h"
#include "config/config.h"
#include "data/synthetic.h"
#include "run/estimator.h"
#include "run/progress.h"
#include "run/stop.h"
#include "run/study_parts.h"

enum { MEAN, COVARIANCE, GROUPS };
enum { COUNT, ROWS, FIRST_OF_GROUP, OF_GROUP = 3, N_COLUMNS = FIRST_OF_GROUP + OF_GROUP * GROUPS };
static const char *const exact_label = "esm";

struct work {
    const struct ss_setting *setting;
    struct ss_synthetic *set;
    struct ss_estimator *estimator;
    size_t most_rows, n, quantities;
    float *x;
    double *start, *theta, *truth, *value, *error, *step;
    struct ss_progress progress;
    size_t fits, all_fits;
};

static void work_release(struct work *w)
{
    ss_synthetic_free(w->set);
    ss_estimator_free(w->estimator);
    free(w->x);
    free(w->start);
    free(w->theta);
    free(w->truth);
    free(w->value);
    free(w->error);
    free(w->step);
}

static enum ss_status suits(const struct ss_experiment *e)
{
    if (e->data.source != SS_SOURCE_GAUSSIAN || e->model.kind != SS_MODEL_GAUSSIAN || e->data.n_transforms)
        return SS_FAIL(SS_ERR_USAGE,
                       "study.kind: estimates compares with the truth, which is known for data.source: "
                       "gaussian without transforms and model.kind: gaussian");
    return SS_OK;
}

/* The parameters that are true: mean, and W with W'W the precision, which the slope of the true score tells.
 */
static enum ss_status true_parameters(struct work *w)
{
    const struct ss_experiment *const e = w->setting->experiment;
    const size_t D = w->setting->model->dimension;
    double *precision = NULL, *factor = NULL, *score = NULL, *at = NULL;
    bool known = false;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(D * D, &precision));
    TRY(ss_allocate(D * D, &factor));
    TRY(ss_allocate(D, &score));
    TRY(ss_allocate(D, &at));
    TRY(ss_synthetic_prepare(w->set, 0.0, &known));
    for (size_t j = 0; j < D; j++)
        w->start[j] = e->data.mean.count ? e->data.mean.items[j] : 0.0;
    for (size_t j = 0; known && j < D; j++) {
        memcpy(at, w->start, D * sizeof(double));
        at[j] += 1.0;
        ss_synthetic_density(w->set, at, NULL, score);
        for (size_t i = 0; i < D; i++)
            precision[i * D + j] = -score[i];
    }
    if (!known || !ss_cholesky(D, precision, 0.0, factor)) {
        st = SS_FAIL(SS_ERR_USAGE, "data.covariance: too near to singular for a study");
        goto out;
    }
    for (size_t i = 0; i < D; i++)
        for (size_t j = 0; j < D; j++)
            w->start[D + i * D + j] = factor[j * D + i];
out:
    free(precision);
    free(factor);
    free(score);
    free(at);
    return st;
}

static enum ss_status prepare(struct work *w, const struct ss_objective_options *objective)
{
    const struct ss_setting *const s = w->setting;
    enum ss_status st = SS_OK;

    ss_estimator_free(w->estimator);
    w->estimator = NULL;
    TRY(ss_estimator_create(s->device, s->model, objective, w->most_rows, &w->estimator));
    if (w->x)
        goto out;
    w->n = ss_estimator_parameters(w->estimator);
    w->quantities = ss_estimator_quantities(w->estimator);
    TRY(ss_allocate(w->most_rows * s->model->dimension, &w->x));
    TRY(ss_allocate(w->n, &w->start));
    TRY(ss_allocate(w->n, &w->theta));
    TRY(ss_allocate(w->quantities, &w->truth));
    TRY(ss_allocate(w->quantities, &w->value));
    TRY(ss_allocate(w->quantities, &w->error));
    TRY(ss_allocate(w->quantities, &w->step));
    TRY(true_parameters(w));
out:
    return st;
}

/* Rows and slices of repetition `repeat`, shared by nothing else. */
static enum ss_status fit(struct work *w, size_t rows, uint32_t repeat)
{
    const size_t D = w->setting->model->dimension;
    const uint32_t seed = w->setting->experiment->seed * 2654435761u + repeat;
    double row[SS_ESTIMATOR_MOST];
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < rows; i++) {
        ss_synthetic_row(w->set, (uint32_t)(repeat * w->most_rows + i), row);
        for (size_t j = 0; j < D; j++)
            w->x[i * D + j] = (float)row[j];
    }
    memcpy(w->theta, w->start, w->n * sizeof(double));
    TRY(ss_estimator_rows(w->estimator, w->x, rows, seed));
    TRY(ss_estimator_minimize(w->estimator, w->theta));
    TRY(ss_estimator_tell(w->estimator, w->theta, w->value, w->error, w->step));
    ss_progress_fraction(&w->progress, (double)++w->fits / (double)w->all_fits);
    if (ss_stop_signal())
        st = SS_ERR_INTERRUPTED;
out:
    return st;
}

/* The quantities of the true parameters: told by the estimator itself, on whatever rows. */
static enum ss_status truth(struct work *w)
{
    enum ss_status st = SS_OK;

    TRY(fit(w, w->most_rows, 0));
    TRY(ss_estimator_tell(w->estimator, w->start, w->truth, w->error, w->step));
out:
    return st;
}

/* One line of the table: N times the variance of the estimates about the truth, N times the mean squared
 * standard error, and how often the truth lies within 1.96 of them; means over the entries of mean and
 * covariance. */
static enum ss_status measure(struct work *w, const char *label, double count, size_t rows,
                              struct ss_study_table *t)
{
    const uint32_t repeats = w->setting->experiment->study.repeats;
    const size_t D = w->setting->model->dimension;
    double sums[GROUPS][OF_GROUP] = {{0.0}};
    struct ss_study_row *row = NULL;
    enum ss_status st = SS_OK;

    for (uint32_t r = 0; r < repeats; r++) {
        TRY(fit(w, rows, r));
        for (size_t q = 0; q < w->quantities; q++) {
            double *const sum = sums[q < D ? MEAN : COVARIANCE];
            const double off = w->value[q] - w->truth[q];
            sum[0] += off * off * (double)rows;
            sum[1] += w->error[q] * w->error[q] * (double)rows;
            sum[2] += fabs(off) < 1.96 * w->error[q];
        }
    }
    TRY(ss_study_row(t, label, &row));
    row->values[COUNT] = count;
    row->values[ROWS] = (double)rows;
    for (size_t g = 0; g < GROUPS; g++)
        for (size_t k = 0; k < OF_GROUP; k++)
            row->values[FIRST_OF_GROUP + g * OF_GROUP + k] =
                sums[g][k] / ((double)repeats * (double)(g == MEAN ? D : w->quantities - D));
out:
    return st;
}

/* ---- pictures ---- */

static enum ss_status add_series(const struct ss_study_table *t, const char *label, bool by_count,
                                 double fixed, size_t column, struct ss_line_series *s, double **x,
                                 double **y)
{
    size_t n = 0;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(t->n_rows, x));
    TRY(ss_allocate(t->n_rows, y));
    for (size_t i = 0; i < t->n_rows; i++) {
        const double *const v = t->rows[i].values;
        if (strcmp(t->rows[i].label, label) != 0 || v[by_count ? ROWS : COUNT] != fixed)
            continue;
        (*x)[n] = by_count ? 1.0 / v[COUNT] : v[ROWS];
        (*y)[n++] = by_count ? v[column] : sqrt(v[column] / v[ROWS]);
    }
    *s = (struct ss_line_series){.name = label, .x = *x, .y = *y, .n = n, .style = SS_LINE_MARKED};
out:
    return st;
}

static enum ss_status draw(const struct work *w, const struct ss_study_table *t, const char *folder,
                           double count, double rows)
{
    enum { LAWS = 3 };
    const char *const labels[LAWS + 1] = {exact_label, ss_slices_name(SS_SLICES_RADEMACHER),
                                          ss_slices_name(SS_SLICES_SPHERE),
                                          ss_slices_name(SS_SLICES_GAUSSIAN)};
    struct ss_line_series by_rows[LAWS + 1], by_count[LAWS + 1];
    double *values[4 * (LAWS + 1)] = {NULL}, exact = NAN;
    enum ss_status st = SS_OK;
    (void)w;

    for (size_t i = 0; i < t->n_rows; i++)
        if (strcmp(t->rows[i].label, exact_label) == 0 && t->rows[i].values[ROWS] == rows)
            exact = t->rows[i].values[FIRST_OF_GROUP];
    for (size_t k = 0; k <= LAWS; k++) {
        TRY(add_series(t, labels[k], false, k ? count : 0.0, FIRST_OF_GROUP, &by_rows[k], &values[4 * k],
                       &values[4 * k + 1]));
        TRY(add_series(t, labels[k], true, rows, FIRST_OF_GROUP, &by_count[k], &values[4 * k + 2],
                       &values[4 * k + 3]));
    }
    const double line_x[2] = {0.0, 1.0}, line_y[2] = {exact, exact};
    by_count[0] = (struct ss_line_series){.name = exact_label, .x = line_x, .y = line_y, .n = 2};
    const struct ss_line_chart charts[] = {{.title = "error of the mean",
                                            .x_label = "rows N",
                                            .y_label = "root mean square error",
                                            .log_x = true,
                                            .log_y = true,
                                            .series = by_rows,
                                            .n_series = LAWS + 1},
                                           {.title = "asymptotic variance",
                                            .x_label = "1/M, slices a row",
                                            .y_label = "N x variance of the mean",
                                            .series = by_count,
                                            .n_series = LAWS + 1,
                                            .x_range = {0, 1}}};
    TRY(ss_study_draw(folder, "estimates", charts, SS_COUNT(charts)));
out:
    for (size_t i = 0; i < SS_COUNT(values); i++)
        free(values[i]);
    return st;
}

/* ---- the study ---- */

struct grid {
    double rows[32], counts[32];
    size_t n_rows, n_counts;
};

static enum ss_status list(const struct ss_numbers *given, const char *key, const double *standard,
                           size_t n_standard, double most, double *out, size_t *n)
{
    const double *const from = given->count ? given->items : standard;

    *n = given->count ? given->count : n_standard;
    if (*n > 32)
        return SS_FAIL(SS_ERR_USAGE, "%s: at most 32 numbers, found %zu", key, *n);
    for (size_t i = 0; i < *n; i++) {
        if (!(from[i] >= 1 && from[i] <= most && from[i] == floor(from[i])))
            return SS_FAIL(SS_ERR_USAGE, "%s: whole numbers from 1 to %g are wanted, found %g", key, most,
                           from[i]);
        out[i] = from[i];
    }
    return SS_OK;
}

enum ss_status ss_study_counts(const struct ss_study_options *o, double out[32], size_t *n)
{
    static const double standard[] = {1, 2, 4, 8};

    return list(&o->counts, "study.counts", standard, SS_COUNT(standard), 1024, out, n);
}

static enum ss_status all(struct work *w, const struct grid *g, struct ss_study_table *t)
{
    static const enum ss_slices laws[] = {SS_SLICES_RADEMACHER, SS_SLICES_SPHERE, SS_SLICES_GAUSSIAN};
    struct ss_objective_options o = {.kind = SS_OBJECTIVE_ESM, .count = 1};
    enum ss_status st = SS_OK;

    w->all_fits =
        (g->n_rows + SS_COUNT(laws) * (g->n_rows + g->n_counts - 1)) * w->setting->experiment->study.repeats;
    TRY(prepare(w, &o));
    TRY(truth(w));
    for (size_t i = 0; i < g->n_rows; i++)
        TRY(measure(w, exact_label, 0.0, (size_t)g->rows[i], t));
    o.kind = SS_OBJECTIVE_SSM;
    for (size_t l = 0; l < SS_COUNT(laws); l++) {
        o.slices = laws[l];
        for (size_t m = 0; m < g->n_counts; m++) { /* all N with the first M, all M with the last N */
            o.count = (uint32_t)g->counts[m];
            TRY(prepare(w, &o));
            for (size_t i = m == 0 ? 0 : g->n_rows - 1; i < g->n_rows; i++)
                TRY(measure(w, ss_slices_name(laws[l]), g->counts[m], (size_t)g->rows[i], t));
        }
    }
out:
    return st;
}

enum ss_status ss_study_estimates(const struct ss_setting *s, const char *folder, struct ss_study_table *t)
{
    static const double standard_rows[] = {100, 300, 1000, 3000};
    const struct ss_experiment *const e = s->experiment;
    struct work w = {.setting = s};
    struct grid g;
    enum ss_status st = SS_OK;

    *t = (struct ss_study_table){.label = "objective",
                                 .columns = {"slices", "rows", "mean_variance", "mean_sandwich",
                                             "mean_coverage", "cov_variance", "cov_sandwich", "cov_coverage"},
                                 .n_columns = N_COLUMNS};
    TRY(suits(e));
    TRY(list(&e->study.rows, "study.rows", standard_rows, SS_COUNT(standard_rows), 1e6, g.rows, &g.n_rows));
    TRY(ss_study_counts(&e->study, g.counts, &g.n_counts));
    for (size_t i = 0; i < g.n_rows; i++)
        if ((size_t)g.rows[i] > w.most_rows)
            w.most_rows = (size_t)g.rows[i];
    if (w.most_rows > UINT32_MAX / e->study.repeats) {
        st = SS_FAIL(SS_ERR_USAGE, "study.rows times study.repeats is past 2^32 rows");
        goto out;
    }
    TRY(ss_synthetic_create(&e->data, e->seed, &w.set));
    ss_progress_begin(&w.progress, s->log, "fitting");
    st = all(&w, &g, t);
    ss_progress_end(&w.progress);
    TRY(st);
    TRY(draw(&w, t, folder, g.counts[0], g.rows[g.n_rows - 1]));
out:
    work_release(&w);
    return st;
}
