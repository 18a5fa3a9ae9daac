/*
 * partials.cl - arrays that were computed in parts, added up: to = or += the sum of n_parts arrays of `count`
 * floats, part_size apart, seen as rows of `columns` that go to rows `ld` apart.
 *
 * Item j of an element's PARALLEL adds parts j, j + PARALLEL, ... in that order, the first one their sums in
 * order: bits depend on n_parts alone.
 *
 * Launch  (count, PARALLEL), groups of (32, PARALLEL).
 */
#define ELEMENTS 32
#define PARALLEL 8

kernel __attribute__((reqd_work_group_size(ELEMENTS, PARALLEL, 1))) void
partials_sum(const uint count, const uint columns, const uint ld, const uint n_parts, const uint part_size,
             const uint accumulate, global const float *restrict parts, global float *restrict to,
             const uint to_at)
{
    local float sums[PARALLEL][ELEMENTS];
    const uint i = get_global_id(0), x = get_local_id(0), j = get_local_id(1);
    float sum = 0.0f;

    if (i < count)
        for (uint p = j; p < n_parts; p += PARALLEL)
            sum += parts[(size_t)p * part_size + i];
    sums[j][x] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (j > 0 || i >= count)
        return;
    for (uint k = 1; k < PARALLEL; k++)
        sum += sums[k][x];
    global float *const p = to + to_at + (size_t)(i / columns) * ld + i % columns;
    *p = accumulate ? *p + sum : sum;
}
