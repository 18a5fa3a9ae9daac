#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "data/table.h"
#include "tests/support/scratch.h"
#include "tests/support/tables.h"

/* An NPY prefix with this header: padded as NumPy does, or as it stands. */
static void npy_begin(struct ss_text *b, int version, const char *header, bool padded)
{
    const size_t prefix = version == 1 ? 10 : 12, n = strlen(header);
    const size_t length = padded ? (prefix + n + 1 + 63) / 64 * 64 - prefix : n;
    const unsigned char start[12] = {0x93,
                                     'N',
                                     'U',
                                     'M',
                                     'P',
                                     'Y',
                                     (unsigned char)version,
                                     0,
                                     (unsigned char)(length & 255),
                                     (unsigned char)(length >> 8)};

    ss_text_init(b);
    ss_text_add_bytes(b, start, prefix);
    ss_text_add(b, header);
    if (padded)
        ss_text_addf(b, "%*s\n", (int)(length - n - 1), "");
}

static const struct type {
    const char *name;
    enum ss_number_type type;
    size_t size;
} types[] = {{"u1", SS_NUMBER_U1, 1},
             {"i4", SS_NUMBER_I4, 4},
             {"i8", SS_NUMBER_I8, 8},
             {"f4", SS_NUMBER_F4, 4},
             {"f8", SS_NUMBER_F8, 8}};

/* One number of a type, byte order as asked for. */
static void add_number(struct ss_text *b, const struct type *type, double x, bool big)
{
    unsigned char bytes[8], turned[8];
    const uint8_t u1 = (uint8_t)x;
    const int32_t i4 = (int32_t)x;
    const int64_t i8 = (int64_t)x;
    const float f4 = (float)x;
    const void *const from[] = {&u1, &i4, &i8, &f4, &x};
    const uint16_t probe = 1;
    const bool host_is_big = *(const unsigned char *)&probe == 0;

    memcpy(bytes, from[type->type], type->size);
    for (size_t i = 0; i < type->size; i++)
        turned[i] = bytes[big == host_is_big ? i : type->size - 1 - i];
    ss_text_add_bytes(b, turned, type->size);
}

/* What stands at row r, column c of every matrix here; a whole number from 0 to 255, so that all types have
 * it. */
static double cell(size_t r, size_t c)
{
    return (double)((r * 31 + c * 7 + 3) % 251);
}

START_TEST(every_type_order_and_version_gives_the_same_numbers)
{
    enum { ROWS = 67, COLUMNS = 5 }; /* one past a block of the transposition, and some */
    double row[COLUMNS];
    char header[128];
    struct ss_text b;

    for (size_t i = 0; i < SS_COUNT(types) * 12; i++) {
        const struct type *const type = &types[i / 12];
        const bool big = i & 1, fortran = i & 2;
        const int version = 1 + (int)(i % 12 / 4);
        snprintf(header, sizeof(header), "{'descr': '%c%s', 'fortran_order': %s, 'shape': (%d, %d), }",
                 type->size == 1 ? '|'
                 : big           ? '>'
                                 : '<',
                 type->name, fortran ? "True" : "False", ROWS, COLUMNS);
        npy_begin(&b, version, header, true);
        for (size_t k = 0; k < ROWS * COLUMNS; k++)
            add_number(&b, type, fortran ? cell(k % ROWS, k / ROWS) : cell(k / COLUMNS, k % COLUMNS), big);
        struct ss_table *const t = table_must_read("m.npy", &b);
        ck_assert_uint_eq(t->rows, ROWS);
        ck_assert_uint_eq(t->columns, COLUMNS);
        ck_assert_int_eq(t->type, type->type);
        ck_assert_uint_eq(t->height, 0);
        for (size_t r = 0; r < ROWS; r++) {
            ss_table_row(t, r, row);
            for (size_t c = 0; c < COLUMNS; c++)
                ck_assert_msg(row[c] == cell(r, c), "%s: [%zu, %zu] = %g", header, r, c, row[c]);
        }
        if (!fortran && (!big || type->size == 1))
            ck_assert_msg(t->map, "%s: copied, not mapped", header);
        ss_table_free(t);
        ss_text_release(&b);
    }
}
END_TEST

START_TEST(extreme_integers_come_out_signed_and_whole)
{
    static const int64_t want[] = {INT64_MIN, -1, (INT64_C(1) << 53) - 1};
    struct ss_text b;
    double x;

    npy_begin(&b, 1, "{'descr': '<i8', 'fortran_order': False, 'shape': (3,)}", true);
    for (size_t i = 0; i < 3; i++)
        for (int shift = 0; shift < 64; shift += 8)
            ss_text_add_bytes(&b, &(const char){(char)((uint64_t)want[i] >> shift)}, 1);
    struct ss_table *const t = table_must_read("i8.npy", &b);
    ck_assert_uint_eq(t->columns, 1);
    for (size_t i = 0; i < 3; i++) {
        ss_table_row(t, i, &x);
        ck_assert_double_eq(x, (double)want[i]);
    }
    ss_table_free(t);
    ss_text_release(&b);
}
END_TEST

START_TEST(more_dimensions_are_flattened_and_images_known)
{
    static const struct {
        const char *descr, *shape;
        size_t rows, columns, height, width;
    } cases[] = {
        {"|u1", "(24,)", 24, 1, 0, 0},        {"|u1", "(2, 12)", 2, 12, 0, 0},
        {"|u1", "(2, 3, 4)", 2, 12, 3, 4},    {"|u1", "(2, 3, 4, 1)", 2, 12, 3, 4},
        {"|u1", "(2, 1, 3, 4)", 2, 12, 3, 4}, {"|u1", "(2, 3, 2, 2)", 2, 12, 0, 0},
        {"|u1", "(1, 24, 1)", 1, 24, 0, 0},   {"<f4", "(2, 3, 1)", 2, 3, 0, 0},
        {"<f4", "(1, 2, 3)", 1, 6, 0, 0},     {"|u1", "( 2L ,3L, 4L,)", 2, 12, 3, 4},
        {"<u1", "(2,3,4)", 2, 12, 3, 4},      {"=f4", "(6,)", 6, 1, 0, 0},
    };
    static const unsigned char zeros[24] = {0};
    struct ss_text b, header;

    for (size_t i = 0; i < SS_COUNT(cases); i++) {
        ss_text_init(&header);
        ss_text_addf(&header, "{\"shape\":%s,\"fortran_order\" : False,'descr':'%s'}", cases[i].shape,
                     cases[i].descr);
        npy_begin(&b, 1, header.data, true);
        ss_text_add_bytes(&b, zeros, 24);
        struct ss_table *const t = table_must_read("n.npy", &b);
        ck_assert_uint_eq(t->rows, cases[i].rows);
        ck_assert_uint_eq(t->columns, cases[i].columns);
        ck_assert_msg(t->height == cases[i].height && t->width == cases[i].width, "%s: %zu x %zu",
                      cases[i].shape, t->height, t->width);
        ss_table_free(t);
        ss_text_release(&b);
        ss_text_release(&header);
    }
}
END_TEST

START_TEST(three_dimensions_in_fortran_order_are_put_in_order)
{
    enum { A = 3, B = 4, C = 5 };
    struct ss_text b;
    struct ss_table *t = NULL;
    size_t shape[3];
    double row[C];

    npy_begin(&b, 1, "{'descr': '>f8', 'fortran_order': True, 'shape': (3, 4, 5)}", true);
    for (size_t c = 0; c < C; c++)
        for (size_t m = 0; m < B; m++)
            for (size_t a = 0; a < A; a++)
                add_number(&b, &types[4], cell(a * B + m, c), true);
    ck_assert_int_eq(ss_table_read_array(scratch_file("v.npy", b.data, b.length), &t, shape), SS_OK);
    ck_assert(shape[0] == A && shape[1] == B && shape[2] == C);
    ck_assert(t->rows == A * B && t->columns == C && t->height == 0);
    for (size_t r = 0; r < t->rows; r++) {
        ss_table_row(t, r, row);
        for (size_t c = 0; c < C; c++)
            ck_assert_double_eq(row[c], cell(r, c));
    }
    ss_table_free(t);
    ss_text_release(&b);
}
END_TEST

START_TEST(numbers_off_their_alignment_are_copied)
{
    struct ss_text b;
    double x;

    npy_begin(&b, 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}   \n", false);
    ck_assert_uint_ne(b.length % 8, 0);
    add_number(&b, &types[4], 1.5, false);
    add_number(&b, &types[4], -2.5, false);
    struct ss_table *const t = table_must_read("odd.npy", &b);
    ck_assert_uint_eq((uintptr_t)t->values % 8, 0);
    ss_table_row(t, 1, &x);
    ck_assert_double_eq(x, -2.5);
    ss_table_free(t);
    ss_text_release(&b);
}
END_TEST

static struct ss_text sound_npy(void)
{
    struct ss_text b;

    npy_begin(&b, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), }", true);
    for (size_t k = 0; k < 12; k++)
        add_number(&b, &types[3], cell(k / 3, k % 3), false);
    return b;
}

START_TEST(npy_of_any_other_length_is_refused)
{
    struct ss_text b = sound_npy();

    for (size_t n = 1; n < b.length; n++)
        table_refused("cut.npy", b.data, n, "cut.npy: ");
    ss_text_add(&b, "x");
    table_refused("long.npy", b.data, b.length, "1 bytes more than its header declares");
    ss_text_release(&b);
}
END_TEST

START_TEST(hostile_npy_headers_are_refused_before_they_are_believed)
{
    static const struct {
        const char *header, *word;
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000, 4000000000, 4000000000)}",
         "more numbers"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2305843009213693952,)}",
         "declares 2305843009213693952"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2305843009213693953,)}", "cut off"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 1)}", "cut off"},
        {"{'descr': '<f8', 'fortran_order': True, 'shape': (1000000000000, 1)}", "cut off"},
        {"{'descr': '>f8', 'fortran_order': False, 'shape': (1000000000000, 1)}", "cut off"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 1)}",
         "larger than any file"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 3)}", "whole number"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1.0, 3)}", "commas"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3)}", "no numbers"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 0)}", "no numbers"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000, 4000000000, 4000000000, 0)}",
         "no numbers"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': ()}", "single number"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3)}", "no tuple"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': [3, 4]}", "no tuple"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3 4)}", "commas"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (,)}", "whole number"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,,4)}", "whole number"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,", "whole number"},
        {"{'descr': '<f4', 'fortran_order': maybe, 'shape': (3,)}", "neither True nor False"},
        {"{'descr': '<f4', 'fortran_order': False}", "wants descr"},
        {"{}", "wants descr"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", "twice"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'more': 1}", "other than"},
        {"{'descr': '<f4' 'fortran_order': False, 'shape': (3,)}", "commas"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,)} x", "line end"},
        {"{'descr: 1", "key and a colon"},
        {"{'descr'", "key and a colon"},
        {"{'descr': '", "no string"},
        {"{'descr': None, 'fortran_order': False, 'shape': (3,)}", "no string"},
        {"[]", "no dictionary"},
        {"", "no dictionary"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (3,)}", "type '<c8'"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (3,)}", "type '|O'"},
        {"{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}", "astype('f4')"},
        {"{'descr': '|f4', 'fortran_order': False, 'shape': (3,)}", "type '|f4'"},
        {"{'descr': '<u1x', 'fortran_order': False, 'shape': (3,)}", "type '<u1x'"},
        {"{'descr': '', 'fortran_order': False, 'shape': (3,)}", "type ''"},
        {"{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (3,)}", "plain array"},
    };
    struct ss_text b;

    for (size_t i = 0; i < SS_COUNT(cases); i++) {
        npy_begin(&b, 1 + (int)(i % 3), cases[i].header, true);
        table_refused("h.npy", b.data, b.length, cases[i].word);
        ss_text_release(&b);
    }
    npy_begin(&b, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", false); /* no line end */
    ss_text_add(&b, "1234");
    table_refused("h.npy", b.data, b.length, "line end");
    ss_text_release(&b);
    npy_begin(&b, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (", false);
    for (int i = 0; i < 65; i++)
        ss_text_add(&b, "1,");
    ss_text_add(&b, ")}\n");
    b.data[8] = (char)(b.length - 10);
    table_refused("h.npy", b.data, b.length, "64 dimensions");
    ss_text_release(&b);
}
END_TEST

START_TEST(npy_files_of_a_few_bytes_make_nothing_of_their_claims)
{
    /* 12 bytes that claim a header of 4 GiB, and 77 bytes that claim petabytes of numbers. */
    static const char twelve[] = "\x93NUMPY\2\0\xff\xff\xff\xff", version[] = "\x93NUMPY\4\0\1\0{";
    struct ss_text b;

    table_refused("a.npy", twelve, 12, "4294967295 bytes: at most 65536");
    table_refused("a.npy", "\x93NUMPY\1\0\xff\xff", 10, "ends within its header");
    table_refused("a.npy", version, sizeof(version) - 1, "version 4.0");
    table_refused("a.npy", "\x93NUMPY\1\3\1\0{", 11, "version 1.3");
    table_refused("a.npy", "not at all", 10, "does not begin");
    npy_begin(&b, 1, "{'descr':'<f8','fortran_order':False,'shape':(999999999999999,)}\n", false);
    while (b.length < 77)
        ss_text_add(&b, "x");
    table_refused("a.npy", b.data, b.length, "declares 999999999999999 numbers");
    ss_text_release(&b);
}
END_TEST

START_TEST(a_file_larger_than_memory_is_mapped_and_read_where_asked)
{
    const uint64_t rows = UINT64_C(1) << 26, columns = 1 << 10; /* 64 GiB */
    char path[512], header[128];
    struct ss_table *t = NULL;
    struct ss_text b;

    snprintf(header, sizeof(header), "{'descr': '|u1', 'fortran_order': False, 'shape': (%llu, %llu), }",
             (unsigned long long)rows, (unsigned long long)columns);
    npy_begin(&b, 1, header, true);
    strcpy(path, scratch_file("sparse.npy", b.data, b.length));
    const off_t size = (off_t)(b.length + rows * columns);
    ss_text_release(&b);
    const int fd = open(path, O_RDWR);
    if (ftruncate(fd, size) != 0 || pwrite(fd, "\x2a", 1, size - 1) != 1) {
        printf("skipped: no sparse file of 64 GiB can be made in /tmp\n");
        close(fd);
        return;
    }
    close(fd);
    ck_assert_msg(ss_table_read(&(struct ss_data_options){.file = path}, &t) == SS_OK, "%s", scratch_said());
    ck_assert(t->map && !t->heap);
    ck_assert_uint_eq(t->rows, rows);
    double *const row = calloc(columns, sizeof(double));
    ss_table_row(t, rows - 1, row);
    ck_assert_double_eq(row[columns - 1], 42);
    ck_assert_double_eq(row[columns - 2], 0);
    free(row);
    ss_table_free(t);
}
END_TEST

START_TEST(an_array_that_must_be_copied_and_cannot_is_a_memory_error)
{
#if defined(__SANITIZE_ADDRESS__)
    printf("skipped: the address sanitizer needs all addresses\n");
#else
    const off_t numbers = (off_t)1 << 33;
    struct rlimit old, limit;
    struct ss_table *t = NULL;
    struct ss_text b;
    char path[512];

    npy_begin(&b, 1, "{'descr': '|u1', 'fortran_order': True, 'shape': (4294967296, 2)}", true);
    strcpy(path, scratch_file("sparse.npy", b.data, b.length));
    const off_t size = (off_t)b.length + numbers;
    ss_text_release(&b);
    if (truncate(path, size) != 0) {
        printf("skipped: no sparse file of 8 GiB can be made in /tmp\n");
        return;
    }
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &old), 0);
    limit = old;
    limit.rlim_cur = (rlim_t)numbers / 2 * 3; /* the file can be mapped, but not copied */
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    const enum ss_status st = ss_table_read(&(struct ss_data_options){.file = path}, &t);
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &old), 0);
    ck_assert_msg(st == SS_ERR_MEMORY, "status %d: %s", (int)st, scratch_said());
    ck_assert_ptr_null(t);
#endif
}
END_TEST

START_TEST(missing_and_infinite_numbers_in_arrays_follow_the_policy)
{
    struct ss_table *t = NULL;
    struct ss_text b;
    char *last[] = {(char[]){"1"}};
    double row[2];

    for (size_t big = 0; big < 2; big++) {
        npy_begin(&b, 1,
                  big ? "{'descr': '>f8', 'fortran_order': False, 'shape': (4, 2)}"
                      : "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2)}",
                  true);
        static const double x[] = {1, 2, NAN, 3, 4, 5, 6, NAN};
        for (size_t i = 0; i < 8; i++)
            add_number(&b, &types[3 + big], x[i], big);
        table_refused("m.npy", b.data, b.length, "2 missing cells in 2 of 4 rows: [1, 0], [3, 1]:");
        ck_assert_int_eq(table_read_named("m.npy", b.data, b.length,
                                          (struct ss_data_options){.missing = SS_MISSING_DROP}, &t),
                         SS_OK);
        ck_assert_uint_eq(t->rows, 2);
        ss_table_row(t, 1, row);
        ck_assert(row[0] == 4 && row[1] == 5);
        ss_table_free(t);
        ck_assert_int_eq(table_read_named("m.npy", b.data, b.length,
                                          (struct ss_data_options){.missing = SS_MISSING_MEAN}, &t),
                         SS_OK);
        ss_table_row(t, 3, row);
        ck_assert(row[0] == 6 && isnan(row[1]));
        ss_table_free(t);
        ck_assert_int_eq(table_read_named("m.npy", b.data, b.length, (struct ss_data_options){.rows = 1}, &t),
                         SS_OK);
        ck_assert_uint_eq(t->rows, 1);
        ss_table_free(t);
        const struct ss_data_options second = {.keep = {last, 1}, .missing = SS_MISSING_DROP};
        ck_assert_int_eq(table_read_named("m.npy", b.data, b.length, second, &t), SS_OK);
        ck_assert_uint_eq(t->rows, 3);
        ss_table_free(t);
        ss_text_release(&b);
    }
    npy_begin(&b, 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2, 2)}", true);
    for (size_t i = 0; i < 4; i++)
        add_number(&b, &types[4], i == 2 ? -INFINITY : i == 1 ? NAN : 1, false);
    table_refused("i.npy", b.data, b.length, "i.npy: [0, 1, 0] is infinite");
    ss_text_release(&b);
}
END_TEST

START_TEST(arrays_without_options_are_numbers_alone)
{
    struct ss_table *t = NULL;
    struct ss_text b;
    size_t shape[3];

    ck_assert_int_eq(ss_table_read_array(scratch_text("x.csv", "a,b\n1,2\n3,4\n5,6\n"), &t, shape), SS_OK);
    ck_assert(shape[0] == 1 && shape[1] == 3 && shape[2] == 2);
    ss_table_free(t);
    t = NULL;
    ck_assert_int_eq(ss_table_read_array(scratch_text("x.csv", "1,a\n2,b\n"), &t, shape), SS_ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "column 1 holds text"));
    ck_assert_int_eq(ss_table_read_array(scratch_text("x.csv", "1,2\n2,\n"), &t, shape), SS_ERR_CORRUPT);
    npy_begin(&b, 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 1, 2)}", true);
    ss_text_add(&b, "1234");
    ck_assert_int_eq(ss_table_read_array(scratch_file("x.npy", b.data, b.length), &t, shape), SS_ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "4 dimensions"));
    ss_text_release(&b);
    npy_begin(&b, 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (4,)}", true);
    ss_text_add(&b, "1234");
    ck_assert_int_eq(ss_table_read_array(scratch_file("x.npy", b.data, b.length), &t, shape), SS_OK);
    ck_assert(shape[0] == 1 && shape[1] == 4 && shape[2] == 1);
    ss_table_free(t);
    ss_text_release(&b);
    t = NULL;
    ck_assert_int_eq(ss_table_read_array(scratch_path("none.npy"), &t, shape), SS_ERR_FILE);
    ck_assert_ptr_null(t);
}
END_TEST

START_TEST(floats_survive_being_written_as_npy)
{
    enum { ROWS = 50, COLUMNS = 3 };
    float x[ROWS * COLUMNS];
    uint64_t state = 9;
    struct ss_table *t = NULL;
    char path[512], *data = NULL;
    size_t shape[3], size;

    for (size_t i = 0; i < SS_COUNT(x); i++)
        x[i] = (float)((double)scratch_random(&state) / 1e17 - 50);
    strcpy(path, scratch_path("w.npy"));
    ck_assert_int_eq(ss_table_write(path, x, ROWS, COLUMNS, NULL), SS_OK);
    ck_assert_int_eq(ss_table_read_array(path, &t, shape), SS_OK);
    ck_assert(t->type == SS_NUMBER_F4 && t->rows == ROWS && t->columns == COLUMNS && t->map);
    ck_assert_mem_eq(t->values, x, sizeof(x));
    ss_table_free(t);
    /* As NumPy writes it: numbers begin at a multiple of 64, the header ends in a line end. */
    ck_assert_int_eq(ss_file_read(path, 1 << 20, &data, &size), SS_OK);
    ck_assert_uint_eq(size, 128 + sizeof(x));
    ck_assert_mem_eq(data, "\x93NUMPY\1\0\x76\0{'descr': '<f4', 'fortran_order': False, 'shape': (50, 3), }",
                     68);
    ck_assert_int_eq(data[127], '\n');
    free(data);
}
END_TEST

START_TEST(npy_with_any_bytes_changed_is_read_or_refused)
{
    struct ss_text b = sound_npy();

    table_shake("shaken.npy", &b, 6000, 1);
    ss_text_release(&b);
    npy_begin(&b, 2, "{'descr': '>f8', 'fortran_order': True, 'shape': (2, 3, 2), }", true);
    for (size_t k = 0; k < 12; k++)
        add_number(&b, &types[4], (double)k, true);
    table_shake("shaken.npy", &b, 6000, 2);
    ss_text_release(&b);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("npy");
    TCase *const c = tcase_create("npy");
    SRunner *const r = srunner_create(s);

    tcase_add_checked_fixture(c, scratch_set_up, scratch_tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, every_type_order_and_version_gives_the_same_numbers);
    tcase_add_test(c, extreme_integers_come_out_signed_and_whole);
    tcase_add_test(c, more_dimensions_are_flattened_and_images_known);
    tcase_add_test(c, three_dimensions_in_fortran_order_are_put_in_order);
    tcase_add_test(c, numbers_off_their_alignment_are_copied);
    tcase_add_test(c, npy_of_any_other_length_is_refused);
    tcase_add_test(c, hostile_npy_headers_are_refused_before_they_are_believed);
    tcase_add_test(c, npy_files_of_a_few_bytes_make_nothing_of_their_claims);
    tcase_add_test(c, a_file_larger_than_memory_is_mapped_and_read_where_asked);
    tcase_add_test(c, an_array_that_must_be_copied_and_cannot_is_a_memory_error);
    tcase_add_test(c, missing_and_infinite_numbers_in_arrays_follow_the_policy);
    tcase_add_test(c, arrays_without_options_are_numbers_alone);
    tcase_add_test(c, floats_survive_being_written_as_npy);
    tcase_add_test(c, npy_with_any_bytes_changed_is_read_or_refused);
    suite_add_tcase(s, c);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
