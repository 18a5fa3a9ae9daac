/*
 * gemm_own.cl - C = op(A) op(B) or C += op(A) op(B) for CPU devices, any shape: register tiles of explicit
 * vectors. A and C may be several matrices of m rows, streams, one after the other.
 *
 * C is cut into tasks of task_m x task_n elements of each stream, and, where C is small and k large, k into
 * slices whose partial products gemm_own_sum adds up. A few work-groups of one item stay for the whole launch
 * and take tasks from a counter, so a core slowed by other work takes fewer. A task walks k in steps of at
 * most DEPTH; in each it packs so many rows of task_n of B into panels (they stay in L2) and multiplies ROWS
 * rows of A (L1) with one panel after the other. Sizes of tasks change no bits: what is added in which order
 * depends on the shape and DEPTH alone.
 *
 * A task takes its rows in chunks, the same rows of each stream. When it has walked k, a chunk holds all that
 * the streams of its rows have in these columns, just computed: there a bias is added to the first stream,
 * and done what a file that includes this one has put in the place of the epilogue:
 *
 *     EPILOGUE_PARAMETERS   of kernels, behind the product's own; begins with a comma
 *     EPILOGUE              a struct epilogue made of them, in braces
 *     struct epilogue, and  epilogue(e, c, at, row, stream, rows, columns): c is the first element of a block
 *         of `rows` x `columns` of each stream, `at` elements behind C's own, `row` between rows, `stream`
 *         between streams; columns are neighbours.
 *
 * Layout   row-major as stored. C's element (i, j) is c[c_at + i c_row + j c_column]: c_column is not 1 where
 *          the host has swapped the operands (C' = op(B)' op(A)'). `skip`: the skip-th stream is left as it
 *          is; 0: none.
 *
 * Reads    up to PANEL - 1 floats past the end of a row of B, which are thrown away: buffers have room for
 * it.
 *
 * Scratch  of a group: DEPTH x task_n (panels of B) + ROWS x PANEL (a tile of C) + BATCH x ROWS x LEFT_DEPTH
 *          (rows of A).
 *
 * Counter  counts tasks for ever; the host passes its value before the launch as `first`: each launch adds
 * the number of tasks and of groups.
 *
 * Launch   gemm_own_n (A stored m x k), gemm_own_t (A stored k x m), gemm_own_dot: groups of one item, any
 *          number. gemm_own_sum: (n, m), any local size.
 *
 * -D       WIDTH, UNROLL: device/vector.clh. VECTORS, ROWS: device/register_tile.clh.
 *          DEPTH (default 272): multiple of 16.
 *          TRANSPOSE_B 0, 1 (default 0): 1 for a B stored n x k.
 */
#ifndef DEPTH
#define DEPTH 272
#endif
#ifndef TRANSPOSE_B
#define TRANSPOSE_B 0
#endif

#include "device/register_tile.clh"

#define LOAD(p) LOAD_ANY(p)
#define STORE(v, p) STORE_ANY(v, p)
#define BATCH 8                /* tiles of a transposed A packed at once: of 6 rows whole cache lines of it */
#define LEFT_DEPTH (DEPTH + 2) /* of such a tile: what is written past its end spoils no other */

#include "device/gemm_own_pack.clh"

/* ---- one tile of C in registers ---- */

/* c (rows x vectors of it) = or += a b over `depth`; row i of A starts at a[i], its next element a_step
 * further, row i of C at c[i]. Packed are operands whose elements lie `packed_step` and PANEL apart; that,
 * `tile_rows` and `vectors` are literals at the calls. */
INLINE void multiply(const size_t packed_step, const uint tile_rows, const uint vectors, const uint rows,
                     const uint depth, global const float *const *a, const size_t a_step,
                     global const float *b, const size_t b_step, global float *const *c, const int add)
{
    vector sum[ROWS][VECTORS];

    UNROLLED
    for (uint i = 0; i < tile_rows; i++) {
        UNROLLED
        for (uint j = 0; j < vectors; j++) {
            sum[i][j] = (vector)(0.0f);
            if (add) /* it is there when the tile is done: products of 4096 are 1.07 times as fast */
                PREFETCH_TO_WRITE(c[i] + j * WIDTH);
        }
    }
    if (b_step == PANEL && a_step == packed_step)
        add_product(STEPS, tile_rows, vectors, depth, a, packed_step, b, PANEL, sum);
    else
        add_product(1, tile_rows, vectors, depth, a, a_step, b, b_step, sum);
    UNROLLED
    for (uint i = 0; i < tile_rows; i++) {
        if (i >= rows)
            continue;
        UNROLLED
        for (uint j = 0; j < vectors; j++) {
            global float *const p = c[i] + j * WIDTH;
            STORE(add ? LOAD(p) + sum[i][j] : sum[i][j], p);
        }
    }
}

/* ---- one task ---- */

struct place { /* of C, or of a slice's part of it */
    global float *at;
    size_t row, column;
};

/* A tile that is cut off at the right, or whose rows are not contiguous in C. */
INLINE void copy_tile(global const float *tile, const uint rows, const uint columns, global float *const *c,
                      const size_t c_column, const int add)
{
    ROLLED
    for (uint i = 0; i < rows; i++) {
        ROLLED
        for (uint j = 0; j < columns; j++) {
            global float *const p = c[i] + j * c_column;
            *p = add ? *p + tile[i * PANEL + j] : tile[i * PANEL + j];
        }
    }
}

/* ROWS rows of A with all panels of a task. With each panel comes a part of the rows that lie `ahead` of
 * these into the caches, if that is not 0: no row's end tells the processor where the next one begins. */
INLINE void multiply_row(const size_t packed_step, const uint rows, const uint columns, const uint depth,
                         global const float *const *a, const size_t a_step, const size_t ahead,
                         global const float *b, const size_t b_step, const size_t b_panel,
                         global float *const *c, const size_t c_column, const int add, global float *tile)
{
    const uint panels = (columns + PANEL - 1) / PANEL, part = ahead ? (depth + LINE) / panels : 0;
    uint next = 0; /* line by line: a panel begins all that begin in its part */

    ROLLED
    for (uint j = 0; j < columns; j += PANEL, b += b_panel) {
        const uint until = min(next + part, depth);
        for (; next < until; next += LINE) {
            UNROLLED
            for (uint r = 0; r < ROWS; r++)
                PREFETCH(a[r] + ahead + next);
        }
        const uint width = min((uint)PANEL, columns - j);
        const int whole = width % WIDTH == 0 && c_column == 1;
        const int add_here = whole && add;
        global float *to[ROWS];

        UNROLLED
        for (uint r = 0; r < ROWS; r++)
            to[r] = whole ? c[r] + j : tile + r * PANEL;
        if (rows <= 2 && (width == PANEL || !whole))
            multiply(packed_step, 2, VECTORS, rows, depth, a, a_step, b, b_step, to, add_here);
        else if (width <= WIDTH)
            multiply(packed_step, ROWS, 1, rows, depth, a, a_step, b, b_step, to, add_here);
#if VECTORS > 3
        else if (width > 3 * WIDTH)
            multiply(packed_step, ROWS, 4, rows, depth, a, a_step, b, b_step, to, add_here);
#endif
#if VECTORS > 2
        else if (width > 2 * WIDTH)
            multiply(packed_step, ROWS, 3, rows, depth, a, a_step, b, b_step, to, add_here);
#endif
#if VECTORS > 1
        else
            multiply(packed_step, ROWS, 2, rows, depth, a, a_step, b, b_step, to, add_here);
#endif
        if (!whole) {
            UNROLLED
            for (uint r = 0; r < ROWS; r++)
                to[r] = c[r] + j * c_column;
            copy_tile(tile, rows, width, to, c_column, add);
        }
    }
}

/* flags: what the host decided for the whole product */
#define ACCUMULATE 1u /* C += */
#define B_IN_PLACE 2u /* B stored k x n and not worth packing */
#define A_IN_PLACE 4u /* A stored k x m and not worth packing */
#define WITH_BIAS 8u
#define MIRRORED 16u /* dot products: rows of A are columns of C, and all streams those of B */

struct product {
    uint m, n, k, streams, skip;
    global const float *a, *b;
    size_t lda, ldb;
    struct place c;
    size_t c_slice;
    uint task_m, task_n, task_k, chunk, flags;
    global float *panels, *tile, *left; /* scratch of this group */
    global const float *bias;
    uint samples; /* rows of a stream, in the first of which they get the bias */
#ifdef EPILOGUE
    struct epilogue end;
#endif
};

/* ---- what follows the product ---- */

/* rows x columns += the bias of those columns, which are neighbours. */
INLINE void add_bias(global const float *bias, global float *c, const size_t row, const uint rows,
                     const uint columns)
{
    ROLLED
    for (uint i = 0; i < rows; i++, c += row) {
        uint j = 0;
        ROLLED
        for (; j + WIDTH <= columns; j += WIDTH)
            STORE(LOAD(c + j) + LOAD(bias + j), c + j);
        ROLLED
        for (; j < columns; j++)
            c[j] += bias[j];
    }
}

/* Rows i0 .. of each stream, columns j0 ..: `row` and 1 apart. */
INLINE void finish(const struct product *p, const size_t row, const uint i0, const uint rows, const uint j0,
                   const uint columns)
{
    const size_t at = i0 * row + j0;

    if (p->flags & WITH_BIAS && i0 < p->samples)
        add_bias(p->bias + j0, p->c.at + at, row, min(rows, p->samples - i0), columns);
#ifdef EPILOGUE
    epilogue(&p->end, p->c.at + at, at, row, p->samples * row, rows, columns);
#endif
}

/* ---- rows of a task ---- */

/* A row of a chunk: the `in_stream`-th of its rows in the stream that comes `stream`-th, `at` rows behind the
 * chunk's first in the first stream. */
struct row {
    uint in_stream, stream;
    size_t at;
};

INLINE uint streams_multiplied(const uint streams, const uint skip)
{
    return streams - (skip != 0);
}

/* Not returned: a structure that an inlined function returns makes Oclgrind 21.10 stop. */
INLINE void first_row(struct row *r, const uint m, const uint skip)
{
    r->in_stream = 0;
    r->stream = 0;
    r->at = skip == 1 ? m : 0;
}

INLINE void next_row(struct row *r, const uint rows, const uint m, const uint skip)
{
    r->at++;
    if (++r->in_stream < rows)
        return;
    r->in_stream = 0;
    r->at += m - rows;
    if (++r->stream + 1 == skip)
        r->at += m;
}

/* All rows of a task (i0, j0) with depth x columns of B, the last of them if `last`; A stored k x m if
 * `transpose_a`, a literal. */
INLINE void multiply_rows(const int transpose_a, const struct product *p, const struct place c, const uint i0,
                          const uint j0, const uint l, const uint depth, const int add, const int last)
{
    const uint rows = min(p->task_m, p->m - i0), columns = min(p->task_n, p->n - j0);
    const int b_in_place = !TRANSPOSE_B && (p->flags & B_IN_PLACE);
    const int pack = transpose_a && !(p->flags & A_IN_PLACE);
    const size_t a_row = transpose_a ? 1 : p->lda, a_step = pack ? ROWS : transpose_a ? p->lda : 1;
    global const float *const y = p->b + (TRANSPOSE_B ? j0 * p->ldb + l : l * p->ldb + j0);

    if (!b_in_place)
        pack_b(depth, columns, y, p->ldb, p->panels);
    ROLLED
    for (uint r0 = 0; r0 < rows; r0 += p->chunk) {
        const uint chunk = min(p->chunk, rows - r0), all = chunk * streams_multiplied(p->streams, p->skip);
        global const float *const x = p->a + (i0 + r0) * a_row + l * (transpose_a ? p->lda : 1);
        struct row row;

        first_row(&row, p->m, p->skip);
        ROLLED
        for (uint i = 0; i < all; i += ROWS) {
            const uint some = min((uint)ROWS, all - i), batch = i % (BATCH * ROWS);
            global const float *from[ROWS];
            global float *to[ROWS];

            if (pack && batch == 0)
                pack_a(min((uint)(BATCH * ROWS), all - i), depth, x + i, p->lda, p->left);
            if (pack && i - batch + BATCH * ROWS < all)
                fetch_a(depth, x + (i - batch + BATCH * ROWS), p->lda, batch / ROWS);
            UNROLLED
            for (uint r = 0; r < ROWS; r++) {
                from[r] = pack ? p->left + batch * LEFT_DEPTH + r : x + row.at * a_row;
                to[r] = c.at + (r0 + row.at) * c.row;
                if (r + 1 < some) /* the last is repeated, its results thrown away */
                    next_row(&row, chunk, p->m, p->skip);
            }
            next_row(&row, chunk, p->m, p->skip);
            multiply_row(transpose_a ? ROWS : 1, some, columns, depth, from, a_step,
                         transpose_a ? 0 : p->chunk * p->lda, b_in_place ? y : p->panels,
                         b_in_place ? p->ldb : PANEL, b_in_place ? PANEL : DEPTH * PANEL, to, c.column, add,
                         p->tile);
        }
        if (last)
            finish(p, p->c.row, i0 + r0, chunk, j0, columns);
    }
}

/* Steps of k about as long as each other, of whole squares that packing turns at once: a short last one would
 * load and store C for little. */
INLINE uint step_of(const uint k)
{
    const uint steps = (k + DEPTH - 1) / DEPTH, square = 16;

    return ((k + steps - 1) / steps + square - 1) / square * square;
}

INLINE void take_tasks(const int transpose_a, const struct product *p, global uint *counter, const uint first)
{
    const uint tasks_m = (p->m + p->task_m - 1) / p->task_m, tasks_n = (p->n + p->task_n - 1) / p->task_n;
    const uint tasks = tasks_m * tasks_n * ((p->k + p->task_k - 1) / p->task_k);

    ROLLED
    for (uint t = atomic_inc(counter) - first; t < tasks; t = atomic_inc(counter) - first) {
        /* Remainders by hand: clang fuses / and % into an instruction that Oclgrind does not know. */
        const uint band = t / tasks_m, slice = band / tasks_n;
        const uint i0 = (t - band * tasks_m) * p->task_m, j0 = (band - slice * tasks_n) * p->task_n;
        const uint k0 = slice * p->task_k, k1 = min(p->k, k0 + p->task_k), depth = step_of(k1 - k0);
        const struct place c = {p->c.at + slice * p->c_slice + i0 * p->c.row + j0 * p->c.column, p->c.row,
                                p->c.column};
        ROLLED
        for (uint l = k0; l < k1; l += depth)
            multiply_rows(transpose_a, p, c, i0, j0, l, min(depth, k1 - l), (p->flags & ACCUMULATE) || l > k0,
                          l + depth >= k1);
    }
}

#ifndef EPILOGUE
#define EPILOGUE_PARAMETERS
#define END
#else
#define END , EPILOGUE
#endif

/* All numbers of a product in one argument: each that is passed by itself costs a launch 40 to 50 ns. The
 * same members as in src/device/gemm_own.c. */
struct numbers {
    uint m, n, k, streams, skip, a_at, lda, b_at, ldb, c_at, c_row, c_column, c_slice;
    uint task_m, task_n, task_k, chunk, flags, bias_at, samples, first;
};

#define PARAMETERS                                                                           \
    global const float *a, global const float *b, global float *c, global const float *bias, \
        global float *scratch, global uint *counter, const struct numbers x EPILOGUE_PARAMETERS
#define PRODUCT                                                                                            \
    global float *const panels =                                                                           \
        scratch + get_group_id(0) * ((size_t)DEPTH * x.task_n + ROWS * PANEL + BATCH * ROWS * LEFT_DEPTH); \
    global float *const tile = panels + (size_t)DEPTH * x.task_n;                                          \
    const struct product p = {x.m,                                                                         \
                              x.n,                                                                         \
                              x.k,                                                                         \
                              x.streams,                                                                   \
                              x.skip,                                                                      \
                              a + x.a_at,                                                                  \
                              b + x.b_at,                                                                  \
                              x.lda,                                                                       \
                              x.ldb,                                                                       \
                              {c + x.c_at, x.c_row, x.c_column},                                           \
                              x.c_slice,                                                                   \
                              x.task_m,                                                                    \
                              x.task_n,                                                                    \
                              x.task_k,                                                                    \
                              x.chunk,                                                                     \
                              x.flags,                                                                     \
                              panels,                                                                      \
                              tile,                                                                        \
                              tile + ROWS * PANEL,                                                         \
                              bias + x.bias_at,                                                            \
                              x.samples END}

ONE_ITEM void gemm_own_n(PARAMETERS)
{
    PRODUCT;

    take_tasks(0, &p, counter, x.first);
}

#ifndef EPILOGUE
ONE_ITEM void gemm_own_t(PARAMETERS)
{
    PRODUCT;

    take_tasks(1, &p, counter, x.first);
}
#endif

/* ---- few columns: dot products along k ---- */

INLINE float sum_of(const vector v)
{
#if WIDTH == 16
    const float8 h = v.lo + v.hi;
    const float4 q = h.lo + h.hi;
#elif WIDTH == 8
    const float4 q = v.lo + v.hi;
#elif WIDTH == 4
    const float4 q = v;
#endif
#if WIDTH == 1
    return v;
#else
    return dot(q, (float4)(1.0f)); /* not q.x + ...: shuffles again */
#endif
}

/* 4 rows of A by `columns` (a literal, 1, 2 or 4) rows of B; both lie along k. */
INLINE void dot_tile(const uint columns, const uint rows, const struct product *p,
                     global const float *const *a, global const float *b, const size_t ldb,
                     global float *const *c)
{
    const uint n = p->n, k = p->k;
    vector sum[4][4];
    uint l = 0;

    UNROLLED
    for (uint i = 0; i < 4; i++) {
        UNROLLED
        for (uint j = 0; j < columns; j++)
            sum[i][j] = (vector)(0.0f);
    }
    KEPT for (; l + WIDTH <= k; l += WIDTH)
    {
        vector y[4];
        UNROLLED
        for (uint j = 0; j < columns; j++)
            y[j] = LOAD(b + min(j, n - 1) * ldb + l);
        UNROLLED
        for (uint i = 0; i < 4; i++) {
            const vector x = LOAD(a[i] + l);
            UNROLLED
            for (uint j = 0; j < columns; j++)
                sum[i][j] = fma(x, y[j], sum[i][j]);
        }
    }
    UNROLLED
    for (uint i = 0; i < 4; i++) {
        UNROLLED
        for (uint j = 0; j < columns; j++) {
            float s = sum_of(sum[i][j]);
            if (i >= rows || j >= n)
                continue;
            ROLLED
            for (uint q = l; q < k; q++)
                s = fma(a[i][q], b[j * ldb + q], s);
            global float *const to = c[i] + j * p->c.column;
            *to = p->flags & ACCUMULATE ? *to + s : s;
        }
    }
}

/* All rows of a task that begins at i0 with all rows of B. */
INLINE void dot_rows(const struct product *p, const uint i0, global const float *b, const size_t ldb)
{
    const uint rows = min(p->task_m, p->m - i0), all = rows * p->streams;
    global const float *const x = p->a + i0 * p->lda;
    struct row row;

    first_row(&row, p->m, 0);
    ROLLED
    for (uint i = 0; i < all; i += 4) {
        const uint some = min(4u, all - i);
        global const float *from[4];
        global float *to[4];

        UNROLLED
        for (uint r = 0; r < 4; r++) {
            from[r] = x + row.at * p->lda;
            to[r] = p->c.at + (i0 + row.at) * p->c.row;
            if (r + 1 < some)
                next_row(&row, rows, p->m, 0);
        }
        next_row(&row, rows, p->m, 0);
        if (p->n == 1)
            dot_tile(1, some, p, from, b, ldb, to);
        else if (p->n == 2)
            dot_tile(2, some, p, from, b, ldb, to);
        else
            dot_tile(4, some, p, from, b, ldb, to);
    }
}

/* n up to 4, A stored m x k, no stream left out. A B stored k x n is turned round first, in the group's
 * scratch of n x k floats. */
ONE_ITEM void gemm_own_dot(PARAMETERS)
{
    PRODUCT;
    const uint m = p.m, tasks = (m + p.task_m - 1) / p.task_m;
    global const float *y = p.b;
    size_t y_row = p.ldb;

#if !TRANSPOSE_B
    const uint n = p.n, k = p.k;
    global float *const turned = scratch + get_group_id(0) * (size_t)n * k;
    ROLLED
    for (uint l = 0; l < k; l++) {
        ROLLED
        for (uint j = 0; j < n; j++)
            turned[(size_t)j * k + l] = p.b[l * p.ldb + j];
    }
    y = turned;
    y_row = k;
#endif
    ROLLED
    for (uint t = atomic_inc(counter) - x.first; t < tasks; t = atomic_inc(counter) - x.first) {
        const uint i0 = t * p.task_m, rows = min(p.task_m, m - i0);
        dot_rows(&p, i0, y, y_row);
        const int across = (p.flags & MIRRORED) != 0; /* one call, which is as much code less to build */
        finish(&p, across ? p.c.column : p.c.row, across ? 0 : i0, across ? p.samples : rows, across ? i0 : 0,
               across ? rows : p.n);
    }
}

#ifndef EPILOGUE
/* ---- slices of k ---- */

/* C = or += the sum of `slices` partial products, in their order. */
kernel void gemm_own_sum(const uint m, const uint n, const uint slices, global const float *part,
                         global float *c, const uint c_at, const uint c_row, const uint c_column,
                         const uint flags)
{
    const size_t j = get_global_id(0), i = get_global_id(1);

    if (i >= m || j >= n)
        return;
    float s = 0.0f;
    for (size_t q = 0; q < slices; q++)
        s += part[(q * m + i) * n + j];
    global float *const p = c + c_at + i * c_row + j * c_column;
    *p = flags & ACCUMULATE ? *p + s : s;
}
#endif
