#include "run/gradient_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "objective/loss.h"
#include "objective/reference.h"
#include "objective/slices.h"
#include "random/random.h"
#include "run/progress.h"

enum { ROWS = 4, ENTRIES = 12, EVALUATIONS = 6 /* of the reference, for one entry */ };

static const double budget_seconds = 20, tolerance = 1e-3;

struct work {
    const struct ss_setting *setting;
    struct ss_objective_options objective;
    size_t rows, flat, slices; /* slices 0 where the objective has none */
    float *x, *v, *z;          /* rows, slices, noise; NULL where there are none */
    float *weights, *gradient, shares[2];
    double *point; /* weights */
    struct ss_buffer *weights_there, *gradient_there, *v_there, *z_there;
    struct ss_loss *loss;
};

static void work_release(struct work *w)
{
    ss_loss_free(w->loss);
    ss_buffer_free(w->weights_there);
    ss_buffer_free(w->gradient_there);
    ss_buffer_free(w->v_there);
    ss_buffer_free(w->z_there);
    free(w->x);
    free(w->v);
    free(w->z);
    free(w->weights);
    free(w->gradient);
    free(w->point);
}

/* ---- the point ---- */

static enum ss_status make_rows(struct work *w)
{
    const size_t d = w->setting->model->dimension;
    enum ss_status st = SS_OK;

    if (w->setting->dataset)
        return ss_dataset_values(w->setting->dataset, SS_PART_TRAIN, ROWS, &w->x, &w->rows);
    w->rows = ROWS;
    TRY(ss_allocate(w->rows * d, &w->x));
    for (size_t i = 0; i < w->rows * d; i++) {
        float four[4];
        ss_random_normal(w->setting->experiment->seed, SS_PURPOSE_SUBSET, (uint32_t[4]){(uint32_t)i, 1, 0, 0},
                         four);
        w->x[i] = four[0];
    }
out:
    return st;
}

static enum ss_status make_weights(struct work *w)
{
    const struct ss_graph *const graph = w->setting->model->graph;
    enum ss_status st = SS_OK;

    w->flat = ss_graph_flat_size(graph);
    TRY(ss_allocate(w->flat, &w->weights));
    TRY(ss_allocate(w->flat, &w->gradient));
    TRY(ss_allocate(w->flat, &w->point));
    ss_graph_initialize(graph, w->setting->experiment->seed, w->weights);
    for (size_t i = 0; i < ss_graph_parameters(graph); i++) {
        const struct ss_parameter *const p = ss_graph_parameter(graph, i);
        for (size_t j = 0; j < p->count; j++) {
            float four[4];
            ss_random_normal(w->setting->experiment->seed, SS_PURPOSE_SUBSET,
                             (uint32_t[4]){(uint32_t)(p->offset + j), 2, 0, 0}, four);
            w->weights[p->offset + j] += 0.05f * four[0];
        }
    }
    for (size_t i = 0; i < w->flat; i++)
        w->point[i] = w->weights[i];
out:
    return st;
}

/* Slices and noise are drawn on the device and read back: both sides see the same numbers. */
static enum ss_status make_draws(struct work *w)
{
    struct ss_device *const device = w->setting->device;
    const size_t d = w->setting->model->dimension, n = w->rows * d;
    const struct ss_draw draw = {.seed = w->setting->experiment->seed};
    enum ss_status st = SS_OK;

    if (w->slices > 0) {
        const struct ss_slice_shape shape = {.law = w->objective.slices,
                                             .rows = w->rows,
                                             .dimension = d,
                                             .count = w->slices,
                                             .total = w->slices};
        TRY(ss_allocate(w->slices * n, &w->v));
        TRY(ss_buffer_create(device, w->slices * n * sizeof(float), &w->v_there));
        TRY(ss_slices_enqueue(device, &shape, &draw, ss_span_of(w->v_there)));
        TRY(ss_span_read(ss_span_of(w->v_there), w->v, w->slices * n));
    }
    if (w->objective.kind == SS_OBJECTIVE_DSM) {
        TRY(ss_allocate(n, &w->z));
        TRY(ss_buffer_create(device, n * sizeof(float), &w->z_there));
        TRY(ss_denoising_noise_enqueue(device, w->rows, d, &draw, ss_span_of(w->z_there)));
        TRY(ss_span_read(ss_span_of(w->z_there), w->z, n));
    }
out:
    return st;
}

static enum ss_status run_device(struct work *w, double *loss)
{
    const struct ss_setting *const s = w->setting;
    const struct ss_loss_options options = {
        .objective = w->objective, .engine = s->experiment->engine, .rows = w->rows, .gradient = true};
    float mean = 0;
    enum ss_status st = SS_OK;

    ss_log_phase(s->log, "compiling kernels (first time on this device)");
    TRY(ss_loss_create(s->device, s->model, &options, &w->loss));
    ss_log_phase(s->log, NULL);
    TRY(ss_buffer_create(s->device, w->flat * sizeof(float), &w->weights_there));
    TRY(ss_buffer_create(s->device, w->flat * sizeof(float), &w->gradient_there));
    TRY(ss_span_write(ss_span_of(w->weights_there), w->weights, w->flat));
    TRY(ss_span_write(ss_loss_rows(w->loss), w->x, w->rows * s->model->dimension));
    TRY(ss_loss_enqueue(w->loss, &(struct ss_loss_batch){.rows = w->rows,
                                                         .draw = {.seed = s->experiment->seed},
                                                         .slices = {w->v_there, 0},
                                                         .noise = {w->z_there, 0},
                                                         .parameters = ss_span_of(w->weights_there),
                                                         .gradient = ss_span_of(w->gradient_there)}));
    TRY(ss_span_read(ss_loss_mean(w->loss), &mean, 1));
    TRY(ss_span_read(ss_loss_shares(w->loss), w->shares, 2));
    TRY(ss_span_read(ss_span_of(w->gradient_there), w->gradient, w->flat));
    *loss = mean;
out:
    ss_log_phase(s->log, NULL);
    return st;
}

/* ---- comparing ---- */

static struct ss_reference_batch reference_batch(const struct work *w)
{
    return (struct ss_reference_batch){
        .x = w->x, .rows = w->rows, .slices = w->v, .noise = w->z, .share = (double)w->shares[1]};
}

/* Entries per parameter that the budget allows, and a word if even one each takes long. */
static size_t entries_allowed(const struct work *w, double seconds_each)
{
    const size_t parameters = ss_graph_parameters(w->setting->model->graph);
    const double one_each = seconds_each * EVALUATIONS * (double)parameters;
    char time[32];

    if (one_each * 2 > budget_seconds) {
        ss_clock_duration(one_each, time);
        ss_say(SS_LEVEL_NOTE,
               "one entry of each parameter takes about %s; a smaller model.hidden or fewer columns check "
               "the same code "
               "sooner",
               time);
        return 1;
    }
    const double allowed = budget_seconds / fmax(one_each, 1e-9);
    return allowed > ENTRIES ? ENTRIES : (size_t)allowed;
}

static enum ss_status check_parameter(const struct work *w, const struct ss_parameter *p, size_t entries,
                                      double *difference, struct ss_gradient_row *out)
{
    const size_t n = p->count < entries ? p->count : entries;
    const struct ss_reference_batch batch = reference_batch(w);
    size_t index[ENTRIES];
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < n; i++) /* spread evenly, first and last among them */
        index[i] = p->offset + (n > 1 ? i * (p->count - 1) / (n - 1) : 0);
    TRY(ss_reference_gradient(w->setting->model, &w->objective, w->point, &batch, index, n, difference));
    *out = (struct ss_gradient_row){.name = p->name, .dimensions = p->dimensions, .checked = n};
    memcpy(out->shape, p->shape, sizeof(out->shape));
    double largest = 0, furthest = -1;
    for (size_t i = 0; i < n; i++) {
        const double analytic = w->gradient[index[i]], off = fabs(analytic - difference[i]);
        largest = fmax(largest, fabs(difference[i]));
        if (off > furthest || isnan(off)) {
            furthest = off;
            out->analytic = analytic;
            out->difference = difference[i];
        }
    }
    out->error = largest; /* the scale for now: the caller knows the largest of all */
out:
    return st;
}

static void judge(struct ss_gradient_check *c)
{
    double largest = 0;

    for (size_t i = 0; i < c->count; i++)
        largest = fmax(largest, c->rows[i].error);
    c->loss_error = fabs(c->loss - c->reference_loss) / fmax(fabs(c->reference_loss), 1);
    c->ok = c->loss_error <= c->tolerance;
    for (size_t i = 0; i < c->count; i++) {
        struct ss_gradient_row *const r = &c->rows[i];
        const double scale = fmax(fmax(r->error, 1e-3 * largest), 1e-12);
        r->error = fabs(r->analytic - r->difference) / scale;
        r->ok = r->error <= c->tolerance;
        c->ok = c->ok && r->ok;
    }
}

static enum ss_status compare(const struct work *w, struct ss_gradient_check *c)
{
    const struct ss_graph *const graph = w->setting->model->graph;
    const struct ss_reference_batch batch = reference_batch(w);
    struct ss_progress progress;
    double difference[ENTRIES];
    enum ss_status st = SS_OK;

    const double start = ss_clock_seconds();
    TRY(ss_reference_loss(w->setting->model, &w->objective, w->point, &batch, &c->reference_loss));
    const size_t entries = entries_allowed(w, ss_clock_seconds() - start);
    c->count = ss_graph_parameters(graph);
    TRY(ss_allocate(c->count, &c->rows));
    ss_progress_begin(&progress, w->setting->log, "finite differences");
    for (size_t i = 0; i < c->count; i++) {
        ss_progress_fraction(&progress, (double)i / (double)c->count);
        TRY(check_parameter(w, ss_graph_parameter(graph, i), entries, difference, &c->rows[i]));
    }
    ss_progress_end(&progress);
    judge(c);
out:
    return st;
}

enum ss_status ss_gradient_check(const struct ss_setting *setting, struct ss_gradient_check *out)
{
    struct work w = {.setting = setting, .objective = setting->experiment->objective};
    struct ss_gradient_check c = {.tolerance = tolerance};
    enum ss_status st = SS_OK;

    if (w.objective.kind == SS_OBJECTIVE_SSM || w.objective.kind == SS_OBJECTIVE_SSM_VR)
        w.slices = w.objective.count;
    TRY(make_rows(&w));
    TRY(make_weights(&w));
    TRY(make_draws(&w));
    TRY(run_device(&w, &c.loss));
    TRY(compare(&w, &c));
    *out = c;
    c.rows = NULL;
out:
    ss_gradient_check_release(&c);
    work_release(&w);
    return st;
}

void ss_gradient_check_release(struct ss_gradient_check *c)
{
    free(c->rows);
    c->rows = NULL;
}
