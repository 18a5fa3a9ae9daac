/*
 * tune.h - measure the ways to train experiments on this device and keep the fastest (objective/tune.h,
 * device/tuner.h).
 *
 * A build cannot be stopped from within, so a process of its own builds each candidate first, into the caches
 * of the driver and of this program; one that takes too long is killed with it. A candidate that changes a
 * process for good is built, judged and timed in another, turn by turn with the default here.
 */
#ifndef SS_RUN_TUNE_H
#define SS_RUN_TUNE_H

#include "base/text.h"
#include "config/experiment.h"
#include "device/tuner.h"
#include "run/log.h"

/** What is measured: a batch of an experiment, or of a workload of `bench`. */
struct ss_tune_work {
    char name[64];
    struct ss_model_options model;
    struct ss_objective_options objective;
    struct ss_engine_options engine;
    size_t rows, dimension;
};

/** Of an experiment: `rows` of a batch of it. SS_ERR_USAGE if a block that training needs is not there. */
SS_MUST_CHECK enum ss_status ss_tune_work_of_experiment(const struct ss_experiment *e, size_t dimension,
                                                        struct ss_tune_work *out);

struct ss_bench_shape;
struct ss_tune_work ss_tune_work_of_shape(const struct ss_bench_shape *s);

struct ss_tune_answer {
    char name[64]; /* of a product; of a whole loss "" */
    char *what;    /* the question */
    struct ss_tuner_candidate *candidates;
    size_t n_candidates, winner;
    bool answered, kept, stays; /* as in struct ss_tuner_task */
    double seconds;
};

enum { SS_TUNE_PRODUCTS = 8 };
struct ss_tune_result {
    struct ss_tune_work work;
    struct ss_tune_answer loss, products[SS_TUNE_PRODUCTS]; /* of the loss as it then is */
    size_t n_products;
};

struct ss_tune {
    struct ss_device_info device;
    struct ss_tune_result *results;
    size_t n_results;
};
void ss_tune_release(struct ss_tune *t);

struct ss_tune_options {
    const struct ss_tune_work *works;
    size_t n_works;
    double seconds;     /* for all of it, shared out evenly; of a work first the loss, then its products, the
                           largest first */
    const char *device; /* --device, or NULL */
    /** Words that start a process which calls ss_tune_try for works[i] from candidate k on, or ss_tune_apart
     * for k, ended by NULL, the first the path of the program; valid until the next call. NULL: builds are
     * waited for, however long, and candidates apart left out. */
    char *const *(*words)(void *context, size_t i, size_t k, bool apart);
    void (*result)(void *context, const struct ss_tune_result *r); /* as each is done; may be NULL */
    void *context;
    struct ss_log *log; /* may be NULL */
};

/** Measure and keep. Waits. */
SS_MUST_CHECK enum ss_status ss_tune_run(const struct ss_tune_options *options, struct ss_tune *out);

/** What the started process does: build candidates from `first` on, and write a line after each. */
SS_MUST_CHECK enum ss_status ss_tune_try(const struct ss_tune_work *work, const char *device, size_t first,
                                         struct ss_log *log);

/** What it does for a candidate that would change this process for good, a set of CLBlast's parameters: build
 * it, and time it whenever it is told to, until nobody is there to tell. */
SS_MUST_CHECK enum ss_status ss_tune_apart(const struct ss_tune_work *work, const char *device, size_t k,
                                           struct ss_log *log);

/** A table for people; and an object of its own among `"results"` for programs. */
void ss_tune_text(const struct ss_tune_result *r, struct ss_text *out);
void ss_tune_json(const struct ss_tune *t, struct ss_text *out);

#endif
