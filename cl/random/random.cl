/*
 * random.cl - what philox.clh and permute.clh compute on this device, for comparison with the host.
 *
 * One work-item per i < count.
 * random_bits:    in: six words each, counter (4) then key (2); out: four words each.
 * random_wide:    in as random_bits; out: 64 words each, as sixteen calls of ss_philox in the order of
 * columns. random_floats:  in: four words each; out: eight floats each, uniforms, normals of those words.
 * random_floats_wide: in: 64 words each; out: 128 floats each, uniforms, normals of those words.
 * random_signs, random_signs_wide: in: four words each; out: 128 signs each. random_permute: out[i] = element
 * i of the permutation of n in `epoch` under the key.
 */
#include "random/philox.clh"

#include "random/permute.clh"

kernel void random_bits(global const uint *restrict in, const uint count, global uint *restrict out)
{
    const uint i = get_global_id(0);

    if (i < count)
        vstore4(ss_philox((uint4)(in[6 * i], in[6 * i + 1], in[6 * i + 2], in[6 * i + 3]),
                          (uint2)(in[6 * i + 4], in[6 * i + 5])),
                i, out);
}

kernel void random_wide(global const uint *restrict in, const uint count, global uint *restrict out)
{
    const uint i = get_global_id(0);

    if (i >= count)
        return;
    const ss_uint4x16 words = ss_philox16((uint4)(in[6 * i], in[6 * i + 1], in[6 * i + 2], in[6 * i + 3]),
                                          (uint2)(in[6 * i + 4], in[6 * i + 5]));
    vstore16((uint16)(SS_QUADS(words, 0, 1, 2, 3)), 4 * i, out);
    vstore16((uint16)(SS_QUADS(words, 4, 5, 6, 7)), 4 * i + 1, out);
    vstore16((uint16)(SS_QUADS(words, 8, 9, a, b)), 4 * i + 2, out);
    vstore16((uint16)(SS_QUADS(words, c, d, e, f)), 4 * i + 3, out);
}

kernel void random_floats(global const uint *restrict in, const uint count, global float *restrict out)
{
    const uint i = get_global_id(0);

    if (i >= count)
        return;
    const uint4 bits = vload4(i, in);
    vstore4(ss_uniform4(bits), 2 * i, out);
    vstore4(ss_normal4(bits), 2 * i + 1, out);
}

kernel void random_floats_wide(global const uint *restrict in, const uint count, global float *restrict out)
{
    const uint i = get_global_id(0);
    uint x[16], y[16], z[16], w[16];
    ss_uint4x16 words;

    if (i >= count)
        return;
    for (uint lane = 0; lane < 16; lane++) {
        x[lane] = in[64 * i + 4 * lane];
        y[lane] = in[64 * i + 4 * lane + 1];
        z[lane] = in[64 * i + 4 * lane + 2];
        w[lane] = in[64 * i + 4 * lane + 3];
    }
    words.x = vload16(0, x);
    words.y = vload16(0, y);
    words.z = vload16(0, z);
    words.w = vload16(0, w);
    ss_store_columns(ss_uniform4x16(words), out + 128 * i, 64);
    ss_store_columns(ss_normal4x16(words), out + 128 * i + 64, 64);
}

kernel void random_signs(global const uint *restrict in, const uint count, global float *restrict out)
{
    const uint i = get_global_id(0);

    if (i < count)
        for (uint from = 0; from < SS_SIGNS; from += 4)
            vstore4(ss_signs4(vload4(i, in), from), 0, out + SS_SIGNS * i + from);
}

kernel void random_signs_wide(global const uint *restrict in, const uint count, global float *restrict out)
{
    const uint i = get_global_id(0);

    if (i < count)
        for (uint from = 0; from < SS_SIGNS; from += 16)
            vstore16(ss_signs16(vload4(i, in), from), 0, out + SS_SIGNS * i + from);
}

kernel void random_permute(const uint key_x, const uint key_y, const uint epoch, const uint n,
                           const uint count, global uint *restrict out)
{
    const uint i = get_global_id(0);

    if (i < count)
        out[i] = ss_permute((uint2)(key_x, key_y), epoch, n, i);
}
