/* Names that AWS has for keys and what they do. */
#include "base/mem.h"
#include "gateway/aws/aws.h"
#include "gateway/ops/choice.h"

#define ARN    "arn:aws:kms:"
#define KEY    "key/"
#define ALIAS  "alias/"
#define REGION "us-east-1" /* for callers who did not sign for one */

static const char *const specs[ALGORITHM_COUNT] = {
    [ALGORITHM_AES_256_GCM] = "SYMMETRIC_DEFAULT",
    [ALGORITHM_HMAC_SHA256] = "HMAC_256",
    [ALGORITHM_HMAC_SHA384] = "HMAC_384",
    [ALGORITHM_HMAC_SHA512] = "HMAC_512",
    [ALGORITHM_ECDSA_P256] = "ECC_NIST_P256",
    [ALGORITHM_ECDSA_P384] = "ECC_NIST_P384",
    [ALGORITHM_ECDSA_P521] = "ECC_NIST_P521",
    [ALGORITHM_ED25519] = "ECC_NIST_EDWARDS25519",
    [ALGORITHM_RSA_2048] = "RSA_2048",
    [ALGORITHM_RSA_3072] = "RSA_3072",
    [ALGORITHM_RSA_4096] = "RSA_4096",
};

static const char *const schemes[SCHEME_COUNT] = {
    [SCHEME_ES256] = "ECDSA_SHA_256",
    [SCHEME_ES384] = "ECDSA_SHA_384",
    [SCHEME_ES512] = "ECDSA_SHA_512",
    [SCHEME_EDDSA] = "ED25519_SHA_512",
    [SCHEME_RS256] = "RSASSA_PKCS1_V1_5_SHA_256",
    [SCHEME_RS384] = "RSASSA_PKCS1_V1_5_SHA_384",
    [SCHEME_RS512] = "RSASSA_PKCS1_V1_5_SHA_512",
    [SCHEME_PS256] = "RSASSA_PSS_SHA_256",
    [SCHEME_PS384] = "RSASSA_PSS_SHA_384",
    [SCHEME_PS512] = "RSASSA_PSS_SHA_512",
};

const char *aws_key_spec(enum algorithm algorithm)
{
    return specs[algorithm];
}

const char *aws_key_usage(enum purpose purpose)
{
    static const char *const usages[PURPOSE_COUNT] = {
        [PURPOSE_ENCRYPT] = "ENCRYPT_DECRYPT",
        [PURPOSE_DECRYPT] = "ENCRYPT_DECRYPT",
        [PURPOSE_SIGN] = "SIGN_VERIFY",
        [PURPOSE_MAC] = "GENERATE_VERIFY_MAC",
    };
    return usages[purpose];
}

const char *aws_scheme_name(enum scheme scheme)
{
    return schemes[scheme];
}

struct err aws_scheme(const struct key *key, struct span name, enum scheme *out)
{
    for (enum scheme scheme = 0; scheme < SCHEME_COUNT; scheme++) {
        if (span_is(name, schemes[scheme]) && scheme_fits(scheme, key->algorithm)) {
            *out = scheme;
            return err_ok();
        }
    }
    return err_new(ERR_UNSUPPORTED_OPERATION, __func__,
                   "The algorithm is incompatible with key spec %s.", aws_key_spec(key->algorithm));
}

static void put_schemes(struct json_writer *writer, const struct key *key)
{
    enum scheme first = scheme_default(key->algorithm);
    json_begin_array(writer, "SigningAlgorithms");
    json_put_text(writer, NULL, schemes[first]);
    for (enum scheme scheme = 0; scheme < SCHEME_COUNT; scheme++) {
        if (scheme != first && scheme_fits(scheme, key->algorithm)) {
            json_put_text(writer, NULL, schemes[scheme]);
        }
    }
    json_end_array(writer);
}

const char *aws_encryption_algorithm(const struct gateway *gateway, const struct key *key)
{
    enum token_mechanism oaep = TOKEN_RSA_OAEP_SHA256;
    struct token *token = gateway_token(gateway, key->token);
    if (algorithm_info(key->algorithm)->family != FAMILY_RSA) {
        return "SYMMETRIC_DEFAULT";
    }
    if (token == NULL || choice_oaep(token, &oaep).code != ERR_OK) {
        return NULL;
    }
    return oaep == TOKEN_RSA_OAEP_SHA256 ? "RSAES_OAEP_SHA_256" : "RSAES_OAEP_SHA_1";
}

struct err aws_check_encryption_algorithm(const struct gateway *gateway, const struct key *key,
                                          struct span name)
{
    const char *algorithm = aws_encryption_algorithm(gateway, key);
    ENSURE(algorithm != NULL || name.len == 0, ERR_TOKEN_UNAVAILABLE,
           "the key's token is not ready");
    ENSURE(name.len == 0 || span_is(name, algorithm), ERR_UNSUPPORTED_OPERATION,
           "The algorithm is incompatible with key spec %s: it is %s here.",
           aws_key_spec(key->algorithm), algorithm);
    return err_ok();
}

void aws_put_algorithms(const struct gateway *gateway, struct json_writer *writer,
                        const struct key *key)
{
    const struct algorithm_info *info = algorithm_info(key->algorithm);
    char mac[16];
    if (key->purpose == PURPOSE_SIGN) {
        put_schemes(writer, key);
    } else if (key->purpose == PURPOSE_MAC) {
        snprintf(mac, sizeof(mac), "HMAC_SHA_%zu", 8 * digest_len(info->digest));
        json_begin_array(writer, "MacAlgorithms");
        json_put_text(writer, NULL, mac);
        json_end_array(writer);
    } else {
        json_begin_array(writer, "EncryptionAlgorithms");
        if (aws_encryption_algorithm(gateway, key) != NULL) {
            json_put_text(writer, NULL, aws_encryption_algorithm(gateway, key));
        }
        json_end_array(writer);
    }
}

/* --- ids --- */

/* What follows `arn:aws:kms:REGION:ACCOUNT:` of our account; a NULL span for another ARN. */
static struct span resource_of(const struct gateway *gateway, struct span arn)
{
    size_t colons = 0, at = sizeof(ARN) - 1, account = at;
    for (; at < arn.len && colons < 2; at++) {
        if (arn.data[at] == ':') {
            colons++;
            account = colons == 1 ? at + 1 : account;
        }
    }
    size_t len = colons == 2 ? at - 1 - account : 0;
    bool ours = span_is(span_of(arn.data + account, len), gateway->config->aws.account);
    return ours ? span_of(arn.data + at, arn.len - at) : span_of(NULL, 0);
}

static struct span after(struct span text, const char *prefix)
{
    size_t len = strlen(prefix);
    return span_of(text.data + len, text.len - len);
}

/* A key's own name is never hidden by an alias that was there before it. */
static const struct key *of_alias(const struct gateway *gateway, struct span name)
{
    struct alias alias;
    const struct key *key =
        name_check(name).code == ERR_OK ? keystore_find(gateway->store, name) : NULL;
    if (key != NULL || name.len > ALIAS_MAX || !keystore_find_alias(gateway->store, name, &alias)) {
        return key;
    }
    return keystore_find_id(gateway->store, alias.key);
}

const struct key *aws_resolve(const struct gateway *gateway, struct span id)
{
    struct uuid uuid;
    bool arn = span_starts(id, ARN);
    struct span resource = arn ? resource_of(gateway, id) : id;
    if (span_starts(resource, ALIAS)) {
        return of_alias(gateway, after(resource, ALIAS));
    }
    if (arn && !span_starts(resource, KEY)) {
        return NULL;
    }
    struct span text = arn ? after(resource, KEY) : resource;
    return uuid_parse(text, &uuid).code == ERR_OK ? keystore_find_id(gateway->store, uuid) : NULL;
}

struct span aws_target(const struct gateway *gateway, const struct key *key, struct span id)
{
    if (key != NULL) {
        return span_text(key->name);
    }
    struct span resource = span_starts(id, ARN) ? resource_of(gateway, id) : id;
    return span_starts(resource, ALIAS) ? after(resource, ALIAS) : id;
}

void aws_arn(const struct call *call, const struct key *key, char out[AWS_ARN_MAX])
{
    char id[UUID_TEXT_LEN + 1];
    const char *region = call->exchange->request.amz.region;
    uuid_format(key->id, id);
    snprintf(out, AWS_ARN_MAX, ARN "%s:%s:" KEY "%s", region[0] != '\0' ? region : REGION,
             call->gateway->config->aws.account, id);
}
