#include "device/gemm_ways.h"

#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "device/opencl.h"

/* ---- numbers: all 0 is by the rules ---- */

enum { TASK_M, TASK_N, GROUPS, PACKING }; /* on CPU devices; on GPUs TILES: */
enum { TILES };
enum { PACKED = 1, PACK_A = 2, PACK_B = 4 };

void ss_gemm_way_numbers(const struct ss_device *d, const struct ss_gemm_way *w,
                         int32_t numbers[SS_TUNING_NUMBERS])
{
    memset(numbers, 0, SS_TUNING_NUMBERS * sizeof(*numbers));
    if (!ss_device_is_cpu(d)) {
        numbers[TILES] = ss_tiles_number(&w->tiles);
        return;
    }
    numbers[TASK_M] = (int32_t)w->own.task_m;
    numbers[TASK_N] = (int32_t)w->own.task_n;
    numbers[GROUPS] = (int32_t)w->own.groups;
    numbers[PACKING] = PACKED | (w->own.pack_a ? PACK_A : 0) | (w->own.pack_b ? PACK_B : 0);
}

static bool way_of_numbers(const struct ss_device *d, const struct ss_gemm *g,
                           const int32_t numbers[SS_TUNING_NUMBERS], struct ss_gemm_way *out)
{
    static const int32_t by_rule[SS_TUNING_NUMBERS];

    ss_gemm_ways(d, g, out, 1);
    if (memcmp(numbers, by_rule, sizeof(by_rule)) == 0)
        return true;
    if (!ss_device_is_cpu(d))
        return ss_tiles_of_number(d, numbers[TILES], &out->tiles);
    const struct ss_own_product p = ss_own_product_of(d, g, false);
    out->own.task_m = (uint32_t)numbers[TASK_M];
    out->own.task_n = (uint32_t)numbers[TASK_N];
    out->own.groups = (uint32_t)numbers[GROUPS];
    out->own.pack_a = numbers[PACKING] & PACK_A;
    out->own.pack_b = numbers[PACKING] & PACK_B;
    return !ss_own_sizes_wrong(d, &p, &out->own);
}

void ss_gemm_way_text(const struct ss_device *d, const struct ss_gemm_way *w, char *text, size_t size)
{
    const struct ss_own_sizes *const s = &w->own;
    static const char *const packed[] = {"in place", "A packed", "B packed", "both packed"};

    if (ss_device_is_cpu(d))
        snprintf(text, size, "tasks of %u x %u, %u at once, %s", s->task_m, s->task_n, s->groups,
                 packed[s->pack_a + 2 * s->pack_b]);
    else
        ss_tiles_text(&w->tiles, text, size);
}

/* ---- the ways that there are ---- */

struct ways {
    const struct ss_device *device;
    const struct ss_own_product *product;
    struct ss_gemm_way *list;
    size_t n, most;
};

static void add(struct ways *w, const struct ss_gemm_way *one)
{
    int32_t numbers[SS_TUNING_NUMBERS], others[SS_TUNING_NUMBERS];

    if (w->n == w->most || (w->product ? ss_own_sizes_wrong(w->device, w->product, &one->own)
                                       : ss_tiles_wrong(w->device, &one->tiles)))
        return;
    ss_gemm_way_numbers(w->device, one, numbers);
    for (size_t i = 0; i < w->n; i++) {
        ss_gemm_way_numbers(w->device, &w->list[i], others);
        if (memcmp(numbers, others, sizeof(numbers)) == 0)
            return;
    }
    w->list[w->n++] = *one;
}

/* `parts` tasks one below the other, of so many columns; groups no more than there are tasks. */
static void add_tasks(struct ways *w, const struct ss_own_sizes *like, size_t parts, size_t columns,
                      size_t groups)
{
    const struct ss_gemm *const g = &w->product->g;
    const size_t panel = (size_t)like->width * like->vectors;
    struct ss_gemm_way one = {.own = *like};

    if (!w->product->dots) {
        one.own.task_m = (uint32_t)ss_round_up(ss_parts_of(g->m, parts), like->rows);
        one.own.task_n = (uint32_t)ss_smaller(ss_round_up(columns, panel), ss_round_up(g->n, panel));
    } else {
        one.own.task_m = (uint32_t)ss_parts_of(g->m, parts);
    }
    const size_t tasks =
        ss_parts_of(g->m, one.own.task_m) * ss_parts_of(g->n, one.own.task_n) * w->product->slices;
    one.own.groups = (uint32_t)ss_smaller(groups, tasks);
    add(w, &one);
}

/* Changed one after the other, what helped most often first: rows of tasks, packing, columns, groups; and
 * rows with packing. */
static void find_sizes(struct ways *w)
{
    const struct ss_own_sizes rule = ss_own_sizes_by_rule(w->device, w->product, false);
    const size_t units = ss_device_info(w->device)->compute_units, cores = units ? units : 1;
    const size_t parts = ss_parts_of(w->product->g.m, rule.task_m), columns = rule.task_n;
    const size_t rows[] = {2 * parts, parts / 2, 4 * parts};
    struct ss_own_sizes b = rule, a = rule;

    a.pack_a = !rule.pack_a && w->product->g.transpose_a;
    b.pack_b = !rule.pack_b || w->product->g.transpose_b;
    add(w, &(struct ss_gemm_way){.own = rule});
    for (size_t i = 0; i < SS_COUNT(rows); i++)
        add_tasks(w, &rule, rows[i] ? rows[i] : 1, columns, cores);
    add_tasks(w, &b, parts, columns, cores);
    add_tasks(w, &a, parts, columns, cores);
    add_tasks(w, &rule, parts, 2 * columns, cores);
    add_tasks(w, &rule, parts, columns / 2, cores);
    add_tasks(w, &rule, cores, columns, cores);
    add_tasks(w, &rule, 1, columns, 1);
    for (size_t i = 0; i < 2; i++) {
        add_tasks(w, &b, rows[i] ? rows[i] : 1, columns, cores);
        add_tasks(w, &a, rows[i] ? rows[i] : 1, columns, cores);
    }
}

static void find_tiles(struct ways *w, const struct ss_gemm *g)
{
    struct ss_gemm_way rule = {.own = {.width = 0}};
    struct ss_tiles near[SS_TILES_NEAR];

    ss_gemm_tiles_by_rule(w->device, g, &rule.tiles);
    ss_tiles_near(&rule.tiles, near);
    add(w, &rule);
    for (size_t i = 0; i < SS_TILES_NEAR; i++)
        add(w, &(struct ss_gemm_way){.tiles = near[i]});
}

size_t ss_gemm_ways(const struct ss_device *d, const struct ss_gemm *g, struct ss_gemm_way *out, size_t most)
{
    struct ways w = {.device = d, .list = out, .most = most};

    if (ss_device_is_cpu(d)) {
        const struct ss_own_product p = ss_own_product_of(d, g, false);
        w.product = &p;
        find_sizes(&w);
    } else {
        find_tiles(&w, g);
    }
    return w.n;
}

/* ---- what holds ---- */

void ss_gemm_question(const struct ss_device *d, const struct ss_gemm *g, char *text, size_t size)
{
    snprintf(text, size, "%s product: %zu x %zu x %zu, %c%c, rows %zu and %zu apart",
             ss_device_is_cpu(d) ? "own" : "tiled", g->m, g->n, g->k, g->transpose_a ? 't' : 'n',
             g->transpose_b ? 't' : 'n', g->lda, g->ldb);
}

bool ss_gemm_way_measured(struct ss_device *d, const struct ss_gemm *g, struct ss_tuning *answer,
                          struct ss_gemm_way *out)
{
    static const int32_t most[SS_TUNING_NUMBERS] = {INT32_MAX, INT32_MAX, INT32_MAX,
                                                    PACKED | PACK_A | PACK_B};
    struct ss_gemm_way way;
    char question[160];

    ss_gemm_question(d, g, question, sizeof(question));
    if (!ss_tuning_find(d, question, most, answer) || !way_of_numbers(d, g, answer->numbers, &way))
        return false;
    if (out)
        *out = way;
    return true;
}

struct ss_gemm_memo { /* the last shape of those that share the place */
    bool used, cpu;
    uint32_t answers; /* that had been kept when it was found */
    struct ss_gemm g; /* its shape */
    struct ss_gemm_way way;
};

enum { PLACES = 128 };

static bool is_of(const struct ss_gemm_memo *m, const struct ss_device *d, const struct ss_gemm *g)
{
    return m->used && m->answers == d->n_answers && m->cpu == ss_device_is_cpu(d) &&
           m->g.transpose_a == g->transpose_a && m->g.transpose_b == g->transpose_b && m->g.m == g->m &&
           m->g.n == g->n && m->g.k == g->k && m->g.lda == g->lda && m->g.ldb == g->ldb;
}

static size_t place_of(const struct ss_gemm *g)
{
    const uint64_t mixed = ((g->m * 31 + g->n) * 31 + g->k) * 31 + 2 * g->transpose_a + g->transpose_b;

    return (size_t)(mixed * 0x9e3779b97f4a7c15u >> 32) % PLACES;
}

const struct ss_gemm_way *ss_gemm_way_of(struct ss_device *d, const struct ss_gemm *g)
{
    struct ss_tuning answer;

    if (!d->gemm.memos && ss_allocate(PLACES, &d->gemm.memos) != SS_OK)
        return NULL;
    struct ss_gemm_memo *const m = &d->gemm.memos[place_of(g)];
    if (is_of(m, d, g))
        return &m->way;
    if (!ss_gemm_way_measured(d, g, &answer, &m->way))
        ss_gemm_ways(d, g, &m->way, 1);
    m->used = true;
    m->cpu = ss_device_is_cpu(d);
    m->answers = d->n_answers;
    m->g = *g;
    return &m->way;
}
