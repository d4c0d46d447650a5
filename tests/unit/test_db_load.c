/* Loading: many keys in order, and rows that nobody may have written. */
#include "keystore/db.h"
#include "tests/unit/keystore_test.h"

/* Many keys by SQL, because each commit of its own would sync the disk. */
#define VERSIONS                                                                             \
    "INSERT INTO versions (key_id, number, state, cka_id, identity, public_key, created_at," \
    " activated_at, retired_at, destroy_at, uses_reserved, last_used_at)"
static const char many[] =
    "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)"
    " INSERT INTO keys SELECT randomblob(16), printf('scale/%06d', (i * 7919) % 100000),"
    " 'ecdsa-p256', 'sign', 'soft', 'team', NULL, NULL, 'public', '{\"env\":\"prod\"}',"
    " 0, 0, 0, 0, 0, NULL, '[]', NULL, 0, 1, 3, 0, 0, 0, NULL, NULL FROM n;" VERSIONS
    " SELECT id, 2, 2, randomblob(18), randomblob(32), randomblob(91),"
    " 1, 1, 0, 0, 7, 8 FROM keys;" VERSIONS
    " SELECT id, 1, 3, randomblob(18), randomblob(32), randomblob(91),"
    " 1, 1, 1, 0, 5, 6 FROM keys WHERE name LIKE '%0'";

static void run_sql(const struct fixture *fixture, const char *sql)
{
    CLEANUP(db_close_at) struct db *db = NULL;
    assert_ok(db_open(fixture->path, &db));
    assert_ok(db_begin(db));
    assert_ok(db_end(db, db_script(db, sql)));
}

static void close_store(struct fixture *fixture)
{
    keystore_close(fixture->store);
    fixture->store = NULL;
}

static void loads_a_hundred_thousand_keys(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    close_store(&fixture);
    run_sql(&fixture, many);
    fixture_open(&fixture);
    assert_int_equal(keystore_count(fixture.store), 100000);
    for (unsigned i = 0; i < 100000; i += 17) {
        char name[32];
        (void)snprintf(name, sizeof(name), "scale/%06u", i);
        CLEANUP(key_release_at)
        const struct key *key = keystore_find(fixture.store, span_text(name));
        assert_non_null(key);
        CLEANUP(key_release_at) const struct key *same = keystore_find_id(fixture.store, key->id);
        assert_ptr_equal(same, key);
        bool has_old = i % 10 == 0;
        assert_int_equal(key->version_count, has_old ? 2 : 1);
        assert_int_equal(key->primary, 2);
        assert_true(!has_old || uses_count(key_version(key, 1)) == 5);
        assert_int_equal(uses_count(key_primary(key)), 7);
        assert_int_equal(key_primary(key)->public_key.len, 91);
        assert_string_equal(key->facts.labels[0].value, "prod");
    }
    make_active(fixture.store, "scale/000000x");
    assert_ok(move(fixture.store, "scale/050000", 2, VERSION_ACTIVE, VERSION_RETIRING));
    assert_int_equal(keystore_count(fixture.store), 100001);
}

static void refuses_rows_that_nobody_wrote(void **state)
{
    (void)state;
    static const char *const damage[] = {
        "UPDATE keys SET algorithm = 'rot13'",
        "UPDATE keys SET labels = '{\"a\":1}'",
        "UPDATE keys SET jwt_audiences = '[{}]'",
        "DELETE FROM versions",
        "UPDATE versions SET key_id = (SELECT max(id) FROM keys)"
        " WHERE key_id = (SELECT min(id) FROM keys) AND number = 2;"
        "DELETE FROM versions WHERE key_id = (SELECT min(id) FROM keys)",
    };
    for (size_t i = 0; i < ARRAY_LEN(damage); i++) {
        CLEANUP(fixture_drop) struct fixture fixture;
        fixture_make(&fixture);
        fixture_open(&fixture);
        make_active(fixture.store, "a/b");
        make_active(fixture.store, "a/c");
        close_store(&fixture);
        run_sql(&fixture, damage[i]);
        assert_code_of(damage[i], keystore_open(fixture.path, &fixture.store), ERR_CORRUPT);
        assert_null(fixture.store);
    }
}

static void notices_a_damaged_page(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    for (unsigned i = 0; i < 30; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "a/%u", i);
        reserve_key(fixture.store, name);
    }
    close_store(&fixture);
    FILE *file = fopen(fixture.path, "r+b");
    assert_non_null(file);
    char page[4096];
    memset(page, 0xa5, sizeof(page));
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    for (long at = sizeof(page); at < size; at += (long)sizeof(page)) {
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        assert_int_equal(fwrite(page, sizeof(page), 1, file), 1);
    }
    assert_int_equal(fclose(file), 0);
    assert_code(keystore_open(fixture.path, &fixture.store), ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_a_hundred_thousand_keys),
        cmocka_unit_test(refuses_rows_that_nobody_wrote),
        cmocka_unit_test(notices_a_damaged_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
