#include "device/selftest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "device/gemm.h"
#include "device/opencl.h"
#include "random/random.h"

/* ---- rows ---- */

enum ss_status ss_selftest_add(struct ss_selftest *t, const char *family, const char *plan, double error,
                               double allowed, bool *passed)
{
    struct ss_selftest_row *const rows = realloc(t->rows, (t->count + 1) * sizeof(*rows));
    const double now = ss_clock_seconds();

    if (!rows)
        return SS_FAIL_MEMORY((t->count + 1) * sizeof(*rows));
    t->rows = rows;
    struct ss_selftest_row *const row = &rows[t->count++];
    *row = (struct ss_selftest_row){
        .passed = error <= allowed, .error = error, .allowed = allowed, .seconds = now - t->start};
    snprintf(row->family, sizeof(row->family), "%s", family);
    snprintf(row->plan, sizeof(row->plan), "%s", plan);
    t->start = now;
    *passed = row->passed;
    return SS_OK;
}

void ss_selftest_release(struct ss_selftest *t)
{
    free(t->rows);
    *t = (struct ss_selftest){0};
}

/** What a test answers when it could not run at all. */
static bool ran(enum ss_status st, double *error)
{
    if (st != SS_OK)
        *error = INFINITY;
    return st == SS_OK;
}

static void worsen(double *error, double by)
{
    *error = by > *error || isnan(by) ? by : *error;
}

/* ---- random numbers ---- */

/* Published answers of Philox4x32-10 (Random123, kat_vectors): counter, key, result. */
static const uint32_t philox[][10] = {
    {0, 0, 0, 0, 0, 0, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u},
    {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu},
    {0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u, 0xd16cfe09u, 0x94fdccebu,
     0x5001e420u, 0x24126ea1u}};

enum { VECTORS = SS_COUNT(philox) };

static enum ss_status philox_error(struct ss_device *d, double *error)
{
    uint32_t in[6 * VECTORS], got[4 * VECTORS];
    struct ss_buffer *b = NULL, *out = NULL;
    struct ss_kernel *k = NULL;
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < VECTORS; i++)
        memcpy(in + 6 * i, philox[i], 6 * sizeof(uint32_t));
    TRY(ss_buffer_create(d, sizeof(in), &b));
    TRY(ss_buffer_create(d, sizeof(got), &out));
    TRY(ss_span_write(ss_span_of(b), in, SS_COUNT(in)));
    TRY(ss_device_kernel(d, "random/random.cl", "random_bits", NULL, 0, &k));
    const struct ss_arg args[] = {ss_arg_buffer(b), ss_arg_u32(VECTORS), ss_arg_buffer(out)};
    TRY(ss_launch(k, (struct ss_range){.global = {VECTORS}}, args, SS_COUNT(args)));
    TRY(ss_span_read(ss_span_of(out), got, SS_COUNT(got)));
    for (size_t i = 0; i < SS_COUNT(got); i++)
        worsen(error, fabs((double)got[i] - (double)philox[i / 4][6 + i % 4]));
out:
    ss_buffer_free(b);
    ss_buffer_free(out);
    return st;
}

static enum ss_status test_random(struct ss_device *d, bool full, struct ss_selftest *t)
{
    double error = 0.0;
    bool passed = false;
    enum ss_status st = SS_OK;

    (void)full;
    ran(philox_error(d, &error), &error);
    TRY(ss_selftest_add(t, "random", "philox", error, 0.0, &passed));
    if (!passed)
        st = SS_FAIL(SS_ERR_SELFTEST, "%s %s: choose another device", d->info.name,
                     isinf(error) ? "cannot compute random integers" : "computes random integers wrong");
out:
    return st;
}

/* ---- sums in local memory ---- */

enum { SUM_ITEMS = 1000, SUM_GROUP = 64, SUM_GROUPS = (SUM_ITEMS + SUM_GROUP - 1) / SUM_GROUP };

static enum ss_status sum_error(struct ss_device *d, double *error)
{
    const struct ss_define group = {"GROUP", SUM_GROUP};
    float x[SUM_ITEMS], got[SUM_GROUPS], want[SUM_GROUPS] = {0};
    struct ss_buffer *b = NULL, *out = NULL, *count = NULL;
    struct ss_kernel *k = NULL;
    uint32_t groups = 0;
    enum ss_status st = SS_OK;

    for (int i = 0; i < SUM_ITEMS; i++)
        want[i / SUM_GROUP] += x[i] = (float)(i * 37 % 101 - 50);
    TRY(ss_buffer_create(d, sizeof(x), &b));
    TRY(ss_buffer_create(d, sizeof(got), &out));
    TRY(ss_buffer_create(d, sizeof(groups), &count));
    TRY(ss_span_write(ss_span_of(b), x, SUM_ITEMS));
    TRY(ss_device_kernel(d, "device/selftest.cl", "selftest_sum", &group, 1, &k));
    const struct ss_arg args[] = {ss_arg_u32(SUM_ITEMS), ss_arg_buffer(b), ss_arg_buffer(out),
                                  ss_arg_buffer(count)};
    TRY(ss_launch(k, (struct ss_range){.global = {SUM_ITEMS}, .local = {SUM_GROUP}}, args, SS_COUNT(args)));
    TRY(ss_span_read(ss_span_of(out), got, SUM_GROUPS));
    TRY(ss_span_read(ss_span_of(count), &groups, 1));
    for (int i = 0; i < SUM_GROUPS; i++)
        worsen(error, fabs((double)got[i] - (double)want[i]));
    worsen(error, fabs((double)groups - SUM_GROUPS));
out:
    ss_buffer_free(b);
    ss_buffer_free(out);
    ss_buffer_free(count);
    return st;
}

static enum ss_status test_sums(struct ss_device *d, bool full, struct ss_selftest *t)
{
    double error = 0.0;
    bool passed = false;
    enum ss_status st = SS_OK;

    if (!full) /* the means of the objectives stand for it: each kernel loaded takes 10 ms on PoCL */
        return SS_OK;
    ran(sum_error(d, &error), &error);
    TRY(ss_selftest_add(t, "sums", "local memory", error, 0.0, &passed));
    if (!passed)
        st = SS_FAIL(SS_ERR_SELFTEST, "%s %s in local memory: choose another device", d->info.name,
                     isinf(error) ? "cannot add" : "adds wrong");
out:
    return st;
}

/* ---- matrix product ---- */

struct product {
    size_t m, n, k;
    bool ta, tb, accumulate;
};

/* The first ones are of the short form: each way through the kernels once. */
enum { SHORT_PRODUCTS = 5 };
static const struct product products[] = {
    {65, 70, 130, false, true, false},   {50, 33, 70, true, false, true},
    {49, 67, 20, false, false, false},   {40, 1, 100, false, true, false},
    {5, 9, 2048, true, false, true},     {64, 128, 257, true, true, false},
    {300, 2, 129, false, false, true},   {129, 260, 514, false, false, false},
    {131, 300, 270, false, true, true},  {128, 130, 5000, true, false, false},
    {500, 500, 500, false, false, false}};

/* Small integers: all sums are exact in fp32, so any difference is a fault. */
static float element(size_t i, size_t salt)
{
    return (float)((i * 2654435761u + salt * 40503u) % 1000003u % 17u) - 8.0f;
}

static double difference(const struct product *p, const float *a, const float *b, const float *c,
                         const float *got)
{
    const size_t lda = p->ta ? p->m : p->k, ldb = p->tb ? p->k : p->n;
    double error = 0.0;

    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->n; j++) {
            float want = p->accumulate ? c[i * p->n + j] : 0.0f;
            for (size_t l = 0; l < p->k; l++)
                want += a[p->ta ? l * lda + i : i * lda + l] * b[p->tb ? j * ldb + l : l * ldb + j];
            worsen(&error, fabs((double)want - (double)got[i * p->n + j]));
        }
    return error;
}

static enum ss_status product_error(struct ss_device *d, const struct product *p, double *error)
{
    const size_t n_a = p->m * p->k, n_b = p->k * p->n, n_c = p->m * p->n, n = n_a + n_b + n_c;
    struct ss_buffer *b = NULL;
    float *x = NULL, *got = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(n, &x));
    TRY(ss_allocate(n_c, &got));
    for (size_t i = 0; i < n; i++)
        x[i] = element(i, n);
    TRY(ss_buffer_create(d, n * sizeof(*x), &b));
    TRY(ss_span_write(ss_span_of(b), x, n));
    TRY(ss_gemm_enqueue(d, &(struct ss_gemm){.transpose_a = p->ta,
                                             .transpose_b = p->tb,
                                             .m = p->m,
                                             .n = p->n,
                                             .k = p->k,
                                             .a = {b, 0},
                                             .b = {b, n_a},
                                             .c = {b, n_a + n_b},
                                             .lda = p->ta ? p->m : p->k,
                                             .ldb = p->tb ? p->k : p->n,
                                             .ldc = p->n,
                                             .accumulate = p->accumulate}));
    TRY(ss_span_read((struct ss_span){b, n_a + n_b}, got, n_c));
    worsen(error, difference(p, x, x + n_a, x + n_a + n_b, got));
out:
    ss_buffer_free(b);
    free(got);
    free(x);
    return st;
}

/* Of the backend in use: the largest until the first fault. */
static double products_error(struct ss_device *d, size_t n)
{
    struct ss_demotion quiet; /* a plan that a driver refuses is only a plan that failed */
    double error = 0.0;

    ss_demote_begin(&quiet);
    for (size_t i = 0; i < n && error == 0.0; i++)
        if (!ran(product_error(d, &products[i], &error), &error))
            break;
    ss_demote_end(&quiet);
    return error;
}

static enum ss_status test_products(struct ss_device *d, bool full, struct ss_selftest *t)
{
    const size_t n = full ? SS_COUNT(products) : SHORT_PRODUCTS;
    bool passed = false;
    enum ss_status st = SS_OK;

    for (;;) {
        const char *const plan = ss_gemm_backend(d);
        const double error = products_error(d, n);
        TRY(ss_selftest_add(t, "matrix product", plan, error, 0.0, &passed));
        if (passed)
            return SS_OK;
        if (!ss_gemm_set_aside(d))
            return SS_FAIL(SS_ERR_SELFTEST, "%s %s even in the plainest way: choose another device",
                           d->info.name,
                           isinf(error) ? "cannot multiply matrices" : "multiplies matrices wrong");
        if (isinf(error))
            ss_say(SS_LEVEL_WARNING,
                   "%s, driver %s, cannot run the matrix product '%s': set aside for '%s', which is slower",
                   d->info.name, d->info.driver, plan, ss_gemm_backend(d));
        else
            ss_say(SS_LEVEL_WARNING,
                   "%s, driver %s, computes the matrix product '%s' wrong (off by %g): set aside for '%s', "
                   "which is slower",
                   d->info.name, d->info.driver, plan, error, ss_gemm_backend(d));
    }
out:
    return st;
}

/* ---- all of them ---- */

static enum ss_status run_all(struct ss_device *d, bool full, const struct ss_selftest_family *families,
                              size_t n, struct ss_selftest *t)
{
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < n; i++) {
        const enum ss_status one = families[i].run(d, full, t);
        if (one != SS_OK && one != SS_ERR_SELFTEST)
            return one;
        st = one != SS_OK ? one : st;
    }
    return st;
}

enum ss_status ss_selftest_device(struct ss_device *d, bool full, const struct ss_selftest_family *more,
                                  size_t n_more, struct ss_selftest *out)
{
    static const struct ss_selftest_family own[] = {
        {"random", test_random}, {"sums", test_sums}, {"matrix product", test_products}};
    struct ss_selftest t = {.start = ss_clock_seconds()};
    const enum ss_status first = run_all(d, full, own, SS_COUNT(own), &t);
    const enum ss_status second =
        first == SS_OK || first == SS_ERR_SELFTEST ? run_all(d, full, more, n_more, &t) : SS_OK;
    const enum ss_status st = first != SS_OK ? first : second;

    if (st == SS_OK || st == SS_ERR_SELFTEST)
        *out = t;
    else
        ss_selftest_release(&t);
    return st;
}
