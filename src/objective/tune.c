#include "objective/tune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "device/gemm.h"
#include "objective/choice.h"
#include "objective/loss_fused.h"

enum { MOST_CANDIDATES = 32, FEW_ROWS = 8, SMALL_TILE = 6, LEAST_CHUNK = 4 };
/* Between sums in different orders fp32 leaves 1e-6 to 1e-5 of the norm; wrong kernels are wrong by far more.
 */
static const double ALLOWED = 1e-3;

struct answer {
    double loss;
    float *gradient; /* NULL: not known yet */
};

struct ss_loss_tune {
    struct ss_device *device;
    const struct ss_model *model;
    struct ss_loss_options options;
    char *question;
    struct ss_tuner_task task;
    struct ss_tuner_candidate candidates[MOST_CANDIDATES];
    size_t size; /* of the flat buffers */
    float *x;
    struct ss_buffer *weights, *gradient;
    bool layered;               /* the default is */
    struct answer plain, whole; /* of a few rows, and of a batch by the first candidate that was right */
};

/* ---- candidates ---- */

static void add(struct ss_loss_tune *t, const struct ss_choice *c, const char *name)
{
    for (size_t i = 0; i < t->task.n_candidates; i++)
        if (memcmp(t->candidates[i].numbers, c->numbers, sizeof(c->numbers)) == 0)
            return;
    if (t->task.n_candidates == MOST_CANDIDATES)
        return;
    struct ss_tuner_candidate *const one = &t->candidates[t->task.n_candidates++];
    *one = (struct ss_tuner_candidate){.apart = c->numbers[SS_CHOICE_SET] != 0};
    memcpy(one->numbers, c->numbers, sizeof(one->numbers));
    snprintf(one->name, sizeof(one->name), "%s", name);
}

static void add_fused(struct ss_loss_tune *t, size_t tile, size_t chunk)
{
    struct ss_choice c = {.numbers = {[SS_CHOICE_PLAN] = SS_PLAN_FUSED,
                                      [SS_CHOICE_TILE] = (int32_t)tile,
                                      [SS_CHOICE_CHUNK] = (int32_t)chunk}};
    int32_t most[SS_TUNING_NUMBERS];
    char name[64];

    ss_choice_most(t->device, most);
    if (tile > (size_t)most[SS_CHOICE_TILE] || tile > t->options.rows)
        return;
    if (chunk)
        snprintf(name, sizeof(name), "fused, %zu directions at a time", chunk);
    else
        snprintf(name, sizeof(name), "fused, tile %zu", tile);
    add(t, &c, name);
}

/* What the rules choose, and other tiles, the likeliest first; `known`: the default is one of them. */
static void add_tiles(struct ss_loss_tune *t, bool known)
{
    const size_t tile = ss_loss_fused_default_tile(t->device, t->model, &t->options);
    const size_t near[] = {
        2 * tile, tile / 2, tile + SMALL_TILE, tile > SMALL_TILE ? tile - SMALL_TILE : tile + 1,
        3 * tile, tile / 3, 4 * tile,          tile / 4};

    if (!known)
        add_fused(t, tile, 0);
    for (size_t i = 0; i < SS_COUNT(near); i++)
        if (near[i] && near[i] != tile)
            add_fused(t, near[i], 0);
}

/* On GPUs, of its products: the rules' with one constant changed. */
static void add_product_tiles(struct ss_loss_tune *t)
{
    struct ss_tiles rule, near[SS_TILES_NEAR];
    char tiles[56], name[64];

    if (!ss_loss_fused_default_tiles(t->device, t->model, &t->options, &rule))
        return;
    ss_tiles_near(&rule, near);
    for (size_t i = 0; i < SS_TILES_NEAR; i++) {
        const struct ss_choice c = {
            .numbers = {[SS_CHOICE_PLAN] = SS_PLAN_FUSED, [SS_CHOICE_TILES] = ss_tiles_number(&near[i])}};
        ss_tiles_text(&near[i], tiles, sizeof(tiles));
        snprintf(name, sizeof(name), "fused, %s", tiles);
        if (ss_loss_fused_takes(t->device, t->model, &t->options, c.numbers))
            add(t, &c, name);
    }
}

/* Fewer directions at a time leave room for more samples. */
static void add_chunks(struct ss_loss_tune *t)
{
    const size_t total = ss_loss_directions(t->model, &t->options);

    for (size_t parts = 2; parts <= 8; parts *= 2)
        if (total / parts >= LEAST_CHUNK)
            add_fused(t, 0, (total + parts - 1) / parts);
}

static void add_layered(struct ss_loss_tune *t, enum ss_gemm_kind gemm, uint32_t set)
{
    const struct ss_choice c = {.numbers = {[SS_CHOICE_PLAN] = SS_PLAN_LAYERED,
                                            [SS_CHOICE_GEMM] = (int32_t)gemm,
                                            [SS_CHOICE_SET] = (int32_t)set}};
    char name[64];

    if (set)
        snprintf(name, sizeof(name), "layered, clblast, set %u", set);
    else
        snprintf(name, sizeof(name), "layered, %s", gemm == SS_GEMM_OWN ? "own" : "clblast");
    add(t, &c, name);
}

/* A set of CLBlast's parameters holds for its process, so another one measures it. */
static void add_products(struct ss_loss_tune *t, enum ss_gemm_kind default_gemm, bool layered)
{
    const enum ss_gemm_kind asked = t->options.engine.gemm;

    if (asked != SS_GEMM_CLBLAST && !(layered && default_gemm == SS_GEMM_OWN))
        add_layered(t, SS_GEMM_OWN, 0);
    if (asked == SS_GEMM_OWN)
        return;
    for (uint32_t set = layered && default_gemm == SS_GEMM_CLBLAST; set <= ss_gemm_sets(t->device); set++)
        add_layered(t, SS_GEMM_CLBLAST, set);
}

static enum ss_status find_candidates(struct ss_loss_tune *t)
{
    const struct ss_loss_options *const o = &t->options;
    const enum ss_plan_kind asked = o->engine.plan;
    const enum ss_gemm_kind gemm = o->engine.gemm != SS_GEMM_AUTO ? o->engine.gemm
                                   : ss_device_is_cpu(t->device)  ? SS_GEMM_OWN
                                                                  : SS_GEMM_CLBLAST;
    const struct ss_choice none = {.numbers = {0}};
    char why[128], name[64];
    bool fused = false;
    enum ss_status st = SS_OK;

    TRY(ss_loss_fused_choose(t->device, t->model, o, &fused, why, sizeof(why)));
    t->layered = !fused;
    if (fused)
        snprintf(name, sizeof(name), "fused, tile %zu", ss_loss_fused_default_tile(t->device, t->model, o));
    else
        snprintf(name, sizeof(name), "layered, %s", gemm == SS_GEMM_OWN ? "own" : "clblast");
    add(t, &none, name);
    if (asked != SS_PLAN_LAYERED && ss_loss_fused_takes(t->device, t->model, o, none.numbers)) {
        add_tiles(t, fused);
        add_product_tiles(t);
        add_chunks(t);
    }
    if (asked != SS_PLAN_FUSED)
        add_products(t, gemm, !fused);
out:
    return st;
}

/* ---- one candidate ---- */

static enum ss_status make(void *context, const struct ss_tuner_candidate *c, void **made)
{
    struct ss_loss_tune *const t = context;
    const enum ss_plan_kind wanted = (enum ss_plan_kind)c->numbers[SS_CHOICE_PLAN];
    struct ss_loss_options options = t->options;
    struct ss_loss *l = NULL;
    enum ss_status st = SS_OK;

    options.numbers = c->numbers;
    TRY(ss_loss_create(t->device, t->model, &options, &l));
    if (wanted != SS_PLAN_AUTO &&
        ss_loss_plan_kind(l) != wanted) { /* set aside for another: it is wrong here */
        st = SS_ERR_SELFTEST;
        goto out;
    }
    TRY(ss_span_write(ss_loss_rows(l), t->x, options.rows * t->model->dimension));
    *made = l;
    l = NULL;
out:
    ss_loss_free(l);
    return st;
}

static enum ss_status enqueue_rows(struct ss_loss_tune *t, struct ss_loss *l, size_t rows)
{
    return ss_loss_enqueue(l, &(struct ss_loss_batch){.rows = rows,
                                                      .draw = {.seed = 1, .step = 1},
                                                      .parameters = ss_span_of(t->weights),
                                                      .gradient = ss_span_of(t->gradient)});
}

static enum ss_status enqueue(void *context, void *made)
{
    struct ss_loss_tune *const t = context;

    return enqueue_rows(t, made, t->options.rows);
}

static void discard(void *context, void *made)
{
    (void)context;
    ss_loss_free(made);
}

/* ---- is it right ---- */

static enum ss_status answer_of(struct ss_loss_tune *t, struct ss_loss *l, size_t rows, struct answer *a)
{
    float loss = NAN, *gradient = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(t->size, &gradient));
    TRY(enqueue_rows(t, l, rows));
    TRY(ss_span_read(ss_loss_mean(l), &loss, 1));
    TRY(ss_span_read(ss_span_of(t->gradient), gradient, t->size));
    *a = (struct answer){(double)loss, gradient};
    gradient = NULL;
out:
    free(gradient);
    return st;
}

static bool agree(const struct ss_loss_tune *t, const struct answer *got, const struct answer *want)
{
    double difference = 0, norm = 0;

    for (size_t i = 0; i < t->size; i++) {
        const double d = (double)got->gradient[i] - (double)want->gradient[i];
        difference += d * d;
        norm += (double)want->gradient[i] * (double)want->gradient[i];
    }
    return sqrt(difference) <= ALLOWED * (sqrt(norm) + 1e-6) &&
           fabs(got->loss - want->loss) <= ALLOWED * (1 + fabs(want->loss));
}

static size_t few_rows(const struct ss_loss_tune *t)
{
    return t->options.rows < FEW_ROWS ? t->options.rows : FEW_ROWS;
}

/* By layers on plain products: the oracle, too slow for more than a few rows. */
static enum ss_status find_plain(struct ss_loss_tune *t)
{
    static const int32_t layered[SS_TUNING_NUMBERS] = {[SS_CHOICE_PLAN] = SS_PLAN_LAYERED};
    const struct ss_gemm_use before = ss_gemm_switch(t->device, (struct ss_gemm_use){.plain = true});
    struct ss_loss_options options = t->options;
    struct ss_loss *l = NULL;
    enum ss_status st = SS_OK;

    options.engine = (struct ss_engine_options){0};
    options.rows = few_rows(t);
    options.numbers = layered;
    TRY(ss_loss_create(t->device, t->model, &options, &l));
    TRY(ss_span_write(ss_loss_rows(l), t->x, options.rows * t->model->dimension));
    TRY(answer_of(t, l, options.rows, &t->plain));
out:
    ss_gemm_switch(t->device, before);
    ss_loss_free(l);
    return st;
}

static enum ss_status right(void *context, void *made, bool *right)
{
    struct ss_loss_tune *const t = context;
    struct answer few = {0}, whole = {0};
    enum ss_status st = SS_OK;

    if (!t->plain.gradient)
        TRY(find_plain(t));
    /* the whole batch first: a pass of fewer rows may leave slices where the others were */
    TRY(answer_of(t, made, t->options.rows, &whole));
    TRY(answer_of(t, made, few_rows(t), &few));
    *right = agree(t, &few, &t->plain) && (!t->whole.gradient || agree(t, &whole, &t->whole));
    if (*right && !t->whole.gradient) {
        t->whole = whole;
        whole.gradient = NULL;
    }
out:
    free(few.gradient);
    free(whole.gradient);
    return st;
}

/* ---- life ---- */

/* Standard normal rows and the weights that training begins with. */
static enum ss_status make_inputs(struct ss_loss_tune *t)
{
    const size_t n = t->options.rows * t->model->dimension;
    float *flat = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(n + 4, &t->x));
    for (size_t i = 0; i < n; i += 4) {
        const uint32_t counter[4] = {(uint32_t)(i / 4), (uint32_t)(i >> 34), 0, 0};
        ss_random_normal(1, SS_PURPOSE_SUBSET, counter, t->x + i);
    }
    TRY(ss_allocate(t->size, &flat));
    ss_graph_initialize(t->model->graph, 1, flat);
    TRY(ss_buffer_create(t->device, t->size * sizeof(float), &t->weights));
    TRY(ss_buffer_create(t->device, t->size * sizeof(float), &t->gradient));
    TRY(ss_span_write(ss_span_of(t->weights), flat, t->size));
out:
    free(flat);
    return st;
}

enum ss_status ss_loss_tune_create(struct ss_device *device, const struct ss_model *model,
                                   const struct ss_loss_options *options, struct ss_loss_tune **out)
{
    struct ss_loss_tune *t = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &t));
    t->device = device;
    t->model = model;
    t->options = *options;
    t->options.gradient = true;
    t->size = ss_graph_flat_size(model->graph);
    TRY(ss_choice_question(model, options, &t->question));
    TRY(find_candidates(t));
    TRY(make_inputs(t));
    t->task.what = t->question;
    t->task.candidates = t->candidates;
    t->task.context = t;
    t->task.make = make;
    t->task.right = right;
    t->task.enqueue = enqueue;
    t->task.discard = discard;
    *out = t;
    t = NULL;
out:
    ss_loss_tune_free(t);
    return st;
}

void ss_loss_tune_free(struct ss_loss_tune *t)
{
    if (!t)
        return;
    ss_buffer_free(t->weights);
    ss_buffer_free(t->gradient);
    free(t->plain.gradient);
    free(t->whole.gradient);
    free(t->question);
    free(t->x);
    free(t);
}

struct ss_tuner_task *ss_loss_tune_task(struct ss_loss_tune *t)
{
    return &t->task;
}

bool ss_loss_tune_layered(const struct ss_loss_tune *t)
{
    return t->layered;
}

enum ss_status ss_loss_tune_build(struct ss_loss_tune *t, size_t i)
{
    void *made = NULL;
    enum ss_status st = SS_OK;

    TRY(make(t, &t->candidates[i], &made));
    TRY(enqueue(t, made));
    TRY(ss_device_finish(t->device));
out:
    ss_loss_free(made);
    return st;
}

enum ss_status ss_loss_tune_begin_apart(struct ss_loss_tune *t)
{
    void *made = NULL;
    bool is_right = false;
    enum ss_status st = SS_OK;

    TRY(make(t, &t->candidates[0], &made));
    TRY(right(t, made, &is_right));
out:
    ss_loss_free(made);
    return st;
}
