/* newest: the newest roster that this token's worker ever believed, across restarts. */
#ifndef HSMGATE_PKCS11_NEWEST_H
#define HSMGATE_PKCS11_NEWEST_H

#include "quorum/quorum.h"

/* Checks that the chain holds the newest roster of the file and does not end before it, and writes
 * durably when it holds a newer one. ERR_APPROVAL_REQUIRED when it is rolled back or forked;
 * ERR_IO, ERR_CORRUPT when nobody knows. The caller keeps others away from the file. */
MUST_USE struct err newest_keep(const char *path, const struct roster_chain *chain);

#endif
