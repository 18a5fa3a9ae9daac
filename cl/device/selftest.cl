/*
 * selftest.cl - what all other kernels rely on: work-items of a group share local memory, barriers order it,
 * groups count together.
 *
 * Launch  selftest_sum: (n rounded up), local size GROUP; `out` one float a group, `groups` counts them.
 * -D      GROUP (default 64), a power of two.
 */
#ifndef GROUP
#define GROUP 64
#endif

kernel void selftest_sum(const uint n, global const float *restrict x, global float *restrict out,
                         global uint *restrict groups)
{
    local float part[GROUP];
    const uint item = get_local_id(0), i = get_global_id(0);

    part[item] = i < n ? x[i] : 0.0f;
    for (uint half_size = GROUP / 2; half_size > 0; half_size /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item < half_size)
            part[item] += part[item + half_size];
    }
    if (item == 0) {
        out[get_group_id(0)] = part[0];
        atomic_inc(groups);
    }
}
