/* The fused plan, in the form for CPU devices and in the form for GPUs: its losses and gradients against the
 * double reference and against the layered plan, its bits at different numbers of workers, and when it is
 * refused. Shapes share kernels (three slices at a time, tiles of four, as 25 to 32 rows are cut) where they
 * can: a build takes seconds. SLICESCORE_TEST_SMALL, for a simulator: groups of few items, so that small nets
 * reach every loop.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "config/config.h"
#include "device/device.h"
#include "device/gemm.h"
#include "device/opencl.h"
#include "jet/fused.h"
#include "objective/choice.h"
#include "objective/loss.h"
#include "objective/reference.h"
#include "support/device.h"

static struct ss_device *device;
static bool small, grouped; /* the form for GPUs, on whatever device there is */

static void open_device(void)
{
    small = test_small();
    ok(ss_device_open(NULL, &device));
    ss_gemm_use_plain(device); /* the layered plan is only compared with here; and is soon built so */
    ss_gemm_choose(device, SS_GEMM_OWN);
    grouped = !ss_device_is_cpu(device);
}

static void open_as_gpu(void)
{
    open_device();
    ss_device_take_gpu_kernels(device, true);
    grouped = true;
    if (small) /* 2 x 4 of them: tiles of products have 4 or 8 rows and 16 columns */
        device->info.max_work_group = 8;
}

static void close_device(void)
{
    ss_device_free(device);
}

static void silence(void *context, enum ss_level level, const char *text)
{
    (void)context;
    (void)level;
    (void)text;
}

struct problem {
    struct ss_model_options model;
    struct ss_loss_options loss;
    size_t dimension, rows;
    bool drawn; /* slices and noise by the plan itself */
    size_t tile;
};

struct outcome {
    double loss;
    float *gradient; /* flat */
    struct ss_model *model;
    size_t size;
    float *flat, *x, *slices, *noise;
    struct ss_buffer *weights, *gradients, *v, *z;
    struct ss_loss *l;
    float shares[2];
};

static struct ss_buffer *upload(const float *from, size_t n)
{
    struct ss_buffer *b = NULL;

    ok(ss_buffer_create(device, n * sizeof(float), &b));
    ok(ss_span_write(ss_span_of(b), from, n));
    return b;
}

/* No parameter sits at a special point; the gradient's memory holds something before. */
static void fill(const struct problem *p, struct outcome *o)
{
    const size_t D = p->dimension, n = p->rows, M = p->loss.objective.count;

    ok(ss_model_create(&p->model, D, &o->model));
    o->size = ss_graph_flat_size(o->model->graph);
    ok(ss_allocate(o->size, &o->flat));
    ok(ss_allocate(o->size, &o->gradient));
    ok(ss_allocate(n * D, &o->x));
    ok(ss_allocate(M * n * D, &o->slices));
    ok(ss_allocate(n * D, &o->noise));
    ss_graph_initialize(o->model->graph, 3, o->flat);
    for (size_t i = 0; i < ss_graph_parameters(o->model->graph); i++) {
        const struct ss_parameter *const q = ss_graph_parameter(o->model->graph, i);
        normals(o->gradient, q->count, 100 + (uint32_t)i);
        for (size_t j = 0; j < q->count; j++)
            o->flat[q->offset + j] += 0.2f * o->gradient[j] / sqrtf((float)q->shape[1]);
    }
    normals(o->x, n * D, 1);
    normals(o->slices, M * n * D, 2);
    normals(o->noise, n * D, 3);
    for (size_t i = 0; i < o->size; i++)
        o->gradient[i] = NAN;
    o->weights = upload(o->flat, o->size);
    o->gradients = upload(o->gradient, o->size);
    o->v = upload(o->slices, M * n * D);
    o->z = upload(o->noise, n * D);
}

static void run(const struct problem *p, struct outcome *o)
{
    struct ss_loss_batch batch = {.rows = p->rows, .draw = {.seed = 4, .step = 77, .first_row = 5}};
    float mean;

    const int32_t numbers[SS_TUNING_NUMBERS] = {
        [SS_CHOICE_TILE] = (int32_t)p->tile, [SS_CHOICE_CHUNK] = (int32_t)p->loss.chunk};
    struct ss_loss_options options = p->loss;

    *o = (struct outcome){0};
    fill(p, o);
    if (p->tile && options.engine.plan == SS_PLAN_FUSED)
        options.numbers = numbers;
    ok(ss_loss_create(device, o->model, &options, &o->l));
    ok(ss_span_write(ss_loss_rows(o->l), o->x, p->rows * p->dimension));
    if (!p->drawn) {
        batch.slices = ss_span_of(o->v);
        batch.noise = ss_span_of(o->z);
    }
    batch.parameters = ss_span_of(o->weights);
    batch.gradient = ss_span_of(o->gradients);
    ok(ss_loss_enqueue(o->l, &batch));
    ok(ss_span_read(ss_loss_mean(o->l), &mean, 1));
    ok(ss_span_read(ss_loss_shares(o->l), o->shares, 2));
    ok(ss_span_read(ss_span_of(o->gradients), o->gradient, o->size));
    o->loss = (double)mean;
}

static void release(struct outcome *o)
{
    ss_loss_free(o->l);
    ss_buffer_free(o->weights);
    ss_buffer_free(o->gradients);
    ss_buffer_free(o->v);
    ss_buffer_free(o->z);
    free(o->flat);
    free(o->gradient);
    free(o->x);
    free(o->slices);
    free(o->noise);
    ss_model_free(o->model);
}

/* Relative to the largest entry of the parameter's gradient: fp32 sums of signed terms cannot do better. 1e-4
 * is the program's promise. */
static void compare(const struct problem *p, const struct outcome *o)
{
    enum { MOST = 3 };
    const struct ss_reference_batch batch = {o->x, p->rows, o->slices, o->noise, (double)o->shares[1]};
    double *flat = NULL, loss;

    ok(ss_allocate(o->size, &flat));
    for (size_t i = 0; i < o->size; i++)
        flat[i] = (double)o->flat[i];
    ok(ss_reference_loss(o->model, &p->loss.objective, flat, &batch, &loss));
    ck_assert_msg(fabs(o->loss - loss) <= 1e-4 * (1.0 + fabs(loss)), "loss %.9g, reference %.9g", o->loss,
                  loss);
    for (size_t k = 0; k < ss_graph_parameters(o->model->graph); k++) {
        const struct ss_parameter *const q = ss_graph_parameter(o->model->graph, k);
        const size_t n = q->count < MOST ? q->count : MOST;
        size_t index[MOST];
        double want[MOST], largest = 1e-3;
        for (size_t i = 0; i < n; i++)
            index[i] = q->offset + (i + 1 == n ? q->count - 1 : i * 7919 % q->count);
        ok(ss_reference_gradient(o->model, &p->loss.objective, flat, &batch, index, n, want));
        for (size_t i = 0; i < q->count; i++)
            largest = fmax(largest, fabs((double)o->gradient[q->offset + i]));
        for (size_t i = 0; i < n; i++)
            ck_assert_msg(fabs((double)o->gradient[index[i]] - want[i]) <= 1e-4 * largest,
                          "%s[%zu]: %.9g, reference %.9g, largest %.3g", q->name, index[i] - q->offset,
                          (double)o->gradient[index[i]], want[i], largest);
        for (size_t i = q->count; i % 16; i++)
            ck_assert_msg(o->gradient[q->offset + i] == 0.0f, "%s: padding is %g", q->name,
                          (double)o->gradient[q->offset + i]);
    }
    free(flat);
}

static struct problem fused(struct problem p)
{
    p.loss.rows = p.rows;
    p.loss.gradient = true;
    p.loss.engine.plan = SS_PLAN_FUSED;
    p.loss.any_driver = true;
    p.loss.objective.sigma = 0.3;
    if (!p.loss.objective.count)
        p.loss.objective.count = 1;
    if ((grouped || small) && !p.tile) /* of few rows each would be a tile */
        p.tile = 4;
    return p;
}

static void check(const struct problem *given)
{
    const struct problem p = fused(*given);
    struct outcome o;

    run(&p, &o);
    ck_assert_msg(strncmp(ss_loss_plan(o.l), "fused", 5) == 0, "%s", ss_loss_plan(o.l));
    compare(&p, &o);
    release(&o);
}

/* ---- against the layered plan ---- */

static void compare_plans(const struct problem *given)
{
    struct problem p = fused(*given);
    struct outcome a, b;

    run(&p, &a);
    p.loss.engine.plan = SS_PLAN_LAYERED;
    run(&p, &b);
    ck_assert(strncmp(ss_loss_plan(b.l), "layered", 7) == 0);
    ck_assert_msg(fabs(a.loss - b.loss) <= 2e-5 * (1.0 + fabs(b.loss)), "%.9g, layered %.9g", a.loss, b.loss);
    for (size_t k = 0; k < ss_graph_parameters(a.model->graph); k++) {
        const struct ss_parameter *const q = ss_graph_parameter(a.model->graph, k);
        double largest = 1e-3;
        for (size_t i = 0; i < q->count; i++)
            largest = fmax(largest, fabs((double)b.gradient[q->offset + i]));
        for (size_t i = 0; i < q->count; i++) {
            const double x = (double)a.gradient[q->offset + i], y = (double)b.gradient[q->offset + i];
            ck_assert_msg(fabs(x - y) <= 1e-4 * largest, "%s[%zu]: %.9g, layered %.9g", q->name, i, x, y);
        }
    }
    release(&a);
    release(&b);
}

/* ---- against the reference ---- */

struct shape {
    size_t dimension, rows;
    uint32_t hidden[SS_MAX_LAYERS];
    size_t n_hidden;
    uint32_t slices;
    bool residual;
    size_t chunk;
};

static const struct shape shapes[] = {{3, 27, {17, 9}, 2, 3, false, 3}, /* rows: tiles of four and a tail */
                                      {6, 32, {33, 33, 33}, 3, 5, true, 3},
                                      {5, 29, {1, 70}, 2, 3, false, 3},
                                      {21, 25, {64}, 1, 6, false, 3},
                                      {40, 26, {81, 16, 70}, 3, 3, false, 3},
                                      {64, 30, {64, 64}, 2, 5, true, 3},    /* rows of jets further apart */
                                      {96, 26, {256, 250}, 2, 3, false, 3}, /* packed and summed by kernels */
                                      {3, 31, {8, 8, 8, 8, 5, 5, 5, 5}, 8, 3, true, 3}},
                          simulated[] = {{5, 5, {17, 3}, 2, 3, false, 2}, {3, 6, {9, 9}, 2, 2, true, 2}};

static void check_shape(const struct shape *s, enum ss_objective_kind kind, int model)
{
    struct problem p = {.model = {.kind = model == 1 ? SS_MODEL_SCORE : SS_MODEL_ENERGY,
                                  .n_hidden = s->n_hidden,
                                  .activation = SS_ACTIVATION_SILU,
                                  .residual = s->residual,
                                  .quadratic = model == 2 ? SS_QUADRATIC_DIAGONAL : SS_QUADRATIC_NONE},
                        .loss = {.objective = {.kind = kind, .count = s->slices}, .chunk = s->chunk},
                        .dimension = s->dimension,
                        .rows = s->rows};

    memcpy(p.model.hidden, s->hidden, sizeof(s->hidden));
    if (p.dimension > 30) /* the reference would take minutes */
        compare_plans(&p);
    else
        check(&p);
}

START_TEST(losses_and_gradients_match_the_reference)
{
    const enum ss_objective_kind kind = (enum ss_objective_kind)(_i % 4);
    const int model = _i / 4; /* energy, score net, energy with a quadratic term */

    if (small)
        check_shape(&simulated[(_i + model) % (int)SS_COUNT(simulated)], kind, model);
    else if (grouped)
        check_shape(&shapes[(size_t)_i % SS_COUNT(shapes)], kind, model);
    else
        for (size_t i = 0; i < SS_COUNT(shapes); i++)
            check_shape(&shapes[i], kind, model);
}
END_TEST

START_TEST(an_estimated_control_variate_matches_the_reference)
{
    const struct problem p = {
        .model = {.kind = _i == 1 ? SS_MODEL_SCORE : SS_MODEL_ENERGY,
                  .hidden = {9, 17},
                  .n_hidden = 2,
                  .activation = SS_ACTIVATION_SILU,
                  .quadratic = _i == 2 ? SS_QUADRATIC_DIAGONAL : SS_QUADRATIC_NONE},
        .loss = {.objective = {.kind = SS_OBJECTIVE_SSM_VR, .count = 5, .control = SS_CONTROL_ESTIMATED},
                 .chunk = 3}, /* the score's part belongs to the first chunk */
        .dimension = small ? 3 : 6,
        .rows = small ? 5 : 27};

    check(&p);
}
END_TEST

START_TEST(every_activation_matches_the_reference)
{
    const struct problem p = {
        .model = {.hidden = {12, 12}, .n_hidden = 2, .activation = (enum ss_activation)_i},
        .loss = {.objective = {.kind = SS_OBJECTIVE_SSM, .count = 3}},
        .dimension = 3,
        .rows = small ? 5 : 27};

    if (_i < SS_ACTIVATION_ELU) {
        check(&p);
        return;
    }
    ss_sink_set(silence, NULL); /* of the jumps, which differences stumble over */
    compare_plans(&p);
    ss_sink_set(NULL, NULL);
}
END_TEST

/* One row, one column, one unit; many slices at once; a batch of many tiles a partial gradient. */
static const struct {
    size_t dimension, rows;
    uint32_t slices;
    size_t chunk;
    enum ss_objective_kind kind;
    size_t tile;
    bool simulated;
} extremes[] = {{1, 1, 1, 0, SS_OBJECTIVE_SSM, 1, true},     {1, 3, 1, 0, SS_OBJECTIVE_ESM, 0, true},
                {4, 2, 64, 0, SS_OBJECTIVE_SSM, 1, false},   {9, 5, 16, 3, SS_OBJECTIVE_SSM_VR, 4, false},
                {3, 1111, 3, 0, SS_OBJECTIVE_SSM, 4, false}, {3, 1111, 0, 0, SS_OBJECTIVE_DSM, 4, false},
                {1, 258, 1, 0, SS_OBJECTIVE_SSM, 1, true}};

START_TEST(extreme_shapes_match_the_reference)
{
    struct problem p = {.model = {.hidden = {7, 1, 20}, .n_hidden = 3, .activation = SS_ACTIVATION_SILU},
                        .loss = {.objective = {.kind = extremes[_i].kind, .count = extremes[_i].slices},
                                 .chunk = extremes[_i].chunk},
                        .dimension = extremes[_i].dimension,
                        .rows = extremes[_i].rows,
                        .tile = extremes[_i].tile};

    if (small && !extremes[_i].simulated)
        return;
    if (small) { /* there are many rows */
        p.model.n_hidden = 1;
        p.model.hidden[0] = 1;
    }
    check(&p);
}
END_TEST

/* Products are cut in rows of 6 on CPU devices: these tiles with 5 streams, and the 4 of other tests, leave
 * every rest; 30 is more samples than a batch has. */
START_TEST(every_tile_matches_the_reference)
{
    static const size_t tiles[] = {3, 30, 1, 2, 5};

    for (size_t i = 0; i < (small || grouped ? 2 : SS_COUNT(tiles)); i++)
        check(
            &(struct problem){.model = {.hidden = {12, 12}, .n_hidden = 2, .activation = SS_ACTIVATION_SILU},
                              .loss = {.objective = {.kind = SS_OBJECTIVE_SSM, .count = 3}},
                              .dimension = 3,
                              .rows = small ? 5 : 25,
                              .tile = tiles[i]});
}
END_TEST

/* Vectors of 4, 8 and 16 floats, whatever this device likes best; widths below, at and past each. */
START_TEST(every_width_of_vectors_matches_the_reference)
{
    static const uint32_t widths[] = {4, 8, 16};
    const uint32_t native = device->info.native_float_width;

    if (grouped) /* it has no vectors */
        return;
    for (size_t i = 0; i < SS_COUNT(widths); i++) {
        device->info.native_float_width = widths[i];
        for (int kind = 0; kind < (small ? 1 : 4); kind++)
            check_shape(small ? &simulated[0] : &shapes[kind % 2], (enum ss_objective_kind)kind, kind % 3);
    }
    device->info.native_float_width = native;
}
END_TEST

/* As deep as a model can be; rows of jets whose strides are padded, 256 with vectors of any width. */
START_TEST(deep_nets_and_powers_of_two_match_the_reference)
{
    struct problem p = {.model = {.n_hidden = 64, .activation = SS_ACTIVATION_TANH},
                        .loss = {.objective = {.kind = SS_OBJECTIVE_SSM, .count = 2}},
                        .dimension = 2,
                        .rows = 5};

    if (small)
        return;
    for (size_t i = 0; i < p.model.n_hidden; i++)
        p.model.hidden[i] = 3;
    check(&p);
    p.model.n_hidden = 3;
    p.model.hidden[0] = 256;
    p.model.hidden[1] = 64;
    p.model.hidden[2] = 512;
    check(&p);
}
END_TEST

START_TEST(devices_that_cannot_multiply_and_add_at_once_match_the_reference)
{
    const bool fma = device->info.fma;

    device->info.fma = false;
    for (int kind = 0; kind < (small ? 1 : 4); kind++)
        check_shape(small ? &simulated[0] : &shapes[kind % 2], (enum ss_objective_kind)kind, kind % 3);
    device->info.fma = fma;
}
END_TEST

/* ---- slices and noise of the plans' own ---- */

START_TEST(both_plans_draw_the_same_slices)
{
    static const size_t dimensions[] = {3, 37, 70, 150};

    for (size_t i = 0; i < (small ? 2 : SS_COUNT(dimensions)); i++) {
        const struct problem p = {
            .model = {.hidden = {12, 12}, .n_hidden = 2, .activation = SS_ACTIVATION_SILU},
            .loss = {.objective = {.kind = SS_OBJECTIVE_SSM, .slices = (enum ss_slices)_i, .count = 3}},
            .dimension = dimensions[i],
            .rows = small ? 3 : 27,
            .drawn = true};
        compare_plans(&p);
    }
}
END_TEST

START_TEST(both_plans_draw_the_same_noise)
{
    const struct problem p = {.model = {.hidden = {33, 17}, .n_hidden = 2, .activation = SS_ACTIVATION_SILU},
                              .loss = {.objective = {.kind = SS_OBJECTIVE_DSM}},
                              .dimension = 21,
                              .rows = small ? 3 : 27,
                              .drawn = true};

    compare_plans(&p);
}
END_TEST

/* ---- bits ---- */

START_TEST(the_number_of_workers_changes_no_bits)
{
    enum { D = 5, ROWS = 203, M = 3 };
    static const size_t workers[] = {1, 2, 5};
    const struct ss_model_options model = {
        .hidden = {33, small ? 3 : 20}, .n_hidden = 2, .activation = SS_ACTIVATION_SILU};
    const struct problem p = fused((struct problem){
        .model = model, .loss = {.objective = {.count = M}}, .dimension = D, .rows = small ? 7 : ROWS});
    struct outcome o = {0};
    float *first = NULL, losses[ROWS], first_losses[ROWS];

    fill(&p, &o);
    ok(ss_allocate(o.size, &first));
    struct ss_buffer *const x = upload(o.x, p.rows * D), *const of_rows = upload(o.x, ROWS);
    for (size_t i = 0; i < SS_COUNT(workers); i++) {
        const struct ss_fused_options options = {.file = "objective/fused.cl", /* as a loss builds it */
                                                 .defines = {{"SQUARES", 1}, {"DENOISE", 0}, {"LAW", 0}},
                                                 .n_defines = 3,
                                                 .streams = {.slices = M, .second = SS_SECOND_COLLAPSED},
                                                 .rows = p.rows,
                                                 .tile = 4,
                                                 .workers = workers[i],
                                                 .global_jets = i % 2};
        const struct ss_fused_batch batch = {.rows = p.rows,
                                             .directions = M,
                                             .x = ss_span_of(x),
                                             .slices = ss_span_of(o.v),
                                             .numbers = {1.0f / M},
                                             .parameters = ss_span_of(o.weights),
                                             .gradient = ss_span_of(o.gradients),
                                             .losses = of_rows};
        struct ss_fused *f = NULL;
        ok(ss_fused_create(device, o.model->graph, &options, &f));
        ck_assert_uint_eq(ss_fused_tile(f), 4);
        ck_assert(ss_fused_grouped(f) == grouped);
        for (int again = 0; again < 3; again++) {
            ok(ss_fused_enqueue(f, &batch));
            ok(ss_span_read(ss_span_of(o.gradients), o.gradient, o.size));
            ok(ss_span_read(ss_span_of(of_rows), losses, p.rows));
            if (i + (size_t)again == 0) {
                memcpy(first, o.gradient, o.size * sizeof(float));
                memcpy(first_losses, losses, p.rows * sizeof(float));
            }
            ck_assert_int_eq(memcmp(first, o.gradient, o.size * sizeof(float)), 0);
            ck_assert_int_eq(memcmp(first_losses, losses, p.rows * sizeof(float)), 0);
        }
        ss_fused_free(f);
    }
    ss_buffer_free(x);
    ss_buffer_free(of_rows);
    free(first);
    release(&o);
}
END_TEST

START_TEST(a_loss_without_gradient_is_the_same_loss)
{
    const struct problem p =
        fused((struct problem){.model = {.hidden = {12, 12}, .n_hidden = 2, .activation = 2},
                               .loss = {.objective = {.kind = SS_OBJECTIVE_SSM, .count = 3}},
                               .dimension = 3,
                               .rows = small ? 2 : 27});
    struct outcome o;
    float mean;

    run(&p, &o);
    const struct ss_loss_batch batch = {
        .rows = p.rows, .slices = ss_span_of(o.v), .parameters = ss_span_of(o.weights)};
    ok(ss_loss_enqueue(o.l, &batch));
    ok(ss_span_read(ss_loss_mean(o.l), &mean, 1));
    ck_assert((double)mean == o.loss);
    release(&o);
}
END_TEST

/* ---- the choice ---- */

static const struct ss_model_options not_fused[] = {
    {.kind = SS_MODEL_GAUSSIAN},
    {.kind = SS_MODEL_ENERGY, .n_hidden = 0},
    {.kind = SS_MODEL_ENERGY, .hidden = {8}, .n_hidden = 1, .quadratic = SS_QUADRATIC_FULL}};

START_TEST(models_that_it_does_not_know_are_refused_with_the_reason)
{
    struct ss_loss_options options = {.objective = {.kind = SS_OBJECTIVE_SSM, .count = 1},
                                      .engine = {.plan = SS_PLAN_FUSED},
                                      .rows = 4,
                                      .gradient = true,
                                      .any_driver = true};
    struct ss_model *model = NULL;
    struct ss_loss *l = NULL;
    size_t bytes;

    ok(ss_model_create(&not_fused[_i], 3, &model));
    ss_sink_set(silence, NULL);
    ck_assert_int_eq(ss_loss_create(device, model, &options, &l), SS_ERR_USAGE);
    ck_assert_int_eq(ss_loss_bytes(device, model, &options, &bytes), SS_ERR_USAGE);
    ss_sink_set(NULL, NULL);
    options.engine.plan = SS_PLAN_AUTO;
    ok(ss_loss_create(device, model, &options, &l));
    ck_assert_msg(strncmp(ss_loss_plan(l), "layered", 7) == 0, "%s", ss_loss_plan(l));
    ss_loss_free(l);
    ss_model_free(model);
}
END_TEST

START_TEST(auto_takes_it_where_it_suits_and_its_memory_is_counted)
{
    const struct ss_model_options narrow = {
        .hidden = {12, 12}, .n_hidden = 2, .activation = SS_ACTIVATION_SILU};
    const struct {
        struct ss_model_options model;
        size_t dimension, rows;
        bool fused, group; /* by a CPU device; by a GPU */
    } nets[] = {{{.hidden = {2000}, .n_hidden = 1}, 3, 27, true, false},
                {{.hidden = {2000}, .n_hidden = 1}, 100, 20, false, false},
                {{.hidden = {600, 600}, .n_hidden = 2}, 3, 27, false, false},
                {{.hidden = {500, 500}, .n_hidden = 2}, 3, 5, false, true}, /* too few rows on CPU devices */
                {{.hidden = {500, 500}, .n_hidden = 2}, 3, 40, true, true},
                {{.hidden = {64, 64, 64, 64}, .n_hidden = 4}, 3, 1, true, true}};
    struct ss_loss_options options = {.objective = {.kind = SS_OBJECTIVE_SSM, .count = 3},
                                      .rows = 27,
                                      .gradient = true,
                                      .any_driver = true};
    struct ss_model *model = NULL;
    struct ss_loss *l = NULL;
    size_t bytes = 0;

    ok(ss_model_create(&narrow, 3, &model));
    const size_t before = ss_device_allocated(device);
    ok(ss_loss_create(device, model, &options, &l));
    const size_t taken = ss_device_allocated(device) - before;
    ok(ss_loss_bytes(device, model, &options, &bytes));
    ck_assert_msg(strncmp(ss_loss_plan(l), "fused", 5) == 0, "%s", ss_loss_plan(l));
    /* each buffer is rounded up and has room after its end */
    ck_assert_msg(taken >= bytes && taken < bytes + 10 * 512, "%zu bytes counted, %zu taken", bytes, taken);
    ss_loss_free(l);
    ss_model_free(model);
    for (size_t i = 0; i < SS_COUNT(nets) && !small; i++) {
        const bool fused = ss_device_is_cpu(device) ? nets[i].fused : nets[i].group;
        const char *const plan = fused ? "fused" : "layered";
        options.rows = nets[i].rows;
        ok(ss_model_create(&nets[i].model, nets[i].dimension, &model));
        ok(ss_loss_create(device, model, &options, &l));
        ck_assert_msg(strncmp(ss_loss_plan(l), plan, strlen(plan)) == 0, "%zu: %s", i, ss_loss_plan(l));
        ss_loss_free(l);
        ss_model_free(model);
    }
}
END_TEST

/* Its known answer is asked of the kernel that will run, and of no other: one program more. */
START_TEST(the_kernel_that_is_tried_is_the_one_that_runs)
{
    static const enum ss_objective_kind kinds[] = {SS_OBJECTIVE_SSM, SS_OBJECTIVE_ESM};
    static const size_t dimensions[] = {6, 10, 70}; /* 6 builds what all have in common, 70 is in chunks */

    if (ss_device_info(device)->unfinished)
        return;
    for (size_t i = 0; i < SS_COUNT(dimensions); i++) {
        const struct ss_model_options net = {
            .kind = SS_MODEL_ENERGY, .hidden = {7, 6}, .n_hidden = 2, .activation = SS_ACTIVATION_TANH};
        struct ss_model *model = NULL;
        ok(ss_model_create(&net, dimensions[i], &model));
        for (size_t k = 0; k < SS_COUNT(kinds); k++) {
            const struct ss_loss_options o = {
                .objective = {.kind = kinds[k], .count = (uint32_t)dimensions[i], .sigma = 0.5},
                .engine = {.plan = SS_PLAN_FUSED},
                .rows = 8 + 16 * i, /* another tile of each */
                .gradient = true};
            const size_t before = ss_device_builds(device, NULL);
            struct ss_loss *l = NULL;
            ok(ss_loss_create(device, model, &o, &l));
            ck_assert_int_eq(ss_loss_plan_kind(l), SS_PLAN_FUSED);
            if (i > 0)
                ck_assert_msg(ss_device_builds(device, NULL) - before <= 1, "%s, D = %zu: %zu programs",
                              ss_objective_name(kinds[k]), dimensions[i],
                              ss_device_builds(device, NULL) - before);
            ss_loss_free(l);
        }
        ss_model_free(model);
    }
}
END_TEST

static void add_case(Suite *s, const char *name, SFun open, int activations)
{
    TCase *const c = tcase_create(name);

    tcase_set_timeout(c, 900);
    tcase_add_unchecked_fixture(c, open, close_device);
    tcase_add_loop_test(c, losses_and_gradients_match_the_reference, 0, 12);
    tcase_add_loop_test(c, an_estimated_control_variate_matches_the_reference, 0, 3);
    tcase_add_loop_test(c, every_activation_matches_the_reference, 0, activations);
    tcase_add_loop_test(c, extreme_shapes_match_the_reference, 0, (int)SS_COUNT(extremes));
    tcase_add_test(c, every_tile_matches_the_reference);
    tcase_add_test(c, every_width_of_vectors_matches_the_reference);
    tcase_add_test(c, deep_nets_and_powers_of_two_match_the_reference);
    tcase_add_test(c, devices_that_cannot_multiply_and_add_at_once_match_the_reference);
    tcase_add_loop_test(c, both_plans_draw_the_same_slices, 0, activations < 4 ? 2 : 4);
    tcase_add_test(c, both_plans_draw_the_same_noise);
    tcase_add_test(c, the_number_of_workers_changes_no_bits);
    tcase_add_test(c, a_loss_without_gradient_is_the_same_loss);
    tcase_add_loop_test(c, models_that_it_does_not_know_are_refused_with_the_reason, 0,
                        (int)SS_COUNT(not_fused));
    tcase_add_test(c, auto_takes_it_where_it_suits_and_its_memory_is_counted);
    tcase_add_test(c, the_kernel_that_is_tried_is_the_one_that_runs);
    suite_add_tcase(s, c);
}

int main(void)
{
    Suite *const s = suite_create("fused");

    add_case(s, "fused", open_device, SS_ACTIVATION_EXP);
    add_case(s, "fused for GPUs", open_as_gpu, 2); /* the table is the same */
    return run_device_suite(s);
}
