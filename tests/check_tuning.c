#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/file.h"
#include "device/opencl.h"
#include "device/tuner.h"
#include "support/device.h"
#include "support/scratch.h"

static struct ss_device *device; /* opened once: PoCL takes long to open */

/* Answers go to a folder of the test's own. */
static void set_up(void)
{
    scratch_set_up();
    setenv("XDG_CACHE_HOME", scratch_path(""), 1);
}

/* What a kept answer hangs on besides its question is what is known of a device: no OpenCL is needed for it.
 */
static struct ss_device *paper_device(uint32_t cores)
{
    struct ss_device *const d = calloc(1, sizeof(*d));

    ck_assert_ptr_nonnull(d);
    strcpy(d->info.name, "paper");
    d->info.compute_units = cores;
    return d;
}

static void paper_free(struct ss_device *d)
{
    ss_tuning_release(d->tuning);
    free(d);
}

static const int32_t most[SS_TUNING_NUMBERS] = {9, 9, 9, 9, 9, 9};

static bool find_anew(uint32_t cores, const char *what, struct ss_tuning *t)
{
    struct ss_device *const d = paper_device(cores);
    const bool found = ss_tuning_find(d, what, most, t);

    paper_free(d);
    return found;
}

static bool keep_anew(uint32_t cores, const char *what, const struct ss_tuning *t)
{
    struct ss_device *const d = paper_device(cores);
    const bool kept = ss_tuning_keep(d, what, t);

    paper_free(d);
    return kept;
}

static struct ss_tuning some(int32_t first)
{
    return (struct ss_tuning){.numbers = {first, 2, 3, 4, 5, 6},
                              .ms = 1.25,
                              .gain = 1.5,
                              .candidates = 7,
                              .stamp = "2026-01-31T12:34:56Z"};
}

/* ---- what is kept ---- */

START_TEST(an_answer_is_found_by_another_process_for_its_question_and_device_alone)
{
    const struct ss_tuning want = some(1);
    struct ss_tuning got;

    ck_assert(!find_anew(2, "how?", &got));
    ck_assert(keep_anew(2, "how?", &want));
    ck_assert(find_anew(2, "how?", &got));
    ck_assert_mem_eq(got.numbers, want.numbers, sizeof(want.numbers));
    ck_assert_double_eq(got.ms, 1.25);
    ck_assert_double_eq(got.gain, 1.5);
    ck_assert_uint_eq(got.candidates, 7);
    ck_assert_str_eq(got.stamp, want.stamp);
    ck_assert(!find_anew(2, "how", &got));
    ck_assert(!find_anew(4, "how?", &got)); /* with more cores another way may be the fastest */
}
END_TEST

START_TEST(a_number_out_of_its_range_is_a_miss)
{
    const struct ss_tuning large = some(10);
    struct ss_tuning got;

    ck_assert(keep_anew(2, "how?", &large));
    ck_assert(!find_anew(2, "how?", &got));
}
END_TEST

START_TEST(where_nothing_can_be_written_an_answer_holds_for_its_process)
{
    const struct ss_tuning want = some(1);
    struct ss_device *const d = paper_device(2);
    struct ss_tuning got;

    scratch_text("slicescore", "a file where a folder should be");
    ck_assert(!ss_tuning_keep(d, "how?", &want));
    ck_assert(ss_tuning_find(d, "how?", most, &got));
    ck_assert_int_eq(got.numbers[0], 1);
    paper_free(d);
    ck_assert(!find_anew(2, "how?", &got));
}
END_TEST

/* The one file in the folder of answers. */
static void the_file(char path[512])
{
    char command[512];

    snprintf(command, sizeof(command), "ls '%s'/*.json", scratch_path("slicescore/tuning"));
    FILE *const f = popen(command, "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_ptr_nonnull(fgets(path, 512, f));
    path[strcspn(path, "\n")] = '\0';
    pclose(f);
}

static void overwrite(const char *path, const char *bytes, size_t n)
{
    FILE *const f = fopen(path, "wb");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

START_TEST(whatever_is_wrong_with_a_file_makes_a_miss)
{
    const struct ss_tuning want = some(1);
    struct ss_tuning got;
    char path[512], *text = NULL;
    uint64_t random = 1;
    size_t n = 0;

    ck_assert(keep_anew(2, "how?", &want));
    the_file(path);
    ok(ss_file_read(path, 1 << 16, &text, &n));
    for (size_t i = 0; i < n; i += 7) { /* cut short */
        overwrite(path, text, i);
        ck_assert_msg(!find_anew(2, "how?", &got), "%zu of %zu bytes", i, n);
    }
    const size_t checked = (size_t)(strstr(text, ",\"check\"") - text);
    for (int i = 0; i < 64; i++) { /* one bit wrong in what is checked */
        const size_t at = (size_t)(scratch_random(&random) % checked);
        const char bit = (char)(1 << (scratch_random(&random) % 8));
        text[at] ^= bit;
        overwrite(path, text, n);
        ck_assert_msg(!find_anew(2, "how?", &got), "byte %zu", at);
        text[at] ^= bit;
    }
    overwrite(path, text, n);
    ck_assert(find_anew(2, "how?", &got));
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert(!find_anew(2, "how?", &got));
    free(text);
}
END_TEST

START_TEST(an_answer_of_fewer_numbers_from_an_older_version_is_a_miss)
{
    const struct ss_tuning want = some(1);
    struct ss_tuning got;
    char path[512], tail[48], *text = NULL;
    size_t n = 0;

    ck_assert(keep_anew(2, "how?", &want));
    the_file(path);
    ok(ss_file_read(path, 1 << 16, &text, &n));
    char *const last = strstr(text, ", 6]"), *const check = strstr(text, ",\"check\"");
    ck_assert(last && check);
    memmove(last, last + 3, (size_t)(check - last) - 3);
    const size_t body = (size_t)(check - text) - 3;
    snprintf(tail, sizeof(tail), ",\"check\":\"%016" PRIx64 "\"}\n", (uint64_t)XXH3_64bits(text, body));
    memcpy(text + body, tail, strlen(tail));
    overwrite(path, text, body + strlen(tail));
    ck_assert(!find_anew(2, "how?", &got));
    ck_assert(keep_anew(2, "how?", &want)); /* and makes room for a new one */
    ck_assert(find_anew(2, "how?", &got));
    free(text);
}
END_TEST

/* Each writes and reads answers whose numbers are all the same: a torn one would show. */
static int work_together(int process)
{
    for (int round = 0; round < 40; round++) {
        const char question[2] = {(char)('a' + (process + round) % 4), '\0'};
        struct ss_tuning t = some(0), got;
        for (size_t i = 0; i < SS_TUNING_NUMBERS; i++)
            t.numbers[i] = (process + round) % 10;
        if (!keep_anew(2, question, &t) || !find_anew(2, question, &got))
            return 1;
        for (size_t i = 1; i < SS_TUNING_NUMBERS; i++)
            if (got.numbers[i] != got.numbers[0])
                return 2;
    }
    return 0;
}

START_TEST(thirty_two_processes_may_keep_and_find_answers_at_once)
{
    enum { PROCESSES = 32 };
    pid_t child[PROCESSES];

    for (int i = 0; i < PROCESSES; i++) {
        child[i] = fork(); /* before OpenCL is used here */
        ck_assert_int_ge(child[i], 0);
        if (child[i] == 0)
            _exit(work_together(i));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = 0;
        ck_assert_int_eq(waitpid(child[i], &status, 0), child[i]);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "process %d: %d", i, status);
    }
    char command[512], answer[32] = "";
    snprintf(command, sizeof(command), "ls '%s' | wc -l", scratch_path("slicescore/tuning"));
    FILE *const f = popen(command, "r");
    ck_assert_ptr_nonnull(fgets(answer, sizeof(answer), f));
    pclose(f);
    ck_assert_int_eq(atoi(answer), 4); /* and nothing half written is left */
}
END_TEST

/* ---- the contest ---- */

/* Candidates that sleep: as long as they say, with nothing to compute. */
enum { SLEEPERS = 6 };
struct sleeper {
    double ms;
    bool wrong, fails;
    size_t made, alive, timed;
};

struct sleep_bed {
    struct sleeper sleepers[SLEEPERS];
    struct ss_tuner_candidate candidates[SLEEPERS];
    struct ss_tuner_task task;
    size_t slow; /* does not build in time; 0: none */
};

static enum ss_status sleeper_make(void *context, const struct ss_tuner_candidate *c, void **made)
{
    struct sleep_bed *const b = context;
    struct sleeper *const s = &b->sleepers[c - b->candidates];

    if (s->fails)
        return SS_FAIL(SS_ERR_BUILD, "a candidate that cannot be built");
    s->made++;
    s->alive++;
    *made = s;
    return SS_OK;
}

static enum ss_status sleeper_right(void *context, void *made, bool *right)
{
    (void)context;
    *right = !((struct sleeper *)made)->wrong;
    return SS_OK;
}

static enum ss_status sleeper_enqueue(void *context, void *made)
{
    const struct timespec t = {0, (long)(1e6 * ((struct sleeper *)made)->ms)};

    (void)context;
    nanosleep(&t, NULL);
    return SS_OK;
}

static void sleeper_discard(void *context, void *made)
{
    (void)context;
    ((struct sleeper *)made)->alive--;
}

static bool sleeper_builds(void *context, size_t candidate)
{
    return candidate != ((struct sleep_bed *)context)->slow;
}

static struct sleep_bed *sleep_bed(const double *ms, size_t n)
{
    struct sleep_bed *const b = calloc(1, sizeof(*b));

    ck_assert_ptr_nonnull(b);
    b->task = (struct ss_tuner_task){.what = "who sleeps least?",
                                     .candidates = b->candidates,
                                     .n_candidates = n,
                                     .context = b,
                                     .make = sleeper_make,
                                     .right = sleeper_right,
                                     .enqueue = sleeper_enqueue,
                                     .discard = sleeper_discard};
    for (size_t i = 0; i < n; i++) {
        b->sleepers[i].ms = ms[i];
        b->candidates[i].numbers[0] = (int32_t)i;
        snprintf(b->candidates[i].name, sizeof(b->candidates[i].name), "sleeper %zu", i);
    }
    return b;
}

static void contest(struct sleep_bed *b, double seconds)
{
    const struct ss_tuner_options o = {.seconds = seconds, .builds = sleeper_builds, .context = b};

    ok(ss_tuner_run(device, &b->task, &o));
    for (size_t i = 0; i < b->task.n_candidates; i++)
        ck_assert_uint_eq(b->sleepers[i].alive, 0);
}

START_TEST(the_fastest_that_is_right_and_builds_wins_and_is_kept)
{
    const double ms[] = {4, 6, 0.5, 1, 0.7, 0.2};
    struct sleep_bed *const b = sleep_bed(ms, SLEEPERS);
    struct ss_tuning t;

    b->sleepers[2].wrong = true;
    b->sleepers[4].fails = true;
    b->slow = 5;
    contest(b, 5);
    ck_assert_uint_eq(b->task.winner, 3);
    ck_assert(b->task.answered && b->task.kept);
    ck_assert_int_eq(b->candidates[1].outcome, SS_TUNER_MEASURED);
    ck_assert_int_eq(b->candidates[2].outcome, SS_TUNER_WRONG);
    ck_assert_int_eq(b->candidates[4].outcome, SS_TUNER_FAILED);
    ck_assert_int_eq(b->candidates[5].outcome, SS_TUNER_SLOW);
    ck_assert_uint_eq(b->sleepers[5].made, 0);
    ck_assert_double_gt(b->candidates[3].gain, 1.5);
    ck_assert_double_lt(b->candidates[1].gain, 1);
    ck_assert(ss_tuning_find(device, b->task.what, most, &t));
    ck_assert_int_eq(t.numbers[0], 3);
    ck_assert_uint_eq(t.candidates, 3);
    free(b);
}
END_TEST

START_TEST(the_default_stays_where_nothing_is_faster_beyond_the_noise)
{
    const double ms[] = {2, 2, 2};
    struct sleep_bed *const b = sleep_bed(ms, 3);
    struct ss_tuning t;

    contest(b, 1);
    ck_assert_uint_eq(b->task.winner, 0);
    ck_assert(b->task.answered);
    ck_assert(ss_tuning_find(device, b->task.what, most, &t));
    ck_assert_int_eq(t.numbers[0], 0);
    free(b);
}
END_TEST

/* As another process would say. */
static enum ss_status sleeper_time_apart(void *context, size_t candidate, size_t n, double *seconds)
{
    struct sleeper *const s = &((struct sleep_bed *)context)->sleepers[candidate];

    s->timed += n;
    if (s->wrong || s->fails)
        return s->wrong ? SS_ERR_SELFTEST : SS_ERR_DEVICE;
    *seconds = 1e-3 * s->ms;
    return SS_OK;
}

START_TEST(candidates_apart_are_never_made_here_and_win_by_what_is_said_of_them)
{
    const double ms[] = {4, 2, 1, 0.5, 0.2};
    struct sleep_bed *const b = sleep_bed(ms, 5);
    struct ss_tuner_options o = {.seconds = 2, .builds = sleeper_builds, .context = b};

    b->candidates[2].apart = b->candidates[3].apart = b->candidates[4].apart = true;
    b->sleepers[3].wrong = b->sleepers[4].fails = true;
    ok(ss_tuner_run(device, &b->task, &o)); /* there is no such process */
    ck_assert_uint_eq(b->task.winner, 1);
    ck_assert_int_eq(b->candidates[2].outcome, SS_TUNER_UNTRIED);
    o.time_apart = sleeper_time_apart;
    ok(ss_tuner_run(device, &b->task, &o));
    ck_assert_uint_eq(b->task.winner, 2);
    ck_assert_int_eq(b->candidates[3].outcome, SS_TUNER_WRONG);
    ck_assert_int_eq(b->candidates[4].outcome, SS_TUNER_FAILED);
    ck_assert_uint_eq(b->sleepers[2].made + b->sleepers[3].made + b->sleepers[4].made, 0);
    ck_assert_uint_gt(b->sleepers[2].timed, 10);
    ck_assert_uint_eq(b->sleepers[1].alive, 0);
    free(b);
}
END_TEST

START_TEST(without_time_nothing_is_answered_and_nothing_kept)
{
    const double ms[] = {1, 1};
    struct sleep_bed *const b = sleep_bed(ms, 2);
    struct ss_tuning t;

    b->task.what = "who has no time?";
    contest(b, 1e-6);
    ck_assert(!b->task.answered && !b->task.kept);
    ck_assert_int_eq(b->candidates[1].outcome, SS_TUNER_UNTRIED);
    ck_assert(!ss_tuning_find(device, b->task.what, most, &t));
    free(b);
}
END_TEST

START_TEST(a_kept_answer_is_in_the_next_contest_first_and_falls_to_none_that_left_it_out)
{
    const double ms[] = {40, 30, 30, 30, 10}, slower[] = {2, 2, 2, 2, 30};
    struct sleep_bed *b = sleep_bed(ms, 5);
    struct ss_tuning t;

    b->task.what = "who slept least before?";
    contest(b, 5);
    ck_assert_uint_eq(b->task.winner, 4);
    free(b);

    b = sleep_bed(ms, 5); /* no time but for one */
    b->task.what = "who slept least before?";
    contest(b, 0.5);
    ck_assert_uint_eq(b->task.winner, 4);
    ck_assert_uint_eq(b->sleepers[1].made, 0);
    ck_assert(ss_tuning_find(device, b->task.what, most, &t));
    ck_assert_int_eq(t.numbers[0], 4);
    ck_assert_uint_eq(t.candidates, 5); /* of the contest that had more */
    b->candidates[4].apart = true;      /* and nobody to time it */
    contest(b, 1);
    ck_assert(ss_tuning_find(device, b->task.what, most, &t));
    ck_assert_int_eq(t.numbers[0], 4);
    free(b);

    b = sleep_bed(slower, 5);
    b->task.what = "who slept least before?";
    contest(b, 2);
    ck_assert(ss_tuning_find(device, b->task.what, most, &t));
    ck_assert_int_eq(t.numbers[0], 0);
    free(b);
}
END_TEST

START_TEST(a_default_that_is_wrong_is_an_error)
{
    const double ms[] = {1, 1};
    struct sleep_bed *const b = sleep_bed(ms, 2);
    const struct ss_tuner_options o = {.seconds = 1};

    b->sleepers[0].wrong = true;
    ck_assert_int_eq(ss_tuner_run(device, &b->task, &o), SS_ERR_SELFTEST);
    ck_assert_uint_eq(b->sleepers[0].alive, 0);
    free(b);
}
END_TEST

/* ---- ---- */

static void open_device(void)
{
    device = test_device_open();
}

static void close_device(void)
{
    ss_device_free(device);
}

static Suite *tuning_suite(void)
{
    Suite *const s = suite_create("tuning");
    TCase *t = tcase_create("what is kept");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, scratch_tear_down);
    tcase_add_test(t, an_answer_is_found_by_another_process_for_its_question_and_device_alone);
    tcase_add_test(t, a_number_out_of_its_range_is_a_miss);
    tcase_add_test(t, where_nothing_can_be_written_an_answer_holds_for_its_process);
    tcase_add_test(t, whatever_is_wrong_with_a_file_makes_a_miss);
    tcase_add_test(t, an_answer_of_fewer_numbers_from_an_older_version_is_a_miss);
    tcase_add_test(t, thirty_two_processes_may_keep_and_find_answers_at_once);
    suite_add_tcase(s, t);

    t = tcase_create("on a device");
    tcase_set_timeout(t, 300);
    tcase_add_unchecked_fixture(t, open_device, close_device);
    tcase_add_checked_fixture(t, set_up, scratch_tear_down);
    tcase_add_test(t, the_fastest_that_is_right_and_builds_wins_and_is_kept);
    tcase_add_test(t, the_default_stays_where_nothing_is_faster_beyond_the_noise);
    tcase_add_test(t, candidates_apart_are_never_made_here_and_win_by_what_is_said_of_them);
    tcase_add_test(t, without_time_nothing_is_answered_and_nothing_kept);
    tcase_add_test(t, a_kept_answer_is_in_the_next_contest_first_and_falls_to_none_that_left_it_out);
    tcase_add_test(t, a_default_that_is_wrong_is_an_error);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_device_suite(tuning_suite());
}
