/* Kernels whose use of registers and memory is known beforehand: offline.sh has to see it on every chip
 * before it is believed about the program's own.
 */

kernel void planted_nothing(global const float *x, global float *y)
{
    const size_t i = get_global_id(0);

    y[i] = x[i] + 1.0f;
}

/* An array that no compiler can keep in registers, for its indices are data. */
kernel void planted_array(global const float *x, global float *y, const uint n)
{
    const size_t i = get_global_id(0);
    float a[300];

    for (uint k = 0; k < 300; k++)
        a[k] = x[i + k];
    for (uint k = 0; k < n; k++)
        a[as_uint(x[k]) % 300] += a[k % 300];
    y[i] = a[n % 300];
}

#define EACH(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9)
#define LOAD(k) \
    float16 a##k = vload16(k, x), b##k = vload16(k, x + i), c##k = vload16(k, y), d##k = vload16(k, y + i);
#define MIX(k)                    \
    a##k = fma(a##k, b##k, c##k); \
    b##k = fma(b##k, c##k, d##k); \
    c##k = fma(c##k, d##k, a##k); \
    d##k = fma(d##k, a##k, b##k);
#define STORE(k) vstore16(a##k + b##k + c##k + d##k, k, y + i);

/* 640 numbers that are all needed in each turn: more than the registers of any item. */
kernel void planted_spill(global const float *x, global float *y, const uint n)
{
    const size_t i = get_global_id(0);

    EACH(LOAD)
    for (uint turn = 0; turn < n; turn++) {
        EACH(MIX)
    }
    EACH(STORE)
}
