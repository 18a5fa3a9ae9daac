#include "objective/loss.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "config/config.h"
#include "device/gemm.h"
#include "jet/layered.h"
#include "objective/choice.h"
#include "objective/control.h"
#include "objective/loss_fused.h"
#include "objective/traits.h"

enum { MOST_UNIT_DIRECTIONS = 64, GROUP = 64 };
static const size_t jet_budget = (size_t)256
                                 << 20; /* bytes of jets and adjoints that chunks of directions aim at */

enum kernel {
    ENERGY_ADJOINT,
    RESIDUAL,
    ADD_NOISE,
    SCORE_DOTS,
    SCORE_ROWS,
    SCORE_ADJOINT,
    MEAN_OF_ROWS,
    N_KERNELS
};
static const char *const kernel_names[N_KERNELS] = {
    "energy_adjoint", "residual", "add_noise", "score_dots", "score_rows", "score_adjoint", "mean_of_rows"};

struct ss_loss {
    struct ss_device *device;
    const struct ss_model *model;
    struct ss_loss_options options;
    struct ss_choice choice;
    struct ss_traits traits;
    size_t total; /* directions */
    size_t chunk; /* directions at a time */
    struct ss_streams streams;
    struct ss_loss_fused *fused; /* the plan, or NULL and */
    struct ss_layered *plan;     /* this one */
    struct ss_layered *values;   /* an energy's score, where the traits want it, from the jets of the plan */
    struct ss_control *control;  /* where the traits want it, else shares stay as they are */
    struct ss_buffer *rows, *noise, *dots, *shares, *of_rows, *mean;
    struct ss_kernel *kernel[N_KERNELS];
    char plan_text[256];
};

/* ---- shape ---- */

static bool energy_with_score(const struct ss_model *model, const struct ss_traits *t)
{
    return model->is_energy && t->score;
}

static struct ss_layered_options plan_options(const struct ss_model *model, const struct ss_loss_options *o,
                                              const struct ss_traits *t, size_t chunk)
{
    const bool second = model->is_energy && t->directions;

    return (struct ss_layered_options){.streams = {.slices = (uint32_t)chunk,
                                                   .extra = energy_with_score(model, t),
                                                   .second = second ? SS_SECOND_COLLAPSED : SS_SECOND_NONE},
                                       .rows = o->rows,
                                       .reverse = o->gradient};
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

static enum ss_status check(const struct ss_model *model, const struct ss_loss_options *o)
{
    const struct ss_objective_options *const j = &o->objective;
    const struct ss_traits t = ss_traits_of(j, model->is_energy);

    if (t.directions && !t.unit && !j->count)
        return SS_FAIL(SS_ERR_USAGE, "objective.count: 0 slices, at least 1 is needed");
    if (t.denoise && !(j->sigma > 0))
        return SS_FAIL(SS_ERR_USAGE, "objective.sigma: must be above 0, found %g", j->sigma);
    if (!o->rows)
        return SS_FAIL(SS_ERR_USAGE, "a batch of 0 rows");
    return SS_OK;
}

static enum ss_status layered_bytes(const struct ss_model *model, const struct ss_loss_options *options,
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
    *bytes = plan + values + (1 + t->denoise) * row_bytes + (2 * chunk + 1) * options->rows * sizeof(float);
out:
    return st;
}

enum ss_status ss_loss_bytes(struct ss_device *device, const struct ss_model *model,
                             const struct ss_loss_options *options, size_t *bytes)
{
    enum ss_status st = SS_OK;
    struct ss_loss_options chosen = *options;
    struct ss_choice choice;
    size_t control = 0;
    char why[128];
    bool fused;

    TRY(check(model, options));
    TRY(ss_choice_make(device, model, &chosen, &choice));
    if (ss_traits_of(&options->objective, model->is_energy).control)
        TRY(ss_control_bytes(device, model, &chosen, &control));
    TRY(ss_loss_fused_choose(device, model, &chosen, &fused, why, sizeof(why)));
    if (fused)
        TRY(ss_loss_fused_bytes(device, model, &chosen, (size_t)choice.numbers[SS_CHOICE_TILE], bytes));
    else
        TRY(layered_bytes(model, &chosen, bytes));
    *bytes += control;
out:
    return st;
}

/* ---- life ---- */

static enum ss_status allocate_buffers(struct ss_loss *l)
{
    const size_t rows = l->options.rows, row_bytes = rows * l->model->dimension * sizeof(float);
    const float whole[2] = {1.0f, 1.0f};
    enum ss_status st = SS_OK;

    TRY(ss_buffer_create(l->device, row_bytes, &l->rows));
    TRY(ss_buffer_create(l->device, rows * sizeof(float), &l->of_rows));
    TRY(ss_buffer_create(l->device, sizeof(float), &l->mean));
    TRY(ss_buffer_create(l->device, sizeof(whole), &l->shares));
    TRY(ss_span_write(ss_span_of(l->shares), whole, SS_COUNT(whole)));
    if (l->fused)
        goto out; /* has the rest itself */
    if (l->traits.denoise)
        TRY(ss_buffer_create(l->device, row_bytes, &l->noise));
    if (!l->model->is_energy && l->chunk)
        TRY(ss_buffer_create(l->device, 2 * l->chunk * rows * sizeof(float), &l->dots));
out:
    return st;
}

/* The adjoint of the energy is -1 in every row: the input's is then -grad E, the score. */
static enum ss_status prepare_values(struct ss_loss *l)
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

static const char *products_of(const struct ss_loss *l)
{
    const enum ss_gemm_kind kind = (enum ss_gemm_kind)l->choice.numbers[SS_CHOICE_GEMM];

    return kind == SS_GEMM_AUTO ? ss_gemm_backend(l->device) : ss_gemm_name(kind);
}

static enum ss_status prepare_layered(struct ss_loss *l, const char *why)
{
    enum ss_status st = SS_OK;

    TRY(choose_chunk(l->model, &l->options, &l->traits, &l->total, &l->chunk));
    const struct ss_layered_options o = plan_options(l->model, &l->options, &l->traits, l->chunk);
    l->streams = o.streams;
    TRY(ss_layered_create(l->device, l->model->graph, &o, &l->plan));
    if (energy_with_score(l->model, &l->traits))
        TRY(prepare_values(l));
    const char *const products = products_of(l);
    if (l->chunk < l->total)
        snprintf(l->plan_text, sizeof(l->plan_text),
                 "layered: one product (%s) a layer, %zu directions in chunks of %zu (%s)", products,
                 l->total, l->chunk, why);
    else
        snprintf(l->plan_text, sizeof(l->plan_text),
                 "layered: one product (%s) a layer, directions at once: %zu (%s)", products, l->total, why);
out:
    return st;
}

/* A fused kernel that this device gets wrong or cannot build is put aside, but not where a run that began with
 * it goes on: its bits would change half way. */
static enum ss_status prepare_fused(struct ss_loss *l, char *why, size_t size)
{
    const enum ss_status st = ss_loss_fused_create(l->device, l->model, &l->options,
                                                   (size_t)l->choice.numbers[SS_CHOICE_TILE], &l->fused);

    if (st == SS_OK)
        ss_loss_fused_describe(l->fused, l->plan_text, sizeof(l->plan_text));
    if (st != SS_ERR_SELFTEST && st != SS_ERR_BUILD)
        return st;
    snprintf(why, size, "the fused kernel %s on this device",
             st == SS_ERR_BUILD ? "does not build" : "gives wrong numbers");
    if (l->choice.numbers[SS_CHOICE_PLAN] == SS_PLAN_FUSED && l->choice.origin == SS_CHOICE_GIVEN)
        return SS_FAIL(st,
                       "%s: %s, and this run began with it; engine.plan=layered goes on without, to other "
                       "roundings",
                       ss_device_info(l->device)->name, why);
    ss_say(SS_LEVEL_WARNING, "%s: %s, layers run one by one instead", ss_device_info(l->device)->name, why);
    return SS_OK;
}

/* What a rule chose, or was put aside, as numbers too: who goes on by them computes the same, whatever rules
 * and kernels do then. */
static void settle_choice(struct ss_loss *l)
{
    l->choice.numbers[SS_CHOICE_PLAN] = (int32_t)ss_loss_plan_kind(l);
    l->choice.numbers[SS_CHOICE_TILE] = l->fused ? (int32_t)ss_loss_fused_tile(l->fused) : 0;
}

static enum ss_status prepare(struct ss_loss *l)
{
    enum ss_status st = SS_OK;
    char why[128] = "";
    bool fused;

    TRY(ss_loss_fused_choose(l->device, l->model, &l->options, &fused, why, sizeof(why)));
    if (l->choice.numbers[SS_CHOICE_PLAN] == SS_PLAN_LAYERED)
        snprintf(why, sizeof(why), l->choice.origin == SS_CHOICE_GIVEN ? "as it was begun" : "as measured");
    if (fused)
        TRY(prepare_fused(l, why, sizeof(why)));
    if (!l->fused)
        TRY(prepare_layered(l, why));
    settle_choice(l);
    TRY(allocate_buffers(l));
    if (l->traits.control)
        TRY(ss_control_create(l->device, l->model, &l->options, &l->control));
    for (int k = 0; k < N_KERNELS; k++)
        TRY(ss_device_kernel(l->device, "objective/objective.cl", kernel_names[k], NULL, 0, &l->kernel[k]));
out:
    return st;
}

enum ss_status ss_loss_create(struct ss_device *device, const struct ss_model *model,
                              const struct ss_loss_options *options, struct ss_loss **out)
{
    struct ss_loss *l = NULL;
    enum ss_status st = SS_OK;

    TRY(check(model, options));
    TRY(ss_allocate(1, &l));
    l->device = device;
    l->model = model;
    l->options = *options;
    l->traits = ss_traits_of(&options->objective, model->is_energy);
    TRY(ss_choice_make(device, model, &l->options, &l->choice));
    TRY(prepare(l));
    *out = l;
    l = NULL;
out:
    ss_loss_free(l);
    return st;
}

void ss_loss_free(struct ss_loss *l)
{
    if (!l)
        return;
    ss_loss_fused_free(l->fused);
    ss_layered_free(l->values);
    ss_layered_free(l->plan);
    ss_control_free(l->control);
    ss_buffer_free(l->shares);
    ss_buffer_free(l->rows);
    ss_buffer_free(l->noise);
    ss_buffer_free(l->dots);
    ss_buffer_free(l->of_rows);
    ss_buffer_free(l->mean);
    free(l);
}

const char *ss_loss_plan(const struct ss_loss *l)
{
    return l->plan_text;
}

enum ss_plan_kind ss_loss_plan_kind(const struct ss_loss *l)
{
    return l->fused ? SS_PLAN_FUSED : SS_PLAN_LAYERED;
}

void ss_loss_why(const struct ss_loss *l, struct ss_text *out)
{
    ss_choice_describe(&l->choice, out);
}

const int32_t *ss_loss_numbers(const struct ss_loss *l)
{
    return l->choice.numbers;
}

const char *ss_loss_number_name(size_t i)
{
    return ss_choice_names[i];
}

struct ss_span ss_loss_rows(const struct ss_loss *l)
{
    return ss_span_of(l->rows);
}

struct ss_span ss_loss_of_rows(const struct ss_loss *l)
{
    return ss_span_of(l->of_rows);
}

struct ss_span ss_loss_mean(const struct ss_loss *l)
{
    return ss_span_of(l->mean);
}

struct ss_span ss_loss_shares(const struct ss_loss *l)
{
    return ss_span_of(l->shares);
}

size_t ss_loss_capacity(const struct ss_loss *l)
{
    return l->options.rows;
}

size_t ss_loss_dimension(const struct ss_loss *l)
{
    return l->model->dimension;
}

/* ---- one batch ---- */

struct batch { /* an ss_loss_batch with where its parts lie on the device */
    const struct ss_loss_batch *given;
    size_t rows, elements; /* rows x D */
    struct ss_span input;  /* stream 0 of the plan's input */
    struct ss_span noise;
};

static float inverse_sigma(const struct ss_loss *l)
{
    return l->traits.denoise ? (float)(1.0 / l->options.objective.sigma) : 0.0f;
}

/* x, or x + sigma z, to the input's value stream. */
static enum ss_status enqueue_input(struct ss_loss *l, struct batch *b)
{
    const struct ss_loss_batch *const given = b->given;
    enum ss_status st = SS_OK;

    if (!l->traits.denoise)
        return ss_span_copy(ss_span_of(l->rows), b->input, b->elements);
    b->noise = given->noise;
    if (!b->noise.buffer) {
        b->noise = ss_span_of(l->noise);
        TRY(ss_denoising_noise_enqueue(l->device, b->rows, l->model->dimension, &given->draw, b->noise));
    }
    const struct ss_arg args[] = {
        ss_arg_u32((uint32_t)b->elements), ss_arg_f32((float)l->options.objective.sigma),
        ss_arg_span(ss_span_of(l->rows)), ss_arg_span(b->noise), ss_arg_span(b->input)};
    TRY(ss_launch(l->kernel[ADD_NOISE], (struct ss_range){.global = {b->elements}}, args, SS_COUNT(args)));
out:
    return st;
}

static struct ss_span extra_stream(const struct ss_loss *l, const struct batch *b)
{
    return ss_span_at(b->input, (1 + l->chunk) * b->elements);
}

/* An energy's score at the input, or its residual, to the stream u. */
static enum ss_status enqueue_extra(struct ss_loss *l, const struct batch *b)
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

static enum ss_status enqueue_slices(struct ss_loss *l, const struct batch *b, size_t first)
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

static enum ss_status enqueue_energy_adjoint(struct ss_loss *l, const struct batch *b, bool first_chunk)
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
                                  ss_arg_buffer(l->shares),
                                  ss_arg_buffer(l->of_rows)};

    return ss_launch(l->kernel[ENERGY_ADJOINT], (struct ss_range){.global = {b->rows}}, args, SS_COUNT(args));
}

static enum ss_status enqueue_score_adjoint(struct ss_loss *l, const struct batch *b, bool first_chunk,
                                            bool gradient)
{
    const uint32_t rows = (uint32_t)b->rows, D = (uint32_t)l->model->dimension, slices = l->streams.slices;
    const float inv_m = l->traits.unit || !l->total ? 1.0f : 1.0f / (float)l->total;
    const struct ss_span jet = ss_layered_jet(l->plan, l->model->output, NULL),
                         v = ss_span_at(b->input, b->elements);
    enum ss_status st = SS_OK;

    if (slices) {
        const struct ss_arg args[] = {ss_arg_u32(rows), ss_arg_u32(D),  ss_arg_u32(slices),
                                      ss_arg_span(jet), ss_arg_span(v), ss_arg_buffer(l->dots)};
        TRY(ss_launch(l->kernel[SCORE_DOTS], (struct ss_range){.global = {rows, slices}}, args,
                      SS_COUNT(args)));
    }
    const struct ss_arg args[] = {ss_arg_u32(rows),
                                  ss_arg_u32(D),
                                  ss_arg_u32(slices),
                                  ss_arg_u32(l->traits.squares),
                                  ss_arg_u32(l->traits.score),
                                  ss_arg_u32(l->traits.denoise),
                                  ss_arg_u32(first_chunk),
                                  ss_arg_f32(inv_m),
                                  ss_arg_f32(inverse_sigma(l)),
                                  ss_arg_span(jet),
                                  ss_arg_span(b->noise),
                                  ss_arg_buffer(l->dots),
                                  ss_arg_buffer(l->shares),
                                  ss_arg_buffer(l->of_rows)};
    TRY(ss_launch(l->kernel[SCORE_ROWS], (struct ss_range){.global = {rows}}, args, SS_COUNT(args)));
    if (gradient) {
        const struct ss_arg more[] = {ss_arg_u32(rows),
                                      ss_arg_u32(D),
                                      ss_arg_u32(slices),
                                      ss_arg_u32(l->traits.squares),
                                      ss_arg_u32(l->traits.score),
                                      ss_arg_u32(l->traits.denoise),
                                      ss_arg_u32(first_chunk),
                                      ss_arg_f32(inv_m),
                                      ss_arg_f32(1.0f / (float)rows),
                                      ss_arg_f32(inverse_sigma(l)),
                                      ss_arg_span(jet),
                                      ss_arg_span(v),
                                      ss_arg_span(b->noise),
                                      ss_arg_buffer(l->dots),
                                      ss_arg_buffer(l->shares),
                                      ss_arg_span(ss_layered_adjoint(l->plan, l->model->output))};
        TRY(ss_launch(l->kernel[SCORE_ADJOINT], (struct ss_range){.global = {D, rows}}, more,
                      SS_COUNT(more)));
    }
out:
    return st;
}

static enum ss_status enqueue_mean(struct ss_loss *l, size_t rows)
{
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)rows), ss_arg_f32(1.0f / (float)rows),
                                  ss_arg_buffer(l->of_rows), ss_arg_buffer(l->mean)};

    return ss_launch(l->kernel[MEAN_OF_ROWS], (struct ss_range){.global = {GROUP}, .local = {GROUP}}, args,
                     SS_COUNT(args));
}

static enum ss_status enqueue_layers(struct ss_loss *l, const struct ss_loss_batch *batch)
{
    struct batch b = {.given = batch,
                      .rows = batch->rows,
                      .elements = batch->rows * l->model->dimension,
                      .input = ss_layered_input(l->plan, l->model->input)};
    const bool gradient = batch->gradient.buffer != NULL;
    enum ss_status st = SS_OK;

    TRY(enqueue_input(l, &b));
    if (l->values)
        TRY(enqueue_extra(l, &b));
    size_t first = 0;
    do {
        if (l->total)
            TRY(enqueue_slices(l, &b, first));
        if (l->values) /* what u's stream has from above: energy_adjoint */
            ss_layered_follow(l->plan, l->values, first == 0 ? 1.0f / (float)b.rows : 0.0f,
                              ss_span_at(ss_span_of(l->shares), 1));
        TRY(ss_layered_forward(l->plan, batch->parameters, b.rows));
        if (l->model->is_energy)
            TRY(enqueue_energy_adjoint(l, &b, first == 0));
        else
            TRY(enqueue_score_adjoint(l, &b, first == 0, gradient));
        if (gradient)
            TRY(ss_layered_reverse(l->plan, batch->parameters, batch->gradient, first > 0));
        first += l->chunk;
    } while (first < l->total);
out:
    return st;
}

/* With the products that were chosen for this loss; others on the device keep theirs. */
static enum ss_status enqueue_layered(struct ss_loss *l, const struct ss_loss_batch *batch)
{
    const struct ss_gemm_use use = {.kind = (enum ss_gemm_kind)l->choice.numbers[SS_CHOICE_GEMM],
                                    .set = (uint32_t)l->choice.numbers[SS_CHOICE_SET]};

    if (use.kind == SS_GEMM_AUTO)
        return enqueue_layers(l, batch);
    const struct ss_gemm_use before = ss_gemm_switch(l->device, use);
    const enum ss_status st = enqueue_layers(l, batch);
    ss_gemm_switch(l->device, before);
    return st;
}

enum ss_status ss_loss_enqueue(struct ss_loss *l, const struct ss_loss_batch *batch)
{
    const bool gradient = batch->gradient.buffer != NULL;
    enum ss_status st = SS_OK;

    if (!batch->rows || batch->rows > l->options.rows || (gradient && !l->options.gradient))
        return SS_FAIL(SS_ERR_INTERNAL, "a batch of %zu rows%s for a loss of %zu%s", batch->rows,
                       gradient ? " with gradient" : "", l->options.rows,
                       l->options.gradient ? "" : " without");
    if (l->control)
        TRY(ss_control_enqueue(l->control, batch, ss_span_of(l->rows), l->shares));
    if (l->fused)
        TRY(ss_loss_fused_enqueue(l->fused, batch, ss_span_of(l->rows), l->shares, l->of_rows));
    else
        TRY(enqueue_layered(l, batch));
    TRY(enqueue_mean(l, batch->rows));
out:
    return st;
}
