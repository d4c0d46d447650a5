/* The private half is in OpenSSL's memory and in one file, 0600, which other JOSE tools read, too.
 */
#include "cli/recipient_key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "base/secret.h"
#include "cli/ecdh_es.h"

#define KEY_FILE_MAX 4096
#define POINT_MAX    (1 + 2 * RECIPIENT_COORDINATE_MAX)

void recipient_key_clear(struct recipient_key *key)
{
    EVP_PKEY_free(key->key);
    *key = (struct recipient_key){0};
}

static void free_number(BIGNUM **number)
{
    BN_clear_free(*number);
}

bool recipient_same(const struct recipient *a, const struct recipient *b)
{
    const size_t len = ecdh_es_coordinate(a->curve);
    return a->curve == b->curve && span_equal(span_of(a->x, len), span_of(b->x, len)) &&
           span_equal(span_of(a->y, len), span_of(b->y, len));
}

struct err recipient_key_make(enum recipient_curve curve, struct recipient_key *out)
{
    uint8_t point[POINT_MAX];
    size_t point_len = 0;
    const size_t len = ecdh_es_coordinate(curve);
    CLEANUP(recipient_key_clear)
    struct recipient_key made = {.key = EVP_EC_gen(curve == RECIPIENT_P256 ? "P-256" : "P-384"),
                                 .is.curve = curve};
    ENSURE(made.key != NULL &&
               EVP_PKEY_get_octet_string_param(made.key, OSSL_PKEY_PARAM_PUB_KEY, point,
                                               sizeof point, &point_len) == 1 &&
               point_len == 1 + 2 * len && point[0] == 0x04,
           ERR_INTERNAL, "a key cannot be made");
    memcpy(made.is.x, point + 1, len);
    memcpy(made.is.y, point + 1 + len, len);
    *out = made;
    made.key = NULL;
    return err_ok();
}

struct err recipient_key_write(const struct recipient_key *key, struct buf *out)
{
    uint8_t d[RECIPIENT_COORDINATE_MAX];
    const size_t len = ecdh_es_coordinate(key->is.curve);
    CLEANUP(free_number) BIGNUM *number = NULL;
    ENSURE(EVP_PKEY_get_bn_param(key->key, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1 &&
               BN_bn2binpad(number, d, (int)len) == (int)len,
           ERR_INTERNAL, "the key cannot be written");
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "kty", "EC");
    json_put_text(&writer, "crv", key->is.curve == RECIPIENT_P256 ? "P-256" : "P-384");
    json_put_bytes_url(&writer, "x", span_of(key->is.x, len));
    json_put_bytes_url(&writer, "y", span_of(key->is.y, len));
    json_put_bytes_url(&writer, "d", span_of(d, len));
    json_end_object(&writer);
    mem_wipe(d, sizeof d);
    TRY(json_finish(&writer));
    return buf_append_u8(out, '\n');
}

/* The object without `d`, as recipient_read takes it. */
static struct err read_public(const struct json_value *jwk, struct recipient *out)
{
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct json_writer writer = json_writer_on(&text);
    json_begin_object(&writer, NULL);
    for (const struct json_value *at = json_first(jwk); at != NULL; at = json_next(at)) {
        if (strcmp(json_name(at), "d") != 0) {
            json_put_value(&writer, json_name(at), at);
        }
    }
    json_end_object(&writer);
    TRY(json_finish(&writer));
    TRY(json_parse(buf_span(&text), &json));
    return recipient_read(json.root, out);
}

static struct err read_private(struct span text, struct recipient_key *out)
{
    struct span d_text = {0};
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(buf_clear) struct buf d = {0};
    TRY(json_parse(text, &json));
    TRY(read_public(json.root, &out->is));
    ENSURE(json_as_text(json_member(json.root, "d"), &d_text), ERR_INVALID_FIELD,
           "it has no private half (d)");
    TRY(base64url_decode(d_text, &d));
    ENSURE(d.len == ecdh_es_coordinate(out->is.curve), ERR_INVALID_FIELD,
           "its private half has a wrong length");
    return ecdh_es_key(&out->is, buf_span(&d), &out->key);
}

struct err recipient_key_read(const char *path, struct recipient_key *out)
{
    CLEANUP(secret_clear) struct secret text = {0};
    CLEANUP(recipient_key_clear) struct recipient_key key = {0};
    struct err err = secret_read_file(&text, path, KEY_FILE_MAX);
    ENSURE(err.code == ERR_OK, err.code, "%s: %s", path, err.detail);
    err = read_private(secret_span(&text), &key);
    ENSURE(err.code == ERR_OK, ERR_INVALID_FIELD, "%s is no private JWK: %s", path, err.detail);
    *out = key;
    key.key = NULL;
    return err_ok();
}
