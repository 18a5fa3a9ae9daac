/* study_slices.c - variance of loss and gradient over slices, by their law, their number and the variant of
 * the objective. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "config/config.h"
#include "objective/loss.h"
#include "run/progress.h"
#include "run/stop.h"
#include "run/study_parts.h"

enum { MOST_ROWS = 2048 };
enum { COUNT, LOSS_VARIANCE, GRADIENT_VARIANCE, SHARE, MILLISECONDS, N_COLUMNS };

static const struct {
    const char *name;
    enum ss_objective_kind kind;
    enum ss_control_variate control;
} variants[] = {{"ssm", SS_OBJECTIVE_SSM, SS_CONTROL_FIXED},
                {"ssm_vr", SS_OBJECTIVE_SSM_VR, SS_CONTROL_FIXED},
                {"estimated", SS_OBJECTIVE_SSM_VR, SS_CONTROL_ESTIMATED}};

static const enum ss_slices laws[] = {SS_SLICES_RADEMACHER, SS_SLICES_SPHERE, SS_SLICES_ORTHOGONAL,
                                      SS_SLICES_GAUSSIAN};

struct spread { /* of many numbers, each over repetitions: Welford's update */
    double *mean, *squares;
    size_t n, times;
};

static enum ss_status spread_init(struct spread *s, size_t n)
{
    enum ss_status st = SS_OK;

    s->n = n;
    TRY(ss_allocate(n, &s->mean));
    TRY(ss_allocate(n, &s->squares));
out:
    return st;
}

static void spread_clear(struct spread *s)
{
    memset(s->mean, 0, s->n * sizeof(double));
    memset(s->squares, 0, s->n * sizeof(double));
    s->times = 0;
}

static void spread_add(struct spread *s, const float *values)
{
    s->times++;
    for (size_t i = 0; i < s->n; i++) {
        const double before = (double)values[i] - s->mean[i];
        s->mean[i] += before / (double)s->times;
        s->squares[i] += before * ((double)values[i] - s->mean[i]);
    }
}

/* Sum of the variances. */
static double spread_total(const struct spread *s)
{
    double sum = 0.0;

    for (size_t i = 0; i < s->n; i++)
        sum += s->squares[i] / (double)(s->times - 1);
    return sum;
}

struct work {
    const struct ss_setting *setting;
    size_t rows, flat;
    float *x, *weights, *gradient, *losses;
    struct ss_buffer *weights_there, *gradient_there;
    struct spread loss_spread, gradient_spread;
    struct ss_progress progress;
    size_t done, all;
};

static void work_release(struct work *w)
{
    ss_buffer_free(w->weights_there);
    ss_buffer_free(w->gradient_there);
    free(w->x);
    free(w->weights);
    free(w->gradient);
    free(w->losses);
    free(w->loss_spread.mean);
    free(w->loss_spread.squares);
    free(w->gradient_spread.mean);
    free(w->gradient_spread.squares);
}

static enum ss_status work_init(struct work *w)
{
    const struct ss_setting *const s = w->setting;
    enum ss_status st = SS_OK;

    w->flat = ss_graph_flat_size(s->model->graph);
    TRY(ss_dataset_values(s->dataset, SS_PART_TRAIN, MOST_ROWS, &w->x, &w->rows));
    TRY(ss_allocate(w->flat, &w->weights));
    TRY(ss_allocate(w->flat, &w->gradient));
    TRY(ss_allocate(w->rows, &w->losses));
    ss_graph_initialize(s->model->graph, s->experiment->seed, w->weights);
    TRY(ss_buffer_create(s->device, w->flat * sizeof(float), &w->weights_there));
    TRY(ss_buffer_create(s->device, w->flat * sizeof(float), &w->gradient_there));
    TRY(ss_span_write(ss_span_of(w->weights_there), w->weights, w->flat));
    TRY(spread_init(&w->loss_spread, w->rows));
    TRY(spread_init(&w->gradient_spread, w->flat));
out:
    return st;
}

static enum ss_status repeat(struct work *w, struct ss_loss *l, struct ss_study_row *row)
{
    const struct ss_experiment *const e = w->setting->experiment;
    double seconds = INFINITY, share = 0.0;
    float shares[2];
    enum ss_status st = SS_OK;

    for (uint32_t r = 0; r < e->study.repeats; r++) {
        const double started = ss_clock_seconds();
        TRY(ss_loss_enqueue(l, &(struct ss_loss_batch){.rows = w->rows,
                                                       .draw = {.seed = e->seed, .step = r},
                                                       .parameters = ss_span_of(w->weights_there),
                                                       .gradient = ss_span_of(w->gradient_there)}));
        TRY(ss_span_read(ss_span_of(w->gradient_there), w->gradient, w->flat));
        seconds = fmin(seconds, ss_clock_seconds() - started);
        TRY(ss_span_read(ss_loss_of_rows(l), w->losses, w->rows));
        TRY(ss_span_read(ss_loss_shares(l), shares, 2));
        share += (double)shares[1] / e->study.repeats;
        spread_add(&w->loss_spread, w->losses);
        spread_add(&w->gradient_spread, w->gradient);
    }
    row->values[LOSS_VARIANCE] = spread_total(&w->loss_spread) / (double)w->rows;
    row->values[GRADIENT_VARIANCE] = spread_total(&w->gradient_spread) * (double)w->rows;
    row->values[SHARE] = share;
    row->values[MILLISECONDS] = 1e3 * seconds;
    ss_progress_fraction(&w->progress, (double)++w->done / (double)w->all);
    if (ss_stop_signal())
        st = SS_ERR_INTERRUPTED;
out:
    return st;
}

static enum ss_status measure(struct work *w, size_t law, size_t variant, uint32_t count,
                              struct ss_study_table *t)
{
    const struct ss_loss_options options = {.objective = {.kind = variants[variant].kind,
                                                          .slices = laws[law],
                                                          .count = count,
                                                          .control = variants[variant].control},
                                            .engine = w->setting->experiment->engine,
                                            .rows = w->rows,
                                            .gradient = true};
    struct ss_loss *l = NULL;
    struct ss_study_row *row = NULL;
    char label[64];
    enum ss_status st = SS_OK;

    spread_clear(&w->loss_spread);
    spread_clear(&w->gradient_spread);
    snprintf(label, sizeof(label), "%s/%s", ss_slices_name(laws[law]), variants[variant].name);
    TRY(ss_study_row(t, label, &row));
    row->values[COUNT] = count;
    TRY(ss_loss_create(w->setting->device, w->setting->model, &options, &l));
    TRY(ss_span_write(ss_loss_rows(l), w->x, w->rows * w->setting->model->dimension));
    TRY(repeat(w, l, row));
    if (variants[variant].kind == SS_OBJECTIVE_SSM)
        row->values[SHARE] = 0.0; /* the whole is in the squares */
out:
    ss_loss_free(l);
    return st;
}

/* A chart a variant, a line a law: variance of the gradient by M. */
static enum ss_status draw(const struct ss_study_table *t, const char *folder)
{
    static const char *const titles[] = {"ssm", "ssm_vr", "ssm_vr, share estimated"};
    struct ss_line_series lines[SS_COUNT(variants)][SS_COUNT(laws)];
    struct ss_line_chart charts[SS_COUNT(variants)];
    double *values[2 * SS_COUNT(variants) * SS_COUNT(laws)] = {NULL}, low = INFINITY, high = 0.0;
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < t->n_rows; i++) {
        const double y = t->rows[i].values[LOSS_VARIANCE];
        if (y > 1e-6) {
            low = fmin(low, y);
            high = fmax(high, y);
        }
    }
    for (size_t v = 0, k = 0; v < SS_COUNT(variants); v++) {
        for (size_t l = 0; l < SS_COUNT(laws); l++, k += 2) {
            char label[64];
            size_t n = 0;
            snprintf(label, sizeof(label), "%s/%s", ss_slices_name(laws[l]), variants[v].name);
            TRY(ss_study_column(t, COUNT, label, &values[k], &n));
            TRY(ss_study_column(t, LOSS_VARIANCE, label, &values[k + 1], &n));
            for (size_t i = 0; i < n; i++)
                if (!(values[k + 1][i] > 1e-6)) /* 0 but for rounding: off a logarithmic axis */
                    values[k + 1][i] = NAN;
            lines[v][l] = (struct ss_line_series){.name = ss_slices_name(laws[l]),
                                                  .x = values[k],
                                                  .y = values[k + 1],
                                                  .n = n,
                                                  .style = SS_LINE_MARKED};
        }
        charts[v] = (struct ss_line_chart){.title = titles[v],
                                           .x_label = "slices a row M",
                                           .y_label = "variance of a row's loss",
                                           .log_x = true,
                                           .log_y = true,
                                           .y_range = {low / 1.5, high * 1.5},
                                           .series = lines[v],
                                           .n_series = SS_COUNT(laws)};
    }
    TRY(ss_study_draw(folder, "slices", charts, SS_COUNT(charts)));
out:
    for (size_t i = 0; i < SS_COUNT(values); i++)
        free(values[i]);
    return st;
}

enum ss_status ss_study_slices(const struct ss_setting *s, const char *folder, struct ss_study_table *t)
{
    struct work w = {.setting = s};
    double counts[32];
    size_t n = 0;
    enum ss_status st = SS_OK;

    *t = (struct ss_study_table){.label = "slices/objective",
                                 .columns = {"count", "loss_variance", "gradient_var", "share", "ms"},
                                 .n_columns = N_COLUMNS};
    TRY(ss_study_counts(&s->experiment->study, counts, &n));
    TRY(work_init(&w));
    w.all = n * SS_COUNT(laws) * SS_COUNT(variants);
    ss_progress_begin(&w.progress, s->log, "drawing slices");
    for (size_t law = 0; law < SS_COUNT(laws); law++)
        for (size_t variant = 0; variant < SS_COUNT(variants); variant++)
            for (size_t i = 0; i < n; i++)
                TRY(measure(&w, law, variant, (uint32_t)counts[i], t));
    ss_progress_end(&w.progress);
    TRY(draw(t, folder));
out:
    work_release(&w);
    return st;
}
