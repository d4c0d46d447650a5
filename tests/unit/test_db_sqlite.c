/* The driver: values there and back, transactions, and the code of every kind of failure. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/file.h"
#include "keystore/db.h"
#include "tests/unit/keystore_test.h"

static struct db *open_db(struct fixture *fixture)
{
    struct db *db = NULL;
    fixture_make(fixture);
    assert_ok(db_open(fixture->path, &db));
    assert_ok(
        db_script(db, "CREATE TABLE t (n INTEGER UNIQUE, x TEXT, b BLOB CHECK (b <> x'ff'))"));
    return db;
}

static int64_t count_of(struct db *db)
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    bool more = false;
    assert_ok(db_query(db, "SELECT count(*) FROM t", NULL, 0, &rows));
    assert_ok(db_next(rows, &more));
    assert_true(more);
    return db_integer_at(rows, 0);
}

static struct err insert(struct db *db, int64_t n)
{
    struct db_value values[] = {db_integer(n)};
    return db_run(db, "INSERT INTO t (n) VALUES ($1)", values, 1, NULL);
}

static void gives_values_back(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    CLEANUP(db_close_at) struct db *db = open_db(&fixture);
    uint8_t bytes[] = {0, 1, 0};
    struct db_value values[] = {db_integer(INT64_MIN), db_text("h\xc3\xa9"),
                                db_bytes(span_of(bytes, 3))};
    struct db_value empty[] = {db_integer(2), db_text(NULL), db_bytes(span_of(NULL, 0))};
    size_t changed = 0;
    assert_ok(db_run(db, "INSERT INTO t VALUES ($1, $2, $3)", values, 3, &changed));
    assert_int_equal(changed, 1);
    assert_ok(db_run(db, "INSERT INTO t VALUES ($1, $2, $3)", empty, 3, &changed));

    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    bool more = false;
    assert_ok(db_query(db, "SELECT n, x, b, typeof(b) FROM t ORDER BY n", NULL, 0, &rows));
    assert_ok(db_next(rows, &more));
    assert_true(more);
    assert_true(db_integer_at(rows, 0) == INT64_MIN);
    assert_string_equal(db_text_at(rows, 1), "h\xc3\xa9");
    assert_true(span_equal(db_bytes_at(rows, 2), span_of(bytes, 3)));
    assert_ok(db_next(rows, &more));
    assert_null(db_text_at(rows, 1));
    assert_int_equal(db_bytes_at(rows, 2).len, 0);
    assert_string_equal(db_text_at(rows, 3), "blob");
    assert_ok(db_next(rows, &more));
    assert_false(more);
}

static void commits_or_forgets(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    CLEANUP(db_close_at) struct db *db = open_db(&fixture);
    assert_ok(db_begin(db));
    assert_ok(db_end(db, insert(db, 1)));
    assert_int_equal(count_of(db), 1);
    assert_ok(db_begin(db));
    assert_ok(insert(db, 2));
    assert_code(db_end(db, err_new(ERR_INVALID_STATE, __func__, "mine")), ERR_INVALID_STATE);
    assert_int_equal(count_of(db), 1);
    assert_ok(db_begin(db));
    assert_ok(insert(db, 3));
    assert_code(db_end(db, insert(db, 1)), ERR_CONFLICT);
    assert_int_equal(count_of(db), 1);
}

static void tells_failures_apart(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    CLEANUP(db_close_at) struct db *db = open_db(&fixture);
    struct db_rows *rows = NULL;
    assert_ok(insert(db, 1));
    assert_code(insert(db, 1), ERR_CONFLICT);
    assert_code(db_script(db, "INSERT INTO t (b) VALUES (x'ff')"), ERR_INTERNAL);
    assert_code(db_script(db, "nonsense"), ERR_INTERNAL);
    assert_code(db_query(db, "SELECT nothing FROM nowhere", NULL, 0, &rows), ERR_INTERNAL);
    assert_null(rows);
    assert_ok(db_script(db, "PRAGMA query_only = ON"));
    assert_code(insert(db, 2), ERR_STORE_UNAVAILABLE);
}

static void refuses_a_second_holder(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    struct db *db = open_db(&fixture);
    struct db *second = NULL;
    assert_code(db_open(fixture.path, &second), ERR_CONFLICT);
    assert_null(second);
    db_close(db);
    assert_ok(db_open(fixture.path, &second));
    db_close(second);
}

static void keeps_files_private(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    mode_t old = umask(0);
    CLEANUP(fd_close) int fd = open(fixture.path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    CLEANUP(db_close_at) struct db *db = NULL;
    assert_ok(db_open(fixture.path, &db));
    assert_ok(db_script(db, "CREATE TABLE t (n INTEGER)"));
    (void)umask(old);
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char path[96];
        struct stat status = {0};
        (void)snprintf(path, sizeof(path), "%s%s", fixture.path, ends[i]);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
}

static void refuses_what_is_no_database(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    struct db *db = NULL;
    char text[4096];
    memset(text, 'x', sizeof(text));
    assert_ok(file_write(fixture.path, span_of(text, sizeof(text)), 0600));
    assert_code(db_open(fixture.path, &db), ERR_CORRUPT);
    assert_code(db_open("/nonexistent/folder/keys.db", &db), ERR_STORE_UNAVAILABLE);
    assert_code(db_open(fixture.folder, &db), ERR_STORE_UNAVAILABLE);
    char lock[96];
    (void)snprintf(lock, sizeof(lock), "%s.lock", fixture.folder);
    (void)unlink(lock);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A full disk lets a transaction begin. After a commit failed the check writes for real, so it
 * fails as long as writes do. */
static void checks_by_writing_after_a_failure(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    CLEANUP(db_close_at) struct db *db = open_db(&fixture);
    assert_ok(db_script(db, "CREATE TABLE schema_migrations (number INTEGER, applied_at INTEGER)"));
    assert_ok(db_check(db));
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    limit_files(1);
    assert_ok(db_check(db));
    assert_ok(db_begin(db));
    assert_code(db_end(db, insert(db, 1)), ERR_STORE_UNAVAILABLE);
    assert_code(db_check(db), ERR_STORE_UNAVAILABLE);
    assert_code(db_check(db), ERR_STORE_UNAVAILABLE);
    limit_files(RLIM_INFINITY);
    assert_ok(db_check(db));
    assert_int_equal(count_of(db), 0);
    assert_ok(db_begin(db));
    assert_ok(db_end(db, insert(db, 2)));
    assert_int_equal(count_of(db), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_values_back),
        cmocka_unit_test(commits_or_forgets),
        cmocka_unit_test(tells_failures_apart),
        cmocka_unit_test(refuses_a_second_holder),
        cmocka_unit_test(keeps_files_private),
        cmocka_unit_test(refuses_what_is_no_database),
        cmocka_unit_test(checks_by_writing_after_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
