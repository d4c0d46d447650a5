/* template: the attributes of what the worker makes, and their proof afterwards. */
#ifndef HSMGATE_PKCS11_TEMPLATE_H
#define HSMGATE_PKCS11_TEMPLATE_H

#include "pkcs11/session.h"

#define TEMPLATE_MAX 32

enum template_kind { TEMPLATE_SECRET, TEMPLATE_PRIVATE, TEMPLATE_PUBLIC };

/* What a template goes without, for tokens that do not take it, one after the other: what the
 * public half may do, which some derive in a way of their own (tpm2-pkcs11 takes a verifying key
 * for one whose private half decrypts); what is more recent than the rest (CKA_COPYABLE,
 * CKA_ALLOWED_MECHANISMS), because a default may be worse than no such attribute; what not every
 * token knows as well; all of these. */
enum lenience { LENIENCE_NONE, LENIENCE_LOOSE, LENIENCE_RECENT, LENIENCE_RELAXED, LENIENCE_ALL };

/* What is to be made. */
struct template_subject {
    const struct token_key *key;
    const char *label;
    bool on_token; /* false: a session object, for probes */
    enum lenience lenience;
};

/* Holds the values that its attributes point to, so it must not be copied. */
struct template
{
    CK_ATTRIBUTE list[TEMPLATE_MAX];
    CK_ULONG count;
    CK_ULONG numbers[TEMPLATE_MAX];
    CK_MECHANISM_TYPE allowed[2];
};

void template_init(struct template *template, enum template_kind kind,
                   const struct template_subject *subject);
/* Whether the code, of a call with a template, blames an attribute of it. */
bool template_is_refused(CK_RV ckr);
/* Reads every security attribute back. FRAME_UNSUPPORTED when one is not as it must be, which is
 * logged by name. */
MUST_USE struct ckr_verdict template_check(const struct session *session, CK_OBJECT_HANDLE object,
                                           enum template_kind kind,
                                           const struct template_subject *subject);

#endif
