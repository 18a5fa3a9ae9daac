/*
 * Graphs of every operation on the device against the double reference: all streams forward, and the gradient
 * of a random linear functional of all output streams (so every adjoint is exercised) against central
 * differences of the reference.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "device/gemm.h"
#include "device/opencl.h"
#include "jet/layered.h"
#include "jet/reference.h"
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

/* The kernels for GPUs, or those for CPU devices; comes back with what was in use. */
static bool take_gpu_kernels(bool yes)
{
    const bool before = device->as_gpu;

    ss_device_take_gpu_kernels(device, yes);
    return before;
}

/* ---- graphs ---- */

enum { WIDTH = 6 };

static void coupling_layer(struct ss_graph *g)
{
    /* additive coupling on even and odd columns, as NICE's, then its scaling and the density of a standard
     * normal */
    const ss_value x = ss_graph_input(g, WIDTH, true);
    const ss_value even = ss_split(g, x, 0, 3, 2), odd = ss_split(g, x, 1, 3, 2);
    const ss_value h = ss_activation(g, ss_dense(g, even, 7, true, "a"), SS_ACTIVATION_SOFTPLUS);
    const ss_value moved = ss_add(g, odd, ss_dense(g, h, 3, true, "b"));
    const ss_value y = ss_scale_exp(g, ss_concatenate(g, even, moved), false, 1.0f, 1.0f, "scale");
    ss_row_sum(g, ss_activation(g, y, SS_ACTIVATION_HALF_SQUARE));
}

static void kernels(struct ss_graph *g)
{
    /* a weighted sum of kernels on features and on x itself */
    const ss_value x = ss_graph_input(g, WIDTH, true);
    const ss_value phi = ss_activation(g, ss_dense(g, x, 5, true, "phi"), SS_ACTIVATION_TANH);
    const ss_value deep = ss_dense(g, ss_rbf(g, phi, 9, "deep"), 1, false, "alpha");
    const ss_value flat = ss_dense(g, ss_rbf(g, x, 4, "flat"), 1, false, "beta");
    ss_add(g, ss_add(g, deep, flat), ss_quadratic(g, x, SS_QUADRATIC_DIAGONAL, "base"));
}

static void products(struct ss_graph *g)
{
    /* linear x linear, curved x linear, a value times itself, width 1 times width n, a passive condition */
    const ss_value x = ss_graph_input(g, WIDTH, true), condition = ss_graph_input(g, WIDTH, false);
    const ss_value a = ss_dense(g, x, 4, true, "a"), b = ss_dense(g, x, 4, false, "b");
    const ss_value gate = ss_activation(g, ss_dense(g, condition, 4, true, "c"), SS_ACTIVATION_SIGMOID);
    const ss_value ab = ss_product(g, ss_product(g, a, b), gate);
    const ss_value squared = ss_product(g, ab, ab);
    const ss_value one = ss_activation(g, ss_dense(g, x, 1, true, "d"), SS_ACTIVATION_SIN);
    const ss_value wide = ss_product(g, one, ss_scale(g, squared, false, "s"));
    const ss_value back = ss_product(g, ss_shift(g, wide, 1.0f, "t"), ss_scale(g, one, true, "u"));
    ss_add(g, ss_product(g, back, gate), ss_product(g, gate, a));
}

static void vector_output(struct ss_graph *g)
{
    /* a residual net with an output of many columns; a passive input added to an active value */
    const ss_value x = ss_graph_input(g, WIDTH, true), condition = ss_graph_input(g, WIDTH, false);
    const ss_value h =
        ss_activation(g, ss_dense(g, ss_add(g, condition, x), 11, true, "a"), SS_ACTIVATION_GELU);
    const ss_value h2 = ss_add(g, h, ss_activation(g, ss_dense(g, h, 11, true, "b"), SS_ACTIVATION_SILU));
    ss_concatenate(g, ss_dense(g, h2, 3, true, "c"), ss_shift(g, ss_split(g, x, 2, 2, 1), -1.0f, "d"));
}

static void full_quadratic(struct ss_graph *g)
{
    ss_quadratic(g, ss_graph_input(g, WIDTH, true), SS_QUADRATIC_FULL, "q");
}

static void two_readers(struct ss_graph *g)
{
    /* a layer that two activations read, one of them read by two layers */
    const ss_value z = ss_dense(g, ss_graph_input(g, WIDTH, true), 20, true, "a");
    const ss_value a = ss_activation(g, z, SS_ACTIVATION_TANH), b = ss_activation(g, z, SS_ACTIVATION_SIN);
    const ss_value c = ss_activation(g, ss_dense(g, a, 5, true, "b"), SS_ACTIVATION_TANH);
    ss_add(g, ss_dense(g, ss_product(g, a, b), 3, true, "c"), ss_dense(g, c, 3, true, "d"));
}

static void (*const builders[])(struct ss_graph *) = {coupling_layer, kernels,        products,
                                                      vector_output,  full_quadratic, two_readers};

/* ---- a pass on the device, and the same in double ---- */

struct pass {
    struct ss_graph *graph;
    struct ss_streams streams;
    size_t rows, n_inputs, out_width, out_streams, size;
    float *flat, *inputs[2]; /* (streams, rows, WIDTH), passive: (rows, WIDTH) */
    float *weights;          /* of the functional: (out_streams, rows, out_width) */
    float *jet, *gradient, *input_gradient;
    bool separate; /* activations in kernels of their own */
};

static void pass_run(struct pass *p)
{
    const struct ss_layered_options options = {.streams = p->streams,
                                               .rows = p->rows + 2,
                                               .reverse = true,
                                               .input_gradient = true,
                                               .separate = p->separate};
    struct ss_layered *plan = NULL;
    struct ss_buffer *parameters = NULL, *gradient = NULL;
    const size_t first = ss_streams_first(p->streams);

    ok(ss_buffer_create(device, p->size * sizeof(float), &parameters));
    ok(ss_buffer_create(device, p->size * sizeof(float), &gradient));
    ok(ss_span_write(ss_span_of(parameters), p->flat, p->size));
    ok(ss_layered_create(device, p->graph, &options, &plan));
    for (size_t i = 0; i < p->n_inputs; i++)
        ok(ss_span_write(ss_layered_input(plan, ss_graph_input_value(p->graph, i)), p->inputs[i],
                         (i ? 1 : first) * p->rows * WIDTH));
    const ss_value output = ss_graph_output_value(p->graph);
    ok(ss_layered_forward(plan, ss_span_of(parameters), p->rows));
    const struct ss_span jet = ss_layered_jet(plan, output, &p->out_streams);
    const size_t n = p->out_streams * p->rows * p->out_width;
    ok(ss_allocate(n, &p->jet));
    ok(ss_allocate(n, &p->weights));
    ok(ss_allocate(p->size, &p->gradient));
    ok(ss_allocate(first * p->rows * WIDTH, &p->input_gradient));
    ok(ss_span_read(jet, p->jet, n));
    normals(p->weights, n, 50);
    ok(ss_span_write(ss_layered_adjoint(plan, output), p->weights, n));
    ok(ss_layered_reverse(plan, ss_span_of(parameters), ss_span_of(gradient), false));
    ok(ss_span_read(ss_span_of(gradient), p->gradient, p->size));
    ok(ss_span_read(ss_layered_adjoint(plan, ss_graph_input_value(p->graph, 0)), p->input_gradient,
                    first * p->rows * WIDTH));
    ss_layered_free(plan);
    ss_buffer_free(parameters);
    ss_buffer_free(gradient);
}

/* The output jet in double from inputs in double: out (out_streams, rows, out_width). */
static void reference_jet(const struct pass *p, const double *flat, const double *active, double *out)
{
    const size_t w = p->out_width, block = p->rows * w, M = p->streams.slices,
                 first = ss_streams_first(p->streams);
    struct ss_reference *r = NULL;
    double jet[3 * 16], condition[WIDTH];

    ok(ss_reference_create(p->graph, &r));
    memset(out, 0, p->out_streams * block * sizeof(double));
    for (size_t row = 0; row < p->rows; row++) {
        for (size_t i = 0; p->n_inputs > 1 && i < WIDTH; i++)
            condition[i] = (double)p->inputs[1][row * WIDTH + i];
        for (size_t s = 0; s < first; s++) {
            const double *const x = active + row * WIDTH, *const v = active + (s * p->rows + row) * WIDTH;
            const struct ss_reference_input in[2] = {{x, s ? v : NULL}, {condition, NULL}};
            ss_reference_jet(r, flat, in, jet);
            double *const at = out + s * block + row * w;
            memcpy(at, jet + (s ? w : 0), w * sizeof(double));
            if (p->out_streams == first || s == 0 || s > M)
                continue;
            const size_t second = p->streams.second == SS_SECOND_APART ? first + s - 1 : first;
            for (size_t j = 0; j < w; j++)
                out[second * block + row * w + j] += jet[2 * w + j];
        }
    }
    ss_reference_free(r);
}

static double functional(const struct pass *p, const double *flat, const double *active, double *out)
{
    double sum = 0.0;

    reference_jet(p, flat, active, out);
    for (size_t i = 0; i < p->out_streams * p->rows * p->out_width; i++)
        sum += (double)p->weights[i] * out[i];
    return sum;
}

static double difference(const struct pass *p, double *flat, double *active, double *moved, double *out)
{
    const double h = 1e-4, at = *moved;
    double d = 0.0;

    for (int k = 1; k <= 2; k++) { /* 4th order */
        *moved = at + k * h;
        const double up = functional(p, flat, active, out);
        *moved = at - k * h;
        d += (k == 1 ? 8.0 : -1.0) * (up - functional(p, flat, active, out));
    }
    *moved = at;
    return d / (12 * h);
}

static double *widened(const float *x, size_t n)
{
    double *y = NULL;

    ok(ss_allocate(n, &y));
    for (size_t i = 0; i < n; i++)
        y[i] = (double)x[i];
    return y;
}

/* fp32 against double: an entry is right to 1e-4 of the largest of its kind. */
static void compare(struct pass *p)
{
    const size_t n_active = ss_streams_first(p->streams) * p->rows * WIDTH;
    const size_t n = p->out_streams * p->rows * p->out_width;
    double *const flat = widened(p->flat, p->size), *const active = widened(p->inputs[0], n_active);
    double *const out = widened(p->jet, n), largest = 1.0;

    reference_jet(p, flat, active, out);
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(fabs((double)p->jet[i] - out[i]) <= 1e-4 * (1 + fabs(out[i])),
                      "jet %zu: %g, reference %g", i, (double)p->jet[i], out[i]);
    for (size_t k = 0; k < ss_graph_parameters(p->graph); k++) {
        const struct ss_parameter *const q = ss_graph_parameter(p->graph, k);
        for (size_t i = 0; i < q->count; i++)
            largest = fmax(largest, fabs((double)p->gradient[q->offset + i]));
        for (size_t i = 0; i < q->count; i += 1 + q->count / 7) {
            const double want = difference(p, flat, active, &flat[q->offset + i], out);
            const double have = (double)p->gradient[q->offset + i];
            ck_assert_msg(fabs(have - want) <= 1e-4 * largest, "%s[%zu]: %.8g, reference %.8g", q->name, i,
                          have, want);
        }
    }
    largest = 1.0;
    for (size_t i = 0; i < n_active; i++)
        largest = fmax(largest, fabs((double)p->input_gradient[i]));
    for (size_t i = 0; i < n_active; i += 1 + n_active / 37) {
        const double want = difference(p, flat, active, &active[i], out), have = (double)p->input_gradient[i];
        ck_assert_msg(fabs(have - want) <= 1e-4 * largest, "input %zu: %.8g, reference %.8g", i, have, want);
    }
    free(flat);
    free(active);
    free(out);
}

static void pass_init(struct pass *p, struct ss_graph *g)
{
    float *z = NULL;

    ok(ss_graph_status(g));
    p->graph = g;
    p->size = ss_graph_flat_size(g);
    p->n_inputs = ss_graph_inputs(g);
    p->out_width = ss_graph_width(g, ss_graph_output_value(g));
    ok(ss_allocate(p->size, &p->flat));
    ok(ss_allocate(p->size, &z));
    ss_graph_initialize(g, 4, p->flat);
    normals(z, p->size, 60);
    for (size_t i = 0; i < p->size; i++)
        p->flat[i] += 0.3f * z[i];
    for (uint32_t i = 0; i < 2; i++) {
        const size_t n = (i ? 1 : ss_streams_first(p->streams)) * p->rows * WIDTH;
        ok(ss_allocate(n, &p->inputs[i]));
        normals(p->inputs[i], n, 80 + i);
    }
    free(z);
}

static void pass_release_results(struct pass *p)
{
    free(p->weights);
    free(p->jet);
    free(p->gradient);
    free(p->input_gradient);
}

static void pass_release(struct pass *p)
{
    free(p->flat);
    free(p->inputs[0]);
    free(p->inputs[1]);
}

static void check_graph(void (*build)(struct ss_graph *), struct ss_streams streams, size_t rows)
{
    struct pass p = {.streams = streams, .rows = rows};
    struct ss_graph *g = NULL;

    ok(ss_graph_create(&g));
    build(g);
    pass_init(&p, g);
    pass_run(&p);
    compare(&p);
    pass_release_results(&p);
    pass_release(&p);
    ss_graph_free(g);
}

/* Of every kind; of normals a tensor that ends within the 64 that an item draws on CPU devices, and within
 * the 4 on others. */
static void every_initial_value(struct ss_graph *g)
{
    const ss_value x = ss_graph_input(g, WIDTH, true);
    const ss_value y = ss_scale(g, ss_dense(g, ss_dense(g, x, 67, true, "a"), 1, true, "b"), false, "c");

    ss_graph_output(g, ss_add(g, y, ss_quadratic(g, x, SS_QUADRATIC_FULL, "d")));
}

START_TEST(device_and_host_start_from_the_same_bits)
{
    struct ss_graph *g = NULL;
    struct ss_buffer *flat = NULL;
    float *want = NULL, *got = NULL;

    ok(ss_graph_create(&g));
    every_initial_value(g);
    ok(ss_graph_status(g));
    const size_t n = ss_graph_flat_size(g), before = 16;
    ok(ss_allocate(before + n, &want));
    ok(ss_allocate(before + n, &got));
    for (size_t i = 0; i < before; i++)
        want[i] = 3.0f;
    ss_graph_initialize(g, 7, want + before);
    ok(ss_buffer_create(device, (before + n) * sizeof(float), &flat));
    for (size_t i = 0; i < before + n; i++)
        got[i] = 3.0f; /* padding becomes zero, what is not the graph's stays */
    const bool as_gpu = take_gpu_kernels(_i);
    ok(ss_span_write(ss_span_of(flat), got, before + n));
    ok(ss_graph_initialize_enqueue(device, g, 7, (struct ss_span){flat, before}));
    take_gpu_kernels(as_gpu);
    ok(ss_span_read(ss_span_of(flat), got, before + n));
    ck_assert_mem_eq(got, want, (before + n) * sizeof(float));
    ss_buffer_free(flat);
    ss_graph_free(g);
    free(want);
    free(got);
}
END_TEST

static const struct ss_streams streams_of[] = {
    {0, false, SS_SECOND_NONE},     {3, false, SS_SECOND_NONE}, {1, false, SS_SECOND_COLLAPSED},
    {4, true, SS_SECOND_COLLAPSED}, {3, true, SS_SECOND_APART}, {0, true, SS_SECOND_NONE}};

START_TEST(every_graph_and_choice_of_streams_matches_the_reference)
{
    const size_t g = (size_t)_i / SS_COUNT(streams_of), s = (size_t)_i % SS_COUNT(streams_of);

    if (test_small() && builders[g] == vector_output) /* a simulator: the vectors of a finished driver */
        device->info.unfinished = false;
    check_graph(builders[g], streams_of[s], 1 + (size_t)_i % 7);
}
END_TEST

/* ---- activations at the end of products ---- */

/* Products of every kind before an activation, and behind one in reverse: of few rows, few columns (dot
 * products, either way round), several tasks of columns, or, if `sliced`, a sum cut into slices. */
static struct ss_graph *every_end(enum ss_activation f, bool sliced)
{
    static const size_t widths[2][5] = {{300, 4, 40, 19, 33}, {2100, 5, 33, 6, 7}};
    static const size_t small[5] = {40, 4, 18, 6, 3};
    const char *const names[] = {"a", "b", "c", "d", "e"};
    struct ss_graph *g = NULL;

    ok(ss_graph_create(&g));
    ss_value x = ss_graph_input(g, WIDTH, true);
    for (size_t i = 0; i < SS_COUNT(names); i++)
        x = ss_activation(g, ss_dense(g, x, test_small() ? small[i] : widths[sliced][i], true, names[i]), f);
    ss_dense(g, x, 3, true, "out");
    return g;
}

static void same_bits(const char *what, const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(memcmp(&a[i], &b[i], sizeof(float)) == 0, "%s %zu: %.9g, not %.9g", what, i,
                      (double)a[i], (double)b[i]);
}

static void check_ends(struct ss_graph *g, struct ss_streams streams, size_t rows)
{
    struct pass separate = {.streams = streams, .rows = rows, .separate = true}, joined;

    pass_init(&separate, g);
    joined = separate;
    joined.separate = false;
    pass_run(&separate);
    pass_run(&joined);
    same_bits("jet", joined.jet, separate.jet, joined.out_streams * rows * joined.out_width);
    same_bits("gradient", joined.gradient, separate.gradient, joined.size);
    same_bits("input's adjoint", joined.input_gradient, separate.input_gradient,
              ss_streams_first(streams) * rows * WIDTH);
    pass_release_results(&separate);
    pass_release_results(&joined);
    pass_release(&separate);
}

/* By the own product in its form for GPUs, or for CPU devices. */
static void check_ends_by(bool gpu, void (*check)(struct ss_graph *g), struct ss_graph *g)
{
    const bool as_gpu = take_gpu_kernels(gpu);
    const struct ss_gemm_use use = {.kind = SS_GEMM_OWN}, before = ss_gemm_switch(device, use);
    const enum ss_gemm_level level = device->gemm.level;

    if (test_small()) /* a simulator starts with products that take none */
        device->gemm.level = SS_GEMM_FAST;
    check(g);
    device->gemm.level = level;
    ss_gemm_switch(device, before);
    take_gpu_kernels(as_gpu);
    ss_graph_free(g);
}

static void check_all_streams(struct ss_graph *g)
{
    const bool gpu = device->as_gpu, all = !test_small();

    if (device->gemm.level == SS_GEMM_FAST) /* else a driver that is unfinished: they are not joined */
        ck_assert_str_eq(ss_gemm_backend(device), gpu ? "own-tiled" : "own");
    for (size_t s = 0; s < SS_COUNT(streams_of) && all; s++) {
        if (!gpu || s == 4) /* work-groups take drivers long to build */
            check_ends(g, streams_of[s], 1);
        check_ends(g, streams_of[s], 7);
    }
    check_ends(g, streams_of[all ? 2 : 3], all ? 61 : 4);
}

/* On CPU devices all activations are in one program. */
enum { LAST_END = SS_ACTIVATION_HALF_SQUARE };

START_TEST(an_activation_at_the_end_of_a_product_gives_the_bits_of_one_by_itself)
{
    const bool gpu = _i > LAST_END;

    if (!test_small() || gpu || _i <= SS_ACTIVATION_SILU)
        check_ends_by(gpu, check_all_streams,
                      every_end(gpu ? SS_ACTIVATION_GELU : (enum ss_activation)_i, false));
}
END_TEST

static void check_levels(struct ss_graph *g)
{
    const enum ss_gemm_level level = device->gemm.level;

    check_ends(g, streams_of[3], 5);
    device->gemm.level = SS_GEMM_SIMPLE;
    check_ends(g, streams_of[3], 2);
    device->gemm.level = SS_GEMM_PLAIN;
    check_ends(g, streams_of[3], 2);
    device->gemm.level = level;
}

START_TEST(products_that_take_no_activation_leave_it_behind_them)
{
    check_ends_by(_i, check_levels, every_end(SS_ACTIVATION_TANH, true));
}
END_TEST

/* ---- the reference itself, against differences of plain values ---- */

START_TEST(the_reference_is_the_derivative_of_its_own_values)
{
    const double h = 1e-3;
    struct ss_graph *g = NULL;
    struct ss_reference *r = NULL;

    ok(ss_graph_create(&g));
    builders[_i](g);
    ok(ss_graph_status(g));
    ok(ss_reference_create(g, &r));
    float flat32[512];
    ss_graph_initialize(g, 8, flat32);
    double *const flat = widened(flat32, ss_graph_flat_size(g));
    const size_t w = ss_graph_width(g, ss_graph_output_value(g));
    double x[WIDTH], v[WIDTH], moved[WIDTH], condition[WIDTH], jet[48], value[7][16];
    for (int i = 0; i < WIDTH; i++) {
        x[i] = 0.3 * i - 0.7;
        v[i] = 1.0 - 0.4 * i;
        condition[i] = 0.1 * i;
    }
    const struct ss_reference_input in[2] = {{x, v}, {condition, NULL}};
    ss_reference_jet(r, flat, in, jet);
    for (int k = -3; k <= 3; k++) {
        double at[48];
        for (int i = 0; i < WIDTH; i++)
            moved[i] = x[i] + k * h * v[i];
        const struct ss_reference_input there[2] = {{moved, NULL}, {condition, NULL}};
        ss_reference_jet(r, flat, there, at);
        memcpy(value[k + 3], at, w * sizeof(double));
    }
    for (size_t j = 0; j < w;
         j++) { /* 6th order; 1e-7 is the rounding of a second difference with this step */
        const double first =
            (45 * (value[4][j] - value[2][j]) - 9 * (value[5][j] - value[1][j]) + value[6][j] - value[0][j]) /
            (60 * h);
        const double second = (270 * (value[4][j] + value[2][j]) - 27 * (value[5][j] + value[1][j]) +
                               2 * (value[6][j] + value[0][j]) - 490 * value[3][j]) /
                              (180 * h * h);
        ck_assert_msg(fabs(first - jet[w + j]) < 1e-9 * (1 + fabs(first)), "first %.12g %.12g", first,
                      jet[w + j]);
        ck_assert_msg(fabs(second - jet[2 * w + j]) < 1e-7 * (1 + fabs(second)), "second %.12g %.12g", second,
                      jet[2 * w + j]);
    }
    free(flat);
    ss_reference_free(r);
    ss_graph_free(g);
}
END_TEST

#define ss_real double
#include "cl/jet/activation.clh"

START_TEST(each_activation_is_the_derivative_of_the_one_before)
{
    const double h = 1e-4;

    for (int k = -40; k <= 40; k++) {
        const double z = 0.2 * k + 0.01; /* past the kinks of elu and relu */
        const struct ss_taylor t = ss_activate(_i, z), up = ss_activate(_i, z + h),
                               down = ss_activate(_i, z - h);
        const double e = 1e-7 * (1 + fabs(t.f) + fabs(t.d1)); /* h^2 / 6 times the next derivatives */
        ck_assert_msg(fabs((up.f - down.f) / (2 * h) - t.d1) < e, "f' at %g", z);
        ck_assert_msg(fabs((up.d1 - down.d1) / (2 * h) - t.d2) < e, "f'' at %g", z);
        ck_assert_msg(fabs((up.d2 - down.d2) / (2 * h) - t.d3) < e, "f''' at %g", z);
    }
}
END_TEST

/* ---- mistakes ---- */

static char said[512];

static void keep(void *context, enum ss_level level, const char *text)
{
    (void)context;
    (void)level;
    strncpy(said, text, sizeof(said) - 1);
}

START_TEST(mistakes_of_a_graph_are_kept_and_told_once)
{
    struct ss_graph *g = NULL;

    ok(ss_graph_create(&g));
    ss_sink_set(keep, NULL);
    const ss_value x = ss_graph_input(g, 3, true);
    const ss_value y = ss_add(g, x, ss_dense(g, x, 4, true, "a"));
    ss_dense(g, y, 1, true, "a"); /* more mistakes after the first */
    ss_split(g, y, 2, 9, 1);
    ss_sink_set(NULL, NULL);
    ck_assert_int_eq(ss_graph_status(g), SS_ERR_USAGE);
    ck_assert_str_eq(said, "model: add of widths 3 and 4");
    ss_graph_free(g);

    ok(ss_graph_create(&g));
    ss_sink_set(keep, NULL);
    ss_dense(g, ss_graph_input(g, 1 << 20, true), 1 << 20, true, "huge");
    ss_sink_set(NULL, NULL);
    ck_assert_int_eq(ss_graph_status(g), SS_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(said, "too many"));
    ss_graph_free(g);
}
END_TEST

START_TEST(only_a_dense_layer_behind_others_gives_its_outputs_along_slices)
{
    struct ss_graph *g = NULL;

    for (size_t i = 0; i < SS_COUNT(builders); i++) {
        ok(ss_graph_create(&g));
        builders[i](g);
        ck_assert(!ss_layered_takes_along(g));
        ss_graph_free(g);
    }
    ok(ss_graph_create(&g)); /* nothing before it has weights, so that nothing has adjoints */
    ss_dense(g, ss_activation(g, ss_graph_input(g, WIDTH, true), SS_ACTIVATION_TANH), WIDTH, true, "a");
    ok(ss_graph_status(g));
    ck_assert(!ss_layered_takes_along(g));
    ss_graph_free(g);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("jet");
    TCase *const c = tcase_create("jet");

    tcase_set_timeout(c, 600);
    tcase_add_unchecked_fixture(c, open_device, close_device);
    tcase_add_loop_test(c, each_activation_is_the_derivative_of_the_one_before, 0,
                        SS_ACTIVATION_HALF_SQUARE + 1);
    tcase_add_loop_test(c, the_reference_is_the_derivative_of_its_own_values, 0, SS_COUNT(builders));
    tcase_add_loop_test(c, device_and_host_start_from_the_same_bits, 0,
                        2); /* kernels for CPU devices, others */
    tcase_add_test(c, mistakes_of_a_graph_are_kept_and_told_once);
    tcase_add_loop_test(c, every_graph_and_choice_of_streams_matches_the_reference, 0,
                        SS_COUNT(builders) * SS_COUNT(streams_of));
    tcase_add_loop_test(c, an_activation_at_the_end_of_a_product_gives_the_bits_of_one_by_itself, 0,
                        LAST_END + 2);
    tcase_add_loop_test(c, products_that_take_no_activation_leave_it_behind_them, 0, 2);
    tcase_add_test(c, only_a_dense_layer_behind_others_gives_its_outputs_along_slices);
    suite_add_tcase(s, c);
    return run_device_suite(s);
}
