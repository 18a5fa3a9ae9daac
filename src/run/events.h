/*
 * events.h - scalars as TensorBoard reads them: FOLDER/events.out.tfevents.SECONDS.slicescore, a new file for
 * each session of training.
 *
 * A file is a list of records, each a message Event of tensorflow/core/util/event.proto, framed as TFRecord:
 *
 *     length (8 bytes) | masked CRC32C of the length (4) | message | masked CRC32C of the message (4)
 *
 * all little-endian (https://www.tensorflow.org/tutorials/load_data/tfrecord).
 */
#ifndef SS_RUN_EVENTS_H
#define SS_RUN_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct ss_events;

/** Begin a new file; what earlier sessions wrote of steps past `step` is cut off first, so that no step is
 * told twice, and readers that hold it already are told to forget it. */
SS_MUST_CHECK enum ss_status ss_events_open(const char *folder, uint64_t step, struct ss_events **out);
void ss_events_free(struct ss_events *e); /* fine on NULL */

struct ss_scalar {
    const char *tag;
    double value; /* NAN: left out */
};
/** One record of now; on disk when this returns. Nothing on NULL. */
void ss_events_add(struct ss_events *e, uint64_t step, const struct ss_scalar *scalars, size_t n);

/** The first error of writing, told by one SS_FAIL (disk full); fine on NULL. */
SS_MUST_CHECK enum ss_status ss_events_status(const struct ss_events *e);

/** CRC32C (Castagnoli) of bytes, as in RFC 3720, B.4. */
uint32_t ss_crc32c(const void *bytes, size_t n);

#endif
