/* study_line.c - statements about densities in one column, by quadrature in double: integration by parts, and
 * the slope of the Kullback-Leibler divergence under smoothing. */
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "data/synthetic.h"
#include "run/study_parts.h"

/* ---- a model in double ---- */

enum ss_status ss_study_model_init(const struct ss_setting *s, const struct ss_numbers *parameters,
                                   struct ss_study_model *out)
{
    const struct ss_graph *const g = s->model->graph;
    struct ss_study_model m = {.n = ss_graph_parameter_count(g), .dimension = s->model->dimension};
    size_t n = 0;
    enum ss_status st = SS_OK;

    if (!s->model->is_energy)
        return SS_FAIL(SS_ERR_USAGE, "model.kind: score has no energy, which this study is about");
    if (parameters->count != m.n)
        return SS_FAIL(SS_ERR_USAGE, "study.parameters: the model has %zu parameters, found %zu numbers", m.n,
                       parameters->count);
    TRY(ss_reference_create(g, &m.graph));
    TRY(ss_allocate(ss_graph_flat_size(g), &m.flat));
    TRY(ss_allocate(m.n, &m.place));
    for (size_t i = 0; i < ss_graph_parameters(g); i++) {
        const struct ss_parameter *const p = ss_graph_parameter(g, i);
        for (size_t j = 0; j < p->count; j++, n++) {
            m.place[n] = p->offset + j;
            m.flat[p->offset + j] = parameters->items[n];
        }
    }
    *out = m;
    m = (struct ss_study_model){0};
out:
    ss_study_model_release(&m);
    return st;
}

void ss_study_model_release(struct ss_study_model *m)
{
    ss_reference_free(m->graph);
    free(m->flat);
    free(m->place);
    *m = (struct ss_study_model){0};
}

void ss_study_energy(const struct ss_study_model *m, double x, double out[3])
{
    const double one = 1.0;

    ss_reference_jet(m->graph, m->flat, &(struct ss_reference_input){&x, &one}, out);
}

/* ---- the data's law ---- */

static enum ss_status known_law(const struct ss_data_options *o, uint32_t seed, const char *what,
                                struct ss_synthetic **out)
{
    struct ss_synthetic *s = NULL;
    bool known = false;
    enum ss_status st = SS_OK;

    TRY(ss_synthetic_create(o, seed, &s));
    TRY(ss_synthetic_prepare(s, 0.0, &known));
    if (!known || ss_synthetic_dimension(s) != 1) {
        st = SS_FAIL(SS_ERR_USAGE,
                     "%s: a law of one column whose density is known is wanted (data.source: gaussian, gmm "
                     "or student, "
                     "data.dimension: 1)",
                     what);
        goto out;
    }
    *out = s;
    s = NULL;
out:
    ss_synthetic_free(s);
    return st;
}

static enum ss_status data_law(const struct ss_experiment *e, struct ss_synthetic **out)
{
    if (e->data.source == SS_SOURCE_NONE || e->data.source >= SS_SOURCE_MNIST || e->data.n_transforms)
        return SS_FAIL(SS_ERR_USAGE, "study.kind: %s is about synthetic data without transforms",
                       e->study.kind == SS_STUDY_PARTS ? "parts" : "smoothing");
    return known_law(&e->data, e->seed, "data", out);
}

/* ---- integration by parts ---- */

/* Simpson's rule of f by asinh(x), so that a wide interval costs little more than a narrow one. */
enum { PANELS = 4000 };

struct parts {
    const struct ss_synthetic *law;
    const struct ss_study_model *model;
};

static double density(const struct parts *p, double x, double *score)
{
    double log_density;

    ss_synthetic_density(p->law, &x, &log_density, score);
    return exp(log_density);
}

/* p s_model s_data and -p s_model' at x. */
static void integrands(const struct parts *p, double x, double out[2])
{
    double energy[3], score;
    const double weight = density(p, x, &score);

    ss_study_energy(p->model, x, energy);
    out[0] = weight * -energy[1] * score;
    out[1] = weight * energy[2];
}

static void integrate(const struct parts *p, double width, double out[2])
{
    const double end = asinh(width), h = 2.0 * end / PANELS;

    out[0] = out[1] = 0.0;
    for (int i = 0; i <= PANELS; i++) {
        const double u = -end + h * i, weight = (i == 0 || i == PANELS ? 1.0
                                                 : i % 2               ? 4.0
                                                                       : 2.0) *
                                                h / 3.0 * cosh(u);
        double f[2];
        integrands(p, sinh(u), f);
        out[0] += weight * f[0];
        out[1] += weight * f[1];
    }
}

/* [p s_model] from -width to width. */
static double boundary(const struct parts *p, double width)
{
    double high[3], low[3];

    ss_study_energy(p->model, width, high);
    ss_study_energy(p->model, -width, low);
    return density(p, width, NULL) * -high[1] - density(p, -width, NULL) * -low[1];
}

static enum ss_status draw_parts(const struct ss_study_table *t, const char *folder)
{
    static const char *const names[] = {"E[s_model s_data]", "-E[s_model']", "boundary term"};
    struct ss_line_series lines[SS_COUNT(names)];
    double *values[SS_COUNT(names) + 1] = {NULL};
    size_t n = 0;
    enum ss_status st = SS_OK;

    TRY(ss_study_column(t, 0, NULL, &values[SS_COUNT(names)], &n));
    for (size_t k = 0; k < SS_COUNT(names); k++) {
        TRY(ss_study_column(t, k + 1, NULL, &values[k], &n));
        lines[k] =
            (struct ss_line_series){.name = names[k], .x = values[SS_COUNT(names)], .y = values[k], .n = n};
    }
    const struct ss_line_chart chart = {.title = "integration by parts on (-R, R)",
                                        .x_label = "R",
                                        .y_label = "integral",
                                        .log_x = true,
                                        .series = lines,
                                        .n_series = SS_COUNT(names)};
    TRY(ss_study_draw(folder, "parts", &chart, 1));
out:
    for (size_t i = 0; i < SS_COUNT(values); i++)
        free(values[i]);
    return st;
}

enum ss_status ss_study_integration(const struct ss_setting *s, const char *folder, struct ss_study_table *t)
{
    const struct ss_study_options *const o = &s->experiment->study;
    struct ss_synthetic *law = NULL;
    struct ss_study_model model = {0};
    enum ss_status st = SS_OK;

    *t = (struct ss_study_table){
        .label = "interval", .columns = {"R", "left", "right", "boundary", "residual"}, .n_columns = 5};
    if (!(o->low > 0.0))
        return SS_FAIL(SS_ERR_USAGE, "study.low: half widths are above 0, found %g", o->low);
    TRY(data_law(s->experiment, &law));
    TRY(ss_study_model_init(s, &o->parameters, &model));
    const struct parts p = {law, &model};
    for (uint32_t i = 0; i < o->points; i++) {
        const double width = ss_study_point(o, i, true);
        struct ss_study_row *row = NULL;
        double sides[2];
        TRY(ss_study_row(t, "-R..R", &row));
        integrate(&p, width, sides);
        row->values[0] = width;
        row->values[1] = sides[0];
        row->values[2] = sides[1];
        row->values[3] = boundary(&p, width);
        row->values[4] = row->values[1] - row->values[2] - row->values[3];
    }
    TRY(draw_parts(t, folder));
out:
    ss_study_model_release(&model);
    ss_synthetic_free(law);
    return st;
}

/* ---- smoothing ---- */

enum { GRID = 8001 };
static const double reach = 12.0; /* standard deviations of the widest component: exp(-72) is nothing */

/* The second mixture, from study.weights, means and deviations. */
static enum ss_status second_law(const struct ss_experiment *e, struct ss_synthetic **out)
{
    static double zero = 0.0;
    const struct ss_study_options *const o = &e->study;
    const size_t n = o->means.count ? o->means.count : 1;
    struct ss_data_options data = {.source = SS_SOURCE_GMM, .dimension = 1, .noise = 0.0, .n_components = n};
    double *variance = NULL;
    enum ss_status st = SS_OK;

    if ((o->weights.count && o->weights.count != n) || (o->deviations.count && o->deviations.count != n))
        return SS_FAIL(
            SS_ERR_USAGE,
            "study.weights, study.means and study.deviations go together: found %zu, %zu and %zu numbers",
            o->weights.count, o->means.count, o->deviations.count);
    TRY(ss_allocate(n, &data.components));
    TRY(ss_allocate(n, &variance));
    for (size_t k = 0; k < n; k++) {
        const double deviation = o->deviations.count ? o->deviations.items[k] : 1.0;
        variance[k] = deviation * deviation;
        data.components[k] = (struct ss_component){.weight = o->weights.count ? o->weights.items[k] : 1.0,
                                                   .mean = {o->means.count ? &o->means.items[k] : &zero, 1},
                                                   .covariance = {&variance[k], 1}};
    }
    TRY(known_law(&data, e->seed, "study.means", out));
out:
    free(data.components);
    free(variance);
    return st;
}

/* KL and Fisher divergence of p from q, each with noise of variance t, by the trapezoid rule on (-end, end):
 * for smooth integrands that end at 0 its error falls faster than any power of the step. */
static enum ss_status divergences(struct ss_synthetic *p, struct ss_synthetic *q, double t, double end,
                                  double *kl, double *fisher)
{
    const double h = 2.0 * end / (GRID - 1);
    bool known;
    enum ss_status st = SS_OK;

    TRY(ss_synthetic_prepare(p, t, &known));
    TRY(ss_synthetic_prepare(q, t, &known));
    *kl = *fisher = 0.0;
    for (int i = 0; i < GRID; i++) {
        const double x = -end + h * i;
        double log_p, log_q, score_p, score_q;
        ss_synthetic_density(p, &x, &log_p, &score_p);
        ss_synthetic_density(q, &x, &log_q, &score_q);
        *kl += h * exp(log_p) * (log_p - log_q);
        *fisher += h * exp(log_p) * 0.5 * (score_p - score_q) * (score_p - score_q);
    }
out:
    return st;
}

/* Past it both laws have no mass to speak of, at any t up to study.high. */
static double end_of(const struct ss_experiment *e)
{
    double mean = 0.0, variance = 0.0;

    for (size_t i = 0; i < e->study.means.count; i++)
        mean = fmax(mean, fabs(e->study.means.items[i]));
    for (size_t i = 0; i < e->study.deviations.count; i++)
        variance = fmax(variance, e->study.deviations.items[i] * e->study.deviations.items[i]);
    for (size_t i = 0; i < e->data.n_components; i++) {
        const struct ss_component *const c = &e->data.components[i];
        mean = fmax(mean, fabs(c->mean.count ? c->mean.items[0] : 0.0));
        variance = fmax(variance, c->covariance.count ? c->covariance.items[0] : 1.0);
    }
    if (e->data.mean.count)
        mean = fmax(mean, fabs(e->data.mean.items[0]));
    variance = fmax(variance, e->data.covariance.count ? e->data.covariance.items[0] : 1.0);
    return mean + reach * sqrt(fmax(variance, 1.0) + e->study.high);
}

/* -dKL/dt by a difference of fourth order, one-sided at t = 0: smoothing cannot be undone. */
static enum ss_status slope(struct ss_synthetic *p, struct ss_synthetic *q, double t, double end, double *out)
{
    static const double central[] = {1.0, -8.0, 0.0, 8.0, -1.0}, forward[] = {-25.0, 48.0, -36.0, 16.0, -3.0};
    const double h = 1e-3;
    const bool one_sided = t < 2.0 * h;
    double sum = 0.0, kl, fisher;
    enum ss_status st = SS_OK;

    for (int k = 0; k < 5; k++) {
        TRY(divergences(p, q, t + h * (one_sided ? k : k - 2), end, &kl, &fisher));
        sum += (one_sided ? forward : central)[k] * kl;
    }
    *out = -sum / (12.0 * h);
out:
    return st;
}

static enum ss_status draw_smoothing(const struct ss_study_table *t, const char *folder)
{
    double *x = NULL, *kl = NULL, *minus_slope = NULL, *fisher = NULL;
    size_t n = 0;
    enum ss_status st = SS_OK;

    TRY(ss_study_column(t, 0, NULL, &x, &n));
    TRY(ss_study_column(t, 1, NULL, &kl, &n));
    TRY(ss_study_column(t, 2, NULL, &minus_slope, &n));
    TRY(ss_study_column(t, 3, NULL, &fisher, &n));
    const struct ss_line_series first = {.x = x, .y = kl, .n = n};
    const struct ss_line_series second[] = {
        {.name = "Fisher divergence", .x = x, .y = fisher, .n = n},
        {.name = "-dKL/dt, by differences", .x = x, .y = minus_slope, .n = n, .style = SS_LINE_POINTS}};
    const struct ss_line_chart charts[] = {{.title = "KL divergence of smoothed laws",
                                            .x_label = "variance t of the noise",
                                            .y_label = "KL (nats)",
                                            .series = &first,
                                            .n_series = 1},
                                           {.title = "its slope",
                                            .x_label = "variance t of the noise",
                                            .y_label = "nats per unit of variance",
                                            .series = second,
                                            .n_series = 2}};
    TRY(ss_study_draw(folder, "smoothing", charts, SS_COUNT(charts)));
out:
    free(x);
    free(kl);
    free(minus_slope);
    free(fisher);
    return st;
}

enum ss_status ss_study_smoothing(const struct ss_setting *s, const char *folder, struct ss_study_table *t)
{
    const struct ss_experiment *const e = s->experiment;
    struct ss_synthetic *p = NULL, *q = NULL;
    enum ss_status st = SS_OK;

    *t = (struct ss_study_table){
        .label = "noise", .columns = {"t", "kl", "minus_slope", "fisher", "difference"}, .n_columns = 5};
    if (!(e->study.low >= 0.0))
        return SS_FAIL(SS_ERR_USAGE, "study.low: variances of noise are 0 or more, found %g", e->study.low);
    TRY(data_law(e, &p));
    if (e->data.source != SS_SOURCE_GAUSSIAN && e->data.source != SS_SOURCE_GMM) {
        st = SS_FAIL(SS_ERR_USAGE,
                     "study.kind: smoothing is about data.source: gaussian or gmm, which stay mixtures");
        goto out;
    }
    TRY(second_law(e, &q));
    for (uint32_t i = 0; i < e->study.points; i++) {
        const double at = ss_study_point(&e->study, i, false), end = end_of(e);
        struct ss_study_row *row = NULL;
        TRY(ss_study_row(t, "t", &row));
        row->values[0] = at;
        TRY(divergences(p, q, at, end, &row->values[1], &row->values[3]));
        TRY(slope(p, q, at, end, &row->values[2]));
        row->values[4] = row->values[2] - row->values[3];
    }
    TRY(draw_smoothing(t, folder));
out:
    ss_synthetic_free(p);
    ss_synthetic_free(q);
    return st;
}
