/* Some hundred lines on OpenSSL instead of libjose: the command line keeps its few dependencies on
 * the machine where somebody needs it at night, RFC 7518 appendix C checks the agreement, and the
 * sealing side, which is libjose, is held against code that is not its own. One algorithm pair, no
 * `zip`, no `crit`, nothing else in the header but what is said here. */
#include "cli/unseal.h"

#include <openssl/evp.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "cli/ecdh_es.h"

#define KEY_LEN 32
#define IV_LEN  12
#define TAG_LEN 16
#define REFUSE(condition, why) \
    ENSURE(condition, ERR_INVALID_CIPHERTEXT, "the sealed answer cannot be opened: %s", why)

enum part { PART_HEADER, PART_KEY, PART_IV, PART_TEXT, PART_TAG, PART_COUNT };

struct parts {
    struct span text[PART_COUNT]; /* base64url */
    struct buf bytes[PART_COUNT];
};

static void parts_clear(struct parts *parts)
{
    for (size_t i = 0; i < PART_COUNT; i++) {
        buf_clear(&parts->bytes[i]);
    }
}

static struct err cut(struct span jwe, struct parts *out)
{
    while (jwe.len > 0 && (jwe.data[jwe.len - 1] == '\n' || jwe.data[jwe.len - 1] == '\r')) {
        jwe.len--;
    }
    for (size_t i = 0; i < PART_COUNT; i++) {
        const uint8_t *point = jwe.len > 0 ? memchr(jwe.data, '.', jwe.len) : NULL;
        REFUSE((point != NULL) == (i + 1 < PART_COUNT), "it has not five parts");
        out->text[i] = point != NULL ? span_of(jwe.data, (size_t)(point - jwe.data)) : jwe;
        REFUSE(base64url_decode(out->text[i], &out->bytes[i]).code == ERR_OK, "it is no base64url");
        if (point != NULL) {
            jwe = span_of(point + 1, jwe.len - out->text[i].len - 1);
        }
    }
    return err_ok();
}

struct header {
    struct json json;
    struct span alg, enc, kid, typ, cty;
    const struct json_value *epk;
    struct buf apu, apv;
};

static void header_clear(struct header *header)
{
    json_clear(&header->json);
    buf_clear(&header->apu);
    buf_clear(&header->apv);
}

static struct err read_header(struct span text, struct header *out)
{
    const struct json_field fields[] = {
        {"alg", JSON_TEXT, JSON_REQUIRED, .out = &out->alg},
        {"enc", JSON_TEXT, JSON_REQUIRED, .out = &out->enc},
        {"epk", JSON_OBJECT, JSON_REQUIRED, .out = &out->epk},
        {"apu", JSON_BYTES_URL, JSON_OPTIONAL, .out = &out->apu},
        {"apv", JSON_BYTES_URL, JSON_OPTIONAL, .out = &out->apv},
        {"kid", JSON_TEXT, JSON_OPTIONAL, .out = &out->kid},
        {"typ", JSON_TEXT, JSON_OPTIONAL, .out = &out->typ},
        {"cty", JSON_TEXT, JSON_OPTIONAL, .out = &out->cty},
    };
    TRY(json_parse(text, &out->json));
    TRY(json_read(out->json.root, fields, ARRAY_LEN(fields)));
    ENSURE(span_is(out->alg, "ECDH-ES") && span_is(out->enc, "A256GCM"), ERR_INVALID_CIPHERTEXT,
           "its algorithms are not ECDH-ES and A256GCM");
    return err_ok();
}

static void free_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static struct err content_key(const struct header *header, const struct recipient_key *key,
                              struct secret *out)
{
    struct recipient ephemeral;
    CLEANUP(free_key) EVP_PKEY *other = NULL;
    const struct agreement how = {.enc = "A256GCM",
                                  .apu = buf_span(&header->apu),
                                  .apv = buf_span(&header->apv),
                                  .key_len = KEY_LEN};
    TRY(recipient_read(header->epk, &ephemeral));
    TRY(ecdh_es_key(&ephemeral, (struct span){0}, &other));
    return ecdh_es_agree(key->key, other, &how, out);
}

static void free_cipher(EVP_CIPHER_CTX **context)
{
    EVP_CIPHER_CTX_free(*context);
}

/* The header's text is the additional data (RFC 7516 §5.2). */
static struct err decrypt(const struct parts *parts, struct span key, struct secret *out)
{
    const struct span aad = parts->text[PART_HEADER];
    const struct buf *text = &parts->bytes[PART_TEXT];
    const struct buf *tag = &parts->bytes[PART_TAG];
    CLEANUP(buf_clear) struct buf plain = {0};
    uint8_t *to = NULL;
    int len = 0;
    TRY(buf_extend(&plain, text->len + 1, &to)); /* never empty, so never without memory */
    CLEANUP(free_cipher) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    const bool started =
        context != NULL && EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key.data,
                                              parts->bytes[PART_IV].data) == 1;
    ENSURE(started, ERR_INTERNAL, "AES-GCM cannot start");
    const bool good = EVP_DecryptUpdate(context, NULL, &len, aad.data, (int)aad.len) == 1 &&
                      EVP_DecryptUpdate(context, to, &len, text->data, (int)text->len) == 1 &&
                      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag->data) == 1 &&
                      EVP_DecryptFinal_ex(context, to + len, &len) == 1;
    REFUSE(good, "it was changed, or is sealed to another key");
    secret_set(out, span_of(plain.data, text->len));
    return err_ok();
}

struct err unseal(struct span jwe, const struct recipient_key *key, struct secret *out)
{
    CLEANUP(parts_clear) struct parts parts = {0};
    CLEANUP(header_clear) struct header header = {0};
    CLEANUP(secret_clear) struct secret content = {0};
    REFUSE(jwe.len <= SEALED_MAX, "it is too large");
    TRY(cut(jwe, &parts));
    REFUSE(parts.bytes[PART_KEY].len == 0 && parts.bytes[PART_IV].len == IV_LEN &&
               parts.bytes[PART_TAG].len == TAG_LEN,
           "its parts have wrong lengths");
    struct err err = read_header(buf_span(&parts.bytes[PART_HEADER]), &header);
    REFUSE(err.code == ERR_OK, err.detail);
    err = content_key(&header, key, &content);
    REFUSE(err.code == ERR_OK, err.detail);
    return decrypt(&parts, secret_span(&content), out);
}
