/* table_pieces.c - tables that are read and written a piece at a time. */
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/text.h"
#include "data/readers.h"
#include "data/table.h"

/* ---- reading ---- */

struct ss_table_pieces {
    struct ss_data_options options; /* borrows what the caller's points to, .file but for */
    char *file;
    struct ss_input in;
    struct ss_table *table;
    struct ss_csv_pieces *csv; /* NULL for an array */
    size_t next;               /* row of an array */
};

enum ss_status ss_table_pieces_open(const struct ss_data_options *options, struct ss_table_pieces **out)
{
    struct ss_table_pieces *p = NULL;
    struct ss_shape shape;
    bool csv = false;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &p));
    TRY(ss_text_copy(options->file, &p->file));
    p->options = *options;
    p->options.file = p->file;
    TRY(ss_allocate(1, &p->table));
    TRY(ss_input_open(p->file, &p->in));
    TRY(ss_array_read(&p->in, &p->options, p->table, &shape, &csv));
    if (csv)
        TRY(ss_csv_pieces_open(&p->in, &p->options, p->table, &p->csv));
    *out = p;
    p = NULL;
out:
    ss_table_pieces_free(p);
    return st;
}

void ss_table_pieces_free(struct ss_table_pieces *p)
{
    if (!p)
        return;
    ss_csv_pieces_free(p->csv);
    ss_table_free(p->table);
    ss_input_release(&p->in);
    free(p->file);
    free(p);
}

const struct ss_table *ss_table_pieces_table(const struct ss_table_pieces *p)
{
    return p->table;
}

enum ss_status ss_table_pieces_next(struct ss_table_pieces *p, size_t most, const struct ss_table **table,
                                    size_t *first, size_t *rows)
{
    const size_t left = p->table->rows - (p->csv ? 0 : p->next);
    enum ss_status st = SS_OK;

    *table = p->table;
    if (!p->csv) {
        *first = p->next;
        *rows = left < most ? left : most;
        p->next += *rows;
        return SS_OK;
    }
    TRY(ss_csv_pieces_next(p->csv, most));
    *first = 0;
    *rows = p->table->rows;
out:
    return st;
}

double ss_table_pieces_fraction(const struct ss_table_pieces *p)
{
    return p->csv ? ss_csv_pieces_fraction(p->csv) : (double)p->next / (double)p->table->rows;
}

/* ---- writing ---- */

struct ss_table_writer {
    struct ss_file_writer file;
    bool npy;
    size_t rows, columns;
};

enum ss_status ss_table_writer_open(const char *path, size_t columns, const char *const *names,
                                    struct ss_table_writer **out)
{
    struct ss_table_writer *w = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &w));
    w->npy = ss_path_has_extension(path, "npy");
    w->columns = columns;
    if (!w->npy && !ss_path_has_extension(path, "csv")) {
        st = SS_FAIL(SS_ERR_USAGE,
                     "%s: its extension says no format that is written: .npy or .csv was wanted", path);
        goto out;
    }
    TRY(ss_file_writer_open(&w->file, path));
    if (w->npy)
        ss_npy_write_header(&w->file, 0, columns);
    else
        ss_csv_write_names(&w->file, columns, names);
    *out = w;
    w = NULL;
out:
    ss_table_writer_free(w);
    return st;
}

void ss_table_writer_free(struct ss_table_writer *w)
{
    if (!w)
        return;
    ss_file_writer_abandon(&w->file);
    free(w);
}

enum ss_status ss_table_writer_add(struct ss_table_writer *w, const float *values, size_t rows)
{
    size_t numbers;

    if (!ss_multiply(rows, w->columns, &numbers) || numbers > SIZE_MAX / sizeof(*values))
        return SS_FAIL(SS_ERR_MEMORY, "%zu x %zu numbers are more than memory can hold", rows, w->columns);
    w->rows += rows;
    if (!w->npy)
        return ss_csv_write_rows(&w->file, values, rows, w->columns);
    if (numbers)
        fwrite(values, sizeof(*values), numbers, w->file.stream);
    return SS_OK;
}

enum ss_status ss_table_writer_commit(struct ss_table_writer *w)
{
    if (w->npy && fseek(w->file.stream, 0, SEEK_SET) != 0)
        return SS_FAIL(SS_ERR_FILE, "%s: cannot go back to its beginning", w->file.path);
    if (w->npy)
        ss_npy_write_header(&w->file, w->rows, w->columns);
    return ss_file_writer_commit(&w->file);
}

enum ss_status ss_table_write(const char *path, const float *values, size_t rows, size_t columns,
                              const char *const *names)
{
    struct ss_table_writer *w = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_table_writer_open(path, columns, names, &w));
    TRY(ss_table_writer_add(w, values, rows));
    TRY(ss_table_writer_commit(w));
out:
    ss_table_writer_free(w);
    return st;
}
