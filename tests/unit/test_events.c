/* Events on their way to a webhook: whole, signed, in order, again after a failure. */
#include "gateway/events.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base_test.h"
#include "tests/lib/http_stub.h"

static const struct events_pace quick = {
    .attempt_ms = 5000, .retry_ms = 1, .retry_max_ms = 5, .give_up_ms = 60000};
static const char ok[] = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
static const char bad[] = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

static void put(struct events *events, uint32_t version)
{
    const struct event event = {.name = "version.promoted",
                                .key = "a/b",
                                .version = version,
                                .principal = "token:ops",
                                .why = "because"};
    events_put(events, &event);
}

static void take_body(struct http_stub *stub, struct buf *request, struct json *out)
{
    http_stub_last(stub, request);
    const uint8_t *body = memmem(request->data, request->len, "\r\n\r\n", 4);
    assert_non_null(body);
    body += 4;
    assert_ok(json_parse(span_of(body, request->len - (size_t)(body - request->data)), out));
}

static void delivers_what_happened(void **state)
{
    (void)state;
    struct http_stub *stub = http_stub_open();
    struct events *events = NULL;
    struct config_events config = {.webhook = http_stub_url(stub)};
    http_stub_say(stub, span_text(ok));
    assert_ok(events_open(&config, quick, &events));
    put(events, 7);
    assert_true(http_stub_wait(stub, 1));
    CLEANUP(buf_clear) struct buf request = {0};
    CLEANUP(json_clear) struct json json = {0};
    take_body(stub, &request, &json);
    struct span text;
    assert_true(json_as_text(json_member(json.root, "event"), &text));
    assert_span_is(text, "version.promoted");
    assert_true(json_as_text(json_member(json.root, "why"), &text));
    assert_span_is(text, "because");
    int64_t version = 0;
    assert_true(json_as_integer(json_member(json.root, "version"), &version));
    assert_int_equal(version, 7);
    assert_null(json_member(json.root, "error"));
    assert_null(memmem(request.data, request.len, "X-Hsmgate-Signature", 19));
    events_close(events, 5000);
    http_stub_close(stub);
}

/* The known answer of `openssl dgst -sha256 -hmac secret` over the body that came. */
static void signs_with_the_secret(void **state)
{
    (void)state;
    char path[] = "/tmp/hsmgate-secret-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_ok(file_write(path, span_text("secret\n"), 0600));
    struct http_stub *stub = http_stub_open();
    struct events *events = NULL;
    struct config_events config = {.webhook = http_stub_url(stub), .secret_file = path};
    http_stub_say(stub, span_text(ok));
    assert_ok(events_open(&config, quick, &events));
    put(events, 1);
    assert_true(http_stub_wait(stub, 1));
    CLEANUP(buf_clear) struct buf request = {0};
    CLEANUP(json_clear) struct json json = {0};
    take_body(stub, &request, &json);
    assert_ok(buf_append_u8(&request, 0));
    const char *body = strstr((const char *)request.data, "\r\n\r\n") + 4;
    char command[4096], seen[128] = "";
    (void)snprintf(command, sizeof(command),
                   "printf '%%s' '%s' | openssl dgst -sha256 -hmac secret | sed 's/.*= //'", body);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(seen, sizeof(seen), pipe));
    (void)pclose(pipe);
    seen[strcspn(seen, "\n")] = '\0';
    char header[160];
    (void)snprintf(header, sizeof(header), "X-Hsmgate-Signature: sha256=%s\r\n", seen);
    assert_int_equal(strlen(seen), 64);
    assert_non_null(strstr((const char *)request.data, header));
    events_close(events, 5000);
    http_stub_close(stub);
    (void)unlink(path);
}

/* The same event, with the same id, until it is taken; then the next one. */
static void tries_again_in_order(void **state)
{
    (void)state;
    struct http_stub *stub = http_stub_open();
    struct events *events = NULL;
    struct config_events config = {.webhook = http_stub_url(stub)};
    http_stub_say(stub, span_text(bad));
    assert_ok(events_open(&config, quick, &events));
    put(events, 1);
    put(events, 2);
    assert_true(http_stub_wait(stub, 1));
    CLEANUP(buf_clear) struct buf first = {0};
    CLEANUP(json_clear) struct json first_json = {0};
    take_body(stub, &first, &first_json);
    unsigned failed = http_stub_count(stub) + 3;
    assert_true(http_stub_wait(stub, failed));
    CLEANUP(buf_clear) struct buf again = {0};
    CLEANUP(json_clear) struct json again_json = {0};
    take_body(stub, &again, &again_json);
    struct span a, b;
    assert_true(json_as_text(json_member(first_json.root, "id"), &a));
    assert_true(json_as_text(json_member(again_json.root, "id"), &b));
    assert_true(span_equal(a, b));
    http_stub_say(stub, span_text(ok));
    events_close(events, 20000); /* waits for both */
    CLEANUP(buf_clear) struct buf last = {0};
    CLEANUP(json_clear) struct json last_json = {0};
    take_body(stub, &last, &last_json);
    int64_t version = 0;
    assert_true(json_as_integer(json_member(last_json.root, "version"), &version));
    assert_int_equal(version, 2);
    http_stub_close(stub);
}

static void gives_up_what_nobody_takes(void **state)
{
    (void)state;
    struct http_stub *stub = http_stub_open();
    struct events *events = NULL;
    struct events_pace hopeless = quick;
    struct events_status status;
    struct config_events config = {.webhook = http_stub_url(stub)};
    hopeless.give_up_ms = 0;
    http_stub_say(stub, span_text(bad));
    assert_ok(events_open(&config, hopeless, &events));
    put(events, 1);
    put(events, 2);
    assert_true(http_stub_wait(stub, 2));
    events_status(events, &status);
    assert_int_equal(status.delivered, 0);
    assert_true(status.dropped >= 1);
    events_close(events, 100);
    http_stub_close(stub);
}

static void is_nobody_without_a_webhook(void **state)
{
    (void)state;
    struct events *events = NULL;
    struct events_status status;
    struct config_events none = {0};
    assert_ok(events_open(&none, quick, &events));
    assert_null(events);
    put(events, 1);
    events_status(events, &status);
    assert_int_equal(status.waiting, 0);
    events_close(events, 0);
    struct config_events secretless = {.webhook = "http://127.0.0.1:1/",
                                       .secret_file = "/nonexistent"};
    assert_code(events_open(&secretless, quick, &events), ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivers_what_happened),      cmocka_unit_test(signs_with_the_secret),
        cmocka_unit_test(tries_again_in_order),        cmocka_unit_test(gives_up_what_nobody_takes),
        cmocka_unit_test(is_nobody_without_a_webhook),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
