/* SSHSIG: a signature that names its key, its purpose and its hash.
 *
 * Nothing that the blob says about itself is believed: the key inside must be the one that the
 * roster has, the namespace the one that we ask for, and each field has one form. Signatures of
 * FIDO keys also sign who asked for the touch (the application), whether there was one, and a
 * counter, which nobody here could compare with the one before. */
#include "quorum/sshsig.h"

#include "base/mem.h"
#include "quorum/ssh_wire.h"
#include "quorum/voter_key.h"

#define VERSION       1
#define FLAG_PRESENCE 0x01 /* PROTOCOL.u2f: the user touched the key */
#define FLAG_LEN      1
#define COUNTER_LEN   4
#define P256_HALF     32

struct sshsig {
    struct span key;
    struct span name_space;
    struct span reserved;
    struct span hash;
    struct span signature;
};

static bool read_blob(struct span blob, struct sshsig *out)
{
    struct cursor cursor = cursor_of(blob);
    struct span magic = {0};
    uint32_t version = 0;
    return cursor_bytes(&cursor, sizeof(SSHSIG_MAGIC) - 1, &magic).code == ERR_OK &&
           span_is(magic, SSHSIG_MAGIC) && cursor_u32(&cursor, &version).code == ERR_OK &&
           version == VERSION && ssh_wire_string(&cursor, &out->key) &&
           ssh_wire_string(&cursor, &out->name_space) && ssh_wire_string(&cursor, &out->reserved) &&
           ssh_wire_string(&cursor, &out->hash) && ssh_wire_string(&cursor, &out->signature) &&
           cursor.rest.len == 0;
}

static bool is_same_key(const struct voter_key *key, struct span blob)
{
    struct ssh_wire_key inside = {0};
    struct span point = {0};
    return ssh_wire_key(blob, &inside) && inside.kind == key->kind &&
           voter_key_point(key, &point) && span_equal(inside.point, point) &&
           span_equal(inside.application, key->application);
}

static bool find_hash(struct span name, enum digest *out)
{
    if (span_is(name, "sha256")) {
        *out = DIGEST_SHA256;
        return true;
    }
    *out = DIGEST_SHA512;
    return span_is(name, "sha512");
}

static struct err append_string(struct buf *buf, struct span string)
{
    TRY(buf_append_u32(buf, (uint32_t)string.len));
    return buf_append(buf, string);
}

/* What the key signs in the message's stead. */
static struct err signed_bytes(const struct sshsig *sig, enum digest hash, struct span message,
                               struct buf *out)
{
    uint8_t digest[DIGEST_MAX];
    digest_of(hash, message, digest);
    TRY(buf_append_text(out, SSHSIG_MAGIC));
    TRY(append_string(out, sig->name_space));
    TRY(append_string(out, sig->reserved));
    TRY(append_string(out, sig->hash));
    return append_string(out, span_of(digest, digest_len(hash)));
}

/* What an authenticator signs instead: digests of both, with flags and counter between them. */
static struct err touched_bytes(struct span application, struct span flags_counter,
                                struct buf *bytes)
{
    uint8_t digest[DIGEST_MAX];
    CLEANUP(buf_clear) struct buf all = {0};
    digest_of(DIGEST_SHA256, application, digest);
    TRY(buf_append(&all, span_of(digest, SHA256_LEN)));
    TRY(buf_append(&all, flags_counter));
    digest_of(DIGEST_SHA256, buf_span(bytes), digest);
    TRY(buf_append(&all, span_of(digest, SHA256_LEN)));
    buf_move(bytes, &all);
    return err_ok();
}

/* r and s as strings of their own within the string. */
static bool read_ecdsa(struct span blob, uint8_t out[2 * P256_HALF])
{
    struct cursor cursor = cursor_of(blob);
    return ssh_wire_number(&cursor, out, P256_HALF) &&
           ssh_wire_number(&cursor, out + P256_HALF, P256_HALF) && cursor.rest.len == 0;
}

static bool verify_blob(const struct voter_key *key, struct span bytes, struct span blob)
{
    if (key->kind == VOTER_KEY_ED25519 || key->kind == VOTER_KEY_SK_ED25519) {
        return voter_key_verify_raw(key, bytes, blob);
    }
    uint8_t raw[2 * P256_HALF];
    return read_ecdsa(blob, raw) && voter_key_verify_raw(key, bytes, span_of(raw, sizeof(raw)));
}

/* `bytes` are those that an ordinary key signs; changed for a FIDO key. */
static bool verify_signature(const struct voter_key *key, struct span signature, struct buf *bytes)
{
    struct cursor cursor = cursor_of(signature);
    struct span type = {0};
    struct span blob = {0};
    if (!ssh_wire_string(&cursor, &type) || !span_is(type, ssh_wire_type(key->kind)) ||
        !ssh_wire_string(&cursor, &blob)) {
        return false;
    }
    if (voter_key_is_sk(key->kind)) {
        struct span tail = cursor.rest;
        return tail.len == FLAG_LEN + COUNTER_LEN && (tail.data[0] & FLAG_PRESENCE) != 0 &&
               touched_bytes(key->application, tail, bytes).code == ERR_OK &&
               verify_blob(key, buf_span(bytes), blob);
    }
    return cursor.rest.len == 0 && verify_blob(key, buf_span(bytes), blob);
}

bool sshsig_verify(const struct voter_key *key, const char *name_space, struct span message,
                   struct span blob)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    struct sshsig sig = {0};
    enum digest hash = DIGEST_SHA256;
    return blob.len <= VOTE_SIGNATURE_MAX && read_blob(blob, &sig) && is_same_key(key, sig.key) &&
           span_is(sig.name_space, name_space) && sig.name_space.len > 0 && sig.reserved.len == 0 &&
           find_hash(sig.hash, &hash) && signed_bytes(&sig, hash, message, &bytes).code == ERR_OK &&
           verify_signature(key, sig.signature, &bytes);
}
