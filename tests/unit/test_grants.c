/* Grants in the store: put, find, replace, drop, all or nothing, last use, and again after
 * reopening. */
#include "tests/unit/keystore_test.h"

#include <stdatomic.h>

#include "base/sync.h"
#include "tests/unit/grant_test.h"

static struct err put_many(struct keystore *store, const struct grant *grants, size_t count,
                           const struct grants *expected)
{
    const struct grant_change change = {.put = grants, .put_count = count, .expected = expected};
    return keystore_change_grants(store, &change);
}

static struct err put_one(struct keystore *store, struct grant grant)
{
    return put_many(store, &grant, 1, NULL);
}

static struct err drop_one(struct keystore *store, const char *id)
{
    struct span drop = span_text(id);
    const struct grant_change change = {.drop = &drop, .drop_count = 1};
    return keystore_change_grants(store, &change);
}

static void keeps_every_member(void **state)
{
    (void)state;
    static const struct label context[] = {{"env", "pr\"od"}, {"tenant", "\xc3\xa4"}};
    struct network sources[2];
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    assert_ok(network_parse(span_text("10.0.0.0/8"), &sources[0]));
    assert_ok(network_parse(span_text("2001:db8::1"), &sources[1]));
    struct grant grant =
        grant_of("full", "spiffe://x/pay", "payments/**", BIT(SIGN) | BIT(READ_AUDIT));
    grant.context = context;
    grant.context_count = 2;
    grant.sources = sources;
    grant.source_count = 2;
    grant.expires_at = NOW + 5;
    grant.allow_dual_role = true;
    grant.created_at = NOW;
    grant.updated_at = NOW + 1;
    assert_ok(put_one(fixture.store, grant));
    for (int reopened = 0; reopened < 2; reopened++) {
        CLEANUP(grants_release_at) const struct grants *grants = keystore_grants(fixture.store);
        assert_int_equal(grants->count, 1);
        const struct grant *found = grants_find(grants, span_text("full"));
        assert_non_null(found);
        assert_string_equal(found->principal, "spiffe://x/pay");
        assert_string_equal(found->keys, "payments/**");
        assert_int_equal(found->operations, BIT(SIGN) | BIT(READ_AUDIT));
        assert_int_equal(found->context_count, 2);
        assert_string_equal(found->context[0].value, "pr\"od");
        assert_string_equal(found->context[1].name, "tenant");
        assert_int_equal(found->source_count, 2);
        assert_memory_equal(&found->sources[1], &sources[1], sizeof(sources[1]));
        assert_true(found->expires_at == NOW + 5 && found->created_at == NOW);
        assert_true(found->updated_at == NOW + 1 && found->allow_dual_role);
        assert_string_equal(found->justification, "a test");
        assert_string_equal(found->updated_by, "unix:0");
        fixture_reopen(&fixture);
    }
}

static void finds_by_principal(void **state)
{
    (void)state;
    static const char *const principals[] = {"token:b", "token:a", "token:b", "token:bb",
                                             "token:b"};
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    for (size_t i = 0; i < ARRAY_LEN(principals); i++) {
        char id[8];
        (void)snprintf(id, sizeof(id), "g%zu", i);
        assert_ok(put_one(fixture.store, grant_of(id, principals[i], "a/*", BIT(SIGN))));
    }
    CLEANUP(grants_release_at) const struct grants *grants = keystore_grants(fixture.store);
    size_t count = 0;
    const struct grant *const *own = grants_of(grants, span_text("token:b"), &count);
    assert_int_equal(count, 3);
    assert_string_equal(own[0]->id, "g0");
    assert_string_equal(own[2]->id, "g4");
    (void)grants_of(grants, span_text("token:"), &count);
    assert_int_equal(count, 0);
    (void)grants_of(grants, span_text("token:c"), &count);
    assert_int_equal(count, 0);
    (void)grants_of(grants, span_of(NULL, 0), &count);
    assert_int_equal(count, 0);
    assert_null(grants_find(grants, span_text("g")));
    assert_null(grants_find(grants, span_text("g00")));
}

static void all_or_nothing(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    const struct grant two[] = {grant_of("a", "token:x", "a/*", BIT(SIGN)),
                                grant_of("b", "token:x", "b/*", BIT(SIGN))};
    const struct grant twice[] = {two[0], two[0]};
    struct span drop[] = {span_text("a"), span_text("zz")};
    assert_code(put_many(fixture.store, twice, 2, NULL), ERR_CONFLICT);
    assert_ok(put_many(fixture.store, two, 2, NULL));
    CLEANUP(grants_release_at) const struct grants *before = keystore_grants(fixture.store);
    struct grant_change change = {.drop = drop, .drop_count = 2};
    assert_code(keystore_change_grants(fixture.store, &change), ERR_NOT_FOUND);
    change = (struct grant_change){.put = two, .put_count = 1, .drop = drop, .drop_count = 1};
    assert_code(keystore_change_grants(fixture.store, &change), ERR_CONFLICT);
    /* what the database refuses is in no snapshot either */
    assert_code(put_one(fixture.store, grant_of("c", "", "a/*", BIT(SIGN))), ERR_INTERNAL);
    CLEANUP(grants_release_at) const struct grants *after = keystore_grants(fixture.store);
    assert_ptr_equal(before, after);
    fixture_reopen(&fixture);
    CLEANUP(grants_release_at) const struct grants *reopened = keystore_grants(fixture.store);
    assert_int_equal(reopened->count, 2);
}

static void only_over_what_was_seen(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    const struct grant grant = grant_of("a", "token:x", "a/*", BIT(SIGN));
    CLEANUP(grants_release_at) const struct grants *seen = keystore_grants(fixture.store);
    assert_ok(put_many(fixture.store, &grant, 1, seen));
    assert_code(put_many(fixture.store, &grant, 1, seen), ERR_CONFLICT);
    assert_int_equal(seen->count, 0); /* a held snapshot never changes */
    assert_ok(drop_one(fixture.store, "a"));
    assert_code(drop_one(fixture.store, "a"), ERR_NOT_FOUND);
    fixture_reopen(&fixture);
    CLEANUP(grants_release_at) const struct grants *empty = keystore_grants(fixture.store);
    assert_int_equal(empty->count, 0);
}

static int64_t last_use(struct keystore *store, const char *id)
{
    CLEANUP(grants_release_at) const struct grants *grants = keystore_grants(store);
    return grant_last_used_at(grants_find(grants, span_text(id)));
}

static void remembers_the_last_use(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    assert_ok(put_one(fixture.store, grant_of("a", "token:x", "a/*", BIT(SIGN))));
    assert_true(last_use(fixture.store, "a") == 0);
    CLEANUP(grants_release_at) const struct grants *held = keystore_grants(fixture.store);
    grant_note_use(held->all[0], NOW);
    grant_note_use(held->all[0], NOW + 10); /* within the same second */
    assert_true(last_use(fixture.store, "a") == NOW);
    /* a replaced grant goes on with its uses, also through an old snapshot */
    assert_ok(put_one(fixture.store, grant_of("a", "token:x", "b/*", BIT(SIGN))));
    grant_note_use(held->all[0], NOW + 5000);
    assert_true(last_use(fixture.store, "a") == NOW + 5000);
    grants_release(TAKE(held));
    for (int reopened = 0; reopened < 2; reopened++) {
        fixture_reopen(&fixture);
        assert_true(last_use(fixture.store, "a") == NOW + 5000);
    }
    /* another principal has not used it */
    assert_ok(put_one(fixture.store, grant_of("a", "token:y", "b/*", BIT(SIGN))));
    assert_true(last_use(fixture.store, "a") == 0);
    fixture_reopen(&fixture);
    assert_true(last_use(fixture.store, "a") == 0);
}

#define READERS 3
#define CHANGES 200

struct reading {
    struct keystore *store;
    atomic_bool *done;
    size_t wrong;
};

/* Whatever snapshot a reader meets, `a` and `b` are in it together or not at all. */
static void *read_often(void *arg)
{
    struct reading *reading = arg;
    int64_t now = NOW;
    while (!atomic_load(reading->done)) {
        CLEANUP(grants_release_at) const struct grants *grants = keystore_grants(reading->store);
        size_t count = 0;
        const struct grant *const *own = grants_of(grants, span_text("token:x"), &count);
        for (size_t i = 0; i < count; i++) {
            grant_note_use(own[i], now += 1000);
        }
        reading->wrong += count != 0 && count != 2 ? 1 : 0;
    }
    return NULL;
}

static void readers_see_whole_changes(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    atomic_bool done = false;
    pthread_t threads[READERS];
    struct reading readings[READERS];
    const struct grant two[] = {grant_of("a", "token:x", "a/*", BIT(SIGN)),
                                grant_of("b", "token:x", "b/*", BIT(SIGN))};
    struct span drop[] = {span_text("a"), span_text("b")};
    for (size_t i = 0; i < READERS; i++) {
        readings[i] = (struct reading){.store = fixture.store, .done = &done};
        threads[i] = sync_thread("reader", read_often, &readings[i]);
    }
    for (size_t i = 0; i < CHANGES; i++) {
        struct grant_change change = {.put = two, .put_count = 2};
        assert_ok(keystore_change_grants(fixture.store, &change));
        change = (struct grant_change){.drop = drop, .drop_count = 2};
        assert_ok(keystore_change_grants(fixture.store, &change));
    }
    atomic_store(&done, true);
    for (size_t i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(readings[i].wrong, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_every_member),     cmocka_unit_test(finds_by_principal),
        cmocka_unit_test(all_or_nothing),         cmocka_unit_test(only_over_what_was_seen),
        cmocka_unit_test(remembers_the_last_use), cmocka_unit_test(readers_see_whole_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
