#include "run/scoring.h"

#include <math.h>

#include "base/file.h"
#include "base/json.h"
#include "cmd/commands.h"
#include "cmd/runs.h"
#include "data/table.h"
#include "run/stop.h"

/* Where the rows go: a file, or as CSV or JSON to stdout, a piece at a time. */
struct output {
    struct ss_table_writer *file; /* or NULL */
    bool json;
    const struct ss_scoring *s;
    bool begun;
    struct ss_text text; /* of a piece */
};

static enum ss_status flush(struct output *o)
{
    enum ss_status st = SS_OK;

    TRY(ss_text_status(&o->text));
    ss_print(o->text.data);
    ss_text_clear(&o->text);
out:
    return st;
}

static void add_csv(struct output *o, const float *values, size_t rows)
{
    const size_t columns = o->s->columns;

    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            ss_text_addf(&o->text, "%.9g%s", (double)values[i * columns + j], j + 1 < columns ? "," : "\n");
}

static void add_json(struct output *o, const float *values, size_t rows)
{
    const size_t columns = o->s->columns;

    for (size_t i = 0; i < rows; i++) {
        ss_text_add(&o->text, o->begun ? ", [" : "[");
        o->begun = true;
        for (size_t j = 0; j < columns; j++) {
            const double x = (double)values[i * columns + j];
            if (isfinite(x))
                ss_text_addf(&o->text, "%s%.9g", j ? ", " : "", x);
            else
                ss_text_addf(&o->text, "%snull", j ? ", " : "");
        }
        ss_text_add(&o->text, "]");
    }
}

static enum ss_status take(void *context, const float *values, size_t rows)
{
    struct output *const o = context;

    if (o->file)
        return ss_table_writer_add(o->file, values, rows);
    if (o->json)
        add_json(o, values, rows);
    else
        add_csv(o, values, rows);
    return flush(o);
}

/* {"file", ..., "columns", and where the rows go there too "values": [ */
static void begin_json(struct output *o, const char *path)
{
    const struct ss_scoring *const s = o->s;
    struct ss_text *const t = &o->text;

    ss_json_open(t, NULL, '{');
    ss_json_text(t, "file", path);
    ss_json_integer(t, "dimension", (long long)s->dimension);
    ss_json_bool(t, "normalized", s->normalized);
    if (s->normalized)
        ss_normalizer_json(&s->normalizer, t);
    ss_json_open(t, "columns", '[');
    for (size_t j = 0; j < s->columns; j++)
        ss_json_text(t, NULL, s->names[j]);
    ss_json_close(t, ']');
}

static enum ss_status begin(struct output *o, const char *path)
{
    enum ss_status st = SS_OK;

    if (path)
        TRY(ss_table_writer_open(path, o->s->columns, (const char *const *)o->s->names, &o->file));
    if (o->json) {
        begin_json(o, path);
        if (!path)
            ss_json_open(&o->text, "values", '[');
    } else if (!path) {
        for (size_t j = 0; j < o->s->columns; j++)
            ss_text_addf(&o->text, "%s%s", j ? "," : "", o->s->names[j]);
        ss_text_add(&o->text, "\n");
    }
out:
    return st;
}

static enum ss_status end(struct output *o, const char *path)
{
    enum ss_status st = SS_OK;

    if (o->file) {
        TRY(ss_table_writer_commit(o->file));
        ss_say(SS_LEVEL_NOTE, "%zu rows: %s", o->s->rows, path);
    }
    if (o->json && !path)
        ss_json_close(&o->text, ']');
    if (o->json) {
        ss_json_integer(&o->text, "rows", (long long)o->s->rows);
        ss_json_close(&o->text, '}');
        ss_text_add(&o->text, "\n");
    }
    if (o->s->bad)
        ss_say(SS_LEVEL_WARNING, "%zu of %zu rows are outside of what the model has a density for: nan",
               o->s->bad, o->s->rows);
    TRY(flush(o));
out:
    return st;
}

static void say_what(const struct ss_opened_run *r, const struct ss_scoring *s)
{
    if (!r->model->is_energy)
        ss_say(SS_LEVEL_NOTE, "a score net has no density: the columns are the score");
    else if (s->normalized) {
        struct ss_text line;
        ss_text_init(&line);
        ss_normalizer_text(&s->normalizer, &line);
        ss_say(SS_LEVEL_NOTE, "log-densities are normalized: %s", line.data);
        ss_text_release(&line);
    } else
        ss_say(SS_LEVEL_NOTE, "log-densities are up to one constant: %s", s->normalizer.why);
}

static enum ss_status run(const struct ss_invocation *in)
{
    const char *const path = ss_option_value(in, "output");
    struct ss_opened_run r = {0};
    struct ss_scoring s = {0};
    struct output o = {.json = in->json, .s = &s};
    enum ss_status st = SS_OK;

    ss_text_init(&o.text);
    if (path && !ss_path_has_extension(path, "npy") && !ss_path_has_extension(path, "csv"))
        return SS_FAIL(SS_ERR_USAGE, "%s: scores are written as .npy or .csv", path);
    ss_stop_install();
    TRY(ss_open_run(in, &r));
    TRY(ss_scoring_open(&r.trained, in->words[1], &s));
    say_what(&r, &s);
    TRY(begin(&o, path));
    TRY(ss_scoring_run(&s, take, &o));
    TRY(end(&o, path));
out:
    ss_stop_restore();
    ss_table_writer_free(o.file);
    ss_text_release(&o.text);
    ss_scoring_release(&s);
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
    .details =
        "Rows and results are in the data's own units. Energies of one or two columns are normalized "
        "by quadrature,\n"
        "others if `slicescore evaluate` has found log Z, else known up to one constant; a score net has no "
        "log_density.",
    .least = 2,
    .most = 2,
    .options = options,
    .n_options = SS_COUNT(options),
    .device = true,
    .json = true,
    .run = run};
