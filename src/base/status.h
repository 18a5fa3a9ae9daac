/*
 * status.h - the one error type of the program, and the one sink for what it says to people.
 *
 * A failure is reported once, where it happens, by SS_FAIL; callers pass the status up unchanged (TRY).
 * Message style: fact first, lower case, no full stop, what was wanted and what was found.
 */
#ifndef SS_BASE_STATUS_H
#define SS_BASE_STATUS_H

#include <stddef.h>

enum ss_status {
    SS_OK = 0,
    SS_ERR_INTERNAL,   /* our own mistake, or a system call that should not fail */
    SS_ERR_USAGE,      /* command line or configuration invalid */
    SS_ERR_NO_DEVICE,  /* no usable OpenCL device, or none that matches the choice */
    SS_ERR_DEVICE,     /* an OpenCL or CLBlast call failed; the report names it */
    SS_ERR_BUILD,      /* a kernel did not compile; the report holds the log */
    SS_ERR_SELFTEST,   /* a known-answer test or a gradient check failed */
    SS_ERR_MEMORY,     /* host or device memory exhausted, or a size that overflows */
    SS_ERR_DIVERGED,   /* non-finite loss or gradient */
    SS_ERR_CORRUPT,    /* checkpoint or data file damaged or not what it says it is */
    SS_ERR_POINTS,     /* some points of a sweep failed */
    SS_ERR_FILE,       /* a file missing, unreadable or not writable */
    SS_ERR_INTERRUPTED /* asked to stop; a checkpoint is saved and the run can be resumed */
};

/** Exit code of the program for `st`, as listed in README.md. */
int ss_status_exit_code(enum ss_status st);

/** Name of `st` without prefix in lower case ("no_device"), for run.json. Never NULL. */
const char *ss_status_name(enum ss_status st);

enum ss_level {
    SS_LEVEL_ERROR,   /* the reason of a failed status */
    SS_LEVEL_WARNING, /* the result stands, but not as the user may think */
    SS_LEVEL_NOTE,    /* what is going on */
    SS_LEVEL_DETAIL   /* only with --verbose */
};

typedef void ss_sink_fn(void *context, enum ss_level level, const char *text);

/** Send this thread's reports to `fn`; NULL restores the default: stderr, as "slicescore: error: text". The
 * default drops SS_LEVEL_DETAIL. The sink is per thread so that a library's threads do not share it. */
void ss_sink_set(ss_sink_fn *fn, void *context);

/** The sink of this thread (NULL: the default), for one who sets another for a while. */
void ss_sink_get(ss_sink_fn **fn, void **context);

/** For a try that may fail without harm: what this thread says until ss_demote_end are details. */
struct ss_demotion {
    ss_sink_fn *fn;
    void *context;
};
void ss_demote_begin(struct ss_demotion *d);
void ss_demote_end(const struct ss_demotion *d);

__attribute__((format(printf, 2, 3))) enum ss_status ss_fail(enum ss_status st, const char *format, ...);
__attribute__((format(printf, 2, 3))) void ss_say(enum ss_level level, const char *format, ...);

#define SS_MUST_CHECK __attribute__((warn_unused_result))

/** Report and yield `st`: `return SS_FAIL(SS_ERR_FILE, "%s: %s", path, strerror(errno));` */
#define SS_FAIL(st, ...) ss_fail((st), __VA_ARGS__)
#define SS_FAIL_MEMORY(bytes) ss_fail(SS_ERR_MEMORY, "out of memory: %zu bytes wanted", (size_t)(bytes))

/** For a function with `enum ss_status st = SS_OK;` and one label `out:` that releases all and returns `st`.
 */
#define TRY(expression)    \
    do {                   \
        st = (expression); \
        if (st != SS_OK)   \
            goto out;      \
    } while (0)

#define SS_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
