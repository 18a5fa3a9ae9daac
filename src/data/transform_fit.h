/* transform_fit.h - what the files that fit transforms share: a chain in the making and passes over its rows.
 */
#ifndef SS_DATA_TRANSFORM_FIT_H
#define SS_DATA_TRANSFORM_FIT_H

#include "base/text.h"
#include "data/transform_chain.h"

enum {
    SS_FIT_WIDEST = 4096 /* columns that whiten and drop_correlated take: three matrices of 128 MiB */
};
/* Word 0 of the counters of numbers drawn while fitting: no part of the data has this number. */
#define SS_FIT_DRAW UINT32_MAX

struct ss_fit {
    const struct ss_table *table;
    const uint32_t *rows;
    size_t n_rows;
    uint32_t seed;
    struct ss_transform *t; /* so far */
    double *x, *y;          /* one row */
};

struct ss_moments {
    double *mean, *spread; /* spread: sums of squared distances from the mean; both the caller's to free */
};

typedef void ss_fit_row_fn(struct ss_fit *f, uint32_t row, size_t i, const double *y, void *context);

/** Call fn for each row i as the chain so far makes it; what noise and dequantize draw is the same in every
 * pass. */
SS_MUST_CHECK enum ss_status ss_fit_each(struct ss_fit *f, ss_fit_row_fn *fn, void *context);
/** SS_ERR_CORRUPT names a column if a mean or spread is not finite. */
SS_MUST_CHECK enum ss_status ss_fit_moments(struct ss_fit *f, struct ss_moments *out);
SS_MUST_CHECK enum ss_status ss_fit_finite(const struct ss_fit *f, const double *values);
/** Standard deviation; too small to be anything but rounding counts as none. */
double ss_fit_deviation(double spread, double mean, size_t n);
/** Names of the output columns that are marked, the first few. */
void ss_fit_list(const struct ss_fit *f, const bool *which, struct ss_text *out);
/** Smallest distance between different values, 0 if there is one value only; sorts them. */
double ss_fit_gap(double *values, size_t n);
/** A zeroed step behind the last; it counts once the caller has filled it and raised n_steps. */
SS_MUST_CHECK enum ss_status ss_fit_step(struct ss_transform *t, enum ss_step_kind kind,
                                         struct ss_step **out);

/** A chain without steps that keeps all columns of the table. */
SS_MUST_CHECK enum ss_status ss_transform_start(const struct ss_table *table, struct ss_transform **out);
/** The same, less the columns that data.columns leaves out. */
SS_MUST_CHECK enum ss_status ss_transform_choice(const struct ss_data_options *options,
                                                 const struct ss_table *table, struct ss_transform **out);
/** Go on with the marked output columns only. SS_ERR_USAGE after whiten, whose outputs are mixtures, or if
 * none is left; `what` opens the message. */
SS_MUST_CHECK enum ss_status ss_fit_keep(struct ss_fit *f, const char *what, const bool *keep);
/** Keep, or drop, the columns named, by name or number in the table. */
SS_MUST_CHECK enum ss_status ss_fit_columns(struct ss_fit *f, const char *what, const struct ss_names *keep,
                                            const struct ss_names *drop);

SS_MUST_CHECK enum ss_status ss_fit_permute(struct ss_fit *f, const struct ss_transform_options *o);
SS_MUST_CHECK enum ss_status ss_fit_standardize(struct ss_fit *f);
SS_MUST_CHECK enum ss_status ss_fit_dequantize(struct ss_fit *f, double levels);
SS_MUST_CHECK enum ss_status ss_fit_logit(struct ss_fit *f, double alpha);
SS_MUST_CHECK enum ss_status ss_fit_noise(struct ss_fit *f, double sigma);
SS_MUST_CHECK enum ss_status ss_fit_whiten(struct ss_fit *f, double ridge);
SS_MUST_CHECK enum ss_status ss_fit_drop_correlated(struct ss_fit *f, double limit);

/** True for sets made by the program: no file behind them. */
bool ss_source_is_synthetic(enum ss_source source);
/** The transform that data of this kind get if the experiment names none; false: none. */
bool ss_transform_default(const struct ss_data_options *options, const struct ss_table *table,
                          enum ss_transform_kind *kind);

#endif
