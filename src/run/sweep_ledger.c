#include "run/sweep_ledger.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

enum { FORMAT = 1, BUSY_MS = 60000, APPLICATION = 0x736c7377 };

struct ss_ledger {
    sqlite3 *db;
    char *path;
};

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS points (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, setting TEXT "
    "NOT NULL,"
    " grouping TEXT NOT NULL, overrides TEXT NOT NULL, resolved TEXT NOT NULL, folder TEXT NOT NULL,"
    " status INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL "
    "DEFAULT 0,"
    " deaths INTEGER NOT NULL DEFAULT 0, owner TEXT, lease REAL NOT NULL DEFAULT 0, began REAL, error TEXT,"
    " result TEXT, finished_at TEXT, seconds REAL);"
    "CREATE INDEX IF NOT EXISTS points_by_status ON points (status, id);"
    "CREATE TABLE IF NOT EXISTS attempts (point INTEGER NOT NULL, attempt INTEGER NOT NULL, owner TEXT, "
    "began TEXT,"
    " ended TEXT, outcome TEXT, error TEXT, PRIMARY KEY (point, attempt));";

const char *ss_point_status_name(enum ss_point_status s)
{
    static const char *const names[] = {"waiting", "running", "done", "failed"};

    return names[s];
}

void ss_point_release(struct ss_point *p)
{
    free(p->digest);
    free(p->setting);
    free(p->group);
    free(p->overrides);
    free(p->resolved);
    free(p->folder);
    free(p->owner);
    free(p->error);
    free(p->result);
    free(p->finished_at);
    *p = (struct ss_point){0};
}

void ss_points_release(struct ss_points *p)
{
    for (size_t i = 0; i < p->count; i++)
        ss_point_release(&p->items[i]);
    free(p->items);
    *p = (struct ss_points){0};
}

/* ---- SQLite ---- */

static enum ss_status database_error(const struct ss_ledger *l)
{
    const int code = sqlite3_errcode(l->db) & 0xff;
    const char *const text = sqlite3_errmsg(l->db);

    switch (code) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return SS_FAIL(SS_ERR_CORRUPT, "%s: is not the ledger of a sweep, or damaged: %s", l->path, text);
    case SQLITE_NOMEM:
        return SS_FAIL(SS_ERR_MEMORY, "%s: %s", l->path, text);
    case SQLITE_FULL:
        return SS_FAIL(SS_ERR_FILE,
                       "%s: %s; make room and call `slicescore sweep` again: nothing done is lost", l->path,
                       text);
    case SQLITE_BUSY:
        return SS_FAIL(SS_ERR_FILE, "%s: another process held it for over %d s", l->path, BUSY_MS / 1000);
    default:
        return SS_FAIL(SS_ERR_FILE, "%s: %s", l->path, text);
    }
}

static enum ss_status execute(struct ss_ledger *l, const char *sql)
{
    return sqlite3_exec(l->db, sql, NULL, NULL, NULL) == SQLITE_OK ? SS_OK : database_error(l);
}

/* Prepare `sql` and bind by `kinds`: s text (may be NULL), i long long, d double. */
static enum ss_status prepare(struct ss_ledger *l, sqlite3_stmt **out, const char *sql, const char *kinds,
                              ...)
{
    va_list args;
    int code;

    *out = NULL;
    if (sqlite3_prepare_v2(l->db, sql, -1, out, NULL) != SQLITE_OK)
        return database_error(l);
    va_start(args, kinds);
    code = SQLITE_OK;
    for (int i = 0; kinds[i] && code == SQLITE_OK; i++) {
        if (kinds[i] == 's')
            code = sqlite3_bind_text(*out, i + 1, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
        else if (kinds[i] == 'i')
            code = sqlite3_bind_int64(*out, i + 1, va_arg(args, long long));
        else
            code = sqlite3_bind_double(*out, i + 1, va_arg(args, double));
    }
    va_end(args);
    return code == SQLITE_OK ? SS_OK : database_error(l);
}

/* One step: *row tells whether there is a row. */
static enum ss_status step(struct ss_ledger *l, sqlite3_stmt *s, bool *row)
{
    const int code = sqlite3_step(s);

    *row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? SS_OK : database_error(l);
}

/* Run a prepared statement to its end and drop it; `st` is how preparing went. */
static enum ss_status finish_statement(struct ss_ledger *l, enum ss_status st, sqlite3_stmt *s)
{
    bool row = st == SS_OK;

    while (st == SS_OK && row)
        st = step(l, s, &row);
    sqlite3_finalize(s);
    return st;
}

/* The end of a transaction; what went wrong in it undoes it. */
static enum ss_status end(struct ss_ledger *l, enum ss_status st)
{
    if (st == SS_OK)
        st = execute(l, "COMMIT");
    if (st != SS_OK && !sqlite3_get_autocommit(l->db))
        sqlite3_exec(l->db, "ROLLBACK", NULL, NULL, NULL);
    return st;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static enum ss_status column(sqlite3_stmt *s, int i, char **out)
{
    const char *const text = (const char *)sqlite3_column_text(s, i);

    *out = NULL;
    return text ? ss_text_copy(text, out) : SS_OK;
}

#define POINT_COLUMNS                                                                                      \
    "id, digest, setting, grouping, overrides, resolved, folder, status, attempts, owner, error, result, " \
    "finished_at, seconds"

static enum ss_status read_point(sqlite3_stmt *s, struct ss_point *out)
{
    struct ss_point p = {.id = sqlite3_column_int64(s, 0),
                         .attempts = sqlite3_column_int64(s, 8),
                         .seconds = sqlite3_column_double(s, 13)};
    const int status = sqlite3_column_int(s, 7);
    char **const texts[] = {&p.digest, &p.setting, &p.group, &p.overrides, &p.resolved,
                            &p.folder, &p.owner,   &p.error, &p.result,    &p.finished_at};
    static const int at[] = {1, 2, 3, 4, 5, 6, 9, 10, 11, 12};
    enum ss_status st = SS_OK;

    p.status = status >= 0 && status <= SS_POINT_FAILED ? (enum ss_point_status)status : SS_POINT_WAITING;
    for (size_t i = 0; i < SS_COUNT(texts); i++)
        TRY(column(s, at[i], texts[i]));
    *out = p;
    p = (struct ss_point){0};
out:
    ss_point_release(&p);
    return st;
}

/* ---- opening ---- */

static enum ss_status check_format(struct ss_ledger *l, bool create)
{
    sqlite3_stmt *s = NULL;
    bool row = false;
    enum ss_status st = SS_OK;

    TRY(prepare(l, &s, "PRAGMA user_version", ""));
    TRY(step(l, s, &row));
    const int version = row ? sqlite3_column_int(s, 0) : 0;
    sqlite3_finalize(s);
    s = NULL;
    if (version > FORMAT)
        st = SS_FAIL(SS_ERR_USAGE, "%s: was written by a newer slicescore (format %d, this one knows %d)",
                     l->path, version, FORMAT);
    else if (version < FORMAT && !create)
        st = SS_FAIL(SS_ERR_CORRUPT, "%s: is not the ledger of a sweep", l->path);
out:
    sqlite3_finalize(s);
    return st;
}

/* While another process makes the same database, SQLite says busy here without having waited. */
static enum ss_status enter_wal(struct ss_ledger *l)
{
    enum { TRIES = 200 };

    for (int i = 0; i < TRIES; i++) {
        const int code =
            sqlite3_exec(l->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", NULL, NULL, NULL) &
            0xff;
        if (code == SQLITE_OK)
            return SS_OK;
        if (code != SQLITE_BUSY && code != SQLITE_LOCKED)
            break;
        sqlite3_sleep(20);
    }
    return database_error(l);
}

static enum ss_status make_schema(struct ss_ledger *l)
{
    char pragma[64];
    enum ss_status st = SS_OK;

    TRY(execute(l, "BEGIN IMMEDIATE"));
    st = execute(l, schema);
    snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", FORMAT);
    if (st == SS_OK)
        st = execute(l, pragma);
    st = end(l, st);
out:
    return st;
}

enum ss_status ss_ledger_open(const char *folder, bool create, struct ss_ledger **out)
{
    struct ss_ledger *l = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &l));
    TRY(ss_path_join(folder, "sweep.db", &l->path));
    if (create) {
        TRY(ss_folder_create(folder));
    } else if (!ss_path_exists(l->path)) {
        st = SS_FAIL(SS_ERR_FILE, "%s: %s", folder,
                     ss_path_exists(folder) ? "is not the folder of a sweep: sweep.db is not in it"
                                            : "no such folder; `slicescore sweep EXP.yaml -o DIR` makes one");
        goto out;
    }
    if (sqlite3_open_v2(l->path, &l->db, SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0), NULL) !=
        SQLITE_OK) {
        st = database_error(l);
        goto out;
    }
    sqlite3_busy_timeout(l->db, BUSY_MS);
    TRY(check_format(l, create));
    TRY(enter_wal(l));
    if (create)
        TRY(make_schema(l));
    *out = l;
    l = NULL;
out:
    ss_ledger_close(l);
    return st;
}

void ss_ledger_close(struct ss_ledger *l)
{
    if (!l)
        return;
    sqlite3_close(l->db);
    free(l->path);
    free(l);
}

enum ss_status ss_ledger_note(struct ss_ledger *l, const char *name, char **out)
{
    sqlite3_stmt *s = NULL;
    bool row = false;
    enum ss_status st = SS_OK;

    *out = NULL;
    TRY(prepare(l, &s, "SELECT value FROM notes WHERE name = ?", "s", name));
    TRY(step(l, s, &row));
    if (row)
        TRY(column(s, 0, out));
out:
    sqlite3_finalize(s);
    return st;
}

enum ss_status ss_ledger_set_note(struct ss_ledger *l, const char *name, const char *value)
{
    sqlite3_stmt *s = NULL;
    const enum ss_status st =
        prepare(l, &s, "INSERT OR REPLACE INTO notes (name, value) VALUES (?, ?)", "ss", name, value);

    return finish_statement(l, st, s);
}

/* ---- adding ---- */

/* `folder` NULL: runs/NUMBER. */
static enum ss_status insert(struct ss_ledger *l, const struct ss_point *p, const char *folder)
{
    sqlite3_stmt *s = NULL;
    bool row = false;
    long long id = p->id;
    char made[40];
    enum ss_status st = SS_OK;

    TRY(prepare(
        l, &s,
        "SELECT (SELECT count(*) FROM points WHERE id = ?1), (SELECT coalesce(max(id), 0) FROM points)", "i",
        id));
    TRY(step(l, s, &row));
    if (id < 1 || sqlite3_column_int(s, 0) > 0)
        id = sqlite3_column_int64(s, 1) + 1;
    sqlite3_finalize(s);
    snprintf(made, sizeof(made), "runs/%05lld", id);
    st = prepare(l, &s,
                 "INSERT OR IGNORE INTO points (id, digest, setting, grouping, overrides, resolved, folder) "
                 "VALUES (?, ?, ?, ?, ?, ?, ?)",
                 "issssss", id, p->digest, p->setting, p->group, p->overrides, p->resolved,
                 folder ? folder : made);
    st = finish_statement(l, st, s);
    s = NULL;
out:
    sqlite3_finalize(s);
    return st;
}

static enum ss_status is_known(struct ss_ledger *l, const char *digest, bool *out)
{
    sqlite3_stmt *s = NULL;
    enum ss_status st = SS_OK;

    TRY(prepare(l, &s, "SELECT 1 FROM points WHERE digest = ?", "s", digest));
    TRY(step(l, s, out));
out:
    sqlite3_finalize(s);
    return st;
}

enum ss_status ss_ledger_add(struct ss_ledger *l, const struct ss_point *points, size_t n)
{
    enum ss_status st = SS_OK;

    TRY(execute(l, "BEGIN IMMEDIATE"));
    for (size_t i = 0; i < n && st == SS_OK; i++) {
        bool known = false;
        st = is_known(l, points[i].digest, &known);
        if (st == SS_OK && !known)
            st = insert(l, &points[i], NULL);
    }
    st = end(l, st);
out:
    return st;
}

/* ---- owners ---- */

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
    return rest && !*rest && pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

static enum ss_status end_attempt(struct ss_ledger *l, long long id, const char *outcome, const char *error)
{
    sqlite3_stmt *s = NULL;
    char stamp[21];

    ss_clock_stamp(stamp);
    const enum ss_status st = prepare(
        l, &s, "UPDATE attempts SET ended = ?, outcome = ?, error = ? WHERE point = ? AND ended IS NULL",
        "sssi", stamp, outcome, error, id);
    return finish_statement(l, st, s);
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
        st = prepare(l, &s,
                     "UPDATE points SET owner = NULL, lease = 0, deaths = deaths + ?1, error = ?2,"
                     " status = CASE WHEN ?1 AND deaths + 1 >= ?3 THEN 3 ELSE 0 END WHERE id = ?4",
                     "isii", (long long)(owner != NULL), how, (long long)most, p->id);
        TRY(finish_statement(l, st, s));
    }
out:
    ss_points_release(&running);
    return st;
}

enum ss_status ss_ledger_begin(struct ss_ledger *l)
{
    enum ss_status st = SS_OK;

    TRY(execute(l, "BEGIN IMMEDIATE"));
    st = execute(l, "UPDATE points SET status = 0 WHERE status = 3;"
                    "UPDATE points SET failures = 0, deaths = 0 WHERE status = 0");
    if (st == SS_OK)
        st = give_up(l, NULL, 0, "its process was gone");
    st = end(l, st);
out:
    return st;
}

enum ss_status ss_ledger_bury(struct ss_ledger *l, long pid, size_t most, const char *how)
{
    char where[128], owner[160];
    enum ss_status st = SS_OK;

    machine(where);
    snprintf(owner, sizeof(owner), "%s/%ld", where, pid);
    TRY(execute(l, "BEGIN IMMEDIATE"));
    st = end(l, give_up(l, owner, most, how));
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
    st = prepare(
        l, &s,
        "UPDATE points SET status = 1, owner = ?, lease = ?, began = ?, attempts = attempts + 1 WHERE id = ?",
        "sddi", owner, now() + lease, now(), p->id);
    TRY(finish_statement(l, st, s));
    st = prepare(l, &s, "INSERT INTO attempts (point, attempt, owner, began) VALUES (?, ?, ?, ?)", "iiss",
                 p->id, p->attempts + 1, owner, stamp);
    TRY(finish_statement(l, st, s));
    p->attempts++;
    p->status = SS_POINT_RUNNING;
out:
    return st;
}

enum ss_status ss_ledger_claim(struct ss_ledger *l, const char *owner, double lease, struct ss_point *out)
{
    struct ss_point p = {0};
    sqlite3_stmt *s = NULL;
    bool row = false;
    enum ss_status st = SS_OK;

    *out = p;
    TRY(execute(l, "BEGIN IMMEDIATE"));
    st = prepare(l, &s,
                 "SELECT " POINT_COLUMNS " FROM points WHERE status = 0 OR (status = 1 AND lease < ?) "
                 "ORDER BY id LIMIT 1",
                 "d", now());
    if (st == SS_OK)
        st = step(l, s, &row);
    if (st == SS_OK && row)
        st = read_point(s, &p);
    sqlite3_finalize(s);
    if (st == SS_OK && row)
        st = take(l, owner, lease, &p);
    TRY(end(l, st));
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
        prepare(l, &s, "UPDATE points SET lease = ? WHERE id = ? AND owner = ? AND status = 1", "dis",
                now() + lease, id, owner);

    st = finish_statement(l, st, s);
    *held = st == SS_OK && sqlite3_changes(l->db) == 1;
    return st;
}

enum ss_status ss_ledger_finish(struct ss_ledger *l, long long id, const char *owner,
                                const struct ss_outcome *outcome, bool *held)
{
    sqlite3_stmt *s = NULL;
    char stamp[21];
    enum ss_status st = SS_OK;

    *held = false;
    ss_clock_stamp(stamp);
    TRY(execute(l, "BEGIN IMMEDIATE"));
    st = prepare(l, &s,
                 "UPDATE points SET status = ?, failures = failures + ?, error = ?, result = ?, seconds = ?,"
                 " finished_at = ?, owner = NULL, lease = 0 WHERE id = ? AND owner = ? AND status = 1",
                 "iissdsis", (long long)outcome->status, (long long)outcome->failure, outcome->error,
                 outcome->result, outcome->seconds, outcome->status == SS_POINT_WAITING ? NULL : stamp, id,
                 owner);
    st = finish_statement(l, st, s);
    *held = st == SS_OK && sqlite3_changes(l->db) == 1;
    if (*held)
        st = end_attempt(l, id,
                         outcome->failure                   ? "failed"
                         : outcome->status == SS_POINT_DONE ? "done"
                                                            : "interrupted",
                         outcome->error);
    st = end(l, st);
out:
    return st;
}

enum ss_status ss_ledger_failures(struct ss_ledger *l, long long id, size_t *out)
{
    sqlite3_stmt *s = NULL;
    bool row = false;
    enum ss_status st = SS_OK;

    TRY(prepare(l, &s, "SELECT failures FROM points WHERE id = ?", "i", id));
    TRY(step(l, s, &row));
    *out = row ? (size_t)sqlite3_column_int64(s, 0) : 0;
out:
    sqlite3_finalize(s);
    return st;
}

/* ---- reading ---- */

enum ss_status ss_ledger_count(struct ss_ledger *l, struct ss_counts *out)
{
    sqlite3_stmt *s = NULL;
    struct ss_counts c = {0};
    bool row = false;
    enum ss_status st = SS_OK;

    TRY(prepare(l, &s,
                "SELECT count(*), sum(status = 2), sum(status = 3), sum(status = 1 AND lease >= ?1),"
                " avg(CASE WHEN status = 2 THEN seconds END) FROM points",
                "d", now()));
    TRY(step(l, s, &row));
    c.points = (size_t)sqlite3_column_int64(s, 0);
    c.done = (size_t)sqlite3_column_int64(s, 1);
    c.failed = (size_t)sqlite3_column_int64(s, 2);
    c.running = (size_t)sqlite3_column_int64(s, 3);
    c.waiting = c.points - c.done - c.failed - c.running;
    c.seconds = sqlite3_column_double(s, 4);
    *out = c;
out:
    sqlite3_finalize(s);
    return st;
}

static enum ss_status grow(struct ss_points *p)
{
    const size_t capacity = p->capacity ? 2 * p->capacity : 64;
    struct ss_point *larger;

    if (p->count < p->capacity)
        return SS_OK;
    larger = realloc(p->items, capacity * sizeof(*larger));
    if (!larger)
        return SS_FAIL_MEMORY(capacity * sizeof(*larger));
    p->items = larger;
    p->capacity = capacity;
    return SS_OK;
}

enum ss_status ss_ledger_list(struct ss_ledger *l, struct ss_points *out)
{
    struct ss_points p = {0};
    sqlite3_stmt *s = NULL;
    bool row = false;
    enum ss_status st = SS_OK;

    TRY(prepare(l, &s, "SELECT " POINT_COLUMNS " FROM points ORDER BY id", ""));
    for (;;) {
        TRY(step(l, s, &row));
        if (!row)
            break;
        TRY(grow(&p));
        TRY(read_point(s, &p.items[p.count]));
        p.count++;
    }
    *out = p;
    p = (struct ss_points){0};
out:
    sqlite3_finalize(s);
    ss_points_release(&p);
    return st;
}

/* ---- joining ---- */

/* What is done stays done: a shard brings news of points that are not. */
static enum ss_status join_point(struct ss_ledger *l, const struct ss_point *p, const char *prefix,
                                 size_t *updated)
{
    char *folder = NULL;
    sqlite3_stmt *s = NULL;
    bool known = false;
    enum ss_status st = SS_OK;

    TRY(ss_path_join(prefix, p->folder, &folder));
    TRY(is_known(l, p->digest, &known));
    if (!known)
        TRY(insert(l, p, folder));
    st = prepare(
        l, &s,
        "UPDATE points SET status = ?, attempts = ?, error = ?, result = ?, finished_at = ?, seconds = ?,"
        " folder = ? WHERE digest = ? AND status IN (0, 3) AND attempts <= ?",
        "iisssdssi", (long long)(p->status == SS_POINT_RUNNING ? SS_POINT_WAITING : p->status), p->attempts,
        p->error, p->result, p->finished_at, p->seconds, folder, p->digest, p->attempts);
    TRY(finish_statement(l, st, s));
    *updated += (size_t)sqlite3_changes(l->db);
out:
    free(folder);
    return st;
}

enum ss_status ss_ledger_join(struct ss_ledger *l, const struct ss_points *shard, const char *prefix,
                              size_t *updated)
{
    enum ss_status st = SS_OK;

    *updated = 0;
    TRY(execute(l, "BEGIN IMMEDIATE"));
    for (size_t i = 0; i < shard->count && st == SS_OK; i++)
        st = join_point(l, &shard->items[i], prefix, updated);
    st = end(l, st);
out:
    return st;
}
