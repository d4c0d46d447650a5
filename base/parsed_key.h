/* parsed_key: public keys in OpenSSL's form, each parsed once for each thread. */
#ifndef HSMGATE_BASE_PARSED_KEY_H
#define HSMGATE_BASE_PARSED_KEY_H

#include <openssl/evp.h>

#include "base/buf.h"

/* The key of a DER SubjectPublicKeyInfo with nothing behind it; the caller's to free. ERR_INTERNAL
 * when it does not parse. */
MUST_USE struct err parsed_key(struct span spki, EVP_PKEY **out);

#endif
