#include "tests/support/transforms.h"

#include <check.h>
#include <string.h>

#include "random/random.h"
#include "tests/support/scratch.h"

uint32_t transform_rows[TRANSFORM_ROWS];

/* Names in the experiment and the table are char **, but nobody here writes to them. */
static char **loose(const char *const *names)
{
    char **out;

    memcpy(&out, &names, sizeof out);
    return out;
}

struct ss_table transform_table(const double *values, size_t columns, const char *const *names)
{
    for (uint32_t i = 0; i < TRANSFORM_ROWS; i++)
        transform_rows[i] = i;
    return (struct ss_table){.rows = TRANSFORM_ROWS,
                             .columns = columns,
                             .type = SS_NUMBER_F8,
                             .values = values,
                             .names = loose(names)};
}

void transform_values(double *x, size_t columns)
{
    for (uint32_t i = 0; i < TRANSFORM_ROWS; i++)
        for (uint32_t j = 0; j < columns; j++) {
            float z[4];
            ss_random_normal(11, SS_PURPOSE_SYNTHETIC, (uint32_t[4]){i, j, 0, 0}, z);
            x[i * columns + j] =
                3.0 * j + (1.0 + j) * ((double)z[0] + (j ? 0.5 * x[i * columns + j - 1] : 0.0));
        }
}

struct ss_transform_options transform_step(enum ss_transform_kind kind, double value)
{
    return (struct ss_transform_options){.kind = kind, .value = value};
}

struct ss_data_options transform_chain(struct ss_transform_options *steps, size_t n)
{
    return (struct ss_data_options){.transforms = steps, .n_transforms = n, .transforms_given = true};
}

struct ss_transform *transform_fit(const struct ss_data_options *o, const struct ss_table *t)
{
    struct ss_transform *out = NULL;

    ck_assert_int_eq(ss_transform_fit(o, t, transform_rows, t->rows, 5, &out), SS_OK);
    return out;
}

void transform_fit_fails(const struct ss_data_options *o, const struct ss_table *t, const char *why)
{
    struct ss_transform *out = NULL;

    ck_assert_int_eq(ss_transform_fit(o, t, transform_rows, t->rows, 5, &out), SS_ERR_USAGE);
    ck_assert_ptr_null(out);
    scratch_must_say(why);
}

struct ss_names transform_names(const char *const *items, size_t n)
{
    return (struct ss_names){loose(items), n};
}
