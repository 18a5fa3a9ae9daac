/*
 * selftest.h - known answers on the device in use: a driver may be wrong.
 *
 * A family is a group of kernels that answer for one thing ("random", "matrix product"); a plan is one way to
 * do it. A plan that fails is set aside with a warning and the next simpler one is tried; a family none of
 * whose plans works is an error. The device's own families come first, then those that rooms above hand in.
 */
#ifndef SS_DEVICE_SELFTEST_H
#define SS_DEVICE_SELFTEST_H

#include <stdbool.h>
#include <stddef.h>

#include "device/device.h"

struct ss_selftest_row {
    char family[24], plan[24];
    bool passed;
    double error,
        allowed;    /* largest found (infinite if the plan did not run at all), and how large it may be */
    double seconds; /* since the row before it, building included */
};

struct ss_selftest {
    struct ss_selftest_row *rows;
    size_t count;
    double start; /* of the row in progress */
};

struct ss_selftest_family {
    const char *name;
    /**
     * Try plans until one works, a row for each (ss_selftest_add). Returns SS_ERR_SELFTEST, reported, if none
     * does.
     *
     * @param full  all that one can wait seconds for; else what runs before a device is used for the first
     * time: milliseconds, when kernels are in the driver's cache
     */
    enum ss_status (*run)(struct ss_device *d, bool full, struct ss_selftest *t);
};

/**
 * Test the device's own families and then `more`. All run, whatever fails.
 *
 * @param out  filled on success and on SS_ERR_SELFTEST; the caller's to release
 * @return SS_ERR_SELFTEST if a family has no plan that works
 */
SS_MUST_CHECK enum ss_status ss_selftest_device(struct ss_device *d, bool full,
                                                const struct ss_selftest_family *more, size_t n_more,
                                                struct ss_selftest *out);
void ss_selftest_release(struct ss_selftest *t);

/** For families: add a row; *passed = error is a number and at most `allowed`. */
SS_MUST_CHECK enum ss_status ss_selftest_add(struct ss_selftest *t, const char *family, const char *plan,
                                             double error, double allowed, bool *passed);

#endif
