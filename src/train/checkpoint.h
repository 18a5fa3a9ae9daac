/*
 * checkpoint.h - weights and training state as safetensors: ckpt/step-%08d.safetensors and
 * ckpt/best.safetensors.
 *
 * Tensors: every parameter under its own name (what PyTorch's load_state_dict wants); "average.NAME" with a
 * moving average; "optimizer.first.NAME", "optimizer.second.NAME" as the optimizer needs;
 * "optimizer.correction" and "training.loss". Metadata: version, step, optimizer, seed, batch, best step and
 * objective, evaluations without improvement, skipped steps, digests. best.safetensors holds the parameters
 * and averages alone. Bytes are a function of configuration and step.
 */
#ifndef SS_TRAIN_CHECKPOINT_H
#define SS_TRAIN_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/tensor_file.h"
#include "jet/graph.h"

/** Read parameters of `graph` from a tensor file into flat[ss_graph_flat_size]; prefix "" or "average.".
 * Every parameter must be there with its shape (SS_ERR_CORRUPT names it and both shapes) and with finite
 * values, and with prefix "" no tensor that the model does not have; f64 is narrowed. `flat` may be partly
 * written on failure. */
SS_MUST_CHECK enum ss_status ss_checkpoint_parameters(const struct ss_tensor_file *f,
                                                      const struct ss_graph *graph, const char *prefix,
                                                      float *flat);

/** Write parameters alone (import, `loss --gradient`). */
SS_MUST_CHECK enum ss_status ss_checkpoint_write_parameters(const char *path, const struct ss_graph *graph,
                                                            const float *flat);

enum ss_weights { SS_WEIGHTS_BEST, SS_WEIGHTS_LAST };

/** Weights of a run: `folder` is its ckpt/. BEST: best.safetensors if there is one, else as LAST: the newest
 * sound step-*.safetensors. Averaged weights where the file has them. A damaged file is named by a warning
 * and the one before it used. *step tells which. SS_ERR_FILE: no checkpoint; SS_ERR_CORRUPT: no sound one;
 * SS_ERR_USAGE: of another model, with names and shapes. */
SS_MUST_CHECK enum ss_status ss_checkpoint_load_weights(const char *folder, const struct ss_graph *graph,
                                                        enum ss_weights which, float *flat, uint64_t *step);

/** Weights of one file, averaged where it has them; errors as above. */
SS_MUST_CHECK enum ss_status ss_checkpoint_load_file(const char *path, const struct ss_graph *graph,
                                                     float *flat);

/* ---- training state: what train.c saves and resumes from ---- */

#define SS_NO_STEP UINT64_MAX

struct ss_checkpoint_state {
    uint64_t step; /* steps done */
    uint32_t seed, batch;
    enum ss_optimizer_kind optimizer;
    uint64_t evaluated; /* step of the last evaluation, or SS_NO_STEP */
    uint64_t best_step; /* or SS_NO_STEP */
    double best_objective;
    uint32_t without_improvement; /* evaluations since the best */
    uint32_t skipped;
    float correction[2];
    float loss[2]; /* sum since the last report, and its rest */
    uint32_t loss_count;
    float *weights, *average, *first, *second; /* flat on the host, the caller's; NULL: there is none */
};

/** folder/step-%08d.safetensors; the caller frees it. */
SS_MUST_CHECK enum ss_status ss_checkpoint_path(const char *folder, uint64_t step, char **out);

SS_MUST_CHECK enum ss_status ss_checkpoint_write(const char *path, const struct ss_graph *graph,
                                                 const struct ss_checkpoint_state *state);

/**
 * Read the newest sound checkpoint of a folder into *state, whose arrays, seed, batch and optimizer are set
 * by the caller and tell what is wanted.
 *
 * *found is false if the folder has none. Damaged ones are named by a warning. SS_ERR_CORRUPT: all are
 * damaged. SS_ERR_USAGE: the newest sound one is of another model, optimizer, seed or batch; says what
 * differs.
 */
SS_MUST_CHECK enum ss_status ss_checkpoint_resume(const char *folder, const struct ss_graph *graph,
                                                  struct ss_checkpoint_state *state, bool *found);

/** Remove step files before `newest` but the last keep - 1 (keep 0: as 1), and what a killed process left
 * half written. */
void ss_checkpoint_prune(const char *folder, uint64_t newest, uint32_t keep);

/** True if folder/best.safetensors is a sound file of step `step`. */
bool ss_checkpoint_best_is(const char *folder, uint64_t step);

#endif
