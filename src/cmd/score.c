#include "run/scoring.h"

#include "base/file.h"
#include "base/json.h"
#include "cmd/commands.h"
#include "cmd/runs.h"
#include "data/table.h"

/* The same numbers as in a file, for a terminal or a pipe. */
static void add_csv(const struct ss_scores *s, struct ss_text *t)
{
    for (size_t j = 0; j < s->columns; j++)
        ss_text_addf(t, "%s%s", j ? "," : "", s->names[j]);
    ss_text_add(t, "\n");
    for (size_t i = 0; i < s->rows; i++)
        for (size_t j = 0; j < s->columns; j++)
            ss_text_addf(t, "%.9g%s", (double)s->values[i * s->columns + j], j + 1 < s->columns ? "," : "\n");
}

static void add_json(const struct ss_scores *s, const char *output, struct ss_text *t)
{
    ss_json_open(t, NULL, '{');
    ss_json_text(t, "file", output);
    ss_json_integer(t, "rows", (long long)s->rows);
    ss_json_integer(t, "dimension", (long long)s->dimension);
    ss_json_bool(t, "normalized", s->normalized);
    if (s->normalized) {
        ss_json_number(t, "log_z", s->normalizer.log_z);
        ss_json_number(t, "log_z_error", s->normalizer.error);
    }
    ss_json_open(t, "columns", '[');
    for (size_t j = 0; j < s->columns; j++)
        ss_json_text(t, NULL, s->names[j]);
    ss_json_close(t, ']');
    if (!output) {
        ss_json_open(t, "values", '[');
        for (size_t i = 0; i < s->rows; i++) {
            ss_json_open(t, NULL, '[');
            for (size_t j = 0; j < s->columns; j++)
                ss_json_number(t, NULL, (double)s->values[i * s->columns + j]);
            ss_json_close(t, ']');
        }
        ss_json_close(t, ']');
    }
    ss_json_close(t, '}');
    ss_text_add(t, "\n");
}

static void say_what(const struct ss_opened_run *r, const struct ss_scores *s)
{
    if (!r->model->is_energy)
        ss_say(SS_LEVEL_NOTE, "a score net has no density: the columns are the score");
    else if (s->normalized)
        ss_say(SS_LEVEL_NOTE,
               "log-densities are normalized: log Z = %.6g by quadrature of %zu points, error about %.1g",
               s->normalizer.log_z, s->normalizer.points, s->normalizer.error);
    else
        ss_say(SS_LEVEL_NOTE, "log-densities are up to one constant: %s", s->normalizer.why);
}

static enum ss_status run(const struct ss_invocation *in)
{
    const char *const output = ss_option_value(in, "output");
    struct ss_opened_run r = {0};
    struct ss_scores s = {0};
    struct ss_text t;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    if (output && !ss_path_has_extension(output, "npy") && !ss_path_has_extension(output, "csv"))
        return SS_FAIL(SS_ERR_USAGE, "%s: scores are written as .npy or .csv", output);
    TRY(ss_open_run(in, &r));
    ss_log_phase(in->log, "scoring");
    TRY(ss_scores_make(&r.trained, in->words[1], &s));
    ss_log_phase(in->log, NULL);
    say_what(&r, &s);
    if (output) {
        TRY(ss_table_write(output, s.values, s.rows, s.columns, (const char *const *)s.names));
        ss_say(SS_LEVEL_NOTE, "%zu rows: %s", s.rows, output);
    }
    if (in->json)
        add_json(&s, output, &t);
    else if (!output)
        add_csv(&s, &t);
    TRY(ss_text_status(&t));
    ss_print(t.data);
out:
    ss_log_phase(in->log, NULL);
    ss_text_release(&t);
    ss_scores_release(&s);
    ss_opened_run_release(&r);
    return st;
}

static const struct ss_option options[] = {
    {"output", 'o', "OUT.npy|OUT.csv", "where to write them; without it CSV on stdout", false},
    SS_OPTION_WEIGHTS};

const struct ss_command ss_command_score = {
    .name = "score",
    .words = "RUN FILE",
    .summary = "Log-density and score of each row of a file",
    .details = "Rows and results are in the data's own units. Energies of one or two columns are normalized "
               "by quadrature, others\n"
               "are known up to one constant; a score net has no log_density.",
    .least = 2,
    .most = 2,
    .options = options,
    .n_options = SS_COUNT(options),
    .device = true,
    .json = true,
    .run = run};
