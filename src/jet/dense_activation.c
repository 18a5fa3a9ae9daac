/* dense_activation.c - an activation, forward or reverse, at the end of the product of a dense layer beside
 * it: a launch less, and what it reads is still in the caches. */
#include "jet/operation.h"

enum ss_status ss_activation_end_init(struct ss_activation_end *end, const struct ss_step *activation,
                                      bool reverse)
{
    const struct ss_define defines[] = {{"REVERSE", reverse},
                                        {"ACTIVATION", (long)activation->node->activation}};
    const size_t n = ss_device_is_cpu(activation->device) ? 1 : 2; /* as cl/jet/activation.cl has it */
    enum ss_status st = SS_OK;

    /* forward y = x W', in reverse xb = yb W */
    TRY(ss_epilogue_create(activation->device, "jet/dense_activation.cl", defines, n, !reverse,
                           &end->epilogue));
    end->activation = activation;
    end->reverse = reverse;
out:
    return st;
}

void ss_activation_end_add(const struct ss_activation_end *end, struct ss_arg args[SS_EPILOGUE_ARGS],
                           struct ss_gemm *product)
{
    const struct ss_step *const a = end->activation;

    if (!a)
        return;
    args[0] = ss_arg_u32((uint32_t)a->node->activation);
    args[1] = ss_arg_u32(a->streams.slices);
    args[2] = ss_arg_u32(a->streams.extra);
    args[3] = ss_arg_u32((uint32_t)a->x_order[0]);
    args[4] = ss_arg_u32((uint32_t)a->streams.second);
    args[5] = ss_arg_span(a->x[0]);
    args[6] = ss_arg_span(end->reverse ? a->x_bar[0] : a->y);
    product->epilogue = end->epilogue;
    product->epilogue_args = args;
    product->n_epilogue_args = 7;
}

enum ss_status ss_activation_end_enqueue(const struct ss_activation_end *end)
{
    if (!end->activation)
        return SS_OK;
    return end->reverse ? ss_operation_activation.reverse(end->activation)
                        : ss_operation_activation.forward(end->activation);
}
