#include "tests/support/tables.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/scratch.h"

enum ss_status table_read_named(const char *name, const void *bytes, size_t n, struct ss_data_options options,
                                struct ss_table **t)
{
    char path[512];

    strcpy(path, scratch_file(name, bytes, n));
    options.file = path;
    scratch_hush();
    return ss_table_read(&options, t);
}

struct ss_table *table_must_read(const char *name, const struct ss_text *bytes)
{
    struct ss_table *t = NULL;

    ck_assert_msg(table_read_named(name, bytes->data, bytes->length, (struct ss_data_options){0}, &t) ==
                      SS_OK,
                  "%s", scratch_said());
    return t;
}

void table_refused(const char *name, const void *bytes, size_t n, const char *word)
{
    struct ss_table *t = NULL;

    const enum ss_status st = table_read_named(name, bytes, n, (struct ss_data_options){0}, &t);
    ck_assert_msg(st == SS_ERR_CORRUPT, "status %d: %s", (int)st, scratch_said());
    ck_assert_msg(strstr(scratch_said(), word), "no '%s' in: %s", word, scratch_said());
    ck_assert_ptr_null(t);
}

void table_shake(const char *name, const struct ss_text *sound, int rounds, uint64_t state)
{
    char *const bytes = malloc(sound->length + 16);
    struct ss_table *t = NULL;

    for (int round = 0; round < rounds; round++) {
        size_t n = sound->length;
        memcpy(bytes, sound->data, n);
        for (uint64_t k = scratch_random(&state) % 4 + 1; k > 0 && n > 1; k--) {
            const uint64_t r = scratch_random(&state);
            /* Mostly where the header is. */
            const size_t at = (size_t)(r >> 32) % (r & 256 && n > 80 ? 80 : n);
            switch (r % 4) {
            case 0:
                bytes[at] = (char)(bytes[at] ^ 1 << (r >> 16) % 8);
                break;
            case 1:
                bytes[at] = "0123456789,()'{}<>|\xff"[(r >> 16) % 20];
                break;
            case 2:
                memmove(bytes + at, bytes + at + 1, n - at - 1);
                n--;
                break;
            default:
                memmove(bytes + at + 1, bytes + at, n - at);
                bytes[at] = (char)(r >> 16);
                n++;
            }
        }
        const struct ss_data_options options = {.missing = round % 2 ? SS_MISSING_DROP : SS_MISSING_MEAN};
        const enum ss_status st = table_read_named(name, bytes, n, options, &t);
        if (st == SS_OK) {
            double *const row = calloc(t->columns, sizeof(double));
            for (size_t i = 0; i < t->rows; i++)
                ss_table_row(t, i, row);
            ck_assert(t->rows > 0 && t->rows * t->columns <= n);
            free(row);
            ss_table_free(t);
        } else {
            ck_assert_msg(st == SS_ERR_CORRUPT && *scratch_said(), "status %d: %s", (int)st, scratch_said());
        }
    }
    free(bytes);
}
