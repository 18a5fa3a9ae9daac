/* All combinations of the parts of a sweep. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/checked.h"
#include "config/sweep_builder.h"
#include "random/random.h"

static const char *draw(struct ss_sweep_builder *b, const struct ss_axis *a, size_t i)
{
    const char *const key = b->s->keys[a->key];
    const uint32_t counter[4] = {(uint32_t)i, (uint32_t)XXH3_64bits(key, strlen(key)), 0, 0};
    uint32_t bits[4];
    char text[40];

    ss_random_bits(b->l->e->seed, SS_PURPOSE_SWEEP, counter, bits);
    const double u = ldexp((double)(bits[0] >> 5) * 67108864.0 + (double)(bits[1] >> 6), -53);
    switch (a->kind) {
    case SS_DRAW_CHOICE:
        return a->values[(size_t)(u * (double)a->n_values)];
    case SS_DRAW_INTEGER:
        snprintf(text, sizeof(text), "%.0f", a->low + floor(u * (a->high - a->low + 1)));
        break;
    case SS_DRAW_LOG_UNIFORM:
        snprintf(text, sizeof(text), "%.6g", fmin(a->high, fmax(a->low, a->low * pow(a->high / a->low, u))));
        break;
    case SS_DRAW_UNIFORM:
        snprintf(text, sizeof(text), "%.6g", fmin(a->high, fmax(a->low, a->low + u * (a->high - a->low))));
        break;
    }
    return ss_sweep_builder_keep(b, text);
}

/* Values that are drawn, [n_random][keys drawn]; and the seeds. */
static enum ss_status make_values(struct ss_sweep_builder *b, const char ***drawn, const char ***seeds)
{
    enum ss_status st = SS_OK;

    TRY(ss_allocate(b->n_random * b->random.count, drawn));
    for (size_t i = 0; i < b->n_random; i++)
        for (size_t k = 0; k < b->random.count; k++)
            (*drawn)[i * b->random.count + k] = draw(b, &b->random.items[k], i);
    TRY(ss_allocate(b->repeat, seeds));
    for (size_t i = 0; b->s->repeated && i < b->repeat; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%" PRIu32, b->l->e->seed + (uint32_t)i);
        (*seeds)[i] = ss_sweep_builder_keep(b, text);
    }
    st = b->fault;
out:
    return st;
}

static void fill_from_list(struct ss_sweep_builder *b, const struct ss_yaml_node *point, const char **row)
{
    for (const struct ss_yaml_node *n = point->first; n; n = n->next) {
        size_t index;
        if (ss_sweep_builder_find(b, n->key, &index))
            row[index] = ss_sweep_builder_value(b, ss_key_find(n->key), n);
    }
}

enum ss_status ss_sweep_builder_expand(struct ss_sweep_builder *b)
{
    struct ss_sweep *const s = b->s;
    const char **drawn = NULL, **seeds = NULL;
    const struct ss_yaml_node *point = b->points ? b->points->first : NULL;
    const size_t inner = b->n_grid * b->n_random * b->repeat;
    enum ss_status st = SS_OK;

    s->n_points = b->n_points * inner;
    TRY(ss_allocate(s->n_points * s->n_keys, &s->values));
    TRY(make_values(b, &drawn, &seeds));
    for (size_t p = 0; p < b->n_points; p++, point = point ? point->next : NULL) {
        for (size_t i = 0; i < inner; i++) {
            const char **const row = s->values + (p * inner + i) * s->n_keys;
            size_t rest = i / b->repeat / b->n_random;
            const size_t at = i / b->repeat % b->n_random;
            for (size_t k = b->grid.count; k-- > 0; rest /= b->grid.items[k].n_values)
                row[b->grid.items[k].key] = b->grid.items[k].values[rest % b->grid.items[k].n_values];
            for (size_t k = 0; k < b->random.count; k++)
                row[b->random.items[k].key] = drawn[at * b->random.count + k];
            if (s->repeated)
                row[s->n_keys - 1] = seeds[i % b->repeat];
            if (point && i == 0)
                fill_from_list(b, point, row);
            else if (point) /* the same values, once kept */
                for (const struct ss_yaml_node *n = point->first; n; n = n->next) {
                    size_t k = 0;
                    if (ss_sweep_builder_find(b, n->key, &k))
                        row[k] = s->values[p * inner * s->n_keys + k];
                }
        }
    }
    st = b->fault;
out:
    free(drawn);
    free(seeds);
    return st;
}
