/* db_backup: SQLite's online backup, in steps, so that the writer mutex is free between them.
 *
 * What this process changes meanwhile goes into both databases (sqlite3_backup_step says so of the
 * connection that is the source), so a copy never has to begin again. Counters in a copy grow old:
 * keys with a limit of uses must not go on from there as if nothing had happened, which is why a
 * copy says that it is one until it is opened. */
#include "keystore/db_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "keystore/db_sqlite.h"
#include "keystore/keystore.h"

#define PAGES_A_STEP    256
#define NUMBERS_SKIPPED 100 /* rotations between a backup and its restoration */
#define RESPITE_MS      (INT64_C(86400) * 1000)

struct db_copy {
    sqlite3 *target;
    sqlite3_backup *backup;
    char *path;
    bool made; /* the file is ours to remove */
    bool finished;
};

static struct err make_file(const char *path)
{
    CLEANUP(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ENSURE(fd >= 0 || errno != EEXIST, ERR_CONFLICT, "the backup's file is there already");
    if (fd < 0) {
        log_error("keystore", "%s: %s", path, strerrordesc_np(errno));
        return err_new(ERR_IO, __func__, "the backup's file cannot be made");
    }
    /* cppcheck-suppress resourceLeak ; fd_close runs at the end of the scope */
    return err_ok();
}

static void end_at(struct db_copy **copy)
{
    db_copy_end(*copy);
}

struct err db_copy_begin(struct db *db, const char *path, struct db_copy **out)
{
    CLEANUP(end_at) struct db_copy *copy = mem_alloc(sizeof(*copy));
    copy->path = mem_text(path);
    TRY(make_file(path));
    copy->made = true;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(path, &copy->target, flags, NULL);
    if (code != SQLITE_OK) {
        return db_sqlite_failure(copy->target, code);
    }
    copy->backup = sqlite3_backup_init(copy->target, "main", db->handle, "main");
    if (copy->backup == NULL) {
        return db_sqlite_failure(copy->target, sqlite3_extended_errcode(copy->target));
    }
    *out = TAKE(copy);
    return err_ok();
}

struct err db_copy_step(struct db_copy *copy, uint64_t *out_done, uint64_t *out_total,
                        bool *out_more)
{
    int code = sqlite3_backup_step(copy->backup, PAGES_A_STEP);
    if (code != SQLITE_OK && code != SQLITE_DONE) {
        return db_sqlite_failure(copy->target, code);
    }
    uint64_t total = (uint64_t)sqlite3_backup_pagecount(copy->backup);
    *out_done = total - (uint64_t)sqlite3_backup_remaining(copy->backup);
    *out_total = total;
    *out_more = code == SQLITE_OK;
    if (code == SQLITE_DONE) { /* the source is free again */
        code = sqlite3_backup_finish(copy->backup);
        copy->backup = NULL;
        return code == SQLITE_OK ? err_ok() : db_sqlite_failure(copy->target, code);
    }
    return err_ok();
}

/* One file without a log beside it, so that it can be carried away. */
struct err db_copy_finish(struct db_copy *copy, int64_t now)
{
    CLEANUP(mem_free_at)
    char *script = mem_format("PRAGMA synchronous = FULL; PRAGMA journal_mode = DELETE;"
                              "DELETE FROM copy; INSERT INTO copy (taken_at) VALUES (%lld);",
                              (long long)now);
    int code = sqlite3_exec(copy->target, script, NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        return db_sqlite_failure(copy->target, code);
    }
    copy->finished = true;
    return err_ok();
}

void db_copy_end(struct db_copy *copy)
{
    if (copy == NULL) {
        return;
    }
    if (copy->backup != NULL) {
        (void)sqlite3_backup_finish(copy->backup);
    }
    sqlite3_close(copy->target);
    if (copy->made && !copy->finished) {
        (void)unlink(copy->path);
    }
    mem_free(copy->path);
    mem_free(copy);
}

static struct err taken_at(struct db *db, int64_t *out)
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    bool more = false;
    TRY(db_query(db, "SELECT taken_at FROM copy", NULL, 0, &rows));
    TRY(db_next(rows, &more));
    *out = more ? db_integer_at(rows, 0) : 0;
    return err_ok();
}

/* Only an active version protects, and only encryption has a limit that must never be passed. */
static struct err doubt_counters(struct db *db)
{
    struct db_value values[] = {db_integer(VERSION_ACTIVE), db_text(purpose_name(PURPOSE_ENCRYPT))};
    return db_run(db,
                  "UPDATE versions SET count_unsure = 1 WHERE state = $1 AND key_id IN"
                  " (SELECT id FROM keys WHERE purpose = $2)",
                  values, ARRAY_LEN(values), NULL);
}

/* What was used since the copy was taken is not known: its records begin now. */
static struct err begin_records(struct db *db, int64_t now)
{
    struct db_value values[] = {db_integer(now)};
    return db_run(db, "UPDATE versions SET recorded_since = $1", values, ARRAY_LEN(values), NULL);
}

/* A version that was being made when the copy was taken was finished since then, and may have
 * protected data: its row goes and its material stays, like that of versions made later. */
static struct err forget_unfinished(struct db *db)
{
    struct db_value values[] = {db_integer(VERSION_PENDING)};
    TRY(db_run(db, "DELETE FROM versions WHERE state = $1 AND published_at = 0", values,
               ARRAY_LEN(values), NULL));
    return db_run(db, "DELETE FROM keys WHERE id NOT IN (SELECT key_id FROM versions)", NULL, 0,
                  NULL);
}

/* Somebody may have cancelled it after the copy was taken: there is a day to look. */
static struct err delay_destructions(struct db *db, int64_t now)
{
    struct db_value values[] = {db_integer(now + RESPITE_MS),
                                db_integer(VERSION_DESTROY_SCHEDULED)};
    return db_run(db,
                  "UPDATE versions SET destroy_at = $1"
                  " WHERE state = $2 AND destroying = 0 AND destroy_at < $1",
                  values, ARRAY_LEN(values), NULL);
}

/* Numbers that were given to versions after the copy was taken must not name others now: verifiers
 * know NAME@N, and would refuse what the second one signs. */
static struct err skip_numbers(struct db *db)
{
    struct db_value values[] = {db_integer(NUMBERS_SKIPPED), db_integer(INT32_MAX)};
    return db_run(db, "UPDATE keys SET next_version = min(next_version + $1, $2)", values,
                  ARRAY_LEN(values), NULL);
}

/* What was waiting may have been carried out since, or denied: people are asked again. */
static struct err cancel_requests(struct db *db, int64_t now)
{
    struct db_value values[] = {db_integer(REQUEST_CANCELLED), db_integer(now),
                                db_text("the key store was restored from a backup"),
                                db_integer(REQUEST_PENDING), db_integer(REQUEST_APPROVED)};
    return db_run(db,
                  "UPDATE requests SET state = $1, changed_at = $2, outcome = $3"
                  " WHERE state IN ($4, $5)",
                  values, ARRAY_LEN(values), NULL);
}

static struct err become_original(struct db *db, int64_t now)
{
    TRY(doubt_counters(db));
    TRY(begin_records(db, now));
    TRY(delay_destructions(db, now));
    TRY(forget_unfinished(db));
    TRY(skip_numbers(db));
    TRY(cancel_requests(db, now));
    return db_run(db, "DELETE FROM copy", NULL, 0, NULL);
}

struct err db_backup_settle(struct db *db, int64_t now, int64_t *out_taken_at)
{
    int64_t taken = 0;
    TRY(taken_at(db, &taken));
    if (taken != 0) {
        TRY(db_begin(db));
        TRY(db_end(db, become_original(db, now)));
    }
    *out_taken_at = taken;
    return err_ok();
}
