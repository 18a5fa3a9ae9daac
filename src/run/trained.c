#include "run/trained.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "config/config.h"
#include "device/gemm.h"
#include "run/directory.h"
#include "run/known_answers.h"

enum ss_status ss_run_device_choose(const char *option, const struct ss_experiment *e, struct ss_log *log,
                                    struct ss_device **out)
{
    const char *const environment = getenv("SLICESCORE_DEVICE");
    const char *choice = option;

    if (!choice && environment && *environment)
        choice = environment;
    if (!choice && e)
        choice = e->device;
    ss_log_phase(log, "opening the OpenCL device");
    const enum ss_status st = ss_device_open(choice, out);
    ss_log_phase(log, NULL);
    return st;
}

enum ss_status ss_run_device_ready(struct ss_device *d, const struct ss_experiment *e, struct ss_log *log)
{
    struct ss_selftest tested = {0};
    char stamp[21];
    enum ss_status st = SS_OK;

    ss_gemm_choose(d, e->engine.gemm);
    if (ss_known_before(d, stamp)) {
        ss_say(SS_LEVEL_DETAIL, "self-test: passed here on %.10s (slicescore selftest does it again)", stamp);
        return SS_OK;
    }
    TRY(ss_known_answers(d, false, log, &tested));
    for (size_t i = 0; i < tested.count; i++)
        ss_say(SS_LEVEL_DETAIL, "self-test: %s, %s: error %.2g of %.2g, %.3f s", tested.rows[i].family,
               tested.rows[i].plan, tested.rows[i].error, tested.rows[i].allowed, tested.rows[i].seconds);
out:
    ss_selftest_release(&tested);
    return st;
}

enum ss_status ss_run_device_open(const char *option, const struct ss_experiment *e, struct ss_log *log,
                                  struct ss_device **out)
{
    struct ss_device *d = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_run_device_choose(option, e, log, &d));
    TRY(ss_run_device_ready(d, e, log));
    *out = d;
    d = NULL;
out:
    ss_device_free(d);
    return st;
}

enum ss_status ss_run_weights_load(struct ss_device *device, const struct ss_model *model,
                                   const char *checkpoint_folder, enum ss_weights which,
                                   struct ss_buffer **out, uint64_t *step)
{
    const size_t n = ss_graph_flat_size(model->graph);
    struct ss_buffer *buffer = NULL;
    float *flat = NULL;
    uint64_t of = 0;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(n, &flat));
    TRY(ss_checkpoint_load_weights(checkpoint_folder, model->graph, which, flat, &of));
    TRY(ss_buffer_create(device, n * sizeof(*flat), &buffer));
    TRY(ss_span_write(ss_span_of(buffer), flat, n));
    *out = buffer;
    *step = of;
    buffer = NULL;
out:
    ss_buffer_free(buffer);
    free(flat);
    return st;
}

static enum ss_status load_parts(const struct ss_run_directory *d,
                                 const struct ss_opened_run_options *options, struct ss_opened_run *r)
{
    char *resolved = NULL, *transform = NULL, *checkpoints = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_run_record_read(d->path, &r->record));
    TRY(ss_run_directory_file(d, "resolved.yaml", &resolved));
    TRY(ss_run_directory_file(d, "transform.safetensors", &transform));
    TRY(ss_run_directory_file(d, "ckpt", &checkpoints));
    TRY(ss_experiment_reload(resolved, options->overrides, options->n_overrides, &r->experiment));
    if (r->record.dimension == 0) {
        st = SS_FAIL(SS_ERR_FILE,
                     "%s: this run never began training (status %s); `slicescore resume %s` starts it",
                     d->path, ss_run_status_name(r->record.status), d->path);
        goto out;
    }
    if (ss_path_exists(transform)) {
        TRY(ss_transform_load(transform, &r->transform));
        if (ss_transform_outputs(r->transform) != r->record.dimension) {
            st = SS_FAIL(SS_ERR_CORRUPT, "%s: makes %zu columns, and the run was trained on %zu", transform,
                         ss_transform_outputs(r->transform), r->record.dimension);
            goto out;
        }
    }
    if (options->opened)
        TRY(ss_run_device_ready(options->opened, r->experiment, options->log));
    else
        TRY(ss_run_device_open(options->device, r->experiment, options->log, &r->device));
    struct ss_device *const device = options->opened ? options->opened : r->device;
    TRY(ss_model_create(&r->experiment->model, r->record.dimension, &r->model));
    TRY(ss_run_weights_load(device, r->model, checkpoints, options->weights, &r->weights, &r->trained.step));
out:
    free(resolved);
    free(transform);
    free(checkpoints);
    return st;
}

enum ss_status ss_run_open(const char *path, const struct ss_opened_run_options *options,
                           struct ss_opened_run *out)
{
    struct ss_opened_run r = {0};
    struct ss_run_directory d = {.lock = -1};
    enum ss_status st = SS_OK;

    ss_run_record_init(&r.record);
    TRY(ss_run_directory_open(path, false, &d));
    TRY(load_parts(&d, options, &r));
    r.path = d.path;
    d.path = NULL;
    r.trained.experiment = r.experiment;
    r.trained.device = r.device ? r.device : options->opened;
    r.trained.model = r.model;
    r.trained.transform = r.transform;
    r.trained.weights = ss_span_of(r.weights);
    r.trained.log = options->log;
    r.trained.folder = r.path;
    memcpy(r.trained.low, r.record.low, sizeof(r.trained.low));
    memcpy(r.trained.high, r.record.high, sizeof(r.trained.high));
    *out = r;
    r = (struct ss_opened_run){0};
    ss_run_record_init(&r.record);
out:
    ss_run_directory_release(&d);
    ss_opened_run_release(&r);
    return st;
}

void ss_opened_run_release(struct ss_opened_run *r)
{
    ss_buffer_free(r->weights);
    ss_model_free(r->model);
    ss_device_free(r->device);
    ss_transform_free(r->transform);
    ss_experiment_free(r->experiment);
    ss_run_record_release(&r->record);
    free(r->path);
    *r = (struct ss_opened_run){0};
}
