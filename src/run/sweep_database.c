#include "run/sweep_database.h"

#include <math.h>
#include <stdarg.h>
#include <time.h>

#include "base/text.h"

enum ss_status ss_db_error(const struct ss_ledger *l)
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
        return SS_FAIL(SS_ERR_FILE, "%s: another process held it for over %d s", l->path,
                       SS_DB_BUSY_MS / 1000);
    default:
        return SS_FAIL(SS_ERR_FILE, "%s: %s", l->path, text);
    }
}

enum ss_status ss_db_execute(struct ss_ledger *l, const char *sql)
{
    return sqlite3_exec(l->db, sql, NULL, NULL, NULL) == SQLITE_OK ? SS_OK : ss_db_error(l);
}

enum ss_status ss_db_prepare(struct ss_ledger *l, sqlite3_stmt **out, const char *sql, const char *kinds, ...)
{
    va_list args;
    int code;

    *out = NULL;
    if (sqlite3_prepare_v2(l->db, sql, -1, out, NULL) != SQLITE_OK)
        return ss_db_error(l);
    va_start(args, kinds);
    code = SQLITE_OK;
    for (int i = 0; kinds[i] && code == SQLITE_OK; i++) {
        if (kinds[i] == 's')
            code = sqlite3_bind_text(*out, i + 1, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
        else if (kinds[i] == 'i')
            code = sqlite3_bind_int64(*out, i + 1, va_arg(args, long long));
        else /* NAN becomes NULL */
            code = sqlite3_bind_double(*out, i + 1, va_arg(args, double));
    }
    va_end(args);
    return code == SQLITE_OK ? SS_OK : ss_db_error(l);
}

enum ss_status ss_db_step(struct ss_ledger *l, sqlite3_stmt *s, bool *row)
{
    const int code = sqlite3_step(s);

    *row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? SS_OK : ss_db_error(l);
}

enum ss_status ss_db_finish(struct ss_ledger *l, enum ss_status st, sqlite3_stmt *s)
{
    bool row = st == SS_OK;

    while (st == SS_OK && row)
        st = ss_db_step(l, s, &row);
    sqlite3_finalize(s);
    return st;
}

enum ss_status ss_db_end(struct ss_ledger *l, enum ss_status st)
{
    if (st == SS_OK)
        st = ss_db_execute(l, "COMMIT");
    if (st != SS_OK && !sqlite3_get_autocommit(l->db))
        sqlite3_exec(l->db, "ROLLBACK", NULL, NULL, NULL);
    return st;
}

double ss_db_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

enum ss_status ss_db_text(sqlite3_stmt *s, int i, char **out)
{
    const char *const text = (const char *)sqlite3_column_text(s, i);

    *out = NULL;
    return text ? ss_text_copy(text, out) : SS_OK;
}

enum ss_status ss_db_point(sqlite3_stmt *s, struct ss_point *out)
{
    struct ss_point p = {.id = sqlite3_column_int64(s, 0),
                         .attempts = sqlite3_column_int64(s, 8),
                         .seconds = sqlite3_column_double(s, 13),
                         .rung = sqlite3_column_int64(s, 14),
                         .objective =
                             sqlite3_column_type(s, 15) == SQLITE_NULL ? NAN : sqlite3_column_double(s, 15)};
    const int status = sqlite3_column_int(s, 7);
    char **const texts[] = {&p.digest, &p.setting, &p.group, &p.overrides, &p.resolved,
                            &p.folder, &p.owner,   &p.error, &p.result,    &p.finished_at};
    static const int at[] = {1, 2, 3, 4, 5, 6, 9, 10, 11, 12};
    enum ss_status st = SS_OK;

    p.status = status >= 0 && status <= SS_POINT_STOPPED ? (enum ss_point_status)status : SS_POINT_WAITING;
    for (size_t i = 0; i < SS_COUNT(texts); i++)
        TRY(ss_db_text(s, at[i], texts[i]));
    *out = p;
    p = (struct ss_point){0};
out:
    ss_point_release(&p);
    return st;
}
