#include "run/resolved.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"

enum { DEEPEST = 8 };

void ss_resolved_release(struct ss_resolved *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->keys[i].key);
    free(r->keys);
    free(r->text);
    *r = (struct ss_resolved){0};
}

const char *ss_resolved_value(const struct ss_resolved *r, const char *key)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->keys[i].key, key) == 0)
            return r->keys[i].value;
    return NULL;
}

/* The last "  # " of a line begins its origin: one inside a quoted value comes before. */
static char *cut_origin(char *value)
{
    char *found = NULL;

    for (char *at = value; (at = strstr(at, "  # ")); at += 4)
        found = at;
    if (!found)
        return value + strlen(value);
    char *const origin = found + 4;
    while (found > value && found[-1] == ' ')
        found--;
    *found = '\0';
    return origin;
}

/* "a.b.c" of a key of this depth. */
static enum ss_status join(const char *const *names, size_t depth, char **out)
{
    struct ss_text t;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    for (size_t i = 0; i <= depth; i++)
        ss_text_addf(&t, "%s%s", i ? "." : "", names[i] ? names[i] : "");
    TRY(ss_text_status(&t));
    *out = ss_text_detach(&t);
out:
    ss_text_release(&t);
    return st;
}

static enum ss_status add_line(struct ss_resolved *r, char *line, const char **names)
{
    const size_t depth = strspn(line, " ") / 2;
    char *const colon = strchr(line, ':');
    enum ss_status st = SS_OK;

    if (*line == '#' || !colon || depth >= DEEPEST)
        return SS_OK;
    *colon = '\0';
    names[depth] = line + 2 * depth;
    if (colon[1] != ' ') /* a block */
        return SS_OK;
    TRY(join(names, depth, &r->keys[r->count].key));
    r->keys[r->count].origin = cut_origin(colon + 2);
    r->keys[r->count++].value = colon + 2;
out:
    return st;
}

enum ss_status ss_resolved_parse(const char *text, struct ss_resolved *out)
{
    struct ss_resolved r = {0};
    const char *names[DEEPEST] = {0};
    size_t lines = 1;
    enum ss_status st = SS_OK;

    for (const char *s = text; *s; s++)
        lines += *s == '\n';
    TRY(ss_allocate(lines, &r.keys));
    TRY(ss_text_copy(text, &r.text));
    for (char *line = r.text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        TRY(add_line(&r, line, names));
    }
    *out = r;
    r = (struct ss_resolved){0};
out:
    ss_resolved_release(&r);
    return st;
}
