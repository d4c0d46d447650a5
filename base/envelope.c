/* The ciphertext format, written and read in one place.
 *
 * Decoding accepts exactly the bytes that encoding writes, so one blob has one form and a changed
 * bit is either refused here, names another key or version, or breaks the tag. Every refusal is the
 * same error: which part was wrong is nobody's business but ours. */
#include "base/envelope.h"

#include "base/mem.h"

#define MAGIC       "HSG"
#define MAGIC_LEN   3
#define FORMAT      1
#define HEAD_LEN    (MAGIC_LEN + UUID_LEN + 8) /* format, type, version u32, algorithm, IV length */
#define AAD_DOMAIN  "hsmgate/v1/envelope"      /* not `hsmgate/v1/kcv`, see the token's key check */
#define VERSION_MAX 0x7FFFFFFFu

/* What each algorithm's IV and body may be. */
static const struct {
    size_t iv_len;
    size_t body_min;
    size_t body_max;
} shapes[ENVELOPE_ALGORITHM_END] = {
    [ENVELOPE_AES_256_GCM] = {ENVELOPE_IV_LEN, ENVELOPE_TAG_LEN, PLAINTEXT_MAX + ENVELOPE_TAG_LEN},
    [ENVELOPE_RSA_OAEP_SHA1] = {0, 256, 512},
    [ENVELOPE_RSA_OAEP_SHA256] = {0, 256, 512},
};

struct err envelope_refusal(void)
{
    return err_new(ERR_INVALID_CIPHERTEXT, __func__,
                   "the ciphertext cannot be opened with this key and context");
}

static bool body_fits(const struct envelope *envelope)
{
    size_t len = envelope->body.len;
    if (len < shapes[envelope->algorithm].body_min || len > shapes[envelope->algorithm].body_max) {
        return false;
    }
    if (envelope->algorithm != ENVELOPE_AES_256_GCM) {
        return envelope->type == ENVELOPE_DATA && len % 128 == 0;
    }
    return envelope->type == ENVELOPE_DATA ||
           (len > ENVELOPE_TAG_LEN && len <= DATA_KEY_MAX + ENVELOPE_TAG_LEN);
}

static bool head_fits(const struct envelope *envelope)
{
    unsigned type = (unsigned)envelope->type;
    unsigned algorithm = (unsigned)envelope->algorithm;
    return type >= ENVELOPE_DATA && type < ENVELOPE_TYPE_END && algorithm >= ENVELOPE_AES_256_GCM &&
           algorithm < ENVELOPE_ALGORITHM_END && envelope->version >= 1 &&
           envelope->version <= VERSION_MAX;
}

static bool is_writable(const struct envelope *envelope)
{
    return head_fits(envelope) && envelope->iv.len == shapes[envelope->algorithm].iv_len &&
           body_fits(envelope);
}

static void write_head(const struct envelope *envelope, uint8_t out[HEAD_LEN])
{
    memcpy(out, MAGIC, MAGIC_LEN); /* NOLINT(bugprone-not-null-terminated-result): no text */
    out += MAGIC_LEN;
    *out++ = FORMAT;
    *out++ = (uint8_t)envelope->type;
    memcpy(out, envelope->key.bytes, UUID_LEN);
    out += UUID_LEN;
    for (int shift = 24; shift >= 0; shift -= 8) {
        *out++ = (uint8_t)(envelope->version >> shift);
    }
    *out++ = (uint8_t)envelope->algorithm;
    *out = (uint8_t)shapes[envelope->algorithm].iv_len;
}

struct err envelope_encode(const struct envelope *envelope, struct buf *out)
{
    uint8_t head[HEAD_LEN];
    ENSURE(is_writable(envelope), ERR_INTERNAL, "the token gave an odd ciphertext");
    write_head(envelope, head);
    const struct span parts[] = {span_of(head, HEAD_LEN), envelope->iv, envelope->body};
    return buf_append_parts(out, parts, ARRAY_LEN(parts));
}

struct err envelope_aad(const struct envelope *envelope, struct span context, struct buf *out)
{
    uint8_t head[HEAD_LEN];
    ENSURE(head_fits(envelope), ERR_INTERNAL, "the ciphertext has an odd head");
    write_head(envelope, head);
    const struct span parts[] = {span_of(AAD_DOMAIN, sizeof(AAD_DOMAIN)), /* with its NUL */
                                 span_of(head, HEAD_LEN), context};
    return buf_append_parts(out, parts, ARRAY_LEN(parts));
}

static struct err read_head(struct cursor *cursor, struct envelope *out, size_t *out_iv_len)
{
    struct span magic;
    struct span key;
    uint8_t format = 0;
    uint8_t type = 0;
    uint8_t algorithm = 0;
    uint8_t iv_len = 0;
    TRY(cursor_bytes(cursor, MAGIC_LEN, &magic));
    TRY(cursor_u8(cursor, &format));
    TRY(cursor_u8(cursor, &type));
    TRY(cursor_bytes(cursor, UUID_LEN, &key));
    TRY(cursor_u32(cursor, &out->version));
    TRY(cursor_u8(cursor, &algorithm));
    TRY(cursor_u8(cursor, &iv_len));
    ENSURE(span_is(magic, MAGIC) && format == FORMAT, ERR_CORRUPT, "not of our format");
    memcpy(out->key.bytes, key.data, UUID_LEN);
    out->type = (enum envelope_type)type;
    out->algorithm = (enum envelope_algorithm)algorithm;
    *out_iv_len = iv_len;
    return err_ok();
}

static struct err read_all(struct span bytes, struct envelope *out)
{
    struct cursor cursor = cursor_of(bytes);
    size_t iv_len = 0;
    TRY(read_head(&cursor, out, &iv_len));
    TRY(cursor_bytes(&cursor, iv_len, &out->iv));
    return cursor_bytes(&cursor, cursor.rest.len, &out->body);
}

struct err envelope_decode(struct span bytes, struct envelope *out)
{
    struct envelope read = {0};
    if (read_all(bytes, &read).code != ERR_OK || !is_writable(&read)) {
        return envelope_refusal();
    }
    *out = read;
    return err_ok();
}
