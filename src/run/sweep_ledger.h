/*
 * sweep_ledger.h - what is known of the points of a sweep, in DIR/sweep.db: an SQLite database that any
 * number of processes on one machine may write, and that is sound whenever one of them is killed.
 *
 * A point is known by the digest of its resolved configuration. Who computes it holds a lease on it, renewed
 * while it lives; a lease that ran out, or whose holder is gone, is taken up by the next who asks.
 */
#ifndef SS_RUN_SWEEP_LEDGER_H
#define SS_RUN_SWEEP_LEDGER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "config/sweep.h"

enum ss_point_status {
    SS_POINT_WAITING,
    SS_POINT_RUNNING,
    SS_POINT_DONE,
    SS_POINT_FAILED,
    SS_POINT_STOPPED /* by halving: others did better */
};
const char *ss_point_status_name(enum ss_point_status s);

/** A row of the ledger. Texts are the owner's of the point, NULL if unknown. */
struct ss_point {
    long long id;    /* its number, from 1 */
    char *digest;    /* of `resolved` */
    char *setting;   /* {"train.batch": "64", ...}: what is swept, as JSON */
    char *group;     /* the same without the seed of sweep.repeat */
    char *overrides; /* ["train.batch=64", ...] */
    char *resolved;  /* the whole configuration */
    char *folder;    /* of its run, below that of the sweep */
    enum ss_point_status status;
    long long attempts; /* how often it was begun or taken up */
    char *owner;        /* who computes it */
    char *error;        /* why it failed */
    char *result;       /* {"loss", "seconds", "steps", "metrics"} */
    char *finished_at;  /* "2026-01-31T12:34:56Z" */
    double seconds;     /* that its last attempt took */
    long long rung;     /* of the halving: how many it has reached */
    double objective;   /* its lowest on held-out rows by then, NAN if unknown */
    uint64_t until;     /* of a claim: pause after this step; 0: train to the end */
};
void ss_point_release(struct ss_point *p);

struct ss_points {
    struct ss_point *items;
    size_t count, capacity;
    struct ss_halving halving; /* of a plan */
};
void ss_points_release(struct ss_points *p);

struct ss_counts {
    size_t points, done, failed, running, waiting, stopped;
    double seconds; /* mean time of the points that are done, 0 if none is */
};

struct ss_ledger;

/**
 * Open DIR/sweep.db; with `create` it is made if there is none, folder and all.
 *
 * @return SS_ERR_FILE: none there, or not to be read or written; SS_ERR_CORRUPT: no ledger; SS_ERR_USAGE: of
 * a newer version
 */
SS_MUST_CHECK enum ss_status ss_ledger_open(const char *folder, bool create, struct ss_ledger **out);
void ss_ledger_close(struct ss_ledger *l);

/** True if `folder`, or the nearest one above it that exists, is on a network file system, where the locks of
 * SQLite do not hold. `name` tells which ("NFS"). */
bool ss_ledger_on_network(const char *folder, const char **name);

/** Notes by name; NULL if there is none, else the caller's to free. */
SS_MUST_CHECK enum ss_status ss_ledger_note(struct ss_ledger *l, const char *name, char **out);
SS_MUST_CHECK enum ss_status ss_ledger_set_note(struct ss_ledger *l, const char *name, const char *value);

/** Add the points whose digests are new (id, digest, setting, group, overrides, resolved are read; a number
 * that is taken gives way to the next free one). All or none. SS_ERR_USAGE: halving has decided already,
 * which a new one would have escaped. */
SS_MUST_CHECK enum ss_status ss_ledger_add(struct ss_ledger *l, const struct ss_point *points, size_t n);

/** What failed before is waiting again; leases of processes of this machine that are gone are given up. */
SS_MUST_CHECK enum ss_status ss_ledger_begin(struct ss_ledger *l);

/** Who this process is, in the ledger. */
void ss_ledger_owner(char out[160]);

/** Take the first point that waits, or whose lease ran out, for `lease` seconds; where all have reached a
 * rung of the halving, it is decided first who goes on (sweep_halving.h). out->id is 0 if there is none. */
SS_MUST_CHECK enum ss_status ss_ledger_claim(struct ss_ledger *l, const char *owner, double lease,
                                             struct ss_point *out);

/** Renew the lease; *held is false if another has it now. */
SS_MUST_CHECK enum ss_status ss_ledger_beat(struct ss_ledger *l, long long id, const char *owner,
                                            double lease, bool *held);

struct ss_outcome {
    enum ss_point_status status; /* WAITING: interrupted, or to be tried again */
    bool failure;                /* it counts as one, whatever `status` */
    const char *error, *result;  /* or NULL */
    double seconds;
    bool reached;     /* the step that the claim named */
    double objective; /* lowest on held-out rows so far, for the halving; NAN: unknown */
};
/** End an attempt; nothing happens, and *held is false, if another has the point now. */
SS_MUST_CHECK enum ss_status ss_ledger_finish(struct ss_ledger *l, long long id, const char *owner,
                                              const struct ss_outcome *outcome, bool *held);

/** How often the point failed since the last ss_ledger_begin(). */
SS_MUST_CHECK enum ss_status ss_ledger_failures(struct ss_ledger *l, long long id, size_t *out);

/** The process `pid` of this machine died at its work: its points wait again, or have failed if it was the
 * `most`-th that died of them. */
SS_MUST_CHECK enum ss_status ss_ledger_bury(struct ss_ledger *l, long pid, size_t most, const char *how);

SS_MUST_CHECK enum ss_status ss_ledger_count(struct ss_ledger *l, struct ss_counts *out);

/** All points in the order of their numbers. */
SS_MUST_CHECK enum ss_status ss_ledger_list(struct ss_ledger *l, struct ss_points *out);

/** Take over what the ledger of a shard knows: its points by digest, its runs in `prefix`/... *added and
 * *updated count them. */
SS_MUST_CHECK enum ss_status ss_ledger_join(struct ss_ledger *l, const struct ss_points *shard,
                                            const char *prefix, size_t *updated);

#endif
