#include "support/job.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/text.h"
#include "support/device.h"
#include "support/scratch.h"
#include "train/checkpoint.h"

const struct ss_experiment job_small = {
    .seed = 5,
    .data = {.source = SS_SOURCE_GAUSSIAN,
             .rows = 500,
             .dimension = 2,
             .noise = NAN,
             .validation = 0.2,
             .test = 0.1},
    .model = {.kind = SS_MODEL_ENERGY,
              .hidden = {12, 12},
              .n_hidden = 2,
              .activation = SS_ACTIVATION_TANH,
              .quadratic = SS_QUADRATIC_DIAGONAL},
    .objective = {.kind = SS_OBJECTIVE_SSM, .slices = SS_SLICES_RADEMACHER, .count = 1, .sigma = 0.3},
    .train = {.steps = 40,
              .batch = 64,
              .optimizer = SS_OPTIMIZER_ADAM,
              .learning_rate = 1e-2,
              .beta1 = 0.9,
              .beta2 = 0.999,
              .decay = 0.99,
              .epsilon = 1e-8,
              .schedule = SS_SCHEDULE_COSINE,
              .average = 0.9,
              .checkpoint_every = 10,
              .checkpoint_keep = 100,
              .report_every = 7},
    .evaluate = {.every = 15, .rows = 2000},
};

static void on_report(void *context, const struct ss_train_report *r)
{
    struct job *const j = context;

    ck_assert_uint_lt(j->n_reports, JOB_MOST_CALLS);
    j->reports[j->n_reports++] = *r;
}

static void on_evaluation(void *context, const struct ss_train_evaluation *e)
{
    struct job *const j = context;

    ck_assert_uint_lt(j->n_evaluations, JOB_MOST_CALLS);
    j->evaluations[j->n_evaluations++] = *e;
}

static void on_checkpoint(void *context, uint64_t step, const char *path)
{
    struct job *const j = context;

    ck_assert(ss_path_exists(path));
    j->n_checkpoints++;
    j->last_checkpoint = step;
}

static bool on_stop(void *context)
{
    struct job *const j = context;

    return j->stop_at && ss_trainer_step(j->t) >= j->stop_at;
}

void job_open(struct job *j)
{
    ss_trainer_free(j->t);
    j->t = NULL;
    ok(ss_trainer_create(&(struct ss_train_setup){.device = j->device,
                                                  .model = j->model,
                                                  .dataset = j->dataset,
                                                  .experiment = &j->e,
                                                  .checkpoint_folder = j->folder},
                         &j->t));
}

struct job *job_make(struct ss_device *device, const struct ss_experiment *e, const char *name)
{
    struct job *j = NULL;

    ok(ss_allocate(1, &j));
    j->device = device;
    j->e = *e;
    snprintf(j->folder, sizeof(j->folder), "%s", scratch_path(name));
    ok(ss_folder_create(j->folder));
    ok(ss_dataset_load(&j->e.data, j->e.seed, &j->dataset));
    ok(ss_model_create(&j->e.model, ss_dataset_dimension(j->dataset), &j->model));
    job_open(j);
    return j;
}

void job_free(struct job *j)
{
    ss_trainer_free(j->t);
    ss_model_free(j->model);
    ss_dataset_free(j->dataset);
    free(j);
}

enum ss_status job_run(struct job *j)
{
    const struct ss_train_callbacks calls = {.context = j,
                                             .report = on_report,
                                             .evaluation = on_evaluation,
                                             .checkpoint = on_checkpoint,
                                             .stop = on_stop};
    return ss_trainer_run(j->t, &calls);
}

struct job *job_trained(struct ss_device *device, const struct ss_experiment *e, const char *name)
{
    struct job *const j = job_make(device, e, name);

    ok(ss_trainer_start(j->t));
    ok(job_run(j));
    return j;
}

void job_resume(struct job *j)
{
    bool found = false;

    job_open(j);
    ok(ss_trainer_resume(j->t, &found));
    ck_assert(found);
}

const char *job_file(const struct job *j, uint64_t step)
{
    static char paths[2][600];
    static int at;
    char *const path = paths[at++ % 2];
    char *made = NULL;

    if (step)
        ok(ss_checkpoint_path(j->folder, step, &made));
    snprintf(path, sizeof(paths[0]), step ? "%s" : "%s/best.safetensors", step ? made : j->folder);
    free(made);
    return path;
}

void check_same_file(const char *a, const char *b)
{
    char *x = NULL, *y = NULL;
    size_t n, m;

    ok(ss_file_read(a, 1 << 24, &x, &n));
    ok(ss_file_read(b, 1 << 24, &y, &m));
    ck_assert_msg(n == m && memcmp(x, y, n) == 0, "%s and %s differ", a, b);
    free(x);
    free(y);
}

void job_check_finite(const struct job *j, uint64_t step)
{
    struct ss_tensor_file *f = NULL;

    ok(ss_tensor_file_open(job_file(j, step), &f));
    for (size_t i = 0; i < ss_tensor_file_count(f); i++) {
        const struct ss_tensor *const t = ss_tensor_file_at(f, i);
        for (size_t k = 0; k < ss_tensor_count(t); k++)
            ck_assert_msg(isfinite(((const float *)t->data)[k]), "%s", t->name);
    }
    ss_tensor_file_free(f);
}
