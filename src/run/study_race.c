/* study_race.c - the same model trained from the same weights by exact and by sliced score matching: the
 * exact loss on held-out rows by step and by time. */
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/file.h"
#include "config/config.h"
#include "objective/loss.h"
#include "run/progress.h"
#include "run/stop.h"
#include "run/study_parts.h"
#include "train/train.h"

enum { STEP, SECONDS, LOSS, ERROR, N_COLUMNS };
enum { PIECE_ROWS = 1024 };

static const enum ss_objective_kind racers[] = {SS_OBJECTIVE_ESM, SS_OBJECTIVE_SSM, SS_OBJECTIVE_SSM_VR};

struct race {
    const struct ss_setting *setting;
    struct ss_study_table *table;
    struct ss_loss *exact;
    float *y;
    size_t rows;
    struct ss_trainer *trainer; /* of the racer on its way */
    const char *label;
    double seconds, begun; /* at the newest and at the first report: what was built lies before */
    struct ss_progress progress;
    size_t ahead; /* racers that are done */
    enum ss_status status;
};

static void report(void *context, const struct ss_train_report *r)
{
    struct race *const race = context;

    if (race->begun < 0.0)
        race->begun = r->seconds;
    race->seconds = r->seconds - race->begun;
    ss_progress_fraction(&race->progress, ((double)race->ahead + (double)r->step / (double)r->steps) /
                                              (double)SS_COUNT(racers));
}

static enum ss_status measure(struct race *race, uint64_t step)
{
    struct ss_study_row *row = NULL;
    struct ss_estimate e;
    struct ss_span weights;
    enum ss_status st = SS_OK;

    TRY(ss_trainer_averaged(race->trainer, &weights));
    TRY(ss_loss_estimate(race->exact, weights, race->y, race->rows, race->setting->experiment->seed, NULL,
                         NULL, &e));
    TRY(ss_study_row(race->table, race->label, &row));
    row->values[STEP] = (double)step;
    row->values[SECONDS] = race->seconds;
    row->values[LOSS] = e.mean;
    row->values[ERROR] = e.standard_error;
out:
    return st;
}

static void evaluation(void *context, const struct ss_train_evaluation *e)
{
    struct race *const race = context;

    if (race->status == SS_OK)
        race->status = measure(race, e->step);
}

static bool stop(void *context)
{
    return ((const struct race *)context)->status != SS_OK || ss_stop_signal() != 0;
}

static enum ss_status train(struct race *race, enum ss_objective_kind kind, const char *folder)
{
    struct ss_experiment e = *race->setting->experiment; /* its lists stay the experiment's */
    const struct ss_train_callbacks callbacks = {
        .context = race, .report = report, .evaluation = evaluation, .stop = stop};
    char *checkpoints = NULL;
    enum ss_status st = SS_OK;

    e.objective.kind = kind;
    race->label = ss_objective_name(kind);
    race->seconds = 0.0;
    race->begun = -1.0;
    TRY(ss_path_join(folder, race->label, &checkpoints));
    TRY(ss_folder_create(checkpoints));
    const struct ss_train_setup setup = {.device = race->setting->device,
                                         .model = race->setting->model,
                                         .dataset = race->setting->dataset,
                                         .experiment = &e,
                                         .checkpoint_folder = checkpoints};
    TRY(ss_trainer_create(&setup, &race->trainer));
    TRY(ss_trainer_start(race->trainer));
    st = ss_trainer_run(race->trainer, &callbacks);
    if (race->status != SS_OK)
        st = race->status;
out:
    ss_trainer_free(race->trainer);
    race->trainer = NULL;
    free(checkpoints);
    return st;
}

static enum ss_status draw(const struct ss_study_table *t, const char *folder)
{
    struct ss_line_series lines[2][SS_COUNT(racers)];
    double *values[3 * SS_COUNT(racers)] = {NULL};
    enum ss_status st = SS_OK;

    for (size_t k = 0; k < SS_COUNT(racers); k++) {
        const char *const name = ss_objective_name(racers[k]);
        size_t n = 0;
        TRY(ss_study_column(t, STEP, name, &values[3 * k], &n));
        TRY(ss_study_column(t, SECONDS, name, &values[3 * k + 1], &n));
        TRY(ss_study_column(t, LOSS, name, &values[3 * k + 2], &n));
        for (int c = 0; c < 2; c++)
            lines[c][k] = (struct ss_line_series){
                .name = name, .x = values[3 * k + (size_t)c], .y = values[3 * k + 2], .n = n};
    }
    const struct ss_line_chart charts[] = {{.title = "by step",
                                            .x_label = "steps",
                                            .y_label = "exact loss on held-out rows",
                                            .series = lines[0],
                                            .n_series = SS_COUNT(racers)},
                                           {.title = "by time",
                                            .x_label = "time of training (s)",
                                            .y_label = "exact loss on held-out rows",
                                            .series = lines[1],
                                            .n_series = SS_COUNT(racers)}};
    TRY(ss_study_draw(folder, "race", charts, SS_COUNT(charts)));
out:
    for (size_t i = 0; i < SS_COUNT(values); i++)
        free(values[i]);
    return st;
}

enum ss_status ss_study_race(const struct ss_setting *s, const char *folder, struct ss_study_table *t)
{
    const struct ss_loss_options exact = {.objective = {.kind = SS_OBJECTIVE_ESM, .count = 1},
                                          .engine = s->experiment->engine,
                                          .rows = PIECE_ROWS};
    struct race race = {.setting = s, .table = t};
    enum ss_status st = SS_OK;

    *t = (struct ss_study_table){
        .label = "objective", .columns = {"step", "seconds", "esm", "error"}, .n_columns = N_COLUMNS};
    if (!folder)
        return SS_FAIL(SS_ERR_USAGE, "study.kind: race trains, and needs -o DIR for its checkpoints");
    if (!ss_dataset_rows(s->dataset, SS_PART_TEST) || !ss_dataset_rows(s->dataset, SS_PART_VALIDATION))
        return SS_FAIL(SS_ERR_USAGE,
                       "study.kind: race measures on held-out rows: data.split.validation and test above 0");
    TRY(ss_dataset_values(s->dataset, SS_PART_TEST, (size_t)s->experiment->evaluate.rows, &race.y,
                          &race.rows));
    TRY(ss_loss_create(s->device, s->model, &exact, &race.exact));
    ss_progress_begin(&race.progress, s->log, "training");
    for (; st == SS_OK && race.ahead < SS_COUNT(racers); race.ahead++)
        st = train(&race, racers[race.ahead], folder);
    ss_progress_end(&race.progress);
    TRY(st);
    TRY(draw(t, folder));
out:
    ss_loss_free(race.exact);
    free(race.y);
    return st;
}
