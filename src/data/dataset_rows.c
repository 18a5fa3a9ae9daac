/* dataset_rows.c - rows that are there twice, and columns that score matching trips over. */
#include "data/dataset_rows.h"

#include <math.h>
#include <string.h>
#include <xxhash.h>

#include "base/checked.h"
#include "base/text.h"
#include "data/transform_chain.h"

/* ---- duplicates ---- */

/* The chosen cells of a row so that equal rows have equal bytes: one zero, one NAN. */
static void canonical(const struct ss_table *table, const struct ss_transform *choice, size_t row, double *x,
                      double *y)
{
    ss_table_row(table, row, x);
    ss_transform_choose(choice, x, y);
    for (size_t i = 0; i < choice->outputs; i++)
        y[i] = isnan(y[i]) ? (double)NAN : y[i] + 0.0;
}

enum ss_status ss_rows_unique(const struct ss_table *table, const struct ss_transform *choice, uint32_t *rows,
                              size_t *n)
{
    const size_t width = choice->outputs;
    size_t slots = 16, kept = 0;
    double *x = NULL, *y = NULL, *other = NULL;
    uint32_t *slot = NULL; /* 1 + place in rows, open addressing */
    uint64_t *hash = NULL; /* of rows[place] */
    enum ss_status st = SS_OK;

    while (slots < 2 * table->rows)
        slots *= 2;
    TRY(ss_allocate(table->columns, &x));
    TRY(ss_allocate(width, &y));
    TRY(ss_allocate(width, &other));
    TRY(ss_allocate(slots, &slot));
    TRY(ss_allocate(table->rows, &hash));
    for (size_t row = 0; row < table->rows; row++) {
        canonical(table, choice, row, x, y);
        const uint64_t h = XXH3_64bits(y, width * sizeof *y);
        size_t at = (size_t)h & (slots - 1);
        bool seen = false;
        for (; slot[at] && !seen; at = (at + 1) & (slots - 1))
            if (hash[slot[at] - 1] == h) {
                canonical(table, choice, rows[slot[at] - 1], x, other);
                seen = memcmp(y, other, width * sizeof *y) == 0;
            }
        if (seen)
            continue;
        rows[kept] = (uint32_t)row;
        hash[kept] = h;
        slot[at] = (uint32_t)++kept;
    }
    *n = kept;
out:
    free(x);
    free(y);
    free(other);
    free(slot);
    free(hash);
    return st;
}

/* ---- ties ---- */

/*
 * A column is warned of if one value fills more than a twentieth of the rows, or if it has at most a tenth as
 * many values as rows: where values repeat exactly, the density that score matching looks for is a spike.
 */
enum { LEAST_ROWS = 50, MOST_VALUES = 1 << 24 };
static const double most_of_one = 0.05, fewest_distinct = 0.1;

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void count_values(double *values, size_t n, size_t *distinct, size_t *most)
{
    size_t run = 0;

    qsort(values, n, sizeof *values, by_value);
    *distinct = *most = 0;
    for (size_t i = 0; i < n; i++) {
        const bool same = i > 0 && values[i] == values[i - 1];
        run = same ? run + 1 : 1;
        *distinct += !same;
        *most = run > *most ? run : *most;
    }
}

static void tell(const struct ss_text *list, size_t flagged, size_t columns, size_t looked_at)
{
    ss_say(SS_LEVEL_WARNING,
           "%zu of %zu columns repeat their values (of %zu rows looked at: %s): score matching puts spikes "
           "of density "
           "there; put dequantize or {noise: 0.05} into data.transform, or drop them",
           flagged, columns, looked_at, list->data);
}

enum ss_status ss_rows_warn_of_ties(const struct ss_table *table, const struct ss_transform *t,
                                    const uint32_t *rows, size_t n)
{
    enum { MOST_NAMES = 6 };
    const size_t columns = t->outputs, room = MOST_VALUES / columns;
    const size_t look = n < room ? n : room;
    double *x = NULL, *values = NULL;
    size_t flagged = 0;
    struct ss_text list;
    enum ss_status st = SS_OK;

    ss_text_init(&list);
    if (look < LEAST_ROWS)
        goto out;
    TRY(ss_allocate(table->columns, &x));
    TRY(ss_allocate(columns * look, &values));
    for (size_t i = 0; i < look; i++) {
        ss_table_row(table, rows[(size_t)((double)i * ((double)n / (double)look))], x);
        for (size_t j = 0; j < columns; j++)
            values[j * look + i] = x[t->from[j]];
    }
    for (size_t j = 0; j < columns; j++) {
        size_t distinct, most;
        count_values(values + j * look, look, &distinct, &most);
        if ((double)most <= most_of_one * (double)look && (double)distinct > fewest_distinct * (double)look)
            continue;
        if (flagged++ < MOST_NAMES)
            ss_text_addf(&list, "%s%s has %zu distinct values, one of them in %.0f %% of the rows",
                         flagged > 1 ? "; " : "", t->names[t->from[j]], distinct,
                         100.0 * (double)most / (double)look);
    }
    if (flagged > MOST_NAMES)
        ss_text_addf(&list, "; and %zu more", flagged - MOST_NAMES);
    if (flagged)
        tell(&list, flagged, columns, look);
out:
    ss_text_release(&list);
    free(x);
    free(values);
    return st;
}
