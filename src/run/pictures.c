#include "run/pictures.h"

#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/file.h"
#include "report/picture.h"

static enum ss_status place(const char *plots, const char *name, char **path, struct ss_pictures_drawn *drawn)
{
    if (drawn->count < SS_COUNT(drawn->names))
        drawn->names[drawn->count++] = name;
    return ss_path_join(plots, name, path);
}

/* ---- learning curves ---- */

/* The rows of a curve that are there: a report and an evaluation of one step are rows of their own. */
struct curve {
    double *x, *y, *low, *high;
    size_t n;
};

static enum ss_status make_curve(const struct ss_learning_curves *c, const double *y, const double *error,
                                 struct curve *out)
{
    struct curve k = {0};
    enum ss_status st = SS_OK;

    TRY(ss_allocate(c->n, &k.x));
    TRY(ss_allocate(c->n, &k.y));
    TRY(ss_allocate(c->n, &k.low));
    TRY(ss_allocate(c->n, &k.high));
    for (size_t i = 0; i < c->n; i++) {
        if (isnan(y[i]))
            continue;
        k.x[k.n] = c->step[i];
        k.y[k.n] = y[i];
        k.low[k.n] = error ? y[i] - error[i] : y[i];
        k.high[k.n] = error ? y[i] + error[i] : y[i];
        k.n++;
    }
out:
    *out = k; /* what there is, for the caller to free */
    return st;
}

static void curve_release(struct curve *k)
{
    free(k->x);
    free(k->y);
    free(k->low);
    free(k->high);
}

enum ss_status ss_pictures_learning(const char *plots, const struct ss_learning_curves *c,
                                    struct ss_pictures_drawn *drawn)
{
    struct curve loss = {0}, validation = {0}, gradient = {0};
    char *path = NULL;
    enum ss_status st = SS_OK;

    TRY(make_curve(c, c->loss, NULL, &loss));
    TRY(make_curve(c, c->validation, c->validation_error, &validation));
    TRY(make_curve(c, c->gradient_norm, NULL, &gradient));
    const struct ss_line_series objective[] = {
        {.name = "training", .x = loss.x, .y = loss.y, .n = loss.n, .style = SS_LINE},
        {.name = "validation",
         .x = validation.x,
         .y = validation.y,
         .n = validation.n,
         .low = validation.low,
         .high = validation.high,
         .style = SS_LINE_MARKED}};
    const struct ss_line_series norm[] = {
        {.x = gradient.x, .y = gradient.y, .n = gradient.n, .style = SS_LINE}};
    const struct ss_line_chart charts[] = {{.title = "objective",
                                            .x_label = "step",
                                            .y_label = "loss",
                                            .series = objective,
                                            .n_series = validation.n ? 2 : 1},
                                           {.title = "gradient norm",
                                            .x_label = "step",
                                            .y_label = "norm before clipping",
                                            .log_y = true,
                                            .series = norm,
                                            .n_series = 1}};
    TRY(place(plots, "loss", &path, drawn));
    TRY(ss_picture_line_panels(path, charts, SS_COUNT(charts)));
out:
    free(path);
    curve_release(&loss);
    curve_release(&validation);
    curve_release(&gradient);
    return st;
}

/* ---- two columns ---- */

static enum ss_status draw_plane(const char *plots, const char *name, const struct ss_plane_panel *panels,
                                 size_t n, struct ss_pictures_drawn *drawn)
{
    char *path = NULL;
    enum ss_status st = SS_OK;

    TRY(place(plots, name, &path, drawn));
    TRY(ss_picture_plane(path, panels, n));
out:
    free(path);
    return st;
}

/* Learned and true density share their colours. */
static struct ss_interval density_range(const struct ss_view *v)
{
    double most = 0;

    for (size_t i = 0; v->truth && i < v->side * v->side; i++)
        most = fmax(most, fmax(v->density[i], v->truth[i]));
    return (struct ss_interval){0, most};
}

static struct ss_plane_panel density_panel(const struct ss_plane_panel *base, const struct ss_view *v,
                                           const double *values, const char *title)
{
    struct ss_plane_panel p = *base;

    p.title = title;
    p.values = values;
    p.nx = p.ny = v->side;
    p.map = true;
    p.value_range = density_range(v);
    p.value_label = v->normalized ? "density" : "density, peak = 1";
    return p;
}

/* Of the density, where there is one. */
static void add_contours(const struct ss_view *v, struct ss_plane_panel *panel)
{
    if (!v->density)
        return;
    panel->values = v->density;
    panel->nx = panel->ny = v->side;
    panel->contours = 5;
}

static enum ss_status draw_two_columns(const char *plots, const struct ss_view *v,
                                       struct ss_pictures_drawn *drawn)
{
    const struct ss_plane_panel base = {.x_label = v->names ? v->names[0] : "x",
                                        .y_label = v->names ? v->names[1] : "y",
                                        .x_range = {v->low[0], v->high[0]},
                                        .y_range = {v->low[1], v->high[1]}};
    struct { /* pictures, each of panels that stand beside each other */
        const char *name;
        size_t n;
    } pictures[4];
    struct ss_plane_panel panels[5];
    size_t n = 0, n_pictures = 0;
    enum ss_status st = SS_OK;

    panels[n] = base;
    panels[n].title = "data";
    panels[n].points = v->data;
    panels[n++].n_points = v->n_data;
    pictures[n_pictures].name = "data";
    pictures[n_pictures++].n = 1;
    if (v->density) {
        panels[n++] = density_panel(&base, v, v->density, "learned density");
        if (v->truth)
            panels[n++] = density_panel(&base, v, v->truth, "true density");
        pictures[n_pictures].name = "density";
        pictures[n_pictures++].n = v->truth ? 2 : 1;
    }
    panels[n] = base;
    panels[n].title = "score field";
    panels[n].arrow_at = v->arrow_at;
    panels[n].arrow = v->arrow;
    panels[n].n_arrows = v->n_arrows;
    panels[n].arrow_label = "root of the score's length";
    add_contours(v, &panels[n++]);
    pictures[n_pictures].name = "score";
    pictures[n_pictures++].n = 1;
    if (v->n_samples) {
        panels[n] = base;
        panels[n].title = v->sampler;
        panels[n].points = v->samples;
        panels[n].n_points = v->n_samples;
        add_contours(v, &panels[n++]);
        pictures[n_pictures].name = "samples";
        pictures[n_pictures++].n = 1;
    }
    TRY(draw_plane(plots, "plane", panels, n, drawn));
    for (size_t i = 0, first = 0; i < n_pictures; first += pictures[i++].n)
        TRY(draw_plane(plots, pictures[i].name, &panels[first], pictures[i].n, drawn));
out:
    return st;
}

/* ---- one column ---- */

static enum ss_status draw_histogram(const char *plots, const char *name, const char *what,
                                     const float *values, size_t n, const struct ss_view *v, const double *x,
                                     struct ss_pictures_drawn *drawn)
{
    const struct ss_histogram_labels labels = {.title = what,
                                               .x_label = v->names ? v->names[0] : "x",
                                               .values_name = what,
                                               .curve_name = "learned density"};
    const bool curve = v->density && v->normalized;
    char *path = NULL;
    enum ss_status st = SS_OK;

    TRY(place(plots, name, &path, drawn));
    TRY(ss_picture_histogram(path, values, n, x, v->density, curve ? v->side : 0, &labels));
out:
    free(path);
    return st;
}

static enum ss_status draw_one_column(const char *plots, const struct ss_view *v,
                                      struct ss_pictures_drawn *drawn)
{
    char *path = NULL;
    double *x = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(v->side, &x));
    for (size_t i = 0; i < v->side; i++)
        x[i] = v->low[0] + (v->high[0] - v->low[0]) * (double)i / (double)(v->side - 1);
    TRY(draw_histogram(plots, "density", "data", v->data, v->n_data, v, x, drawn));
    if (v->n_samples)
        TRY(draw_histogram(plots, "samples", v->sampler, v->samples, v->n_samples, v, x, drawn));
    const struct ss_line_series series = {.x = x, .y = v->score, .n = v->side, .style = SS_LINE};
    const struct ss_line_chart chart = {.title = "score",
                                        .x_label = v->names ? v->names[0] : "x",
                                        .y_label = "score",
                                        .series = &series,
                                        .n_series = 1};
    TRY(place(plots, "score", &path, drawn));
    TRY(ss_picture_lines(path, &chart));
out:
    free(path);
    free(x);
    return st;
}

/* ---- more columns ---- */

static enum ss_status draw_images(const char *plots, const char *name, const float *values, size_t n,
                                  const struct ss_view *v, struct ss_pictures_drawn *drawn)
{
    char *path = NULL;
    enum ss_status st = SS_OK;

    TRY(place(plots, name, &path, drawn));
    TRY(ss_picture_images(path, values, n < 100 ? n : 100, v->height, v->width, 0, v->black, v->white));
out:
    free(path);
    return st;
}

static enum ss_status draw_pairs(const char *plots, const struct ss_view *v, struct ss_pictures_drawn *drawn)
{
    const struct ss_point_set sets[] = {{.name = "data", .values = v->data, .rows = v->n_data},
                                        {.name = v->sampler, .values = v->samples, .rows = v->n_samples}};
    char *path = NULL;
    enum ss_status st = SS_OK;

    TRY(place(plots, v->n_samples ? "samples" : "data", &path, drawn));
    TRY(ss_picture_set_pairs(path, sets, v->n_samples ? 2 : 1, v->dimension, v->names));
out:
    free(path);
    return st;
}

enum ss_status ss_pictures_view(const char *plots, const struct ss_view *v, struct ss_pictures_drawn *drawn)
{
    enum ss_status st = SS_OK;

    if (v->height > 0 && v->width > 0) {
        TRY(draw_images(plots, "data", v->data, v->n_data, v, drawn));
        if (v->n_samples)
            TRY(draw_images(plots, "samples", v->samples, v->n_samples, v, drawn));
    } else if (v->dimension == 1) {
        TRY(draw_one_column(plots, v, drawn));
    } else if (v->dimension == 2) {
        TRY(draw_two_columns(plots, v, drawn));
    } else {
        TRY(draw_pairs(plots, v, drawn));
    }
out:
    return st;
}
