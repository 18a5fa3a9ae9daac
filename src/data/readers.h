/* readers.h - what the readers of file formats share; private to data/. */
#ifndef SS_DATA_READERS_H
#define SS_DATA_READERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "config/experiment.h"
#include "data/table.h"

/* All bytes of a file: mapped if it is a regular one, else (a pipe) read to its end. */
struct ss_input {
    const char *path; /* borrowed */
    const unsigned char *data;
    size_t size; /* > 0 */
    void *map;   /* `size` bytes to unmap, or */
    void *heap;  /* what to free(); a reader that keeps either sets it to NULL here */
};

/** SS_ERR_FILE if `path` cannot be read, SS_ERR_CORRUPT if it is empty. */
SS_MUST_CHECK enum ss_status ss_input_open(const char *path, struct ss_input *in);
void ss_input_release(struct ss_input *in);

/** Make the bytes from `offset` on the values of `t`, which then owns the input: count numbers of t->type,
 * reversed byte by byte if `swap`. They are copied to the heap only if they must be (swap, alignment). The
 * caller has checked that they are all there. */
SS_MUST_CHECK enum ss_status ss_input_take(struct ss_input *in, size_t offset, size_t count, bool swap,
                                           struct ss_table *t);

enum { SS_MAX_DIMENSIONS = 64 };

struct ss_shape {
    size_t n;
    size_t size[SS_MAX_DIMENSIONS];
};

/** *count = product of the sizes; SS_ERR_CORRUPT if there are none, one is 0, or it overflows. */
SS_MUST_CHECK enum ss_status ss_shape_count(const struct ss_shape *shape, const char *path, size_t *count);

/** Set rows, columns, height and width of `t` from the shape of an array: rows are its first dimension. */
void ss_shape_apply(const struct ss_shape *shape, struct ss_table *t);

/* Each reader fills a zeroed table; what it left there on failure is the caller's to ss_table_free(). */
SS_MUST_CHECK enum ss_status ss_npy_read(struct ss_input *in, struct ss_table *t, struct ss_shape *shape);
SS_MUST_CHECK enum ss_status ss_idx_read(struct ss_input *in, struct ss_table *t, struct ss_shape *shape);

/** With the policy for missing cells applied. */
SS_MUST_CHECK enum ss_status ss_csv_read(const struct ss_input *in, const struct ss_data_options *options,
                                         struct ss_table *t);
bool ss_idx_magic(const unsigned char *data, size_t size);

/** The same, at most `rows` rows of the text at each call, into the values of `t`: t->rows is 0 at the end.
 * `in`, `options` and `t` outlive it; a column is text if it has been so from the beginning. */
struct ss_csv_pieces;
SS_MUST_CHECK enum ss_status ss_csv_pieces_open(const struct ss_input *in,
                                                const struct ss_data_options *options, struct ss_table *t,
                                                struct ss_csv_pieces **out);
void ss_csv_pieces_free(struct ss_csv_pieces *p); /* and what `t` borrows */
SS_MUST_CHECK enum ss_status ss_csv_pieces_next(struct ss_csv_pieces *p, size_t rows);
double ss_csv_pieces_fraction(const struct ss_csv_pieces *p); /* of the text that has been read */

/** An array in a file, NPY or IDX; with the policy for missing cells applied. *csv: it is none, and nothing
 * was read. */
SS_MUST_CHECK enum ss_status ss_array_read(struct ss_input *in, const struct ss_data_options *options,
                                           struct ss_table *t, struct ss_shape *shape, bool *csv);

/** Floats that are written, %.9g in text; errors of the stream are found by commit. A header of NPY is as
 * long for any number of rows: it can be written over. */
struct ss_file_writer;
void ss_csv_write_names(struct ss_file_writer *w, size_t columns, const char *const *names);
SS_MUST_CHECK enum ss_status ss_csv_write_rows(struct ss_file_writer *w, const float *values, size_t rows,
                                               size_t columns);
void ss_npy_write_header(struct ss_file_writer *w, size_t rows, size_t columns);

struct ss_known_set {
    const char *name;           /* as in data.source */
    const char *const *folders; /* subfolders it may be in, beside the folder itself; NULL ends them */
    uint32_t crc32;             /* of the pixels: tells sets of one file name and shape apart */
    const char *source;         /* where to get it, its size and SHA-256, for people */
};
const struct ss_known_set *ss_known_set(enum ss_source source); /* NULL if it is none */

/** Look in roots[0..n_roots), then read: 60000 x 28 x 28, the first `rows` of them (0 = all). */
SS_MUST_CHECK enum ss_status ss_known_set_read(const struct ss_known_set *set, const char *const *roots,
                                               size_t n_roots, size_t rows, struct ss_table *t);

/* Where a cell is, for people: a line of a text if `line` is set, else the index into an array of that shape.
 */
struct ss_places {
    const char *path;
    const struct ss_shape *shape;
    size_t (*line)(void *context, size_t row);
    void *context;
};

/** Apply the policy to the cells of float tables: SS_ERR_CORRUPT names missing ones (ERROR) or infinite ones;
 * rows go (DROP). Columns with used[j] false (NULL: all are used) or marked as text are not looked at. */
SS_MUST_CHECK enum ss_status ss_missing_apply(struct ss_table *t, enum ss_missing policy, const bool *used,
                                              const struct ss_places *places);

/** used[columns], the caller's to free: what options->keep and drop leave. */
SS_MUST_CHECK enum ss_status ss_used_columns(const struct ss_data_options *options, const struct ss_table *t,
                                             bool **used);

/** At most 40 bytes of s[0..n) fit for a message: control characters as '?', "..." if cut. */
enum { SS_READABLE = 48 };
const char *ss_readable(const char *s, size_t n, char out[SS_READABLE]);

/** "column 3 ('alcohol')" */
enum { SS_COLUMN_LABEL = SS_READABLE + 32 };
const char *ss_column_label(const struct ss_table *t, size_t column, char out[SS_COLUMN_LABEL]);

#endif
