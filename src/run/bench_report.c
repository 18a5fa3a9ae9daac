/* bench_report.c - measurements as lines for people and as JSON. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/version.h"
#include "config/config.h"
#include "run/bench.h"

/* ---- lines ---- */

void ss_bench_row_head(struct ss_text *out)
{
    ss_text_addf(out, "%-12s %-8s %8s %10s %21s %10s %9s %8s %8s\n", "workload", "plan", "gflop", "grad ms",
                 "(least ... most)", "step ms", "GFLOP/s", "of peak", "MiB");
}

static void plan_word(const struct ss_bench_row *r, char out[16])
{
    snprintf(out, 16, "%.*s", (int)strcspn(r->plan, ":"), r->plan);
}

void ss_bench_row_text(const struct ss_bench_row *r, struct ss_text *out)
{
    char plan[16], spread[32];

    plan_word(r, plan);
    snprintf(spread, sizeof(spread), "(%.3g ... %.3g)", r->gradient_ms.min, r->gradient_ms.max);
    ss_text_addf(out, "%-12s %-8s %8.3g %10.4g %21s %10.4g %9.4g %7.1f%% %8.3g\n", r->shape.name, plan,
                 r->gflop, r->gradient_ms.median, spread, r->step_ms.median, r->gflops,
                 100 * r->fraction_of_peak, r->memory_mib);
}

void ss_bench_build_text(const struct ss_bench_row *r, struct ss_text *out)
{
    ss_text_addf(out,
                 "first step of a new process, %s: %.2f s with nothing compiled yet (%.2f s of it building), "
                 "%.2f s when all is (%.2f s)",
                 r->shape.name, r->first_step_cold_s, r->build_cold_s, r->first_step_warm_s, r->build_warm_s);
    if (r->resident_mib >= 0) /* and not NAN */
        ss_text_addf(out, "; %.1f MiB above the runtime's own", r->resident_mib);
    ss_text_add(out, "\n");
}

void ss_bench_product_text(const struct ss_bench_product *p, struct ss_text *out)
{
    ss_text_addf(out, "matmul %5zu %s %-9s %9.4g GFLOP/s (%.4g ... %.4g) %6.1f%% of peak", p->size,
                 p->transpose, p->backend, p->gflops.median, p->gflops.min, p->gflops.max,
                 100 * p->fraction_of_peak);
    if (p->by_openblas > 0)
        ss_text_addf(out, ", %.2f of OpenBLAS", p->by_openblas);
    ss_text_add(out, "\n");
}

/* ---- JSON ---- */

static void add_spread(struct ss_text *t, const char *key, const struct ss_bench_spread *s)
{
    ss_json_open(t, key, '{');
    ss_json_number(t, "median", s->median);
    ss_json_number(t, "min", s->min);
    ss_json_number(t, "max", s->max);
    ss_json_close(t, '}');
}

static void add_row(struct ss_text *t, const struct ss_bench_row *r)
{
    const struct ss_bench_shape *const s = &r->shape;
    char plan[16];

    plan_word(r, plan);
    ss_json_open(t, NULL, '{');
    ss_json_text(t, "name", s->name);
    ss_json_integer(t, "batch", (long long)s->batch);
    ss_json_integer(t, "dimension", (long long)s->dimension);
    if (ss_bench_has_slices(s))
        ss_json_integer(t, "slices", (long long)s->slices);
    else
        ss_json_null(t, "slices");
    ss_json_open(t, "hidden", '[');
    for (size_t i = 0; i < s->model.n_hidden; i++)
        ss_json_integer(t, NULL, s->model.hidden[i]);
    ss_json_close(t, ']');
    ss_json_text(t, "model", ss_model_name(s->model.kind));
    ss_json_text(t, "objective", ss_objective_name(s->objective));
    ss_json_text(t, "plan", plan);
    ss_json_text(t, "plan_reason", r->plan);
    ss_json_number(t, "gflop", r->gflop);
    add_spread(t, "loss_gradient_ms", &r->gradient_ms);
    add_spread(t, "step_ms", &r->step_ms);
    ss_json_number(t, "gflops", r->gflops);
    ss_json_number(t, "fraction_of_peak", r->fraction_of_peak);
    ss_json_number(t, "peak_gflops", r->peak_gflops);
    ss_json_number(t, "build_cold_s", r->build_cold_s);
    ss_json_number(t, "build_warm_s", r->build_warm_s);
    ss_json_number(t, "first_step_cold_s", r->first_step_cold_s);
    ss_json_number(t, "first_step_warm_s", r->first_step_warm_s);
    ss_json_number(t, "resident_mib", r->resident_mib);
    ss_json_number(t, "memory_mib", r->memory_mib);
    ss_json_integer(t, "repetitions", (long long)r->repetitions);
    ss_json_close(t, '}');
}

static void add_product(struct ss_text *t, const struct ss_bench_product *p)
{
    ss_json_open(t, NULL, '{');
    ss_json_integer(t, "size", (long long)p->size);
    ss_json_text(t, "transpose", p->transpose);
    ss_json_text(t, "backend", p->backend);
    add_spread(t, "gflops", &p->gflops);
    ss_json_number(t, "fraction_of_peak", p->fraction_of_peak);
    ss_json_number(t, "by_openblas", p->by_openblas);
    ss_json_close(t, '}');
}

void ss_bench_json(const struct ss_bench *b, struct ss_text *out)
{
    char stamp[21];

    ss_clock_stamp(stamp);
    ss_json_open(out, NULL, '{');
    ss_json_text(out, "device", b->device.name);
    ss_json_text(out, "driver", b->device.driver);
    ss_json_text(out, "platform", b->device.platform_name);
    ss_json_text(out, "version", SS_VERSION);
    ss_json_text(out, "measured_at", stamp);
    ss_json_number(out, "peak_gflops", b->peak_gflops);
    ss_json_number(out, "matmul_gflops", b->matmul_gflops);
    if (b->launch_us > 0)
        ss_json_number(out, "launch_us", b->launch_us);
    if (*b->openblas)
        ss_json_text(out, "openblas_core", b->openblas);
    ss_json_open(out, "workloads", '[');
    for (size_t i = 0; i < b->n_rows; i++)
        add_row(out, &b->rows[i]);
    ss_json_close(out, ']');
    ss_json_open(out, "matmul", '[');
    for (size_t i = 0; i < b->n_products; i++)
        add_product(out, &b->products[i]);
    ss_json_close(out, ']');
    ss_json_text(out, "remark", *b->remark ? b->remark : NULL);
    ss_json_close(out, '}');
    ss_text_add(out, "\n");
}
