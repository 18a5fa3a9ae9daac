#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "data/readers.h"

/* What cannot be mapped has no size to compare with: a bound keeps /dev/zero from taking all memory. */
static const size_t LARGEST_PIPE = (size_t)1 << 30;

static enum ss_status map_file(int fd, size_t size, struct ss_input *in)
{
    void *const map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);

    if (map == MAP_FAILED)
        return SS_FAIL(SS_ERR_FILE, "%s: cannot map its %zu bytes: %s", in->path, size, strerror(errno));
    in->map = map;
    in->data = map;
    in->size = size;
    return SS_OK;
}

static enum ss_status read_pipe(struct ss_input *in)
{
    char *bytes = NULL;
    size_t size = 0;
    const enum ss_status st = ss_file_read(in->path, LARGEST_PIPE, &bytes, &size);

    in->heap = bytes;
    in->data = (const unsigned char *)bytes;
    in->size = size;
    return st;
}

enum ss_status ss_input_open(const char *path, struct ss_input *in)
{
    enum ss_status st = SS_OK;
    struct stat s;
    int fd = -1;

    *in = (struct ss_input){.path = path};
    /* Asked by name first: opening a pipe to look at it, and then again to read it, would lose its writer. */
    if (stat(path, &s) != 0)
        return SS_FAIL(SS_ERR_FILE, "%s: cannot read: %s", path, strerror(errno));
    if (S_ISDIR(s.st_mode))
        return SS_FAIL(SS_ERR_FILE, "%s: is a folder: name a file in it", path);
    if (!S_ISREG(s.st_mode)) {
        TRY(read_pipe(in));
    } else {
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &s) != 0) {
            st = SS_FAIL(SS_ERR_FILE, "%s: cannot read: %s", path, strerror(errno));
            goto out;
        }
        if (s.st_size > 0)
            TRY(map_file(fd, (size_t)s.st_size, in));
    }
    if (in->size == 0)
        st = SS_FAIL(SS_ERR_CORRUPT, "%s: is empty: a table of numbers was wanted", path);
out:
    if (fd >= 0)
        close(fd);
    if (st != SS_OK)
        ss_input_release(in);
    return st;
}

void ss_input_release(struct ss_input *in)
{
    if (in->map)
        munmap(in->map, in->size);
    free(in->heap);
    in->map = NULL;
    in->heap = NULL;
    in->data = NULL;
    in->size = 0;
}

static void copy_swapped(unsigned char *to, const unsigned char *from, size_t count, size_t size)
{
    for (size_t i = 0; i < count; i++)
        for (size_t b = 0; b < size; b++)
            to[i * size + b] = from[i * size + size - 1 - b];
}

enum ss_status ss_input_take(struct ss_input *in, size_t offset, size_t count, bool swap, struct ss_table *t)
{
    const size_t size = ss_number_size(t->type);
    const unsigned char *const first = in->data + offset;
    enum ss_status st = SS_OK;

    if ((swap && size > 1) || (uintptr_t)first % size != 0) {
        unsigned char *copy = NULL;
        TRY(ss_allocate_bytes(count, size, (void **)&copy));
        if (swap)
            copy_swapped(copy, first, count, size);
        else
            memcpy(copy, first, count * size);
        t->heap = copy;
        t->values = copy;
        ss_input_release(in);
    } else {
        t->values = first;
        t->heap = in->heap;
        t->map = in->map;
        t->map_size = in->map ? in->size : 0;
        in->heap = NULL;
        in->map = NULL;
    }
out:
    return st;
}

enum ss_status ss_shape_count(const struct ss_shape *shape, const char *path, size_t *count)
{
    size_t product = 1;

    if (shape->n == 0)
        return SS_FAIL(SS_ERR_CORRUPT, "%s: holds a single number: an array of rows was wanted", path);
    for (size_t i = 0; i < shape->n; i++)
        if (shape->size[i] == 0)
            return SS_FAIL(SS_ERR_CORRUPT, "%s: holds no numbers: dimension %zu has size 0", path, i);
    for (size_t i = 0; i < shape->n; i++)
        if (!ss_multiply(product, shape->size[i], &product))
            return SS_FAIL(SS_ERR_CORRUPT, "%s: declares more numbers than any file can hold", path);
    *count = product;
    return SS_OK;
}

void ss_shape_apply(const struct ss_shape *shape, struct ss_table *t)
{
    size_t sides[2] = {0, 0}, n_sides = 0;

    t->rows = shape->size[0];
    t->columns = 1;
    for (size_t i = 1; i < shape->n; i++) {
        t->columns *= shape->size[i];
        if (shape->size[i] == 1)
            continue; /* a channel of its own */
        if (n_sides < 2)
            sides[n_sides] = shape->size[i];
        n_sides++;
    }
    if (shape->n >= 3 && n_sides == 2 && t->type == SS_NUMBER_U1) {
        t->height = sides[0];
        t->width = sides[1];
    }
}
