/* token_mechanism: from the names in our ciphertexts to what a token does. Both sides of the frames
 * ask it: the front for what it sends, the worker for what a quorum opens. */
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
