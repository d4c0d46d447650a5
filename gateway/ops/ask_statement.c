/* The statement that people will sign: everything that decides what will happen, and nothing that
 * somebody could change later without changing these bytes. */
#include "base/clock.h"
#include "base/mem.h"
#include "gateway/ops/ask.h"
#include "gateway/signer.h"
#include "gateway/witness.h"

#define MS INT64_C(1000)

/* The verifier key of the audit log: who checks evidence later needs no word of ours for it. */
static struct err read_log_key(const struct call *call, struct buf *out)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(call->gateway->store, span_text(WITNESS_KEY));
    const struct version *version = key != NULL ? key_primary(key) : NULL;
    ENSURE(version != NULL, ERR_TOKEN_UNAVAILABLE, "the audit log has no signing key yet");
    return signer_key_text(call->gateway, version, out);
}

static void put_version(const struct call *call, const struct ask *ask, struct statement *out)
{
    const struct version *version = key_version(call->key, ask->version);
    out->version = ask->version;
    if (version != NULL) {
        out->cka_id = span_of(version->cka_id, version->cka_id_len);
        out->identity = span_of(version->identity, version->identity_len);
    }
}

static void put_opening(const struct ask *ask, struct statement *out)
{
    struct span ciphertext = buf_span(&ask->ciphertext);
    struct span context = buf_span(&ask->context);
    digest_sha256_parts(&ciphertext, 1, out->ciphertext_sha256);
    digest_sha256_parts(&context, 1, out->context_sha256);
    out->recipient = ask->recipient;
}

/* What is wanted must be possible too, or the key would be closed for ever. */
static struct err check_wanted(const struct roster *roster, const struct ask *ask)
{
    struct quorum_rule wanted;
    if (ask->kind != STATEMENT_RULE || ask->wanted.m == 0) {
        return err_ok();
    }
    TRY(roster_rule(roster, ask->wanted.group, ask->wanted.m, &wanted));
    return roster_check_rule(roster, &wanted, span_of(NULL, 0));
}

struct err ask_statement(const struct call *call, const struct ask *ask,
                         const struct roster *roster, struct buf *out, struct uuid *out_id,
                         int64_t *out_expires_at)
{
    CLEANUP(buf_clear) struct buf log_key = {0};
    struct statement says = {.kind = ask->kind,
                             .id = uuid_make(),
                             .gateway = span_text(call->gateway->config->audit.origin),
                             .key = span_text(call->key->name),
                             .key_id = call->key->id,
                             .after_s = ask->after_s,
                             .wanted = ask->wanted,
                             .reason = ask->reason,
                             .ticket = ask->ticket,
                             .requester = span_text(call->principal),
                             .roster_number = roster->number,
                             .created_at = call->now_ms / MS * MS};
    says.expires_at = says.created_at + ask->window_s * MS;
    random_bytes(says.nonce, sizeof(says.nonce));
    memcpy(says.roster_sha256, roster->digest, SHA256_LEN);
    put_version(call, ask, &says);
    put_opening(ask, &says);
    TRY(judged_rule(roster, call->key, says.cka_id, &says.rule));
    TRY(roster_check_rule(roster, &says.rule, says.requester));
    TRY(check_wanted(roster, ask));
    TRY(read_log_key(call, &log_key));
    says.log_key = buf_span(&log_key);
    TRY(statement_write(&says, out));
    *out_id = says.id;
    *out_expires_at = says.expires_at;
    return err_ok();
}
