/* recipient_key: the key pair to which an answer is sealed; its file is a private JWK. */
#ifndef HSMGATE_CLI_RECIPIENT_KEY_H
#define HSMGATE_CLI_RECIPIENT_KEY_H

#include <openssl/types.h>

#include "quorum/quorum.h"

struct recipient_key {
    EVP_PKEY *key;
    struct recipient is;
};
void recipient_key_clear(struct recipient_key *key);
MUST_USE struct err recipient_key_make(enum recipient_curve curve, struct recipient_key *out);
/* The private JWK with a newline; the buf wipes itself. */
MUST_USE struct err recipient_key_write(const struct recipient_key *key, struct buf *out);
/* Reads such a file; refused when others may read it. */
MUST_USE struct err recipient_key_read(const char *path, struct recipient_key *out);
bool recipient_same(const struct recipient *a, const struct recipient *b);

#endif
