/* mechanism: the tables that turn our algorithms into PKCS#11's.
 *
 * CKM_ECDSA and CKM_RSA_PKCS sign whatever they are given, so the worker looks at the input itself:
 * a digest of the length of the key's hash, and a DigestInfo of a hash that we offer, nothing
 * else. Hashing is done in the gateway, because tokens differ in what they can hash. */
#include "pkcs11/mechanism.h"

#include <assert.h>

#include "base/banned.h"
#include "base/mem.h"
#include "base/public_key.h"

struct row {
    enum family family;
    CK_MECHANISM_TYPE mechanism; /* 0: it depends on the algorithm */
    CK_MECHANISM_TYPE hash;
    CK_RSA_PKCS_MGF_TYPE mgf;
    enum digest digest;
    unsigned ops; /* 1u << enum token_op */
    enum purpose purpose;
};

#define OPS_CIPHER (1u << TOKEN_ENCRYPT | 1u << TOKEN_DECRYPT | 1u << TOKEN_DATA_KEY)
#define OPS_SIGN   (1u << TOKEN_SIGN)
#define OPS_OPEN   (1u << TOKEN_DECRYPT)

static const struct row rows[TOKEN_MECHANISM_COUNT] = {
    [TOKEN_AES_GCM] = {FAMILY_AES, CKM_AES_GCM, .ops = OPS_CIPHER, .purpose = PURPOSE_ENCRYPT},
    [TOKEN_HMAC] = {FAMILY_HMAC, 0, .ops = OPS_SIGN, .purpose = PURPOSE_MAC},
    [TOKEN_ECDSA] = {FAMILY_EC, CKM_ECDSA, .ops = OPS_SIGN, .purpose = PURPOSE_SIGN},
    [TOKEN_EDDSA] = {FAMILY_ED25519, CKM_EDDSA, .ops = OPS_SIGN, .purpose = PURPOSE_SIGN},
    [TOKEN_RSA_PKCS1] = {FAMILY_RSA, CKM_RSA_PKCS, .ops = OPS_SIGN, .purpose = PURPOSE_SIGN},
    [TOKEN_RSA_PSS_SHA256] = {FAMILY_RSA, CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256,
                              DIGEST_SHA256, OPS_SIGN, PURPOSE_SIGN},
    [TOKEN_RSA_PSS_SHA384] = {FAMILY_RSA, CKM_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA384,
                              DIGEST_SHA384, OPS_SIGN, PURPOSE_SIGN},
    [TOKEN_RSA_PSS_SHA512] = {FAMILY_RSA, CKM_RSA_PKCS_PSS, CKM_SHA512, CKG_MGF1_SHA512,
                              DIGEST_SHA512, OPS_SIGN, PURPOSE_SIGN},
    [TOKEN_RSA_OAEP_SHA1] = {FAMILY_RSA, CKM_RSA_PKCS_OAEP, CKM_SHA_1, CKG_MGF1_SHA1, DIGEST_SHA1,
                             OPS_OPEN, PURPOSE_DECRYPT},
    [TOKEN_RSA_OAEP_SHA256] = {FAMILY_RSA, CKM_RSA_PKCS_OAEP, CKM_SHA256, CKG_MGF1_SHA256,
                               DIGEST_SHA256, OPS_OPEN, PURPOSE_DECRYPT},
};

static CK_MECHANISM_TYPE hmac_of(enum algorithm algorithm)
{
    static const CK_MECHANISM_TYPE by_digest[DIGEST_COUNT] = {
        [DIGEST_SHA256] = CKM_SHA256_HMAC,
        [DIGEST_SHA384] = CKM_SHA384_HMAC,
        [DIGEST_SHA512] = CKM_SHA512_HMAC,
    };
    return by_digest[algorithm_info(algorithm)->digest];
}

void mechanism_init(struct mechanism *mechanism, enum token_mechanism kind,
                    enum algorithm algorithm)
{
    const struct row *row = &rows[kind];
    *mechanism = (struct mechanism){.ck.mechanism = row->mechanism};
    if (kind == TOKEN_HMAC) {
        mechanism->ck.mechanism = hmac_of(algorithm);
    } else if (row->mechanism == CKM_RSA_PKCS_PSS) {
        mechanism->params.pss = (CK_RSA_PKCS_PSS_PARAMS){
            .hashAlg = row->hash, .mgf = row->mgf, .sLen = digest_len(row->digest)};
        mechanism->ck.pParameter = &mechanism->params.pss;
        mechanism->ck.ulParameterLen = sizeof(mechanism->params.pss);
    } else if (row->mechanism == CKM_RSA_PKCS_OAEP) {
        mechanism->params.oaep = (CK_RSA_PKCS_OAEP_PARAMS){
            .hashAlg = row->hash, .mgf = row->mgf, .source = CKZ_DATA_SPECIFIED};
        mechanism->ck.pParameter = &mechanism->params.oaep;
        mechanism->ck.ulParameterLen = sizeof(mechanism->params.oaep);
    }
}

void mechanism_init_gcm(struct mechanism *mechanism, uint8_t *iv, struct span aad)
{
    assert(aad.len > 0);
    *mechanism = (struct mechanism){.ck.mechanism = CKM_AES_GCM};
    mechanism->params.gcm = (CK_GCM_PARAMS){
        .ulIvLen = iv != NULL ? TOKEN_IV_LEN : 0,
        .ulIvBits = iv != NULL ? 8UL * TOKEN_IV_LEN : 0,
        .pAAD = cryptoki_bytes(aad),
        .ulAADLen = aad.len,
        .ulTagBits = 8UL * TOKEN_TAG_LEN,
    };
    mechanism->params.gcm.pIv = iv;
    mechanism->ck.pParameter = &mechanism->params.gcm;
    mechanism->ck.ulParameterLen = sizeof(mechanism->params.gcm);
}

bool mechanism_fits(enum token_op op, enum token_mechanism kind, const struct token_key *key)
{
    const struct row *row = &rows[kind];
    return (row->ops & 1u << op) != 0 && row->purpose == key->purpose &&
           row->family == algorithm_info(key->algorithm)->family;
}

/* The input is prefix ‖ digest for one of the hashes of RS256, RS384 and RS512. */
static bool is_digest_info(struct span input)
{
    static const enum digest hashes[] = {DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512};
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
        size_t len = digest_len(hashes[i]);
        if (input.len <= len) {
            continue;
        }
        CLEANUP(buf_clear) struct buf again = {0};
        struct span digest = span_of(input.data + input.len - len, len);
        struct err err = rsa_digest_info(hashes[i], digest, &again);
        if (err.code == ERR_OK && span_equal(buf_span(&again), input)) {
            return true;
        }
    }
    return false;
}

bool mechanism_takes(enum token_op op, enum token_mechanism kind, enum algorithm algorithm,
                     struct span input)
{
    const struct row *row = &rows[kind];
    switch (row->mechanism) {
    case CKM_ECDSA:
        return input.len == digest_len(algorithm_info(algorithm)->digest);
    case CKM_RSA_PKCS:
        return is_digest_info(input);
    case CKM_RSA_PKCS_PSS:
        return input.len == digest_len(row->digest);
    case CKM_RSA_PKCS_OAEP:
        return input.len == algorithm_info(algorithm)->bits / 8;
    case CKM_AES_GCM:
        return op != TOKEN_DECRYPT || input.len >= TOKEN_TAG_LEN;
    default:
        return true;
    }
}

static struct span curve_of(enum algorithm algorithm)
{
    static const uint8_t p256[] = {0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    static const uint8_t p384[] = {0x06, 5, 0x2b, 0x81, 0x04, 0x00, 0x22};
    static const uint8_t p521[] = {0x06, 5, 0x2b, 0x81, 0x04, 0x00, 0x23};
    static const uint8_t ed25519[] = {0x06, 3, 0x2b, 0x65, 0x70};
    static const struct span curves[ALGORITHM_COUNT] = {
        [ALGORITHM_ECDSA_P256] = {p256, sizeof(p256)},
        [ALGORITHM_ECDSA_P384] = {p384, sizeof(p384)},
        [ALGORITHM_ECDSA_P521] = {p521, sizeof(p521)},
        [ALGORITHM_ED25519] = {ed25519, sizeof(ed25519)},
    };
    return curves[algorithm];
}

struct mechanism_generation mechanism_generation(enum algorithm algorithm)
{
    const struct algorithm_info *info = algorithm_info(algorithm);
    static const struct mechanism_generation by_family[] = {
        [FAMILY_AES] = {.mechanism = CKM_AES_KEY_GEN, .key_type = CKK_AES},
        [FAMILY_HMAC] = {.mechanism = CKM_GENERIC_SECRET_KEY_GEN, .key_type = CKK_GENERIC_SECRET},
        [FAMILY_EC] = {.mechanism = CKM_EC_KEY_PAIR_GEN, .key_type = CKK_EC},
        [FAMILY_ED25519] = {.mechanism = CKM_EC_EDWARDS_KEY_PAIR_GEN, .key_type = CKK_EC_EDWARDS},
        [FAMILY_RSA] = {.mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN, .key_type = CKK_RSA},
    };
    struct mechanism_generation generation = by_family[info->family];
    generation.parameters = curve_of(algorithm);
    if (info->family == FAMILY_AES) {
        generation.value_len = info->bits / 8;
    } else if (info->family == FAMILY_HMAC) {
        generation.value_len = digest_len(info->digest);
    } else if (info->family == FAMILY_RSA) {
        generation.modulus_bits = info->bits;
    }
    return generation;
}

size_t mechanism_allowed(enum algorithm algorithm, enum purpose purpose,
                         CK_MECHANISM_TYPE out[MECHANISM_ALLOWED_MAX])
{
    enum token_mechanism kind = mechanism_default(algorithm, purpose);
    out[0] = kind == TOKEN_HMAC ? hmac_of(algorithm) : rows[kind].mechanism;
    out[1] = CKM_RSA_PKCS_PSS;
    return kind == TOKEN_RSA_PKCS1 ? 2 : 1;
}

enum token_mechanism mechanism_default(enum algorithm algorithm, enum purpose purpose)
{
    static const enum token_mechanism by_family[] = {
        [FAMILY_AES] = TOKEN_AES_GCM,   [FAMILY_HMAC] = TOKEN_HMAC,     [FAMILY_EC] = TOKEN_ECDSA,
        [FAMILY_ED25519] = TOKEN_EDDSA, [FAMILY_RSA] = TOKEN_RSA_PKCS1,
    };
    if (purpose == PURPOSE_DECRYPT) {
        return TOKEN_RSA_OAEP_SHA1;
    }
    return by_family[algorithm_info(algorithm)->family];
}
