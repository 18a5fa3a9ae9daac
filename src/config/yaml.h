/*
 * yaml.h - one YAML document as a tree whose every node knows its place.
 *
 * Only what an experiment needs: mappings, sequences, scalars. Anchors, aliases, tags, second documents and
 * duplicate keys are problems, each with its place, and so is a document past the limits below: parsing stops
 * there, because libyaml takes time quadratic in the depth and would expand nothing for us to count.
 */
#ifndef SS_CONFIG_YAML_H
#define SS_CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "config/problem.h"

enum {
    SS_YAML_MAX_BYTES = 1 << 20,
    SS_YAML_MAX_DEPTH = 32,    /* the outermost mapping is the first level */
    SS_YAML_MAX_NODES = 10000, /* keys count */
    SS_YAML_MAX_SCALAR = 64 << 10
};

enum ss_yaml_kind {
    SS_YAML_NULL, /* nothing, ~ or null, without quotes */
    SS_YAML_SCALAR,
    SS_YAML_SEQUENCE,
    SS_YAML_MAPPING
};

struct ss_yaml_node {
    enum ss_yaml_kind kind;
    struct ss_place place;
    bool quoted;      /* a scalar in quotes, or as a block: text, whatever it looks like */
    bool flow;        /* a collection in brackets */
    bool bad;         /* refused, and told so: the rest is silent about it */
    const char *text; /* of a scalar or null; UTF-8 without zero bytes */
    const char *key;  /* of an entry of a mapping, else NULL */
    struct ss_place key_place;
    struct ss_yaml_node *first, *next; /* entries in the order written */
    size_t count;
};

struct ss_yaml {
    struct ss_yaml_node *root; /* NULL if the document could not be read to its end, or is empty */
    struct ss_yaml_chunk *chunks;
};

/**
 * Parse `document->text` from byte `skip` on, which is on its first line.
 *
 * @param out  to be given to ss_yaml_release() whatever comes back
 * @return SS_OK even with problems (see `problems`), or SS_ERR_MEMORY
 */
SS_MUST_CHECK enum ss_status ss_yaml_parse(const struct ss_document *document, size_t skip,
                                           struct ss_problems *problems, struct ss_yaml *out);
void ss_yaml_release(struct ss_yaml *y);

/** "a number", "a list"...: what `node` is, for messages. */
const char *ss_yaml_describe(const struct ss_yaml_node *node);

#endif
