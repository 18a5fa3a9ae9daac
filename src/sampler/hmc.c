#include "sampler/hmc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "device/gemm.h"

struct ss_hmc {
    struct ss_device *device;
    struct ss_span parameters;
    size_t chains, D;
    uint32_t seed;
    enum ss_purpose purpose;
    struct ss_scorer *scorer;
    struct ss_buffer *u, *score, *energy;   /* the states, and -dE/du and E there */
    struct ss_buffer *momentum;             /* p */
    struct ss_buffer *accepted, *divergent; /* counts */
    struct ss_buffer *probability, *excess; /* chains */
    struct ss_buffer *means, *factor;       /* of the map: its mean once for each chain; NULL without */
    struct ss_buffer *proposal, *proposal_score;
    struct ss_span q, q_score; /* where a proposal is: the scorer's own memory without a map */
    struct ss_kernel *begin, *leap, *accept, *weigh;
    float *numbers; /* chains */
};

static enum ss_status make_map(struct ss_hmc *h, const struct ss_affine_map *map)
{
    const size_t D = h->D, n = h->chains * D;
    float *values = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_buffer_create(h->device, n * sizeof(float), &h->means));
    TRY(ss_buffer_create(h->device, D * D * sizeof(float), &h->factor));
    TRY(ss_buffer_create(h->device, n * sizeof(float), &h->proposal));
    TRY(ss_buffer_create(h->device, n * sizeof(float), &h->proposal_score));
    TRY(ss_allocate(n > D * D ? n : D * D, &values));
    for (size_t i = 0; i < n; i++)
        values[i] = (float)map->mean[i % D];
    TRY(ss_span_write(ss_span_of(h->means), values, n));
    for (size_t i = 0; i < D * D; i++)
        values[i] = (float)map->factor[i];
    TRY(ss_span_write(ss_span_of(h->factor), values, D * D));
    h->q = ss_span_of(h->proposal);
    h->q_score = ss_span_of(h->proposal_score);
out:
    free(values);
    return st;
}

enum ss_status ss_hmc_create(struct ss_device *device, const struct ss_model *model,
                             struct ss_span parameters, const struct ss_hmc_options *options,
                             struct ss_hmc **out)
{
    static const char file[] = "sampler/hmc.cl";
    const size_t chains = options->chains, n = chains * model->dimension;
    struct ss_hmc *h = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &h));
    h->device = device;
    h->parameters = parameters;
    h->chains = chains;
    h->D = model->dimension;
    h->seed = options->seed;
    h->purpose = options->purpose;
    TRY(ss_scorer_create(device, model, chains, &h->scorer));
    h->q = ss_scorer_input(h->scorer);
    h->q_score = ss_scorer_score(h->scorer);
    TRY(ss_buffer_create(device, n * sizeof(float), &h->u));
    TRY(ss_buffer_create(device, n * sizeof(float), &h->score));
    TRY(ss_buffer_create(device, n * sizeof(float), &h->momentum));
    TRY(ss_buffer_create(device, chains * sizeof(float), &h->energy));
    TRY(ss_buffer_create(device, chains * sizeof(uint32_t), &h->accepted));
    TRY(ss_buffer_create(device, chains * sizeof(uint32_t), &h->divergent));
    TRY(ss_buffer_create(device, chains * sizeof(float), &h->probability));
    TRY(ss_buffer_create(device, chains * sizeof(float), &h->excess));
    if (options->map)
        TRY(make_map(h, options->map));
    TRY(ss_device_kernel(device, file, "hmc_begin", NULL, 0, &h->begin));
    TRY(ss_device_kernel(device, file, "hmc_leap", NULL, 0, &h->leap));
    TRY(ss_device_kernel(device, file, "hmc_accept", NULL, 0, &h->accept));
    TRY(ss_device_kernel(device, file, "hmc_excess", NULL, 0, &h->weigh));
    TRY(ss_allocate(chains, &h->numbers));
    *out = h;
    h = NULL;
out:
    ss_hmc_free(h);
    return st;
}

void ss_hmc_free(struct ss_hmc *h)
{
    if (!h)
        return;
    ss_scorer_free(h->scorer);
    ss_buffer_free(h->u);
    ss_buffer_free(h->score);
    ss_buffer_free(h->energy);
    ss_buffer_free(h->momentum);
    ss_buffer_free(h->accepted);
    ss_buffer_free(h->divergent);
    ss_buffer_free(h->probability);
    ss_buffer_free(h->excess);
    ss_buffer_free(h->means);
    ss_buffer_free(h->factor);
    ss_buffer_free(h->proposal);
    ss_buffer_free(h->proposal_score);
    free(h->numbers);
    free(h);
}

/* Energy and score of the proposals: at x = mean + q L' the model has the score s, and q has s L. */
static enum ss_status enqueue_scores(struct ss_hmc *h)
{
    const size_t chains = h->chains, D = h->D;
    const struct ss_span x = ss_scorer_input(h->scorer), s = ss_scorer_score(h->scorer);
    enum ss_status st = SS_OK;

    if (!h->factor)
        return ss_scorer_enqueue(h->scorer, h->parameters, chains);
    struct ss_gemm product = {.transpose_b = true,
                              .m = chains,
                              .n = D,
                              .k = D,
                              .a = h->q,
                              .b = ss_span_of(h->factor),
                              .c = x,
                              .lda = D,
                              .ldb = D,
                              .ldc = D,
                              .accumulate = true};
    TRY(ss_span_copy(ss_span_of(h->means), x, chains * D));
    TRY(ss_gemm_enqueue(h->device, &product));
    TRY(ss_scorer_enqueue(h->scorer, h->parameters, chains));
    product.transpose_b = product.accumulate = false;
    product.a = s;
    product.c = h->q_score;
    TRY(ss_gemm_enqueue(h->device, &product));
out:
    return st;
}

enum ss_status ss_hmc_start(struct ss_hmc *h, const float *u)
{
    const size_t n = h->chains * h->D;
    enum ss_status st = SS_OK;

    TRY(ss_span_write(ss_span_of(h->u), u, n));
    TRY(ss_span_copy(ss_span_of(h->u), h->q, n));
    TRY(enqueue_scores(h));
    TRY(ss_span_copy(h->q_score, ss_span_of(h->score), n));
    TRY(ss_span_copy(ss_scorer_energy(h->scorer), ss_span_of(h->energy), h->chains));
    TRY(ss_hmc_reset_counts(h));
out:
    return st;
}

static enum ss_status enqueue_test(struct ss_hmc *h, const struct ss_hmc_step *step, float length)
{
    const struct ss_arg args[] = {ss_arg_u32(h->seed),
                                  ss_arg_u32((uint32_t)h->purpose),
                                  ss_arg_u32(step->number),
                                  ss_arg_u32((uint32_t)h->chains),
                                  ss_arg_u32((uint32_t)h->D),
                                  ss_arg_f32(length),
                                  ss_arg_f32((float)step->temperature),
                                  ss_arg_buffer(h->u),
                                  ss_arg_buffer(h->score),
                                  ss_arg_buffer(h->energy),
                                  ss_arg_buffer(h->momentum),
                                  ss_arg_span(h->q),
                                  ss_arg_span(h->q_score),
                                  ss_arg_span(ss_scorer_energy(h->scorer)),
                                  ss_arg_buffer(h->accepted),
                                  ss_arg_buffer(h->probability),
                                  ss_arg_buffer(h->divergent)};

    return ss_launch(h->accept, (struct ss_range){.global = {h->chains}}, args, SS_COUNT(args));
}

enum ss_status ss_hmc_enqueue(struct ss_hmc *h, const struct ss_hmc_step *step)
{
    const size_t chains = h->chains;
    const float length = (float)sqrt(2.0 * step->step_size), b = (float)step->temperature;
    const struct ss_arg begin[] = {ss_arg_u32(h->seed),
                                   ss_arg_u32((uint32_t)h->purpose),
                                   ss_arg_u32(step->number),
                                   ss_arg_u32((uint32_t)chains),
                                   ss_arg_u32((uint32_t)h->D),
                                   ss_arg_f32(length),
                                   ss_arg_f32(b),
                                   ss_arg_buffer(h->u),
                                   ss_arg_buffer(h->score),
                                   ss_arg_buffer(h->momentum),
                                   ss_arg_span(h->q)};
    const struct ss_arg leap[] = {ss_arg_u32((uint32_t)(chains * h->D)),
                                  ss_arg_f32(length),
                                  ss_arg_f32(b),
                                  ss_arg_span(h->q_score),
                                  ss_arg_buffer(h->momentum),
                                  ss_arg_span(h->q)};
    enum ss_status st = SS_OK;

    TRY(ss_launch(h->begin, (struct ss_range){.global = {(h->D + 3) / 4, chains}}, begin, SS_COUNT(begin)));
    for (uint32_t i = 0; i < step->leaps; i++) {
        if (i)
            TRY(ss_launch(h->leap, (struct ss_range){.global = {chains * h->D}}, leap, SS_COUNT(leap)));
        TRY(enqueue_scores(h));
    }
    TRY(enqueue_test(h, step, length));
out:
    return st;
}

uint32_t ss_hmc_leaps(const struct ss_hmc *h, uint32_t number, uint32_t most)
{
    const uint32_t least = most - most / 2, counter[4] = {number, 0, 2, 0};
    uint32_t bits[4];

    ss_random_bits(h->seed, h->purpose, counter, bits);
    return least + bits[0] % (most - least + 1);
}

struct ss_span ss_hmc_states(const struct ss_hmc *h)
{
    return ss_span_of(h->u);
}

enum ss_status ss_hmc_acceptance(struct ss_hmc *h, double *out)
{
    double sum = 0;
    enum ss_status st = SS_OK;

    TRY(ss_span_read(ss_span_of(h->probability), h->numbers, h->chains));
    for (size_t c = 0; c < h->chains; c++)
        sum += (double)h->numbers[c];
    *out = sum / (double)h->chains;
out:
    return st;
}

enum ss_status ss_hmc_counts(struct ss_hmc *h, uint32_t *accepted, uint32_t *divergent)
{
    enum ss_status st = SS_OK;

    TRY(ss_span_read(ss_span_of(h->accepted), accepted, h->chains));
    TRY(ss_span_read(ss_span_of(h->divergent), divergent, h->chains));
out:
    return st;
}

enum ss_status ss_hmc_reset_counts(struct ss_hmc *h)
{
    enum ss_status st = SS_OK;

    TRY(ss_span_zero(ss_span_of(h->accepted), h->chains));
    TRY(ss_span_zero(ss_span_of(h->divergent), h->chains));
out:
    return st;
}

enum ss_status ss_hmc_excess(struct ss_hmc *h, float *out)
{
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)h->chains), ss_arg_u32((uint32_t)h->D),
                                  ss_arg_buffer(h->u), ss_arg_buffer(h->energy), ss_arg_buffer(h->excess)};
    enum ss_status st = SS_OK;

    TRY(ss_launch(h->weigh, (struct ss_range){.global = {h->chains}}, args, SS_COUNT(args)));
    TRY(ss_span_read(ss_span_of(h->excess), out, h->chains));
out:
    return st;
}
