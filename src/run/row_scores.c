#include "run/row_scores.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "model/scorer.h"

/* Rows that go to the device at once: enough to keep it busy, few enough for memory if rows are wide. */
enum { PIECE_ROWS = 4096, PIECE_NUMBERS = 1 << 22 };

struct ss_row_scores {
    const struct ss_trained *trained;
    struct ss_scorer *scorer;
    size_t inputs, D, piece;
    size_t *kept;
    double *x, *y, *score_y, *score_x; /* x, score_x: one row; y: a piece; score_y: one row */
    float *rows, *energy, *score;      /* pieces */
};

/* Dropped columns are NAN in what the inverse gives. */
static enum ss_status find_kept(struct ss_row_scores *s)
{
    size_t n = 0;

    memset(s->y, 0, s->D * sizeof(*s->y));
    ss_transform_inverse(s->trained->transform, s->y, s->x);
    for (size_t i = 0; i < s->inputs && n < s->D; i++)
        if (!isnan(s->x[i]))
            s->kept[n++] = i;
    return n == s->D
               ? SS_OK
               : SS_FAIL(SS_ERR_CORRUPT, "the transform keeps %zu columns, and the model has %zu", n, s->D);
}

enum ss_status ss_row_scores_create(const struct ss_trained *t, struct ss_row_scores **out)
{
    struct ss_row_scores *s = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &s));
    s->trained = t;
    s->D = t->model->dimension;
    s->inputs = t->transform ? ss_transform_inputs(t->transform) : s->D;
    s->piece = PIECE_NUMBERS / s->D < PIECE_ROWS ? PIECE_NUMBERS / s->D + 1 : PIECE_ROWS;
    TRY(ss_allocate(s->D, &s->kept));
    TRY(ss_allocate(s->inputs, &s->x));
    TRY(ss_allocate(s->inputs, &s->score_x));
    TRY(ss_allocate(s->D, &s->score_y));
    TRY(ss_allocate(s->piece * s->D, &s->y));
    TRY(ss_allocate(s->piece * s->D, &s->rows));
    TRY(ss_allocate(s->piece * s->D, &s->score));
    TRY(ss_allocate(s->piece, &s->energy));
    for (size_t j = 0; j < s->D; j++)
        s->kept[j] = j;
    if (t->transform)
        TRY(find_kept(s));
    TRY(ss_scorer_create(t->device, t->model, s->piece, &s->scorer));
    *out = s;
    s = NULL;
out:
    ss_row_scores_free(s);
    return st;
}

void ss_row_scores_free(struct ss_row_scores *s)
{
    if (!s)
        return;
    ss_scorer_free(s->scorer);
    free(s->kept);
    free(s->x);
    free(s->score_x);
    free(s->score_y);
    free(s->y);
    free(s->rows);
    free(s->score);
    free(s->energy);
    free(s);
}

size_t ss_row_scores_inputs(const struct ss_row_scores *s)
{
    return s->inputs;
}

const size_t *ss_row_scores_kept(const struct ss_row_scores *s)
{
    return s->kept;
}

const char *ss_row_scores_name(const struct ss_row_scores *s, size_t j)
{
    return s->trained->transform ? ss_transform_input_name(s->trained->transform, s->kept[j]) : NULL;
}

/* Row s->x into place i of the piece. What is not finite would spoil no other row, but some activations make
 * a number of it: the device gets zeros, and the caller NAN. */
static void take_row(struct ss_row_scores *s, size_t i)
{
    const struct ss_transform_draw none = {.purpose = 0};
    double *const y = s->y + i * s->D;
    bool sound = true;

    if (s->trained->transform)
        ss_transform_forward(s->trained->transform, s->x, &none, 0, y);
    else
        memcpy(y, s->x, s->D * sizeof(*y));
    for (size_t j = 0; j < s->D; j++)
        sound = sound && isfinite((float)y[j]);
    for (size_t j = 0; j < s->D; j++)
        s->rows[i * s->D + j] = sound ? (float)y[j] : 0.0f;
    if (!sound)
        y[0] = NAN;
}

static void give_row(struct ss_row_scores *s, size_t i, double *log_density, double *score)
{
    const struct ss_transform *const t = s->trained->transform;
    const double *const y = s->y + i * s->D;

    if (isnan(y[0])) {
        if (log_density)
            *log_density = NAN;
        for (size_t j = 0; score && j < s->D; j++)
            score[j] = NAN;
        return;
    }
    if (log_density)
        *log_density = -(double)s->energy[i] + (t ? ss_transform_log_det_kept(t, y) : 0);
    if (!score)
        return;
    for (size_t j = 0; j < s->D; j++)
        s->score_y[j] = s->score[i * s->D + j];
    if (t)
        ss_transform_score(t, y, s->score_y, s->score_x);
    for (size_t j = 0; j < s->D; j++)
        score[j] = t ? s->score_x[s->kept[j]] : s->score_y[j];
}

enum ss_status ss_row_scores_run(struct ss_row_scores *s, ss_row_fn *row, void *context, size_t rows,
                                 double *log_density, double *score)
{
    const struct ss_trained *const t = s->trained;
    enum ss_status st = SS_OK;

    for (size_t at = 0; at < rows; at += s->piece) {
        const size_t n = rows - at < s->piece ? rows - at : s->piece;
        for (size_t i = 0; i < n; i++) {
            row(context, at + i, s->x);
            take_row(s, i);
        }
        TRY(ss_scorer_host(s->scorer, t->weights, s->rows, n, log_density ? s->energy : NULL,
                           score ? s->score : NULL));
        for (size_t i = 0; i < n; i++)
            give_row(s, i, log_density ? log_density + at + i : NULL, score ? score + (at + i) * s->D : NULL);
    }
out:
    return st;
}
