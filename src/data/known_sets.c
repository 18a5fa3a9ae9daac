/* known_sets.c - data sets by name: where they are looked for, and how one knows that it is they. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/text.h"
#include "data/readers.h"

static const char file_name[] = "train-images-idx3-ubyte";
static const struct ss_shape wanted = {.n = 3, .size = {60000, 28, 28}};

/* The first folders are where Debian and this program's own layout put a set, the last where torchvision
 * does. */
static const char *const mnist_folders[] = {"mnist", "dataset-mnist", "MNIST", "MNIST/raw", NULL};
static const char *const fashion_folders[] = {"fashion-mnist", "fashion_mnist",    "dataset-fashion-mnist",
                                              "FashionMNIST",  "FashionMNIST/raw", NULL};

static const struct ss_known_set mnist = {
    .name = "mnist",
    .folders = mnist_folders,
    .crc32 = 0xf3639b56,
    .source = "fetch https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz (9912422 "
              "bytes, SHA-256 "
              "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609)"};

static const struct ss_known_set fashion_mnist = {
    .name = "fashion_mnist",
    .folders = fashion_folders,
    .crc32 = 0xae65dccd,
    .source =
        "install Debian's package dataset-fashion-mnist (its train-images-idx3-ubyte.gz has 26421856 bytes, "
        "SHA-256 "
        "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7), or fetch the same images from "
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-images-idx3-ubyte.gz"};

const struct ss_known_set *ss_known_set(enum ss_source source)
{
    return source == SS_SOURCE_MNIST ? &mnist : source == SS_SOURCE_FASHION_MNIST ? &fashion_mnist : NULL;
}

/* *path stays NULL if the file is not there, plain or in gzip. */
static enum ss_status find_in(const char *root, const char *folder, char **path)
{
    static const char *const endings[] = {"", ".gz"};
    char *place = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_path_join(root, folder, &place));
    for (size_t i = 0; i < SS_COUNT(endings); i++) {
        char *candidate = NULL;
        TRY(ss_text_format(&candidate, "%s/%s%s", place, file_name, endings[i]));
        if (ss_path_exists(candidate)) {
            *path = candidate;
            break;
        }
        free(candidate);
    }
out:
    free(place);
    return st;
}

static enum ss_status find(const struct ss_known_set *set, const char *const *roots, size_t n_roots,
                           char **path)
{
    enum ss_status st = SS_OK;

    /* A root's own file comes after those in its subfolders, as all sets of the family have files of this
     * name. */
    for (size_t r = 0; r < n_roots && !*path; r++) {
        for (size_t f = 0; set->folders[f] && !*path; f++)
            TRY(find_in(roots[r], set->folders[f], path));
        if (!*path)
            TRY(find_in(NULL, roots[r], path));
    }
out:
    return st;
}

static enum ss_status fail_absent(const struct ss_known_set *set, const char *const *roots, size_t n_roots)
{
    struct ss_text looked;
    enum ss_status st = SS_OK;

    ss_text_init(&looked);
    for (size_t r = 0; r < n_roots; r++)
        ss_text_addf(&looked, "%s%s", r > 0 ? ", " : "", roots[r]);
    TRY(ss_text_status(&looked));
    st = SS_FAIL(SS_ERR_FILE,
                 "data set %s is not here: looked for %s and %s.gz in %s and their subfolders %s, %s: %s, "
                 "and put it in a "
                 "folder that SLICESCORE_DATA names",
                 set->name, file_name, file_name, looked.data, set->folders[0], set->folders[1], set->source);
out:
    ss_text_release(&looked);
    return st;
}

static enum ss_status check(const struct ss_known_set *set, const char *path, const struct ss_table *t,
                            const struct ss_shape *shape)
{
    const struct ss_known_set *const sets[] = {&mnist, &fashion_mnist};

    if (shape->n != wanted.n || memcmp(shape->size, wanted.size, wanted.n * sizeof(wanted.size[0])) != 0)
        return SS_FAIL(SS_ERR_CORRUPT,
                       "%s: holds %zu rows of %zu numbers: the training images of %s are 60000 of 28 x 28",
                       path, t->rows, t->columns, set->name);
    const uint32_t found = (uint32_t)crc32_z(0, t->values, t->rows * t->columns);
    if (found == set->crc32)
        return SS_OK;
    for (size_t i = 0; i < SS_COUNT(sets); i++)
        if (found == sets[i]->crc32)
            return SS_FAIL(SS_ERR_CORRUPT,
                           "%s: holds the images of %s, not of %s: keep each set in a folder of its name",
                           path, sets[i]->name, set->name);
    return SS_FAIL(SS_ERR_CORRUPT,
                   "%s: is not %s: the CRC-32 of its pixels is %08x, and %08x was wanted: %s; or name the "
                   "file in data.file",
                   path, set->name, (unsigned)found, (unsigned)set->crc32, set->source);
}

enum ss_status ss_known_set_read(const struct ss_known_set *set, const char *const *roots, size_t n_roots,
                                 size_t rows, struct ss_table *t)
{
    struct ss_input in = {0};
    struct ss_shape shape;
    char *path = NULL;
    enum ss_status st = SS_OK;

    TRY(find(set, roots, n_roots, &path));
    if (!path) {
        st = fail_absent(set, roots, n_roots);
        goto out;
    }
    TRY(ss_input_open(path, &in));
    TRY(ss_idx_read(&in, t, &shape));
    TRY(check(set, path, t, &shape));
    if (rows && rows < t->rows)
        t->rows = rows;
out:
    ss_input_release(&in);
    free(path);
    return st;
}
