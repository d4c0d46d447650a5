/* session: the worker's pool of read-write sessions. A session is used by one thread at a time. */
#ifndef HSMGATE_PKCS11_SESSION_H
#define HSMGATE_PKCS11_SESSION_H

#include "pkcs11/login.h"
#include "pkcs11/repeats.h"

#define SESSION_MAX 256
/* Sessions that may be given up before only a fresh process helps. */
#define SESSION_DROPPED_MAX 64

struct session {
    const CK_FUNCTION_LIST *list;
    const struct login *login;
    struct repeats *repeats; /* of all sessions */
    CK_SESSION_HANDLE handle;
    uint32_t epoch;      /* of the login that it was last seen under */
    bool live;           /* false: its handle was given up, session_ready opens another */
    CK_RV unfit;         /* why the handle must not be used again, else CKR_OK */
    int64_t deadline_ns; /* of the frame that it is lent for */
    struct session *next;
};

struct session_pool {
    struct login *login;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t returned;
    struct session *free;
    CK_SESSION_HANDLE dropped[SESSION_DROPPED_MAX];
    unsigned dropped_count;
    unsigned count; /* sessions in all; not changed after opening */
    struct session all[SESSION_MAX];
    struct repeats repeats; /* locks itself */
};

/* Opens up to `wanted` sessions, as many as the token gives. ERR_TOKEN_UNAVAILABLE when it gives
 * none. */
MUST_USE struct err session_pool_open(struct session_pool *pool, struct login *login,
                                      unsigned wanted);
/* Takes a session and makes it ready. Without one before the monotonic deadline: FRAME_CAPACITY. */
MUST_USE struct ckr_verdict session_lease(struct session_pool *pool, int64_t deadline_ns,
                                          struct session **out);
void session_release(struct session_pool *pool, struct session *session);
/* Replaces an unfit handle, and looks whether one of an older epoch still lives. A handle is given
 * up without closing it, because closing a session while others work crashes some modules. */
MUST_USE struct ckr_verdict session_ready(struct session_pool *pool, struct session *session);
/* After a search on a ready session: FRAME_OK when it could see everything. A token that has been
 * logged out hides its private objects without a word: FRAME_STALE_EPOCH. */
MUST_USE struct ckr_verdict session_sees_all(const struct session *session);
void session_pool_clear(struct session_pool *pool);

#endif
