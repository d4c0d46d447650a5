/* module: the vendor's library, initialised, and the one token that the configuration names. */
#ifndef HSMGATE_PKCS11_MODULE_H
#define HSMGATE_PKCS11_MODULE_H

#include "pkcs11/cryptoki.h"
#include "pkcs11/token.h"
#include "pkcs11/worker_config.h"

/* Never closed: the process ends with _exit. */
struct module {
    CK_FUNCTION_LIST *list;
    CK_SLOT_ID slot;
    CK_VERSION hardware;
    CK_VERSION firmware;
    char label[TOKEN_TEXT_MAX + 1];
    char serial[TOKEN_TEXT_MAX + 1];
    char manufacturer[TOKEN_TEXT_MAX + 1];
    char model[TOKEN_TEXT_MAX + 1];
};

/* Loads the library and attaches to it. From here on the process must never fork. ERR_CONFIG with
 * the option that is wrong, ERR_TOKEN_UNAVAILABLE. */
MUST_USE struct err module_open(const struct worker_config *config, struct module *out);
/* The part after loading: initialises with OS locking and finds exactly one token by its trimmed
 * label or serial. */
MUST_USE struct err module_attach(CK_FUNCTION_LIST *list, const struct worker_config *config,
                                  struct module *out);
/* The token's flags now (CKF_USER_PIN_…). ERR_TOKEN_UNAVAILABLE. */
MUST_USE struct err module_token_flags(const struct module *module, CK_FLAGS *out);

#endif
