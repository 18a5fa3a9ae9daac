#include "run/denoise.h"

#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "model/scorer.h"
#include "random/random.h"
#include "report/picture.h"
#include "run/sampling.h"

enum { SCORER_ROWS = 8192, IMAGES = 12, POINTS = 5000, SETS = 3 };

/* The noise of row i is that of a held-out draw at step 0. */
static void add_noise(float *row, size_t i, size_t dimension, uint32_t seed, double sigma)
{
    for (size_t j = 0; j < dimension; j += 4) {
        const uint32_t counter[4] = {0, (uint32_t)i, 0, (uint32_t)(j / 4)};
        float z[4];
        ss_random_normal(seed, SS_PURPOSE_DENOISING_HELD_OUT, counter, z);
        for (size_t k = 0; k < 4 && j + k < dimension; k++)
            row[j + k] += (float)sigma * z[k];
    }
}

static struct ss_estimate error_of(const float *x, const float *clean, size_t rows, size_t dimension)
{
    double sum = 0, squares = 0;

    for (size_t i = 0; i < rows; i++) {
        double error = 0;
        for (size_t j = i * dimension; j < (i + 1) * dimension; j++)
            error += ((double)x[j] - (double)clean[j]) * ((double)x[j] - (double)clean[j]);
        sum += error;
        squares += error * error;
    }
    const double n = (double)rows, mean = sum / n, variance = squares / n - mean * mean;

    return (struct ss_estimate){mean, rows > 1 ? sqrt(fmax(variance, 0) / (n - 1)) : NAN};
}

enum ss_status ss_denoise(const struct ss_trained *t, const float *y, size_t rows, double sigma, bool add,
                          struct ss_denoised *out)
{
    const size_t dimension = t->model->dimension;
    const float square = (float)(sigma * sigma);
    struct ss_denoised d = {.rows = rows, .known = add};
    struct ss_scorer *scorer = NULL;
    size_t n = 0;
    enum ss_status st = SS_OK;

    if (!rows)
        return SS_FAIL(SS_ERR_USAGE, "no rows to denoise");
    if (!ss_multiply(rows, dimension, &n))
        return SS_FAIL_MEMORY(SIZE_MAX);
    TRY(ss_allocate(n, &d.noisy));
    TRY(ss_allocate(n, &d.denoised));
    for (size_t i = 0; i < n; i++)
        d.noisy[i] = y[i];
    for (size_t i = 0; add && i < rows; i++)
        add_noise(d.noisy + i * dimension, i, dimension, t->experiment->seed, sigma);
    TRY(ss_scorer_create(t->device, t->model, rows < SCORER_ROWS ? rows : SCORER_ROWS, &scorer));
    TRY(ss_scorer_host(scorer, t->weights, d.noisy, rows, NULL, d.denoised));
    for (size_t i = 0; i < n; i++)
        d.denoised[i] = fmaf(square, d.denoised[i], d.noisy[i]);
    if (add) {
        d.before = error_of(d.noisy, y, rows, dimension);
        d.after = error_of(d.denoised, y, rows, dimension);
    }
    *out = d;
    d = (struct ss_denoised){0};
out:
    ss_scorer_free(scorer);
    ss_denoised_release(&d);
    return st;
}

void ss_denoised_release(struct ss_denoised *d)
{
    free(d->noisy);
    free(d->denoised);
    *d = (struct ss_denoised){0};
}

/* ---- pictures ---- */

struct sets {       /* clean (if known), noisy, denoised */
    float *y[SETS]; /* borrowed */
    const char *names[SETS];
    size_t n;
};

static struct sets sets_of(float *y, const struct ss_denoised *d)
{
    struct sets s = {.n = 0};

    if (y) {
        s.names[s.n] = "clean";
        s.y[s.n++] = y;
    }
    s.names[s.n] = "noisy";
    s.y[s.n++] = d->noisy;
    s.names[s.n] = "denoised";
    s.y[s.n++] = d->denoised;
    return s;
}

static enum ss_status draw_plane(const struct ss_trained *t, const struct sets *s, size_t rows,
                                 const char *path)
{
    struct ss_plane_panel panels[SETS] = {{0}};

    for (size_t i = 0; i < s->n; i++)
        panels[i] =
            (struct ss_plane_panel){.title = s->names[i],
                                    .x_label = t->transform ? ss_transform_column(t->transform, 0) : "x",
                                    .y_label = t->transform ? ss_transform_column(t->transform, 1) : "y",
                                    .points = s->y[i],
                                    .n_points = rows};
    return ss_picture_plane(path, panels, s->n);
}

/* A line of the grid for each set; as black and white as the first one is. */
static enum ss_status draw_images(const struct ss_samples *sets, size_t n, const char *path)
{
    const size_t pixels = sets[0].columns, shown = sets[0].count < IMAGES ? sets[0].count : IMAGES;
    double black = INFINITY, white = -INFINITY;
    float *grid = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(n * shown * pixels, &grid));
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < shown * pixels; i++)
            grid[k * shown * pixels + i] = sets[k].x[i];
    for (size_t i = 0; i < shown * pixels; i++) {
        black = fmin(black, (double)sets[0].x[i]);
        white = fmax(white, (double)sets[0].x[i]);
    }
    TRY(ss_picture_images(path, grid, n * shown, sets[0].height, sets[0].width, shown, black, white));
out:
    free(grid);
    return st;
}

static enum ss_status draw_own(const struct ss_trained *t, const struct sets *s, size_t rows,
                               const char *path)
{
    struct ss_samples own[SETS] = {{0}};
    struct ss_point_set points[SETS];
    enum ss_status st = SS_OK;

    for (size_t k = 0; k < s->n; k++) {
        own[k].y = s->y[k];
        own[k].count = rows;
        TRY(ss_samples_own_units(t, &own[k]));
        points[k] = (struct ss_point_set){s->names[k], own[k].x, rows};
    }
    if (own[0].height > 0)
        TRY(draw_images(own, s->n, path));
    else
        TRY(ss_picture_set_pairs(path, points, s->n, own[0].columns, (const char *const *)own[0].names));
out:
    for (size_t k = 0; k < s->n; k++) {
        own[k].y = NULL; /* borrowed */
        ss_samples_release(&own[k]);
    }
    return st;
}

enum ss_status ss_denoised_draw(const struct ss_trained *t, float *y, const struct ss_denoised *d,
                                const char *path)
{
    const size_t rows = d->rows < POINTS ? d->rows : POINTS;
    const struct sets s = sets_of(y, d);

    return t->model->dimension == 2 ? draw_plane(t, &s, rows, path) : draw_own(t, &s, rows, path);
}
