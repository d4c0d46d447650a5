/* Header blocks: the audit and the field checks must never read outside of the block, whatever
 * pieces a library claims to have found in it, and what passes must be unambiguous.
 *
 * The first byte chooses: a block split as a lenient parser would, or pieces at offsets that the
 * input itself names. */
#include <assert.h>

#include "base/mem.h"
#include "gateway/http_shape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the piece at `at` with the first of `marks`, which becomes NUL; NULL at the end. */
static char *end_piece(char *at, const char *marks)
{
    char *end = at != NULL ? strpbrk(at, marks) : NULL;
    if (end != NULL) {
        *end = '\0';
    }
    return end;
}

static char *after(char *end, size_t skip)
{
    return end != NULL && strnlen(end + 1, skip) == skip ? end + 1 + skip : NULL;
}

/* As a lenient library does: CR LF or LF, any blanks around values. */
static bool split(char *block, size_t size, struct http_head *head)
{
    head->method = block;
    head->size = size;
    char *target = after(end_piece(block, " "), 0);
    char *version = after(end_piece(target, " "), 0);
    char *line = after(end_piece(version, "\r\n"), 1);
    if (line == NULL) {
        return false;
    }
    head->target = target;
    head->target_len = strlen(target);
    head->version = version;
    while (line != NULL && *line != '\0' && *line != '\r') {
        char *end = end_piece(line, "\r\n");
        char *value = after(end_piece(line, ":"), 0);
        if (end == NULL || value == NULL) {
            return false;
        }
        value += strspn(value, " \t");
        if (head->header_count < HTTP_HEADERS_MAX) {
            head->headers[head->header_count] =
                (struct http_header){span_of(line, strlen(line)), span_of(value, strlen(value))};
        }
        head->header_count++;
        line = after(end, 1);
    }
    if (line != NULL && strncmp(line, "\r\n", 2) == 0) {
        line[0] = line[1] = '\0';
    }
    return true;
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
    if (http_shape_audit(&head).code == ERR_OK) {
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
    return 0;
}
