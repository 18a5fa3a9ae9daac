/* device.h - what suites that compute on a device share: opening it, a check of a status, numbers to feed it.
 */
#ifndef SS_TESTS_SUPPORT_DEVICE_H
#define SS_TESTS_SUPPORT_DEVICE_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/device.h"

/** The status is SS_OK, or the test fails. */
void ok(enum ss_status st);

/** Open the device that SLICESCORE_DEVICE names, or the default; SLICESCORE_TEST_GEMM=clblast|own sets its
 * products. */
struct ss_device *test_device_open(void);

/** SLICESCORE_TEST_SMALL is set: the smallest sizes that still reach all code, for simulators. */
bool test_small(void);

/** n standard normals of a stream of their own. */
void normals(float *to, size_t n, uint32_t stream);

/** Run a suite without forking (no process that has used OpenCL may fork) and release it; what main()
 * returns. */
int run_device_suite(Suite *s);

#endif
