/* Which points a sweep has, and whether a folder holds the same sweep. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/checked.h"
#include "base/json.h"
#include "config/config.h"
#include "config/sweep.h"
#include "run/session.h"
#include "run/sweep.h"

enum { MOST_LINES = 12, MOST_DEPTH = 8 };

static void digest_of(const char *text, char out[33])
{
    const XXH128_hash_t h = XXH3_128bits(text, strlen(text));

    snprintf(out, 33, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

static enum ss_status resolved_text(const struct ss_experiment *e, char **out)
{
    struct ss_text t;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    TRY(ss_experiment_write(e, false, &t));
    TRY(ss_text_status(&t));
    *out = ss_text_detach(&t);
out:
    ss_text_release(&t);
    return st;
}

/* {"train.batch": "64"}; without the last key if `all` is false. */
static enum ss_status setting_text(const struct ss_sweep *s, size_t index, bool all, char **out)
{
    struct ss_text t;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    ss_json_open(&t, NULL, '{');
    for (size_t k = 0; k + (all ? 0 : 1) < s->n_keys; k++)
        if (s->values[index * s->n_keys + k])
            ss_json_text(&t, s->keys[k], s->values[index * s->n_keys + k]);
    ss_json_close(&t, '}');
    TRY(ss_text_status(&t));
    *out = ss_text_detach(&t);
out:
    ss_text_release(&t);
    return st;
}

static enum ss_status list_text(char *const *items, size_t n, char **out)
{
    struct ss_text t;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    ss_json_open(&t, NULL, '[');
    for (size_t i = 0; i < n; i++)
        ss_json_text(&t, NULL, items[i]);
    ss_json_close(&t, ']');
    TRY(ss_text_status(&t));
    *out = ss_text_detach(&t);
out:
    ss_text_release(&t);
    return st;
}

/* What halving compares has to be there when it decides, and to mean the same for all points. The sliced
 * objectives and the exact one have the same expectation; the denoising one has another for each sigma. */
static enum ss_status check_halving(struct ss_halving h, const struct ss_experiment *e,
                                    struct ss_objective_options *of_first)
{
    if (!h.first)
        return SS_OK;
    if (!e->evaluate.every || h.first % e->evaluate.every)
        return SS_FAIL(SS_ERR_USAGE,
                       "sweep.halving: first is %" PRIu64
                       " steps, and wants to be a multiple of evaluate.every (%" PRIu64
                       "): the objective on held-out rows is known at those steps alone",
                       h.first, e->evaluate.every);
    if (e->data.validation <= 0)
        return SS_FAIL(SS_ERR_USAGE, "sweep.halving: compares settings on validation rows, and "
                                     "data.split.validation is 0");
    if (of_first->count == 0)
        *of_first = e->objective;
    if ((of_first->kind == SS_OBJECTIVE_DSM || e->objective.kind == SS_OBJECTIVE_DSM) &&
        (of_first->kind != e->objective.kind || of_first->sigma != e->objective.sigma))
        return SS_FAIL(SS_ERR_USAGE,
                       "sweep.halving: the objective dsm cannot be compared with another one, nor "
                       "with that of another objective.sigma");
    return SS_OK;
}

static enum ss_status make_point(const struct ss_sweep *s, size_t index,
                                 struct ss_objective_options *of_first, struct ss_point *out)
{
    struct ss_point p = {0};
    struct ss_experiment *e = NULL;
    char **overrides = NULL, digest[33];
    size_t n = 0;
    enum ss_status st = SS_OK;

    TRY(ss_sweep_overrides(s, index, &overrides, &n));
    TRY(ss_sweep_experiment(s, overrides, n, &e));
    TRY(ss_session_wants(e));
    TRY(check_halving(s->halving, e, of_first));
    TRY(resolved_text(e, &p.resolved));
    TRY(list_text(overrides, n, &p.overrides));
    TRY(setting_text(s, index, true, &p.setting));
    TRY(setting_text(s, index, !s->repeated, &p.group));
    digest_of(p.resolved, digest);
    TRY(ss_text_copy(digest, &p.digest));
    *out = p;
    p = (struct ss_point){0};
out:
    ss_point_release(&p);
    ss_experiment_free(e);
    ss_sweep_overrides_free(overrides, n);
    return st;
}

/* ---- digests in order ---- */

struct entry {
    const char *digest;
    size_t index;
};

static int by_digest(const void *a, const void *b)
{
    const struct entry *const x = a, *const y = b;
    const int order = strcmp(x->digest, y->digest);

    return order ? order : x->index < y->index ? -1 : x->index > y->index;
}

static enum ss_status sort_digests(const struct ss_points *points, struct entry **out)
{
    struct entry *e = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(points->count, &e));
    for (size_t i = 0; i < points->count; i++)
        e[i] = (struct entry){points->items[i].digest, i};
    qsort(e, points->count, sizeof(*e), by_digest);
    *out = e;
out:
    return st;
}

static int compare_digest(const void *key, const void *entry)
{
    return strcmp(key, ((const struct entry *)entry)->digest);
}

/* Points equal to an earlier one go; then those of other shards. Numbers are given before the shards part. */
static enum ss_status select_points(struct ss_points *p, const struct ss_sweep_request *request, size_t *same)
{
    struct entry *sorted = NULL;
    bool *drop = NULL;
    size_t kept = 0, number = 0;
    enum ss_status st = SS_OK;

    *same = 0;
    TRY(sort_digests(p, &sorted));
    TRY(ss_allocate(p->count, &drop));
    for (size_t i = 1; i < p->count; i++)
        if (strcmp(sorted[i].digest, sorted[i - 1].digest) == 0) {
            drop[sorted[i].index] = true;
            (*same)++;
        }
    for (size_t i = 0; i < p->count; i++) {
        struct ss_point *const point = &p->items[i];
        const bool mine = !drop[i] && (!request->shards || number % request->shards == request->shard - 1);
        if (!drop[i])
            point->id = (long long)++number;
        if (!mine) {
            ss_point_release(point);
            continue;
        }
        const struct ss_point moved = *point;
        *point = (struct ss_point){0};
        p->items[kept++] = moved;
    }
    p->count = kept;
out:
    free(sorted);
    free(drop);
    return st;
}

enum ss_status ss_sweep_plan(const struct ss_sweep_request *request, struct ss_points *out, size_t *same)
{
    struct ss_objective_options of_first = {0};
    struct ss_points p = {0};
    struct ss_sweep *s = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_sweep_load(request->path, request->words, request->n_words, &s));
    p.halving = s->halving;
    if (p.halving.first && request->shards) {
        st = SS_FAIL(SS_ERR_USAGE,
                     "sweep.halving: compares all points with each other, and a shard sees only its "
                     "own; leave out --shard, or halving");
        goto out;
    }
    TRY(ss_allocate(s->n_points, &p.items));
    p.capacity = s->n_points;
    ss_log_phase(request->log, "checking the points");
    for (size_t i = 0; i < s->n_points; i++) {
        st = make_point(s, i, &of_first, &p.items[i]);
        if (st != SS_OK) {
            ss_say(SS_LEVEL_ERROR, "this is point %zu of %zu; none has been run", i + 1, s->n_points);
            goto out;
        }
        p.count++;
    }
    TRY(select_points(&p, request, same));
    *out = p;
    p = (struct ss_points){0};
out:
    ss_log_phase(request->log, NULL);
    ss_points_release(&p);
    ss_sweep_free(s);
    return st;
}

/* ---- the same sweep? ---- */

/* Lines of a resolved file as "train.batch: 64". */
static enum ss_status flatten(const char *text, struct ss_text *out)
{
    char block[MOST_DEPTH][64] = {""};

    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const size_t indent = strspn(line, " "), length = strcspn(line, "\n"), depth = indent / 2;
        const size_t name = strcspn(line + indent, ":\n");
        if (indent == length || line[indent] == '#' || depth >= MOST_DEPTH)
            continue;
        if (indent + name + 1 >= length) { /* "train:" */
            snprintf(block[depth], sizeof(block[depth]), "%.*s.", (int)name, line + indent);
            continue;
        }
        for (size_t i = 0; i < depth; i++)
            ss_text_add(out, block[i]);
        ss_text_addf(out, "%.*s\n", (int)(length - indent), line + indent);
    }
    return ss_text_status(out);
}

static bool has_line(const char *text, const char *line, size_t length)
{
    for (const char *at = text; *at; at += strcspn(at, "\n") + 1)
        if (strncmp(at, line, length) == 0 && at[length] == '\n')
            return true;
    return false;
}

static void add_difference(const char *from, const char *other, const char *word, struct ss_text *out)
{
    size_t shown = 0;

    for (const char *at = from; *at; at += strcspn(at, "\n") + 1) {
        const size_t length = strcspn(at, "\n");
        if (!has_line(other, at, length) && shown++ < MOST_LINES)
            ss_text_addf(out, "\n    %s %.*s", word, (int)length, at);
    }
}

static enum ss_status tell_difference(const struct ss_sweep_request *request, const char *was, const char *is)
{
    struct ss_text a, b, said;
    enum ss_status st = SS_OK;

    ss_text_init(&a);
    ss_text_init(&b);
    ss_text_init(&said);
    TRY(flatten(was, &a));
    TRY(flatten(is, &b));
    add_difference(a.data, b.data, "was:", &said);
    add_difference(b.data, a.data, "now:", &said);
    TRY(ss_text_status(&said));
    st = SS_FAIL(SS_ERR_USAGE,
                 "%s: is not what the sweep in %s began with; put it back, or sweep into another folder%s",
                 request->path, request->folder, said.data);
out:
    ss_text_release(&a);
    ss_text_release(&b);
    ss_text_release(&said);
    return st;
}

/* Overrides of a point as the ledger has them. */
static enum ss_status read_overrides(const char *text, char ***out, size_t *n)
{
    json_t *const list = json_loads(text, 0, NULL);
    char **items = NULL;
    enum ss_status st = SS_OK;

    *n = 0;
    TRY(ss_allocate(json_array_size(list), &items));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *const item = json_string_value(json_array_get(list, i));
        TRY(ss_text_copy(item ? item : "", &items[*n]));
        ++*n;
    }
    *out = items;
    items = NULL;
out:
    ss_sweep_overrides_free(items, *n);
    json_decref(list);
    return st;
}

/* A point of the ledger that is not among the new ones: is the rest of the file another, or was it left out?
 */
static enum ss_status explain(const struct ss_sweep_request *request, const struct ss_point *p)
{
    struct ss_sweep *s = NULL;
    struct ss_experiment *e = NULL;
    char **overrides = NULL, *text = NULL;
    size_t n = 0;
    enum ss_status st = SS_OK;

    TRY(ss_sweep_load(request->path, request->words, request->n_words, &s));
    TRY(read_overrides(p->overrides, &overrides, &n));
    TRY(ss_sweep_experiment(s, overrides, n, &e));
    TRY(resolved_text(e, &text));
    if (strcmp(text, p->resolved) != 0)
        st = tell_difference(request, p->resolved, text);
    else
        st = SS_FAIL(
            SS_ERR_USAGE,
            "%s: point %lld of the sweep in %s is no longer in it: %s; values may be added to a sweep, not "
            "taken away. Put them back, or sweep into another folder",
            request->path, p->id, request->folder, p->setting);
out:
    free(text);
    ss_sweep_overrides_free(overrides, n);
    ss_experiment_free(e);
    ss_sweep_free(s);
    return st;
}

enum ss_status ss_sweep_compare(const struct ss_sweep_request *request, struct ss_ledger *ledger,
                                const struct ss_points *points)
{
    struct ss_points known = {0};
    struct entry *sorted = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_ledger_list(ledger, &known));
    TRY(sort_digests(points, &sorted));
    for (size_t i = 0; i < known.count && st == SS_OK; i++)
        if (!bsearch(known.items[i].digest, sorted, points->count, sizeof(*sorted), compare_digest))
            st = explain(request, &known.items[i]);
out:
    free(sorted);
    ss_points_release(&known);
    return st;
}
