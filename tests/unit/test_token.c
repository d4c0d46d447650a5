/* test_token: the face when all goes well: every operation, batches, generate, destroy, inventory,
 * status. The worker is scripted (tests/lib/fake_worker.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/lib/token_fixture.h"

#define LONG_MS 30000

static int64_t late(void)
{
    return clock_deadline(LONG_MS);
}

static void clear_items(struct token_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_clear(&items[i].output);
        buf_clear(&items[i].extra);
        buf_clear(&items[i].plaintext);
    }
}

static const struct token_wish plain = {.script = "", .channels = 2, .operation_ms = LONG_MS};

static const struct token_key aes = {
    .cka_id = {2}, .cka_id_len = 1, .algorithm = ALGORITHM_AES_256_GCM};

static void test_sign(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    token_fixture_ready(&fixture, &plain);
    for (uint8_t i = 1; i < 50; i++) {
        assert_int_equal(token_fixture_sign(&fixture, i, late()).code, ERR_OK);
    }
    assert_int_equal(token_fixture_starts(&fixture), 1);
}

static void test_encrypt_and_decrypt(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    token_fixture_ready(&fixture, &plain);
    struct token_item item = {.key = &aes, .input = span_text("attack at dawn")};
    assert_int_equal(token_run(fixture.token, TOKEN_ENCRYPT, &item, 1, late()).code, ERR_OK);
    assert_int_equal(item.result.code, ERR_OK);
    assert_int_equal(item.output.len, 14 + TOKEN_TAG_LEN);
    assert_int_equal(item.extra.len, TOKEN_IV_LEN);
    struct token_item back = {
        .key = &aes, .input = buf_span(&item.output), .iv = buf_span(&item.extra)};
    assert_int_equal(token_run(fixture.token, TOKEN_DECRYPT, &back, 1, late()).code, ERR_OK);
    assert_int_equal(back.result.code, ERR_OK);
    assert_true(span_is(buf_span(&back.output), "attack at dawn"));
    item.output.data[item.output.len - 1] ^= 1;
    clear_items(&back, 1);
    assert_int_equal(token_run(fixture.token, TOKEN_DECRYPT, &back, 1, late()).code, ERR_OK);
    assert_int_equal(back.result.code, ERR_INVALID_CIPHERTEXT);
    assert_int_equal(back.output.len, 0);
    clear_items(&item, 1);
}

static void test_data_key_and_random(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    token_fixture_ready(&fixture, &plain);
    struct token_item items[2] = {{.key = &aes, .bytes = 32, .reveal = true},
                                  {.key = &aes, .bytes = 16}};
    assert_int_equal(token_run(fixture.token, TOKEN_DATA_KEY, items, 2, late()).code, ERR_OK);
    assert_int_equal(items[0].plaintext.len, 32);
    assert_int_equal(items[0].output.len, 48);
    assert_int_equal(items[1].plaintext.len, 0);
    assert_int_equal(items[1].output.len, 32);
    clear_items(items, 2);
    struct token_item random = {.bytes = 500};
    assert_int_equal(token_run(fixture.token, TOKEN_RANDOM, &random, 1, late()).code, ERR_OK);
    assert_int_equal(random.output.len, 500);
    clear_items(&random, 1);
    assert_int_equal(token_canary(fixture.token, late()).code, ERR_OK);
}

/* One bad ciphertext among 256; a second batch on the same channel. */
static void test_batch(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    token_fixture_ready(&fixture, &plain);
    static struct token_item items[TOKEN_ITEMS_MAX + 1];
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < TOKEN_ITEMS_MAX; i++) {
            struct span input = span_text(i == 100 ? "bad" : "plainTTTTTTTTTTTTTTTT");
            items[i] = (struct token_item){.key = &aes, .input = input};
        }
        struct err err = token_run(fixture.token, TOKEN_DECRYPT, items, TOKEN_ITEMS_MAX, late());
        assert_int_equal(err.code, ERR_OK);
        for (size_t i = 0; i < TOKEN_ITEMS_MAX; i++) {
            enum err_code due = i == 100 ? ERR_INVALID_CIPHERTEXT : ERR_OK;
            assert_int_equal(items[i].result.code, due);
            assert_true(i == 100 || span_is(buf_span(&items[i].output), "plain"));
        }
        clear_items(items, TOKEN_ITEMS_MAX);
    }
    struct err err = token_run(fixture.token, TOKEN_DECRYPT, items, TOKEN_ITEMS_MAX + 1, late());
    assert_int_equal(err.code, ERR_TOO_LARGE);
    err = token_run(fixture.token, TOKEN_DECRYPT, items, 0, late());
    assert_int_equal(err.code, ERR_TOO_LARGE);
}

/* Too large for a frame: refused before anything is sent; the channel stays good. */
static void test_too_large(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    token_fixture_ready(&fixture, &plain);
    size_t len = (size_t)3 << 20;
    CLEANUP(mem_free_at) uint8_t *large = mem_alloc(len);
    struct token_item items[2] = {{.key = &aes, .input = span_of(large, len)},
                                  {.key = &aes, .input = span_of(large, len)}};
    struct err err = token_run(fixture.token, TOKEN_ENCRYPT, items, 2, late());
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_int_equal(token_run(fixture.token, TOKEN_ENCRYPT, items, 1, late()).code, ERR_OK);
    assert_int_equal(items[0].output.len, len + TOKEN_TAG_LEN);
    clear_items(items, 1);
    assert_int_equal(token_fixture_starts(&fixture), 1);
}

static void test_generate(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    CLEANUP(buf_clear) struct buf public_key = {0};
    token_fixture_ready(&fixture, &plain);
    struct token_key key = {
        .cka_id = {7}, .cka_id_len = 1, .algorithm = ALGORITHM_ECDSA_P256, .purpose = PURPOSE_SIGN};
    struct err err = token_generate(fixture.token, &key, "label", late(), &public_key);
    assert_int_equal(err.code, ERR_OK);
    assert_true(span_is(buf_span(&public_key), "labelPPPP"));
    assert_int_equal(key.identity_len, SHA256_LEN);
    buf_reset(&public_key);
    key.algorithm = ALGORITHM_AES_256_GCM;
    err = token_generate(fixture.token, &key, "label", late(), &public_key);
    assert_int_equal(err.code, ERR_OK);
    assert_int_equal(public_key.len, 0);
    assert_int_equal(key.identity_len, 28);
    char label[TOKEN_TEXT_MAX + 2];
    memset(label, 'l', sizeof(label) - 1);
    label[sizeof(label) - 1] = '\0';
    err = token_generate(fixture.token, &key, label, late(), &public_key);
    assert_int_equal(err.code, ERR_INVALID_FIELD);
}

static struct err adopt(struct token *token, struct token_selector which, struct token_key *key,
                        uint32_t *attributes, struct buf *public_key)
{
    return token_adopt(token, &which, key, late(), attributes, public_key);
}

static void test_adopt(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    CLEANUP(buf_clear) struct buf public_key = {0};
    token_fixture_ready(&fixture, &plain);
    static const uint8_t id[] = {7, 8};
    const struct token_selector by_id = {.cka_id = {id, sizeof(id)}};
    const struct token_selector by_label = {.label = "theirs"};
    uint32_t attributes = 0;
    struct token_key key = {.algorithm = ALGORITHM_ECDSA_P256, .purpose = PURPOSE_SIGN};
    struct err err = adopt(fixture.token, by_id, &key, &attributes, &public_key);
    assert_string_equal(err.detail, "");
    assert_int_equal(key.cka_id_len, 2);
    assert_memory_equal(key.cka_id, id, 2);
    assert_int_equal(key.identity_len, SHA256_LEN);
    assert_true(span_is(buf_span(&public_key), "PPPP"));
    assert_int_equal(attributes, 1u << TOKEN_ATTRIBUTE_IMPORTED | 1u << TOKEN_ATTRIBUTE_SIGNS);
    /* what the key was before is not sent, and is replaced */
    buf_reset(&public_key);
    err = adopt(fixture.token, by_label, &key, &attributes, &public_key);
    assert_string_equal(err.detail, "");
    assert_true(span_is(span_of(key.cka_id, key.cka_id_len), "theirs"));
    assert_int_equal(key.cka_id[6], 0);
    assert_true(span_is(buf_span(&public_key), "theirsPPPP"));
    buf_reset(&public_key);
    struct token_key mac = {.algorithm = ALGORITHM_HMAC_SHA256, .purpose = PURPOSE_MAC};
    err = adopt(fixture.token, by_id, &mac, &attributes, &public_key);
    assert_string_equal(err.detail, "");
    assert_int_equal(mac.identity_len, 16);
    assert_int_equal(public_key.len, 0);
}

/* Names that name nothing, refused before anything is sent. */
static void test_adopt_names(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    CLEANUP(buf_clear) struct buf public_key = {0};
    token_fixture_ready(&fixture, &plain);
    static const uint8_t id[TOKEN_CKA_ID_MAX + 1] = {1};
    char label[TOKEN_TEXT_MAX + 2];
    memset(label, 'l', sizeof(label) - 1);
    label[sizeof(label) - 1] = '\0';
    const struct {
        const char *name;
        struct token_selector which;
    } cases[] = {
        {"neither", {{NULL, 0}, NULL}},
        {"an empty label", {{NULL, 0}, ""}},
        {"both", {{id, 1}, "label"}},
        {"a long label", {{NULL, 0}, label}},
        {"a long CKA_ID", {{id, sizeof(id)}, NULL}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t attributes = 77;
        struct token_key key = {.algorithm = ALGORITHM_ECDSA_P256, .purpose = PURPOSE_SIGN};
        struct err err = adopt(fixture.token, cases[i].which, &key, &attributes, &public_key);
        if (err.code != ERR_INVALID_FIELD) {
            fail_msg("%s: %s", cases[i].name, err_word(err.code));
        }
        assert_int_equal(attributes, 77);
    }
    struct token_status status;
    token_status(fixture.token, &status);
    assert_int_equal(status.calls, 0);
}

static void test_destroy_and_inventory(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    token_fixture_ready(&fixture, &plain);
    static const uint8_t there[] = {1, 2};
    static const uint8_t missing[] = {0xEE, 2};
    static const uint8_t longer[TOKEN_CKA_ID_MAX + 1];
    struct token *token = fixture.token;
    assert_int_equal(token_destroy(token, span_of(there, 2), late()).code, ERR_OK);
    assert_int_equal(token_destroy(token, span_of(missing, 2), late()).code, ERR_NOT_FOUND);
    assert_int_equal(token_destroy(token, span_of(missing, 0), late()).code, ERR_INVALID_FIELD);
    struct err err = token_destroy(token, span_of(longer, sizeof(longer)), late());
    assert_int_equal(err.code, ERR_INVALID_FIELD);
    CLEANUP(mem_free_at) struct token_object *objects = NULL;
    size_t count = 0;
    assert_int_equal(token_inventory(token, late(), &objects, &count).code, ERR_OK);
    assert_int_equal(count, 300);
    assert_string_equal(objects[299].label, "object 299");
    assert_int_equal(objects[299].cka_id[1], 43);
    assert_true(objects[299].has_algorithm && !objects[298].has_algorithm);
    assert_int_equal(objects[299].algorithm, ALGORITHM_AES_256_GCM);
    assert_int_equal(objects[299].attributes, 1u << TOKEN_ATTRIBUTE_ENCRYPTS);
}

static void test_status(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    struct token_status status = {0};
    token_fixture_ready(&fixture, &plain);
    assert_int_equal(token_fixture_sign(&fixture, 1, late()).code, ERR_OK);
    token_status(fixture.token, &status);
    assert_int_equal(status.state, TOKEN_READY);
    assert_int_equal(status.epoch, 1);
    assert_int_equal(status.restarts, 0);
    assert_int_equal(status.calls, 1);
    assert_int_equal(status.failures, 0);
    assert_int_equal(status.channels, 2);
    assert_int_equal(status.channels_busy, 0);
    assert_string_equal(status.label, "fake");
    assert_string_equal(status.serial, "0001");
    assert_string_equal(status.manufacturer, "hsmgate");
    assert_string_equal(status.model, "test");
    assert_string_equal(status.last_error, "");
    assert_true(status.worker_pid > 0);
    assert_int_equal(status.probe.sessions, 2);
    assert_string_equal(token_name(fixture.token), "fake");
}

static void test_supports(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    token_fixture_ready(&fixture, &plain);
    struct token *token = fixture.token;
    assert_true(token_supports(token, ALGORITHM_ECDSA_P256, PURPOSE_SIGN));
    assert_true(token_supports(token, ALGORITHM_RSA_2048, PURPOSE_SIGN));
    assert_false(token_supports(token, ALGORITHM_RSA_2048, PURPOSE_DECRYPT)); /* no OAEP */
    assert_false(token_supports(token, ALGORITHM_ED25519, PURPOSE_SIGN));
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(token_state_name(TOKEN_LATCHED), "latched");
    for (int i = 0; i < TOKEN_MECHANISM_COUNT; i++) {
        assert_non_null(token_mechanism_name((enum token_mechanism)i));
    }
    for (int i = 0; i < TOKEN_ATTRIBUTE_COUNT; i++) {
        assert_non_null(token_attribute_name((enum token_attribute)i));
    }
    assert_string_equal(token_attribute_name(TOKEN_ATTRIBUTE_WAS_EXTRACTABLE), "was-extractable");
}

static void test_bad_config(void **state)
{
    (void)state;
    struct token *token = NULL;
    struct token_config config = {.name = "t",
                                  .worker_path = "/bin/true",
                                  .worker_config = "/dev/null",
                                  .channels = 1,
                                  .operation_ms = 1};
    const struct {
        const char *program;
        const char *file;
        unsigned channels;
        int64_t operation_ms;
    } cases[] = {
        {"/nowhere", "/dev/null", 1, 1},  {"/bin/true", "/nowhere", 1, 1},
        {"/bin/true", "/dev/null", 0, 1}, {"/bin/true", "/dev/null", 257, 1},
        {"/bin/true", "/dev/null", 1, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        config.worker_path = cases[i].program;
        config.worker_config = cases[i].file;
        config.channels = cases[i].channels;
        config.operation_ms = cases[i].operation_ms;
        assert_int_equal(token_open(&config, &token).code, ERR_CONFIG);
        assert_null(token);
    }
    token_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sign),
        cmocka_unit_test(test_encrypt_and_decrypt),
        cmocka_unit_test(test_data_key_and_random),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_generate),
        cmocka_unit_test(test_adopt),
        cmocka_unit_test(test_adopt_names),
        cmocka_unit_test(test_destroy_and_inventory),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_supports),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_bad_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
