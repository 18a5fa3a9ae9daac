/*
 * streams.h - which derivatives a pass carries.
 *
 * A jet is stored stream-major, (streams, rows, width):
 *
 *     0                      value
 *     1 .. slices            first derivatives along the slices
 *     + 1 if extra           first derivative along u, which takes no part in second derivatives
 *     + 1 if collapsed       second derivative, summed over the slices
 *       or `slices` if apart second derivative along each slice
 *
 * Second derivatives come last so that a value linear in x (an input, or a dense layer of one) is a prefix:
 * they are zero there, not stored and not multiplied. A passive value is the prefix of one stream.
 */
#ifndef SS_JET_STREAMS_H
#define SS_JET_STREAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ss_second { SS_SECOND_NONE, SS_SECOND_COLLAPSED, SS_SECOND_APART };

struct ss_streams {
    uint32_t slices;
    bool extra;
    enum ss_second second;
};

/** What a value has of a pass's streams. */
enum ss_order { SS_ORDER_PASSIVE, SS_ORDER_LINEAR, SS_ORDER_CURVED };

static inline size_t ss_streams_first(struct ss_streams s) /* value and all first derivatives */
{
    return 1 + s.slices + s.extra;
}

static inline size_t ss_streams_second(struct ss_streams s)
{
    return s.second == SS_SECOND_NONE ? 0 : s.second == SS_SECOND_COLLAPSED ? 1 : s.slices;
}

static inline size_t ss_streams_count(struct ss_streams s, enum ss_order order)
{
    return order == SS_ORDER_PASSIVE
               ? 1
               : ss_streams_first(s) + (order == SS_ORDER_CURVED ? ss_streams_second(s) : 0);
}

#endif
