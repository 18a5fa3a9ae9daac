#include "support/runs.h"

#include "run/log.h"
#include "run/run.h"
#include "support/device.h"
#include "support/scratch.h"

void test_run(struct ss_device *device, const char *out, const char *override, bool resume)
{
    const char *const words[] = {override};
    struct ss_log *log = NULL;

    ok(ss_log_create(&(struct ss_log_options){.quiet = true}, &log));
    const struct ss_run_request r = {.path = resume ? scratch_path(out) : scratch_path("exp.yaml"),
                                     .overrides = words,
                                     .n_overrides = override != NULL,
                                     .output = resume ? NULL : scratch_path(out),
                                     .log = log,
                                     .lent = device};
    struct ss_run_result result = {0};

    const enum ss_status st = resume ? ss_run_resume(&r, &result) : ss_run_experiment(&r, &result);
    ok(st);
    ss_run_result_release(&result);
    ss_log_free(log);
}
