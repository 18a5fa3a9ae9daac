#include "data/csv_scan.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "base/text.h"

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

static inline bool is_blank(const struct ss_csv_scan *s, char c)
{
    return c == ' ' || (c == '\t' && s->separator != '\t');
}

static inline const char *skip_blanks(const struct ss_csv_scan *s, const char *p)
{
    while (p < s->end && is_blank(s, *p))
        p++;
    return p;
}

static inline const char *skip_line_end(struct ss_csv_scan *s, const char *p)
{
    if (p == s->end)
        return p;
    s->line++;
    return p + (*p == '\r' && p + 1 < s->end && p[1] == '\n' ? 2 : 1);
}

bool ss_csv_next_record(struct ss_csv_scan *s)
{
    for (;;) {
        const char *const q = skip_blanks(s, s->p);
        if (q == s->end) {
            s->p = q;
            return false;
        }
        if (!is_line_end(*q))
            return true;
        s->p = skip_line_end(s, q);
    }
}

/* After a cell whose content ends at p: past its separator or line end; NULL if neither is there. */
static inline const char *finish(struct ss_csv_scan *s, const char *p, bool *last)
{
    const char *const q = skip_blanks(s, p);

    *last = q == s->end || is_line_end(*q);
    if (*last)
        return skip_line_end(s, q);
    if (s->separator == ' ')
        return q > p ? q : NULL;
    return *q == s->separator ? q + 1 : NULL;
}

static enum ss_csv_fault quoted_cell(struct ss_csv_scan *s, const char *p, struct ss_csv_cell *cell)
{
    cell->text = p;
    cell->quoted = true;
    for (;; p++) {
        if (p == s->end)
            return SS_CSV_UNCLOSED;
        if (*p == '"') {
            if (p + 1 == s->end || p[1] != '"')
                break;
            p++;
        } else if (*p == '\n' || (*p == '\r' && (p + 1 == s->end || p[1] != '\n'))) {
            s->line++;
        }
    }
    cell->length = (size_t)(p - cell->text);
    const char *const next = finish(s, p + 1, &cell->last);
    if (!next)
        return SS_CSV_AFTER_QUOTE;
    s->p = next;
    return SS_CSV_SOUND;
}

enum ss_csv_fault ss_csv_next_cell(struct ss_csv_scan *s, struct ss_csv_cell *cell)
{
    const char *p = skip_blanks(s, s->p);

    if (p < s->end && *p == '"')
        return quoted_cell(s, p + 1, cell);
    cell->text = p;
    cell->quoted = false;
    while (p < s->end && !is_line_end(*p) && (s->separator == ' ' ? !is_blank(s, *p) : *p != s->separator))
        p++;
    const char *content_end = p;
    while (content_end > cell->text && is_blank(s, content_end[-1]))
        content_end--;
    cell->length = (size_t)(content_end - cell->text);
    s->p = finish(s, p, &cell->last); /* p is at a separator or line end: never NULL */
    return SS_CSV_SOUND;
}

/* Powers of ten that are exact in a double. */
static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

struct decimal {
    uint64_t mantissa;
    int digits;   /* of the mantissa */
    int exponent; /* of ten */
    bool any;     /* digit seen, zeros too */
};

static inline const char *take_digits(const char *p, const char *end, int step, struct decimal *d)
{
    for (; p < end && is_digit(*p); p++) {
        /* Past this the mantissa may overflow: the digit is left standing, and no cell ends before a digit.
         */
        if (d->digits == 19 || d->exponent < -400)
            return p;
        d->mantissa = 10 * d->mantissa + (uint64_t)(*p - '0');
        d->digits += d->mantissa != 0;
        d->exponent -= step;
        d->any = true;
    }
    return p;
}

static inline const char *take_exponent(const char *p, const char *end, struct decimal *d)
{
    const char *q = p + 1;
    const bool negative = q < end && *q == '-';
    int exponent = 0;

    q += q < end && (*q == '-' || *q == '+');
    const char *const first = q;
    for (; q < end && is_digit(*q) && exponent < 1000; q++)
        exponent = 10 * exponent + (*q - '0');
    if (q == first)
        return p;
    d->exponent += negative ? -exponent : exponent;
    return q;
}

bool ss_csv_next_number(struct ss_csv_scan *s, double *x, bool *last)
{
    struct decimal d = {0};
    const char *p = skip_blanks(s, s->p);
    const bool negative = p < s->end && *p == '-';

    p += p < s->end && (*p == '-' || *p == '+');
    p = take_digits(p, s->end, 0, &d);
    if (p < s->end && *p == '.')
        p = take_digits(p + 1, s->end, 1, &d);
    if (!d.any)
        return false;
    if (p < s->end && (*p == 'e' || *p == 'E'))
        p = take_exponent(p, s->end, &d);
    if (d.mantissa == 0)
        d.exponent = 0;
    if (d.mantissa > (uint64_t)1 << 53 || d.exponent < -22 || d.exponent > 22)
        return false;
    const char *const next = finish(s, p, last);
    if (!next)
        return false;
    const double m = (double)d.mantissa;
    const double value = d.exponent < 0 ? m / powers[-d.exponent] : m * powers[d.exponent];
    *x = negative ? -value : value;
    s->p = next;
    return true;
}

enum { LONGEST_NUMBER = 1023 };

/* The cell without blanks around it, terminated; false if it is too long to be a number. */
static bool plain_copy(const struct ss_csv_cell *cell, char out[LONGEST_NUMBER + 1])
{
    const char *first = cell->text, *end = cell->text + cell->length;

    while (first < end && (*first == ' ' || *first == '\t'))
        first++;
    while (end > first && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    const size_t n = (size_t)(end - first);
    if (n > LONGEST_NUMBER)
        return false;
    memcpy(out, first, n);
    out[n] = '\0';
    return true;
}

enum ss_csv_kind ss_csv_value(const struct ss_csv_cell *cell, double *x)
{
    static const char *const missing[] = {"",    "NA",   "N/A",  "#N/A", "NaN", "-NaN",
                                          "nil", "null", "none", "?",    "-"};
    char text[LONGEST_NUMBER + 1];
    double value;

    *x = NAN;
    if (!plain_copy(cell, text))
        return SS_CSV_TEXT;
    for (size_t i = 0; i < SS_COUNT(missing); i++)
        if (strcasecmp(text, missing[i]) == 0)
            return SS_CSV_MISSING;
    if (!ss_text_number(text, &value) || isinf(value))
        return SS_CSV_TEXT;
    if (isnan(value))
        return SS_CSV_MISSING;
    *x = value;
    return SS_CSV_NUMBER;
}

bool ss_csv_is_decimal_comma(const struct ss_csv_cell *cell)
{
    char text[LONGEST_NUMBER + 1];
    double value;

    if (!plain_copy(cell, text) || strchr(text, '.'))
        return false;
    char *const comma = strchr(text, ',');
    if (!comma)
        return false;
    *comma = '.';
    return ss_text_number(text, &value);
}

bool ss_csv_is_infinite(const struct ss_csv_cell *cell)
{
    char text[LONGEST_NUMBER + 1];
    double value;

    if (!plain_copy(cell, text))
        return false;
    const char *const word = text + (*text == '-' || *text == '+');
    return strcasecmp(word, "inf") == 0 || strcasecmp(word, "infinity") == 0 ||
           (ss_text_number(text, &value) && isinf(value));
}

/* Length of the UTF-8 character at s, 0 if there is none: overlong forms, surrogates and what is past
 * U+10FFFF are not. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
    const size_t length = s[0] < 0x80   ? 1
                          : s[0] < 0xc2 ? 0
                          : s[0] < 0xe0 ? 2
                          : s[0] < 0xf0 ? 3
                          : s[0] < 0xf5 ? 4
                                        : 0;

    if (length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return length;
}

enum ss_status ss_csv_copy(const struct ss_csv_cell *cell, char **out)
{
    const unsigned char *const s = (const unsigned char *)cell->text;
    struct ss_text t;
    size_t length;

    ss_text_init(&t);
    for (size_t i = 0; i < cell->length; i += length ? length : 1) {
        const unsigned char c = s[i];
        length = utf8_length(s + i, cell->length - i);
        if (length) {
            ss_text_add_bytes(&t, s + i, length);
            if (c == '"' && cell->quoted)
                length = 2;
        } else {
            ss_text_add_bytes(&t, (const char[]){(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))}, 2);
        }
    }
    const enum ss_status st = ss_text_status(&t);
    char *const copy = ss_text_detach(&t);
    if (st != SS_OK || !copy) {
        free(copy);
        return st != SS_OK ? st : SS_FAIL_MEMORY(cell->length);
    }
    *out = copy;
    return SS_OK;
}

enum { GUESS_RECORDS = 32 };

struct record {
    size_t cells;
    size_t filled;  /* not missing */
    size_t numbers; /* that could stand in a column of numbers */
};

static bool take_record(struct ss_csv_scan *s, struct record *r)
{
    struct ss_csv_cell cell = {0};
    double x;

    *r = (struct record){0};
    if (!ss_csv_next_record(s))
        return false;
    while (!cell.last) {
        if (ss_csv_next_cell(s, &cell) != SS_CSV_SOUND)
            return false;
        r->cells++;
        const enum ss_csv_kind kind = ss_csv_value(&cell, &x);
        r->filled += kind != SS_CSV_MISSING;
        r->numbers += kind != SS_CSV_TEXT || ss_csv_is_decimal_comma(&cell);
    }
    return true;
}

static double plausibility(struct ss_csv_scan s)
{
    struct record r[GUESS_RECORDS];
    size_t n = 0;
    double score = 0;

    /* A line of tabs says nothing about what separates cells. */
    while (n < GUESS_RECORDS && take_record(&s, &r[n]))
        n += r[n].filled > 0;
    if (n == 0)
        return 0;
    /* The first may name the columns: the second says how many there are. */
    const size_t cells = r[n > 1].cells;
    if (cells < 2)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (r[i].cells == cells)
            score += 0.1 + (i > 0 || n == 1 ? (double)r[i].numbers / (double)cells : 0);
    return score / (double)n;
}

char ss_csv_guess_separator(struct ss_csv_scan start)
{
    static const char candidates[] = {',', '\t', ';', ' '}; /* the earlier of two that are as good */
    char best = ',';
    double best_score = 0;

    for (size_t i = 0; i < SS_COUNT(candidates); i++) {
        start.separator = candidates[i];
        const double score = plausibility(start);
        if (score > best_score + 1e-9) {
            best = candidates[i];
            best_score = score;
        }
    }
    return best;
}

bool ss_csv_guess_header(struct ss_csv_scan start)
{
    struct ss_csv_cell cell = {0};
    size_t texts = 0;
    double x;

    if (!ss_csv_next_record(&start))
        return false;
    while (!cell.last) {
        if (ss_csv_next_cell(&start, &cell) != SS_CSV_SOUND)
            return false;
        const enum ss_csv_kind kind = ss_csv_value(&cell, &x);
        if (kind == SS_CSV_NUMBER ||
            (kind == SS_CSV_MISSING && cell.length == 1 && (*cell.text == '?' || *cell.text == '-')))
            return false;
        /* Other marks do no harm: "Na" may well name a column. */
        texts += kind == SS_CSV_TEXT;
    }
    return texts > 0;
}
