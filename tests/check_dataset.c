/* Data sets as training sees them: parts, statistics, noise, columns, duplicates. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/dataset.h"
#include "support/scratch.h"

static struct ss_data_options set_of(enum ss_source source, double noise)
{
    return (struct ss_data_options){.source = source,
                                    .rows = 1000,
                                    .dimension = 2,
                                    .degrees = 30,
                                    .noise = noise,
                                    .validation = 0.1,
                                    .test = 0.1};
}

static struct ss_dataset *load(const struct ss_data_options *o, uint32_t seed)
{
    struct ss_dataset *d = NULL;

    ck_assert_int_eq(ss_dataset_load(o, seed, &d), SS_OK);
    return d;
}

START_TEST(parts_are_disjoint_complete_and_follow_the_seed)
{
    const struct ss_data_options o = set_of(SS_SOURCE_TWO_MOONS, NAN);
    struct ss_dataset *const a = load(&o, 1), *const b = load(&o, 1), *const c = load(&o, 2);
    char seen[1000] = {0};
    size_t moved = 0;

    ck_assert_uint_eq(ss_dataset_rows(a, SS_PART_TRAIN), 800);
    ck_assert_uint_eq(ss_dataset_rows(a, SS_PART_VALIDATION), 100);
    ck_assert_uint_eq(ss_dataset_rows(a, SS_PART_TEST), 100);
    ck_assert_uint_eq(ss_dataset_dimension(a), 2);
    for (int p = 0; p < 3; p++)
        for (size_t i = 0; i < ss_dataset_rows(a, (enum ss_part)p); i++) {
            const uint32_t row = ss_dataset_index(a, (enum ss_part)p)[i];
            ck_assert_int_eq(seen[row]++, 0);
            ck_assert_uint_eq(row, ss_dataset_index(b, (enum ss_part)p)[i]);
            moved += row != ss_dataset_index(c, (enum ss_part)p)[i];
        }
    ck_assert_uint_gt(moved, 500);
    ss_dataset_free(a);
    ss_dataset_free(b);
    ss_dataset_free(c);
}
END_TEST

START_TEST(too_few_rows_are_refused)
{
    struct ss_data_options o = set_of(SS_SOURCE_TWO_MOONS, NAN);
    struct ss_dataset *d = NULL;

    o.rows = 3;
    ck_assert_int_eq(ss_dataset_load(&o, 1, &d), SS_ERR_USAGE);
    scratch_must_say("too few rows: 3, of which 1 for validation and 1 for test");
    o.rows = 4;
    d = load(&o, 1);
    ck_assert_uint_eq(ss_dataset_rows(d, SS_PART_TRAIN), 2);
    ss_dataset_free(d);
    d = NULL;
    o.test = 0.9;
    ck_assert_int_eq(ss_dataset_load(&o, 1, &d), SS_ERR_USAGE);
    scratch_must_say("leave nothing");
    o.test = o.validation = 0.0;
    d = load(&o, 1);
    ck_assert_uint_eq(ss_dataset_rows(d, SS_PART_TRAIN), 4);
    ck_assert_uint_eq(ss_dataset_rows(d, SS_PART_TEST), 0);
    ss_dataset_free(d);
}
END_TEST

START_TEST(values_are_the_same_each_time_noise_included)
{
    struct ss_data_options o = set_of(SS_SOURCE_GAUSSIAN, NAN);
    struct ss_transform_options noise = {.kind = SS_TRANSFORM_NOISE, .value = 0.5};
    float *all = NULL, *again = NULL, *some = NULL, *train = NULL;
    size_t rows, few, n_train;

    o.transforms = &noise;
    o.n_transforms = 1;
    o.transforms_given = true;
    struct ss_dataset *const d = load(&o, 7);
    ck_assert_int_eq(ss_dataset_values(d, SS_PART_TEST, 0, &all, &rows), SS_OK);
    ck_assert_int_eq(ss_dataset_values(d, SS_PART_TEST, 1000, &again, &rows), SS_OK);
    ck_assert_uint_eq(rows, 100);
    ck_assert_mem_eq(all, again, rows * 2 * sizeof *all);
    ck_assert_int_eq(ss_dataset_values(d, SS_PART_TEST, 30, &some, &few), SS_OK);
    ck_assert_uint_eq(few, 30);
    size_t at = 0;
    for (size_t i = 0; i < few; i++, at++) { /* a subset in the same order, each with its own noise */
        while (at < rows && memcmp(all + 2 * at, some + 2 * i, 2 * sizeof *all) != 0)
            at++;
        ck_assert_uint_lt(at, rows);
    }
    double square = 0.0;
    ck_assert_int_eq(ss_dataset_values(d, SS_PART_TRAIN, 0, &train, &n_train), SS_OK);
    for (size_t i = 0; i < n_train; i++) {
        double x[2];
        ss_table_row(ss_dataset_table(d), ss_dataset_index(d, SS_PART_TRAIN)[i], x);
        square += pow((double)train[2 * i] - x[0], 2) / (double)n_train;
    }
    close_to(square, 0.25, 5.0 * 0.25 * sqrt(2.0 / 800), 0.0);
    free(all);
    free(again);
    free(some);
    free(train);
    ss_dataset_free(d);
}
END_TEST

START_TEST(noise_before_all_else_widens_the_density_and_other_noise_hides_it)
{
    struct ss_data_options narrow = set_of(SS_SOURCE_TWO_MOONS, 0.1),
                           wide = set_of(SS_SOURCE_TWO_MOONS, sqrt(0.05));
    struct ss_transform_options noise[] = {{.kind = SS_TRANSFORM_NOISE, .value = 0.2},
                                           {.kind = SS_TRANSFORM_STANDARDIZE, .value = NAN}};
    const float y[] = {0.5f, 0.25f, -1.0f, 1.5f, 3.0f, -2.0f};
    double p[2][3], s[2][6];

    narrow.transforms = noise;
    narrow.n_transforms = 1;
    narrow.transforms_given = true;
    struct ss_dataset *const a = load(&narrow, 1), *const b = load(&wide, 1);
    ck_assert(ss_dataset_has_density(a) && ss_dataset_has_density(b));
    ck_assert_int_eq(ss_dataset_density(a, y, 3, p[0], s[0]), SS_OK);
    ck_assert_int_eq(ss_dataset_density(b, y, 3, p[1], NULL), SS_OK);
    ck_assert_int_eq(ss_dataset_density(b, y, 3, NULL, s[1]), SS_OK);
    for (int i = 0; i < 3; i++)
        close_to(p[0][i], p[1][i], 1e-9, 1e-9);
    for (int i = 0; i < 6; i++)
        close_to(s[0][i], s[1][i], 1e-7, 1e-7);
    ss_dataset_free(a);
    ss_dataset_free(b);
    narrow.transforms = (struct ss_transform_options[]){noise[1], noise[0]};
    narrow.n_transforms = 2;
    struct ss_dataset *const c = load(&narrow, 1);
    ck_assert(!ss_dataset_has_density(c));
    ck_assert_int_eq(ss_dataset_density(c, y, 1, p[0], NULL), SS_ERR_INTERNAL);
    ss_dataset_free(c);
}
END_TEST

START_TEST(densities_follow_the_transforms)
{
    struct ss_data_options o = set_of(SS_SOURCE_TWO_MOONS, 0.2);
    struct ss_transform_options steps[] = {{.kind = SS_TRANSFORM_STANDARDIZE, .value = NAN},
                                           {.kind = SS_TRANSFORM_WHITEN, .value = NAN},
                                           {.kind = SS_TRANSFORM_PERMUTE, .value = 1.0}};
    double sum = 0.0;

    o.transforms = steps;
    o.n_transforms = 3;
    o.transforms_given = true;
    struct ss_dataset *const d = load(&o, 1);
    ck_assert(ss_dataset_has_density(d));
    for (int i = -60; i <= 60; i++)
        for (int j = -60; j <= 60; j++) {
            const float y[] = {(float)i * 0.0625f, (float)j * 0.0625f}; /* exact in float */
            double p;
            ck_assert_int_eq(ss_dataset_density(d, y, 1, &p, NULL), SS_OK);
            sum += exp(p) * 0.0625 * 0.0625;
        }
    close_to(sum, 1.0, 1e-6, 0.0);
    for (int k = 0; k < 20; k++) {
        const float x = -1.0f + 0.125f * (float)k, y = 0.375f * (float)(k % 5) - 0.5f, h = 0x1p-9f;
        const float at[] = {x, y, x + h, y, x - h, y, x + 2 * h, y, x - 2 * h,
                            y, x, y + h, x, y - h, x, y + 2 * h, x, y - 2 * h};
        double p[9], s[2];
        ck_assert_int_eq(ss_dataset_density(d, at, 9, p, NULL), SS_OK);
        ck_assert_int_eq(ss_dataset_density(d, at, 1, NULL, s), SS_OK);
        /* Fourth order: h^4 / 30 = 5e-13 times a fifth derivative of up to 1e7 between the moons. */
        for (int i = 0; i < 2; i++)
            close_to(s[i],
                     (8.0 * (p[4 * i + 1] - p[4 * i + 2]) - (p[4 * i + 3] - p[4 * i + 4])) / (12.0 * 0x1p-9),
                     1e-4, 1e-6);
    }
    ss_dataset_free(d);
    char *first = NULL;
    ck_assert_int_eq(ss_text_copy("0", &first), SS_OK);
    o.drop = (struct ss_names){&first, 1};
    o.transforms_given = false;
    struct ss_dataset *const half = load(&o, 1); /* a marginal that nobody has worked out */
    ck_assert(!ss_dataset_has_density(half));
    ss_dataset_free(half);
    free(first);
}
END_TEST

/* ---- files ---- */

static char path[512];

static void write_csv(const char *text)
{
    snprintf(path, sizeof(path), "%s", scratch_text("rows.csv", text));
}

static struct ss_data_options file_options(void)
{
    return (struct ss_data_options){.file = path, .noise = NAN, .validation = 0.1, .test = 0.1};
}

/* `rows` rows of an id that repeats every `period`, a smooth number and an integer grade. */
static void write_table(size_t rows, size_t period)
{
    struct ss_text t;

    ss_text_init(&t);
    ss_text_add(&t, "id,smooth,grade\n");
    for (size_t i = 0; i < rows; i++)
        ss_text_addf(&t, "%zu,%.6f,%zu\n", i % period, sin((double)(i % period)), i % period % 6);
    write_csv(t.data);
    ss_text_release(&t);
}

START_TEST(duplicates_over_the_chosen_columns_go_before_the_split)
{
    struct ss_data_options o = file_options();
    char *grade = NULL, *id = NULL;

    write_table(100, 40);
    ck_assert_int_eq(ss_text_copy("grade", &grade), SS_OK);
    ck_assert_int_eq(ss_text_copy("id", &id), SS_OK);
    o.duplicates = SS_DUPLICATES_DROP;
    struct ss_dataset *d = load(&o, 1);
    scratch_must_say("60 of 100 rows dropped");
    size_t total = 0;
    for (int p = 0; p < 3; p++) {
        total += ss_dataset_rows(d, (enum ss_part)p);
        for (size_t i = 0; i < ss_dataset_rows(d, (enum ss_part)p); i++)
            ck_assert_uint_lt(ss_dataset_index(d, (enum ss_part)p)[i], 40); /* the first of equals stays */
    }
    ck_assert_uint_eq(total, 40);
    ss_dataset_free(d);
    o.keep = (struct ss_names){&grade, 1};
    o.validation = o.test = 0.0;
    d = load(&o, 1);
    scratch_must_say("94 of 100 rows dropped");
    ck_assert_uint_eq(ss_dataset_rows(d, SS_PART_TRAIN), 6);
    ss_dataset_free(d);
    o.keep.count = 0;
    o.duplicates = SS_DUPLICATES_KEEP;
    d = load(&o, 1);
    ck_assert_uint_eq(ss_dataset_rows(d, SS_PART_TRAIN), 100);
    ss_dataset_free(d);
    free(grade);
    free(id);
}
END_TEST

START_TEST(columns_that_repeat_their_values_are_warned_of_unless_filled)
{
    struct ss_data_options o = file_options();
    struct ss_transform_options steps[] = {{.kind = SS_TRANSFORM_STANDARDIZE, .value = NAN},
                                           {.kind = SS_TRANSFORM_NOISE, .value = 0.05}};

    write_table(300, 300);
    struct ss_dataset *d = load(&o, 1);
    ck_assert_ptr_null(strstr(scratch_said(), "smooth has"));
    ck_assert_ptr_null(strstr(scratch_said(), "id has"));
    ck_assert_ptr_nonnull(strstr(scratch_said(), "grade has 6 distinct values"));
    scratch_must_say("{noise: 0.05}");
    ss_dataset_free(d);
    o.transforms = steps;
    o.n_transforms = 2;
    o.transforms_given = true;
    d = load(&o, 1);
    ck_assert_ptr_null(strstr(scratch_said(), "distinct values"));
    ck_assert_ptr_null(strstr(scratch_said(), "noise"));
    ss_dataset_free(d);
}
END_TEST

START_TEST(statistics_come_from_training_rows_unless_all_are_asked_for)
{
    struct ss_data_options o = file_options();
    double mean[2] = {0};

    write_table(300, 300);
    for (int all = 0; all < 2; all++) {
        o.statistics = all ? SS_STATISTICS_ALL : SS_STATISTICS_TRAIN;
        struct ss_dataset *const d = load(&o, 1);
        double x[3], y[3];
        for (int p = 0; p < 3; p++)
            for (size_t i = 0; (p == 0 || all) && i < ss_dataset_rows(d, (enum ss_part)p); i++) {
                ss_table_row(ss_dataset_table(d), ss_dataset_index(d, (enum ss_part)p)[i], x);
                ss_transform_forward(ss_dataset_transform(d), x, NULL, 0, y);
                mean[all] += y[0] / (all ? 300.0 : 240.0);
            }
        close_to(mean[all], 0.0, 1e-13, 0.0);
        ss_dataset_free(d);
    }
}
END_TEST

START_TEST(columns_of_text_are_refused_with_the_way_out)
{
    struct ss_data_options o = file_options();
    struct ss_dataset *d = NULL;
    struct ss_text t;
    char *kind = NULL;

    ss_text_init(&t);
    ss_text_add(&t, "size,kind\n");
    for (int i = 0; i < 60; i++)
        ss_text_addf(&t, "%d.5,%s\n", i, i % 2 ? "cat" : "dog");
    write_csv(t.data);
    ss_text_release(&t);
    ck_assert_int_eq(ss_text_copy("kind", &kind), SS_OK);
    ck_assert_int_ne(ss_dataset_load(&o, 1, &d), SS_OK);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "kind"));
    scratch_must_say("drop: [kind]");
    o.drop = (struct ss_names){&kind, 1};
    d = load(&o, 1);
    ck_assert_uint_eq(ss_dataset_dimension(d), 1);
    ss_dataset_free(d);
    free(kind);
}
END_TEST

START_TEST(missing_cells_are_filled_with_training_means_if_asked)
{
    struct ss_data_options o = file_options();
    struct ss_dataset *d = NULL;
    float *values = NULL;
    size_t rows;
    struct ss_text t;

    ss_text_init(&t);
    ss_text_add(&t, "a,b\n");
    for (int i = 0; i < 100; i++)
        ss_text_addf(&t, i % 10 == 3 ? "%d,\n" : "%d,%d\n", i, i * i % 97);
    write_csv(t.data);
    ss_text_release(&t);
    ck_assert_int_eq(ss_dataset_load(&o, 1, &d), SS_ERR_CORRUPT);
    scratch_hush();
    o.missing = SS_MISSING_DROP;
    d = load(&o, 1);
    ck_assert_uint_eq(ss_dataset_table(d)->rows, 90);
    ss_dataset_free(d);
    o.missing = SS_MISSING_MEAN;
    d = load(&o, 1);
    ck_assert_int_eq(ss_dataset_values(d, SS_PART_TRAIN, 0, &values, &rows), SS_OK);
    for (size_t i = 0; i < rows; i++) {
        ck_assert(isfinite(values[2 * i + 1]));
        if (ss_dataset_index(d, SS_PART_TRAIN)[i] % 10 == 3)
            close_to((double)values[2 * i + 1], 0.0, 1e-6, 0.0); /* standardized: the mean is 0 */
    }
    free(values);
    ss_dataset_free(d);
}
END_TEST

START_TEST(a_file_that_is_not_there_is_named)
{
    struct ss_data_options o = file_options();
    struct ss_dataset *d = NULL;

    strcpy(path, "/nonexistent.csv");
    ck_assert_int_eq(ss_dataset_load(&o, 1, &d), SS_ERR_FILE);
    scratch_must_say("/nonexistent.csv");
    ck_assert_ptr_null(d);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("dataset");
    TCase *const c = tcase_create("dataset");

    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, scratch_set_up, scratch_tear_down);
    tcase_add_test(c, parts_are_disjoint_complete_and_follow_the_seed);
    tcase_add_test(c, too_few_rows_are_refused);
    tcase_add_test(c, values_are_the_same_each_time_noise_included);
    tcase_add_test(c, noise_before_all_else_widens_the_density_and_other_noise_hides_it);
    tcase_add_test(c, densities_follow_the_transforms);
    tcase_add_test(c, duplicates_over_the_chosen_columns_go_before_the_split);
    tcase_add_test(c, columns_that_repeat_their_values_are_warned_of_unless_filled);
    tcase_add_test(c, statistics_come_from_training_rows_unless_all_are_asked_for);
    tcase_add_test(c, columns_of_text_are_refused_with_the_way_out);
    tcase_add_test(c, missing_cells_are_filled_with_training_means_if_asked);
    tcase_add_test(c, a_file_that_is_not_there_is_named);
    suite_add_tcase(s, c);
    SRunner *const r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
