/* Samplers on models whose law is known: means and covariances of a gaussian and of a mixture of two within
 * their Monte Carlo error; diagnostics on chains whose numbers are known. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "random/random.h"
#include "sampler/diagnostics.h"
#include "sampler/sampler.h"
#include "support/device.h"

enum { MOST_CHAINS = 4000 };

static size_t chains_wanted(void)
{
    return test_small() ? 5 : MOST_CHAINS;
}

static struct ss_device *device;

static void open_device(void)
{
    device = test_device_open();
}

static void close_device(void)
{
    ss_device_free(device);
}

/* E = 1/2 |W (x - mu)|^2 in two dimensions: precision W'W. */
static const float factor[4] = {1.2f, 0.5f, 0.0f, 0.8f}, mean[2] = {1.0f, -0.5f};

struct fixture {
    struct ss_model *model;
    struct ss_buffer *weights;
    float *start;
    struct ss_sampler_result result;
};

static void fixture_init(struct fixture *f, enum ss_model_kind kind)
{
    const struct ss_model_options options = {.kind = kind};

    *f = (struct fixture){0};
    ok(ss_model_create(&options, 2, &f->model));
    const size_t size = ss_graph_flat_size(f->model->graph);
    float *flat = NULL;
    ok(ss_allocate(size, &flat));
    for (size_t k = 0; k < ss_graph_parameters(f->model->graph); k++) {
        const struct ss_parameter *const p = ss_graph_parameter(f->model->graph, k);
        for (size_t i = 0; i < p->count; i++)
            flat[p->offset + i] = strcmp(p->name, "quadratic.mean") == 0            ? mean[i]
                                  : strcmp(p->name, "quadratic.factor.weight") == 0 ? factor[i]
                                  : strcmp(p->name, "layers.0.weight") == 0 ? (i % 3 == 0 ? 3.0f : 0.0f)
                                                                            : 0.0f;
    }
    ok(ss_buffer_create(device, size * sizeof(float), &f->weights));
    ok(ss_span_write(ss_span_of(f->weights), flat, size));
    free(flat);
    ok(ss_allocate(MOST_CHAINS * 2, &f->start));
    for (uint32_t c = 0; c < MOST_CHAINS; c++) {
        const uint32_t counter[4] = {0, c, 0, 0};
        float z[4];
        ss_random_normal(1, SS_PURPOSE_SAMPLER_START, counter, z);
        memcpy(f->start + 2 * c, z, 2 * sizeof(float));
    }
}

static void fixture_release(struct fixture *f)
{
    free(f->start);
    free(f->result.values);
    ss_buffer_free(f->weights);
    ss_model_free(f->model);
}

/* E = 1/2 |x|^2 - log cosh(a'x): normals about a and -a of covariance 1, half the mass each; as a net,
 * log 2 cosh u = softplus(2 u) - softplus(u) + softplus(-u). */
static const float apart[2] = {1.2f, 0.4f};

static void fixture_init_mixture(struct fixture *f)
{
    const struct ss_model_options options = {.kind = SS_MODEL_ENERGY,
                                             .hidden = {3},
                                             .n_hidden = 1,
                                             .activation = SS_ACTIVATION_SOFTPLUS,
                                             .quadratic = SS_QUADRATIC_DIAGONAL};
    static const float slope[3] = {2, 1, -1}, weight[3] = {-1, 1, -1};
    float *flat = NULL;

    fixture_init(f, SS_MODEL_GAUSSIAN);
    ss_buffer_free(f->weights);
    ss_model_free(f->model);
    ok(ss_model_create(&options, 2, &f->model));
    const size_t size = ss_graph_flat_size(f->model->graph);
    ok(ss_allocate(size, &flat));
    for (size_t k = 0; k < ss_graph_parameters(f->model->graph); k++) {
        const struct ss_parameter *const p = ss_graph_parameter(f->model->graph, k);
        for (size_t i = 0; i < p->count; i++)
            flat[p->offset + i] = strcmp(p->name, "layers.0.weight") == 0   ? slope[i / 2] * apart[i % 2]
                                  : strcmp(p->name, "layers.1.weight") == 0 ? weight[i]
                                  : strcmp(p->name, "quadratic.scale") == 0 ? 1.0f
                                                                            : 0.0f;
    }
    ok(ss_buffer_create(device, size * sizeof(float), &f->weights));
    ok(ss_span_write(ss_span_of(f->weights), flat, size));
    free(flat);
}

static enum ss_status run_adapted(struct fixture *f, enum ss_sampler_kind kind, uint32_t steps,
                                  double step_size, double target)
{
    const struct ss_sampler_options options = {.kind = kind,
                                               .chains = chains_wanted(),
                                               .warmup = test_small() ? 2 : 100,
                                               .steps = test_small() ? 4 : steps,
                                               .leapfrog = 7,
                                               .step_size = step_size,
                                               .target = target,
                                               .seed = 3};

    return ss_sampler_run(device, f->model, ss_span_of(f->weights), &options, f->start, NULL, NULL,
                          &f->result);
}

static enum ss_status run(struct fixture *f, enum ss_sampler_kind kind, uint32_t steps, double step_size)
{
    const struct ss_sampler_options options = {.kind = kind,
                                               .chains = chains_wanted(),
                                               .steps = test_small() && steps > 20 ? 20 : steps,
                                               .step_size = step_size,
                                               .seed = 3};

    return ss_sampler_run(device, f->model, ss_span_of(f->weights), &options, f->start, NULL, NULL,
                          &f->result);
}

/* Means and covariances of the samples against the law's; `bias` = relative error of the covariance that the
 * sampler's own step size leaves. 4 standard errors (of a normal law; the mixture's tails are lighter). */
static void compare_with(const struct fixture *f, const double middle[2], const double want[3], double bias)
{
    const double n = (double)f->result.count;
    double m[2] = {0}, c[3] = {0};

    if (test_small())
        return; /* too few chains to tell */
    for (size_t i = 0; i < f->result.count; i++)
        for (int j = 0; j < 2; j++)
            m[j] += (double)f->result.values[2 * i + (size_t)j] / n;
    for (size_t i = 0; i < f->result.count; i++) {
        const double a = (double)f->result.values[2 * i] - m[0],
                     b = (double)f->result.values[2 * i + 1] - m[1];
        c[0] += a * a / n;
        c[1] += a * b / n;
        c[2] += b * b / n;
    }
    for (int j = 0; j < 2; j++)
        ck_assert_msg(fabs(m[j] - middle[j]) < 4 * sqrt(want[2 * j] / n), "mean %d: %.4f", j, m[j]);
    for (int j = 0; j < 3; j++) {
        const double scale = sqrt(j == 1 ? want[0] * want[2] + want[1] * want[1] : 2 * want[j] * want[j]);
        ck_assert_msg(fabs(c[j] - want[j]) < 4 * scale / sqrt(n) + bias * fabs(want[j]),
                      "covariance %d: %.4f, want %.4f", j, c[j], want[j]);
    }
}

static void compare(const struct fixture *f, double bias)
{
    const double p00 = 1.44, p01 = 0.6, p11 = 0.25 + 0.64, det = p00 * p11 - p01 * p01;

    compare_with(f, (double[2]){(double)mean[0], (double)mean[1]},
                 (double[3]){p11 / det, -p01 / det, p00 / det}, bias);
}

static void compare_mixture(const struct fixture *f)
{
    const double a = (double)apart[0], b = (double)apart[1];

    compare_with(f, (double[2]){0, 0}, (double[3]){1 + a * a, a * b, 1 + b * b}, 0);
}

START_TEST(hmc_has_the_law_of_a_gaussian_and_finds_its_step_size)
{
    static const double first[] = {1e-4, 0.3, 1e4};

    for (size_t i = 0; i < SS_COUNT(first); i++) {
        struct fixture f;
        fixture_init(&f, SS_MODEL_GAUSSIAN);
        ok(run_adapted(&f, SS_SAMPLER_HMC, 40, first[i], 0.8));
        if (test_small()) { /* too few chains to tell */
            fixture_release(&f);
            return;
        }
        ck_assert_uint_eq(f.result.count, chains_wanted());
        ck_assert_uint_eq(f.result.runaway + f.result.stuck + f.result.divergent, 0);
        ck_assert_msg(fabs(f.result.acceptance - 0.8) < 0.06, "acceptance %.3f", f.result.acceptance);
        ck_assert_msg(f.result.rhat < 1.05, "R-hat %.3f", f.result.rhat);
        ck_assert_msg(f.result.ess > 5.0 * (double)chains_wanted(), "%.0f states",
                      f.result.ess); /* it goes far in a step */
        compare(&f, 0.0);
        fixture_release(&f);
    }
}
END_TEST

START_TEST(mala_comes_to_the_acceptance_it_is_given)
{
    static const double targets[] = {0.4, 0.9};

    for (size_t i = 0; i < SS_COUNT(targets); i++) {
        struct fixture f;
        fixture_init(&f, SS_MODEL_GAUSSIAN);
        ok(run_adapted(&f, SS_SAMPLER_MALA, 100, 1e-3, targets[i]));
        ck_assert_msg(test_small() || fabs(f.result.acceptance - targets[i]) < 0.06, "acceptance %.3f",
                      f.result.acceptance);
        compare(&f, 0.0);
        fixture_release(&f);
    }
}
END_TEST

START_TEST(mala_and_hmc_have_the_law_of_a_mixture)
{
    static const enum ss_sampler_kind kinds[] = {SS_SAMPLER_MALA, SS_SAMPLER_HMC};

    for (size_t i = 0; i < SS_COUNT(kinds); i++) {
        struct fixture f;
        fixture_init_mixture(&f);
        ok(run_adapted(&f, kinds[i], i ? 60 : 300, 0.1, 0.7));
        ck_assert_uint_eq(f.result.count, chains_wanted());
        compare_mixture(&f);
        fixture_release(&f);
    }
}
END_TEST

START_TEST(mala_is_hmc_of_one_leapfrog_step)
{
    struct ss_sampler_options options = {.kind = SS_SAMPLER_HMC,
                                         .chains = chains_wanted(),
                                         .steps = test_small() ? 4 : 50,
                                         .leapfrog = 1,
                                         .step_size = 0.5,
                                         .seed = 3};
    struct ss_sampler_result hmc = {0};
    struct fixture f;

    fixture_init(&f, SS_MODEL_GAUSSIAN);
    const struct ss_span w = ss_span_of(f.weights);
    ok(ss_sampler_run(device, f.model, w, &options, f.start, NULL, NULL, &hmc));
    options.kind = SS_SAMPLER_MALA;
    options.leapfrog = 9; /* which mala does not look at */
    ok(ss_sampler_run(device, f.model, w, &options, f.start, NULL, NULL, &f.result));
    ck_assert_uint_eq(f.result.count, hmc.count);
    ck_assert_mem_eq(f.result.values, hmc.values, 2 * hmc.count * sizeof(float));
    free(hmc.values);
    fixture_release(&f);
}
END_TEST

START_TEST(chains_that_never_move_are_counted_not_returned)
{
    static const enum ss_sampler_kind kinds[] = {SS_SAMPLER_MALA, SS_SAMPLER_HMC};

    for (size_t i = 0; i < SS_COUNT(kinds) && !test_small(); i++) { /* it takes many steps to tell */
        struct fixture f;
        fixture_init(&f, SS_MODEL_GAUSSIAN);
        f.start[0] = NAN; /* one chain has no energy where it starts */
        ok(run_adapted(&f, kinds[i], 60, 0.3, 0.6));
        ck_assert_uint_eq(f.result.stuck, 1);
        ck_assert_uint_eq(f.result.count, chains_wanted() - 1);
        for (size_t k = 0; k < 2 * f.result.count; k++)
            ck_assert(isfinite(f.result.values[k]));
        ck_assert(f.result.rhat < 1.1);
        free(f.result.values);
        f.result.values = NULL;
        /* far too large a step that is not adapted: nothing is accepted, everything diverges */
        const struct ss_sampler_options wild = {.kind = kinds[i],
                                                .chains = chains_wanted(),
                                                .steps = 60,
                                                .leapfrog = 5,
                                                .step_size = 1e6,
                                                .seed = 3};
        ok(ss_sampler_run(device, f.model, ss_span_of(f.weights), &wild, f.start, NULL, NULL, &f.result));
        ck_assert_uint_eq(f.result.count, 0);
        ck_assert_uint_eq(f.result.stuck, chains_wanted());
        ck_assert_uint_eq(f.result.divergent, 60 * chains_wanted());
        fixture_release(&f);
    }
}
END_TEST

/* ---- diagnostics ---- */

START_TEST(diagnostics_of_known_halves)
{
    /* Two chains of one column, halves of 5 states: means 1, 2 and 3, 4, every sum of squares 8. Within: 2.
     * Between the halves' means: 5/3. R-hat^2 = (2 * 4/5 + 5/3) / 2. Means of chains 1.5 and 3.5: variance 2.
     */
    const float first[] = {1, 3}, second[] = {2, 4}, squares[] = {8, 8};
    const bool sound[] = {true, true}, lonely[] = {true, false};
    const double all = 1.6 + 5.0 / 3;
    struct ss_halves h = {{first, second}, {squares, squares}, sound, 2, 1, 5};
    double ess, rhat;

    ss_diagnostics(&h, &ess, &rhat);
    ck_assert_double_eq_tol(rhat, sqrt(all / 2), 1e-12);
    ck_assert_double_eq_tol(ess, 2 * all / 2, 1e-12);
    h.sound = lonely;
    ss_diagnostics(&h, &ess, &rhat);
    ck_assert(isnan(ess) && isnan(rhat));
    const float nothing[] = {0, 0};
    h = (struct ss_halves){{first, first}, {nothing, nothing}, sound, 2, 1, 5};
    ss_diagnostics(&h, &ess, &rhat); /* nothing moves */
    ck_assert(isnan(ess) && isnan(rhat));
}
END_TEST

START_TEST(slow_chains_have_few_effective_states_and_a_high_rhat)
{
    struct fixture f;

    if (test_small())
        return;
    fixture_init(&f, SS_MODEL_GAUSSIAN);
    ok(run(&f, SS_SAMPLER_MALA, 100, 1e-4));
    ck_assert_msg(f.result.rhat > 1.5, "R-hat %.3f", f.result.rhat);
    ck_assert_msg(f.result.ess < 2.0 * (double)chains_wanted(), "%.0f states", f.result.ess);
    fixture_release(&f);
}
END_TEST

START_TEST(mala_has_the_law_of_a_gaussian)
{
    struct fixture f;

    fixture_init(&f, SS_MODEL_GAUSSIAN);
    ok(run(&f, SS_SAMPLER_MALA, 200, 0.3));
    ck_assert_uint_eq(f.result.count, chains_wanted());
    ck_assert_uint_eq(f.result.runaway, 0);
    ck_assert_msg(test_small() || (f.result.acceptance > 0.7 && f.result.acceptance < 0.999),
                  "acceptance %.3f", f.result.acceptance);
    compare(&f, 0.0);
    fixture_release(&f);
}
END_TEST

START_TEST(langevin_has_the_law_of_a_gaussian_up_to_its_step_size)
{
    struct fixture f;

    fixture_init(&f, SS_MODEL_GAUSSIAN);
    ok(run(&f, SS_SAMPLER_LANGEVIN, 500, 0.02));
    ck_assert(isnan(f.result.acceptance));
    compare(&f, 0.02); /* covariance P^-1 (I - e P / 2)^-1, e |P| / 2 <= 0.02 */
    fixture_release(&f);
}
END_TEST

static char said[256];

static void keep(void *context, enum ss_level level, const char *text)
{
    (void)context;
    (void)level;
    strncpy(said, text, sizeof(said) - 1);
}

START_TEST(chains_of_an_unstable_model_are_counted_not_returned)
{
    struct fixture f;

    fixture_init(&f, SS_MODEL_SCORE); /* a linear score net, s = 3 x: everything runs away */
    ok(run(&f, SS_SAMPLER_LANGEVIN, 400, 0.5));
    ck_assert_uint_eq(f.result.count, 0);
    ck_assert_uint_eq(f.result.runaway, chains_wanted());
    ss_sink_set(keep, NULL);
    ck_assert_int_eq(run(&f, SS_SAMPLER_MALA, 10, 0.1), SS_ERR_USAGE);
    ss_sink_set(NULL, NULL);
    ck_assert_ptr_nonnull(strstr(said, "score net"));
    fixture_release(&f);
}
END_TEST

static bool stop(void *context, double fraction)
{
    (void)fraction;
    return ++*(int *)context < 3;
}

START_TEST(a_caller_can_stop_it_and_the_same_seed_gives_the_same_samples)
{
    const struct ss_sampler_options options = {.kind = SS_SAMPLER_LANGEVIN,
                                               .chains = 10,
                                               .steps = test_small() ? 64 : 1000,
                                               .step_size = 0.01,
                                               .seed = 3};
    struct ss_sampler_result a = {0}, b = {0};
    struct fixture f;
    int calls = 0;

    fixture_init(&f, SS_MODEL_GAUSSIAN);
    const struct ss_span w = ss_span_of(f.weights);
    ck_assert_int_eq(ss_sampler_run(device, f.model, w, &options, f.start, stop, &calls, &a),
                     SS_ERR_INTERRUPTED);
    ck_assert_int_eq(calls, 3);
    ok(ss_sampler_run(device, f.model, w, &options, f.start, NULL, NULL, &a));
    ok(ss_sampler_run(device, f.model, w, &options, f.start, NULL, NULL, &b));
    ck_assert_int_eq(memcmp(a.values, b.values, 20 * sizeof(float)), 0);
    free(a.values);
    free(b.values);
    fixture_release(&f);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("sampler");
    TCase *const c = tcase_create("sampler");

    tcase_set_timeout(c, 300);
    tcase_add_unchecked_fixture(c, open_device, close_device);
    tcase_add_test(c, mala_has_the_law_of_a_gaussian);
    tcase_add_test(c, hmc_has_the_law_of_a_gaussian_and_finds_its_step_size);
    tcase_add_test(c, mala_comes_to_the_acceptance_it_is_given);
    tcase_add_test(c, mala_and_hmc_have_the_law_of_a_mixture);
    tcase_add_test(c, mala_is_hmc_of_one_leapfrog_step);
    tcase_add_test(c, chains_that_never_move_are_counted_not_returned);
    tcase_add_test(c, diagnostics_of_known_halves);
    tcase_add_test(c, slow_chains_have_few_effective_states_and_a_high_rhat);
    tcase_add_test(c, langevin_has_the_law_of_a_gaussian_up_to_its_step_size);
    tcase_add_test(c, chains_of_an_unstable_model_are_counted_not_returned);
    tcase_add_test(c, a_caller_can_stop_it_and_the_same_seed_gives_the_same_samples);
    suite_add_tcase(s, c);
    return run_device_suite(s);
}
