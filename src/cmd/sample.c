#include "run/sampling.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "cmd/commands.h"
#include "cmd/runs.h"
#include "run/evaluate.h"
#include "run/view.h"

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
    ss_json_integer(&t, "stuck", (long long)s->stuck);
    ss_json_integer(&t, "divergent", (long long)s->divergent);
    ss_json_number(&t, "acceptance", s->acceptance);
    ss_json_number(&t, "step_size", s->step_size);
    ss_json_number(&t, "effective_sample_size", s->ess);
    ss_json_number(&t, "rhat", s->rhat);
    ss_json_close(&t, '}');
    ss_text_add(&t, "\n");
    const enum ss_status st = ss_text_status(&t);
    ss_print(t.data);
    ss_text_release(&t);
    return st;
}

/* The run's pictures with these samples, into a folder of the caller's. */
static enum ss_status draw(const struct ss_opened_run *r, const struct ss_samples *samples,
                           struct ss_dataset **dataset, const char *folder)
{
    struct ss_pictures_drawn drawn = {0};
    struct ss_normalizer z;
    enum ss_status st = SS_OK;

    if (!r->experiment->has_data)
        return SS_FAIL(SS_ERR_USAGE,
                       "%s: this run was imported without data: there is nothing to draw samples over",
                       r->path);
    if (!*dataset)
        TRY(ss_dataset_load(&r->experiment->data, r->experiment->seed, dataset));
    TRY(ss_folder_create(folder));
    TRY(ss_normalizer_find(&r->trained, &z));
    TRY(ss_view_draw(&r->trained, *dataset, &z, samples, folder, &drawn));
    for (size_t i = 0; i < drawn.count; i++)
        ss_say(SS_LEVEL_NOTE, "picture: %s/%s.png and .svg", folder, drawn.names[i]);
out:
    return st;
}

static enum ss_status run(const struct ss_invocation *in)
{
    const char *const output = ss_option_value(in, "output"), *const start = ss_option_value(in, "start"),
                      *const plots = ss_option_value(in, "plots");
    float *starts = NULL;
    struct ss_opened_run r = {0};
    struct ss_dataset *dataset = NULL;
    struct ss_samples samples = {0};
    char *path = NULL;
    bool given = false;
    enum ss_status st = SS_OK;

    if (output && !ss_path_has_extension(output, "npy") && !ss_path_has_extension(output, "csv"))
        return SS_FAIL(SS_ERR_USAGE, "%s: samples are written as .npy or .csv", output);
    TRY(ss_check_block_overrides(in, "sample"));
    TRY(ss_open_run_with(in, in->words + 1, in->n_words - 1, &r));
    struct ss_sampling how = ss_sampling_of(&r.trained);
    TRY(ss_option_count(in, "number", 1, &how.count, &given));
    if (start)
        TRY(ss_file_rows(&r.trained, start, 0, false, &starts, NULL, &how.starts));
    else
        TRY(ss_sampling_starts(&r.trained, &dataset));
    how.start = starts;
    how.dataset = dataset;
    TRY(ss_samples_draw(&r.trained, &how, &samples));
    if (samples.count == 0) {
        st = SS_FAIL(SS_ERR_DIVERGED, "no samples are left to write");
        goto out;
    }
    TRY(output ? ss_text_copy(output, &path) : ss_path_join(r.path, "samples/samples.npy", &path));
    TRY(ss_samples_write(&samples, path));
    ss_say(SS_LEVEL_NOTE, "%zu samples: %s", samples.count, path);
    if (plots)
        TRY(draw(&r, &samples, &dataset, plots));
    TRY(print(in, &samples, path));
out:
    free(path);
    free(starts);
    ss_samples_release(&samples);
    ss_dataset_free(dataset);
    ss_opened_run_release(&r);
    return st;
}

static const struct ss_option options[] = {
    {"number", 'n', "N", "chains, each one sample (default sample.count of the run)", false},
    {"start", 0, "FILE", "rows that chains start from, in the data's own units, used in turn", false},
    {"output", 'o', "OUT.npy|OUT.csv", "where to write them (default RUN/samples/samples.npy)", false},
    {"plots", 0, "DIR", "draw them there too, beside data and density", false},
    SS_OPTION_WEIGHTS};

const struct ss_command ss_command_sample = {
    .name = "sample",
    .words = "RUN [sample.KEY=VALUE ...]",
    .summary = "Draw samples from a trained model, in the data's own units",
    .details =
        "Chains are those of the run's `sample:` block, of which any key can be set here "
        "(sample.sampler=hmc). They start from standard\n"
        "normals (sample.start: noise), training rows (data) or the rows of --start; auto takes data for "
        "more than two columns and\n"
        "for images. Chains that ran away or never moved are counted and left out.",
    .least = 1,
    .most = SIZE_MAX,
    .options = options,
    .n_options = SS_COUNT(options),
    .device = true,
    .json = true,
    .run = run};
