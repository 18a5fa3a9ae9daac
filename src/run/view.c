#include "run/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

enum { ROWS = 5000, SIDE_1D = 512, SIDE_2D = 160, ARROWS = 24, SCORER_ROWS = 8192 };

void ss_view_box(const float *y, size_t rows, size_t dimension, double low[2], double high[2])
{
    for (size_t d = 0; d < dimension && d < 2; d++) {
        low[d] = INFINITY;
        high[d] = -INFINITY;
        for (size_t i = 0; i < rows; i++) {
            low[d] = fmin(low[d], (double)y[i * dimension + d]);
            high[d] = fmax(high[d], (double)y[i * dimension + d]);
        }
        if (!(low[d] <= high[d]))
            low[d] = high[d] = NAN;
    }
}

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

/* What to show: all but half a percent on either side, and a sixth more. */
static enum ss_status shown_range(const float *y, size_t rows, size_t dimension, struct ss_view *v)
{
    float *column = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(rows, &column));
    for (size_t d = 0; d < dimension; d++) {
        for (size_t i = 0; i < rows; i++)
            column[i] = y[i * dimension + d];
        qsort(column, rows, sizeof(*column), by_value);
        const double low = column[rows / 200], high = column[rows - 1 - rows / 200];
        const double margin = fmax((high - low) / 6, 1e-3 * (1 + fabs(high)));
        v->low[d] = low - margin;
        v->high[d] = high + margin;
    }
out:
    free(column);
    return st;
}

/* Owns what the view borrows. */
struct drawing {
    struct ss_view view;
    float *data, *own; /* rows in the space trained in, and in their own units */
    const char **names;
    double *density, *truth, *score;
    float *arrow_at, *arrow;
    size_t *kept;
    struct ss_scorer *scorer;
};

static void drawing_release(struct drawing *d)
{
    free(d->data);
    free(d->own);
    free(d->names);
    free(d->density);
    free(d->truth);
    free(d->score);
    free(d->arrow_at);
    free(d->arrow);
    free(d->kept);
    ss_scorer_free(d->scorer);
}

/* side points in each dimension, corners at the corners of what is shown; x runs fastest. */
static void fill_grid(const struct ss_view *v, size_t side, float *x)
{
    const size_t rows = v->dimension == 2 ? side : 1;
    const double last = (double)(side - 1);

    for (size_t j = 0; j < rows; j++) {
        for (size_t i = 0; i < side; i++) {
            float *const at = x + (j * side + i) * v->dimension;
            at[0] = (float)(v->low[0] + (v->high[0] - v->low[0]) * (double)i / last);
            if (v->dimension == 2)
                at[1] = (float)(v->low[1] + (v->high[1] - v->low[1]) * (double)j / last);
        }
    }
}

static void to_density(const float *energy, size_t n, const struct ss_normalizer *z, double *density)
{
    double least = INFINITY;

    for (size_t i = 0; i < n; i++)
        least = fmin(least, (double)energy[i]);
    for (size_t i = 0; i < n; i++)
        density[i] = exp(z->known ? -(double)energy[i] - z->log_z : least - (double)energy[i]);
}

static enum ss_status make_density(const struct ss_trained *t, const struct ss_normalizer *z,
                                   struct drawing *d)
{
    struct ss_view *const v = &d->view;
    const size_t n = v->dimension == 2 ? v->side * v->side : v->side;
    float *x = NULL, *energy = NULL, *score = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(n * v->dimension, &x));
    TRY(ss_allocate(n, &energy));
    fill_grid(v, v->side, x);
    if (t->model->is_energy) {
        TRY(ss_allocate(n, &d->density));
        TRY(ss_scorer_host(d->scorer, t->weights, x, n, energy, NULL));
        to_density(energy, n, z, d->density);
        v->density = d->density;
        v->normalized = z->known;
    }
    if (v->dimension == 1) {
        TRY(ss_allocate(n, &score));
        TRY(ss_allocate(n, &d->score));
        TRY(ss_scorer_host(d->scorer, t->weights, x, n, NULL, score));
        for (size_t i = 0; i < n; i++)
            d->score[i] = score[i];
        v->score = d->score;
    }
out:
    free(x);
    free(energy);
    free(score);
    return st;
}

/* The data's own density beside a learned one that has its units. */
static enum ss_status make_truth(const struct ss_dataset *dataset, struct drawing *d)
{
    struct ss_view *const v = &d->view;
    const size_t n = v->side * v->side;
    float *x = NULL;
    enum ss_status st = SS_OK;

    if (!v->normalized || !ss_dataset_has_density(dataset))
        return SS_OK;
    TRY(ss_allocate(n * v->dimension, &x));
    TRY(ss_allocate(n, &d->truth));
    fill_grid(v, v->side, x);
    TRY(ss_dataset_density(dataset, x, n, d->truth, NULL));
    for (size_t i = 0; i < n; i++)
        d->truth[i] = exp(d->truth[i]);
    v->truth = d->truth;
out:
    free(x);
    return st;
}

/* Far from the data scores are many times longer than near it: with the root of the length both can be seen.
 */
static void shorten(float *arrow, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const double length = hypot((double)arrow[2 * i], (double)arrow[2 * i + 1]);
        if (length > 0 && isfinite(length)) {
            arrow[2 * i] = (float)(arrow[2 * i] / sqrt(length));
            arrow[2 * i + 1] = (float)(arrow[2 * i + 1] / sqrt(length));
        }
    }
}

static enum ss_status make_arrows(const struct ss_trained *t, struct drawing *d)
{
    const size_t n = (size_t)ARROWS * ARROWS;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(2 * n, &d->arrow_at));
    TRY(ss_allocate(2 * n, &d->arrow));
    fill_grid(&d->view, ARROWS, d->arrow_at);
    TRY(ss_scorer_host(d->scorer, t->weights, d->arrow_at, n, NULL, d->arrow));
    shorten(d->arrow, n);
    d->view.arrow_at = d->arrow_at;
    d->view.arrow = d->arrow;
    d->view.n_arrows = n;
out:
    return st;
}

/* One or two columns, in the space trained in. */
static enum ss_status view_low(const struct ss_trained *t, const struct ss_dataset *dataset,
                               const struct ss_normalizer *z, const struct ss_samples *samples,
                               struct drawing *d)
{
    struct ss_view *const v = &d->view;
    enum ss_status st = SS_OK;

    v->data = d->data;
    v->samples = samples->y;
    for (size_t i = 0; i < v->dimension; i++)
        d->names[i] = ss_transform_column(t->transform, i);
    TRY(shown_range(d->data, v->n_data, v->dimension, v));
    v->side = v->dimension == 1 ? SIDE_1D : SIDE_2D;
    TRY(ss_scorer_create(t->device, t->model, SCORER_ROWS, &d->scorer));
    TRY(make_density(t, z, d));
    if (v->dimension == 2) {
        TRY(make_truth(dataset, d));
        TRY(make_arrows(t, d));
    }
out:
    return st;
}

static enum ss_status view_high(const struct ss_trained *t, const struct ss_samples *samples,
                                struct drawing *d)
{
    struct ss_view *const v = &d->view;
    double black = INFINITY, white = -INFINITY;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(v->n_data * v->dimension, &d->own));
    TRY(ss_allocate(v->dimension, &d->kept));
    TRY(ss_own_units(t, d->data, v->n_data, d->own, d->kept));
    v->data = d->own;
    v->samples = samples->x;
    for (size_t i = 0; i < v->dimension; i++)
        d->names[i] = ss_transform_input_name(t->transform, d->kept[i]);
    if (!ss_transform_image(t->transform, &v->height, &v->width))
        v->height = v->width = 0;
    for (size_t i = 0; i < v->n_data * v->dimension; i++) {
        black = fmin(black, (double)d->own[i]);
        white = fmax(white, (double)d->own[i]);
    }
    v->black = black;
    v->white = white;
out:
    return st;
}

enum ss_status ss_view_draw(const struct ss_trained *t, const struct ss_dataset *dataset,
                            const struct ss_normalizer *normalizer, const struct ss_samples *samples,
                            const char *plots, struct ss_pictures_drawn *drawn)
{
    struct drawing d = {.view = {.dimension = t->model->dimension, .n_samples = samples->count}};
    enum ss_status st = SS_OK;

    static const char *const titles[] = {"Langevin samples", "samples (MALA)", "samples (HMC)"};
    d.view.sampler = titles[t->experiment->sample.sampler];
    TRY(ss_dataset_values(dataset, SS_PART_TRAIN, ROWS, &d.data, &d.view.n_data));
    if (d.view.n_data == 0)
        goto out;
    TRY(ss_allocate(d.view.dimension, &d.names));
    d.view.names = d.names;
    if (d.view.dimension <= 2)
        TRY(view_low(t, dataset, normalizer, samples, &d));
    else
        TRY(view_high(t, samples, &d));
    TRY(ss_pictures_view(plots, &d.view, drawn));
out:
    drawing_release(&d);
    return st;
}
