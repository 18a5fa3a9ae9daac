/* checked.h - arithmetic on sizes that says when it overflows, and allocation that uses it. */
#ifndef SS_BASE_CHECKED_H
#define SS_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/status.h"

/** *out = a * b; false on overflow, `out` then untouched. */
static inline bool ss_multiply(size_t a, size_t b, size_t *out)
{
    size_t product;

    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *out = product;
    return true;
}

/** *out = zeroed array of n elements, the caller's to free(); n = 0 gives an array of one. */
SS_MUST_CHECK static inline enum ss_status ss_allocate_bytes(size_t n, size_t size, void **out)
{
    void *const p = calloc(n ? n : 1, size);

    if (!p)
        return SS_FAIL(SS_ERR_MEMORY, "out of memory: %zu elements of %zu bytes", n, size);
    *out = p;
    return SS_OK;
}

/** ss_allocate(n, &pointer): a zeroed array of n elements of the pointer's type. */
#define ss_allocate(n, out) ss_allocate_bytes((n), sizeof(**(out)), (void **)(out))

static inline size_t ss_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/** How many parts of `size` hold n; the last may be smaller. */
static inline size_t ss_parts_of(size_t n, size_t size)
{
    return (n + size - 1) / size;
}

static inline size_t ss_round_up(size_t n, size_t multiple)
{
    return ss_parts_of(n, multiple) * multiple;
}

#endif
