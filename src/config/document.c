/* What is made of the schema for people and for editors. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/json.h"
#include "config/schema.h"

/* ", 0.01 for adamw": defaults that depend on the selector, each with all values that have it. */
static void add_other_defaults(const struct ss_key *key, struct ss_text *out)
{
    const size_t end = ss_keys[key->selector].names->end;
    uint32_t mask = 0;

    for (unsigned v = 0; v < end; v++) {
        const char *const other = ss_key_default(key, v);
        if (!(key->users & SS_BIT(v)) || strcmp(other, key->standard) == 0)
            continue;
        for (unsigned w = 0; w < end; w++)
            if (strcmp(ss_key_default(key, w), other) == 0)
                mask |= key->users & SS_BIT(w);
        ss_text_addf(out, ", %s for ", other);
        ss_key_values_named(key, mask, out);
        break; /* no key has a third */
    }
}

/* "one of a, b or c; default a, b for x; only for x or y" */
static void add_facts(const struct ss_key *key, struct ss_text *out)
{
    ss_key_wanted(key, out);
    if (key->standard)
        ss_text_addf(out, "; default %s", key->standard);
    if (key->standard && key->selector != SS_KEY_NONE)
        add_other_defaults(key, out);
    if (key->selector != SS_KEY_NONE && key->users != SS_EVERY) {
        ss_text_add(out, "; only for ");
        ss_key_values_named(key, key->users, out);
    }
}

static void add_help_line(struct ss_text *out, const char *text)
{
    enum { INDENT = 6, WIDTH = 90 };
    size_t column = 0;

    while (*text) {
        const size_t word = strcspn(text, " ");
        if (column && column + 1 + word > WIDTH) {
            ss_text_add(out, "\n");
            column = 0;
        }
        ss_text_addf(out, "%*s%.*s", column ? 1 : INDENT, "", (int)word, text);
        column += (column ? 1 : INDENT) + word;
        text += word;
        text += strspn(text, " ");
    }
    ss_text_add(out, "\n");
}

/* The one block that is not of an experiment, and so not in the table of keys. */
static const char sweep_help[] = "points for `slicescore sweep`: all combinations of its parts";
static const char *const sweep_parts[][2] = {
    {"sweep.grid", "keys with lists of values, as in {train.batch: [64, 128]}"},
    {"sweep.random",
     "count, and keys with a way to draw each: uniform, log_uniform or integer: [lowest, highest], or "
     "choice: [a, b]; the same for the same seed"},
    {"sweep.points", "a list of points, each keys with values"},
    {"sweep.repeat", "how many seeds, from `seed` on"},
    {"sweep.halving",
     "{first: STEPS, factor: 2}: after STEPS, and each time their number has grown by factor, only the best "
     "1/factor of the settings train on, by their objective on validation rows"}};

void ss_schema_help(struct ss_text *out)
{
    struct ss_text facts;

    ss_text_init(&facts);
    for (size_t i = 0; i < SS_KEY_COUNT; i++) {
        const struct ss_key *const key = &ss_keys[i];
        if (key->type == SS_TYPE_BLOCK && !strchr(key->path, '.')) {
            ss_text_addf(out, "\n%s: %s\n", key->path, key->help);
            continue;
        }
        ss_text_addf(out, "  %s\n", key->path);
        add_help_line(out, key->help);
        ss_text_clear(&facts);
        add_facts(key, &facts);
        if (key->type != SS_TYPE_BLOCK)
            add_help_line(out, facts.data);
    }
    ss_text_addf(out, "\nsweep: %s\n", sweep_help);
    for (size_t i = 0; i < SS_COUNT(sweep_parts); i++) {
        ss_text_addf(out, "  %s\n", sweep_parts[i][0]);
        add_help_line(out, sweep_parts[i][1]);
    }
    ss_text_release(&facts);
}

/* Minus signs stay copyable, and no line of text is taken for a request. */
static void add_troff(struct ss_text *out, const char *s)
{
    if (*s == '.' || *s == '\'')
        ss_text_add(out, "\\&");
    for (; *s; s++) {
        if (*s == '\\')
            ss_text_add(out, "\\e");
        else if (*s == '-')
            ss_text_add(out, "\\-");
        else if (*s == '\'')
            ss_text_add(out, "\\(aq");
        else
            ss_text_add_bytes(out, s, 1);
    }
}

void ss_schema_troff(struct ss_text *out)
{
    struct ss_text facts;

    ss_text_init(&facts);
    for (size_t i = 0; i < SS_KEY_COUNT; i++) {
        const struct ss_key *const key = &ss_keys[i];
        if (key->type == SS_TYPE_BLOCK && !strchr(key->path, '.')) {
            ss_text_addf(out, ".SS %s\n", key->path);
            add_troff(out, key->help);
            ss_text_add(out, ".\n");
            continue;
        }
        ss_text_add(out, ".TP\n.B ");
        add_troff(out, key->path);
        ss_text_add(out, "\n");
        add_troff(out, key->help);
        ss_text_clear(&facts);
        add_facts(key, &facts);
        if (key->type != SS_TYPE_BLOCK) {
            ss_text_add(out, ".\n.br\n");
            add_troff(out, facts.data);
        }
        ss_text_add(out, ".\n");
    }
    ss_text_addf(out, ".SS sweep\n%s.\n", sweep_help);
    for (size_t i = 0; i < SS_COUNT(sweep_parts); i++) {
        ss_text_addf(out, ".TP\n.B %s\n", sweep_parts[i][0]);
        add_troff(out, sweep_parts[i][1]);
        ss_text_add(out, ".\n");
    }
    ss_text_release(&facts);
}

static void json_type(struct ss_text *out, const char *type)
{
    ss_json_open(out, "type", '[');
    ss_json_text(out, NULL, type);
    ss_json_text(out, NULL, "null");
    ss_json_close(out, ']');
}

static void json_names(struct ss_text *out, const struct ss_enum *names)
{
    ss_json_open(out, "enum", '[');
    for (size_t i = names->first; i < names->end; i++)
        ss_json_text(out, NULL, names->names[i]);
    ss_json_null(out, NULL);
    ss_json_close(out, ']');
}

static void json_range(struct ss_text *out, const struct ss_key *key)
{
    if (key->highest <= key->lowest)
        return;
    ss_json_number(out, key->type == SS_TYPE_NUMBER_ABOVE ? "exclusiveMinimum" : "minimum", key->lowest);
    ss_json_number(out, key->type == SS_TYPE_NUMBER_BELOW ? "exclusiveMaximum" : "maximum", key->highest);
}

/* One value, or a list of them, each described by `item`: a piece of schema. */
static void json_list(struct ss_text *out, const char *item)
{
    ss_text_addf(out, ", \"anyOf\": [{\"type\": \"null\"}, %s, {\"type\": \"array\", \"items\": %s}]", item,
                 item);
}

static void json_transforms(struct ss_text *out)
{
    static const char column[] = "{\"type\": [\"string\", \"integer\"]}";
    struct ss_text item;

    ss_text_init(&item);
    ss_text_add(
        &item, "{\"anyOf\": [{\"enum\": [\"drop_correlated\", \"standardize\", \"whiten\", \"dequantize\", "
               "\"logit\", \"permute\"]}, {\"type\": \"object\", \"minProperties\": 1, \"maxProperties\": 1, "
               "\"additionalProperties\": false, \"properties\": {");
    for (size_t i = 0; i < ss_transforms.count; i++) {
        const bool names = i == SS_TRANSFORM_KEEP || i == SS_TRANSFORM_DROP;
        ss_text_addf(&item, "%s\"%s\": ", i ? ", " : "", ss_transforms.names[i]);
        if (names)
            ss_text_addf(&item, "{\"anyOf\": [%s, {\"type\": \"array\", \"items\": %s}]}", column, column);
        else if (i == SS_TRANSFORM_PERMUTE)
            ss_text_add(&item,
                        "{\"anyOf\": [{\"enum\": [\"random\"]}, {\"type\": \"integer\", \"minimum\": 0}, "
                        "{\"type\": \"array\", \"items\": {\"type\": \"integer\", \"minimum\": 0}}]}");
        else
            ss_text_addf(&item, "{\"type\": \"%s\", \"minimum\": 0}",
                         i == SS_TRANSFORM_STANDARDIZE ? "null" : "number");
    }
    ss_text_add(&item, "}}]}");
    json_list(out, item.data);
    ss_text_release(&item);
}

static void json_components(struct ss_text *out)
{
    ss_json_open(out, "items", '{');
    ss_json_text(out, "type", "object");
    ss_json_bool(out, "additionalProperties", false);
    ss_text_add(out,
                ", \"required\": [\"mean\"], \"properties\": {\"weight\": {\"type\": \"number\", "
                "\"exclusiveMinimum\": 0}, \"mean\": {\"type\": [\"number\", \"array\"]}, \"covariance\": "
                "{\"type\": [\"number\", \"array\", \"null\"]}}");
    ss_json_close(out, '}');
}

static void json_default(struct ss_text *out, const struct ss_key *key)
{
    double x;

    if (!key->standard)
        return;
    if (ss_text_number(key->standard, &x))
        ss_json_number(out, "default", x);
    else if (*key->standard == '[' || key->type == SS_TYPE_BOOL)
        ss_text_addf(out, ", \"default\": %s", key->standard);
    else
        ss_json_text(out, "default", key->standard);
}

static void json_leaf(struct ss_text *out, const struct ss_key *key)
{
    switch (key->type) {
    case SS_TYPE_INTEGER:
    case SS_TYPE_LONG:
        json_type(out, "integer");
        json_range(out, key);
        break;
    case SS_TYPE_NUMBER:
    case SS_TYPE_NUMBER_ABOVE:
    case SS_TYPE_NUMBER_BELOW:
        json_type(out, "number");
        json_range(out, key);
        break;
    case SS_TYPE_BOOL:
        json_type(out, "boolean");
        break;
    case SS_TYPE_ENUM:
        json_names(out, key->names);
        break;
    case SS_TYPE_TEXT:
    case SS_TYPE_PATH:
        ss_text_add(out, ", \"type\": [\"string\", \"number\", \"null\"]");
        break;
    case SS_TYPE_WIDTHS:
        json_list(out, "{\"type\": \"integer\", \"minimum\": 1, \"maximum\": 65536}");
        break;
    case SS_TYPE_NUMBERS:
        json_list(out, "{\"type\": \"number\"}");
        break;
    case SS_TYPE_MATRIX:
        json_list(out, "{\"anyOf\": [{\"type\": \"number\"}, {\"type\": \"array\", \"items\": {\"type\": "
                       "\"number\"}}]}");
        break;
    case SS_TYPE_NAMES:
        json_list(out, "{\"type\": [\"string\", \"integer\"]}");
        break;
    case SS_TYPE_TRANSFORMS:
        json_transforms(out);
        break;
    case SS_TYPE_COMPONENTS:
        json_type(out, "array");
        json_components(out);
        break;
    case SS_TYPE_BLOCK:
        break;
    }
    json_default(out, key);
}

/* If the selector's value is none of those that use the key, the key may only be null. Unset, the selector
 * has its default (data.source: that of a file). */
static void json_use(struct ss_text *out, const struct ss_key *key)
{
    const struct ss_key *const selector = &ss_keys[key->selector];
    bool standard_uses = selector->standard == NULL && key->users & 1u;

    ss_json_open(out, NULL, '{');
    ss_json_open(out, "if", '{');
    ss_json_open(out, "properties", '{');
    ss_json_open(out, ss_key_name(selector), '{');
    ss_json_open(out, "not", '{');
    ss_json_open(out, "enum", '[');
    for (size_t v = selector->names->first; v < selector->names->end; v++) {
        if (!(key->users & SS_BIT(v)))
            continue;
        ss_json_text(out, NULL, selector->names->names[v]);
        standard_uses = standard_uses ||
                        (selector->standard && strcmp(selector->standard, selector->names->names[v]) == 0);
    }
    if (standard_uses)
        ss_json_null(out, NULL);
    ss_text_add(out, "]}}}");
    if (standard_uses) {
        ss_json_open(out, "required", '[');
        ss_json_text(out, NULL, ss_key_name(selector));
        ss_json_close(out, ']');
    }
    ss_text_addf(out, "}, \"then\": {\"properties\": {\"%s\": {\"type\": \"null\"}}}}", ss_key_name(key));
}

/* Two keys of which only one may be there. */
static void json_either(struct ss_text *out, const char *a, const char *b)
{
    ss_text_addf(out,
                 ", {\"not\": {\"required\": [\"%s\", \"%s\"], \"properties\": {\"%s\": {\"not\": {\"type\": "
                 "\"null\"}}, "
                 "\"%s\": {\"not\": {\"type\": \"null\"}}}}}",
                 a, b, a, b);
}

/* The block of sweeps: names of keys are left to the program, which knows the nearest ones. */
static void json_sweep(struct ss_text *out)
{
    static const char block[] =
        "\"additionalProperties\": false, \"properties\": {\"grid\": {\"type\": \"object\", "
        "\"additionalProperties\": "
        "{\"type\": \"array\", \"minItems\": 1}}, \"random\": {\"type\": \"object\", \"required\": "
        "[\"count\"], "
        "\"properties\": {\"count\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 100000}}, "
        "\"additionalProperties\": {\"type\": \"object\", \"minProperties\": 1, \"maxProperties\": 1, "
        "\"additionalProperties\": false, \"properties\": {\"uniform\": {\"type\": \"array\", \"minItems\": "
        "2, "
        "\"maxItems\": 2}, \"log_uniform\": {\"type\": \"array\", \"minItems\": 2, \"maxItems\": 2}, "
        "\"integer\": "
        "{\"type\": \"array\", \"minItems\": 2, \"maxItems\": 2}, \"choice\": {\"type\": \"array\", "
        "\"minItems\": "
        "1}}}}, \"points\": {\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": \"object\"}}, "
        "\"repeat\": "
        "{\"type\": \"integer\", \"minimum\": 1, \"maximum\": 100000}, "
        "\"halving\": {\"type\": \"object\", \"required\": [\"first\"], \"additionalProperties\": false, "
        "\"properties\": {\"first\": {\"type\": \"integer\", \"minimum\": 1}, "
        "\"factor\": {\"type\": \"integer\", \"minimum\": 2, \"maximum\": 16}}}}";

    ss_text_add(out, ",\n");
    ss_json_open(out, "sweep", '{');
    ss_json_text(out, "description", sweep_help);
    json_type(out, "object");
    ss_text_addf(out, ", %s", block);
    ss_json_close(out, '}');
}

static void json_block(struct ss_text *out, const struct ss_key *block)
{
    bool any = false;

    ss_json_bool(out, "additionalProperties", false);
    ss_json_open(out, "properties", '{');
    for (size_t i = 0; i < SS_KEY_COUNT; i++) {
        const struct ss_key *const key = &ss_keys[i];
        if (ss_key_parent(key) != block)
            continue;
        ss_text_add(out, any ? ",\n" : "\n");
        any = true;
        ss_json_open(out, ss_key_name(key), '{');
        ss_json_text(out, "description", key->help);
        if (key->type == SS_TYPE_BLOCK) {
            json_type(out, "object");
            json_block(out, key);
        } else {
            json_leaf(out, key);
        }
        ss_json_close(out, '}');
    }
    if (!block)
        json_sweep(out);
    ss_json_close(out, '}');
    ss_json_open(out, "allOf", '[');
    ss_text_add(out, "{}"); /* an empty list is not allowed */
    for (size_t i = 0; i < SS_KEY_COUNT; i++)
        if (ss_key_parent(&ss_keys[i]) == block && ss_keys[i].selector != SS_KEY_NONE &&
            ss_keys[i].users != SS_EVERY)
            json_use(out, &ss_keys[i]);
    if (block == &ss_keys[SS_KEY_DATA])
        json_either(out, "source", "file");
    else if (block == &ss_keys[SS_KEY_TRAIN])
        json_either(out, "steps", "epochs");
    else if (block == &ss_keys[SS_KEY_DATA_COLUMNS])
        json_either(out, "keep", "drop");
    ss_json_close(out, ']');
}

void ss_schema_json(struct ss_text *out)
{
    ss_json_open(out, NULL, '{');
    ss_json_text(out, "$schema", "https://json-schema.org/draft/2020-12/schema");
    ss_json_text(out, "title", "slicescore experiment");
    ss_json_text(out, "type", "object");
    json_block(out, NULL);
    ss_json_close(out, '}');
    ss_text_add(out, "\n");
}
