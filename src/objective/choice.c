#include "objective/choice.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "device/gemm.h"
#include "device/tiles.h"
#include "objective/loss_fused.h"
#include "objective/traits.h"

const char *const ss_choice_names[SS_TUNING_NUMBERS] = {"plan", "tile",        "chunk",
                                                        "gemm", "clblast_set", "tiles"};

enum { MOST_TILE = 1024, MOST_CHUNK = 4096 };

enum ss_status ss_choice_question(const struct ss_model *model, const struct ss_loss_options *options,
                                  char **out)
{
    const struct ss_objective_options *const j = &options->objective;
    const struct ss_traits t = ss_traits_of(j, model->is_energy);
    struct ss_text text;
    enum ss_status st = SS_OK;

    ss_text_init(&text);
    ss_text_addf(&text, "loss and gradient: %s", ss_objective_name(j->kind));
    if (t.directions && !t.unit)
        ss_text_addf(&text, ", %u %s slices", j->count, ss_slices_name(j->slices));
    if (t.control)
        ss_text_add(&text, ", shares estimated");
    ss_text_addf(&text, ", %zu rows, %s: ", options->rows, model->is_energy ? "energy" : "score");
    ss_graph_describe(model->graph, &text);
    ss_text_addf(&text, ", plan %s, gemm %s", ss_plan_name(options->engine.plan),
                 ss_gemm_name(options->engine.gemm));
    TRY(ss_text_status(&text));
    *out = ss_text_detach(&text);
out:
    ss_text_release(&text);
    return st;
}

void ss_choice_most(const struct ss_device *device, int32_t most[SS_TUNING_NUMBERS])
{
    most[SS_CHOICE_PLAN] = SS_PLAN_LAYERED;
    most[SS_CHOICE_TILE] = MOST_TILE;
    most[SS_CHOICE_CHUNK] = MOST_CHUNK;
    most[SS_CHOICE_GEMM] = SS_GEMM_OWN;
    most[SS_CHOICE_SET] = (int32_t)ss_gemm_sets(device);
    most[SS_CHOICE_TILES] = ss_device_is_cpu(device) ? 0 : SS_TILES_MOST;
}

/* In their ranges; what was asked for by name stands, and a plan that is not to be had here is none. */
static bool agrees(struct ss_device *device, const struct ss_model *model,
                   const struct ss_loss_options *options, const int32_t numbers[SS_TUNING_NUMBERS])
{
    int32_t most[SS_TUNING_NUMBERS];

    ss_choice_most(device, most);
    for (size_t i = 0; i < SS_TUNING_NUMBERS; i++)
        if (numbers[i] < 0 || numbers[i] > most[i])
            return false;
    const enum ss_plan_kind plan = (enum ss_plan_kind)numbers[SS_CHOICE_PLAN];
    const enum ss_gemm_kind gemm = (enum ss_gemm_kind)numbers[SS_CHOICE_GEMM];

    if ((options->engine.plan != SS_PLAN_AUTO && plan != SS_PLAN_AUTO && plan != options->engine.plan) ||
        (options->engine.gemm != SS_GEMM_AUTO && gemm != SS_GEMM_AUTO && gemm != options->engine.gemm))
        return false;
    struct ss_loss_options chunked = *options;

    chunked.chunk = (size_t)numbers[SS_CHOICE_CHUNK];
    return plan != SS_PLAN_FUSED || ss_loss_fused_takes(device, model, &chunked, numbers);
}

static bool is_default(const int32_t numbers[SS_TUNING_NUMBERS])
{
    static const int32_t none[SS_TUNING_NUMBERS];

    return memcmp(numbers, none, sizeof(none)) == 0;
}

static enum ss_status ask(struct ss_device *device, const struct ss_model *model,
                          const struct ss_loss_options *options, struct ss_choice *c)
{
    int32_t most[SS_TUNING_NUMBERS];
    char *question = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_choice_question(model, options, &question));
    ss_choice_most(device, most);
    if (ss_tuning_find(device, question, most, &c->measured) &&
        agrees(device, model, options, c->measured.numbers)) {
        c->origin = SS_CHOICE_MEASURED;
        memcpy(c->numbers, c->measured.numbers, sizeof(c->numbers));
    }
out:
    free(question);
    return st;
}

enum ss_status ss_choice_make(struct ss_device *device, const struct ss_model *model,
                              struct ss_loss_options *options, struct ss_choice *out)
{
    struct ss_choice c = {.origin = SS_CHOICE_BY_RULE};
    enum ss_status st = SS_OK;

    if (options->numbers) {
        if (!agrees(device, model, options, options->numbers)) {
            st = SS_FAIL(SS_ERR_USAGE, "the numbers by which a loss is to be computed cannot be had here");
            goto out;
        }
        c.origin = SS_CHOICE_GIVEN;
        memcpy(c.numbers, options->numbers, sizeof(c.numbers));
        options->numbers = NULL;
    } else if (options->gradient && !options->unmeasured && !options->chunk && !options->any_driver) {
        TRY(ask(device, model, options, &c));
    }
    if (!is_default(c.numbers)) {
        if (options->engine.plan == SS_PLAN_AUTO)
            options->engine.plan = (enum ss_plan_kind)c.numbers[SS_CHOICE_PLAN];
        options->chunk = (size_t)c.numbers[SS_CHOICE_CHUNK];
    }
    *out = c;
out:
    return st;
}

void ss_choice_describe(const struct ss_choice *c, struct ss_text *out)
{
    if (c->origin == SS_CHOICE_MEASURED)
        ss_tuning_describe(&c->measured, out);
    else
        ss_text_add(out, c->origin == SS_CHOICE_GIVEN ? "as it was begun"
                                                      : "by rule; `slicescore tune` measures what is faster");
}
