#include "report/ticks.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double largest = 1e307, smallest_positive = 1e-300;

/* Narrower than this part of its ends a range is rounding noise of single-precision data, not something to
 * read. */
static const double narrowest = 1e-8;

struct ss_interval ss_interval_none(void)
{
    return (struct ss_interval){INFINITY, -INFINITY};
}

void ss_interval_take(struct ss_interval *r, double x, bool log)
{
    if (!isfinite(x) || (log && x <= 0))
        return;
    if (x < r->low)
        r->low = x;
    if (x > r->high)
        r->high = x;
}

void ss_interval_settle(struct ss_interval *r, bool log)
{
    if (!isfinite(r->low) || !isfinite(r->high) || r->low > r->high || (log && r->high <= 0))
        *r = log ? (struct ss_interval){0.1, 1.0} : (struct ss_interval){0.0, 1.0};
    if (log) {
        r->low = fmin(fmax(r->low, smallest_positive), largest / 4);
        r->high = fmin(fmax(r->high, r->low), largest);
        if (r->high / r->low < 1.001) {
            r->low /= 1.5;
            r->high *= 1.5;
        }
        return;
    }
    r->low = fmin(fmax(r->low, -largest), largest);
    r->high = fmin(fmax(r->high, -largest), largest);
    const double size = fmax(fabs(r->low), fabs(r->high));
    if (r->high - r->low < fmax(narrowest * size, 1e-304)) {
        const double middle = r->low + 0.5 * (r->high - r->low);
        const double half = size < 1e-303 ? 1.0 : 0.05 * size;
        r->low = middle - half;
        r->high = middle + half;
    }
}

void ss_interval_pad(struct ss_interval *r, bool log, double fraction)
{
    if (log) {
        const double factor = pow(10.0, fraction * (log10(r->high) - log10(r->low)));
        r->low = fmax(r->low / factor, smallest_positive / 10);
        r->high = fmin(r->high * factor, largest);
        return;
    }
    const double more = fraction * (r->high - r->low);
    r->low -= more;
    r->high += more;
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

struct ss_interval ss_interval_robust(const float *x, size_t n, size_t stride, double q)
{
    enum { SAMPLE = 4096 }; /* enough for a quantile that only sets a view */
    float some[SAMPLE];
    struct ss_interval all = ss_interval_none();
    size_t m = 0, finite = 0, every;

    for (size_t i = 0; i < n; i++) {
        ss_interval_take(&all, (double)x[i * stride], false);
        finite += isfinite(x[i * stride]) != 0;
    }
    every = finite / SAMPLE + 1;
    for (size_t i = 0, k = 0; i < n; i++)
        if (isfinite(x[i * stride]) && k++ % every == 0)
            some[m++] = x[i * stride];
    if (m < 20)
        return all;
    qsort(some, m, sizeof(some[0]), ascending);
    const size_t cut = (size_t)(q * (double)m);
    const double low = (double)some[cut], high = (double)some[m - 1 - cut];
    if (!(low < high))
        return all;
    struct ss_interval kept = ss_interval_none();
    const double least = low - 0.5 * (high - low), most = high + 0.5 * (high - low);
    for (size_t i = 0; i < n; i++)
        if ((double)x[i * stride] >= least && (double)x[i * stride] <= most)
            ss_interval_take(&kept, (double)x[i * stride], false);
    return kept;
}

/* A plain decimal, U+2212 for the sign, the locale's comma (a library's caller may have set one) made a
 * point. */
static void decimal_label(double x, int decimals, char *out, size_t size)
{
    char digits[32];

    snprintf(digits, sizeof(digits), "%.*f", decimals, fabs(x));
    for (char *p = digits; *p; p++)
        if (*p == ',')
            *p = '.';
    snprintf(out, size, "%s%s", x < 0 && strspn(digits, "0.") < strlen(digits) ? SS_MINUS : "", digits);
}

static void power_label(double factor, int decimals, int exponent, char *out, size_t size)
{
    char mantissa[24] = "";
    const bool whole = factor == 1.0;

    if (!whole)
        decimal_label(factor, decimals, mantissa, sizeof(mantissa));
    snprintf(out, size, "%s%s10" SS_RAISE "%s%d" SS_LOWER, mantissa, whole ? "" : SS_TIMES,
             exponent < 0 ? SS_MINUS : "", abs(exponent));
}

/* floor(log10(x)) and x / 10 to it, right at powers of ten, and for numbers whose power of ten would
 * underflow. */
static int split_decimal(double x, double *mantissa)
{
    char text[32];

    snprintf(text, sizeof(text), "%.15e", x);
    const char *const e = strchr(text, 'e');
    const int exponent = e ? atoi(e + 1) : 0;
    *mantissa = exponent >= -300 ? x / pow(10.0, exponent) : x * 1e300 / pow(10.0, exponent + 300);
    return exponent;
}

void ss_number_label(double x, int digits, char *out, size_t size)
{
    double mantissa;

    if (!isfinite(x)) {
        snprintf(out, size, "%s", isnan(x) ? "nan" : x < 0 ? SS_MINUS "inf" : "inf");
        return;
    }
    if (x == 0) {
        snprintf(out, size, "0");
        return;
    }
    const int exponent = split_decimal(fabs(x), &mantissa);
    if (exponent < -3 || exponent > 5) {
        mantissa = copysign(mantissa, x);
        for (int d = 0; d < digits; d++) { /* no zeros behind: 3, not 3.00 */
            const double scale = pow(10.0, d);
            if (d == digits - 1 || fabs(mantissa * scale - round(mantissa * scale)) < 1e-6) {
                power_label(mantissa, d, exponent, out, size);
                return;
            }
        }
    }
    const int decimals = exponent >= digits ? 0 : digits - 1 - exponent;
    decimal_label(x, decimals, out, size);
    if (strchr(out, '.')) {
        size_t n = strlen(out);
        while (out[n - 1] == '0')
            out[--n] = '\0';
        if (out[n - 1] == '.')
            out[n - 1] = '\0';
    }
}

/* k * mantissa * 10^exponent with one rounding where that is possible: 3 * 0.1 is 0.3. */
static double scaled(double k, double mantissa, int exponent)
{
    if (exponent >= 0)
        return k * mantissa * pow(10.0, exponent);
    if (exponent >= -300)
        return k * mantissa / pow(10.0, -exponent);
    return k * mantissa / 1e300 / pow(10.0, -exponent - 300);
}

static size_t clamp_most(size_t most)
{
    return most < 2 ? 2 : most > SS_TICKS - 1 ? SS_TICKS - 1 : most;
}

void ss_ticks_linear(struct ss_ticks *t, struct ss_interval r, size_t most)
{
    static const double nice[] = {1.0, 2.0, 2.5, 5.0, 10.0};
    double mantissa = 10.0;

    *t = (struct ss_ticks){0};
    most = clamp_most(most);
    ss_interval_settle(&r, false);
    const double raw = (r.high - r.low) / (double)most;
    double wanted;
    int exponent = split_decimal(raw, &wanted);
    for (size_t i = sizeof(nice) / sizeof(nice[0]); i-- > 0;)
        if (nice[i] >= wanted * (1 - 1e-9))
            mantissa = nice[i];
    if (mantissa == 10.0) {
        mantissa = 1.0;
        exponent++;
    }
    const double step = scaled(1.0, mantissa, exponent);
    const double first = ceil(r.low / step - 1e-9), last = floor(r.high / step + 1e-9);
    const double biggest = fmax(fabs(first), fabs(last)) * step;
    double unused;
    const int magnitude = split_decimal(biggest, &unused);
    t->multiplier = biggest > 0 && (magnitude >= 6 || magnitude < -3) ? magnitude : 0;
    const int e = exponent - t->multiplier;
    const int decimals = (e < 0 ? -e : 0) + (mantissa == 2.5 && e <= 0);
    for (double k = first; k <= last && t->n < SS_TICKS; k += 1.0) {
        t->at[t->n] = fmin(fmax(scaled(k, mantissa, exponent) + 0.0, r.low), r.high);
        decimal_label(scaled(k, mantissa, e), decimals, t->label[t->n], SS_TICK_LABEL);
        t->n++;
    }
}

static void add_log_tick(struct ss_ticks *t, double factor, int decade, bool plain)
{
    const size_t i = t->n++;

    t->at[i] = scaled(factor, 1.0, decade);
    if (plain)
        decimal_label(t->at[i], decade < 0 ? -decade : 0, t->label[i], SS_TICK_LABEL);
    else
        power_label(factor, 0, decade, t->label[i], SS_TICK_LABEL);
}

static void add_minor_ticks(struct ss_ticks *t, struct ss_interval r, int first, int last, int stride)
{
    if (last - first > 12) { /* whole decades only, or none, before the marks merge */
        for (int d = first; stride > 1 && last - first <= 50 && d <= last && t->n_minor < SS_MINOR_TICKS; d++)
            if (scaled(1.0, 1.0, d) >= r.low && scaled(1.0, 1.0, d) <= r.high)
                t->minor[t->n_minor++] = scaled(1.0, 1.0, d);
        return;
    }
    for (int d = first; d <= last; d++)
        for (int f = 2; f <= 9 && t->n_minor < SS_MINOR_TICKS; f++) {
            const double x = scaled(f, 1.0, d);
            if (x >= r.low && x <= r.high)
                t->minor[t->n_minor++] = x;
        }
}

/* So many decades between labels, or the next rounder number. */
static int round_stride(int stride)
{
    static const int rounder[] = {1, 2, 3, 5, 10, 20, 50, 100, 200};

    for (size_t i = 0; i < sizeof(rounder) / sizeof(rounder[0]); i++)
        if (rounder[i] >= stride)
            return rounder[i];
    return stride;
}

void ss_ticks_log(struct ss_ticks *t, struct ss_interval r, size_t most)
{
    static const int factors[] = {1, 2, 5};
    static const double slack = 1e-9;
    size_t finer = 0;

    most = clamp_most(most);
    ss_interval_settle(&r, true);
    const int below = (int)floor(log10(r.low) + slack), above = (int)ceil(log10(r.high) - slack);
    const int first = (int)ceil(log10(r.low) - slack), last = (int)floor(log10(r.high) + slack);
    const bool plain = below >= -3 && last <= 4;
    *t = (struct ss_ticks){0};
    for (int d = below; d <= above && above - below <= 8; d++)
        for (size_t f = 0; f < 3; f++) {
            const double x = scaled(factors[f], 1.0, d);
            finer += x >= r.low * (1 - slack) && x <= r.high * (1 + slack);
        }
    if (first >= last && finer < 3) {
        ss_ticks_linear(t, r, most);
        return;
    }
    if (finer && finer <= most && finer < 9) {
        for (int d = below; d <= above; d++)
            for (size_t f = 0; f < 3; f++) {
                const double x = scaled(factors[f], 1.0, d);
                if (x >= r.low * (1 - slack) && x <= r.high * (1 + slack))
                    add_log_tick(t, factors[f], d, plain);
            }
        add_minor_ticks(t, r, below, above, 1);
        return;
    }
    const int stride = round_stride((last - first) / (int)most + 1);
    for (int d = first; d <= last && t->n < SS_TICKS; d++)
        if ((d % stride + stride) % stride == 0)
            add_log_tick(t, 1.0, d, plain);
    add_minor_ticks(t, r, below, above, stride);
}
