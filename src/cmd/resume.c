#include "cmd/commands.h"
#include "cmd/runs.h"

static enum ss_status run(const struct ss_invocation *in)
{
    struct ss_run_request request;
    struct ss_run_result result = {0};
    enum ss_status st = SS_OK;

    TRY(ss_check_overrides(in, 1));
    ss_request_fill(in, in->words[0], 1, &request);
    st = ss_print_result(in, &result, ss_run_resume(&request, &result));
out:
    ss_run_result_release(&result);
    return st;
}

const struct ss_command ss_command_resume = {
    .name = "resume",
    .words = "RUN [train.steps=N ...]",
    .summary = "Go on with a run that was stopped, or train a finished one further",
    .details = "On the same device the weights are, to the bit, those of a run that was never stopped. A "
               "finished run is left\n"
               "alone unless train.steps asks for more. Keys that would make another run of it are refused.",
    .least = 1,
    .most = 32,
    .device = true,
    .json = true,
    .run = run};
