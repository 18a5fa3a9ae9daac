#include <check.h>
#include <stdlib.h>

#include "device/device.h"
#include "device/gemm.h"

static struct ss_device *device;

static void ok(enum ss_status st)
{
    ck_assert_msg(st == SS_OK, "%s", ss_status_name(st));
}

static void open_device(void)
{
    ok(ss_device_open(NULL, &device));
}

static void close_device(void)
{
    ss_device_free(device);
}

START_TEST(a_product_of_two_small_matrices_is_right)
{
    const float a[6] = {1, 2, 3, 4, 5, 6}, b[6] = {1, 0, 0, 1, 1, 1};
    float c[4];
    struct ss_buffer *m = NULL;

    ok(ss_buffer_create(device, 64 * sizeof(float), &m));
    ok(ss_span_write(ss_span_of(m), a, 6));
    ok(ss_span_write((struct ss_span){m, 6}, b, 6));
    ok(ss_gemm_enqueue(
        device,
        &(struct ss_gemm){
            .m = 2, .n = 2, .k = 3, .a = {m, 0}, .b = {m, 6}, .c = {m, 12}, .lda = 3, .ldb = 2, .ldc = 2}));
    ok(ss_span_read((struct ss_span){m, 12}, c, 4));
    ck_assert(c[0] == 4 && c[1] == 5 && c[2] == 10 && c[3] == 11);
    ss_buffer_free(m);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("device");
    TCase *const c = tcase_create("device");

    tcase_set_timeout(c, 120);
    tcase_add_unchecked_fixture(c, open_device, close_device);
    tcase_add_test(c, a_product_of_two_small_matrices_is_right);
    suite_add_tcase(s, c);
    SRunner *const r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
