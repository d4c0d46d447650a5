/* What is on a token beside what the rows say: each object once, with its status. */
#include "tests/unit/rotation_test.h"

#define BIT(attribute) (1u << TOKEN_ATTRIBUTE_##attribute)

static struct inventory take(struct bench *bench)
{
    struct inventory inventory = {0};
    struct moment moment = moment_at(NOW + 10);
    assert_ok(rotation_inventory(&bench->rotation, bench->token, &moment, SOON, &inventory));
    return inventory;
}

static size_t count(const struct inventory *inventory, enum inventory_status status)
{
    size_t found = 0;
    for (size_t i = 0; i < inventory->count; i++) {
        found += inventory->entries[i].status == status ? 1 : 0;
    }
    return found;
}

static void tells_ours_from_theirs(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    CLEANUP(inventory_clear) struct inventory inventory = {0};
    bench_make(&bench);
    assert_ok(create(&bench, "a/pair", ALGORITHM_ECDSA_P256));
    assert_ok(create(&bench, "a/secret", ALGORITHM_AES_256_GCM));
    uint8_t theirs[] = {0xa1};
    uint8_t orphan[18] = {[16] = 0x01};
    fake_token_import(bench.token, span_of(theirs, 1), "theirs", ALGORITHM_ECDSA_P256, BIT(SIGNS));
    fake_token_import(bench.token, span_of(orphan, 18), "lost", ALGORITHM_AES_256_GCM, 0);
    inventory = take(&bench);
    assert_int_equal(inventory.count, 6);
    assert_int_equal(count(&inventory, INVENTORY_OURS), 3);
    assert_int_equal(count(&inventory, INVENTORY_ORPHAN), 1);
    assert_int_equal(count(&inventory, INVENTORY_ADOPTABLE), 1); /* the private half */
    assert_int_equal(count(&inventory, INVENTORY_FOREIGN), 1);   /* the public one */
    assert_int_equal(inventory.missing_count, 0);
    for (size_t i = 0; i < inventory.count; i++) {
        const struct inventory_entry *entry = &inventory.entries[i];
        bool ours = entry->status == INVENTORY_OURS;
        bool adoptable = entry->status == INVENTORY_ADOPTABLE;
        assert_int_equal(entry->key != NULL, ours);
        assert_int_equal(entry->why != NULL, !ours && !adoptable);
        assert_true(!ours || entry->version == 1);
    }
}

static void what_is_adopted_is_ours(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    CLEANUP(inventory_clear) struct inventory inventory = {0};
    bench_make(&bench);
    uint8_t theirs[] = {0xa1};
    fake_token_import(bench.token, span_of(theirs, 1), "theirs", ALGORITHM_ECDSA_P256, BIT(SIGNS));
    struct key_spec spec = spec_of("a/b");
    struct moment moment = moment_at(NOW);
    struct rotation_adoption adoption = {.label = "theirs"};
    spec.algorithm = ALGORITHM_ECDSA_P256;
    spec.purpose = PURPOSE_SIGN;
    assert_ok(rotation_adopt_key(&bench.rotation, &spec, &adoption, &moment, SOON));
    inventory = take(&bench);
    assert_int_equal(count(&inventory, INVENTORY_OURS), 2);
    assert_string_equal(inventory.entries[0].key, "a/b");
}

static void names_what_is_missing(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    CLEANUP(inventory_clear) struct inventory inventory = {0};
    bench_make(&bench);
    assert_ok(create(&bench, "a/lost", ALGORITHM_AES_256_GCM));
    assert_ok(create(&bench, "a/there", ALGORITHM_AES_256_GCM));
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(bench.fixture.store, span_text("a/lost"));
    const struct version *version = key_primary(key);
    assert_ok(token_destroy(bench.token, span_of(version->cka_id, version->cka_id_len), SOON));
    inventory = take(&bench);
    assert_int_equal(inventory.count, 1);
    assert_int_equal(inventory.missing_count, 1);
    assert_string_equal(inventory.missing[0].key, "a/lost");
    assert_int_equal(inventory.missing[0].version, 1);
}

static void a_token_that_does_not_answer_is_an_error(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    struct inventory inventory = {0};
    struct moment moment = moment_at(NOW);
    bench_make(&bench);
    fake_token_fault(bench.token, (struct fake_fault){.call = FAKE_INVENTORY,
                                                      .action = FAKE_REFUSE,
                                                      .code = ERR_TOKEN_UNAVAILABLE});
    assert_code(rotation_inventory(&bench.rotation, bench.token, &moment, SOON, &inventory),
                ERR_TOKEN_UNAVAILABLE);
    assert_int_equal(inventory.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_ours_from_theirs),
        cmocka_unit_test(what_is_adopted_is_ours),
        cmocka_unit_test(names_what_is_missing),
        cmocka_unit_test(a_token_that_does_not_answer_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
