#include "model/scorer.h"

#include <stdlib.h>

#include "base/checked.h"
#include "jet/layered.h"

struct ss_scorer {
    struct ss_device *device;
    const struct ss_model *model;
    struct ss_layered *plan;
    size_t capacity;
};

enum ss_status ss_scorer_create(struct ss_device *device, const struct ss_model *model, size_t rows,
                                struct ss_scorer **out)
{
    const struct ss_layered_options options = {
        .rows = rows, .reverse = model->is_energy, .input_gradient = model->is_energy};
    struct ss_scorer *s = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &s));
    s->device = device;
    s->model = model;
    s->capacity = rows;
    TRY(ss_layered_create(device, model->graph, &options, &s->plan));
    if (model->is_energy) { /* the adjoint of the energy is -1 in every row: the input's is then -grad E, the
                               score */
        float *minus_one = NULL;
        TRY(ss_allocate(rows, &minus_one));
        for (size_t i = 0; i < rows; i++)
            minus_one[i] = -1.0f;
        st = ss_span_write(ss_layered_adjoint(s->plan, model->output), minus_one, rows);
        free(minus_one);
        if (st != SS_OK)
            goto out;
    }
    *out = s;
    s = NULL;
out:
    ss_scorer_free(s);
    return st;
}

void ss_scorer_free(struct ss_scorer *s)
{
    if (!s)
        return;
    ss_layered_free(s->plan);
    free(s);
}

struct ss_span ss_scorer_input(const struct ss_scorer *s)
{
    return ss_layered_input(s->plan, s->model->input);
}

struct ss_span ss_scorer_score(const struct ss_scorer *s)
{
    return s->model->is_energy ? ss_layered_adjoint(s->plan, s->model->input)
                               : ss_layered_jet(s->plan, s->model->output, NULL);
}

struct ss_span ss_scorer_energy(const struct ss_scorer *s)
{
    return s->model->is_energy ? ss_layered_jet(s->plan, s->model->output, NULL) : (struct ss_span){0};
}

enum ss_status ss_scorer_enqueue(struct ss_scorer *s, struct ss_span parameters, size_t rows)
{
    enum ss_status st = SS_OK;

    TRY(ss_layered_forward(s->plan, parameters, rows));
    if (s->model->is_energy)
        TRY(ss_layered_reverse(s->plan, parameters, (struct ss_span){0}, false));
out:
    return st;
}

enum ss_status ss_scorer_host(struct ss_scorer *s, struct ss_span parameters, const float *x, size_t rows,
                              float *energy, float *score)
{
    const size_t D = s->model->dimension;
    enum ss_status st = SS_OK;

    if (energy && !s->model->is_energy)
        return SS_FAIL(SS_ERR_USAGE, "a score net has no energy");
    for (size_t at = 0; at < rows; at += s->capacity) {
        const size_t n = rows - at < s->capacity ? rows - at : s->capacity;
        TRY(ss_span_write(ss_scorer_input(s), x + at * D, n * D));
        /* energies alone, as for a quadrature, need no reverse sweep */
        TRY(score ? ss_scorer_enqueue(s, parameters, n) : ss_layered_forward(s->plan, parameters, n));
        if (energy)
            TRY(ss_span_read(ss_scorer_energy(s), energy + at, n));
        if (score)
            TRY(ss_span_read(ss_scorer_score(s), score + at * D, n * D));
    }
out:
    return st;
}
