/* encrypt, decrypt, data-key, unwrap and rewrap over a token in software: every flipped bit, every
 * truncation and every wrong partner gets the same refusal. */
#include "base/encoding.h"
#include "base/envelope.h"
#include "base/public_key.h"
#include "gateway/ops/data_ops.h"
#include "tests/lib/data_fixture.h"

static struct data_fixture fixture;

static int open_all(void **state)
{
    (void)state;
    struct key_facts few = {.rotation = {.max_uses = 3}};
    data_fixture_open(&fixture);
    data_fixture_key(&fixture, "app/aes", ALGORITHM_AES_256_GCM, PURPOSE_ENCRYPT, NULL);
    data_fixture_key(&fixture, "app/other", ALGORITHM_AES_256_GCM, PURPOSE_ENCRYPT, NULL);
    data_fixture_key(&fixture, "app/few", ALGORITHM_AES_256_GCM, PURPOSE_ENCRYPT, &few);
    data_fixture_key(&fixture, "app/states", ALGORITHM_AES_256_GCM, PURPOSE_ENCRYPT, NULL);
    data_fixture_key(&fixture, "app/rsa", ALGORITHM_RSA_2048, PURPOSE_DECRYPT, NULL);
    data_fixture_key(&fixture, "app/sign", ALGORITHM_ECDSA_P256, PURPOSE_SIGN, NULL);
    data_fixture_key(&fixture, "app/rsa-sign", ALGORITHM_RSA_2048, PURPOSE_SIGN, NULL);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    data_fixture_close(&fixture);
    return 0;
}

static int well_again(void **state)
{
    (void)state;
    fake_token_script(fixture.token, &(struct fake_script){0});
    return 0;
}

/* --- helpers --- */

static char *body_of(const char *field, struct span bytes, const char *more)
{
    CLEANUP(buf_clear) struct buf text = {0};
    assert_ok(base64_encode(bytes, &text));
    return mem_format("{\"%s\":\"%.*s\"%s}", field, (int)text.len, (const char *)text.data, more);
}

static struct reply_seen with(route_handler *handler, const char *target, const char *field,
                              struct span bytes, const char *more)
{
    CLEANUP(mem_free_at) char *body = body_of(field, bytes, more);
    return data_fixture_call(&fixture, handler, target, body);
}

/* Bytes of a member of the answer to a call that must succeed. */
static void take(route_handler *handler, const char *target, const char *body, const char *member,
                 struct buf *out)
{
    CLEANUP(reply_clear)
    struct reply_seen seen = data_fixture_call(&fixture, handler, target, body);
    assert_ok(seen.err);
    assert_ok(base64_decode(reply_text(seen.json.root, member), out));
}

static void encrypted(const char *target, struct span plaintext, const char *more, struct buf *out)
{
    CLEANUP(mem_free_at) char *body = body_of("plaintext", plaintext, more);
    take(op_encrypt, target, body, "ciphertext", out);
}

static void opens(route_handler *handler, const char *target, const struct buf *blob,
                  const char *more, struct span plaintext)
{
    CLEANUP(buf_clear) struct buf out = {0};
    CLEANUP(mem_free_at) char *body = body_of("ciphertext", buf_span(blob), more);
    take(handler, target, body, "plaintext", &out);
    assert_true(span_equal(buf_span(&out), plaintext));
}

/* Refused with the one message, alone and as an item. */
static void refuses(route_handler *handler, const char *target, struct span blob, const char *more)
{
    CLEANUP(reply_clear) struct reply_seen seen = with(handler, target, "ciphertext", blob, more);
    assert_code(seen.err, ERR_INVALID_CIPHERTEXT);
    assert_string_equal(seen.err.detail, envelope_refusal().detail);
    CLEANUP(mem_free_at) char *item = body_of("ciphertext", blob, more);
    CLEANUP(mem_free_at) char *body = mem_format("{\"items\":[%s,%s]}", item, item);
    CLEANUP(reply_clear)
    struct reply_seen batch = data_fixture_call(&fixture, handler, target, body);
    assert_ok(batch.err);
    const struct json_value *error = json_member(reply_result(&batch, 1), "error");
    assert_non_null(error);
    assert_span_is(reply_text(error, "code"), "invalid_ciphertext");
    /* the same sentence, as clients see it */
    assert_span_is(reply_text(error, "detail"),
                   "The ciphertext cannot be opened with this key and context.");
    assert_int_equal(batch.items_failed, 2);
}

#define CONTEXT ",\"context\":{\"tenant\":\"7\",\"row\":\"x\"}"

/* --- encrypt and decrypt --- */

static void plaintexts_come_back(void **state)
{
    (void)state;
    static uint8_t bytes[PLAINTEXT_MAX];
    static const size_t lengths[] = {0, 1, 15, 16, 17, 1000, PLAINTEXT_MAX};
    random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        CLEANUP(buf_clear) struct buf blob = {0};
        struct span plaintext = span_of(bytes, lengths[i]);
        encrypted("app/aes", plaintext, CONTEXT, &blob);
        assert_int_equal(blob.len, lengths[i] + ENVELOPE_OVERHEAD_MAX);
        opens(op_decrypt, "app/aes", &blob, ",\"context\":{\"row\":\"x\",\"tenant\":\"7\"}",
              plaintext);
        opens(op_decrypt, "app/aes@1", &blob, CONTEXT, plaintext);
    }
}

static void answers_name_key_and_version(void **state)
{
    (void)state;
    CLEANUP(reply_clear)
    struct reply_seen seen = with(op_encrypt, "app/aes", "plaintext", span_text("x"), "");
    assert_ok(seen.err);
    assert_span_is(reply_text(seen.json.root, "key"), "app/aes");
    assert_int_equal(reply_integer(seen.json.root, "version"), 1);
    assert_int_equal(json_count(seen.json.root), 3);
    assert_int_equal(seen.version, 1);
}

static void sizes_are_limited(void **state)
{
    (void)state;
    static uint8_t bytes[ENVELOPE_MAX + 1];
    CLEANUP(reply_clear)
    struct reply_seen seen =
        with(op_encrypt, "app/aes", "plaintext", span_of(bytes, PLAINTEXT_MAX + 1), "");
    assert_code(seen.err, ERR_TOO_LARGE);
    CLEANUP(reply_clear)
    struct reply_seen blob =
        with(op_decrypt, "app/aes", "ciphertext", span_of(bytes, ENVELOPE_MAX + 1), "");
    assert_code(blob.err, ERR_TOO_LARGE);
    refuses(op_decrypt, "app/aes", span_of(bytes, ENVELOPE_MAX), "");
}

static void bad_fields_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum err_code code;
    } cases[] = {
        {"{\"ciphertext\":\"AAA\"}", ERR_INVALID_BASE64},
        {"{\"ciphertext\":\"AAB=\"}", ERR_INVALID_BASE64},
        {"{\"ciphertext\":\"__8=\"}", ERR_INVALID_BASE64},
        {"{\"ciphertext\":\"AAAA\\n\"}", ERR_INVALID_BASE64},
        {"{\"ciphertext\":7}", ERR_INVALID_FIELD},
        {"{\"ciphertext\":null}", ERR_INVALID_FIELD},
        {"{}", ERR_INVALID_FIELD},
        {"{\"ciphertext\":\"\",\"context\":[]}", ERR_INVALID_FIELD},
        {"{\"ciphertext\":\"\",\"context\":{\"a\":1}}", ERR_INVALID_FIELD},
        {"{\"ciphertext\":\"\",\"plaintext\":\"\"}", ERR_UNKNOWN_FIELD},
        {"{\"ciphertext\":\"\"}", ERR_INVALID_CIPHERTEXT},
    };
    struct fake_counts before = fake_token_counts(fixture.token);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        data_fixture_refused(&fixture, op_decrypt, "app/aes", cases[i].body, cases[i].code);
        data_fixture_refused(&fixture, op_unwrap, "app/aes", cases[i].body, cases[i].code);
        data_fixture_refused(&fixture, op_rewrap, "app/aes", cases[i].body, cases[i].code);
    }
    assert_int_equal(fake_token_counts(fixture.token).runs, before.runs);
}

static void check_every_change(route_handler *handler, const char *target, struct buf *blob,
                               const char *more)
{
    for (size_t bit = 0; bit < blob->len * 8; bit++) {
        blob->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        refuses(handler, target, buf_span(blob), more);
        blob->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < blob->len; len++) {
        refuses(handler, target, span_of(blob->data, len), more);
    }
    assert_ok(buf_append_u8(blob, 0));
    refuses(handler, target, buf_span(blob), more);
    buf_truncate(blob, blob->len - 1);
}

static void every_flipped_bit_and_truncation_is_refused(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf blob = {0};
    CLEANUP(buf_clear) struct buf key = {0};
    encrypted("app/aes", span_text("sixteen bytes ok"), CONTEXT, &blob);
    check_every_change(op_decrypt, "app/aes", &blob, CONTEXT);
    opens(op_decrypt, "app/aes", &blob, CONTEXT, span_text("sixteen bytes ok"));
    take(op_data_key, "app/aes", "{\"bytes\":16}", "ciphertext", &key);
    check_every_change(op_unwrap, "app/aes", &key, "");
    check_every_change(op_rewrap, "app/aes", &key, "");
}

static void wrong_partners_are_refused(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf data = {0};
    CLEANUP(buf_clear) struct buf key = {0};
    encrypted("app/aes", span_text("0123456789abcdef"), CONTEXT, &data);
    take(op_data_key, "app/aes", "{\"context\":{\"tenant\":\"7\",\"row\":\"x\"}}", "ciphertext",
         &key);
    static route_handler *const all[] = {op_decrypt, op_unwrap, op_rewrap};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        refuses(all[i], "app/other", buf_span(&data), CONTEXT);
        refuses(all[i], "app/other", buf_span(&key), CONTEXT);
        refuses(all[i], "app/aes", buf_span(&data), "");
        refuses(all[i], "app/aes", buf_span(&key), ",\"context\":{\"tenant\":\"7\"}");
        refuses(all[i], "app/aes", buf_span(&key), ",\"context\":{\"tenant\":\"7\",\"row\":\"y\"}");
    }
    refuses(op_decrypt, "app/aes", buf_span(&key), CONTEXT);
    refuses(op_unwrap, "app/aes", buf_span(&data), CONTEXT);
    refuses(op_decrypt, "app/rsa", buf_span(&data), "");
    opens(op_decrypt, "app/aes", &data, CONTEXT, span_text("0123456789abcdef"));
}

/* --- versions and states --- */

static void versions_and_states_decide(void **state)
{
    (void)state;
    const char *name = "app/states";
    CLEANUP(buf_clear) struct buf old = {0};
    CLEANUP(buf_clear) struct buf new = {0};
    encrypted(name, span_text("old"), "", &old);
    data_fixture_rotate(&fixture, name);
    encrypted(name, span_text("new"), "", &new);
    encrypted("app/states@2", span_text("new"), "", &new);
    buf_reset(&new);
    encrypted(name, span_text("new"), "", &new);
    assert_int_equal(new.data[ENVELOPE_HEAD_LEN - 3], 2);

    opens(op_decrypt, name, &old, "", span_text("old"));
    opens(op_decrypt, "app/states@1", &old, "", span_text("old"));
    refuses(op_decrypt, "app/states@2", buf_span(&old), "");
    refuses(op_decrypt, "app/states@1", buf_span(&new), "");
    refuses(op_rewrap, "app/states@2", buf_span(&old), "");
    data_fixture_refused(&fixture, op_encrypt, "app/states@1", "{\"plaintext\":\"\"}",
                         ERR_INVALID_STATE);
    data_fixture_refused(&fixture, op_data_key, "app/states@1", "{}", ERR_INVALID_STATE);
    static route_handler *const all[] = {op_encrypt, op_decrypt, op_data_key, op_unwrap, op_rewrap};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        data_fixture_refused(&fixture, all[i], "app/states@9", "{}", ERR_NOT_FOUND);
    }

    data_fixture_move(&fixture, name, 1, VERSION_RETIRING, VERSION_DISABLED);
    CLEANUP(reply_clear)
    struct reply_seen seen = with(op_decrypt, name, "ciphertext", buf_span(&old), "");
    assert_code(seen.err, ERR_INVALID_STATE);
    assert_non_null(strstr(seen.err.detail, "disabled"));
    data_fixture_refused(&fixture, op_decrypt, "app/states@1", "{\"ciphertext\":\"\"}",
                         ERR_INVALID_STATE);
    opens(op_decrypt, name, &new, "", span_text("new"));
    data_fixture_move(&fixture, name, 1, VERSION_DISABLED, VERSION_DESTROY_SCHEDULED);
    data_fixture_move(&fixture, name, 1, VERSION_DESTROY_SCHEDULED, VERSION_DESTROYED);
    CLEANUP(reply_clear)
    struct reply_seen gone = with(op_decrypt, name, "ciphertext", buf_span(&old), "");
    assert_code(gone.err, ERR_INVALID_STATE);
    data_fixture_move(&fixture, name, 2, VERSION_ACTIVE, VERSION_DISABLED);
    data_fixture_refused(&fixture, op_encrypt, name, "{\"plaintext\":\"\"}", ERR_INVALID_STATE);
    data_fixture_refused(&fixture, op_rewrap, name, "{\"ciphertext\":\"\"}", ERR_INVALID_STATE);
}

static void purposes_decide(void **state)
{
    (void)state;
    static const struct {
        route_handler *handler;
        const char *target;
    } cases[] = {
        {op_encrypt, "app/sign"},     {op_decrypt, "app/sign"},    {op_data_key, "app/sign"},
        {op_unwrap, "app/sign"},      {op_rewrap, "app/sign"},     {op_encrypt, "app/rsa-sign"},
        {op_decrypt, "app/rsa-sign"}, {op_data_key, "app/rsa"},    {op_unwrap, "app/rsa"},
        {op_sign, "app/aes"},         {op_sign, "app/rsa"},        {op_verify, "app/aes"},
        {op_mac, "app/aes"},          {op_verify_mac, "app/sign"}, {op_jwt, "app/aes"},
        {op_mac, "app/rsa-sign"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        data_fixture_refused(&fixture, cases[i].handler, cases[i].target, "{}",
                             ERR_UNSUPPORTED_OPERATION);
    }
}

static void uses_run_out(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf blob = {0};
    encrypted("app/few", span_text("1"), "", &blob);
    data_fixture_refused(&fixture, op_encrypt, "app/few",
                         "{\"items\":[{\"plaintext\":\"\"},{\"plaintext\":\"\"},"
                         "{\"plaintext\":\"\"}]}",
                         ERR_KEY_EXHAUSTED);
    buf_reset(&blob);
    encrypted("app/few", span_text("2"), "", &blob);
    take(op_data_key, "app/few", "{}", "ciphertext", &blob);
    struct fake_counts before = fake_token_counts(fixture.token);
    CLEANUP(reply_clear)
    struct reply_seen seen = data_fixture_call(&fixture, op_data_key, "app/few", "{}");
    assert_code(seen.err, ERR_KEY_EXHAUSTED);
    assert_non_null(strstr(seen.err.detail, "hsmgate key rotate app/few"));
    assert_int_equal(fake_token_counts(fixture.token).runs, before.runs);
    data_fixture_rotate(&fixture, "app/few");
    take(op_data_key, "app/few", "{}", "ciphertext", &blob);
}

/* --- data keys --- */

static void data_keys_come_back(void **state)
{
    (void)state;
    static const size_t lengths[] = {16, 24, 32, 64};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        CLEANUP(mem_free_at)
        char *body = mem_format("{\"bytes\":%zu,\"plaintext\":true%s}", lengths[i], CONTEXT);
        CLEANUP(reply_clear)
        struct reply_seen seen = data_fixture_call(&fixture, op_data_key, "app/aes", body);
        assert_ok(seen.err);
        CLEANUP(buf_clear) struct buf blob = {0};
        CLEANUP(buf_clear) struct buf plaintext = {0};
        assert_ok(base64_decode(reply_text(seen.json.root, "ciphertext"), &blob));
        assert_ok(base64_decode(reply_text(seen.json.root, "plaintext"), &plaintext));
        assert_int_equal(plaintext.len, lengths[i]);
        opens(op_unwrap, "app/aes", &blob, CONTEXT, buf_span(&plaintext));
        uint8_t digest[DIGEST_MAX];
        digest_of(DIGEST_SHA256, buf_span(&blob), digest);
        assert_memory_equal(seen.digest, digest, SHA256_LEN);
    }
}

static void data_keys_stay_inside_unless_asked(void **state)
{
    (void)state;
    static const char *const bodies[] = {"{}", "{\"plaintext\":false}", NULL};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        CLEANUP(reply_clear)
        struct reply_seen seen = data_fixture_call(&fixture, op_data_key, "app/aes", bodies[i]);
        assert_ok(seen.err);
        assert_null(json_member(seen.json.root, "plaintext"));
        assert_int_equal(reply_text(seen.json.root, "ciphertext").len,
                         (32 + ENVELOPE_OVERHEAD_MAX + 2) / 3 * 4);
    }
    static const char *const odd[] = {"{\"bytes\":0}", "{\"bytes\":31}", "{\"bytes\":65}",
                                      "{\"bytes\":\"32\"}", "{\"plaintext\":1}"};
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        data_fixture_refused(&fixture, op_data_key, "app/aes", odd[i], ERR_INVALID_FIELD);
    }
}

/* --- rewrap --- */

static void rewrap_moves_to_the_primary(void **state)
{
    (void)state;
    data_fixture_key(&fixture, "app/rewrap", ALGORITHM_AES_256_GCM, PURPOSE_ENCRYPT, NULL);
    CLEANUP(buf_clear) struct buf data = {0};
    CLEANUP(buf_clear) struct buf key = {0};
    CLEANUP(buf_clear) struct buf plaintext = {0};
    encrypted("app/rewrap", span_text("kept"), CONTEXT, &data);
    take(op_data_key, "app/rewrap", "{}", "ciphertext", &key);
    CLEANUP(mem_free_at) char *unwrap = body_of("ciphertext", buf_span(&key), "");
    take(op_unwrap, "app/rewrap", unwrap, "plaintext", &plaintext);
    data_fixture_rotate(&fixture, "app/rewrap");

    CLEANUP(mem_free_at) char *first = body_of("ciphertext", buf_span(&data), CONTEXT);
    CLEANUP(mem_free_at) char *second = body_of("ciphertext", buf_span(&key), "");
    CLEANUP(mem_free_at)
    char *body = mem_format("{\"items\":[%s,{\"ciphertext\":\"AAAA\"},%s]}", first, second);
    struct fake_counts before = fake_token_counts(fixture.token);
    CLEANUP(reply_clear)
    struct reply_seen seen = data_fixture_call(&fixture, op_rewrap, "app/rewrap", body);
    assert_ok(seen.err);
    assert_int_equal(fake_token_counts(fixture.token).runs - before.runs, 2);
    assert_span_is(reply_error(reply_result(&seen, 1)), "invalid_ciphertext");
    for (size_t i = 0; i < 3; i += 2) {
        assert_int_equal(reply_integer(reply_result(&seen, i), "version"), 2);
        assert_int_equal(reply_integer(reply_result(&seen, i), "from_version"), 1);
        assert_null(json_member(reply_result(&seen, i), "plaintext"));
    }
    buf_reset(&data);
    buf_reset(&key);
    assert_ok(base64_decode(reply_text(reply_result(&seen, 0), "ciphertext"), &data));
    assert_ok(base64_decode(reply_text(reply_result(&seen, 2), "ciphertext"), &key));
    opens(op_decrypt, "app/rewrap@2", &data, CONTEXT, span_text("kept"));
    opens(op_unwrap, "app/rewrap@2", &key, "", buf_span(&plaintext));
    refuses(op_decrypt, "app/rewrap", buf_span(&key), "");
}

static void odd_tokens_are_our_fault(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf blob = {0};
    encrypted("app/aes", span_text("x"), "", &blob);
    fake_token_script(fixture.token, &(struct fake_script){.short_output = true});
    data_fixture_refused(&fixture, op_encrypt, "app/aes", "{\"plaintext\":\"AAAA\"}", ERR_INTERNAL);
    data_fixture_refused(&fixture, op_data_key, "app/aes", "{\"plaintext\":true}", ERR_INTERNAL);
    fixture.gateway.token_count = 0;
    data_fixture_refused(&fixture, op_encrypt, "app/aes", "{\"plaintext\":\"AAAA\"}",
                         ERR_TOKEN_UNAVAILABLE);
    fixture.gateway.token_count = 1;
}

/* --- RSA --- */

static void rsa_round_trips(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf blob = {0};
    encrypted("app/rsa", span_text("secret"), "", &blob);
    assert_int_equal(blob.data[ENVELOPE_HEAD_LEN - 2], ENVELOPE_RSA_OAEP_SHA256);
    opens(op_decrypt, "app/rsa", &blob, "", span_text("secret"));
    fake_token_script(fixture.token, &(struct fake_script){.without = 1u << TOKEN_RSA_OAEP_SHA256});
    buf_reset(&blob);
    encrypted("app/rsa", span_text(""), ",\"context\":{}", &blob);
    assert_int_equal(blob.data[ENVELOPE_HEAD_LEN - 2], ENVELOPE_RSA_OAEP_SHA1);
    opens(op_decrypt, "app/rsa", &blob, "", span_text(""));
    for (size_t bit = 0; bit < blob.len * 8; bit += bit < 27 * 8 ? 1 : 41) {
        blob.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        refuses(op_decrypt, "app/rsa", buf_span(&blob), "");
        blob.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < blob.len; len += 3) {
        refuses(op_decrypt, "app/rsa", span_of(blob.data, len), "");
    }
    data_fixture_rotate(&fixture, "app/rsa");
    CLEANUP(reply_clear)
    struct reply_seen seen = with(op_rewrap, "app/rsa", "ciphertext", buf_span(&blob), "");
    assert_ok(seen.err);
    assert_int_equal(reply_integer(seen.json.root, "version"), 2);
}

static void strangers_encrypt_with_the_public_key(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf block = {0};
    CLEANUP(buf_clear) struct buf old = {0};
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(fixture.gateway.store, span_text("app/rsa"));
    assert_ok(public_key_encrypt_oaep(key_primary(key)->public_key, DIGEST_SHA256,
                                      span_text("hello"), &block));
    opens(op_decrypt, "app/rsa", &block, "", span_text("hello"));
    opens(op_decrypt, "app/rsa@2", &block, "", span_text("hello"));
    refuses(op_decrypt, "app/rsa@1", buf_span(&block), "");
    assert_ok(public_key_encrypt_oaep(key_version(key, 1)->public_key, DIGEST_SHA256,
                                      span_text("hello"), &old));
    refuses(op_decrypt, "app/rsa", buf_span(&old), "");
    opens(op_decrypt, "app/rsa@1", &old, "", span_text("hello"));
}

static void rsa_limits_hold(void **state)
{
    (void)state;
    uint8_t bytes[191] = {0};
    CLEANUP(reply_clear)
    struct reply_seen seen = with(op_encrypt, "app/rsa", "plaintext", span_of(bytes, 191), "");
    assert_code(seen.err, ERR_TOO_LARGE);
    data_fixture_refused(&fixture, op_encrypt, "app/rsa",
                         "{\"plaintext\":\"\",\"context\":{\"a\":\"b\"}}", ERR_INVALID_FIELD);
    data_fixture_refused(&fixture, op_decrypt, "app/rsa",
                         "{\"ciphertext\":\"\",\"context\":{\"a\":\"b\"}}", ERR_INVALID_FIELD);
    uint32_t oaep = 1u << TOKEN_RSA_OAEP_SHA256 | 1u << TOKEN_RSA_OAEP_SHA1;
    fake_token_script(fixture.token, &(struct fake_script){.without = oaep});
    data_fixture_refused(&fixture, op_encrypt, "app/rsa", "{\"plaintext\":\"\"}",
                         ERR_UNSUPPORTED_BY_TOKEN);
    fake_token_script(fixture.token, &(struct fake_script){.without = ~0u});
    data_fixture_refused(&fixture, op_encrypt, "app/rsa", "{\"plaintext\":\"\"}",
                         ERR_TOKEN_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plaintexts_come_back),
        cmocka_unit_test(answers_name_key_and_version),
        cmocka_unit_test(sizes_are_limited),
        cmocka_unit_test(bad_fields_are_refused),
        cmocka_unit_test(every_flipped_bit_and_truncation_is_refused),
        cmocka_unit_test(wrong_partners_are_refused),
        cmocka_unit_test(versions_and_states_decide),
        cmocka_unit_test(purposes_decide),
        cmocka_unit_test(uses_run_out),
        cmocka_unit_test(data_keys_come_back),
        cmocka_unit_test(data_keys_stay_inside_unless_asked),
        cmocka_unit_test(rewrap_moves_to_the_primary),
        cmocka_unit_test_teardown(odd_tokens_are_our_fault, well_again),
        cmocka_unit_test_teardown(rsa_round_trips, well_again),
        cmocka_unit_test(strangers_encrypt_with_the_public_key),
        cmocka_unit_test_teardown(rsa_limits_hold, well_again),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
