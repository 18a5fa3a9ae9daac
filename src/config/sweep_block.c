/* The `sweep:` block: read and checked value by value, counted, and only then multiplied out. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "config/sweep_builder.h"

/* Order of enum ss_draw. */
static const char *const draw_names[] = {"uniform", "log_uniform", "integer", "choice"};

static void problem(struct ss_sweep_builder *b, const struct ss_yaml_node *node, const char *key,
                    const char *hint, const char *message)
{
    if (!node->bad)
        ss_problems_add(&b->l->problems, node->place, key, hint, "%s, found %s", message,
                        ss_yaml_describe(node));
}

/* ---- values as text ---- */

static void add_scalar(struct ss_text *t, const struct ss_yaml_node *node)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-";

    if (!node->quoted && *node->text && !node->text[strspn(node->text, plain)]) {
        ss_text_add(t, node->text);
        return;
    }
    ss_text_add(t, "\"");
    for (const char *s = node->text; *s; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            ss_text_addf(t, "\\x%02x", (unsigned char)*s);
        else
            ss_text_addf(t, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
    }
    ss_text_add(t, "\"");
}

/* In flow style, in one line. The depth of trees is limited by yaml.h. */
static void add_node(struct ss_text *t, const struct ss_yaml_node *node)
{
    switch (node->kind) {
    case SS_YAML_NULL:
        ss_text_add(t, "null");
        break;
    case SS_YAML_SCALAR:
        add_scalar(t, node);
        break;
    case SS_YAML_SEQUENCE:
    case SS_YAML_MAPPING:
        ss_text_add(t, node->kind == SS_YAML_MAPPING ? "{" : "[");
        for (const struct ss_yaml_node *n = node->first; n; n = n->next) {
            ss_text_add(t, n == node->first ? "" : ", ");
            if (node->kind == SS_YAML_MAPPING) {
                const struct ss_yaml_node name = {.kind = SS_YAML_SCALAR, .text = n->key};
                add_scalar(t, &name);
                ss_text_add(t, ": ");
            }
            add_node(t, n);
        }
        ss_text_add(t, node->kind == SS_YAML_MAPPING ? "}" : "]");
    }
}

const char *ss_sweep_builder_keep(struct ss_sweep_builder *b, const char *text)
{
    const char *const kept = ss_sweep_keep(b->s, text);

    if (!kept)
        b->fault = SS_ERR_MEMORY;
    return kept;
}

const char *ss_sweep_builder_value(struct ss_sweep_builder *b, const struct ss_key *key,
                                   const struct ss_yaml_node *node)
{
    struct ss_text t;
    const char *kept = NULL;

    if (node->bad)
        return NULL;
    if (node->kind != SS_YAML_NULL && key->type != SS_TYPE_BLOCK &&
        !ss_convert(&b->l->converter, b->scratch, key, node))
        return NULL;
    ss_text_init(&t);
    add_node(&t, node);
    if (ss_text_status(&t) == SS_OK)
        kept = ss_sweep_builder_keep(b, t.data);
    else
        b->fault = SS_ERR_MEMORY;
    ss_text_release(&t);
    return kept;
}

/* ---- keys ---- */

bool ss_sweep_builder_find(const struct ss_sweep_builder *b, const char *path, size_t *out)
{
    for (size_t i = 0; i < b->s->n_keys; i++)
        if (strcmp(b->s->keys[i], path) == 0) {
            *out = i;
            return true;
        }
    return false;
}

static bool add_key(struct ss_sweep_builder *b, const char *path, struct ss_place place, size_t *out)
{
    if (b->s->n_keys == SS_SWEEP_MOST_KEYS) {
        ss_problems_add(&b->l->problems, place, path, NULL, "a sweep has at most %d keys",
                        SS_SWEEP_MOST_KEYS);
        return false;
    }
    if (ss_text_copy(path, &b->s->keys[b->s->n_keys]) != SS_OK) {
        b->fault = SS_ERR_MEMORY;
        return false;
    }
    *out = b->s->n_keys++;
    return true;
}

/* The key of the schema that an entry of a part is about; NULL after a problem. */
static const struct ss_key *known_key(struct ss_sweep_builder *b, const struct ss_yaml_node *node)
{
    const struct ss_key *const key = ss_key_find(node->key);

    if (!key)
        ss_loader_unknown(b->l, node->key, node->key_place);
    return key;
}

/* A key that no other part sweeps. */
static bool new_key(struct ss_sweep_builder *b, const struct ss_yaml_node *node, size_t *out)
{
    if (ss_sweep_builder_find(b, node->key, out)) {
        ss_problems_add(&b->l->problems, node->key_place, node->key, "leave it out in one of the two",
                        "swept twice, here and in another part of the sweep");
        return false;
    }
    return add_key(b, node->key, node->key_place, out);
}

/* ---- the parts ---- */

static void take_list(struct ss_sweep_builder *b, const struct ss_key *key, const struct ss_yaml_node *list,
                      struct ss_axis *a)
{
    if (ss_allocate(list->count, &a->values) != SS_OK) {
        b->fault = SS_ERR_MEMORY;
        return;
    }
    for (const struct ss_yaml_node *n = list->first; n; n = n->next) {
        const char *const text = ss_sweep_builder_value(b, key, n);
        if (text)
            a->values[a->n_values++] = text;
    }
}

static void take_grid(struct ss_sweep_builder *b, const struct ss_yaml_node *grid)
{
    static const char how[] = "as in grid: {train.learning_rate: [1e-2, 1e-3]}";

    if (grid->kind != SS_YAML_MAPPING) {
        problem(b, grid, "sweep.grid", how, "wanted keys with lists of values");
        return;
    }
    for (const struct ss_yaml_node *n = grid->first; n; n = n->next) {
        const struct ss_key *const key = known_key(b, n);
        size_t index;
        if (!key)
            continue;
        if (ss_sweep_builder_find(b, n->key, &index)) /* the command line has it */
            continue;
        if (n->kind != SS_YAML_SEQUENCE || n->count == 0) {
            problem(b, n, n->key, how, "wanted a list of values");
            continue;
        }
        if (!add_key(b, n->key, n->key_place, &index))
            return;
        struct ss_axis *const a = &b->grid.items[b->grid.count++];
        a->key = index;
        take_list(b, key, n, a);
    }
}

static bool is_whole(const struct ss_key *key)
{
    return key->type == SS_TYPE_INTEGER || key->type == SS_TYPE_LONG;
}

static bool take_end(struct ss_sweep_builder *b, const struct ss_key *key, const struct ss_yaml_node *node,
                     double *out)
{
    if (!ss_sweep_builder_value(b, key, node))
        return false;
    if (node->kind != SS_YAML_SCALAR || node->quoted || !ss_text_number(node->text, out) || !isfinite(*out)) {
        problem(b, node, key->path, NULL, "wanted a finite number");
        return false;
    }
    return true;
}

/* uniform, log_uniform, integer: [low, high] */
static void take_ends(struct ss_sweep_builder *b, const struct ss_key *key, const struct ss_yaml_node *node,
                      struct ss_axis *a)
{
    const bool whole = a->kind == SS_DRAW_INTEGER;

    if (node->kind != SS_YAML_SEQUENCE || node->count != 2) {
        problem(b, node, key->path, "as in log_uniform: [1e-4, 1e-2]", "wanted [lowest, highest]");
        return;
    }
    if (!take_end(b, key, node->first, &a->low) || !take_end(b, key, node->first->next, &a->high))
        return;
    if (whole != is_whole(key))
        ss_problems_add(&b->l->problems, node->place, key->path, NULL,
                        whole ? "takes any number: draw it by uniform or log_uniform"
                              : "takes whole numbers: draw it by integer: [lowest, highest]");
    else if (a->kind == SS_DRAW_LOG_UNIFORM && a->low <= 0)
        ss_problems_add(&b->l->problems, node->first->place, key->path, NULL,
                        "log_uniform wants numbers above 0, found '%s'", node->first->text);
    else if (a->low > a->high)
        ss_problems_add(&b->l->problems, node->place, key->path, NULL,
                        "the lowest comes first: '%s' is above '%s'", node->first->text,
                        node->first->next->text);
    a->n_values = 1;
}

static void take_draw(struct ss_sweep_builder *b, const struct ss_yaml_node *node)
{
    static const char how[] =
        "as in {uniform: [0, 1]}, {log_uniform: [1e-4, 1e-2]}, {integer: [1, 8]} or {choice: [a, b]}";
    const struct ss_key *const key = known_key(b, node);
    size_t index, kind = 0;

    if (!key)
        return;
    if (node->kind != SS_YAML_MAPPING || node->count != 1) {
        problem(b, node, node->key, how, "wanted how to draw it");
        return;
    }
    const struct ss_yaml_node *const how_node = node->first;
    while (kind < SS_COUNT(draw_names) && strcmp(draw_names[kind], how_node->key) != 0)
        kind++;
    if (kind == SS_COUNT(draw_names)) {
        char shown[SS_SHOWN_SIZE];
        ss_problems_add(&b->l->problems, how_node->key_place, node->key, how, "'%s' is no way to draw",
                        ss_shown(how_node->key, shown));
        return;
    }
    if (!new_key(b, node, &index))
        return;
    struct ss_axis *const a = &b->random.items[b->random.count++];
    a->key = index;
    a->kind = (enum ss_draw)kind;
    if (a->kind != SS_DRAW_CHOICE)
        take_ends(b, key, how_node, a);
    else if (how_node->kind != SS_YAML_SEQUENCE || how_node->count == 0)
        problem(b, how_node, node->key, how, "wanted a list of values");
    else
        take_list(b, key, how_node, a);
}

static void take_count(struct ss_sweep_builder *b, const struct ss_yaml_node *node, const char *name,
                       size_t *out)
{
    const struct ss_range range = {.lowest = 1, .highest = SS_SWEEP_MOST_POINTS};
    uint64_t n = 1;

    if (ss_convert_integer(&b->l->converter, node, name, "a whole number from 1 to 100000", range, &n))
        *out = (size_t)n;
}

static void take_random(struct ss_sweep_builder *b, const struct ss_yaml_node *random)
{
    static const char how[] = "as in random: {count: 20, train.learning_rate: {log_uniform: [1e-4, 1e-2]}}";
    bool counted = false;

    if (random->kind != SS_YAML_MAPPING) {
        problem(b, random, "sweep.random", how, "wanted count and keys with a way to draw each");
        return;
    }
    for (const struct ss_yaml_node *n = random->first; n; n = n->next) {
        if (strcmp(n->key, "count") == 0) {
            counted = true;
            take_count(b, n, "sweep.random.count", &b->n_random);
        } else {
            take_draw(b, n);
        }
    }
    if (!counted)
        ss_problems_add(&b->l->problems, random->key_place, "sweep.random", how, "count is missing");
    else if (random->count == 1)
        ss_problems_add(&b->l->problems, random->key_place, "sweep.random", how, "no key to draw");
}

static void take_points(struct ss_sweep_builder *b, const struct ss_yaml_node *points)
{
    static const char how[] = "as in points: [{train.batch: 64}, {train.batch: 128, train.average: 0.9}]";
    const size_t before = b->s->n_keys;
    size_t index;

    if (points->kind != SS_YAML_SEQUENCE || points->count == 0) {
        problem(b, points, "sweep.points", how, "wanted a list of points");
        return;
    }
    for (const struct ss_yaml_node *p = points->first; p; p = p->next) {
        if (p->kind != SS_YAML_MAPPING) {
            problem(b, p, "sweep.points", how, "wanted keys with values");
            continue;
        }
        for (const struct ss_yaml_node *n = p->first; n; n = n->next) {
            const struct ss_key *const key = known_key(b, n);
            if (!key)
                continue;
            if (!ss_sweep_builder_find(b, n->key, &index) || index < before)
                if (!new_key(b, n, &index))
                    continue;
            if (!ss_sweep_builder_value(b, key, n))
                continue;
        }
    }
    b->points = points;
    b->n_points = points->count;
}

static void take_block(struct ss_sweep_builder *b)
{
    static const char *const parts[] = {"grid", "random", "points", "repeat", "halving"};
    const struct ss_yaml_node *const block = b->l->sweep;

    if (block->kind != SS_YAML_MAPPING) {
        problem(b, block, "sweep", "as in sweep: {grid: {train.learning_rate: [1e-2, 1e-3]}}",
                "wanted grid, random, points, repeat or halving");
        return;
    }
    for (const struct ss_yaml_node *n = block->first; n; n = n->next) {
        if (strcmp(n->key, "grid") == 0) {
            take_grid(b, n);
        } else if (strcmp(n->key, "random") == 0) {
            take_random(b, n);
        } else if (strcmp(n->key, "points") == 0) {
            take_points(b, n);
        } else if (strcmp(n->key, "repeat") == 0) {
            take_count(b, n, "sweep.repeat", &b->repeat);
            b->s->repeated = true;
        } else if (strcmp(n->key, "halving") == 0) {
            ss_sweep_builder_halving(b, n);
        } else {
            struct ss_text hint;
            char shown[SS_SHOWN_SIZE], path[SS_SHOWN_SIZE + 8];
            ss_text_init(&hint);
            ss_convert_hint(n->key, parts, SS_COUNT(parts), &hint);
            snprintf(path, sizeof(path), "sweep.%s", ss_shown(n->key, shown));
            ss_problems_add(&b->l->problems, n->key_place, path, hint.data, "unknown key");
            ss_text_release(&hint);
        }
    }
}

static void split_values(struct ss_sweep_builder *b, const char *at, struct ss_axis *a)
{
    size_t most = 1;

    for (const char *s = at; *s; s++)
        most += *s == ',';
    if (ss_allocate(most, &a->values) != SS_OK) {
        b->fault = SS_ERR_MEMORY;
        return;
    }
    for (;; at++) {
        const size_t length = ss_sweep_value_length(at);
        char *copy = NULL;
        if (ss_text_format(&copy, "%.*s", (int)length, at) != SS_OK) {
            b->fault = SS_ERR_MEMORY;
            return;
        }
        a->values[a->n_values++] = ss_sweep_builder_keep(b, copy);
        free(copy);
        at += length;
        if (*at != ',')
            return;
    }
}

/* KEY=a,b of the command line. What is wrong with a value is told when its point is loaded. */
static void take_word(struct ss_sweep_builder *b, const char *word, const char *equals)
{
    const struct ss_place place = {.document = b->l->converter.document};
    char *key = NULL;
    size_t index;

    if (ss_text_format(&key, "%.*s", (int)(equals - word), word) != SS_OK) {
        b->fault = SS_ERR_MEMORY;
    } else if (!ss_key_find(key)) {
        ss_loader_unknown(b->l, key, place);
    } else if (ss_sweep_builder_find(b, key, &index)) {
        ss_problems_add(&b->l->problems, place, key, NULL, "given twice with several values");
    } else if (add_key(b, key, place, &index)) {
        struct ss_axis *const a = &b->grid.items[b->grid.count++];
        a->key = index;
        split_values(b, equals + 1, a);
    }
    free(key);
}

static void take_words(struct ss_sweep_builder *b, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *const equals = strchr(words[i], '=');
        if (equals && equals[1 + ss_sweep_value_length(equals + 1)] == ',')
            take_word(b, words[i], equals);
    }
}

/* How many points there will be; a problem if too many. */
static bool count_points(struct ss_sweep_builder *b, struct ss_place place)
{
    size_t n = 1;
    bool fits = true;

    b->n_grid = 1;
    for (size_t i = 0; i < b->grid.count; i++)
        fits = fits && ss_multiply(b->n_grid, b->grid.items[i].n_values, &b->n_grid);
    const size_t factors[] = {b->n_points, b->n_grid, b->n_random, b->repeat};
    for (size_t i = 0; i < SS_COUNT(factors); i++)
        fits = fits && ss_multiply(n, factors[i], &n);
    if (!fits || n > SS_SWEEP_MOST_POINTS) {
        ss_problems_add(&b->l->problems, place, "sweep",
                        "fewer values, or random: {count: N, ...} in place of a grid",
                        "%zu points in the list x %zu of the grid x %zu random x %zu seeds are more than %d",
                        b->n_points, b->n_grid, b->n_random, b->repeat, SS_SWEEP_MOST_POINTS);
        return false;
    }
    return true;
}

static void add_seed(struct ss_sweep_builder *b, struct ss_place place)
{
    size_t index;

    if (!b->s->repeated)
        return;
    if (ss_sweep_builder_find(b, "seed", &index))
        ss_problems_add(&b->l->problems, place, "sweep.repeat", "leave one of the two out",
                        "makes the seeds, and `seed` is swept as well");
    else
        (void)add_key(b, "seed", place, &index);
}

enum ss_status ss_loader_sweep(struct ss_loader *l, const char *const *words, size_t n, struct ss_sweep *s)
{
    struct ss_sweep_builder b = {.l = l, .s = s, .n_points = 1, .n_grid = 1, .n_random = 1, .repeat = 1};
    struct ss_place place = {.document = l->converter.document};
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &b.scratch));
    TRY(ss_text_copy(s->path, &b.scratch->path));
    take_words(&b, words, n);
    if (l->sweep) {
        place = l->sweep->key_place;
        take_block(&b);
    }
    add_seed(&b, place);
    ss_sweep_builder_comparable(&b, place);
    TRY(b.fault);
    if (l->problems.count == 0 && s->n_keys == 0)
        ss_problems_add(
            &l->problems, place, "sweep", "as in sweep: {grid: {train.learning_rate: [1e-2, 1e-3]}}",
            "nothing is swept: wanted a `sweep:` block in the file, or KEY=a,b on the command line");
    if (l->problems.count == 0 && count_points(&b, place))
        TRY(ss_sweep_builder_expand(&b));
out:
    for (size_t i = 0; i < b.grid.count; i++)
        free(b.grid.items[i].values);
    for (size_t i = 0; i < b.random.count; i++)
        free(b.random.items[i].values);
    ss_experiment_free(b.scratch);
    return st;
}
