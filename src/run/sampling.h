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
    size_t height, width; /* > 0: rows are images */
    size_t runaway;       /* chains lost */
    double acceptance;    /* NAN for langevin */
};

/** Where the chains of this experiment start; never SS_START_AUTO. */
enum ss_start ss_sampling_start(const struct ss_trained *t);

/**
 * Run experiment->sample with `count` chains and say acceptance and losses; all chains lost is a warning, and
 * count 0.
 *
 * @param dataset  whose training rows chains start from; may be NULL if they start from noise
 * @return SS_ERR_USAGE for mala on a score net; SS_ERR_INTERRUPTED
 */
SS_MUST_CHECK enum ss_status ss_samples_draw(const struct ss_trained *t, const struct ss_dataset *dataset,
                                             size_t count, struct ss_samples *out);
void ss_samples_release(struct ss_samples *s);

/** y[rows x D] back to the data's own units: x[rows x D], the columns of the table that are kept[D] (filled
 * where there are rows). */
SS_MUST_CHECK enum ss_status ss_own_units(const struct ss_trained *t, const float *y, size_t rows, float *x,
                                          size_t *kept);

/** Write .x as .npy or .csv, by extension. */
SS_MUST_CHECK enum ss_status ss_samples_write(const struct ss_samples *s, const char *path);

#endif
