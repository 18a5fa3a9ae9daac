/* Successive halving in the ledger: who goes on, and what that may depend on. */
#include <check.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "run/sweep.h"
#include "run/sweep_halving.h"
#include "tests/support/scratch.h"

enum { SETTINGS = 5, SEEDS = 2, POINTS = SETTINGS * SEEDS };

/* Means 3, 1, 1, 2, 0.5: of equals the first comes first. */
static const double objectives[POINTS] = {2, 4, 1, 1, 1.5, 0.5, 2, 2, 0.25, 0.75};

static struct ss_ledger *make(const char *name, struct ss_halving h)
{
    struct ss_ledger *l = NULL;
    struct ss_point p[POINTS];
    char texts[POINTS][2][32];

    ck_assert_msg(ss_ledger_open(scratch_path(name), true, &l) == SS_OK, "%s", scratch_said());
    for (size_t i = 0; i < POINTS; i++) {
        snprintf(texts[i][0], 32, "digest-%zu", i);
        snprintf(texts[i][1], 32, "{\"a\": \"%zu\"}", i / SEEDS);
        p[i] = (struct ss_point){.id = (long long)i + 1,
                                 .digest = texts[i][0],
                                 .setting = texts[i][0],
                                 .group = texts[i][1],
                                 .overrides = (char *)"[]",
                                 .resolved = texts[i][0]};
    }
    ck_assert_int_eq(ss_halving_note(l, h), SS_OK);
    ck_assert_int_eq(ss_ledger_add(l, p, POINTS), SS_OK);
    return l;
}

static struct ss_point claim(struct ss_ledger *l)
{
    struct ss_point p;

    ck_assert_msg(ss_ledger_claim(l, "me", 60, &p) == SS_OK, "%s", scratch_said());
    const struct ss_point told = {.id = p.id, .until = p.until, .rung = p.rung, .attempts = p.attempts};
    ss_point_release(&p);
    return told;
}

static void end(struct ss_ledger *l, long long id, const struct ss_outcome *o)
{
    bool held = false;

    ck_assert_int_eq(ss_ledger_finish(l, id, "me", o, &held), SS_OK);
    ck_assert(held);
}

static void reach(struct ss_ledger *l, long long id)
{
    end(l, id,
        &(struct ss_outcome){.status = SS_POINT_WAITING, .reached = true, .objective = objectives[id - 1]});
}

static struct ss_counts count(struct ss_ledger *l)
{
    struct ss_counts c;

    ck_assert_int_eq(ss_ledger_count(l, &c), SS_OK);
    return c;
}

static enum ss_point_status status_of(struct ss_ledger *l, size_t id)
{
    struct ss_points all = {0};

    ck_assert_int_eq(ss_ledger_list(l, &all), SS_OK);
    const enum ss_point_status st = all.items[id - 1].status;
    ss_points_release(&all);
    return st;
}

/* All points of the rung, ended from the last claim to the first if `backwards`. */
static void run_rung(struct ss_ledger *l, uint64_t until, size_t n, bool backwards)
{
    long long taken[POINTS];

    for (size_t i = 0; i < n; i++) {
        const struct ss_point p = claim(l);
        ck_assert_int_gt(p.id, 0);
        ck_assert_uint_eq(p.until, until);
        taken[i] = p.id;
    }
    ck_assert_int_eq(claim(l).id, 0); /* others compute: nothing is decided yet */
    for (size_t i = 0; i < n; i++)
        reach(l, taken[backwards ? n - 1 - i : i]);
}

START_TEST(the_best_half_goes_on_until_one_setting_is_left)
{
    struct ss_ledger *const l = make("s", (struct ss_halving){100, 2});
    struct ss_decision d;
    long long rung = 0;

    run_rung(l, 100, POINTS, false);
    /* Of five settings three: of means 0.5, 1 and 1. Their first points: 3, 5, 9. */
    const struct ss_point p = claim(l);
    ck_assert_int_eq(p.id, 3);
    ck_assert_uint_eq(p.until, 200);
    ck_assert_int_eq(p.rung, 1);
    ck_assert_int_eq(p.attempts, 2);
    ck_assert_uint_eq(count(l).stopped, 4);
    ck_assert_int_eq(status_of(l, 1), SS_POINT_STOPPED);
    ck_assert_int_eq(status_of(l, 7), SS_POINT_STOPPED);
    ck_assert_int_eq(ss_halving_decision(l, 1, &d), SS_OK);
    ck_assert_uint_eq(d.step, 100);
    ck_assert_uint_eq(d.settings, 5);
    ck_assert_uint_eq(d.kept, 3);
    ck_assert_double_eq(d.best, 0.5);
    ck_assert_double_eq(d.last, 1);
    ck_assert_double_eq(d.next, 2);
    reach(l, 3);
    run_rung(l, 200, 5, false);
    run_rung(l, 400, 4, false);
    /* One is left: it trains to its end, and its two seeds finish. */
    for (long long id = 9; id <= 10; id++) {
        const struct ss_point last = claim(l);
        ck_assert_int_eq(last.id, id);
        ck_assert_uint_eq(last.until, 0);
        end(l, id, &(struct ss_outcome){.status = SS_POINT_DONE, .objective = 0});
    }
    ck_assert_int_eq(claim(l).id, 0);
    ck_assert_uint_eq(count(l).done, 2);
    ck_assert_uint_eq(count(l).stopped, 8);
    ck_assert_uint_eq(count(l).waiting, 0);
    ck_assert_int_eq(ss_halving_rung(l, &rung), SS_OK);
    ck_assert_int_eq(rung, 3);
    ss_ledger_close(l);
}
END_TEST

/* What decisions come to, as text. */
static char *decisions(const char *name)
{
    struct ss_ledger *l = NULL;
    struct ss_text t;

    ss_text_init(&t);
    ck_assert_int_eq(ss_ledger_open(scratch_path(name), false, &l), SS_OK);
    for (long long rung = 1; rung <= 2; rung++) {
        struct ss_decision d;
        char text[200];
        ck_assert_int_eq(ss_halving_decision(l, rung, &d), SS_OK);
        ss_decision_text(&d, text);
        ss_text_addf(&t, "%s\n", text);
    }
    for (size_t id = 1; id <= POINTS; id++)
        ss_text_addf(&t, "%zu %s\n", id, ss_point_status_name(status_of(l, id)));
    ss_ledger_close(l);
    return ss_text_detach(&t);
}

START_TEST(the_order_in_which_points_end_makes_no_difference)
{
    static const char *const names[] = {"forwards", "backwards"};
    char *told[2];

    for (int i = 0; i < 2; i++) {
        struct ss_ledger *const l = make(names[i], (struct ss_halving){100, 2});
        run_rung(l, 100, POINTS, i);
        run_rung(l, 200, 6, i);
        ck_assert_int_gt(claim(l).id, 0);
        ss_ledger_close(l);
        told[i] = decisions(names[i]);
    }
    ck_assert_str_eq(told[0], told[1]);
    ck_assert_ptr_nonnull(strstr(told[0],
                                 "after 200 steps 2 of 3 settings go on, objective 0.5 to 1; the best "
                                 "that stops has 1\n"));
    free(told[0]);
    free(told[1]);
}
END_TEST

START_TEST(settings_with_points_that_failed_come_last_and_are_not_tried_again)
{
    struct ss_ledger *const l = make("s", (struct ss_halving){100, 3});

    for (size_t i = 1; i <= POINTS; i++) {
        const struct ss_point p = claim(l);
        if (p.id == 9) /* one seed of the best */
            end(l, 9, &(struct ss_outcome){.status = SS_POINT_FAILED, .failure = true, .objective = NAN});
        else
            reach(l, p.id);
    }
    ck_assert_uint_eq(count(l).failed, 1);
    ck_assert_int_eq(claim(l).id, 3); /* two of five: those of mean 1 */
    ck_assert_int_eq(status_of(l, 5), SS_POINT_WAITING);
    ck_assert_int_eq(status_of(l, 9), SS_POINT_STOPPED);
    ck_assert_int_eq(status_of(l, 10), SS_POINT_STOPPED);
    ck_assert_int_eq(ss_ledger_begin(l), SS_OK);
    ck_assert_int_eq(status_of(l, 9), SS_POINT_STOPPED);
    ss_ledger_close(l);
}
END_TEST

START_TEST(nothing_is_decided_while_all_points_have_failed)
{
    struct ss_ledger *const l = make("s", (struct ss_halving){100, 2});
    long long rung = -1;

    for (size_t i = 1; i <= POINTS; i++)
        end(l, claim(l).id,
            &(struct ss_outcome){.status = SS_POINT_FAILED, .failure = true, .objective = NAN});
    ck_assert_int_eq(claim(l).id, 0);
    ck_assert_int_eq(ss_halving_rung(l, &rung), SS_OK);
    ck_assert_int_eq(rung, 0);
    ck_assert_uint_eq(count(l).failed, POINTS);
    ck_assert_int_eq(ss_ledger_begin(l), SS_OK);
    ck_assert_uint_eq(claim(l).until, 100); /* from the beginning */
    ss_ledger_close(l);
}
END_TEST

START_TEST(points_that_ended_before_a_rung_are_compared_and_stay_done)
{
    struct ss_ledger *const l = make("s", (struct ss_halving){100, 2});

    for (size_t i = 1; i <= POINTS; i++) {
        const struct ss_point p = claim(l);
        if (p.id <= 4) /* early stopping: the settings of mean 3 and 1 */
            end(l, p.id, &(struct ss_outcome){.status = SS_POINT_DONE, .objective = objectives[p.id - 1]});
        else
            reach(l, p.id);
    }
    ck_assert_int_eq(claim(l).id, 5);
    ck_assert_int_eq(status_of(l, 1), SS_POINT_DONE);
    ck_assert_int_eq(status_of(l, 7), SS_POINT_STOPPED);
    ck_assert_uint_eq(count(l).done, 4);
    ss_ledger_close(l);
}
END_TEST

START_TEST(halving_is_not_changed_half_way_and_escaped_by_no_point)
{
    struct ss_ledger *const l = make("s", (struct ss_halving){100, 2});
    const struct ss_point more = {.id = 11,
                                  .digest = (char *)"new",
                                  .setting = (char *)"{}",
                                  .group = (char *)"{}",
                                  .overrides = (char *)"[]",
                                  .resolved = (char *)"x"};

    ck_assert_int_eq(ss_halving_note(l, (struct ss_halving){100, 2}), SS_OK);
    ck_assert_int_eq(ss_halving_note(l, (struct ss_halving){0}), SS_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "was: {first: 100, factor: 2}\n    now: none"));
    run_rung(l, 100, POINTS, false);
    ck_assert_int_gt(claim(l).id, 0);
    ck_assert_int_eq(ss_ledger_add(l, &more, 1), SS_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "halving has decided already"));
    ck_assert_uint_eq(count(l).points, POINTS);
    ss_ledger_close(l);
}
END_TEST

START_TEST(a_ledger_from_before_halving_is_brought_up_to_date)
{
    struct ss_ledger *l = make("s", (struct ss_halving){0});
    sqlite3 *db = NULL;

    ss_ledger_close(l);
    ck_assert_int_eq(sqlite3_open(scratch_path("s/sweep.db"), &db), SQLITE_OK);
    ck_assert_int_eq(
        sqlite3_exec(db,
                     "ALTER TABLE points DROP COLUMN rung; ALTER TABLE points DROP COLUMN objective;"
                     "DROP TABLE decisions; PRAGMA user_version = 1",
                     NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    ck_assert_msg(ss_ledger_open(scratch_path("s"), false, &l) == SS_OK, "%s", scratch_said());
    const struct ss_point p = claim(l);
    ck_assert_int_eq(p.id, 1);
    ck_assert_uint_eq(p.until, 0);
    ss_ledger_close(l);
}
END_TEST

/* ---- files ---- */

#define BASE "data: {source: rings}\nmodel: {kind: energy}\n"

static const char *const refused[][2] = {
    {BASE "objective: {kind: ssm}\nsweep: {repeat: 2, halving: {first: 300}}\n",
     "multiple of evaluate.every (500)"},
    {BASE "objective: {kind: ssm}\nevaluate: {every: 0}\nsweep: {repeat: 2, halving: {first: 300}}\n",
     "multiple of evaluate.every (0)"},
    {BASE "objective: {kind: ssm}\nsweep: {grid: {objective.kind: [ssm, dsm]}, halving: {first: 500}}\n",
     "dsm cannot be compared"},
    {BASE "objective: {kind: dsm}\nsweep: {grid: {objective.sigma: [0.1, 0.2]}, halving: {first: 500}}\n",
     "dsm cannot be compared"},
    {"data: {source: rings, split: {validation: 0}}\nmodel: {kind: energy}\nobjective: {kind: ssm}\n"
     "sweep: {repeat: 2, halving: {first: 500}}\n",
     "data.split.validation is 0"},
};

START_TEST(what_halving_cannot_compare_is_refused_before_any_point_is_run)
{
    const struct ss_sweep_request r = {.path = scratch_text("exp.yaml", refused[_i][0])};
    struct ss_points p = {0};
    size_t same = 0;

    ck_assert_int_eq(ss_sweep_plan(&r, &p, &same), SS_ERR_USAGE);
    ck_assert_msg(strstr(scratch_said(), refused[_i][1]), "%s", scratch_said());
}
END_TEST

START_TEST(halving_has_no_shards)
{
    const struct ss_sweep_request r = {
        .path = scratch_text("exp.yaml",
                             BASE "objective: {kind: ssm}\nsweep: {repeat: 2, halving: {first: 500}}\n"),
        .shard = 1,
        .shards = 2};
    struct ss_points p = {0};
    size_t same = 0;

    ck_assert_int_eq(ss_sweep_plan(&r, &p, &same), SS_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "a shard sees only its own"));
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("sweep_halving");
    TCase *const c = tcase_create("sweep_halving");

    tcase_add_checked_fixture(c, scratch_set_up, scratch_tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, the_best_half_goes_on_until_one_setting_is_left);
    tcase_add_test(c, the_order_in_which_points_end_makes_no_difference);
    tcase_add_test(c, settings_with_points_that_failed_come_last_and_are_not_tried_again);
    tcase_add_test(c, nothing_is_decided_while_all_points_have_failed);
    tcase_add_test(c, points_that_ended_before_a_rung_are_compared_and_stay_done);
    tcase_add_test(c, halving_is_not_changed_half_way_and_escaped_by_no_point);
    tcase_add_test(c, a_ledger_from_before_halving_is_brought_up_to_date);
    tcase_add_loop_test(c, what_halving_cannot_compare_is_refused_before_any_point_is_run, 0,
                        (int)(sizeof(refused) / sizeof(*refused)));
    tcase_add_test(c, halving_has_no_shards);
    suite_add_tcase(suite, c);
    SRunner *const r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
