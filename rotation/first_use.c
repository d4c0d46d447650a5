/* first_use: one check per purpose, chosen by purpose in a table.
 *
 * A signature is verified with the public half that the token returned, so a key pair whose halves
 * do not belong together is found before anybody depends on it. Secret keys cannot be checked
 * outside the token; they must at least undo or repeat what they did. The one GCM encryption made
 * here is not counted: the limit of 2^31 uses leaves as many again. */
#include "rotation/first_use.h"

#include "base/mem.h"
#include "base/public_key.h"

#define PROBE_LEN 32

static const char context[] = "hsmgate/v1/first-use";

static struct err wrong(void)
{
    return err_new(ERR_TOKEN_UNAVAILABLE, __func__,
                   "the token made a key that does not pass its first use");
}

static void item_clear(struct token_item *item)
{
    buf_clear(&item->output);
    buf_clear(&item->extra);
    buf_clear(&item->plaintext);
}

static struct err run(const struct first_use *use, enum token_op op, struct token_item *item)
{
    item->key = use->key;
    TRY(token_run(use->token, op, item, 1, use->deadline_ns));
    return item->result;
}

/* With what the key signs; not every token knows every padding of RSA, the usual one first. */
static enum scheme choose_scheme(const struct first_use *use)
{
    static const enum scheme rsa[] = {SCHEME_RS256, SCHEME_PS256, SCHEME_PS384, SCHEME_PS512};
    enum scheme usual = scheme_default(use->key->algorithm);
    struct token_status status = {0};
    if (scheme_info(usual)->family != FAMILY_RSA) {
        return usual;
    }
    token_status(use->token, &status);
    for (size_t i = 0; i < ARRAY_LEN(rsa); i++) {
        if ((status.probe.mechanisms >> token_mechanism_of_scheme(rsa[i]) & 1) != 0) {
            return rsa[i];
        }
    }
    return usual;
}

/* What the token signs: a digest, a DigestInfo or the message itself. */
static struct err signing_input(enum token_mechanism mechanism, const struct scheme_info *info,
                                struct span message, struct buf *input)
{
    return mechanism == TOKEN_RSA_PKCS1 ? rsa_digest_info(info->digest, message, input)
                                        : buf_append(input, message);
}

static struct err check_identity(const struct first_use *use)
{
    uint8_t hash[DIGEST_MAX] = {0};
    digest_of(DIGEST_SHA256, use->public_key, hash);
    struct span identity = span_of(use->key->identity, use->key->identity_len);
    return span_equal(identity, span_of(hash, SHA256_LEN)) ? err_ok() : wrong();
}

static struct err check_signature(const struct first_use *use)
{
    CLEANUP(item_clear) struct token_item item = {0};
    enum scheme scheme = choose_scheme(use);
    item.mechanism = token_mechanism_of_scheme(scheme);
    const struct scheme_info *info = scheme_info(scheme);
    /* A random string as long as the hash stands for a digest. */
    uint8_t random[DIGEST_MAX] = {0};
    size_t len = info->family == FAMILY_ED25519 ? PROBE_LEN : digest_len(info->digest);
    random_bytes(random, len);
    struct span message = span_of(random, len);

    CLEANUP(buf_clear) struct buf input = {0};
    TRY(check_identity(use));
    TRY(signing_input(item.mechanism, info, message, &input));
    item.input = buf_span(&input);
    TRY(run(use, TOKEN_SIGN, &item));
    if (item.output.len != algorithm_info(use->key->algorithm)->signature_len) {
        return wrong();
    }
    bool valid = false;
    TRY(public_key_verify(use->public_key, scheme, message, buf_span(&item.output), &valid));
    return valid ? err_ok() : wrong();
}

static struct err check_mac(const struct first_use *use)
{
    uint8_t message[PROBE_LEN];
    random_bytes(message, sizeof(message));
    CLEANUP(item_clear)
    struct token_item first = {.mechanism = TOKEN_HMAC, .input = span_of(message, sizeof(message))};
    CLEANUP(item_clear) struct token_item second = first;
    TRY(run(use, TOKEN_SIGN, &first));
    TRY(run(use, TOKEN_SIGN, &second));
    bool right = first.output.len == algorithm_info(use->key->algorithm)->signature_len &&
                 span_equal(buf_span(&first.output), buf_span(&second.output));
    return right ? err_ok() : wrong();
}

static struct err check_cipher(const struct first_use *use)
{
    uint8_t plaintext[PROBE_LEN];
    random_bytes(plaintext, sizeof(plaintext));
    CLEANUP(item_clear)
    struct token_item sealed = {.mechanism = TOKEN_AES_GCM,
                                .input = span_of(plaintext, sizeof(plaintext)),
                                .aad = span_text(context)};
    TRY(run(use, TOKEN_ENCRYPT, &sealed));
    if (sealed.output.len != sizeof(plaintext) + TOKEN_TAG_LEN ||
        sealed.extra.len != TOKEN_IV_LEN) {
        return wrong();
    }
    if (use->approvals > 0) {
        return err_ok();
    }
    CLEANUP(item_clear)
    struct token_item opened = {.mechanism = TOKEN_AES_GCM,
                                .input = buf_span(&sealed.output),
                                .iv = buf_span(&sealed.extra),
                                .aad = span_text(context)};
    TRY(run(use, TOKEN_DECRYPT, &opened));
    bool same = span_equal(buf_span(&opened.output), span_of(plaintext, sizeof(plaintext)));
    return same ? err_ok() : wrong();
}

static struct err check_oaep(const struct first_use *use)
{
    TRY(check_identity(use));
    if (use->approvals > 0) {
        return err_ok();
    }
    struct token_status status = {0};
    token_status(use->token, &status);
    bool sha256 = (status.probe.mechanisms & (1u << TOKEN_RSA_OAEP_SHA256)) != 0;
    uint8_t plaintext[PROBE_LEN];
    random_bytes(plaintext, sizeof(plaintext));
    CLEANUP(buf_clear) struct buf sealed = {0};
    TRY(public_key_encrypt_oaep(use->public_key, sha256 ? DIGEST_SHA256 : DIGEST_SHA1,
                                span_of(plaintext, sizeof(plaintext)), &sealed));
    CLEANUP(item_clear)
    struct token_item opened = {.mechanism = sha256 ? TOKEN_RSA_OAEP_SHA256 : TOKEN_RSA_OAEP_SHA1,
                                .input = buf_span(&sealed)};
    TRY(run(use, TOKEN_DECRYPT, &opened));
    bool same = span_equal(buf_span(&opened.output), span_of(plaintext, sizeof(plaintext)));
    return same ? err_ok() : wrong();
}

typedef struct err first_use_function(const struct first_use *use);

static first_use_function *const checks[PURPOSE_COUNT] = {
    [PURPOSE_ENCRYPT] = check_cipher,
    [PURPOSE_MAC] = check_mac,
    [PURPOSE_SIGN] = check_signature,
    [PURPOSE_DECRYPT] = check_oaep,
};

struct err first_use_check(const struct first_use *use)
{
    struct err err = checks[use->key->purpose](use);
    /* The key is new and the input ours: a refusal is the token's fault, not a caller's. */
    if (err.code == ERR_INVALID_CIPHERTEXT) {
        return wrong();
    }
    return err;
}
