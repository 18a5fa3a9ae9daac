/*
 * gemm.h - the one matrix product: C = op(A) op(B), or C += op(A) op(B), fp32, row-major, any shape.
 *
 * Backends: "own" (register-tiled, the default on CPU devices; on GPUs through local memory), "clblast" (the
 * default on GPUs), "plain" (one work-item an element: the oracle, and what is left when a driver fails the
 * self-test).
 */
#ifndef SS_DEVICE_GEMM_H
#define SS_DEVICE_GEMM_H

#include "config/experiment.h"
#include "device/device.h"

/** What is done with C at the end of a product, made once and used in many. */
struct ss_epilogue;

struct ss_gemm {
    bool transpose_a, transpose_b;
    size_t m, n, k;         /* C is m x n, op(A) m x k, op(B) k x n; k = 0 gives 0 */
    struct ss_span a, b, c; /* c overlaps neither a nor b */
    size_t lda, ldb, ldc;   /* elements between rows as stored */
    bool accumulate;        /* C += */
    size_t streams;         /* 0, 1, or A and C are so many matrices of m rows, one after the other */
    size_t skip;            /* the skip-th of the streams is not multiplied; 0: all are */
    /* Only where ss_gemm_finishes says so: */
    struct ss_span bias; /* n floats that each row of the first stream gets as well; .buffer NULL: none */
    struct ss_epilogue *epilogue;       /* after that, or NULL */
    const struct ss_arg *epilogue_args; /* of its kernels, behind those of the product */
    size_t n_epilogue_args;             /* at most SS_EPILOGUE_ARGS */
};

enum { SS_EPILOGUE_ARGS = 8 };

/** Enqueue; does not wait. The same bits each time on one device and backend. */
SS_MUST_CHECK enum ss_status ss_gemm_enqueue(struct ss_device *d, const struct ss_gemm *g);

/** Whether the backend in use adds the bias in this product and takes its epilogue: the own one does where C
 * is not made of parts; on GPUs an epilogue too where tiles are full of whole rows of all streams. */
bool ss_gemm_finishes(const struct ss_device *d, const struct ss_gemm *g);

/**
 * Of `file`, which includes cl/device/gemm_own.cl, or, with TILED, gemm_tiled.cl, and says there what is done
 * with C, built with `defines` besides the product's own. It takes products with this `transpose_b`.
 *
 * @param defines  at most SS_EPILOGUE_DEFINES; names not copied
 */
SS_MUST_CHECK enum ss_status ss_epilogue_create(struct ss_device *d, const char *file,
                                                const struct ss_define *defines, size_t n_defines,
                                                bool transpose_b, struct ss_epilogue **out);
void ss_epilogue_free(struct ss_epilogue *e);

enum { SS_EPILOGUE_DEFINES = 4 };

/** Choose the backend for all products of this device; SS_GEMM_AUTO is the default for its type. */
void ss_gemm_choose(struct ss_device *d, enum ss_gemm_kind kind);

/** How products are computed for a part of the work. */
struct ss_gemm_use {
    enum ss_gemm_kind kind;
    bool plain; /* the oracle, whatever the kind */
};

/** Switch; comes back with what was in force, to be put back. */
struct ss_gemm_use ss_gemm_switch(struct ss_device *d, struct ss_gemm_use use);

/** How many sets of CLBlast's parameters there are that are worth trying on this device. */
uint32_t ss_gemm_sets(const struct ss_device *d);

/** From now on CLBlast computes by set 1 to ss_gemm_sets(), in the whole process: it compiles anew, and its
 * own choice cannot be had back. */
SS_MUST_CHECK enum ss_status ss_gemm_take_set(struct ss_device *d, uint32_t set);

/** The set in force; 0: CLBlast's own choice. */
uint32_t ss_gemm_set(const struct ss_device *d);

/** What is in use: "own", "own-tiled" (that for GPUs), "own-simple" (without vectors and unrolled loops),
 * "clblast" or "plain". */
const char *ss_gemm_backend(const struct ss_device *d);

/** Use the next simpler backend from now on, whatever is chosen later; false if it is plain already. Drivers
 * known to be unfinished start with "own-simple" for "own". */
bool ss_gemm_set_aside(struct ss_device *d);

/** Set all fast backends aside: from now on plain. */
void ss_gemm_use_plain(struct ss_device *d);

#endif
