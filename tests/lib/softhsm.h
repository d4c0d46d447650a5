/* softhsm: a SoftHSM token of the test's own in a temporary folder. */
#ifndef HSMGATE_TESTS_LIB_SOFTHSM_H
#define HSMGATE_TESTS_LIB_SOFTHSM_H

#include "base/buf.h"

#define SOFTHSM_PIN    "2468-correct"
#define SOFTHSM_LABEL  "unit test"
#define SOFTHSM_MODULE "/usr/lib/softhsm/libsofthsm2.so"

struct softhsm {
    char *folder;
    char *config; /* hsmgate-token's file */
};

/* Makes the token, points SOFTHSM2_CONF to it and writes the worker's file, with `extra` lines. */
void softhsm_make(struct softhsm *softhsm, const char *extra);
void softhsm_write_pin(const struct softhsm *softhsm, const char *pin);
/* Puts the worker's file back, with other extra lines. */
void softhsm_write_config(const struct softhsm *softhsm, const char *extra);
/* Whether a file whose name starts with `prefix` is in the state folder. */
bool softhsm_has_state(const struct softhsm *softhsm, const char *prefix);
/* What other programs do to the token: softhsm2-util imports the PKCS#8 PEM in a file, pkcs11-tool
 * does what its arguments `how` say, NULL at the end. `id` is CKA_ID in hex. */
void softhsm_import(const char *file, const char *label, const char *id);
void softhsm_pkcs11_tool(const char *label, const char *id, const char *const *how);
void softhsm_remove(struct softhsm *softhsm);

#endif
