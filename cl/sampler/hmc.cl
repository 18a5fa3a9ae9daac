/*
 * hmc.cl - Hamiltonian Monte Carlo with unit masses (Duane et al. 1987; Neal 2011), all chains at once, on a
 * path from the standard normal to a model: U(x) = b E(x) + (1 - b) |x|^2 / 2. b = 1 is the model itself; one
 * leapfrog step is the Metropolis-adjusted Langevin algorithm (Roberts & Tweedie 1996).
 *
 *     begin    p = z - h/2 U'(x), q = x + h p       z standard normal by counter (step, chain, 0, column / 4)
 *     leap     p -= h U'(q), q += h p               between two scores
 *     accept   p -= h/2 U'(q); q with probability min(1, exp(U(x) + |z|^2 / 2 - U(q) - |p|^2 / 2))
 *     excess   out = E(x) - |x|^2 / 2               what U gains as b grows by one
 *
 * Layout  x, q, p, scores -E' (chains, width); energies, accepted, probability (of acceptance, of this step)
 * and divergent (proposals whose odds are below e^-1000, or not a number) (chains).
 * Launch  begin (ceil(width / 4), chains); leap (chains * width); accept, excess (chains).
 */
#include "random/philox.clh"

/* -U' at one column. At b = 1 it is the score, to the bit. */
static float tempered(const float b, const float score, const float x)
{
    return fma(b, score, (b - 1.0f) * x);
}

kernel void hmc_begin(const uint seed, const uint purpose, const uint step_word, const uint chains,
                      const uint width, const float h, const float b, global const float *restrict x,
                      global const float *restrict x_score, global float *restrict p,
                      global float *restrict q, const uint q_at)
{
    const size_t quad = get_global_id(0), chain = get_global_id(1);

    if (4 * quad >= width || chain >= chains)
        return;
    const uint4 bits = ss_philox((uint4)(step_word, (uint)chain, 0, (uint)quad), (uint2)(seed, purpose));
    const float4 normal = ss_normal4(bits);
    const float z[4] = {normal.x, normal.y, normal.z, normal.w};
    const size_t at = chain * width + 4 * quad;
    const uint n = min(4u, width - 4 * (uint)quad);

    for (uint i = 0; i < n; i++) {
        p[at + i] = fma(0.5f * h, tempered(b, x_score[at + i], x[at + i]), z[i]);
        q[q_at + at + i] = fma(h, p[at + i], x[at + i]);
    }
}

kernel void hmc_leap(const uint count, const float h, const float b, global const float *restrict q_score,
                     const uint q_score_at, global float *restrict p, global float *restrict q,
                     const uint q_at)
{
    const size_t i = get_global_id(0);

    if (i >= count)
        return;
    p[i] = fma(h, tempered(b, q_score[q_score_at + i], q[q_at + i]), p[i]);
    q[q_at + i] = fma(h, p[i], q[q_at + i]);
}

kernel void hmc_accept(const uint seed, const uint purpose, const uint step_word, const uint chains,
                       const uint width, const float h, const float b, global float *restrict x,
                       global float *restrict x_score, global float *restrict x_energy,
                       global const float *restrict p, global const float *restrict q, const uint q_at,
                       global const float *restrict q_score, const uint q_score_at,
                       global const float *restrict q_energy, const uint q_energy_at,
                       global uint *restrict accepted, global float *restrict probability,
                       global uint *restrict divergent)
{
    const size_t chain = get_global_id(0);

    if (chain >= chains)
        return;
    const size_t at = chain * width;
    /* |z|^2 - |p|^2 and |x|^2 - |q|^2, summed as such: two large sums would cancel */
    float kinetic = 0.0f, normal_part = 0.0f;
    for (uint quad = 0; 4 * quad < width; quad++) {
        const uint4 bits = ss_philox((uint4)(step_word, (uint)chain, 0, quad), (uint2)(seed, purpose));
        const float4 normal = ss_normal4(bits);
        const float z[4] = {normal.x, normal.y, normal.z, normal.w};
        const uint n = min(4u, width - 4 * quad);
        for (uint i = 0; i < n; i++) {
            const size_t j = at + 4 * quad + i;
            const float qj = q[q_at + j];
            const float end = fma(0.5f * h, tempered(b, q_score[q_score_at + j], qj), p[j]);
            kinetic += (z[i] - end) * (z[i] + end);
            normal_part += (x[j] - qj) * (x[j] + qj);
        }
    }
    const float log_ratio =
        b * (x_energy[chain] - q_energy[q_energy_at + chain]) + 0.5f * ((1.0f - b) * normal_part + kinetic);
    const uint4 bits = ss_philox((uint4)(step_word, (uint)chain, 1, 0), (uint2)(seed, purpose));
    probability[chain] = isnan(log_ratio) ? 0.0f : exp(min(log_ratio, 0.0f));
    if (!(log_ratio > -1000.0f))
        divergent[chain]++;
    /* false for a proposal that is not finite: it is rejected */
    if (!(log(ss_uniform4(bits).x) < log_ratio))
        return;
    for (size_t i = 0; i < width; i++) {
        x[at + i] = q[q_at + at + i];
        x_score[at + i] = q_score[q_score_at + at + i];
    }
    x_energy[chain] = q_energy[q_energy_at + chain];
    accepted[chain]++;
}

kernel void hmc_excess(const uint chains, const uint width, global const float *restrict x,
                       global const float *restrict x_energy, global float *restrict excess)
{
    const size_t chain = get_global_id(0);
    float square = 0.0f;

    if (chain >= chains)
        return;
    for (size_t i = 0; i < width; i++)
        square = fma(x[chain * width + i], x[chain * width + i], square);
    excess[chain] = fma(-0.5f, square, x_energy[chain]);
}
