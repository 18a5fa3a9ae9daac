/* sweep_builder.h - the parts of a `sweep:` block: read by sweep_block.c, multiplied out by sweep_expand.c.
 */
#ifndef SS_CONFIG_SWEEP_BUILDER_H
#define SS_CONFIG_SWEEP_BUILDER_H

#include "config/load.h"
#include "config/sweep.h"

enum ss_draw { SS_DRAW_UNIFORM, SS_DRAW_LOG_UNIFORM, SS_DRAW_INTEGER, SS_DRAW_CHOICE };

struct ss_axis { /* one key and its values; a draw's ends, or its choices */
    size_t key;
    const char **values;
    size_t n_values;
    enum ss_draw kind;
    double low, high;
};

struct ss_axes {
    struct ss_axis items[SS_SWEEP_MOST_KEYS];
    size_t count;
};

struct ss_sweep_builder {
    struct ss_loader *l;
    struct ss_sweep *s;
    struct ss_experiment *scratch; /* where values are tried */
    struct ss_axes grid, random;
    size_t n_grid, n_random, n_points, repeat; /* how many combinations each part has */
    const struct ss_yaml_node *points;
    enum ss_status fault;
};

/** A copy of `text` that lives as long as the sweep; NULL, and the fault noted, if memory ran out. */
const char *ss_sweep_builder_keep(struct ss_sweep_builder *b, const char *text);

/** The text of a value that the key takes; NULL after a problem. */
const char *ss_sweep_builder_value(struct ss_sweep_builder *b, const struct ss_key *key,
                                   const struct ss_yaml_node *node);

/** Take `halving: {first: STEPS, factor: N}`. */
void ss_sweep_builder_halving(struct ss_sweep_builder *b, const struct ss_yaml_node *node);

/** With halving, no key may be swept that changes what the held-out objective is of. */
void ss_sweep_builder_comparable(struct ss_sweep_builder *b, struct ss_place place);

/** Index of a key that is swept; false if it is not. */
bool ss_sweep_builder_find(const struct ss_sweep_builder *b, const char *path, size_t *out);

/** All combinations; their number was checked. */
SS_MUST_CHECK enum ss_status ss_sweep_builder_expand(struct ss_sweep_builder *b);

#endif
