#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "cmd/commands.h"
#include "config/config.h"
#include "device/gemm_products.h"
#include "objective/loss.h"
#include "run/setting.h"

struct checked {
    struct ss_experiment *experiment;
    struct ss_setting setting;
    struct ss_loss *loss;           /* for its plan; NULL if it would not fit */
    struct ss_gemm_shapes products; /* of it */
    char reason[200];               /* why this device */
};

static void checked_release(struct checked *c)
{
    ss_loss_free(c->loss);
    ss_setting_release(&c->setting);
    ss_experiment_free(c->experiment);
}

/* Why this device: who chose it, or the reason of the default. */
static enum ss_status find_reason(const struct ss_invocation *in, struct checked *c)
{
    const char *const environment = getenv("SLICESCORE_DEVICE");
    struct ss_device_list l = {0};
    enum ss_status st = SS_OK;

    if (in->device)
        snprintf(c->reason, sizeof(c->reason), "chosen by --device");
    else if (environment && *environment)
        snprintf(c->reason, sizeof(c->reason), "chosen by SLICESCORE_DEVICE");
    else if (c->experiment->device)
        snprintf(c->reason, sizeof(c->reason), "chosen by the experiment's device:");
    else {
        TRY(ss_device_list_make(&l));
        snprintf(c->reason, sizeof(c->reason), "%s", l.reason);
    }
out:
    ss_device_list_release(&l);
    return st;
}

static enum ss_status find_plan(const struct ss_invocation *in, struct checked *c)
{
    const struct ss_experiment *const e = c->experiment;
    enum ss_status st = SS_OK;

    if (!c->setting.model || !e->has_objective || c->setting.memory.total > c->setting.memory.available)
        return SS_OK;
    ss_log_phase(in->log, "compiling kernels (first time on this device)");
    TRY(ss_loss_create(
        c->setting.device, c->setting.model,
        &(struct ss_loss_options){
            .objective = e->objective, .engine = e->engine, .rows = e->train.batch, .gradient = true},
        &c->loss));
    TRY(ss_loss_products(c->loss, &c->products));
out:
    ss_log_phase(in->log, NULL);
    return st;
}

/* ---- for people ---- */

static void add_memory(const struct ss_memory_plan *m, struct ss_text *t)
{
    char total[32], available[32], loss[32], state[32], rows[32], evaluation[32];

    ss_bytes_text(m->total, total);
    ss_bytes_text(m->available, available);
    ss_bytes_text(m->loss, loss);
    ss_bytes_text(m->state, state);
    ss_bytes_text(m->rows, rows);
    ss_bytes_text(m->evaluation, evaluation);
    ss_text_addf(
        t, "# memory: %s of %s: jets of a batch %s, weights and optimizer %s, rows %s (%s), evaluation %s\n",
        total, available, loss, state, rows, m->resident ? "on the device" : "copied batch by batch",
        evaluation);
}

/* Those that were measured. */
static void add_products(const struct checked *c, struct ss_text *t)
{
    struct ss_tuning answer;
    size_t measured = 0;
    char name[64];

    for (size_t i = 0; i < c->products.n; i++) {
        if (!ss_gemm_shape_answer(c->setting.device, &c->products.shapes[i], &answer))
            continue;
        ss_gemm_shape_text(&c->products.shapes[i], name, sizeof(name));
        ss_text_addf(t, "# product %s: ", name);
        ss_tuning_describe(&answer, t);
        ss_text_add(t, "\n");
        measured++;
    }
    if (measured < c->products.n)
        ss_text_addf(t, "# products: %zu of %zu shapes by rule\n", c->products.n - measured, c->products.n);
}

static void add_people(const struct checked *c, struct ss_text *t)
{
    const struct ss_setting *const s = &c->setting;
    const struct ss_device_info *const info = ss_device_info(s->device);

    ss_text_addf(t, "\n# device: %zu:%zu %s, %s%s%s\n", info->platform, info->index, info->name,
                 info->platform_name, *c->reason ? ": " : "", c->reason);
    if (!s->model)
        return;
    ss_text_addf(t, "# data: %zu training, %zu validation and %zu test rows of %zu columns\n",
                 ss_dataset_rows(s->dataset, SS_PART_TRAIN), ss_dataset_rows(s->dataset, SS_PART_VALIDATION),
                 ss_dataset_rows(s->dataset, SS_PART_TEST), s->model->dimension);
    ss_text_addf(t, "# model: %s, %zu parameters\n", ss_model_name(c->experiment->model.kind),
                 ss_graph_parameter_count(s->model->graph));
    if (c->loss) {
        ss_text_addf(t, "# plan: %s\n# chosen: ", ss_loss_plan(c->loss));
        ss_loss_why(c->loss, t);
        ss_text_add(t, "\n");
        add_products(c, t);
    }
    add_memory(&s->memory, t);
}

/* ---- for programs ---- */

static void add_json_products(const struct checked *c, struct ss_text *t)
{
    struct ss_tuning answer;
    struct ss_text chosen;
    char name[64];

    ss_json_open(t, "products", '[');
    for (size_t i = 0; i < c->products.n; i++) {
        const struct ss_gemm *const shape = &c->products.shapes[i];
        ss_text_init(&chosen);
        if (ss_gemm_shape_answer(c->setting.device, shape, &answer))
            ss_tuning_describe(&answer, &chosen);
        else
            ss_text_add(&chosen, "by rule");
        ss_gemm_shape_text(shape, name, sizeof(name));
        ss_json_open(t, NULL, '{');
        ss_json_text(t, "name", name);
        ss_json_text(t, "chosen", chosen.data);
        ss_json_close(t, '}');
        ss_text_release(&chosen);
    }
    ss_json_close(t, ']');
}

static void add_json_setting(const struct checked *c, struct ss_text *t)
{
    const struct ss_setting *const s = &c->setting;
    const struct ss_memory_plan *const m = &s->memory;
    struct ss_text why;

    ss_json_integer(t, "dimension", (long long)s->model->dimension);
    ss_json_integer(t, "parameters", (long long)ss_graph_parameter_count(s->model->graph));
    ss_json_open(t, "rows", '{');
    ss_json_integer(t, "train", (long long)ss_dataset_rows(s->dataset, SS_PART_TRAIN));
    ss_json_integer(t, "validation", (long long)ss_dataset_rows(s->dataset, SS_PART_VALIDATION));
    ss_json_integer(t, "test", (long long)ss_dataset_rows(s->dataset, SS_PART_TEST));
    ss_json_close(t, '}');
    ss_json_text(t, "plan", c->loss ? ss_loss_plan(c->loss) : NULL);
    ss_text_init(&why);
    if (c->loss)
        ss_loss_why(c->loss, &why);
    ss_json_text(t, "plan_chosen", c->loss ? why.data : NULL);
    ss_text_release(&why);
    add_json_products(c, t);
    ss_json_open(t, "memory", '{');
    ss_json_integer(t, "needed", (long long)m->total);
    ss_json_integer(t, "available", (long long)m->available);
    ss_json_integer(t, "jets", (long long)m->loss);
    ss_json_integer(t, "state", (long long)m->state);
    ss_json_integer(t, "rows", (long long)m->rows);
    ss_json_integer(t, "evaluation", (long long)m->evaluation);
    ss_json_bool(t, "rows_on_device", m->resident);
    ss_json_close(t, '}');
}

static void add_json(const struct checked *c, const char *resolved, struct ss_text *t)
{
    const struct ss_device_info *const info = ss_device_info(c->setting.device);

    ss_json_open(t, NULL, '{');
    ss_json_text(t, "name", c->experiment->name);
    ss_json_text(t, "resolved", resolved);
    ss_json_open(t, "device", '{');
    ss_json_text(t, "name", info->name);
    ss_json_text(t, "platform", info->platform_name);
    ss_json_text(t, "driver", info->driver);
    ss_json_text(t, "reason", c->reason);
    ss_json_close(t, '}');
    if (c->setting.model)
        add_json_setting(c, t);
    ss_json_close(t, '}');
    ss_text_add(t, "\n");
}

static enum ss_status examine(const struct ss_invocation *in, struct checked *c)
{
    enum ss_status st = SS_OK;

    if (c->experiment->has_data && !c->experiment->has_model)
        return SS_FAIL(SS_ERR_USAGE, "%s: a `model:` block is wanted, and there is none",
                       c->experiment->path);
    TRY(ss_setting_make(c->experiment, in->device, in->log, &c->setting));
    TRY(find_reason(in, c));
    TRY(find_plan(in, c));
out:
    return st;
}

static enum ss_status run(const struct ss_invocation *in)
{
    struct checked c = {0};
    struct ss_text resolved, t;
    enum ss_status st = SS_OK;

    ss_text_init(&resolved);
    ss_text_init(&t);
    TRY(ss_check_overrides(in, 1));
    TRY(ss_experiment_load(in->words[0], in->words + 1, in->n_words - 1, &c.experiment));
    TRY(ss_experiment_write(c.experiment, true, &resolved));
    TRY(ss_text_status(&resolved));
    TRY(examine(in, &c));
    if (in->json) {
        add_json(&c, resolved.data, &t);
    } else {
        ss_text_add(&t, resolved.data);
        add_people(&c, &t);
    }
    TRY(ss_text_status(&t));
    ss_print(t.data);
    if (c.setting.model)
        TRY(ss_setting_fits(&c.setting));
    else
        ss_say(SS_LEVEL_NOTE, "no data: plan and memory depend on its columns and are not known");
out:
    checked_release(&c);
    ss_text_release(&resolved);
    ss_text_release(&t);
    return st;
}

const struct ss_command ss_command_check = {
    .name = "check",
    .words = "EXP.yaml [KEY.SUB=VALUE ...]",
    .summary = "Validate and resolve an experiment, plan it, and train nothing",
    .details = "Prints the resolved file with the origin of each value, the device and why it, the number of "
               "parameters, the plan,\n"
               "and the memory needed against the device's (exit 5 if it does not fit).",
    .least = 1,
    .most = 1000,
    .device = true,
    .json = true,
    .run = run};
