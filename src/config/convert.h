/* convert.h - from nodes of a YAML tree to the fields of an experiment, by the types of the schema. */
#ifndef SS_CONFIG_CONVERT_H
#define SS_CONFIG_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "config/problem.h"
#include "config/schema.h"
#include "config/yaml.h"

/** What is wrong with values is a problem, not a status: functions of type bool answer whether there was
 * none. */
struct ss_converter {
    struct ss_problems *problems;
    const struct ss_document *document; /* the file, for what has no place in it */
    enum ss_status fault;               /* SS_ERR_MEMORY once that happened */
};

/** What one number may be. */
struct ss_range {
    double lowest, highest;
    bool above, below; /* the end itself is left out */
};

/**
 * Set the field of `key` (not a block) in `e` from a node that is not null. What the field held is freed;
 * after a problem it holds what it held.
 */
bool ss_convert(struct ss_converter *c, struct ss_experiment *e, const struct ss_key *key,
                const struct ss_yaml_node *node);

/** Set the field of `key` to its default, given the selectors in `e`. */
bool ss_convert_default(struct ss_converter *c, struct ss_experiment *e, const struct ss_key *key);

/** For convert_special.c: `path` names the place in messages ("data.transform[1].noise"), `wanted` what fits
 * there. */
bool ss_convert_wrong(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                      const char *wanted);
bool ss_convert_number(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                       const char *wanted, struct ss_range range, double *out);
bool ss_convert_integer(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                        const char *wanted, struct ss_range range, uint64_t *out);
bool ss_convert_numbers(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                        bool matrix, struct ss_numbers *out);
bool ss_convert_names(struct ss_converter *c, const struct ss_yaml_node *node, const char *path, size_t least,
                      struct ss_names *out);
/** Index of the name in `names`. */
bool ss_convert_enum(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                     const struct ss_enum *names, unsigned *out);
bool ss_convert_transforms(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                           struct ss_data_options *data);
bool ss_convert_components(struct ss_converter *c, const struct ss_yaml_node *node, const char *path,
                           struct ss_data_options *data);

/** "did you mean 'x'?" or "valid: a, b, c" into `out`. */
void ss_convert_hint(const char *word, const char *const *candidates, size_t n, struct ss_text *out);

/** False, and the fault noted, unless st is SS_OK. */
bool ss_convert_ok(struct ss_converter *c, enum ss_status st);

void ss_names_release(struct ss_names *n);
void ss_numbers_release(struct ss_numbers *n);
void ss_transforms_release(struct ss_data_options *data);
void ss_components_release(struct ss_data_options *data);

#endif
