/* Safetensors files: what is written is read back; whatever else a file holds is refused, by name. */
#include <check.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/tensor_file.h"

static char folder[] = "/tmp/check_tensor_file.XXXXXX", path[64];
static char told[4096]; /* all that was said since the last clear */

static void keep(void *context, enum ss_level level, const char *text)
{
    (void)context, (void)level;
    snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s\n", text);
}

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/t.safetensors", folder);
    ss_sink_set(keep, NULL);
}

static void tear_down(void)
{
    unlink(path);
    rmdir(folder);
}

static void ok(enum ss_status st)
{
    ck_assert_msg(st == SS_OK, "%s: %s", ss_status_name(st), told);
}

static const float weight[6] = {1, -2, 3, 0.5f, 0, 6};
static const double wide[2] = {1e300, -0.0};
static const int64_t integers[3] = {INT64_MIN, 0, 7};
static const uint8_t bytes[3] = {255, 0, 1};
static const float scalar = 42;
static const struct ss_tensor sample[] = {
    {"layers.0.weight", SS_TENSOR_F32, 2, {2, 3}, weight},
    {"wide", SS_TENSOR_F64, 1, {2}, wide},
    {"a.bytes", SS_TENSOR_U8, 1, {3}, bytes},
    {"nothing", SS_TENSOR_F32, 3, {2, 0, 5}, NULL},
    {"integers", SS_TENSOR_I64, 1, {3}, integers},
    {"scalar \"quoted\" \xc3\xa9", SS_TENSOR_F32, 0, {0}, &scalar},
};
enum { N_SAMPLE = 6 };
static const struct ss_metadata notes[] = {{"step", "100"}, {"optimizer", "adam \\ \"x\"\n"}};

static void write_sample(void)
{
    ok(ss_tensor_file_write(path, sample, N_SAMPLE, notes, 2));
}

static enum ss_status open_file(void)
{
    struct ss_tensor_file *f = NULL;
    told[0] = '\0';
    const enum ss_status st = ss_tensor_file_open(path, &f);

    ck_assert_msg((st == SS_OK) == (f != NULL), "status %s and a file that is %p", ss_status_name(st),
                  (void *)f);
    ck_assert_msg(st == SS_OK || told[0], "a failure that says nothing");
    ss_tensor_file_free(f);
    return st;
}

static void write_bytes(const void *data, size_t n)
{
    unlink(path); /* a new file: some file systems sync one that is truncated and rewritten */
    FILE *const f = fopen(path, "wb"); /* not ss_file_write: thousands of syncs take too long */

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

/* A file of this header and so many bytes of data. */
static enum ss_status open_made(const char *header, size_t n_data)
{
    const uint64_t length = strlen(header);
    char *const data = calloc(1, 8 + length + n_data);

    memcpy(data, &length, 8);
    memcpy(data + 8, header, length);
    write_bytes(data, 8 + length + n_data);
    free(data);
    return open_file();
}

START_TEST(what_is_written_is_read_back)
{
    struct ss_tensor_file *f = NULL;

    write_sample();
    ok(ss_tensor_file_open(path, &f));
    ck_assert_uint_eq(ss_tensor_file_count(f), N_SAMPLE);
    for (size_t i = 0; i < N_SAMPLE; i++) {
        const struct ss_tensor *const want = &sample[i], *const t = ss_tensor_file_find(f, want->name);
        static const size_t size[] = {4, 8, 8, 1};
        ck_assert_ptr_nonnull(t);
        ck_assert_int_eq(t->type, want->type);
        ck_assert_uint_eq(t->dimensions, want->dimensions);
        ck_assert(memcmp(t->shape, want->shape, t->dimensions * sizeof(size_t)) == 0);
        ck_assert_uint_eq((uintptr_t)t->data % size[t->type], 0);
        const size_t n = ss_tensor_count(t) * size[t->type];
        ck_assert(!n || memcmp(t->data, want->data, n) == 0);
        if (i)
            ck_assert_int_lt(strcmp(ss_tensor_file_at(f, i - 1)->name, ss_tensor_file_at(f, i)->name), 0);
    }
    ck_assert_str_eq(ss_tensor_file_metadata(f, "step"), "100");
    ck_assert_str_eq(ss_tensor_file_metadata(f, "optimizer"), "adam \\ \"x\"\n");
    ck_assert_uint_eq(strlen(ss_tensor_file_metadata(f, "xxh3:wide")), 16);
    ck_assert_ptr_null(ss_tensor_file_metadata(f, "absent"));
    ck_assert_ptr_null(ss_tensor_file_find(f, "absent"));
    ss_tensor_file_free(f);
}
END_TEST

START_TEST(a_file_without_tensors_is_fine)
{
    struct ss_tensor_file *f = NULL;

    ok(ss_tensor_file_write(path, NULL, 0, NULL, 0));
    ok(ss_tensor_file_open(path, &f));
    ck_assert_uint_eq(ss_tensor_file_count(f), 0);
    ck_assert_ptr_null(ss_tensor_file_find(f, "x"));
    ss_tensor_file_free(f);
}
END_TEST

START_TEST(the_order_of_tensors_and_metadata_does_not_change_the_bytes)
{
    struct ss_tensor backwards[N_SAMPLE];
    const struct ss_metadata swapped[] = {notes[1], notes[0]};
    char *one = NULL, *two = NULL;
    size_t n_one, n_two;

    for (size_t i = 0; i < N_SAMPLE; i++)
        backwards[i] = sample[N_SAMPLE - 1 - i];
    write_sample();
    ok(ss_file_read(path, 1 << 20, &one, &n_one));
    ok(ss_tensor_file_write(path, backwards, N_SAMPLE, swapped, 2));
    ok(ss_file_read(path, 1 << 20, &two, &n_two));
    ck_assert_uint_eq(n_one, n_two);
    ck_assert(memcmp(one, two, n_one) == 0);
    free(one);
    free(two);
}
END_TEST

START_TEST(what_cannot_be_told_apart_later_is_not_written)
{
    const struct ss_tensor twins[] = {sample[0], sample[0]};
    const struct ss_tensor reserved = {"__metadata__", SS_TENSOR_F32, 1, {6}, weight};
    const struct ss_tensor latin = {"\xe9", SS_TENSOR_F32, 1, {6}, weight};
    const struct ss_metadata twice[] = {notes[0], notes[0]}, digest = {"xxh3:x", "0"}, bad = {"k", "\xff"};

    ck_assert_int_eq(ss_tensor_file_write(path, twins, 2, NULL, 0), SS_ERR_INTERNAL);
    ck_assert_int_eq(ss_tensor_file_write(path, &reserved, 1, NULL, 0), SS_ERR_INTERNAL);
    ck_assert_int_eq(ss_tensor_file_write(path, &latin, 1, NULL, 0), SS_ERR_INTERNAL);
    ck_assert_int_eq(ss_tensor_file_write(path, NULL, 0, twice, 2), SS_ERR_INTERNAL);
    ck_assert_int_eq(ss_tensor_file_write(path, NULL, 0, &digest, 1), SS_ERR_INTERNAL);
    ck_assert_int_eq(ss_tensor_file_write(path, NULL, 0, &bad, 1), SS_ERR_INTERNAL);
    ck_assert(!ss_path_exists(path));
}
END_TEST

START_TEST(a_full_disk_is_told_and_leaves_what_was_there)
{
    char *one = NULL, *two = NULL;
    size_t n_one, n_two;

    write_sample();
    ok(ss_file_read(path, 1 << 20, &one, &n_one));
    ck_assert_int_eq(ss_tensor_file_write("/nowhere/at/all", sample, N_SAMPLE, NULL, 0), SS_ERR_FILE);
    /* A name that can be opened but not written: the temporary of ss_file_writer is a link to /dev/full. */
    char temporary[96];
    snprintf(temporary, sizeof(temporary), "%s.tmp.%ld", path, (long)getpid());
    ck_assert_int_eq(symlink("/dev/full", temporary), 0);
    told[0] = '\0';
    ck_assert_int_eq(ss_tensor_file_write(path, sample, 2, NULL, 0), SS_ERR_FILE);
    ck_assert_ptr_nonnull(strstr(told, "No space left"));
    ck_assert_ptr_nonnull(strstr(told, path));
    ck_assert(!ss_path_exists(temporary));
    ok(ss_file_read(path, 1 << 20, &two, &n_two));
    ck_assert(n_one == n_two && memcmp(one, two, n_one) == 0);
    free(one);
    free(two);
}
END_TEST

START_TEST(a_file_cut_short_anywhere_is_refused)
{
    char *whole = NULL;
    size_t n;

    write_sample();
    ok(ss_file_read(path, 1 << 20, &whole, &n));
    for (size_t cut = 0; cut < n; cut++) {
        write_bytes(whole, cut);
        ck_assert_msg(open_file() == SS_ERR_CORRUPT, "cut at %zu of %zu: %s", cut, n, told);
        ck_assert_ptr_nonnull(strstr(told, path));
    }
    free(whole);
}
END_TEST

START_TEST(every_flipped_bit_is_found)
{
    char *whole = NULL;
    size_t n;

    write_sample();
    ok(ss_file_read(path, 1 << 20, &whole, &n));
    for (size_t bit = 0; bit < 8 * n; bit++) {
        whole[bit / 8] = (char)(whole[bit / 8] ^ (1 << bit % 8));
        write_bytes(whole, n);
        ck_assert_msg(open_file() == SS_ERR_CORRUPT, "bit %zu of byte %zu: %s", bit % 8, bit / 8, told);
        whole[bit / 8] = (char)(whole[bit / 8] ^ (1 << bit % 8));
    }
    free(whole);
}
END_TEST

static uint64_t next(uint64_t *state) /* xorshift: the same mutations each time */
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Without checksums, as other programs write them, so that the mutations reach the checks behind. */
static const char foreign[] =
    "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
    "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[24,27]},"
    "\"c\":{\"dtype\":\"I64\",\"shape\":[1,1],\"data_offsets\":[27,35]}}   ";

START_TEST(thousands_of_mutated_files_are_read_or_refused_but_never_harm)
{
    static const char *const tokens[] = {"18446744073709551615",
                                         "-1",
                                         "9223372036854775807",
                                         "1e3",
                                         "[",
                                         "{}",
                                         "null",
                                         "\"F16\"",
                                         "0",
                                         "\\u0000",
                                         "\"a\"",
                                         "]]]",
                                         ",",
                                         "\xff"};
    const size_t n = 8 + sizeof(foreign) - 1 + 35;
    char *const whole = calloc(1, n), *const mutant = calloc(1, n + 256);
    const uint64_t length = sizeof(foreign) - 1;
    uint64_t state = 88172645463325252u;
    size_t n_refused = 0;

    memcpy(whole, &length, 8);
    memcpy(whole + 8, foreign, length);
    write_bytes(whole, n);
    ok(open_file());
    for (int round = 0; round < 6000; round++) {
        size_t size = n;
        memcpy(mutant, whole, n);
        for (uint64_t k = next(&state) % 4 + 1; k; k--) {
            const size_t at = next(&state) % n;
            const char *const token = tokens[next(&state) % (sizeof(tokens) / sizeof(*tokens))];
            switch (next(&state) % 4) {
            case 0:
                mutant[at] = (char)next(&state);
                break;
            case 1: /* another digit, bracket or letter from elsewhere in the header */
                mutant[at] = mutant[8 + next(&state) % length];
                break;
            case 2:
                size = at;
                break;
            default: /* a token over what is there, and the header's length right again */
                memmove(mutant + at + strlen(token), mutant + at, n - at);
                memcpy(mutant + at, token, strlen(token));
                size = n + strlen(token);
                if (at >= 8 && at < 8 + length) {
                    const uint64_t longer = length + strlen(token);
                    memcpy(mutant, &longer, 8);
                }
                k = 1;
            }
        }
        write_bytes(mutant, size);
        const enum ss_status st = open_file();
        ck_assert_msg(st == SS_OK || st == SS_ERR_CORRUPT, "%s", ss_status_name(st));
        n_refused += st != SS_OK;
    }
    ck_assert_uint_gt(n_refused, 3000);
    ck_assert_uint_lt(n_refused, 6000);
    free(whole);
    free(mutant);
}
END_TEST

static const struct {
    const char *header;
    size_t n_data;
    const char *word; /* that the message must hold; NULL: sound */
} cases[] = {
    {"{}", 0, NULL},
    {"{}   \n", 0, NULL},
    {"{}", 1, "belong to no tensor"},
    {"{} x", 0, "JSON"},
    {" {}", 0, "JSON object"},
    {"[]", 0, "JSON object"},
    {"{\"a\":1,\"a\":1}", 0, "duplicate"},
    {"{\"a\":1}", 0, "'a'"},
    {"{\"\\u001b[31m\":1}", 0, "'?[31m'"},
    {"{\"__metadata__\":[]}", 0, "metadata"},
    {"{\"__metadata__\":{\"k\":1}}", 0, "'k'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, NULL},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 3, "'a'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 5, "1 bytes"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "8 bytes by its shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "'a'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 4, "data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0.0,4]}}", 4, "data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "shape"},
    {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "'a'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "sizes"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]}}", 4, "sizes"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}", 4, "JSON"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "overflows"},
    {"{\"a\":{\"dtype\":\"F64\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0, "overflows"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, NULL},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "9 dimensions"},
    {"{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, ".float()"},
    {"{\"a\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "BF16"},
    {"{\"a\":{\"dtype\":\"f32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown type 'f32'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
     4, "overlap"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
     8, "overlap"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
     12, "hole"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "hole"},
    {"{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]},"
     "\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[4,4]},"
     "\"c\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
     8, NULL},
    {"{\"__metadata__\":{\"xxh3:a\":\"0000000000000000\"},"
     "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
     4, "checksum"},
};

START_TEST(each_way_of_lying_is_refused_by_name)
{
    const enum ss_status st = open_made(cases[_i].header, cases[_i].n_data);

    ck_assert_msg(st == (cases[_i].word ? SS_ERR_CORRUPT : SS_OK), "%s: %s: %s", cases[_i].header,
                  ss_status_name(st), told);
    if (cases[_i].word)
        ck_assert_msg(strstr(told, cases[_i].word) != NULL, "%s: %s", cases[_i].header, told);
}
END_TEST

START_TEST(a_header_longer_than_the_file_or_the_cap_is_refused_unread)
{
    uint64_t claim[] = {3, 100000001, 1u << 30, UINT64_MAX, UINT64_MAX - 7, 0, 1};

    for (size_t i = 0; i < sizeof(claim) / sizeof(*claim); i++) {
        char data[10] = {0};
        memcpy(data, &claim[i], 8);
        memcpy(data + 8, "{}", 2);
        write_bytes(data, sizeof(data));
        ck_assert_int_eq(open_file(), SS_ERR_CORRUPT);
        ck_assert_ptr_nonnull(strstr(told, "claims a header"));
    }
    /* A sparse file that is as long as it says: the cap itself. */
    claim[0] = 100000001;
    write_bytes(claim, 8);
    ck_assert_int_eq(truncate(path, 100000100), 0);
    ck_assert_int_eq(open_file(), SS_ERR_CORRUPT);
}
END_TEST

START_TEST(deep_nesting_is_refused)
{
    char *const header = malloc(200001);

    memset(header, '[', 200000);
    memcpy(header, "{\"a\":", 5);
    header[200000] = '\0';
    ck_assert_int_eq(open_made(header, 0), SS_ERR_CORRUPT);
    free(header);
}
END_TEST

START_TEST(integers_of_other_widths_are_passed_over_with_a_warning)
{
    struct ss_tensor_file *f = NULL;

    ok(open_made("{\"n\":{\"dtype\":\"I32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                 "\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
                 12));
    ck_assert_ptr_nonnull(strstr(told, "'n' of type I32 is passed over"));
    ok(ss_tensor_file_open(path, &f));
    ck_assert_uint_eq(ss_tensor_file_count(f), 1);
    ck_assert_ptr_null(ss_tensor_file_find(f, "n"));
    ss_tensor_file_free(f);
}
END_TEST

START_TEST(what_is_no_regular_file_is_a_file_error)
{
    struct ss_tensor_file *f = NULL;

    ck_assert_int_eq(open_file(), SS_ERR_FILE);
    ck_assert_int_eq(ss_tensor_file_open(folder, &f), SS_ERR_FILE);
    ck_assert_int_eq(ss_tensor_file_open("/dev/zero", &f), SS_ERR_FILE);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(open_file(), SS_ERR_FILE);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("tensor_file");
    TCase *const c = tcase_create("tensor_file");

    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, what_is_written_is_read_back);
    tcase_add_test(c, a_file_without_tensors_is_fine);
    tcase_add_test(c, the_order_of_tensors_and_metadata_does_not_change_the_bytes);
    tcase_add_test(c, what_cannot_be_told_apart_later_is_not_written);
    tcase_add_test(c, a_full_disk_is_told_and_leaves_what_was_there);
    tcase_add_test(c, a_file_cut_short_anywhere_is_refused);
    tcase_add_test(c, every_flipped_bit_is_found);
    tcase_add_test(c, thousands_of_mutated_files_are_read_or_refused_but_never_harm);
    tcase_add_loop_test(c, each_way_of_lying_is_refused_by_name, 0, (int)(sizeof(cases) / sizeof(*cases)));
    tcase_add_test(c, a_header_longer_than_the_file_or_the_cap_is_refused_unread);
    tcase_add_test(c, deep_nesting_is_refused);
    tcase_add_test(c, integers_of_other_widths_are_passed_over_with_a_warning);
    tcase_add_test(c, what_is_no_regular_file_is_a_file_error);
    suite_add_tcase(s, c);
    SRunner *const r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
