#include "run/setting.h"

#include <stdio.h>

#include "device/gemm.h"
#include "objective/loss.h"
#include "run/trained.h"
#include "train/train.h"

enum { EVALUATION_ROWS = 1024 };

void ss_bytes_text(uint64_t bytes, char out[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double x = (double)bytes;
    size_t unit = 0;

    while (x >= 1000 && unit + 1 < SS_COUNT(units)) {
        x /= 1024;
        unit++;
    }
    snprintf(out, 32, unit == 0 ? "%.0f %s" : "%.3g %s", x, units[unit]);
}

static enum ss_status count_memory(struct ss_setting *s)
{
    const struct ss_experiment *const e = s->experiment;
    const struct ss_device_info *const info = ss_device_info(s->device);
    const size_t d = s->model->dimension, batch = e->train.batch;
    struct ss_memory_plan m = {.available = info->memory};
    struct ss_loss_options options = {
        .objective = e->objective, .engine = e->engine, .rows = batch, .gradient = true};
    enum ss_status st = SS_OK;

    const size_t row_bytes = ss_dataset_rows(s->dataset, SS_PART_TRAIN) * d * sizeof(float);
    m.resident = e->data.memory != SS_RESIDENCE_HOST && row_bytes <= info->max_allocation;
    m.rows = m.resident ? row_bytes : 2 * batch * d * sizeof(float);
    TRY(ss_loss_bytes(s->device, s->model, &options, &m.loss));
    options.gradient = false;
    options.rows = ss_dataset_rows(s->dataset, SS_PART_VALIDATION);
    if (options.rows > EVALUATION_ROWS)
        options.rows = EVALUATION_ROWS;
    if (options.rows > 0)
        TRY(ss_loss_bytes(s->device, s->model, &options, &m.evaluation));
    m.state = ss_trainer_bytes(s->device, s->model, &e->train);
    if (__builtin_add_overflow(m.rows, m.loss, &m.total) ||
        __builtin_add_overflow(m.total, m.state, &m.total) ||
        __builtin_add_overflow(m.total, m.evaluation, &m.total))
        return SS_FAIL(SS_ERR_MEMORY, "the memory that this experiment needs overflows a size");
    s->memory = m;
out:
    return st;
}

enum ss_status ss_setting_fits(const struct ss_setting *s)
{
    const struct ss_memory_plan *const m = &s->memory;
    const struct ss_experiment *const e = s->experiment;
    char total[32], available[32], rows[32], loss[32], state[32];

    if (m->total <= m->available)
        return SS_OK;
    ss_bytes_text(m->total, total);
    ss_bytes_text(m->available, available);
    ss_bytes_text(m->rows, rows);
    ss_bytes_text(m->loss + m->evaluation, loss);
    ss_bytes_text(m->state, state);
    return SS_FAIL(
        SS_ERR_MEMORY,
        "%s has %s, and this experiment needs about %s: %s for jets, %s for weights and optimizer, %s for "
        "rows; make train.batch (now %u)%s or model.hidden smaller",
        ss_device_info(s->device)->name, available, total, loss, state, rows, e->train.batch,
        e->objective.count > 1 ? ", objective.count" : "");
}

/* Rows, model and memory on the device that `s` has. */
static enum ss_status furnish(struct ss_setting *s)
{
    const struct ss_experiment *const e = s->experiment;
    enum ss_status st = SS_OK;

    if (!e->has_data)
        return SS_OK;
    ss_log_phase(s->log, e->data.file ? "reading the data" : "making the data");
    TRY(ss_dataset_load(&e->data, e->seed, &s->dataset));
    ss_log_phase(s->log, NULL);
    TRY(ss_model_create(&e->model, ss_dataset_dimension(s->dataset), &s->model));
    TRY(count_memory(s));
out:
    ss_log_phase(s->log, NULL);
    return st;
}

enum ss_status ss_setting_make(const struct ss_experiment *e, const char *device_option, struct ss_log *log,
                               struct ss_setting *out)
{
    struct ss_setting s = {.experiment = e, .log = log};
    enum ss_status st = SS_OK;

    TRY(ss_run_device_open(device_option, e, log, &s.device));
    TRY(furnish(&s));
    *out = s;
    s = (struct ss_setting){0};
out:
    ss_setting_release(&s);
    return st;
}

enum ss_status ss_setting_make_on(const struct ss_experiment *e, struct ss_device *lent, struct ss_log *log,
                                  struct ss_setting *out)
{
    struct ss_setting s = {.experiment = e, .log = log, .device = lent, .lent = true};
    enum ss_status st = SS_OK;

    ss_gemm_choose(lent, e->engine.gemm);
    TRY(furnish(&s));
    *out = s;
    s = (struct ss_setting){0};
out:
    ss_setting_release(&s);
    return st;
}

void ss_setting_release(struct ss_setting *s)
{
    ss_model_free(s->model);
    ss_dataset_free(s->dataset);
    if (!s->lent)
        ss_device_free(s->device);
    *s = (struct ss_setting){0};
}
