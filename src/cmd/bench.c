#include "run/bench.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/file.h"
#include "cmd/commands.h"
#include "config/config.h"

enum { MOST_BATCH = 1 << 24, MOST_DIMENSION = 65536, MOST_SLICES = 65536, MOST_WIDTH = 65536 };
static const double STANDARD_SECONDS = 180, MOST_SECONDS = 86400;

static const struct ss_option options[] = {
    {"batch", 0, "B", "rows of a batch", false},
    {"dimension", 0, "D", "columns", false},
    {"hidden", 0, "H,H", "widths of the hidden layers; none: no hidden layer", false},
    {"slices", 0, "M", "slices a row", false},
    {"model", 0, "energy|score", "kind of model", false},
    {"objective", 0, "esm|ssm|ssm_vr|dsm", "objective", false},
    {"plan", 0, "auto|fused|layered", "force a plan", false},
    {"gemm", 0, "auto|clblast|own", "force a backend of matrix products", false},
    {"seconds", 0, "S", "time for everything (default 180); what has begun is waited for", false},
    {"output", 'o', "DIR", "write bench.json and curves of the families into DIR", false},
    {"force", 0, NULL, "replace the measurement that DIR holds", false},
    {"no-build", 0, NULL, "do not start processes to time builds", false},
    {"probe", 0, NULL, "one step of the shape, and how long it took to come to it", true},
};

/* ---- the command line ---- */

static enum ss_status read_size(const struct ss_invocation *in, const char *name, size_t most, size_t *out)
{
    size_t n = 0;
    bool given = false;
    enum ss_status st = SS_OK;

    TRY(ss_option_count(in, name, 1, &n, &given));
    if (given && n > most)
        st = SS_FAIL(SS_ERR_USAGE, "bench: --%s is at most %zu, found %zu", name, most, n);
    else if (given)
        *out = n;
out:
    return st;
}

/* Place of the word among n names, in *out. */
static enum ss_status read_word(const struct ss_invocation *in, const char *name, const char *const *names,
                                size_t n, int *out)
{
    const char *const value = ss_option_value(in, name);

    for (size_t i = 0; value && i < n; i++) {
        if (strcmp(value, names[i]) == 0) {
            *out = (int)i;
            return SS_OK;
        }
    }
    if (!value)
        return SS_OK;
    struct ss_text all;
    ss_text_init(&all);
    for (size_t i = 0; i < n; i++)
        ss_text_addf(&all, "%s%s", i ? ", " : "", names[i]);
    const enum ss_status st =
        SS_FAIL(SS_ERR_USAGE, "bench: --%s wants one of %s, found '%s'", name, all.data, value);
    ss_text_release(&all);
    return st;
}

static enum ss_status read_hidden(const struct ss_invocation *in, struct ss_model_options *model)
{
    const char *const value = ss_option_value(in, "hidden");
    const char *at = value;
    uint32_t widths[SS_MAX_LAYERS];
    size_t n = 0;

    if (!value)
        return SS_OK;
    while (strcmp(value, "none") != 0) {
        char *end = NULL;
        errno = 0;
        const unsigned long width = isdigit((unsigned char)*at) ? strtoul(at, &end, 10) : 0;
        if (!end || errno || width < 1 || width > MOST_WIDTH || (*end && *end != ',') || n == SS_MAX_LAYERS)
            return SS_FAIL(
                SS_ERR_USAGE,
                "bench: --hidden wants at most %d widths of 1 to %d, like 128,128, or none, found '%s'",
                SS_MAX_LAYERS, MOST_WIDTH, value);
        widths[n++] = (uint32_t)width;
        if (!*end)
            break;
        at = end + 1;
    }
    memcpy(model->hidden, widths, n * sizeof(*widths));
    model->n_hidden = n;
    return SS_OK;
}

static enum ss_status read_gemm(const struct ss_invocation *in, enum ss_gemm_kind *out)
{
    static const char *const gemms[] = {"auto", "clblast", "own"}; /* order of the enum */
    int gemm = (int)*out;
    enum ss_status st = SS_OK;

    TRY(read_word(in, "gemm", gemms, SS_COUNT(gemms), &gemm));
    *out = (enum ss_gemm_kind)gemm;
out:
    return st;
}

/* What a family goes through is not replaced, nor what its objective has none of. */
static enum ss_status check_change(const struct ss_invocation *in, const struct ss_bench_shape *s)
{
    const char axis = s->family ? s->family[strlen(s->family) - 1] : '\0';
    const char *const option = axis == 'B'   ? "batch"
                               : axis == 'D' ? "dimension"
                               : axis == 'M' ? "slices"
                                             : NULL;

    if (option && ss_option_value(in, option))
        return SS_FAIL(SS_ERR_USAGE,
                       "bench: %s is one of %s, which goes through values of --%s; without a "
                       "workload `large` takes any",
                       s->name, s->family, option);
    if (!ss_bench_has_slices(s) && (axis == 'M' || ss_option_value(in, "slices")))
        return SS_FAIL(SS_ERR_USAGE, "bench: %s: %s has no slices", axis == 'M' ? s->name : "--slices",
                       ss_objective_name(s->objective));
    return SS_OK;
}

/* Whatever is given replaces what a workload says. */
static enum ss_status change(const struct ss_invocation *in, struct ss_bench_shape *s)
{
    /* order of the enums, config/experiment.h */
    static const char *const models[] = {"energy", "score"};
    static const char *const objectives[] = {"esm", "ssm", "ssm_vr", "dsm"};
    static const char *const plans[] = {"auto", "fused", "layered"};
    int model = (int)s->model.kind, objective = (int)s->objective, plan = (int)s->engine.plan;
    enum ss_status st = SS_OK;

    TRY(read_size(in, "batch", MOST_BATCH, &s->batch));
    TRY(read_size(in, "dimension", MOST_DIMENSION, &s->dimension));
    TRY(read_size(in, "slices", MOST_SLICES, &s->slices));
    TRY(read_hidden(in, &s->model));
    TRY(read_word(in, "model", models, SS_COUNT(models), &model));
    TRY(read_word(in, "objective", objectives, SS_COUNT(objectives), &objective));
    TRY(read_word(in, "plan", plans, SS_COUNT(plans), &plan));
    TRY(read_gemm(in, &s->engine.gemm));
    s->model.kind = (enum ss_model_kind)model;
    s->objective = (enum ss_objective_kind)objective;
    s->engine.plan = (enum ss_plan_kind)plan;
    snprintf(s->engine.plan_given, sizeof(s->engine.plan_given), "bench: --plan");
    TRY(check_change(in, s));
out:
    return st;
}

/* The first option of shape that is given, or NULL. */
static const char *option_of_shape(const struct ss_invocation *in)
{
    static const char *const names[] = {"batch", "dimension", "hidden", "slices", "model", "objective"};

    for (size_t i = 0; i < SS_COUNT(names); i++)
        if (ss_option_value(in, names[i]))
            return names[i];
    return NULL;
}

struct request {
    struct ss_bench_shape *shapes;
    size_t n;
    bool matmul;
    enum ss_gemm_kind gemm;
    double seconds;
};

static enum ss_status add_name(struct request *r, const char *name)
{
    struct ss_bench_shape *some = NULL, *more;
    size_t n = 0;
    enum ss_status st = SS_OK;

    if (strcmp(name, "matmul") == 0) {
        r->matmul = true;
        return SS_OK;
    }
    TRY(ss_bench_find("bench", name, &some, &n));
    r->matmul = r->matmul || strcmp(name, "all") == 0;
    more = realloc(r->shapes, (r->n + n) * sizeof(*more));
    if (!more) {
        st = SS_FAIL_MEMORY((r->n + n) * sizeof(*more));
        goto out;
    }
    memcpy(more + r->n, some, n * sizeof(*some));
    r->shapes = more;
    r->n += n;
out:
    free(some);
    return st;
}

static enum ss_status read_request(const struct ss_invocation *in, struct request *r)
{
    const char *const seconds = ss_option_value(in, "seconds");
    enum ss_status st = SS_OK;

    r->seconds = STANDARD_SECONDS;
    r->gemm = SS_GEMM_AUTO;
    if (seconds && (!ss_text_number(seconds, &r->seconds) || !(r->seconds > 0 && r->seconds <= MOST_SECONDS)))
        return SS_FAIL(SS_ERR_USAGE, "bench: --seconds wants a number above 0 and at most %.0f, found '%s'",
                       MOST_SECONDS, seconds);
    if (in->n_words == 0 && (option_of_shape(in) || ss_option_value(in, "probe"))) {
        TRY(ss_allocate(1, &r->shapes));
        r->shapes[0] = ss_bench_default();
        r->n = 1;
    } else if (in->n_words == 0) {
        TRY(add_name(r, "all"));
    }
    for (size_t i = 0; i < in->n_words; i++)
        TRY(add_name(r, in->words[i]));
    if (r->n == 0 && (option_of_shape(in) || ss_option_value(in, "plan"))) {
        const char *const option = option_of_shape(in);
        st = SS_FAIL(SS_ERR_USAGE, "bench: matmul has its own sizes; --%s changes workloads",
                     option ? option : "plan");
        goto out;
    }
    if (r->n == 0 && ss_option_value(in, "probe")) {
        st = SS_FAIL(SS_ERR_USAGE, "bench: matmul has no step; --probe is for workloads");
        goto out;
    }
    for (size_t i = 0; i < r->n; i++)
        TRY(change(in, &r->shapes[i]));
    TRY(read_gemm(in, &r->gemm));
out:
    return st;
}

/* ---- what is said meanwhile ---- */

struct teller {
    bool json, headed;
};

/* The table goes to stdout, unless JSON does. */
static void tell(const struct teller *t, struct ss_text *line)
{
    if (t->json) {
        if (line->length && line->data[line->length - 1] == '\n')
            line->data[line->length - 1] = '\0';
        ss_say(SS_LEVEL_NOTE, "%s", line->data);
    } else {
        ss_print(line->data);
        fflush(stdout); /* main finds out whether it arrived */
    }
    ss_text_release(line);
}

static void tell_row(void *context, const struct ss_bench_row *row)
{
    struct teller *const t = context;
    struct ss_text line;

    ss_text_init(&line);
    if (!t->headed) {
        ss_bench_row_head(&line);
        tell(t, &line);
        ss_text_init(&line);
    }
    t->headed = true;
    ss_bench_row_text(row, &line);
    tell(t, &line);
}

static void tell_build(void *context, const struct ss_bench_row *row)
{
    struct ss_text line;

    ss_text_init(&line);
    ss_bench_build_text(row, &line);
    tell(context, &line);
}

static void tell_product(void *context, const struct ss_bench_product *product)
{
    struct ss_text line;

    ss_text_init(&line);
    ss_bench_product_text(product, &line);
    tell(context, &line);
}

static void tell_end(struct teller *t, const struct ss_bench *b)
{
    struct ss_text line;

    ss_text_init(&line);
    if (t->json)
        ss_bench_json(b, &line);
    else
        ss_text_addf(&line, "%s, driver %s: peak %.4g GFLOP/s", b->device.name, b->device.driver,
                     b->peak_gflops);
    if (!t->json && b->matmul_gflops > 0) /* and not NAN */
        ss_text_addf(&line, ", matmul 1024 %.4g GFLOP/s", b->matmul_gflops);
    if (!t->json && b->launch_us > 0)
        ss_text_addf(&line, ", a launch %.3g us", b->launch_us);
    if (!t->json && *b->openblas)
        ss_text_addf(&line, ", OpenBLAS's kernels for %s", b->openblas);
    if (!t->json)
        ss_text_add(&line, "\n");
    ss_print(line.data);
    ss_text_release(&line);
}

/* ---- the command ---- */

static enum ss_status probe(const struct ss_invocation *in, const struct request *r, double started)
{
    struct ss_text line;
    enum ss_status st = SS_OK;

    ss_text_init(&line);
    TRY(ss_bench_probe(&r->shapes[0], in->device, started, in->log, &line));
    ss_print(line.data);
out:
    ss_text_release(&line);
    return st;
}

static enum ss_status run(const struct ss_invocation *in)
{
    const double started = ss_clock_seconds();
    const char *const folder = ss_option_value(in, "output");
    struct request r = {.n = 0};
    struct teller teller = {.json = in->json};
    struct ss_bench b = {.n_rows = 0};
    enum ss_status st = SS_OK;

    TRY(read_request(in, &r));
    if (ss_option_value(in, "probe")) {
        TRY(probe(in, &r, started));
        goto out;
    }
    if (folder) /* what cannot be is found out before minutes of measuring */
        TRY(ss_bench_prepare(folder, ss_option_value(in, "force") != NULL));
    const struct ss_bench_options o = {
        .shapes = r.shapes,
        .n_shapes = r.n,
        .matmul = r.matmul,
        .seconds = r.seconds,
        .device = in->device,
        .program = ss_option_value(in, "no-build") ? NULL : "/proc/self/exe",
        .gemm = r.gemm,
        .log = in->log,
        .row = tell_row,
        .product = tell_product,
        .build = tell_build,
        .context = &teller,
    };
    TRY(ss_bench_run(&o, &b));
    if (*b.remark)
        ss_say(SS_LEVEL_WARNING, "%s", b.remark);
    tell_end(&teller, &b);
    if (folder)
        TRY(ss_bench_write(&b, folder));
    if (b.stopped)
        st = SS_FAIL(SS_ERR_INTERRUPTED, "bench: interrupted; what was measured by then is told");
out:
    ss_bench_release(&b);
    free(r.shapes);
    return st;
}

const struct ss_command ss_command_bench = {
    .name = "bench",
    .words = "[WORKLOAD ...]",
    .summary = "Measure how fast training is on this device",
    .details =
        "Workloads: large, large-m1, small, toy, wide, nice, score; esm-D, ssm-D, scale-M, scale-B, scale-D "
        "(families,\n"
        "or one of each, as esm-50); matmul; all, the default. With options of shape and no workload, "
        "`large` "
        "changed by them;\n"
        "with both, each workload changed by them. Loss + gradient and whole training steps are timed, and "
        "between them\n"
        "the peak of independent multiply-adds; gflop counts the matrix products that the derivatives need.\n"
        "grad ms: loss + gradient; of peak: the median over repetitions of the share of the peak beside "
        "each.\n"
        "Of matmul, --gemm measures that backend alone. Ctrl-C ends it: what is measured by then is told, "
        "and written to DIR.",
    .most = 100,
    .options = options,
    .n_options = SS_COUNT(options),
    .device = true,
    .json = true,
    .run = run};
