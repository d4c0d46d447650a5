/* The tables of algorithms, schemes and purposes; nothing else in the tree spells these names.
 *
 * ECDSA fixes one hash per curve (RFC 7518 §3.4); RSA fits every RS and PS scheme. */
#include "base/algorithm.h"

#include <assert.h>

static const char *const purpose_names[PURPOSE_COUNT] = {
    [PURPOSE_ENCRYPT] = "encrypt",
    [PURPOSE_MAC] = "mac",
    [PURPOSE_SIGN] = "sign",
    [PURPOSE_DECRYPT] = "decrypt",
};

static const struct algorithm_info algorithms[ALGORITHM_COUNT] = {
    [ALGORITHM_AES_256_GCM] = {"aes-256-gcm", FAMILY_AES, PURPOSE_ENCRYPT, 256, DIGEST_SHA256, 0},
    [ALGORITHM_HMAC_SHA256] = {"hmac-sha256", FAMILY_HMAC, PURPOSE_MAC, 256, DIGEST_SHA256, 32},
    [ALGORITHM_HMAC_SHA384] = {"hmac-sha384", FAMILY_HMAC, PURPOSE_MAC, 384, DIGEST_SHA384, 48},
    [ALGORITHM_HMAC_SHA512] = {"hmac-sha512", FAMILY_HMAC, PURPOSE_MAC, 512, DIGEST_SHA512, 64},
    [ALGORITHM_ECDSA_P256] = {"ecdsa-p256", FAMILY_EC, PURPOSE_SIGN, 256, DIGEST_SHA256, 64},
    [ALGORITHM_ECDSA_P384] = {"ecdsa-p384", FAMILY_EC, PURPOSE_SIGN, 384, DIGEST_SHA384, 96},
    [ALGORITHM_ECDSA_P521] = {"ecdsa-p521", FAMILY_EC, PURPOSE_SIGN, 521, DIGEST_SHA512, 132},
    [ALGORITHM_ED25519] = {"ed25519", FAMILY_ED25519, PURPOSE_SIGN, 256, DIGEST_SHA512, 64},
    [ALGORITHM_RSA_2048] = {"rsa-2048", FAMILY_RSA, PURPOSE_SIGN, 2048, DIGEST_SHA256, 256},
    [ALGORITHM_RSA_3072] = {"rsa-3072", FAMILY_RSA, PURPOSE_SIGN, 3072, DIGEST_SHA256, 384},
    [ALGORITHM_RSA_4096] = {"rsa-4096", FAMILY_RSA, PURPOSE_SIGN, 4096, DIGEST_SHA256, 512},
};

static const struct scheme_info schemes[SCHEME_COUNT] = {
    [SCHEME_ES256] = {"ES256", FAMILY_EC, ALGORITHM_ECDSA_P256, DIGEST_SHA256},
    [SCHEME_ES384] = {"ES384", FAMILY_EC, ALGORITHM_ECDSA_P384, DIGEST_SHA384},
    [SCHEME_ES512] = {"ES512", FAMILY_EC, ALGORITHM_ECDSA_P521, DIGEST_SHA512},
    [SCHEME_EDDSA] = {"EdDSA", FAMILY_ED25519, ALGORITHM_ED25519, DIGEST_SHA512},
    [SCHEME_RS256] = {"RS256", FAMILY_RSA, ALGORITHM_COUNT, DIGEST_SHA256},
    [SCHEME_RS384] = {"RS384", FAMILY_RSA, ALGORITHM_COUNT, DIGEST_SHA384},
    [SCHEME_RS512] = {"RS512", FAMILY_RSA, ALGORITHM_COUNT, DIGEST_SHA512},
    [SCHEME_PS256] = {"PS256", FAMILY_RSA, ALGORITHM_COUNT, DIGEST_SHA256},
    [SCHEME_PS384] = {"PS384", FAMILY_RSA, ALGORITHM_COUNT, DIGEST_SHA384},
    [SCHEME_PS512] = {"PS512", FAMILY_RSA, ALGORITHM_COUNT, DIGEST_SHA512},
};

const struct algorithm_info *algorithm_info(enum algorithm algorithm)
{
    assert((unsigned)algorithm < ALGORITHM_COUNT);
    return &algorithms[algorithm];
}

const struct scheme_info *scheme_info(enum scheme scheme)
{
    assert((unsigned)scheme < SCHEME_COUNT);
    return &schemes[scheme];
}

const char *purpose_name(enum purpose purpose)
{
    assert((unsigned)purpose < PURPOSE_COUNT);
    return purpose_names[purpose];
}

bool algorithm_by_name(struct span name, enum algorithm *out)
{
    for (unsigned i = 0; i < ALGORITHM_COUNT; i++) {
        if (span_is(name, algorithms[i].name)) {
            *out = (enum algorithm)i;
            return true;
        }
    }
    return false;
}

bool scheme_by_name(struct span name, enum scheme *out)
{
    for (unsigned i = 0; i < SCHEME_COUNT; i++) {
        if (span_is(name, schemes[i].name)) {
            *out = (enum scheme)i;
            return true;
        }
    }
    return false;
}

bool purpose_by_name(struct span name, enum purpose *out)
{
    for (unsigned i = 0; i < PURPOSE_COUNT; i++) {
        if (span_is(name, purpose_names[i])) {
            *out = (enum purpose)i;
            return true;
        }
    }
    return false;
}

bool algorithm_allows(enum algorithm algorithm, enum purpose purpose)
{
    const struct algorithm_info *info = algorithm_info(algorithm);
    return purpose == info->purpose || (info->family == FAMILY_RSA && purpose == PURPOSE_DECRYPT);
}

bool scheme_fits(enum scheme scheme, enum algorithm algorithm)
{
    const struct scheme_info *info = scheme_info(scheme);
    return info->family == algorithm_info(algorithm)->family &&
           (info->only == ALGORITHM_COUNT || info->only == algorithm);
}

enum scheme scheme_default(enum algorithm algorithm)
{
    /* The table lists the default first; only keys that sign have one. */
    for (unsigned i = 0; i < SCHEME_COUNT; i++) {
        if (scheme_fits((enum scheme)i, algorithm)) {
            return (enum scheme)i;
        }
    }
    return SCHEME_COUNT;
}
