/* JSON in and out (RFC 8259), the one owner of cJSON.
 *
 * Reading is strict: valid UTF-8, no duplicate names, no unknown fields, depth 16 at most, no NUL
 * in text, no number that a double cannot hold exactly as an integer where an integer is asked,
 * nothing after the value. A strict scan runs before cJSON sees the text, because cJSON 1.7 accepts
 * more than RFC 8259. */
#ifndef HSMGATE_BASE_JSON_H
#define HSMGATE_BASE_JSON_H

#include "base/buf.h"
#include "base/pile.h"

#define JSON_DEPTH_MAX 16

struct json_value; /* a node of a document; lives as long as it */

struct json {
    struct json_value *root; /* NULL when empty */
    struct pile nodes;       /* what the tree is made of */
};

/* ERR_INVALID_JSON with the byte offset, ERR_DUPLICATE_FIELD with the name. */
MUST_USE struct err json_parse(struct span text, struct json *out);
/* Wipes text values and frees; for CLEANUP too. */
void json_clear(struct json *json);

enum json_kind {
    JSON_TEXT,      /* struct span *: borrowed, NUL-terminated too */
    JSON_BYTES,     /* struct buf *: decoded standard base64; init by the caller, `max` bounds it */
    JSON_BYTES_URL, /* struct buf *: decoded base64url */
    JSON_INTEGER,   /* int64_t *: |n| <= 2^53 */
    JSON_FLAG,      /* bool * */
    JSON_OBJECT,    /* const struct json_value ** */
    JSON_ARRAY,     /* const struct json_value ** */
    JSON_ANY        /* const struct json_value ** */
};

enum json_need { JSON_OPTIONAL, JSON_REQUIRED };

/* One expected field. An absent optional field leaves *out untouched and *present (or NULL) false.
 * `null` counts as a wrong type. */
struct json_field {
    const char *name;
    enum json_kind kind;
    enum json_need need;
    size_t max; /* longest text, decoded bytes, or array; 0: no limit of its own. Longer:
                   ERR_TOO_LARGE */
    void *out;
    bool *present; /* or NULL */
};

/* Reads an object by the table; a field that is not in it is ERR_UNKNOWN_FIELD, one of the wrong
 * type ERR_INVALID_FIELD, both by name. Text and decoded bytes that come out are borrowed or owned
 * as json_kind says. */
MUST_USE struct err json_read(const struct json_value *object, const struct json_field *fields,
                              size_t count);

/* Walking objects and arrays (`parent` may be NULL, as json_member gives it: no children): first
 * child or NULL, next sibling or NULL; name of a member ("" in an
 * array). */
const struct json_value *json_first(const struct json_value *parent);
const struct json_value *json_next(const struct json_value *value);
const char *json_name(const struct json_value *value);
size_t json_count(const struct json_value *parent);
/* Kind tests and values of one node; false, or untouched out, on another kind. */
bool json_is(const struct json_value *value, enum json_kind kind);
bool json_as_text(const struct json_value *value, struct span *out);
bool json_as_integer(const struct json_value *value, int64_t *out);
bool json_as_flag(const struct json_value *value, bool *out);
/* Member of an object by name, or NULL. */
const struct json_value *json_member(const struct json_value *object, const char *name);

/* Writes compact JSON into a buf. Errors (buf full) stick and come out of json_finish. Commas are
 * set by the writer. */
struct json_writer {
    struct buf *out;
    struct err err;
    unsigned depth;
    bool comma; /* a comma is due before the next value */
};

struct json_writer json_writer_on(struct buf *out);
/* `name` is NULL for the root value and inside arrays. */
void json_begin_object(struct json_writer *writer, const char *name);
void json_end_object(struct json_writer *writer);
void json_begin_array(struct json_writer *writer, const char *name);
void json_end_array(struct json_writer *writer);
void json_put_text(struct json_writer *writer, const char *name, const char *text);
void json_put_span(struct json_writer *writer, const char *name,
                   struct span text); /* invalid UTF-8 becomes U+FFFD */
void json_put_bytes(struct json_writer *writer, const char *name,
                    struct span bytes); /* standard base64 */
void json_put_bytes_url(struct json_writer *writer, const char *name, struct span bytes);
void json_put_hex(struct json_writer *writer, const char *name, struct span bytes);
void json_put_integer(struct json_writer *writer, const char *name, int64_t value);
void json_put_number(struct json_writer *writer, const char *name, double value);
void json_put_flag(struct json_writer *writer, const char *name, bool value);
void json_put_null(struct json_writer *writer, const char *name);
void json_put_time(struct json_writer *writer, const char *name,
                   int64_t unix_ms); /* RFC 3339 UTC, milliseconds cut when 0 */
/* What is not there is left out: NULL or empty text, the time 0. */
void json_put_text_if(struct json_writer *writer, const char *name, const char *text);
void json_put_time_if(struct json_writer *writer, const char *name, int64_t unix_ms);
void json_put_value(struct json_writer *writer, const char *name, const struct json_value *value);
void json_put_raw(struct json_writer *writer, const char *name,
                  struct span json); /* already JSON */
/* The first error met, or ok. */
MUST_USE struct err json_finish(struct json_writer *writer);

#endif
