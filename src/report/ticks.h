/*
 * ticks.h - ranges of axes and the round numbers marked on them. Nothing here can fail or run long: any two
 * doubles make a usable range, and the number of ticks is bounded.
 *
 * Labels are UTF-8 with U+2212 for minus; an exponent stands between SS_RAISE and SS_LOWER (canvas.h draws it
 * raised).
 */
#ifndef SS_REPORT_TICKS_H
#define SS_REPORT_TICKS_H

#include <stdbool.h>
#include <stddef.h>

#define SS_RAISE "\x01"
#define SS_LOWER "\x02"
#define SS_MINUS "\xe2\x88\x92"
#define SS_TIMES "\xc3\x97"

struct ss_interval {
    double low, high; /* low >= high: none */
};

/** Range of nothing: any value that is taken into it makes it that value. */
struct ss_interval ss_interval_none(void);

/** Widen to hold x; NaN and infinities are ignored, and with `log` all that is not positive. */
void ss_interval_take(struct ss_interval *r, double x, bool log);

/** Make a range fit for an axis: none becomes [0, 1] (log: [0.1, 1]), a point or a width below rounding is
 * widened about its middle, ends are kept within 1e307 (log: above 1e-300). low < high afterwards. */
void ss_interval_settle(struct ss_interval *r, bool log);

/** Add a fraction of its length to both ends; on a log axis the length in decades. */
void ss_interval_pad(struct ss_interval *r, bool log, double fraction);

/** Range of the values that are not wild: at most half the distance of the quantiles q and 1 - q away from
 * either. Values are x[i * stride]; none if none is finite. */
struct ss_interval ss_interval_robust(const float *x, size_t n, size_t stride, double q);

enum { SS_TICKS = 24, SS_MINOR_TICKS = 120, SS_TICK_LABEL = 40 };
struct ss_ticks {
    size_t n, n_minor;
    double at[SS_TICKS]; /* ascending, within the range */
    char label[SS_TICKS][SS_TICK_LABEL];
    double minor[SS_MINOR_TICKS]; /* unlabelled */
    int multiplier;               /* labels are to be multiplied by 10 to this; 0 = as they are */
};

/** At most `most` (2 to SS_TICKS - 1) intervals between ticks at multiples of 1, 2, 2.5 or 5 times a power of
 * ten. */
void ss_ticks_linear(struct ss_ticks *t, struct ss_interval r, size_t most);

/** Powers of ten, or every few of them; below two decades 1, 2, 5 between them, then linear ones. At most
 * `most`. */
void ss_ticks_log(struct ss_ticks *t, struct ss_interval r, size_t most);

/** `x` in about `digits` significant digits as people write it: "12.5", "3×10" SS_RAISE "−5" SS_LOWER. */
void ss_number_label(double x, int digits, char *out, size_t size);

#endif
