#include "run/run.h"

#include "cmd/commands.h"
#include "cmd/runs.h"

static enum ss_status run(const struct ss_invocation *in)
{
    struct ss_run_request request;
    struct ss_run_result result = {0};
    enum ss_status st = SS_OK;

    TRY(ss_check_overrides(in, 1));
    ss_request_fill(in, in->words[0], 1, &request);
    request.output = ss_option_value(in, "output");
    request.force = ss_option_value(in, "force") != NULL;
    st = ss_print_result(in, &result, ss_run_experiment(&request, &result));
out:
    ss_run_result_release(&result);
    return st;
}

static const struct ss_option options[] = {
    {"output", 'o', "DIR", "folder of the run; without it runs/NAME, then runs/NAME-2, ...", false},
    {"force", 0, NULL, "replace the run that DIR holds: its own files are removed first, nothing else",
     false}};

const struct ss_command ss_command_run = {
    .name = "run",
    .words = "EXP.yaml [KEY.SUB=VALUE ...]",
    .summary = "Train, evaluate, sample and draw the experiment of a YAML file",
    .details = "KEY.SUB=VALUE overrides the file: train.steps=1000 model.hidden=[64,64]. Ctrl-C, TERM and "
               "USR1 save a\n"
               "checkpoint and exit 75; `slicescore resume` goes on. A second Ctrl-C is honoured at once.",
    .least = 1,
    .most = 1000,
    .options = options,
    .n_options = SS_COUNT(options),
    .device = true,
    .json = true,
    .run = run};
