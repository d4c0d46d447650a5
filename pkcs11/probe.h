/* probe: what the token can really do, found out by doing it with keys that live for a moment. */
#ifndef HSMGATE_PKCS11_PROBE_H
#define HSMGATE_PKCS11_PROBE_H

#include "pkcs11/operation.h"

struct probe {
    struct token_probe found; /* for the front */
    enum operation_iv iv;
    CK_RV oaep_tamper_ckr; /* what C_Decrypt said about a tampered OAEP ciphertext */
    bool makes_token_keys; /* no session objects: a probe may leave some of its keys behind */
};

/* Does everything once with session objects, in two free sessions of the pool: generate by the
 * role's template, use, check with OpenSSL. What fails is left out of the result. FRAME_DEVICE_LOST
 * and the like when the token itself gave way, so that the result says nothing about it. */
MUST_USE struct ckr_verdict probe_run(struct session_pool *pool, struct probe *out);

/* Destroys what a probe left behind, because it was killed or because the token did not let go of a
 * key (tpm2-pkcs11, after a mechanism was refused), and counts it. */
MUST_USE struct ckr_verdict probe_sweep(struct session *session, size_t *out_count);

/* The result of the last probe is kept in a file, so that a worker that is started again serves at
 * once. It counts only for the same module, token, versions and hsmgate. False: probe anew. */
bool probe_load(const char *folder, const char *module_path, const struct module *module,
                struct probe *out);
/* ERR_IO. */
MUST_USE struct err probe_save(const char *folder, const char *module_path,
                               const struct module *module, const struct probe *probe);

#endif
