#include "run/sweep_halving.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/text.h"
#include "run/sweep_database.h"

/* ---- what was asked for ---- */

static void describe(struct ss_halving h, char out[64])
{
    if (h.first)
        snprintf(out, 64, "{first: %" PRIu64 ", factor: %" PRIu32 "}", h.first, h.factor);
    else
        snprintf(out, 64, "none");
}

enum ss_status ss_halving_read(struct ss_ledger *l, struct ss_halving *out)
{
    struct ss_halving h = {0};
    char *text = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_ledger_note(l, "halving", &text));
    if (text && sscanf(text, "{first: %" SCNu64 ", factor: %" SCNu32 "}", &h.first, &h.factor) != 2)
        h = (struct ss_halving){0};
    *out = h;
out:
    free(text);
    return st;
}

enum ss_status ss_halving_note(struct ss_ledger *l, struct ss_halving h)
{
    struct ss_halving was;
    struct ss_counts n;
    char is_text[64], was_text[64];
    enum ss_status st = SS_OK;

    TRY(ss_halving_read(l, &was));
    TRY(ss_ledger_count(l, &n));
    if (was.first == h.first && was.factor == h.factor)
        goto out;
    describe(h, is_text);
    describe(was, was_text);
    if (n.points)
        st = SS_FAIL(SS_ERR_USAGE,
                     "%s: its sweep began with another sweep.halving; put it back, or sweep into another "
                     "folder\n    was: %s\n    now: %s",
                     l->path, was_text, is_text);
    else
        st = ss_ledger_set_note(l, "halving", is_text);
out:
    return st;
}

/* ---- where it is ---- */

/* The one number that a query answers. */
static enum ss_status number(struct ss_ledger *l, const char *sql, long long argument, long long *out)
{
    sqlite3_stmt *s = NULL;
    bool row = false;
    enum ss_status st = SS_OK;

    TRY(ss_db_prepare(l, &s, sql, strchr(sql, '?') ? "i" : "", argument));
    TRY(ss_db_step(l, s, &row));
    *out = row ? sqlite3_column_int64(s, 0) : 0;
out:
    sqlite3_finalize(s);
    return st;
}

enum ss_status ss_halving_rung(struct ss_ledger *l, long long *out)
{
    return number(l, "SELECT coalesce(max(rung), 0) FROM decisions", 0, out);
}

static uint64_t step_of(struct ss_halving h, long long rung)
{
    uint64_t step = h.first;

    for (; rung > 0; rung--)
        if (__builtin_mul_overflow(step, h.factor, &step))
            return 0;
    return step;
}

enum ss_status ss_halving_until(struct ss_ledger *l, uint64_t *out)
{
    struct ss_halving h;
    long long rung = 0, settings = 0;
    enum ss_status st = SS_OK;

    *out = 0;
    TRY(ss_halving_read(l, &h));
    if (!h.first)
        goto out;
    TRY(ss_halving_rung(l, &rung));
    TRY(number(l,
               rung ? "SELECT sum(kept) FROM decisions WHERE rung = ?"
                    : "SELECT count(DISTINCT grouping) FROM points",
               rung, &settings));
    *out = settings > 1 ? step_of(h, rung) : 0; /* nobody is left to be compared with */
out:
    return st;
}

/* ---- who goes on ---- */

struct setting {
    char *group;
    long long first; /* its first point */
    double sum;
    size_t known, missing; /* points with an objective, and without */
};

struct settings {
    struct setting *items;
    size_t count;
};

static void release(struct settings *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->items[i].group);
    free(s->items);
}

static double mean_of(const struct setting *s)
{
    return s->known ? s->sum / (double)s->known : INFINITY;
}

static int by_objective(const void *a, const void *b)
{
    const struct setting *const x = a, *const y = b;
    const double p = mean_of(x), q = mean_of(y);

    if (x->missing != y->missing)
        return x->missing < y->missing ? -1 : 1;
    return p < q ? -1 : p > q ? 1 : x->first < y->first ? -1 : x->first > y->first;
}

/* Settings that no decision has stopped, in order. Sums are of the points by their numbers: the same bits
 * whoever computes them. */
static enum ss_status list_settings(struct ss_ledger *l, struct settings *out)
{
    struct settings list = {0};
    sqlite3_stmt *s = NULL;
    long long points = 0;
    bool row = false;
    enum ss_status st = SS_OK;

    TRY(number(l, "SELECT count(*) FROM points", 0, &points));
    TRY(ss_allocate((size_t)points, &list.items));
    TRY(ss_db_prepare(
        l, &s,
        "SELECT grouping, id, CASE WHEN status <> 3 THEN objective END FROM points WHERE grouping "
        "NOT IN (SELECT grouping FROM decisions WHERE kept = 0) ORDER BY grouping, id",
        ""));
    for (;;) {
        TRY(ss_db_step(l, s, &row));
        if (!row)
            break;
        const char *const group = (const char *)sqlite3_column_text(s, 0);
        if (!list.count || strcmp(list.items[list.count - 1].group, group) != 0) {
            TRY(ss_text_copy(group, &list.items[list.count].group));
            list.items[list.count++].first = sqlite3_column_int64(s, 1);
        }
        struct setting *const last = &list.items[list.count - 1];
        const bool known = sqlite3_column_type(s, 2) != SQLITE_NULL;
        last->first = last->first < sqlite3_column_int64(s, 1) ? last->first : sqlite3_column_int64(s, 1);
        last->known += known;
        last->missing += !known;
        last->sum += known ? sqlite3_column_double(s, 2) : 0;
    }
    qsort(list.items, list.count, sizeof(*list.items), by_objective);
    *out = list;
    list = (struct settings){0};
out:
    sqlite3_finalize(s);
    release(&list);
    return st;
}

static enum ss_status write_decision(struct ss_ledger *l, long long rung, const struct setting *setting,
                                     bool kept)
{
    sqlite3_stmt *s = NULL;
    char stamp[21];
    enum ss_status st = SS_OK;

    ss_clock_stamp(stamp);
    st = ss_db_prepare(
        l, &s, "INSERT INTO decisions (rung, grouping, objective, kept, decided_at) VALUES (?, ?, ?, ?, ?)",
        "isdis", rung, setting->group, setting->known ? mean_of(setting) : NAN, (long long)kept, stamp);
    TRY(ss_db_finish(l, st, s));
    if (kept)
        goto out;
    st = ss_db_prepare(l, &s, "UPDATE points SET status = 4 WHERE grouping = ? AND status IN (0, 3)", "s",
                       setting->group);
    TRY(ss_db_finish(l, st, s));
out:
    return st;
}

enum ss_status ss_halving_decide(struct ss_ledger *l, bool *decided)
{
    struct ss_halving h;
    struct settings list = {0};
    long long rung = 0, under_way = 0, arrived = 0;
    enum ss_status st = SS_OK;

    *decided = false;
    TRY(ss_halving_read(l, &h));
    if (!h.first)
        goto out;
    TRY(ss_halving_rung(l, &rung));
    TRY(number(l, "SELECT count(*) FROM points WHERE status IN (0, 1) AND rung <= ?", rung, &under_way));
    TRY(number(l, "SELECT count(*) FROM points WHERE status = 0 AND rung > ?", rung, &arrived));
    if (under_way || !arrived)
        goto out;
    TRY(list_settings(l, &list));
    const size_t keep = (list.count + h.factor - 1) / h.factor;
    for (size_t i = 0; i < list.count; i++)
        TRY(write_decision(l, rung + 1, &list.items[i], i < keep && list.items[i].known));
    *decided = true;
out:
    release(&list);
    return st;
}

/* ---- for people ---- */

enum ss_status ss_halving_decision(struct ss_ledger *l, long long rung, struct ss_decision *out)
{
    struct ss_decision d = {.best = NAN, .last = NAN, .next = NAN};
    struct ss_halving h;
    sqlite3_stmt *s = NULL;
    bool row = false;
    enum ss_status st = SS_OK;

    TRY(ss_halving_read(l, &h));
    TRY(ss_db_prepare(l, &s,
                      "SELECT count(*), sum(kept), min(CASE WHEN kept THEN objective END),"
                      " max(CASE WHEN kept THEN objective END), min(CASE WHEN NOT kept THEN objective END)"
                      " FROM decisions WHERE rung = ?",
                      "i", rung));
    TRY(ss_db_step(l, s, &row));
    d.step = step_of(h, rung - 1);
    d.settings = (size_t)sqlite3_column_int64(s, 0);
    d.kept = (size_t)sqlite3_column_int64(s, 1);
    double *const numbers[] = {&d.best, &d.last, &d.next};
    for (int i = 0; i < 3; i++)
        if (sqlite3_column_type(s, 2 + i) != SQLITE_NULL)
            *numbers[i] = sqlite3_column_double(s, 2 + i);
    *out = d;
out:
    sqlite3_finalize(s);
    return st;
}

void ss_decision_text(const struct ss_decision *d, char out[200])
{
    const int n = snprintf(out, 200, "after %" PRIu64 " steps %zu of %zu settings go on, objective %.6g",
                           d->step, d->kept, d->settings, d->best);

    if (d->kept > 1)
        snprintf(out + n, 200 - (size_t)n, " to %.6g", d->last);
    if (isfinite(d->next))
        snprintf(out + strlen(out), 200 - strlen(out), "; the best that stops has %.6g", d->next);
}
