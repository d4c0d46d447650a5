/* object: finds keys on the token by CKA_ID, once per epoch, and knows that they are the right
 * ones. */
#ifndef HSMGATE_PKCS11_OBJECT_H
#define HSMGATE_PKCS11_OBJECT_H

#include "pkcs11/identity.h"
#include "pkcs11/turn.h"

#define OBJECT_BUCKETS 4096

struct object;

struct object_map {
    pthread_mutex_t mutex; /* guards buckets */
    struct object *buckets[OBJECT_BUCKETS];
    struct turn turn; /* of whoever searches or changes objects on the token */
};

void object_map_init(struct object_map *map);
void object_map_clear(struct object_map *map);

/* The handle of the key's secret or private object. The first use in an epoch finds it and checks
 * its identity; every use compares the identity asked for with the proven one. FRAME_KEY_MISSING
 * (remembered for a second), FRAME_KEY_SWAPPED; FRAME_CAPACITY: no turn before the session's
 * deadline. */
MUST_USE struct ckr_verdict object_get(struct object_map *map, struct session *session,
                                       const struct probe *probe, const struct token_key *key,
                                       CK_OBJECT_HANDLE *out);

/* For those who have the turn. */
/* Notes where a key is whose identity was made from this very object. */
void object_learn(struct object_map *map, const struct token_key *key, uint32_t epoch,
                  CK_OBJECT_HANDLE handle);
/* Forgets what is known of the key's CKA_ID, unless it is that the key itself is there. Then the
 * next use proves whatever identity it brings. */
void object_doubt(struct object_map *map, const struct token_key *key);
/* Whether anything bears the CKA_ID: FRAME_EXISTS, or FRAME_OK when nothing does. */
MUST_USE struct ckr_verdict object_absent(struct session *session, struct span cka_id);
/* Destroys every object with the CKA_ID and looks again. FRAME_KEY_MISSING when there was none. */
MUST_USE struct ckr_verdict object_destroy(struct object_map *map, struct session *session,
                                           struct span cka_id);

#endif
