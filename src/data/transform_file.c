/* transform_file.c - a fitted chain in a safetensors file, and back. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/tensor_file.h"
#include "base/text.h"
#include "data/transform_chain.h"

/*
 * Tensors: chain = (inputs, outputs, height, width, lossy, steps), from, origin, fill (if any), and for step
 * K step.K = (kind, value, centre, log_det), step.K.shift, .scale, .matrix, .inverse as the kind has them.
 * Metadata: format, and column.K for the names.
 */
static const char format[] = "slicescore transform 1";

enum { CHAIN_NUMBERS = 6, STEP_NUMBERS = 4, MOST_STEPS = 1000, MOST_COLUMNS = 1 << 24, NAME_BYTES = 48 };
static const char *const parts[] = {"shift", "scale", "matrix", "inverse"};

/* Which arrays a step of this kind has, in the order of `parts`. */
static const bool has_part[][4] = {
    [SS_STEP_AFFINE] = {true, true, false, false},  [SS_STEP_DEQUANTIZE] = {false, true, false, false},
    [SS_STEP_LOGIT] = {false, false, false, false}, [SS_STEP_NOISE] = {false, false, false, false},
    [SS_STEP_MATRIX] = {true, false, true, true},
};

static double **part_of(struct ss_step *s, size_t part)
{
    double **const all[] = {&s->shift, &s->scale, &s->matrix, &s->inverse};

    return all[part];
}

/* ---- save ---- */

struct writer {
    struct ss_tensor *tensors;
    struct ss_metadata *metadata;
    char (*names)[NAME_BYTES]; /* of tensors */
    char (*keys)[NAME_BYTES];  /* of metadata */
    double (*numbers)[STEP_NUMBERS];
    size_t n;
};

static void add(struct writer *w, enum ss_tensor_type type, size_t rows, size_t columns, const void *data)
{
    struct ss_tensor *const x = &w->tensors[w->n];

    *x = (struct ss_tensor){.name = w->names[w->n],
                            .type = type,
                            .dimensions = columns ? 2 : 1,
                            .shape = {rows, columns},
                            .data = data};
    w->n++;
}

static void add_step(struct writer *w, const struct ss_transform *t, size_t k)
{
    struct ss_step *const s = &t->steps[k];
    const double numbers[STEP_NUMBERS] = {(double)s->kind, s->value, s->centre, s->log_det};

    memcpy(w->numbers[k], numbers, sizeof numbers);
    snprintf(w->names[w->n], NAME_BYTES, "step.%zu", k);
    add(w, SS_TENSOR_F64, STEP_NUMBERS, 0, w->numbers[k]);
    for (size_t p = 0; p < SS_COUNT(parts); p++)
        if (has_part[s->kind][p]) {
            snprintf(w->names[w->n], NAME_BYTES, "step.%zu.%s", k, parts[p]);
            add(w, SS_TENSOR_F64, t->outputs, p >= 2 ? t->outputs : 0, *part_of(s, p));
        }
}

enum ss_status ss_transform_save(const struct ss_transform *t, const char *path)
{
    const size_t most = 4 + 5 * t->n_steps, n_metadata = t->inputs + 1;
    const int64_t chain[CHAIN_NUMBERS] = {(int64_t)t->inputs, (int64_t)t->outputs,
                                          (int64_t)t->height, (int64_t)t->width,
                                          t->lossy,           (int64_t)t->n_steps};
    struct writer w = {NULL, NULL, NULL, NULL, NULL, 0};
    int64_t *from = NULL, *origin = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(most, &w.tensors));
    TRY(ss_allocate(most, &w.names));
    TRY(ss_allocate(n_metadata, &w.metadata));
    TRY(ss_allocate(n_metadata, &w.keys));
    TRY(ss_allocate(t->n_steps, &w.numbers));
    TRY(ss_allocate(t->outputs, &from));
    TRY(ss_allocate(t->outputs, &origin));
    for (size_t i = 0; i < t->outputs; i++) {
        from[i] = t->from[i];
        origin[i] = t->origin[i];
    }
    snprintf(w.names[0], NAME_BYTES, "chain");
    add(&w, SS_TENSOR_I64, CHAIN_NUMBERS, 0, chain);
    snprintf(w.names[1], NAME_BYTES, "from");
    add(&w, SS_TENSOR_I64, t->outputs, 0, from);
    snprintf(w.names[2], NAME_BYTES, "origin");
    add(&w, SS_TENSOR_I64, t->outputs, 0, origin);
    if (t->fill) {
        snprintf(w.names[3], NAME_BYTES, "fill");
        add(&w, SS_TENSOR_F64, t->inputs, 0, t->fill);
    }
    for (size_t k = 0; k < t->n_steps; k++)
        add_step(&w, t, k);
    for (size_t i = 0; i < t->inputs; i++) {
        snprintf(w.keys[i], NAME_BYTES, "column.%zu", i);
        w.metadata[i] = (struct ss_metadata){w.keys[i], t->names[i]};
    }
    w.metadata[t->inputs] = (struct ss_metadata){"format", format};
    TRY(ss_tensor_file_write(path, w.tensors, w.n, w.metadata, n_metadata));
out:
    free(w.tensors);
    free(w.names);
    free(w.metadata);
    free(w.keys);
    free(w.numbers);
    free(from);
    free(origin);
    return st;
}

/* ---- load ---- */

struct reader {
    const char *path;
    struct ss_tensor_file *file;
};

static enum ss_status corrupt(const struct reader *r, const char *what)
{
    return SS_FAIL(SS_ERR_CORRUPT, "%s: %s: it is not a transform that this program wrote, or it is damaged",
                   r->path, what);
}

/* The tensor `name` if it has this type and number of elements. */
static enum ss_status get(const struct reader *r, const char *name, enum ss_tensor_type type, size_t count,
                          const struct ss_tensor **out)
{
    const struct ss_tensor *const x = ss_tensor_file_find(r->file, name);

    if (!x)
        return SS_FAIL(SS_ERR_CORRUPT, "%s: no tensor '%s': not a transform that this program wrote", r->path,
                       name);
    if (x->type != type || ss_tensor_count(x) != count)
        return SS_FAIL(SS_ERR_CORRUPT, "%s: tensor '%s' has %zu elements of another type or number than %zu",
                       r->path, name, ss_tensor_count(x), count);
    *out = x;
    return SS_OK;
}

static enum ss_status get_doubles(const struct reader *r, const char *name, size_t count, bool nan_allowed,
                                  double **out)
{
    const struct ss_tensor *x;
    double *values = NULL;
    enum ss_status st = SS_OK;

    TRY(get(r, name, SS_TENSOR_F64, count, &x));
    TRY(ss_allocate(count, &values));
    memcpy(values, x->data, count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        if (isinf(values[i]) || (isnan(values[i]) && !nan_allowed)) {
            st = SS_FAIL(SS_ERR_CORRUPT, "%s: tensor '%s' holds a number that is not finite", r->path, name);
            goto out;
        }
    *out = values;
    values = NULL;
out:
    free(values);
    return st;
}

static enum ss_status get_columns(const struct reader *r, const char *name, const struct ss_transform *t,
                                  uint32_t **out)
{
    const struct ss_tensor *x;
    enum ss_status st = SS_OK;

    TRY(get(r, name, SS_TENSOR_I64, t->outputs, &x));
    TRY(ss_allocate(t->outputs, out));
    for (size_t i = 0; i < t->outputs; i++) {
        int64_t column;
        memcpy(&column, (const char *)x->data + i * sizeof column, sizeof column);
        if (column < 0 || (uint64_t)column >= t->inputs) {
            st = corrupt(r, "a column number is out of range");
            goto out;
        }
        (*out)[i] = (uint32_t)column;
    }
out:
    return st;
}

static bool step_is_sound(const struct ss_step *s, size_t n)
{
    if (s->kind == SS_STEP_LOGIT && !(s->value >= 0.0 && s->value < 0.5))
        return false;
    if ((s->kind == SS_STEP_NOISE || s->kind == SS_STEP_DEQUANTIZE) && !(s->value > 0.0))
        return false;
    for (size_t i = 0; s->kind == SS_STEP_AFFINE && i < n; i++)
        if (s->scale[i] == 0.0)
            return false;
    return true;
}

static enum ss_status load_step(const struct reader *r, struct ss_transform *t, size_t k)
{
    struct ss_step *const s = &t->steps[k];
    char name[NAME_BYTES];
    double *numbers = NULL;
    enum ss_status st = SS_OK;

    snprintf(name, sizeof name, "step.%zu", k);
    TRY(get_doubles(r, name, STEP_NUMBERS, false, &numbers));
    if (!(numbers[0] >= 0.0 && numbers[0] < (double)SS_COUNT(has_part) && numbers[0] == floor(numbers[0]))) {
        st = corrupt(r, "a step of unknown kind");
        goto out;
    }
    s->kind = (enum ss_step_kind)numbers[0];
    s->value = numbers[1];
    s->centre = numbers[2];
    s->log_det = numbers[3];
    for (size_t p = 0; p < SS_COUNT(parts); p++)
        if (has_part[s->kind][p]) {
            snprintf(name, sizeof name, "step.%zu.%s", k, parts[p]);
            TRY(get_doubles(r, name, p >= 2 ? t->outputs * t->outputs : t->outputs, false, part_of(s, p)));
        }
    if (!step_is_sound(s, t->outputs))
        st = corrupt(r, "a step with a parameter out of range");
out:
    free(numbers);
    return st;
}

static enum ss_status load_chain(const struct reader *r, struct ss_transform *t)
{
    const struct ss_tensor *x;
    int64_t chain[CHAIN_NUMBERS];
    enum ss_status st = SS_OK;

    TRY(get(r, "chain", SS_TENSOR_I64, CHAIN_NUMBERS, &x));
    memcpy(chain, x->data, sizeof chain);
    const int64_t inputs = chain[0], outputs = chain[1], height = chain[2], width = chain[3];
    /* The file is as large as it says, so what it could make us allocate is bounded by outputs; names bound
     * inputs. */
    if (inputs < 1 || inputs > MOST_COLUMNS || outputs < 1 || outputs > inputs || chain[5] < 0 ||
        chain[5] > MOST_STEPS || chain[4] < 0 || chain[4] > 1 ||
        !((height == 0 && width == 0) ||
          (height > 0 && width > 0 && height <= inputs && width <= inputs && height * width == inputs)))
        return corrupt(r, "its sizes make no sense");
    char last[NAME_BYTES];
    snprintf(last, sizeof last, "column.%lld", (long long)inputs - 1);
    if (!ss_tensor_file_metadata(r->file, last))
        return corrupt(r, "column names are missing");
    t->inputs = (size_t)inputs;
    t->outputs = (size_t)outputs;
    t->height = (size_t)height;
    t->width = (size_t)width;
    t->lossy = chain[4] == 1;
    TRY(ss_allocate((size_t)chain[5], &t->steps));
    t->n_steps = (size_t)chain[5];
out:
    return st;
}

static enum ss_status load(const struct reader *r, struct ss_transform *t)
{
    const char *const said = ss_tensor_file_metadata(r->file, "format");
    enum ss_status st = SS_OK;

    if (!said || strcmp(said, format) != 0)
        return corrupt(r, said ? "another format or version" : "no format in the metadata");
    TRY(load_chain(r, t));
    TRY(get_columns(r, "from", t, &t->from));
    TRY(get_columns(r, "origin", t, &t->origin));
    TRY(ss_allocate(t->inputs, &t->names));
    for (size_t i = 0; i < t->inputs; i++) {
        char key[NAME_BYTES];
        snprintf(key, sizeof key, "column.%zu", i);
        const char *const name = ss_tensor_file_metadata(r->file, key);
        if (!name)
            return corrupt(r, "column names are missing");
        TRY(ss_text_copy(name, &t->names[i]));
    }
    if (ss_tensor_file_find(r->file, "fill"))
        TRY(get_doubles(r, "fill", t->inputs, true, &t->fill));
    for (size_t k = 0; k < t->n_steps; k++)
        TRY(load_step(r, t, k));
out:
    return st;
}

enum ss_status ss_transform_load(const char *path, struct ss_transform **out)
{
    struct reader r = {path, NULL};
    struct ss_transform *t = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_tensor_file_open(path, &r.file));
    TRY(ss_allocate(1, &t));
    TRY(load(&r, t));
    *out = t;
    t = NULL;
out:
    ss_transform_free(t);
    ss_tensor_file_free(r.file);
    return st;
}
