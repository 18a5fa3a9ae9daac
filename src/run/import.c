#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/tensor_file.h"
#include "config/config.h"
#include "run/session.h"
#include "train/checkpoint.h"

/* Columns that the weights are for: the first dense layer's inputs, else the quadratic term's mean. */
static enum ss_status dimension_of(const struct ss_tensor_file *f, const char *path, size_t *out)
{
    const struct ss_tensor *const first = ss_tensor_file_find(f, "layers.0.weight");
    const struct ss_tensor *const mean = ss_tensor_file_find(f, "quadratic.mean");

    if (first && first->dimensions == 2 && first->shape[1] > 0)
        *out = first->shape[1];
    else if (!first && mean && mean->dimensions == 1 && mean->shape[0] > 0)
        *out = mean->shape[0];
    else
        return SS_FAIL(SS_ERR_CORRUPT,
                       "%s: neither layers.0.weight of shape (out, in) nor quadratic.mean of shape (in) is "
                       "in it, so the "
                       "number of columns is not known",
                       path);
    return SS_OK;
}

static enum ss_status read_weights(struct ss_session *s, const char *path, float **flat)
{
    struct ss_tensor_file *f = NULL;
    size_t dimension = 0;
    enum ss_status st = SS_OK;

    TRY(ss_tensor_file_open(path, &f));
    TRY(dimension_of(f, path, &dimension));
    if (!s->setting.model)
        TRY(ss_model_create(&s->experiment->model, dimension, &s->setting.model));
    const struct ss_graph *const graph = s->setting.model->graph;
    TRY(ss_allocate(ss_graph_flat_size(graph), flat));
    TRY(ss_checkpoint_parameters(f, graph, "", *flat));
    s->record.dimension = s->setting.model->dimension;
    s->record.parameters = ss_graph_parameter_count(graph);
out:
    ss_tensor_file_free(f);
    return st;
}

static enum ss_status write_checkpoint(const struct ss_session *s, const float *flat)
{
    char *path = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_run_directory_file(&s->directory, "ckpt/step-00000000.safetensors", &path));
    TRY(ss_checkpoint_write_parameters(path, s->setting.model->graph, flat));
out:
    free(path);
    return st;
}

static enum ss_status take_weights(struct ss_session *s, const char *weights)
{
    const struct ss_experiment *const e = s->experiment;
    float *flat = NULL;
    enum ss_status st = SS_OK;

    if (!e->has_model || !e->has_objective)
        return SS_FAIL(SS_ERR_USAGE, "%s: import needs a `%s:` block, and there is none", e->path,
                       e->has_model ? "objective" : "model");
    TRY(ss_run_directory_check(s->request->output, s->request->force));
    TRY(ss_session_prepare(s));
    TRY(read_weights(s, weights, &flat));
    s->record.status = SS_RUN_IMPORTED;
    ss_clock_stamp(s->record.finished);
    TRY(ss_session_make_folder(s));
    st = write_checkpoint(s, flat);
    if (st != SS_OK)
        ss_run_directory_discard(&s->directory);
out:
    free(flat);
    return st;
}

enum ss_status ss_run_import(const char *weights, const struct ss_run_request *request,
                             struct ss_run_result *out)
{
    struct ss_session s = {.request = request, .directory.lock = -1};
    enum ss_status st = SS_OK, given;

    ss_run_record_init(&s.record);
    TRY(ss_experiment_load(request->path, request->overrides, request->n_overrides, &s.experiment));
    TRY(take_weights(&s, weights));
    ss_say(SS_LEVEL_NOTE, "%s: %zu parameters of a %s model on %zu columns", s.directory.path,
           s.record.parameters, ss_model_name(s.experiment->model.kind), s.record.dimension);
out:
    given = ss_session_result(&s, out);
    ss_session_release(&s);
    return st == SS_OK ? given : st;
}
