/*
 * idx.c - the MNIST family's file: two zero bytes, type, number of dimensions, the dimensions as big-endian
 * 32-bit integers, the numbers; plain or in gzip.
 *
 * A gzip's expansion is bounded by what its own first bytes declare, and that by what its length can hold at
 * all.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/checked.h"
#include "base/file.h"
#include "data/readers.h"

enum { U8 = 0x08, LONGEST_HEADER = 4 + 4 * 255 };

static bool is_type(unsigned char type)
{
    return type == U8 || type == 0x09 || (type >= 0x0b && type <= 0x0e);
}

bool ss_idx_magic(const unsigned char *data, size_t size)
{
    return size >= 4 && data[0] == 0 && data[1] == 0 && is_type(data[2]) && data[3] > 0;
}

static enum ss_status cut_off(const char *path)
{
    return SS_FAIL(SS_ERR_CORRUPT, "%s: is cut off within its IDX header", path);
}

/* The four bytes that begin it; *length = bytes of the whole header. */
static enum ss_status check_magic(const char *path, const unsigned char magic[4], size_t *length)
{
    if (!ss_idx_magic(magic, 4))
        return SS_FAIL(
            SS_ERR_CORRUPT,
            "%s: does not hold IDX: it begins with %02x %02x %02x %02x, and 00 00 08 03 was wanted", path,
            magic[0], magic[1], magic[2], magic[3]);
    if (magic[2] != U8)
        return SS_FAIL(
            SS_ERR_CORRUPT,
            "%s: holds IDX numbers of type 0x%02x: unsigned bytes (0x08) are read; save others as NPY", path,
            magic[2]);
    *length = 4 + 4 * (size_t)magic[3];
    return SS_OK;
}

static enum ss_status take_shape(const char *path, const unsigned char *header, struct ss_shape *shape,
                                 size_t *count)
{
    if (header[3] > SS_MAX_DIMENSIONS)
        return SS_FAIL(SS_ERR_CORRUPT, "%s: declares %d dimensions: at most %d are read", path, header[3],
                       (int)SS_MAX_DIMENSIONS);
    shape->n = header[3];
    for (size_t i = 0; i < shape->n; i++) {
        const unsigned char *const d = header + 4 + 4 * i;
        shape->size[i] = (size_t)d[0] << 24 | (size_t)d[1] << 16 | (size_t)d[2] << 8 | d[3];
    }
    return ss_shape_count(shape, path, count);
}

static enum ss_status read_plain(struct ss_input *in, struct ss_table *t, struct ss_shape *shape)
{
    size_t offset, count;
    enum ss_status st = SS_OK;

    if (in->size < 4)
        return cut_off(in->path);
    TRY(check_magic(in->path, in->data, &offset));
    if (in->size < offset)
        return cut_off(in->path);
    TRY(take_shape(in->path, in->data, shape, &count));
    if (count != in->size - offset)
        return SS_FAIL(SS_ERR_CORRUPT, "%s: declares %zu numbers, but %zu bytes follow its header: it is %s",
                       in->path, count, in->size - offset,
                       count > in->size - offset ? "cut off" : "not what it says it is");
    TRY(ss_input_take(in, offset, count, false, t));
out:
    return st;
}

struct gzip {
    const char *path;
    z_stream z;
    const unsigned char *end; /* of the compressed bytes */
    bool ended;               /* its checksum has been seen, and is right */
};

/* zlib counts in 32 bits. */
static uInt at_most_a_gibibyte(size_t n)
{
    return n < (size_t)1 << 30 ? (uInt)n : (uInt)1 << 30;
}

/* Expand to out[0..n), fewer only at the end: *got. */
static enum ss_status expand(struct gzip *g, unsigned char *out, size_t n, size_t *got)
{
    size_t done = 0;

    while (done < n && !g->ended) {
        const uInt room = at_most_a_gibibyte(n - done);
        g->z.avail_in = at_most_a_gibibyte((size_t)(g->end - g->z.next_in));
        g->z.next_out = out + done;
        g->z.avail_out = room;
        const int answer = inflate(&g->z, Z_NO_FLUSH);
        done += room - g->z.avail_out;
        if (answer == Z_STREAM_END)
            g->ended = true;
        else if (answer == Z_BUF_ERROR || (answer == Z_OK && g->z.next_in == g->end && g->z.avail_out > 0))
            return SS_FAIL(SS_ERR_CORRUPT, "%s: the gzip data is cut off: fetch the file again", g->path);
        else if (answer == Z_MEM_ERROR)
            return SS_FAIL_MEMORY(n);
        else if (answer != Z_OK)
            return SS_FAIL(SS_ERR_CORRUPT, "%s: the gzip data is damaged (%s): fetch the file again", g->path,
                           g->z.msg ? g->z.msg : "no reason given");
    }
    *got = done;
    return SS_OK;
}

static enum ss_status expand_exactly(struct gzip *g, unsigned char *out, size_t n)
{
    size_t got;
    enum ss_status st = SS_OK;

    TRY(expand(g, out, n, &got));
    if (got < n)
        st = SS_FAIL(SS_ERR_CORRUPT, "%s: the IDX file in it is cut off: %zu more bytes were wanted", g->path,
                     n - got);
out:
    return st;
}

static enum ss_status expect_end(struct gzip *g)
{
    unsigned char more;
    size_t got;
    enum ss_status st = SS_OK;

    TRY(expand(g, &more, 1, &got));
    if (got)
        st = SS_FAIL(SS_ERR_CORRUPT, "%s: the IDX file in it holds more than its header declares", g->path);
    else if (g->z.next_in != g->end)
        st = SS_FAIL(SS_ERR_CORRUPT, "%s: %zu bytes follow the end of the gzip data", g->path,
                     (size_t)(g->end - g->z.next_in));
out:
    return st;
}

static enum ss_status read_expanded(struct gzip *g, size_t compressed, struct ss_table *t,
                                    struct ss_shape *shape)
{
    enum { MOST = 1032 }; /* bytes that one byte of deflate can stand for */
    unsigned char header[LONGEST_HEADER], *values = NULL;
    size_t length, count;
    enum ss_status st = SS_OK;

    TRY(expand_exactly(g, header, 4));
    TRY(check_magic(g->path, header, &length));
    TRY(expand_exactly(g, header + 4, length - 4));
    TRY(take_shape(g->path, header, shape, &count));
    if (count / MOST > compressed) {
        st = SS_FAIL(SS_ERR_CORRUPT, "%s: declares %zu numbers, more than its %zu compressed bytes can hold",
                     g->path, count, compressed);
        goto out;
    }
    TRY(ss_allocate(count, &values));
    t->heap = values;
    t->values = values;
    TRY(expand_exactly(g, values, count));
    TRY(expect_end(g));
out:
    return st;
}

static bool begins_as_gzip(const struct ss_input *in)
{
    return in->size >= 2 && in->data[0] == 0x1f && in->data[1] == 0x8b;
}

static enum ss_status read_gzip(struct ss_input *in, struct ss_table *t, struct ss_shape *shape)
{
    enum { GZIP_ONLY = 16 };
    struct gzip g = {.path = in->path, .end = in->data + in->size};

    if (!begins_as_gzip(in))
        return SS_FAIL(SS_ERR_CORRUPT, "%s: is called .gz but is no gzip file", in->path);
    g.z.next_in = (Bytef *)(uintptr_t)in->data; /* zlib's pointer lacks a const that zlib keeps */
    if (inflateInit2(&g.z, GZIP_ONLY + MAX_WBITS) != Z_OK)
        return SS_FAIL(SS_ERR_MEMORY, "out of memory to expand %s", in->path);
    const enum ss_status st = read_expanded(&g, in->size, t, shape);
    inflateEnd(&g.z);
    return st;
}

enum ss_status ss_idx_read(struct ss_input *in, struct ss_table *t, struct ss_shape *shape)
{
    enum ss_status st = SS_OK;

    t->type = SS_NUMBER_U1;
    if (begins_as_gzip(in) || ss_path_has_extension(in->path, "gz"))
        TRY(read_gzip(in, t, shape));
    else
        TRY(read_plain(in, t, shape));
    ss_shape_apply(shape, t);
out:
    return st;
}
