/* kind: compares a key object with what mechanism_generation would make.
 *
 * So a key that somebody else made counts as ours exactly when ours would look the same: the sizes
 * and curves stand in one table. Only two things have more than one spelling: HMAC keys have types
 * of their own since PKCS#11 2.20, and there are three names for Ed25519's curve. */
#include "pkcs11/kind.h"

#include "base/banned.h"
#include "base/mem.h"
#include "pkcs11/mechanism.h"

static bool is_hmac_type(enum algorithm algorithm, CK_KEY_TYPE key_type)
{
    static const CK_KEY_TYPE by_digest[DIGEST_COUNT] = {
        [DIGEST_SHA256] = CKK_SHA256_HMAC,
        [DIGEST_SHA384] = CKK_SHA384_HMAC,
        [DIGEST_SHA512] = CKK_SHA512_HMAC,
    };
    const struct algorithm_info *info = algorithm_info(algorithm);
    return info->family == FAMILY_HMAC && by_digest[info->digest] == key_type;
}

static unsigned bits_of(struct span number)
{
    while (number.len > 0 && number.data[0] == 0) {
        number = span_of(number.data + 1, number.len - 1);
    }
    if (number.len == 0) {
        return 0;
    }
    unsigned bits = 8 * (unsigned)number.len;
    for (unsigned top = 0x80; (number.data[0] & top) == 0; top >>= 1) {
        bits--;
    }
    return bits;
}

/* PKCS#11 3.0 §2.3.10 spells Edwards curves as a PrintableString or by GnuPG's object identifier;
 * RFC 8410 has another one. */
static bool is_ed25519(struct span parameters)
{
    static const uint8_t printable[] = {0x13, 12,  'e', 'd', 'w', 'a', 'r',
                                        'd',  's', '2', '5', '5', '1', '9'};
    static const uint8_t gnupg[] = {0x06, 9, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01};
    return span_equal(parameters, span_of(printable, sizeof(printable))) ||
           span_equal(parameters, span_of(gnupg, sizeof(gnupg)));
}

static bool is_curve(enum algorithm algorithm, struct span parameters, struct span ours)
{
    return span_equal(parameters, ours) ||
           (algorithm == ALGORITHM_ED25519 && is_ed25519(parameters));
}

static bool fits(const struct kind *kind, enum algorithm algorithm)
{
    const struct mechanism_generation made = mechanism_generation(algorithm);
    if (kind->key_type != made.key_type && !is_hmac_type(algorithm, kind->key_type)) {
        return false;
    }
    if (made.value_len > 0) {
        return kind->value_len == made.value_len;
    }
    if (made.modulus_bits > 0) {
        return bits_of(kind->modulus) == made.modulus_bits;
    }
    return is_curve(algorithm, kind->parameters, made.parameters);
}

bool kind_algorithm(const struct kind *kind, enum algorithm *out)
{
    for (int i = 0; i < ALGORITHM_COUNT; i++) {
        if (fits(kind, (enum algorithm)i)) {
            *out = (enum algorithm)i;
            return true;
        }
    }
    return false;
}
