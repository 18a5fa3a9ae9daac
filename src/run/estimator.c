#include "run/estimator.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "data/transform_chain.h"

static const double difference = 1e-2; /* of gradients and losses in fp32: rounding 1e-5, curvature 1e-4 */
static const double flat_curvature = 1e-3;  /* of the largest: a direction that the loss does not see */
static const double decrement_done = 1e-11; /* g'H^-1 g: far below 1/N, and above rounding */
enum { MOST_ITERATIONS = 100, MOST_HALVINGS = 20 };

struct ss_estimator {
    struct ss_device *device;
    const struct ss_model *model;
    struct ss_loss *loss;
    size_t n, flat_size, rows, quantities;
    size_t *place; /* n: of each parameter in the flat buffer */
    struct ss_buffer *weights, *gradients;
    float *flat, *gradient, *row_loss[2];
    double *theta, *bread, *meat, *inverse, *vectors, *values, *jacobian, *row_gradient;
    uint32_t seed;
};

/* ---- life ---- */

static enum ss_status places(struct ss_estimator *e)
{
    const struct ss_graph *const g = e->model->graph;
    size_t n = 0;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(e->n, &e->place));
    for (size_t i = 0; i < ss_graph_parameters(g); i++) {
        const struct ss_parameter *const p = ss_graph_parameter(g, i);
        for (size_t j = 0; j < p->count; j++)
            e->place[n++] = p->offset + j;
    }
out:
    return st;
}

static enum ss_status allocate(struct ss_estimator *e, size_t rows)
{
    const size_t n = e->n, square = n * n;
    enum ss_status st = SS_OK;

    TRY(places(e));
    TRY(ss_buffer_create(e->device, e->flat_size * sizeof(float), &e->weights));
    TRY(ss_buffer_create(e->device, e->flat_size * sizeof(float), &e->gradients));
    TRY(ss_allocate(e->flat_size, &e->flat));
    TRY(ss_allocate(e->flat_size, &e->gradient));
    TRY(ss_allocate(rows, &e->row_loss[0]));
    TRY(ss_allocate(rows, &e->row_loss[1]));
    TRY(ss_allocate(n, &e->theta));
    TRY(ss_allocate(square, &e->bread));
    TRY(ss_allocate(square, &e->meat));
    TRY(ss_allocate(square, &e->inverse));
    TRY(ss_allocate(square, &e->vectors));
    TRY(ss_allocate(n, &e->values));
    TRY(ss_allocate(e->quantities * n, &e->jacobian));
    TRY(ss_allocate(rows * n, &e->row_gradient));
out:
    return st;
}

enum ss_status ss_estimator_create(struct ss_device *device, const struct ss_model *model,
                                   const struct ss_objective_options *objective, size_t rows,
                                   struct ss_estimator **out)
{
    const struct ss_loss_options options = {
        .objective = *objective, .engine = {.plan = SS_PLAN_LAYERED}, .rows = rows, .gradient = true};
    const size_t n = ss_graph_parameter_count(model->graph), D = model->dimension;
    struct ss_estimator *e = NULL;
    enum ss_status st = SS_OK;

    if (n > SS_ESTIMATOR_MOST)
        return SS_FAIL(
            SS_ERR_USAGE,
            "the model has %zu parameters, and standard errors are for models of at most %d: they take "
            "that many gradients of every row, and say little of a net",
            n, SS_ESTIMATOR_MOST);
    TRY(ss_allocate(1, &e));
    e->device = device;
    e->model = model;
    e->n = n;
    e->flat_size = ss_graph_flat_size(model->graph);
    e->quantities = model->kind == SS_MODEL_GAUSSIAN ? D + D * (D + 1) / 2 : n;
    TRY(allocate(e, rows));
    TRY(ss_loss_create(device, model, &options, &e->loss));
    *out = e;
    e = NULL;
out:
    ss_estimator_free(e);
    return st;
}

void ss_estimator_free(struct ss_estimator *e)
{
    if (!e)
        return;
    ss_loss_free(e->loss);
    ss_buffer_free(e->weights);
    ss_buffer_free(e->gradients);
    free(e->place);
    free(e->flat);
    free(e->gradient);
    free(e->row_loss[0]);
    free(e->row_loss[1]);
    free(e->theta);
    free(e->bread);
    free(e->meat);
    free(e->inverse);
    free(e->vectors);
    free(e->values);
    free(e->jacobian);
    free(e->row_gradient);
    free(e);
}

size_t ss_estimator_parameters(const struct ss_estimator *e)
{
    return e->n;
}

size_t ss_estimator_quantities(const struct ss_estimator *e)
{
    return e->quantities;
}

void ss_estimator_gather(const struct ss_estimator *e, const float *flat, double *theta)
{
    for (size_t i = 0; i < e->n; i++)
        theta[i] = (double)flat[e->place[i]];
}

enum ss_status ss_estimator_rows(struct ss_estimator *e, const float *x, size_t rows, uint32_t seed)
{
    e->rows = rows;
    e->seed = seed;
    return ss_span_write(ss_loss_rows(e->loss), x, rows * e->model->dimension);
}

/* ---- losses and gradients ---- */

/* Mean loss, and the gradient[n] or the losses of rows if these are not NULL. */
static enum ss_status at(struct ss_estimator *e, const double *theta, double *loss, double *gradient,
                         float *of_rows)
{
    float mean = 0.0f;
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < e->n; i++)
        e->flat[e->place[i]] = (float)theta[i];
    TRY(ss_span_write(ss_span_of(e->weights), e->flat, e->flat_size));
    TRY(ss_loss_enqueue(e->loss, &(struct ss_loss_batch){.rows = e->rows,
                                                         .draw = {.seed = e->seed, .held_out = true},
                                                         .parameters = ss_span_of(e->weights),
                                                         .gradient = {gradient ? e->gradients : NULL, 0}}));
    if (loss) {
        TRY(ss_span_read(ss_loss_mean(e->loss), &mean, 1));
        *loss = (double)mean;
    }
    if (of_rows)
        TRY(ss_span_read(ss_loss_of_rows(e->loss), of_rows, e->rows));
    if (gradient) {
        TRY(ss_span_read(ss_span_of(e->gradients), e->gradient, e->flat_size));
        for (size_t i = 0; i < e->n; i++)
            gradient[i] = (double)e->gradient[e->place[i]];
    }
out:
    return st;
}

/* Where theta[i] really is, moved by about `by`: in fp32, so that the difference is known exactly. */
static double moved(double theta, double by)
{
    return (double)(float)(theta + by * (1.0 + fabs(theta)));
}

/* e->inverse = the inverse of the symmetric e->bread on the directions that the loss sees. */
static enum ss_status invert(struct ss_estimator *e)
{
    const size_t n = e->n;
    double largest = 0.0;
    enum ss_status st = SS_OK;

    TRY(ss_symmetric_eigen(n, e->bread, e->values, e->vectors));
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(e->values[i]));
    memset(e->inverse, 0, n * n * sizeof(double));
    for (size_t k = 0; k < n; k++) {
        const double curvature = fabs(e->values[k]); /* downhill even where the loss is not convex */
        if (curvature <= flat_curvature * largest)
            continue;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                e->inverse[i * n + j] += e->vectors[k * n + i] * e->vectors[k * n + j] / curvature;
    }
out:
    return st;
}

static enum ss_status hessian(struct ss_estimator *e, const double *theta)
{
    const size_t n = e->n;
    double *up = NULL, *down = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(n, &up));
    TRY(ss_allocate(n, &down));
    memcpy(e->theta, theta, n * sizeof(double));
    for (size_t i = 0; i < n; i++) {
        const double high = moved(theta[i], difference), low = moved(theta[i], -difference);
        e->theta[i] = high;
        TRY(at(e, e->theta, NULL, up, NULL));
        e->theta[i] = low;
        TRY(at(e, e->theta, NULL, down, NULL));
        e->theta[i] = theta[i];
        for (size_t j = 0; j < n; j++)
            e->meat[i * n + j] = (up[j] - down[j]) / (high - low);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            e->bread[i * n + j] = 0.5 * (e->meat[i * n + j] + e->meat[j * n + i]);
    TRY(invert(e));
out:
    free(up);
    free(down);
    return st;
}

/* step = -H^-1 g; returns g'H^-1 g. */
static double newton(const struct ss_estimator *e, const double *gradient, double *step)
{
    double decrement = 0.0;

    for (size_t i = 0; i < e->n; i++) {
        step[i] = 0.0;
        for (size_t j = 0; j < e->n; j++)
            step[i] -= e->inverse[i * e->n + j] * gradient[j];
        decrement -= step[i] * gradient[i];
    }
    return decrement;
}

/* As far along the step as the loss falls. */
static enum ss_status descend(struct ss_estimator *e, double *theta, const double *step, double *loss)
{
    double *const to = e->theta, factor = 1.0, there = 0.0;
    enum ss_status st = SS_OK;

    for (int k = 0; k < MOST_HALVINGS; k++, factor *= 0.5) {
        for (size_t i = 0; i < e->n; i++)
            to[i] = theta[i] + factor * step[i];
        TRY(at(e, to, &there, NULL, NULL));
        if (there <= *loss + 1e-6 * (1.0 + fabs(*loss)))
            break;
    }
    memcpy(theta, to, e->n * sizeof(double));
    *loss = there;
out:
    return st;
}

enum ss_status ss_estimator_minimize(struct ss_estimator *e, double *theta)
{
    double *gradient = NULL, *step = NULL, loss = 0.0, before = INFINITY, decrement = INFINITY;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(e->n, &gradient));
    TRY(ss_allocate(e->n, &step));
    for (int k = 0; k < MOST_ITERATIONS; k++) {
        TRY(at(e, theta, &loss, gradient, NULL));
        decrement = newton(e, gradient, step);
        if (k == 0 || !(decrement < 0.05 * before)) { /* the Hessian at hand does not lead on quickly */
            TRY(hessian(e, theta));
            decrement = newton(e, gradient, step);
        }
        if (!(decrement > decrement_done * (1.0 + fabs(loss))))
            break;
        before = decrement;
        TRY(descend(e, theta, step, &loss));
    }
    if (!isfinite(loss) || !(decrement < 1e3 * decrement_done * (1.0 + fabs(loss))))
        st = SS_FAIL(SS_ERR_DIVERGED, "no minimum found in %d Newton steps: loss %g, decrement %g",
                     MOST_ITERATIONS, loss, decrement);
out:
    free(gradient);
    free(step);
    return st;
}

/* ---- quantities ---- */

/* inverse[D x D] of the symmetric positive definite precision W'W by Gauss-Jordan, in place in m. */
static void invert_precision(double *m, size_t D)
{
    for (size_t k = 0; k < D; k++) {
        const double pivot = m[k * D + k];
        m[k * D + k] = 1.0;
        for (size_t j = 0; j < D; j++)
            m[k * D + j] /= pivot;
        for (size_t i = 0; i < D; i++) {
            const double factor = m[i * D + k];
            if (i == k)
                continue;
            m[i * D + k] = 0.0;
            for (size_t j = 0; j < D; j++)
                m[i * D + j] -= factor * m[k * D + j];
        }
    }
}

static enum ss_status quantities_of(const struct ss_estimator *e, const double *theta, double *value)
{
    const size_t D = e->model->dimension;
    double *m = NULL;
    size_t n = 0;
    enum ss_status st = SS_OK;

    if (e->model->kind != SS_MODEL_GAUSSIAN) {
        memcpy(value, theta, e->n * sizeof(double));
        return SS_OK;
    }
    TRY(ss_allocate(D * D, &m)); /* theta: mean[D], factor W[D x D]; E = 1/2 |W (x - mean)|^2 */
    for (size_t i = 0; i < D; i++)
        for (size_t j = 0; j < D; j++)
            for (size_t k = 0; k < D; k++)
                m[i * D + j] += theta[D + k * D + i] * theta[D + k * D + j];
    invert_precision(m, D);
    for (; n < D; n++)
        value[n] = theta[n];
    for (size_t i = 0; i < D; i++)
        for (size_t j = i; j < D; j++)
            value[n++] = m[i * D + j];
out:
    free(m);
    return st;
}

void ss_estimator_name(const struct ss_estimator *e, size_t quantity, char *name, size_t size)
{
    const size_t D = e->model->dimension;

    if (e->model->kind == SS_MODEL_GAUSSIAN && quantity < D) {
        snprintf(name, size, "mean[%zu]", quantity);
        return;
    }
    if (e->model->kind == SS_MODEL_GAUSSIAN) {
        size_t i = 0, left = quantity - D;
        for (; left >= D - i; i++)
            left -= D - i;
        snprintf(name, size, "covariance[%zu][%zu]", i, i + left);
        return;
    }
    size_t k = 0;
    while (quantity >= ss_graph_parameter(e->model->graph, k)->count)
        quantity -= ss_graph_parameter(e->model->graph, k++)->count;
    const struct ss_parameter *const p = ss_graph_parameter(e->model->graph, k);
    if (p->dimensions == 2)
        snprintf(name, size, "%s[%zu][%zu]", p->name, quantity / p->shape[1], quantity % p->shape[1]);
    else
        snprintf(name, size, "%s[%zu]", p->name, quantity);
}

/* jacobian[quantities x n] of the quantities, by central differences in double. */
static enum ss_status jacobian(struct ss_estimator *e, const double *theta)
{
    double *up = NULL, *down = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(e->quantities, &up));
    TRY(ss_allocate(e->quantities, &down));
    memcpy(e->theta, theta, e->n * sizeof(double));
    for (size_t i = 0; i < e->n; i++) {
        const double h = 1e-5 * (1.0 + fabs(theta[i]));
        e->theta[i] = theta[i] + h;
        TRY(quantities_of(e, e->theta, up));
        e->theta[i] = theta[i] - h;
        TRY(quantities_of(e, e->theta, down));
        e->theta[i] = theta[i];
        for (size_t q = 0; q < e->quantities; q++)
            e->jacobian[q * e->n + i] = (up[q] - down[q]) / (2.0 * h);
    }
out:
    free(up);
    free(down);
    return st;
}

/* ---- the sandwich ---- */

/* e->row_gradient[rows x n], by central differences of the losses of rows, about their mean; e->meat of them.
 */
static enum ss_status row_gradients(struct ss_estimator *e, const double *theta)
{
    const size_t n = e->n;
    enum ss_status st = SS_OK;

    memcpy(e->theta, theta, n * sizeof(double));
    for (size_t i = 0; i < n; i++) {
        const double high = moved(theta[i], difference), low = moved(theta[i], -difference);
        e->theta[i] = high;
        TRY(at(e, e->theta, NULL, NULL, e->row_loss[0]));
        e->theta[i] = low;
        TRY(at(e, e->theta, NULL, NULL, e->row_loss[1]));
        e->theta[i] = theta[i];
        for (size_t r = 0; r < e->rows; r++)
            e->row_gradient[r * n + i] =
                ((double)e->row_loss[0][r] - (double)e->row_loss[1][r]) / (high - low);
    }
    memset(e->meat, 0, n * n * sizeof(double));
    for (size_t r = 0; r < e->rows; r++)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                e->meat[i * n + j] +=
                    e->row_gradient[r * n + i] * e->row_gradient[r * n + j] / (double)e->rows;
out:
    return st;
}

enum ss_status ss_estimator_tell(struct ss_estimator *e, const double *theta, double *value, double *error,
                                 double *step)
{
    const size_t n = e->n;
    double *gradient = NULL, *newton_step = NULL, *through = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(n, &gradient));
    TRY(ss_allocate(n, &newton_step));
    TRY(ss_allocate(n, &through));
    TRY(hessian(e, theta));
    TRY(at(e, theta, NULL, gradient, NULL));
    newton(e, gradient, newton_step);
    TRY(row_gradients(e, theta));
    TRY(jacobian(e, theta));
    TRY(quantities_of(e, theta, value));
    for (size_t q = 0; q < e->quantities; q++) {
        double variance = 0.0, way = 0.0;
        for (size_t i = 0; i < n; i++) { /* through = H^-1 of the quantity's slope */
            through[i] = 0.0;
            for (size_t j = 0; j < n; j++)
                through[i] += e->inverse[i * n + j] * e->jacobian[q * n + j];
            way += e->jacobian[q * n + i] * newton_step[i];
        }
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                variance += through[i] * e->meat[i * n + j] * through[j];
        error[q] = sqrt(variance / (double)e->rows);
        step[q] = way / error[q];
    }
out:
    free(gradient);
    free(newton_step);
    free(through);
    return st;
}
