/* login: the worker's one login to the token, with an epoch that grows each time it is made. */
#ifndef HSMGATE_PKCS11_LOGIN_H
#define HSMGATE_PKCS11_LOGIN_H

#include <pthread.h>
#include <stdatomic.h>

#include "pkcs11/ckr.h"
#include "pkcs11/module.h"
#include "pkcs11/pin.h"

/* Login belongs to the application and ends with its last session; so the anchor stays open for
 * ever, and nothing ever calls C_Logout. */
struct login {
    const struct module *module;
    const struct worker_config *config;
    pthread_mutex_t mutex; /* guards pin, anchor and the making of a login */
    struct pin pin;
    CK_SESSION_HANDLE anchor;
    _Atomic uint32_t epoch; /* 0 before the first login */
};

void login_init(struct login *login, const struct module *module,
                const struct worker_config *config);
/* Logs in unless somebody has since `seen_epoch`; the epoch grows. One thread does it, the others
 * wait for it. ERR_PIN (latched, locked or refused), ERR_CONFIG, ERR_TOKEN_UNAVAILABLE; the detail
 * is for operators. */
MUST_USE struct err login_renew(struct login *login, uint32_t seen_epoch);
uint32_t login_epoch(const struct login *login);
/* Whether the session lives and is logged in. */
bool login_covers(const struct login *login, CK_SESSION_HANDLE session);
void login_clear(struct login *login);

#endif
