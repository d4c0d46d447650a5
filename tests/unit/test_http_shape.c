/* The pure checks on header blocks: the audit against blocks laid out by hand, the target, the
 * framing fields, ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gateway/http_shape.h"

/* Splits a good block in place, as the library leaves it: NULs for the marks between the pieces. */
static struct http_head split(char *block)
{
    struct http_head head = {.method = block, .size = strlen(block)};
    char *at = strchr(block, ' ');
    *at++ = '\0';
    head.target = at;
    at = strchr(at, ' ');
    head.target_len = (size_t)(at - head.target);
    *at++ = '\0';
    head.version = at;
    at = strchr(at, '\r');
    at[0] = at[1] = '\0';
    at += 2;
    while (*at != '\r') {
        char *colon = strchr(at, ':');
        char *value = colon + 1 + strspn(colon + 1, " \t");
        char *end = strchr(value, '\r');
        head.headers[head.header_count++] = (struct http_header){
            span_of(at, (size_t)(colon - at)), span_of(value, (size_t)(end - value))};
        *colon = '\0';
        end[0] = end[1] = '\0';
        at = end + 2;
    }
    at[0] = at[1] = '\0';
    return head;
}

#define GOOD "GET /a?b HTTP/1.1\r\nHost: h\r\nX-A:\t b c \r\nEmpty:\r\n\r\n"

static void test_good_block_passes(void **state)
{
    (void)state;
    char block[] = GOOD;
    struct http_head head = split(block);
    assert_int_equal(http_shape_audit(&head).code, ERR_OK);
}

/* NUL x LF: the value ends at the NUL, and x would be where the line's LF belongs. */
static void test_every_line_end_is_seen(void **state)
{
    (void)state;
    char block[] = GOOD;
    const struct http_head head = split(block);
    for (size_t i = 0; i < head.header_count; i++) {
        struct span value = head.headers[i].value;
        char *end = block + ((const char *)value.data - block) + value.len;
        end[1] = 'x';
        assert_int_equal(http_shape_audit(&head).code, ERR_INVALID_HTTP);
        end[1] = '\0';
    }
    char *end = strchr(block + (head.version - block), '\0');
    end[1] = 'x';
    assert_int_equal(http_shape_audit(&head).code, ERR_INVALID_HTTP);
    end[1] = '\0';
    assert_int_equal(http_shape_audit(&head).code, ERR_OK);
}

static void test_every_moved_piece_is_found(void **state)
{
    (void)state;
    char block[] = GOOD;
    const struct http_head good = split(block);
    struct http_head bad = good;
    bad.target++;
    assert_int_equal(http_shape_audit(&bad).code, ERR_INVALID_HTTP);
    bad = good;
    bad.target_len--;
    assert_int_equal(http_shape_audit(&bad).code, ERR_INVALID_HTTP);
    bad = good;
    bad.size++;
    assert_int_equal(http_shape_audit(&bad).code, ERR_INVALID_HTTP);
    char *behind_target = block + (good.target - block) + good.target_len;
    *behind_target = 'x';
    assert_int_equal(http_shape_audit(&good).code, ERR_INVALID_HTTP);
    *behind_target = '\0';
    block[good.size - 2] = 'x'; /* NUL x LF: the library takes it for an empty line */
    assert_int_equal(http_shape_audit(&good).code, ERR_INVALID_HTTP);
    block[good.size - 2] = '\0';
    assert_int_equal(http_shape_audit(&good).code, ERR_OK);
    for (size_t i = 0; i < good.header_count; i++) {
        bad = good;
        bad.headers[i].name.data++;
        assert_int_equal(http_shape_audit(&bad).code, ERR_INVALID_HTTP);
        bad = good;
        bad.headers[i].name.len++;
        assert_int_equal(http_shape_audit(&bad).code, ERR_INVALID_HTTP);
        bad = good;
        bad.headers[i].value.len++;
        assert_int_equal(http_shape_audit(&bad).code, ERR_INVALID_HTTP);
        bad = good;
        bad.header_count = i;
        assert_int_equal(http_shape_audit(&bad).code, ERR_INVALID_HTTP);
    }
}

static void test_odd_bytes_are_found(void **state)
{
    (void)state;
    static const char *const blocks[] = {
        "GET / HTTP/1.1\r\nHo st: h\r\n\r\n",    "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
        "GET / HTTP/1.1\r\n: h\r\n\r\n",         "GET / HTTP/1.1\r\nHost: a\001b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\nb\r\n\r\n",  "GET / HTTP/1.1\r\nHost: a\x7f\r\n\r\n",
        "GET / HTTP/1.1\r\nH\xc3\xa4: b\r\n\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        CLEANUP(mem_free_at) char *block = mem_text(blocks[i]);
        struct http_head head = split(block);
        assert_int_equal(http_shape_audit(&head).code, ERR_INVALID_HTTP);
    }
}

static void test_block_limits(void **state)
{
    (void)state;
    char block[] = GOOD;
    struct http_head head = split(block);
    head.size = HTTP_HEAD_MAX + 1;
    assert_int_equal(http_shape_audit(&head).code, ERR_TOO_LARGE);
    head.size = sizeof(block) - 1;
    head.header_count = HTTP_HEADERS_MAX + 1;
    assert_int_equal(http_shape_audit(&head).code, ERR_INVALID_HTTP);
}

struct framing {
    const char *headers;
    enum err_code code;
};

static void test_framing(void **state)
{
    (void)state;
    static const struct framing cases[] = {
        {"Host: h\r\n", ERR_OK},
        {"hOsT: h\r\ncontent-length: 10\r\n", ERR_OK},
        {"Host: h\r\nContent-Length: 0010 \r\n", ERR_OK},
        {"Host: h\r\nTransfer-Encoding: chunked\r\n", ERR_OK},
        {"Host: h\r\nExpect: 100-Continue\r\n", ERR_OK},
        {"Host: h\r\ntraceparent: a\r\ntraceparent: b\r\n", ERR_OK},
        {"X: h\r\n", ERR_INVALID_HTTP},
        {"Host:\r\n", ERR_INVALID_HTTP},
        {"Host: h\r\nHost: h\r\n", ERR_INVALID_HTTP},
        {"Host: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n", ERR_INVALID_HTTP},
        {"Host: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n", ERR_INVALID_HTTP},
        {"Host: h\r\nContent-Length:\r\n", ERR_INVALID_HTTP},
        {"Host: h\r\nContent-Length: -1\r\n", ERR_INVALID_HTTP},
        {"Host: h\r\nContent-Length: 0x1\r\n", ERR_INVALID_HTTP},
        {"Host: h\r\nContent-Length: 1, 1\r\n", ERR_INVALID_HTTP},
        {"Host: h\r\nContent-Length: 18446744073709551615\r\n", ERR_INVALID_HTTP},
        {"Host: h\r\nContent-Length: 101\r\n", ERR_TOO_LARGE},
        {"Host: h\r\nContent-Length: 99999999999999999\r\n", ERR_TOO_LARGE},
        {"Host: h\r\nTransfer-Encoding: identity\r\n", ERR_INVALID_HTTP},
        {"Host: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
         ERR_INVALID_HTTP},
        {"Host: h\r\nExpect: other\r\n", ERR_INVALID_HTTP},
        {"Host: h\r\nAuthorization: a\r\nAuthorization: a\r\n", ERR_INVALID_HTTP},
        {"Host: h\r\nContent-Type: a\r\nContent-Type: a\r\n", ERR_INVALID_HTTP},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(mem_free_at)
        char *block = mem_format("POST / HTTP/1.1\r\n%s\r\n", cases[i].headers);
        struct http_head head = split(block);
        struct http_fields fields;
        http_shape_fields(&head, &fields);
        print_message("%s", cases[i].headers);
        assert_int_equal(http_shape_framing(&fields, 100).code, cases[i].code);
    }
}

static void test_fields(void **state)
{
    (void)state;
    char block[] = "GET / HTTP/1.1\r\nAUTHORIZATION: \t a b \t\r\nIf-None-Match: x\r\n"
                   "X-Request-Id: 1\r\nX-Request-Id: 2\r\n\r\n";
    struct http_head head = split(block);
    struct http_fields fields;
    http_shape_fields(&head, &fields);
    assert_true(span_is(fields.value[HTTP_AUTHORIZATION], "a b"));
    assert_true(span_is(fields.value[HTTP_IF_NONE_MATCH], "x"));
    assert_int_equal(fields.value[HTTP_REQUEST_ID].len, 0);
    assert_int_equal(fields.count[HTTP_REQUEST_ID], 2);
}

static void test_version_and_method(void **state)
{
    (void)state;
    enum method method = METHOD_COUNT;
    assert_int_equal(http_shape_version("HTTP/1.1").code, ERR_OK);
    assert_int_equal(http_shape_version("HTTP/1.0").code, ERR_INVALID_HTTP);
    assert_int_equal(http_shape_version("HTTP/1.10").code, ERR_INVALID_HTTP);
    for (enum method i = METHOD_GET; i < METHOD_COUNT; i++) {
        assert_int_equal(http_shape_method(method_name(i), &method).code, ERR_OK);
        assert_int_equal(method, i);
    }
    assert_int_equal(http_shape_method("HEAD", &method).code, ERR_OK);
    assert_int_equal(method, METHOD_GET);
    assert_int_equal(http_shape_method("TRACE", &method).code, ERR_METHOD_NOT_ALLOWED);
    assert_int_equal(http_shape_method("Get", &method).code, ERR_METHOD_NOT_ALLOWED);
}

static void test_target(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      "a",        "*",    "http://h/", "/%41",  "/a/..",
                                      "/..",   "/a..b",    "/a#b", "/a b",      "/a\tb", "/a\x7f",
                                      "/a\\b", "/a?b\x80", "//a",  "/a?b#c"};
    struct span path;
    struct span query;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        print_message("%s\n", bad[i]);
        assert_int_equal(http_shape_target(span_text(bad[i]), &path, &query).code,
                         ERR_INVALID_PATH);
    }
    struct err err = http_shape_target(span_text("/v1/a.b:c@1?x=%2f//..?"), &path, &query);
    assert_int_equal(err.code, ERR_OK);
    assert_true(span_is(path, "/v1/a.b:c@1"));
    assert_true(span_is(query, "x=%2f//..?"));
    assert_int_equal(http_shape_target(span_text("/"), &path, &query).code, ERR_OK);
    assert_int_equal(http_shape_target(span_text("/v1/a//b/"), &path, &query).code, ERR_OK);
    assert_int_equal(query.len, 0);
    CLEANUP(mem_free_at) char *longest = mem_alloc(HTTP_TARGET_MAX + 2);
    memset(longest, 'a', HTTP_TARGET_MAX + 1);
    longest[0] = '/';
    err = http_shape_target(span_of(longest, HTTP_TARGET_MAX), &path, &query);
    assert_int_equal(err.code, ERR_OK);
    err = http_shape_target(span_of(longest, HTTP_TARGET_MAX + 1), &path, &query);
    assert_int_equal(err.code, ERR_INVALID_PATH);
    memset(longest + 1, '&', HTTP_TARGET_MAX);
    longest[1] = '?';
    err = http_shape_target(span_of(longest, 2 + HTTP_PARAMETERS_MAX - 1), &path, &query);
    assert_int_equal(err.code, ERR_OK);
    err = http_shape_target(span_of(longest, 2 + HTTP_PARAMETERS_MAX), &path, &query);
    assert_int_equal(err.code, ERR_INVALID_FIELD);
}

static void test_request_id(void **state)
{
    (void)state;
    char longest[REQUEST_ID_MAX + 2];
    memset(longest, 'a', sizeof(longest));
    assert_true(http_shape_request_id(span_text("Az09-._:")));
    assert_true(http_shape_request_id(span_of(longest, REQUEST_ID_MAX)));
    assert_false(http_shape_request_id(span_of(longest, REQUEST_ID_MAX + 1)));
    assert_false(http_shape_request_id(span_text("")));
    assert_false(http_shape_request_id(span_text("a b")));
    assert_false(http_shape_request_id(span_text("a\"b")));
    assert_false(http_shape_request_id(span_of("a\0b", 3)));
}

static void test_traceparent(void **state)
{
    (void)state;
#define TRACE  "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"
    static const char *const bad[] = {
        "",
        "00-" TRACE "-" PARENT "-0",
        "00-" TRACE "-" PARENT "-011",
        "01-" TRACE "-" PARENT "-01",
        "00-" TRACE "-" PARENT "-0G",
        "00-" TRACE "_" PARENT "-01",
        "00-00000000000000000000000000000000-" PARENT "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01",
    };
    assert_true(http_shape_traceparent(span_text("00-" TRACE "-" PARENT "-01")));
    assert_true(http_shape_traceparent(span_text("00-" TRACE "-" PARENT "-00")));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(http_shape_traceparent(span_text(bad[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_block_passes),
        cmocka_unit_test(test_every_line_end_is_seen),
        cmocka_unit_test(test_every_moved_piece_is_found),
        cmocka_unit_test(test_odd_bytes_are_found),
        cmocka_unit_test(test_block_limits),
        cmocka_unit_test(test_framing),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_version_and_method),
        cmocka_unit_test(test_target),
        cmocka_unit_test(test_request_id),
        cmocka_unit_test(test_traceparent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
