#include "run/normalizer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/matrix.h"

enum { SCORER_ROWS = 8192 };

/* ---- by formula ---- */

/* E = 1/2 |F (x - mu)|^2: log Z = D/2 log 2 pi - log |det F|. */
static enum ss_status by_formula(const struct ss_trained *t, struct ss_normalizer *out)
{
    const struct ss_graph *const g = t->model->graph;
    const size_t D = t->model->dimension;
    float *flat = NULL;
    double *factor = NULL;
    enum ss_status st = SS_OK;

    for (size_t k = 0; k < ss_graph_parameters(g); k++) {
        const struct ss_parameter *const p = ss_graph_parameter(g, k);
        if (strcmp(p->name, "quadratic.factor.weight") != 0)
            continue;
        TRY(ss_allocate(D * D, &flat));
        TRY(ss_allocate(D * D, &factor));
        TRY(ss_span_read(ss_span_at(t->weights, p->offset), flat, D * D));
        for (size_t i = 0; i < D * D; i++)
            factor[i] = (double)flat[i];
        out->method = SS_NORMALIZER_FORMULA;
        out->log_z = 0.5 * (double)D * log(2 * acos(-1)) - ss_log_determinant(D, factor);
        out->known = isfinite(out->log_z);
        if (!out->known)
            snprintf(out->why, sizeof(out->why), "the gaussian's factor is singular");
    }
out:
    free(flat);
    free(factor);
    return st;
}

/* ---- by quadrature ---- */

struct scorer_energy {
    struct ss_scorer *scorer;
    struct ss_span weights;
};

static enum ss_status energy_by_scorer(void *context, const float *x, size_t n, float *out)
{
    const struct scorer_energy *const s = context;

    return ss_scorer_host(s->scorer, s->weights, x, n, out, NULL);
}

static enum ss_status by_quadrature(const struct ss_trained *t, struct ss_normalizer *out)
{
    struct scorer_energy s = {.weights = t->weights};
    enum ss_status st = SS_OK;

    if (isnan(t->low[0])) {
        snprintf(out->why, sizeof(out->why), "the range of the data is not known");
        return SS_OK;
    }
    TRY(ss_scorer_create(t->device, t->model, SCORER_ROWS, &s.scorer));
    TRY(ss_normalizer_integrate(energy_by_scorer, &s, t->model->dimension, t->low, t->high, out));
    out->method = SS_NORMALIZER_QUADRATURE;
out:
    ss_scorer_free(s.scorer);
    return st;
}

enum ss_status ss_normalizer_find(const struct ss_trained *t, struct ss_normalizer *out)
{
    enum ss_status st = SS_OK;

    *out = (struct ss_normalizer){0};
    if (!t->model->is_energy) {
        snprintf(out->why, sizeof(out->why), "a score net has no density");
        return SS_OK;
    }
    if (t->model->kind == SS_MODEL_GAUSSIAN)
        return by_formula(t, out);
    if (t->model->dimension <= 2)
        return by_quadrature(t, out);
    TRY(ss_normalizer_kept(t, out));
    if (!out->known && !*out->why)
        snprintf(out->why, sizeof(out->why),
                 "log Z of %zu columns is not known; `slicescore evaluate` estimates it",
                 t->model->dimension);
out:
    return st;
}

static bool same_sizes(const struct ss_annealing_sizes *a, const struct ss_annealing_sizes *b)
{
    return a->chains == b->chains && a->temperatures == b->temperatures && a->leapfrog == b->leapfrog;
}

enum ss_status ss_normalizer_evaluate(const struct ss_trained *t, const float *y, size_t rows, bool asked,
                                      struct ss_normalizer *out)
{
    const struct ss_evaluate_options *const o = &t->experiment->evaluate;
    enum ss_status st = SS_OK;

    *out = (struct ss_normalizer){0};
    if (o->log_z == SS_LOG_Z_NONE) {
        snprintf(out->why, sizeof(out->why), "evaluate.log_z is none");
        return SS_OK;
    }
    if (o->log_z == SS_LOG_Z_ANNEALING && t->model->is_energy)
        return ss_normalizer_anneal(t, y, rows, out);
    TRY(ss_normalizer_find(t, out));
    const bool kept = out->known && (!out->annealed || same_sizes(&out->sizes, &o->annealing));
    if (asked && !kept && t->model->is_energy && t->model->dimension > 2)
        TRY(ss_normalizer_anneal(t, y, rows, out));
out:
    return st;
}
