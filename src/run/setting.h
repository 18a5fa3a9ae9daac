/* setting.h - all that an experiment needs before its first step: device, rows, model, and the memory they
 * will take. */
#ifndef SS_RUN_SETTING_H
#define SS_RUN_SETTING_H

#include <stdbool.h>

#include "config/experiment.h"
#include "data/dataset.h"
#include "device/device.h"
#include "model/model.h"
#include "run/log.h"

struct ss_memory_plan { /* bytes on the device */
    size_t rows;        /* training rows, or two batches where they stay in host memory */
    bool resident;
    size_t loss;       /* jets of a batch and their adjoints */
    size_t state;      /* weights, gradient, optimizer, average */
    size_t evaluation; /* jets of held-out rows */
    size_t total;
    uint64_t available; /* what the device has */
};

struct ss_setting {
    const struct ss_experiment *experiment; /* borrowed */
    struct ss_log *log;                     /* borrowed, may be NULL */
    struct ss_device *device;
    bool lent;                  /* the device is another's */
    struct ss_dataset *dataset; /* NULL if the experiment has no data */
    struct ss_model *model;     /* NULL without data */
    struct ss_memory_plan memory;
};

/**
 * Open the device, read or make the rows, build the model, count memory.
 *
 * @param device_option  --device, or NULL
 */
SS_MUST_CHECK enum ss_status ss_setting_make(const struct ss_experiment *e, const char *device_option,
                                             struct ss_log *log, struct ss_setting *out);
/** The same on a device that is open and self-tested, and stays so. */
SS_MUST_CHECK enum ss_status ss_setting_make_on(const struct ss_experiment *e, struct ss_device *lent,
                                                struct ss_log *log, struct ss_setting *out);
void ss_setting_release(struct ss_setting *s);

/** SS_ERR_MEMORY, with the numbers and what to change, if the plan exceeds the device. */
SS_MUST_CHECK enum ss_status ss_setting_fits(const struct ss_setting *s);

/** `bytes` as people say it: "640 B", "12.5 KiB", "3.40 GiB". */
void ss_bytes_text(uint64_t bytes, char out[32]);

#endif
