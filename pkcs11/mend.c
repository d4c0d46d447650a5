/* mend: a new session for class C, a new login for class D.
 *
 * A reset of the device shows first as a dead session and then, on the new one, as a missing login;
 * so each is mended once in a call, and what is still stale then is the front's to settle. */
#include "pkcs11/mend.h"

#include "base/banned.h"
#include "base/log.h"

bool mend_is_hopeless(enum frame_class class)
{
    return class == FRAME_DEVICE_LOST || class == FRAME_PIN || class == FRAME_STALE_SESSION ||
           class == FRAME_STALE_EPOCH || class == FRAME_LYING;
}

static struct ckr_verdict renew_login(struct worker *worker, uint32_t seen_epoch)
{
    struct err err = login_renew(&worker->login, seen_epoch);
    if (err.code != ERR_OK) {
        log_error("work", "cannot log in again: %s", err.detail);
        return ckr_own(err.code == ERR_PIN ? FRAME_PIN : FRAME_DEVICE_LOST);
    }
    return ckr_done();
}

bool mend_try(struct mend *mend, struct worker *worker, struct session *session,
              struct ckr_verdict *verdict)
{
    struct ckr_verdict mended = ckr_done();
    if (verdict->class == FRAME_STALE_SESSION && !mend->session) {
        mend->session = true;
        session->unfit = session->unfit == CKR_OK ? verdict->ckr : session->unfit;
    } else if (verdict->class == FRAME_STALE_EPOCH && !mend->login) {
        mend->login = true;
        mended = renew_login(worker, session->epoch);
    } else {
        return false;
    }
    if (mended.class == FRAME_OK) {
        mended = session_ready(&worker->pool, session);
    }
    if (mended.class != FRAME_OK) {
        *verdict = mended;
    }
    return mended.class == FRAME_OK;
}
