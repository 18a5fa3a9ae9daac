#include "device/gemm.h"

#include "device/opencl.h"

static enum ss_status plain(struct ss_device *d, const struct ss_gemm *g)
{
    const struct ss_define defines[] = {
        {"TRANSPOSE_A", g->transpose_a}, {"TRANSPOSE_B", g->transpose_b}, {"ACCUMULATE", g->accumulate}};
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)g->m),   ss_arg_u32((uint32_t)g->n),
                                  ss_arg_u32((uint32_t)g->k),   ss_arg_span(g->a),
                                  ss_arg_u32((uint32_t)g->lda), ss_arg_span(g->b),
                                  ss_arg_u32((uint32_t)g->ldb), ss_arg_span(g->c),
                                  ss_arg_u32((uint32_t)g->ldc)};
    struct ss_kernel *k = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_device_kernel(d, "device/gemm_plain.cl", "gemm_plain", defines, SS_COUNT(defines), &k));
    TRY(ss_launch(k, (struct ss_range){.global = {g->n, g->m}}, args, SS_COUNT(args)));
out:
    return st;
}

enum ss_status ss_gemm_enqueue(struct ss_device *d, const struct ss_gemm *g)
{
    return plain(d, g);
}

void ss_gemm_choose(struct ss_device *d, enum ss_gemm_kind kind)
{
    d->gemm = kind;
}

const char *ss_gemm_backend(const struct ss_device *d)
{
    (void)d;
    return "plain";
}

void ss_gemm_use_plain(struct ss_device *d)
{
    d->gemm_plain = true;
}
