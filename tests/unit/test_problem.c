/* Every error code as a client sees it. */
#include "base_test.h"

#include "gateway/problem.h"

static void every_code_has_its_status(void **state)
{
    (void)state;
    static const struct {
        enum err_code code;
        int status;
    } rows[] = {
        {ERR_INVALID_JSON, 400},
        {ERR_INVALID_FIELD, 400},
        {ERR_UNKNOWN_FIELD, 400},
        {ERR_DUPLICATE_FIELD, 400},
        {ERR_INVALID_BASE64, 400},
        {ERR_INVALID_NAME, 400},
        {ERR_INVALID_PATH, 400},
        {ERR_INVALID_DIGEST, 400},
        {ERR_INVALID_CIPHERTEXT, 400},
        {ERR_INVALID_HTTP, 400},
        {ERR_UNSUPPORTED_BY_TOKEN, 400},
        {ERR_UNSUPPORTED_OPERATION, 400},
        {ERR_UNSUPPORTED_MEDIA_TYPE, 415},
        {ERR_TOO_LARGE, 413},
        {ERR_UNAUTHENTICATED, 401},
        {ERR_FORBIDDEN, 403},
        {ERR_NOT_FOUND, 404},
        {ERR_METHOD_NOT_ALLOWED, 405},
        {ERR_CONFLICT, 409},
        {ERR_INVALID_STATE, 409},
        {ERR_DRY_RUN, 400},
        {ERR_INVALID_SIGNATURE, 400},
        {ERR_KEY_EXHAUSTED, 409},
        {ERR_APPROVAL_REQUIRED, 403},
        {ERR_DUAL_ROLE, 409},
        {ERR_RATE_LIMITED, 429},
        {ERR_TOKEN_UNAVAILABLE, 503},
        {ERR_AUDIT_UNAVAILABLE, 503},
        {ERR_STORE_UNAVAILABLE, 503},
        {ERR_OVERLOADED, 503},
        {ERR_DEADLINE, 503},
        {ERR_PIN, 503},
        {ERR_CONFIG, 500},
        {ERR_IO, 500},
        {ERR_NEWER, 500},
        {ERR_CORRUPT, 500},
        {ERR_INTERNAL, 500},
    };
    assert_int_equal(ARRAY_LEN(rows), ERR_COUNT - 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(problem_status(rows[i].code), rows[i].status);
    }
}

static struct json reply_of(struct reply *reply, enum err_code code, const char *detail)
{
    struct json json = {0};
    struct err err = err_new(code, "test", "%s", detail);
    problem_reply(reply, &err, "id-1");
    assert_ok(json_parse(buf_span(&reply->body), &json));
    return json;
}

static struct span text_of(const struct json *json, const char *name)
{
    struct span text = {0};
    assert_true(json_as_text(json_member(json->root, name), &text));
    return text;
}

static void a_reply_has_all_members(void **state)
{
    (void)state;
    struct reply reply = {.public_max_age_s = 60, .etag = "\"tag\""};
    assert_ok(buf_append_text(&reply.body, "half of another answer"));
    CLEANUP(json_clear)
    struct json json = reply_of(&reply, ERR_INVALID_FIELD, "owner is \"required\".");
    assert_int_equal(reply.status, 400);
    assert_string_equal(reply.content_type, "application/problem+json");
    assert_int_equal(reply.retry_after_s, 0);
    assert_int_equal(reply.public_max_age_s, 0);
    assert_string_equal(reply.etag, "");
    assert_int_equal(json_count(json.root), 6);
    assert_span_is(text_of(&json, "type"), "urn:hsmgate:problem:invalid_field");
    assert_span_is(text_of(&json, "code"), "invalid_field");
    assert_span_is(text_of(&json, "detail"), "owner is \"required\".");
    assert_span_is(text_of(&json, "request_id"), "id-1");
    assert_true(text_of(&json, "title").len > 0);
    buf_clear(&reply.body);
}

/* Nothing that a module, a file or SQL said goes out. */
static void details_about_us_stay_inside(void **state)
{
    (void)state;
    static const enum err_code codes[] = {
        ERR_TOKEN_UNAVAILABLE,
        ERR_AUDIT_UNAVAILABLE,
        ERR_STORE_UNAVAILABLE,
        ERR_OVERLOADED,
        ERR_DEADLINE,
        ERR_CONFIG,
        ERR_IO,
        ERR_PIN,
        ERR_NEWER,
        ERR_CORRUPT,
        ERR_INTERNAL,
        ERR_INVALID_CIPHERTEXT,
    };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        struct reply reply = {0};
        struct json json = reply_of(&reply, codes[i], "SECRET-DETAIL");
        assert_null(memmem(reply.body.data, reply.body.len, "SECRET-DETAIL", 13));
        assert_true(text_of(&json, "detail").len > 0);
        json_clear(&json);
        buf_clear(&reply.body);
    }
}

static void codes_of_programs_are_shown_as_general_ones(void **state)
{
    (void)state;
    struct reply reply = {0};
    struct json json = reply_of(&reply, ERR_PIN, "locked");
    assert_span_is(text_of(&json, "code"), "token_unavailable");
    json_clear(&json);
    json = reply_of(&reply, ERR_CORRUPT, "page 7");
    assert_span_is(text_of(&json, "code"), "internal");
    json_clear(&json);
    buf_clear(&reply.body);
}

static void overload_says_when_to_come_back(void **state)
{
    (void)state;
    static const enum err_code codes[] = {ERR_RATE_LIMITED, ERR_TOKEN_UNAVAILABLE, ERR_DEADLINE};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        struct reply reply = {0};
        struct json json = reply_of(&reply, codes[i], "");
        assert_true(reply.retry_after_s > 0);
        json_clear(&json);
        buf_clear(&reply.body);
    }
}

static void an_empty_detail_becomes_the_title(void **state)
{
    (void)state;
    struct reply reply = {0};
    CLEANUP(json_clear) struct json json = reply_of(&reply, ERR_NOT_FOUND, "");
    assert_true(span_equal(text_of(&json, "detail"), text_of(&json, "title")));
    buf_clear(&reply.body);
}

static void items_carry_their_own_error(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf out = {0};
    struct json_writer writer = json_writer_on(&out);
    struct err err = err_new(ERR_INVALID_CIPHERTEXT, "test", "tag mismatch at byte 3");
    json_begin_object(&writer, NULL);
    problem_put_item(&writer, &err);
    json_end_object(&writer);
    assert_ok(json_finish(&writer));
    assert_span_is(buf_span(&out),
                   "{\"error\":{\"code\":\"invalid_ciphertext\",\"status\":400,\"detail\":"
                   "\"The ciphertext cannot be opened with this key and context.\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_its_status),
        cmocka_unit_test(a_reply_has_all_members),
        cmocka_unit_test(details_about_us_stay_inside),
        cmocka_unit_test(codes_of_programs_are_shown_as_general_ones),
        cmocka_unit_test(overload_says_when_to_come_back),
        cmocka_unit_test(an_empty_detail_becomes_the_title),
        cmocka_unit_test(items_carry_their_own_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
