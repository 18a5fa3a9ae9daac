/* transform.c - run a fitted chain on rows: forward, inverse, log-determinant, scores. */
#include "data/transform.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "data/transform_chain.h"
#include "random/random.h"

enum { ON_STACK = 1024 };

/* Scratch for rows of n numbers: `here` if it is large enough. What could not be had is answered by NAN,
 * which no caller takes for a number. */
static double *scratch(size_t n, double here[ON_STACK])
{
    return n <= ON_STACK ? here : malloc(n * sizeof *here);
}

static void drop_scratch(double *p, const double here[ON_STACK])
{
    if (p != here)
        free(p);
}

static void fill_nan(double *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = NAN;
}

/* ---- life ---- */

void ss_step_release(struct ss_step *s)
{
    free(s->shift);
    free(s->scale);
    free(s->matrix);
    free(s->inverse);
    *s = (struct ss_step){.kind = s->kind};
}

void ss_transform_free(struct ss_transform *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n_steps; i++)
        ss_step_release(&t->steps[i]);
    for (size_t i = 0; t->names && i < t->inputs; i++)
        free(t->names[i]);
    free(t->steps);
    free(t->names);
    free(t->from);
    free(t->origin);
    free(t->fill);
    free(t);
}

size_t ss_transform_inputs(const struct ss_transform *t)
{
    return t->inputs;
}

size_t ss_transform_outputs(const struct ss_transform *t)
{
    return t->outputs;
}

const char *ss_transform_column(const struct ss_transform *t, size_t i)
{
    return t->names[t->origin[i]];
}

const char *ss_transform_input_name(const struct ss_transform *t, size_t i)
{
    return t->names[i];
}

bool ss_transform_image(const struct ss_transform *t, size_t *height, size_t *width)
{
    if (t->height == 0 || t->outputs != t->inputs)
        return false;
    for (size_t i = 0; i < t->outputs; i++)
        if (t->origin[i] != i)
            return false;
    *height = t->height;
    *width = t->width;
    return true;
}

bool ss_transform_random(const struct ss_transform *t)
{
    for (size_t i = 0; i < t->n_steps; i++)
        if (ss_step_is_random(&t->steps[i]))
            return true;
    return false;
}

/* ---- forward ---- */

/* y = matrix (y - shift), in place. */
static bool multiply(size_t n, const double *matrix, const double *shift, double *y)
{
    double here[ON_STACK], *const x = scratch(n, here);

    if (!x)
        return false;
    for (size_t i = 0; i < n; i++)
        x[i] = y[i] - (shift ? shift[i] : 0.0);
    for (size_t i = 0; i < n; i++) {
        const double *const row = matrix + i * n;
        double sum = 0.0;
        for (size_t j = 0; j < n; j++)
            sum += row[j] * x[j];
        y[i] = sum;
    }
    drop_scratch(x, here);
    return true;
}

/* y = matrix' y, in place. */
static bool multiply_transposed(size_t n, const double *matrix, double *y)
{
    double here[ON_STACK], *const x = scratch(n, here);

    if (!x)
        return false;
    memcpy(x, y, n * sizeof *x);
    memset(y, 0, n * sizeof *y);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            y[j] += matrix[i * n + j] * x[i];
    drop_scratch(x, here);
    return true;
}

/* Four numbers for columns 4 q .. 4 q + 3 of step `stream`; without a draw what leaves nothing but the mean.
 */
static void draw_four(const struct ss_step *s, const struct ss_transform_draw *draw, uint32_t row,
                      uint32_t stream, uint32_t q, float out[4])
{
    const float rest = s->kind == SS_STEP_NOISE ? 0.0f : 0.5f;

    for (int i = 0; i < 4; i++)
        out[i] = rest;
    if (!draw || draw->purpose == 0)
        return;
    const uint32_t counter[4] = {draw->first, row, stream, q};
    if (s->kind == SS_STEP_NOISE)
        ss_random_normal(draw->seed, (enum ss_purpose)draw->purpose, counter, out);
    else
        ss_random_uniform(draw->seed, (enum ss_purpose)draw->purpose, counter, out);
}

static void apply_random(size_t n, const struct ss_step *s, const struct ss_transform_draw *draw,
                         uint32_t row, uint32_t stream, double *y)
{
    float r[4];

    for (size_t i = 0; i < n; i++) {
        if (i % 4 == 0)
            draw_four(s, draw, row, stream, (uint32_t)(i / 4), r);
        if (s->kind == SS_STEP_NOISE)
            y[i] += s->value * (double)r[i % 4];
        else
            y[i] = s->value * y[i] + s->scale[i] * ((double)r[i % 4] - s->centre);
    }
}

static double logit(double z)
{
    return log(z) - log1p(-z);
}

void ss_transform_choose(const struct ss_transform *t, const double *x, double *y)
{
    for (size_t i = 0; i < t->outputs; i++) {
        const double value = x[t->from[i]];
        y[i] = t->fill && isnan(value) ? t->fill[t->from[i]] : value;
    }
}

bool ss_transform_apply(const struct ss_transform *t, size_t first, size_t last,
                        const struct ss_transform_draw *draw, uint32_t row, double *y)
{
    const size_t n = t->outputs;

    for (size_t k = first; k < last; k++) {
        const struct ss_step *const s = &t->steps[k];
        switch (s->kind) {
        case SS_STEP_AFFINE:
            for (size_t i = 0; i < n; i++)
                y[i] = (y[i] - s->shift[i]) * s->scale[i];
            break;
        case SS_STEP_LOGIT:
            for (size_t i = 0; i < n; i++)
                y[i] = logit(s->value + (1.0 - 2.0 * s->value) * y[i]);
            break;
        case SS_STEP_DEQUANTIZE:
        case SS_STEP_NOISE:
            apply_random(n, s, draw, row, (uint32_t)k, y);
            break;
        case SS_STEP_MATRIX:
            if (!multiply(n, s->matrix, s->shift, y)) {
                fill_nan(y, n);
                return false;
            }
            break;
        }
    }
    return true;
}

void ss_transform_forward(const struct ss_transform *t, const double *x, const struct ss_transform_draw *draw,
                          uint32_t row, double *y)
{
    ss_transform_choose(t, x, y);
    (void)ss_transform_apply(t, 0, t->n_steps, draw, row, y);
}

/* ---- inverse ---- */

/* 1 / (1 + exp(-y)), and what is left to 1, both without cancellation. */
static double sigmoid(double y)
{
    return y < 0.0 ? exp(y) / (1.0 + exp(y)) : 1.0 / (1.0 + exp(-y));
}

static bool undo(size_t n, const struct ss_step *s, double *y)
{
    switch (s->kind) {
    case SS_STEP_AFFINE:
        for (size_t i = 0; i < n; i++)
            y[i] = y[i] / s->scale[i] + s->shift[i];
        break;
    case SS_STEP_DEQUANTIZE: /* the fraction stays: only the scale is undone */
        for (size_t i = 0; i < n; i++)
            y[i] /= s->value;
        break;
    case SS_STEP_LOGIT:
        for (size_t i = 0; i < n; i++)
            y[i] = (sigmoid(y[i]) - s->value) / (1.0 - 2.0 * s->value);
        break;
    case SS_STEP_NOISE:
        break;
    case SS_STEP_MATRIX:
        if (!multiply(n, s->inverse, NULL, y))
            return false;
        for (size_t i = 0; i < n; i++)
            y[i] += s->shift[i];
        break;
    }
    return true;
}

void ss_transform_inverse(const struct ss_transform *t, const double *y, double *x)
{
    double here[ON_STACK], *const v = scratch(t->outputs, here);
    bool good = v != NULL;

    fill_nan(x, t->inputs);
    if (v)
        memcpy(v, y, t->outputs * sizeof *v);
    for (size_t k = t->n_steps; good && k-- > 0;)
        good = undo(t->outputs, &t->steps[k], v);
    for (size_t i = 0; good && i < t->outputs; i++)
        x[t->from[i]] = v[i];
    drop_scratch(v, here);
}

/* ---- determinants and scores ---- */

static double step_log_det(size_t n, const struct ss_step *s, const double *y)
{
    double sum = 0.0;

    switch (s->kind) {
    case SS_STEP_AFFINE:
        for (size_t i = 0; i < n; i++)
            sum += log(fabs(s->scale[i]));
        break;
    case SS_STEP_DEQUANTIZE:
        sum = (double)n * log(s->value);
        break;
    case SS_STEP_LOGIT: /* dy/dx = (1 - 2 alpha) / (z (1 - z)), z = sigmoid(y): both factors as 1 + exp */
        for (size_t i = 0; i < n; i++)
            sum += log1p(-2.0 * s->value) + fabs(y[i]) + 2.0 * log1p(exp(-fabs(y[i])));
        break;
    case SS_STEP_NOISE:
        break;
    case SS_STEP_MATRIX:
        sum = s->log_det;
        break;
    }
    return sum;
}

bool ss_transform_lossy(const struct ss_transform *t)
{
    return t->lossy;
}

double ss_transform_log_det(const struct ss_transform *t, const double *y)
{
    return t->lossy ? NAN : ss_transform_log_det_kept(t, y);
}

double ss_transform_log_det_kept(const struct ss_transform *t, const double *y)
{
    double here[ON_STACK], sum = 0.0;
    double *const v = scratch(t->outputs, here);

    if (!v)
        return NAN;
    memcpy(v, y, t->outputs * sizeof *v);
    for (size_t k = t->n_steps; k-- > 0;) {
        sum += step_log_det(t->outputs, &t->steps[k], v);
        if (!undo(t->outputs, &t->steps[k], v)) {
            sum = NAN;
            break;
        }
    }
    drop_scratch(v, here);
    return sum;
}

/* The score before a step from the score after it; y: what the step gave. */
static bool pull(size_t n, const struct ss_step *s, const double *y, double *score)
{
    const double slope = 1.0 - 2.0 * s->value;

    switch (s->kind) {
    case SS_STEP_AFFINE:
        for (size_t i = 0; i < n; i++)
            score[i] *= s->scale[i];
        break;
    case SS_STEP_DEQUANTIZE:
        for (size_t i = 0; i < n; i++)
            score[i] *= s->value;
        break;
    case SS_STEP_LOGIT: /* log dy/dx has the slope (1 - 2 alpha) (2 z - 1) / (z (1 - z)); 2 z - 1 = tanh(y /
                           2) */
        for (size_t i = 0; i < n; i++)
            score[i] = (score[i] + tanh(0.5 * y[i])) * slope / (sigmoid(y[i]) * sigmoid(-y[i]));
        break;
    case SS_STEP_NOISE:
        break;
    case SS_STEP_MATRIX:
        return multiply_transposed(n, s->matrix, score);
    }
    return true;
}

/* What undo() undoes: a step without its random part, and without the mean of that. */
static bool redo(const struct ss_transform *t, size_t k, double *y)
{
    if (t->steps[k].kind != SS_STEP_DEQUANTIZE)
        return ss_transform_apply(t, k, k + 1, NULL, 0, y);
    for (size_t i = 0; i < t->outputs; i++)
        y[i] *= t->steps[k].value;
    return true;
}

/* The score after a step from the score before it. */
static bool push(size_t n, const struct ss_step *s, const double *y, double *score)
{
    const double slope = 1.0 - 2.0 * s->value;

    switch (s->kind) {
    case SS_STEP_AFFINE:
        for (size_t i = 0; i < n; i++)
            score[i] /= s->scale[i];
        break;
    case SS_STEP_DEQUANTIZE:
        for (size_t i = 0; i < n; i++)
            score[i] /= s->value;
        break;
    case SS_STEP_LOGIT:
        for (size_t i = 0; i < n; i++)
            score[i] = score[i] * sigmoid(y[i]) * sigmoid(-y[i]) / slope - tanh(0.5 * y[i]);
        break;
    case SS_STEP_NOISE:
        break;
    case SS_STEP_MATRIX:
        return multiply_transposed(n, s->inverse, score);
    }
    return true;
}

void ss_transform_score(const struct ss_transform *t, const double *y, const double *score_y, double *score_x)
{
    double here[ON_STACK];
    const size_t n = t->outputs;
    double *const v = scratch(2 * n, here);
    bool good = v != NULL;

    fill_nan(score_x, t->inputs);
    if (v) {
        memcpy(v, y, n * sizeof *v);
        memcpy(v + n, score_y, n * sizeof *v);
    }
    for (size_t k = t->n_steps; good && k-- > 0;)
        good = pull(n, &t->steps[k], v, v + n) && undo(n, &t->steps[k], v);
    for (size_t i = 0; good && i < n; i++)
        score_x[t->from[i]] = v[n + i];
    drop_scratch(v, here);
}

void ss_transform_push_score(const struct ss_transform *t, const double *y, double *score)
{
    double here[ON_STACK];
    const size_t n = t->outputs;
    double *const v = scratch(n, here);
    bool good = v != NULL;

    if (v)
        memcpy(v, y, n * sizeof *v);
    for (size_t k = t->n_steps; good && k-- > 0;)
        good = undo(n, &t->steps[k], v);
    for (size_t k = 0; good && k < t->n_steps; k++)
        good = redo(t, k, v) && push(n, &t->steps[k], v, score);
    if (!good)
        fill_nan(score, n);
    drop_scratch(v, here);
}
