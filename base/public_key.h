/* public_key: what the public half of a key pair can do in software, by OpenSSL: verify, encrypt,
 * and be written down. Keys come as DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). */
#ifndef HSMGATE_BASE_PUBLIC_KEY_H
#define HSMGATE_BASE_PUBLIC_KEY_H

#include "base/algorithm.h"
#include "base/json.h"

/* ECDSA signatures: fixed-width r‖s (RFC 7518 §3.4) and DER (RFC 3279 §2.2.3) into each other;
 * `raw_len` is 64, 96 or 132. DER must be canonical; ERR_INVALID_FIELD. */
MUST_USE struct err ecdsa_raw_to_der(struct span raw, struct buf *out);
MUST_USE struct err ecdsa_der_to_raw(struct span der, size_t raw_len, struct buf *out);

/* True when the signature over the digest (of scheme_info()->digest; the message itself for EdDSA)
 * is valid. ECDSA signatures are raw r‖s. PSS: MGF1 and salt with the scheme's hash, salt as long
 * as the hash (RFC 7518 §3.5). A malformed signature is just not valid. */
MUST_USE struct err public_key_verify(struct span spki, enum scheme scheme,
                                      struct span digest_or_message, struct span signature,
                                      bool *out_valid);
/* DER DigestInfo of RFC 8017 §9.2 for CKM_RSA_PKCS; `digest` has the hash's length. */
MUST_USE struct err rsa_digest_info(enum digest hash, struct span digest, struct buf *out);
/* RSAES-OAEP with MGF1 of the same hash and an empty label (RFC 8017 §7.1). ERR_TOO_LARGE. */
MUST_USE struct err public_key_encrypt_oaep(struct span spki, enum digest hash,
                                            struct span plaintext, struct buf *out);
/* `-----BEGIN PUBLIC KEY-----` (RFC 7468 §13). */
MUST_USE struct err public_key_pem(struct span spki, struct buf *out);
/* RFC 7517 members kty, crv, x, y, n, e (RFC 7518 §6, RFC 8037 §2) into the writer's open object.
 */
MUST_USE struct err public_key_put_jwk(struct span spki, struct json_writer *writer);

#endif
