/* fuzz_sigv4: a signature in the header or in the query is read or refused; what is read lies
 * within the request or its own text and keeps its promises, and nothing that nobody signed is
 * verified. A canonical query is the canonical one of itself.
 *
 * Lines: the query, the Authorization header (empty: none), headers `name:value`; behind an empty
 * line, the body. */
#include <assert.h>

#include "base/mem.h"
#include "gateway/aws/sigv4_inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_within(struct span inner, const void *outer, size_t len)
{
    const uint8_t *start = outer;
    return inner.len == 0 || (start != NULL && inner.data >= start && inner.len <= len &&
                              inner.data + inner.len <= start + len);
}

static void check_place(const struct sigv4 *read, struct span said)
{
    const struct span parts[] = {read->access_key, read->date,  read->region,
                                 read->service,    read->scope, read->signed_headers};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        assert(parts[i].len > 0);
        assert(read->in_query ? is_within(parts[i], read->text, read->text_len)
                              : is_within(parts[i], said.data, said.len));
    }
    assert(read->text_len <= SIGV4_TEXT_MAX);
    assert(is_within(read->date, read->scope.data, read->scope.len));
    assert(is_within(read->region, read->scope.data, read->scope.len));
    assert(is_within(read->service, read->scope.data, read->scope.len));
}

static void check_read(const struct sigv4_request *request, const struct sigv4 *read)
{
    uint8_t key[SHA256_LEN];
    check_place(read, request->authorization);
    assert(read->date.len == 8 && read->signed_at.len == 16);
    assert(memcmp(read->date.data, read->signed_at.data, 8) == 0);
    assert(read->in_query == sigv4_is_in_query(request->query));
    assert(!read->in_query || request->authorization.len == 0);
    assert(read->lasts_ms >= 1000 && read->lasts_ms <= INT64_C(1000) * SIGV4_EXPIRES_MAX);
    sigv4_signing_key(read, span_text("a secret that nobody signs with"), key);
    struct err err = sigv4_verify(request, read, key);
    assert(err.code == ERR_UNAUTHENTICATED);
}

static void check_query(struct span query)
{
    CLEANUP(buf_clear) struct buf once = {0};
    CLEANUP(buf_clear) struct buf twice = {0};
    struct err err = sigv4_put_query(query, false, &once);
    assert(err.code == ERR_OK || err.code == ERR_UNAUTHENTICATED);
    if (err.code != ERR_OK || once.len > HTTP_TARGET_MAX) {
        return;
    }
    err = sigv4_put_query(buf_span(&once), false, &twice);
    assert(err.code == ERR_OK && span_equal(buf_span(&once), buf_span(&twice)));
}

static void check_request(const struct sigv4_request *request)
{
    struct sigv4 *read = mem_alloc(sizeof(*read));
    struct err err = sigv4_parse(request, read);
    assert(err.code == ERR_OK || err.code == ERR_UNAUTHENTICATED);
    if (err.code == ERR_OK) {
        check_read(request, read);
    }
    mem_free(read);
}

static void read_headers(struct span *rest, struct http_header *headers, size_t max, size_t *count)
{
    struct span line = sigv4_take_until(rest, '\n');
    while (line.len > 0) {
        struct span name = sigv4_take_until(&line, ':');
        if (*count < max) {
            headers[(*count)++] = (struct http_header){name, line};
        }
        line = sigv4_take_until(rest, '\n');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_header headers[12] = {{span_text("host"), span_text("h")}};
    struct sigv4_request request = {
        .method = "POST", .path = span_text("/"), .headers = headers, .header_count = 1};
    struct span rest = span_of(data, size);
    if (size == 0) {
        return 0;
    }
    request.query = sigv4_take_until(&rest, '\n');
    request.authorization = sigv4_take_until(&rest, '\n');
    read_headers(&rest, headers, ARRAY_LEN(headers), &request.header_count);
    request.body = rest;
    check_query(request.query);
    if (request.query.len <= HTTP_TARGET_MAX) {
        check_request(&request);
    }
    return 0;
}
