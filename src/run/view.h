/* view.h - what pictures of a trained model are drawn from: density and score on grids, rows in the units
 * shown. */
#ifndef SS_RUN_VIEW_H
#define SS_RUN_VIEW_H

#include "data/dataset.h"
#include "run/normalizer.h"
#include "run/pictures.h"
#include "run/sampling.h"
#include "run/trained.h"

/** Smallest and largest value of each column of y[rows x 2] or [rows x 1]. */
void ss_view_box(const float *y, size_t rows, size_t dimension, double low[2], double high[2]);

/**
 * Draw all pictures of a model beside its training rows: up to two columns in the space trained in, others in
 * the data's units.
 *
 * @param samples  may be empty (count 0)
 */
SS_MUST_CHECK enum ss_status ss_view_draw(const struct ss_trained *t, const struct ss_dataset *dataset,
                                          const struct ss_normalizer *normalizer,
                                          const struct ss_samples *samples, const char *plots,
                                          struct ss_pictures_drawn *drawn);

#endif
