/* Who computes which point, and until when. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/process.h"
#include "run/sweep_database.h"
#include "run/sweep_halving.h"

/* Of one machine and one table of processes: where a process number means something. */
static void machine(char out[128])
{
    char host[64] = "?", space[40] = "";
    ssize_t n;

    gethostname(host, sizeof(host) - 1);
    n = readlink("/proc/self/ns/pid", space, sizeof(space) - 1);
    space[n > 0 ? n : 0] = '\0';
    snprintf(out, 128, "%s/%s", host, space);
}

void ss_ledger_owner(char out[160])
{
    char where[128];

    machine(where);
    snprintf(out, 160, "%s/%ld", where, (long)getpid());
}

/* True if `owner` is a process of this machine that is no more. */
static bool is_gone(const char *owner)
{
    char where[128];
    char *rest = NULL;

    machine(where);
    const size_t n = strlen(where);
    if (strncmp(owner, where, n) != 0 || owner[n] != '/')
        return false;
    const long pid = strtol(owner + n + 1, &rest, 10);
    if (!rest || *rest || pid <= 0)
        return false;
    return ss_process_is_gone(pid);
}

static enum ss_status end_attempt(struct ss_ledger *l, long long id, const char *outcome, const char *error)
{
    sqlite3_stmt *s = NULL;
    char stamp[21];

    ss_clock_stamp(stamp);
    const enum ss_status st = ss_db_prepare(
        l, &s, "UPDATE attempts SET ended = ?, outcome = ?, error = ? WHERE point = ? AND ended IS NULL",
        "sssi", stamp, outcome, error, id);
    return ss_db_finish(l, st, s);
}

/* In a transaction: the points that run and whose owner `wanted` says are given up. */
static enum ss_status give_up(struct ss_ledger *l, const char *owner, size_t most, const char *how)
{
    struct ss_points running = {0};
    sqlite3_stmt *s = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_ledger_list(l, &running));
    for (size_t i = 0; i < running.count; i++) {
        const struct ss_point *const p = &running.items[i];
        if (p->status != SS_POINT_RUNNING || !p->owner)
            continue;
        if (owner ? strcmp(p->owner, owner) != 0 : !is_gone(p->owner))
            continue;
        TRY(end_attempt(l, p->id, "died", how));
        st = ss_db_prepare(l, &s,
                           "UPDATE points SET owner = NULL, lease = 0, deaths = deaths + ?1, error = ?2,"
                           " status = CASE WHEN ?1 AND deaths + 1 >= ?3 THEN 3 ELSE 0 END WHERE id = ?4",
                           "isii", (long long)(owner != NULL), how, (long long)most, p->id);
        TRY(ss_db_finish(l, st, s));
    }
out:
    ss_points_release(&running);
    return st;
}

enum ss_status ss_ledger_begin(struct ss_ledger *l)
{
    enum ss_status st = SS_OK;

    TRY(ss_db_execute(l, "BEGIN IMMEDIATE"));
    st = ss_db_execute(l, "UPDATE points SET status = 0 WHERE status = 3;"
                          "UPDATE points SET failures = 0, deaths = 0 WHERE status = 0");
    if (st == SS_OK)
        st = give_up(l, NULL, 0, "its process was gone");
    st = ss_db_end(l, st);
out:
    return st;
}

enum ss_status ss_ledger_bury(struct ss_ledger *l, long pid, size_t most, const char *how)
{
    char where[128], owner[160];
    enum ss_status st = SS_OK;

    machine(where);
    snprintf(owner, sizeof(owner), "%s/%ld", where, pid);
    TRY(ss_db_execute(l, "BEGIN IMMEDIATE"));
    st = ss_db_end(l, give_up(l, owner, most, how));
out:
    return st;
}

/* ---- leases ---- */

static enum ss_status take(struct ss_ledger *l, const char *owner, double lease, struct ss_point *p)
{
    sqlite3_stmt *s = NULL;
    char stamp[21];
    enum ss_status st = SS_OK;

    ss_clock_stamp(stamp);
    if (p->status == SS_POINT_RUNNING)
        TRY(end_attempt(l, p->id, "lost", "its lease ran out"));
    st = ss_db_prepare(
        l, &s,
        "UPDATE points SET status = 1, owner = ?, lease = ?, began = ?, attempts = attempts + 1 WHERE id = ?",
        "sddi", owner, ss_db_now() + lease, ss_db_now(), p->id);
    TRY(ss_db_finish(l, st, s));
    st = ss_db_prepare(l, &s, "INSERT INTO attempts (point, attempt, owner, began) VALUES (?, ?, ?, ?)",
                       "iiss", p->id, p->attempts + 1, owner, stamp);
    TRY(ss_db_finish(l, st, s));
    p->attempts++;
    p->status = SS_POINT_RUNNING;
out:
    return st;
}

/* The first one that may be taken: what has reached a rung waits until it is decided who goes on. */
static enum ss_status find(struct ss_ledger *l, struct ss_point *out)
{
    sqlite3_stmt *s = NULL;
    long long rung = 0;
    bool row = false;
    enum ss_status st = SS_OK;

    TRY(ss_halving_rung(l, &rung));
    TRY(ss_db_prepare(l, &s,
                      "SELECT " SS_POINT_COLUMNS
                      " FROM points WHERE (status = 0 OR (status = 1 AND lease < ?)) AND rung <= ? "
                      "ORDER BY id LIMIT 1",
                      "di", ss_db_now(), rung));
    TRY(ss_db_step(l, s, &row));
    if (row)
        TRY(ss_db_point(s, out));
out:
    sqlite3_finalize(s);
    return st;
}

enum ss_status ss_ledger_claim(struct ss_ledger *l, const char *owner, double lease, struct ss_point *out)
{
    struct ss_point p = {0};
    bool decided = false;
    enum ss_status st = SS_OK;

    *out = p;
    TRY(ss_db_execute(l, "BEGIN IMMEDIATE"));
    st = find(l, &p);
    if (st == SS_OK && !p.id)
        st = ss_halving_decide(l, &decided);
    if (st == SS_OK && decided)
        st = find(l, &p);
    if (st == SS_OK && p.id)
        st = ss_halving_until(l, &p.until);
    if (st == SS_OK && p.id)
        st = take(l, owner, lease, &p);
    TRY(ss_db_end(l, st));
    *out = p;
    p = (struct ss_point){0};
out:
    ss_point_release(&p);
    return st;
}

enum ss_status ss_ledger_beat(struct ss_ledger *l, long long id, const char *owner, double lease, bool *held)
{
    sqlite3_stmt *s = NULL;
    enum ss_status st =
        ss_db_prepare(l, &s, "UPDATE points SET lease = ? WHERE id = ? AND owner = ? AND status = 1", "dis",
                      ss_db_now() + lease, id, owner);

    st = ss_db_finish(l, st, s);
    *held = st == SS_OK && sqlite3_changes(l->db) == 1;
    return st;
}

enum ss_status ss_ledger_finish(struct ss_ledger *l, long long id, const char *owner,
                                const struct ss_outcome *outcome, bool *held)
{
    sqlite3_stmt *s = NULL;
    char stamp[21];
    long long rung = 0;
    enum ss_status st = SS_OK;

    *held = false;
    ss_clock_stamp(stamp);
    TRY(ss_db_execute(l, "BEGIN IMMEDIATE"));
    st = ss_halving_rung(l, &rung);
    if (st == SS_OK)
        st = ss_db_prepare(
            l, &s,
            "UPDATE points SET status = ?, failures = failures + ?, error = ?, result = ?, seconds = ?,"
            " finished_at = ?, rung = max(rung, ?), objective = coalesce(?, objective), owner = NULL, lease "
            "= 0"
            " WHERE id = ? AND owner = ? AND status = 1",
            "iissdsidis", (long long)outcome->status, (long long)outcome->failure, outcome->error,
            outcome->result, outcome->seconds, outcome->status == SS_POINT_WAITING ? NULL : stamp,
            outcome->reached ? rung + 1 : 0LL, outcome->objective, id, owner);
    st = ss_db_finish(l, st, s);
    *held = st == SS_OK && sqlite3_changes(l->db) == 1;
    if (*held)
        st = end_attempt(l, id,
                         outcome->failure                   ? "failed"
                         : outcome->status == SS_POINT_DONE ? "done"
                         : outcome->reached                 ? "paused"
                                                            : "interrupted",
                         outcome->error);
    st = ss_db_end(l, st);
out:
    return st;
}

enum ss_status ss_ledger_failures(struct ss_ledger *l, long long id, size_t *out)
{
    sqlite3_stmt *s = NULL;
    bool row = false;
    enum ss_status st = SS_OK;

    TRY(ss_db_prepare(l, &s, "SELECT failures FROM points WHERE id = ?", "i", id));
    TRY(ss_db_step(l, s, &row));
    *out = row ? (size_t)sqlite3_column_int64(s, 0) : 0;
out:
    sqlite3_finalize(s);
    return st;
}
