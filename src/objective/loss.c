#include "objective/loss.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "device/gemm_products.h"
#include "objective/choice.h"
#include "objective/control.h"
#include "objective/loss_fused.h"
#include "objective/loss_layered.h"
#include "objective/traits.h"

enum { GROUP = 64 };

struct ss_loss {
    struct ss_device *device;
    const struct ss_model *model;
    struct ss_loss_options options;
    struct ss_choice choice;
    struct ss_traits traits;
    struct ss_loss_fused *fused;     /* the plan, or NULL and */
    struct ss_loss_layered *layered; /* this one */
    struct ss_control *control;      /* where the traits want it, else shares stay as they are */
    struct ss_buffer *rows, *shares, *of_rows, *mean; /* rows: NULL where the layered plan has them */
    struct ss_kernel *mean_of_rows;
    char plan_text[256];
};

/* ---- shape ---- */

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
        TRY(ss_loss_fused_bytes(device, model, &chosen, choice.numbers, bytes));
    else
        TRY(ss_loss_layered_bytes(model, &chosen, bytes));
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

    if (l->fused)
        TRY(ss_buffer_create(l->device, row_bytes, &l->rows));
    TRY(ss_buffer_create(l->device, rows * sizeof(float), &l->of_rows));
    TRY(ss_buffer_create(l->device, sizeof(float), &l->mean));
    TRY(ss_buffer_create(l->device, sizeof(whole), &l->shares));
    TRY(ss_span_write(ss_span_of(l->shares), whole, SS_COUNT(whole)));
out:
    return st;
}

static enum ss_status prepare_layered(struct ss_loss *l, const char *why)
{
    const struct ss_gemm_use products = {.kind = (enum ss_gemm_kind)l->choice.numbers[SS_CHOICE_GEMM]};
    const uint32_t set = (uint32_t)l->choice.numbers[SS_CHOICE_SET];
    enum ss_status st = SS_OK;

    if (set) /* at once, so that all that this process computes by CLBlast has the same bits */
        TRY(ss_gemm_take_set(l->device, set));
    TRY(ss_loss_layered_create(l->device, l->model, &l->options, products, &l->layered));
    ss_loss_layered_describe(l->layered, why, l->plan_text, sizeof(l->plan_text));
out:
    return st;
}

/* A fused kernel that this device gets wrong or cannot build is put aside, but not where a run that began
 * with it goes on: its bits would change half way. */
static enum ss_status prepare_fused(struct ss_loss *l, char *why, size_t size)
{
    const enum ss_status st =
        ss_loss_fused_create(l->device, l->model, &l->options, l->choice.numbers, &l->fused);

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
static enum ss_status settle_choice(struct ss_loss *l)
{
    const int32_t set =
        l->layered && ss_loss_layered_is_clblast(l->layered) ? (int32_t)ss_gemm_set(l->device) : 0;

    if (l->choice.origin == SS_CHOICE_GIVEN && set && !l->choice.numbers[SS_CHOICE_SET])
        return SS_FAIL(SS_ERR_USAGE,
                       "this run began with CLBlast's own parameters, which cannot be had back in "
                       "a process that has changed them: go on with it in another");
    l->choice.numbers[SS_CHOICE_PLAN] = (int32_t)ss_loss_plan_kind(l);
    l->choice.numbers[SS_CHOICE_TILE] = l->choice.numbers[SS_CHOICE_TILES] = 0;
    l->choice.numbers[SS_CHOICE_SET] = set;
    if (l->fused)
        ss_loss_fused_numbers(l->fused, l->choice.numbers);
    return SS_OK;
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
    TRY(settle_choice(l));
    TRY(allocate_buffers(l));
    if (l->traits.control)
        TRY(ss_control_create(l->device, l->model, &l->options, &l->control));
    TRY(ss_device_kernel(l->device, "objective/objective.cl", "mean_of_rows", NULL, 0, &l->mean_of_rows));
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
    ss_loss_layered_free(l->layered);
    ss_control_free(l->control);
    ss_buffer_free(l->shares);
    ss_buffer_free(l->rows);
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
    return l->fused ? ss_span_of(l->rows) : ss_loss_layered_rows(l->layered);
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

static enum ss_status enqueue_mean(struct ss_loss *l, size_t rows)
{
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)rows), ss_arg_f32(1.0f / (float)rows),
                                  ss_arg_buffer(l->of_rows), ss_arg_buffer(l->mean)};

    return ss_launch(l->mean_of_rows, (struct ss_range){.global = {GROUP}, .local = {GROUP}}, args,
                     SS_COUNT(args));
}

enum ss_status ss_loss_enqueue(struct ss_loss *l, const struct ss_loss_batch *batch)
{
    const bool gradient = batch->gradient.buffer != NULL;
    const struct ss_span own = ss_loss_rows(l), x = batch->x.buffer ? batch->x : own;
    enum ss_status st = SS_OK;

    if (!batch->rows || batch->rows > l->options.rows || (gradient && !l->options.gradient))
        return SS_FAIL(SS_ERR_INTERNAL, "a batch of %zu rows%s for a loss of %zu%s", batch->rows,
                       gradient ? " with gradient" : "", l->options.rows,
                       l->options.gradient ? "" : " without");
    if (l->control)
        TRY(ss_control_enqueue(l->control, batch, x, l->shares));
    if (l->fused) {
        TRY(ss_loss_fused_enqueue(l->fused, batch, x, l->shares, l->of_rows, l->mean));
    } else {
        if (x.buffer != own.buffer) /* the jets of its input stand beside it */
            TRY(ss_span_copy(x, own, batch->rows * l->model->dimension));
        TRY(ss_loss_layered_enqueue(l->layered, batch, l->shares, l->of_rows));
    }
    if (!l->fused || !ss_loss_fused_means(l->fused))
        TRY(enqueue_mean(l, batch->rows));
out:
    return st;
}

/* A pass that is listened to instead of computed; its weights and gradient are never touched. */
enum ss_status ss_loss_products(struct ss_loss *l, struct ss_gemm_shapes *out)
{
    const size_t bytes = ss_graph_flat_size(l->model->graph) * sizeof(float);
    struct ss_buffer *flat = NULL;
    enum ss_status st = SS_OK;

    *out = (struct ss_gemm_shapes){.n = 0};
    if (l->fused)
        return SS_OK;
    TRY(ss_buffer_create(l->device, bytes, &flat));
    ss_gemm_listen(l->device, out);
    st = ss_loss_enqueue(
        l, &(struct ss_loss_batch){.rows = l->options.rows,
                                   .parameters = ss_span_of(flat),
                                   .gradient = l->options.gradient ? ss_span_of(flat) : (struct ss_span){0}});
    ss_gemm_listen(l->device, NULL);
out:
    ss_buffer_free(flat);
    return st;
}
