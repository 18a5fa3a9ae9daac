#include "report/histogram.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static size_t count_bins(const float *x, size_t n, size_t stride, struct ss_interval range, size_t most)
{
    enum { SAMPLE = 4096 };
    float some[SAMPLE];
    const size_t every = n / SAMPLE + 1, fewest = 5;
    size_t m = 0;

    for (size_t i = 0; i < n && m < SAMPLE; i += every)
        if (isfinite(x[i * stride]))
            some[m++] = x[i * stride];
    if (m < 4)
        return fewest;
    qsort(some, m, sizeof(some[0]), ascending);
    const double spread = (double)some[3 * m / 4] - (double)some[m / 4];
    const double bins = (range.high - range.low) / (2 * spread / cbrt((double)n));
    return bins < (double)fewest                    ? fewest
           : bins > (double)most || !isfinite(bins) ? most
                                                    : (size_t)ceil(bins);
}

void ss_histogram_fill(struct ss_histogram *h, const float *x, size_t n, size_t stride,
                       struct ss_interval range, size_t most)
{
    const double length = range.high - range.low;

    *h = (struct ss_histogram){.range = range};
    h->bins = count_bins(x, n, stride, range, most < SS_BINS ? most : SS_BINS);
    for (size_t i = 0; i < n; i++) {
        const double v = (double)x[i * stride];
        if (!isfinite(v))
            continue;
        h->finite++;
        if (v < range.low || v > range.high) {
            h->outside++;
            continue;
        }
        const size_t bin = (size_t)((v - range.low) / length * (double)h->bins);
        h->density[bin < h->bins ? bin : h->bins - 1] += 1.0;
    }
    for (size_t b = 0; b < h->bins && h->finite; b++) {
        h->density[b] *= (double)h->bins / length / (double)h->finite;
        h->largest = fmax(h->largest, h->density[b]);
    }
}

void ss_histogram_draw(struct ss_canvas *c, const struct ss_axes *a, const struct ss_histogram *h,
                       size_t category)
{
    struct ss_xy p[2 * SS_BINS + 2];
    struct ss_pen pen = ss_palette_pen(category);
    const double step = (h->range.high - h->range.low) / (double)h->bins;
    size_t n = 0;

    if (h->finite == h->outside)
        return;
    p[n++] = ss_axes_map(a, h->range.low, 0);
    for (size_t b = 0; b < h->bins; b++) {
        p[n++] = ss_axes_map(a, h->range.low + (double)b * step, h->density[b]);
        p[n++] = ss_axes_map(a, h->range.low + (double)(b + 1) * step, h->density[b]);
    }
    p[n++] = ss_axes_map(a, h->range.high, 0);
    pen.width = 1.0;
    ss_canvas_fill(c, p, n, ss_colour_fade(pen.colour, 0.25));
    ss_canvas_line(c, p, n, &pen);
}
