/* material: the objects behind one key on the token: a secret key, or a private and a public one.
 */
#ifndef HSMGATE_PKCS11_MATERIAL_H
#define HSMGATE_PKCS11_MATERIAL_H

#include "pkcs11/template.h"

struct material {
    CK_OBJECT_HANDLE key;    /* secret or private */
    CK_OBJECT_HANDLE public; /* CK_INVALID_HANDLE for secret keys */
};

/* Makes key material by the role's template and reads every security attribute back; material that
 * is not as it must be is destroyed again. A token that does not know all attributes is asked
 * again without those that it may lack. FRAME_UNSUPPORTED. */
MUST_USE struct ckr_verdict material_generate(struct session *session,
                                              const struct template_subject *subject,
                                              struct material *out);
/* Best effort; the handles are dead afterwards. */
void material_destroy(struct session *session, const struct material *material);
/* The DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) of the public object, appended; nothing for
 * secret keys. FRAME_KEY_SWAPPED when the object is not a key of the algorithm. */
MUST_USE struct ckr_verdict material_public_key(const struct session *session,
                                                const struct material *material,
                                                enum algorithm algorithm, struct buf *out);

#endif
