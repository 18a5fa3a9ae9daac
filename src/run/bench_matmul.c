/* bench_matmul.c - square matrix products: ours, CLBlast's, and OpenBLAS's where it is installed. */
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/clock.h"
#include "device/gemm.h"
#include "run/bench_parts.h"
#include "run/stop.h"

enum { LARGEST = 4096, MATMUL_REPETITIONS = 9, LEAST_REPETITIONS = 3, FEW = 16 };
static const size_t sizes[] = {64, 128, 256, 512, 1024, 2048, LARGEST};
static const char *const transposes[] = {"nn", "nt", "tn"};

/* A product that takes longer is not measured: a backend this slow at one size has shown what it is. */
static const double MOST_SECONDS = 2.0, LEAST_SECONDS = 0.01;

/* ---- OpenBLAS, at run time ---- */

enum { CBLAS_ROWS = 101, CBLAS_NO = 111, CBLAS_YES = 112 }; /* of the C interface to BLAS */

typedef void cblas_sgemm_fn(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                            const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);

struct bench {
    struct ss_device *device;
    struct ss_buffer *a, *b, *c;
    float *host[3];
    void *library;
    cblas_sgemm_fn *sgemm;
};

/* `core`: the processor whose kernels it has chosen. */
static void load_blas(struct bench *x, char *core, size_t size)
{
    char *(*name)(void) = NULL;

    x->library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!x->library)
        return;
    *(void **)&x->sgemm = dlsym(x->library, "cblas_sgemm"); /* as POSIX has it */
    *(void **)&name = dlsym(x->library, "openblas_get_corename");
    snprintf(core, size, "%s", name ? name() : "unknown");
}

/* On a processor newer than itself OpenBLAS may take its kernels for one of 2004, and a fifth of the speed:
 * the processor whose kernels this one runs as well, or NULL. */
static const char *better_core(const char *chosen)
{
    if (strcmp(chosen, "Prescott") != 0)
        return NULL;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return "Haswell";
#endif
    return NULL;
}

/* Its threads go on spinning after a product, 2^28 cycles unless told otherwise (an exponent), and would
 * halve what is measured next: 2^24 are some milliseconds. What the user's environment says of either holds.
 */
static void open_blas(struct bench *x, char *core, size_t size)
{
    setenv("OPENBLAS_THREAD_TIMEOUT", "24", 0);
    load_blas(x, core, size);
    const char *const better = better_core(core);
    if (!better || getenv("OPENBLAS_CORETYPE"))
        return;
    setenv("OPENBLAS_CORETYPE", better, 1);
    dlclose(x->library);
    x->sgemm = NULL;
    load_blas(x, core, size);
}

/* ---- one product ---- */

enum backend { OWN, CLBLAST, OPENBLAS };
static const char *const backend_names[] = {"own", "clblast", "openblas"};

static enum ss_status enqueue(struct bench *x, size_t n, const char *transpose)
{
    const struct ss_gemm g = {.transpose_a = transpose[0] == 't',
                              .transpose_b = transpose[1] == 't',
                              .m = n,
                              .n = n,
                              .k = n,
                              .a = ss_span_of(x->a),
                              .b = ss_span_of(x->b),
                              .c = ss_span_of(x->c),
                              .lda = n,
                              .ldb = n,
                              .ldc = n};

    return ss_gemm_enqueue(x->device, &g);
}

static void call_blas(const struct bench *x, size_t n, const char *transpose)
{
    x->sgemm(CBLAS_ROWS, transpose[0] == 't' ? CBLAS_YES : CBLAS_NO,
             transpose[1] == 't' ? CBLAS_YES : CBLAS_NO, (int)n, (int)n, (int)n, 1.0f, x->host[0], (int)n,
             x->host[1], (int)n, 0.0f, x->host[2], (int)n);
}

/* Until OpenBLAS's threads spin no more. Many products in a row are timed with them awake. */
static void let_threads_sleep(void)
{
    const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};

    nanosleep(&pause, NULL);
}

/* Seconds of each of `count`. */
static enum ss_status time_of(struct bench *x, enum backend backend, size_t n, const char *transpose,
                              size_t count, double *seconds)
{
    enum ss_status st = SS_OK;

    TRY(ss_device_finish(x->device));
    if (backend == OPENBLAS && count > 1)
        call_blas(x, n, transpose);
    const double from = ss_clock_seconds();
    for (size_t i = 0; i < count; i++) {
        if (backend == OPENBLAS)
            call_blas(x, n, transpose);
        else
            TRY(enqueue(x, n, transpose));
    }
    TRY(ss_device_finish(x->device));
    *seconds = (ss_clock_seconds() - from) / (double)count;
    if (backend == OPENBLAS)
        let_threads_sleep();
out:
    return st;
}

static double gflop_of(size_t n)
{
    return 2e-9 * (double)n * (double)n * (double)n;
}

/* How many in a row, so that waking the device is little of it; the first of all builds, packs, wakes. */
static enum ss_status how_many(struct bench *x, enum backend backend, size_t n, const char *transpose,
                               size_t *count)
{
    double each = 0;
    enum ss_status st = SS_OK;

    *count = 1;
    TRY(time_of(x, backend, n, transpose, 1, &each));
    TRY(time_of(x, backend, n, transpose, 1, &each));
    if (each < LEAST_SECONDS)
        TRY(time_of(x, backend, n, transpose, FEW, &each));
    if (each > 0 && each < LEAST_SECONDS)
        *count = (size_t)(LEAST_SECONDS / each) + 1;
out:
    return st;
}

/* One backend of those that are measured side by side. */
struct runner {
    enum backend backend;
    struct ss_bench_product *p;
    size_t count;
    double gflops[MATMUL_REPETITIONS], fraction[MATMUL_REPETITIONS];
};

static void choose(struct bench *x, enum backend backend)
{
    ss_gemm_choose(x->device, backend == CLBLAST ? SS_GEMM_CLBLAST : SS_GEMM_OWN);
}

/* In each round one after the other, who begins changes; the peak before each. What disturbs the machine
 * for a while disturbs a round, and with it both sides of a ratio. */
static enum ss_status measure(struct bench *x, struct ss_peak *peak, double seconds, struct runner *runners,
                              size_t n_runners)
{
    double ratios[MATMUL_REPETITIONS], each = 0, top = 0;
    size_t n = 0;
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < n_runners; i++) {
        choose(x, runners[i].backend);
        TRY(how_many(x, runners[i].backend, runners[i].p->size, runners[i].p->transpose, &runners[i].count));
    }
    const double until = ss_clock_seconds() + seconds;
    while (n < MATMUL_REPETITIONS && (n < LEAST_REPETITIONS || ss_clock_seconds() < until)) {
        for (size_t i = 0; i < n_runners; i++) {
            struct runner *const r = &runners[(i + n) % n_runners];
            choose(x, r->backend);
            TRY(ss_peak_measure(peak, &top));
            TRY(time_of(x, r->backend, r->p->size, r->p->transpose, r->count, &each));
            r->gflops[n] = gflop_of(r->p->size) / each;
            r->fraction[n] = r->gflops[n] / top;
        }
        ratios[n] = n_runners > 1 ? runners[0].gflops[n] / runners[1].gflops[n] : NAN;
        n++;
    }
    for (size_t i = 0; i < n_runners; i++) {
        runners[i].p->gflops = ss_bench_spread_of(runners[i].gflops, n);
        runners[i].p->fraction_of_peak = ss_bench_spread_of(runners[i].fraction, n).median;
        runners[i].p->by_openblas = NAN;
    }
    if (n_runners > 1)
        runners[0].p->by_openblas = ss_bench_spread_of(ratios, n).median;
out:
    return st;
}

/* A product of one element is all launch. */
static enum ss_status measure_launch(struct bench *x, double *microseconds)
{
    enum { LAUNCHES = 1000 };
    double us[MATMUL_REPETITIONS];
    enum ss_status st = SS_OK;

    choose(x, OWN);
    TRY(time_of(x, OWN, 1, "nn", LAUNCHES, &us[0]));
    for (size_t i = 0; i < SS_COUNT(us); i++) {
        TRY(time_of(x, OWN, 1, "nn", LAUNCHES, &us[i]));
        us[i] *= 1e6;
    }
    *microseconds = ss_bench_spread_of(us, SS_COUNT(us)).median;
out:
    return st;
}

/* ---- all of them ---- */

static enum ss_status prepare(struct bench *x, struct ss_device *device, struct ss_bench *b)
{
    const size_t n = (size_t)LARGEST * LARGEST;
    enum ss_status st = SS_OK;

    x->device = device;
    open_blas(x, b->openblas, sizeof(b->openblas));
    for (size_t i = 0; i < SS_COUNT(x->host); i++) {
        TRY(ss_allocate(n, &x->host[i]));
        for (size_t j = 0; j < n; j++)
            x->host[i][j] = (float)((j * 2654435761u + i) % 1024) / 1024.0f - 0.5f;
    }
    TRY(ss_buffer_create(device, n * sizeof(float), &x->a));
    TRY(ss_buffer_create(device, n * sizeof(float), &x->b));
    TRY(ss_buffer_create(device, n * sizeof(float), &x->c));
    TRY(ss_span_write(ss_span_of(x->a), x->host[0], n));
    TRY(ss_span_write(ss_span_of(x->b), x->host[1], n));
out:
    return st;
}

static void release(struct bench *x)
{
    for (size_t i = 0; i < SS_COUNT(x->host); i++)
        free(x->host[i]);
    ss_buffer_free(x->a);
    ss_buffer_free(x->b);
    ss_buffer_free(x->c);
    if (x->library)
        dlclose(x->library);
}

struct until {
    double clock;
    size_t left; /* products still to be measured by then, besides the one at hand */
};

/* Backends of one size and transpose, but for those that are not there or too slow. */
static enum ss_status one(struct bench *x, struct ss_peak *peak, const struct ss_bench_options *options,
                          const struct ss_bench_product *what, const enum backend *backends,
                          size_t n_backends, double *rate, struct until *until, struct ss_bench *b)
{
    struct runner runners[SS_COUNT(backend_names)];
    const double now = ss_clock_seconds();
    size_t n = 0;
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < n_backends; i++) {
        const enum backend k = backends[i];
        until->left--;
        if ((k == OPENBLAS && !x->sgemm) || (rate[k] > 0 && gflop_of(what->size) / rate[k] > MOST_SECONDS))
            continue;
        if (!(now < until->clock) || ss_stop_signal()) {
            b->n_products_skipped++;
            continue;
        }
        runners[n] = (struct runner){.backend = k, .p = &b->products[b->n_products + n]};
        *runners[n].p = *what;
        runners[n++].p->backend = backend_names[k];
    }
    if (!n)
        return SS_OK;
    TRY(measure(x, peak, (until->clock - now) * (double)n / (double)(until->left + n), runners, n));
    for (size_t i = 0; i < n; i++) {
        rate[runners[i].backend] = runners[i].p->gflops.max;
        if (options->product)
            options->product(options->context, runners[i].p);
    }
    b->n_products += n;
out:
    return st;
}

/* Ours and OpenBLAS's side by side; CLBlast comes last, since its builds may take longer than all the rest.
 */
static enum ss_status pass(struct bench *x, struct ss_peak *peak, const struct ss_bench_options *options,
                           const enum backend *backends, size_t n_backends, struct until *until,
                           struct ss_bench *b)
{
    double rate[SS_COUNT(transposes)][SS_COUNT(backend_names)] = {{0}};
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < SS_COUNT(sizes); i++) {
        for (size_t t = 0; t < SS_COUNT(transposes); t++) {
            struct ss_bench_product what = {.size = sizes[i]};
            memcpy(what.transpose, transposes[t], sizeof(what.transpose));
            TRY(one(x, peak, options, &what, backends, n_backends, rate[t], until, b));
        }
    }
out:
    return st;
}

enum ss_status ss_bench_products(struct ss_device *device, struct ss_peak *peak,
                                 const struct ss_bench_options *options, double seconds, struct ss_bench *b)
{
    static const enum backend beside[] = {OWN, OPENBLAS}, alone[] = {CLBLAST};
    struct bench x = {0};
    enum ss_status st = SS_OK;

    TRY(ss_allocate(SS_COUNT(sizes) * SS_COUNT(transposes) * SS_COUNT(backend_names), &b->products));
    TRY(prepare(&x, device, b));
    if (!x.sgemm)
        ss_say(SS_LEVEL_NOTE, "skip: OpenBLAS beside our products: libopenblas.so.0 is not installed");
    else if (!ss_device_is_cpu(device))
        ss_say(SS_LEVEL_NOTE, "OpenBLAS is measured on the host's cores, the others on the device");
    const bool ours = options->gemm != SS_GEMM_CLBLAST, clblast = options->gemm != SS_GEMM_OWN;
    const size_t n = (ours ? SS_COUNT(beside) : 0) + (clblast ? SS_COUNT(alone) : 0);
    struct until until = {ss_clock_seconds() + seconds, SS_COUNT(sizes) * SS_COUNT(transposes) * n};
    TRY(measure_launch(&x, &b->launch_us));
    if (ours)
        TRY(pass(&x, peak, options, beside, SS_COUNT(beside), &until, b));
    if (clblast)
        TRY(pass(&x, peak, options, alone, SS_COUNT(alone), &until, b));
out:
    release(&x);
    ss_gemm_choose(device, options->gemm);
    return st;
}

enum ss_status ss_bench_matmul(struct ss_device *device, size_t size, double *gflops)
{
    struct bench x = {.device = device};
    double each[MATMUL_REPETITIONS];
    const size_t n = size * size;
    enum ss_status st = SS_OK;

    TRY(ss_buffer_create(device, n * sizeof(float), &x.a));
    TRY(ss_buffer_create(device, n * sizeof(float), &x.b));
    TRY(ss_buffer_create(device, n * sizeof(float), &x.c));
    for (size_t i = 0; i < SS_COUNT(each); i++) {
        TRY(time_of(&x, OWN, size, "nn", 1, &each[i])); /* any but OpenBLAS: what is chosen */
        if (each[i] > MOST_SECONDS) {
            each[0] = each[i];
            break;
        }
    }
    *gflops =
        gflop_of(size) / (each[0] > MOST_SECONDS ? each[0] : ss_bench_spread_of(each, SS_COUNT(each)).median);
out:
    release(&x);
    return st;
}
