/* parameters.h - estimates of a trained model's parameters with their standard errors, for small models
 * (run/estimator.h). */
#ifndef SS_RUN_PARAMETERS_H
#define SS_RUN_PARAMETERS_H

#include "run/estimator.h"
#include "run/trained.h"

struct ss_parameter_estimate {
    char name[160];
    double estimate, standard_error;
};

struct ss_parameter_list {
    struct ss_parameter_estimate *items; /* of the model in the space that was trained in */
    size_t count, rows;
};

/** Of the run's own objective on y[rows x D], rows that it was trained on. Warns if the weights are not at
 * the objective's minimum there, as a standard error supposes. SS_ERR_USAGE: too many parameters. */
SS_MUST_CHECK enum ss_status ss_parameters_estimate(const struct ss_trained *t, const float *y, size_t rows,
                                                    struct ss_parameter_list *out);
void ss_parameter_list_release(struct ss_parameter_list *l);

#endif
