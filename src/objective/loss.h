/*
 * loss.h - one objective on one model: loss of a batch and its gradient by the parameters.
 *
 *   esm     tr(Ds) + 1/2 |s|^2                      ssm     mean over slices of v'(Ds)v + 1/2 (v's)^2
 *   ssm_vr  mean over slices of v'(Ds)v + 1/2 |s|^2   dsm     1/2 |s(x~) + (x~ - x)/sigma^2|^2, x~ = x +
 * sigma z
 *
 * ssm_vr with an estimated control variate: mean over slices of v'(Ds)v + (1 - c)/2 (v's)^2, + c/2 |s|^2
 * (control.h)
 *
 * each a mean over rows (Hyvarinen 2005; Song et al. 2019; Vincent 2011). Directions are handled in chunks,
 * so memory does not grow with D (esm) or M.
 */
#ifndef SS_OBJECTIVE_LOSS_H
#define SS_OBJECTIVE_LOSS_H

#include "base/text.h"
#include "config/experiment.h"
#include "device/device.h"
#include "device/tuning.h"
#include "model/model.h"
#include "objective/slices.h"

struct ss_loss;
struct ss_gemm_shapes;

struct ss_loss_options {
    struct ss_objective_options objective;
    struct ss_engine_options engine;
    size_t rows;            /* of a batch, at most */
    bool gradient;          /* will be asked for */
    size_t chunk;           /* directions at a time; 0 = chosen by memory */
    bool any_driver;        /* the fused plan on unfinished drivers too: for tests in a simulator */
    const int32_t *numbers; /* of one way to do it (choice.h), instead of the one that was the fastest when
                               measured; only for the call. Answers to what is given here by name stand */
    bool unmeasured;        /* by rule, whatever was measured */
};

/** Allocates all it needs and builds all kernels. `model` is borrowed. SS_ERR_USAGE: an objective or a plan
 * that the model does not allow. */
SS_MUST_CHECK enum ss_status ss_loss_create(struct ss_device *device, const struct ss_model *model,
                                            const struct ss_loss_options *options, struct ss_loss **out);
void ss_loss_free(struct ss_loss *l);

/** Bytes that it takes on the device, and the name and reason of its plan ("layered: ..."). */
SS_MUST_CHECK enum ss_status ss_loss_bytes(struct ss_device *device, const struct ss_model *model,
                                           const struct ss_loss_options *options, size_t *bytes);
const char *ss_loss_plan(const struct ss_loss *l);

/** Fused or layered; and why so: "measured here on 2026-01-31: 1.25 times as fast as the default, ...". */
enum ss_plan_kind ss_loss_plan_kind(const struct ss_loss *l);
void ss_loss_why(const struct ss_loss *l, struct ss_text *out);

/** The numbers that decided it, SS_TUNING_NUMBERS of them; to be given as options.numbers for the same bits.
 */
const int32_t *ss_loss_numbers(const struct ss_loss *l);
const char *ss_loss_number_name(size_t i);

/** Shapes of the own matrix products of a full batch (device/gemm_products.h): none where it is fused, or
 * where they are another's. Nothing is computed. */
SS_MUST_CHECK enum ss_status ss_loss_products(struct ss_loss *l, struct ss_gemm_shapes *out);

/** Where to write a batch that lies nowhere else, rows x D, before enqueueing. Kept by enqueue; of fewer
 * rows, those alone. */
struct ss_span ss_loss_rows(const struct ss_loss *l);

struct ss_loss_batch {
    size_t rows;               /* of this batch, at most the capacity */
    struct ss_span x;          /* (rows, D), or .buffer NULL: in ss_loss_rows */
    struct ss_draw draw;       /* of slices and noise, unless these are given: */
    struct ss_span slices;     /* (M, rows, D) or .buffer NULL */
    struct ss_span noise;      /* (rows, D), dsm, or .buffer NULL */
    struct ss_span parameters; /* flat */
    struct ss_span gradient;   /* flat, overwritten; .buffer NULL: loss alone */
};

/** Enqueue the loss (and gradient) of the batch. Does not wait. */
SS_MUST_CHECK enum ss_status ss_loss_enqueue(struct ss_loss *l, const struct ss_loss_batch *batch);

/** Loss of each row of the last enqueued batch, rows floats; and their mean, one float, both on the device.
 */
struct ss_span ss_loss_of_rows(const struct ss_loss *l);
struct ss_span ss_loss_mean(const struct ss_loss *l);

/** Two floats on the device: the factors of 1/2 (v.s)^2 and of 1/2 |s|^2 in the last enqueued batch; with
 * objective.control_variate: estimated they are found in each batch and their sum is 1. */
struct ss_span ss_loss_shares(const struct ss_loss *l);

size_t ss_loss_capacity(const struct ss_loss *l);  /* rows */
size_t ss_loss_dimension(const struct ss_loss *l); /* D */

struct ss_estimate {
    double mean, standard_error; /* over rows */
};

/**
 * The objective on host rows x[rows x D], waits: mean and standard error over rows, any number of rows in
 * pieces. Random slices and noise are those of held-out draws with `seed`: the same each time.
 *
 * @param progress  called with the fraction done between pieces, may be NULL; returns false to stop
 * (SS_ERR_INTERRUPTED)
 */
SS_MUST_CHECK enum ss_status ss_loss_estimate(struct ss_loss *l, struct ss_span parameters, const float *x,
                                              size_t rows, uint32_t seed, bool (*progress)(void *, double),
                                              void *context, struct ss_estimate *out);

#endif
