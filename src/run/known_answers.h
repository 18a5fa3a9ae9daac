/*
 * known_answers.h - self-test of what this program adds to a device: losses and gradients of tiny nets,
 * against the double reference on the host (objective/reference.h).
 */
#ifndef SS_RUN_KNOWN_ANSWERS_H
#define SS_RUN_KNOWN_ANSWERS_H

#include "device/selftest.h"
#include "run/log.h"

/** All families on an open device: the device's own, and losses. The short form (full = false) is done before
 * every use of a device; it says nothing unless something fails. `out` as in ss_selftest_device(). */
SS_MUST_CHECK enum ss_status ss_known_answers(struct ss_device *device, bool full, struct ss_log *log,
                                              struct ss_selftest *out);

#endif
