/*
 * gemm_tiled.cl - C = op(A) op(B) or C += op(A) op(B) for GPUs, any shape: tiles.clh, a work-group a tile.
 *
 * Where C has few tiles and k is long, groups share a tile: the third dimension of the launch cuts k into
 * slices of slice_k, whose partial products lie c_slice apart and are added up by partials.cl in their order.
 *
 * With BIAS the first `samples` rows get one as well. A file that includes this one may say what is done with
 * C at the end, in the words of gemm_own.cl; it is called for one element of each stream. Then A and C are
 * `streams` matrices of m rows (beside the skip-th, if that is not 0, which is left as it is), and a tile has
 * all the streams of `chunk` rows: when its group has stored them, its items go on by what they find there.
 *
 * Layout  row-major as stored; ld is what lies between rows. Element (i, j) of C is c[c_at + i ldc + j].
 * Launch  (columns of tiles x ITEMS, rows of tiles, slices), groups of (ITEMS, 1, 1). With an epilogue
 *         streams chunk <= TILE_M, rows of tiles are chunks, and there is one slice.
 * -D      those of tiles.clh; TRANSPOSE_A 0, 1 (default 0): A is stored k x m; with an epilogue 0
 *         TRANSPOSE_B likewise: n x k   BIAS 0, 1 (default 0)
 */
#ifdef EPILOGUE
#define RUNS 1
#endif
#include "device/tiles.clh"

#ifndef TRANSPOSE_A
#define TRANSPOSE_A 0
#endif
#ifndef TRANSPOSE_B
#define TRANSPOSE_B 0
#endif
#ifndef BIAS
#define BIAS 0
#endif

#define ACCUMULATE 1u /* C += */
#define ALIGNED 2u    /* n, ldc and C's place are multiples of 4 */

#ifdef EPILOGUE
#define TILE_ROWS chunk
#define WRITTEN /* what is at the end may write C too */
#else
#define EPILOGUE_PARAMETERS
#define TILE_ROWS TILE_M
#define WRITTEN restrict
#endif

DEFINE_TILE_PRODUCT(product, global, global)

/* The item's part of a tile's first rows += the bias of its columns. */
INLINE void add_bias(const uint rows, const uint columns, global const float *bias, float4 sum[ITEM_M][QUADS])
{
    UNROLLED
    for (uint j = 0; j < QUADS; j++) {
        const uint column = item_column(j), n = column < columns ? min(4u, columns - column) : 0;
        const float4 b = (float4)(n > 0 ? bias[column] : 0.0f, n > 1 ? bias[column + 1] : 0.0f,
                                  n > 2 ? bias[column + 2] : 0.0f, n > 3 ? bias[column + 3] : 0.0f);
        UNROLLED
        for (uint i = 0; i < ITEM_M; i++)
            if (item_row() + i < rows)
                sum[i][j] += b;
    }
}

/* streams, skip, chunk: with an epilogue alone. */
WHOLE_GROUP void gemm_tiled(const uint m, const uint n, const uint k, global const float *restrict a,
                            const uint a_at, const uint lda, global const float *restrict b, const uint b_at,
                            const uint ldb, global float *WRITTEN c, const uint c_at, const uint ldc,
                            const uint slice_k, const uint c_slice, const uint flags,
                            global const float *restrict bias, const uint bias_at, const uint samples,
                            const uint streams, const uint skip, const uint chunk EPILOGUE_PARAMETERS)
{
    local float4 staged[STAGED / 4];
    float4 sum[ITEM_M][QUADS];
    const uint m0 = (get_group_id(1) + get_global_offset(1)) * TILE_ROWS, n0 = get_group_id(0) * TILE_N;
    const uint k0 = get_group_id(2) * slice_k, rows = min((uint)TILE_ROWS, m - m0); /* of a stream */
#ifdef EPILOGUE
    const uint lines = rows * streams, parts = RUN_PARTS(rows);
    const struct operand x = {lines, lda, 1, rows, parts, m * lda, skip - 1};
    const struct operand apart = {lines, ldc, 1, rows, parts, m * ldc, skip - 1};
#else
    const uint lines = rows, apart = ldc;
    const struct operand x = {lines, TRANSPOSE_A ? 1 : lda, TRANSPOSE_A ? lda : 1};
#endif
    const struct operand y = {n - n0, TRANSPOSE_B ? ldb : 1, TRANSPOSE_B ? 1 : ldb};

    c += c_at + get_group_id(2) * (size_t)c_slice + (size_t)m0 * ldc + n0;
    start_global(flags & ALIGNED, lines, n - n0, flags & ACCUMULATE ? c : 0, apart, sum);
    product(!TRANSPOSE_A, a + a_at + (size_t)m0 * x.line_step + (size_t)k0 * x.k_step, x, TRANSPOSE_B,
            b + b_at + (size_t)n0 * y.line_step + (size_t)k0 * y.k_step, y, min(slice_k, k - k0),
            (local float *)staged, sum);
#if BIAS
    if (m0 < samples)
        add_bias(min(rows, samples - m0), n - n0, bias + bias_at + n0, sum);
#endif
    store_global(flags & ALIGNED, lines, n - n0, sum, c, apart);
#ifdef EPILOGUE
    const struct epilogue e = EPILOGUE;

    barrier(CLK_GLOBAL_MEM_FENCE);
    ROLLED
    for (uint i = get_local_id(0); i < rows * TILE_N; i += ITEMS) {
        const uint row = i / TILE_N, column = i % TILE_N;
        const size_t at = (size_t)row * ldc + column;
        if (column < n - n0)
            epilogue(&e, c + at, (size_t)m0 * ldc + n0 + at, ldc, (size_t)m * ldc, 1, 1);
    }
#endif
}
