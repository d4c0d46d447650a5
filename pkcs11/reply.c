/* reply: one table from frame classes to errors, and the plausibility of successful answers.
 *
 * A module that returns a signature of the wrong length, or no IV, is broken or hostile; its answer
 * never reaches a caller, and call.c replaces the worker. What a CK_RV was stays in the log. */
#include "pkcs11/reply.h"

#include <assert.h>
#include <string.h>

#include "base/banned.h"

#define AES_IDENTITY_LEN  (TOKEN_IV_LEN + TOKEN_TAG_LEN)
#define AES_CONSTANT_LEN  16 /* sealed instead of nothing where a token cannot seal nothing */
#define HMAC_IDENTITY_LEN 16
#define JWE_PARTS         5
#define OAEP_OVERHEAD_MIN 42 /* RFC 8017 §7.1.1 with SHA-1: 2 hLen + 2 */

static const struct {
    const char *name;
    enum err_code code;
    const char *detail;
    bool lost;
    bool alarm;
} classes[FRAME_CLASS_END] = {
    [FRAME_OK] = {"ok", ERR_OK, "", false, false},
    [FRAME_CALLER_DATA] = {"caller data", ERR_INVALID_FIELD, "the token refuses this data", false,
                           false},
    [FRAME_OUR_MISTAKE] = {"our mistake", ERR_INTERNAL, "the gateway asked the token wrongly",
                           false, true},
    [FRAME_STALE_SESSION] = {"stale session", ERR_TOKEN_UNAVAILABLE, "the token lost its session",
                             true, false},
    [FRAME_STALE_EPOCH] = {"stale login", ERR_TOKEN_UNAVAILABLE, "the token lost its login", true,
                           false},
    [FRAME_DEVICE_LOST] = {"device lost", ERR_TOKEN_UNAVAILABLE, "the token does not answer", true,
                           false},
    [FRAME_PIN] = {"PIN refused", ERR_TOKEN_UNAVAILABLE, "the token is locked to the gateway",
                   false, true},
    [FRAME_CAPACITY] = {"capacity", ERR_OVERLOADED, "the token has no session or no time left",
                        false, false},
    [FRAME_KEY_MISSING] = {"key missing", ERR_TOKEN_UNAVAILABLE,
                           "the key's material is not on the token", false, true},
    [FRAME_KEY_SWAPPED] = {"key swapped", ERR_TOKEN_UNAVAILABLE,
                           "the key's material is not on the token", false, true},
    [FRAME_UNSUPPORTED] = {"unsupported", ERR_UNSUPPORTED_BY_TOKEN, "the token does not do this",
                           false, false},
    [FRAME_EXISTS] = {"exists", ERR_CONFLICT, "the token has a key with this CKA_ID", false, false},
    [FRAME_UNFIT] = {"unfit", ERR_UNSUPPORTED_OPERATION, "the key on the token is not fit", false,
                     false},
    [FRAME_UNAPPROVED] = {"unapproved", ERR_APPROVAL_REQUIRED,
                          "this needs the approval of a quorum", false, false},
    [FRAME_SPENT] = {"spent", ERR_CONFLICT, "the approvals were used before", false, false},
    [FRAME_UNPINNED] = {"unpinned", ERR_INVALID_STATE,
                        "the token's worker pins no roster, so it opens nothing", false, true},
    [FRAME_LYING] = {"lying module", ERR_TOKEN_UNAVAILABLE, "the token's answer cannot be true",
                     true, true},
};

static const struct {
    enum err_code code;
    const char *detail;
} unfits[FRAME_UNFIT_END] = {
    [FRAME_UNFIT_MISSING] = {ERR_NOT_FOUND,
                             "no secret or private key on the token has this CKA_ID or label"},
    [FRAME_UNFIT_SEVERAL] = {ERR_CONFLICT, "more than one secret or private key on the token has "
                                           "this label: name the one by its CKA_ID"},
    [FRAME_UNFIT_SHARED_ID] = {ERR_CONFLICT, "another key on the token has the same CKA_ID: give "
                                             "each key a CKA_ID of its own"},
    [FRAME_UNFIT_NO_ID] = {ERR_UNSUPPORTED_OPERATION,
                           "the key has no CKA_ID of 1 to 32 bytes: give it one on the token"},
    [FRAME_UNFIT_NO_PUBLIC] = {ERR_UNSUPPORTED_OPERATION,
                               "the private key's public key is not on the token: put it there, "
                               "with the same CKA_ID"},
    [FRAME_UNFIT_ALGORITHM] = {ERR_UNSUPPORTED_OPERATION,
                               "the type, size or curve of the key on the token is not that of the "
                               "algorithm"},
    [FRAME_UNFIT_ROLE] = {ERR_UNSUPPORTED_OPERATION,
                          "the token does not allow the key to do what its purpose needs"},
    [FRAME_UNFIT_LEAKY] = {ERR_UNSUPPORTED_OPERATION,
                           "the token allows the key to decrypt as well as to wrap or unwrap keys, "
                           "which would give those keys away"},
    [FRAME_UNFIT_ASKING] = {ERR_UNSUPPORTED_OPERATION, "the key asks for the PIN before every use"},
    [FRAME_UNFIT_UNPROVEN] = {ERR_UNSUPPORTED_OPERATION,
                              "the key did not pass its first use: it may be restricted, or its "
                              "public key may belong to another"},
};

bool reply_unfit(uint32_t bytes, struct err *out)
{
    if (bytes == FRAME_FIT || bytes >= FRAME_UNFIT_END) {
        return false;
    }
    *out = err_new(unfits[bytes].code, __func__, "%s", unfits[bytes].detail);
    return true;
}

bool reply_unapproved(struct span reason, struct err *out)
{
    if (reason.len == 0 || reason.len > FRAME_REASON_MAX) {
        return false;
    }
    for (size_t i = 0; i < reason.len; i++) {
        if (reason.data[i] < ' ' || reason.data[i] > '~') {
            return false;
        }
    }
    *out = err_new(classes[FRAME_UNAPPROVED].code, __func__, "%.*s", (int)reason.len,
                   (const char *)reason.data);
    return true;
}

struct err reply_error(enum frame_class class, enum token_op op)
{
    assert(class < FRAME_CLASS_END);
    if (class == FRAME_OK) {
        return err_ok();
    }
    ENSURE(class != FRAME_CALLER_DATA || op != TOKEN_DECRYPT, ERR_INVALID_CIPHERTEXT,
           "the ciphertext does not open with this key and context");
    return err_new(classes[class].code, __func__, "%s", classes[class].detail);
}

bool reply_is_lost(enum frame_class class)
{
    return classes[class].lost;
}

bool reply_is_alarm(enum frame_class class)
{
    return classes[class].alarm;
}

const char *reply_class_name(enum frame_class class)
{
    return classes[class].name;
}

static struct err check_len(const char *what, size_t got, size_t due)
{
    ENSURE(got == due, ERR_CORRUPT, "%s of %zu bytes instead of %zu", what, got, due);
    return err_ok();
}

static struct err check_signature(const struct token_item *request, const struct frame_item *reply)
{
    size_t due = algorithm_info(request->key->algorithm)->signature_len;
    TRY(check_len("signature", reply->input.len, due));
    return check_len("extra", reply->aad.len, 0);
}

static struct err check_ciphertext(size_t plaintext_len, const struct frame_item *reply)
{
    TRY(check_len("ciphertext", reply->input.len, plaintext_len + TOKEN_TAG_LEN));
    return check_len("IV", reply->aad.len, TOKEN_IV_LEN);
}

static struct err check_plaintext(const struct token_item *request, const struct frame_item *reply)
{
    TRY(check_len("extra", reply->aad.len, 0));
    if (request->mechanism == TOKEN_AES_GCM) {
        return check_len("plaintext", reply->input.len + TOKEN_TAG_LEN, request->input.len);
    }
    size_t modulus = algorithm_info(request->key->algorithm)->signature_len;
    ENSURE(reply->input.len + OAEP_OVERHEAD_MIN <= modulus, ERR_CORRUPT,
           "plaintext of %zu bytes out of %zu", reply->input.len, modulus);
    return err_ok();
}

struct err reply_check_item(enum token_op op, const struct token_item *request,
                            const struct frame_item *reply)
{
    bool reveal = op == TOKEN_DATA_KEY && request->reveal;
    TRY(check_len("revealed key", reply->iv.len, reveal ? request->bytes : 0));
    switch (op) {
    case TOKEN_SIGN:
        return check_signature(request, reply);
    case TOKEN_ENCRYPT:
        return check_ciphertext(request->input.len, reply);
    case TOKEN_DECRYPT:
        return check_plaintext(request, reply);
    case TOKEN_DATA_KEY:
        return check_ciphertext(request->bytes, reply);
    case TOKEN_RANDOM:
        TRY(check_len("extra", reply->aad.len, 0));
        return check_len("random", reply->input.len, request->bytes);
    case TOKEN_OP_COUNT:
        break;
    }
    return err_new(ERR_CORRUPT, __func__, "operation %d", (int)op);
}

static bool is_base64url(uint8_t byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
}

struct err reply_check_sealed(struct span jwe)
{
    size_t part = 0;
    size_t lens[JWE_PARTS] = {0};
    for (size_t i = 0; i < jwe.len; i++) {
        part += jwe.data[i] == '.' ? 1 : 0;
        ENSURE(part < JWE_PARTS && (jwe.data[i] == '.' || is_base64url(jwe.data[i])), ERR_CORRUPT,
               "a sealed answer with another byte at %zu", i);
        lens[part] += jwe.data[i] == '.' ? 0 : 1;
    }
    ENSURE(part == JWE_PARTS - 1 && lens[0] > 0 && lens[1] == 0 && lens[2] > 0 && lens[4] > 0,
           ERR_CORRUPT, "a sealed answer that is none");
    return err_ok();
}

static struct err check_public_key(const struct frame_item *reply)
{
    uint8_t hash[SHA256_LEN];
    ENSURE(reply->input.len > 0, ERR_CORRUPT, "no public key");
    digest_sha256_parts(&reply->input, 1, hash);
    ENSURE(span_equal(span_of(hash, sizeof(hash)),
                      span_of(reply->key.identity, reply->key.identity_len)),
           ERR_CORRUPT, "a public key that its identity does not name");
    return err_ok();
}

struct err reply_check_key(const struct token_key *request, const struct frame_item *reply)
{
    const struct token_key *made = &reply->key;
    ENSURE(span_equal(span_of(made->cka_id, made->cka_id_len),
                      span_of(request->cka_id, request->cka_id_len)),
           ERR_CORRUPT, "another CKA_ID than was asked for");
    ENSURE(made->algorithm == request->algorithm && made->purpose == request->purpose, ERR_CORRUPT,
           "another algorithm or purpose than was asked for");
    enum family family = algorithm_info(request->algorithm)->family;
    if (family != FAMILY_AES && family != FAMILY_HMAC) {
        return check_public_key(reply);
    }
    TRY(check_len("public key", reply->input.len, 0));
    if (family == FAMILY_HMAC) {
        return check_len("identity", made->identity_len, HMAC_IDENTITY_LEN);
    }
    bool with_constant = made->identity_len == AES_IDENTITY_LEN + AES_CONSTANT_LEN;
    return with_constant ? err_ok() : check_len("identity", made->identity_len, AES_IDENTITY_LEN);
}

struct err reply_check_adopted(const struct token_key *request, const struct frame_item *reply)
{
    struct token_key asked = *request;
    ENSURE(reply->key.cka_id_len > 0, ERR_CORRUPT, "an adopted key without a CKA_ID");
    ENSURE(reply->bytes >> TOKEN_ATTRIBUTE_COUNT == 0, ERR_CORRUPT, "attributes %#x", reply->bytes);
    if (asked.cka_id_len == 0) {
        memcpy(asked.cka_id, reply->key.cka_id, sizeof(asked.cka_id));
        asked.cka_id_len = reply->key.cka_id_len;
    }
    TRY(check_len("extra", reply->aad.len, 0));
    TRY(check_len("revealed key", reply->iv.len, 0));
    return reply_check_key(&asked, reply);
}
