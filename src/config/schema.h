/* schema.h - the table of schema_keys.h as data, and questions about it. */
#ifndef SS_CONFIG_SCHEMA_H
#define SS_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "config/config.h"
#include "config/schema_keys.h"

enum ss_type {
    SS_TYPE_BLOCK,        /* a mapping of keys further down */
    SS_TYPE_INTEGER,      /* uint32_t */
    SS_TYPE_LONG,         /* uint64_t */
    SS_TYPE_NUMBER,       /* double, lowest <= x <= highest; NAN = unset */
    SS_TYPE_NUMBER_ABOVE, /* lowest < x <= highest */
    SS_TYPE_NUMBER_BELOW, /* lowest <= x < highest */
    SS_TYPE_BOOL,
    SS_TYPE_ENUM,
    SS_TYPE_TEXT,       /* char *, NULL = unset */
    SS_TYPE_PATH,       /* the same, of something that exists */
    SS_TYPE_WIDTHS,     /* model.hidden */
    SS_TYPE_NUMBERS,    /* struct ss_numbers */
    SS_TYPE_MATRIX,     /* struct ss_numbers, flat or as rows */
    SS_TYPE_NAMES,      /* struct ss_names; at least `lowest` */
    SS_TYPE_TRANSFORMS, /* data.transform */
    SS_TYPE_COMPONENTS  /* data.components */
};

/** Names of an enum; in files only those from `first` up to `end`. */
struct ss_enum {
    const char *const *names;
    size_t first, end, count;
};

#define SS_KEY_ID(id, ...) SS_KEY_##id,
enum ss_key_id { SS_KEYS(SS_KEY_ID) SS_KEY_COUNT, SS_KEY_NONE = SS_KEY_COUNT };
#undef SS_KEY_ID

struct ss_key {
    const char *path;
    enum ss_type type;
    size_t offset; /* of the field in struct ss_experiment */
    const struct ss_enum *names;
    double lowest, highest;
    const char *standard; /* the default as it would be written, NULL = unset */
    enum ss_key_id selector;
    uint32_t users;
    const char *help;
};

extern const struct ss_key ss_keys[SS_KEY_COUNT];
extern const struct ss_enum ss_transforms;

/** The key of this dotted name, or NULL. */
const struct ss_key *ss_key_find(const char *path);

/** Keys directly below `block` (NULL: the top level), last part of their names; returns how many, at most
 * `limit`. */
size_t ss_key_children(const struct ss_key *block, const char **names, size_t limit);

/** After the last dot. */
const char *ss_key_name(const struct ss_key *key);

/** The block that holds `key`, NULL at the top. */
const struct ss_key *ss_key_parent(const struct ss_key *key);

static inline enum ss_key_id ss_key_index(const struct ss_key *key)
{
    return (enum ss_key_id)(key - ss_keys);
}

static inline void *ss_key_field(struct ss_experiment *e, const struct ss_key *key)
{
    return (char *)e + key->offset;
}

static inline const void *ss_key_value(const struct ss_experiment *e, const struct ss_key *key)
{
    return (const char *)e + key->offset;
}

/** True unless the value of the key's selector in `e` leaves it unused. */
bool ss_key_used(const struct ss_experiment *e, const struct ss_key *key);

/** Default under the selector's value `value` (ignored without a selector); NULL = unset. */
const char *ss_key_default(const struct ss_key *key, unsigned value);
const char *ss_key_default_in(const struct ss_experiment *e, const struct ss_key *key);

/** "a whole number from 1 to 16777216": what the key takes. */
void ss_key_wanted(const struct ss_key *key, struct ss_text *out);

/** "a, b or c": the values of the key's selector whose bits are in `mask`. */
void ss_key_values_named(const struct ss_key *key, uint32_t mask, struct ss_text *out);

/** "a, b, c" of an enum's names in files. */
void ss_enum_list(const struct ss_enum *names, const char *last, struct ss_text *out);

/** What people call a key elsewhere: learning_rate for "lr"; NULL if nothing is known. */
const char *ss_key_alias(const char *name);

#endif
