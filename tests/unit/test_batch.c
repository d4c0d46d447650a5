/* Batches: shapes, order, references, items that fail alone, one round trip, and what the record
 * says. Shown with encrypt and random, whose own tests are elsewhere. */
#include "base/encoding.h"
#include "gateway/ops/batch.h"
#include "gateway/ops/data_ops.h"
#include "tests/lib/data_fixture.h"

static struct data_fixture fixture;

static int open_all(void **state)
{
    (void)state;
    data_fixture_open(&fixture);
    data_fixture_key(&fixture, "app/aes", ALGORITHM_AES_256_GCM, PURPOSE_ENCRYPT, NULL);
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

static void shapes_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum err_code code;
    } cases[] = {
        {"{\"items\":[]}", ERR_INVALID_FIELD},
        {"{\"items\":{}}", ERR_INVALID_FIELD},
        {"{\"items\":\"x\"}", ERR_INVALID_FIELD},
        {"{\"items\":null}", ERR_INVALID_FIELD},
        {"{\"items\":[{\"plaintext\":\"\"}],\"plaintext\":\"\"}", ERR_UNKNOWN_FIELD},
        {"{\"items\":[{\"plaintext\":\"\"}],\"reference\":\"\"}", ERR_UNKNOWN_FIELD},
        {"{}", ERR_INVALID_FIELD},
    };
    struct fake_counts before = fake_token_counts(fixture.token);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        data_fixture_refused(&fixture, op_encrypt, "app/aes", cases[i].body, cases[i].code);
    }
    data_fixture_refused(&fixture, op_encrypt, "app/aes", NULL, ERR_INVALID_FIELD);
    assert_int_equal(fake_token_counts(fixture.token).runs, before.runs);
}

static void items_of(size_t count, struct buf *out)
{
    assert_ok(buf_append_text(out, "{\"items\":["));
    for (size_t i = 0; i < count; i++) {
        assert_ok(buf_printf(out, "%s{\"plaintext\":\"AAAA\",\"reference\":\"r%zu\"}",
                             i > 0 ? "," : "", i));
    }
    assert_ok(buf_append_text(out, "]}"));
    assert_ok(buf_append_u8(out, 0));
}

static void many_items_cost_one_round_trip(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf body = {0};
    struct fake_counts before = fake_token_counts(fixture.token);
    items_of(256, &body);
    CLEANUP(reply_clear)
    struct reply_seen seen =
        data_fixture_call(&fixture, op_encrypt, "app/aes", (const char *)body.data);
    assert_ok(seen.err);
    struct fake_counts after = fake_token_counts(fixture.token);
    assert_int_equal(after.runs - before.runs, 1);
    assert_int_equal(after.items - before.items, 256);
    for (size_t i = 0; i < 256; i++) {
        char reference[8];
        const struct json_value *result = reply_result(&seen, i);
        (void)snprintf(reference, sizeof(reference), "r%zu", i);
        assert_span_is(reply_text(result, "reference"), reference);
        assert_span_is(reply_text(result, "key"), "app/aes");
        assert_int_equal(reply_integer(result, "version"), 1);
    }
    assert_int_equal(seen.items, 256);
    assert_int_equal(seen.items_failed, 0);
    assert_int_equal(seen.version, 1);
}

static void one_item_more_is_too_many(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf body = {0};
    items_of(257, &body);
    data_fixture_refused(&fixture, op_encrypt, "app/aes", (const char *)body.data, ERR_TOO_LARGE);
}

static void a_bad_item_harms_no_other(void **state)
{
    (void)state;
    struct fake_counts before = fake_token_counts(fixture.token);
    CLEANUP(reply_clear)
    struct reply_seen seen = data_fixture_call(
        &fixture, op_encrypt, "app/aes",
        "{\"items\":[{\"plaintext\":\"AAAA\"},{\"plaintext\":\"AAA\",\"reference\":\"two\"},"
        "7,{\"plaintext\":\"AAAA\",\"more\":1,\"reference\":\"four\"},[],"
        "{\"plaintext\":\"\",\"reference\":\"\"},{\"reference\":3,\"plaintext\":\"\"}]}");
    assert_ok(seen.err);
    static const char *const codes[] = {
        "", "invalid_base64", "invalid_field", "unknown_field", "invalid_field",
        "", "invalid_field"};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        const struct json_value *result = reply_result(&seen, i);
        assert_span_is(reply_error(result), codes[i]);
        assert_true((json_member(result, "ciphertext") != NULL) == (codes[i][0] == '\0'));
    }
    assert_span_is(reply_text(reply_result(&seen, 1), "reference"), "two");
    assert_span_is(reply_text(reply_result(&seen, 3), "reference"), "four");
    assert_span_is(reply_text(reply_result(&seen, 5), "reference"), "");
    assert_null(json_member(reply_result(&seen, 0), "reference"));
    assert_int_equal(fake_token_counts(fixture.token).items - before.items, 2);
    assert_int_equal(seen.items, 7);
    assert_int_equal(seen.items_failed, 5);
}

static void batches_of_bad_items_never_reach_the_token(void **state)
{
    (void)state;
    struct fake_counts before = fake_token_counts(fixture.token);
    CLEANUP(reply_clear)
    struct reply_seen seen = data_fixture_call(&fixture, op_encrypt, "app/aes",
                                               "{\"items\":[{\"plaintext\":\"!\"},{}]}");
    assert_ok(seen.err);
    assert_span_is(reply_error(reply_result(&seen, 0)), "invalid_base64");
    assert_span_is(reply_error(reply_result(&seen, 1)), "invalid_field");
    assert_int_equal(fake_token_counts(fixture.token).runs, before.runs);
}

static void a_token_that_is_away_fails_the_whole_call(void **state)
{
    (void)state;
    static const enum err_code codes[] = {ERR_TOKEN_UNAVAILABLE, ERR_OVERLOADED, ERR_DEADLINE};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        fake_token_script(fixture.token, &(struct fake_script){.fail = codes[i]});
        data_fixture_refused(&fixture, op_encrypt, "app/aes",
                             "{\"items\":[{\"plaintext\":\"\"},{\"plaintext\":\"\"}]}", codes[i]);
        data_fixture_refused(&fixture, op_encrypt, "app/aes", "{\"plaintext\":\"\"}", codes[i]);
    }
}

static void a_token_without_the_key_fails_items(void **state)
{
    (void)state;
    fake_token_script(fixture.token, &(struct fake_script){.fail_item = ERR_INTERNAL});
    CLEANUP(reply_clear)
    struct reply_seen seen =
        data_fixture_call(&fixture, op_encrypt, "app/aes", "{\"items\":[{\"plaintext\":\"\"}]}");
    assert_ok(seen.err);
    assert_false(span_is(reply_error(reply_result(&seen, 0)), ""));
    data_fixture_refused(&fixture, op_encrypt, "app/aes", "{\"plaintext\":\"\"}", ERR_INTERNAL);
}

static void single_calls_carry_references_too(void **state)
{
    (void)state;
    CLEANUP(reply_clear)
    struct reply_seen seen = data_fixture_call(
        &fixture, op_encrypt, "app/aes", "{\"plaintext\":\"AAAA\",\"reference\":\"one \\\"\"}");
    assert_ok(seen.err);
    assert_span_is(reply_text(seen.json.root, "reference"), "one \"");
    assert_int_equal(seen.items, 0);
    char body[256];
    char reference[REFERENCE_MAX + 2];
    memset(reference, 'r', sizeof(reference));
    reference[REFERENCE_MAX] = '\0';
    (void)snprintf(body, sizeof(body), "{\"plaintext\":\"\",\"reference\":\"%s\"}", reference);
    CLEANUP(reply_clear)
    struct reply_seen longest = data_fixture_call(&fixture, op_encrypt, "app/aes", body);
    assert_ok(longest.err);
    reference[REFERENCE_MAX] = 'r';
    reference[REFERENCE_MAX + 1] = '\0';
    (void)snprintf(body, sizeof(body), "{\"plaintext\":\"\",\"reference\":\"%s\"}", reference);
    data_fixture_refused(&fixture, op_encrypt, "app/aes", body, ERR_TOO_LARGE);
}

/* SHA-256 of an answer's ciphertext. */
static void ciphertext_digest(const struct json_value *answer, uint8_t out[DIGEST_MAX])
{
    CLEANUP(buf_clear) struct buf blob = {0};
    assert_ok(base64_decode(reply_text(answer, "ciphertext"), &blob));
    digest_of(DIGEST_SHA256, buf_span(&blob), out);
}

static void records_hold_digests_in_order(void **state)
{
    (void)state;
    uint8_t parts[3][DIGEST_MAX] = {{0}};
    uint8_t want[SHA256_LEN];
    CLEANUP(reply_clear)
    struct reply_seen seen =
        data_fixture_call(&fixture, op_encrypt, "app/aes",
                          "{\"items\":[{\"plaintext\":\"AAAA\"},{},{\"plaintext\":\"AAAB\"}]}");
    assert_ok(seen.err);
    assert_true(seen.has_digest);
    ciphertext_digest(reply_result(&seen, 0), parts[0]);
    ciphertext_digest(reply_result(&seen, 2), parts[2]);
    const struct span spans[] = {span_of(parts[0], SHA256_LEN), span_of(parts[1], SHA256_LEN),
                                 span_of(parts[2], SHA256_LEN)};
    digest_sha256_parts(spans, 3, want);
    assert_memory_equal(seen.digest, want, SHA256_LEN);
    CLEANUP(reply_clear)
    struct reply_seen one =
        data_fixture_call(&fixture, op_encrypt, "app/aes", "{\"plaintext\":\"AAAA\"}");
    ciphertext_digest(one.json.root, parts[0]);
    assert_memory_equal(one.digest, parts[0], SHA256_LEN);
}

static void random_has_no_key(void **state)
{
    (void)state;
    CLEANUP(reply_clear)
    struct reply_seen seen = data_fixture_call(&fixture, op_random, NULL, "{\"bytes\":48}");
    assert_ok(seen.err);
    assert_int_equal(reply_text(seen.json.root, "random").len, 64);
    assert_null(json_member(seen.json.root, "key"));
    assert_false(seen.has_digest);
    CLEANUP(reply_clear)
    struct reply_seen none = data_fixture_call(&fixture, op_random, NULL, NULL);
    assert_ok(none.err);
    assert_int_equal(reply_text(none.json.root, "random").len, 44);
    CLEANUP(reply_clear)
    struct reply_seen many = data_fixture_call(
        &fixture, op_random, NULL, "{\"items\":[{\"bytes\":1},{\"bytes\":0},{\"bytes\":3}]}");
    assert_ok(many.err);
    assert_int_equal(reply_text(reply_result(&many, 2), "random").len, 4);
    assert_span_is(reply_error(reply_result(&many, 1)), "invalid_field");
}

static void odd_random_is_refused(void **state)
{
    (void)state;
    data_fixture_refused(&fixture, op_random, NULL, "{\"bytes\":0}", ERR_INVALID_FIELD);
    data_fixture_refused(&fixture, op_random, NULL, "{\"bytes\":-1}", ERR_INVALID_FIELD);
    data_fixture_refused(&fixture, op_random, NULL, "{\"bytes\":4097}", ERR_TOO_LARGE);
    data_fixture_refused(&fixture, op_random, NULL, "{\"bytes\":\"32\"}", ERR_INVALID_FIELD);
    data_fixture_refused(&fixture, op_random, NULL, "{\"byte\":32}", ERR_UNKNOWN_FIELD);
    fake_token_script(fixture.token, &(struct fake_script){.short_output = true});
    data_fixture_refused(&fixture, op_random, NULL, "{\"bytes\":32}", ERR_INTERNAL);
    fixture.config.default_token = "gone";
    data_fixture_refused(&fixture, op_random, NULL, "{\"bytes\":32}", ERR_TOKEN_UNAVAILABLE);
    fixture.config.default_token = "main";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_are_refused),
        cmocka_unit_test(many_items_cost_one_round_trip),
        cmocka_unit_test(one_item_more_is_too_many),
        cmocka_unit_test(a_bad_item_harms_no_other),
        cmocka_unit_test(batches_of_bad_items_never_reach_the_token),
        cmocka_unit_test_teardown(a_token_that_is_away_fails_the_whole_call, well_again),
        cmocka_unit_test_teardown(a_token_without_the_key_fails_items, well_again),
        cmocka_unit_test(single_calls_carry_references_too),
        cmocka_unit_test(records_hold_digests_in_order),
        cmocka_unit_test(random_has_no_key),
        cmocka_unit_test_teardown(odd_random_is_refused, well_again),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
