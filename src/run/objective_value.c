#include "run/objective_value.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "config/config.h"
#include "data/table.h"
#include "objective/loss.h"
#include "train/checkpoint.h"

enum { PIECE_ROWS = 4096 };

struct array {
    float *values;
    size_t shape[3]; /* (1, rows, D) for a matrix */
};

static enum ss_status read_array(const char *path, struct array *out)
{
    struct ss_table *t = NULL;
    double *row = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_table_read_array(path, &t, out->shape));
    if (t->rows == 0 || t->columns == 0) {
        st = SS_FAIL(SS_ERR_CORRUPT, "%s: holds no numbers", path);
        goto out;
    }
    TRY(ss_allocate(t->rows * t->columns, &out->values));
    TRY(ss_allocate(t->columns, &row));
    for (size_t i = 0; i < t->rows; i++) {
        ss_table_row(t, i, row);
        for (size_t j = 0; j < t->columns; j++)
            out->values[i * t->columns + j] = (float)row[j];
    }
out:
    free(row);
    ss_table_free(t);
    return st;
}

/* ---- do the arrays fit? ---- */

struct inputs {
    struct array data, slices, noise;      /* .values NULL if not given */
    struct ss_objective_options objective; /* count as the slices say */
    size_t rows, dimension;
};

static void inputs_release(struct inputs *in)
{
    free(in->data.values);
    free(in->slices.values);
    free(in->noise.values);
}

static enum ss_status read_data(const struct ss_trained *t, const char *path, struct inputs *in)
{
    enum ss_status st = SS_OK;

    TRY(read_array(path, &in->data));
    in->dimension = t->model->dimension;
    in->rows = in->data.shape[1];
    if (in->data.shape[0] != 1 || in->data.shape[2] != in->dimension)
        st = SS_FAIL(SS_ERR_USAGE,
                     "%s: the model takes rows of %zu columns, (rows, %zu); found (%zu, %zu, %zu)", path,
                     in->dimension, in->dimension, in->data.shape[0], in->data.shape[1], in->data.shape[2]);
out:
    return st;
}

static enum ss_status read_slices(const char *path, struct inputs *in)
{
    enum ss_status st = SS_OK;
    const bool sliced = in->objective.kind == SS_OBJECTIVE_SSM || in->objective.kind == SS_OBJECTIVE_SSM_VR;

    if (!path)
        return SS_OK;
    if (!sliced)
        return SS_FAIL(SS_ERR_USAGE, "--slices: the run's objective is %s, which has no slices",
                       ss_objective_name(in->objective.kind));
    TRY(read_array(path, &in->slices));
    if (in->slices.shape[1] != in->rows || in->slices.shape[2] != in->dimension)
        st = SS_FAIL(SS_ERR_USAGE,
                     "%s: slices of shape (M, %zu, %zu) are wanted, as the data has %zu rows of %zu; found "
                     "(%zu, %zu, %zu)",
                     path, in->rows, in->dimension, in->rows, in->dimension, in->slices.shape[0],
                     in->slices.shape[1], in->slices.shape[2]);
    else if (in->slices.shape[0] > UINT32_MAX)
        st = SS_FAIL(SS_ERR_USAGE, "%s: %zu slices a row are too many", path, in->slices.shape[0]);
    else
        in->objective.count = (uint32_t)in->slices.shape[0];
out:
    return st;
}

static enum ss_status read_noise(const char *path, struct inputs *in)
{
    enum ss_status st = SS_OK;

    if (!path)
        return SS_OK;
    if (in->objective.kind != SS_OBJECTIVE_DSM)
        return SS_FAIL(SS_ERR_USAGE, "--noise: the run's objective is %s, and only dsm has noise",
                       ss_objective_name(in->objective.kind));
    TRY(read_array(path, &in->noise));
    if (in->noise.shape[0] != 1 || in->noise.shape[1] != in->rows || in->noise.shape[2] != in->dimension)
        st = SS_FAIL(SS_ERR_USAGE,
                     "%s: noise of shape (%zu, %zu) is wanted, like the data; found (%zu, %zu, %zu)", path,
                     in->rows, in->dimension, in->noise.shape[0], in->noise.shape[1], in->noise.shape[2]);
out:
    return st;
}

/* ---- the value ---- */

struct work {
    const struct ss_trained *trained;
    const struct inputs *in;
    struct ss_loss *loss;
    size_t piece; /* rows at a time */
    struct ss_buffer *slices, *noise, *gradient;
    float *gathered, *read; /* slices of a piece; its gradient */
    double *sum;            /* gradient so far; NULL: not wanted */
    double total;           /* sum of losses of rows */
};

static void work_release(struct work *w)
{
    ss_loss_free(w->loss);
    ss_buffer_free(w->slices);
    ss_buffer_free(w->noise);
    ss_buffer_free(w->gradient);
    free(w->gathered);
    free(w->read);
    free(w->sum);
}

static enum ss_status work_make(struct work *w, bool gradient)
{
    const struct inputs *const in = w->in;
    const struct ss_trained *const t = w->trained;
    const size_t flat = ss_graph_flat_size(t->model->graph);
    enum ss_status st = SS_OK;

    w->piece = in->rows < PIECE_ROWS ? in->rows : PIECE_ROWS;
    const size_t row_floats = w->piece * in->dimension;
    ss_log_phase(t->log, "compiling kernels (first time on this device)");
    TRY(ss_loss_create(t->device, t->model,
                       &(struct ss_loss_options){.objective = in->objective,
                                                 .engine = t->experiment->engine,
                                                 .rows = w->piece,
                                                 .gradient = gradient},
                       &w->loss));
    ss_log_phase(t->log, NULL);
    if (in->slices.values) {
        TRY(ss_allocate(in->objective.count * row_floats, &w->gathered));
        TRY(ss_buffer_create(t->device, in->objective.count * row_floats * sizeof(float), &w->slices));
    }
    if (in->noise.values)
        TRY(ss_buffer_create(t->device, row_floats * sizeof(float), &w->noise));
    if (gradient) {
        TRY(ss_allocate(flat, &w->read));
        TRY(ss_allocate(flat, &w->sum));
        TRY(ss_buffer_create(t->device, flat * sizeof(float), &w->gradient));
    }
out:
    ss_log_phase(t->log, NULL);
    return st;
}

static enum ss_status upload(struct work *w, size_t first, size_t rows)
{
    const struct inputs *const in = w->in;
    const size_t d = in->dimension;
    enum ss_status st = SS_OK;

    TRY(ss_span_write(ss_loss_rows(w->loss), in->data.values + first * d, rows * d));
    for (size_t m = 0; w->slices && m < in->objective.count; m++)
        memcpy(w->gathered + m * rows * d, in->slices.values + (m * in->rows + first) * d,
               rows * d * sizeof(*w->gathered));
    if (w->slices)
        TRY(ss_span_write(ss_span_of(w->slices), w->gathered, in->objective.count * rows * d));
    if (w->noise)
        TRY(ss_span_write(ss_span_of(w->noise), in->noise.values + first * d, rows * d));
out:
    return st;
}

/* Losses of rows first .. first + rows, added up; the gradient of their mean counts by their number. */
static enum ss_status add_piece(struct work *w, size_t first, size_t rows)
{
    const struct ss_trained *const t = w->trained;
    const size_t flat = ss_graph_flat_size(t->model->graph);
    float mean = 0;
    enum ss_status st = SS_OK;

    TRY(upload(w, first, rows));
    TRY(ss_loss_enqueue(
        w->loss, &(struct ss_loss_batch){
                     .rows = rows,
                     .draw = {.seed = t->experiment->seed, .first_row = (uint32_t)first, .held_out = true},
                     .slices = {w->slices, 0},
                     .noise = {w->noise, 0},
                     .parameters = t->weights,
                     .gradient = {w->gradient, 0}}));
    TRY(ss_span_read(ss_loss_mean(w->loss), &mean, 1));
    w->total += (double)mean * (double)rows;
    if (!w->sum)
        goto out;
    TRY(ss_span_read(ss_span_of(w->gradient), w->read, flat));
    for (size_t i = 0; i < flat; i++)
        w->sum[i] += (double)w->read[i] * (double)rows;
out:
    return st;
}

static enum ss_status write_gradient(struct work *w, const char *path)
{
    const size_t flat = ss_graph_flat_size(w->trained->model->graph);

    for (size_t i = 0; i < flat; i++)
        w->read[i] = (float)(w->sum[i] / (double)w->in->rows);
    return ss_checkpoint_write_parameters(path, w->trained->model->graph, w->read);
}

enum ss_status ss_objective_value(const struct ss_trained *t, const struct ss_value_files *files,
                                  struct ss_objective_value *out)
{
    struct inputs in = {.objective = t->experiment->objective};
    struct work w = {.trained = t, .in = &in};
    enum ss_status st = SS_OK;

    TRY(read_data(t, files->data, &in));
    TRY(read_slices(files->slices, &in));
    TRY(read_noise(files->noise, &in));
    TRY(work_make(&w, files->gradient != NULL));
    for (size_t first = 0; first < in.rows; first += w.piece)
        TRY(add_piece(&w, first, in.rows - first < w.piece ? in.rows - first : w.piece));
    if (files->gradient)
        TRY(write_gradient(&w, files->gradient));
    const bool sliced = in.objective.kind == SS_OBJECTIVE_SSM || in.objective.kind == SS_OBJECTIVE_SSM_VR;
    *out = (struct ss_objective_value){w.total / (double)in.rows, in.rows, sliced ? in.objective.count : 0};
out:
    work_release(&w);
    inputs_release(&in);
    return st;
}
