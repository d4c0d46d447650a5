/* identity: the proof that the object with a CKA_ID is still the key that we made. */
#ifndef HSMGATE_PKCS11_IDENTITY_H
#define HSMGATE_PKCS11_IDENTITY_H

#include "pkcs11/material.h"
#include "pkcs11/probe.h"

/* Fills key->identity (see token_key) and appends the public key's DER, nothing for secret keys. */
MUST_USE struct ckr_verdict identity_make(struct session *session, const struct probe *probe,
                                          const struct material *material, struct token_key *key,
                                          struct buf *public_key);
/* FRAME_KEY_SWAPPED unless the material proves to be what key->identity says. */
MUST_USE struct ckr_verdict identity_check(struct session *session, const struct probe *probe,
                                           const struct material *material,
                                           const struct token_key *key);

#endif
