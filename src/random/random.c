#include "random/random.h"

#include "cl/random/philox.clh"

#include "cl/random/permute.clh"

static ss_uint4 draw(uint32_t seed, enum ss_purpose purpose, const uint32_t counter[4])
{
    return ss_philox((ss_uint4){counter[0], counter[1], counter[2], counter[3]},
                     (ss_uint2){seed, (uint32_t)purpose});
}

static void store(ss_float4 v, float out[4])
{
    out[0] = v.x;
    out[1] = v.y;
    out[2] = v.z;
    out[3] = v.w;
}

void ss_random_bits(uint32_t seed, enum ss_purpose purpose, const uint32_t counter[4], uint32_t out[4])
{
    const ss_uint4 bits = draw(seed, purpose, counter);

    out[0] = bits.x;
    out[1] = bits.y;
    out[2] = bits.z;
    out[3] = bits.w;
}

void ss_random_uniform(uint32_t seed, enum ss_purpose purpose, const uint32_t counter[4], float out[4])
{
    store(ss_uniform4(draw(seed, purpose, counter)), out);
}

static inline void normal(uint32_t seed, enum ss_purpose purpose, const uint32_t counter[4], float out[4])
{
    store(ss_normal4(draw(seed, purpose, counter)), out);
}

/* fmaf is a call where the compiler may not assume the instruction: initial weights of a wide net took 0.1 s.
 * The bits are the same either way. */
#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("fma"), flatten)) static void normal_with_fma(uint32_t seed, enum ss_purpose purpose,
                                                                    const uint32_t counter[4], float out[4])
{
    normal(seed, purpose, counter, out);
}

void ss_random_normal(uint32_t seed, enum ss_purpose purpose, const uint32_t counter[4], float out[4])
{
    (__builtin_cpu_supports("fma") ? normal_with_fma : normal)(seed, purpose, counter, out);
}
#else
void ss_random_normal(uint32_t seed, enum ss_purpose purpose, const uint32_t counter[4], float out[4])
{
    normal(seed, purpose, counter, out);
}
#endif

uint32_t ss_random_permute(uint32_t seed, enum ss_purpose purpose, uint32_t epoch, uint32_t n, uint32_t index)
{
    return ss_permute((ss_uint2){seed, (uint32_t)purpose}, epoch, n, index);
}
