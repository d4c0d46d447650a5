/* A store and a fake token side by side, for the tests of rotation/. */
#ifndef HSMGATE_TESTS_UNIT_ROTATION_TEST_H
#define HSMGATE_TESTS_UNIT_ROTATION_TEST_H

#include <dirent.h>

#include "base/file.h"
#include "rotation/rotation.h"
#include "tests/lib/fake_token_face.h"
#include "tests/unit/keystore_test.h"

#define SOON INT64_MAX /* a deadline that the fake never looks at */

struct bench {
    struct fixture fixture;
    char objects[80];
    struct token *token;
    struct rotation rotation;
};

/* A moment without any leap; lived time begins at NOW. */
static inline struct moment moment_at(int64_t now)
{
    return (struct moment){.now = now, .calm = now, .lived = now - NOW};
}

static inline void bench_open(struct bench *bench)
{
    fixture_open(&bench->fixture);
    bench->rotation =
        (struct rotation){.store = bench->fixture.store, .tokens = &bench->token, .token_count = 1};
}

static inline void bench_make(struct bench *bench)
{
    *bench = (struct bench){0};
    fixture_make(&bench->fixture);
    (void)snprintf(bench->objects, sizeof(bench->objects), "%s/objects", bench->fixture.folder);
    assert_ok(file_make_folder(bench->objects, 0700));
    bench->token = fake_token_open("soft", bench->objects);
    bench_open(bench);
}

static inline void bench_reopen(struct bench *bench)
{
    keystore_close(bench->fixture.store);
    bench->fixture.store = NULL;
    bench_open(bench);
}

/* For CLEANUP. */
static inline void bench_drop(struct bench *bench)
{
    DIR *folder = opendir(bench->objects);
    for (struct dirent *entry = folder != NULL ? readdir(folder) : NULL; entry != NULL;
         entry = readdir(folder)) {
        char path[400];
        (void)snprintf(path, sizeof(path), "%s/%s", bench->objects, entry->d_name);
        (void)unlink(path);
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    (void)rmdir(bench->objects);
    fake_token_close(bench->token);
    fixture_drop(&bench->fixture);
}

static inline struct err create(struct bench *bench, const char *name, enum algorithm algorithm)
{
    struct key_spec spec = spec_of(name);
    spec.algorithm = algorithm;
    spec.purpose = algorithm_info(algorithm)->purpose;
    struct moment moment = moment_at(NOW);
    return rotation_create_key(&bench->rotation, &spec, &moment, SOON);
}

static inline struct err rotate(struct bench *bench, const char *name, uint32_t *out_version)
{
    struct moment moment = moment_at(NOW + 1);
    return rotation_rotate(&bench->rotation, span_text(name), ROTATE_BY_POLICY, &moment, SOON,
                           out_version);
}

static inline void set_policy(struct bench *bench, const char *name,
                              const struct rotation_policy *policy)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(bench->fixture.store, span_text(name));
    struct key_facts facts = key->facts;
    facts.rotation = *policy;
    assert_ok(keystore_update(bench->fixture.store, key, &facts, 0));
}

static inline void heal(struct bench *bench)
{
    fake_token_fault(bench->token, (struct fake_fault){.call = FAKE_NONE});
}

/* Neither a row nor an object is left of the key. */
static inline void expect_nothing(struct bench *bench, const char *name, size_t objects)
{
    assert_null(keystore_find_any(bench->fixture.store, span_text(name)));
    assert_int_equal(fake_token_count(bench->token), objects);
}

static inline size_t versions_in(struct bench *bench, const char *name, enum version_state state)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find_any(bench->fixture.store, span_text(name));
    size_t count = 0;
    for (size_t i = 0; key != NULL && i < key->version_count; i++) {
        count += key->versions[i].state == state ? 1 : 0;
    }
    return count;
}

#endif
