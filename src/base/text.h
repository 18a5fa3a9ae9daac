/* text.h - a growable string: never NULL, always terminated; an allocation failure is kept and told at the
 * end. */
#ifndef SS_BASE_TEXT_H
#define SS_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

struct ss_text {
    char *data; /* never NULL after init */
    size_t length;
    size_t capacity; /* 0 while `data` is the shared empty string */
    bool failed;     /* memory ran out: what was added since is lost */
};

void ss_text_init(struct ss_text *t);
void ss_text_release(struct ss_text *t);
void ss_text_clear(struct ss_text *t);
void ss_text_add(struct ss_text *t, const char *s);
void ss_text_add_bytes(struct ss_text *t, const void *bytes, size_t n);
__attribute__((format(printf, 2, 3))) void ss_text_addf(struct ss_text *t, const char *format, ...);

/** Reports SS_ERR_MEMORY if anything was lost. */
SS_MUST_CHECK enum ss_status ss_text_status(const struct ss_text *t);

/** Hand the string to the caller, who frees it; `t` is empty again. NULL if memory ran out. */
char *ss_text_detach(struct ss_text *t);

/** A copy of `s`, or of what printf would make, that the caller frees; SS_ERR_MEMORY otherwise. */
SS_MUST_CHECK enum ss_status ss_text_copy(const char *s, char **out);
__attribute__((format(printf, 2, 3))) SS_MUST_CHECK enum ss_status ss_text_format(char **out,
                                                                                  const char *format, ...);

/** Edit distance with transpositions (Damerau-Levenshtein, optimal alignment), case-insensitive; strings past
 * 63 bytes count as far away (SIZE_MAX). */
size_t ss_text_distance(const char *a, const char *b);

/** The candidate nearest to `word` within distance 2 (1 for words of up to 3 letters) or starting with it,
 * else NULL. */
const char *ss_text_nearest(const char *word, const char *const *candidates, size_t n);

/** A finite or infinite double by the YAML 1.2 core schema: [-+]? digits with . and exponent, .inf, .nan; the
 * whole of `s`, no blanks, whatever the locale. */
bool ss_text_number(const char *s, double *out);

#endif
