/*
 * sweep.h - a sweep: many runs of one experiment, each point once, in a folder that can be left and taken up
 * at any moment.
 *
 *     DIR/sweep.db  DIR/runs/00001/...        or, in shards, DIR/shard-1-of-4/ with the same in it
 *
 * Workers are processes of this program that take points from the ledger (sweep_ledger.h) until none waits;
 * the coordinator starts them, starts them anew when they die, and stops them. When it is gone they stop by
 * themselves.
 */
#ifndef SS_RUN_SWEEP_H
#define SS_RUN_SWEEP_H

#include <stdbool.h>
#include <stddef.h>

#include "run/log.h"
#include "run/sweep_ledger.h"

struct ss_sweep_request {
    const char *path;         /* EXP.yaml */
    const char *const *words; /* KEY=VALUE and KEY=a,b */
    size_t n_words;
    const char *folder; /* -o, or NULL: sweeps/NAME */
    const char *device; /* --device, or NULL; "0:0,1:0" gives the workers one after the other */
    size_t jobs;        /* workers; 0 = one for each device named */
    size_t retry;       /* how often a point that failed is tried again */
    bool fail_fast;
    size_t shard, shards; /* 1 of 4; 0 of 0: all points */
    bool pictures;        /* draw samples and pictures of each point, as for a run of its own */
    bool prepare;         /* make the folder and its ledger, compute nothing */
    struct ss_log *log;
};

/** The points of a request, each resolved and checked, those that are the same as an earlier one left out
 * (*same counts them), and only those of the shard. */
SS_MUST_CHECK enum ss_status ss_sweep_plan(const struct ss_sweep_request *request, struct ss_points *out,
                                           size_t *same);

/**
 * Begin the sweep, or go on with it.
 *
 * @param folder  where it is; the caller frees it, whatever comes back
 * @param counts  at the end
 * @return SS_ERR_USAGE: the folder holds a sweep of another file; SS_ERR_POINTS: some failed;
 * SS_ERR_INTERRUPTED: stopped by a signal, checkpoints are saved
 */
SS_MUST_CHECK enum ss_status ss_sweep_run(const struct ss_sweep_request *request, char **folder,
                                          struct ss_counts *counts);

struct ss_worker_options {
    const char *folder, *device;
    size_t retry;
    bool fail_fast, pictures;
    int parent;   /* descriptor that reads to its end when the coordinator is gone; -1: there is none */
    double lease; /* seconds; 0 = 30 */
    struct ss_log *log;
};

/** Compute points until none waits. SS_ERR_POINTS with fail_fast after a failure; SS_ERR_INTERRUPTED. */
SS_MUST_CHECK enum ss_status ss_sweep_work(const struct ss_worker_options *options);

/** Why `points` does not belong into `ledger`, which has a sweep already: SS_ERR_USAGE with the lines that
 * differ; SS_OK if it does. */
SS_MUST_CHECK enum ss_status ss_sweep_compare(const struct ss_sweep_request *request,
                                              struct ss_ledger *ledger, const struct ss_points *points);

/**
 * Write DIR/sweep.sbatch: a Slurm array that computes the sweep in `shards` shards, puts each back into the
 * queue when its time is up, and is safe to submit again. The ledger of DIR says which file and overrides.
 *
 * @param program  how to call this one
 * @param jobs     workers of each job of the array, which share its `cpus` cores
 * @param time     "04:00:00" of each job, or NULL
 * @param out      path of what was written; the caller frees it
 */
SS_MUST_CHECK enum ss_status ss_sweep_slurm(const char *folder, const char *program, size_t shards,
                                            size_t jobs, size_t cpus, const char *time, char **out);

/** How this program is called from elsewhere; the caller frees it. */
SS_MUST_CHECK enum ss_status ss_sweep_program(char **out);

/** Join the shards below `folder` into its ledger. */
SS_MUST_CHECK enum ss_status ss_sweep_merge(const char *folder, struct ss_counts *counts);

#endif
