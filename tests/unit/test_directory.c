/* The sorted chunks against a plain sorted array, and readers beside a writer. */
#include "keystore/directory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/sync.h"
#include "keystore/key.h"
#include "tests/unit/base_test.h"

#define KEYS 4000

static const struct key *make_key(const char *name, enum version_state state)
{
    struct version version = {.number = 1, .state = state};
    uint8_t hash[DIGEST_MAX];
    digest_of(DIGEST_SHA256, span_text(name), hash);
    struct key draft = {.name = name,
                        .token = "t",
                        .facts = {.owner = "o"},
                        .versions = &version,
                        .version_count = 1};
    /* The same name has the same id, as in the store. */
    memcpy(draft.id.bytes, hash, UUID_LEN);
    return key_make(&draft);
}

static void name_of(unsigned n, char out[16])
{
    (void)snprintf(out, 16, "k%u/%05u", n % 4, n);
}

/* A permutation of 0..KEYS-1: 2657 and KEYS have no common divisor. */
static unsigned shuffled(unsigned i)
{
    return i * 2657 % KEYS;
}

static void fill(struct directory *directory)
{
    for (unsigned i = 0; i < KEYS; i++) {
        char name[16];
        name_of(shuffled(i), name);
        directory_put(directory, make_key(name, VERSION_ACTIVE));
    }
}

static const struct key **list(struct directory *directory, const char *prefix, const char *after,
                               size_t limit, size_t *out_count)
{
    struct directory_page page = {.prefix = span_text(prefix),
                                  .after = span_text(after),
                                  .limit = limit,
                                  .scope = LIST_USABLE};
    return directory_list(directory, &page, out_count);
}

static void expect_sorted(struct directory *directory, size_t expected)
{
    size_t count = 0;
    const struct key **keys = list(directory, "", "", SIZE_MAX, &count);
    assert_int_equal(count, expected);
    for (size_t i = 1; i < count; i++) {
        assert_true(strcmp(keys[i - 1]->name, keys[i]->name) < 0);
    }
    keystore_list_free(keys, count);
}

static void keeps_order_through_splits(void **state)
{
    (void)state;
    CLEANUP(directory_clear) struct directory directory;
    directory_init(&directory);
    fill(&directory);
    assert_int_equal(directory_count(&directory), KEYS);
    expect_sorted(&directory, KEYS);
    for (unsigned i = 0; i < KEYS; i++) {
        char name[16];
        name_of(i, name);
        CLEANUP(key_release_at) const struct key *key = directory_find(&directory, span_text(name));
        assert_non_null(key);
        assert_string_equal(key->name, name);
        CLEANUP(key_release_at) const struct key *same = directory_find_id(&directory, key->id);
        assert_ptr_equal(same, key);
    }
    assert_null(directory_find(&directory, span_text("k0/0000")));
    assert_null(directory_find(&directory, span_text("z")));
    assert_null(directory_find(&directory, span_text("")));
    assert_null(directory_find_id(&directory, uuid_make()));
}

static void fills_chunks_when_ascending(void **state)
{
    (void)state;
    CLEANUP(directory_clear) struct directory directory;
    directory_init(&directory);
    for (unsigned i = 0; i < 3 * DIRECTORY_CHUNK_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "a/%06u", i);
        directory_put(&directory, make_key(name, VERSION_ACTIVE));
    }
    assert_int_equal(directory.chunk_count, 3);
}

static void removes_down_to_nothing(void **state)
{
    (void)state;
    CLEANUP(directory_clear) struct directory directory;
    directory_init(&directory);
    fill(&directory);
    for (unsigned i = 0; i < KEYS; i++) {
        char name[16];
        name_of(shuffled(i), name);
        CLEANUP(key_release_at) const struct key *key = directory_find(&directory, span_text(name));
        assert_non_null(key);
        directory_remove(&directory, key);
        assert_null(directory_find(&directory, span_text(name)));
        assert_null(directory_find_id(&directory, key->id));
        if (i % 997 == 0) {
            expect_sorted(&directory, KEYS - i - 1);
        }
    }
    assert_int_equal(directory.chunk_count, 0);
    assert_int_equal(directory_count(&directory), 0);
}

static void pages_by_prefix(void **state)
{
    (void)state;
    CLEANUP(directory_clear) struct directory directory;
    directory_init(&directory);
    fill(&directory);
    char after[16] = "";
    size_t seen = 0;
    size_t count = 0;
    do {
        const struct key **keys = list(&directory, "k2/", after, 7, &count);
        assert_true(count <= 7);
        for (size_t i = 0; i < count; i++) {
            assert_memory_equal(keys[i]->name, "k2/", 3);
            assert_true(strcmp(after, keys[i]->name) < 0);
            (void)snprintf(after, sizeof(after), "%s", keys[i]->name);
        }
        seen += count;
        keystore_list_free(keys, count);
    } while (count > 0);
    assert_int_equal(seen, KEYS / 4);
}

static void starts_pages_where_told(void **state)
{
    (void)state;
    CLEANUP(directory_clear) struct directory directory;
    directory_init(&directory);
    static const char *const names[] = {"a/b", "a/bb", "a/c", "b/a"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        directory_put(&directory, make_key(names[i], VERSION_ACTIVE));
    }
    static const struct {
        const char *prefix;
        const char *after;
        const char *first; /* NULL: an empty page */
        size_t count;
    } cases[] = {
        {"", "", "a/b", 4},       {"a/", "", "a/b", 3},      {"a/b", "", "a/b", 2},
        {"a/", "a/b", "a/bb", 2}, {"a/", "a/ba", "a/bb", 2}, {"b", "a/b", "b/a", 1},
        {"a", "z", NULL, 0},      {"c", "", NULL, 0},        {"", "b/a", NULL, 0},
        {"a/b/", "", NULL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t count = 0;
        const struct key **keys = list(&directory, cases[i].prefix, cases[i].after, 100, &count);
        assert_int_equal(count, cases[i].count);
        assert_true(cases[i].first == NULL || strcmp(keys[0]->name, cases[i].first) == 0);
        keystore_list_free(keys, count);
    }
}

static void counts_only_usable_keys(void **state)
{
    (void)state;
    CLEANUP(directory_clear) struct directory directory;
    directory_init(&directory);
    directory_put(&directory, make_key("a/new", VERSION_PENDING));
    assert_int_equal(directory_count(&directory), 0);
    directory_put(&directory, make_key("a/old", VERSION_ACTIVE));
    assert_int_equal(directory_count(&directory), 1);
    size_t count = 0;
    const struct key **keys = list(&directory, "", "", 9, &count);
    assert_int_equal(count, 1);
    assert_string_equal(keys[0]->name, "a/old");
    keystore_list_free(keys, count);
    directory_put(&directory, make_key("a/new", VERSION_ACTIVE));
    assert_int_equal(directory_count(&directory), 2);
}

struct race {
    struct directory *directory;
    atomic_bool stop;
    atomic_uint found;
};

static void *read_on(void *arg)
{
    struct race *race = arg;
    while (!atomic_load(&race->stop)) {
        CLEANUP(key_release_at)
        const struct key *key = directory_find(race->directory, span_text("a/moving"));
        assert_non_null(key);
        assert_string_equal(key->name, "a/moving");
        assert_int_equal(key->version_count, 1);
        size_t count = 0;
        const struct key **keys = list(race->directory, "a/", "", 10, &count);
        keystore_list_free(keys, count);
        assert_true(count >= 1);
        atomic_fetch_add(&race->found, 1);
    }
    return NULL;
}

static void serves_readers_while_it_changes(void **state)
{
    (void)state;
    CLEANUP(directory_clear) struct directory directory;
    directory_init(&directory);
    directory_put(&directory, make_key("a/moving", VERSION_ACTIVE));
    struct race race = {.directory = &directory};
    pthread_t readers[3];
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        readers[i] = sync_thread("reader", read_on, &race);
    }
    for (unsigned i = 0; i < 2000 || atomic_load(&race.found) < 100; i++) {
        char name[16];
        CLEANUP(key_release_at)
        const struct key *key = directory_find(&directory, span_text("a/moving"));
        directory_put(&directory, key_make(key));
        (void)snprintf(name, sizeof(name), "b/%u", i % 1500);
        directory_put(&directory, make_key(name, VERSION_ACTIVE));
    }
    atomic_store(&race.stop, true);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        pthread_join(readers[i], NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order_through_splits),
        cmocka_unit_test(fills_chunks_when_ascending),
        cmocka_unit_test(removes_down_to_nothing),
        cmocka_unit_test(pages_by_prefix),
        cmocka_unit_test(starts_pages_where_told),
        cmocka_unit_test(counts_only_usable_keys),
        cmocka_unit_test(serves_readers_while_it_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
