/* quirks.h - what is known of particular drivers and cannot be queried: one table, in quirks.c. */
#ifndef SS_DEVICE_QUIRKS_H
#define SS_DEVICE_QUIRKS_H

#include "device/device.h"

enum ss_quirk_flag {
    SS_QUIRK_UNFINISHED = 1,    /* ranked last; its kernels start in their simplest form */
    SS_QUIRK_KEEP_BINARIES = 2, /* compiles anew in every process: the program keeps its binaries (cache.h) */
    SS_QUIRK_SPREAD_THREADS = 4, /* its threads sleep between launches and wake on each other's cores */
    SS_QUIRK_WAITER_WORKS =
        8 /* it has a thread on each core but one: the thread that waits for it works, too */
};

struct ss_quirk {
    const char *platform, *device; /* parts of platform_name and name, any case; NULL = any */
    bool cpu_only;                 /* only its CPU devices */
    unsigned flags;                /* of ss_quirk_flag */
    int preference;                /* among devices of one type: larger first */
    const char *remark;            /* for people, or NULL */
};

/** The first entry of the table that fits; one of all zeros if none does. Never NULL. */
const struct ss_quirk *ss_quirk_of(const struct ss_device_info *info);

/** True if `part` occurs in `text`, whatever the case. */
bool ss_quirk_contains(const char *text, const char *part);

#endif
