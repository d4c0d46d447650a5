/* sshsig: signatures by `ssh-keygen -Y sign` (OpenSSH PROTOCOL.sshsig), of ordinary and of FIDO
 * keys (PROTOCOL.u2f). Inner to quorum/. */
#ifndef HSMGATE_QUORUM_SSHSIG_H
#define HSMGATE_QUORUM_SSHSIG_H

#include "quorum/quorum.h"

#define SSHSIG_MAGIC "SSHSIG"

/* Whether the blob is the key's signature over the message in the namespace: version 1, the same
 * key inside, nothing reserved in use, sha256 or sha512, nothing left over. FIDO keys must have
 * been touched. */
bool sshsig_verify(const struct voter_key *key, const char *name_space, struct span message,
                   struct span blob);

#endif
