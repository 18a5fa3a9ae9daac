#include "run/sampling.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/json.h"
#include "cmd/commands.h"
#include "cmd/runs.h"

static enum ss_status load_starts(const struct ss_opened_run *r, struct ss_log *log, struct ss_dataset **out)
{
    if (ss_sampling_start(&r->trained) != SS_START_DATA)
        return SS_OK;
    if (!r->experiment->has_data)
        return SS_FAIL(SS_ERR_USAGE,
                       "%s: this run was imported without data, so its chains cannot start from rows",
                       r->path);
    ss_log_phase(log, "reading the data");
    const enum ss_status st = ss_dataset_load(&r->experiment->data, r->experiment->seed, out);
    ss_log_phase(log, NULL);
    return st;
}

static enum ss_status print(const struct ss_invocation *in, const struct ss_samples *s, const char *path)
{
    struct ss_text t;

    if (!in->json)
        return SS_OK;
    ss_text_init(&t);
    ss_json_open(&t, NULL, '{');
    ss_json_text(&t, "file", path);
    ss_json_integer(&t, "samples", (long long)s->count);
    ss_json_integer(&t, "runaway", (long long)s->runaway);
    ss_json_number(&t, "acceptance", s->acceptance);
    ss_json_close(&t, '}');
    ss_text_add(&t, "\n");
    const enum ss_status st = ss_text_status(&t);
    ss_print(t.data);
    ss_text_release(&t);
    return st;
}

static enum ss_status run(const struct ss_invocation *in)
{
    const char *const output = ss_option_value(in, "output");
    struct ss_opened_run r = {0};
    struct ss_dataset *dataset = NULL;
    struct ss_samples samples = {0};
    char *path = NULL;
    size_t count = 0;
    bool given = false;
    enum ss_status st = SS_OK;

    if (output && !ss_path_has_extension(output, "npy") && !ss_path_has_extension(output, "csv"))
        return SS_FAIL(SS_ERR_USAGE, "%s: samples are written as .npy or .csv", output);
    TRY(ss_open_run(in, &r));
    count = r.experiment->sample.count;
    TRY(ss_option_count(in, "number", 1, &count, &given));
    TRY(load_starts(&r, in->log, &dataset));
    TRY(ss_samples_draw(&r.trained, dataset, count, &samples));
    if (samples.count == 0) {
        st = SS_FAIL(SS_ERR_DIVERGED, "no samples are left to write");
        goto out;
    }
    TRY(output ? ss_text_copy(output, &path) : ss_path_join(r.path, "samples/samples.npy", &path));
    TRY(ss_samples_write(&samples, path));
    ss_say(SS_LEVEL_NOTE, "%zu samples: %s", samples.count, path);
    TRY(print(in, &samples, path));
out:
    free(path);
    ss_samples_release(&samples);
    ss_dataset_free(dataset);
    ss_opened_run_release(&r);
    return st;
}

static const struct ss_option options[] = {
    {"number", 'n', "N", "chains, each one sample (default sample.count of the run)", false},
    {"output", 'o', "OUT.npy|OUT.csv", "where to write them (default RUN/samples/samples.npy)", false},
    SS_OPTION_WEIGHTS};

const struct ss_command ss_command_sample = {
    .name = "sample",
    .words = "RUN",
    .summary = "Draw samples from a trained model, in the data's own units",
    .details = "Chains are those of the run's `sample:` block. They start from standard normals "
               "(sample.start: noise) or training\n"
               "rows (data); auto takes data for more than two columns and for images.",
    .least = 1,
    .most = 1,
    .options = options,
    .n_options = SS_COUNT(options),
    .device = true,
    .json = true,
    .run = run};
