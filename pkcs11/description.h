/* description: what one key object on the token is, in the words of token.h. */
#ifndef HSMGATE_PKCS11_DESCRIPTION_H
#define HSMGATE_PKCS11_DESCRIPTION_H

#include "pkcs11/session.h"

/* Describes the object, whose class the caller knows: class, algorithm, attributes, CKA_ID, label.
 * One call on the token. Fails only when the token does not answer for the object at all. */
MUST_USE struct ckr_verdict description_read(const struct session *session, CK_OBJECT_HANDLE handle,
                                             enum token_object_class class,
                                             struct token_object *out);
/* An object of which the token says nothing: no names, no algorithm, no protection. */
struct token_object description_none(enum token_object_class class);

#endif
