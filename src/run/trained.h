/*
 * trained.h - a model with its weights on a device: what evaluation, scoring, sampling and pictures work
 * with, whether it was trained just now or is read from the folder of a run.
 */
#ifndef SS_RUN_TRAINED_H
#define SS_RUN_TRAINED_H

#include "config/experiment.h"
#include "data/transform.h"
#include "device/device.h"
#include "model/model.h"
#include "run/log.h"
#include "run/record.h"
#include "train/checkpoint.h"

struct ss_trained {
    const struct ss_experiment *experiment;
    struct ss_device *device;
    const struct ss_model *model;
    const struct ss_transform *transform; /* NULL without data */
    struct ss_span weights;               /* flat */
    uint64_t step;                        /* that they are of */
    double low[2], high[2]; /* box of the data where D <= 2, in the space trained in; NAN if unknown */
    const char *folder;     /* of the run; NULL: none */
    struct ss_log *log;     /* may be NULL */
};

/** The device that --device, else SLICESCORE_DEVICE, else the experiment (may be NULL) names. */
SS_MUST_CHECK enum ss_status ss_run_device_choose(const char *option, const struct ss_experiment *e,
                                                  struct ss_log *log, struct ss_device **out);

/** Make an open device ready for work: products by engine.gemm, the short self-test passed now or before. */
SS_MUST_CHECK enum ss_status ss_run_device_ready(struct ss_device *d, const struct ss_experiment *e,
                                                 struct ss_log *log);

/** Both: ready for work: products by engine.gemm, and the short self-test passed. */
SS_MUST_CHECK enum ss_status ss_run_device_open(const char *option, const struct ss_experiment *e,
                                                struct ss_log *log, struct ss_device **out);

/** Weights of the folder ckpt/ into a new buffer; *step tells of which step. */
SS_MUST_CHECK enum ss_status ss_run_weights_load(struct ss_device *device, const struct ss_model *model,
                                                 const char *checkpoint_folder, enum ss_weights which,
                                                 struct ss_buffer **out, uint64_t *step);

/** A run read from its folder, and all that it stands on. */
struct ss_opened_run {
    struct ss_trained trained; /* borrows what follows */
    char *path;
    struct ss_run_record record;
    struct ss_experiment *experiment;
    struct ss_device *device; /* NULL if it was opened by the caller */
    struct ss_model *model;
    struct ss_transform *transform;
    struct ss_buffer *weights;
};

struct ss_opened_run_options {
    const char *device;       /* --device, or NULL */
    struct ss_device *opened; /* borrowed for as long as the run is open; NULL: one is opened for it */
    enum ss_weights weights;
    const char *const *overrides; /* "sample.KEY=VALUE", or NULL */
    size_t n_overrides;
    struct ss_log *log;
};

/** SS_ERR_FILE: not a run, or one that has no checkpoint yet. SS_ERR_USAGE: of a newer version.
 * SS_ERR_CORRUPT. */
SS_MUST_CHECK enum ss_status ss_run_open(const char *path, const struct ss_opened_run_options *options,
                                         struct ss_opened_run *out);
void ss_opened_run_release(struct ss_opened_run *r);

#endif
