/* Access keys over a real store and a token in software: a secret comes back as it was put, for as
 * long as the store has it, to its own id and subject and to nobody else. */
#include <ftw.h>

#include "audit/audit.h"
#include "gateway/access_keys.h"
#include "tests/unit/rotation_test.h"

#define ID         "HGAKABCDEFGHIJKLMNOP"
#define SECRET     "the secret of an access key, 40 letters."
#define HOUR_MS    ((int64_t)3600 * 1000)
#define HEAD_LEN   27 /* of an envelope; a key and its version stand in … */
#define NAMES_FROM 5
#define NAMES_END  25

struct scene {
    struct bench bench;
    char audit_folder[96];
    struct config config;
    struct gateway gateway;
};

/* --- open and close --- */

static void gateway_on(struct scene *scene)
{
    scene->gateway.store = scene->bench.fixture.store;
    scene->gateway.rotation = scene->bench.rotation;
    scene->gateway.access_keys = access_keys_open();
}

static int open_scene(void **state)
{
    struct scene *scene = mem_alloc(sizeof(*scene));
    struct audit_config audit = {.folder = scene->audit_folder, .queue_max = 16};
    bench_make(&scene->bench);
    (void)snprintf(scene->audit_folder, sizeof(scene->audit_folder), "%s/audit",
                   scene->bench.fixture.folder);
    scene->config.default_token = "soft";
    scene->gateway.config = &scene->config;
    scene->gateway.tokens = &scene->bench.token;
    scene->gateway.token_count = 1;
    assert_ok(audit_open(&audit, &scene->gateway.audit));
    gateway_on(scene);
    *state = scene;
    return 0;
}

/* As a restart of the gateway: what was opened is forgotten. */
static void restart(struct scene *scene)
{
    access_keys_close(scene->gateway.access_keys);
    bench_reopen(&scene->bench);
    gateway_on(scene);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static int close_scene(void **state)
{
    struct scene *scene = *state;
    access_keys_close(scene->gateway.access_keys);
    audit_close(scene->gateway.audit);
    (void)nftw(scene->audit_folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    bench_drop(&scene->bench);
    mem_free(scene);
    return 0;
}

/* --- putting and finding --- */

static struct bearer wanted_of(const char *name, const char *id, const char *subject)
{
    struct bearer wanted = {.created_at = NOW, .expires_at = NOW + HOUR_MS};
    (void)snprintf(wanted.name, sizeof(wanted.name), "%s", name);
    (void)snprintf(wanted.access_key, sizeof(wanted.access_key), "%s", id);
    (void)snprintf(wanted.subject, sizeof(wanted.subject), "%s", subject);
    return wanted;
}

static struct err put(struct scene *scene, const char *name, const char *id, const char *secret)
{
    struct bearer wanted = wanted_of(name, id, "orders");
    return access_keys_put(&scene->gateway, &wanted, span_text(secret), NOW, SOON);
}

/* What a signature of the access key says, for a region. */
static struct sigv4 signature_of(const char *id, const char *region, char scope[128])
{
    int len = snprintf(scope, 128, "20151231/%s/kms/aws4_request", region);
    return (struct sigv4){.access_key = span_text(id),
                          .date = span_of(scope, 8),
                          .region = span_of(scope + 9, strlen(region)),
                          .service = span_text("kms"),
                          .scope = span_of(scope, (size_t)len)};
}

static struct err find_at(struct scene *scene, const char *id, int64_t now, struct bearer *out,
                          uint8_t out_key[SHA256_LEN])
{
    char scope[128];
    const struct sigv4 signature = signature_of(id, "us-east-1", scope);
    return access_keys_find(&scene->gateway, &signature, now, SOON, out, out_key);
}

static struct err find(struct scene *scene, const char *id, uint8_t out_key[SHA256_LEN])
{
    struct bearer found;
    return find_at(scene, id, NOW, &found, out_key);
}

static void assert_signs(const uint8_t key[SHA256_LEN], const struct sigv4 *signature,
                         const char *secret)
{
    uint8_t derived[SHA256_LEN];
    sigv4_signing_key(signature, span_text(secret), derived);
    assert_memory_equal(key, derived, SHA256_LEN);
}

/* In more than one region, again and again. */
static void expect_secret(struct scene *scene, const char *id, const char *secret)
{
    static const char *const regions[] = {"us-east-1", "us-east-1", "eu-central-1", "us-east-1",
                                          "a-region-of-a-name-that-is-much-too-long-for-the-table-"
                                          "but-is-one-all-the-same-as-it-seems"};
    for (size_t i = 0; i < ARRAY_LEN(regions); i++) {
        char scope[128];
        struct bearer found;
        uint8_t key[SHA256_LEN];
        const struct sigv4 signature = signature_of(id, regions[i], scope);
        assert_code_of(id, access_keys_find(&scene->gateway, &signature, NOW, SOON, &found, key),
                       ERR_OK);
        assert_signs(key, &signature, secret);
    }
}

/* And no key comes with it. */
static void expect_refused(struct scene *scene, const char *id, enum err_code code)
{
    static const uint8_t untouched[SHA256_LEN];
    uint8_t key[SHA256_LEN] = {0};
    assert_code_of(id, find(scene, id, key), code);
    assert_memory_equal(key, untouched, SHA256_LEN);
}

static unsigned runs(struct scene *scene)
{
    return fake_token_calls(scene->bench.token, FAKE_RUN);
}

static struct bearer stored(struct scene *scene, const char *name)
{
    struct bearer out = {0};
    size_t count = 0;
    CLEANUP(mem_free_at)
    struct bearer *list = keystore_list_bearers(scene->gateway.store, &count);
    for (size_t i = 0; i < count; i++) {
        out = strcmp(list[i].name, name) == 0 ? list[i] : out;
    }
    assert_string_equal(out.name, name);
    return out;
}

/* Somebody who can write the database changes a row; it is still found by the same hash. */
static void change(struct scene *scene, const struct bearer *row)
{
    assert_ok(keystore_delete_bearer(scene->gateway.store, span_text(row->name)));
    assert_ok(keystore_put_bearer(scene->gateway.store, row, NOW));
}

/* --- what is well --- */

static void what_was_put_is_found(void **state)
{
    struct scene *scene = *state;
    uint8_t key[SHA256_LEN];
    char scope[128];
    const struct sigv4 signature = signature_of(ID, "us-east-1", scope);
    struct bearer wanted = wanted_of("orders-aws", ID, "orders");
    struct bearer found;
    assert_ok(access_keys_put(&scene->gateway, &wanted, span_text(SECRET), NOW, SOON));
    assert_ok(find_at(scene, ID, NOW + 1, &found, key));
    assert_signs(key, &signature, SECRET);
    assert_string_equal(found.name, "orders-aws");
    assert_string_equal(found.access_key, ID);
    assert_string_equal(found.subject, "orders");
    assert_true(found.created_at == NOW && found.expires_at == NOW + HOUR_MS);
    assert_true(found.last_used_at == NOW + 1);
}

static void secrets_have_their_limits(void **state)
{
    struct scene *scene = *state;
    char longest[ACCESS_SECRET_MAX + 2];
    memset(longest, 's', sizeof(longest));
    longest[ACCESS_SECRET_MAX + 1] = '\0';
    assert_code(put(scene, "none", "HGAKNONE", ""), ERR_INVALID_FIELD);
    assert_code(put(scene, "long", "HGAKLONG", longest), ERR_INVALID_FIELD);
    longest[ACCESS_SECRET_MAX] = '\0';
    assert_ok(put(scene, "most", "HGAKMOST", longest));
    assert_ok(put(scene, "least", "HGAKLEAST", "s"));
    restart(scene);
    expect_secret(scene, "HGAKMOST", longest);
    expect_secret(scene, "HGAKLEAST", "s");
    expect_refused(scene, "HGAKNONE", ERR_UNAUTHENTICATED);
    expect_refused(scene, "HGAKLONG", ERR_UNAUTHENTICATED);
}

static bool is_in_file(const char *path, const char *text)
{
    CLEANUP(buf_clear) struct buf file = {0};
    return file_read(path, &file).code == ERR_OK &&
           memmem(file.data, file.len, text, strlen(text)) != NULL;
}

static void the_store_has_no_secret(void **state)
{
    struct scene *scene = *state;
    char wal[96];
    const char *path = scene->bench.fixture.path;
    (void)snprintf(wal, sizeof(wal), "%s-wal", path);
    assert_ok(put(scene, "a", ID, SECRET));
    assert_false(is_in_file(path, SECRET) || is_in_file(wal, SECRET));
    assert_true(is_in_file(path, ID) || is_in_file(wal, ID)); /* one does look where it would be */
}

static void it_outlives_a_restart(void **state)
{
    struct scene *scene = *state;
    assert_ok(put(scene, "a", ID, SECRET));
    expect_secret(scene, ID, SECRET);
    restart(scene);
    expect_secret(scene, ID, SECRET);
}

static void the_gateways_key_is_made_once(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(fake_token_count(scene->bench.token), 0);
    assert_ok(put(scene, "a", ID, SECRET));
    restart(scene);
    assert_ok(put(scene, "b", "HGAKB", SECRET));
    assert_int_equal(fake_token_count(scene->bench.token), 1);
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(scene->gateway.store, span_text(ACCESS_KEYS_KEY));
    assert_non_null(key);
    assert_int_equal(key->algorithm, ALGORITHM_AES_256_GCM);
    assert_int_equal(key->purpose, PURPOSE_ENCRYPT);
    assert_string_equal(key->facts.owner, "hsmgate");
    assert_true(uses_count(key_primary(key)) >= 2); /* each sealed one counts */
}

/* Sealed twice it is not the same: nobody sees in the store that two are alike. */
static void like_secrets_look_unlike(void **state)
{
    struct scene *scene = *state;
    assert_ok(put(scene, "a", "HGAKA", SECRET));
    assert_ok(put(scene, "b", "HGAKB", SECRET));
    struct bearer a = stored(scene, "a");
    struct bearer b = stored(scene, "b");
    assert_int_equal(a.sealed_len, b.sealed_len);
    assert_memory_not_equal(a.sealed + HEAD_LEN, b.sealed + HEAD_LEN, a.sealed_len - HEAD_LEN);
}

/* --- who is not known --- */

static void the_unknown(void **state)
{
    struct scene *scene = *state;
    static const char *const ids[] = {
        "", "HGAK", "HGAKABCDEFGHIJKLMNO", ID "Q", "hgakabcdefghijklmnop", "a"};
    expect_refused(scene, ID, ERR_UNAUTHENTICATED); /* before there is any */
    assert_ok(put(scene, "a", ID, SECRET));
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        expect_refused(scene, ids[i], ERR_UNAUTHENTICATED);
    }
}

static void the_expired(void **state)
{
    struct scene *scene = *state;
    uint8_t key[SHA256_LEN];
    struct bearer found;
    assert_ok(put(scene, "a", ID, SECRET));
    for (int cached = 0; cached < 2; cached++) {
        assert_code(find_at(scene, ID, NOW + HOUR_MS, &found, key), ERR_UNAUTHENTICATED);
        assert_ok(find_at(scene, ID, NOW + HOUR_MS - 1, &found, key));
    }
}

static void the_revoked(void **state)
{
    struct scene *scene = *state;
    for (int cached = 0; cached < 2; cached++) {
        assert_ok(put(scene, "a", ID, SECRET));
        if (cached == 1) {
            expect_secret(scene, ID, SECRET);
        }
        assert_ok(keystore_delete_bearer(scene->gateway.store, span_text("a")));
        expect_refused(scene, ID, ERR_UNAUTHENTICATED);
    }
    restart(scene);
    expect_refused(scene, ID, ERR_UNAUTHENTICATED);
}

/* The id of one that is gone, with another secret: the old one is not remembered. */
static void a_new_secret_replaces_an_old_one(void **state)
{
    struct scene *scene = *state;
    assert_ok(put(scene, "a", ID, SECRET));
    expect_secret(scene, ID, SECRET);
    assert_ok(keystore_delete_bearer(scene->gateway.store, span_text("a")));
    assert_ok(put(scene, "b", ID, "another"));
    expect_secret(scene, ID, "another");
    expect_secret(scene, ID, "another");
}

static void a_name_is_given_once(void **state)
{
    struct scene *scene = *state;
    assert_ok(put(scene, "a", ID, SECRET));
    assert_code(put(scene, "a", "HGAKB", "another"), ERR_CONFLICT);
    assert_code(put(scene, "b", ID, "another"), ERR_CONFLICT);
    expect_secret(scene, ID, SECRET);
    expect_refused(scene, "HGAKB", ERR_UNAUTHENTICATED);
}

static void a_bearer_token_is_no_access_key(void **state)
{
    struct scene *scene = *state;
    struct bearer token = {.name = "ci", .created_at = NOW, .expires_at = NOW + HOUR_MS};
    uint8_t hash[DIGEST_MAX];
    assert_ok(put(scene, "a", ID, SECRET));
    digest_of(DIGEST_SHA256, span_text("hg_token"), hash);
    memcpy(token.hash, hash, SHA256_LEN);
    assert_ok(keystore_put_bearer(scene->gateway.store, &token, NOW));
    struct bearer found;
    assert_true(keystore_find_bearer(scene->gateway.store, hash, NOW, &found));
    expect_refused(scene, "hg_token", ERR_UNAUTHENTICATED);
}

/* --- rows that were changed --- */

/* A key or version that is not there may be the token's trouble, all else is the row's. */
static void expect_damaged(struct scene *scene, size_t at)
{
    uint8_t found[SHA256_LEN];
    bool names = at >= NAMES_FROM && at < NAMES_END;
    struct err err = find(scene, ID, found);
    assert_true(err.code == ERR_UNAUTHENTICATED || (names && err.code == ERR_TOKEN_UNAVAILABLE));
}

static void every_changed_byte_is_refused(void **state)
{
    struct scene *scene = *state;
    assert_ok(put(scene, "a", ID, SECRET));
    const struct bearer good = stored(scene, "a");
    for (size_t i = 0; i < good.sealed_len; i++) {
        struct bearer row = good;
        row.sealed[i] ^= (uint8_t)(1u << i % 8);
        change(scene, &row);
        expect_damaged(scene, i);
    }
    change(scene, &good);
    expect_secret(scene, ID, SECRET);
}

static void every_other_length_is_refused(void **state)
{
    struct scene *scene = *state;
    assert_ok(put(scene, "a", ID, SECRET));
    const struct bearer good = stored(scene, "a");
    assert_true(good.sealed_len < sizeof(good.sealed));
    for (size_t len = 1; len <= good.sealed_len + 1; len++) {
        struct bearer row = good;
        row.sealed_len = len;
        change(scene, &row);
        if (len != good.sealed_len) {
            expect_refused(scene, ID, ERR_UNAUTHENTICATED);
        }
    }
}

/* Rows of other people than the secret was sealed for. The last ones read the same one after the
 * other. */
static const struct {
    const char *id, *subject;
} strangers[] = {
    {ID, "admin"},
    {ID, "order"},
    {ID, "orders2"},
    {"HGAKABCDEFGHIJKLMNOQ", "orders"},
    {"HGAK", "orders"},
    {ID "o", "rders"},
    {"HGAKABCDEFGHIJKLMNO", "Porders"},
};

static void put_stranger(struct scene *scene, const struct bearer *good, size_t number)
{
    struct bearer row = wanted_of(good->name, strangers[number].id, strangers[number].subject);
    memcpy(row.hash, good->hash, sizeof(row.hash));
    memcpy(row.sealed, good->sealed, good->sealed_len);
    row.sealed_len = good->sealed_len;
    change(scene, &row);
}

static void a_secret_is_bound_to_id_and_subject(void **state)
{
    struct scene *scene = *state;
    assert_ok(put(scene, "a", ID, SECRET));
    const struct bearer good = stored(scene, "a");
    for (size_t i = 0; i < ARRAY_LEN(strangers); i++) {
        put_stranger(scene, &good, i);
        expect_refused(scene, ID, ERR_UNAUTHENTICATED);
    }
    change(scene, &good);
    expect_secret(scene, ID, SECRET);
}

/* It was opened for its own row; that opens no other one. */
static void also_when_it_is_open_already(void **state)
{
    struct scene *scene = *state;
    assert_ok(put(scene, "a", ID, SECRET));
    const struct bearer good = stored(scene, "a");
    for (size_t i = 0; i < ARRAY_LEN(strangers); i++) {
        change(scene, &good);
        expect_secret(scene, ID, SECRET);
        put_stranger(scene, &good, i);
        expect_refused(scene, ID, ERR_UNAUTHENTICATED);
    }
}

/* One's own secret in the row of somebody else. */
static void secrets_cannot_be_swapped(void **state)
{
    struct scene *scene = *state;
    assert_ok(put(scene, "mine", "HGAKMINE", "mine"));
    assert_ok(put(scene, "other", "HGAKOTHER", "other"));
    for (int cached = 0; cached < 2; cached++) {
        const struct bearer mine = stored(scene, "mine");
        const struct bearer good = stored(scene, "other");
        struct bearer row = good;
        memcpy(row.sealed, mine.sealed, sizeof(row.sealed));
        row.sealed_len = mine.sealed_len;
        change(scene, &row);
        expect_refused(scene, "HGAKOTHER", ERR_UNAUTHENTICATED);
        change(scene, &good);
        expect_secret(scene, "HGAKMINE", "mine");
        expect_secret(scene, "HGAKOTHER", "other");
    }
}

/* --- the token --- */

static void lose_token(struct scene *scene)
{
    fake_token_fault(scene->bench.token, (struct fake_fault){.call = FAKE_RUN,
                                                             .action = FAKE_REFUSE,
                                                             .code = ERR_TOKEN_UNAVAILABLE});
}

static void what_is_open_works_without_the_token(void **state)
{
    struct scene *scene = *state;
    assert_ok(put(scene, "open", "HGAKOPEN", "open"));
    assert_ok(put(scene, "shut", "HGAKSHUT", "shut"));
    expect_secret(scene, "HGAKOPEN", "open");
    lose_token(scene);
    for (int i = 0; i < 3; i++) {
        expect_secret(scene, "HGAKOPEN", "open");
        expect_refused(scene, "HGAKSHUT", ERR_TOKEN_UNAVAILABLE);
    }
    expect_refused(scene, ID, ERR_UNAUTHENTICATED); /* the unknown are unknown all the same */
    heal(&scene->bench);
    expect_secret(scene, "HGAKSHUT", "shut");
    restart(scene);
    lose_token(scene);
    expect_refused(scene, "HGAKOPEN", ERR_TOKEN_UNAVAILABLE);
    heal(&scene->bench);
}

/* An item that fails is the token's failure, not the caller's. */
static void a_failing_item_tells_nothing_of_the_caller(void **state)
{
    struct scene *scene = *state;
    assert_ok(put(scene, "a", ID, SECRET));
    fake_token_fault(
        scene->bench.token,
        (struct fake_fault){.call = FAKE_RUN, .action = FAKE_BREAK, .code = ERR_TOKEN_UNAVAILABLE});
    expect_refused(scene, ID, ERR_TOKEN_UNAVAILABLE);
    heal(&scene->bench);
    expect_secret(scene, ID, SECRET);
}

static void nothing_is_put_without_the_token(void **state)
{
    struct scene *scene = *state;
    size_t count = 0;
    assert_ok(put(scene, "a", "HGAKA", SECRET));
    lose_token(scene);
    assert_code(put(scene, "b", ID, SECRET), ERR_TOKEN_UNAVAILABLE);
    heal(&scene->bench);
    CLEANUP(mem_free_at)
    struct bearer *list = keystore_list_bearers(scene->gateway.store, &count);
    assert_int_equal(count, 1);
    assert_ok(put(scene, "b", ID, SECRET)); /* the name is still free */
}

static void a_token_that_is_not_configured(void **state)
{
    struct scene *scene = *state;
    assert_ok(put(scene, "a", ID, SECRET));
    scene->gateway.token_count = 0;
    expect_refused(scene, ID, ERR_TOKEN_UNAVAILABLE);
    scene->gateway.token_count = 1;
    expect_secret(scene, ID, SECRET);
}

/* --- the key's versions --- */

static void a_rotation_leaves_them_alone(void **state)
{
    struct scene *scene = *state;
    uint32_t version = 0;
    assert_ok(put(scene, "old", "HGAKOLD", "old"));
    assert_ok(rotate(&scene->bench, ACCESS_KEYS_KEY, &version));
    assert_int_equal(version, 2);
    assert_ok(put(scene, "new", "HGAKNEW", "new"));
    expect_secret(scene, "HGAKOLD", "old");
    assert_ok(move(scene->gateway.store, ACCESS_KEYS_KEY, 1, VERSION_RETIRING, VERSION_DISABLED));
    restart(scene);
    expect_secret(scene, "HGAKNEW", "new");
    expect_refused(scene, "HGAKOLD", ERR_TOKEN_UNAVAILABLE);
    assert_ok(move(scene->gateway.store, ACCESS_KEYS_KEY, 1, VERSION_DISABLED, VERSION_RETIRING));
    expect_secret(scene, "HGAKOLD", "old");
}

/* --- what is remembered --- */

static void the_token_is_asked_once(void **state)
{
    struct scene *scene = *state;
    assert_ok(put(scene, "a", ID, SECRET));
    const unsigned before = runs(scene);
    for (int i = 0; i < 10; i++) {
        expect_secret(scene, ID, SECRET);
    }
    assert_int_equal(runs(scene), before + 1);
}

/* Far more than are remembered, so that many take each other's place. */
static void each_has_its_own_secret(void **state)
{
    struct scene *scene = *state;
    char name[16], id[32], secret[32];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 300; i++) {
            (void)snprintf(name, sizeof(name), "n%d", i);
            (void)snprintf(id, sizeof(id), "HGAK%d", i);
            (void)snprintf(secret, sizeof(secret), "secret %d", i);
            if (round == 0) {
                assert_ok(put(scene, name, id, secret));
            } else {
                expect_secret(scene, id, secret);
            }
        }
    }
}

static void nothing_is_closed_too(void **state)
{
    (void)state;
    access_keys_close(NULL);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_scene, close_scene)
    const struct CMUnitTest tests[] = {
        CASE(what_was_put_is_found),
        CASE(secrets_have_their_limits),
        CASE(the_store_has_no_secret),
        CASE(it_outlives_a_restart),
        CASE(the_gateways_key_is_made_once),
        CASE(like_secrets_look_unlike),
        CASE(the_unknown),
        CASE(the_expired),
        CASE(the_revoked),
        CASE(a_new_secret_replaces_an_old_one),
        CASE(a_name_is_given_once),
        CASE(a_bearer_token_is_no_access_key),
        CASE(every_changed_byte_is_refused),
        CASE(every_other_length_is_refused),
        CASE(a_secret_is_bound_to_id_and_subject),
        CASE(also_when_it_is_open_already),
        CASE(secrets_cannot_be_swapped),
        CASE(what_is_open_works_without_the_token),
        CASE(a_failing_item_tells_nothing_of_the_caller),
        CASE(nothing_is_put_without_the_token),
        CASE(a_token_that_is_not_configured),
        CASE(a_rotation_leaves_them_alone),
        CASE(the_token_is_asked_once),
        CASE(each_has_its_own_secret),
        cmocka_unit_test(nothing_is_closed_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
