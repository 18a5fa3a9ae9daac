/*
 * gemm_products.h - the single products of a piece of work: listened to, measured, and what was found.
 *
 * The own products, for CPU devices and for GPUs, look up by their shape how they are cut up (tuning.h); what
 * is found changes no bits. CLBlast's and the plain ones have nothing to be asked.
 */
#ifndef SS_DEVICE_GEMM_PRODUCTS_H
#define SS_DEVICE_GEMM_PRODUCTS_H

#include "device/gemm.h"
#include "device/tuner.h"

enum { SS_GEMM_SHAPES = 64 };

struct ss_gemm_shapes {
    struct ss_gemm shapes[SS_GEMM_SHAPES]; /* without buffers, nor streams: they are rows. Further ones are
                                              not noted */
    size_t times[SS_GEMM_SHAPES];          /* that each is asked for */
    size_t n;
};

/** From now on nothing that is enqueued is computed, and the shape of each own product is noted in `shapes`;
 * until the next call with NULL, by which those with the most multiply-adds come first. */
void ss_gemm_listen(struct ss_device *d, struct ss_gemm_shapes *shapes);

/** Multiply-adds of all products of the i-th shape. */
double ss_gemm_shapes_work(const struct ss_gemm_shapes *s, size_t i);

/** "768 x 1024 x 1024, nt": rows, columns, terms of a sum, how A and B are stored. */
void ss_gemm_shape_text(const struct ss_gemm *shape, char *text, size_t size);

/** What was found for this shape, if it was measured. */
bool ss_gemm_shape_answer(struct ss_device *d, const struct ss_gemm *shape, struct ss_tuning *out);

struct ss_gemm_tune;

/** Ways to compute an own product of this shape, for ss_tuner_run, with matrices of their own. One is right
 * if it has the bits of the default. */
SS_MUST_CHECK enum ss_status ss_gemm_tune_create(struct ss_device *d, const struct ss_gemm *shape,
                                                 struct ss_gemm_tune **out);
void ss_gemm_tune_free(struct ss_gemm_tune *t);
struct ss_tuner_task *ss_gemm_tune_task(struct ss_gemm_tune *t);

#endif
