/* initial.c - seeded values of parameters before training, the same bits made by the host or the device. */
#include <stdlib.h>

#include "base/checked.h"
#include "device/device.h"
#include "jet/graph.h"
#include "random/random.h"

enum { WIDE = 64 }; /* weights an item draws on CPU devices */

static void initialize(const struct ss_parameter *p, uint32_t index, uint32_t seed, float *to)
{
    const size_t columns = p->shape[1];

    for (size_t i = 0; i < p->count; i++)
        switch (p->initial) {
        case SS_INITIAL_ZERO:
            to[i] = 0.0f;
            break;
        case SS_INITIAL_ONE:
            to[i] = 1.0f;
            break;
        case SS_INITIAL_IDENTITY:
            to[i] = i / columns == i % columns ? p->deviation : 0.0f;
            break;
        case SS_INITIAL_NORMAL:
            if (i % 4 == 0) {
                const uint32_t counter[4] = {(uint32_t)(i / 4), index, 0, 0};
                float z[4];
                ss_random_normal(seed, SS_PURPOSE_INITIAL, counter, z);
                for (size_t j = 0; j < 4 && i + j < p->count; j++)
                    to[i + j] = p->deviation * z[j];
            }
            break;
        }
}

void ss_graph_initialize(const struct ss_graph *g, uint32_t seed, float *flat)
{
    for (size_t i = 0; i < ss_graph_flat_size(g); i++)
        flat[i] = 0.0f;
    for (size_t i = 0; i < ss_graph_parameters(g); i++) {
        const struct ss_parameter *const p = ss_graph_parameter(g, i);
        initialize(p, (uint32_t)i, seed, flat + p->offset);
    }
}

static enum ss_status draw_normals(struct ss_device *d, const struct ss_parameter *p, uint32_t index,
                                   uint32_t seed, struct ss_span to)
{
    const bool wide = ss_device_is_cpu(d);
    const size_t each = wide ? WIDE : 4;
    const struct ss_arg args[] = {ss_arg_u32(seed),         ss_arg_u32(SS_PURPOSE_INITIAL), ss_arg_u32(index),
                                  ss_arg_f32(p->deviation), ss_arg_u32((uint32_t)p->count), ss_arg_span(to)};
    struct ss_kernel *k = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_device_kernel(d, "jet/initial.cl", wide ? "initial_normals_wide" : "initial_normals", NULL, 0,
                         &k));
    TRY(ss_launch(k, (struct ss_range){.global = {(p->count + each - 1) / each}}, args, SS_COUNT(args)));
out:
    return st;
}

static enum ss_status write_others(const struct ss_parameter *p, struct ss_span to)
{
    float *values = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(p->count, &values));
    initialize(p, 0, 0, values);
    TRY(ss_span_write(to, values, p->count));
out:
    free(values);
    return st;
}

enum ss_status ss_graph_initialize_enqueue(struct ss_device *d, const struct ss_graph *g, uint32_t seed,
                                           struct ss_span flat)
{
    enum ss_status st = SS_OK;

    TRY(ss_span_zero(flat, ss_graph_flat_size(g)));
    for (size_t i = 0; i < ss_graph_parameters(g); i++) {
        const struct ss_parameter *const p = ss_graph_parameter(g, i);
        const struct ss_span to = {flat.buffer, flat.offset + p->offset};
        if (p->initial == SS_INITIAL_NORMAL)
            TRY(draw_normals(d, p, (uint32_t)i, seed, to));
        else if (p->initial != SS_INITIAL_ZERO)
            TRY(write_others(p, to));
    }
out:
    return st;
}
