/* runs.h - whole runs of scratch files, for suites that compute on a device. */
#ifndef SS_TESTS_SUPPORT_RUNS_H
#define SS_TESTS_SUPPORT_RUNS_H

#include <stdbool.h>

#include "device/device.h"

/** Run scratch "exp.yaml" into the scratch folder `out`, or go on with the run that is there; it must end
 * well.
 *  @param override  "train.steps=3", or NULL */
void test_run(struct ss_device *device, const char *out, const char *override, bool resume);

#endif
