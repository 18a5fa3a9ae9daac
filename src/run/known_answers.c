#include "run/known_answers.h"

#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "device/gemm.h"
#include "objective/loss.h"
#include "objective/reference.h"
#include "random/random.h"

enum { ROWS = 3, DIMENSION = 3, SLICES = 2, HIDDEN_1 = 7, HIDDEN_2 = 5 };

/* Odd sizes: nothing is a multiple of a tile. float32 through three layers leaves 1e-6; a driver that is
 * wrong leaves 1. */
static const double allowed = 1e-4;

struct exercise {
    enum ss_model_kind model;
    enum ss_objective_kind objective;
    bool brief; /* part of the short form */
};

static const struct exercise exercises[] = {
    {SS_MODEL_ENERGY, SS_OBJECTIVE_SSM_VR, true}, {SS_MODEL_ENERGY, SS_OBJECTIVE_SSM, false},
    {SS_MODEL_ENERGY, SS_OBJECTIVE_ESM, false},   {SS_MODEL_ENERGY, SS_OBJECTIVE_DSM, false},
    {SS_MODEL_SCORE, SS_OBJECTIVE_SSM_VR, false}, {SS_MODEL_SCORE, SS_OBJECTIVE_SSM, false},
    {SS_MODEL_SCORE, SS_OBJECTIVE_ESM, false},    {SS_MODEL_SCORE, SS_OBJECTIVE_DSM, false},
};

/* Small normals, the same each time. */
static void fill(float *x, size_t n, uint32_t salt, float scale)
{
    for (size_t i = 0; i < n; i++) {
        float four[4];
        ss_random_normal(7, SS_PURPOSE_SUBSET, (uint32_t[4]){(uint32_t)i, salt, 0, 0}, four);
        x[i] = scale * four[0];
    }
}

struct work {
    struct ss_device *device;
    struct ss_model *model;
    struct ss_objective_options objective;
    struct ss_loss *loss;
    struct ss_buffer *buffer; /* weights, gradient, slices, noise, one after the other */
    float *weights, *gradient;
    double *point;
    float x[ROWS * DIMENSION], v[SLICES * ROWS * DIMENSION], z[ROWS * DIMENSION];
    size_t flat;
};

static void work_release(struct work *w)
{
    ss_loss_free(w->loss);
    ss_buffer_free(w->buffer);
    ss_model_free(w->model);
    free(w->weights);
    free(w->gradient);
    free(w->point);
}

static enum ss_status make(struct work *w, const struct exercise *e)
{
    const struct ss_model_options model = {
        .kind = e->model, .hidden = {HIDDEN_1, HIDDEN_2}, .n_hidden = 2, .activation = SS_ACTIVATION_SILU};
    enum ss_status st = SS_OK;

    w->objective = (struct ss_objective_options){
        .kind = e->objective, .slices = SS_SLICES_GAUSSIAN, .count = SLICES, .sigma = 0.5};
    TRY(ss_model_create(&model, DIMENSION, &w->model));
    w->flat = ss_graph_flat_size(w->model->graph);
    TRY(ss_allocate(w->flat, &w->weights));
    TRY(ss_allocate(w->flat, &w->gradient));
    TRY(ss_allocate(w->flat, &w->point));
    for (size_t i = 0; i < ss_graph_parameters(w->model->graph); i++) {
        const struct ss_parameter *const p = ss_graph_parameter(w->model->graph, i);
        fill(w->weights + p->offset, p->count, 10 + (uint32_t)i, 0.5f);
    }
    for (size_t i = 0; i < w->flat; i++)
        w->point[i] = w->weights[i];
    fill(w->x, SS_COUNT(w->x), 1, 1.0f);
    fill(w->v, SS_COUNT(w->v), 2, 1.0f);
    fill(w->z, SS_COUNT(w->z), 3, 1.0f);
out:
    return st;
}

static enum ss_status ask_device(struct work *w, float *loss)
{
    const struct ss_loss_options options = {.objective = w->objective, .rows = ROWS, .gradient = true};
    const size_t slices_at = 2 * w->flat, noise_at = slices_at + SS_COUNT(w->v);
    const size_t size = (noise_at + SS_COUNT(w->z)) * sizeof(float);
    const bool dsm = w->objective.kind == SS_OBJECTIVE_DSM, esm = w->objective.kind == SS_OBJECTIVE_ESM;
    enum ss_status st = SS_OK;

    TRY(ss_loss_create(w->device, w->model, &options, &w->loss));
    TRY(ss_buffer_create(w->device, size, &w->buffer));
    TRY(ss_span_write(ss_span_of(w->buffer), w->weights, w->flat));
    TRY(ss_span_write((struct ss_span){w->buffer, slices_at}, w->v, SS_COUNT(w->v)));
    TRY(ss_span_write((struct ss_span){w->buffer, noise_at}, w->z, SS_COUNT(w->z)));
    TRY(ss_span_write(ss_loss_rows(w->loss), w->x, SS_COUNT(w->x)));
    struct ss_loss_batch batch = {
        .rows = ROWS, .parameters = {w->buffer, 0}, .gradient = {w->buffer, w->flat}};
    if (!dsm && !esm)
        batch.slices = (struct ss_span){w->buffer, slices_at};
    if (dsm)
        batch.noise = (struct ss_span){w->buffer, noise_at};
    TRY(ss_loss_enqueue(w->loss, &batch));
    TRY(ss_span_read(ss_loss_mean(w->loss), loss, 1));
    TRY(ss_span_read((struct ss_span){w->buffer, w->flat}, w->gradient, w->flat));
out:
    return st;
}

/* Largest relative error of the loss and of the first, middle and last entry of each parameter. */
static enum ss_status compare(struct work *w, float loss, double *error)
{
    const struct ss_reference_batch batch = {.x = w->x, .rows = ROWS, .slices = w->v, .noise = w->z};
    double reference = 0, largest = 1e-3, off = 0;
    enum ss_status st = SS_OK;

    TRY(ss_reference_loss(w->model, &w->objective, w->point, &batch, &reference));
    *error = fabs((double)loss - reference) / fmax(fabs(reference), 1);
    for (size_t i = 0; i < ss_graph_parameters(w->model->graph); i++) {
        const struct ss_parameter *const p = ss_graph_parameter(w->model->graph, i);
        const size_t index[] = {p->offset, p->offset + p->count / 2, p->offset + p->count - 1};
        double want[SS_COUNT(index)];
        TRY(ss_reference_gradient(w->model, &w->objective, w->point, &batch, index, SS_COUNT(index), want));
        for (size_t j = 0; j < SS_COUNT(index); j++) {
            const double this_one = fabs((double)w->gradient[index[j]] - want[j]);
            largest = fmax(largest, fabs(want[j]));
            off = isnan(this_one) ? INFINITY : fmax(off, this_one);
        }
    }
    *error = isnan(*error) ? INFINITY : fmax(*error, off / largest);
out:
    return st;
}

/* SS_OK with an infinite error if the driver refuses: that is an answer too. */
static enum ss_status exercise_error(struct ss_device *device, const struct exercise *e, double *error)
{
    struct work w = {.device = device};
    float loss = NAN;
    enum ss_status st = SS_OK;

    *error = INFINITY;
    TRY(make(&w, e));
    const enum ss_status asked = ask_device(&w, &loss);
    if (asked == SS_OK)
        TRY(compare(&w, loss, error));
    else if (asked == SS_ERR_MEMORY)
        st = asked;
out:
    work_release(&w);
    return st;
}

static enum ss_status worst(struct ss_device *device, bool full, double *error)
{
    enum ss_status st = SS_OK;

    *error = 0;
    for (size_t i = 0; i < SS_COUNT(exercises); i++) {
        double one = 0;
        if (!full && !exercises[i].brief)
            continue;
        TRY(exercise_error(device, &exercises[i], &one));
        *error = fmax(*error, one);
    }
out:
    return st;
}

static enum ss_status test_losses(struct ss_device *device, bool full, struct ss_selftest *t)
{
    double error = 0;
    bool passed = false;
    enum ss_status st = SS_OK;

    TRY(worst(device, full, &error));
    TRY(ss_selftest_add(t, "losses", "layered", error, allowed, &passed));
    if (passed)
        goto out;
    ss_say(SS_LEVEL_WARNING,
           "%s: losses of a tiny net come out wrong (relative error %.2g); trying again with the plain "
           "matrix product",
           ss_device_info(device)->name, error);
    ss_gemm_use_plain(device);
    TRY(worst(device, full, &error));
    TRY(ss_selftest_add(t, "losses", "layered, plain product", error, allowed, &passed));
    if (!passed)
        st = SS_FAIL(
            SS_ERR_SELFTEST,
            "%s, driver %s: losses and gradients of a tiny net come out wrong (relative error %.2g): this "
            "driver cannot be trusted; choose another device (slicescore devices)",
            ss_device_info(device)->name, ss_device_info(device)->driver, error);
out:
    return st;
}

enum ss_status ss_known_answers(struct ss_device *device, bool full, struct ss_log *log,
                                struct ss_selftest *out)
{
    static const struct ss_selftest_family families[] = {{"losses", test_losses}};

    ss_log_phase(log, "self-test of the device, compiling kernels (first time on this device)");
    const enum ss_status st = ss_selftest_device(device, full, families, SS_COUNT(families), out);
    ss_log_phase(log, NULL);
    return st;
}
