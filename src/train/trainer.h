/* trainer.h - private to src/train/: what train.c builds and loop.c runs. */
#ifndef SS_TRAIN_TRAINER_H
#define SS_TRAIN_TRAINER_H

#include "train/checkpoint.h"
#include "train/optimizer.h"
#include "train/train.h"

struct ss_trainer {
    struct ss_train_setup setup;
    uint64_t steps;
    size_t flat; /* elements of a flat buffer */
    struct ss_batches *batches;
    struct ss_span rows; /* of the last step's batch */
    struct ss_loss *loss;
    struct ss_loss *evaluator; /* NULL: `loss` evaluates too */
    struct ss_buffer *weights, *gradient;
    struct ss_optimizer *optimizer;
    float *validation; /* NULL without validation rows */
    size_t n_validation;
    struct ss_checkpoint_state state; /* .step: steps enqueued; its arrays are room for what is saved */
    uint64_t saved, reported;         /* steps at which that was last done, SS_NO_STEP for never */
    bool warned_all_skipped;
};

static inline const struct ss_train_options *ss_trainer_options(const struct ss_trainer *t)
{
    return &t->setup.experiment->train;
}

/** Weights, average and moments from the device into t->state, waiting. */
SS_MUST_CHECK enum ss_status ss_trainer_download(struct ss_trainer *t);

/** Evaluations went on without improvement for as long as the configuration allows. */
bool ss_trainer_out_of_patience(const struct ss_trainer *t);

#endif
