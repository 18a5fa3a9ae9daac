/*
 * denoise.h - a trained score as a denoiser.
 *
 * Of rows x~ = x + sigma z with standard normal z, the mean of x given x~ is x~ + sigma^2 s(x~), s the score
 * of the density of x~ (Tweedie's formula: Robbins 1956, Miyasawa 1961). Denoising score matching learns that
 * score, and its loss is the denoiser's error: mean of |x~ + sigma^2 s(x~) - x|^2 = 2 sigma^4 dsm (Vincent
 * 2011). All in the space trained in.
 */
#ifndef SS_RUN_DENOISE_H
#define SS_RUN_DENOISE_H

#include "objective/loss.h"
#include "run/trained.h"

struct ss_denoised {
    size_t rows;
    float *noisy, *denoised;          /* rows x D */
    struct ss_estimate before, after; /* mean of |noisy - clean|^2 and of |denoised - clean|^2 a row; */
    bool known;                       /* if the clean rows were given */
};

/**
 * Denoise y[rows x D], and wait.
 *
 * @param add  y are clean rows: noise of `sigma` is added first (the same each time, of the run's seed), and
 * the errors are known. Else they are noisy as they stand.
 */
SS_MUST_CHECK enum ss_status ss_denoise(const struct ss_trained *t, const float *y, size_t rows, double sigma,
                                        bool add, struct ss_denoised *out);
void ss_denoised_release(struct ss_denoised *d);

/** Clean rows y (NULL: unknown), noisy and denoised ones beside each other as PATH.png and PATH.svg: images
 * in a line each, two columns in the space trained in, others as pairs of columns in the data's own units. */
SS_MUST_CHECK enum ss_status ss_denoised_draw(const struct ss_trained *t, float *y,
                                              const struct ss_denoised *d, const char *path);

#endif
