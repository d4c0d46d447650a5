/* token_mechanism: from the names in our ciphertexts, and of signatures, to what a token does. Both
 * sides of the frames ask it: the front for what it sends, the worker for what a quorum opens. */
#include "pkcs11/token.h"

#include "base/banned.h"

enum token_mechanism token_mechanism_of(enum envelope_algorithm algorithm)
{
    static const enum token_mechanism mechanisms[ENVELOPE_ALGORITHM_END] = {
        [ENVELOPE_AES_256_GCM] = TOKEN_AES_GCM,
        [ENVELOPE_RSA_OAEP_SHA1] = TOKEN_RSA_OAEP_SHA1,
        [ENVELOPE_RSA_OAEP_SHA256] = TOKEN_RSA_OAEP_SHA256,
    };
    return mechanisms[algorithm];
}

/* Hashing is always ours: tokens differ in which combined mechanisms they have, and none needs more
 * than the digest. */
enum token_mechanism token_mechanism_of_scheme(enum scheme scheme)
{
    static const enum token_mechanism mechanisms[SCHEME_COUNT] = {
        [SCHEME_ES256] = TOKEN_ECDSA,          [SCHEME_ES384] = TOKEN_ECDSA,
        [SCHEME_ES512] = TOKEN_ECDSA,          [SCHEME_EDDSA] = TOKEN_EDDSA,
        [SCHEME_RS256] = TOKEN_RSA_PKCS1,      [SCHEME_RS384] = TOKEN_RSA_PKCS1,
        [SCHEME_RS512] = TOKEN_RSA_PKCS1,      [SCHEME_PS256] = TOKEN_RSA_PSS_SHA256,
        [SCHEME_PS384] = TOKEN_RSA_PSS_SHA384, [SCHEME_PS512] = TOKEN_RSA_PSS_SHA512,
    };
    return mechanisms[scheme];
}
