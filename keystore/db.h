/* db: one connection to a SQL database, the seam where another driver can stand.
 *
 * Statements number their parameters $1, $2, … in the order of first use and take them from one
 * array; SQLite and PostgreSQL both read that. A db is not thread-safe: the store's writer mutex
 * guards it. Errors: ERR_CONFLICT (a unique row is there already), ERR_CORRUPT,
 * ERR_STORE_UNAVAILABLE, ERR_INTERNAL (our bug, another constraint included). */
#ifndef HSMGATE_KEYSTORE_DB_H
#define HSMGATE_KEYSTORE_DB_H

#include "base/buf.h"
#include "base/digest.h"

struct db;
struct db_rows; /* the answer to a query, read forward */

enum db_kind { DB_NULL, DB_INTEGER, DB_TEXT, DB_BYTES };
struct db_value {
    enum db_kind kind;
    int64_t integer;
    struct span bytes; /* borrowed for the call */
};
struct db_value db_integer(int64_t value);
struct db_value db_text(const char *text_or_null);
struct db_value db_name(struct span text);
struct db_value db_bytes(struct span bytes);
struct db_value db_uuid(const struct uuid *id);

/* Opens or creates the database for this process alone, mode 0600, durable commits, foreign keys
 * on. */
MUST_USE struct err db_open(const char *path, struct db **out);
/* Takes NULL. */
void db_close(struct db *db);
void db_close_at(struct db **db);

/* Statements without parameters, separated by semicolons. */
MUST_USE struct err db_script(struct db *db, const char *sql);
/* One statement without rows; `out_changed`, or NULL, gets the number of rows it touched. */
MUST_USE struct err db_run(struct db *db, const char *sql, const struct db_value *values,
                           size_t count, size_t *out_changed);
MUST_USE struct err db_begin(struct db *db);
/* Commits when `outcome` is no error, else rolls back and gives `outcome` back. After an error
 * nothing of the transaction stays. */
MUST_USE struct err db_end(struct db *db, struct err outcome);
/* Whether a write would succeed now; writes for real only when the last commit failed. */
MUST_USE struct err db_check(struct db *db);

MUST_USE struct err db_query(struct db *db, const char *sql, const struct db_value *values,
                             size_t count, struct db_rows **out);
/* Steps to the next row; false in *out_more behind the last one. */
MUST_USE struct err db_next(struct db_rows *rows, bool *out_more);
int64_t db_integer_at(struct db_rows *rows, int column);
/* Text or bytes, borrowed until the next db_next; text is NUL-terminated too. */
struct span db_bytes_at(struct db_rows *rows, int column);
/* NULL for SQL's NULL. */
const char *db_text_at(struct db_rows *rows, int column);
/* Takes a NULL inside; for CLEANUP. */
void db_rows_close_at(struct db_rows **rows);

#endif
