/* selftest.h - known answers of the objectives on a device: the last family of the self-test. */
#ifndef SS_OBJECTIVE_SELFTEST_H
#define SS_OBJECTIVE_SELFTEST_H

#include "config/experiment.h"
#include "device/selftest.h"

/**
 * Loss, and its gradient along one direction, of a tiny net against the double reference on the host. Waits.
 *
 * @param kind   energy or score
 * @param error  the larger relative error of the two; rounding leaves below 1e-5
 */
SS_MUST_CHECK enum ss_status ss_objective_selftest(struct ss_device *device, enum ss_model_kind kind,
                                                   enum ss_objective_kind objective, double *error);

/** Every objective of energies and score nets, or before a run one on the plainest net. If one comes
 * out wrong, fast products are set aside for plain ones with a warning and it is tried again. */
extern const struct ss_selftest_family ss_selftest_objectives;

#endif
