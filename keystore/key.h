/* key: one immutable, reference-counted key in one block of memory. */
#ifndef HSMGATE_KEYSTORE_KEY_H
#define HSMGATE_KEYSTORE_KEY_H

#include "keystore/keystore.h"

/* A deep copy of the draft with one reference. The primary is taken from the versions' states; a
 * version without `uses` gets a counter at zero, others share theirs. */
const struct key *key_make(const struct key *draft);
/* One more reference. */
const struct key *key_hold(const struct key *key);
/* Whether callers may find it: some version is or was active. */
bool key_usable(const struct key *key);
/* Byte order of a name against a key's: below, equal to or above 0. */
int key_compare(struct span name, const struct key *key);

#endif
