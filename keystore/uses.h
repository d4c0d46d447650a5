/* uses: what is recorded of the use of one version, shared by every snapshot of its key.
 *
 * `reserved` is what the database holds and is never below `count`: after a crash counting goes on
 * from it, so that no use is ever forgotten. */
#ifndef HSMGATE_KEYSTORE_USES_H
#define HSMGATE_KEYSTORE_USES_H

#include <pthread.h>
#include <stdatomic.h>

#include "keystore/db_keys.h"

struct uses {
    atomic_uint refs;
    struct uuid key_id;
    uint32_t number;
    _Atomic uint64_t count;
    _Atomic uint64_t reserved; /* grows under the store's writer mutex */
    _Atomic uint64_t alarm;    /* the count at which the key is due; 0: none */
    _Atomic int64_t last_at;   /* of any kind */
    _Atomic int64_t kind_at[USE_KIND_COUNT];
    _Atomic int64_t stored_at[USE_KIND_COUNT]; /* what the database holds of kind_at */
    _Atomic int64_t jwt_expires_at;
    _Atomic int64_t stored_jwt; /* what the database holds, never below */
    _Atomic int64_t raw_signature_at;
    _Atomic uint64_t rewrapped;
    int64_t recorded_since;
    pthread_mutex_t mutex; /* guards principals */
    char *principals[USE_KIND_COUNT];
    _Atomic uint64_t principal_hash[USE_KIND_COUNT]; /* of what stands there; 0: nothing */
    atomic_bool unsettled;                           /* is on the store's list */
    struct uses *next;                               /* on that list, guarded by its mutex */
};

/* Versions that were used since their rows were written. */
struct unsettled {
    pthread_mutex_t mutex; /* guards first and every `next` */
    struct uses *first;
};
void unsettled_init(struct unsettled *unsettled);
void unsettled_clear(struct unsettled *unsettled);
void unsettled_add(struct unsettled *unsettled, struct uses *uses);

/* One reference; nothing is recorded yet. */
struct uses *uses_make(struct uuid key_id, uint32_t number, int64_t recorded_since);
/* One reference; as the row has it, `count` being what is reserved. */
struct uses *uses_load(struct uuid key_id, uint32_t number, const struct uses_row *row);
struct uses *uses_hold(struct uses *uses);
void uses_release(struct uses *uses);

/* Writes what is known now, with `reserved` as the count and `jwt` as the bound on expiries. The
 * caller holds the writer mutex; one transaction of its own. */
MUST_USE struct err uses_store(struct keystore *store, struct uses *uses, uint64_t reserved,
                               int64_t jwt);

enum settle_how {
    SETTLE_RUNNING, /* counting goes on: reservations stay */
    SETTLE_CLOSING  /* nothing counts any more: exact */
};
/* Writes every version that was used since the last time, in one transaction; the caller holds the
 * writer mutex. */
MUST_USE struct err uses_settle(struct keystore *store, enum settle_how how);

#endif
