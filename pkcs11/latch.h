/* latch: a PIN that a token has refused is never tried again by itself, across restarts too. */
#ifndef HSMGATE_PKCS11_LATCH_H
#define HSMGATE_PKCS11_LATCH_H

#include "base/digest.h"

#define LATCH_REFUSED_MAX 16
/* Tries of one PIN that may end with the death of the worker before a pause. */
#define LATCH_TRIES_MAX 3
#define LATCH_PAUSE_MS  ((int64_t)15 * 60 * 1000)
#define LATCH_SALT_LEN  16

/* The state of one token's PINs and the hash of the PIN in hand. */
struct latch {
    char *path;
    uint8_t salt[LATCH_SALT_LEN];
    uint8_t pin[SHA256_LEN];
    uint8_t refused[LATCH_REFUSED_MAX][SHA256_LEN];
    size_t refused_count;
    uint8_t trying[SHA256_LEN];
    uint32_t tries; /* 0: none is unresolved */
    int64_t tried_at_ms;
};

/* Reads the latch of the token with this serial from the folder (made when missing) and hashes the
 * PIN (scrypt, RFC 7914). ERR_PIN when the file is damaged, ERR_IO. */
MUST_USE struct err latch_open(struct latch *latch, const char *folder, const char *serial,
                               struct span pin);
/* Writes durably that the PIN is about to be tried. When it must not be, says why: ERR_PIN, it
 * was refused before; ERR_TOKEN_UNAVAILABLE, the last tries all ended with the worker's death a
 * short while ago, and after LATCH_PAUSE_MS it may be tried again. */
MUST_USE struct err latch_begin(struct latch *latch, int64_t now_ms);
/* How the try ended: refused by the token; accepted; or the token failed for another reason. */
MUST_USE struct err latch_refuse(struct latch *latch);
MUST_USE struct err latch_accept(struct latch *latch);
MUST_USE struct err latch_abandon(struct latch *latch);
/* For CLEANUP too; leaves the file alone. */
void latch_clear(struct latch *latch);

#endif
