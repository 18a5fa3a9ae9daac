#include "run/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "config/config.h"
#include "random/random.h"
#include "run/progress.h"
#include "run/stop.h"

enum {
    PIECE_ROWS = 1024,  /* of a loss at a time */
    SCORER_ROWS = 4096, /* of a score */
    TRIAL_ROWS = 64,    /* whose time tells that of all */
    TELL_SECONDS = 2    /* less is not worth a word */
};

/* ---- score-matching losses ---- */

static bool go_on(void *context, double done)
{
    ss_progress_fraction(context, done);
    return ss_stop_signal() == 0;
}

/* The better of two: the first may hold what a driver does once, either what a neighbour does. */
static enum ss_status time_of(const struct ss_trained *t, struct ss_loss *l, const float *y, size_t rows,
                              double *out)
{
    struct ss_estimate e;
    enum ss_status st = SS_OK;

    *out = INFINITY;
    for (int i = 0; i < 2; i++) {
        const double start = ss_clock_seconds();
        TRY(ss_loss_estimate(l, t->weights, y, rows, t->experiment->seed, NULL, NULL, &e));
        *out = fmin(*out, ss_clock_seconds() - start);
    }
out:
    return st;
}

/* A piece costs a + b rows: one row and a few tell both. */
static enum ss_status tell_time(const struct ss_trained *t, struct ss_loss *l,
                                const struct ss_evaluation_rows *rows, const char *name)
{
    double one = 0, some = 0;
    char time[32];
    enum ss_status st = SS_OK;

    if (rows->rows < 4 * TRIAL_ROWS)
        return SS_OK;
    TRY(time_of(t, l, rows->y, 1, &one));
    TRY(time_of(t, l, rows->y, TRIAL_ROWS, &some));
    const double each = fmax(some - one, 0) / (TRIAL_ROWS - 1);
    const double pieces = ceil((double)rows->rows / PIECE_ROWS);
    const double seconds = pieces * one + (double)rows->rows * each;
    if (seconds > TELL_SECONDS) {
        ss_clock_duration(seconds, time);
        ss_say(SS_LEVEL_NOTE, "%s on %zu rows of %zu columns: about %s", name, rows->rows,
               t->model->dimension, time);
    }
out:
    return st;
}

static enum ss_status estimate(const struct ss_trained *t, const struct ss_evaluation_rows *rows,
                               const struct ss_objective_options *objective, struct ss_metrics_list *out)
{
    const char *const name = ss_objective_name(objective->kind);
    const struct ss_loss_options options = {.objective = *objective,
                                            .engine = t->experiment->engine,
                                            .rows = rows->rows < PIECE_ROWS ? rows->rows : PIECE_ROWS,
                                            .gradient = false};
    struct ss_progress progress;
    struct ss_loss *l = NULL;
    struct ss_estimate e;
    enum ss_status st = SS_OK;

    ss_log_phase(t->log, "compiling kernels (first time on this device)");
    TRY(ss_loss_create(t->device, t->model, &options, &l));
    ss_log_phase(t->log, NULL);
    if (objective->kind == SS_OBJECTIVE_ESM)
        TRY(tell_time(t, l, rows, "exact score-matching loss"));
    ss_progress_begin(&progress, t->log,
                      objective->kind == SS_OBJECTIVE_ESM ? "exact score-matching loss" : name);
    st = ss_loss_estimate(l, t->weights, rows->y, rows->rows, t->experiment->seed, go_on, &progress, &e);
    ss_progress_end(&progress);
    TRY(st);
    ss_metrics_list_add(out, name, e);
out:
    ss_log_phase(t->log, NULL);
    ss_loss_free(l);
    return st;
}

/* ---- means over rows ---- */

struct mean { /* Welford's update: no cancellation */
    double mean, squares;
    size_t n;
};

static void add(struct mean *m, double x)
{
    const double before = x - m->mean;

    m->n++;
    m->mean += before / (double)m->n;
    m->squares += before * (x - m->mean);
}

static struct ss_estimate finish(const struct mean *m)
{
    const double n = (double)m->n;

    return (struct ss_estimate){m->mean, m->n > 1 ? sqrt(m->squares / (n - 1) / n) : NAN};
}

static enum ss_status fisher_divergence(const struct ss_trained *t, const struct ss_evaluation_rows *rows,
                                        struct ss_scorer *scorer, struct ss_metrics_list *out)
{
    const size_t n = rows->rows, d = t->model->dimension;
    struct mean m = {0}, own = {0};
    float *score = NULL;
    double *truth = NULL, *log_density = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(n * d, &score));
    TRY(ss_allocate(n * d, &truth));
    TRY(ss_scorer_host(scorer, t->weights, rows->y, n, NULL, score));
    TRY(ss_allocate(n, &log_density));
    TRY(ss_dataset_density(rows->truth, rows->y, n, log_density, truth));
    for (size_t i = 0; i < n; i++) {
        double square = 0;
        for (size_t j = 0; j < d; j++)
            square += (score[i * d + j] - truth[i * d + j]) * (score[i * d + j] - truth[i * d + j]);
        add(&m, square / 2);
        add(&own, log_density[i]);
    }
    ss_metrics_list_add(out, "fisher_divergence", finish(&m));
    ss_say(SS_LEVEL_NOTE, "the true density gives these rows %.5g +- %.2g nats each, in the space trained in",
           finish(&own).mean, finish(&own).standard_error);
out:
    free(log_density);
    free(score);
    free(truth);
    return st;
}

static enum ss_status log_likelihood(const struct ss_trained *t, const struct ss_evaluation_rows *rows,
                                     const struct ss_normalizer *z, struct ss_scorer *scorer,
                                     struct ss_metrics_list *out)
{
    const size_t n = rows->rows, d = t->model->dimension;
    struct mean m = {0};
    float *energy = NULL;
    double *y = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(n, &energy));
    TRY(ss_allocate(d, &y));
    TRY(ss_scorer_host(scorer, t->weights, rows->y, n, energy, NULL));
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < d; j++)
            y[j] = rows->y[i * d + j];
        add(&m, -(double)energy[i] - z->log_z + (t->transform ? ss_transform_log_det(t->transform, y) : 0));
    }
    struct ss_estimate e = finish(&m);
    e.standard_error = hypot(e.standard_error, z->error);
    if (isfinite(m.mean))
        ss_metrics_list_add(out, "log_likelihood", e);
    else
        ss_say(SS_LEVEL_DETAIL, "no log_likelihood: the transforms drop columns by what the data look like");
out:
    free(energy);
    free(y);
    return st;
}

enum ss_status ss_evaluate(const struct ss_trained *t, const struct ss_evaluation_rows *rows,
                           const struct ss_normalizer *normalizer, struct ss_metrics_list *out)
{
    const struct ss_objective_options exact = {.kind = SS_OBJECTIVE_ESM, .count = 1};
    const struct ss_objective_options *const own = &t->experiment->objective;
    struct ss_metrics_list list = {.rows = rows->rows};
    struct ss_scorer *scorer = NULL;
    enum ss_status st = SS_OK;

    if (rows->rows == 0)
        return SS_FAIL(SS_ERR_USAGE, "no rows to evaluate on");
    TRY(estimate(t, rows, &exact, &list));
    if (own->kind != SS_OBJECTIVE_ESM)
        TRY(estimate(t, rows, own, &list));
    const bool truth = rows->truth && ss_dataset_has_density(rows->truth);
    const bool normalized = normalizer && normalizer->known;
    if (normalizer && !normalized) /* what was worked for and not found is worth a word */
        ss_say(normalizer->method == SS_NORMALIZER_ANNEALING ? SS_LEVEL_WARNING : SS_LEVEL_DETAIL,
               "no log_likelihood: %s", normalizer->why);
    if (truth || normalized)
        TRY(ss_scorer_create(t->device, t->model, rows->rows < SCORER_ROWS ? rows->rows : SCORER_ROWS,
                             &scorer));
    if (truth)
        TRY(fisher_divergence(t, rows, scorer, &list));
    if (normalized)
        TRY(log_likelihood(t, rows, normalizer, scorer, &list));
    *out = list;
out:
    ss_scorer_free(scorer);
    return st;
}

/* ---- rows ---- */

enum ss_status ss_held_out_rows(const struct ss_dataset *d, size_t limit, float **y, size_t *rows)
{
    enum ss_part part = SS_PART_TEST;

    if (ss_dataset_rows(d, part) == 0)
        part = SS_PART_VALIDATION;
    if (ss_dataset_rows(d, part) == 0) {
        part = SS_PART_TRAIN;
        ss_say(SS_LEVEL_WARNING,
               "data.split holds no rows out: the metrics are of training rows, and too good");
    }
    return ss_dataset_values(d, part, limit, y, rows);
}

static enum ss_status other_columns(const struct ss_trained *t, const char *path,
                                    const struct ss_table *table)
{
    const size_t wanted = ss_transform_inputs(t->transform);

    if (table->columns == wanted)
        return SS_OK;
    return SS_FAIL(SS_ERR_USAGE,
                   "%s: has %zu columns, and the run was trained on a file of %zu; the same columns in "
                   "the same order are wanted",
                   path, table->columns, wanted);
}

static void transform_rows(const struct ss_trained *t, const struct ss_table *table, size_t rows, bool noise,
                           float *y, double *x, double *scratch)
{
    const size_t columns = table->columns, d = ss_transform_outputs(t->transform);
    const struct ss_transform_draw draw = {
        .seed = t->experiment->seed, .purpose = noise ? SS_PURPOSE_NOISE_HELD_OUT : 0, .first = SS_PART_TEST};

    for (size_t i = 0; i < rows; i++) {
        ss_table_row(table, i, scratch);
        if (x)
            memcpy(x + i * columns, scratch, columns * sizeof(*x));
        ss_transform_forward(t->transform, scratch, &draw, (uint32_t)i, scratch + columns);
        for (size_t j = 0; j < d; j++)
            y[i * d + j] = (float)scratch[columns + j];
    }
}

enum ss_status ss_file_rows(const struct ss_trained *t, const char *path, size_t limit, bool noise, float **y,
                            double **x, size_t *rows)
{
    struct ss_data_options options = t->experiment->data;
    struct ss_table *table = NULL;
    float *values = NULL;
    double *scratch = NULL, *own = NULL;
    enum ss_status st = SS_OK;

    if (!t->transform)
        return SS_FAIL(SS_ERR_USAGE,
                       "%s: this run was imported without data, so how its rows are transformed is not "
                       "known; `slicescore loss` takes rows as the model sees them",
                       path);
    options.source = SS_SOURCE_NONE;
    options.file = (char *)(uintptr_t)path; /* only read */
    options.rows = (uint32_t)(limit > UINT32_MAX ? 0 : limit);
    if (x && options.missing == SS_MISSING_DROP)
        options.missing = SS_MISSING_ERROR; /* the caller answers row by row */
    ss_log_phase(t->log, "reading the file");
    TRY(ss_table_read(&options, &table));
    TRY(other_columns(t, path, table));
    const size_t n = table->rows, d = ss_transform_outputs(t->transform);
    if (n == 0) {
        st = SS_FAIL(SS_ERR_CORRUPT, "%s: no rows", path);
        goto out;
    }
    TRY(ss_allocate(n * d, &values));
    TRY(ss_allocate(table->columns + d, &scratch));
    if (x)
        TRY(ss_allocate(n * table->columns, &own));
    transform_rows(t, table, n, noise, values, own, scratch);
    *y = values;
    values = NULL;
    if (x) {
        *x = own;
        own = NULL;
    }
    *rows = n;
out:
    ss_log_phase(t->log, NULL);
    ss_table_free(table);
    free(values);
    free(scratch);
    free(own);
    return st;
}

/* ---- for people ---- */

void ss_metrics_say(const struct ss_metrics_list *m, const struct ss_normalizer *normalizer)
{
    ss_say(SS_LEVEL_NOTE, "on %zu held-out rows:", m->rows);
    for (size_t i = 0; i < m->count; i++)
        ss_say(SS_LEVEL_NOTE, "  %-18s %11.5g +- %-9.2g %s", m->items[i].name, m->items[i].mean,
               m->items[i].standard_error, ss_metric_meaning(m->items[i].name));
    if (normalizer && normalizer->known) {
        struct ss_text line;
        ss_text_init(&line);
        ss_normalizer_text(normalizer, &line);
        ss_say(SS_LEVEL_NOTE, "  %s", line.data);
        ss_text_release(&line);
    }
}
