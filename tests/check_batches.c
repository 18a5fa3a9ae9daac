#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "data/batches.h"
#include "data/table.h"
#include "data/transform_chain.h"
#include "device/gemm.h"
#include "device/opencl.h"
#include "random/random.h"
#include "support/device.h"

static struct ss_device *device;

static void open_device(void)
{
    device = test_device_open();
    if (ss_device_info(device)->unfinished) /* where the program's self-test sets fast products aside */
        ss_gemm_use_plain(device);
}

static void close_device(void)
{
    ss_device_free(device);
}

static void quiet(void *context, enum ss_level level, const char *text)
{
    (void)context, (void)level, (void)text;
}

static struct ss_transform_options step(enum ss_transform_kind kind, double value)
{
    return (struct ss_transform_options){.kind = kind, .value = value};
}

static struct ss_dataset *load(size_t rows, size_t d, struct ss_transform_options *steps, size_t n_steps)
{
    const struct ss_data_options o = {.source = SS_SOURCE_GMM,
                                      .rows = (uint32_t)rows,
                                      .dimension = (uint32_t)d,
                                      .noise = NAN,
                                      .validation = 0.1,
                                      .transforms = steps,
                                      .n_transforms = n_steps,
                                      .transforms_given = true};
    struct ss_dataset *out = NULL;

    ss_sink_set(quiet, NULL);
    ok(ss_dataset_load(&o, 3, &out));
    return out;
}

static struct ss_batches *make(const struct ss_dataset *data, enum ss_residence where, size_t batch)
{
    struct ss_batches *out = NULL;

    ok(ss_batches_create(device, data, where, 17, batch, &out));
    ck_assert(ss_batches_resident(out) == (where != SS_RESIDENCE_HOST));
    return out;
}

/* Batch of a step, written some way into a buffer whose other numbers must stay as they are; or all of them,
 * if it is elsewhere. */
static void draw(struct ss_batches *b, uint64_t at, size_t n, float *out)
{
    enum { BEFORE = 5, AFTER = 7 };
    struct ss_buffer *x = NULL;
    struct ss_span there;
    float *const all = calloc(n + BEFORE + AFTER, sizeof *all);

    for (size_t i = 0; i < n + BEFORE + AFTER; i++)
        all[i] = 12345.0f;
    ok(ss_buffer_create(device, (n + BEFORE + AFTER) * sizeof *all, &x));
    ok(ss_span_write(ss_span_of(x), all, n + BEFORE + AFTER));
    ok(ss_batches_enqueue(b, at, (struct ss_span){x, BEFORE}, &there));
    ck_assert(there.buffer != x || there.offset == BEFORE);
    ok(ss_span_read(there, out, n));
    ok(ss_span_read(ss_span_of(x), all, n + BEFORE + AFTER));
    for (size_t i = 0; i < n + BEFORE + AFTER; i++)
        if (there.buffer != x || i < BEFORE || i >= BEFORE + n)
            ck_assert(all[i] == 12345.0f);
    free(all);
    ss_buffer_free(x);
}

/* Training row that is row i of step `at`, as random.h and batches.h say. */
static uint32_t row_of(const struct ss_dataset *data, uint64_t at, size_t batch, size_t i)
{
    const uint64_t n = ss_dataset_rows(data, SS_PART_TRAIN), p = at * batch + i;
    const uint32_t which =
        ss_random_permute(17, SS_PURPOSE_ORDER, (uint32_t)(p / n), (uint32_t)n, (uint32_t)(p % n));

    return ss_dataset_index(data, SS_PART_TRAIN)[which];
}

/* The device's batch against the host's transform with the same counters. */
static void compare(const struct ss_dataset *data, const float *got, uint64_t at, size_t batch)
{
    const struct ss_transform *const t = ss_dataset_transform(data);
    const size_t d = ss_transform_outputs(t);
    const struct ss_transform_draw numbers = {17, SS_PURPOSE_NOISE, (uint32_t)at};
    double x[64], y[64];

    for (uint32_t i = 0; i < batch; i++) {
        const uint32_t row = row_of(data, at, batch, i);
        ss_table_row(ss_dataset_table(data), row, x);
        ss_transform_forward(t, x, &numbers, i, y);
        for (size_t j = 0; j < d; j++)
            /* Rounding of a few float operations, after logit of up to 1e-6 / distance from the ends. */
            ck_assert_msg(fabs((double)got[i * d + j] - y[j]) <= 2e-5 * (1.0 + fabs(y[j])),
                          "row %u column %zu: %g, on the host %g", i, j, (double)got[i * d + j], y[j]);
    }
}

START_TEST(each_epoch_has_every_row_once_and_in_its_own_order)
{
    enum { ROWS = 111, BATCH = 8 }; /* 100 training rows, so that batches straddle epochs */
    struct ss_dataset *const data = load(ROWS, 2, NULL, 0);
    const size_t n = ss_dataset_rows(data, SS_PART_TRAIN);
    struct ss_batches *const b = make(data, SS_RESIDENCE_DEVICE, BATCH);
    float *const seen = calloc((3 * n + BATCH) * 2, sizeof *seen);
    size_t at_home = 0;

    ck_assert_uint_eq(n, 100);
    for (uint64_t s = 0; s * BATCH < 3 * n; s++)
        draw(b, s, BATCH * 2, seen + s * BATCH * 2);
    for (size_t epoch = 0; epoch < 3; epoch++)
        for (size_t i = 0; i < n; i++) {
            double x[2];
            size_t times = 0;
            ss_table_row(ss_dataset_table(data), ss_dataset_index(data, SS_PART_TRAIN)[i], x);
            for (size_t k = epoch * n; k < (epoch + 1) * n; k++)
                times += (double)seen[2 * k] == x[0] && (double)seen[2 * k + 1] == x[1];
            ck_assert_uint_eq(times, 1);
            at_home += epoch && memcmp(seen + 2 * i, seen + 2 * (epoch * n + i), 2 * sizeof *seen) == 0;
        }
    ck_assert_uint_lt(at_home, 20);
    free(seen);
    ss_batches_free(b);
    ss_dataset_free(data);
}
END_TEST

START_TEST(a_step_gives_the_same_batch_whatever_came_before)
{
    struct ss_transform_options noise = step(SS_TRANSFORM_NOISE, 0.3);
    struct ss_dataset *const data = load(50, 3, &noise, 1);
    static const enum ss_residence where[] = {SS_RESIDENCE_DEVICE, SS_RESIDENCE_HOST};
    /* forth, back, again, past the end of what is drawn at once, on to the middle of that and through it */
    static const uint64_t steps[] = {9,  8,  4,  4,  5,  5,  0,  1,  2,  2,  33, 34, 3,  39, 38, 7,
                                     8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,
                                     24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39};
    float straight[40][21], resumed[21];

    for (size_t w = 0; w < 2; w++) {
        struct ss_batches *a = make(data, where[w], 7), *b = make(data, where[w], 7);
        for (uint64_t s = 0; s < SS_COUNT(straight); s++) {
            draw(a, s, 21, straight[s]);
            compare(data, straight[s], s, 7);
        }
        for (size_t i = 0; i < SS_COUNT(steps); i++) {
            draw(b, steps[i], 21, resumed);
            ck_assert_mem_eq(resumed, straight[steps[i]], sizeof resumed);
        }
        ck_assert_mem_ne(straight[0], straight[1], sizeof resumed);
        ss_batches_free(a);
        ss_batches_free(b);
    }
    ss_dataset_free(data);
}
END_TEST

START_TEST(device_and_host_agree_for_all_chains_widths_and_batches)
{
    const struct ss_transform_options standardize = step(SS_TRANSFORM_STANDARDIZE, NAN),
                                      whiten = step(SS_TRANSFORM_WHITEN, 0.01),
                                      noise = step(SS_TRANSFORM_NOISE, 0.3),
                                      gaps = step(SS_TRANSFORM_DEQUANTIZE, NAN),
                                      more = step(SS_TRANSFORM_NOISE, 0.1);
    const struct ss_transform_options chains[][5] = {
        {standardize},
        {noise},
        {standardize, noise, more},
        {noise, standardize, more},
        {gaps, standardize, noise},
        {standardize, noise, whiten},
        {gaps, whiten, noise, standardize, whiten},
        {noise, standardize, whiten, more, standardize},
    };
    static const size_t lengths[] = {1, 1, 3, 3, 3, 3, 5, 5}, widths[] = {1, 5, 16},
                        batches[] = {1, 13, 700}; /* 700 is more than all rows */

    const bool small = test_small();

    for (size_t k = 0; k < SS_COUNT(chains); k++)
        for (size_t w = 0; w < SS_COUNT(widths) - small; w++) {
            struct ss_transform_options steps[5];
            memcpy(steps, chains[k], sizeof steps);
            struct ss_dataset *const data = load(200, widths[w], steps, lengths[k]);
            for (size_t i = 0; i < SS_COUNT(batches) - small; i++) {
                const size_t n = batches[i] * widths[w];
                float *const x = calloc(2 * n, sizeof *x), *const y = x + n;
                struct ss_batches *const resident = make(data, SS_RESIDENCE_DEVICE, batches[i]);
                struct ss_batches *const uploaded = make(data, SS_RESIDENCE_HOST, batches[i]);
                const bool as_gpu = device->as_gpu;
                ss_device_take_gpu_kernels(device, true);
                struct ss_batches *const gathered = make(data, SS_RESIDENCE_DEVICE, batches[i]);
                ss_device_take_gpu_kernels(device, as_gpu);
                for (uint64_t s = 0; s < 5000000000u; s = s < 2 ? s + 1 : s + 2499999999u) {
                    draw(gathered, s, n, x);
                    draw(uploaded, s, n, y);
                    ck_assert_mem_eq(x, y, n * sizeof *x); /* the same bits any way */
                    draw(resident, s, n, x);
                    ck_assert_mem_eq(x, y, n * sizeof *x);
                    compare(data, x, s, batches[i]);
                }
                ss_batches_free(resident);
                ss_batches_free(uploaded);
                ss_batches_free(gathered);
                free(x);
            }
            ss_dataset_free(data);
        }
}
END_TEST

/* A set of grey images on disk, 3 x 3 in 16-bit-free bytes: the chains that only images have. */
START_TEST(images_are_dequantized_and_sent_through_logit_as_on_the_host)
{
    enum { ROWS = 60, D = 9, BATCH = 11 };
    char path[] = "/tmp/ss-batches-XXXXXX";
    unsigned char idx[16 + ROWS * D] = {0, 0, 8, 3, 0, 0, 0, ROWS, 0, 0, 0, 3, 0, 0, 0, 3};
    struct ss_transform_options steps[] = {step(SS_TRANSFORM_DEQUANTIZE, NAN), step(SS_TRANSFORM_LOGIT, 1e-3),
                                           step(SS_TRANSFORM_STANDARDIZE, NAN),
                                           step(SS_TRANSFORM_WHITEN, 0.05), step(SS_TRANSFORM_NOISE, 0.1)};
    struct ss_data_options o = {.file = path, .noise = NAN, .validation = 0.1};

    for (size_t i = 0; i < ROWS * D; i++)
        idx[16 + i] = (unsigned char)(i % 7 == 0 ? 0 : i % 5 == 0 ? 255 : i * 89);
    close(mkstemp(path));
    ok(ss_file_write(path, idx, sizeof idx));
    ss_sink_set(quiet, NULL);
    for (size_t n = 0; n <= SS_COUNT(steps); n++) { /* 0: the default */
        struct ss_dataset *data = NULL;
        float x[BATCH * D], y[BATCH * D];
        o.transforms = steps;
        o.n_transforms = n;
        o.transforms_given = n > 0;
        ok(ss_dataset_load(&o, 3, &data));
        struct ss_batches *const resident = make(data, SS_RESIDENCE_AUTO, BATCH);
        struct ss_batches *const uploaded = make(data, SS_RESIDENCE_HOST, BATCH);
        for (uint64_t s = 0; s < 12; s++) {
            draw(resident, s, BATCH * D, x);
            draw(uploaded, s, BATCH * D, y);
            ck_assert_mem_eq(x, y, sizeof x);
            compare(data, x, s, BATCH);
            for (size_t i = 0; n < 2 && i < BATCH * D; i++)
                ck_assert(x[i] >= 0.0f && x[i] <= 1.0f);
        }
        ss_batches_free(resident);
        ss_batches_free(uploaded);
        ss_dataset_free(data);
    }
    unlink(path);
}
END_TEST

START_TEST(wide_and_narrow_noise_are_the_same_bits)
{
    enum { MOST = 3 * 150 };
    static const size_t widths[] = {1, 3, 4, 16, 63, 64, 65, 81, 150};
    struct ss_buffer *buffer = NULL;
    struct ss_kernel *kernels[2] = {NULL, NULL};
    float start[2 * MOST + 160], out[2][MOST];

    ok(ss_buffer_create(device, sizeof start, &buffer));
    ok(ss_device_kernel(device, "data/batches.cl", "batches_noise", NULL, 0, &kernels[0]));
    ok(ss_device_kernel(device, "data/batches.cl", "batches_noise_wide", NULL, 0, &kernels[1]));
    for (size_t i = 0; i < SS_COUNT(start); i++)
        start[i] = 0.25f * (float)(i % 17) - 1.0f;
    for (size_t w = 0; w < SS_COUNT(widths); w++)
        for (uint32_t mode = 0; mode < 4; mode++) { /* uniform or not, accumulate or not */
            const uint32_t d = (uint32_t)widths[w];
            for (int wide = 0; wide < 2; wide++) {
                ok(ss_span_write(ss_span_of(buffer), start, SS_COUNT(start)));
                ok(ss_launch(kernels[wide],
                             (struct ss_range){.global = {wide ? (d + 63) / 64 : (d + 3) / 4, 3}},
                             (struct ss_arg[]){ss_arg_u32(1), ss_arg_u32(5), ss_arg_u32(9), ss_arg_u32(2),
                                               ss_arg_u32(mode & 1), ss_arg_u32(mode / 2), ss_arg_u32(d),
                                               ss_arg_u32(3), ss_arg_span((struct ss_span){buffer, 3}),
                                               ss_arg_span((struct ss_span){buffer, 160})},
                             10));
                ok(ss_span_read((struct ss_span){buffer, 160}, out[wide], 3 * d));
            }
            ck_assert_mem_eq(out[0], out[1], 3 * d * sizeof(float));
            ck_assert(memcmp(out[0], start + 160, 3 * d * sizeof(float)) != 0);
        }
    ss_buffer_free(buffer);
}
END_TEST

START_TEST(noise_keeps_its_digits_on_columns_far_from_zero)
{
    enum { ROWS = 400, BATCH = 50 };
    char path[] = "/tmp/ss-batches-XXXXXX";
    struct ss_transform_options steps[] = {step(SS_TRANSFORM_NOISE, 0.5),
                                           step(SS_TRANSFORM_STANDARDIZE, NAN)};
    struct ss_data_options o = {
        .file = path, .noise = NAN, .transforms = steps, .n_transforms = 2, .transforms_given = true};
    struct ss_dataset *data = NULL;
    struct ss_text t;
    float x[BATCH];

    ss_text_init(&t);
    for (int i = 0; i < ROWS; i++)
        ss_text_addf(&t, "%.6f\n", 1e8 + sin(i));
    close(mkstemp(path));
    ok(ss_file_write(path, t.data, t.length));
    ss_text_release(&t);
    ss_sink_set(quiet, NULL);
    ok(ss_dataset_load(&o, 3, &data));
    struct ss_batches *const b = make(data, SS_RESIDENCE_DEVICE, BATCH);
    draw(b, 2, BATCH, x);
    compare(data, x, 2, BATCH); /* as floats, the raw columns could only hold steps of 8 */
    ss_batches_free(b);
    ss_dataset_free(data);
    unlink(path);
}
END_TEST

START_TEST(nothing_is_built_or_allocated_inside_a_step)
{
    struct ss_transform_options steps[] = {step(SS_TRANSFORM_NOISE, 0.5), step(SS_TRANSFORM_WHITEN, NAN),
                                           step(SS_TRANSFORM_NOISE, 0.5)};
    struct ss_dataset *const data = load(200, 6, steps, 3);
    struct ss_buffer *x = NULL;
    struct ss_span there;
    double seconds;

    ok(ss_buffer_create(device, 32 * 6 * sizeof(float), &x));
    const size_t before = ss_device_allocated(device);
    struct ss_batches *const b = make(data, SS_RESIDENCE_DEVICE, 32);
    const size_t bytes = ss_device_allocated(device), builds = ss_device_builds(device, &seconds);
    ck_assert_uint_ge(bytes - before, ss_batches_device_bytes(b));
    ck_assert_uint_ge(ss_batches_device_bytes(b), 180 * 6 * 4);
    for (uint64_t s = 0; s < 70; s++)
        ok(ss_batches_enqueue(b, s, ss_span_of(x), &there));
    ok(ss_device_finish(device));
    ck_assert_uint_eq(ss_device_allocated(device), bytes);
    ck_assert_uint_eq(ss_device_builds(device, &seconds), builds);
    ss_batches_free(b);
    ss_buffer_free(x);
    ss_dataset_free(data);
}
END_TEST

START_TEST(a_batch_of_nothing_is_refused)
{
    struct ss_dataset *const data = load(20, 2, NULL, 0);
    struct ss_batches *b = NULL;

    ck_assert_int_eq(ss_batches_create(device, data, SS_RESIDENCE_AUTO, 1, 0, &b), SS_ERR_USAGE);
    ck_assert_int_eq(ss_batches_create(device, data, SS_RESIDENCE_AUTO, 1, (size_t)1 << 32, &b),
                     SS_ERR_MEMORY);
    ck_assert_int_eq(ss_batches_create(device, data, SS_RESIDENCE_AUTO, 1, SIZE_MAX / 2, &b), SS_ERR_MEMORY);
    ck_assert_ptr_null(b);
    ss_dataset_free(data);
}
END_TEST

static void loud(void)
{
    ss_sink_set(NULL, NULL);
}

int main(void)
{
    Suite *const s = suite_create("batches");
    TCase *const c = tcase_create("batches");

    tcase_set_timeout(c, 240);
    tcase_add_unchecked_fixture(c, open_device, close_device);
    tcase_add_checked_fixture(c, NULL, loud);
    tcase_add_test(c, each_epoch_has_every_row_once_and_in_its_own_order);
    tcase_add_test(c, a_step_gives_the_same_batch_whatever_came_before);
    tcase_add_test(c, device_and_host_agree_for_all_chains_widths_and_batches);
    tcase_add_test(c, images_are_dequantized_and_sent_through_logit_as_on_the_host);
    tcase_add_test(c, wide_and_narrow_noise_are_the_same_bits);
    tcase_add_test(c, noise_keeps_its_digits_on_columns_far_from_zero);
    tcase_add_test(c, nothing_is_built_or_allocated_inside_a_step);
    tcase_add_test(c, a_batch_of_nothing_is_refused);
    suite_add_tcase(s, c);
    return run_device_suite(s);
}
