/* Query strings, as strict as JSON bodies: a parameter is known, given once, and of printable ASCII
 * after its escapes are decoded (`%2F` as most clients send it, `+` for a blank). */
#include "gateway/query.h"

#include <assert.h>

#include "base/encoding.h"

#define QUERY_FIELDS_MAX 8

struct span query_cut(struct span *rest, char mark)
{
    const uint8_t *at = rest->len == 0 ? NULL : memchr(rest->data, (uint8_t)mark, rest->len);
    if (at == NULL) {
        struct span all = *rest;
        *rest = span_of(NULL, 0);
        return all;
    }
    size_t len = (size_t)(at - rest->data);
    struct span head = span_of(rest->data, len);
    *rest = span_of(at + 1, rest->len - len - 1);
    return head;
}

/* Takes one character off the front; -1 when its escape is broken. */
static int next_character(struct span *text)
{
    uint8_t c = text->data[0];
    size_t used = 1;
    int value = c == '+' ? ' ' : c;
    if (c == '%') {
        unsigned high = text->len >= 3 ? hex_value(text->data[1]) : 16;
        unsigned low = text->len >= 3 ? hex_value(text->data[2]) : 16;
        if (high > 15 || low > 15) {
            return -1;
        }
        value = (int)(high * 16 + low);
        used = 3;
    }
    *text = span_of(text->data + used, text->len - used);
    return value;
}

static struct err decode(const struct query_field *field, struct span text)
{
    size_t len = 0;
    while (text.len > 0) {
        int c = next_character(&text);
        ENSURE(c >= 0x20 && c < 0x7f, ERR_INVALID_FIELD,
               "The parameter %s has a character that is not allowed.", field->name);
        ENSURE(len + 1 < field->size, ERR_INVALID_FIELD, "The parameter %s is too long.",
               field->name);
        field->out[len++] = (char)c;
    }
    field->out[len] = '\0';
    return err_ok();
}

static struct err read_pair(struct span pair, const struct query_field *fields, size_t count,
                            bool seen[QUERY_FIELDS_MAX])
{
    struct span value = pair;
    struct span name = query_cut(&value, '=');
    for (size_t i = 0; i < count; i++) {
        if (span_is(name, fields[i].name)) {
            ENSURE(!seen[i], ERR_DUPLICATE_FIELD, "The parameter %s is given twice.",
                   fields[i].name);
            seen[i] = true;
            return decode(&fields[i], value);
        }
    }
    return err_new(ERR_UNKNOWN_FIELD, __func__, "The query has a parameter that is not known.");
}

struct err query_read(struct span query, const struct query_field *fields, size_t count)
{
    bool seen[QUERY_FIELDS_MAX] = {false};
    assert(count <= QUERY_FIELDS_MAX);
    while (query.len > 0) {
        struct span pair = query_cut(&query, '&');
        if (pair.len > 0) {
            TRY(read_pair(pair, fields, count, seen));
        }
    }
    return err_ok();
}

struct err query_integer(const char *name, const char *text, int64_t least, int64_t most,
                         int64_t *out)
{
    int64_t value = 0;
    size_t len = strlen(text);
    if (len == 0) {
        return err_ok();
    }
    bool digits = len <= 18 && strspn(text, "0123456789") == len;
    for (size_t i = 0; digits && i < len; i++) {
        value = value * 10 + (text[i] - '0');
    }
    ENSURE(digits && value >= least && value <= most, ERR_INVALID_FIELD,
           "The parameter %s must be a whole number from %lld to %lld.", name, (long long)least,
           (long long)most);
    *out = value;
    return err_ok();
}
