/* table.h - rows as they stand in a file, in the file's own type, mapped rather than read where the format
 * allows. */
#ifndef SS_DATA_TABLE_H
#define SS_DATA_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "config/experiment.h"

enum ss_number_type { SS_NUMBER_U1, SS_NUMBER_I4, SS_NUMBER_I8, SS_NUMBER_F4, SS_NUMBER_F8 };

struct ss_table {
    size_t rows, columns; /* columns = product of all dimensions after the first */
    enum ss_number_type type;
    const void
        *values;  /* rows x columns, row-major, native byte order; a missing cell is NAN (f8 from CSV) */
    char **names; /* of the columns, NULL if the file names none */
    size_t height, width; /* > 0 if a row is an image of one channel, height x width = columns */
    void *heap;           /* what to free(), or */
    void *map;            /* what to unmap */
    size_t map_size;
};

/**
 * Read what options->file names (by extension: .npy, .gz/.idx or an IDX magic, else CSV) or the known set
 * options->source (mnist, fashion_mnist: looked for in SLICESCORE_DATA, then the standard system folders).
 * Applies header, separator, missing (error or mark with NAN; SS_MISSING_DROP drops the row), `rows` (the
 * first n), and nothing else: columns are chosen by data/dataset.c.
 *
 * SS_ERR_FILE: cannot be read, or a known set is absent (says where to get it, size, SHA-256).
 * SS_ERR_CORRUPT: not what it says it is, or a bad cell (row and column named). SS_ERR_MEMORY.
 */
SS_MUST_CHECK enum ss_status ss_table_read(const struct ss_data_options *options, struct ss_table **out);
void ss_table_free(struct ss_table *t);

/** Row `row` as doubles: out[columns]. */
void ss_table_row(const struct ss_table *t, size_t row, double *out);

/** Any .npy or .csv matrix for `loss` and the like, no options: a table of (rows, columns), or of a
 * 3-dimensional array (M, rows, D) flattened to (M * rows) x D with its three sizes in shape[3]
 * (2-dimensional: shape = {1, rows, D}). */
SS_MUST_CHECK enum ss_status ss_table_read_array(const char *path, struct ss_table **out, size_t shape[3]);

/** Write rows x columns floats (C order) as .npy (<f4), or as CSV with `names` (NULL: x0, x1, ...), by
 * extension. */
SS_MUST_CHECK enum ss_status ss_table_write(const char *path, const float *values, size_t rows,
                                            size_t columns, const char *const *names);

#endif
