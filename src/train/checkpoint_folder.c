#include "train/checkpoint_folder.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/text.h"

static const char best_name[] = "best.safetensors";

enum ss_status ss_checkpoint_path(const char *folder, uint64_t step, char **out)
{
    char name[64];

    snprintf(name, sizeof(name), "step-%08" PRIu64 ".safetensors", step);
    return ss_path_join(folder, name, out);
}

/* ---- what is there ---- */

struct steps {
    uint64_t *items; /* newest first */
    size_t count, capacity;
};

/* True for exactly the names that ss_checkpoint_path makes. */
static bool parse_name(const char *name, uint64_t *step)
{
    char again[64];
    uint64_t value;
    int end = 0;

    if (sscanf(name, "step-%" SCNu64 ".safetensors%n", &value, &end) != 1 || !end || name[end])
        return false;
    snprintf(again, sizeof(again), "step-%08" PRIu64 ".safetensors", value);
    *step = value;
    return strcmp(again, name) == 0;
}

static enum ss_status add_step(struct steps *s, uint64_t step)
{
    if (s->count == s->capacity) {
        const size_t capacity = s->capacity ? 2 * s->capacity : 16;
        uint64_t *const items = realloc(s->items, capacity * sizeof(*items));
        if (!items)
            return SS_FAIL_MEMORY(capacity * sizeof(*items));
        s->items = items;
        s->capacity = capacity;
    }
    s->items[s->count++] = step;
    return SS_OK;
}

static int newest_first(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x == y ? 0 : x > y ? -1 : 1;
}

/* A folder that is not there has no checkpoints. */
static enum ss_status scan(const char *folder, struct steps *s)
{
    enum ss_status st = SS_OK;
    DIR *const d = opendir(folder);
    uint64_t step;

    *s = (struct steps){0};
    if (!d && errno == ENOENT)
        return SS_OK;
    if (!d)
        return SS_FAIL(SS_ERR_FILE, "%s: %s", folder, strerror(errno));
    for (const struct dirent *e; (e = readdir(d));)
        if (parse_name(e->d_name, &step))
            TRY(add_step(s, step));
    if (s->count)
        qsort(s->items, s->count, sizeof(*s->items), newest_first);
out:
    closedir(d);
    return st;
}

/* ---- trying a file: what is wrong with it becomes a warning ---- */

struct heard {
    ss_sink_fn *fn;
    void *context;
    char *reason; /* the last error */
};

static void hear(void *context, enum ss_level level, const char *text)
{
    struct heard *const h = context;

    if (level == SS_LEVEL_ERROR) {
        free(h->reason);
        h->reason = strdup(text);
    }
}

static void start_hearing(struct heard *h)
{
    h->reason = NULL;
    ss_sink_get(&h->fn, &h->context);
    ss_sink_set(hear, h);
}

static void stop_hearing(struct heard *h)
{
    ss_sink_set(h->fn, h->context);
}

typedef enum ss_status use_fn(void *context, const struct ss_tensor_file *f);

/* Open and use one file. SS_ERR_CORRUPT and SS_ERR_FILE: damaged, said as a warning, *done stays false. */
static enum ss_status try_file(const char *path, use_fn *use, void *context, bool *done)
{
    struct ss_tensor_file *f = NULL;
    struct heard h;

    start_hearing(&h);
    enum ss_status st = ss_tensor_file_open(path, &f);
    if (st == SS_OK)
        st = use(context, f);
    stop_hearing(&h);
    ss_tensor_file_free(f);
    const char *const reason = h.reason ? h.reason : ss_status_name(st);
    *done = st == SS_OK;
    if (st == SS_ERR_CORRUPT || st == SS_ERR_FILE) {
        if (strstr(reason, path))
            ss_say(SS_LEVEL_WARNING, "damaged checkpoint passed over: %s", reason);
        else
            ss_say(SS_LEVEL_WARNING, "damaged checkpoint passed over: %s: %s", path, reason);
        st = SS_OK;
    } else if (st != SS_OK) {
        st = SS_FAIL(st, "%s: %s", path, reason);
    }
    free(h.reason);
    return st;
}

/* Newest first until one can be used. */
static enum ss_status try_steps(const char *folder, use_fn *use, void *context, bool *done, size_t *n_tried)
{
    struct steps steps;
    char *path = NULL;
    enum ss_status st = SS_OK;

    *done = false;
    TRY(scan(folder, &steps));
    *n_tried = steps.count;
    for (size_t i = 0; i < steps.count && !*done; i++) {
        free(path);
        path = NULL;
        TRY(ss_checkpoint_path(folder, steps.items[i], &path));
        TRY(try_file(path, use, context, done));
    }
out:
    free(path);
    free(steps.items);
    return st;
}

/* ---- resume and load ---- */

struct reading {
    const struct ss_graph *graph;
    struct ss_checkpoint_state *state;
    float *flat;
    uint64_t step;
};

static enum ss_status use_state(void *context, const struct ss_tensor_file *f)
{
    struct reading *const r = context;

    return ss_checkpoint_read(f, r->graph, r->state);
}

enum ss_status ss_checkpoint_resume(const char *folder, const struct ss_graph *graph,
                                    struct ss_checkpoint_state *state, bool *found)
{
    struct reading r = {.graph = graph, .state = state};
    enum ss_status st = SS_OK;
    bool done = false;
    size_t n_tried = 0;

    TRY(try_steps(folder, use_state, &r, &done, &n_tried));
    if (!done && n_tried) {
        st = SS_FAIL(SS_ERR_CORRUPT, "%s: none of its %zu checkpoints is sound: start the run again", folder,
                     n_tried);
        goto out;
    }
    *found = done;
out:
    return st;
}

static enum ss_status use_weights(void *context, const struct ss_tensor_file *f)
{
    struct reading *const r = context;

    r->step = ss_checkpoint_step(f);
    return ss_checkpoint_load_tensors(f, r->graph, r->flat);
}

enum ss_status ss_checkpoint_load_weights(const char *folder, const struct ss_graph *graph,
                                          enum ss_weights which, float *flat, uint64_t *step)
{
    struct reading r = {.graph = graph, .flat = flat, .step = SS_NO_STEP};
    enum ss_status st = SS_OK;
    bool done = false, has_best = false;
    char *best = NULL;
    size_t n_tried = 0;

    TRY(ss_path_join(folder, best_name, &best));
    has_best = which == SS_WEIGHTS_BEST && ss_path_exists(best);
    if (has_best)
        TRY(try_file(best, use_weights, &r, &done));
    if (!done)
        TRY(try_steps(folder, use_weights, &r, &done, &n_tried));
    if (!done && (n_tried || has_best))
        st = SS_FAIL(SS_ERR_CORRUPT, "%s: no sound checkpoint of this model", folder);
    else if (!done)
        st = SS_FAIL(SS_ERR_FILE, "%s: no checkpoint: has the run been started?", folder);
    else
        *step = r.step == SS_NO_STEP ? 0 : r.step;
out:
    free(best);
    return st;
}

enum ss_status ss_checkpoint_load_file(const char *path, const struct ss_graph *graph, float *flat)
{
    struct ss_tensor_file *f = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_tensor_file_open(path, &f));
    st = ss_checkpoint_load_tensors(f, graph, flat);
    if (st != SS_OK)
        ss_say(SS_LEVEL_ERROR, "%s: cannot be used", path);
out:
    ss_tensor_file_free(f);
    return st;
}

bool ss_checkpoint_best_is(const char *folder, uint64_t step)
{
    struct ss_tensor_file *f = NULL;
    struct heard h;
    char *path = NULL;
    bool same = false;

    start_hearing(&h);
    if (ss_path_join(folder, best_name, &path) == SS_OK && ss_tensor_file_open(path, &f) == SS_OK)
        same = ss_checkpoint_step(f) == step;
    stop_hearing(&h);
    free(h.reason);
    ss_tensor_file_free(f);
    free(path);
    return same;
}

/* ---- tidying ---- */

/* What cannot be removed only takes space. */
void ss_checkpoint_prune(const char *folder, uint64_t newest, uint32_t keep)
{
    struct steps steps;
    size_t kept = 1;

    ss_folder_remove_leftovers(folder);
    const bool scanned = scan(folder, &steps) == SS_OK;
    for (size_t i = 0; scanned && i < steps.count; i++) {
        char *path = NULL;
        if (steps.items[i] >= newest || kept++ < keep)
            continue;
        if (ss_checkpoint_path(folder, steps.items[i], &path) == SS_OK)
            unlink(path);
        free(path);
    }
    free(steps.items);
}
