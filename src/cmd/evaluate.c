#include "run/evaluate.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cmd/commands.h"
#include "cmd/runs.h"
#include "run/parameters.h"
#include "run/stop.h"

/* --rows N|all; 0 = all. */
static enum ss_status rows_wanted(const struct ss_invocation *in, const struct ss_opened_run *r, size_t *out)
{
    const char *const value = ss_option_value(in, "rows");
    bool given = false;

    *out = (size_t)r->experiment->evaluate.rows;
    if (value && strcmp(value, "all") == 0) {
        *out = 0;
        return SS_OK;
    }
    return ss_option_count(in, "rows", 1, out, &given);
}

static void add_parameters(const struct ss_parameter_list *p, struct ss_text *t)
{
    ss_json_open(t, "parameters", '{');
    for (size_t i = 0; i < p->count; i++) {
        ss_json_open(t, p->items[i].name, '{');
        ss_json_number(t, "estimate", p->items[i].estimate);
        ss_json_number(t, "standard_error", p->items[i].standard_error);
        ss_json_close(t, '}');
    }
    ss_json_close(t, '}');
}

static enum ss_status print(const struct ss_invocation *in, const struct ss_metrics_list *m,
                            const struct ss_normalizer *z, const struct ss_parameter_list *p)
{
    struct ss_text t;

    ss_text_init(&t);
    if (in->json) {
        ss_json_open(&t, NULL, '{');
        ss_json_integer(&t, "rows", (long long)m->rows);
        ss_metrics_list_json(m, &t);
        ss_normalizer_json(z, &t);
        if (p->items)
            add_parameters(p, &t);
        ss_json_close(&t, '}');
        ss_text_add(&t, "\n");
    } else {
        for (size_t i = 0; i < m->count; i++)
            ss_text_addf(&t, "%-18s %12.6g +- %.2g\n", m->items[i].name, m->items[i].mean,
                         m->items[i].standard_error);
        for (size_t i = 0; i < p->count; i++)
            ss_text_addf(&t, "%-24s %12.6g +- %.2g\n", p->items[i].name, p->items[i].estimate,
                         p->items[i].standard_error);
    }
    const enum ss_status st = ss_text_status(&t);
    ss_print(t.data);
    ss_text_release(&t);
    return st;
}

/* On the rows of the file, or those that the run was trained on. */
static enum ss_status estimate(const struct ss_opened_run *r, const struct ss_dataset *dataset,
                               const struct ss_evaluation_rows *given, struct ss_parameter_list *out)
{
    float *trained_on = NULL;
    size_t n = 0;
    enum ss_status st = SS_OK;

    if (!dataset)
        return ss_parameters_estimate(&r->trained, given->y, given->rows, out);
    TRY(ss_dataset_values(dataset, SS_PART_TRAIN, 0, &trained_on, &n));
    TRY(ss_parameters_estimate(&r->trained, trained_on, n, out));
    ss_say(SS_LEVEL_NOTE, "parameters: estimates and standard errors from %zu training rows", n);
out:
    free(trained_on);
    return st;
}

static enum ss_status run(const struct ss_invocation *in)
{
    const char *const file = ss_option_value(in, "data");
    struct ss_opened_run r = {0};
    struct ss_dataset *dataset = NULL;
    struct ss_evaluation_rows rows = {0};
    struct ss_normalizer z = {0};
    struct ss_metrics_list metrics;
    struct ss_parameter_list parameters = {0};
    float *y = NULL;
    size_t limit = 0;
    struct ss_text line;
    enum ss_status st = SS_OK;

    ss_text_init(&line);
    ss_stop_install();
    TRY(ss_check_block_overrides(in, "evaluate"));
    TRY(ss_open_run_with(in, in->words + 1, in->n_words - 1, &r));
    TRY(rows_wanted(in, &r, &limit));
    if (!file && !r.experiment->has_data) {
        st = SS_FAIL(SS_ERR_USAGE, "%s: this run was imported without data: there are no held-out rows",
                     r.path);
        goto out;
    }
    if (file) {
        TRY(ss_file_rows(&r.trained, file, limit, true, &y, NULL, &rows.rows));
        if (limit && rows.rows > limit)
            rows.rows = limit;
    } else {
        ss_log_phase(in->log, "reading the data");
        TRY(ss_dataset_load(&r.experiment->data, r.experiment->seed, &dataset));
        ss_log_phase(in->log, NULL);
        TRY(ss_held_out_rows(dataset, limit, &y, &rows.rows));
        rows.truth = dataset;
    }
    rows.y = y;
    TRY(ss_normalizer_evaluate(&r.trained, y, rows.rows, true, &z));
    TRY(ss_evaluate(&r.trained, &rows, &z, &metrics));
    ss_say(SS_LEVEL_NOTE, "%s: weights of step %llu, %zu rows", r.path, (unsigned long long)r.trained.step,
           rows.rows);
    if (z.known) {
        ss_normalizer_text(&z, &line);
        ss_say(SS_LEVEL_NOTE, "%s", line.data);
    }
    if (ss_option_value(in, "parameters"))
        TRY(estimate(&r, dataset, &rows, &parameters));
    TRY(print(in, &metrics, &z, &parameters));
out:
    ss_stop_restore();
    ss_log_phase(in->log, NULL);
    ss_text_release(&line);
    free(y);
    ss_parameter_list_release(&parameters);
    ss_dataset_free(dataset);
    ss_opened_run_release(&r);
    return st;
}

static const struct ss_option options[] = {
    {"data", 0, "FILE", "rows in the data's own units; without it the test rows", false},
    {"rows", 0, "N|all", "at most so many rows (default evaluate.rows of the run)", false},
    {"parameters", 0, NULL,
     "estimates of a small model's parameters, with standard errors (sandwich) from the training rows",
     false},
    SS_OPTION_WEIGHTS};

const struct ss_command ss_command_evaluate = {
    .name = "evaluate",
    .words = "RUN [evaluate.KEY=VALUE ...]",
    .summary = "Measure a trained model on held-out rows",
    .details =
        "Each metric is a mean over rows with its standard error: esm (exact score-matching loss), "
        "the objective it was\n"
        "trained by, fisher_divergence where the true score is known, log_likelihood of energies: log Z "
        "is integrated in one or\n"
        "two columns and estimated by annealed importance sampling in more, which is kept for `score`;\n"
        "evaluate.log_z=none leaves it out.",
    .least = 1,
    .most = SIZE_MAX,
    .options = options,
    .n_options = SS_COUNT(options),
    .device = true,
    .json = true,
    .run = run};
