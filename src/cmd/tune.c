#include "run/tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "cmd/commands.h"
#include "config/config.h"
#include "data/dataset.h"
#include "run/bench.h"

enum { MOST_NUMBER = 24 };
static const double STANDARD_SECONDS = 20, MOST_SECONDS = 86400;

static const struct ss_option options[] = {
    {"seconds", 0, "S", "time for each experiment or workload, building included (default 20)", false},
    {"try", 0, "K", "build candidates from K on, and say so", true},
    {"apart", 0, "K", "build candidate K and time it when told to", true},
    {"columns", 0, "D", "of the data, which need not be read then", true},
};

/* ---- what is asked for ---- */

struct request {
    struct ss_tune_work *works;
    const char **words; /* of each work: the file or the name */
    size_t n, n_experiments;
    const char **overrides;
    size_t n_overrides;
    char *device; /* that the first experiment names, or NULL */
    double seconds;
    size_t first, dimension; /* of --try or --apart, and --columns */
    bool try_only, apart;
    /* the line of a process that builds */
    const struct ss_invocation *in;
    char **line;
    char numbers[2][MOST_NUMBER];
};

static void request_release(struct request *r)
{
    free(r->works);
    free(r->words);
    free(r->overrides);
    free(r->device);
    free(r->line);
}

static bool is_override(const char *word)
{
    return strchr(word, '=') != NULL;
}

static bool is_file(const char *word)
{
    return ss_path_has_extension(word, "yaml") || ss_path_has_extension(word, "yml") ||
           (ss_path_exists(word) && !ss_path_is_folder(word));
}

static enum ss_status add_work(struct request *r, const struct ss_tune_work *work, const char *word)
{
    struct ss_tune_work *const works = realloc(r->works, (r->n + 1) * sizeof(*works));
    if (works)
        r->works = works;
    const char **const words = realloc(r->words, (r->n + 1) * sizeof(*words));
    if (words)
        r->words = words;
    if (!works || !words)
        return SS_FAIL_MEMORY((r->n + 1) * sizeof(*works));
    r->works[r->n] = *work;
    r->words[r->n++] = word;
    return SS_OK;
}

static enum ss_status check_device(struct request *r, const struct ss_experiment *e)
{
    if (r->n == 0 && e->device)
        return ss_text_copy(e->device, &r->device);
    if ((r->device != NULL) == (e->device != NULL) && (!e->device || strcmp(e->device, r->device) == 0))
        return SS_OK;
    return SS_FAIL(SS_ERR_USAGE,
                   "tune: %s is for the device '%s' and %s for '%s'; --device NAME tunes both on one",
                   e->path, e->device ? e->device : "auto", r->words[0], r->device ? r->device : "auto");
}

static enum ss_status add_experiment(struct request *r, const struct ss_invocation *in, const char *path)
{
    struct ss_experiment *e = NULL;
    struct ss_dataset *data = NULL;
    struct ss_tune_work work;
    size_t dimension = r->dimension;
    enum ss_status st = SS_OK;

    TRY(ss_experiment_load(path, r->overrides, r->n_overrides, &e));
    if (!in->device)
        TRY(check_device(r, e));
    if (!e->has_data) {
        st = SS_FAIL(SS_ERR_USAGE, "%s: tuning needs a `data:` block for the number of columns", path);
        goto out;
    }
    if (!dimension) {
        ss_log_phase(in->log, e->data.file ? "reading the data" : "making the data");
        TRY(ss_dataset_load(&e->data, e->seed, &data));
        dimension = ss_dataset_dimension(data);
    }
    TRY(ss_tune_work_of_experiment(e, dimension, &work));
    TRY(add_work(r, &work, path));
    r->n_experiments++;
out:
    ss_log_phase(in->log, NULL);
    ss_dataset_free(data);
    ss_experiment_free(e);
    return st;
}

static enum ss_status add_workload(struct request *r, const char *name)
{
    struct ss_bench_shape *shapes = NULL;
    size_t n = 0;
    enum ss_status st = SS_OK;

    TRY(ss_bench_find("tune", name, &shapes, &n));
    if (n > 1) {
        st = SS_FAIL(SS_ERR_USAGE, "tune: '%s' is a family of workloads; name one of it, like %s", name,
                     shapes[0].name);
        goto out;
    }
    const struct ss_tune_work work = ss_tune_work_of_shape(&shapes[0]);
    TRY(add_work(r, &work, name));
out:
    free(shapes);
    return st;
}

static enum ss_status read_numbers(const struct ss_invocation *in, struct request *r)
{
    const char *const seconds = ss_option_value(in, "seconds");
    bool given = false;
    enum ss_status st = SS_OK;

    r->seconds = STANDARD_SECONDS;
    if (seconds && (!ss_text_number(seconds, &r->seconds) || !(r->seconds > 0 && r->seconds <= MOST_SECONDS)))
        return SS_FAIL(SS_ERR_USAGE, "tune: --seconds wants a number above 0 and at most %.0f, found '%s'",
                       MOST_SECONDS, seconds);
    TRY(ss_option_count(in, "try", 0, &r->first, &r->try_only));
    if (!r->try_only)
        TRY(ss_option_count(in, "apart", 0, &r->first, &r->apart));
    TRY(ss_option_count(in, "columns", 1, &r->dimension, &given));
    if (given && !r->try_only && !r->apart)
        st = SS_FAIL(SS_ERR_USAGE,
                     "tune: --columns is for --try and --apart; the data says how many there are");
out:
    return st;
}

static enum ss_status read_request(const struct ss_invocation *in, struct request *r)
{
    static const char *const standard[] = {"large", "large-m1", "small", "toy",
                                           "wide",  "nice",     "score", "esm-50"};
    enum ss_status st = SS_OK;

    r->in = in;
    TRY(read_numbers(in, r));
    TRY(ss_allocate(in->n_words + 1, &r->overrides));
    TRY(ss_allocate(in->n_words + 16, &r->line));
    for (size_t i = 0; i < in->n_words; i++)
        if (is_override(in->words[i]))
            r->overrides[r->n_overrides++] = in->words[i];
    for (size_t i = 0; i < in->n_words; i++) {
        if (is_override(in->words[i]))
            continue;
        if (is_file(in->words[i]))
            TRY(add_experiment(r, in, in->words[i]));
        else
            TRY(add_workload(r, in->words[i]));
    }
    if (r->n_experiments == 0 && r->n_overrides > 0) {
        st = SS_FAIL(SS_ERR_USAGE, "tune: %s changes an experiment, and none is given", r->overrides[0]);
        goto out;
    }
    for (size_t i = 0; in->n_words == 0 && i < SS_COUNT(standard); i++)
        TRY(add_workload(r, standard[i]));
out:
    return st;
}

/* The same work in a process of its own. */
static char *const *try_words(void *context, size_t i, size_t k, bool apart)
{
    struct request *const r = context;
    char **const line = r->line;
    size_t n = 0;

    snprintf(r->numbers[0], MOST_NUMBER, "%zu", k);
    snprintf(r->numbers[1], MOST_NUMBER, "%zu", r->works[i].dimension);
    const char *const words[] = {"/proc/self/exe", "tune",      "--quiet",    apart ? "--apart" : "--try",
                                 r->numbers[0],    "--columns", r->numbers[1]};
    for (size_t j = 0; j < SS_COUNT(words); j++)
        line[n++] = (char *)(uintptr_t)words[j]; /* posix_spawn only reads them */
    if (r->in->device) {
        line[n++] = (char *)(uintptr_t) "--device";
        line[n++] = (char *)(uintptr_t)r->in->device;
    }
    line[n++] = (char *)(uintptr_t)r->words[i];
    for (size_t j = 0; is_file(r->words[i]) && j < r->n_overrides; j++)
        line[n++] = (char *)(uintptr_t)r->overrides[j];
    line[n] = NULL;
    return line;
}

/* ---- the command ---- */

struct teller {
    struct request *request;
    bool json;
};

static void tell(void *context, const struct ss_tune_result *r)
{
    const struct teller *const t = context;
    struct ss_text text;

    if (!r->loss.kept && r->loss.answered)
        ss_say(SS_LEVEL_WARNING,
               "%s: the answer cannot be written to $XDG_CACHE_HOME or ~/.cache, and is lost", r->work.name);
    if (t->json)
        return;
    ss_text_init(&text);
    ss_tune_text(r, &text);
    ss_print(text.data);
    fflush(stdout); /* main finds out whether it arrived */
    ss_text_release(&text);
}

static char *const *words_of(void *context, size_t i, size_t k, bool apart)
{
    const struct teller *const t = context;

    return try_words(t->request, i, k, apart);
}

static enum ss_status measure(const struct ss_invocation *in, struct request *r, const char *device)
{
    struct teller teller = {.request = r, .json = in->json};
    const struct ss_tune_options o = {.works = r->works,
                                      .n_works = r->n,
                                      .seconds = r->seconds * (double)r->n,
                                      .device = device,
                                      .words = words_of,
                                      .result = tell,
                                      .context = &teller,
                                      .log = in->log};
    struct ss_tune t = {.n_results = 0};
    struct ss_text text;
    enum ss_status st = SS_OK;

    ss_text_init(&text);
    TRY(ss_tune_run(&o, &t));
    if (in->json)
        ss_tune_json(&t, &text);
    else
        ss_text_addf(&text, "%s, driver %s\n", t.device.name, t.device.driver);
    TRY(ss_text_status(&text));
    ss_print(text.data);
out:
    ss_tune_release(&t);
    ss_text_release(&text);
    return st;
}

static enum ss_status run(const struct ss_invocation *in)
{
    const char *const environment = getenv("SLICESCORE_DEVICE");
    struct request r = {.n = 0};
    enum ss_status st = SS_OK;

    TRY(read_request(in, &r));
    const char *const device = in->device || (environment && *environment) ? in->device : r.device;
    if (r.try_only)
        TRY(ss_tune_try(&r.works[0], device, r.first, in->log));
    else if (r.apart)
        TRY(ss_tune_apart(&r.works[0], device, r.first, in->log));
    else
        TRY(measure(in, &r, device));
out:
    request_release(&r);
    return st;
}

const struct ss_command ss_command_tune = {
    .name = "tune",
    .words = "[EXP.yaml|WORKLOAD ...] [KEY.SUB=VALUE ...]",
    .summary = "Measure which way to compute is the fastest here, and keep it for later runs",
    .details =
        "For each experiment (or workload of `bench`; without any, the usual ones) loss and gradient of a "
        "batch are computed\n"
        "by every plan, tile and backend of products that it may have. Candidates are timed in turn, each "
        "against the default;\n"
        "one takes its place only if its numbers are right and it is faster beyond the noise, again in "
        "pairs that did not\n"
        "choose it (x default: the default's time by its, the median of such pairs). Layer by layer, the "
        "largest matrix\n"
        "products are measured next, which changes no bits. A candidate that builds for more than 5 s is "
        "left out. Answers\n"
        "are kept in $XDG_CACHE_HOME/slicescore for this device, driver and version; `slicescore check` "
        "shows what holds.\n"
        "engine.plan and engine.gemm come before them.\n"
        "Another way adds in another order, so a run begun after tuning may differ in the last bits from "
        "one begun before.\n"
        "A run that is resumed goes on as it began.",
    .most = 1000,
    .options = options,
    .n_options = SS_COUNT(options),
    .device = true,
    .json = true,
    .run = run};
