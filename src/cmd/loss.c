#include "run/objective_value.h"

#include "base/json.h"
#include "cmd/commands.h"
#include "cmd/runs.h"
#include "config/config.h"

static enum ss_status print(const struct ss_invocation *in, const struct ss_opened_run *r,
                            const struct ss_objective_value *v)
{
    struct ss_text t;

    ss_text_init(&t);
    if (in->json) {
        ss_json_open(&t, NULL, '{');
        ss_json_text(&t, "objective", ss_objective_name(r->experiment->objective.kind));
        ss_json_number(&t, "loss", v->loss);
        ss_json_integer(&t, "rows", (long long)v->rows);
        ss_json_integer(&t, "dimension", (long long)r->model->dimension);
        ss_json_integer(&t, "slices", (long long)v->slices);
        ss_json_text(&t, "device", ss_device_info(r->device)->name);
        ss_json_close(&t, '}');
        ss_text_add(&t, "\n");
    } else {
        ss_text_addf(&t, "%.9g\n", v->loss);
    }
    const enum ss_status st = ss_text_status(&t);
    ss_print(t.data);
    ss_text_release(&t);
    return st;
}

static enum ss_status run(const struct ss_invocation *in)
{
    const struct ss_value_files files = {.data = ss_option_value(in, "data"),
                                         .slices = ss_option_value(in, "slices"),
                                         .noise = ss_option_value(in, "noise"),
                                         .gradient = ss_option_value(in, "gradient")};
    struct ss_opened_run r = {0};
    struct ss_objective_value v;
    enum ss_status st = SS_OK;

    if (!files.data)
        return SS_FAIL(SS_ERR_USAGE, "loss: --data X.npy is wanted: the rows to take the objective of");
    TRY(ss_open_run(in, &r));
    TRY(ss_objective_value(&r.trained, &files, &v));
    if (files.gradient)
        ss_say(SS_LEVEL_NOTE, "gradient: %s", files.gradient);
    TRY(print(in, &r, &v));
out:
    ss_opened_run_release(&r);
    return st;
}

static const struct ss_option options[] = {
    {"data", 0, "X.npy", "rows (rows, D) as the model sees them: nothing is transformed", false},
    {"slices", 0, "V.npy", "slices (M, rows, D); without it drawn by the run's seed", false},
    {"noise", 0, "Z.npy", "standard normals (rows, D) of dsm; without it drawn", false},
    {"gradient", 0, "G.safetensors", "write the gradient, tensors named as the weights are", false},
    SS_OPTION_WEIGHTS};

const struct ss_command ss_command_loss = {
    .name = "loss",
    .words = "RUN",
    .summary = "One value of the run's objective on given rows, and its gradient",
    .details =
        "For checking against other programs: float32 or float64 arrays, C order. With --gradient other "
        "kernels compute it,\n"
        "whose sums may differ in the last digits.\n"
        "  ssm     mean over rows and slices of v'(Ds)v + 1/2 (v's)^2      ssm_vr  the same with 1/2 |s|^2\n"
        "  esm     mean over rows of tr(Ds) + 1/2 |s|^2                    dsm     1/2 |s(x~) + (x~ - "
        "x)/sigma^2|^2",
    .least = 1,
    .most = 1,
    .options = options,
    .n_options = SS_COUNT(options),
    .device = true,
    .json = true,
    .run = run};
