/*
 * langevin.cl - one step of every chain: unadjusted Langevin, and its Metropolis-adjusted form (Roberts &
 * Tweedie 1996).
 *
 *     propose   y = x + e s(x) + sqrt(2 e) z        z standard normal by counter (step, chain, 0, column / 4)
 *     accept    y with probability min(1, exp(E(x) - E(y) + (|y - x - e s(x)|^2 - |x - y - e s(y)|^2) / (4
 * e)))
 *
 * Layout  x, y, scores (chains, width); energies, accepted, probability (of acceptance, of this step) and
 * divergent (proposals whose odds are below e^-1000, or not a number) (chains).
 * Launch  propose (ceil(width / 4), chains); accept (chains).
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

kernel void langevin_accept(const uint seed, const uint purpose, const uint step_word, const uint chains,
                            const uint width, const float step_size, global float *restrict x,
                            global float *restrict x_score, global float *restrict x_energy,
                            global const float *restrict y, const uint y_at,
                            global const float *restrict y_score, const uint y_score_at,
                            global const float *restrict y_energy, const uint y_energy_at,
                            global uint *restrict accepted, global float *restrict probability,
                            global uint *restrict divergent)
{
    const size_t chain = get_global_id(0);

    if (chain >= chains)
        return;
    const size_t at = chain * width;
    float forth = 0.0f, back = 0.0f; /* squared distances from the means of the two proposals */
    for (size_t i = 0; i < width; i++) {
        const float xi = x[at + i], yi = y[y_at + at + i];
        const float a = yi - xi - step_size * x_score[at + i];
        const float b = xi - yi - step_size * y_score[y_score_at + at + i];
        forth = fma(a, a, forth);
        back = fma(b, b, back);
    }
    const float log_ratio =
        x_energy[chain] - y_energy[y_energy_at + chain] + (forth - back) / (4.0f * step_size);
    const uint4 bits = ss_philox((uint4)(step_word, (uint)chain, 1, 0), (uint2)(seed, purpose));
    probability[chain] = isnan(log_ratio) ? 0.0f : exp(min(log_ratio, 0.0f));
    if (!(log_ratio > -1000.0f))
        divergent[chain]++;
    /* false for a proposal that is not finite: it is rejected */
    if (!(log(ss_uniform4(bits).x) < log_ratio))
        return;
    for (size_t i = 0; i < width; i++) {
        x[at + i] = y[y_at + at + i];
        x_score[at + i] = y_score[y_score_at + at + i];
    }
    x_energy[chain] = y_energy[y_energy_at + chain];
    accepted[chain]++;
}
