/*
 * npy.c - NumPy's array file, versions 1 to 3: magic, version, header length, header (a Python dictionary of
 * descr, fortran_order and shape, blanks, a line end), numbers. Format: NumPy's documentation of
 * numpy.lib.format.
 *
 * Nothing is allocated from what the header claims before the file's size has been compared with it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "data/readers.h"

enum { LONGEST_HEADER = 65536 };

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static const char native_order = '<';
#else
static const char native_order = '>';
#endif

struct header {
    const char *path;
    const char *p, *end; /* what is left of its text */
    enum ss_number_type type;
    bool swap, fortran;
    struct ss_shape *shape;
};

static enum ss_status unsound(const struct header *h, const char *what)
{
    return SS_FAIL(SS_ERR_CORRUPT, "%s: is no sound NPY file: %s", h->path, what);
}

static void skip_blanks(struct header *h)
{
    while (h->p < h->end && (*h->p == ' ' || *h->p == '\t'))
        h->p++;
}

/* The next character that is not blank, if it is c. */
static bool take(struct header *h, char c)
{
    skip_blanks(h);
    if (h->p == h->end || *h->p != c)
        return false;
    h->p++;
    return true;
}

static bool take_word(struct header *h, const char *word)
{
    const size_t n = strlen(word);

    skip_blanks(h);
    if ((size_t)(h->end - h->p) < n || memcmp(h->p, word, n) != 0)
        return false;
    h->p += n;
    return true;
}

/* 'text' or "text", without escapes, of which none of our words has one. */
static bool take_string(struct header *h, const char **text, size_t *length)
{
    skip_blanks(h);
    if (h->p == h->end || (*h->p != '\'' && *h->p != '"'))
        return false;
    const char *const close = memchr(h->p + 1, *h->p, (size_t)(h->end - h->p - 1));
    if (!close)
        return false;
    *text = h->p + 1;
    *length = (size_t)(close - *text);
    h->p = close + 1;
    return true;
}

static enum ss_status take_type(struct header *h)
{
    static const struct {
        char name[3];
        enum ss_number_type type;
    } types[] = {{"u1", SS_NUMBER_U1},
                 {"i4", SS_NUMBER_I4},
                 {"i8", SS_NUMBER_I8},
                 {"f4", SS_NUMBER_F4},
                 {"f8", SS_NUMBER_F8}};
    char text[SS_READABLE];
    const char *name;
    size_t n;

    if (take(h, '['))
        return SS_FAIL(SS_ERR_CORRUPT,
                       "%s: holds records with fields: save its columns as a plain array of numbers",
                       h->path);
    if (!take_string(h, &name, &n))
        return unsound(h, "descr is no string");
    for (size_t i = 0; n == 3 && strchr("<>|=", *name) && *name && i < SS_COUNT(types); i++) {
        if (memcmp(name + 1, types[i].name, 2) != 0)
            continue;
        if (*name == '|' && types[i].type != SS_NUMBER_U1)
            break; /* says that byte order does not matter, where it does */
        h->type = types[i].type;
        h->swap = (*name == '<' || *name == '>') && *name != native_order && types[i].type != SS_NUMBER_U1;
        return SS_OK;
    }
    return SS_FAIL(
        SS_ERR_CORRUPT,
        "%s: holds numbers of type '%s': f4, f8, u1, i4 or i8 was wanted (array.astype('f4') makes it so)",
        h->path, ss_readable(name, n, text));
}

static enum ss_status take_size(struct header *h)
{
    size_t size = 0, digits = 0;

    skip_blanks(h);
    for (; h->p < h->end && *h->p >= '0' && *h->p <= '9'; h->p++, digits++)
        if (!ss_multiply(size, 10, &size) || __builtin_add_overflow(size, (size_t)(*h->p - '0'), &size))
            return unsound(h, "a size in shape is larger than any file");
    if (!digits)
        return unsound(h, "a size in shape is not a whole number from 0");
    if (h->p < h->end && *h->p == 'L') /* as Python 2 wrote long integers */
        h->p++;
    if (h->shape->n == SS_MAX_DIMENSIONS)
        return unsound(h, "shape has more than 64 dimensions");
    h->shape->size[h->shape->n++] = size;
    return SS_OK;
}

static enum ss_status take_shape(struct header *h)
{
    bool comma = true;
    enum ss_status st = SS_OK;

    h->shape->n = 0;
    if (!take(h, '('))
        return unsound(h, "shape is no tuple");
    while (!take(h, ')')) {
        if (!comma)
            return unsound(h, "sizes in shape want commas between them");
        TRY(take_size(h));
        comma = take(h, ',');
    }
    if (h->shape->n == 1 && !comma)
        return unsound(h, "shape is no tuple");
out:
    return st;
}

static enum ss_status take_entry(struct header *h, unsigned *seen)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    const char *key;
    size_t n, which = 0;

    if (!take_string(h, &key, &n) || !take(h, ':'))
        return unsound(h, "a key and a colon were wanted in its header");
    while (which < SS_COUNT(keys) && (strlen(keys[which]) != n || memcmp(keys[which], key, n) != 0))
        which++;
    if (which == SS_COUNT(keys))
        return unsound(h, "its header has a key other than descr, fortran_order and shape");
    if (*seen & 1u << which)
        return unsound(h, "its header has a key twice");
    *seen |= 1u << which;
    if (which == 0)
        return take_type(h);
    if (which == 2)
        return take_shape(h);
    h->fortran = take_word(h, "True");
    return h->fortran || take_word(h, "False") ? SS_OK
                                               : unsound(h, "fortran_order is neither True nor False");
}

static enum ss_status parse(struct header *h)
{
    unsigned seen = 0;
    bool comma = true;
    enum ss_status st = SS_OK;

    if (!take(h, '{'))
        return unsound(h, "its header is no dictionary");
    while (!take(h, '}')) {
        if (!comma)
            return unsound(h, "entries of its header want commas between them");
        TRY(take_entry(h, &seen));
        comma = take(h, ',');
    }
    if (seen != 7)
        return unsound(h, "its header wants descr, fortran_order and shape");
    skip_blanks(h);
    if (h->end - h->p != 1 || *h->p != '\n')
        return unsound(h, "its header does not end in blanks and a line end");
out:
    return st;
}

/* *offset = where the numbers begin. */
static enum ss_status find_header(const struct ss_input *in, struct header *h, size_t *offset)
{
    const unsigned char *const d = in->data;
    size_t length, begin;

    if (in->size < 6 || memcmp(d, "\x93NUMPY", 6) != 0)
        return unsound(h, "it does not begin with \\x93NUMPY");
    if (in->size < 8)
        return unsound(h, "it ends before its version");
    if (d[6] < 1 || d[6] > 3 || d[7] != 0)
        return SS_FAIL(SS_ERR_CORRUPT, "%s: is of NPY version %d.%d: 1.0, 2.0 or 3.0 was wanted", h->path,
                       d[6], d[7]);
    begin = d[6] == 1 ? 10 : 12;
    if (in->size < begin)
        return unsound(h, "it ends before the length of its header");
    length = d[8] | (size_t)d[9] << 8;
    if (d[6] > 1)
        length |= (size_t)d[10] << 16 | (size_t)d[11] << 24;
    if (length > LONGEST_HEADER)
        return SS_FAIL(SS_ERR_CORRUPT, "%s: declares an NPY header of %zu bytes: at most %d are read",
                       h->path, length, (int)LONGEST_HEADER);
    if (length > in->size - begin)
        return unsound(h, "it ends within its header");
    h->p = (const char *)d + begin;
    h->end = h->p + length;
    *offset = begin + length;
    return SS_OK;
}

/*
 * Column-major to row-major. In either order the first index is that of the table's rows; the others, in C
 * order, are its columns. In blocks of rows, so that a cache line that is written is complete before it is
 * left.
 */
static void transpose(const unsigned char *from, const struct ss_shape *shape, size_t size, unsigned char *to)
{
    enum { BLOCK = 64 };
    const size_t rows = shape->size[0];
    size_t columns = 1;

    for (size_t i = 1; i < shape->n; i++)
        columns *= shape->size[i];
    for (size_t first = 0; first < rows; first += BLOCK) {
        const size_t n = rows - first < BLOCK ? rows - first : BLOCK;
        for (size_t c = 0; c < columns; c++) {
            size_t source = 0, rest = c, below = columns;
            /* Indices of c, last dimension fastest, weighed with the first fastest. */
            for (size_t i = 1, stride = rows; i < shape->n; i++) {
                below /= shape->size[i];
                source += rest / below * stride;
                rest %= below;
                stride *= shape->size[i];
            }
            for (size_t r = first; r < first + n; r++)
                memcpy(to + (r * columns + c) * size, from + (source + r) * size, size);
        }
    }
}

static enum ss_status reorder(struct ss_table *t, const struct ss_shape *shape, size_t count)
{
    const size_t size = ss_number_size(t->type);
    struct ss_table ordered = {0}, *old = NULL;
    unsigned char *copy = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &old));
    TRY(ss_allocate_bytes(count, size, (void **)&copy));
    transpose(t->values, shape, size, copy);
    ordered.type = t->type;
    ordered.heap = copy;
    ordered.values = copy;
    *old = *t;
    *t = ordered;
out:
    ss_table_free(old);
    return st;
}

enum ss_status ss_npy_read(struct ss_input *in, struct ss_table *t, struct ss_shape *shape)
{
    struct header h = {.path = in->path, .shape = shape};
    size_t offset = 0, count, bytes;
    enum ss_status st = SS_OK;

    TRY(find_header(in, &h, &offset));
    TRY(parse(&h));
    TRY(ss_shape_count(shape, in->path, &count));
    if (!ss_multiply(count, ss_number_size(h.type), &bytes) || bytes > in->size - offset) {
        st = SS_FAIL(
            SS_ERR_CORRUPT,
            "%s: declares %zu numbers of %zu bytes, but only %zu bytes follow its header: it is cut off",
            in->path, count, ss_number_size(h.type), in->size - offset);
        goto out;
    }
    if (bytes < in->size - offset) {
        st = SS_FAIL(SS_ERR_CORRUPT, "%s: holds %zu bytes more than its header declares", in->path,
                     in->size - offset - bytes);
        goto out;
    }
    t->type = h.type;
    TRY(ss_input_take(in, offset, count, h.swap, t));
    if (h.fortran && shape->n > 1)
        TRY(reorder(t, shape, count));
    ss_shape_apply(shape, t);
out:
    return st;
}

void ss_npy_write_header(struct ss_file_writer *w, size_t rows, size_t columns)
{
    enum { ALIGNMENT = 64, PREFIX = 10, LENGTH = 2 * ALIGNMENT - PREFIX };
    char text[LENGTH];
    const int n =
        snprintf(text, sizeof(text), "{'descr': '%cf4', 'fortran_order': False, 'shape': (%zu, %zu), }",
                 native_order, rows, columns);
    const unsigned char prefix[PREFIX] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(LENGTH & 0xff), (unsigned char)(LENGTH >> 8)};

    /* What the stream cannot take is found when the file is committed. */
    fwrite(prefix, 1, sizeof(prefix), w->stream);
    fprintf(w->stream, "%s%*s\n", text, LENGTH - n - 1, "");
}
