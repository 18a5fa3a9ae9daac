#include "run/report.h"

#include <stdlib.h>

#include "base/json.h"
#include "cmd/commands.h"

enum { REFRESH_SECONDS = 3 };

static enum ss_status print_path(const struct ss_invocation *in, const char *path)
{
    struct ss_text t;

    ss_text_init(&t);
    if (in->json) {
        ss_json_open(&t, NULL, '{');
        ss_json_text(&t, "report", path);
        ss_json_close(&t, '}');
    } else {
        ss_text_add(&t, path);
    }
    ss_text_add(&t, "\n");
    const enum ss_status st = ss_text_status(&t);
    ss_print(t.data);
    ss_text_release(&t);
    return st;
}

static enum ss_status run(const struct ss_invocation *in)
{
    const bool follow = ss_option_value(in, "follow") != NULL;
    const struct ss_report_options options = {.metric = ss_option_value(in, "metric"),
                                              .refresh = follow ? REFRESH_SECONDS : 0};
    char *path = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_report_write(in->words[0], &options, &path));
    if (follow) {
        ss_say(SS_LEVEL_NOTE, "%s: open it in a browser; kept up to date until the end, or Ctrl-C", path);
        TRY(ss_report_follow(in->words[0], &options));
    }
    TRY(print_path(in, path));
out:
    free(path);
    return st;
}

static const struct ss_option options[] = {
    {"follow", 0, NULL, "keep it up to date while the run or sweep goes on; the open page refreshes itself",
     false},
    {"metric", 0, "NAME", "of a sweep: what is compared (default: as `sweep best` chooses)", false}};

const struct ss_command ss_command_report = {
    .name = "report",
    .words = "RUN_OR_SWEEP",
    .summary = "Write report.html of a run or sweep: one file that needs neither network nor server",
    .details = "Runs and sweeps write it at their end by themselves. It holds configuration, device, curves, "
               "timing,\n"
               "evaluation and pictures; of a sweep the comparison with error bars, the effect of each key, "
               "and the\n"
               "table. It is made from the folder alone: no device is used, and a run that goes on is not "
               "disturbed.",
    .least = 1,
    .most = 1,
    .options = options,
    .n_options = SS_COUNT(options),
    .json = true,
    .run = run};
