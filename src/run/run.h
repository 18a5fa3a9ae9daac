/*
 * run.h - an experiment from its YAML file to its folder: train, evaluate, sample, draw; and going on with
 * one that was stopped.
 */
#ifndef SS_RUN_RUN_H
#define SS_RUN_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "device/device.h"
#include "run/log.h"
#include "run/record.h"

struct ss_run_request {
    const char *path; /* EXP.yaml, or of a resume the folder of the run */
    const char *const *overrides;
    size_t n_overrides;
    const char *output; /* -o, or NULL: runs/NAME */
    bool force;
    const char *device;      /* --device, or NULL */
    const char *const *argv; /* for run.json */
    size_t n_argv;
    struct ss_log *log;
    struct ss_device *lent; /* open already, and self-tested: used in place of `device`, left open; or NULL */
    uint64_t pause;         /* stop after this step as by a signal, to go on later; 0: never */
    bool bare; /* its end is its metrics: no pictures, and samples only where the file has a `sample` block */
};

struct ss_run_result {
    char *path; /* of the run's folder, NULL if it never began */
    struct ss_run_record record;
};
void ss_run_result_release(struct ss_run_result *r);

/**
 * Train a new run and finish it. `out` is filled, and its folder's run.json written, whenever a folder was
 * made, whatever the status.
 *
 * @return SS_ERR_INTERRUPTED: stopped by a signal, can be resumed; SS_ERR_DIVERGED; SS_ERR_MEMORY before
 * anything is written, with numbers; else what went wrong first
 */
SS_MUST_CHECK enum ss_status ss_run_experiment(const struct ss_run_request *request,
                                               struct ss_run_result *out);

/** Go on from the newest sound checkpoint, or from the beginning if there is none. A finished run: nothing,
 * SS_OK. Overrides may change how long it trains and what it does at its end, nothing else (SS_ERR_USAGE). */
SS_MUST_CHECK enum ss_status ss_run_resume(const struct ss_run_request *request, struct ss_run_result *out);

/** The same kind of folder from weights that another program trained: ckpt/step-00000000.safetensors. The
 * experiment needs no data: the number of columns follows from the weights. */
SS_MUST_CHECK enum ss_status ss_run_import(const char *weights, const struct ss_run_request *request,
                                           struct ss_run_result *out);

#endif
