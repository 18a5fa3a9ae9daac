/* The `halving` part of a `sweep:` block. */
#include <string.h>

#include "config/sweep_builder.h"

void ss_sweep_builder_halving(struct ss_sweep_builder *b, const struct ss_yaml_node *node)
{
    static const char how[] = "as in halving: {first: 500, factor: 2}";
    struct ss_problems *const problems = &b->l->problems;
    struct ss_halving h = {.factor = 2};
    uint64_t n;

    if (node->kind != SS_YAML_MAPPING) {
        ss_problems_add(problems, node->place, "sweep.halving", how,
                        "wanted the steps before the first decision, found %s", ss_yaml_describe(node));
        return;
    }
    for (const struct ss_yaml_node *part = node->first; part; part = part->next) {
        char shown[SS_SHOWN_SIZE];
        if (strcmp(part->key, "first") == 0) {
            if (ss_convert_integer(&b->l->converter, part, "sweep.halving.first", "a whole number above 0",
                                   (struct ss_range){.lowest = 1, .highest = 1e15}, &n))
                h.first = n;
        } else if (strcmp(part->key, "factor") == 0) {
            if (ss_convert_integer(&b->l->converter, part, "sweep.halving.factor",
                                   "a whole number from 2 to 16",
                                   (struct ss_range){.lowest = 2, .highest = 16}, &n))
                h.factor = (uint32_t)n;
        } else {
            ss_problems_add(problems, part->key_place, "sweep.halving", how, "unknown key '%s'",
                            ss_shown(part->key, shown));
        }
    }
    if (!h.first && problems->count == 0)
        ss_problems_add(problems, node->key_place, "sweep.halving", how, "first is missing");
    b->s->halving = h;
}

/* Seeds change which rows are held out too; settings are compared by their means over the same seeds. */
void ss_sweep_builder_comparable(struct ss_sweep_builder *b, struct ss_place place)
{
    for (size_t i = 0; b->s->halving.first && i < b->s->n_keys; i++)
        if (strncmp(b->s->keys[i], "data", 4) == 0 || strncmp(b->s->keys[i], "evaluate", 8) == 0)
            ss_problems_add(
                &b->l->problems, place, "sweep.halving", NULL,
                "compares settings by their objective on held-out rows, and %s changes what these "
                "rows are",
                b->s->keys[i]);
}
