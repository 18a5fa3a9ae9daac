/* gemm_ways.h - inside the room: the ways to compute one own product, as numbers that can be measured and
 * kept (tuning.h), and which of them holds for a shape. */
#ifndef SS_DEVICE_GEMM_WAYS_H
#define SS_DEVICE_GEMM_WAYS_H

#include "device/gemm_own.h"
#include "device/tuning.h"

/** One of them: `own` on CPU devices, `tiles` on GPUs. */
struct ss_gemm_way {
    struct ss_own_sizes own;
    struct ss_tiles tiles;
};

/** Those worth trying, that by the rules the first; at most `most`. How many. */
size_t ss_gemm_ways(const struct ss_device *d, const struct ss_gemm *g, struct ss_gemm_way *out, size_t most);

/** As numbers, and a few words. */
void ss_gemm_way_numbers(const struct ss_device *d, const struct ss_gemm_way *w,
                         int32_t numbers[SS_TUNING_NUMBERS]);
void ss_gemm_way_text(const struct ss_device *d, const struct ss_gemm_way *w, char *text, size_t size);

/** The question whose answer is such numbers. */
void ss_gemm_question(const struct ss_device *d, const struct ss_gemm *g, char *text, size_t size);

/** The answer that was found: false if there is none, or none that can be here. `out` may be NULL. */
bool ss_gemm_way_measured(struct ss_device *d, const struct ss_gemm *g, struct ss_tuning *answer,
                          struct ss_gemm_way *out);

/** What holds: measured, else by the rules. Found once for each shape, until an answer is kept. */
const struct ss_gemm_way *ss_gemm_way_of(struct ss_device *d, const struct ss_gemm *g);

#endif
