/*
 * transform.h - the chain of transforms between a row in the data's own units and a row that a model is
 * trained on.
 *
 * Fitted once on training rows (or all rows), stored with the run, inverted by `score` and `sample`. All in
 * double on the host; the device applies the stochastic tail of the chain to batches (data/batches.c).
 */
#ifndef SS_DATA_TRANSFORM_H
#define SS_DATA_TRANSFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "config/experiment.h"
#include "data/table.h"

struct ss_transform;

/** How a row's random numbers (noise, dequantize) are drawn. */
struct ss_transform_draw {
    uint32_t seed;
    uint32_t purpose; /* enum ss_purpose, or 0: no noise at all (dequantize then adds one half) */
    uint32_t first;   /* word 0 of the counter: the step, or the part of the data */
};

/**
 * Fit a chain on rows[0..n_rows) of `table`.
 *
 * Columns are chosen first (options->keep, options->drop), then options->transforms in the order written, or
 * the default for the kind of data. Names that are not there: SS_ERR_USAGE with the nearest one. Reports by
 * ss_say what it dropped.
 */
SS_MUST_CHECK enum ss_status ss_transform_fit(const struct ss_data_options *options,
                                              const struct ss_table *table, const uint32_t *rows,
                                              size_t n_rows, uint32_t seed, struct ss_transform **out);
void ss_transform_free(struct ss_transform *t);

size_t ss_transform_inputs(const struct ss_transform *t);  /* columns of the table */
size_t ss_transform_outputs(const struct ss_transform *t); /* D, what the model sees */
const char *ss_transform_column(const struct ss_transform *t,
                                size_t i); /* name of output i, or of what it came from */
const char *ss_transform_input_name(const struct ss_transform *t, size_t i); /* of column i of the table */
bool ss_transform_image(const struct ss_transform *t, size_t *height,
                        size_t *width); /* outputs still are an image */

/** y[D] = T(x[columns]); `row` is word 1 of the counter of its draws. */
void ss_transform_forward(const struct ss_transform *t, const double *x, const struct ss_transform_draw *draw,
                          uint32_t row, double *y);

/** x[columns] from y[D], dropped columns are NAN. Noise is left out; dequantize keeps its fraction: a grey
 * level k of an image comes back as some number in [k, k + 1). All NAN if memory runs out (wide rows only),
 * as in the functions around this one. */
void ss_transform_inverse(const struct ss_transform *t, const double *y, double *x);

/** log |det J| of T at y = T(x), J over the kept columns; NAN if the chain drops columns by other means than
 * selection. */
double ss_transform_log_det(const struct ss_transform *t, const double *y);

/** The same whatever dropped columns: of the density of the columns that were kept, whose score is
 * ss_transform_score(). */
double ss_transform_log_det_kept(const struct ss_transform *t, const double *y);

/** True if columns were dropped by what the data look like. */
bool ss_transform_lossy(const struct ss_transform *t);

/** Score of the data's density in the table's units from the score at y = T(x): score_x = J' score_y + grad
 * log |det J|. score_y[D], score_x[columns]: dropped columns are NAN. */
void ss_transform_score(const struct ss_transform *t, const double *y, const double *score_y,
                        double *score_x);

/** The other way: score[D] of the chosen columns at x = T^-1(y) becomes the score at y, in place. */
void ss_transform_push_score(const struct ss_transform *t, const double *y, double *score);

/** True if a step of the chain draws numbers (noise, dequantize). */
bool ss_transform_random(const struct ss_transform *t);

/** Store in / load from a safetensors file (atomic); the file holds all that forward and inverse need. */
SS_MUST_CHECK enum ss_status ss_transform_save(const struct ss_transform *t, const char *path);
SS_MUST_CHECK enum ss_status ss_transform_load(const char *path, struct ss_transform **out);

#endif
