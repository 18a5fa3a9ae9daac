/* Optimizers on the device against their published rules in double, and what a step that is not finite may
 * do: nothing. Schedules too. */
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "device/device.h"
#include "random/random.h"
#include "support/device.h"
#include "support/scratch.h"
#include "train/optimizer.h"

static struct ss_device *device;

static void open_device(void)
{
    device = test_device_open();
}

static void close_device(void)
{
    ss_device_free(device);
}

/* ---- the device ---- */

struct rig {
    struct ss_train_options options;
    size_t n;
    struct ss_buffer *weights, *gradient, *loss;
    struct ss_optimizer *o;
    float *w; /* as uploaded at first, then scratch */
    float *g;
};

static const struct ss_train_options plain = {.optimizer = SS_OPTIMIZER_ADAM,
                                              .beta1 = 0.9,
                                              .beta2 = 0.999,
                                              .decay = 0.99,
                                              .epsilon = 1e-8,
                                              .learning_rate = 1e-2};

static struct ss_span average_of(const struct rig *r)
{
    struct ss_span average;

    ok(ss_optimizer_average(r->o, &average));
    return average;
}

static void rig_init(struct rig *r, const struct ss_train_options *options, size_t n)
{
    *r = (struct rig){.options = *options, .n = n};
    ok(ss_allocate(n, &r->w));
    ok(ss_allocate(n, &r->g));
    normals(r->w, n, 0);
    ok(ss_buffer_create(device, n * 4, &r->weights));
    ok(ss_buffer_create(device, n * 4, &r->gradient));
    ok(ss_buffer_create(device, 4, &r->loss));
    ok(ss_optimizer_create(device, options, n, &r->o));
    ok(ss_span_write(ss_span_of(r->weights), r->w, n));
    if (options->average > 0)
        ok(ss_span_write(average_of(r), r->w, n));
}

static void rig_release(struct rig *r)
{
    ss_optimizer_free(r->o);
    ss_buffer_free(r->weights);
    ss_buffer_free(r->gradient);
    ss_buffer_free(r->loss);
    free(r->w);
    free(r->g);
}

static void step(struct rig *r, uint64_t number, const float *gradient, float loss, double rate)
{
    ok(ss_span_write(ss_span_of(r->gradient), gradient, r->n));
    ok(ss_span_write(ss_span_of(r->loss), &loss, 1));
    ok(ss_optimizer_enqueue(r->o, &(struct ss_optimizer_step){.step = number,
                                                              .learning_rate = rate,
                                                              .weights = ss_span_of(r->weights),
                                                              .gradient = ss_span_of(r->gradient),
                                                              .loss = ss_span_of(r->loss)}));
}

static struct ss_optimizer_state state_of(const struct rig *r)
{
    struct ss_optimizer_state s;

    ok(ss_optimizer_read(r->o, &s));
    return s;
}

/* ---- the same in double, element by element, as PyTorch documents torch.optim and clip_grad_norm_ ---- */

struct plain_state {
    double *w, *m, *v, *a;
    unsigned applied;
};

static void plain_init(struct plain_state *p, const float *w, size_t n)
{
    *p = (struct plain_state){0};
    ok(ss_allocate(n, &p->w));
    ok(ss_allocate(n, &p->m));
    ok(ss_allocate(n, &p->v));
    ok(ss_allocate(n, &p->a));
    for (size_t i = 0; i < n; i++)
        p->w[i] = p->a[i] = w[i];
}

static void plain_release(struct plain_state *p)
{
    free(p->w);
    free(p->m);
    free(p->v);
    free(p->a);
}

static double plain_element(const struct ss_train_options *t, struct plain_state *p, size_t i, double g,
                            double rate)
{
    double w = p->w[i];

    if (t->optimizer == SS_OPTIMIZER_ADAMW)
        w *= 1 - rate * t->weight_decay;
    else
        g += t->weight_decay * w;
    switch (t->optimizer) {
    case SS_OPTIMIZER_ADAM:
    case SS_OPTIMIZER_ADAMW: {
        p->m[i] = t->beta1 * p->m[i] + (1 - t->beta1) * g;
        p->v[i] = t->beta2 * p->v[i] + (1 - t->beta2) * g * g;
        const double m = p->m[i] / (1 - pow(t->beta1, p->applied)),
                     v = p->v[i] / (1 - pow(t->beta2, p->applied));
        return p->m[i] == 0 ? w : w - rate * m / (sqrt(v) + t->epsilon);
    }
    case SS_OPTIMIZER_RMSPROP:
        p->v[i] = t->decay * p->v[i] + (1 - t->decay) * g * g;
        g = g == 0 ? 0 : g / (sqrt(p->v[i]) + t->epsilon);
        p->m[i] = t->momentum * p->m[i] + g;
        return w - rate * p->m[i];
    case SS_OPTIMIZER_SGD:
        p->m[i] = t->momentum * p->m[i] + g;
        return w - rate * p->m[i];
    }
    return w;
}

static void plain_step(const struct ss_train_options *t, struct plain_state *p, size_t n, uint64_t number,
                       const float *gradient, double rate)
{
    const double decay = fmin(t->average, (1.0 + (double)number) / (10.0 + (double)number));
    double squares = 0;

    for (size_t i = 0; i < n; i++)
        squares += (double)gradient[i] * gradient[i];
    const double clip = t->clip > 0 ? fmin(1, t->clip / (sqrt(squares) + 1e-6)) : 1;
    p->applied++;
    for (size_t i = 0; i < n; i++) {
        p->w[i] = plain_element(t, p, i, clip * gradient[i], rate);
        p->a[i] = decay * p->a[i] + (1 - decay) * p->w[i];
    }
}

/* Each step rounds a weight of size 1 to 6e-8 and its update, itself at most 0.1 here, to about 1e-6 of it.
 */
static void check_close(struct ss_span have, const double *want, size_t n, const char *what)
{
    float *f = NULL;

    ok(ss_allocate(n, &f));
    ok(ss_span_read(have, f, n));
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(fabs(f[i] - want[i]) <= 3e-6 * (1 + fabs(want[i])), "%s %zu of %zu: %.9g, %.9g wanted",
                      what, i, n, f[i], want[i]);
    free(f);
}

static const struct {
    enum ss_optimizer_kind kind;
    double momentum, weight_decay, clip, average, epsilon;
} settings[] = {
    {SS_OPTIMIZER_ADAM, 0, 0, 0, 0, 1e-8},          {SS_OPTIMIZER_ADAM, 0, 0.1, 0.5, 0.9, 1e-3},
    {SS_OPTIMIZER_ADAM, 0, 0, 1e9, 0.3, 1e-8},      {SS_OPTIMIZER_ADAMW, 0, 0.3, 0, 0, 1e-8},
    {SS_OPTIMIZER_ADAMW, 0, 0.01, 2, 0.999, 1e-8},  {SS_OPTIMIZER_RMSPROP, 0, 0, 0, 0, 1e-8},
    {SS_OPTIMIZER_RMSPROP, 0.9, 0.1, 1, 0.5, 1e-2}, {SS_OPTIMIZER_SGD, 0, 0, 0, 0, 1e-8},
    {SS_OPTIMIZER_SGD, 0.9, 0.2, 0.7, 0.99, 1e-8},
};

static struct ss_train_options options_of(int i)
{
    struct ss_train_options o = plain;

    o.optimizer = settings[i].kind;
    o.momentum = settings[i].momentum;
    o.weight_decay = settings[i].weight_decay;
    o.clip = settings[i].clip;
    o.average = settings[i].average;
    o.epsilon = settings[i].epsilon;
    return o;
}

/* Gradients of very different sizes, some exactly zero. */
static void make_gradient(float *g, size_t n, uint32_t number)
{
    normals(g, n, 1 + number);
    for (size_t i = 0; i < n; i++)
        g[i] *= i % 5 == 4 ? 0.0f : powf(10.0f, (float)(i % 7) - 4.0f);
}

START_TEST(every_optimizer_follows_its_published_rule)
{
    static const size_t sizes[] = {1, 15, 16, 257, 70001};
    const struct ss_train_options options = options_of(_i);

    for (size_t s = 0; s < SS_COUNT(sizes); s++) {
        const size_t n = sizes[s];
        if (test_small() && n > 300)
            continue;
        struct rig r;
        struct plain_state p;
        rig_init(&r, &options, n);
        plain_init(&p, r.w, n);
        for (uint32_t t = 0; t < (test_small() ? 4u : 15u); t++) {
            const double rate = 1e-2 / (1 + t);
            make_gradient(r.g, n, t);
            step(&r, t, r.g, 1.0f, rate);
            plain_step(&options, &p, n, t, r.g, rate);
        }
        check_close(ss_span_of(r.weights), p.w, n, "weight");
        if (options.average > 0)
            check_close(average_of(&r), p.a, n, "average");
        rig_release(&r);
        plain_release(&p);
    }
}
END_TEST

START_TEST(the_norm_is_right_and_the_same_each_time_at_any_size)
{
    static const size_t sizes[] = {1, 63, 64, 65, 1023, 12289, 12323, 262144, 300007};

    for (size_t s = 0; s < SS_COUNT(sizes); s++) {
        const size_t n = sizes[s];
        if (test_small() && n > 2000)
            continue;
        struct rig r;
        double squares = 0;
        float first = 0;
        rig_init(&r, &plain, n);
        normals(r.g, n, 5);
        for (size_t i = 0; i < n; i++)
            squares += (double)r.g[i] * r.g[i];
        for (uint32_t t = 0; t < 3; t++) {
            step(&r, t, r.g, 0.0f, 1e-3);
            const float norm = state_of(&r).gradient_norm;
            /* Every chain of additions is at most 300 long, and errors of random sign. */
            ck_assert_double_eq_tol(norm, sqrt(squares), 2e-6 * sqrt(squares));
            ck_assert(t == 0 || norm == first);
            first = norm;
        }
        rig_release(&r);
    }
}
END_TEST

struct snapshot {
    float *data[4];
    size_t n;
};

static struct snapshot take(const struct rig *r)
{
    const struct ss_span spans[] = {ss_span_of(r->weights), ss_optimizer_first(r->o),
                                    ss_optimizer_second(r->o), average_of(r)};
    struct snapshot s = {.n = r->n};

    for (size_t i = 0; i < 4; i++) {
        if (!spans[i].buffer)
            continue;
        ok(ss_allocate(r->n, &s.data[i]));
        ok(ss_span_read(spans[i], s.data[i], r->n));
    }
    return s;
}

static bool same(const struct snapshot *a, const struct snapshot *b)
{
    for (size_t i = 0; i < 4; i++)
        if (a->data[i] && memcmp(a->data[i], b->data[i], a->n * 4) != 0)
            return false;
    return true;
}

static void drop(struct snapshot *s)
{
    for (size_t i = 0; i < 4; i++)
        free(s->data[i]);
}

/* What can go wrong in a step: loss, one element of the gradient, what the report must say. */
static const struct {
    float loss, element;
    enum ss_bad bad;
} accidents[] = {
    {NAN, 1, SS_BAD_LOSS},           {INFINITY, 1, SS_BAD_LOSS},  {1, NAN, SS_BAD_GRADIENT},
    {1, -INFINITY, SS_BAD_GRADIENT}, {1, 1e30f, SS_BAD_GRADIENT}, {NAN, NAN, SS_BAD_BOTH},
};

/* On CPU devices few weights are updated in one launch, more in three: settings take turns. In a simulator
 * one setting has many. */
static size_t weights_of(int setting)
{
    const size_t many = 8203;

    if (test_small())
        return setting == 1 ? many : 100;
    return setting % 2 ? many : 1000;
}

START_TEST(a_step_that_is_not_finite_changes_nothing_and_none_after_it_under_stop)
{
    for (int o = 0; o < (int)SS_COUNT(settings); o++) {
        const size_t n = weights_of(o);
        const struct ss_train_options options = options_of(o);
        struct rig r;
        rig_init(&r, &options, n);
        for (uint32_t t = 0; t < 3; t++) {
            make_gradient(r.g, n, t);
            step(&r, t, r.g, 2.0f, 1e-2);
        }
        struct snapshot before = take(&r);
        const struct ss_optimizer_state good = state_of(&r);
        ck_assert(!good.stopped && good.bad == SS_BAD_NONE && good.skipped == 0);
        r.g[n / 2] = accidents[_i].element;
        step(&r, ((uint64_t)1 << 33) + 3, r.g, accidents[_i].loss, 1e-2);
        make_gradient(r.g, n, 9);
        for (uint32_t t = 4; t < 7; t++)
            step(&r, t, r.g, 2.0f, 1e-2);
        struct snapshot after = take(&r);
        const struct ss_optimizer_state bad = state_of(&r);
        ck_assert(same(&before, &after));
        ck_assert(bad.stopped);
        ck_assert_int_eq(bad.bad, accidents[_i].bad);
        ck_assert_uint_eq(bad.bad_step, ((uint64_t)1 << 33) + 3);
        ck_assert(bad.correction[0] == good.correction[0] && bad.correction[1] == good.correction[1]);
        ck_assert_uint_eq(bad.loss_count, 3);
        ck_assert(bad.gradient_norm == good.gradient_norm);
        drop(&before);
        drop(&after);
        rig_release(&r);
    }
}
END_TEST

START_TEST(under_skip_the_steps_around_are_those_of_a_run_without_the_bad_one)
{
    for (int o = 0; o < (int)SS_COUNT(settings); o++) {
        const size_t n = weights_of(o);
        struct ss_train_options options = options_of(o);
        struct rig skipping, clean;
        options.nonfinite = SS_NONFINITE_SKIP;
        rig_init(&skipping, &options, n);
        rig_init(&clean, &options, n);
        for (uint32_t t = 0; t < 8; t++) {
            make_gradient(clean.g, n, t);
            memcpy(skipping.g, clean.g, n * 4);
            const bool is_bad = t == 0 || t == 4 || t == 5;
            if (is_bad)
                skipping.g[n - 1] = accidents[_i].element;
            step(&skipping, t, skipping.g, is_bad ? accidents[_i].loss : 3.0f, 1e-2);
            if (!is_bad)
                step(&clean, t, clean.g, 3.0f, 1e-2);
        }
        struct snapshot a = take(&skipping), b = take(&clean);
        const struct ss_optimizer_state s = state_of(&skipping), c = state_of(&clean);
        ck_assert(same(&a, &b));
        ck_assert(!s.stopped);
        ck_assert_uint_eq(s.skipped, 3);
        ck_assert_int_eq(s.bad, accidents[_i].bad);
        ck_assert_uint_eq(s.bad_step, 0);
        ck_assert_uint_eq(s.loss_count, 5);
        ck_assert(s.loss_sum == 15.0f && s.correction[0] == c.correction[0]);
        drop(&a);
        drop(&b);
        rig_release(&skipping);
        rig_release(&clean);
    }
}
END_TEST

/* In a lone vector, of 16, in vectors that are updated together, first, in the middle and last, and behind
 * them. */
enum { PLACES = 200 };
static const struct {
    size_t n, at;
} places[] = {{40, 7}, {PLACES, 0}, {PLACES, 93}, {PLACES, 127}, {PLACES, PLACES - 1}};

START_TEST(an_update_that_overflows_leaves_the_weight_and_stops)
{
    const size_t n = places[_i].n, at = places[_i].at;
    struct ss_train_options options = plain;
    struct rig r;

    options.optimizer = SS_OPTIMIZER_SGD;
    for (int with_later_step = 0; with_later_step < 2; with_later_step++) {
        rig_init(&r, &options, n);
        memset(r.g, 0, n * sizeof(*r.g));
        r.g[at] = 1e10f;
        step(&r, 0, r.g, 1.0f, 1e-12);
        step(&r, 1, r.g, 1.0f, 1e35);
        if (with_later_step) /* the guard of the next step finds it, else the host does */
            step(&r, 2, r.g, 1.0f, 1e-12);
        const struct ss_optimizer_state s = state_of(&r);
        ck_assert(s.stopped);
        ck_assert_int_eq(s.bad, SS_BAD_UPDATE);
        ck_assert_uint_eq(s.bad_step, 1);
        const float before = r.w[at];
        ok(ss_span_read(ss_span_of(r.weights), r.w, n));
        for (size_t i = 0; i < n; i++)
            ck_assert(isfinite(r.w[i]));
        ck_assert_float_eq_tol(r.w[at], before - 0.01f, 1e-6f);
        rig_release(&r);
    }
}
END_TEST

START_TEST(a_weight_without_gradient_stays_whatever_epsilon)
{
    const size_t n = places[_i].n, at = places[_i].at;

    for (int kind = SS_OPTIMIZER_ADAM; kind <= SS_OPTIMIZER_RMSPROP; kind++) {
        struct ss_train_options options = plain;
        struct rig r;
        float w[PLACES];
        options.optimizer = (enum ss_optimizer_kind)kind;
        options.epsilon = 1e-60; /* zero as a float */
        rig_init(&r, &options, n);
        r.g[at] = 1.0f;
        step(&r, 0, r.g, 1.0f, 1e-2);
        ok(ss_span_read(ss_span_of(r.weights), w, n));
        for (size_t i = 0; i < n; i++)
            ck_assert(i == at ? w[i] < r.w[i] : w[i] == r.w[i]);
        ck_assert(!state_of(&r).stopped);
        rig_release(&r);
    }
}
END_TEST

/* It follows two steps at a time, unless it is asked for between them. */
START_TEST(the_average_is_the_same_whenever_it_was_asked_for)
{
    struct ss_train_options options = options_of(4);
    const size_t n = test_small() ? 100 + 8103 * (size_t)_i : _i ? 70001 : 1000;

    options.nonfinite = SS_NONFINITE_SKIP;
    for (uint32_t steps = 1; steps < 9; steps++) {
        struct rig often, once;
        rig_init(&often, &options, n);
        rig_init(&once, &options, n);
        for (uint32_t t = 0; t < steps; t++) {
            const bool is_bad = t == 1 || t == 4 || t == 5;
            make_gradient(often.g, n, t);
            step(&often, t, often.g, is_bad ? NAN : 1.0f, 1e-2);
            step(&once, t, often.g, is_bad ? NAN : 1.0f, 1e-2);
            for (int times = 0; times < (t < 3 ? 1 : t == 6 ? 2 : 0); times++)
                (void)average_of(&often);
        }
        struct snapshot a = take(&often), b = take(&once);
        ck_assert(same(&a, &b));
        drop(&a);
        drop(&b);
        rig_release(&often);
        rig_release(&once);
    }
}
END_TEST

START_TEST(the_mean_loss_survives_sums_that_a_float_would_round_away)
{
    const uint32_t n = test_small() ? 300 : 2000;
    struct rig r;
    double want = 0;

    rig_init(&r, &plain, 16);
    for (uint32_t t = 0; t < n; t++) {
        const float loss = t % 100 == 0 ? 1e8f : 0.1f * (float)(t % 7);
        want += loss;
        step(&r, t, r.g, loss, 1e-3);
    }
    struct ss_optimizer_state s = state_of(&r);
    ck_assert_uint_eq(s.loss_count, n);
    /* The plain sum of floats loses all but the hundreds. */
    ck_assert_double_eq_tol((double)s.loss_sum + (double)s.loss_rest, want, 1e-3);
    ss_optimizer_reset_loss(r.o);
    s = state_of(&r);
    ck_assert(s.loss_count == 0 && s.loss_sum == 0);
    step(&r, n, r.g, 5.0f, 1e-3);
    s = state_of(&r);
    ck_assert(s.loss_count == 1 && s.loss_sum == 5.0f && s.loss_rest == 0);
    rig_release(&r);
}
END_TEST

START_TEST(a_restored_optimizer_goes_on_to_the_bit)
{
    for (int o = 0; o < (int)SS_COUNT(settings); o++) {
        const size_t n = weights_of(o) - 3;
        const struct ss_train_options options = options_of(o);
        struct rig whole, second;
        rig_init(&whole, &options, n);
        rig_init(&second, &options, n);
        for (uint32_t t = 0; t < 20; t++) {
            if (t == 8) {
                const struct ss_optimizer_state s = state_of(&whole);
                struct snapshot mid = take(&whole);
                const struct ss_span to[] = {ss_span_of(second.weights), ss_optimizer_first(second.o),
                                             ss_optimizer_second(second.o), average_of(&second)};
                for (size_t i = 0; i < 4; i++)
                    if (mid.data[i])
                        ok(ss_span_write(to[i], mid.data[i], n));
                ok(ss_optimizer_restore(second.o, &s));
                drop(&mid);
            }
            make_gradient(whole.g, n, t);
            step(&whole, t, whole.g, 0.1f * (float)t, 1e-2);
            if (t >= 8)
                step(&second, t, whole.g, 0.1f * (float)t, 1e-2);
        }
        struct snapshot a = take(&whole), b = take(&second);
        const struct ss_optimizer_state x = state_of(&whole), y = state_of(&second);
        ck_assert(same(&a, &b));
        ck_assert(x.loss_sum == y.loss_sum && x.loss_rest == y.loss_rest && x.loss_count == y.loss_count);
        ck_assert(x.correction[1] == y.correction[1]);
        drop(&a);
        drop(&b);
        rig_release(&whole);
        rig_release(&second);
    }
}
END_TEST

START_TEST(nothing_is_built_or_allocated_after_create_and_bytes_are_as_promised)
{
    for (int o = 0; o < (int)SS_COUNT(settings); o++) {
        const struct ss_train_options options = options_of(o);
        const size_t base = ss_device_allocated(device);
        struct rig r;
        rig_init(&r, &options, 1234);
        const size_t before = ss_device_allocated(device), builds = ss_device_builds(device, NULL);
        const size_t promised = ss_optimizer_bytes(device, &options, 1234),
                     have = before - base - 2 * 1234 * 4 - 4;
        ck_assert_uint_ge(have, promised);
        ck_assert_uint_le(have, promised + 8 * 512); /* each buffer ends in some slack */
        for (uint32_t t = 0; t < 5; t++)
            step(&r, t, r.g, 1.0f, 1e-3);
        ck_assert_uint_eq(ss_device_allocated(device), before);
        ck_assert_uint_eq(ss_device_builds(device, NULL), builds);
        rig_release(&r);
        ck_assert_uint_eq(ss_device_allocated(device), base);
    }
}
END_TEST

START_TEST(runs_that_differ_in_numbers_share_one_build)
{
    struct ss_train_options options = options_of(1);
    struct rig r;

    rig_init(&r, &options, 99);
    rig_release(&r);
    const size_t builds = ss_device_builds(device, NULL);
    options.learning_rate = 0.5;
    options.beta1 = 0.5;
    options.clip = 7;
    options.weight_decay = 0;
    options.average = 0.1;
    rig_init(&r, &options, 12345);
    ck_assert_uint_eq(ss_device_builds(device, NULL), builds);
    rig_release(&r);
}
END_TEST

START_TEST(more_weights_than_an_index_holds_are_refused)
{
    struct ss_optimizer *o = NULL;

    ck_assert_int_eq(ss_optimizer_create(device, &plain, (size_t)1 << 31, &o), SS_ERR_MEMORY);
    ck_assert_ptr_null(o);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("optimizer");
    TCase *const c = tcase_create("optimizer");

    tcase_set_timeout(c, 120);
    tcase_add_unchecked_fixture(c, open_device, close_device);
    tcase_add_checked_fixture(c, scratch_set_up, scratch_tear_down);
    tcase_add_loop_test(c, every_optimizer_follows_its_published_rule, 0, (int)SS_COUNT(settings));
    tcase_add_test(c, the_norm_is_right_and_the_same_each_time_at_any_size);
    tcase_add_loop_test(c, a_step_that_is_not_finite_changes_nothing_and_none_after_it_under_stop, 0,
                        (int)SS_COUNT(accidents));
    tcase_add_loop_test(c, under_skip_the_steps_around_are_those_of_a_run_without_the_bad_one, 0,
                        (int)SS_COUNT(accidents));
    tcase_add_loop_test(c, an_update_that_overflows_leaves_the_weight_and_stops, 0, SS_COUNT(places));
    tcase_add_loop_test(c, a_weight_without_gradient_stays_whatever_epsilon, 0, SS_COUNT(places));
    tcase_add_loop_test(c, the_average_is_the_same_whenever_it_was_asked_for, 0, 2);
    tcase_add_test(c, the_mean_loss_survives_sums_that_a_float_would_round_away);
    tcase_add_test(c, a_restored_optimizer_goes_on_to_the_bit);
    tcase_add_test(c, nothing_is_built_or_allocated_after_create_and_bytes_are_as_promised);
    tcase_add_test(c, runs_that_differ_in_numbers_share_one_build);
    tcase_add_test(c, more_weights_than_an_index_holds_are_refused);
    suite_add_tcase(s, c);
    return run_device_suite(s);
}
