/*
 * slicescore.h - what was learned, for C programs: log-densities, scores and samples of a run that the
 * program `slicescore` has trained.
 *
 *     struct slicescore *s = slicescore_create();
 *     double at[2] = {0.5, -1}, log_density, score[2];
 *
 *     if (slicescore_load(s, "runs/two_moons", SLICESCORE_WEIGHTS_BEST) != SLICESCORE_OK ||
 *         slicescore_score(s, at, 1, &log_density, score) != SLICESCORE_OK)
 *         fprintf(stderr, "%s\n", slicescore_message(s));
 *     slicescore_free(s);
 *
 * Rows are in the data's own units: D = slicescore_dimension() numbers each, in the order of
 * slicescore_column(). Arrays are the caller's, C order.
 *
 * Whatever can fail returns a status; slicescore_message() then tells why. Nothing is printed, nothing ends
 * the process, and no signal handler, locale or other state of the process is changed. A handle belongs to
 * one thread at a time; several threads use a handle each.
 */
#ifndef SLICESCORE_H
#define SLICESCORE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Symbols of the shared library: these and no other. */
#define SLICESCORE_API __attribute__((visibility("default")))

struct slicescore; /* a device and the run loaded on it */

/* The numbers are the exit codes of the program where it has one. */
enum slicescore_status {
    SLICESCORE_OK = 0,
    SLICESCORE_ERROR_INTERNAL = 1,  /* a mistake in the library, or an OpenCL call that failed */
    SLICESCORE_ERROR_USAGE = 2,     /* an argument, or something that this run does not have */
    SLICESCORE_ERROR_NO_DEVICE = 3, /* no usable device of that name */
    SLICESCORE_ERROR_BUILD = 4,     /* a kernel did not build, or the device computes wrong numbers */
    SLICESCORE_ERROR_MEMORY = 5,
    SLICESCORE_ERROR_DIVERGED = 6, /* no chain was left */
    SLICESCORE_ERROR_CORRUPT = 7,  /* a file of the run is damaged */
    SLICESCORE_ERROR_FILE = 9      /* not a run, or a file of it is missing or unreadable */
};

enum slicescore_weights {
    SLICESCORE_WEIGHTS_BEST = 0, /* of the lowest validation objective */
    SLICESCORE_WEIGHTS_LAST = 1
};

enum slicescore_kind {
    SLICESCORE_KIND_NONE = 0,   /* nothing is loaded */
    SLICESCORE_KIND_ENERGY = 1, /* a density up to a constant, and its score */
    SLICESCORE_KIND_SCORE = 2   /* a score alone */
};

/** "0.1.0" */
SLICESCORE_API const char *slicescore_version(void);

/** "ok", "usage", "file", ...; never NULL. */
SLICESCORE_API const char *slicescore_status_name(enum slicescore_status status);

/* ---- handles ---- */

/** NULL only if memory ran out. */
SLICESCORE_API struct slicescore *slicescore_create(void);

/** The handle and all that it holds; NULL is fine. */
SLICESCORE_API void slicescore_free(struct slicescore *s);

/** Why the last call failed, "" if it did not; never NULL. Valid until the next call with this handle. */
SLICESCORE_API const char *slicescore_message(const struct slicescore *s);

/** What the last call warned of, a line each, "" if nothing; never NULL. Valid until the next call. */
SLICESCORE_API const char *slicescore_warnings(const struct slicescore *s);

/**
 * Open the device on which runs are loaded from now on; a run that is loaded is let go.
 *
 * @param device  "gpu", "cpu", "0:1" (platform and device), part of a name; NULL: what SLICESCORE_DEVICE
 *                names, else the best there is
 */
SLICESCORE_API enum slicescore_status slicescore_open_device(struct slicescore *s, const char *device);

/** Name of the device, "" before one is open. */
SLICESCORE_API const char *slicescore_device_name(const struct slicescore *s);

/* ---- a run ---- */

/**
 * Load the run in the folder `run`, in place of the one before. Without a device one is opened first, as
 * SLICESCORE_DEVICE or the run's own file says. If it fails nothing is loaded.
 */
SLICESCORE_API enum slicescore_status slicescore_load(struct slicescore *s, const char *run,
                                                      enum slicescore_weights weights);

/** D, the numbers in a row: the columns that the run was trained on; 0 if nothing is loaded. */
SLICESCORE_API size_t slicescore_dimension(const struct slicescore *s);

/** Name of column j < D, NULL if there is no such column or it has no name. */
SLICESCORE_API const char *slicescore_column(const struct slicescore *s, size_t j);

SLICESCORE_API enum slicescore_kind slicescore_kind(const struct slicescore *s);

/** Training step that the weights are of. */
SLICESCORE_API uint64_t slicescore_step(const struct slicescore *s);

/* ---- densities and scores ---- */

/**
 * Log-density and score, the gradient of the log-density, at x[rows x D].
 *
 * @param log_density  rows numbers, or NULL (and NULL for a score net: SLICESCORE_ERROR_USAGE); up to one
 *                     constant unless slicescore_normalized()
 * @param score        rows x D numbers, or NULL
 * A row that is not finite, or where the model has no density, gets NAN in both.
 */
SLICESCORE_API enum slicescore_status slicescore_score(struct slicescore *s, const double *x, size_t rows,
                                                       double *log_density, double *score);

/** The log-density alone, which is less work. */
SLICESCORE_API enum slicescore_status slicescore_log_density(struct slicescore *s, const double *x,
                                                             size_t rows, double *log_density);

/**
 * Find log Z of an energy; from then on log-densities of this run are normalized. In one or two dimensions
 * the density is integrated here; in more log Z is what `slicescore evaluate` has left in the run's folder
 * for these weights. SLICESCORE_ERROR_USAGE, with the reason, where there is none.
 *
 * @param log_z, error  of the trained energy, in the space it was trained in; either may be NULL
 */
SLICESCORE_API enum slicescore_status slicescore_normalize(struct slicescore *s, double *log_z,
                                                           double *error);

/** 1 if log-densities are normalized, 0 if they are up to a constant or there are none. */
SLICESCORE_API int slicescore_normalized(const struct slicescore *s);

/* ---- samples ---- */

enum slicescore_sampler {
    SLICESCORE_SAMPLER_LANGEVIN = 0, /* unadjusted: energies and score nets */
    SLICESCORE_SAMPLER_MALA = 1,     /* with a Metropolis test: energies */
    SLICESCORE_SAMPLER_HMC = 2       /* Hamiltonian Monte Carlo: energies */
};

struct slicescore_sampling {
    enum slicescore_sampler sampler;
    uint32_t warmup;     /* mala, hmc: steps before the others, in which step_size is adapted */
    double acceptance;   /* mala, hmc: rate that it is adapted to, between 0 and 1 */
    uint32_t steps;      /* of each chain */
    uint32_t leapfrog;   /* hmc: leapfrog steps in a step, at most */
    double step_size;    /* > 0, in the space that was trained in; a leapfrog step is sqrt(2 step_size) */
    uint32_t seed;       /* the same seed, the same samples on the same device */
    const double *start; /* starts x D, the first states, used in turn; NULL: as the run's file says */
    size_t starts;
};

struct slicescore_sampled {
    size_t count;      /* rows written: chains that are left */
    size_t lost;       /* chains that ran away or never moved: they are no samples */
    size_t divergent;  /* proposals that were rejected because their energy was past all bounds */
    double acceptance; /* of the Metropolis test after the warm-up, NAN without one */
    double step_size;  /* after the warm-up */
    double ess;        /* effective number of states of all chains, worst column; NAN if unknown */
    double rhat;       /* split R-hat, worst column; NAN if unknown */
};

/** What the run's own file says. */
SLICESCORE_API enum slicescore_status slicescore_sampling(const struct slicescore *s,
                                                          struct slicescore_sampling *out);

/**
 * The last states of `count` chains.
 *
 * @param how      NULL: as the run's own file says
 * @param x        room for count x D numbers; the first sampled->count rows are written
 * @param sampled  may be NULL only if the caller takes fewer than `count` for an error: then lost chains are
 *                 SLICESCORE_ERROR_DIVERGED
 * @return SLICESCORE_ERROR_DIVERGED if no chain is left; SLICESCORE_ERROR_USAGE for a Metropolis test on a
 * score net; SLICESCORE_ERROR_FILE if chains are to start from rows that are no longer there
 */
SLICESCORE_API enum slicescore_status slicescore_sample(struct slicescore *s,
                                                        const struct slicescore_sampling *how, size_t count,
                                                        double *x, struct slicescore_sampled *sampled);

#ifdef __cplusplus
}
#endif

#endif
