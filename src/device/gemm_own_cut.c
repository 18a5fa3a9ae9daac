/* gemm_own_cut.c - which way the own product on CPU devices is turned, which sizes its tiles and tasks have.
 */
#include <math.h>

#include "base/checked.h"
#include "device/gemm_own.h"

/* The shape alone decides by these: they are in the bits. */
enum {
    DOT_COLUMNS = 4,     /* up to here dot products along k, */
    DOT_DEPTH = 32,      /* if k is long enough for vectors */
    DOT_LARGEST = 16384, /* and B, if it must be turned round, small */
    LEAST_SLICE = 1024,  /* of k; */
    SLICE_STEP = 16,     /* each but the last a multiple of it */
    MOST_SLICES = 32,
    MOST_PARTS = 1 << 18 /* floats of partial products */
};

enum { EPILOGUE_WORK = 32 }; /* multiply-adds for which an epilogue counts, for each element of C */

/* What suits devices with vectors of so many floats. */
struct suited {
    uint32_t width;
    uint32_t rows, vectors; /* a tile of C, a row of B's panel and an element of A fit the registers: 32 of 16
                               floats (AVX-512), 16 of 8 (AVX2) or of 4 (SSE, NEON) */
    uint32_t least_tiles;   /* of a task, one below the other */
    uint32_t columns;       /* of a task: DEPTH x so many floats of B stay in L2; */
    uint32_t columns_packing;        /* where each task packs A, and C has twice as many; */
    uint32_t columns_halved;         /* so often at the most, where that saves reading */
    uint32_t tasks, tasks_large;     /* for each core, of a small and a large product: a task packs what it
                                        needs, and a slow core holds up one task */
    uint32_t large;                  /* multiply-adds */
    uint32_t group_work, group_dots; /* multiply-adds for which another core is woken */
    const struct reading *reading;
};

/* What a task does beside its multiply-adds, as a share of them. */
struct reading {
    /* Multiply-adds that an element costs: of A in each task, of B in each that packs it. */
    double a, a_packed;
    double b_packed, b_packed_across; /* the latter of a B that lies along k */
    /* Shares of all: */
    double in_place;    /* if A or B is not packed, which makes the loop longer; */
    double far;         /* if such rows fill the first level's pages and more, */
    double same_lines;  /* or fall into the same few lines of it: */
    uint32_t far_from;  /* so many floats; */
    uint32_t same_each; /* a multiple of so many floats apart */
};

/* Measured on Zen 3: to 1020 rows, 256 steps of k, a packed B is 1.03 to 1.28 times as fast as one in place,
 * 1.08 to 1.56 times where its rows are far, 1.24 to 1.68 times where they fall into the same lines. */
static const struct reading reading_8 = {.a = 10,
                                         .a_packed = 10,
                                         .b_packed = 5,
                                         .b_packed_across = 12,
                                         .in_place = 0.1,
                                         .far = 0.1,
                                         .same_lines = 0.3,
                                         .far_from = 1u << 16,
                                         .same_each = 512};
/* Vectors of 16 on Zen 5: A B of 12 rows takes 1.3 to 1.6 times as long with a packed B, of 96 1.05 to 1.12
 * times, of 768 as long, wherever its rows lie; A' B of 512 1.04 times where both are packed, from 1024 on
 * 0.97. */
static const struct reading reading_16_amd = {.a = 5,
                                              .a_packed = 10,
                                              .b_packed = 6,
                                              .b_packed_across = 8,
                                              .far = 0.015,
                                              .same_lines = 0.02,
                                              .far_from = (1u << 16) + 1,
                                              .same_each = 1024};
/* On Emerald Rapids, two threads of one core, which vectors of other widths follow: products with a packed B
 * are 1.05 to 1.1 times as fast from 384 on, 256 is not; 1024 by 12 rows 1.1 to 1.2, by 48 1.2, 1104 by 18 as
 * fast as in place, by 48 1.05 to 1.1. */
static const struct reading reading_other = {.a = 5,
                                             .a_packed = 10,
                                             .b_packed = 6,
                                             .b_packed_across = 8,
                                             .far = 0.16,
                                             .same_lines = 0.6,
                                             .far_from = (1u << 16) + 1,
                                             .same_each = 1024};

/* Measured for 16 on Zen 4, which the others follow; for 8 on Zen 3: `group_work`, where two cores made
 * products of 64 1.1 to 1.2 times as fast, and `columns_halved`, A B' of 128 and 256 1.1 to 1.2 times. */
static const struct suited suited[] = {
    {1, 6, 4, 5, 256, 512, 0, 2, 4, 1u << 28, 1u << 19, 1u << 16, &reading_other},
    {4, 6, 2, 5, 256, 512, 0, 2, 4, 1u << 28, 1u << 19, 1u << 16, &reading_other},
    {8, 6, 2, 5, 256, 512, 3, 2, 4, 1u << 28, 1u << 18, 1u << 16, &reading_8},
    {16, 6, 4, 5, 256, 512, 0, 2, 4, 1u << 28, 1u << 19, 1u << 16, &reading_other},
    {16, 6, 4, 5, 256, 512, 0, 2, 4, 1u << 28, 1u << 19, 1u << 16, &reading_16_amd},
};

static const struct suited *suited_to(const struct ss_device *d, bool simple)
{
    const uint32_t native = ss_device_info(d)->native_float_width;

    return &suited[simple ? 0 : native >= 16 ? (ss_device_is_amd(d) ? 4 : 3) : native >= 8 ? 2 : 1];
}

static size_t cores_of(const struct ss_device *d)
{
    const size_t units = ss_device_info(d)->compute_units;

    return units ? units : 1;
}

/* ---- the product ---- */

/* C' = op(B)' op(A)' */
static struct ss_own_product swapped(const struct ss_own_product *p)
{
    struct ss_own_product q = *p;

    q.mirrored = !p->mirrored;
    q.g.transpose_a = !p->g.transpose_b;
    q.g.transpose_b = !p->g.transpose_a;
    q.g.m = p->g.n;
    q.g.n = p->g.m;
    q.g.a = p->g.b;
    q.g.b = p->g.a;
    q.g.lda = p->g.ldb;
    q.g.ldb = p->g.lda;
    q.c_row = p->c_column;
    q.c_column = p->c_row;
    return q;
}

static bool suits_dots(const struct ss_own_product *p)
{
    const struct ss_gemm *const g = &p->g;

    return !g->transpose_a && g->n <= DOT_COLUMNS && g->k >= DOT_DEPTH &&
           (g->transpose_b || g->k <= DOT_LARGEST);
}

/* The tile is wide and low: of the two ways to see the product take the one that wastes less of it. Only A' B
 * and its mirror image A B' may choose: for the others swapping would turn rows that lie along the loads into
 * columns. A' B stays as it is for a waste of less than an eighth: in the mirror C lies across the tile, and
 * 512 x 784 x 256 took 1.15 times as long. */
static struct ss_own_product turned_well(const struct ss_gemm *g, const struct suited *s)
{
    const struct ss_own_product as_is = {.g = *g, .c_row = g->ldc, .c_column = 1}, mirror = swapped(&as_is);
    const size_t waste = ss_round_up(g->m, s->rows) * ss_round_up(g->n, s->width);
    const size_t waste_mirror = ss_round_up(g->n, s->rows) * ss_round_up(g->m, s->width);

    if (suits_dots(&as_is))
        return as_is;
    if (suits_dots(&mirror))
        return mirror;
    if (g->transpose_a && (g->transpose_b || waste_mirror + waste_mirror / 8 < waste))
        return mirror;
    return as_is;
}

/* Partial products pay where C is small and k long. */
static size_t slices_of(const struct ss_gemm *g)
{
    const size_t area = g->m * g->n, most = ss_smaller(MOST_SLICES, MOST_PARTS / area);
    const size_t slices = ss_smaller(g->k / LEAST_SLICE, most);

    return slices ? slices : 1;
}

struct ss_own_product ss_own_product_of(const struct ss_device *d, const struct ss_gemm *g, bool simple)
{
    const size_t streams = g->streams ? g->streams : 1;
    struct ss_gemm rows = *g;
    struct ss_own_product p;

    rows.m *= streams;
    p = turned_well(&rows, suited_to(d, simple));
    p.streams = streams;
    p.dots = suits_dots(&p);
    p.slices = p.dots ? 1 : slices_of(&p.g);
    p.task_k = ss_round_up(ss_parts_of(g->k, p.slices), SLICE_STEP);
    p.slices = ss_parts_of(g->k, p.task_k);
    return p;
}

/* ---- sizes ---- */

static double work_of(const struct ss_gemm *g)
{
    return (double)g->m * (double)g->n * (double)(g->k + (g->epilogue ? EPILOGUE_WORK : 0));
}

/* At most one group a core; waking another core for fewer than `least` multiply-adds costs more than it
 * gains. */
static size_t useful_groups(const struct ss_device *d, const struct ss_gemm *g, uint32_t least)
{
    const double useful = 1.0 + work_of(g) / least;
    const size_t cores = cores_of(d);

    return useful < (double)cores ? (size_t)useful : cores;
}

struct bands {            /* columns of C by tasks, in all slices */
    size_t whole, narrow; /* how many; */
    double share;         /* of a whole one that a narrow one has */
};

static struct bands bands_of(const struct ss_own_product *p, size_t task_n)
{
    const size_t rest = p->g.n % task_n;

    return (struct bands){p->g.n / task_n * p->slices, rest ? p->slices : 0, (double)rest / (double)task_n};
}

/* The share of the time that cores as fast as each other work, if each band is cut into `rows` tasks: they
 * take whole ones in turn, and the narrow ones last. */
static double evenness(const struct bands *b, size_t rows, size_t groups)
{
    const size_t whole = rows * b->whole, narrow = rows * b->narrow, idle = groups - whole % groups;
    const size_t beside = narrow && idle < groups ? (size_t)((double)idle / b->share) : 0; /* at no cost */
    const size_t after = narrow > beside ? ss_parts_of(narrow - beside, groups) : 0;
    const double work = (double)whole + (double)narrow * b->share;

    return work / ((double)groups * ((double)ss_parts_of(whole, groups) + (double)after * b->share));
}

static const double even_enough = 0.9; /* cores do differ */

/* Into how many tasks the rows of C are cut: for a group alone into one; else `wanted`, or the nearest fewer,
 * else the nearest more up to twice as many, that go round more evenly; at most `most`. */
static size_t rows_of(const struct bands *b, size_t wanted, size_t most, size_t groups)
{
    const size_t usual = groups == 1 ? 1 : ss_smaller(wanted, most), last = ss_smaller(2 * wanted, most);
    size_t best = usual;
    double found = evenness(b, usual, groups);

    for (size_t i = 1; found < even_enough && i < last; i++) {
        const size_t rows = i < usual ? usual - i : i + 1;
        const double here = evenness(b, rows, groups);
        if (here > found) {
            best = rows;
            found = here;
        }
    }
    return best;
}

static void cut_dots(const struct ss_device *d, const struct ss_own_product *p, const struct suited *s,
                     struct ss_own_sizes *out)
{
    enum { DOT_ROWS = 64 };

    out->task_m = DOT_ROWS;
    out->task_n = (uint32_t)p->g.n;
    out->groups = (uint32_t)ss_smaller(ss_parts_of(p->g.m, DOT_ROWS), useful_groups(d, &p->g, s->group_dots));
}

/* What it costs that `k` rows `ld` apart are read where they lie. */
static double distance_of(const struct reading *r, size_t k, size_t ld)
{
    enum { ROWS_AT_ONCE = 256 }; /* about a step of k */

    if (ss_smaller(k, ROWS_AT_ONCE) * ld < r->far_from)
        return 0;
    return ld % r->same_each ? r->far : r->same_lines;
}

static double reading_of(const struct reading *r, const struct ss_gemm *g, const struct ss_own_sizes *x)
{
    const bool a_apart = g->transpose_a && !x->pack_a;
    const double a =
        (x->pack_a ? r->a_packed : r->a) / x->task_n + (a_apart ? distance_of(r, g->k, g->lda) : 0);
    const double b = x->pack_b ? (g->transpose_b ? r->b_packed_across : r->b_packed) / x->task_m
                               : distance_of(r, g->k, g->ldb);

    return a + b + (a_apart || !x->pack_b ? r->in_place : 0);
}

/* Tasks of about so many columns, and how evenly they go round. */
static double cut_columns(const struct ss_device *d, const struct ss_own_product *p, const struct suited *s,
                          size_t columns, struct ss_own_sizes *out)
{
    const struct ss_gemm *const g = &p->g;
    const size_t panel = (size_t)s->width * s->vectors, least = (size_t)s->least_tiles * s->rows;
    const size_t task_n = ss_round_up(ss_parts_of(g->n, ss_parts_of(g->n, columns)), panel);
    const size_t bands = ss_parts_of(g->n, task_n) * p->slices, groups = useful_groups(d, g, s->group_work);
    const size_t wanted = cores_of(d) * (work_of(g) < s->large ? s->tasks : s->tasks_large);
    const struct bands b = bands_of(p, task_n);
    const size_t rows = rows_of(&b, ss_parts_of(wanted, bands), ss_parts_of(g->m, least), groups);
    const size_t task_m = ss_round_up(ss_parts_of(g->m, rows), s->rows);

    out->task_m = (uint32_t)task_m;
    out->task_n = (uint32_t)task_n;
    out->groups = (uint32_t)ss_smaller(groups, bands * ss_parts_of(g->m, task_m));
    return fmin(evenness(&b, rows, groups), even_enough);
}

/* The tasks, and what they pack, that take the least time. */
static void cut_tiles(const struct ss_device *d, const struct ss_own_product *p, const struct suited *s,
                      struct ss_own_sizes *out)
{
    const struct ss_gemm *const g = &p->g;
    const struct reading *const r = s->reading;
    const bool again = g->n > (size_t)s->width * s->vectors; /* A is read by more than one panel */
    const bool gains = g->transpose_a && again && r->in_place + distance_of(r, g->k, g->lda) > 0;
    double least = INFINITY;

    for (uint32_t pack_a = 0; pack_a < (gains ? 2u : 1u); pack_a++) {
        const bool wide = pack_a && g->n >= 2 * (size_t)s->columns_packing;
        const uint32_t columns = wide ? s->columns_packing : s->columns;
        for (uint32_t halved = 0; halved <= s->columns_halved; halved++)
            for (uint32_t pack_b = g->transpose_b ? 1 : 0; pack_b < 2; pack_b++) {
                struct ss_own_sizes x = *out;
                x.pack_a = pack_a;
                x.pack_b = pack_b;
                const double even = cut_columns(d, p, s, columns >> halved, &x);
                const double time = (1 + reading_of(r, g, &x)) / even;
                if (time < least) {
                    least = time;
                    *out = x;
                }
            }
    }
}

struct ss_own_sizes ss_own_sizes_by_rule(const struct ss_device *d, const struct ss_own_product *p,
                                         bool simple)
{
    const struct suited *const s = suited_to(d, simple);
    struct ss_own_sizes out = {.width = s->width, .rows = s->rows, .vectors = s->vectors};

    if (p->dots)
        cut_dots(d, p, s, &out);
    else
        cut_tiles(d, p, s, &out);
    return out;
}

const char *ss_own_sizes_wrong(const struct ss_device *d, const struct ss_own_product *p,
                               const struct ss_own_sizes *s)
{
    enum { MOST_ROWS = 16, MOST_VECTORS = 4, MOST_COLUMNS = 2048 };
    const size_t panel = (size_t)s->width * s->vectors;

    if (s->width != suited_to(d, false)->width && s->width != suited_to(d, true)->width)
        return "vectors are as wide as the device's, or of one float";
    if (s->rows < 2 || s->rows > MOST_ROWS || !s->vectors || s->vectors > MOST_VECTORS)
        return "tiles have 2 to 16 rows of 1 to 4 vectors";
    if (!s->groups || s->groups > cores_of(d))
        return "groups are as many as cores at the most";
    if (!s->task_m || !s->task_n)
        return "tasks are of one row and column at least";
    if (p->dots)
        return s->task_n < p->g.n ? "a task of dot products has all columns" : NULL;
    if (s->task_m % s->rows || s->task_n % panel)
        return "tasks are of whole tiles";
    if (s->task_m > ss_round_up(p->g.m, s->rows) || s->task_n > MOST_COLUMNS)
        return "tasks are larger than the product";
    if ((!s->pack_b && p->g.transpose_b) || (s->pack_a && !p->g.transpose_a))
        return "an A that lies along k is read where it lies, a B that does is packed";
    return NULL;
}
