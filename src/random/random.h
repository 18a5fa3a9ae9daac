/*
 * random.h - counter-based random numbers: the same function of (seed, purpose, counter) on the host and in
 * kernels.
 *
 * Philox4x32-10 (Salmon et al., SC 2011). Integers, uniforms and Rademacher signs are the same bits
 * everywhere, and so are normals: their logarithm, sine and cosine are polynomials of fma alone
 * (cl/random/philox.clh, which both compile). A stream is never stored: a resumed run asks for the same
 * counters and gets the same numbers.
 */
#ifndef SS_RANDOM_RANDOM_H
#define SS_RANDOM_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* What a number is for: streams of different purposes are independent. Values are part of the file format:
 * never renumber. */
enum ss_purpose {
    SS_PURPOSE_INITIAL = 1,   /* initial weights: counter (parameter index/4, tensor, 0, 0) */
    SS_PURPOSE_SYNTHETIC = 2, /* synthetic rows: (row, set's own use, 0, 0) */
    SS_PURPOSE_SPLIT = 3,     /* which rows are held out */
    SS_PURPOSE_ORDER = 4,     /* order of training rows: keyed by epoch */
    SS_PURPOSE_NOISE = 5,     /* transform noise in training: (step, row of batch, transform, column/4) */
    SS_PURPOSE_NOISE_HELD_OUT =
        6,                 /* the same for validation and test rows: (part, row, transform, column/4) */
    SS_PURPOSE_SLICES = 7, /* (step, row of batch, slice, column/4), signs column/128 */
    SS_PURPOSE_SLICES_HELD_OUT = 8,
    SS_PURPOSE_DENOISING = 9, /* dsm: (step, row of batch, 0, column/4) */
    SS_PURPOSE_DENOISING_HELD_OUT = 10,
    SS_PURPOSE_SAMPLER = 11,       /* (step, chain, use, column/4) */
    SS_PURPOSE_SAMPLER_START = 12, /* (0, chain, 0, column/4) */
    SS_PURPOSE_PERMUTE = 13,       /* transform permute */
    SS_PURPOSE_SUBSET = 14,        /* rows chosen for evaluation or pictures */
    SS_PURPOSE_SWEEP = 15,         /* random points of a sweep: (point, hash of the key, 0, 0) */
    SS_PURPOSE_ANNEALING = 16 /* as SAMPLER; steps of the ways there and back have numbers of their own */
};

/** Four 32-bit words of the stream (seed, purpose) at `counter`. */
void ss_random_bits(uint32_t seed, enum ss_purpose purpose, const uint32_t counter[4], uint32_t out[4]);

/** Four uniforms in the open interval (0, 1): the odd multiples of 2^-24. */
void ss_random_uniform(uint32_t seed, enum ss_purpose purpose, const uint32_t counter[4], float out[4]);

/** Four standard normals. */
void ss_random_normal(uint32_t seed, enum ss_purpose purpose, const uint32_t counter[4], float out[4]);

/**
 * Element `index` of a random permutation of 0..n-1 that is a function of (seed, purpose, epoch): a bijection
 * by Feistel rounds with cycle walking, so no table is kept. The same on the device (ss_permute in
 * cl/random/permute.clh).
 *
 * @param n      1 to 2^31
 * @param index  < n
 */
uint32_t ss_random_permute(uint32_t seed, enum ss_purpose purpose, uint32_t epoch, uint32_t n,
                           uint32_t index);

#endif
