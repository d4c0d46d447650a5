/* Break-glass in the real worker on a real token: what M people release, once, whatever happens
 * meanwhile, and what they destroy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/public_key.h"
#include "base/sync.h"
#include "tests/unit/glass_scene.h"

#define DAY_MS (24 * HOUR_MS)
#define DAY_S  ((int64_t)24 * 3600)

/* --- opening --- */

static void test_opens_once(void **state)
{
    (void)state;
    static const enum envelope_type types[] = {ENVELOPE_DATA, ENVELOPE_DATA_KEY};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        CLEANUP(locked_clear) struct locked locked;
        CLEANUP(ask_clear) struct ask ask;
        CLEANUP(buf_clear) struct buf jwe = {0};
        scene_lock_up(2, types[i], &locked);
        scene_expect(locked_decrypt_plainly(&locked), ERR_APPROVAL_REQUIRED,
                     "approval of a quorum");
        ask_begin(&ask, &locked);
        scene_ok(ask_open(&ask, &jwe));
        assert_true(scene_unseals(buf_span(&jwe), SECRET));
        assert_null(memmem(jwe.data, jwe.len, SECRET, strlen(SECRET)));
        ask_expect_spent(&ask);
        scene_restart();
        ask_expect_spent(&ask);
        locked_expect_opens(&locked);
    }
}

static void test_rsa(void **state)
{
    (void)state;
    CLEANUP(locked_clear) struct locked locked = {.id = uuid_make()};
    CLEANUP(buf_clear) struct buf public_key = {0};
    CLEANUP(buf_clear) struct buf body = {0};
    scene_generate(ALGORITHM_RSA_2048, PURPOSE_DECRYPT, 2, &locked.key, &public_key);
    scene_ok(public_key_encrypt_oaep(buf_span(&public_key), DIGEST_SHA1, span_text(SECRET), &body));
    const struct envelope envelope = {.type = ENVELOPE_DATA,
                                      .key = locked.id,
                                      .version = GLASS_VERSION,
                                      .algorithm = ENVELOPE_RSA_OAEP_SHA1,
                                      .body = buf_span(&body)};
    scene_ok(envelope_encode(&envelope, &locked.blob));
    locked_expect_opens(&locked);
}

/* What a quorum agreed to open but cannot be opened: said so, and before anything is spent when it
 * can be known before. */
static void test_ciphertexts_that_do_not_open(void **state)
{
    (void)state;
    CLEANUP(locked_clear) struct locked locked;
    CLEANUP(ask_clear) struct ask ask;
    CLEANUP(ask_clear) struct ask broken;
    CLEANUP(buf_clear) struct buf jwe = {0};
    scene_lock_up(2, ENVELOPE_DATA, &locked);
    ask_begin(&ask, &locked);
    ask.ciphertext = span_text("HSG is no envelope");
    scene_digest(ask.ciphertext, ask.says.ciphertext_sha256);
    scene_expect(ask_open(&ask, &jwe), ERR_INVALID_CIPHERTEXT, "");
    scene_expect(ask_send(scene.token, &ask, &jwe), ERR_INVALID_CIPHERTEXT, "");
    locked.blob.data[locked.blob.len - 1] ^= 1;
    ask_begin(&broken, &locked);
    scene_expect(ask_open(&broken, &jwe), ERR_INVALID_CIPHERTEXT, "");
    ask_expect_spent(&broken);
    assert_int_equal(jwe.len, 0);
}

/* The rule that stands in the CKA_ID, whatever the statement says. */
static void test_lowered_m(void **state)
{
    (void)state;
    CLEANUP(locked_clear) struct locked locked;
    CLEANUP(ask_clear) struct ask low;
    CLEANUP(ask_clear) struct ask right;
    CLEANUP(buf_clear) struct buf jwe = {0};
    scene_lock_up(3, ENVELOPE_DATA, &locked);
    ask_begin(&low, &locked);
    scene_expect(ask_open(&low, &jwe), ERR_APPROVAL_REQUIRED, "the token demands 3");
    ask_begin(&right, &locked);
    right.says.rule.m = 3;
    right.voters = "012";
    scene_ok(ask_open(&right, &jwe));
}

/* A key that is bound to no group, as a compromised version may be, needs the authority. */
static void test_unbound_key(void **state)
{
    (void)state;
    CLEANUP(locked_clear) struct locked locked;
    CLEANUP(ask_clear) struct ask keepers;
    CLEANUP(ask_clear) struct ask owners;
    CLEANUP(buf_clear) struct buf jwe = {0};
    scene_lock_up(0, ENVELOPE_DATA, &locked);
    scene_ok(locked_decrypt_plainly(&locked));
    ask_begin(&keepers, &locked);
    scene_expect(ask_open(&keepers, &jwe), ERR_APPROVAL_REQUIRED, "authority");
    ask_begin(&owners, &locked);
    owners.says.rule.group = span_text("owners");
    scene_ok(ask_open(&owners, &jwe));
    assert_true(scene_unseals(buf_span(&jwe), SECRET));
}

static void test_floor(void **state)
{
    (void)state;
    CLEANUP(locked_clear) struct locked locked;
    CLEANUP(ask_clear) struct ask low;
    CLEANUP(ask_clear) struct ask right;
    CLEANUP(buf_clear) struct buf jwe = {0};
    scene_lock_up(0, ENVELOPE_DATA, &locked);
    scene_configure("approval_floor: 3\n");
    scene_restart();
    scene_expect(locked_decrypt_plainly(&locked), ERR_APPROVAL_REQUIRED, "approval of a quorum");
    struct span cka_id = span_of(locked.key.cka_id, locked.key.cka_id_len);
    scene_expect(token_destroy(scene.token, cka_id, SOON), ERR_APPROVAL_REQUIRED, "quorum");
    ask_begin(&low, &locked);
    low.says.rule.group = span_text("owners");
    low.voters = "012";
    scene_expect(ask_open(&low, &jwe), ERR_APPROVAL_REQUIRED, "the token demands 3");
    ask_begin(&right, &locked);
    right.says.rule = (struct quorum_rule){.group = span_text("owners"), .m = 3};
    right.voters = "012";
    scene_ok(ask_open(&right, &jwe));
}

static void test_unpinned(void **state)
{
    (void)state;
    CLEANUP(locked_clear) struct locked locked;
    CLEANUP(ask_clear) struct ask ask;
    CLEANUP(buf_clear) struct buf jwe = {0};
    scene_lock_up(2, ENVELOPE_DATA, &locked);
    softhsm_write_config(&scene.softhsm, "");
    scene_restart();
    ask_begin(&ask, &locked);
    scene_expect(ask_open(&ask, &jwe), ERR_INVALID_STATE, "pins no roster");
    scene_expect(token_show_rosters(scene.token, buf_span(&ask.bundle), SOON), ERR_INVALID_STATE,
                 "");
    scene_configure("");
    scene_restart();
    scene_ok(ask_send(scene.token, &ask, &jwe));
}

/* --- memory --- */

static char *state_path(const char *prefix)
{
    CLEANUP(buf_clear) struct buf name = {0};
    CLEANUP(mem_free_at)
    char *command = mem_format("cd %s/state && printf %%s %s-*", scene.softhsm.folder, prefix);
    scene_output_of(command, &name);
    return mem_format("%s/state/%.*s", scene.softhsm.folder, (int)name.len,
                      (const char *)name.data);
}

static void test_memory_fails_closed(void **state)
{
    (void)state;
    static const char *const prefixes[] = {"rosters", "spent"};
    CLEANUP(locked_clear) struct locked locked;
    scene_lock_up(2, ENVELOPE_DATA, &locked);
    locked_expect_opens(&locked);
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        CLEANUP(ask_clear) struct ask ask;
        CLEANUP(buf_clear) struct buf jwe = {0};
        CLEANUP(buf_clear) struct buf kept = {0};
        CLEANUP(mem_free_at) char *path = state_path(prefixes[i]);
        scene_ok(file_read(path, &kept));
        scene_ok(file_write(path, span_of(kept.data, kept.len - 1), 0600));
        ask_begin(&ask, &locked);
        scene_expect(ask_open(&ask, &jwe), ERR_APPROVAL_REQUIRED, "cannot read");
        scene_ok(file_write(path, buf_span(&kept), 0600));
        scene_ok(ask_send(scene.token, &ask, &jwe));
    }
}

struct rival {
    struct token *token;
    const struct ask *ask;
    struct err err;
    struct buf jwe;
};

static void *race(void *arg)
{
    struct rival *rival = arg;
    rival->err = ask_send(rival->token, rival->ask, &rival->jwe);
    return NULL;
}

/* Four at once, on two workers that a front was not supposed to start: one opens. */
static void test_race(void **state)
{
    (void)state;
    CLEANUP(locked_clear) struct locked locked;
    struct token *second = scene_open_token();
    scene_lock_up(2, ENVELOPE_DATA, &locked);
    for (int round = 0; round < 5; round++) {
        CLEANUP(ask_clear) struct ask ask;
        struct rival rivals[4] = {0};
        pthread_t threads[4];
        size_t opened = 0;
        ask_begin(&ask, &locked);
        ask_bundle(&ask);
        for (size_t i = 0; i < 4; i++) {
            rivals[i].token = i % 2 == 0 ? scene.token : second;
            rivals[i].ask = &ask;
            threads[i] = sync_thread("rival", race, &rivals[i]);
        }
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
            opened += rivals[i].err.code == ERR_OK ? 1 : 0;
            assert_true(rivals[i].err.code == ERR_OK || rivals[i].err.code == ERR_CONFLICT);
            buf_clear(&rivals[i].jwe);
        }
        assert_int_equal(opened, 1);
    }
    token_close(second);
}

/* The worker dies between the steps: what may have been opened is never opened again. */
static void test_killed(void **state)
{
    (void)state;
    static const char *const points[] = {"token-spent kill\n", "token-unsealed kill\n"};
    CLEANUP(locked_clear) struct locked locked;
    CLEANUP(mem_free_at) char *path = mem_format("%s/points", scene.softhsm.folder);
    scene_lock_up(2, ENVELOPE_DATA, &locked);
    assert_int_equal(setenv("HSMGATE_FAILPOINTS", path, 1), 0);
    scene_restart();
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        CLEANUP(ask_clear) struct ask ask;
        CLEANUP(buf_clear) struct buf jwe = {0};
        scene_ok(file_write(path, span_text(points[i]), 0600));
        ask_begin(&ask, &locked);
        scene_expect(ask_open(&ask, &jwe), ERR_TOKEN_UNAVAILABLE, "");
        assert_int_equal(unlink(path), 0);
        scene_ok(token_wait_ready(scene.token, SOON));
        scene_restart();
        ask_expect_spent(&ask);
        assert_int_equal(jwe.len, 0);
    }
    locked_expect_opens(&locked);
}

/* --- destroying --- */

static void begin_destroy(struct ask *ask, const struct locked *locked, int64_t after_s,
                          int64_t created_at)
{
    ask_begin(ask, locked);
    glass_begin_statement(&scene.glass, STATEMENT_DESTROY, created_at, &ask->says);
    locked_identify(&ask->says, locked);
    ask->says.after_s = after_s;
}

static struct err ask_destroy(struct ask *ask, const struct locked *locked)
{
    if (ask->bundle.len == 0) {
        ask_bundle(ask);
    }
    return token_destroy_approved(scene.token, span_of(locked->key.cka_id, locked->key.cka_id_len),
                                  buf_span(&ask->bundle), SOON);
}

static struct err destroy(const struct locked *locked)
{
    return token_destroy(scene.token, span_of(locked->key.cka_id, locked->key.cka_id_len), SOON);
}

/* Its maker may undo it; a worker that did not make it asks the people. */
static void test_newborn(void **state)
{
    (void)state;
    CLEANUP(locked_clear) struct locked young;
    CLEANUP(locked_clear) struct locked old;
    scene_lock_up(2, ENVELOPE_DATA, &young);
    scene_lock_up(2, ENVELOPE_DATA, &old);
    scene_ok(destroy(&young));
    scene_expect(destroy(&young), ERR_NOT_FOUND, "");
    scene_restart();
    scene_expect(destroy(&old), ERR_APPROVAL_REQUIRED, "approval of a quorum");
    locked_expect_opens(&old);
}

static void test_destroy(void **state)
{
    (void)state;
    CLEANUP(locked_clear) struct locked locked;
    CLEANUP(locked_clear) struct locked kept;
    int64_t now = glass_now();
    scene_lock_up(2, ENVELOPE_DATA, &locked);
    scene_lock_up(2, ENVELOPE_DATA, &kept);
    scene_restart();
    static const struct {
        const char *says;
        int64_t after_s;
        const char *voters;
        const char *group;
        const char *key;
    } cases[] = {
        {"from now", 3600, "01", "keepers", GLASS_KEY},
        {"1 of 2", 0, "0", "keepers", GLASS_KEY},
        {"denied", 0, "012d", "keepers", GLASS_KEY},
        {"1 of 2", 0, "01f", "keepers", GLASS_KEY},
        {"another group", 0, "12", "others", GLASS_KEY},
        {"names the key drill/prod/dek@3", 0, "01", "keepers", "drill/prod/dek"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(ask_clear) struct ask ask;
        begin_destroy(&ask, &locked, cases[i].after_s, now);
        ask.voters = cases[i].voters;
        ask.says.key = span_text(cases[i].key);
        ask.says.rule.group = span_text(cases[i].group);
        scene_expect(ask_destroy(&ask, &locked), ERR_APPROVAL_REQUIRED, cases[i].says);
    }
    CLEANUP(ask_clear) struct ask opens;
    ask_begin(&opens, &locked);
    scene_expect(ask_destroy(&opens, &locked), ERR_APPROVAL_REQUIRED, "not ask to destroy");
    CLEANUP(ask_clear) struct ask ask;
    begin_destroy(&ask, &locked, 0, now);
    scene_expect(ask_destroy(&ask, &kept), ERR_APPROVAL_REQUIRED, "other material");
    scene_ok(ask_destroy(&ask, &locked));
    scene_expect(ask_destroy(&ask, &locked), ERR_NOT_FOUND, "");
    locked_expect_opens(&kept);
}

/* The time for second thoughts may be longer than the statement lives. */
static void test_destroy_late(void **state)
{
    (void)state;
    CLEANUP(locked_clear) struct locked locked;
    CLEANUP(ask_clear) struct ask early;
    CLEANUP(ask_clear) struct ask due;
    CLEANUP(ask_clear) struct ask forgotten;
    int64_t now = glass_now();
    scene_lock_up(2, ENVELOPE_DATA, &locked);
    scene_restart();
    begin_destroy(&early, &locked, 31 * DAY_S, now - 30 * DAY_MS);
    scene_expect(ask_destroy(&early, &locked), ERR_APPROVAL_REQUIRED, "from now");
    begin_destroy(&forgotten, &locked, 0, now - 60 * DAY_MS);
    scene_expect(ask_destroy(&forgotten, &locked), ERR_APPROVAL_REQUIRED, "ended");
    begin_destroy(&due, &locked, 29 * DAY_S, now - 30 * DAY_MS);
    scene_ok(ask_destroy(&due, &locked));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, scene_start, scene_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_opens_once),
        CASE(test_rsa),
        CASE(test_ciphertexts_that_do_not_open),
        CASE(test_lowered_m),
        CASE(test_unbound_key),
        CASE(test_floor),
        CASE(test_unpinned),
        CASE(test_memory_fails_closed),
        CASE(test_race),
        CASE(test_killed),
        CASE(test_newborn),
        CASE(test_destroy),
        CASE(test_destroy_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
