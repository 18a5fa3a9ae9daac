/*
 * gemm_own.cl - C = op(A) op(B) or C += op(A) op(B) for CPU devices, any shape: register tiles of explicit
 * vectors.
 *
 * C is cut into tasks of task_m x task_n elements, and, where C is small and k large, k into slices whose
 * partial products gemm_own_sum adds up. A few work-groups of one item stay for the whole launch and take
 * tasks from a counter, so a core slowed by other work takes fewer. A task walks k in steps of DEPTH; in each
 * it packs DEPTH x task_n of B into panels (L2), and multiplies ROWS rows of A (L1) with one panel after the
 * other. Sizes of tasks change no bits: what is added in which order depends on the shape and DEPTH alone.
 *
 * Layout  row-major as stored. C's element (i, j) is c[c_at + i c_row + j c_col]: c_col is not 1 where the
 * host has swapped the operands (C' = op(B)' op(A)'). Reads   up to PANEL - 1 floats past the end of a row of
 * B, which are thrown away: buffers have room for that. scratch of a group: DEPTH x task_n (panels of B) +
 * ROWS x PANEL (a tile of C) + DEPTH x ROWS (rows of A). counter counts tasks for ever; the host passes its
 * value before the launch as `first`: each launch adds the number of tasks and of groups. Launch  gemm_own_n
 * (A stored m x k), gemm_own_t (A stored k x m), gemm_own_dot: groups of one item, any number. gemm_own_sum:
 * (n, m), any local size. -D      WIDTH 1, 4, 8, 16 (default 4)   floats of a vector VECTORS 1 to 4 (default
 * 2)      vectors of a tile's row; WIDTH 16: 4, else the registers do not suffice ROWS (default 6) rows of a
 * tile DEPTH (default 256)             multiple of 4 UNROLL 0, 1 (default 1)         0 for compilers that
 * make mistakes on large unrolled code TRANSPOSE_B 0, 1 (default 0)    1: B stored n x k
 */
#ifndef WIDTH
#define WIDTH 4
#endif
#ifndef VECTORS
#define VECTORS 2
#endif
#ifndef ROWS
#define ROWS 6
#endif
#ifndef DEPTH
#define DEPTH 256
#endif
#ifndef UNROLL
#define UNROLL 1
#endif
#ifndef TRANSPOSE_B
#define TRANSPOSE_B 0
#endif

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#if WIDTH == 1
typedef float vector;
#define LOAD(p) (*(p))
#define STORE(v, p) (*(p) = (v))
#else
typedef PASTE(float, WIDTH) vector;
#define LOAD(p) PASTE(vload, WIDTH)(0, p)
#define STORE(v, p) PASTE(vstore, WIDTH)(v, 0, p)
#endif
#define PANEL (WIDTH * VECTORS)
#define INLINE static inline __attribute__((always_inline))
/* The hint says that the code is vectorised already; without it Intel's compiler builds a second version of
 * it for 16 work-items, in ten times the time. */
#define ONE_ITEM kernel __attribute__((reqd_work_group_size(1, 1, 1), vec_type_hint(vector)))
#if UNROLL
#define UNROLLED _Pragma("unroll") /* arrays indexed by these loops become registers */
#else
#define UNROLLED
#endif
#define KEPT _Pragma("clang loop vectorize(disable)")
#define ROLLED _Pragma("clang loop vectorize(disable) unroll(disable)") /* keeps builds short */

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
    const float4 a = vload4(0, from), b = vload4(0, from + from_row);
    const float4 c = vload4(0, from + 2 * from_row), d = vload4(0, from + 3 * from_row);

    vstore4((float4)(a.x, b.x, c.x, d.x), 0, to);
    vstore4((float4)(a.y, b.y, c.y, d.y), 0, to + PANEL);
    vstore4((float4)(a.z, b.z, c.z, d.z), 0, to + 2 * PANEL);
    vstore4((float4)(a.w, b.w, c.w, d.w), 0, to + 3 * PANEL);
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

/* ROWS columns of an A stored k x m, side by side; columns from `rows` on repeat the last. */
INLINE void pack_a(const uint rows, const uint depth, global const float *a, const size_t lda,
                   global float *to)
{
    if (rows == ROWS) {
        ROLLED
        for (uint l = 0; l < depth; l++, a += lda, to += ROWS) {
#if ROWS == 6 && UNROLL
            vstore4(vload4(0, a), 0, to);
            vstore2(vload2(0, a + 4), 0, to + 4);
#else
            UNROLLED
            for (uint i = 0; i < ROWS; i++)
                to[i] = a[i];
#endif
        }
        return;
    }
    ROLLED
    for (uint l = 0; l < depth; l++, a += lda, to += ROWS) {
        ROLLED
        for (uint i = 0; i < ROWS; i++)
            to[i] = a[min(i, rows - 1)];
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

#define KERNEL(NAME, TRANSPOSE_A)                                                                           \
    ONE_ITEM void NAME(const uint m, const uint n, const uint k, global const float *a, const uint a_at,    \
                       const uint lda, global const float *b, const uint b_at, const uint ldb,              \
                       global float *c, const uint c_at, const uint c_row, const uint c_column,             \
                       const uint c_slice, const uint task_m, const uint task_n, const uint task_k,         \
                       const uint flags, global float *scratch, global uint *counter, const uint first)     \
    {                                                                                                       \
        const uint tasks_m = (m + task_m - 1) / task_m, tasks_n = (n + task_n - 1) / task_n;                \
        const uint tasks = tasks_m * tasks_n * ((k + task_k - 1) / task_k);                                 \
        global float *const panels =                                                                        \
            scratch + get_group_id(0) * ((size_t)DEPTH * task_n + ROWS * (PANEL + DEPTH));                  \
        global float *const tile = panels + (size_t)DEPTH * task_n, *const left = tile + ROWS * PANEL;      \
                                                                                                            \
        ROLLED                                                                                              \
        for (uint t = atomic_inc(counter) - first; t < tasks; t = atomic_inc(counter) - first) {            \
            const uint slice = t / (tasks_m * tasks_n), i0 = t % tasks_m * task_m,                          \
                       j0 = t / tasks_m % tasks_n * task_n;                                                 \
            const uint rows = min(task_m, m - i0), columns = min(task_n, n - j0);                           \
            const uint k1 = min(k, (slice + 1) * task_k);                                                   \
            const size_t at = c_at + (size_t)slice * c_slice + (size_t)i0 * c_row + (size_t)j0 * c_column;  \
            ROLLED                                                                                          \
            for (uint l = slice * task_k; l < k1; l += DEPTH) {                                             \
                const uint depth = min((uint)DEPTH, k1 - l);                                                \
                const int add = (flags & ACCUMULATE) || l > slice * task_k;                                 \
                global const float *const x =                                                               \
                    a + a_at + (TRANSPOSE_A ? (size_t)l * lda + i0 : (size_t)i0 * lda + l);                 \
                global const float *const y =                                                               \
                    b + b_at + (TRANSPOSE_B ? (size_t)j0 * ldb + l : (size_t)l * ldb + j0);                 \
                const int in_place = !TRANSPOSE_B && (flags & B_IN_PLACE);                                  \
                if (!in_place)                                                                              \
                    pack_b(depth, columns, y, ldb, panels);                                                 \
                ROLLED                                                                                      \
                for (uint i = 0; i < rows; i += ROWS) {                                                     \
                    const uint some = min((uint)ROWS, rows - i);                                            \
                    const int pack = TRANSPOSE_A && !(flags & A_IN_PLACE);                                  \
                    global const float *from[ROWS];                                                         \
                    if (pack)                                                                               \
                        pack_a(some, depth, x + i, lda, left);                                              \
                    UNROLLED                                                                                \
                    for (uint r = 0; r < ROWS; r++)                                                         \
                        from[r] =                                                                           \
                            pack ? left + r : x + (i + min(r, some - 1)) * (TRANSPOSE_A ? 1 : (size_t)lda); \
                    multiply_row(some, columns, depth, from,                                                \
                                 pack          ? ROWS                                                       \
                                 : TRANSPOSE_A ? (size_t)lda                                                \
                                               : 1,                                                         \
                                 in_place ? y : panels, in_place ? ldb : PANEL,                             \
                                 in_place ? PANEL : DEPTH *PANEL,                                           \
                                 (struct place){c + at + (size_t)i * c_row, c_row, c_column}, add, tile);   \
                }                                                                                           \
            }                                                                                               \
        }                                                                                                   \
    }
KERNEL(gemm_own_n, 0)
KERNEL(gemm_own_t, 1)

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
    return (q.x + q.z) + (q.y + q.w);
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
