#include "config/problem.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void ss_problems_init(struct ss_problems *p)
{
    *p = (struct ss_problems){.fault = SS_OK};
}

static size_t kept(const struct ss_problems *p)
{
    return p->count < SS_PROBLEMS_SHOWN ? p->count : SS_PROBLEMS_SHOWN;
}

void ss_problems_release(struct ss_problems *p)
{
    for (size_t i = 0; i < kept(p); i++) {
        free(p->items[i].text);
        free(p->items[i].hint);
    }
    ss_problems_init(p);
}

void ss_problems_add(struct ss_problems *p, struct ss_place place, const char *key, const char *hint,
                     const char *format, ...)
{
    struct ss_text text;
    va_list args;
    char message[1024]; /* names come through ss_shown(), so nothing that matters is cut */

    if (p->count++ >= SS_PROBLEMS_SHOWN)
        return;
    struct ss_problem *const item = &p->items[p->count - 1];
    *item = (struct ss_problem){.place = place, .sequence = p->count};
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    ss_text_init(&text);
    if (key)
        ss_text_addf(&text, "%s: ", key);
    ss_text_add(&text, message);
    item->text = ss_text_detach(&text);
    if (!item->text)
        p->fault = SS_FAIL_MEMORY(sizeof(message));
    else if (hint && ss_text_copy(hint, &item->hint) != SS_OK)
        p->fault = SS_ERR_MEMORY;
}

const char *ss_shown(const char *s, char out[SS_SHOWN_SIZE])
{
    size_t n = 0;

    for (; *s && n < SS_SHOWN_SIZE - 4; s++)
        out[n++] = (unsigned char)*s >= 0x20 && (unsigned char)*s < 0x7f ? *s : '?';
    memcpy(out + n, *s ? "..." : "", *s ? 4 : 1);
    return out;
}

/* Length of the line break at `s`, 0 if there is none: those that libyaml counts. */
static size_t line_break(const char *s, const char *end)
{
    const size_t left = (size_t)(end - s);

    if (left >= 2 && memcmp(s, "\r\n", 2) == 0)
        return 2;
    if (left >= 1 && (*s == '\n' || *s == '\r'))
        return 1;
    if (left >= 2 && memcmp(s, "\xc2\x85", 2) == 0)
        return 2;
    if (left >= 3 && (memcmp(s, "\xe2\x80\xa8", 3) == 0 || memcmp(s, "\xe2\x80\xa9", 3) == 0))
        return 3;
    return 0;
}

/* Bytes of the character at `s`; 0 if it is no well-formed UTF-8: overlong, a surrogate, past the last. */
static size_t character(const char *s, const char *end)
{
    const unsigned char *const u = (const unsigned char *)s;
    const size_t n = *u < 0x80 ? 1 : *u < 0xc2 ? 0 : *u < 0xe0 ? 2 : *u < 0xf0 ? 3 : *u < 0xf5 ? 4 : 0;

    if (!n || (size_t)(end - s) < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    const bool bad = (*u == 0xe0 && u[1] < 0xa0) || (*u == 0xed && u[1] >= 0xa0) ||
                     (*u == 0xf0 && u[1] < 0x90) || (*u == 0xf4 && u[1] >= 0x90);
    return bad ? 0 : n;
}

/* The line that `place` is on, at most about 100 characters around it, and a caret below. */
static void add_excerpt(struct ss_text *t, struct ss_place place)
{
    enum { BEFORE = 70, WIDTH = 100 };
    const char *s = place.document->text;
    const char *const end = s + place.document->size;
    const size_t first = place.column > BEFORE ? place.column - BEFORE : 1;
    size_t column = 1;

    for (size_t line = 1; line < place.line && s < end;) {
        const size_t n = line_break(s, end);
        s += n ? n : 1;
        line += n > 0;
    }
    ss_text_add(t, first > 1 ? "\n    ..." : "\n    ");
    for (; s < end && !line_break(s, end) && column < first + WIDTH; column++) {
        const size_t n = character(s, end);
        const bool plain =
            n > 1 ? (unsigned char)*s != 0xc2 || (unsigned char)s[1] >= 0xa0 : *s >= 0x20 && *s < 0x7f;
        if (column >= first)
            ss_text_add_bytes(t, plain ? s : *s == '\t' ? " " : "?", plain ? n : 1);
        s += n ? n : 1;
    }
    ss_text_addf(t, "%s\n    %s%*s^", s < end && !line_break(s, end) ? "..." : "", first > 1 ? "   " : "",
                 (int)(place.column - first), "");
}

static int by_place(const void *a, const void *b)
{
    const struct ss_problem *const x = a, *const y = b;
    const size_t order[][2] = {{x->place.document->order, y->place.document->order},
                               {x->place.line, y->place.line},
                               {x->place.column, y->place.column},
                               {x->sequence, y->sequence}};

    for (size_t i = 0; i < SS_COUNT(order); i++)
        if (order[i][0] != order[i][1])
            return order[i][0] < order[i][1] ? -1 : 1;
    return 0;
}

enum ss_status ss_problems_report(struct ss_problems *p)
{
    enum ss_status st = p->fault;

    if (st != SS_OK || !p->count)
        return st;
    const enum ss_status kind = p->files == p->count ? SS_ERR_FILE : SS_ERR_USAGE;
    qsort(p->items, kept(p), sizeof(p->items[0]), by_place);
    for (size_t i = 0; i < kept(p); i++) {
        const struct ss_problem *const item = &p->items[i];
        struct ss_text t;
        ss_text_init(&t);
        ss_text_add(&t, item->place.document->name);
        if (item->place.line && item->place.document->order == 0)
            ss_text_addf(&t, ":%zu:%zu", item->place.line, item->place.column);
        ss_text_addf(&t, ": %s", item->text);
        if (item->place.line)
            add_excerpt(&t, item->place);
        if (item->hint)
            ss_text_addf(&t, "\n    %s", item->hint);
        st = SS_FAIL(kind, "%s", t.data);
        ss_text_release(&t);
    }
    if (p->count > kept(p))
        st = SS_FAIL(kind, "%s: %zu more problems are not shown", p->items[0].place.document->name,
                     p->count - kept(p));
    return st;
}
