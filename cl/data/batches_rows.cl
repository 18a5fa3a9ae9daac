/*
 * batches_rows.cl - draw a batch of rows on CPU devices: what batches_order and batches_gather (batches.cl)
 * do, in one kernel.
 *
 * A permutation is keyed once for all rows of an epoch, and rows are copied whole: five to ten times as fast
 * as those two. While a row is copied the next one comes into the caches, from a place that nothing told the
 * processor, and the lines that it will be written to, which other cores have read.
 *
 * Launch  batches_rows: groups of one item, each RUN rows of the batch.
 * -D      WIDTH (device/vector.clh), 16 at most
 */
#include "device/vector.clh"
#include "random/philox.clh"

#include "random/permute.clh"

#define RUN 16u /* as in src/data/batches.c */

ONE_ITEM void batches_rows(const uint seed, const uint purpose, const uint epoch, const uint position,
                           const uint n_rows, const uint count, const uint d,
                           global const float *restrict rows, global float *restrict y, const uint y_at)
{
    const uint first = get_global_id(0) * RUN, n = min(RUN, count - first);
    uint keyed = epoch + (position + first) / n_rows, drawn[RUN];
    struct ss_permutation p = ss_permutation_of((uint2)(seed, purpose), keyed, n_rows);

    for (uint i = 0; i < n; i++) {
        const uint at = position + first + i, here = epoch + at / n_rows;
        if (here != keyed)
            p = ss_permutation_of((uint2)(seed, purpose), here, n_rows);
        keyed = here;
        drawn[i] = ss_permuted(p, at % n_rows);
    }
    for (uint i = 0; i < n; i++) {
        global const float *const from = rows + (size_t)drawn[i] * d;
        global const float *const next = rows + (size_t)drawn[min(i + 1, n - 1)] * d;
        global float *const to = y + y_at + (first + i) * d;
        uint j = 0;
        for (; j + LINE <= d; j += LINE) {
            PREFETCH(next + j);
            PREFETCH_TO_WRITE(to + d + j);
            for (uint k = 0; k < LINE; k += WIDTH)
                STORE_ANY(LOAD_ANY(from + j + k), to + j + k);
        }
        for (; j < d; j++)
            to[j] = from[j];
    }
}
