/* db_sqlite: the SQLite driver under db.h.
 *
 * WAL with synchronous=FULL: a commit that returned survives a power cut. One process at a time,
 * held by flock on PATH.lock, because the in-memory snapshot would not see another writer. What
 * SQLite says goes to the operator's log here; the error that goes up says only what a client may
 * read. The caller serialises all calls. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "keystore/db_sqlite.h"

#define BUSY_MS 1000 /* a moment's lock; the writer mutex is held so long, and everybody waits */

struct db_rows {
    sqlite3_stmt *statement;
    struct db *db;
};

struct db_value db_integer(int64_t value)
{
    return (struct db_value){.kind = DB_INTEGER, .integer = value};
}

struct db_value db_name(struct span text)
{
    return (struct db_value){.kind = DB_TEXT, .bytes = text};
}

struct db_value db_text(const char *text_or_null)
{
    if (text_or_null == NULL) {
        return (struct db_value){.kind = DB_NULL};
    }
    return db_name(span_text(text_or_null));
}

struct db_value db_bytes(struct span bytes)
{
    return (struct db_value){.kind = DB_BYTES, .bytes = bytes};
}

struct db_value db_uuid(const struct uuid *id)
{
    return db_bytes(span_of(id->bytes, UUID_LEN));
}

struct err db_sqlite_failure(sqlite3 *handle, int code)
{
    if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY) {
        return err_new(ERR_CONFLICT, __func__, "a row with this name or id is already there");
    }
    log_error("keystore", "sqlite %d: %s", code,
              handle != NULL ? sqlite3_errmsg(handle) : sqlite3_errstr(code));
    switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_new(ERR_CORRUPT, __func__, "the key store's database is damaged");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_READONLY:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_PROTOCOL:
        return err_new(ERR_STORE_UNAVAILABLE, __func__, "the key store cannot be written now");
    default:
        return err_new(ERR_INTERNAL, __func__, "the key store refused a change");
    }
}

static struct err failure(struct db *db, int code)
{
    struct err err = db_sqlite_failure(db->handle, code);
    db->damaged = db->damaged || err.code == ERR_CORRUPT;
    return err;
}

/* Creates the file with its mode before SQLite sees it; WAL and SHM files inherit the mode. */
static struct err make_private(const char *path)
{
    CLEANUP(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fchmod(fd, 0600) != 0) {
        log_error("keystore", "%s: %s", path, strerror(errno));
        return err_new(ERR_STORE_UNAVAILABLE, __func__, "the key store's file cannot be opened");
    }
    /* cppcheck-suppress resourceLeak ; fd_close runs at the end of the scope */
    return err_ok();
}
static struct err lock_path(const char *path, int *out_fd)
{
    CLEANUP(mem_free_at) char *lock = mem_format("%s.lock", path);
    CLEANUP(fd_close) int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        log_error("keystore", "%s: %s", lock, strerror(errno));
        return err_new(ERR_STORE_UNAVAILABLE, __func__, "the key store cannot be locked");
    }
    ENSURE(flock(fd, LOCK_EX | LOCK_NB) == 0, ERR_CONFLICT,
           "another process holds the key store's database");
    *out_fd = fd_take(&fd);
    return err_ok();
}

static struct err open_wal(struct db *db)
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    bool more = false;
    TRY(db_query(db, "PRAGMA journal_mode = WAL", NULL, 0, &rows));
    TRY(db_next(rows, &more));
    ENSURE(more && span_is(db_bytes_at(rows, 0), "wal"), ERR_STORE_UNAVAILABLE,
           "the key store's file system has no write-ahead log");
    return err_ok();
}

/* Every page, used or not: a damaged one would else be met by somebody's request, months later.
 * Rows that nobody of us wrote are judged where they are read, which says more of them. */
static struct err check_pages(struct db *db)
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    bool more = false;
    TRY(db_script(db, "PRAGMA ignore_check_constraints = ON"));
    TRY(db_query(db, "PRAGMA quick_check(1)", NULL, 0, &rows));
    TRY(db_next(rows, &more));
    if (more && !span_is(db_bytes_at(rows, 0), "ok")) {
        log_error("keystore", "sqlite quick_check: %s", db_text_at(rows, 0));
        return err_new(ERR_CORRUPT, __func__, "the key store's database is damaged");
    }
    return db_script(db, "PRAGMA ignore_check_constraints = OFF");
}

struct err db_open(const char *path, struct db **out)
{
    CLEANUP(db_close_at) struct db *db = mem_alloc(sizeof(*db));
    db->lock_fd = -1;
    TRY(lock_path(path, &db->lock_fd));
    TRY(make_private(path));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(path, &db->handle, flags, NULL);
    if (code != SQLITE_OK) {
        return failure(db, code);
    }
    sqlite3_busy_timeout(db->handle, BUSY_MS);
    TRY(open_wal(db));
    TRY(db_script(db, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                      "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON"));
    TRY(check_pages(db));
    *out = TAKE(db);
    return err_ok();
}

void db_close(struct db *db)
{
    if (db == NULL) {
        return;
    }
    sqlite3_close(db->handle);
    fd_close(&db->lock_fd);
    mem_free(db);
}

void db_close_at(struct db **db)
{
    db_close(*db);
}

struct err db_script(struct db *db, const char *sql)
{
    int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? err_ok() : failure(db, code);
}

static int bind(sqlite3_stmt *statement, int position, const struct db_value *value)
{
    /* SQLite takes a NULL pointer for SQL's NULL. */
    const void *data = value->bytes.len > 0 ? (const void *)value->bytes.data : "";
    switch (value->kind) {
    case DB_INTEGER:
        return sqlite3_bind_int64(statement, position, value->integer);
    case DB_TEXT:
        return sqlite3_bind_text64(statement, position, data, value->bytes.len, SQLITE_TRANSIENT,
                                   SQLITE_UTF8);
    case DB_BYTES:
        return sqlite3_bind_blob64(statement, position, data, value->bytes.len, SQLITE_TRANSIENT);
    case DB_NULL:
        break;
    }
    return sqlite3_bind_null(statement, position);
}

struct err db_query(struct db *db, const char *sql, const struct db_value *values, size_t count,
                    struct db_rows **out)
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = mem_alloc(sizeof(*rows));
    rows->db = db;
    int code = sqlite3_prepare_v2(db->handle, sql, -1, &rows->statement, NULL);
    for (size_t i = 0; i < count && code == SQLITE_OK; i++) {
        code = bind(rows->statement, (int)i + 1, &values[i]);
    }
    if (code != SQLITE_OK) {
        return failure(db, code);
    }
    *out = TAKE(rows);
    return err_ok();
}

struct err db_next(struct db_rows *rows, bool *out_more)
{
    int code = sqlite3_step(rows->statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        return failure(rows->db, code);
    }
    *out_more = code == SQLITE_ROW;
    return err_ok();
}

int64_t db_integer_at(struct db_rows *rows, int column)
{
    return sqlite3_column_int64(rows->statement, column);
}

struct span db_bytes_at(struct db_rows *rows, int column)
{
    const void *data = sqlite3_column_blob(rows->statement, column);
    return span_of(data, (size_t)sqlite3_column_bytes(rows->statement, column));
}

const char *db_text_at(struct db_rows *rows, int column)
{
    return (const char *)sqlite3_column_text(rows->statement, column);
}

void db_rows_close_at(struct db_rows **rows)
{
    if (*rows != NULL) {
        sqlite3_finalize((*rows)->statement);
        mem_free(*rows);
        *rows = NULL;
    }
}

struct err db_run(struct db *db, const char *sql, const struct db_value *values, size_t count,
                  size_t *out_changed)
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    bool more = false;
    TRY(db_query(db, sql, values, count, &rows));
    assert(rows != NULL);
    TRY(db_next(rows, &more));
    if (out_changed != NULL) {
        *out_changed = (size_t)sqlite3_changes64(db->handle);
    }
    return err_ok();
}

/* Who has found it locked has waited for all: those behind do not, or a lock that stays would make
 * them wait for it one after the other. */
struct err db_begin(struct db *db)
{
    sqlite3_busy_timeout(db->handle, db->doubtful ? 0 : BUSY_MS);
    struct err err = db_script(db, "BEGIN IMMEDIATE");
    db->doubtful = db->doubtful || err.code != ERR_OK;
    return err;
}

struct err db_end(struct db *db, struct err outcome)
{
    if (outcome.code == ERR_OK) {
        outcome = db_script(db, "COMMIT");
        db->doubtful = outcome.code != ERR_OK;
    } else {
        db->doubtful = db->doubtful || outcome.code == ERR_STORE_UNAVAILABLE;
    }
    /* Some errors have rolled back already: then the connection is in autocommit again. */
    if (outcome.code != ERR_OK && !sqlite3_get_autocommit(db->handle)) {
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    }
    return outcome;
}

struct err db_check(struct db *db)
{
    ENSURE(!db->damaged, ERR_CORRUPT, "the key store's database is damaged");
    bool write = db->doubtful;
    TRY(db_begin(db));
    struct err err = err_ok();
    if (write) {
        /* A row that comes and goes: SQLite would not write one that only stays the same. */
        err = db_script(db, "INSERT INTO schema_migrations (number, applied_at) VALUES (-1, 0);"
                            "DELETE FROM schema_migrations WHERE number = -1");
    }
    return db_end(db, err);
}
