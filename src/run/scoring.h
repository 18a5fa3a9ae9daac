/*
 * scoring.h - log-density and score of the rows of a file, in the data's own units.
 *
 * With a transform y = T(x) of Jacobian J: log p_x = log p_y + log |det J|, score_x = J' score_y + grad log
 * |det J|; noise is left out. Without data (an imported run) rows are taken as the model sees them.
 */
#ifndef SS_RUN_SCORING_H
#define SS_RUN_SCORING_H

#include "run/normalizer.h"
#include "run/trained.h"

struct ss_scores {
    size_t rows, dimension;
    size_t columns;  /* 1 + dimension, or dimension for a score net, which has no density */
    float *values;   /* rows x columns: log_density, then the score */
    char **names;    /* columns: "log_density", "score_NAME", ... */
    bool normalized; /* log-densities are; else up to one constant */
    struct ss_normalizer normalizer;
};

SS_MUST_CHECK enum ss_status ss_scores_make(const struct ss_trained *t, const char *path,
                                            struct ss_scores *out);
void ss_scores_release(struct ss_scores *s);

#endif
