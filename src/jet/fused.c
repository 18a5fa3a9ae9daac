#include "jet/fused.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "jet/fused_net.h"

/* A register tile is ROWS x VECTORS vectors: 24 sums of 32 registers of 16 floats (AVX-512), 12 of 16 of 8 or
 * of 4. Rows of a tile in all: enough that a gradient's sums stay long in registers, and few enough that a
 * panel of them stays in L1. */
enum { ROWS = 6, ROWS_WANTED = 84, TILES_WANTED = 8, MOST_PARTIALS = 64, BLOCK = 16, WIDEST = 512 };
enum { RESIDUAL = 1, INPUT_MAJOR = 2, WITH_BACK = 4, WITH_FORWARD = 8 }; /* cl/jet/fused_tile.clh */
enum { MOST_SCRATCH = 1 << 22, MOST_DEFINES = 16 };                      /* floats of a worker */

struct layer { /* as in cl/jet/fused_tile.clh */
    uint32_t n_in, n_out, in_stride, out_stride;
    uint32_t in, z, a, u, d;
    uint32_t forward, back, bias;
    uint32_t gradient, gradient_bias;
    uint32_t flat_weight, flat_bias;
    uint32_t flags, block, line, unused;
};

/* Everything that follows from net, options and device. */
struct shape {
    struct ss_fused_net net;
    struct layer layers[SS_FUSED_LAYERS];
    uint32_t width, vectors, tile, rows; /* rows = streams x tile */
    size_t stride;                       /* of the input */
    size_t noise_at, scratch;            /* floats of a worker */
    size_t base_at, packed;              /* floats of the packed parameters */
    size_t base_gradient_at, partial;    /* floats of a partial gradient */
    size_t blocks, lines;                /* items of packing and of the reduction */
    size_t workers, partials;
};

enum kernel { STEP, PACK, PACK_BASE, REDUCE, REDUCE_BASE, N_KERNELS };

struct ss_fused {
    struct ss_device *device;
    struct ss_fused_options options;
    struct shape shape;
    size_t mean_at, scale_at; /* of the quadratic term, flat */
    struct ss_kernel *kernel[N_KERNELS];
    struct ss_buffer *layers, *packed, *scratch, *partials, *counter;
};

/* ---- shape ---- */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* In whole register tiles where there are several; at least TILES_WANTED of them where the rows suffice. */
static size_t choose_tile(const struct ss_fused_options *o, size_t streams)
{
    size_t tile = (ROWS_WANTED + streams / 2) / streams;

    if (o->rows < TILES_WANTED * tile)
        tile = o->rows / TILES_WANTED;
    if (tile > ROWS)
        tile = (tile + ROWS / 2) / ROWS * ROWS;
    return tile ? tile : 1;
}

size_t ss_fused_default_tile(const struct ss_fused_options *options)
{
    return choose_tile(options, ss_streams_first(options->streams) + ss_streams_second(options->streams));
}

/* Set by the data's shape alone. A partial gradient is written and read once more than those of one partial
 * would be, which its tiles have to be worth. */
static size_t partials_of(size_t rows, size_t tile)
{
    const size_t tiles = (rows + tile - 1) / tile, worth = tiles / 4;

    return smaller(tiles, worth < TILES_WANTED ? TILES_WANTED : smaller(worth, MOST_PARTIALS));
}

static size_t take(size_t *total, size_t n)
{
    const size_t at = *total;

    *total += n;
    return at;
}

static void place_layer(struct shape *s, const struct ss_fused_options *o, size_t i, size_t in)
{
    struct layer *const l = &s->layers[i];
    const bool last = i + 1 == s->net.n_layers, dot = last && !o->score;
    const size_t n_in = s->net.layers[i].n_in, n_out = s->net.layers[i].n_out;
    const size_t in_stride = ss_round_up(n_in, s->width), out_stride = ss_round_up(n_out, s->width);
    const bool unit = o->unit && i == 0;

    *l = (struct layer){.n_in = (uint32_t)n_in,
                        .n_out = (uint32_t)n_out,
                        .in_stride = (uint32_t)in_stride,
                        .out_stride = (uint32_t)out_stride,
                        .in = (uint32_t)in,
                        .flat_weight = (uint32_t)s->net.layers[i].weight->offset,
                        .flat_bias = (uint32_t)s->net.layers[i].bias->offset,
                        .block = (uint32_t)s->blocks,
                        .line = (uint32_t)s->lines};
    /* lines of a gradient are cut in ROWS, columns in vectors: the narrow side should be the lines */
    if (unit || (n_in < s->width && n_in < n_out))
        l->flags |= INPUT_MAJOR;
    l->flags |= s->net.layers[i].residual ? RESIDUAL : 0u;
    l->flags |= dot ? 0u : WITH_FORWARD;
    l->flags |= i || o->streams.extra ? WITH_BACK : 0u;
    if (!dot)
        l->z = (uint32_t)take(&s->scratch, s->rows * out_stride);
    if (!last) {
        l->a = (uint32_t)take(&s->scratch, s->rows * out_stride);
        l->d = (uint32_t)take(&s->scratch, 2 * s->tile * out_stride);
        l->u = (uint32_t)take(&s->scratch, o->streams.extra ? s->tile * out_stride : 0);
    }
    l->forward = (uint32_t)take(&s->packed, dot ? 0 : n_in * out_stride);
    l->back = (uint32_t)take(&s->packed, l->flags & WITH_BACK ? n_out * in_stride : 0);
    l->bias = (uint32_t)take(&s->packed, out_stride);
    l->gradient = (uint32_t)take(&s->partial, l->flags & INPUT_MAJOR ? n_in * out_stride : n_out * in_stride);
    l->gradient_bias = (uint32_t)take(&s->partial, out_stride);
    s->blocks += (n_in + BLOCK - 1) / BLOCK;
    s->lines += (l->flags & INPUT_MAJOR ? n_in : n_out) + 1;
}

static void place(struct shape *s, const struct ss_fused_options *o)
{
    const size_t linear = ss_streams_first(o->streams) * s->tile;
    size_t in = 0;

    s->stride = ss_round_up(s->net.dimension, s->width);
    take(&s->scratch, linear * s->stride);
    s->noise_at = take(&s->scratch, o->noise ? s->tile * s->stride : 0);
    for (size_t i = 0; i < s->net.n_layers; i++) {
        place_layer(s, o, i, in);
        in = s->layers[i].a;
    }
    if (s->net.mean) {
        s->base_at = take(&s->packed, 2 * s->stride);
        s->base_gradient_at = take(&s->partial, 2 * s->stride);
    }
    take(&s->scratch, 16); /* what a gradient's last tile reads past its columns */
    s->scratch = ss_round_up(s->scratch, 16);
    s->partial = ss_round_up(s->partial, 16);
}

static const char *read_shape(struct ss_device *device, const struct ss_graph *graph,
                              const struct ss_fused_options *o, struct shape *s)
{
    const struct ss_device_info *const info = ss_device_info(device);
    const uint32_t native = info->native_float_width;

    *s = (struct shape){0};
    const char *const why = ss_fused_net_read(graph, &s->net);
    if (why)
        return why;
    if (!ss_device_is_cpu(device))
        return "the fused kernel is written for CPU devices";
    if (o->streams.second == SS_SECOND_APART)
        return "second derivatives of each slice";
    if (s->net.mean && o->score)
        return "a quadratic term in a score net";
    for (size_t i = 0; i < s->net.n_layers; i++)
        if (s->net.layers[i].n_in > 8192 || s->net.layers[i].n_out > 8192)
            return "a layer of more than 8192 units";
    s->width = native >= 16 ? 16 : native >= 8 ? 8 : 4;
    s->vectors = s->width == 4 ? 4 : s->width == 8 ? 2 : 4; /* panels of at least BLOCK columns */
    const size_t streams = ss_streams_first(o->streams) + ss_streams_second(o->streams);
    s->tile = (uint32_t)(o->tile ? o->tile : choose_tile(o, streams));
    s->rows = (uint32_t)(streams * s->tile);
    place(s, o);
    s->partials = partials_of(o->rows, s->tile);
    s->workers = o->workers ? o->workers : info->compute_units ? info->compute_units : 1;
    s->workers = smaller(s->workers, s->partials);
    if (s->scratch > MOST_SCRATCH)
        return "the jets of its layers do not fit in a cache";
    if (s->partials * s->partial > UINT32_MAX / 4)
        return "partial gradients of more than 4 GiB";
    return NULL;
}

bool ss_fused_takes(struct ss_device *device, const struct ss_graph *graph,
                    const struct ss_fused_options *options, char *why, size_t size)
{
    struct shape s;
    const char *const text = read_shape(device, graph, options, &s);

    if (text)
        snprintf(why, size, "%s", text);
    return !text;
}

bool ss_fused_suits(struct ss_device *device, const struct ss_graph *graph,
                    const struct ss_fused_options *options, char *why, size_t size)
{
    struct shape s;
    const char *const text = read_shape(device, graph, options, &s);

    if (text) {
        snprintf(why, size, "%s", text);
        return false;
    }
    for (size_t i = 0; i < s.net.n_layers; i++)
        if (s.net.layers[i].n_out > WIDEST) {
            snprintf(why, size, "a layer of %zu units, more than %d", s.net.layers[i].n_out, WIDEST);
            return false;
        }
    return true;
}

static size_t bytes_of(const struct shape *s)
{
    return sizeof(float) * (s->packed + s->workers * s->scratch + s->partials * s->partial) +
           sizeof(s->layers) + sizeof(uint32_t);
}

enum ss_status ss_fused_bytes(struct ss_device *device, const struct ss_graph *graph,
                              const struct ss_fused_options *options, size_t *bytes)
{
    struct shape s;
    const char *const why = read_shape(device, graph, options, &s);

    if (why)
        return SS_FAIL(SS_ERR_USAGE, "engine.plan: fused does not take this model: %s", why);
    *bytes = bytes_of(&s);
    return SS_OK;
}

/* ---- life ---- */

static enum ss_status build(struct ss_fused *f)
{
    const struct shape *const s = &f->shape;
    const struct ss_fused_options *const o = &f->options;
    const struct ss_define tile[] = {{"WIDTH", s->width}, {"VECTORS", s->vectors}, {"ROWS", ROWS}};
    struct ss_define all[MOST_DEFINES] = {{"ACTIVATION", s->net.activation},
                                          {"TILE", s->tile},
                                          {"SLICES", o->streams.slices},
                                          {"EXTRA", o->streams.extra},
                                          {"SECOND", o->streams.second == SS_SECOND_COLLAPSED},
                                          {"SCORE", o->score},
                                          {"UNIT", o->unit},
                                          {"NOISE", o->noise},
                                          {"BASE", s->net.mean != NULL},
                                          {"LATE", o->late}};
    static const char around[] = "jet/fused_pack.cl";
    enum ss_status st = SS_OK;
    size_t n = 10;

    for (size_t i = 0; i < SS_COUNT(tile); i++)
        all[n++] = tile[i];
    for (size_t i = 0; i < o->n_defines; i++)
        all[n++] = o->defines[i];
    TRY(ss_device_kernel(f->device, o->file, "fused_step", all, n, &f->kernel[STEP]));
    TRY(ss_device_kernel(f->device, around, "fused_pack", tile, SS_COUNT(tile), &f->kernel[PACK]));
    TRY(ss_device_kernel(f->device, around, "fused_base", tile, SS_COUNT(tile), &f->kernel[PACK_BASE]));
    TRY(ss_device_kernel(f->device, around, "fused_reduce", tile, SS_COUNT(tile), &f->kernel[REDUCE]));
    TRY(ss_device_kernel(f->device, around, "fused_reduce_base", tile, SS_COUNT(tile),
                         &f->kernel[REDUCE_BASE]));
out:
    return st;
}

static enum ss_status allocate(struct ss_fused *f)
{
    const struct shape *const s = &f->shape;
    enum ss_status st = SS_OK;

    TRY(ss_buffer_create(f->device, sizeof(s->layers), &f->layers));
    TRY(ss_buffer_create(f->device, s->packed * sizeof(float), &f->packed));
    TRY(ss_buffer_create(f->device, s->workers * s->scratch * sizeof(float), &f->scratch));
    TRY(ss_buffer_create(f->device, s->partials * s->partial * sizeof(float), &f->partials));
    TRY(ss_buffer_create(f->device, sizeof(uint32_t), &f->counter));
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
    const char *const why = read_shape(device, graph, options, &f->shape);
    if (why) {
        st = SS_FAIL(SS_ERR_USAGE, "engine.plan: fused does not take this model: %s", why);
        goto out;
    }
    if (f->shape.net.mean) {
        f->mean_at = f->shape.net.mean->offset;
        f->scale_at = f->shape.net.scale->offset;
    }
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

size_t ss_fused_tile(const struct ss_fused *f)
{
    return f->shape.tile;
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
    const struct shape *const s = &f->shape;
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)s->net.n_layers), ss_arg_buffer(f->layers),
                                  ss_arg_span(b->parameters), ss_arg_buffer(f->packed),
                                  ss_arg_buffer(f->counter)};
    enum ss_status st = SS_OK;

    TRY(ss_launch(f->kernel[PACK], (struct ss_range){.global = {s->blocks}, .local = {1}}, args,
                  SS_COUNT(args)));
    if (s->net.mean) {
        const struct ss_arg base[] = {ss_arg_u32((uint32_t)s->net.dimension),
                                      ss_arg_u32((uint32_t)s->stride),
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
    const struct shape *const s = &f->shape;
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
                                      ss_arg_u32((uint32_t)s->stride),
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

enum ss_status ss_fused_enqueue(struct ss_fused *f, const struct ss_fused_batch *b)
{
    const struct shape *const s = &f->shape;
    const size_t slices = f->options.streams.slices, partials = partials_of(b->rows, s->tile);
    const size_t chunks = slices ? (b->directions + slices - 1) / slices : 1;
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)b->rows),
                                  ss_arg_u32((uint32_t)s->net.dimension),
                                  ss_arg_u32((uint32_t)b->directions),
                                  ss_arg_u32((uint32_t)chunks),
                                  ss_arg_u32((uint32_t)s->net.n_layers),
                                  ss_arg_u32((uint32_t)partials),
                                  ss_arg_u32(b->gradient.buffer != NULL),
                                  ss_arg_f32(1.0f / (float)b->rows),
                                  ss_arg_f32(b->numbers[0]),
                                  ss_arg_f32(b->numbers[1]),
                                  ss_arg_f32(b->numbers[2]),
                                  ss_arg_buffer(b->late),
                                  ss_arg_u32(b->words[0]),
                                  ss_arg_u32(b->words[1]),
                                  ss_arg_u32(b->words[2]),
                                  ss_arg_u32(b->words[3]),
                                  ss_arg_u32(b->words[4]),
                                  ss_arg_u32(b->words[5]),
                                  ss_arg_u32(b->slices.buffer != NULL),
                                  ss_arg_u32(b->z.buffer != NULL),
                                  ss_arg_u32((uint32_t)s->scratch),
                                  ss_arg_u32((uint32_t)s->noise_at),
                                  ss_arg_u32((uint32_t)s->partial),
                                  ss_arg_u32((uint32_t)s->base_at),
                                  ss_arg_u32((uint32_t)s->base_gradient_at),
                                  ss_arg_buffer(f->layers),
                                  ss_arg_buffer(f->packed),
                                  ss_arg_span(b->x),
                                  ss_arg_span(b->slices),
                                  ss_arg_span(b->z),
                                  ss_arg_buffer(f->scratch),
                                  ss_arg_buffer(f->partials),
                                  ss_arg_buffer(f->counter),
                                  ss_arg_buffer(b->losses)};
    enum ss_status st = SS_OK;

    if (!b->rows || partials > s->partials)
        return SS_FAIL(SS_ERR_INTERNAL, "a fused batch of %zu rows, at most %zu", b->rows, f->options.rows);
    TRY(enqueue_pack(f, b));
    TRY(ss_launch(f->kernel[STEP], (struct ss_range){.global = {smaller(s->workers, partials)}, .local = {1}},
                  args, SS_COUNT(args)));
    if (b->gradient.buffer)
        TRY(enqueue_reduce(f, b, partials));
out:
    return st;
}
