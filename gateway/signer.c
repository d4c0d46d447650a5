/* The checkpoint key is one of the gateway's own and signs nothing but checkpoints. What is signed
 * is opened again with the public half before anybody sees it, so a token that signs wrongly is
 * found here and not by an auditor. */
#include "gateway/signer.h"

#include "audit/checkpoint.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/public_key.h"
#include "gateway/own_key.h"
#include "gateway/witness.h"

struct err signer_key(const struct gateway *gateway, int64_t deadline_ns, const struct key **out)
{
    static const struct own_key wanted = {
        .name = WITNESS_KEY,
        .description = "Signs the checkpoints of the audit log; the gateway's own.",
        .algorithm = ALGORITHM_ED25519,
        .otherwise = ALGORITHM_ECDSA_P256,
        .purpose = PURPOSE_SIGN,
    };
    return own_key_get(gateway, &wanted, deadline_ns, out);
}

static struct checkpoint_key note_key(const struct gateway *gateway, const struct version *version)
{
    return (struct checkpoint_key){.name = gateway->config->audit.origin,
                                   .public_key = version->public_key};
}

struct err signer_key_text(const struct gateway *gateway, const struct version *version,
                           struct buf *out)
{
    const struct checkpoint_key key = note_key(gateway, version);
    return checkpoint_key_text(&key, out);
}

/* Ed25519 signs the message, ECDSA its SHA-256; the note takes ECDSA as DER. */
static struct err sign_body(const struct gateway *gateway, const struct key *key, struct span body,
                            int64_t deadline_ns, struct buf *out)
{
    struct token *token = rotation_token(&gateway->rotation, key->token);
    ENSURE(token != NULL, ERR_CONFIG, "token %s is not configured", key->token);
    bool is_ec = algorithm_info(key->algorithm)->family == FAMILY_EC;
    uint8_t digest[DIGEST_MAX];
    digest_of(DIGEST_SHA256, body, digest);
    struct token_key token_key;
    rotation_token_key(key, key_primary(key), &token_key);
    CLEANUP(own_key_item_clear)
    struct token_item item = {.key = &token_key,
                              .mechanism = is_ec ? TOKEN_ECDSA : TOKEN_EDDSA,
                              .input = is_ec ? span_of(digest, SHA256_LEN) : body};
    TRY(token_run(token, TOKEN_SIGN, &item, 1, deadline_ns));
    TRY(item.result);
    return is_ec ? ecdsa_raw_to_der(buf_span(&item.output), out)
                 : buf_append(out, buf_span(&item.output));
}

static struct err open_note(struct span text, struct span note, struct tree_head *out)
{
    CLEANUP(checkpoint_verifier_clear) struct checkpoint_verifier verifier = {0};
    TRY(checkpoint_verifier_read(text, &verifier));
    return checkpoint_open(note, &verifier, out);
}

static struct err check_note(const struct gateway *gateway, const struct version *version,
                             struct span note)
{
    CLEANUP(buf_clear) struct buf text = {0};
    struct tree_head head;
    TRY(signer_key_text(gateway, version, &text));
    struct err err = open_note(buf_span(&text), note, &head);
    ENSURE(err.code == ERR_OK, ERR_TOKEN_UNAVAILABLE, "the token's signature is not good");
    return err_ok();
}

struct err signer_sign(const struct gateway *gateway, const struct key *key,
                       const struct tree_head *head, int64_t deadline_ns, struct buf *out_note)
{
    const struct version *version = key_primary(key);
    const struct checkpoint_key signing = note_key(gateway, version);
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(buf_clear) struct buf signature = {0};
    CLEANUP(buf_clear) struct buf note = {0};
    TRY(checkpoint_body(signing.name, head, &body));
    TRY(sign_body(gateway, key, buf_span(&body), deadline_ns, &signature));
    TRY(checkpoint_note(&signing, head, buf_span(&signature), &note));
    TRY(check_note(gateway, version, buf_span(&note)));
    /* A count missed harms nothing here, and the store may be what is ill. */
    struct err counted = keystore_take_uses(gateway->store, version, 1, 0, clock_wall_ms());
    (void)counted;
    buf_move(out_note, &note);
    return err_ok();
}

struct err signer_find_key(const struct gateway *gateway, struct span note, struct buf *out_text)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(gateway->store, span_text(WITNESS_KEY));
    for (size_t i = key != NULL ? key->version_count : 0; i > 0; i--) {
        CLEANUP(buf_clear) struct buf text = {0};
        struct tree_head head;
        const struct version *version = &key->versions[i - 1];
        struct err err = signer_key_text(gateway, version, &text);
        if (err.code == ERR_OK && open_note(buf_span(&text), note, &head).code == ERR_OK) {
            buf_move(out_text, &text);
            return err_ok();
        }
    }
    return err_new(ERR_NOT_FOUND, __func__, "no version of the key signed the checkpoint");
}
