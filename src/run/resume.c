#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "config/config.h"
#include "run/session.h"

enum { MOST_BYTES = 1 << 30 };

/* What a resumed run may change without being another run. A key that ends in a dot stands for all below it.
 */
static const char *const changeable[] = {"train.steps",     "train.epochs",     "train.checkpoint.",
                                         "train.metrics",   "train.patience",   "evaluate.",
                                         "sample.",         "sample",           "evaluate",
                                         "device",          "engine.",          "data.memory",
                                         "train.nonfinite", "train.tensorboard"};

static bool is_changeable(const char *override)
{
    const size_t length = strcspn(override, "=");

    for (size_t i = 0; i < SS_COUNT(changeable); i++) {
        const size_t n = strlen(changeable[i]);
        const bool all_below = changeable[i][n - 1] == '.';
        if ((all_below ? length > n : length == n) && strncmp(override, changeable[i], n) == 0)
            return true;
    }
    return false;
}

static enum ss_status check_overrides(const struct ss_run_request *request)
{
    for (size_t i = 0; i < request->n_overrides; i++)
        if (!is_changeable(request->overrides[i]))
            return SS_FAIL(
                SS_ERR_USAGE,
                "resume: %.*s would make another run of it; train.steps, train.checkpoint, evaluate, sample, "
                "engine and device may change. A new run with train.start=%s begins with its weights",
                (int)strcspn(request->overrides[i], "="), request->overrides[i], request->path);
    return SS_OK;
}

/* Steps and epochs exclude each other: the one given takes the other's place. */
static enum ss_status load(const struct ss_run_request *request, const char *resolved,
                           struct ss_experiment **out)
{
    const char *overrides[64];
    size_t n = 0;

    if (request->n_overrides + 2 > SS_COUNT(overrides))
        return SS_FAIL(SS_ERR_USAGE, "resume: %zu overrides are too many, at most %zu", request->n_overrides,
                       SS_COUNT(overrides) - 2);
    for (size_t i = 0; i < request->n_overrides; i++) {
        if (strncmp(request->overrides[i], "train.steps=", 12) == 0)
            overrides[n++] = "train.epochs=null";
        else if (strncmp(request->overrides[i], "train.epochs=", 13) == 0)
            overrides[n++] = "train.steps=null";
    }
    for (size_t i = 0; i < request->n_overrides; i++)
        overrides[n++] = request->overrides[i];
    return ss_experiment_reload(resolved, overrides, n, out);
}

static enum ss_status open_session(struct ss_session *s)
{
    char *resolved = NULL, *log = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_run_directory_open(s->request->path, true, &s->directory));
    ss_run_record_release(&s->record);
    TRY(ss_run_record_read(s->directory.path, &s->record));
    if (s->record.status == SS_RUN_IMPORTED) {
        st = SS_FAIL(SS_ERR_USAGE,
                     "%s: was imported, not trained here, so there is nothing to go on with; a new run with "
                     "train.start=%s begins with its weights",
                     s->directory.path, s->directory.path);
        goto out;
    }
    TRY(ss_run_directory_file(&s->directory, "resolved.yaml", &resolved));
    TRY(load(s->request, resolved, &s->experiment));
    TRY(ss_run_directory_file(&s->directory, "ckpt", &s->checkpoints));
    TRY(ss_folder_create(s->checkpoints));
    TRY(ss_run_directory_file(&s->directory, "log.txt", &log));
    TRY(ss_log_file(s->request->log, log));
out:
    free(resolved);
    free(log);
    return st;
}

/* Done, and nothing more was asked for. Early stopping ends a run before its last step: only a larger number
 * of steps than it was given goes on. */
static bool is_finished(const struct ss_session *s)
{
    if (s->record.status != SS_RUN_DONE)
        return false;
    if (s->request->n_overrides == 0)
        return true;
    return s->experiment->train.steps > 0 && s->experiment->train.steps <= s->record.steps;
}

/* A data file that changed since would make a run that is neither the one nor the other. */
static enum ss_status check_data(const struct ss_session *s)
{
    char *stored = NULL, *fresh = NULL, *a = NULL, *b = NULL;
    size_t n_a = 0, n_b = 0;
    enum ss_status st = SS_OK;

    TRY(ss_run_directory_file(&s->directory, "transform.safetensors", &stored));
    TRY(ss_run_directory_file(&s->directory, "transform.safetensors.tmp.check", &fresh));
    TRY(ss_transform_save(ss_dataset_transform(s->setting.dataset), fresh));
    TRY(ss_file_read(stored, MOST_BYTES, &a, &n_a));
    TRY(ss_file_read(fresh, MOST_BYTES, &b, &n_b));
    if (n_a != n_b || memcmp(a, b, n_a) != 0)
        st = SS_FAIL(SS_ERR_CORRUPT,
                     "%s: the data are not those that this run began with: the same transforms, fitted "
                     "again, come out "
                     "different; put the file back as it was, or begin a new run with train.start=%s",
                     s->directory.path, s->directory.path);
out:
    if (fresh)
        unlink(fresh);
    free(stored);
    free(fresh);
    free(a);
    free(b);
    return st;
}

static enum ss_status go_on(struct ss_session *s)
{
    enum ss_status st = SS_OK;

    TRY(ss_session_prepare(s));
    TRY(ss_setting_fits(&s->setting));
    TRY(check_data(s));
    TRY(ss_session_write_resolved(s));
    s->record.status = SS_RUN_RUNNING;
    s->record.finished[0] = '\0';
    TRY(ss_run_record_write(&s->record, s->directory.path));
    TRY(ss_session_train(s, true));
out:
    return st;
}

enum ss_status ss_run_resume(const struct ss_run_request *request, struct ss_run_result *out)
{
    struct ss_session s = {.request = request, .directory.lock = -1};
    enum ss_status st = SS_OK, given;

    ss_run_record_init(&s.record);
    TRY(check_overrides(request));
    TRY(open_session(&s));
    if (is_finished(&s))
        ss_say(SS_LEVEL_NOTE,
               "%s: finished at step %llu, nothing to do; train.steps=N with a larger N trains on",
               s.directory.path, (unsigned long long)s.record.steps);
    else
        TRY(go_on(&s));
out:
    given = ss_session_result(&s, out);
    ss_session_release(&s);
    return st == SS_OK ? given : st;
}
