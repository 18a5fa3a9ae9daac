#include "run/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/version.h"
#include "config/config.h"

enum { MOST_CONFIG_BYTES = 1 << 20 };

void ss_session_release(struct ss_session *s)
{
    ss_metrics_free(s->metrics);
    ss_setting_release(&s->setting);
    ss_run_directory_release(&s->directory);
    ss_run_record_release(&s->record);
    ss_experiment_free(s->experiment);
    free(s->checkpoints);
    *s = (struct ss_session){.directory.lock = -1};
}

static enum ss_status replace(char **field, const char *text)
{
    char *copy = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_text_copy(text, &copy));
    free(*field);
    *field = copy;
out:
    return st;
}

static enum ss_status record_argv(struct ss_run_record *r, const struct ss_run_request *request)
{
    enum ss_status st = SS_OK;

    if (r->argv) /* of a resumed run: how it began is kept */
        return SS_OK;
    TRY(ss_allocate(request->n_argv, &r->argv));
    for (size_t i = 0; i < request->n_argv; i++) {
        TRY(ss_text_copy(request->argv[i], &r->argv[i]));
        r->n_argv++;
    }
out:
    return st;
}

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* On its device and driver a run that had begun goes on as it began, whatever is measured there since, unless
 * it is told how. */
static bool is_as_begun(const struct ss_session *s, const struct ss_device_info *info)
{
    for (size_t i = 0; i < s->request->n_overrides; i++)
        if (strncmp(s->request->overrides[i], "engine.", 7) == 0)
            return false;
    return s->record.plan && same(s->record.device, info->name) && same(s->record.driver, info->driver);
}

enum ss_status ss_session_prepare(struct ss_session *s)
{
    const struct ss_experiment *const e = s->experiment;
    enum ss_status st = SS_OK;

    if (s->request->lent)
        TRY(ss_setting_make_on(e, s->request->lent, s->request->log, &s->setting));
    else
        TRY(ss_setting_make(e, s->request->device, s->request->log, &s->setting));
    const struct ss_device_info *const info = ss_device_info(s->setting.device);
    s->as_begun = is_as_begun(s, info);
    TRY(replace(&s->record.name, e->name));
    TRY(replace(&s->record.version, SS_VERSION));
    TRY(replace(&s->record.device, info->name));
    TRY(replace(&s->record.driver, info->driver));
    TRY(record_argv(&s->record, s->request));
    s->record.seed = e->seed;
    if (s->setting.model) {
        s->record.dimension = s->setting.model->dimension;
        s->record.parameters = ss_graph_parameter_count(s->setting.model->graph);
    }
    if (!*s->record.started)
        ss_clock_stamp(s->record.started);
out:
    return st;
}

static enum ss_status copy_config(const struct ss_session *s)
{
    char *path = NULL, *text = NULL;
    size_t size = 0;
    enum ss_status st = SS_OK;

    TRY(ss_run_directory_file(&s->directory, "config.yaml", &path));
    TRY(ss_file_read(s->experiment->path, MOST_CONFIG_BYTES, &text, &size));
    TRY(ss_file_write(path, text, size));
out:
    free(path);
    free(text);
    return st;
}

enum ss_status ss_session_write_resolved(const struct ss_session *s)
{
    char *path = NULL;
    struct ss_text t;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    TRY(ss_run_directory_file(&s->directory, "resolved.yaml", &path));
    TRY(ss_experiment_write(s->experiment, true, &t));
    TRY(ss_text_status(&t));
    TRY(ss_file_write(path, t.data, t.length));
out:
    free(path);
    ss_text_release(&t);
    return st;
}

static enum ss_status write_folder(struct ss_session *s)
{
    char *log = NULL, *transform = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_run_directory_file(&s->directory, "ckpt", &s->checkpoints));
    TRY(ss_run_directory_file(&s->directory, "log.txt", &log));
    TRY(ss_run_directory_file(&s->directory, "transform.safetensors", &transform));
    TRY(ss_log_file(s->request->log, log));
    TRY(copy_config(s));
    TRY(ss_session_write_resolved(s));
    if (s->setting.dataset)
        TRY(ss_transform_save(ss_dataset_transform(s->setting.dataset), transform));
    TRY(ss_run_record_write(&s->record, s->directory.path));
out:
    free(log);
    free(transform);
    return st;
}

enum ss_status ss_session_make_folder(struct ss_session *s)
{
    enum ss_status st = SS_OK;

    TRY(ss_run_directory_create(s->request->output, s->experiment->name, s->request->force, &s->directory));
    st = write_folder(s);
    if (st != SS_OK)
        ss_run_directory_discard(&s->directory);
out:
    return st;
}

enum ss_status ss_session_result(struct ss_session *s, struct ss_run_result *out)
{
    struct ss_run_result r = {0};
    enum ss_status st = SS_OK;

    ss_run_record_init(&r.record);
    if (s->directory.path)
        TRY(ss_text_copy(s->directory.path, &r.path));
    r.record = s->record;
    ss_run_record_init(&s->record);
out:
    *out = r;
    return st;
}

void ss_run_result_release(struct ss_run_result *r)
{
    free(r->path);
    ss_run_record_release(&r->record);
    *r = (struct ss_run_result){0};
}
