#include "run/denoise.h"

#include <math.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/json.h"
#include "cmd/commands.h"
#include "cmd/runs.h"
#include "data/table.h"
#include "run/evaluate.h"
#include "run/sampling.h"

static void print_estimate(struct ss_text *t, const char *name, struct ss_estimate e)
{
    ss_json_open(t, name, '{');
    ss_json_number(t, "mean", e.mean);
    ss_json_number(t, "standard_error", e.standard_error);
    ss_json_close(t, '}');
}

static enum ss_status print(const struct ss_invocation *in, const struct ss_denoised *d, double sigma,
                            const char *path)
{
    struct ss_text t;

    ss_text_init(&t);
    if (in->json) {
        ss_json_open(&t, NULL, '{');
        ss_json_text(&t, "file", path);
        ss_json_integer(&t, "rows", (long long)d->rows);
        ss_json_number(&t, "sigma", sigma);
        if (d->known) {
            print_estimate(&t, "noisy_error", d->before);
            print_estimate(&t, "denoised_error", d->after);
        }
        ss_json_close(&t, '}');
        ss_text_add(&t, "\n");
    } else if (d->known) {
        ss_text_addf(&t, "noisy_error    %12.6g +- %.2g\ndenoised_error %12.6g +- %.2g\n", d->before.mean,
                     d->before.standard_error, d->after.mean, d->after.standard_error);
    }
    const enum ss_status st = ss_text_status(&t);
    ss_print(t.data);
    ss_text_release(&t);
    return st;
}

/* Of the noise: --sigma, else what the run was trained on. */
static enum ss_status find_sigma(const struct ss_invocation *in, const struct ss_opened_run *r, double *sigma)
{
    const struct ss_objective_options *const o = &r->experiment->objective;
    const bool denoising = r->experiment->has_objective && o->kind == SS_OBJECTIVE_DSM;
    const char *const given = ss_option_value(in, "sigma");

    if (!given && !denoising)
        return SS_FAIL(SS_ERR_USAGE,
                       "%s was not trained by dsm: say the noise's standard deviation with --sigma S",
                       r->path);
    *sigma = o->sigma;
    if (given && (!ss_text_number(given, sigma) || !(*sigma > 0) || !isfinite(*sigma)))
        return SS_FAIL(SS_ERR_USAGE, "--sigma: '%s' is no number above 0", given);
    if (!denoising || fabs(*sigma / o->sigma - 1) > 1e-6)
        ss_say(SS_LEVEL_WARNING,
               "%s was not trained on rows with noise of %g: its score is that of another density, and what "
               "comes out is not the mean of the clean row",
               r->path, *sigma);
    return SS_OK;
}

/* y: the rows of the file, else held-out ones. */
static enum ss_status find_rows(const struct ss_invocation *in, const struct ss_opened_run *r, float **y,
                                size_t *rows)
{
    const char *const file = in->n_words > 1 ? in->words[1] : NULL;
    struct ss_dataset *dataset = NULL;
    enum ss_status st = SS_OK;

    if (file)
        return ss_file_rows(&r->trained, file, 0, false, y, NULL, rows);
    if (!r->experiment->has_data)
        return SS_FAIL(SS_ERR_USAGE, "%s: this run was imported without data: name a file", r->path);
    ss_log_phase(in->log, "reading the data");
    TRY(ss_dataset_load(&r->experiment->data, r->experiment->seed, &dataset));
    TRY(ss_held_out_rows(dataset, (size_t)r->experiment->evaluate.rows, y, rows));
out:
    ss_log_phase(in->log, NULL);
    ss_dataset_free(dataset);
    return st;
}

static enum ss_status write_rows(const struct ss_opened_run *r, const struct ss_denoised *d, const char *path)
{
    struct ss_samples own = {.y = d->denoised, .count = d->rows};
    enum ss_status st = SS_OK;

    TRY(ss_samples_own_units(&r->trained, &own));
    TRY(ss_samples_write(&own, path));
    ss_say(SS_LEVEL_NOTE, "%zu rows: %s", d->rows, path);
out:
    own.y = NULL;
    ss_samples_release(&own);
    return st;
}

static enum ss_status run(const struct ss_invocation *in)
{
    const char *const output = ss_option_value(in, "output");
    const bool add = in->n_words < 2 || ss_option_value(in, "noise");
    struct ss_opened_run r = {0};
    struct ss_denoised d = {0};
    char *path = NULL, *picture = NULL;
    float *y = NULL;
    double sigma = 0;
    size_t rows = 0;
    enum ss_status st = SS_OK;

    if (output && !ss_path_has_extension(output, "npy") && !ss_path_has_extension(output, "csv"))
        return SS_FAIL(SS_ERR_USAGE, "%s: rows are written as .npy or .csv", output);
    TRY(ss_open_run(in, &r));
    TRY(find_sigma(in, &r, &sigma));
    TRY(find_rows(in, &r, &y, &rows));
    TRY(ss_denoise(&r.trained, y, rows, sigma, add, &d));
    TRY(output ? ss_text_copy(output, &path) : ss_path_join(r.path, "samples/denoised.npy", &path));
    TRY(write_rows(&r, &d, path));
    TRY(ss_path_join(r.path, "plots/denoised", &picture));
    TRY(ss_denoised_draw(&r.trained, add ? y : NULL, &d, picture));
    ss_say(SS_LEVEL_NOTE, "picture: %s.png and .svg", picture);
    TRY(print(in, &d, sigma, path));
out:
    free(path);
    free(picture);
    free(y);
    ss_denoised_release(&d);
    ss_opened_run_release(&r);
    return st;
}

static const struct ss_option options[] = {
    {"noise", 0, NULL,
     "add noise to the rows of the file first, and tell the error (held-out rows always are)", false},
    {"sigma", 0, "S",
     "standard deviation of the noise, in transformed units (default objective.sigma of the run)", false},
    {"output", 'o', "OUT.npy|OUT.csv", "where to write them (default RUN/samples/denoised.npy)", false},
    SS_OPTION_WEIGHTS};

const struct ss_command ss_command_denoise = {
    .name = "denoise",
    .words = "RUN [FILE]",
    .summary = "Take noise off rows: the mean of the clean row, x + sigma^2 score(x)",
    .details =
        "For runs trained by dsm, whose score is that of rows with noise of objective.sigma. Rows of the "
        "file are noisy as they\n"
        "stand; without a file held-out rows get noise, and what is left of it is told: mean of "
        "|denoised - clean|^2 a row, in\n"
        "the space trained in. Draws RUN/plots/denoised.",
    .least = 1,
    .most = 2,
    .options = options,
    .n_options = SS_COUNT(options),
    .device = true,
    .json = true,
    .run = run};
