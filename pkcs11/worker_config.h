/* worker_config: the worker's own YAML file, which the front never reads. */
#ifndef HSMGATE_PKCS11_WORKER_CONFIG_H
#define HSMGATE_PKCS11_WORKER_CONFIG_H

#include "base/buf.h"

/* Exactly one of the two. */
struct worker_token {
    char *label;
    char *serial;
};

/* Exactly one of the three. */
struct worker_pin {
    char *file;
    char *credential;     /* a name under $CREDENTIALS_DIRECTORY (systemd.exec) */
    uint32_t *descriptor; /* inherited; not one of the worker's own */
};

struct worker_config {
    char *module;    /* absolute path of the PKCS#11 library */
    char *init_args; /* for C_Initialize's pReserved, or NULL */
    struct worker_token token;
    struct worker_pin pin;
    char *latch_dir; /* folder of the PIN latch, the probe's result, and what was seen and spent */
    char *roster_root; /* SHA-256 of the root roster, 64 hex digits; NULL: no quorum is believed */
    uint32_t approval_floor; /* approvals that every key of the token demands: 0, or 2 and more */
};

/* Loads and checks the file; free with worker_config_free. ERR_CONFIG; `message` gets one line
 * `FILE:LINE: option: reason`. */
MUST_USE struct err worker_config_load(const char *path, struct worker_config **out,
                                       struct buf *message);
/* Takes NULL. */
void worker_config_free(struct worker_config *config);
/* For CLEANUP. */
void worker_config_free_at(struct worker_config **config);

#endif
