#include "data/table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/text.h"
#include "data/readers.h"

size_t ss_number_size(enum ss_number_type type)
{
    static const size_t sizes[] = {
        [SS_NUMBER_U1] = 1, [SS_NUMBER_I4] = 4, [SS_NUMBER_I8] = 8, [SS_NUMBER_F4] = 4, [SS_NUMBER_F8] = 8};

    return sizes[type];
}

void ss_table_free(struct ss_table *t)
{
    if (!t)
        return;
    for (size_t j = 0; t->names && j < t->columns; j++)
        free(t->names[j]);
    free(t->names);
    free(t->text);
    free(t->heap);
    if (t->map)
        munmap(t->map, t->map_size);
    free(t);
}

void ss_table_row(const struct ss_table *t, size_t row, double *out)
{
    const size_t n = t->columns, first = row * n;

    switch (t->type) {
    case SS_NUMBER_U1:
        for (size_t j = 0; j < n; j++)
            out[j] = ((const uint8_t *)t->values)[first + j];
        break;
    case SS_NUMBER_I4:
        for (size_t j = 0; j < n; j++)
            out[j] = ((const int32_t *)t->values)[first + j];
        break;
    case SS_NUMBER_I8:
        for (size_t j = 0; j < n; j++)
            out[j] = (double)((const int64_t *)t->values)[first + j];
        break;
    case SS_NUMBER_F4:
        for (size_t j = 0; j < n; j++)
            out[j] = ((const float *)t->values)[first + j];
        break;
    case SS_NUMBER_F8:
        memcpy(out, (const double *)t->values + first, n * sizeof(double));
        break;
    }
}

bool ss_table_column(const struct ss_table *t, const char *name, size_t *column)
{
    size_t number = 0;

    for (size_t j = 0; t->names && j < t->columns; j++)
        if (strcmp(t->names[j], name) == 0) {
            *column = j;
            return true;
        }
    if (!*name)
        return false;
    for (const char *p = name; *p; p++) {
        if (*p < '0' || *p > '9' || number >= t->columns)
            return false;
        number = 10 * number + (size_t)(*p - '0');
    }
    if (number >= t->columns)
        return false;
    *column = number;
    return true;
}

static bool begins(const struct ss_input *in, const char *magic, size_t n)
{
    return in->size >= n && memcmp(in->data, magic, n) == 0;
}

static enum ss_status refuse_foreign(const struct ss_input *in)
{
    static const struct {
        char magic[5];
        const char *what, *remedy;
    } formats[] = {
        {"PK\3\4", "a zip archive (.npz, .xlsx)",
         "unpack it and name a .npy in it, or save the sheet as CSV"},
        {"PAR1", "a Parquet file", "save it as CSV or NPY"},
        {"\x89HDF", "an HDF5 file", "save the array as NPY"},
        {"BZh9", "compressed by bzip2", "unpack it first"},
        {"\xfd"
         "7zX",
         "compressed by xz", "unpack it first"},
        {"\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it first"},
    };

    /* A text may begin so too ("PAR1,PAR2"), but has no zero byte. */
    if (!memchr(in->data, 0, in->size < 65536 ? in->size : 65536))
        return SS_OK;
    for (size_t i = 0; i < SS_COUNT(formats); i++)
        if (begins(in, formats[i].magic, strlen(formats[i].magic)))
            return SS_FAIL(SS_ERR_CORRUPT, "%s: is %s: %s", in->path, formats[i].what, formats[i].remedy);
    return SS_OK;
}

/* The array formats say what they are in their first bytes, whatever they are called. */
enum ss_status ss_array_read(struct ss_input *in, const struct ss_data_options *options, struct ss_table *t,
                             struct ss_shape *shape, bool *csv)
{
    enum ss_status st = SS_OK;
    bool *used = NULL;

    TRY(refuse_foreign(in));
    *csv = false;
    if (begins(in, "\x93NUMPY", 6) || ss_path_has_extension(in->path, "npy")) {
        TRY(ss_npy_read(in, t, shape));
    } else if (begins(in, "\x1f\x8b", 2) || ss_idx_magic(in->data, in->size) ||
               ss_path_has_extension(in->path, "gz") || ss_path_has_extension(in->path, "idx")) {
        TRY(ss_idx_read(in, t, shape));
    } else {
        *csv = true;
        goto out;
    }
    if (options->rows && options->rows < t->rows)
        t->rows = options->rows;
    TRY(ss_used_columns(options, t, &used));
    st = ss_missing_apply(t, options->missing, used, &(struct ss_places){.path = in->path, .shape = shape});
out:
    free(used);
    return st;
}

static enum ss_status read_file(const struct ss_data_options *options, struct ss_table *t,
                                struct ss_shape *shape)
{
    struct ss_input in;
    bool csv = false;
    enum ss_status st = SS_OK;

    TRY(ss_input_open(options->file, &in));
    st = ss_array_read(&in, options, t, shape, &csv);
    if (st == SS_OK && csv) {
        st = ss_csv_read(&in, options, t);
        *shape = (struct ss_shape){.n = 2, .size = {t->rows, t->columns}};
    }
    ss_input_release(&in);
out:
    return st;
}

static enum ss_status read_known(const struct ss_data_options *options, struct ss_table *t)
{
    const struct ss_known_set *const set = ss_known_set(options->source);
    const char *const own = getenv("SLICESCORE_DATA");
    const char *roots[] = {own, "/usr/share/datasets", "/usr/local/share/datasets"};
    const size_t skip = own && *own ? 0 : 1;

    if (!set)
        return SS_FAIL(SS_ERR_INTERNAL, "data source %d has no file to read", (int)options->source);
    return ss_known_set_read(set, roots + skip, SS_COUNT(roots) - skip, options->rows, t);
}

enum ss_status ss_table_read(const struct ss_data_options *options, struct ss_table **out)
{
    struct ss_table *t = NULL;
    struct ss_shape shape;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &t));
    if (options->file)
        TRY(read_file(options, t, &shape));
    else
        TRY(read_known(options, t));
    *out = t;
    t = NULL;
out:
    ss_table_free(t);
    return st;
}

static enum ss_status refuse_text(const char *path, const struct ss_table *t)
{
    char label[SS_COLUMN_LABEL];

    for (size_t j = 0; t->text && j < t->columns; j++)
        if (t->text[j])
            return SS_FAIL(SS_ERR_CORRUPT, "%s: %s holds text: an array of numbers alone was wanted", path,
                           ss_column_label(t, j, label));
    return SS_OK;
}

enum ss_status ss_table_read_array(const char *path, struct ss_table **out, size_t shape[3])
{
    struct ss_table *t = NULL;
    struct ss_shape s;
    char *copy = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &t));
    TRY(ss_text_copy(path, &copy));
    TRY(read_file(&(struct ss_data_options){.file = copy}, t, &s));
    TRY(refuse_text(path, t));
    if (s.n > 3) {
        st = SS_FAIL(SS_ERR_CORRUPT, "%s: has %zu dimensions: (rows, D) or (M, rows, D) was wanted", path,
                     s.n);
        goto out;
    }
    if (s.n == 3) {
        t->rows = s.size[0] * s.size[1];
        t->columns = s.size[2];
        t->height = t->width = 0;
    }
    shape[0] = s.n == 3 ? s.size[0] : 1;
    shape[1] = t->rows / shape[0];
    shape[2] = t->columns;
    *out = t;
    t = NULL;
out:
    free(copy);
    ss_table_free(t);
    return st;
}
