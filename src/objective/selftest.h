/* selftest.h - known answers of the objectives on a device: a driver may be wrong, and then no run should
 * start. */
#ifndef SS_OBJECTIVE_SELFTEST_H
#define SS_OBJECTIVE_SELFTEST_H

#include "config/experiment.h"
#include "device/device.h"

/**
 * Loss, and its gradient along one direction, of a tiny net against the double reference on the host. Waits.
 *
 * @param kind   energy or score
 * @param error  the larger relative error of the two; above 1e-3 a driver is wrong, rounding leaves below
 * 1e-5
 */
SS_MUST_CHECK enum ss_status ss_objective_selftest(struct ss_device *device, enum ss_model_kind kind,
                                                   enum ss_objective_kind objective, double *error);

/**
 * The short form before a run: the model and objective that it will use. If they come out wrong the fast
 * products are set aside for plain ones with a warning, and the test is made again; SS_ERR_SELFTEST if that
 * is wrong too.
 */
SS_MUST_CHECK enum ss_status ss_objective_trust(struct ss_device *device, enum ss_model_kind kind,
                                                enum ss_objective_kind objective);

#endif
