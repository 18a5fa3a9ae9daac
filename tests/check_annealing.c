/* log Z by annealed importance sampling of densities whose log Z is known: gaussians and mixtures of two, in
 * several dimensions. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "sampler/annealing.h"
#include "support/device.h"

enum { MOST = 20, ROWS = 500 };

static struct ss_device *device;

static void open_device(void)
{
    device = test_device_open();
}

static void close_device(void)
{
    ss_device_free(device);
}

static uint32_t chains_wanted(void)
{
    return test_small() ? 5 : ROWS;
}

struct fixture {
    size_t D;
    struct ss_model *model;
    struct ss_buffer *weights;
    float *rows; /* ROWS x D, of the model's law */
    double log_z;
    double mean[MOST], factor[MOST * MOST]; /* of the base */
    struct ss_annealing_options options;
};

/* Value i of the parameter `name`. */
typedef float value_fn(const struct fixture *f, const char *name, size_t i);

static float gaussian_value(const struct fixture *f, const char *name, size_t i);
static float mixture_value(const struct fixture *f, const char *name, size_t i);

static void make_model(struct fixture *f, const struct ss_model_options *options, value_fn *value)
{
    float *flat = NULL;

    ok(ss_model_create(options, f->D, &f->model));
    const size_t size = ss_graph_flat_size(f->model->graph);
    ok(ss_allocate(size, &flat));
    for (size_t k = 0; k < ss_graph_parameters(f->model->graph); k++) {
        const struct ss_parameter *const p = ss_graph_parameter(f->model->graph, k);
        for (size_t i = 0; i < p->count; i++)
            flat[p->offset + i] = value(f, p->name, i);
    }
    ok(ss_buffer_create(device, size * sizeof(float), &f->weights));
    ok(ss_span_write(ss_span_of(f->weights), flat, size));
    free(flat);
}

static void init(struct fixture *f, size_t D)
{
    *f = (struct fixture){.D = D};
    f->options = (struct ss_annealing_options){
        .base = {f->mean, f->factor}, .sizes = {chains_wanted(), test_small() ? 2 : 100, 4}, .seed = 7};
    for (size_t i = 0; i < D; i++) {
        f->mean[i] = 0.3;
        for (size_t j = 0; j <= i; j++)
            f->factor[i * D + j] = i == j ? 1.5 : 0.2;
    }
    ok(ss_allocate(ROWS * D, &f->rows));
    for (size_t r = 0; r < ROWS; r++)
        for (size_t j = 0; j < D; j += 4) {
            float z[4];
            ss_random_normal(1, SS_PURPOSE_SAMPLER_START, (uint32_t[4]){0, (uint32_t)r, 0, (uint32_t)j}, z);
            memcpy(f->rows + r * D + j, z, (D - j < 4 ? D - j : 4) * sizeof(*z));
        }
}

/* E = 1/2 |W (x - mu)|^2 with W = diagonal 2, 1, 2, 1, ... and mu = 1: log Z = D/2 log 2 pi - log |W|. */
static float gaussian_value(const struct fixture *f, const char *name, size_t i)
{
    if (strcmp(name, "quadratic.mean") == 0)
        return 1;
    return i % (f->D + 1) ? 0 : i / (f->D + 1) % 2 ? 1.0f : 2.0f;
}

static void init_gaussian(struct fixture *f, size_t D)
{
    init(f, D);
    make_model(f, &(struct ss_model_options){.kind = SS_MODEL_GAUSSIAN}, gaussian_value);
    for (size_t j = 0; j < D; j++) {
        f->log_z += 0.5 * log(2 * acos(-1)) - (j % 2 ? 0 : log(2));
        for (size_t r = 0; r < ROWS; r++)
            f->rows[r * D + j] = 1 + f->rows[r * D + j] / (j % 2 ? 1.0f : 2.0f);
    }
}

/* E = 1/2 |x|^2 - log 2 cosh(a'x), a = (2, 0, 0, ...): normals about a and -a, half the mass each, and
 * Z = 2 (2 pi)^(D/2) exp(|a|^2 / 2). As a net, log 2 cosh u = softplus(2 u) - softplus(u) + softplus(-u). */
static float mixture_value(const struct fixture *f, const char *name, size_t i)
{
    static const float slope[] = {2, 1, -1}, weight[] = {-1, 1, -1};

    if (strcmp(name, "layers.0.weight") == 0)
        return i % f->D ? 0 : 2 * slope[i / f->D];
    if (strcmp(name, "layers.1.weight") == 0)
        return weight[i];
    return strcmp(name, "quadratic.scale") == 0 ? 1 : 0;
}

static void init_mixture(struct fixture *f, size_t D)
{
    init(f, D);
    make_model(f,
               &(struct ss_model_options){.kind = SS_MODEL_ENERGY,
                                          .hidden = {3},
                                          .n_hidden = 1,
                                          .activation = SS_ACTIVATION_SOFTPLUS,
                                          .quadratic = SS_QUADRATIC_DIAGONAL},
               mixture_value);
    f->log_z = log(2) + 0.5 * (double)D * log(2 * acos(-1)) + 2;
    for (size_t r = 0; r < ROWS; r++)
        f->rows[r * D] += r % 2 ? 2 : -2;
}

static void release(struct fixture *f)
{
    free(f->rows);
    ss_buffer_free(f->weights);
    ss_model_free(f->model);
}

static enum ss_status run(const struct fixture *f, const struct ss_annealing_watch *watch,
                          struct ss_annealing *out)
{
    return ss_annealing_run(device, f->model, ss_span_of(f->weights), &f->options, f->rows, ROWS, watch, out);
}

/* Within 4 of its own standard errors, which are small; energies are float32. */
static void expect(const struct fixture *f, const struct ss_log_estimate *e, const char *way)
{
    if (test_small())
        return; /* too few chains to tell */
    ck_assert_msg(fabs(e->value - f->log_z) < 4 * e->standard_error + 1e-4,
                  "%s, %zu columns: log Z %.4f +- %.4f, want %.4f", way, f->D, e->value, e->standard_error,
                  f->log_z);
    ck_assert_msg(e->standard_error < 0.1 && e->ess > 0.2 * (double)f->options.sizes.chains,
                  "%s: +- %.3f, %.0f", way, e->standard_error, e->ess);
}

START_TEST(all_ways_find_log_z_of_gaussians_and_mixtures)
{
    static const size_t dimensions[] = {1, 2, 5, MOST};
    static void (*const inits[])(struct fixture *, size_t) = {init_gaussian, init_mixture};

    for (size_t i = 0; i < SS_COUNT(inits) * SS_COUNT(dimensions); i++) {
        struct ss_annealing a;
        struct fixture f;
        if (test_small() && i != 3) /* a pilot is long for a simulator */
            continue;
        inits[i % 2](&f, dimensions[i / 2]);
        ok(run(&f, NULL, &a));
        expect(&f, &a.forward, "forward");
        expect(&f, &a.backward, "backward");
        expect(&f, &a.from_rows, "from rows");
        ck_assert(test_small() || (a.acceptance > 0.5 && a.acceptance < 0.95));
        release(&f);
    }
}
END_TEST

START_TEST(with_few_temperatures_they_bracket_it_and_with_more_they_meet)
{
    static const uint32_t temperatures[] = {3, 30, 300};
    double gap = INFINITY;
    struct fixture f;

    if (test_small())
        return;
    init_mixture(&f, MOST);
    for (size_t i = 0; i < f.D; i++) { /* a base far off */
        f.mean[i] = 1;
        f.factor[i * f.D + i] = 4;
    }
    for (size_t i = 0; i < SS_COUNT(temperatures); i++) {
        struct ss_annealing a;
        f.options.sizes.temperatures = temperatures[i];
        ok(run(&f, NULL, &a));
        const double now = a.from_rows.value - a.forward.value;
        if (i < 2)
            ck_assert_msg(a.forward.value < f.log_z && f.log_z < a.from_rows.value, "%u: %.3f < %.3f < %.3f",
                          temperatures[i], a.forward.value, f.log_z, a.from_rows.value);
        ck_assert_msg(fabs(now) < gap / 2, "%u temperatures: %.3f apart, %.3f before", temperatures[i], now,
                      gap);
        gap = fabs(now);
    }
    ck_assert_msg(gap < 0.2, "%.3f apart in the end", gap);
    release(&f);
}
END_TEST

START_TEST(from_the_model_itself_all_weights_are_equal)
{
    struct ss_annealing a;
    struct fixture f;

    init_gaussian(&f, 5);
    memset(f.factor, 0, sizeof(f.factor));
    for (size_t i = 0; i < f.D; i++) {
        f.mean[i] = 1;
        f.factor[i * f.D + i] = i % 2 ? 1 : 0.5;
    }
    ok(run(&f, NULL, &a));
    const struct ss_log_estimate *const ways[] = {&a.forward, &a.backward, &a.from_rows};
    for (size_t i = 0; i < SS_COUNT(ways); i++) {
        ck_assert_double_eq_tol(ways[i]->value, f.log_z, 1e-5);
        ck_assert_double_eq_tol(ways[i]->ess, (double)f.options.sizes.chains, 1e-3);
    }
    ck_assert(a.length < 1e-3);
    release(&f);
}
END_TEST

static void expected(void *context, double seconds)
{
    *(double *)context = seconds;
}

static bool stop_in_the_end(void *context, double fraction)
{
    (void)context;
    return fraction < 0.5;
}

START_TEST(it_tells_its_time_can_be_stopped_and_is_the_same_each_time)
{
    double seconds = -1;
    const struct ss_annealing_watch told = {.expect = expected, .context = &seconds},
                                    stopped = {.progress = stop_in_the_end};
    struct ss_annealing a, b = {.length = -1};
    struct fixture f;

    init_mixture(&f, 2);
    ok(run(&f, &told, &a));
    ck_assert(seconds > 0);
    ok(run(&f, NULL, &b));
    ck_assert(memcmp(&a, &b, sizeof(a)) == 0 && !*a.why);
    f.options.sizes.temperatures = 40;
    b.length = -1;
    ck_assert_int_eq(run(&f, &stopped, &b), SS_ERR_INTERRUPTED);
    ck_assert(b.length < 0);
    release(&f);
}
END_TEST

static char said[256];

static void keep(void *context, enum ss_level level, const char *text)
{
    (void)context;
    (void)level;
    strncpy(said, text, sizeof(said) - 1);
}

static float not_a_number(const struct fixture *f, const char *name, size_t i)
{
    return i == 0 ? NAN : gaussian_value(f, name, i);
}

static float steep(const struct fixture *f, const char *name, size_t i)
{
    return 1e12f * gaussian_value(f, name, i);
}

START_TEST(where_there_is_no_way_it_says_so)
{
    static const struct {
        enum ss_model_kind kind;
        value_fn *value;
        enum ss_status status;
        const char *text;
    } cases[] = {{SS_MODEL_SCORE, gaussian_value, SS_ERR_USAGE, "score net"},
                 {SS_MODEL_GAUSSIAN, not_a_number, SS_OK, "nan"},
                 {SS_MODEL_GAUSSIAN, steep, SS_OK, "no way"}};

    for (size_t i = 0; i < SS_COUNT(cases); i++) {
        struct ss_annealing a;
        struct fixture f;
        if (test_small() && cases[i].value == steep)
            continue; /* its way is long before it ends */
        init(&f, 3);
        make_model(&f, &(struct ss_model_options){.kind = cases[i].kind}, cases[i].value);
        ss_sink_set(keep, NULL);
        ck_assert_int_eq(run(&f, NULL, &a), cases[i].status);
        ss_sink_set(NULL, NULL);
        const char *const told = cases[i].status == SS_OK ? a.why : said;
        ck_assert_msg(strstr(told, cases[i].text) != NULL, "%s", told);
        release(&f);
    }
    struct ss_annealing a;
    struct fixture f;
    init_gaussian(&f, 2);
    f.options.sizes.temperatures = 0;
    ss_sink_set(keep, NULL);
    ck_assert_int_eq(run(&f, NULL, &a), SS_ERR_USAGE);
    f.options.sizes.temperatures = 2;
    f.factor[0] = 0;
    ck_assert_int_eq(run(&f, NULL, &a), SS_ERR_USAGE);
    ss_sink_set(NULL, NULL);
    release(&f);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("annealing");
    TCase *const c = tcase_create("annealing");

    tcase_set_timeout(c, 300);
    tcase_add_unchecked_fixture(c, open_device, close_device);
    tcase_add_test(c, all_ways_find_log_z_of_gaussians_and_mixtures);
    tcase_add_test(c, with_few_temperatures_they_bracket_it_and_with_more_they_meet);
    tcase_add_test(c, from_the_model_itself_all_weights_are_equal);
    tcase_add_test(c, it_tells_its_time_can_be_stopped_and_is_the_same_each_time);
    tcase_add_test(c, where_there_is_no_way_it_says_so);
    suite_add_tcase(s, c);
    return run_device_suite(s);
}
