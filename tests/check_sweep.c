#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "run/sweep.h"
#include "run/sweep_table.h"
#include "tests/support/scratch.h"

#define BASE "data: {source: rings}\nmodel: {kind: energy}\nobjective: {kind: ssm}\n"

enum { MANY = 60 };

static struct ss_ledger *open_ledger(void)
{
    struct ss_ledger *l = NULL;

    ck_assert_msg(ss_ledger_open(scratch_path("s"), true, &l) == SS_OK, "%s", scratch_said());
    return l;
}

/* `n` points whose settings are {"a": "i/2"} with two seeds each. */
static void add_points(struct ss_ledger *l, size_t n)
{
    struct ss_point p[MANY];
    char texts[MANY][3][64];

    for (size_t i = 0; i < n; i++) {
        snprintf(texts[i][0], 64, "digest-%zu", i);
        snprintf(texts[i][1], 64, "{\"a\": \"%zu\", \"seed\": \"%zu\"}", i / 2, i % 2);
        snprintf(texts[i][2], 64, "{\"a\": \"%zu\"}", i / 2);
        p[i] = (struct ss_point){.id = (long long)i + 1,
                                 .digest = texts[i][0],
                                 .setting = texts[i][1],
                                 .group = texts[i][2],
                                 .overrides = (char *)"[]",
                                 .resolved = texts[i][0]};
    }
    ck_assert_msg(ss_ledger_add(l, p, n) == SS_OK, "%s", scratch_said());
}

static void claim(struct ss_ledger *l, const char *owner, double lease, struct ss_point *out)
{
    ck_assert_msg(ss_ledger_claim(l, owner, lease, out) == SS_OK, "%s", scratch_said());
}

static bool finish(struct ss_ledger *l, long long id, const char *owner, enum ss_point_status status,
                   const char *result)
{
    const struct ss_outcome o = {
        .status = status, .failure = status == SS_POINT_FAILED, .result = result, .seconds = 2};
    bool held = false;

    ck_assert_msg(ss_ledger_finish(l, id, owner, &o, &held) == SS_OK, "%s", scratch_said());
    return held;
}

static struct ss_counts count(struct ss_ledger *l)
{
    struct ss_counts c;

    ck_assert_int_eq(ss_ledger_count(l, &c), SS_OK);
    return c;
}

static void wait_all(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int status = -1;
        ck_assert_int_gt(wait(&status), 0);
        ck_assert_int_eq(status, 0);
    }
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* ---- the ledger ---- */

START_TEST(processes_that_make_one_ledger_at_once_make_one)
{
    for (int child = 0; child < 4; child++) {
        if (fork() == 0) {
            struct ss_ledger *l = NULL;
            if (ss_ledger_open(scratch_path("s"), true, &l) != SS_OK)
                _exit(1);
            add_points(l, 10);
            ss_ledger_close(l);
            _exit(0);
        }
    }
    wait_all(4);
    struct ss_ledger *const l = open_ledger();
    ck_assert_uint_eq(count(l).points, 10);
    ck_assert_uint_eq(count(l).waiting, 10);
    ss_ledger_close(l);
}
END_TEST

START_TEST(processes_that_share_the_points_take_each_once)
{
    struct ss_ledger *l = open_ledger();
    struct ss_points all = {0};

    add_points(l, MANY);
    ss_ledger_close(l);
    for (int child = 0; child < 4; child++) {
        if (fork() != 0)
            continue;
        struct ss_point p;
        char owner[160];
        ss_ledger_owner(owner);
        l = open_ledger();
        for (claim(l, owner, 60, &p); p.id; claim(l, owner, 60, &p)) {
            if (!finish(l, p.id, owner, SS_POINT_DONE, NULL))
                _exit(1);
            ss_point_release(&p);
        }
        ss_ledger_close(l);
        _exit(0);
    }
    wait_all(4);
    l = open_ledger();
    ck_assert_uint_eq(count(l).done, MANY);
    ck_assert_int_eq(ss_ledger_list(l, &all), SS_OK);
    for (size_t i = 0; i < all.count; i++) {
        ck_assert_int_eq(all.items[i].attempts, 1);
        ck_assert_int_eq(all.items[i].id, (long long)i + 1);
        ck_assert_uint_eq(strlen(all.items[i].finished_at), 20);
    }
    ss_points_release(&all);
    ss_ledger_close(l);
}
END_TEST

START_TEST(a_lease_that_ran_out_is_taken_up_and_its_old_holder_can_end_nothing)
{
    struct ss_ledger *const l = open_ledger();
    struct ss_point p, q;
    bool held = true;

    add_points(l, 1);
    claim(l, "one", 0.05, &p);
    ck_assert_int_eq(p.id, 1);
    claim(l, "two", 60, &q);
    ck_assert_int_eq(q.id, 0); /* still held */
    ck_assert_int_eq(ss_ledger_beat(l, 1, "one", 0.3, &held), SS_OK);
    ck_assert(held);
    sleep_ms(100);
    claim(l, "two", 60, &q);
    ck_assert_int_eq(q.id, 0); /* the beat renewed it */
    sleep_ms(300);
    ck_assert_uint_eq(count(l).running, 0);
    claim(l, "two", 60, &q);
    ck_assert_int_eq(q.id, 1);
    ck_assert_int_eq(q.attempts, 2);
    ck_assert(!finish(l, 1, "one", SS_POINT_DONE, NULL));
    ck_assert_int_eq(ss_ledger_beat(l, 1, "one", 60, &held), SS_OK);
    ck_assert(!held);
    ck_assert_uint_eq(count(l).done, 0);
    ck_assert(finish(l, 1, "two", SS_POINT_DONE, NULL));
    ck_assert_uint_eq(count(l).done, 1);
    ss_point_release(&p);
    ss_point_release(&q);
    ss_ledger_close(l);
}
END_TEST

START_TEST(points_of_a_process_that_was_killed_are_given_up_at_the_next_beginning)
{
    struct ss_ledger *l = open_ledger();
    struct ss_point p;
    char owner[160];

    add_points(l, 3);
    ss_ledger_close(l);
    const pid_t child = fork();
    if (child == 0) {
        l = open_ledger();
        ss_ledger_owner(owner);
        claim(l, owner, 3600, &p);
        kill(getpid(), SIGKILL);
    }
    siginfo_t info; /* it stays a zombie */
    ck_assert_int_eq(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    ck_assert_int_eq(info.si_code, CLD_KILLED);
    l = open_ledger();
    ss_ledger_owner(owner);
    claim(l, owner, 3600, &p); /* the second one: by a process that lives */
    ck_assert_int_eq(p.id, 2);
    ck_assert_uint_eq(count(l).running, 2);
    ck_assert_int_eq(ss_ledger_begin(l), SS_OK);
    ck_assert_uint_eq(count(l).running, 1);
    ck_assert_uint_eq(count(l).waiting, 2);
    ss_point_release(&p);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ss_ledger_close(l);
}
END_TEST

START_TEST(a_point_that_kills_its_workers_fails_and_waits_again_at_the_next_beginning)
{
    struct ss_ledger *const l = open_ledger();
    struct ss_points all = {0};
    struct ss_point p;
    char owner[160];

    add_points(l, 1);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(count(l).failed, 0);
        ss_ledger_owner(owner);
        claim(l, owner, 60, &p);
        ck_assert_int_eq(p.id, 1);
        ss_point_release(&p);
        ck_assert_int_eq(ss_ledger_bury(l, (long)getpid(), 3, "killed by signal 11"), SS_OK);
    }
    ck_assert_uint_eq(count(l).failed, 1);
    ck_assert_int_eq(ss_ledger_list(l, &all), SS_OK);
    ck_assert_str_eq(all.items[0].error, "killed by signal 11");
    ck_assert_int_eq(all.items[0].attempts, 3);
    ck_assert_int_eq(ss_ledger_begin(l), SS_OK);
    ck_assert_uint_eq(count(l).waiting, 1);
    ss_points_release(&all);
    ss_ledger_close(l);
}
END_TEST

START_TEST(failures_are_counted_until_the_next_beginning)
{
    struct ss_ledger *const l = open_ledger();
    const struct ss_outcome again = {.status = SS_POINT_WAITING, .failure = true, .error = "no"};
    struct ss_point p;
    size_t failures = 0;
    bool held = false;

    add_points(l, 1);
    claim(l, "me", 60, &p);
    ss_point_release(&p);
    ck_assert_int_eq(ss_ledger_finish(l, 1, "me", &again, &held), SS_OK);
    ck_assert_int_eq(ss_ledger_failures(l, 1, &failures), SS_OK);
    ck_assert_uint_eq(failures, 1);
    claim(l, "me", 60, &p);
    ck_assert_int_eq(p.id, 1);
    ss_point_release(&p);
    ck_assert(finish(l, 1, "me", SS_POINT_FAILED, NULL));
    ck_assert_int_eq(ss_ledger_failures(l, 1, &failures), SS_OK);
    ck_assert_uint_eq(failures, 2);
    ck_assert_int_eq(ss_ledger_begin(l), SS_OK);
    ck_assert_int_eq(ss_ledger_failures(l, 1, &failures), SS_OK);
    ck_assert_uint_eq(failures, 0);
    ss_ledger_close(l);
}
END_TEST

START_TEST(what_is_no_ledger_is_told_from_one)
{
    struct ss_ledger *l = NULL;

    ck_assert_int_eq(ss_ledger_open(scratch_path("none"), false, &l), SS_ERR_FILE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "no such folder"));
    ck_assert_int_eq(ss_folder_create(scratch_path("s")), SS_OK);
    ck_assert_int_eq(ss_ledger_open(scratch_path("s"), false, &l), SS_ERR_FILE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "sweep.db is not in it"));
    scratch_text("s/sweep.db",
                 "this is some text and no database, long enough for the header of one to be read: "
                 "a hundred bytes are wanted for that");
    ck_assert_int_eq(ss_ledger_open(scratch_path("s"), false, &l), SS_ERR_CORRUPT);
    ck_assert_int_eq(ss_ledger_open(scratch_path("s"), true, &l), SS_ERR_CORRUPT);
    scratch_text("s/sweep.db", "");
    ck_assert_int_eq(ss_ledger_open(scratch_path("s"), false, &l), SS_ERR_CORRUPT);
    ck_assert_ptr_null(l);
}
END_TEST

START_TEST(a_ledger_of_a_newer_version_is_refused)
{
    struct ss_ledger *l = open_ledger();
    const unsigned char version[] = {0, 0, 0, 9};

    ss_ledger_close(l);
    FILE *const f = fopen(scratch_path("s/sweep.db"), "r+b");
    ck_assert_ptr_nonnull(f);
    fseek(f, 60, SEEK_SET); /* user_version in SQLite's header, big-endian */
    fwrite(version, 1, 4, f);
    fclose(f);
    ck_assert_int_eq(ss_ledger_open(scratch_path("s"), true, &l), SS_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "newer slicescore (format 9"));
}
END_TEST

START_TEST(a_full_disk_is_an_error_and_what_was_written_stays)
{
    struct ss_ledger *l = open_ledger();

    add_points(l, 4);
    ss_ledger_close(l);
    if (fork() == 0) {
        char *const large = calloc(1, 1 << 20);
        struct ss_point p = {.id = 9,
                             .digest = (char *)"x",
                             .setting = (char *)"{}",
                             .group = (char *)"{}",
                             .overrides = (char *)"[]",
                             .resolved = large};
        memset(large, 'y', (1 << 20) - 1);
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 17, 1 << 17});
        if (ss_ledger_open(scratch_path("s"), true, &l) != SS_OK)
            _exit(2);
        const enum ss_status st = ss_ledger_add(l, &p, 1);
        free(large);
        ss_ledger_close(l);
        _exit(st == SS_ERR_FILE ? 0 : 1);
    }
    wait_all(1);
    l = open_ledger();
    ck_assert_uint_eq(count(l).points, 4);
    ss_ledger_close(l);
}
END_TEST

/* ---- points of a file ---- */

static enum ss_status plan(const char *text, struct ss_sweep_request *r, struct ss_points *out, size_t *same)
{
    r->path = scratch_text("exp.yaml", text);
    return ss_sweep_plan(r, out, same);
}

START_TEST(shards_cover_the_points_exactly_once)
{
    static const char text[] = BASE "sweep: {grid: {train.batch: [1, 2, 3, 4, 5, 5.0, 7]}, repeat: 3}\n";
    struct ss_sweep_request r = {0};
    struct ss_points all = {0};
    size_t same = 0;

    ck_assert_msg(plan(text, &r, &all, &same) == SS_OK, "%s", scratch_said());
    ck_assert_uint_eq(all.count, 18);
    ck_assert_uint_eq(same, 3); /* 5 and 5.0 */
    for (r.shards = 1; r.shards < 22; r.shards += 5) {
        size_t met[32] = {0};
        for (r.shard = 1; r.shard <= r.shards; r.shard++) {
            struct ss_points part = {0};
            ck_assert_int_eq(ss_sweep_plan(&r, &part, &same), SS_OK);
            for (size_t i = 0; i < part.count; i++) {
                const size_t id = (size_t)part.items[i].id;
                met[id]++;
                ck_assert_str_eq(part.items[i].digest, all.items[id - 1].digest);
            }
            ss_points_release(&part);
        }
        for (size_t id = 1; id <= all.count; id++)
            ck_assert_uint_eq(met[id], 1);
    }
    ss_points_release(&all);
}
END_TEST

START_TEST(a_point_that_is_no_experiment_is_told_before_any_is_run)
{
    struct ss_sweep_request r = {0};
    struct ss_points p = {0};
    size_t same = 0;

    ck_assert_int_eq(
        plan("model: {kind: energy}\nobjective: {kind: ssm}\nsweep: {repeat: 2}\n", &r, &p, &same),
        SS_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "training needs a `data:` block"));
    scratch_hush();
    ck_assert_int_eq(
        plan(BASE "sweep: {grid: {objective.kind: [ssm, dsm], objective.count: [2]}}\n", &r, &p, &same),
        SS_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "objective.count: not used"));
    ck_assert_ptr_nonnull(strstr(scratch_said(), "this is point 2 of 2; none has been run"));
}
END_TEST

static enum ss_status compare(struct ss_ledger *l, const char *text)
{
    struct ss_sweep_request r = {.folder = "DIR"};
    struct ss_points p = {0};
    size_t same = 0;

    scratch_hush();
    ck_assert_msg(plan(text, &r, &p, &same) == SS_OK, "%s", scratch_said());
    enum ss_status st = ss_sweep_compare(&r, l, &p);
    if (st == SS_OK)
        st = ss_ledger_add(l, p.items, p.count);
    ss_points_release(&p);
    return st;
}

START_TEST(a_changed_file_is_refused_and_the_difference_shown)
{
    struct ss_ledger *const l = open_ledger();

    ck_assert_int_eq(compare(l, BASE "sweep: {grid: {train.batch: [8, 16]}}\n"), SS_OK);
    ck_assert_int_eq(compare(l, BASE "# a word\nsweep: {grid: {train.batch: [8, 16.0]}}\n"), SS_OK);
    ck_assert_uint_eq(count(l).points, 2);
    ck_assert_int_eq(compare(l, BASE "train: {clip: 2}\nsweep: {grid: {train.batch: [8, 16]}}\n"),
                     SS_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "\n    was: train.clip: 0\n    now: train.clip: 2\n"));
    ck_assert_ptr_null(strstr(scratch_said(), "train.batch"));
    ck_assert_int_eq(compare(l, BASE "sweep: {grid: {train.batch: [8]}}\n"), SS_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "point 2 of the sweep in DIR is no longer in it"));
    ck_assert_uint_eq(count(l).points, 2);
    ck_assert_int_eq(compare(l, BASE "sweep: {grid: {train.batch: [4, 8, 16, 32]}}\n"),
                     SS_OK); /* more may come */
    ck_assert_uint_eq(count(l).points, 4);
    ss_ledger_close(l);
}
END_TEST

/* ---- results ---- */

#define RESULT(x, e) "{\"loss\": 1, \"metrics\": {\"esm\": {\"mean\": " x ", \"standard_error\": " e "}}}"

static void finish_four(void)
{
    static const char *const results[] = {RESULT("1", "0.5"), RESULT("3", "0.5"), RESULT("-4", "1"), NULL};
    struct ss_ledger *const l = open_ledger();
    struct ss_point p;

    add_points(l, 4);
    for (size_t i = 0; i < 4; i++) {
        claim(l, "me", 60, &p);
        finish(l, p.id, "me", results[i] ? SS_POINT_DONE : SS_POINT_FAILED, results[i]);
        ss_point_release(&p);
    }
    ss_ledger_close(l);
}

static char *table(const struct ss_table_options *o)
{
    struct ss_text t;

    ss_text_init(&t);
    ck_assert_msg(ss_sweep_table(scratch_path("s"), o, &t) == SS_OK, "%s", scratch_said());
    return ss_text_detach(&t);
}

START_TEST(a_table_has_a_row_for_each_point_and_means_over_seeds)
{
    finish_four();
    char *const json = table(&(struct ss_table_options){.format = SS_TABLE_JSON});
    ck_assert_ptr_nonnull(strstr(json,
                                 "\"columns\": [\"point\", \"a\", \"seed\", \"status\", \"attempts\", "
                                 "\"finished_at\", \"seconds\", \"esm\", \"esm_standard_error\", \"loss\"]"));
    ck_assert_ptr_nonnull(strstr(json, "[3, 1, 0, \"done\", 1, \"2"));
    ck_assert_ptr_nonnull(strstr(json, "[4, 1, 1, \"failed\", 1, \"2"));
    free(json);
    char *const csv =
        table(&(struct ss_table_options){.format = SS_TABLE_CSV, .mean = true, .metrics = "esm"});
    /* 1 and 3: mean 2, standard deviation sqrt(2), over sqrt(2) */
    ck_assert_str_eq(csv, "a,points,done,esm,esm_standard_error\n0,2,2,2,1\n1,2,1,-4,\n");
    free(csv);
    char *const plain = table(&(struct ss_table_options){.mean = true, .metrics = "esm"});
    ck_assert_str_eq(plain, "a  points  done  esm  esm_standard_error\n0  2       2     2    1\n"
                            "1  2       1     -4   -\n");
    free(plain);
    struct ss_text t;
    ss_text_init(&t);
    ck_assert_int_eq(ss_sweep_table(scratch_path("s"), &(struct ss_table_options){.metrics = "esn"}, &t),
                     SS_ERR_USAGE);
    ss_text_release(&t);
}
END_TEST

START_TEST(the_best_is_the_lowest_mean_over_seeds)
{
    struct ss_best b = {0};

    finish_four();
    ck_assert_msg(ss_sweep_best(scratch_path("s"), NULL, &b) == SS_OK, "%s", scratch_said());
    ck_assert_int_eq(b.point, 3);
    ck_assert_str_eq(b.metric, "esm");
    ck_assert_str_eq(b.resolved, "digest-2");
    ck_assert_str_eq(b.run, "runs/00003");
    ck_assert_uint_eq(b.seeds, 1);
    ck_assert_double_eq(b.mean, -4);
    ck_assert(isnan(b.standard_error));
    ss_best_release(&b);
    ck_assert_int_eq(ss_sweep_best(scratch_path("s"), "ssm", &b), SS_ERR_USAGE);
}
END_TEST

START_TEST(shards_are_joined_and_what_is_done_stays_done)
{
    struct ss_ledger *l = NULL;
    struct ss_points all = {0};
    struct ss_counts c;
    struct ss_point p;

    finish_four(); /* in s */
    ck_assert_int_eq(ss_folder_create(scratch_path("all")), SS_OK);
    ck_assert_int_eq(ss_sweep_merge(scratch_path("all"), &c), SS_ERR_FILE);
    ck_assert_int_eq(rename(scratch_path("s"), scratch_path("all/shard-1-of-2")), 0);
    ck_assert_int_eq(ss_ledger_open(scratch_path("all"), true, &l), SS_OK);
    add_points(l, 6);
    claim(l, "me", 60, &p);
    ck_assert(finish(l, p.id, "me", SS_POINT_DONE, RESULT("7", "0")));
    ss_point_release(&p);
    ss_ledger_close(l);
    ck_assert_msg(ss_sweep_merge(scratch_path("all"), &c) == SS_OK, "%s", scratch_said());
    ck_assert_uint_eq(c.points, 6);
    ck_assert_uint_eq(c.done, 3);
    ck_assert_uint_eq(c.failed, 1);
    ck_assert_int_eq(ss_sweep_merge(scratch_path("all"), &c), SS_OK); /* again: the same */
    ck_assert_uint_eq(c.points, 6);
    ck_assert_uint_eq(c.done, 3);
    ck_assert_int_eq(ss_ledger_open(scratch_path("all"), false, &l), SS_OK);
    ck_assert_int_eq(ss_ledger_list(l, &all), SS_OK);
    ck_assert_ptr_nonnull(strstr(all.items[0].result, "7"));
    ck_assert_str_eq(all.items[0].folder, "runs/00001");
    ck_assert_str_eq(all.items[1].folder, "shard-1-of-2/runs/00002");
    ck_assert_str_eq(all.items[4].folder, "runs/00005");
    ss_points_release(&all);
    ss_ledger_close(l);
}
END_TEST

START_TEST(a_batch_script_quotes_what_a_shell_would_take_apart)
{
    struct ss_ledger *const l = open_ledger();
    char *file = NULL, *text = NULL;
    size_t size = 0;

    ck_assert_int_eq(ss_sweep_slurm(scratch_path("s"), "prog", 3, 2, 4, NULL, &file), SS_ERR_CORRUPT);
    ck_assert_int_eq(ss_ledger_set_note(l, "path", "/a b/it's.yaml"), SS_OK);
    ck_assert_int_eq(ss_ledger_set_note(l, "words", "[\"train.batch=1,2\", \"name=$x\"]"), SS_OK);
    ss_ledger_close(l);
    ck_assert_msg(ss_sweep_slurm(scratch_path("s"), "prog", 3, 2, 4, "01:00:00", &file) == SS_OK, "%s",
                  scratch_said());
    ck_assert_int_eq(ss_file_read(file, 1 << 16, &text, &size), SS_OK);
    ck_assert_ptr_nonnull(strstr(text, "'prog' sweep '/a b/it'\\''s.yaml' 'train.batch=1,2' 'name=$x' -o '"));
    ck_assert_ptr_nonnull(strstr(text, "--shard \"$SLURM_ARRAY_TASK_ID/3\" --jobs 2"));
    ck_assert_ptr_nonnull(strstr(text, "#SBATCH --array=1-3\n"));
    ck_assert_ptr_nonnull(strstr(text, "#SBATCH --cpus-per-task=4\n"));
    ck_assert_ptr_nonnull(strstr(text, "#SBATCH --signal=B:USR1@120\n"));
    ck_assert_ptr_nonnull(strstr(text, "#SBATCH --time=01:00:00\n"));
    free(text);
    free(file);
    ck_assert_int_eq(ss_sweep_slurm(scratch_path("s"), "prog", 3, 2, 4, "1 2", &file), SS_ERR_USAGE);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("sweep");
    TCase *const c = tcase_create("sweep");

    tcase_add_checked_fixture(c, scratch_set_up, scratch_tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, processes_that_make_one_ledger_at_once_make_one);
    tcase_add_test(c, processes_that_share_the_points_take_each_once);
    tcase_add_test(c, a_lease_that_ran_out_is_taken_up_and_its_old_holder_can_end_nothing);
    tcase_add_test(c, points_of_a_process_that_was_killed_are_given_up_at_the_next_beginning);
    tcase_add_test(c, a_point_that_kills_its_workers_fails_and_waits_again_at_the_next_beginning);
    tcase_add_test(c, failures_are_counted_until_the_next_beginning);
    tcase_add_test(c, what_is_no_ledger_is_told_from_one);
    tcase_add_test(c, a_ledger_of_a_newer_version_is_refused);
    tcase_add_test(c, a_full_disk_is_an_error_and_what_was_written_stays);
    tcase_add_test(c, shards_cover_the_points_exactly_once);
    tcase_add_test(c, a_point_that_is_no_experiment_is_told_before_any_is_run);
    tcase_add_test(c, a_changed_file_is_refused_and_the_difference_shown);
    tcase_add_test(c, a_table_has_a_row_for_each_point_and_means_over_seeds);
    tcase_add_test(c, the_best_is_the_lowest_mean_over_seeds);
    tcase_add_test(c, shards_are_joined_and_what_is_done_stays_done);
    tcase_add_test(c, a_batch_script_quotes_what_a_shell_would_take_apart);
    suite_add_tcase(suite, c);
    SRunner *const r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
