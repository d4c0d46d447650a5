/* A frozen key stays so through everything but its release; a permission is for one destruction. */
#include "tests/unit/request_fixture.h"

static void open_fixture(struct fixture *fixture)
{
    fixture_make(fixture);
    fixture_open(fixture);
    make_active(fixture->store, "a/b");
}

static void expect_frozen(struct keystore *store)
{
    CLEANUP(key_release_at) const struct key *key = keystore_find(store, span_text("a/b"));
    assert_true(key->frozen.at == NOW + 3);
    assert_string_equal(key->frozen.by, "unix:7");
    assert_string_equal(key->frozen.reason, "a laptop is lost");
}

static void freezes_and_lets_go(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    char by[] = "unix:7", reason[] = "a laptop is lost";
    const struct freeze freeze = {.at = NOW + 3, .by = by, .reason = reason};
    CLEANUP(key_release_at)
    const struct key *before = keystore_find(fixture.store, span_text("a/b"));
    assert_true(before->frozen.at == 0 && before->frozen.by == NULL);
    assert_code(keystore_freeze(fixture.store, span_text("a/c"), &freeze), ERR_NOT_FOUND);
    assert_code(keystore_freeze(fixture.store, span_text("a/b"), NULL), ERR_INVALID_STATE);
    assert_ok(keystore_freeze(fixture.store, span_text("a/b"), &freeze));
    memset(by, 'x', sizeof(by) - 1); /* it was copied */
    memset(reason, 'x', sizeof(reason) - 1);
    assert_true(before->frozen.at == 0);
    expect_frozen(fixture.store);
    assert_code(keystore_freeze(fixture.store, span_text("a/b"), &freeze), ERR_INVALID_STATE);
    fixture_reopen(&fixture);
    expect_frozen(fixture.store);
    assert_ok(keystore_freeze(fixture.store, span_text("a/b"), NULL));
    for (int reopened = 0; reopened < 2; reopened++) {
        CLEANUP(key_release_at)
        const struct key *key = keystore_find(fixture.store, span_text("a/b"));
        assert_true(key->frozen.at == 0 && key->frozen.by == NULL && key->frozen.reason == NULL);
        fixture_reopen(&fixture);
    }
}

static void may_say_nothing_but_when(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    const struct freeze never = {.by = "unix:7"}, bare = {.at = NOW};
    assert_code(keystore_freeze(fixture.store, span_text("a/b"), &never), ERR_INTERNAL);
    assert_ok(keystore_freeze(fixture.store, span_text("a/b"), &bare));
    fixture_reopen(&fixture);
    CLEANUP(key_release_at) const struct key *key = keystore_find(fixture.store, span_text("a/b"));
    assert_true(key->frozen.at == NOW && key->frozen.by == NULL && key->frozen.reason == NULL);
}

static void stays_frozen_whatever_else_changes(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    const struct freeze freeze = {.at = NOW + 3, .by = "unix:7", .reason = "a laptop is lost"};
    assert_ok(keystore_freeze(fixture.store, span_text("a/b"), &freeze));
    struct key_facts facts = spec_of("a/b").facts;
    facts.owner = "others";
    CLEANUP(key_release_at) const struct key *seen = keystore_find(fixture.store, span_text("a/b"));
    assert_ok(keystore_update(fixture.store, seen, &facts, 0));
    (void)reserve_version(fixture.store, "a/b");
    record(fixture.store, "a/b", 2);
    assert_ok(move(fixture.store, "a/b", 1, VERSION_ACTIVE, VERSION_RETIRING));
    expect_frozen(fixture.store);
    fixture_reopen(&fixture);
    expect_frozen(fixture.store);
}

/* --- permission --- */

struct step {
    enum version_state from;
    enum version_state to;
    bool given;
    bool has;
};

static void take_step(struct fixture *fixture, const struct step *step)
{
    struct uuid permission = request_id(5);
    const struct version_move one = {.number = 1,
                                     .from = step->from,
                                     .to = step->to,
                                     .destroy_at = NOW + 9,
                                     .permission = step->given ? &permission : NULL};
    assert_ok(keystore_move(fixture->store, span_text("a/b"), &one, 1, NOW));
    for (int reopened = 0; reopened < 2; reopened++) {
        CLEANUP(key_release_at)
        const struct key *key = keystore_find(fixture->store, span_text("a/b"));
        struct uuid expected = step->has ? permission : (struct uuid){0};
        assert_int_equal(key_version(key, 1)->has_permission, step->has);
        assert_memory_equal(&key_version(key, 1)->permission, &expected, sizeof(expected));
        fixture_reopen(fixture);
    }
}

static void keeps_a_permission_for_one_destruction(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    static const struct step steps[] = {
        {VERSION_ACTIVE, VERSION_RETIRED, true, false}, /* nothing to permit */
        {VERSION_RETIRED, VERSION_DESTROY_SCHEDULED, true, true},
        {VERSION_DESTROY_SCHEDULED, VERSION_RETIRED, false, false},
        {VERSION_RETIRED, VERSION_DESTROY_SCHEDULED, false, false},
        {VERSION_DESTROY_SCHEDULED, VERSION_DISABLED, true, false},
        {VERSION_DISABLED, VERSION_DESTROY_SCHEDULED, true, true},
        {VERSION_DESTROY_SCHEDULED, VERSION_DESTROYED, false, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        take_step(&fixture, &steps[i]);
    }
}

static void keeps_a_permission_while_it_is_used(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    take_step(&fixture, &(struct step){VERSION_ACTIVE, VERSION_DESTROY_SCHEDULED, true, true});
    assert_ok(keystore_begin_destroy(fixture.store, span_text("a/b"), 1, NULL));
    fixture_reopen(&fixture);
    take_step(&fixture, &(struct step){VERSION_DESTROY_SCHEDULED, VERSION_DESTROYED, false, true});
}

/* A version that was never given one does not get it at the end. */
static void takes_no_permission_too_late(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    take_step(&fixture, &(struct step){VERSION_ACTIVE, VERSION_DESTROY_SCHEDULED, false, false});
    take_step(&fixture, &(struct step){VERSION_DESTROY_SCHEDULED, VERSION_DESTROYED, true, false});
}

static void refuses_a_damaged_permission(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    CLEANUP(db_close_at) struct db *db = NULL;
    keystore_close(fixture.store);
    fixture.store = NULL;
    assert_ok(db_open(fixture.path, &db));
    assert_ok(db_script(db, "PRAGMA ignore_check_constraints = ON;"
                            "UPDATE versions SET permission = x'0102'"));
    db_close(TAKE(db));
    assert_code(keystore_open(fixture.path, &fixture.store), ERR_CORRUPT);
    assert_null(fixture.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(freezes_and_lets_go),
        cmocka_unit_test(may_say_nothing_but_when),
        cmocka_unit_test(stays_frozen_whatever_else_changes),
        cmocka_unit_test(keeps_a_permission_for_one_destruction),
        cmocka_unit_test(keeps_a_permission_while_it_is_used),
        cmocka_unit_test(takes_no_permission_too_late),
        cmocka_unit_test(refuses_a_damaged_permission),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
