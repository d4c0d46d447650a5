/* Header blocks: the audit and the field checks must never read outside of the block, whatever
 * pieces a library claims to have found in it, and what passes must be unambiguous.
 *
 * The first byte chooses: a block split as a lenient parser would, or pieces at offsets that the
 * input itself names. */
#include <assert.h>

#include "base/mem.h"
#include "gateway/http_shape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the piece at `at` with the first of `marks`, which becomes NUL, and gives its place. */
static char *end_piece(char *at, const char *marks)
{
    char *end = at != NULL ? strpbrk(at, marks) : NULL;
    if (end != NULL) {
        *end = '\0';
    }
    return end;
}

/* NUL over the CR LF or LF that ends a line; the next one, or NULL. */
static char *end_line(char *line, const char *limit)
{
    char *end = line != NULL ? memchr(line, '\n', (size_t)(limit - line)) : NULL;
    if (end == NULL) {
        return NULL;
    }
    *end = '\0';
    if (end > line && end[-1] == '\r') {
        end[-1] = '\0';
    }
    return end + 1;
}

static bool split_request_line(char *block, const char *limit, struct http_head *head, char **out)
{
    char *next = end_line(block, limit);
    char *target = next != NULL ? end_piece(block, " ") : NULL;
    char *version = target != NULL ? end_piece(target + 1, " ") : NULL;
    if (version == NULL) {
        return false;
    }
    head->method = block;
    head->target = target + 1;
    head->target_len = strlen(target + 1);
    head->version = version + 1;
    *out = next;
    return true;
}

/* As the lenient library does: CR LF or LF, any blanks before values, the end at a line that begins
 * with NUL, be it written over a colon. */
static bool split(char *block, size_t size, struct http_head *head)
{
    char *line = NULL;
    const char *limit = block + size;
    if (!split_request_line(block, limit, head, &line)) {
        return false;
    }
    for (char *next = end_line(line, limit); next != NULL; next = end_line(line, limit)) {
        char *colon = end_piece(line, ":");
        if (line[0] == '\0') {
            head->size = (size_t)(next - block);
            return true;
        }
        if (colon == NULL) {
            return false;
        }
        char *value = colon + 1 + strspn(colon + 1, " \t");
        if (head->header_count < HTTP_HEADERS_MAX) {
            head->headers[head->header_count] =
                (struct http_header){span_of(line, strlen(line)), span_of(value, strlen(value))};
        }
        head->header_count++;
        line = next;
    }
    return false;
}

/* Pieces anywhere inside of the block, by pairs of input bytes. */
static void scatter(char *block, size_t size, const uint8_t *numbers, struct http_head *head)
{
    head->method = block;
    head->target = block + numbers[0] % (size + 1);
    head->target_len = numbers[1];
    head->version = block + numbers[2] % (size + 1);
    head->size = size;
    head->header_count = numbers[3] % 4;
    for (size_t i = 0; i < head->header_count; i++) {
        size_t name = numbers[4 + 4 * i] % (size + 1);
        size_t value = numbers[6 + 4 * i] % (size + 1);
        head->headers[i].name = span_of(block + name, numbers[5 + 4 * i] % (size - name + 1));
        head->headers[i].value = span_of(block + value, numbers[7 + 4 * i] % (size - value + 1));
    }
}

static void check_passed(const struct http_head *head)
{
    for (size_t i = 0; i < head->header_count; i++) {
        const struct http_header *header = &head->headers[i];
        assert(header->name.len > 0);
        assert(memchr(header->name.data, ' ', header->name.len) == NULL);
        assert(header->value.len == 0 ||
               (memchr(header->value.data, '\n', header->value.len) == NULL &&
                memchr(header->value.data, '\0', header->value.len) == NULL));
    }
}

/* No byte of the block is beside the pieces but NULs, and blanks before values. */
static void check_whole(char *block, const struct http_head *head)
{
    memset(block, 0, strlen(head->method));
    memset(block + (head->target - block), 0, head->target_len);
    memset(block + (head->version - block), 0, strlen(head->version));
    for (size_t i = 0; i < head->header_count; i++) {
        struct span name = head->headers[i].name, value = head->headers[i].value;
        memset(block + ((const char *)name.data - block), 0, name.len);
        memset(block + ((const char *)value.data - block), 0, value.len);
    }
    for (size_t i = 0; i < head->size; i++) {
        assert(block[i] == '\0' || block[i] == ' ' || block[i] == '\t');
    }
}

static void check_target(struct span target)
{
    struct span path;
    struct span query;
    if (http_shape_target(target, &path, &query).code == ERR_OK) {
        assert(path.len > 0 && path.data[0] == '/');
        assert(memchr(path.data, '%', path.len) == NULL);
        assert(memmem(path.data, path.len, "..", 2) == NULL);
        assert(path.len == 1 || path.data[1] != '/');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { NUMBERS = 20 };
    if (size < 1 + NUMBERS || size > HTTP_HEAD_MAX) {
        return 0;
    }
    bool as_parser = data[0] % 2 == 0;
    size_t skip = as_parser ? 1 : 1 + NUMBERS;
    CLEANUP(mem_free_at) char *block = mem_alloc(size - skip + 1);
    memcpy(block, data + skip, size - skip);
    check_target(span_of(block, size - skip));
    struct http_head head = {0};
    if (!as_parser) {
        scatter(block, size - skip, data + 1, &head);
    } else if (!split(block, size - skip, &head)) {
        return 0;
    }
    bool passed = http_shape_audit(&head).code == ERR_OK;
    if (passed) {
        check_passed(&head);
    }
    struct http_fields fields;
    enum method method;
    http_shape_fields(&head, &fields);
    struct err framing = http_shape_framing(&fields, 1000);
    struct err known = http_shape_method(head.method, &method);
    assert(framing.code != ERR_OK || fields.count[HTTP_HOST] == 1);
    assert(known.code == ERR_OK || known.code == ERR_METHOD_NOT_ALLOWED);
    (void)http_shape_request_id(fields.value[HTTP_REQUEST_ID]);
    (void)http_shape_traceparent(fields.value[HTTP_TRACEPARENT]);
    if (passed) {
        check_whole(block, &head);
    }
    return 0;
}
