#include "run/sweep_database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/text.h"
#include "run/sweep_halving.h"

enum { FORMAT = 2 };

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS points (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, setting TEXT "
    "NOT NULL,"
    " grouping TEXT NOT NULL, overrides TEXT NOT NULL, resolved TEXT NOT NULL, folder TEXT NOT NULL,"
    " status INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL "
    "DEFAULT 0,"
    " deaths INTEGER NOT NULL DEFAULT 0, owner TEXT, lease REAL NOT NULL DEFAULT 0, began REAL, error TEXT,"
    " result TEXT, finished_at TEXT, seconds REAL, rung INTEGER NOT NULL DEFAULT 0, objective REAL);"
    "CREATE INDEX IF NOT EXISTS points_by_status ON points (status, id);"
    "CREATE TABLE IF NOT EXISTS attempts (point INTEGER NOT NULL, attempt INTEGER NOT NULL, owner TEXT, "
    "began TEXT,"
    " ended TEXT, outcome TEXT, error TEXT, PRIMARY KEY (point, attempt));"
    "CREATE TABLE IF NOT EXISTS decisions (rung INTEGER NOT NULL, grouping TEXT NOT NULL, objective REAL,"
    " kept INTEGER NOT NULL, decided_at TEXT NOT NULL, PRIMARY KEY (rung, grouping));";

/* Before 2 there was no halving. */
static const char from_format_1[] = "ALTER TABLE points ADD COLUMN rung INTEGER NOT NULL DEFAULT 0; ALTER "
                                    "TABLE points ADD COLUMN objective REAL";

const char *ss_point_status_name(enum ss_point_status s)
{
    static const char *const names[] = {"waiting", "running", "done", "failed", "stopped"};

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

/* ---- opening ---- */

static enum ss_status check_format(struct ss_ledger *l, bool create, int *out)
{
    sqlite3_stmt *s = NULL;
    bool row = false;
    enum ss_status st = SS_OK;

    TRY(ss_db_prepare(l, &s, "PRAGMA user_version", ""));
    TRY(ss_db_step(l, s, &row));
    const int version = row ? sqlite3_column_int(s, 0) : 0;
    sqlite3_finalize(s);
    s = NULL;
    if (version > FORMAT)
        st = SS_FAIL(SS_ERR_USAGE, "%s: was written by a newer slicescore (format %d, this one knows %d)",
                     l->path, version, FORMAT);
    else if (version < 1 && !create)
        st = SS_FAIL(SS_ERR_CORRUPT, "%s: is not the ledger of a sweep", l->path);
    *out = version;
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
    return ss_db_error(l);
}

/* Another process may have done it since the format was read. */
static enum ss_status make_schema(struct ss_ledger *l)
{
    char pragma[64];
    int version = 0;
    enum ss_status st = SS_OK;

    TRY(ss_db_execute(l, "BEGIN IMMEDIATE"));
    st = check_format(l, true, &version);
    if (st == SS_OK)
        st = ss_db_execute(l, schema);
    if (st == SS_OK && version == 1)
        st = ss_db_execute(l, from_format_1);
    snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", FORMAT);
    if (st == SS_OK)
        st = ss_db_execute(l, pragma);
    st = ss_db_end(l, st);
out:
    return st;
}

enum ss_status ss_ledger_open(const char *folder, bool create, struct ss_ledger **out)
{
    struct ss_ledger *l = NULL;
    int version = 0;
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
        st = ss_db_error(l);
        goto out;
    }
    sqlite3_busy_timeout(l->db, SS_DB_BUSY_MS);
    TRY(check_format(l, create, &version));
    TRY(enter_wal(l));
    if (version < FORMAT)
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
    TRY(ss_db_prepare(l, &s, "SELECT value FROM notes WHERE name = ?", "s", name));
    TRY(ss_db_step(l, s, &row));
    if (row)
        TRY(ss_db_text(s, 0, out));
out:
    sqlite3_finalize(s);
    return st;
}

enum ss_status ss_ledger_set_note(struct ss_ledger *l, const char *name, const char *value)
{
    sqlite3_stmt *s = NULL;
    const enum ss_status st =
        ss_db_prepare(l, &s, "INSERT OR REPLACE INTO notes (name, value) VALUES (?, ?)", "ss", name, value);

    return ss_db_finish(l, st, s);
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

    TRY(ss_db_prepare(
        l, &s,
        "SELECT (SELECT count(*) FROM points WHERE id = ?1), (SELECT coalesce(max(id), 0) FROM points)", "i",
        id));
    TRY(ss_db_step(l, s, &row));
    if (id < 1 || sqlite3_column_int(s, 0) > 0)
        id = sqlite3_column_int64(s, 1) + 1;
    sqlite3_finalize(s);
    snprintf(made, sizeof(made), "runs/%05lld", id);
    st = ss_db_prepare(
        l, &s,
        "INSERT OR IGNORE INTO points (id, digest, setting, grouping, overrides, resolved, folder) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        "issssss", id, p->digest, p->setting, p->group, p->overrides, p->resolved, folder ? folder : made);
    st = ss_db_finish(l, st, s);
    s = NULL;
out:
    sqlite3_finalize(s);
    return st;
}

static enum ss_status is_known(struct ss_ledger *l, const char *digest, bool *out)
{
    sqlite3_stmt *s = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_db_prepare(l, &s, "SELECT 1 FROM points WHERE digest = ?", "s", digest));
    TRY(ss_db_step(l, s, out));
out:
    sqlite3_finalize(s);
    return st;
}

enum ss_status ss_ledger_add(struct ss_ledger *l, const struct ss_point *points, size_t n)
{
    long long rung = 0;
    enum ss_status st = SS_OK;

    TRY(ss_db_execute(l, "BEGIN IMMEDIATE"));
    st = ss_halving_rung(l, &rung);
    for (size_t i = 0; i < n && st == SS_OK; i++) {
        bool known = false;
        st = is_known(l, points[i].digest, &known);
        if (st == SS_OK && !known && rung > 0)
            st = SS_FAIL(
                SS_ERR_USAGE,
                "%s: halving has decided already, and what is added now would escape that; sweep into "
                "another folder: %s",
                l->path, points[i].setting);
        else if (st == SS_OK && !known)
            st = insert(l, &points[i], NULL);
    }
    st = ss_db_end(l, st);
out:
    return st;
}

/* ---- reading ---- */

enum ss_status ss_ledger_count(struct ss_ledger *l, struct ss_counts *out)
{
    sqlite3_stmt *s = NULL;
    struct ss_counts c = {0};
    bool row = false;
    enum ss_status st = SS_OK;

    TRY(ss_db_prepare(l, &s,
                      "SELECT count(*), sum(status = 2), sum(status = 3), sum(status = 1 AND lease >= ?1),"
                      " avg(CASE WHEN status = 2 THEN seconds END), sum(status = 4) FROM points",
                      "d", ss_db_now()));
    TRY(ss_db_step(l, s, &row));
    c.points = (size_t)sqlite3_column_int64(s, 0);
    c.done = (size_t)sqlite3_column_int64(s, 1);
    c.failed = (size_t)sqlite3_column_int64(s, 2);
    c.running = (size_t)sqlite3_column_int64(s, 3);
    c.stopped = (size_t)sqlite3_column_int64(s, 5);
    c.waiting = c.points - c.done - c.failed - c.running - c.stopped;
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

    TRY(ss_db_prepare(l, &s, "SELECT " SS_POINT_COLUMNS " FROM points ORDER BY id", ""));
    for (;;) {
        TRY(ss_db_step(l, s, &row));
        if (!row)
            break;
        TRY(grow(&p));
        TRY(ss_db_point(s, &p.items[p.count]));
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
    st = ss_db_prepare(
        l, &s,
        "UPDATE points SET status = ?, attempts = ?, error = ?, result = ?, finished_at = ?, seconds = ?,"
        " folder = ? WHERE digest = ? AND status IN (0, 3) AND attempts <= ?",
        "iisssdssi", (long long)(p->status == SS_POINT_RUNNING ? SS_POINT_WAITING : p->status), p->attempts,
        p->error, p->result, p->finished_at, p->seconds, folder, p->digest, p->attempts);
    TRY(ss_db_finish(l, st, s));
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
    TRY(ss_db_execute(l, "BEGIN IMMEDIATE"));
    for (size_t i = 0; i < shard->count && st == SS_OK; i++)
        st = join_point(l, &shard->items[i], prefix, updated);
    st = ss_db_end(l, st);
out:
    return st;
}
