#include "config/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "config/config.h"

void ss_sweep_free(struct ss_sweep *s)
{
    if (!s)
        return;
    ss_sweep_overrides_free(s->fixed, s->n_fixed);
    ss_sweep_overrides_free(s->texts, s->n_texts);
    for (size_t i = 0; i < s->n_keys; i++)
        free(s->keys[i]);
    free(s->values);
    free(s->path);
    free(s);
}

size_t ss_sweep_value_length(const char *s)
{
    size_t depth = 0, n = 0;
    char quote = 0;

    for (; s[n]; n++) {
        const char c = s[n];
        if (quote) {
            if (c == '\\' && quote == '"' && s[n + 1])
                n++;
            else if (c == quote)
                quote = 0;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '[' || c == '{') {
            depth++;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        } else if (c == ',' && depth == 0) {
            break;
        }
    }
    return n;
}

static bool is_axis(const char *word)
{
    const char *const equals = strchr(word, '=');

    return equals && equals[1 + ss_sweep_value_length(equals + 1)] == ',';
}

enum ss_status ss_sweep_create(const char *path, const char *const *words, size_t n, struct ss_sweep **out)
{
    struct ss_sweep *s = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &s));
    TRY(ss_text_copy(path, &s->path));
    TRY(ss_allocate(n, &s->fixed));
    for (size_t i = 0; i < n; i++) {
        if (is_axis(words[i]))
            continue;
        TRY(ss_text_copy(words[i], &s->fixed[s->n_fixed]));
        s->n_fixed++;
    }
    *out = s;
    s = NULL;
out:
    ss_sweep_free(s);
    return st;
}

const char *ss_sweep_keep(struct ss_sweep *s, const char *text)
{
    if (s->n_texts == s->most_texts) {
        const size_t most = s->most_texts ? 2 * s->most_texts : 64;
        char **const larger = realloc(s->texts, most * sizeof(*larger));
        if (!larger) {
            (void)SS_FAIL_MEMORY(most * sizeof(*larger));
            return NULL;
        }
        s->texts = larger;
        s->most_texts = most;
    }
    if (ss_text_copy(text, &s->texts[s->n_texts]) != SS_OK)
        return NULL;
    return s->texts[s->n_texts++];
}

void ss_sweep_overrides_free(char **overrides, size_t n)
{
    for (size_t i = 0; overrides && i < n; i++)
        free(overrides[i]);
    free(overrides);
}

enum ss_status ss_sweep_overrides(const struct ss_sweep *s, size_t index, char ***out, size_t *n)
{
    char **list = NULL;
    size_t count = 0;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(s->n_keys, &list));
    for (size_t k = 0; k < s->n_keys; k++) {
        const char *const value = s->values[index * s->n_keys + k];
        if (!value)
            continue;
        TRY(ss_text_format(&list[count], "%s=%s", s->keys[k], value));
        count++;
    }
    *out = list;
    *n = count;
    list = NULL;
out:
    ss_sweep_overrides_free(list, count);
    return st;
}

enum ss_status ss_sweep_experiment(const struct ss_sweep *s, char *const *overrides, size_t n,
                                   struct ss_experiment **out)
{
    const char **all = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(s->n_fixed + n, &all));
    for (size_t i = 0; i < s->n_fixed; i++)
        all[i] = s->fixed[i];
    for (size_t i = 0; i < n; i++)
        all[s->n_fixed + i] = overrides[i];
    st = ss_experiment_load_point(s->path, all, s->n_fixed + n, out);
out:
    free(all);
    return st;
}
