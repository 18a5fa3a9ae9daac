/*
 * tensor_file.h - the safetensors container: 8 bytes little-endian header length, JSON header, raw
 * little-endian data.
 *
 * Written files carry one XXH3-64 digest per tensor in __metadata__ ("xxh3:NAME": 16 hex digits) and one of
 * the header without itself, compact and with sorted keys ("xxh3"); a reader checks them where there is one,
 * so files of other programs open too. Nothing in a header is believed before the file's size has been
 * compared with it. Integers of other widths than these are passed over with a warning, narrow floats (F16,
 * BF16) refused.
 */
#ifndef SS_BASE_TENSOR_FILE_H
#define SS_BASE_TENSOR_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum ss_tensor_type { SS_TENSOR_F32, SS_TENSOR_F64, SS_TENSOR_I64, SS_TENSOR_U8 };

enum { SS_TENSOR_MAX_DIMENSIONS = 8 };

struct ss_tensor {
    const char *name;
    enum ss_tensor_type type;
    size_t dimensions;
    size_t shape[SS_TENSOR_MAX_DIMENSIONS];
    const void *data; /* C order */
};

struct ss_metadata {
    const char *key, *value;
};

/** Elements of a tensor. */
size_t ss_tensor_count(const struct ss_tensor *t);

/** Write `path` atomically and durably, tensors in the order of their names whatever order they are given in:
 * the same tensors and metadata make the same bytes. */
SS_MUST_CHECK enum ss_status ss_tensor_file_write(const char *path, const struct ss_tensor *tensors,
                                                  size_t n_tensors, const struct ss_metadata *metadata,
                                                  size_t n_metadata);

struct ss_tensor_file;

/** Open and check all of a file. SS_ERR_FILE if it cannot be read, SS_ERR_CORRUPT (naming the tensor) if it
 * is not a sound safetensors file. */
SS_MUST_CHECK enum ss_status ss_tensor_file_open(const char *path, struct ss_tensor_file **out);
void ss_tensor_file_free(struct ss_tensor_file *f);

size_t ss_tensor_file_count(const struct ss_tensor_file *f);
const struct ss_tensor *ss_tensor_file_at(const struct ss_tensor_file *f, size_t i); /* in name order */
const struct ss_tensor *ss_tensor_file_find(const struct ss_tensor_file *f,
                                            const char *name);                        /* NULL if absent */
const char *ss_tensor_file_metadata(const struct ss_tensor_file *f, const char *key); /* NULL if absent */

#endif
