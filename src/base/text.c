#include "base/text.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"

static char empty[1];

void ss_text_init(struct ss_text *t)
{
    *t = (struct ss_text){.data = empty};
}

void ss_text_release(struct ss_text *t)
{
    if (t->capacity)
        free(t->data);
    ss_text_init(t);
}

void ss_text_clear(struct ss_text *t)
{
    t->length = 0;
    if (t->capacity)
        t->data[0] = '\0';
}

static bool reserve(struct ss_text *t, size_t more)
{
    size_t capacity = t->capacity ? t->capacity : 64;

    if (more >= SIZE_MAX / 4 - t->length) {
        t->failed = true;
        return false;
    }
    while (capacity < t->length + more + 1)
        capacity *= 2;
    if (capacity == t->capacity)
        return true;
    char *const data = realloc(t->capacity ? t->data : NULL, capacity);
    if (!data) {
        t->failed = true;
        return false;
    }
    t->data = data;
    t->data[t->length] = '\0';
    t->capacity = capacity;
    return true;
}

void ss_text_add_bytes(struct ss_text *t, const void *bytes, size_t n)
{
    if (!n || !reserve(t, n))
        return;
    memcpy(t->data + t->length, bytes, n);
    t->length += n;
    t->data[t->length] = '\0';
}

void ss_text_add(struct ss_text *t, const char *s)
{
    ss_text_add_bytes(t, s, strlen(s));
}

static void addv(struct ss_text *t, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    if (n >= 0 && reserve(t, (size_t)n)) {
        vsnprintf(t->data + t->length, (size_t)n + 1, format, again);
        t->length += (size_t)n;
    }
    va_end(again);
}

void ss_text_addf(struct ss_text *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    addv(t, format, args);
    va_end(args);
}

enum ss_status ss_text_status(const struct ss_text *t)
{
    return t->failed ? SS_FAIL(SS_ERR_MEMORY, "out of memory after %zu bytes of text", t->length) : SS_OK;
}

char *ss_text_detach(struct ss_text *t)
{
    char *data = NULL;

    if (!t->failed && reserve(t, 0)) {
        data = t->data;
        ss_text_init(t);
    }
    ss_text_release(t);
    return data;
}

enum ss_status ss_text_copy(const char *s, char **out)
{
    return ss_text_format(out, "%s", s);
}

enum ss_status ss_text_format(char **out, const char *format, ...)
{
    struct ss_text t;
    va_list args;

    ss_text_init(&t);
    va_start(args, format);
    addv(&t, format, args);
    va_end(args);
    char *const s = ss_text_detach(&t);
    if (!s)
        return SS_FAIL(SS_ERR_MEMORY, "out of memory for a text");
    *out = s;
    return SS_OK;
}

enum { LONGEST = 63 };

static size_t smallest(size_t a, size_t b, size_t c)
{
    const size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

size_t ss_text_distance(const char *a, const char *b)
{
    const size_t na = strlen(a), nb = strlen(b);
    size_t rows[3][LONGEST + 1]; /* of the table: i-2, i-1, i, in turn */

    if (na > LONGEST || nb > LONGEST)
        return SIZE_MAX;
    for (size_t j = 0; j <= nb; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *const row = rows[i % 3];
        const size_t *const above = rows[(i + 2) % 3], *const two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            const int ca = tolower((unsigned char)a[i - 1]), cb = tolower((unsigned char)b[j - 1]);
            row[j] = smallest(above[j] + 1, row[j - 1] + 1, above[j - 1] + (ca != cb));
            if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
                cb == tolower((unsigned char)a[i - 2]) && two_above[j - 2] + 1 < row[j])
                row[j] = two_above[j - 2] + 1;
        }
    }
    return rows[na % 3][nb];
}

const char *ss_text_nearest(const char *word, const char *const *candidates, size_t n)
{
    const size_t length = strlen(word);
    const char *best = NULL;
    size_t best_distance = length <= 3 ? 2 : 3;

    for (size_t i = 0; i < n; i++) {
        const size_t d = ss_text_distance(word, candidates[i]);
        if (d < best_distance) {
            best = candidates[i];
            best_distance = d;
        }
    }
    for (size_t i = 0; !best && length >= 3 && i < n; i++)
        if (strncasecmp(word, candidates[i], length) == 0)
            best = candidates[i];
    return best;
}

/* The grammar is checked by hand, because strtod takes more (hex, "nan(...)", blanks) and reads the locale's
 * comma. */
static bool is_plain_number(const char *s)
{
    size_t digits = 0;

    s += *s == '-' || *s == '+';
    for (; isdigit((unsigned char)*s); s++)
        digits++;
    if (*s == '.')
        for (s++; isdigit((unsigned char)*s); s++)
            digits++;
    if (!digits)
        return false;
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '-' || *s == '+';
        if (!isdigit((unsigned char)*s))
            return false;
        while (isdigit((unsigned char)*s))
            s++;
    }
    return *s == '\0';
}

bool ss_text_number(const char *s, double *out)
{
    const bool negative = *s == '-';
    const char *const rest = s + (negative || *s == '+');

    if (strcasecmp(rest, ".inf") == 0) {
        *out = negative ? -INFINITY : INFINITY;
        return true;
    }
    if (strcasecmp(s, ".nan") == 0) {
        *out = NAN;
        return true;
    }
    if (!is_plain_number(s))
        return false;
    /* The program never calls setlocale, and the library sets the C locale for its calls: strtod reads a
     * point. */
    *out = strtod(s, NULL);
    return true;
}
