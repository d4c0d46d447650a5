/* mend: what the worker itself can do about a stale session or login. */
#ifndef HSMGATE_PKCS11_MEND_H
#define HSMGATE_PKCS11_MEND_H

#include "pkcs11/worker.h"

/* What has been mended for one call; zeroed at its start. */
struct mend {
    bool session;
    bool login;
};

/* True when the verdict was of a kind that could be mended and the call may be tried again, on a
 * session made ready; else *verdict is final. */
bool mend_try(struct mend *mend, struct worker *worker, struct session *session,
              struct ckr_verdict *verdict);
/* Classes after which nothing on this session or token will go better. */
bool mend_is_hopeless(enum frame_class class);

#endif
