#include "run/events.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

enum { MOST_BYTES = 1 << 30, MOST_SESSIONS = 1000, FRAME = 12 }; /* before a message; 4 bytes come after it */

struct ss_events {
    char *path;
    FILE *file;
    int reason; /* errno of the first failure, 0 if there was none */
};

/* ---- bytes ---- */

uint32_t ss_crc32c(const void *bytes, size_t n)
{
    const unsigned char *const s = bytes;
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < n; i++) {
        crc ^= s[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

/* A checksum of data that holds checksums is weak, hence the mask. */
static uint32_t masked_crc(const void *bytes, size_t n)
{
    const uint32_t crc = ss_crc32c(bytes, n);

    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static void add_little_endian(struct ss_text *t, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        const unsigned char byte = (unsigned char)(value >> 8 * i);
        ss_text_add_bytes(t, &byte, 1);
    }
}

static uint64_t little_endian(const char *s, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)(unsigned char)s[i] << 8 * i;
    return value;
}

/* ---- messages: fields of protocol buffers, number << 3 | type before each ---- */

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };
enum { WALL_TIME = 1, STEP = 2, FILE_VERSION = 3, SUMMARY = 5, SESSION_LOG = 7 }; /* of Event */

static void add_varint(struct ss_text *t, uint64_t value)
{
    do {
        const unsigned char byte = (unsigned char)((value & 127) | (value > 127 ? 128 : 0));
        ss_text_add_bytes(t, &byte, 1);
        value >>= 7;
    } while (value);
}

static void add_key(struct ss_text *t, unsigned field, unsigned type)
{
    add_varint(t, field << 3 | type);
}

static void add_double(struct ss_text *t, unsigned field, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    add_key(t, field, FIXED64);
    add_little_endian(t, bits, 8);
}

static void add_float(struct ss_text *t, unsigned field, double value)
{
    const float narrow = (float)value;
    uint32_t bits;

    memcpy(&bits, &narrow, sizeof(bits));
    add_key(t, field, FIXED32);
    add_little_endian(t, bits, 4);
}

static void add_bytes(struct ss_text *t, unsigned field, const void *bytes, size_t n)
{
    add_key(t, field, BYTES);
    add_varint(t, n);
    ss_text_add_bytes(t, bytes, n);
}

/* Summary.value: {tag = 1, simple_value = 2} */
static void add_scalar(struct ss_text *summary, const struct ss_scalar *s)
{
    struct ss_text value;

    ss_text_init(&value);
    add_bytes(&value, 1, s->tag, strlen(s->tag));
    add_float(&value, 2, s->value);
    add_bytes(summary, 1, value.data, value.length);
    summary->failed = summary->failed || value.failed;
    ss_text_release(&value);
}

/* The step of a message of ours: after the wall time, or not there and so 0. */
static uint64_t read_step(const char *s, size_t n)
{
    const size_t start = 1 + 8;
    uint64_t step = 0;

    if (n <= start || s[start] != (STEP << 3 | VARINT))
        return 0;
    for (size_t i = 0; i < 10 && start + 1 + i < n; i++) {
        const unsigned char byte = (unsigned char)s[start + 1 + i];
        step |= (uint64_t)(byte & 127) << 7 * i;
        if (byte < 128)
            break;
    }
    return step;
}

/* ---- records ---- */

static void write_record(struct ss_events *e, struct ss_text *message)
{
    struct ss_text record;

    ss_text_init(&record);
    add_little_endian(&record, message->length, 8);
    add_little_endian(&record, masked_crc(record.data, 8), 4);
    ss_text_add_bytes(&record, message->data, message->length);
    add_little_endian(&record, masked_crc(message->data, message->length), 4);
    errno = 0;
    if (record.failed || message->failed)
        e->reason = e->reason ? e->reason : ENOMEM;
    else if (!e->reason &&
             (fwrite(record.data, 1, record.length, e->file) != record.length || fflush(e->file) != 0))
        e->reason = errno ? errno : EIO;
    ss_text_release(&record);
}

static void begin_message(struct ss_text *message, uint64_t step)
{
    ss_text_init(message);
    add_double(message, WALL_TIME, ss_clock_wall());
    if (step) {
        add_key(message, STEP, VARINT);
        add_varint(message, step);
    }
}

void ss_events_add(struct ss_events *e, uint64_t step, const struct ss_scalar *scalars, size_t n)
{
    struct ss_text message, summary;

    if (!e)
        return;
    begin_message(&message, step);
    ss_text_init(&summary);
    for (size_t i = 0; i < n; i++)
        if (!isnan(scalars[i].value))
            add_scalar(&summary, &scalars[i]);
    add_bytes(&message, SUMMARY, summary.data, summary.length);
    message.failed = message.failed || summary.failed;
    write_record(e, &message);
    ss_text_release(&summary);
    ss_text_release(&message);
}

/* Which format this is, and that whatever a reader has of later steps is void. */
static void write_start(struct ss_events *e, uint64_t step)
{
    static const char version[] = "brain.Event:2";
    static const unsigned char start[] = {1 << 3 | VARINT, 1}; /* SessionLog.status = START */
    struct ss_text message;

    begin_message(&message, 0);
    add_bytes(&message, FILE_VERSION, version, sizeof(version) - 1);
    write_record(e, &message);
    ss_text_release(&message);
    if (step == 0)
        return;
    begin_message(&message, step + 1);
    add_bytes(&message, SESSION_LOG, start, sizeof(start));
    write_record(e, &message);
    ss_text_release(&message);
}

/* ---- what earlier sessions wrote ---- */

/* Length of the sound record at `s`, 0 if there is none. */
static size_t record_length(const char *s, size_t n, uint64_t *step)
{
    if (n < FRAME + 4)
        return 0;
    const uint64_t length = little_endian(s, 8);
    if (little_endian(s + 8, 4) != masked_crc(s, 8) || length > n - FRAME - 4 ||
        little_endian(s + FRAME + length, 4) != masked_crc(s + FRAME, (size_t)length))
        return 0;
    *step = read_step(s + FRAME, (size_t)length);
    return FRAME + (size_t)length + 4;
}

/* Keep the sound records of steps up to `step`; a file that has then nothing but its head goes. */
static enum ss_status cut_file(const char *path, uint64_t step)
{
    struct ss_text kept;
    char *data = NULL;
    size_t size = 0, n;
    uint64_t at_step = 0, last = 0;
    enum ss_status st = SS_OK;

    ss_text_init(&kept);
    TRY(ss_file_read(path, MOST_BYTES, &data, &size));
    for (size_t at = 0; (n = record_length(data + at, size - at, &at_step)) > 0; at += n)
        if (at_step <= step) {
            ss_text_add_bytes(&kept, data + at, n);
            last = at_step > last ? at_step : last;
        }
    TRY(ss_text_status(&kept));
    if (last == 0 && unlink(path) != 0)
        st = SS_FAIL(SS_ERR_FILE, "%s: cannot remove: %s", path, strerror(errno));
    else if (last > 0 && kept.length != size)
        TRY(ss_file_write(path, kept.data, kept.length));
out:
    free(data);
    ss_text_release(&kept);
    return st;
}

static enum ss_status cut_files(const char *folder, uint64_t step)
{
    DIR *const d = opendir(folder);
    const struct dirent *e;
    enum ss_status st = SS_OK;

    if (!d)
        return SS_FAIL(SS_ERR_FILE, "%s: %s", folder, strerror(errno));
    while (st == SS_OK && (e = readdir(d))) {
        char *path = NULL;
        if (fnmatch("events.out.tfevents.*.slicescore*", e->d_name, 0) != 0)
            continue;
        st = ss_path_join(folder, e->d_name, &path);
        if (st == SS_OK)
            st = cut_file(path, step);
        free(path);
    }
    closedir(d);
    return st;
}

/* ---- life ---- */

static enum ss_status make_file(const char *folder, struct ss_events *e)
{
    const long seconds = (long)ss_clock_wall();
    enum ss_status st = SS_OK;

    for (int i = 0; i < MOST_SESSIONS; i++) {
        char name[80];
        snprintf(name, sizeof(name),
                 i ? "events.out.tfevents.%ld.slicescore.%d" : "events.out.tfevents.%ld.slicescore", seconds,
                 i);
        free(e->path);
        e->path = NULL;
        TRY(ss_path_join(folder, name, &e->path));
        const int fd = open(e->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno == EEXIST)
            continue;
        e->file = fd < 0 ? NULL : fdopen(fd, "wb");
        if (e->file)
            return SS_OK;
        break;
    }
    st = SS_FAIL(SS_ERR_FILE, "%s: cannot write: %s", e->path, strerror(errno));
out:
    return st;
}

enum ss_status ss_events_open(const char *folder, uint64_t step, struct ss_events **out)
{
    struct ss_events *e = NULL;
    enum ss_status st = SS_OK;

    TRY(cut_files(folder, step));
    TRY(ss_allocate(1, &e));
    TRY(make_file(folder, e));
    write_start(e, step);
    TRY(ss_events_status(e));
    *out = e;
    e = NULL;
out:
    ss_events_free(e);
    return st;
}

void ss_events_free(struct ss_events *e)
{
    if (!e)
        return;
    if (e->file)
        fclose(e->file);
    free(e->path);
    free(e);
}

enum ss_status ss_events_status(const struct ss_events *e)
{
    return e && e->reason ? SS_FAIL(SS_ERR_FILE, "%s: cannot write: %s", e->path, strerror(e->reason))
                          : SS_OK;
}
