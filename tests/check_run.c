#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "run/directory.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/record.h"
#include "run/stop.h"

/* ---- a folder of our own, and what was said ---- */

static char scratch[64];
static struct ss_text said;

static void hear(void *context, enum ss_level level, const char *text)
{
    (void)context;
    (void)level;
    ss_text_addf(&said, "%s\n", text);
}

static void set_up(void)
{
    strcpy(scratch, "/tmp/check_run.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(scratch));
    ss_text_init(&said);
    ss_sink_set(hear, NULL);
}

static void tear_down(void)
{
    char command[128];

    ss_sink_set(NULL, NULL);
    ss_text_release(&said);
    snprintf(command, sizeof(command), "rm -rf '%s'", scratch);
    ck_assert_int_eq(system(command), 0);
}

static const char *at(const char *name)
{
    static char paths[8][256];
    static size_t next;
    char *const path = paths[next++ % 8];

    snprintf(path, sizeof(paths[0]), "%s/%s", scratch, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *const f = fopen(at(name), "w");

    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

static char *contents(const char *name)
{
    char *text = NULL;
    size_t n = 0;

    ck_assert_int_eq(ss_file_read(at(name), 1 << 20, &text, &n), SS_OK);
    return text;
}

static void heard(const char *what)
{
    ck_assert_msg(strstr(said.data, what) != NULL, "'%s' was not said, but: %s", what, said.data);
}

/* ---- folder ---- */

static void make(const char *name, bool force, struct ss_run_directory *d)
{
    ck_assert_int_eq(ss_run_directory_create(at(name), "x", force, d), SS_OK);
}

START_TEST(a_run_folder_is_made_with_those_above_it)
{
    struct ss_run_directory d;

    make("a/b/c", false, &d);
    ck_assert(ss_path_is_folder(at("a/b/c/ckpt")) && ss_path_is_folder(at("a/b/c/samples")) &&
              ss_path_is_folder(at("a/b/c/plots")));
    ss_run_directory_release(&d);
}
END_TEST

START_TEST(an_existing_folder_is_refused_and_left_alone)
{
    struct ss_run_directory d = {.lock = -1};

    mkdir(at("old"), 0777);
    write_file("old/run.json", "precious");
    ck_assert_int_eq(ss_run_directory_check(at("old"), false), SS_ERR_USAGE);
    ck_assert_int_eq(ss_run_directory_create(at("old"), "x", false, &d), SS_ERR_USAGE);
    heard("--force");
    char *const text = contents("old/run.json");
    ck_assert_str_eq(text, "precious");
    free(text);
    ck_assert(!ss_path_exists(at("old/ckpt")));
}
END_TEST

START_TEST(force_removes_what_a_run_consists_of_and_nothing_else)
{
    struct ss_run_directory d;

    make("run", false, &d);
    ss_run_directory_release(&d);
    static const char *const ours[] = {"run/run.json",        "run/config.yaml",
                                       "run/resolved.yaml",   "run/metrics.jsonl",
                                       "run/log.txt",         "run/ckpt/step-00000010.safetensors",
                                       "run/plots/loss.svg",  "run/ckpt/best.safetensors.tmp.123",
                                       "run/run.json.tmp.42", "run/samples/samples.npy"};
    static const char *const theirs[] = {"run/notes.txt", "run/ckpt/mine.pt", "run/plots/talk.odp",
                                         "run/run.json.bak"};
    for (size_t i = 0; i < SS_COUNT(ours); i++)
        write_file(ours[i], "x");
    for (size_t i = 0; i < SS_COUNT(theirs); i++)
        write_file(theirs[i], "x");
    make("run", true, &d);
    for (size_t i = 0; i < SS_COUNT(ours); i++)
        ck_assert_msg(!ss_path_exists(at(ours[i])), "%s is still there", ours[i]);
    for (size_t i = 0; i < SS_COUNT(theirs); i++)
        ck_assert_msg(ss_path_exists(at(theirs[i])), "%s is gone", theirs[i]);
    ss_run_directory_release(&d);
}
END_TEST

START_TEST(force_follows_no_link_out_of_the_folder)
{
    struct ss_run_directory d = {.lock = -1};

    mkdir(at("outside"), 0777);
    write_file("outside/step-00000001.safetensors", "precious");
    mkdir(at("run"), 0777);
    write_file("run/run.json", "x");
    ck_assert_int_eq(symlink(at("outside"), at("run/ckpt")), 0);
    const enum ss_status st = ss_run_directory_create(at("run"), "x", true, &d);
    ck_assert(st == SS_OK || st == SS_ERR_FILE);
    ck_assert(ss_path_exists(at("outside/step-00000001.safetensors")));
    if (st == SS_OK)
        ss_run_directory_release(&d);
}
END_TEST

START_TEST(force_leaves_a_folder_alone_that_is_no_run)
{
    struct ss_run_directory d = {.lock = -1};

    mkdir(at("home"), 0777);
    write_file("home/config.yaml", "mine");
    ck_assert_int_eq(ss_run_directory_create(at("home"), "x", true, &d), SS_ERR_USAGE);
    heard("neither a run nor empty");
    ck_assert(ss_path_exists(at("home/config.yaml")) && !ss_path_exists(at("home/lock")));
    mkdir(at("empty"), 0777);
    make("empty", true, &d);
    ss_run_directory_release(&d);
    write_file("file", "");
    ck_assert_int_eq(ss_run_directory_create(at("file"), "x", true, &d), SS_ERR_USAGE);
    ck_assert_int_eq(ss_run_directory_create(at("file/run"), "x", false, &d), SS_ERR_FILE);
    ck_assert_int_eq(ss_run_directory_create("", "x", false, &d), SS_ERR_USAGE);
}
END_TEST

START_TEST(without_a_name_each_run_gets_the_next_free_one)
{
    struct ss_run_directory a, b, c;

    ck_assert_int_eq(chdir(scratch), 0); /* the test's own process: tests fork */
    ck_assert_int_eq(ss_run_directory_create(NULL, "two moons/../x", false, &a), SS_OK);
    ck_assert_int_eq(ss_run_directory_create(NULL, "two moons/../x", false, &b), SS_OK);
    ck_assert_str_eq(a.path, "runs/two-moons-..-x");
    ck_assert_str_eq(b.path, "runs/two-moons-..-x-2");
    ck_assert_int_eq(ss_run_directory_create(NULL, "..", false, &c), SS_OK);
    ck_assert_str_eq(c.path, "runs/-.");
    ss_run_directory_release(&a);
    ss_run_directory_release(&b);
    ss_run_directory_release(&c);
    ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

START_TEST(two_processes_never_write_one_run)
{
    struct ss_run_directory a, b = {.lock = -1};

    make("run", false, &a);
    write_file("run/run.json", "{}");
    write_file("run/resolved.yaml", "");
    ck_assert_int_eq(ss_run_directory_open(at("run"), true, &b), SS_ERR_FILE);
    heard("another process");
    ck_assert_int_eq(ss_run_directory_create(at("run"), "x", true, &b), SS_ERR_FILE);
    ck_assert(ss_path_exists(at("run/run.json")));
    ck_assert_int_eq(ss_run_directory_open(at("run"), false, &b), SS_OK); /* reading is free */
    ss_run_directory_release(&b);
    ss_run_directory_release(&a);
    ck_assert_int_eq(ss_run_directory_open(at("run"), true, &b), SS_OK);
    ss_run_directory_release(&b);
}
END_TEST

START_TEST(what_is_no_run_is_told_from_a_run)
{
    struct ss_run_directory d = {.lock = -1};

    ck_assert_int_eq(ss_run_directory_open(at("nowhere"), false, &d), SS_ERR_FILE);
    heard("no such folder");
    write_file("file", "");
    ck_assert_int_eq(ss_run_directory_open(at("file"), false, &d), SS_ERR_FILE);
    heard("not a folder");
    mkdir(at("empty"), 0777);
    ck_assert_int_eq(ss_run_directory_open(at("empty"), true, &d), SS_ERR_FILE);
    heard("run.json is not in it");
    ck_assert(!ss_path_exists(at("empty/lock")));
}
END_TEST

START_TEST(a_discarded_run_leaves_nothing_but_what_was_not_its_own)
{
    struct ss_run_directory d;

    make("gone", false, &d);
    write_file("gone/run.json", "x");
    ss_run_directory_discard(&d);
    ck_assert(!ss_path_exists(at("gone")));
    make("kept", false, &d);
    write_file("kept/notes.txt", "x");
    ss_run_directory_discard(&d);
    ck_assert(ss_path_exists(at("kept/notes.txt")) && !ss_path_exists(at("kept/ckpt")));
}
END_TEST

/* ---- metrics ---- */

static struct ss_train_report report(uint64_t step)
{
    return (struct ss_train_report){.step = step,
                                    .steps = 100,
                                    .loss = -1.5 / (double)step,
                                    .gradient_norm = 2,
                                    .learning_rate = 1e-3,
                                    .rows_per_second = 1000,
                                    .seconds = (double)step};
}

static void fill_metrics(uint64_t from, uint64_t to, uint64_t cut)
{
    struct ss_metrics *m = NULL;

    ck_assert_int_eq(ss_metrics_open(scratch, cut, false, &m), SS_OK);
    for (uint64_t i = from; i <= to; i += 10) {
        const struct ss_train_report r = report(i);
        ss_metrics_report(m, &r);
        if (i % 20 == 0)
            ss_metrics_evaluation(m, &(struct ss_train_evaluation){
                                         .step = i, .objective = {-2.5, 0.25}, .seconds = (double)i + 0.5});
    }
    ck_assert_int_eq(ss_metrics_status(m), SS_OK);
    ss_metrics_free(m);
}

static size_t lines(const char *name)
{
    char *const text = contents(name);
    size_t n = 0;

    for (const char *c = text; *c; c++)
        n += *c == '\n';
    free(text);
    return n;
}

START_TEST(metrics_come_back_as_they_were_written)
{
    struct ss_metrics_table t;

    fill_metrics(10, 40, 0);
    ck_assert_int_eq(ss_metrics_read(scratch, &t), SS_OK);
    ck_assert_uint_eq(t.count, 6);
    ck_assert_uint_eq(t.rows[1].step, 20);
    ck_assert(t.rows[1].loss == -1.5 / 20 && isnan(t.rows[1].validation));
    ck_assert(t.rows[2].validation == -2.5 && t.rows[2].validation_standard_error == 0.25 &&
              isnan(t.rows[2].loss));
    ss_metrics_table_release(&t);
    ck_assert_uint_eq(lines("metrics.csv"), 7);
    char *const csv = contents("metrics.csv");
    ck_assert_msg(strncmp(csv, "step,loss,gradient_norm,learning_rate,", 38) == 0, "%s", csv);
    ck_assert_ptr_nonnull(strstr(csv, "\n20,,,,,20.5,,-2.5,0.25\n"));
    free(csv);
}
END_TEST

START_TEST(a_resumed_run_doubles_no_row_and_goes_on_counting_seconds)
{
    struct ss_metrics_table t;
    struct ss_metrics *m = NULL;

    fill_metrics(10, 60, 0);
    ck_assert_int_eq(ss_metrics_open(scratch, 30, false, &m), SS_OK);
    ck_assert_double_eq(ss_metrics_seconds(m), 30);
    ck_assert_uint_eq(ss_metrics_rows(m)->count, 4); /* 10, 20, 20 validation, 30 */
    const struct ss_train_report r = {.step = 40, .seconds = 7};
    ss_metrics_report(m, &r);
    ck_assert_double_eq(ss_metrics_seconds(m), 37);
    ss_metrics_free(m);
    ck_assert_int_eq(ss_metrics_read(scratch, &t), SS_OK);
    ck_assert_uint_eq(t.count, 5);
    ck_assert_uint_eq(t.rows[4].step, 40);
    ss_metrics_table_release(&t);
    ck_assert_uint_eq(lines("metrics.csv"), 6);
}
END_TEST

START_TEST(a_line_cut_short_by_a_crash_ends_the_metrics)
{
    struct ss_metrics_table t;

    write_file("metrics.jsonl", "{\"step\": 1, \"loss\": 2}\n{\"step\": 2, \"lo");
    ck_assert_int_eq(ss_metrics_read(scratch, &t), SS_OK);
    ck_assert_uint_eq(t.count, 1);
    ss_metrics_table_release(&t);
    write_file("metrics.jsonl", "{\"step\": 1, \"loss\": 2}\n\xff\xfe\n{\"step\": 3}\n");
    ck_assert_int_eq(ss_metrics_read(scratch, &t), SS_OK);
    ck_assert_uint_eq(t.count, 1);
    ss_metrics_table_release(&t);
    write_file("metrics.jsonl", "[[[[{\"step\": -1}\n");
    ck_assert_int_eq(ss_metrics_read(scratch, &t), SS_OK);
    ck_assert_uint_eq(t.count, 0);
    ss_metrics_table_release(&t);
}
END_TEST

START_TEST(metrics_that_cannot_be_written_are_an_error_not_a_crash)
{
    struct ss_metrics *m = NULL;

    ck_assert_int_eq(ss_metrics_open(at("nowhere"), 0, false, &m), SS_ERR_FILE);
    heard("nowhere");
}
END_TEST

/* ---- record ---- */

START_TEST(a_record_comes_back_as_it_was_written)
{
    struct ss_run_record r, again;
    char word_1[] = "slicescore", word_2[] = "run", word_3[] = "a \"b\"\n.yaml", name[] = "moons";
    char *words[] = {word_1, word_2, word_3};

    ss_run_record_init(&r);
    r.status = SS_RUN_INTERRUPTED;
    r.name = name;
    r.argv = words;
    r.n_argv = 3;
    r.seed = 4294967295u;
    strcpy(r.started, "2026-01-31T12:34:56Z");
    r.steps = 12345;
    r.seconds = 1.25;
    r.loss = -0.1;
    r.dimension = 2;
    r.parameters = 99;
    r.metrics.rows = 7;
    ss_metrics_list_add(&r.metrics, "esm", (struct ss_estimate){-3, 0.5});
    ss_metrics_list_add(&r.metrics, "fisher_divergence", (struct ss_estimate){0.25, NAN});
    ss_metrics_list_add(&r.metrics, "esm", (struct ss_estimate){-4, 0.5});
    r.low[0] = -1;
    r.low[1] = -2;
    r.high[0] = 1;
    r.high[1] = 2;
    ck_assert_int_eq(ss_run_record_write(&r, scratch), SS_OK);
    ck_assert_int_eq(ss_run_record_read(scratch, &again), SS_OK);
    ck_assert_int_eq(again.status, SS_RUN_INTERRUPTED);
    ck_assert_str_eq(again.name, "moons");
    ck_assert_str_eq(again.argv[2], words[2]);
    ck_assert_uint_eq(again.seed, 4294967295u);
    ck_assert_str_eq(again.started, r.started);
    ck_assert_str_eq(again.finished, "");
    ck_assert(again.steps == 12345 && again.seconds == 1.25 && again.loss == -0.1);
    ck_assert_uint_eq(again.metrics.count, 2);
    ck_assert(again.metrics.rows == 7 && again.metrics.items[0].mean == -4);
    ck_assert(isnan(again.metrics.items[1].standard_error));
    ck_assert(again.low[1] == -2 && again.high[0] == 1);
    ss_run_record_release(&again);
}
END_TEST

START_TEST(a_damaged_or_newer_record_is_refused_by_name)
{
    static const struct {
        const char *text;
        enum ss_status st;
        const char *says;
    } cases[] = {
        {"", SS_ERR_CORRUPT, "run.json"},
        {"{\"format\": 1, \"status\": \"do", SS_ERR_CORRUPT, "run.json"},
        {"[]", SS_ERR_CORRUPT, "run.json"},
        {"{}", SS_ERR_CORRUPT, "format"},
        {"{\"format\": 1, \"status\": \"sleeping\"}", SS_ERR_CORRUPT, "status"},
        {"{\"format\": 1, \"format\": 1, \"status\": \"done\"}", SS_ERR_CORRUPT, "run.json"},
        {"{\"format\": 2, \"version\": \"9.9.9\", \"status\": \"done\"}", SS_ERR_USAGE, "9.9.9"},
    };
    struct ss_run_record r;

    for (size_t i = 0; i < SS_COUNT(cases); i++) {
        ss_text_clear(&said);
        write_file("run.json", cases[i].text);
        ck_assert_int_eq(ss_run_record_read(scratch, &r), cases[i].st);
        heard(cases[i].says);
    }
    unlink(at("run.json"));
    ck_assert_int_eq(ss_run_record_read(scratch, &r), SS_ERR_FILE);
}
END_TEST

START_TEST(a_record_with_values_of_other_types_is_read_without_a_crash)
{
    struct ss_run_record r;

    write_file("run.json",
               "{\"format\": 1, \"status\": \"done\", \"name\": 5, \"argv\": [1, null, \"x\"], \"steps\": -3,"
               " \"seconds\": \"soon\", \"loss\": null, \"metrics\": [1], \"box\": {\"low\": 3},"
               " \"started\": \"a text that is much longer than any time\", \"dimension\": 1e300}");
    ck_assert_int_eq(ss_run_record_read(scratch, &r), SS_OK);
    ck_assert(r.name == NULL && r.n_argv == 3 && r.steps == 0 && isnan(r.loss) && r.metrics.count == 0);
    ck_assert(isnan(r.low[0]) && r.dimension == 0);
    ss_run_record_release(&r);
}
END_TEST

/* ---- log ---- */

START_TEST(the_log_keeps_what_was_said_before_it_had_a_file)
{
    struct ss_log *l = NULL;

    ck_assert_int_eq(ss_log_create(&(struct ss_log_options){.quiet = true}, &l), SS_OK);
    ss_say(SS_LEVEL_NOTE, "early");
    ck_assert_int_eq(ss_log_file(l, at("log.txt")), SS_OK);
    ss_say(SS_LEVEL_DETAIL, "late");
    ss_log_phase(l, "something short");
    ss_log_phase(l, NULL);
    ss_log_live(l, "not a terminal");
    ck_assert_int_eq(ss_log_file(l, at("no/such/log.txt")), SS_ERR_FILE);
    ss_log_free(l);
    ss_sink_set(hear, NULL);
    char *const text = contents("log.txt");
    ck_assert_ptr_nonnull(strstr(text, "Z early\n"));
    ck_assert_ptr_nonnull(strstr(text, "Z late\n"));
    ck_assert_ptr_null(strstr(text, "something short"));
    ck_assert_ptr_null(strstr(text, "terminal"));
    free(text);
}
END_TEST

/* What a log of these options writes to stderr. */
static char *to_stderr(const struct ss_log_options *options, double phase_seconds)
{
    struct ss_log *l = NULL;
    const int before = dup(STDERR_FILENO), file = open(at("stderr"), O_RDWR | O_CREAT | O_TRUNC, 0600);

    ck_assert(before >= 0 && file >= 0);
    fflush(stderr);
    dup2(file, STDERR_FILENO);
    ck_assert_int_eq(ss_log_create(options, &l), SS_OK);
    ss_say(SS_LEVEL_WARNING, "a warning");
    ss_say(SS_LEVEL_NOTE, "a note");
    ss_say(SS_LEVEL_DETAIL, "a detail");
    if (phase_seconds > 0) {
        ss_log_phase(l, "a long phase");
        nanosleep(&(struct timespec){(time_t)phase_seconds, (long)(fmod(phase_seconds, 1) * 1e9)}, NULL);
        ss_log_phase(l, NULL);
    }
    ss_log_free(l);
    fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
    close(file);
    ss_sink_set(hear, NULL);
    return contents("stderr");
}

START_TEST(quiet_keeps_warnings_and_verbose_adds_details)
{
    char *text = to_stderr(&(struct ss_log_options){0}, 0);

    ck_assert_str_eq(text, "slicescore: warning: a warning\na note\n");
    free(text);
    text = to_stderr(&(struct ss_log_options){.quiet = true}, 0);
    ck_assert_str_eq(text, "slicescore: warning: a warning\n");
    free(text);
    text = to_stderr(&(struct ss_log_options){.verbose = true}, 0);
    ck_assert_str_eq(text, "slicescore: warning: a warning\na note\na detail\n");
    free(text);
}
END_TEST

START_TEST(what_lasts_over_a_second_is_told_once)
{
    char *const text = to_stderr(&(struct ss_log_options){0}, 1.8);

    ck_assert_str_eq(text, "slicescore: warning: a warning\na note\na long phase ...\n");
    free(text);
}
END_TEST

/* ---- signals ---- */

START_TEST(a_signal_sets_a_flag_and_a_second_interrupt_is_honoured)
{
    ss_stop_install();
    ck_assert_int_eq(ss_stop_signal(), 0);
    raise(SIGUSR1);
    raise(SIGUSR1);
    ck_assert_int_eq(ss_stop_signal(), SIGUSR1);
    raise(SIGINT);
    ck_assert_int_eq(ss_stop_signal(), SIGINT);
    raise(SIGINT); /* ends this process: the test expects it */
    ck_abort_msg("still alive");
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("run");
    TCase *const c = tcase_create("run");

    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, a_run_folder_is_made_with_those_above_it);
    tcase_add_test(c, an_existing_folder_is_refused_and_left_alone);
    tcase_add_test(c, force_removes_what_a_run_consists_of_and_nothing_else);
    tcase_add_test(c, force_follows_no_link_out_of_the_folder);
    tcase_add_test(c, force_leaves_a_folder_alone_that_is_no_run);
    tcase_add_test(c, without_a_name_each_run_gets_the_next_free_one);
    tcase_add_test(c, two_processes_never_write_one_run);
    tcase_add_test(c, what_is_no_run_is_told_from_a_run);
    tcase_add_test(c, a_discarded_run_leaves_nothing_but_what_was_not_its_own);
    tcase_add_test(c, metrics_come_back_as_they_were_written);
    tcase_add_test(c, a_resumed_run_doubles_no_row_and_goes_on_counting_seconds);
    tcase_add_test(c, a_line_cut_short_by_a_crash_ends_the_metrics);
    tcase_add_test(c, metrics_that_cannot_be_written_are_an_error_not_a_crash);
    tcase_add_test(c, a_record_comes_back_as_it_was_written);
    tcase_add_test(c, a_damaged_or_newer_record_is_refused_by_name);
    tcase_add_test(c, a_record_with_values_of_other_types_is_read_without_a_crash);
    tcase_add_test(c, the_log_keeps_what_was_said_before_it_had_a_file);
    tcase_add_test(c, quiet_keeps_warnings_and_verbose_adds_details);
    tcase_add_test(c, what_lasts_over_a_second_is_told_once);
    suite_add_tcase(s, c);
    TCase *const dies = tcase_create("signals");
    tcase_add_test_raise_signal(dies, a_signal_sets_a_flag_and_a_second_interrupt_is_honoured, SIGINT);
    suite_add_tcase(s, dies);
    SRunner *const r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
