/*
 * sampling.h - samples of a trained model by chains on the device, brought back to the data's own units.
 *
 * Chains start, by sample.start: noise = standard normals in the space trained in; data = training rows; auto
 * = data for more than two columns and for images, whose modes no chain finds from afar, else noise.
 */
#ifndef SS_RUN_SAMPLING_H
#define SS_RUN_SAMPLING_H

#include "data/dataset.h"
#include "run/trained.h"

struct ss_samples {
    float *y;     /* count x D, in the space trained in */
    float *x;     /* count x columns, in the data's own units, dropped columns left out */
    char **names; /* of the columns, or NULL */
    size_t count, columns;
    size_t height, width;             /* > 0: rows are images */
    size_t runaway, stuck, divergent; /* as in struct ss_sampler_result, */
    double acceptance, step_size, ess, rhat;
};

struct ss_sampling { /* how chains run */
    struct ss_sample_options options;
    size_t count; /* chains */
    uint32_t seed;
    const float *start; /* starts x D in the space trained in, used in turn; NULL: by options.start */
    size_t starts;
    const struct ss_dataset *dataset; /* for options.start: data; see ss_sampling_starts() */
};

/** As the run's own `sample:` block says. */
struct ss_sampling ss_sampling_of(const struct ss_trained *t);

/** The rows that chains of this run start from, if they start from rows; else *out stays as it is. */
SS_MUST_CHECK enum ss_status ss_sampling_starts(const struct ss_trained *t, struct ss_dataset **out);

/**
 * Run the chains and say acceptance and losses; all chains lost is a warning, and count 0.
 *
 * @return SS_ERR_USAGE for mala on a score net, or for chains that have no rows to start from;
 * SS_ERR_INTERRUPTED
 */
SS_MUST_CHECK enum ss_status ss_samples_draw(const struct ss_trained *t, const struct ss_sampling *how,
                                             struct ss_samples *out);
void ss_samples_release(struct ss_samples *s);

/** y[rows x D] back to the data's own units: x[rows x D], the columns of the table that are kept[D] (filled
 * where there are rows). */
SS_MUST_CHECK enum ss_status ss_own_units(const struct ss_trained *t, const float *y, size_t rows, float *x,
                                          size_t *kept);

/** Fill .x, .columns, .names, .height and .width of rows whose .y and .count are given. */
SS_MUST_CHECK enum ss_status ss_samples_own_units(const struct ss_trained *t, struct ss_samples *s);

/** Write .x as .npy or .csv, by extension. */
SS_MUST_CHECK enum ss_status ss_samples_write(const struct ss_samples *s, const char *path);

#endif
