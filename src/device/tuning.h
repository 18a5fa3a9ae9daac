/*
 * tuning.h - which of several ways was the fastest when it was measured on this device (tuner.h).
 *
 * A question is a text that says all that the answer depends on besides the device ("loss ... 1024 rows");
 * the answer is a few integers whose meaning is the asker's, all 0 for the way that is taken unmeasured.
 * That a self-test passed is kept as an answer, too.
 * Answers are files in $XDG_CACHE_HOME/slicescore/tuning, one each, good for one device, driver and version
 * of the kernels. They are written whole, by any number of processes at once; one that is damaged, out of its
 * ranges or of another program is as good as none.
 */
#ifndef SS_DEVICE_TUNING_H
#define SS_DEVICE_TUNING_H

#include "base/text.h"
#include "device/device.h"

enum { SS_TUNING_NUMBERS = 6 };

struct ss_tuning {
    int32_t numbers[SS_TUNING_NUMBERS];
    double ms;           /* of this way, median */
    double gain;         /* the default's time by its, median of pairs; 1 where the default stayed */
    uint32_t candidates; /* that were measured, the default among them */
    char stamp[21];      /* when, UTC */
};

/**
 * The answer to `what`, if there is one: found in this process, or kept by another.
 *
 * @param most  numbers[i] is to be 0 to most[i]; an answer that is not is a miss
 */
bool ss_tuning_find(struct ss_device *d, const char *what, const int32_t most[SS_TUNING_NUMBERS],
                    struct ss_tuning *out);

/** Keep an answer for this process and those to come; false: it could not be written, and holds for this
 * process alone. */
bool ss_tuning_keep(struct ss_device *d, const char *what, const struct ss_tuning *t);

/** "measured here on 2026-01-31: 1.25 times as fast as the default, the best of 9 ways", or that the default
 * was the fastest. */
void ss_tuning_describe(const struct ss_tuning *t, struct ss_text *out);

#endif
