/* bench_parts.h - private to run/bench*.c. */
#ifndef SS_RUN_BENCH_PARTS_H
#define SS_RUN_BENCH_PARTS_H

#include "device/peak.h"
#include "run/bench.h"

/** Sorts x; NANs if there are none. */
struct ss_bench_spread ss_bench_spread_of(double *x, size_t n);

/** A trainer and what it stands on, made for one shape. */
struct ss_bench_bed {
    struct ss_device *device; /* borrowed */
    struct ss_experiment experiment;
    struct ss_dataset *dataset;
    struct ss_model *model;
    struct ss_trainer *trainer;
    struct ss_buffer *slices, *noise; /* given to loss + gradient alone; NULL where the objective has none */
};
SS_MUST_CHECK enum ss_status ss_bench_bed_make(struct ss_device *device, const struct ss_bench_shape *shape,
                                               struct ss_bench_bed *out);
void ss_bench_bed_release(struct ss_bench_bed *b);

/** Loss + gradient, step, peak, memory; about `seconds`, at least three repetitions, fewer if a stop is asked
 * for; SS_ERR_INTERRUPTED: before the first had ended. */
SS_MUST_CHECK enum ss_status ss_bench_measure(struct ss_device *device, struct ss_peak *peak,
                                              const struct ss_bench_shape *shape, double seconds,
                                              struct ss_bench_row *row);

/** Build and first step of `shape` by two processes, cold and warm. */
SS_MUST_CHECK enum ss_status ss_bench_builds(const char *program, const char *device,
                                             const struct ss_bench_shape *shape, struct ss_bench_row *row);

/** Square products: sizes, transposes, backends, within about `seconds`. */
SS_MUST_CHECK enum ss_status ss_bench_products(struct ss_device *device, struct ss_peak *peak,
                                               const struct ss_bench_options *options, double seconds,
                                               struct ss_bench *b);

/** One size with the backend in use. */
SS_MUST_CHECK enum ss_status ss_bench_matmul(struct ss_device *device, size_t size, double *gflops);

#endif
