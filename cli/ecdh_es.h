/* ecdh_es: agreeing on a content key as RFC 7518 §4.6 says (ECDH-ES, direct key agreement). */
#ifndef HSMGATE_CLI_ECDH_ES_H
#define HSMGATE_CLI_ECDH_ES_H

#include <openssl/types.h>

#include "base/secret.h"
#include "quorum/quorum.h"

struct agreement {
    const char *enc; /* `A256GCM`; its name is the AlgorithmID */
    struct span apu; /* PartyUInfo and PartyVInfo, decoded; empty: none */
    struct span apv;
    size_t key_len; /* at most SHA256_LEN */
};
/* EC key of a recipient: the public half alone, or (`d`) both. Free with EVP_PKEY_free. */
MUST_USE struct err ecdh_es_key(const struct recipient *recipient, struct span d, EVP_PKEY **out);
/* The content key that both sides come to. ERR_INVALID_FIELD when the keys do not fit. */
MUST_USE struct err ecdh_es_agree(EVP_PKEY *own, EVP_PKEY *other, const struct agreement *how,
                                  struct secret *out);
/* Bytes of one coordinate of the curve. */
size_t ecdh_es_coordinate(enum recipient_curve curve);

#endif
