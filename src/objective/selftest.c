#include "objective/selftest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "config/config.h"
#include "device/gemm.h"
#include "objective/loss.h"
#include "objective/reference.h"
#include "random/random.h"

/* Odd on purpose: tiles, their tails and the padding all take part. */
enum { ROWS = 7, DIMENSION = 3, SLICES = 2, WIDTH = 19 };

struct work {
    struct ss_model *model;
    struct ss_loss *loss;
    struct ss_objective_options objective;
    size_t size;
    float *flat, *gradient;
    double *wide, *direction;
    float x[ROWS * DIMENSION], slices[SLICES * ROWS * DIMENSION], noise[ROWS * DIMENSION];
    struct ss_buffer *weights, *gradients, *v, *z;
};

static void normals(float *to, size_t n, uint32_t use)
{
    for (size_t i = 0; i < n; i++) {
        const uint32_t counter[4] = {(uint32_t)(i / 4), use, 0, 0};
        float z[4];
        ss_random_normal(1, SS_PURPOSE_SUBSET, counter, z);
        to[i] = z[i % 4];
    }
}

static enum ss_status work_init(struct work *w, struct ss_device *device, enum ss_model_kind kind,
                                bool short_form)
{
    const struct ss_model_options options = {.kind = kind,
                                             .hidden = {WIDTH, WIDTH},
                                             .n_hidden = 2,
                                             .activation = SS_ACTIVATION_SILU,
                                             .quadratic =
                                                 short_form ? SS_QUADRATIC_NONE : SS_QUADRATIC_DIAGONAL};
    /* the fused plan tests itself where it is made, with the very kernels that a run will use */
    const struct ss_loss_options loss = {.objective = w->objective,
                                         .engine = {.plan = SS_PLAN_LAYERED},
                                         .rows = ROWS,
                                         .gradient = true,
                                         .unmeasured = true};
    enum ss_status st = SS_OK;

    TRY(ss_model_create(&options, DIMENSION, &w->model));
    w->size = ss_graph_flat_size(w->model->graph);
    TRY(ss_allocate(w->size, &w->flat));
    TRY(ss_allocate(w->size, &w->gradient));
    TRY(ss_allocate(w->size, &w->wide));
    TRY(ss_allocate(w->size, &w->direction));
    ss_graph_initialize(w->model->graph, 1, w->flat);
    for (size_t i = 0; i < w->size; i++)
        w->wide[i] = (double)w->flat[i];
    normals(w->x, ROWS * DIMENSION, 1);
    normals(w->slices, SLICES * ROWS * DIMENSION, 2);
    normals(w->noise, ROWS * DIMENSION, 3);
    TRY(ss_buffer_create(device, w->size * sizeof(float), &w->weights));
    TRY(ss_buffer_create(device, w->size * sizeof(float), &w->gradients));
    TRY(ss_buffer_create(device, sizeof(w->slices), &w->v));
    TRY(ss_buffer_create(device, sizeof(w->noise), &w->z));
    TRY(ss_span_write(ss_span_of(w->weights), w->flat, w->size));
    TRY(ss_span_write(ss_span_of(w->v), w->slices, SLICES * ROWS * DIMENSION));
    TRY(ss_span_write(ss_span_of(w->z), w->noise, ROWS * DIMENSION));
    TRY(ss_loss_create(device, w->model, &loss, &w->loss));
    TRY(ss_span_write(ss_loss_rows(w->loss), w->x, ROWS * DIMENSION));
out:
    return st;
}

static void work_release(struct work *w)
{
    ss_loss_free(w->loss);
    ss_buffer_free(w->weights);
    ss_buffer_free(w->gradients);
    ss_buffer_free(w->v);
    ss_buffer_free(w->z);
    free(w->flat);
    free(w->gradient);
    free(w->wide);
    free(w->direction);
    ss_model_free(w->model);
}

/* d loss along `direction` (the gradient's own, so that every entry counts), by differences of 4th order in
 * double. */
static enum ss_status slope(struct work *w, const struct ss_reference_batch *batch, double *out)
{
    static const double weight[] = {8.0, -1.0};
    const double h = 1e-3;
    double sum = 0.0, *moved = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(w->size, &moved));
    for (int k = 1; k <= 2; k++)
        for (int sign = -1; sign <= 1; sign += 2) {
            double loss;
            for (size_t i = 0; i < w->size; i++)
                moved[i] = w->wide[i] + sign * k * h * w->direction[i];
            TRY(ss_reference_loss(w->model, &w->objective, moved, batch, &loss));
            sum += weight[k - 1] * sign * loss;
        }
    *out = sum / (12 * h);
out:
    free(moved);
    return st;
}

static enum ss_status compare(struct work *w, double *error)
{
    const struct ss_reference_batch batch = {w->x, ROWS, w->slices, w->noise, 1.0};
    double want, along, norm = 0.0;
    float loss;
    enum ss_status st = SS_OK;

    TRY(ss_span_read(ss_loss_mean(w->loss), &loss, 1));
    TRY(ss_span_read(ss_span_of(w->gradients), w->gradient, w->size));
    for (size_t i = 0; i < w->size; i++)
        norm += (double)w->gradient[i] * (double)w->gradient[i];
    norm = sqrt(norm);
    for (size_t i = 0; i < w->size; i++)
        w->direction[i] = norm > 0 ? (double)w->gradient[i] / norm : 0.0;
    TRY(ss_reference_loss(w->model, &w->objective, w->wide, &batch, &want));
    TRY(slope(w, &batch, &along));
    const double of_loss = fabs((double)loss - want) / (1.0 + fabs(want)),
                 of_gradient = fabs(norm - along) / along;
    *error = of_loss > of_gradient ? of_loss : of_gradient;
    if (!isfinite(*error) || !(norm > 0)) /* a wrong gradient may be NAN, zero or uphill */
        *error = INFINITY;
out:
    return st;
}

static enum ss_status known_answer(struct ss_device *device, enum ss_model_kind kind,
                                   enum ss_objective_kind objective, bool short_form, double *error)
{
    struct work w = {.objective = {.kind = objective, .count = SLICES, .sigma = 0.3}};
    enum ss_status st = SS_OK;

    TRY(work_init(&w, device, kind, short_form));
    TRY(ss_loss_enqueue(w.loss, &(struct ss_loss_batch){.rows = ROWS,
                                                        .slices = ss_span_of(w.v),
                                                        .noise = ss_span_of(w.z),
                                                        .parameters = ss_span_of(w.weights),
                                                        .gradient = ss_span_of(w.gradients)}));
    TRY(compare(&w, error));
out:
    work_release(&w);
    return st;
}

enum ss_status ss_objective_selftest(struct ss_device *device, enum ss_model_kind kind,
                                     enum ss_objective_kind objective, double *error)
{
    return known_answer(device, kind, objective, false, error);
}

static enum ss_status try_one(struct ss_device *d, enum ss_model_kind kind, enum ss_objective_kind objective,
                              bool full, struct ss_selftest *t, bool *passed)
{
    const double allowed = 1e-4;
    char family[24], plan[24];
    double error = INFINITY;
    enum ss_status st = SS_OK;

    snprintf(family, sizeof(family), "%s %s", ss_objective_name(objective), ss_model_name(kind));
    snprintf(plan, sizeof(plan), "layered, %s", ss_gemm_backend(d));
    st = known_answer(d, kind, objective, !full, &error);
    if (st == SS_ERR_MEMORY)
        goto out;
    /* whatever else went wrong has been told, and counts as a wrong answer: a simpler plan may do */
    TRY(ss_selftest_add(t, family, plan, error, allowed, passed));
out:
    return st;
}

/* What the last row says of the device. */
static const char *fails(const struct ss_selftest *t)
{
    return isinf(t->rows[t->count - 1].error) ? "does not run" : "gives wrong numbers";
}

static enum ss_status run_objectives(struct ss_device *d, bool full, struct ss_selftest *t)
{
    static const struct {
        enum ss_model_kind kind;
        enum ss_objective_kind objective;
    } tests[] = {{SS_MODEL_ENERGY, SS_OBJECTIVE_SSM}, /* always */
                 {SS_MODEL_ENERGY, SS_OBJECTIVE_SSM_VR}, {SS_MODEL_ENERGY, SS_OBJECTIVE_ESM},
                 {SS_MODEL_ENERGY, SS_OBJECTIVE_DSM},    {SS_MODEL_SCORE, SS_OBJECTIVE_SSM},
                 {SS_MODEL_SCORE, SS_OBJECTIVE_SSM_VR},  {SS_MODEL_SCORE, SS_OBJECTIVE_ESM},
                 {SS_MODEL_SCORE, SS_OBJECTIVE_DSM}};
    const size_t n = full ? SS_COUNT(tests) : 1;
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < n; i++) {
        bool passed = false;
        TRY(try_one(d, tests[i].kind, tests[i].objective, full, t, &passed));
        if (passed)
            continue;
        ss_say(SS_LEVEL_WARNING,
               "%s %s with its %s products in the known answer of %s: plain ones are used, which are slower",
               ss_device_info(d)->name, fails(t), ss_gemm_backend(d), ss_objective_name(tests[i].objective));
        ss_gemm_use_plain(d);
        TRY(try_one(d, tests[i].kind, tests[i].objective, full, t, &passed));
        if (!passed) {
            st = SS_FAIL(SS_ERR_SELFTEST,
                         "%s, driver %s, %s in the known answer of %s even with the plainest kernels; choose "
                         "another device (slicescore devices)",
                         ss_device_info(d)->name, ss_device_info(d)->driver, fails(t),
                         ss_objective_name(tests[i].objective));
            goto out;
        }
    }
out:
    return st;
}

const struct ss_selftest_family ss_selftest_objectives = {"objectives", run_objectives};
