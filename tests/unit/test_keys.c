/* Keys over the API: create, show, list, change, rotate. */
#include "gateway_fixture.h"

static struct fixture fixture;

static int setup(void **state)
{
    (void)state;
    fixture_open(&fixture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static void expect(enum method method, const char *path, const char *body, int status,
                   const char *code)
{
    CLEANUP(answer_clear) struct answer answer = fixture_admin(&fixture, method, path, body);
    assert_problem(&answer, status, code);
}

static const struct json_value *only_version(const struct answer *answer)
{
    const struct json_value *versions = json_member(answer->json.root, "versions");
    assert_int_equal(json_count(versions), 1);
    return json_first(versions);
}

static void a_made_key_is_shown_whole(void **state)
{
    (void)state;
    struct span text = {0};
    CLEANUP(answer_clear)
    struct answer made = fixture_admin(
        &fixture, METHOD_POST, "/v1/keys",
        "{\"name\":\"pay/prod/jwt\",\"algorithm\":\"ecdsa-p256\",\"owner\":\"team\"}");
    assert_int_equal(made.status, 201);
    assert_string_equal(made.content_type, "application/json");
    assert_span_is(answer_text(&made, "name"), "pay/prod/jwt");
    assert_span_is(answer_text(&made, "algorithm"), "ecdsa-p256");
    assert_span_is(answer_text(&made, "purpose"), "sign");
    assert_span_is(answer_text(&made, "token"), "main");
    assert_span_is(answer_text(&made, "classification"), "confidential");
    assert_int_equal(answer_text(&made, "id").len, UUID_TEXT_LEN);
    assert_int_equal(answer_integer(&made, "primary"), 1);
    const struct json_value *version = only_version(&made);
    assert_true(json_as_text(json_member(version, "state"), &text));
    assert_span_is(text, "active");
    assert_true(json_as_text(json_member(version, "kid"), &text));
    assert_span_is(text, "pay/prod/jwt@1");
    assert_true(json_as_text(json_member(version, "public_key"), &text));
    assert_true(span_starts(text, "-----BEGIN PUBLIC KEY-----\n"));
    assert_non_null(json_member(version, "activated_at"));
    assert_null(json_member(version, "retired_at"));

    CLEANUP(answer_clear)
    struct answer got = fixture_admin(&fixture, METHOD_GET, "/v1/keys/pay/prod/jwt", NULL);
    assert_int_equal(got.status, 200);
    assert_span_is(answer_text(&got, "owner"), "team");
}

static void creation_is_recorded_before_and_after(void **state)
{
    (void)state;
    fixture_make_key(&fixture, "a/b", "");
    assert_int_equal(fixture_count_records(&fixture, "\"intent\""), 1);
    assert_int_equal(fixture_count_records(&fixture, "\"request\""), 1);
    CLEANUP(json_clear) struct json record = {0};
    struct span text = {0};
    fixture_last_record(&fixture, &record);
    assert_true(json_as_text(json_member(record.root, "key"), &text));
    assert_span_is(text, "a/b");
    assert_non_null(json_member(record.root, "digest"));
}

static void bad_keys_are_not_made(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
        const char *code;
    } rows[] = {
        {"{}", 400, "invalid_field"},
        {"{\"name\":7}", 400, "invalid_field"},
        {"{\"name\":\"single\"}", 400, "invalid_name"},
        {"{\"name\":\"a/B\",\"algorithm\":\"ecdsa-p256\",\"owner\":\"o\"}", 400, "invalid_name"},
        {"{\"name\":\"a/b@1\",\"algorithm\":\"ecdsa-p256\",\"owner\":\"o\"}", 400, "invalid_name"},
        {"{\"name\":\"a/b\",\"algorithm\":\"des\",\"owner\":\"o\"}", 400, "invalid_field"},
        {"{\"name\":\"a/b\",\"algorithm\":\"rsa-2048\",\"owner\":\"o\"}", 400,
         "unsupported_by_token"},
        {"{\"name\":\"a/b\",\"algorithm\":\"ecdsa-p256\",\"owner\":\"o\",\"purpose\":\"decrypt\"}",
         400, "invalid_field"},
        {"{\"name\":\"a/b\",\"algorithm\":\"ecdsa-p256\",\"owner\":\"o\",\"purpose\":\"all\"}", 400,
         "invalid_field"},
        {"{\"name\":\"a/b\",\"algorithm\":\"ecdsa-p256\",\"owner\":\"o\",\"token\":\"x\"}", 400,
         "invalid_field"},
        {"{\"name\":\"a/b\",\"algorithm\":\"ecdsa-p256\"}", 400, "invalid_field"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect(METHOD_POST, "/v1/keys", rows[i].body, rows[i].status, rows[i].code);
    }
    assert_int_equal(keystore_count(fixture.gateway.store), 0);
    assert_int_equal(fixture_count_records(&fixture, "\"intent\""), 0);
}

static void a_name_is_given_once(void **state)
{
    (void)state;
    fixture_make_key(&fixture, "a/b", "");
    expect(METHOD_POST, "/v1/keys",
           "{\"name\":\"a/b\",\"algorithm\":\"ecdsa-p256\",\"owner\":\"o\"}", 409, "conflict");
}

static void nothing_stays_of_a_failed_creation(void **state)
{
    (void)state;
    fake_token_fail(ERR_TOKEN_UNAVAILABLE);
    expect(METHOD_POST, "/v1/keys",
           "{\"name\":\"a/b\",\"algorithm\":\"ecdsa-p256\",\"owner\":\"o\"}", 503,
           "token_unavailable");
    fake_token_fail(ERR_OK);
    expect(METHOD_GET, "/v1/keys/a/b", NULL, 404, "not_found");
    fixture_make_key(&fixture, "a/b", "");
}

static void changes_show_at_once(void **state)
{
    (void)state;
    fixture_make_key(&fixture, "a/b", "\"labels\":{\"x\":\"1\"},\"description\":\"d\"");
    CLEANUP(answer_clear)
    struct answer changed =
        fixture_admin(&fixture, METHOD_PATCH, "/v1/keys/a/b",
                      "{\"owner\":\"new\",\"labels\":{\"y\":\"2\"},\"rotation\":{\"every\":\"1d\"},"
                      "\"jwt\":{\"max_ttl\":\"5m\"}}");
    assert_int_equal(changed.status, 200);
    assert_span_is(answer_text(&changed, "owner"), "new");
    assert_span_is(answer_text(&changed, "description"), "d");
    const struct json_value *labels = json_member(changed.json.root, "labels");
    assert_non_null(json_member(labels, "y"));
    assert_null(json_member(labels, "x"));
    expect(METHOD_PATCH, "/v1/keys/a/b", "{\"name\":\"a/c\"}", 400, "unknown_field");
    expect(METHOD_PATCH, "/v1/keys/a/b", "{\"rotation\":{\"overlap\":\"4m\"}}", 400,
           "invalid_field");
    expect(METHOD_PATCH, "/v1/keys/a/c", "{}", 404, "not_found");
}

static void rotation_promotes_at_once(void **state)
{
    (void)state;
    static const char *const bodies[] = {NULL, "{}", "{\"immediate\":true}",
                                         "{\"immediate\":false}"};
    fixture_make_key(&fixture, "a/b", "");
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        CLEANUP(answer_clear)
        struct answer answer =
            fixture_admin(&fixture, METHOD_POST, "/v1/keys/a/b:rotate", bodies[i]);
        assert_int_equal(answer.status, 200);
        assert_int_equal(answer_integer(&answer, "version"), (int64_t)i + 2);
        assert_int_equal(answer_integer(&answer, "primary"), (int64_t)i + 2);
        assert_span_is(answer_text(&answer, "state"), "active");
        assert_span_is(answer_text(&answer, "key"), "a/b");
    }
    /* one of the creation, one of each rotation */
    assert_int_equal(fixture_count_records(&fixture, "\"intent\""), 1 + ARRAY_LEN(bodies));
    expect(METHOD_POST, "/v1/keys/a/b:rotate", "{\"immediate\":1}", 400, "invalid_field");
    expect(METHOD_POST, "/v1/keys/a/b:rotate", "{\"now\":true}", 400, "unknown_field");
}

static void publish_ahead_waits_for_its_promotion(void **state)
{
    (void)state;
    fixture_make_key(&fixture, "a/b", "\"rotation\":{\"publish_ahead\":\"1h\"}");
    CLEANUP(answer_clear)
    struct answer first = fixture_admin(&fixture, METHOD_POST, "/v1/keys/a/b:rotate", NULL);
    assert_int_equal(first.status, 200);
    assert_int_equal(answer_integer(&first, "version"), 2);
    assert_span_is(answer_text(&first, "state"), "pending");
    assert_int_equal(answer_integer(&first, "primary"), 1);
    expect(METHOD_POST, "/v1/keys/a/b:rotate", NULL, 409, "invalid_state");
    CLEANUP(answer_clear)
    struct answer answer =
        fixture_admin(&fixture, METHOD_POST, "/v1/keys/a/b:rotate", "{\"immediate\":true}");
    assert_int_equal(answer_integer(&answer, "version"), 2);
    assert_span_is(answer_text(&answer, "state"), "active");
    assert_int_equal(answer_integer(&answer, "primary"), 2);
}

static void a_version_is_no_key(void **state)
{
    (void)state;
    fixture_make_key(&fixture, "a/b", "");
    expect(METHOD_GET, "/v1/keys/a/b@1", NULL, 400, "invalid_name");
    expect(METHOD_PATCH, "/v1/keys/a/b@1", "{\"owner\":\"x\"}", 400, "invalid_name");
    expect(METHOD_POST, "/v1/keys/a/b@1:rotate", NULL, 400, "invalid_name");
}

static struct answer list(const char *query, const char *bearer)
{
    const struct asking asking = {
        .method = METHOD_GET, .path = "/v1/keys", .query = query, .bearer = bearer};
    return fixture_ask(&fixture, &asking);
}

/* Names of the listed keys, joined by blanks. */
static void assert_listed(const struct answer *answer, const char *expected)
{
    CLEANUP(buf_clear) struct buf names = {0};
    assert_int_equal(answer->status, 200);
    const struct json_value *key = json_first(json_member(answer->json.root, "keys"));
    for (; key != NULL; key = json_next(key)) {
        struct span name = {0};
        assert_true(json_as_text(json_member(key, "name"), &name));
        assert_ok(buf_printf(&names, "%s%.*s", names.len > 0 ? " " : "", (int)name.len,
                             (const char *)name.data));
    }
    assert_span_is(buf_span(&names), expected);
}

static void lists_come_in_pages(void **state)
{
    (void)state;
    static const char *const names[] = {"b/one", "a/two", "a/one", "b/two", "ab/one"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        fixture_make_key(&fixture, names[i], "");
    }
    CLEANUP(answer_clear) struct answer all = list(NULL, ADMIN_TOKEN);
    assert_listed(&all, "a/one a/two ab/one b/one b/two");
    assert_null(json_member(all.json.root, "next_page_token"));
    CLEANUP(answer_clear) struct answer some = list("prefix=a%2F", ADMIN_TOKEN);
    assert_listed(&some, "a/one a/two");
    CLEANUP(answer_clear) struct answer first = list("page_size=2", ADMIN_TOKEN);
    assert_listed(&first, "a/one a/two");

    char query[128];
    struct span token = answer_text(&first, "next_page_token");
    snprintf(query, sizeof(query), "page_size=2&page_token=%.*s", (int)token.len,
             (const char *)token.data);
    CLEANUP(answer_clear) struct answer second = list(query, ADMIN_TOKEN);
    assert_listed(&second, "ab/one b/one");
    token = answer_text(&second, "next_page_token");
    snprintf(query, sizeof(query), "page_size=1&page_token=%.*s", (int)token.len,
             (const char *)token.data);
    CLEANUP(answer_clear) struct answer last = list(query, ADMIN_TOKEN);
    assert_listed(&last, "b/two");
    assert_null(json_member(last.json.root, "next_page_token"));
}

static void lists_show_what_the_caller_may_see(void **state)
{
    (void)state;
    fixture_make_key(&fixture, "a/one", "");
    CLEANUP(answer_clear) struct answer none = list(NULL, OTHER_TOKEN);
    assert_listed(&none, "");
    assert_null(json_member(none.json.root, "next_page_token"));
}

static void bad_pages_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *query, *code;
    } rows[] = {
        {"page_size=0", "invalid_field"},         {"page_size=1001", "invalid_field"},
        {"page_size=x", "invalid_field"},         {"page_token=!", "invalid_field"},
        {"page_token=QUJD", "invalid_field"},     {"color=red", "unknown_field"},
        {"prefix=a&prefix=b", "duplicate_field"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(answer_clear) struct answer answer = list(rows[i].query, ADMIN_TOKEN);
        assert_problem(&answer, 400, rows[i].code);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_made_key_is_shown_whole),
        TEST(creation_is_recorded_before_and_after),
        TEST(bad_keys_are_not_made),
        TEST(a_name_is_given_once),
        TEST(nothing_stays_of_a_failed_creation),
        TEST(changes_show_at_once),
        TEST(rotation_promotes_at_once),
        TEST(publish_ahead_waits_for_its_promotion),
        TEST(a_version_is_no_key),
        TEST(lists_come_in_pages),
        TEST(lists_show_what_the_caller_may_see),
        TEST(bad_pages_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
