#include "train/checkpoint.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/text.h"
#include "train/checkpoint_folder.h"

static const char version[] = "1";
static const char average_prefix[] = "average.";
static const char *const optimizer_names[] = {"adam", "adamw", "rmsprop", "sgd"};

/* ---- parameters to and from tensors ---- */

static void add_shape(struct ss_text *t, const size_t *shape, size_t n)
{
    ss_text_add(t, "(");
    for (size_t i = 0; i < n; i++)
        ss_text_addf(t, "%s%zu", i ? ", " : "", shape[i]);
    ss_text_add(t, ")");
}

static enum ss_status fail_shape(enum ss_status st, const struct ss_tensor *t, const char *name,
                                 const struct ss_parameter *p)
{
    struct ss_text have, want;

    ss_text_init(&have);
    ss_text_init(&want);
    add_shape(&want, p->shape, p->dimensions);
    if (t)
        add_shape(&have, t->shape, t->dimensions);
    (void)SS_FAIL(
        st, "tensor '%s': the model wants shape %s, the file has %s: was it made with another model block?",
        name, want.data, t ? have.data : "no such tensor");
    ss_text_release(&have);
    ss_text_release(&want);
    return st;
}

/* One parameter from "PREFIX NAME"; `mismatch` is the status for a tensor that is not as the model wants it.
 */
static enum ss_status read_parameter(const struct ss_tensor_file *f, const char *prefix,
                                     const struct ss_parameter *p, enum ss_status mismatch, float *flat)
{
    char *name = NULL;
    float *const to = flat + p->offset;
    enum ss_status st = SS_OK;

    TRY(ss_text_format(&name, "%s%s", prefix, p->name));
    const struct ss_tensor *const t = ss_tensor_file_find(f, name);
    if (!t || t->dimensions != p->dimensions ||
        memcmp(t->shape, p->shape, t->dimensions * sizeof(*t->shape)) != 0) {
        st = fail_shape(mismatch, t, name, p);
        goto out;
    }
    if (t->type != SS_TENSOR_F32 && t->type != SS_TENSOR_F64) {
        st = SS_FAIL(SS_ERR_CORRUPT, "tensor '%s' holds integers, F32 or F64 wanted", name);
        goto out;
    }
    for (size_t i = 0; i < p->count; i++) {
        to[i] = t->type == SS_TENSOR_F32 ? ((const float *)t->data)[i] : (float)((const double *)t->data)[i];
        if (!isfinite(to[i])) {
            st = SS_FAIL(SS_ERR_CORRUPT, "tensor '%s': element %zu is not a finite float", name, i);
            goto out;
        }
    }
out:
    free(name);
    return st;
}

static enum ss_status read_parameters(const struct ss_tensor_file *f, const struct ss_graph *graph,
                                      const char *prefix, enum ss_status mismatch, float *flat)
{
    enum ss_status st = SS_OK;

    memset(flat, 0, ss_graph_flat_size(graph) * sizeof(*flat));
    for (size_t i = 0; i < ss_graph_parameters(graph); i++)
        TRY(read_parameter(f, prefix, ss_graph_parameter(graph, i), mismatch, flat));
out:
    return st;
}

static bool is_parameter(const struct ss_graph *graph, const char *name)
{
    for (size_t i = 0; i < ss_graph_parameters(graph); i++)
        if (strcmp(ss_graph_parameter(graph, i)->name, name) == 0)
            return true;
    return false;
}

/* A layer too many in the file means another model, even where all that is asked for is there. */
static enum ss_status refuse_others(const struct ss_tensor_file *f, const struct ss_graph *graph,
                                    enum ss_status mismatch)
{
    static const char *const ours[] = {"average.", "optimizer.", "training."};

    for (size_t i = 0; i < ss_tensor_file_count(f); i++) {
        const struct ss_tensor *const t = ss_tensor_file_at(f, i);
        bool known = is_parameter(graph, t->name);
        for (size_t j = 0; j < SS_COUNT(ours); j++)
            known = known || strncmp(t->name, ours[j], strlen(ours[j])) == 0;
        if (known)
            continue;
        struct ss_text shape;
        ss_text_init(&shape);
        add_shape(&shape, t->shape, t->dimensions);
        (void)SS_FAIL(mismatch,
                      "the file has a tensor '%s' of shape %s, the model has not: was it made with another "
                      "model block?",
                      t->name, shape.data);
        ss_text_release(&shape);
        return mismatch;
    }
    return SS_OK;
}

enum ss_status ss_checkpoint_parameters(const struct ss_tensor_file *f, const struct ss_graph *graph,
                                        const char *prefix, float *flat)
{
    enum ss_status st = SS_OK;

    if (!*prefix)
        TRY(refuse_others(f, graph, SS_ERR_CORRUPT));
    st = read_parameters(f, graph, prefix, SS_ERR_CORRUPT, flat);
out:
    return st;
}

/* A list of tensors under construction; names with a prefix are its own. */
struct list {
    struct ss_tensor *items;
    char **names;
    size_t count;
};

static enum ss_status list_init(struct list *l, size_t n)
{
    enum ss_status st = SS_OK;

    *l = (struct list){0};
    TRY(ss_allocate(n, &l->items));
    st = ss_allocate(n, &l->names);
out:
    return st;
}

static void list_release(struct list *l)
{
    for (size_t i = 0; l->names && i < l->count; i++)
        free(l->names[i]);
    free(l->names);
    free(l->items);
}

static enum ss_status list_add_flat(struct list *l, const struct ss_graph *graph, const char *prefix,
                                    const float *flat)
{
    enum ss_status st = SS_OK;

    for (size_t i = 0; flat && i < ss_graph_parameters(graph); i++) {
        const struct ss_parameter *const p = ss_graph_parameter(graph, i);
        struct ss_tensor *const t = &l->items[l->count];
        TRY(ss_text_format(&l->names[l->count], "%s%s", prefix, p->name));
        *t = (struct ss_tensor){.name = l->names[l->count],
                                .type = SS_TENSOR_F32,
                                .dimensions = p->dimensions,
                                .data = flat + p->offset};
        memcpy(t->shape, p->shape, p->dimensions * sizeof(*p->shape));
        l->count++;
    }
out:
    return st;
}

enum ss_status ss_checkpoint_write_parameters(const char *path, const struct ss_graph *graph,
                                              const float *flat)
{
    struct list l;
    enum ss_status st = SS_OK;

    TRY(list_init(&l, ss_graph_parameters(graph)));
    TRY(list_add_flat(&l, graph, "", flat));
    st = ss_tensor_file_write(path, l.items, l.count, NULL, 0);
out:
    list_release(&l);
    return st;
}

/* ---- training state ---- */

enum { MOST_NOTES = 12, NOTE = 32 };

struct notes {
    struct ss_metadata items[MOST_NOTES];
    char values[MOST_NOTES][NOTE];
    size_t count;
};

static void note(struct notes *n, const char *key, uint64_t value)
{
    snprintf(n->values[n->count], NOTE, "%" PRIu64, value);
    n->items[n->count] = (struct ss_metadata){key, n->values[n->count]};
    n->count++;
}

static void note_all(struct notes *n, const struct ss_checkpoint_state *s)
{
    n->count = 0;
    note(n, "step", s->step);
    note(n, "seed", s->seed);
    note(n, "batch", s->batch);
    note(n, "skipped", s->skipped);
    note(n, "without_improvement", s->without_improvement);
    note(n, "loss_count", s->loss_count);
    if (s->evaluated != SS_NO_STEP)
        note(n, "evaluated", s->evaluated);
    if (s->best_step != SS_NO_STEP) {
        note(n, "best_step", s->best_step);
        snprintf(n->values[n->count], NOTE, "%.17g", s->best_objective);
        n->items[n->count] = (struct ss_metadata){"best_objective", n->values[n->count]};
        n->count++;
    }
    n->items[n->count++] = (struct ss_metadata){"optimizer", optimizer_names[s->optimizer]};
    n->items[n->count++] = (struct ss_metadata){"version", version};
}

enum ss_status ss_checkpoint_write(const char *path, const struct ss_graph *graph,
                                   const struct ss_checkpoint_state *s)
{
    struct list l;
    struct notes n;
    enum ss_status st = SS_OK;

    TRY(list_init(&l, 4 * ss_graph_parameters(graph) + 2));
    TRY(list_add_flat(&l, graph, "", s->weights));
    TRY(list_add_flat(&l, graph, average_prefix, s->average));
    TRY(list_add_flat(&l, graph, "optimizer.first.", s->first));
    TRY(list_add_flat(&l, graph, "optimizer.second.", s->second));
    l.items[l.count++] = (struct ss_tensor){"optimizer.correction", SS_TENSOR_F32, 1, {2}, s->correction};
    l.items[l.count++] = (struct ss_tensor){"training.loss", SS_TENSOR_F32, 1, {2}, s->loss};
    note_all(&n, s);
    st = ss_tensor_file_write(path, l.items, l.count, n.items, n.count);
out:
    list_release(&l);
    return st;
}

/* A whole number from the metadata; absent: `otherwise`, or an error if that is NULL. */
static enum ss_status read_note(const struct ss_tensor_file *f, const char *key, uint64_t most,
                                const uint64_t *otherwise, uint64_t *out)
{
    const char *const text = ss_tensor_file_metadata(f, key);
    uint64_t value = 0;

    if (!text && otherwise) {
        *out = *otherwise;
        return SS_OK;
    }
    if (!text || !*text)
        return SS_FAIL(SS_ERR_CORRUPT, "no '%s' in the metadata: not a checkpoint of this program", key);
    for (const char *p = text; *p; p++) {
        const unsigned digit = (unsigned)(*p - '0');
        if (digit > 9 || value > (most - digit) / 10)
            return SS_FAIL(SS_ERR_CORRUPT, "metadata '%s' is no whole number up to %" PRIu64, key, most);
        value = 10 * value + digit;
    }
    *out = value;
    return SS_OK;
}

static enum ss_status read_pair(const struct ss_tensor_file *f, const char *name, float out[2])
{
    const struct ss_tensor *const t = ss_tensor_file_find(f, name);

    if (!t || t->type != SS_TENSOR_F32 || t->dimensions != 1 || t->shape[0] != 2)
        return SS_FAIL(SS_ERR_CORRUPT, "no tensor '%s' of two floats: not a checkpoint of this program",
                       name);
    memcpy(out, t->data, 2 * sizeof(*out));
    return SS_OK;
}

static enum ss_status read_notes(const struct ss_tensor_file *f, struct ss_checkpoint_state *s)
{
    static const uint64_t never = SS_NO_STEP;
    const char *const have = ss_tensor_file_metadata(f, "version");
    const char *const best = ss_tensor_file_metadata(f, "best_objective");
    uint64_t without, skipped, count;
    enum ss_status st = SS_OK;

    if (!have || strcmp(have, version) != 0)
        return SS_FAIL(SS_ERR_CORRUPT, "checkpoint format '%s', '%s' wanted", have ? have : "none", version);
    TRY(read_note(f, "step", SS_NO_STEP - 1, NULL, &s->step));
    TRY(read_note(f, "evaluated", SS_NO_STEP - 1, &never, &s->evaluated));
    TRY(read_note(f, "best_step", SS_NO_STEP - 1, &never, &s->best_step));
    TRY(read_note(f, "without_improvement", UINT32_MAX, NULL, &without));
    TRY(read_note(f, "skipped", UINT32_MAX, NULL, &skipped));
    TRY(read_note(f, "loss_count", UINT32_MAX, NULL, &count));
    s->without_improvement = (uint32_t)without;
    s->skipped = (uint32_t)skipped;
    s->loss_count = (uint32_t)count;
    s->best_objective = INFINITY;
    if (s->best_step != SS_NO_STEP && (!best || !ss_text_number(best, &s->best_objective)))
        return SS_FAIL(SS_ERR_CORRUPT, "metadata 'best_objective' is no number");
    TRY(read_pair(f, "optimizer.correction", s->correction));
    TRY(read_pair(f, "training.loss", s->loss));
out:
    return st;
}

/* What the configuration must share with the run that wrote the file. */
static enum ss_status check_same(const struct ss_tensor_file *f, const struct ss_checkpoint_state *s)
{
    const char *const optimizer = ss_tensor_file_metadata(f, "optimizer");
    uint64_t seed, batch;
    enum ss_status st = SS_OK;

    TRY(read_note(f, "seed", UINT32_MAX, NULL, &seed));
    TRY(read_note(f, "batch", UINT32_MAX, NULL, &batch));
    if (!optimizer || strcmp(optimizer, optimizer_names[s->optimizer]) != 0)
        return SS_FAIL(SS_ERR_USAGE, "the checkpoint was made with train.optimizer: %s, now it is %s",
                       optimizer ? optimizer : "none", optimizer_names[s->optimizer]);
    if (seed != s->seed)
        return SS_FAIL(SS_ERR_USAGE, "the checkpoint was made with seed: %" PRIu64 ", now it is %" PRIu32,
                       seed, s->seed);
    if (batch != s->batch)
        return SS_FAIL(SS_ERR_USAGE,
                       "the checkpoint was made with train.batch: %" PRIu64 ", now it is %" PRIu32, batch,
                       s->batch);
out:
    return st;
}

/* Tensors under a prefix there and wanted, or neither. */
static enum ss_status read_optional(const struct ss_tensor_file *f, const struct ss_graph *graph,
                                    const char *prefix, const char *key, float *flat)
{
    bool has = false;

    for (size_t i = 0; i < ss_tensor_file_count(f); i++)
        has = has || strncmp(ss_tensor_file_at(f, i)->name, prefix, strlen(prefix)) == 0;
    if (has != (flat != NULL))
        return SS_FAIL(SS_ERR_USAGE, "the checkpoint was made with%s %s, now it is %s", has ? "" : "out", key,
                       has ? "off" : "on");
    return has ? read_parameters(f, graph, prefix, SS_ERR_USAGE, flat) : SS_OK;
}

enum ss_status ss_checkpoint_read(const struct ss_tensor_file *f, const struct ss_graph *graph,
                                  struct ss_checkpoint_state *state)
{
    struct ss_checkpoint_state s = *state;
    enum ss_status st = SS_OK;

    TRY(read_notes(f, &s));
    TRY(check_same(f, &s));
    TRY(refuse_others(f, graph, SS_ERR_USAGE));
    TRY(read_parameters(f, graph, "", SS_ERR_USAGE, s.weights));
    TRY(read_optional(f, graph, average_prefix, "train.average", s.average));
    TRY(read_optional(f, graph, "optimizer.first.", "train.momentum", s.first));
    TRY(read_optional(f, graph, "optimizer.second.", "second moments", s.second));
    *state = s;
out:
    return st;
}

enum ss_status ss_checkpoint_load_tensors(const struct ss_tensor_file *f, const struct ss_graph *graph,
                                          float *flat)
{
    bool averaged = false;
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < ss_tensor_file_count(f); i++)
        averaged = averaged ||
                   strncmp(ss_tensor_file_at(f, i)->name, average_prefix, sizeof(average_prefix) - 1) == 0;
    TRY(refuse_others(f, graph, SS_ERR_USAGE));
    st = read_parameters(f, graph, averaged ? average_prefix : "", SS_ERR_USAGE, flat);
out:
    return st;
}

uint64_t ss_checkpoint_step(const struct ss_tensor_file *f)
{
    static const uint64_t never = SS_NO_STEP;
    uint64_t step;

    return read_note(f, "step", SS_NO_STEP - 1, &never, &step) == SS_OK ? step : SS_NO_STEP;
}
