#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_include)
#if __has_include(<Random123/philox.h>)
#define HAS_RANDOM123 1
#include <Random123/philox.h>
#endif
#endif

#include "base/status.h"
#include "device/opencl.h"
#include "random/random.h"

#include "cl/random/philox.clh"

#include "cl/random/permute.clh"
#include "support/device.h"

/* From the known-answer file that comes with Random123: counter, key, answer of philox4x32 with ten rounds.
 */
static const struct {
    uint32_t counter[4], key[2], answer[4];
} vectors[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

START_TEST(philox_gives_the_published_answers)
{
    for (size_t i = 0; i < SS_COUNT(vectors); i++) {
        uint32_t out[4];

        ss_random_bits(vectors[i].key[0], (enum ss_purpose)vectors[i].key[1], vectors[i].counter, out);
        ck_assert_mem_eq(out, vectors[i].answer, sizeof out);
    }
}
END_TEST

START_TEST(philox_agrees_with_random123_on_other_inputs)
{
#ifdef HAS_RANDOM123
    uint32_t x = 12345;

    for (int i = 0; i < 20000; i++) {
        philox4x32_ctr_t counter;
        philox4x32_key_t key;
        uint32_t mine[4], c[4];

        for (int j = 0; j < 4; j++)
            c[j] = counter.v[j] = x = x * 1664525u + 1013904223u;
        for (int j = 0; j < 2; j++)
            key.v[j] = x = x * 1664525u + 1013904223u;
        const philox4x32_ctr_t theirs = philox4x32(counter, key);
        ss_random_bits(key.v[0], (enum ss_purpose)key.v[1], c, mine);
        ck_assert_mem_eq(mine, theirs.v, sizeof mine);
    }
#else
    ss_say(SS_LEVEL_NOTE, "skipped: no Random123/philox.h (package librandom123-dev)");
#endif
}
END_TEST

START_TEST(uniforms_fill_the_open_interval_evenly)
{
    enum { N = 1 << 18, BINS = 64 };
    double count[BINS] = {0}, chi2 = 0.0;

    ck_assert(ss_uniform(0) == 0x1p-24f);
    ck_assert(ss_uniform(0xffffffff) == 1.0f - 0x1p-24f);
    for (uint32_t i = 0; i < N; i++) {
        float u[4];

        ss_random_uniform(7, SS_PURPOSE_NOISE, (uint32_t[4]){i, 1, 2, 3}, u);
        for (int j = 0; j < 4; j++) {
            ck_assert(u[j] > 0.0f && u[j] < 1.0f);
            count[(int)(u[j] * BINS)]++;
        }
    }
    for (int b = 0; b < BINS; b++)
        chi2 += pow(count[b] - 4.0 * N / BINS, 2) / (4.0 * N / BINS);
    ck_assert_double_lt(chi2,
                        63 + 5 * sqrt(2 * 63.0)); /* five standard deviations of chi-square, 63 degrees */
}
END_TEST

/* Four words, 128 columns: from the lowest bit of the first to the highest of the last. */
START_TEST(signs_are_plus_or_minus_one_by_a_bit_each)
{
    const uint32_t words[] = {0x00000001, 0x80000000, 0xfffffff0, 0x0000a5c3};
    const ss_uint4 bits = {words[0], words[1], words[2], words[3]};

    for (uint32_t column = 0; column < SS_SIGNS; column += 4) {
        const ss_float4 s = ss_signs4(bits, column);
        const float got[4] = {s.x, s.y, s.z, s.w};
        for (uint32_t i = column; i < column + 4; i++)
            ck_assert(got[i % 4] == (words[i / 32] & UINT32_C(1) << i % 32 ? -1.0f : 1.0f));
    }
}
END_TEST

/* Signs of the bits of neighbours in a counter: none leans, nor two of them together. */
START_TEST(signs_have_mean_0_and_are_uncorrelated)
{
    enum { N = 4096 };
    static double sum[SS_SIGNS], together[SS_SIGNS][SS_SIGNS];
    double worst = 0;

    for (uint32_t i = 0; i < N; i++) {
        uint32_t w[4];
        double s[SS_SIGNS];
        ss_random_bits(3, SS_PURPOSE_SLICES, (uint32_t[4]){i, 1, 2, 0}, w);
        for (uint32_t c = 0; c < SS_SIGNS; c++)
            s[c] = (double)ss_sign(w[c / 32] >> c % 32);
        for (uint32_t c = 0; c < SS_SIGNS; c++) {
            sum[c] += s[c];
            for (uint32_t d = 0; d < c; d++)
                together[c][d] += s[c] * s[d];
        }
    }
    for (uint32_t c = 0; c < SS_SIGNS; c++) {
        worst = fmax(worst, fabs(sum[c]));
        for (uint32_t d = 0; d < c; d++)
            worst = fmax(worst, fabs(together[c][d]));
    }
    ck_assert_double_lt(worst, 5.5 * sqrt(N)); /* 8256 sums of N signs: beyond it once in 3000 such tests */
}
END_TEST

/* Distance in units of the last place of the float next to `want`; where |want| is below `floor`, of that. */
static double ulps(double got, double want, double floor)
{
    int exponent;

    frexp(fmax(fabs(want), floor), &exponent);
    return fabs(got - want) / ldexp(1.0, exponent - 24);
}

START_TEST(log_root_and_turn_are_within_three_units_in_the_last_place)
{
    static const uint32_t special[] = {1,          2,          3,          0x7fffffff, 0x80000000, 0x80000001,
                                       0xffffffff, 0xfffffffe, 0xb504f333, 0xb504f334, 0x20000000, 0x1fffffff,
                                       0x60000000, 0xdfffffff, 0xe0000000, 0x40000000, 0xc0000000};
    const double pi = 3.14159265358979323846;
    double worst_log = 0.0, worst_root = 0.0, worst_turn = 0.0;
    uint32_t x = 99;

    for (size_t i = 0; i < 400000 + SS_COUNT(special); i++) {
        x = x * 1664525u + 1013904223u;
        uint32_t n = i < SS_COUNT(special) ? special[i] : i & 1 ? x : x >> (x & 31);
        if (i >= SS_COUNT(special) && i % 3 == 0)
            n = ~n; /* towards 1 */
        const ss_float2 t = ss_turn(n);
        /* What is left of a turn after its quarters is exact in double too. */
        const double quarters = floor(ldexp(n, -30) + 0.5), rest = (ldexp(n, -30) - quarters) * (pi / 2);
        const double c4[4] = {cos(rest), -sin(rest), -cos(rest), sin(rest)};
        const int q = (int)quarters & 3;

        worst_turn = fmax(worst_turn, ulps(t.x, c4[q], 1e-12));
        worst_turn = fmax(worst_turn, ulps(t.y, c4[(q + 3) & 3], 1e-12));
        if (n == 0)
            continue;
        const double minus_log = -log1p(-ldexp(0x1p32 - n, -32));
        const float l = ss_minus_log(n), w = (float)(ldexp(n, -30) * ldexp(n, -27));
        worst_log = fmax(worst_log, ulps(l, minus_log, 1e-12));
        if (w > 1e-30f)
            worst_root = fmax(worst_root, ulps(ss_root(w), sqrt((double)w), 1e-30));
    }
    ck_assert_double_lt(worst_log, 3.0);
    ck_assert_double_lt(worst_root, 0.75);
    ck_assert_double_lt(worst_turn, 3.0);
}
END_TEST

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

START_TEST(normals_have_the_moments_tails_and_distribution_of_normals)
{
    enum { N = 1 << 20 };
    float *const z = malloc(N * sizeof *z);
    double m[5] = {0}, beyond3 = 0, beyond4 = 0, cross = 0, distance = 0;

    for (uint32_t i = 0; i < N / 4; i++) {
        ss_random_normal(3, SS_PURPOSE_SLICES, (uint32_t[4]){5, i, 0, 0}, z + 4 * i);
        cross += (double)z[4 * i] * z[4 * i + 1] + (double)z[4 * i + 1] * z[4 * i + 2];
    }
    for (size_t i = 0; i < N; i++) {
        double p = 1.0;
        for (int k = 1; k < 5; k++)
            m[k] += p *= z[i];
        beyond3 += fabsf(z[i]) > 3.0f;
        beyond4 += fabsf(z[i]) > 4.0f;
    }
    /* Five standard errors each: the variance of z^k is E z^2k - (E z^k)^2. */
    ck_assert_double_lt(fabs(m[1] / N), 5 * sqrt(1.0 / N));
    ck_assert_double_lt(fabs(m[2] / N - 1.0), 5 * sqrt(2.0 / N));
    ck_assert_double_lt(fabs(m[3] / N), 5 * sqrt(15.0 / N));
    ck_assert_double_lt(fabs(m[4] / N - 3.0), 5 * sqrt(96.0 / N));
    ck_assert_double_lt(fabs(cross / (N / 2)), 5 * sqrt(2.0 / N));
    const double want3 = N * erfc(3 / sqrt(2)), want4 = N * erfc(4 / sqrt(2));
    ck_assert_double_lt(fabs(beyond3 - want3), 5 * sqrt(want3));
    ck_assert_double_lt(fabs(beyond4 - want4), 5 * sqrt(want4));
    qsort(z, N, sizeof *z, by_value);
    for (size_t i = 0; i < N; i++)
        distance = fmax(distance, fabs(0.5 * erfc(-z[i] / sqrt(2)) - ((double)i + 0.5) / N));
    ck_assert_double_lt(distance * sqrt(N), 2.23); /* Kolmogorov-Smirnov, probability 1e-4 */
    free(z);
}
END_TEST

START_TEST(normals_are_finite_at_the_ends_of_the_integers)
{
    static const uint32_t ends[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff};

    for (size_t i = 0; i < SS_COUNT(ends); i++)
        for (size_t j = 0; j < SS_COUNT(ends); j++) {
            const ss_float2 z = ss_normal2(ends[i], ends[j]);
            ck_assert(isfinite(z.x) && isfinite(z.y));
            ck_assert(hypot(z.x, z.y) < 6.67);
        }
    ck_assert(hypot(ss_normal2(0, 0).x, ss_normal2(0, 0).y) > 6.6);
}
END_TEST

static void check_bijection(uint32_t seed, uint32_t epoch, uint32_t n)
{
    unsigned char *const seen = calloc(n, 1);

    for (uint32_t i = 0; i < n; i++) {
        const uint32_t j = ss_random_permute(seed, SS_PURPOSE_ORDER, epoch, n, i);
        ck_assert_uint_lt(j, n);
        ck_assert_msg(!seen[j]++, "n=%u: %u is met twice", n, j);
    }
    free(seen);
}

START_TEST(permutation_is_a_bijection_for_any_n)
{
    static const uint32_t large[] = {511, 512, 513, 65535, 65536, 65537, 1000003};

    for (uint32_t n = 1; n <= 300; n++)
        for (uint32_t epoch = 0; epoch < 3; epoch++)
            check_bijection(1, epoch, n);
    for (size_t i = 0; i < SS_COUNT(large); i++)
        check_bijection(2, 0, large[i]);
    for (uint32_t i = 0; i < 1000; i++) /* too many to mark: the range at least */
        ck_assert_uint_lt(ss_random_permute(3, SS_PURPOSE_ORDER, 9, 0x80000000u, i * 2000000u), 0x80000000u);
}
END_TEST

START_TEST(permutations_are_about_equally_likely)
{
    enum { N = 24 * 400 };
    double count[24] = {0}, chi2 = 0;

    for (uint32_t epoch = 0; epoch < N; epoch++) { /* all 24 orders of four */
        uint32_t p[4], code = 0;
        for (uint32_t i = 0; i < 4; i++)
            p[i] = ss_random_permute(5, SS_PURPOSE_ORDER, epoch, 4, i);
        for (int i = 0; i < 3; i++) {
            uint32_t smaller = 0;
            for (int j = i + 1; j < 4; j++)
                smaller += p[j] < p[i];
            code = code * (uint32_t)(4 - i) + smaller;
        }
        count[code]++;
    }
    for (int i = 0; i < 24; i++)
        chi2 += pow(count[i] - N / 24.0, 2) / (N / 24.0);
    ck_assert_double_lt(chi2, 23 + 5 * sqrt(46.0));
    for (uint32_t n = 5; n <= 23;
         n += 6) { /* where each index lands, and where its neighbour lands beside it */
        double place[23][23] = {{0}}, gap[23] = {0};
        for (uint32_t epoch = 0; epoch < 2000 * n; epoch++)
            for (uint32_t i = 0; i < n; i++) {
                const uint32_t a = ss_random_permute(6, SS_PURPOSE_ORDER, epoch, n, i);
                const uint32_t b = ss_random_permute(6, SS_PURPOSE_ORDER, epoch, n, (i + 1) % n);
                place[i][a]++;
                gap[(b + n - a) % n]++;
            }
        for (uint32_t i = 0; i < n; i++) {
            chi2 = 0;
            for (uint32_t j = 0; j < n; j++)
                chi2 += pow(place[i][j] - 2000, 2) / 2000;
            ck_assert_double_lt(chi2, n - 1 + 6 * sqrt(2.0 * n));
        }
        /* Pairs of one permutation are not independent, so only 5 % is asked. */
        for (uint32_t g = 1; g < n; g++)
            ck_assert_double_lt(fabs(gap[g] * (n - 1) / (2000.0 * n * n) - 1), 0.05);
    }
}
END_TEST

START_TEST(permutation_depends_on_seed_purpose_and_epoch)
{
    int same[3] = {0};

    for (uint32_t i = 0; i < 1000; i++) {
        const uint32_t p = ss_random_permute(1, SS_PURPOSE_ORDER, 0, 1000, i);
        same[0] += p == ss_random_permute(2, SS_PURPOSE_ORDER, 0, 1000, i);
        same[1] += p == ss_random_permute(1, SS_PURPOSE_SPLIT, 0, 1000, i);
        same[2] += p == ss_random_permute(1, SS_PURPOSE_ORDER, 1, 1000, i);
    }
    for (int k = 0; k < 3; k++)
        ck_assert_int_lt(same[k], 10); /* one is expected */
}
END_TEST

/* ---- on the device ---- */

static struct ss_device *device;

static void open_device(void)
{
    ok(ss_device_open(NULL, &device));
}

static void close_device(void)
{
    ss_device_free(device);
}

/* out[n_out] = kernel of random.cl on in[n_in], `count` work-items. */
static void on_device(const char *name, const uint32_t *in, size_t n_in, uint32_t count, void *out,
                      size_t n_out)
{
    struct ss_buffer *from = NULL, *to = NULL;
    struct ss_kernel *k = NULL;

    ok(ss_buffer_create(device, 4 * n_in, &from));
    ok(ss_buffer_create(device, 4 * n_out, &to));
    ok(ss_span_write(ss_span_of(from), in, n_in));
    ok(ss_device_kernel(device, "random/random.cl", name, NULL, 0, &k));
    ok(ss_launch(k, (struct ss_range){.global = {count}},
                 (struct ss_arg[]){ss_arg_buffer(from), ss_arg_u32(count), ss_arg_buffer(to)}, 3));
    ok(ss_span_read(ss_span_of(to), out, n_out));
    ss_buffer_free(from);
    ss_buffer_free(to);
}

START_TEST(device_gives_the_published_answers)
{
    enum { N = SS_COUNT(vectors) };
    uint32_t in[N][6], out[N][4];

    for (size_t i = 0; i < N; i++) {
        memcpy(in[i], vectors[i].counter, 16);
        memcpy(in[i] + 4, vectors[i].key, 8);
    }
    on_device("random_bits", &in[0][0], N * 6, N, out, N * 4);
    for (size_t i = 0; i < N; i++)
        ck_assert_mem_eq(out[i], vectors[i].answer, 16);
}
END_TEST

START_TEST(sixteen_lanes_at_once_are_sixteen_calls)
{
    enum { N = 500 };
    static uint32_t in[N][6], out[N][64];

    for (uint32_t i = 0; i < N; i++) {
        ss_random_bits(2, SS_PURPOSE_NOISE, (uint32_t[4]){i, 0, 0, 0}, in[i]);
        ss_random_bits(2, SS_PURPOSE_NOISE, (uint32_t[4]){i, 1, 0, 0}, in[i] + 2);
        in[i][3] = i % 3 ? in[i][3] : 0xfffffff8u + i % 16; /* the last word wraps */
    }
    on_device("random_wide", &in[0][0], N * 6, N, out, N * 64);
    for (size_t i = 0; i < N; i++)
        for (uint32_t lane = 0; lane < 16; lane++) {
            uint32_t want[4];
            const uint32_t counter[4] = {in[i][0], in[i][1], in[i][2], in[i][3] + lane};
            ss_random_bits(in[i][4], (enum ss_purpose)in[i][5], counter, want);
            ck_assert_mem_eq(out[i] + 4 * lane, want, sizeof want);
        }
}
END_TEST

/* Also where products are added in two roundings, for speed. */
START_TEST(device_and_host_agree_to_the_bit)
{
    const bool fma = device->info.fma;
    const uint32_t n = test_small() ? 1 << 10 : 1 << 17;
    static const uint32_t ends[] = {0,          1,          0x7fffffff, 0x80000000, 0xffffffff,
                                    0xb504f333, 0xb504f334, 0x20000000, 0x1fffffff};
    uint32_t *const in = malloc(n * 16);
    float *const out = malloc(n * 32);

    for (uint32_t i = 0; i < n; i++) {
        ss_random_bits(1, SS_PURPOSE_NOISE, (uint32_t[4]){i, 0, 0, 0}, in + 4 * (size_t)i);
        if (i < SS_COUNT(ends) * SS_COUNT(ends)) {
            in[4 * i] = ends[i % SS_COUNT(ends)];
            in[4 * i + 1] = ends[i / SS_COUNT(ends)];
        }
        if (i % 4 == 3)
            in[4 * i + 2] >>= i / 4 % 32; /* far tails */
    }
    device->info.fma = fma && _i == 0;
    for (int wide = 0; wide < 2; wide++) {
        /* One after the other: the eight numbers of four words; or all uniforms of 64 words, all normals. */
        const size_t block = wide ? 64 : 4;
        on_device(wide ? "random_floats_wide" : "random_floats", in, n * 4, n * 4 / (uint32_t)block, out,
                  n * 8);
        for (size_t i = 0; i < n; i++) {
            const ss_uint4 bits = {in[4 * i], in[4 * i + 1], in[4 * i + 2], in[4 * i + 3]};
            const ss_float4 u = ss_uniform4(bits), z = ss_normal4(bits);
            const float want[2][4] = {{u.x, u.y, u.z, u.w}, {z.x, z.y, z.z, z.w}};
            for (size_t j = 0; j < 2; j++) {
                const float *const got = out + 4 * i / block * 2 * block + j * block + 4 * i % block;
                ck_assert_msg(
                    memcmp(want[j], got, sizeof want[j]) == 0,
                    "words %08x %08x %08x %08x, numbers %zu: %.9g %.9g %.9g %.9g, host %.9g %.9g %.9g %.9g",
                    bits.x, bits.y, bits.z, bits.w, j, (double)got[0], (double)got[1], (double)got[2],
                    (double)got[3], (double)want[j][0], (double)want[j][1], (double)want[j][2],
                    (double)want[j][3]);
            }
        }
    }
    device->info.fma = fma;
    free(in);
    free(out);
}
END_TEST

START_TEST(signs_are_the_same_bits_on_the_device)
{
    enum { N = 257 };
    static uint32_t in[4 * N];
    static float out[SS_SIGNS * N];

    for (uint32_t i = 0; i < N; i++)
        ss_random_bits(2, SS_PURPOSE_SLICES, (uint32_t[4]){i, 0, 0, 0}, in + 4 * (size_t)i);
    for (int wide = 0; wide < 2; wide++) {
        on_device(wide ? "random_signs_wide" : "random_signs", in, 4 * N, N, out, SS_SIGNS * N);
        for (size_t i = 0; i < SS_SIGNS * N; i++)
            ck_assert(out[i] == (in[i / 32] & UINT32_C(1) << i % 32 ? -1.0f : 1.0f));
    }
}
END_TEST

START_TEST(device_and_host_permute_alike)
{
    static const uint32_t sizes[] = {1, 2, 3, 5, 17, 256, 300, 10007, 0x80000000};
    static uint32_t out[10007];
    struct ss_buffer *to = NULL;
    struct ss_kernel *k = NULL;

    ok(ss_buffer_create(device, sizeof out, &to));
    ok(ss_device_kernel(device, "random/random.cl", "random_permute", NULL, 0, &k));
    for (size_t s = 0; s < SS_COUNT(sizes); s++) {
        const uint32_t n = sizes[s], count = n < 10007 ? n : 10007;
        ok(ss_launch(k, (struct ss_range){.global = {count}},
                     (struct ss_arg[]){ss_arg_u32(9), ss_arg_u32(SS_PURPOSE_ORDER), ss_arg_u32(4),
                                       ss_arg_u32(n), ss_arg_u32(count), ss_arg_buffer(to)},
                     6));
        ok(ss_span_read(ss_span_of(to), out, count));
        for (uint32_t i = 0; i < count; i++)
            ck_assert_uint_eq(out[i], ss_random_permute(9, SS_PURPOSE_ORDER, 4, n, i));
    }
    ss_buffer_free(to);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("random");
    TCase *const c = tcase_create("host");

    tcase_set_timeout(c, 120);
    tcase_add_test(c, philox_gives_the_published_answers);
    tcase_add_test(c, philox_agrees_with_random123_on_other_inputs);
    tcase_add_test(c, uniforms_fill_the_open_interval_evenly);
    tcase_add_test(c, signs_are_plus_or_minus_one_by_a_bit_each);
    tcase_add_test(c, signs_have_mean_0_and_are_uncorrelated);
    tcase_add_test(c, log_root_and_turn_are_within_three_units_in_the_last_place);
    tcase_add_test(c, normals_have_the_moments_tails_and_distribution_of_normals);
    tcase_add_test(c, normals_are_finite_at_the_ends_of_the_integers);
    tcase_add_test(c, permutation_is_a_bijection_for_any_n);
    tcase_add_test(c, permutations_are_about_equally_likely);
    tcase_add_test(c, permutation_depends_on_seed_purpose_and_epoch);
    suite_add_tcase(s, c);
    TCase *const d = tcase_create("device");
    tcase_set_timeout(d, 120);
    tcase_add_unchecked_fixture(d, open_device, close_device);
    tcase_add_test(d, device_gives_the_published_answers);
    tcase_add_test(d, sixteen_lanes_at_once_are_sixteen_calls);
    tcase_add_loop_test(d, device_and_host_agree_to_the_bit, 0, 2);
    tcase_add_test(d, signs_are_the_same_bits_on_the_device);
    tcase_add_test(d, device_and_host_permute_alike);
    suite_add_tcase(s, d);
    return run_device_suite(s);
}
