/*
 * gemm_tiled.cl - C = op(A) op(B) or C += op(A) op(B) for GPUs, any shape: tiles.clh, a work-group a tile.
 *
 * Where C has few tiles and k is long, groups share a tile: the third dimension of the launch cuts k into
 * slices of slice_k, whose partial products lie c_slice apart and are added up by partials.cl in their order.
 *
 * Layout  row-major as stored; ld is what lies between rows. Element (i, j) of C is c[c_at + i ldc + j].
 * Launch  (columns of tiles x ITEMS, rows of tiles, slices), groups of (ITEMS, 1, 1).
 * -D      those of tiles.clh; TRANSPOSE_A 0, 1 (default 0): A is stored k x m   TRANSPOSE_B likewise: n x k
 */
#include "device/tiles.clh"

#ifndef TRANSPOSE_A
#define TRANSPOSE_A 0
#endif
#ifndef TRANSPOSE_B
#define TRANSPOSE_B 0
#endif

#define ACCUMULATE 1u /* C += */
#define ALIGNED 2u    /* n, ldc and C's place are multiples of 4 */

DEFINE_TILE_PRODUCT(product, global, global)

WHOLE_GROUP void gemm_tiled(const uint m, const uint n, const uint k, global const float *restrict a,
                            const uint a_at, const uint lda, global const float *restrict b, const uint b_at,
                            const uint ldb, global float *restrict c, const uint c_at, const uint ldc,
                            const uint slice_k, const uint c_slice, const uint flags)
{
    local float4 staged[STAGED / 4];
    float4 sum[ITEM_M][QUADS];
    const uint m0 = get_group_id(1) * TILE_M, n0 = get_group_id(0) * TILE_N, k0 = get_group_id(2) * slice_k;
    const struct operand x = {m - m0, TRANSPOSE_A ? 1 : lda, TRANSPOSE_A ? lda : 1};
    const struct operand y = {n - n0, TRANSPOSE_B ? ldb : 1, TRANSPOSE_B ? 1 : ldb};

    c += c_at + get_group_id(2) * (size_t)c_slice + (size_t)m0 * ldc + n0;
    start_global(flags & ALIGNED, m - m0, n - n0, flags & ACCUMULATE ? c : 0, ldc, sum);
    product(!TRANSPOSE_A, a + a_at + (size_t)m0 * x.line_step + (size_t)k0 * x.k_step, x, TRANSPOSE_B,
            b + b_at + (size_t)n0 * y.line_step + (size_t)k0 * y.k_step, y, min(slice_k, k - k0),
            (local float *)staged, sum);
    store_global(flags & ALIGNED, m - m0, n - n0, sum, c, ldc);
}
