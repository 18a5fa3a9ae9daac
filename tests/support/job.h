/* job.h - a small experiment, a trainer for it in a scratch folder, and what it said: for suites of training.
 */
#ifndef TESTS_SUPPORT_JOB_H
#define TESTS_SUPPORT_JOB_H

#include <stddef.h>
#include <stdint.h>

#include "train/train.h"

/** Forty steps of an energy net on a gaussian, with checkpoints, evaluations and reports. */
extern const struct ss_experiment job_small;

enum { JOB_MOST_CALLS = 4096 };

struct job {
    struct ss_device *device; /* borrowed */
    struct ss_experiment e;
    struct ss_model *model;
    struct ss_dataset *dataset;
    struct ss_trainer *t;
    char folder[512];
    uint64_t stop_at; /* ask to stop at this step; 0: never */
    struct ss_train_report reports[JOB_MOST_CALLS];
    struct ss_train_evaluation evaluations[JOB_MOST_CALLS];
    size_t n_reports, n_evaluations, n_checkpoints;
    uint64_t last_checkpoint;
};

/** For the scratch folder `name`, not started. What `e` points to stays the caller's. */
struct job *job_make(struct ss_device *device, const struct ss_experiment *e, const char *name);
void job_free(struct job *j);

/** Another trainer for the same folder: as a new process would make it. */
void job_open(struct job *j);

/** The same, which goes on from the newest checkpoint there. */
void job_resume(struct job *j);

/** To the end, or to `stop_at`: SS_ERR_INTERRUPTED. */
enum ss_status job_run(struct job *j);

/** Made, started and run to its end. */
struct job *job_trained(struct ss_device *device, const struct ss_experiment *e, const char *name);

/** The checkpoint of that step, or for 0 the best; valid until the next two calls. */
const char *job_file(const struct job *j, uint64_t step);

/** All numbers in it are finite. */
void job_check_finite(const struct job *j, uint64_t step);

/** The same bytes are in both. */
void check_same_file(const char *a, const char *b);

#endif
