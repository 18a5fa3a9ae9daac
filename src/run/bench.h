/*
 * bench.h - how fast training is on a device, as a share of what the device can do.
 *
 * A workload is a shape of model, objective and batch. Its loss + gradient and its whole training step are
 * timed by the trainer's own calls, many enqueued at a time, and between the repetitions the peak is measured
 * (device/peak.h), so that whatever disturbs the machine disturbs both.
 */
#ifndef SS_RUN_BENCH_H
#define SS_RUN_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "config/experiment.h"
#include "device/device.h"
#include "run/log.h"

/* ---- workloads ---- */

struct ss_bench_shape {
    char name[32];      /* "large", "scale-M-16" */
    const char *family; /* "scale-M", after what varies in it: B, D or M; NULL: of none */
    size_t batch, dimension, slices;
    struct ss_model_options model;
    enum ss_objective_kind objective;
    struct ss_engine_options engine;
};

/** Names of workloads and families in the order they are measured, "matmul" last; borrowed, static. */
const char *const *ss_bench_names(size_t *n);

/** Whether its objective draws slices; `slices` means nothing where it does not. */
bool ss_bench_has_slices(const struct ss_bench_shape *shape);

/** The objective that a shape is measured with. */
struct ss_objective_options ss_bench_objective(const struct ss_bench_shape *shape);

/** The shape that every option changes from: `large`. */
struct ss_bench_shape ss_bench_default(void);

/** The shapes that `name` stands for: one, or those of a family ("scale-M", or one of it, "scale-M-4");
 * "all": all. *shapes is the caller's to free. SS_ERR_USAGE: no such name, said by `command`, with the
 * nearest, or those of the family that it seems to be of. */
SS_MUST_CHECK enum ss_status ss_bench_find(const char *command, const char *name,
                                           struct ss_bench_shape **shapes, size_t *n);

/**
 * 2e-9 x the multiply-adds of the matrix products that the jets of one loss + gradient need; what a plan
 * computes besides does not count. A layer of I inputs and O outputs counts B I O times
 *
 *                 energy: first layer, others     score net: first, others
 *     ssm         2 (M+1), 3 (M+2)                2 (M+1), 3 (M+1)
 *     ssm_vr      2 (M+2) + 1, 3 (M+3)            2 (M+1), 3 (M+1)
 *     esm         2, 3 (D+2)                      2, 3 (D+1)
 *     dsm         5, 6                            2, 3
 *
 * For ssm_vr and dsm of an energy there is one reverse sweep more, for the score, whose adjoints spare one
 * product of the second; unit vectors need no product with the first layer, a row of it is their derivative.
 */
double ss_bench_gflop(const struct ss_bench_shape *shape);

/* ---- results ---- */

struct ss_bench_spread {
    double median, min, max; /* NAN: not measured */
};

struct ss_bench_row {
    struct ss_bench_shape shape;
    char plan[160]; /* "fused: tiles of 2 samples" */
    double gflop;
    struct ss_bench_spread gradient_ms, step_ms;
    double gflops, fraction_of_peak; /* of loss + gradient; the fraction is a median over repetitions */
    double peak_gflops;              /* measured meanwhile, median */
    /* In a process of its own whose caches of kernels are empty (cold), then full (warm): what building the
     * trainer and its first step take beyond a second step; and from the start of the process to the end of
     * the first step. */
    double build_cold_s, build_warm_s, first_step_cold_s, first_step_warm_s;
    double resident_mib; /* the most of the warm process in RAM, above that of one with the device open */
    double memory_mib;   /* the most in buffers on the device at once */
    size_t repetitions;
};

struct ss_bench_product {
    size_t size;         /* m = n = k */
    char transpose[3];   /* "nn", "nt", "tn": op(A), op(B) */
    const char *backend; /* "own", "clblast", "openblas" */
    struct ss_bench_spread gflops;
    double fraction_of_peak;
    double by_openblas; /* of "own": its rate by OpenBLAS's, median of rounds that measure both; else NAN */
};

struct ss_bench {
    struct ss_device_info device;
    double peak_gflops;   /* median of all that was measured */
    double matmul_gflops; /* of the backend in use, size 1024 (median) */
    double launch_us;     /* of a product of one element, many in a row; 0: not measured */
    char openblas[32];    /* the processor whose kernels OpenBLAS uses, or "" */
    struct ss_bench_row *rows;
    size_t n_rows;
    struct ss_bench_product *products;
    size_t n_products, n_products_skipped; /* skipped: out of time */
    bool stopped;                          /* Ctrl-C or TERM came: what follows is left out */
    char remark[200];                      /* what was left out and why, or "" */
};
void ss_bench_release(struct ss_bench *b);

struct ss_bench_options {
    const struct ss_bench_shape *shapes;
    size_t n_shapes;
    bool matmul;            /* sizes, transposes and backends besides */
    double seconds;         /* for all of it; the first workloads are measured whatever it is */
    const char *device;     /* --device, or NULL */
    const char *program;    /* to start for builds; NULL: they are not measured */
    enum ss_gemm_kind gemm; /* of products; of `matmul` OWN or CLBLAST alone */
    struct ss_log *log;     /* may be NULL */
    void (*row)(void *context, const struct ss_bench_row *row); /* as each is done; both may be NULL */
    void (*product)(void *context, const struct ss_bench_product *product);
    void (*build)(void *context, const struct ss_bench_row *row);
    void *context;
};

/** Measure. Waits. Nothing else should run on the machine; what does shows in the spread. A signal that asks
 * for a stop (run/stop.h) ends it after the workload at hand: SS_OK with out->stopped. */
SS_MUST_CHECK enum ss_status ss_bench_run(const struct ss_bench_options *options, struct ss_bench *out);

/** What a process started for builds does: one line "probe BUILD FIRST MEMORY" in seconds and MiB.
 *  @param started  clock at the start of the process */
SS_MUST_CHECK enum ss_status ss_bench_probe(const struct ss_bench_shape *shape, const char *device,
                                            double started, struct ss_log *log, struct ss_text *out);

/* ---- to be read ---- */

void ss_bench_row_head(struct ss_text *out); /* each one line */
void ss_bench_row_text(const struct ss_bench_row *row, struct ss_text *out);
void ss_bench_build_text(const struct ss_bench_row *row, struct ss_text *out);
void ss_bench_product_text(const struct ss_bench_product *product, struct ss_text *out);
void ss_bench_json(const struct ss_bench *b, struct ss_text *out);

/** Make the folder for ss_bench_write(), if need be; SS_ERR_USAGE if it holds a measurement, unless `force`.
 */
SS_MUST_CHECK enum ss_status ss_bench_prepare(const char *folder, bool force);

/** Curves of the families that were measured, bench-NAME.png and .svg, and bench.json in `folder`, made if
 * need be. */
SS_MUST_CHECK enum ss_status ss_bench_write(const struct ss_bench *b, const char *folder);

#endif
