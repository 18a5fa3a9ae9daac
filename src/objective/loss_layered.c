#include "objective/loss_layered.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "config/config.h"
#include "jet/layered.h"
#include "objective/traits.h"

enum { MOST_UNIT_DIRECTIONS = 64 };
static const size_t jet_budget = (size_t)256
                                 << 20; /* bytes of jets and adjoints that chunks of directions aim at */

enum kernel {
    ENERGY_ADJOINT,
    RESIDUAL,
    ADD_NOISE,
    SCORE_DOTS,
    SCORE_ROWS,
    SCORE_ADJOINT,
    DOTS_ADJOINT,
    N_KERNELS
};
static const char *const kernel_names[N_KERNELS] = {
    "energy_adjoint", "residual", "add_noise", "score_dots", "score_rows", "score_adjoint", "dots_adjoint"};

struct ss_loss_layered {
    struct ss_device *device;
    const struct ss_model *model;
    struct ss_loss_options options;
    struct ss_traits traits;
    struct ss_gemm_use products;
    size_t total; /* directions */
    size_t chunk; /* directions at a time */
    struct ss_streams streams;
    struct ss_layered *plan;
    struct ss_layered *values; /* an energy's score, where the traits want it, from the jets of the plan */
    struct ss_buffer *clean, *noise; /* rows before noise and the noise, where the traits want it */
    struct ss_buffer *dots;          /* of a score net's outputs with slices; NULL where the plan has them */
    struct ss_kernel *kernel[N_KERNELS];
};

/* ---- shape ---- */

static bool energy_with_score(const struct ss_model *model, const struct ss_traits *t)
{
    return model->is_energy && t->score;
}

/* Without a gradient there is nothing to save where values are wanted too. */
static enum ss_outputs outputs_of(const struct ss_model *model, const struct ss_loss_options *o,
                                  const struct ss_traits *t)
{
    if (model->is_energy || !t->directions || !o->gradient || !ss_layered_takes_along(model->graph))
        return SS_OUTPUTS_JET;
    return t->score ? SS_OUTPUTS_ALONG_AND_VALUES : SS_OUTPUTS_ALONG;
}

static struct ss_layered_options plan_options(const struct ss_model *model, const struct ss_loss_options *o,
                                              const struct ss_traits *t, size_t chunk)
{
    const bool second = model->is_energy && t->directions;
    const enum ss_outputs outputs = outputs_of(model, o, t); /* whole jets meet the slices in kernels here */

    return (struct ss_layered_options){.streams = {.slices = (uint32_t)chunk,
                                                   .extra = energy_with_score(model, t),
                                                   .second = second ? SS_SECOND_COLLAPSED : SS_SECOND_NONE},
                                       .rows = o->rows,
                                       .reverse = o->gradient,
                                       .outputs = outputs,
                                       .units = t->unit && (model->is_energy || outputs != SS_OUTPUTS_JET)};
}

static struct ss_layered_options values_options(const struct ss_loss_options *o,
                                                const struct ss_layered *plan)
{
    return (struct ss_layered_options){
        .rows = o->rows, .reverse = true, .input_gradient = true, .adjoints_alone = true, .jets_of = plan};
}

static enum ss_status choose_chunk(const struct ss_model *model, const struct ss_loss_options *o,
                                   const struct ss_traits *t, size_t *total, size_t *chunk)
{
    enum ss_status st = SS_OK;
    size_t none = 0, one = 0;

    *total = !t->directions ? 0 : t->unit ? model->dimension : o->objective.count;
    *chunk = *total;
    if (o->objective.slices == SS_SLICES_ORTHOGONAL && !t->unit)
        goto out; /* frames are drawn as one */
    const struct ss_layered_options without = plan_options(model, o, t, 0),
                                    with = plan_options(model, o, t, 1);
    TRY(ss_layered_bytes(model->graph, &without, &none));
    TRY(ss_layered_bytes(model->graph, &with, &one));
    size_t most = o->chunk;
    if (!most) {
        const size_t each = one > none ? one - none : 1;
        most = none < jet_budget ? (jet_budget - none) / each : 1;
        if (t->unit && most > MOST_UNIT_DIRECTIONS)
            most = MOST_UNIT_DIRECTIONS;
    }
    if (most < 1)
        most = 1;
    if (*total > most) { /* chunks of one size: the last is padded with zero slices */
        const size_t chunks = (*total + most - 1) / most;
        *chunk = (*total + chunks - 1) / chunks;
    }
out:
    return st;
}

enum ss_status ss_loss_layered_bytes(const struct ss_model *model, const struct ss_loss_options *options,
                                     size_t *bytes)
{
    const struct ss_traits traits = ss_traits_of(&options->objective, model->is_energy), *const t = &traits;
    const size_t row_bytes = options->rows * model->dimension * sizeof(float);
    size_t total, chunk, plan = 0, values = 0;
    enum ss_status st = SS_OK;

    TRY(choose_chunk(model, options, t, &total, &chunk));
    const struct ss_layered_options o = plan_options(model, options, t, chunk);
    TRY(ss_layered_bytes(model->graph, &o, &plan));
    if (energy_with_score(model, t)) {
        const struct ss_layered_options s = values_options(options, NULL);
        TRY(ss_layered_bytes(model->graph, &s, &values));
    }
    *bytes = plan + values + 2 * t->denoise * row_bytes + options->rows * sizeof(float);
    if (!model->is_energy && o.outputs == SS_OUTPUTS_JET)
        *bytes += 2 * chunk * options->rows * sizeof(float);
out:
    return st;
}

/* ---- life ---- */

/* The adjoint of the energy is -1 in every row: the input's is then -grad E, the score. */
static enum ss_status prepare_values(struct ss_loss_layered *l)
{
    const struct ss_layered_options o = values_options(&l->options, l->plan);
    float *minus_one = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_layered_create(l->device, l->model->graph, &o, &l->values));
    TRY(ss_allocate(l->options.rows, &minus_one));
    for (size_t i = 0; i < l->options.rows; i++)
        minus_one[i] = -1.0f;
    TRY(ss_span_write(ss_layered_adjoint(l->values, l->model->output), minus_one, l->options.rows));
out:
    free(minus_one);
    return st;
}

static enum ss_status make_noise(struct ss_loss_layered *l)
{
    const size_t bytes = l->options.rows * l->model->dimension * sizeof(float);
    enum ss_status st = SS_OK;

    TRY(ss_buffer_create(l->device, bytes, &l->clean));
    TRY(ss_buffer_create(l->device, bytes, &l->noise));
out:
    return st;
}

static enum ss_status prepare(struct ss_loss_layered *l)
{
    const size_t rows = l->options.rows;
    enum ss_status st = SS_OK;

    TRY(choose_chunk(l->model, &l->options, &l->traits, &l->total, &l->chunk));
    const struct ss_layered_options o = plan_options(l->model, &l->options, &l->traits, l->chunk);
    l->streams = o.streams;
    TRY(ss_layered_create(l->device, l->model->graph, &o, &l->plan));
    if (energy_with_score(l->model, &l->traits))
        TRY(prepare_values(l));
    if (l->traits.denoise)
        TRY(make_noise(l));
    if (!l->model->is_energy && l->chunk && !ss_layered_dots(l->plan))
        TRY(ss_buffer_create(l->device, 2 * l->chunk * rows * sizeof(float), &l->dots));
    for (int k = 0; k < N_KERNELS; k++)
        TRY(ss_device_kernel(l->device, "objective/objective.cl", kernel_names[k], NULL, 0, &l->kernel[k]));
out:
    return st;
}

enum ss_status ss_loss_layered_create(struct ss_device *device, const struct ss_model *model,
                                      const struct ss_loss_options *options, struct ss_gemm_use products,
                                      struct ss_loss_layered **out)
{
    struct ss_loss_layered *l = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &l));
    l->device = device;
    l->model = model;
    l->options = *options;
    l->products = products;
    l->traits = ss_traits_of(&options->objective, model->is_energy);
    TRY(prepare(l));
    *out = l;
    l = NULL;
out:
    ss_loss_layered_free(l);
    return st;
}

void ss_loss_layered_free(struct ss_loss_layered *l)
{
    if (!l)
        return;
    ss_layered_free(l->values);
    ss_layered_free(l->plan);
    ss_buffer_free(l->clean);
    ss_buffer_free(l->noise);
    ss_buffer_free(l->dots);
    free(l);
}

static const char *products_of(const struct ss_loss_layered *l)
{
    const enum ss_gemm_kind kind = l->products.kind;

    return kind == SS_GEMM_AUTO ? ss_gemm_backend(l->device) : ss_gemm_name(kind);
}

bool ss_loss_layered_is_clblast(const struct ss_loss_layered *l)
{
    return strcmp(products_of(l), ss_gemm_name(SS_GEMM_CLBLAST)) == 0;
}

void ss_loss_layered_describe(const struct ss_loss_layered *l, const char *why, char *text, size_t size)
{
    const uint32_t set = ss_loss_layered_is_clblast(l) ? ss_gemm_set(l->device) : 0;
    char products[48];

    snprintf(products, sizeof(products), set ? "%s, set %u" : "%s", products_of(l), set);
    if (l->chunk < l->total)
        snprintf(text, size, "layered: one product (%s) a layer, %zu directions in chunks of %zu (%s)",
                 products, l->total, l->chunk, why);
    else if (l->total)
        snprintf(text, size, "layered: one product (%s) a layer, directions at once: %zu (%s)", products,
                 l->total, why);
    else
        snprintf(text, size, "layered: one product (%s) a layer (%s)", products, why);
}

struct ss_span ss_loss_layered_rows(const struct ss_loss_layered *l)
{
    return l->clean ? ss_span_of(l->clean) : ss_layered_input(l->plan, l->model->input);
}

/* ---- one batch ---- */

struct batch { /* an ss_loss_batch with where its parts lie on the device */
    const struct ss_loss_batch *given;
    size_t rows, elements; /* rows x D */
    struct ss_span input;  /* stream 0 of the plan's input */
    struct ss_span noise;
    struct ss_buffer *shares, *of_rows;
};

static float inverse_sigma(const struct ss_loss_layered *l)
{
    return l->traits.denoise ? (float)(1.0 / l->options.objective.sigma) : 0.0f;
}

/* x + sigma z to the input's value stream. */
static enum ss_status enqueue_noise(struct ss_loss_layered *l, struct batch *b)
{
    const struct ss_loss_batch *const given = b->given;
    enum ss_status st = SS_OK;

    b->noise = given->noise;
    if (!b->noise.buffer) {
        b->noise = ss_span_of(l->noise);
        TRY(ss_denoising_noise_enqueue(l->device, b->rows, l->model->dimension, &given->draw, b->noise));
    }
    const struct ss_arg args[] = {
        ss_arg_u32((uint32_t)b->elements), ss_arg_f32((float)l->options.objective.sigma),
        ss_arg_span(ss_span_of(l->clean)), ss_arg_span(b->noise), ss_arg_span(b->input)};
    TRY(ss_launch(l->kernel[ADD_NOISE], (struct ss_range){.global = {b->elements}}, args, SS_COUNT(args)));
out:
    return st;
}

static struct ss_span extra_stream(const struct ss_loss_layered *l, const struct batch *b)
{
    return ss_span_at(b->input, (1 + l->chunk) * b->elements);
}

/* An energy's score at the input, or its residual, to the stream u. */
static enum ss_status enqueue_extra(struct ss_loss_layered *l, const struct batch *b)
{
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)b->elements),
                                  ss_arg_f32(inverse_sigma(l)),
                                  ss_arg_u32(l->traits.denoise),
                                  ss_arg_span(ss_layered_adjoint(l->values, l->model->input)),
                                  ss_arg_span(b->noise),
                                  ss_arg_span(extra_stream(l, b))};
    enum ss_status st = SS_OK;

    TRY(ss_layered_forward(l->values, b->given->parameters, b->rows));
    TRY(ss_layered_reverse(l->values, b->given->parameters, (struct ss_span){0}, false));
    TRY(ss_launch(l->kernel[RESIDUAL], (struct ss_range){.global = {b->elements}}, args, SS_COUNT(args)));
out:
    return st;
}

static enum ss_status enqueue_slices(struct ss_loss_layered *l, const struct batch *b, size_t first)
{
    const size_t count = l->total - first < l->chunk ? l->total - first : l->chunk, D = l->model->dimension;
    const struct ss_slice_shape shape = {.law = l->options.objective.slices,
                                         .rows = b->rows,
                                         .dimension = D,
                                         .first = first,
                                         .count = count,
                                         .total = l->total};
    const struct ss_span to = ss_span_at(b->input, b->elements);
    enum ss_status st = SS_OK;

    if (l->traits.unit && ss_layered_units(l->plan, first))
        return SS_OK;
    if (l->traits.unit)
        return ss_unit_slices_enqueue(l->device, b->rows, D, first, l->chunk, to);
    if (b->given->slices.buffer)
        TRY(ss_span_copy(ss_span_at(b->given->slices, first * b->elements), to, count * b->elements));
    else
        TRY(ss_slices_enqueue(l->device, &shape, &b->given->draw, to));
    if (count < l->chunk)
        TRY(ss_span_zero(ss_span_at(to, count * b->elements), (l->chunk - count) * b->elements));
out:
    return st;
}

static enum ss_status enqueue_energy_adjoint(struct ss_loss_layered *l, const struct batch *b,
                                             bool first_chunk)
{
    const struct ss_span u = l->streams.extra ? extra_stream(l, b) : (struct ss_span){0};
    size_t streams = 0;
    const struct ss_span jet = ss_layered_jet(l->plan, l->model->output, &streams);
    const bool second = streams > ss_streams_first(l->streams); /* an energy linear in x has none */
    /* without a gradient there are no adjoints: they go over the jet, which nobody reads again */
    const struct ss_span adjoint = l->options.gradient ? ss_layered_adjoint(l->plan, l->model->output) : jet;
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)b->rows),
                                  ss_arg_u32((uint32_t)l->model->dimension),
                                  ss_arg_u32(l->streams.slices),
                                  ss_arg_u32(l->streams.extra),
                                  ss_arg_u32(second),
                                  ss_arg_u32(l->traits.squares),
                                  ss_arg_u32(first_chunk),
                                  ss_arg_f32(l->traits.unit || !l->total ? 1.0f : 1.0f / (float)l->total),
                                  ss_arg_f32(1.0f / (float)b->rows),
                                  ss_arg_span(jet),
                                  ss_arg_span(u),
                                  ss_arg_span(adjoint),
                                  ss_arg_buffer(b->shares),
                                  ss_arg_buffer(b->of_rows)};

    return ss_launch(l->kernel[ENERGY_ADJOINT], (struct ss_range){.global = {b->rows}}, args, SS_COUNT(args));
}

static float inverse_slices(const struct ss_loss_layered *l)
{
    return l->traits.unit || !l->total ? 1.0f : 1.0f / (float)l->total;
}

static enum ss_status enqueue_score_dots(struct ss_loss_layered *l, const struct batch *b)
{
    const uint32_t rows = (uint32_t)b->rows, slices = l->streams.slices;
    const struct ss_arg args[] = {ss_arg_u32(rows),
                                  ss_arg_u32((uint32_t)l->model->dimension),
                                  ss_arg_u32(slices),
                                  ss_arg_span(ss_layered_jet(l->plan, l->model->output, NULL)),
                                  ss_arg_span(ss_span_at(b->input, b->elements)),
                                  ss_arg_buffer(l->dots)};

    return ss_launch(l->kernel[SCORE_DOTS], (struct ss_range){.global = {rows, slices}}, args,
                     SS_COUNT(args));
}

static enum ss_status enqueue_score_rows(struct ss_loss_layered *l, const struct batch *b,
                                         struct ss_buffer *dots, bool first_chunk)
{
    const struct ss_arg args[] = {
        ss_arg_u32((uint32_t)b->rows), ss_arg_u32((uint32_t)l->model->dimension),
        ss_arg_u32(l->streams.slices), ss_arg_u32(l->traits.squares),
        ss_arg_u32(l->traits.score),   ss_arg_u32(l->traits.denoise),
        ss_arg_u32(first_chunk),       ss_arg_f32(inverse_slices(l)),
        ss_arg_f32(inverse_sigma(l)),  ss_arg_span(ss_layered_jet(l->plan, l->model->output, NULL)),
        ss_arg_span(b->noise),         ss_arg_buffer(dots),
        ss_arg_buffer(b->shares),      ss_arg_buffer(b->of_rows)};

    return ss_launch(l->kernel[SCORE_ROWS], (struct ss_range){.global = {b->rows}}, args, SS_COUNT(args));
}

/* Of the values and so many slices. */
static enum ss_status enqueue_score_adjoint(struct ss_loss_layered *l, const struct batch *b, uint32_t slices,
                                            bool first_chunk)
{
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)b->rows),
                                  ss_arg_u32((uint32_t)l->model->dimension),
                                  ss_arg_u32(slices),
                                  ss_arg_u32(l->traits.squares),
                                  ss_arg_u32(l->traits.score),
                                  ss_arg_u32(l->traits.denoise),
                                  ss_arg_u32(first_chunk),
                                  ss_arg_f32(inverse_slices(l)),
                                  ss_arg_f32(1.0f / (float)b->rows),
                                  ss_arg_f32(inverse_sigma(l)),
                                  ss_arg_span(ss_layered_jet(l->plan, l->model->output, NULL)),
                                  ss_arg_span(ss_span_at(b->input, b->elements)),
                                  ss_arg_span(b->noise),
                                  ss_arg_buffer(l->dots),
                                  ss_arg_buffer(b->shares),
                                  ss_arg_span(ss_layered_adjoint(l->plan, l->model->output))};

    return ss_launch(l->kernel[SCORE_ADJOINT], (struct ss_range){.global = {l->model->dimension, b->rows}},
                     args, SS_COUNT(args));
}

/* Of outputs along slices, in their place. */
static enum ss_status enqueue_dots_adjoint(struct ss_loss_layered *l, const struct batch *b,
                                           struct ss_buffer *dots)
{
    const size_t n = l->streams.slices * b->rows;
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)n), ss_arg_u32(l->traits.squares),
                                  ss_arg_f32(inverse_slices(l) / (float)b->rows), ss_arg_buffer(b->shares),
                                  ss_arg_buffer(dots)};

    return ss_launch(l->kernel[DOTS_ADJOINT], (struct ss_range){.global = {n}}, args, SS_COUNT(args));
}

static enum ss_status enqueue_score(struct ss_loss_layered *l, const struct batch *b, bool first_chunk,
                                    bool gradient)
{
    struct ss_buffer *const along = ss_layered_dots(l->plan);
    enum ss_status st = SS_OK;

    if (l->streams.slices && !along)
        TRY(enqueue_score_dots(l, b));
    TRY(enqueue_score_rows(l, b, along ? along : l->dots, first_chunk));
    if (!gradient)
        goto out;
    if (!along || l->traits.score)
        TRY(enqueue_score_adjoint(l, b, along ? 0 : l->streams.slices, first_chunk));
    if (along)
        TRY(enqueue_dots_adjoint(l, b, along));
out:
    return st;
}

static enum ss_status enqueue_chunks(struct ss_loss_layered *l, struct batch *b)
{
    const struct ss_loss_batch *const given = b->given;
    const bool gradient = given->gradient.buffer != NULL;
    enum ss_status st = SS_OK;

    if (l->traits.denoise)
        TRY(enqueue_noise(l, b));
    if (l->values)
        TRY(enqueue_extra(l, b));
    size_t first = 0;
    do {
        if (l->total)
            TRY(enqueue_slices(l, b, first));
        if (l->values) /* what u's stream has from above: energy_adjoint */
            ss_layered_follow(l->plan, l->values, first == 0 ? 1.0f / (float)b->rows : 0.0f,
                              ss_span_at(ss_span_of(b->shares), 1));
        TRY(ss_layered_forward(l->plan, given->parameters, b->rows));
        if (l->model->is_energy)
            TRY(enqueue_energy_adjoint(l, b, first == 0));
        else
            TRY(enqueue_score(l, b, first == 0, gradient));
        if (gradient)
            TRY(ss_layered_reverse(l->plan, given->parameters, given->gradient, first > 0));
        first += l->chunk;
    } while (first < l->total);
out:
    return st;
}

enum ss_status ss_loss_layered_enqueue(struct ss_loss_layered *l, const struct ss_loss_batch *batch,
                                       struct ss_buffer *shares, struct ss_buffer *of_rows)
{
    struct batch b = {.given = batch,
                      .rows = batch->rows,
                      .elements = batch->rows * l->model->dimension,
                      .input = ss_layered_input(l->plan, l->model->input),
                      .shares = shares,
                      .of_rows = of_rows};

    if (l->products.kind == SS_GEMM_AUTO)
        return enqueue_chunks(l, &b);
    const struct ss_gemm_use before = ss_gemm_switch(l->device, l->products);
    const enum ss_status st = enqueue_chunks(l, &b);
    ss_gemm_switch(l->device, before);
    return st;
}
