/* The two lists whose items have a shape of their own: data.transform and data.components. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "config/convert.h"

enum {
    PATH_SIZE = 128,
    INNER_SIZE = PATH_SIZE + SS_SHOWN_SIZE + 1,
    MAX_TRANSFORMS = 64,
    MAX_COMPONENTS = 4096
};

void ss_transforms_release(struct ss_data_options *data)
{
    for (size_t i = 0; i < data->n_transforms; i++) {
        ss_names_release(&data->transforms[i].names);
        ss_numbers_release(&data->transforms[i].numbers);
    }
    free(data->transforms);
    data->transforms = NULL;
    data->n_transforms = 0;
    data->transforms_given = false;
}

void ss_components_release(struct ss_data_options *data)
{
    for (size_t i = 0; i < data->n_components; i++) {
        ss_numbers_release(&data->components[i].mean);
        ss_numbers_release(&data->components[i].covariance);
    }
    free(data->components);
    data->components = NULL;
    data->n_components = 0;
}

/* The number a transform takes; those without an entry take none. */
static const struct {
    bool takes, whole;
    struct ss_range range;
    const char *wanted;
} values[] = {
    [SS_TRANSFORM_DROP_CORRELATED] = {true, false, {0, 1, true, false}, "a correlation above 0 up to 1"},
    [SS_TRANSFORM_WHITEN] = {true, false, {0, SS_MAX_NUMBER, false, false}, "a ridge of at least 0"},
    [SS_TRANSFORM_DEQUANTIZE] = {true,
                                 true,
                                 {2, 16777216, false, false},
                                 "a whole number of levels from 2 to 16777216"},
    [SS_TRANSFORM_LOGIT] = {true, false, {0, 0.5, false, true}, "a number from 0 to below 0.5"},
    [SS_TRANSFORM_NOISE] = {true, false, {0, SS_MAX_NUMBER, true, false}, "a standard deviation above 0"},
    [SS_TRANSFORM_PERMUTE] = {false, false, {0, 0, false, false}, NULL},
};

static bool permutation(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                        struct ss_transform_options *t)
{
    const struct ss_range seed = {0, UINT32_MAX, false, false};
    uint64_t integer = 0;
    bool *seen = NULL;

    if (node->kind == SS_YAML_SCALAR && strcmp(node->text, "random") == 0)
        return true; /* value stays NAN until the experiment's seed is known */
    if (node->kind != SS_YAML_SEQUENCE) {
        if (!ss_convert_integer(c, node, path, "random, a seed, or a list of all columns' numbers", seed,
                                &integer))
            return false;
        t->value = (double)integer;
        return true;
    }
    if (!ss_convert_numbers(c, node, path, false, &t->numbers) ||
        !ss_convert_ok(c, ss_allocate(t->numbers.count, &seen)))
        return false;
    const struct ss_yaml_node *item = node->first;
    bool good = t->numbers.count > 0;
    for (size_t i = 0; good && i < t->numbers.count; i++, item = good ? item->next : item) {
        const double x = t->numbers.items[i];
        good = x == floor(x) && x >= 0 && x < (double)t->numbers.count && !seen[(size_t)x];
        if (good)
            seen[(size_t)x] = true;
    }
    free(seen);
    if (!good)
        ss_problems_add(c->problems, item ? item->place : node->place, path, "as in [2, 0, 1]",
                        "wanted each of the numbers from 0 to %zu once",
                        t->numbers.count ? t->numbers.count - 1 : 0);
    t->value = -1;
    return good;
}

static bool transform_value(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                            struct ss_transform_options *t)
{
    const char *const name = ss_transform_name(t->kind);
    uint64_t integer = 0;

    if (t->kind == SS_TRANSFORM_KEEP || t->kind == SS_TRANSFORM_DROP)
        return ss_convert_names(c, node, path, t->kind == SS_TRANSFORM_KEEP, &t->names);
    if (t->kind == SS_TRANSFORM_PERMUTE)
        return permutation(c, node, path, t);
    if (!values[t->kind].takes) {
        ss_problems_add(c->problems, node->place, path, NULL, "%s takes no value: write just %s", name, name);
        return false;
    }
    if (!values[t->kind].whole)
        return ss_convert_number(c, node, path, values[t->kind].wanted, values[t->kind].range, &t->value);
    if (!ss_convert_integer(c, node, path, values[t->kind].wanted, values[t->kind].range, &integer))
        return false;
    t->value = (double)integer;
    return true;
}

static bool one_transform(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                          struct ss_transform_options *t)
{
    const bool mapping = node->kind == SS_YAML_MAPPING;
    struct ss_yaml_node word = *node;
    char inner[INNER_SIZE];
    unsigned kind;

    *t = (struct ss_transform_options){.value = NAN};
    if (mapping && node->count != 1) {
        ss_problems_add(c->problems, node->place, path,
                        "one transform an entry, as in [standardize, {noise: 0.05}]",
                        "wanted one transform, found %zu keys", node->count);
        return false;
    }
    if (mapping) {
        word = (struct ss_yaml_node){
            .kind = SS_YAML_SCALAR, .place = node->first->key_place, .text = node->first->key};
    } else if (node->kind != SS_YAML_SCALAR) {
        return ss_convert_wrong(c, node, path, "a transform, as standardize or {noise: 0.05}");
    }
    if (!ss_convert_enum(c, &word, path, &ss_transforms, &kind))
        return false;
    t->kind = (enum ss_transform_kind)kind;
    if (mapping && node->first->kind != SS_YAML_NULL) {
        snprintf(inner, sizeof(inner), "%s.%s", path, word.text);
        return transform_value(c, node->first, inner, t);
    }
    if (mapping && node->first->bad)
        return false;
    if (kind == SS_TRANSFORM_NOISE || kind == SS_TRANSFORM_KEEP || kind == SS_TRANSFORM_DROP) {
        ss_problems_add(c->problems, node->place, path,
                        kind == SS_TRANSFORM_NOISE ? "as in {noise: 0.05}" : "as in {drop: [quality]}",
                        "%s needs a value", word.text);
        return false;
    }
    return true;
}

bool ss_convert_transforms(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                           struct ss_data_options *data)
{
    const bool list = node->kind == SS_YAML_SEQUENCE;
    const struct ss_yaml_node *item = list ? node->first : node;
    const size_t count = list ? node->count : 1;
    struct ss_data_options found = {.transforms_given = true};
    char inner[PATH_SIZE];
    bool good = true;

    if (node->bad)
        return false;
    if (count > MAX_TRANSFORMS) {
        ss_problems_add(c->problems, node->place, path, NULL, "%zu transforms; at most %d are supported",
                        count, MAX_TRANSFORMS);
        return false;
    }
    if (!ss_convert_ok(c, ss_allocate(count, &found.transforms)))
        return false;
    for (; found.n_transforms < count; item = item->next) {
        const size_t i = found.n_transforms++;
        snprintf(inner, sizeof(inner), "%s[%zu]", path, i);
        good = one_transform(c, item, list ? inner : path, &found.transforms[i]) && good;
    }
    if (!good) {
        ss_transforms_release(&found);
        return false;
    }
    ss_transforms_release(data);
    data->transforms = found.transforms;
    data->n_transforms = found.n_transforms;
    data->transforms_given = true;
    return true;
}

static bool component_entry(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                            struct ss_component *component)
{
    static const char *const names[] = {"weight", "mean", "covariance"};
    const struct ss_range positive = {0, SS_MAX_NUMBER, true, false};
    char inner[INNER_SIZE], shown[SS_SHOWN_SIZE];
    struct ss_text hint;

    snprintf(inner, sizeof(inner), "%s.%s", path, ss_shown(node->key, shown));
    if (node->kind == SS_YAML_NULL)
        return !node->bad;
    if (strcmp(node->key, "weight") == 0)
        return ss_convert_number(c, node, inner, "a number above 0", positive, &component->weight);
    if (strcmp(node->key, "mean") == 0)
        return ss_convert_numbers(c, node, inner, false, &component->mean);
    if (strcmp(node->key, "covariance") == 0)
        return ss_convert_numbers(c, node, inner, true, &component->covariance);
    ss_text_init(&hint);
    ss_convert_hint(node->key, names, SS_COUNT(names), &hint);
    ss_problems_add(c->problems, node->key_place, inner, hint.data, "unknown key");
    ss_text_release(&hint);
    return false;
}

static bool one_component(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                          struct ss_component *component)
{
    bool good = true;

    component->weight = 1;
    if (node->kind != SS_YAML_MAPPING)
        return ss_convert_wrong(c, node, path, "{weight: 1, mean: [...], covariance: 1}");
    for (const struct ss_yaml_node *n = node->first; n; n = n->next)
        good = component_entry(c, n, path, component) && good;
    if (good && !component->mean.count) {
        ss_problems_add(c->problems, node->place, path, "as in {mean: [0, 0], covariance: 0.1}",
                        "a component needs its mean");
        good = false;
    }
    return good;
}

bool ss_convert_components(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                           struct ss_data_options *data)
{
    struct ss_data_options found = {0};
    char inner[PATH_SIZE];
    bool good = true;

    if (node->kind != SS_YAML_SEQUENCE)
        return ss_convert_wrong(c, node, path, "a list of {weight, mean, covariance}");
    if (node->count < 1 || node->count > MAX_COMPONENTS) {
        ss_problems_add(c->problems, node->place, path, NULL, "wanted 1 to %d components, found %zu",
                        MAX_COMPONENTS, node->count);
        return false;
    }
    if (!ss_convert_ok(c, ss_allocate(node->count, &found.components)))
        return false;
    for (const struct ss_yaml_node *n = node->first; n; n = n->next) {
        const size_t i = found.n_components++;
        snprintf(inner, sizeof(inner), "%s[%zu]", path, i);
        good = one_component(c, n, inner, &found.components[i]) && good;
    }
    if (!good) {
        ss_components_release(&found);
        return false;
    }
    ss_components_release(data);
    data->components = found.components;
    data->n_components = found.n_components;
    return true;
}
