#include "base/tensor_format.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensor data are written as they lie in memory");

static const struct ss_tensor_kind kinds[] = {
    {"F32", 4, SS_TENSOR_READ, SS_TENSOR_F32},
    {"F64", 8, SS_TENSOR_READ, SS_TENSOR_F64},
    {"I64", 8, SS_TENSOR_READ, SS_TENSOR_I64},
    {"U8", 1, SS_TENSOR_READ, SS_TENSOR_U8},
    {"BOOL", 1, SS_TENSOR_SKIP, 0},
    {"I8", 1, SS_TENSOR_SKIP, 0},
    {"I16", 2, SS_TENSOR_SKIP, 0},
    {"U16", 2, SS_TENSOR_SKIP, 0},
    {"I32", 4, SS_TENSOR_SKIP, 0},
    {"U32", 4, SS_TENSOR_SKIP, 0},
    {"U64", 8, SS_TENSOR_SKIP, 0},
    {"F16", 2, SS_TENSOR_REFUSE, 0},
    {"BF16", 2, SS_TENSOR_REFUSE, 0},
    {"F8_E4M3", 1, SS_TENSOR_REFUSE, 0},
    {"F8_E5M2", 1, SS_TENSOR_REFUSE, 0},
};

/* The first four rows are in the order of the enum. */
const struct ss_tensor_kind *ss_tensor_kind_of(enum ss_tensor_type type)
{
    return &kinds[type];
}

size_t ss_tensor_count(const struct ss_tensor *t)
{
    size_t count = 1;

    for (size_t i = 0; i < t->dimensions; i++)
        count *= t->shape[i];
    return count;
}

size_t ss_tensor_bytes(const struct ss_tensor *t)
{
    return ss_tensor_count(t) * ss_tensor_kind_of(t->type)->size;
}

void ss_tensor_digest(const void *data, size_t n, char out[SS_TENSOR_DIGEST + 1])
{
    snprintf(out, SS_TENSOR_DIGEST + 1, "%016" PRIx64, (uint64_t)XXH3_64bits(data, n));
}

enum ss_status ss_tensor_header_digest(json_t *root, char out[SS_TENSOR_DIGEST + 1])
{
    json_t *const metadata = json_object_get(root, SS_TENSOR_METADATA);
    json_t *const kept = json_incref(json_object_get(metadata, SS_TENSOR_DIGEST_KEY));

    json_object_del(metadata, SS_TENSOR_DIGEST_KEY);
    char *const text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
    if (kept)
        json_object_set_new(metadata, SS_TENSOR_DIGEST_KEY, kept);
    if (!text)
        return SS_FAIL(SS_ERR_MEMORY, "out of memory for the header of a tensor file");
    ss_tensor_digest(text, strlen(text), out);
    free(text);
    return SS_OK;
}

int ss_tensor_by_name(const void *a, const void *b)
{
    const struct ss_tensor *const x = a, *const y = b;
    return strcmp(x->name, y->name);
}

const struct ss_tensor_kind *ss_tensor_kind_find(const char *name)
{
    for (size_t i = 0; i < SS_COUNT(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}
