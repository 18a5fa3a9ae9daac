#include "train/optimizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* Words of the state on the device; the same numbers as in cl/train/optimizer.cl. */
enum {
    HOLD,
    STOPPED,
    BAD_KIND,
    BAD_STEP_LOW,
    BAD_STEP_HIGH,
    SKIPPED,
    OVERFLOWED,
    CLIP,
    NORM,
    CORRECTION_1,
    CORRECTION_2,
    LOSS_SUM,
    LOSS_REST,
    LOSS_COUNT,
    LAST_LOSS,
    ENDED,
    OWED,
    OWED_DECAY,
    TWICE,
    WORDS
};

/* GUARD is the group of step_guard. The number of partial sums follows from n and the form of the kernels, so
 * that the bits do. Up to FEW weights one item does it all: with 4417 of them a step took 40 to 44 us more
 * than its gradient instead of 54 to 89 (PoCL); 16641 were slower so on Intel's runtime. */
enum { GUARD = 64, MOST_PARTIALS = 16384, PER_PARTIAL = 64, SHORT = 4, FEW = 8192 };

/* On CPU devices an item goes through neighbouring elements, of 4 to 32 pages, so that RUNS items have work.
 * Sums of squares of vectors far apart, as they suit GPUs, took 2.1 to 2.5 times as long on Zen 3 (three
 * million weights), and their sum 20 to 40 us; runs of four pages for a million weights 1.2 to 1.4 times as
 * long as of 32 on Zen 5, the update 1.05 to 1.3 times. */
enum { RUNS = 32, LEAST_RUN = 4096, MOST_RUN = 32768 };

struct ss_optimizer {
    struct ss_train_options options;
    size_t n, n_partials, width, run; /* run: elements of an item */
    struct ss_buffer *first, *second, *average, *partials, *state;
    struct ss_kernel *k_partials, *k_guard;
    struct ss_kernel *k_norm; /* in the place of those two, or NULL */
    struct ss_kernel *k_update;
    struct ss_kernel *k_whole;     /* in the place of them all, or NULL */
    struct ss_kernel *k_average;   /* or NULL: the average lacks nothing at any time */
    struct ss_optimizer_step last; /* enqueued */
    bool settled;                  /* the average lacks nothing */
    bool fresh;                    /* the next step starts the sums of the loss */
};

static bool is_adam(const struct ss_train_options *t)
{
    return t->optimizer == SS_OPTIMIZER_ADAM || t->optimizer == SS_OPTIMIZER_ADAMW;
}

static bool has_first(const struct ss_train_options *t)
{
    return is_adam(t) || t->momentum > 0;
}

static bool has_second(const struct ss_train_options *t)
{
    return t->optimizer != SS_OPTIMIZER_SGD;
}

static size_t run_of(size_t n)
{
    return ss_smaller(ss_round_up(ss_parts_of(n, RUNS), LEAST_RUN), MOST_RUN);
}

static size_t count_partials(const struct ss_device *d, size_t n)
{
    if (ss_device_is_cpu(d))
        return ss_parts_of(n, run_of(n));
    const size_t want = ss_round_up((n + PER_PARTIAL - 1) / PER_PARTIAL, GUARD);
    return want < GUARD ? GUARD : want > MOST_PARTIALS ? MOST_PARTIALS : want;
}

size_t ss_optimizer_bytes(const struct ss_device *device, const struct ss_train_options *options, size_t n)
{
    const size_t flats = (size_t)has_first(options) + has_second(options) + (options->average > 0);
    return (flats * n + count_partials(device, n) + WORDS) * 4;
}

static enum ss_status make_buffers(struct ss_device *device, struct ss_optimizer *o)
{
    enum ss_status st = SS_OK;

    if (has_first(&o->options))
        TRY(ss_buffer_create(device, o->n * 4, &o->first));
    if (has_second(&o->options))
        TRY(ss_buffer_create(device, o->n * 4, &o->second));
    if (o->options.average > 0)
        TRY(ss_buffer_create(device, o->n * 4, &o->average));
    TRY(ss_buffer_create(device, o->n_partials * 4, &o->partials));
    st = ss_buffer_create(device, WORDS * 4, &o->state);
out:
    return st;
}

static enum ss_status make_kernels(struct ss_device *device, struct ss_optimizer *o)
{
    static const char file[] = "train/optimizer.cl";
    const struct ss_define defines[] = {{"WIDTH", (long)o->width},
                                        {"RUNS", ss_device_is_cpu(device)},
                                        {"OPTIMIZER", (long)o->options.optimizer},
                                        {"MOMENTUM", !is_adam(&o->options) && o->options.momentum > 0},
                                        {"AVERAGE", o->options.average > 0}};
    enum ss_status st = SS_OK;

    if (ss_device_is_cpu(device) && o->n <= FEW)
        return ss_device_kernel(device, file, "step_whole", defines, SS_COUNT(defines), &o->k_whole);
    if (ss_device_vector_width(device) > 1) { /* not in a simulator, which takes the last item for a race */
        TRY(ss_device_kernel(device, file, "step_norm", defines, SS_COUNT(defines), &o->k_norm));
    } else {
        TRY(ss_device_kernel(device, file, "gradient_partials", defines, SS_COUNT(defines), &o->k_partials));
        TRY(ss_device_kernel(device, file, "step_guard", defines, SS_COUNT(defines), &o->k_guard));
    }
    TRY(ss_device_kernel(device, file, "step_update", defines, SS_COUNT(defines), &o->k_update));
    if (o->average)
        TRY(ss_device_kernel(device, file, "step_average", defines, SS_COUNT(defines), &o->k_average));
out:
    return st;
}

enum ss_status ss_optimizer_create(struct ss_device *device, const struct ss_train_options *options, size_t n,
                                   struct ss_optimizer **out)
{
    const size_t width = ss_device_vector_width(device);
    struct ss_optimizer *o = NULL;
    enum ss_status st = SS_OK;

    if (n >= (size_t)1 << 31)
        return SS_FAIL(SS_ERR_MEMORY, "a model of %zu weights, at most 2^31 can be trained", n);
    TRY(ss_allocate(1, &o));
    o->options = *options;
    o->options.start = NULL; /* borrowed: not kept */
    o->n = n;
    o->width = width > 1 ? width : SHORT;
    o->run = ss_device_is_cpu(device) ? run_of(n) : o->width;
    o->n_partials = count_partials(device, n);
    o->fresh = o->settled = true;
    TRY(make_buffers(device, o));
    TRY(make_kernels(device, o));
    *out = o;
    o = NULL;
out:
    ss_optimizer_free(o);
    return st;
}

void ss_optimizer_free(struct ss_optimizer *o)
{
    if (!o)
        return;
    ss_buffer_free(o->first);
    ss_buffer_free(o->second);
    ss_buffer_free(o->average);
    ss_buffer_free(o->partials);
    ss_buffer_free(o->state);
    free(o);
}

static double average_decay(double decay, uint64_t step)
{
    const double early = (1.0 + (double)step) / (10.0 + (double)step);
    return early < decay ? early : decay;
}

/* The same members as `struct numbers` of cl/train/optimizer.cl. */
struct numbers {
    uint32_t n, run, n_partials;
    uint32_t weights_at, gradient_at, first_at, second_at, average_at, loss_at;
    uint32_t step_low, step_high;
    uint32_t stop, fresh, settled;
    float clip, rate, epsilon, weight_decay, average_decay;
    float beta1, one_less_beta1, beta2, one_less_beta2;
};

static struct numbers numbers_of(const struct ss_optimizer *o, const struct ss_optimizer_step *s)
{
    const struct ss_train_options *const t = &o->options;
    const double beta1 = is_adam(t) ? t->beta1 : t->momentum, beta2 = is_adam(t) ? t->beta2 : t->decay;

    /* A complement is rounded from double: 1 - 0.999f is off by 1e-5. */
    return (struct numbers){.n = (uint32_t)o->n,
                            .run = (uint32_t)o->run,
                            .n_partials = (uint32_t)o->n_partials,
                            .weights_at = (uint32_t)s->weights.offset,
                            .gradient_at = (uint32_t)s->gradient.offset,
                            .loss_at = (uint32_t)s->loss.offset,
                            .step_low = (uint32_t)s->step,
                            .step_high = (uint32_t)(s->step >> 32),
                            .stop = o->options.nonfinite == SS_NONFINITE_STOP,
                            .fresh = o->fresh,
                            .settled = o->settled,
                            .clip = (float)t->clip,
                            .rate = (float)s->learning_rate,
                            .epsilon = (float)t->epsilon,
                            .weight_decay = (float)t->weight_decay,
                            .average_decay = (float)average_decay(t->average, s->step),
                            .beta1 = (float)beta1,
                            .one_less_beta1 = (float)(1 - beta1),
                            .beta2 = (float)beta2,
                            .one_less_beta2 = (float)(1 - beta2)};
}

static struct ss_range over(const struct ss_optimizer *o, size_t items)
{
    return (struct ss_range){{items}, {o->run > o->width ? 1 : GUARD}};
}

static enum ss_status enqueue_guard(struct ss_optimizer *o, const struct ss_optimizer_step *s,
                                    struct ss_arg numbers)
{
    const struct ss_arg gradient = ss_arg_buffer(s->gradient.buffer), partials = ss_arg_buffer(o->partials),
                        loss = ss_arg_buffer(s->loss.buffer), state = ss_arg_buffer(o->state);
    const struct ss_arg of_norm[] = {gradient, partials, loss, state, numbers};
    const struct ss_arg of_partials[] = {gradient, partials, numbers};
    const struct ss_arg of_guard[] = {partials, loss, state, numbers};
    enum ss_status st = SS_OK;

    if (o->k_norm)
        return ss_launch(o->k_norm, over(o, o->n_partials), of_norm, SS_COUNT(of_norm));
    TRY(ss_launch(o->k_partials, over(o, o->n_partials), of_partials, SS_COUNT(of_partials)));
    st = ss_launch(o->k_guard, (struct ss_range){{GUARD}, {GUARD}}, of_guard, SS_COUNT(of_guard));
out:
    return st;
}

enum ss_status ss_optimizer_enqueue(struct ss_optimizer *o, const struct ss_optimizer_step *s)
{
    enum { OF_UPDATE = 6, MORE = 2 };
    const struct ss_span spans[] = {s->weights, s->gradient, s->loss};
    const struct numbers n = numbers_of(o, s);
    const struct ss_arg numbers = ss_arg_struct(&n, sizeof(n));
    struct ss_arg args[OF_UPDATE + MORE] = {
        ss_arg_buffer(s->weights.buffer), ss_arg_buffer(s->gradient.buffer), ss_arg_buffer(o->first),
        ss_arg_buffer(o->second),         ss_arg_buffer(o->average),         ss_arg_buffer(o->state)};
    enum ss_status st = SS_OK;

    TRY(ss_spans_fit("an update", spans, SS_COUNT(spans)));
    if (o->k_whole) {
        args[OF_UPDATE] = ss_arg_buffer(s->loss.buffer);
        args[OF_UPDATE + 1] = numbers;
        TRY(ss_launch(o->k_whole, (struct ss_range){{1}, {1}}, args, OF_UPDATE + 2));
    } else {
        TRY(enqueue_guard(o, s, numbers));
        args[OF_UPDATE] = numbers;
        TRY(ss_launch(o->k_update, over(o, ss_parts_of(o->n, o->run)), args, OF_UPDATE + 1));
    }
    o->fresh = false;
    o->settled = !o->k_average;
    o->last = *s;
out:
    return st;
}

struct ss_span ss_optimizer_first(const struct ss_optimizer *o)
{
    return ss_span_of(o->first);
}

struct ss_span ss_optimizer_second(const struct ss_optimizer *o)
{
    return ss_span_of(o->second);
}

enum ss_status ss_optimizer_average(struct ss_optimizer *o, struct ss_span *out)
{
    enum ss_status st = SS_OK;

    if (!o->settled) {
        const struct numbers n = numbers_of(o, &o->last);
        const struct ss_arg args[] = {ss_arg_buffer(o->last.weights.buffer), ss_arg_buffer(o->average),
                                      ss_arg_buffer(o->state), ss_arg_struct(&n, sizeof(n))};
        TRY(ss_launch(o->k_average, over(o, ss_parts_of(o->n, o->run)), args, SS_COUNT(args)));
        o->settled = true;
    }
    *out = ss_span_of(o->average);
out:
    return st;
}

static float as_float(uint32_t word)
{
    float x;

    memcpy(&x, &word, sizeof(x));
    return x;
}

static uint32_t as_word(float x)
{
    uint32_t word;

    memcpy(&word, &x, sizeof(word));
    return word;
}

enum ss_status ss_optimizer_read(struct ss_optimizer *o, struct ss_optimizer_state *out)
{
    uint32_t w[WORDS];
    enum ss_status st = SS_OK;

    TRY(ss_span_read(ss_span_of(o->state), w, WORDS));
    *out = (struct ss_optimizer_state){
        .stopped = w[STOPPED],
        .bad = (enum ss_bad)w[BAD_KIND],
        .bad_step = w[BAD_STEP_LOW] | (uint64_t)w[BAD_STEP_HIGH] << 32,
        .skipped = w[SKIPPED],
        .gradient_norm = as_float(w[NORM]),
        .last_loss = as_float(w[LAST_LOSS]),
        .correction = {as_float(w[CORRECTION_1]), as_float(w[CORRECTION_2])},
    };
    if (!o->fresh) {
        out->loss_sum = as_float(w[LOSS_SUM]);
        out->loss_rest = as_float(w[LOSS_REST]);
        out->loss_count = w[LOSS_COUNT];
    }
    /* The guard of the next step would find it; the host need not wait for one. */
    if (w[OVERFLOWED] && !w[STOPPED]) {
        out->stopped = o->options.nonfinite == SS_NONFINITE_STOP;
        out->skipped++;
        if (!out->bad) {
            out->bad = SS_BAD_UPDATE;
            out->bad_step = o->last.step;
        }
    }
out:
    return st;
}

enum ss_status ss_optimizer_restore(struct ss_optimizer *o, const struct ss_optimizer_state *state)
{
    uint32_t w[WORDS] = {0};

    w[SKIPPED] = state->skipped;
    w[BAD_KIND] = (uint32_t)state->bad;
    w[BAD_STEP_LOW] = (uint32_t)state->bad_step;
    w[BAD_STEP_HIGH] = (uint32_t)(state->bad_step >> 32);
    w[NORM] = as_word(state->gradient_norm);
    w[LAST_LOSS] = as_word(state->last_loss);
    w[CORRECTION_1] = as_word(state->correction[0]);
    w[CORRECTION_2] = as_word(state->correction[1]);
    w[LOSS_SUM] = as_word(state->loss_sum);
    w[LOSS_REST] = as_word(state->loss_rest);
    w[LOSS_COUNT] = state->loss_count;
    o->fresh = state->loss_count == 0;
    o->settled = true;
    return ss_span_write(ss_span_of(o->state), w, WORDS);
}

void ss_optimizer_reset_loss(struct ss_optimizer *o)
{
    o->fresh = true;
}
