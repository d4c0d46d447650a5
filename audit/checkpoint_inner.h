/* What reading and writing of checkpoints and of their keys share. */
#ifndef HSMGATE_AUDIT_CHECKPOINT_INNER_H
#define HSMGATE_AUDIT_CHECKPOINT_INNER_H

#include "audit/checkpoint.h"

/* Signature types of signed-note. */
#define CHECKPOINT_ED25519 0x01
#define CHECKPOINT_ECDSA   0x02
#define CHECKPOINT_ID_LEN  4

/* The signature type that a DER SubjectPublicKeyInfo is for; 0 when it is none of ours. */
uint8_t checkpoint_algorithm(struct span spki);
/* The key id of signed-note; the key must be one of ours. */
void checkpoint_key_id(const char *name, struct span spki, uint8_t out[CHECKPOINT_ID_LEN]);
/* Up to 127 characters of visible ASCII without `+`: narrower than signed-note, for names of our
 * own. */
bool checkpoint_is_name(struct span name);
/* ERR_INVALID_FIELD for a bad name or a key that is none of ours. */
MUST_USE struct err checkpoint_check_key(const struct checkpoint_key *key);
/* The text before the first `mark`, which goes away with it; false when there is none. */
bool checkpoint_cut(struct span *rest, char mark, struct span *out);
/* ERR_CORRUPT, naming `what`. */
MUST_USE struct err checkpoint_base64(struct span text, const char *what, struct buf *out);

#endif
