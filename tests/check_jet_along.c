/* Outputs of the layered plan along slices, which are dot products instead of jets. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "jet/layered.h"
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

enum { WIDTH = 6, ROWS = 5, SLICES = 3, HIDDEN = 19, BLOCK = ROWS * WIDTH, DOTS = SLICES * ROWS };

static struct ss_graph *perceptron(bool bias)
{
    struct ss_graph *g = NULL;

    ok(ss_graph_create(&g));
    const ss_value x = ss_graph_input(g, WIDTH, true), z = ss_dense(g, x, HIDDEN, true, "a");
    ss_dense(g, ss_activation(g, z, SS_ACTIVATION_TANH), WIDTH, bias, "b");
    ok(ss_graph_status(g));
    return g;
}

struct along { /* of one plan, of outputs asked for as a whole or along slices */
    float dots[2 * DOTS], value[BLOCK], input[(1 + SLICES) * BLOCK], gradient[1024];
};

/* From the whole jet to dots, and from adjoints of dots and values to those of the jet. */
static void contract(const float *jet, const float *v, float *dots)
{
    for (size_t i = 0; i < DOTS; i++) {
        dots[i] = dots[DOTS + i] = 0.0f;
        for (size_t d = 0; d < WIDTH; d++) {
            dots[i] += v[i * WIDTH + d] * jet[BLOCK + i * WIDTH + d];
            dots[DOTS + i] += v[i * WIDTH + d] * jet[i % ROWS * WIDTH + d];
        }
    }
}

static void expand(const float *dots, const float *v, float *adjoint)
{
    for (size_t i = 0; i < DOTS * WIDTH; i++) {
        adjoint[BLOCK + i] = dots[i / WIDTH] * v[i];
        adjoint[i % BLOCK] += dots[DOTS + i / WIDTH] * v[i];
    }
}

static void run_along(const struct ss_graph *g, enum ss_outputs outputs, bool of_value, struct along *a)
{
    const struct ss_layered_options options = {.streams = {.slices = SLICES},
                                               .rows = ROWS + 1,
                                               .reverse = true,
                                               .input_gradient = true,
                                               .outputs = outputs};
    const size_t size = ss_graph_flat_size(g);
    const ss_value x = ss_graph_input_value(g, 0), y = ss_graph_output_value(g);
    float input[(1 + SLICES) * BLOCK], of_dots[2 * DOTS], adjoint[(1 + SLICES) * BLOCK] = {0}, flat[1024];
    struct ss_buffer *parameters = NULL, *gradient = NULL;
    struct ss_layered *plan = NULL;

    ck_assert_uint_le(size, SS_COUNT(flat));
    normals(input, SS_COUNT(input), 1);
    normals(of_dots, SS_COUNT(of_dots), 2);
    normals(flat, size, 3);
    if (of_value)
        normals(adjoint, BLOCK, 4);
    ok(ss_buffer_create(device, size * sizeof(float), &parameters));
    ok(ss_buffer_create(device, size * sizeof(float), &gradient));
    ok(ss_span_write(ss_span_of(parameters), flat, size));
    ok(ss_layered_create(device, g, &options, &plan));
    ok(ss_span_write(ss_layered_input(plan, x), input, SS_COUNT(input)));
    ok(ss_layered_forward(plan, ss_span_of(parameters), ROWS));
    if (outputs == SS_OUTPUTS_JET) {
        float jet[(1 + SLICES) * BLOCK];
        ok(ss_span_read(ss_layered_jet(plan, y, NULL), jet, SS_COUNT(jet)));
        memcpy(a->value, jet, sizeof(a->value));
        contract(jet, input + BLOCK, a->dots);
        expand(of_dots, input + BLOCK, adjoint);
        ok(ss_span_write(ss_layered_adjoint(plan, y), adjoint, SS_COUNT(adjoint)));
    } else {
        const struct ss_span dots = ss_span_of(ss_layered_dots(plan));
        ok(ss_span_read(dots, a->dots, SS_COUNT(a->dots)));
        ok(ss_span_write(dots, of_dots, SS_COUNT(of_dots)));
    }
    if (outputs == SS_OUTPUTS_ALONG_AND_VALUES) {
        ok(ss_span_read(ss_layered_jet(plan, y, NULL), a->value, BLOCK));
        ok(ss_span_write(ss_layered_adjoint(plan, y), adjoint, BLOCK));
    }
    ok(ss_layered_reverse(plan, ss_span_of(parameters), ss_span_of(gradient), false));
    ok(ss_span_read(ss_span_of(gradient), a->gradient, size));
    ok(ss_span_read(ss_layered_adjoint(plan, x), a->input, SS_COUNT(a->input)));
    ss_layered_free(plan);
    ss_buffer_free(parameters);
    ss_buffer_free(gradient);
}

/* Sums of up to 100 terms of size 1, in another order. */
static void same(const char *what, const float *have, const float *want, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(fabsf(have[i] - want[i]) <= 2e-5f * (1 + fabsf(want[i])), "%s %zu: %.8g, not %.8g",
                      what, i, (double)have[i], (double)want[i]);
}

/* Whole jets are compared with the double reference in check_jet.c. */
START_TEST(outputs_along_slices_are_those_of_the_whole_jet_and_so_are_the_gradients)
{
    struct ss_graph *const g = perceptron(_i % 2);
    const bool of_value = _i / 2;
    struct along whole, along;

    ck_assert(ss_layered_takes_along(g));
    run_along(g, SS_OUTPUTS_JET, of_value, &whole);
    run_along(g, of_value ? SS_OUTPUTS_ALONG_AND_VALUES : SS_OUTPUTS_ALONG, of_value, &along);
    same("dot", along.dots, whole.dots, SS_COUNT(whole.dots));
    if (of_value)
        same("value", along.value, whole.value, SS_COUNT(whole.value));
    same("gradient", along.gradient, whole.gradient, ss_graph_flat_size(g));
    same("input's adjoint", along.input, whole.input, SS_COUNT(whole.input));
    ss_graph_free(g);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("jet_along");
    TCase *const c = tcase_create("jet_along");

    tcase_set_timeout(c, 600);
    tcase_add_unchecked_fixture(c, open_device, close_device);
    tcase_add_loop_test(c, outputs_along_slices_are_those_of_the_whole_jet_and_so_are_the_gradients, 0, 4);
    suite_add_tcase(s, c);
    return run_device_suite(s);
}
