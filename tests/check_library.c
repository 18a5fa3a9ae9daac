/* The library as other programs see it: slicescore.h alone, on runs that are trained here. */
#include <check.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "run/run.h"
#include "slicescore.h"
#include "tests/support/device.h"
#include "tests/support/scratch.h"

/* ---- runs ---- */

static char folder[64];

static const char *at(const char *name)
{
    static char paths[4][256];
    static size_t next;
    char *const path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static void write_text(const char *name, const char *text)
{
    ck_assert_int_eq(ss_file_write(at(name), text, strlen(text)), SS_OK);
}

/* Train EXP.yaml of that text into the folder `name`. */
static const char *train(const char *name, const char *yaml)
{
    struct ss_log *log = NULL;
    struct ss_run_result result = {0};
    char file[64];

    snprintf(file, sizeof(file), "%s.yaml", name);
    write_text(file, yaml);
    ck_assert_int_eq(ss_log_create(&(struct ss_log_options){.quiet = true}, &log), SS_OK);
    const char *const run = at(name);
    const struct ss_run_request request = {.path = at(file), .output = run, .force = true, .log = log};
    ck_assert_int_eq(ss_run_experiment(&request, &result), SS_OK);
    ss_run_result_release(&result);
    ss_log_free(log);
    return run;
}

#define SHORT "train: {steps: 30, batch: 64}\nevaluate: {rows: 50}\nsample: {count: 1, steps: 1}\n"
#define NET "model: {kind: energy, hidden: [8, 8], quadratic: full}\nobjective: {kind: ssm_vr}\n" SHORT

/* The same rows twice: as fractions, and as whole numbers of 64ths. */
static void make_table(const char *name, bool whole)
{
    uint64_t state = 1;
    FILE *const f = fopen(at(name), "w");

    ck_assert_ptr_nonnull(f);
    fputs("one,two,label,three\n", f);
    for (int i = 0; i < 600; i++) {
        double u[3];
        for (int j = 0; j < 3; j++)
            u[j] = (double)(scratch_random(&state) >> 11) * 0x1p-53;
        const double row[3] = {0.2 + 0.6 * u[0], 0.1 + 0.3 * u[0] + 0.4 * u[1], 0.3 + 0.4 * u[2]};
        if (whole)
            fprintf(f, "%.0f,%.0f,%d,%.0f\n", 64 * row[0], 64 * row[1], i % 7, 64 * row[2]);
        else
            fprintf(f, "%.9g,%.9g,%d,%.9g\n", row[0], row[1], i % 7, row[2]);
    }
    fclose(f);
}

static void set_up(void)
{
    strcpy(folder, "/tmp/check_library.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    make_table("table.csv", false);
    make_table("whole.csv", true);
    train("plane", "data: {source: gaussian, rows: 2000, mean: [5, -3], covariance: [4, 1.2, 1.2, 1],"
                   " transform: [standardize]}\n"
                   "model: {kind: gaussian}\nobjective: {kind: esm}\n"
                   "train: {steps: 600, batch: 500, learning_rate: 3e-2, schedule: cosine}\n"
                   "evaluate: {rows: 50}\n"
                   "sample: {count: 10, sampler: mala, steps: 150, step_size: 0.3}\n");
    train("net", "data: {file: table.csv, columns: {drop: [label]}}\n" NET);
    train("score", "data: {file: table.csv, columns: {drop: [label]}}\n"
                   "model: {kind: score, hidden: [8]}\nobjective: {kind: ssm_vr}\n" SHORT);
}

static void tear_down(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

/* ---- what stays silent ---- */

static int kept[2];

/* Everything that is written to stdout and stderr goes to a file until loud(). */
static void hush(void)
{
    const int file = open(at("output"), O_CREAT | O_TRUNC | O_WRONLY, 0600);

    fflush(stdout);
    fflush(stderr);
    ck_assert_int_ge(file, 0);
    for (int fd = 1; fd <= 2; fd++) {
        kept[fd - 1] = dup(fd);
        dup2(file, fd);
    }
    close(file);
}

static void loud(void)
{
    struct stat s;

    fflush(stdout);
    fflush(stderr);
    for (int fd = 1; fd <= 2; fd++) {
        dup2(kept[fd - 1], fd);
        close(kept[fd - 1]);
    }
    ck_assert_int_eq(stat(at("output"), &s), 0);
    ck_assert_int_eq(s.st_size, 0);
}

static struct slicescore *loaded(const char *name)
{
    struct slicescore *const s = slicescore_create();

    ck_assert_ptr_nonnull(s);
    const enum slicescore_status st = slicescore_load(s, at(name), SLICESCORE_WEIGHTS_BEST);
    ck_assert_msg(st == SLICESCORE_OK, "%s", slicescore_message(s));
    return s;
}

/* ---- errors ---- */

START_TEST(a_handle_without_a_run_answers_with_errors_and_nothing)
{
    struct slicescore *const s = slicescore_create();
    struct slicescore_sampling how;
    double x[2] = {0, 0};

    hush();
    ck_assert_uint_eq(slicescore_dimension(s), 0);
    ck_assert_ptr_null(slicescore_column(s, 0));
    ck_assert_int_eq(slicescore_kind(s), SLICESCORE_KIND_NONE);
    ck_assert_uint_eq(slicescore_step(s), 0);
    ck_assert_int_eq(slicescore_normalized(s), 0);
    ck_assert_str_eq(slicescore_device_name(s), "");
    ck_assert_str_eq(slicescore_message(s), "");
    ck_assert_int_eq(slicescore_score(s, x, 1, x, NULL), SLICESCORE_ERROR_USAGE);
    ck_assert_ptr_nonnull(strstr(slicescore_message(s), "slicescore_load"));
    ck_assert_int_eq(slicescore_sample(s, NULL, 1, x, NULL), SLICESCORE_ERROR_USAGE);
    ck_assert_int_eq(slicescore_normalize(s, NULL, NULL), SLICESCORE_ERROR_USAGE);
    ck_assert_int_eq(slicescore_sampling(s, &how), SLICESCORE_ERROR_USAGE);
    slicescore_free(s);
    slicescore_free(NULL);
    ck_assert_int_eq(slicescore_load(NULL, "x", SLICESCORE_WEIGHTS_BEST), SLICESCORE_ERROR_USAGE);
    ck_assert_int_eq(slicescore_open_device(NULL, NULL), SLICESCORE_ERROR_USAGE);
    ck_assert_ptr_nonnull(strstr(slicescore_message(NULL), "handle"));
    ck_assert_str_eq(slicescore_warnings(NULL), "");
    ck_assert_uint_eq(slicescore_dimension(NULL), 0);
    loud();
}
END_TEST

static void refuses(struct slicescore *s, const char *run, enum slicescore_status wanted, const char *word)
{
    const enum slicescore_status st = slicescore_load(s, run, SLICESCORE_WEIGHTS_BEST);

    ck_assert_msg(st == wanted, "%s and not %s: %s", slicescore_status_name(st),
                  slicescore_status_name(wanted), slicescore_message(s));
    ck_assert_msg(strstr(slicescore_message(s), word) != NULL, "no '%s' in: %s", word, slicescore_message(s));
    ck_assert_int_eq(slicescore_kind(s), SLICESCORE_KIND_NONE);
}

START_TEST(what_is_not_a_sound_run_is_refused_with_the_reason)
{
    struct slicescore *const s = slicescore_create();
    char command[700];

    hush();
    refuses(s, at("nowhere"), SLICESCORE_ERROR_FILE, "nowhere");
    refuses(s, folder, SLICESCORE_ERROR_FILE, "run");
    refuses(s, NULL, SLICESCORE_ERROR_USAGE, "folder");
    snprintf(
        command, sizeof(command),
        "cd '%s' && cp -r net torn && for f in torn/ckpt/*; do head -c 100 \"$f\" >x && mv x \"$f\"; done && "
        "cp -r net newer && sed -i 's/\"format\": *1/\"format\": 9/' newer/run.json && "
        "cp -r net broken && echo '{' >broken/run.json && cp -r net bad && echo 'modell: 1' "
        ">bad/resolved.yaml",
        folder);
    ck_assert_int_eq(system(command), 0);
    refuses(s, at("torn"), SLICESCORE_ERROR_CORRUPT, "torn");
    refuses(s, at("newer"), SLICESCORE_ERROR_USAGE, "newer");
    refuses(s, at("broken"), SLICESCORE_ERROR_CORRUPT, "run.json");
    refuses(s, at("bad"), SLICESCORE_ERROR_USAGE, "modell");
    ck_assert_int_eq(slicescore_load(s, at("net"), (enum slicescore_weights)7), SLICESCORE_ERROR_USAGE);
    ck_assert_int_eq(slicescore_open_device(s, "no such device"), SLICESCORE_ERROR_NO_DEVICE);
    ck_assert_ptr_nonnull(strstr(slicescore_message(s), "no such device"));
    ck_assert_int_eq(slicescore_load(s, at("net"), SLICESCORE_WEIGHTS_LAST), SLICESCORE_OK);
    ck_assert_str_eq(slicescore_message(s), "");
    slicescore_free(s);
    loud();
}
END_TEST

START_TEST(arguments_that_make_no_sense_are_refused)
{
    struct slicescore *const s = loaded("net"), *const n = loaded("score");
    double x[3] = {0.5, 0.5, 0.5}, out[3];
    struct slicescore_sampling how;

    hush();
    ck_assert_int_eq(slicescore_score(s, NULL, 1, out, NULL), SLICESCORE_ERROR_USAGE);
    ck_assert_int_eq(slicescore_score(s, x, 1, NULL, NULL), SLICESCORE_ERROR_USAGE);
    ck_assert_int_eq(slicescore_score(s, x, SIZE_MAX / 8, out, NULL), SLICESCORE_ERROR_USAGE);
    ck_assert_int_eq(slicescore_score(s, NULL, 0, NULL, NULL), SLICESCORE_OK);
    ck_assert_int_eq(slicescore_normalize(s, NULL, NULL), SLICESCORE_ERROR_USAGE); /* three columns */
    ck_assert_int_eq(slicescore_log_density(n, x, 1, out), SLICESCORE_ERROR_USAGE);
    ck_assert_ptr_nonnull(strstr(slicescore_message(n), "no density"));
    ck_assert_int_eq(slicescore_score(n, x, 1, NULL, out), SLICESCORE_OK);
    ck_assert_int_eq(slicescore_kind(n), SLICESCORE_KIND_SCORE);
    ck_assert_int_eq(slicescore_sampling(n, &how), SLICESCORE_OK);
    how.sampler = SLICESCORE_SAMPLER_MALA;
    how.start = x;
    how.starts = 1;
    ck_assert_int_eq(slicescore_sample(n, &how, 1, out, NULL), SLICESCORE_ERROR_USAGE);
    how.sampler = (enum slicescore_sampler)99;
    ck_assert_int_eq(slicescore_sample(s, &how, 1, out, NULL), SLICESCORE_ERROR_USAGE);
    how.sampler = SLICESCORE_SAMPLER_LANGEVIN;
    how.starts = 0;
    ck_assert_int_eq(slicescore_sample(s, &how, 1, out, NULL), SLICESCORE_ERROR_USAGE);
    how.starts = 1;
    x[1] = NAN;
    ck_assert_int_eq(slicescore_sample(s, &how, 1, out, NULL), SLICESCORE_ERROR_USAGE);
    x[1] = 0.5;
    ck_assert_int_eq(slicescore_sample(s, &how, 0, out, NULL), SLICESCORE_ERROR_USAGE);
    how.step_size = -1;
    ck_assert_int_eq(slicescore_sample(s, &how, 1, out, NULL), SLICESCORE_ERROR_USAGE);
    slicescore_free(s);
    slicescore_free(n);
    loud();
}
END_TEST

/* ---- numbers ---- */

/* Central differences of fourth order against the score. h: a hundredth of the columns' spread, so that what
 * is left out is below 1e-4 of the score, and the density's float rounding, 1e-6 / h of it, too. */
static void check_gradient(const char *name, const char *what, double unit)
{
    struct slicescore *const s = loaded(name);
    const size_t D = slicescore_dimension(s);
    const double h = 0.004 * unit, base[3] = {0.45, 0.4, 0.52};

    for (size_t k = 0; k < 4; k++) {
        double x[3], row[5 * 3 * 3], density[5 * 3], score[3];
        static const double step[4] = {-2, -1, 1, 2}, weight[4] = {1. / 12, -8. / 12, 8. / 12, -1. / 12};
        for (size_t j = 0; j < D; j++)
            x[j] = unit * (base[j] + 0.05 * (double)k * (j % 2 ? -1 : 1));
        ck_assert_int_eq(slicescore_score(s, x, 1, NULL, score), SLICESCORE_OK);
        for (size_t j = 0; j < D; j++) {
            double slope = 0;
            for (size_t i = 0; i < 4; i++) {
                memcpy(row + i * D, x, D * sizeof(*x));
                row[i * D + j] += step[i] * h;
            }
            ck_assert_int_eq(slicescore_log_density(s, row, 4, density), SLICESCORE_OK);
            for (size_t i = 0; i < 4; i++)
                slope += weight[i] * density[i] / h;
            ck_assert_msg(unit * fabs(slope - score[j]) < 2e-3 * (1 + unit * fabs(score[j])),
                          "%s: score %g, slope %g", what, score[j], slope);
        }
    }
    slicescore_free(s);
}

START_TEST(the_score_is_the_gradient_of_the_log_density_through_every_transform)
{
    static const char *const chains[] = {"[]",
                                         "[standardize]",
                                         "[whiten]",
                                         "[{logit: 0.05}]",
                                         "[dequantize, standardize]",
                                         "[{permute: [2, 0, 1]}, standardize]",
                                         "[{drop_correlated: 0.3}, {logit: 0.05}, whiten]",
                                         "[{logit: 0.01}, standardize, {permute: 3}, whiten, {noise: 0.1}]"};

    for (size_t i = 0; i < SS_COUNT(chains); i++) {
        char yaml[600];
        const bool whole = strstr(chains[i], "dequantize") != NULL;
        snprintf(yaml, sizeof(yaml), "data: {file: %s.csv, columns: {drop: [label]}, transform: %s}\n" NET,
                 whole ? "whole" : "table", chains[i]);
        train("chain", yaml);
        check_gradient("chain", chains[i], whole ? 64 : 1);
    }
}
END_TEST

START_TEST(columns_are_named_and_dropped_ones_are_not_among_them)
{
    struct slicescore *const s = loaded("net");

    ck_assert_uint_eq(slicescore_dimension(s), 3);
    ck_assert_str_eq(slicescore_column(s, 0), "one");
    ck_assert_str_eq(slicescore_column(s, 1), "two");
    ck_assert_str_eq(slicescore_column(s, 2), "three");
    ck_assert_ptr_null(slicescore_column(s, 3));
    ck_assert_uint_eq(slicescore_step(s), 30);
    ck_assert_int_eq(slicescore_kind(s), SLICESCORE_KIND_ENERGY);
    ck_assert_str_ne(slicescore_device_name(s), "");
    slicescore_free(s);
}
END_TEST

/* Mean 5, -3, covariance 4, 1.2, 1: the run learned it from 1600 rows, so to some hundredths. */
START_TEST(a_normalized_density_is_that_of_the_law_that_was_learned)
{
    struct slicescore *const s = loaded("plane");
    const double x[4] = {5, -3, 7, -2};
    double before[2], after[2], score[4], log_z, error;

    ck_assert_int_eq(slicescore_score(s, x, 2, before, score), SLICESCORE_OK);
    ck_assert_int_eq(slicescore_normalized(s), 0);
    ck_assert_int_eq(slicescore_normalize(s, &log_z, &error), SLICESCORE_OK);
    ck_assert_int_eq(slicescore_normalized(s), 1);
    ck_assert(error >= 0 && error < 1e-3);
    ck_assert_int_eq(slicescore_log_density(s, x, 2, after), SLICESCORE_OK);
    for (size_t i = 0; i < 2; i++)
        ck_assert_double_eq_tol(before[i] - log_z, after[i], 1e-9);
    /* -log(2 pi) - 1/2 log det, det = 4 - 1.44; and 1/2 (2, 1) S^-1 (2, 1)' = 1/2 (4 - 4.8 + 4) / 2.56 */
    ck_assert_double_eq_tol(after[0], -1.837877 - 0.5 * log(2.56), 0.15);
    ck_assert_double_eq_tol(after[0] - after[1], 0.625, 0.15);
    ck_assert_double_eq_tol(score[2], -(2 - 1.2) / 2.56, 0.1);
    ck_assert_double_eq_tol(score[3], -(4 - 2.4) / 2.56, 0.2);
    slicescore_free(s);
}
END_TEST

START_TEST(rows_that_are_not_finite_get_nan_and_spoil_no_other)
{
    struct slicescore *const s = loaded("net");
    const double x[9] = {0.5, 0.4, 0.5, INFINITY, 0.4, 0.5, 0.5, NAN, 0.5};
    double density[3], score[9], alone, alone_score[3];

    ck_assert_int_eq(slicescore_score(s, x, 3, density, score), SLICESCORE_OK);
    ck_assert_int_eq(slicescore_score(s, x, 1, &alone, alone_score), SLICESCORE_OK);
    ck_assert_double_eq_tol(density[0], alone, 1e-5);
    for (size_t i = 3; i < 9; i++)
        ck_assert(isfinite(score[i - 3]) == (i < 6) && isnan(score[i]));
    ck_assert(isnan(density[1]) && isnan(density[2]));
    slicescore_free(s);
}
END_TEST

/* ---- samples ---- */

static void moments(const double *x, size_t n, double mean[2], double c[3])
{
    memset(mean, 0, 2 * sizeof(*mean));
    memset(c, 0, 3 * sizeof(*c));
    for (size_t i = 0; i < 2 * n; i++)
        mean[i % 2] += x[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        const double a = x[2 * i] - mean[0], b = x[2 * i + 1] - mean[1];
        c[0] += a * a / (double)n;
        c[1] += a * b / (double)n;
        c[2] += b * b / (double)n;
    }
}

/* 4000 samples: 4 standard errors of a mean are 0.13 and 0.063; of a variance 9 % of it; and the run's own
 * error is as large as that of 1600 rows. */
START_TEST(samples_have_the_moments_of_the_law_in_its_own_units)
{
    struct slicescore *const s = loaded("plane");
    struct slicescore_sampled sampled;
    struct slicescore_sampling how;
    static double x[8000], again[8000];
    double mean[2], c[3];

    hush();
    ck_assert_int_eq(slicescore_sample(s, NULL, 4000, x, &sampled), SLICESCORE_OK);
    loud();
    ck_assert_uint_eq(sampled.count, 4000);
    ck_assert_uint_eq(sampled.lost, 0);
    ck_assert(sampled.acceptance > 0.3 && sampled.acceptance <= 1);
    moments(x, 4000, mean, c);
    ck_assert_double_eq_tol(mean[0], 5, 0.35);
    ck_assert_double_eq_tol(mean[1], -3, 0.17);
    ck_assert_double_eq_tol(c[0], 4, 1);
    ck_assert_double_eq_tol(c[1], 1.2, 0.35);
    ck_assert_double_eq_tol(c[2], 1, 0.25);
    ck_assert_int_eq(slicescore_sampling(s, &how), SLICESCORE_OK);
    ck_assert_int_eq(how.sampler, SLICESCORE_SAMPLER_MALA);
    ck_assert_uint_eq(how.steps, 150);
    ck_assert_int_eq(slicescore_sample(s, &how, 4000, again, NULL), SLICESCORE_OK);
    ck_assert_mem_eq(x, again, sizeof(x)); /* the same seed */
    slicescore_free(s);
}
END_TEST

START_TEST(hmc_adapts_its_step_and_says_how_well_it_mixed)
{
    struct slicescore *const s = loaded("plane");
    struct slicescore_sampled sampled;
    struct slicescore_sampling how;
    static double x[4000];
    double mean[2], c[3];

    ck_assert_int_eq(slicescore_sampling(s, &how), SLICESCORE_OK);
    how.sampler = SLICESCORE_SAMPLER_HMC;
    how.warmup = 80;
    how.acceptance = 0.8;
    how.steps = 40;
    how.leapfrog = 7;
    how.step_size = 1e-3;
    hush();
    ck_assert_int_eq(slicescore_sample(s, &how, 2000, x, &sampled), SLICESCORE_OK);
    loud();
    ck_assert_uint_eq(sampled.count, 2000);
    ck_assert_double_eq_tol(sampled.acceptance, 0.8, 0.07);
    ck_assert(sampled.step_size > 0.05 && sampled.rhat < 1.05 && sampled.ess > 4000);
    moments(x, 2000, mean, c); /* 4 standard errors as above, of half as many samples */
    ck_assert_double_eq_tol(mean[0], 5, 0.42);
    ck_assert_double_eq_tol(c[0], 4, 1.1);
    how.acceptance = 1;
    ck_assert_int_eq(slicescore_sample(s, &how, 10, x, NULL), SLICESCORE_ERROR_USAGE);
    how.acceptance = 0.8;
    how.leapfrog = 0;
    ck_assert_int_eq(slicescore_sample(s, &how, 10, x, NULL), SLICESCORE_ERROR_USAGE);
    slicescore_free(s);
}
END_TEST

START_TEST(chains_start_where_the_caller_says)
{
    struct slicescore *const s = loaded("plane");
    const double start[4] = {5, -3, 8, -4};
    double x[6];

    const struct slicescore_sampling how = {
        .sampler = SLICESCORE_SAMPLER_LANGEVIN, .steps = 1, .step_size = 1e-12, .start = start, .starts = 2};
    ck_assert_int_eq(slicescore_sample(s, &how, 3, x, NULL), SLICESCORE_OK);
    for (size_t i = 0; i < 6; i++)
        ck_assert_double_eq_tol(x[i], start[i % 4], 1e-4);
    slicescore_free(s);
}
END_TEST

START_TEST(chains_that_ran_away_are_an_error_or_counted_never_samples)
{
    struct slicescore *const s = loaded("plane");
    struct slicescore_sampled sampled = {0};
    double x[20];

    const struct slicescore_sampling how = {
        .sampler = SLICESCORE_SAMPLER_LANGEVIN, .steps = 400, .step_size = 1e3};
    hush();
    ck_assert_int_eq(slicescore_sample(s, &how, 10, x, &sampled), SLICESCORE_ERROR_DIVERGED);
    ck_assert_int_eq(slicescore_sample(s, &how, 10, x, NULL), SLICESCORE_ERROR_DIVERGED);
    ck_assert_ptr_nonnull(strstr(slicescore_message(s), "step_size"));
    ck_assert_ptr_nonnull(strstr(slicescore_warnings(s), "ran away"));
    loud();
    ck_assert_uint_eq(sampled.count, 0);
    slicescore_free(s);
}
END_TEST

/* ---- several threads ---- */

struct thread {
    pthread_t id;
    char run[256];
    double density, score[3];
    enum slicescore_status status;
    char message[256];
};

static void *use_a_handle(void *context)
{
    struct thread *const t = context;
    const double x[3] = {0.5, 0.4, 0.5};
    struct slicescore *const s = slicescore_create();

    for (int i = 0; i < 2; i++) {
        t->status = slicescore_load(s, t->run, SLICESCORE_WEIGHTS_BEST);
        for (int k = 0; t->status == SLICESCORE_OK && k < 20; k++)
            t->status = slicescore_score(s, x, 1, &t->density, t->score);
    }
    snprintf(t->message, sizeof(t->message), "%s", slicescore_message(s));
    slicescore_free(s);
    return NULL;
}

START_TEST(threads_with_a_handle_each_get_the_same_numbers_and_their_own_messages)
{
    struct thread threads[4] = {0};

    hush();
    for (size_t i = 0; i < SS_COUNT(threads); i++) {
        strcpy(threads[i].run, at(i == 2 ? "nowhere" : "net"));
        ck_assert_int_eq(pthread_create(&threads[i].id, NULL, use_a_handle, &threads[i]), 0);
    }
    for (size_t i = 0; i < SS_COUNT(threads); i++)
        ck_assert_int_eq(pthread_join(threads[i].id, NULL), 0);
    loud();
    ck_assert_int_eq(threads[2].status, SLICESCORE_ERROR_FILE);
    ck_assert_ptr_nonnull(strstr(threads[2].message, "nowhere"));
    for (size_t i = 0; i < SS_COUNT(threads); i++) {
        if (i == 2)
            continue;
        ck_assert_msg(threads[i].status == SLICESCORE_OK, "%s", threads[i].message);
        ck_assert_str_eq(threads[i].message, "");
        ck_assert_mem_eq(&threads[i].density, &threads[0].density, sizeof(double));
        ck_assert_mem_eq(threads[i].score, threads[0].score, sizeof(threads[0].score));
    }
}
END_TEST

START_TEST(a_callers_locale_with_decimal_commas_changes_nothing_and_stays)
{
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8", "es_ES.UTF-8",
                                        "it_IT.UTF-8"};
    struct slicescore *const plain = loaded("net");
    const char *found = NULL;
    const double x[3] = {0.5, 0.4, 0.5};
    double wanted, got;

    ck_assert_int_eq(slicescore_log_density(plain, x, 1, &wanted), SLICESCORE_OK);
    slicescore_free(plain);
    for (size_t i = 0; i < SS_COUNT(names) && !found; i++)
        found = setlocale(LC_ALL, names[i]);
    if (!found) {
        puts("skip: no locale with decimal commas is installed");
        return;
    }
    struct slicescore *const s = loaded("net");
    ck_assert_int_eq(slicescore_log_density(s, x, 1, &got), SLICESCORE_OK);
    slicescore_free(s);
    ck_assert_str_eq(localeconv()->decimal_point, ",");
    setlocale(LC_ALL, "C");
    ck_assert_mem_eq(&wanted, &got, sizeof(got));
}
END_TEST

START_TEST(a_handle_takes_another_device_and_another_run)
{
    struct slicescore *const s = loaded("net");
    const double x[2] = {5, -3};
    double density;

    ck_assert_int_eq(slicescore_load(s, at("plane"), SLICESCORE_WEIGHTS_BEST), SLICESCORE_OK);
    ck_assert_uint_eq(slicescore_dimension(s), 2);
    ck_assert_int_eq(slicescore_open_device(s, NULL), SLICESCORE_OK);
    ck_assert_int_eq(slicescore_kind(s), SLICESCORE_KIND_NONE);
    ck_assert_int_eq(slicescore_load(s, at("plane"), SLICESCORE_WEIGHTS_BEST), SLICESCORE_OK);
    ck_assert_int_eq(slicescore_log_density(s, x, 1, &density), SLICESCORE_OK);
    ck_assert(isfinite(density));
    ck_assert_int_eq(slicescore_load(s, at("nowhere"), SLICESCORE_WEIGHTS_BEST), SLICESCORE_ERROR_FILE);
    ck_assert_uint_eq(slicescore_dimension(s), 0);
    slicescore_free(s);
}
END_TEST

int main(void)
{
    if (test_small()) {
        puts("skip: runs that are trained and drawn: minutes for each in a simulator");
        return EXIT_SUCCESS;
    }
    Suite *const suite = suite_create("library");
    TCase *const c = tcase_create("library");

    tcase_add_unchecked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 300);
    tcase_add_test(c, a_handle_without_a_run_answers_with_errors_and_nothing);
    tcase_add_test(c, what_is_not_a_sound_run_is_refused_with_the_reason);
    tcase_add_test(c, arguments_that_make_no_sense_are_refused);
    tcase_add_test(c, the_score_is_the_gradient_of_the_log_density_through_every_transform);
    tcase_add_test(c, columns_are_named_and_dropped_ones_are_not_among_them);
    tcase_add_test(c, a_normalized_density_is_that_of_the_law_that_was_learned);
    tcase_add_test(c, rows_that_are_not_finite_get_nan_and_spoil_no_other);
    tcase_add_test(c, samples_have_the_moments_of_the_law_in_its_own_units);
    tcase_add_test(c, hmc_adapts_its_step_and_says_how_well_it_mixed);
    tcase_add_test(c, chains_start_where_the_caller_says);
    tcase_add_test(c, chains_that_ran_away_are_an_error_or_counted_never_samples);
    tcase_add_test(c, threads_with_a_handle_each_get_the_same_numbers_and_their_own_messages);
    tcase_add_test(c, a_callers_locale_with_decimal_commas_changes_nothing_and_stays);
    tcase_add_test(c, a_handle_takes_another_device_and_another_run);
    suite_add_tcase(suite, c);
    return run_device_suite(suite);
}
