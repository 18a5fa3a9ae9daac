#include "device/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/text.h"
#include "device/quirks.h"

enum { LARGEST = 64 << 20 };

/* What stands before the binary in a file. */
struct header {
    char magic[8];
    XXH128_hash_t key;  /* of everything that the binary depends on */
    uint64_t size;      /* of the binary */
    XXH64_hash_t check; /* of the binary */
};

static const char magic[8] = "sskern1";

/* ---- where ---- */

/* 0700, ours, and not a link: another user's program run as a kernel would be run as us. */
static bool is_private(const char *path)
{
    struct stat s;

    return lstat(path, &s) == 0 && S_ISDIR(s.st_mode) && s.st_uid == geteuid() &&
           !(s.st_mode & (S_IWGRP | S_IWOTH));
}

char *ss_cache_folder(const char *name)
{
    const char *const xdg = getenv("XDG_CACHE_HOME"), *const home = getenv("HOME");
    const bool absolute = xdg && *xdg == '/'; /* others are to be ignored, says the XDG specification */
    struct ss_text t;

    if (!absolute && (!home || *home != '/'))
        return NULL;
    ss_text_init(&t);
    ss_text_add(&t, absolute ? xdg : home);
    if (!absolute)
        ss_text_add(&t, "/.cache");
    const char *const below[] = {"", "slicescore", name};
    bool trusted = true;
    for (size_t i = 0; i < SS_COUNT(below); i++) {
        if (i > 0)
            ss_text_addf(&t, "/%s", below[i]);
        mkdir(t.data, 0700); /* one that exists is as good */
        trusted = trusted && (i == 0 || is_private(t.data));
    }
    char *const path = ss_text_detach(&t);
    if (trusted)
        return path;
    free(path);
    return NULL;
}

static XXH128_hash_t key_of(const struct ss_device *d, const char *options, const char *source)
{
    const char *const parts[] = {d->info.platform_name, d->info.name, d->info.vendor, d->info.driver,
                                 d->info.version,       options,      source};
    XXH3_state_t *const state = XXH3_createState();
    XXH128_hash_t key = {0, 0};

    if (!state)
        return key;
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, &d->info.native_float_width, sizeof(d->info.native_float_width));
    for (size_t i = 0; i < SS_COUNT(parts); i++)
        XXH3_128bits_update(state, parts[i], strlen(parts[i]) + 1);
    key = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    return key;
}

/* The entry's path, NULL where there is no cache. The caller frees it. */
static char *entry(const struct ss_device *d, const char *options, const char *source, XXH128_hash_t *key)
{
    char *path = NULL, *where = NULL;

    if (!(ss_quirk_of(&d->info)->flags & SS_QUIRK_KEEP_BINARIES) || !(where = ss_cache_folder("kernels")))
        return NULL;
    *key = key_of(d, options, source);
    if (ss_text_format(&path, "%s/%016" PRIx64 "%016" PRIx64 ".bin", where, (uint64_t)key->high64,
                       (uint64_t)key->low64) != SS_OK)
        path = NULL;
    free(where);
    return path;
}

/* ---- reading ---- */

/* The binary of a sound entry, or NULL. The caller frees it. */
static unsigned char *read_entry(const char *path, XXH128_hash_t key, size_t *size)
{
    struct header h;
    unsigned char *binary = NULL;
    struct stat s;
    const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    FILE *const f = fd >= 0 ? fdopen(fd, "rb") : NULL;

    if (!f) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    if (fstat(fd, &s) == 0 && s.st_uid == geteuid() && fread(&h, sizeof(h), 1, f) == 1 &&
        memcmp(h.magic, magic, sizeof(magic)) == 0 && XXH128_isEqual(h.key, key) && h.size &&
        h.size <= LARGEST && (uint64_t)s.st_size == sizeof(h) + h.size)
        binary = malloc((size_t)h.size);
    if (binary &&
        (fread(binary, 1, (size_t)h.size, f) != h.size || XXH3_64bits(binary, (size_t)h.size) != h.check)) {
        free(binary);
        binary = NULL;
    }
    fclose(f);
    if (binary)
        *size = (size_t)h.size;
    return binary;
}

cl_program ss_cache_load(const struct ss_device *d, const char *options, const char *source)
{
    XXH128_hash_t key;
    size_t size = 0;
    cl_program program = NULL;
    cl_int code, status;
    char *const path = entry(d, options, source, &key);
    unsigned char *const binary = path ? read_entry(path, key, &size) : NULL;

    if (binary) {
        const unsigned char *const bytes = binary;
        program = clCreateProgramWithBinary(d->context, 1, &d->id, &size, (const unsigned char **)&bytes,
                                            &status, &code);
        if (code != CL_SUCCESS)
            program = NULL;
        if (program &&
            (status != CL_SUCCESS || clBuildProgram(program, 1, &d->id, options, NULL, NULL) != CL_SUCCESS)) {
            clReleaseProgram(program);
            program = NULL;
        }
    }
    free(binary);
    free(path);
    return program;
}

/* ---- writing ---- */

/* No fsync: what a crash leaves half written fails its check. */
static bool write_new(const char *path, const void *head, size_t n_head, const void *body, size_t n_body)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    FILE *const f = fd >= 0 ? fdopen(fd, "wb") : NULL;

    if (!f) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    const bool written = fwrite(head, 1, n_head, f) == n_head && fwrite(body, 1, n_body, f) == n_body;
    return fclose(f) == 0 && written;
}

bool ss_cache_write(const char *path, const void *head, size_t n_head, const void *body, size_t n_body)
{
    char *temporary = NULL;
    bool done = false;

    /* of this process, and of this thread of it */
    if (ss_text_format(&temporary, "%s.%ld.%zx", path, (long)getpid(), (size_t)(uintptr_t)&done) != SS_OK)
        return false;
    done = write_new(temporary, head, n_head, body, n_body) && rename(temporary, path) == 0;
    if (!done)
        unlink(temporary);
    free(temporary);
    return done;
}

static unsigned char *binary_of(cl_program program, size_t *size)
{
    unsigned char *binary = NULL;

    if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof(*size), size, NULL) != CL_SUCCESS ||
        !*size || *size > LARGEST)
        return NULL;
    binary = malloc(*size);
    if (binary &&
        clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof(binary), &binary, NULL) != CL_SUCCESS) {
        free(binary);
        binary = NULL;
    }
    return binary;
}

void ss_cache_store(const struct ss_device *d, const char *options, const char *source, cl_program program)
{
    struct header h = {.size = 0};
    size_t size = 0;
    char *const path = entry(d, options, source, &h.key);
    unsigned char *const binary = path ? binary_of(program, &size) : NULL;

    if (binary) {
        memcpy(h.magic, magic, sizeof(magic));
        h.size = size;
        h.check = XXH3_64bits(binary, size);
        ss_cache_write(path, &h, sizeof(h), binary, size); /* or it is compiled again */
    }
    free(binary);
    free(path);
}

int ss_cache_lock(void)
{
    enum { TRIES = 6000, WAIT_MS = 10 };
    char *const where = ss_cache_folder("kernels");
    char *path = NULL;
    int fd = -1;

    if (where && ss_text_format(&path, "%s/build.lock", where) == SS_OK)
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    free(where);
    free(path);
    for (int i = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0; i++) {
        if (i == TRIES || (errno != EWOULDBLOCK && errno != EINTR)) {
            close(fd);
            return -1;
        }
        poll(NULL, 0, WAIT_MS);
    }
    return fd;
}

void ss_cache_unlock(int lock)
{
    if (lock >= 0)
        close(lock);
}
