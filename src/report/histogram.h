/* histogram.h - counts in equal bins, as a density, and how it is drawn. */
#ifndef SS_REPORT_HISTOGRAM_H
#define SS_REPORT_HISTOGRAM_H

#include "report/axes.h"

enum { SS_BINS = 60 };

struct ss_histogram {
    struct ss_interval range;
    size_t bins;
    double density[SS_BINS]; /* all finite values, those outside the range too, have area 1 */
    double largest;          /* density */
    size_t finite, outside;
};

/** Of x[i * stride] within a settled range, at most `most` bins; their width by Freedman and Diaconis' rule.
 */
void ss_histogram_fill(struct ss_histogram *h, const float *x, size_t n, size_t stride,
                       struct ss_interval range, size_t most);

/** A filled outline. */
void ss_histogram_draw(struct ss_canvas *c, const struct ss_axes *a, const struct ss_histogram *h,
                       size_t category);

#endif
