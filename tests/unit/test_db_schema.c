/* Migrations by number, and the constraints that stand behind the code. */
#include "keystore/db_schema.h"

#include "tests/unit/keystore_test.h"

static struct db *open_schema(struct fixture *fixture)
{
    struct db *db = NULL;
    fixture_make(fixture);
    assert_ok(db_open(fixture->path, &db));
    assert_ok(db_schema_migrate(db, NOW));
    return db;
}

static void runs_each_migration_once(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    CLEANUP(db_close_at) struct db *db = open_schema(&fixture);
    assert_ok(db_schema_migrate(db, NOW + 1));
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    bool more = false;
    assert_ok(db_query(db, "SELECT number, applied_at FROM schema_migrations ORDER BY number", NULL,
                       0, &rows));
    assert_ok(db_next(rows, &more));
    for (int64_t number = 1; more; number++) {
        assert_int_equal(db_integer_at(rows, 0), number);
        assert_true(db_integer_at(rows, 1) == NOW);
        assert_ok(db_next(rows, &more));
    }
}

static void refuses_a_newer_database(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    struct db *db = open_schema(&fixture);
    assert_ok(db_script(db, "INSERT INTO schema_migrations VALUES (4711, 0)"));
    struct err err = db_schema_migrate(db, NOW);
    db_close(db);
    assert_int_equal(err.code, ERR_NEWER);
    assert_non_null(strstr(err.detail, "4711"));
    assert_non_null(strstr(err.detail, "schema 6 at most"));
    assert_code(keystore_open(fixture.path, &fixture.store), ERR_NEWER);
    assert_null(fixture.store);
}

static void leaves_nothing_of_a_failed_migration(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    CLEANUP(db_close_at) struct db *db = NULL;
    fixture_make(&fixture);
    assert_ok(db_open(fixture.path, &db));
    /* The last table of the first migration is in the way. */
    assert_ok(db_script(db, "CREATE TABLE bearers (n INTEGER)"));
    assert_code(db_schema_migrate(db, NOW), ERR_INTERNAL);
    assert_code(db_script(db, "SELECT * FROM keys"), ERR_INTERNAL);
    assert_ok(db_script(db, "DROP TABLE bearers"));
    assert_ok(db_schema_migrate(db, NOW));
    assert_ok(db_script(db, "SELECT * FROM keys"));
}

static int64_t number_of(struct db *db, const char *sql)
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    bool more = false;
    assert_ok(db_query(db, sql, NULL, 0, &rows));
    assert_ok(db_next(rows, &more));
    assert_true(more);
    return db_integer_at(rows, 0);
}

/* What was made before versions had a history is published, and its use is recorded from now on. */
static void brings_old_versions_along(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    CLEANUP(db_close_at) struct db *db = NULL;
    fixture_make(&fixture);
    assert_ok(db_open(fixture.path, &db));
    assert_ok(db_schema_migrate_to(db, 2, NOW));
    assert_ok(db_script(db,
                        "INSERT INTO keys VALUES (x'00000000000000000000000000000001', 'a/b',"
                        " 'aes-256-gcm', 'encrypt', 't', 'o', NULL, NULL, 'public', '{}', 0, 0, 0,"
                        " 0, 0, NULL, '[]', NULL, 0, 1, 4);"
                        "INSERT INTO versions (key_id, number, state, cka_id, identity, public_key,"
                        " created_at, activated_at, retired_at, uses_reserved, last_used_at)"
                        " SELECT id, 1, 3, x'01', x'01', x'', 10, 20, 30, 7, 25 FROM keys;"
                        "INSERT INTO versions (key_id, number, state, cka_id, identity, public_key,"
                        " created_at) SELECT id, 2, 1, x'02', x'', x'', 40 FROM keys"));
    assert_ok(db_schema_migrate(db, NOW));
    assert_int_equal(number_of(db, "SELECT published_at FROM versions WHERE number = 1"), 20);
    assert_int_equal(number_of(db, "SELECT entered_at FROM versions WHERE number = 1"), 30);
    assert_int_equal(number_of(db, "SELECT uses_reserved FROM versions WHERE number = 1"), 7);
    assert_true(number_of(db, "SELECT recorded_since FROM versions WHERE number = 1") > NOW);
    assert_int_equal(number_of(db, "SELECT published_at FROM versions WHERE number = 2"), 0);
    assert_int_equal(number_of(db, "SELECT lived + high_water FROM clock"), 0);
}

/* What was made before quorums is not frozen, has no permission, and the store serves it. */
static void opens_a_store_from_before_quorums(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    struct db *db = NULL;
    fixture_make(&fixture);
    assert_ok(db_open(fixture.path, &db));
    assert_ok(db_schema_migrate_to(db, 3, NOW));
    assert_ok(db_script(db,
                        "INSERT INTO keys VALUES (x'00000000000000000000000000000001', 'a/b',"
                        " 'aes-256-gcm', 'encrypt', 't', 'o', NULL, NULL, 'public', '{}', 0, 0, 0,"
                        " 0, 0, NULL, '[]', NULL, 0, 1, 3, 1, 77);"
                        "INSERT INTO versions (key_id, number, state, cka_id, identity, public_key,"
                        " created_at) SELECT id, 1, 2, x'01', x'01', x'', 10 FROM keys;"
                        "INSERT INTO versions (key_id, number, state, cka_id, identity, public_key,"
                        " created_at) SELECT id, 2, 7, x'02', x'01', x'', 10 FROM keys"));
    db_close(db);
    fixture_open(&fixture);
    CLEANUP(key_release_at) const struct key *key = keystore_find(fixture.store, span_text("a/b"));
    assert_non_null(key);
    assert_true(key->cached_until == 77);
    assert_true(key->frozen.at == 0 && key->frozen.by == NULL && key->frozen.reason == NULL);
    assert_false(key_version(key, 2)->has_permission);
    assert_ok(keystore_freeze(fixture.store, span_text("a/b"), &(struct freeze){.at = NOW}));
    const struct quorum_request **none = NULL;
    size_t count = 9;
    assert_ok(
        keystore_list_requests(fixture.store, &(struct request_filter){.limit = 9}, &none, &count));
    assert_int_equal(count, 0);
    request_list_free(none, count);
}

#define KEY(id, name)                                                                            \
    "INSERT INTO keys VALUES (" id ", " name ", 'aes-256-gcm', 'encrypt', 't', 'o', NULL, NULL," \
    " 'public', '{}', 0, 0, 0, 0, 0, NULL, '[]', NULL, 0, 1, 3, 0, 0, 0, NULL, NULL)"
#define VERSION(key, number, state, cka, identity)                                           \
    "INSERT INTO versions (key_id, number, state, cka_id, identity, public_key, created_at)" \
    " VALUES (" key ", " number ", " state ", " cka ", " identity ", x'', 1)"
#define GRANT(principal, operations, reason)                                                       \
    "INSERT INTO grants VALUES ('g', " principal ", 'a/*', " operations ", '{}', '[]', 0, " reason \
    ", 0, 1, 1, 'unix:0', 0)"
#define REQUEST(id, kind, state, ciphertext, rest)          \
    "INSERT INTO requests VALUES (" id ", " kind ", " state \
    ", 'a/b', 1, 'unix:1', x'01', " ciphertext ", x'', 1, 2, 1, NULL, " rest ")"
#define VOTE(request, voter, choice, signature)                                                \
    "INSERT INTO votes (request_id, voter, choice, format, signed_at, signature, received_at)" \
    " VALUES (" request ", " voter ", " choice ", 'raw', 't', " signature ", 1)"
#define DIGEST "x'0102030405060708010203040506070801020304050607080102030405060708'"
#define ID_1   "x'00000000000000000000000000000001'"
#define ID_2   "x'00000000000000000000000000000002'"

static void holds_the_last_line(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    CLEANUP(db_close_at) struct db *db = open_schema(&fixture);
    assert_ok(db_script(db, KEY(ID_1, "'a/b'")));
    assert_ok(db_script(db, VERSION(ID_1, "1", "2", "x'01'", "x'01'")));
    assert_ok(db_script(db, REQUEST(ID_1, "'open'", "1", "x'01'", "x'', 0")));
    assert_ok(db_script(db, VOTE(ID_1, "'ada'", "'approve'", "x'01'")));
    static const struct {
        const char *what;
        const char *sql;
        enum err_code code;
    } cases[] = {
        {"same name", KEY(ID_2, "'a/b'"), ERR_CONFLICT},
        {"same id", KEY(ID_1, "'a/c'"), ERR_CONFLICT},
        {"short id", KEY("x'01'", "'a/c'"), ERR_INTERNAL},
        {"empty name", KEY(ID_2, "''"), ERR_INTERNAL},
        {"second active", VERSION(ID_1, "2", "2", "x'02'", "x'01'"), ERR_CONFLICT},
        {"same number", VERSION(ID_1, "1", "3", "x'02'", "x'01'"), ERR_CONFLICT},
        {"same CKA_ID", VERSION(ID_1, "2", "3", "x'01'", "x'01'"), ERR_CONFLICT},
        {"no such key", VERSION(ID_2, "1", "1", "x'02'", "x''"), ERR_INTERNAL},
        {"state 0", VERSION(ID_1, "2", "0", "x'02'", "x'01'"), ERR_INTERNAL},
        {"state 9", VERSION(ID_1, "2", "9", "x'02'", "x'01'"), ERR_INTERNAL},
        {"number 0", VERSION(ID_1, "0", "1", "x'02'", "x''"), ERR_INTERNAL},
        {"empty CKA_ID", VERSION(ID_1, "2", "1", "x''", "x''"), ERR_INTERNAL},
        {"no material", VERSION(ID_1, "2", "3", "x'02'", "x''"), ERR_INTERNAL},
        {"key with versions goes", "DELETE FROM keys", ERR_INTERNAL},
        {"negative uses", "UPDATE versions SET uses_reserved = -1", ERR_INTERNAL},
        {"approvals", "UPDATE keys SET approval_m = 256", ERR_INTERNAL},
        {"class", "UPDATE keys SET classification = 'secret'", ERR_INTERNAL},
        {"labels", "UPDATE keys SET labels = '[]'", ERR_INTERNAL},
        {"type", "UPDATE keys SET created_at = 'soon'", ERR_INTERNAL},
        {"grant for nobody", GRANT("''", "'[\"sign\"]'", "'why'"), ERR_INTERNAL},
        {"grant of nothing", GRANT("'unix:1'", "'[]'", "'why'"), ERR_INTERNAL},
        {"grant without reason", GRANT("'unix:1'", "'[\"sign\"]'", "''"), ERR_INTERNAL},
        {"no such mode", "UPDATE keys SET rotation_mode = 2", ERR_INTERNAL},
        {"no such origin", "UPDATE versions SET disabled_from = 9", ERR_INTERNAL},
        {"half destroyed", "UPDATE versions SET destroying = 2", ERR_INTERNAL},
        {"two clocks", "INSERT INTO clock VALUES (2, 0, 0)", ERR_INTERNAL},
        {"clock before the start", "UPDATE clock SET lived = -1", ERR_INTERNAL},
        {"same request", REQUEST(ID_1, "'open'", "1", "x'01'", "x'', 0"), ERR_CONFLICT},
        {"request in state 0", REQUEST(ID_2, "'open'", "0", "x'01'", "x'', 0"), ERR_INTERNAL},
        {"request in state 10", REQUEST(ID_2, "'open'", "10", "x'01'", "x'', 0"), ERR_INTERNAL},
        {"open without text", REQUEST(ID_2, "'open'", "1", "x''", "x'', 0"), ERR_INTERNAL},
        {"destroy with text", REQUEST(ID_2, "'destroy'", "1", "x'01'", "x'', 0"), ERR_INTERNAL},
        {"roster", REQUEST(ID_2, "'roster'", "1", "x''", "x'', 0"), ERR_INTERNAL},
        {"early result", REQUEST(ID_2, "'rule'", "3", "x''", DIGEST ", 0"), ERR_INTERNAL},
        {"short result", REQUEST(ID_2, "'rule'", "4", "x''", "x'01', 0"), ERR_INTERNAL},
        {"spent and waits", REQUEST(ID_2, "'rule'", "2", "x''", "x'', 7"), ERR_INTERNAL},
        {"same vote", VOTE(ID_1, "'ada'", "'approve'", "x'02'"), ERR_CONFLICT},
        {"vote on nothing", VOTE(ID_2, "'ada'", "'approve'", "x'01'"), ERR_INTERNAL},
        {"vote for neither", VOTE(ID_1, "'ada'", "'maybe'", "x'01'"), ERR_INTERNAL},
        {"vote of nobody", VOTE(ID_1, "''", "'approve'", "x'01'"), ERR_INTERNAL},
        {"unsigned vote", VOTE(ID_1, "'bob'", "'approve'", "x''"), ERR_INTERNAL},
        {"request with votes goes", "DELETE FROM requests", ERR_INTERNAL},
        {"permission to stay", "UPDATE versions SET permission = " ID_1, ERR_INTERNAL},
        {"permission of nobody", "UPDATE versions SET state = 7, permission = x'01'", ERR_INTERNAL},
        {"frozen before time", "UPDATE keys SET frozen_at = -1", ERR_INTERNAL},
        {"roster 0", "INSERT INTO rosters VALUES (0, x'01', x'', '', 1)", ERR_INTERNAL},
        {"signed root", "INSERT INTO rosters VALUES (1, x'01', x'01', '[]', 1)", ERR_INTERNAL},
        {"unsigned roster", "INSERT INTO rosters VALUES (2, x'01', x'', '', 1)", ERR_INTERNAL},
        {"bearer hash", "INSERT INTO bearers VALUES ('a', x'00', 0, 0, 0)", ERR_INTERNAL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_code_of(cases[i].what, db_script(db, cases[i].sql), cases[i].code);
    }
    assert_ok(db_script(db, VERSION(ID_1, "2", "3", "x'02'", "x'01'")));
    assert_ok(db_script(db, GRANT("'unix:1'", "'[\"sign\"]'", "'why'")));
    assert_ok(db_script(db, REQUEST(ID_2, "'rule'", "4", "x''", DIGEST ", 7")));
    assert_ok(db_script(db, VOTE(ID_1, "'ada'", "'deny'", "x'01'")));
    assert_ok(
        db_script(db, "UPDATE versions SET state = 7, permission = " ID_1 " WHERE number = 2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_each_migration_once),
        cmocka_unit_test(refuses_a_newer_database),
        cmocka_unit_test(leaves_nothing_of_a_failed_migration),
        cmocka_unit_test(brings_old_versions_along),
        cmocka_unit_test(opens_a_store_from_before_quorums),
        cmocka_unit_test(holds_the_last_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
