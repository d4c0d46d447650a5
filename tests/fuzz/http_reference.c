/* Grammar after grammar, from RFC 9112 §2.1 to §7.1, as slowly and as strictly as it stands there:
 * CR LF ends lines, one blank parts the request line, a body has exactly one length. Nothing is
 * shared with the gateway's own reading, which is held against this one.
 *
 * It gives way only where the library leaves nothing to know by. It writes NUL over the CR LF or LF
 * that ends a line and over the first colon of a header line, a line that begins with NUL by then
 * ends the headers, and a value ends at its first NUL. So NUL LF behind a value is CR LF to
 * whoever sees the block afterwards, and behind the last value whatever four bytes end
 * up as NULs are CR LF CR LF. In all of them but that one, NUL or a bare LF occurs. */
#include "tests/fuzz/http_reference.h"

#include <strings.h>

#include "base/encoding.h"
#include "base/mem.h"

#define LENGTH_MAX ((size_t)1 << 20) /* no stream here is longer */

struct framing {
    unsigned lengths, codings, hosts;
    size_t length;
    bool odd;  /* a field that no strict reader takes */
    bool last; /* `Connection: close` */
};

void http_asked_clear(struct http_asked *asked)
{
    buf_clear(&asked->body);
}

/* A line without its CR LF; false when there is none. Bare CRs and LFs are none. */
static bool take_line(struct span *rest, struct span *out)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->data, '\n', rest->len);
    if (end == NULL || end == rest->data || end[-1] != '\r') {
        return false;
    }
    *out = span_of(rest->data, (size_t)(end - rest->data) - 1);
    *rest = span_of(end + 1, rest->len - out->len - 2);
    return out->len == 0 || memchr(out->data, '\r', out->len) == NULL;
}

static bool is_token(struct span text)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i], lower = c | 0x20;
        bool plain = (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z');
        if (!plain && (c == 0 || strchr(marks, c) == NULL)) {
            return false;
        }
    }
    return text.len > 0;
}

static bool cut(struct span *rest, char mark, struct span *out)
{
    const uint8_t *at = rest->len == 0 ? NULL : memchr(rest->data, mark, rest->len);
    if (at == NULL) {
        return false;
    }
    *out = span_of(rest->data, (size_t)(at - rest->data));
    *rest = span_of(at + 1, rest->len - out->len - 1);
    return true;
}

static struct span trim(struct span text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = span_of(text.data + 1, text.len - 1);
    }
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

static bool same(struct span text, const char *word)
{
    return text.len == strlen(word) && strncasecmp((const char *)text.data, word, text.len) == 0;
}

static bool read_number(struct span digits, unsigned base, size_t *out)
{
    size_t value = 0;
    for (size_t i = 0; i < digits.len && value <= LENGTH_MAX; i++) {
        unsigned digit = hex_value(digits.data[i]);
        if (digit >= base) {
            return false;
        }
        value = value * base + digit;
    }
    *out = value;
    return digits.len > 0 && value <= LENGTH_MAX;
}

/* §2.2: empty lines before a request are passed over. The library is more generous than the RFC: a
 * bare LF is an empty line, and so is whatever begins with NUL. None of it is part of a request,
 * and no server in front would send it on, so the judge is as generous. */
static void pass_empty_lines(struct span *stream)
{
    while (span_starts(*stream, "\r\n") || span_starts(*stream, "\n") ||
           (stream->len > 0 && stream->data[0] == '\0')) {
        const uint8_t *end = memchr(stream->data, '\n', stream->len);
        size_t len = end != NULL ? (size_t)(end - stream->data) + 1 : stream->len;
        *stream = span_of(stream->data + len, stream->len - len);
    }
}

static bool take_request_line(struct span *stream, struct http_asked *out)
{
    struct span line = {0};
    pass_empty_lines(stream);
    return take_line(stream, &line) && cut(&line, ' ', &out->method) &&
           cut(&line, ' ', &out->target) && span_is(line, "HTTP/1.1") && is_token(out->method) &&
           out->target.len > 0;
}

static bool take_field(struct span line, struct framing *framing, struct http_asked *out)
{
    struct span name = {0};
    if (!cut(&line, ':', &name) || !is_token(name)) {
        return false;
    }
    struct span value = trim(line);
    framing->hosts += same(name, "host") ? 1 : 0;
    if (same(name, "content-length")) {
        framing->lengths++;
        framing->odd = framing->odd || !read_number(value, 10, &framing->length);
    } else if (same(name, "transfer-encoding")) {
        framing->codings++;
        framing->odd = framing->odd || !same(value, "chunked");
    } else if (same(name, "connection")) {
        framing->last = framing->last || same(value, "close");
    } else if (same(name, "authorization") && out->authorization.data == NULL) {
        out->authorization = value;
    }
    return true;
}

static bool starts_with_any(struct span text, const char (*ends)[5], size_t count, size_t len)
{
    for (size_t i = 0; i < count; i++) {
        if (text.len >= len && memcmp(text.data, ends[i], len) == 0) {
            return true;
        }
    }
    return false;
}

/* All that NULs are left of: two line ends, of which the second may have a colon or NUL before. */
static bool at_head_end(struct span text)
{
    static const char ends[][5] = {"\r\n\r\n", "\r\n\0\n", "\r\n:\n",  "\0\n\r\n",
                                   "\0\n\0\n", "\0\n:\n",  "\n\0\r\n", "\n\0\0\n",
                                   "\n:\r\n",  "\n:\0\n",  "\0\r\n\n", "\0\0\n\n"};
    return starts_with_any(text, ends, ARRAY_LEN(ends), 4);
}

static bool at_line_end(struct span text)
{
    static const char ends[][5] = {"\r\n", "\0\n"};
    return starts_with_any(text, ends, ARRAY_LEN(ends), 2);
}

/* Up to the first CR, LF or NUL. */
static struct span before_end(struct span text)
{
    size_t len = 0;
    while (len < text.len && text.data[len] != '\r' && text.data[len] != '\n' &&
           text.data[len] != '\0') {
        len++;
    }
    return span_of(text.data, len);
}

/* One field or more, and the empty line behind them. */
static bool take_fields(struct span *stream, struct framing *framing, struct http_asked *out)
{
    for (;;) {
        struct span line = before_end(*stream);
        struct span end = span_of(stream->data + line.len, stream->len - line.len);
        bool last = at_head_end(end);
        if (!(last || at_line_end(end)) || !take_field(line, framing, out)) {
            return false;
        }
        size_t end_len = last ? 4 : 2;
        *stream = span_of(end.data + end_len, end.len - end_len);
        if (last) {
            return true;
        }
    }
}

/* Nobody reads them, so they are only passed over. */
static bool take_trailers(struct span *stream)
{
    struct framing ignored = {0};
    struct http_asked none = {0};
    struct span line = {0};
    while (take_line(stream, &line)) {
        if (line.len == 0 || !take_field(line, &ignored, &none)) {
            return line.len == 0;
        }
    }
    return false;
}

static bool take_bytes(struct span *stream, size_t len, struct buf *out)
{
    if (stream->len < len || buf_append(out, span_of(stream->data, len)).code != ERR_OK) {
        return false;
    }
    *stream = span_of(stream->data + len, stream->len - len);
    return true;
}

static bool take_chunks(struct span *stream, struct http_asked *out)
{
    struct span line = {0}, size = {0};
    size_t len = 0;
    for (;;) {
        if (!take_line(stream, &line)) {
            return false;
        }
        size = line;
        (void)cut(&line, ';', &size); /* extensions are passed over */
        if (!read_number(trim(size), 16, &len)) {
            return false;
        }
        if (len == 0) {
            return take_trailers(stream);
        }
        if (!take_bytes(stream, len, &out->body) || !take_line(stream, &line) || line.len > 0) {
            return false;
        }
    }
}

bool http_reference_next(struct span *stream, struct http_asked *out)
{
    struct framing framing = {0};
    if (!take_request_line(stream, out) || !take_fields(stream, &framing, out) || framing.odd ||
        framing.hosts != 1 || framing.lengths + framing.codings > 1) {
        return false;
    }
    out->last = framing.last || framing.codings == 1;
    out->odd_chunks = framing.codings == 1 && !take_chunks(stream, out);
    return framing.codings == 1 || take_bytes(stream, framing.length, &out->body);
}
