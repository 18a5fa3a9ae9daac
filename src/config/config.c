#include "config/config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "config/load.h"
#include "config/sweep.h"

enum { PATH_SIZE = 128, MAX_NAME = 128 };

void ss_experiment_free(struct ss_experiment *e)
{
    if (!e)
        return;
    free(e->name);
    free(e->path);
    free(e->device);
    free(e->data.file);
    free(e->data.folder);
    ss_numbers_release(&e->data.mean);
    ss_numbers_release(&e->data.covariance);
    ss_names_release(&e->data.keep);
    ss_names_release(&e->data.drop);
    ss_components_release(&e->data);
    ss_transforms_release(&e->data);
    free(e->train.start);
    ss_numbers_release(&e->study.rows);
    ss_numbers_release(&e->study.counts);
    ss_numbers_release(&e->study.parameters);
    ss_numbers_release(&e->study.weights);
    ss_numbers_release(&e->study.means);
    ss_numbers_release(&e->study.deviations);
    free(e->origins);
    free(e);
}

struct ss_place ss_loader_place(const struct ss_loader *l, enum ss_key_id id, bool at_key)
{
    const struct ss_yaml_node *const node = l->given[id];

    if (!node)
        return (struct ss_place){.document = l->converter.document};
    return at_key ? node->key_place : node->place;
}

static bool below(const struct ss_key *key, const struct ss_key *block)
{
    const size_t n = strlen(block->path);

    return strncmp(key->path, block->path, n) == 0 && key->path[n] == '.';
}

/* What was said of a key, and of all keys below it, is taken back. */
static void forget(struct ss_loader *l, const struct ss_key *key)
{
    for (size_t i = 0; i < SS_KEY_COUNT; i++) {
        if (&ss_keys[i] == key || below(&ss_keys[i], key)) {
            l->given[i] = NULL;
            l->bad[i] = false;
        }
    }
}

/* The key that someone meant who wrote `word` below `block`, as a whole sentence. */
static void hint_key(const struct ss_key *block, const char *word, struct ss_text *out)
{
    const char *names[SS_KEY_COUNT];
    const size_t n = ss_key_children(block, names, SS_KEY_COUNT);
    const char *const alias = ss_key_alias(word);
    const char *const colon = strchr(word, ':');
    const char *const nearest = ss_text_nearest(word, names, n);
    bool known = nearest != NULL;

    if (!block && strchr(word, '.') && ss_key_find(word)) {
        ss_text_addf(out, "dots are for overrides; here, write %.*s: {%s: ...}", (int)strcspn(word, "."),
                     word, strchr(word, '.') + 1);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        known = known || (alias && strcmp(alias, names[i]) == 0);
        if (colon && strncmp(word, names[i], strlen(names[i])) == 0 && word[strlen(names[i])] == ':') {
            ss_text_addf(out, "a blank is missing after '%s:'", names[i]);
            return;
        }
    }
    for (size_t i = 0; !known && i < SS_KEY_COUNT; i++) {
        const char *const name = ss_key_name(&ss_keys[i]);
        if (strcmp(name, word) == 0 || (alias && strcmp(name, alias) == 0)) {
            ss_text_addf(out, "did you mean '%s'?", ss_keys[i].path);
            return;
        }
    }
    ss_convert_hint(word, names, n, out);
}

static void unknown_key(struct ss_loader *l, const struct ss_key *block, const char *path, const char *word,
                        struct ss_place place)
{
    struct ss_text hint;
    char shown[SS_SHOWN_SIZE];

    if (!block && strcmp(word, "sweep") == 0) {
        ss_problems_add(&l->problems, place, "sweep",
                        "`slicescore sweep FILE` runs its points; with --dry-run it lists them",
                        place.document->order ? "wanted in the file: a sweep is no override"
                                              : "this is a sweep, and one experiment is wanted");
        return;
    }
    ss_text_init(&hint);
    if (l->problems.count < SS_PROBLEMS_SHOWN) /* distances to all names take time */
        hint_key(block, word, &hint);
    ss_problems_add(&l->problems, place, ss_shown(path, shown), hint.data, "unknown key");
    ss_text_release(&hint);
}

static void take_block(struct ss_loader *l, const struct ss_key *block, const struct ss_yaml_node *mapping);

static void take(struct ss_loader *l, const struct ss_key *key, const struct ss_yaml_node *node)
{
    const enum ss_key_id id = ss_key_index(key);

    if (node->kind == SS_YAML_NULL) {
        forget(l, key);
        l->bad[id] = node->bad;
        return;
    }
    for (const struct ss_key *above = ss_key_parent(key); above; above = ss_key_parent(above))
        if (!l->given[ss_key_index(above)])
            l->given[ss_key_index(above)] = node;
    if (key->type != SS_TYPE_BLOCK) {
        l->bad[id] = !ss_convert(&l->converter, l->e, key, node);
        l->given[id] = node;
    } else if (node->kind == SS_YAML_MAPPING) {
        l->given[id] = node;
        take_block(l, key, node);
    } else {
        const char *const hint = id == SS_KEY_DATA        ? "as in data: {source: two_moons}"
                                 : id == SS_KEY_MODEL     ? "as in model: {kind: energy}"
                                 : id == SS_KEY_OBJECTIVE ? "as in objective: {kind: ssm_vr}"
                                                          : NULL;
        if (!node->bad)
            ss_problems_add(&l->problems, node->place, key->path, hint, "wanted a block of keys, found %s",
                            ss_yaml_describe(node));
        l->given[id] = node;
        l->bad[id] = true;
    }
}

static void take_block(struct ss_loader *l, const struct ss_key *block, const struct ss_yaml_node *mapping)
{
    for (const struct ss_yaml_node *node = mapping->first; node; node = node->next) {
        struct ss_text path;
        ss_text_init(&path);
        ss_text_addf(&path, "%s%s%s", block ? block->path : "", block ? "." : "", node->key);
        /* Inside a file a name with a dot is no key: "train.steps: 3" would have two places for one value. */
        const struct ss_key *const key = strchr(node->key, '.') ? NULL : ss_key_find(path.data);
        if (key)
            take(l, key, node);
        else if (!block && l->sweep_allowed && strcmp(node->key, "sweep") == 0)
            l->sweep = node;
        else
            unknown_key(l, block, path.data, node->key, node->key_place);
        ss_text_release(&path);
    }
}

static void take_file(struct ss_loader *l, const struct ss_document *document, const struct ss_yaml *tree,
                      size_t problems_before)
{
    const struct ss_yaml_node *const root = tree->root;
    const struct ss_place start = {
        .document = document, .line = root ? root->place.line : 0, .column = root ? root->place.column : 0};

    if (root && root->kind == SS_YAML_MAPPING)
        take_block(l, NULL, root);
    else if (root && root->kind != SS_YAML_NULL)
        ss_problems_add(&l->problems, start, NULL, "as in data: {source: two_moons}",
                        "wanted keys with values, found %s", ss_yaml_describe(root));
    else if (l->problems.count == problems_before)
        ss_problems_add(&l->problems, (struct ss_place){.document = document}, NULL,
                        "three lines are enough: data: {source: two_moons}, model: {kind: energy}, "
                        "objective: {kind: ssm_vr}",
                        "no keys in the file");
}

void ss_loader_unknown(struct ss_loader *l, const char *path, struct ss_place place)
{
    char *const copy = strdup(path);
    char *const dot = copy ? strrchr(copy, '.') : NULL;
    const struct ss_key *block = NULL;

    if (!copy) {
        l->converter.fault = SS_FAIL_MEMORY(strlen(path));
        return;
    }
    if (dot) {
        *dot = '\0';
        block = ss_key_find(copy);
    }
    if (dot && !(block && block->type == SS_TYPE_BLOCK)) {
        struct ss_text hint;
        char shown[SS_SHOWN_SIZE];
        size_t n;
        const char *const *const all = ss_schema_keys(&n);
        const char *const near = ss_text_nearest(path, all, n);
        ss_text_init(&hint);
        if (near)
            ss_text_addf(&hint, "did you mean '%s'?", near);
        else
            hint_key(NULL, dot + 1, &hint);
        ss_problems_add(&l->problems, place, ss_shown(path, shown), hint.data, "unknown key");
        ss_text_release(&hint);
    } else {
        place.column += dot ? (size_t)(dot + 1 - copy) : 0;
        unknown_key(l, block, path, dot ? dot + 1 : path, place);
    }
    free(copy);
}

/* One "key.sub=value"; its tree lives in `tree` as long as the loader. */
static enum ss_status take_override(struct ss_loader *l, const struct ss_document *document,
                                    struct ss_yaml *tree)
{
    static const char how[] = "as in train.batch=64";
    const char *const equals = strchr(document->text, '=');
    const struct ss_place place = {.document = document, .line = 1, .column = 1};
    const size_t before = l->problems.count;
    enum ss_status st = SS_OK;
    char *path = NULL;

    if (!equals || equals == document->text) {
        ss_problems_add(&l->problems, place, NULL, how, "wanted KEY=VALUE");
        return SS_OK;
    }
    const size_t skip = (size_t)(equals - document->text) + 1;
    TRY(ss_yaml_parse(document, skip, &l->problems, tree));
    TRY(ss_text_format(&path, "%.*s", (int)(skip - 1), document->text));
    const struct ss_key *const key = ss_key_find(path);
    if (!key) {
        ss_loader_unknown(l, path, place);
    } else if (tree->root || l->problems.count == before) {
        struct ss_yaml_node nothing = {.kind = SS_YAML_NULL, .place = place};
        struct ss_yaml_node *const node = tree->root ? tree->root : &nothing;
        node->key = key->path;
        node->key_place = place;
        if ((node->kind == SS_YAML_MAPPING || node->kind == SS_YAML_SEQUENCE) && !node->flow)
            ss_problems_add(&l->problems, node->place, key->path,
                            "lists as [a, b], blocks as {a: b}; text with ': ' in it in quotes",
                            "wanted a value in one line of flow style");
        else
            take(l, key, node);
    }
out:
    free(path);
    return st;
}

static enum ss_status default_name(struct ss_experiment *e)
{
    const char *const file = ss_path_name(e->path);
    const bool yaml = ss_path_has_extension(file, "yaml"), yml = ss_path_has_extension(file, "yml");
    size_t length = strlen(file) - (yaml ? 5 : yml ? 4 : 0), n = 0;

    if (length > MAX_NAME)
        length = MAX_NAME;
    char name[MAX_NAME + 1] = "";
    for (size_t i = 0; i < length; i++) {
        const char c = file[i];
        if (n == 0 && c == '.')
            continue;
        const bool plain =
            strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", c) != NULL;
        name[n++] = plain ? c : '-';
    }
    return ss_text_copy(n ? name : "experiment", &e->name);
}

/* For what is found out only where the device is known. */
static void tell_plan(struct ss_experiment *e)
{
    char *const out = e->engine.plan_given;
    const size_t size = sizeof(e->engine.plan_given), line = e->origins->of[SS_KEY_ENGINE_PLAN].line;

    if (line && !e->origins->of[SS_KEY_ENGINE_PLAN].override &&
        (size_t)snprintf(out, size, "%s:%zu: engine.plan", e->path, line) >= size)
        *out = '\0';
}

/* Everything that nobody gave, or gave badly, gets its default; where values came from is written down. */
static enum ss_status complete(struct ss_loader *l)
{
    struct ss_experiment *const e = l->e;
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < SS_KEY_COUNT; i++) {
        const struct ss_key *const key = &ss_keys[i];
        const struct ss_yaml_node *const node = l->given[i];
        if (node && !l->bad[i]) {
            e->origins->of[i].override = node->place.document->order > 0;
            e->origins->of[i].line = node->key_place.line;
        } else if (key->type != SS_TYPE_BLOCK && !ss_convert_default(&l->converter, e, key)) {
            return l->converter.fault != SS_OK ? l->converter.fault
                                               : SS_FAIL(SS_ERR_INTERNAL, "%s: bad default", key->path);
        }
    }
    tell_plan(e);
    e->has_data = l->given[SS_KEY_DATA] != NULL;
    e->has_model = l->given[SS_KEY_MODEL] != NULL;
    e->has_objective = l->given[SS_KEY_OBJECTIVE] != NULL;
    e->sample.given = e->sample.wanted = l->given[SS_KEY_SAMPLE] != NULL;
    e->study.given = l->given[SS_KEY_STUDY] != NULL;
    if (l->given[SS_KEY_TRAIN_EPOCHS])
        e->train.steps = 0;
    else
        e->train.epochs = 0;
    if (!e->name)
        TRY(default_name(e));
    for (size_t i = 0; i < e->data.n_transforms; i++) {
        struct ss_transform_options *const t = &e->data.transforms[i];
        if (t->kind == SS_TRANSFORM_PERMUTE && isnan(t->value))
            t->value = e->seed;
    }
out:
    return st;
}

struct sources { /* the texts that positions point into, and their trees: file first, then overrides */
    struct ss_document *documents;
    struct ss_yaml *trees;
    char **names;
    char *text;
    size_t count;
};

static enum ss_status open_sources(struct sources *s, const char *path, const char *const *overrides,
                                   size_t n)
{
    enum ss_status st = SS_OK;
    size_t size;

    TRY(ss_file_read(path, SS_YAML_MAX_BYTES, &s->text, &size));
    TRY(ss_allocate(n + 1, &s->documents));
    TRY(ss_allocate(n + 1, &s->trees));
    TRY(ss_allocate(n + 1, &s->names));
    s->count = n + 1;
    s->documents[0] = (struct ss_document){.name = path, .text = s->text, .size = size};
    for (size_t i = 1; i <= n; i++) {
        char shown[SS_SHOWN_SIZE];
        TRY(ss_text_format(&s->names[i], "override \"%s\"", ss_shown(overrides[i - 1], shown)));
        s->documents[i] = (struct ss_document){
            .name = s->names[i], .text = overrides[i - 1], .size = strlen(overrides[i - 1]), .order = i};
    }
out:
    return st;
}

static void close_sources(struct sources *s)
{
    for (size_t i = 0; i < s->count; i++) {
        ss_yaml_release(&s->trees[i]);
        free(s->names[i]);
    }
    free(s->documents);
    free(s->trees);
    free(s->names);
    free(s->text);
}

/* How an experiment is loaded. */
struct manner {
    bool may_be_gone;       /* files that it names */
    bool sweep_allowed;     /* the file may have a `sweep:` block */
    struct ss_sweep *sweep; /* wanted instead of the experiment */
    const char *const *words;
    size_t n_words;
};

static enum ss_status take_all(struct ss_loader *l, struct sources *s, const struct manner *how)
{
    enum ss_status st = SS_OK;

    TRY(ss_yaml_parse(&s->documents[0], 0, &l->problems, &s->trees[0]));
    take_file(l, &s->documents[0], &s->trees[0], 0);
    for (size_t i = 1; i < s->count; i++)
        TRY(take_override(l, &s->documents[i], &s->trees[i]));
    TRY(l->converter.fault);
    TRY(complete(l));
    if (how->sweep) { /* what keys mean to each other is seen at each point */
        TRY(ss_loader_sweep(l, how->words, how->n_words, how->sweep));
        TRY(l->converter.fault);
        goto out;
    }
    if (!s->trees[0].root)
        goto out; /* without the file, what keys mean to each other cannot be told */
    TRY(ss_loader_check(l));
    TRY(ss_loader_find_files(l));
    TRY(l->converter.fault);
out:
    return st;
}

static enum ss_status load(const char *path, const char *const *overrides, size_t n, const struct manner *how,
                           struct ss_experiment **out)
{
    struct ss_loader *l = NULL;
    struct sources sources = {0};
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &l));
    ss_problems_init(&l->problems);
    l->may_be_gone = how->may_be_gone;
    l->sweep_allowed = how->sweep_allowed;
    TRY(ss_allocate(1, &l->e));
    TRY(ss_allocate(1, &l->e->origins));
    TRY(ss_text_copy(path, &l->e->path));
    TRY(ss_path_folder(path, &l->e->data.folder));
    TRY(open_sources(&sources, path, overrides, n));
    l->converter = (struct ss_converter){.problems = &l->problems, .document = &sources.documents[0]};
    TRY(take_all(l, &sources, how));
    TRY(ss_problems_report(&l->problems));
    if (out) {
        *out = l->e;
        l->e = NULL;
    }
out:
    close_sources(&sources);
    if (l) {
        ss_problems_release(&l->problems);
        ss_experiment_free(l->e);
    }
    free(l);
    return st;
}

enum ss_status ss_experiment_load(const char *path, const char *const *overrides, size_t n_overrides,
                                  struct ss_experiment **out)
{
    return load(path, overrides, n_overrides, &(struct manner){0}, out);
}

enum ss_status ss_experiment_reload(const char *path, const char *const *overrides, size_t n_overrides,
                                    struct ss_experiment **out)
{
    return load(path, overrides, n_overrides, &(struct manner){.may_be_gone = true}, out);
}

enum ss_status ss_experiment_load_point(const char *path, const char *const *overrides, size_t n_overrides,
                                        struct ss_experiment **out)
{
    return load(path, overrides, n_overrides, &(struct manner){.sweep_allowed = true}, out);
}

enum ss_status ss_sweep_load(const char *path, const char *const *words, size_t n, struct ss_sweep **out)
{
    struct ss_sweep *s = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_sweep_create(path, words, n, &s));
    TRY(load(path, (const char *const *)s->fixed, s->n_fixed,
             &(struct manner){.sweep_allowed = true, .sweep = s, .words = words, .n_words = n}, NULL));
    *out = s;
    s = NULL;
out:
    ss_sweep_free(s);
    return st;
}
