#include "jet/fused.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "jet/fused_shape.h"

enum { MOST_DEFINES = 24, MOST_ARGS = 14 };

enum kernel { STEP, PACK, PACK_BASE, REDUCE, REDUCE_BASE, N_KERNELS };

struct ss_fused {
    struct ss_device *device;
    struct ss_fused_options options;
    struct ss_fused_shape shape;
    size_t mean_at, scale_at; /* of the quadratic term, flat */
    struct ss_kernel *kernel[N_KERNELS];
    struct ss_buffer *layers, *packed, *scratch, *partials, *counter;
};

/* ---- the choice ---- */

bool ss_fused_takes(struct ss_device *device, const struct ss_graph *graph,
                    const struct ss_fused_options *options, char *why, size_t size)
{
    struct ss_fused_shape s;
    const char *const text = ss_fused_shape_read(device, graph, options, &s);

    if (text)
        snprintf(why, size, "%s", text);
    return !text;
}

bool ss_fused_suits(struct ss_device *device, const struct ss_graph *graph,
                    const struct ss_fused_options *options, char *why, size_t size)
{
    struct ss_fused_shape s;
    const char *const text = ss_fused_shape_read(device, graph, options, &s);

    if (text) {
        snprintf(why, size, "%s", text);
        return false;
    }
    const size_t wide = ss_fused_shape_too_wide(&s, options);
    const bool enough = ss_fused_shape_enough_rows(&s, options);
    if (wide)
        snprintf(why, size, "a layer of %zu units is too wide", wide);
    else if (!enough)
        snprintf(why, size, "a batch of %zu rows is small for so many weights", options->rows);
    return !wide && enough;
}

enum ss_status ss_fused_bytes(struct ss_device *device, const struct ss_graph *graph,
                              const struct ss_fused_options *options, size_t *bytes)
{
    struct ss_fused_shape s;
    const char *const why = ss_fused_shape_read(device, graph, options, &s);

    if (why)
        return SS_FAIL(SS_ERR_USAGE, "engine.plan: fused does not take this model: %s", why);
    *bytes = ss_fused_shape_bytes(&s);
    return SS_OK;
}

bool ss_fused_find_tiles(struct ss_device *device, const struct ss_graph *graph,
                         const struct ss_fused_options *options, struct ss_tiles *out)
{
    struct ss_fused_shape s;

    if (ss_fused_shape_read(device, graph, options, &s) || !s.grouped)
        return false;
    *out = s.tiles;
    return true;
}

/* ---- life ---- */

static size_t add_defines(struct ss_define *all, size_t n, const struct ss_define *more, size_t n_more)
{
    for (size_t i = 0; i < n_more; i++)
        all[n++] = more[i];
    return n;
}

static enum ss_status build_around(struct ss_fused *f, const struct ss_define *defines, size_t n)
{
    static const char *const names[N_KERNELS] = {[PACK] = "fused_pack",
                                                 [PACK_BASE] = "fused_base",
                                                 [REDUCE] = "fused_reduce",
                                                 [REDUCE_BASE] = "fused_reduce_base"};
    enum ss_status st = SS_OK;

    for (int k = PACK; k < N_KERNELS; k++)
        TRY(ss_device_kernel(f->device, "jet/fused_pack.cl", names[k], defines, n, &f->kernel[k]));
out:
    return st;
}

static enum ss_status build(struct ss_fused *f)
{
    const struct ss_fused_shape *const s = &f->shape;
    const struct ss_fused_options *const o = &f->options;
    const struct ss_define items[] = {
        {"WIDTH", s->width}, {"VECTORS", s->vectors}, {"ROWS", SS_FUSED_ROWS}, {"STEPS", s->steps}};
    const struct ss_define groups[] = {{"WIDTH", 1}, {"GROUP", 1}, {"LOCAL_JETS", s->local}};
    const struct ss_define step[] = {{"ACTIVATION", s->net.activation},
                                     {"TILE", s->tile},
                                     {"SLICES", o->streams.slices},
                                     {"EXTRA", o->streams.extra},
                                     {"SECOND", o->streams.second == SS_SECOND_COLLAPSED},
                                     {"SCORE", o->score},
                                     {"UNIT", o->unit},
                                     {"NOISE", o->noise},
                                     {"BASE", s->net.mean != NULL},
                                     {"LATE", o->late}};
    struct ss_define all[MOST_DEFINES], tiles[SS_TILES_DEFINES];
    enum ss_status st = SS_OK;
    size_t n = add_defines(all, 0, step, SS_COUNT(step));

    if (s->grouped) {
        ss_tiles_defines(f->device, &s->tiles, tiles);
        n = add_defines(all, n, groups, SS_COUNT(groups));
        n = add_defines(all, n, tiles, SS_TILES_DEFINES);
    } else {
        n = add_defines(all, n, items, SS_COUNT(items));
    }
    n = add_defines(all, n, o->defines, o->n_defines);
    TRY(ss_device_kernel(f->device, o->file, "fused_step", all, n, &f->kernel[STEP]));
    if (!s->grouped)
        TRY(build_around(f, items, SS_COUNT(items)));
out:
    return st;
}

static enum ss_status allocate(struct ss_fused *f)
{
    const struct ss_fused_shape *const s = &f->shape;
    enum ss_status st = SS_OK;

    TRY(ss_buffer_create(f->device, sizeof(s->layers), &f->layers));
    TRY(ss_buffer_create(f->device, s->partials * s->partial * sizeof(float), &f->partials));
    if (!s->local)
        TRY(ss_buffer_create(f->device, s->workers * s->scratch * sizeof(float), &f->scratch));
    if (!s->grouped) {
        TRY(ss_buffer_create(f->device, s->copies * s->packed * sizeof(float), &f->packed));
        TRY(ss_buffer_create(f->device, 2 * sizeof(uint32_t), &f->counter));
    }
    TRY(ss_span_write(ss_span_of(f->layers), s->layers, sizeof(s->layers) / (sizeof(uint32_t))));
out:
    return st;
}

enum ss_status ss_fused_create(struct ss_device *device, const struct ss_graph *graph,
                               const struct ss_fused_options *options, struct ss_fused **out)
{
    struct ss_fused *f = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &f));
    f->device = device;
    f->options = *options;
    const char *const why = ss_fused_shape_read(device, graph, options, &f->shape);
    if (why) {
        st = SS_FAIL(SS_ERR_USAGE, "engine.plan: fused does not take this model: %s", why);
        goto out;
    }
    if (f->shape.net.mean) {
        f->mean_at = f->shape.net.mean->offset;
        f->scale_at = f->shape.net.scale->offset;
    }
    f->options.like = NULL; /* what the caller's pointers say is in the shape */
    f->options.tiles = NULL;
    TRY(build(f));
    TRY(allocate(f));
    *out = f;
    f = NULL;
out:
    ss_fused_free(f);
    return st;
}

void ss_fused_free(struct ss_fused *f)
{
    if (!f)
        return;
    ss_buffer_free(f->layers);
    ss_buffer_free(f->packed);
    ss_buffer_free(f->scratch);
    ss_buffer_free(f->partials);
    ss_buffer_free(f->counter);
    free(f);
}

const struct ss_fused_shape *ss_fused_shape_of(const struct ss_fused *f)
{
    return &f->shape;
}

bool ss_fused_grouped(const struct ss_fused *f)
{
    return f->shape.grouped;
}

size_t ss_fused_tile(const struct ss_fused *f)
{
    return f->shape.tile;
}

const struct ss_tiles *ss_fused_tiles(const struct ss_fused *f)
{
    return f->shape.grouped ? &f->shape.tiles : NULL;
}

enum ss_activation ss_fused_activation(const struct ss_fused *f)
{
    return f->shape.net.activation;
}

bool ss_fused_has_base(const struct ss_fused *f)
{
    return f->shape.net.mean != NULL;
}

/* ---- a step ---- */

static enum ss_status enqueue_pack(struct ss_fused *f, const struct ss_fused_batch *b)
{
    const struct ss_fused_shape *const s = &f->shape;
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)s->net.n_layers), ss_arg_buffer(f->layers),
                                  ss_arg_span(b->parameters), ss_arg_buffer(f->packed)};
    enum ss_status st = SS_OK;

    TRY(ss_launch(f->kernel[PACK], (struct ss_range){.global = {s->blocks}, .local = {1}}, args,
                  SS_COUNT(args)));
    if (s->net.mean) {
        const struct ss_arg base[] = {ss_arg_u32((uint32_t)s->net.dimension),
                                      ss_arg_u32((uint32_t)s->columns),
                                      ss_arg_u32((uint32_t)f->mean_at),
                                      ss_arg_u32((uint32_t)f->scale_at),
                                      ss_arg_u32((uint32_t)s->base_at),
                                      ss_arg_span(b->parameters),
                                      ss_arg_buffer(f->packed)};
        TRY(ss_launch(f->kernel[PACK_BASE], (struct ss_range){.global = {s->net.dimension}}, base,
                      SS_COUNT(base)));
    }
out:
    return st;
}

static enum ss_status enqueue_reduce(struct ss_fused *f, const struct ss_fused_batch *b, size_t partials)
{
    const struct ss_fused_shape *const s = &f->shape;
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)s->net.n_layers),
                                  ss_arg_u32((uint32_t)partials),
                                  ss_arg_u32((uint32_t)s->partial),
                                  ss_arg_buffer(f->layers),
                                  ss_arg_buffer(f->partials),
                                  ss_arg_span(b->gradient)};
    enum ss_status st = SS_OK;

    TRY(ss_launch(f->kernel[REDUCE], (struct ss_range){.global = {s->lines}, .local = {1}}, args,
                  SS_COUNT(args)));
    if (s->net.mean) {
        const struct ss_arg base[] = {ss_arg_u32((uint32_t)s->net.dimension),
                                      ss_arg_u32((uint32_t)s->columns),
                                      ss_arg_u32((uint32_t)partials),
                                      ss_arg_u32((uint32_t)s->partial),
                                      ss_arg_u32((uint32_t)s->base_gradient_at),
                                      ss_arg_u32((uint32_t)f->mean_at),
                                      ss_arg_u32((uint32_t)f->scale_at),
                                      ss_arg_buffer(f->partials),
                                      ss_arg_span(b->gradient)};
        TRY(ss_launch(f->kernel[REDUCE_BASE], (struct ss_range){.global = {s->net.dimension}}, base,
                      SS_COUNT(base)));
    }
out:
    return st;
}

/* The same members as `struct arguments` of cl/jet/fused_rows.clh. */
struct arguments {
    uint32_t batch, dimension, total, n_chunks, n_layers, n_partials;
    uint32_t reversed, read_slices, read_noise;
    uint32_t scratch_size, noise_at, partial_size;
    uint32_t mean_at, scale_at;
    uint32_t x_at, v_at, z_at, flat_at, gradient_at;
    uint32_t base_at, base_gradient_at, packed_size, n_blocks, n_lines;
    struct {
        float inv_rows, n[SS_FUSED_NUMBERS], late[2];
        uint32_t words[SS_FUSED_WORDS];
    } numbers;
};

static struct arguments arguments_of(const struct ss_fused *f, const struct ss_fused_batch *b,
                                     size_t partials)
{
    const struct ss_fused_shape *const s = &f->shape;
    const size_t slices = f->options.streams.slices;
    struct arguments a = {.batch = (uint32_t)b->rows,
                          .dimension = (uint32_t)s->net.dimension,
                          .total = (uint32_t)b->directions,
                          .n_chunks = slices ? (uint32_t)ss_parts_of(b->directions, slices) : 1,
                          .n_layers = (uint32_t)s->net.n_layers,
                          .n_partials = (uint32_t)partials,
                          .reversed = b->gradient.buffer != NULL,
                          .read_slices = b->slices.buffer != NULL,
                          .read_noise = b->z.buffer != NULL,
                          .scratch_size = (uint32_t)s->scratch,
                          .noise_at = (uint32_t)s->noise_at,
                          .partial_size = (uint32_t)s->partial,
                          .mean_at = (uint32_t)f->mean_at,
                          .scale_at = (uint32_t)f->scale_at,
                          .x_at = (uint32_t)b->x.offset,
                          .v_at = (uint32_t)b->slices.offset,
                          .z_at = (uint32_t)b->z.offset,
                          .flat_at = (uint32_t)b->parameters.offset,
                          .gradient_at = (uint32_t)b->gradient.offset,
                          .base_at = (uint32_t)s->base_at,
                          .base_gradient_at = (uint32_t)s->base_gradient_at,
                          .packed_size = s->alone ? (uint32_t)s->packed : 0,
                          .n_blocks = s->alone ? (uint32_t)s->blocks : 0,
                          .n_lines = s->alone && b->gradient.buffer ? (uint32_t)s->lines : 0,
                          .numbers.inv_rows = 1.0f / (float)b->rows};

    memcpy(a.numbers.n, b->numbers, sizeof(a.numbers.n));
    memcpy(a.numbers.words, b->words, sizeof(a.numbers.words));
    return a;
}

/* Those that both forms begin with; how many. */
static size_t first_args(const struct ss_fused *f, const struct ss_fused_batch *b, const struct arguments *a,
                         struct ss_arg *out)
{
    const struct ss_arg args[] = {ss_arg_struct(a, sizeof(*a)),       ss_arg_buffer(b->late),
                                  ss_arg_buffer(f->layers),           ss_arg_buffer(b->x.buffer),
                                  ss_arg_buffer(b->slices.buffer),    ss_arg_buffer(b->z.buffer),
                                  ss_arg_buffer(b->parameters.buffer)};

    memcpy(out, args, sizeof(args));
    return SS_COUNT(args);
}

static enum ss_status enqueue_items(struct ss_fused *f, const struct ss_fused_batch *b, size_t partials)
{
    const struct ss_fused_shape *const s = &f->shape;
    const struct arguments a = arguments_of(f, b, partials);
    const struct ss_range range = {.global = {ss_smaller(s->workers, partials)}, .local = {1}};
    struct ss_arg args[MOST_ARGS];
    size_t n = first_args(f, b, &a, args);
    enum ss_status st = SS_OK;

    args[n++] = ss_arg_buffer(f->scratch);
    args[n++] = ss_arg_buffer(f->partials);
    args[n++] = ss_arg_buffer(b->losses);
    args[n++] = ss_arg_buffer(f->packed);
    args[n++] = ss_arg_buffer(f->counter);
    args[n++] = ss_arg_buffer(b->gradient.buffer);
    args[n++] = ss_arg_buffer(b->mean);
    if (!s->alone)
        TRY(enqueue_pack(f, b));
    TRY(ss_launch(f->kernel[STEP], range, args, n));
    if (b->gradient.buffer && !s->alone)
        TRY(enqueue_reduce(f, b, partials));
out:
    return st;
}

static enum ss_status enqueue_groups(struct ss_fused *f, const struct ss_fused_batch *b, size_t partials)
{
    const struct ss_fused_shape *const s = &f->shape;
    const size_t items = ss_tiles_items(&s->tiles), groups = ss_smaller(s->workers, partials);
    const struct arguments a = arguments_of(f, b, partials);
    struct ss_arg args[MOST_ARGS];
    size_t n = first_args(f, b, &a, args);
    enum ss_status st = SS_OK;

    args[n++] = s->local ? ss_arg_local(s->scratch * sizeof(float)) : ss_arg_buffer(f->scratch);
    args[n++] = ss_arg_buffer(f->partials);
    args[n++] = ss_arg_buffer(b->losses);
    TRY(ss_launch(f->kernel[STEP], (struct ss_range){.global = {groups * items}, .local = {items}}, args, n));
    if (b->gradient.buffer)
        TRY(ss_partials_sum(f->device, f->partials, partials, s->partial, 1, s->partial, b->gradient,
                            s->partial, false));
out:
    return st;
}

enum ss_status ss_fused_enqueue(struct ss_fused *f, const struct ss_fused_batch *b)
{
    const struct ss_span spans[] = {b->x, b->slices, b->z, b->parameters, b->gradient};
    const size_t partials = ss_fused_shape_partials(&f->shape, b->rows);
    enum ss_status st = SS_OK;

    if (!b->rows || partials > f->shape.partials)
        return SS_FAIL(SS_ERR_INTERNAL, "a fused batch of %zu rows, at most %zu", b->rows, f->options.rows);
    TRY(ss_spans_fit("a fused batch", spans, SS_COUNT(spans)));
    st = f->shape.grouped ? enqueue_groups(f, b, partials) : enqueue_items(f, b, partials);
out:
    return st;
}
