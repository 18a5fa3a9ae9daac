/*
 * directory.h - the folder of one run: made once, never overwritten unasked, written by one process at a
 * time.
 *
 *     config.yaml  resolved.yaml  run.json  metrics.jsonl  metrics.csv  log.txt  transform.safetensors
 * report.html ckpt/  samples/  plots/  lock
 *
 * No file in it names its own place: a run can be moved.
 */
#ifndef SS_RUN_DIRECTORY_H
#define SS_RUN_DIRECTORY_H

#include <stdbool.h>

#include "base/status.h"

struct ss_run_directory {
    char *path; /* as given or made */
    int lock;   /* descriptor of the lock file, -1 if not held */
};

/**
 * Make a new run folder with its ckpt/, samples/ and plots/, and lock it.
 *
 * @param wanted  where; NULL: runs/NAME, runs/NAME-2, ... whichever is free, atomically
 * @param name    of the experiment; used if `wanted` is NULL
 * @param force   `wanted` may be an earlier run, or empty: what a run consists of is removed from it first,
 * by name, and nothing else; a folder that is neither is refused
 * @return SS_ERR_USAGE: exists; SS_ERR_FILE: cannot be made, or another process writes it
 */
SS_MUST_CHECK enum ss_status ss_run_directory_create(const char *wanted, const char *name, bool force,
                                                     struct ss_run_directory *out);

/** SS_ERR_USAGE now rather than after minutes of preparation: what ss_run_directory_create would say of
 * `wanted`. */
SS_MUST_CHECK enum ss_status ss_run_directory_check(const char *wanted, bool force);

/** Open the folder of a run; SS_ERR_FILE if it is not one. With `writing` it is locked. */
SS_MUST_CHECK enum ss_status ss_run_directory_open(const char *path, bool writing,
                                                   struct ss_run_directory *out);

/** True while some process writes the run. */
bool ss_run_directory_is_locked(const char *path);

/** Unlock; fine on a zeroed one that holds no lock (.path NULL). */
void ss_run_directory_release(struct ss_run_directory *d);

/** Unlock and remove all that a run consists of, and the folder if nothing else is in it: a run that never
 * began. */
void ss_run_directory_discard(struct ss_run_directory *d);

/** "RUN/name"; the caller frees it. */
SS_MUST_CHECK enum ss_status ss_run_directory_file(const struct ss_run_directory *d, const char *name,
                                                   char **out);

#endif
