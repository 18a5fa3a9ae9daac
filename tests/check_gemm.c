/*
 * Matrix products of every backend against a host reference.
 *
 * Elements are small integers, so every partial sum is exact in fp32 whatever the order: results must be
 * equal, not near. What must not be read as a value (gaps between rows, elements before and after) is NaN,
 * what must not be written is compared afterwards.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "device/gemm_backends.h"
#include "device/opencl.h"
#include "support/device.h"

static struct ss_device *device;
static bool small; /* under a simulator */
static uint32_t state = 1;

static uint32_t draw(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % n;
}

static void open_device(void)
{
    small = test_small();
    ok(ss_device_open(getenv("SLICESCORE_DEVICE"), &device));
}

static void close_device(void)
{
    ss_device_free(device);
}

/* ---- one product ---- */

struct shape {
    size_t m, n, k;
    bool ta, tb, accumulate;
    size_t gap, offset; /* elements between rows, and before the first */
};

struct matrix {
    size_t rows, columns, ld, offset, total;
    float *host;
    struct ss_buffer *buffer;
};

static void make_matrix(struct matrix *x, size_t rows, size_t columns, const struct shape *s)
{
    *x = (struct matrix){
        .rows = rows, .columns = columns, .ld = columns + s->gap + !columns, .offset = s->offset};
    x->total = x->offset + rows * x->ld + 3;
    ok(ss_allocate(x->total, &x->host));
    ok(ss_buffer_create(device, x->total * sizeof(float), &x->buffer));
    for (size_t i = 0; i < x->total; i++)
        x->host[i] = NAN;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            x->host[x->offset + i * x->ld + j] = (float)draw(17) - 8.0f;
    ok(ss_span_write(ss_span_of(x->buffer), x->host, x->total));
}

static void free_matrix(struct matrix *x)
{
    ss_buffer_free(x->buffer);
    free(x->host);
}

static double *reference(const struct shape *s, const struct matrix *a, const struct matrix *b,
                         const struct matrix *c)
{
    double *want = NULL;

    ok(ss_allocate(s->m * s->n, &want));
    for (size_t i = 0; i < s->m; i++) {
        for (size_t l = 0; l < s->k; l++) {
            const double x = a->host[a->offset + (s->ta ? l * a->ld + i : i * a->ld + l)];
            const float *const y = b->host + b->offset + (s->tb ? l : l * b->ld);
            const size_t step = s->tb ? b->ld : 1;
            for (size_t j = 0; j < s->n; j++)
                want[i * s->n + j] += x * y[j * step];
        }
        for (size_t j = 0; s->accumulate && j < s->n; j++)
            want[i * s->n + j] += c->host[c->offset + i * c->ld + j];
    }
    return want;
}

static void compare(const struct shape *s, const struct matrix *c, const double *want)
{
    float *got = NULL;

    ok(ss_allocate(c->total, &got));
    ok(ss_span_read(ss_span_of(c->buffer), got, c->total));
    for (size_t i = 0; i < c->total; i++) {
        const size_t row = i < c->offset ? c->rows : (i - c->offset) / c->ld;
        const size_t column = i < c->offset ? 0 : (i - c->offset) % c->ld;
        const bool inside = row < s->m && column < s->n;
        if (inside ? (double)got[i] == want[row * s->n + column]
                   : memcmp(&got[i], &c->host[i], sizeof(float)) == 0)
            continue;
        ck_abort_msg("%s, %zu x %zu x %zu, %c%c%s, gap %zu, offset %zu: C[%zu, %zu]%s is %g, not %g",
                     ss_gemm_backend(device), s->m, s->n, s->k, s->ta ? 'T' : 'N', s->tb ? 'T' : 'N',
                     s->accumulate ? " accumulated" : "", s->gap, s->offset, row, column,
                     inside ? "" : " (outside)", (double)got[i],
                     inside ? want[row * s->n + column] : (double)c->host[i]);
    }
    free(got);
}

/* By the backend in use, or by the tiled kernel with these tiles. */
static void check_product_by(const struct shape *s, const struct ss_tiles *tiles)
{
    struct matrix a, b, c;

    make_matrix(&a, s->ta ? s->k : s->m, s->ta ? s->m : s->k, s);
    make_matrix(&b, s->tb ? s->n : s->k, s->tb ? s->k : s->n, s);
    make_matrix(&c, s->m, s->n, s);
    double *const want = reference(s, &a, &b, &c);
    const struct ss_gemm g = {.transpose_a = s->ta,
                              .transpose_b = s->tb,
                              .m = s->m,
                              .n = s->n,
                              .k = s->k,
                              .a = {a.buffer, a.offset},
                              .b = {b.buffer, b.offset},
                              .c = {c.buffer, c.offset},
                              .lda = a.ld,
                              .ldb = b.ld,
                              .ldc = c.ld,
                              .accumulate = s->accumulate};
    ok(tiles ? ss_gemm_tiled(device, &g, tiles) : ss_gemm_enqueue(device, &g));
    compare(s, &c, want);
    free(want);
    free_matrix(&a);
    free_matrix(&b);
    free_matrix(&c);
}

static void check_product(const struct shape *s)
{
    check_product_by(s, NULL);
}

static void check_transposes(size_t m, size_t n, size_t k)
{
    for (unsigned i = 0; i < 4; i++)
        check_product(&(struct shape){.m = m,
                                      .n = n,
                                      .k = k,
                                      .ta = i & 1,
                                      .tb = i & 2,
                                      .accumulate = draw(2),
                                      .gap = draw(2) * draw(5),
                                      .offset = draw(2) * draw(70)});
}

/* ---- backends: the loop index of a test ---- */

enum { OWN, SIMPLE, CLBLAST, PLAIN, TILED, BACKENDS };

static void use(int backend)
{
    device->gemm.level = backend == SIMPLE ? SS_GEMM_SIMPLE : backend == PLAIN ? SS_GEMM_PLAIN : SS_GEMM_FAST;
    ss_gemm_choose(device, backend == CLBLAST ? SS_GEMM_CLBLAST : SS_GEMM_OWN);
    ss_device_take_gpu_kernels(device, backend == TILED);
}

START_TEST(sizes_around_the_tile_are_exact_in_all_transposes)
{
    static const size_t sizes[] = {1, 2, 3, 6, 7, 16, 17};
    const size_t n = SS_COUNT(sizes) - (small ? 2 : 0);

    use(_i);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            for (size_t l = 0; l < n; l += _i == OWN && !small ? 1 : 3)
                check_transposes(sizes[i], sizes[j], sizes[l]);
}
END_TEST

START_TEST(sizes_around_the_blocks_are_exact)
{
    static const size_t shapes[][3] = {{65, 63, 255},  {48, 64, 256}, {49, 65, 257}, {97, 257, 64},
                                       {12, 320, 513}, {6, 1, 33},    {300, 1, 100}, {1, 300, 100},
                                       {301, 2, 65},   {302, 4, 130}, {303, 3, 31},  {2, 303, 1000},
                                       {384, 64, 128}, {130, 16, 40}, {200, 48, 1}};

    use(_i);
    for (size_t i = 0; i < (small ? 0 : SS_COUNT(shapes)); i++)
        check_transposes(shapes[i][0], shapes[i][1], shapes[i][2]);
    /* long rows: each on a page of its own, so B is packed */
    check_product(&(struct shape){.m = 200, .n = 5, .k = 20, .gap = 1000});
    if (small) {
        check_transposes(50, 9, 5);
        check_transposes(3, 20, 33);
        check_transposes(5, 1, 40);
    }
}
END_TEST

/* Weight gradients: a long sum for few elements. Past 2^11 terms k is cut into slices. */
START_TEST(long_sums_for_small_matrices_are_exact)
{
    static const size_t shapes[][3] = {{1, 1, 5000},   {1, 128, 4096},  {16, 2, 10001}, {3, 5, 100003},
                                       {64, 65, 2049}, {130, 20, 3000}, {1, 128, 7168}, {2, 2, 20000}};

    use(_i);
    for (size_t i = 0; i < (small ? 0 : SS_COUNT(shapes)); i++)
        check_transposes(shapes[i][0], shapes[i][1], shapes[i][2]);
    if (small) /* just two slices */
        check_product(&(struct shape){.m = 2, .n = 3, .k = 2048, .ta = true, .accumulate = true});
}
END_TEST

START_TEST(random_shapes_are_exact)
{
    const size_t most = small ? 12 : 150;

    use(_i);
    for (int i = 0; i < (small ? 6 : 60); i++)
        check_transposes(1 + draw((uint32_t)most), 1 + draw((uint32_t)most), 1 + draw((uint32_t)most));
}
END_TEST

START_TEST(an_empty_sum_is_zero_and_empty_matrices_are_nothing)
{
    use(_i);
    check_transposes(5, 7, 0);
    check_transposes(0, 7, 3);
    check_transposes(5, 0, 3);
    check_transposes(0, 0, 0);
}
END_TEST

static void keep_text(void *context, enum ss_level level, const char *text)
{
    (void)level;
    strncpy(context, text, 255);
}

/* ---- streams ---- */

struct streamed {
    size_t streams, m, n, k;
    bool tb;
};

/* What is asked of the end of a product. */
struct ending {
    bool bias;
    struct ss_epilogue *relu;     /* of jets with first derivatives */
    const struct ss_tiles *tiles; /* of the tiled kernel, or NULL: its own choice */
};

/* What becomes of C, whose first stream are the values. */
static void want_relu(const struct streamed *t, double *want)
{
    const size_t stream = t->m * t->n;

    for (size_t i = t->streams * stream; i-- > 0;)
        if (!(want[i % stream] > 0))
            want[i] = 0;
}

static struct ss_gemm streamed_product(const struct streamed *t, const struct matrix *a,
                                       const struct matrix *b, const struct matrix *c)
{
    return (struct ss_gemm){.transpose_b = t->tb,
                            .streams = t->streams,
                            .m = t->m,
                            .n = t->n,
                            .k = t->k,
                            .a = ss_span_of(a->buffer),
                            .b = ss_span_of(b->buffer),
                            .c = ss_span_of(c->buffer),
                            .lda = a->ld,
                            .ldb = b->ld,
                            .ldc = c->ld};
}

/* C keeps what it had where a stream is left out; the first stream's rows get a bias; the end writes another
 * matrix. */
static void check_streams(const struct streamed *t, size_t skip, const struct ending *e)
{
    const struct shape all = {.m = t->streams * t->m, .n = t->n, .k = t->k, .tb = t->tb},
                       vector = {.offset = 3};
    struct matrix a, b, c, bias, end;

    make_matrix(&a, all.m, all.k, &all);
    make_matrix(&b, t->tb ? all.n : all.k, t->tb ? all.k : all.n, &all);
    make_matrix(&c, all.m, all.n, &all);
    make_matrix(&end, all.m, all.n, &vector);
    make_matrix(&bias, 1, all.n, &vector);
    double *const want = reference(&all, &a, &b, &c);
    for (size_t i = 0; skip && i < t->m * t->n; i++)
        want[(skip - 1) * t->m * t->n + i] = (double)c.host[(skip - 1) * t->m * t->n + i];
    for (size_t i = 0; e->bias && i < t->m * t->n; i++)
        want[i] += (double)bias.host[vector.offset + i % t->n];
    const struct ss_arg args[] = {ss_arg_u32(SS_ACTIVATION_RELU),
                                  ss_arg_u32((uint32_t)t->streams - 1),
                                  ss_arg_u32(0),
                                  ss_arg_u32(1),
                                  ss_arg_u32(0),
                                  ss_arg_span(ss_span_of(c.buffer)),
                                  ss_arg_span((struct ss_span){end.buffer, vector.offset})};
    struct ss_gemm g = streamed_product(t, &a, &b, &c);
    g.skip = skip;
    if (e->bias)
        g.bias = (struct ss_span){bias.buffer, vector.offset};
    if (e->relu) {
        g.epilogue = e->relu;
        g.epilogue_args = args;
        g.n_epilogue_args = SS_COUNT(args);
    }
    /* dot products leave no stream out */
    const bool refused = skip && e->bias && !ss_gemm_finishes(device, &g);
    if (!refused) {
        ok(e->tiles ? ss_gemm_tiled(device, &g, e->tiles) : ss_gemm_enqueue(device, &g));
        compare(&all, &c, want);
    }
    if (!refused && e->relu) {
        want_relu(t, want);
        compare(&all, &end, want);
    }
    free(want);
    free_matrix(&a);
    free_matrix(&b);
    free_matrix(&c);
    free_matrix(&bias);
    free_matrix(&end);
}

START_TEST(streams_are_rows_and_one_can_be_left_out)
{
    use(_i);
    for (size_t skip = 0; skip <= 4; skip++)
        check_streams(&(struct streamed){4, 7, small ? 5 : 70, 9, false}, skip, &(struct ending){0});
}
END_TEST

/* Tiles across streams, tasks of a few rows of each, panels cut off, dot products this way and that way
 * round. */
START_TEST(the_first_stream_gets_the_bias)
{
    static const struct streamed shapes[] = {
        {1, 1, 3, 2, true},    {3, 5, 17, 9, false},    {2, 1, 40, 33, true},  {3, 9, 4, 40, true},
        {2, 70, 1, 50, false}, {7, 100, 70, 300, true}, {66, 3, 300, 5, true}, {5, 61, 530, 64, false}};

    use(_i ? TILED : OWN);
    for (size_t i = 0; i < SS_COUNT(shapes) - (small ? 3 : 0); i++)
        for (size_t skip = 0; skip <= (_i ? 0 : ss_smaller(shapes[i].streams, 3)); skip++)
            if (skip != 1)
                check_streams(&shapes[i], skip, &(struct ending){.bias = true});
}
END_TEST

static struct ss_epilogue *relu_of(bool transpose_b)
{
    const struct ss_define defines[] = {{"ACTIVATION", SS_ACTIVATION_RELU}};
    struct ss_epilogue *e = NULL;

    ok(ss_epilogue_create(device, "jet/dense_activation.cl", defines, SS_COUNT(defines), transpose_b, &e));
    return e;
}

/* Tiles of fewer rows than they could have, of one row of each stream, cut off at both sides; a stream that
 * is left out is there at the end. */
START_TEST(the_end_of_a_product_has_all_streams_of_a_row)
{
    static const struct streamed shapes[] = {{1, 5, 3, 2, true},    {3, 5, 17, 9, false},
                                             {3, 23, 33, 40, true}, {16, 1, 8, 12, false},
                                             {7, 100, 70, 9, true}, {5, 59, 132, 64, false}};
    struct ss_epilogue *relu[2];

    use(_i ? TILED : OWN);
    for (int tb = 0; tb < 2; tb++)
        relu[tb] = relu_of(tb);
    for (size_t i = 0; i < SS_COUNT(shapes) - (small ? 2 : 0); i++) {
        const struct streamed *const t = &shapes[i];
        check_streams(t, 0, &(struct ending){.bias = true, .relu = relu[t->tb]});
        for (size_t skip = 0; skip <= ss_smaller(t->streams - 1, 3); skip++)
            check_streams(t, skip, &(struct ending){.relu = relu[t->tb]});
    }
    if (_i) { /* 12 rows of five streams in tiles of 64 lines: six of them where five would do */
        const struct ss_gemm wasteful = {
            .streams = 5, .m = 61, .n = 132, .k = 64, .lda = 64, .ldb = 132, .ldc = 132, .epilogue = relu[0]};
        ck_assert(!ss_gemm_finishes(device, &wasteful));
    }
    ss_epilogue_free(relu[0]);
    ss_epilogue_free(relu[1]);
}
END_TEST

START_TEST(a_bias_is_refused_where_the_product_cannot_add_it)
{
    const struct shape s = {.m = 3, .n = 4, .k = 2048};
    struct matrix a, b, c;
    char said[256] = "";

    make_matrix(&a, s.m, s.k, &s);
    make_matrix(&b, s.k, s.n, &s);
    make_matrix(&c, s.m, s.n, &s);
    for (int backend = OWN; backend < BACKENDS; backend++) {
        const bool turned = backend == OWN; /* which takes no bias then */
        const struct ss_gemm g = {.transpose_a = turned,
                                  .m = s.m,
                                  .n = s.n,
                                  .k = s.k,
                                  .a = {a.buffer, 0},
                                  .lda = turned ? s.m : s.k,
                                  .b = {b.buffer, 0},
                                  .ldb = s.n,
                                  .c = {c.buffer, 0},
                                  .ldc = s.n,
                                  .bias = {b.buffer, 0}};
        use(backend);
        ck_assert(!ss_gemm_finishes(device, &g));
        ss_sink_set(keep_text, said);
        const enum ss_status st = ss_gemm_enqueue(device, &g);
        ss_sink_set(NULL, NULL);
        ck_assert_int_eq(st, SS_ERR_INTERNAL);
        ck_assert_ptr_nonnull(strstr(said, "takes neither bias nor epilogue here"));
    }
    free_matrix(&a);
    free_matrix(&b);
    free_matrix(&c);
}
END_TEST

START_TEST(wide_layers_are_exact)
{
    use(_i);
    if (_i == OWN && !small) { /* the other backends do not cut shapes, and are slow */
        check_product(&(struct shape){.m = 6, .n = 4096, .k = 4096, .tb = true});
        check_product(&(struct shape){.m = 4096, .n = 4096, .k = 5, .ta = true});
        check_product(&(struct shape){.m = 7, .n = 4096, .k = 4096, .accumulate = true});
    }
}
END_TEST

/* ---- the tiled kernel: other groups, items and slices than it would choose ---- */

static const struct ss_tiles tilings[] = {
    {2, 4, 4, 8, 4, 1}, {4, 4, 8, 4, 8, 2}, {8, 4, 2, 4, 16, 1}, {1, 1, 4, 4, 1, 2}, {16, 8, 1, 8, 8, 2}};

START_TEST(every_tiling_is_exact)
{
    static const size_t shapes[][3] = {{1, 1, 1}, {9, 33, 7}, {33, 17, 40}, {64, 64, 16}, {3, 5, 2100}};
    const struct ss_tiles *const t = &tilings[_i];

    use(TILED);
    ck_assert_ptr_null(ss_tiles_wrong(device, t));
    for (size_t i = 0; i < SS_COUNT(shapes) - (small ? 2 : 0); i++)
        for (unsigned j = 0; j < 4; j++) {
            const struct shape s = {.m = shapes[i][0],
                                    .n = shapes[i][1],
                                    .k = shapes[i][2],
                                    .ta = j & 1,
                                    .tb = j & 2,
                                    .accumulate = draw(2),
                                    .gap = draw(2) * draw(5),
                                    .offset = draw(2) * draw(70)};
            check_product_by(&s, t);
        }
    struct ss_epilogue *const relu = relu_of(false);
    for (size_t streams = 1; streams <= ss_smaller(ss_tiles_rows(t), 5); streams++)
        check_streams(&(struct streamed){streams, 9, 37, 7, false}, streams > 2 ? 2 : 0,
                      &(struct ending){.relu = relu, .tiles = t});
    ss_epilogue_free(relu);
}
END_TEST

START_TEST(more_rows_of_tiles_than_a_launch_takes_are_exact)
{
    static const struct ss_tiles low = {4, 1, 1, 4, 1, 1};
    const size_t most = 65535 * ss_tiles_rows(&low);

    use(TILED);
    if (!small)
        check_product_by(&(struct shape){.m = most + 6, .n = 5, .k = 3, .accumulate = true}, &low);
}
END_TEST

START_TEST(tilings_that_cannot_be_are_refused)
{
    static const struct ss_tiles wrong[] = {
        {3, 4, 4, 8, 4, 1}, {4, 4, 3, 8, 8, 1},  {4, 4, 4, 6, 8, 1},         {16, 16, 1, 8, 8, 1},
        {4, 4, 4, 8, 8, 3}, {4, 4, 4, 4, 32, 1}, {1024, 1024, 8, 8, 128, 1}, {1, 2, 2, 4, 2, 1}};
    struct ss_buffer *b = NULL;

    use(TILED);
    ok(ss_buffer_create(device, 3 * sizeof(float), &b));
    const struct ss_gemm g = {
        .m = 1, .n = 1, .k = 1, .a = {b, 0}, .b = {b, 1}, .c = {b, 2}, .lda = 1, .ldb = 1, .ldc = 1};
    char text[256] = "";
    ss_sink_set(keep_text, text);
    for (size_t i = 0; i < SS_COUNT(wrong); i++)
        ck_assert_int_eq(ss_gemm_tiled(device, &g, &wrong[i]), SS_ERR_INTERNAL);
    ss_sink_set(NULL, NULL);
    ss_buffer_free(b);
}
END_TEST

/* ---- rounding, repetition ---- */

static void fill(struct ss_buffer *b, size_t n)
{
    float *x = NULL;

    ok(ss_allocate(n, &x));
    for (size_t i = 0; i < n; i++)
        x[i] = (float)draw(1u << 24) / (float)(1u << 23) - 1.0f;
    ok(ss_span_write(ss_span_of(b), x, n));
    free(x);
}

START_TEST(the_same_product_has_the_same_bits_each_time)
{
    static const size_t shapes[][3] = {{100, 70, 300}, {20, 30, 9000}, {333, 3, 77}};

    use(_i);
    for (size_t s = 0; s < (small ? 0 : SS_COUNT(shapes)); s++) {
        const size_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
        struct ss_buffer *a = NULL, *b = NULL, *c = NULL;
        float *first = NULL, *again = NULL;
        ok(ss_buffer_create(device, m * k * sizeof(float), &a));
        ok(ss_buffer_create(device, n * k * sizeof(float), &b));
        ok(ss_buffer_create(device, m * n * sizeof(float), &c));
        ok(ss_allocate(m * n, &first));
        ok(ss_allocate(m * n, &again));
        fill(a, m * k);
        fill(b, n * k);
        const struct ss_gemm g = {.transpose_a = true,
                                  .m = m,
                                  .n = n,
                                  .k = k,
                                  .a = {a, 0},
                                  .b = {b, 0},
                                  .c = {c, 0},
                                  .lda = m,
                                  .ldb = n,
                                  .ldc = n};
        for (int i = 0; i < 5; i++) {
            ok(ss_gemm_enqueue(device, &g));
            ok(ss_span_read(ss_span_of(c), i ? again : first, m * n));
            ck_assert(!i || memcmp(first, again, m * n * sizeof(float)) == 0);
        }
        ss_buffer_free(a);
        ss_buffer_free(b);
        ss_buffer_free(c);
        free(first);
        free(again);
    }
}
END_TEST

/* Each of k products and sums rounds by at most 2^-24 of the largest partial sum. Random signs make a walk of
 * it: sqrt(k) times the rounding of a sum of sqrt(k)/3 (k products of variance 1/9), 8 standard deviations
 * allowed. */
START_TEST(rounding_stays_that_of_single_precision)
{
    const size_t m = 37, n = 41, k = small ? 50 : 3000;
    struct ss_buffer *a = NULL, *b = NULL, *c = NULL;
    float *x = NULL, *y = NULL, *z = NULL;
    const double allowed = 8.0 * sqrt((double)k) * (sqrt((double)k) / 3.0) / 16777216.0;

    use(_i);
    ok(ss_buffer_create(device, m * k * sizeof(float), &a));
    ok(ss_buffer_create(device, n * k * sizeof(float), &b));
    ok(ss_buffer_create(device, m * n * sizeof(float), &c));
    ok(ss_allocate(m * k, &x));
    ok(ss_allocate(n * k, &y));
    ok(ss_allocate(m * n, &z));
    fill(a, m * k);
    fill(b, n * k);
    ok(ss_span_read(ss_span_of(a), x, m * k));
    ok(ss_span_read(ss_span_of(b), y, n * k));
    ok(ss_gemm_enqueue(device, &(struct ss_gemm){.transpose_b = true,
                                                 .m = m,
                                                 .n = n,
                                                 .k = k,
                                                 .a = {a, 0},
                                                 .b = {b, 0},
                                                 .c = {c, 0},
                                                 .lda = k,
                                                 .ldb = k,
                                                 .ldc = n}));
    ok(ss_span_read(ss_span_of(c), z, m * n));
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double want = 0.0;
            for (size_t l = 0; l < k; l++)
                want += (double)x[i * k + l] * (double)y[j * k + l];
            ck_assert_msg(fabs(want - (double)z[i * n + j]) <= allowed, "%g instead of %g, allowed %g",
                          (double)z[i * n + j], want, allowed);
        }
    ss_buffer_free(a);
    ss_buffer_free(b);
    ss_buffer_free(c);
    free(x);
    free(y);
    free(z);
}
END_TEST

/* ---- refusals ---- */

START_TEST(a_matrix_that_leaves_its_buffer_is_refused)
{
    struct ss_buffer *b = NULL;
    char text[256] = "";

    use(_i);
    ok(ss_buffer_create(device, 100 * sizeof(float), &b));
    const struct ss_gemm good = {
        .m = 5, .n = 5, .k = 5, .a = {b, 0}, .b = {b, 25}, .c = {b, 50}, .lda = 5, .ldb = 5, .ldc = 5};
    struct ss_gemm g = good;
    ok(ss_gemm_enqueue(device, &g));
    ss_sink_set(keep_text, text);
    g.a.offset = 76;
    ck_assert_int_eq(ss_gemm_enqueue(device, &g), SS_ERR_INTERNAL);
    ck_assert_msg(strstr(text, "A, 5 x 5 at 76") != NULL, "%s", text);
    g = good;
    g.ldb = 4;
    ck_assert_int_eq(ss_gemm_enqueue(device, &g), SS_ERR_INTERNAL);
    g = good;
    g.c.offset = SIZE_MAX - 2;
    ck_assert_int_eq(ss_gemm_enqueue(device, &g), SS_ERR_INTERNAL);
    g = good;
    g.c.buffer = NULL;
    ck_assert_int_eq(ss_gemm_enqueue(device, &g), SS_ERR_INTERNAL);
    g = good;
    g.k = g.lda = (size_t)1 << 40;
    ck_assert_int_eq(ss_gemm_enqueue(device, &g), SS_ERR_MEMORY);
    ss_sink_set(NULL, NULL);
    ss_buffer_free(b);
}
END_TEST

/* Matrices that large are not made here: they are 16 GiB and more. */
START_TEST(rows_too_far_apart_for_the_product_on_gpus_are_not_its_own)
{
    const struct ss_gemm near = {.m = 64, .n = 64, .k = 64, .lda = 64, .ldb = 64, .ldc = 64};
    struct ss_gemm far[] = {near, near, near};

    use(TILED);
    far[0].lda = far[1].ldb = far[2].ldc = (size_t)1 << 26;
    ck_assert(ss_gemm_finishes(device, &near));
    for (size_t i = 0; i < SS_COUNT(far); i++)
        ck_assert(!ss_gemm_finishes(device, &far[i]));
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("gemm");
    TCase *const c = tcase_create("gemm");

    tcase_set_timeout(c, 600);
    tcase_add_unchecked_fixture(c, open_device, close_device);
    tcase_add_loop_test(c, sizes_around_the_tile_are_exact_in_all_transposes, 0, BACKENDS);
    tcase_add_loop_test(c, sizes_around_the_blocks_are_exact, 0, BACKENDS);
    tcase_add_loop_test(c, long_sums_for_small_matrices_are_exact, 0, BACKENDS);
    tcase_add_loop_test(c, random_shapes_are_exact, 0, BACKENDS);
    tcase_add_loop_test(c, an_empty_sum_is_zero_and_empty_matrices_are_nothing, 0, BACKENDS);
    tcase_add_loop_test(c, every_tiling_is_exact, 0, (int)SS_COUNT(tilings));
    tcase_add_test(c, more_rows_of_tiles_than_a_launch_takes_are_exact);
    tcase_add_test(c, tilings_that_cannot_be_are_refused);
    tcase_add_loop_test(c, streams_are_rows_and_one_can_be_left_out, 0, BACKENDS);
    tcase_add_loop_test(c, the_first_stream_gets_the_bias, 0, 2);
    tcase_add_loop_test(c, the_end_of_a_product_has_all_streams_of_a_row, 0, 2);
    tcase_add_test(c, a_bias_is_refused_where_the_product_cannot_add_it);
    tcase_add_loop_test(c, wide_layers_are_exact, 0, BACKENDS);
    tcase_add_loop_test(c, the_same_product_has_the_same_bits_each_time, 0, BACKENDS);
    tcase_add_loop_test(c, rounding_stays_that_of_single_precision, 0, BACKENDS);
    tcase_add_loop_test(c, a_matrix_that_leaves_its_buffer_is_refused, 0, BACKENDS);
    tcase_add_test(c, rows_too_far_apart_for_the_product_on_gpus_are_not_its_own);
    suite_add_tcase(s, c);
    return run_device_suite(s);
}
