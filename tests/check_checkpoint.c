/* Checkpoints: what is saved comes back to the bit, damage is named and passed over, another model is
 * refused. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/text.h"
#include "model/model.h"
#include "support/scratch.h"
#include "train/checkpoint.h"

static struct ss_model *model;
static size_t flat_size;
static const char *folder;

static void ok(enum ss_status st)
{
    ck_assert_msg(st == SS_OK, "%s: %s", ss_status_name(st), scratch_said());
}

static struct ss_model *make_model(size_t n_hidden, uint32_t width)
{
    const struct ss_model_options options = {.kind = SS_MODEL_ENERGY,
                                             .hidden = {width, width, width},
                                             .n_hidden = n_hidden,
                                             .activation = SS_ACTIVATION_TANH,
                                             .quadratic = SS_QUADRATIC_DIAGONAL};
    struct ss_model *m = NULL;

    ok(ss_model_create(&options, 3, &m));
    return m;
}

static void set_up(void)
{
    static char copy[512];

    scratch_set_up();
    snprintf(copy, sizeof(copy), "%s", scratch_path("ckpt"));
    folder = copy;
    ok(ss_folder_create(folder));
    model = make_model(2, 5);
    flat_size = ss_graph_flat_size(model->graph);
}

static void tear_down(void)
{
    ss_model_free(model);
    scratch_tear_down();
}

/* Values that are told apart by place and by `use`; zero in the padding, as everywhere. */
static float *make_flat(float use)
{
    float *flat = NULL;

    ok(ss_allocate(flat_size, &flat));
    for (size_t i = 0; i < ss_graph_parameters(model->graph); i++) {
        const struct ss_parameter *const p = ss_graph_parameter(model->graph, i);
        for (size_t j = 0; j < p->count; j++)
            flat[p->offset + j] = use + (float)i + 1e-3f * (float)j;
    }
    return flat;
}

static struct ss_checkpoint_state make_state(uint64_t step)
{
    return (struct ss_checkpoint_state){.step = step,
                                        .seed = 7,
                                        .batch = 32,
                                        .optimizer = SS_OPTIMIZER_ADAM,
                                        .evaluated = step,
                                        .best_step = 3,
                                        .best_objective = -1.0 / 3,
                                        .without_improvement = 2,
                                        .skipped = 4,
                                        .correction = {0.1f, 0.2f},
                                        .loss = {1.5f, -1e-9f},
                                        .loss_count = 11,
                                        .weights = make_flat((float)step),
                                        .average = make_flat(-1),
                                        .first = make_flat(1e-20f),
                                        .second = make_flat(1e20f)};
}

static void release_state(struct ss_checkpoint_state *s)
{
    free(s->weights);
    free(s->average);
    free(s->first);
    free(s->second);
}

static const char *step_file(uint64_t step) /* valid until the next call */
{
    static char path[600];
    char *made = NULL;

    ok(ss_checkpoint_path(folder, step, &made));
    snprintf(path, sizeof(path), "%s", made);
    free(made);
    return path;
}

static void save(uint64_t step)
{
    struct ss_checkpoint_state s = make_state(step);

    ok(ss_checkpoint_write(step_file(step), model->graph, &s));
    release_state(&s);
}

static void damage(const char *path)
{
    char *data = NULL;
    size_t n;

    ok(ss_file_read(path, 1 << 24, &data, &n));
    data[n - 5] = (char)(data[n - 5] ^ 4);
    ok(ss_file_write(path, data, n));
    free(data);
}

/* What a trainer of this configuration gives to be filled. */
static struct ss_checkpoint_state make_wanted(void)
{
    struct ss_checkpoint_state s = make_state(999);

    s.evaluated = s.best_step = SS_NO_STEP;
    s.correction[0] = s.loss[0] = -5;
    return s;
}

START_TEST(a_state_comes_back_to_the_bit)
{
    struct ss_checkpoint_state want = make_state(120), have = make_wanted();
    bool found = false;

    save(120);
    ok(ss_checkpoint_resume(folder, model->graph, &have, &found));
    ck_assert(found);
    ck_assert_uint_eq(have.step, 120);
    ck_assert_uint_eq(have.evaluated, 120);
    ck_assert_uint_eq(have.best_step, 3);
    ck_assert(have.best_objective == -1.0 / 3);
    ck_assert_uint_eq(have.without_improvement, 2);
    ck_assert_uint_eq(have.skipped, 4);
    ck_assert_uint_eq(have.loss_count, 11);
    ck_assert(memcmp(have.correction, want.correction, sizeof(want.correction)) == 0);
    ck_assert(memcmp(have.loss, want.loss, sizeof(want.loss)) == 0);
    ck_assert(memcmp(have.weights, want.weights, flat_size * 4) == 0);
    ck_assert(memcmp(have.average, want.average, flat_size * 4) == 0);
    ck_assert(memcmp(have.first, want.first, flat_size * 4) == 0);
    ck_assert(memcmp(have.second, want.second, flat_size * 4) == 0);
    release_state(&want);
    release_state(&have);
}
END_TEST

START_TEST(a_state_that_was_never_evaluated_has_no_best)
{
    struct ss_checkpoint_state want = make_state(5), have = make_wanted();
    bool found = false;

    want.evaluated = want.best_step = SS_NO_STEP;
    want.best_objective = INFINITY;
    ok(ss_checkpoint_write(step_file(5), model->graph, &want));
    ok(ss_checkpoint_resume(folder, model->graph, &have, &found));
    ck_assert(found && have.evaluated == SS_NO_STEP && have.best_step == SS_NO_STEP);
    ck_assert(have.best_objective == (double)INFINITY);
    release_state(&want);
    release_state(&have);
}
END_TEST

START_TEST(an_empty_or_absent_folder_has_nothing_to_resume)
{
    struct ss_checkpoint_state have = make_wanted();
    bool found = true;
    uint64_t step;
    float *const flat = make_flat(0);

    ok(ss_checkpoint_resume(folder, model->graph, &have, &found));
    ck_assert(!found);
    found = true;
    ok(ss_checkpoint_resume("/nowhere/ckpt", model->graph, &have, &found));
    ck_assert(!found);
    ck_assert_uint_eq(have.step, 999);
    ck_assert_int_eq(ss_checkpoint_load_weights(folder, model->graph, SS_WEIGHTS_BEST, flat, &step),
                     SS_ERR_FILE);
    release_state(&have);
    free(flat);
}
END_TEST

START_TEST(names_that_are_no_checkpoints_are_passed_over)
{
    static const char *const names[] = {"step-7.safetensors",         "step-00000009.safetensors.tmp.12",
                                        "step-.safetensors",          "step-00000009.safetensor",
                                        "step-000000009.safetensors", "best.safetensors",
                                        "step--0000001.safetensors"};
    struct ss_checkpoint_state have = make_wanted();
    bool found = true;
    char name[600];

    for (size_t i = 0; i < SS_COUNT(names); i++) {
        snprintf(name, sizeof(name), "%s/%s", folder, names[i]);
        ok(ss_file_write(name, "x", 1));
    }
    ok(ss_checkpoint_resume(folder, model->graph, &have, &found));
    ck_assert(!found);
    ck_assert_str_eq(scratch_said(), "");
    release_state(&have);
}
END_TEST

START_TEST(a_damaged_checkpoint_is_named_and_the_one_before_it_used)
{
    struct ss_checkpoint_state have = make_wanted();
    bool found = false;

    save(100);
    save(200);
    save(300);
    damage(step_file(300));
    ok(ss_file_write(step_file(200), "", 0));
    ok(ss_checkpoint_resume(folder, model->graph, &have, &found));
    ck_assert(found);
    ck_assert_uint_eq(have.step, 100);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "step-00000300.safetensors"));
    ck_assert_ptr_nonnull(strstr(scratch_said(), "step-00000200.safetensors"));
    ck_assert_ptr_nonnull(strstr(scratch_said(), "checksum"));
    damage(step_file(100));
    have.step = 5;
    ck_assert_int_eq(ss_checkpoint_resume(folder, model->graph, &have, &found), SS_ERR_CORRUPT);
    ck_assert_uint_eq(have.step, 5);
    release_state(&have);
}
END_TEST

START_TEST(a_sound_file_that_is_no_checkpoint_is_passed_over)
{
    struct ss_checkpoint_state have = make_wanted();
    bool found = false;
    float *const flat = make_flat(1);

    save(100);
    ok(ss_checkpoint_write_parameters(step_file(200), model->graph, flat));
    ok(ss_checkpoint_resume(folder, model->graph, &have, &found));
    ck_assert(found);
    ck_assert_uint_eq(have.step, 100);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "step-00000200"));
    release_state(&have);
    free(flat);
}
END_TEST

START_TEST(another_configuration_is_refused_and_says_what_differs)
{
    struct ss_model *const wider = make_model(2, 6), *const deeper = make_model(3, 5),
                           *const flatter = make_model(1, 5);
    struct ss_checkpoint_state s = make_wanted(), big = s;
    bool found = false;

    save(100);
    ok(ss_allocate(4096, &big.weights));
    ok(ss_allocate(4096, &big.average));
    ok(ss_allocate(4096, &big.first));
    ok(ss_allocate(4096, &big.second));
    scratch_hush();
    ck_assert_int_eq(ss_checkpoint_resume(folder, wider->graph, &big, &found), SS_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "layers.0.weight"));
    ck_assert_ptr_nonnull(strstr(scratch_said(), "(6, 3)"));
    ck_assert_ptr_nonnull(strstr(scratch_said(), "(5, 3)"));
    ck_assert_ptr_nonnull(strstr(scratch_said(), "step-00000100"));
    ck_assert_int_eq(ss_checkpoint_resume(folder, deeper->graph, &big, &found), SS_ERR_USAGE);
    scratch_hush();
    ck_assert_int_eq(ss_checkpoint_resume(folder, flatter->graph, &big, &found), SS_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "layers.2"));
    const struct ss_checkpoint_state good = s;
    s.seed = 8;
    scratch_hush();
    ck_assert_int_eq(ss_checkpoint_resume(folder, model->graph, &s, &found), SS_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "seed: 7, now it is 8"));
    s = good;
    s.batch = 64;
    ck_assert_int_eq(ss_checkpoint_resume(folder, model->graph, &s, &found), SS_ERR_USAGE);
    s = good;
    s.optimizer = SS_OPTIMIZER_SGD;
    scratch_hush();
    ck_assert_int_eq(ss_checkpoint_resume(folder, model->graph, &s, &found), SS_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "train.optimizer: adam, now it is sgd"));
    s = good;
    s.average = NULL;
    scratch_hush();
    ck_assert_int_eq(ss_checkpoint_resume(folder, model->graph, &s, &found), SS_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "train.average"));
    ck_assert(!found);
    s = good;
    release_state(&s);
    release_state(&big);
    ss_model_free(wider);
    ss_model_free(deeper);
    ss_model_free(flatter);
}
END_TEST

START_TEST(metadata_that_lie_are_damage)
{
    static const struct {
        const char *key, *value;
    } lies[] = {{"step", "-1"},         {"step", ""},     {"step", "18446744073709551615"},
                {"step", "1e3"},        {"seed", "x"},    {"skipped", "4294967296"},
                {"best_objective", ""}, {"version", "2"}, {"loss_count", "99999999999999999999999"}};
    struct ss_tensor_file *f = NULL;
    struct ss_checkpoint_state have = make_wanted();
    struct ss_tensor tensors[64];
    bool found;

    save(100);
    ok(ss_tensor_file_open(step_file(100), &f));
    for (size_t i = 0; i < ss_tensor_file_count(f); i++)
        tensors[i] = *ss_tensor_file_at(f, i);
    for (size_t i = 0; i < SS_COUNT(lies); i++) {
        static const char *const keys[] = {
            "step",       "seed",      "batch",          "skipped",   "without_improvement",
            "loss_count", "best_step", "best_objective", "optimizer", "version"};
        struct ss_metadata notes[SS_COUNT(keys)];
        for (size_t k = 0; k < SS_COUNT(keys); k++)
            notes[k] = (struct ss_metadata){keys[k], strcmp(keys[k], lies[i].key) == 0
                                                         ? lies[i].value
                                                         : ss_tensor_file_metadata(f, keys[k])};
        ok(ss_tensor_file_write(step_file(200), tensors, ss_tensor_file_count(f), notes, SS_COUNT(keys)));
        scratch_hush();
        found = false;
        ok(ss_checkpoint_resume(folder, model->graph, &have, &found));
        ck_assert_msg(found && have.step == 100, "%s: '%s' was believed", lies[i].key, lies[i].value);
        ck_assert_ptr_nonnull(strstr(scratch_said(), "step-00000200"));
    }
    ss_tensor_file_free(f);
    release_state(&have);
}
END_TEST

START_TEST(weights_are_the_best_or_the_last_and_averaged_where_there_is_an_average)
{
    struct ss_checkpoint_state best = make_state(40);
    float *const flat = make_flat(0), *const average = make_flat(-1);
    char path[600];
    uint64_t step = 0;

    free(best.average);
    best.average = NULL;
    snprintf(path, sizeof(path), "%s/best.safetensors", folder);
    ok(ss_checkpoint_write(path, model->graph, &best));
    save(100);
    ok(ss_checkpoint_load_weights(folder, model->graph, SS_WEIGHTS_BEST, flat, &step));
    ck_assert_uint_eq(step, 40);
    ck_assert(memcmp(flat, best.weights, flat_size * 4) == 0);
    ok(ss_checkpoint_load_weights(folder, model->graph, SS_WEIGHTS_LAST, flat, &step));
    ck_assert_uint_eq(step, 100);
    ck_assert(memcmp(flat, average, flat_size * 4) == 0);
    ck_assert(ss_checkpoint_best_is(folder, 40) && !ss_checkpoint_best_is(folder, 41));
    damage(path);
    ck_assert_str_eq(scratch_said(), "");
    ck_assert(!ss_checkpoint_best_is(folder, 40));
    ck_assert_str_eq(scratch_said(), "");
    ok(ss_checkpoint_load_weights(folder, model->graph, SS_WEIGHTS_BEST, flat, &step));
    ck_assert_uint_eq(step, 100);
    ck_assert_ptr_nonnull(strstr(scratch_said(), "best.safetensors"));
    damage(step_file(100));
    ck_assert_int_eq(ss_checkpoint_load_weights(folder, model->graph, SS_WEIGHTS_BEST, flat, &step),
                     SS_ERR_CORRUPT);
    release_state(&best);
    free(flat);
    free(average);
}
END_TEST

START_TEST(parameters_alone_come_back_and_doubles_are_narrowed)
{
    float *const want = make_flat(2), *const have = make_flat(0);
    struct ss_tensor tensors[32];
    double wide[512];
    struct ss_tensor_file *f = NULL;
    const char *const path = scratch_path("p.safetensors");

    ok(ss_checkpoint_write_parameters(path, model->graph, want));
    ok(ss_tensor_file_open(path, &f));
    ok(ss_checkpoint_parameters(f, model->graph, "", have));
    ck_assert(memcmp(want, have, flat_size * 4) == 0);
    const size_t n = ss_tensor_file_count(f);
    ck_assert_uint_eq(n, ss_graph_parameters(model->graph));
    for (size_t i = 0; i < n; i++)
        tensors[i] = *ss_tensor_file_at(f, i);
    for (size_t j = 0; j < ss_tensor_count(&tensors[0]); j++)
        wide[j] = ((const float *)tensors[0].data)[j];
    tensors[0].type = SS_TENSOR_F64;
    tensors[0].data = wide;
    const char *const other = scratch_path("q.safetensors");
    ok(ss_tensor_file_write(other, tensors, n, NULL, 0));
    memset(have, 1, flat_size * 4);
    ok(ss_checkpoint_load_file(other, model->graph, have));
    ck_assert(memcmp(want, have, flat_size * 4) == 0);
    wide[1] = 1e300; /* finite, but not as a float */
    ok(ss_tensor_file_write(other, tensors, n, NULL, 0));
    ck_assert_int_eq(ss_checkpoint_load_file(other, model->graph, have), SS_ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(scratch_said(), tensors[0].name));
    ck_assert_int_eq(ss_checkpoint_load_file("/nowhere", model->graph, have), SS_ERR_FILE);
    ss_tensor_file_free(f);
    free(want);
    free(have);
}
END_TEST

START_TEST(missing_reshaped_integer_and_surplus_tensors_are_refused_by_name)
{
    float *const flat = make_flat(2), more[4] = {0};
    struct ss_tensor tensors[32];
    struct ss_tensor_file *f = NULL, *g = NULL;
    const char *const path = scratch_path("p.safetensors"), *const other = scratch_path("q.safetensors");

    ok(ss_checkpoint_write_parameters(path, model->graph, flat));
    ok(ss_tensor_file_open(path, &f));
    const size_t n = ss_tensor_file_count(f);
    for (int round = 0; round < 4; round++) {
        static const int64_t integers[5] = {0};
        for (size_t i = 0; i < n; i++)
            tensors[i] = *ss_tensor_file_at(f, i);
        size_t m = n;
        ck_assert_str_eq(tensors[0].name, "layers.0.bias");
        if (round == 0) { /* missing */
            tensors[0] = tensors[n - 1];
            m = n - 1;
        } else if (round == 1) { /* the same number of elements in another shape */
            tensors[0].shape[1] = 1;
            tensors[0].dimensions = 2;
        } else if (round == 2) {
            tensors[0].type = SS_TENSOR_I64;
            tensors[0].data = integers;
        } else {
            tensors[m++] = (struct ss_tensor){"layers.9.bias", SS_TENSOR_F32, 1, {4}, more};
        }
        ok(ss_tensor_file_write(other, tensors, m, NULL, 0));
        ok(ss_tensor_file_open(other, &g));
        scratch_hush();
        ck_assert_int_eq(ss_checkpoint_parameters(g, model->graph, "", flat), SS_ERR_CORRUPT);
        ck_assert_ptr_nonnull(strstr(scratch_said(), round == 3 ? "layers.9.bias" : "layers.0.bias"));
        ck_assert_int_eq(ss_checkpoint_parameters(g, model->graph, "average.", flat), SS_ERR_CORRUPT);
        ss_tensor_file_free(g);
    }
    ss_tensor_file_free(f);
    free(flat);
}
END_TEST

START_TEST(the_last_few_are_kept_and_nothing_newer_or_foreign_is_touched)
{
    char foreign[600], left[600];

    for (uint64_t step = 1; step <= 6; step++)
        save(step * 10);
    snprintf(foreign, sizeof(foreign), "%s/notes.txt", folder);
    snprintf(left, sizeof(left), "%s/step-00000070.safetensors.tmp.4242", folder);
    ok(ss_file_write(foreign, "x", 1));
    ok(ss_file_write(left, "x", 1));
    ss_checkpoint_prune(folder, 50, 3);
    for (uint64_t step = 1; step <= 6; step++)
        ck_assert_msg(ss_path_exists(step_file(step * 10)) == (step >= 3), "step %d", (int)step * 10);
    ck_assert(ss_path_exists(foreign) && !ss_path_exists(left));
    ss_checkpoint_prune(folder, 60, 1);
    ck_assert(ss_path_exists(step_file(60)) && !ss_path_exists(step_file(50)));
    ss_checkpoint_prune("/nowhere", 60, 1);
}
END_TEST

START_TEST(the_same_state_makes_the_same_bytes)
{
    char *one = NULL, *two = NULL;
    size_t n_one, n_two;

    save(10);
    ok(ss_file_read(step_file(10), 1 << 24, &one, &n_one));
    save(10);
    ok(ss_file_read(step_file(10), 1 << 24, &two, &n_two));
    ck_assert(n_one == n_two && memcmp(one, two, n_one) == 0);
    free(one);
    free(two);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("checkpoint");
    TCase *const c = tcase_create("checkpoint");

    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, a_state_comes_back_to_the_bit);
    tcase_add_test(c, a_state_that_was_never_evaluated_has_no_best);
    tcase_add_test(c, an_empty_or_absent_folder_has_nothing_to_resume);
    tcase_add_test(c, names_that_are_no_checkpoints_are_passed_over);
    tcase_add_test(c, a_damaged_checkpoint_is_named_and_the_one_before_it_used);
    tcase_add_test(c, a_sound_file_that_is_no_checkpoint_is_passed_over);
    tcase_add_test(c, another_configuration_is_refused_and_says_what_differs);
    tcase_add_test(c, metadata_that_lie_are_damage);
    tcase_add_test(c, weights_are_the_best_or_the_last_and_averaged_where_there_is_an_average);
    tcase_add_test(c, parameters_alone_come_back_and_doubles_are_narrowed);
    tcase_add_test(c, missing_reshaped_integer_and_surplus_tensors_are_refused_by_name);
    tcase_add_test(c, the_last_few_are_kept_and_nothing_newer_or_foreign_is_touched);
    tcase_add_test(c, the_same_state_makes_the_same_bytes);
    suite_add_tcase(s, c);
    SRunner *const r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
