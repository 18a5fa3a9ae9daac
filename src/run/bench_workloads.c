/* bench_workloads.c - the table of workloads, and how much work each is. */
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "run/bench.h"

enum { MOST_HIDDEN = 5, MOST_VALUES = 8 };

struct workload {
    const char *name;
    enum ss_model_kind model;
    enum ss_objective_kind objective;
    size_t batch, dimension, slices;
    uint32_t hidden[MOST_HIDDEN];            /* ends with 0 */
    enum { ALONE, OF_B, OF_D, OF_M } varies; /* a family: one of the three takes each of `values` */
    size_t values[MOST_VALUES];
};

#define ENERGY SS_MODEL_ENERGY
#define SCORE SS_MODEL_SCORE
#define ESM SS_OBJECTIVE_ESM
#define SSM SS_OBJECTIVE_SSM
static const struct workload workloads[] = {
    {"large", ENERGY, SSM, 1024, 128, 5, {128, 128}, ALONE, {0}},
    {"large-m1", ENERGY, SSM, 1024, 128, 1, {128, 128}, ALONE, {0}},
    {"small", ENERGY, SSM, 64, 8, 5, {128, 128}, ALONE, {0}},
    {"toy", ENERGY, SSM, 128, 2, 1, {64, 64}, ALONE, {0}},
    {"wide", ENERGY, SSM, 256, 784, 1, {1024, 1024, 1024}, ALONE, {0}},
    {"nice", SCORE, SSM, 128, 392, 1, {1000, 1000, 1000, 1000}, ALONE, {0}},
    {"score", SCORE, SSM, 128, 784, 1, {512, 512}, ALONE, {0}},
    {"esm-D", ENERGY, ESM, 128, 0, 1, {128, 128, 128}, OF_D, {2, 10, 50, 200, 784}},
    {"ssm-D", ENERGY, SSM, 128, 0, 1, {128, 128, 128}, OF_D, {2, 10, 50, 200, 784}},
    {"scale-M", ENERGY, SSM, 1024, 128, 0, {128, 128}, OF_M, {1, 2, 4, 8, 16, 32, 64}},
    {"scale-B", ENERGY, SSM, 0, 128, 5, {128, 128}, OF_B, {1, 16, 64, 256, 1024, 4096}},
    {"scale-D", ENERGY, SSM, 1024, 0, 5, {128, 128}, OF_D, {2, 16, 128, 784, 4096}},
};

const char *const *ss_bench_names(size_t *n)
{
    static const char *const names[] = {"large",   "large-m1", "small", "toy",   "wide",
                                        "nice",    "score",    "esm-D", "ssm-D", "scale-M",
                                        "scale-B", "scale-D",  "matmul"};

    _Static_assert(SS_COUNT(names) == SS_COUNT(workloads) + 1, "a name for each, and matmul");
    *n = SS_COUNT(names);
    return names;
}

/* How much of a family's name its members' names begin with: "esm" of "esm-D", all of "scale-M". */
static size_t stem_length(const struct workload *w)
{
    return w->objective == ESM || strcmp(w->name, "ssm-D") == 0 ? 3 : strlen(w->name);
}

static struct ss_bench_shape shape_of(const struct workload *w, size_t value)
{
    struct ss_bench_shape s = {.batch = w->varies == OF_B ? value : w->batch,
                               .dimension = w->varies == OF_D ? value : w->dimension,
                               .slices = w->varies == OF_M ? value : w->slices,
                               .objective = w->objective,
                               .model = {.kind = w->model, .activation = SS_ACTIVATION_SILU}};

    while (s.model.n_hidden < MOST_HIDDEN && w->hidden[s.model.n_hidden]) {
        s.model.hidden[s.model.n_hidden] = w->hidden[s.model.n_hidden];
        s.model.n_hidden++;
    }
    if (w->varies == ALONE) {
        snprintf(s.name, sizeof(s.name), "%s", w->name);
        return s;
    }
    s.family = w->name;
    snprintf(s.name, sizeof(s.name), "%.*s-%zu", (int)stem_length(w), w->name, value);
    return s;
}

bool ss_bench_has_slices(const struct ss_bench_shape *s)
{
    return s->objective == SS_OBJECTIVE_SSM || s->objective == SS_OBJECTIVE_SSM_VR;
}

struct ss_bench_shape ss_bench_default(void)
{
    struct ss_bench_shape s = shape_of(&workloads[0], 0);

    snprintf(s.name, sizeof(s.name), "custom");
    return s;
}

/* Names that go on where this one ends: "scale-M, scale-B, scale-D". */
static void add_beginning(const char *name, struct ss_text *out)
{
    for (size_t i = 0; i < SS_COUNT(workloads); i++)
        if (*name && strncmp(workloads[i].name, name, strlen(name)) == 0)
            ss_text_addf(out, "%s%s", out->length ? ", " : "", workloads[i].name);
}

static enum ss_status no_such_name(const char *command, const char *name)
{
    enum ss_status st;
    struct ss_text members;
    size_t n;
    const char *const *const names = ss_bench_names(&n);
    const char *const nearest = ss_text_nearest(name, names, n);

    if (strcmp(name, "matmul") == 0)
        return SS_FAIL(SS_ERR_USAGE, "%s: matmul is no training; name a workload, like large", command);

    for (size_t i = 0; i < SS_COUNT(workloads); i++) {
        const struct workload *const w = &workloads[i];
        if (w->varies == ALONE || strncmp(name, w->name, stem_length(w)) != 0 || name[stem_length(w)] != '-')
            continue;
        ss_text_init(&members);
        for (size_t j = 0; j < MOST_VALUES && w->values[j]; j++)
            ss_text_addf(&members, "%s%s", j ? ", " : "", shape_of(w, w->values[j]).name);
        st = SS_FAIL(SS_ERR_USAGE, "%s: no workload '%s'; of %s there are %s", command, name, w->name,
                     members.data ? members.data : "");
        ss_text_release(&members);
        return st;
    }
    ss_text_init(&members);
    if (!nearest || ss_text_distance(name, nearest) > 1)
        add_beginning(name, &members);
    if (members.length) {
        st = SS_FAIL(SS_ERR_USAGE, "%s: no workload '%s'; there are %s", command, name, members.data);
        ss_text_release(&members);
        return st;
    }
    if (nearest)
        return SS_FAIL(SS_ERR_USAGE, "%s: no workload '%s'; did you mean '%s'?", command, name, nearest);
    return SS_FAIL(SS_ERR_USAGE, "%s: no workload '%s'; `slicescore bench --help` lists them", command, name);
}

enum ss_status ss_bench_find(const char *command, const char *name, struct ss_bench_shape **shapes, size_t *n)
{
    const bool all = strcmp(name, "all") == 0;
    struct ss_bench_shape *found = NULL;
    size_t count = 0;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(SS_COUNT(workloads) * MOST_VALUES, &found));
    for (size_t i = 0; i < SS_COUNT(workloads); i++) {
        const struct workload *const w = &workloads[i];
        for (size_t j = 0; j < MOST_VALUES && (j == 0 || w->values[j]); j++) {
            const struct ss_bench_shape s = shape_of(w, w->values[j]);
            if (all || strcmp(s.name, name) == 0 || strcmp(w->name, name) == 0)
                found[count++] = s;
        }
    }
    if (!count) {
        st = no_such_name(command, name);
        goto out;
    }
    *shapes = found;
    *n = count;
    found = NULL;
out:
    free(found);
    return st;
}

double ss_bench_gflop(const struct ss_bench_shape *s)
{
    const bool energy = s->model.kind != SS_MODEL_SCORE;
    const double m = s->objective == SS_OBJECTIVE_ESM ? (double)s->dimension : (double)s->slices;
    double first = 2 * (m + 1), other = energy ? 3 * (m + 2) : 3 * (m + 1), last = other, sum = 0;
    double inputs = (double)s->dimension;

    if (!energy) /* W'v along each slice, and its gradient; the values where they are wanted whole */
        last = 2 * m + (s->objective == SS_OBJECTIVE_SSM ? 0 : 3);
    if (s->objective == SS_OBJECTIVE_ESM) { /* W times a unit vector is no product */
        first = 2;
        last = energy ? other : 3;
    }
    if (s->objective == SS_OBJECTIVE_SSM_VR && energy) {
        first = 2 * (m + 2) + 1;
        last = other = 3 * (m + 3);
    }
    if (s->objective == SS_OBJECTIVE_DSM) {
        first = energy ? 5 : 2;
        last = other = energy ? 6 : 3;
    }
    for (size_t i = 0; i <= s->model.n_hidden; i++) {
        const double outputs = i < s->model.n_hidden ? (double)s->model.hidden[i]
                               : energy              ? 1
                                                     : (double)s->dimension;
        sum += inputs * outputs * (i == 0 ? first : i < s->model.n_hidden ? other : last);
        inputs = outputs;
    }
    return 2e-9 * (double)s->batch * sum;
}
