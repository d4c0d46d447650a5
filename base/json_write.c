/* Compact JSON into a buf.
 *
 * The first error sticks and ends the output; json_finish hands it over. Text from outside is made
 * valid on its way: bad UTF-8 becomes U+FFFD, control characters are escaped (RFC 8259 §7), so
 * whatever a client sent, our answers and audit lines stay JSON of one line. */
#include "base/json_inner.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>

#include "base/clock.h"
#include "base/encoding.h"

struct json_writer json_writer_on(struct buf *out)
{
    return (struct json_writer){.out = out};
}

static void put(struct json_writer *writer, struct span bytes)
{
    if (writer->err.code != ERR_OK) {
        return;
    }
    struct err err = buf_append(writer->out, bytes);
    if (err.code != ERR_OK) {
        writer->err = err;
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
    while (at < end && *at >= 0x20 && *at != '"' && *at != '\\') {
        size_t len = *at < 0x80 ? 1 : json_scan_character(at, end);
        if (len == 0) {
            break;
        }
        at += len;
    }
    return (size_t)(at - text.data);
}

static void put_quoted(struct json_writer *writer, struct span text)
{
    put_literal(writer, "\"");
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
    put_literal(writer, "\"");
}

/* The comma and the name before any value. */
static void lead_in(struct json_writer *writer, const char *name)
{
    if (writer->comma) {
        put_literal(writer, ",");
    }
    if (name != NULL) {
        put_quoted(writer, span_text(name));
        put_literal(writer, ":");
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
    put_quoted(writer, text);
}

typedef struct err encoder(struct span bytes, struct buf *out);

static void put_encoded(struct json_writer *writer, const char *name, struct span bytes,
                        encoder *encode)
{
    lead_in(writer, name);
    put_literal(writer, "\"");
    if (writer->err.code == ERR_OK) {
        writer->err = encode(bytes, writer->out);
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
    char digits[24];
    (void)snprintf(digits, sizeof(digits), "%" PRId64, value);
    lead_in(writer, name);
    put_literal(writer, digits);
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
