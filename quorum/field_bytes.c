/* The types of a statement's fields that hold bytes: ids, digests, the nonce.
 *
 * All zeros is refused where something is identified: it is what a forgotten member looks like. */
#include "base/encoding.h"
#include "quorum/canonical.h"
#include "quorum/field_type.h"

static bool uuid_is_valid(const struct field_range *range, const void *at)
{
    (void)range;
    return !canonical_is_zero(span_of(at, UUID_LEN));
}

static void uuid_put(struct json_writer *writer, const char *name, const void *at)
{
    const struct uuid *uuid = at;
    char text[UUID_TEXT_LEN + 1];
    uuid_format(*uuid, text);
    json_put_text(writer, name, text);
}

static struct err uuid_take(const union field_slot *slot, struct buf *bytes, void *at)
{
    (void)bytes;
    return uuid_parse(slot->text, at);
}

static bool bytes_is_valid(const struct field_range *range, const void *at)
{
    const struct span *bytes = at;
    return field_in_range(range, (int64_t)bytes->len);
}

static void bytes_put(struct json_writer *writer, const char *name, const void *at)
{
    const struct span *bytes = at;
    json_put_hex(writer, name, *bytes);
}

static struct err bytes_take(const union field_slot *slot, struct buf *bytes, void *at)
{
    struct span *out = at;
    size_t before = bytes->len;
    TRY(hex_decode(slot->text, bytes));
    *out = span_of(bytes->data + before, bytes->len - before);
    return err_ok();
}

static bool sha256_is_valid(const struct field_range *range, const void *at)
{
    (void)range;
    return !canonical_is_zero(span_of(at, SHA256_LEN));
}

static void sha256_put(struct json_writer *writer, const char *name, const void *at)
{
    json_put_hex(writer, name, span_of(at, SHA256_LEN));
}

static struct err sha256_take(const union field_slot *slot, struct buf *bytes, void *at)
{
    (void)bytes;
    return canonical_hex(slot->text, SHA256_LEN, at);
}

static bool nonce_is_valid(const struct field_range *range, const void *at)
{
    (void)range;
    return !canonical_is_zero(span_of(at, QUORUM_NONCE_LEN));
}

static void nonce_put(struct json_writer *writer, const char *name, const void *at)
{
    json_put_bytes(writer, name, span_of(at, QUORUM_NONCE_LEN));
}

static struct err nonce_take(const union field_slot *slot, struct buf *bytes, void *at)
{
    (void)bytes;
    return canonical_base64(slot->text, QUORUM_NONCE_LEN, at);
}

const struct field_type field_uuid = {JSON_TEXT, uuid_is_valid, uuid_put, uuid_take};
const struct field_type field_bytes = {JSON_TEXT, bytes_is_valid, bytes_put, bytes_take};
const struct field_type field_sha256 = {JSON_TEXT, sha256_is_valid, sha256_put, sha256_take};
const struct field_type field_nonce = {JSON_TEXT, nonce_is_valid, nonce_put, nonce_take};
