/* checkpoint_folder.h - private to src/train/: one open file (checkpoint.c) and the folder of them. */
#ifndef SS_TRAIN_CHECKPOINT_FOLDER_H
#define SS_TRAIN_CHECKPOINT_FOLDER_H

#include "train/checkpoint.h"

/** As ss_checkpoint_resume, from an open file. SS_ERR_CORRUPT: not a checkpoint; SS_ERR_USAGE: not of this
 * configuration. `state` is untouched on failure, its arrays are not. */
SS_MUST_CHECK enum ss_status ss_checkpoint_read(const struct ss_tensor_file *f, const struct ss_graph *graph,
                                                struct ss_checkpoint_state *state);

/** Averaged weights where the file has them, else weights. */
SS_MUST_CHECK enum ss_status ss_checkpoint_load_tensors(const struct ss_tensor_file *f,
                                                        const struct ss_graph *graph, float *flat);

/** Step of the metadata, or SS_NO_STEP. */
uint64_t ss_checkpoint_step(const struct ss_tensor_file *f);

#endif
