/* A batch script for Slurm. */
#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "run/sweep.h"
#include "run/sweep_halving.h"

/* Slurm sends a signal up to a minute early. */
enum { SAVING_SECONDS = 120, LEAST_MINUTES = 4 };

/* As sbatch takes it: M, M:S, H:M:S, D-H, D-H:M, D-H:M:S. In minutes, negative if it is none of them. */
static double limit_minutes(const char *time)
{
    static const double of_day[3] = {60, 1, 1.0 / 60};
    const char *const dash = strchr(time, '-');
    double parts[3] = {0}, days = 0;
    size_t n = 0;
    char *end = NULL;

    if (dash && isdigit((unsigned char)*time))
        days = strtod(time, &end);
    if (dash && end != dash)
        return -1;
    for (const char *at = dash ? dash + 1 : time;; at = end + 1) {
        if (n == 3 || !isdigit((unsigned char)*at))
            return -1;
        parts[n++] = (double)strtoul(at, &end, 10);
        if (!*end)
            break;
        if (*end != ':')
            return -1;
    }
    const size_t first = dash || n == 3 ? 0 : 1; /* without days, one or two numbers begin with minutes */
    double minutes = 24 * 60 * days;
    for (size_t i = 0; i < n; i++)
        minutes += parts[i] * of_day[first + i];
    return minutes;
}

static enum ss_status check_limit(const char *time)
{
    const double minutes = time ? limit_minutes(time) : LEAST_MINUTES;

    if (minutes < 0)
        return SS_FAIL(SS_ERR_USAGE,
                       "--time %s: expected a limit as Slurm takes it: 90 (minutes), 04:00:00, 2-12", time);
    if (minutes < LEAST_MINUTES)
        return SS_FAIL(
            SS_ERR_USAGE,
            "--time %s: too short: a job is asked to save and stop 2 to 3 minutes before its limit, so at "
            "least %d minutes are needed",
            time, LEAST_MINUTES);
    return SS_OK;
}

/* For a shell, whatever is in it. */
static void add_quoted(struct ss_text *t, const char *s)
{
    ss_text_add(t, "'");
    for (; *s; s++)
        ss_text_addf(t, *s == '\'' ? "'\\''" : "%c", *s);
    ss_text_add(t, "'");
}

static void add_head(struct ss_text *t, const char *folder, size_t shards, size_t cpus, const char *time)
{
    ss_text_addf(t,
                 "#!/bin/bash\n"
                 "# Submit with: sbatch %s/sweep.sbatch   Again, whenever some of it is missing: nothing is "
                 "computed twice.\n"
                 "# Then: slicescore sweep merge %s\n"
                 "#SBATCH --job-name=slicescore\n"
                 "#SBATCH --array=1-%zu\n"
                 "#SBATCH --cpus-per-task=%zu\n"
                 "#SBATCH --requeue\n"
                 "#SBATCH --open-mode=append\n"
                 "#SBATCH --signal=B:USR1@%d\n"
                 "#SBATCH --output=%s/slurm-%%a.log\n",
                 folder, folder, shards, cpus, SAVING_SECONDS, folder);
    if (time)
        ss_text_addf(t, "#SBATCH --time=%s\n", time);
    ss_text_add(t, "\n");
}

/* The shell passes signals on and waits on: checkpoints take a moment. */
static void add_tail(struct ss_text *t)
{
    ss_text_add(t, " &\n"
                   "pid=$!\n"
                   "trap 'kill -USR1 $pid' USR1\n"
                   "trap 'kill -TERM $pid' TERM INT\n"
                   "while :; do\n"
                   "    wait $pid\n"
                   "    code=$?\n"
                   "    kill -0 $pid 2>/dev/null || break\n"
                   "done\n"
                   "if [ $code = 75 ]; then # stopped before it was done, all is saved\n"
                   "    scontrol requeue \"${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}\"\n"
                   "fi\n"
                   "exit $code\n");
}

/* What goes into a comment or an #SBATCH line, where nothing can be quoted. */
static bool is_plain(const char *s)
{
    return *s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+:,=@")];
}

static enum ss_status read_origin(const char *folder, char **path, json_t **words)
{
    struct ss_ledger *l = NULL;
    struct ss_halving halving;
    char *text = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_ledger_open(folder, false, &l));
    TRY(ss_ledger_note(l, "path", path));
    TRY(ss_ledger_note(l, "words", &text));
    *words = text ? json_loads(text, 0, NULL) : NULL;
    TRY(ss_halving_read(l, &halving));
    if (halving.first) {
        st = SS_FAIL(SS_ERR_USAGE,
                     "%s: its sweep.halving compares all points with each other, which jobs of an "
                     "array cannot; sweep with --jobs in one job, or without halving",
                     folder);
        goto out;
    }
    if (!*path || !json_is_array(*words))
        st = SS_FAIL(SS_ERR_CORRUPT,
                     "%s: the ledger does not say which file its sweep is of; `slicescore sweep "
                     "EXP.yaml -o %s --prepare` notes it",
                     folder, folder);
out:
    free(text);
    ss_ledger_close(l);
    return st;
}

enum ss_status ss_sweep_slurm(const char *folder, const char *program, size_t shards, size_t jobs,
                              size_t cpus, const char *time, char **out)
{
    char *path = NULL, *here = NULL, *file = NULL;
    json_t *words = NULL;
    struct ss_text t;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    TRY(check_limit(time));
    TRY(ss_path_absolute(folder, &here));
    if (!is_plain(here) || (time && !is_plain(time))) {
        st = SS_FAIL(SS_ERR_USAGE, "%s: Slurm takes no blanks or quotes in such a name; use a plain one",
                     is_plain(here) ? time : here);
        goto out;
    }
    TRY(read_origin(folder, &path, &words));
    add_head(&t, here, shards, cpus, time);
    add_quoted(&t, program);
    ss_text_add(&t, " sweep ");
    add_quoted(&t, path);
    for (size_t i = 0; i < json_array_size(words); i++) {
        const char *const word = json_string_value(json_array_get(words, i));
        ss_text_add(&t, " ");
        add_quoted(&t, word ? word : "");
    }
    ss_text_add(&t, " -o ");
    add_quoted(&t, here);
    ss_text_addf(&t, " --shard \"$SLURM_ARRAY_TASK_ID/%zu\" --jobs %zu", shards, jobs);
    add_tail(&t);
    TRY(ss_text_status(&t));
    TRY(ss_path_join(here, "sweep.sbatch", &file));
    TRY(ss_file_write(file, t.data, t.length));
    *out = file;
    file = NULL;
out:
    free(path);
    free(here);
    free(file);
    json_decref(words);
    ss_text_release(&t);
    return st;
}
