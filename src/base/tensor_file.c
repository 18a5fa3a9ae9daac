#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/tensor_format.h"
#include "base/text.h"

enum { LENGTH_BYTES = 8, SHOWN = 96 };

struct ss_tensor_file {
    char *path;
    json_t *root; /* owns the names and the metadata */
    json_t *metadata;
    unsigned char *data;
    size_t data_bytes;
    struct ss_tensor *tensors;
    size_t n_tensors;
    void **copies; /* of tensors that lie misaligned in the file; NULL for the others */
};

/* A name out of a file may hold anything: what a terminal would obey is not repeated. */
static const char *shown(const char *name, char out[SHOWN])
{
    size_t n = 0;

    for (; name[n] && n < SHOWN - 4; n++)
        out[n] = (unsigned char)name[n] < 0x20 || name[n] == 0x7f ? '?' : name[n];
    snprintf(out + n, 4, "%s", name[n] ? "..." : "");
    return out;
}

__attribute__((format(printf, 2, 3))) static enum ss_status corrupt(const struct ss_tensor_file *f,
                                                                    const char *format, ...)
{
    char what[512];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    return SS_FAIL(SS_ERR_CORRUPT, "%s: not a sound safetensors file: %s", f->path, what);
}

static enum ss_status read_all(const struct ss_tensor_file *f, FILE *in, void *to, size_t n)
{
    if (n && fread(to, 1, n, in) != n)
        return SS_FAIL(SS_ERR_FILE, "%s: cannot read: %s", f->path,
                       ferror(in) ? strerror(errno) : "it became shorter while it was read");
    return SS_OK;
}

static enum ss_status parse_header(struct ss_tensor_file *f, const char *text, size_t n)
{
    json_error_t e;

    if (text[0] != '{')
        return corrupt(f, "its header is not a JSON object");
    f->root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
    if (!f->root && json_error_code(&e) == json_error_out_of_memory)
        return SS_FAIL_MEMORY(n);
    if (!f->root)
        return corrupt(f, "its header is not valid JSON: %s at byte %d", e.text, e.position + LENGTH_BYTES);
    if (!json_is_object(f->root))
        return corrupt(f, "its header is not a JSON object");
    return SS_OK;
}

/* Sizes are compared with the file's before anything is allocated for them. */
static enum ss_status read_file(struct ss_tensor_file *f)
{
    struct stat s;
    uint64_t length;
    char *header = NULL;
    FILE *in = NULL;
    enum ss_status st = SS_OK;

    if (stat(f->path, &s) != 0)
        return SS_FAIL(SS_ERR_FILE, "%s: %s", f->path, strerror(errno));
    if (!S_ISREG(s.st_mode)) /* a pipe would block, /dev/zero never end */
        return SS_FAIL(SS_ERR_FILE, "%s: not a regular file", f->path);
    in = fopen(f->path, "rb");
    if (!in)
        return SS_FAIL(SS_ERR_FILE, "%s: %s", f->path, strerror(errno));
    const uint64_t size = (uint64_t)s.st_size;
    if (size < LENGTH_BYTES) {
        st = corrupt(f, "%" PRIu64 " bytes, too short to be one", size);
        goto out;
    }
    TRY(read_all(f, in, &length, sizeof(length)));
    if (length < 2 || length > SS_TENSOR_LONGEST_HEADER || length > size - LENGTH_BYTES) {
        st = corrupt(f, "it claims a header of %" PRIu64 " bytes, the file has %" PRIu64, length, size);
        goto out;
    }
    TRY(ss_allocate((size_t)length, &header));
    TRY(read_all(f, in, header, (size_t)length));
    TRY(parse_header(f, header, (size_t)length));
    f->data_bytes = (size_t)(size - LENGTH_BYTES - length);
    TRY(ss_allocate(f->data_bytes, &f->data));
    st = read_all(f, in, f->data, f->data_bytes);
out:
    free(header);
    fclose(in);
    return st;
}

/* A non-negative JSON integer that fits size_t. */
static bool size_from(const json_t *j, size_t *out)
{
    if (!json_is_integer(j) || json_integer_value(j) < 0)
        return false;
    *out = (size_t)json_integer_value(j);
    return true;
}

static enum ss_status read_shape(const struct ss_tensor_file *f, const json_t *shape, const char *name,
                                 struct ss_tensor *t, size_t *count)
{
    if (!json_is_array(shape))
        return corrupt(f, "tensor '%s' has no shape", name);
    t->dimensions = json_array_size(shape);
    if (t->dimensions > SS_TENSOR_MAX_DIMENSIONS)
        return corrupt(f, "tensor '%s' has %zu dimensions, at most %d are read", name, t->dimensions,
                       SS_TENSOR_MAX_DIMENSIONS);
    *count = 1;
    for (size_t i = 0; i < t->dimensions; i++) {
        if (!size_from(json_array_get(shape, i), &t->shape[i]))
            return corrupt(f, "tensor '%s': its shape is not made of sizes", name);
        if (!ss_multiply(*count, t->shape[i], count))
            return corrupt(f, "tensor '%s': the product of its shape overflows", name);
    }
    return SS_OK;
}

struct extent {
    size_t begin, end;
};

static enum ss_status read_extent(const struct ss_tensor_file *f, const json_t *offsets, const char *name,
                                  size_t bytes, struct extent *e)
{
    if (json_array_size(offsets) != 2 || !size_from(json_array_get(offsets, 0), &e->begin) ||
        !size_from(json_array_get(offsets, 1), &e->end))
        return corrupt(f, "tensor '%s' has no pair of data_offsets", name);
    if (e->begin > e->end || e->end > f->data_bytes)
        return corrupt(f, "tensor '%s' lies at bytes %zu to %zu of %zu", name, e->begin, e->end,
                       f->data_bytes);
    if (e->end - e->begin != bytes)
        return corrupt(f, "tensor '%s' takes %zu bytes by its shape and %zu by its data_offsets", name, bytes,
                       e->end - e->begin);
    return SS_OK;
}

/* *taken is false for a tensor that is sound but of a type that is passed over. */
static enum ss_status read_entry(const struct ss_tensor_file *f, const char *key, const json_t *j,
                                 struct ss_tensor *t, struct extent *e, bool *taken)
{
    char name[SHOWN];
    size_t count = 0, bytes = 0;
    enum ss_status st = SS_OK;
    const json_t *const dtype = json_object_get(j, "dtype");
    const struct ss_tensor_kind *const kind =
        json_is_string(dtype) ? ss_tensor_kind_find(json_string_value(dtype)) : NULL;

    shown(key, name);
    if (!kind && json_is_string(dtype)) {
        char type[SHOWN];
        return corrupt(f, "tensor '%s' is of the unknown type '%s'", name,
                       shown(json_string_value(dtype), type));
    }
    if (!kind)
        return corrupt(f, "entry '%s' of the header is not a tensor", name);
    if (kind->use == SS_TENSOR_REFUSE)
        return SS_FAIL(SS_ERR_CORRUPT,
                       "%s: tensor '%s' is of type %s, F32 or F64 wanted: convert it where it was made (in "
                       "PyTorch: .float())",
                       f->path, name, kind->name);
    *t = (struct ss_tensor){.name = key, .type = kind->type};
    TRY(read_shape(f, json_object_get(j, "shape"), name, t, &count));
    if (!ss_multiply(count, kind->size, &bytes))
        return corrupt(f, "tensor '%s': the size of its data overflows", name);
    TRY(read_extent(f, json_object_get(j, "data_offsets"), name, bytes, e));
    t->data = f->data + e->begin;
    *taken = kind->use == SS_TENSOR_READ;
    if (!*taken)
        ss_say(SS_LEVEL_WARNING, "%s: tensor '%s' of type %s is passed over", f->path, name, kind->name);
out:
    return st;
}

static int by_place(const void *a, const void *b)
{
    const struct extent *const x = a, *const y = b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end == y->end ? 0 : x->end < y->end ? -1 : 1;
}

/* All of the data belongs to exactly one tensor: no byte twice, none hidden. */
static enum ss_status check_cover(const struct ss_tensor_file *f, struct extent *e, size_t n)
{
    size_t at = 0;

    qsort(e, n, sizeof(*e), by_place);
    for (size_t i = 0; i < n; i++) {
        if (e[i].begin != at)
            return corrupt(f, "its tensors %s at byte %zu of the data",
                           e[i].begin < at ? "overlap" : "leave a hole", e[i].begin < at ? e[i].begin : at);
        at = e[i].end;
    }
    if (at != f->data_bytes)
        return corrupt(f, "%zu bytes of data belong to no tensor", f->data_bytes - at);
    return SS_OK;
}

/* A file with one digest has them all, so that a damaged key does not switch the check off. */
static enum ss_status check_digests(const struct ss_tensor_file *f)
{
    const size_t prefix = strlen(SS_TENSOR_DIGEST_KEY);
    char hex[SS_TENSOR_DIGEST + 1], name[SHOWN];
    size_t n_digests = 0, n_tensors = 0;
    const char *key;
    json_t *value;
    enum ss_status st = SS_OK;

    json_object_foreach(f->metadata, key, value) n_digests += strncmp(key, SS_TENSOR_DIGEST_KEY, prefix) == 0;
    if (!n_digests)
        return SS_OK;
    const char *const header = ss_tensor_file_metadata(f, SS_TENSOR_DIGEST_KEY);
    if (header)
        TRY(ss_tensor_header_digest(f->root, hex));
    if (!header || strcmp(header, hex) != 0)
        return corrupt(f, "its header does not match its checksum");
    for (size_t i = 0; i < f->n_tensors; i++) {
        const struct ss_tensor *const t = &f->tensors[i];
        char *digest_name = NULL;
        TRY(ss_text_format(&digest_name, "%s:%s", SS_TENSOR_DIGEST_KEY, t->name));
        const char *const want = ss_tensor_file_metadata(f, digest_name);
        free(digest_name);
        ss_tensor_digest(t->data, ss_tensor_bytes(t), hex);
        if (!want || strcmp(want, hex) != 0)
            return corrupt(f, "tensor '%s' does not match its checksum", shown(t->name, name));
        n_tensors++;
    }
    if (n_digests != n_tensors + 1)
        return corrupt(f, "it has checksums of %zu tensors and %zu tensors", n_digests - 1, n_tensors);
out:
    return st;
}

/* A tensor of 8-byte elements may follow one of bytes. */
static enum ss_status align(struct ss_tensor_file *f)
{
    enum ss_status st = SS_OK;

    TRY(ss_allocate(f->n_tensors, &f->copies));
    for (size_t i = 0; i < f->n_tensors; i++) {
        struct ss_tensor *const t = &f->tensors[i];
        const size_t n = ss_tensor_bytes(t);
        if ((uintptr_t)t->data % ss_tensor_kind_of(t->type)->size == 0)
            continue;
        TRY(ss_allocate_bytes(n, 1, &f->copies[i]));
        memcpy(f->copies[i], t->data, n);
        t->data = f->copies[i];
    }
out:
    return st;
}

static enum ss_status read_entries(struct ss_tensor_file *f)
{
    const size_t most = json_object_size(f->root);
    struct extent *extents = NULL;
    size_t n_extents = 0;
    enum ss_status st = SS_OK;
    const char *key;
    json_t *value;

    TRY(ss_allocate(most, &extents));
    TRY(ss_allocate(most, &f->tensors));
    json_object_foreach(f->root, key, value)
    {
        bool taken = false;
        if (strcmp(key, SS_TENSOR_METADATA) == 0)
            continue;
        TRY(read_entry(f, key, value, &f->tensors[f->n_tensors], &extents[n_extents++], &taken));
        f->n_tensors += taken;
    }
    qsort(f->tensors, f->n_tensors, sizeof(*f->tensors), ss_tensor_by_name);
    st = check_cover(f, extents, n_extents);
out:
    free(extents);
    return st;
}

static enum ss_status check_metadata(struct ss_tensor_file *f)
{
    const char *key;
    json_t *value;
    char name[SHOWN];

    f->metadata = json_object_get(f->root, SS_TENSOR_METADATA);
    if (f->metadata && !json_is_object(f->metadata))
        return corrupt(f, "its metadata are not an object");
    json_object_foreach(f->metadata, key, value)
    {
        if (!json_is_string(value))
            return corrupt(f, "its metadata '%s' are not a string", shown(key, name));
    }
    return SS_OK;
}

enum ss_status ss_tensor_file_open(const char *path, struct ss_tensor_file **out)
{
    struct ss_tensor_file *f = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &f));
    TRY(ss_text_copy(path, &f->path));
    TRY(read_file(f));
    TRY(check_metadata(f));
    TRY(read_entries(f));
    TRY(check_digests(f));
    TRY(align(f));
    *out = f;
    f = NULL;
out:
    ss_tensor_file_free(f);
    return st;
}

void ss_tensor_file_free(struct ss_tensor_file *f)
{
    if (!f)
        return;
    for (size_t i = 0; f->copies && i < f->n_tensors; i++)
        free(f->copies[i]);
    free(f->copies);
    free(f->tensors);
    free(f->data);
    free(f->path);
    json_decref(f->root);
    free(f);
}

size_t ss_tensor_file_count(const struct ss_tensor_file *f)
{
    return f->n_tensors;
}

const struct ss_tensor *ss_tensor_file_at(const struct ss_tensor_file *f, size_t i)
{
    return &f->tensors[i];
}

const struct ss_tensor *ss_tensor_file_find(const struct ss_tensor_file *f, const char *name)
{
    if (!f->n_tensors)
        return NULL;
    return bsearch(&(struct ss_tensor){.name = name}, f->tensors, f->n_tensors, sizeof(*f->tensors),
                   ss_tensor_by_name);
}

const char *ss_tensor_file_metadata(const struct ss_tensor_file *f, const char *key)
{
    return json_string_value(json_object_get(f->metadata, key));
}
