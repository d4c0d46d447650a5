/* Keys of voters: their one form, what their proof signs, and whether a signature is theirs.
 *
 * Whatever is odd about a key or a signature is just not valid. Signatures of FIDO keys exist as
 * SSHSIG alone, because they sign more than the message: a raw one would prove no touch. */
#include "quorum/voter_key.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "base/public_key.h"
#include "quorum/canonical.h"
#include "quorum/ed25519_point.h"
#include "quorum/sshsig.h"

#define P256_RAW_LEN    64
#define ED25519_SIG_LEN 64

static const uint8_t ed25519_lead[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                       0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
static const uint8_t p256_lead[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

static const struct kind {
    const char *name;
    struct span lead; /* of the SPKI, before the point */
    size_t point_len;
    enum scheme scheme;
    bool is_sk;
} kinds[VOTER_KEY_KIND_COUNT] = {
    [VOTER_KEY_ED25519] =
        {"ed25519", {ed25519_lead, sizeof(ed25519_lead)}, 32, SCHEME_EDDSA, false},
    [VOTER_KEY_P256] = {"ecdsa-p256", {p256_lead, sizeof(p256_lead)}, 65, SCHEME_ES256, false},
    [VOTER_KEY_SK_ED25519] =
        {"sk-ed25519", {ed25519_lead, sizeof(ed25519_lead)}, 32, SCHEME_EDDSA, true},
    [VOTER_KEY_SK_P256] = {"sk-ecdsa-p256", {p256_lead, sizeof(p256_lead)}, 65, SCHEME_ES256, true},
};

static bool is_known(enum voter_key_kind kind)
{
    return (size_t)kind < VOTER_KEY_KIND_COUNT;
}

const char *voter_key_kind_name(enum voter_key_kind kind)
{
    return is_known(kind) ? kinds[kind].name : "unknown";
}

bool voter_key_is_sk(enum voter_key_kind kind)
{
    return is_known(kind) && kinds[kind].is_sk;
}

/* --- one form --- */

static bool application_fits(const struct voter_key *key)
{
    if (!voter_key_is_sk(key->kind)) {
        return key->application.len == 0;
    }
    return span_starts(key->application, "ssh:") &&
           key->application.len <= VOTER_KEY_APPLICATION_MAX && canonical_is_line(key->application);
}

/* `point` has the length of its kind. */
static bool point_fits(const struct kind *kind, struct span point)
{
    return kind->scheme == SCHEME_EDDSA ? ed25519_point_is_sound(point.data)
                                        : point.data[0] == 0x04;
}

bool voter_key_point(const struct voter_key *key, struct span *out)
{
    if (!is_known(key->kind) || !application_fits(key)) {
        return false;
    }
    const struct kind *kind = &kinds[key->kind];
    size_t lead = kind->lead.len;
    if (key->spki.len != lead + kind->point_len ||
        !span_equal(span_of(key->spki.data, lead), kind->lead)) {
        return false;
    }
    struct span point = span_of(key->spki.data + lead, kind->point_len);
    if (!point_fits(kind, point)) {
        return false;
    }
    *out = point;
    return true;
}

/* OpenSSL loads no P-256 point that is elsewhere. */
static bool is_on_curve(struct span spki)
{
    const unsigned char *at = spki.data;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)spki.len);
    bool loaded = key != NULL;
    EVP_PKEY_free(key);
    ERR_clear_error();
    return loaded;
}

bool voter_key_spki(enum voter_key_kind kind, struct span point, struct buf *out)
{
    if (!is_known(kind) || point.len != kinds[kind].point_len || !point_fits(&kinds[kind], point)) {
        return false;
    }
    CLEANUP(buf_clear) struct buf spki = {0};
    return buf_append(&spki, kinds[kind].lead).code == ERR_OK &&
           buf_append(&spki, point).code == ERR_OK && is_on_curve(buf_span(&spki)) &&
           buf_append(out, buf_span(&spki)).code == ERR_OK;
}

/* --- proof --- */

struct err voter_key_message(struct span person, const struct voter_key *key, struct buf *out)
{
    struct span point = {0};
    TRY(quorum_check_id(person));
    ENSURE(voter_key_point(key, &point), ERR_INVALID_FIELD, "the key is not in its one form");
    TRY(buf_printf(out, "hsmgate/v1/voter-key\n%.*s\n%s\n", (int)person.len,
                   (const char *)person.data, voter_key_kind_name(key->kind)));
    TRY(base64_encode(key->spki, out));
    return buf_printf(out, "\n%.*s\n", (int)key->application.len,
                      key->application.len > 0 ? (const char *)key->application.data : "");
}

/* --- verifying --- */

static bool is_valid(const struct voter_key *key, struct span signed_bytes, struct span signature)
{
    bool valid = false;
    struct err err =
        public_key_verify(key->spki, kinds[key->kind].scheme, signed_bytes, signature, &valid);
    return err.code == ERR_OK && valid;
}

bool voter_key_verify_raw(const struct voter_key *key, struct span message, struct span signature)
{
    struct span point = {0};
    if (!voter_key_point(key, &point)) {
        return false;
    }
    if (kinds[key->kind].scheme == SCHEME_EDDSA) {
        return signature.len == ED25519_SIG_LEN && is_valid(key, message, signature);
    }
    uint8_t digest[DIGEST_MAX];
    digest_of(DIGEST_SHA256, message, digest);
    struct span hashed = span_of(digest, SHA256_LEN);
    if (signature.len == P256_RAW_LEN) {
        return is_valid(key, hashed, signature);
    }
    CLEANUP(buf_clear) struct buf raw = {0};
    return ecdsa_der_to_raw(signature, P256_RAW_LEN, &raw).code == ERR_OK &&
           is_valid(key, hashed, buf_span(&raw));
}

bool voter_key_verify(const struct voter_key *key, enum vote_format format, const char *name_space,
                      struct span message, struct span signature)
{
    switch (format) {
    case VOTE_RAW:
        return !voter_key_is_sk(key->kind) && voter_key_verify_raw(key, message, signature);
    case VOTE_SSHSIG:
        return sshsig_verify(key, name_space, message, signature);
    default:
        return false;
    }
}
