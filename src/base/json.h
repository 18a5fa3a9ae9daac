/*
 * json.h - write JSON into a text: commas, quoting and numbers are taken care of, nesting is the caller's.
 *
 *     ss_json_open(t, NULL, '{');
 *     ss_json_text(t, "run", path);   ss_json_number(t, "loss", x);
 *     ss_json_close(t, '}');
 */
#ifndef SS_BASE_JSON_H
#define SS_BASE_JSON_H

#include <stdbool.h>

#include "base/text.h"

/** `key` is NULL inside an array and at the top. */
void ss_json_open(struct ss_text *t, const char *key, char bracket);
void ss_json_close(struct ss_text *t, char bracket);
void ss_json_text(struct ss_text *t, const char *key, const char *value); /* NULL writes null */
void ss_json_number(struct ss_text *t, const char *key,
                    double value); /* not finite: null, as JSON has none */
void ss_json_integer(struct ss_text *t, const char *key, long long value);
void ss_json_bool(struct ss_text *t, const char *key, bool value);
void ss_json_null(struct ss_text *t, const char *key);

#endif
