#include "support/device.h"

#include <stdlib.h>
#include <string.h>

#include "device/gemm.h"
#include "random/random.h"

void ok(enum ss_status st)
{
    ck_assert_msg(st == SS_OK, "%s", ss_status_name(st));
}

struct ss_device *test_device_open(void)
{
    const char *const gemm = getenv("SLICESCORE_TEST_GEMM");
    struct ss_device *d = NULL;

    ok(ss_device_open(getenv("SLICESCORE_DEVICE"), &d));
    if (gemm)
        ss_gemm_choose(d, strcmp(gemm, "clblast") == 0 ? SS_GEMM_CLBLAST : SS_GEMM_OWN);
    return d;
}

bool test_small(void)
{
    return getenv("SLICESCORE_TEST_SMALL") != NULL;
}

void normals(float *to, size_t n, uint32_t stream)
{
    for (size_t i = 0; i < n; i += 4) {
        const uint32_t counter[4] = {(uint32_t)i, stream, 0, 0};
        float z[4];
        ss_random_normal(7, SS_PURPOSE_SUBSET, counter, z);
        for (size_t j = 0; j < 4 && i + j < n; j++)
            to[i + j] = z[j];
    }
}

int run_device_suite(Suite *s)
{
    SRunner *const r = srunner_create(s);

    srunner_set_fork_status(r, CK_NOFORK); /* a child inherits a driver's locks, not its threads, and hangs */
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
