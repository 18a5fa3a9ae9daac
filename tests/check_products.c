/*
 * Ways to compute the own products, for CPU devices and for GPUs: all have the same bits, which one is taken
 * is asked of what was measured. That products are right is in check_gemm.c.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "device/gemm_products.h"
#include "device/gemm_ways.h"
#include "device/opencl.h"
#include "support/device.h"
#include "support/scratch.h"

static struct ss_device *device;
static uint32_t state = 1;

static void fill(struct ss_buffer *b, size_t n)
{
    float *x = NULL;

    ok(ss_allocate(n, &x));
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) / (float)(1u << 23) - 1.0f;
    }
    ok(ss_span_write(ss_span_of(b), x, n));
    free(x);
}

enum { OWN, TILED, FORMS };

static void use(int form)
{
    ss_gemm_choose(device, SS_GEMM_OWN);
    if (test_small()) /* a simulator starts with a simpler one, which has no choice */
        device->gemm.level = SS_GEMM_FAST;
    ss_device_take_gpu_kernels(device, form == TILED);
}

static void keep_text(void *context, enum ss_level level, const char *text)
{
    (void)level;
    strncpy(context, text, 255);
}

struct bits { /* of a product of random numbers */
    struct ss_gemm g;
    struct ss_buffer *a, *b, *c;
    float *x;
};

static void make_bits(struct bits *t, size_t m, size_t n, size_t k, unsigned transposes)
{
    *t = (struct bits){.g = {.m = m, .n = n, .k = k}};
    ok(ss_buffer_create(device, m * k * sizeof(float), &t->a));
    ok(ss_buffer_create(device, n * k * sizeof(float), &t->b));
    ok(ss_buffer_create(device, m * n * sizeof(float), &t->c));
    ok(ss_allocate(m * n, &t->x));
    fill(t->a, m * k);
    fill(t->b, n * k);
    t->g.transpose_a = transposes & 1;
    t->g.transpose_b = transposes & 2;
    t->g.a = ss_span_of(t->a);
    t->g.b = ss_span_of(t->b);
    t->g.c = ss_span_of(t->c);
    t->g.lda = t->g.transpose_a ? m : k;
    t->g.ldb = t->g.transpose_b ? k : n;
    t->g.ldc = n;
}

static void free_bits(struct bits *t)
{
    ss_buffer_free(t->a);
    ss_buffer_free(t->b);
    ss_buffer_free(t->c);
    free(t->x);
}

/* C is spoilt before: what is not written is seen. */
static void compute_bits(const struct bits *t, const struct ss_gemm_way *w, float *to)
{
    for (size_t i = 0; i < t->g.m * t->g.n; i++)
        to[i] = NAN;
    ok(ss_span_write(t->g.c, to, t->g.m * t->g.n));
    if (ss_device_is_cpu(device))
        ok(ss_gemm_own(device, &t->g, false, w ? &w->own : NULL));
    else
        ok(ss_gemm_tiled(device, &t->g, w ? &w->tiles : NULL));
    ok(ss_span_read(t->g.c, to, t->g.m * t->g.n));
}

static void has_same_bits(const struct bits *t, const struct ss_gemm_way *w, float *scratch)
{
    char text[96];

    compute_bits(t, w, scratch);
    ss_gemm_way_text(device, w, text, sizeof(text));
    ck_assert_msg(memcmp(t->x, scratch, t->g.m * t->g.n * sizeof(float)) == 0, "%zu x %zu x %zu: %s", t->g.m,
                  t->g.n, t->g.k, text);
}

/* Sizes that are wrong for the product are made right: tasks no larger than it. */
static struct ss_own_sizes fit(const struct ss_own_product *p, struct ss_own_sizes s)
{
    const size_t panel = (size_t)s.width * s.vectors;

    s.task_m = (uint32_t)ss_smaller(s.task_m * s.rows, ss_round_up(p->g.m, s.rows));
    s.task_n = (uint32_t)ss_smaller(s.task_n * panel, ss_round_up(p->g.n, panel));
    s.groups = (uint32_t)ss_smaller(s.groups, ss_device_info(device)->compute_units);
    s.pack_a &= p->g.transpose_a;
    s.pack_b |= p->g.transpose_b;
    return s;
}

START_TEST(tiles_tasks_and_packing_change_no_bits)
{
    /* 544: two steps of k as long as they may be */
    static const size_t shapes[][3] = {
        {100, 130, 300}, {100, 130, 544}, {61, 67, 2500}, {333, 3, 77}, {7, 260, 40}};
    const uint32_t width = ss_own_sizes_by_rule(device, &(struct ss_own_product){.dots = true}, false).width;
    const struct ss_own_sizes all[] = {{width, 6, 4, 1, 1, 1, false, false},
                                       {width, 6, 2, 3, 9, 2, true, true},
                                       {width, 6, 4, 99, 99, 9, true, false},
                                       {width, 12, 2, 2, 2, 2, false, true},
                                       {width, 2, 1, 7, 5, 1, true, true}};

    use(OWN);
    for (size_t i = 0; i < (test_small() ? 0 : SS_COUNT(shapes)) * 4; i++) {
        struct bits t;
        float *again = NULL;
        make_bits(&t, shapes[i / 4][0], shapes[i / 4][1], shapes[i / 4][2], (unsigned)(i % 4));
        const struct ss_own_product p = ss_own_product_of(device, &t.g, false);
        ok(ss_allocate(t.g.m * t.g.n, &again));
        compute_bits(&t, NULL, t.x);
        for (size_t j = 0; j < SS_COUNT(all); j++) {
            const struct ss_gemm_way w = {.own = fit(&p, all[j])};
            ck_assert_msg(!ss_own_sizes_wrong(device, &p, &w.own), "%s",
                          ss_own_sizes_wrong(device, &p, &w.own));
            has_same_bits(&t, &w, again);
        }
        free(again);
        free_bits(&t);
    }
}
END_TEST

/* And so a run may go on by others than it began with. */
START_TEST(whatever_tuning_may_choose_for_a_product_has_the_same_bits)
{
    enum { MOST = 20 };
    static const size_t shapes[][3] = {{70, 90, 600}, {33, 40, 2100}, {130, 2, 64}, {300, 130, 20}};
    const size_t n = test_small() ? 0 : SS_COUNT(shapes) - (_i == TILED ? 2 : 0);

    use(_i);
    for (size_t i = 0; i < 4 * n; i++) {
        struct ss_gemm_way ways[MOST];
        struct bits t;
        float *again = NULL;
        make_bits(&t, shapes[i / 4][0], shapes[i / 4][1], shapes[i / 4][2], (unsigned)(i % 4));
        const size_t n_ways = ss_gemm_ways(device, &t.g, ways, MOST);
        ck_assert_uint_gt(n_ways, 1);
        ck_assert_uint_lt(n_ways, MOST); /* all of them */
        ok(ss_allocate(t.g.m * t.g.n, &again));
        compute_bits(&t, NULL, t.x);
        for (size_t j = 0; j < n_ways; j += _i == TILED && i % 4 ? 3 : 1)
            has_same_bits(&t, &ways[j], again);
        free(again);
        free_bits(&t);
    }
}
END_TEST

static struct ss_tuning answer_of(const struct ss_gemm_way *w)
{
    struct ss_tuning t = {.ms = 1, .gain = 2, .candidates = 3, .stamp = "2026-01-31T12:34:56Z"};

    ss_gemm_way_numbers(device, w, t.numbers);
    return t;
}

START_TEST(a_product_takes_what_was_measured_and_an_answer_that_cannot_be_is_a_miss)
{
    struct ss_gemm_way ways[4];
    struct ss_tuning answer;
    char question[160];
    struct bits t;

    use(_i);
    make_bits(&t, 70, 90, test_small() ? 11 : 611, 0);
    ck_assert_uint_eq(ss_gemm_ways(device, &t.g, ways, SS_COUNT(ways)), SS_COUNT(ways));
    const struct ss_gemm_way rule = *ss_gemm_way_of(device, &t.g);
    ck_assert(!ss_gemm_way_measured(device, &t.g, &answer, NULL));
    ss_gemm_question(device, &t.g, question, sizeof(question));

    struct ss_tuning kept = answer_of(&ways[2]);
    ss_tuning_keep(device, question, &kept);
    ck_assert(ss_gemm_way_measured(device, &t.g, &answer, NULL));
    kept = answer_of(ss_gemm_way_of(device, &t.g));
    ck_assert_mem_eq(kept.numbers, answer.numbers, sizeof(answer.numbers));
    kept = answer_of(&rule);
    ck_assert(memcmp(kept.numbers, answer.numbers, sizeof(answer.numbers)) != 0);

    for (size_t i = 0; i < (_i == TILED ? 2 : 3); i++) { /* tiles of number 0 are by the rules */
        answer = answer_of(&ways[2]);
        answer.numbers[0] = i == 0 ? 1 : i == 1 ? INT32_MAX : 0; /* no whole tile; more than there is; none */
        ss_tuning_keep(device, question, &answer);
        ck_assert(!ss_gemm_way_measured(device, &t.g, &answer, NULL));
        answer = answer_of(ss_gemm_way_of(device, &t.g));
        ck_assert_mem_eq(kept.numbers, answer.numbers, sizeof(answer.numbers));
        ok(ss_gemm_enqueue(device, &t.g));
    }
    free_bits(&t);
}
END_TEST

static void sum_up(struct ss_gemm_shapes *heard, const struct bits *t)
{
    ss_gemm_listen(device, heard);
    ok(ss_gemm_enqueue(device, &t->g));
    ok(ss_gemm_enqueue(device, &t->g));
    struct ss_gemm g = t->g;
    g.m /= 2;
    g.streams = 2;
    ok(ss_gemm_enqueue(device, &g)); /* rows again */
    g.skip = 2;
    ok(ss_gemm_enqueue(device,
                       &g)); /* of all rows on CPU devices, which are cut as such; else those that are left */
    ss_gemm_listen(device, NULL);
}

START_TEST(products_are_heard_by_their_shapes_and_not_computed_meanwhile)
{
    struct ss_gemm_shapes heard;
    struct bits t;
    char text[64];

    use(OWN);
    make_bits(&t, 20, 30, 40, 0);
    compute_bits(&t, NULL, t.x);
    const float spoilt = NAN;
    ok(ss_span_write(t.g.c, &spoilt, 1));
    sum_up(&heard, &t);
    const bool whole = strcmp(ss_gemm_backend(device), "own") == 0;
    ck_assert_uint_eq(heard.n, whole ? 1 : 2);
    ck_assert_uint_eq(heard.times[0], whole ? 4 : 3);
    ss_gemm_shape_text(&heard.shapes[0], text, sizeof(text));
    ck_assert_str_eq(text, "20 x 30 x 40, nn");
    if (!whole) {
        ss_gemm_shape_text(&heard.shapes[1], text, sizeof(text));
        ck_assert_str_eq(text, "10 x 30 x 40, nn");
    }
    ok(ss_span_read(t.g.c, t.x, 1));
    ck_assert(isnan(t.x[0]));
    ss_gemm_choose(device, SS_GEMM_CLBLAST); /* which has none of ours */
    sum_up(&heard, &t);
    ck_assert_uint_eq(heard.n, 0);
    free_bits(&t);
}
END_TEST

START_TEST(a_product_is_tuned_by_bits_and_time)
{
    const struct ss_tuner_options o = {.seconds = 0.5};
    struct ss_gemm_tune *t = NULL;
    struct ss_tuning answer;

    use(OWN);
    const struct ss_gemm shape = {.m = 48, .n = 64, .k = 80, .lda = 80, .ldb = 64};
    ok(ss_gemm_tune_create(device, &shape, &t));
    struct ss_tuner_task *const task = ss_gemm_tune_task(t);
    if (!test_small()) {
        ok(ss_tuner_run(device, task, &o));
        ck_assert(task->answered);
        for (size_t i = 0; i < task->n_candidates; i++)
            ck_assert_int_ne(task->candidates[i].outcome, SS_TUNER_WRONG);
        ck_assert(ss_gemm_shape_answer(device, &shape, &answer));
    }
    ss_gemm_tune_free(t);
}
END_TEST

/* The share of the time that `groups` work which take the tasks of C in turn, the rows of a band first. */
static double share_at_work(size_t m, size_t n, const struct ss_own_sizes *s)
{
    double loads[64] = {0}, longest = 0;

    ck_assert_uint_le(s->groups, SS_COUNT(loads));
    for (size_t j = 0; j < n; j += s->task_n) {
        for (size_t i = 0; i < m; i += s->task_m) {
            const size_t rows = m - i < s->task_m ? m - i : s->task_m;
            const size_t columns = n - j < s->task_n ? n - j : s->task_n;
            size_t first = 0;
            for (size_t g = 1; g < s->groups; g++)
                first = loads[g] < loads[first] ? g : first;
            loads[first] += (double)rows * (double)columns;
        }
    }
    for (size_t g = 0; g < s->groups; g++)
        longest = loads[g] > longest ? loads[g] : longest;
    return (double)m * (double)n / (s->groups * longest);
}

/* 784 columns are three bands of 256 and one of 16. Rows are cut by whole tiles, so that the last tasks are
 * smaller: hence not all of the time. */
START_TEST(tasks_go_round_evenly)
{
    static const size_t sizes[] = {392, 512, 784, 1000, 1024};
    const uint32_t units = device->info.compute_units;

    for (uint32_t cores = 2; cores <= 8; cores++) {
        device->info.compute_units = cores;
        for (size_t i = 0; i < SS_COUNT(sizes) * SS_COUNT(sizes) * 2; i++) {
            const size_t m = sizes[i / 2 % SS_COUNT(sizes)], n = sizes[i / 2 / SS_COUNT(sizes)];
            const struct ss_gemm g = {.transpose_a = i % 2, .m = m, .n = n, .k = 256, .ldc = n};
            const struct ss_own_product p = ss_own_product_of(device, &g, false);
            const struct ss_own_sizes s = ss_own_sizes_by_rule(device, &p, false);
            const double share = share_at_work(p.g.m, p.g.n, &s);
            ck_assert_msg(share > 0.85, "%zu x %zu%s on %u cores: %.2f", m, n, i % 2 ? ", A'" : "", cores,
                          share);
        }
    }
    device->info.compute_units = units;
}
END_TEST

START_TEST(rules_give_sizes_that_can_be)
{
    static const size_t sizes[] = {1, 5, 12, 33, 64, 128, 200, 256, 392, 512, 784, 1024, 4096};
    enum { N = SS_COUNT(sizes) };
    const uint32_t units = device->info.compute_units;

    for (uint32_t cores = 1; cores <= 64; cores *= 4) {
        device->info.compute_units = cores;
        for (size_t i = 0; i < 4 * N * N * N; i++) {
            const size_t m = sizes[i / 4 % N], n = sizes[i / 4 / N % N], k = sizes[i / 4 / N / N];
            const bool across_a = i & 1, across_b = i & 2;
            const struct ss_gemm g = {.transpose_a = across_a,
                                      .transpose_b = across_b,
                                      .m = m,
                                      .n = n,
                                      .k = k,
                                      .lda = across_a ? m : k,
                                      .ldb = across_b ? k : n,
                                      .ldc = n};
            const struct ss_own_product p = ss_own_product_of(device, &g, false);
            const struct ss_own_sizes s = ss_own_sizes_by_rule(device, &p, false);
            const char *const wrong = ss_own_sizes_wrong(device, &p, &s);
            ck_assert_msg(!wrong, "%zu x %zu x %zu%s%s on %u cores: %s", m, n, k, across_a ? ", A'" : "",
                          across_b ? ", B'" : "", cores, wrong);
        }
    }
    device->info.compute_units = units;
}
END_TEST

START_TEST(sizes_that_cannot_be_are_refused)
{
    const size_t cores = ss_device_info(device)->compute_units;
    struct bits t;

    make_bits(&t, 20, 40, 10, 0);
    const struct ss_own_product p = ss_own_product_of(device, &t.g, false);
    const struct ss_own_sizes good = ss_own_sizes_by_rule(device, &p, false);
    struct ss_own_sizes bad[10];
    for (size_t i = 0; i < SS_COUNT(bad); i++)
        bad[i] = good;
    bad[0].width = 3;
    bad[1].rows = 0;
    bad[2].rows = 17;
    bad[3].vectors = 5;
    bad[4].task_m = 0;
    bad[5].task_m += 1;
    bad[6].task_n += 1;
    bad[7].groups = (uint32_t)cores + 1;
    bad[8].task_m += 6 * good.rows;
    bad[9].pack_a = true;
    char text[256] = "";
    ss_sink_set(keep_text, text);
    ck_assert_ptr_null(ss_own_sizes_wrong(device, &p, &good));
    for (size_t i = 0; i < SS_COUNT(bad); i++)
        ck_assert_msg(ss_gemm_own(device, &t.g, false, &bad[i]) == SS_ERR_INTERNAL, "%zu", i);
    ss_sink_set(NULL, NULL);
    free_bits(&t);
    /* dot products: how many tasks there are, host and kernel must count alike */
    const struct ss_gemm few = {
        .transpose_b = true, .m = 200, .n = 4, .k = 64, .lda = 64, .ldb = 64, .ldc = 4};
    const struct ss_own_product dots = ss_own_product_of(device, &few, false);
    struct ss_own_sizes sizes = ss_own_sizes_by_rule(device, &dots, false);
    ck_assert(dots.dots);
    ck_assert_ptr_null(ss_own_sizes_wrong(device, &dots, &sizes));
    sizes.task_n = 1;
    ck_assert_ptr_nonnull(ss_own_sizes_wrong(device, &dots, &sizes));
}
END_TEST

static void open_device(void)
{
    device = test_device_open();
}

static void close_device(void)
{
    ss_device_free(device);
}

/* Answers go to a folder of the test's own. */
static void set_up(void)
{
    scratch_set_up();
    setenv("XDG_CACHE_HOME", scratch_path(""), 1);
}

int main(void)
{
    Suite *const s = suite_create("products");
    TCase *const c = tcase_create("products");

    tcase_set_timeout(c, 300);
    tcase_add_unchecked_fixture(c, open_device, close_device);
    tcase_add_checked_fixture(c, set_up, scratch_tear_down);
    tcase_add_test(c, tiles_tasks_and_packing_change_no_bits);
    tcase_add_loop_test(c, whatever_tuning_may_choose_for_a_product_has_the_same_bits, 0, FORMS);
    tcase_add_loop_test(c, a_product_takes_what_was_measured_and_an_answer_that_cannot_be_is_a_miss, 0,
                        FORMS);
    tcase_add_test(c, products_are_heard_by_their_shapes_and_not_computed_meanwhile);
    tcase_add_test(c, a_product_is_tuned_by_bits_and_time);
    tcase_add_test(c, tasks_go_round_evenly);
    tcase_add_test(c, rules_give_sizes_that_can_be);
    tcase_add_test(c, sizes_that_cannot_be_are_refused);
    suite_add_tcase(s, c);
    return run_device_suite(s);
}
