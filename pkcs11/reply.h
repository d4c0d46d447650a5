/* reply: judges what the worker answered: which error a class is, and whether an answer can be
 * true at all. Pure. */
#ifndef HSMGATE_PKCS11_REPLY_H
#define HSMGATE_PKCS11_REPLY_H

#include "pkcs11/frame.h"

/* The error that a class is to the caller; FRAME_OK: none. CALLER_DATA of a decryption is
 * ERR_INVALID_CIPHERTEXT. */
struct err reply_error(enum frame_class class, enum token_op op);
/* Whether the worker must be replaced: device lost, or a session that stays stale. */
bool reply_is_lost(enum frame_class class);
/* Whether the class is our bug, or an alarm for operators: worth a line of the log. */
bool reply_is_alarm(enum frame_class class);
const char *reply_class_name(enum frame_class class);
/* Whether the lengths of a successful answer are those that the operation must have. ERR_CORRUPT
 * says what is wrong. */
MUST_USE struct err reply_check_item(enum token_op op, const struct token_item *request,
                                     const struct frame_item *reply);
/* Likewise for new key material; a public key must be the one that the identity names. */
MUST_USE struct err reply_check_key(const struct token_key *request,
                                    const struct frame_item *reply);
/* Likewise for adopted material; a request without CKA_ID takes any. */
MUST_USE struct err reply_check_adopted(const struct token_key *request,
                                        const struct frame_item *reply);
/* The error of a FRAME_UNAPPROVED whose item has this input; false when it is no reason. */
bool reply_unapproved(struct span reason, struct err *out);
/* Whether it looks like a JWE in compact form without an encrypted key. ERR_CORRUPT. */
MUST_USE struct err reply_check_sealed(struct span jwe);
/* The error of a FRAME_UNFIT whose item has these bytes; false when there is no such reason. */
bool reply_unfit(uint32_t bytes, struct err *out);

#endif
