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

static enum ss_status kernel_of(struct ss_device *d, const struct ss_gemm *g, const struct ss_tiles *t,
                                struct ss_kernel **out)
{
    struct ss_define defines[SS_TILES_DEFINES + 2];

    ss_tiles_defines(d, t, defines);
    defines[SS_TILES_DEFINES] = (struct ss_define){"TRANSPOSE_A", g->transpose_a};
    defines[SS_TILES_DEFINES + 1] = (struct ss_define){"TRANSPOSE_B", g->transpose_b};
    return ss_device_kernel(d, "device/gemm_tiled.cl", "gemm_tiled", defines, SS_COUNT(defines), out);
}

enum ss_status ss_gemm_tiled(struct ss_device *d, const struct ss_gemm *g, const struct ss_tiles *tiles)
{
    const struct ss_gemm_way *const way = tiles ? NULL : ss_gemm_way_of(d, g);
    struct ss_tiles t;

    ss_gemm_tiles_by_rule(d, g, &t);
    t = tiles ? *tiles : way ? way->tiles : t;
    const char *const wrong = ss_tiles_wrong(d, &t);
    const size_t slice_k = ss_parts_of(g->k, slices_of(d, g)), slices = ss_parts_of(g->k, slice_k);
    const size_t columns = ss_parts_of(g->n, ss_tiles_columns(&t)), items = ss_tiles_items(&t);
    const struct ss_range range = {.global = {columns * items, ss_parts_of(g->m, ss_tiles_rows(&t)), slices},
                                   .local = {items, 1, 1}};
    const bool sliced = slices > 1;
    const size_t ldc = sliced ? g->n : g->ldc, c_at = sliced ? 0 : g->c.offset;
    const uint32_t flags = (g->accumulate && !sliced ? ACCUMULATE : 0u) |
                           (g->n % 4 == 0 && ldc % 4 == 0 && c_at % 4 == 0 ? ALIGNED : 0u);
    struct ss_kernel *k = NULL;
    enum ss_status st = SS_OK;

    if (wrong)
        return SS_FAIL(SS_ERR_INTERNAL, "tiled product on %s: %s", d->info.name, wrong);
    if (sliced)
        TRY(room(d, slices * g->m * g->n));
    TRY(kernel_of(d, g, &t, &k));
    const struct ss_arg args[] = {
        ss_arg_u32((uint32_t)g->m),          ss_arg_u32((uint32_t)g->n),
        ss_arg_u32((uint32_t)g->k),          ss_arg_span(g->a),
        ss_arg_u32((uint32_t)g->lda),        ss_arg_span(g->b),
        ss_arg_u32((uint32_t)g->ldb),        ss_arg_span(sliced ? ss_span_of(d->gemm.parts) : g->c),
        ss_arg_u32((uint32_t)ldc),           ss_arg_u32((uint32_t)slice_k),
        ss_arg_u32((uint32_t)(g->m * g->n)), ss_arg_u32(flags)};
    TRY(ss_launch(k, range, args, SS_COUNT(args)));
    if (sliced)
        TRY(ss_partials_sum(d, d->gemm.parts, slices, g->m * g->n, g->m, g->n, g->c, g->ldc, g->accumulate));
out:
    return st;
}
