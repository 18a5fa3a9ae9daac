#include "run/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "device/gemm.h"
#include "run/bench_parts.h"
#include "run/stop.h"
#include "run/trained.h"

/* Shares of the time that is left: builds cost what they cost, so what a workload is measured for is cut
 * instead. Below LEAST_SECONDS it is not worth starting. */
static const double MATMUL_SHARE = 0.25, MEASURING_SHARE = 0.5, LEAST_SECONDS = 0.15, MOST_SECONDS = 3.0;
enum { MATMUL_SIZE = 1024 };

struct watch {
    double until;
    size_t skipped_builds, skipped;
};

static double left(const struct watch *w)
{
    return w->until - ss_clock_seconds();
}

static enum ss_status one(const struct ss_bench_options *o, struct ss_device *device, struct ss_peak *peak,
                          struct watch *w, struct ss_bench *b)
{
    const struct ss_bench_shape *const shape = &o->shapes[b->n_rows];
    const size_t to_do = o->n_shapes - b->n_rows;
    struct ss_bench_row *const row = &b->rows[b->n_rows];
    double seconds = MEASURING_SHARE * left(w) / (double)to_do;
    enum ss_status st = SS_OK;

    seconds = !(seconds > LEAST_SECONDS) ? LEAST_SECONDS : seconds < MOST_SECONDS ? seconds : MOST_SECONDS;
    ss_log_phase(o->log, shape->name);
    TRY(ss_bench_measure(device, peak, shape, seconds, row));
    ss_log_phase(o->log, NULL); /* before the row */
    b->n_rows++;
    if (o->row)
        o->row(o->context, row);
out:
    ss_log_phase(o->log, NULL);
    if (st == SS_ERR_MEMORY)
        ss_say(SS_LEVEL_NOTE,
               "%s: %zu rows of %zu columns, and as many again to draw them from; a smaller "
               "--batch or --dimension takes less",
               shape->name, shape->batch, shape->dimension);
    return st;
}

/* Of a family the first alone: the others build the same kernels for other numbers. */
static bool wants_build(const struct ss_bench *b, size_t i)
{
    const char *const family = b->rows[i].shape.family;

    return !family || i == 0 || b->rows[i - 1].shape.family != family;
}

static enum ss_status builds(const struct ss_bench_options *o, struct watch *w, struct ss_bench *b)
{
    enum ss_status st = SS_OK;

    for (size_t i = 0; o->program && i < b->n_rows; i++) {
        if (!wants_build(b, i))
            continue;
        if (left(w) < 0 || ss_stop_signal()) {
            w->skipped_builds++;
            continue;
        }
        ss_log_phase(o->log, "building kernels anew");
        TRY(ss_bench_builds(o->program, o->device, &b->rows[i].shape, &b->rows[i]));
        ss_log_phase(o->log, NULL);
        if (ss_stop_signal())
            w->skipped_builds++;
        else if (o->build)
            o->build(o->context, &b->rows[i]);
    }
out:
    ss_log_phase(o->log, NULL);
    return st;
}

/* So many of what were left out, if any. */
static void add_remark(const char *what, size_t n, struct ss_bench *b)
{
    const size_t used = strlen(b->remark);

    if (n)
        snprintf(b->remark + used, sizeof(b->remark) - used, "%s %s %zu",
                 used         ? ","
                 : b->stopped ? "interrupted, left out:"
                              : "out of time (--seconds gives more), left out:",
                 what, n);
}

static enum ss_status measure(const struct ss_bench_options *o, struct ss_device *device,
                              struct ss_peak *peak, struct ss_bench *b)
{
    const double matmul = (o->n_shapes ? MATMUL_SHARE : 1) * o->seconds;
    struct watch w = {.until = ss_clock_seconds() + o->seconds - (o->matmul ? matmul : 0)};
    double *peaks = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(o->n_shapes + 1, &peaks));
    for (size_t i = 0; i < o->n_shapes; i++) {
        if (ss_stop_signal() || (i > 0 && left(&w) < 0)) {
            w.skipped = o->n_shapes - i;
            break;
        }
        st = one(o, device, peak, &w, b);
        if (st == SS_ERR_INTERRUPTED) { /* before there was anything to tell */
            st = SS_OK;
            w.skipped = o->n_shapes - i;
            break;
        }
        TRY(st);
        peaks[i] = b->rows[i].peak_gflops;
    }
    if (!ss_stop_signal())
        TRY(ss_bench_matmul(device, MATMUL_SIZE, &b->matmul_gflops));
    if (o->matmul)
        TRY(ss_bench_products(device, peak, o, matmul, b));
    w.until += o->matmul ? matmul : 0;
    TRY(builds(o, &w, b));
    if (b->n_rows == 0) {
        TRY(ss_peak_measure(peak, &peaks[0]));
        b->peak_gflops = peaks[0];
    } else {
        b->peak_gflops = ss_bench_spread_of(peaks, b->n_rows).median;
    }
    b->stopped = ss_stop_signal() != 0;
    add_remark("workloads", w.skipped, b);
    add_remark("matrix products", b->n_products_skipped, b);
    add_remark("builds anew", w.skipped_builds, b);
out:
    ss_log_phase(o->log, NULL);
    free(peaks);
    return st;
}

enum ss_status ss_bench_run(const struct ss_bench_options *options, struct ss_bench *out)
{
    const struct ss_experiment engine = {.engine = {.gemm = options->gemm}};
    struct ss_bench b = {.peak_gflops = NAN, .matmul_gflops = NAN};
    struct ss_device *device = NULL;
    struct ss_peak *peak = NULL;
    enum ss_status st = SS_OK;

    ss_stop_install();
    TRY(ss_run_device_open(options->device, &engine, options->log, &device));
    b.device = *ss_device_info(device);
    TRY(ss_allocate(options->n_shapes, &b.rows));
    TRY(ss_peak_create(device, &peak));
    TRY(measure(options, device, peak, &b));
    *out = b;
    b = (struct ss_bench){0};
out:
    ss_stop_restore();
    ss_bench_release(&b);
    ss_peak_free(peak);
    ss_device_free(device);
    return st;
}

void ss_bench_release(struct ss_bench *b)
{
    free(b->rows);
    free(b->products);
    *b = (struct ss_bench){0};
}
