/* selftest: one use of a key, checked with OpenSSL where there is a public half.
 *
 * Secret keys cannot be checked in software, because they never leave the token: a MAC must come
 * out the same twice and differ for another message, a ciphertext must open and a tampered one must
 * not. */
#include "pkcs11/selftest.h"

#include <string.h>

#include "base/banned.h"
#include "base/mem.h"
#include "base/public_key.h"

#define RESULT_MAX 1024

static const char message[] = "hsmgate tries this key once";
static const char aad[] = "hsmgate/v1/probe";

struct result {
    uint8_t bytes[RESULT_MAX];
    struct operation_place place;
};

static struct operation_place *place_of(struct result *result)
{
    result->place = (struct operation_place){result->bytes, sizeof(result->bytes)};
    return &result->place;
}

static struct span span_of_place(const struct operation_place *place)
{
    return span_of(place->data, place->len);
}

static enum scheme scheme_of(enum token_mechanism kind, enum algorithm algorithm)
{
    if (kind == TOKEN_RSA_PSS_SHA256) {
        return SCHEME_PS256;
    }
    if (kind == TOKEN_RSA_PSS_SHA384) {
        return SCHEME_PS384;
    }
    if (kind == TOKEN_RSA_PSS_SHA512) {
        return SCHEME_PS512;
    }
    return scheme_default(algorithm);
}

/* What the scheme signs: the message or its digest. */
static struct span digest_for(enum scheme scheme, uint8_t digest[DIGEST_MAX])
{
    if (scheme == SCHEME_EDDSA) {
        return span_text(message);
    }
    enum digest hash = scheme_info(scheme)->digest;
    digest_of(hash, span_text(message), digest);
    return span_of(digest, digest_len(hash));
}

static struct ckr_verdict sign(struct session *session, const struct selftest *test,
                               enum token_mechanism kind, struct span input, struct result *result)
{
    struct mechanism mechanism;
    mechanism_init(&mechanism, kind, test->key->algorithm);
    return operation_sign(session, &mechanism, test->material->key, input, place_of(result));
}

static struct ckr_verdict try_signature(struct session *session, const struct selftest *test,
                                        enum token_mechanism kind)
{
    CLEANUP(buf_clear) struct buf info = {0};
    struct result result;
    uint8_t digest[DIGEST_MAX];
    enum scheme scheme = scheme_of(kind, test->key->algorithm);
    struct span input = digest_for(scheme, digest);
    struct span signed_input = input;
    if (kind == TOKEN_RSA_PKCS1) {
        struct err err = rsa_digest_info(scheme_info(scheme)->digest, input, &info);
        if (err.code != ERR_OK) {
            return ckr_own(FRAME_UNSUPPORTED);
        }
        signed_input = buf_span(&info);
    }
    struct ckr_verdict verdict = sign(session, test, kind, signed_input, &result);
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    bool valid = false;
    struct err err =
        public_key_verify(test->public_key, scheme, input, span_of_place(&result.place), &valid);
    return ckr_own(err.code == ERR_OK && valid ? FRAME_OK : FRAME_UNSUPPORTED);
}

static struct ckr_verdict try_mac(struct session *session, const struct selftest *test)
{
    struct result macs[3];
    const struct span inputs[3] = {span_text(message), span_text(message), span_text(aad)};
    for (size_t i = 0; i < 3; i++) {
        struct ckr_verdict verdict = sign(session, test, TOKEN_HMAC, inputs[i], &macs[i]);
        if (verdict.class != FRAME_OK) {
            return verdict;
        }
    }
    struct span mac = span_of_place(&macs[0].place);
    bool right = mac.len == algorithm_info(test->key->algorithm)->signature_len &&
                 span_equal(mac, span_of_place(&macs[1].place)) &&
                 !span_equal(mac, span_of_place(&macs[2].place));
    return ckr_own(right ? FRAME_OK : FRAME_UNSUPPORTED);
}

struct sealed {
    struct result result;
    uint8_t iv[TOKEN_IV_LEN];
};

static struct ckr_verdict seal(struct session *session, const struct selftest *test,
                               struct span plaintext, struct sealed *out)
{
    return operation_seal(session, test->iv, test->material->key, span_text(aad), plaintext,
                          out->iv, place_of(&out->result));
}

static struct ckr_verdict unseal(struct session *session, const struct selftest *test,
                                 const struct sealed *sealed, struct result *result)
{
    return operation_open(session, test->material->key, span_text(aad),
                          span_of(sealed->iv, TOKEN_IV_LEN), span_of_place(&sealed->result.place),
                          CKR_OK, place_of(result));
}

static struct ckr_verdict try_gcm(struct session *session, const struct selftest *test,
                                  struct span plaintext)
{
    struct sealed sealed;
    struct result opened;
    struct ckr_verdict verdict = seal(session, test, plaintext, &sealed);
    if (verdict.class == FRAME_OK) {
        verdict = unseal(session, test, &sealed, &opened);
    }
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    bool same = span_equal(span_of_place(&opened.place), plaintext);
    return ckr_own(same ? FRAME_OK : FRAME_UNSUPPORTED);
}

static bool encrypt_oaep(const struct selftest *test, enum token_mechanism kind, struct buf *out)
{
    enum digest hash = kind == TOKEN_RSA_OAEP_SHA1 ? DIGEST_SHA1 : DIGEST_SHA256;
    struct err err = public_key_encrypt_oaep(test->public_key, hash, span_text(message), out);
    return err.code == ERR_OK;
}

static struct ckr_verdict decrypt_oaep(struct session *session, const struct selftest *test,
                                       enum token_mechanism kind, const struct buf *ciphertext,
                                       struct result *result)
{
    struct mechanism mechanism;
    mechanism_init(&mechanism, kind, test->key->algorithm);
    return operation_decrypt(session, &mechanism, test->material->key, buf_span(ciphertext), CKR_OK,
                             place_of(result));
}

static struct ckr_verdict try_oaep(struct session *session, const struct selftest *test,
                                   enum token_mechanism kind)
{
    CLEANUP(buf_clear) struct buf ciphertext = {0};
    struct result opened;
    if (!encrypt_oaep(test, kind, &ciphertext)) {
        return ckr_own(FRAME_UNSUPPORTED);
    }
    struct ckr_verdict verdict = decrypt_oaep(session, test, kind, &ciphertext, &opened);
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    bool same = span_is(span_of_place(&opened.place), message);
    return ckr_own(same ? FRAME_OK : FRAME_UNSUPPORTED);
}

struct ckr_verdict selftest_run(struct session *session, const struct selftest *test,
                                enum token_mechanism kind)
{
    if (kind == TOKEN_AES_GCM) {
        return try_gcm(session, test, span_text(message));
    }
    if (kind == TOKEN_HMAC) {
        return try_mac(session, test);
    }
    if (kind == TOKEN_RSA_OAEP_SHA1 || kind == TOKEN_RSA_OAEP_SHA256) {
        return try_oaep(session, test, kind);
    }
    return try_signature(session, test, kind);
}

bool selftest_empty_plaintext(struct session *session, const struct selftest *test)
{
    return try_gcm(session, test, span_of(NULL, 0)).class == FRAME_OK;
}

static struct ckr_verdict tamper_gcm(struct session *session, const struct selftest *test,
                                     CK_RV *out)
{
    struct sealed sealed;
    struct result opened;
    struct ckr_verdict verdict = seal(session, test, span_text(message), &sealed);
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    sealed.result.bytes[sealed.result.place.len - 1] ^= 1;
    *out = unseal(session, test, &sealed, &opened).ckr;
    return ckr_done();
}

static struct ckr_verdict tamper_oaep(struct session *session, const struct selftest *test,
                                      enum token_mechanism kind, CK_RV *out)
{
    CLEANUP(buf_clear) struct buf ciphertext = {0};
    struct result opened;
    if (!encrypt_oaep(test, kind, &ciphertext)) {
        return ckr_own(FRAME_UNSUPPORTED);
    }
    ciphertext.data[ciphertext.len - 1] ^= 1;
    *out = decrypt_oaep(session, test, kind, &ciphertext, &opened).ckr;
    return ckr_done();
}

struct ckr_verdict selftest_tamper(struct session *session, const struct selftest *test,
                                   enum token_mechanism kind, CK_RV *out)
{
    return kind == TOKEN_AES_GCM ? tamper_gcm(session, test, out)
                                 : tamper_oaep(session, test, kind, out);
}
