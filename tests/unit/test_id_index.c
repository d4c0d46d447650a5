/* The hash table by UUID against a plain array, with ids that collide on purpose. */
#include <string.h>

#include "keystore/id_index.h"
#include "tests/unit/base_test.h"

#define KEYS 3000

/* Few different hashes: long runs that wrap around the end. */
static struct uuid colliding(uint32_t n)
{
    struct uuid id = {0};
    uint64_t hash = n % 7 == 0 ? UINT64_MAX : n % 13;
    memcpy(id.bytes, &hash, sizeof(hash));
    memcpy(id.bytes + 8, &n, sizeof(n));
    return id;
}

static void finds_exactly_what_is_in(struct id_index *index, struct key *keys, const bool *in)
{
    for (uint32_t i = 0; i < KEYS; i++) {
        const struct key *found = id_index_find(index, keys[i].id);
        assert_ptr_equal(found, in[i] ? &keys[i] : NULL);
    }
}

static void holds_through_puts_and_removals(void **state)
{
    (void)state;
    CLEANUP(id_index_clear) struct id_index index = {0};
    struct key *keys = mem_array(KEYS, sizeof(*keys));
    bool in[KEYS] = {false};
    for (uint32_t i = 0; i < KEYS; i++) {
        keys[i].id = colliding(i);
        id_index_put(&index, &keys[i]);
        in[i] = true;
    }
    finds_exactly_what_is_in(&index, keys, in);
    for (uint32_t step = 0; step < KEYS; step += 3) {
        id_index_remove(&index, keys[step].id);
        id_index_remove(&index, keys[step].id);
        in[step] = false;
    }
    finds_exactly_what_is_in(&index, keys, in);
    assert_int_equal(index.count, KEYS - KEYS / 3);
    mem_free(keys);
}

static void replaces_the_same_id(void **state)
{
    (void)state;
    CLEANUP(id_index_clear) struct id_index index = {0};
    struct key old = {.id = colliding(1)};
    struct key fresh = old;
    assert_null(id_index_find(&index, old.id));
    id_index_remove(&index, old.id);
    id_index_put(&index, &old);
    id_index_put(&index, &fresh);
    assert_ptr_equal(id_index_find(&index, old.id), &fresh);
    assert_int_equal(index.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_through_puts_and_removals),
        cmocka_unit_test(replaces_the_same_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
