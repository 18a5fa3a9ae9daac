/* Memory of a device: buffers, spans, large pages, uploads. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "device/gemm.h"
#include "support/device.h"
#include "support/scratch.h"

static struct ss_device *device; /* opened once: PoCL takes long to open */

static void open_device(void)
{
    device = test_device_open();
}

static void close_device(void)
{
    ss_device_free(device);
}

/* ---- buffers and spans ---- */

START_TEST(an_offset_past_32_bits_is_refused)
{
    const struct ss_span spans[] = {{NULL, UINT32_MAX}, {NULL, (size_t)UINT32_MAX + 1}};

    ck_assert_int_eq(ss_spans_fit("these", spans, 1), SS_OK);
    ck_assert_int_eq(ss_spans_fit("these", spans, 2), SS_ERR_MEMORY);
}
END_TEST

START_TEST(buffers_start_as_zeros_and_are_counted)
{
    const size_t before = ss_device_allocated(device);
    float x[100];
    struct ss_buffer *b = NULL;

    ss_device_watch_allocated(device);
    ok(ss_buffer_create(device, sizeof(x), &b));
    ck_assert_uint_eq(ss_buffer_bytes(b), sizeof(x));
    ck_assert_uint_ge(ss_device_allocated(device), before + sizeof(x));
    ok(ss_span_read(ss_span_of(b), x, 100));
    for (size_t i = 0; i < 100; i++)
        ck_assert(x[i] == 0.0f);
    ss_buffer_free(b);
    ss_buffer_free(NULL);
    ck_assert_uint_eq(ss_device_allocated(device), before);
    ck_assert_uint_ge(ss_device_most_allocated(device), before + sizeof(x));
    ss_device_watch_allocated(device);
    ck_assert_uint_eq(ss_device_most_allocated(device), before);
}
END_TEST

START_TEST(spans_write_copy_zero_and_read_their_part)
{
    float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, y[8];
    static const float want[8] = {3, 4, 3, 4, 5, 0, 0, 8};
    struct ss_buffer *b = NULL, *c = NULL;

    ok(ss_buffer_create(device, sizeof(x), &b));
    ok(ss_buffer_create(device, 2 * sizeof(x), &c));
    ok(ss_span_write(ss_span_at(ss_span_of(c), 3), x, 8));
    ok(ss_span_copy(ss_span_at(ss_span_of(c), 3), ss_span_of(b), 8));
    ok(ss_span_copy(ss_span_at(ss_span_of(c), 5), ss_span_of(b), 2));
    ok(ss_span_zero(ss_span_at(ss_span_of(b), 5), 2));
    ok(ss_span_zero(ss_span_at(ss_span_of(b), 8), 0));
    ok(ss_span_read(ss_span_of(b), y, 8));
    ck_assert(memcmp(y, want, sizeof(y)) == 0);
    ck_assert_int_eq(ss_span_write(ss_span_at(ss_span_of(b), 3), x, 6), SS_ERR_INTERNAL);
    ck_assert_int_eq(ss_span_read(ss_span_at(ss_span_of(b), 9), y, 0), SS_ERR_INTERNAL);
    ck_assert_int_eq(ss_span_copy(ss_span_of(c), ss_span_of(b), 9), SS_ERR_INTERNAL);
    ck_assert_int_eq(ss_span_zero(ss_span_at(ss_span_of(b), SIZE_MAX), 2), SS_ERR_INTERNAL);
    scratch_must_say("zero of 2 elements");
    ss_buffer_free(b);
    ss_buffer_free(c);
}
END_TEST

START_TEST(too_large_a_buffer_is_an_error_that_tells_the_limit)
{
    const size_t before = ss_device_allocated(device);
    struct ss_buffer *b = NULL;

    ck_assert_int_eq(ss_buffer_create(device, (size_t)1 << 50, &b), SS_ERR_MEMORY);
    scratch_must_say("allows at most");
    ck_assert_int_eq(ss_buffer_create(device, SIZE_MAX, &b), SS_ERR_MEMORY);
    scratch_must_say("allows at most");
    ck_assert_ptr_null(b);
    ck_assert_uint_eq(ss_device_allocated(device), before);
}
END_TEST

/* ---- large pages ---- */

enum { LARGE = 3 << 20 }; /* floats */

/* KiB of this process's memory that it has asked to have in large pages. */
static size_t asked_for_large_pages(void)
{
    FILE *const maps = fopen("/proc/self/smaps", "r");
    char line[512];
    size_t size = 0, sum = 0;

    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof(line), maps)) {
        (void)sscanf(line, "Size: %zu kB", &size);
        if (strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " hg"))
            sum += size;
    }
    fclose(maps);
    return sum;
}

START_TEST(a_large_buffer_of_a_cpu_device_is_asked_to_lie_in_large_pages_and_starts_as_zeros)
{
    const struct ss_device_info *const info = ss_device_info(device);
    struct ss_buffer *b = NULL;
    float *x = NULL;

    if (info->type != SS_DEVICE_CPU || info->unfinished || test_small() ||
        !ss_path_exists("/sys/kernel/mm/transparent_hugepage") || !ss_path_exists("/proc/self/smaps")) {
        printf("skipped: large pages (for CPU devices under Linux that has them)\n");
        return;
    }
    const size_t before = asked_for_large_pages();
    ok(ss_buffer_create(device, 4096, &b));
    ck_assert_uint_eq(asked_for_large_pages(), before);
    ss_buffer_free(b);
    ok(ss_buffer_create(device, LARGE * sizeof(*x), &b));
    ck_assert_uint_ge(asked_for_large_pages(), before + LARGE * sizeof(*x) / 1024);
    ok(ss_allocate(LARGE, &x));
    x[0] = x[LARGE - 1] = 1;
    ok(ss_span_read(ss_span_of(b), x, LARGE));
    for (size_t i = 0; i < LARGE; i++)
        ck_assert(x[i] == 0.0f);
    ss_buffer_free(b);
    free(x);
}
END_TEST

/* Released while the device is still busy with what comes before: its memory must outlive the copy from it.
 */
START_TEST(a_buffer_that_is_freed_early_lives_until_its_commands_have_ended)
{
    const size_t n = test_small() ? 1000 : LARGE, turns = test_small() ? 1 : 8;
    struct ss_buffer *to = NULL, *busy = NULL;
    float *x = NULL, *y = NULL;

    ok(ss_allocate(n, &x));
    ok(ss_allocate(n, &y));
    ok(ss_buffer_create(device, n * sizeof(*x), &to));
    ok(ss_buffer_create(device, n * sizeof(*x), &busy));
    for (size_t t = 0; t < turns; t++) {
        struct ss_buffer *from = NULL, *over = NULL;
        for (size_t i = 0; i < n; i++)
            x[i] = (float)(i + t);
        ok(ss_buffer_create(device, n * sizeof(*x), &from));
        ok(ss_span_write(ss_span_of(from), x, n));
        for (size_t k = 0; k < 5; k++)
            ok(ss_span_copy(ss_span_of(to), ss_span_of(busy), n));
        ok(ss_span_copy(ss_span_of(from), ss_span_of(to), n));
        ss_buffer_free(from);
        ok(ss_buffer_create(device, n * sizeof(*x), &over)); /* in its place, if that is free */
        ok(ss_span_read(ss_span_of(to), y, n));
        ck_assert(memcmp(x, y, n * sizeof(*x)) == 0);
        ss_buffer_free(over);
    }
    ss_buffer_free(to);
    ss_buffer_free(busy);
    free(x);
    free(y);
}
END_TEST

/* ---- uploads ---- */

enum { ROWS = 4096 };

static void send_batch(struct ss_upload *u, size_t batch, struct ss_buffer **out)
{
    void *host = NULL;

    ok(ss_upload_slot(u, &host));
    for (size_t i = 0; i < ROWS; i++)
        ((float *)host)[i] = (float)(batch + i);
    ok(ss_upload_send(u, out));
}

/* Adds to total what the buffer holds, through a product: total (1 x ROWS) += 1 (1 x 1) buffer. */
static void add_to(struct ss_buffer *one, struct ss_buffer *from, struct ss_buffer *total)
{
    ok(ss_gemm_enqueue(device, &(struct ss_gemm){.m = 1,
                                                 .n = ROWS,
                                                 .k = 1,
                                                 .a = {one, 0},
                                                 .b = {from, 0},
                                                 .c = {total, 0},
                                                 .lda = 1,
                                                 .ldb = ROWS,
                                                 .ldc = ROWS,
                                                 .accumulate = true}));
}

/* Loop index 0: compute on a batch, then send the next; 1: send the next one first. */
START_TEST(every_batch_arrives_whole_in_whichever_order_one_sends_and_computes)
{
    const size_t batches = test_small() ? 4 : 50;
    const float x = 1.0f;
    float got[ROWS];
    struct ss_buffer *one = NULL, *total = NULL, *now = NULL, *next = NULL;
    struct ss_upload *u = NULL;

    ok(ss_buffer_create(device, sizeof(x), &one));
    ok(ss_span_write(ss_span_of(one), &x, 1));
    ok(ss_buffer_create(device, sizeof(got), &total));
    ok(ss_upload_create(device, sizeof(got), &u));
    send_batch(u, 0, &next);
    for (size_t b = 0; b < batches; b++) {
        now = next;
        if (_i)
            send_batch(u, b + 1, &next);
        add_to(one, now, total);
        if (!_i)
            send_batch(u, b + 1, &next);
    }
    ok(ss_span_read(ss_span_of(total), got, ROWS));
    for (size_t i = 0; i < ROWS; i++)
        ck_assert(got[i] == (float)(batches * i + batches * (batches - 1) / 2));
    ok(ss_span_read(ss_span_of(next), got, ROWS)); /* reading waits for the copy too */
    ck_assert(got[ROWS - 1] == (float)(batches + ROWS - 1));
    ss_upload_free(u);
    ss_upload_free(NULL);
    ss_buffer_free(one);
    ss_buffer_free(total);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("memory");
    TCase *const c = tcase_create("memory");

    tcase_set_timeout(c, 300);
    tcase_add_unchecked_fixture(c, open_device, close_device);
    tcase_add_checked_fixture(c, scratch_set_up, scratch_tear_down);
    tcase_add_test(c, an_offset_past_32_bits_is_refused);
    tcase_add_test(c, buffers_start_as_zeros_and_are_counted);
    tcase_add_test(c, spans_write_copy_zero_and_read_their_part);
    tcase_add_test(c, too_large_a_buffer_is_an_error_that_tells_the_limit);
    tcase_add_test(c, a_large_buffer_of_a_cpu_device_is_asked_to_lie_in_large_pages_and_starts_as_zeros);
    tcase_add_test(c, a_buffer_that_is_freed_early_lives_until_its_commands_have_ended);
    tcase_add_loop_test(c, every_batch_arrives_whole_in_whichever_order_one_sends_and_computes, 0, 2);
    suite_add_tcase(s, c);
    return run_device_suite(s);
}
