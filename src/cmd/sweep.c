#include "run/sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cmd/commands.h"
#include "run/sweep_halving.h"
#include "run/sweep_table.h"

enum { MOST_RUNGS = 64 }; /* a step is doubled no oftener */

static void add_decisions(bool json, const struct ss_decision *d, size_t n, struct ss_text *t)
{
    char text[200];

    for (size_t i = 0; i < n; i++) {
        if (!json) {
            ss_decision_text(&d[i], text);
            ss_text_addf(t, "%s\n", text);
            continue;
        }
        ss_json_open(t, NULL, '{');
        ss_json_integer(t, "step", (long long)d[i].step);
        ss_json_integer(t, "settings", (long long)d[i].settings);
        ss_json_integer(t, "kept", (long long)d[i].kept);
        ss_json_number(t, "best", d[i].best);
        ss_json_number(t, "last", d[i].last);
        ss_json_number(t, "next", d[i].next);
        ss_json_close(t, '}');
    }
}

static enum ss_status print_counts(const struct ss_invocation *in, const char *folder,
                                   const struct ss_counts *c, const struct ss_decision *decisions,
                                   size_t n_decisions)
{
    const size_t left = c->running + c->waiting, at_once = c->running ? c->running : 1;
    const double seconds = c->seconds * (double)left / (double)at_once;
    struct ss_text t;
    char time[32];

    ss_text_init(&t);
    if (in->json) {
        ss_json_open(&t, NULL, '{');
        ss_json_text(&t, "sweep", folder);
        ss_json_integer(&t, "points", (long long)c->points);
        ss_json_integer(&t, "done", (long long)c->done);
        ss_json_integer(&t, "failed", (long long)c->failed);
        ss_json_integer(&t, "running", (long long)c->running);
        ss_json_integer(&t, "waiting", (long long)c->waiting);
        ss_json_integer(&t, "stopped", (long long)c->stopped);
        if (c->done && left)
            ss_json_number(&t, "seconds_left", seconds);
        else
            ss_json_null(&t, "seconds_left");
        ss_json_open(&t, "decisions", '[');
        add_decisions(true, decisions, n_decisions, &t);
        ss_json_close(&t, ']');
        ss_json_close(&t, '}');
        ss_text_add(&t, "\n");
    } else {
        ss_text_addf(&t, "%zu points: %zu done, %zu failed, %zu running, %zu waiting", c->points, c->done,
                     c->failed, c->running, c->waiting);
        if (c->stopped)
            ss_text_addf(&t, ", %zu stopped by halving", c->stopped);
        ss_clock_duration(seconds, time);
        if (c->done && left)
            ss_text_addf(&t, "; about %s of computing left with %zu at once", time, at_once);
        ss_text_add(&t, "\n");
        add_decisions(false, decisions, n_decisions, &t);
    }
    const enum ss_status st = ss_text_status(&t);
    ss_print(t.data);
    ss_text_release(&t);
    return st;
}

static enum ss_status status_of(const struct ss_invocation *in, const char *folder)
{
    struct ss_decision decisions[MOST_RUNGS];
    struct ss_ledger *l = NULL;
    struct ss_counts c;
    long long rungs = 0;
    size_t n = 0;
    enum ss_status st = SS_OK;

    TRY(ss_ledger_open(folder, false, &l));
    TRY(ss_ledger_count(l, &c));
    TRY(ss_halving_rung(l, &rungs));
    for (; n < MOST_RUNGS && (long long)n < rungs; n++)
        TRY(ss_halving_decision(l, (long long)n + 1, &decisions[n]));
    TRY(print_counts(in, folder, &c, decisions, n));
out:
    ss_ledger_close(l);
    return st;
}

static enum ss_status status(const struct ss_invocation *in)
{
    return status_of(in, in->words[1]);
}

static enum ss_status table(const struct ss_invocation *in)
{
    const struct ss_table_options options = {.metrics = ss_option_value(in, "metric"),
                                             .mean = ss_option_value(in, "mean") != NULL,
                                             .format = in->json                     ? SS_TABLE_JSON
                                                       : ss_option_value(in, "csv") ? SS_TABLE_CSV
                                                                                    : SS_TABLE_TEXT};
    struct ss_text t;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    TRY(ss_sweep_table(in->words[1], &options, &t));
    ss_print(t.data);
out:
    ss_text_release(&t);
    return st;
}

static enum ss_status best(const struct ss_invocation *in)
{
    struct ss_best b = {0};
    struct ss_text t;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    TRY(ss_sweep_best(in->words[1], ss_option_value(in, "metric"), &b));
    ss_say(SS_LEVEL_NOTE, "point %lld (%s/%s) %s: %s %.6g over %zu %s", b.point, in->words[1], b.run,
           b.setting, b.metric, b.mean, b.seeds, b.seeds == 1 ? "run" : "runs");
    if (in->json) {
        ss_json_open(&t, NULL, '{');
        ss_json_integer(&t, "point", b.point);
        ss_json_text(&t, "run", b.run);
        ss_json_text(&t, "metric", b.metric);
        ss_json_number(&t, "mean", b.mean);
        ss_json_number(&t, "standard_error", b.standard_error);
        ss_json_integer(&t, "seeds", (long long)b.seeds);
        ss_json_text(&t, "setting", b.setting);
        ss_json_text(&t, "file", b.resolved);
        ss_json_close(&t, '}');
        ss_text_add(&t, "\n");
    } else {
        ss_text_add(&t, b.resolved);
    }
    TRY(ss_text_status(&t));
    ss_print(t.data);
out:
    ss_text_release(&t);
    ss_best_release(&b);
    return st;
}

static enum ss_status merge(const struct ss_invocation *in)
{
    struct ss_counts c;
    enum ss_status st = SS_OK;

    TRY(ss_sweep_merge(in->words[1], &c));
    TRY(status_of(in, in->words[1]));
out:
    return st;
}

static enum ss_status slurm(const struct ss_invocation *in)
{
    size_t shards = 4, jobs = 1, cpus = 0;
    char *program = NULL, *file = NULL;
    bool given;
    enum ss_status st = SS_OK;

    TRY(ss_option_count(in, "shards", 1, &shards, &given));
    TRY(ss_option_count(in, "jobs", 1, &jobs, &given));
    TRY(ss_option_count(in, "cpus", 1, &cpus, &given));
    TRY(ss_sweep_program(&program));
    TRY(ss_sweep_slurm(in->words[1], program, shards, jobs, given ? cpus : jobs, ss_option_value(in, "time"),
                       &file));
    ss_say(SS_LEVEL_NOTE, "%s: submit it with sbatch", file);
    if (!in->json) {
        ss_print(file);
        ss_print("\n");
    }
out:
    free(program);
    free(file);
    return st;
}

static enum ss_status worker(const struct ss_invocation *in)
{
    struct ss_worker_options options = {.folder = in->words[1],
                                        .device = in->device,
                                        .fail_fast = ss_option_value(in, "fail-fast") != NULL,
                                        .pictures = ss_option_value(in, "pictures") != NULL,
                                        .parent = STDIN_FILENO,
                                        .log = in->log};
    bool given;
    enum ss_status st = SS_OK;

    TRY(ss_option_count(in, "retry", 0, &options.retry, &given));
    TRY(ss_sweep_work(&options));
out:
    return st;
}

/* "2/8" */
static enum ss_status read_shard(const struct ss_invocation *in, struct ss_sweep_request *r)
{
    const char *const value = ss_option_value(in, "shard");
    char *end = NULL, *last = NULL;

    if (!value)
        return SS_OK;
    errno = 0;
    const unsigned long long i = strtoull(value, &end, 10);
    const unsigned long long n = *end == '/' ? strtoull(end + 1, &last, 10) : 0;
    if (errno || strspn(value, "0123456789/") != strlen(value) || !last || last == end + 1 || *last ||
        i < 1 || i > n || n > 100000)
        return SS_FAIL(SS_ERR_USAGE, "sweep: --shard wants I/N with I from 1 to N, like 2/8; found '%s'",
                       value);
    r->shard = (size_t)i;
    r->shards = (size_t)n;
    return SS_OK;
}

static enum ss_status dry_run(const struct ss_invocation *in, const struct ss_sweep_request *r)
{
    struct ss_points p = {0};
    struct ss_text t;
    size_t same = 0;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    TRY(ss_sweep_plan(r, &p, &same));
    if (in->json) {
        ss_json_open(&t, NULL, '{');
        ss_json_open(&t, "points", '[');
    }
    for (size_t i = 0; i < p.count; i++) {
        if (in->json) {
            ss_json_open(&t, NULL, '{');
            ss_json_integer(&t, "point", p.items[i].id);
            ss_json_text(&t, "digest", p.items[i].digest);
            ss_text_addf(&t, ", \"setting\": %s", p.items[i].setting);
            ss_json_close(&t, '}');
        } else {
            ss_text_addf(&t, "%lld %s\n", p.items[i].id, p.items[i].setting);
        }
    }
    if (in->json) {
        ss_json_close(&t, ']');
        ss_json_close(&t, '}');
        ss_text_add(&t, "\n");
    }
    TRY(ss_text_status(&t));
    ss_print(t.data);
    ss_say(SS_LEVEL_NOTE, "%zu points%s; none was run", p.count,
           same ? ", those that are the same once" : "");
out:
    ss_text_release(&t);
    ss_points_release(&p);
    return st;
}

static enum ss_status begin(const struct ss_invocation *in)
{
    struct ss_sweep_request r = {.path = in->words[0],
                                 .words = in->words + 1,
                                 .n_words = in->n_words - 1,
                                 .folder = ss_option_value(in, "output"),
                                 .device = in->device,
                                 .fail_fast = ss_option_value(in, "fail-fast") != NULL,
                                 .pictures = ss_option_value(in, "pictures") != NULL,
                                 .prepare = ss_option_value(in, "prepare") != NULL,
                                 .log = in->log};
    struct ss_counts c = {0};
    char *folder = NULL;
    bool given;
    enum ss_status st = SS_OK;

    TRY(ss_check_overrides(in, 1));
    TRY(read_shard(in, &r));
    TRY(ss_option_count(in, "jobs", 1, &r.jobs, &given));
    TRY(ss_option_count(in, "retry", 0, &r.retry, &given));
    if (r.fail_fast && ss_option_value(in, "keep-going")) {
        st = SS_FAIL(SS_ERR_USAGE, "sweep: --keep-going and --fail-fast exclude each other");
        goto out;
    }
    if (ss_option_value(in, "dry-run")) {
        st = dry_run(in, &r);
        goto out;
    }
    st = ss_sweep_run(&r, &folder, &c);
    if (in->json && c.points) {
        const enum ss_status printed = status_of(in, folder);
        st = st == SS_OK ? printed : st;
    }
out:
    free(folder);
    return st;
}

static const struct {
    const char *name;
    enum ss_status (*run)(const struct ss_invocation *in);
} actions[] = {{"status", status}, {"table", table}, {"best", best},
               {"merge", merge},   {"slurm", slurm}, {"worker", worker}};

static enum ss_status run(const struct ss_invocation *in)
{
    for (size_t i = 0; i < SS_COUNT(actions); i++) {
        if (strcmp(in->words[0], actions[i].name) != 0)
            continue;
        if (in->n_words != 2)
            return SS_FAIL(SS_ERR_USAGE, "sweep %s: wants the folder of a sweep and nothing else",
                           actions[i].name);
        return actions[i].run(in);
    }
    return begin(in);
}

static const struct ss_option options[] = {
    {"output", 'o', "DIR", "folder of the sweep, begun or gone on with; without it sweeps/NAME", false},
    {"jobs", 'j', "N",
     "workers at once; on one CPU they share its cores (default: one for each device named)", false},
    {"dry-run", 0, NULL, "list the points, run nothing", false},
    {"prepare", 0, NULL, "make the folder and its list of points, run nothing", false},
    {"keep-going", 0, NULL, "a point that fails does not stop the others (the default)", false},
    {"fail-fast", 0, NULL, "stop at the first point that fails", false},
    {"retry", 0, "N", "try a point that failed N times more (default 0)", false},
    {"pictures", 0, NULL, "draw samples and pictures of each point, as `run` does; without it metrics alone",
     false},
    {"shard", 0, "I/N", "only every N-th point, from the I-th on, in DIR/shard-I-of-N", false},
    {"metric", 0, "NAME", "best: what is compared; table: which columns, as in esm,loss", false},
    {"mean", 0, NULL, "table: means over seeds, with standard errors", false},
    {"csv", 0, NULL, "table: as CSV", false},
    {"shards", 0, "N", "slurm: jobs of the array (default 4)", false},
    {"cpus", 0, "N", "slurm: cores of each job (default: as many as --jobs)", false},
    {"time", 0, "T", "slurm: time limit of a job, as in 04:00:00", false}};

const struct ss_command ss_command_sweep = {
    .name = "sweep",
    .words = "EXP.yaml [KEY.SUB=A,B ...] | status|table|best|merge|slurm DIR",
    .summary = "Run all points of a sweep, each once; or look at one",
    .details = "The points are in the `sweep:` block of the file: grid, random, points, repeat, halving; "
               "KEY=A,B adds "
               "to the grid.\n"
               "Stopped or killed, the same command goes on: only what is missing or failed is computed. "
               "--device 0:0,1:0\n"
               "gives each device a worker. status: how far it is; table: results by point; best: the "
               "winning file, ready\n"
               "to run; merge: joins the shards in DIR; slurm: writes DIR/sweep.sbatch.",
    .least = 1,
    .most = 1000,
    .options = options,
    .n_options = SS_COUNT(options),
    .device = true,
    .json = true,
    .run = run};
