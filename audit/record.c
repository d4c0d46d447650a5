/* One audit record as one line of JSON.
 *
 * The order of the fields is fixed and empty ones are left out, so the same facts give the same
 * bytes. The caller's thread writes everything but the sequence, which only the writer knows: it
 * puts `{"seq":N,` in front. Whatever a client sent is escaped by the JSON writer and cut here, so
 * a record is always one line of bounded length. */
#include "audit/record.h"

#include <string.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/json.h"

#include "base/banned.h"

/* An escaped byte takes six, so all text fields together stay under 22 KiB. */
#define FIELD_MAX  ((size_t)448)
#define DETAIL_MAX ((size_t)8 << 10)

#define SEQ_LEAD "{\"seq\":"

static void put_text(struct json_writer *writer, const char *name, struct span text)
{
    if (text.len > 0) {
        json_put_span(writer, name,
                      span_of(text.data, text.len < FIELD_MAX ? text.len : FIELD_MAX));
    }
}

static void put_count(struct json_writer *writer, const char *name, int64_t value)
{
    if (value != 0) {
        json_put_integer(writer, name, value);
    }
}

static void put_time(struct json_writer *writer, int64_t time)
{
    char text[CLOCK_TEXT_MAX];
    clock_format(time, text);
    json_put_text(writer, "time", text);
}

static void put_digest(struct json_writer *writer, const uint8_t digest[SHA256_LEN])
{
    static const char hex[] = "0123456789abcdef";
    char text[sizeof("sha256:") + 2 * (size_t)SHA256_LEN] = "sha256:";
    char *at = text + strlen(text);
    for (size_t i = 0; i < SHA256_LEN; i++) {
        *at++ = hex[digest[i] >> 4];
        *at++ = hex[digest[i] & 0x0f];
    }
    json_put_text(writer, "digest", text);
}

/* Milliseconds with microseconds behind the point: `1.204`. */
static void put_ms(struct json_writer *writer, int64_t microseconds)
{
    char text[NUMBER_TEXT_MAX + 4];
    int64_t value = microseconds > 0 ? microseconds : 0;
    size_t len = number_write(value / 1000, text);
    text[len++] = '.';
    text[len++] = (char)('0' + value / 100 % 10);
    text[len++] = (char)('0' + value / 10 % 10);
    text[len++] = (char)('0' + value % 10);
    json_put_raw(writer, "ms", span_of(text, len));
}

static void put_request(struct json_writer *writer, const struct audit_record *record)
{
    put_text(writer, "request_id", record->request_id);
    put_text(writer, "traceparent", record->traceparent);
    put_text(writer, "principal", record->principal);
    put_text(writer, "source", record->source);
    put_text(writer, "dialect", record->dialect);
    put_text(writer, "operation", record->operation);
    put_text(writer, "key", record->key);
    put_text(writer, "grant", record->grant);
    put_count(writer, "version", record->version);
}

static void put_outcome(struct json_writer *writer, const struct audit_record *record)
{
    put_text(writer, "outcome", span_text(record->outcome == NULL ? "" : record->outcome));
    put_text(writer, "code", record->code);
    put_count(writer, "status", record->status);
    if (record->has_digest) {
        put_digest(writer, record->digest);
    }
    put_count(writer, "items", record->items);
    put_count(writer, "items_failed", record->items_failed);
    if (record->microseconds > 0) {
        put_ms(writer, record->microseconds);
    }
    if (record->detail.len > 0) {
        json_put_raw(writer, "detail", record->detail);
    }
}

static bool is_one_line(struct span text)
{
    return text.len == 0 || memchr(text.data, '\n', text.len) == NULL;
}

struct err record_write_tail(const struct audit_record *record, struct buf *out)
{
    ENSURE(record->detail.len <= DETAIL_MAX && is_one_line(record->detail), ERR_INVALID_FIELD,
           "the detail of an audit record is too long or not one line");
    struct json_writer writer = json_writer_on(out);
    put_time(&writer, record->time);
    json_put_text(&writer, "kind", record->kind);
    put_request(&writer, record);
    put_outcome(&writer, record);
    TRY(json_finish(&writer));
    return buf_append_text(out, "}\n");
}

struct err record_write_line(uint64_t seq, struct span tail, struct buf *out)
{
    char text[NUMBER_TEXT_MAX];
    TRY(buf_append_text(out, SEQ_LEAD));
    TRY(buf_append(out, span_of(text, natural_write(seq, text))));
    TRY(buf_append_text(out, ","));
    return buf_append(out, tail);
}

/* Digits of a sequence from 1, without leading zero, that fit 64 bits; the place behind them, or
 * NULL. */
static const uint8_t *read_digits(const uint8_t *at, const uint8_t *end, uint64_t *out)
{
    uint64_t value = 0;
    if (at == end || *at == '0') {
        return NULL;
    }
    const uint8_t *start = at;
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        if (value > (UINT64_MAX - 9) / 10) {
            return NULL;
        }
        value = value * 10 + (uint64_t)(*at - '0');
    }
    *out = value;
    return at == start ? NULL : at;
}

bool record_read_seq(struct span line, uint64_t *out_seq)
{
    if (line.len > 0 && line.data[line.len - 1] == '\n') {
        line.len--;
    }
    bool framed = span_starts(line, SEQ_LEAD) && line.data[line.len - 1] == '}';
    if (!framed || memchr(line.data, 0, line.len) != NULL) { /* zeros: a hole of the disk */
        return false;
    }
    const uint8_t *end = line.data + line.len;
    uint64_t seq = 0;
    const uint8_t *at = read_digits(line.data + strlen(SEQ_LEAD), end, &seq);
    if (at == NULL || *at != ',') { /* `}` stands at the end, so `at` is inside */
        return false;
    }
    *out_seq = seq;
    return true;
}
