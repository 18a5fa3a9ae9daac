/*
 * known_answers.h - the whole self-test: the families of the device and those of the objectives.
 */
#ifndef SS_RUN_KNOWN_ANSWERS_H
#define SS_RUN_KNOWN_ANSWERS_H

#include "device/selftest.h"
#include "run/log.h"

/** All families on an open device: the device's own, and the objectives. The short form (full = false) is
 * done before a device is used for the first time; it says nothing unless something fails. `out` as in
 * ss_selftest_device(). */
SS_MUST_CHECK enum ss_status ss_known_answers(struct ss_device *device, bool full, struct ss_log *log,
                                              struct ss_selftest *out);

/** Whether all that the last such test of this device, driver and version of the kernels tried passed, and
 * when. It need not be done again then: it loads kernels that a run by the fused plan never uses, on PoCL
 * half of the time to its first step. Always false for unfinished drivers and under SLICESCORE_CL_DIR. */
bool ss_known_before(struct ss_device *device, char stamp[static 21]);

#endif
