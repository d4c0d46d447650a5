/* ssh_keygen: `ssh-keygen -Y sign`, so that a key in an agent or on hardware can vote. */
#ifndef HSMGATE_CLI_SSH_KEYGEN_H
#define HSMGATE_CLI_SSH_KEYGEN_H

#include "base/buf.h"

/* Signs the message with the key of this SSH public key file in a namespace; appends the armored
 * SSHSIG text. Passphrases and touches are asked for by ssh-keygen itself. ERR_IO. */
MUST_USE struct err ssh_keygen_sign(const char *key_path, const char *name_space,
                                    struct span message, struct buf *out);

#endif
