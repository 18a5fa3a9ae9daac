/* bench_builds.c - how long a new process takes to its first step, with empty caches and with full ones. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/file.h"
#include "config/config.h"
#include "run/bench_parts.h"
#include "run/stop.h"
#include "run/trained.h"
#include "train/train.h"

extern char **environ;

/* ---- the process that is started ---- */

/* The most memory that this program has had in RAM so far, MiB; NAN where /proc does not say. Not what
 * getrusage counts: of a process that another one started, that begins with the other's. */
static double resident(void)
{
    FILE *const f = fopen("/proc/self/status", "r");
    char line[256];
    double kib = NAN;

    while (f && isnan(kib) && fgets(line, sizeof(line), f))
        if (sscanf(line, "VmHWM: %lf kB", &kib) != 1)
            kib = NAN;
    if (f)
        fclose(f);
    return kib / 1024.0;
}

enum ss_status ss_bench_probe(const struct ss_bench_shape *shape, const char *device, double started,
                              struct ss_log *log, struct ss_text *out)
{
    const struct ss_experiment engine = {.engine = shape->engine};
    struct ss_device *d = NULL;
    struct ss_bench_bed bed = {0};
    double first = 0;
    enum ss_status st = SS_OK;

    TRY(ss_run_device_choose(device, NULL, log, &d));
    TRY(ss_device_finish(d));
    const double runtime = resident();
    TRY(ss_run_device_ready(d, &engine, log));
    const double from = ss_clock_seconds();
    TRY(ss_bench_bed_make(d, shape, &bed));
    TRY(ss_trainer_enqueue_step(bed.trainer));
    TRY(ss_device_finish(d));
    first = ss_clock_seconds();
    TRY(ss_trainer_enqueue_step(bed.trainer));
    TRY(ss_device_finish(d));
    const double second = ss_clock_seconds() - first;
    const double build = first - from - second;
    ss_text_addf(out, "probe %.6f %.6f %.3f\n", build > 0 ? build : 0, first - started, resident() - runtime);
out:
    ss_bench_bed_release(&bed);
    ss_device_free(d);
    return st;
}

/* ---- starting it ---- */

enum { MOST_WORDS = 24, WORD = 32 + 12 * SS_MAX_LAYERS };

struct words {
    char text[MOST_WORDS][WORD];
    char *argv[MOST_WORDS + 1];
    size_t n;
};

static void add_word(struct words *w, const char *word)
{
    snprintf(w->text[w->n], WORD, "%s", word);
    w->argv[w->n] = w->text[w->n];
    w->argv[++w->n] = NULL;
}

static void add_count(struct words *w, const char *option, size_t value)
{
    char number[32];

    snprintf(number, sizeof(number), "%zu", value);
    add_word(w, option);
    add_word(w, number);
}

static void make_words(const char *program, const char *device, const struct ss_bench_shape *s,
                       struct words *w)
{
    char hidden[WORD] = "";
    size_t length = 0;

    for (size_t i = 0; i < s->model.n_hidden && length < sizeof(hidden); i++)
        length += (size_t)snprintf(hidden + length, sizeof(hidden) - length, "%s%u", i ? "," : "",
                                   s->model.hidden[i]);
    add_word(w, program);
    add_word(w, "bench");
    add_word(w, "--probe");
    add_word(w, "--quiet");
    add_count(w, "--batch", s->batch);
    add_count(w, "--dimension", s->dimension);
    if (ss_bench_has_slices(s))
        add_count(w, "--slices", s->slices);
    add_word(w, "--hidden");
    add_word(w, *hidden ? hidden : "none");
    add_word(w, "--model");
    add_word(w, ss_model_name(s->model.kind));
    add_word(w, "--objective");
    add_word(w, ss_objective_name(s->objective));
    add_word(w, "--plan");
    add_word(w, ss_plan_name(s->engine.plan));
    add_word(w, "--gemm");
    add_word(w, ss_gemm_name(s->engine.gemm));
    if (device) {
        add_word(w, "--device");
        add_word(w, device);
    }
}

/* Where drivers and the program keep what they have compiled: all of it below `folder`. */
static enum ss_status make_environment(const char *folder, char ***out)
{
    static const char *const names[] = {"POCL_CACHE_DIR", "XDG_CACHE_HOME", "CUDA_CACHE_PATH",
                                        "cl_cache_dir"};
    char **all = NULL;
    size_t n = 0, kept = 0;
    enum ss_status st = SS_OK;

    while (environ[n])
        n++;
    TRY(ss_allocate(n + SS_COUNT(names) + 1, &all));
    for (size_t i = 0; i < SS_COUNT(names); i++)
        TRY(ss_text_format(&all[kept++], "%s=%s", names[i], folder));
    for (size_t i = 0; i < n; i++) {
        bool ours = false;
        for (size_t j = 0; j < SS_COUNT(names); j++) {
            const size_t length = strlen(names[j]);
            ours = ours || (strncmp(environ[i], names[j], length) == 0 && environ[i][length] == '=');
        }
        if (!ours)
            TRY(ss_text_copy(environ[i], &all[kept++]));
    }
    *out = all;
    all = NULL;
out:
    for (size_t i = 0; all && i < kept; i++)
        free(all[i]);
    free(all);
    return st;
}

static void free_environment(char **all)
{
    for (size_t i = 0; all && all[i]; i++)
        free(all[i]);
    free(all);
}

/* Nothing, if a stop is asked for meanwhile, which the process may have been told of itself. */
static enum ss_status read_answer(pid_t child, int from, double *build, double *first, double *memory)
{
    enum { LOOK_MS = 200 };
    struct pollfd ready = {.fd = from, .events = POLLIN};
    char line[128];
    size_t n = 0;
    ssize_t got;

    while (n + 1 < sizeof(line)) {
        if (ss_stop_signal())
            kill(child, SIGTERM);
        if (poll(&ready, 1, LOOK_MS) <= 0) /* a read would begin again after a signal */
            continue;
        got = read(from, line + n, sizeof(line) - 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    line[n] = '\0';
    if (sscanf(line, "probe %lf %lf %lf", build, first, memory) == 3 || ss_stop_signal())
        return SS_OK;
    return SS_FAIL(SS_ERR_INTERNAL, "the process started to measure a build did not say how long it took");
}

static enum ss_status start(struct words *w, char **environment, double *build, double *first, double *memory)
{
    posix_spawn_file_actions_t actions;
    int ends[2] = {-1, -1}, status = 0;
    pid_t child = 0;
    enum ss_status st = SS_OK;

    if (pipe(ends) != 0)
        return SS_FAIL(SS_ERR_INTERNAL, "pipe: %s", strerror(errno));
    if (posix_spawn_file_actions_init(&actions) != 0) {
        close(ends[0]);
        close(ends[1]);
        return SS_FAIL(SS_ERR_MEMORY, "out of memory: cannot start a process");
    }
    int code = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    if (code == 0)
        code = posix_spawn_file_actions_addclose(&actions, ends[0]);
    if (code == 0)
        code = posix_spawn(&child, w->argv[0], &actions, NULL, w->argv, environment);
    close(ends[1]);
    if (code == 0) {
        st = read_answer(child, ends[0], build, first, memory);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            continue;
    } else {
        st = SS_FAIL(SS_ERR_INTERNAL, "%s: cannot be started: %s", w->argv[0], strerror(code));
    }
    close(ends[0]);
    posix_spawn_file_actions_destroy(&actions);
    return st;
}

/* Only what the two processes wrote into a folder of their own; links are removed, never followed. */
static void remove_folder(const char *path)
{
    DIR *const folder = opendir(path);
    const struct dirent *entry;

    while (folder && (entry = readdir(folder))) {
        char *inside = NULL;
        struct stat about;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (ss_path_join(path, entry->d_name, &inside) != SS_OK)
            break;
        if (lstat(inside, &about) == 0 && S_ISDIR(about.st_mode))
            remove_folder(inside);
        else
            unlink(inside);
        free(inside);
    }
    if (folder)
        closedir(folder);
    rmdir(path);
}

enum ss_status ss_bench_builds(const char *program, const char *device, const struct ss_bench_shape *shape,
                               struct ss_bench_row *row)
{
    const char *const temporary = getenv("TMPDIR");
    char *folder = NULL, **environment = NULL;
    struct words *w = NULL;
    bool made = false;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &w));
    TRY(ss_path_join(temporary && *temporary ? temporary : "/tmp", "slicescore-bench-XXXXXX", &folder));
    if (!mkdtemp(folder)) {
        st = SS_FAIL(SS_ERR_FILE, "%s: cannot be made: %s", folder, strerror(errno));
        goto out;
    }
    made = true;
    make_words(program, device, shape, w);
    TRY(make_environment(folder, &environment));
    TRY(start(w, environment, &row->build_cold_s, &row->first_step_cold_s, &row->resident_mib));
    if (!ss_stop_signal())
        TRY(start(w, environment, &row->build_warm_s, &row->first_step_warm_s, &row->resident_mib));
out:
    if (made)
        remove_folder(folder);
    free_environment(environment);
    free(folder);
    free(w);
    return st;
}
