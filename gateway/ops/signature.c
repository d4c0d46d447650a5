/* From schemes to what the token signs, and from its signatures to those of the schemes. */
#include "gateway/ops/signature.h"

#include "base/public_key.h"
#include "gateway/ops/choice.h"

void signature_kid(const struct key *key, const struct version *version, char out[KID_MAX])
{
    (void)snprintf(out, KID_MAX, "%s@%u", key->name, version->number);
}

struct err signature_scheme(const struct call *call, struct span name, enum scheme *out)
{
    enum algorithm algorithm = call->key->algorithm;
    enum scheme scheme = scheme_default(algorithm);
    ENSURE(name.data == NULL || scheme_by_name(name, &scheme), ERR_INVALID_FIELD,
           "field 'scheme' names no scheme");
    ENSURE(scheme < SCHEME_COUNT && scheme_fits(scheme, algorithm), ERR_UNSUPPORTED_OPERATION,
           "the scheme does not fit a key of %s", algorithm_info(algorithm)->name);
    *out = scheme;
    return err_ok();
}

enum scheme signature_other_padding(enum scheme scheme)
{
    static const enum scheme others[SCHEME_COUNT] = {
        [SCHEME_ES256] = SCHEME_ES256, [SCHEME_ES384] = SCHEME_ES384, [SCHEME_ES512] = SCHEME_ES512,
        [SCHEME_EDDSA] = SCHEME_EDDSA, [SCHEME_RS256] = SCHEME_PS256, [SCHEME_RS384] = SCHEME_PS384,
        [SCHEME_RS512] = SCHEME_PS512, [SCHEME_PS256] = SCHEME_RS256, [SCHEME_PS384] = SCHEME_RS384,
        [SCHEME_PS512] = SCHEME_RS512,
    };
    return others[scheme];
}

void signature_hash(struct item *item)
{
    if (item->scheme != SCHEME_EDDSA) {
        enum digest hash = scheme_info(item->scheme)->digest;
        digest_of(hash, buf_span(&item->input), item->hash);
        item->hash_len = digest_len(hash);
    }
}

struct span signature_subject(const struct item *item)
{
    return item->scheme == SCHEME_EDDSA ? buf_span(&item->input)
                                        : span_of(item->hash, item->hash_len);
}

static struct err prepare(const struct batch *batch, struct token *token, struct item *item)
{
    item->version = batch->version;
    rotation_token_key(batch->call->key, item->version, &item->key);
    item->token.key = &item->key;
    item->token.mechanism = token_mechanism_of_scheme(item->scheme);
    item->token.input = signature_subject(item);
    if (scheme_info(item->scheme)->family != FAMILY_RSA) {
        return err_ok();
    }
    if (item->token.mechanism == TOKEN_RSA_PKCS1) {
        TRY(rsa_digest_info(scheme_info(item->scheme)->digest, signature_subject(item),
                            &item->scratch));
        item->token.input = buf_span(&item->scratch);
    }
    return choice_mechanism(token, item->token.mechanism);
}

static void check_length(const struct batch *batch, struct item *item)
{
    size_t len = algorithm_info(batch->call->key->algorithm)->signature_len;
    if (item->token.output.len != len) {
        item->err = err_new(ERR_INTERNAL, __func__, "the token gave an odd signature");
    }
}

struct err signature_make(struct batch *batch)
{
    struct token *token = NULL;
    TRY(choice_token(batch->call, &token));
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (batch_waits(item)) {
            item->err = prepare(batch, token, item);
        }
    }
    TRY(choice_count_uses(batch->call, batch->version, batch_waiting(batch)));
    TRY(batch_token(batch, token, TOKEN_SIGN));
    for (size_t i = 0; i < batch->count; i++) {
        if (batch_waits(&batch->items[i])) {
            check_length(batch, &batch->items[i]);
        }
    }
    return err_ok();
}
