/* What unit tests of keystore/ and rotation/ share: a store in a folder of its own, a key's spec,
 * and short ways to a key in a wanted state. */
#ifndef HSMGATE_TESTS_UNIT_KEYSTORE_TEST_H
#define HSMGATE_TESTS_UNIT_KEYSTORE_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keystore/keystore.h"
#include "tests/unit/base_test.h"

#define NOW 1700000000000

struct fixture {
    char folder[64];
    char path[80];
    struct keystore *store;
};

static inline void fixture_make(struct fixture *fixture)
{
    *fixture = (struct fixture){.folder = "/tmp/hsmgate-test-XXXXXX"};
    assert_non_null(mkdtemp(fixture->folder));
    (void)snprintf(fixture->path, sizeof(fixture->path), "%s/keys.db", fixture->folder);
}

static inline void fixture_open(struct fixture *fixture)
{
    assert_ok(keystore_open(fixture->path, &fixture->store));
}

static inline void fixture_reopen(struct fixture *fixture)
{
    keystore_close(fixture->store);
    fixture->store = NULL;
    fixture_open(fixture);
}

/* For CLEANUP. */
static inline void fixture_drop(struct fixture *fixture)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    keystore_close(fixture->store);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char path[96];
        (void)snprintf(path, sizeof(path), "%s%s", fixture->path, ends[i]);
        (void)unlink(path);
    }
    (void)rmdir(fixture->folder);
}

static inline struct key_spec spec_of(const char *name)
{
    return (struct key_spec){.name = name,
                             .algorithm = ALGORITHM_AES_256_GCM,
                             .purpose = PURPOSE_ENCRYPT,
                             .token = "soft",
                             .facts = {.owner = "team", .classification = CLASS_CONFIDENTIAL}};
}

/* 18 random bytes, the form that rotation gives them. */
struct cka {
    uint8_t bytes[18];
};

static inline struct cka cka_make(void)
{
    struct cka cka = {0};
    random_bytes(cka.bytes, sizeof(cka.bytes));
    return cka;
}

static inline struct span cka_span(const struct cka *cka)
{
    return span_of(cka->bytes, sizeof(cka->bytes));
}

static inline struct version_source source_of(const struct cka *cka)
{
    return (struct version_source){.cka_id = cka_span(cka)};
}

static inline void reserve_key(struct keystore *store, const char *name)
{
    struct key_spec spec = spec_of(name);
    struct cka cka = cka_make();
    struct version_source source = source_of(&cka);
    assert_ok(keystore_reserve_key(store, &spec, &source, NOW));
}

static inline uint32_t reserve_version(struct keystore *store, const char *name)
{
    struct cka cka = cka_make();
    uint32_t number = 0;
    struct version_source source = source_of(&cka);
    assert_ok(keystore_reserve_version(store, span_text(name), &source, NOW + 1, &number));
    return number;
}

static inline void record(struct keystore *store, const char *name, uint32_t number)
{
    assert_ok(keystore_record_material(store, span_text(name), number, span_text("identity"),
                                       span_of(NULL, 0)));
}

static inline struct err move(struct keystore *store, const char *name, uint32_t number,
                              enum version_state from, enum version_state to)
{
    struct version_move one = {.number = number, .from = from, .to = to};
    return keystore_move(store, span_text(name), &one, 1, NOW + 2);
}

static inline void make_active(struct keystore *store, const char *name)
{
    reserve_key(store, name);
    record(store, name, 1);
    assert_ok(move(store, name, 1, VERSION_PENDING, VERSION_ACTIVE));
}

static inline void expect_state(struct keystore *store, const char *name, uint32_t number,
                                enum version_state state)
{
    CLEANUP(key_release_at) const struct key *key = keystore_find_any(store, span_text(name));
    assert_non_null(key);
    const struct version *version = key_version(key, number);
    assert_non_null(version);
    assert_string_equal(version_state_name(version->state), version_state_name(state));
}

#endif
