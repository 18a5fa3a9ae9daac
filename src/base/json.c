#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void quoted(struct ss_text *t, const char *s)
{
    ss_text_add(t, "\"");
    for (; *s; s++) {
        const unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            ss_text_addf(t, "\\%c", c);
        else if (c == '\n')
            ss_text_add(t, "\\n");
        else if (c < 0x20 || c == 0x7f)
            ss_text_addf(t, "\\u%04x", c);
        else
            ss_text_add_bytes(t, s, 1);
    }
    ss_text_add(t, "\"");
}

static void lead(struct ss_text *t, const char *key)
{
    if (t->length && !strchr("{[:\n", t->data[t->length - 1]))
        ss_text_add(t, ", ");
    if (key) {
        quoted(t, key);
        ss_text_add(t, ": ");
    }
}

void ss_json_open(struct ss_text *t, const char *key, char bracket)
{
    lead(t, key);
    ss_text_add_bytes(t, &bracket, 1);
}

void ss_json_close(struct ss_text *t, char bracket)
{
    ss_text_add_bytes(t, &bracket, 1);
}

void ss_json_text(struct ss_text *t, const char *key, const char *value)
{
    lead(t, key);
    if (value)
        quoted(t, value);
    else
        ss_text_add(t, "null");
}

void ss_json_number(struct ss_text *t, const char *key, double value)
{
    char digits[32];

    lead(t, key);
    if (!isfinite(value)) {
        ss_text_add(t, "null");
        return;
    }
    snprintf(digits, sizeof(digits), "%.9g", value); /* a float survives; a double that needs more gets 17 */
    double again;
    if (!ss_text_number(digits, &again) || again != value)
        snprintf(digits, sizeof(digits), (double)(float)value == value ? "%.9g" : "%.17g", value);
    ss_text_add(t, digits);
}

void ss_json_integer(struct ss_text *t, const char *key, long long value)
{
    lead(t, key);
    ss_text_addf(t, "%lld", value);
}

void ss_json_bool(struct ss_text *t, const char *key, bool value)
{
    lead(t, key);
    ss_text_add(t, value ? "true" : "false");
}

void ss_json_null(struct ss_text *t, const char *key)
{
    ss_json_text(t, key, NULL);
}
