/* bench_pictures.c - curves of the families of workloads, and of matrix products. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/picture.h"
#include "run/bench.h"

enum { MOST_SERIES = 3, MOST_POINTS = 16 };

struct curve {
    double x[MOST_POINTS], y[MOST_POINTS], low[MOST_POINTS], high[MOST_POINTS];
    size_t n;
};

static struct ss_line_series series_of(const struct curve *c, const char *name)
{
    return (struct ss_line_series){.name = name,
                                   .x = c->x,
                                   .y = c->y,
                                   .n = c->n,
                                   .low = c->low,
                                   .high = c->high,
                                   .style = SS_LINE_MARKED};
}

static void add_point(struct curve *c, double x, double y, const struct ss_bench_spread *range)
{
    if (c->n == MOST_POINTS)
        return;
    c->x[c->n] = x;
    c->y[c->n] = y;
    c->low[c->n] = range ? range->min : y;
    c->high[c->n] = range ? range->max : y;
    c->n++;
}

/* ---- families ---- */

static const struct family_picture {
    const char *name, *title, *x_label;
    const char *families[MOST_SERIES], *names[MOST_SERIES];
    enum { BY_B, BY_D, BY_M } axis;
} family_pictures[] = {
    {"bench-esm",
     "hidden 128-128-128, batch 128",
     "dimension",
     {"esm-D", "ssm-D"},
     {"esm", "ssm, one slice"},
     BY_D},
    {"bench-slices", "hidden 128-128, D = 128, batch 1024", "slices M", {"scale-M"}, {NULL}, BY_M},
    {"bench-batch", "hidden 128-128, D = 128, M = 5", "batch", {"scale-B"}, {NULL}, BY_B},
    {"bench-dimension", "hidden 128-128, batch 1024, M = 5", "dimension", {"scale-D"}, {NULL}, BY_D},
};

static double place_of(const struct family_picture *p, const struct ss_bench_row *r)
{
    return (double)(p->axis == BY_B   ? r->shape.batch
                    : p->axis == BY_D ? r->shape.dimension
                                      : r->shape.slices);
}

static enum ss_status draw_family(const struct ss_bench *b, const struct family_picture *p,
                                  const char *folder)
{
    struct curve times[MOST_SERIES] = {{.n = 0}}, shares[MOST_SERIES] = {{.n = 0}};
    struct ss_line_series lines[2][MOST_SERIES];
    size_t n = 0;
    char *path = NULL;
    enum ss_status st = SS_OK;

    for (size_t k = 0; k < MOST_SERIES && p->families[k]; k++) {
        for (size_t i = 0; i < b->n_rows; i++) {
            const struct ss_bench_row *const r = &b->rows[i];
            if (!r->shape.family || strcmp(r->shape.family, p->families[k]) != 0)
                continue;
            add_point(&times[n], place_of(p, r), r->gradient_ms.median, &r->gradient_ms);
            add_point(&shares[n], place_of(p, r), 100 * r->fraction_of_peak, NULL);
        }
        if (!times[n].n)
            continue;
        lines[0][n] = series_of(&times[n], p->names[k]);
        lines[1][n] = series_of(&shares[n], p->names[k]);
        n++;
    }
    if (!n)
        return SS_OK;
    const struct ss_line_chart charts[] = {{.title = p->title,
                                            .x_label = p->x_label,
                                            .y_label = "loss + gradient (ms)",
                                            .log_x = true,
                                            .log_y = true,
                                            .series = lines[0],
                                            .n_series = n},
                                           {.title = "share of what the device can do",
                                            .x_label = p->x_label,
                                            .y_label = "multiply-adds, of peak (%)",
                                            .log_x = true,
                                            .series = lines[1],
                                            .n_series = n,
                                            .y_range = {0, 100}}};
    TRY(ss_path_join(folder, p->name, &path));
    TRY(ss_picture_line_panels(path, charts, SS_COUNT(charts)));
out:
    free(path);
    return st;
}

/* ---- products ---- */

static enum ss_status draw_products(const struct ss_bench *b, const char *folder)
{
    static const char *const backends[MOST_SERIES] = {"own", "clblast", "openblas"};
    static const char *const transposes[] = {"nn", "nt", "tn"};
    static const char *const titles[] = {"C = A B", "C = A B'", "C = A' B"};
    struct curve curves[SS_COUNT(transposes)][MOST_SERIES] = {{{.n = 0}}};
    struct ss_line_series lines[SS_COUNT(transposes)][MOST_SERIES];
    struct ss_line_chart charts[SS_COUNT(transposes)];
    double highest = 0;
    char *path = NULL;
    enum ss_status st = SS_OK;

    if (!b->n_products)
        return SS_OK;
    for (size_t i = 0; i < b->n_products; i++)
        highest = b->products[i].gflops.max > highest ? b->products[i].gflops.max : highest;
    for (size_t t = 0; t < SS_COUNT(transposes); t++) {
        size_t n = 0;
        for (size_t k = 0; k < MOST_SERIES; k++) {
            struct curve *const c = &curves[t][k];
            for (size_t i = 0; i < b->n_products; i++) {
                const struct ss_bench_product *const p = &b->products[i];
                if (strcmp(p->transpose, transposes[t]) == 0 && strcmp(p->backend, backends[k]) == 0)
                    add_point(c, (double)p->size, p->gflops.median, &p->gflops);
            }
            if (c->n)
                lines[t][n++] = series_of(c, backends[k]);
        }
        charts[t] = (struct ss_line_chart){.title = titles[t],
                                           .x_label = "rows = columns = inner size",
                                           .y_label = "GFLOP/s",
                                           .log_x = true,
                                           .series = lines[t],
                                           .n_series = n,
                                           .y_range = {0, 1.05 * highest}}; /* the same for all three */
    }
    TRY(ss_path_join(folder, "bench-matmul", &path));
    TRY(ss_picture_line_panels(path, charts, SS_COUNT(charts)));
out:
    free(path);
    return st;
}

enum ss_status ss_bench_write(const struct ss_bench *b, const char *folder)
{
    struct ss_text json;
    char *path = NULL;
    enum ss_status st = SS_OK;

    ss_text_init(&json);
    TRY(ss_folder_create(folder));
    ss_bench_json(b, &json);
    TRY(ss_text_status(&json));
    TRY(ss_path_join(folder, "bench.json", &path));
    TRY(ss_file_write(path, json.data, json.length));
    for (size_t i = 0; i < SS_COUNT(family_pictures); i++)
        TRY(draw_family(b, &family_pictures[i], folder));
    TRY(draw_products(b, folder));
out:
    free(path);
    ss_text_release(&json);
    return st;
}
