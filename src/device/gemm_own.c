/* gemm_own.c - the own product on CPU devices: kernels of cl/device/gemm_own.cl, how they are launched. */
#include "device/gemm_ways.h"
#include <stdlib.h>

#include "base/checked.h"
#include "device/opencl.h"

enum { BATCH = 4 };                                      /* of cl/device/gemm_own.cl */
enum { ACCUMULATE = 1, B_IN_PLACE = 2, A_IN_PLACE = 4 }; /* flags of its kernels */

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

enum which { TILES_N, TILES_T, DOT, SUM };

static enum ss_status kernel_of(struct ss_device *d, const struct ss_own_sizes *s, bool transpose_b,
                                enum which which, struct ss_kernel **out)
{
    static const char *const names[] = {"gemm_own_n", "gemm_own_t", "gemm_own_dot", "gemm_own_sum"};
    const bool simple = s->width == 1;
    const struct ss_define defines[] = {{"WIDTH", s->width}, {"VECTORS", s->vectors},
                                        {"ROWS", s->rows},   {"DEPTH", SS_OWN_DEPTH},
                                        {"UNROLL", !simple}, {"TRANSPOSE_B", transpose_b}};
    struct ss_own_kernel *const kept = &d->gemm.own[simple][transpose_b][which];
    enum ss_status st = SS_OK;

    if (!kept->kernel || kept->rows != s->rows || kept->vectors != s->vectors) {
        TRY(ss_device_kernel(d, "device/gemm_own.cl", names[which], defines, SS_COUNT(defines),
                             &kept->kernel));
        kept->rows = s->rows;
        kept->vectors = s->vectors;
    }
    *out = kept->kernel;
out:
    return st;
}

static enum ss_status launch_groups(struct ss_device *d, struct ss_kernel *k, size_t groups, size_t tasks,
                                    const struct ss_arg *args, size_t n_args)
{
    enum ss_status st = SS_OK;

    TRY(ss_launch(k, (struct ss_range){.global = {groups}, .local = {1}}, args, n_args));
    d->gemm.count += (uint32_t)(tasks + groups); /* modulo 2^32, as on the device */
out:
    return st;
}

static enum ss_status enqueue_dots(struct ss_device *d, const struct ss_own_product *p,
                                   const struct ss_own_sizes *s)
{
    const struct ss_gemm *const g = &p->g;
    struct ss_kernel *k = NULL;
    enum ss_status st = SS_OK;

    TRY(room(d, &d->gemm.scratch, g->transpose_b ? 1 : s->groups * g->n * g->k));
    TRY(kernel_of(d, s, g->transpose_b, DOT, &k));
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)g->m),     ss_arg_u32((uint32_t)g->n),
                                  ss_arg_u32((uint32_t)g->k),     ss_arg_span(g->a),
                                  ss_arg_u32((uint32_t)g->lda),   ss_arg_span(g->b),
                                  ss_arg_u32((uint32_t)g->ldb),   ss_arg_span(g->c),
                                  ss_arg_u32((uint32_t)p->c_row), ss_arg_u32((uint32_t)p->c_column),
                                  ss_arg_u32(s->task_m),          ss_arg_u32(g->accumulate ? ACCUMULATE : 0),
                                  ss_arg_buffer(d->gemm.scratch), ss_arg_buffer(d->gemm.counter),
                                  ss_arg_u32(d->gemm.count)};
    TRY(launch_groups(d, k, s->groups, ss_parts_of(g->m, s->task_m), args, SS_COUNT(args)));
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

    TRY(kernel_of(d, s, g->transpose_b, SUM, &k));
    TRY(ss_launch(k, (struct ss_range){.global = {g->n, g->m}, .local = {16, 4}}, args, SS_COUNT(args)));
out:
    return st;
}

static enum ss_status enqueue_tiles(struct ss_device *d, const struct ss_own_product *p,
                                    const struct ss_own_sizes *s)
{
    const struct ss_gemm *const g = &p->g;
    const size_t tasks = ss_parts_of(g->m, s->task_m) * ss_parts_of(g->n, s->task_n) * p->slices;
    const size_t panel = (size_t)s->width * s->vectors;
    const size_t per_group =
        (size_t)SS_OWN_DEPTH * s->task_n + s->rows * (panel + (size_t)BATCH * SS_OWN_DEPTH);
    const bool sliced = p->slices > 1;
    const uint32_t flags = (s->pack_a ? 0u : A_IN_PLACE) | (s->pack_b ? 0u : B_IN_PLACE) |
                           (g->accumulate && !sliced ? ACCUMULATE : 0u);
    struct ss_kernel *k = NULL;
    enum ss_status st = SS_OK;

    TRY(room(d, &d->gemm.scratch, s->groups * per_group));
    if (sliced)
        TRY(room(d, &d->gemm.parts, p->slices * g->m * g->n));
    TRY(kernel_of(d, s, g->transpose_b, g->transpose_a ? TILES_T : TILES_N, &k));
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)g->m),
                                  ss_arg_u32((uint32_t)g->n),
                                  ss_arg_u32((uint32_t)g->k),
                                  ss_arg_span(g->a),
                                  ss_arg_u32((uint32_t)g->lda),
                                  ss_arg_span(g->b),
                                  ss_arg_u32((uint32_t)g->ldb),
                                  ss_arg_span(sliced ? ss_span_of(d->gemm.parts) : g->c),
                                  ss_arg_u32((uint32_t)(sliced ? g->n : p->c_row)),
                                  ss_arg_u32((uint32_t)(sliced ? 1 : p->c_column)),
                                  ss_arg_u32((uint32_t)(sliced ? g->m * g->n : 0)),
                                  ss_arg_u32(s->task_m),
                                  ss_arg_u32(s->task_n),
                                  ss_arg_u32((uint32_t)p->task_k),
                                  ss_arg_u32(flags),
                                  ss_arg_buffer(d->gemm.scratch),
                                  ss_arg_buffer(d->gemm.counter),
                                  ss_arg_u32(d->gemm.count)};
    TRY(launch_groups(d, k, s->groups, tasks, args, SS_COUNT(args)));
    if (sliced)
        TRY(enqueue_sum(d, p, s));
out:
    return st;
}

enum ss_status ss_gemm_own(struct ss_device *d, const struct ss_gemm *g, bool simple,
                           const struct ss_own_sizes *sizes)
{
    const struct ss_own_product p = ss_own_product_of(d, g, simple);
    const struct ss_gemm_way *const way = sizes || simple ? NULL : ss_gemm_way_of(d, g);
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
