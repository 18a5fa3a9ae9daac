#include "config/convert.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

enum { PATH_SIZE = 128 };

bool ss_convert_ok(struct ss_converter *c, enum ss_status st)
{
    if (st != SS_OK)
        c->fault = st;
    return st == SS_OK;
}

void ss_names_release(struct ss_names *n)
{
    for (size_t i = 0; i < n->count; i++)
        free(n->items[i]);
    free(n->items);
    *n = (struct ss_names){0};
}

void ss_numbers_release(struct ss_numbers *n)
{
    free(n->items);
    *n = (struct ss_numbers){0};
}

void ss_convert_hint(const char *word, const char *const *candidates, size_t n, struct ss_text *out)
{
    const char *const alias = ss_key_alias(word);

    for (size_t i = 0; alias && i < n; i++) {
        if (strcmp(alias, candidates[i]) == 0) {
            ss_text_addf(out, "did you mean '%s'?", alias);
            return;
        }
    }
    const char *const near = ss_text_nearest(word, candidates, n);
    if (near) {
        ss_text_addf(out, "did you mean '%s'?", near);
        return;
    }
    ss_text_add(out, "valid: ");
    for (size_t i = 0; i < n; i++)
        ss_text_addf(out, "%s%s", i ? ", " : "", candidates[i]);
}

/* Why a scalar that looks like a number to a person is none, or NULL. */
static const char *number_hint(const struct ss_yaml_node *node)
{
    double x;

    if (node->kind != SS_YAML_SCALAR)
        return NULL;
    if (node->quoted)
        return ss_text_number(node->text, &x) ? "remove the quotes: what is in quotes is text" : NULL;
    if (!strchr("+-.0123456789", node->text[0]))
        return NULL;
    if (strchr(node->text, '_'))
        return "write the number without '_'";
    if (strchr(node->text, ','))
        return "a list is written as [1, 2], and decimals with a point";
    return ss_text_number(node->text, &x) ? NULL : "a number is written like 3, 0.5 or 1e-3, without a unit";
}

bool ss_convert_wrong(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                      const char *wanted)
{
    char shown[SS_SHOWN_SIZE];

    if (node->bad)
        return false;
    if (node->kind == SS_YAML_SCALAR)
        ss_problems_add(c->problems, node->place, path, number_hint(node), "wanted %s, found %s '%s'", wanted,
                        ss_yaml_describe(node), ss_shown(node->text, shown));
    else
        ss_problems_add(c->problems, node->place, path, NULL, "wanted %s, found %s", wanted,
                        ss_yaml_describe(node));
    return false;
}

static bool inside(double x, struct ss_range range)
{
    return (range.above ? x > range.lowest : x >= range.lowest) &&
           (range.below ? x < range.highest : x <= range.highest);
}

bool ss_convert_number(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                       const char *wanted, struct ss_range range, double *out)
{
    double x;

    if (node->kind != SS_YAML_SCALAR || node->bad || node->quoted || !ss_text_number(node->text, &x) ||
        !isfinite(x) || !inside(x, range))
        return ss_convert_wrong(c, node, path, wanted);
    *out = x == 0 ? 0 : x; /* no minus zero */
    return true;
}

bool ss_convert_integer(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                        const char *wanted, struct ss_range range, uint64_t *out)
{
    double x;

    /* Every range ends below 2^53, so that a double holds the number, 1e5 as well as 100000. */
    if (!ss_convert_number(c, node, path, wanted, range, &x))
        return false;
    if (x != floor(x))
        return ss_convert_wrong(c, node, path, wanted);
    *out = (uint64_t)x;
    return true;
}

static bool convert_bool(struct ss_converter *c, const struct ss_yaml_node *node, const char *path, bool *out)
{
    static const char *const words[] = {"true", "True", "TRUE", "false", "False", "FALSE"};

    for (size_t i = 0; node->kind == SS_YAML_SCALAR && !node->quoted && i < SS_COUNT(words); i++) {
        if (strcmp(node->text, words[i]) == 0) {
            *out = i < 3;
            return true;
        }
    }
    return ss_convert_wrong(c, node, path, "true or false");
}

bool ss_convert_enum(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                     const struct ss_enum *names, unsigned *out)
{
    struct ss_text text;
    char shown[SS_SHOWN_SIZE];

    if (node->bad)
        return false;
    for (size_t i = names->first; node->kind == SS_YAML_SCALAR && i < names->end; i++) {
        if (strcmp(node->text, names->names[i]) == 0) {
            *out = (unsigned)i;
            return true;
        }
    }
    ss_text_init(&text);
    if (node->kind == SS_YAML_SCALAR) {
        ss_convert_hint(node->text, names->names + names->first, names->end - names->first, &text);
        ss_problems_add(c->problems, node->place, path, text.data, "unknown name '%s'",
                        ss_shown(node->text, shown));
    } else {
        ss_text_add(&text, "one of ");
        ss_enum_list(names, " or ", &text);
        ss_convert_wrong(c, node, path, text.data);
    }
    ss_text_release(&text);
    return false;
}

static bool convert_text(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                         char **out)
{
    char *copy;

    if (node->kind != SS_YAML_SCALAR || node->bad)
        return ss_convert_wrong(c, node, path, "text");
    for (const char *s = node->text; *s; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f) {
            ss_problems_add(c->problems, node->place, path, NULL, "a control character (byte %d) in it",
                            (unsigned char)*s);
            return false;
        }
    }
    if (!*node->text) {
        ss_problems_add(c->problems, node->place, path, "write null, or leave the key out", "empty");
        return false;
    }
    if (!ss_convert_ok(c, ss_text_copy(node->text, &copy)))
        return false;
    free(*out);
    *out = copy;
    return true;
}

/* A single value stands for a list of one. */
static const struct ss_yaml_node *items_of(const struct ss_yaml_node *node, size_t *count)
{
    const bool list = node->kind == SS_YAML_SEQUENCE;

    *count = list ? node->count : 1;
    return list ? node->first : node;
}

static const char *item_path(const struct ss_yaml_node *list, const char *path, size_t i, char out[PATH_SIZE])
{
    if (list->kind != SS_YAML_SEQUENCE)
        return path;
    snprintf(out, PATH_SIZE, "%s[%zu]", path, i);
    return out;
}

/* Adds the numbers of one row at out->items[out->count]; the caller made room. */
static bool add_numbers(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                        struct ss_numbers *out)
{
    const struct ss_range any = {-SS_MAX_NUMBER, SS_MAX_NUMBER, false, false};
    char item[PATH_SIZE];
    size_t count;
    bool good = true;
    const struct ss_yaml_node *n = items_of(node, &count);

    for (size_t i = 0; i < count; i++, n = n->next)
        good = ss_convert_number(c, n, item_path(node, path, i, item), "a number", any,
                                 &out->items[out->count++]) &&
               good;
    return good;
}

static bool add_rows(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                     struct ss_numbers *out)
{
    char item[PATH_SIZE];
    bool good = true;
    size_t i = 0;

    for (const struct ss_yaml_node *row = node->first; row; row = row->next, i++) {
        if (row->kind == SS_YAML_SEQUENCE && row->count == node->count) {
            good = add_numbers(c, row, item_path(node, path, i, item), out) && good;
            continue;
        }
        good = false;
        if (row->kind != SS_YAML_SEQUENCE)
            ss_convert_wrong(c, row, item_path(node, path, i, item), "a row of the matrix");
        else
            ss_problems_add(c->problems, row->place, item_path(node, path, i, item), NULL,
                            "a row of %zu numbers in a matrix of %zu rows", row->count, node->count);
    }
    return good;
}

bool ss_convert_numbers(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                        bool matrix, struct ss_numbers *out)
{
    const bool rows =
        matrix && node->kind == SS_YAML_SEQUENCE && node->first && node->first->kind == SS_YAML_SEQUENCE;
    struct ss_numbers found = {0};
    const struct ss_yaml_node *n;
    size_t count;

    n = items_of(node, &count);
    if (n && n == node && node->kind != SS_YAML_SCALAR)
        return ss_convert_wrong(
            c, node, path, matrix ? "a number, a list of numbers or a list of rows" : "a list of numbers");
    /* Rows of the right length hold no more numbers than a document may have. */
    const size_t room = !rows ? count : count < 100 ? count * count : SS_YAML_MAX_NODES;
    if (!ss_convert_ok(c, ss_allocate(room, &found.items)))
        return false;
    if (!(rows ? add_rows(c, node, path, &found) : add_numbers(c, node, path, &found))) {
        ss_numbers_release(&found);
        return false;
    }
    ss_numbers_release(out);
    *out = found;
    return true;
}

bool ss_convert_names(struct ss_converter *c, const struct ss_yaml_node *node, const char *path, size_t least,
                      struct ss_names *out)
{
    struct ss_names found = {0};
    char item[PATH_SIZE];
    size_t count;
    bool good = true;
    const struct ss_yaml_node *n = items_of(node, &count);

    if (n == node && node->kind != SS_YAML_SCALAR)
        return ss_convert_wrong(c, node, path, "a list of columns, by name or by number from 0");
    if (count < least) {
        ss_problems_add(c->problems, node->place, path, "leave the key out to use all columns",
                        "no column at all");
        return false;
    }
    if (!ss_convert_ok(c, ss_allocate(count, &found.items)))
        return false;
    for (size_t i = 0; i < count; i++, n = n->next) {
        if (n->kind != SS_YAML_SCALAR || !*n->text || n->bad)
            good = ss_convert_wrong(c, n, item_path(node, path, i, item), "the name or number of a column");
        else if (ss_convert_ok(c, ss_text_copy(n->text, &found.items[found.count])))
            found.count++;
        else
            good = false;
    }
    if (!good) {
        ss_names_release(&found);
        return false;
    }
    ss_names_release(out);
    *out = found;
    return true;
}

static bool convert_widths(struct ss_converter *c, const struct ss_yaml_node *node, const struct ss_key *key,
                           struct ss_model_options *model)
{
    const struct ss_range range = {key->lowest, key->highest, false, false};
    uint64_t widths[SS_MAX_LAYERS] = {0};
    char item[PATH_SIZE];
    size_t count;
    bool good = true;
    const struct ss_yaml_node *n = items_of(node, &count);

    if (n == node && node->kind != SS_YAML_SCALAR)
        return ss_convert_wrong(c, node, key->path, "a list of whole numbers");
    if (count > SS_MAX_LAYERS) {
        ss_problems_add(c->problems, node->place, key->path, NULL, "%zu layers; at most %d are supported",
                        count, SS_MAX_LAYERS);
        return false;
    }
    for (size_t i = 0; i < count; i++, n = n->next)
        good = ss_convert_integer(c, n, item_path(node, key->path, i, item), "a whole number from 1 to 65536",
                                  range, &widths[i]) &&
               good;
    for (size_t i = 0; good && i < SS_MAX_LAYERS; i++)
        model->hidden[i] = (uint32_t)widths[i];
    if (good)
        model->n_hidden = count;
    return good;
}

static bool convert_scalar(struct ss_converter *c, const struct ss_key *key, const struct ss_yaml_node *node,
                           void *field)
{
    const struct ss_range range = {key->lowest, key->highest, key->type == SS_TYPE_NUMBER_ABOVE,
                                   key->type == SS_TYPE_NUMBER_BELOW};
    struct ss_text wanted;
    uint64_t integer;
    bool good;

    ss_text_init(&wanted);
    ss_key_wanted(key, &wanted);
    if (key->type == SS_TYPE_INTEGER || key->type == SS_TYPE_LONG) {
        good = ss_convert_integer(c, node, key->path, wanted.data, range, &integer);
        if (good && key->type == SS_TYPE_LONG)
            *(uint64_t *)field = integer;
        else if (good)
            *(uint32_t *)field = (uint32_t)integer;
    } else {
        good = ss_convert_number(c, node, key->path, wanted.data, range, field);
    }
    ss_text_release(&wanted);
    return good;
}

bool ss_convert(struct ss_converter *c, struct ss_experiment *e, const struct ss_key *key,
                const struct ss_yaml_node *node)
{
    void *const field = ss_key_field(e, key);

    switch (key->type) {
    case SS_TYPE_INTEGER:
    case SS_TYPE_LONG:
    case SS_TYPE_NUMBER:
    case SS_TYPE_NUMBER_ABOVE:
    case SS_TYPE_NUMBER_BELOW:
        return convert_scalar(c, key, node, field);
    case SS_TYPE_BOOL:
        return convert_bool(c, node, key->path, field);
    case SS_TYPE_ENUM:
        return ss_convert_enum(c, node, key->path, key->names, field);
    case SS_TYPE_TEXT:
    case SS_TYPE_PATH:
        return convert_text(c, node, key->path, field);
    case SS_TYPE_WIDTHS:
        return convert_widths(c, node, key, &e->model);
    case SS_TYPE_NUMBERS:
    case SS_TYPE_MATRIX:
        return ss_convert_numbers(c, node, key->path, key->type == SS_TYPE_MATRIX, field);
    case SS_TYPE_NAMES:
        return ss_convert_names(c, node, key->path, (size_t)key->lowest, field);
    case SS_TYPE_TRANSFORMS:
        return ss_convert_transforms(c, node, key->path, &e->data);
    case SS_TYPE_COMPONENTS:
        return ss_convert_components(c, node, key->path, &e->data);
    case SS_TYPE_BLOCK:
        break;
    }
    return ss_convert_wrong(c, node, key->path, "a block of keys");
}

static void unset(struct ss_experiment *e, const struct ss_key *key)
{
    void *const field = ss_key_field(e, key);

    switch (key->type) {
    case SS_TYPE_NUMBER:
    case SS_TYPE_NUMBER_ABOVE:
    case SS_TYPE_NUMBER_BELOW:
        *(double *)field = NAN;
        break;
    case SS_TYPE_TEXT:
    case SS_TYPE_PATH:
        free(*(char **)field);
        *(char **)field = NULL;
        break;
    case SS_TYPE_ENUM:
        *(unsigned *)field = 0;
        break;
    case SS_TYPE_NUMBERS:
    case SS_TYPE_MATRIX:
        ss_numbers_release(field);
        break;
    case SS_TYPE_NAMES:
        ss_names_release(field);
        break;
    case SS_TYPE_TRANSFORMS:
        ss_transforms_release(&e->data);
        break;
    case SS_TYPE_COMPONENTS:
        ss_components_release(&e->data);
        break;
    default:
        break;
    }
}

bool ss_convert_default(struct ss_converter *c, struct ss_experiment *e, const struct ss_key *key)
{
    const char *const standard = ss_key_default_in(e, key);

    if (!standard) {
        unset(e, key);
        return true;
    }
    const struct ss_document document = {.name = key->path, .text = standard, .size = strlen(standard)};
    if (*standard == '[') {
        struct ss_yaml tree;
        const bool good = ss_convert_ok(c, ss_yaml_parse(&document, 0, c->problems, &tree)) && tree.root &&
                          ss_convert(c, e, key, tree.root);
        ss_yaml_release(&tree);
        return good;
    }
    const struct ss_yaml_node node = {
        .kind = SS_YAML_SCALAR, .place = {.document = &document, .line = 1, .column = 1}, .text = standard};
    return ss_convert(c, e, key, &node);
}
