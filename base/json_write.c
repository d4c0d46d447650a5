/* Compact JSON into a buf.
 *
 * The first error sticks and ends the output; json_finish hands it over. Text from outside is made
 * valid on its way: bad UTF-8 becomes U+FFFD, control characters are escaped (RFC 8259 §7), so
 * whatever a client sent, our answers and audit lines stay JSON of one line. */
#include "base/json_inner.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <math.h>

#include "base/clock.h"
#include "base/encoding.h"

struct json_writer json_writer_on(struct buf *out)
{
    return (struct json_writer){.out = out};
}

/* Room for `len` bytes more, or NULL after an error, which stays. */
static uint8_t *room(struct json_writer *writer, size_t len)
{
    uint8_t *place = NULL;
    if (writer->err.code != ERR_OK) {
        return NULL;
    }
    struct err err = buf_extend(writer->out, len, &place);
    if (err.code != ERR_OK) {
        writer->err = err;
    }
    return place;
}

static void put(struct json_writer *writer, struct span bytes)
{
    uint8_t *place = room(writer, bytes.len);
    if (place != NULL && bytes.len > 0) {
        memcpy(place, bytes.data, bytes.len);
    }
}

static void put_literal(struct json_writer *writer, const char *text)
{
    put(writer, span_text(text));
}

static void put_escape(struct json_writer *writer, uint8_t c)
{
    static const char shorts[32] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    char escape[8];
    if (c == '"' || c == '\\') {
        (void)snprintf(escape, sizeof(escape), "\\%c", c);
    } else if (c < sizeof(shorts) && shorts[c] != 0) {
        (void)snprintf(escape, sizeof(escape), "\\%c", shorts[c]);
    } else {
        (void)snprintf(escape, sizeof(escape), "\\u%04x", c);
    }
    put_literal(writer, escape);
}

/* Length of the longest start that can be written as it is. */
static size_t plain_len(struct span text)
{
    const uint8_t *at = text.data;
    const uint8_t *end = text.data + text.len;
    for (;;) {
        at = json_scan_plain(at, end);
        size_t len = at < end && *at >= 0x80 ? json_scan_character(at, end) : 0;
        if (len == 0) {
            return (size_t)(at - text.data);
        }
        at += len;
    }
}

static void put_escaped(struct json_writer *writer, struct span text)
{
    while (text.len > 0) {
        size_t plain = plain_len(text);
        put(writer, span_of(text.data, plain));
        text = span_of(text.data + plain, text.len - plain);
        if (text.len == 0) {
            break;
        }
        uint8_t c = text.data[0];
        if (c < 0x80) {
            put_escape(writer, c);
        } else {
            put_literal(writer, "\xEF\xBF\xBD");
        }
        text = span_of(text.data + 1, text.len - 1);
    }
}

static void put_character(struct json_writer *writer, char c)
{
    put(writer, span_of(&c, c != 0 ? 1 : 0));
}

/* A text in quotes, with a character before and behind it, 0 for none. Nearly every text is plain,
 * and then all of it is one piece. */
static void put_quoted(struct json_writer *writer, char before, struct span text, char behind)
{
    if (plain_len(text) < text.len) {
        put_character(writer, before);
        put_character(writer, '"');
        put_escaped(writer, text);
        put_character(writer, '"');
        put_character(writer, behind);
        return;
    }
    uint8_t *at = room(writer, text.len + 2 + (before != 0) + (behind != 0));
    if (at == NULL) {
        return;
    }
    if (before != 0) {
        *at++ = (uint8_t)before;
    }
    *at++ = '"';
    if (text.len > 0) {
        memcpy(at, text.data, text.len);
        at += text.len;
    }
    *at++ = '"';
    if (behind != 0) {
        *at = (uint8_t)behind;
    }
}

/* The comma and the name before any value. */
static void lead_in(struct json_writer *writer, const char *name)
{
    if (name != NULL) {
        put_quoted(writer, writer->comma ? ',' : 0, span_text(name), ':');
    } else {
        put_character(writer, writer->comma ? ',' : 0);
    }
    writer->comma = true;
}

static void begin(struct json_writer *writer, const char *name, const char *bracket)
{
    lead_in(writer, name);
    put_literal(writer, bracket);
    writer->depth++;
    writer->comma = false;
}

static void end(struct json_writer *writer, const char *bracket)
{
    assert(writer->depth > 0);
    put_literal(writer, bracket);
    writer->depth--;
    writer->comma = true;
}

void json_begin_object(struct json_writer *writer, const char *name)
{
    begin(writer, name, "{");
}

void json_end_object(struct json_writer *writer)
{
    end(writer, "}");
}

void json_begin_array(struct json_writer *writer, const char *name)
{
    begin(writer, name, "[");
}

void json_end_array(struct json_writer *writer)
{
    end(writer, "]");
}

void json_put_text(struct json_writer *writer, const char *name, const char *text)
{
    json_put_span(writer, name, span_text(text));
}

void json_put_span(struct json_writer *writer, const char *name, struct span text)
{
    lead_in(writer, name);
    put_quoted(writer, 0, text, 0);
}

typedef struct err encoder(struct span bytes, struct buf *out);

static void put_encoded(struct json_writer *writer, const char *name, struct span bytes,
                        encoder *encode)
{
    lead_in(writer, name);
    put_literal(writer, "\"");
    struct err err = writer->err.code == ERR_OK ? encode(bytes, writer->out) : err_ok();
    if (err.code != ERR_OK) {
        writer->err = err;
    }
    put_literal(writer, "\"");
}

void json_put_bytes(struct json_writer *writer, const char *name, struct span bytes)
{
    put_encoded(writer, name, bytes, base64_encode);
}

void json_put_bytes_url(struct json_writer *writer, const char *name, struct span bytes)
{
    put_encoded(writer, name, bytes, base64url_encode);
}

void json_put_hex(struct json_writer *writer, const char *name, struct span bytes)
{
    put_encoded(writer, name, bytes, hex_encode);
}

void json_put_integer(struct json_writer *writer, const char *name, int64_t value)
{
    char digits[NUMBER_TEXT_MAX];
    lead_in(writer, name);
    put(writer, span_of(digits, number_write(value, digits)));
}

void json_put_number(struct json_writer *writer, const char *name, double value)
{
    char digits[40];
    if (!isfinite(value)) {
        if (writer->err.code == ERR_OK) {
            writer->err = err_new(ERR_INTERNAL, __func__, "a number is not finite");
        }
        return;
    }
    (void)snprintf(digits, sizeof(digits), "%.15g", value);
    if (strtod(digits, NULL) != value) {
        (void)snprintf(digits, sizeof(digits), "%.17g", value);
    }
    lead_in(writer, name);
    put_literal(writer, digits);
}

void json_put_flag(struct json_writer *writer, const char *name, bool value)
{
    lead_in(writer, name);
    put_literal(writer, value ? "true" : "false");
}

void json_put_null(struct json_writer *writer, const char *name)
{
    lead_in(writer, name);
    put_literal(writer, "null");
}

void json_put_time(struct json_writer *writer, const char *name, int64_t unix_ms)
{
    char text[CLOCK_TEXT_MAX];
    clock_format(unix_ms, text);
    char *point = strchr(text, '.');
    if (point != NULL && strcmp(point, ".000Z") == 0) {
        point[0] = 'Z';
        point[1] = '\0';
    }
    json_put_text(writer, name, text);
}

void json_put_text_if(struct json_writer *writer, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        json_put_text(writer, name, text);
    }
}

void json_put_time_if(struct json_writer *writer, const char *name, int64_t unix_ms)
{
    if (unix_ms != 0) {
        json_put_time(writer, name, unix_ms);
    }
}

static void put_children(struct json_writer *writer, const struct json_value *parent, bool named)
{
    for (const struct json_value *at = json_first(parent); at != NULL; at = json_next(at)) {
        json_put_value(writer, named ? json_name(at) : NULL, at);
    }
}

static void put_number_of(struct json_writer *writer, const char *name,
                          const struct json_value *value)
{
    int64_t integer = 0;
    if (json_as_integer(value, &integer)) {
        json_put_integer(writer, name, integer);
    } else {
        json_put_number(writer, name, ((const cJSON *)(const void *)value)->valuedouble);
    }
}

void json_put_value(struct json_writer *writer, const char *name, const struct json_value *value)
{
    struct span text = {0};
    bool flag = false;
    if (json_is(value, JSON_OBJECT)) {
        json_begin_object(writer, name);
        put_children(writer, value, true);
        json_end_object(writer);
    } else if (json_is(value, JSON_ARRAY)) {
        json_begin_array(writer, name);
        put_children(writer, value, false);
        json_end_array(writer);
    } else if (json_as_text(value, &text)) {
        json_put_span(writer, name, text);
    } else if (json_as_flag(value, &flag)) {
        json_put_flag(writer, name, flag);
    } else if (json_is(value, JSON_ANY)) {
        put_number_of(writer, name, value);
    } else {
        json_put_null(writer, name);
    }
}

void json_put_raw(struct json_writer *writer, const char *name, struct span json)
{
    lead_in(writer, name);
    put(writer, json);
}

struct err json_finish(struct json_writer *writer)
{
    assert(writer->depth == 0);
    return writer->err;
}
