/* spent: the digests of spent statements in a file, with the moments when they expire.
 *
 * The file is written whole, to be renamed over the old one, so a crash leaves no half line to be
 * judged; it is short, and nobody opens anything often. An expired statement proves nothing, so it
 * may be forgotten, but only long after: a clock that leapt ahead for a while must not make us
 * forget what could be used again once it is right. What cannot be read means that everything may
 * be spent. */
#include "pkcs11/spent.h"

#include <string.h>

#include "base/banned.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#define FILE_MAX  ((size_t)4 << 20)
#define FORMAT    1
#define FORGET_MS ((int64_t)30 * 24 * 3600 * 1000)

struct entry {
    struct span statement; /* base64, as it stands in the file */
    int64_t expires_at;
};

static struct err read_entry(const struct json_value *value, struct entry *out)
{
    const struct json_field fields[] = {
        {.name = "statement", .kind = JSON_TEXT, .need = JSON_REQUIRED, .out = &out->statement},
        {.name = "expires_at",
         .kind = JSON_INTEGER,
         .need = JSON_REQUIRED,
         .out = &out->expires_at},
    };
    TRY(json_read(value, fields, ARRAY_LEN(fields)));
    ENSURE(out->statement.len == base64_encoded_len(SHA256_LEN), ERR_CORRUPT,
           "a digest of another length");
    return err_ok();
}

static struct err read_list(struct span text, struct json *json, const struct json_value **out)
{
    int64_t format = 0;
    TRY(json_parse(text, json));
    const struct json_field fields[] = {
        {.name = "format", .kind = JSON_INTEGER, .need = JSON_REQUIRED, .out = &format},
        {.name = "spent", .kind = JSON_ARRAY, .need = JSON_REQUIRED, .out = out},
    };
    TRY(json_read(json->root, fields, ARRAY_LEN(fields)));
    ENSURE(format == FORMAT, ERR_CORRUPT, "unknown format");
    return err_ok();
}

/* Nothing for a file that is not there: nothing was spent yet. */
static struct err read_file(const char *path, struct json *json, const struct json_value **out)
{
    CLEANUP(buf_clear) struct buf text = {.max = FILE_MAX};
    struct err err = file_read(path, &text);
    if (err.code == ERR_NOT_FOUND) {
        return err_ok();
    }
    err = err.code == ERR_OK ? read_list(buf_span(&text), json, out) : err;
    ENSURE(err.code == ERR_OK, ERR_CORRUPT, "the worker cannot read which statements are spent: %s",
           err.detail);
    return err_ok();
}

static void put_entry(struct json_writer *writer, const struct entry *entry)
{
    json_begin_object(writer, NULL);
    json_put_span(writer, "statement", entry->statement);
    json_put_integer(writer, "expires_at", entry->expires_at);
    json_end_object(writer);
}

/* Copies what is worth keeping. ERR_CONFLICT when `fresh` is among it. */
static struct err keep_old(const struct json_value *list, const struct entry *fresh, int64_t now_ms,
                           struct json_writer *writer)
{
    for (const struct json_value *at = json_first(list); at != NULL; at = json_next(at)) {
        struct entry entry = {0};
        struct err err = read_entry(at, &entry);
        ENSURE(err.code == ERR_OK, ERR_CORRUPT,
               "the worker cannot read which statements are spent: %s", err.detail);
        ENSURE(!span_equal(entry.statement, fresh->statement), ERR_CONFLICT,
               "these approvals were used before");
        if (now_ms - FORGET_MS < entry.expires_at) {
            put_entry(writer, &entry);
        }
    }
    return err_ok();
}

struct err spent_note(const char *path, const uint8_t statement[SHA256_LEN], int64_t expires_at,
                      int64_t now_ms)
{
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(buf_clear) struct buf digest = {0};
    CLEANUP(buf_clear) struct buf text = {.max = FILE_MAX};
    const struct json_value *list = NULL;
    TRY(read_file(path, &json, &list));
    TRY(base64_encode(span_of(statement, SHA256_LEN), &digest));
    struct entry fresh = {.statement = buf_span(&digest), .expires_at = expires_at};
    struct json_writer writer = json_writer_on(&text);
    json_begin_object(&writer, NULL);
    json_put_integer(&writer, "format", FORMAT);
    json_begin_array(&writer, "spent");
    TRY(keep_old(list, &fresh, now_ms, &writer));
    put_entry(&writer, &fresh);
    json_end_array(&writer);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    struct err err = file_write(path, buf_span(&text), 0600);
    ENSURE(err.code == ERR_OK, ERR_IO, "the worker cannot keep that this is spent: %s", err.detail);
    return err_ok();
}
