/* id_index: finds keys by UUID. A hash table with linear probing; UUIDs are random, so their first
 * bytes are the hash. The directory's lock guards it; it borrows the keys. */
#ifndef HSMGATE_KEYSTORE_ID_INDEX_H
#define HSMGATE_KEYSTORE_ID_INDEX_H

#include "keystore/keystore.h"

struct id_index { /* zeroed: empty */
    const struct key **slots;
    size_t cap; /* a power of two, or 0 */
    size_t count;
};

void id_index_clear(struct id_index *index);
/* NULL when there is none. */
const struct key *id_index_find(const struct id_index *index, struct uuid id);
/* Adds the key, or takes the place of the one with the same id. */
void id_index_put(struct id_index *index, const struct key *key);
void id_index_remove(struct id_index *index, struct uuid id);

#endif
