/*
 * optimizer.cl - one step of training after the gradient: global norm, the decision whether the step counts,
 * the update of weights, moments and moving average. Three launches, no wait between; on CPU devices, where
 * one costs more than its work, two, or for few weights one.
 *
 *   gradient_partials  sums of squares of the gradient, one per work-item
 *   step_guard         their sum; finite or not; clipping factor; loss so far; bias corrections
 *   step_norm          both: the work-item that ends last does what step_guard does
 *   step_update        every weight, unless the guard holds the step back
 *   step_whole         all by one work-item
 *   step_average       what the moving average still lacks
 *
 * The average follows at every second step that counts, and then both: old and new weights of the second are
 * at hand, so the bits are those of one step at a time, but for a weight that overflowed in between, and
 * step_update of adam moves a ninth less memory. step_whole, whose weights lie in the caches, follows at
 * each.
 *
 * Layout  flat buffers of n floats; `state` as in the enum below, floats by as_float; all numbers of a
 *         step in one argument, since each by itself costs a launch on a CPU 40 to 50 ns.
 *
 * Launch  gradient_partials: n_partials items, with RUNS one for every `run` elements, else any number,
 *         each of which takes every n_partials-th vector. step_guard: one group of 64. step_norm: n_partials
 *         groups of one. step_update, step_average: one item for every `run` elements, any local size.
 *         step_whole: one item. The order of every sum depends on n, n_partials, run, WIDTH, RUNS and the
 *         kernel alone.
 *
 * -D      WIDTH 4, 8 or 16 (default 4): elements of one vector
 *         RUNS 0 or 1 (default 0): an item goes through many neighbouring vectors, as suits CPU devices
 *         OPTIMIZER 0 adam, 1 adamw, 2 rmsprop, 3 sgd (default 0)
 *         MOMENTUM 0 or 1 (default 0): rmsprop and sgd keep a velocity
 *         AVERAGE 0 or 1 (default 0): a moving average is kept
 *         Everything that a sweep changes is an argument.
 *
 * Adam: Kingma and Ba 2015. AdamW: Loshchilov and Hutter 2019. RMSprop: Hinton 2012, epsilon outside the
 * root. The corrections c = 1 - beta^t are carried as c' = beta c + (1 - beta), the recurrence that the
 * moments themselves follow: a step that is held back counts for neither, and the rounding of beta cancels.
 */
#ifndef RUNS
#define RUNS 0
#endif
#ifndef OPTIMIZER
#define OPTIMIZER 0
#endif
#ifndef MOMENTUM
#define MOMENTUM 0
#endif
#ifndef AVERAGE
#define AVERAGE 0
#endif

#include "device/vector.clh"

#define STREAMS 4u /* places that a run is read from at once to be summed */
#define IS_ADAM (OPTIMIZER <= 1)
#define HAS_FIRST (IS_ADAM || MOMENTUM)
#define HAS_SECOND (OPTIMIZER <= 2)

/* The same numbers as in train/optimizer.c. */
enum {
    HOLD,         /* this step must change nothing */
    STOPPED,      /* nor any later one */
    BAD_KIND,     /* of the first bad step: 1 loss, 2 gradient (bits), 4 the update of a weight */
    BAD_STEP_LOW, /* number from 0 */
    BAD_STEP_HIGH,
    SKIPPED,      /* steps held back so far */
    OVERFLOWED,   /* a weight of the last update would not have been finite */
    CLIP,         /* float: factor of the gradient */
    NORM,         /* float: of the gradient of the last step, before clipping */
    CORRECTION_1, /* float */
    CORRECTION_2, /* float */
    LOSS_SUM,     /* float: since the last report */
    LOSS_REST,    /* float: what the sum lost by rounding */
    LOSS_COUNT,
    LAST_LOSS,  /* float */
    ENDED,      /* items of step_norm so far */
    OWED,       /* the average lacks the last step that counted */
    OWED_DECAY, /* float: of that step */
    TWICE       /* in this step it follows for that one and this one, else for none */
};

/* The same members as in train/optimizer.c. */
struct numbers {
    uint n, run, n_partials;
    uint weights_at, gradient_at, first_at, second_at, average_at, loss_at;
    uint step_low, step_high;
    uint stop, fresh, settled; /* 0 or 1: the first bad step ends all; the sums of the loss begin anew; the
                                  average lacks nothing, whatever the state says */
    float clip, rate, epsilon, weight_decay, average_decay;
    float beta1, one_less_beta1, beta2, one_less_beta2; /* beta1 is the momentum of rmsprop and sgd, beta2 the
                                                           decay of rmsprop */
};

/* WIDTH elements from `at` on, zeros past the end of the n elements of a span. */
INLINE vector load(global const float *x, const uint at, const uint n)
{
    float tail[WIDTH];

    if (at + WIDTH <= n)
        return LOAD_ANY(x + at);
    for (uint k = 0u; k < WIDTH; k++)
        tail[k] = at + k < n ? x[at + k] : 0.0f;
    return LOAD_ANY(tail);
}

INLINE void store(const vector v, global float *x, const uint at, const uint n)
{
    float tail[WIDTH];

    if (at + WIDTH <= n) {
        STORE_ANY(v, x + at);
        return;
    }
    STORE_ANY(v, tail);
    for (uint k = 0u; k < WIDTH; k++)
        if (at + k < n)
            x[at + k] = tail[k];
}

/* Of the vectors at `from`, `from` + `each` and so on before `end`. A run is read at STREAMS places at once:
 * a CPU's core that reads at one place waits for memory (1.2 times as long on Zen 3). */
INLINE float sum_of_squares(global const float *gradient, const uint from, const uint end, const uint each)
{
    const uint turns = RUNS ? (end - from) / (STREAMS * WIDTH) : 0u, apart = turns * WIDTH;
    vector sums[STREAMS];
    float lanes[WIDTH];
    float sum = 0.0f;

    UNROLLED
    for (uint s = 0u; s < STREAMS; s++)
        sums[s] = (vector)(0.0f);
    for (uint i = from; i < from + apart; i += WIDTH) {
        UNROLLED
        for (uint s = 0u; s < STREAMS; s++) {
            const vector g = LOAD_ANY(gradient + i + s * apart);
            sums[s] = fma(g, g, sums[s]);
        }
    }
    for (uint i = from + STREAMS * apart; i < end; i += each) {
        const vector g = load(gradient, i, end);
        sums[0] = fma(g, g, sums[0]);
    }
    STORE_ANY((sums[0] + sums[1]) + (sums[2] + sums[3]), lanes);
    for (uint k = 0u; k < WIDTH; k++)
        sum += lanes[k];
    return sum;
}

INLINE float partial(global const float *gradient, const uint p, const struct numbers *x)
{
    gradient += x->gradient_at;
    return RUNS ? sum_of_squares(gradient, p * x->run, min(x->n, (p + 1u) * x->run), WIDTH)
                : sum_of_squares(gradient, p * WIDTH, x->n, x->n_partials * WIDTH);
}

kernel void gradient_partials(global const float *gradient, global float *partials, const struct numbers x)
{
    const uint p = (uint)get_global_id(0);

    if (p < x.n_partials)
        partials[p] = partial(gradient, p, &x);
}

static void decide(global uint *state, const struct numbers *x, const float loss, const float norm)
{
    const uint kind = (isfinite(loss) ? 0u : 1u) | (isfinite(norm) ? 0u : 2u);
    const uint late = state[OVERFLOWED]; /* found by the update before: its step is one less than this */

    if ((kind | late) && !state[STOPPED]) {
        if (!state[BAD_KIND]) {
            state[BAD_KIND] = late ? 4u : kind;
            state[BAD_STEP_LOW] = late ? x->step_low - 1u : x->step_low;
            state[BAD_STEP_HIGH] = late && x->step_low == 0u ? x->step_high - 1u : x->step_high;
        }
        state[SKIPPED] += (kind ? 1u : 0u) + (late ? 1u : 0u);
        state[STOPPED] = x->stop;
    }
    state[OVERFLOWED] = 0u;
    state[HOLD] = kind || state[STOPPED] ? 1u : 0u;
    if (!state[STOPPED]) {
        state[NORM] = as_uint(norm);
        state[LAST_LOSS] = as_uint(loss);
        state[CLIP] = as_uint(x->clip > 0.0f ? fmin(1.0f, x->clip / (norm + 1e-6f)) : 1.0f);
    }
}

/* Sum and rest keep nearly twice the digits of a float (Knuth's two-sum). */
static void add_loss(global uint *state, const float loss, const uint fresh)
{
    const float sum = fresh ? 0.0f : as_float(state[LOSS_SUM]);
    const float rest = fresh ? 0.0f : as_float(state[LOSS_REST]);
    const uint count = fresh ? 0u : state[LOSS_COUNT];
    const uint taken = state[HOLD] ? 0u : 1u;
    const float x = taken ? loss : 0.0f;
    const float next = sum + x;
    const float back = next - sum;

    state[LOSS_SUM] = as_uint(next);
    state[LOSS_REST] = as_uint(rest + ((sum - (next - back)) + (x - back)));
    state[LOSS_COUNT] = count + taken;
}

INLINE void guard(const float norm, const float loss, global uint *state, const struct numbers *x)
{
    decide(state, x, loss, norm);
    add_loss(state, loss, x->fresh);
    if (!state[HOLD]) {
        state[CORRECTION_1] = as_uint(fma(x->beta1, as_float(state[CORRECTION_1]), x->one_less_beta1));
        state[CORRECTION_2] = as_uint(fma(x->beta2, as_float(state[CORRECTION_2]), x->one_less_beta2));
    }
}

/* After the guard: whether the average follows in this step, and what it lacks after it. */
INLINE void owe(global uint *state, const struct numbers *x)
{
    const uint owed = x->settled ? 0u : state[OWED];

    state[TWICE] = owed;
    state[OWED] = state[HOLD] ? owed : !owed;
    if (!owed)
        state[OWED_DECAY] = as_uint(x->average_decay);
}

kernel __attribute__((reqd_work_group_size(64, 1, 1))) void
step_guard(global const float *partials, global const float *loss, global uint *state, const struct numbers x)
{
    local float sums[64];
    const uint l = (uint)get_local_id(0);
    float sum = 0.0f;

    for (uint i = l; i < x.n_partials; i += 64u)
        sum += partials[i];
    sums[l] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (l)
        return;
    for (uint i = 1u; i < 64u; i++)
        sum += sums[i];
    guard(sqrt(sum), loss[x.loss_at], state, &x);
    owe(state, &x);
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
step_norm(global const float *gradient, volatile global float *partials, global const float *loss,
          global uint *state, const struct numbers x)
{
    const uint p = (uint)get_global_id(0);
    float sum = 0.0f;

    partials[p] = partial(gradient, p, &x);
    mem_fence(CLK_GLOBAL_MEM_FENCE);
    if (atomic_inc(&state[ENDED]) + 1u < x.n_partials)
        return;
    state[ENDED] = 0u;
    for (uint i = 0u; i < x.n_partials; i++)
        sum += partials[i];
    guard(sqrt(sum), loss[x.loss_at], state, &x);
    owe(state, &x);
}

struct update { /* what it reads and writes, and what is the same for all elements */
    global float *weights, *first, *second, *average;
    global const float *gradient;
    float clip, by_first, by_root; /* of the gradient; corrections of adam's moments */
    uint follow;                   /* a literal: for how many steps the average follows, 0 to 2 */
    float owed_decay;              /* of the first of two */
};

/* All bits of all lanes: PoCL's all() is a branch for each lane. */
INLINE int all_lanes(const integers x)
{
#if WIDTH == 16
    const int8 e = x.lo & x.hi;
    const int4 q = e.lo & e.hi;
#elif WIDTH == 8
    const int4 q = x.lo & x.hi;
#else
    const int4 q = x;
#endif
    const int2 d = q.lo & q.hi;

    return d.x & d.y;
}

struct elements {
    vector weights, first, second, average;
};

/* Elements i to i + WIDTH, of which those before `end` are there. The `end` of a whole vector is literally
 * i + WIDTH, so that nothing is asked. */
INLINE void load_elements(struct elements *e, const struct update *u, const uint i, const uint end)
{
    e->weights = load(u->weights, i, end);
#if HAS_FIRST
    e->first = load(u->first, i, end);
#endif
#if HAS_SECOND
    e->second = load(u->second, i, end);
#endif
#if AVERAGE
    e->average = u->follow ? load(u->average, i, end) : (vector)(0.0f);
#endif
}

INLINE void store_elements(const struct elements *e, const struct update *u, const uint i, const uint end)
{
#if AVERAGE
    if (u->follow)
        store(e->average, u->average, i, end);
#endif
    store(e->weights, u->weights, i, end);
#if HAS_FIRST
    store(e->first, u->first, i, end);
#endif
#if HAS_SECOND
    store(e->second, u->second, i, end);
#endif
}

/* `careful`, a literal: a weight that never had a gradient stays where it is, whatever epsilon. Else it may
 * become 0 / 0. */
INLINE vector fraction(const vector x, const vector y, const int careful)
{
    return careful ? select(x / y, (vector)(0.0f), x == (vector)(0.0f)) : x / y;
}

INLINE vector follow(const vector average, const vector weights, const float decay)
{
    return fma((vector)(decay), average - weights, weights);
}

/* By their gradient. */
INLINE void move(struct elements *e, vector g, const struct update *u, const struct numbers *x,
                 const int careful)
{
    const vector w = e->weights;
    vector next = w;

    g *= u->clip;
#if OPTIMIZER == 1
    next -= x->rate * x->weight_decay * w;
#else
    g = fma((vector)(x->weight_decay), w, g);
#endif
#if HAS_SECOND
    e->second = fma((vector)(x->beta2), e->second, x->one_less_beta2 * g * g);
#endif
#if IS_ADAM
    e->first = fma((vector)(x->beta1), e->first, x->one_less_beta1 * g);
    const vector root = sqrt(e->second) * u->by_root + x->epsilon;
    next -= u->by_first * fraction(e->first, root, careful);
#else
#if HAS_SECOND
    g = fraction(g, sqrt(e->second) + x->epsilon, careful);
#endif
#if MOMENTUM
    e->first = fma((vector)(x->beta1), e->first, g);
    next -= x->rate * e->first;
#else
    next -= x->rate * g;
#endif
#endif
    e->weights = next;
#if AVERAGE
    if (u->follow > 1u)
        e->average = follow(e->average, w, u->owed_decay);
    if (u->follow)
        e->average = follow(e->average, next, x->average_decay);
#endif
}

/* `zero` in the lanes where all of them are finite, else not a number. */
INLINE vector unless_finite(const struct elements *e, vector zero)
{
    zero = fma(e->weights, (vector)(0.0f), zero);
#if HAS_FIRST
    zero = fma(e->first, (vector)(0.0f), zero);
#endif
#if HAS_SECOND
    zero = fma(e->second, (vector)(0.0f), zero);
#endif
#if AVERAGE
    zero = fma(e->average, (vector)(0.0f), zero);
#endif
    return zero;
}

/* Where an element would not be finite, it and what belongs to it stay as they are, and the lane is 0, else
 * -1. */
INLINE integers update(const struct update *u, const struct numbers *x, const uint i, const uint end)
{
    struct elements old, e;

    load_elements(&old, u, i, end);
    e = old;
    move(&e, load(u->gradient, i, end), u, x, 1);
    const integers good = unless_finite(&e, (vector)(0.0f)) == (vector)(0.0f);

    /* Asked once for the vector: where each lane was chosen on its way back to memory, Intel's compiler made
     * a masked store of it, and that alone took AMD's Zen 3 a third of the update's time. */
    if (!all_lanes(good)) {
        e.weights = select(old.weights, e.weights, good);
#if HAS_FIRST
        e.first = select(old.first, e.first, good);
#endif
#if HAS_SECOND
        e.second = select(old.second, e.second, good);
#endif
#if AVERAGE
        e.average = select(old.average, e.average, good);
#endif
    }
    store_elements(&e, u, i, end);
    return good;
}

/* ---- a span ---- */

#if RUNS
/* Vectors for which it is asked together whether all is finite: asked for each, it took half of the time of
 * weights that lie in the caches. As many as registers hold. */
#define BLOCK (WIDTH == 16 ? 4u : 2u)
#define AHEAD 512u /* elements from one that is updated to one that is fetched */

/* What will be written soon, as this core's own. All cores have read the weights, and a line that several
 * hold is written only after the others have let go of it: on Emerald Rapids a million weights were updated
 * in two thirds of the time so. */
INLINE void fetch_to_write(const struct update *u, const uint i)
{
    UNROLLED
    for (uint k = 0u; k < BLOCK * WIDTH; k += LINE) {
        PREFETCH_TO_WRITE(u->weights + i + k);
#if HAS_FIRST
        PREFETCH_TO_WRITE(u->first + i + k);
#endif
#if HAS_SECOND
        PREFETCH_TO_WRITE(u->second + i + k);
#endif
#if AVERAGE
        if (u->follow)
            PREFETCH_TO_WRITE(u->average + i + k);
#endif
    }
}

INLINE integers update_block(const struct update *u, const struct numbers *x, const uint i)
{
    struct elements e[BLOCK];
    vector zero = (vector)(0.0f);
    integers good = (integers)(-1);

    fetch_to_write(u, i + AHEAD);
    UNROLLED
    for (uint k = 0u; k < BLOCK; k++) {
        const uint at = i + k * WIDTH;
        load_elements(&e[k], u, at, at + WIDTH);
        move(&e[k], load(u->gradient, at, at + WIDTH), u, x, 0);
        zero = unless_finite(&e[k], zero);
    }
    if (all_lanes(zero == (vector)(0.0f))) {
        UNROLLED
        for (uint k = 0u; k < BLOCK; k++)
            store_elements(&e[k], u, i + k * WIDTH, i + (k + 1u) * WIDTH);
        return good;
    }
    ROLLED
    for (uint at = i; at < i + BLOCK * WIDTH; at += WIDTH)
        good &= update(u, x, at, at + WIDTH);
    return good;
}
#endif

/* Elements `from` to `end`. */
INLINE void update_span(const struct update *u, global uint *state, const struct numbers *x, const uint from,
                        const uint end)
{
    integers good = (integers)(-1);
    uint i = from;

#if RUNS
    for (; i + BLOCK * WIDTH <= end; i += BLOCK * WIDTH)
        good &= update_block(u, x, i);
#endif
    for (; i + WIDTH <= end; i += WIDTH)
        good &= update(u, x, i, i + WIDTH);
    if (i < end)
        good &= update(u, x, i, end);
    if (!all_lanes(good))
        atomic_or(&state[OVERFLOWED], 1u);
}

#define PARAMETERS                                                                                  \
    global float *weights, global const float *gradient, global float *first, global float *second, \
        global float *average, global uint *state
#define UPDATE(follow)                                                                               \
    {                                                                                                \
        weights + x.weights_at, first + x.first_at, second + x.second_at, average + x.average_at,    \
            gradient + x.gradient_at, as_float(state[CLIP]), x.rate / as_float(state[CORRECTION_1]), \
            1.0f / sqrt(as_float(state[CORRECTION_2])), follow, as_float(state[OWED_DECAY])          \
    }

kernel void step_update(PARAMETERS, const struct numbers x)
{
    const uint from = (uint)get_global_id(0) * x.run, end = min(x.n, from + x.run);

    if (from >= x.n || state[HOLD])
        return;
#if AVERAGE
    if (state[TWICE]) {
        const struct update u = UPDATE(2u);
        update_span(&u, state, &x, from, end);
        return;
    }
#endif
    const struct update u = UPDATE(0u);
    update_span(&u, state, &x, from, end);
}

ONE_ITEM void step_whole(PARAMETERS, global const float *loss, const struct numbers x)
{
    guard(sqrt(sum_of_squares(gradient + x.gradient_at, 0u, x.n, WIDTH)), loss[x.loss_at], state, &x);
    if (state[HOLD])
        return;
    const struct update u = UPDATE(1u);
    update_span(&u, state, &x, 0u, x.n);
}

kernel void step_average(global const float *weights, global float *average, global const uint *state,
                         const struct numbers x)
{
    const uint from = (uint)get_global_id(0) * x.run, end = min(x.n, from + x.run);

    if (from >= x.n || !state[OWED])
        return;
    weights += x.weights_at;
    average += x.average_at;
    for (uint i = from; i < end; i += WIDTH) {
        const vector old = load(average, i, end);
        const vector next = follow(old, load(weights, i, end), as_float(state[OWED_DECAY]));
        store(select(old, next, next * 0.0f == (vector)(0.0f)), average, i, end);
    }
}
