/*
 * sweep.h - the points of a sweep: what the `sweep:` block of a file and KEY=a,b on a command line come to.
 *
 * A point is a list of overrides of the file. All combinations of points x grid x random x repeat, in that
 * order, the last one fastest; in the grid the last key fastest.
 */
#ifndef SS_CONFIG_SWEEP_H
#define SS_CONFIG_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "config/experiment.h"

enum { SS_SWEEP_MOST_POINTS = 100000, SS_SWEEP_MOST_KEYS = 32 };

/** Successive halving (Jamieson and Talwalkar 2016): all settings train `first` steps, the best 1/factor of
 * them by their held-out objective go on to first * factor steps, and so on to the last step. */
struct ss_halving {
    uint64_t first; /* 0: no halving */
    uint32_t factor;
};

struct ss_sweep {
    char *path;   /* of the file */
    char **fixed; /* overrides that hold for all points */
    size_t n_fixed;
    char
        *keys[SS_SWEEP_MOST_KEYS]; /* dotted names of what is swept; "seed" is the last one with `repeated` */
    size_t n_keys;
    bool repeated; /* by sweep.repeat: points that differ in `seed` alone belong together */
    struct ss_halving halving;
    const char **values; /* [n_points][n_keys]: value as it is written after KEY=, NULL: the point leaves it
                            as it is */
    size_t n_points;
    char **texts; /* what `values` points to */
    size_t n_texts, most_texts;
};

/**
 * Read the block, check each value in it, count the points before any is made, and make them.
 *
 * @param words  overrides as of ss_experiment_load(); KEY=a,b (commas outside brackets and quotes) is an axis
 *               of the grid, in place of what the grid says of KEY
 * @return as ss_experiment_load(); what values mean to each other is found by ss_sweep_point()
 */
SS_MUST_CHECK enum ss_status ss_sweep_load(const char *path, const char *const *words, size_t n,
                                           struct ss_sweep **out);
void ss_sweep_free(struct ss_sweep *s);

/** The overrides of point `index`, "key=value" each, without those in `fixed`. The caller gives them to
 * ss_sweep_overrides_free(). */
SS_MUST_CHECK enum ss_status ss_sweep_overrides(const struct ss_sweep *s, size_t index, char ***out,
                                                size_t *n);
void ss_sweep_overrides_free(char **overrides, size_t n);

/** The experiment of these overrides after those in `fixed`. */
SS_MUST_CHECK enum ss_status ss_sweep_experiment(const struct ss_sweep *s, char *const *overrides, size_t n,
                                                 struct ss_experiment **out);

/** For config.c: a sweep without points whose `fixed` are the words that are no axis. */
SS_MUST_CHECK enum ss_status ss_sweep_create(const char *path, const char *const *words, size_t n,
                                             struct ss_sweep **out);

/** Length of the value at the beginning of `s`, up to a comma that is outside brackets and quotes. */
size_t ss_sweep_value_length(const char *s);

/** Keep a copy of `text` as long as the sweep; NULL if memory ran out (reported). */
const char *ss_sweep_keep(struct ss_sweep *s, const char *text);

#endif
