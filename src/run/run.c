#include "run/run.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "config/config.h"
#include "run/progress.h"
#include "run/report.h"
#include "run/session.h"
#include "run/stop.h"

/* ---- what the trainer tells ---- */

struct listener {
    struct ss_session *session;
    struct ss_progress progress;
    uint64_t saved; /* step of the newest checkpoint */
    bool any_saved;
};

static void on_report(void *context, const struct ss_train_report *r)
{
    struct listener *const l = context;

    ss_log_phase(l->session->request->log, NULL);
    ss_metrics_report(l->session->metrics, r);
    ss_progress_report(&l->progress, r);
    l->session->record.steps = r->step;
    l->session->record.loss = r->loss;
}

static void on_evaluation(void *context, const struct ss_train_evaluation *e)
{
    struct listener *const l = context;

    ss_metrics_evaluation(l->session->metrics, e);
    ss_progress_evaluation(&l->progress, e);
}

static void on_checkpoint(void *context, uint64_t step, const char *path)
{
    struct listener *const l = context;

    l->saved = step;
    l->any_saved = true;
    ss_say(SS_LEVEL_DETAIL, "step %" PRIu64 "  saved %s", step, path);
}

static bool on_stop(void *context)
{
    (void)context;
    return ss_stop_signal() != 0;
}

/* ---- training ---- */

static enum ss_status open_trainer(struct ss_session *s, bool resume, struct ss_trainer **out)
{
    const struct ss_train_setup setup = {.device = s->setting.device,
                                         .model = s->setting.model,
                                         .dataset = s->setting.dataset,
                                         .experiment = s->experiment,
                                         .checkpoint_folder = s->checkpoints,
                                         .numbers = s->as_begun ? s->record.engine : NULL};
    struct ss_trainer *t = NULL;
    bool found = false;
    enum ss_status st = SS_OK;

    ss_log_phase(s->request->log, "compiling kernels (first time on this device)");
    TRY(ss_trainer_create(&setup, &t));
    if (resume)
        TRY(ss_trainer_resume(t, &found));
    if (!found)
        TRY(ss_trainer_start(t));
    ss_metrics_free(s->metrics);
    s->metrics = NULL;
    TRY(ss_metrics_open(s->directory.path, ss_trainer_step(t), s->experiment->train.tensorboard,
                        &s->metrics));
    if (found)
        ss_say(SS_LEVEL_NOTE, "going on after step %" PRIu64 " of %" PRIu64, ss_trainer_step(t),
               ss_trainer_steps(t));
    *out = t;
    t = NULL;
out:
    ss_log_phase(s->request->log, NULL);
    ss_trainer_free(t);
    return st;
}

/* Into run.json before the first step: whoever goes on with this run computes as it did. */
static enum ss_status note_plan(struct ss_session *s, const struct ss_trainer *t)
{
    struct ss_text why;
    char *plan = NULL;
    enum ss_status st = SS_OK;

    ss_text_init(&why);
    TRY(ss_text_copy(ss_trainer_plan(t), &plan));
    free(s->record.plan);
    s->record.plan = plan;
    memcpy(s->record.engine, ss_loss_numbers(ss_trainer_loss(t)), sizeof(s->record.engine));
    ss_loss_why(ss_trainer_loss(t), &why);
    ss_say(SS_LEVEL_DETAIL, "plan: %s: %s", plan, why.data);
    TRY(ss_run_record_write(&s->record, s->directory.path));
out:
    ss_text_release(&why);
    return st;
}

static void announce(const struct ss_session *s, const struct ss_trainer *t)
{
    const struct ss_experiment *const e = s->experiment;

    ss_say(SS_LEVEL_NOTE,
           "%s: %s on %zu rows of %zu columns, %s model of %zu parameters, %" PRIu64 " steps, on %s",
           s->directory.path, ss_objective_name(e->objective.kind),
           ss_dataset_rows(s->setting.dataset, SS_PART_TRAIN), s->setting.model->dimension,
           ss_model_name(e->model.kind), s->record.parameters, ss_trainer_steps(t), s->record.device);
}

static void say_stopped(const struct ss_session *s, uint64_t step)
{
    const int number = ss_stop_signal();
    const char *const by = number == SIGINT    ? "Ctrl-C"
                           : number == SIGTERM ? "TERM"
                           : number == SIGUSR1 ? "USR1"
                                               : "";

    if (!number) {
        ss_say(SS_LEVEL_DETAIL, "paused at step %" PRIu64, step);
        return;
    }
    ss_say(SS_LEVEL_NOTE, "stopped%s%s at step %" PRIu64 ", all is saved; go on with: slicescore resume %s",
           *by ? " by " : "", by, step, s->directory.path);
}

static enum ss_status train(struct ss_session *s, bool resume, bool *began)
{
    struct listener l = {.session = s};
    const struct ss_train_callbacks callbacks = {.context = &l,
                                                 .report = on_report,
                                                 .evaluation = on_evaluation,
                                                 .checkpoint = on_checkpoint,
                                                 .stop = on_stop,
                                                 .pause = s->request->pause};
    struct ss_trainer *t = NULL;
    enum ss_status st = SS_OK;

    TRY(open_trainer(s, resume, &t));
    *began = true;
    TRY(note_plan(s, t));
    announce(s, t);
    s->record.steps = ss_trainer_step(t);
    ss_progress_begin(&l.progress, s->request->log, "training");
    st = ss_trainer_run(t,
                        &callbacks); /* after the last step too: it may have been stopped in an evaluation */
    ss_progress_end(&l.progress);
    s->record.steps = ss_trainer_step(t);
    s->record.seconds = ss_metrics_seconds(s->metrics);
    if (st == SS_OK)
        st = ss_metrics_status(s->metrics);
out:
    ss_trainer_free(t);
    return st;
}

static enum ss_run_status status_of(enum ss_status st)
{
    return st == SS_OK                ? SS_RUN_DONE
           : st == SS_ERR_INTERRUPTED ? SS_RUN_INTERRUPTED
           : st == SS_ERR_DIVERGED    ? SS_RUN_DIVERGED
                                      : SS_RUN_FAILED;
}

/* How it ended goes into run.json; an error there matters only if there was none before. */
static enum ss_status close_record(struct ss_session *s, enum ss_status st)
{
    s->record.status = status_of(st);
    free(s->record.error);
    s->record.error = NULL;
    if (st != SS_OK && ss_text_copy(ss_status_name(st), &s->record.error) != SS_OK)
        s->record.error = NULL;
    ss_clock_stamp(s->record.finished);
    const enum ss_status written = ss_run_record_write(&s->record, s->directory.path);
    ss_report_try(s->directory.path);
    return st == SS_OK ? written : st;
}

enum ss_status ss_session_train(struct ss_session *s, bool resume)
{
    bool began = false;
    enum ss_status st;

    ss_stop_install();
    st = train(s, resume, &began);
    if (st == SS_OK)
        st = ss_session_finish(s);
    if (st == SS_OK) {
        ss_metrics_final(s->metrics, &s->record.metrics);
        st = ss_metrics_status(s->metrics);
    }
    ss_stop_restore();
    if (!began && !resume) { /* nothing that is worth a folder */
        ss_run_directory_discard(&s->directory);
        return st;
    }
    if (st == SS_ERR_INTERRUPTED)
        say_stopped(s, s->record.steps);
    return close_record(s, st);
}

enum ss_status ss_session_wants(const struct ss_experiment *e)
{
    const char *const missing = !e->has_data        ? "data"
                                : !e->has_model     ? "model"
                                : !e->has_objective ? "objective"
                                                    : NULL;

    if (!missing)
        return SS_OK;
    return SS_FAIL(SS_ERR_USAGE,
                   "%s: training needs a `%s:` block, and there is none; `slicescore schema` lists all keys",
                   e->path, missing);
}

enum ss_status ss_run_experiment(const struct ss_run_request *request, struct ss_run_result *out)
{
    struct ss_session s = {.request = request, .directory.lock = -1};
    enum ss_status st = SS_OK, given;

    ss_run_record_init(&s.record);
    TRY(ss_experiment_load(request->path, request->overrides, request->n_overrides, &s.experiment));
    TRY(ss_session_wants(s.experiment));
    TRY(ss_run_directory_check(request->output, request->force));
    TRY(ss_session_prepare(&s));
    TRY(ss_setting_fits(&s.setting));
    TRY(ss_session_make_folder(&s));
    TRY(ss_session_train(&s, false));
out:
    given = ss_session_result(&s, out);
    ss_session_release(&s);
    return st == SS_OK ? given : st;
}
