/* table.h - rows as they stand in a file, in the file's own type, mapped rather than read where the format
 * allows. */
#ifndef SS_DATA_TABLE_H
#define SS_DATA_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "config/experiment.h"

enum ss_number_type { SS_NUMBER_U1, SS_NUMBER_I4, SS_NUMBER_I8, SS_NUMBER_F4, SS_NUMBER_F8 };

/*
 * Values are finite but for missing cells, which are NAN and left only where missing is SS_MISSING_MEAN (to
 * be filled by data/dataset.c), in text columns, and in columns that options->keep and drop leave out. A
 * mapped table shows the file itself: whoever shortens that file while it is in use ends the program
 * (SIGBUS), as with any mapped file.
 */
struct ss_table {
    size_t rows, columns;     /* both > 0; columns = product of all dimensions after the first */
    enum ss_number_type type; /* F8 from CSV, U1 from IDX */
    const void *values;       /* rows x columns, row-major, native byte order, aligned for the type */
    char **names;             /* of the columns (UTF-8), NULL if the file names none */
    bool *text;           /* of the columns: those that hold text, of no use to anybody; NULL if none does */
    size_t height, width; /* > 0 if a row is an image of one channel: IDX, or NPY of u1 */
    void *heap;           /* what to free(), or */
    void *map;            /* what to unmap */
    size_t map_size;
};

/**
 * Read what options->file names (by what the file begins with: NPY, gzip of IDX, IDX; else by extension; else
 * CSV) or the known set options->source (the training images of mnist, fashion_mnist: looked for in
 * SLICESCORE_DATA, then the standard system folders). Applies header, separator, `rows` (the first n of the
 * file) and then missing (SS_MISSING_ERROR names the cells, DROP drops their rows, MEAN leaves NAN). Columns
 * are chosen by data/dataset.c: keep and drop only say here whose missing and bad cells matter. A column of
 * text alone is kept and marked, so that a column of labels can be dropped: an error only for who keeps it.
 *
 * SS_ERR_FILE: cannot be read, or a known set is absent (says where to get it, size, SHA-256).
 * SS_ERR_CORRUPT: not what it says it is, of a kind that is not read, or a bad or missing cell (place named).
 * SS_ERR_MEMORY.
 */
SS_MUST_CHECK enum ss_status ss_table_read(const struct ss_data_options *options, struct ss_table **out);
void ss_table_free(struct ss_table *t);

/** Row `row` as doubles: out[columns]. */
void ss_table_row(const struct ss_table *t, size_t row, double *out);

/** Bytes of one number. */
size_t ss_number_size(enum ss_number_type type);

/** The column that `name` of data.columns means: the first of that name, else the number from 0 that it
 * writes. */
bool ss_table_column(const struct ss_table *t, const char *name, size_t *column);

/** Any .npy or .csv matrix for `loss` and the like, no options: a table of (rows, columns), or of a
 * 3-dimensional array (M, rows, D) flattened to (M * rows) x D with its three sizes in shape[3]
 * (2-dimensional: shape = {1, rows, D}; 1-dimensional: {1, rows, 1}). Missing cells and text columns are
 * errors. Statuses as ss_table_read. */
SS_MUST_CHECK enum ss_status ss_table_read_array(const char *path, struct ss_table **out, size_t shape[3]);

/** Write rows x columns floats (C order) as .npy (<f4), or as CSV with `names` (NULL: x0, x1, ...), by
 * extension, whole or not at all. CSV has 9 digits: the same floats when read again. SS_ERR_USAGE for another
 * extension, SS_ERR_FILE. */
SS_MUST_CHECK enum ss_status ss_table_write(const char *path, const float *values, size_t rows,
                                            size_t columns, const char *const *names);

/** The same piece by piece. Nothing is there before commit; free without it leaves nothing. */
struct ss_table_writer;
SS_MUST_CHECK enum ss_status ss_table_writer_open(const char *path, size_t columns, const char *const *names,
                                                  struct ss_table_writer **out);
SS_MUST_CHECK enum ss_status ss_table_writer_add(struct ss_table_writer *w, const float *values, size_t rows);
SS_MUST_CHECK enum ss_status ss_table_writer_commit(struct ss_table_writer *w);
void ss_table_writer_free(struct ss_table_writer *w);

/**
 * The rows of options->file piece by piece, for files larger than memory: arrays are mapped, a CSV text is
 * taken apart as it goes. Everything else as in ss_table_read().
 */
struct ss_table_pieces;
SS_MUST_CHECK enum ss_status ss_table_pieces_open(const struct ss_data_options *options,
                                                  struct ss_table_pieces **out);
void ss_table_pieces_free(struct ss_table_pieces *p);

/** Columns and their names are known at once; ->values and ->rows are not for others to look at. */
const struct ss_table *ss_table_pieces_table(const struct ss_table_pieces *p);

/** The next rows, at most `most`: rows [*first, *first + *rows) of *table, as long as no more are asked for.
 * *rows = 0 at the end. */
SS_MUST_CHECK enum ss_status ss_table_pieces_next(struct ss_table_pieces *p, size_t most,
                                                  const struct ss_table **table, size_t *first, size_t *rows);

/** How much of the file has been read. */
double ss_table_pieces_fraction(const struct ss_table_pieces *p);

#endif
