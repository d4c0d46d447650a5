/* signing_key: what a person votes with: a PEM file, or an SSH key through ssh-keygen. */
#ifndef HSMGATE_CLI_SIGNING_KEY_H
#define HSMGATE_CLI_SIGNING_KEY_H

#include <openssl/types.h>

#include "cli/options.h"
#include "quorum/quorum.h"

#define SIGNING_VOTE  "hsmgate-vote"
#define SIGNING_PROOF "hsmgate-voter-key"

/* One of the paths is NULL. */
struct signing_key {
    const char *pem;
    const char *ssh;  /* its public key */
    EVP_PKEY *opened; /* of pem, from its first use on: a passphrase is asked for once */
};
void signing_key_clear(struct signing_key *key);
/* By --key and --ssh-key; false, EXIT_USAGE and a word on standard error unless exactly one is
 * there. */
bool signing_key_choose(const struct options *options, int *out_exit, struct signing_key *out);
/* The public half; spans borrow from `bytes`. The proof is left alone. */
MUST_USE struct err signing_key_public(struct signing_key *signer, struct buf *bytes,
                                       struct voter_key *out);
/* Appends the signature's bytes, as `struct vote` wants them. The namespace is for SSHSIG alone. */
MUST_USE struct err signing_key_sign(struct signing_key *signer, const char *name_space,
                                     struct span message, struct buf *out);
enum vote_format signing_key_format(const struct signing_key *signer);

#endif
