#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "run/evaluate.h"
#include "run/session.h"
#include "run/view.h"

/* Range of the training rows: where quadrature and pictures look. */
static enum ss_status find_box(struct ss_session *s, struct ss_trained *t)
{
    float *y = NULL;
    size_t rows = 0;
    enum ss_status st = SS_OK;

    if (t->model->dimension > 2)
        return SS_OK;
    TRY(ss_dataset_values(s->setting.dataset, SS_PART_TRAIN, 0, &y, &rows));
    ss_view_box(y, rows, t->model->dimension, t->low, t->high);
    for (size_t i = 0; i < 2; i++) {
        s->record.low[i] = t->low[i];
        s->record.high[i] = t->high[i];
    }
out:
    free(y);
    return st;
}

static enum ss_status evaluate(struct ss_session *s, const struct ss_trained *t, struct ss_normalizer *z)
{
    struct ss_evaluation_rows rows = {.truth = s->setting.dataset};
    float *y = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_held_out_rows(s->setting.dataset, (size_t)s->experiment->evaluate.rows, &y, &rows.rows));
    rows.y = y;
    TRY(ss_normalizer_evaluate(t, y, rows.rows, false, z));
    TRY(ss_evaluate(t, &rows, z, &s->record.metrics));
    ss_metrics_say(&s->record.metrics, z);
out:
    free(y);
    return st;
}

static bool wants_samples(const struct ss_session *s)
{
    const struct ss_sample_options *const o = &s->experiment->sample;

    return o->count > 0 && (o->given || (s->setting.model->dimension <= 2 && !s->request->bare));
}

static enum ss_status sample(struct ss_session *s, const struct ss_trained *t, struct ss_samples *samples)
{
    struct ss_sampling how = ss_sampling_of(t);
    char *path = NULL;
    enum ss_status st = SS_OK;

    how.dataset = s->setting.dataset;
    TRY(ss_samples_draw(t, &how, samples));
    if (samples->count == 0)
        goto out;
    TRY(ss_run_directory_file(&s->directory, "samples/samples.npy", &path));
    TRY(ss_samples_write(samples, path));
    ss_say(SS_LEVEL_NOTE, "%zu samples: %s", samples->count, path);
out:
    free(path);
    return st;
}

static enum ss_status draw_learning(const struct ss_session *s, const char *plots,
                                    struct ss_pictures_drawn *drawn)
{
    const struct ss_metrics_table *const t = ss_metrics_rows(s->metrics);
    double *columns = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(5 * t->count, &columns));
    double *const step = columns, *const loss = step + t->count, *const norm = loss + t->count,
                  *const validation = norm + t->count, *const error = validation + t->count;
    for (size_t i = 0; i < t->count; i++) {
        step[i] = (double)t->rows[i].step;
        loss[i] = t->rows[i].loss;
        norm[i] = t->rows[i].gradient_norm;
        validation[i] = t->rows[i].validation;
        error[i] = t->rows[i].validation_standard_error;
    }
    TRY(ss_pictures_learning(plots,
                             &(struct ss_learning_curves){.step = step,
                                                          .loss = loss,
                                                          .gradient_norm = norm,
                                                          .validation = validation,
                                                          .validation_error = error,
                                                          .n = t->count},
                             drawn));
out:
    free(columns);
    return st;
}

static enum ss_status draw(struct ss_session *s, const struct ss_trained *t, const struct ss_normalizer *z,
                           const struct ss_samples *samples)
{
    struct ss_pictures_drawn drawn = {0};
    char *plots = NULL;
    enum ss_status st = SS_OK;

    ss_log_phase(s->request->log, "drawing");
    TRY(ss_run_directory_file(&s->directory, "plots", &plots));
    TRY(ss_view_draw(t, s->setting.dataset, z, samples, plots, &drawn));
    TRY(draw_learning(s, plots, &drawn));
    ss_log_phase(s->request->log, NULL);
    for (size_t i = 0; i < drawn.count; i++)
        ss_say(SS_LEVEL_NOTE, "picture: %s/%s.png and .svg", plots, drawn.names[i]);
out:
    free(plots);
    ss_log_phase(s->request->log, NULL);
    return st;
}

enum ss_status ss_session_finish(struct ss_session *s)
{
    struct ss_trained t = {.experiment = s->experiment,
                           .device = s->setting.device,
                           .model = s->setting.model,
                           .transform = ss_dataset_transform(s->setting.dataset),
                           .low = {NAN, NAN},
                           .high = {NAN, NAN},
                           .folder = s->directory.path,
                           .log = s->request->log};
    struct ss_normalizer z = {0};
    struct ss_samples samples = {0};
    struct ss_buffer *weights = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_run_weights_load(t.device, t.model, s->checkpoints, SS_WEIGHTS_BEST, &weights, &t.step));
    t.weights = ss_span_of(weights);
    TRY(find_box(s, &t));
    TRY(evaluate(s, &t, &z));
    if (wants_samples(s))
        TRY(sample(s, &t, &samples));
    if (!s->request->bare)
        TRY(draw(s, &t, &z, &samples));
    ss_say(SS_LEVEL_NOTE, "run: %s", s->directory.path);
out:
    ss_samples_release(&samples);
    ss_buffer_free(weights);
    return st;
}
