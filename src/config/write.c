/* The resolved file. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "config/load.h"

/* The fewest digits that read back as the same double. */
static void add_number(struct ss_text *t, double x)
{
    char digits[40];
    double again;

    if (isnan(x)) {
        ss_text_add(t, "null");
        return;
    }
    for (int precision = 6; precision <= 17; precision++) {
        snprintf(digits, sizeof(digits), "%.*g", precision, x);
        if (ss_text_number(digits, &again) && again == x)
            break;
    }
    ss_text_add(t, digits);
}

/* What other YAML readers, of version 1.1 too, might take for something else than text. */
static bool is_plain_text(const char *s)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};

    for (size_t i = 0; i < SS_COUNT(words); i++)
        if (ss_text_distance(s, words[i]) == 0)
            return false;
    if (!isalpha((unsigned char)*s) && *s != '_' && *s != '/')
        return *s && !s[strspn(s, "0123456789")];
    return !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-")];
}

/* One character of UTF-8 that is known to be well formed; its bytes. */
static size_t decode(const char *s, unsigned *code)
{
    const unsigned char c = (unsigned char)*s;
    const size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

    *code = n == 1 ? c : c & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        *code = *code << 6 | ((unsigned char)s[i] & 0x3fu);
    return n;
}

static void add_text(struct ss_text *t, const char *s)
{
    if (!s) {
        ss_text_add(t, "null");
        return;
    }
    if (is_plain_text(s)) {
        ss_text_add(t, s);
        return;
    }
    ss_text_add(t, "\"");
    while (*s) {
        unsigned code;
        const size_t n = decode(s, &code);
        const bool odd = code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
                         code == 0xfeff || code == 0xfffe || code == 0xffff;
        if (odd)
            ss_text_addf(t, "\\u%04x", code);
        else if (code == '"' || code == '\\')
            ss_text_addf(t, "\\%c", (char)code);
        else
            ss_text_add_bytes(t, s, n);
        s += n;
    }
    ss_text_add(t, "\"");
}

static void add_numbers(struct ss_text *t, const struct ss_numbers *numbers, size_t width)
{
    const bool rows = width > 1 && numbers->count == width * width;
    const size_t per_row = rows ? width : numbers->count + 1;

    ss_text_add(t, rows ? "[[" : "[");
    for (size_t i = 0; i < numbers->count; i++) {
        ss_text_add(t, i == 0 ? "" : i % per_row == 0 ? "], [" : ", ");
        add_number(t, numbers->items[i]);
    }
    ss_text_add(t, rows ? "]]" : "]");
}

static void add_names(struct ss_text *t, const struct ss_names *names)
{
    ss_text_add(t, "[");
    for (size_t i = 0; i < names->count; i++) {
        ss_text_add(t, i ? ", " : "");
        add_text(t, names->items[i]);
    }
    ss_text_add(t, "]");
}

static void add_transform(struct ss_text *t, const struct ss_transform_options *transform)
{
    const char *const name = ss_transform_name(transform->kind);
    const bool names = transform->kind == SS_TRANSFORM_KEEP || transform->kind == SS_TRANSFORM_DROP;

    if (!names && isnan(transform->value)) {
        ss_text_add(t, name);
        return;
    }
    ss_text_addf(t, "{%s: ", name);
    if (names)
        add_names(t, &transform->names);
    else if (transform->kind == SS_TRANSFORM_PERMUTE && transform->value < 0)
        add_numbers(t, &transform->numbers, 0);
    else
        add_number(t, transform->value);
    ss_text_add(t, "}");
}

static void add_component(struct ss_text *t, const struct ss_component *component, size_t dimension)
{
    ss_text_add(t, "{weight: ");
    add_number(t, component->weight);
    ss_text_add(t, ", mean: ");
    add_numbers(t, &component->mean, 0);
    if (component->covariance.count) {
        ss_text_add(t, ", covariance: ");
        add_numbers(t, &component->covariance, dimension);
    }
    ss_text_add(t, "}");
}

static void add_transforms(struct ss_text *t, const struct ss_data_options *data)
{
    ss_text_add(t, data->transforms_given ? "[" : "null");
    for (size_t i = 0; data->transforms_given && i < data->n_transforms; i++) {
        ss_text_add(t, i ? ", " : "");
        add_transform(t, &data->transforms[i]);
    }
    ss_text_add(t, data->transforms_given ? "]" : "");
}

static void add_components(struct ss_text *t, const struct ss_data_options *data)
{
    ss_text_add(t, data->n_components ? "[" : "null");
    for (size_t i = 0; i < data->n_components; i++) {
        ss_text_add(t, i ? ", " : "");
        add_component(t, &data->components[i], data->dimension);
    }
    ss_text_add(t, data->n_components ? "]" : "");
}

static void add_widths(struct ss_text *t, const struct ss_model_options *model)
{
    ss_text_add(t, "[");
    for (size_t i = 0; i < model->n_hidden; i++)
        ss_text_addf(t, "%s%u", i ? ", " : "", model->hidden[i]);
    ss_text_add(t, "]");
}

static void add_value(struct ss_text *t, const struct ss_experiment *e, const struct ss_key *key)
{
    const void *const field = ss_key_value(e, key);

    switch (key->type) {
    case SS_TYPE_INTEGER:
        ss_text_addf(t, "%u", *(const uint32_t *)field);
        break;
    case SS_TYPE_LONG:
        ss_text_addf(t, "%llu", (unsigned long long)*(const uint64_t *)field);
        break;
    case SS_TYPE_NUMBER:
    case SS_TYPE_NUMBER_ABOVE:
    case SS_TYPE_NUMBER_BELOW:
        add_number(t, *(const double *)field);
        break;
    case SS_TYPE_BOOL:
        ss_text_add(t, *(const bool *)field ? "true" : "false");
        break;
    case SS_TYPE_ENUM:
        ss_text_add(t, key->names->names[*(const unsigned *)field]);
        break;
    case SS_TYPE_TEXT:
    case SS_TYPE_PATH:
        add_text(t, *(char *const *)field);
        break;
    case SS_TYPE_WIDTHS:
        add_widths(t, &e->model);
        break;
    case SS_TYPE_NUMBERS:
    case SS_TYPE_MATRIX: {
        const struct ss_numbers *const numbers = field;
        if (numbers->count)
            add_numbers(t, numbers, key->type == SS_TYPE_MATRIX ? e->data.dimension : 0);
        else
            ss_text_add(t, "null");
        break;
    }
    case SS_TYPE_NAMES: {
        const struct ss_names *const names = field;
        if (names->count)
            add_names(t, names);
        else
            ss_text_add(t, "null");
        break;
    }
    case SS_TYPE_TRANSFORMS:
        add_transforms(t, &e->data);
        break;
    case SS_TYPE_COMPONENTS:
        add_components(t, &e->data);
        break;
    case SS_TYPE_BLOCK:
        break;
    }
}

static bool is_written(const struct ss_experiment *e, const struct ss_key *key)
{
    const char *const dot = strchr(key->path, '.');
    const size_t n = dot ? (size_t)(dot - key->path) : strlen(key->path);
    const struct {
        const char *block;
        bool wanted;
    } blocks[] = {{"data", e->has_data},
                  {"model", e->has_model},
                  {"objective", e->has_objective},
                  {"sample", e->sample.given},
                  {"study", e->study.given}};

    for (size_t i = 0; i < SS_COUNT(blocks); i++)
        if (!blocks[i].wanted && strlen(blocks[i].block) == n && strncmp(key->path, blocks[i].block, n) == 0)
            return false;
    switch (ss_key_index(key)) {
    case SS_KEY_DATA_SOURCE:
        return e->data.source != SS_SOURCE_NONE;
    case SS_KEY_DATA_FILE:
        return e->data.file != NULL;
    case SS_KEY_TRAIN_STEPS:
        return e->train.steps > 0;
    case SS_KEY_TRAIN_EPOCHS:
        return e->train.epochs > 0;
    default:
        return ss_key_used(e, key);
    }
}

static void add_origin(struct ss_text *t, size_t line_start, const struct ss_experiment *e, enum ss_key_id id)
{
    enum { COLUMN = 40 };
    const size_t length = t->length - line_start;
    char shown[SS_SHOWN_SIZE];

    ss_text_addf(t, "%*s  # ", length < COLUMN ? (int)(COLUMN - length) : 0, "");
    if (e->origins && e->origins->of[id].override)
        ss_text_add(t, "override");
    else if (e->origins && e->origins->of[id].line)
        ss_text_addf(t, "%s:%zu", ss_shown(e->path ? ss_path_name(e->path) : "", shown),
                     e->origins->of[id].line);
    else
        ss_text_add(t, "default");
}

enum ss_status ss_experiment_write(const struct ss_experiment *e, bool origins, struct ss_text *out)
{
    for (size_t i = 0; i < SS_KEY_COUNT; i++) {
        const struct ss_key *const key = &ss_keys[i];
        const size_t start = out->length;
        if (!is_written(e, key))
            continue;
        for (const char *s = key->path; *s; s++)
            ss_text_add(out, *s == '.' ? "  " : "");
        ss_text_addf(out, "%s:", ss_key_name(key));
        if (key->type != SS_TYPE_BLOCK) {
            ss_text_add(out, " ");
            add_value(out, e, key);
            if (origins)
                add_origin(out, start, e, (enum ss_key_id)i);
        }
        ss_text_add(out, "\n");
    }
    if (origins && !e->sample.given)
        ss_text_add(out, "# no sample block: samples are drawn if the data has one or two columns\n");
    return ss_text_status(out);
}
