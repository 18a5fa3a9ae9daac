/* gemm_clblast.c - the product by CLBlast. */
#include <clblast_c.h>
#include <stdio.h>

#include "device/gemm_backends.h"
#include "device/opencl.h"

static const char *code_name(CLBlastStatusCode code)
{
    switch (code) {
    case CLBlastInvalidLeadDimA:
        return "CLBlastInvalidLeadDimA";
    case CLBlastInvalidLeadDimB:
        return "CLBlastInvalidLeadDimB";
    case CLBlastInvalidLeadDimC:
        return "CLBlastInvalidLeadDimC";
    case CLBlastInsufficientMemoryA:
        return "CLBlastInsufficientMemoryA";
    case CLBlastInsufficientMemoryB:
        return "CLBlastInsufficientMemoryB";
    case CLBlastInsufficientMemoryC:
        return "CLBlastInsufficientMemoryC";
    case CLBlastInsufficientMemoryTemp:
        return "CLBlastInsufficientMemoryTemp";
    case CLBlastInvalidLocalMemUsage:
        return "CLBlastInvalidLocalMemUsage";
    case CLBlastNotImplemented:
        return "CLBlastNotImplemented";
    case CLBlastNoHalfPrecision:
    case CLBlastNoDoublePrecision:
        return "CLBlast: precision not supported";
    case CLBlastDatabaseError:
        return "CLBlastDatabaseError";
    case CLBlastUnexpectedError:
        return "CLBlastUnexpectedError";
    default:
        return ss_cl_error_name((cl_int)code); /* it hands on OpenCL's own codes */
    }
}

enum ss_status ss_clblast_fail(const struct ss_device *d, const char *call, int code, const char *what)
{
    return SS_FAIL(ss_cl_status((cl_int)code), "%s: %s (%d), %s on %s", call,
                   code_name((CLBlastStatusCode)code), code, what, d->info.name);
}

enum ss_status ss_gemm_clblast(struct ss_device *d, const struct ss_gemm *g)
{
    const CLBlastTranspose a = g->transpose_a ? CLBlastTransposeYes : CLBlastTransposeNo;
    const CLBlastTranspose b = g->transpose_b ? CLBlastTransposeYes : CLBlastTransposeNo;
    struct ss_buffer *const used[] = {g->a.buffer, g->b.buffer, g->c.buffer};
    char what[64];
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < SS_COUNT(used); i++)
        TRY(ss_buffer_before_use(used[i]));
    const CLBlastStatusCode code =
        CLBlastSgemm(CLBlastLayoutRowMajor, a, b, g->m, g->n, g->k, 1.0f, g->a.buffer->memory, g->a.offset,
                     g->lda, g->b.buffer->memory, g->b.offset, g->ldb, g->accumulate ? 1.0f : 0.0f,
                     g->c.buffer->memory, g->c.offset, g->ldc, &d->queue, NULL);

    snprintf(what, sizeof(what), "%zu x %zu x %zu", g->m, g->n, g->k);
    if (code != CLBlastSuccess)
        return ss_clblast_fail(d, "CLBlastSgemm", (int)code, what);
    for (size_t i = 0; i < SS_COUNT(used); i++)
        TRY(ss_buffer_after_use(used[i]));
out:
    return st;
}
