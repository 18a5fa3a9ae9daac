#include "run/gradient_check.h"

#include <stdio.h>

#include "base/json.h"
#include "cmd/commands.h"
#include "config/config.h"

static void shape_text(const struct ss_gradient_row *r, char out[48])
{
    if (r->dimensions == 2)
        snprintf(out, 48, "(%zu, %zu)", r->shape[0], r->shape[1]);
    else
        snprintf(out, 48, "(%zu)", r->shape[0]);
}

static void add_table(const struct ss_gradient_check *c, struct ss_text *t)
{
    char shape[48];

    ss_text_addf(t, "%-24s %-14s %7s %14s %14s %10s\n", "parameter", "shape", "checked", "analytic",
                 "difference", "rel. error");
    for (size_t i = 0; i < c->count; i++) {
        const struct ss_gradient_row *const r = &c->rows[i];
        shape_text(r, shape);
        ss_text_addf(t, "%-24s %-14s %7zu %14.6g %14.6g %10.1e%s\n", r->name, shape, r->checked, r->analytic,
                     r->difference, r->error, r->ok ? "" : "  OFF");
    }
    ss_text_addf(t, "%-24s %-14s %7s %14.6g %14.6g %10.1e%s\n", "loss", "", "", c->loss, c->reference_loss,
                 c->loss_error, c->loss_error <= c->tolerance ? "" : "  OFF");
}

static void add_json(const struct ss_gradient_check *c, struct ss_text *t)
{
    ss_json_open(t, NULL, '{');
    ss_json_bool(t, "ok", c->ok);
    ss_json_number(t, "tolerance", c->tolerance);
    ss_json_number(t, "loss", c->loss);
    ss_json_number(t, "reference_loss", c->reference_loss);
    ss_json_open(t, "parameters", '[');
    for (size_t i = 0; i < c->count; i++) {
        const struct ss_gradient_row *const r = &c->rows[i];
        ss_json_open(t, NULL, '{');
        ss_json_text(t, "name", r->name);
        ss_json_open(t, "shape", '[');
        for (size_t d = 0; d < r->dimensions; d++)
            ss_json_integer(t, NULL, (long long)r->shape[d]);
        ss_json_close(t, ']');
        ss_json_integer(t, "checked", (long long)r->checked);
        ss_json_number(t, "analytic", r->analytic);
        ss_json_number(t, "difference", r->difference);
        ss_json_number(t, "relative_error", r->error);
        ss_json_bool(t, "ok", r->ok);
        ss_json_close(t, '}');
    }
    ss_json_close(t, ']');
    ss_json_close(t, '}');
    ss_text_add(t, "\n");
}

enum { DIMENSION_WITHOUT_DATA = 3 };

static enum ss_status prepare(const struct ss_invocation *in, const struct ss_experiment *e,
                              struct ss_setting *s)
{
    enum ss_status st = SS_OK;

    if (!e->has_model || !e->has_objective)
        return SS_FAIL(SS_ERR_USAGE, "%s: gradcheck needs a `%s:` block, and there is none", e->path,
                       e->has_model ? "objective" : "model");
    TRY(ss_setting_make(e, in->device, in->log, s));
    if (s->model)
        goto out;
    ss_say(SS_LEVEL_NOTE, "no data in %s: checked on standard normal rows of %d columns", e->path,
           DIMENSION_WITHOUT_DATA);
    TRY(ss_model_create(&e->model, DIMENSION_WITHOUT_DATA, &s->model));
out:
    return st;
}

static enum ss_status run(const struct ss_invocation *in)
{
    struct ss_experiment *e = NULL;
    struct ss_setting s = {0};
    struct ss_gradient_check c = {0};
    struct ss_text t;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    TRY(ss_check_overrides(in, 1));
    TRY(ss_experiment_load(in->words[0], in->words + 1, in->n_words - 1, &e));
    TRY(prepare(in, e, &s));
    TRY(ss_gradient_check(&s, &c));
    if (in->json)
        add_json(&c, &t);
    else
        add_table(&c, &t);
    TRY(ss_text_status(&t));
    ss_print(t.data);
    if (!c.ok)
        st = SS_FAIL(SS_ERR_SELFTEST,
                     "the gradient is off: some relative error exceeds %g; a driver that is wrong "
                     "(slicescore selftest), "
                     "or an activation without a third derivative (relu, elu) with a row at its kink",
                     c.tolerance);
out:
    ss_gradient_check_release(&c);
    ss_setting_release(&s);
    ss_experiment_free(e);
    ss_text_release(&t);
    return st;
}

const struct ss_command ss_command_gradcheck = {
    .name = "gradcheck",
    .words = "EXP.yaml [KEY.SUB=VALUE ...]",
    .summary = "Compare the device's gradient with finite differences",
    .details = "On the experiment's own model and objective and a few of its rows, against differences of "
               "the loss in double\n"
               "precision on the host. For each parameter the entry that is furthest off; exit 4 if any is.",
    .least = 1,
    .most = 1000,
    .device = true,
    .json = true,
    .run = run};
