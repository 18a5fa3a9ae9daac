/* objective_value.h - one value of the objective, with its gradient, on given rows, slices and noise: what
 * other programs check this one by. */
#ifndef SS_RUN_OBJECTIVE_VALUE_H
#define SS_RUN_OBJECTIVE_VALUE_H

#include "run/trained.h"

struct ss_value_files {
    const char *data;     /* (rows, D) */
    const char *slices;   /* (M, rows, D), or (rows, D) for M = 1; NULL: drawn by the run's seed */
    const char *noise;    /* (rows, D), dsm; NULL: drawn */
    const char *gradient; /* .safetensors to write, or NULL */
};

struct ss_objective_value {
    double loss;
    size_t rows, slices; /* slices 0 where the objective has none */
};

/** Rows are taken as they are: nothing is transformed or split. SS_ERR_USAGE: shapes that do not fit, or
 * files that the objective has no use for. */
SS_MUST_CHECK enum ss_status ss_objective_value(const struct ss_trained *t,
                                                const struct ss_value_files *files,
                                                struct ss_objective_value *out);

#endif
