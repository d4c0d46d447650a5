/* Shapes and sizes that the server refuses with the real library: each answer is a problem
 * document, the connection ends, and nothing behind the refused request is served. */
#include "server_fixture.h"

struct shape {
    const char *name;
    const char *request;
    const char *status;
    const char *code; /* NULL: the library refuses by itself, with a page of its own */
};

#define SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"

static const struct shape shapes[] = {
    {"both lengths",
     "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
     "0\r\n\r\n" SMUGGLED,
     "400", "invalid_http"},
    {"two lengths",
     "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400",
     "invalid_http"},
    {"length with sign", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc", "400",
     NULL},
    {"length over 64 bits",
     "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551615\r\n\r\n", "4", NULL},
    {"other transfer coding",
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "400",
     "invalid_http"},
    {"capital transfer coding",
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", "400",
     "invalid_http"},
    {"folded transfer coding",
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-: chunked\r\n Encoding\r\n\r\n0\r\n\r\n" SMUGGLED,
     "400", NULL},
    {"folded value", "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n" SMUGGLED, "400", NULL},
    {"blank before colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n" SMUGGLED, "400", NULL},
    {"bare LF", "GET / HTTP/1.1\nHost: h\n\n" SMUGGLED, "400", NULL},
    {"bare LF in headers", "GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n" SMUGGLED, "400", NULL},
    {"control in value", "GET / HTTP/1.1\r\nHost: h\r\nX: a\001b\r\n\r\n" SMUGGLED, "400", NULL},
    {"two hosts", "GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", "400", "invalid_http"},
    {"no host", "GET / HTTP/1.1\r\nX: y\r\n\r\n", "400", NULL},
    {"two authorizations",
     "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n", "400",
     "invalid_http"},
    {"HTTP/1.0", "GET / HTTP/1.0\r\nHost: h\r\n\r\n", "400", "invalid_http"},
    {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: h\r\n\r\n", "4", NULL},
    {"absolute form", "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", "400", "invalid_path"},
    {"asterisk form", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "4", NULL},
    {"authority form", "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", "4", NULL},
    {"escape", "GET /a%2fb HTTP/1.1\r\nHost: h\r\n\r\n", "400", "invalid_path"},
    {"escaped NUL", "GET /a%00b HTTP/1.1\r\nHost: h\r\n\r\n", "400", "invalid_path"},
    {"two slashes", "GET //a HTTP/1.1\r\nHost: h\r\n\r\n", "400", "invalid_path"},
    {"dots", "GET /a/../b HTTP/1.1\r\nHost: h\r\n\r\n", "400", "invalid_path"},
    {"fragment", "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", "400", "invalid_path"},
    {"8-bit path", "GET /a\xc3\xa4 HTTP/1.1\r\nHost: h\r\n\r\n", "400", "invalid_path"},
    {"control in path", "GET /a\001 HTTP/1.1\r\nHost: h\r\n\r\n", "400", "invalid_path"},
    {"OPTIONS", "OPTIONS / HTTP/1.1\r\nHost: h\r\n\r\n", "405", "method_not_allowed"},
    {"TRACE", "TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", "405", "method_not_allowed"},
    {"lower-case method", "get / HTTP/1.1\r\nHost: h\r\n\r\n", "405", "method_not_allowed"},
    {"expectation", "POST / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\nContent-Length: 0\r\n\r\n", "400",
     "invalid_http"},
    {"too large", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n", "413",
     "too_large"},
};

static int set_up(void **state)
{
    struct server_config config = usual_config();
    *state = fixture_open(&config);
    return 0;
}

static int tear_down(void **state)
{
    fixture_close(*state);
    return 0;
}

static void test_shapes(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        const struct shape *shape = &shapes[i];
        char status[32];
        char code[64];
        CLEANUP(mem_free_at) char *answer = ask(*state, shape->request);
        (void)snprintf(status, sizeof(status), "HTTP/1.1 %s", shape->status);
        (void)snprintf(code, sizeof(code), "\"code\":\"%s\"",
                       shape->code != NULL ? shape->code : "");
        print_message("%s: %.12s\n", shape->name, answer);
        assert_memory_equal(answer, status, strlen(status));
        assert_lacks(answer, "smuggled");
        assert_lacks(answer, "HTTP/1.1 200 ");
        if (shape->code != NULL) {
            assert_int_equal(count_of(answer, "Content-Length: "), 1);
            assert_has(answer, code);
            assert_has(answer, "Connection: close\r\n");
            assert_has(answer, "Content-Type: application/problem+json\r\n");
            assert_has(answer, "X-Request-Id: ");
        }
    }
}

static void test_nul_in_headers(void **state)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n" SMUGGLED;
    int fd = dial(*state);
    (void)send_bytes(fd, request, sizeof(request) - 1);
    CLEANUP(mem_free_at) char *answer = read_all(fd);
    assert_lacks(answer, "HTTP/1.1 200 ");
    assert_lacks(answer, "smuggled");
}

/* What the library takes for the end of the headers (a line that begins with NUL, or a colon behind
 * the first line) counts as one only with the bytes of CR LF CR LF. */
static void test_odd_ends_of_headers(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } ends[] = {
        {"\n\n", 2},           {"\n:\n", 3},      {"\n: \n", 4},        {"\r\n:\r\n", 5},
        {"\r\n:h\r\n", 6},     {"\0\r\n", 3},     {"\0\r\n\r\n", 5},    {"\r\n\0\r\n", 5},
        {"\r\n\0a: b\r\n", 9}, {"\r\n\0\0\n", 5}, {"\r\n \r\n\r\n", 7}, {"\0x\n\n", 4},
    };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        int fd = dial(*state);
        send_text(fd, "GET /first HTTP/1.1\r\nHost: h");
        (void)send_bytes(fd, ends[i].bytes, ends[i].len);
        send_text(fd, SMUGGLED);
        CLEANUP(mem_free_at) char *answer = read_all(fd);
        print_message("%zu: %.12s\n", i, answer);
        assert_lacks(answer, "HTTP/1.1 200 ");
        assert_int_equal(count_of(answer, "HTTP/1.1 400 "), 1);
    }
}

static void test_methods_are_named(void **state)
{
    CLEANUP(mem_free_at) char *answer = ask(*state, "TRACE / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_has(answer, "Allow: GET, POST, PUT, PATCH, DELETE\r\n");
}

static void test_odd_but_legal(void **state)
{
    CLEANUP(mem_free_at)
    char *answer = ask(*state, "GET /a.b-c_d:e@1?q=a//b%20.. HTTP/1.1\r\nHOST:h\r\nx-empty:\r\n"
                               "x-tab:\t a\tb \t\r\nX-8bit: \xe4\r\nX!#$%&'*+-.^_`|~: :\r\n"
                               "Connection: close\r\n\r\n");
    assert_has(answer, "HTTP/1.1 200 ");
    assert_has(answer, "path=/a.b-c_d:e@1\nquery=q=a//b%20..\n");
}

/* A client that writes all of its body before it reads still gets the answer. */
static void test_large_body_is_read_away(void **state)
{
    CLEANUP(mem_free_at) char *body = mem_alloc(4u << 20);
    int fd = dial(*state);
    send_text(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4194304\r\n\r\n");
    assert_true(send_bytes(fd, body, 4u << 20));
    CLEANUP(mem_free_at) char *answer = read_all(fd);
    assert_has(answer, "HTTP/1.1 413 ");
    assert_has(answer, "\"code\":\"too_large\"");
}

static void test_large_chunked_body(void **state)
{
    CLEANUP(mem_free_at) char *chunk = mem_alloc(0x8000);
    int fd = dial(*state);
    send_text(fd, "POST / HTTP/1.1\r\nHost: h\r\nX-Request-Id: here\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3; i++) {
        send_text(fd, "8000\r\n");
        (void)send_bytes(fd, chunk, 0x8000);
        send_text(fd, "\r\n");
    }
    CLEANUP(mem_free_at) char *answer = read_all(fd); /* before the body ended */
    assert_has(answer, "HTTP/1.1 413 ");
    assert_has(answer, "X-Request-Id: here\r\n");
    assert_has(answer, "\"code\":\"too_large\"");
}

static void test_large_head(void **state)
{
    CLEANUP(buf_clear) struct buf text = {0};
    assert_int_equal(buf_append_text(&text, "GET / HTTP/1.1\r\nHost: h\r\nX: ").code, ERR_OK);
    uint8_t *place = NULL;
    assert_int_equal(buf_extend(&text, 8300, &place).code, ERR_OK);
    memset(place, 'x', 8300);
    assert_int_equal(buf_append_text(&text, "\r\n\r\n").code, ERR_OK);
    int fd = dial(*state);
    (void)send_bytes(fd, text.data, text.len);
    CLEANUP(mem_free_at) char *answer = read_all(fd);
    assert_has(answer, "HTTP/1.1 413 ");
}

static void test_long_path(void **state)
{
    CLEANUP(mem_free_at) char *path = mem_alloc(2100);
    memset(path, 'x', 2099);
    CLEANUP(mem_free_at) char *request = mem_format("GET /%s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    CLEANUP(mem_free_at) char *answer = ask(*state, request);
    assert_has(answer, "HTTP/1.1 400 ");
    assert_has(answer, "invalid_path");
}

static void test_many_headers(void **state)
{
    CLEANUP(buf_clear) struct buf text = {0};
    assert_int_equal(buf_append_text(&text, "GET / HTTP/1.1\r\nHost: h\r\n").code, ERR_OK);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(buf_append_text(&text, "a: b\r\n").code, ERR_OK);
    }
    assert_int_equal(buf_append_text(&text, "\r\n").code, ERR_OK);
    int fd = dial(*state);
    (void)send_bytes(fd, text.data, text.len);
    CLEANUP(mem_free_at) char *answer = read_all(fd);
    assert_has(answer, "HTTP/1.1 400 ");
    assert_has(answer, "invalid_http");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_shapes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nul_in_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_odd_ends_of_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_methods_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_odd_but_legal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_body_is_read_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_chunked_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_head, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_headers, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
