/*
 * problem.h - what is wrong with an experiment file and its overrides, collected so that all of it is told at
 * once.
 *
 * Each problem knows its place; the report shows the source line, a caret and a hint.
 */
#ifndef SS_CONFIG_PROBLEM_H
#define SS_CONFIG_PROBLEM_H

#include <stddef.h>

#include "base/status.h"

/** A text that places point into; outlives them. */
struct ss_document {
    const char *name; /* as messages show it: the path, or override "key=value" */
    const char *text;
    size_t size;
    size_t order; /* problems are sorted by it: 0 for the file, then the overrides */
};

/** Lines and columns (characters, not bytes) count from 1; line 0 = the document as a whole. */
struct ss_place {
    const struct ss_document *document;
    size_t line, column;
};

enum {
    SS_PROBLEMS_SHOWN = 50, /* a file that is wrong from end to end is not worth more */
    SS_SHOWN_SIZE = 64
};

struct ss_problem {
    struct ss_place place;
    size_t sequence;
    char *text; /* "key.path: message" */
    char *hint; /* NULL if there is none */
};

struct ss_problems {
    struct ss_problem items[SS_PROBLEMS_SHOWN];
    size_t count;         /* may be larger than what is kept */
    size_t files;         /* how many of them are files that are not there: counted by who adds them */
    enum ss_status fault; /* SS_ERR_MEMORY once a problem could not be kept */
};

void ss_problems_init(struct ss_problems *p);
void ss_problems_release(struct ss_problems *p);

/**
 * Add a problem at `place`.
 *
 * @param key   dotted path it is about, NULL if none
 * @param hint  the line under the caret, NULL if none
 */
__attribute__((format(printf, 5, 6))) void ss_problems_add(struct ss_problems *p, struct ss_place place,
                                                           const char *key, const char *hint,
                                                           const char *format, ...);

/** Report all in the order of their places. SS_OK if there is none, SS_ERR_FILE if all are missing files,
 * else SS_ERR_USAGE (or the fault). */
SS_MUST_CHECK enum ss_status ss_problems_report(struct ss_problems *p);

/** `s` made fit for a message: control and non-ASCII bytes as '?', cut with "..." if long. Returns `out`. */
const char *ss_shown(const char *s, char out[SS_SHOWN_SIZE]);

#endif
