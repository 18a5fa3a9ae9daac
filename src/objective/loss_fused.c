#include "objective/loss_fused.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "jet/fused.h"
#include "objective/choice.h"
#include "objective/reference.h"
#include "objective/traits.h"

enum { MOST_DIRECTIONS = 64 }; /* at once: a value's stream costs as much as a direction's */
static const size_t most_slices = (size_t)1 << 30; /* bytes of slices drawn ahead of a step */

struct ss_loss_fused {
    struct ss_device *device;
    struct ss_objective_options objective;
    struct ss_traits traits;
    size_t dimension, total, chunk; /* directions */
    struct ss_fused *plan;
    struct ss_buffer *slices; /* drawn ahead of the step, or NULL */
};

/* ---- shape ---- */

size_t ss_loss_directions(const struct ss_model *model, const struct ss_loss_options *o)
{
    const struct ss_traits t = ss_traits_of(&o->objective, model->is_energy);

    return !t.directions ? 0 : t.unit ? model->dimension : o->objective.count;
}

static size_t chunk_of(const struct ss_loss_options *o, size_t total)
{
    const size_t most = o->chunk ? o->chunk : MOST_DIRECTIONS;
    const size_t chunks = (total + most - 1) / most;

    return chunks ? (total + chunks - 1) / chunks : 0;
}

/* Frames are drawn as one, by kernels of their own; other slices in the tile that uses them. */
static bool drawn_ahead(const struct ss_loss_options *o)
{
    return o->objective.slices == SS_SLICES_ORTHOGONAL;
}

static struct ss_fused_options plan_options(const struct ss_model *model, const struct ss_loss_options *o)
{
    const struct ss_traits t = ss_traits_of(&o->objective, model->is_energy);
    const size_t chunk = chunk_of(o, ss_loss_directions(model, o));
    const bool second = model->is_energy && t.directions;

    return (struct ss_fused_options){
        .file = "objective/fused.cl",
        .defines = {{"SQUARES", t.squares},
                    {"DENOISE", t.denoise},
                    {"LAW", !t.directions || t.unit || drawn_ahead(o) ? 0 : (long)o->objective.slices}},
        .n_defines = 3,
        .streams = {.slices = (uint32_t)chunk,
                    .extra = model->is_energy && t.score,
                    .second = second ? SS_SECOND_COLLAPSED : SS_SECOND_NONE},
        .rows = o->rows,
        .score = !model->is_energy,
        .unit = t.unit,
        .noise = t.denoise,
        .late = t.control,
    };
}

/* Cut up by these numbers; `tiles` is borrowed. False: such tiles cannot be here. */
static bool cut(const struct ss_device *device, const int32_t numbers[SS_TUNING_NUMBERS],
                struct ss_tiles *tiles, struct ss_fused_options *plan)
{
    const int32_t number = numbers[SS_CHOICE_TILES];

    plan->tile = (size_t)numbers[SS_CHOICE_TILE];
    plan->tiles = number ? tiles : NULL;
    return !number || (!ss_device_is_cpu(device) && ss_tiles_of_number(device, number, tiles));
}

static size_t slices_bytes(const struct ss_model *model, const struct ss_loss_options *o)
{
    const struct ss_traits t = ss_traits_of(&o->objective, model->is_energy);
    size_t bytes = 0;

    if (t.unit || !t.directions || !drawn_ahead(o))
        return 0;
    if (!ss_multiply(o->rows, model->dimension, &bytes) || !ss_multiply(bytes, o->objective.count, &bytes) ||
        !ss_multiply(bytes, sizeof(float), &bytes))
        return SIZE_MAX;
    return bytes;
}

/* ---- the choice ---- */

static bool takes(struct ss_device *device, const struct ss_model *model, const struct ss_loss_options *o,
                  const int32_t *numbers, bool whatever_suits, char *why, size_t size)
{
    struct ss_fused_options p = plan_options(model, o);
    const size_t slices = slices_bytes(model, o);
    struct ss_tiles tiles;

    if (ss_device_info(device)->unfinished && !o->any_driver) {
        snprintf(why, size, "an unfinished driver is not trusted with a large kernel");
        return false;
    }
    if (slices > most_slices || slices > ss_device_info(device)->max_allocation) {
        snprintf(why, size, "all slices of a batch of %zu rows at once would be too much memory", o->rows);
        return false;
    }
    if (numbers && !cut(device, numbers, &tiles, &p)) {
        snprintf(why, size, "the tiles of its products cannot be had on this device");
        return false;
    }
    return whatever_suits ? ss_fused_takes(device, model->graph, &p, why, size)
                          : ss_fused_suits(device, model->graph, &p, why, size);
}

bool ss_loss_fused_takes(struct ss_device *device, const struct ss_model *model,
                         const struct ss_loss_options *options, const int32_t numbers[SS_TUNING_NUMBERS])
{
    char why[128];

    return takes(device, model, options, numbers, true, why, sizeof(why));
}

size_t ss_loss_fused_default_tile(const struct ss_device *device, const struct ss_model *model,
                                  const struct ss_loss_options *options)
{
    const struct ss_fused_options p = plan_options(model, options);

    return ss_fused_default_tile(device, &p);
}

bool ss_loss_fused_default_tiles(struct ss_device *device, const struct ss_model *model,
                                 const struct ss_loss_options *options, struct ss_tiles *out)
{
    const struct ss_fused_options p = plan_options(model, options);

    return ss_fused_find_tiles(device, model->graph, &p, out);
}

enum ss_status ss_loss_fused_choose(struct ss_device *device, const struct ss_model *model,
                                    const struct ss_loss_options *options, bool *fused, char *why,
                                    size_t size)
{
    *fused = false;
    if (options->engine.plan == SS_PLAN_LAYERED)
        snprintf(why, size, "as asked for");
    else if (!options->gradient)
        snprintf(why, size, "a loss alone");
    else
        *fused = takes(device, model, options, NULL, options->engine.plan == SS_PLAN_FUSED, why, size);
    if (!*fused && options->gradient && options->engine.plan == SS_PLAN_FUSED)
        return SS_FAIL(SS_ERR_USAGE, "%s: fused cannot be used here: %s; use auto or layered",
                       *options->engine.plan_given ? options->engine.plan_given : "engine.plan", why);
    return SS_OK;
}

/* ---- life ---- */

static enum ss_status create(struct ss_device *device, const struct ss_model *model,
                             const struct ss_loss_options *options, const struct ss_fused_options *plan,
                             struct ss_loss_fused **out)
{
    const size_t slices = slices_bytes(model, options);
    struct ss_loss_fused *f = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &f));
    f->device = device;
    f->objective = options->objective;
    f->traits = ss_traits_of(&options->objective, model->is_energy);
    f->dimension = model->dimension;
    f->total = ss_loss_directions(model, options);
    f->chunk = plan->streams.slices;
    TRY(ss_fused_create(device, model->graph, plan, &f->plan));
    if (slices)
        TRY(ss_buffer_create(device, slices, &f->slices));
    *out = f;
    f = NULL;
out:
    ss_loss_fused_free(f);
    return st;
}

void ss_loss_fused_free(struct ss_loss_fused *f)
{
    if (!f)
        return;
    ss_fused_free(f->plan);
    ss_buffer_free(f->slices);
    free(f);
}

void ss_loss_fused_numbers(const struct ss_loss_fused *f, int32_t numbers[SS_TUNING_NUMBERS])
{
    const struct ss_tiles *const tiles = ss_fused_tiles(f->plan);

    numbers[SS_CHOICE_TILE] = (int32_t)ss_fused_tile(f->plan);
    numbers[SS_CHOICE_TILES] = tiles ? ss_tiles_number(tiles) : 0;
}

static enum ss_status fail_cut(void)
{
    return SS_FAIL(SS_ERR_USAGE, "the fused plan cannot be cut up here as it is wanted");
}

enum ss_status ss_loss_fused_bytes(struct ss_device *device, const struct ss_model *model,
                                   const struct ss_loss_options *options,
                                   const int32_t numbers[SS_TUNING_NUMBERS], size_t *bytes)
{
    struct ss_fused_options plan = plan_options(model, options);
    struct ss_tiles tiles;
    const size_t row_bytes = options->rows * model->dimension * sizeof(float);
    enum ss_status st = SS_OK;
    size_t kernels = 0;

    if (!cut(device, numbers, &tiles, &plan))
        return fail_cut();
    TRY(ss_fused_bytes(device, model->graph, &plan, &kernels));
    *bytes = kernels + slices_bytes(model, options) + row_bytes + (options->rows + 1) * sizeof(float);
out:
    return st;
}

void ss_loss_fused_describe(const struct ss_loss_fused *f, char *text, size_t size)
{
    const struct ss_tiles *const tiles = ss_fused_tiles(f->plan);
    const size_t tile = ss_fused_tile(f->plan);
    char directions[80] = "", products[80] = "";

    if (f->total && f->chunk < f->total)
        snprintf(directions, sizeof(directions), ", %zu directions in chunks of %zu", f->total, f->chunk);
    else if (f->total)
        snprintf(directions, sizeof(directions), ", directions of each: %zu", f->total);
    if (tiles)
        ss_tiles_text(tiles, products, sizeof(products));
    snprintf(text, size, "fused: one kernel a step, %zu sample%s at a time%s%s%s", tile, tile == 1 ? "" : "s",
             directions, tiles ? ", " : "", products);
}

/* ---- a batch ---- */

enum ss_status ss_loss_fused_enqueue(struct ss_loss_fused *f, const struct ss_loss_batch *batch,
                                     struct ss_span rows, struct ss_buffer *shares, struct ss_buffer *of_rows,
                                     struct ss_buffer *mean)
{
    const struct ss_draw *const draw = &batch->draw;
    struct ss_fused_batch b = {
        .rows = batch->rows,
        .directions = f->total,
        .x = rows,
        .slices = batch->slices,
        .z = batch->noise,
        .numbers = {f->traits.unit || !f->total ? 1.0f : 1.0f / (float)f->total, (float)f->objective.sigma,
                    f->traits.denoise ? (float)(1.0 / f->objective.sigma) : 0.0f},
        .late = f->traits.control ? shares : NULL,
        .words = {draw->seed, draw->held_out ? SS_PURPOSE_SLICES_HELD_OUT : SS_PURPOSE_SLICES,
                  draw->held_out ? SS_PURPOSE_DENOISING_HELD_OUT : SS_PURPOSE_DENOISING, (uint32_t)draw->step,
                  (uint32_t)(draw->step >> 32) << 24, draw->first_row},
        .parameters = batch->parameters,
        .gradient = batch->gradient,
        .losses = of_rows,
        .mean = mean};
    enum ss_status st = SS_OK;

    if (f->slices && !b.slices.buffer) {
        const struct ss_slice_shape shape = {.law = f->objective.slices,
                                             .rows = batch->rows,
                                             .dimension = f->dimension,
                                             .count = f->total,
                                             .total = f->total};
        b.slices = ss_span_of(f->slices);
        TRY(ss_slices_enqueue(f->device, &shape, &batch->draw, b.slices));
    }
    TRY(ss_fused_enqueue(f->plan, &b));
out:
    return st;
}

bool ss_loss_fused_means(const struct ss_loss_fused *f)
{
    return !ss_fused_grouped(f->plan);
}

/* ---- a known answer ---- */

static const float trial_shares[] = {0.75f, 0.25f}; /* of squares and of the score, where both are */

enum { TEST_D = 3, TEST_ROWS = 4, TEST_INDICES = 3 };

struct trial {
    struct ss_model *model;
    struct ss_loss_fused *loss;
    struct ss_loss_options options;
    size_t size, n_slices;
    float *flat, *gradient, *slices;
    double *exact;
    float x[TEST_ROWS * TEST_D], z[TEST_ROWS * TEST_D], losses[TEST_ROWS];
    struct ss_buffer *b_flat, *b_gradient, *b_slices, *b_x, *b_z, *b_shares, *b_losses;
};

static void trial_release(struct trial *t)
{
    ss_loss_fused_free(t->loss);
    ss_buffer_free(t->b_flat);
    ss_buffer_free(t->b_gradient);
    ss_buffer_free(t->b_slices);
    ss_buffer_free(t->b_x);
    ss_buffer_free(t->b_z);
    ss_buffer_free(t->b_shares);
    ss_buffer_free(t->b_losses);
    free(t->flat);
    free(t->gradient);
    free(t->slices);
    free(t->exact);
    ss_model_free(t->model);
}

static void normals(float *to, size_t n, uint32_t use)
{
    for (size_t i = 0; i < n; i += 4) {
        const uint32_t counter[4] = {(uint32_t)i, use, 0, 0};
        float z[4];
        ss_random_normal(1, SS_PURPOSE_INITIAL, counter, z);
        for (size_t j = 0; j < 4 && i + j < n; j++)
            to[i + j] = z[j];
    }
}

static enum ss_status upload(struct ss_device *d, const float *from, size_t n, struct ss_buffer **out)
{
    enum ss_status st = SS_OK;

    TRY(ss_buffer_create(d, n * sizeof(float), out));
    TRY(ss_span_write(ss_span_of(*out), from, n));
out:
    return st;
}

/* A model like the one to come, but small: its warnings were said of that one. */
static enum ss_status small_model(const struct ss_loss_fused *f, const struct ss_model *model,
                                  struct ss_model **out)
{
    const struct ss_model_options options = {.kind = model->kind,
                                             .hidden = {5, 5},
                                             .n_hidden = 2,
                                             .residual = true,
                                             .activation = ss_fused_activation(f->plan),
                                             .quadratic = ss_fused_has_base(f->plan) ? SS_QUADRATIC_DIAGONAL
                                                                                     : SS_QUADRATIC_NONE};
    struct ss_demotion quiet;

    ss_demote_begin(&quiet);
    const enum ss_status st = ss_model_create(&options, TEST_D, out);
    ss_demote_end(&quiet);
    return st;
}

static enum ss_status trial_prepare(struct trial *t, const struct ss_loss_fused *f,
                                    const struct ss_model *model)
{
    enum ss_status st = SS_OK;

    TRY(small_model(f, model, &t->model));
    t->size = ss_graph_flat_size(t->model->graph);
    t->n_slices = f->total ? f->chunk : 1;
    t->options = (struct ss_loss_options){.objective = f->objective,
                                          .rows = TEST_ROWS,
                                          .gradient = true,
                                          .chunk = f->traits.unit ? 0 : t->n_slices};
    t->options.objective.count = (uint32_t)t->n_slices;
    TRY(ss_allocate(t->size, &t->flat));
    TRY(ss_allocate(t->size, &t->gradient));
    TRY(ss_allocate(t->size, &t->exact));
    TRY(ss_allocate(t->n_slices * TEST_ROWS * TEST_D, &t->slices));
    ss_graph_initialize(t->model->graph, 1, t->flat);
    normals(t->x, SS_COUNT(t->x), 1);
    normals(t->z, SS_COUNT(t->z), 2);
    normals(t->slices, t->n_slices * TEST_ROWS * TEST_D, 3);
    for (size_t i = 0; i < t->size; i++)
        t->exact[i] = (double)t->flat[i];
    struct ss_fused_options plan = plan_options(t->model, &t->options);
    plan.like = f->plan;
    plan.streams.slices = (uint32_t)f->chunk; /* of unit vectors too, of which the small model has fewer */
    TRY(create(f->device, t->model, &t->options, &plan, &t->loss));
    TRY(upload(f->device, t->flat, t->size, &t->b_flat));
    TRY(upload(f->device, t->gradient, t->size, &t->b_gradient));
    TRY(upload(f->device, t->slices, t->n_slices * TEST_ROWS * TEST_D, &t->b_slices));
    TRY(upload(f->device, t->x, SS_COUNT(t->x), &t->b_x));
    TRY(upload(f->device, t->z, SS_COUNT(t->z), &t->b_z));
    TRY(upload(f->device, trial_shares, SS_COUNT(trial_shares), &t->b_shares));
    TRY(ss_buffer_create(f->device, sizeof(t->losses), &t->b_losses));
out:
    return st;
}

static enum ss_status trial_run(struct trial *t)
{
    const struct ss_loss_batch batch = {.rows = TEST_ROWS,
                                        .slices = ss_span_of(t->b_slices),
                                        .noise = ss_span_of(t->b_z),
                                        .parameters = ss_span_of(t->b_flat),
                                        .gradient = ss_span_of(t->b_gradient)};
    enum ss_status st = SS_OK;

    TRY(ss_loss_fused_enqueue(t->loss, &batch, ss_span_of(t->b_x), t->b_shares, t->b_losses, NULL));
    TRY(ss_span_read(ss_span_of(t->b_losses), t->losses, TEST_ROWS));
    TRY(ss_span_read(ss_span_of(t->b_gradient), t->gradient, t->size));
out:
    return st;
}

static bool near(double got, double want, double scale)
{
    return fabs(got - want) <= 1e-3 * (scale + fabs(want)); /* wrong kernels are wrong by far more */
}

static enum ss_status trial_compare(const struct trial *t, bool *right)
{
    const struct ss_reference_batch batch = {t->x, TEST_ROWS, t->slices, t->z, (double)trial_shares[1]};
    double want[TEST_INDICES], loss = 0.0, got = 0.0;
    enum ss_status st = SS_OK;

    TRY(ss_reference_loss(t->model, &t->options.objective, t->exact, &batch, &loss));
    for (size_t i = 0; i < TEST_ROWS; i++)
        got += (double)t->losses[i] / TEST_ROWS;
    *right = near(got, loss, 1.0);
    if (ss_fused_activation(t->loss->plan) >= SS_ACTIVATION_ELU)
        goto out; /* differences stumble over its jumps */
    for (size_t k = 0; k < ss_graph_parameters(t->model->graph); k++) {
        const struct ss_parameter *const p = ss_graph_parameter(t->model->graph, k);
        const size_t index[TEST_INDICES] = {p->offset, p->offset + p->count / 2, p->offset + p->count - 1};
        double largest = 0.1;
        for (size_t i = 0; i < p->count; i++)
            largest = fmax(largest, fabs((double)t->gradient[p->offset + i]));
        TRY(ss_reference_gradient(t->model, &t->options.objective, t->exact, &batch, index, TEST_INDICES,
                                  want));
        for (size_t i = 0; i < TEST_INDICES; i++)
            *right &= near((double)t->gradient[index[i]], want[i], largest);
    }
out:
    return st;
}

/* The same kernels, on a net small enough to know the answer. */
static enum ss_status check_known_answer(const struct ss_loss_fused *f, const struct ss_model *model)
{
    struct trial t = {0};
    enum ss_status st = SS_OK;
    bool right = false;

    TRY(trial_prepare(&t, f, model));
    TRY(trial_run(&t));
    TRY(trial_compare(&t, &right));
    if (!right)
        st = SS_ERR_SELFTEST;
out:
    trial_release(&t);
    return st;
}

enum ss_status ss_loss_fused_create(struct ss_device *device, const struct ss_model *model,
                                    const struct ss_loss_options *options,
                                    const int32_t numbers[SS_TUNING_NUMBERS], struct ss_loss_fused **out)
{
    struct ss_fused_options plan = plan_options(model, options);
    struct ss_loss_fused *f = NULL;
    struct ss_tiles tiles;
    enum ss_status st = SS_OK;

    if (!cut(device, numbers, &tiles, &plan))
        return fail_cut();
    TRY(create(device, model, options, &plan, &f));
    TRY(check_known_answer(f, model));
    *out = f;
    f = NULL;
out:
    ss_loss_fused_free(f);
    return st;
}
