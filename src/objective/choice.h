/*
 * choice.h - private to src/objective/: what engine.plan and engine.gemm leave open, as numbers that can be
 * measured and kept (device/tuning.h).
 *
 * All that decides the bits of a loss and its gradient on a device is among them. They are 0 where the rules
 * decide.
 */
#ifndef SS_OBJECTIVE_CHOICE_H
#define SS_OBJECTIVE_CHOICE_H

#include "device/tuning.h"
#include "objective/loss.h"

enum {
    SS_CHOICE_PLAN,  /* enum ss_plan_kind */
    SS_CHOICE_TILE,  /* samples at a time, fused */
    SS_CHOICE_CHUNK, /* directions at a time */
    SS_CHOICE_GEMM,  /* enum ss_gemm_kind */
    SS_CHOICE_SET,   /* of CLBlast's parameters (device/gemm.h) */
    SS_CHOICE_TILES  /* of products, fused on GPUs (ss_tiles_number) */
};

struct ss_choice {
    int32_t numbers[SS_TUNING_NUMBERS];
    enum { SS_CHOICE_BY_RULE, SS_CHOICE_GIVEN, SS_CHOICE_MEASURED } origin;
    struct ss_tuning measured;
};

/** The question that is asked of the device: objective, rows, net and what the caller leaves open. */
SS_MUST_CHECK enum ss_status ss_choice_question(const struct ss_model *model,
                                                const struct ss_loss_options *options, char **out);

/** The largest each number may be. */
void ss_choice_most(const struct ss_device *device, int32_t most[SS_TUNING_NUMBERS]);

/** The numbers that hold for these options: given, else measured, else all 0; and `options` with plan and
 * chunk set by them where it leaves them open. SS_ERR_USAGE: what is given cannot be had here. */
SS_MUST_CHECK enum ss_status ss_choice_make(struct ss_device *device, const struct ss_model *model,
                                            struct ss_loss_options *options, struct ss_choice *out);

/** Names of the numbers, for files. */
extern const char *const ss_choice_names[SS_TUNING_NUMBERS];

/** As ss_loss_why says it. */
void ss_choice_describe(const struct ss_choice *c, struct ss_text *out);

#endif
