#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "base/text.h"
#include "data/readers.h"
#include "tests/support/scratch.h"
#include "tests/support/tables.h"

/* An IDX of unsigned bytes counting up; n_sizes at most 8. */
static void idx(struct ss_text *b, unsigned char type, size_t n_sizes, const uint32_t *sizes)
{
    size_t count = 1;

    ss_text_init(b);
    ss_text_add_bytes(b, (const unsigned char[]){0, 0, type, (unsigned char)n_sizes}, 4);
    for (size_t i = 0; i < n_sizes; i++) {
        const uint32_t s = sizes[i];
        ss_text_add_bytes(b,
                          (const unsigned char[]){(unsigned char)(s >> 24), (unsigned char)(s >> 16),
                                                  (unsigned char)(s >> 8), (unsigned char)s},
                          4);
        count *= s;
    }
    for (size_t i = 0; i < count && count <= 1 << 20; i++)
        ss_text_add_bytes(b, &(const unsigned char){(unsigned char)i}, 1);
}

static struct ss_text gzip(const void *bytes, size_t n)
{
    struct ss_text out;
    z_stream z = {0};
    unsigned char piece[4096];
    int answer;

    ss_text_init(&out);
    ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)n;
    do {
        z.next_out = piece;
        z.avail_out = sizeof(piece);
        answer = deflate(&z, Z_FINISH);
        ss_text_add_bytes(&out, piece, sizeof(piece) - z.avail_out);
    } while (answer == Z_OK);
    ck_assert_int_eq(answer, Z_STREAM_END);
    deflateEnd(&z);
    return out;
}

START_TEST(idx_is_read_plain_and_from_gzip_whatever_its_name)
{
    static const struct {
        size_t n;
        uint32_t sizes[4];
        size_t rows, columns, height, width;
    } cases[] = {{3, {5, 3, 4}, 5, 12, 3, 4},
                 {1, {7}, 7, 1, 0, 0},
                 {2, {4, 3}, 4, 3, 0, 0},
                 {4, {2, 3, 2, 1}, 2, 6, 3, 2}};
    static const char *const names[] = {"images-idx3-ubyte", "images-idx3-ubyte.gz", "images.idx",
                                        "images.csv"};
    struct ss_text plain;
    double row[12];

    for (size_t i = 0; i < SS_COUNT(cases) * 4; i++) {
        const size_t k = i / 4;
        idx(&plain, 8, cases[k].n, cases[k].sizes);
        struct ss_text packed = gzip(plain.data, plain.length);
        struct ss_table *const t = table_must_read(names[i % 4], i % 2 ? &packed : &plain);
        ck_assert(t->rows == cases[k].rows && t->columns == cases[k].columns && t->type == SS_NUMBER_U1);
        ck_assert(t->height == cases[k].height && t->width == cases[k].width);
        ck_assert_int_eq(t->map != NULL, i % 2 == 0);
        ss_table_row(t, t->rows - 1, row);
        ck_assert_double_eq(row[t->columns - 1], (double)(t->rows * t->columns - 1));
        ss_table_free(t);
        struct ss_table *first = NULL;
        ck_assert_int_eq(
            table_read_named("f.gz", packed.data, packed.length, (struct ss_data_options){.rows = 1}, &first),
            SS_OK);
        ck_assert_uint_eq(first->rows, 1);
        ss_table_free(first);
        ss_text_release(&packed);
        ss_text_release(&plain);
    }
}
END_TEST

START_TEST(idx_of_any_other_length_is_refused)
{
    struct ss_text b;

    idx(&b, 8, 3, (const uint32_t[]){2, 3, 4});
    for (size_t n = 1; n < b.length; n++)
        table_refused("cut.idx", b.data, n, "cut.idx: ");
    ss_text_add(&b, "x");
    table_refused("long.idx", b.data, b.length, "declares 24 numbers, but 25 bytes");
    struct ss_text packed = gzip(b.data, b.length);
    table_refused("long.gz", packed.data, packed.length, "more than its header declares");
    ss_text_release(&packed);
    for (size_t n = 0; n < b.length - 1; n++) {
        packed = gzip(b.data, n);
        table_refused("cut.gz", packed.data, packed.length, "cut.gz: ");
        ss_text_release(&packed);
    }
    ss_text_release(&b);
}
END_TEST

START_TEST(gzip_cut_off_changed_or_followed_by_more_is_refused)
{
    struct ss_text b;
    struct ss_table *t = NULL;
    unsigned char original;

    idx(&b, 8, 3, (const uint32_t[]){3, 9, 9});
    struct ss_text packed = gzip(b.data, b.length);
    for (size_t n = 1; n < packed.length; n++)
        table_refused("cut.gz", packed.data, n, "cut.gz: ");
    /* A bit that is turned is found, or is one that says nothing about the numbers (time, system, padding).
     */
    for (size_t bit = 0; bit < 8 * packed.length; bit++) {
        original = (unsigned char)packed.data[bit / 8];
        packed.data[bit / 8] = (char)(original ^ 1u << bit % 8);
        const enum ss_status st =
            table_read_named("bit.gz", packed.data, packed.length, (struct ss_data_options){0}, &t);
        if (st == SS_OK) {
            ck_assert_mem_eq(t->values, b.data + 16, 3 * 81);
            ss_table_free(t);
        } else {
            ck_assert_int_eq(st, SS_ERR_CORRUPT);
        }
        packed.data[bit / 8] = (char)original;
    }
    ss_text_add_bytes(&packed, "\0", 1);
    table_refused("more.gz", packed.data, packed.length, "1 bytes follow the end");
    ss_text_release(&packed);
    ss_text_release(&b);
    packed = gzip("a,b\n1,2\n", 8);
    table_refused("table.csv.gz", packed.data, packed.length, "does not hold IDX");
    ss_text_release(&packed);
    table_refused("plain.gz", "1,2\n", 4, "no gzip");
}
END_TEST

START_TEST(hostile_idx_headers_are_refused_before_they_are_believed)
{
    static const struct {
        unsigned char type;
        size_t n;
        uint32_t sizes[4];
        const char *word;
    } cases[] = {
        {8, 3, {0xffffffff, 0xffffffff, 0xffffffff}, "more numbers"},
        {8, 3, {60000, 28, 28}, "47040000"},
        {8, 2, {0xffffffff, 0xffffffff}, "18446744065119617025"},
        {8, 3, {0, 28, 28}, "no numbers"},
        {8, 3, {0xffffffff, 0xffffffff, 0}, "no numbers"},
        {0x0d, 1, {3}, "type 0x0d"},
        {0x09, 1, {3}, "type 0x09"},
    };
    unsigned char many[4 + 4 * 255] = {0, 0, 8, 255};
    struct ss_text b, packed;

    for (size_t i = 0; i < SS_COUNT(cases); i++) {
        idx(&b, cases[i].type, cases[i].n, cases[i].sizes);
        table_refused("h.idx", b.data, b.length, cases[i].word);
        packed = gzip(b.data, b.length);
        table_refused("h.gz", packed.data, packed.length, cases[i].word);
        ss_text_release(&packed);
        ss_text_release(&b);
    }
    for (size_t i = 4; i < sizeof(many); i++)
        many[i] = 1;
    table_refused("many.idx", many, sizeof(many), "255 dimensions");
    packed = gzip(many, sizeof(many));
    table_refused("many.gz", packed.data, packed.length, "255 dimensions");
    ss_text_release(&packed);
    table_refused("zero.idx", "\0\0\10\0", 4, "does not hold IDX");
}
END_TEST

START_TEST(a_gzip_bomb_is_expanded_no_further_than_it_declares)
{
    enum { BOMB = 64 << 20 };
    unsigned char *const zeros = calloc(BOMB, 1);
    static const unsigned char header[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2};

    memcpy(zeros, header, sizeof(header));
    struct ss_text packed = gzip(zeros, BOMB);
    ck_assert_uint_lt(packed.length, BOMB / 1000);
    table_refused("bomb.gz", packed.data, packed.length, "more than its header declares");
    ss_text_release(&packed);
    /* All that deflate can do for so short a file is far less than this claim. */
    zeros[4] = 0x40;
    packed = gzip(zeros, 4096);
    table_refused("claim.gz", packed.data, packed.length, "more than its");
    ss_text_release(&packed);
    free(zeros);
}
END_TEST

START_TEST(idx_with_any_bytes_changed_is_read_or_refused)
{
    struct ss_text b;

    idx(&b, 8, 3, (const uint32_t[]){4, 3, 3});
    table_shake("shaken.idx", &b, 4000, 3);
    struct ss_text packed = gzip(b.data, b.length);
    ss_text_release(&b);
    table_shake("shaken.gz", &packed, 4000, 4);
    ss_text_release(&packed);
}
END_TEST

static enum ss_status known(enum ss_source source, size_t rows, struct ss_table **t)
{
    char root[512];

    strcpy(root, scratch_path("."));
    root[strlen(root) - 2] = '\0';
    *t = calloc(1, sizeof(**t));
    scratch_hush();
    return ss_known_set_read(ss_known_set(source), (const char *const[]){"/nowhere", root}, 2, rows, *t);
}

START_TEST(a_known_set_that_is_absent_says_where_to_get_it)
{
    struct ss_table *t = NULL;

    ck_assert_int_eq(known(SS_SOURCE_MNIST, 0, &t), SS_ERR_FILE);
    ss_table_free(t);
    static const char *const mnist[] = {"/nowhere, /tmp/", "https://", "9912422 bytes", "SLICESCORE_DATA",
                                        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"};
    for (size_t i = 0; i < SS_COUNT(mnist); i++)
        ck_assert_msg(strstr(scratch_said(), mnist[i]), "no %s in %s", mnist[i], scratch_said());
    ck_assert_int_eq(known(SS_SOURCE_FASHION_MNIST, 0, &t), SS_ERR_FILE);
    ss_table_free(t);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "package dataset-fashion-mnist"));
    ck_assert_ptr_nonnull(
        strstr(scratch_said(), "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7"));
    ck_assert_ptr_null(ss_known_set(SS_SOURCE_RINGS));
}
END_TEST

START_TEST(a_file_that_only_has_the_name_of_a_known_set_is_refused)
{
    struct ss_table *t = NULL;
    struct ss_text b;

    idx(&b, 8, 3, (const uint32_t[]){10, 28, 28});
    scratch_file("train-images-idx3-ubyte", b.data, b.length);
    ss_text_release(&b);
    ck_assert_int_eq(known(SS_SOURCE_MNIST, 0, &t), SS_ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "60000 of 28 x 28"));
    ss_table_free(t);
    const size_t size = 16 + 60000 * 784;
    unsigned char *const blank = calloc(size, 1);
    memcpy(blank, "\0\0\10\3\0\0\xea\x60\0\0\0\x1c\0\0\0\x1c", 16);
    scratch_file("train-images-idx3-ubyte", blank, size);
    free(blank);
    ck_assert_int_eq(known(SS_SOURCE_MNIST, 0, &t), SS_ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "CRC-32 of its pixels"));
    ss_table_free(t);
}
END_TEST

START_TEST(known_sets_that_are_here_are_read)
{
    static const enum ss_source sources[] = {SS_SOURCE_MNIST, SS_SOURCE_FASHION_MNIST};

    for (size_t i = 0; i < 2; i++) {
        struct ss_table *t = NULL;
        double row[784], sum = 0;
        scratch_hush();
        const enum ss_status st =
            ss_table_read(&(struct ss_data_options){.source = sources[i], .rows = 500}, &t);
        if (st == SS_ERR_FILE) {
            printf("skipped: data set %s is not on this machine\n", ss_known_set(sources[i])->name);
            continue;
        }
        ck_assert_msg(st == SS_OK, "%s", scratch_said());
        ck_assert(t->rows == 500 && t->columns == 784 && t->height == 28 && t->width == 28);
        ss_table_row(t, 0, row);
        for (size_t k = 0; k < 784; k++)
            sum += row[k];
        ck_assert_double_eq(sum, i ? 76247 : 27525); /* of the first image, found by another program */
        ss_table_free(t);
    }
}
END_TEST

START_TEST(one_set_is_not_taken_for_another)
{
    struct ss_table *t = NULL;
    const char *const fashion = "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz";

    if (!ss_path_exists(fashion)) {
        printf("skipped: Debian's dataset-fashion-mnist is not installed\n");
        return;
    }
    ck_assert_int_eq(symlink(fashion, scratch_path("train-images-idx3-ubyte.gz")), 0);
    ck_assert_int_eq(known(SS_SOURCE_MNIST, 0, &t), SS_ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "holds the images of fashion_mnist, not of mnist"));
    ss_table_free(t);
    ck_assert_int_eq(known(SS_SOURCE_FASHION_MNIST, 7, &t), SS_OK);
    ck_assert_uint_eq(t->rows, 7);
    ss_table_free(t);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("idx");
    TCase *const c = tcase_create("idx");
    SRunner *const r = srunner_create(s);

    tcase_add_checked_fixture(c, scratch_set_up, scratch_tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, idx_is_read_plain_and_from_gzip_whatever_its_name);
    tcase_add_test(c, idx_of_any_other_length_is_refused);
    tcase_add_test(c, gzip_cut_off_changed_or_followed_by_more_is_refused);
    tcase_add_test(c, hostile_idx_headers_are_refused_before_they_are_believed);
    tcase_add_test(c, a_gzip_bomb_is_expanded_no_further_than_it_declares);
    tcase_add_test(c, idx_with_any_bytes_changed_is_read_or_refused);
    tcase_add_test(c, a_known_set_that_is_absent_says_where_to_get_it);
    tcase_add_test(c, a_file_that_only_has_the_name_of_a_known_set_is_refused);
    tcase_add_test(c, known_sets_that_are_here_are_read);
    tcase_add_test(c, one_set_is_not_taken_for_another);
    suite_add_tcase(s, c);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
