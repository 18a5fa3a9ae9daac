#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name;
    int exit_code;
} statuses[] = {
    [SS_OK] = {"ok", 0},
    [SS_ERR_INTERNAL] = {"internal", 1},
    [SS_ERR_USAGE] = {"usage", 2},
    [SS_ERR_NO_DEVICE] = {"no_device", 3},
    [SS_ERR_DEVICE] = {"device", 1},
    [SS_ERR_BUILD] = {"build", 4},
    [SS_ERR_SELFTEST] = {"selftest", 4},
    [SS_ERR_MEMORY] = {"memory", 5},
    [SS_ERR_DIVERGED] = {"diverged", 6},
    [SS_ERR_CORRUPT] = {"corrupt", 7},
    [SS_ERR_POINTS] = {"points", 8},
    [SS_ERR_FILE] = {"file", 9},
    [SS_ERR_INTERRUPTED] = {"interrupted", 75},
};

static _Thread_local struct {
    ss_sink_fn *fn;
    void *context;
} sink;

int ss_status_exit_code(enum ss_status st)
{
    return (size_t)st < SS_COUNT(statuses) ? statuses[st].exit_code : 1;
}

const char *ss_status_name(enum ss_status st)
{
    return (size_t)st < SS_COUNT(statuses) ? statuses[st].name : "unknown";
}

void ss_sink_set(ss_sink_fn *fn, void *context)
{
    sink.fn = fn;
    sink.context = context;
}

void ss_sink_get(ss_sink_fn **fn, void **context)
{
    *fn = sink.fn;
    *context = sink.context;
}

static void say_stderr(enum ss_level level, const char *text)
{
    static const char *const prefix[] = {"error: ", "warning: ", "", ""};

    if (level < SS_LEVEL_DETAIL)
        fprintf(stderr, "slicescore: %s%s\n", prefix[level], text);
}

static void say(enum ss_level level, const char *format, va_list args)
{
    char small[512];
    char *text = small;
    va_list again;

    va_copy(again, args);
    const int n = vsnprintf(small, sizeof(small), format, args);
    if (n >= (int)sizeof(small)) {
        char *const large = malloc((size_t)n + 1);
        if (large) {
            vsnprintf(large, (size_t)n + 1, format, again);
            text = large;
        }
    }
    va_end(again);
    if (sink.fn)
        sink.fn(sink.context, level, text);
    else
        say_stderr(level, text);
    if (text != small)
        free(text);
}

enum ss_status ss_fail(enum ss_status st, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(SS_LEVEL_ERROR, format, args);
    va_end(args);
    return st;
}

void ss_say(enum ss_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(level, format, args);
    va_end(args);
}

static void demote(void *context, enum ss_level level, const char *text)
{
    const struct ss_demotion *const outer = context;

    (void)level;
    ss_sink_set(outer->fn, outer->context);
    ss_say(SS_LEVEL_DETAIL, "%s", text);
    ss_sink_set(demote, context);
}

void ss_demote_begin(struct ss_demotion *d)
{
    ss_sink_get(&d->fn, &d->context);
    ss_sink_set(demote, d);
}

void ss_demote_end(const struct ss_demotion *d)
{
    ss_sink_set(d->fn, d->context);
}
