/* tensor_format.h - what writing (tensor_write.c) and reading (tensor_file.c) of safetensors share. */
#ifndef SS_BASE_TENSOR_FORMAT_H
#define SS_BASE_TENSOR_FORMAT_H

#include <jansson.h>
#include <stddef.h>

#include "base/tensor_file.h"

/* The cap of the reference implementation: a longer header is an attack on the parser. */
enum { SS_TENSOR_LONGEST_HEADER = 100000000, SS_TENSOR_DIGEST = 16 };

#define SS_TENSOR_METADATA "__metadata__"
#define SS_TENSOR_DIGEST_KEY "xxh3" /* of the header; "xxh3:NAME" of a tensor */

/* What a dtype of the format is to us. Integers of other widths are never weights: they are passed over.
 * Narrow floats could be weights, and reading a file without them would mislead: they are refused. */
struct ss_tensor_kind {
    const char *name;
    size_t size;
    enum { SS_TENSOR_READ, SS_TENSOR_SKIP, SS_TENSOR_REFUSE } use;
    enum ss_tensor_type type;
};

const struct ss_tensor_kind *ss_tensor_kind_of(enum ss_tensor_type type);
const struct ss_tensor_kind *ss_tensor_kind_find(const char *name); /* NULL if unknown */
size_t ss_tensor_bytes(const struct ss_tensor *t);
int ss_tensor_by_name(const void *a, const void *b); /* for qsort */
void ss_tensor_digest(const void *data, size_t n, char out[SS_TENSOR_DIGEST + 1]);

/** Of the header's meaning, not of its blanks: the digest of its compact form without the digest itself. */
SS_MUST_CHECK enum ss_status ss_tensor_header_digest(json_t *root, char out[SS_TENSOR_DIGEST + 1]);

#endif
