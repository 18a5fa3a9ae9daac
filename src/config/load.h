/* load.h - what is shared by the parts of ss_experiment_load(): config.c and check.c. */
#ifndef SS_CONFIG_LOAD_H
#define SS_CONFIG_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "config/convert.h"
#include "config/problem.h"
#include "config/schema.h"
#include "config/yaml.h"

struct ss_origins {
    struct {
        bool override;
        size_t line; /* of the file, 0 = default */
    } of[SS_KEY_COUNT];
};

struct ss_loader {
    struct ss_experiment *e;
    struct ss_problems problems;
    struct ss_converter converter;
    const struct ss_yaml_node *given[SS_KEY_COUNT]; /* the node that a key's value came from; blocks too */
    bool bad[SS_KEY_COUNT];           /* given, but not to be taken: nothing more is said about it */
    bool may_be_gone;                 /* files that the experiment names */
    bool sweep_allowed;               /* a `sweep:` block is no error */
    const struct ss_yaml_node *sweep; /* that block, NULL if there is none */
};

/** True if the key was given and is worth a closer look. */
static inline bool ss_loader_has(const struct ss_loader *l, enum ss_key_id id)
{
    return l->given[id] && !l->bad[id];
}

/** Where a problem of `id` is: its value, the key itself if `at_key`, or the file as a whole if nobody gave
 * it. */
struct ss_place ss_loader_place(const struct ss_loader *l, enum ss_key_id id, bool at_key);

/** A key of this dotted name does not exist: a problem with the nearest names. */
void ss_loader_unknown(struct ss_loader *l, const char *path, struct ss_place place);

struct ss_sweep;

/** The points of `l->sweep` and of the values after KEY= in `words` ("a,b"), into `s` (sweep.c). What is
 * wrong is added to the problems. */
SS_MUST_CHECK enum ss_status ss_loader_sweep(struct ss_loader *l, const char *const *words, size_t n,
                                             struct ss_sweep *s);

/** What holds between keys: uses, exclusions, sizes, files. Everything found is added to the problems. */
SS_MUST_CHECK enum ss_status ss_loader_check(struct ss_loader *l);

/** data.file and train.start become absolute paths of what is there (files.c). */
SS_MUST_CHECK enum ss_status ss_loader_find_files(struct ss_loader *l);

#endif
