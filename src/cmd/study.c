#include "run/study.h"

#include <stdlib.h>

#include "base/file.h"
#include "cmd/commands.h"
#include "config/config.h"

static enum ss_status check(const struct ss_experiment *e)
{
    if (!e->study.given)
        return SS_FAIL(SS_ERR_USAGE, "%s: has no `study:` block", e->path);
    if (!e->has_model || !e->has_objective || !e->has_data)
        return SS_FAIL(SS_ERR_USAGE, "%s: a study needs a `%s:` block, and there is none", e->path,
                       !e->has_data    ? "data"
                       : !e->has_model ? "model"
                                       : "objective");
    return SS_OK;
}

static enum ss_status write_csv(const struct ss_study_table *table, const char *folder)
{
    struct ss_text t;
    char *path = NULL;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    ss_study_table_csv(table, &t);
    TRY(ss_text_status(&t));
    TRY(ss_path_join(folder, "study.csv", &path));
    TRY(ss_file_write(path, t.data, t.length));
out:
    free(path);
    ss_text_release(&t);
    return st;
}

static enum ss_status run(const struct ss_invocation *in)
{
    const char *const folder = ss_option_value(in, "output");
    struct ss_experiment *e = NULL;
    struct ss_setting s = {0};
    struct ss_study_table table = {0};
    struct ss_text t;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    TRY(ss_check_overrides(in, 1));
    TRY(ss_experiment_load(in->words[0], in->words + 1, in->n_words - 1, &e));
    TRY(check(e));
    TRY(ss_setting_make(e, in->device, in->log, &s));
    if (folder)
        TRY(ss_folder_create(folder));
    TRY(ss_study_run(&s, folder, &table));
    if (folder)
        TRY(write_csv(&table, folder));
    if (in->json)
        ss_study_table_json(&table, ss_study_name(e->study.kind), &t);
    else
        ss_study_table_text(&table, &t);
    TRY(ss_text_status(&t));
    ss_print(t.data);
out:
    ss_study_table_release(&table);
    ss_setting_release(&s);
    ss_experiment_free(e);
    ss_text_release(&t);
    return st;
}

static const struct ss_option options[] = {
    {"output", 'o', "DIR", "write study.csv and pictures into DIR", false}};

const struct ss_command ss_command_study = {
    .name = "study",
    .words = "EXP.yaml [KEY.SUB=VALUE ...]",
    .summary = "Compute a statement of the theory: the table and pictures of a `study:` block",
    .details =
        "Kinds: estimates (spread and standard errors of fitted parameters by rows, slices and their law), "
        "slices "
        "(variance of\n"
        "loss and gradient by law of the slices), terms (of the objective, by variance of a gaussian), parts "
        "(integration by\n"
        "parts and its boundary term), smoothing (Fisher divergence as the slope of KL), race (training by "
        "esm, ssm and\n"
        "ssm_vr side by side), efficiency (against maximum likelihood).",
    .least = 1,
    .most = 1000,
    .options = options,
    .n_options = SS_COUNT(options),
    .device = true,
    .json = true,
    .run = run};
