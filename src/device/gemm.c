#include "device/gemm.h"

#include <assert.h>
#include <stdlib.h>

#include "base/checked.h"
#include "device/gemm_backends.h"
#include "device/opencl.h"

/* ---- the plain backend ---- */

enum ss_status ss_gemm_plain(struct ss_device *d, const struct ss_gemm *g)
{
    const uint32_t lda = (uint32_t)g->lda, ldb = (uint32_t)g->ldb;
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)g->m),
                                  ss_arg_u32((uint32_t)g->n),
                                  ss_arg_u32((uint32_t)g->k),
                                  ss_arg_u32(g->accumulate),
                                  ss_arg_span(g->a),
                                  ss_arg_u32(g->transpose_a ? 1 : lda),
                                  ss_arg_u32(g->transpose_a ? lda : 1),
                                  ss_arg_span(g->b),
                                  ss_arg_u32(g->transpose_b ? 1 : ldb),
                                  ss_arg_u32(g->transpose_b ? ldb : 1),
                                  ss_arg_span(g->c),
                                  ss_arg_u32((uint32_t)g->ldc)};
    struct ss_kernel *k = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_device_kernel(d, "device/gemm_plain.cl", "gemm_plain", NULL, 0, &k));
    /* One local size for all shapes: PoCL compiles for each. */
    TRY(ss_launch(k, (struct ss_range){.global = {g->n, g->m}, .local = {16, 4}}, args, SS_COUNT(args)));
out:
    return st;
}

/* ---- checks ---- */

/* A matrix of rows x columns stored with `ld` lies within its buffer. */
static enum ss_status check_matrix(const char *name, struct ss_span s, size_t rows, size_t columns, size_t ld)
{
    const size_t have = s.buffer ? ss_buffer_bytes(s.buffer) / sizeof(float) : 0;
    size_t last;

    if (rows > INT32_MAX || columns > INT32_MAX || ld > UINT32_MAX)
        return SS_FAIL(SS_ERR_MEMORY, "matrix product: %s is %zu x %zu, at most 2^31 rows and columns fit",
                       name, rows, columns);
    if (ld < columns)
        return SS_FAIL(SS_ERR_INTERNAL,
                       "matrix product: %s has %zu columns, but only %zu elements between rows", name,
                       columns, ld);
    if (!rows || !columns)
        return SS_OK;
    if (!ss_multiply(rows - 1, ld, &last) || last > have || s.offset > have || columns > have - s.offset ||
        last > have - s.offset - columns)
        return SS_FAIL(SS_ERR_INTERNAL,
                       "matrix product: %s, %zu x %zu at %zu with %zu between rows, leaves its buffer of %zu",
                       name, rows, columns, s.offset, ld, have);
    return ss_spans_fit("matrix product", &s, 1);
}

/* Of a product without streams: they have become rows. */
static enum ss_status check(const struct ss_gemm *g)
{
    enum ss_status st = SS_OK;

    if (g->bias.buffer)
        TRY(check_matrix("bias", g->bias, 1, g->n, g->n));

    TRY(check_matrix("A", g->a, g->transpose_a ? g->k : g->m, g->transpose_a ? g->m : g->k, g->lda));
    TRY(check_matrix("B", g->b, g->transpose_b ? g->n : g->k, g->transpose_b ? g->k : g->n, g->ldb));
    TRY(check_matrix("C", g->c, g->m, g->n, g->ldc));
out:
    return st;
}

/* Streams first to first + count as one product. */
static struct ss_gemm run_of(const struct ss_gemm *g, size_t first, size_t count)
{
    struct ss_gemm one = *g;

    one.m = count * g->m;
    one.a = ss_span_at(g->a, first * g->m * g->lda);
    one.c = ss_span_at(g->c, first * g->m * g->ldc);
    one.streams = one.skip = 0;
    return one;
}

/* ---- the choice ---- */

static enum ss_gemm_kind kind_of(const struct ss_device *d)
{
    if (d->gemm.wanted != SS_GEMM_AUTO)
        return d->gemm.wanted;
    return ss_device_is_cpu(d) ? SS_GEMM_OWN : SS_GEMM_CLBLAST;
}

/* On GPUs the own product has no simpler form: next comes plain. */
static bool is_plain(const struct ss_device *d)
{
    return d->gemm.level == SS_GEMM_PLAIN ||
           (d->gemm.level == SS_GEMM_SIMPLE && kind_of(d) == SS_GEMM_OWN && !ss_device_is_cpu(d));
}

/* The own product on GPUs counts places within a tile in 32 bits. */
static bool is_too_far_apart(const struct ss_device *d, const struct ss_gemm *g)
{
    enum { MOST_ROWS = 128 }; /* of a tile, along either side */
    const size_t most = UINT32_MAX / MOST_ROWS;

    return !ss_device_is_cpu(d) && kind_of(d) == SS_GEMM_OWN &&
           (g->lda > most || g->ldb > most || g->ldc > most);
}

static enum ss_status enqueue(struct ss_device *d, const struct ss_gemm *g)
{
    enum ss_status st = SS_OK;

    TRY(check(g));
    if (!g->m || !g->n || (!g->k && g->accumulate))
        return SS_OK;
    const bool plain = !g->k || d->gemm.plain || is_plain(d) || is_too_far_apart(d, g);
    const bool clblast = kind_of(d) == SS_GEMM_CLBLAST;
    if (d->gemm.heard) {
        if (!plain && !clblast && d->gemm.level == SS_GEMM_FAST)
            ss_gemm_hear(d, g);
        return SS_OK;
    }
    if (plain)
        return ss_gemm_plain(d, g);
    if (clblast)
        return ss_gemm_clblast(d, g);
    if (!ss_device_is_cpu(d))
        return ss_gemm_tiled(d, g, NULL);
    TRY(ss_gemm_own(d, g, d->gemm.level == SS_GEMM_SIMPLE, NULL));
out:
    return st;
}

/* ---- bias and epilogue ---- */

static bool takes_own(const struct ss_device *d)
{
    return d->gemm.level == SS_GEMM_FAST && !d->gemm.plain && kind_of(d) == SS_GEMM_OWN;
}

bool ss_gemm_finishes(const struct ss_device *d, const struct ss_gemm *g)
{
    return takes_own(d) && !is_too_far_apart(d, g) &&
           (ss_device_is_cpu(d) ? ss_gemm_own_finishes(d, g) : ss_gemm_tiled_finishes(d, g));
}

enum ss_status ss_epilogue_create(struct ss_device *d, const char *file, const struct ss_define *defines,
                                  size_t n_defines, bool transpose_b, struct ss_epilogue **out)
{
    struct ss_epilogue *e = NULL;
    enum ss_status st = SS_OK;

    assert(n_defines <= SS_EPILOGUE_DEFINES);
    TRY(ss_allocate(1, &e));
    e->file = file;
    e->n_defines = n_defines;
    for (size_t i = 0; i < n_defines; i++)
        e->defines[i] = defines[i];
    if (takes_own(d) && ss_device_is_cpu(d)) /* now, and not in the first product; tiles are of its shape */
        TRY(ss_gemm_own_build(d, e, transpose_b));
    *out = e;
    e = NULL;
out:
    ss_epilogue_free(e);
    return st;
}

void ss_epilogue_free(struct ss_epilogue *e)
{
    free(e);
}

/* ---- one product ---- */

enum ss_status ss_gemm_enqueue(struct ss_device *d, const struct ss_gemm *g)
{
    const size_t streams = g->streams ? g->streams : 1;
    const struct ss_gemm all = run_of(g, 0, streams);
    enum ss_status st = SS_OK;

    if (streams > 1 && g->transpose_a)
        return SS_FAIL(SS_ERR_INTERNAL, "matrix product: streams of a transposed A");
    if (ss_gemm_finishes(d, g)) {
        TRY(check(&all));
        if (d->gemm.heard)
            ss_gemm_hear(d, &all);
        else if (ss_device_is_cpu(d))
            TRY(ss_gemm_own(d, g, false, NULL));
        else
            TRY(ss_gemm_tiled(d, g, NULL));
        goto out;
    }
    if (g->bias.buffer || g->epilogue)
        return SS_FAIL(SS_ERR_INTERNAL, "matrix product: %s takes neither bias nor epilogue here",
                       ss_gemm_backend(d));
    if (!g->skip || g->skip > streams)
        return enqueue(d, &all);
    const struct ss_gemm before = run_of(g, 0, g->skip - 1), behind = run_of(g, g->skip, streams - g->skip);
    TRY(enqueue(d, &before));
    TRY(enqueue(d, &behind));
out:
    return st;
}

/* ---- choosing ---- */

void ss_gemm_choose(struct ss_device *d, enum ss_gemm_kind kind)
{
    d->gemm.wanted = kind;
}

struct ss_gemm_use ss_gemm_switch(struct ss_device *d, struct ss_gemm_use use)
{
    const struct ss_gemm_use before = {d->gemm.wanted, d->gemm.plain};

    d->gemm.wanted = use.kind;
    d->gemm.plain = use.plain;
    return before;
}

const char *ss_gemm_backend(const struct ss_device *d)
{
    if (is_plain(d))
        return "plain";
    if (kind_of(d) == SS_GEMM_CLBLAST)
        return "clblast";
    if (!ss_device_is_cpu(d))
        return "own-tiled";
    return d->gemm.level == SS_GEMM_FAST ? "own" : "own-simple";
}

bool ss_gemm_set_aside(struct ss_device *d)
{
    if (is_plain(d))
        return false;
    d->gemm.level = kind_of(d) == SS_GEMM_CLBLAST || !ss_device_is_cpu(d) ? SS_GEMM_PLAIN : d->gemm.level + 1;
    return true;
}

void ss_gemm_use_plain(struct ss_device *d)
{
    d->gemm.level = SS_GEMM_PLAIN;
}
