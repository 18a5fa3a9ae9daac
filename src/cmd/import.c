#include "cmd/commands.h"
#include "cmd/runs.h"

static enum ss_status run(const struct ss_invocation *in)
{
    struct ss_run_request request;
    struct ss_run_result result = {0};
    enum ss_status st = SS_OK;

    TRY(ss_check_overrides(in, 2));
    ss_request_fill(in, in->words[1], 2, &request);
    request.output = ss_option_value(in, "output");
    request.force = ss_option_value(in, "force") != NULL;
    st = ss_print_result(in, &result, ss_run_import(in->words[0], &request, &result));
out:
    ss_run_result_release(&result);
    return st;
}

static const struct ss_option options[] = {
    {"output", 'o', "RUN", "folder of the run to make; without it runs/NAME", false},
    {"force", 0, NULL, "replace the run that the folder holds", false}};

const struct ss_command ss_command_import = {
    .name = "import",
    .words = "W.safetensors EXP.yaml [KEY.SUB=VALUE ...]",
    .summary = "Make a run from weights that another program trained",
    .details =
        "Tensors are layers.K.weight (out, in) and layers.K.bias as PyTorch lays them out, K over the dense "
        "layers. The\n"
        "experiment needs model and objective, and no data: the number of columns follows from the weights.",
    .least = 2,
    .most = 1000,
    .options = options,
    .n_options = SS_COUNT(options),
    .device = true,
    .json = true,
    .run = run};
