/* Every change, its refusals, and that it is still there after reopening. */
#include <pthread.h>

#include "base/sync.h"
#include "tests/unit/keystore_test.h"

static struct span text(const char *words)
{
    return span_text(words);
}

static void reserves_a_key_once(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    struct key_spec spec = spec_of("a/b");
    struct cka cka = cka_make();
    assert_ok(keystore_reserve_key(fixture.store, &spec,
                                   &(struct version_source){.cka_id = cka_span(&cka)}, NOW));
    struct cka other = cka_make();
    assert_code(keystore_reserve_key(fixture.store, &spec,
                                     &(struct version_source){.cka_id = cka_span(&other)}, NOW),
                ERR_CONFLICT);
    spec.name = "a/c"; /* the CKA_ID of another key */
    assert_code(keystore_reserve_key(fixture.store, &spec,
                                     &(struct version_source){.cka_id = cka_span(&cka)}, NOW),
                ERR_CONFLICT);
    assert_null(keystore_find_any(fixture.store, text("a/c")));
    assert_code(keystore_reserve_key(fixture.store, &spec,
                                     &(struct version_source){.cka_id = span_of(NULL, 0)}, NOW),
                ERR_INTERNAL);

    fixture_reopen(&fixture);
    CLEANUP(key_release_at) const struct key *key = keystore_find_any(fixture.store, text("a/b"));
    assert_non_null(key);
    assert_int_equal(key->version_count, 1);
    assert_int_equal(key->next_version, 2);
    assert_true(key->created_at == NOW);
    assert_true(key->versions[0].created_at == NOW);
    assert_int_equal(key->versions[0].state, VERSION_PENDING);
    assert_true(
        span_equal(span_of(key->versions[0].cka_id, key->versions[0].cka_id_len), cka_span(&cka)));
}

/* Over the key as it is now. */
static struct err update(struct keystore *store, const char *name, const struct key_facts *facts,
                         int64_t cached_until)
{
    CLEANUP(key_release_at) const struct key *key = keystore_find(store, span_text(name));
    return keystore_update(store, key, facts, cached_until);
}

static void refuses_facts_for_a_key_that_changed(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    make_active(fixture.store, "a/b");
    CLEANUP(key_release_at) const struct key *seen = keystore_find(fixture.store, text("a/b"));
    struct key_facts facts = seen->facts;
    facts.owner = "first";
    assert_ok(keystore_update(fixture.store, seen, &facts, 0));
    facts.owner = "second"; /* made of what the first has replaced */
    assert_code(keystore_update(fixture.store, seen, &facts, 0), ERR_CONFLICT);
    CLEANUP(key_release_at) const struct key *key = keystore_find(fixture.store, text("a/b"));
    assert_string_equal(key->facts.owner, "first");
    reserve_key(fixture.store, "a/c");
    CLEANUP(key_release_at) const struct key *gone = keystore_find_any(fixture.store, text("a/c"));
    assert_ok(keystore_drop_pending(fixture.store, text("a/c"), 1));
    assert_code(keystore_update(fixture.store, gone, &facts, 0), ERR_NOT_FOUND);
}

static void keeps_every_fact(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    make_active(fixture.store, "a/b");
    const struct label labels[] = {{"a", "1"}, {"b", "2"}};
    const char *const audiences[] = {"x", "y", "z"};
    struct key_facts facts = {.owner = "new owner",
                              .description = "d",
                              .contact = "c",
                              .classification = CLASS_REGULATED,
                              .labels = labels,
                              .label_count = 2,
                              .rotation = {1, 2, 3, 4, ROTATION_AUTOMATIC},
                              .jwt = {5, "issuer", audiences, 3},
                              .approval = {"officers", 2}};
    assert_ok(update(fixture.store, "a/b", &facts, 0));
    for (int reopened = 0; reopened < 2; reopened++) {
        CLEANUP(key_release_at) const struct key *key = keystore_find(fixture.store, text("a/b"));
        assert_string_equal(key->facts.owner, "new owner");
        assert_string_equal(key->facts.description, "d");
        assert_string_equal(key->facts.contact, "c");
        assert_int_equal(key->facts.classification, CLASS_REGULATED);
        assert_int_equal(key->facts.label_count, 2);
        assert_string_equal(key->facts.labels[1].name, "b");
        assert_string_equal(key->facts.labels[1].value, "2");
        assert_true(key->facts.rotation.every == 1 && key->facts.rotation.overlap == 2);
        assert_true(key->facts.rotation.publish_ahead == 3 && key->facts.rotation.max_uses == 4);
        assert_int_equal(key->facts.rotation.mode, ROTATION_AUTOMATIC);
        assert_int_equal(key->facts.jwt.max_ttl, 5);
        assert_string_equal(key->facts.jwt.issuer, "issuer");
        assert_int_equal(key->facts.jwt.audience_count, 3);
        assert_string_equal(key->facts.jwt.audiences[2], "z");
        assert_string_equal(key->facts.approval.group, "officers");
        assert_int_equal(key->facts.approval.m, 2);
        assert_int_equal(key->primary, 1);
        fixture_reopen(&fixture);
    }
}

static void records_material_once(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    struct keystore *store = fixture.store;
    uint8_t spki[300];
    random_bytes(spki, sizeof(spki));
    struct span key = span_of(spki, sizeof(spki));
    reserve_key(store, "a/b");
    assert_code(keystore_record_material(store, text("a/c"), 1, text("i"), key), ERR_NOT_FOUND);
    assert_code(keystore_record_material(store, text("a/b"), 2, text("i"), key), ERR_NOT_FOUND);
    assert_code(keystore_record_material(store, text("a/b"), 1, text(""), key), ERR_INTERNAL);
    assert_ok(keystore_record_material(store, text("a/b"), 1, text("i"), key));
    assert_code(keystore_record_material(store, text("a/b"), 1, text("j"), key), ERR_INVALID_STATE);
    fixture_reopen(&fixture);
    CLEANUP(key_release_at)
    const struct key *found = keystore_find_any(fixture.store, text("a/b"));
    assert_span_is(span_of(found->versions[0].identity, found->versions[0].identity_len), "i");
    assert_true(span_equal(found->versions[0].public_key, key));
}

static void publishes_once_what_is_whole(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    struct keystore *store = fixture.store;
    const struct publication publication = {.promote_at = NOW + 500, .lived = 77};
    make_active(store, "a/b");
    assert_int_equal(reserve_version(store, "a/b"), 2);
    assert_code(keystore_publish(store, text("a/b"), 2, &publication, NOW), ERR_INVALID_STATE);
    record(store, "a/b", 2);
    assert_ok(keystore_publish(store, text("a/b"), 2, &publication, NOW + 9));
    assert_code(keystore_publish(store, text("a/b"), 2, &publication, NOW), ERR_INVALID_STATE);
    assert_code(keystore_publish(store, text("a/b"), 1, &publication, NOW), ERR_INVALID_STATE);
    assert_code(keystore_publish(store, text("a/b"), 3, &publication, NOW), ERR_NOT_FOUND);
    /* Verifiers may have it: it does not vanish. */
    assert_code(keystore_drop_pending(store, text("a/b"), 2), ERR_INVALID_STATE);
    fixture_reopen(&fixture);
    CLEANUP(key_release_at) const struct key *key = keystore_find(fixture.store, text("a/b"));
    const struct version *version = key_version(key, 2);
    assert_true(version->published_at == NOW + 9);
    assert_true(version->promote_at == NOW + 500);
    assert_true(version->entered_at == NOW + 9);
    assert_int_equal(version->entered_lived, 77);
    assert_int_equal(version->state, VERSION_PENDING);
}

static void remembers_where_material_is_from(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    struct key_spec spec = spec_of("a/b");
    struct version_source found = {
        .cka_id = text("found"), .adopted = true, .attributes = 0x80000001u};
    assert_ok(keystore_reserve_key(fixture.store, &spec, &found, NOW));
    record(fixture.store, "a/b", 1);
    assert_ok(move(fixture.store, "a/b", 1, VERSION_PENDING, VERSION_ACTIVE));
    found.cka_id = text("other");
    found.attributes = 0;
    uint32_t number = 0;
    assert_ok(keystore_reserve_version(fixture.store, text("a/b"), &found, NOW, &number));
    spec.name = "a/c";
    assert_code(keystore_reserve_key(fixture.store, &spec, &found, NOW), ERR_CONFLICT);
    fixture_reopen(&fixture);
    CLEANUP(key_release_at) const struct key *key = keystore_find(fixture.store, text("a/b"));
    assert_true(key_version(key, 1)->adopted);
    assert_int_equal(key_version(key, 1)->attributes, 0x80000001u);
    assert_true(key_version(key, 2)->adopted);
    assert_int_equal(key_version(key, 2)->attributes, 0);
}

static void keeps_the_latest_bound_of_caches(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    make_active(fixture.store, "a/b");
    static const struct {
        int64_t given;
        int64_t kept;
    } steps[] = {{5000, 5000}, {0, 5000}, {4000, 5000}, {6000, 6000}};
    struct key_facts facts = spec_of("a/b").facts;
    facts.rotation.mode = ROTATION_AUTOMATIC;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        assert_ok(update(fixture.store, "a/b", &facts, steps[i].given));
        fixture_reopen(&fixture);
        CLEANUP(key_release_at) const struct key *key = keystore_find(fixture.store, text("a/b"));
        assert_int_equal(key->cached_until, steps[i].kept);
        assert_int_equal(key->facts.rotation.mode, ROTATION_AUTOMATIC);
    }
}

static void drops_only_pending_versions(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    struct keystore *store = fixture.store;
    make_active(store, "a/b");
    assert_code(keystore_drop_pending(store, text("a/b"), 1), ERR_INVALID_STATE);
    assert_code(keystore_drop_pending(store, text("a/b"), 2), ERR_NOT_FOUND);
    assert_code(keystore_drop_pending(store, text("a/c"), 1), ERR_NOT_FOUND);
    assert_int_equal(reserve_version(store, "a/b"), 2);
    assert_int_equal(reserve_version(store, "a/b"), 3);
    assert_ok(keystore_drop_pending(store, text("a/b"), 2));
    assert_ok(keystore_drop_pending(store, text("a/b"), 3));
    fixture_reopen(&fixture);
    CLEANUP(key_release_at) const struct key *key = keystore_find(fixture.store, text("a/b"));
    assert_int_equal(key->version_count, 1);
    /* A number is never used twice. */
    assert_int_equal(reserve_version(fixture.store, "a/b"), 4);
}

static void drops_the_key_with_its_only_version(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    reserve_key(fixture.store, "a/b");
    assert_ok(keystore_drop_pending(fixture.store, text("a/b"), 1));
    assert_null(keystore_find_any(fixture.store, text("a/b")));
    fixture_reopen(&fixture);
    assert_null(keystore_find_any(fixture.store, text("a/b")));
    make_active(fixture.store, "a/b");
}

static void refuses_versions_of_no_key(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    struct cka cka = cka_make();
    uint32_t number = 77;
    assert_code(keystore_reserve_version(fixture.store, text("a/b"),
                                         &(struct version_source){.cka_id = cka_span(&cka)}, NOW,
                                         &number),
                ERR_NOT_FOUND);
    assert_int_equal(number, 77);
}

struct crowd {
    struct keystore *store;
    unsigned first;
};

#define CROWD_KEYS 25

static void *make_keys(void *arg)
{
    struct crowd *crowd = arg;
    for (unsigned i = 0; i < CROWD_KEYS; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "crowd/%u", crowd->first + i);
        make_active(crowd->store, name);
        CLEANUP(key_release_at)
        const struct key *key = keystore_find(crowd->store, span_text(name));
        assert_int_equal(key->primary, 1);
    }
    return NULL;
}

static void takes_changes_from_many_threads(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    struct crowd crowds[4];
    pthread_t threads[ARRAY_LEN(crowds)];
    for (unsigned i = 0; i < ARRAY_LEN(crowds); i++) {
        crowds[i] = (struct crowd){fixture.store, i * CROWD_KEYS};
        threads[i] = sync_thread("maker", make_keys, &crowds[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(keystore_count(fixture.store), ARRAY_LEN(crowds) * CROWD_KEYS);
    fixture_reopen(&fixture);
    assert_int_equal(keystore_count(fixture.store), ARRAY_LEN(crowds) * CROWD_KEYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reserves_a_key_once),
        cmocka_unit_test(refuses_facts_for_a_key_that_changed),
        cmocka_unit_test(keeps_every_fact),
        cmocka_unit_test(records_material_once),
        cmocka_unit_test(publishes_once_what_is_whole),
        cmocka_unit_test(remembers_where_material_is_from),
        cmocka_unit_test(keeps_the_latest_bound_of_caches),
        cmocka_unit_test(drops_only_pending_versions),
        cmocka_unit_test(drops_the_key_with_its_only_version),
        cmocka_unit_test(refuses_versions_of_no_key),
        cmocka_unit_test(takes_changes_from_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
