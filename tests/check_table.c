/* What CSV files are taken to say: separators, headers, names, missing cells, columns of text; files of all
 * kinds. */
#include <check.h>
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
    tcase_add_test(c, real_tables_are_read_as_they_are);
    suite_add_tcase(s, c);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
