/*
 * optimizer.h - what follows a gradient, on the device and without the host waiting: global norm, clipping,
 * the check that loss and gradient are finite, adam, adamw, rmsprop or sgd, moving average, sums for the
 * report.
 *
 * A step whose loss or gradient norm is not finite changes nothing. (A gradient of finite numbers whose
 * squares overflow a float counts too: its second moment would be infinite.) Under SS_NONFINITE_STOP every
 * later step changes nothing either, so the host may notice late and still finds the state before the first
 * bad step; under SS_NONFINITE_SKIP it is counted. A step that is held back advances neither the moments nor
 * Adam's bias correction; the learning rate's schedule and the moving average's warm-up go by the number of
 * the step all the same.
 *
 * The moving average starts at the weights and follows them with decay min(average, (1 + t) / (10 + t)) at
 * step t from 0, so it needs no correction and is good to use at any step.
 */
#ifndef SS_TRAIN_OPTIMIZER_H
#define SS_TRAIN_OPTIMIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "config/experiment.h"
#include "device/device.h"

struct ss_optimizer;

/** Device bytes of moments, average and sums for n weights. */
size_t ss_optimizer_bytes(const struct ss_device *device, const struct ss_train_options *options, size_t n);

/** Allocates all, zeroed, and builds the kernels. @param n  elements of the flat buffers, below 2^31 */
SS_MUST_CHECK enum ss_status ss_optimizer_create(struct ss_device *device,
                                                 const struct ss_train_options *options, size_t n,
                                                 struct ss_optimizer **out);
void ss_optimizer_free(struct ss_optimizer *o);

struct ss_optimizer_step {
    uint64_t step; /* number from 0 */
    double learning_rate;
    struct ss_span weights;  /* n, updated */
    struct ss_span gradient; /* n, read */
    struct ss_span loss;     /* one float */
};

/** Enqueue; does not wait. */
SS_MUST_CHECK enum ss_status ss_optimizer_enqueue(struct ss_optimizer *o,
                                                  const struct ss_optimizer_step *step);

/* State, n floats each; .buffer NULL where the optimizer has none, of the average too. */
struct ss_span
ss_optimizer_first(const struct ss_optimizer *o); /* Adam's mean, or the velocity of momentum */
struct ss_span ss_optimizer_second(const struct ss_optimizer *o); /* mean of squares */

/** The moving average, which the caller sets to the initial weights. It follows two steps at a time: enqueues
 * what it still lacks, does not wait. Good until the next step; the weights of the last one must not have
 * changed. */
SS_MUST_CHECK enum ss_status ss_optimizer_average(struct ss_optimizer *o, struct ss_span *out);

enum ss_bad { SS_BAD_NONE, SS_BAD_LOSS, SS_BAD_GRADIENT, SS_BAD_BOTH, SS_BAD_UPDATE };

struct ss_optimizer_state {
    bool stopped;      /* by a step that was not finite */
    enum ss_bad bad;   /* what was not finite at the first bad step */
    uint64_t bad_step; /* its number from 0 */
    uint32_t skipped;  /* steps held back so far */
    float gradient_norm;
    float last_loss;
    float correction[2];       /* Adam's 1 - beta^t; 0 before the first step */
    float loss_sum, loss_rest; /* since the last ss_optimizer_reset_loss */
    uint32_t loss_count;
};

/** Waits for all that was enqueued. */
SS_MUST_CHECK enum ss_status ss_optimizer_read(struct ss_optimizer *o, struct ss_optimizer_state *out);

/** Go on from a saved state: counters, corrections and sums; the spans above are the caller's to write. */
SS_MUST_CHECK enum ss_status ss_optimizer_restore(struct ss_optimizer *o,
                                                  const struct ss_optimizer_state *state);

/** The sums of the loss start anew with the next step. */
void ss_optimizer_reset_loss(struct ss_optimizer *o);

#endif
