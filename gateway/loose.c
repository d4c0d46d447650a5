/* Fields of weak types. */
#include "gateway/loose.h"

#include <ctype.h>

#include "base/encoding.h"
#include "base/mem.h"

#define BOOL_WORDS 6
#define LONGEST    (INT64_C(36500) * 86400) /* seconds: as clock_parse_duration */

static struct err wrong(const struct loose_field *field, const char *what)
{
    return err_new(ERR_INVALID_FIELD, __func__, "field '%s' is not %s", field->name, what);
}

bool loose_digits(struct span text, int64_t *out)
{
    int64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || value > INT64_MAX / 100) {
            return false;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    *out = value;
    return text.len > 0;
}

static bool integer_of(const struct json_value *value, int64_t *out)
{
    struct span text;
    return json_as_integer(value, out) || (json_as_text(value, &text) && loose_digits(text, out));
}

static bool is_one_of(struct span word, const char *const words[BOOL_WORDS])
{
    for (size_t i = 0; i < BOOL_WORDS; i++) {
        if (span_is(word, words[i])) {
            return true;
        }
    }
    return false;
}

bool loose_is_true(struct span word)
{
    return is_one_of(word, (const char *const[]){"1", "t", "T", "true", "True", "TRUE"});
}

static bool is_false(struct span word)
{
    return word.len == 0 ||
           is_one_of(word, (const char *const[]){"0", "f", "F", "false", "False", "FALSE"});
}

static bool flag_of(const struct json_value *value, bool *out)
{
    int64_t number = 0;
    struct span text;
    if (json_as_flag(value, out)) {
        return true;
    }
    if (integer_of(value, &number) && (number == 0 || number == 1)) {
        *out = number == 1;
        return true;
    }
    if (!json_as_text(value, &text)) {
        return false;
    }
    *out = loose_is_true(text);
    return *out || is_false(text);
}

static int64_t unit_of(uint8_t letter)
{
    switch (letter) {
    case 'd':
        return 86400;
    case 'h':
        return 3600;
    case 'm':
        return 60;
    default:
        return letter == 's' ? 1 : 0;
    }
}

/* Numbers with units, as Go writes durations (time.Duration.String), and days. */
static bool duration_of(struct span text, int64_t *out)
{
    int64_t total = 0, part = 0;
    while (text.len > 0) {
        size_t len = 0;
        while (len < text.len && isdigit(text.data[len]) != 0) {
            len++;
        }
        int64_t unit = len < text.len ? unit_of(text.data[len]) : 0;
        if (!loose_digits(span_of(text.data, len), &part) || unit == 0 || part > LONGEST / unit) {
            return false;
        }
        total += part * unit;
        text = span_of(text.data + len + 1, text.len - len - 1);
    }
    *out = total;
    return total <= LONGEST;
}

static bool seconds_of(const struct json_value *value, int64_t *out)
{
    struct span text;
    int64_t number = 0;
    if (integer_of(value, &number)) {
        *out = number >= 0 ? number : *out;
        return number >= 0;
    }
    return json_as_text(value, &text) && duration_of(text, out);
}

static struct err read_text(const struct loose_field *field, const struct json_value *value)
{
    struct span *out = field->out;
    if (!json_as_text(value, out)) {
        return wrong(field, "a text");
    }
    ENSURE(field->max == 0 || out->len <= field->max, ERR_TOO_LARGE,
           "field '%s' has more than %zu bytes", field->name, field->max);
    return err_ok();
}

struct err loose_base64(struct span text, struct buf *out)
{
    CLEANUP(buf_clear) struct buf line = {.max = BUF_MAX_DEFAULT};
    if (text.len == 0 ||
        (memchr(text.data, '\n', text.len) == NULL && memchr(text.data, '\r', text.len) == NULL)) {
        return base64_decode(text, out);
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '\n' && text.data[i] != '\r') {
            TRY(buf_append(&line, span_of(&text.data[i], 1)));
        }
    }
    return base64_decode(buf_span(&line), out);
}

static struct err read_bytes(const struct loose_field *field, const struct json_value *value)
{
    struct span text;
    struct buf *out = field->out;
    if (!json_as_text(value, &text)) {
        return wrong(field, "a text");
    }
    buf_init(out, field->max != 0 ? field->max : BUF_MAX_DEFAULT);
    struct err err = loose_base64(text, out);
    ENSURE(err.code != ERR_TOO_LARGE, ERR_TOO_LARGE, "field '%s' has more than %zu bytes",
           field->name, out->max);
    ENSURE(err.code == ERR_OK, ERR_INVALID_BASE64, "field '%s' is not strict base64 (RFC 4648)",
           field->name);
    return err_ok();
}

static struct err read_field(const struct loose_field *field, const struct json_value *value)
{
    switch (field->kind) {
    case LOOSE_TEXT:
        return read_text(field, value);
    case LOOSE_BYTES:
        return read_bytes(field, value);
    case LOOSE_INTEGER:
        return integer_of(value, field->out) ? err_ok() : wrong(field, "a whole number");
    case LOOSE_FLAG:
        return flag_of(value, field->out) ? err_ok() : wrong(field, "true or false");
    case LOOSE_SECONDS:
        return seconds_of(value, field->out) ? err_ok()
                                             : wrong(field, "seconds or a duration such as 24h");
    }
    return err_new(ERR_INTERNAL, __func__, "no such kind of field");
}

static const struct json_value *present(const struct json_value *object, const char *name)
{
    const struct json_value *value = object != NULL ? json_member(object, name) : NULL;
    return value != NULL && json_is(value, JSON_ANY) ? value : NULL;
}

struct err loose_read(const struct json_value *object, const struct loose_field *fields,
                      size_t count)
{
    ENSURE(object == NULL || json_is(object, JSON_OBJECT), ERR_INVALID_FIELD,
           "an item of 'batch_input' is not an object");
    for (size_t i = 0; i < count; i++) {
        const struct json_value *value = present(object, fields[i].name);
        if (fields[i].present != NULL) {
            *fields[i].present = value != NULL;
        }
        if (value != NULL) {
            TRY(read_field(&fields[i], value));
        }
    }
    return err_ok();
}
