/* bench_pictures.c - curves of the families of workloads, and of matrix products. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "config/config.h"
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
    const char *name, *x_label, *families[MOST_SERIES];
    enum { BY_B, BY_D, BY_M } axis;
} family_pictures[] = {
    {"bench-esm", "dimension", {"esm-D", "ssm-D"}, BY_D},
    {"bench-slices", "slices M", {"scale-M"}, BY_M},
    {"bench-batch", "batch", {"scale-B"}, BY_B},
    {"bench-dimension", "dimension", {"scale-D"}, BY_D},
};
static const char products_picture[] = "bench-matmul";

/* "ssm, M = 5" */
static void add_name(const struct family_picture *p, const struct ss_bench_shape *s, struct ss_text *out)
{
    ss_text_add(out, ss_objective_name(s->objective));
    if (ss_bench_has_slices(s) && p->axis != BY_M)
        ss_text_addf(out, ", M = %zu", s->slices);
}

/* What all of a family's rows have in common: "energy, hidden 128-128, D = 128, batch 1024". */
static void add_title(const struct family_picture *p, const struct ss_bench_shape *s, struct ss_text *out)
{
    ss_text_addf(out, "%s, hidden ", ss_model_name(s->model.kind));
    for (size_t i = 0; i < s->model.n_hidden; i++)
        ss_text_addf(out, "%s%u", i ? "-" : "", s->model.hidden[i]);
    if (s->model.n_hidden == 0)
        ss_text_add(out, "none");
    if (p->axis != BY_D)
        ss_text_addf(out, ", D = %zu", s->dimension);
    if (p->axis != BY_B)
        ss_text_addf(out, ", batch %zu", s->batch);
}

static double place_of(const struct family_picture *p, const struct ss_bench_row *r)
{
    return (double)(p->axis == BY_B   ? r->shape.batch
                    : p->axis == BY_D ? r->shape.dimension
                                      : r->shape.slices);
}

/* *drawn: whether there was anything to draw, a line of two points at least. */
static enum ss_status draw_family(const struct ss_bench *b, const struct family_picture *p,
                                  const char *folder, bool *drawn)
{
    struct curve times[MOST_SERIES] = {{.n = 0}}, shares[MOST_SERIES] = {{.n = 0}};
    struct ss_line_series lines[2][MOST_SERIES];
    struct ss_text names[MOST_SERIES], title, label;
    double highest = 100; /* more, where the peak was measured at a worse moment */
    size_t n = 0;
    char *path = NULL;
    enum ss_status st = SS_OK;

    *drawn = false;
    ss_text_init(&title);
    ss_text_init(&label);
    for (size_t k = 0; k < MOST_SERIES; k++)
        ss_text_init(&names[k]);
    for (size_t k = 0; k < MOST_SERIES && p->families[k]; k++) {
        const struct ss_bench_shape *shape = NULL;
        times[n].n = shares[n].n = 0;
        for (size_t i = 0; i < b->n_rows; i++) {
            const struct ss_bench_row *const r = &b->rows[i];
            if (!r->shape.family || strcmp(r->shape.family, p->families[k]) != 0)
                continue;
            shape = &r->shape;
            add_point(&times[n], place_of(p, r), r->gradient_ms.median, &r->gradient_ms);
            add_point(&shares[n], place_of(p, r), 100 * r->fraction_of_peak, NULL);
            highest = fmax(highest, 100 * r->fraction_of_peak);
        }
        if (times[n].n < 2)
            continue;
        if (!title.length)
            add_title(p, shape, &title);
        if (!p->families[1]) { /* there is no legend to say it */
            add_name(p, shape, &label);
            ss_text_add(&label, ": ");
        }
        add_name(p, shape, &names[n]);
        lines[0][n] = series_of(&times[n], names[n].data);
        lines[1][n] = series_of(&shares[n], names[n].data);
        n++;
    }
    for (size_t k = 0; k < MOST_SERIES; k++)
        TRY(ss_text_status(&names[k]));
    ss_text_add(&label, "loss + gradient (ms)");
    TRY(ss_text_status(&title));
    TRY(ss_text_status(&label));
    if (!n)
        goto out;
    *drawn = true;
    const struct ss_line_chart charts[] = {{.title = title.data,
                                            .x_label = p->x_label,
                                            .y_label = label.data,
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
                                            .y_range = {0, highest > 100 ? 1.05 * highest : 100}}};
    TRY(ss_path_join(folder, p->name, &path));
    TRY(ss_picture_line_panels(path, charts, SS_COUNT(charts)));
out:
    for (size_t k = 0; k < MOST_SERIES; k++)
        ss_text_release(&names[k]);
    ss_text_release(&title);
    ss_text_release(&label);
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
    TRY(ss_path_join(folder, products_picture, &path));
    TRY(ss_picture_line_panels(path, charts, SS_COUNT(charts)));
out:
    free(path);
    return st;
}

/* ---- the folder ---- */

static const char *const extensions[] = {"png", "svg"};

/* Says that a picture is written, or takes away the one of an earlier measurement. */
static enum ss_status keep_or_remove(const char *folder, const char *name, bool drawn, struct ss_text *said)
{
    enum ss_status st = SS_OK;

    if (drawn)
        ss_text_addf(said, ", %s.png and .svg", name);
    for (size_t i = 0; !drawn && i < SS_COUNT(extensions); i++) {
        char *path = NULL;
        TRY(ss_text_format(&path, "%s/%s.%s", folder, name, extensions[i]));
        unlink(path);
        free(path);
    }
out:
    return st;
}

static const char numbers_file[] = "bench.json";

enum ss_status ss_bench_prepare(const char *folder, bool force)
{
    char *path = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_folder_create(folder));
    TRY(ss_path_join(folder, numbers_file, &path));
    if (!force && ss_path_exists(path))
        st = SS_FAIL(SS_ERR_USAGE,
                     "%s: exists already; choose another folder with -o, or replace it with --force", path);
out:
    free(path);
    return st;
}

enum ss_status ss_bench_write(const struct ss_bench *b, const char *folder)
{
    struct ss_text json, said;
    char *path = NULL;
    bool drawn;
    enum ss_status st = SS_OK;

    ss_text_init(&json);
    ss_text_init(&said);
    TRY(ss_folder_create(folder));
    ss_bench_json(b, &json);
    TRY(ss_text_status(&json));
    TRY(ss_path_join(folder, numbers_file, &path));
    TRY(ss_file_write(path, json.data, json.length));
    ss_text_add(&said, path);
    for (size_t i = 0; i < SS_COUNT(family_pictures); i++) {
        TRY(draw_family(b, &family_pictures[i], folder, &drawn));
        TRY(keep_or_remove(folder, family_pictures[i].name, drawn, &said));
    }
    TRY(draw_products(b, folder));
    TRY(keep_or_remove(folder, products_picture, b->n_products > 0, &said));
    TRY(ss_text_status(&said));
    ss_say(SS_LEVEL_NOTE, "written: %s", said.data);
out:
    free(path);
    ss_text_release(&json);
    ss_text_release(&said);
    return st;
}
