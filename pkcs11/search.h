/* search: finds objects on the token. The callers have the turn (object.h). */
#ifndef HSMGATE_PKCS11_SEARCH_H
#define HSMGATE_PKCS11_SEARCH_H

#include "pkcs11/material.h"

#define SEARCH_MAX 16

struct search {
    CK_OBJECT_HANDLE handles[SEARCH_MAX];
    CK_ULONG count;
};

/* Up to SEARCH_MAX objects that match the template. A search that is not ended would poison the
 * session. */
MUST_USE struct ckr_verdict search_run(struct session *session, CK_ATTRIBUTE *list, CK_ULONG count,
                                       struct search *out);
/* Likewise those that bear the CKA_ID. */
MUST_USE struct ckr_verdict search_by_id(struct session *session, struct span cka_id,
                                         struct search *out);

/* Secret and private keys: how many there are, and the last of them. */
struct search_keys {
    CK_OBJECT_HANDLE handle;
    enum token_object_class class;
    CK_ULONG count;
};
/* Those whose CKA_ID or CKA_LABEL, as `type` says, is the name. */
MUST_USE struct ckr_verdict search_keys(struct session *session, CK_ATTRIBUTE_TYPE type,
                                        struct span name, struct search_keys *out);

/* What bears one CKA_ID: how many of each, and the last of each. */
struct bearers {
    struct material material;
    unsigned keys; /* secret and private */
    unsigned publics;
};
MUST_USE struct ckr_verdict search_bearers(struct session *session, struct span cka_id,
                                           struct bearers *out);

#endif
