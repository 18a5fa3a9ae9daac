/*
 * checkpoint.h - weights and training state as safetensors: ckpt/step-%08d.safetensors and ckpt/best.safetensors.
 *
 * Tensors: every parameter under its own name (what PyTorch's load_state_dict wants); "average.NAME" with a moving
 * average; "optimizer.first.NAME", "optimizer.second.NAME" as the optimizer needs. Metadata: version, step, optimizer,
 * seed, best step and objective, evaluations without improvement, skipped steps, digests. Bytes are a function of
 * configuration and step alone.
 */
#ifndef SS_TRAIN_CHECKPOINT_H
#define SS_TRAIN_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/tensor_file.h"
#include "jet/graph.h"

/** Read parameters of `graph` from a tensor file into flat[ss_graph_flat_size]; prefix "" or "average.". Every parameter
 *  must be there with its shape (SS_ERR_CORRUPT names it and both shapes); f64 is narrowed. */
SS_MUST_CHECK enum ss_status ss_checkpoint_parameters(const struct ss_tensor_file *f, const struct ss_graph *graph,
                                                      const char *prefix, float *flat);

/** Write parameters alone (import, `loss --gradient`). */
SS_MUST_CHECK enum ss_status ss_checkpoint_write_parameters(const char *path, const struct ss_graph *graph,
                                                            const float *flat);

enum ss_weights { SS_WEIGHTS_BEST, SS_WEIGHTS_LAST };

/** Weights of a run: `folder` is its ckpt/. BEST: best.safetensors if there is one, else as LAST: the newest sound
 *  step-*.safetensors. Averaged weights where the file has them. A damaged file is named by a warning and the one before
 *  it used. *step tells which. */
SS_MUST_CHECK enum ss_status ss_checkpoint_load_weights(const char *folder, const struct ss_graph *graph,
                                                        enum ss_weights which, float *flat, uint64_t *step);

#endif
