/* gemm_own.c - the own product on CPU devices: kernels of cl/device/gemm_own.cl, how they are launched. */
#include "device/gemm_ways.h"

#include <assert.h>
#include <stdlib.h>

#include "base/checked.h"
#include "device/opencl.h"

enum { BATCH = 8, LEFT_DEPTH = SS_OWN_DEPTH + 2 }; /* of cl/device/gemm_own.cl */
enum { ACCUMULATE = 1, B_IN_PLACE = 2, A_IN_PLACE = 4, WITH_BIAS = 8, MIRRORED = 16 }; /* flags of kernels */

/* A buffer of at least so many floats; a smaller one is replaced (what is enqueued keeps it alive). */
static enum ss_status room(struct ss_device *d, struct ss_buffer **b, size_t floats)
{
    size_t bytes;

    if (!ss_multiply(floats, sizeof(float), &bytes))
        return SS_FAIL(SS_ERR_MEMORY, "matrix product: %zu floats of scratch are too many", floats);
    if (*b && ss_buffer_bytes(*b) >= bytes)
        return SS_OK;
    ss_buffer_free(*b);
    *b = NULL;
    return ss_buffer_create(d, bytes, b);
}

/* ---- kernels ---- */

enum which { TILES_N, DOT, TILES_T, SUM };
static const enum which finishing[] = {TILES_N, DOT}; /* take an epilogue, as its own[] */
static const char *const names[] = {"gemm_own_n", "gemm_own_dot", "gemm_own_t", "gemm_own_sum"};

static enum ss_status kernel_of(struct ss_device *d, const struct ss_own_sizes *s, bool transpose_b,
                                struct ss_epilogue *e, enum which which, struct ss_kernel **out)
{
    const bool simple = s->width == 1;
    struct ss_define defines[6 + SS_EPILOGUE_DEFINES] = {{"WIDTH", s->width}, {"VECTORS", s->vectors},
                                                         {"ROWS", s->rows},   {"DEPTH", SS_OWN_DEPTH},
                                                         {"UNROLL", !simple}, {"TRANSPOSE_B", transpose_b}};
    struct ss_own_kernel *const kept = e ? &e->own[which] : &d->gemm.own[simple][transpose_b][which];
    size_t n = SS_COUNT(defines) - SS_EPILOGUE_DEFINES;
    enum ss_status st = SS_OK;

    if (!kept->kernel || kept->rows != s->rows || kept->vectors != s->vectors) {
        for (size_t i = 0; e && i < e->n_defines; i++)
            defines[n++] = e->defines[i];
        TRY(ss_device_kernel(d, e ? e->file : "device/gemm_own.cl", names[which], defines, n, &kept->kernel));
        kept->rows = s->rows;
        kept->vectors = s->vectors;
    }
    *out = kept->kernel;
out:
    return st;
}

enum ss_status ss_gemm_own_build(struct ss_device *d, struct ss_epilogue *e, bool transpose_b)
{
    const struct ss_gemm any = {.transpose_b = transpose_b, .m = 1, .n = 1, .k = 1};
    const struct ss_own_product p = ss_own_product_of(d, &any, false);
    const struct ss_own_sizes s = ss_own_sizes_by_rule(d, &p, false);
    struct ss_kernel *k;
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < SS_COUNT(e->own); i++)
        TRY(kernel_of(d, &s, transpose_b, e, finishing[i], &k));
out:
    return st;
}

/* ---- one product ---- */

/* The fewest rows of each stream that fill tiles together. */
static size_t chunk_of(const struct ss_own_product *p, const struct ss_own_sizes *s, size_t streams)
{
    size_t chunk = 1;

    if (p->g.transpose_a) /* which is packed for several tiles */
        return s->task_m;
    while (chunk * streams % s->rows)
        chunk++;
    return chunk;
}

/* Rows of each stream in a task. */
static size_t task_rows(const struct ss_own_product *p, const struct ss_own_sizes *s, size_t m, size_t chunk)
{
    return ss_round_up(ss_parts_of(m, ss_smaller(ss_parts_of(p->g.m, s->task_m), m)), chunk);
}

/* The same members as `struct numbers` of cl/device/gemm_own.cl. */
struct numbers {
    uint32_t m, n, k, streams, skip, a_at, lda, b_at, ldb, c_at, c_row, c_column, c_slice;
    uint32_t task_m, task_n, task_k, chunk, flags, bias_at, samples, first;
};

static enum ss_status launch(struct ss_device *d, const struct ss_own_product *p,
                             const struct ss_own_sizes *s, enum which which, uint32_t flags)
{
    enum { OWN_ARGS = 7 };
    const struct ss_gemm *const g = &p->g;
    const bool sliced = p->slices > 1;
    const struct ss_span c = sliced ? ss_span_of(d->gemm.parts) : g->c;
    const size_t streams = p->mirrored ? 1 : p->streams, m = g->m / streams;
    const size_t chunk = chunk_of(p, s, streams), task_m = task_rows(p, s, m, chunk);
    const size_t tasks = ss_parts_of(m, task_m) * ss_parts_of(g->n, s->task_n) * p->slices;
    const uint32_t more = (g->accumulate && !sliced ? ACCUMULATE : 0u) | (g->bias.buffer ? WITH_BIAS : 0u);
    const struct numbers numbers = {.m = (uint32_t)m,
                                    .n = (uint32_t)g->n,
                                    .k = (uint32_t)g->k,
                                    .streams = (uint32_t)streams,
                                    .skip = g->skip <= streams ? (uint32_t)g->skip : 0,
                                    .a_at = (uint32_t)g->a.offset,
                                    .lda = (uint32_t)g->lda,
                                    .b_at = (uint32_t)g->b.offset,
                                    .ldb = (uint32_t)g->ldb,
                                    .c_at = (uint32_t)c.offset,
                                    .c_row = (uint32_t)(sliced ? g->n : p->c_row),
                                    .c_column = (uint32_t)(sliced ? 1 : p->c_column),
                                    .c_slice = (uint32_t)(sliced ? g->m * g->n : 0),
                                    .task_m = (uint32_t)task_m,
                                    .task_n = s->task_n,
                                    .task_k = (uint32_t)p->task_k,
                                    .chunk = (uint32_t)chunk,
                                    .flags = flags | more,
                                    .bias_at = (uint32_t)g->bias.offset,
                                    .samples = (uint32_t)(p->mirrored ? g->n / p->streams : m),
                                    .first = d->gemm.count};
    struct ss_arg args[OWN_ARGS + SS_EPILOGUE_ARGS] = {ss_arg_buffer(g->a.buffer),
                                                       ss_arg_buffer(g->b.buffer),
                                                       ss_arg_buffer(c.buffer),
                                                       ss_arg_buffer(g->bias.buffer),
                                                       ss_arg_buffer(d->gemm.scratch),
                                                       ss_arg_buffer(d->gemm.counter),
                                                       ss_arg_struct(&numbers, sizeof(numbers))};
    struct ss_kernel *k = NULL;
    enum ss_status st = SS_OK;

    TRY(kernel_of(d, s, g->transpose_b, g->epilogue, which, &k));
    for (size_t i = 0; i < g->n_epilogue_args; i++)
        args[OWN_ARGS + i] = g->epilogue_args[i];
    TRY(ss_launch(k, (struct ss_range){.global = {s->groups}, .local = {1}}, args,
                  OWN_ARGS + g->n_epilogue_args));
    d->gemm.count += (uint32_t)(tasks + s->groups); /* modulo 2^32, as on the device */
out:
    return st;
}

static enum ss_status enqueue_dots(struct ss_device *d, const struct ss_own_product *p,
                                   const struct ss_own_sizes *s)
{
    const struct ss_gemm *const g = &p->g;
    enum ss_status st = SS_OK;

    TRY(room(d, &d->gemm.scratch, g->transpose_b ? 1 : s->groups * g->n * g->k));
    TRY(launch(d, p, s, DOT, p->mirrored ? MIRRORED : 0u));
out:
    return st;
}

static enum ss_status enqueue_sum(struct ss_device *d, const struct ss_own_product *p,
                                  const struct ss_own_sizes *s)
{
    const struct ss_gemm *const g = &p->g;
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)g->m),
                                  ss_arg_u32((uint32_t)g->n),
                                  ss_arg_u32((uint32_t)p->slices),
                                  ss_arg_buffer(d->gemm.parts),
                                  ss_arg_span(g->c),
                                  ss_arg_u32((uint32_t)p->c_row),
                                  ss_arg_u32((uint32_t)p->c_column),
                                  ss_arg_u32(g->accumulate ? ACCUMULATE : 0)};
    struct ss_kernel *k = NULL;
    enum ss_status st = SS_OK;

    TRY(kernel_of(d, s, g->transpose_b, NULL, SUM, &k));
    TRY(ss_launch(k, (struct ss_range){.global = {g->n, g->m}, .local = {16, 4}}, args, SS_COUNT(args)));
out:
    return st;
}

static enum ss_status enqueue_tiles(struct ss_device *d, const struct ss_own_product *p,
                                    const struct ss_own_sizes *s)
{
    const struct ss_gemm *const g = &p->g;
    const size_t panel = (size_t)s->width * s->vectors;
    const size_t per_group =
        (size_t)SS_OWN_DEPTH * s->task_n + s->rows * (panel + (size_t)BATCH * LEFT_DEPTH);
    enum ss_status st = SS_OK;

    TRY(room(d, &d->gemm.scratch, s->groups * per_group));
    if (p->slices > 1)
        TRY(room(d, &d->gemm.parts, p->slices * g->m * g->n));
    TRY(launch(d, p, s, g->transpose_a ? TILES_T : TILES_N,
               (s->pack_a ? 0u : A_IN_PLACE) | (s->pack_b ? 0u : B_IN_PLACE)));
    if (p->slices > 1)
        TRY(enqueue_sum(d, p, s));
out:
    return st;
}

bool ss_gemm_own_finishes(const struct ss_device *d, const struct ss_gemm *g)
{
    if (g->transpose_a || !g->m || !g->n || !g->k)
        return false;
    const struct ss_own_product p = ss_own_product_of(d, g, false);
    return p.slices == 1 && !(p.dots && g->skip);
}

enum ss_status ss_gemm_own(struct ss_device *d, const struct ss_gemm *g, bool simple,
                           const struct ss_own_sizes *sizes)
{
    const struct ss_own_product p = ss_own_product_of(d, g, simple);
    struct ss_gemm rows = *g; /* the shape that ways are measured for */
    rows.m = g->m * p.streams;
    rows.streams = rows.skip = 0;
    /* by the rules with an epilogue, whose work they count */
    const struct ss_gemm_way *const way = sizes || simple || g->epilogue ? NULL : ss_gemm_way_of(d, &rows);
    const struct ss_own_sizes s = sizes ? *sizes : way ? way->own : ss_own_sizes_by_rule(d, &p, simple);
    const char *const wrong = ss_own_sizes_wrong(d, &p, &s);
    enum ss_status st = SS_OK;

    if (wrong)
        return SS_FAIL(SS_ERR_INTERNAL, "own product on %s: %s", d->info.name, wrong);
    TRY(room(d, &d->gemm.counter, 1));
    if (p.dots)
        TRY(enqueue_dots(d, &p, &s));
    else
        TRY(enqueue_tiles(d, &p, &s));
out:
    return st;
}

void ss_gemm_release(struct ss_gemm_state *s)
{
    free(s->memos);
    ss_buffer_free(s->scratch);
    ss_buffer_free(s->parts);
    ss_buffer_free(s->counter);
}
