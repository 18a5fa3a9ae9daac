#include "run/parameters.h"

#include <math.h>
#include <stdlib.h>

#include "base/checked.h"

static const double near_enough = 0.5; /* standard errors from a minimum */

static void warn_of_distance(const struct ss_parameter_list *l, const double *step)
{
    size_t worst = 0;

    for (size_t i = 1; i < l->count; i++)
        if (fabs(step[i]) > fabs(step[worst]))
            worst = i;
    if (fabs(step[worst]) > near_enough)
        ss_say(SS_LEVEL_WARNING,
               "the weights are not where the objective is least on these rows, which standard errors "
               "suppose: a Newton "
               "step would move %s by %.1f of them; train longer, or with a smaller learning rate at the end",
               l->items[worst].name, fabs(step[worst]));
}

enum ss_status ss_parameters_estimate(const struct ss_trained *t, const float *y, size_t rows,
                                      struct ss_parameter_list *out)
{
    struct ss_estimator *e = NULL;
    struct ss_parameter_list l = {.rows = rows};
    float *flat = NULL;
    double *theta = NULL, *value = NULL, *error = NULL, *step = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_estimator_create(t->device, t->model, &t->experiment->objective, rows, &e));
    l.count = ss_estimator_quantities(e);
    TRY(ss_allocate(ss_graph_flat_size(t->model->graph), &flat));
    TRY(ss_allocate(ss_estimator_parameters(e), &theta));
    TRY(ss_allocate(l.count, &value));
    TRY(ss_allocate(l.count, &error));
    TRY(ss_allocate(l.count, &step));
    TRY(ss_allocate(l.count, &l.items));
    TRY(ss_span_read(t->weights, flat, ss_graph_flat_size(t->model->graph)));
    ss_estimator_gather(e, flat, theta);
    TRY(ss_estimator_rows(e, y, rows, t->experiment->seed));
    TRY(ss_estimator_tell(e, theta, value, error, step));
    for (size_t i = 0; i < l.count; i++) {
        ss_estimator_name(e, i, l.items[i].name, sizeof(l.items[i].name));
        l.items[i].estimate = value[i];
        l.items[i].standard_error = error[i];
    }
    warn_of_distance(&l, step);
    *out = l;
    l = (struct ss_parameter_list){0};
out:
    ss_parameter_list_release(&l);
    ss_estimator_free(e);
    free(flat);
    free(theta);
    free(value);
    free(error);
    free(step);
    return st;
}

void ss_parameter_list_release(struct ss_parameter_list *l)
{
    free(l->items);
    *l = (struct ss_parameter_list){0};
}
