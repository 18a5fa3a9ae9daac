#include <check.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "data/csv_scan.h"
#include "data/table.h"
#include "tests/support/scratch.h"

static enum ss_status read_with(const char *text, struct ss_data_options options, struct ss_table **t)
{
    char path[512];

    strcpy(path, scratch_text("a.csv", text));
    options.file = path;
    scratch_hush();
    return ss_table_read(&options, t);
}

static struct ss_table *must_read(const char *text, struct ss_data_options options)
{
    struct ss_table *t = NULL;

    ck_assert_msg(read_with(text, options, &t) == SS_OK, "refused: %s: %s", text, scratch_said());
    ck_assert_int_eq(t->type, SS_NUMBER_F8);
    return t;
}

/* Refused as SS_ERR_CORRUPT, with all of these words in what was said. */
static void refused(const char *text, struct ss_data_options options, const char *const *words)
{
    struct ss_table *t = NULL;

    ck_assert_msg(read_with(text, options, &t) == SS_ERR_CORRUPT, "taken: %s", text);
    ck_assert_ptr_null(t);
    for (; *words; words++)
        ck_assert_msg(strstr(scratch_said(), *words), "no '%s' in: %s", *words, scratch_said());
}

#define REFUSED(text, options, ...) refused(text, options, (const char *const[]){__VA_ARGS__, NULL})
#define PLAIN ((struct ss_data_options){0})

static double at(const struct ss_table *t, size_t row, size_t column)
{
    return ((const double *)t->values)[row * t->columns + column];
}

START_TEST(separators_line_ends_headers_and_blank_lines_are_found)
{
    /* All of these are the rows 1 2.5 -3e2 and 4 5 6. */
    static const struct {
        const char *text;
        bool names;
    } cases[] = {
        {"1,2.5,-3e2\n4,5,6\n", false},
        {"1;2.5;-300\r\n4;5;6\r\n", false},
        {"1\t2.5\t-3E+2\r4\t5\t6\r", false},
        {"1 2.5  -300.000\n4  5 6", false},
        {"  1 2.5\t-300 \n\t4  5 6  \n", false},
        {" 1 , 2.5 ,\t-3e2 \n+4,5.,6", false},
        {"\xef\xbb\xbf"
         "a,b,c\n1,2.5,-3e2\n4,5,6\n\n  \n\n",
         true},
        {"\n\n \na;b;c\n\n1;2.5;-3e2\n4;5;6", true},
        {"\"a\",\"b\",\"c\"\n\"1\",\"2.5\",\"-300\"\n4,5,6\n", true},
        {"a b c\n1 2.5 -300\n4 5 6\n", true},
        {"# a b c\n1 2.5 -300\n4 5 6\n", true},
        {"#a,b,c\n1,2.5,-300\n4,5,6\n", true},
        {"a\tb\tc\r\n1\t2.5\t-300\r\n4\t5\t6\r\n\r\n", true},
    };

    for (size_t i = 0; i < SS_COUNT(cases); i++) {
        struct ss_table *const t = must_read(cases[i].text, PLAIN);
        static const double want[] = {1, 2.5, -300, 4, 5, 6};
        ck_assert_uint_eq(t->rows, 2);
        ck_assert_uint_eq(t->columns, 3);
        ck_assert_msg(memcmp(t->values, want, sizeof(want)) == 0, "case %zu", i);
        ck_assert_int_eq(t->names != NULL, cases[i].names);
        if (t->names) {
            ck_assert_str_eq(t->names[0], "a");
            ck_assert_str_eq(t->names[2], "c");
        }
        ck_assert_ptr_null(t->text);
        ss_table_free(t);
    }
}
END_TEST

START_TEST(a_separator_or_header_that_is_given_is_not_guessed)
{
    struct ss_table *t = must_read("1,2\n3,4\n", (struct ss_data_options){.header = SS_HEADER_YES});

    ck_assert_uint_eq(t->rows, 1);
    ck_assert_str_eq(t->names[1], "2");
    ss_table_free(t);
    t = must_read("1;2\n", (struct ss_data_options){.separator = SS_SEPARATOR_SEMICOLON});
    ck_assert_uint_eq(t->columns, 2);
    ss_table_free(t);
    t = must_read("1 2\n3\t\t4\n", (struct ss_data_options){.separator = SS_SEPARATOR_BLANKS});
    ck_assert_uint_eq(t->columns, 2);
    ck_assert_double_eq(at(t, 1, 1), 4);
    ss_table_free(t);
    t = must_read("1\t2\n\t4\n",
                  (struct ss_data_options){.separator = SS_SEPARATOR_TAB, .missing = SS_MISSING_MEAN});
    ck_assert_uint_eq(t->rows, 2);
    ck_assert(isnan(at(t, 1, 0)));
    ss_table_free(t);
    REFUSED("a,b\n1,2\n", (struct ss_data_options){.header = SS_HEADER_NO}, "line 1 (row 1)", "'a'",
            "data.header");
    REFUSED("1,2\n3,4\n", (struct ss_data_options){.separator = SS_SEPARATOR_TAB}, "separator: tab", "'3,4'");
}
END_TEST

START_TEST(quoted_cells_hold_separators_quotes_and_line_ends)
{
    struct ss_table *t = must_read("\"a,\"\"b\"\"\",\"c\nd\"\r\n1,2\r\n", PLAIN);

    ck_assert_uint_eq(t->columns, 2);
    ck_assert_str_eq(t->names[0], "a,\"b\"");
    ck_assert_str_eq(t->names[1], "c\nd");
    ck_assert_double_eq(at(t, 0, 1), 2);
    ss_table_free(t);
    t = must_read("x,label\n1,\"two\n\nlines, \"\"both\"\"\"\n2,\"\"\n", PLAIN);
    ck_assert_uint_eq(t->rows, 2);
    ck_assert(!t->text[0] && t->text[1]);
    ss_table_free(t);
    /* Lines are counted as an editor counts them. */
    REFUSED("x,y\n1,\"a\nb\r\nc\"\n2,d\nq,e\n", PLAIN, "line 6 (row 3)", "column 0 ('x')", "'q'");
    REFUSED("x,y\n1,\"2\n3,4\n", PLAIN, "line 2", "column 1 ('y')", "never closed");
    REFUSED("x,y\n1,\"2\"2\n", PLAIN, "line 2", "column 1 ('y')", "comma");
    REFUSED("\"", PLAIN, "line 1", "never closed");
}
END_TEST

START_TEST(names_come_out_in_utf_8_and_nameless_columns_by_number)
{
    struct ss_table *t = must_read("temp\xe9rature,,\xc3\xa9t\xc3\xa9,\xff\n1,2,3,4\n", PLAIN);

    ck_assert_str_eq(t->names[0], "temp\xc3\xa9rature");
    ck_assert_str_eq(t->names[1], "1");
    ck_assert_str_eq(t->names[2], "\xc3\xa9t\xc3\xa9");
    ck_assert_str_eq(t->names[3], "\xc3\xbf");
    ss_table_free(t);
    t = must_read("a,b,a\n1,2,3\n", PLAIN);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "column 2 ('a') has the name of column 0"));
    ss_table_free(t);
}
END_TEST

START_TEST(columns_are_found_by_name_then_by_number)
{
    struct ss_table *const t = must_read("a,2,b\n1,2,3\n", (struct ss_data_options){.header = SS_HEADER_YES});
    size_t j = 99;

    ck_assert(ss_table_column(t, "b", &j) && j == 2);
    ck_assert(ss_table_column(t, "2", &j) && j == 1); /* the name wins */
    ck_assert(ss_table_column(t, "0", &j) && j == 0);
    static const char *const absent[] = {"3", "c", "", "-1", "1x", "99999999999999999999999999", " 1"};
    for (size_t i = 0; i < SS_COUNT(absent); i++)
        ck_assert_msg(!ss_table_column(t, absent[i], &j), "%s found", absent[i]);
    ss_table_free(t);
}
END_TEST

START_TEST(every_spelling_of_a_missing_cell_is_one)
{
    static const char *const spellings[] = {"",  "NA",   "N/A",  "NaN", "nan",  "null", "NULL", "?",     "-",
                                            " ", "\"\"", "none", "na",  "-nan", "#N/A", ".nan", "\"NA\""};
    char text[64];

    for (size_t i = 0; i < SS_COUNT(spellings); i++) {
        snprintf(text, sizeof(text), "x,y\n1,2\n3,%s\n", spellings[i]);
        struct ss_table *t = must_read(text, (struct ss_data_options){.missing = SS_MISSING_MEAN});
        ck_assert_uint_eq(t->rows, 2);
        ck_assert_msg(isnan(at(t, 1, 1)), "%s", spellings[i]);
        ck_assert_ptr_null(t->text);
        ss_table_free(t);
        REFUSED(text, PLAIN, "1 missing cell in 1 of 2 rows", "line 3 (row 2) column 1 ('y')",
                "data.missing");
    }
}
END_TEST

START_TEST(missing_cells_are_named_five_at_most_and_counted)
{
    REFUSED(
        "1,,3\n,,4\n1,2,3\n?,?,?\n", PLAIN, "6 missing cells in 3 of 4 rows",
        "line 1 (row 1) column 1, line 2 (row 2) column 0, line 2 (row 2) column 1, line 4 (row 4) column 0, "
        "line 4 (row 4) column 1, ...:");
    ck_assert_ptr_null(strstr(scratch_said(), "column 2"));
}
END_TEST

START_TEST(rows_with_missing_cells_are_dropped_if_asked)
{
    const struct ss_data_options drop = {.missing = SS_MISSING_DROP};
    struct ss_table *t = must_read("x,y\n1,2\n3,\n5,6\n,\n7,8\n", drop);

    ck_assert_uint_eq(t->rows, 3);
    static const double want[] = {1, 2, 5, 6, 7, 8};
    ck_assert_mem_eq(t->values, want, sizeof(want));
    ck_assert_ptr_nonnull(strstr(scratch_said(), "2 of 5 rows dropped"));
    ss_table_free(t);
    REFUSED("x,y\n1,\n,2\n", drop, "each of the 2 rows", "line 2 (row 1) column 1 ('y')");
}
END_TEST

START_TEST(cells_of_columns_that_are_left_out_do_not_matter)
{
    static const char text[] = "id,x,y\nA1,1,2\n17,3,4\n,5,\n";
    char *id[] = {(char[]){"id"}}, *numbers[] = {(char[]){"1"}, (char[]){"x"}};
    struct ss_data_options options = {.drop = {id, 1}, .missing = SS_MISSING_DROP};
    struct ss_table *t = must_read(text, options);

    ck_assert_uint_eq(t->rows, 2); /* the last has no y */
    ck_assert_uint_eq(t->columns, 3);
    ck_assert(t->text[0] && !t->text[1] && !t->text[2]);
    ck_assert(isnan(at(t, 0, 0)));
    ss_table_free(t);
    options = (struct ss_data_options){.keep = {numbers, 2}};
    t = must_read(text, options);
    ck_assert_uint_eq(t->rows, 3);
    ck_assert_double_eq(at(t, 2, 1), 5);
    ss_table_free(t);
    REFUSED(text, PLAIN, "line 2 (row 1) column 0 ('id')", "'A1'");
}
END_TEST

START_TEST(a_column_of_text_alone_is_marked_and_no_error)
{
    struct ss_table *const t = must_read("5.1,3.5,Iris-setosa\n4.9,3.0,Iris setosa\n4.7,3.2,\n", PLAIN);

    ck_assert_uint_eq(t->rows, 3);
    ck_assert_uint_eq(t->columns, 3);
    ck_assert(!t->text[0] && !t->text[1] && t->text[2]);
    ck_assert(isnan(at(t, 0, 2)));
    ck_assert_ptr_nonnull(strstr(scratch_said(), "line 1 is taken for data"));
    ss_table_free(t);
    REFUSED("dear sir,\nI am\nnot a table\n", PLAIN, "a.csv: ");
    REFUSED("a,b\nc,d\ne,f\n", PLAIN, "no column holds numbers", "line 2", "'c'");
}
END_TEST

START_TEST(a_bad_cell_is_named_with_its_place_and_a_remedy)
{
    REFUSED("x;y\n1;2\n3;4,5\n", PLAIN, "a.csv", "line 3 (row 2) column 1 ('y')", "'4,5'", "with a point");
    REFUSED("x,y\n1,2\n3,inf\n", PLAIN, "line 3 (row 2) column 1", "'inf'", "infinite");
    REFUSED("x,y\n1,2\n3,1e999\n", PLAIN, "line 3 (row 2) column 1", "'1e999'", "infinite");
    REFUSED("x,y\n1,0x10\n3,4\n", PLAIN, "line 2 (row 1) column 1", "'0x10'", "data.columns");
    REFUSED("x,y\n1,1.5abc\n3,4\n", PLAIN, "'1.5abc'");
    REFUSED("x,y\n1,1_000\n3,4\n", PLAIN, "'1_000'");
    REFUSED("x,y\n1,1e\n3,4\n", PLAIN, "'1e'");
    REFUSED("x,y\n1,.\n3,4\n", PLAIN, "'.'");
    REFUSED("x,y\n1,1 2\n3,4\n", PLAIN, "'1 2'");
    REFUSED("#1,2\n3,4\n", PLAIN, "line 1 (row 1) column 0", "'#1'");
    REFUSED("id,2019,2020\n1,2,3\n4,5,6\n", PLAIN, "line 1 (row 1) column 0", "'id'", "data.header");
    /* No byte of a cell reaches a terminal as control, none makes a message long. */
    REFUSED("x\n1\n\x1b[31mred\x07\x7f this goes on and on and on and on and on\n", PLAIN,
            "'?[31mred?? this goes on and on and on an...'");
}
END_TEST

START_TEST(ragged_rows_are_named_with_both_counts)
{
    REFUSED("a,b,c\n1,2,3\n4,5\n", PLAIN, "line 3 has 2 cells", "line 1 has 3", "comma");
    REFUSED("\na,b,c\n1,2,3\n4,5,6,7,8\n", PLAIN, "line 4 has 5 cells", "line 2 has 3");
    REFUSED("a;b\n1;2\n3\n", PLAIN, "line 3 has 1 cell,", "semicolon");
    REFUSED("1 2 3\n1 2 3 4\n", PLAIN, "line 2 has 4 cells", "blanks");
}
END_TEST

START_TEST(the_first_rows_are_taken_if_asked)
{
    struct ss_table *t = must_read("x\n1\n2\n3\n4\n", (struct ss_data_options){.rows = 2});

    ck_assert_uint_eq(t->rows, 2);
    ck_assert_double_eq(at(t, 1, 0), 2);
    ss_table_free(t);
    t = must_read("x\n1\n2\n", (struct ss_data_options){.rows = 5});
    ck_assert_uint_eq(t->rows, 2);
    ss_table_free(t);
    t = must_read("x,y\n1,2\n3,\n5,6\n", (struct ss_data_options){.rows = 2, .missing = SS_MISSING_DROP});
    ck_assert_uint_eq(t->rows, 1);
    ss_table_free(t);
}
END_TEST

START_TEST(what_is_no_table_is_refused_and_says_what_it_is)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *word;
    } cases[] = {
        {"", 0, "is empty"},
        {"\n \r\n\t\n", 6, "blank lines"},
        {"\xef\xbb\xbf", 3, "blank lines"},
        {"a,b\n", 4, "no rows"},
        {"1,2\0003,4\n", 8, "byte 3 is zero"},
        {"\xff\xfe"
         "1\0,\0",
         6, "UTF-16"},
        {"\xfe\xff\0001\0,", 6, "UTF-16"},
        {"PK\3\4\0\0\0\0", 8, "zip"},
        {"PAR1\0\0\0\0", 8, "Parquet"},
        {"\x89HDF\r\n\x1a\n\0\0", 10, "HDF5"},
    };
    char path[512];
    struct ss_table *t = NULL;

    for (size_t i = 0; i < SS_COUNT(cases); i++) {
        strcpy(path, scratch_file("b.csv", cases[i].bytes, cases[i].n));
        scratch_hush();
        ck_assert_int_eq(ss_table_read(&(struct ss_data_options){.file = path}, &t), SS_ERR_CORRUPT);
        ck_assert_msg(strstr(scratch_said(), cases[i].word), "case %zu: %s", i, scratch_said());
        ck_assert_ptr_null(t);
    }
    t = must_read("PAR1,PAR2\n1,2\n", PLAIN); /* a name may look so */
    ss_table_free(t);
}
END_TEST

START_TEST(files_that_cannot_be_read_are_a_file_error)
{
    struct ss_table *t = NULL;
    char path[512];

    strcpy(path, scratch_path("absent.csv"));
    ck_assert_int_eq(ss_table_read(&(struct ss_data_options){.file = path}, &t), SS_ERR_FILE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "absent.csv: cannot read: No such file"));
    strcpy(path, scratch_path("."));
    ck_assert_int_eq(ss_table_read(&(struct ss_data_options){.file = path}, &t), SS_ERR_FILE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "is a folder"));
    strcpy(path, scratch_text("closed.csv", "1,2\n"));
    ck_assert_int_eq(chmod(path, 0), 0);
    if (geteuid() != 0) /* root reads all */
        ck_assert_int_eq(ss_table_read(&(struct ss_data_options){.file = path}, &t), SS_ERR_FILE);
    ck_assert_int_eq(ss_table_read(&(struct ss_data_options){.source = SS_SOURCE_RINGS}, &t),
                     SS_ERR_INTERNAL);
    ck_assert_ptr_null(t);
}
END_TEST

START_TEST(a_pipe_is_read_to_its_end)
{
    struct ss_table *t = NULL;
    char path[512];

    strcpy(path, scratch_path("pipe"));
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    const pid_t child = fork();
    if (child == 0) {
        FILE *const f = fopen(path, "w");
        for (int i = 0; f && i < 50000; i++)
            fprintf(f, "%d,%d\n", i, 2 * i);
        _exit(f && fclose(f) == 0 ? 0 : 1);
    }
    ck_assert_int_eq(ss_table_read(&(struct ss_data_options){.file = path}, &t), SS_OK);
    waitpid(child, NULL, 0);
    ck_assert_uint_eq(t->rows, 50000);
    ck_assert_double_eq(at(t, 49999, 1), 99998);
    ss_table_free(t);
}
END_TEST

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
    struct ss_table *const t = must_read(text.data, PLAIN);
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
        struct ss_table *const t = must_read(text, PLAIN);
        const double want = strtod(hard[i], NULL), found = at(t, 0, 1);
        ck_assert_msg(memcmp(&want, &found, sizeof(want)) == 0, "%s: %.17g", hard[i], found);
        ss_table_free(t);
    }
    memset(zeros, '0', sizeof(zeros));
    memcpy(zeros, "1\n0.", 4);
    strcpy(zeros + sizeof(zeros) - 6, "1e890");
    struct ss_table *const t = must_read(zeros, PLAIN);
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
    struct ss_table *const t = must_read("1.2345678901234567890,2\n", PLAIN);
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

static struct ss_table *shared(const char *name, struct ss_data_options options)
{
    const char *const folder = getenv("SLICESCORE_DATA");
    struct ss_table *t = NULL;
    char path[1024];

    snprintf(path, sizeof(path), "%s/%s", folder ? folder : "", name);
    if (!folder || !ss_path_exists(path)) {
        printf("skipped: no %s in a folder that SLICESCORE_DATA names\n", name);
        return NULL;
    }
    options.file = path;
    ck_assert_msg(ss_table_read(&options, &t) == SS_OK, "%s", scratch_said());
    return t;
}

START_TEST(real_tables_are_read_as_they_are)
{
    struct ss_table *t = shared("winequality-red.csv", PLAIN);

    if (t) {
        ck_assert_uint_eq(t->rows, 1599);
        ck_assert_uint_eq(t->columns, 12);
        ck_assert_str_eq(t->names[1], "volatile acidity");
        ck_assert_double_eq(at(t, 0, 7), 0.9978);
        ss_table_free(t);
    }
    t = shared("parkinsons_updrs.data", PLAIN);
    if (t) {
        ck_assert_uint_eq(t->rows, 5875);
        ck_assert_uint_eq(t->columns, 22);
        ck_assert_double_eq(at(t, 0, 7), 3.38e-005);
        ss_table_free(t);
    }
    t = shared("small/iris.data", PLAIN);
    if (t) {
        ck_assert_uint_eq(t->rows, 150);
        ck_assert_uint_eq(t->columns, 5);
        ck_assert(t->text[4] && !t->text[3] && !t->names);
        ss_table_free(t);
    }
    t = shared("small/faithful.csv", PLAIN);
    if (t) {
        ck_assert_uint_eq(t->rows, 272);
        ck_assert_str_eq(t->names[1], "waiting");
        ss_table_free(t);
    }
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("table");
    TCase *const c = tcase_create("csv");
    SRunner *const r = srunner_create(s);

    tcase_add_checked_fixture(c, scratch_set_up, scratch_tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, separators_line_ends_headers_and_blank_lines_are_found);
    tcase_add_test(c, a_separator_or_header_that_is_given_is_not_guessed);
    tcase_add_test(c, quoted_cells_hold_separators_quotes_and_line_ends);
    tcase_add_test(c, names_come_out_in_utf_8_and_nameless_columns_by_number);
    tcase_add_test(c, columns_are_found_by_name_then_by_number);
    tcase_add_test(c, every_spelling_of_a_missing_cell_is_one);
    tcase_add_test(c, missing_cells_are_named_five_at_most_and_counted);
    tcase_add_test(c, rows_with_missing_cells_are_dropped_if_asked);
    tcase_add_test(c, cells_of_columns_that_are_left_out_do_not_matter);
    tcase_add_test(c, a_column_of_text_alone_is_marked_and_no_error);
    tcase_add_test(c, a_bad_cell_is_named_with_its_place_and_a_remedy);
    tcase_add_test(c, ragged_rows_are_named_with_both_counts);
    tcase_add_test(c, the_first_rows_are_taken_if_asked);
    tcase_add_test(c, what_is_no_table_is_refused_and_says_what_it_is);
    tcase_add_test(c, files_that_cannot_be_read_are_a_file_error);
    tcase_add_test(c, a_pipe_is_read_to_its_end);
    tcase_add_test(c, numbers_are_read_to_the_last_bit);
    tcase_add_test(c, hard_numbers_are_read_as_strtod_reads_them);
    tcase_add_test(c, a_locale_with_decimal_commas_changes_nothing);
    tcase_add_test(c, csv_cut_off_at_any_byte_is_read_or_refused);
    tcase_add_test(c, csv_with_any_bytes_changed_is_read_or_refused);
    tcase_add_test(c, absurd_csv_is_read_or_refused_in_time_and_memory_of_its_size);
    tcase_add_test(c, floats_survive_being_written_as_csv);
    tcase_add_test(c, written_csv_has_plain_names_and_nan_without_sign);
    tcase_add_test(c, writing_fails_with_a_reason_and_leaves_nothing);
    tcase_add_test(c, real_tables_are_read_as_they_are);
    suite_add_tcase(s, c);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
