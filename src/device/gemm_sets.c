/*
 * gemm_sets.c - parameters of CLBlast's large product that are worth trying where it was never tuned itself.
 *
 * A work-group of MDIMC x NDIMC items computes MWG x NWG of C, KWG of k at a time; SA and SB: through local
 * memory; VWM and VWN: widths of loads. What CLBlast asks of them: MWG a multiple of MDIMC VWM and MDIMA VWM,
 * NWG of NDIMC VWN and NDIMB VWN, KWG of MDIMC NDIMC / MDIMA and / NDIMB. On CPUs small groups without local
 * memory; large unrolled ones took minutes to compile.
 */
#include <clblast_c.h>

#include "device/gemm_backends.h"
#include "device/opencl.h"

enum { PARAMETERS = 16, CPU_SETS = 3, GPU_SETS = 3 };

static const char *const names[PARAMETERS] = {"GEMMK", "KREG", "KWG", "KWI", "MDIMA", "MDIMC", "MWG", "NDIMB",
                                              "NDIMC", "NWG",  "SA",  "SB",  "STRM",  "STRN",  "VWM", "VWN"};
static const size_t cpu[CPU_SETS][PARAMETERS] = {{0, 1, 16, 2, 4, 4, 32, 4, 4, 32, 0, 0, 0, 0, 8, 8},
                                                 {0, 1, 32, 2, 4, 4, 64, 4, 4, 32, 0, 0, 0, 0, 8, 8},
                                                 {0, 1, 16, 2, 2, 2, 32, 2, 2, 16, 0, 0, 0, 0, 8, 8}};
static const size_t gpu[GPU_SETS][PARAMETERS] = {{0, 1, 16, 2, 16, 16, 128, 16, 16, 128, 1, 1, 0, 0, 4, 4},
                                                 {0, 1, 16, 2, 8, 8, 64, 8, 8, 64, 1, 1, 0, 0, 4, 4},
                                                 {0, 1, 32, 2, 16, 16, 128, 8, 8, 64, 1, 1, 0, 0, 4, 4}};

uint32_t ss_gemm_sets(const struct ss_device *d)
{
    return ss_device_is_cpu(d) ? CPU_SETS : GPU_SETS;
}

uint32_t ss_gemm_set(const struct ss_device *d)
{
    return d->gemm.set;
}

enum ss_status ss_gemm_take_set(struct ss_device *d, uint32_t set)
{
    const char *words[PARAMETERS];

    if (set == d->gemm.set)
        return SS_OK;
    if (set == 0 || set > ss_gemm_sets(d))
        return SS_FAIL(SS_ERR_INTERNAL, "CLBlast: set %u of its parameters cannot be had after set %u", set,
                       d->gemm.set);
    for (size_t i = 0; i < PARAMETERS; i++)
        words[i] = names[i]; /* it wants them without const */
    const CLBlastStatusCode code =
        CLBlastOverrideParameters(d->id, "Xgemm", CLBlastPrecisionSingle, PARAMETERS, words,
                                  ss_device_is_cpu(d) ? cpu[set - 1] : gpu[set - 1]);
    if (code != CLBlastSuccess)
        return ss_clblast_fail(d, "CLBlastOverrideParameters", (int)code, "Xgemm");
    d->gemm.set = set;
    return SS_OK;
}
