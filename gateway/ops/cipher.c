/* Envelopes around the token's ciphertexts.
 *
 * AES-GCM is done by the token, with the envelope's head and the caller's context as AAD. RSA is
 * encrypted in software with the public half and decrypted by the token; OAEP has no AAD, so an
 * RSA blob takes no context, and its head is checked against the key alone. */
#include "gateway/ops/cipher.h"

#include "base/mem.h"
#include "base/public_key.h"
#include "gateway/ops/choice.h"

static bool key_is_rsa(const struct batch *batch)
{
    return algorithm_info(batch->call->key->algorithm)->family == FAMILY_RSA;
}

static struct envelope envelope_for(const struct batch *batch, const struct item *item)
{
    return (struct envelope){
        .type = item->type,
        .key = batch->call->key->id,
        .version = item->version->number,
        .algorithm = ENVELOPE_AES_256_GCM,
    };
}

/* --- protect --- */

static struct err prepare_aes(const struct batch *batch, struct item *item)
{
    struct envelope envelope = envelope_for(batch, item);
    buf_reset(&item->scratch);
    TRY(envelope_aad(&envelope, buf_span(&item->context), &item->scratch));
    rotation_token_key(batch->call->key, item->version, &item->key);
    item->token.key = &item->key;
    item->token.mechanism = TOKEN_AES_GCM;
    item->token.input = buf_span(&item->input);
    item->token.aad = buf_span(&item->scratch);
    return err_ok();
}

static struct err finish_aes(const struct batch *batch, struct item *item)
{
    struct envelope envelope = envelope_for(batch, item);
    envelope.iv = buf_span(&item->token.extra);
    envelope.body = buf_span(&item->token.output);
    return envelope_encode(&envelope, &item->output);
}

static struct err protect_aes(struct batch *batch, struct token *token, enum token_op op)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (batch_waits(item)) {
            item->err = prepare_aes(batch, item);
        }
    }
    TRY(batch_token(batch, token, op));
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (batch_waits(item)) {
            item->err = finish_aes(batch, item);
        }
    }
    return err_ok();
}

static struct err protect_rsa_item(const struct batch *batch, struct item *item,
                                   enum token_mechanism oaep)
{
    bool sha256 = oaep == TOKEN_RSA_OAEP_SHA256;
    CLEANUP(buf_clear) struct buf body = {0};
    TRY(public_key_encrypt_oaep(item->version->public_key, sha256 ? DIGEST_SHA256 : DIGEST_SHA1,
                                buf_span(&item->input), &body));
    struct envelope envelope = envelope_for(batch, item);
    envelope.algorithm = sha256 ? ENVELOPE_RSA_OAEP_SHA256 : ENVELOPE_RSA_OAEP_SHA1;
    envelope.body = buf_span(&body);
    return envelope_encode(&envelope, &item->output);
}

static struct err protect_rsa(struct batch *batch, struct token *token)
{
    enum token_mechanism oaep;
    TRY(choice_oaep(token, &oaep));
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (batch_waits(item)) {
            item->err = protect_rsa_item(batch, item, oaep);
        }
    }
    return err_ok();
}

struct err cipher_protect(struct batch *batch, enum token_op op)
{
    struct token *token = NULL;
    TRY(choice_token(batch->call, &token));
    TRY(choice_count_uses(batch->call, batch->version, batch_waiting(batch)));
    for (size_t i = 0; i < batch->count; i++) {
        batch->items[i].version = batch->version;
    }
    return key_is_rsa(batch) ? protect_rsa(batch, token) : protect_aes(batch, token, op);
}

/* --- open --- */

static bool blobs_include(enum cipher_blobs blobs, enum envelope_type type)
{
    return blobs == BLOBS_ANY || (blobs == BLOBS_DATA) == (type == ENVELOPE_DATA);
}

/* The version that the envelope names, or NULL when it is not one of this call's key. */
static const struct version *version_named(const struct batch *batch,
                                           const struct envelope *envelope)
{
    const struct key *key = batch->call->key;
    if (!uuid_equal(envelope->key, key->id) ||
        key_is_rsa(batch) != (envelope->algorithm != ENVELOPE_AES_256_GCM)) {
        return NULL;
    }
    if (batch->call->version_asked != 0 && envelope->version != batch->call->version_asked) {
        return NULL;
    }
    return key_version(key, envelope->version);
}

static void point_token(struct batch *batch, struct item *item, enum token_mechanism mechanism,
                        struct span body)
{
    rotation_token_key(batch->call->key, item->version, &item->key);
    item->token.key = &item->key;
    item->token.mechanism = mechanism;
    item->token.input = body;
}

/* A stranger's OAEP block, encrypted with the public half that we publish. */
static struct err read_bare_block(struct batch *batch, struct item *item)
{
    struct token *token = NULL;
    enum token_mechanism oaep;
    const struct version *version = key_primary(batch->call->key);
    if (batch->call->version_asked != 0) {
        version = key_version(batch->call->key, batch->call->version_asked);
    }
    ENSURE(version != NULL, ERR_INVALID_STATE, "the key has no active version");
    TRY(choice_may_open(version));
    TRY(choice_token(batch->call, &token));
    TRY(choice_oaep(token, &oaep));
    item->version = version;
    item->type = ENVELOPE_DATA;
    point_token(batch, item, oaep, buf_span(&item->input));
    return err_ok();
}

struct err cipher_read_blob(struct batch *batch, struct item *item, enum cipher_blobs blobs)
{
    size_t block_len = algorithm_info(batch->call->key->algorithm)->signature_len;
    if (key_is_rsa(batch) && item->input.len == block_len) {
        return read_bare_block(batch, item);
    }
    struct envelope envelope;
    TRY(envelope_decode(buf_span(&item->input), &envelope));
    const struct version *version = version_named(batch, &envelope);
    if (version == NULL || !blobs_include(blobs, envelope.type) ||
        (key_is_rsa(batch) && envelope.body.len != block_len)) {
        return envelope_refusal();
    }
    item->version = version;
    item->type = envelope.type;
    TRY(choice_may_open(version));
    buf_reset(&item->scratch);
    if (!key_is_rsa(batch)) {
        TRY(envelope_aad(&envelope, buf_span(&item->context), &item->scratch));
    }
    point_token(batch, item, token_mechanism_of(envelope.algorithm), envelope.body);
    item->token.aad = buf_span(&item->scratch);
    item->token.iv = envelope.iv;
    return err_ok();
}

/* One bit of a blob says which OAEP its block is of: one that the token does not do makes a bad
 * blob like any other. */
static bool is_bad_blob(const struct batch *batch, const struct item *item)
{
    return item->err.code == ERR_INVALID_CIPHERTEXT ||
           (key_is_rsa(batch) && item->err.code == ERR_UNSUPPORTED_BY_TOKEN);
}

struct err cipher_open(struct batch *batch)
{
    struct token *token = NULL;
    TRY(choice_token(batch->call, &token));
    TRY(batch_token(batch, token, TOKEN_DECRYPT));
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (batch_waits(item)) {
            buf_move(&item->output, &item->token.output);
        } else if (is_bad_blob(batch, item)) {
            item->err = envelope_refusal();
        }
    }
    return err_ok();
}
