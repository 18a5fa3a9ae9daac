/*
 * known_answers.h - the whole self-test: the families of the device and those of the objectives.
 */
#ifndef SS_RUN_KNOWN_ANSWERS_H
#define SS_RUN_KNOWN_ANSWERS_H

#include "device/selftest.h"
#include "run/log.h"

/** All families on an open device: the device's own, and the objectives. The short form (full = false) is
 * done before every use of a device; it says nothing unless something fails. `out` as in
 * ss_selftest_device(). */
SS_MUST_CHECK enum ss_status ss_known_answers(struct ss_device *device, bool full, struct ss_log *log,
                                              struct ss_selftest *out);

#endif
