#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "device/opencl.h"
#include "device/tuner.h"
#include "objective/tune.h"
#include "run/record.h"
#include "support/device.h"
#include "support/runs.h"
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

static const int32_t most[SS_TUNING_NUMBERS] = {9, 9, 9, 9, 9};

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
    return (struct ss_tuning){.numbers = {first, 2, 3, 4, 5},
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
    size_t made, alive;
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

START_TEST(candidates_that_must_be_alone_are_never_alive_together)
{
    const double ms[] = {4, 2, 1, 3};
    struct sleep_bed *const b = sleep_bed(ms, 4);

    b->candidates[1].alone = b->candidates[2].alone = b->candidates[3].alone = true;
    contest(b, 2);
    ck_assert_uint_eq(b->task.winner, 2);
    ck_assert_uint_eq(b->sleepers[1].made, 1);
    ck_assert_uint_eq(b->sleepers[2].made, 2); /* it came back for the rounds */
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

/* ---- losses ---- */

static struct ss_model *small_model(void)
{
    const struct ss_model_options o = {
        .kind = SS_MODEL_ENERGY, .hidden = {9, 5}, .n_hidden = 2, .activation = SS_ACTIVATION_SILU};
    struct ss_model *m = NULL;

    ok(ss_model_create(&o, 3, &m));
    return m;
}

static struct ss_loss_options small_loss(void)
{
    return (struct ss_loss_options){
        .objective = {.kind = SS_OBJECTIVE_SSM, .count = 2}, .rows = 30, .gradient = true};
}

static struct ss_tuner_candidate *candidate(struct ss_loss_tune *t, const char *name)
{
    struct ss_tuner_task *const task = ss_loss_tune_task(t);

    for (size_t i = 0; i < task->n_candidates; i++)
        if (strstr(task->candidates[i].name, name))
            return &task->candidates[i];
    ck_abort_msg("no candidate '%s'", name);
    return NULL;
}

START_TEST(candidates_of_a_loss_are_right_by_the_plain_kernels_and_a_wrong_one_is_seen)
{
    static const char *const names[] = {"layered", "fused"};
    struct ss_model *const m = small_model();
    const struct ss_loss_options o = small_loss();
    struct ss_loss_tune *t = NULL;

    ok(ss_loss_tune_create(device, m, &o, &t));
    struct ss_tuner_task *const task = ss_loss_tune_task(t);
    ck_assert_uint_gt(task->n_candidates, 2);
    for (size_t i = 0; i < SS_COUNT(names); i++) {
        void *made = NULL;
        bool right = false;
        if (strcmp(names[i], "fused") == 0 && ss_device_info(device)->unfinished)
            continue;
        ok(task->make(task->context, candidate(t, names[i]), &made));
        ok(task->right(task->context, made, &right));
        ck_assert_msg(right, "%s", names[i]);
        /* other rows are another loss */
        const float moved = 3;
        ok(ss_span_write(ss_loss_rows(made), &moved, 1));
        ok(task->right(task->context, made, &right));
        ck_assert_msg(!right, "%s with other rows", names[i]);
        task->discard(task->context, made);
    }
    ss_loss_tune_free(t);
    ss_model_free(m);
}
END_TEST

static enum ss_plan_kind plan_of(const struct ss_model *m, const struct ss_loss_options *o, const char *why)
{
    struct ss_loss *l = NULL;
    struct ss_text text;

    ok(ss_loss_create(device, m, o, &l));
    const enum ss_plan_kind plan = ss_loss_plan_kind(l);
    ss_text_init(&text);
    ss_loss_why(l, &text);
    ck_assert_msg(strstr(text.data, why) != NULL, "'%s' in: %s", why, text.data);
    ss_text_release(&text);
    ss_loss_free(l);
    return plan;
}

START_TEST(a_loss_takes_what_was_measured_and_what_is_asked_for_by_name_comes_first)
{
    struct ss_model *const m = small_model();
    struct ss_loss_options o = small_loss();
    struct ss_loss_tune *t = NULL;
    const enum ss_plan_kind by_rule = plan_of(m, &o, "by rule");
    size_t bytes = 0, measured = 0;

    ok(ss_loss_tune_create(device, m, &o, &t));
    struct ss_tuning answer = some(0);
    ok(ss_loss_bytes(device, m, &o, &bytes));
    memcpy(answer.numbers, candidate(t, by_rule == SS_PLAN_FUSED ? "layered" : "clblast")->numbers,
           sizeof(answer.numbers));
    ck_assert(ss_tuning_keep(device, ss_loss_tune_task(t)->what, &answer));
    ck_assert_int_eq(plan_of(m, &o, "measured here on 2026-01-31: 1.50 times"), SS_PLAN_LAYERED);
    ok(ss_loss_bytes(device, m, &o, &measured));
    ck_assert(by_rule == SS_PLAN_LAYERED || measured != bytes);
    o.unmeasured = true;
    ck_assert_int_eq(plan_of(m, &o, "by rule"), by_rule);
    o.unmeasured = false;
    o.rows = 31; /* another question */
    ck_assert_int_eq(plan_of(m, &o, "by rule"), by_rule);
    o.rows = 30;
    o.engine.plan = by_rule;
    ck_assert_int_eq(plan_of(m, &o, "by rule"), by_rule);
    ss_loss_tune_free(t);
    ss_model_free(m);
}
END_TEST

START_TEST(numbers_that_cannot_be_had_are_refused_when_given_and_passed_over_when_kept)
{
    const int32_t bad[SS_TUNING_NUMBERS] = {99, 0, 0, 0, 0};
    struct ss_model *const m = small_model();
    struct ss_loss_options o = small_loss();
    struct ss_loss_tune *t = NULL;
    struct ss_loss *l = NULL;
    struct ss_tuning answer = some(0);

    o.numbers = bad;
    ck_assert_int_eq(ss_loss_create(device, m, &o, &l), SS_ERR_USAGE);
    ck_assert_ptr_null(l);
    o.numbers = NULL;
    o.rows = 29;
    ok(ss_loss_tune_create(device, m, &o, &t));
    memcpy(answer.numbers, bad, sizeof(bad));
    ss_tuning_keep(device, ss_loss_tune_task(t)->what, &answer);
    plan_of(m, &o, "by rule");
    ss_loss_tune_free(t);
    ss_model_free(m);
}
END_TEST

/* ---- a run goes on as it began ---- */

static const char experiment[] = "data: {source: gaussian, rows: 300, dimension: 3}\n"
                                 "model: {kind: energy, hidden: [9, 5], quadratic: none}\n"
                                 "objective: {kind: ssm, count: 2}\n"
                                 "train: {steps: 6, batch: 28, checkpoint: {every: 3}}\n"
                                 "evaluate: {every: 3, rows: 20}\n";

static void record_of(const char *run, struct ss_run_record *r)
{
    ss_run_record_init(r);
    ok(ss_run_record_read(scratch_path(run), r));
}

static void last_weights(const char *run, char **bytes, size_t *n)
{
    char name[64];

    snprintf(name, sizeof(name), "%s/ckpt/step-00000006.safetensors", run);
    ok(ss_file_read(scratch_path(name), 1 << 20, bytes, n));
}

/* The answer that the layered plan is faster for the loss of `experiment`. */
static void keep_layered(void)
{
    const struct ss_model_options net = {
        .kind = SS_MODEL_ENERGY, .hidden = {9, 5}, .n_hidden = 2, .activation = SS_ACTIVATION_SILU};
    struct ss_loss_options o = small_loss();
    struct ss_tuning answer = some(0);
    struct ss_loss_tune *t = NULL;
    struct ss_model *m = NULL;

    o.rows = 28;
    ok(ss_model_create(&net, 3, &m));
    ok(ss_loss_tune_create(device, m, &o, &t));
    memcpy(answer.numbers, candidate(t, "layered")->numbers, sizeof(answer.numbers));
    ck_assert(ss_tuning_keep(device, ss_loss_tune_task(t)->what, &answer));
    ss_loss_tune_free(t);
    ss_model_free(m);
}

START_TEST(a_run_goes_on_by_the_way_it_began_to_the_same_bits_whatever_is_measured_since)
{
    char *whole = NULL, *resumed = NULL, *begun_after = NULL;
    struct ss_run_record whole_record, resumed_record, after_record;
    size_t n[3];

    if (ss_device_info(device)->unfinished) {
        printf("skip: going on by the way it began: there is one plan on this device\n");
        return;
    }
    scratch_text("exp.yaml", experiment);
    test_run(device, "whole", NULL, false);
    test_run(device, "halves", "train.steps=3", false);
    keep_layered();
    test_run(device, "halves", "train.steps=6", true);
    test_run(device, "after", NULL, false);
    last_weights("whole", &whole, &n[0]);
    last_weights("halves", &resumed, &n[1]);
    last_weights("after", &begun_after, &n[2]);
    ck_assert_uint_eq(n[0], n[1]);
    ck_assert_mem_eq(whole, resumed, n[0]);
    ck_assert(n[0] != n[2] ||
              memcmp(whole, begun_after, n[0]) != 0); /* the plans differ in their last bits */
    record_of("whole", &whole_record);
    record_of("halves", &resumed_record);
    record_of("after", &after_record);
    ck_assert_int_eq(whole_record.engine[0], SS_PLAN_FUSED); /* what the rule chose */
    ck_assert_str_eq(whole_record.plan, resumed_record.plan);
    ck_assert_mem_eq(whole_record.engine, resumed_record.engine, sizeof(whole_record.engine));
    ck_assert_int_eq(after_record.engine[0], SS_PLAN_LAYERED);
    ss_run_record_release(&resumed_record);
    ss_run_record_release(&whole_record);
    ss_run_record_release(&after_record);
    free(whole);
    free(resumed);
    free(begun_after);
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
    tcase_add_test(t, thirty_two_processes_may_keep_and_find_answers_at_once);
    suite_add_tcase(s, t);

    t = tcase_create("on a device");
    tcase_set_timeout(t, 300);
    tcase_add_unchecked_fixture(t, open_device, close_device);
    tcase_add_checked_fixture(t, set_up, scratch_tear_down);
    tcase_add_test(t, the_fastest_that_is_right_and_builds_wins_and_is_kept);
    tcase_add_test(t, the_default_stays_where_nothing_is_faster_beyond_the_noise);
    tcase_add_test(t, candidates_that_must_be_alone_are_never_alive_together);
    tcase_add_test(t, without_time_nothing_is_answered_and_nothing_kept);
    tcase_add_test(t, a_default_that_is_wrong_is_an_error);
    tcase_add_test(t, candidates_of_a_loss_are_right_by_the_plain_kernels_and_a_wrong_one_is_seen);
    tcase_add_test(t, a_loss_takes_what_was_measured_and_what_is_asked_for_by_name_comes_first);
    tcase_add_test(t, numbers_that_cannot_be_had_are_refused_when_given_and_passed_over_when_kept);
    tcase_add_test(t, a_run_goes_on_by_the_way_it_began_to_the_same_bits_whatever_is_measured_since);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_device_suite(tuning_suite());
}
