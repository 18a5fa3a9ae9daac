#include "run/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/signals.h"
#include "base/text.h"

enum { LINE = 512 };

struct ss_log {
    bool quiet, verbose;
    bool live, colour; /* of stderr */
    FILE *file;
    struct ss_text before; /* said while there was no file */
    char line[LINE];       /* the live line, "" if none */

    /* The thread that tells of long phases. All above is used under the lock once it runs. */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool running, ending;
    char phase[160];
    double since;
};

/* ---- stderr ---- */

static size_t terminal_width(void)
{
    struct winsize w;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 80;
}

/* Bytes of `s` that fill at most `width` columns; a UTF-8 sequence counts as one column and is not cut. */
static size_t fitting(const char *s, size_t width)
{
    size_t n = 0, columns = 0;

    for (; s[n]; n++) {
        if (((unsigned char)s[n] & 0xc0) != 0x80 && ++columns > width)
            break;
    }
    return n;
}

static void erase_line(const struct ss_log *l)
{
    if (l->live && l->line[0])
        fputs("\r\033[K", stderr);
}

static void draw_line(const struct ss_log *l)
{
    if (l->live && l->line[0])
        fprintf(stderr, "\r\033[K%.*s", (int)fitting(l->line, terminal_width() - 1), l->line);
    fflush(stderr);
}

static void set_line(struct ss_log *l, const char *text)
{
    erase_line(l);
    snprintf(l->line, sizeof(l->line), "%s", text);
    draw_line(l);
}

static void to_stderr(const struct ss_log *l, enum ss_level level, const char *text)
{
    static const struct {
        const char *name, *colour;
    } looks[] = {[SS_LEVEL_ERROR] = {"slicescore: error: ", "\033[1;31m"},
                 [SS_LEVEL_WARNING] = {"slicescore: warning: ", "\033[1;33m"},
                 [SS_LEVEL_NOTE] = {"", ""},
                 [SS_LEVEL_DETAIL] = {"", ""}};
    const bool wanted = level <= SS_LEVEL_WARNING || (level == SS_LEVEL_NOTE && !l->quiet) ||
                        (level == SS_LEVEL_DETAIL && l->verbose && !l->quiet);
    const bool coloured = l->colour && *looks[level].colour;

    if (!wanted)
        return;
    erase_line(l);
    fprintf(stderr, "%s%s%s%s\n", coloured ? looks[level].colour : "", looks[level].name,
            coloured ? "\033[0m" : "", text);
    draw_line(l);
}

/* ---- log.txt ---- */

static void to_file(struct ss_log *l, enum ss_level level, const char *text)
{
    static const char *const names[] = {"error: ", "warning: ", "", ""};
    char stamp[21];

    ss_clock_stamp(stamp);
    if (!l->file) {
        ss_text_addf(&l->before, "%s %s%s\n", stamp, names[level], text);
        return;
    }
    fprintf(l->file, "%s %s%s\n", stamp, names[level], text);
    if (fflush(l->file) != 0) {
        fclose(l->file);
        l->file = NULL;
        to_stderr(l, SS_LEVEL_WARNING, "log.txt cannot be written: what follows is not in it");
    }
}

static void sink(void *context, enum ss_level level, const char *text)
{
    struct ss_log *const l = context;

    pthread_mutex_lock(&l->lock);
    to_stderr(l, level, text);
    to_file(l, level, text);
    pthread_mutex_unlock(&l->lock);
}

/* ---- phases ---- */

static void wait_until(struct ss_log *l, double seconds)
{
    struct timespec at;

    clock_gettime(CLOCK_REALTIME, &at);
    const long nanoseconds = at.tv_nsec + (long)(seconds * 1e9) % 1000000000L;
    at.tv_sec += (time_t)seconds + nanoseconds / 1000000000L;
    at.tv_nsec = nanoseconds % 1000000000L;
    pthread_cond_timedwait(&l->wake, &l->lock, &at);
}

static void tell_phase(struct ss_log *l, double lasted, bool first)
{
    char text[LINE], time[32];

    ss_clock_duration(lasted, time);
    if (l->live) {
        snprintf(text, sizeof(text), "%s ... %s", l->phase, time);
        set_line(l, text);
    } else if (first) {
        snprintf(text, sizeof(text), "%s ...", l->phase);
        to_stderr(l, SS_LEVEL_NOTE, text);
    }
}

static void *watch(void *context)
{
    struct ss_log *const l = context;
    double told = 0; /* the start of the phase that was told of */

    pthread_mutex_lock(&l->lock);
    while (!l->ending) {
        if (!l->phase[0]) {
            pthread_cond_wait(&l->wake, &l->lock);
            continue;
        }
        const double lasted = ss_clock_seconds() - l->since;
        if (lasted < 1) {
            wait_until(l, 1.01 - lasted);
            continue;
        }
        tell_phase(l, lasted, told < l->since || told > l->since);
        told = l->since;
        wait_until(l, 0.5);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* Signals are the main thread's business. */
static bool start_watch(struct ss_log *l)
{
    struct ss_signals held;

    ss_signals_hold(&held);
    const bool ok = pthread_create(&l->thread, NULL, watch, l) == 0;
    ss_signals_release(&held);
    return ok;
}

void ss_log_phase(struct ss_log *l, const char *what)
{
    char time[32];

    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    const double lasted = l->phase[0] ? ss_clock_seconds() - l->since : 0;
    if (lasted > 1) {
        char text[LINE];
        ss_clock_duration(lasted, time);
        snprintf(text, sizeof(text), "%s took %s", l->phase, time);
        set_line(l, "");
        to_file(l, SS_LEVEL_DETAIL, text);
        if (l->live) /* the line that told of it is gone: leave a trace */
            to_stderr(l, SS_LEVEL_NOTE, text);
    }
    snprintf(l->phase, sizeof(l->phase), "%s", what ? what : "");
    l->since = ss_clock_seconds();
    if (what && !l->running)
        l->running = start_watch(l); /* without it nothing is lost but the word */
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
}

/* ---- life ---- */

enum ss_status ss_log_create(const struct ss_log_options *options, struct ss_log **out)
{
    struct ss_log *l = NULL;
    const char *const no_colour = getenv("NO_COLOR"), *const term = getenv("TERM");
    const bool dumb = !term || !*term || strcmp(term, "dumb") == 0;

    const enum ss_status st = ss_allocate(1, &l);
    if (st != SS_OK)
        return st;
    l->quiet = options->quiet;
    l->verbose = options->verbose;
    l->live = isatty(STDERR_FILENO) && !dumb && !options->quiet;
    l->colour = isatty(STDERR_FILENO) && !dumb && !(no_colour && *no_colour);
    ss_text_init(&l->before);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->wake, NULL);
    ss_sink_set(sink, l);
    *out = l;
    return SS_OK;
}

void ss_log_free(struct ss_log *l)
{
    if (!l)
        return;
    ss_log_phase(l, NULL);
    ss_log_live(l, NULL);
    if (l->running) {
        pthread_mutex_lock(&l->lock);
        l->ending = true;
        pthread_cond_signal(&l->wake);
        pthread_mutex_unlock(&l->lock);
        pthread_join(l->thread, NULL);
    }
    ss_sink_set(NULL, NULL);
    if (l->file)
        fclose(l->file);
    pthread_cond_destroy(&l->wake);
    pthread_mutex_destroy(&l->lock);
    ss_text_release(&l->before);
    free(l);
}

enum ss_status ss_log_file(struct ss_log *l, const char *path)
{
    FILE *const f = fopen(path, "ae");

    if (!f)
        return SS_FAIL(SS_ERR_FILE, "%s: cannot write: %s", path, strerror(errno));
    pthread_mutex_lock(&l->lock);
    if (l->file)
        fclose(l->file);
    l->file = f;
    fputs(l->before.data, f);
    fflush(f);
    ss_text_release(&l->before);
    ss_text_init(&l->before);
    pthread_mutex_unlock(&l->lock);
    return SS_OK;
}

bool ss_log_is_live(const struct ss_log *l)
{
    return l && l->live;
}

void ss_log_live(struct ss_log *l, const char *text)
{
    if (!l || !l->live)
        return;
    pthread_mutex_lock(&l->lock);
    set_line(l, text ? text : "");
    pthread_mutex_unlock(&l->lock);
}
