/*
 * gemm_plain.cl - C = op(A) op(B) or C += op(A) op(B), one work-item an element: the oracle of the fast
 * backends.
 *
 * Layout  row-major; A is m x k (k x m as stored if TRANSPOSE_A), B k x n (n x k if TRANSPOSE_B), C m x n.
 * Launch  (n, m), any local size.
 * -D      TRANSPOSE_A, TRANSPOSE_B, ACCUMULATE: 0 or 1 (default 0).
 */
#ifndef TRANSPOSE_A
#define TRANSPOSE_A 0
#endif
#ifndef TRANSPOSE_B
#define TRANSPOSE_B 0
#endif
#ifndef ACCUMULATE
#define ACCUMULATE 0
#endif

kernel void gemm_plain(const uint m, const uint n, const uint k, global const float *a, const uint a_at,
                       const uint lda, global const float *b, const uint b_at, const uint ldb,
                       global float *c, const uint c_at, const uint ldc)
{
    const size_t j = get_global_id(0);
    const size_t i = get_global_id(1);

    if (j >= n || i >= m)
        return;
    float sum = 0.0f;
    for (size_t l = 0; l < k; l++) {
        const float x = a[a_at + (TRANSPOSE_A ? l * lda + i : i * lda + l)];
        const float y = b[b_at + (TRANSPOSE_B ? j * ldb + l : l * ldb + j)];
        sum = fma(x, y, sum);
    }
    const size_t at = c_at + i * ldc + j;
    c[at] = ACCUMULATE ? c[at] + sum : sum;
}
