#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"
#include "base/text.h"
#include "data/readers.h"

enum { NAMED_CELLS = 5 };

const char *ss_readable(const char *s, size_t n, char out[SS_READABLE])
{
    static const size_t most = 40;
    size_t length = n < most ? n : most;

    /* Cut no UTF-8 character in two. */
    while (length < n && length > 0 && ((unsigned char)s[length] & 0xc0) == 0x80)
        length--;
    for (size_t i = 0; i < length; i++)
        out[i] = (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? '?' : s[i];
    strcpy(out + length, length < n ? "..." : "");
    return out;
}

const char *ss_column_label(const struct ss_table *t, size_t column, char out[SS_COLUMN_LABEL])
{
    char name[SS_READABLE];

    if (t->names)
        snprintf(out, SS_COLUMN_LABEL, "column %zu ('%s')", column,
                 ss_readable(t->names[column], strlen(t->names[column]), name));
    else
        snprintf(out, SS_COLUMN_LABEL, "column %zu", column);
    return out;
}

static void mark(const struct ss_names *names, const struct ss_table *t, bool value, bool *used)
{
    size_t column;

    /* A name that is not there is data/transform.c's to report, with the nearest one. */
    for (size_t i = 0; i < names->count; i++)
        if (ss_table_column(t, names->items[i], &column))
            used[column] = value;
}

enum ss_status ss_used_columns(const struct ss_data_options *options, const struct ss_table *t, bool **out)
{
    bool *used = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(t->columns, &used));
    memset(used, options->keep.count == 0, t->columns * sizeof(*used));
    mark(&options->keep, t, true, used);
    mark(&options->drop, t, false, used);
    *out = used;
out:
    return st;
}

static double value_at(const struct ss_table *t, size_t i)
{
    return t->type == SS_NUMBER_F4 ? (double)((const float *)t->values)[i] : ((const double *)t->values)[i];
}

static bool is_looked_at(const struct ss_table *t, const bool *used, size_t column)
{
    return (!used || used[column]) && !(t->text && t->text[column]);
}

static void add_place(struct ss_text *text, const struct ss_table *t, const struct ss_places *places,
                      size_t row, size_t column)
{
    char label[SS_COLUMN_LABEL];
    size_t below = t->columns;

    if (places->line) {
        ss_text_addf(text, "line %zu (row %zu) %s", places->line(places->context, row), row + 1,
                     ss_column_label(t, column, label));
        return;
    }
    ss_text_addf(text, "[%zu", row);
    for (size_t i = 1; i < places->shape->n; i++) {
        below /= places->shape->size[i];
        ss_text_addf(text, ", %zu", column / below % places->shape->size[i]);
    }
    ss_text_add(text, "]");
}

struct census {
    size_t missing;    /* cells */
    size_t rows;       /* that have any */
    struct ss_text at; /* the first few, for people */
};

static enum ss_status count_missing(const struct ss_table *t, const bool *used,
                                    const struct ss_places *places, struct census *c)
{
    for (size_t row = 0; row < t->rows; row++) {
        const size_t before = c->missing;
        for (size_t j = 0; j < t->columns; j++) {
            const double x = value_at(t, row * t->columns + j);
            if (isfinite(x) || !is_looked_at(t, used, j))
                continue;
            if (isinf(x)) {
                ss_text_clear(&c->at);
                add_place(&c->at, t, places, row, j);
                return SS_FAIL(SS_ERR_CORRUPT, "%s: %s is infinite: finite numbers were wanted", places->path,
                               c->at.data);
            }
            if (c->missing++ < NAMED_CELLS) {
                ss_text_add(&c->at, c->at.length ? ", " : "");
                add_place(&c->at, t, places, row, j);
            }
        }
        c->rows += c->missing != before;
    }
    return ss_text_status(&c->at);
}

static bool is_complete(const struct ss_table *t, const bool *used, size_t row)
{
    for (size_t j = 0; j < t->columns; j++)
        if (isnan(value_at(t, row * t->columns + j)) && is_looked_at(t, used, j))
            return false;
    return true;
}

/* Move the complete rows together: in place if the heap owns them, else out of the map. */
static enum ss_status drop_rows(struct ss_table *t, const bool *used, size_t kept)
{
    const size_t bytes = t->columns * ss_number_size(t->type);
    unsigned char *to = NULL;
    size_t n = 0;
    enum ss_status st = SS_OK;

    if (t->map)
        TRY(ss_allocate_bytes(kept, bytes, (void **)&to));
    else
        to = (unsigned char *)t->heap + ((const unsigned char *)t->values - (const unsigned char *)t->heap);
    for (size_t row = 0; row < t->rows; row++)
        if (is_complete(t, used, row))
            memmove(to + n++ * bytes, (const unsigned char *)t->values + row * bytes, bytes);
    if (t->map) {
        munmap(t->map, t->map_size);
        t->map = NULL;
        t->map_size = 0;
        t->heap = to;
    }
    t->values = to;
    t->rows = n;
out:
    return st;
}

enum ss_status ss_missing_apply(struct ss_table *t, enum ss_missing policy, const bool *used,
                                const struct ss_places *places)
{
    struct census c = {0};
    enum ss_status st = SS_OK;

    if (t->type != SS_NUMBER_F4 && t->type != SS_NUMBER_F8)
        return SS_OK;
    ss_text_init(&c.at);
    TRY(count_missing(t, used, places, &c));
    if (c.missing == 0 || policy == SS_MISSING_MEAN)
        goto out;
    if (policy == SS_MISSING_ERROR)
        st = SS_FAIL(SS_ERR_CORRUPT,
                     "%s: %zu missing cell%s in %zu of %zu rows: %s%s: fill them, leave out their columns by "
                     "data.columns, or set data.missing to drop or mean",
                     places->path, c.missing, c.missing == 1 ? "" : "s", c.rows, t->rows, c.at.data,
                     c.missing > NAMED_CELLS ? ", ..." : "");
    else if (c.rows == t->rows)
        st = SS_FAIL(
            SS_ERR_CORRUPT,
            "%s: each of the %zu rows has a missing cell (%s%s): leave out their columns by data.columns, or "
            "set data.missing to mean",
            places->path, t->rows, c.at.data, c.missing > NAMED_CELLS ? ", ..." : "");
    else {
        ss_say(SS_LEVEL_NOTE, "%s: %zu of %zu rows dropped for missing cells", places->path, c.rows, t->rows);
        st = drop_rows(t, used, t->rows - c.rows);
    }
out:
    ss_text_release(&c.at);
    return st;
}
