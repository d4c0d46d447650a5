/* Bytes: `span` borrows, `buf` owns, knows its maximum and wipes what it leaves, `cursor` reads. */
#ifndef HSMGATE_BASE_BUF_H
#define HSMGATE_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Borrowed bytes; text in a span is not NUL-terminated. `data` may be NULL when len is 0. */
struct span {
    const uint8_t *data;
    size_t len;
};

/* Owned bytes that never grow over `max`. A zeroed buf is empty and has the default maximum
 * BUF_MAX_DEFAULT. */
struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max;
    bool lent; /* `data` is somebody else's, see buf_lend */
};

#define BUF_MAX_DEFAULT ((size_t)4 << 20)

static inline struct span span_of(const void *data, size_t len)
{
    return (struct span){(const uint8_t *)data, len};
}

static inline struct span span_text(const char *text)
{
    return span_of(text, strlen(text));
}

/* Not in constant time: for public bytes only; see secret_equal. */
bool span_equal(struct span a, struct span b);
bool span_is(struct span a, const char *text);
bool span_starts(struct span a, const char *prefix);
/* NUL-terminated copy; free with mem_free. */
char *span_to_text(struct span a);

void buf_init(struct buf *buf, size_t max);
/* An empty buf uses the caller's memory, which must outlive it, for as long as its bytes fit in;
 * they are wiped like its own. `size` is at most the maximum. */
void buf_lend(struct buf *buf, void *memory, size_t size);
/* Wipes and frees; the buf may be used again. For CLEANUP too. */
void buf_clear(struct buf *buf);
/* Wipes and keeps the memory and the maximum. */
void buf_reset(struct buf *buf);
static inline struct span buf_span(const struct buf *buf)
{
    return span_of(buf->data, buf->len);
}
/* For buf_extend only. */
MUST_USE struct err buf_extend_slowly(struct buf *buf, size_t len, uint8_t **out_place);
/* Makes room for `len` more bytes and gives their place; `buf->len` grows by len. ERR_TOO_LARGE
 * over max. */
MUST_USE static inline struct err buf_extend(struct buf *buf, size_t len, uint8_t **out_place)
{
    if (buf->data == NULL || len > buf->cap - buf->len) {
        return buf_extend_slowly(buf, len, out_place);
    }
    *out_place = buf->data + buf->len; /* `cap` is never over the maximum */
    buf->len += len;
    return err_ok();
}
MUST_USE struct err buf_append(struct buf *buf, struct span bytes);
/* Several, one behind the other, with one growth. */
MUST_USE struct err buf_append_parts(struct buf *buf, const struct span *parts, size_t count);
MUST_USE struct err buf_append_text(struct buf *buf, const char *text);
MUST_USE struct err buf_printf(struct buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Big-endian integers. */
MUST_USE struct err buf_append_u8(struct buf *buf, uint8_t value);
MUST_USE struct err buf_append_u16(struct buf *buf, uint16_t value);
MUST_USE struct err buf_append_u32(struct buf *buf, uint32_t value);
MUST_USE struct err buf_append_u64(struct buf *buf, uint64_t value);
/* Shortens to len, wiping the tail; len <= buf->len. */
void buf_truncate(struct buf *buf, size_t len);
/* Moves the bytes from `from` (which becomes empty) to `to`, whose old content is wiped. What is
 * lent is copied. */
void buf_move(struct buf *to, struct buf *from);

/* Reads big-endian from a span; every call fails with ERR_CORRUPT at the end of the bytes. */
struct cursor {
    struct span rest;
};
static inline struct cursor cursor_of(struct span bytes)
{
    return (struct cursor){bytes};
}
MUST_USE struct err cursor_u8(struct cursor *cursor, uint8_t *out);
MUST_USE struct err cursor_u16(struct cursor *cursor, uint16_t *out);
MUST_USE struct err cursor_u32(struct cursor *cursor, uint32_t *out);
MUST_USE struct err cursor_u64(struct cursor *cursor, uint64_t *out);
/* Borrows `len` bytes. */
MUST_USE struct err cursor_bytes(struct cursor *cursor, size_t len, struct span *out);

#endif
