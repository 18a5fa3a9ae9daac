#include "objective/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "jet/reference.h"

struct work {
    const struct ss_model *model;
    const struct ss_objective_options *objective;
    const double *flat;
    struct ss_reference *graph;
    double *x, *v, *score, *jet; /* D, D, D, 3 x width of the output */
};

static enum ss_status work_init(struct work *w, const struct ss_model *model,
                                const struct ss_objective_options *objective, const double *flat)
{
    const size_t D = model->dimension;
    enum ss_status st = SS_OK;

    *w = (struct work){.model = model, .objective = objective, .flat = flat};
    TRY(ss_reference_create(model->graph, &w->graph));
    TRY(ss_allocate(D, &w->x));
    TRY(ss_allocate(D, &w->v));
    TRY(ss_allocate(D, &w->score));
    TRY(ss_allocate(3 * D, &w->jet));
out:
    return st;
}

static void work_release(struct work *w)
{
    ss_reference_free(w->graph);
    free(w->x);
    free(w->v);
    free(w->score);
    free(w->jet);
}

static void along(struct work *w)
{
    ss_reference_jet(w->graph, w->flat, &(struct ss_reference_input){w->x, w->v}, w->jet);
}

/* The score at w->x; for an energy also tr(Ds). */
static double score_and_trace(struct work *w)
{
    const size_t D = w->model->dimension;
    double trace = 0.0;

    for (size_t i = 0; i < D; i++) {
        memset(w->v, 0, D * sizeof(double));
        w->v[i] = 1.0;
        along(w);
        if (w->model->is_energy) {
            w->score[i] = -w->jet[1];
            trace -= w->jet[2];
        } else {
            w->score[i] = w->jet[i];
            trace += w->jet[D + i];
        }
    }
    return trace;
}

/* v'(Ds)v and v's along w->v at w->x. */
static double quadratic_form(struct work *w, double *v_score)
{
    const size_t D = w->model->dimension;
    double form = 0.0;

    along(w);
    if (w->model->is_energy) {
        *v_score = -w->jet[1];
        return -w->jet[2];
    }
    *v_score = 0.0;
    for (size_t i = 0; i < D; i++) {
        *v_score += w->v[i] * w->jet[i];
        form += w->v[i] * w->jet[D + i];
    }
    return form;
}

static double half_square(const double *s, size_t n)
{
    double sum = 0.0;

    for (size_t i = 0; i < n; i++)
        sum += s[i] * s[i];
    return 0.5 * sum;
}

static double row_loss(struct work *w, const struct ss_reference_batch *b, size_t row)
{
    const struct ss_objective_options *const o = w->objective;
    const size_t D = w->model->dimension;
    const double share = o->control == SS_CONTROL_ESTIMATED ? b->share : 1.0;
    double sum = 0.0, v_score;

    for (size_t i = 0; i < D; i++)
        w->x[i] = (double)b->x[row * D + i] +
                  (o->kind == SS_OBJECTIVE_DSM ? o->sigma * (double)b->noise[row * D + i] : 0.0);
    if (o->kind == SS_OBJECTIVE_ESM) {
        const double trace = score_and_trace(w);
        return trace + half_square(w->score, D);
    }
    if (o->kind == SS_OBJECTIVE_DSM) {
        score_and_trace(w);
        for (size_t i = 0; i < D; i++)
            w->score[i] += (double)b->noise[row * D + i] / o->sigma;
        return half_square(w->score, D);
    }
    for (size_t m = 0; m < o->count; m++) {
        for (size_t i = 0; i < D; i++)
            w->v[i] = (double)b->slices[(m * b->rows + row) * D + i];
        sum += quadratic_form(w, &v_score);
        sum += (o->kind == SS_OBJECTIVE_SSM ? 1.0 : 1.0 - share) * 0.5 * v_score * v_score;
    }
    sum /= o->count;
    if (o->kind == SS_OBJECTIVE_SSM_VR) {
        score_and_trace(w);
        sum += share * half_square(w->score, D);
    }
    return sum;
}

enum ss_status ss_reference_loss(const struct ss_model *model, const struct ss_objective_options *objective,
                                 const double *flat, const struct ss_reference_batch *batch, double *loss)
{
    struct work w = {0};
    double sum = 0.0;
    enum ss_status st = SS_OK;

    TRY(work_init(&w, model, objective, flat));
    for (size_t row = 0; row < batch->rows; row++)
        sum += row_loss(&w, batch, row);
    *loss = sum / (double)batch->rows;
out:
    work_release(&w);
    return st;
}

enum ss_status ss_reference_gradient(const struct ss_model *model,
                                     const struct ss_objective_options *objective, const double *flat,
                                     const struct ss_reference_batch *batch, const size_t *index, size_t n,
                                     double *gradient)
{
    static const double weight[] = {45.0, -9.0, 1.0}; /* over 60 h */
    const size_t size = ss_graph_flat_size(model->graph);
    double *moved = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(size, &moved));
    memcpy(moved, flat, size * sizeof(double));
    for (size_t k = 0; k < n; k++) {
        const size_t i = index[k];
        const double h = 1e-3 * (1.0 + fabs(flat[i]));
        double sum = 0.0;
        for (int step = 1; step <= 3; step++) {
            double up, down;
            moved[i] = flat[i] + step * h;
            TRY(ss_reference_loss(model, objective, moved, batch, &up));
            moved[i] = flat[i] - step * h;
            TRY(ss_reference_loss(model, objective, moved, batch, &down));
            sum += weight[step - 1] * (up - down);
        }
        moved[i] = flat[i];
        gradient[k] = sum / (60.0 * h);
    }
out:
    free(moved);
    return st;
}
