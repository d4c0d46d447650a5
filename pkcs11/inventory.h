/* inventory: every key object on the token, ours or not. */
#ifndef HSMGATE_PKCS11_INVENTORY_H
#define HSMGATE_PKCS11_INVENTORY_H

#include "pkcs11/session.h"

/* An array that the caller frees with mem_free. The caller holds the token mutex. */
MUST_USE struct ckr_verdict inventory_list(struct session *session, struct token_object **out,
                                           size_t *out_count);

#endif
