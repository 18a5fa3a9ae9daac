/* gemm_own.c - the own product: which kernel of cl/device/gemm_own.cl, which sizes of tasks. */
#include "base/checked.h"
#include "device/gemm_backends.h"
#include "device/opencl.h"

/* The kernel's constants, chosen so that a tile of C, a row of B's panel and an element of A fit the
 * registers: 32 of 16 floats (AVX-512), 16 of 8 (AVX2) or of 4 (SSE, NEON). */
enum {
    ROWS = 6,
    DEPTH = 256,
    BATCH = 4,
    TASK_COLUMNS = 256, /* DEPTH x this many floats of B stay in L2; twice as many where each task packs A */
    DOT_COLUMNS = 4,    /* up to here dot products along k, */
    DOT_DEPTH = 32,     /* if k is long enough for vectors */
    DOT_LARGEST = 16384 /* and B, if it must be turned round, small */
};

enum { ACCUMULATE = 1, B_IN_PLACE = 2, A_IN_PLACE = 4 }; /* flags of the kernels */

/* A product whose C may be stored transposed, so that operands can be swapped. */
struct product {
    struct ss_gemm g; /* g.ldc is not used */
    size_t c_row, c_column;
};

/* How it is cut up. Slices of k are set by the shape alone: they decide the order of additions, and so the
 * bits. */
struct cut {
    uint32_t width, vectors, panel; /* of the tile */
    size_t groups, task_m, task_n, task_k, slices;
    uint32_t flags;
};

/* C' = op(B)' op(A)' */
static struct product swapped(const struct product *p)
{
    struct product q = *p;

    q.g.transpose_a = !p->g.transpose_b;
    q.g.transpose_b = !p->g.transpose_a;
    q.g.m = p->g.n;
    q.g.n = p->g.m;
    q.g.a = p->g.b;
    q.g.b = p->g.a;
    q.g.lda = p->g.ldb;
    q.g.ldb = p->g.lda;
    q.c_row = p->c_column;
    q.c_column = p->c_row;
    return q;
}

static bool suits_dots(const struct product *p)
{
    const struct ss_gemm *const g = &p->g;

    return !g->transpose_a && g->n <= DOT_COLUMNS && g->k >= DOT_DEPTH &&
           (g->transpose_b || g->k <= DOT_LARGEST);
}

/* The tile is wide and low: of the two ways to see the product take the one that wastes less of it. Only A' B
 * and its mirror image A B' may choose: for the others swapping would turn rows that lie along the loads into
 * columns. */
static struct product turned_well(const struct ss_gemm *g, uint32_t width)
{
    const struct product as_is = {*g, g->ldc, 1}, mirror = swapped(&as_is);
    const size_t waste = ss_round_up(g->m, ROWS) * ss_round_up(g->n, width);
    const size_t waste_mirror = ss_round_up(g->n, ROWS) * ss_round_up(g->m, width);

    if (suits_dots(&as_is))
        return as_is;
    if (suits_dots(&mirror))
        return mirror;
    if (g->transpose_a && (g->transpose_b || waste_mirror < waste))
        return mirror;
    return as_is;
}

static void choose_tile(const struct ss_device *d, bool simple, struct cut *c)
{
    const uint32_t native = d->info.native_float_width;

    c->width = simple ? 1 : native >= 16 ? 16 : native >= 8 ? 8 : 4;
    c->vectors = c->width == 16 || simple ? 4 : 2;
    c->panel = c->width * c->vectors;
}

/* Partial products pay where C is small and k long; together they are at most 2^18 floats and 32 slices. */
static size_t slices_of(const struct ss_gemm *g)
{
    const size_t area = g->m * g->n, most = area < 1u << 13 ? 32 : (1u << 18) / area;

    return ss_smaller(g->k / (4 * DEPTH), most) > 1 ? ss_smaller(g->k / (4 * DEPTH), most) : 1;
}

/* At most one group a core; waking another core for fewer than `least` multiplications costs more than it
 * gains. */
static size_t useful_groups(const struct ss_device *d, const struct ss_gemm *g, double least)
{
    const size_t units = d->info.compute_units ? d->info.compute_units : 1;
    const double useful = 1.0 + (double)g->m * (double)g->n * (double)g->k / least;

    return useful < (double)units ? (size_t)useful : units;
}

/* Into how many tasks the rows of C are cut, at most `most`: for a group alone into one, and a few go round
 * evenly. */
static size_t rows_of(size_t most, size_t bands, size_t groups)
{
    size_t rows = groups == 1 ? 1 : most;

    while (rows * bands > groups && rows * bands < 4 * groups && rows * bands % groups)
        rows--;
    return rows;
}

static void cut_tiles(const struct ss_device *d, const struct ss_gemm *g, struct cut *c)
{
    const size_t units = d->info.compute_units ? d->info.compute_units : 1;
    const size_t wanted = 4 * units; /* tasks, so that a slow core holds up little */

    c->slices = slices_of(g);
    c->task_k = ss_round_up(ss_parts_of(g->k, c->slices), DEPTH);
    c->slices = ss_parts_of(g->k, c->task_k);
    c->task_n = g->transpose_a && g->n >= 4 * TASK_COLUMNS ? 2 * TASK_COLUMNS : TASK_COLUMNS;
    c->task_n = ss_smaller(ss_round_up(g->n, c->panel), c->task_n);
    const size_t bands = ss_parts_of(g->n, c->task_n) * c->slices, groups = useful_groups(d, g, 1u << 19);
    const size_t most = ss_smaller(ss_parts_of(g->m, 8 * ROWS), ss_parts_of(wanted, bands));
    c->task_m = ss_round_up(ss_parts_of(g->m, rows_of(most, bands, groups)), ROWS);
    c->groups = ss_smaller(groups, bands * ss_parts_of(g->m, c->task_m));
    /* Packing B pays when many rows use it, or when its rows lie on as many pages as there are. */
    if (!g->transpose_b && (c->task_m <= 8 * ROWS || ss_smaller(g->k, DEPTH) * g->ldb <= 16384))
        c->flags |= B_IN_PLACE;
    if (g->transpose_a && g->n <= c->panel)
        c->flags |= A_IN_PLACE;
}

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

static enum ss_status kernel_of(struct ss_device *d, const struct cut *c, bool transpose_b, enum which which,
                                struct ss_kernel **out)
{
    static const char *const names[] = {"gemm_own_n", "gemm_own_t", "gemm_own_dot", "gemm_own_sum"};
    const bool simple = c->width == 1;
    const struct ss_define defines[] = {{"WIDTH", c->width}, {"VECTORS", c->vectors},
                                        {"ROWS", ROWS},      {"DEPTH", DEPTH},
                                        {"UNROLL", !simple}, {"TRANSPOSE_B", transpose_b}};
    struct ss_kernel **const kept = &d->gemm.own[simple][transpose_b][which];
    enum ss_status st = SS_OK;

    if (!*kept)
        TRY(ss_device_kernel(d, "device/gemm_own.cl", names[which], defines, SS_COUNT(defines), kept));
    *out = *kept;
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

static enum ss_status enqueue_dots(struct ss_device *d, const struct product *p, const struct cut *cut)
{
    enum { TASK = 64 };
    const struct ss_gemm *const g = &p->g;
    const size_t tasks = ss_parts_of(g->m, TASK);
    const size_t groups = ss_smaller(tasks, useful_groups(d, g, 1u << 16));
    struct ss_kernel *k = NULL;
    enum ss_status st = SS_OK;

    TRY(room(d, &d->gemm.scratch, g->transpose_b ? 1 : groups * g->n * g->k));
    TRY(kernel_of(d, cut, g->transpose_b, DOT, &k));
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)g->m),
                                  ss_arg_u32((uint32_t)g->n),
                                  ss_arg_u32((uint32_t)g->k),
                                  ss_arg_span(g->a),
                                  ss_arg_u32((uint32_t)g->lda),
                                  ss_arg_span(g->b),
                                  ss_arg_u32((uint32_t)g->ldb),
                                  ss_arg_span(g->c),
                                  ss_arg_u32((uint32_t)p->c_row),
                                  ss_arg_u32((uint32_t)p->c_column),
                                  ss_arg_u32(TASK),
                                  ss_arg_u32(g->accumulate ? ACCUMULATE : 0),
                                  ss_arg_buffer(d->gemm.scratch),
                                  ss_arg_buffer(d->gemm.counter),
                                  ss_arg_u32(d->gemm.count)};
    TRY(launch_groups(d, k, groups, tasks, args, SS_COUNT(args)));
out:
    return st;
}

static enum ss_status enqueue_sum(struct ss_device *d, const struct product *p, const struct cut *cut)
{
    const struct ss_gemm *const g = &p->g;
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)g->m),
                                  ss_arg_u32((uint32_t)g->n),
                                  ss_arg_u32((uint32_t)cut->slices),
                                  ss_arg_buffer(d->gemm.parts),
                                  ss_arg_span(g->c),
                                  ss_arg_u32((uint32_t)p->c_row),
                                  ss_arg_u32((uint32_t)p->c_column),
                                  ss_arg_u32(g->accumulate ? ACCUMULATE : 0)};
    struct ss_kernel *k = NULL;
    enum ss_status st = SS_OK;

    TRY(kernel_of(d, cut, g->transpose_b, SUM, &k));
    TRY(ss_launch(k, (struct ss_range){.global = {g->n, g->m}, .local = {16, 4}}, args, SS_COUNT(args)));
out:
    return st;
}

static enum ss_status enqueue_tiles(struct ss_device *d, const struct product *p, const struct cut *cut)
{
    const struct ss_gemm *const g = &p->g;
    const size_t tasks = ss_parts_of(g->m, cut->task_m) * ss_parts_of(g->n, cut->task_n) * cut->slices;
    const size_t per_group = DEPTH * cut->task_n + ROWS * (cut->panel + BATCH * DEPTH);
    const bool sliced = cut->slices > 1;
    const uint32_t flags = cut->flags | (g->accumulate && !sliced ? ACCUMULATE : 0u);
    struct ss_kernel *k = NULL;
    enum ss_status st = SS_OK;

    TRY(room(d, &d->gemm.scratch, cut->groups * per_group));
    if (sliced)
        TRY(room(d, &d->gemm.parts, cut->slices * g->m * g->n));
    TRY(kernel_of(d, cut, g->transpose_b, g->transpose_a ? TILES_T : TILES_N, &k));
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
                                  ss_arg_u32((uint32_t)cut->task_m),
                                  ss_arg_u32((uint32_t)cut->task_n),
                                  ss_arg_u32((uint32_t)cut->task_k),
                                  ss_arg_u32(flags),
                                  ss_arg_buffer(d->gemm.scratch),
                                  ss_arg_buffer(d->gemm.counter),
                                  ss_arg_u32(d->gemm.count)};
    TRY(launch_groups(d, k, cut->groups, tasks, args, SS_COUNT(args)));
    if (sliced)
        TRY(enqueue_sum(d, p, cut));
out:
    return st;
}

enum ss_status ss_gemm_own(struct ss_device *d, const struct ss_gemm *g, bool simple)
{
    struct cut cut = {0};
    enum ss_status st = SS_OK;

    choose_tile(d, simple, &cut);
    const struct product p = turned_well(g, cut.width);
    TRY(room(d, &d->gemm.counter, 1));
    if (suits_dots(&p))
        return enqueue_dots(d, &p, &cut);
    cut_tiles(d, &p.g, &cut);
    TRY(enqueue_tiles(d, &p, &cut));
out:
    return st;
}

void ss_gemm_release(struct ss_gemm_state *s)
{
    ss_buffer_free(s->scratch);
    ss_buffer_free(s->parts);
    ss_buffer_free(s->counter);
}
