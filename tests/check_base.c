#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

START_TEST(numbers_follow_yaml_1_2)
{
    static const struct {
        const char *text;
        double value;
    } good[] = {{"1e-3", 1e-3}, {".5", 0.5}, {"-2.", -2.0}, {"+7", 7.0}, {"1E+2", 100.0}, {".inf", INFINITY}};
    static const char *const bad[] = {"",    "0.1abc", "1_000", "0x10", "1e",  ".",
                                      "nan", "inf",    " 1",    "1 ",   "--1", "1,5"};
    double x;

    for (size_t i = 0; i < SS_COUNT(good); i++) {
        ck_assert_msg(ss_text_number(good[i].text, &x), "%s refused", good[i].text);
        ck_assert(x == good[i].value);
    }
    for (size_t i = 0; i < SS_COUNT(bad); i++)
        ck_assert_msg(!ss_text_number(bad[i], &x), "%s taken", bad[i]);
}
END_TEST

START_TEST(nearest_name_finds_slips_and_refuses_strangers)
{
    static const char *const names[] = {"learning_rate", "batch", "steps", "ssm", "ssm_vr", "esm"};

    ck_assert_str_eq(ss_text_nearest("learning_rat", names, 6), "learning_rate");
    ck_assert_str_eq(ss_text_nearest("bacth", names, 6), "batch");
    ck_assert_str_eq(ss_text_nearest("learn", names, 6), "learning_rate");
    ck_assert_ptr_null(ss_text_nearest("zebra", names, 6));
    ck_assert_uint_eq(ss_text_distance("abcd", "acbd"), 1);
    ck_assert_uint_eq(ss_text_distance("kitten", "sitting"), 3);
}
END_TEST

START_TEST(json_quotes_and_separates)
{
    struct ss_text t;

    ss_text_init(&t);
    ss_json_open(&t, NULL, '{');
    ss_json_text(&t, "a\"b", "c\nd\x01");
    ss_json_open(&t, "list", '[');
    ss_json_number(&t, NULL, 0.1);
    ss_json_number(&t, NULL, NAN);
    ss_json_number(&t, NULL, (double)0.1f);
    ss_json_close(&t, ']');
    ss_json_open(&t, "empty", '{');
    ss_json_close(&t, '}');
    ss_json_bool(&t, "yes", true);
    ss_json_close(&t, '}');
    ck_assert_str_eq(t.data,
                     "{\"a\\\"b\": \"c\\nd\\u0001\", \"list\": [0.1, null, 0.100000001], \"empty\": {}, "
                     "\"yes\": true}");
    ss_text_release(&t);
}
END_TEST

static void swallow(void *context, enum ss_level level, const char *text)
{
    char *const last = context;
    (void)level;
    strncpy(last, text, 255);
}

START_TEST(writing_is_atomic_and_errors_name_the_path)
{
    char folder[] = "/tmp/ss-base-XXXXXX", said[256] = "";
    char *path = NULL, *data = NULL;
    size_t size;
    struct ss_file_writer w;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(ss_path_join(folder, "x/y", &path), SS_OK);
    ss_sink_set(swallow, said);
    ck_assert_int_eq(ss_file_write(path, "a", 1), SS_ERR_FILE);
    ck_assert_ptr_nonnull(strstr(said, path));
    free(path);
    ck_assert_int_eq(ss_path_join(folder, "deep/er/file", &path), SS_OK);
    char *parent = NULL;
    ck_assert_int_eq(ss_path_folder(path, &parent), SS_OK);
    ck_assert_int_eq(ss_folder_create(parent), SS_OK);
    ck_assert_int_eq(ss_file_write(path, "first", 5), SS_OK);
    ck_assert_int_eq(ss_file_writer_open(&w, path), SS_OK);
    fputs("half", w.stream);
    ss_file_writer_abandon(&w);
    ck_assert_int_eq(ss_file_read(path, 100, &data, &size), SS_OK);
    ck_assert_str_eq(data, "first");
    free(data);
    ck_assert_int_eq(ss_file_read(path, 4, &data, &size), SS_ERR_FILE);
    ss_sink_set(NULL, NULL);
    free(parent);
    free(path);
}
END_TEST

START_TEST(what_a_link_leads_to_is_written)
{
    char folder[] = "/tmp/ss-base-XXXXXX", said[256] = "";
    char *file = NULL, *link = NULL, *data = NULL;
    struct stat s;
    size_t size;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(ss_path_join(folder, "file", &file), SS_OK);
    ck_assert_int_eq(ss_path_join(folder, "link", &link), SS_OK);
    ck_assert_int_eq(ss_file_write(file, "old", 3), SS_OK);
    ck_assert_int_eq(symlink("file", link), 0);
    ck_assert_int_eq(ss_file_write(link, "new", 3), SS_OK);
    ck_assert(lstat(link, &s) == 0 && S_ISLNK(s.st_mode));
    ck_assert_int_eq(ss_file_read(file, 100, &data, &size), SS_OK);
    ck_assert_str_eq(data, "new");
    free(data);
    /* A device is no file to take the place of; nor is a folder. */
    ck_assert(unlink(link) == 0 && symlink("/dev/null", link) == 0);
    ck_assert_int_eq(ss_file_write(link, "gone", 4), SS_OK);
    ck_assert(lstat(link, &s) == 0 && S_ISLNK(s.st_mode));
    ck_assert(unlink(link) == 0 && symlink("/dev/full", link) == 0);
    ss_sink_set(swallow, said);
    ck_assert_int_eq(ss_file_write(link, "lost", 4), SS_ERR_FILE);
    ck_assert_ptr_nonnull(strstr(said, "No space left"));
    ck_assert_int_eq(ss_file_write(folder, "a", 1), SS_ERR_FILE);
    ck_assert_ptr_nonnull(strstr(said, "it is a folder"));
    ss_sink_set(NULL, NULL);
    free(file);
    free(link);
}
END_TEST

START_TEST(durations_read_as_people_say_them)
{
    char s[32];

    ss_clock_duration(0.42, s);
    ck_assert_str_eq(s, "0.4 s");
    ss_clock_duration(200, s);
    ck_assert_str_eq(s, "3 min 20 s");
    ss_clock_duration(7500, s);
    ck_assert_str_eq(s, "2 h 05 min");
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("base");
    TCase *const c = tcase_create("base");

    tcase_add_test(c, numbers_follow_yaml_1_2);
    tcase_add_test(c, nearest_name_finds_slips_and_refuses_strangers);
    tcase_add_test(c, json_quotes_and_separates);
    tcase_add_test(c, writing_is_atomic_and_errors_name_the_path);
    tcase_add_test(c, what_a_link_leads_to_is_written);
    tcase_add_test(c, durations_read_as_people_say_them);
    suite_add_tcase(s, c);
    SRunner *const r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
