/* Changes of state: all or nothing, and what each leaves behind. */
#include "tests/unit/keystore_test.h"

static struct span text(const char *name)
{
    return span_text(name);
}

static void promotes_without_a_gap(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    make_active(fixture.store, "a/b");
    assert_int_equal(reserve_version(fixture.store, "a/b"), 2);
    record(fixture.store, "a/b", 2);
    /* The new one first: the order of the moves does not matter. */
    struct version_move moves[] = {{.number = 2, .from = VERSION_PENDING, .to = VERSION_ACTIVE},
                                   {.number = 1, .from = VERSION_ACTIVE, .to = VERSION_RETIRING}};
    assert_ok(keystore_move(fixture.store, text("a/b"), moves, 2, NOW + 5));
    for (int reopened = 0; reopened < 2; reopened++) {
        CLEANUP(key_release_at) const struct key *key = keystore_find(fixture.store, text("a/b"));
        assert_int_equal(key->primary, 2);
        assert_int_equal(key_version(key, 1)->state, VERSION_RETIRING);
        assert_true(key_version(key, 1)->retired_at == NOW + 5);
        assert_true(key_version(key, 2)->activated_at == NOW + 5);
        assert_true(key_version(key, 2)->retired_at == 0);
        fixture_reopen(&fixture);
    }
}

static void moves_all_or_nothing(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    struct keystore *store = fixture.store;
    make_active(store, "a/b");
    (void)reserve_version(store, "a/b");
    /* Not made yet. */
    assert_code(move(store, "a/b", 2, VERSION_PENDING, VERSION_ACTIVE), ERR_INVALID_STATE);
    record(store, "a/b", 2);
    /* Two active ones. */
    assert_code(move(store, "a/b", 2, VERSION_PENDING, VERSION_ACTIVE), ERR_INVALID_STATE);
    struct version_move stale[] = {{.number = 1, .from = VERSION_ACTIVE, .to = VERSION_RETIRING},
                                   {.number = 2, .from = VERSION_RETIRED, .to = VERSION_ACTIVE}};
    assert_code(keystore_move(store, text("a/b"), stale, 2, NOW), ERR_INVALID_STATE);
    stale[1] = (struct version_move){.number = 7, .from = VERSION_PENDING, .to = VERSION_ACTIVE};
    assert_code(keystore_move(store, text("a/b"), stale, 2, NOW), ERR_NOT_FOUND);
    assert_code(keystore_move(store, text("a/c"), stale, 1, NOW), ERR_NOT_FOUND);
    expect_state(store, "a/b", 1, VERSION_ACTIVE);
    expect_state(store, "a/b", 2, VERSION_PENDING);
    fixture_reopen(&fixture);
    expect_state(fixture.store, "a/b", 1, VERSION_ACTIVE);
    expect_state(fixture.store, "a/b", 2, VERSION_PENDING);
}

static const struct version *first_version(struct keystore *store, const struct key **out_key)
{
    *out_key = keystore_find(store, text("a/b"));
    return key_version(*out_key, 1);
}

static void keeps_the_times_of_states(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    make_active(fixture.store, "a/b");
    static const struct {
        enum version_state from;
        enum version_state to;
        int64_t activated;
        int64_t retired;
        int64_t destroy;
    } steps[] = {
        {VERSION_ACTIVE, VERSION_RETIRING, NOW + 2, 10, 0},
        {VERSION_RETIRING, VERSION_ACTIVE, 11, 0, 0}, /* back in use: not retired any more */
        {VERSION_ACTIVE, VERSION_RETIRING, 11, 12, 0},
        {VERSION_RETIRING, VERSION_RETIRED, 11, 12, 0}, /* retired since it stopped protecting */
        {VERSION_RETIRED, VERSION_DESTROY_SCHEDULED, 11, 12, 99},
        {VERSION_DESTROY_SCHEDULED, VERSION_RETIRED, 11, 12, 0},
        {VERSION_RETIRED, VERSION_DESTROY_SCHEDULED, 11, 12, 99},
        {VERSION_DESTROY_SCHEDULED, VERSION_DESTROYED, 11, 12, 99},
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct version_move one = {
            .number = 1, .from = steps[i].from, .to = steps[i].to, .destroy_at = 99};
        assert_ok(keystore_move(fixture.store, text("a/b"), &one, 1, 10 + (int64_t)i));
        fixture_reopen(&fixture);
        CLEANUP(key_release_at) const struct key *key = NULL;
        const struct version *version = first_version(fixture.store, &key);
        assert_int_equal(version->state, steps[i].to);
        assert_true(version->activated_at == steps[i].activated);
        assert_true(version->retired_at == steps[i].retired);
        assert_true(version->destroy_at == steps[i].destroy);
    }
}

/* From `from` to `to`, and where the version could go back to then. */
static void remembers_where_it_came_from(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    make_active(fixture.store, "a/b");
    static const struct {
        enum version_state from;
        enum version_state to;
        enum version_state disabled_from;
        enum version_state scheduled_from;
        int64_t activated;
    } steps[] = {
        {VERSION_ACTIVE, VERSION_DISABLED, VERSION_ACTIVE, 0, NOW + 2},
        /* suspended and back: not a new primary */
        {VERSION_DISABLED, VERSION_ACTIVE, VERSION_ACTIVE, 0, NOW + 2},
        {VERSION_ACTIVE, VERSION_RETIRING, VERSION_ACTIVE, 0, NOW + 2},
        {VERSION_RETIRING, VERSION_DISABLED, VERSION_RETIRING, 0, NOW + 2},
        {VERSION_DISABLED, VERSION_DESTROY_SCHEDULED, VERSION_RETIRING, VERSION_DISABLED, NOW + 2},
        /* back to disabled: enabling still leads to where it was before that */
        {VERSION_DESTROY_SCHEDULED, VERSION_DISABLED, VERSION_RETIRING, VERSION_DISABLED, NOW + 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct version_move one = {
            .number = 1, .from = steps[i].from, .to = steps[i].to, .lived = 100 + (int64_t)i};
        assert_ok(keystore_move(fixture.store, text("a/b"), &one, 1, NOW + 20 + (int64_t)i));
        fixture_reopen(&fixture);
        CLEANUP(key_release_at) const struct key *key = NULL;
        const struct version *version = first_version(fixture.store, &key);
        assert_int_equal(version->disabled_from, steps[i].disabled_from);
        assert_int_equal(version->scheduled_from, steps[i].scheduled_from);
        assert_true(version->activated_at == steps[i].activated);
        assert_true(version->entered_at == NOW + 20 + (int64_t)i);
        assert_int_equal(version->entered_lived, 100 + (int64_t)i);
    }
}

static void keeps_the_last_reason(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    make_active(fixture.store, "a/b");
    struct version_move one = {.number = 1, .from = VERSION_ACTIVE, .to = VERSION_DISABLED};
    char reason[] = "laptop lost";
    one.reason = reason;
    assert_ok(keystore_move(fixture.store, text("a/b"), &one, 1, NOW));
    memset(reason, 'x', sizeof(reason) - 1); /* it was copied */
    for (int reopened = 0; reopened < 2; reopened++) {
        CLEANUP(key_release_at) const struct key *key = NULL;
        assert_string_equal(first_version(fixture.store, &key)->reason, "laptop lost");
        fixture_reopen(&fixture);
    }
    one = (struct version_move){.number = 1, .from = VERSION_DISABLED, .to = VERSION_RETIRED};
    assert_ok(keystore_move(fixture.store, text("a/b"), &one, 1, NOW));
    CLEANUP(key_release_at) const struct key *key = NULL;
    assert_string_equal(first_version(fixture.store, &key)->reason, "laptop lost");
}

/* Once the token may have been told there is one way left. */
static void has_no_way_back_from_destroying(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    make_active(fixture.store, "a/b");
    struct keystore *store = fixture.store;
    assert_code(keystore_begin_destroy(store, text("a/b"), 1, NULL), ERR_INVALID_STATE);
    assert_code(keystore_begin_destroy(store, text("a/b"), 2, NULL), ERR_NOT_FOUND);
    assert_ok(move(store, "a/b", 1, VERSION_ACTIVE, VERSION_COMPROMISED));
    assert_ok(move(store, "a/b", 1, VERSION_COMPROMISED, VERSION_DESTROY_SCHEDULED));
    assert_ok(keystore_begin_destroy(store, text("a/b"), 1, NULL));
    assert_ok(keystore_begin_destroy(store, text("a/b"), 1, NULL));
    assert_code(move(store, "a/b", 1, VERSION_DESTROY_SCHEDULED, VERSION_COMPROMISED),
                ERR_INVALID_STATE);
    fixture_reopen(&fixture);
    assert_code(move(fixture.store, "a/b", 1, VERSION_DESTROY_SCHEDULED, VERSION_RETIRED),
                ERR_INVALID_STATE);
    assert_ok(move(fixture.store, "a/b", 1, VERSION_DESTROY_SCHEDULED, VERSION_DESTROYED));
    expect_state(fixture.store, "a/b", 1, VERSION_DESTROYED);
}

/* Unless it is certain that the token refused. */
static void is_spared(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    make_active(fixture.store, "a/b");
    struct keystore *store = fixture.store;
    assert_code(keystore_spare(store, text("a/b"), 1), ERR_INVALID_STATE);
    assert_ok(move(store, "a/b", 1, VERSION_ACTIVE, VERSION_COMPROMISED));
    assert_ok(move(store, "a/b", 1, VERSION_COMPROMISED, VERSION_DESTROY_SCHEDULED));
    bool first = false;
    assert_ok(keystore_begin_destroy(store, text("a/b"), 1, &first));
    assert_true(first);
    assert_ok(keystore_begin_destroy(store, text("a/b"), 1, &first));
    assert_false(first);
    assert_ok(keystore_spare(store, text("a/b"), 1));
    fixture_reopen(&fixture);
    assert_ok(move(fixture.store, "a/b", 1, VERSION_DESTROY_SCHEDULED, VERSION_COMPROMISED));
}

/* Verifiers that forgot it must have time to see it again. */
static void publishes_anew_what_comes_back_to_pending(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    make_active(fixture.store, "a/b");
    (void)reserve_version(fixture.store, "a/b");
    record(fixture.store, "a/b", 2);
    const struct publication publication = {.promote_at = NOW + 500, .lived = 10};
    assert_ok(keystore_publish(fixture.store, text("a/b"), 2, &publication, NOW));
    assert_ok(move(fixture.store, "a/b", 2, VERSION_PENDING, VERSION_DISABLED));
    struct version_move back = {
        .number = 2, .from = VERSION_DISABLED, .to = VERSION_PENDING, .lived = 99};
    assert_ok(keystore_move(fixture.store, text("a/b"), &back, 1, NOW + 40));
    CLEANUP(key_release_at) const struct key *key = keystore_find(fixture.store, text("a/b"));
    assert_true(key_version(key, 2)->published_at == NOW + 40);
    assert_int_equal(key_version(key, 2)->entered_lived, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(promotes_without_a_gap),
        cmocka_unit_test(moves_all_or_nothing),
        cmocka_unit_test(keeps_the_times_of_states),
        cmocka_unit_test(remembers_where_it_came_from),
        cmocka_unit_test(keeps_the_last_reason),
        cmocka_unit_test(has_no_way_back_from_destroying),
        cmocka_unit_test(is_spared),
        cmocka_unit_test(publishes_anew_what_comes_back_to_pending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
