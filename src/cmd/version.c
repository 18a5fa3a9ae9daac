#include "base/version.h"

#include "base/json.h"
#include "cmd/commands.h"

static enum ss_status run(const struct ss_invocation *in)
{
    struct ss_text t;

    ss_text_init(&t);
    if (in->json) {
        ss_json_open(&t, NULL, '{');
        ss_json_text(&t, "version", SS_VERSION);
        ss_json_close(&t, '}');
        ss_text_add(&t, "\n");
    } else {
        ss_text_add(&t, "slicescore " SS_VERSION "\n");
    }
    const enum ss_status st = ss_text_status(&t);
    ss_print(t.data);
    ss_text_release(&t);
    return st;
}

const struct ss_command ss_command_version = {
    .name = "version", .words = "", .summary = "Print the version", .json = true, .run = run};
