/* spki: the public half of a key, from the token's attributes to DER. */
#ifndef HSMGATE_PKCS11_SPKI_H
#define HSMGATE_PKCS11_SPKI_H

#include "pkcs11/session.h"

/* Appends the DER SubjectPublicKeyInfo of a public key object (RFC 5280 §4.1.2.7, RFC 5480, RFC
 * 8410). FRAME_KEY_SWAPPED when the object is not a key of the algorithm. */
MUST_USE struct ckr_verdict spki_read(const struct session *session, CK_OBJECT_HANDLE object,
                                      enum algorithm algorithm, struct buf *out);
/* The same from the bare values: CKA_EC_POINT, as a DER OCTET STRING or raw; modulus and exponent.
 * ERR_CORRUPT. */
MUST_USE struct err spki_of_point(enum algorithm algorithm, struct span point, struct buf *out);
MUST_USE struct err spki_of_rsa(enum algorithm algorithm, struct span modulus, struct span exponent,
                                struct buf *out);

#endif
