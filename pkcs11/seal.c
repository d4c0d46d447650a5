/* seal: what leaves the worker after a quorum agreed is sealed here, so that the front never sees
 * it.
 *
 * libjose agrees on the key and encrypts. It puts the ephemeral key into a header of its own, which
 * the compact form does not have; so it moves into the protected header between the two steps, and
 * is authenticated with it. The plaintext stays in the caller's memory: libjose reads it there and
 * holds only the content key, in blocks that the program's allocator wipes. jansson's types stay in
 * this file; nothing here is shared. */
#include "pkcs11/seal.h"

#include <jose/jwe.h>

#include "base/banned.h"
#include "base/encoding.h"
#include "base/mem.h"

static void drop(json_t **json)
{
    json_decref(*json);
}

static json_t *text_of(struct span text)
{
    return json_stringn((const char *)text.data, text.len);
}

static struct err key_of(const struct seal_key *recipient, json_t **out)
{
    CLEANUP(buf_clear) struct buf x = {0};
    CLEANUP(buf_clear) struct buf y = {0};
    TRY(base64url_encode(recipient->x, &x));
    TRY(base64url_encode(recipient->y, &y));
    *out = json_pack("{s:s,s:s,s:o,s:o}", "kty", "EC", "crv", recipient->curve, "x",
                     text_of(buf_span(&x)), "y", text_of(buf_span(&y)));
    ENSURE(*out != NULL, ERR_INTERNAL, "the recipient's key cannot be written");
    return err_ok();
}

/* Agrees on the content key: `cek`, and a JWE whose protected header is whole. */
static struct err agree(json_t *key, struct uuid id, json_t *cek, json_t **out)
{
    char kid[UUID_TEXT_LEN + 1];
    uuid_format(id, kid);
    CLEANUP(drop)
    json_t *jwe =
        json_pack("{s:{s:s,s:s,s:s}}", "protected", "alg", "ECDH-ES", "enc", "A256GCM", "kid", kid);
    ENSURE(jwe != NULL && jose_jwe_enc_jwk(NULL, jwe, NULL, key, cek), ERR_INTERNAL,
           "no key can be agreed with the recipient");
    json_t *epk = json_object_get(json_object_get(jwe, "header"), "epk");
    ENSURE(json_is_object(epk) && json_object_size(json_object_get(jwe, "header")) == 1 &&
               json_object_set(json_object_get(jwe, "protected"), "epk", epk) == 0 &&
               json_object_del(jwe, "header") == 0,
           ERR_INTERNAL, "the header of the sealed answer cannot be made");
    *out = TAKE(jwe);
    return err_ok();
}

/* HEADER..IV.CIPHERTEXT.TAG: with ECDH-ES there is no encrypted key. */
static struct err write_compact(const json_t *jwe, struct buf *out)
{
    static const char *const names[] = {"protected", NULL, "iv", "ciphertext", "tag"};
    ENSURE(json_object_get(jwe, "encrypted_key") == NULL, ERR_INTERNAL, "a key for no reason");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *part =
            names[i] != NULL ? json_string_value(json_object_get(jwe, names[i])) : "";
        ENSURE(part != NULL, ERR_INTERNAL, "a part of the sealed answer is missing");
        TRY(buf_append_text(out, i > 0 ? "." : ""));
        TRY(buf_append_text(out, part));
    }
    return err_ok();
}

struct err seal_to(const struct seal_key *recipient, struct uuid id, struct span plaintext,
                   struct buf *out)
{
    CLEANUP(drop) json_t *key = NULL;
    CLEANUP(drop) json_t *cek = json_object();
    CLEANUP(drop) json_t *jwe = NULL;
    size_t before = out->len;
    TRY(key_of(recipient, &key));
    TRY(agree(key, id, cek, &jwe));
    const void *bytes = plaintext.len > 0 ? plaintext.data : (const uint8_t *)"";
    ENSURE(jose_jwe_enc_cek(NULL, jwe, cek, bytes, plaintext.len), ERR_INTERNAL,
           "the answer cannot be sealed");
    struct err err = write_compact(jwe, out);
    if (err.code != ERR_OK) {
        buf_truncate(out, before);
    }
    return err;
}
