/* scorer.h - energy and score of rows on the device, by ordinary forward and reverse sweeps: what samplers,
 * evaluation and pictures need of a model. */
#ifndef SS_MODEL_SCORER_H
#define SS_MODEL_SCORER_H

#include "model/model.h"

struct ss_scorer;

/** @param rows  capacity: more rows go through ss_scorer_host in pieces of so many */
SS_MUST_CHECK enum ss_status ss_scorer_create(struct ss_device *device, const struct ss_model *model,
                                              size_t rows, struct ss_scorer **out);
void ss_scorer_free(struct ss_scorer *s);

struct ss_span ss_scorer_input(const struct ss_scorer *s); /* write rows x D here */
struct ss_span ss_scorer_score(const struct ss_scorer *s); /* rows x D after enqueue */
struct ss_span
ss_scorer_energy(const struct ss_scorer *s); /* rows after enqueue; .buffer NULL for a score net */

SS_MUST_CHECK enum ss_status ss_scorer_enqueue(struct ss_scorer *s, struct ss_span parameters, size_t rows);

/** Host convenience, waits: x[rows x D] to energy[rows] (may be NULL; must be for a score net) and score[rows
 * x D] (may be NULL), any number of rows. */
SS_MUST_CHECK enum ss_status ss_scorer_host(struct ss_scorer *s, struct ss_span parameters, const float *x,
                                            size_t rows, float *energy, float *score);

#endif
