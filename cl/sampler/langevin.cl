/*
 * langevin.cl - one step of every chain by unadjusted Langevin.
 *
 *     propose   y = x + e s(x) + sqrt(2 e) z        z standard normal by counter (step, chain, 0, column / 4)
 *
 * Layout  x, y, scores (chains, width).
 * Launch  propose (ceil(width / 4), chains).
 */
#include "random/philox.clh"

kernel void langevin_propose(const uint seed, const uint purpose, const uint step_word, const uint chains,
                             const uint width, const float step_size, const float deviation,
                             global const float *restrict x, global const float *restrict score,
                             const uint score_at, global float *restrict y, const uint y_at)
{
    const size_t quad = get_global_id(0), chain = get_global_id(1);

    if (4 * quad >= width || chain >= chains)
        return;
    const uint4 bits = ss_philox((uint4)(step_word, (uint)chain, 0, (uint)quad), (uint2)(seed, purpose));
    const float4 normal = ss_normal4(bits);
    const float z[4] = {normal.x, normal.y, normal.z, normal.w};
    const size_t at = chain * width + 4 * quad;
    const uint n = min(4u, width - 4 * (uint)quad);

    for (uint i = 0; i < n; i++)
        y[y_at + at + i] = x[at + i] + step_size * score[score_at + at + i] + deviation * z[i];
}
