#include "run/evaluate.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cmd/commands.h"
#include "cmd/runs.h"
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

static enum ss_status print(const struct ss_invocation *in, const struct ss_metrics_list *m,
                            const struct ss_normalizer *z)
{
    struct ss_text t;

    ss_text_init(&t);
    if (in->json) {
        ss_json_open(&t, NULL, '{');
        ss_json_integer(&t, "rows", (long long)m->rows);
        ss_metrics_list_json(m, &t);
        ss_normalizer_json(z, &t);
        ss_json_close(&t, '}');
        ss_text_add(&t, "\n");
    } else {
        for (size_t i = 0; i < m->count; i++)
            ss_text_addf(&t, "%-18s %12.6g +- %.2g\n", m->items[i].name, m->items[i].mean,
                         m->items[i].standard_error);
    }
    const enum ss_status st = ss_text_status(&t);
    ss_print(t.data);
    ss_text_release(&t);
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
    TRY(print(in, &metrics, &z));
out:
    ss_stop_restore();
    ss_log_phase(in->log, NULL);
    ss_text_release(&line);
    free(y);
    ss_dataset_free(dataset);
    ss_opened_run_release(&r);
    return st;
}

static const struct ss_option options[] = {
    {"data", 0, "FILE", "rows in the data's own units; without it the test rows", false},
    {"rows", 0, "N|all", "at most so many rows (default evaluate.rows of the run)", false},
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
        "two columns and estimated by annealed importance sampling in more, which is kept for `score`; "
        "evaluate.log_z=none leaves it out.",
    .least = 1,
    .most = SIZE_MAX,
    .options = options,
    .n_options = SS_COUNT(options),
    .device = true,
    .json = true,
    .run = run};
