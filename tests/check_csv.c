/* Numbers of CSV files to the last bit, files of any bytes, and what is written. */
#include <check.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "data/table.h"
#include "tests/support/scratch.h"
#include "tests/support/tables.h"

static double at(const struct ss_table *t, size_t row, size_t column)
{
    return ((const double *)t->values)[row * t->columns + column];
}

static struct ss_table *must_read(const char *text)
{
    struct ss_text bytes;

    ss_text_init(&bytes);
    ss_text_add(&bytes, text);
    struct ss_table *const t = table_must_read("a.csv", &bytes);
    ss_text_release(&bytes);
    return t;
}

/* Any double, in any of the ways programs write it, is the double that strtod reads: the quick way is exact.
 */
START_TEST(numbers_are_read_to_the_last_bit)
{
    static const char *const formats[] = {"%.17g", "%.9g", "%.3f", "%g", "%.15e", "%.6E", "%.0f", "%+.1f"};
    struct ss_text text;
    uint64_t state = 1;
    char cell[512];
    enum { N = 4000 };

    ss_text_init(&text);
    double *const want = calloc(N, sizeof(double));
    for (int i = 0; i < N; i++) {
        const uint64_t bits = scratch_random(&state);
        double x;
        memcpy(&x, &bits, sizeof(x));
        if (!isfinite(x) || i % 2 == 0)
            x = ((double)(int64_t)bits) / (double)(UINT64_C(1) << (bits >> 58));
        snprintf(cell, sizeof(cell), formats[i % (int)SS_COUNT(formats)], x);
        want[i] = strtod(cell, NULL);
        ss_text_addf(&text, "%s%c", cell, i % 4 == 3 ? '\n' : ',');
    }
    struct ss_table *const t = table_must_read("a.csv", &text);
    ck_assert_uint_eq(t->rows * t->columns, N);
    for (size_t i = 0; i < N; i++)
        ck_assert_msg(memcmp((const double *)t->values + i, want + i, sizeof(double)) == 0,
                      "%.17g, not %.17g", ((const double *)t->values)[i], want[i]);
    ss_table_free(t);
    ss_text_release(&text);
    free(want);
}
END_TEST

START_TEST(hard_numbers_are_read_as_strtod_reads_them)
{
    static const char *const hard[] = {"9007199254740993",
                                       "9007199254740992",
                                       "18446744073709551615",
                                       "18446744073709551616",
                                       "1e22",
                                       "1e23",
                                       "1e-22",
                                       "1e-23",
                                       "0.1",
                                       "123456789012345678901234567890",
                                       "0.000000000000000000000000000000123",
                                       "-0",
                                       "0e9999999999",
                                       "4.9406564584124654e-324",
                                       "2.4703282292062327e-324",
                                       "1.7976931348623157e308",
                                       "1e-400",
                                       "00000000000000000000012",
                                       "8.5e0000000000000000001",
                                       "0.30000000000000004",
                                       "1.00000000000000011102230246251565404236316680908203125"};
    char text[256], zeros[900];

    for (size_t i = 0; i < SS_COUNT(hard); i++) {
        snprintf(text, sizeof(text), "1,%s\n", hard[i]);
        struct ss_table *const t = must_read(text);
        const double want = strtod(hard[i], NULL), found = at(t, 0, 1);
        ck_assert_msg(memcmp(&want, &found, sizeof(want)) == 0, "%s: %.17g", hard[i], found);
        ss_table_free(t);
    }
    memset(zeros, '0', sizeof(zeros));
    memcpy(zeros, "1\n0.", 4);
    strcpy(zeros + sizeof(zeros) - 6, "1e890");
    struct ss_table *const t = must_read(zeros);
    ck_assert_double_eq(at(t, 1, 0), strtod(zeros + 2, NULL));
    ss_table_free(t);
}
END_TEST

START_TEST(a_locale_with_decimal_commas_changes_nothing)
{
    static const char *const locales[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8",
                                          "fr_FR.utf8",  "de_DE",      "fr_FR"};
    const float x = 0.5f;
    size_t i = 0;

    while (i < SS_COUNT(locales) && !setlocale(LC_NUMERIC, locales[i]))
        i++;
    if (i == SS_COUNT(locales)) {
        printf("skipped: no locale with decimal commas is installed\n");
        return;
    }
    struct ss_table *const t = must_read("1.2345678901234567890,2\n");
    ck_assert_double_eq(at(t, 0, 0), 1.2345678901234567890);
    ss_table_free(t);
    char *data = NULL;
    size_t size;
    ck_assert_int_eq(ss_table_write(scratch_path("w.csv"), &x, 1, 1, NULL), SS_OK);
    ck_assert_int_eq(ss_file_read(scratch_path("w.csv"), 100, &data, &size), SS_OK);
    ck_assert_str_eq(data, "x0\n0.5\n");
    free(data);
    setlocale(LC_NUMERIC, "C");
}
END_TEST

/* Whatever the bytes, a table or a reason; the sanitizers watch what is touched. */
static void survives(const char *name, const void *bytes, size_t n)
{
    struct ss_table *t = NULL;
    char path[512];

    strcpy(path, scratch_file(name, bytes, n));
    scratch_hush();
    const enum ss_status st = ss_table_read(&(struct ss_data_options){.file = path}, &t);
    if (st == SS_OK) {
        double *const row = calloc(t->columns, sizeof(double));
        ck_assert(t->rows > 0 && t->columns > 0);
        for (size_t i = 0; i < t->rows; i++)
            ss_table_row(t, i, row);
        free(row);
        ss_table_free(t);
    } else {
        ck_assert_int_eq(st, SS_ERR_CORRUPT);
        ck_assert(*scratch_said());
    }
}

static const char lively[] =
    "\xef\xbb\xbf\"a,\"\"x\"\"\", b ;\"c\nd\",e\r\n1,-2.5e-3,\"7\",x\r\n\r\n3,NA,\"8\",\"y\"\"\"\n4,?,9,\n";

START_TEST(csv_cut_off_at_any_byte_is_read_or_refused)
{
    for (size_t n = 0; n < sizeof(lively); n++)
        survives("cut.csv", lively, n);
}
END_TEST

START_TEST(csv_with_any_bytes_changed_is_read_or_refused)
{
    static const char spice[] = ",;\t \"\n\r\0001-.eE?\xef\xff#N";
    uint64_t state = 7;

    for (int round = 0; round < 6000; round++) {
        char bytes[2 * sizeof(lively)];
        size_t n = sizeof(lively) - 1;
        memcpy(bytes, lively, n);
        for (uint64_t k = scratch_random(&state) % 6 + 1; k > 0; k--) {
            const uint64_t r = scratch_random(&state);
            const size_t at_byte = (size_t)(r >> 32) % n, end = n - at_byte;
            switch (r % 4) {
            case 0:
                bytes[at_byte] = (char)(r >> 8);
                break;
            case 1:
                bytes[at_byte] = spice[(r >> 8) % (sizeof(spice) - 1)];
                break;
            case 2: /* take one out */
                memmove(bytes + at_byte, bytes + at_byte + 1, end - 1);
                n--;
                break;
            default: /* put one in */
                memmove(bytes + at_byte + 1, bytes + at_byte, end);
                bytes[at_byte] = spice[(r >> 8) % (sizeof(spice) - 1)];
                n++;
            }
        }
        survives("changed.csv", bytes, n);
    }
}
END_TEST

START_TEST(absurd_csv_is_read_or_refused_in_time_and_memory_of_its_size)
{
    enum { N = 300000 };
    char *const bytes = malloc(N);
    static const char fillers[] = ",;\" \n1x-\t\r";

    for (size_t i = 0; i < sizeof(fillers) - 1; i++) {
        memset(bytes, fillers[i], N);
        survives("absurd.csv", bytes, N);
        bytes[N - 1] = '1';
        survives("absurd.csv", bytes, N);
    }
    for (size_t i = 0; i < N; i++)
        bytes[i] = i % 2 ? ',' : '1';
    survives("wide.csv", bytes, N - 1);
    for (size_t i = 0; i < N; i++)
        bytes[i] = i % 2 ? '\n' : '1';
    survives("tall.csv", bytes, N);
    free(bytes);
}
END_TEST

START_TEST(floats_survive_being_written_as_csv)
{
    enum { ROWS = 300, COLUMNS = 7 };
    static const char *const names[COLUMNS] = {"a", "b,c", "d \"e\"", "f\ng", " h ", "1", "\xc3\xa9"};
    float x[ROWS * COLUMNS];
    uint64_t state = 3;
    char path[512];
    struct ss_table *t = NULL;

    for (size_t i = 0; i < SS_COUNT(x); i++)
        do {
            const uint32_t bits = (uint32_t)scratch_random(&state);
            memcpy(&x[i], &bits, sizeof(bits));
        } while (!isfinite(x[i]));
    x[0] = FLT_MIN / 3, x[1] = FLT_MAX, x[2] = -0.0f;
    strcpy(path, scratch_path("w.csv"));
    ck_assert_int_eq(ss_table_write(path, x, ROWS, COLUMNS, names), SS_OK);
    ck_assert_int_eq(ss_table_read(&(struct ss_data_options){.file = path, .header = SS_HEADER_YES}, &t),
                     SS_OK);
    ck_assert_uint_eq(t->rows, ROWS);
    ck_assert_uint_eq(t->columns, COLUMNS);
    for (size_t i = 0; i < SS_COUNT(x); i++) {
        const float found = (float)((const double *)t->values)[i];
        ck_assert_msg(memcmp(&found, &x[i], sizeof(found)) == 0, "%.9g, not %.9g", (double)found,
                      (double)x[i]);
    }
    for (size_t j = 0; j < COLUMNS; j++)
        ck_assert_str_eq(t->names[j], names[j]);
    ss_table_free(t);
}
END_TEST

START_TEST(written_csv_has_plain_names_and_nan_without_sign)
{
    const float x[] = {1, -NAN, 2.5f, INFINITY};
    char *data = NULL;
    size_t size;

    ck_assert_int_eq(ss_table_write(scratch_path("W.CSV"), x, 2, 2, NULL), SS_OK);
    ck_assert_int_eq(ss_file_read(scratch_path("W.CSV"), 100, &data, &size), SS_OK);
    ck_assert_str_eq(data, "x0,x1\n1,nan\n2.5,inf\n");
    free(data);
}
END_TEST

START_TEST(writing_fails_with_a_reason_and_leaves_nothing)
{
    const float x = 1;

    ck_assert_int_eq(ss_table_write(scratch_path("x.txt"), &x, 1, 1, NULL), SS_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), ".npy or .csv"));
    ck_assert_int_eq(ss_table_write(scratch_path("absent/x.csv"), &x, 1, 1, NULL), SS_ERR_FILE);
    ck_assert_int_eq(ss_table_write(scratch_path("absent/x.npy"), &x, 1, 1, NULL), SS_ERR_FILE);
    ck_assert_int_eq(mkdir(scratch_path("taken.npy"), 0700), 0);
    ck_assert_int_eq(ss_table_write(scratch_path("taken.npy"), &x, 1, 1, NULL), SS_ERR_FILE);
    ck_assert_int_eq(ss_table_write(scratch_path("large.npy"), &x, SIZE_MAX / 2, 8, NULL), SS_ERR_MEMORY);
    ck_assert_uint_eq(scratch_count(), 1);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("csv");
    TCase *const c = tcase_create("csv");
    SRunner *const r = srunner_create(s);

    tcase_add_checked_fixture(c, scratch_set_up, scratch_tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, numbers_are_read_to_the_last_bit);
    tcase_add_test(c, hard_numbers_are_read_as_strtod_reads_them);
    tcase_add_test(c, a_locale_with_decimal_commas_changes_nothing);
    tcase_add_test(c, csv_cut_off_at_any_byte_is_read_or_refused);
    tcase_add_test(c, csv_with_any_bytes_changed_is_read_or_refused);
    tcase_add_test(c, absurd_csv_is_read_or_refused_in_time_and_memory_of_its_size);
    tcase_add_test(c, floats_survive_being_written_as_csv);
    tcase_add_test(c, written_csv_has_plain_names_and_nan_without_sign);
    tcase_add_test(c, writing_fails_with_a_reason_and_leaves_nothing);
    suite_add_tcase(s, c);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
