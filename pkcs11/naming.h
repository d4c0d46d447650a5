/* naming: the name that people read in a statement is the one that the material bears. */
#ifndef HSMGATE_PKCS11_NAMING_H
#define HSMGATE_PKCS11_NAMING_H

#include "pkcs11/session.h"
#include "quorum/quorum.h"

/* The object's CKA_LABEL; empty when it has none, or a longer one than ours. */
MUST_USE struct ckr_verdict naming_label(const struct session *session, CK_OBJECT_HANDLE object,
                                         char out[TOKEN_TEXT_MAX + 1]);
/* Whether material of this CKA_ID and label is what the statement calls NAME@N. What binds no
 * group was not made here, so its label may be anything. ERR_APPROVAL_REQUIRED. */
MUST_USE struct err naming_check(const struct statement *says, struct span cka_id,
                                 const char *label);

#endif
