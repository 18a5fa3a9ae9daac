/*
 * initial.cl - initial weights: w[i] = deviation z[i], z standard normals of key (seed, purpose) and counter
 * (i / 4, tensor, 0, 0), the bits of ss_graph_initialize() (src/jet/graph.c).
 *
 * Launch  one work-item for every 4 of n weights; initial_normals_wide for every 64, for CPU devices.
 */
#include "random/philox.clh"

kernel void initial_normals(const uint seed, const uint purpose, const uint tensor, const float deviation,
                            const uint n, global float *restrict w, const uint w_at)
{
    const uint quad = get_global_id(0);

    if (4 * quad >= n)
        return;
    const uint4 bits = ss_philox((uint4)(quad, tensor, 0u, 0u), (uint2)(seed, purpose));
    ss_store4(deviation * ss_normal4(bits), w + w_at + 4 * quad, n - 4 * quad);
}

kernel void initial_normals_wide(const uint seed, const uint purpose, const uint tensor,
                                 const float deviation, const uint n, global float *restrict w,
                                 const uint w_at)
{
    const uint first = 64 * get_global_id(0);

    if (first >= n)
        return;
    ss_uint4x16 counters;
    counters.x = first / 4 + SS_LANES;
    counters.y = (uint16)(tensor);
    counters.z = counters.w = (uint16)(0u);
    ss_float4x16 z = ss_normal4x16(ss_philox_lanes(counters, (uint2)(seed, purpose)));
    z.x *= deviation;
    z.y *= deviation;
    z.z *= deviation;
    z.w *= deviation;
    ss_store_columns(z, w + w_at + first, n - first);
}
