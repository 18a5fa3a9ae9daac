#include "sampler/annealing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"

enum {
    PILOT_STEPS = 3,   /* at each of its temperatures: chains keep up with the path, and e with them */
    PILOT_MOST = 5000, /* temperatures; a path that takes more leads nowhere */
    BETWEEN_REPORTS = 16
};
/* How far apart the pilot's temperatures are, in standard deviations of the excess; the rate at which log e
 * follows the acceptance; and the acceptance that paths of several leapfrog steps do best with (Beskos et al.
 * 2013). */
static const double PILOT_LENGTH = 0.25, RATE = 1.0, TARGET = 0.7;

/* Numbers are drawn once: the first of each way. */
enum { FIRST_PILOT = 0, FIRST_FORWARD = 1 << 28, FIRST_BACKWARD = 2 << 28, FIRST_FROM_ROWS = 3 << 28 };

struct stop { /* of the path */
    double length, temperature, log_e;
};

struct work {
    struct ss_device *device;
    const struct ss_model *model;
    struct ss_span parameters;
    const struct ss_annealing_options *options;
    const struct ss_annealing_watch *watch;
    struct ss_hmc *hmc;
    size_t chains, D;
    float *u, *excess; /* chains x D, chains */
    double *log_weight;
    struct stop *path;
    size_t stops;
    uint64_t done, all; /* steps of all ways; all = 0 in the pilot */
    double accepted;    /* of them, mean over chains */
    char why[sizeof(((struct ss_annealing *)0)->why)];
};

static enum ss_status report(struct work *w)
{
    const struct ss_annealing_watch *const watch = w->watch;
    const double fraction = w->all ? (double)w->done / (double)w->all : 0;

    w->done++;
    if (w->done % BETWEEN_REPORTS || !watch || !watch->progress || watch->progress(watch->context, fraction))
        return SS_OK;
    return SS_ERR_INTERRUPTED;
}

/* Standard normals: exact draws of q. */
static enum ss_status start_from_base(struct work *w, uint32_t first)
{
    for (size_t c = 0; c < w->chains; c++) {
        for (size_t j = 0; j < w->D; j += 4) {
            const uint32_t counter[4] = {first, (uint32_t)c, 3, (uint32_t)(j / 4)};
            float four[4];
            ss_random_normal(w->options->seed, SS_PURPOSE_ANNEALING, counter, four);
            memcpy(w->u + c * w->D + j, four, (w->D - j < 4 ? w->D - j : 4) * sizeof(float));
        }
    }
    return ss_hmc_start(w->hmc, w->u);
}

/* The excess of every chain. Infinite it may be, where the model has no mass; not a number it may not. */
static enum ss_status read_excess(struct work *w)
{
    enum ss_status st = SS_OK;

    TRY(ss_hmc_excess(w->hmc, w->excess));
    for (size_t c = 0; c < w->chains; c++)
        if (isnan(w->excess[c]) || w->excess[c] == -INFINITY) {
            snprintf(w->why, sizeof(w->why), "the energy of a chain is %g", (double)w->excess[c]);
            st = SS_ERR_DIVERGED;
            break;
        }
out:
    return st;
}

/* ---- the pilot ---- */

/* Standard deviation over the chains that have a finite excess; NAN if fewer than half have. */
static double deviation(const struct work *w)
{
    double mean = 0, squares = 0;
    size_t n = 0;

    for (size_t c = 0; c < w->chains; c++) {
        if (!isfinite(w->excess[c]))
            continue;
        const double before = (double)w->excess[c] - mean;
        n++;
        mean += before / (double)n;
        squares += before * ((double)w->excess[c] - mean);
    }
    return 2 * n >= w->chains && n > 1 ? sqrt(squares / (double)(n - 1)) : NAN;
}

static enum ss_status pilot_steps(struct work *w, double temperature, uint32_t *number, double *log_e)
{
    enum ss_status st = SS_OK;

    for (int i = 0; i < PILOT_STEPS; i++, ++*number) {
        double acceptance = 0;
        TRY(ss_hmc_enqueue(
            w->hmc, &(struct ss_hmc_step){.number = *number,
                                          .leaps = ss_hmc_leaps(w->hmc, *number, w->options->sizes.leapfrog),
                                          .step_size = exp(*log_e),
                                          .temperature = temperature}));
        TRY(ss_hmc_acceptance(w->hmc, &acceptance));
        *log_e += RATE * (acceptance - TARGET);
    }
    TRY(report(w));
out:
    return st;
}

static enum ss_status find_path(struct work *w)
{
    struct stop s = {.log_e = log(0.125)}; /* h = 1/2 suits a standard normal */
    uint32_t number = FIRST_PILOT;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(PILOT_MOST + 1, &w->path));
    TRY(start_from_base(w, FIRST_PILOT));
    TRY(pilot_steps(w, 0, &number, &s.log_e));
    w->path[w->stops++] = s;
    while (s.temperature < 1) {
        TRY(read_excess(w));
        const double spread = deviation(w), left = 1 - s.temperature;
        const double step = spread * left > PILOT_LENGTH ? PILOT_LENGTH / spread : left;
        if (isnan(spread) || w->stops > PILOT_MOST || !(s.temperature + step > s.temperature)) {
            snprintf(w->why, sizeof(w->why),
                     "no way from a Gaussian to the model: annealing got to %.2g of 1", s.temperature);
            st = SS_ERR_DIVERGED;
            goto out;
        }
        s.length += step * spread;
        s.temperature = step < left ? s.temperature + step : 1;
        TRY(pilot_steps(w, s.temperature, &number, &s.log_e));
        w->path[w->stops++] = s;
    }
out:
    return st;
}

/* The path at share k / n of its length, or of its temperatures if it has none (from q to itself). These are
 * floats, so that chains and weights speak of the same densities. */
static struct stop at(const struct work *w, uint32_t k, uint32_t n)
{
    const struct stop *const p = w->path, *const last = &p[w->stops - 1];
    const double share = (double)k / (double)n, length = share * last->length;
    size_t i = 1;

    if (k == n)
        return *last;
    if (!(last->length > 0))
        return (struct stop){0, (double)(float)share, p->log_e + share * (last->log_e - p->log_e)};
    while (i + 1 < w->stops && p[i].length < length)
        i++;
    const double run = p[i].length - p[i - 1].length, t = run > 0 ? (length - p[i - 1].length) / run : 1;
    const float b = (float)(p[i - 1].temperature + t * (p[i].temperature - p[i - 1].temperature));
    return (struct stop){length, (double)b, p[i - 1].log_e + t * (p[i].log_e - p[i - 1].log_e)};
}

/* ---- the ways ---- */

static enum ss_status move(struct work *w, const struct stop *s, uint32_t number)
{
    enum ss_status st = SS_OK;

    TRY(ss_hmc_enqueue(
        w->hmc, &(struct ss_hmc_step){.number = number,
                                      .leaps = ss_hmc_leaps(w->hmc, number, w->options->sizes.leapfrog),
                                      .step_size = exp(s->log_e),
                                      .temperature = s->temperature}));
    TRY(report(w));
out:
    return st;
}

/* The weights take the step between temperatures k - 1 and k, `sign` = -1 up and 1 down. */
static enum ss_status weigh(struct work *w, uint32_t k, double sign)
{
    const uint32_t n = w->options->sizes.temperatures;
    const double step = at(w, k, n).temperature - at(w, k - 1, n).temperature;
    enum ss_status st = SS_OK;

    TRY(read_excess(w));
    for (size_t c = 0; c < w->chains; c++)
        w->log_weight[c] += step > 0 ? sign * step * (double)w->excess[c] : 0;
out:
    return st;
}

static enum ss_status go_forward(struct work *w)
{
    const uint32_t n = w->options->sizes.temperatures;
    enum ss_status st = SS_OK;

    memset(w->log_weight, 0, w->chains * sizeof(*w->log_weight));
    TRY(start_from_base(w, FIRST_FORWARD));
    for (uint32_t k = 1; k <= n; k++) {
        const struct stop s = at(w, k, n);
        TRY(weigh(w, k, -1));
        if (k < n)
            TRY(move(w, &s, FIRST_FORWARD + k));
    }
out:
    return st;
}

/* From where the chains are told to be, moved on at b = 1 first. */
static enum ss_status go_back(struct work *w, uint32_t first)
{
    const uint32_t n = w->options->sizes.temperatures;
    const struct stop last = at(w, n, n);
    enum ss_status st = SS_OK;

    memset(w->log_weight, 0, w->chains * sizeof(*w->log_weight));
    TRY(ss_hmc_start(w->hmc, w->u));
    for (uint32_t i = 0; i < w->options->warmup; i++)
        TRY(move(w, &last, first + i));
    for (uint32_t k = n; k >= 1; k--) {
        const struct stop s = at(w, k - 1, n);
        TRY(weigh(w, k, 1));
        if (k > 1)
            TRY(move(w, &s, first + w->options->warmup + n - k));
    }
out:
    return st;
}

/* log of the mean of exp(log_weight), and how sure it is. */
static struct ss_log_estimate mean_weight(const struct work *w)
{
    const double n = (double)w->chains;
    double most = -INFINITY, sum = 0, squares = 0;

    for (size_t c = 0; c < w->chains; c++)
        most = fmax(most, w->log_weight[c]);
    for (size_t c = 0; c < w->chains; c++) {
        const double x = most == -INFINITY ? 0 : exp(w->log_weight[c] - most);
        sum += x;
        squares += x * x;
    }
    if (!(sum > 0)) /* no chain has any */
        return (struct ss_log_estimate){-INFINITY, NAN, 0};
    const double ess = sum * sum / squares;
    return (struct ss_log_estimate){most + log(sum / n), sqrt(fmax(1 / ess - 1 / n, 0) * n / (n - 1)), ess};
}

/* The acceptance of the way that ends here. */
static enum ss_status count(struct work *w)
{
    uint32_t *counts = NULL;
    double sum = 0;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(2 * w->chains, &counts));
    TRY(ss_hmc_counts(w->hmc, counts, counts + w->chains));
    for (size_t c = 0; c < w->chains; c++)
        sum += counts[c];
    w->accepted += sum / (double)w->chains;
out:
    free(counts);
    return st;
}

/* u = factor^-1 (x - mean) of the caller's rows. */
static void take_rows(struct work *w, const float *rows, size_t n_rows)
{
    const struct ss_affine_map *const q = &w->options->base;
    const size_t D = w->D;

    for (size_t c = 0; c < w->chains; c++) {
        float *const u = w->u + c * D;
        for (size_t i = 0; i < D; i++) {
            double x = (double)rows[c % n_rows * D + i] - q->mean[i];
            for (size_t j = 0; j < i; j++)
                x -= q->factor[i * D + j] * (double)u[j];
            u[i] = (float)(x / q->factor[i * D + i]);
        }
    }
}

/* The weights so far are relative to the unit normal of u without its constant: what both ways add. */
static double log_base(const struct work *w)
{
    double sum = 0;

    for (size_t i = 0; i < w->D; i++)
        sum += 0.5 * log(2 * acos(-1)) + log(w->options->base.factor[i * w->D + i]);
    return sum;
}

/* The chains' states on the way forth drawn again by their weights: of the model's law, the better the more
 * of them count. Systematic, so that it adds little noise of its own. */
static enum ss_status take_own(struct work *w, const struct ss_log_estimate *forward)
{
    const size_t D = w->D, n = w->chains;
    float *u = NULL, four[4];
    double sum = 0;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(n * D, &u));
    TRY(ss_span_read(ss_hmc_states(w->hmc), u, n * D));
    ss_random_uniform(w->options->seed, SS_PURPOSE_ANNEALING, (uint32_t[4]){0, 0, 5, 0}, four);
    for (size_t c = 0, taken = 0; c < n; c++) { /* the last takes what rounding leaves */
        sum += exp(w->log_weight[c] - forward->value);
        for (; taken < n && ((double)taken + (double)four[0] < sum || c + 1 == n); taken++)
            memcpy(w->u + taken * D, u + c * D, D * sizeof(*u));
    }
out:
    free(u);
    return st;
}

static enum ss_status way_back(struct work *w, uint32_t first, double base, struct ss_log_estimate *out)
{
    enum ss_status st = SS_OK;

    TRY(go_back(w, first));
    TRY(count(w));
    *out = mean_weight(w);
    out->value = base - out->value;
out:
    return st;
}

static enum ss_status all_ways(struct work *w, const float *rows, size_t n_rows, struct ss_annealing *out)
{
    const double base = log_base(w);
    struct ss_annealing a = {.length = w->path[w->stops - 1].length};
    enum ss_status st = SS_OK;

    TRY(go_forward(w));
    TRY(count(w));
    a.forward = mean_weight(w);
    if (!isfinite(a.forward.value)) {
        snprintf(w->why, sizeof(w->why), "no chain found where the model has mass");
        return SS_ERR_DIVERGED;
    }
    TRY(take_own(w, &a.forward));
    a.forward.value += base;
    TRY(way_back(w, FIRST_BACKWARD, base, &a.backward));
    take_rows(w, rows, n_rows);
    TRY(way_back(w, FIRST_FROM_ROWS, base, &a.from_rows));
    a.acceptance = w->accepted / (double)w->all;
    *out = a;
out:
    return st;
}

static enum ss_status check(const struct ss_annealing_options *o, const struct ss_model *model, size_t n_rows)
{
    const size_t D = model->dimension;

    if (!model->is_energy)
        return SS_FAIL(SS_ERR_USAGE, "a score net has no density to normalize");
    if (o->sizes.chains < 2 || !o->sizes.temperatures || o->sizes.temperatures > FIRST_FORWARD / 2 ||
        !o->sizes.leapfrog || o->warmup > FIRST_FORWARD || !n_rows)
        return SS_FAIL(SS_ERR_USAGE,
                       "annealing needs 2 chains, a temperature, a leapfrog step and a row at least, found "
                       "%u, %u, %u and %zu",
                       o->sizes.chains, o->sizes.temperatures, o->sizes.leapfrog, n_rows);
    for (size_t i = 0; i < D; i++)
        if (!(o->base.factor[i * D + i] > 0) || !isfinite(o->base.mean[i]))
            return SS_FAIL(SS_ERR_USAGE, "the Gaussian that annealing begins at has no density");
    return SS_OK;
}

static enum ss_status run(struct work *w, const float *rows, size_t n_rows, struct ss_annealing *out)
{
    const struct ss_annealing_options *const o = w->options;
    const struct ss_hmc_options hmc = {
        .chains = o->sizes.chains, .seed = o->seed, .purpose = SS_PURPOSE_ANNEALING, .map = &o->base};
    enum ss_status st = SS_OK;

    TRY(ss_allocate(w->chains * w->D, &w->u));
    TRY(ss_allocate(w->chains, &w->excess));
    TRY(ss_allocate(w->chains, &w->log_weight));
    TRY(ss_hmc_create(w->device, w->model, w->parameters, &hmc, &w->hmc));
    const double start = ss_clock_seconds();
    TRY(find_path(w));
    const double each = (ss_clock_seconds() - start) / (double)(w->stops * PILOT_STEPS);
    w->done = 0;
    w->all = 3 * ((uint64_t)o->sizes.temperatures - 1) + 2 * (uint64_t)o->warmup;
    if (w->watch && w->watch->expect)
        w->watch->expect(w->watch->context, each * (double)w->all);
    TRY(all_ways(w, rows, n_rows, out));
out:
    return st;
}

enum ss_status ss_annealing_run(struct ss_device *device, const struct ss_model *model,
                                struct ss_span parameters, const struct ss_annealing_options *options,
                                const float *rows, size_t n_rows, const struct ss_annealing_watch *watch,
                                struct ss_annealing *out)
{
    struct work w = {.device = device,
                     .model = model,
                     .parameters = parameters,
                     .options = options,
                     .watch = watch,
                     .chains = options->sizes.chains,
                     .D = model->dimension};
    enum ss_status st = SS_OK;

    TRY(check(options, model, n_rows));
    st = run(&w, rows, n_rows, out);
    if (st == SS_ERR_DIVERGED) { /* neither the caller's fault nor the device's: it is told in the result */
        *out = (struct ss_annealing){0};
        strcpy(out->why, w.why);
        st = SS_OK;
    }
out:
    ss_hmc_free(w.hmc);
    free(w.u);
    free(w.excess);
    free(w.log_weight);
    free(w.path);
    return st;
}
