/* sweep_database.h - the ledger's statements, for sweep_ledger.c and sweep_lease.c alone. */
#ifndef SS_RUN_SWEEP_DATABASE_H
#define SS_RUN_SWEEP_DATABASE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "run/sweep_ledger.h"

enum { SS_DB_BUSY_MS = 60000 };

struct ss_ledger {
    sqlite3 *db;
    char *path;
};

/** What SQLite said last, as a status, reported. */
enum ss_status ss_db_error(const struct ss_ledger *l);
SS_MUST_CHECK enum ss_status ss_db_execute(struct ss_ledger *l, const char *sql);

/** Prepare `sql` and bind by `kinds`: s text (may be NULL), i long long, d double. */
SS_MUST_CHECK enum ss_status ss_db_prepare(struct ss_ledger *l, sqlite3_stmt **out, const char *sql,
                                           const char *kinds, ...);

/** One step: *row tells whether there is a row. */
SS_MUST_CHECK enum ss_status ss_db_step(struct ss_ledger *l, sqlite3_stmt *s, bool *row);

/** Run a prepared statement to its end and drop it; `st` is how preparing went. */
SS_MUST_CHECK enum ss_status ss_db_finish(struct ss_ledger *l, enum ss_status st, sqlite3_stmt *s);

/** The end of a transaction; what went wrong in it undoes it. */
SS_MUST_CHECK enum ss_status ss_db_end(struct ss_ledger *l, enum ss_status st);

/** Seconds since 1970. */
double ss_db_now(void);

/** Text of a column, NULL if it has none; the caller's. */
SS_MUST_CHECK enum ss_status ss_db_text(sqlite3_stmt *s, int i, char **out);

#define SS_POINT_COLUMNS                                                                                   \
    "id, digest, setting, grouping, overrides, resolved, folder, status, attempts, owner, error, result, " \
    "finished_at, seconds, rung, objective"

/** The point of a row of these columns. */
SS_MUST_CHECK enum ss_status ss_db_point(sqlite3_stmt *s, struct ss_point *out);

#endif
