#include "base/json.h"
#include "cmd/commands.h"
#include "run/known_answers.h"
#include "run/trained.h"

static void add_people(const struct ss_device_info *info, const struct ss_selftest *s, struct ss_text *t)
{
    ss_text_addf(t, "%zu:%zu %s, driver %s\n", info->platform, info->index, info->name, info->driver);
    ss_text_addf(t, "%-16s %-24s %-7s %10s %10s %9s\n", "family", "plan", "", "error", "allowed", "seconds");
    for (size_t i = 0; i < s->count; i++) {
        const struct ss_selftest_row *const r = &s->rows[i];
        ss_text_addf(t, "%-16s %-24s %-7s %10.2g %10.2g %9.3f\n", r->family, r->plan,
                     r->passed ? "passed" : "FAILED", r->error, r->allowed, r->seconds);
    }
}

static void add_json(const struct ss_device_info *info, const struct ss_selftest *s, bool passed,
                     struct ss_text *t)
{
    ss_json_open(t, NULL, '{');
    ss_json_text(t, "device", info->name);
    ss_json_text(t, "driver", info->driver);
    ss_json_bool(t, "passed", passed);
    ss_json_open(t, "tests", '[');
    for (size_t i = 0; i < s->count; i++) {
        const struct ss_selftest_row *const r = &s->rows[i];
        ss_json_open(t, NULL, '{');
        ss_json_text(t, "family", r->family);
        ss_json_text(t, "plan", r->plan);
        ss_json_bool(t, "passed", r->passed);
        ss_json_number(t, "error", r->error);
        ss_json_number(t, "allowed", r->allowed);
        ss_json_number(t, "seconds", r->seconds);
        ss_json_close(t, '}');
    }
    ss_json_close(t, ']');
    ss_json_close(t, '}');
    ss_text_add(t, "\n");
}

static enum ss_status run(const struct ss_invocation *in)
{
    struct ss_device *device = NULL;
    struct ss_selftest s = {0};
    struct ss_text t;
    enum ss_status st = SS_OK, tested, written;

    ss_text_init(&t);
    TRY(ss_run_device_choose(in->device, NULL, in->log, &device));
    tested = ss_known_answers(device, true, in->log, &s);
    if (in->json)
        add_json(ss_device_info(device), &s, tested == SS_OK, &t);
    else
        add_people(ss_device_info(device), &s, &t);
    written = ss_text_status(&t);
    ss_print(t.data);
    st = tested != SS_OK ? tested : written;
out:
    ss_selftest_release(&s);
    ss_device_free(device);
    ss_text_release(&t);
    return st;
}

const struct ss_command ss_command_selftest = {
    .name = "selftest",
    .words = "",
    .summary = "Test the chosen device against known answers",
    .details =
        "Each family of kernels against known answers; what fails is set aside for a simpler form with a "
        "warning, and exit\n"
        "4 if a family has none that works. Every use of a device begins with a short form of this. The "
        "fused plan\n"
        "is built for each model: its known answer is asked where it is made, of the kernel that a run will "
        "use.",
    .device = true,
    .json = true,
    .run = run};
