/* The chain of rosters as rows: it grows by one, and a gap is damage. */
#include "tests/unit/request_fixture.h"

static struct roster_row row_of(uint64_t number)
{
    struct roster_row row = {
        .number = number, .roster = span_text("{\"roster\":1}"), .added_at = NOW + (int64_t)number};
    if (number > 1) {
        row.statement = span_text("{\"statement\":1}");
        row.votes = span_text("[{\"voter\":\"ada\"}]");
    }
    return row;
}

static void put(struct keystore *store, uint64_t number)
{
    struct roster_row row = row_of(number);
    assert_ok(keystore_put_roster(store, &row));
}

static void expect_rosters(struct keystore *store, size_t wanted)
{
    CLEANUP(mem_free_at) struct roster_row *rows = NULL;
    size_t count = 99;
    assert_ok(keystore_rosters(store, &rows, &count));
    assert_int_equal(count, wanted);
    for (size_t i = 0; i < count; i++) {
        struct roster_row one = row_of(i + 1);
        assert_int_equal(rows[i].number, i + 1);
        assert_true(rows[i].added_at == one.added_at);
        assert_true(span_equal(rows[i].roster, one.roster));
        assert_true(span_equal(rows[i].statement, one.statement));
        assert_true(span_equal(rows[i].votes, one.votes));
    }
}

static void grows_one_by_one(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    expect_rosters(fixture.store, 0);
    for (uint64_t number = 1; number <= 20; number++) {
        put(fixture.store, number);
    }
    fixture_reopen(&fixture);
    expect_rosters(fixture.store, 20);
}

static void takes_the_next_number_alone(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    struct roster_row row = row_of(2);
    assert_code(keystore_put_roster(fixture.store, &row), ERR_CONFLICT);
    put(fixture.store, 1);
    put(fixture.store, 2);
    static const struct {
        uint64_t number;
        enum err_code code;
    } cases[] = {{1, ERR_CONFLICT},
                 {2, ERR_CONFLICT},
                 {4, ERR_CONFLICT},
                 {0, ERR_INVALID_FIELD},
                 {UINT64_MAX, ERR_INVALID_FIELD}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        row = row_of(cases[i].number);
        assert_code(keystore_put_roster(fixture.store, &row), cases[i].code);
    }
    expect_rosters(fixture.store, 2);
}

/* The root has nobody who agreed to it, every other has. */
static void knows_the_root(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    struct roster_row row = row_of(1);
    row.statement = span_text("{}");
    assert_code(keystore_put_roster(fixture.store, &row), ERR_INTERNAL);
    row = row_of(1);
    row.votes = span_text("[]");
    assert_code(keystore_put_roster(fixture.store, &row), ERR_INTERNAL);
    row = row_of(1);
    row.roster = span_of(NULL, 0);
    assert_code(keystore_put_roster(fixture.store, &row), ERR_INTERNAL);
    put(fixture.store, 1);
    row = row_of(2);
    row.statement = span_of(NULL, 0);
    assert_code(keystore_put_roster(fixture.store, &row), ERR_INTERNAL);
    row = row_of(2);
    row.votes = span_of(NULL, 0);
    assert_code(keystore_put_roster(fixture.store, &row), ERR_INTERNAL);
    expect_rosters(fixture.store, 1);
}

static void sees_a_gap(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "DELETE FROM rosters WHERE number = 2",
        "DELETE FROM rosters WHERE number = 1",
        "UPDATE rosters SET number = 0 WHERE number = 1",
        "UPDATE rosters SET number = -1 WHERE number = 1",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(fixture_drop) struct fixture fixture;
        fixture_make(&fixture);
        fixture_open(&fixture);
        for (uint64_t number = 1; number <= 3; number++) {
            put(fixture.store, number);
        }
        tamper(&fixture, cases[i]);
        struct roster_row *rows = NULL;
        size_t count = 0;
        assert_code_of(cases[i], keystore_rosters(fixture.store, &rows, &count), ERR_CORRUPT);
        assert_null(rows);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_one_by_one),
        cmocka_unit_test(takes_the_next_number_alone),
        cmocka_unit_test(knows_the_root),
        cmocka_unit_test(sees_a_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
