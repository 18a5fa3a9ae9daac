#include "device/quirks.h"

#include <string.h>
#include <strings.h>

/* The first entry that fits counts, so a driver's special devices come before the driver. */
static const struct ss_quirk quirks[] = {
    /* Mesa 22.3's llvmpipe under rusticl: simple kernels right; a large unrolled one took 214 s to build and
     * gave wrong numbers. */
    {"rusticl", "llvmpipe", false, SS_QUIRK_UNFINISHED, -1,
     "software rendering under an unfinished driver: slow to build, large kernels come out wrong"},
    /* Off by default in Mesa, not conformant before 23. */
    {"rusticl", NULL, false, SS_QUIRK_UNFINISHED, 0, "Mesa's rusticl: an unfinished driver"},
    /* OpenCL 1.1 with parts of 1.2; removed from Mesa in 2025 in favour of rusticl. */
    {"Clover", NULL, false, SS_QUIRK_UNFINISHED, 0, "Mesa's Clover: abandoned before it was finished"},
    /* An interpreter that checks memory accesses: thousands of times slower than any device. */
    {"Oclgrind", NULL, false, SS_QUIRK_UNFINISHED, -1,
     "a simulator for finding faults in kernels, not for work"},
    /* PoCL 3.1 under Linux 6.18, two cores: after a pause both of its threads woke on one, and a launch of 8
     * ms took 16 until the scheduler moved one of them. POCL_AFFINITY, if set, is the user's choice. */
    {"Portable Computing Language", NULL, true, SS_QUIRK_SPREAD_THREADS, 0, NULL},
    /* Measured on a Xeon with AVX-512: fused step 5.2 ms against PoCL's 5.9. It keeps no binaries: 0.7 s a
     * process to build one large kernel, against 8 ms from a binary. It binds its threads to cores: beside a
     * busy process, where the thread that waits may come to share a core with one of them, a fused step took
     * 4.9 ms, and 4.0 with that thread on the core that is left (two cores, Zen 5). */
    {"Intel(R) OpenCL", NULL, true, SS_QUIRK_KEEP_BINARIES | SS_QUIRK_WAITER_WORKS, 1, NULL},
};

static const struct ss_quirk none;

bool ss_quirk_contains(const char *text, const char *part)
{
    const size_t n = strlen(part);

    for (; *text; text++)
        if (strncasecmp(text, part, n) == 0)
            return true;
    return n == 0;
}

const struct ss_quirk *ss_quirk_of(const struct ss_device_info *info)
{
    for (size_t i = 0; i < SS_COUNT(quirks); i++) {
        const struct ss_quirk *const q = &quirks[i];
        if ((!q->cpu_only || info->type == SS_DEVICE_CPU) &&
            (!q->platform || ss_quirk_contains(info->platform_name, q->platform)) &&
            (!q->device || ss_quirk_contains(info->name, q->device)))
            return q;
    }
    return &none;
}
