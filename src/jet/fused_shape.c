#include "jet/fused_shape.h"

#include <math.h>

#include "base/checked.h"

/* Rows of a tile in all. For an item's: enough that a gradient's sums stay long in registers, and few enough
 * that a panel of them stays in L1. A group's is filled by its products' tile. */
enum { ROWS_WANTED = 84, ROWS_LEAST = 12, TILES_WANTED = 8, MOST_PARTIALS = 64, WIDEST = 512 };
enum { WEIGHTS_OF_LAUNCHES = 12000, WEIGHTS_A_ROW = 1200 };
enum { LINE = 16 }; /* floats of a cache line */
enum { GROUPS_WANTED = 128, MOST_GROUP_PARTIALS = 256, GROUPS_A_UNIT = 4, GROUP_ROWS = 64 };
enum { RESIDUAL = 1, INPUT_MAJOR = 2, WITH_BACK = 4, WITH_FORWARD = 8 }; /* cl/jet/fused_layer.clh */
enum { MOST_SCRATCH = 1 << 22, MOST_GROUP_SCRATCH = 1 << 20 };           /* floats of a worker */
/* Floats that each worker packs, and one sums, instead of launches for it. A step of a net with three layers
 * of 96 units took so 0.93 of the time on PoCL and 1.01 on Intel's runtime, of 128 0.93 and 0.96, of 160 0.96
 * and 1.00, of 192, past these limits, 0.99 and more than before (Zen 5, two cores; 64 rows of 8 columns, 5
 * slices).
 */
enum { MOST_PACKED_ALONE = 1 << 17, MOST_SUMMED_ALONE = 1 << 19 };
static const size_t most_group_partials = (size_t)1 << 27; /* floats of all */

/* Tiles of equal size, and as many as some cores share evenly where the rows suffice: smaller ones fill
 * register tiles badly (4 to 32 rows of nets of 64 and 128 units took 1.1 to 2.3 times as long as in two
 * tiles or one, on two cores). */
static size_t choose_tile(const struct ss_fused_options *o, size_t streams)
{
    const size_t wanted = (ROWS_WANTED + streams / 2) / streams, tiles = o->rows / (wanted ? wanted : 1);
    const size_t even = (tiles + TILES_WANTED / 2) / TILES_WANTED * TILES_WANTED;
    size_t few = TILES_WANTED;

    while (few > 1 && o->rows * streams < few * ROWS_LEAST)
        few /= 2;
    return ss_parts_of(o->rows, ss_smaller(even ? even : few, o->rows));
}

/* As many samples as fill the products' rows, but not fewer groups than a large GPU has multiprocessors: a
 * constant, so that the bits do not depend on how many it has. */
static size_t choose_group_tile(const struct ss_fused_options *o, size_t streams)
{
    const size_t tile = ss_smaller(GROUP_ROWS / streams, ss_parts_of(o->rows, GROUPS_WANTED));

    return tile ? tile : 1;
}

size_t ss_fused_default_tile(const struct ss_device *device, const struct ss_fused_options *options)
{
    const size_t streams = ss_streams_first(options->streams) + ss_streams_second(options->streams);

    return ss_device_is_cpu(device) ? choose_tile(options, streams) : choose_group_tile(options, streams);
}

/* On CPU devices a partial gradient is written and read once more than those of one partial would be, which
 * its tiles have to be worth; GPUs need the groups. */
size_t ss_fused_shape_partials(const struct ss_fused_shape *s, size_t rows)
{
    const size_t tiles = ss_parts_of(rows, s->tile), worth = tiles / 4;

    if (s->grouped) {
        const size_t fit = most_group_partials / s->partial;
        return ss_smaller(tiles, ss_smaller(fit ? fit : 1, MOST_GROUP_PARTIALS));
    }
    return ss_smaller(tiles, worth < TILES_WANTED ? TILES_WANTED : ss_smaller(worth, MOST_PARTIALS));
}

static size_t take(size_t *total, size_t n)
{
    const size_t at = *total;

    *total += n;
    return at;
}

/* In floats, of rows of packed weights and of partial gradients: whole vectors. */
static size_t columns_of(const struct ss_fused_shape *s, size_t n)
{
    return ss_round_up(n, s->width);
}

/* Of rows of jets. A gradient's sums read down their columns, as many of each row as a register tile has:
 * rows four such tiles apart, or a multiple, would fall into few sets of L1. On Zen 5, with tiles of 64
 * columns, one layer of 256, 512 and 1024 units took 1.3, 2.2 and 3.7 times as long so. */
static size_t stride_of(const struct ss_fused_shape *s, size_t n)
{
    const size_t columns = columns_of(s, n), apart = 4 * (size_t)s->width * s->vectors;

    return apart && columns % apart == 0 ? columns + LINE : columns;
}

static void place_packed(struct ss_fused_shape *s, const struct ss_fused_options *o, size_t i)
{
    struct ss_fused_layer *const l = &s->layers[i];
    const size_t n_in = l->n_in, n_out = l->n_out;
    const size_t in_columns = columns_of(s, n_in), out_columns = columns_of(s, n_out);
    const bool dot = i + 1 == s->net.n_layers && !o->score, unit = o->unit && i == 0;

    /* lines of a gradient are cut in ROWS, columns in vectors: the narrow side should be the lines */
    if (unit || (n_in < s->width && n_in < n_out))
        l->flags |= INPUT_MAJOR;
    l->flags |= dot ? 0u : WITH_FORWARD;
    l->flags |= i || o->streams.extra ? WITH_BACK : 0u;
    l->block = (uint32_t)s->blocks;
    l->line = (uint32_t)s->lines;
    l->forward = (uint32_t)take(&s->packed, dot ? 0 : n_in * out_columns);
    l->back = (uint32_t)take(&s->packed, l->flags & WITH_BACK ? n_out * in_columns : 0);
    l->bias = (uint32_t)take(&s->packed, out_columns);
    l->gradient =
        (uint32_t)take(&s->partial, l->flags & INPUT_MAJOR ? n_in * out_columns : n_out * in_columns);
    l->gradient_bias = (uint32_t)take(&s->partial, out_columns);
    s->blocks += ss_parts_of(n_in, s->width);
    s->lines += (l->flags & INPUT_MAJOR ? n_in : n_out) + 1;
}

static void place_layer(struct ss_fused_shape *s, const struct ss_fused_options *o, size_t i, size_t in)
{
    struct ss_fused_layer *const l = &s->layers[i];
    const bool last = i + 1 == s->net.n_layers;
    const size_t n_in = s->net.layers[i].n_in, n_out = s->net.layers[i].n_out;
    const size_t out_stride = stride_of(s, n_out);

    *l = (struct ss_fused_layer){.n_in = (uint32_t)n_in,
                                 .n_out = (uint32_t)n_out,
                                 .in_stride = (uint32_t)stride_of(s, n_in),
                                 .out_stride = (uint32_t)out_stride,
                                 .in = (uint32_t)in,
                                 .flat_weight = (uint32_t)s->net.layers[i].weight->offset,
                                 .flat_bias = (uint32_t)s->net.layers[i].bias->offset,
                                 .flags = s->net.layers[i].residual ? RESIDUAL : 0u};
    if (!last || o->score)
        l->z = (uint32_t)take(&s->scratch, s->rows * out_stride);
    if (!last) {
        l->a = (uint32_t)take(&s->scratch, s->rows * out_stride);
        l->d = (uint32_t)take(&s->scratch, 2 * s->tile * out_stride);
        l->u = (uint32_t)take(&s->scratch, o->streams.extra ? s->tile * out_stride : 0);
    }
    if (!s->grouped) {
        place_packed(s, o, i);
        return;
    }
    l->gradient = l->flat_weight; /* weights and partial gradients lie as the flat arrays do */
    l->gradient_bias = l->flat_bias;
}

static void place(struct ss_fused_shape *s, const struct ss_fused_options *o)
{
    const size_t linear = ss_streams_first(o->streams) * s->tile, stride = stride_of(s, s->net.dimension);
    size_t in = 0;

    s->columns = columns_of(s, s->net.dimension);
    take(&s->scratch, linear * stride);
    s->noise_at = take(&s->scratch, o->noise ? s->tile * stride : 0);
    for (size_t i = 0; i < s->net.n_layers; i++) {
        place_layer(s, o, i, in);
        in = s->layers[i].a;
    }
    if (s->net.mean && !s->grouped) {
        s->base_at = take(&s->packed, 2 * s->columns);
        s->base_gradient_at = take(&s->partial, 2 * s->columns);
    }
    if (!s->grouped)
        take(&s->scratch, 16); /* what a gradient's last tile reads past its columns */
    s->scratch = ss_round_up(s->scratch, 16);
    s->partial = ss_round_up(s->partial, 16);
}

/* ---- the two forms ---- */

/* With 24 vectors of 16 floats as sums Intel's compiler spills registers for AMD's Zen 5 where a turn takes
 * four steps: `large` took 1.25 of the time of one. PoCL's does not, and took as long. For Emerald Rapids
 * neither does, and four take 0.96 to 0.99 of the time. */
static uint32_t steps_of(const struct ss_device *device, uint32_t width)
{
    return width == 8 || (width == 16 && !ss_device_is_amd(device)) ? 4 : 1;
}

static const char *shape_for_items(const struct ss_device *device, const struct ss_fused_options *o,
                                   struct ss_fused_shape *s)
{
    const size_t streams = ss_streams_first(o->streams) + ss_streams_second(o->streams);
    const struct ss_device_info *const info = ss_device_info(device);
    const uint32_t native = info->native_float_width;

    s->width = native >= 16 ? 16 : native >= 8 ? 8 : 4;
    s->vectors = s->width == 4 ? 4 : s->width == 8 ? 2 : 4;
    s->steps = steps_of(device, s->width);
    s->tile = (uint32_t)(o->like   ? ss_fused_tile(o->like)
                         : o->tile ? o->tile
                                   : ss_fused_default_tile(device, o));
    s->rows = (uint32_t)(streams * s->tile);
    place(s, o);
    s->workers = info->compute_units ? info->compute_units : 1;
    return s->scratch > MOST_SCRATCH ? "the jets of its layers do not fit in a cache" : NULL;
}

/* Floats in local memory besides: outputs and adjoints of each row, losses and squares of each sample. */
static size_t rows_bytes(const struct ss_fused_shape *s)
{
    return (2 * s->rows + 2 * s->tile) * sizeof(float);
}

static const char *choose_tiles(const struct ss_device *device, const struct ss_fused_options *o,
                                struct ss_fused_shape *s)
{
    size_t widest = s->net.dimension;

    for (size_t i = 0; i < s->net.n_layers; i++)
        widest = s->net.layers[i].n_out > widest ? s->net.layers[i].n_out : widest;
    if (o->tiles)
        s->tiles = *o->tiles;
    else
        ss_tiles_choose(device, s->rows, widest, rows_bytes(s), true, &s->tiles);
    return ss_tiles_wrong(device, &s->tiles);
}

static const char *shape_for_groups(struct ss_device *device, const struct ss_graph *graph,
                                    const struct ss_fused_options *o, struct ss_fused_shape *s)
{
    const struct ss_device_info *const info = ss_device_info(device);
    const size_t streams = ss_streams_first(o->streams) + ss_streams_second(o->streams);
    const struct ss_fused_shape *const like = o->like ? ss_fused_shape_of(o->like) : NULL;

    s->width = 4;
    s->tile = (uint32_t)(like ? like->tile : o->tile ? o->tile : ss_fused_default_tile(device, o));
    s->rows = (uint32_t)(streams * s->tile);
    s->partial = ss_graph_flat_size(graph);
    place(s, o);
    if (like)
        s->tiles = like->tiles;
    const char *const wrong = like ? NULL : choose_tiles(device, o, s);
    if (wrong)
        return wrong;
    const size_t local = ss_tiles_local_bytes(&s->tiles) + rows_bytes(s);
    if (local > info->local_memory)
        return "the device has too little local memory for so many streams";
    s->local =
        like ? like->local : !o->global_jets && local + s->scratch * sizeof(float) <= info->local_memory;
    s->workers =
        s->local ? MOST_GROUP_PARTIALS : GROUPS_A_UNIT * (info->compute_units ? info->compute_units : 1);
    return s->scratch > MOST_GROUP_SCRATCH ? "the jets of its layers do not fit in a cache" : NULL;
}

const char *ss_fused_shape_read(struct ss_device *device, const struct ss_graph *graph,
                                const struct ss_fused_options *o, struct ss_fused_shape *s)
{
    *s = (struct ss_fused_shape){0};
    const char *why = ss_fused_net_read(graph, &s->net);
    if (why)
        return why;
    if (o->streams.second == SS_SECOND_APART)
        return "second derivatives of each slice";
    if (s->net.mean && o->score)
        return "a quadratic term in a score net";
    for (size_t i = 0; i < s->net.n_layers; i++)
        if (s->net.layers[i].n_in > 8192 || s->net.layers[i].n_out > 8192)
            return "a layer of more than 8192 units";
    s->grouped = !ss_device_is_cpu(device);
    why = s->grouped ? shape_for_groups(device, graph, o, s) : shape_for_items(device, o, s);
    if (why)
        return why;
    s->partials = ss_fused_shape_partials(s, o->rows);
    s->workers = ss_smaller(o->workers ? o->workers : s->workers, s->partials);
    s->alone = o->like ? ss_fused_shape_of(o->like)->alone
                       : s->packed <= MOST_PACKED_ALONE && s->partials * s->partial <= MOST_SUMMED_ALONE;
    s->copies = s->alone ? s->workers : 1;
    if (s->partials * s->partial > UINT32_MAX / 4)
        return "partial gradients of more than 4 GiB";
    return NULL;
}

size_t ss_fused_shape_bytes(const struct ss_fused_shape *s)
{
    const size_t scratch = s->local ? 0 : s->workers * s->scratch;

    return sizeof(float) * (s->copies * s->packed + scratch + s->partials * s->partial) + sizeof(s->layers) +
           2 * sizeof(uint32_t);
}

/* On CPU devices a wide layer is not too wide if its weights are few enough to stay in the caches: the fused
 * plan was 1.1 to 7 times as fast as the layered one then (2 to 256 inputs of 600 to 2000 units, 600 to 768
 * of as many in energies; Zen 5), if rows were enough. */
size_t ss_fused_shape_too_wide(const struct ss_fused_shape *s, const struct ss_fused_options *o)
{
    const size_t side = o->score ? WIDEST : WIDEST + WIDEST / 2;

    for (size_t i = 0; i < s->net.n_layers; i++) {
        const size_t n_in = s->net.layers[i].n_in, n_out = s->net.layers[i].n_out;
        if (n_out > WIDEST && (s->grouped || n_in * n_out > side * side))
            return n_out;
    }
    return 0;
}

/* On CPU devices each tile reads all weights and writes as many gradients, where launches of the layered plan
 * cost as much as some thousand weights a layer. Of 212 nets of 1 to 6 layers of 48 to 512 units, 2 to 784
 * columns, 4 to 256 rows the fused plan took more than 1.3 times as long as the other for 33, up to 4.7 times
 * (PoCL and Intel's runtime on Emerald Rapids). Fitted to 433 nets with 2 to 32 rows and 242 with layers of
 * 600 to 2000 units, the rule chooses so for 2 and for none of them. On Zen 5 fewer rows were enough. */
bool ss_fused_shape_enough_rows(const struct ss_fused_shape *s, const struct ss_fused_options *o)
{
    const size_t streams = ss_streams_first(o->streams) + ss_streams_second(o->streams);
    const size_t tiles = ss_smaller(ss_parts_of(o->rows, s->tile), TILES_WANTED);
    const double read = sqrt((double)tiles / TILES_WANTED); /* from the nearer caches the more often */
    size_t weights = 0;

    for (size_t i = 0; i < s->net.n_layers; i++)
        weights += (size_t)s->net.layers[i].n_in * s->net.layers[i].n_out;
    return s->grouped || (double)(o->rows * streams) * WEIGHTS_A_ROW >=
                             (double)weights * read - (double)(s->net.n_layers * WEIGHTS_OF_LAUNCHES);
}
