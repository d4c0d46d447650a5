/* pin: where the PIN comes from. It is read for each login and cleared right after. */
#ifndef HSMGATE_PKCS11_PIN_H
#define HSMGATE_PKCS11_PIN_H

#include "base/secret.h"
#include "pkcs11/worker_config.h"

struct pin {
    const struct worker_pin *source;
    struct secret kept; /* only of a pipe, which can be read but once */
};

/* ERR_CONFIG when the source cannot be read or holds no PIN, with the option and the reason. */
MUST_USE struct err pin_read(struct pin *pin, struct secret *out);
void pin_clear(struct pin *pin);

#endif
