/*
 * transform_chain.h - how a chain of transforms is kept, for the files of data/ that fit it, store it and run
 * it on the device. Everyone else uses transform.h.
 *
 * However the transforms were written, the chain is: choose columns of the table (`from`), then steps that
 * all have the width `outputs`. Columns dropped or moved half-way have been dropped or moved in the steps
 * before as well.
 */
#ifndef SS_DATA_TRANSFORM_CHAIN_H
#define SS_DATA_TRANSFORM_CHAIN_H

#include "data/transform.h"

/* Part of the file format: never renumber. */
enum ss_step_kind {
    SS_STEP_AFFINE = 0,     /* y = (x - shift) scale */
    SS_STEP_DEQUANTIZE = 1, /* y = scale x + gap (u - centre), u uniform */
    SS_STEP_LOGIT = 2,      /* y = logit(alpha + (1 - 2 alpha) x) */
    SS_STEP_NOISE = 3,      /* y = x + sigma z, z normal */
    SS_STEP_MATRIX = 4      /* y = matrix (x - shift) */
};

struct ss_step {
    enum ss_step_kind kind;
    double value;    /* alpha, sigma, or dequantize's one scale */
    double centre;   /* dequantize: 0 (images) or 1/2 (tables) */
    double *shift;   /* affine, matrix: outputs numbers */
    double *scale;   /* affine: outputs numbers; dequantize: the gaps */
    double *matrix;  /* outputs x outputs, row-major */
    double *inverse; /* of matrix */
    double log_det;  /* of matrix */
};

struct ss_transform {
    size_t inputs, outputs;
    uint32_t *from;       /* outputs: column of the table that enters the steps in this place */
    uint32_t *origin;     /* outputs: column of the table that output i is named after */
    char **names;         /* inputs: names of all columns of the table */
    double *fill;         /* inputs: what stands for a missing cell; NULL = NAN goes through */
    bool lossy;           /* columns were dropped by what the data look like, not by name */
    size_t height, width; /* of the table's images, 0 if they are none */
    size_t n_steps;
    struct ss_step *steps;
};

/** The chosen columns of a row of the table, missing cells filled: y[outputs]. */
void ss_transform_choose(const struct ss_transform *t, const double *x, double *y);

/** Steps [first, last) on y[outputs] in place; `draw` as in ss_transform_forward(). False if memory ran out:
 * y is then NAN. */
bool ss_transform_apply(const struct ss_transform *t, size_t first, size_t last,
                        const struct ss_transform_draw *draw, uint32_t row, double *y);

static inline bool ss_step_is_random(const struct ss_step *s)
{
    return s->kind == SS_STEP_DEQUANTIZE || s->kind == SS_STEP_NOISE;
}

void ss_step_release(struct ss_step *s);

/**
 * Eigenvalues and orthonormal eigenvectors of a symmetric matrix: a[n x n] is overwritten, row i of vectors[n
 * x n] goes with values[i]; in no order. Householder tridiagonalization, then implicitly shifted QR (Golub,
 * Van Loan: Matrix Computations, 8.3). Absolute accuracy: rounding times the largest eigenvalue.
 *
 * @return SS_ERR_MEMORY; SS_ERR_INTERNAL if an eigenvalue does not settle (the matrix holds NAN)
 */
SS_MUST_CHECK enum ss_status ss_symmetric_eigen(size_t n, double *a, double *values, double *vectors);

#endif
