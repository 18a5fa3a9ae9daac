#include "device/gemm_products.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "device/gemm_ways.h"
#include "device/opencl.h"

/* ---- listening ---- */

static bool same_shape(const struct ss_gemm *a, const struct ss_gemm *b)
{
    return a->transpose_a == b->transpose_a && a->transpose_b == b->transpose_b && a->m == b->m &&
           a->n == b->n && a->k == b->k && a->lda == b->lda && a->ldb == b->ldb;
}

void ss_gemm_hear(struct ss_device *d, const struct ss_gemm *g)
{
    struct ss_gemm_shapes *const s = d->gemm.heard;
    size_t i = 0;

    while (i < s->n && !same_shape(&s->shapes[i], g))
        i++;
    if (i == SS_GEMM_SHAPES)
        return;
    if (i == s->n)
        s->shapes[s->n++] = (struct ss_gemm){.transpose_a = g->transpose_a,
                                             .transpose_b = g->transpose_b,
                                             .m = g->m,
                                             .n = g->n,
                                             .k = g->k,
                                             .lda = g->lda,
                                             .ldb = g->ldb};
    s->times[i]++;
}

double ss_gemm_shapes_work(const struct ss_gemm_shapes *s, size_t i)
{
    const struct ss_gemm *const g = &s->shapes[i];

    return (double)s->times[i] * (double)g->m * (double)g->n * (double)g->k;
}

static void swap(struct ss_gemm_shapes *s, size_t i, size_t j)
{
    const struct ss_gemm g = s->shapes[i];
    const size_t times = s->times[i];

    s->shapes[i] = s->shapes[j];
    s->times[i] = s->times[j];
    s->shapes[j] = g;
    s->times[j] = times;
}

void ss_gemm_listen(struct ss_device *d, struct ss_gemm_shapes *shapes)
{
    struct ss_gemm_shapes *const heard = d->gemm.heard;

    if (shapes)
        *shapes = (struct ss_gemm_shapes){.n = 0};
    for (size_t i = 0; heard && i < heard->n; i++)
        for (size_t j = i; j > 0 && ss_gemm_shapes_work(heard, j) > ss_gemm_shapes_work(heard, j - 1); j--)
            swap(heard, j, j - 1);
    d->gemm.heard = shapes;
}

void ss_gemm_shape_text(const struct ss_gemm *shape, char *text, size_t size)
{
    snprintf(text, size, "%zu x %zu x %zu, %c%c", shape->m, shape->n, shape->k,
             shape->transpose_a ? 't' : 'n', shape->transpose_b ? 't' : 'n');
}

bool ss_gemm_shape_answer(struct ss_device *d, const struct ss_gemm *shape, struct ss_tuning *out)
{
    return ss_gemm_way_measured(d, shape, out, NULL);
}

/* ---- measuring ---- */

enum { MOST_WAYS = 14 };

struct ss_gemm_tune {
    struct ss_device *device;
    struct ss_gemm g;
    char question[160];
    struct ss_gemm_way ways[MOST_WAYS];
    struct ss_tuner_candidate candidates[MOST_WAYS];
    struct ss_tuner_task task;
    struct ss_buffer *a, *b, *c;
    float *first, *other; /* the default's C, and another's */
};

static enum ss_status make(void *context, const struct ss_tuner_candidate *c, void **made)
{
    struct ss_gemm_tune *const t = context;

    *made = &t->ways[c - t->candidates];
    return SS_OK;
}

static void discard(void *context, void *made)
{
    (void)context;
    (void)made;
}

static enum ss_status enqueue(void *context, void *made)
{
    const struct ss_gemm_tune *const t = context;
    const struct ss_gemm_way *const way = made;

    return ss_device_is_cpu(t->device) ? ss_gemm_own(t->device, &t->g, false, &way->own)
                                       : ss_gemm_tiled(t->device, &t->g, &way->tiles);
}

/* C is cleared first: what a way does not write would be another's. */
static enum ss_status right(void *context, void *made, bool *right)
{
    struct ss_gemm_tune *const t = context;
    const size_t n = t->g.m * t->g.n;
    const bool is_first = made == &t->ways[0];
    float *const c = is_first ? t->first : t->other;
    enum ss_status st = SS_OK;

    memset(c, 0, n * sizeof(*c));
    TRY(ss_span_write(t->g.c, c, n));
    TRY(enqueue(t, made));
    TRY(ss_span_read(t->g.c, c, n));
    *right = is_first || memcmp(c, t->first, n * sizeof(*c)) == 0;
out:
    return st;
}

static enum ss_status make_operand(struct ss_device *d, size_t n, struct ss_buffer **out)
{
    float *x = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(n, &x));
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((uint32_t)i * 2654435761u >> 8) * 0x1p-24f - 0.5f;
    TRY(ss_buffer_create(d, n * sizeof(*x), out));
    TRY(ss_span_write(ss_span_of(*out), x, n));
out:
    free(x);
    return st;
}

static void find_candidates(struct ss_gemm_tune *t)
{
    t->task.n_candidates = ss_gemm_ways(t->device, &t->g, t->ways, MOST_WAYS);
    for (size_t i = 0; i < t->task.n_candidates; i++) {
        struct ss_tuner_candidate *const c = &t->candidates[i];
        ss_gemm_way_text(t->device, &t->ways[i], c->name, sizeof(c->name));
        if (i)
            ss_gemm_way_numbers(t->device, &t->ways[i], c->numbers);
    }
}

enum ss_status ss_gemm_tune_create(struct ss_device *d, const struct ss_gemm *shape,
                                   struct ss_gemm_tune **out)
{
    struct ss_gemm_tune *t = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &t));
    t->device = d;
    t->g = *shape;
    t->g.ldc = shape->n;
    TRY(make_operand(d, (shape->transpose_a ? shape->k : shape->m) * shape->lda, &t->a));
    TRY(make_operand(d, (shape->transpose_b ? shape->n : shape->k) * shape->ldb, &t->b));
    TRY(ss_buffer_create(d, shape->m * shape->n * sizeof(float), &t->c));
    TRY(ss_allocate(shape->m * shape->n, &t->first));
    TRY(ss_allocate(shape->m * shape->n, &t->other));
    t->g.a = ss_span_of(t->a);
    t->g.b = ss_span_of(t->b);
    t->g.c = ss_span_of(t->c);
    ss_gemm_question(d, shape, t->question, sizeof(t->question));
    find_candidates(t);
    t->task.what = t->question;
    t->task.candidates = t->candidates;
    t->task.context = t;
    t->task.make = make;
    t->task.right = right;
    t->task.enqueue = enqueue;
    t->task.discard = discard;
    *out = t;
    t = NULL;
out:
    ss_gemm_tune_free(t);
    return st;
}

void ss_gemm_tune_free(struct ss_gemm_tune *t)
{
    if (!t)
        return;
    ss_buffer_free(t->a);
    ss_buffer_free(t->b);
    ss_buffer_free(t->c);
    free(t->first);
    free(t->other);
    free(t);
}

struct ss_tuner_task *ss_gemm_tune_task(struct ss_gemm_tune *t)
{
    return &t->task;
}
