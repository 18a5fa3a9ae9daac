/*
 * scoring.h - log-density and score of the rows of a file, in the data's own units (run/row_scores.h), piece
 * by piece: a file may be larger than memory.
 */
#ifndef SS_RUN_SCORING_H
#define SS_RUN_SCORING_H

#include "data/table.h"
#include "run/normalizer.h"
#include "run/row_scores.h"
#include "run/trained.h"

struct ss_scoring {
    size_t dimension;
    size_t columns;  /* 1 + dimension, or dimension for a score net, which has no density */
    char **names;    /* columns: "log_density", "score_NAME", ... */
    bool normalized; /* log-densities are; else up to one constant */
    struct ss_normalizer normalizer;
    size_t rows; /* scored so far */
    size_t bad;  /* of them with no density, by the model or the transform: NAN */

    const struct ss_trained *trained; /* private from here on */
    struct ss_row_scores *scores;
    struct ss_table_pieces *file;
};

/** Open a file whose columns are those that the run was trained on. SS_ERR_USAGE: other columns. */
SS_MUST_CHECK enum ss_status ss_scoring_open(const struct ss_trained *t, const char *path,
                                             struct ss_scoring *out);
void ss_scoring_release(struct ss_scoring *s);

/** Take values[rows x columns]: log_density, then the score. */
typedef enum ss_status ss_scores_fn(void *context, const float *values, size_t rows);

/** All rows in their order, with a progress line. SS_ERR_INTERRUPTED if a stop was asked for. */
SS_MUST_CHECK enum ss_status ss_scoring_run(struct ss_scoring *s, ss_scores_fn *take, void *context);

#endif
