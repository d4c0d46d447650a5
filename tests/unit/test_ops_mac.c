/* mac and verify-mac, against OpenSSL's HMAC in the fake token, over versions and states. */
#include "base/encoding.h"
#include "gateway/ops/data_ops.h"
#include "tests/lib/data_fixture.h"

static struct data_fixture fixture;

static const struct {
    const char *name;
    enum algorithm algorithm;
    size_t len;
} keys[] = {
    {"app/h256", ALGORITHM_HMAC_SHA256, 32},
    {"app/h384", ALGORITHM_HMAC_SHA384, 48},
    {"app/h512", ALGORITHM_HMAC_SHA512, 64},
};

static int open_all(void **state)
{
    (void)state;
    data_fixture_open(&fixture);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        data_fixture_key(&fixture, keys[i].name, keys[i].algorithm, PURPOSE_MAC, NULL);
    }
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

static void mac_of(const char *target, const char *message, struct buf *out)
{
    CLEANUP(mem_free_at) char *body = mem_format("{\"message\":\"%s\"}", message);
    CLEANUP(reply_clear) struct reply_seen seen = data_fixture_call(&fixture, op_mac, target, body);
    assert_ok(seen.err);
    assert_ok(base64_decode(reply_text(seen.json.root, "mac"), out));
}

static char *check_body(const char *message, struct span mac)
{
    CLEANUP(buf_clear) struct buf text = {0};
    assert_ok(base64_encode(mac, &text));
    return mem_format("{\"message\":\"%s\",\"mac\":\"%.*s\"}", message, (int)text.len,
                      (const char *)text.data);
}

static bool valid(const char *target, const char *message, struct span mac)
{
    CLEANUP(mem_free_at) char *body = check_body(message, mac);
    CLEANUP(reply_clear)
    struct reply_seen seen = data_fixture_call(&fixture, op_verify_mac, target, body);
    assert_ok(seen.err);
    return reply_flag(seen.json.root, "valid");
}

static void macs_verify(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        CLEANUP(buf_clear) struct buf mac = {0};
        mac_of(keys[i].name, "aGVsbG8=", &mac);
        assert_int_equal(mac.len, keys[i].len);
        assert_true(valid(keys[i].name, "aGVsbG8=", buf_span(&mac)));
        assert_false(valid(keys[i].name, "aGVsbG8h", buf_span(&mac)));
        for (size_t bit = 0; bit < mac.len * 8; bit++) {
            mac.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_false(valid(keys[i].name, "aGVsbG8=", buf_span(&mac)));
            mac.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t len = 0; len < mac.len; len++) {
            assert_false(valid(keys[i].name, "aGVsbG8=", span_of(mac.data, len)));
        }
        assert_ok(buf_append_u8(&mac, 0));
        assert_false(valid(keys[i].name, "aGVsbG8=", buf_span(&mac)));
    }
}

static void empty_messages_have_macs(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf mac = {0};
    mac_of("app/h256", "", &mac);
    assert_true(valid("app/h256", "", buf_span(&mac)));
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum err_code code;
    } cases[] = {
        {"{}", ERR_INVALID_FIELD},
        {"{\"message\":\"A\"}", ERR_INVALID_BASE64},
        {"{\"message\":1}", ERR_INVALID_FIELD},
        {"{\"message\":\"\",\"digest\":\"\"}", ERR_UNKNOWN_FIELD},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        data_fixture_refused(&fixture, op_mac, "app/h256", cases[i].body, cases[i].code);
        data_fixture_refused(&fixture, op_verify_mac, "app/h256", cases[i].body,
                             i == 1 ? ERR_INVALID_BASE64 : cases[i].code);
    }
    data_fixture_refused(&fixture, op_verify_mac, "app/h256", "{\"message\":\"\",\"mac\":\"A\"}",
                         ERR_INVALID_BASE64);
    data_fixture_refused(&fixture, op_verify_mac, "app/h256", "{\"message\":\"\"}",
                         ERR_INVALID_FIELD);
}

static void versions_are_tried_newest_first(void **state)
{
    (void)state;
    const char *name = "app/versions";
    data_fixture_key(&fixture, name, ALGORITHM_HMAC_SHA256, PURPOSE_MAC, NULL);
    CLEANUP(buf_clear) struct buf old = {0};
    CLEANUP(buf_clear) struct buf new = {0};
    mac_of(name, "AAAA", &old);
    data_fixture_rotate(&fixture, name);
    mac_of(name, "AAAA", &new);
    assert_false(span_equal(buf_span(&old), buf_span(&new)));

    CLEANUP(mem_free_at) char *first = check_body("AAAA", buf_span(&old));
    CLEANUP(mem_free_at) char *second = check_body("AAAA", buf_span(&new));
    CLEANUP(mem_free_at) char *third = check_body("AAAB", buf_span(&new));
    CLEANUP(mem_free_at)
    char *body =
        mem_format("{\"items\":[%s,%s,%s,{\"message\":\"\",\"mac\":\"\"}]}", first, second, third);
    struct fake_counts before = fake_token_counts(fixture.token);
    CLEANUP(reply_clear)
    struct reply_seen seen = data_fixture_call(&fixture, op_verify_mac, name, body);
    assert_ok(seen.err);
    struct fake_counts after = fake_token_counts(fixture.token);
    assert_int_equal(after.runs - before.runs, 2);
    assert_int_equal(after.items - before.items, 3 + 2);
    static const struct {
        bool valid;
        int64_t version;
    } want[] = {{true, 1}, {true, 2}, {false, 2}, {false, 2}};
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_int_equal(reply_flag(reply_result(&seen, i), "valid"), want[i].valid);
        assert_int_equal(reply_integer(reply_result(&seen, i), "version"), want[i].version);
    }
    assert_int_equal(seen.version, 0); /* mixed */

    assert_true(valid("app/versions@1", "AAAA", buf_span(&old)));
    assert_false(valid("app/versions@1", "AAAA", buf_span(&new)));
    assert_false(valid("app/versions@2", "AAAA", buf_span(&old)));
    data_fixture_refused(&fixture, op_mac, "app/versions@1", "{\"message\":\"\"}",
                         ERR_INVALID_STATE);
    data_fixture_move(&fixture, name, 1, VERSION_RETIRING, VERSION_DISABLED);
    assert_false(valid(name, "AAAA", buf_span(&old)));
    data_fixture_refused(&fixture, op_verify_mac, "app/versions@1", first, ERR_INVALID_STATE);
}

static void odd_tokens_are_our_fault(void **state)
{
    (void)state;
    fake_token_script(fixture.token, &(struct fake_script){.short_output = true});
    data_fixture_refused(&fixture, op_mac, "app/h256", "{\"message\":\"\"}", ERR_INTERNAL);
    uint8_t mac[32] = {0};
    CLEANUP(mem_free_at) char *body = check_body("", span_of(mac, sizeof(mac)));
    data_fixture_refused(&fixture, op_verify_mac, "app/h256", body, ERR_INTERNAL);
    fake_token_script(fixture.token, &(struct fake_script){.fail = ERR_DEADLINE});
    data_fixture_refused(&fixture, op_verify_mac, "app/h256", body, ERR_DEADLINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(macs_verify),
        cmocka_unit_test(empty_messages_have_macs),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(versions_are_tried_newest_first),
        cmocka_unit_test_teardown(odd_tokens_are_our_fault, well_again),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
