/* sign and verify.
 *
 * Signing hashes here and signs on the token; verifying needs only the public half and never
 * touches the token. ECDSA signatures travel as DER, or as r‖s in base64url with `jose`; with
 * `jose` every scheme's bytes are base64url, because that is what a JWS carries. */
#include "base/encoding.h"
#include "base/mem.h"
#include "base/public_key.h"
#include "gateway/ops/choice.h"
#include "gateway/ops/data_ops.h"
#include "gateway/ops/signature.h"
#include "gateway/ops/verbs.h"

#define SIGNATURE_TEXT_MAX ((size_t)64 << 10)

struct ask {
    struct buf digest;
    bool has_message;
    bool has_digest;
    struct span scheme;
    struct span encoding;
    struct span signature;
};

static void ask_clear(struct ask *ask)
{
    buf_clear(&ask->digest);
}

static struct err read_encoding(const struct ask *ask, struct item *item)
{
    bool jose = span_is(ask->encoding, "jose");
    ENSURE(jose || ask->encoding.data == NULL || span_is(ask->encoding, "der"), ERR_INVALID_FIELD,
           "field 'encoding' is der or jose");
    item->encoding = jose ? ENCODING_JOSE : ENCODING_DER;
    return err_ok();
}

/* The caller's digest takes the place of the hash. */
static struct err take_digest(const struct ask *ask, struct item *item)
{
    const struct scheme_info *info = scheme_info(item->scheme);
    item_digest(item, buf_span(&ask->digest));
    ENSURE(item->scheme != SCHEME_EDDSA, ERR_INVALID_DIGEST,
           "EdDSA signs the message, not a digest");
    ENSURE(ask->digest.len == digest_len(info->digest), ERR_INVALID_DIGEST,
           "%s takes a digest of %zu bytes", info->name, digest_len(info->digest));
    memcpy(item->hash, ask->digest.data, ask->digest.len);
    item->hash_len = ask->digest.len;
    return err_ok();
}

static struct err read_subject(const struct batch *batch, const struct ask *ask, struct item *item)
{
    ENSURE(ask->has_message != ask->has_digest, ERR_INVALID_FIELD,
           "exactly one of 'message' and 'digest' is needed");
    TRY(signature_scheme(batch->call, ask->scheme, &item->scheme));
    TRY(read_encoding(ask, item));
    if (ask->has_digest) {
        return take_digest(ask, item);
    }
    signature_hash(item);
    if (item->hash_len == SHA256_LEN) {
        memcpy(item->digest, item->hash, SHA256_LEN);
        item->has_digest = true;
    } else {
        item_digest(item, buf_span(&item->input));
    }
    return err_ok();
}

/* `signature` stands last: signing reads the table without it. */
static struct err read_ask(const struct batch *batch, struct item *item, struct ask *ask,
                           size_t left_out)
{
    const struct json_field fields[] = {
        {"message", JSON_BYTES, JSON_OPTIONAL, MESSAGE_MAX, &item->input, &ask->has_message},
        {"digest", JSON_BYTES, JSON_OPTIONAL, MESSAGE_MAX, &ask->digest, &ask->has_digest},
        {"scheme", JSON_TEXT, JSON_OPTIONAL, 0, &ask->scheme, NULL},
        {"encoding", JSON_TEXT, JSON_OPTIONAL, 0, &ask->encoding, NULL},
        {"signature", JSON_TEXT, JSON_REQUIRED, SIGNATURE_TEXT_MAX, &ask->signature, NULL},
    };
    TRY(item_read(item, fields, ARRAY_LEN(fields) - left_out));
    return read_subject(batch, ask, item);
}

/* --- sign --- */

static struct err sign_read(struct batch *batch, struct item *item)
{
    CLEANUP(ask_clear) struct ask ask = {0};
    return read_ask(batch, item, &ask, 1);
}

static struct err encode_output(struct item *item)
{
    struct span raw = buf_span(&item->token.output);
    bool der = scheme_info(item->scheme)->family == FAMILY_EC && item->encoding == ENCODING_DER;
    return der ? ecdsa_raw_to_der(raw, &item->output) : buf_append(&item->output, raw);
}

static struct err sign_run(struct batch *batch)
{
    TRY(signature_make(batch));
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (batch_waits(item) && encode_output(item).code != ERR_OK) {
            item->err = err_new(ERR_INTERNAL, __func__, "the token gave an odd signature");
        }
    }
    return err_ok();
}

static void sign_write(const struct batch *batch, const struct item *item,
                       struct json_writer *writer)
{
    char kid[KID_MAX];
    signature_kid(batch->call->key, item->version, kid);
    if (item->encoding == ENCODING_JOSE) {
        json_put_bytes_url(writer, "signature", buf_span(&item->output));
    } else {
        json_put_bytes(writer, "signature", buf_span(&item->output));
    }
    json_put_text(writer, "scheme", scheme_info(item->scheme)->name);
    json_put_text(writer, "kid", kid);
}

struct err verb_sign(struct call *call, const struct words *words)
{
    const struct verb verb = {words, sign_run, VERB_SIGNS};
    struct batch batch = {.call = call, .verb = &verb};
    TRY(choice_purpose(call, PURPOSE_SIGN));
    TRY(choice_protecting(call, &batch.version));
    return batch_run(&batch);
}

struct err op_sign(struct call *call)
{
    static const struct words words = {sign_read, sign_write};
    return verb_sign(call, &words);
}

/* --- verify --- */

/* Into item->proof as tokens have it; a signature of an impossible shape is settled as not valid.
 */
static struct err read_proof(const struct batch *batch, const struct ask *ask, struct item *item)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    struct err err = item->encoding == ENCODING_JOSE ? base64url_decode(ask->signature, &bytes)
                                                     : base64_decode(ask->signature, &bytes);
    ENSURE(err.code == ERR_OK, err.code, "field 'signature' is not strict %s (RFC 4648)",
           item->encoding == ENCODING_JOSE ? "base64url" : "base64");
    size_t len = algorithm_info(batch->call->key->algorithm)->signature_len;
    if (scheme_info(item->scheme)->family == FAMILY_EC && item->encoding == ENCODING_DER) {
        item->settled = ecdsa_der_to_raw(buf_span(&bytes), len, &item->proof).code != ERR_OK;
    } else {
        buf_move(&item->proof, &bytes);
        item->settled = item->proof.len != len;
    }
    return err_ok();
}

static struct err verify_read(struct batch *batch, struct item *item)
{
    CLEANUP(ask_clear) struct ask ask = {0};
    TRY(read_ask(batch, item, &ask, 0));
    item->version = batch->version;
    item->pinned = batch->call->version_asked != 0;
    return read_proof(batch, &ask, item);
}

static struct err verify_with(const struct version *version, struct item *item)
{
    if (version->public_key.len == 0) {
        return err_ok();
    }
    TRY(public_key_verify(version->public_key, item->scheme, signature_subject(item),
                          buf_span(&item->proof), &item->valid));
    enum scheme other = signature_other_padding(item->scheme);
    if (!item->valid && item->any_padding && other != item->scheme) {
        TRY(public_key_verify(version->public_key, other, signature_subject(item),
                              buf_span(&item->proof), &item->valid));
    }
    if (item->valid) {
        item->version = version;
    }
    return err_ok();
}

static struct err verify_item(const struct batch *batch, struct item *item)
{
    const struct call *call = batch->call;
    if (item->pinned) {
        return verify_with(item->version, item);
    }
    const struct version *version = choice_next_opening(call->key, NULL);
    for (; version != NULL && !item->valid; version = choice_next_opening(call->key, version)) {
        TRY(verify_with(version, item));
    }
    return err_ok();
}

static struct err verify_run(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (batch_waits(item)) {
            item->err = verify_item(batch, item);
        }
    }
    return err_ok();
}

static void verify_write(const struct batch *batch, const struct item *item,
                         struct json_writer *writer)
{
    (void)batch;
    json_put_flag(writer, "valid", item->valid);
    json_put_text(writer, "scheme", scheme_info(item->scheme)->name);
}

struct err verb_verify(struct call *call, const struct words *words)
{
    const struct verb verb = {words, verify_run, VERB_CHECKS};
    struct batch batch = {.call = call, .verb = &verb};
    TRY(choice_purpose(call, PURPOSE_SIGN));
    TRY(choice_checking(call, &batch.version));
    return batch_run(&batch);
}

struct err op_verify(struct call *call)
{
    static const struct words words = {verify_read, verify_write};
    return verb_verify(call, &words);
}
