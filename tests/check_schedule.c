/* Learning rates over the steps of a run, and how many steps epochs are. */
#include <check.h>
#include <math.h>

#include "base/checked.h"
#include "train/schedule.h"

static double rate(enum ss_schedule_kind kind, uint64_t warmup, double factor, uint64_t t)
{
    const struct ss_train_options o = {.learning_rate = 2,
                                       .schedule = kind,
                                       .warmup = warmup,
                                       .schedule_every = 30,
                                       .schedule_factor = factor};
    return ss_schedule_rate(&o, 110, t);
}

START_TEST(schedules_take_their_known_values)
{
    const double e = 1e-12;

    ck_assert_double_eq_tol(rate(SS_SCHEDULE_CONSTANT, 0, 0, 0), 2, e);
    ck_assert_double_eq_tol(rate(SS_SCHEDULE_CONSTANT, 0, 0, 109), 2, e);
    ck_assert_double_eq_tol(rate(SS_SCHEDULE_COSINE, 10, 0.1, 0), 0.2, e); /* warm-up: 1/10 */
    ck_assert_double_eq_tol(rate(SS_SCHEDULE_COSINE, 10, 0.1, 9), 2, e);
    ck_assert_double_eq_tol(rate(SS_SCHEDULE_COSINE, 10, 0.1, 10), 2, e);
    ck_assert_double_eq_tol(rate(SS_SCHEDULE_COSINE, 10, 0.1, 60), 1.1, e); /* half way */
    ck_assert_double_eq_tol(rate(SS_SCHEDULE_COSINE, 10, 0.1, 110), 0.2, e);
    ck_assert_double_eq_tol(rate(SS_SCHEDULE_COSINE, 10, 0.1, 500), 0.2, e);
    ck_assert_double_eq_tol(rate(SS_SCHEDULE_LINEAR, 10, 0, 35), 1.5, e);
    ck_assert_double_eq_tol(rate(SS_SCHEDULE_LINEAR, 10, 0.5, 60), 1.5, e);
    ck_assert_double_eq_tol(rate(SS_SCHEDULE_STEP, 0, 0.5, 29), 2, e);
    ck_assert_double_eq_tol(rate(SS_SCHEDULE_STEP, 0, 0.5, 30), 1, e);
    ck_assert_double_eq_tol(rate(SS_SCHEDULE_STEP, 10, 0.5, 100), 0.25, e);
    ck_assert_double_eq_tol(rate(SS_SCHEDULE_LINEAR, 200, 0.5, 49), 0.5, e); /* still warming up at the end */
    ck_assert(isfinite(rate(SS_SCHEDULE_LINEAR, 110, 0, 110)));
}
END_TEST

START_TEST(epochs_come_to_whole_batches)
{
    static const struct {
        double epochs;
        size_t rows;
        uint32_t batch;
        uint64_t steps;
    } cases[] = {{1, 1000, 10, 100}, {1, 1001, 10, 101}, {1.1, 1000, 10, 110}, {0.001, 10, 128, 1},
                 {3, 128, 128, 3},   {0.3, 100, 10, 3},  {2.5, 7, 3, 6}};
    uint64_t steps = 0;

    for (size_t i = 0; i < SS_COUNT(cases); i++) {
        const struct ss_train_options o = {.epochs = cases[i].epochs, .batch = cases[i].batch};
        ck_assert_int_eq(SS_OK, ss_schedule_steps(&o, cases[i].rows, &steps));
        ck_assert_uint_eq(steps, cases[i].steps);
    }
    ck_assert_int_eq(SS_OK,
                     ss_schedule_steps(&(struct ss_train_options){.steps = 77, .batch = 1}, 5, &steps));
    ck_assert_uint_eq(steps, 77);
    ck_assert_int_eq(ss_schedule_steps(&(struct ss_train_options){.batch = 1}, 5, &steps), SS_ERR_USAGE);
    ck_assert_int_eq(ss_schedule_steps(&(struct ss_train_options){.epochs = 1e300, .batch = 1}, 5, &steps),
                     SS_ERR_USAGE);
    ck_assert_int_eq(ss_schedule_steps(&(struct ss_train_options){.epochs = NAN, .batch = 1}, 5, &steps),
                     SS_ERR_USAGE);
    ck_assert_uint_eq(steps, 77);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("schedule");
    TCase *const c = tcase_create("schedule");

    tcase_add_test(c, schedules_take_their_known_values);
    tcase_add_test(c, epochs_come_to_whole_batches);
    suite_add_tcase(s, c);
    SRunner *const r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
