/* One HTTP exchange: what a URL may be, and every way in which an answer is none. */
#include "base_test.h"

#include <stdlib.h>

#include "base/clock.h"
#include "gateway/fetch.h"
#include "http_stub.h"

#define PATIENT_MS 20000

static struct http_stub *stub;

static int setup(void **state)
{
    (void)state;
    stub = http_stub_open();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_stub_close(stub);
    return 0;
}

static struct err get(size_t max, int64_t wait_ms, struct buf *out)
{
    return fetch_get(http_stub_url(stub), NULL, max, clock_deadline(wait_ms), out);
}

static void only_plain_urls_are_taken(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        enum err_code code;
    } rows[] = {
        {"https://issuer.example/keys", ERR_OK},
        {"https://issuer.example:8443/keys?a=b", ERR_OK},
        {"https://10.0.0.1/keys", ERR_OK},
        {"http://127.0.0.1:80/keys", ERR_OK},
        {"http://localhost/keys", ERR_OK},
        {"http://[::1]:8080/", ERR_OK},
        {"http://issuer.example/keys", ERR_CONFIG},
        {"http://127.0.0.1.example/keys", ERR_CONFIG},
        {"http://127.0.0.1@issuer.example/", ERR_CONFIG},
        {"http://localhost.example/", ERR_CONFIG},
        {"http://0.0.0.0/", ERR_CONFIG},
        {"http://10.0.0.1/", ERR_CONFIG},
        {"https://user@issuer.example/", ERR_CONFIG},
        {"https://user:word@issuer.example/", ERR_CONFIG},
        {"https://issuer.example/#top", ERR_CONFIG},
        {"https://issuer.example/a b", ERR_CONFIG},
        {"https://issuer.example/\r\nX: y", ERR_CONFIG},
        {"https:\\\\issuer.example", ERR_CONFIG},
        {"https://issuer.ex\xc3\xa4mple/", ERR_CONFIG},
        {"file:///etc/passwd", ERR_CONFIG},
        {"ftp://127.0.0.1/", ERR_CONFIG},
        {"gopher://127.0.0.1/", ERR_CONFIG},
        {"issuer.example/keys", ERR_CONFIG},
        {"https://", ERR_CONFIG},
        {"", ERR_CONFIG},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_code_of(rows[i].url, fetch_check_url(rows[i].url), rows[i].code);
    }
    CLEANUP(mem_free_at) char *url = mem_format("https://a.example/%02048d", 0);
    assert_code(fetch_check_url(url), ERR_CONFIG);
    CLEANUP(buf_clear) struct buf body = {0};
    int status = 0;
    assert_code(fetch_get("http://a.example/", NULL, 10, clock_deadline(1), &body), ERR_CONFIG);
    assert_code(
        fetch_post("http://a.example/", NULL,
                   &(struct fetch_message){.content_type = "text/plain", .body = span_text("x")},
                   clock_deadline(1), &status),
        ERR_CONFIG);
}

static void a_body_is_taken_up_to_its_limit(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf body = {0}, request = {0};
    http_stub_serve(stub, span_text("0123456789"));
    assert_ok(get(10, PATIENT_MS, &body));
    assert_span_is(buf_span(&body), "0123456789");
    http_stub_last(stub, &request);
    assert_true(span_starts(buf_span(&request), "GET /keys HTTP/1.1\r\n"));
    assert_code(get(9, PATIENT_MS, &body), ERR_TOO_LARGE);
    /* no length in the head: still the same limit */
    http_stub_say(stub, span_text("HTTP/1.1 200 OK\r\n\r\n0123456789a"));
    assert_code(get(10, PATIENT_MS, &body), ERR_TOO_LARGE);
    assert_span_is(buf_span(&body), "0123456789");
}

static void what_is_no_answer_is_an_error(void **state)
{
    (void)state;
    static const char *const replies[] = {
        "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 204 None\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        "garbage\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        CLEANUP(buf_clear) struct buf body = {0};
        unsigned before = http_stub_count(stub);
        http_stub_say(stub, span_text(replies[i]));
        assert_code_of(replies[i], get(100, PATIENT_MS, &body), ERR_IO);
        assert_int_equal(body.len, 0);
        assert_int_equal(http_stub_count(stub), before + 1); /* nothing is followed */
    }
}

static void a_server_that_hangs_meets_the_deadline(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf body = {0};
    int status = 0;
    http_stub_say(stub, span_of(NULL, 0));
    assert_code(get(10, 50, &body), ERR_DEADLINE);
    assert_code(get(10, -1, &body), ERR_DEADLINE);
    assert_code(
        fetch_post(http_stub_url(stub), NULL,
                   &(struct fetch_message){.content_type = "text/plain", .body = span_text("x")},
                   clock_deadline(50), &status),
        ERR_DEADLINE);
}

static void proxies_of_the_environment_are_not_used(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf body = {0};
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
    http_stub_serve(stub, span_text("direct"));
    assert_ok(get(10, PATIENT_MS, &body));
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(unsetenv("ALL_PROXY"), 0);
}

static void a_post_carries_its_body_and_tells_the_status(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf request = {0};
    int status = 0;
    http_stub_say(stub, span_text("HTTP/1.1 503 Later\r\nContent-Length: 2\r\n\r\nno"));
    assert_ok(fetch_post(http_stub_url(stub), NULL,
                         &(struct fetch_message){.content_type = "text/plain; charset=utf-8",
                                                 .body = span_text("the body")},
                         clock_deadline(PATIENT_MS), &status));
    assert_int_equal(status, 503);
    http_stub_last(stub, &request);
    assert_true(span_starts(buf_span(&request), "POST /keys HTTP/1.1\r\n"));
    assert_non_null(memmem(request.data, request.len, "\r\n\r\nthe body", 12));
    assert_non_null(memmem(request.data, request.len, "text/plain; charset=utf-8", 25));
    assert_ok(
        fetch_post(http_stub_url(stub), NULL,
                   &(struct fetch_message){.content_type = "text/plain", .body = span_of(NULL, 0)},
                   clock_deadline(PATIENT_MS), &status));
}

static void a_reply_to_a_post_has_its_limit_too(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf body = {0};
    uint8_t *place = NULL;
    int status = 0;
    assert_ok(buf_extend(&body, ((size_t)64 << 10) + 1, &place));
    memset(place, 'a', body.len);
    http_stub_serve(stub, buf_span(&body));
    assert_code(
        fetch_post(http_stub_url(stub), NULL,
                   &(struct fetch_message){.content_type = "text/plain", .body = span_text("x")},
                   clock_deadline(PATIENT_MS), &status),
        ERR_TOO_LARGE);
    buf_truncate(&body, body.len - 1);
    http_stub_serve(stub, buf_span(&body));
    assert_ok(
        fetch_post(http_stub_url(stub), NULL,
                   &(struct fetch_message){.content_type = "text/plain", .body = span_text("x")},
                   clock_deadline(PATIENT_MS), &status));
}

/* A port that nobody listens on: the stub's own, after its end. */
static void nobody_there_is_an_error(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf body = {0};
    struct http_stub *gone = http_stub_open();
    CLEANUP(mem_free_at) char *url = mem_text(http_stub_url(gone));
    http_stub_close(gone);
    assert_code(fetch_get(url, NULL, 10, clock_deadline(PATIENT_MS), &body), ERR_IO);
    assert_code(
        fetch_get("https://127.0.0.1:1/", "/nowhere/ca.pem", 10, clock_deadline(PATIENT_MS), &body),
        ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_plain_urls_are_taken),
        cmocka_unit_test(a_body_is_taken_up_to_its_limit),
        cmocka_unit_test(what_is_no_answer_is_an_error),
        cmocka_unit_test(a_server_that_hangs_meets_the_deadline),
        cmocka_unit_test(proxies_of_the_environment_are_not_used),
        cmocka_unit_test(a_post_carries_its_body_and_tells_the_status),
        cmocka_unit_test(a_reply_to_a_post_has_its_limit_too),
        cmocka_unit_test(nobody_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
