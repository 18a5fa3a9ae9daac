/*
 * gemm_plain.cl - C = op(A) op(B) or C += op(A) op(B), one work-item an element: the oracle of the fast
 * backends.
 *
 * Layout  row-major as stored: element (i, l) of op(A) is a[a_at + i a_row + l a_column], (l, j) of op(B)
 *         b[b_at + l b_row + j b_column].
 * Launch  (n, m), any local size.
 */
kernel void gemm_plain(const uint m, const uint n, const uint k, const uint accumulate, global const float *a,
                       const uint a_at, const uint a_row, const uint a_column, global const float *b,
                       const uint b_at, const uint b_row, const uint b_column, global float *c,
                       const uint c_at, const uint ldc)
{
    const size_t j = get_global_id(0), i = get_global_id(1);

    if (j >= n || i >= m)
        return;
    float sum = 0.0f;
    for (size_t l = 0; l < k; l++)
        sum = fma(a[a_at + i * a_row + l * a_column], b[b_at + l * b_row + j * b_column], sum);
    const size_t at = c_at + i * ldc + j;
    c[at] = accumulate ? c[at] + sum : sum;
}
