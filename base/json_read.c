/* Values out of a document: by a table of fields, or walking from node to node.
 *
 * Every mistake of a client is told by the field's name. */
#include "base/json_inner.h"

#include <cjson/cJSON.h>
#include <math.h>

#include "base/encoding.h"

#define INTEGER_MAX     9007199254740992.0 /* 2^53 */
#define NAME_SHOWN(...) "field '%.64s' " __VA_ARGS__

/* What stands for a name that is none of ours, and perhaps something that must not be shown. */
#define NAME_HIDDEN    "?"
#define NAME_SHOWN_MAX 24

const char *json_shown_name(const char *name)
{
    size_t len = strlen(name);
    bool shown = len > 0 && len <= NAME_SHOWN_MAX;
    for (size_t i = 0; i < len && shown; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        shown = letter || (i > 0 && ((c >= '0' && c <= '9') || c == '-'));
    }
    return shown ? name : NAME_HIDDEN;
}

static const cJSON *item_of(const struct json_value *value)
{
    return (const cJSON *)(const void *)value;
}

static const struct json_value *value_of(const cJSON *item)
{
    return (const struct json_value *)(const void *)item;
}

const struct json_value *json_first(const struct json_value *parent)
{
    return parent == NULL ? NULL : value_of(item_of(parent)->child);
}

const struct json_value *json_next(const struct json_value *value)
{
    return value_of(item_of(value)->next);
}

const char *json_name(const struct json_value *value)
{
    const char *name = item_of(value)->string;
    return name != NULL ? name : "";
}

size_t json_count(const struct json_value *parent)
{
    size_t count = 0;
    for (const struct json_value *at = json_first(parent); at != NULL; at = json_next(at)) {
        count++;
    }
    return count;
}

static bool is_integer(const cJSON *item)
{
    return cJSON_IsNumber(item) && fabs(item->valuedouble) <= INTEGER_MAX &&
           (double)(int64_t)item->valuedouble == item->valuedouble;
}

bool json_is(const struct json_value *value, enum json_kind kind)
{
    const cJSON *item = item_of(value);
    switch (kind) {
    case JSON_TEXT:
    case JSON_BYTES:
    case JSON_BYTES_URL:
        return cJSON_IsString(item);
    case JSON_INTEGER:
        return is_integer(item);
    case JSON_FLAG:
        return cJSON_IsBool(item);
    case JSON_OBJECT:
        return cJSON_IsObject(item);
    case JSON_ARRAY:
        return cJSON_IsArray(item);
    case JSON_ANY:
        return !cJSON_IsNull(item);
    }
    return false;
}

bool json_as_text(const struct json_value *value, struct span *out)
{
    if (!json_is(value, JSON_TEXT)) {
        return false;
    }
    *out = span_text(item_of(value)->valuestring);
    return true;
}

bool json_as_integer(const struct json_value *value, int64_t *out)
{
    if (!json_is(value, JSON_INTEGER)) {
        return false;
    }
    *out = (int64_t)item_of(value)->valuedouble;
    return true;
}

bool json_as_flag(const struct json_value *value, bool *out)
{
    if (!json_is(value, JSON_FLAG)) {
        return false;
    }
    *out = cJSON_IsTrue(item_of(value));
    return true;
}

const struct json_value *json_member(const struct json_value *object, const char *name)
{
    return value_of(cJSON_GetObjectItemCaseSensitive(item_of(object), name));
}

static const char *kind_words(enum json_kind kind)
{
    static const char *const words[] = {
        [JSON_TEXT] = "a string",      [JSON_BYTES] = "a base64 string",
        [JSON_INTEGER] = "an integer", [JSON_BYTES_URL] = "a base64url string",
        [JSON_FLAG] = "true or false", [JSON_OBJECT] = "an object",
        [JSON_ARRAY] = "an array",     [JSON_ANY] = "a value other than null",
    };
    return words[kind];
}

static struct err read_text(const struct json_field *field, struct span text)
{
    ENSURE(field->max == 0 || text.len <= field->max, ERR_TOO_LARGE,
           NAME_SHOWN("has more than %zu bytes"), field->name, field->max);
    memcpy(field->out, &text, sizeof(text));
    return err_ok();
}

static struct err read_bytes(const struct json_field *field, struct span text)
{
    size_t padding = 0;
    while (padding < 2 && padding < text.len && text.data[text.len - padding - 1] == '=') {
        padding++;
    }
    size_t len = (text.len - padding) / 4 * 3 + (text.len - padding) % 4 * 3 / 4;
    ENSURE(field->max == 0 || len <= field->max, ERR_TOO_LARGE,
           NAME_SHOWN("has more than %zu bytes"), field->name, field->max);
    struct err err = field->kind == JSON_BYTES ? base64_decode(text, field->out)
                                               : base64url_decode(text, field->out);
    ENSURE(err.code != ERR_INVALID_BASE64, ERR_INVALID_BASE64,
           NAME_SHOWN("is not strict %s (RFC 4648)"), field->name,
           field->kind == JSON_BYTES ? "base64" : "base64url");
    ENSURE(err.code != ERR_TOO_LARGE, ERR_TOO_LARGE, NAME_SHOWN("is too long"), field->name);
    return err;
}

static void put_value(const struct json_field *field, const struct json_value *value)
{
    const struct json_value **out = field->out;
    *out = value;
}

static struct err read_container(const struct json_field *field, const struct json_value *value)
{
    ENSURE(field->max == 0 || json_count(value) <= field->max, ERR_TOO_LARGE,
           NAME_SHOWN("has more than %zu entries"), field->name, field->max);
    put_value(field, value);
    return err_ok();
}

static struct err read_value(const struct json_field *field, const struct json_value *value)
{
    ENSURE(json_is(value, field->kind), ERR_INVALID_FIELD, NAME_SHOWN("is not %s"), field->name,
           kind_words(field->kind));
    struct span text = {0};
    switch (field->kind) {
    case JSON_TEXT:
        (void)json_as_text(value, &text);
        return read_text(field, text);
    case JSON_BYTES:
    case JSON_BYTES_URL:
        (void)json_as_text(value, &text);
        return read_bytes(field, text);
    case JSON_INTEGER:
        (void)json_as_integer(value, field->out);
        return err_ok();
    case JSON_FLAG:
        (void)json_as_flag(value, field->out);
        return err_ok();
    case JSON_OBJECT:
    case JSON_ARRAY:
        return read_container(field, value);
    case JSON_ANY:
        put_value(field, value);
        return err_ok();
    }
    return err_ok();
}

static bool is_expected(const char *name, const struct json_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

struct err json_read(const struct json_value *object, const struct json_field *fields, size_t count)
{
    ENSURE(json_is(object, JSON_OBJECT), ERR_INVALID_FIELD, "an object is expected");
    for (const struct json_value *at = json_first(object); at != NULL; at = json_next(at)) {
        ENSURE(is_expected(json_name(at), fields, count), ERR_UNKNOWN_FIELD,
               NAME_SHOWN("is not known"), json_shown_name(json_name(at)));
    }
    for (size_t i = 0; i < count; i++) {
        const struct json_field *field = &fields[i];
        const struct json_value *value = json_member(object, field->name);
        ENSURE(value != NULL || field->need == JSON_OPTIONAL, ERR_INVALID_FIELD,
               NAME_SHOWN("is missing"), field->name);
        if (value != NULL) {
            TRY(read_value(field, value));
        }
        if (field->present != NULL) {
            *field->present = value != NULL;
        }
    }
    return err_ok();
}
