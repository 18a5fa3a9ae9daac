#include "data/batches_tail.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "device/gemm.h"
#include "random/random.h"

enum target { TARGET_BATCH, TARGET_A, TARGET_B }; /* the caller's rows, and two buffers of the same size */

struct op {
    enum { OP_NOISE, OP_AFFINE, OP_LOGIT, OP_MATRIX, OP_ADD } kind;
    enum target from, to;
    uint32_t stream;      /* noise: step of the chain */
    bool uniform;         /* noise: dequantize's, else normal */
    bool accumulate;      /* noise */
    float value;          /* logit: alpha */
    size_t first, second; /* places in the parameters: amplitude; shift, scale; matrix */
};

struct ss_tail {
    struct ss_device *device;
    size_t d, batch;
    uint32_t seed;
    bool wide; /* the kernel that draws 64 columns a work-item */
    struct op *ops;
    size_t n_ops;
    float *numbers; /* parameters while the plan is made */
    size_t n_numbers;
    struct ss_buffer *parameters, *buffers[2];
    struct ss_kernel *noise, *affine, *logit, *add;
};

/* ---- plan ---- */

static enum ss_status new_op(struct ss_tail *t, struct op op)
{
    struct op *const more = realloc(t->ops, (t->n_ops + 1) * sizeof *more);

    if (!more)
        return SS_FAIL_MEMORY((t->n_ops + 1) * sizeof *more);
    t->ops = more;
    t->ops[t->n_ops++] = op;
    return SS_OK;
}

/* n numbers at the end of the parameters; `from` NULL: all `value`. */
static enum ss_status new_numbers(struct ss_tail *t, size_t n, const double *from, double value,
                                  size_t *place)
{
    float *const more = realloc(t->numbers, (t->n_numbers + n) * sizeof *more);

    if (!more)
        return SS_FAIL_MEMORY((t->n_numbers + n) * sizeof *more);
    t->numbers = more;
    *place = t->n_numbers;
    for (size_t i = 0; i < n; i++)
        t->numbers[t->n_numbers++] = (float)(from ? from[i] : value);
    return SS_OK;
}

static enum ss_status plan_noise(struct ss_tail *t, const struct ss_transform *chain, size_t k,
                                 enum target to, bool accumulate)
{
    const struct ss_step *const s = &chain->steps[k];
    struct op op = {.kind = OP_NOISE, .to = to, .stream = (uint32_t)k, .accumulate = accumulate};
    enum ss_status st = SS_OK;

    op.uniform = s->kind == SS_STEP_DEQUANTIZE;
    TRY(new_numbers(t, t->d, op.uniform ? s->scale : NULL, s->value, &op.first));
    TRY(new_op(t, op));
out:
    return st;
}

/* The noises of steps [first, last), an affine stretch without a matrix: each is added to the batch with its
 * amplitude as the steps behind it leave it. */
static enum ss_status plan_direct(struct ss_tail *t, const struct ss_transform *chain, size_t first,
                                  size_t last)
{
    enum ss_status st = SS_OK;

    for (size_t k = first; k < last; k++) {
        if (!ss_step_is_random(&chain->steps[k]))
            continue;
        TRY(plan_noise(t, chain, k, TARGET_BATCH, true));
        float *const amplitude = t->numbers + t->ops[t->n_ops - 1].first;
        for (size_t j = 0; j < t->d; j++) {
            double factor = (double)amplitude[j];
            for (size_t later = k + 1; later < last; later++) {
                const struct ss_step *const s = &chain->steps[later];
                factor *= s->kind == SS_STEP_AFFINE       ? s->scale[j]
                          : s->kind == SS_STEP_DEQUANTIZE ? s->value
                                                          : 1.0;
            }
            amplitude[j] = (float)factor;
        }
    }
out:
    return st;
}

/* The same with matrices among the steps: the sum of noises goes through them in a buffer of its own. */
static enum ss_status plan_apart(struct ss_tail *t, const struct ss_transform *chain, size_t first,
                                 size_t last)
{
    enum target at = TARGET_A;
    size_t zero, scale, place;
    enum ss_status st = SS_OK;

    TRY(new_numbers(t, t->d, NULL, 0.0, &zero));
    for (size_t k = first; k < last; k++) {
        const struct ss_step *const s = &chain->steps[k];
        if (s->kind == SS_STEP_AFFINE || (s->kind == SS_STEP_DEQUANTIZE && s->value != 1.0 && k > first)) {
            TRY(new_numbers(t, t->d, s->kind == SS_STEP_AFFINE ? s->scale : NULL, s->value, &scale));
            TRY(new_op(t,
                       (struct op){.kind = OP_AFFINE, .from = at, .to = at, .first = zero, .second = scale}));
        }
        if (ss_step_is_random(s))
            TRY(plan_noise(t, chain, k, at, k > first));
        if (s->kind == SS_STEP_MATRIX) {
            const enum target other = at == TARGET_A ? TARGET_B : TARGET_A;
            TRY(new_numbers(t, t->d * t->d, s->matrix, 0.0, &place));
            TRY(new_op(t, (struct op){.kind = OP_MATRIX, .from = at, .to = other, .first = place}));
            at = other;
        }
    }
    TRY(new_op(t, (struct op){.kind = OP_ADD, .from = at, .to = TARGET_BATCH}));
out:
    return st;
}

/* Steps [first, last) on the batch itself, one by one. */
static enum ss_status plan_in_turn(struct ss_tail *t, const struct ss_transform *chain, size_t first,
                                   size_t last)
{
    size_t shift, scale, place;
    enum ss_status st = SS_OK;

    for (size_t k = first; k < last; k++) {
        const struct ss_step *const s = &chain->steps[k];
        switch (s->kind) {
        case SS_STEP_LOGIT:
            TRY(new_op(t, (struct op){.kind = OP_LOGIT, .to = TARGET_BATCH, .value = (float)s->value}));
            break;
        case SS_STEP_NOISE:
            TRY(plan_noise(t, chain, k, TARGET_BATCH, true));
            break;
        case SS_STEP_AFFINE:
        case SS_STEP_MATRIX:
            TRY(new_numbers(t, t->d, s->shift, 0.0, &shift));
            TRY(new_numbers(t, t->d, s->kind == SS_STEP_AFFINE ? s->scale : NULL, 1.0, &scale));
            TRY(new_op(t, (struct op){.kind = OP_AFFINE,
                                      .from = TARGET_BATCH,
                                      .to = s->kind == SS_STEP_AFFINE ? TARGET_BATCH : TARGET_A,
                                      .first = shift,
                                      .second = scale}));
            if (s->kind == SS_STEP_AFFINE)
                break;
            TRY(new_numbers(t, t->d * t->d, s->matrix, 0.0, &place));
            TRY(new_op(t,
                       (struct op){.kind = OP_MATRIX, .from = TARGET_A, .to = TARGET_BATCH, .first = place}));
            break;
        case SS_STEP_DEQUANTIZE: /* transform_steps.c refuses it behind a random step */
            return SS_FAIL(SS_ERR_INTERNAL, "dequantize behind a random step");
        }
    }
out:
    return st;
}

static enum ss_status plan(struct ss_tail *t, const struct ss_transform *chain, size_t *head)
{
    size_t first = 0;
    bool matrix = false;
    enum ss_status st = SS_OK;

    while (first < chain->n_steps && !ss_step_is_random(&chain->steps[first]))
        first++;
    size_t last = first;
    for (; last < chain->n_steps && chain->steps[last].kind != SS_STEP_LOGIT; last++)
        matrix = matrix || chain->steps[last].kind == SS_STEP_MATRIX;
    *head = last;
    if (first == last)
        goto out;
    TRY(matrix ? plan_apart(t, chain, first, last) : plan_direct(t, chain, first, last));
    TRY(plan_in_turn(t, chain, last, chain->n_steps));
out:
    return st;
}

/* ---- life ---- */

static enum ss_status get_kernels(struct ss_tail *t)
{
    const struct {
        const char *name;
        struct ss_kernel **to;
    } all[] = {{t->wide ? "batches_noise_wide" : "batches_noise", &t->noise},
               {"batches_affine", &t->affine},
               {"batches_logit", &t->logit},
               {"batches_add", &t->add}};
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < SS_COUNT(all); i++)
        TRY(ss_device_kernel(t->device, "data/batches.cl", all[i].name, NULL, 0, all[i].to));
out:
    return st;
}

static enum ss_status run_matrix(struct ss_tail *t, const struct op *op, struct ss_span from,
                                 struct ss_span to)
{
    return ss_gemm_enqueue(t->device, &(struct ss_gemm){.transpose_b = true,
                                                        .m = t->batch,
                                                        .n = t->d,
                                                        .k = t->d,
                                                        .a = from,
                                                        .b = {t->parameters, op->first},
                                                        .c = to,
                                                        .lda = t->d,
                                                        .ldb = t->d,
                                                        .ldc = t->d});
}

/* A product may build kernels and take memory the first time: not inside a step. */
static enum ss_status warm_up(struct ss_tail *t)
{
    for (size_t i = 0; i < t->n_ops; i++)
        if (t->ops[i].kind == OP_MATRIX)
            return run_matrix(t, &t->ops[i], ss_span_of(t->buffers[0]), ss_span_of(t->buffers[1]));
    return SS_OK;
}

enum ss_status ss_tail_create(struct ss_device *device, const struct ss_transform *chain, uint32_t seed,
                              size_t batch, struct ss_tail **out, size_t *head)
{
    struct ss_tail *t = NULL;
    bool apart = false;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &t));
    t->device = device;
    t->wide = ss_device_is_cpu(device);
    t->d = chain->outputs;
    t->batch = batch;
    t->seed = seed;
    TRY(plan(t, chain, head));
    if (t->n_ops)
        TRY(get_kernels(t));
    for (size_t i = 0; i < t->n_ops; i++)
        apart = apart || t->ops[i].to != TARGET_BATCH;
    for (int i = 0; apart && i < 2; i++)
        TRY(ss_buffer_create(device, batch * t->d * sizeof(float), &t->buffers[i]));
    if (t->n_numbers) {
        TRY(ss_buffer_create(device, t->n_numbers * sizeof(float), &t->parameters));
        TRY(ss_span_write(ss_span_of(t->parameters), t->numbers, t->n_numbers));
    }
    TRY(warm_up(t));
    free(t->numbers);
    t->numbers = NULL;
    *out = t;
    t = NULL;
out:
    ss_tail_free(t);
    return st;
}

void ss_tail_free(struct ss_tail *t)
{
    if (!t)
        return;
    ss_buffer_free(t->parameters);
    ss_buffer_free(t->buffers[0]);
    ss_buffer_free(t->buffers[1]);
    free(t->numbers);
    free(t->ops);
    free(t);
}

size_t ss_tail_bytes(const struct ss_tail *t)
{
    return (t->n_numbers + (t->buffers[0] ? 2 * t->batch * t->d : 0)) * sizeof(float);
}

/* ---- run ---- */

static enum ss_status run(struct ss_tail *t, const struct op *op, uint32_t step, struct ss_span from,
                          struct ss_span to)
{
    const struct ss_arg d = ss_arg_u32((uint32_t)t->d), count = ss_arg_u32((uint32_t)t->batch);
    const struct ss_arg first = ss_arg_span((struct ss_span){t->parameters, op->first});
    const struct ss_arg second = ss_arg_span((struct ss_span){t->parameters, op->second});
    const struct ss_range all = {.global = {t->d, t->batch}},
                          drawn = {.global = {t->wide ? (t->d + 63) / 64 : (t->d + 3) / 4, t->batch}};

    switch (op->kind) {
    case OP_NOISE:
        return ss_launch(t->noise, drawn,
                         (struct ss_arg[]){ss_arg_u32(t->seed), ss_arg_u32(SS_PURPOSE_NOISE),
                                           ss_arg_u32(step), ss_arg_u32(op->stream), ss_arg_u32(op->uniform),
                                           ss_arg_u32(op->accumulate), d, count, first, ss_arg_span(to)},
                         10);
    case OP_AFFINE:
        return ss_launch(t->affine, all,
                         (struct ss_arg[]){ss_arg_span(from), first, second, d, count, ss_arg_span(to)}, 6);
    case OP_LOGIT:
        return ss_launch(t->logit, all, (struct ss_arg[]){ss_arg_f32(op->value), d, count, ss_arg_span(to)},
                         4);
    case OP_ADD:
        return ss_launch(t->add, all, (struct ss_arg[]){ss_arg_span(from), d, count, ss_arg_span(to)}, 4);
    case OP_MATRIX:
        return run_matrix(t, op, from, to);
    }
    return SS_ERR_INTERNAL;
}

enum ss_status ss_tail_enqueue(struct ss_tail *t, uint32_t step, struct ss_span y)
{
    const struct ss_span targets[] = {y, {t->buffers[0], 0}, {t->buffers[1], 0}};
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < t->n_ops; i++)
        TRY(run(t, &t->ops[i], step, targets[t->ops[i].from], targets[t->ops[i].to]));
out:
    return st;
}
