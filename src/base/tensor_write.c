#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/tensor_format.h"
#include "base/text.h"

static json_t *entry(const struct ss_tensor *t, size_t begin)
{
    json_t *const shape = json_array();

    for (size_t i = 0; i < t->dimensions; i++)
        json_array_append_new(shape, json_integer((json_int_t)t->shape[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", ss_tensor_kind_of(t->type)->name, "shape", shape,
                     "data_offsets", (json_int_t)begin, (json_int_t)(begin + ss_tensor_bytes(t)));
}

static enum ss_status add_metadata(json_t *to, const char *key, const char *value)
{
    if (json_object_get(to, key))
        return SS_FAIL(SS_ERR_INTERNAL, "metadata key '%s' is given twice", key);
    if (json_object_set_new(to, key, json_string(value)) != 0)
        return SS_FAIL(SS_ERR_INTERNAL, "metadata '%s' is not UTF-8", key);
    return SS_OK;
}

static enum ss_status add_tensor(json_t *root, json_t *metadata, const struct ss_tensor *t, size_t begin)
{
    char hex[SS_TENSOR_DIGEST + 1], *key = NULL;
    enum ss_status st = SS_OK;

    if (strcmp(t->name, SS_TENSOR_METADATA) == 0 || json_object_get(root, t->name))
        return SS_FAIL(SS_ERR_INTERNAL, "two tensors named '%s', or a reserved name", t->name);
    if (json_object_set_new(root, t->name, entry(t, begin)) != 0)
        return SS_FAIL(SS_ERR_INTERNAL, "tensor '%s': a name that is not UTF-8, or no memory", t->name);
    ss_tensor_digest(t->data, ss_tensor_bytes(t), hex);
    TRY(ss_text_format(&key, "%s:%s", SS_TENSOR_DIGEST_KEY, t->name));
    st = add_metadata(metadata, key, hex);
out:
    free(key);
    return st;
}

/* *out = the header's text, blanks at its end so that the data start at a multiple of 8. */
static enum ss_status make_header(const struct ss_tensor *sorted, size_t n_tensors,
                                  const struct ss_metadata *metadata, size_t n_metadata, struct ss_text *out)
{
    json_t *const root = json_object(), *const notes = json_object();
    char hex[SS_TENSOR_DIGEST + 1], *text = NULL;
    enum ss_status st = SS_OK;
    size_t begin = 0;

    if (!notes || json_object_set_new(root, SS_TENSOR_METADATA, notes) != 0) {
        st = SS_FAIL(SS_ERR_MEMORY, "out of memory for the header of a tensor file");
        goto out;
    }
    for (size_t i = 0; i < n_metadata; i++) {
        if (strncmp(metadata[i].key, SS_TENSOR_DIGEST_KEY, strlen(SS_TENSOR_DIGEST_KEY)) == 0) {
            st = SS_FAIL(SS_ERR_INTERNAL, "metadata key '%s' is reserved", metadata[i].key);
            goto out;
        }
        TRY(add_metadata(notes, metadata[i].key, metadata[i].value));
    }
    for (size_t i = 0; i < n_tensors; i++) {
        TRY(add_tensor(root, notes, &sorted[i], begin));
        begin += ss_tensor_bytes(&sorted[i]);
    }
    TRY(ss_tensor_header_digest(root, hex));
    TRY(add_metadata(notes, SS_TENSOR_DIGEST_KEY, hex));
    text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
    if (!text) {
        st = SS_FAIL(SS_ERR_MEMORY, "out of memory for the header of a tensor file");
        goto out;
    }
    ss_text_add(out, text);
    ss_text_addf(out, "%*s", (int)(ss_round_up(out->length, 8) - out->length), "");
    TRY(ss_text_status(out));
    if (out->length > SS_TENSOR_LONGEST_HEADER)
        st = SS_FAIL(SS_ERR_INTERNAL, "the header of a tensor file would take %zu bytes, more than %d",
                     out->length, SS_TENSOR_LONGEST_HEADER);
out:
    free(text);
    json_decref(root);
    return st;
}

static enum ss_status write_all(FILE *f, const char *path, const void *data, size_t n)
{
    if (n && fwrite(data, 1, n, f) != n)
        return SS_FAIL(SS_ERR_FILE, "%s: cannot write: %s", path, strerror(errno));
    return SS_OK;
}

enum ss_status ss_tensor_file_write(const char *path, const struct ss_tensor *tensors, size_t n_tensors,
                                    const struct ss_metadata *metadata, size_t n_metadata)
{
    struct ss_tensor *sorted = NULL;
    struct ss_file_writer w = {0};
    struct ss_text header;
    enum ss_status st = SS_OK;

    ss_text_init(&header);
    TRY(ss_allocate(n_tensors, &sorted));
    if (n_tensors)
        memcpy(sorted, tensors, n_tensors * sizeof(*sorted));
    qsort(sorted, n_tensors, sizeof(*sorted), ss_tensor_by_name);
    TRY(make_header(sorted, n_tensors, metadata, n_metadata, &header));
    const uint64_t length = header.length;
    TRY(ss_file_writer_open(&w, path));
    TRY(write_all(w.stream, path, &length, sizeof(length)));
    TRY(write_all(w.stream, path, header.data, header.length));
    for (size_t i = 0; i < n_tensors; i++)
        TRY(write_all(w.stream, path, sorted[i].data, ss_tensor_bytes(&sorted[i])));
    st = ss_file_writer_commit(&w);
out:
    ss_file_writer_abandon(&w);
    ss_text_release(&header);
    free(sorted);
    return st;
}
