/* transforms.h - a table of a few correlated columns, and chains of transforms fitted to it. */
#ifndef TESTS_SUPPORT_TRANSFORMS_H
#define TESTS_SUPPORT_TRANSFORMS_H

#include <stddef.h>
#include <stdint.h>

#include "data/transform_fit.h"

enum { TRANSFORM_ROWS = 400 };

/** 0, 1, ...: the rows of a table that are fitted to. */
extern uint32_t transform_rows[TRANSFORM_ROWS];

/** Columns of different location and scale, each new one correlated with the one before. */
void transform_values(double *x, size_t columns);

/** TRANSFORM_ROWS rows of these values, which like the names stay the caller's; names may be NULL. */
struct ss_table transform_table(const double *values, size_t columns, const char *const *names);

struct ss_names transform_names(const char *const *items, size_t n);
struct ss_transform_options transform_step(enum ss_transform_kind kind, double value);
struct ss_data_options transform_chain(struct ss_transform_options *steps, size_t n);

/** Fit, which must go well; or be SS_ERR_USAGE and say `why` (with the fixture of support/scratch.h). */
struct ss_transform *transform_fit(const struct ss_data_options *o, const struct ss_table *t);
void transform_fit_fails(const struct ss_data_options *o, const struct ss_table *t, const char *why);

#endif
