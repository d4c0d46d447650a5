/* Armour around bytes, as OpenSSL and OpenSSH write it.
 *
 * OpenSSL's own reader skips foreign text, takes headers and forgives broken lines; here a text is
 * what those programs write, or it is refused. */
#include "quorum/armor.h"

#include "base/encoding.h"
#include "base/mem.h"

#define DASHES   "-----"
#define LINE_MAX 76

bool armor_begins(struct span text)
{
    return span_starts(text, DASHES "BEGIN ");
}

/* The next line without its end; false when there is none. */
static bool take_line(struct span *rest, struct span *out)
{
    if (rest->len == 0) {
        return false;
    }
    const uint8_t *end = memchr(rest->data, '\n', rest->len);
    size_t len = end != NULL ? (size_t)(end - rest->data) : rest->len;
    size_t used = end != NULL ? len + 1 : len;
    bool has_return = end != NULL && len > 0 && rest->data[len - 1] == '\r';
    *out = span_of(rest->data, has_return ? len - 1 : len);
    *rest = span_of(rest->data + used, rest->len - used);
    return true;
}

static bool is_mark(struct span line, const char *which, const char *label)
{
    char mark[64];
    int len = snprintf(mark, sizeof(mark), DASHES "%s %s" DASHES, which, label);
    return len > 0 && (size_t)len < sizeof(mark) && span_is(line, mark);
}

/* Joins the lines of base64 up to the mark at the end. */
static bool take_body(struct span *rest, const char *label, struct buf *out)
{
    struct span line = {0};
    size_t width = 0;
    bool is_last = false;
    while (take_line(rest, &line)) {
        if (is_mark(line, "END", label)) {
            return true;
        }
        width = width == 0 ? line.len : width;
        if (is_last || line.len == 0 || line.len > width || line.len > LINE_MAX ||
            buf_append(out, line).code != ERR_OK) {
            return false;
        }
        is_last = line.len < width;
    }
    return false;
}

bool armor_read(struct span text, const char *label, struct buf *out)
{
    CLEANUP(buf_clear) struct buf body = {0};
    struct span rest = text;
    struct span line = {0};
    return take_line(&rest, &line) && is_mark(line, "BEGIN", label) &&
           take_body(&rest, label, &body) && rest.len == 0 && body.len > 0 &&
           base64_decode(buf_span(&body), out).code == ERR_OK;
}
