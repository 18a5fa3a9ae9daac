/*
 * gradient_check.h - the gradient that the device computes against finite differences of the loss in double
 * precision on the host (objective/reference.h), on the experiment's own model and objective and a few of its
 * rows.
 */
#ifndef SS_RUN_GRADIENT_CHECK_H
#define SS_RUN_GRADIENT_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "run/setting.h"

struct ss_gradient_row { /* one parameter */
    const char *name;
    size_t shape[2], dimensions;
    size_t checked;              /* entries */
    double analytic, difference; /* of the entry that is furthest off */
    double error; /* |analytic - difference| / scale: the largest difference of the parameter, or a thousandth
                     of the largest of all if that is more */
    bool ok;
};

struct ss_gradient_check {
    struct ss_gradient_row *rows;
    size_t count;
    double loss, reference_loss; /* of device and host */
    double loss_error;           /* |loss - reference| / max(|reference|, 1) */
    double tolerance;
    bool ok;
};

/**
 * Check some entries of each parameter: as many as a budget of time allows, at least one.
 *
 * The weights are the initial ones, moved a little so that no bias is 0. Tolerance 1e-3: float32 through a
 * few layers leaves 1e-6 to 1e-4, a wrong derivative 1e-1.
 */
SS_MUST_CHECK enum ss_status ss_gradient_check(const struct ss_setting *setting,
                                               struct ss_gradient_check *out);
void ss_gradient_check_release(struct ss_gradient_check *c);

#endif
