/* Byte buffers: borrowed spans, owned bufs, and the big-endian cursor.
 *
 * Any buf may come to hold plaintext, so none ever leaves bytes behind: growing allocates, copies
 * and wipes the old place (realloc would not), shortening wipes the tail. Nothing grows over its
 * maximum, so a length from outside cannot make us allocate more than the owner planned for. */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>

#include "base/mem.h"

#define FIRST_CAP 64

bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool span_is(struct span a, const char *text)
{
    return span_equal(a, span_text(text));
}

bool span_starts(struct span a, const char *prefix)
{
    size_t len = strlen(prefix);
    return a.len >= len && (len == 0 || memcmp(a.data, prefix, len) == 0);
}

char *span_to_text(struct span a)
{
    char *text = mem_alloc(a.len + 1);
    if (a.len > 0) {
        memcpy(text, a.data, a.len);
    }
    return text;
}

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max};
}

/* Leaves no bytes behind, whoever owns the memory. */
static void drop_memory(struct buf *buf)
{
    mem_wipe(buf->data, buf->len);
    mem_free(buf->lent ? NULL : buf->data);
    buf->lent = false;
}

void buf_clear(struct buf *buf)
{
    drop_memory(buf);
    *buf = (struct buf){.max = buf->max};
}

void buf_reset(struct buf *buf)
{
    buf_truncate(buf, 0);
}

static size_t limit_of(const struct buf *buf)
{
    return buf->max > 0 ? buf->max : BUF_MAX_DEFAULT;
}

static void grow(struct buf *buf, size_t limit, size_t need)
{
    size_t cap = buf->cap < FIRST_CAP ? FIRST_CAP : buf->cap;
    cap = cap > limit ? limit : cap;
    while (cap < need) {
        cap = cap > limit / 2 ? limit : cap * 2;
    }
    uint8_t *data = mem_room(cap); /* nothing reads behind `len` */
    if (buf->data != NULL && buf->len > 0) {
        memcpy(data, buf->data, buf->len);
    }
    drop_memory(buf);
    buf->data = data;
    buf->cap = cap;
}

void buf_lend(struct buf *buf, void *memory, size_t size)
{
    assert(buf->data == NULL && size <= limit_of(buf));
    buf->data = memory;
    buf->cap = size;
    buf->lent = true;
}

struct err buf_extend_slowly(struct buf *buf, size_t len, uint8_t **out_place)
{
    size_t limit = limit_of(buf);
    ENSURE(buf->len <= limit && len <= limit - buf->len, ERR_TOO_LARGE, "more than %zu bytes",
           limit);
    grow(buf, limit, buf->len + len);
    *out_place = buf->data + buf->len;
    buf->len += len;
    return err_ok();
}

struct err buf_append(struct buf *buf, struct span bytes)
{
    return buf_append_parts(buf, &bytes, 1);
}

struct err buf_append_parts(struct buf *buf, const struct span *parts, size_t count)
{
    size_t len = 0;
    uint8_t *place = NULL;
    for (size_t i = 0; i < count; i++) {
        ENSURE(!__builtin_add_overflow(len, parts[i].len, &len), ERR_TOO_LARGE, "too many bytes");
    }
    TRY(buf_extend(buf, len, &place));
    assert(place != NULL);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0) {
            memcpy(place, parts[i].data, parts[i].len);
            place += parts[i].len;
        }
    }
    return err_ok();
}

struct err buf_append_text(struct buf *buf, const char *text)
{
    return buf_append(buf, span_text(text));
}

struct err buf_printf(struct buf *buf, const char *format, ...)
{
    /* vsnprintf ends with a NUL for which a buf at its maximum has no room: format elsewhere. */
    char small[256];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    assert(len >= 0);
    if ((size_t)len < sizeof(small)) {
        struct err err = buf_append(buf, span_of(small, (size_t)len));
        mem_wipe(small, (size_t)len);
        return err;
    }
    size_t size = (size_t)len + 1;
    char *large = mem_alloc(size);
    va_start(args, format);
    (void)vsnprintf(large, size, format, args);
    va_end(args);
    struct err err = buf_append(buf, span_of(large, (size_t)len));
    mem_wipe(large, size);
    mem_free(large);
    return err;
}

static struct err append_integer(struct buf *buf, uint64_t value, size_t size)
{
    uint8_t *place = NULL;
    TRY(buf_extend(buf, size, &place));
    assert(place != NULL);
    for (size_t i = size; i > 0; i--) {
        place[i - 1] = (uint8_t)value;
        value >>= 8;
    }
    return err_ok();
}

struct err buf_append_u8(struct buf *buf, uint8_t value)
{
    return append_integer(buf, value, sizeof(value));
}

struct err buf_append_u16(struct buf *buf, uint16_t value)
{
    return append_integer(buf, value, sizeof(value));
}

struct err buf_append_u32(struct buf *buf, uint32_t value)
{
    return append_integer(buf, value, sizeof(value));
}

struct err buf_append_u64(struct buf *buf, uint64_t value)
{
    return append_integer(buf, value, sizeof(value));
}

void buf_truncate(struct buf *buf, size_t len)
{
    assert(len <= buf->len);
    if (len < buf->len) {
        mem_wipe(buf->data + len, buf->len - len);
        buf->len = len;
    }
}

void buf_move(struct buf *to, struct buf *from)
{
    assert(to != from);
    buf_clear(to);
    if (from->lent) {
        grow(from, limit_of(from), from->len);
    }
    *to = *from;
    *from = (struct buf){.max = from->max};
}

static struct err read_integer(struct cursor *cursor, size_t size, uint64_t *out)
{
    struct span bytes = {0};
    TRY(cursor_bytes(cursor, size, &bytes));
    assert(bytes.data != NULL);
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | bytes.data[i];
    }
    *out = value;
    return err_ok();
}

struct err cursor_u8(struct cursor *cursor, uint8_t *out)
{
    uint64_t value = 0;
    TRY(read_integer(cursor, sizeof(*out), &value));
    *out = (uint8_t)value;
    return err_ok();
}

struct err cursor_u16(struct cursor *cursor, uint16_t *out)
{
    uint64_t value = 0;
    TRY(read_integer(cursor, sizeof(*out), &value));
    *out = (uint16_t)value;
    return err_ok();
}

struct err cursor_u32(struct cursor *cursor, uint32_t *out)
{
    uint64_t value = 0;
    TRY(read_integer(cursor, sizeof(*out), &value));
    *out = (uint32_t)value;
    return err_ok();
}

struct err cursor_u64(struct cursor *cursor, uint64_t *out)
{
    return read_integer(cursor, sizeof(*out), out);
}

struct err cursor_bytes(struct cursor *cursor, size_t len, struct span *out)
{
    ENSURE(len <= cursor->rest.len, ERR_CORRUPT, "the bytes end too early");
    *out = (struct span){cursor->rest.data, len};
    if (len > 0) {
        cursor->rest.data += len;
        cursor->rest.len -= len;
    }
    return err_ok();
}
