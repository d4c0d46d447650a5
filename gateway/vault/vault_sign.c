/* sign, verify and hmac.
 *
 * What stands in the path goes before the body's `hash_algorithm` and `algorithm`. An ECDSA key
 * signs any of the hashes: only as many leading bits of a digest count as the curve has (FIPS
 * 186-5 §6.4.1), and leading zeros change nothing, so each digest is brought to the one length that
 * the key's scheme takes. A check without `signature_algorithm` takes RSA signatures of either
 * padding, because clients ask for one when they sign and name none when they check. */
#include "base/encoding.h"
#include "base/mem.h"
#include "base/public_key.h"
#include "gateway/ops/choice.h"
#include "gateway/ops/data_ops.h"
#include "gateway/ops/signature.h"
#include "gateway/ops/verbs.h"
#include "gateway/vault/vault.h"

#define SIGNATURE_TEXT ((size_t)64 << 10)

/* --- the whole request's words --- */

struct options {
    enum digest hash;
    bool has_hash; /* one was named */
    bool prehashed;
    bool pss;
    bool any_padding;
    enum signature_encoding encoding;
};

static struct err read_hash_choice(const struct call *call, struct options *out)
{
    struct span named[3] = {call->arguments[0]};
    const struct loose_field fields[] = {
        {"hash_algorithm", LOOSE_TEXT, 0, &named[1], NULL},
        {"algorithm", LOOSE_TEXT, 0, &named[2], NULL},
    };
    TRY(loose_read(call->json.root, fields, ARRAY_LEN(fields)));
    out->hash = DIGEST_SHA256;
    for (size_t i = 0; i < ARRAY_LEN(named); i++) {
        if (named[i].len > 0) {
            out->has_hash = true;
            return vault_hash_by_name(named[i], &out->hash);
        }
    }
    return err_ok();
}

static struct err read_padding(struct span name, struct options *out)
{
    ENSURE(name.len == 0 || span_is(name, "pss") || span_is(name, "pkcs1v15"), ERR_INVALID_FIELD,
           "unsupported signature algorithm: it is pss or pkcs1v15");
    out->any_padding = name.len == 0;
    out->pss = !span_is(name, "pkcs1v15");
    return err_ok();
}

static struct err read_marshaling(struct span name, struct options *out)
{
    ENSURE(name.len == 0 || span_is(name, "asn1") || span_is(name, "jws"), ERR_INVALID_FIELD,
           "invalid marshaling type: it is asn1 or jws");
    out->encoding = span_is(name, "jws") ? ENCODING_JOSE : ENCODING_DER;
    return err_ok();
}

/* The salt is as long as the hash; `auto` leaves it to the signer. */
static struct err check_salt(const struct json_value *root, enum digest hash)
{
    struct span word = {0};
    const struct json_value *member = root != NULL ? json_member(root, "salt_length") : NULL;
    int64_t bytes = 0;
    const struct loose_field field = {"salt_length", LOOSE_INTEGER, 0, &bytes, NULL};
    if (member != NULL && json_as_text(member, &word) &&
        (word.len == 0 || span_is(word, "auto") || span_is(word, "hash"))) {
        return err_ok();
    }
    bool present = false;
    struct loose_field asked = field;
    asked.present = &present;
    TRY(loose_read(root, &asked, 1));
    ENSURE(!present || bytes == (int64_t)digest_len(hash), ERR_UNSUPPORTED_OPERATION,
           "salt_length is auto, hash, or %zu with this hash", digest_len(hash));
    return err_ok();
}

static struct err read_options(const struct call *call, struct options *out)
{
    struct span padding = {0}, marshaling = {0};
    const struct loose_field fields[] = {
        {"prehashed", LOOSE_FLAG, 0, &out->prehashed, NULL},
        {"signature_algorithm", LOOSE_TEXT, 0, &padding, NULL},
        {"marshaling_algorithm", LOOSE_TEXT, 0, &marshaling, NULL},
    };
    TRY(read_hash_choice(call, out));
    TRY(loose_read(call->json.root, fields, ARRAY_LEN(fields)));
    TRY(read_padding(padding, out));
    TRY(read_marshaling(marshaling, out));
    return check_salt(call->json.root, out->hash);
}

/* --- what is signed --- */

static enum scheme rsa_scheme(const struct options *options)
{
    static const enum scheme schemes[DIGEST_COUNT][2] = {
        [DIGEST_SHA256] = {SCHEME_RS256, SCHEME_PS256},
        [DIGEST_SHA384] = {SCHEME_RS384, SCHEME_PS384},
        [DIGEST_SHA512] = {SCHEME_RS512, SCHEME_PS512},
    };
    return schemes[options->hash][options->pss ? 1 : 0];
}

/* Into item->hash, at the length that the key's scheme takes. */
static void fit_digest(struct item *item, struct span digest)
{
    size_t wanted = digest_len(scheme_info(item->scheme)->digest);
    size_t taken = digest.len < wanted ? digest.len : wanted;
    memset(item->hash, 0, wanted - taken);
    memcpy(item->hash + (wanted - taken), digest.data, taken);
    item->hash_len = wanted;
}

static struct err take_input(const struct options *options, struct item *item)
{
    uint8_t made[DIGEST_MAX];
    struct span digest = buf_span(&item->input);
    if (item->scheme == SCHEME_EDDSA) {
        ENSURE(!options->prehashed, ERR_UNSUPPORTED_OPERATION,
               "Ed25519ph is not done: send the message, not prehashed");
        item_digest(item, digest);
        return err_ok();
    }
    if (options->prehashed) {
        ENSURE(digest.len == digest_len(options->hash), ERR_INVALID_DIGEST,
               "the prehashed input is not of %zu bytes", digest_len(options->hash));
        item_digest(item, digest);
    } else {
        digest_of(options->hash, digest, made);
        digest = span_of(made, digest_len(options->hash));
        item_digest(item, buf_span(&item->input));
    }
    fit_digest(item, digest);
    return err_ok();
}

static struct err read_input(const struct batch *batch, struct item *item, struct options *options)
{
    enum algorithm algorithm = batch->call->key->algorithm;
    bool present = false;
    const struct loose_field field = {"input", LOOSE_BYTES, MESSAGE_MAX, &item->input, &present};
    TRY(read_options(batch->call, options));
    TRY(loose_read(item->object, &field, 1));
    ENSURE(present || item->object == batch->call->json.root, ERR_INVALID_FIELD, "missing input");
    item->encoding = options->encoding;
    item->scheme = algorithm_info(algorithm)->family == FAMILY_RSA ? rsa_scheme(options)
                                                                   : scheme_default(algorithm);
    return take_input(options, item);
}

/* --- sign --- */

static struct err read_version(const struct batch *batch)
{
    int64_t version = 0;
    const struct loose_field field = {"key_version", LOOSE_INTEGER, 0, &version, NULL};
    TRY(loose_read(batch->call->json.root, &field, 1));
    ENSURE(version == 0 || version == batch->version->number, ERR_INVALID_FIELD,
           "requested version for signing is not the latest one, %u, and only that signs",
           batch->version->number);
    return err_ok();
}

static struct err sign_read(struct batch *batch, struct item *item)
{
    struct options options = {0};
    TRY(read_version(batch));
    return read_input(batch, item, &options);
}

static void sign_write(const struct batch *batch, const struct item *item,
                       struct json_writer *writer)
{
    (void)batch;
    vault_put_text(writer, "signature", item->version->number, buf_span(&item->output),
                   item->encoding);
    json_put_integer(writer, "key_version", item->version->number);
}

struct err vault_sign(struct call *call)
{
    static const struct words words = {sign_read, sign_write};
    return verb_sign(call, &words);
}

/* --- verify --- */

/* The version that made it, which must be one that may still verify. */
static struct err pin(const struct batch *batch, struct item *item, uint32_t number)
{
    const struct version *version = key_version(batch->call->key, number);
    ENSURE(version != NULL, ERR_INVALID_FIELD, "invalid signature: version is too new");
    TRY(choice_may_open(version));
    item->version = version;
    item->pinned = true;
    return err_ok();
}

static struct err read_proof(const struct batch *batch, const char *name, struct item *item)
{
    CLEANUP(buf_clear) struct buf bytes = {.max = SIGNATURE_TEXT};
    struct span text = {0}, rest;
    uint32_t number = 0;
    const struct loose_field field = {name, LOOSE_TEXT, SIGNATURE_TEXT, &text, NULL};
    TRY(loose_read(item->object, &field, 1));
    ENSURE(text.len > 0, ERR_INVALID_FIELD, "missing %s", name);
    struct err err = vault_text_parse(text, &number, &rest);
    ENSURE(err.code == ERR_OK, ERR_INVALID_FIELD, "invalid %s: %s", name, err.detail);
    TRY(pin(batch, item, number));
    err = item->encoding == ENCODING_JOSE ? base64url_decode(rest, &bytes)
                                          : loose_base64(rest, &bytes);
    ENSURE(err.code == ERR_OK, ERR_INVALID_BASE64, "invalid base64 %s value", name);
    size_t len = algorithm_info(batch->call->key->algorithm)->signature_len;
    bool der = batch->call->key->purpose == PURPOSE_SIGN &&
               scheme_info(item->scheme)->family == FAMILY_EC && item->encoding == ENCODING_DER;
    if (der) {
        item->settled = ecdsa_der_to_raw(buf_span(&bytes), len, &item->proof).code != ERR_OK;
        return err_ok();
    }
    buf_move(&item->proof, &bytes);
    item->settled = item->proof.len != len;
    return err_ok();
}

static struct err verify_read(struct batch *batch, struct item *item)
{
    struct options options = {0};
    TRY(read_input(batch, item, &options));
    item->any_padding = options.any_padding;
    return read_proof(batch, "signature", item);
}

static void verify_write(const struct batch *batch, const struct item *item,
                         struct json_writer *writer)
{
    (void)batch;
    json_put_flag(writer, "valid", item->valid);
}

/* --- hmac --- */

/* A key is bound to one hash, which the request names, or leaves out. */
static struct err check_mac_hash(const struct call *call)
{
    struct options options = {0};
    const struct algorithm_info *info = algorithm_info(call->key->algorithm);
    TRY(read_hash_choice(call, &options));
    ENSURE(!options.has_hash || options.hash == info->digest, ERR_UNSUPPORTED_OPERATION,
           "a key of %s makes no MAC with another hash", info->name);
    return err_ok();
}

static struct err mac_input(struct batch *batch, struct item *item)
{
    bool present = false;
    const struct loose_field field = {"input", LOOSE_BYTES, MESSAGE_MAX, &item->input, &present};
    TRY(check_mac_hash(batch->call));
    TRY(loose_read(item->object, &field, 1));
    ENSURE(present, ERR_INVALID_FIELD, "missing input for HMAC");
    item_digest(item, buf_span(&item->input));
    return err_ok();
}

static struct err mac_read(struct batch *batch, struct item *item)
{
    TRY(read_version(batch));
    item->version = batch->version;
    return mac_input(batch, item);
}

static void mac_write(const struct batch *batch, const struct item *item,
                      struct json_writer *writer)
{
    (void)batch;
    vault_put_text(writer, "hmac", item->version->number, buf_span(&item->token.output),
                   ENCODING_DER);
}

static struct err verify_mac_read(struct batch *batch, struct item *item)
{
    TRY(mac_input(batch, item));
    return read_proof(batch, "hmac", item);
}

struct err vault_hmac(struct call *call)
{
    static const struct words words = {mac_read, mac_write};
    ENSURE(call->key->purpose == PURPOSE_MAC, ERR_UNSUPPORTED_OPERATION,
           "only a key of type hmac makes MACs here: each key is for one purpose");
    return verb_mac(call, &words);
}

static bool is_given(const struct json_value *object, const char *name)
{
    struct span text = {0};
    const struct json_value *member = json_member(object, name);
    return member != NULL && json_is(member, JSON_ANY) &&
           (!json_as_text(member, &text) || text.len > 0);
}

/* What the first item has decides which of the two all are. */
static bool checks_mac(const struct call *call)
{
    const struct json_value *root = call->json.root;
    const struct json_value *items = root != NULL ? json_member(root, "batch_input") : NULL;
    const struct json_value *first =
        items != NULL && json_is(items, JSON_ARRAY) ? json_first(items) : root;
    return first != NULL && json_is(first, JSON_OBJECT) && is_given(first, "hmac") &&
           !is_given(first, "signature");
}

struct err vault_verify(struct call *call)
{
    static const struct words signatures = {verify_read, verify_write};
    static const struct words macs = {verify_mac_read, verify_write};
    return checks_mac(call) ? verb_verify_mac(call, &macs) : verb_verify(call, &signatures);
}
