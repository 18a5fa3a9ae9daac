/*
 * gemm_own.cl - C = op(A) op(B) or C += op(A) op(B) for CPU devices, any shape: register tiles of explicit
 * vectors.
 *
 * C is cut into tasks of task_m x task_n elements, and, where C is small and k large, k into slices whose
 * partial products gemm_own_sum adds up. A few work-groups of one item stay for the whole launch and take
 * tasks from a counter, so a core slowed by other work takes fewer. A task walks k in steps of DEPTH; in each
 * it packs DEPTH x task_n of B into panels (they stay in L2) and multiplies ROWS rows of A (L1) with one
 * panel after the other. Sizes of tasks change no bits: what is added in which order depends on the shape and
 * DEPTH alone.
 *
 * Layout   row-major as stored. C's element (i, j) is c[c_at + i c_row + j c_column]: c_column is not 1 where
 *          the host has swapped the operands (C' = op(B)' op(A)').
 *
 * Reads    up to PANEL - 1 floats past the end of a row of B, which are thrown away: buffers have room for
 * it.
 *
 * Scratch  of a group: DEPTH x task_n (panels of B) + ROWS x PANEL (a tile of C) + BATCH x ROWS x DEPTH (rows
 *          of A).
 *
 * Counter  counts tasks for ever; the host passes its value before the launch as `first`: each launch adds
 * the number of tasks and of groups.
 *
 * Launch   gemm_own_n (A stored m x k), gemm_own_t (A stored k x m), gemm_own_dot: groups of one item, any
 *          number. gemm_own_sum: (n, m), any local size.
 *
 * -D       WIDTH, UNROLL: device/vector.clh.
 *          VECTORS 1 to 4 (default 2): vectors of a tile's row; 4 needs 32 registers.
 *          ROWS (default 6): rows of a tile.
 *          DEPTH (default 256): multiple of 4.
 *          TRANSPOSE_B 0, 1 (default 0): 1 for a B stored n x k.
 */
#ifndef VECTORS
#define VECTORS 2
#endif
#ifndef ROWS
#define ROWS 6
#endif
#ifndef DEPTH
#define DEPTH 256
#endif
#ifndef TRANSPOSE_B
#define TRANSPOSE_B 0
#endif

#include "device/vector.clh"

#define LOAD(p) LOAD_ANY(p)
#define STORE(v, p) STORE_ANY(v, p)
#define PANEL (WIDTH * VECTORS)
#define BATCH 4 /* tiles of a transposed A packed at once */

/* ---- one tile of C in registers ---- */

/* c (rows x vectors of it) = or += a b over `depth`; row i of A starts at a[i], its next element a_step
 * further. `tile_rows` and `vectors` are literals at the calls. */
INLINE void multiply(const uint tile_rows, const uint vectors, const uint rows, const uint depth,
                     global const float *const *a, const size_t a_step, global const float *b,
                     const size_t b_step, global float *c, const size_t c_row, const int add)
{
    vector sum[ROWS][VECTORS];

    UNROLLED
    for (uint i = 0; i < tile_rows; i++) {
        UNROLLED
        for (uint j = 0; j < vectors; j++)
            sum[i][j] = (vector)(0.0f);
    }
    KEPT for (uint l = 0; l < depth; l++, b += b_step)
    {
        vector y[VECTORS];
        UNROLLED
        for (uint j = 0; j < vectors; j++)
            y[j] = LOAD(b + j * WIDTH);
        UNROLLED
        for (uint i = 0; i < tile_rows; i++) {
            const vector x = (vector)(a[i][l * a_step]);
            UNROLLED
            for (uint j = 0; j < vectors; j++)
                sum[i][j] = fma(x, y[j], sum[i][j]);
        }
    }
    UNROLLED
    for (uint i = 0; i < tile_rows; i++) {
        if (i >= rows)
            continue;
        UNROLLED
        for (uint j = 0; j < vectors; j++) {
            global float *const p = c + i * c_row + j * WIDTH;
            STORE(add ? LOAD(p) + sum[i][j] : sum[i][j], p);
        }
    }
}

/* ---- packing ---- */

#if TRANSPOSE_B
#if WIDTH == 16
/* 16 x 16 transposed in registers by four rounds of interleaving. */
INLINE float16 low(const float16 a, const float16 b)
{
    return (float16)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3, a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7,
                     b.s7);
}
INLINE float16 high(const float16 a, const float16 b)
{
    return (float16)(a.s8, b.s8, a.s9, b.s9, a.sa, b.sa, a.sb, b.sb, a.sc, b.sc, a.sd, b.sd, a.se, b.se, a.sf,
                     b.sf);
}
INLINE void transpose(global const float *from, const size_t from_row, global float *to)
{
    float16 x[16], y[16];

    UNROLLED
    for (uint i = 0; i < 16; i++)
        x[i] = vload16(0, from + i * from_row);
    UNROLLED
    for (uint round = 0; round < 4; round++) {
        UNROLLED
        for (uint i = 0; i < 8; i++) {
            y[2 * i] = low(x[i], x[i + 8]);
            y[2 * i + 1] = high(x[i], x[i + 8]);
        }
        UNROLLED
        for (uint i = 0; i < 16; i++)
            x[i] = y[i];
    }
    UNROLLED
    for (uint i = 0; i < 16; i++)
        vstore16(x[i], 0, to + i * PANEL);
}
#define SQUARE 16
#else
INLINE void transpose(global const float *from, const size_t from_row, global float *to)
{
    /* By elements: compilers make shuffles with undefined lanes of vectors, and Oclgrind 21.10 dies of those.
     */
    UNROLLED
    for (uint i = 0; i < 4; i++) {
        UNROLLED
        for (uint j = 0; j < 4; j++)
            to[i * PANEL + j] = from[j * from_row + i];
    }
}
#define SQUARE 4
#endif

/* One panel of a B stored n x k; its columns from `columns` on stay as they were. */
INLINE void pack_transposed(const uint depth, const uint columns, global const float *b, const size_t ldb,
                            global float *to)
{
    uint j = 0;

    ROLLED
    for (; j + SQUARE <= columns; j += SQUARE) {
        uint l = 0;
        ROLLED
        for (; l + SQUARE <= depth; l += SQUARE)
            transpose(b + j * ldb + l, ldb, to + l * PANEL + j);
        ROLLED
        for (; l < depth; l++) {
            ROLLED
            for (uint q = j; q < j + SQUARE; q++)
                to[l * PANEL + q] = b[q * ldb + l];
        }
    }
    ROLLED
    for (; j < columns; j++) {
        ROLLED
        for (uint l = 0; l < depth; l++)
            to[l * PANEL + j] = b[j * ldb + l];
    }
}

#endif

/* DEPTH x task_n of B as panels of PANEL columns. */
INLINE void pack_b(const uint depth, const uint columns, global const float *b, const size_t ldb,
                   global float *to)
{
    ROLLED
    for (uint j = 0; j < columns; j += PANEL, to += DEPTH * PANEL) {
#if TRANSPOSE_B
        pack_transposed(depth, min((uint)PANEL, columns - j), b + j * ldb, ldb, to);
#else
        ROLLED
        for (uint l = 0; l < depth; l++) {
            UNROLLED
            for (uint q = 0; q < VECTORS; q++)
                STORE(LOAD(b + l * ldb + j + q * WIDTH), to + l * PANEL + q * WIDTH);
        }
#endif
    }
}

/* Up to BATCH x ROWS columns of an A stored k x m: ROWS of them side by side, then the next ROWS; columns
 * from `rows` on repeat the last. Several tiles at once, because each row of A may lie on a page of its own.
 */
INLINE void pack_a(const uint rows, const uint depth, global const float *a, const size_t lda,
                   global float *to)
{
    const uint whole = rows / ROWS;

    ROLLED
    for (uint l = 0; l < depth; l++, a += lda, to += ROWS) {
        ROLLED
        for (uint t = 0; t < whole; t++) {
            global const float *const from = a + t * ROWS;
            global float *const d = to + t * (DEPTH * ROWS);
#if ROWS == 6 && UNROLL
            vstore4(vload4(0, from), 0, d);
            vstore2(vload2(0, from + 4), 0, d + 4);
#else
            UNROLLED
            for (uint i = 0; i < ROWS; i++)
                d[i] = from[i];
#endif
        }
        if (rows > whole * ROWS) {
            ROLLED
            for (uint i = 0; i < ROWS; i++)
                to[whole * (DEPTH * ROWS) + i] = a[min(whole * ROWS + i, rows - 1)];
        }
    }
}

/* ---- one task ---- */

struct place { /* of C, or of a slice's part of it */
    global float *at;
    size_t row, column;
};

/* A tile that is cut off at the right, or whose rows are not contiguous in C. */
INLINE void copy_tile(global const float *tile, const uint rows, const uint columns, const struct place c,
                      const int add)
{
    ROLLED
    for (uint i = 0; i < rows; i++) {
        ROLLED
        for (uint j = 0; j < columns; j++) {
            global float *const p = c.at + i * c.row + j * c.column;
            *p = add ? *p + tile[i * PANEL + j] : tile[i * PANEL + j];
        }
    }
}

/* ROWS rows of A with all panels of a task. */
INLINE void multiply_row(const uint rows, const uint columns, const uint depth, global const float *const *a,
                         const size_t a_step, global const float *b, const size_t b_step,
                         const size_t b_panel, const struct place c, const int add, global float *tile)
{
    ROLLED
    for (uint j = 0; j < columns; j += PANEL, b += b_panel) {
        const uint width = min((uint)PANEL, columns - j);
        const int whole = width % WIDTH == 0 && c.column == 1;
        global float *const to = whole ? c.at + j : tile;
        const size_t row = whole ? c.row : PANEL;
        const int add_here = whole && add;

        if (rows <= 2 && (width == PANEL || !whole))
            multiply(2, VECTORS, rows, depth, a, a_step, b, b_step, to, row, add_here);
        else if (width <= WIDTH)
            multiply(ROWS, 1, rows, depth, a, a_step, b, b_step, to, row, add_here);
#if VECTORS > 3
        else if (width > 3 * WIDTH)
            multiply(ROWS, 4, rows, depth, a, a_step, b, b_step, to, row, add_here);
#endif
#if VECTORS > 2
        else if (width > 2 * WIDTH)
            multiply(ROWS, 3, rows, depth, a, a_step, b, b_step, to, row, add_here);
#endif
#if VECTORS > 1
        else
            multiply(ROWS, 2, rows, depth, a, a_step, b, b_step, to, row, add_here);
#endif
        if (!whole)
            copy_tile(tile, rows, width, (struct place){c.at + j * c.column, c.row, c.column}, add);
    }
}

/* flags: what the host decided for the whole product */
#define ACCUMULATE 1u /* C += */
#define B_IN_PLACE 2u /* B stored k x n and not worth packing */
#define A_IN_PLACE 4u /* A stored k x m and not worth packing */

struct product {
    uint m, n, k;
    global const float *a, *b;
    size_t lda, ldb;
    struct place c;
    size_t c_slice;
    uint task_m, task_n, task_k, flags;
    global float *panels, *tile, *left; /* scratch of this group */
};

/* All rows of a task (i0, j0) with depth x columns of B; A stored k x m if `transpose_a`, a literal. */
INLINE void multiply_rows(const int transpose_a, const struct product *p, const struct place c, const uint i0,
                          const uint j0, const uint l, const uint depth, const int add)
{
    const uint rows = min(p->task_m, p->m - i0), columns = min(p->task_n, p->n - j0);
    const int b_in_place = !TRANSPOSE_B && (p->flags & B_IN_PLACE);
    const int pack = transpose_a && !(p->flags & A_IN_PLACE);
    global const float *const x = p->a + (transpose_a ? l * p->lda + i0 : i0 * p->lda + l);
    global const float *const y = p->b + (TRANSPOSE_B ? j0 * p->ldb + l : l * p->ldb + j0);
    const size_t a_step = pack ? ROWS : transpose_a ? p->lda : 1;

    if (!b_in_place)
        pack_b(depth, columns, y, p->ldb, p->panels);
    ROLLED
    for (uint i = 0; i < rows; i += ROWS) {
        const uint some = min((uint)ROWS, rows - i), batch = i % (BATCH * ROWS);
        global const float *from[ROWS];

        if (pack && batch == 0)
            pack_a(min((uint)(BATCH * ROWS), rows - i), depth, x + i, p->lda, p->left);
        UNROLLED
        for (uint r = 0; r < ROWS; r++)
            from[r] =
                pack ? p->left + batch * DEPTH + r : x + (i + min(r, some - 1)) * (transpose_a ? 1 : p->lda);
        multiply_row(some, columns, depth, from, a_step, b_in_place ? y : p->panels,
                     b_in_place ? p->ldb : PANEL, b_in_place ? PANEL : DEPTH * PANEL,
                     (struct place){c.at + i * c.row, c.row, c.column}, add, p->tile);
    }
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
        const uint k0 = slice * p->task_k, k1 = min(p->k, k0 + p->task_k);
        const struct place c = {p->c.at + slice * p->c_slice + i0 * p->c.row + j0 * p->c.column, p->c.row,
                                p->c.column};
        ROLLED
        for (uint l = k0; l < k1; l += DEPTH)
            multiply_rows(transpose_a, p, c, i0, j0, l, min((uint)DEPTH, k1 - l),
                          (p->flags & ACCUMULATE) || l > k0);
    }
}

#define PARAMETERS                                                                                       \
    const uint m, const uint n, const uint k, global const float *a, const uint a_at, const uint lda,    \
        global const float *b, const uint b_at, const uint ldb, global float *c, const uint c_at,        \
        const uint c_row, const uint c_column, const uint c_slice, const uint task_m, const uint task_n, \
        const uint task_k, const uint flags, global float *scratch, global uint *counter, const uint first
#define PRODUCT                                                                                     \
    global float *const panels =                                                                    \
        scratch + get_group_id(0) * ((size_t)DEPTH * task_n + ROWS * PANEL + BATCH * ROWS * DEPTH); \
    global float *const tile = panels + (size_t)DEPTH * task_n;                                     \
    const struct product p = {                                                                      \
        m,       n,      k,      a + a_at, b + b_at, lda,    ldb,  {c + c_at, c_row, c_column},     \
        c_slice, task_m, task_n, task_k,   flags,    panels, tile, tile + ROWS * PANEL}

ONE_ITEM void gemm_own_n(PARAMETERS)
{
    PRODUCT;

    take_tasks(0, &p, counter, first);
}

ONE_ITEM void gemm_own_t(PARAMETERS)
{
    PRODUCT;

    take_tasks(1, &p, counter, first);
}

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
INLINE void dot_tile(const uint columns, const uint rows, const uint n, const uint k, global const float *a,
                     const size_t lda, global const float *b, const size_t ldb, const struct place c,
                     const int add)
{
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
            const vector x = LOAD(a + min(i, rows - 1) * lda + l);
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
                s = fma(a[i * lda + q], b[j * ldb + q], s);
            global float *const p = c.at + i * c.row + j * c.column;
            *p = add ? *p + s : s;
        }
    }
}

/* n up to 4, A stored m x k. A B stored k x n is turned round first, in the group's scratch of n x k floats.
 */
ONE_ITEM void gemm_own_dot(const uint m, const uint n, const uint k, global const float *a, const uint a_at,
                           const uint lda, global const float *b, const uint b_at, const uint ldb,
                           global float *c, const uint c_at, const uint c_row, const uint c_column,
                           const uint task_m, const uint flags, global float *scratch, global uint *counter,
                           const uint first)
{
    const uint tasks = (m + task_m - 1) / task_m;
    const int add = flags & ACCUMULATE;
    global const float *y = b + b_at;
    size_t y_row = ldb;

#if !TRANSPOSE_B
    global float *const turned = scratch + get_group_id(0) * (size_t)n * k;
    ROLLED
    for (uint l = 0; l < k; l++) {
        ROLLED
        for (uint j = 0; j < n; j++)
            turned[(size_t)j * k + l] = b[b_at + (size_t)l * ldb + j];
    }
    y = turned;
    y_row = k;
#else
    (void)scratch;
#endif
    ROLLED
    for (uint t = atomic_inc(counter) - first; t < tasks; t = atomic_inc(counter) - first) {
        const uint end = min(m, (t + 1) * task_m);
        ROLLED
        for (uint i = t * task_m; i < end; i += 4) {
            const uint rows = min(4u, end - i);
            global const float *const x = a + a_at + (size_t)i * lda;
            const struct place to = {c + c_at + (size_t)i * c_row, c_row, c_column};
            if (n == 1)
                dot_tile(1, rows, n, k, x, lda, y, y_row, to, add);
            else if (n == 2)
                dot_tile(2, rows, n, k, x, lda, y, y_row, to, add);
            else
                dot_tile(4, rows, n, k, x, lda, y, y_row, to, add);
        }
    }
}

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
