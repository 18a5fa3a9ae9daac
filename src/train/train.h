/*
 * train.h - the training loop: batches, loss, gradient, optimizer, moving average, schedule, early stopping,
 * checkpoints. Tells its caller by callback; knows no run directory, prints nothing.
 *
 * A step is enqueued whole without the host waiting: batch, loss and gradient, clipping, finite check,
 * optimizer, average, metrics. The host reads a few numbers every `report_every` steps. The state after step
 * t is a function of configuration and t alone, so a run resumed from a checkpoint is, to the bit, the run
 * that was never stopped.
 */
#ifndef SS_TRAIN_TRAIN_H
#define SS_TRAIN_TRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "config/experiment.h"
#include "data/batches.h"
#include "data/dataset.h"
#include "model/model.h"
#include "objective/loss.h"

struct ss_trainer;

struct ss_train_report {  /* the newest metrics, every report_every steps and at the end */
    uint64_t step, steps; /* done, of */
    double loss;          /* mean over the steps since the last report */
    double gradient_norm; /* before clipping, of the last step */
    double learning_rate;
    uint64_t skipped;                /* steps with non-finite loss or gradient, so far */
    double rows_per_second, seconds; /* of training so far, this session */
};

struct ss_train_evaluation { /* every evaluate.every steps and at the end */
    uint64_t step;
    struct ss_estimate objective; /* on validation rows, of the averaged weights when there is an average */
    bool best;                    /* the lowest so far */
    double seconds;               /* of training so far, this session */
};

struct ss_train_callbacks {
    void *context;
    void (*report)(void *context, const struct ss_train_report *r);
    void (*evaluation)(void *context, const struct ss_train_evaluation *e);
    void (*checkpoint)(void *context, uint64_t step, const char *path); /* after it is durable */
    bool (*stop)(
        void *context); /* asked between steps: true = save a checkpoint and return SS_ERR_INTERRUPTED */
    uint64_t pause;     /* stop so after this step; 0: never */
};

struct ss_train_setup {
    struct ss_device *device; /* all borrowed, must outlive the trainer */
    const struct ss_model *model;
    const struct ss_dataset *dataset;
    const struct ss_experiment *experiment;
    const char *checkpoint_folder; /* "RUN/ckpt", exists */
    const int32_t *numbers; /* how to compute the loss (ss_loss_numbers); NULL: as measured or by rule */
};

SS_MUST_CHECK enum ss_status ss_trainer_create(const struct ss_train_setup *setup, struct ss_trainer **out);
void ss_trainer_free(struct ss_trainer *t);

/** Initial weights: seeded, or read from experiment->train.start (a run's checkpoint folder or a .safetensors
 * file). */
SS_MUST_CHECK enum ss_status ss_trainer_start(struct ss_trainer *t);

/** Continue from the newest sound checkpoint in the folder (a damaged one is named and the one before it
 * used); *found is false, and nothing changed, if there is none. */
SS_MUST_CHECK enum ss_status ss_trainer_resume(struct ss_trainer *t, bool *found);

/** Train until the last step, early stop, the caller's stop or divergence. SS_ERR_DIVERGED: says at which
 * step, what was not finite and what to try; the last good checkpoint stands. */
SS_MUST_CHECK enum ss_status ss_trainer_run(struct ss_trainer *t, const struct ss_train_callbacks *callbacks);

/** Enqueue one step as ss_trainer_run does, without what happens between steps; does not wait. For
 * measurements: what the device found not finite is not looked at. */
SS_MUST_CHECK enum ss_status ss_trainer_enqueue_step(struct ss_trainer *t);

/** Enqueue loss and gradient of the batch that the last step took, and no update; slices and noise as in
 * struct ss_loss_batch. For measurements. */
SS_MUST_CHECK enum ss_status ss_trainer_enqueue_gradient(struct ss_trainer *t, struct ss_span slices,
                                                         struct ss_span noise);

uint64_t ss_trainer_step(const struct ss_trainer *t);
uint64_t ss_trainer_steps(const struct ss_trainer *t);   /* the last step, epochs resolved */
const char *ss_trainer_plan(const struct ss_trainer *t); /* of the loss: its name and reason */
const struct ss_loss *ss_trainer_loss(const struct ss_trainer *t);
struct ss_span ss_trainer_weights(const struct ss_trainer *t); /* flat, on the device: last weights */

/** The moving average, or the same as weights; as ss_optimizer_average. */
SS_MUST_CHECK enum ss_status ss_trainer_averaged(struct ss_trainer *t, struct ss_span *out);

bool ss_trainer_best(const struct ss_trainer *t, uint64_t *step,
                     double *objective); /* of evaluations so far */

/** Device bytes of weights, gradients, optimizer state and average for `model` (the loss and the batches have
 * their own). */
size_t ss_trainer_bytes(const struct ss_device *device, const struct ss_model *model,
                        const struct ss_train_options *options);

#endif
