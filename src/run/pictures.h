/*
 * pictures.h - the pictures of a run from plain numbers (run/view.h asks the device for them). Each is
 * PATH.png and PATH.svg in the run's plots/.
 *
 *   always        loss: training loss and validation, gradient norm
 *   two columns   data, density (learned, and the true one beside it where that is known), score, samples;
 *                 plane: all of them
 *   one column    density, samples: histograms with the learned density; score along the line
 *   images        data, samples: grids
 *   else          samples (data if there are none): pairs of columns, samples over rows
 */
#ifndef SS_RUN_PICTURES_H
#define SS_RUN_PICTURES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/** What was drawn: names without folder, for the last words of a run. */
struct ss_pictures_drawn {
    const char *names[8];
    size_t count;
};

struct ss_learning_curves { /* NAN where a row has none */
    const double *step, *loss, *gradient_norm, *validation, *validation_error;
    size_t n;
};

SS_MUST_CHECK enum ss_status ss_pictures_learning(const char *plots, const struct ss_learning_curves *c,
                                                  struct ss_pictures_drawn *drawn);

struct ss_view { /* of a trained model and its data; all pointers borrowed */
    size_t dimension;
    const char *const *names;    /* of the columns, or NULL */
    const float *data, *samples; /* rows x dimension */
    size_t n_data, n_samples;    /* 0: none */
    const char *sampler;         /* "Langevin samples" */

    /* One or two columns: a grid of side points a side, corners at low and high. */
    double low[2], high[2];
    size_t side;
    const double *density;         /* side^dimension; NULL for a score net */
    bool normalized;               /* density integrates to 1, else its peak is 1 */
    const double *truth;           /* two columns: the data's density on the same grid, or NULL */
    const double *score;           /* one column: side numbers */
    const float *arrow_at, *arrow; /* along the score, as long as the root of its length */
    size_t n_arrows;

    /* Images. */
    size_t height, width; /* > 0 */
    double black, white;
};

SS_MUST_CHECK enum ss_status ss_pictures_view(const char *plots, const struct ss_view *v,
                                              struct ss_pictures_drawn *drawn);

#endif
