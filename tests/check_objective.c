/* Device losses and gradients against the double reference, for every objective and model at random shapes.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "objective/loss.h"
#include "objective/reference.h"
#include "objective/selftest.h"
#include "random/random.h"
#include "support/device.h"

static struct ss_device *device;

static void open_device(void)
{
    device = test_device_open();
}

static void close_device(void)
{
    ss_device_free(device);
}

struct problem {
    struct ss_model_options model;
    struct ss_loss_options loss;
    size_t dimension, rows;
    size_t entries; /* of each parameter's gradient that are compared; 0: 6 */
};

struct outcome {
    double loss;
    float *gradient; /* flat */
    struct ss_model *model;
    float *flat, *x, *slices, *noise;
    struct ss_buffer *weights, *gradients, *v, *z;
    struct ss_loss *l;
    float shares[2];
};

/* SLICESCORE_TEST_PLAN=auto: the plan that the device gets, fused where it can be; check_fused.c is about
 * that. */
static enum ss_plan_kind plan(void)
{
    const char *const wanted = getenv("SLICESCORE_TEST_PLAN");

    return wanted && strcmp(wanted, "auto") == 0 ? SS_PLAN_AUTO : SS_PLAN_LAYERED;
}

static void run(const struct problem *p, struct outcome *o)
{
    const size_t D = p->dimension, n = p->rows, M = p->loss.objective.count;
    float mean;

    *o = (struct outcome){0};
    ok(ss_model_create(&p->model, D, &o->model));
    const size_t size = ss_graph_flat_size(o->model->graph);
    ok(ss_allocate(size, &o->flat));
    ok(ss_allocate(size, &o->gradient));
    ok(ss_allocate(n * D, &o->x));
    ok(ss_allocate(M * n * D, &o->slices));
    ok(ss_allocate(n * D, &o->noise));
    ss_graph_initialize(o->model->graph, 3, o->flat);
    for (size_t i = 0; i < ss_graph_parameters(o->model->graph);
         i++) { /* no parameter sits at a special point */
        const struct ss_parameter *const q = ss_graph_parameter(o->model->graph, i);
        float *const extra = o->gradient;
        normals(extra, q->count, 100 + (uint32_t)i);
        for (size_t j = 0; j < q->count; j++)
            o->flat[q->offset + j] += 0.2f * extra[j];
    }
    normals(o->x, n * D, 1);
    normals(o->slices, M * n * D, 2);
    normals(o->noise, n * D, 3);
    ok(ss_buffer_create(device, size * sizeof(float), &o->weights));
    ok(ss_buffer_create(device, size * sizeof(float), &o->gradients));
    ok(ss_buffer_create(device, M * n * D * sizeof(float), &o->v));
    ok(ss_buffer_create(device, n * D * sizeof(float), &o->z));
    ok(ss_span_write(ss_span_of(o->weights), o->flat, size));
    ok(ss_span_write(ss_span_of(o->v), o->slices, M * n * D));
    ok(ss_span_write(ss_span_of(o->z), o->noise, n * D));
    ok(ss_loss_create(device, o->model, &p->loss, &o->l));
    ok(ss_span_write(ss_loss_rows(o->l), o->x, n * D));
    const struct ss_loss_batch batch = {.rows = n,
                                        .slices = ss_span_of(o->v),
                                        .noise = ss_span_of(o->z),
                                        .parameters = ss_span_of(o->weights),
                                        .gradient = ss_span_of(o->gradients)};
    ok(ss_loss_enqueue(o->l, &batch));
    ok(ss_span_read(ss_loss_mean(o->l), &mean, 1));
    ok(ss_span_read(ss_loss_shares(o->l), o->shares, 2));
    ok(ss_span_read(ss_span_of(o->gradients), o->gradient, size));
    o->loss = mean;
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
    enum { MOST = 6 };
    const struct ss_reference_batch batch = {o->x, p->rows, o->slices, o->noise, (double)o->shares[1]};
    const size_t size = ss_graph_flat_size(o->model->graph);
    double *flat = NULL, loss;

    ok(ss_allocate(size, &flat));
    for (size_t i = 0; i < size; i++)
        flat[i] = (double)o->flat[i];
    ok(ss_reference_loss(o->model, &p->loss.objective, flat, &batch, &loss));
    ck_assert_msg(fabs(o->loss - loss) <= 1e-4 * (1.0 + fabs(loss)), "loss %.9g, reference %.9g", o->loss,
                  loss);
    for (size_t k = 0; k < ss_graph_parameters(o->model->graph); k++) {
        const struct ss_parameter *const q = ss_graph_parameter(o->model->graph, k);
        const size_t most = p->entries ? p->entries : MOST, n = q->count < most ? q->count : most;
        size_t index[MOST];
        double want[MOST], largest = 1e-3;
        for (size_t i = 0; i < n; i++)
            index[i] = q->offset + (n == q->count ? i : i * 7919 % q->count);
        ok(ss_reference_gradient(o->model, &p->loss.objective, flat, &batch, index, n, want));
        for (size_t i = 0; i < q->count; i++)
            if (fabs((double)o->gradient[q->offset + i]) > largest)
                largest = fabs((double)o->gradient[q->offset + i]);
        for (size_t i = 0; i < n; i++)
            ck_assert_msg(fabs((double)o->gradient[index[i]] - want[i]) <= 1e-4 * largest,
                          "%s[%zu]: %.9g, reference %.9g, largest %.3g", q->name, index[i] - q->offset,
                          (double)o->gradient[index[i]], want[i], largest);
    }
    free(flat);
}

static void check(struct problem p)
{
    struct outcome o;

    if (test_small() && p.rows > 3)
        p.rows = 3;
    p.loss.rows = p.rows;
    p.loss.gradient = true;
    p.loss.engine.plan = plan();
    if (!p.loss.objective.count)
        p.loss.objective.count = 1;
    if (!(p.loss.objective.sigma > 0))
        p.loss.objective.sigma = 0.3;
    run(&p, &o);
    compare(&p, &o);
    release(&o);
}

static const struct {
    size_t dimension, rows;
    uint32_t hidden[3];
    size_t n_hidden;
    uint32_t slices;
} shapes[] = {{1, 1, {5}, 1, 1},         {2, 7, {16, 16}, 2, 1},  {3, 33, {17, 9}, 2, 3}, {13, 5, {31}, 1, 7},
              {5, 64, {8, 8, 8}, 3, 16}, {10, 3, {33, 40}, 2, 2}, {4, 64, {0}, 0, 3}};

START_TEST(losses_and_gradients_match_the_reference)
{
    const bool control = _i % 5 == 4; /* the fifth: ssm_vr with an estimated control variate */
    const enum ss_objective_kind kind = control ? SS_OBJECTIVE_SSM_VR : (enum ss_objective_kind)(_i % 5);
    const enum ss_model_kind model = (enum ss_model_kind)(_i / 5);

    for (size_t s = 0; s < SS_COUNT(shapes); s++) {
        if (test_small() && s != 2 && s != 6)
            continue;
        struct problem p = {
            .model = {.kind = model,
                      .n_hidden = shapes[s].n_hidden,
                      .activation = SS_ACTIVATION_SILU,
                      .residual = s % 2,
                      .quadratic = (enum ss_quadratic)(s % 3)},
            .loss = {.objective = {.kind = kind, .count = shapes[s].slices, .control = control}},
            .dimension = shapes[s].dimension,
            .rows = shapes[s].rows};
        memcpy(p.model.hidden, shapes[s].hidden, sizeof(shapes[s].hidden));
        check(p);
    }
}
END_TEST

START_TEST(every_smooth_activation_matches_the_reference)
{
    for (int model = 0; model < 2; model++)
        check((struct problem){.model = {.kind = (enum ss_model_kind)model,
                                         .hidden = {12, 12},
                                         .n_hidden = 2,
                                         .activation = (enum ss_activation)_i},
                               .loss = {.objective = {.kind = SS_OBJECTIVE_SSM, .count = 2}},
                               .dimension = 3,
                               .rows = 9});
}
END_TEST

START_TEST(chunks_of_directions_change_nothing_but_rounding)
{
    static const enum ss_objective_kind kinds[] = {SS_OBJECTIVE_ESM, SS_OBJECTIVE_SSM, SS_OBJECTIVE_SSM_VR};

    for (size_t k = 0; k < SS_COUNT(kinds); k++)
        for (int model = 0; model < 2; model++)
            for (size_t chunk = 1; chunk <= 4; chunk += 3)
                check((struct problem){.model = {.kind = (enum ss_model_kind)model,
                                                 .hidden = {10},
                                                 .n_hidden = 1,
                                                 .activation = SS_ACTIVATION_TANH,
                                                 .quadratic = SS_QUADRATIC_FULL},
                                       .loss = {.objective = {.kind = kinds[k], .count = 7}, .chunk = chunk},
                                       .dimension = 6,
                                       .rows = 5});
}
END_TEST

/* Layers of 4096 units, wide to narrow and back, where the products cut all three sides; and in batches that
 * the kernels with activations take, or that leave them a rest. */
START_TEST(wide_nets_match_the_reference)
{
    static const enum ss_objective_kind kinds[] = {SS_OBJECTIVE_SSM_VR, SS_OBJECTIVE_DSM, SS_OBJECTIVE_SSM};
    const uint32_t wide = test_small() ? 20 : 4096, narrow = test_small() ? 5 : 17;

    check((struct problem){.model = {.kind = _i < 2 ? SS_MODEL_ENERGY : SS_MODEL_SCORE,
                                     .hidden = {wide, narrow, wide},
                                     .n_hidden = 3,
                                     .activation = SS_ACTIVATION_SILU},
                           .loss = {.objective = {.kind = kinds[_i], .count = 2}},
                           .dimension = 3,
                           .rows = 7,
                           .entries = 1});
}
END_TEST

START_TEST(directions_of_wide_data_are_cut_into_chunks_that_fit_the_memory)
{
    static const size_t dimensions[] = {784, 4096};

    for (size_t i = 0; i < SS_COUNT(dimensions); i++) {
        const size_t D = dimensions[i], rows = test_small() ? 2 : 128, before = ss_device_allocated(device);
        const struct ss_model_options options = {.kind = SS_MODEL_ENERGY, .hidden = {32, 32}, .n_hidden = 2};
        const struct ss_loss_options loss = {.objective = {.kind = SS_OBJECTIVE_ESM},
                                             .engine = {.plan = SS_PLAN_LAYERED},
                                             .rows = rows,
                                             .gradient = true};
        struct ss_model *model = NULL;
        struct ss_loss *l = NULL;
        size_t bytes;
        ok(ss_model_create(&options, D, &model));
        ok(ss_loss_bytes(device, model, &loss, &bytes));
        /* all directions at once would take D^2 rows floats for the input alone */
        ck_assert_msg(bytes <= (size_t)300 << 20, "D = %zu: %zu bytes", D, bytes);
        ok(ss_loss_create(device, model, &loss, &l));
        ck_assert_uint_le(ss_device_allocated(device) - before, bytes + 4096);
        ck_assert_msg(strstr(ss_loss_plan(l), "in chunks of") != NULL, "%s", ss_loss_plan(l));
        ss_loss_free(l);
        ss_model_free(model);
    }
}
END_TEST

/* ---- identities between objectives, with slices of the program's own ---- */

struct values {
    double loss;
    float *rows;
};

static double loss_of(const struct ss_model *model, struct ss_span weights, const float *x, size_t rows,
                      enum ss_objective_kind kind, enum ss_slices law, uint32_t count, uint32_t seed,
                      struct ss_estimate *e)
{
    const struct ss_loss_options options = {.objective = {.kind = kind, .slices = law, .count = count},
                                            .rows = rows};
    struct ss_loss *l = NULL;

    ok(ss_loss_create(device, model, &options, &l));
    ok(ss_loss_estimate(l, weights, x, rows, seed, NULL, NULL, e));
    ss_loss_free(l);
    return e->mean;
}

struct fixture {
    struct ss_model *model;
    struct ss_buffer *weights;
    float x[40 * 5];
};

static size_t fixture_rows(void)
{
    return test_small() ? 2 : 40;
}

static void fixture_init(struct fixture *f, enum ss_model_kind kind)
{
    const struct ss_model_options options = {.kind = kind,
                                             .hidden = {20, 20},
                                             .n_hidden = 2,
                                             .activation = SS_ACTIVATION_SOFTPLUS,
                                             .quadratic = 1};
    float *flat = NULL;

    ok(ss_model_create(&options, 5, &f->model));
    const size_t size = ss_graph_flat_size(f->model->graph);
    ok(ss_allocate(size, &flat));
    ss_graph_initialize(f->model->graph, 5, flat);
    ok(ss_buffer_create(device, size * sizeof(float), &f->weights));
    ok(ss_span_write(ss_span_of(f->weights), flat, size));
    normals(f->x, 40 * 5, 9);
    free(flat);
}

static void fixture_release(struct fixture *f)
{
    ss_buffer_free(f->weights);
    ss_model_free(f->model);
}

START_TEST(a_full_orthogonal_frame_gives_exact_score_matching)
{
    struct fixture f;
    struct ss_estimate e;

    for (int kind = 0; kind < 2; kind++) {
        fixture_init(&f, (enum ss_model_kind)kind);
        const struct ss_span w = ss_span_of(f.weights);
        const double exact = loss_of(f.model, w, f.x, fixture_rows(), SS_OBJECTIVE_ESM, 0, 1, 1, &e);
        const double vr =
            loss_of(f.model, w, f.x, fixture_rows(), SS_OBJECTIVE_SSM_VR, SS_SLICES_ORTHOGONAL, 5, 1, &e);
        const double ssm =
            loss_of(f.model, w, f.x, fixture_rows(), SS_OBJECTIVE_SSM, SS_SLICES_ORTHOGONAL, 10, 2, &e);
        ck_assert_msg(fabs(vr - exact) < 1e-5 * (1 + fabs(exact)), "%.9g, exact %.9g", vr, exact);
        ck_assert_msg(fabs(ssm - exact) < 1e-5 * (1 + fabs(exact)), "%.9g, exact %.9g", ssm, exact);
        fixture_release(&f);
    }
}
END_TEST

START_TEST(every_law_of_slices_is_unbiased)
{
    const uint32_t times = test_small() ? 2 : 200;
    struct fixture f;
    struct ss_estimate e;

    fixture_init(&f, SS_MODEL_ENERGY);
    const struct ss_span w = ss_span_of(f.weights);
    const double exact = loss_of(f.model, w, f.x, fixture_rows(), SS_OBJECTIVE_ESM, 0, 1, 1, &e);
    const struct ss_loss_options options = {.objective = {.kind = SS_OBJECTIVE_SSM_VR,
                                                          .slices = (enum ss_slices)(_i % 4),
                                                          .count = 3,
                                                          .control = _i >= 4},
                                            .rows = fixture_rows()};
    struct ss_loss *l = NULL;
    double sum = 0, squares = 0;
    ok(ss_loss_create(device, f.model, &options, &l));
    for (uint32_t t = 0; t < times; t++) {
        ok(ss_loss_estimate(l, w, f.x, fixture_rows(), t, NULL, NULL, &e));
        sum += e.mean;
        squares += e.mean * e.mean;
    }
    const double mean = sum / times, error = sqrt((squares / times - mean * mean) / (times - 1));
    if (!test_small())
        ck_assert_msg(fabs(mean - exact) < 3 * error + 1e-6, "mean %.6f +- %.6f, exact %.6f", mean, error,
                      exact);
    ss_loss_free(l);
    fixture_release(&f);
}
END_TEST

/* E = 1/2 |x|^2 has Ds = -I, s = -x. With gaussian slices cov(v'(Ds)v, 1/2 (v's)^2) = -|x|^2 and the variance
 * of 1/2 (v's)^2 is 1/2 |x|^4, so c = 1 - 2 E|x|^2 / E|x|^4; rademacher slices have v'(Ds)v = -D, so c = 1.
 */
START_TEST(the_share_of_the_control_variate_is_the_one_of_least_variance)
{
    enum { D = 3, ROWS = 256, STEPS = 400 };
    const struct ss_model_options gaussian = {.kind = SS_MODEL_GAUSSIAN};
    float x[ROWS * D], flat[64], shares[2];
    struct ss_model *model = NULL;
    struct ss_buffer *weights = NULL;
    double square = 0, fourth = 0;

    ok(ss_model_create(&gaussian, D, &model));
    ck_assert_uint_le(ss_graph_flat_size(model->graph), SS_COUNT(flat));
    ss_graph_initialize(model->graph, 1, flat);
    ok(ss_buffer_create(device, sizeof(flat), &weights));
    ok(ss_span_write(ss_span_of(weights), flat, ss_graph_flat_size(model->graph)));
    normals(x, ROWS * D, 4);
    for (size_t i = 0; i < ROWS; i++) {
        double s = 0;
        for (size_t j = 0; j < D; j++)
            s += (double)x[i * D + j] * (double)x[i * D + j];
        square += s;
        fourth += s * s;
    }
    for (int law = 0; law < (test_small() ? 0 : 2); law++) {
        const struct ss_loss_options options = {.objective = {.kind = SS_OBJECTIVE_SSM_VR,
                                                              .control = SS_CONTROL_ESTIMATED,
                                                              .slices = (enum ss_slices)law,
                                                              .count = 1},
                                                .rows = ROWS};
        struct ss_loss *l = NULL;
        double sum = 0, squares = 0;
        ok(ss_loss_create(device, model, &options, &l));
        ok(ss_span_write(ss_loss_rows(l), x, ROWS * D));
        for (uint64_t step = 0; step < STEPS; step++) {
            ok(ss_loss_enqueue(l, &(struct ss_loss_batch){.rows = ROWS,
                                                          .draw = {.seed = 1, .step = step},
                                                          .parameters = ss_span_of(weights)}));
            ok(ss_span_read(ss_loss_shares(l), shares, 2));
            sum += (double)shares[1];
            squares += (double)shares[1] * (double)shares[1];
            ck_assert(fabsf(shares[0] + shares[1] - 1.0f) < 1e-6f);
        }
        const double mean = sum / STEPS, want = law == SS_SLICES_GAUSSIAN ? 1 - 2 * square / fourth : 1;
        const double error = sqrt((squares / STEPS - mean * mean) / STEPS);
        /* a ratio of sums over 256 rows is biased by about 1/256 of its spread in a row */
        ck_assert_msg(fabs(mean - want) < 4 * error + 0.02, "law %d: %.4f +- %.4f, wanted %.4f", law, mean,
                      error, want);
        ss_loss_free(l);
    }
    ss_buffer_free(weights);
    ss_model_free(model);
}
END_TEST

START_TEST(slices_have_their_lengths_and_frames_are_orthogonal)
{
    enum { ROWS = 6, D = 5, M = 12 };
    const struct ss_draw draw = {.seed = 11, .step = 3};
    float v[M * ROWS * D];
    struct ss_buffer *b = NULL;

    ok(ss_buffer_create(device, sizeof(v), &b));
    for (int law = 0; law < 4; law++) {
        const struct ss_slice_shape shape = {
            .law = (enum ss_slices)law, .rows = ROWS, .dimension = D, .count = M, .total = M};
        ok(ss_slices_enqueue(device, &shape, &draw, ss_span_of(b)));
        ok(ss_span_read(ss_span_of(b), v, M * ROWS * D));
        for (size_t m = 0; m < M; m++)
            for (size_t r = 0; r < ROWS; r++) {
                const float *const a = v + (m * ROWS + r) * D;
                double square = 0;
                for (size_t d = 0; d < D; d++)
                    square += (double)a[d] * (double)a[d];
                if (law != SS_SLICES_GAUSSIAN)
                    ck_assert_msg(fabs(square - D) < 1e-5 * D, "law %d: |v|^2 = %.7f", law, square);
                for (size_t t = m - m % D; law == SS_SLICES_ORTHOGONAL && t < m; t++) {
                    double dot = 0;
                    for (size_t d = 0; d < D; d++)
                        dot += (double)a[d] * (double)v[(t * ROWS + r) * D + d];
                    ck_assert_msg(fabs(dot) < 1e-5 * D, "v%zu.v%zu = %g", t, m, dot);
                }
            }
    }
    ss_buffer_free(b);
}
END_TEST

/* Below, at and past the columns that one work-item draws; gaussian ones are the host's to the bit, too. */
START_TEST(slices_are_a_function_of_counters_alone)
{
    enum { ROWS = 5, M = 3, MOST = 131 };
    static const size_t dimensions[] = {1, 7, 16, 64, 67, 128, MOST};
    const struct ss_draw draw = {.seed = 5, .step = 9, .first_row = 2};
    const size_t D = dimensions[(size_t)_i % SS_COUNT(dimensions)];
    const bool gaussian = (size_t)_i >= SS_COUNT(dimensions);
    const struct ss_slice_shape shape = {.law = gaussian ? SS_SLICES_GAUSSIAN : SS_SLICES_RADEMACHER,
                                         .rows = ROWS,
                                         .dimension = D,
                                         .first = 1,
                                         .count = M,
                                         .total = 4};
    float v[M * ROWS * MOST + 1];
    struct ss_buffer *b = NULL;

    ok(ss_buffer_create(device, sizeof(v), &b));
    ok(ss_slices_enqueue(device, &shape, &draw, ss_span_of(b)));
    ok(ss_span_read(ss_span_of(b), v, M * ROWS * D + 1));
    ck_assert(v[M * ROWS * D] == 0); /* nothing written behind the last */
    for (uint32_t m = 0; m < M; m++)
        for (uint32_t r = 0; r < ROWS; r++)
            for (uint32_t d = 0; d < D; d++) {
                const uint32_t counter[4] = {9, 2 + r, 1 + m, d / (gaussian ? 4 : 128)};
                uint32_t bits[4];
                float normal[4];
                ss_random_bits(5, SS_PURPOSE_SLICES, counter, bits);
                ss_random_normal(5, SS_PURPOSE_SLICES, counter, normal);
                const float sign = bits[d / 32 % 4] & UINT32_C(1) << d % 32 ? -1.0f : 1.0f;
                ck_assert(v[(m * ROWS + r) * D + d] == (gaussian ? normal[d % 4] : sign));
            }
    ss_buffer_free(b);
}
END_TEST

START_TEST(the_same_batch_gives_the_same_bits)
{
    struct problem p = {
        .model = {.kind = SS_MODEL_ENERGY, .hidden = {33, 20}, .n_hidden = 2, .quadratic = 2},
        .loss = {.objective = {.kind = SS_OBJECTIVE_SSM_VR, .count = 3}, .rows = 37, .gradient = true},
        .dimension = 6,
        .rows = 37};
    struct outcome a, b;

    p.loss.engine.plan = plan();
    run(&p, &a);
    run(&p, &b);
    ck_assert(a.loss == b.loss);
    ck_assert_int_eq(memcmp(a.gradient, b.gradient, ss_graph_flat_size(a.model->graph) * sizeof(float)), 0);
    release(&a);
    release(&b);
}
END_TEST

/* The loss's own rows then hold something else. Layer by layer, and as the device chooses. */
START_TEST(a_batch_that_lies_elsewhere_gives_the_same_bits)
{
    enum { BEFORE = 3, ROWS = 11, D = 5 };
    const struct problem p = {.model = {.kind = SS_MODEL_ENERGY, .hidden = {9, 7}, .n_hidden = 2},
                              .loss = {.objective = {.kind = SS_OBJECTIVE_SSM, .count = 2},
                                       .engine = {.plan = _i ? SS_PLAN_AUTO : SS_PLAN_LAYERED},
                                       .rows = ROWS,
                                       .gradient = true},
                              .dimension = D,
                              .rows = ROWS};
    struct ss_buffer *there = NULL;
    struct outcome o;
    float *again = NULL, mean;

    run(&p, &o);
    const size_t size = ss_graph_flat_size(o.model->graph);
    ok(ss_allocate(size, &again));
    ok(ss_buffer_create(device, (BEFORE + ROWS * D) * sizeof(float), &there));
    ok(ss_span_write((struct ss_span){there, BEFORE}, o.x, ROWS * D));
    ok(ss_span_write(ss_loss_rows(o.l), o.noise, ROWS * D));
    ok(ss_span_zero(ss_span_of(o.gradients), size));
    ok(ss_loss_enqueue(o.l, &(struct ss_loss_batch){.rows = ROWS,
                                                    .x = {there, BEFORE},
                                                    .slices = ss_span_of(o.v),
                                                    .parameters = ss_span_of(o.weights),
                                                    .gradient = ss_span_of(o.gradients)}));
    ok(ss_span_read(ss_loss_mean(o.l), &mean, 1));
    ok(ss_span_read(ss_span_of(o.gradients), again, size));
    ck_assert((double)mean == o.loss);
    ck_assert_mem_eq(again, o.gradient, size * sizeof(float));
    free(again);
    ss_buffer_free(there);
    release(&o);
}
END_TEST

static void silence(void *context, enum ss_level level, const char *text)
{
    (void)context;
    (void)level;
    (void)text;
}

START_TEST(objectives_that_cannot_be_are_refused)
{
    const struct ss_model_options options = {.kind = SS_MODEL_ENERGY, .hidden = {4}, .n_hidden = 1};
    struct ss_loss_options bad[] = {
        {.objective = {.kind = SS_OBJECTIVE_SSM, .count = 0}, .rows = 4},
        {.objective = {.kind = SS_OBJECTIVE_DSM, .count = 1, .sigma = 0}, .rows = 4},
        {.objective = {.kind = SS_OBJECTIVE_SSM, .count = 1}, .rows = 0}};
    struct ss_model *model = NULL;
    struct ss_loss *l = NULL;

    ok(ss_model_create(&options, 3, &model));
    ss_sink_set(silence, NULL);
    for (size_t i = 0; i < SS_COUNT(bad); i++)
        ck_assert_int_eq(ss_loss_create(device, model, &bad[i], &l), SS_ERR_USAGE);
    ss_sink_set(NULL, NULL);
    ss_model_free(model);
}
END_TEST

START_TEST(the_selftest_passes_on_a_sound_driver)
{
    double error;

    for (int kind = 0; kind < (test_small() ? 0 : 3); kind++)
        for (int objective = 0; objective < 4; objective++) {
            ok(ss_objective_selftest(device, (enum ss_model_kind)kind, (enum ss_objective_kind)objective,
                                     &error));
            ck_assert_msg(error < 1e-5, "model %d, objective %d: %.2g", kind, objective, error);
        }
    struct ss_selftest t = {0};
    ok(ss_selftest_device(device, !test_small(), &ss_selftest_objectives, 1, &t));
    ck_assert_uint_ge(t.count, test_small() ? 1 : 8);
    ss_selftest_release(&t);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("objective");
    TCase *const c = tcase_create("objective");

    tcase_set_timeout(c, 600);
    tcase_add_unchecked_fixture(c, open_device, close_device);
    tcase_add_loop_test(c, losses_and_gradients_match_the_reference, 0, 20);
    tcase_add_loop_test(c, every_smooth_activation_matches_the_reference, 0, SS_ACTIVATION_ELU);
    tcase_add_test(c, chunks_of_directions_change_nothing_but_rounding);
    tcase_add_loop_test(c, wide_nets_match_the_reference, 0, 3);
    tcase_add_test(c, directions_of_wide_data_are_cut_into_chunks_that_fit_the_memory);
    tcase_add_test(c, a_full_orthogonal_frame_gives_exact_score_matching);
    tcase_add_loop_test(c, every_law_of_slices_is_unbiased, 0, 8);
    tcase_add_test(c, the_share_of_the_control_variate_is_the_one_of_least_variance);
    tcase_add_test(c, slices_have_their_lengths_and_frames_are_orthogonal);
    tcase_add_loop_test(c, slices_are_a_function_of_counters_alone, 0, 14);
    tcase_add_test(c, the_same_batch_gives_the_same_bits);
    tcase_add_loop_test(c, a_batch_that_lies_elsewhere_gives_the_same_bits, 0, 2);
    tcase_add_test(c, objectives_that_cannot_be_are_refused);
    tcase_add_test(c, the_selftest_passes_on_a_sound_driver);
    suite_add_tcase(s, c);
    return run_device_suite(s);
}
