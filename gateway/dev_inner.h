/* Parts of dev: the SoftHSM token and the small secret files. */
#ifndef HSMGATE_GATEWAY_DEV_INNER_H
#define HSMGATE_GATEWAY_DEV_INNER_H

#include "base/buf.h"

#define DEV_VOTERS 3

/* Where softhsm's module is on this machine, or NULL; static. */
const char *dev_softhsm_module(void);
/* Makes the token hsmgate-dev in `folder`/softhsm, unless it is there, with the PIN of the file
 * `pin_path`, which is made when missing. Sets SOFTHSM2_CONF. */
MUST_USE struct err dev_softhsm_prepare(const char *folder, const char *pin_path);

/* Reads a small file of ours; makes it first, mode 0600, when it is missing: `prefix` and then
 * `random_len` random bytes in base64url. `out` is text without a newline. */
MUST_USE struct err dev_secret_file(const char *path, const char *prefix, size_t random_len,
                                    struct buf *out);
/* A new Ed25519 private key as PKCS#8 PEM (RFC 8410), 0600, unless the file is there. */
MUST_USE struct err dev_voter_file(const char *path);
/* Makes the root roster over the voters of the folder when it is missing; its digest in hex comes
 * out. */
MUST_USE struct err dev_roster_file(const char *folder, const char *path, struct buf *out_digest);

#endif
