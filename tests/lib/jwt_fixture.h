/* Keys and JWTs of an issuer, made with OpenSSL alone: whatever a test wants signed is signed. */
#ifndef HSMGATE_TESTS_LIB_JWT_FIXTURE_H
#define HSMGATE_TESTS_LIB_JWT_FIXTURE_H

#include <openssl/evp.h>

#include "base/buf.h"

/* `RSA` with a number of bits, or `EC` with the name of a curve; free with EVP_PKEY_free. */
EVP_PKEY *jwt_rsa_key(unsigned bits);
EVP_PKEY *jwt_ec_key(const char *curve);
/* A JWK of the public half: `members` is JSON text that follows the numbers, such as
 * `"kid":"one","use":"sig"`. */
void jwt_put_jwk(EVP_PKEY *key, const char *members, struct buf *out);
/* `header.payload.signature`, signed as `algorithm` says whatever the header says: RS256…, PS256…,
 * ES256…, HS256 with `secret` as key, or `none` for an empty signature. */
void jwt_make(EVP_PKEY *key, struct span secret, const char *algorithm, const char *header,
              const char *claims, struct buf *out);

#endif
