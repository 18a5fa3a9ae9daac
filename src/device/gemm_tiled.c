/* gemm_tiled.c - the own product on GPUs: cl/device/gemm_tiled.cl, which tiles and how many slices of k. */
#include "base/checked.h"
#include "device/gemm_ways.h"
#include "device/opencl.h"
#include "device/tiles.h"

enum { MOST_SLICES = 32, LEAST_SLICE = 512 };
enum { ACCUMULATE = 1, ALIGNED = 2 };             /* flags of the kernel */
static const size_t most_parts = (size_t)1 << 22; /* floats of partial products */

static size_t tiles_of(const struct ss_tiles *t, const struct ss_gemm *g)
{
    return ss_parts_of(g->m, ss_tiles_rows(t)) * ss_parts_of(g->n, ss_tiles_columns(t));
}

/* Large tiles load least for each multiply-add; smaller ones where C has too few of them to go round. */
void ss_gemm_tiles_by_rule(const struct ss_device *d, const struct ss_gemm *g, struct ss_tiles *out)
{
    const size_t wanted = 2 * (size_t)(d->info.compute_units ? d->info.compute_units : 1);
    struct ss_tiles t;

    ss_tiles_choose(d, g->m, g->n, 0, false, &t);
    if (t.item_n > 4 && tiles_of(&t, g) < wanted) {
        t.item_n = 4;
        while (t.depth * t.item_n < t.group_m)
            t.depth *= 2;
    }
    *out = t;
}

/* Of k, where C alone has few tiles: by the shape and the rules' tile alone, since the slices decide the
 * order of additions, and so the bits. */
static size_t slices_of(const struct ss_device *d, const struct ss_gemm *g)
{
    enum { ENOUGH = 256 };
    struct ss_tiles t;

    ss_gemm_tiles_by_rule(d, g, &t);
    const size_t tiles = tiles_of(&t, g), fit = most_parts / (g->m * g->n);
    const size_t wanted =
        ss_smaller(ss_smaller(ENOUGH / tiles, g->k / LEAST_SLICE), ss_smaller(fit, MOST_SLICES));

    return wanted > 1 ? wanted : 1;
}

static enum ss_status room(struct ss_device *d, size_t floats)
{
    struct ss_buffer **const b = &d->gemm.parts;

    if (*b && ss_buffer_bytes(*b) >= floats * sizeof(float))
        return SS_OK;
    ss_buffer_free(*b); /* what is enqueued keeps it alive */
    *b = NULL;
    return ss_buffer_create(d, floats * sizeof(float), b);
}

/* ---- streams with an epilogue ---- */

enum { MOST_LINES = 255 }; /* of a tile: cl/device/tiles.clh divides by multiplying */

static size_t streams_of(const struct ss_gemm *g)
{
    return g->streams ? g->streams : 1;
}

static size_t multiplied(const struct ss_gemm *g)
{
    return streams_of(g) - (g->skip && g->skip <= streams_of(g));
}

/* The same product of so many rows without streams. */
static struct ss_gemm of_rows(const struct ss_gemm *g, size_t rows)
{
    struct ss_gemm all = *g;

    all.m = rows;
    all.streams = all.skip = 0;
    return all;
}

/* It is not made of parts, or of no rows at all. */
static bool is_whole(const struct ss_device *d, const struct ss_gemm *g, size_t rows)
{
    const struct ss_gemm all = of_rows(g, rows);

    return !rows || slices_of(d, &all) == 1;
}

/* A tile has all streams of its rows, and lines are left over: of more work than this epilogues save little.
 * Places within a tile are counted in 32 bits. */
static bool fits(const struct ss_device *d, const struct ss_gemm *g)
{
    enum { MOST = 9, OF = 8 };
    const struct ss_gemm all = of_rows(g, g->m * multiplied(g));
    struct ss_tiles t;

    if (!all.m)
        return false;
    ss_gemm_tiles_by_rule(d, &all, &t);
    const size_t chunk = ss_tiles_rows(&t) / multiplied(g), longest = g->lda > g->ldc ? g->lda : g->ldc;
    return chunk && OF * ss_parts_of(g->m, chunk) <= MOST * ss_parts_of(all.m, ss_tiles_rows(&t)) &&
           streams_of(g) * g->m <= UINT32_MAX / longest;
}

/* Without an epilogue streams are rows, and the products on both sides of one that is left out two. Their
 * parts count with one as well: what is at the end must not change bits. */
bool ss_gemm_tiled_finishes(const struct ss_device *d, const struct ss_gemm *g)
{
    const size_t streams = streams_of(g), before = g->skip && g->skip <= streams ? g->skip - 1 : streams;

    if (g->transpose_a || !g->m || !g->n || !g->k || (g->skip && (!g->epilogue || g->bias.buffer)))
        return false;
    return is_whole(d, g, before * g->m) && is_whole(d, g, (multiplied(g) - before) * g->m) &&
           (!g->epilogue || fits(d, g));
}

/* ---- one product ---- */

static enum ss_status kernel_of(struct ss_device *d, const struct ss_gemm *g, const struct ss_tiles *t,
                                struct ss_kernel **out)
{
    struct ss_define defines[SS_TILES_DEFINES + 5 + SS_EPILOGUE_DEFINES];
    const struct ss_epilogue *const e = g->epilogue;
    size_t n = SS_TILES_DEFINES;

    ss_tiles_defines(d, t, defines);
    defines[n++] = (struct ss_define){"TRANSPOSE_A", g->transpose_a};
    defines[n++] = (struct ss_define){"TRANSPOSE_B", g->transpose_b};
    defines[n++] = (struct ss_define){"BIAS", g->bias.buffer != NULL};
    if (e) {
        defines[n++] = (struct ss_define){"TILED", 1};
        defines[n++] = (struct ss_define){"WIDTH", 1};
    }
    for (size_t i = 0; e && i < e->n_defines; i++)
        defines[n++] = e->defines[i];
    return ss_device_kernel(d, e ? e->file : "device/gemm_tiled.cl", "gemm_tiled", defines, n, out);
}

static enum ss_status launch(struct ss_device *d, const struct ss_gemm *g, const struct ss_tiles *t,
                             size_t slice_k)
{
    enum { TILED_ARGS = 17 };
    const size_t slices = ss_parts_of(g->k, slice_k), items = ss_tiles_items(t), streams = multiplied(g);
    const size_t chunk = ss_tiles_rows(t) / (g->epilogue ? streams : 1);
    const size_t rows = g->epilogue ? g->m : g->m * streams;
    const struct ss_range range = {
        .global = {ss_parts_of(g->n, ss_tiles_columns(t)) * items, ss_parts_of(rows, chunk), slices},
        .local = {items, 1, 1}};
    const bool sliced = slices > 1;
    const size_t ldc = sliced ? g->n : g->ldc, c_at = sliced ? 0 : g->c.offset;
    const uint32_t flags = (g->accumulate && !sliced ? ACCUMULATE : 0u) |
                           (g->n % 4 == 0 && ldc % 4 == 0 && c_at % 4 == 0 ? ALIGNED : 0u);
    struct ss_kernel *k = NULL;
    enum ss_status st = SS_OK;

    TRY(kernel_of(d, g, t, &k));
    struct ss_arg args[TILED_ARGS + SS_EPILOGUE_ARGS] = {
        ss_arg_u32((uint32_t)rows),
        ss_arg_u32((uint32_t)g->n),
        ss_arg_u32((uint32_t)g->k),
        ss_arg_span(g->a),
        ss_arg_u32((uint32_t)g->lda),
        ss_arg_span(g->b),
        ss_arg_u32((uint32_t)g->ldb),
        ss_arg_span(sliced ? ss_span_of(d->gemm.parts) : g->c),
        ss_arg_u32((uint32_t)ldc),
        ss_arg_u32((uint32_t)slice_k),
        ss_arg_u32((uint32_t)(rows * g->n)),
        ss_arg_u32(flags),
        ss_arg_span(g->bias),
        ss_arg_u32((uint32_t)g->m),
        ss_arg_u32((uint32_t)streams),
        ss_arg_u32(g->skip <= streams_of(g) ? (uint32_t)g->skip : 0),
        ss_arg_u32((uint32_t)chunk)};
    for (size_t i = 0; i < g->n_epilogue_args; i++)
        args[TILED_ARGS + i] = g->epilogue_args[i];
    TRY(ss_launch(k, range, args, TILED_ARGS + g->n_epilogue_args));
out:
    return st;
}

enum ss_status ss_gemm_tiled(struct ss_device *d, const struct ss_gemm *g, const struct ss_tiles *tiles)
{
    const struct ss_gemm all = of_rows(g, g->m * multiplied(g));
    /* by the rules with an epilogue, as `fits` has it */
    const struct ss_gemm_way *const way = tiles || g->epilogue ? NULL : ss_gemm_way_of(d, &all);
    const size_t slice_k = g->epilogue ? g->k : ss_parts_of(g->k, slices_of(d, &all));
    const size_t slices = ss_parts_of(g->k, slice_k);
    struct ss_tiles t;
    enum ss_status st = SS_OK;

    ss_gemm_tiles_by_rule(d, &all, &t);
    t = tiles ? *tiles : way ? way->tiles : t;
    const size_t rows = ss_tiles_rows(&t);
    const char *const wrong = g->epilogue && (rows < multiplied(g) || rows > MOST_LINES)
                                  ? "a tile holds all streams of a row, and 255 lines at the most"
                                  : ss_tiles_wrong(d, &t);
    if (wrong)
        return SS_FAIL(SS_ERR_INTERNAL, "tiled product on %s: %s", d->info.name, wrong);
    if (slices > 1)
        TRY(room(d, slices * all.m * g->n));
    TRY(launch(d, g, &t, slice_k));
    if (slices > 1)
        TRY(ss_partials_sum(d, d->gemm.parts, slices, all.m * g->n, all.m, g->n, g->c, g->ldc,
                            g->accumulate));
out:
    return st;
}
