/* ckr: what a PKCS#11 return code means for the caller, the session and the process: one table. */
#ifndef HSMGATE_PKCS11_CKR_H
#define HSMGATE_PKCS11_CKR_H

#include "pkcs11/cryptoki.h"
#include "pkcs11/frame.h"

struct ckr_rule {
    CK_RV ckr;
    const char *name; /* without CKR_ */
    enum frame_class class;
    bool ends; /* the code is known to end the operation: the session stays in use */
};

/* What became of a call on the token. The worker's token calls return this instead of struct err,
 * because the frame's class must reach the front unchanged. */
struct ckr_verdict {
    enum frame_class class;
    CK_RV ckr;              /* CKR_OK when the worker itself decided */
    enum frame_unfit unfit; /* with FRAME_UNFIT: why */
};

/* The rule of a code; unknown and vendor codes are class E. Never NULL. */
const struct ckr_rule *ckr_rule(CK_RV ckr);
const char *ckr_name(CK_RV ckr);
MUST_USE struct ckr_verdict ckr_verdict(CK_RV ckr);
/* A verdict of the worker's own. */
MUST_USE struct ckr_verdict ckr_own(enum frame_class class);
MUST_USE struct ckr_verdict ckr_done(void);
/* FRAME_UNFIT, or FRAME_OK for FRAME_FIT. */
MUST_USE struct ckr_verdict ckr_unfit(enum frame_unfit unfit);
/* Whether the code may be about the request as well as about the device. */
bool ckr_is_vague(CK_RV ckr);
/* The verdict of a decrypt call: a general failure that the probe saw for a tampered tag is the
 * caller's data, not the device. */
MUST_USE struct ckr_verdict ckr_decrypt_verdict(CK_RV ckr, CK_RV tampered);

#endif
