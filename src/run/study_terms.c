/* study_terms.c - the two terms of the exact objective for a gaussian of each variance, on the training rows:
 * the trace rewards a sharp peak, the norm punishes rows far from it, and their sum is least at the variance
 * of the rows. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "run/study_parts.h"

enum { VARIANCE, TRACE, NORM, SUM, N_COLUMNS };
enum { FRAMES = 3, CURVE = 200, MOST_RUG = 500 };

struct work {
    const struct ss_setting *setting;
    struct ss_study_model model;
    size_t dimension, rows;
    float *x;
    double *at, *along; /* D */
};

/* N(0, v I): mean 0, factor I / sqrt(v), whatever the initial weights. */
static enum ss_status init(struct work *w)
{
    const size_t D = w->dimension;
    double *zeros = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(D + D * D, &zeros));
    TRY(ss_study_model_init(w->setting, &(struct ss_numbers){zeros, D + D * D}, &w->model));
    TRY(ss_dataset_values(w->setting->dataset, SS_PART_TRAIN, 0, &w->x, &w->rows));
    TRY(ss_allocate(D, &w->at));
    TRY(ss_allocate(D, &w->along));
out:
    free(zeros);
    return st;
}

static void release(struct work *w)
{
    ss_study_model_release(&w->model);
    free(w->x);
    free(w->at);
    free(w->along);
}

/* Means over rows of tr(Ds) and 1/2 |s|^2, from the energy's jets along the unit vectors. */
static void terms(struct work *w, double variance, double *trace, double *norm)
{
    const size_t D = w->dimension;
    double jet[3];

    for (size_t i = 0; i < D; i++)
        w->model.flat[w->model.place[D + i * D + i]] = 1.0 / sqrt(variance);
    *trace = *norm = 0.0;
    for (size_t r = 0; r < w->rows; r++) {
        for (size_t i = 0; i < D; i++)
            w->at[i] = (double)w->x[r * D + i];
        for (size_t i = 0; i < D; i++) {
            memset(w->along, 0, D * sizeof(double));
            w->along[i] = 1.0;
            ss_reference_jet(w->model.graph, w->model.flat, &(struct ss_reference_input){w->at, w->along},
                             jet);
            *trace -= jet[2] / (double)w->rows;
            *norm += 0.5 * jet[1] * jet[1] / (double)w->rows;
        }
    }
}

/* ---- pictures ---- */

/* A frame: the density over the rows, and beneath it the terms as bars from 0. */
struct frame {
    double x[CURVE], y[CURVE], bars[3], zero[3], place[3];
    char title[64];
    struct ss_line_series above[2], below[1];
};

static void make_frame(struct frame *f, const struct ss_study_row *row, const double *rug,
                       const double *zeros, size_t n_rug)
{
    const double v = row->values[VARIANCE];

    for (int i = 0; i < CURVE; i++) {
        f->x[i] = -4.0 + 8.0 * i / (CURVE - 1);
        f->y[i] = exp(-0.5 * f->x[i] * f->x[i] / v) / sqrt(2.0 * 3.14159265358979323846 * v);
    }
    for (int k = 0; k < 3; k++) {
        f->bars[k] = row->values[TRACE + k];
        f->zero[k] = 0.0;
        f->place[k] = k;
    }
    snprintf(f->title, sizeof(f->title), "variance %.2f", v);
    f->above[0] = (struct ss_line_series){.name = "model", .x = f->x, .y = f->y, .n = CURVE};
    f->above[1] =
        (struct ss_line_series){.name = "rows", .x = rug, .y = zeros, .n = n_rug, .style = SS_LINE_POINTS};
    f->below[0] = (struct ss_line_series){
        .x = f->place, .y = f->bars, .low = f->bars, .high = f->zero, .n = 3, .style = SS_LINE_POINTS};
}

static enum ss_status draw_frames(const struct work *w, const struct ss_study_table *t, const char *folder)
{
    static const char *const names[] = {"Hessian", "norm", "sum"};
    struct frame *frames = NULL;
    struct ss_line_chart charts[2 * FRAMES];
    double *rug = NULL, *zeros = NULL, low = 0.0, high = 0.0;
    size_t best = 0, n_rug = w->rows < MOST_RUG ? w->rows : MOST_RUG;
    enum ss_status st = SS_OK;

    if (!folder || w->dimension != 1)
        return SS_OK;
    TRY(ss_allocate(FRAMES, &frames));
    TRY(ss_allocate(n_rug, &rug));
    TRY(ss_allocate(n_rug, &zeros));
    for (size_t i = 0; i < n_rug; i++)
        rug[i] = (double)w->x[i];
    for (size_t i = 0; i < t->n_rows; i++)
        if (t->rows[i].values[SUM] < t->rows[best].values[SUM])
            best = i;
    const size_t shown[FRAMES] = {best / 4, best,
                                  (best + 2 * (t->n_rows - 1)) / 3}; /* too sharp, best, too flat */
    for (size_t k = 0; k < FRAMES; k++) {
        make_frame(&frames[k], &t->rows[shown[k]], rug, zeros, n_rug);
        for (int i = 0; i < 3; i++) {
            low = fmin(low, frames[k].bars[i]);
            high = fmax(high, frames[k].bars[i]);
        }
    }
    for (size_t k = 0; k < FRAMES; k++) {
        charts[k] = (struct ss_line_chart){.title = frames[k].title,
                                           .x_label = "x",
                                           .y_label = "density",
                                           .series = frames[k].above,
                                           .n_series = 2,
                                           .x_range = {-4, 4},
                                           .y_range = {-0.05, 1}};
        charts[FRAMES + k] = (struct ss_line_chart){.y_label = "mean over rows",
                                                    .series = frames[k].below,
                                                    .n_series = 1,
                                                    .y_range = {1.1 * low, 1.1 * high + 0.1},
                                                    .x_range = {-0.5, 2.5},
                                                    .x_names = names,
                                                    .n_x_names = 3};
    }
    TRY(ss_study_draw(folder, "frames", charts, SS_COUNT(charts)));
out:
    free(frames);
    free(rug);
    free(zeros);
    return st;
}

static enum ss_status draw_terms(const struct ss_study_table *t, const char *folder)
{
    static const char *const names[] = {"Hessian term tr(Ds)", "norm term 1/2 |s|^2",
                                        "their sum, the objective"};
    struct ss_line_series lines[SS_COUNT(names)];
    double *values[N_COLUMNS] = {NULL};
    size_t n = 0;
    enum ss_status st = SS_OK;

    for (size_t c = 0; c < N_COLUMNS; c++)
        TRY(ss_study_column(t, c, NULL, &values[c], &n));
    for (size_t k = 0; k < SS_COUNT(names); k++)
        lines[k] =
            (struct ss_line_series){.name = names[k], .x = values[VARIANCE], .y = values[TRACE + k], .n = n};
    const struct ss_line_chart chart = {.title = "exact score matching of a gaussian",
                                        .x_label = "variance of the model",
                                        .y_label = "mean over rows",
                                        .series = lines,
                                        .n_series = SS_COUNT(names)};
    TRY(ss_study_draw(folder, "terms", &chart, 1));
out:
    for (size_t i = 0; i < SS_COUNT(values); i++)
        free(values[i]);
    return st;
}

enum ss_status ss_study_terms(const struct ss_setting *s, const char *folder, struct ss_study_table *t)
{
    const struct ss_study_options *const o = &s->experiment->study;
    struct work w = {.setting = s, .dimension = s->model->dimension};
    enum ss_status st = SS_OK;

    *t = (struct ss_study_table){
        .label = "model", .columns = {"variance", "hessian", "norm", "sum"}, .n_columns = N_COLUMNS};
    if (s->model->kind != SS_MODEL_GAUSSIAN || !(o->low > 0.0))
        return SS_FAIL(SS_ERR_USAGE, "study.kind: terms is about model.kind: gaussian, at variances above 0");
    TRY(init(&w));
    for (uint32_t i = 0; i < o->points; i++) {
        struct ss_study_row *row = NULL;
        TRY(ss_study_row(t, "gaussian", &row));
        row->values[VARIANCE] = ss_study_point(o, i, false);
        terms(&w, row->values[VARIANCE], &row->values[TRACE], &row->values[NORM]);
        row->values[SUM] = row->values[TRACE] + row->values[NORM];
    }
    TRY(draw_terms(t, folder));
    TRY(draw_frames(&w, t, folder));
out:
    release(&w);
    return st;
}
