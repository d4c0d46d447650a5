/* spent: statements that opened something, or were about to; each does so once. */
#ifndef HSMGATE_PKCS11_SPENT_H
#define HSMGATE_PKCS11_SPENT_H

#include "base/digest.h"

/* Writes durably that the statement with this digest is spent. ERR_CONFLICT: it was before; ERR_IO,
 * ERR_CORRUPT: nobody knows, so it must not be used. Times in unix ms; the caller keeps others away
 * from the file. */
MUST_USE struct err spent_note(const char *path, const uint8_t statement[SHA256_LEN],
                               int64_t expires_at, int64_t now_ms);

#endif
