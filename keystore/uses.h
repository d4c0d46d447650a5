/* uses: the use counter of one version, shared by every snapshot of its key.
 *
 * `reserved` is what the database holds and is never below `count`: after a crash counting goes on
 * from it, so that no use is ever forgotten. */
#ifndef HSMGATE_KEYSTORE_USES_H
#define HSMGATE_KEYSTORE_USES_H

#include <stdatomic.h>

#include "keystore/keystore.h"

struct uses {
    atomic_uint refs;
    struct uuid key_id;
    uint32_t number;
    _Atomic uint64_t count;
    _Atomic uint64_t reserved; /* grows under the store's writer mutex */
    _Atomic int64_t last_at;
    _Atomic int64_t stored_last_at;
};

/* One reference; `count` uses are counted and reserved. */
struct uses *uses_make(struct uuid key_id, uint32_t number, uint64_t count, int64_t last_at);
struct uses *uses_hold(struct uses *uses);
void uses_release(struct uses *uses);
/* Writes the exact counters of every version that was used, in one transaction; the caller holds
 * the writer mutex and nothing counts any more. */
MUST_USE struct err uses_settle(struct keystore *store);

#endif
