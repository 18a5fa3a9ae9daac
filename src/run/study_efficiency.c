/*
 * study_efficiency.c - how much is lost by leaving the normalizing constant out: asymptotic variances of
 * score matching and of maximum likelihood, when the model is right.
 *
 * In one column the density p = exp(-E)/Z is integrated, so both are expectations by quadrature. With d =
 * grad of -E by the parameters, maximum likelihood has covariance I^-1 / N, I = cov(d). Score matching has
 * the sandwich H^-1 J H^-1 / N with H = E[grad s grad s'] and J = E[g g'], g the gradient of s' + 1/2 s^2
 * (Hyvarinen 2005; Koehler, Heckett and Risteski 2022 for what it does to modes far apart). Derivatives by
 * parameters are central differences of sixth order in double.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "data/transform_chain.h"
#include "run/study_parts.h"

enum { NODES = 4001, MOST = 32 };
enum { VARIED, LIKELIHOOD, SCORE_MATCHING, EFFICIENCY, BARRIER, N_COLUMNS };
static const double deep = 60.0; /* energy above its least, past which exp(-E) is nothing */

struct work {
    struct ss_study_model model;
    double x[NODES], p[NODES];
    double energy[NODES][MOST], slope[NODES][MOST], loss[NODES][MOST]; /* derivatives by parameters */
    double least, barrier;
};

/* E, s and s' + 1/2 s^2 at x. */
static void values_at(const struct work *w, double x, double out[3])
{
    double jet[3];

    ss_study_energy(&w->model, x, jet);
    out[0] = jet[0];
    out[1] = -jet[1];
    out[2] = -jet[2] + 0.5 * jet[1] * jet[1];
}

/* Nodes where there is mass, and p on them. */
static enum ss_status lay_out(struct work *w)
{
    double end = 0.5, values[3], sum = 0.0, at_ends;

    do { /* doubled until both ends are deep below the highest density met */
        end *= 2.0;
        w->least = INFINITY;
        for (int i = 0; i < NODES; i++) {
            w->x[i] = -end + 2.0 * end * i / (NODES - 1);
            values_at(w, w->x[i], values);
            w->p[i] = values[0];
            w->least = fmin(w->least, values[0]);
        }
        at_ends = fmin(w->p[0], w->p[NODES - 1]);
    } while (!(at_ends > w->least + deep) && end < 1e4);
    if (!(at_ends > w->least + deep))
        return SS_FAIL(SS_ERR_USAGE,
                       "study.parameters: exp(-E) of this model does not fall off: it is no density");
    w->barrier = w->p[NODES / 2] - w->least;
    for (int i = 0; i < NODES; i++)
        sum += w->p[i] = exp(w->least - w->p[i]);
    for (int i = 0; i < NODES; i++)
        w->p[i] /= sum;
    return SS_OK;
}

static void differentiate(struct work *w)
{
    static const double weight[] = {45.0, -9.0, 1.0}; /* over 60 h */

    for (size_t k = 0; k < w->model.n; k++) {
        double *const parameter = &w->model.flat[w->model.place[k]];
        const double at = *parameter, h = 1e-3 * (1.0 + fabs(at));
        for (int i = 0; i < NODES; i++) {
            double sums[3] = {0.0}, up[3], down[3];
            for (int step = 1; step <= 3; step++) {
                *parameter = at + step * h;
                values_at(w, w->x[i], up);
                *parameter = at - step * h;
                values_at(w, w->x[i], down);
                for (int v = 0; v < 3; v++)
                    sums[v] += weight[step - 1] * (up[v] - down[v]) / (60.0 * h);
            }
            w->energy[i][k] = sums[0];
            w->slope[i][k] = sums[1];
            w->loss[i][k] = sums[2];
        }
        *parameter = at;
    }
}

/* E[f f'] - E[f] E[f'], or about 0. */
static void second_moments(const struct work *w, double (*f)[MOST], bool central, double *out)
{
    const size_t n = w->model.n;
    double mean[MOST] = {0.0};

    for (int i = 0; central && i < NODES; i++)
        for (size_t k = 0; k < n; k++)
            mean[k] += w->p[i] * f[i][k];
    memset(out, 0, n * n * sizeof(double));
    for (int i = 0; i < NODES; i++)
        for (size_t k = 0; k < n; k++)
            for (size_t l = 0; l < n; l++)
                out[k * n + l] += w->p[i] * (f[i][k] - mean[k]) * (f[i][l] - mean[l]);
}

/* In place, on the directions that count: a constant added to E counts for nobody. */
static enum ss_status invert(double *a, size_t n)
{
    double values[MOST], vectors[MOST * MOST], largest = 0.0;
    enum ss_status st = SS_OK;

    TRY(ss_symmetric_eigen(n, a, values, vectors));
    for (size_t k = 0; k < n; k++)
        largest = fmax(largest, values[k]);
    memset(a, 0, n * n * sizeof(double));
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; values[k] > 1e-13 * largest && i < n; i++)
            for (size_t j = 0; j < n; j++)
                a[i * n + j] += vectors[k * n + i] * vectors[k * n + j] / values[k];
out:
    return st;
}

/* N times the variance of each parameter's estimate, by either method. */
static enum ss_status variances(struct work *w, double *likelihood, double *matching)
{
    const size_t n = w->model.n;
    double fisher[MOST * MOST], bread[MOST * MOST], meat[MOST * MOST];
    enum ss_status st = SS_OK;

    TRY(lay_out(w));
    differentiate(w);
    second_moments(w, w->energy, true, fisher);
    second_moments(w, w->slope, false, bread);
    second_moments(w, w->loss, false, meat);
    TRY(invert(fisher, n));
    TRY(invert(bread, n));
    for (size_t k = 0; k < n; k++) {
        likelihood[k] = fisher[k * n + k];
        matching[k] = 0.0;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                matching[k] += bread[k * n + i] * meat[i * n + j] * bread[j * n + k];
    }
out:
    return st;
}

static enum ss_status draw(const struct ss_study_table *t, const char *folder, size_t n_parameters)
{
    struct ss_line_series lines[MOST];
    double *x[MOST] = {NULL}, *y[MOST] = {NULL};
    char names[MOST][64];
    size_t n = 0;
    enum ss_status st = SS_OK;

    for (size_t k = 0; k < n_parameters; k++) {
        snprintf(names[k], sizeof(names[k]), "parameter[%zu]", k);
        TRY(ss_study_column(t, VARIED, names[k], &x[k], &n));
        TRY(ss_study_column(t, EFFICIENCY, names[k], &y[k], &n));
        lines[k] =
            (struct ss_line_series){.name = names[k], .x = x[k], .y = y[k], .n = n, .style = SS_LINE_MARKED};
    }
    const struct ss_line_chart chart = {.title = "variance of maximum likelihood over that of score matching",
                                        .x_label = "varied parameter",
                                        .y_label = "efficiency",
                                        .log_y = true,
                                        .series = lines,
                                        .n_series = n_parameters};
    TRY(ss_study_draw(folder, "efficiency", &chart, 1));
out:
    for (size_t k = 0; k < MOST; k++) {
        free(x[k]);
        free(y[k]);
    }
    return st;
}

enum ss_status ss_study_efficiency(const struct ss_setting *s, const char *folder, struct ss_study_table *t)
{
    const struct ss_study_options *const o = &s->experiment->study;
    struct work *w = NULL;
    enum ss_status st = SS_OK;

    *t = (struct ss_study_table){
        .label = "parameter",
        .columns = {"varied", "likelihood", "score_matching", "efficiency", "barrier"},
        .n_columns = N_COLUMNS};
    TRY(ss_allocate(1, &w));
    if (s->model->dimension != 1 || ss_graph_parameter_count(s->model->graph) > MOST) {
        st = SS_FAIL(SS_ERR_USAGE,
                     "study.kind: efficiency integrates densities of one column and at most %d parameters",
                     MOST);
        goto out;
    }
    TRY(ss_study_model_init(s, &o->parameters, &w->model));
    if (o->vary >= w->model.n) {
        st = SS_FAIL(SS_ERR_USAGE, "study.vary: the model has %zu parameters, counted from 0, found %u",
                     w->model.n, o->vary);
        goto out;
    }
    for (uint32_t i = 0; i < o->points; i++) {
        w->model.flat[w->model.place[o->vary]] = ss_study_point(o, i, false);
        double likelihood[MOST], matching[MOST];
        TRY(variances(w, likelihood, matching));
        for (size_t k = 0; k < w->model.n; k++) {
            struct ss_study_row *row = NULL;
            char label[64];
            snprintf(label, sizeof(label), "parameter[%zu]", k);
            TRY(ss_study_row(t, label, &row));
            row->values[VARIED] = ss_study_point(o, i, false);
            row->values[LIKELIHOOD] = likelihood[k];
            row->values[SCORE_MATCHING] = matching[k];
            row->values[EFFICIENCY] = likelihood[k] / matching[k];
            row->values[BARRIER] = w->barrier;
        }
    }
    TRY(draw(t, folder, w->model.n));
out:
    if (w)
        ss_study_model_release(&w->model);
    free(w);
    return st;
}
