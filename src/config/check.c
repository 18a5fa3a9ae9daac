/* What holds between keys. Values by themselves were checked by convert.c. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "config/load.h"

__attribute__((format(printf, 5, 6))) static void wrong(struct ss_loader *l, enum ss_key_id id, bool at_key,
                                                        const char *hint, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    ss_problems_add(&l->problems, ss_loader_place(l, id, at_key), ss_keys[id].path, hint, "%s", text);
}

static bool from_file(const struct ss_yaml_node *node)
{
    return node && node->place.document->order == 0;
}

/* How to take back a key that the file gives, if it is an override that makes it one too many. */
static void add_remedy(const struct ss_loader *l, enum ss_key_id id, enum ss_key_id because,
                       struct ss_text *hint)
{
    if (from_file(l->given[id]) && l->given[because] && !from_file(l->given[because]))
        ss_text_addf(hint, "; take it back by %s=null", ss_keys[id].path);
}

static void check_use(struct ss_loader *l, enum ss_key_id id)
{
    const struct ss_key *const key = &ss_keys[id];
    const enum ss_key_id by = key->selector;
    struct ss_text hint;

    if (!ss_loader_has(l, id) || by == SS_KEY_NONE || l->bad[by] || ss_key_used(l->e, key))
        return;
    /* A resolved file holds no key that its own kinds do not use: an override has chosen another kind. */
    if (l->may_be_gone && l->given[id]->place.document->order == 0)
        return;
    const unsigned value = *(const unsigned *)ss_key_value(l->e, &ss_keys[by]);
    const bool file = by == SS_KEY_DATA_SOURCE && value == SS_SOURCE_NONE;
    if (file && !l->given[SS_KEY_DATA_FILE])
        return; /* neither source nor file: that is said elsewhere */
    ss_text_init(&hint);
    ss_text_addf(&hint, "%s is for ", key->path);
    ss_key_values_named(key, key->users, &hint);
    add_remedy(l, id, file ? SS_KEY_DATA_FILE : by, &hint);
    if (file)
        wrong(l, id, true, hint.data, "not used with data.file");
    else
        wrong(l, id, true, hint.data, "not used with %s: %s%s", ss_keys[by].path,
              ss_keys[by].names->names[value], l->given[by] ? "" : " (the default)");
    ss_text_release(&hint);
}

static void check_either(struct ss_loader *l, enum ss_key_id a, enum ss_key_id b)
{
    struct ss_text hint;

    if (!l->given[a] || !l->given[b])
        return;
    ss_text_init(&hint);
    ss_text_addf(&hint, "give either %s or %s", ss_keys[a].path, ss_keys[b].path);
    add_remedy(l, a, b, &hint);
    add_remedy(l, b, a, &hint);
    wrong(l, b, true, hint.data, "given together with %s", ss_keys[a].path);
    ss_text_release(&hint);
}

/* Symmetric and positive definite, by Cholesky; `a` is D x D and is overwritten. */
static bool is_covariance(double *a, size_t d)
{
    for (size_t i = 0; i < d; i++) {
        for (size_t j = 0; j < i; j++)
            if (fabs(a[i * d + j] - a[j * d + i]) > 1e-9 * (fabs(a[i * d + j]) + fabs(a[j * d + i])))
                return false;
    }
    for (size_t i = 0; i < d; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = a[i * d + j];
            for (size_t k = 0; k < j; k++)
                sum -= a[i * d + k] * a[j * d + k];
            if (i == j && !(sum > 1e-12 * a[i * d + i]))
                return false;
            a[i * d + j] = i == j ? sqrt(sum) : sum / a[j * d + j];
        }
    }
    return true;
}

static enum ss_status check_covariance(struct ss_loader *l, struct ss_place place, const char *path,
                                       const struct ss_numbers *c, size_t d)
{
    double *copy = NULL;
    enum ss_status st = SS_OK;
    bool good = true;

    if (c->count == 0)
        return SS_OK;
    if (c->count != 1 && c->count != d && c->count != d * d) {
        ss_problems_add(&l->problems, place, path, "give one number, the diagonal, or all rows of the matrix",
                        "%zu numbers in %zu dimensions", c->count, d);
        return SS_OK;
    }
    if (c->count == d * d) {
        TRY(ss_allocate(c->count, &copy));
        memcpy(copy, c->items, c->count * sizeof(*copy));
        good = is_covariance(copy, d);
    }
    for (size_t i = 0; c->count < d * d && i < c->count; i++)
        good = good && c->items[i] > 0;
    if (!good)
        ss_problems_add(&l->problems, place, path,
                        "it is symmetric with positive eigenvalues; variances, not standard deviations",
                        "not positive definite");
out:
    free(copy);
    return st;
}

static enum ss_status check_components(struct ss_loader *l)
{
    const struct ss_data_options *const data = &l->e->data;
    const struct ss_yaml_node *node = data->n_components ? l->given[SS_KEY_DATA_COMPONENTS]->first : NULL;
    enum ss_status st = SS_OK;
    char path[64];

    for (size_t i = 0; i < data->n_components; i++, node = node->next) {
        const struct ss_component *const component = &data->components[i];
        snprintf(path, sizeof(path), "data.components[%zu].mean", i);
        if (component->mean.count != data->dimension)
            ss_problems_add(&l->problems, node->place, path, NULL, "%zu numbers in %u dimensions",
                            component->mean.count, data->dimension);
        snprintf(path, sizeof(path), "data.components[%zu].covariance", i);
        TRY(check_covariance(l, node->place, path, &component->covariance, data->dimension));
    }
out:
    return st;
}

/* D from what is longest known: the key itself, else mean, else the components, else the matrix. */
static size_t infer_dimension(const struct ss_loader *l)
{
    const struct ss_data_options *const data = &l->e->data;
    const struct ss_yaml_node *const covariance = l->given[SS_KEY_DATA_COVARIANCE];

    if (l->given[SS_KEY_DATA_DIMENSION])
        return data->dimension;
    if (data->mean.count)
        return data->mean.count;
    if (data->n_components)
        return data->components[0].mean.count;
    if (data->covariance.count > 1)
        return covariance->first->kind == SS_YAML_SEQUENCE ? covariance->count : data->covariance.count;
    return data->dimension;
}

static enum ss_status check_shapes(struct ss_loader *l)
{
    struct ss_data_options *const data = &l->e->data;
    enum ss_status st = SS_OK;

    data->dimension = (uint32_t)infer_dimension(l);
    if (data->source == SS_SOURCE_FUNNEL && data->dimension < 2)
        wrong(l, SS_KEY_DATA_DIMENSION, false, NULL, "the funnel has at least 2 dimensions, found %u",
              data->dimension);
    if (data->mean.count && data->mean.count != data->dimension)
        wrong(l, SS_KEY_DATA_MEAN, false, NULL, "%zu numbers in %u dimensions", data->mean.count,
              data->dimension);
    TRY(check_covariance(l, ss_loader_place(l, SS_KEY_DATA_COVARIANCE, false), "data.covariance",
                         &data->covariance, data->dimension));
    TRY(check_components(l));
out:
    return st;
}

/* Formats that are no text have no header and no separator. */
static void check_format(struct ss_loader *l)
{
    static const enum ss_key_id for_csv[] = {SS_KEY_DATA_HEADER, SS_KEY_DATA_SEPARATOR};
    const char *const file = l->e->data.file;

    if (!file || !(ss_path_has_extension(file, "npy") || ss_path_has_extension(file, "idx")))
        return;
    for (size_t i = 0; i < SS_COUNT(for_csv); i++)
        if (ss_loader_has(l, for_csv[i]))
            wrong(l, for_csv[i], true, NULL, "for CSV files only, found '%s'", strrchr(file, '.'));
}

static enum ss_status check_data(struct ss_loader *l)
{
    const struct ss_data_options *const data = &l->e->data;
    const bool synthetic = data->source != SS_SOURCE_NONE && data->source < SS_SOURCE_MNIST;
    const enum ss_key_id split =
        l->given[SS_KEY_DATA_SPLIT_TEST] ? SS_KEY_DATA_SPLIT_TEST : SS_KEY_DATA_SPLIT_VALIDATION;

    if (!l->e->has_data || l->bad[SS_KEY_DATA])
        return SS_OK;
    if (!l->given[SS_KEY_DATA_SOURCE] && !l->given[SS_KEY_DATA_FILE] && !l->bad[SS_KEY_DATA_SOURCE] &&
        !l->bad[SS_KEY_DATA_FILE])
        wrong(l, SS_KEY_DATA, true, "as in data: {source: two_moons} or data: {file: table.csv}",
              "says neither source nor file");
    check_either(l, SS_KEY_DATA_SOURCE, SS_KEY_DATA_FILE);
    check_either(l, SS_KEY_DATA_COLUMNS_KEEP, SS_KEY_DATA_COLUMNS_DROP);
    if (synthetic && ss_loader_has(l, SS_KEY_DATA_ROWS) && data->rows == 0)
        wrong(l, SS_KEY_DATA_ROWS, false, NULL, "wanted at least 1 row of a synthetic set, found 0");
    if (data->validation + data->test >= 1)
        wrong(l, split, false, "both are fractions of all rows; 0.1 each is usual",
              "validation %g and test %g leave no rows to train on", data->validation, data->test);
    check_format(l);
    return check_shapes(l);
}

static void check_name(struct ss_loader *l)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const char *const name = l->e->name;

    if (!ss_loader_has(l, SS_KEY_NAME))
        return;
    if (name[0] == '.' || name[strspn(name, plain)] || strlen(name) > 128)
        wrong(l, SS_KEY_NAME, false,
              "it names a folder: letters, digits, '.', '_' and '-', not a '.' first, at most 128",
              "not a name for a run");
}

static void check_training(struct ss_loader *l)
{
    const struct ss_experiment *const e = l->e;

    check_either(l, SS_KEY_TRAIN_STEPS, SS_KEY_TRAIN_EPOCHS);
    if (e->train.patience > 0 && ss_loader_has(l, SS_KEY_TRAIN_PATIENCE)) {
        if (e->evaluate.every == 0)
            wrong(l, SS_KEY_TRAIN_PATIENCE, false, "set evaluate.every, or patience 0",
                  "early stopping needs evaluations on the way, and evaluate.every is 0");
        if (e->has_data && e->data.validation <= 0)
            wrong(l, SS_KEY_TRAIN_PATIENCE, false, "set data.split.validation, or patience 0",
                  "early stopping needs held-out rows, and data.split.validation is 0");
    }
    if (e->sample.sampler != SS_SAMPLER_LANGEVIN && e->has_model && e->model.kind == SS_MODEL_SCORE &&
        ss_loader_has(l, SS_KEY_SAMPLE_SAMPLER))
        wrong(l, SS_KEY_SAMPLE_SAMPLER, false, "use langevin, or model.kind: energy",
              "%s accepts and rejects by the density, and a score net has none",
              ss_sampler_name(e->sample.sampler));
}

enum ss_status ss_loader_check(struct ss_loader *l)
{
    for (size_t i = 0; i < SS_KEY_COUNT; i++)
        check_use(l, (enum ss_key_id)i);
    check_name(l);
    check_training(l);
    return check_data(l);
}
